"""The trainings after a search: what promises most for the front is trained, estimates learn, the next is chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from evonas.algorithms.acquisition import Candidates, choose
from evonas.evaluation.estimator import Estimator
from evonas.progress import Observer
from evonas.run.problems.network_problem import NetworkProblem
from evonas.run.trainings.anchors import anchor_scores
from evonas.run.trainings.knowledge import Knowledge, measured, points
from evonas.run.trainings.scoring import score_all
from evonas.run.trainings.trainer import Trainer
from objectives import Fidelity
from objectives.fronts.pareto import is_nondominated
from objectives.fronts.scaling import Scaling
from reports.run_folder.facts import Origin
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import NetworkScore
from surrogates.ladder.rung import Estimates

FINEST = 2  # wrong held-out images: fewer are luck, and no reason to train one network rather than another
BEGUN = 2  # brief trainings for each whole one
ROUND = 4  # networks that are chosen at a time, whatever the number of workers, so that it changes no results


class LastPart:
    """Trains the most promising networks of a run by the whole recipe.

    Args:
        run: The folder.
        problem: Space, images and settings.
        brief: Trains for a short while, to tell which of twice as many networks are trained to the end; None: no look
            before that.
        trainer: Trains by the whole recipe.
        stage: The last search stage.
        may_go_on: Whether there is time for another round of the search's own; what it is compared with gets as many.
        observer: Receives progress updates.
    """

    def __init__(
        self,
        run: RunFolder,
        problem: NetworkProblem,
        brief: Estimator | None,
        trainer: Trainer,
        *,
        stage: int,
        may_go_on: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self.run, self.problem, self.brief, self.trainer, self.stage = run, problem, brief, trainer, stage
        self.may_go_on, self.observer = may_go_on, observer
        self.names = problem.measures.objectives
        half_an_image = 0.5 / len(problem.dataset.heldout)
        self._looked_at = {one.genome for one in run.scores() if one.fidelity == Fidelity.BRIEF}
        self.scaling = Scaling(run.scaling.measures, bounds={**run.scaling.bounds, "error": (half_an_image, 1.0)})

    def train(self, origin: Origin, n: int) -> int:
        """Train networks of one origin, by successive halving in two steps: brief trainings, then whole ones.

        Their choice rests on the anchors and on what this origin's own trainings show, so that two origins that are
        compared teach each other nothing.

        Args:
            origin: Whose evaluations are the candidates.
            n: How many trainings.

        Returns:
            How many there were; fewer if no candidate or no time was left.

        References:
            Jamieson 2016, "Non-stochastic best arm identification and hyperparameter optimization", successive halving;
            here those go on whose expected gain in hypervolume is largest.
        """
        knowledge = Knowledge(self.run, self.problem, stage=self.stage, scores=anchor_scores(self.run))
        table = self.run.feasible(origin=origin, columns=["genome"], as_searched=True)
        candidates = table["genome"].drop_duplicates().tolist()
        n, done = self.run.facts().trainings.get(origin, n), 0
        while done < n:
            wanted = min(ROUND, n - done)
            unseen = self._unseen(knowledge, candidates)
            if unseen:
                begun, _ = self._promising(knowledge, unseen, origin, n=BEGUN * wanted)
                if self._is_over(origin, begun, self._looked_at):
                    break
                knowledge.learn(self._look_at(begun, origin))
            chosen, estimates = self._promising(knowledge, self._seen(knowledge, candidates), origin, n=wanted)
            if self._is_over(origin, chosen, self.trainer.known) or not (chosen or unseen):
                break
            self.observer.phase(f"training the best of the {NAMES[origin]}", total=n)
            for score in self.trainer.train(chosen, estimates=estimates):
                knowledge.learn([score])
                done += 1
                self.observer.advance(done)
        self.run.store(trainings={**self.run.facts().trainings, origin: done})
        return done

    def _is_over(self, origin: Origin, genomes: list[str], known: Collection[str]) -> bool:
        """Whether time is up, and something would have to be trained that the archive does not hold."""
        return origin == Origin.SEARCH and not set(genomes) <= set(known) and not self.may_go_on()

    def _unseen(self, knowledge: Knowledge, candidates: list[str]) -> list[str]:
        """Candidates that were not trained for a short while, if that is done at all."""
        if self.brief is None:
            return []
        seen = [*self._seen(knowledge, candidates), *knowledge.failed]
        return [one for one in candidates if one not in set(seen) and knowledge.error(one) is None]

    def _seen(self, knowledge: Knowledge, candidates: list[str]) -> list[str]:
        """Candidates that may be trained to the end."""
        if self.brief is None:
            return candidates
        return [one for one in candidates if knowledge.has_score(one, self.brief.fidelity)]

    def _look_at(self, genomes: list[str], origin: Origin) -> list[NetworkScore]:
        """Train networks for a short while."""
        assert self.brief is not None
        title = f"brief trainings of the {NAMES[origin]}"
        return score_all(self.run, self.problem, genomes, self.brief, stage=0, title=title, observer=self.observer)

    def _promising(
        self, knowledge: Knowledge, candidates: list[str], origin: Origin, *, n: int
    ) -> tuple[list[str], Estimates]:
        """Candidates with the largest expected gain in hypervolume, by logarithms of errors and costs."""
        left = [one for one in candidates if knowledge.error(one) is None and one not in knowledge.failed]
        if not left:
            return [], Estimates(*np.empty((4, 0)))
        estimates = knowledge.ladder(taught_by=(Origin.ANCHOR, origin)).estimate(list(map(knowledge.scored, left)))
        known = measured(knowledge, [origin], self.names)
        errors = [knowledge.error(genome) or 0.0 for genome in known]
        found = self.scaling.log_transform(points(knowledge, known, errors, self.names))
        found = found[is_nondominated(found)]
        means = self.scaling.log_transform(points(knowledge, left, estimates.error, self.names))
        spreads, best = np.zeros_like(means), np.full(means.shape[1], -np.inf)
        error = self.names.index("error")
        spreads[:, error] = estimates.log_sd
        best[error] = np.log(FINEST / len(self.problem.dataset.heldout))
        chosen = choose(found, Candidates(means, spreads), n=n, best=best)
        return [left[index] for index in chosen], Estimates(*(column[chosen] for column in estimates))


NAMES = {Origin.SEARCH: "search", Origin.RANDOM: "random search", Origin.UNIFORM: "uniform networks"}
