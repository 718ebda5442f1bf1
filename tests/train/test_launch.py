"""What a processor computes in: bf16 where it multiplies in bf16, or else float32."""

from __future__ import annotations

import logging

import pytest
import torch
from tiny import recipe, stage_data

from hwflow.config.train_options import ON_CPU, DeviceKind
from hwflow.config.training import Precision
from hwflow.reproduce.measure import _in_float32
from hwflow.train import launch, train
from hwflow.train.files import read_weights

pytestmark = pytest.mark.train

BF16, FLOAT32 = Precision.BF16, Precision.FLOAT32


@pytest.mark.parametrize(
    ("asked", "device", "able", "got"),
    [
        (BF16, DeviceKind.CPU, True, BF16),
        (BF16, DeviceKind.CPU, False, FLOAT32),
        (BF16, DeviceKind.CUDA, False, BF16),
        (FLOAT32, DeviceKind.CPU, True, FLOAT32),
    ],
)
def test_bf16_is_taken_where_the_device_has_it(monkeypatch, asked, device, able, got):
    monkeypatch.setattr(launch, "multiplies_bf16", lambda: able)
    assert launch.computed(asked, device) is got
    if device is DeviceKind.CPU:
        told = "bf16-mixed" if got is BF16 else "32-true"
        assert launch.here(ON_CPU, asked)._precision.precision == told


def test_without_its_library_there_is_no_bf16(monkeypatch):
    assert launch.multiplies_bf16() is torch.ops.mkldnn._is_mkldnn_bf16_supported()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not launch.multiplies_bf16()


@pytest.mark.parametrize("able", [True, False])
def test_a_processor_without_bf16_is_told_of_once(monkeypatch, caplog, able):
    monkeypatch.setattr(launch, "multiplies_bf16", lambda: able)
    launch._tell_of_float32.cache_clear()
    with caplog.at_level(logging.WARNING):
        for precision in (FLOAT32, BF16, BF16):
            launch.here(ON_CPU, precision)
    assert caplog.text.count("float32 is taken instead") == (not able)


@pytest.mark.parametrize("able", [True, False])
def test_a_result_says_what_it_was_computed_in(monkeypatch, tmp_path, able):
    monkeypatch.setattr(launch, "multiplies_bf16", lambda: able)

    def trained(precision):
        told = stage_data(training={"epochs": 1, "lr": 0.01, "precision": precision})
        result = train(recipe(told), tmp_path / precision).stages[0]
        return result, read_weights(tmp_path / precision / result.weights)

    (asked, weights), (plain, float32) = trained("bf16"), trained("float32")
    assert (asked.precision, plain.precision) == (BF16 if able else FLOAT32, FLOAT32)
    same = all(torch.equal(value, float32[name]) for name, value in weights.items())
    assert same is not able


@pytest.mark.parametrize("able", [True, False])
def test_joint_results_say_so_too_and_the_card_can_tell(monkeypatch, tmp_path, able):
    monkeypatch.setattr(launch, "multiplies_bf16", lambda: able)
    joint = {"epochs": 1, "lr": 0.003, "precision": "bf16"}
    told = recipe(stage_data(), stage_data(name="stage1"), joint=joint)
    result = train(told, tmp_path)
    assert {stage.precision for stage in result.stages} == {BF16 if able else FLOAT32}
    assert _in_float32(told, tmp_path) == (() if able else ("stage0", "stage1"))
    alone = told.model_copy(update={"joint": None})
    assert _in_float32(alone, tmp_path) == (), "alone they are to be in float32"
    text = (tmp_path / "stage0.json").read_text()
    (tmp_path / "stage0.json").write_text(
        text.replace('"precision": "float32"', '"precision": null')
    )
    assert _in_float32(alone, tmp_path) is None, "of old: nobody knows"
