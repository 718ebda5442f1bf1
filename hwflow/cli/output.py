"""What a command says: one JSON object or tables on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from hwflow.log import Progress as ProgressCallback

_LINE_S = 30.0


class Output:
    """Where a command's results go.

    Libraries (and what they call) may write to file descriptor 1; from the first use on that is
    stderr, and only this object holds the real stdout.
    """

    def __init__(self, *, as_json: bool, verbosity: int) -> None:
        self.as_json = as_json
        self.verbosity = verbosity
        sys.stdout.flush()
        self._stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self._terminal = self._stdout.isatty()
        os.dup2(2, 1)
        self.err = Console(stderr=True, emoji=False)

    def close(self) -> None:
        """Give file descriptor 1 back."""
        sys.stdout.flush()
        self._stdout.flush()
        os.dup2(self._stdout.fileno(), 1)
        self._stdout.close()

    def result(self, data: Mapping[str, Any], *shown: Any) -> None:
        """Print ``data`` as one JSON object, or else ``shown`` with rich."""
        if self.as_json:
            self._stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
        else:
            width = None if self._terminal else 110
            console = Console(file=self._stdout, width=width, emoji=False)
            for item in shown:
                console.print(item)
        self._stdout.flush()

    def note(self, text: str) -> None:
        """Say something on stderr."""
        self.err.print(text, highlight=False, soft_wrap=True)

    @contextmanager
    def progress(self, name: str) -> Iterator[ProgressCallback]:
        """Draw a bar on a terminal; elsewhere say now and then how far it is."""
        if not self.err.is_terminal:
            yield _Lines(self, name)
            return
        bar = Progress(
            TextColumn("[bold]{task.fields[step]:<9}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]left[/]"),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=self.err,
            transient=True,
        )
        with bar:
            task = bar.add_task("", step=name, total=None)
            before = (0, 0)

            def update(what: str, done: int, total: int) -> None:
                nonlocal before
                if total != before[1] or done < before[0]:
                    # Other work, or work that an earlier run has begun: where it starts says
                    # nothing of its speed.
                    bar.reset(task, total=total or None, completed=done)
                told = what.removeprefix(f"{name} ")
                bar.update(task, description=told, completed=done)
                before = done, total

            yield update


class _Lines:
    """Progress in a log file: a line each ``_LINE_S`` seconds."""

    def __init__(self, output: Output, name: str) -> None:
        self._output, self._name = output, name
        self._told = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told >= _LINE_S:
            self._told = now
            share = f" ({done / total:.0%})" if total else ""
            told = what.removeprefix(f"{self._name} ")
            self._output.note(f"{self._name:<9} {told}{share}")


def shown(path: Path) -> str:
    """Return ``path`` as a user would type it: relative if it lies below the working folder."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall time so far, rounded to a tenth."""
        return round(time.monotonic() - self._begin, 1)
