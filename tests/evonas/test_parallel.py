"""Work in other processes: in order, and what happens to work whose process is killed or takes too long."""

from __future__ import annotations

import os
import signal
import time

import pytest

from evonas.errors import EvaluationError
from evonas.parallel import TimeIsUpError, in_order, time_limit


def killed_at(number: int, victim: int) -> int:
    if number == victim:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_killed_worker_costs_its_own_job_and_no_other() -> None:
    found = list(in_order(killed_at, [(n, 3) for n in range(7)], workers=2, on_loss=lambda: -1))
    assert found == [0, 1, 2, -1, 4, 5, 6]


def test_without_a_stand_in_a_killed_worker_ends_the_work_with_a_reason() -> None:
    with pytest.raises(EvaluationError, match="want of memory"):
        list(in_order(killed_at, [(n, 1) for n in range(4)], workers=2))


def test_what_takes_too_long_is_interrupted_and_the_alarm_is_off_afterwards() -> None:
    with pytest.raises(TimeIsUpError), time_limit(0.05):
        time.sleep(5)
    time.sleep(0.1)
    with time_limit(0.0):
        pass
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
