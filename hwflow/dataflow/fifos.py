"""Depths of an accelerator's FIFOs after the build: told in ``fifos.json``, and changed.

Depths are parameters in a stage's top module alone, so another depth needs no new code of a layer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.base import load
from hwflow.config.fifos import Fifo, Fifos, FifoSource, StageFifos, write_fifos
from hwflow.cost.fifo import fifo_memory
from hwflow.dataflow import finn
from hwflow.dataflow.describe import describe
from hwflow.dataflow.stage import GRAPHS, HARDWARE_GRAPH
from hwflow.dataflow.stitch import fifo_nodes, write_top
from hwflow.dataflow.verify import load_graph
from hwflow.errors import ConfigError

Model = Any


def stage_fifos(model: Model, name: str) -> StageFifos:
    """Return the FIFOs of the hardware graph of stage ``name``; inside ``finn.session``."""
    from qonnx.custom_op.registry import getCustomOp

    fifos = []
    for node in fifo_nodes(model):
        operator = getCustomOp(node)
        depth, bits = operator.get_nodeattr("depth"), operator.get_outstream_width()
        fifos.append(
            Fifo(
                name=node.name,
                depth_words=depth,
                bits=bits,
                found=operator.get_nodeattr("found"),
                memory=fifo_memory(depth, bits).value,
            )
        )
    return StageFifos(name=name, fifos=tuple(fifos))


def read_fifos(folder: Path) -> Fifos:
    """Return the FIFOs of the accelerator in ``folder`` as it is built."""
    design = load(Accelerator, folder / DESIGN_FILE)
    with tempfile.TemporaryDirectory(prefix="hwflow-finn-") as scratch, finn.session(Path(scratch)):
        stages = tuple(
            stage_fifos(load_graph(folder / GRAPHS / stage.name / HARDWARE_GRAPH), stage.name)
            for stage in design.stages
        )
    return Fifos(schema_version=1, stages=stages)


def set_depths(folder: Path, depths: Mapping[str, int], found: FifoSource) -> Accelerator:
    """Give the FIFOs of the accelerator in ``folder`` the ``depths``, by name; return it.

    ``depths`` names every FIFO. Changes each stage's top module, its saved hardware graph and
    ``design.json``.

    Raises:
        ConfigError: a FIFO is missing from ``depths``, or there is none of that name.
    """
    design = load(Accelerator, folder / DESIGN_FILE)
    left = set(depths)
    stages = []
    with tempfile.TemporaryDirectory(prefix="hwflow-finn-") as scratch, finn.session(Path(scratch)):
        for stage in design.stages:
            path = folder / GRAPHS / stage.name / HARDWARE_GRAPH
            model = load_graph(path)
            _assign(model, depths, found)
            left -= {node.name for node in fifo_nodes(model)}
            model.save(str(path))
            write_top(model, stage.name, folder)
            told = describe(model, stage.name).layers
            stages.append(stage.model_copy(update={"layers": told}))
    if left:
        raise ConfigError(
            f"FIFO depths: {design.name} has no FIFO called {sorted(left)[0]}; the names are in "
            "its fifos.json"
        )
    design = design.model_copy(update={"stages": tuple(stages)})
    (folder / DESIGN_FILE).write_text(design.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return design


def keep_formula(folder: Path) -> Fifos:
    """Leave the accelerator's FIFOs as deep as they are; write ``fifos.json``."""
    fifos = read_fifos(folder)
    write_fifos(fifos, folder)
    return fifos


def take_given(folder: Path, given: Fifos) -> Fifos:
    """Make the FIFOs of the accelerator in ``folder`` as deep as ``given``; write ``fifos.json``.

    Raises:
        ConfigError: as ``set_depths``.
    """
    depths = {fifo.name: fifo.depth_words for stage in given.stages for fifo in stage.fifos}
    set_depths(folder, depths, "given")
    return keep_formula(folder)


def _assign(model: Model, depths: Mapping[str, int], found: FifoSource) -> None:
    from qonnx.custom_op.registry import getCustomOp

    for node in fifo_nodes(model):
        if node.name not in depths:
            raise ConfigError(f"FIFO depths: none is given for {node.name}; add it")
        operator = getCustomOp(node)
        operator.set_nodeattr("depth", depths[node.name])
        operator.set_nodeattr("found", found)
