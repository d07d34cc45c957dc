"""Values that are looked up in a table of results, or computed by a function of the user's: nothing is trained."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from evonas.errors import in_a_line
from evonas.evaluation.estimator import Estimator, EvaluationPolicy
from evonas.evaluation.job import OUT_OF_TIME, Job, Outcome, checked
from evonas.evaluation.workers.limits import TimeIsUpError, time_limit
from evonas.evaluation.workers.workers import ALONE
from evonas.spaces import TableSpace
from evonas.spaces.genome import Genome


@dataclass(frozen=True)
class TableJob(Job):
    """One look-up.

    Attributes:
        space: The table.
        genome: In canonical form.
        seconds: Seconds after which it has failed; 0: no limit.
    """

    space: TableSpace
    genome: Genome
    seconds: float = 0.0

    def run(self, payload: Any = None) -> Outcome:
        """See :class:`Job`."""
        del payload
        start = time.perf_counter()
        try:
            with time_limit(self.seconds):
                outcome = evaluate_table(self.space, self.genome)
        except TimeIsUpError:
            outcome = Outcome({}, OUT_OF_TIME)
        return outcome._replace(seconds=time.perf_counter() - start)


def evaluate_table(space: TableSpace, genome: Genome) -> Outcome:
    """What a table says of a genome; a row that is missing, or not finite, is a failure with its reason."""
    try:
        found = space.look_up(genome)
        values = {name: float(found[name]) for name in space.objectives if name in found}
    except (Exception, SystemExit) as error:  # the user's code
        return Outcome({}, in_a_line(error))
    return checked(values, space.objectives)


class TableEstimator(Estimator):
    """Looks values up, in workers if that is slow.

    Args:
        space: The table.
        policy: Who evaluates, with what time limit, and how many retries.
    """

    def __init__(self, space: TableSpace, policy: EvaluationPolicy) -> None:
        self.space, self.policy = space, policy if space.is_slow else replace(policy, workers=ALONE)

    def job(self, genome: Genome) -> TableJob:
        """See :class:`Estimator`."""
        return TableJob(self.space, genome, self.policy.seconds_per_network)
