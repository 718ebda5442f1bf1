"""One stage: the named steps from an integer network to stitched RTL, each graph kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hwflow.config.accelerator import StageHardware
from hwflow.cost.resources import Resources
from hwflow.dataflow import backend, units
from hwflow.dataflow.describe import describe
from hwflow.dataflow.finn import Finn
from hwflow.dataflow.folding import fold, fold_within
from hwflow.dataflow.network_file import NETWORK_FILE, save_network
from hwflow.dataflow.parts import resources_of
from hwflow.dataflow.stitch import stitch
from hwflow.dataflow.streams import connect
from hwflow.lower.network import Network

Model = Any

GRAPHS = "graphs"
# The last graph before code generation: what is built, and what ``verify_graph`` executes.
HARDWARE_GRAPH = "hardware.onnx"
# How much of the part the automatic target may fill by estimate: routing wants room, and the
# estimate is rough. DSPs are counted exactly.
LUT_SHARE, DSP_SHARE = 0.6, 0.9


@dataclass(frozen=True)
class StageConfig:
    """What the steps of one stage need: its module ``name``, target, part and clock.

    ``frame_beats``: clocks that a frame takes to arrive.
    ``share``: of the part that this stage may use; the stages of a cascade divide it.
    """

    name: str
    part: str
    clk_period_ns: float
    target_ii_cycles: int | Literal["auto"]
    share: float = 1.0
    frame_beats: int = 1

    @property
    def limit(self) -> Resources:
        """What this stage may use of the part."""
        part = resources_of(self.part)
        return Resources(
            lut=LUT_SHARE * self.share * part.lut,
            dsp=DSP_SHARE * self.share * part.dsp,
            bram36=self.share * part.bram36,
        )


Step = Callable[[Model, StageConfig], Model]


def _fold(model: Model, config: StageConfig) -> Model:
    if config.target_ii_cycles == "auto":
        return fold_within(model, config.limit, least=config.frame_beats)
    return fold(model, config.target_ii_cycles)


def _choose_units(model: Model, config: StageConfig) -> Model:
    return units.place(model, units.choose(model, int(config.limit.dsp)))


def _connect(model: Model, config: StageConfig) -> Model:
    model = connect(model)
    for node in model.graph.node:
        node.name = f"{config.name}_{node.name}"
    return model


STEPS: tuple[tuple[str, Step], ...] = (
    ("folded.onnx", _fold),
    ("units.onnx", _choose_units),
    (HARDWARE_GRAPH, _connect),
)
LAYERS_GRAPH = "layers.onnx"


@dataclass(frozen=True)
class Stage:
    """A built stage: its part of ``design.json`` and its sources relative to the folder."""

    hardware: StageHardware
    sources: tuple[str, ...]


def convert(network: Network, config: StageConfig, graphs: Path) -> Model:
    """Return the hardware graph of ``network``, saving the graph after each step in ``graphs``.

    Must run inside ``hwflow.dataflow.finn.session``.

    Raises:
        UnsupportedModelError: naming the node that has no exact RTL.
        ConfigError: the folding target cannot be met.
    """
    graphs.mkdir(parents=True, exist_ok=True)
    save_network(network, graphs / NETWORK_FILE)
    model = backend.to_hardware(network)
    model.save(str(graphs / LAYERS_GRAPH))
    for file, step in STEPS:
        model = step(model, config)
        model.save(str(graphs / file))
    return model


def build_stage(network: Network, config: StageConfig, folder: Path, finn: Finn) -> Stage:
    """Build the stage of ``network`` into ``folder`` (graphs, RTL) and describe it.

    Raises:
        UnsupportedModelError, ConfigError: as ``convert``.
    """
    from finn.transformation.fpgadataflow.prepare_ip import PrepareIP

    model = convert(network, config, folder / GRAPHS / config.name)
    hardware = describe(model, config.name, frame_beats=config.frame_beats)
    # Applied without ``transform``, which copies the model and sorts its nodes anew.
    model, _ = PrepareIP(config.part, config.clk_period_ns).apply(model)
    return Stage(hardware, stitch(model, config.name, folder, finn.rtllib))
