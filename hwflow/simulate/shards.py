"""Tasks over worker processes: each worker is made once and does one task after the other.

Processes, since a call into a compiled design cannot be interrupted: workers are killed when their
parent stops, whatever they are doing.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TypeVar

from hwflow.errors import HwflowError

Result = TypeVar("Result")
Report = Callable[[int], None]
Worker = Callable[[int, Report], Result]


class WorkerError(HwflowError):
    """A worker process ended before its task."""

    exit_code = 3


_PROGRESS, _DONE, _FAILED = "progress", "done", "failed"


def run_sharded(
    make: Callable[[], Worker[Result]],
    tasks: Sequence[int],
    *,
    jobs: int,
    report: Callable[[int, int], None],
) -> Iterator[tuple[int, Result]]:
    """Yield (task, result) as workers finish them, on up to ``jobs`` processes.

    ``make`` (picklable) is called once in each process and returns what does a task.
    ``report(task, n)`` is told what a task reports of itself.

    Raises:
        HwflowError: what the first of the failing ``tasks`` raised, whichever came first in time.
        WorkerError: a worker died.
    """
    context = multiprocessing.get_context("spawn")
    queue = iter(tasks)
    running: dict[Connection, int] = {}
    owner: dict[Connection, BaseProcess] = {}
    failures: dict[int, HwflowError] = {}
    try:
        for _ in range(min(jobs, len(tasks))):
            ours, theirs = context.Pipe()
            owner[ours] = context.Process(target=_serve, args=(theirs, make), daemon=True)
            owner[ours].start()
            theirs.close()
            running[ours] = next(queue)
            ours.send(running[ours])
        # Tasks are handed out in order: behind a failure only earlier ones matter.
        while running and (not failures or min(running.values()) < min(failures)):
            for connection in wait(list(running)):
                assert isinstance(connection, Connection)
                task = running[connection]
                try:
                    kind, value = connection.recv()
                except (EOFError, OSError) as error:
                    owner[connection].join()
                    raise WorkerError(
                        f"task {task}: its process ended with {owner[connection].exitcode} before "
                        "it was done; what it said is above. If memory was short, use fewer --jobs"
                    ) from error
                if kind == _PROGRESS:
                    report(task, value)
                    continue
                if kind == _FAILED:
                    failures[task] = _rebuilt(value)
                else:
                    yield task, value
                following = None if failures else next(queue, None)
                if following is None:
                    del running[connection]
                else:
                    running[connection] = following
                    connection.send(following)
        if failures:
            raise failures[min(failures)]
    finally:
        for each in owner.values():
            each.terminate()
        for each in owner.values():
            each.join()


def _serve(connection: Connection, make: Callable[[], Worker[Result]]) -> None:
    """Do tasks until the parent ends us, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    worker = None
    with suppress(EOFError, BrokenPipeError):
        while True:
            task = connection.recv()
            try:
                worker = worker or make()
                result = worker(task, lambda done: connection.send((_PROGRESS, done)))
            except HwflowError as error:
                connection.send((_FAILED, (type(error), error.args, vars(error))))
            else:
                connection.send((_DONE, result))


def _rebuilt(told: tuple[type[HwflowError], tuple[object, ...], dict[str, object]]) -> HwflowError:
    """Return the error of a worker; those with arguments of their own cannot be unpickled."""
    kind, arguments, attributes = told
    error = kind.__new__(kind)
    error.args = arguments
    vars(error).update(attributes)
    return error
