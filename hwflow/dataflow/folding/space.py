"""The folding space of the stages of one design: options of every layer, streams between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from hwflow.dataflow.folding.options import DEPTHWISE, Option, layer_options, set_fold
from hwflow.dataflow.folding.problem import (
    RESOURCES,
    Edge,
    FloatArray,
    IntArray,
    Node,
    Problem,
    vector,
)
from hwflow.dataflow.resources import converter_resources, fifo_resources
from hwflow.dataflow.streams import (
    CRITICAL_SHARE,
    MATRIX_UNITS,
    WINDOW,
    connect,
    fifo_depth,
    fifo_shape,
    join_depth,
    stream_inputs,
)

Model = Any

_ILLEGAL = np.full(len(RESOURCES), np.inf)


@dataclass(frozen=True, eq=False)
class Layer:
    """One hardware layer of stage ``stage``; ``name`` is its stable name within the stage."""

    stage: int
    name: str
    operator: Any
    options: tuple[Option, ...]

    @property
    def kind(self) -> str:
        """The type of the hardware node."""
        return str(self.operator.onnx_node.op_type)


@dataclass(frozen=True, eq=False)
class Stream:
    """A stream of elements of ``bits`` between two layers, by index.

    ``held``: at a join, the part of a frame that its FIFO holds, however the layers are folded.
    """

    source: int
    target: int
    bits: int
    held: float | None


@dataclass(frozen=True, eq=False)
class Space:
    """Layers in order of execution, stage after stage, and the streams between them."""

    layers: tuple[Layer, ...]
    streams: tuple[Stream, ...]
    stages: int

    def problem(
        self, limits: Sequence[float], *, fixed: FloatArray | None = None
    ) -> tuple[Problem, tuple[IntArray, ...]]:
        """Return the problem of meeting ``limits``, cycles per frame of each stage.

        With it, for each layer, the indices of the options within its stage's limit. FIFOs are
        those by formula for stages as slow as their limits. Leaves layers at arbitrary foldings.
        """
        kept = tuple(
            np.array(
                [i for i, o in enumerate(layer.options) if o.cycles <= limits[layer.stage]],
                dtype=np.int64,
            )
            for layer in self.layers
        )
        nodes = tuple(
            Node(
                layer.name,
                layer.stage,
                np.array([layer.options[i].cycles for i in keep], dtype=np.int64),
                np.array([vector(layer.options[i].resources) for i in keep]).reshape(
                    -1, len(RESOURCES)
                ),
            )
            for layer, keep in zip(self.layers, kept, strict=True)
        )
        edges = tuple(self._edge(stream, kept, limits) for stream in self.streams)
        return Problem(nodes, edges, np.zeros(len(RESOURCES)) if fixed is None else fixed), kept

    def _edge(self, stream: Stream, kept: Sequence[IntArray], limits: Sequence[float]) -> Edge:
        source, target = self.layers[stream.source], self.layers[stream.target]
        before = [source.options[i] for i in kept[stream.source]]
        behind = [target.options[i] for i in kept[stream.target]]
        pace = limits[target.stage]
        windows = source.kind == WINDOW
        # Options that cost the same with every option of the other side share a class.
        source_keys = [option.fold if windows else option.out_lanes for option in before]
        target_keys = [
            _target_key(target, option, pace if windows else np.inf) for option in behind
        ]
        sources, source_class = _classes(source_keys)
        targets, target_class = _classes(target_keys)
        cost = np.array(
            [
                [
                    self._price(stream, before[a], behind[b], pace)
                    for b in (target_keys.index(key) for key in targets)
                ]
                for a in (source_keys.index(key) for key in sources)
            ]
        ).reshape(len(sources), len(targets), len(RESOURCES))
        return Edge(stream.source, stream.target, source_class, target_class, cost)

    def _price(self, stream: Stream, before: Option, behind: Option, pace: float) -> FloatArray:
        source, target = self.layers[stream.source], self.layers[stream.target]
        if not fits(source, before, target, behind):
            return _ILLEGAL
        words = behind.fifo_words
        if stream.held is not None:
            words = join_depth(behind.beats, stream.held)
        elif source.kind == WINDOW and _critical(target, behind, pace):
            set_fold(source.operator, before.fold)
            set_fold(target.operator, behind.fold)
            words = fifo_depth(target.operator, source.operator, int(pace))
        return _stream_cost(before.out_lanes, behind.in_lanes, words, stream.bits)


def fits(source: Layer, before: Option, target: Layer, behind: Option) -> bool:
    """Whether two options can follow each other.

    A depthwise unit reads windows in the order of its own lanes, which the generator must emit.
    """
    if source.kind != WINDOW or target.kind != DEPTHWISE:
        return True
    whole = before.fold.parallel_window == 1
    return behind.fold.pe == before.fold.simd and (whole or behind.fold.simd == 1)


def _critical(target: Layer, option: Option, pace: float) -> bool:
    return target.kind in MATRIX_UNITS and option.cycles >= CRITICAL_SHARE * pace


def _target_key(target: Layer, option: Option, pace: float) -> object:
    if target.kind == DEPTHWISE:
        return (option.fold.pe, option.fold.simd)
    return (option.in_lanes, option.cycles if _critical(target, option, pace) else 0)


def _classes(keys: Sequence[object]) -> tuple[list[object], IntArray]:
    """Return the distinct keys in order and the place of each one among them."""
    distinct = list(dict.fromkeys(keys))
    places = {key: place for place, key in enumerate(distinct)}
    return distinct, np.array([places[key] for key in keys], dtype=np.int64)


@cache
def _stream_cost(lanes: int, next_lanes: int, words: int, bits: int) -> FloatArray:
    """Return converter and FIFO between two layers; ``words`` are those of the reader."""
    depth, held_lanes = fifo_shape(words, lanes, next_lanes)
    return vector(
        converter_resources(lanes * bits, next_lanes * bits)
        + fifo_resources(depth, held_lanes * bits)
    )


def space_of(models: Sequence[Model]) -> Space:
    """Return the folding space of the unfolded hardware graphs ``models``, one per stage.

    Their layers are left at arbitrary foldings.
    """
    layers: list[Layer] = []
    streams: list[Stream] = []
    for stage, model in enumerate(models):
        _append(stage, model, layers, streams)
    return Space(tuple(layers), tuple(streams), len(models))


def _append(stage: int, model: Model, layers: list[Layer], streams: list[Stream]) -> None:
    from qonnx.custom_op.registry import getCustomOp

    held = _held_at_joins(model)
    producers: dict[str, tuple[int, int]] = {}  # tensor → layer, port
    for node in model.graph.node:
        operator = getCustomOp(node)
        index = len(layers)
        layers.append(Layer(stage, stable_name(node), operator, layer_options(model, operator)))
        for name in stream_inputs(model, node):
            if name in producers:
                source, port = producers[name]
                bits = int(layers[source].operator.get_output_datatype(port).bitwidth())
                streams.append(Stream(source, index, bits, held.get(name)))
        producers |= {name: (index, port) for port, name in enumerate(node.output)}


def stable_name(node: Any) -> str:
    """Return a layer's name without the unit's type: ``conv0``, ``conv0.window``."""
    name = str(node.name).removesuffix(f"_{node.op_type}")
    return f"{name}.window" if node.op_type == WINDOW else name


def _held_at_joins(model: Model) -> dict[str, float]:
    """Return, for each input stream of a join, the part of a frame that its FIFO holds.

    It follows from the windows of the branches, hardly from their folding.
    """
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.custom_op.registry import getCustomOp

    joins = [node for node in model.graph.node if len(stream_inputs(model, node)) > 1]
    if not joins:
        return {}
    copy = connect(ModelWrapper(model.model, make_deepcopy=True))
    nodes = {node.name: node for node in copy.graph.node}
    held = {}
    for join in joins:
        for port, name in enumerate(stream_inputs(model, join)):
            fifo = getCustomOp(nodes[f"{join.name}_in{port}_fifo"])
            beats = int(np.prod(fifo.get_folded_input_shape()[:-1]))
            held[name] = min(1.0, int(fifo.get_nodeattr("depth")) / beats)
    return held
