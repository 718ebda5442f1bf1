"""Builds an accelerator once for everybody who asks for it, by the hash of what it is made from."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from hwflow.cache import cache_dir
from hwflow.cli import jobs, step_code
from hwflow.cli.folding_options import FoldingOptions, with_fifos
from hwflow.cli.model_options import ModelOptions, absolute, read_source
from hwflow.config import manifest
from hwflow.config.accelerator import DESIGN_FILE
from hwflow.config.base import parse, set_value
from hwflow.config.bundle import BUNDLE_FILE, load_bundle
from hwflow.config.design import Design
from hwflow.config.fifos import load_fifos
from hwflow.errors import ConfigError, ToolNotFoundError
from hwflow.testing.accelerator import RtlAccelerator

AnyPath = str | PathLike[str]

ACCELERATORS = "accelerators"
# Options, and fields of a design, that name a file; or a rule for FIFO depths.
PATH_OPTIONS = ("bundle", "frames", "folding", "fifos")
PATH_FIELDS = ("model.path", "folding", "fifos")
DEPTH_RULES = ("simulated", "formula")
# What the conversion imports; without it only accelerators that exist already can be opened.
NEEDED = ("onnx", "qonnx", "finn")


def open_accelerator(
    source: AnyPath,
    *,
    bundle: AnyPath | None = None,
    frames: AnyPath | None = None,
    fifos: AnyPath | None = None,
    overrides: Sequence[str] = (),
    images: int | None = None,
    seed: int = 0,
    **options: Any,
) -> RtlAccelerator:
    """Return the accelerator that ``source`` stands for, built now or found in the cache.

    ``source`` is a quantised ``model.onnx``, a ``design.yaml`` (with ``bundle``, unless it names a
    model), a bundle's folder, or an accelerator's folder, which is taken as it is. ``frames``,
    ``fifos`` and ``options`` are those of ``hwflow build`` by name: ``board="pynq-z2"``,
    ``target_ii=1000``, ``input_scale="1/255"``, ``fifos="formula"``; ``overrides`` are what it
    takes as ``--set``: ``["clk_period_ns=8"]``. Processes that ask for the same accelerator wait
    for the first one to build it. ``images`` and ``seed``: see ``RtlAccelerator``.

    Raises:
        ConfigError: naming the file, field or option that cannot be used.
        UnsupportedModelError: naming what in the network cannot become exact hardware.
        ToolNotFoundError: FINN+, Verilator or a compiler is missing.
    """
    path = Path(source).absolute()
    if (path / DESIGN_FILE).is_file():
        if overrides or any(
            told is not None for told in (bundle, frames, fifos, *options.values())
        ):
            raise ConfigError(f"{path}: is an accelerator already; it takes no build options")
        with _alone(hashlib.sha256(str(path).encode()).hexdigest()[:40]):
            return RtlAccelerator(path, from_cache=True, images=images, seed=seed)
    given, folding = _options(options)
    bundle_dir = None if bundle is None else Path(bundle).absolute()
    if (path / BUNDLE_FILE).is_file():
        if bundle_dir is not None:
            raise ConfigError(f"{path}: is a bundle itself; it takes no other one")
        bundle_dir, design = path, _design_of(path, given, overrides)
    elif path.is_file():
        design = read_source(path, given, overrides=tuple(overrides))
    else:
        raise ConfigError(
            f"{path}: expected model.onnx, design.yaml, or the folder of a bundle or accelerator, "
            f"found {'none of them in it' if path.is_dir() else 'nothing there'}"
        )
    design = with_fifos(folding.applied(absolute(design, Path.cwd())), _text(fifos))
    if design.fifos_file is not None:
        load_fifos(Path(design.fifos_file))  # what is damaged is named before anything starts
    if bundle_dir is not None:
        load_bundle(bundle_dir)  # likewise
        if frames is not None:
            raise ConfigError(f"{bundle_dir}: a bundle has its golden frames; leave frames out")
    elif design.model is None:
        raise ConfigError(f"{path}: names no model; add one to it, or give bundle=<folder>")
    frames_file = None if frames is None else Path(frames).absolute()
    folder, from_cache = _built(design, bundle_dir=bundle_dir, frames=frames_file)
    with _alone(folder.parent.name):  # who comes second finds the simulation compiled
        return RtlAccelerator(folder, from_cache=from_cache, images=images, seed=seed)


def rooted(options: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return options of ``open_accelerator`` whose relative paths are relative to ``root``."""
    found = dict(options)
    for name in PATH_OPTIONS:
        value = found.get(name)
        if value is not None and not (name == "fifos" and _text(value) in DEPTH_RULES):
            found[name] = root / value
    if "overrides" in found:
        found["overrides"] = [_rooted(assignment, root) for assignment in found["overrides"]]
    return found


