"""Writes what a trained network is: weights in Brevitas form, and the result that tells of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hwflow.config.bundle import Accuracy, sha256
from hwflow.config.recipe import StageRecipe
from hwflow.config.train_options import TrainOptions
from hwflow.config.training import Precision
from hwflow.data import Splits
from hwflow.nets import StageNet, build
from hwflow.train.evaluate import real_scores
from hwflow.train.files import StageResult, write_json, write_weights
from hwflow.train.key import hashed
from hwflow.train.launch import computed

# Times what guessing gets right: below, something is wrong with the recipe.
_GUESSING = 1.5
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finish:
    """Writes the stages of one run.

    ``precision``: of the passes, as the recipe asks for it. ``began``: of ``time.monotonic``.
    """

    splits: Splits
    options: TrainOptions
    inputs: dict[str, Any]
    precision: Precision
    began: float

    def write(
        self,
        stage: StageRecipe,
        trained: StageNet,
        losses: list[float],
        *,
        root: Path,
        place: str = "",
    ) -> StageResult:
        """Write weights of ``stage`` to ``place``, a folder below ``root``, or to it.

        Returns the result, which names the weights from ``root``; ``tell`` writes that.
        """
        network = _in_brevitas(stage, trained, self.splits)
        weights = root / place / f"{stage.name}.safetensors"
        write_weights(weights, network.state_dict())
        validation = self.splits.validation
        predicted = real_scores(network, validation.frames).argmax(axis=1)
        reached = float(np.mean(predicted == validation.labels))
        if reached <= _GUESSING / len(self.splits.classes):
            log.warning(
                "stage %r: %.1f %% of the validation frames are right, hardly more than by "
                "guessing; see `What to choose` in docs/training.md",
                stage.name,
                100 * reached,
            )
        return StageResult(
            name=stage.name,
            key=hashed(self.inputs),
            threads=self.options.threads,
            device=self.options.device,
            devices=self.options.devices,
            splits=self.splits.digest,
            weights=str(weights.relative_to(root)),
            sha256=sha256(weights),
            channels=_channels(stage, network),
            accuracy=Accuracy(split="validation", n=len(validation), value=reached),
            losses=tuple(losses),
            seconds=time.monotonic() - self.began,
            precision=computed(self.precision, self.options.device),
        )


def tell(results: Iterable[StageResult], root: Path) -> None:
    """Write each of ``results`` beside its weights: from then on the stage counts as trained."""
    for result in results:
        write_json((root / result.weights).with_suffix(".json"), result)


def _in_brevitas(stage: StageRecipe, trained: StageNet, splits: Splits) -> StageNet:
    with torch.random.fork_rng(devices=[]):
        classes = len(splits.classes)
        network = build(stage, splits.frame_shape, classes, channels=trained.channels)
    network.load_state_dict(trained.cpu().state_dict())
    return network


def _channels(stage: StageRecipe, network: StageNet) -> tuple[int, ...] | None:
    """Return the channels of ``network``, or None if they are those of the recipe."""
    with torch.random.fork_rng(devices=[]):
        whole = build(stage, network.frame_shape, network.classes)
    return None if whole.channels == network.channels else network.channels
