"""Errors that a whole training would reach, estimated from cheaper scores, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evonas.evaluation.estimator import Estimator
from evonas.evaluation.job import Job, Outcome
from evonas.spaces.genome import Genome
from surrogates.ladder.ladder import Ladder, Scored

LADDER_COSTS = ("model_size", "macs")  # what estimates look at besides scores


class Estimated(Estimator):
    """Turns the scores of another estimator into estimates; the scores stay as ``scored_NAME`` and ``scored_loss``.

    Args:
        estimator: The other one; its fidelity is the rung.
        ladder: What scores are worth.
        quality: What counts as error, by name.
    """

    def __init__(self, estimator: Estimator, ladder: Ladder, *, quality: str = "error") -> None:
        self.estimator, self.ladder, self.quality = estimator, ladder, quality
        self.policy, self.broadcast, self.fidelity = estimator.policy, estimator.broadcast, estimator.fidelity

    def job(self, genome: Genome) -> Job:
        """See :class:`Estimator`."""
        return self.estimator.job(genome)

    def finish(self, genome: Genome, outcome: Outcome) -> Outcome:
        """See :class:`Estimator`."""
        found = self.estimator.finish(genome, outcome).values
        genes = tuple(map(int, genome))
        network = Scored(costs_of(found), {self.fidelity: found["scored_loss"]}, genes=genes, is_chosen=True)
        error, low, high, _ = (float(column[0]) for column in self.ladder.estimate([network]))
        name = self.quality
        return outcome._replace(values={**found, name: error, f"{name}_low": low, f"{name}_high": high})


def costs_of(values: Mapping[str, float], names: Sequence[str] = LADDER_COSTS) -> tuple[float, ...]:
    """What estimates look at, from all that is counted of a network; a network without MACs has one."""
    return tuple(max(float(values[name]), 1.0) for name in names)
