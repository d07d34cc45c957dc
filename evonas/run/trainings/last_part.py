"""The trainings after a search: what promises most for the front is trained, estimates learn, the next is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from evonas.algorithms.acquisition import choose
from evonas.algorithms.purchases import Purchases
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
ROUND = 4  # networks that are chosen at a time, whatever the number of workers, so that it changes no results
MOST_BRIEF = 2  # brief trainings for each whole one that is asked for: what they tell may be overrated
TIME_EXPONENT = 0.37  # of MACs, for the time of a training: 0.29 to 0.44 in fifteen searches on two data sets


class Brief(NamedTuple):
    """Trainings that only tell which networks are worth a whole one."""

    estimator: Estimator
    share: float
    """Of a whole training's steps."""


class Bought(NamedTuple):
    """What is trained next."""

    whole: list[str]
    estimates: Estimates
    """Of those that are trained by the whole recipe."""
    brief: list[str]


class LastPart:
    """Trains the most promising networks of a run by the whole recipe.

    Args:
        run: The folder.
        problem: Space, images and settings.
        brief: Trains for a short while, where that tells enough for its time; None: there are whole trainings only.
        trainer: Trains by the whole recipe.
        stage: The last search stage.
        may_go_on: Whether there is time for another round of the search's own; what it is compared with gets as many.
        observer: Receives progress updates.
    """

    def __init__(
        self,
        run: RunFolder,
        problem: NetworkProblem,
        brief: Brief | None,
        trainer: Trainer,
        *,
        stage: int,
        may_go_on: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self.run, self.problem, self.brief, self.trainer, self.stage = run, problem, brief, trainer, stage
        self.may_go_on, self.observer = may_go_on, observer
        self.names = problem.measures.objectives
        self.quality, self.n_images = problem.measures.quality, problem.heldout_images
        self._looked_at = {one.genome for one in run.scores() if one.fidelity == Fidelity.BRIEF}
        half_an_image = 0.5 / self.n_images
        self.scaling = Scaling(run.scaling.measures, bounds={**run.scaling.bounds, self.quality: (half_an_image, 1.0)})

    def train(self, origin: Origin, n: int) -> int:
        """Train networks of one origin: brief trainings and whole ones, by what they add to the front in their time.

        Their choice rests on the anchors and on what this origin's own trainings show, so that two origins that are
        compared teach each other nothing.

        Args:
            origin: Whose evaluations are the candidates.
            n: How many whole trainings.

        Returns:
            How many there were; fewer if no candidate or no time was left.
        """
        knowledge = Knowledge(self.run, self.problem, stage=self.stage, scores=anchor_scores(self.run))
        table = self.run.feasible(origin=origin, columns=["genome"], as_searched=True)
        candidates = table["genome"].drop_duplicates().tolist()
        brief_left = MOST_BRIEF * n
        n, done = self.run.facts().trainings.get(origin, n), 0
        while done < n:
            bought = self._bought(knowledge, candidates, origin, n=min(ROUND, n - done), n_brief=brief_left)
            brief_left -= len(bought.brief)
            if not (bought.whole or bought.brief) or self._is_over(origin, bought):
                break
            if bought.brief:
                knowledge.learn(self._look_at(bought.brief, origin))
            self.observer.phase(f"training the best of the {NAMES[origin]}", total=n)
            for score in self.trainer.train(bought.whole, estimates=bought.estimates):
                knowledge.learn([score])
                done += 1
                self.observer.advance(done)
        self.run.store(trainings={**self.run.facts().trainings, origin: done})
        return done

    def _is_over(self, origin: Origin, bought: Bought) -> bool:
        """Whether time is up, and something would have to be trained that the archive does not hold."""
        is_held = set(bought.whole) <= set(self.trainer.known) and set(bought.brief) <= self._looked_at
        return origin == Origin.SEARCH and not is_held and not self.may_go_on()

    def _look_at(self, genomes: list[str], origin: Origin) -> list[NetworkScore]:
        """Train networks for a short while."""
        assert self.brief is not None
        title = f"brief trainings of the {NAMES[origin]}"
        brief = self.brief.estimator
        return score_all(self.run, self.problem, genomes, brief, stage=0, title=title, observer=self.observer)

    def _bought(self, knowledge: Knowledge, candidates: list[str], origin: Origin, *, n: int, n_brief: int) -> Bought:
        """What is expected to add most hypervolume in its time, by logarithms of errors and costs.

        At most ``n`` trainings, and brief ones only while ``n_brief`` of them are left.
        """
        left = [one for one in candidates if knowledge.error(one) is None and one not in knowledge.failed]
        if not left:
            return Bought([], Estimates(*np.empty((4, 0))), [])
        ladder = knowledge.ladder(taught_by=(Origin.ANCHOR, origin))
        estimates = ladder.estimate(list(map(knowledge.scored, left)))
        told, share = np.zeros(len(left)), 0.0
        if self.brief is not None and n_brief >= n:
            name, share = self.brief.estimator.fidelity, self.brief.share
            has_brief = np.array([knowledge.has_score(one, name) for one in left])
            told = np.where(has_brief, 0.0, ladder.told_by(name, estimates))
        whole, brief = np.arange(len(left)), np.flatnonzero(told > 0)
        networks = np.concatenate([whole, brief])
        error, best = self.names.index(self.quality), np.full(len(self.names), -np.inf)
        best[error] = np.log(FINEST / self.n_images)
        means = self.scaling.log_transform(points(knowledge, left, estimates.error, self.names))
        by_error = np.eye(len(self.names))[error]
        times = np.array([knowledge.rows[one].values["macs"] for one in left]).clip(1.0) ** TIME_EXPONENT
        purchases = Purchases(
            means[networks],
            estimates.log_sd[networks, None] * by_error,
            times=times[networks],
            brief_times=np.concatenate([np.zeros(len(whole)), share * times[brief]]),
            told_by_brief=told[networks, None] * by_error,
        )
        chosen = choose(self._front(knowledge, origin), purchases, n=n, best=best, networks=networks.tolist())
        trained = [index for index in chosen if index < len(whole)]
        looked_at = [left[networks[index]] for index in chosen if index >= len(whole)]
        return Bought([left[index] for index in trained], Estimates(*(one[trained] for one in estimates)), looked_at)

    def _front(self, knowledge: Knowledge, origin: Origin) -> np.ndarray:
        """What was measured so far, by logarithms."""
        known = measured(knowledge, [origin], self.names)
        errors = [knowledge.error(genome) or 0.0 for genome in known]
        found = self.scaling.log_transform(points(knowledge, known, errors, self.names))
        return found[is_nondominated(found)]


NAMES = {Origin.SEARCH: "search", Origin.RANDOM: "random search", Origin.UNIFORM: "uniform networks"}
