"""Comparison of the integer network with the file's own execution in floats, by qonnx.

Each quantiser of the file is compared with the function that the network has for it, both fed the
file's own codes of the layer's input, so that a difference shows where it arises. Exact integers
and float32 may differ where a float lies on the boundary between two codes, to the rounding of
float32: a tie. Ties are counted; every other difference is an error.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from hwflow.config.bundle import Link
from hwflow.errors import VerificationError
from hwflow.lower.emit import QONNX, execute
from hwflow.lower.evaluate import BATCH, apply, as_integers, evaluate
from hwflow.lower.graph import TAILS, Graph
from hwflow.lower.lowering import Lowered, trace
from hwflow.lower.lowering.context import Mark
from hwflow.lower.lowering.ending import ScoreTail, strip_tail
from hwflow.lower.lowering.input_spec import InputSpec, ResolvedInput
from hwflow.lower.lowering.stretch import Float32s, Float64s
from hwflow.lower.network import IntArray, Network
from hwflow.lower.read.file import load

ACTIVATIONS = "file ↔ integer network: activations"
SCORES = "file ↔ integer network: scores"
LABELS = "file ↔ integer network: labels"
FILE = "file ↔ its normal form: outputs"

# Rounding errors of float32 that a difference may be blamed on: a sum of products and the handful
# of operators behind it each err by half a unit in the last place of the largest number met.
_ROUNDING = 8 * 2.0**-24
# Outputs of the file and of its normal form, relative to the largest: both are float32, but their
# operators may be grouped in another way.
_CLOSE = 1e-4

_log = logging.getLogger(__name__)


@dataclass
class _Count:
    """Integers compared and ties; ``frames``: ties of each frame."""

    frames: NDArray[np.int64]
    compared: int = 0
    ties: int = 0


@dataclass
class _Local:
    """What the network makes of the file's own codes, layer by layer."""

    count: _Count
    values: dict[str, IntArray] = field(default_factory=dict)


def check_qonnx(
    path: Path, graph: Graph, network: Network, spec: InputSpec, frames: NDArray[np.integer[Any]]
) -> tuple[Link, ...]:
    """Return the links between the file ``path`` and ``network`` on ``frames`` (N, H, W, C) bytes.

    ``graph`` is ``read(path)`` and ``network`` is ``lower(graph, spec)``. Links: activations and
    scores of single layers, labels of the whole network, and outputs of the file itself against
    its normal form. Ties are differences that float32 rounding explains.

    Raises:
        VerificationError: naming node and first frame of any other difference.
    """
    lowered = trace(graph, spec)
    count, scores = _Count(np.zeros(0, np.int64)), _Count(np.zeros(0, np.int64))
    labels, outputs = [], []
    ending = strip_tail(graph)
    for start in range(0, len(frames), BATCH):
        part = frames[start : start + BATCH]
        inputs = _floats(graph, network, lowered.input, part)
        context = execute(graph, inputs, without=ending.dropped)
        local = _Local(_Count(np.zeros(len(part), np.int64)))
        _compare_activations(network, lowered, context, part, local, start)
        _compare_scores(network, lowered, context, local, scores, start)
        labels.append(_compare_labels(network, lowered.tail, context, part, local.count, start))
        outputs.append(context[ending.output])
        count.compared += local.count.compared
        count.ties += local.count.ties
    changed = sum(labels)
    links = [
        Link(link=ACTIVATIONS, compared=count.compared, mismatches=0, ties=count.ties),
        Link(link=SCORES, compared=scores.compared, mismatches=0, ties=scores.ties),
        Link(link=LABELS, compared=len(frames), mismatches=0, ties=changed),
    ]
    own = _compare_file(path, graph, network, lowered.input, frames, np.concatenate(outputs))
    return (*links, own) if own is not None else tuple(links)


def _floats(
    graph: Graph, network: Network, resolved: ResolvedInput, frames: NDArray[np.integer[Any]]
) -> Float32s:
    """Return the graph's float inputs (N, C, H, W) or (N, K) of ``frames``."""
    scale, shift = (np.array(values, np.float64) for values in (resolved.scale, resolved.shift))
    maps = (as_integers(network, frames) * scale + shift).astype(np.float32)
    shape = graph.shapes[graph.input]
    if len(shape) == 2:
        return maps.reshape(len(frames), -1)
    return np.ascontiguousarray(maps.transpose(0, 3, 1, 2))


def _compare_activations(
    network: Network,
    lowered: Lowered,
    context: Any,
    frames: NDArray[np.integer[Any]],
    local: _Local,
    start: int,
) -> None:
    """Run ``network`` on ``frames``, each layer on the file's codes of what it reads."""
    marks: dict[str, list[Mark]] = {}
    for mark in lowered.marks:
        marks.setdefault(mark.tensor, []).append(mark)
    values = local.values
    values[network.input.name] = as_integers(network, frames)
    for name in network.tensors:
        if name not in values:
            layer = next(layer for layer in network.layers if layer.output.name == name)
            values[name] = apply(layer, values)
        for mark in marks.get(name, ()):
            values[name] = _compare_codes(network, mark, context[mark.output], local, start)


