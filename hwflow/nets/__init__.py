"""Network definitions and the quantisers they use."""

from __future__ import annotations

from hwflow.config.network import NetworkRecipe
from hwflow.config.recipe import StageRecipe
from hwflow.nets.builder import Builder
from hwflow.nets.families import layers_of
from hwflow.nets.form import Form
from hwflow.nets.stage_net import StageNet
from hwflow.nets.unit import Unit

__all__ = ["Form", "StageNet", "Unit", "build"]


def build(
    stage: NetworkRecipe,
    frame_shape: tuple[int, int, int],
    classes: int,
    *,
    form: Form = Form.BREVITAS,
) -> StageNet:
    """Return the network of ``stage`` for (H, W, C) frames; weights from torch's global generator.

    All forms draw the same weights.

    Raises:
        ConfigError: naming the field that does not fit the frames.
    """
    where = f"stage {stage.name!r}" if isinstance(stage, StageRecipe) else "network"
    builder = Builder(stage, frame_shape, classes, form=form, where=where)
    return StageNet(stage, frame_shape, classes, layers_of(stage.net, builder), form)
