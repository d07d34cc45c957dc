"""A cluster of pretended workers under the real scheduling code: evaluations take the time that they are said to take.

The clock is a simulated one, but what the driver takes to think (ask, tell, archive) is added to it as it is measured;
so a driver that is too slow for its workers shows as workers without work. Measured in processor time, for what else
the machine does meanwhile is no part of it.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from evonas.evaluation.workers.backend import Backend


class Clock:
    """What a simulated search spent.

    Attributes:
        now: Simulated seconds.
        busy: Of all workers together.
        driver, wall: Processor seconds of everything but evaluations; and what the wall's clock says of them.
        finished: When each result came, in order.
    """

    def __init__(self) -> None:
        self.now = self.busy = self.driver = self.wall = 0.0
        self.finished: list[float] = []
        self.skip()

    def think(self) -> None:
        """Let the driver's time pass that went by since this was last asked."""
        seen = time.process_time()
        self.now += seen - self._seen
        self.driver += seen - self._seen
        self.wall += time.perf_counter() - self._seen_on_wall
        self.skip()

    def skip(self) -> None:
        """Leave out what went by since :meth:`think` was last asked."""
        self._seen, self._seen_on_wall = time.process_time(), time.perf_counter()


class Simulated(Backend):
    """Pretended workers, one after another free for the next job.

    Args:
        n: How many.
        clock: Theirs.
        seconds: Of a job.
    """

    def __init__(self, n: int, clock: Clock, seconds: Callable[[tuple[Any, ...]], float]) -> None:
        self.n, self.clock, self.seconds = n, clock, seconds
        self._free = [clock.now] * n
        self._ends: dict[Future[Any], float] = {}

    @property
    def capacity(self) -> int:
        """See :class:`Backend`."""
        return self.n

    def submit(self, function: Callable[..., Any], job: tuple[Any, ...]) -> Future[Any]:
        """See :class:`Backend`."""
        self.clock.think()
        future: Future[Any] = Future()
        future.set_result(function(*job))
        took = self.seconds(job)
        self._ends[future] = max(self.clock.now, heapq.heappop(self._free)) + took
        heapq.heappush(self._free, self._ends[future])
        self.clock.busy += took
        self.clock.skip()
        return future

    def wait(self, futures: set[Future[Any]]) -> set[Future[Any]]:
        """See :class:`Backend`."""
        self.clock.think()
        first = min(futures, key=self._ends.__getitem__)
        self.clock.now = max(self.clock.now, self._ends.pop(first))
        self.clock.finished.append(self.clock.now)
        self.clock.skip()
        return {first}
