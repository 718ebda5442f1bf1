"""What `hwflow build` is given: a design, or an ONNX file or bundle and options in its place."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from hwflow.cli.files import read_design
from hwflow.config.base import parse, set_value
from hwflow.config.bundle import BUNDLE_FILE, load_bundle
from hwflow.config.design import Design, OnnxModel
from hwflow.errors import ConfigError

ONNX_SUFFIX = ".onnx"


@dataclass(frozen=True)
class ModelOptions:
    """As given on the command line; None where not given."""

    board: str | None = None
    input_type: str | None = None
    input_scale: str | None = None
    input_shift: str | None = None

    def given(self) -> tuple[str, ...]:
        """Return the names of the options that were given."""
        return tuple(
            "--" + field.name.replace("_", "-")
            for field in dataclasses.fields(self)
            if getattr(self, field.name) is not None
        )

    def refuse_with(self, other: str, *, frames: Path | None = None) -> None:
        """Refuse options of an ONNX file beside ``other``, which already says as much.

        Raises:
            ConfigError: naming the option.
        """
        names = (*self.given(), *(() if frames is None else ("--frames",)))
        if names:
            raise ConfigError(f"{names[0]} describes an ONNX file and does not go with {other}")


def read_source(source: Path, options: ModelOptions, *, overrides: tuple[str, ...]) -> Design:
    """Return the design in the file ``source``, or that of the ONNX file or bundle ``source``.

    Paths of a model, of a folding file and of a file of FIFO depths come back absolute.

    Raises:
        ConfigError: naming file, field or option.
    """
    if is_bundle(source):
        return _of_bundle(source, options, overrides)
    if source.is_dir():
        raise ConfigError(f"{source}: a folder, but no bundle: no {BUNDLE_FILE} in it")
    if not source.is_file():
        raise ConfigError(
            f"{source}: no such file; expected a design.yaml, a bundle's folder or a quantised "
            "ONNX file"
        )
    if source.name == BUNDLE_FILE:
        raise ConfigError(f"{source}: give the bundle's folder, {source.parent}")
    if source.suffix.lower() != ONNX_SUFFIX:
        options.refuse_with(
            f"{source}: a design says it itself, and an ONNX file's name ends in {ONNX_SUFFIX}"
        )
        return absolute(read_design(source, overrides=overrides), source.parent)
    if options.board is None:
        raise ConfigError("an ONNX file needs a board to build for: add --board pynq-z2")
    told: dict[str, Any] = {
        "schema_version": 1,
        "name": _identifier(source.stem),
        "board": options.board,
        "model": {"kind": "onnx", "path": str(source.absolute()), "input": _input(options)},
    }
    return _parse(told, source, overrides)


def is_bundle(source: Path) -> bool:
    """Return whether ``source`` is a folder that `hwflow export` has written."""
    return (source / BUNDLE_FILE).is_file()


def _of_bundle(folder: Path, options: ModelOptions, overrides: tuple[str, ...]) -> Design:
    dataclasses.replace(options, board=None).refuse_with(f"{folder}, a bundle")
    if options.board is None:
        raise ConfigError("a bundle needs a board to build for: add --board pynq-z2")
    bundle = load_bundle(folder)
    told = {
        "schema_version": 1,
        "name": bundle.name,
        "board": options.board,
        "stages": [{} for _ in bundle.stages],
    }
    return _parse(told, folder, overrides)


def _parse(told: dict[str, Any], source: Path, overrides: tuple[str, ...]) -> Design:
    for assignment in overrides:
        set_value(told, assignment)
    return parse(Design, told, source=f"options for {source.name}")


def absolute(design: Design, folder: Path) -> Design:
    """Return ``design``, whose paths are relative to ``folder``, with absolute ones."""
    changed: dict[str, Any] = {}
    if isinstance(design.model, OnnxModel):
        path = str((folder / design.model.path).absolute())
        changed["model"] = design.model.model_copy(update={"path": path})
    if design.folding is not None:
        changed["folding"] = str((folder / design.folding).absolute())
    if design.fifos_file is not None:
        changed["fifos"] = str((folder / design.fifos_file).absolute())
    return design.model_copy(update=changed)


def _input(options: ModelOptions) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if options.input_type is not None:
        told["dtype"] = options.input_type
    for name, value in (("scale", options.input_scale), ("shift", options.input_shift)):
        if value is not None:
            told[name] = tuple(_number(part, f"--input-{name}") for part in value.split(","))
    return told


def _number(text: str, option: str) -> float:
    """Return a decimal number, or a fraction such as 1/255."""
    try:
        return float(Fraction(text.strip()))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise ConfigError(
            f"{option}: expected numbers such as 0.5 or 1/255, separated by commas, got {text!r}"
        ) from error


def _identifier(stem: str) -> str:
    """Return a name for folders and reports that any file name can be turned into."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_")[:64] or "model"
