"""``report.json``: every number of a run with its unit and where it comes from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hwflow.config.accelerator import Layer
from hwflow.config.base import StrictModel
from hwflow.config.bundle import Link
from hwflow.config.synthesis import Block, Resources
from hwflow.report.evaluation import Evaluation
from hwflow.report.layers import LayerTable

REPORT_JSON = "report.json"
REPORT_HTML = "report.html"

Provenance = Literal["estimated", "simulated", "synthesised", "routed", "measured"]


class Number(StrictModel):
    """A value that says what it is. ``interval95``: Wilson interval of a fraction of ``n``."""

    value: float
    unit: str
    provenance: Provenance
    n: int | None = None
    seed: int | None = None
    interval95: tuple[float, float] | None = None


class Kind(StrictModel):
    """Unit and provenance of the plain numbers at one place of the report."""

    unit: str
    provenance: Provenance


class StageReport(StrictModel):
    """One stage alone, on every test frame."""

    name: str
    accuracy: Number
    weight_bit_width: tuple[int, ...]
    act_bit_width: tuple[int, ...]
    params: int
    macs: int
    bops: int


class CascadeReport(StrictModel):
    """The cascade on ``n`` test frames.

    ``exit_rate``: fraction of frames that leave before the last stage. ``worst_bops``: those of a
    frame that passes every stage, beside the average.
    """

    accuracy: Number
    exit_rate: float
    exit_rate_per_stage: tuple[float, ...]
    avg_bops: float
    avg_bops_ratio: float = Field(description="average BOPs over those of the last stage alone")
    worst_bops: int
    threshold_int: tuple[int, ...]
    n: int
    accuracy_loss_points: float = Field(description="percentage points below the last stage")


class StageHardwareReport(StrictModel):
    """Timing of one stage and cycles of its layers."""

    name: str
    ii_cycles: float
    ii_bound_cycles: int
    latency_cycles: int
    latency_estimate_cycles: int
    layers: tuple[Layer, ...]


class HardwareReport(StrictModel):
    """The accelerator at the calibrated thresholds.

    ``ii_cycles``: mean cycles between accepted test frames, simulated; ``ii_bound_cycles``: largest
    II bound of a stage times the fraction of frames that reach it, estimated. ``latency_cycles``: a
    lone frame that passes every stage, ``latency_by_exit_cycles`` one that leaves at stage k.
    """

    name: str
    part: str
    clk_period_ns: float
    ii_cycles: float
    ii_bound_cycles: float
    latency_cycles: int
    latency_by_exit_cycles: tuple[int, ...]
    frames_per_second: float
    retention_frames: tuple[int, ...]
    retained_peak_frames: tuple[int, ...]
    stages: tuple[StageHardwareReport, ...]


class ResourceReport(StrictModel):
    """What yosys makes of every block, each by itself."""

    provenance: Provenance
    tool: str
    command: str
    covers: str
    total: Resources
    blocks: tuple[Block, ...]


class CurveReport(StrictModel):
    """Accuracy against the threshold of one decision, on ``n`` independent frames of ``split``."""

    decision: int
    split: Literal["validation", "test"]
    n: int
    threshold: tuple[int, ...]
    exit_rate: tuple[float, ...]
    accuracy: tuple[float, ...]
    random_accuracy: tuple[float, ...]
    oracle_accuracy: tuple[float, ...]


class Escalated(StrictModel):
    """A frame that left after stage 0: what stage 0 said, with which margin, and the result."""

    frame: int
    label: int
    first_label: int
    first_margin: int
    prediction: int
    exit_stage: int


class StepReport(StrictModel):
    """From the run manifest of one step."""

    step: str
    seed: int | None
    duration_s: float | None
    input_hash: str
    commit: str | None
    dirty: bool | None
    versions: dict[str, str]


class Report(StrictModel):
    """``report.json``. ``kinds``: unit and provenance of the numbers that stand alone.

    ``evaluation``: the cascade by every score on the bundle's golden frames; None of one network.
    """

    schema_version: Literal[1]
    name: str
    dataset: str
    classes: tuple[str, ...]
    stages: tuple[StageReport, ...]
    cascade: CascadeReport
    exactness: tuple[Link, ...]
    hardware: HardwareReport
    layers: tuple[LayerTable, ...]
    resources: ResourceReport | None
    curves: tuple[CurveReport, ...]
    evaluation: Evaluation | None
    escalated: tuple[Escalated, ...]
    kinds: dict[str, Kind]
    steps: tuple[StepReport, ...]
    provenance: dict[str, str]
