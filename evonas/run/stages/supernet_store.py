"""A run's supernets on disk: trained, grown, or taken from disk if they are complete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open

from evonas.errors import RunFileError, RunFolderError
from evonas.evaluation.scoring_context import Checkpoint
from evonas.files import file_hash
from evonas.nets.distributed import leads
from evonas.nets.network import Network
from evonas.nets.weights import START_AGAIN, load_weights, save_weights
from evonas.progress import Observer
from evonas.run.expansion import Expansion
from evonas.run.problems.network_problem import NetworkProblem
from evonas.run.provenance import identity
from evonas.run.stages.search_stage import unlocked
from evonas.run.torchrun import with_helpers
from evonas.spaces import NetworkSpace
from evonas.training.generator import torch_generator
from evonas.training.hardware import device_of, has_gpu
from evonas.training.supernet_training import build_supernet, supernet_steps, train_supernet
from reports.run_folder.folder import RunFolder
from surrogates.one_shot.settling import Probe, taus

SUPERNET = "supernet.safetensors"


def checkpoint_of(stage: int, sha256: str) -> Checkpoint:
    """The supernet of a stage."""
    return Checkpoint(f"supernet.{stage}.safetensors" if stage else SUPERNET, sha256)


class SupernetStore:
    """Makes the supernets of a run; one that is complete is never made again.

    Args:
        run: Where they are stored.
        observer: Receives progress updates.
    """

    def __init__(self, run: RunFolder, observer: Observer) -> None:
        self.run, self.observer = run, observer

    def trained(self, problem: NetworkProblem) -> str:
        """SHA-256 of the first supernet; it is trained now unless it exists.

        Raises:
            RunFolderError: Training cannot be resumed from its checkpoint, or the file there is of another run.
            EvaluationError: The loss is no longer finite.
        """
        return self._kept(0) or self._new_supernet(problem)

    def grown(self, problem: NetworkProblem, *, stage: int, before: NetworkProblem, smaller: Checkpoint) -> str:
        """SHA-256 of the supernet after widths were unlocked: the smaller one with channels added, trained further.

        Args:
            problem: With the space as it is unlocked now.
            stage: That the grown one begins.
            before: With the space as it was.
            smaller: The supernet as it was.
        """
        if known := self._kept(stage):
            return known
        network = build_supernet(before.config, before.space)
        load_weights(network, self.run.path / smaller.file, expected=smaller.sha256)
        generator = torch_generator(problem.config.seed, f"supernet weights of stage {stage}")
        supernet = network.grown(problem.space.covering(), generator=generator)
        self.train(supernet, problem, stage=stage)
        return self._save(supernet, stage)

    def train(self, supernet: Network, problem: NetworkProblem, *, stage: int = 0) -> int:
        """Train a supernet in place; see :func:`evonas.training.supernet_training.train_supernet`."""
        steps = supernet_steps(problem.config.supernet, stage)
        self.observer.phase("training the supernet", total=steps)

        def keep(probes: Sequence[Probe]) -> None:
            self.run.store(probe_taus=taus(probes))

        return train_supernet(
            supernet,
            problem.dataset,
            problem.config,
            space=problem.space,
            device=self._device(problem),
            checkpoint=_unfinished(self.run.path / checkpoint_of(stage, "").file),
            stage=stage,
            on_step=lambda step, loss: self.observer.advance(step, note=f"loss {loss:.2f}"),
            on_probe=keep,
        )

    def _new_supernet(self, problem: NetworkProblem) -> str:
        supernet = build_supernet(problem.config, problem.space)
        with with_helpers(self.run.path, problem.config):
            steps = self.train(supernet, problem)
        self.run.store(supernet_steps=steps)
        return self._save(supernet, 0)

    def _kept(self, stage: int) -> str | None:
        """SHA-256 of a complete supernet, if there is one; it must belong to this run."""
        if known := self.run.facts().supernets.get(stage):
            return known
        path = self.run.path / checkpoint_of(stage, "").file
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                owner = (file.metadata() or {}).get("run")
        except (OSError, SafetensorError) as error:
            raise RunFolderError(f"a supernet of this run at {path}", found=str(error), remedy=START_AGAIN) from error
        if owner != self._identity:
            raise RunFolderError(
                f"a supernet of this run at {path}", found="another run's", remedy="delete that file, then resume"
            )
        return self._enter(path, stage)

    def _save(self, supernet: Network, stage: int) -> str:
        path = self.run.path / checkpoint_of(stage, "").file
        self.run.warn(*supernet.warnings())
        save_weights(supernet, path, facts={"run": self._identity})
        _unfinished(path).unlink(missing_ok=True)
        return self._enter(path, stage)

    def _enter(self, path: Path, stage: int) -> str:
        sha256 = file_hash(path)
        self.run.store(supernets={**self.run.facts().supernets, stage: sha256})
        return sha256

    @property
    def _identity(self) -> str:
        return identity(self.run.facts().started_with)

    def _device(self, problem: NetworkProblem) -> Literal["cpu", "cuda"]:
        """What the run's supernets are trained on: what was chosen when the first of them began."""
        known = self.run.facts().supernet_device
        if known == "cuda" and not has_gpu():
            raise RunFileError(
                f"a GPU, on which the supernet of {self.run.path} was begun",
                found="none that torch can use",
                remedy="resume the run where there is one, or start a new run",
            )
        device: Literal["cpu", "cuda"] = known or device_of(problem.config)  # type: ignore[assignment]
        if known is None and leads():
            self.run.store(supernet_device=device)
        return device


def last_supernet(run: RunFolder, problem: NetworkProblem) -> tuple[Checkpoint, NetworkSpace]:
    """The run's last supernet as it lies on disk, and the space that it covers.

    Raises:
        RunFolderError: The run trained none.
    """
    facts = run.facts()
    stage = max((entry.stage for entry in facts.expansions), default=0)
    sha256 = facts.supernets.get(stage)
    if sha256 is None:
        raise RunFolderError(
            "a run with a supernet, to inherit weights from",
            found=f"none in {run.path}",
            remedy='set initial_weights = "random" under [training]; short training runs leave no weights',
        )
    expansions = [Expansion(one.gene, one.share, one.opens, one.unlocks) for one in facts.expansions]
    space = unlocked(problem.space, expansions)
    assert isinstance(space, NetworkSpace)
    return checkpoint_of(stage, sha256), space


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".unfinished.safetensors")
