"""Bit-exact model of hwf_cascade: the result word of each accepted frame, and the counters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.decision import top2
from hwflow.cascade.result import (
    FLAG_FORCED,
    FLAG_LONG,
    FLAG_ORDERED,
    FLAG_SHED,
    FLAG_SHORT,
    ID_MODULO,
    MARGIN_MAX,
    Results,
)

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NOT_FORCED = -1
NOT_SHED = -1


@dataclass(frozen=True)
class Settings:
    """What was in the registers when each of N frames' first beat was accepted.

    ``thresholds``: (N, stages - 1) int64; ``force_stage``: (N,) int64, NOT_FORCED or the stage;
    ``order``: (N,) bool, the result leaves in order of acceptance; ``may_shed``: (N,) bool, it
    exits early where it would meet a full queue.
    """

    thresholds: IntArray
    force_stage: IntArray
    order: BoolArray
    may_shed: BoolArray

    @staticmethod
    def constant(
        frames: int,
        thresholds: Sequence[int],
        force_stage: int = NOT_FORCED,
        *,
        order: bool = False,
        may_shed: bool = False,
    ) -> Settings:
        """Return the same settings for each of ``frames`` frames."""
        row = np.asarray(thresholds, dtype=np.int64)
        return Settings(
            np.tile(row, (frames, 1)),
            np.full((frames,), force_stage, dtype=np.int64),
            np.full((frames,), order),
            np.full((frames,), may_shed),
        )


@dataclass(frozen=True)
class Counters:
    """The counters once every frame has left; ``exits`` and ``sheds`` are (stages,) int64."""

    frames_in: int
    frames_short: int
    frames_long: int
    exits: IntArray
    sheds: IntArray


def run_controller(
    scores: Sequence[NDArray[np.integer]],
    settings: Settings,
    *,
    flags: IntArray | None = None,
    shed_stage: IntArray | None = None,
    first_id: int = 0,
) -> tuple[Results, Counters]:
    """Return the results of N accepted frames in order of sample id, and the final counters.

    ``scores``: per stage (N, classes) integers, those of the frame as the stage saw it (a short
    frame is padded with zeros). ``flags``: (N,) FLAG_SHORT or FLAG_LONG of each frame.
    ``shed_stage``: (N,) NOT_SHED, or the stage whose queue behind it was full when the frame was
    decided there, which only timing tells. The order in which results leave depends on timing too;
    sort by id before comparing (:func:`delivery` says what is sure).

    A forced frame exits at its forced stage, or at the last one if there are fewer stages.

    Raises:
        ValueError: shapes do not agree, or a frame cannot have been shed where ``shed_stage`` says.
    """
    count = scores[0].shape[0]
    last = len(scores) - 1
    if settings.thresholds.shape != (count, last):
        raise ValueError(
            f"thresholds: expected {(count, last)} for {count} frames and {len(scores)} stages, "
            f"got {settings.thresholds.shape}"
        )
    if settings.force_stage.shape != (count,):
        raise ValueError(f"force_stage: expected {(count,)}, got {settings.force_stage.shape}")
    malformed = np.zeros(count, dtype=np.int64) if flags is None else flags
    forced = settings.force_stage != NOT_FORCED

    shed = np.full(count, NOT_SHED, dtype=np.int64) if shed_stage is None else shed_stage
    label, margin = top2(scores[last])
    exit_stage = np.full(count, last, dtype=np.int64)
    for stage in range(last - 1, -1, -1):
        stage_label, stage_margin = top2(scores[stage])
        chosen = stage_margin >= settings.thresholds[:, stage]
        leaves = np.where(forced, settings.force_stage <= stage, chosen | (shed == stage))
        wrong = (shed == stage) & (forced | chosen | ~settings.may_shed)
        if wrong.any():
            raise ValueError(
                f"shed_stage: frame {int(np.argmax(wrong))} exits at stage {stage} anyway, or may "
                "not be shed"
            )
        label = np.where(leaves, stage_label, label)
        margin = np.where(leaves, stage_margin, margin)
        exit_stage = np.where(leaves, stage, exit_stage)
    was_shed = shed != NOT_SHED
    if (unseen := was_shed & ((exit_stage != shed) | (shed >= last))).any():
        frame = int(np.argmax(unseen))
        raise ValueError(
            f"shed_stage: frame {frame} is never decided by margin at stage {shed[frame]}; it "
            f"exits at {exit_stage[frame]}"
        )

    results = Results(
        sample_id=(first_id + np.arange(count, dtype=np.int64)) % ID_MODULO,
        label=label,
        exit_stage=exit_stage,
        margin=np.minimum(margin, MARGIN_MAX),
        flags=malformed
        | np.where(forced, FLAG_FORCED, 0)
        | np.where(was_shed, FLAG_SHED, 0)
        | np.where(settings.order, FLAG_ORDERED, 0),
    )
    counters = Counters(
        frames_in=count,
        frames_short=int(np.count_nonzero(malformed & FLAG_SHORT)),
        frames_long=int(np.count_nonzero(malformed & FLAG_LONG)),
        exits=np.bincount(exit_stage, minlength=len(scores)).astype(np.int64),
        sheds=np.bincount(exit_stage[was_shed], minlength=len(scores)).astype(np.int64),
    )
    return results, counters


def delivery(frames: IntArray, *, exit_stage: IntArray, order: BoolArray) -> str | None:
    """Return what is wrong with the order of delivery, or None.

    ``frames``: (N,) the frames, numbered by acceptance, as their results left; ``exit_stage`` and
    ``order``: (N,) of each frame by that number. Ordered frames leave by rising number; of the
    others those that exit at one stage do, since stages answer in order.
    """
    for name, kind in [("ordered frames", order)] + [
        (f"frames that exit at stage {stage}", (exit_stage == stage) & ~order)
        for stage in range(int(exit_stage.max(initial=0)) + 1)
    ]:
        own = frames[kind[frames]]
        late = np.flatnonzero(own[1:] < own[:-1])
        if late.size:
            first = int(late[0])
            return f"{name}: {int(own[first + 1])} leaves after {int(own[first])}"
    return None


def alarms(wishes: BoolArray, *, window: int, limit: int) -> BoolArray:
    """Return (N,) whether the escalation alarm fires with each of N decisions of stage 0.

    ``wishes``: (N,) bool in order of decision, forced frames left out: the frame was unsure.
    ``window`` decisions are one window, 0 none; more than ``limit`` unsure ones fire at its end.
    """
    fires = np.zeros(wishes.shape, dtype=np.bool_)
    if window:
        whole = len(wishes) // window
        counts = wishes[: whole * window].reshape(whole, window).sum(axis=1)
        fires[window - 1 : whole * window : window] = counts > limit
    return fires
