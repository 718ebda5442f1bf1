"""Folding by a target: each layer as small as still meets ``target_ii_cycles``.

Within the target a layer takes the cheapest (PE, SIMD): its lanes and rows, and the width converter
that its input then needs. A sliding window that cannot meet the target pixel by pixel emits whole
windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hwflow.errors import ConfigError

Model = Any
Node = Any

# Costs in LUTs, rounded from yosys' estimates on xc7: an XNOR lane with its share of the popcount
# tree; a multiplying lane, which stands for half a DSP and its adder; a row of lanes with its
# accumulator, comparator and threshold memory; a bit of a width converter and the FIFO behind it.
XNOR_LANE_COST = 2
MULTIPLY_LANE_COST = 32
ROW_COST = 24
CONVERTER_BIT_COST = 2

# A threshold unit with this many steps or more is large (a comparator and a memory per bit of
# output, per lane); below it a lane is cheaper than a converter to fewer lanes.
LARGE_THRESHOLD_STEPS = 16


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

    lanes = 0  # of the stream that enters the node at hand
    for node in model.graph.node:
        operator = getCustomOp(node)
        chooser = _CHOOSERS.get(node.op_type)
        assert chooser is not None, node.op_type
        chooser(operator, target_ii_cycles, lanes)
        lanes = int(operator.get_folded_output_shape()[-1])
    return model


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
    raise ConfigError(
        f"target_ii_cycles = {target} is too low: layer {operator.onnx_node.name} needs at least "
        f"{best} cycles per frame however far it is unfolded. Raise target_ii_cycles in the design"
    )


def _fold_window(operator: Any, target: int, lanes: int) -> None:
    channels = operator.get_nodeattr("IFMChannels")

    def options() -> Iterator[dict[str, int]]:
        for simd in divisors(channels):
            yield {"SIMD": simd, "parallel_window": 0}
        yield {"SIMD": channels, "parallel_window": 1}

    chosen = _first_within(operator, target, options())
    # The producer's width costs nothing here (the buffer only changes shape) and saves a
    # converter, if it is wider than needed.
    if not chosen["parallel_window"] and lanes > chosen["SIMD"] and channels % lanes == 0:
        operator.set_nodeattr("SIMD", lanes)


def _fold_padding(operator: Any, target: int, lanes: int) -> None:
    channels = operator.get_nodeattr("NumChannels")
    chosen = _first_within(operator, target, ({"SIMD": simd} for simd in divisors(channels)))
    if lanes > chosen["SIMD"] and channels % lanes == 0:
        operator.set_nodeattr("SIMD", lanes)


def _fold_matrix(lane_cost: int) -> Callable[[Any, int, int], None]:
    def choose(operator: Any, target: int, lanes: int) -> None:
        mw, mh = operator.get_nodeattr("MW"), operator.get_nodeattr("MH")
        bits = operator.get_input_datatype(0).bitwidth()

        def cost(pair: tuple[int, int]) -> tuple[int, int, int]:
            simd, pe = pair
            converter = 0 if simd == lanes else CONVERTER_BIT_COST * bits * max(simd, lanes)
            return (lane_cost * simd * pe + ROW_COST * pe + converter, pe, -simd)

        pairs = sorted(((simd, pe) for simd in divisors(mw) for pe in divisors(mh)), key=cost)
        _first_within(operator, target, ({"SIMD": simd, "PE": pe} for simd, pe in pairs))

    return choose


def _fold_channels(operator: Any, target: int, lanes: int) -> None:
    """Threshold and pool units: as many channels per beat as needed."""
    small = operator.onnx_node.op_type.startswith("Thresholding")
    name = "NumChannels" if small else "Channels"
    channels = operator.get_nodeattr(name)
    chosen = _first_within(operator, target, ({"PE": pe} for pe in divisors(channels)))
    expensive = small and operator.get_nodeattr("numSteps") >= LARGE_THRESHOLD_STEPS
    if not expensive and lanes > chosen["PE"] and channels % lanes == 0:
        operator.set_nodeattr("PE", lanes)


_CHOOSERS: dict[str, Callable[[Any, int, int], None]] = {
    "ConvolutionInputGenerator_rtl": _fold_window,
    "MVAU_rtl": _fold_matrix(MULTIPLY_LANE_COST),
    "HwfXnorMVAU_rtl": _fold_matrix(XNOR_LANE_COST),
    "Thresholding_rtl": _fold_channels,
    "HwfMaxPool_rtl": _fold_channels,
    "FMPadding_rtl": _fold_padding,
}
