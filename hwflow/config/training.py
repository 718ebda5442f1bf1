"""How a stage is trained: the ``training`` part of a recipe.

Every default is what training did before the field was there, so that an old recipe gives its old
weights.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hwflow.config.base import GrownModel, StrictModel
from hwflow.config.network import BitWidth, LayerBits

Epochs = Annotated[int, Field(gt=0, le=10_000)]
Rate = Annotated[float, Field(gt=0)]
PerLayer = BitWidth | tuple[BitWidth, ...] | LayerBits


class Precision(StrEnum):
    """Numbers of the forward and backward passes."""

    FLOAT32 = "float32"
    BF16 = "bf16"


class RandomStart(StrictModel):
    """Quantised training from random weights."""

    kind: Literal["random"] = "random"


class FloatStart(StrictModel):
    """Float training first; its weights then start the quantised training."""

    kind: Literal["float"]
    epochs: Epochs
    lr: Rate


class AdamW(StrictModel):
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101)."""

    kind: Literal["adamw"] = "adamw"


class Sgd(StrictModel):
    """Stochastic gradient descent with ``momentum``, by choice Nesterov's."""

    kind: Literal["sgd"]
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: needs a momentum above 0")
        return self


class CosineSchedule(StrictModel):
    """From ``lr`` to 0 along half a cosine (arXiv 1608.03983, equation 5 without restarts).

    ``warmup_epochs``: the rate first rises in equal steps for so long; may be a fraction.
    """

    kind: Literal["cosine"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0


class StepSchedule(StrictModel):
    """``lr``, multiplied by ``factor`` at the begin of each epoch in ``milestones`` (from 0).

    ``warmup_epochs`` as in ``CosineSchedule``.
    """

    kind: Literal["step"]
    milestones: Annotated[tuple[Epochs, ...], Field(min_length=1)]
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _milestones_rise(self) -> Self:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones must rise, got {list(self.milestones)}")
        return self


class BitStep(StrictModel):
    """A phase of quantised training at higher bit widths, on the way down to the stage's own.

    Bit widths as in the stage: one number, one per layer, or {inner, first, last}.
    """

    weight_bit_width: PerLayer
    act_bit_width: PerLayer
    epochs: Epochs
    lr: Rate


class Training(GrownModel):
    """Training of one stage on the cross entropy of its scores.

    ``epochs``, ``lr``: of the last phase, at the stage's bit widths; ``start`` and ``lowering`` put
    phases in front of it, whose weights it takes over. The other fields hold in every phase, but
    for ``frozen_epochs`` and ``patience``, which are the last phase's.

    Augmentation: ``max_shift``: random translation of each frame, in pixels per side, which is a
    random crop of the padded frame. ``flip``: random mirroring, left to right. ``cutout``: side of
    a square of zeros at a random place, in pixels; 0 for none.

    ``label_smoothing``: share of the target spread over all classes (arXiv 1512.00567, section 7).
    ``ema_decay``: the trained weights are an exponential moving average of the steps' weights; its
    decay per step. ``patience``: stop after so many epochs without a better validation accuracy,
    and take the weights of the best epoch. ``precision``: of the forward and backward passes of
    training; weights, and every evaluation, are float32. ``frozen_epochs``: so many last epochs
    with the batch-norms' statistics and the quantisers' learned scales held fixed. ``form``: what
    the quantised phases run: hwflow's own quantisers on plain tensors, or Brevitas' layers; both
    compute the same, the first faster.
    """

    later: ClassVar[frozenset[str]] = frozenset(
        {
            "optimiser",
            "schedule",
            "lowering",
            "frozen_epochs",
            "flip",
            "cutout",
            "label_smoothing",
            "ema_decay",
            "patience",
            "precision",
            "form",
        }
    )

    epochs: Epochs
    batch_size: Annotated[int, Field(gt=1, le=65_536)] = 64
    lr: Rate
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_shift: Annotated[int, Field(ge=0, le=8)] = 0
    start: Annotated[RandomStart | FloatStart, Field(discriminator="kind")] = RandomStart()
    optimiser: Annotated[AdamW | Sgd, Field(discriminator="kind")] = AdamW()
    schedule: Annotated[CosineSchedule | StepSchedule, Field(discriminator="kind")] = (
        CosineSchedule()
    )
    lowering: tuple[BitStep, ...] = ()
    frozen_epochs: Annotated[int, Field(ge=0)] = 0
    flip: bool = False
    cutout: Annotated[int, Field(ge=0)] = 0
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    patience: Epochs | None = None
    precision: Precision = Precision.FLOAT32
    form: Literal["fast", "brevitas"] = "fast"

    @model_validator(mode="after")
    def _fits_its_epochs(self) -> Self:
        if self.frozen_epochs >= self.epochs:
            raise ValueError(
                f"frozen_epochs = {self.frozen_epochs}: fewer than epochs = {self.epochs}, so that "
                "something is trained before"
            )
        if self.schedule.warmup_epochs >= self.epochs:
            raise ValueError(
                f"schedule.warmup_epochs = {self.schedule.warmup_epochs:g}: less than "
                f"epochs = {self.epochs}"
            )
        if isinstance(self.schedule, StepSchedule) and self.schedule.milestones[-1] >= self.epochs:
            raise ValueError(
                f"schedule.milestones: {self.schedule.milestones[-1]} is not reached in "
                f"{self.epochs} epochs, counted from 0"
            )
        return self
