"""Train networks by the whole recipe on the training images, measure them on held-out ones, keep what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from evonas.evaluation.job import TRANSIENT
from evonas.evaluation.scoring_context import Checkpoint, build_payload, run_identity
from evonas.evaluation.whole_training import TrainingOutcome, WholeTraining, lost_training, run_training
from evonas.evaluation.workers.backend import Broadcast
from evonas.evaluation.workers.pool import map_in_order
from evonas.evaluation.workers.workers import Workers
from evonas.files import write_atomically
from evonas.run.problems.network_problem import NetworkProblem
from evonas.spaces.genome import from_text
from evonas.training.hardware import resolve_hardware
from evonas.training.network_training import n_steps
from objectives import Fidelity
from objectives.held_out import quality_value
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import NetworkScore
from surrogates.ladder.rung import Estimates


class Trainer:
    """Trains networks of a run; what it holds already is not trained again.

    Args:
        run: The folder; scores go into its archive, weights into ``nets/search``.
        problem: Space, images and recipe.
        supernet: Whose weights trainings start from, if the recipe says so; None if there is none.
        stage: Of that supernet.

    Attributes:
        known: Scores of what was trained, by genome.
    """

    def __init__(self, run: RunFolder, problem: NetworkProblem, *, supernet: Checkpoint | None, stage: int) -> None:
        self.run, self.problem = run, problem
        inherits = problem.config.training.initial_weights == "inherited"
        self.supernet, self.stage = (supernet, stage) if inherits else (None, 0)
        self.steps = n_steps(problem.config.training, len(problem.dataset.train))
        key = run_identity(run.path.resolve()), self.supernet
        self._broadcast = Broadcast(key, partial(build_payload, run.path.resolve(), self.supernet))
        self.known = {
            one.genome: one for one in run.scores() if one.fidelity == Fidelity.TRAINED and one.stage == self.stage
        }

    def train(self, genomes: Sequence[str], *, estimates: Estimates | None = None) -> Iterator[NetworkScore]:
        """Train networks side by side.

        Args:
            genomes: In text form.
            estimates: What is expected of each; stored beside what is measured.

        Yields:
            The score of each, once it is stored, in the order given.
        """
        fresh = [genome for genome in genomes if genome not in self.known]
        policy = Workers.of(self.problem.config.compute).at_most(len(fresh))
        (self.run.path / "nets" / "search").mkdir(parents=True, exist_ok=True)
        jobs = [(self._job(genome),) for genome in fresh]
        outcomes = map_in_order(run_training, jobs, workers=policy, on_loss=lost_training, broadcast=self._broadcast)
        for index, genome in enumerate(genomes):
            if genome not in self.known:
                expected = [float(column[index]) for column in estimates[:3]] if estimates else [None] * 3
                self.known[genome] = score = self._score(genome, self._retried(genome, next(outcomes)), *expected)
                self.run.append_score(score)
                self._path(genome, "unfinished.safetensors").unlink(missing_ok=True)
            yield self.known[genome]

    def _retried(self, genome: str, outcome: TrainingOutcome) -> TrainingOutcome:
        """The same, or what came of another try, if it failed for a reason that may have passed."""
        for _ in range(self.problem.config.estimate.retries):
            if not outcome.reason.startswith(TRANSIENT):
                break
            workers = Workers.of(self.problem.config.compute).at_most(1)
            again = map_in_order(
                run_training,
                [(self._job(genome),)],
                workers=workers,
                on_loss=lost_training,
                broadcast=self._broadcast,
            )
            outcome = next(again)
        return outcome

    def _job(self, genome: str) -> WholeTraining:
        space = self.problem.space
        return WholeTraining(
            self.run.path.resolve(),
            self.supernet,
            space,
            from_text(genome, space.genes),
            self._path(genome, "unfinished.safetensors").resolve(),
        )

    def _score(
        self, genome: str, outcome: TrainingOutcome, expected: float | None, low: float | None, high: float | None
    ) -> NetworkScore:
        path = self._path(genome, "safetensors")
        if outcome.weights:
            write_atomically(path, outcome.weights)
        return NetworkScore(
            genome,
            Fidelity.TRAINED,
            self.stage,
            self.steps,
            self._recipe(genome),
            quality=quality_value(self.problem.measures.quality, outcome.score.confusion) if outcome.score else None,
            loss=outcome.score.loss if outcome.score else None,
            reason=outcome.reason,
            seconds=outcome.seconds,
            expected=expected,
            expected_low=low,
            expected_high=high,
            weights=path.relative_to(self.run.path).as_posix() if outcome.weights else "",
            sha256=hashlib.sha256(outcome.weights).hexdigest() if outcome.weights else "",
            warnings=json.dumps(outcome.warnings),
            confusion=json.dumps(outcome.score.confusion) if outcome.score else "",
        )

    def _path(self, genome: str, suffix: str) -> Path:
        name = hashlib.sha256(f"{self.stage} {genome}".encode()).hexdigest()[:12]
        return self.run.path / "nets" / "search" / f"{name}.{suffix}"

    def _recipe(self, genome: str) -> str:
        space, config = self.problem.space, self.problem.config
        settled = resolve_hardware(config, space.decode(from_text(genome, space.genes)), steps=self.steps)
        origin = {"supernet": self.supernet.sha256[:12]} if self.supernet else {}
        return settled.training.full_recipe(device=settled.compute.device, **origin)
