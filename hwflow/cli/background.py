"""A job that runs beside another one."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from hwflow.cli.jobs import Job
from hwflow.cli.output import Stopwatch
from hwflow.config.manifest import Outcome


class Background:
    """Runs ``job`` in a daemon thread, so that an interrupted command does not wait for it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run, name=job.step.name, daemon=True)

    def _run(self) -> None:
        watch = Stopwatch()
        try:
            self._outcome = self._job.run()
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
        """Leave the thread to itself; its folder is whole or absent, whatever happens to it."""

    def wait(self) -> Outcome:
        """Return the job's outcome, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        return self._outcome
