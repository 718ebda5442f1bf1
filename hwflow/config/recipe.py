"""The recipe: everything that decides what ``train`` and ``export`` make (``recipe.yaml``).

Variants are tagged unions (``kind``, ``name``), so that a field exists only where it means
something. Data sets, training and calibration have files of their own: ``dataset.py``,
``training.py``, ``calibration.py``.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hwflow.config.base import StrictModel
from hwflow.config.calibration import CalibrationRecipe, EpsCalibration
from hwflow.config.dataset import Dataset, Seed
from hwflow.config.training import Training

BitWidth = Annotated[int, Field(ge=1, le=8)]


class VggTiny(StrictModel):
    """Unpadded 3×3 convolutions and 2×2 max-pools, then fully connected layers.

    ``features``: output channels of a convolution, or ``pool``. ``hidden``: features of the fully
    connected layers before the classifier. ``width`` multiplies both, rounded to a multiple of 8.
    """

    name: Literal["vgg_tiny"]
    features: Annotated[tuple[Annotated[int, Field(gt=0)] | Literal["pool"], ...], Field()]
    hidden: tuple[Annotated[int, Field(gt=0)], ...] = ()
    width: Annotated[float, Field(gt=0, le=16)] = 1.0

    @property
    def weight_layers(self) -> int:
        """Layers with weights: convolutions, hidden layers, classifier."""
        return sum(f != "pool" for f in self.features) + len(self.hidden) + 1


class StageRecipe(StrictModel):
    """One classifier of the cascade.

    ``weight_bit_width``: one number, or one per weight layer. ``act_bit_width``: one number, or one
    per activation (one fewer than weight layers; the input is always uint8). 1 means {-1, +1}.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    net: VggTiny
    weight_bit_width: BitWidth | tuple[BitWidth, ...]
    act_bit_width: BitWidth | tuple[BitWidth, ...]
    training: Training

    @property
    def weight_bits(self) -> tuple[int, ...]:
        """Weight bits of each weight layer."""
        return _per_layer(self.weight_bit_width, self.net.weight_layers)

    @property
    def act_bits(self) -> tuple[int, ...]:
        """Output bits of each weight layer but the classifier."""
        return _per_layer(self.act_bit_width, self.net.weight_layers - 1)

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
                (f"{where}.weight_bit_width", _per_layer(weights, layers), layers),
                (f"{where}.act_bit_width", _per_layer(acts, layers - 1), layers - 1),
            ]
        for field, widths, count in wanted:
            if len(widths) != count:
                raise ValueError(
                    f"{field} has {len(widths)} entries, expected one number or {count} entries"
                )
        return self


class Recipe(StrictModel):
    """``recipe.yaml``. ``seed`` decides initial weights, batch order and augmentation."""

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    seed: Seed
    dataset: Dataset
    stages: Annotated[tuple[StageRecipe, ...], Field(min_length=1)]
    calibration: CalibrationRecipe = EpsCalibration()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages: names must differ, found {', '.join(names)}")
        return self


def _per_layer(bits: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    return (bits,) * count if isinstance(bits, int) else bits
