"""Logging set-up. Called once, by the command line; libraries only use ``getLogger``."""

from __future__ import annotations

import logging

from rich.console import Console
from rich.logging import RichHandler


def configure(verbosity: int = 0) -> None:
    """Send hwflow's log records to stderr: warnings, or info (1), or debug (2)."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = RichHandler(console=Console(stderr=True), show_path=False, markup=False)
    root = logging.getLogger("hwflow")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
