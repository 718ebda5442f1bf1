"""``run.json``: what a step was given, with what it ran, and what it wrote.

A step's folder counts as complete only when its manifest says so, its input hash is that of the
present inputs, and every artefact still has its recorded hash. Anything else is run again, so a
half-written folder is never taken for a result.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

import hwflow
from hwflow.config import durable
from hwflow.config.base import StrictModel, load
from hwflow.errors import ConfigError

RUN_FILE = "run.json"
log = logging.getLogger(__name__)
IGNORED_NAMES = frozenset({RUN_FILE, "__pycache__"})


class GitState(StrictModel):
    """Commit of the checkout that hwflow runs from; ``dirty``: edited since."""

    commit: str
    dirty: bool


class RunManifest(StrictModel):
    """``run.json``. Hashes are SHA-256 in hex; artefact paths are relative to the folder.

    ``found``: hashes that the step itself told of what it read beside ``inputs``, by name: the
    splits of a data set.
    """

    schema_version: Literal[1]
    step: str
    status: Literal["running", "complete"]
    input_hash: str
    sources: str
    config: dict[str, Any]
    inputs: dict[str, str]
    seed: int | None
    git: GitState | None
    versions: dict[str, str]
    started: str
    duration_s: float | None
    artefacts: dict[str, str]
    found: dict[str, str] = Field(default_factory=dict)


#: Fills a folder; returns the manifest's ``found``, if anything.
Action = Callable[[Path], Mapping[str, str] | None]


@dataclass(frozen=True)
class Step:
    """One step of the flow on given inputs.

    ``config``: the resolved configuration, JSON values only. ``inputs``: files or folders that the
    step reads. ``packages``: sub-packages of hwflow whose code it runs. ``tools``: distributions
    whose version can change the result. ``incremental``: the action tells by itself which files of
    an earlier run it can use, whatever its configuration was then, so it is given them; not those
    of other code or tools, whose work it cannot tell from its own. ``contents``: hashes of what it
    reads that is no file or folder of ``inputs``, by name.
    """

    name: str
    out: Path
    config: Mapping[str, Any]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    seed: int | None = None
    incremental: bool = False
    contents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a step ended; ``reused``: its folder was already complete."""

    manifest: RunManifest
    reused: bool


def tree_hash(path: Path) -> str:
    """Return one hash over the names and contents of a file, or of all files of a folder.

    Raises:
        ConfigError: if there is nothing at ``path``.
    """
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if not path.is_dir():
        raise ConfigError(f"{path}: not found; it is an input of this step")
    digest = hashlib.sha256()
    for name, value in artefacts(path).items():
        digest.update(f"{name}\0{value}\n".encode())
    return digest.hexdigest()


