"""Folding by a target: each layer as small as still meets ``target_ii_cycles``.

Within the target a layer takes the cheapest (PE, SIMD): its lanes and rows, and the width converter
that its input then needs. A sliding window that cannot meet the target pixel by pixel emits whole
windows. The automatic target is the lowest at which the estimate stays within a share of the part.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from math import log2, prod
from typing import Any

from hwflow.cost.luts import lut_lane_cost
from hwflow.cost.resources import Resources
from hwflow.dataflow.resources import estimate
from hwflow.dataflow.streams import WINDOW
from hwflow.dataflow.units import bits_of, choose
from hwflow.errors import ConfigError, UnsupportedModelError

Model = Any
Node = Any

# Costs in LUTs, rounded from yosys' estimates on xc7: an XNOR lane with its share of the popcount
# tree; a row of lanes with its accumulator, comparator and threshold memory; a bit of a width
# converter and the FIFO behind it.
XNOR_LANE_COST = 2.0
ROW_COST = 24
CONVERTER_BIT_COST = 2
# Half a DSP and its adder: a multiplying lane never counts as more than that.
MULTIPLY_LANE_COST = 32.0

# A threshold unit with this many steps or more is large (a comparator and a memory per bit of
# output, per lane); below it a lane is cheaper than a converter to fewer lanes.
LARGE_THRESHOLD_STEPS = 16

# The automatic target is found to this fraction of an octave.
STEPS_PER_OCTAVE = 8

log = logging.getLogger(__name__)


_WINDOW_ATTRIBUTES = ("IFMDim", "ConvKernelDim", "Dilation", "OFMDim", "Stride")


def divisors(number: int) -> list[int]:
    """Return the divisors of ``number``, ascending."""
    return [value for value in range(1, number + 1) if number % value == 0]


def fold(model: Model, target_ii_cycles: int) -> Model:
    """Set PE and SIMD of every layer of ``model`` so that none needs more cycles per frame.

    Raises:
        ConfigError: if a layer cannot meet the target even fully unfolded; names the layer and
            what it can reach.
    """
    from qonnx.custom_op.registry import getCustomOp

    operators: dict[str, Any] = {}  # by the stream that they write
    for node in model.graph.node:
        operator = getCustomOp(node)
        producer = operators.get(node.input[0])
        lanes = 0 if producer is None else int(producer.get_folded_output_shape()[-1])
        if node.op_type == "HwfVVAU_rtl":
            _fold_depthwise(operator, target_ii_cycles, lanes, producer)
        else:
            _CHOOSERS[node.op_type](operator, target_ii_cycles, lanes)
        operators |= dict.fromkeys(node.output, operator)
    return model


def fold_within(model: Model, limit: Resources, *, least: int = 1) -> Model:
    """Fold ``model`` for the lowest cycles per frame whose estimate stays within ``limit``.

    ``least``: cycles in which a frame cannot arrive faster; below it nothing is gained.
    Only LUTs and DSPs decide: folding changes little about memory.
    """
    low, high = 0, _octaves(_slowest(model))
    while low < high:  # the lowest step that fits; a higher one always fits too
        middle = (low + high) // 2
        if _fits(model, _cycles(middle), limit):
            high = middle
        else:
            low = middle + 1
    target = max(least, _cycles(high))
    if not _fits(model, target, limit):
        log.warning("even the smallest folding exceeds %s of the part by estimate", limit)
    return model


def _octaves(cycles: int) -> int:
    return int(STEPS_PER_OCTAVE * log2(cycles)) + STEPS_PER_OCTAVE


def _cycles(step: int) -> int:
    return int(2 ** (step / STEPS_PER_OCTAVE))


def _slowest(model: Model) -> int:
    from qonnx.custom_op.registry import getCustomOp

    return max(2, *(int(getCustomOp(node).get_exp_cycles()) for node in model.graph.node))


def _fits(model: Model, target: int, limit: Resources) -> bool:
    try:
        fold(model, target)
    except ConfigError:
        return False
    used = estimate(model, choose(model, int(limit.dsp)))
    return used.lut <= limit.lut and used.dsp <= limit.dsp


def _first_within(operator: Any, target: int, options: Iterator[dict[str, int]]) -> dict[str, int]:
    """Apply ``options`` in order and keep the first that meets ``target``."""
    best = None
    for option in options:
        for name, value in option.items():
            operator.set_nodeattr(name, value)
        cycles = int(operator.get_exp_cycles())
        if cycles <= target:
            return option
        best = cycles if best is None else min(best, cycles)
    raise _too_low(operator, target, best)


def _too_low(operator: Any, target: int, best: int | None) -> ConfigError:
    return ConfigError(
        f"target_ii_cycles = {target} is too low: layer {operator.onnx_node.name} needs at least "
        f"{best} cycles per frame however far it is unfolded. Raise it: target_ii_cycles in the "
        "design, or --target-ii"
    )


def _fold_window(operator: Any, target: int, lanes: int) -> None:
    channels = operator.get_nodeattr("IFMChannels")
    depthwise = operator.get_nodeattr("depthwise")

    def options() -> Iterator[dict[str, int]]:
        for simd in divisors(channels) if _takes(operator, channels, whole=0) else []:
            yield {"SIMD": simd, "parallel_window": 0}
        if not _takes(operator, channels, whole=1):
            return
        # Whole windows of some channels at a time are for depthwise units only.
        for simd in divisors(channels) if depthwise else [channels]:
            yield {"SIMD": simd, "parallel_window": 1}

    if not any(_takes(operator, channels, whole=whole) for whole in (0, 1)):
        shape = {
            name: operator.get_nodeattr(name) for name in ("ConvKernelDim", "IFMDim", "Stride")
        }
        raise UnsupportedModelError(
            f"FINN's window generator cannot make these windows: kernel {shape['ConvKernelDim']}, "
            f"map {shape['IFMDim']}, stride {shape['Stride']}, most of which no window reads; use "
            "a smaller stride or a smaller map",
            node=operator.onnx_node.name,
        )
    chosen = _first_within(operator, target, options())
    # The producer's width costs nothing here (the buffer only changes shape) and saves a
    # converter, if it is wider than needed. A depthwise unit's lanes follow the window's.
    narrow = not chosen["parallel_window"] and not depthwise
    if narrow and lanes > chosen["SIMD"] and channels % lanes == 0:
        operator.set_nodeattr("SIMD", lanes)


def _takes(operator: Any, simd: int, *, whole: int) -> bool:
    """Whether FINN's window generator takes this shape, by pixels or by ``whole`` windows.

    It asserts that strides stay within its buffer, takes logarithms of loop counts, and counts the
    pixels behind the last window as size modulo windows, so that those must be the longer part.
    """
    for size, kernel, dilation, count, stride in zip(
        *(operator.get_nodeattr(name) for name in _WINDOW_ATTRIBUTES), strict=True
    ):
        covered = (kernel - 1) * dilation + 1 + (count - 1) * stride
        if size >= 2 * covered:
            return False
    operator.set_nodeattr("SIMD", simd)
    operator.set_nodeattr("parallel_window", whole)
    try:
        if operator.select_impl_style() == "parallel":
            operator.prepare_codegen_parallel()
        else:
            operator.prepare_codegen_default()
    except (AssertionError, ValueError):
        return False
    return True


def _fold_depthwise(operator: Any, target: int, lanes: int, producer: Any) -> None:
    """A depthwise unit behind a window takes its lanes, which set the order of the stream."""
    if producer is None or producer.onnx_node.op_type != WINDOW:
        _fold_channels(operator, target, lanes)
        return
    simd = producer.get_nodeattr("SIMD")
    whole = producer.get_nodeattr("parallel_window")
    size = operator.get_nodeattr("KernelSize")
    option = {"PE": simd, "SIMD": size if whole else 1}
    _first_within(operator, target, iter([option]))


def _fold_matrix(operator: Any, target: int, lanes: int) -> None:
    mw, mh = operator.get_nodeattr("MW"), operator.get_nodeattr("MH")
    vectors = prod(operator.get_nodeattr("numInputVectors"))
    bits = operator.get_input_datatype(0).bitwidth()
    lane_cost = _lane_cost(operator)

    def cost(pair: tuple[int, int]) -> tuple[float, int, int]:
        simd, pe = pair
        converter = 0 if simd == lanes else CONVERTER_BIT_COST * bits * max(simd, lanes)
        return (lane_cost * simd * pe + ROW_COST * pe + converter, pe, -simd)

    pairs = [
        (simd, pe)
        for simd in divisors(mw)
        for pe in divisors(mh)
        if vectors * (mw // simd) * (mh // pe) <= target
    ]
    if not pairs:
        raise _too_low(operator, target, vectors)
    simd, pe = min(pairs, key=cost)
    operator.set_nodeattr("SIMD", simd)
    operator.set_nodeattr("PE", pe)
    assert operator.get_exp_cycles() <= target, operator.onnx_node.name


def _lane_cost(operator: Any) -> float:
    if operator.onnx_node.op_type == "HwfXnorMVAU_rtl":
        return XNOR_LANE_COST
    weight_bits = bits_of(operator.get_nodeattr("weightDataType"))
    act_bits = bits_of(operator.get_nodeattr("inputDataType"))
    return min(lut_lane_cost(weight_bits, act_bits), MULTIPLY_LANE_COST)


def _fold_channels(operator: Any, target: int, lanes: int) -> None:
    """Units that treat each channel alike: as many channels per beat as needed."""
    known = operator.get_nodeattr_types()
    channels = operator.get_nodeattr("NumChannels" if "NumChannels" in known else "Channels")
    chosen = _first_within(operator, target, ({"PE": pe} for pe in divisors(channels)))
    if not _expensive(operator) and lanes > chosen["PE"] and channels % lanes == 0:
        operator.set_nodeattr("PE", lanes)


def _expensive(operator: Any) -> bool:
    """Whether one more lane costs more than a converter to fewer lanes."""
    kind = operator.onnx_node.op_type
    if kind == "Thresholding_rtl":
        return bool(operator.get_nodeattr("numSteps") >= LARGE_THRESHOLD_STEPS)
    return kind in {"HwfRequant_rtl", "HwfVVAU_rtl"}


_CHOOSERS: dict[str, Callable[[Any, int, int], None]] = {
    WINDOW: _fold_window,
    "HwfMVAU_rtl": _fold_matrix,
    "HwfXnorMVAU_rtl": _fold_matrix,
    "Thresholding_rtl": _fold_channels,
    "HwfRequant_rtl": _fold_channels,
    "HwfPool_rtl": _fold_channels,
    "HwfPad_rtl": _fold_channels,
    "HwfAdd_rtl": _fold_channels,
    "HwfDup_rtl": _fold_channels,
}
