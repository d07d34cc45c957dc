"""Learned predictors inside a search: they help where there is something to learn, and step back where there is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from evonas.algorithms.features import features, groups_of
from evonas.algorithms.objective_models import ObjectiveModels
from evonas.algorithms.prescreening import Prescreened
from evonas.config.load import load_config, parse_config
from evonas.errors import RunFileError
from evonas.evaluation.costs import Costs
from evonas.run.engine import resume, search
from evonas.run.problems.table_problem import TableProblem
from evonas.spaces import Problem
from evonas.spaces.genome import Gene, from_text
from objectives import Objective
from objectives.fronts.pareto import hypervolume
from objectives.fronts.scaling import Scaling
from reports.pages.page import run_page
from reports.run_folder.folder import RunFolder
from reports.tables.search import outcome_sentence, outcome_table, predictor_rows, predictor_sentence, predictor_table
from reports.tables.snapshot import Snapshot
from tests.support.runs import StopAfter

GENES = tuple(Gene(f"layer{index}", ("a", "b", "c", "d"), is_ordered=index % 2 == 0) for index in range(8))
WORTH = np.random.default_rng(0).uniform(0.1, 1.0, (8, 4)).cumsum(axis=1)
PRICE = np.random.default_rng(1).uniform(0.5, 2.0, (8, 4)).cumsum(axis=1)
OBJECTIVES = [Objective("error", unit="share", title="error", is_log=False), Objective("cost", unit="", title="cost")]


def indices(chosen: Mapping[str, str]) -> np.ndarray:
    return np.array(["abcd".index(label) for label in chosen.values()])


def cost(chosen: Mapping[str, str]) -> dict[str, float]:
    return {"cost": float(PRICE[np.arange(8), indices(chosen)].sum())}


def additive(chosen: Mapping[str, str]) -> dict[str, float]:
    return {"error": float(np.exp(-WORTH[np.arange(8), indices(chosen)].sum() / 5)), **cost(chosen)}


def noise(chosen: Mapping[str, str]) -> dict[str, float]:
    return {"error": float(np.random.default_rng(indices(chosen)).random()), **cost(chosen)}


def explored(folder: Path, evaluate: object, **settings: object) -> RunFolder:
    problem = Problem(GENES, evaluate, objectives=OBJECTIVES, count=cost)  # type: ignore[arg-type]
    raw = {"objectives": ["error", "cost"], "budget": 90, "population": 20, "has_baseline": False, **settings}
    return search(parse_config({"search": raw}, source="tests", given_space="Problem"), folder, space=problem)


def volume(run: RunFolder) -> float:
    points = run.evaluations()[["error", "cost"]].to_numpy()
    return hypervolume(points, reference_point=np.array([1.0, PRICE[:, 3].sum()]))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return explored(tmp_path_factory.mktemp("runs") / "learned", additive, predictors=["ridge", "gaussian_process"])


def test_a_predictor_finds_more_than_evolution_alone(learned: RunFolder, tmp_path: Path) -> None:
    assert volume(learned) > volume(explored(tmp_path / "alone", additive, predictors=[]))


def test_its_quality_is_kept_and_told(learned: RunFolder) -> None:
    table = predictor_table(learned)
    assert table["is_used"].all()
    assert (table["tau"] > 0.7).all()
    assert set(table["target"]) == {"error"}  # costs are counted
    assert table["proposed_tau"].iloc[5:-1].notna().all()  # the first few proposals are too few to rank
    assert f"at a tau of {table['tau'].iloc[-1]:.2f}" in predictor_sentence(learned)
    assert predictor_sentence(learned) in run_page(Snapshot(learned))
    assert len(predictor_rows(learned)) == min(len(table), 12)


def test_where_nothing_can_be_learned_evolution_goes_on_alone(tmp_path: Path) -> None:
    run = explored(tmp_path / "noise", noise, predictors=["ridge"])
    table = predictor_table(run)
    assert table["is_used"].mean() < 0.3
    assert "no better than chance, and evolution continued" in predictor_sentence(run)
    assert len(run.evaluations()) == run.evaluations()["genome"].nunique() == 90


def test_the_same_search_proposes_the_same_again(learned: RunFolder, tmp_path: Path) -> None:
    again = explored(tmp_path / "run", additive, predictors=["ridge", "gaussian_process"])
    columns = ["generation", "genome", "error", "cost"]
    assert again.evaluations()[columns].equals(learned.evaluations()[columns])


def test_bounds_known_before_cost_no_evaluation_and_are_counted(tmp_path: Path) -> None:
    bound = float(np.median(PRICE.sum(axis=0)))
    run = explored(tmp_path / "bounded", additive, predictors=["ridge"], constraints={"cost": bound})
    assert (run.evaluations()["cost"] <= bound).all()
    table = outcome_table(run)
    assert table.loc[table["outcome"] == "not evaluated", "networks"].item() > 0
    assert f"cost above {bound:g}" in outcome_sentence(run)


def test_a_bound_that_must_be_measured_is_learned_too(tmp_path: Path) -> None:
    run = explored(tmp_path / "bounded", additive, predictors=["ridge"], constraints={"error": 0.2})
    assert set(predictor_table(run)["target"]) == {"error", "bound on error"}
    late = run.evaluations().tail(40)
    assert (late["error"] <= 0.2).mean() > 0.7


def test_a_bound_that_nothing_keeps_ends_the_search_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evonas.run.stopping.BARREN_GENERATIONS", 10)
    run = explored(tmp_path / "nothing", additive, predictors=["ridge"], constraints={"cost": 1e-3})
    assert run.facts().stop_reason in (
        "Nothing further within the bounds was found.",
        "Nothing is left that was not evaluated.",
    )
    assert len(run.evaluations()) == 0


def costs_of(problem: Problem) -> Costs:
    config = parse_config({"search": {"objectives": ["error", "cost"]}}, source="tests", given_space="Problem")
    table = TableProblem.of(config, problem)
    measures = tuple(table.measures.table.values())
    return table.costs(Scaling(measures, bounds={"error": (0.0, 1.0), "cost": (1.0, 100.0)}))


def test_what_is_counted_is_not_predicted() -> None:
    problem = Problem(GENES, additive, objectives=OBJECTIVES, count=cost)
    costs = costs_of(problem)
    known = ObjectiveModels(costs, names=("ridge",))
    genomes = problem.sample(np.random.default_rng(0), 40)
    values = [additive(problem.describe(genome)) for genome in genomes]
    points = np.array([[np.log(value["error"]), np.log(value["cost"])] for value in values])
    known.add(genomes, points, np.empty((40, 0)))
    assert known.fit(0)
    candidates, violations = known.predict(genomes[:7], costs.count(genomes[:7]))
    assert np.allclose(candidates.means[:, 1], points[:7, 1])
    assert (candidates.spreads[:, 1] == 0).all()
    assert (candidates.spreads[:, 0] > 0).all()
    assert (candidates.feasible == 1).all()
    assert violations.shape == (7, 0)
    assert np.abs(candidates.told()[:, 0] - points[:7, 0]).max() < 0.3  # in the scale that is told
    front, best = known.front()
    rows = {tuple(genome): point for genome, point in zip(genomes, points, strict=True)}
    assert all(np.array_equal(rows[tuple(genome)], point) for genome, point in zip(front, best, strict=True))
    assert not any((points < point).all(axis=1).any() for point in best)


def test_a_bound_that_is_predicted_is_kept_with_some_probability() -> None:
    problem = Problem(GENES, additive, objectives=OBJECTIVES, count=cost)
    genomes = problem.sample(np.random.default_rng(0), 80)
    errors = np.array([additive(problem.describe(genome))["error"] for genome in genomes])
    bound = float(np.median(errors))
    config = {"search": {"objectives": ["error", "cost"], "constraints": {"error": bound}}}
    table = TableProblem.of(parse_config(config, source="tests", given_space="Problem"), problem)
    measures = tuple(table.measures.table.values())
    costs = table.costs(Scaling(measures, bounds={"error": (0.0, 1.0), "cost": (1.0, 100.0)}))
    known = ObjectiveModels(costs, names=("ridge",))
    known.add(genomes[:40], np.log(np.stack([errors[:40], 1 + errors[:40]], axis=1)), errors[:40, None] / bound - 1)
    assert known.fit(0)
    candidates, _ = known.predict(genomes[40:], costs.count(genomes[40:]))
    assert candidates.feasible is not None
    keeps = errors[40:] <= bound
    assert ((candidates.feasible >= 0) & (candidates.feasible <= 1)).all()
    assert candidates.feasible[keeps].mean() > 0.7
    assert candidates.feasible[~keeps].mean() < 0.3


def test_failed_evaluations_teach_nothing() -> None:
    known = ObjectiveModels(costs_of(Problem(GENES, additive, objectives=OBJECTIVES, count=cost)), names=("ridge",))
    genomes = np.zeros((2, 8), dtype=np.int64)
    known.add(genomes, np.array([[np.nan, 1.0], [0.0, 1.0]]), np.empty((2, 0)))
    assert len(known) == 1


def test_features_tell_every_two_genomes_apart_and_know_order() -> None:
    genomes = np.array([from_text("-".join(map(str, row)), GENES) for row in np.ndindex(4, 4, 4, 1, 1, 1, 1, 1)])
    x = features(GENES, genomes, costs={"cost": np.full(len(genomes), 10.0)})
    assert len(np.unique(x, axis=0)) == len(genomes)
    groups = groups_of(GENES, n_costs=1)
    assert [group.is_choice for group in groups] == [True] * 8 + [False]
    assert [group.stop for group in groups] == [*(group.start for group in groups[1:]), x.shape[1]]
    one, two, three = (((x[0] - x[16 * step]) ** 2).sum() for step in (1, 2, 3))  # steps of an ordered gene
    assert one < two < three == pytest.approx(1)
    assert ((x[0] - x[4]) ** 2).sum() == pytest.approx(1)  # another choice of a gene without order


def test_a_formula_needs_no_torch(tmp_path: Path) -> None:
    script = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ImportError("no torch here")
sys.meta_path.insert(0, NoTorch())
import evonas
from evonas.spaces import Problem
problem = Problem({"x": list("0123456789"), "y": list("0123456789")},
    lambda c: {"near": (int(c["x"]) - 3) ** 2 + int(c["y"]), "far": float(c["x"]) - float(c["y"]) + 9},
    objectives=["near", "far"])
search = {"objectives": ["near", "far"], "budget": 50, "population": 8, "predictors": ["ridge"]}
run = evonas.search(space=problem, out=sys.argv[1], overrides={"search": search})
evonas.resume(run.path, space=problem)
print(len(run.front()), len(run.pick("knee")))
"""
    found = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "run")], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.split()[1] == "1"


