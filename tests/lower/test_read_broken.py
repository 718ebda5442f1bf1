"""Whatever is wrong with a file, the answer is a typed error that says what, never a traceback."""

import contextlib

import numpy as np
import onnx
import pytest
from broken_models import BROKEN, quantised
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwflow.errors import ConfigError, HwflowError, UnsupportedModelError
from hwflow.lower.read import read

GOOD = quantised().SerializeToString()


@pytest.mark.parametrize("name", BROKEN)
def test_refused_by_name(name, tmp_path):
    broken = BROKEN[name]
    path = broken.build(tmp_path)
    with pytest.raises(HwflowError) as caught:
        read(path)
    assert isinstance(caught.value, broken.error)
    for word in broken.words:
        assert word in str(caught.value)
    assert str(caught.value).isprintable()


def test_enough_cases():
    assert len(BROKEN) >= 30


def test_the_sound_file_is_read(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(GOOD)
    assert [op.kind for op in read(path).ops] == ["Quant", "Quant", "Conv"]


def _read_or_refuse(path):
    with contextlib.suppress(ConfigError, UnsupportedModelError):
        assert read(path).ops


@settings(
    max_examples=150,
    deadline=5000,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(length=st.integers(0, len(GOOD) - 1))
def test_truncated_anywhere(tmp_path, length):
    path = tmp_path / "model.onnx"
    path.write_bytes(GOOD[:length])
    _read_or_refuse(path)


@settings(
    max_examples=600,
    deadline=5000,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(flips=st.lists(st.integers(0, 8 * len(GOOD) - 1), min_size=1, max_size=4))
def test_flipped_bits(tmp_path, flips):
    content = np.frombuffer(GOOD, np.uint8).copy()
    for bit in flips:
        content[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "model.onnx"
    path.write_bytes(content.tobytes())
    _read_or_refuse(path)


def test_messages_name_the_node(tmp_path):
    with pytest.raises(UnsupportedModelError) as caught:
        read(BROKEN["one_float_layer"].build(tmp_path))
    assert caught.value.node == "the_layer"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    outside, inside = tmp_path / "secret", tmp_path / "models"
    inside.mkdir()
    outside.write_bytes(b"\0" * 10000)
    path = BROKEN["external_data_missing"].build(inside)
    (inside / "gone").symlink_to(outside)
    with pytest.raises(ConfigError, match="outside the model's folder"):
        read(path)


def test_unused_damage_is_harmless(tmp_path):
    model = onnx.ModelProto.FromString(GOOD)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.full(3, np.nan), "unused"))
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    assert read(path).ops
