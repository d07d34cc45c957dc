"""The interface of what gives genomes their values, and the evaluation of many genomes side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evonas.config.load import RunConfig
from evonas.evaluation.costs import Costs
from evonas.evaluation.job import TRANSIENT, Job, Outcome, lost_outcome, run_job
from evonas.evaluation.workers.backend import Broadcast
from evonas.evaluation.workers.pool import WorkerPool, map_in_order
from evonas.evaluation.workers.workers import ALONE, Workers
from evonas.spaces.genome import Genome, Genomes
from objectives import Fidelity


@dataclass(frozen=True)
class EvaluationPolicy:
    """Who evaluates, with what time limit, and how many retries.

    Attributes:
        workers: Who evaluates.
        seconds_per_network: Seconds after which an evaluation has failed; 0: no limit.
        retries: Further tries of what failed for a transient reason.
    """

    workers: Workers = ALONE
    seconds_per_network: float = 0.0
    retries: int = 0

    @classmethod
    def of(cls, config: RunConfig) -> EvaluationPolicy:
        """The policy of a run file."""
        estimate = config.estimate
        return cls(Workers.of(config.compute), estimate.seconds_per_network, estimate.retries)


class Estimator(ABC):
    """Gives every genome its values; a pure function of the genome, save for measured times.

    Attributes:
        policy: Who evaluates, with what time limit, and how many retries.
        broadcast: Data for workers that may not see this machine's files.
        fidelity: How the errors that it gives are known.
    """

    policy: EvaluationPolicy
    broadcast: Broadcast | None = None
    fidelity: Fidelity = Fidelity.LOOKED_UP

    @abstractmethod
    def job(self, genome: Genome) -> Job:
        """What a worker gets."""

    def finish(self, genome: Genome, outcome: Outcome) -> Outcome:
        """The final outcome, from what a worker found and what is counted; for evaluations that succeeded."""
        del genome
        return outcome

    def pool(self) -> WorkerPool[Outcome]:
        """Workers that take jobs at any time; for a search that waits for no generation."""
        return WorkerPool(run_job, self.policy.workers, on_loss=lost_outcome, broadcast=self.broadcast)


def evaluate(estimator: Estimator, genomes: Genomes, *, costs: Costs) -> Iterator[Outcome]:
    """Outcomes in the order of the genomes, each as soon as it and all before it are there.

    What cannot be counted is not evaluated at all.
    """
    counted = costs.counted(genomes)
    jobs = [estimator.job(genome) for genome, cost in zip(genomes, counted, strict=True) if not cost.reason]
    results = _results(estimator, jobs)
    for genome, cost in zip(genomes, counted, strict=True):
        yield cost if cost.reason else complete(estimator, genome, next(results), cost=cost)


def complete(estimator: Estimator, genome: Genome, outcome: Outcome, *, cost: Outcome) -> Outcome:
    """The final outcome of a job: tried again if its failure was transient, with what was counted added.

    Values that an evaluation finds replace those counted before it.
    """
    for _ in range(estimator.policy.retries):
        if not outcome.reason.startswith(TRANSIENT):
            break  # other failures are deterministic
        outcome = next(_results(estimator, [estimator.job(genome)]))
    if outcome.reason:
        return outcome
    return estimator.finish(genome, outcome._replace(values={**cost.values, **outcome.values}))


def _results(estimator: Estimator, jobs: Sequence[Job]) -> Iterator[Outcome]:
    return map_in_order(
        run_job,
        [(job,) for job in jobs],
        workers=estimator.policy.workers,
        on_loss=lost_outcome,
        broadcast=estimator.broadcast,
    )
