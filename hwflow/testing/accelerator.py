"""An accelerator's RTL as a test sees it: frames in, labels and cycles out, or an assertion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.config.bundle import load_bundle
from hwflow.errors import ConfigError, VerificationError
from hwflow.simulate.accelerator import AcceleratorModel, SimResult
from hwflow.simulate.checks import Golden, load_golden
from hwflow.simulate.closing import Closing
from hwflow.simulate.library import NO_PAUSES, Pauses
from hwflow.simulate.reference import check_run, expect, load_reference
from hwflow.simulate.stimulus import Stimulus
from hwflow.simulate.timing import steady_ii

IntArray = NDArray[np.int64]
AnyPath = str | PathLike[str]


@dataclass(frozen=True)
class Inference:
    """What the RTL gave for N frames, in the order of the frames.

    ``label``, ``exit_stage`` and ``margin``: (N,) int64, of the stage at which the frame left.
    ``scores``: (N, classes) int64, that stage's integer scores.
    """

    label: IntArray
    exit_stage: IntArray
    margin: IntArray
    scores: IntArray


@dataclass(frozen=True)
class Cycles:
    """Clock cycles of the last ``infer`` or ``assert_exact``; 0 is the first beat of all.

    ``accepted`` and ``finished``: (N,) int64, when each frame's first beat went in and its result
    came out.
    """

    accepted: IntArray
    finished: IntArray

    @property
    def latency(self) -> IntArray:
        """Cycles from first beat to result of each frame, (N,) int64."""
        return self.finished - self.accepted

    @property
    def ii(self) -> float | None:
        """Mean cycles per frame once the pipeline is full; None of too few frames to fill it."""
        return steady_ii(self.accepted, self.finished)

    @property
    def total(self) -> int:
        """Cycles from the first beat to the last result."""
        return int(self.finished.max()) + 1


class RtlAccelerator(Closing):
    """The compiled RTL of one accelerator; a context manager that frees it.

    ``folder``: its files, as ``hwflow build`` writes them. ``from_cache``: whether it was there
    already, or had to be built.
    """

    def __init__(
        self, folder: Path, *, from_cache: bool, images: int | None = None, seed: int = 0
    ) -> None:
        """Compile (or find) the RTL in ``folder``.

        ``images``: what ``assert_exact`` sends unless it is told. ``seed``: of everything that the
        RTL does not initialise, and of variations of golden frames.

        Raises:
            ToolNotFoundError: Verilator or a compiler is missing.
        """
        self.folder = folder
        self.from_cache = from_cache
        self._images = images
        self._seed = seed
        self._model = AcceleratorModel(folder, random_state=seed)
        self.design = self._model.design
        self.bundle = load_bundle(folder / self.design.bundle)
        self._last: SimResult | None = None

    def close(self) -> None:
        """Free the simulation; nothing else may be called afterwards."""
        self._model.close()

    @property
    def cycles(self) -> Cycles:
        """Cycle stamps of the last run.

        Raises:
            ConfigError: nothing has run yet.
        """
        if self._last is None:
            raise ConfigError("cycles: nothing has run on this accelerator; call infer() first")
        return Cycles(self._last.in_cycle, self._last.out_cycle)

    def infer(
        self,
        frames: NDArray[np.uint8],
        *,
        thresholds: Sequence[int] | None = None,
        stage: int | None = None,
        pauses: Pauses = NO_PAUSES,
    ) -> Inference:
        """Return what the RTL makes of ``frames`` (N, H, W, C) bytes, sent back to back.

        ``thresholds``: one per decision of a cascade, instead of the bundle's; ``stage``: every
        frame leaves at this one. ``pauses``: random gaps at the input and back-pressure at the
        output, e.g. ``Pauses(idle=0.05, stall=0.2, longest=40, seed=1)``.

        Raises:
            ConfigError: frames of another shape or type than the accelerator's; not one threshold
                per decision; no such stage.
            VerificationError: a frame never came out, or the result broke the handshake.
        """
        frames = self._checked(frames)
        self._last = got = self._model.run(
            frames, thresholds=thresholds, force=stage, pauses=pauses
        )
        scores = np.empty((len(frames), self.design.classes), np.int64)
        for k, found in enumerate(got.scores):
            # Each stage serves its frames in the order in which they came.
            scores[got.exit_stage >= k] = found
        return Inference(got.prediction, got.exit_stage, got.margin, scores)

    def assert_exact(
        self,
        bundle: AnyPath | None = None,
        *,
        images: int | None = None,
        pauses: Pauses = NO_PAUSES,
    ) -> int:
        """Send golden frames through the RTL; every score and result must equal the integers.

        ``bundle``: the folder whose golden frames and scores are meant; None is the one that the
        accelerator was built from. ``images``: how many frames, unless the constructor (or pytest's
        ``--hwflow-images``) said so; every golden one if nobody did. Beyond them variations of
        golden frames follow, whose integers are computed by the accelerator's integer networks.
        Returns how many integers were compared.

        Raises:
            AssertionError: naming the link, the first frame that differs, expected and got.
            ConfigError: the bundle is damaged, or of another shape than the accelerator.
        """
        frames, scores, golden = self._expected(bundle, images)
        compared = 0
        # All frames through every stage first, then each as far as the thresholds send it.
        stages = len(self.design.stages)
        for force in [stages - 1, None] if stages > 1 else [None]:
            how = "" if force is None else f", exit forced at {force}"
            expected = expect(scores, golden.thresholds, force=force)
            try:
                self._last = self._model.run(
                    frames, thresholds=golden.thresholds, force=force, pauses=pauses
                )
                links = check_run(expected, self._last, origin="golden", how=how)
            except VerificationError as error:
                raise AssertionError(str(error)) from error
            compared += sum(link.compared for link in links)
        return compared

    def _expected(
        self, bundle: AnyPath | None, images: int | None
    ) -> tuple[NDArray[np.uint8], tuple[IntArray, ...], Golden]:
        folder = self.folder / self.design.bundle if bundle is None else Path(bundle)
        told = self.bundle if bundle is None else load_bundle(folder)
        shape = (told.input, len(told.stages), len(told.classes))
        own = (self.bundle.input, len(self.bundle.stages), len(self.bundle.classes))
        if shape != own:
            raise ConfigError(
                f"{folder}: expected a bundle of (input, stages, classes) {own}, got {shape}"
            )
        golden = load_golden(folder, told, limit=None)
        count = next(n for n in (images, self._images, len(golden.frames)) if n is not None)
        if count < 1:
            raise ConfigError(f"images: expected at least 1, got {count}")
        stimulus = Stimulus(golden.frames, None, self._seed, told.input.dtype == "int8")
        frames = stimulus.frames(0, count)
        scores = tuple(known[:count] for known in golden.scores)
        beyond = frames[len(golden.frames) :]
        if len(beyond):
            computed = load_reference(self.folder, self.design).scores(beyond)
            scores = tuple(map(np.concatenate, zip(scores, computed, strict=True)))
        return frames, scores, golden

    def _checked(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        frames = np.asarray(frames)
        if frames.dtype == np.int8:
            frames = frames.view(np.uint8)
        shape = self.bundle.input.shape
        if frames.ndim != 4 or frames.shape[1:] != shape or frames.dtype != np.uint8:
            raise ConfigError(
                f"frames: expected bytes of shape (N, {', '.join(map(str, shape))}) (N, H, W, C), "
                f"got {frames.dtype} of shape {frames.shape}"
            )
        if not len(frames):
            raise ConfigError("frames: expected at least one")
        return frames
