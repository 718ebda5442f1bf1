"""Network definitions and the quantisers they use."""

from __future__ import annotations

from collections.abc import Sequence

from hwflow.config.network import NetworkRecipe
from hwflow.config.recipe import StageRecipe
from hwflow.nets.builder import Builder
from hwflow.nets.families import layers_of
from hwflow.nets.filters import FilterGroup
from hwflow.nets.form import Form
from hwflow.nets.stage_net import StageNet
from hwflow.nets.unit import Unit

__all__ = ["FilterGroup", "Form", "StageNet", "Unit", "build"]


def build(
    stage: NetworkRecipe,
    frame_shape: tuple[int, int, int],
    classes: int,
    *,
    form: Form = Form.BREVITAS,
    channels: Sequence[int] | None = None,
) -> StageNet:
    """Return the network of ``stage`` for (H, W, C) frames; weights from torch's global generator.

    All forms draw the same weights. ``channels``: outputs of each weight layer but the classifier,
    in order of execution, taken as they are in place of those that the family and its ``width``
    say; ``StageNet.channels`` tells those of any network.

    Raises:
        ConfigError: naming the field that does not fit the frames, or the entry of ``channels``
            that does not fit the family.
    """
    where = f"stage {stage.name!r}" if isinstance(stage, StageRecipe) else "network"
    builder = Builder(stage, frame_shape, classes, form=form, where=where, channels=channels)
    layers = layers_of(stage.net, builder)
    return StageNet(stage, frame_shape, classes, layers, form, builder.grouping.groups())
