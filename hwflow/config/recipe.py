"""The recipe: everything that decides what ``train`` and ``export`` make (``recipe.yaml``).

Variants are tagged unions (``kind``, ``name``), so that a field exists only where it means
something. Data sets, networks, training and calibration have files of their own: ``dataset.py``,
``network.py``, ``training.py``, ``calibration.py``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hwflow.config.base import GrownModel
from hwflow.config.calibration import CalibrationRecipe, EpsCalibration, ExitRateCalibration
from hwflow.config.dataset import Dataset, Seed
from hwflow.config.joint import Joint
from hwflow.config.network import NetworkRecipe, per_layer
from hwflow.config.pruning import Pruning, check_pruning
from hwflow.config.training import Training

RESERVED = frozenset({"train", "run"})
"""No names of stages, whose result is ``<stage>.json`` beside ``train.json`` and ``run.json``."""


class StageRecipe(NetworkRecipe):
    """One classifier of the cascade: its network and how it is trained.

    ``pruning``: what it loses while the stages train together. ``stream``: of its random numbers;
    without it, the place in the recipe. A stage of the same stream, and all else that counts,
    trains to the same weights wherever it stands.
    """

    later: ClassVar[frozenset[str]] = NetworkRecipe.later | {"pruning", "stream"}

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    training: Training
    pruning: Pruning | None = None
    stream: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _name_is_free(self) -> Self:
        if self.name in RESERVED:
            raise ValueError(
                f"name: {self.name!r} is taken, as {self.name}.json tells of the whole training; "
                "choose another"
            )
        return self

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
        for field, widths, _ in wanted[2:]:
            own = self.weight_bits if field.endswith("weight_bit_width") else self.act_bits
            if any(before < after for before, after in zip(widths, own, strict=True)):
                raise ValueError(
                    f"{field}: {_listed(widths)} bits on the way down to {_listed(own)}; a layer "
                    "may not have fewer than it ends with"
                )
        return self

    @model_validator(mode="after")
    def _pruning_fits(self) -> Self:
        if self.pruning is not None:
            check_pruning(self.pruning, self.weight_bits)
        return self


def _listed(widths: tuple[int, ...]) -> str:
    return str(widths[0]) if len(set(widths)) == 1 else str(list(widths))


class Recipe(GrownModel):
    """``recipe.yaml``. ``seed`` decides initial weights, batch order and augmentation.

    ``golden_frames``: test frames that the bundle carries for the hardware to be compared on, at
    even distances in the split; without it all of them. Every test frame is scored either way.
    ``joint``: what follows when each stage has been trained alone.
    """

    later: ClassVar[frozenset[str]] = frozenset({"golden_frames", "joint"})

    schema_version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    seed: Seed
    dataset: Dataset
    stages: Annotated[tuple[StageRecipe, ...], Field(min_length=1)]
    calibration: CalibrationRecipe = EpsCalibration()
    golden_frames: Annotated[int, Field(ge=1)] | None = None
    joint: Joint | None = None

    @property
    def prunes(self) -> bool:
        """Whether any stage loses something."""
        return any(stage.pruning is not None for stage in self.stages)

    def stream(self, index: int) -> int:
        """Return the stream of random numbers of stage ``index``."""
        own = self.stages[index].stream
        return index if own is None else own

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"stages: names must differ, found {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _changes_leave_something_of_a_frame(self) -> Self:
        height, width, _ = self.dataset.frame_shape
        wanted = [("calibration.max_shift", self.calibration.shift)]
        for index, stage in enumerate(self.stages):
            where = f"stages.{index}.training"
            wanted += [
                (f"{where}.max_shift", stage.training.max_shift),
                (f"{where}.cutout", stage.training.cutout),
            ]
        if self.joint is not None:
            wanted.append(("joint.max_shift", self.joint.max_shift))
            wanted.append(("joint.cutout", self.joint.cutout))
        for field, pixels in wanted:
            if pixels >= min(height, width):
                raise ValueError(
                    f"{field} = {pixels}: less than a side of the frames, which are "
                    f"{height}×{width} pixels; more leaves nothing of some of them"
                )
        return self

    @model_validator(mode="after")
    def _joint_fits(self) -> Self:
        pruned = [index for index, stage in enumerate(self.stages) if stage.pruning is not None]
        if self.joint is None:
            if pruned:
                raise ValueError(
                    f"stages.{pruned[0]}.pruning: happens while the stages train together; add "
                    "joint, with pruning_epochs, or leave pruning out"
                )
            return self
        if isinstance(self.joint.lr, tuple) and len(self.joint.lr) != len(self.stages):
            raise ValueError(
                f"joint.lr has {len(self.joint.lr)} entries, expected one number or a list of "
                f"{len(self.stages)} (one per stage)"
            )
        if pruned and not self.joint.pruning_epochs:
            raise ValueError(
                f"joint.pruning_epochs = 0, but stages.{pruned[0]}.pruning is given: say in how "
                "many epochs its sparsity rises"
            )
        return self

    @model_validator(mode="after")
    def _one_rate_per_decision(self) -> Self:
        told, decisions = self.calibration, len(self.stages) - 1
        rates = told.exit_rate if isinstance(told, ExitRateCalibration) else ()
        if isinstance(rates, tuple) and rates and len(rates) != decisions:
            raise ValueError(
                f"calibration.exit_rate has {len(rates)} entries, expected one number or "
                f"a list of {decisions} (one per stage but the last)"
            )
        return self