def artefacts(folder: Path) -> dict[str, str]:
    """Return the hash of every file in ``folder``, by relative path, but for the manifest."""
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and IGNORED_NAMES.isdisjoint(relative.parts):
            found[relative.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def source_hash(packages: Sequence[str]) -> str:
    """Return one hash over hwflow's own files (Python, RTL, templates) in ``packages``."""
    root = Path(str(resources.files("hwflow")))
    digest = hashlib.sha256()
    for package in sorted(packages):
        path = root / package
        digest.update(f"{package}\0{tree_hash(path)}\n".encode())
    return digest.hexdigest()


def versions(distributions: Sequence[str]) -> dict[str, str]:
    """Return the versions of Python, hwflow and those ``distributions`` that are installed."""
    found = {"python": platform.python_version(), "hwflow": hwflow.__version__}
    for name in distributions:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def git_state() -> GitState | None:
    """Return the state of the checkout that holds hwflow, or None outside of one."""
    root = Path(str(resources.files("hwflow"))).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout.strip()

    try:
        # An installed package inside somebody else's repository is not a checkout of hwflow.
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root.resolve():
            return None
        return GitState(
            commit=git("rev-parse", "HEAD"), dirty=bool(git("status", "--porcelain", "-uno"))
        )
    except (OSError, subprocess.SubprocessError):
        return None


def input_hash(step: Step, inputs: Mapping[str, str]) -> str:
    """Return the hash of everything that can change the result of ``step``."""
    told: dict[str, Any] = {
        "step": step.name,
        "config": dict(step.config),
        "inputs": dict(inputs),
        "seed": step.seed,
        "versions": versions(step.tools),
        "sources": source_hash(step.packages),
    }
    if step.contents:  # hashes from before they were there stay what they were
        told["contents"] = dict(step.contents)
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def read(folder: Path) -> RunManifest | None:
    """Return the manifest of ``folder``, or None if there is none that can be read."""
    try:
        return load(RunManifest, folder / RUN_FILE)
    except ConfigError:
        return None


def run_step(step: Step, action: Action) -> Outcome:
    """Make ``step.out`` by ``action(folder)``, unless it is already complete.

    ``action`` fills a folder beside ``step.out``, which takes its place once it is complete: what
    stands at ``step.out`` is always whole. An interrupted action finds its work folder again when
    the inputs are the same.

    Raises:
        ConfigError: an input is missing, ``step.out`` cannot be written or holds files that are
            not this step's, or another process is at work on it.
    """
    inputs = {name: tree_hash(path) for name, path in step.inputs.items()}
    wanted = input_hash(step, inputs)
    found = read(step.out)
    if found is not None and _is_whole(step, found, wanted):
        return Outcome(found, reused=True)
    _refuse_foreign(step, found)
    told = _plain(step.config), step.seed
    if step.incremental and found is not None and (found.config, found.seed) != told:
        log.warning(
            "%s: holds a finished run of another configuration; what does not fit this one is done "
            "again and replaced (another --out keeps both)",
            step.out,
        )
    work = step.out.parent / f".{step.out.name}.partial"
    with _sole_user(work, step):
        return _run(step, action, work=work, found=found, inputs=inputs, wanted=wanted)


@contextmanager
def _sole_user(work: Path, step: Step) -> Iterator[None]:
    """Hold the work folder (made if need be) for this process, until it is moved or left."""
    made = [folder for folder in work.parents if not folder.exists()]
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise
        raise ConfigError(
            f"{step.out}: cannot be written ({error.strerror}); choose another folder with --out"
        ) from error
    handle = os.open(work, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise ConfigError(
            f"{step.out}: another hwflow is writing it; wait for it, or choose another folder "
            "with --out"
        ) from error
    try:
        yield
    finally:
        # A run that failed before it left anything to go on from leaves no trace.
        if work.is_dir() and not artefacts(work):
            shutil.rmtree(work)
            for folder in made:
                with suppress(OSError):  # it holds something else by now
                    folder.rmdir()
        os.close(handle)


def _run(
    step: Step,
    action: Action,
    *,
    work: Path,
    found: RunManifest | None,
    inputs: Mapping[str, str],
    wanted: str,
) -> Outcome:
    sources = source_hash(step.packages)
    tools = versions(step.tools)

    def usable(earlier: RunManifest | None) -> bool:
        if earlier is None or not step.incremental:
            return earlier is not None and earlier.input_hash == wanted
        return (earlier.sources, earlier.versions) == (sources, tools)

    if not usable(read(work)):
        if step.incremental and artefacts(work):
            log.warning(
                "%s: an unfinished run of other code or tools is thrown away; what it has done "
                "cannot be told from what would be done now",
                step.out,
            )
        _empty(work)
        if step.incremental and usable(found):
            shutil.copytree(step.out, work, dirs_exist_ok=True)
    manifest = RunManifest(
        schema_version=1,
        step=step.name,
        status="running",
        input_hash=wanted,
        sources=sources,
        config=dict(step.config),
        inputs=dict(inputs),
        seed=step.seed,
        git=git_state(),
        versions=tools,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        duration_s=None,
        artefacts={},
    )
    write(manifest, work)
    begin = time.monotonic()
    told = action(work)
    complete = manifest.model_copy(
        update={
            "status": "complete",
            "duration_s": round(time.monotonic() - begin, 3),
            "artefacts": artefacts(work),
            "found": dict(told or {}),
        }
    )
    write(complete, work)
    _replace(step.out, work)
    return Outcome(complete, reused=False)


def _plain(config: Mapping[str, Any]) -> Any:
    """Return ``config`` as a manifest has it: lists for tuples."""
    return json.loads(json.dumps(dict(config)))


def is_complete(step: Step) -> bool:
    """Return whether ``run_step`` would reuse ``step.out``.

    Raises:
        ConfigError: an input is missing.
    """
    found = read(step.out)
    inputs = {name: tree_hash(path) for name, path in step.inputs.items()}
    return found is not None and _is_whole(step, found, input_hash(step, inputs))


def _is_whole(step: Step, found: RunManifest, wanted: str) -> bool:
    return (
        found.status == "complete"
        and found.step == step.name
        and found.input_hash == wanted
        and found.artefacts == artefacts(step.out)
    )


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _replace(out: Path, work: Path) -> None:
    old = out.parent / f".{out.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    work.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def write(manifest: RunManifest, folder: Path) -> None:
    """Write ``run.json`` at once, so that a reader never sees half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{RUN_FILE}.partial"
    partial.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    durable.replace(partial, folder / RUN_FILE)


def _refuse_foreign(step: Step, found: RunManifest | None) -> None:
    if step.out.exists() and not step.out.is_dir():
        raise ConfigError(f"{step.out}: is a file; expected a folder for the {step.name} step")
    if found is None and step.out.is_dir() and any(step.out.iterdir()):
        raise ConfigError(
            f"{step.out}: holds files but no {RUN_FILE} that can be read, so hwflow will not "
            "replace them; empty it, or choose another folder with --out"
        )
    if found is not None and found.step != step.name:
        raise ConfigError(
            f"{step.out}: holds the {found.step} step, not {step.name}; "
            "choose another folder with --out"
        )
