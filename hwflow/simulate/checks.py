"""What a simulated accelerator must equal: golden scores, and the controller's numpy model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.controller import NOT_FORCED, NOT_SHED, Settings, run_controller
from hwflow.cascade.result import FLAG_SHED
from hwflow.config.bundle import GOLDEN_FILE, Bundle, Link
from hwflow.simulate.accelerator import SimResult
from hwflow.simulate.compare import compare

IntArray = NDArray[np.int64]

RESULT_LABELS = ("label", "exit stage", "margin", "flags")


@dataclass(frozen=True)
class Golden:
    """A bundle's golden frames and what has to come out.

    ``frames`` (N, H, W, C) uint8; ``label`` (N,) ground truth, if known; ``scores[k]`` (N,
    classes); ``expected`` (N, 3): label, exit stage and margin of the cascade at ``thresholds``.
    """

    frames: NDArray[np.uint8]
    label: IntArray | None
    scores: tuple[IntArray, ...]
    expected: IntArray
    thresholds: tuple[int, ...]


def load_golden(folder: Path, bundle: Bundle, *, limit: int | None) -> Golden:
    """Return the first ``limit`` golden frames (or all) of the bundle in ``folder``."""
    with np.load(folder / GOLDEN_FILE) as stored:
        names = ("prediction", "exit_stage", "margin")
        return Golden(
            frames=stored["frames"][:limit],
            label=stored["label"][:limit].astype(np.int64) if "label" in stored else None,
            scores=tuple(
                stored[f"scores_{k}"][:limit].astype(np.int64) for k in range(len(bundle.stages))
            ),
            expected=np.stack([stored[name][:limit].astype(np.int64) for name in names], axis=1),
            thresholds=bundle.policy.threshold_int,
        )


def check_stage(golden: Golden, got: SimResult, stage: int) -> Link:
    """Compare the scores at the tap of ``stage`` in a run in which every frame reached it."""
    return compare(
        f"golden ↔ stage {stage} RTL, scores",
        expected=golden.scores[stage],
        got=got.scores[stage],
    )


def check_model(golden: Golden) -> Link:
    """Compare the numpy controller with the results that the bundle promises."""
    model, _ = run_controller(golden.scores, _settings(golden, NOT_FORCED))
    return compare(
        "golden ↔ numpy controller",
        expected=golden.expected,
        got=np.stack([model.label, model.exit_stage, model.margin], axis=1),
        labels=RESULT_LABELS[:3],
    )


def check_results(
    golden: Golden,
    got: SimResult,
    *,
    how: str,
    force_stage: int = NOT_FORCED,
    order: bool = False,
    shed: bool = False,
) -> Link:
    """Compare every result, in what order they came, and the counters, with the numpy controller.

    ``order``, ``shed``: the settings. Which frames met a full queue only the RTL tells; whether
    they may be shed there, and with what result, the model does.

    Raises:
        VerificationError: naming the first frame that differs.
    """
    settings = _settings(golden, force_stage, order=order, shed=shed)
    unshed, _ = run_controller(golden.scores, settings)
    may_be = settings.may_shed & (settings.force_stage == NOT_FORCED)
    was_shed = may_be & ((got.flags & FLAG_SHED) != 0) & (got.exit_stage < unshed.exit_stage)
    model, counters = run_controller(
        golden.scores, settings, shed_stage=np.where(was_shed, got.exit_stage, NOT_SHED)
    )
    link = f"numpy controller ↔ cascade RTL{how}"
    result = compare(
        link,
        expected=np.stack([model.label, model.exit_stage, model.margin, model.flags], axis=1),
        got=np.stack([got.prediction, got.exit_stage, got.margin, got.flags], axis=1),
        labels=RESULT_LABELS,
    )
    _check_order(f"{link}, order of results", got, order=order)
    stages = range(len(golden.scores))
    names = ["frames_in", "frames_short", "frames_long", *(f"exits_{k}" for k in stages)]
    names += [f"shed_{k}" for k in stages[:-1]]
    expected = [counters.frames_in, counters.frames_short, counters.frames_long, *counters.exits]
    expected += counters.sheds[:-1].tolist()
    compare(
        f"{link}, counters",
        expected=np.array([expected], dtype=np.int64),
        got=np.array([[got.counters[name] for name in names]], dtype=np.int64),
        labels=tuple(names),
    )
    return result


def _check_order(link: str, got: SimResult, *, order: bool) -> None:
    """Compare the frames, as their results left, with those in order of acceptance.

    All of them where ``order`` is set, else those that exit at one stage.
    """
    left = np.argsort(got.out_cycle, kind="stable")
    together = np.zeros_like(got.exit_stage) if order else got.exit_stage
    for group in np.unique(together):
        frames = left[together[left] == group]
        accepted = np.sort(frames)
        compare(link, expected=accepted[:, None], got=frames[:, None], frames=accepted)


def _settings(
    golden: Golden, force_stage: int, *, order: bool = False, shed: bool = False
) -> Settings:
    return Settings.constant(
        len(golden.frames), golden.thresholds, force_stage, order=order, may_shed=shed
    )
