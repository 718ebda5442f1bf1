"""The model bundle: what ``export`` writes and every later step reads."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hwflow.config.base import GrownModel, StrictModel, load
from hwflow.config.calibration import CalibrationRecipe, EpsCalibration, OtherGoal
from hwflow.errors import ConfigError

BUNDLE_FILE = "bundle.json"
GOLDEN_FILE = "golden.npz"

AGAIN = "make it again with `hwflow export`, or `hwflow build` for an ONNX file"


class Accuracy(StrictModel):
    """Fraction of ``n`` samples of ``split`` classified rightly."""

    split: Literal["train", "validation", "test"]
    n: int = Field(gt=0)
    value: float = Field(ge=0, le=1)


class StageModel(GrownModel):
    """One classifier of the cascade as a QONNX file.

    ``score_scale``: network output = integer score × ``score_scale`` (> 0) + ``score_offset``.
    ``score_bits``: bits of a signed integer that holds every reachable score.
    ``bops``: Σ MACs × weight bits × activation bits (qonnx's definition) of one frame.
    ``weight_bit_width``/``act_bit_width``: per layer, input first; the act entry is the layer's
    *input* bit width, so that MACs × both gives the BOPs.
    ``pruned``: fraction of the recipe's weights that went with whole filters, and are in none of
    the figures. ``zeros``: fraction of the weights there that are 0, where single ones were
    pruned; the figures count them, as the hardware multiplies by them too.
    """

    later: ClassVar[frozenset[str]] = frozenset({"zeros"})

    name: str
    qonnx: str
    sha256: str
    score_bits: int = Field(ge=2, le=32)
    score_scale: float = Field(gt=0)
    score_offset: float = 0.0
    weight_bit_width: tuple[int, ...]
    act_bit_width: tuple[int, ...]
    params: int = Field(ge=0)
    macs: int = Field(ge=0)
    bops: int = Field(ge=0)
    pruned: float = Field(ge=0, lt=1)
    zeros: float = Field(default=0.0, ge=0, le=1)
    accuracy: Accuracy | None


class Calibration(StrictModel):
    """How the thresholds were chosen for a bounded loss; never on test data.

    ``criterion``: whether ``eps`` bounds the difference of accuracies, or the fraction of frames
    that the last stage alone has right and the cascade wrong.
    ``n``: independent frames; each counted in (2 · ``max_shift`` + 1)² translations.
    """

    split: Literal["validation"]
    n: int = Field(gt=0)
    max_shift: int = Field(default=0, ge=0)
    eps: float = Field(ge=0, description="accuracy given up against the last stage, as a fraction")
    criterion: Literal["accuracy", "losses"] = "accuracy"


class GoalCalibration(StrictModel):
    """How the thresholds were chosen for another ``goal`` than ``eps``; ``n`` as there."""

    split: Literal["validation"]
    n: int = Field(gt=0)
    goal: OtherGoal

    @property
    def max_shift(self) -> int:
        """Pixels by which the frames were moved."""
        return self.goal.shift


def record(chosen: CalibrationRecipe, *, n: int) -> Calibration | GoalCalibration:
    """Return what a bundle says of thresholds ``chosen`` on ``n`` independent frames."""
    if not isinstance(chosen, EpsCalibration):
        return GoalCalibration(split="validation", n=n, goal=chosen)
    return Calibration(
        split="validation",
        n=n,
        max_shift=chosen.max_shift,
        eps=chosen.eps,
        criterion=chosen.criterion,
    )


def recorded(calibration: Calibration | GoalCalibration) -> CalibrationRecipe:
    """Return the recipe's words for how thresholds were chosen."""
    if isinstance(calibration, GoalCalibration):
        return calibration.goal
    return EpsCalibration(
        eps=calibration.eps, criterion=calibration.criterion, max_shift=calibration.max_shift
    )


class Policy(StrictModel):
    """Exit stage k iff its margin >= ``threshold_int[k]``; the last stage always exits."""

    score: Literal["margin"]
    threshold_int: tuple[Annotated[int, Field(ge=0, lt=1 << 32)], ...]
    calibration: Calibration | GoalCalibration | None


class CascadeMetrics(StrictModel):
    """Behaviour of the whole cascade on ``accuracy.split`` at the calibrated thresholds."""

    accuracy: Accuracy
    exit_rate: tuple[float, ...] = Field(description="fraction of frames leaving at each stage")
    avg_bops: float


class Link(StrictModel):
    """One link of the exactness chain: how many integers were compared, how many differ."""

    link: str
    compared: int
    mismatches: int
    ties: int


class BundleInput(StrictModel):
    """Frames of bytes, (height, width, channels), and what the QONNX files read for a byte.

    ``dtype``: what a byte means; int8 bytes are two's complement, and golden files hold them as the
    uint8 of the same bits. The files' float input is byte × ``scale`` + ``shift``, one number or
    one per channel.
    """

    shape: tuple[int, int, int]
    dtype: Literal["uint8", "int8"]
    scale: tuple[float, ...] = (1.0,)
    shift: tuple[float, ...] = (0.0,)


class Bundle(StrictModel):
    """``bundle.json``. Paths are relative to its folder.

    ``golden.npz`` holds ``frames`` (N, H, W, C) uint8, ``label`` (N,) uint8 or uint16 (ground
    truth, absent where none is known), ``scores_<k>`` (N, classes) int32 of each stage k, and the
    expected results of the cascade at ``policy``: ``prediction`` (N,) int32, ``exit_stage`` (N,)
    int32, ``margin`` (N,) int64. ``validation_label`` (V,) and ``validation_scores_<k>`` (V,
    classes), where there are any, are what the thresholds were chosen on. Where the N frames are
    only some of a test split of T, ``test_label`` (T,) and ``test_scores_<k>`` (T, classes) are of
    all, and ``test_digest`` (T,) uint64 tells which frames those are.
    """

    schema_version: Literal[1]
    name: str
    dataset: str
    input: BundleInput
    classes: tuple[str, ...]
    stages: tuple[StageModel, ...] = Field(min_length=1)
    policy: Policy
    cascade: CascadeMetrics | None
    exactness: tuple[Link, ...]
    golden_sha256: str
    provenance: dict[str, str]

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        height, width, channels = self.input.shape
        return height * width * channels


def sha256(path: Path) -> str:
    """Return the file's SHA-256 as hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_bundle(folder: Path) -> Bundle:
    """Return the bundle in ``folder`` after checking every file against its recorded hash.

    Raises:
        ConfigError: naming the file that is missing or was changed.
    """
    if not (folder / BUNDLE_FILE).is_file():
        raise ConfigError(
            f"{folder}: not a model bundle (no {BUNDLE_FILE} in it); `hwflow export` makes one, "
            "and so does `hwflow build` of an ONNX file"
        )
    bundle = load(Bundle, folder / BUNDLE_FILE)
    recorded = {stage.qonnx: stage.sha256 for stage in bundle.stages}
    recorded[GOLDEN_FILE] = bundle.golden_sha256
    for name, digest in recorded.items():
        path = folder / name
        if not path.is_file():
            raise ConfigError(f"{path}: missing from the bundle; {AGAIN}")
        if sha256(path) != digest:
            raise ConfigError(
                f"{path}: does not match the hash in {BUNDLE_FILE} (damaged or edited); {AGAIN}"
            )
    if len(bundle.policy.threshold_int) != len(bundle.stages) - 1:
        raise ConfigError(
            f"{folder / BUNDLE_FILE}: policy.threshold_int has "
            f"{len(bundle.policy.threshold_int)} entries, expected {len(bundle.stages) - 1} "
            "(one per stage but the last)"
        )
    return bundle
