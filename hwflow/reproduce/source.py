"""What a variant is measured from: its exported networks, or those of its training.

The integers are the same: export proves it. What a card stands for, or compares as a cascade, is
exported; of the rest scores are enough, and take a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hwflow.config.bundle import Link, StageModel, load_bundle
from hwflow.config.data_root import DataRoot
from hwflow.config.recipe import Recipe, StageRecipe
from hwflow.cost import total
from hwflow.log import Progress
from hwflow.lower.lowering import lower_file
from hwflow.lower.network import Conv, Depthwise
from hwflow.nets import StageNet, build
from hwflow.report.scored import ScoredCascade, from_bundle, from_training
from hwflow.train import read_networks


@dataclass(frozen=True)
class StageShape:
    """What a stage consists of; fields as in a bundle's ``StageModel``.

    ``channels``: outputs of each weight layer, the classifier last. ``zeros``: None where it was
    not looked at.
    """

    name: str
    channels: tuple[int, ...]
    weight_bits: tuple[int, ...]
    act_bits: tuple[int, ...]
    params: int
    macs: int
    bops: int
    pruned: float
    zeros: float | None


@dataclass(frozen=True)
class Source:
    """A variant's scores, the shapes of its stages, and the links that were compared."""

    cascade: ScoredCascade
    shapes: tuple[StageShape, ...]
    exactness: tuple[Link, ...]


def exported(folder: Path) -> Source:
    """Return the bundle in ``folder``.

    Raises:
        ConfigError: it is damaged.
    """
    bundle = load_bundle(folder)
    shapes = tuple(_of_file(folder, stage) for stage in bundle.stages)
    return Source(from_bundle(folder), shapes, bundle.exactness)


def trained(recipe: Recipe, folder: Path, *, data: DataRoot, progress: Progress) -> Source:
    """Return the networks of ``recipe`` trained in ``folder``, frozen as export does, not proven.

    Raises:
        ConfigError: the folder does not hold them, or the data set is missing.
        UnsupportedModelError: a network cannot be exact in integers.
    """
    cascade = from_training(recipe, folder, data=data, test=True, progress=progress)
    networks = read_networks(recipe, folder, recipe.dataset.frame_shape, len(cascade.classes))
    shapes = tuple(map(_of_network, recipe.stages, networks))
    return Source(cascade, shapes, ())


def channels(path: Path) -> tuple[int, ...]:
    """Return the outputs of each layer with weights of a QONNX file, the classifier last."""
    layers = lower_file(path).layers
    return tuple(layer.output.shape[2] for layer in layers if isinstance(layer, Conv | Depthwise))


def _of_file(folder: Path, stage: StageModel) -> StageShape:
    return StageShape(
        name=stage.name,
        channels=channels(folder / stage.qonnx),
        weight_bits=stage.weight_bit_width,
        act_bits=stage.act_bit_width,
        params=stage.params,
        macs=stage.macs,
        bops=stage.bops,
        pruned=stage.pruned,
        zeros=stage.zeros,
    )


def _of_network(stage: StageRecipe, network: StageNet) -> StageShape:
    layers = network.costs()
    cost = total(layers)
    whole = total(build(stage, network.frame_shape, network.classes).costs())
    return StageShape(
        name=stage.name,
        channels=(*network.channels, network.classes),
        weight_bits=tuple(layer.weight_bit_width for layer in layers),
        act_bits=tuple(layer.act_bit_width for layer in layers),
        params=cost.params,
        macs=cost.macs,
        bops=cost.bops,
        pruned=1 - cost.params / whole.params,
        zeros=None,
    )
