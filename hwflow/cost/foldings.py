"""The foldings of a node, as numbers.

What only a trained network tells is set to what networks were seen to have: ``_REQUANT``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from hwflow.cost.block import Block
from hwflow.cost.matrix import FinnMatrix, Matrix
from hwflow.cost.memory import LUT_DEPTH
from hwflow.cost.nodes import (
    Activating,
    Forking,
    Joining,
    Node,
    Padding,
    Pooling,
    Products,
    Windows,
)
from hwflow.cost.rom import Rom
from hwflow.cost.streams import Fifo, Fork, Join, Pad, Pool, Requantiser, Thresholds
from hwflow.cost.window import Window

# Lanes beyond which no folding is tried.
MOST_LANES = 8192
# Words that cover the latency between two nodes: hwflow.dataflow.streams.
SLACK_WORDS = 4
# Steps of an activation from which on a build multiplies: hwflow.dataflow.activation.
_REQUANT_STEPS = 31
# Multiplier, bias and shift of the digits cascade's requantisers: 8 or 9, 22 to 24, 14 or 15.
_REQUANT = (9, 23, 14)
# Accumulators of FINN's unit: hwflow.dataflow.units.
_FINN_ACC_BITS = 24


@dataclass(frozen=True)
class Option:
    """A folding of a node.

    ``cycles`` per frame; ``in_lanes``, ``out_lanes``: values a clock at either side; ``words``: of
    the FIFO in front; ``refill``: words that a window generator takes before its first output.
    """

    cycles: int
    in_lanes: int
    out_lanes: int
    words: int
    blocks: tuple[Block, ...]
    refill: int = 0

    @property
    def matrix(self) -> Matrix | FinnMatrix | None:
        """The matrix unit, if it is one."""
        first = self.blocks[0]
        return first if isinstance(first, Matrix | FinnMatrix) else None


def options(node: Node) -> Iterator[Option]:
    """Yield every folding of ``node``."""
    if isinstance(node, Windows):
        yield from _windows(node)
    elif isinstance(node, Products):
        yield from _products(node)
    else:
        for lanes in divisors(node.at.channels):
            cycles = node.at.pixels * node.at.channels // lanes
            yield Option(cycles, lanes, lanes, SLACK_WORDS + 1, _each(node, lanes))


def _each(
    node: Padding | Activating | Pooling | Forking | Joining, lanes: int
) -> tuple[Block, ...]:
    """Return what takes values one by one, ``lanes`` channels a clock."""
    at, bits, folds = node.at, node.in_bits, node.at.channels // lanes
    match node:
        case Padding():
            return (Pad(at.height, at.width, folds, lanes * bits),)
        case Forking():
            return (Fork(2),)
        case Joining():
            words = int(at.pixels * folds * min(1.0, node.held)) + SLACK_WORDS + 1
            return Join(lanes, node.out_bits), Fifo(words, lanes * bits)
        case Pooling():
            size = (at.height, at.width, folds, lanes, bits, node.out_bits)
            return (Pool(*size, *node.kernel, add=node.add),)
        case Activating(steps=steps) if steps >= _REQUANT_STEPS:
            return (Requantiser(folds, lanes, bits, node.out_bits, *_REQUANT),)
        case Activating():
            return (Thresholds(folds, lanes, bits, node.out_bits),)


def _windows(node: Windows) -> Iterator[Option]:
    """Yield generators of pixels of some channels, and of whole windows."""
    at, kernel, area = node.at, node.kernel, node.kernel**2
    for simd in divisors(at.channels):
        folds = at.channels // simd
        refill, read = node.refill * folds, at.pixels * folds
        window = Window(at.height, at.width, kernel, kernel, folds, simd * node.in_bits, refill)
        words = refill + SLACK_WORDS
        cycles = max(read, node.out * area * folds + refill)
        yield Option(cycles, simd, simd, words, (window,), refill)
        if node.depthwise or folds == 1:
            whole = replace(window, buffer=0, parallel=True)
            yield Option(read + 2, simd, simd * area, words, (whole,), refill)


def _products(node: Products) -> Iterator[Option]:
    """Yield each folding in LUTs, on DSPs, and in FINN's unit on DSPs."""
    layer = node.cost
    for pe in divisors(layer.outputs):
        for simd in divisors(layer.fan_in):
            lanes = simd * pe if layer.depthwise else simd
            if pe * simd <= MOST_LANES:
                cycles = layer.macs // (pe * simd)
                words = layer.fan_in // simd + SLACK_WORDS
                for unit in _units(node, pe, simd):
                    yield Option(cycles, lanes, pe, words, (unit,))


def _units(node: Products, pe: int, simd: int) -> Iterator[Matrix | FinnMatrix]:
    layer = node.cost
    unit = Matrix(
        rows=layer.outputs,
        columns=layer.fan_in,
        pe=pe,
        simd=simd,
        weight_bits=layer.weight_bit_width,
        act_bits=layer.act_bit_width,
        acc_bits=node.acc_bits,
        depthwise=layer.depthwise,
        thresholded=node.xnor and node.thresholded,
        constant_init=_constant_init(node),
    )
    yield from _memories(unit)
    if layer.weight_bit_width > 1 and layer.act_bit_width > 1:
        yield from _memories(replace(unit, unit="dsp"))
        if not layer.depthwise and unit.folds > 1 and node.acc_bits <= _FINN_ACC_BITS:
            yield FinnMatrix(
                unit.rows, unit.columns, pe, simd, unit.weight_bits, unit.act_bits, unit.acc_bits
            )


def _constant_init(node: Products) -> bool:
    """Whether all accumulators start from one value: hwflow.dataflow.packing.Operands."""
    if node.xnor:
        return not node.thresholded
    return not node.binary and node.cost.weight_bit_width > 1


def _memories(unit: Matrix) -> Iterator[Matrix]:
    """Yield ``unit`` with its weights where their size suggests, and elsewhere if that can pay."""
    yield unit
    if Rom(unit.folds, unit.pe * unit.simd * unit.weight_bits).in_block:
        yield replace(unit, ram_style="lut")
    elif unit.folds >= LUT_DEPTH:
        yield replace(unit, ram_style="block")


@cache
def divisors(number: int) -> tuple[int, ...]:
    """Return the divisors of ``number``, ascending."""
    return tuple(value for value in range(1, number + 1) if number % value == 0)
