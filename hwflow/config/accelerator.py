"""``design.json``: what a simulator, synthesiser or driver needs to know of an accelerator."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hwflow.config.base import StrictModel

DESIGN_FILE = "design.json"


class Estimate(StrictModel):
    """Resources by hwflow's cost models; ``lut`` counts ``lutram`` too, ``bram36`` in halves."""

    lut: int
    lutram: int
    ff: int
    dsp: int
    bram36: float


class Layer(StrictModel):
    """One hardware node of a stage.

    ``layer``: what it belongs to in the network; a window generator, width converter or FIFO goes
    with the layer that it feeds. ``cycles``: estimated clock cycles per frame; ``mw`` × ``mh`` is
    the weight matrix; ``memory_bits``: weights and thresholds. ``module`` is the node's own, but a
    FIFO's is shared by all FIFOs and takes its word and depth as parameters.
    """

    name: str
    layer: str
    op: str
    backend: Literal["finn", "hwflow"]
    module: str
    pe: int | None = None
    simd: int | None = None
    mw: int | None = None
    mh: int | None = None
    weight_bit_width: int | None = None
    cycles: int = Field(ge=0)
    macs: int = 0
    fifo_depth_words: int | None = None
    fifo_word_bits: int | None = None
    memory_bits: int = 0
    estimate: Estimate


class StageHardware(StrictModel):
    """One stage as RTL: module ``top`` with ports ap_clk, ap_rst_n, s_axis_0_*, m_axis_0_*.

    ``in_bytes``: bytes of a frame per input beat, byte 0 in bits 7:0. A score beat carries
    ``score_lanes`` signed integers of ``score_bits`` bits, lane 0 lowest, class = beat × lanes +
    lane. ``ii_bound_cycles``: the largest estimated cycle count of any node, or the
    beats in which a frame arrives, if these are more. Folded layers need
    exactly theirs; FINN's estimate for a window generator can be some cycles high.
    ``latency_estimate_cycles``: first input beat to last score, estimated.
    """

    name: str
    top: str
    in_bytes: int = Field(gt=0)
    score_bits: int = Field(gt=0)
    score_lanes: int = Field(gt=0)
    ii_bound_cycles: int = Field(gt=0)
    latency_estimate_cycles: int = Field(gt=0)
    layers: tuple[Layer, ...]


class Accelerator(StrictModel):
    """``design.json``; all paths relative to its folder, which is also the tools' working folder.

    ``sources`` is the content of ``rtl.f``: compile order, tops last. ``top`` is
    ``hwf_accelerator``; ``threshold_int`` are the reset values of its threshold registers.
    """

    schema_version: Literal[1]
    name: str
    top: str
    part: str
    clk_period_ns: float
    sources: tuple[str, ...]
    bundle: str
    registers: str
    frame_bytes: int
    frame_beat_bytes: int
    classes: int
    stages: tuple[StageHardware, ...]
    threshold_int: tuple[int, ...]
    retention_frames: tuple[int, ...]
    queue_frames: tuple[int, ...]
    reorder_frames: int
    last_frames: int
