"""All that a run knows of its networks: costs, scores, measured errors; and the errors that follow from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from evonas.evaluation.estimated import LADDER_COSTS, costs_of
from evonas.run.problems.network_problem import NetworkProblem
from objectives import Fidelity
from reports.run_folder.facts import EstimateFacts, Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import Belief, Evaluation, NetworkScore
from surrogates.ladder.ladder import Ladder, Scored, fit_ladder

RUNGS = (Fidelity.INHERITED, Fidelity.BRIEF)  # the least accurate first


class Knowledge:
    """What is known by now, of one search stage.

    Args:
        run: Where from.
        problem: Space and images.
        stage: Scores by another supernet do not count.
        scores: What networks were seen to reach: all of it, or what was known at some time.
    """

    def __init__(self, run: RunFolder, problem: NetworkProblem, *, stage: int, scores: Iterable[NetworkScore]) -> None:
        self.problem, self.stage = problem, stage
        self.n_images, self.chance = problem.heldout_images, problem.chance
        self._trained_at = stage if problem.config.training.initial_weights == "inherited" else 0
        self.rows: dict[str, Evaluation] = {}
        self.origins: dict[str, set[str]] = {}
        self._losses: dict[str, dict[str, float]] = {}
        self._errors: dict[str, float] = {}
        self.failed: set[str] = set()
        for row in run.rows():
            if row.is_ok and row.stage == stage:
                known = self.rows.get(row.genome)
                if known is None or len(known.values) < len(row.values):  # of anchors, latency is not measured
                    self.rows[row.genome] = row
                self.origins.setdefault(row.genome, set()).add(row.origin)
                if not Fidelity(row.fidelity).is_measured:
                    self._losses.setdefault(row.genome, {})[row.fidelity] = row.values["scored_loss"]
        self.learn(scores)

    def learn(self, scores: Iterable[NetworkScore]) -> None:
        """Take in what networks were seen to reach."""
        for score in scores:
            of_stage = {Fidelity.INHERITED: self.stage, Fidelity.TRAINED: self._trained_at}
            if score.stage != of_stage.get(Fidelity(score.fidelity), score.stage):
                continue
            if score.quality is None or score.loss is None:
                self.failed.add(score.genome)
            elif score.fidelity == Fidelity.TRAINED:
                self._errors[score.genome] = score.quality
            else:
                self._losses.setdefault(score.genome, {})[score.fidelity] = score.loss

    def error(self, genome: str) -> float | None:
        """What was measured of a network, by the run's quality measure; None if it was not trained."""
        return self._errors.get(genome)

    def has_score(self, genome: str, fidelity: str) -> bool:
        """Whether a network has a score of this fidelity."""
        return fidelity in self._losses.get(genome, {})

    def scored(self, genome: str) -> Scored:
        """A network as the ladder sees it."""
        losses, genes = self._losses.get(genome, {}), tuple(map(int, genome.split("-")))
        is_chosen = Origin.ANCHOR not in self.origins[genome]
        return Scored(costs_of(self.rows[genome].values), losses, self._errors.get(genome), genes, is_chosen)

    def ladder(self, *, taught_by: Collection[str] | None = None) -> Ladder:
        """What scores are worth.

        Args:
            taught_by: Origins of the networks that teach; by default all.
        """
        genomes = [
            genome
            for genome, origins in self.origins.items()
            if genome in self._errors and (taught_by is None or origins & set(taught_by))
        ]
        known = {rung for losses in self._losses.values() for rung in losses}
        is_brief = self.problem.config.estimate.method == "short-training"
        rungs = [rung for rung in RUNGS if rung in known] or [Fidelity.BRIEF if is_brief else Fidelity.INHERITED]
        world = {"n_costs": len(LADDER_COSTS), "n_images": self.n_images}
        return fit_ladder([self.scored(genome) for genome in genomes], order=rungs, chance=self.chance, **world)

    def beliefs(self, ladder: Ladder) -> dict[str, Belief]:
        """The error of every network that was evaluated: measured, or estimated from its best score."""
        found = {
            genome: Belief(Fidelity.TRAINED, error) for genome, error in self._errors.items() if genome in self.rows
        }
        rest = [genome for genome in self.rows if genome not in found]
        networks = [self.scored(genome) for genome in rest]
        estimates = ladder.estimate(networks)
        for genome, network, *values in zip(rest, networks, *estimates[:3], strict=True):
            error, low, high = map(float, values)
            rung = ladder.best_rung(network)
            if rung is not None:
                found[genome] = Belief(Fidelity(rung), error, low, high)
        return found


def facts_of(ladder: Ladder) -> dict[Fidelity, EstimateFacts]:
    """What reports say of a ladder."""
    return {Fidelity(name): _facts(*quality) for name, quality in ladder.qualities.items()}


def store_beliefs(run: RunFolder, knowledge: Knowledge) -> None:
    """Fit estimates to all that was measured, and store what follows for every network."""
    ladder = knowledge.ladder()
    run.believe(knowledge.beliefs(ladder))
    run.store(estimates=facts_of(ladder))


def measured(knowledge: Knowledge, origins: Collection[str], names: Collection[str]) -> list[str]:
    """Networks of some origins that were trained by the whole recipe; of the anchors those with all these measures."""
    wanted = {*origins, Origin.ANCHOR}
    return [
        genome
        for genome, found in knowledge.origins.items()
        if found & wanted
        and knowledge.error(genome) is not None
        and all(name in knowledge.rows[genome].values for name in names)
    ]


def points(knowledge: Knowledge, genomes: Sequence[str], errors: Iterable[float], names: Sequence[str]) -> np.ndarray:
    """Objectives of networks with these errors, ``(n, n_objectives)``."""
    quality = knowledge.problem.measures.quality
    rows = [knowledge.rows[genome].values for genome in genomes]
    return np.array(
        [[error if name == quality else row[name] for name in names] for row, error in zip(rows, errors, strict=True)],
        dtype=float,
    ).reshape(len(genomes), len(names))


def _facts(n: int, is_used: bool, factor: float, within: float, tau: float) -> EstimateFacts:
    numbers = {"factor": factor, "within": within, "tau": tau}
    return EstimateFacts(n=n, is_used=is_used, **{name: value for name, value in numbers.items() if np.isfinite(value)})
