"""What users bring themselves: a search space, an objective, a table of results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evonas
from evonas.config.load import parse_config
from evonas.errors import EvaluationError, EvonasError, RunFileError, RunFolderError
from evonas.plugins import load_object_or_class
from evonas.run.engine import resume, search
from evonas.spaces import NetworkSpace, Space, TableSpace
from evonas.spaces.genome import Gene, Genome
from evonas.workflows.run_handle import Run, open_run
from objectives import OBJECTIVES, Objective

EXAMPLES = Path(__file__).parents[2] / "examples"
PLAIN = f"{EXAMPLES / 'own_space.py'}:Plain"
CARBON = f"{EXAMPLES / 'own_objective.py'}:CARBON"
QUICK = {
    "data": {"limit": 300},
    "supernet": {"steps": 4},
    "estimate": {
        "steps": 3,
        "anchors": 3,
        "calibration_images": 64,
        "scoring_images": 50,
    },
    "training": {"epochs": 1},
    "compute": {"workers": 1},
}
SEARCH = {"budget": 20, "population": 8, "predictors": ["ridge"], "trainings": 1}


class Bowl(TableSpace):
    """Two numbers; their distance from (3, 3), and their sum; one result is missing."""

    @property
    def genes(self) -> tuple[Gene, ...]:
        return tuple(Gene(name, tuple(map(str, range(8)))) for name in "xy")

    @property
    def objectives(self) -> Mapping[str, Objective]:
        return {
            name: Objective(name=name, unit="", title=name, measure=None, is_log=False) for name in ("distance", "sum")
        }

    def look_up(self, genome: Genome) -> dict[str, float]:
        if tuple(genome) == (5, 5):
            return {"distance": math.nan, "sum": 10.0}
        return {"distance": math.dist(genome, (3, 3)), "sum": float(sum(genome))}


@pytest.mark.usefixtures("pages")
def test_a_space_and_an_objective_of_ones_own_by_path(tmp_path: Path) -> None:
    objectives = ["error", CARBON]
    raw = {**QUICK, "space": {"kind": PLAIN, "options": {"stride": 1}}, "search": {**SEARCH, "objectives": objectives}}
    run = Run(search(parse_config(raw, source="tests"), tmp_path / "run"))
    assert run.folder.objectives == ("error", "carbon")
    assert run.folder.measures["carbon"].unit == "g"
    front = run.front()
    energy = OBJECTIVES["energy"]
    assert np.allclose(front["carbon"], 1e6 * front["energy"] * 400 / 3.6e6)
    assert energy.measure is not None
    page = (run.path / "report.html").read_text()
    assert "CO2 a million images" in page
    again = resume(open_run(run.path).folder)
    assert (again.path / "front.csv").read_bytes() == (tmp_path / "run" / "front.csv").read_bytes()
    picked = run.pick("best:carbon")
    trained = run.train(str(picked["id"].iloc[0]))
    assert 0 <= trained[0].test.error <= 1


def test_a_bound_on_an_objective_of_ones_own_is_kept(tmp_path: Path) -> None:
    raw = {**QUICK, "space": {"kind": PLAIN}, "search": {**SEARCH, "constraints": {CARBON: 0.25, "macs": 250_000}}}
    run = Run(search(parse_config(raw, source="tests"), tmp_path / "run"))
    assert len(run.front())
    assert (run.front()["carbon"] <= 0.25).all()
    assert (run.front()["macs"] <= 250_000).all()
    assert (run.evaluations()["macs"] <= 250_000).all()  # what can be counted is not evaluated to be refused
    assert run.folder.facts().rejections["macs above 250000"] > 0


def test_the_example_space_keeps_the_laws() -> None:
    found = load_object_or_class(PLAIN, Space)
    assert isinstance(found, type)
    space = found(input_shape=(1, 8, 8), n_classes=10)  # type: ignore[call-arg]
    assert isinstance(space, NetworkSpace)
    for genome in space.sample(np.random.default_rng(0), 50):
        assert space.decode(space.encode(space.decode(genome))) == space.decode(genome)
        assert space.decode(genome).dead_reason is None


def test_a_table_needs_neither_images_nor_networks(tmp_path: Path) -> None:
    config = parse_config(
        {"search": {**SEARCH, "objectives": ["distance", "sum"], "budget": 60}}, source="tests", given_space="Bowl"
    )
    folder = search(config, tmp_path / "run", space=Bowl())
    table = folder.evaluations()
    searched = table[table["origin"] == "search"]
    assert len(searched) == searched["genome"].nunique() == 60
    assert table.loc[table["genome"] == "5-5", "reason"].str.contains("no finite value for distance").all()
    run = Run(folder, Bowl())
    assert set(run.front()["genome"]) >= {"0-0", "3-3"}
    assert run.front().columns.tolist() == ["id", "genome", "distance", "sum"]
    assert not (folder.path / "supernet.safetensors").exists()
    with pytest.raises(RunFileError, match="nothing to train in a table"):
        run.train("all")
    with pytest.raises(RunFileError, match="given in Python: Bowl"):
        resume(folder)
    resume(folder, space=Bowl())


@pytest.mark.parametrize("bound", [0.0, -5.0])
def test_a_bound_on_what_a_formula_gives_may_be_zero_or_less(tmp_path: Path, bound: float) -> None:
    problem = evonas.Problem(
        {name: tuple(map(str, range(8))) for name in "abcd"},
        lambda chosen: {"near": sum(map(float, chosen.values())), "far": 12 - sum(map(float, chosen.values()))},
        objectives=["near", "far"],
    )
    raw = {**SEARCH, "budget": 40, "has_baseline": False, "objectives": ["near", "far"], "constraints": {"far": bound}}
    config = parse_config({"search": raw}, source="tests", given_space="Problem")
    front = Run(search(config, tmp_path / "run", space=problem), problem).front()
    assert len(front)
    assert (front["far"] <= bound).all()


def test_an_exhausted_table_ends_the_search(tmp_path: Path) -> None:
    config = parse_config(
        {"search": {**SEARCH, "objectives": ["distance", "sum"], "budget": 500}}, source="tests", given_space="Bowl"
    )
    folder = search(config, tmp_path / "run", space=Bowl())
    assert folder.facts().stop_reason == "Nothing is left that was not evaluated."
    assert (folder.evaluations()["origin"] == "search").sum() > 40


def test_the_example_table_merges_equal_networks(tmp_path: Path) -> None:
    """Of its 6,561 codes 3,969 are different networks."""
    names = [np.base_repr(number, 3).zfill(8) for number in range(3**8)]
    pd.DataFrame({"arch": names, "err": 1.0, "flops": 2.0, "params": 3.0}).to_csv(tmp_path / "table.csv", index=False)
    found = load_object_or_class(f"{EXAMPLES / 'nasbench_macro.py'}:NasBenchMacro", TableSpace)
    assert isinstance(found, type)
    space = found(file=str(tmp_path / "table.csv"))  # type: ignore[call-arg]
    every = [space.canonical(np.array([int(digit) for digit in name])) for name in names]
    assert len({tuple(genome) for genome in every}) == 3969
    assert all(np.array_equal(space.canonical(genome), genome) for genome in every[::50])


OWN = """
from evonas.spaces import TableSpace
from objectives import Objective
def count(layers): return len(layers)
GOOD = Objective(name="n_layers", unit="", title="layers", measure=count)
TAKEN = Objective(name="macs", unit="", title="layers", measure=count)
ODD = Objective(name="n layers", unit="", title="layers", measure=count)
COLUMN = Objective(name="genome", unit="", title="layers", measure=count)
EMPTY = Objective(name="nothing", unit="", title="layers", measure=None)
class Needs(TableSpace):
    genes = objectives = ()
    def look_up(self, genome): return {}
    def __init__(self, file): pass
