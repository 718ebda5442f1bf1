"""What our stream operators execute is what the integer network defines, layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from hwflow.dataflow.requant import find_requant
from hwflow.lower.evaluate import apply
from hwflow.lower.network import Add, Affine, MaxPool, Pad, SumPool, Tensor, Threshold

pytestmark = pytest.mark.finn

SHAPE = (5, 6, 4)
MAP = {"Height": 5, "Width": 6, "Channels": 4, "PE": 2}
VECTORS = {"numInputVectors": [1, 5, 6], "PE": 2}


def executed(op, values, output, **attributes):
    """Return each output of operator ``op`` on ``values``, one frame of each input stream."""
    from hwflow.dataflow import plugins

    names = [f"x{k}" for k in range(len(values))]
    outputs = [f"y{k}" for k in range(attributes.get("NumOutputs", 1))]
    domain = "finn.custom_op.fpgadataflow.rtl"
    node = helper.make_node(
        op,
        names,
        outputs,
        name="node",
        domain=domain,
        backend="fpgadataflow",
        inputDataType="INT6",
        outputDataType=output,
        **attributes,
    )
    context = dict(zip(names, (v.astype(np.float32) for v in values), strict=True))
    getattr(plugins, op)(node).execute_node(context, None)
    return [context[name] for name in outputs]


def frame(seed=0, low=-32, high=31):
    return np.random.default_rng(seed).integers(low, high, size=(1, *SHAPE), endpoint=True)


def test_pad():
    layer = Pad("p", "p", ("x",), Tensor("y", (8, 9, 4), -32, 31), pads=(1, 2, 2, 1), value=-7)
    x = frame()
    [got] = executed("HwfPad_rtl", [x], "INT6", **MAP, Pads=[1, 2, 2, 1], Value=-7)
    np.testing.assert_array_equal(got, apply(layer, {"x": x}))


@pytest.mark.parametrize("kernel", [(2, 3), (5, 6), (1, 1)])
def test_pools(kernel):
    x = frame()
    shape = (SHAPE[0] // kernel[0], SHAPE[1] // kernel[1], 4)
    sizes = {"KernelH": kernel[0], "KernelW": kernel[1]}
    largest = MaxPool("p", "p", ("x",), Tensor("y", shape, -32, 31), kernel, kernel)
    [got] = executed("HwfPool_rtl", [x], "INT6", **MAP, **sizes, Operation="max")
    np.testing.assert_array_equal(got, apply(largest, {"x": x}))
    total = SumPool("p", "p", ("x",), Tensor("y", shape, -960, 930), kernel, kernel)
    [got] = executed("HwfPool_rtl", [x], "INT11", **MAP, **sizes, Operation="sum")
    np.testing.assert_array_equal(got, apply(total, {"x": x}))


def test_add():
    x, y = frame(1), frame(2, 0, 255)
    layer = Add("a", "a", ("x", "y"), Tensor("z", SHAPE, -1100, 200), factors=(3, -4))
    [got] = executed(
        "HwfAdd_rtl",
        [x, y],
        "INT12",
        **VECTORS,
        Channels=4,
        Factors=[3, -4],
        input1DataType="UINT8",
    )
    np.testing.assert_array_equal(got, apply(layer, {"x": x, "y": y}))


def test_dup():
    x = frame()
    copies = executed("HwfDup_rtl", [x], "INT6", **VECTORS, Channels=4, NumOutputs=3)
    assert len(copies) == 3
    for copy in copies:
        np.testing.assert_array_equal(copy, x)


def test_affine_beyond_float32():
    x = frame()
    multiplier, offset = np.array([2**25 + 1, -3, 0, 1]), np.array([1, -(2**26) - 1, 5, 0])
    bounds = -(2**31), 2**31 - 1
    layer = Affine("a", "a", ("x",), Tensor("y", SHAPE, *bounds), multiplier, offset)
    [got] = executed(
        "HwfRequant_rtl",
        [x],
        "INT32",
        **VECTORS,
        NumChannels=4,
        Multiplier=multiplier.tolist(),
        Bias=offset.tolist(),
        Shift=0,
        Low=bounds[0],
        High=bounds[1],
    )
    np.testing.assert_array_equal(got, apply(layer, {"x": x}))


def test_requantiser_for_thresholds():
    x = frame()
    thresholds = np.array([[-9, -1, 7], [-32, 0, 31], [1, 2, 3], [-20, -20, 32]])
    layer = Threshold("t", "t", ("x",), Tensor("y", SHAPE, -1, 2), thresholds)
    found = find_requant(thresholds[:3], low=-1, acc_low=-32, acc_high=31)
    assert found is not None
    assert find_requant(thresholds, low=-1, acc_low=-32, acc_high=31) is None
    [got] = executed(
        "HwfRequant_rtl",
        [x],
        "INT3",
        **VECTORS,
        NumChannels=4,
        Multiplier=[*found.multiplier.tolist(), 0],
        Bias=[*found.bias.tolist(), 0],
        Shift=found.shift,
        Low=found.low,
        High=found.high,
    )
    np.testing.assert_array_equal(got[..., :3], apply(layer, {"x": x})[..., :3])
