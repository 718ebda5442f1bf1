"""How far the cost models are off on whole designs, none of which is in the fit."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.base import StrictModel, load
from hwflow.config.synthesis import Resources as Counted
from hwflow.cost.resources import Resources
from hwflow.dataflow.finn import session
from hwflow.dataflow.resources import controller_resources, layer_estimates
from hwflow.dataflow.stage import GRAPHS, HARDWARE_GRAPH
from hwflow.dataflow.verify import load_graph
from hwflow.log import Progress, silent
from hwflow.rtl.accelerator import StagePorts
from hwflow.synth.step import synth

CONTROLLER = "controller"
# Below so many, both estimated and synthesised, a resource is not compared: one DSP more or less
# says nothing of a model.
LEAST = {"lut": 100, "ff": 100, "dsp": 4, "bram36": 2}
# A node below says little of a model too.
WORTH_LUTS = 100
# Designs that were in view while models were changed, so that they do not show what the models say
# of a design that nobody has looked at: their errors led to the rules for ROMs, for the
# multiplexers behind block RAM, for clipped requantisers, for controllers of one stage, and for
# what yosys puts into block RAM unasked (of digits_cascade, the memory that replays a vector).
SEEN = frozenset(
    {
        "tfc_w1a1",
        "sfc_w1a2",
        "keyword_w4a8",
        "cnv_w1a1",
        "lfc_w1a1",
        "vgg_w4a4",
        "resnet8_w8a8",
        "digits_cascade",
    }
)


class Amounts(StrictModel):
    """Resources as numbers; estimates are not whole."""

    lut: float
    lutram: float
    ff: float
    dsp: float
    bram36: float


class Node(StrictModel):
    """One hardware node, or the controller: what was estimated and what was synthesised."""

    name: str
    op: str
    estimated: Amounts
    synthesised: Amounts


class Part(StrictModel):
    """A stage, or the controller: sums over its nodes.

    ``error``: relative, by resource; of those alone of which there are enough to compare.
    """

    name: str
    estimated: Amounts
    synthesised: Amounts
    error: dict[str, float]
    nodes: tuple[Node, ...]


class Holdout(StrictModel):
    """One design; ``tool``: what synthesised it, each node by itself."""

    design: str
    tool: str
    parts: tuple[Part, ...]


def holdout(accelerator: Path, out_dir: Path, *, progress: Progress = silent) -> Holdout:
    """Estimate the built ``accelerator`` by the models as they are now, and synthesise it.

    ``out_dir``: for ``synthesis.json``. What was synthesised before is recalled.

    Raises:
        ToolNotFoundError: yosys or finn-plus is missing.
        ToolFailedError: yosys refused a node.
        ConfigError: a file of the accelerator is missing.
    """
    design = load(Accelerator, accelerator / DESIGN_FILE)
    synthesis = synth(accelerator, out_dir, progress=progress)
    blocks = iter(synthesis.blocks)
    controller = Node(
        name=design.top,
        op=CONTROLLER,
        estimated=_amounts(_controller(design)),
        synthesised=_amounts(next(blocks).resources),
    )
    parts = [_part(CONTROLLER, (controller,))]
    for stage, estimates in zip(design.stages, _stages(accelerator, design), strict=True):
        nodes = [
            Node(
                name=layer.name,
                op=layer.op,
                estimated=_amounts(estimates[layer.name]),
                synthesised=_amounts(next(blocks).resources),
            )
            for layer in stage.layers
        ]
        parts.append(_part(stage.name, nodes))
    return Holdout(design=design.name, tool=synthesis.tool, parts=tuple(parts))


def whole(one: Holdout) -> Part:
    """Return the whole accelerator: all stages and the controller."""
    return _part("accelerator", [node for part in one.parts for node in part.nodes])


def worst(parts: Iterable[Part]) -> dict[str, float]:
    """Return the largest error of ``parts``, by resource."""
    found: dict[str, float] = {}
    for part in parts:
        for resource, error in part.error.items():
            found[resource] = max(found.get(resource, 0.0), abs(error))
    return found


def worst_node(holdouts: Iterable[Holdout]) -> tuple[Node, float] | None:
    """Return the node whose LUTs are off most, of those of ``WORTH_LUTS`` or more, and its error.

    None if there is no such node.
    """
    nodes = [node for one in holdouts for part in one.parts for node in part.nodes]
    errors = [
        (node, _error(node.estimated.lut, node.synthesised.lut))
        for node in nodes
        if max(node.estimated.lut, node.synthesised.lut) >= WORTH_LUTS
    ]
    return max(errors, key=lambda found: abs(found[1]), default=None)


def _stages(accelerator: Path, design: Accelerator) -> Iterator[dict[str, Resources]]:
    """Yield the estimates of each stage's nodes by name."""
    with tempfile.TemporaryDirectory(prefix="hwflow-cost-") as name, session(Path(name) / "finn"):
        for stage in design.stages:
            graph = load_graph(accelerator / GRAPHS / stage.name / HARDWARE_GRAPH)
            yield dict(layer_estimates(graph))


def _controller(design: Accelerator) -> Resources:
    return controller_resources(
        [StagePorts(s.top, s.in_bytes, s.score_bits, s.score_lanes) for s in design.stages],
        classes=design.classes,
        frame_bytes=design.frame_bytes,
        frame_beat_bytes=design.frame_beat_bytes,
        retention_frames=design.retention_frames,
        reorder_frames=design.reorder_frames,
        last_frames=design.last_frames,
    )


def _part(name: str, nodes: Sequence[Node]) -> Part:
    estimated, synthesised = (
        _sum([n.estimated for n in nodes]),
        _sum([n.synthesised for n in nodes]),
    )
    error = {
        resource: round(_error(getattr(estimated, resource), getattr(synthesised, resource)), 4)
        for resource, least in LEAST.items()
        if max(getattr(estimated, resource), getattr(synthesised, resource)) >= least
    }
    return Part(
        name=name, estimated=estimated, synthesised=synthesised, error=error, nodes=tuple(nodes)
    )


def _error(estimated: float, synthesised: float) -> float:
    """Return how far an estimate is off, relative; the estimate itself where nothing was made.

    So what is estimated and not there misses every goal, and stays a number.
    """
    return estimated / synthesised - 1 if synthesised else estimated


def _sum(amounts: Sequence[Amounts]) -> Amounts:
    fields = Amounts.model_fields
    return Amounts(**{name: round(sum(getattr(a, name) for a in amounts), 1) for name in fields})


def _amounts(found: Resources | Counted) -> Amounts:
    return Amounts(**{name: round(getattr(found, name), 1) for name in Amounts.model_fields})