def _compare_codes(
    network: Network, mark: Mark, reals: Float32s, local: _Local, start: int
) -> IntArray:
    """Return the file's codes of ``mark`` after comparing them with the network's."""
    got = local.values[mark.tensor]
    defined = _defined(mark, local.values[mark.source])
    if not np.array_equal(defined, got):
        _raise(
            f"thresholds of node {mark.quantiser.op.name!r}", defined, got, defined != got, start
        )
    places = np.empty((len(reals), mark.index.size), np.float64)
    places[:, mark.index.ravel()] = reals.reshape(len(reals), -1)
    steps = (places.reshape(got.shape) - mark.offset) / mark.scale
    expected = np.rint(steps).astype(np.int64)
    local.count.compared += expected.size
    differing = np.argwhere(expected != got)
    if not len(differing):
        return expected
    right = tuple(differing.T)
    ties = _ties(network, mark, local.values[mark.source][right], right[-1], expected, got, right)
    if not ties.all():
        wrong = np.zeros(got.shape, np.bool_)
        wrong[right] = ~ties
        _raise(f"{ACTIVATIONS} of node {mark.quantiser.op.name!r}", expected, got, wrong, start)
    local.count.ties += len(differing)
    np.add.at(local.count.frames, differing[:, 0], 1)
    return expected


def _defined(mark: Mark, source: IntArray) -> IntArray:
    """Return the codes (N, H, W, C) that the stretch and quantiser of ``mark`` define."""
    channels = source.shape[-1]
    columns = source.reshape(-1, channels).T
    codes = mark.quantiser.codes(mark.stretch.evaluate(columns))
    shift = np.rint((mark.quantiser.offset - mark.offset) / mark.scale).astype(np.int64)
    result: IntArray = (codes + shift[:, np.newaxis]).T.reshape(source.shape)
    return result


def _raise(
    link: str, expected: IntArray, got: IntArray, wrong: NDArray[np.bool_], start: int
) -> NoReturn:
    """Raise an error that names the first of the differences ``wrong`` (N, H, W, C)."""
    first = tuple(int(place) for place in np.argwhere(wrong)[0])
    raise VerificationError(
        link,
        compared=expected.size,
        mismatches=int(wrong.sum()),
        sample=start + first[0],
        expected=f"{expected[first]} at {first[1:]}",
        got=str(got[first]),
    )


def _ties(
    network: Network,
    mark: Mark,
    integers: IntArray,
    channels: IntArray,
    expected: IntArray,
    got: IntArray,
    places: tuple[IntArray, ...],
) -> NDArray[np.bool_]:
    """Return which differences lie where float32 rounding decides between the codes.

    The stretch is evaluated in float64 around each integer, as far as rounding may have moved the
    sum and the result; both codes must be among those found there.
    """
    if mark.source == mark.tensor:
        return np.zeros(len(integers), np.bool_)
    stretch, quantiser = mark.stretch.take(channels), mark.quantiser.take(channels)
    source = network.tensors[mark.source]
    reach = _ROUNDING * max(abs(source.low), abs(source.high))
    around = integers[:, np.newaxis] + np.array([-reach, 0.0, reach])
    reals, largest = stretch.reals(around)
    error: Float64s = _ROUNDING * largest.max(axis=1)
    ends = np.stack([reals.min(axis=1) - error, reals.max(axis=1) + error], axis=1)
    shift = np.rint((quantiser.offset - mark.offset[channels]) / mark.scale[channels])
    codes = quantiser.codes(ends) + shift.astype(np.int64)[:, np.newaxis]
    low, high = np.minimum(expected, got)[places], np.maximum(expected, got)[places]
    inside: NDArray[np.bool_] = (codes[:, 0] <= low) & (high <= codes[:, 1])
    return inside


def _compare_scores(
    network: Network, lowered: Lowered, context: Any, local: _Local, scores: _Count, start: int
) -> None:
    """Compare the last layer, fed the file's codes, with the file's scores."""
    tail = lowered.tail
    got = local.values[tail.tensor].reshape(len(local.count.frames), -1)
    expected = _expected(context[tail.output], tail, got.shape[1])
    difference = np.abs(expected - got)
    largest = max(float(np.abs(expected).max()), abs(tail.offset) / tail.scale)
    tensor = network.tensors[tail.tensor]
    largest = max(largest, float(max(-tensor.low, tensor.high)))
    noise = _ROUNDING * largest
    # Rounded factors and offsets have steps finer than float32 resolves: no ties to count.
    close = difference <= 0.5 + (tail.rounding + noise if tail.rounding else 0.0)
    wrong = difference > 0.5 + tail.rounding + noise
    scores.compared += got.size
    scores.ties += int((~close).sum())
    if wrong.any():
        frame = int(np.argmax(wrong.any(axis=1)))
        raise VerificationError(
            SCORES,
            compared=got.size,
            mismatches=int(wrong.sum()),
            sample=start + frame,
            expected=str(expected[frame].tolist()),
            got=str(got[frame].tolist()),
        )


