"""The end of the network: integers whose order is that of the file's scores."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np

from hwflow.lower.graph import TAILS, Graph, Op
from hwflow.lower.lowering.context import Context, Mark, refuse
from hwflow.lower.lowering.integer_scores import SCORE_BITS, integer_scores
from hwflow.lower.lowering.stretch import Float64s, Step, Stretch
from hwflow.lower.lowering.value import Value

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ending:
    """``output``: the file's tensor of scores; ``dropped``: tensors of operators behind it."""

    output: str
    dropped: frozenset[str]

    def source(self, graph: Graph) -> Op:
        """Return the operator that makes the scores."""
        return next(op for op in graph.ops if op.output == self.output)


@dataclass(frozen=True)
class ScoreTail:
    """The file's tensor ``output`` is ``sign`` · (``scale`` · integer + ``offset``) of ``tensor``.

    A file of one score has a class 0 besides, whose score would be 0 in the file. Up to the
    rounding of a scale or bias per class to integers, at most ``rounding`` of an integer.
    Behind it come only functions that change no order, or (``sign`` −1) turn it round. Where
    ``proven``, the integers have the order of the reals, equality included.
    """

    output: str
    tensor: str
    scale: float
    offset: float
    sign: int = 1
    rounding: float = 0.0
    proven: bool = True


def strip_tail(graph: Graph) -> Ending:
    """Return where the scores of ``graph`` are, in front of softmax, arg-max or top-k.

    Raises:
        UnsupportedModelError: the tail orders anything but the classes, largest first.
    """
    producers = {op.output: op for op in graph.ops}
    output, dropped = graph.output, set()
    while output in producers and producers[output].kind in TAILS:
        op = producers[output]
        _check_tail(op, len(graph.shapes[op.inputs[0]]), graph.shapes[op.inputs[0]])
        dropped.add(output)
        output = op.inputs[0]
    return Ending(output, frozenset(dropped))


def _check_tail(op: Op, rank: int, shape: tuple[int, ...]) -> None:
    axis = op.attributes.get("axis", -1)
    assert isinstance(axis, int), op.name
    across = axis % rank
    if any(size > 1 for place, size in enumerate(shape) if place != across):
        refuse(op, f"{op.kind} along axis {axis} of {shape} is not along the classes; use axis 1")
    if not op.attributes.get("largest", 1) or op.attributes.get("select_last_index", 0):
        refuse(
            op,
            f"{op.kind} takes the smallest or the last of equal scores; hwflow takes the largest, "
            "and of equal ones the first: negate the scores, or drop the operator",
        )


def finish_scores(context: Context, op: Op, value: Value) -> ScoreTail:
    """Return where the scores are, after appending what a scale or bias per class needs.

    ``op`` makes the file's scores ``value``.
    """
    _check_vector(context, op, value)
    stretch, output, sign = _linear(context, op, value.stretch)
    scale, offset = _affine(op, stretch)
    falling = scale < 0
    tensor = value.tensor
    if falling.any():
        tensor = context.builder.flip(op.name, tensor, falling, owned=context.owns(value))
        scale = np.abs(scale)
    if len(scale) == 1:
        tensor, scale, offset = _with_zero(context, op, tensor, scale, offset)
    if (scale == scale[0]).all() and scale[0] > 0 and (offset == offset[0]).all():
        tensor, shift = _signed(context, tensor)
        common = float(scale[0])
        return ScoreTail(output, tensor, common, float(offset[0]) + common * shift, sign)
    bounds = context.builder.bounds(tensor)
    whole = integer_scores(scale, offset, bounds)
    if whole is None:
        refuse(
            op,
            f"integer scores of at most {SCORE_BITS} bits would be coarser than its real scores, "
            "whose scale or bias differs between classes; use one scale for the whole last layer "
            "(per-tensor weight scale, no per-class scale behind it)",
        )
    if not whole.proven:
        _log.warning(
            "node %r: scores of %d bits cannot have the order of its real ones throughout, as each "
            "class has its own scale: classes closer than one step of an accumulator may swap",
            op.name,
            SCORE_BITS,
        )
    # Offsets common to all classes change no order; without them the scores stay short.
    middle = int(whole.offset.min() + whole.offset.max()) // 2
    tensor = context.builder.affine(op.name, tensor, whole.multiplier, whole.offset - middle)
    tensor, _ = _signed(context, tensor)
    rounding = whole.rounding(scale, offset, bounds) / whole.scale
    return ScoreTail(
        output, tensor, whole.scale, whole.scale * middle, sign, rounding, whole.proven
    )


def _check_vector(context: Context, op: Op, value: Value) -> None:
    height, width, classes = context.builder.tensor(value.tensor).shape
    if height * width != 1 or not np.array_equal(value.index.ravel(), np.arange(classes)):
        refuse(
            op,
            f"the network ends in {value.shape}, expected one score per class (1, classes); end in "
            "a pooled or fully connected layer",
        )


def _with_zero(
    context: Context, op: Op, tensor: str, scale: Float64s, offset: Float64s
) -> tuple[str, Float64s, Float64s]:
    """Return scores of two classes for a single score: class 1 where it is above 0, else class 0.

    That is what a logit, or a detector's sign, means. Class 0 has the score 0.
    """
    weights = np.array([0, 1], np.int64).reshape(2, 1, 1, 1)
    both = context.builder.conv(op.name, tensor, weights, (1, 1), (1, 1))
    return both, np.repeat(scale, 2), np.array([0.0, float(offset[0])])


def _signed(context: Context, tensor: str) -> tuple[str, int]:
    name, shift = context.builder.shift_codes(tensor)
    if shift:
        context.marks[:] = [_shifted(mark, name, shift) for mark in context.marks]
    return name, shift


def _shifted(mark: Mark, tensor: str, shift: int) -> Mark:
    """Return ``mark`` after the integers of ``tensor`` have become less by ``shift``."""
    if mark.tensor == tensor:
        mark = replace(mark, offset=mark.offset + mark.scale * shift)
    if mark.source == tensor:
        stretch = mark.stretch
        decoded = replace(stretch, offset=stretch.offset + stretch.scale * shift)
        mark = replace(mark, stretch=decoded)
    return mark


def _affine(op: Op, stretch: Stretch) -> tuple[Float64s, Float64s]:
    result = stretch.affine()
    assert result is not None, op.name
    if not (np.isfinite(result[0]).all() and np.isfinite(result[1]).all()):
        refuse(op, "the scale or bias of the scores is not finite; look for a division by zero")
    return result


def _linear(context: Context, op: Op, stretch: Stretch) -> tuple[Stretch, str, int]:
    """Return the affine part of ``stretch``, the file's tensor that it ends in, and a sign.

    The sign is −1 where the monotone rest turns the order round, and the affine part with it.
    """
    producers = {made.name: made for made in context.graph.ops}
    output, sign = op.output, 1
    while stretch.affine() is None:
        step = stretch.steps[-1]
        if not step.strict:
            refuse(
                op,
                f"{step.kind} {step.node!r} behind the last layer makes different scores equal or "
                "treats classes differently; end the network in front of it, or quantise behind it",
            )
        curve = step.affine()
        if curve is not None and np.all(curve[0] < 0):
            sign = -sign
        made = producers[step.node]
        output = next(name for name in made.inputs if isinstance(context.get(name), Value))
        stretch = replace(stretch, steps=stretch.steps[:-1])
    if sign < 0:
        stretch = stretch.then(Step("Neg", op.name))
    return stretch, output, sign
