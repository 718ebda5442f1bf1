"""The design: what ``build`` turns into an accelerator (``builds/<design>/design.yaml``)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hwflow.config.base import StrictModel


class TargetCycles(StrictModel):
    """Fold each layer as far as it stays within ``target_ii_cycles`` cycles per frame.

    ``auto``: the fewest cycles at which the estimated stage stays within a share of the part.
    """

    target_ii_cycles: Annotated[int, Field(gt=0)] | Literal["auto"] = "auto"


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


class Design(StrictModel):
    """``design.yaml``: how a bundle becomes hardware.

    ``frame_beat_bytes``: bytes per beat of the frame stream, a power of two.
    ``retention_frames``: frames that the retention buffer of each decision holds; ``auto`` takes
    enough for the stage's latency and for bursts of hard frames at ``escalation_rate``.
    ``model``: the network, unless a bundle is given beside the design; ``golden`` belongs to it.
    """

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    board: Literal["pynq-z1", "pynq-z2"]
    clk_period_ns: Annotated[float, Field(ge=0.5, le=1000)] = 10.0
    frame_beat_bytes: Literal[1, 2, 4, 8, 16, 32, 64] = 8
    stages: tuple[TargetCycles, ...] = Field(default=(TargetCycles(),), min_length=1)
    escalation_rate: Annotated[float, Field(ge=0, le=1)] = 0.25
    retention_frames: Annotated[int, Field(ge=2)] | Literal["auto"] = "auto"
    model: Annotated[OnnxModel | ExampleModel, Field(discriminator="kind")] | None = None
    golden: GoldenFrames = GoldenFrames()
