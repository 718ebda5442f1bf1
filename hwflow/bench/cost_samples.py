"""Hardware nodes drawn by chance for the cost models: legal parameters, spread as designs use them.

Sizes are drawn from lists that grow geometrically, so that small and large nodes weigh alike; what
would take minutes to synthesise is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwflow.cost.memory import rom_in_block, rom_ramb18_pieces
from hwflow.cost.streams import Converter

IntArray = NDArray[np.int64]
Random = np.random.Generator

# Bounds of one sample: bit products a clock, and bits of stream or ROM.
MOST_PRODUCTS, MOST_STREAM_BITS, MOST_ROM_BITS = 768, 256, 1 << 17


@dataclass(frozen=True)
class Sample:
    """One node: operator, attributes, and its constants with their qonnx types."""

    op: str
    attributes: Mapping[str, Any]
    constants: Sequence[tuple[IntArray, str]] = ()


def draw(kind: str, count: int, seed: int) -> tuple[Sample, ...]:
    """Return ``count`` samples of ``kind``, one of ``KINDS``, all different."""
    drawn = KINDS[kind]
    random = np.random.default_rng([seed, *(drawn.family or kind).encode()])
    samples: dict[str, Sample] = {}
    while len(samples) < count:
        sample = drawn.draw(random)
        if sample is not None and drawn.wanted(sample.attributes):
            samples.setdefault(f"{sample.op} {sample.attributes}", sample)
    return tuple(samples.values())


def _pick(random: Random, values: Sequence[int]) -> int:
    return values[int(random.integers(len(values)))]


def _integers(random: Random, datatype: str, shape: tuple[int, ...]) -> IntArray:
    """Return random integers of a signed type, −2^(b−1) left out as training leaves it out."""
    if datatype == "BIPOLAR":
        return random.integers(0, 1, size=shape, endpoint=True) * 2 - 1
    high = 2 ** (int(datatype.removeprefix("INT")) - 1) - 1
    return random.integers(-high, high, size=shape, endpoint=True)


def _folding(random: Random) -> tuple[int, int, int, int]:
    """Return PE, SIMD, row folds and column folds of a matrix unit."""
    pe = _pick(random, (1, 1, 2, 4, 8, 16, 32))
    simd = _pick(random, (1, 2, 3, 4, 8, 9, 16, 24, 32, 64))
    rows = _pick(random, (1, 2, 4, 8, 16, 32, 64))
    columns = _pick(random, (1, 2, 4, 9, 16, 18, 36, 72))
    return pe, simd, rows, columns


def _fits(pe: int, simd: int, folds: int, weight_bits: int, act_bits: int) -> bool:
    products = pe * simd * weight_bits * act_bits
    rom = folds * pe * simd * weight_bits
    return products <= MOST_PRODUCTS and rom <= MOST_ROM_BITS and folds > 1


def _xnor(random: Random) -> Sample | None:
    pe, simd, rows, columns = _folding(random)
    if not _fits(pe, simd, rows * columns, 1, 1):
        return None
    return _xnor_unit(random, pe, simd, rows, columns)


def _deep_rom(random: Random) -> Sample | None:
    """A small unit of many folds, whose weights are too narrow for block RAM."""
    pe, simd = _pick(random, (1, 1, 2, 4)), _pick(random, (1, 2, 4, 8))
    rows, columns = _pick(random, (10, 16, 32, 64, 128)), _pick(random, (8, 9, 16, 32, 64))
    if pe * simd * rows * columns < 512 or rom_in_block(rows * columns, pe * simd):
        return None
    return _xnor_unit(random, pe, simd, rows, columns)


def _banks_of_block_ram(random: Random) -> Sample | None:
    """A unit whose weights lie in several blocks of RAM, one behind the other."""
    pe, simd = _pick(random, (1, 2, 4)), _pick(random, (8, 16, 32))
    rows, columns = _pick(random, (16, 32, 64, 128)), _pick(random, (9, 18, 36, 72))
    depth, width = rows * columns, pe * simd
    most = 2 * MOST_ROM_BITS
    if (
        depth * width > most
        or not rom_in_block(depth, width)
        or rom_ramb18_pieces(depth, width) < 3
    ):
        return None
    return _xnor_unit(random, pe, simd, rows, columns)


def _xnor_unit(random: Random, pe: int, simd: int, rows: int, columns: int) -> Sample:
    mw, mh = simd * columns, pe * rows
    constants = [(_integers(random, "BIPOLAR", (mw, mh)), "BIPOLAR")]
    bits = mw.bit_length() + 1
    if random.random() < 0.7:
        thresholds = random.normal(0, np.sqrt(mw), (mh, 1)).round().astype(np.int64)
        constants.append((np.clip(thresholds, -mw, mw), f"INT{bits}"))
    return Sample(
        "HwfXnorMVAU_rtl",
        {
            **_matrix_shape(pe, simd, mw, mh),
            "inputDataType": "BINARY",
            "outputDataType": "BINARY" if len(constants) > 1 else f"INT{bits}",
        },
        constants,
    )


def _matrix_shape(pe: int, simd: int, mw: int, mh: int) -> dict[str, Any]:
    return {"PE": pe, "SIMD": simd, "MW": mw, "MH": mh, "numInputVectors": [1, 4, 4]}


def _operands(random: Random) -> tuple[str, str]:
    """Return the types of weights and activations."""
    weight = str(random.choice(["BIPOLAR", "INT2", "INT3", "INT4", "INT4", "INT8", "INT8"]))
    act = str(random.choice(["UINT2", "UINT4", "UINT4", "UINT8", "UINT8", "INT8"]))
    return weight, act


def _bits(datatype: str) -> int:
    return 1 if datatype in {"BIPOLAR", "BINARY"} else int(datatype.lstrip("UINT"))


def _integer_matrix(random: Random, style: str) -> Sample | None:
    pe, simd, rows, columns = _folding(random)
    weight, act = _operands(random)
    if style == "dsp" and weight == "BIPOLAR":
        return None
    if not _fits(pe, simd, rows * columns, _bits(weight), _bits(act)):
        return None
    if style == "dsp" and pe * simd > 64:
        return None
    mw, mh = simd * columns, pe * rows
    bits = _bits(weight) + _bits(act) + (mw - 1).bit_length()
    types = {
        "inputDataType": act,
        "weightDataType": weight,
        "outputDataType": f"INT{bits}",
        "mulStyle": style,
    }
    depthwise = random.random() < 0.3 and simd in {1, 3, 9} and columns in {1, 9}
    if depthwise and simd * columns in {9, 27}:
        shape = {
            "PE": pe,
            "SIMD": simd,
            "Channels": mh,
            "KernelSize": mw,
            "numInputVectors": [1, 4, 4],
        }
        weights = _integers(random, weight, (mh, mw))
        return Sample("HwfVVAU_rtl", shape | types, [(weights, weight)])
    weights = _integers(random, weight, (mw, mh))
    return Sample("HwfMVAU_rtl", _matrix_shape(pe, simd, mw, mh) | types, [(weights, weight)])


def _matrix_lut(random: Random) -> Sample | None:
    return _xnor(random) if random.random() < 0.4 else _integer_matrix(random, "lut")


def _matrix_dsp(random: Random) -> Sample | None:
    return _integer_matrix(random, "dsp")


def _matrix_finn(random: Random) -> Sample | None:
    pe, simd, rows, columns = _folding(random)
    weight = str(random.choice(["INT2", "INT4", "INT4", "INT8", "INT8"]))
    act = str(random.choice(["UINT2", "UINT4", "UINT4", "UINT8", "UINT8", "INT8"]))
    if not _fits(pe, simd, rows * columns, _bits(weight), _bits(act)) or pe * simd > 96:
        return None
    mw, mh = simd * columns, pe * rows
    bits = _bits(weight) + _bits(act) + (mw - 1).bit_length()
    if bits > 24:
        return None
    return Sample(
        "MVAU_rtl",
        {
            **_matrix_shape(pe, simd, mw, mh),
            "inputDataType": act,
            "weightDataType": weight,
            "outputDataType": f"INT{bits}",
            "accDataType": f"INT{bits}",
            "noActivation": 1,
            "resType": "dsp",
        },
        [(_integers(random, weight, (mw, mh)), weight)],
    )


def _stream(random: Random) -> tuple[int, int, str] | None:
    """Return lanes, folds and type of a stream of unsigned codes."""
    lanes = _pick(random, (1, 1, 2, 3, 4, 8, 16, 32, 64))
    folds = _pick(random, (1, 1, 2, 4, 8, 16, 32))
    datatype = str(random.choice(["BINARY", "UINT2", "UINT4", "UINT4", "UINT8", "UINT8"]))
    if lanes * _bits(datatype) > MOST_STREAM_BITS or lanes * folds > 512:
        return None
    return lanes, folds, datatype


def _window(random: Random) -> Sample | None:
    stream = _stream(random)
    if stream is None:
        return None
    lanes, folds, datatype = stream
    kernel = _pick(random, (2, 3, 3, 3, 5))
    stride = _pick(random, (1, 1, 1, 2))
    width = _pick(random, (4, 6, 8, 12, 16, 18, 24, 32, 34))
    height = 1 if random.random() < 0.15 else width
    parallel = int(random.random() < 0.35)
    depthwise = int(random.random() < 0.4)
    if parallel and not depthwise:
        folds = 1
    if kernel > width or kernel > max(height, kernel if height == 1 else 0):
        return None
    kernels = [1 if height == 1 else kernel, kernel]
    strides = [1 if height == 1 else stride, stride]
    if kernel * kernel * lanes * _bits(datatype) > 4 * MOST_STREAM_BITS and parallel:
        return None
    out = [
        (size - k) // s + 1 for size, k, s in zip((height, width), kernels, strides, strict=True)
    ]
    if any(
        size >= 2 * (k + (count - 1) * s)
        for size, k, s, count in zip((height, width), kernels, strides, out, strict=True)
    ):
        return None
    return Sample(
        "ConvolutionInputGenerator_rtl",
        {
            "ConvKernelDim": kernels,
            "IFMChannels": lanes * folds,
            "IFMDim": [height, width],
            "OFMDim": out,
            "SIMD": lanes,
            "Stride": strides,
            "Dilation": [1, 1],
            "inputDataType": datatype,
            "outputDataType": datatype,
            "depthwise": depthwise,
            "parallel_window": parallel,
        },
    )


def _thresholds(random: Random) -> Sample | None:
    lanes = _pick(random, (1, 1, 2, 4, 8, 16))
    folds = _pick(random, (1, 2, 4, 8, 16, 32, 64))
    out_bits = _pick(random, (1, 2, 2, 3, 4, 4, 4, 8))
    return _threshold_unit(random, lanes, folds, out_bits)


def _thresholds_constant(random: Random) -> Sample | None:
    """As where a network's input becomes binary: comparisons with constants, nothing to read."""
    return _threshold_unit(random, _pick(random, (1, 4, 8, 16, 32, 49)), 1, 1)