"""


@pytest.mark.parametrize(
    ("section", "content", "message"),
    [
        ("search", {"objectives": ["error", "own.py:TAKEN"]}, "the name 'macs'"),
        ("search", {"objectives": ["error", "own.py:ODD"]}, "the name 'n layers'"),
        ("search", {"objectives": ["error", "own.py:COLUMN"]}, "the name 'genome'"),
        ("search", {"objectives": ["error", "own.py:EMPTY"]}, "no measure"),
        ("search", {"objectives": ["error", "own.py:NONE"]}, "Objective named NONE"),
        ("search", {"objectives": ["error", "other.py:GOOD"]}, "no such file"),
        ("space", {"kind": "own.py:GOOD"}, "a Space, as a class or an object"),
        ("space", {"kind": "own.py:Needs"}, "'file'"),
        ("space", {"kind": "own.py:Needs", "option": {}}, "did you mean 'options'"),
    ],
)
def test_what_cannot_be_used_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str, content: dict[str, object], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(EvonasError) as caught:
        search(parse_config({section: content}, source="tests"), tmp_path / "run")
    assert message in str(caught.value), str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_objective_nobody_measures_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="did you mean 'sum'"):
        search(
            parse_config({"space": {"kind": "x.py:Y"}, "search": {"objectives": ["som"]}}, source="tests"),
            tmp_path / "run",
            space=Bowl(),
        )


def test_a_table_of_failures_is_told(tmp_path: Path) -> None:
    class Empty(Bowl):
        def look_up(self, genome: Genome) -> dict[str, float]:
            return {"distance": math.nan, "sum": math.nan}

    raw = {"search": {**SEARCH, "objectives": ["distance"]}}
    config = parse_config(raw, source="tests", given_space="Empty")
    with pytest.raises(EvaluationError, match="failed altogether"):
        search(config, tmp_path / "run", space=Empty())


def test_the_front_door_takes_a_space(tmp_path: Path) -> None:
    overrides = {"search": {**SEARCH, "objectives": ["distance", "sum"]}}
    run = evonas.search(out=tmp_path / "run", overrides=overrides, space=Bowl())
    assert len(evonas.open_run(run.path, space=Bowl()).front())


def test_latency_is_measured_only_where_it_is_asked_for(tmp_path: Path) -> None:
    raw = {
        **QUICK,
        "space": {"kind": PLAIN},
        "search": {"budget": 4, "population": 4, "objectives": ["error", "latency"], "trainings": 1},
    }
    run = Run(search(parse_config(raw, source="tests"), tmp_path / "run"))
    table = run.evaluations()
    assert (table.loc[table["origin"] != "anchor", "latency"] > 0).all()
    assert (run.front()["latency"] > 0).all()


def test_spaces_and_objectives_by_path_reach_other_processes(tmp_path: Path) -> None:
    raw = {**QUICK, "space": {"kind": PLAIN}, "search": {**SEARCH, "objectives": ["error", CARBON]}}
    one = search(parse_config(raw, source="tests"), tmp_path / "one")
    two = Run(search(parse_config(raw | {"compute": {"workers": 2}}, source="tests"), tmp_path / "two"))
    assert (one.path / "front.csv").read_bytes() == (two.path / "front.csv").read_bytes()
    picked = ",".join(map(str, two.front()["id"][:2]))
    assert len(two.train(picked, workers=2)) == 2


def test_small_objectives_are_told_apart(tmp_path: Path) -> None:
    """Energies are far below 1: a fixed floor under the logarithm would make them all one."""
    raw = {**QUICK, "space": {"kind": PLAIN}, "search": {**SEARCH, "objectives": ["error", "energy"]}}
    run = search(parse_config(raw, source="tests"), tmp_path / "run")
    energies = run.evaluations()["energy"].to_numpy()
    told = run.scaling.log_transform(np.stack([np.full_like(energies, 0.5), energies], axis=1))[:, 1]
    assert len(np.unique(told)) == len(np.unique(energies)) > 10
    assert np.array_equal(np.argsort(told, kind="stable"), np.argsort(energies, kind="stable"))


def test_another_space_is_not_taken_for_the_run_s_own(tmp_path: Path) -> None:
    raw = {"search": {**SEARCH, "objectives": ["distance", "sum"]}}
    folder = search(parse_config(raw, source="tests", given_space="Bowl"), tmp_path / "run", space=Bowl())

    class Other(Bowl):
        def look_up(self, genome: Genome) -> dict[str, float]:
            return {name: 1 + value for name, value in super().look_up(genome).items()}

    with pytest.raises(RunFolderError, match="the space that the run was started with"):
        evonas.resume(folder.path, space=Other())
    assert len(evonas.resume(folder.path, space=Bowl()).front())


def test_a_table_s_file_belongs_to_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [np.base_repr(number, 3).zfill(8) for number in range(3**8)]
    table = pd.DataFrame({"arch": names, "err": np.arange(3.0**8), "flops": np.arange(3**8)[::-1], "params": 3.0})
    table.to_csv(tmp_path / "table.csv", index=False)
    monkeypatch.chdir(tmp_path)
    space = {"kind": f"{EXAMPLES / 'nasbench_macro.py'}:NasBenchMacro", "options": {"file": "table.csv"}}
    raw = {"space": space, "search": {**SEARCH, "objectives": ["err", "flops"]}}
    folder = search(parse_config(raw, source="tests"), tmp_path / "run")
    monkeypatch.chdir(EXAMPLES)
    resume(folder)
    table.assign(params=4.0).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(RunFolderError, match=r"another value for .*table\.csv"):
        resume(folder)
    raw = {"space": space | {"options": {"file": "nowhere.csv"}}, "search": raw["search"]}
    with pytest.raises(RunFileError, match="FileNotFoundError"):
        search(parse_config(raw, source="tests"), tmp_path / "other")


@pytest.mark.parametrize("name", ["top-1", "order by", "Genome", "Error_Low", "id", 'x"; DROP TABLE facts; --'])
def test_names_that_cannot_be_columns_are_refused(tmp_path: Path, name: str) -> None:
    class Odd(Bowl):
        @property
        def objectives(self) -> Mapping[str, Objective]:
            return {name: Objective(name=name, unit="", title="odd")}

    config = parse_config({"search": {**SEARCH, "objectives": [name]}}, source="tests", given_space="Odd")
    with pytest.raises(RunFileError, match="objectives named by letters"):
        search(config, tmp_path / "run", space=Odd())
    assert not (tmp_path / "run").exists()


def test_words_of_sql_and_extra_columns_do_no_harm(tmp_path: Path) -> None:
    class Words(Bowl):
        @property
        def objectives(self) -> Mapping[str, Objective]:
            return {name: Objective(name=name, unit="", title=name) for name in ("order", "select")}

        def look_up(self, genome: Genome) -> dict[str, float]:
            if genome[0] == 1:
                raise KeyError("no such row")
            return {"order": float(genome[0]), "select": float(genome[1]), "more": 1.0}

    config = parse_config(
        {"search": {**SEARCH, "objectives": ["order", "select"]}}, source="tests", given_space="Words"
    )
    table = search(config, tmp_path / "run", space=Words()).evaluations()
    assert (table["reason"] == "").any()
    assert table.loc[table["genome"].str.startswith("1-"), "reason"].str.contains("KeyError").all()


def test_an_objective_that_fails_on_some_networks_is_a_reason(tmp_path: Path) -> None:
    """numpy's numbers are stored as numbers; NaN and an exception are failures of that network alone."""
    (tmp_path / "own.py").write_text(
        "from objectives import Objective\nimport numpy as np\n"
        "def odd(layers):\n"
        "    width = next(layer for layer in layers if layer.name == 'conv0').output_shape[0]\n"
        "    height = next(layer for layer in layers if layer.name == 'conv2').output_shape[0]\n"
        "    if width == 16 and height == 16: raise ValueError('odd')\n"
        "    return float('nan') if width == 16 else np.int64(width)\n"
        "ODD = Objective(name='odd', unit='', title='odd', measure=odd)\n"
        "def bad(layers): return 1 / 0\n"
        "BAD = Objective(name='bad', unit='', title='bad', measure=bad)\n"
    )
    raw = {**QUICK, "space": {"kind": PLAIN}, "search": {**SEARCH, "objectives": ["error", f"{tmp_path}/own.py:ODD"]}}
    run = Run(search(parse_config(raw, source="tests"), tmp_path / "run"))
    table = run.evaluations()
    is_odd = table["genome"].str.startswith("1-")
    assert is_odd.any()
    assert (table["reason"] != "").equals(is_odd)
    assert set(table.loc[is_odd, "reason"]) <= {"no finite value for odd", "odd: ValueError: odd"}
    assert set(table.loc[~is_odd, "odd"]) <= {8, 32}
    assert set(run.front()["odd"]) <= {8, 32}
    raw = {**QUICK, "space": {"kind": PLAIN}, "search": {**SEARCH, "objectives": ["error", f"{tmp_path}/own.py:BAD"]}}
    with pytest.raises(RunFileError, match="bad: ZeroDivisionError"):
        search(parse_config(raw, source="tests"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_space_for_other_images_is_refused(tmp_path: Path) -> None:
    found = load_object_or_class(PLAIN, Space)
    assert isinstance(found, type)
    for shape, classes in (((3, 8, 8), 10), ((1, 8, 8), 7)):
        with pytest.raises(RunFileError, match="networks for images of"):
            evonas.search(out=tmp_path / "run", space=found(input_shape=shape, n_classes=classes))  # type: ignore[call-arg]