def test_a_formula_bounded_late_is_resumed_to_the_same_end(tmp_path: Path) -> None:
    """Its scale is not known before the first evaluation, and a resumed run must not know it earlier."""

    def tiny(chosen: Mapping[str, str]) -> dict[str, float]:
        found = additive(chosen)
        return {"error": found["error"], "cost": found["cost"] * 1e-9}

    def tiny_cost(chosen: Mapping[str, str]) -> dict[str, float]:
        return {"cost": tiny(chosen)["cost"]}

    problem = Problem(GENES, tiny, objectives=OBJECTIVES, count=tiny_cost)  # type: ignore[arg-type]
    bound = 1.02e-9 * PRICE[:, 0].sum() + 0.05 * 1e-9
    raw = {"objectives": ["error", "cost"], "budget": 40, "population": 8, "has_baseline": False}
    raw |= {"predictors": ["ridge"], "constraints": {"cost": bound * 1.6}}
    config = parse_config({"search": raw}, source="tests", given_space="Problem")
    whole = search(config, tmp_path / "whole", space=problem)
    with pytest.raises(KeyboardInterrupt):
        search(config, tmp_path / "stopped", space=problem, observer=StopAfter(25))
    stopped = resume(RunFolder(tmp_path / "stopped"), space=problem)
    columns = ["id", "generation", "genome", "error"]
    assert stopped.evaluations()[columns].equals(whole.evaluations()[columns])
    assert stopped.facts().rejections == whole.facts().rejections