def _thresholds_deep(random: Random) -> Sample | None:
    """Of many channels a lane: thresholds in block RAM."""
    folds, out_bits = _pick(random, (64, 128, 256, 512)), _pick(random, (1, 2, 3, 4))
    return _threshold_unit(random, _pick(random, (1, 1, 2)), folds, out_bits)


def _threshold_unit(random: Random, lanes: int, folds: int, out_bits: int) -> Sample | None:
    in_bits = _pick(random, (6, 8, 10, 12, 14, 16, 18, 20))
    steps, channels = 2**out_bits - 1, lanes * folds
    if lanes * out_bits * in_bits > 400 or channels * steps * in_bits > MOST_ROM_BITS:
        return None
    if in_bits < out_bits + 2 or lanes * steps > 1024:
        return None
    datatype = f"INT{in_bits}"
    values = np.sort(_integers(random, datatype, (channels, steps)), axis=1)
    return Sample(
        "Thresholding_rtl",
        {
            "NumChannels": channels,
            "PE": lanes,
            "numSteps": steps,
            "numInputVectors": [1, 4, 4],
            "inputDataType": datatype,
            "weightDataType": datatype,
            "outputDataType": f"UINT{out_bits}",
            "ActVal": 0,
        },
        [(values, datatype)],
    )


