"""Logging set-up and the progress callback. Libraries only use ``getLogger`` and ``Progress``."""

from __future__ import annotations

import logging
from collections.abc import Callable

from rich.console import Console
from rich.logging import RichHandler

Progress = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)``; the command line draws it, libraries never do."""


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def configure(verbosity: int = 0) -> None:
    """Send hwflow's log records to stderr: warnings, or info (1), or debug (2)."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = RichHandler(console=Console(stderr=True), show_path=False, markup=False)
    root = logging.getLogger("hwflow")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
