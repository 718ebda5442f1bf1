"""One stage: the named steps from an integer network to stitched RTL, each graph kept."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from hwflow.config.accelerator import StageHardware
from hwflow.config.design import Fill
from hwflow.dataflow import backend
from hwflow.dataflow.describe import describe
from hwflow.dataflow.finn import Finn
from hwflow.dataflow.folding import Goal, Plan, Request, solve_plan
from hwflow.dataflow.folding.plan import WHOLE_PART
from hwflow.dataflow.network_file import NETWORK_FILE, save_network
from hwflow.dataflow.stitch import stitch
from hwflow.dataflow.streams import connect
from hwflow.lower.network import Network

Model = Any

GRAPHS = "graphs"
# The last graph before code generation: what is built, and what ``verify_graph`` executes.
HARDWARE_GRAPH = "hardware.onnx"


@dataclass(frozen=True)
class StageConfig:
    """What the steps of one stage need: its module ``name``, part, clock and targets.

    ``target_ii_cycles`` and ``fill`` (shares of the part) are for a stage that is built alone.
    ``frame_beats``: clocks that a frame takes to arrive, ``beat_bytes`` in each (None: no fewer
    than the stage takes).
    """

    name: str
    part: str
    clk_period_ns: float
    target_ii_cycles: int | Literal["auto"] = "auto"
    fill: Fill | None = None
    frame_beats: int = 1
    beat_bytes: int | None = None

    def request(self) -> Request:
        """Return what the stage is folded for where it is built alone."""
        auto = self.target_ii_cycles == "auto"
        goal = Goal(
            share=(Fraction(1),),
            fixed=(None,),
            ii_cycles=None if self.target_ii_cycles == "auto" else self.target_ii_cycles,
            least=self.frame_beats,
        )
        return Request(goal, self.part, self.fill or (Fill() if auto else WHOLE_PART))


LAYERS_GRAPH = "layers.onnx"
FOLDED_GRAPH = "folded.onnx"
UNITS_GRAPH = "units.onnx"
# In order.
STEPS = (LAYERS_GRAPH, FOLDED_GRAPH, UNITS_GRAPH, HARDWARE_GRAPH)


@dataclass(frozen=True)
class Stage:
    """A built stage: its part of ``design.json`` and its sources relative to the folder."""

    hardware: StageHardware
    sources: tuple[str, ...]


def to_layers(network: Network, graphs: Path) -> Model:
    """Return the unfolded hardware graph of ``network``, saving both in ``graphs``.

    Must run inside ``hwflow.dataflow.finn.session``, as what follows.

    Raises:
        UnsupportedModelError: naming the node that has no exact RTL.
    """
    graphs.mkdir(parents=True, exist_ok=True)
    save_network(network, graphs / NETWORK_FILE)
    model = backend.to_hardware(network)
    model.save(str(graphs / LAYERS_GRAPH))
    return model


def connected(model: Model, plan: Plan, stage: int, config: StageConfig, *, graphs: Path) -> Model:
    """Return the hardware graph of stage ``stage`` of ``plan``, whose folding ``model`` has.

    The stage's nodes get its name in front; the graph after each step is saved in ``graphs``.
    """
    model.save(str(graphs / FOLDED_GRAPH))
    model = plan.place_units(stage, model)
    model.save(str(graphs / UNITS_GRAPH))
    model = connect(model, beat_bytes=config.beat_bytes)
    for node in model.graph.node:
        node.name = f"{config.name}_{node.name}"
    model.save(str(graphs / HARDWARE_GRAPH))
    return model


def convert(network: Network, config: StageConfig, graphs: Path) -> Model:
    """Return the hardware graph of ``network`` alone, saving each step's graph in ``graphs``.

    Raises:
        UnsupportedModelError: naming the node that has no exact RTL.
        ConfigError: the folding target cannot be met.
    """
    model = to_layers(network, graphs)
    plan = solve_plan([model], config.request())
    return connected(model, plan, 0, config, graphs=graphs)


def generate(model: Model, config: StageConfig, folder: Path, finn: Finn) -> Stage:
    """Write the RTL of the hardware graph ``model`` into ``folder`` and describe it."""
    from finn.transformation.fpgadataflow.prepare_ip import PrepareIP

    hardware = describe(model, config.name, frame_beats=config.frame_beats)
    # Applied without ``transform``, which copies the model and sorts its nodes anew.
    model, _ = PrepareIP(config.part, config.clk_period_ns).apply(model)
    return Stage(hardware, stitch(model, config.name, folder, finn.rtllib))


def build_stage(network: Network, config: StageConfig, folder: Path, finn: Finn) -> Stage:
    """Build ``network`` alone into ``folder`` (graphs, RTL) and describe it.

    Raises:
        UnsupportedModelError, ConfigError: as ``convert``.
    """
    model = convert(network, config, folder / GRAPHS / config.name)
    return generate(model, config, folder, finn)
