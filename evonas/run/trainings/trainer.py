"""Train networks by the whole recipe on the training images, measure them on held-out ones, keep what comes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

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
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import NetworkScore
from surrogates.ladder.rung import Estimates
from surrogates.one_shot.score import Score

SHARES = (0.25,)  # of a whole training, after which it is measured on the way, and may be stopped


class Trainer:
    """Trains networks of a run; what it holds already is not trained again.

    Args:
        run: The folder; scores go into its archive, weights into ``nets``.
        problem: Space, images and recipe.
        supernet: Whose weights trainings start from; None for random ones.
        stage: Of that supernet.
    """

    def __init__(self, run: RunFolder, problem: NetworkProblem, *, supernet: Checkpoint | None, stage: int) -> None:
        self.run, self.problem = run, problem
        inherits = problem.config.training.initial_weights == "inherited"
        self.supernet, self.stage = (supernet, stage) if inherits else (None, 0)
        self.steps = n_steps(problem.config.training, len(problem.dataset.train))
        self.marks = tuple(sorted({max(1, round(share * self.steps)) for share in SHARES} - {self.steps}))
        key = run_identity(run.path.resolve()), self.supernet
        self._broadcast = Broadcast(key, partial(build_payload, run.path.resolve(), self.supernet))
        self._known = {(one.genome, one.steps): one for one in run.scores() if one.stage == self.stage}

    def train(
        self, genomes: Sequence[str], *, until: int | None = None, estimates: Estimates | None = None
    ) -> Iterator[NetworkScore]:
        """Train networks side by side.

        Args:
            genomes: In text form.
            until: Steps after which to stop for now; by default they are trained to the end.
            estimates: What is expected of each; stored beside what is measured.

        Yields:
            The last score of each, once it is stored, in the order given.
        """
        end = until or self.steps
        fresh = [genome for genome in genomes if (genome, end) not in self._known]
        policy = Workers.of(self.problem.config.compute).at_most(len(fresh))
        jobs = [(self._job(genome, end),) for genome in fresh]
        outcomes = map_in_order(run_training, jobs, workers=policy, on_loss=lost_training, broadcast=self._broadcast)
        for index, genome in enumerate(genomes):
            if (genome, end) not in self._known:
                expected = () if estimates is None else tuple(float(column[index]) for column in estimates[:3])
                self._store(genome, end, next(outcomes), expected=expected)
            yield self._known[genome, end]

    def _job(self, genome: str, end: int) -> WholeTraining:
        space = self.problem.space
        before = [at for at in self.marks if at < end and (genome, at) in self._known]
        checkpoint = self.run.path / self._known[genome, before[-1]].weights if before else None
        return WholeTraining(
            self.run.path.resolve(),
            self.supernet,
            space,
            from_text(genome, space.genes),
            self.steps,
            until=end,
            marks=[at for at in self.marks if at < end and at not in before],
            checkpoint=checkpoint.read_bytes() if checkpoint is not None and checkpoint.is_file() else b"",
        )

    def _store(self, genome: str, end: int, outcome: TrainingOutcome, *, expected: Sequence[float]) -> None:
        found: dict[int, Score | None] = dict(outcome.scores)
        found.setdefault(end, None)  # it failed
        for steps, score in found.items():
            self._known[genome, steps] = known = self._score(genome, steps, score, outcome, end=end, expected=expected)
            self.run.append_score(known)
        if end == self.steps:
            self._path(genome, is_whole=False).unlink(missing_ok=True)

    def _score(
        self,
        genome: str,
        steps: int,
        found: Score | None,
        outcome: TrainingOutcome,
        *,
        end: int,
        expected: Sequence[float],
    ) -> NetworkScore:
        score = NetworkScore(
            genome,
            Fidelity.TRAINED if steps == self.steps else Fidelity.PARTIAL,
            self.stage,
            steps,
            self._recipe(genome),
            error=None if found is None else found.error,
            loss=None if found is None else found.loss,
            reason=outcome.reason,
        )
        if steps < end:
            return score
        path, sha256 = self._keep(genome, outcome.content, is_whole=steps == self.steps)
        error, low, high = expected if steps == self.steps and expected else (None, None, None)
        return replace(
            score,
            seconds=outcome.seconds,
            expected=error,
            expected_low=low,
            expected_high=high,
            weights=path,
            sha256=sha256,
            warnings=json.dumps(outcome.warnings),
        )

    def _keep(self, genome: str, content: bytes, *, is_whole: bool) -> tuple[str, str]:
        """Path within the run folder and hash of weights, or of a checkpoint; nothing of a training that failed."""
        if not content:
            return "", ""
        path = self._path(genome, is_whole=is_whole)
        write_atomically(path, content)
        return path.relative_to(self.run.path).as_posix(), hashlib.sha256(content).hexdigest()

    def _path(self, genome: str, *, is_whole: bool) -> Path:
        name = hashlib.sha256(f"{self.stage} {genome}".encode()).hexdigest()[:12]
        return self.run.path / "nets" / "search" / f"{name}{'' if is_whole else '.unfinished'}.safetensors"

    def _recipe(self, genome: str) -> str:
        space, config = self.problem.space, self.problem.config
        settled = resolve_hardware(config, space.decode(from_text(genome, space.genes)), steps=self.steps)
        origin = {"supernet": self.supernet.sha256[:12]} if self.supernet else {}
        return settled.training.full_recipe(device=settled.compute.device, **origin)
