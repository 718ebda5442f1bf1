"""Typed errors. Each message says what was expected, what was found, where, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class HwflowError(Exception):
    """A failure that the user can act on; printed without a traceback."""

    exit_code = 2


class ConfigError(HwflowError):
    """A recipe, design, bundle or command line says something hwflow cannot use."""


class UnsupportedModelError(HwflowError):
    """A network holds an operation that hwflow cannot turn into exact hardware."""

    def __init__(self, message: str, *, node: str | None = None) -> None:
        self.node = node
        super().__init__(message if node is None else f"node {node!r}: {message}")


class ToolNotFoundError(HwflowError):
    """An external tool is missing."""

    exit_code = 3

    def __init__(self, tool: str, *, disables: str, install: str) -> None:
        self.tool = tool
        super().__init__(f"{tool} was not found; without it {disables}. Install it: {install}")


class ToolFailedError(HwflowError):
    """An external tool ran and failed; its log is kept and its last lines are quoted."""

    exit_code = 3

    def __init__(self, command: Sequence[str], *, returncode: int, log: Path, tail: str) -> None:
        self.command = list(command)
        self.returncode = returncode
        self.log = log
        super().__init__(
            f"{command[0]} exited with {returncode}; full log in {log}. Last lines:\n{tail}"
        )


class VerificationError(HwflowError):
    """Two links of the exactness chain disagree; names the first differing sample."""

    exit_code = 4

    def __init__(
        self, link: str, *, compared: int, mismatches: int, sample: int, expected: str, got: str
    ) -> None:
        self.link = link
        self.compared = compared
        self.mismatches = mismatches
        self.sample = sample
        super().__init__(
            f"{link}: {mismatches} of {compared} integers differ; "
            f"first at frame {sample}: expected {expected}, got {got}"
        )
