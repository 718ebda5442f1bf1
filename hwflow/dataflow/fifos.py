"""Depths of an accelerator's FIFOs after the build: told in ``fifos.json``, and changed.

Depths are parameters in a stage's top module alone, so another depth needs no new code of a layer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hwflow.config.accelerator import DESIGN_FILE, Accelerator
from hwflow.config.base import load
from hwflow.config.fifos import (
    MAX_DEPTH_WORDS,
    Fifo,
    Fifos,
    FifoSource,
    StageFifos,
    write_fifos,
)
from hwflow.cost.fifo import fifo_memory
from hwflow.dataflow import finn
from hwflow.dataflow.describe import describe
from hwflow.dataflow.stage import GRAPHS, HARDWARE_GRAPH
from hwflow.dataflow.stitch import fifo_nodes, write_top
from hwflow.dataflow.verify import load_graph
from hwflow.errors import ConfigError, UnsupportedModelError

Model = Any


def stage_fifos(model: Model, name: str) -> StageFifos:
    """Return the FIFOs of the hardware graph of stage ``name``; inside ``finn.session``.

    Raises:
        UnsupportedModelError: one is deeper than a FIFO can be.
    """
    from qonnx.custom_op.registry import getCustomOp

    fifos = []
    for node in fifo_nodes(model):
        operator = getCustomOp(node)
        depth, bits = operator.get_nodeattr("depth"), operator.get_outstream_width()
        if depth > MAX_DEPTH_WORDS:
            raise UnsupportedModelError(
                f"its {depth} words of {bits} bits are more than the {MAX_DEPTH_WORDS} that a FIFO "
                "holds; fold the layer behind it for more elements a word, or give a smaller frame",
                node=node.name,
            )
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
    stages = []
    with tempfile.TemporaryDirectory(prefix="hwflow-finn-") as scratch, finn.session(Path(scratch)):
        paths = {
            stage.name: folder / GRAPHS / stage.name / HARDWARE_GRAPH for stage in design.stages
        }
        models = {name: load_graph(path) for name, path in paths.items()}
        names = [node.name for model in models.values() for node in fifo_nodes(model)]
        _check_names(names, depths, design.name)
        for stage in design.stages:
            model = models[stage.name]
            _assign(model, depths, found)
            model.save(str(paths[stage.name]))
            write_top(model, stage.name, folder)
            told = describe(model, stage.name).layers
            stages.append(stage.model_copy(update={"layers": told}))
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
        ConfigError: stages, names or widths are not those of the accelerator.
    """
    built = {stage.name: stage for stage in read_fifos(folder).stages}
    depths = {}
    for stage in given.stages:
        if stage.name not in built:
            raise ConfigError(
                f"FIFO depths: there is no stage {stage.name}; the stages are {', '.join(built)}"
            )
        own = {fifo.name: fifo for fifo in built[stage.name].fifos}
        _check_names(list(own), [fifo.name for fifo in stage.fifos], f"stage {stage.name}")
        for fifo in stage.fifos:
            bits = own[fifo.name].bits
            if fifo.bits not in {None, bits}:
                raise ConfigError(
                    f"FIFO depths: stage {stage.name}, FIFO {fifo.name}: bits is {fifo.bits}, here "
                    f"its words have {bits}; the file was made for another folding"
                )
            depths[fifo.name] = fifo.depth_words
    set_depths(folder, depths, "given")
    return keep_formula(folder)


def _check_names(names: Sequence[str], given: Collection[str], where: str) -> None:
    """Refuse ``given`` unless it has each of ``names``, and no other."""
    for name in given:
        if name not in names:
            raise ConfigError(
                f"FIFO depths: {where} has no FIFO called {name}; the names are in its fifos.json"
            )
    for name in names:
        if name not in given:
            raise ConfigError(f"FIFO depths: {where}: none is given for {name}; add it")


def _assign(model: Model, depths: Mapping[str, int], found: FifoSource) -> None:
    from qonnx.custom_op.registry import getCustomOp

    for node in fifo_nodes(model):
        operator = getCustomOp(node)
        operator.set_nodeattr("depth", depths[node.name])
        operator.set_nodeattr("found", found)
