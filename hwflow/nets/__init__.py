"""Network definitions and the quantisers they use."""

from hwflow.config.recipe import StageRecipe
from hwflow.nets.plan import Plan, plan
from hwflow.nets.vgg_tiny import Unit, VggTinyNet

__all__ = ["Plan", "Unit", "VggTinyNet", "build", "plan"]


def build(
    stage: StageRecipe,
    frame_shape: tuple[int, int, int],
    classes: int,
    *,
    quantised: bool = True,
) -> VggTinyNet:
    """Return the network of ``stage``, weights drawn from torch's global generator."""
    return VggTinyNet(plan(stage, frame_shape, classes), quantised=quantised)
