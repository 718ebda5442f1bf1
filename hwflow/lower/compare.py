"""Comparison of the integer network with executions in floats, by qonnx.

Each quantiser is compared with the function that the network has for it, both fed the execution's
own codes of the layer's input, so that a difference shows where it arises. That is done twice: with
the normal form, tensor by tensor, and with the file as it is, which checks the reader too. Exact
integers and float32 may differ where a float lies on the boundary between two codes, to the
rounding of float32: a tie. Ties are counted; every other difference is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hwflow.config.bundle import Link
from hwflow.errors import VerificationError
from hwflow.lower.emit import execute
from hwflow.lower.evaluate import BATCH, apply, as_integers, evaluate
from hwflow.lower.execute_file import FileExecution, NotExecutedError, arrangements
from hwflow.lower.graph import Graph
from hwflow.lower.lowering import Lowered, trace
from hwflow.lower.lowering.context import Mark
from hwflow.lower.lowering.ending import ScoreTail, strip_tail
from hwflow.lower.lowering.input_spec import InputSpec, ResolvedInput
from hwflow.lower.lowering.stretch import Float32s, Float64s
from hwflow.lower.network import IntArray, Network

ACTIVATIONS = "file ↔ integer network: activations"
SCORES = "file ↔ integer network: scores"
LABELS = "file ↔ integer network: labels"
FILE = "file ↔ its normal form: activations and scores"
NOT_EXECUTED = "file ↔ its normal form: not executed by qonnx ({})"
ROUNDED = "scores: rounded per class, order not proven for classes closer than one step"

# Rounding errors of float32 that a difference may be blamed on: a sum of products and the handful
# of operators behind it each err by half a unit in the last place of the largest number met.
_ROUNDING = 8 * 2.0**-24


@dataclass
class _Count:
    """Integers compared and ties."""

    compared: int = 0
    ties: int = 0


@dataclass
class _Local:
    """What the network makes of an execution's own codes of frames ``start`` …, layer by layer.

    ``reals``: the execution's tensors, each (N, …); ``activations``, ``scores``: names of links for
    messages. ``tied`` (N,): frames with a tie. ``unsure`` (N,): frames whose codes of a tensor that
    the execution does not tell may be others than the network's, by a tie.
    """

    graph: Graph
    reals: Mapping[str, NDArray[Any]]
    activations: str
    scores: str
    start: int
    tied: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    values: dict[str, IntArray] = field(default_factory=dict)


def check_qonnx(
    path: Path, graph: Graph, network: Network, spec: InputSpec, frames: NDArray[np.integer[Any]]
) -> tuple[Link, ...]:
    """Return the links between the file ``path`` and ``network`` on ``frames`` (N, H, W, C) bytes.

    ``graph`` is ``read(path)`` and ``network`` is ``lower(graph, spec)``. Links: activations and
    scores of single layers and labels of the whole network, as the normal form has them, and
    activations and scores as qonnx has them that executes the file itself, or why it cannot. Ties
    are differences that float32 rounding explains. A link more says where scores of different
    scales are rounded so that they need not have the order of real ones, which is close in ``ties``
    frames.

    Raises:
        VerificationError: naming node and first frame of any other difference.
    """
    lowered = trace(graph, spec)
    activations, scores, labels, own, close = (_Count() for _ in range(5))
    ending = strip_tail(graph)
    execution, failure = FileExecution(path, graph), ""
    for start in range(0, len(frames), BATCH):
        part = frames[start : start + BATCH]
        inputs = _floats(graph, network, lowered.input, part)
        context = execute(graph, inputs, without=ending.dropped)
        local = _local(graph, context, (ACTIVATIONS, SCORES), start, len(part))
        _compare_activations(network, lowered, part, local, activations)
        _compare_scores(network, lowered.tail, local, scores)
        _compare_labels(network, lowered.tail, part, local, labels, close)
        if failure:
            continue
        try:
            tensors, result = execution.run(inputs)
        except NotExecutedError as error:
            failure = str(error)
            continue
        local = _local(graph, tensors, (FILE, FILE), start, len(part))
        _compare_activations(network, lowered, part, local, own)
        _compare_result(network, lowered.tail, result, local, own)
    links = [_link(ACTIVATIONS, activations), _link(SCORES, scores), _link(LABELS, labels)]
    links.append(_link(NOT_EXECUTED.format(failure), _Count()) if failure else _link(FILE, own))
    return tuple(links) if lowered.tail.proven else (*links, _link(ROUNDED, close))


def _link(name: str, count: _Count) -> Link:
    return Link(link=name, compared=count.compared, mismatches=0, ties=count.ties)


def _local(
    graph: Graph,
    reals: Mapping[str, NDArray[Any]],
    links: tuple[str, str],
    start: int,
    count: int,
) -> _Local:
    tied, unsure = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    return _Local(graph, reals, *links, start, tied, unsure)


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
    frames: NDArray[np.integer[Any]],
    local: _Local,
    count: _Count,
) -> None:
    """Run ``network`` on ``frames``, each layer on the execution's codes of what it reads."""
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
            values[name] = _compare_codes(network, mark, local, count)


