"""The legal foldings of one hardware layer, each with its cycles, lanes and resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hwflow.cost.memory import LUT_DEPTH
from hwflow.cost.resources import Resources
from hwflow.dataflow.flatten import has_uniform_thresholds
from hwflow.dataflow.folding.window import window_shapes
from hwflow.dataflow.resources import Unit, layer_resources
from hwflow.dataflow.streams import WINDOW, fifo_depth
from hwflow.dataflow.units import finn_takes, finn_weight_bits, multiplies

Model = Any

MATRIX = frozenset({"HwfMVAU_rtl", "HwfXnorMVAU_rtl"})
DEPTHWISE = "HwfVVAU_rtl"
RamStyle = Literal["auto", "lut", "block"]
_CHANNELS = ("NumChannels", "Channels")


@dataclass(frozen=True)
class Fold:
    """What an option sets; None where the layer has no such attribute.

    ``ram_style`` of weights: "auto" is what their size suggests, "lut" or "block" the other one.
    """

    pe: int | None = None
    simd: int | None = None
    parallel_window: int | None = None
    unit: Unit | None = None
    ram_style: RamStyle | None = None

    def attributes(self) -> Iterator[tuple[str, int]]:
        """Yield the attributes of the hardware node that shape its streams."""
        for name, value in (
            ("PE", self.pe),
            ("SIMD", self.simd),
            ("parallel_window", self.parallel_window),
        ):
            if value is not None:
                yield name, value


@dataclass(frozen=True)
class Option:
    """A fold, its ``cycles`` per frame, lanes at either side, and what it takes by itself.

    ``beats``: words of a frame at an input; ``fifo_words``: in front of an input, by formula.
    """

    fold: Fold
    cycles: int
    in_lanes: int
    out_lanes: int
    beats: int
    fifo_words: int
    resources: Resources


def divisors(number: int) -> list[int]:
    """Return the divisors of ``number``, ascending."""
    return [value for value in range(1, number + 1) if number % value == 0]


def set_fold(operator: Any, fold: Fold) -> None:
    """Set lanes as ``fold`` says; units and memories follow once all is chosen."""
    for name, value in fold.attributes():
        operator.set_nodeattr(name, value)


def layer_options(model: Model, operator: Any) -> tuple[Option, ...]:
    """Return every legal option of a layer of the unfolded graph ``model``.

    Leaves the layer at one of them.

    Raises:
        UnsupportedModelError: windows that FINN's generator cannot make.
    """
    uniform = has_uniform_thresholds(model, operator.onnx_node)
    options = []
    for folds in _folds(model, operator):
        set_fold(operator, folds[0])
        shape = tuple(int(size) for size in operator.get_folded_input_shape())
        beats = 1
        for size in shape[:-1]:
            beats *= size
        cycles = int(operator.get_exp_cycles())
        out_lanes = int(operator.get_folded_output_shape()[-1])
        words = fifo_depth(operator, None, cycles)
        options += [
            Option(
                fold,
                cycles,
                shape[-1],
                out_lanes,
                beats,
                words,
                _resources(operator, fold, uniform=uniform),
            )
            for fold in folds
        ]
    return tuple(options)


def _resources(operator: Any, fold: Fold, *, uniform: bool) -> Resources:
    """Return what ``operator``, folded as ``fold`` says, takes with its unit and memory.

    ``uniform``: a threshold unit whose channels share their thresholds will keep a row per lane.
    """
    built: dict[str, Any] = {}
    if fold.ram_style is not None:
        built["ram_style"] = fold.ram_style
    if uniform:
        built["NumChannels"] = fold.pe
    before = {name: operator.get_nodeattr(name) for name in built}
    for name, value in built.items():
        operator.set_nodeattr(name, value)
    found = layer_resources(operator, unit=fold.unit)
    for name, value in before.items():
        operator.set_nodeattr(name, value)
    return found


def _folds(model: Model, operator: Any) -> Iterator[Sequence[Fold]]:
    """Yield groups of folds that differ in unit and memory alone."""
    kind = operator.onnx_node.op_type
    if kind == WINDOW:
        for simd, whole in window_shapes(operator):
            yield [Fold(simd=simd, parallel_window=whole)]
    elif kind in MATRIX or kind == DEPTHWISE:
        rows, columns = sizes(operator)
        bits = finn_weight_bits(model.get_initializer(operator.onnx_node.input[1]))
        for simd in divisors(columns):
            for pe in divisors(rows):
                fold = Fold(pe=pe, simd=simd)
                set_fold(operator, fold)
                yield [
                    Fold(pe=pe, simd=simd, unit=unit, ram_style=style)
                    for unit in _units(operator, bits)
                    for style in _ram_styles(operator, unit)
                ]
    else:
        for pe in divisors(channels(operator)):
            yield [Fold(pe=pe)]


def _units(operator: Any, finn_bits: int) -> Iterator[Unit]:
    yield "lut"
    if operator.onnx_node.op_type == "HwfXnorMVAU_rtl":
        return
    if multiplies(operator):
        yield "dsp"
    if operator.onnx_node.op_type == "HwfMVAU_rtl" and finn_takes(operator, finn_bits):
        yield "finn"


def _ram_styles(operator: Any, unit: Unit) -> Iterator[RamStyle | None]:
    """Yield where the weights may go: where their size suggests, and elsewhere if that can pay.

    A shallow memory leaves most of a block empty. FINN's unit decides by itself.
    """
    if unit == "finn":
        yield None
        return
    yield "auto"
    xnor = operator.onnx_node.op_type == "HwfXnorMVAU_rtl"
    bits = 1 if xnor else operator.operands().weight_bits
    if operator.weights_in_block(bits):
        yield "lut"
    elif operator.folds() >= LUT_DEPTH:
        yield "block"


def sizes(operator: Any) -> tuple[int, int]:
    """Return rows (MH, or channels) and columns (MW, or window positions) of a matrix unit."""
    if operator.onnx_node.op_type == DEPTHWISE:
        return int(operator.get_nodeattr("Channels")), int(operator.get_nodeattr("KernelSize"))
    return int(operator.get_nodeattr("MH")), int(operator.get_nodeattr("MW"))


def channels(operator: Any) -> int:
    """Return the channels of a unit that treats each alike, or of a window generator."""
    if operator.onnx_node.op_type == WINDOW:
        return int(operator.get_nodeattr("IFMChannels"))
    known = operator.get_nodeattr_types()
    (name,) = (name for name in _CHANNELS if name in known)
    return int(operator.get_nodeattr(name))
