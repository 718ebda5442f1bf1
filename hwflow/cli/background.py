"""Work that runs beside other work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from hwflow.cli.output import Stopwatch

T = TypeVar("T")


class Background(Generic[T]):
    """Calls ``work`` in a daemon thread, so that an interrupted command does not wait for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: list[T] = []
        self._error: BaseException | None = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        watch = Stopwatch()
        try:
            self._result.append(self._work())
        except BaseException as error:  # handed to whoever waits
            self._error = error
        self.seconds = watch.seconds

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the thread to itself: a step that is cut off leaves no half result."""

    def wait(self) -> T:
        """Return the work's result, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result[0]
