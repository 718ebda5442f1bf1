"""What the networks of a recipe are expected to take in hardware, before they are trained."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from hwflow.config.data_root import DataRoot
from hwflow.config.recipe import Recipe, StageRecipe
from hwflow.errors import ConfigError

Data = dict[str, Any]


def expected(recipe: Recipe, data: DataRoot, target_ii: int) -> tuple[Data, Table]:
    """Return the cost of each stage at ``target_ii`` cycles a frame, as JSON and as a table.

    Raises:
        ConfigError: a folder of pictures, which alone says how many classes there are, is
            missing, or a layer cannot be so fast.
    """
    shape, classes = recipe.dataset.frame_shape, _classes(recipe, data)
    stages = [_stage(stage, shape, classes, target_ii) for stage in recipe.stages]
    # A column per stage: figures of large networks have too many digits to stand side by side.
    table = Table(
        title=f"expected at {target_ii:,} cycles a frame or fewer; estimated", title_justify="left"
    )
    table.add_column("stage")
    for stage in stages:
        table.add_column(stage["name"], justify="right")
    for figure, heading in _FIGURES.items():
        table.add_row(heading, *(f"{stage[figure]:,}" for stage in stages))
    return {"target_ii_cycles": target_ii, "provenance": "estimated", "stages": stages}, table


_FIGURES = {
    "params": "weights",
    "weight_bits": "weight bits",
    "macs": "MACs",
    "bops": "BOPs",
    "cycles": "cycles",
    "lut": "LUTs",
    "ff": "flip-flops",
    "dsp": "DSPs",
    "bram36": "BRAM36",
}


def _classes(recipe: Recipe, data: DataRoot) -> int:
    """Return the number of classes; of a published set without its files."""
    told = recipe.dataset.class_count
    if told is not None:
        return told
    from hwflow.data import load

    return len(load(recipe.dataset, data).classes)


def _stage(stage: StageRecipe, shape: tuple[int, int, int], classes: int, target: int) -> Data:
    from hwflow.cost import total
    from hwflow.cost.network import estimate
    from hwflow.nets import build
    from hwflow.nets.hardware import hardware

    network = build(stage, shape, classes)
    cost = total(network.costs())
    try:
        found = estimate(hardware(network), target_ii=target)
    except ConfigError as error:
        raise ConfigError(f"--target-ii {target}: stage {stage.name}: {error}") from error
    took = found.resources
    return {
        "name": stage.name,
        "params": cost.params,
        "weight_bits": cost.weight_bits,
        "macs": cost.macs,
        "bops": cost.bops,
        "cycles": found.ii_cycles,
        "lut": round(took.lut),
        "ff": round(took.ff),
        "dsp": round(took.dsp),
        "bram36": took.bram36,
        "layers": [
            {
                "name": layer.name,
                "kind": layer.kind,
                "pe": layer.pe,
                "simd": layer.simd,
                "cycles": layer.cycles,
                "lut": round(layer.resources.lut),
                "dsp": round(layer.resources.dsp),
                "bram36": layer.resources.bram36,
            }
            for layer in found.layers
        ],
    }
