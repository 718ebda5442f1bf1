"""Matrix units in RTL against their Python execution: types, folds, memories, both arithmetics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from layer_nodes import Layer, run_layers

pytestmark = [pytest.mark.sim, pytest.mark.finn]


def weights(kind, shape, seed=1):
    """Return weights of the qonnx type ``kind``, extremes among them, the first row all highest."""
    random = np.random.default_rng(seed)
    if kind == "BIPOLAR":
        values = random.choice([-1, 1], size=shape)
        values[0] = 1
        return values
    half = 2 ** (int(kind.removeprefix("INT")) - 1)
    values = random.integers(-half, half, size=shape)
    values[0] = half - 1
    values[-1] = -half
    return values


def largest(act):
    """Return the largest magnitude of an activation of the qonnx type ``act``."""
    if act == "BINARY":
        return 1
    bits = int(act.lstrip("UINT"))
    return 2 ** (bits - 1) if act.startswith("INT") else 2**bits - 1


def acc_type(matrix, act):
    """Return the accumulator's type: just the bits that the largest sum of a row needs."""
    bound = int(np.abs(matrix).sum(axis=1).max()) * largest(act)
    return f"INT{bound.bit_length() + 1}"


def mvau(mw, mh, simd, pe, act, weight, *, bipolar=0, vectors=(2,), **attributes):
    matrix = weights(weight, (mh, mw))
    values = {
        "MW": mw,
        "MH": mh,
        "SIMD": simd,
        "PE": pe,
        "inputDataType": act,
        "inputBipolar": bipolar,
        "weightDataType": weight,
        "outputDataType": acc_type(matrix, act),
        "numInputVectors": list(vectors),
        **attributes,
    }
    return Layer("HwfMVAU_rtl", values, [matrix.T])


def vvau(channels, taps, simd, pe, act, weight, *, bipolar=0, **attributes):
    matrix = weights(weight, (channels, taps))
    values = {
        "Channels": channels,
        "KernelSize": taps,
        "SIMD": simd,
        "PE": pe,
        "inputDataType": act,
        "inputBipolar": bipolar,
        "weightDataType": weight,
        "outputDataType": acc_type(matrix, act),
        "numInputVectors": [1, 2, 1],
        **attributes,
    }
    return Layer("HwfVVAU_rtl", values, [matrix])