def _rooted(assignment: str, root: Path) -> str:
    name, _, text = assignment.partition("=")
    told: dict[str, Any] = {}
    if name in PATH_FIELDS:
        set_value(told, f"value={text}")
    value = told.get("value")
    if not isinstance(value, str) or (name == "fifos" and value in DEPTH_RULES):
        return assignment
    return f"{name}={json.dumps(str(root / value))}"


def _options(given: Mapping[str, Any]) -> tuple[ModelOptions, FoldingOptions]:
    model, folding = (
        [field.name for field in dataclasses.fields(options)]
        for options in (ModelOptions, FoldingOptions)
    )
    for name in given:
        if name not in {*model, *folding}:
            known = ", ".join(
                (*model, *folding, "fifos", "bundle", "frames", "overrides", "images", "seed")
            )
            raise ConfigError(f"{name}: no option; there are {known}")
    told = dict(given)
    if told.get("folding") is not None:
        told["folding"] = Path(told["folding"])
    return (
        ModelOptions(**{name: told[name] for name in told if name in model}),
        FoldingOptions(**{name: told[name] for name in told if name in folding}),
    )


def _design_of(bundle: Path, options: ModelOptions, overrides: Sequence[str]) -> Design:
    """Return the design that builds ``bundle`` with nothing but a board said."""
    content = load_bundle(bundle)
    dataclasses.replace(options, board=None).refuse_with(f"the bundle {bundle}")
    if options.board is None:
        raise ConfigError(f'{bundle}: a bundle needs a board to build for: add board="pynq-z2"')
    told: dict[str, Any] = {
        "schema_version": 1,
        "name": content.name,
        "board": options.board,
        "stages": [{} for _ in content.stages],
    }
    for assignment in overrides:
        set_value(told, assignment)
    return parse(Design, told, source=f"options for {bundle}")


def _built(design: Design, *, bundle_dir: Path | None, frames: Path | None) -> tuple[Path, bool]:
    """Return the accelerator's folder, and whether it was there already."""
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise ToolNotFoundError(
                f"Python package {package!r}",
                disables="no accelerator can be built",
                install="pip install hwflow[finn]",
            )
    key = _key(design, bundle_dir=bundle_dir, frames=frames)
    root = cache_dir(ACCELERATORS) / key
    folder = root / jobs.ACCELERATOR
    with _alone(key):
        from_cache = _is_whole(folder)
        if not from_cache:
            if bundle_dir is None:
                bundle_dir = root / jobs.BUNDLE_DIR
                jobs.bundle_job(design, out=bundle_dir, frames=frames).run()
            jobs.build_job(design, bundle_dir=bundle_dir, out=folder).run()
    return folder, from_cache


def _key(design: Design, *, bundle_dir: Path | None, frames: Path | None) -> str:
    """Return one hash over contents, hwflow's code and the tools; where files lie is no matter."""
    if bundle_dir is None:
        told, inputs = design, dict(jobs.bundle_job(design, out=Path(), frames=frames).step.inputs)
    else:
        told, inputs = design.model_copy(update={"model": None}), {"bundle": bundle_dir}
    tools = sorted({*step_code.TOOLS["bundle"], *step_code.TOOLS["build"]})
    everything = {
        "design": _by_content(told.model_dump(mode="json")),
        "inputs": {name: manifest.tree_hash(path) for name, path in inputs.items()},
        "code": manifest.source_hash(sorted({*step_code.CODE["bundle"], *step_code.CODE["build"]})),
        "versions": manifest.versions(tools),
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:40]


def _by_content(told: Any) -> Any:
    """Return what a design says with the content's hash in place of each file that it names.

    Every path in it is absolute by now, and nothing else is.

    Raises:
        ConfigError: such a file is missing.
    """
    if isinstance(told, dict):
        return {name: _by_content(value) for name, value in told.items()}
    if isinstance(told, list):
        return [_by_content(value) for value in told]
    if isinstance(told, str) and Path(told).is_absolute():
        return manifest.tree_hash(Path(told))
    return told


def _text(path: AnyPath | None) -> str | None:
    return None if path is None else os.fspath(path)


def _is_whole(folder: Path) -> bool:
    found = manifest.read(folder)
    return (
        found is not None
        and found.status == "complete"
        and found.artefacts == manifest.artefacts(folder)
    )


@contextmanager
def _alone(key: str) -> Iterator[None]:
    """Hold ``key`` for this process; others wait."""
    with (cache_dir(ACCELERATORS) / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
