"""Expected hardware of a network before it is trained: cycles, LUTs, block RAM at a target II.

The nodes of a network are taken as one chain, the branches of a residual block one after the other,
and folded together at the least cost, as ``hwflow build`` does: width converters and FIFOs between
two nodes are priced by their lanes. Figures of a build differ by what it alone knows: the trained
thresholds, weights and FIFO depths. All figures are estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil

from hwflow.cost.foldings import MOST_LANES, SLACK_WORDS, Option, options
from hwflow.cost.model import price
from hwflow.cost.nodes import Node, Products, Windows
from hwflow.cost.resources import Resources
from hwflow.cost.streams import Converter, Fifo
from hwflow.errors import ConfigError

PROVENANCE = "estimated"
# What a BRAM36 and a DSP are worth in LUTs, and the share of the pace from which on a matrix unit
# must not wait for a window generator: as hwflow.dataflow.folding.plan and .streams have them.
_BRAM36_LUTS, _DSP_LUTS = 380, 121
_CRITICAL_SHARE = 0.8


@dataclass(frozen=True)
class LayerEstimate:
    """A node at its folding: ``cycles`` per frame; ``resources``: with what stands in front.

    ``pe``, ``simd``: of a matrix unit.
    """

    name: str
    kind: str
    cycles: int
    resources: Resources
    pe: int | None = None
    simd: int | None = None


@dataclass(frozen=True)
class NetworkEstimate:
    """All nodes in order; ``ii_cycles``: of the slowest one."""

    layers: tuple[LayerEstimate, ...]

    @property
    def ii_cycles(self) -> int:
        """Cycles between frames."""
        return max(layer.cycles for layer in self.layers)

    @property
    def resources(self) -> Resources:
        """Sum over the layers."""
        return sum((layer.resources for layer in self.layers), Resources())


@dataclass(frozen=True)
class _Way:
    """The cheapest way to an option: its worth in LUTs, and the nodes on it."""

    worth: float
    option: Option
    told: tuple[LayerEstimate, ...]


def estimate(nodes: Sequence[Node], *, target_ii: int) -> NetworkEstimate:
    """Return the cheapest folding of ``nodes`` within ``target_ii`` cycles a frame.

    Raises:
        ConfigError: naming a node that no folding makes so fast, alone or with the one in front.
    """
    ways: list[_Way] = []
    before: Node | None = None
    for node in nodes:
        fast = [option for option in options(node) if option.cycles <= target_ii]
        found = (_cheapest(node, option, before, ways, target_ii) for option in _useful(fast))
        ways = [way for way in found if way is not None]
        if not ways:
            raise ConfigError(_too_slow(before, node, target_ii))
        before = node
    return NetworkEstimate(min(ways, key=lambda way: way.worth).told)


def _useful(found: Sequence[Option]) -> list[Option]:
    """Return the cheapest of those with the same lanes; more lanes than these only cost more."""
    best: dict[tuple[int, int], Option] = {}
    for option in found:
        key = option.in_lanes, option.out_lanes
        if key not in best or _worth(_own(option)) < _worth(_own(best[key])):
            best[key] = option
    return list(best.values())


def _cheapest(
    node: Node, option: Option, before: Node | None, ways: Sequence[_Way], target: int
) -> _Way | None:
    """Return the cheapest way to ``option`` of ``node``; None where it fits behind none of them."""
    own = _own(option)
    found: _Way | None = None
    link = Resources()
    for way in ways:
        between = _link(way.option, option, before, node, target)
        if between is None:
            continue
        worth = way.worth + _worth(between)
        if found is None or worth < found.worth:
            found, link = _Way(worth, way.option, way.told), between
    matrix = option.matrix
    told = LayerEstimate(
        node.name,
        option.blocks[0].kind,
        option.cycles,
        own + link,
        None if matrix is None else matrix.pe,
        None if matrix is None else matrix.simd,
    )
    if before is None:
        return _Way(_worth(own), option, (told,))
    if found is None:
        return None
    return _Way(found.worth + _worth(own), option, (*found.told, told))


def _link(
    source: Option, target: Option, before: Node | None, node: Node, pace: int
) -> Resources | None:
    """Return converter and FIFO between two nodes; None where they do not fit together."""
    if _in_step(before, node):
        if source.out_lanes != target.in_lanes:
            return None
        return _stream(source.out_lanes, target.in_lanes, SLACK_WORDS + 1, node.in_bits)
    words = target.words
    windows = isinstance(before, Windows)
    if windows and isinstance(node, Products) and target.cycles >= _CRITICAL_SHARE * pace:
        vectors = ceil(source.refill * node.cost.pixels / target.cycles)
        words += (words - SLACK_WORDS) * vectors
    return _stream(source.out_lanes, target.in_lanes, words, node.in_bits)


def _in_step(before: Node | None, node: Node) -> bool:
    """Whether both must have the same lanes: a depthwise layer behind its windows."""
    return isinstance(before, Windows) and isinstance(node, Products) and node.cost.depthwise


@cache
def _stream(in_lanes: int, out_lanes: int, words: int, bits: int) -> Resources:
    """Return a FIFO of ``words`` as their reader takes them, and a converter in front or behind."""
    converter = Resources()
    if in_lanes != out_lanes:
        converter = price(Converter(in_lanes * bits, out_lanes * bits))
    if in_lanes <= out_lanes:
        return converter + price(Fifo(words, out_lanes * bits))
    words = max(SLACK_WORDS + 1, ceil(words * out_lanes / in_lanes))
    return converter + price(Fifo(words, in_lanes * bits))


def _worth(resources: Resources) -> float:
    return resources.lut + _BRAM36_LUTS * resources.bram36 + _DSP_LUTS * resources.dsp


@cache
def _own(option: Option) -> Resources:
    return sum((price(block) for block in option.blocks), Resources())


def _too_slow(before: Node | None, node: Node, target_ii: int) -> str:
    return (
        f"layer {node.name}: no folding takes {target_ii} cycles or fewer with up to {MOST_LANES} "
        f"lanes, the fastest {_fastest(before, node)}; allow more cycles, or make the layer smaller"
    )


def _fastest(before: Node | None, node: Node) -> int:
    """Return the least cycles of ``node``, folded so that it fits behind ``before``."""
    if before is None or not _in_step(before, node):
        return min(option.cycles for option in options(node))
    return min(
        max(source.cycles, target.cycles)
        for source in options(before)
        for target in options(node)
        if source.out_lanes == target.in_lanes
    )
