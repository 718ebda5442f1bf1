"""Exports one trained stage: frozen network, QONNX file, and the integers of both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwflow.cascade.decision import top2
from hwflow.config.bundle import Accuracy, Link, StageModel, sha256
from hwflow.config.pruning import WeightPruning
from hwflow.config.recipe import StageRecipe
from hwflow.cost import total
from hwflow.data import Splits, Subset
from hwflow.export.canonical import integer_weights
from hwflow.export.freeze import score_bits
from hwflow.export.proof import write_proven
from hwflow.export.verify import score_network
from hwflow.log import Progress, silent
from hwflow.nets import StageNet, build


@dataclass(frozen=True)
class ExportedStage:
    """A stage in the bundle, its links, and two sets of scores, (N, classes) int32."""

    model: StageModel
    links: tuple[Link, ...]
    calibration_scores: NDArray[np.int32]
    test_scores: NDArray[np.int32]


def export_stage(
    stage: StageRecipe,
    network: StageNet,
    splits: Splits,
    path: Path,
    *,
    calibration: Subset,
    progress: Progress = silent,
) -> ExportedStage:
    """Write ``network``, made canonical and frozen, to ``path``; prove it equal on all test frames.

    ``calibration``: frames whose scores choose the thresholds later.

    Raises:
        UnsupportedModelError: naming what exact integers cannot carry.
        VerificationError: naming the first test frame on which the file differs.
    """
    proven = write_proven(network, path, splits.test.frames, name=stage.name, progress=progress)
    network, scores = proven.network, proven.scores
    layers = network.costs()
    cost = total(layers)
    whole = total(build(stage, network.frame_shape, network.classes).costs())
    label, _ = top2(scores)
    model = StageModel(
        name=stage.name,
        qonnx=path.name,
        sha256=sha256(path),
        score_bits=score_bits(network),
        score_scale=network.score_scale,
        weight_bit_width=tuple(layer.weight_bit_width for layer in layers),
        act_bit_width=tuple(layer.act_bit_width for layer in layers),
        params=cost.params,
        macs=cost.macs,
        bops=cost.bops,
        pruned=1 - cost.params / whole.params,
        zeros=_zeros(network) if isinstance(stage.pruning, WeightPruning) else 0.0,
        accuracy=Accuracy(
            split="test", n=len(label), value=float(np.mean(label == splits.test.labels))
        ),
    )
    return ExportedStage(model, proven.links, score_network(network, calibration.frames), scores)


def _zeros(network: StageNet) -> float:
    """Return the share of zeros among the integer weights of ``network``, in Brevitas form."""
    layers = network.weight_layers()
    codes = np.concatenate([integer_weights(unit)[0].ravel() for unit in layers])
    return float(np.mean(codes == 0))