def _compare_labels(
    network: Network,
    tail: ScoreTail,
    context: Any,
    frames: NDArray[np.integer[Any]],
    count: _Count,
    start: int,
) -> int:
    """Return how many labels of the whole network differ; each needs a tie that explains it."""
    got = evaluate(network, frames)
    expected = _expected(context[tail.output], tail, got.shape[1])
    labels, wanted = got.argmax(axis=1), expected.argmax(axis=1)
    rows = np.arange(len(got))
    margin = expected[rows, wanted] - expected[rows, labels]
    close = margin <= _ROUNDING * np.abs(expected).max(axis=1) + 2 * tail.rounding
    changed = labels != wanted
    wrong = changed & (count.frames == 0) & ~close
    if wrong.any():
        frame = int(np.argmax(wrong))
        raise VerificationError(
            LABELS,
            compared=len(frames),
            mismatches=int(wrong.sum()),
            sample=start + frame,
            expected=f"{wanted[frame]} of {expected[frame].tolist()}",
            got=f"{labels[frame]} of {got[frame].tolist()}",
        )
    return int(changed.sum())


def _expected(reals: Float32s, tail: ScoreTail, classes: int) -> Float64s:
    """Return the file's scores (N, classes) in the network's unit, unrounded."""
    scores = tail.sign * _vectors(reals)
    if scores.shape[1] < classes:  # a single score: class 0 has 0
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    return (scores - tail.offset) / tail.scale


def _vectors(values: Float32s) -> Float64s:
    return values.reshape(len(values), -1).astype(np.float64)


def _compare_file(
    path: Path,
    graph: Graph,
    network: Network,
    resolved: ResolvedInput,
    frames: NDArray[np.integer[Any]],
    outputs: Float32s,
) -> Link | None:
    """Compare what qonnx makes of the file itself with its normal form's ``outputs``.

    Where these differ by more than rounding in up to half of the frames, a tie in front has gone
    the other way. None, with a warning, if qonnx cannot execute the file.
    """
    try:
        own, labelled, ordered = _execute_file(path, graph, network, resolved, frames)
    except Exception as error:  # qonnx and onnxruntime raise what they like
        _log.warning(
            "%s: qonnx cannot execute the file (%s); its normal form was compared only",
            path.name,
            str(error).splitlines()[0] if str(error) else type(error).__name__,
        )
        return None
    expected, got = own, _vectors(outputs)
    if labelled or expected.shape != got.shape:
        wrong = expected[:, 0] != got.argmax(axis=1)
    elif ordered:
        wrong = expected.argmax(axis=1) != got.argmax(axis=1)
    else:
        wrong = (np.abs(expected - got) > _CLOSE * np.abs(expected).max()).any(axis=1)
    if 2 * wrong.sum() > len(frames):
        frame = int(np.argmax(wrong))
        raise VerificationError(
            FILE,
            compared=got.size,
            mismatches=int(wrong.sum()),
            sample=frame,
            expected=str(expected[frame].tolist()),
            got=str(got[frame].tolist()),
        )
    return Link(link=FILE, compared=len(frames), mismatches=0, ties=int(wrong.sum()))


def _execute_file(
    path: Path,
    graph: Graph,
    network: Network,
    resolved: ResolvedInput,
    frames: NDArray[np.integer[Any]],
) -> tuple[Float64s, bool, bool]:
    """Return the last output of the file (N, K), frame by frame, and how far it is the scores.

    Whether its first column is the label, and whether only its order is that of the scores.
    """
    proto = load(path)
    inputs = {entry.name for entry in proto.graph.initializer}
    (source,) = [entry for entry in proto.graph.input if entry.name not in inputs]
    dims = source.type.tensor_type.shape.dim
    if dims[0].dim_value != 1:
        dims[0].ClearField("dim_param")
        dims[0].dim_value = 1
        for result in proto.graph.output:
            result.type.tensor_type.ClearField("shape")
        del proto.graph.value_info[:]
    _settle_trunc(proto)
    model = ModelWrapper(proto).transform(InferShapes())
    element = helper.tensor_dtype_to_np_dtype(source.type.tensor_type.elem_type)
    shape = [dim.dim_value for dim in dims]
    maps = _floats(graph, network, resolved, frames)
    if graph.channels_last and maps.ndim == 4:
        maps = maps.transpose(0, 2, 3, 1)
    rows = []
    for frame in maps:
        feed = {source.name: np.ascontiguousarray(frame, element).reshape(shape)}
        result = execute_onnx(model, feed)
        rows.append(np.asarray(result[model.graph.output[-1].name]).reshape(-1))
    labelled = rows[0].dtype.kind in "iu"
    last = model.find_producer(model.graph.output[-1].name)
    ordered = last is not None and last.op_type in TAILS
    return np.stack(rows).astype(np.float64), labelled, ordered


def _settle_trunc(proto: Any) -> None:
    """Give a file whose Trunc has its sixth input the operator set that introduced it."""
    if any(node.op_type == "Trunc" and len(node.input) == 6 for node in proto.graph.node):
        for opset in proto.opset_import:
            if opset.domain == QONNX:
                opset.version = max(opset.version, 2)
