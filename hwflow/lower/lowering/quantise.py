"""Quantisers: the stretch in front of one becomes thresholds on exact integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import numpy as np

from hwflow.lower.graph import Op
from hwflow.lower.lowering.builder import Bounds
from hwflow.lower.lowering.context import Context, Mark, refuse
from hwflow.lower.lowering.quantisers import Quantiser
from hwflow.lower.lowering.stretch import Signs, Stretch
from hwflow.lower.lowering.switching import COMPLETE, Function, directions, grid, switch_points
from hwflow.lower.lowering.value import Value, per_channel

_MOST_LEVELS = 2**12
# How often channels may be turned before a function counts as one that does not rise.
_TURNS = 3


def quantise(context: Context, op: Op) -> Value:
    """Lower a quantiser: a ``Threshold``, or nothing where the codes are the integers read."""
    value = context.value(op)
    parameters = tuple(
        per_channel(op, value, context.constant(op, position))
        for position in range(1, len(op.inputs))
    )
    made = Quantiser(op, parameters, value.stretch.channels)
    step = _relabelled(context, value, made)
    if step is None:
        value = _thresholds(context, op, value, made)
    else:
        context.kept.add(value.tensor)
        decoded = Stretch(made.scale, made.offset + made.scale * step)
        _mark(context, op, value, value.tensor, decoded, made)
        value = replace(value, stretch=decoded)
    return value


def rising(context: Context, op: Op, value: Value) -> Value:
    """Return ``value`` with no channel that falls with its integer: those have changed sign."""
    return _directed(context, op, value, lambda stretch: stretch.evaluate)


def _codes(made: Quantiser) -> Callable[[Stretch], Function]:
    return lambda stretch: lambda integers: made.codes(stretch.evaluate(integers))


def _relabelled(context: Context, value: Value, made: Quantiser) -> int | None:
    """Return k if the codes are the integers plus k, for all that occur; else None."""
    tensor, bounds = context.builder.tensor(value.tensor), context.builder.bounds(value.tensor)
    codes = _codes(made)(value.stretch)
    low, high, channels = bounds.low, bounds.high, value.stretch.channels
    if (high - low + 1) * channels > COMPLETE:
        return None
    points = np.array([-1, 1]) if tensor.bipolar else np.array([low, high])
    for integers in (points, np.arange(low, high + 1)):
        if tensor.bipolar and integers is not points:
            continue
        step = codes(np.broadcast_to(integers, (channels, len(integers)))) - integers
        if not (step == step[0, 0]).all():
            return None
    return int(step[0, 0])


def _thresholds(context: Context, op: Op, value: Value, made: Quantiser) -> Value:
    value = _directed(context, op, value, _codes(made))
    codes = _codes(made)(value.stretch)
    tensor, read = context.builder.tensor(value.tensor), context.builder.bounds(value.tensor)
    ends = codes(np.stack([read.lows, read.highs], axis=1))
    bounds = Bounds(ends[:, 0].copy(), ends[:, 1].copy())
    # Also a constant tensor gets a second level, as a stream of no bits would be nothing.
    last = max(bounds.high, bounds.low + 1)
    levels = np.array([1]) if made.bipolar else np.arange(bounds.low + 1, last + 1)
    if len(levels) >= _MOST_LEVELS:
        refuse(
            op,
            f"it has {len(levels) + 1} levels within reach, more than {_MOST_LEVELS}; quantise "
            "activations with at most 12 bits",
        )
    thresholds = switch_points(
        codes, channels=value.stretch.channels, low=tensor.low, high=tensor.high, levels=levels
    )
    result = context.builder.threshold(
        op.name, value.tensor, thresholds, bounds, bipolar=made.bipolar
    )
    decoded = Stretch(made.scale, made.offset)
    _mark(context, op, value, result, decoded, made)
    return Value(result, value.index, decoded)


def _mark(
    context: Context, op: Op, value: Value, tensor: str, decoded: Stretch, made: Quantiser
) -> None:
    context.marks.append(
        Mark(
            output=op.output,
            tensor=tensor,
            index=value.index,
            scale=decoded.scale,
            offset=decoded.offset,
            source=value.tensor,
            stretch=value.stretch,
            quantiser=made,
        )
    )


def _directed(context: Context, op: Op, value: Value, make: Callable[[Stretch], Function]) -> Value:
    """Return ``value`` with the sign of its integers such that ``make`` of its stretch rises.

    Turning one channel changes the range of the tensor, over which the others must rise too.
    """
    for _ in range(_TURNS):
        signs = _signs(context, op, value, make(value.stretch))
        if not (signs < 0).any():
            return value
        tensor = context.builder.flip(op.name, value.tensor, signs < 0, owned=context.owns(value))
        value = replace(value, tensor=tensor, stretch=value.stretch.flipped(signs < 0), owned=True)
    return _unclear(op, value)


def _signs(context: Context, op: Op, value: Value, function: Function) -> Signs:
    """Return per channel whether ``function`` rises (1) or falls (−1) over the tensor's range.

    The operators tell, and samples must agree; or else every integer of the range is tried, where
    these are not too many.
    """
    tensor = context.builder.tensor(value.tensor)
    points, complete = grid(value.stretch.channels, tensor.low, tensor.high)
    tried = directions(function(points))
    known = value.stretch.directions()
    if tried is None or (known is not None and (tried * known < 0).any()):
        _unclear(op, value)
    if known is not None:
        return known
    return tried if complete else _unclear(op, value)


def _unclear(op: Op, value: Value) -> NoReturn:
    unclear = [step for step in value.stretch.steps if step.directions() is None]
    cause = f"{unclear[0].kind} {unclear[0].node!r}" if unclear else "the operators"
    refuse(
        op,
        f"{cause} in front of it neither rises nor falls throughout, so that no thresholds can "
        "stand for it; quantise in front of it, or use a monotone activation function",
    )
