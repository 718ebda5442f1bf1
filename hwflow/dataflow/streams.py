"""Width converters and FIFOs between the layers of a stage.

A stage is a directed graph of layers without cycles; each tensor is one stream, with one reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np

from hwflow.cost.latency import PIPELINE_CYCLES
from hwflow.dataflow.estimate import first_fraction
from hwflow.dataflow.flatten import share_equal_thresholds

Model = Any
Node = Any

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"
# Words that cut the combinational ready path between two layers and cover their latency.
SLACK_WORDS = 4
# Matrix units that need this share of the pace-setting layer's cycles must not wait for refills.
CRITICAL_SHARE = 0.8

MATRIX_UNITS = frozenset({"MVAU_rtl", "HwfXnorMVAU_rtl", "HwfMVAU_rtl"})
WINDOW = "ConvolutionInputGenerator_rtl"
FIFO = "HwfFIFO_rtl"
CONVERTER = "StreamingDataWidthConverter_rtl"


def stream_inputs(model: Model, node: Node) -> list[str]:
    """Return the inputs of ``node`` that are streams, not parameters."""
    return [name for name in node.input if model.get_initializer(name) is None]


def fifo_depth(consumer: Any, window: Any | None, ii_cycles: int) -> int:
    """Return the words in front of ``consumer`` so that neither side waits for bursts.

    A matrix unit takes the SF = MW/SIMD words of a vector one a clock and then computes without
    reading, so it gets one vector. A window generator fills (k - 1) rows and k pixels before it
    can answer, and does not take the next frame's while it still emits this one's windows: the
    FIFO holds as much. Other units never pause by themselves. ``SLACK_WORDS`` more cover
    latencies.

    While a window generator fills, a matrix unit behind it that sets the pace (``ii_cycles``)
    must not starve: it gets as many vectors more as it computes in that time. That all this
    reaches the bound of the largest fold count is checked in simulation
    (``hardware.ii_cycles``), not assumed.

    Args:
        consumer: the FINN layer that reads the FIFO.
        window: the window generator whose vectors it reads, if it does.
        ii_cycles: the largest fold count of the stage.
    """
    kind = consumer.onnx_node.op_type
    beats = tuple(int(size) for size in consumer.get_folded_input_shape()[:-1])
    if kind in MATRIX_UNITS:
        return beats[-1] * (1 + _vectors_in_refill(consumer, window, ii_cycles)) + SLACK_WORDS
    if kind == WINDOW:
        return _refill(consumer) + SLACK_WORDS
    return SLACK_WORDS + 1


def _vectors_in_refill(matrix: Any, window: Any | None, ii_cycles: int) -> int:
    cycles = int(matrix.get_exp_cycles())
    if window is None or cycles < CRITICAL_SHARE * ii_cycles:
        return 0
    vectors = int(np.prod(matrix.get_nodeattr("numInputVectors")))
    return -(-_refill(window) * vectors // cycles)


def _refill(window: Any) -> int:
    """Return the words that a window generator takes before its first output."""
    _, _, width, folds, _ = (int(size) for size in window.get_folded_input_shape())
    spans = _spans(window)
    return int(((spans[0] - 1) * width + spans[1]) * folds)


def _spans(window: Any) -> tuple[int, int]:
    """Return the rows and columns from a window's first to its last pixel."""
    kernel, dilation = window.get_nodeattr("ConvKernelDim"), window.get_nodeattr("Dilation")
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


def join_depth(beats: int, lead: float) -> int:
    """Return the words in front of one input of a join whose other input comes later.

    The branches of a join start at one duplicator, which waits for the slower reader. While the
    long branch fills before its first output, the short one must take all that the duplicator
    sends, or neither moves again. ``lead`` is the difference, in frames, of what the branches
    hold: the sum over a branch's layers of the part of a frame that each reads before its first
    output, of its latency, and of its FIFOs; with it the branches never wait for each other
    either. A frame is the most that is ever needed.

    Args:
        beats: words of a frame on this input.
        lead: frames that the other branch holds beyond this one's.
    """
    return ceil(beats * min(1.0, max(0.0, lead))) + SLACK_WORDS + 1


def fifo_shape(words: int, in_lanes: int, lanes: int) -> tuple[int, int]:
    """Return depth and lanes of the FIFO that holds ``words`` as their reader takes them.

    It stands in front of a converter to fewer lanes, and behind one to more.
    """
    if in_lanes <= lanes:
        return words, lanes
    return max(SLACK_WORDS + 1, ceil(words * lanes / in_lanes)), in_lanes


@dataclass
class _Stream:
    """The producing port of a stream; ``held``: frames between the input and here at most."""

    operator: Any | None
    port: int
    window: Any | None
    held: float


