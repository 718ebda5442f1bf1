"""pytest plugin: accelerators in RTL simulation as a fixture; see ``docs/ci.md``.

Loaded by pytest wherever hwflow is installed, so it imports nothing of hwflow before a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hwflow.testing import RtlAccelerator
    from hwflow.testing.build import AnyPath

FIXTURE = "hwflow_accelerator"
MARKER = "hwflow"
# Key of a pytest-xdist worker's output: its lines about accelerators.
TOLD = "hwflow_accelerators"
_TOLD = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plugin."""
    group = parser.getgroup("hwflow", "accelerators in RTL simulation")
    group.addoption(
        "--hwflow-images",
        type=_positive,
        default=None,
        metavar="N",
        help="frames that assert_exact() sends: golden ones, then variations (default: all golden)",
    )
    group.addoption(
        "--hwflow-skip-missing",
        action="store_true",
        help="skip tests whose tools (FINN+, Verilator, a compiler) are missing, which else fail",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise pytest.UsageError(f"--hwflow-images: expected a number from 1 on, got {text!r}")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}: simulates an accelerator's RTL (every test that uses {FIXTURE} has it)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the fixture, so that ``-m "not hwflow"`` leaves them out."""
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker(MARKER)


class AcceleratorFactory:
    """Opens accelerators for tests and keeps them open to the session's end.

    The same call gives the same object, compiled once. ``told``: a line about each.
    """

    def __init__(
        self, stack: ExitStack, *, root: Path, images: int | None, skip_missing: bool
    ) -> None:
        self._stack = stack
        self._root = root
        self._images = images
        self._skip_missing = skip_missing
        self.told: list[str] = []
        self._opened: dict[tuple[str, str], RtlAccelerator] = {}

    def __call__(self, source: AnyPath, **options: Any) -> RtlAccelerator:
        """Return the accelerator of ``source``; see ``hwflow.testing.open_accelerator``.

        Paths are relative to pytest's root folder.
        """
        from hwflow.errors import ToolNotFoundError
        from hwflow.testing import open_accelerator
        from hwflow.testing.build import rooted

        source, options = self._root / source, rooted(options, self._root)
        key = (str(source), repr(sorted(options.items())))
        if key not in self._opened:
            try:
                accelerator = open_accelerator(source, images=self._images, **options)
            except ToolNotFoundError as error:
                if self._skip_missing:
                    pytest.skip(str(error))
                pytest.fail(f"{error}\n(--hwflow-skip-missing skips instead)", pytrace=False)
            self._opened[key] = self._stack.enter_context(accelerator)
            how = "from the cache" if accelerator.from_cache else "built"
            self.told.append(f"{source.name}: {how}, {accelerator.folder}")
        return self._opened[key]


@pytest.fixture(scope="session")
def hwflow_accelerator(pytestconfig: pytest.Config) -> Iterator[AcceleratorFactory]:
    """Open accelerators: ``hwflow_accelerator("model.onnx", board="pynq-z2")``."""
    with ExitStack() as stack:
        factory = AcceleratorFactory(
            stack,
            root=pytestconfig.rootpath,
            images=pytestconfig.getoption("--hwflow-images"),
            skip_missing=pytestconfig.getoption("--hwflow-skip-missing"),
        )
        pytestconfig.stash[_TOLD] = factory.told
        yield factory


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Keep what a worker of pytest-xdist said; ``node``: its controller, in the main process."""
    told = node.config.stash.setdefault(_TOLD, [])
    told += getattr(node, "workeroutput", {}).get(TOLD, ())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Say in a worker of pytest-xdist what its accelerators are, to the main process."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[TOLD] = session.config.stash.get(_TOLD, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which accelerators were tested, and where they lie."""
    told = config.stash.get(_TOLD, [])
    if told:
        terminalreporter.section("hwflow accelerators")
        for line in dict.fromkeys(told):  # workers that share an accelerator say it each
            terminalreporter.line(line)
