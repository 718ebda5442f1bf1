"""What the file's float input reads for a byte: as given, or as the file tells."""

import numpy as np
import pytest
from chain import Chain
from onnx import StringStringEntryProto, TensorAnnotation, load, save

from hwflow.errors import ConfigError, UnsupportedModelError
from hwflow.lower.lowering import InputSpec, lower, resolve_input
from hwflow.lower.read import read


def plain(folder):
    net = Chain(2, 4, 4)
    return read(net.scores(32, 3).save(folder))


def annotated(folder, datatype):
    net = Chain(2, 4, 4).quant(0.5, bits=4)
    path = net.scores(32, 3).save(folder)
    model = load(path)
    entry = StringStringEntryProto(key="finn_datatype", value=datatype)
    model.graph.quantization_annotation.append(
        TensorAnnotation(tensor_name="global_in", quant_parameter_tensor_names=[entry])
    )
    save(model, path)
    return read(path)


def test_bytes_unless_the_file_tells(tmp_path):
    resolved = resolve_input(plain(tmp_path), InputSpec())
    assert (resolved.dtype, resolved.scale, resolved.shift) == ("uint8", (1.0,), (0.0,))


def test_codes_of_the_first_quantiser(tmp_path):
    scale = np.reshape([0.5, 0.25], (1, 2, 1, 1))
    graph = read(Chain(2, 4, 4).quant(scale, zero=3.0, signed=1).scores(32, 3).save(tmp_path))
    resolved = resolve_input(graph, InputSpec())
    assert (resolved.dtype, resolved.scale) == ("int8", (0.5, 0.25))
    assert resolved.shift == (-1.5, -0.75)
    assert resolved.reason == "codes of 'Quant_0'"


def test_a_given_scale_holds(tmp_path):
    graph = read(Chain(2, 4, 4).quant(0.5, signed=1).scores(32, 3).save(tmp_path))
    resolved = resolve_input(graph, InputSpec(scale=(0.1,), shift=(1.0, 2.0)))
    assert (resolved.dtype, resolved.scale, resolved.shift) == ("uint8", (0.1,), (1.0, 2.0))
    assert resolve_input(graph, InputSpec("int8", (0.1,))).bounds == (-128, 127)


@pytest.mark.parametrize(
    ("datatype", "dtype"), [("UINT8", "uint8"), ("INT4", "int8"), ("BIPOLAR", "int8")]
)
def test_annotations_are_integers(tmp_path, datatype, dtype):
    resolved = resolve_input(annotated(tmp_path, datatype), InputSpec())
    assert (resolved.dtype, resolved.scale) == (dtype, (1.0,))


def test_annotations_wider_than_a_byte_are_refused(tmp_path):
    with pytest.raises(UnsupportedModelError, match="annotated INT16; frames are bytes"):
        resolve_input(annotated(tmp_path, "INT16"), InputSpec())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (InputSpec(scale=(1.0, 2.0, 3.0)), "3 numbers, expected 1 or 2"),
        (InputSpec(scale=(float("nan"),)), "not finite"),
        (InputSpec(scale=(1.0,), shift=(float("inf"),)), "not finite"),
        (InputSpec(scale=(0.0,)), "above 0"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, spec, words):
    with pytest.raises(ConfigError, match=words):
        lower(plain(tmp_path), spec)
