"""Whole trainings, each kept as soon as it is done, with the processor seconds that it and its choice took."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from evonas.evaluation.scoring_context import WorkerPayload
from evonas.evaluation.whole_training import WholeTraining
from evonas.files import write_atomically
from evonas.run.problems.network_problem import NetworkProblem
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import Genome
from evonas.training.network_training import n_steps
from fronts.clock import processor_seconds
from objectives import OBJECTIVES

Row = dict[str, Any]
COUNTED = ("model_size", "bitops")


def costs_of(space: NetworkSpace, genome: Genome) -> dict[str, float]:
    """Bytes and BitOPs of a network."""
    layers, found = space.decode(genome).layers, {}
    for name in COUNTED:
        measure = OBJECTIVES[name].measure
        assert measure is not None
        found[name] = float(measure(layers))
    return found


class Ledger:
    """Trains networks by the whole recipe, and keeps what comes of it in a file of JSON lines, and the weights.

    Args:
        folder: Made if it is not there.
        problem: Images and recipe; its seed is that of every training.

    Attributes:
        rows: All that was proposed, in order: ``name``, ``error`` on the held-out images, costs, ``weights``,
            ``seconds`` of the processor for the choice and the training, ``wall``.
        known: The first row of each network.
    """

    def __init__(self, folder: Path, problem: NetworkProblem) -> None:
        self.folder, self.problem = folder, problem
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "trainings.jsonl"
        self.rows: list[Row] = lines_of(self.path)
        self.known: dict[str, Row] = {}
        for row in self.rows:
            self.known.setdefault(row["name"], row)
        self._steps = n_steps(problem.config.training, len(problem.dataset.train))
        # a name that no run folder has, so that images and recipe are taken from here
        self._payload = WorkerPayload(f"benchmark {folder.resolve()}", problem.config, problem.dataset, b"")
        self.charge_from_now()

    @property
    def seconds(self) -> float:
        """Processor seconds used by all rows."""
        return float(sum(row["seconds"] for row in self.rows))

    def charge_from_now(self) -> None:
        """Begin to count for the next row: what was done since the last one is not charged."""
        self._marks = processor_seconds(), time.perf_counter()

    def train(self, name: str, space: NetworkSpace, genome: Genome, **facts: Any) -> Row:
        """Train a network unless it is known, and charge for it and for all since the last row.

        Args:
            name: What identifies it.
            space: That it is from.
            genome: Repaired.
            facts: More that the row is to hold.
        """
        row = self.known.get(name)
        if row is None:
            row = {"name": name, **self._trained(name, space, genome)}
        before = self._marks
        self.charge_from_now()
        spent = {"seconds": self._marks[0] - before[0], "wall": self._marks[1] - before[1]}
        row = {**row, **facts, **spent, "is_repeated": name in self.known}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)
        self.known.setdefault(name, row)
        return row

    def _trained(self, name: str, space: NetworkSpace, genome: Genome) -> Row:
        checkpoint = self.folder / "none" / "checkpoint.safetensors"  # a training that was stopped begins again
        outcome = WholeTraining(self.folder, None, space, genome, checkpoint).run(self._payload)
        row: Row = {"error": None, "reason": outcome.reason, "weights": "", "sha256": "", **costs_of(space, genome)}
        if outcome.score is not None:
            row["weights"] = f"nets/{hashlib.sha256(name.encode()).hexdigest()[:16]}.safetensors"
            row["sha256"] = hashlib.sha256(outcome.weights).hexdigest()
            row["error"] = outcome.score.error
            write_atomically(self.folder / row["weights"], outcome.weights)
        return row


def lines_of(path: Path) -> list[Row]:
    """Rows of a file of JSON lines; a last line that was cut off is removed from it."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        write_atomically(path, whole.encode())
    return [json.loads(line) for line in whole.splitlines()]
