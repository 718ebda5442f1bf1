"""Kills ``hwflow train`` at random moments, and lets the same command finish."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from hwflow.bench.commands import run_hwflow
from hwflow.errors import ToolFailedError

_START = "from hwflow.cli import main; main()"
_POLL_S = 0.005
# A training whose start takes longer has failed.
_START_S = 300.0


@dataclass(frozen=True)
class Killed:
    """``equal`` of ``killed`` trainings ended with the weights of the one left alone.

    ``seconds`` of training of that one, its start left out. ``moments``: seconds after which each
    was killed.
    """

    killed: int
    equal: int
    seconds: float
    moments: tuple[float, ...]


def kill_at_random(recipe: Path, root: Path, *, times: int, seed: int) -> Killed:
    """Return how ``times`` killed trainings of ``recipe`` ended; works in ``root``.

    Raises:
        ToolFailedError: a training failed by itself.
    """
    shutil.rmtree(root, ignore_errors=True)
    seconds = _seconds(recipe, root / "whole", root / "whole.log")
    wanted = _weights(root / "whole")
    draw = random.Random(seed)
    moments: list[float] = []
    equal = 0
    while len(moments) < times:
        out = root / f"killed{len(moments)}"
        moment = draw.uniform(0.0, seconds)
        if not _kill_after(recipe, out, moment, root / "killed.log"):
            shutil.rmtree(out)  # it was faster than the first: another moment
            continue
        run_hwflow(*_command(recipe, out), log=root / "again.log")
        equal += _weights(out) == wanted
        moments.append(round(moment, 3))
    return Killed(len(moments), equal, seconds, tuple(moments))


def _command(recipe: Path, out: Path) -> tuple[object, ...]:
    return "train", recipe, "--out", out, "--checkpoint-seconds", 0


def _start(recipe: Path, out: Path, log: Path) -> subprocess.Popen[bytes]:
    """Return the process once it trains: its log of epochs is there."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", _START, *map(str, _command(recipe, out))],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    begun = out.parent / f".{out.name}.partial" / "stage0.csv"
    deadline = time.monotonic() + _START_S
    while not begun.is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    if not begun.is_file() and not (out / "stage0.csv").is_file():
        process.kill()
        code = process.wait()
        raise ToolFailedError(["hwflow", "train"], returncode=code, log=log, tail=_tail(log))
    return process


def _seconds(recipe: Path, out: Path, log: Path) -> float:
    process = _start(recipe, out, log)
    began = time.monotonic()
    code = process.wait()
    if code != 0:
        raise ToolFailedError(["hwflow", "train"], returncode=code, log=log, tail=_tail(log))
    return time.monotonic() - began


def _kill_after(recipe: Path, out: Path, moment: float, log: Path) -> bool:
    """Return whether the training was killed ``moment`` seconds after it had begun."""
    process = _start(recipe, out, log)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return not (out / "stage0.csv").is_file()
    return False


def _weights(out: Path) -> bytes:
    return (out / "stage0.safetensors").read_bytes()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
