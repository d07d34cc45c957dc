"""Workers of a run, by name of their backend. ``BACKENDS`` is the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from evonas.config.compute import ComputeConfig
from evonas.evaluation.workers.backend import Backend
from evonas.evaluation.workers.dask import Dask
from evonas.evaluation.workers.local import Processes, Serial, Threads, n_workers


class Workers(NamedTuple):
    """Who does the work of a run, as set in ``[compute]``.

    Attributes:
        n: Processes or threads on this machine; 0: one per core. A cluster has its own number.
        backend: A name of ``BACKENDS``.
        scheduler: Address of a cluster's scheduler.
    """

    n: int = 1
    backend: str = "loky"
    scheduler: str = ""

    @classmethod
    def of(cls, compute: ComputeConfig, n: int | None = None) -> Workers:
        """Those of a run file, or ``n`` of them if that is given."""
        return cls(n_workers(compute.workers if n is None else n), compute.backend, compute.scheduler)

    def at_most(self, n_jobs: int) -> Workers:
        """The same, but no more workers than jobs."""
        return self._replace(n=max(1, min(self.n, n_jobs)))

    def start(self) -> Backend:
        """Start them; a single one on this machine is this process.

        Raises:
            RunFileError: They need a package that is not installed.
            EvaluationError: The cluster does not answer.
        """
        is_here = self.n == 1 and self.backend in ("loky", "threading")
        return Serial() if is_here else BACKENDS[self.backend](self)


ALONE = Workers()

BACKENDS: dict[str, Callable[[Workers], Backend]] = {
    "loky": lambda workers: Processes(workers.n),
    "threading": lambda workers: Threads(workers.n),
    "dask": lambda workers: Dask(workers.scheduler),
}
