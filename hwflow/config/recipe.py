"""The recipe: everything that decides what ``train`` and ``export`` make (``recipe.yaml``).

Variants are tagged unions (``kind``, ``name``), so that a field exists only where it means
something. Data sets, networks, training and calibration have files of their own: ``dataset.py``,
``network.py``, ``training.py``, ``calibration.py``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hwflow.config.base import GrownModel
from hwflow.config.calibration import CalibrationRecipe, EpsCalibration
from hwflow.config.dataset import Dataset, Seed
from hwflow.config.network import NetworkRecipe, per_layer
from hwflow.config.training import Training


class StageRecipe(NetworkRecipe):
    """One classifier of the cascade: its network and how it is trained."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    training: Training

    @model_validator(mode="after")
    def _one_width_per_layer(self) -> Self:
        layers = self.net.weight_layers
        wanted = [
            ("weight_bit_width", self.weight_bits, layers),
            ("act_bit_width", self.act_bits, layers - 1),
        ]
        for number, step in enumerate(self.training.lowering):
            where = f"training.lowering[{number}]"
            weights, acts = step.weight_bit_width, step.act_bit_width
            wanted += [
                (f"{where}.weight_bit_width", per_layer(weights, layers), layers),
                (f"{where}.act_bit_width", per_layer(acts, layers - 1), layers - 1),
            ]
        for field, widths, count in wanted:
            if len(widths) != count:
                raise ValueError(
                    f"{field} has {len(widths)} entries, expected one number or a list of {count}"
                )
        return self


class Recipe(GrownModel):
    """``recipe.yaml``. ``seed`` decides initial weights, batch order and augmentation.

    ``golden_frames``: test frames that the bundle carries for the hardware to be compared on, at
    even distances in the split; without it all of them. Every test frame is scored either way.
    """

    later: ClassVar[frozenset[str]] = frozenset({"golden_frames"})

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    seed: Seed
    dataset: Dataset
    stages: Annotated[tuple[StageRecipe, ...], Field(min_length=1)]
    calibration: CalibrationRecipe = EpsCalibration()
    golden_frames: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages: names must differ, found {', '.join(names)}")
        return self
