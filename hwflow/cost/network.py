"""Expected hardware of a network before it is trained: cycles, LUTs, block RAM at a target II.

The nodes of a network are taken as one chain, the branches of a residual block one after the other,
and folded together at the least cost, as ``hwflow build`` does: width converters and FIFOs between
two nodes are folded by their lanes. Figures of a build differ by what it alone knows: the trained
thresholds, weights and FIFO depths. All figures are estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
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
PRICES = Resources(lut=1.0, bram36=380.0, dsp=121.0)
_CRITICAL_SHARE = 0.8


@dataclass(frozen=True)
class Folded:
    """A folding of a node; ``own``: what its blocks take."""

    option: Option
    own: Resources


@dataclass(frozen=True)
class LayerEstimate:
    """A node as it is folded; ``in_front``: width converter and FIFO."""

    name: str
    folded: Folded
    in_front: Resources

    @property
    def kind(self) -> str:
        """Of its block."""
        return self.folded.option.blocks[0].kind

    @property
    def cycles(self) -> int:
        """Per frame."""
        return self.folded.option.cycles

    @property
    def resources(self) -> Resources:
        """With what stands in front."""
        return self.folded.own + self.in_front

    @property
    def in_lanes(self) -> int:
        """Values a clock that go in."""
        return self.folded.option.in_lanes

    @property
    def out_lanes(self) -> int:
        """Values a clock that come out."""
        return self.folded.option.out_lanes

    @property
    def pe(self) -> int | None:
        """Of a matrix unit."""
        matrix = self.folded.option.matrix
        return None if matrix is None else matrix.pe

    @property
    def simd(self) -> int | None:
        """Of a matrix unit."""
        matrix = self.folded.option.matrix
        return None if matrix is None else matrix.simd


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
    """The cheapest way to an option: its worth, the option, and the nodes on it."""

    worth: float
    option: Option
    told: tuple[LayerEstimate, ...]


def estimate(
    nodes: Sequence[Node], *, target_ii: int, prices: Resources = PRICES
) -> NetworkEstimate:
    """Return the cheapest folding of ``nodes`` within ``target_ii`` cycles a frame.

    ``prices``: what one of each resource counts.

    Raises:
        ConfigError: naming a node that no folding makes so fast, alone or with the one in front.
    """
    found, passed = _fold(nodes, target_ii, prices)
    if found is None:
        before = nodes[passed - 1] if passed else None
        raise ConfigError(_too_slow(before, nodes[passed], target_ii))
    return found


def within(nodes: Sequence[Node], *, target_ii: int, prices: Resources) -> NetworkEstimate | None:
    """Return what ``estimate`` does, or None where no folding is so fast."""
    return _fold(nodes, target_ii, prices)[0]


def _fold(
    nodes: Sequence[Node], target_ii: int, prices: Resources
) -> tuple[NetworkEstimate | None, int]:
    """Return the cheapest folding, if there is one, and how many nodes can be folded in a row."""
    ways: list[_Way] = []
    before: Node | None = None
    for passed, node in enumerate(nodes):
        fast = [each for each in foldings(node) if each.option.cycles <= target_ii]
        useful = _useful(fast, prices)
        found = (_cheapest(node, each, before, ways, target_ii, prices) for each in useful)
        ways = [way for way in found if way is not None]
        if not ways:
            return None, passed
        before = node
    return NetworkEstimate(min(ways, key=lambda way: way.worth).told), len(nodes)


def worth(resources: Resources, prices: Resources) -> float:
    """Return what ``resources`` count at ``prices`` of one each."""
    return (
        resources.lut * prices.lut
        + resources.lutram * prices.lutram
        + resources.ff * prices.ff
        + resources.dsp * prices.dsp
        + resources.bram36 * prices.bram36
    )


@lru_cache(maxsize=1024)
def foldings(node: Node) -> tuple[Folded, ...]:
    """Return every folding of ``node`` and what it takes."""
    return tuple(
        Folded(option, sum((price(block) for block in option.blocks), Resources()))
        for option in options(node)
    )


def _useful(found: Sequence[Folded], prices: Resources) -> list[Folded]:
    """Return the cheapest of those with the same lanes; more lanes than these only cost more."""
    best: dict[tuple[int, int], tuple[float, Folded]] = {}
    for each in found:
        key = each.option.in_lanes, each.option.out_lanes
        own = worth(each.own, prices)
        if key not in best or own < best[key][0]:
            best[key] = own, each
    return [each for _, each in best.values()]


def _cheapest(
    node: Node,
    folded: Folded,
    before: Node | None,
    ways: Sequence[_Way],
    target: int,
    prices: Resources,
) -> _Way | None:
    """Return the cheapest way to ``folded`` of ``node``; None where it fits behind none of them."""
    option, own = folded.option, worth(folded.own, prices)
    if before is None:
        return _Way(own, option, (LayerEstimate(node.name, folded, Resources()),))
    found: tuple[float, _Way, Resources] | None = None
    for way in ways:
        between = _link(way.option, option, before, node, target)
        if between is None:
            continue
        cost = way.worth + worth(between, prices)
        if found is None or cost < found[0]:
            found = cost, way, between
    if found is None:
        return None
    cost, way, between = found
    layer = LayerEstimate(node.name, folded, between)
    return _Way(cost + own, option, (*way.told, layer))


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


def fastest_cycles(nodes: Sequence[Node]) -> int:
    """Return cycles per frame below which no folding of ``nodes`` can come."""
    return max(min(each.option.cycles for each in foldings(node)) for node in nodes)


def cycle_counts(nodes: Sequence[Node]) -> frozenset[int]:
    """Return the cycles per frame of all foldings of all ``nodes``: no other II is of use."""
    return frozenset(each.option.cycles for node in nodes for each in foldings(node))


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
