"""The one place where FINN is set up. Everything else in this package runs inside ``session``.

FINN wants a build folder and a path to its RTL library before its transformations run, keeps both
in a module-wide settings object, falls back to environment variables and writes ``~/.finn``. Here
the settings object is made directly, for the time of one build: no environment variable is set,
nothing outside ``work_dir`` is written, and the previous settings come back afterwards.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from hwflow.dataflow.rtllib import copy_library
from hwflow.errors import ToolNotFoundError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finn:
    """Folders of a running session.

    ``build_dir``: where FINN generates code; ``rtllib``: our edited copy of its RTL library;
    ``log``: everything FINN and qonnx print or log.
    """

    build_dir: Path
    rtllib: Path
    log: Path


def _package() -> Path:
    spec = find_spec("finn")
    if spec is None or not spec.submodule_search_locations:
        raise ToolNotFoundError(
            "finn-plus",
            disables="no network can be turned into hardware",
            install="pip install hwflow[finn]",
        )
    return Path(spec.submodule_search_locations[0])


@contextlib.contextmanager
def session(work_dir: Path) -> Iterator[Finn]:
    """Set FINN up to work in ``work_dir`` (created), with our plug-ins registered.

    FINN's output goes to ``work_dir/finn.log``: several of its passes print, and stdout belongs
    to the caller's result.

    Raises:
        ToolNotFoundError: finn-plus is not installed.
        ToolFailedError: its RTL library is not the one that our edits were made for.
    """
    package = _package()
    finn = Finn(work_dir / "finn_build", work_dir / "finn-rtllib", work_dir / "finn.log")
    finn.build_dir.mkdir(parents=True)
    copy_library(package / "finn-rtllib", finn.rtllib)
    with finn.log.open("a", encoding="utf-8") as stream, contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(stream))
        stack.enter_context(_logs_to(stream))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(_settings(finn, work_dir))
        # Importing registers the operators; FINN's look-ups read the same registry.
        from hwflow.dataflow import plugins  # noqa: F401

        yield finn


@contextlib.contextmanager
def _logs_to(stream: TextIO) -> Iterator[None]:
    logger = logging.getLogger("finn_logger")
    handler = logging.StreamHandler(stream)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


@contextlib.contextmanager
def _settings(finn: Finn, work_dir: Path) -> Iterator[None]:
    import finn.util.settings as holder
    from finn.interface.settings import FINNSettings

    previous = holder._SETTINGS
    holder._SETTINGS = FINNSettings.init(
        override_settings_path=work_dir / "no_settings.yaml",
        flow_config=work_dir / "flow.yaml",
        auto_set_environment_vars=False,
        finn_build_dir=str(finn.build_dir.resolve()),
        finn_rtllib=str(finn.rtllib.resolve()),
    )
    try:
        yield
    finally:
        holder._SETTINGS = previous
