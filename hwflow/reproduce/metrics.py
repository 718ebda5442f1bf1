"""``metrics.json`` of a model: every number of its card, with what it is a number of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hwflow.config.base import StrictModel
from hwflow.config.bundle import Link
from hwflow.config.recipe import Recipe
from hwflow.config.study import Goal, Study

METRICS_FILE, CARD_FILE, CURVE_FILE = "metrics.json", "card.md", "curve.svg"

Split = Literal["validation", "test"]
Limit = Literal["loss", "bops"]
Interval = tuple[float, float]


class Number(StrictModel):
    """A value with its unit and where it comes from.

    ``n``: independent frames of ``split`` that it is counted on; none where no frame decides it.
    ``seed``: of the training. ``interval95``: over frames.
    """

    value: float
    unit: str
    provenance: Literal["measured", "estimated"]
    n: int | None = None
    split: Split | None = None
    seed: int | None = None
    interval95: Interval | None = None


class Spread(StrictModel):
    """One figure over the seeds. ``sd``: sample standard deviation; none of one seed.

    ``n``, ``split``: as of each number.
    """

    mean: float
    sd: float | None = None
    unit: str
    provenance: Literal["measured", "estimated"]
    seeds: tuple[int, ...]
    n: int | None = None
    split: Split | None = None


class StageMetrics(StrictModel):
    """One stage of a variant, alone.

    ``channels``: outputs of each layer with weights, the classifier last, as exported. ``bits``:
    of weights and of inputs, per layer. ``pruned``: fraction of the recipe's weights that went with
    whole filters. ``zeros``: fraction of those left that are 0 where single ones were pruned;
    of exported ones.
    """

    name: str
    channels: tuple[int, ...]
    weight_bits: tuple[int, ...]
    act_bits: tuple[int, ...]
    params: int
    macs: int
    bops: int
    pruned: float
    zeros: float | None = None
    accuracy: dict[Split, Number]


class PolicyMetrics(StrictModel):
    """The cascade at thresholds chosen on validation frames, measured on one split.

    ``exit_rate``: of all frames, per stage. ``loss``: accuracy of the last stage less that of the
    cascade. ``random``, ``oracle``: accuracy of chance and of hindsight at these exit rates.
    """

    accuracy: Number
    loss: Number
    avg_bops: Number
    exit_rate: tuple[Number, ...]
    random: Number
    oracle: Number


class ScoreMetrics(StrictModel):
    """A confidence score at its own thresholds for the same goal, on test frames.

    None where the score reaches the goal nowhere.
    """

    accuracy: Number | None = None
    avg_bops: Number | None = None


class CurveMetrics(StrictModel):
    """Accuracy against average BOPs on ``n`` test frames, every few points of it.

    ``random``, ``oracle``: at the same exit rates. ``provenance`` of accuracies; BOPs are
    estimated.
    """

    n: int
    split: Split
    seed: int
    provenance: Literal["measured"] = "measured"
    avg_bops: tuple[float, ...]
    accuracy: tuple[float, ...]
    random: tuple[float, ...]
    oracle: tuple[float, ...]


class HardwareMetrics(StrictModel):
    """What the cost model says of a network, or a cascade, in the study's share of the part.

    ``reach``: fraction of the frames that each stage sees, on validation frames. Without
    ``frames_per_s`` there is no folding that fits, and ``fails`` says by what. ``taken``: LUT,
    BRAM36 and DSP of each stage, of what stands around them, and of all; not of matches.
    """

    reach: tuple[float, ...]
    frames_per_s: Number | None = None
    ii_cycles: Number | None = None
    taken: dict[str, dict[str, Number]] = Field(default_factory=dict)
    fails: str | None = None


class VariantMetrics(StrictModel):
    """What a variant reached.

    ``threshold``: on the integer margin, per decision. ``policy``: by split. ``curve``: of the
    compared cascades alone. ``exactness``: links of the export; none of what is not exported.
    ``training``: of all that is behind its networks, shared with other variants or not.
    ``in_float32``: stages that a processor without bf16 trained in float32 where the recipe asks
    for bf16; None if nobody knows.
    ``frames``: of each split; validation frames count in ``copies`` translations.
    """

    name: str
    about: str
    seed: int
    threshold: tuple[int, ...]
    stages: tuple[StageMetrics, ...]
    policy: dict[Split, PolicyMetrics]
    scores: dict[str, ScoreMetrics]
    curve: CurveMetrics | None = None
    exactness: tuple[Link, ...]
    training: Number
    in_float32: tuple[str, ...] | None = None
    frames: dict[Split, int]
    copies: int


class SingleMetrics(StrictModel):
    """One network for every frame: the last stage of ``variant``, or its first one alone.

    ``on_front``: no other single network is as accurate on test frames for fewer BOPs.
    """

    name: str
    variant: str
    is_first: bool
    bops: Number
    accuracy: dict[Split, Number]
    hardware: HardwareMetrics
    on_front: bool = False


class Point(StrictModel):
    """A cascade at thresholds that reach some accuracy on validation frames, on test frames.

    ``hardware``: at the rates of the validation frames.
    """

    threshold: tuple[int, ...]
    accuracy: Number
    avg_bops: Number
    hardware: HardwareMetrics


class Limited(StrictModel):
    """A cascade at thresholds that keep a limit on validation frames, against ``reference``.

    That is the last stage of this variant, which is not pruned. ``limit``, a fraction: of accuracy
    lost against it, or of its BOPs. It cannot be kept if ``point`` is None. ``lost``,
    ``bops_ratio``: against the same stage on test frames. ``equal_accuracy``: BOPs over those of
    ``equal_single``, as in ``Comparison``.
    """

    of: Limit
    limit: float
    reference: str
    point: Point | None = None
    lost: Number | None = None
    bops_ratio: Number | None = None
    equal_single: str | None = None
    equal_accuracy: Number | None = None


class Match(StrictModel):
    """A cascade at thresholds that reach a single network's accuracy on validation frames.

    ``point``: None where no threshold does. ``bops_ratio``: to the single network. ``better``: at
    least as accurate, for fewer BOPs, and with more frames per second on the same board.
    """

    single: str
    point: Point | None = None
    bops_ratio: Number | None = None
    more_accurate: bool
    fewer_bops: bool
    faster: bool
    better: bool


class Comparison(StrictModel):
    """A cascade against the single networks.

    ``equal_accuracy``: its average BOPs at its policy over those of ``equal_single``, the cheapest
    single network that is as accurate on test frames, or the most accurate one where none is.
    ``above_front``: better than every single network of the front but the first stage alone.
    """

    cascade: str
    hardware: HardwareMetrics
    equal_single: str
    equal_accuracy: Number
    matches: tuple[Match, ...]
    limited: tuple[Limited, ...] = ()
    above_front: bool


class SeedMetrics(StrictModel):
    """Everything of one seed."""

    seed: int
    variants: tuple[VariantMetrics, ...]
    singles: tuple[SingleMetrics, ...]
    comparisons: tuple[Comparison, ...]

    def variant(self, name: str) -> VariantMetrics:
        """Return the variant of that name."""
        return next(each for each in self.variants if each.name == name)

    def comparison(self, name: str) -> Comparison:
        """Return the comparison of the cascade of that name."""
        return next(each for each in self.comparisons if each.cascade == name)


class Reached(StrictModel):
    """A goal of the study with the figure's mean over the seeds; None where some seed has none."""

    goal: Goal
    got: float | None = None
    met: bool


class Metrics(StrictModel):
    """``metrics.json``. ``summary``: figures over the seeds, by name; goals are of these.

    ``recipe``, ``study``: what was trained and compared. ``seeds``: those that are done.
    ``provenance``: of the bundle that ``bundle`` tells of.
    """

    schema_version: Literal[1] = 1
    recipe: Recipe
    study: Study
    classes: tuple[str, ...]
    headline: str
    seeds: Annotated[tuple[SeedMetrics, ...], Field(min_length=1)]
    summary: dict[str, Spread]
    goals: tuple[Reached, ...]
    provenance: dict[str, str]

    @property
    def bundle(self) -> SeedMetrics:
        """The seed whose networks are committed, or the first that is done."""
        chosen = [each for each in self.seeds if each.seed == self.study.bundle_seed]
        return chosen[0] if chosen else self.seeds[0]

    @property
    def is_whole(self) -> bool:
        """Whether every seed of the study is there."""
        return {each.seed for each in self.seeds} == set(self.study.seeds)