def connect(model: Model, *, beat_bytes: int | None = None) -> Model:
    """Insert the converters and FIFOs, as RTL layers, in place, in front of their readers.

    ``beat_bytes``: of a frame, that arrive in a clock at most; None: no fewer than the stage takes.
    """
    from qonnx.custom_op.registry import getCustomOp

    share_equal_thresholds(model)
    nodes = list(model.graph.node)
    operators = [getCustomOp(node) for node in nodes]
    ii_cycles = max(int(operator.get_exp_cycles()) for operator in operators)
    streams = {model.graph.input[0].name: _Stream(None, 0, None, 0.0)}
    connected: list[Node] = []
    for node, operator in zip(nodes, operators, strict=True):
        inputs = stream_inputs(model, node)
        latest = max(streams[name].held for name in inputs)
        held = 0.0
        for port, name in enumerate(inputs):
            stream = streams[name]
            depth = fifo_depth(operator, stream.window, ii_cycles)
            if len(inputs) > 1:
                beats = prod(operator.get_folded_input_shape(port)[:-1])
                depth = join_depth(int(beats), latest - stream.held)
            if stream.operator is None:
                added, words = _entry(model, operator, name, depth, beat_bytes)
            else:
                added, words = _link(model, stream, operator, port, name, depth)
            connected += added
            held = max(held, stream.held + words)
        held += first_fraction(operator) + PIPELINE_CYCLES / ii_cycles
        connected.append(node)
        window = operator if node.op_type == WINDOW else None
        for port, name in enumerate(node.output):
            streams[name] = _Stream(operator, port, window, held)
    del model.graph.node[:]
    model.graph.node.extend(connected)
    return model


def _entry(
    model: Model, consumer: Any, name: str, depth: int, beat_bytes: int | None
) -> tuple[list[Node], float]:
    """Return the FIFO at the stage's input port, where one is needed, and the frames it holds.

    A matrix unit takes a vector's words one a clock and then computes. If they arrive slower than
    that, it would wait for each, and they would have to wait while it computes.
    """
    node = consumer.onnx_node
    bits = int(consumer.get_input_datatype().bitwidth())
    lanes = int(consumer.get_folded_input_shape()[-1])
    if node.op_type not in MATRIX_UNITS or beat_bytes is None or lanes * bits <= 8 * beat_bytes:
        return [], 0.0
    shape = [int(size) for size in consumer.get_normal_input_shape()]
    fifo = _Link(
        FIFO,
        f"{node.name}_in0_fifo",
        f"{name}__fifo",
        shape,
        {"depth": depth, "lanes": lanes, "normal_shape": shape},
    )
    made = _make(model, fifo, name, consumer.get_input_datatype())
    node.input[list(node.input).index(name)] = fifo.stream
    return [made], depth / (prod(shape) // lanes)


def _link(
    model: Model, source: _Stream, consumer: Any, port: int, name: str, depth: int
) -> tuple[list[Node], float]:
    """Return the nodes between ``source`` and a port of ``consumer``, and the frames they hold.

    ``depth``: words as the consumer takes them. A converter to more lanes stands in front of the
    FIFO, which then holds whole words. One to fewer stands behind it: it takes several clocks for a
    word, in which a producer that sends in bursts, as window generators do, would have to wait.
    """
    producer: Any = source.operator
    node = consumer.onnx_node
    datatype = producer.get_output_datatype(source.port)
    bits = int(datatype.bitwidth())
    lanes = int(consumer.get_folded_input_shape(port)[-1])
    in_lanes = int(producer.get_folded_output_shape(source.port)[-1])
    shape = [int(size) for size in consumer.get_normal_input_shape(port)]
    in_shape = [int(size) for size in producer.get_normal_output_shape(source.port)]
    first = in_lanes > lanes  # the FIFO
    depth, kept_lanes = fifo_shape(depth, in_lanes, lanes)
    kept = in_shape if first else shape
    fifo = _Link(
        FIFO,
        f"{node.name}_in{port}_fifo",
        f"{name}__fifo",
        kept,
        {"depth": depth, "lanes": kept_lanes, "normal_shape": kept},
    )
    width = _Link(
        CONVERTER,
        f"{node.name}_in{port}_width",
        f"{name}__width",
        shape,
        {
            "inShape": in_shape,
            "outShape": shape,
            "inWidth": in_lanes * bits,
            "outWidth": lanes * bits,
        },
    )
    links = [fifo] if in_lanes == lanes else [fifo, width] if first else [width, fifo]
    nodes, stream = [], name
    for link in links:
        nodes.append(_make(model, link, stream, datatype))
        stream = link.stream
    node.input[list(node.input).index(name)] = stream
    return nodes, depth / (prod(kept) // kept_lanes)


@dataclass(frozen=True)
class _Link:
    """A converter or FIFO that writes ``stream``, which carries a tensor of ``shape``."""

    op: str
    name: str
    stream: str
    shape: list[int]
    attributes: dict[str, Any]


def _make(model: Model, link: _Link, source: str, datatype: Any) -> Node:
    from onnx import helper

    model.set_tensor_shape(link.stream, link.shape)
    model.set_tensor_datatype(link.stream, datatype)
    return helper.make_node(
        link.op,
        [source],
        [link.stream],
        name=link.name,
        domain=RTL_DOMAIN,
        backend="fpgadataflow",
        dataType=datatype.name,
        **link.attributes,
    )
