"""Brevitas against the exported QONNX on networks trained for a few steps, and broken files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.inference_cost import inference_cost
from tiny import stage

from hwflow.config.dataset import DigitsDataset
from hwflow.cost import total
from hwflow.data import load
from hwflow.errors import UnsupportedModelError, VerificationError
from hwflow.export.freeze import freeze, reach, score_bits, weight_codes
from hwflow.export.half_grid import MOST_GAIN_BITS
from hwflow.export.qonnx_file import write_qonnx
from hwflow.export.verify import QonnxFile, act_scales, compare, to_integers, trace_network
from hwflow.nets import build
from hwflow.nets.unit import Codes
from hwflow.train import to_codes

FRAMES = 48


@pytest.fixture(scope="module")
def splits():
    return load(DigitsDataset(name="digits", upscale=1))


def trained(splits, **changes):
    """A network after a few steps: batch-norm far from the identity, some weights flipped."""
    torch.manual_seed(7)
    network = build(stage(**changes), splits.frame_shape, 10)
    codes, labels = to_codes(splits.train.frames), torch.from_numpy(splits.train.labels)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for batch in torch.arange(768).split(256):
        loss = torch.nn.functional.cross_entropy(network(codes[batch]) * 0.3, labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network


def trace_file(path, network, frames):
    scales = act_scales(network)
    file = QonnxFile(path, act_scales=scales, score_scale=network.score_scale)
    return file.trace(frames)


WIDTHS = [
    {"weight_bit_width": 1, "act_bit_width": 1},
    {"weight_bit_width": 8, "act_bit_width": 8},
    {"weight_bit_width": [1, 2, 4, 8], "act_bit_width": [2, 4, 8]},
    {"weight_bit_width": [1, 4, 1, 8], "act_bit_width": [8, 1, 3]},
]


@pytest.mark.parametrize("widths", WIDTHS, ids=lambda widths: str(list(widths.values())))
def test_every_integer_equal(splits, tmp_path, widths):
    network = trained(splits, **widths)
    units = freeze(network)
    path = tmp_path / "net.onnx"
    write_qonnx(network, splits.frame_shape, path)
    frames = splits.test.frames[:FRAMES]
    expected, ties = trace_network(network, units, frames)
    got = trace_file(path, network, frames)
    assert ties == 0
    activations, scores = compare("test", expected, got, ties=ties)
    assert scores.compared == FRAMES * 10
    assert activations.compared == FRAMES * (36 * 8 + 16 * 16 + 16)
    # Not equal because all is constant: the frames differ from each other.
    assert len(np.unique(expected.scores, axis=0)) > FRAMES // 2
    low, high = -(2 ** (score_bits(network) - 1)), 2 ** (score_bits(network) - 1) - 1
    assert low <= expected.scores.min()
    assert expected.scores.max() <= high


def test_ties_are_seen_where_batch_norm_allows_them(splits):
    """Plain dyadic batch-norm has ties; the counter must find them, or its zero means nothing."""
    network = trained(splits, weight_bit_width=4, act_bit_width=4)
    units = freeze(network)
    frames = splits.test.frames[:FRAMES]
    plain = []
    with torch.no_grad():
        for unit, frozen in zip(network.units(), units, strict=True):
            gain, bias = np.full_like(frozen.gain, 2.0**-3), np.rint(frozen.bias * 8) / 8
            unit.norm.weight.copy_(torch.from_numpy(gain))
            unit.norm.bias.copy_(torch.from_numpy(bias))
            plain.append(replace(frozen, gain=gain, bias=bias))
    _, ties = trace_network(network, plain, frames)
    assert ties > 0


@pytest.mark.parametrize("widths", WIDTHS[:2], ids=["binary", "8 bit"])
def test_frozen_gain_is_what_the_batch_norm_did(splits, widths):
    """Also where the variance is so small that eps decides."""
    network = trained(splits, **widths).eval()
    did = []
    with torch.no_grad():
        for unit in network.units():
            unit.norm.running_var[::2] = unit.norm.eps / 3
            shape = (2, unit.norm.num_features)
            ends = torch.zeros(shape)
            ends[1] = 1.0
            maps = ends if isinstance(unit.norm, torch.nn.BatchNorm1d) else ends[..., None, None]
            low, high = unit.norm(maps).double().reshape(shape)
            did.append((high - low).numpy())
    for gain, frozen in zip(did, freeze(network), strict=True):
        kept = frozen.gain_bits == MOST_GAIN_BITS
        assert kept[::2].any()
        # Half a unit of the last of its bits, and float32's rounding of the ends.
        rounding = 2.0 ** -(MOST_GAIN_BITS - 1)
        np.testing.assert_allclose(frozen.gain[kept], gain[kept], rtol=rounding)


def test_dead_channels_survive_export(splits, tmp_path):
    network = trained(splits, weight_bit_width=4, act_bit_width=4)
    with torch.no_grad():
        for unit in network.units():
            unit.norm.weight[:3] = 0.0
            unit.norm.weight[3:5] *= -1.0
    units = freeze(network)
    path = tmp_path / "net.onnx"
    write_qonnx(network, splits.frame_shape, path)
    frames = splits.test.frames[:FRAMES]
    expected, ties = trace_network(network, units, frames)
    compare("test", expected, trace_file(path, network, frames), ties=ties)
    for unit, codes in zip(units, expected.activations, strict=True):
        assert unit.gain_bits[:3].tolist() == [0, 0, 0]
        assert all(len(np.unique(codes[:, channel])) == 1 for channel in range(3))


@pytest.mark.parametrize("widths", WIDTHS[:2], ids=["binary", "8 bit"])
def test_changed_weight_is_caught_at_the_first_differing_frame(splits, tmp_path, widths):
    network = trained(splits, **widths)
    units = freeze(network)
    path = tmp_path / "net.onnx"
    write_qonnx(network, splits.frame_shape, path)
    frames = splits.test.frames[:FRAMES]
    expected, ties = trace_network(network, units, frames)
    model = onnx.load(path)
    classifier = model.graph.node[-1].input[1]
    name = next(node.input[0] for node in model.graph.node if node.output[0] == classifier)
    tensor = next(item for item in model.graph.initializer if item.name == name)
    weights = numpy_helper.to_array(tensor).copy()
    weights[5, 3] *= -1  # one sign, in front of one class
    tensor.CopyFrom(numpy_helper.from_array(weights, name))
    onnx.save(model, path)
    got = trace_file(path, network, frames)
    first = int(np.argmax((got.scores != expected.scores).any(axis=1)))
    with pytest.raises(VerificationError) as caught:
        compare("stage0 brevitas-qonnx", expected, got, ties=ties)
    error = caught.value
    assert error.sample == first
    assert error.mismatches == int((got.scores != expected.scores).sum()) > 0
    assert f"first at frame {first}" in str(error)
    assert str(expected.scores[first].tolist()) in str(error)
    assert str(got.scores[first].tolist()) in str(error)


def test_changed_activation_is_caught_behind_equal_scores(splits):
    network = trained(splits)
    expected, ties = trace_network(network, freeze(network), splits.test.frames[:9])
    got, _ = trace_network(network, freeze(network), splits.test.frames[:9])
    got.activations[1][4, 0, 0, 0] *= -1
    with pytest.raises(VerificationError, match=r"activations, layer conv1: 1 of \d+ .* frame 4"):
        compare("test", expected, got, ties=ties)


def test_file_is_self_contained_and_reproducible(splits, tmp_path):
    network = trained(splits)
    freeze(network)
    for name in ("a.onnx", "b.onnx"):
        write_qonnx(network, splits.frame_shape, tmp_path / name)
    content = (tmp_path / "a.onnx").read_bytes()
    assert content == (tmp_path / "b.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "b.onnx"]
    for trace in (str(Path(__file__).parents[2]), "site-packages", ".py"):
        assert trace.encode() not in content


def test_input_is_declared_uint8(splits, tmp_path):
    network = trained(splits)
    freeze(network)
    write_qonnx(network, splits.frame_shape, tmp_path / "net.onnx")
    model = ModelWrapper(str(tmp_path / "net.onnx"))
    assert model.graph.input[0].name == "global_in"
    assert model.get_tensor_shape("global_in") == [1, 1, 8, 8]
    assert model.get_tensor_datatype("global_in").name == "UINT8"


@pytest.mark.parametrize("widths", WIDTHS, ids=lambda widths: str(list(widths.values())))
def test_bops_are_those_of_qonnx(splits, tmp_path, widths):
    network = build(stage(**widths), splits.frame_shape, 10)
    freeze(network)
    write_qonnx(network, splits.frame_shape, tmp_path / "net.onnx")
    cost = inference_cost(str(tmp_path / "net.onnx"), discount_sparsity=False)["total_cost"]
    mine = total(network.costs())
    macs = sum(value for key, value in cost.items() if key.startswith("op_mac"))
    assert mine.bops == cost["total_bops"]
    assert mine.macs == macs


@pytest.mark.parametrize("input_bits", [1, 3, 8])
def test_reach_by_enumeration(input_bits):
    codes = np.random.RandomState(0).randint(-3, 4, (5, 2, 1, 2))
    values = (-1, 1) if input_bits == 1 else (0, 2**input_bits - 1)
    source = Codes(input_bits, *values, binary=input_bits == 1)
    inputs = np.array(np.meshgrid(*[values] * 4)).reshape(4, -1)
    products = codes.reshape(5, 4) @ inputs
    low, high, magnitude = reach(codes, source)
    assert np.array_equal(low, products.min(axis=1))
    assert np.array_equal(high, products.max(axis=1))
    assert np.all(magnitude >= np.abs(products).max(axis=1))


def test_weight_codes_are_the_exported_integers(splits):
    network = trained(splits, weight_bit_width=[1, 2, 4, 8], act_bit_width=4)
    limits = [1, 1, 7, 127]
    layers = [*(unit.layer for unit in network.units()), network.classifier.layer]
    for layer, limit in zip(layers, limits, strict=True):
        codes = weight_codes(layer)
        assert np.abs(codes).max() <= limit
        assert np.array_equal(
            codes * float(layer.quant_weight().scale), layer.quant_weight().value.detach().numpy()
        )


def test_fractional_scores_are_refused():
    values = np.array([[1.0, 2.0], [0.5, 0.75]], dtype=np.float32)
    assert to_integers(values, 0.25, what="x").tolist() == [[4, 8], [2, 3]]
    with pytest.raises(UnsupportedModelError, match=r"'x': value .*0.75.* at frame 1"):
        to_integers(values, 0.5, what="x")
