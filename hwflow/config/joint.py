"""The ``joint`` part of a recipe: how stages that were trained alone are trained together.

After Cascaded Mixed-Precision Networks (Geng et al. 2020), whose losses and schedule are not
published: this is our own reading of "jointly".
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from hwflow.config.base import StrictModel
from hwflow.config.training import Epochs, Precision, Rate

PLACE = "joint"
"""Folder of the results, below that of the stages trained alone."""


class Distillation(StrictModel):
    """The last stage teaches the others, by the divergence of softened scores.

    weight · T² · KL(softmax(z_last / T) || softmax(z_k / T)), T the ``temperature`` (Hinton et al.
    2015, arXiv 1503.02531, section 2). ``weight`` 0: nobody teaches.
    """

    weight: Annotated[float, Field(ge=0)] = 1.0
    temperature: Annotated[float, Field(gt=0)] = 4.0


class Joint(StrictModel):
    """All stages on the same batches, each by the cross entropy of its scores and the distillation.

    ``epochs``: in all. ``lr``: one number, or one per stage, falling to 0 along half a cosine.
    ``cross_entropy``: weight of the labels for the stages that are taught.
    ``pruning_epochs``: the first so many, in which sparsity rises; then filters are removed and
    masks fixed. Fewer than ``epochs``. Other fields as in a stage's ``training``, of which
    ``optimiser``, ``weight_decay`` and ``label_smoothing`` hold here too.
    """

    epochs: Epochs
    lr: Rate | tuple[Rate, ...]
    batch_size: Annotated[int, Field(gt=1, le=65_536)] = 64
    cross_entropy: Annotated[float, Field(ge=0)] = 1.0
    distillation: Distillation = Distillation()
    pruning_epochs: Annotated[int, Field(ge=0)] = 0
    max_shift: Annotated[int, Field(ge=0, le=8)] = 0
    flip: bool = False
    cutout: Annotated[int, Field(ge=0)] = 0
    precision: Precision = Precision.FLOAT32

    @model_validator(mode="after")
    def _something_is_tuned(self) -> Self:
        if self.pruning_epochs >= self.epochs:
            raise ValueError(
                f"pruning_epochs = {self.pruning_epochs}: fewer than epochs = {self.epochs}, so "
                "that something is trained after the last filter has gone"
            )
        return self

    def rates(self, stages: int) -> tuple[float, ...]:
        """Return the first learning rate of each of ``stages`` stages."""
        return self.lr if isinstance(self.lr, tuple) else (self.lr,) * stages
