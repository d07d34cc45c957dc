"""A run as it is now: what several reports need is read and computed once."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from reports.run_folder.facts import Facts, Origin
from reports.run_folder.folder import RunFolder
from reports.tables.convergence import convergence_table
from reports.tables.front import estimates_table, front_history, front_table, front_volume, is_measured, knee_id

SEARCH, RANDOM, UNIFORM = Origin.SEARCH, Origin.RANDOM, Origin.UNIFORM


class Snapshot:
    """The data of a run; nothing may be added to the run meanwhile.

    Args:
        run: The run.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    @cached_property
    def facts(self) -> Facts:
        """All facts."""
        return self.run.facts()

    @cached_property
    def front(self) -> pd.DataFrame:
        """See :func:`reports.tables.front.front_table`."""
        return front_table(self.run)

    @cached_property
    def random_front(self) -> pd.DataFrame:
        """The front of the random networks beside the search, if its errors mean what they mean on the search's."""
        front = front_table(self.run, origin=RANDOM)
        return front if is_measured(self.run, RANDOM) == is_measured(self.run) else front[:0]

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """Networks of the search that were not measured, where others were."""
        return estimates_table(self.run)

    @cached_property
    def knee(self) -> int | None:
        """Id of the knee; None of an empty front."""
        return knee_id(self.run, self.front) if len(self.front) else None

    @cached_property
    def history(self) -> pd.DataFrame:
        """See :func:`reports.tables.front.front_history`."""
        return front_history(self.run)

    @cached_property
    def convergence(self) -> pd.DataFrame:
        """See :func:`reports.tables.convergence.convergence_table`."""
        return convergence_table(self.run)

    @cached_property
    def trainings(self) -> pd.DataFrame:
        """Trainings from scratch."""
        return self.run.trainings()

    @property
    def searched_volumes(self) -> dict[str, float]:
        """The hypervolume that each origin ends at, by the errors that the search went by."""
        return dict(zip(self.convergence["origin"], self.convergence["hypervolume"].astype(float), strict=True))

    @cached_property
    def delivered_volumes(self) -> dict[str, float]:
        """The hypervolume of each origin's measured front; none where nothing was measured."""
        volumes = {str(origin): front_volume(self.run, origin=origin) for origin in (SEARCH, RANDOM, UNIFORM)}
        return {origin: volume for origin, volume in volumes.items() if volume is not None}
