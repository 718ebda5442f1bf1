"""The fastest a cascade, or a single network, can be within one board's resources.

By the cost models alone, from networks that need not be trained: what ``hwflow build`` would make
is estimated in seconds, and cascades and single networks are compared like with like. Everything
here is estimated. What only a build knows (thresholds, weights, FIFO depths by simulation) is
missing; docs/training.md says by how much estimates of builds differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Literal

from hwflow.config.accelerator import StageHardware
from hwflow.config.design import Design, Fill
from hwflow.cost.latency import chain_latency_cycles
from hwflow.cost.network import NetworkEstimate, cycle_counts, estimate, fastest_cycles
from hwflow.cost.nodes import Node, Products
from hwflow.cost.resources import Resources
from hwflow.cost.swaps import overrun
from hwflow.cost.together import Together, together
from hwflow.dataflow.accelerator import PARTS
from hwflow.dataflow.folding.file import stage_name
from hwflow.dataflow.parts import resources_of
from hwflow.dataflow.reach import Traffic
from hwflow.dataflow.resources import controller_resources
from hwflow.dataflow.surroundings import SOC, buffers_of, ports_of
from hwflow.errors import ConfigError
from hwflow.nets import StageNet
from hwflow.nets.hardware import hardware

Board = Literal["pynq-z1", "pynq-z2"]
PROVENANCE = "estimated"
# A stage that next to no frame reaches still has to answer some day: hwflow.dataflow.folding.plan.
_RAREST = 1e-4
_SHOWN = {"lut": "LUTs", "lutram": "LUTs as memory", "ff": "flip-flops", "dsp": "DSPs"}
_SHOWN |= {"bram36": "BRAM36"}


@dataclass(frozen=True)
class StageFit:
    """One stage as folded: ``reach``, the part of the frames that it is planned for.

    ``cycles``: per frame that reaches it.
    """

    reach: float
    cycles: int
    resources: Resources


@dataclass(frozen=True)
class Fit:
    """The fastest folding found. All figures are estimated.

    ``ii_cycles``: clocks between frames at which every stage keeps up with its part of them.
    ``around``: DMA, controller, retained frames. ``limit``: what of the part may be taken.
    """

    part: str
    clk_period_ns: float
    ii_cycles: int
    stages: tuple[StageFit, ...]
    around: Resources
    limit: Resources

    @property
    def frames_per_second(self) -> float:
        """At the clock."""
        return 1e9 / (self.clk_period_ns * self.ii_cycles)

    @property
    def resources(self) -> Resources:
        """All of it."""
        return sum((stage.resources for stage in self.stages), self.around)


def fit(
    networks: Sequence[StageNet],
    reach: Sequence[float] = (1.0,),
    *,
    board: Board = "pynq-z2",
    fill: Fill | None = None,
    clk_period_ns: float = 10.0,
    frame_beat_bytes: Literal[1, 2, 4, 8, 16, 32, 64] = 8,
) -> Fit:
    """Return the fastest folding of ``networks`` as the stages of one accelerator on ``board``.

    ``reach``: part of the frames that comes to each stage, 1 for the first; later stages are
    planned for a quarter more, as by ``hwflow build``. One network and reach 1: a single network.
    ``fill``: shares of the part, by default those of a build without a target.

    Raises:
        ConfigError: ``reach`` does not suit the networks, or they do not fit at any folding; says
            what they lack.
    """
    _check(networks, reach)
    design = Design(
        schema_version=1,
        name="fit",
        board=board,
        clk_period_ns=clk_period_ns,
        frame_beat_bytes=frame_beat_bytes,
    )
    return _Search(networks, reach, design, fill or Fill()).fastest()


def _check(networks: Sequence[StageNet], reach: Sequence[float]) -> None:
    if not networks or len(reach) != len(networks):
        raise ConfigError(
            f"reach: {len(reach)} numbers for {len(networks)} networks; give one for each, of one "
            "network or more"
        )
    falls = all(0 <= later <= before for before, later in pairwise(reach))
    if reach[0] != 1 or not falls:
        raise ConfigError(
            f"reach: {', '.join(f'{part:g}' for part in reach)}; expected 1 for the first stage, "
            "which every frame reaches, and between 0 and the one before for the others"
        )
    shapes = {(network.frame_shape, network.classes) for network in networks}
    if len(shapes) > 1:
        told = " and ".join(f"{shape} in {classes} classes" for shape, classes in sorted(shapes))
        raise ConfigError(f"networks: of frames {told}; stages of a cascade all see the same")


class _Search:
    """Looks for the smallest interval at which the networks fit."""

    def __init__(
        self, networks: Sequence[StageNet], reach: Sequence[float], design: Design, fill: Fill
    ) -> None:
        height, width, channels = networks[0].frame_shape
        self._design, self._classes = design, networks[0].classes
        self._frame_bytes = height * width * channels
        self._beats = ceil(self._frame_bytes / design.frame_beat_bytes)
        rates = tuple(after / before if before else 0.0 for before, after in pairwise(reach))
        self._traffic = Traffic(rates, "reach")
        self._reach = tuple(max(_RAREST, part) for part in self._traffic.reach)
        self._chains = [hardware(network) for network in networks]
        self._part = PARTS[design.board]
        self._limit = _limit(resources_of(self._part), fill)

    def fastest(self) -> Fit:
        """Return the folding of the smallest interval that is found to fit."""
        paces = self._paces()
        low, high = -1, len(paces) - 1
        best = self._at(paces[high])
        if best is None:
            raise ConfigError(self._misfit())
        while high - low > 1:
            middle = (low + high) // 2
            found = self._at(paces[middle])
            if found is None:
                low = middle
            else:
                high, best = middle, found
        return self._told(best)

    def _paces(self) -> list[int]:
        """Return the intervals that may be the smallest, ascending: those at which a node ends."""
        least = self._beats
        for chain, part in zip(self._chains, self._reach, strict=True):
            least = max(least, ceil(fastest_cycles(chain) * part))
        paces = {least}
        for chain, part in zip(self._chains, self._reach, strict=True):
            paces |= {ceil(cycles * part) for cycles in cycle_counts(chain)}
        return sorted(pace for pace in paces if pace >= least)

    def _at(self, pace: int) -> Together | None:
        return together(
            self._chains,
            [int(pace / part) for part in self._reach],
            self._limit,
            around=self._around,
            least=SOC,
        )

    def _around(self, networks: Sequence[NetworkEstimate]) -> Resources:
        """Return what stands around the stages, as ``hwflow build`` has it."""
        stages = [
            self._stage(index, chain, network)
            for index, (chain, network) in enumerate(zip(self._chains, networks, strict=True))
        ]
        buffers = buffers_of(self._design, stages, self._traffic)
        return SOC + controller_resources(
            ports_of(stages),
            classes=self._classes,
            frame_bytes=self._frame_bytes,
            frame_beat_bytes=self._design.frame_beat_bytes,
            retention_frames=buffers.retention,
            reorder_frames=buffers.reorder,
            last_frames=buffers.last,
        )

    def _stage(self, index: int, chain: Sequence[Node], network: NetworkEstimate) -> StageHardware:
        name, layers = stage_name(index), network.layers
        last = chain[-1]
        assert isinstance(last, Products), "networks end in a classifier"
        return StageHardware(
            name=name,
            top=name,
            in_bytes=layers[0].in_lanes,
            score_bits=last.acc_bits,
            score_lanes=layers[-1].out_lanes,
            ii_bound_cycles=max(self._beats, network.ii_cycles),
            latency_estimate_cycles=chain_latency_cycles(chain, [layer.cycles for layer in layers]),
            layers=(),
        )

    def _told(self, found: Together) -> Fit:
        pairs = tuple(zip(found.networks, self._reach, strict=True))
        return Fit(
            part=self._part,
            clk_period_ns=self._design.clk_period_ns,
            ii_cycles=max(self._beats, *(ceil(each.ii_cycles * part) for each, part in pairs)),
            stages=tuple(StageFit(part, each.ii_cycles, each.resources) for each, part in pairs),
            around=found.around,
            limit=self._limit,
        )

    def _misfit(self) -> str:
        """Return by what the networks do not fit even when folded for as little as can be."""
        slowest = [max(cycle_counts(chain)) for chain in self._chains]
        told = []
        for name, shown in _SHOWN.items():
            prices = Resources(lut=1e-9, bram36=1e-9, dsp=1e-9)
            only = prices + Resources(**{name: 1.0})
            least = sum(
                (
                    estimate(chain, target_ii=target, prices=only).resources
                    for chain, target in zip(self._chains, slowest, strict=True)
                ),
                SOC,
            )
            if name in overrun(least, self._limit):
                told.append(
                    f"{getattr(least, name):,.4g} {shown} at least, of "
                    f"{getattr(self._limit, name):,.4g}"
                )
        what = "; ".join(told) or "each resource alone suffices, but not all of them together"
        return (
            f"{len(self._chains)} networks on {self._part}: they fit at no folding: {what}. Make "
            "them smaller, or allow more of the part (fill)"
        )


def _limit(held: Resources, fill: Fill) -> Resources:
    """Return what may be taken of a part, as hwflow.dataflow.folding.plan has it."""
    beyond = max(1.0, fill.lut)
    return Resources(
        lut=fill.lut * held.lut,
        lutram=beyond * held.lutram,
        ff=beyond * held.ff,
        dsp=fill.dsp * held.dsp,
        bram36=fill.bram * held.bram36,
    )