def _compare_codes(network: Network, mark: Mark, local: _Local, count: _Count) -> IntArray:
    """Return the execution's codes of ``mark`` after comparing them with the network's."""
    got = local.values[mark.tensor]
    source = local.values[mark.source]
    node = mark.quantiser.op.name
    defined = _defined(mark, source)
    if not np.array_equal(defined, got):
        _raise(f"thresholds of node {node!r}", defined, got, defined != got, local.start)
    choices = _codes(mark, local, got.shape)
    if not choices:
        local.unsure |= _unsure(network, mark, source)
        return got
    # Where axes of one size may have changed places, the file tells by its codes which did.
    expected = min(choices, key=lambda codes: int((codes != got).sum()))
    count.compared += expected.size
    differing = np.argwhere(expected != got)
    if not len(differing):
        return expected
    right = tuple(differing.T)
    ties = _ties(network, mark, source[right], right[-1], expected[right], got[right])
    ties |= local.unsure[differing[:, 0]]
    if not ties.all():
        wrong = np.zeros(got.shape, np.bool_)
        wrong[right] = ~ties
        _raise(f"{local.activations} of node {node!r}", expected, got, wrong, local.start)
    count.ties += len(differing)
    local.tied[differing[:, 0]] = True
    return expected


def _codes(mark: Mark, local: _Local, shape: tuple[int, ...]) -> list[IntArray]:
    """Return what the execution's codes (N, H, W, C) of ``mark`` may be; none if it has none."""
    if mark.output not in local.reals:
        return []
    results = []
    for reals in arrangements(local.reals[mark.output], local.graph.shapes[mark.output]):
        places = np.empty(reals.shape, np.float64)
        places[:, mark.index.ravel()] = reals
        steps = (places.reshape(shape) - mark.offset) / mark.scale
        results.append(np.rint(steps).astype(np.int64))
    return results


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
) -> NDArray[np.bool_]:
    """Return which differences lie where float32 rounding decides between the codes.

    Both codes must be among those that rounding may give for the integer of the layer's input.
    """
    least, most = _within_rounding(network, mark, integers, channels)
    inside: NDArray[np.bool_] = (least <= np.minimum(expected, got)) & (
        np.maximum(expected, got) <= most
    )
    return inside


def _unsure(network: Network, mark: Mark, source: IntArray) -> NDArray[np.bool_]:
    """Return in which frames float32 rounding may decide on a code of ``mark``."""
    channels = np.broadcast_to(np.arange(source.shape[-1]), source.shape).ravel()
    least, most = _within_rounding(network, mark, source.ravel(), channels)
    either = (least < most).reshape(len(source), -1)
    return np.asarray(either.any(axis=1))


def _within_rounding(
    network: Network, mark: Mark, integers: IntArray, channels: IntArray
) -> tuple[IntArray, IntArray]:
    """Return the least and greatest code of ``integers`` (K,) in ``channels`` (K,) in float32.

    The stretch is evaluated in float64 around each integer, as far as rounding may have moved the
    sum and the result. Codes that are the integers themselves are not rounded.
    """
    stretch, quantiser = mark.stretch.take(channels), mark.quantiser.take(channels)
    source = network.tensors[mark.source]
    reach = 0.0 if mark.source == mark.tensor else _ROUNDING * max(abs(source.low), source.high)
    around = integers[:, np.newaxis] + np.array([-reach, 0.0, reach])
    reals, largest = stretch.reals(around)
    error: Float64s = np.sign(reach) * _ROUNDING * largest.max(axis=1)
    ends = np.stack([reals.min(axis=1) - error, reals.max(axis=1) + error], axis=1)
    shift = np.rint((quantiser.offset - mark.offset[channels]) / mark.scale[channels])
    codes = quantiser.codes(ends) + shift.astype(np.int64)[:, np.newaxis]
    return codes[:, 0], codes[:, 1]