def xnor(mw, mh, simd, pe, *, thresholded, vectors=(2,), **attributes):
    constants = [weights("BIPOLAR", (mh, mw)).T]
    if thresholded:
        thresholds = np.random.default_rng(2).integers(-mw // 2, mw // 2 + 1, size=(mh, 1))
        # Rows that never and always fire, at and beyond the ends of the range.
        ends = [[mw], [mw + 1], [-mw]]
        thresholds[: min(3, mh)] = ends[:mh]
        constants.append(thresholds)
    values = {
        "MW": mw,
        "MH": mh,
        "SIMD": simd,
        "PE": pe,
        "inputDataType": "BINARY",
        "outputDataType": "BINARY" if thresholded else f"INT{mw.bit_length() + 1}",
        "numInputVectors": list(vectors),
        **attributes,
    }
    return Layer("HwfXnorMVAU_rtl", values, constants)


XNOR = [
    xnor(12, 6, 4, 2, thresholded=True),
    xnor(9, 4, 9, 4, thresholded=False, vectors=[3]),
    xnor(7, 5, 1, 1, thresholded=True),
    xnor(13, 4, 13, 2, thresholded=False),
    xnor(64, 8, 16, 8, thresholded=True),
    xnor(30, 6, 10, 3, thresholded=False),
    xnor(1, 1, 1, 1, thresholded=True),
    xnor(1, 2, 1, 1, thresholded=False),
    xnor(40, 80, 20, 4, thresholded=True, ram_style="block"),
    xnor(6, 70, 6, 1, thresholded=True, ram_style="distributed"),
]
# Every activation type × every weight type, and every memory.
DENSE = [
    mvau(12, 6, 4, 2, "UINT2", "INT2"),
    mvau(12, 6, 3, 3, "UINT8", "BIPOLAR", ram_style="block"),
    mvau(10, 4, 5, 1, "INT3", "BIPOLAR"),
    mvau(9, 4, 9, 4, "BINARY", "INT4", bipolar=1),
    mvau(8, 4, 2, 2, "BINARY", "BIPOLAR", bipolar=1, ram_style="distributed"),
    mvau(8, 4, 2, 2, "BINARY", "BIPOLAR"),
    mvau(21, 2, 7, 2, "INT4", "INT4"),
    mvau(5, 3, 1, 1, "UINT8", "INT8"),
    mvau(4, 3, 4, 1, "UINT1", "INT3", vectors=[1, 2, 1]),
    mvau(1, 1, 1, 1, "INT2", "INT5"),
]
DSP = [
    mvau(24, 4, 3, 2, "UINT14", "INT8", mulStyle="dsp"),
    mvau(6, 3, 1, 3, "INT8", "INT8", mulStyle="dsp", ram_style="block"),
    mvau(6, 2, 6, 1, "BINARY", "INT4", bipolar=1, mulStyle="dsp"),
    mvau(10, 2, 5, 2, "UINT4", "BIPOLAR", mulStyle="dsp"),
    vvau(4, 9, 3, 2, "UINT8", "INT8", mulStyle="dsp"),
]
DEPTHWISE = [
    vvau(6, 9, 1, 3, "UINT4", "INT4"),
    vvau(4, 9, 9, 2, "UINT2", "INT2"),
    vvau(4, 9, 3, 4, "BINARY", "BIPOLAR", bipolar=1),
    vvau(6, 1, 1, 2, "UINT8", "BIPOLAR"),
    vvau(3, 4, 2, 1, "INT3", "INT3", ram_style="block"),
    vvau(2, 1, 1, 2, "BINARY", "INT2", bipolar=1),
]


@pytest.mark.parametrize("layers", [XNOR, DENSE, [*DSP, *DEPTHWISE]], ids=["xnor", "dense", "more"])
def test_units(tmp_path, layers):
    run_layers(layers, tmp_path)


@pytest.mark.synth
def test_yosys_reads_the_units_as_verilator_does(tmp_path):
    """Constant functions, casts and memories in branches are where readers may differ."""
    run_layers([*XNOR, *DENSE, *DSP, *DEPTHWISE], tmp_path, through_yosys=True)


@pytest.mark.parametrize(
    ("layer", "old", "new"),
    [
        (XNOR[0], "(first ? init[", "(first ? ~init["),
        (DENSE[6], "NEGATIVE ? ~product", "NEGATIVE ? product"),
        (DENSE[0], "live ? s_axis_tdata : replay_mem[column_q]", "s_axis_tdata"),
        (DSP[0], "Signed && a[WIDE-2]", "1'b0"),
        (DEPTHWISE[1], "beat[(l*SETS+p)*ActBits+a]", "beat[(p*SIMD+l)*ActBits+a]"),
    ],
    ids=["initial", "sign", "replay", "adder", "taps"],
)
def test_a_changed_unit_fails(tmp_path, layer, old, new):
    with pytest.raises((SystemExit, AssertionError)):
        run_layers([layer], tmp_path, mutation=(old, new))
    assert (tmp_path / "build" / "results.xml").is_file()  # it was built and ran


@st.composite
def folds(draw):
    """Return (simd × column folds, simd, pe × row folds, pe)."""
    simd, pe = draw(st.integers(1, 7)), draw(st.integers(1, 3))
    return simd * draw(st.integers(1, 3)), simd, pe * draw(st.integers(1, 3)), pe


@st.composite
def operands(draw):
    """Return activation type, weight type, and whether bits are bipolar."""
    weight = draw(st.sampled_from(["BIPOLAR", *(f"INT{bits}" for bits in range(2, 9))]))
    if draw(st.booleans()):
        signed = draw(st.booleans())
        bits = draw(st.integers(2, 8))
        return f"{'' if signed else 'U'}INT{bits}", weight, 0
    return "BINARY", weight, draw(st.integers(0, 1))


@st.composite
def integer_units(draw):
    (mw, simd, mh, pe), (act, weight, bipolar) = draw(folds()), draw(operands())
    style = {"mulStyle": draw(st.sampled_from(["lut", "dsp"]))}
    if draw(st.booleans()):
        return mvau(mw, mh, simd, pe, act, weight, bipolar=bipolar, **style)
    return vvau(mh, mw, simd, pe, act, weight, bipolar=bipolar, **style)


@st.composite
def xnor_units(draw):
    mw, simd, mh, pe = draw(folds())
    return xnor(mw, mh, simd, pe, thresholded=draw(st.booleans()))


# A build takes seconds, so few examples of many units each, and no shrinking.
@settings(max_examples=2, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    integer=st.lists(integer_units(), min_size=8, max_size=8),
    binary=st.lists(xnor_units(), min_size=3, max_size=3),
)
def test_drawn_units(tmp_path_factory, integer, binary):
    run_layers([*integer, *binary], tmp_path_factory.mktemp("drawn"))
