"""Searches without generations: nobody waits, and a resumed one asks its questions again in the archive's order."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from evonas.algorithms.prescreening import Prescreened
from evonas.config.load import RunConfig, parse_config
from evonas.errors import RunFolderError
from evonas.run.engine import resume, search
from evonas.spaces import Problem
from evonas.spaces.genome import to_text
from reports.run_folder.folder import RunFolder
from tests.support.runs import StopAfter

CHOICES = {name: tuple("01234567") for name in "abcdef"}
CALLS: Counter[str] = Counter()


def uneven(chosen: dict[str, str]) -> dict[str, float]:
    CALLS["".join(chosen.values())] += 1
    values = list(map(int, chosen.values()))
    time.sleep(0.001 * (1 + values[0]))
    return {"near": float(sum((value - 2) ** 2 for value in values)), "far": float(60 - sum(values))}


def far(chosen: dict[str, str]) -> dict[str, float]:
    return {"far": 60 - sum(map(int, chosen.values()))}


PROBLEM = Problem(CHOICES, uneven, objectives=["near", "far"], is_slow=True, count=far)


def config(*, workers: int = 4, **changed: object) -> RunConfig:
    raw = {"objectives": ["near", "far"], "population": 8, "predictors": [], "budget": 90, "mode": "asynchronous"}
    return parse_config(
        {
            "search": {**raw, "has_baseline": False, "constraints": {"far": 55}, **changed},
            "compute": {"workers": workers, "backend": "threading"},
        },
        source="tests",
        given_space="Problem",
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished search by four threads. Do not change it."""
    return search(config(), tmp_path_factory.mktemp("asynchronous") / "whole", space=PROBLEM)


def genomes(run: RunFolder) -> list[str]:
    return run.evaluations(origin="search")["genome"].tolist()


def test_every_network_is_evaluated_once_and_the_budget_is_spent(whole: RunFolder) -> None:
    assert len(genomes(whole)) == len(set(genomes(whole))) == 90
    assert whole.facts().in_flight == [(0, 4)]


def test_a_finished_search_asks_its_questions_again_without_any_evaluation(whole: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(whole.path, tmp_path / "again")
    CALLS.clear()
    again = resume(RunFolder(tmp_path / "again"), space=PROBLEM)
    assert not CALLS
    assert genomes(again) == genomes(whole)


@pytest.mark.parametrize("workers", [1, 4, 7])
def test_a_search_that_was_killed_goes_on_with_as_many_workers_as_there_are(
    whole: RunFolder, tmp_path: Path, workers: int
) -> None:
    shutil.copytree(whole.path, tmp_path / "killed")
    with closing(sqlite3.connect(tmp_path / "killed" / "archive.sqlite")) as archive, archive:
        archive.execute("PRAGMA user_version=0")  # no seal, as after a kill
        archive.execute("DELETE FROM evaluations WHERE id > 41")
    CALLS.clear()
    resumed = resume(RunFolder(tmp_path / "killed"), overrides={"compute": {"workers": workers}}, space=PROBLEM)
    assert genomes(resumed)[:41] == genomes(whole)[:41]
    assert len(set(genomes(resumed))) == 90
    assert set(CALLS.values()) == {1}
    assert CALLS.total() == 90 - 41
    CALLS.clear()
    again = resume(RunFolder(tmp_path / "killed"), overrides={"compute": {"workers": 2}}, space=PROBLEM)
    assert genomes(again) == genomes(resumed)
    assert not CALLS


def test_one_worker_is_identical_to_itself_interrupted_or_not(tmp_path: Path) -> None:
    first = search(config(workers=1, budget=50), tmp_path / "first", space=PROBLEM)
    with pytest.raises(KeyboardInterrupt):
        search(config(workers=1, budget=50), tmp_path / "second", space=PROBLEM, observer=StopAfter(33))
    second = resume(RunFolder(tmp_path / "second"), space=PROBLEM)
    assert genomes(first) == genomes(second)
    assert (first.path / "front.csv").read_bytes() == (second.path / "front.csv").read_bytes()


def test_an_archive_that_another_search_wrote_is_refused(whole: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(whole.path, tmp_path / "other")
    with closing(sqlite3.connect(tmp_path / "other" / "archive.sqlite")) as archive, archive:
        stranger = next(text for n in range(8) if (text := f"7-6-5-4-3-{n}") not in genomes(whole))
        archive.execute("PRAGMA user_version=0")  # no seal, as after a kill
        archive.execute("UPDATE evaluations SET genome = ? WHERE id = 40", [stranger])
    with pytest.raises(RunFolderError, match="does not ask for"):
        resume(RunFolder(tmp_path / "other"), space=PROBLEM)


def test_no_worker_waits_for_a_slow_network(tmp_path: Path) -> None:
    """While one network takes as long as all others together, the others go on: a generation would wait for it."""
    begun: list[str] = []
    released: list[int] = []

    def one_is_slow(chosen: dict[str, str]) -> dict[str, float]:
        text = "".join(chosen.values())
        is_first, _ = not begun, begun.append(text)
        while is_first and len(begun) < 60:
            time.sleep(0.001)
        released.append(len(begun))
        values = list(map(int, chosen.values()))
        return {"near": float(sum(values)), "far": float(60 - sum(values))}

    problem = Problem(CHOICES, one_is_slow, objectives=["near", "far"], is_slow=True)
    run = search(config(constraints={}), tmp_path / "run", space=problem)
    assert len(genomes(run)) == 90
    assert genomes(run).index("-".join(begun[0])) >= 55


@pytest.mark.parametrize("algorithm", ["random", "exhaustive"])
def test_other_algorithms_work_so_too(tmp_path: Path, algorithm: str) -> None:
    run = search(config(algorithm=algorithm, budget=30), tmp_path / "run", space=PROBLEM)
    assert len(set(genomes(run))) == 30


def test_more_workers_than_the_first_generation_has_networks_are_all_busy(tmp_path: Path) -> None:
    run = search(config(workers=40, constraints={}), tmp_path / "run", space=PROBLEM)
    assert len(set(genomes(run))) == 90
    assert run.facts().in_flight == [(0, 40)]


def test_predictors_propose_in_asynchronous_mode(tmp_path: Path) -> None:
    run = search(config(predictors=["ridge"], budget=60), tmp_path / "run", space=PROBLEM)
    assert any(line.is_used for line in run.facts().predictors)
    CALLS.clear()
    resume(run, space=PROBLEM)
    assert not CALLS


def test_predictors_are_told_what_is_being_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was asked for and not told yet, less what is out of question: at most what other workers have."""
    awaited: list[list[str]] = []
    told: list[set[str]] = [set()]
    ask, tell = Prescreened.ask, Prescreened.tell

    def asked(self: Prescreened, genomes: np.ndarray | None = None) -> np.ndarray:
        assert genomes is not None
        awaited.append([to_text(genome) for genome in genomes])
        assert not told[0] & set(awaited[-1])
        return ask(self, genomes)

    def heard(self: Prescreened, genomes: np.ndarray, *values: np.ndarray) -> None:
        told[0] |= {to_text(genome) for genome in genomes}
        tell(self, genomes, *values)

    monkeypatch.setattr(Prescreened, "ask", asked)
    monkeypatch.setattr(Prescreened, "tell", heard)
    search(config(predictors=["ridge"], budget=60, workers=4), tmp_path / "run", space=PROBLEM)
    assert max(map(len, awaited)) == 3
    assert all(len(set(genomes)) == len(genomes) <= 3 for genomes in awaited)