@pytest.mark.parametrize("broken", ["raises", "nan", "infinite"])
def test_a_count_that_fails_here_and_there_does_no_harm(tmp_path: Path, broken: str) -> None:
    def count(chosen: Mapping[str, str]) -> dict[str, float]:
        if chosen["layer0"] == "d":
            if broken == "raises":
                raise ValueError("no")
            return {"cost": float("nan" if broken == "nan" else "inf")}
        return cost(chosen)

    problem = Problem(GENES, additive, objectives=OBJECTIVES, count=count)  # type: ignore[arg-type]
    raw = {
        "objectives": ["error", "cost"],
        "budget": 60,
        "population": 20,
        "has_baseline": False,
        "predictors": ["ridge"],
    }
    run = search(parse_config({"search": raw}, source="tests", given_space="Problem"), tmp_path / "run", space=problem)
    assert len(run.evaluations()) == 60


@pytest.mark.parametrize(
    ("genes", "objectives", "message"),
    [
        ({}, ["a"], "at least one gene"),
        ({"x": []}, ["a"], "at least one gene"),
        ({"x": 3}, ["a"], "a list of choices for gene x"),
        ({"x": "conv"}, ["a"], "a list of choices for gene x"),
        ({"x": ["1"]}, "error", "objectives by name"),
        ({"x": ["1"]}, ["a", "a"], "objectives that differ"),
    ],
)
def test_a_problem_that_is_none_is_refused(genes: object, objectives: object, message: str) -> None:
    with pytest.raises(RunFileError, match=message):
        Problem(genes, additive, objectives=objectives)  # type: ignore[arg-type]


