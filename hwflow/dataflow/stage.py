"""One stage: the named steps from a QONNX file to stitched RTL, each graph kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwflow.config.accelerator import Layer, StageHardware
from hwflow.dataflow import backend, frontend
from hwflow.dataflow.estimate import latency_cycles
from hwflow.dataflow.finn import Finn
from hwflow.dataflow.folding import fold
from hwflow.dataflow.stitch import stitch
from hwflow.dataflow.streams import connect
from hwflow.errors import ConfigError, UnsupportedModelError

Model = Any

GRAPHS = "graphs"
# The last graph before code generation: what is built, and what ``verify_graph`` executes.
HARDWARE_GRAPH = "hardware.onnx"
STREAMLINED_GRAPH = "streamlined.onnx"


@dataclass(frozen=True)
class StageConfig:
    """What the steps of one stage need: its module ``name``, target, part and clock."""

    name: str
    part: str
    clk_period_ns: float
    target_ii_cycles: int


Step = Callable[[Model, StageConfig], Model]


def _import(model: Model, config: StageConfig) -> Model:
    return frontend.import_qonnx(model)


def _streamline(model: Model, config: StageConfig) -> Model:
    model = frontend.check_thresholds(frontend.streamline(model))
    model = frontend.take_score_scale(frontend.drop_input_transpose(model))
    return frontend.permute_flatten(model)


def _to_hardware(model: Model, config: StageConfig) -> Model:
    model = backend.infer_max_pools(backend.infer_binary_layers(model))
    return backend.minimise_widths(backend.infer_finn_layers(model))


def _specialise(model: Model, config: StageConfig) -> Model:
    return backend.specialise(model, config.part)


def _fold(model: Model, config: StageConfig) -> Model:
    return fold(model, config.target_ii_cycles)


def _connect(model: Model, config: StageConfig) -> Model:
    from qonnx.transformation.general import GiveReadableTensorNames, GiveUniqueNodeNames

    model = connect(model, config.part)
    model = model.transform(GiveUniqueNodeNames(prefix=f"{config.name}_"))
    return model.transform(GiveReadableTensorNames())


STEPS: tuple[tuple[str, Step], ...] = (
    ("imported.onnx", _import),
    (STREAMLINED_GRAPH, _streamline),
    ("layers.onnx", _to_hardware),
    ("rtl_layers.onnx", _specialise),
    ("folded.onnx", _fold),
    (HARDWARE_GRAPH, _connect),
)


@dataclass(frozen=True)
class Stage:
    """A built stage: its part of ``design.json`` and its sources relative to the folder."""

    hardware: StageHardware
    sources: tuple[str, ...]


def convert(qonnx: Path, config: StageConfig, graphs: Path) -> Model:
    """Return the hardware graph of ``qonnx``, saving the graph after each step in ``graphs``.

    Must run inside ``hwflow.dataflow.finn.session``.

    Raises:
        UnsupportedModelError: naming the node that has no exact RTL.
        ConfigError: the folding target cannot be met.
    """
    from qonnx.core.modelwrapper import ModelWrapper

    try:
        model = ModelWrapper(str(qonnx))
    except Exception as error:  # onnx raises protobuf's own exceptions
        raise ConfigError(f"{qonnx}: not an ONNX file ({error})") from error
    graphs.mkdir(parents=True, exist_ok=True)
    for file, step in STEPS:
        model = step(model, config)
        model.save(str(graphs / file))
    return model


def build_stage(qonnx: Path, config: StageConfig, folder: Path, finn: Finn) -> Stage:
    """Build the stage of ``qonnx`` into ``folder`` (graphs, RTL) and describe it.

    Raises:
        UnsupportedModelError, ConfigError: as ``convert``.
    """
    from finn.transformation.fpgadataflow.prepare_ip import PrepareIP

    model = convert(qonnx, config, folder / GRAPHS / config.name)
    hardware = describe(model, config.name)
    model = model.transform(PrepareIP(config.part, config.clk_period_ns))
    return Stage(hardware, stitch(model, config.name, folder, finn.rtllib))


def describe(model: Model, name: str) -> StageHardware:
    """Return the description of the hardware graph ``model``."""
    from qonnx.custom_op.registry import getCustomOp

    nodes = list(model.graph.node)
    first, last = getCustomOp(nodes[0]), getCustomOp(nodes[-1])
    scores = last.get_output_datatype()
    if not scores.signed():
        raise UnsupportedModelError(
            f"scores of type {scores.name}: expected signed integers", node=nodes[-1].name
        )
    layers = tuple(_layer(getCustomOp(node)) for node in nodes)
    return StageHardware(
        name=name,
        top=name,
        in_bytes=first.get_instream_width_padded() // 8,
        score_bits=scores.bitwidth(),
        score_lanes=int(last.get_folded_output_shape()[-1]),
        ii_bound_cycles=max(layer.cycles for layer in layers),
        latency_estimate_cycles=latency_cycles(model),
        layers=layers,
    )


def _layer(operator: Any) -> Layer:
    node = operator.onnx_node
    known = operator.get_nodeattr_types()

    def attribute(name: str) -> int | None:
        return int(operator.get_nodeattr(name)) if name in known else None

    mw, mh = attribute("MW"), attribute("MH")
    bits, macs = None, 0
    if mw is not None and mh is not None:
        own = node.op_type.startswith("Hwf")
        bits = 1 if own else operator.get_input_datatype(1).bitwidth()
        macs = mw * mh * math.prod(operator.get_nodeattr("numInputVectors"))
    return Layer(
        name=node.name,
        op=node.op_type,
        backend="hwflow" if node.op_type.startswith("Hwf") else "finn",
        module=operator.get_verilog_top_module_name(),
        pe=attribute("PE"),
        simd=attribute("SIMD"),
        mw=mw,
        mh=mh,
        weight_bit_width=bits,
        cycles=int(operator.get_exp_cycles()),
        macs=macs,
        fifo_depth_words=attribute("depth"),
    )
