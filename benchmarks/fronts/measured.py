"""What a contender trained, its front by the held-out images, and what that front reaches on the test set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evonas.nets.network import Network
from evonas.nets.weights import load_weights
from evonas.run.problems.network_problem import NetworkProblem
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import Genome, from_text
from evonas.training.hardware import one_thread
from evonas.training.network_training import as_exported
from fronts.contenders import EVONAS, HALF, RANDOM, RUN, trained
from fronts.ledger import Row, costs_of, lines_of
from fronts.proposals import FAMILIES, family_member
from fronts.tasks import TOLD, Task
from objectives.fronts.pareto import is_nondominated
from reports.run_folder.folder import RunFolder

TESTED = "tested.jsonl"


def networks_of(name: str, task: Task, seed: int, state: Path) -> list[Row]:
    """Every network that a contender trained, once: name, held-out error, costs, place and hash of its weights."""
    folder = task.folder(state, seed) / name
    if name in (EVONAS, HALF, RANDOM):
        space = task.problem(seed).space
        return [
            {
                "name": score.genome,
                "error": score.quality,
                "weights": f"{RUN}/{score.weights}",
                "sha256": score.sha256,
                **costs_of(space, from_text(score.genome, space.genes)),
            }
            for score in trained(RunFolder(folder / RUN))
        ]
    rows = [row for row in lines_of(folder / "trainings.jsonl") if row["error"] is not None and not row["is_repeated"]]
    return [{key: row[key] for key in ("name", "weights", "sha256", *TOLD)} for row in rows]


def points_of(networks: Sequence[Row], names: Sequence[str]) -> NDArray[np.float64]:
    """Values by name, ``(n, n_names)``."""
    return np.array([[row[name] for name in names] for row in networks], dtype=float).reshape(-1, len(names))


def front_of(networks: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The networks that no other dominates in these."""
    is_best = is_nondominated(points_of(networks, names))
    return [row for row, is_kept in zip(networks, is_best, strict=True) if is_kept]


def with_test_errors(name: str, networks: Sequence[Row], task: Task, seed: int, *, state: Path) -> list[Row]:
    """The same rows, those of the front with a ``test_error``: of the weights that the held-out images chose.

    The front is that of all three objectives, and of error and size alone. Each network is measured once.
    """
    folder = task.folder(state, seed) / name
    fronts = [*front_of(networks, TOLD), *front_of(networks, TOLD[:2])]
    known = {row["name"]: row["test_error"] for row in lines_of(folder / TESTED)}
    fresh = {row["name"]: row for row in fronts if row["name"] not in known}
    problem = task.problem(seed) if fresh else None
    for row in fresh.values():
        assert problem is not None
        known[row["name"]] = _test_error(row, problem, folder)
        with (folder / TESTED).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"name": row["name"], "test_error": known[row["name"]]}) + "\n")
    wanted = {row["name"] for row in fronts}
    more: dict[str, dict[str, Any]] = {one: {"test_error": known[one]} for one in wanted}
    return [{**row, **more.get(row["name"], {})} for row in networks]


def _test_error(row: Row, problem: NetworkProblem, folder: Path) -> float:
    space, genome = decoded(row["name"], problem)
    network = Network([space.decode(genome)], generator=torch.Generator())
    load_weights(network, folder / row["weights"], expected=row["sha256"])
    with one_thread():
        again = as_exported(network.eval(), problem.dataset.heldout).error
        one_image = 1.001 / len(problem.dataset.heldout)  # another processor may break a tie of two classes differently
        assert abs(again - row["error"]) < one_image, "weights must give the error that was measured after the training"
        return float(as_exported(network, problem.dataset.test).error)


def decoded(name: str, problem: NetworkProblem) -> tuple[NetworkSpace, Genome]:
    """Space and genome that a name stands for."""
    if name.split(" ", maxsplit=1)[0] in FAMILIES:
        space = family_member(name, problem)
        return space, np.zeros(len(space.genes), dtype=np.int64)
    return problem.space, from_text(name, problem.space.genes)
