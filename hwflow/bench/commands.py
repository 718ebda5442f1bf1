"""hwflow's own commands, run as a user runs them, for benches that need whole steps.

Each runs in a process of its own: its memory is given back, and its time is a user's time. Steps
that are complete are reused, so a bench that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwflow.errors import ToolFailedError

_START = "from hwflow.cli import main; main()"
TAIL_LINES = 15


@dataclass(frozen=True)
class Done:
    """A finished command: its ``--json`` object and its wall time."""

    data: dict[str, Any]
    seconds: float


def run_hwflow(*arguments: object, log: Path, environment: Mapping[str, str] | None = None) -> Done:
    """Run ``hwflow arguments… --json``; what it says on the way goes to ``log``.

    ``environment``: variables to set besides those of this process.

    Raises:
        ToolFailedError: it failed; quotes the end of what it said.
    """
    command = ["-c", _START, *map(str, arguments), "--json"]
    return run_python(command, told=["hwflow", *map(str, arguments)], log=log, more=environment)


def run_python(
    arguments: Sequence[str], *, told: Sequence[str], log: Path, more: Mapping[str, str] | None
) -> Done:
    """Run this Python with ``arguments``, which prints one JSON object; stderr goes to ``log``.

    ``told``: how an error names the command. ``more``: variables besides those of this process.

    Raises:
        ToolFailedError: it failed; quotes the end of ``log``.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=os.environ | dict(more or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            check=False,
        )
    seconds = time.monotonic() - begin
    if done.returncode != 0:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        raise ToolFailedError(told, returncode=done.returncode, log=log, tail="\n".join(tail))
    return Done(json.loads(done.stdout), seconds)