def test_a_count_of_what_nobody_measures_is_refused(tmp_path: Path) -> None:
    problem = Problem(GENES, additive, objectives=OBJECTIVES, count=lambda chosen: {"coast": 1.0})  # type: ignore[arg-type]
    config = parse_config({"search": {"objectives": ["error", "cost"]}}, source="tests", given_space="Problem")
    with pytest.raises(RunFileError, match="did you mean 'cost'"):
        search(config, tmp_path / "run", space=problem)


def test_a_network_beyond_two_bounds_counts_once(tmp_path: Path) -> None:
    bounds = {"cost": 1.0, "error": 1e-9}
    small = Problem(
        GENES[:3],
        lambda chosen: {"error": 1.0, "cost": 2.0},
        objectives=OBJECTIVES,
        count=lambda chosen: {"error": 1.0, "cost": 2.0},
    )
    raw = {"objectives": ["error", "cost"], "algorithm": "exhaustive", "has_baseline": False, "constraints": bounds}
    run = search(parse_config({"search": raw}, source="tests", given_space="Problem"), tmp_path / "run", space=small)
    assert sum(run.facts().rejections.values()) == 64


def test_four_objectives_with_a_tiny_budget(tmp_path: Path) -> None:
    names = ["a", "b", "c", "d"]
    problem = Problem(GENES, lambda chosen: {name: float(index) for index, name in enumerate(names)}, objectives=names)
    raw = {"objectives": names, "budget": 2, "has_baseline": False}
    run = search(parse_config({"search": raw}, source="tests", given_space="Problem"), tmp_path / "run", space=problem)
    assert len(run.evaluations()) == 2


def test_predictors_step_back_where_an_evaluation_is_declared_to_cost_less(tmp_path: Path) -> None:
    raw = {"objectives": ["error", "cost"], "budget": 30, "population": 8, "has_baseline": False}

    def run(name: str, seconds: float | None, **settings: object) -> RunFolder:
        problem = Problem(GENES, additive, objectives=OBJECTIVES, count=cost, seconds=seconds)  # type: ignore[arg-type]
        config = parse_config({"search": raw | settings}, source="tests", given_space="Problem")
        return search(config, tmp_path / name, space=problem)

    cheap = run("cheap", 0.01)
    assert predictor_table(cheap).empty
    assert "declared to take 10 ms" in predictor_sentence(cheap)
    assert "declared to take 10 ms" in run_page(Snapshot(cheap))
    assert load_config(cheap.path / "run.toml").search.predictors == ()
    alone = run("alone", None, predictors=[])
    assert alone.evaluations()["genome"].equals(cheap.evaluations()["genome"])
    for other in (run("expensive", 0.02), run("unknown", None), run("asked for", 0.01, predictors=["ridge"])):
        assert not predictor_table(other).empty
        assert "declared" not in predictor_sentence(other)


def test_some_of_what_is_proposed_is_bred_by_evolution(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of five and more at a time one in five, whatever predictors think of them; of fewer none."""
    bred: list[tuple[int, int]] = []
    proposed, breed = Prescreened._proposed, Prescreened._bred
    offspring: list[np.ndarray] = []

    def kept(self: Prescreened, n: int) -> np.ndarray:
        offspring.append(breed(self, n))
        return offspring[-1]

    def counted(self: Prescreened, awaited: np.ndarray | None) -> np.ndarray | None:
        found = proposed(self, awaited)
        if found is not None:
            own = {tuple(genome) for genome in offspring[-1]}
            bred.append((len(found), sum(tuple(genome) in own for genome in found)))
        return found

    monkeypatch.setattr(Prescreened, "_bred", kept)
    monkeypatch.setattr(Prescreened, "_proposed", counted)
    explored(tmp_path / "run", additive, predictors=["gaussian_process"], budget=120)
    assert {n for n, _ in bred} >= {2, 5, 10}
    assert all(n_bred == n // 5 for n, n_bred in bred)
