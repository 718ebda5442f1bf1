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
    FLAG_SHORT,
    ID_MODULO,
    MARGIN_MAX,
    Results,
)

IntArray = NDArray[np.int64]

NOT_FORCED = -1


@dataclass(frozen=True)
class Settings:
    """What was in the registers when each of N frames' first beat was accepted.

    ``thresholds``: (N, stages - 1) int64; ``force_stage``: (N,) int64, NOT_FORCED or the stage.
    """

    thresholds: IntArray
    force_stage: IntArray

    @staticmethod
    def constant(frames: int, thresholds: Sequence[int], force_stage: int = NOT_FORCED) -> Settings:
        """Return the same settings for each of ``frames`` frames."""
        row = np.asarray(thresholds, dtype=np.int64)
        return Settings(np.tile(row, (frames, 1)), np.full((frames,), force_stage, dtype=np.int64))


@dataclass(frozen=True)
class Counters:
    """The counters once every frame has left; ``exits`` is (stages,) int64."""

    frames_in: int
    frames_short: int
    frames_long: int
    exits: IntArray


def run_controller(
    scores: Sequence[NDArray[np.integer]],
    settings: Settings,
    *,
    flags: IntArray | None = None,
    first_id: int = 0,
) -> tuple[Results, Counters]:
    """Return the results of N accepted frames in order of sample id, and the final counters.

    ``scores``: per stage (N, classes) integers, those of the frame as the stage saw it (a short
    frame is padded with zeros). ``flags``: (N,) FLAG_SHORT or FLAG_LONG of each frame. The order
    in which results leave depends on timing; sort by id before comparing.

    A forced frame exits at its forced stage, or at the last one if there are fewer stages.
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

    label, margin = top2(scores[last])
    exit_stage = np.full(count, last, dtype=np.int64)
    for stage in range(last - 1, -1, -1):
        stage_label, stage_margin = top2(scores[stage])
        chosen = stage_margin >= settings.thresholds[:, stage]
        leaves = np.where(forced, settings.force_stage <= stage, chosen)
        label = np.where(leaves, stage_label, label)
        margin = np.where(leaves, stage_margin, margin)
        exit_stage = np.where(leaves, stage, exit_stage)

    results = Results(
        sample_id=(first_id + np.arange(count, dtype=np.int64)) % ID_MODULO,
        label=label,
        exit_stage=exit_stage,
        margin=np.minimum(margin, MARGIN_MAX),
        flags=malformed | np.where(forced, FLAG_FORCED, 0),
    )
    counters = Counters(
        frames_in=count,
        frames_short=int(np.count_nonzero(malformed & FLAG_SHORT)),
        frames_long=int(np.count_nonzero(malformed & FLAG_LONG)),
        exits=np.bincount(exit_stage, minlength=len(scores)).astype(np.int64),
    )
    return results, counters
