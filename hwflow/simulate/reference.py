"""What an accelerator must give for any frames: its integer networks and the numpy controller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.controller import NOT_FORCED, Settings, run_controller
from hwflow.cascade.result import Results
from hwflow.config.accelerator import Accelerator
from hwflow.config.bundle import Link
from hwflow.dataflow.network_file import NETWORK_FILE, load_network
from hwflow.dataflow.stage import GRAPHS
from hwflow.errors import VerificationError
from hwflow.lower.evaluate import evaluate
from hwflow.lower.network import Network
from hwflow.simulate.accelerator import SimResult
from hwflow.simulate.checks import RESULT_LABELS
from hwflow.simulate.compare import compare

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Expected:
    """``scores[k]`` (N, classes) of stage k for every frame, and the controller's ``results``."""

    scores: tuple[IntArray, ...]
    results: Results


@dataclass(frozen=True)
class Reference:
    """The integer network of each stage, as kept in the accelerator's ``graphs`` folder."""

    networks: tuple[Network, ...]

    def scores(self, frames: NDArray[np.uint8]) -> tuple[IntArray, ...]:
        """Return the scores (N, classes) of each stage for ``frames`` (N, H, W, C)."""
        return tuple(evaluate(network, frames) for network in self.networks)


def load_reference(folder: Path, design: Accelerator) -> Reference:
    """Return the reference of the accelerator in ``folder``.

    Raises:
        ConfigError: the accelerator lacks an integer network.
    """
    networks = [load_network(folder / GRAPHS / stage.top / NETWORK_FILE) for stage in design.stages]
    return Reference(tuple(networks))


def expect(
    scores: Sequence[IntArray], thresholds: Sequence[int], *, force: int | None = None
) -> Expected:
    """Return what the cascade must make of ``scores`` (N, classes) per stage."""
    settings = Settings.constant(len(scores[0]), thresholds, NOT_FORCED if force is None else force)
    return Expected(tuple(scores), run_controller(scores, settings)[0])


def check_run(
    expected: Expected,
    got: SimResult,
    *,
    first: int = 0,
    skip: int = 0,
    origin: str = "integer network",
    how: str = "",
) -> tuple[Link, ...]:
    """Compare a run's results, and the scores of each stage for the frames that reached it.

    ``expected`` is about some of the run's frames, from number ``skip`` on, which messages count
    from ``first``. ``origin``: what the expected scores are called; ``how``: what is said of the
    run.

    Raises:
        VerificationError: naming the link and the first frame that differs.
    """
    count = len(expected.results.label)

    def scores(k: int) -> Link:
        link = f"{origin} ↔ stage {k} RTL, scores{how}"
        # Each stage serves its frames in the order in which they came.
        reached = np.flatnonzero(got.exit_stage >= k)
        served, classes = got.scores[k].shape
        if served != len(reached):
            raise VerificationError(
                link,
                compared=len(reached) * classes,
                mismatches=abs(served - len(reached)) * classes,
                sample=first
                - skip
                + int(reached[served] if served < len(reached) else len(got.exit_stage) - 1),
                expected=f"scores of {len(reached)} frames, all that reached the stage",
                got=f"those of {served}",
            )
        asked = (reached >= skip) & (reached < skip + count)
        frames = reached[asked] - skip
        return compare(
            link,
            expected=expected.scores[k][frames],
            got=got.scores[k][np.flatnonzero(asked)],
            frames=first + frames,
        )

    model = expected.results
    fields = (got.prediction, got.exit_stage, got.margin, got.flags)
    # Every frame reaches stage 0, so its scores can be told apart before any decision is; behind
    # it, which frames arrive is known once the decisions are right.
    front = scores(0)
    results = compare(
        f"numpy controller ↔ cascade RTL{how}",
        expected=np.stack([model.label, model.exit_stage, model.margin, model.flags], axis=1),
        got=np.stack(fields, axis=1)[skip : skip + count],
        labels=RESULT_LABELS,
        frames=first + np.arange(count),
    )
    return (front, results, *(scores(k) for k in range(1, len(expected.scores))))
