"""The folding that FINN's ``SetFolding`` gives, on our layers, to compare with.

Follows ``finn.transformation.fpgadataflow.set_folding.SetFolding`` of the pinned wheel, which knows
FINN's own layer types only: a matrix unit unfolds SIMD until the target is met or a row's weights
would be wider than 36 bits, then PE; a depthwise unit PE, then SIMD, and its window generator
follows; a window generator SIMD, then whole windows; all others their lanes. If a layer then misses
the target, all are folded again for the slowest layer's cycles (``two_pass_relaxation``). It knows
neither units nor where weights go: each matrix layer gets its cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hwflow.dataflow.folding.options import DEPTHWISE, MATRIX, Option
from hwflow.dataflow.folding.problem import FloatArray, vector
from hwflow.dataflow.folding.space import Layer, Space
from hwflow.dataflow.streams import WINDOW
from hwflow.dataflow.units import bits_of

# SetFolding's default mvau_wwidth_max.
MOST_WEIGHT_BITS = 36


def set_folding(space: Space, target: int, *, prices: FloatArray) -> tuple[tuple[int, ...], int]:
    """Return SetFolding's option of each layer for ``target`` cycles, and the cycles it reaches.

    ``prices`` (resources,) pick the unit among equal folds.
    """
    choice = _pass(space, target, prices)
    reached = _slowest(space, choice)
    if reached > target:
        choice = _pass(space, reached, prices)
        reached = _slowest(space, choice)
    return choice, reached


def _slowest(space: Space, choice: Sequence[int]) -> int:
    return max(
        layer.options[option].cycles for layer, option in zip(space.layers, choice, strict=True)
    )


def _pass(space: Space, target: int, prices: FloatArray) -> tuple[int, ...]:
    windows = {
        stream.target: stream.source
        for stream in space.streams
        if space.layers[stream.source].kind == WINDOW
        and space.layers[stream.target].kind == DEPTHWISE
    }
    chosen: dict[int, Option] = {}
    for index, layer in enumerate(space.layers):
        options = _cheapest_units(layer, prices)
        if index in windows.values():
            continue  # follows its unit
        if layer.kind in MATRIX:
            chosen[index] = _matrix(layer, options, target)
        elif layer.kind == DEPTHWISE:
            window = windows.get(index)
            before = None if window is None else space.layers[window].options
            chosen[index], follower = _depthwise(options, before, target)
            if window is not None and follower is not None:
                chosen[window] = follower
        elif layer.kind == WINDOW:
            by_pixel = [option for option in options if not option.fold.parallel_window]
            whole = [option for option in options if option.fold.parallel_window]
            chosen[index] = _first(
                [*sorted(by_pixel, key=_simd), *sorted(whole, key=_simd)], target
            )
        else:
            chosen[index] = _first(sorted(options, key=_pe), target)
    return tuple(layer.options.index(chosen[index]) for index, layer in enumerate(space.layers))


def _cheapest_units(layer: Layer, prices: FloatArray) -> list[Option]:
    """Return an option per fold, in the unit of least price."""
    best: dict[tuple[Any, ...], Option] = {}
    for option in layer.options:
        fold = option.fold
        key = (fold.pe, fold.simd, fold.parallel_window)
        if key not in best or _price(option, prices) < _price(best[key], prices):
            best[key] = option
    return list(best.values())


def _price(option: Option, prices: FloatArray) -> float:
    return float(np.dot(vector(option.resources), prices))


def _pe(option: Option) -> int:
    return option.fold.pe or 0


def _simd(option: Option) -> int:
    return option.fold.simd or 0


def _first(options: Sequence[Option], target: int) -> Option:
    """Return the first option that meets ``target``, or the last one."""
    return next((option for option in options if option.cycles <= target), options[-1])


def _matrix(layer: Layer, options: Sequence[Option], target: int) -> Option:
    binary = layer.kind == "HwfXnorMVAU_rtl"
    bits = 1 if binary else bits_of(layer.operator.get_nodeattr("weightDataType"))

    def row(keep: Callable[[Option], bool], key: Callable[[Option], int]) -> list[Option]:
        return sorted((option for option in options if keep(option)), key=key)

    simd = 1
    for option in row(lambda option: option.fold.pe == 1, _simd):
        if option.cycles > target and bits * _simd(option) > MOST_WEIGHT_BITS:
            break
        simd = _simd(option)
        if option.cycles <= target:
            break
    return _first(row(lambda option: option.fold.simd == simd, _pe), target)


def _depthwise(
    options: Sequence[Option], windows: Sequence[Option] | None, target: int
) -> tuple[Option, Option | None]:
    """Return the unit's option and its window generator's."""
    by_pe = sorted((option for option in options if option.fold.simd == 1), key=_pe)
    unit = _first(by_pe, target)
    if unit.cycles > target:
        last = by_pe[-1].fold.pe
        unit = _first(sorted((o for o in options if o.fold.pe == last), key=_simd), target)
    if windows is None:
        return unit, None
    whole = int((unit.fold.simd or 1) > 1)
    fitting = sorted(
        (w for w in windows if w.fold.parallel_window == whole and _simd(w) >= _pe(unit)), key=_simd
    )
    if not fitting:  # windows that FINN's generator makes whole only
        fitting = sorted((w for w in windows if _simd(w) >= _pe(unit)), key=_simd)
    window = _first(fitting, target)
    (unit,) = (
        o for o in options if o.fold.pe == window.fold.simd and o.fold.simd == unit.fold.simd
    )
    return unit, window
