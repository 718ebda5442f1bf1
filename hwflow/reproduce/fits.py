"""The cost model's view of a variant's stages, from their channels as exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from hwflow.config.recipe import Recipe
from hwflow.config.study import Study
from hwflow.cost.resources import Resources
from hwflow.errors import ConfigError
from hwflow.nets import StageNet, build
from hwflow.reproduce.assemble import FitOf
from hwflow.reproduce.compare import Fitter
from hwflow.reproduce.hardware import Fit, fit
from hwflow.reproduce.metrics import HardwareMetrics, Number, VariantMetrics
from hwflow.reproduce.variants import ALL, AROUND


def fit_of(recipes: Mapping[str, Recipe], study: Study, *, classes: int) -> FitOf:
    """Return the fitter of any stages of any variant; ``recipes``: of the variants, by name."""

    def of(variant: VariantMetrics, indices: Sequence[int]) -> Fitter:
        recipe = recipes[variant.name]
        networks = [_network(recipe, variant, index, classes) for index in indices]
        names = [variant.stages[index].name for index in indices]

        @cache
        def fitted(reach: tuple[float, ...]) -> HardwareMetrics:
            try:
                found = fit(networks, reach, board=study.board)
            except ConfigError as error:
                return HardwareMetrics(reach=reach, fails=str(error))
            return _told(found, names, reach, variant.seed)

        return lambda reach: fitted(tuple(reach))

    return of


def _network(recipe: Recipe, variant: VariantMetrics, index: int, classes: int) -> StageNet:
    channels = variant.stages[index].channels[:-1]
    shape = recipe.dataset.frame_shape
    return build(recipe.stages[index], shape, classes, channels=channels)


def _told(found: Fit, names: Sequence[str], reach: tuple[float, ...], seed: int) -> HardwareMetrics:
    taken = {
        name: _resources(stage.resources, seed)
        for name, stage in zip(names, found.stages, strict=True)
    }
    taken |= {AROUND: _resources(found.around, seed), ALL: _resources(found.resources, seed)}
    return HardwareMetrics(
        reach=reach,
        frames_per_s=_number(found.frames_per_second, "frames/s", seed),
        ii_cycles=_number(found.ii_cycles, "cycles", seed),
        taken=taken,
    )


def _resources(taken: Resources, seed: int) -> dict[str, Number]:
    return {
        "lut": _number(round(taken.lut), "LUT", seed),
        "bram36": _number(taken.bram36, "BRAM36", seed),
        "dsp": _number(taken.dsp, "DSP", seed),
    }


def _number(value: float, unit: str, seed: int) -> Number:
    return Number(value=value, unit=unit, provenance="estimated", seed=seed)
