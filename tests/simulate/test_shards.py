import functools
import multiprocessing
import os
import time

import pytest

from hwflow.errors import ConfigError, VerificationError
from hwflow.simulate.shards import WorkerError, run_sharded


def squares(failing, task, report):
    """Return what a task gives; those of ``failing`` raise, later ones sooner."""
    report(task)
    if task in failing:
        time.sleep(failing[task])
        raise VerificationError(
            "a ↔ b", compared=9, mismatches=1, sample=task, expected="1", got="2"
        )
    return task * task, os.getpid()


def make_squares(failing):
    return functools.partial(squares, failing)


def die(task, report):
    os._exit(9)


def make_dying():
    return die


def make_nothing():
    raise ConfigError("no accelerator")


def silent(task, done):
    pass


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_task_is_done_once_by_so_many_processes(jobs):
    told = []
    make = functools.partial(make_squares, {})
    results = dict(
        run_sharded(make, range(8), jobs=jobs, report=lambda task, done: told.append((task, done)))
    )
    assert {task: value for task, (value, _) in results.items()} == {n: n * n for n in range(8)}
    assert sorted(told) == [(n, n) for n in range(8)]
    processes = {process for _, process in results.values()}
    assert len(processes) <= jobs
    assert os.getpid() not in processes
    assert multiprocessing.active_children() == []


def test_no_tasks_need_no_process():
    assert list(run_sharded(make_nothing, [], jobs=2, report=silent)) == []


def test_the_first_failing_task_is_told_not_the_first_failure():
    make = functools.partial(make_squares, {2: 1.0, 3: 0.0})
    with pytest.raises(VerificationError, match="first at frame 2") as raised:
        list(run_sharded(make, range(100), jobs=2, report=silent))
    assert (raised.value.sample, raised.value.link) == (2, "a ↔ b")
    assert multiprocessing.active_children() == []


def test_an_error_of_the_set_up_is_the_users_error():
    with pytest.raises(ConfigError, match="no accelerator"):
        list(run_sharded(make_nothing, range(2), jobs=1, report=silent))


def test_a_worker_that_dies_is_an_error_not_a_wait():
    with pytest.raises(WorkerError, match=r"task 5: its process ended with 9"):
        list(run_sharded(make_dying, [5], jobs=1, report=silent))


def test_workers_end_with_whoever_stops_listening():
    results = run_sharded(functools.partial(make_squares, {}), range(50), jobs=2, report=silent)
    next(results)
    results.close()
    assert multiprocessing.active_children() == []
