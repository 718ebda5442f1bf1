"""The phases that a recipe's training consists of, each a network with the weights of the last."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hwflow.config.recipe import StageRecipe
from hwflow.config.training import FloatStart
from hwflow.nets import Form, StageNet, build
from hwflow.train.state import Settings
from hwflow.train.warm_start import from_float


@dataclass(frozen=True)
class Phase:
    """One run of the loop. ``stage``: with the bit widths of this phase."""

    name: str
    stage: StageRecipe
    form: Form
    epochs: int
    lr: float
    last: bool = False

    def build(self, frame_shape: tuple[int, int, int], classes: int, *, seed: int) -> StageNet:
        """Return the phase's network with first weights of ``seed``."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build(self.stage, frame_shape, classes, form=self.form)

    def settings(self, network: StageNet) -> Settings:
        """Return how ``network``, which ``build`` returned, is trained."""
        return Settings(
            training=self.stage.training,
            epochs=self.epochs,
            lr=self.lr,
            logit_scale=self._logit_scale(network),
            last=self.last,
            where=f"stage {self.stage.name!r}, phase {self.name}",
        )

    def _logit_scale(self, network: StageNet) -> float:
        """Return what brings the first logits to the size that a float classifier starts from.

        ±1 sums over fan_in terms grow with its root. Scores of other weights are of order one.
        """
        if self.form is Form.FLOAT or self.stage.weight_quantisers[-1] != "sign":
            return 1.0
        return float(2.0 / network.classifier.cost.fan_in**0.5)


def phases(stage: StageRecipe) -> tuple[Phase, ...]:
    """Return the phases of ``stage`` in order: float, higher bit widths, its own."""
    training = stage.training
    form = Form(training.form)
    found = []
    if isinstance(training.start, FloatStart):
        start = training.start
        found.append(Phase("float", stage, Form.FLOAT, start.epochs, start.lr))
    for step in training.lowering:
        higher = stage.at_bits(step.weight_bit_width, step.act_bit_width)
        found.append(Phase(_name(higher), higher, form, step.epochs, step.lr))
    found.append(Phase(_name(stage), stage, form, training.epochs, training.lr, last=True))
    return tuple(found)


def carry(weights: dict[str, Tensor], before: Phase, network: StageNet) -> None:
    """Give ``network``, of the phase behind ``before``, the ``weights`` that one ended with."""
    quantised = None if before.form is Form.FLOAT else before.stage
    network.load_state_dict(from_float(weights, network, before=quantised))


def _name(stage: StageRecipe) -> str:
    """Return the tag of the widest bits, such as w4a4."""
    return f"w{max(stage.weight_bits)}a{max(stage.act_bits, default=8)}"
