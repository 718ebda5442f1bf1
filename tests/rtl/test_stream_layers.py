"""Pad, pool, add, duplicate and requantiser in RTL: every branch, and shapes drawn by chance."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from layer_case import SEED
from layer_nodes import Layer, run_layers

pytestmark = [pytest.mark.sim, pytest.mark.finn]


def fmap(shape, lanes):
    return dict(zip(("Height", "Width", "Channels"), shape, strict=True)) | {"PE": lanes}


def types(source, target=None):
    return {"inputDataType": source, "outputDataType": target or source}


def pad(shape, lanes, datatype, pads, value):
    attributes = fmap(shape, lanes) | types(datatype) | {"Pads": pads, "Value": value}
    return Layer("HwfPad_rtl", attributes)


def pool(shape, lanes, datatype, kernel, total=None):
    """A maximum, or with ``total``, the type of the result, a sum."""
    attributes = fmap(shape, lanes) | types(datatype, total)
    attributes |= {"KernelH": kernel[0], "KernelW": kernel[1]}
    return Layer("HwfPool_rtl", attributes | {"Operation": "sum" if total else "max"})


def add(vectors, channels, lanes, inputs, output, factors):
    attributes = {"numInputVectors": vectors, "Channels": channels, "PE": lanes}
    attributes |= types(inputs[0], output) | {"input1DataType": inputs[1], "Factors": factors}
    return Layer("HwfAdd_rtl", attributes)


def dup(vectors, channels, lanes, datatype, outputs):
    attributes = {"numInputVectors": vectors, "Channels": channels, "PE": lanes}
    return Layer("HwfDup_rtl", attributes | types(datatype) | {"NumOutputs": outputs})


def requant(vectors, lanes, datatypes, multiplier, bias, shift, clip):
    attributes = {"numInputVectors": vectors, "NumChannels": len(multiplier), "PE": lanes}
    attributes |= types(*datatypes) | {"Multiplier": multiplier, "Bias": bias, "Shift": shift}
    return Layer("HwfRequant_rtl", attributes | {"Low": clip[0], "High": clip[1]})


def random_requant(vectors, folds, lanes, datatypes, multiplier_bits, shift, clip):
    """Multipliers and biases of full width, the extremes and 0 among them."""
    random = np.random.default_rng(SEED)
    top, channels = 2**multiplier_bits, folds * lanes
    multiplier = random.integers(0, top, size=channels)
    bias = random.integers(-(2**shift) * 4, 2**shift * 4, size=channels)
    multiplier[0], multiplier[-1], bias[-1] = top - 1, 0, clip[1] << shift
    return requant(vectors, lanes, datatypes, multiplier.tolist(), bias.tolist(), shift, clip)


MAPS = [
    pad((3, 4, 6), 2, "INT5", [1, 2, 0, 3], -3),
    pad((1, 1, 1), 1, "BINARY", [1, 1, 1, 1], 0),
    pad((2, 5, 2), 2, "BINARY", [0, 1, 0, 1], 1),
    pad((4, 2, 3), 1, "UINT8", [0, 0, 2, 0], 255),
    pad((2, 3, 4), 4, "INT8", [0, 0, 0, 0], 0),
    pool((6, 6, 4), 2, "BINARY", (2, 2)),
    pool((5, 7, 3), 3, "UINT8", (2, 2)),
    pool((4, 9, 2), 1, "INT6", (2, 3)),
    pool((7, 4, 2), 2, "INT3", (3, 1), "INT5"),
    pool((4, 4, 6), 3, "UINT4", (4, 4), "UINT8"),
    pool((5, 9, 4), 2, "UINT2", (1, 9), "UINT5"),  # windows laid out in rows
    pool((3, 2, 2), 2, "UINT3", (1, 1)),
]
VECTORS = [
    add([1, 3, 2], 6, 3, ("UINT4", "UINT4"), "UINT5", [1, 1]),
    add([4], 4, 1, ("INT5", "UINT8"), "INT13", [-7, 3]),
    add([1], 5, 5, ("INT8", "INT3"), "INT9", [1, -1]),
    add([2], 2, 2, ("UINT1", "INT20"), "INT23", [1, 5]),
    dup([1, 2, 3], 6, 2, "INT5", 2),
    dup([3], 4, 4, "UINT8", 3),
    dup([5], 1, 1, "BINARY", 1),
    random_requant([1, 2, 2], 3, 2, ("INT20", "UINT8"), 24, 30, (0, 255)),
    random_requant([7], 1, 3, ("UINT8", "UINT4"), 8, 10, (2, 13)),
    random_requant([3], 4, 1, ("INT12", "INT8"), 8, 9, (-100, 99)),
    random_requant([2], 2, 2, ("INT9", "UINT1"), 3, 8, (0, 1)),
    # Affine maps: no shift, and a clip that never acts.
    requant([2], 2, ("INT9", "INT32"), [3, -200000, 0, 1], [-7, 5, 9, 0], 0, (-(2**31), 2**31 - 1)),
    requant([1], 1, ("UINT8", "UINT9"), [1], [37], 0, (0, 292)),
]


@pytest.mark.parametrize("layers", [MAPS, VECTORS], ids=["maps", "vectors"])
def test_layers(tmp_path, layers):
    run_layers(layers, tmp_path)


@pytest.mark.synth
def test_yosys_reads_the_layers_as_verilator_does(tmp_path):
    """Sign extension by casts, signed comparisons and shifts are where readers may differ."""
    run_layers([*MAPS, *VECTORS], tmp_path, through_yosys=True)


@pytest.mark.parametrize(
    ("layer", "old", "new"),
    [
        # Padding of the next frame comes out unasked.
        (MAPS[0], "!(covered || first)", "!covered"),
        (MAPS[7], "$signed(now) > $signed(old)", "now > old"),
        # Taken without the other: beats are lost, or paired wrongly.
        (VECTORS[1], "s_axis_1_tready = en && s_axis_0_tvalid", "s_axis_1_tready = en"),
        (VECTORS[5], "m_axis_tvalid = {Outputs{s_axis_tvalid}} & ~done_q", "m_axis_tvalid = '1"),
        (VECTORS[7], "bias_fold_q <= fold_q", "bias_fold_q <= '0"),
    ],
    ids=lambda value: value.op if isinstance(value, Layer) else "",
)
def test_a_changed_unit_fails(tmp_path, layer, old, new):
    with pytest.raises((SystemExit, AssertionError)):
        run_layers([layer], tmp_path, mutation=(old, new))
    assert (tmp_path / "build" / "results.xml").is_file()  # it was built and ran


sizes = st.integers(1, 5)
short = st.integers(0, 2)


@st.composite
def some_type(draw, most=8):
    signed, bits = draw(st.booleans()), draw(st.integers(2, most))
    return (f"INT{bits}", -(2 ** (bits - 1))) if signed else (f"UINT{bits}", 0)


@st.composite
def some_map(draw):
    lanes = draw(st.integers(1, 3))
    return (draw(sizes), draw(sizes), lanes * draw(st.integers(1, 3))), lanes


@st.composite
def pads(draw):
    (shape, lanes), (datatype, low) = draw(some_map()), draw(some_type())
    amounts = [draw(short) for _ in range(4)]
    return pad(shape, lanes, datatype, amounts, draw(st.sampled_from([low, low + 1, 1])))


@st.composite
def pools(draw):
    (shape, lanes), (datatype, low) = draw(some_map()), draw(some_type())
    kernel = draw(st.integers(1, shape[0])), draw(st.integers(1, shape[1]))
    total = draw(st.sampled_from([None, "INT14" if low else "UINT13"]))
    return pool(shape, lanes, datatype, kernel, total)


@st.composite
def adds(draw):
    lanes, inputs = draw(st.integers(1, 3)), [draw(some_type())[0] for _ in range(2)]
    factors = [draw(st.integers(-5, 5).filter(bool)) for _ in range(2)]
    channels = lanes * draw(st.integers(1, 3))
    return add([draw(sizes)], channels, lanes, inputs, "INT13", factors)


@st.composite
def requants(draw):
    lanes, folds = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    source, (target, low) = draw(some_type(most=24))[0], draw(some_type())
    high = low + 2 ** int(target.lstrip("UINT")) - 1
    clip = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    bits, shift = draw(st.integers(1, 24)), draw(st.integers(0, 30))
    return random_requant([draw(sizes)], folds, lanes, (source, target), bits, shift, clip)


# A build takes seconds, so few examples of many layers each, and no shrinking.
@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    pads=st.lists(pads(), min_size=3, max_size=3),
    pools=st.lists(pools(), min_size=4, max_size=4),
    adds=st.lists(adds(), min_size=3, max_size=3),
    requants=st.lists(requants(), min_size=4, max_size=4),
)
def test_drawn_layers(tmp_path_factory, pads, pools, adds, requants):
    run_layers([*pads, *pools, *adds, *requants], tmp_path_factory.mktemp("drawn"))
