"""Folding files: the chosen options by stage and layer name, and back with every value checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hwflow.config.folding import Folding, LayerFolding, StageFolding
from hwflow.dataflow.folding.options import DEPTHWISE, MATRIX, Fold, channels, sizes
from hwflow.dataflow.folding.space import Layer, Space, fits
from hwflow.dataflow.streams import WINDOW
from hwflow.errors import ConfigError

_FIELDS = ("pe", "simd", "parallel_window", "unit")


def to_file(space: Space, choice: Sequence[int]) -> Folding:
    """Return the options ``choice`` of each layer."""
    stages: list[dict[str, LayerFolding]] = [{} for _ in range(space.stages)]
    for layer, option in zip(space.layers, choice, strict=True):
        fold = layer.options[option].fold
        values = {name: getattr(fold, name) for name in _FIELDS}
        stages[layer.stage][layer.name] = LayerFolding(
            op=layer.kind, ram_style=fold.ram_style, **values
        )
    return Folding(
        schema_version=1,
        stages=tuple(
            StageFolding(name=stage_name(index), layers=layers)
            for index, layers in enumerate(stages)
        ),
    )


def from_file(space: Space, folding: Folding, *, source: str) -> tuple[int, ...]:
    """Return the option of each layer that ``folding``, read from ``source``, asks for.

    Raises:
        ConfigError: naming file, stage, layer, field, what it says and what it may say.
    """
    names = [stage.name for stage in folding.stages]
    expected = [stage_name(index) for index in range(space.stages)]
    if names != expected:
        raise ConfigError(
            f"{source}: stages: expected {_listed(expected)} in this order, got {_listed(names)}"
        )
    for index, stage in enumerate(folding.stages):
        known = [layer.name for layer in space.layers if layer.stage == index]
        where = f"{source}: {stage.name}"
        for name in stage.layers:
            if name not in known:
                raise ConfigError(
                    f"{where}: layer {name!r}: no such layer; its layers are {_listed(known)}"
                )
        for name in known:
            if name not in stage.layers:
                raise ConfigError(f"{where}: layer {name!r} is missing; every layer needs an entry")
    choice = []
    for layer in space.layers:
        entry = folding.stages[layer.stage].layers[layer.name]
        where = f"{source}: {stage_name(layer.stage)}: layer {layer.name!r}"
        choice.append(_option(layer, entry, where))
    _check_pairs(space, choice, source)
    return tuple(choice)


def ram_styles(space: Space, folding: Folding) -> tuple[str, ...]:
    """Return where the weights of each layer go, as ``folding`` asks."""
    entries = (folding.stages[layer.stage].layers[layer.name] for layer in space.layers)
    return tuple(entry.ram_style or "auto" for entry in entries)


def stage_name(index: int) -> str:
    """Return the name of a stage in files and RTL."""
    return f"stage{index}"


def has_weights(layer: Layer) -> bool:
    """Whether the layer keeps weights in a memory of its own."""
    return layer.kind in MATRIX or layer.kind == DEPTHWISE


def _option(layer: Layer, entry: LayerFolding, where: str) -> int:
    if entry.op != layer.kind:
        raise ConfigError(f"{where}: op: expected {layer.kind!r}, got {entry.op!r}")
    _check_fields(layer, entry, where)
    matching = [option.fold for option in layer.options]
    wanted = Fold(*(getattr(entry, name) for name in _FIELDS))
    # A memory that is none of the options is no option because it pays nowhere; it may be.
    for style in (entry.ram_style, "auto", None):
        fold = replace(wanted, ram_style=style)
        if fold in matching:
            return matching.index(fold)
    # The first field that no option has together with the fields before it.
    for name in _FIELDS:
        value = getattr(entry, name)
        if all(getattr(fold, name) != value for fold in matching):
            raise ConfigError(
                f"{where}: {name}: expected {_rule(layer, name, matching)}, got {value!r}"
            )
        matching = [fold for fold in matching if getattr(fold, name) == value]
    raise AssertionError(where)


def _check_fields(layer: Layer, entry: LayerFolding, where: str) -> None:
    fold = layer.options[0].fold
    expected = [name for name in _FIELDS if getattr(fold, name) is not None]
    for name in (*_FIELDS, "ram_style"):
        value = getattr(entry, name)
        optional = name == "ram_style" and has_weights(layer)
        if value is None and name in expected:
            raise ConfigError(f"{where}: {name}: missing; {layer.kind} needs {_listed(expected)}")
        if value is not None and name not in expected and not optional:
            raise ConfigError(
                f"{where}: {name}: {layer.kind} has no such field, only {_listed(expected)}"
            )
    if entry.unit == "finn" and entry.ram_style not in {None, "auto"}:
        raise ConfigError(
            f"{where}: ram_style: expected none or 'auto' with unit 'finn', whose weights go where "
            f"FINN puts them, got {entry.ram_style!r}"
        )


def _rule(layer: Layer, name: str, before: Sequence[Fold]) -> str:
    """Return the legal values of field ``name`` of the folds ``before``, and why these."""
    legal = list(dict.fromkeys(getattr(fold, name) for fold in before))
    if name in {"parallel_window", "unit"}:
        pe = "" if before[0].pe is None else f"PE {before[0].pe} and "
        return f"{' or '.join(map(str, legal))} with {pe}SIMD {before[0].simd}"
    what, size = "the channels", 0
    if has_weights(layer):
        rows, columns = sizes(layer.operator)
        dense = layer.kind != DEPTHWISE
        if name == "simd":
            what, size = "MW" if dense else "the window's positions", columns
        else:
            what, size = "MH" if dense else what, rows
    return f"a divisor of {what} = {size or channels(layer.operator)}: {_listed(legal)}"


def _check_pairs(space: Space, choice: Sequence[int], source: str) -> None:
    """Refuse a depthwise unit whose lanes are not its window generator's."""
    for stream in space.streams:
        window, unit = space.layers[stream.source], space.layers[stream.target]
        if window.kind != WINDOW or unit.kind != DEPTHWISE:
            continue
        before = window.options[choice[stream.source]]
        behind = unit.options[choice[stream.target]]
        if fits(window, before, unit, behind):
            continue
        where = f"{source}: {stage_name(unit.stage)}: layer {unit.name!r}"
        if behind.fold.pe != before.fold.simd:
            raise ConfigError(
                f"{where}: pe: expected {before.fold.simd}, the simd of layer {window.name!r}, "
                f"whose windows come in that order, got {behind.fold.pe}"
            )
        raise ConfigError(
            f"{where}: simd: expected 1, since layer {window.name!r} gives its windows position "
            f"by position (parallel_window 0), got {behind.fold.simd}"
        )


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values) or "none"
