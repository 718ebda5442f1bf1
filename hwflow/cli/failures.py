"""How a failure is told: on stderr, and with --json as one object on stdout."""

from __future__ import annotations

import errno
import traceback
from typing import Any

from rich.markup import escape

from hwflow import errors
from hwflow.cli.output import Output
from hwflow.cli.session import session
from hwflow.errors import ConfigError, HwflowError, ToolNotFoundError, VerificationError

INTERRUPTED = 130
NO_ACCESS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG}
NO_ACCESS |= {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY}


def missing_package(error: ModuleNotFoundError) -> ToolNotFoundError:
    """Return what a missing Python package means to the user."""
    return ToolNotFoundError(
        f"Python package {error.name!r}",
        disables="this command cannot run",
        install="pip install hwflow[all], and see `hwflow doctor`",
    )


def disk_error(error: OSError) -> ConfigError | None:
    """Return what the user can do about ``error``, or None where it is no fault of the disk's."""
    where = error.filename or "the output folder"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return ConfigError(
            f"{where}: no space left on the device; free some and run the same command again "
            "(finished steps are kept), or choose another folder with --out"
        )
    if error.errno in NO_ACCESS:
        return ConfigError(
            f"{where}: cannot be read or written ({error.strerror}); "
            "check what is there and its permissions, or choose another folder with --out"
        )
    return None


def fail(arguments: list[str], error: HwflowError) -> int:
    """Tell of an error that the user can act on; return the exit code."""
    if session.verbosity:
        traceback.print_exception(error)
    say(f"[bold red]error:[/] {escape(str(error))}")
    describe(arguments, error)
    return error.exit_code


def interrupted(arguments: list[str]) -> int:
    """Tell of Ctrl-C; return the exit code."""
    again = "finished steps are kept; run the same command again to go on from here"
    if "bench" in arguments[:1]:
        again = "sections that are done are recorded; measure the others with --only"
    say(f"[bold yellow]interrupted[/]: {again}")
    if "--json" in arguments:
        _print_json({"error": {"type": "Interrupted", "message": "interrupted by the user"}})
    return INTERRUPTED


def bug(arguments: list[str], error: Exception) -> int:
    """Tell of an error that is ours, with its traceback; return the exit code."""
    traceback.print_exception(error)
    say("[bold red]this is a bug in hwflow[/]: please report it with the lines above")
    if "--json" in arguments:
        _print_json({"error": {"type": type(error).__name__, "message": str(error)}})
    return 1


def describe(arguments: list[str], error: HwflowError) -> None:
    """With --json stdout still holds exactly one object when a command fails."""
    if "--json" not in arguments:
        return
    # Sub-packages may have errors of their own; users know those of hwflow.errors.
    known = next(base for base in type(error).__mro__ if base.__module__ == errors.__name__)
    told: dict[str, Any] = {"type": known.__name__, "message": str(error)}
    if isinstance(error, VerificationError):
        told |= {"link": error.link, "frame": error.sample}
        _print_json({"error": told, "compared": error.compared, "mismatches": error.mismatches})
        return
    _print_json({"error": told})


def _print_json(data: dict[str, Any]) -> None:
    if session.output is None:
        session.output = Output(as_json=True, verbosity=0)
    session.output.as_json = True
    session.output.result(data)


def say(text: str) -> None:
    """Say something on stderr, whether or not a command has started."""
    from rich.console import Console

    Console(stderr=True, emoji=False).print(text, highlight=False, soft_wrap=True)
