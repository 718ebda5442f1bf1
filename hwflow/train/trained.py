"""The networks of a finished training, as it left them."""

from __future__ import annotations

from pathlib import Path

from hwflow.config.recipe import Recipe
from hwflow.nets import StageNet, build
from hwflow.train.files import read_train_result, read_weights


def read_networks(
    recipe: Recipe, folder: Path, frame_shape: tuple[int, int, int], classes: int
) -> list[StageNet]:
    """Return the trained networks of ``recipe``'s stages in ``folder``, in Brevitas form.

    ``frame_shape``: (H, W, C).

    Raises:
        ConfigError: a file is missing or was changed.
    """
    results = {result.name: result for result in read_train_result(folder).stages}
    networks = []
    for stage in recipe.stages:
        result = results[stage.name]
        network = build(stage, frame_shape, classes, channels=result.channels)
        network.load_state_dict(read_weights(folder / result.weights))
        networks.append(network)
    return networks