def _compare_scores(network: Network, tail: ScoreTail, local: _Local, count: _Count) -> None:
    """Compare the last layer, fed the execution's codes, with the execution's scores."""
    got = local.values[tail.tensor].reshape(len(local.tied), -1)
    expected = _expected(local.reals[tail.output], tail, got.shape[1])
    difference = np.abs(expected - got)
    noise = _noise(network, tail, expected)
    # Rounded factors and offsets have steps finer than float32 resolves: no ties to count.
    close = difference <= 0.5 + (tail.rounding + noise if tail.rounding else 0.0)
    wrong = (difference > 0.5 + tail.rounding + noise) & ~local.unsure[:, np.newaxis]
    count.compared += got.size
    count.ties += int((~close).sum())
    if wrong.any():
        frame = int(np.argmax(wrong.any(axis=1)))
        raise VerificationError(
            local.scores,
            compared=got.size,
            mismatches=int(wrong.sum()),
            sample=local.start + frame,
            expected=str(expected[frame].tolist()),
            got=str(got[frame].tolist()),
        )


def _noise(network: Network, tail: ScoreTail, expected: Float64s) -> float:
    """Return how far float32 rounding may have moved a score, in the network's unit."""
    tensor = network.tensors[tail.tensor]
    largest = max(float(np.abs(expected).max()), abs(tail.offset) / tail.scale)
    return _ROUNDING * max(largest, -tensor.low, tensor.high)


def _compare_labels(
    network: Network,
    tail: ScoreTail,
    frames: NDArray[np.integer[Any]],
    local: _Local,
    count: _Count,
    close: _Count,
) -> None:
    """Compare labels of the whole network; each other one needs a tie that explains it.

    ``close`` counts frames whose two best scores are closer than their rounding.
    """
    got = evaluate(network, frames)
    expected = _expected(local.reals[tail.output], tail, got.shape[1])
    labels, wanted = got.argmax(axis=1), expected.argmax(axis=1)
    rows = np.arange(len(got))
    margin = expected[rows, wanted] - expected[rows, labels]
    explained = margin <= _ROUNDING * np.abs(expected).max(axis=1) + 2 * tail.rounding
    changed = labels != wanted
    wrong = changed & ~local.tied & ~explained
    if wrong.any():
        frame = int(np.argmax(wrong))
        raise VerificationError(
            LABELS,
            compared=len(frames),
            mismatches=int(wrong.sum()),
            sample=local.start + frame,
            expected=f"{wanted[frame]} of {expected[frame].tolist()}",
            got=f"{labels[frame]} of {got[frame].tolist()}",
        )
    count.compared += len(frames)
    count.ties += int(changed.sum())
    best = np.sort(got, axis=1)[:, -2:]
    close.compared += len(frames)
    close.ties += int((best[:, 1] - best[:, 0] <= 2 * tail.rounding).sum())


def _compare_result(
    network: Network, tail: ScoreTail, result: NDArray[Any], local: _Local, count: _Count
) -> None:
    """Compare the scores of the file with the last layer, fed the file's codes, and its ``result``.

    ``result`` (N, …) is the file's last output: labels, or what has the order of the scores.
    """
    classes = local.values[tail.tensor].shape[-1]
    known = tail.output in local.reals
    if known:
        _compare_scores(network, tail, local, count)
        scores = _expected(local.reals[tail.output], tail, classes)
    else:
        scores = local.values[tail.tensor].reshape(len(result), -1).astype(np.float64)
    rows = result.reshape(len(result), -1)
    if rows.dtype.kind in "iu":
        labels = rows[:, 0].astype(np.int64)
    elif rows.shape[1] == classes and local.graph.ops[-1].kind != "TopK":
        labels = rows.argmax(axis=1)
    else:  # neither a single score nor the largest ones alone tell a label
        return
    count.compared += len(labels)
    behind = scores.max(axis=1) - scores[np.arange(len(labels)), labels]
    noise = 2 * (_noise(network, tail, scores) + tail.rounding)
    wrong = (behind > noise) & (known | ~local.unsure)
    if wrong.any():
        frame = int(np.argmax(wrong))
        raise VerificationError(
            local.scores,
            compared=len(labels),
            mismatches=int(wrong.sum()),
            sample=local.start + frame,
            expected=f"class {labels[frame]}",
            got=str(scores[frame].tolist()),
        )


def _expected(reals: NDArray[Any], tail: ScoreTail, classes: int) -> Float64s:
    """Return the file's scores (N, classes) in the network's unit, unrounded."""
    scores = tail.sign * reals.reshape(len(reals), -1).astype(np.float64)
    if scores.shape[1] < classes:  # a single score: class 0 has 0
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    return (scores - tail.offset) / tail.scale
