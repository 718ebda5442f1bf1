"""The design: what ``build`` turns into an accelerator (``builds/<design>/design.yaml``)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hwflow.config.base import StrictModel

# Slower than any design is meant to be, and exact in every number behind it.
_MOST_CYCLES = 10**12

Cycles = Annotated[int, Field(gt=0, le=_MOST_CYCLES)]


class TargetCycles(StrictModel):
    """Fold each layer as far as it stays within ``target_ii_cycles`` cycles per frame.

    ``auto``: the stage's share of the design's target, for the frames that reach it; of the fewest
    cycles at which all stages stay within ``fill`` where the design has no target.
    """

    target_ii_cycles: Cycles | Literal["auto"] = "auto"


class InputFormat(StrictModel):
    """What the model file reads for a byte of a frame: byte × ``scale`` + ``shift``.

    Both are one number or one per channel. ``auto`` and None: bytes are the codes of a quantiser
    that the input goes straight into, else the file reads the bytes themselves.
    """

    dtype: Literal["auto", "uint8", "int8"] = "auto"
    scale: tuple[float, ...] | None = None
    shift: tuple[float, ...] | None = None


class OnnxModel(StrictModel):
    """A quantised ONNX file (QONNX or QCDQ) that anybody made; ``path`` relative to the design."""

    kind: Literal["onnx"]
    path: str
    input: InputFormat = InputFormat()


class ExampleModel(StrictModel):
    """A network of ``hwflow.nets.examples`` with random weights drawn from ``seed``."""

    kind: Literal["example"]
    name: str
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class GoldenFrames(StrictModel):
    """Frames that a foreign model's golden integers are computed on.

    ``count`` of them, drawn from ``seed`` (with all-zero, all-255 and worst-case frames), the first
    ``against_file`` of which are also executed in floats, by the file itself.
    """

    count: Annotated[int, Field(ge=4, le=100_000)] = 128
    against_file: Annotated[int, Field(ge=1)] = 8
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0


class Fill(StrictModel):
    """Shares of the part that all of a design may take by estimate.

    Of which only some are named, the others are as by default, with a target too. As given by
    default they leave room for routing. More than 1 builds what no such part holds, to
    simulate it.
    """

    lut: Annotated[float, Field(gt=0, le=1000)] = 0.6
    bram: Annotated[float, Field(gt=0, le=1000)] = 1.0
    dsp: Annotated[float, Field(gt=0, le=1000)] = 0.9


class Design(StrictModel):
    """``design.yaml``: how a bundle becomes hardware.

    ``frame_beat_bytes``: bytes per beat of the frame stream, a power of two.
    ``retention_frames``: frames that the retention buffer of each decision holds; ``auto`` takes
    enough for the stage's latency and for bursts of hard frames at ``escalation_rate``.
    ``reorder_frames``: results that may wait for earlier ones, a power of two, where the driver
    asks for them in order; 0 leaves the store out, ``auto`` takes enough for the slowest frame.
    ``escalation_rate``: of the frames that reach a decision, the part that goes on; folding and
    retention buffers are planned for it. ``auto``: the upper end of the 95 % interval of what the
    bundle's calibration saw, or 0.25 where it has none.
    ``burst_frames``: mean length of a run of frames that escalate one after the other, for which
    retention buffers are planned; 1 means that they come at random.
    ``model``: the network, unless a bundle is given beside the design; ``golden`` belongs to it.

    What is folded for, at most one of: ``target_ii`` in cycles per frame of the whole design,
    ``target_fps`` in frames per second, targets of each stage, ``folding`` (a folding file, path
    relative to the design). With a target, the cheapest folding that meets it within ``fill`` (by
    default, the whole part) is built; without, the fastest within ``fill``.

    ``fifos``: depths between the layers are ``simulated`` (the least memory at which the stages
    keep their pace), by ``formula`` (at once, without a simulator), or those of a file such as the
    ``fifos.json`` that each build writes (path relative to the design).
    """

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    board: Literal["pynq-z1", "pynq-z2"]
    clk_period_ns: Annotated[float, Field(ge=0.5, le=1000)] = 10.0
    frame_beat_bytes: Literal[1, 2, 4, 8, 16, 32, 64] = 8
    stages: tuple[TargetCycles, ...] = Field(default=(TargetCycles(),), min_length=1)
    escalation_rate: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    burst_frames: Annotated[float, Field(ge=1, le=1e6)] = 1.0
    retention_frames: Annotated[int, Field(ge=2, le=2**15)] | Literal["auto"] = "auto"
    reorder_frames: Literal[0, 2, 4, 8, 16, 32, 64, 128, 256, "auto"] = "auto"
    model: Annotated[OnnxModel | ExampleModel, Field(discriminator="kind")] | None = None
    golden: GoldenFrames = GoldenFrames()
    target_ii: Cycles | None = None
    target_fps: Annotated[float, Field(ge=1e-3)] | None = None
    fill: Fill | Literal["auto"] | None = None
    folding: str | None = None
    fifos: Annotated[str, Field(pattern=r"^(simulated|formula|.+\.json)$")] = "simulated"

    @property
    def fifos_file(self) -> str | None:
        """The file that ``fifos`` names, if it names one."""
        return self.fifos if self.fifos.endswith(".json") else None

    @model_validator(mode="after")
    def _one_goal(self) -> Self:
        goals = [name for name in ("target_ii", "target_fps", "folding") if getattr(self, name)]
        if any(stage.target_ii_cycles != "auto" for stage in self.stages):
            goals.append("stages.target_ii_cycles")
        if len(goals) > 1:
            raise ValueError(f"{' and '.join(goals)} exclude each other; keep one")
        if self.folding is not None and self.fill is not None:
            raise ValueError("folding and fill exclude each other: a folding file says it all")
        return self
