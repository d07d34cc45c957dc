"""Work in other processes: in order, and what happens to work whose process is killed or takes too long."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from evonas.errors import EvaluationError
from evonas.evaluation.workers.limits import TimeIsUpError, time_limit
from evonas.evaluation.workers.pool import WorkerPool, map_in_order
from evonas.evaluation.workers.workers import Workers
from tests.support.jobs import fails, twice


def killed_at(number: int, victim: int) -> int:
    if number == victim:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_worker_costs_its_own_job_and_no_other() -> None:
    found = list(map_in_order(killed_at, [(n, 3) for n in range(7)], workers=Workers(2), on_loss=lambda: -1))
    assert found == [0, 1, 2, -1, 4, 5, 6]


def test_without_a_stand_in_a_killed_worker_ends_the_work_with_a_reason() -> None:
    with pytest.raises(EvaluationError, match="memory ran out"):
        list(map_in_order(killed_at, [(n, 1) for n in range(4)], workers=Workers(2)))


def test_what_takes_too_long_is_interrupted_and_the_alarm_is_off_afterwards() -> None:
    with pytest.raises(TimeIsUpError), time_limit(0.05):
        time.sleep(5)
    time.sleep(0.1)
    with time_limit(0.0):
        pass
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


@pytest.mark.parametrize("workers", [Workers(1), Workers(2, "threading"), Workers(2)])
def test_results_come_in_order_whoever_works(workers: Workers) -> None:
    assert list(map_in_order(twice, [(n,) for n in range(300)], workers=workers)) == list(range(0, 600, 2))
    with pytest.raises(ValueError, match="7"):
        list(map_in_order(fails, [(7,)], workers=workers))
    assert list(map_in_order(twice, [], workers=workers)) == []


def test_one_worker_takes_a_job_only_when_its_result_is_wanted() -> None:
    begun: list[int] = []
    results = map_in_order(begun.append, [(n,) for n in range(5)], workers=Workers(1))
    next(results)
    next(results)
    assert begun == [0, 1]


def test_a_pool_takes_jobs_while_others_are_at_work() -> None:
    with WorkerPool(twice, Workers(2, "threading")) as pool:
        first, second = pool.submit(1), pool.submit(2)
        found = dict([pool.next_done()])
        third = pool.submit(3)
        found |= [pool.next_done(), pool.next_done()]
        assert found == {first: 2, second: 4, third: 6}
        assert pool.n_out == 0


def test_what_is_left_over_is_given_up_and_the_next_work_finds_new_workers(tmp_path: Path) -> None:
    results = map_in_order(noted, [(n, tmp_path) for n in range(40)], workers=Workers(2))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert list(map_in_order(twice, [(1,), (2,)], workers=Workers(2))) == [2, 4]
    assert len(list(tmp_path.iterdir())) < 40


def noted(number: int, folder: Path) -> int:
    time.sleep(0.5 if number else 0.0)
    (folder / str(number)).touch()
    return number


def test_threads_and_what_they_loaded_stay() -> None:
    names = set()
    for _ in range(5):
        names |= set(map_in_order(thread_name, [()] * 4, workers=Workers(2, "threading")))
    assert len(names) <= 2


def thread_name() -> str:
    return threading.current_thread().name