def _requant(random: Random) -> Sample | None:
    return _requantiser(random, 0)


def _requant_clipped(random: Random) -> Sample | None:
    """As a network has it whose outliers are clipped: results beyond the output's type."""
    return _requantiser(random, _pick(random, (2, 4, 6, 8, 10)))


def _requantiser(random: Random, beyond_bits: int) -> Sample | None:
    """Return a unit whose result, before it is clipped, is ``beyond_bits`` longer than needed."""
    lanes = _pick(random, (1, 1, 2, 4, 8, 16))
    folds = _pick(random, (1, 2, 4, 8, 16, 32, 64))
    in_bits = _pick(random, (8, 12, 14, 16, 18, 20))
    multiplier_bits = _pick(random, (4, 8, 10, 16, 24))
    out_bits = _pick(random, (4, 8, 8))
    channels = lanes * folds
    shift = multiplier_bits + in_bits - out_bits - beyond_bits
    if shift < 1:
        return None
    high = 2 ** (multiplier_bits - 1) - 1
    multipliers = random.integers(high // 2, high, size=channels, endpoint=True)
    reach = 2 ** (shift + out_bits - 1)
    biases = random.integers(-reach, reach, size=channels)
    return Sample(
        "HwfRequant_rtl",
        {
            "NumChannels": channels,
            "PE": lanes,
            "numInputVectors": [1, 4, 4],
            "inputDataType": f"INT{in_bits}",
            "outputDataType": f"UINT{out_bits}",
            "Multiplier": multipliers.tolist(),
            "Bias": biases.tolist(),
            "Shift": shift,
            "Low": 0,
            "High": 2**out_bits - 1,
        },
    )


def _map(random: Random) -> tuple[int, str, dict[str, Any]] | None:
    """Return folds, type and attributes of a map."""
    stream = _stream(random)
    if stream is None:
        return None
    lanes, folds, datatype = stream
    size = _pick(random, (4, 6, 8, 12, 16, 24, 32))
    shape = {"Height": size, "Width": size, "Channels": lanes * folds, "PE": lanes}
    return folds, datatype, shape


def _pad(random: Random) -> Sample | None:
    drawn = _map(random)
    if drawn is None:
        return None
    _, datatype, shape = drawn
    pads = [_pick(random, (0, 1, 1, 2)) for _ in range(4)]
    types = {"inputDataType": datatype, "outputDataType": datatype}
    return Sample("HwfPad_rtl", shape | types | {"Pads": pads, "Value": 0})


def _pool(random: Random) -> Sample | None:
    drawn = _map(random)
    if drawn is None:
        return None
    folds, datatype, shape = drawn
    if random.random() < 0.6:
        kernel, operation, out = _pick(random, (2, 2, 3, 4)), "max", datatype
    else:
        kernel, operation = _pick(random, (2, 4, shape["Height"])), "sum"
        bits = _bits(datatype) + (kernel * kernel - 1).bit_length()
        out = f"UINT{bits}"
    if kernel > shape["Height"] or folds * shape["Width"] > 512:
        return None
    window = {"KernelH": kernel, "KernelW": kernel, "Operation": operation}
    return Sample(
        "HwfPool_rtl", shape | window | {"inputDataType": datatype, "outputDataType": out}
    )


def _join(random: Random) -> Sample | None:
    stream = _stream(random)
    if stream is None or _bits(stream[2]) == 1:
        return None
    lanes, folds, datatype = stream
    other = str(random.choice([datatype, "INT8", "INT4"]))
    factors = [1, 1] if random.random() < 0.6 else [_pick(random, (1, 2, 4)), _pick(random, (1, 3))]
    bits = (
        max(_bits(datatype), _bits(other)) + 1 + max(factor.bit_length() - 1 for factor in factors)
    )
    return Sample(
        "HwfAdd_rtl",
        {
            "numInputVectors": [1, 4, 4],
            "Channels": lanes * folds,
            "PE": lanes,
            "inputDataType": datatype,
            "input1DataType": other,
            "outputDataType": f"INT{bits + 1}",
            "Factors": factors,
        },
    )


def _fork(random: Random) -> Sample | None:
    stream = _stream(random)
    if stream is None:
        return None
    lanes, folds, datatype = stream
    return Sample(
        "HwfDup_rtl",
        {
            "numInputVectors": [1, 4, 4],
            "Channels": lanes * folds,
            "PE": lanes,
            "inputDataType": datatype,
            "outputDataType": datatype,
            "NumOutputs": _pick(random, (2, 2, 3, 4)),
        },
    )


def _converter(random: Random) -> Sample | None:
    low, high = _pick(random, (1, 2, 3, 4, 8, 16)), _pick(random, (2, 4, 6, 8, 9, 16, 32, 64))
    bits = _pick(random, (1, 2, 4, 8, 16))
    lanes = (low, high) if random.random() < 0.5 else (high, low)
    if low == high or max(lanes) * bits > 2 * MOST_STREAM_BITS:
        return None
    channels = int(np.lcm(*lanes))
    datatype = "BINARY" if bits == 1 else f"UINT{bits}"
    return Sample(
        "StreamingDataWidthConverter_rtl",
        {
            "inShape": [1, 4, channels],
            "outShape": [1, 4, channels],
            "inWidth": lanes[0] * bits,
            "outWidth": lanes[1] * bits,
            "dataType": datatype,
        },
    )


@dataclass(frozen=True)
class _Kind:
    """``draw``: returns a sample, or None for one that is illegal or too large to synthesise.

    ``family``: kinds of one family are drawn alike; each takes those that it has ``wanted``, so
    that what is priced apart has enough samples each.
    """

    draw: Callable[[Random], Sample | None]
    family: str | None = None
    wanted: Callable[[Mapping[str, Any]], bool] = lambda _: True


def _converts(mode: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda node: Converter(node["inWidth"], node["outWidth"]).mode == mode


KINDS: dict[str, _Kind] = {
    "matrix_lut": _Kind(_matrix_lut),
    "matrix_deep": _Kind(_deep_rom),
    "matrix_banks": _Kind(_banks_of_block_ram),
    "matrix_dsp": _Kind(_matrix_dsp),
    "matrix_finn": _Kind(_matrix_finn),
    "window": _Kind(_window, "window", lambda node: not node["parallel_window"]),
    "window_parallel": _Kind(_window, "window", lambda node: bool(node["parallel_window"])),
    "thresholds": _Kind(_thresholds),
    "thresholds_constant": _Kind(_thresholds_constant),
    "thresholds_deep": _Kind(_thresholds_deep),
    "requant": _Kind(_requant),
    "requant_clipped": _Kind(_requant_clipped),
    "pad": _Kind(_pad),
    "pool_max": _Kind(_pool, "pool", lambda node: node["Operation"] == "max"),
    "pool_sum": _Kind(_pool, "pool", lambda node: node["Operation"] == "sum"),
    "join": _Kind(_join, "join", lambda node: 3 not in node["Factors"]),
    "join_scaled": _Kind(_join, "join", lambda node: 3 in node["Factors"]),
    "fork": _Kind(_fork),
    "converter_narrow": _Kind(_converter, "converter", _converts("narrow")),
    "converter_widen": _Kind(_converter, "converter", _converts("widen")),
    "converter_gear": _Kind(_converter, "converter", _converts("gear")),
}
