"""What users bring themselves: a search space, an objective, a table of results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import evonas
from evonas.config import parse_config
from evonas.engine import resume, search
from evonas.errors import EvaluationError, EvonasError, RunFileError
from evonas.genome import Gene, Genome
from evonas.plugins import load_object_or_class
from evonas.run import Run, open_run
from evonas.spaces import NetworkSpace, Space, TableSpace
from objectives import OBJECTIVES, Objective

EXAMPLES = Path(__file__).parents[2] / "examples"
PLAIN = f"{EXAMPLES / 'own_space.py'}:Plain"
CARBON = f"{EXAMPLES / 'own_objective.py'}:CARBON"
QUICK = {
    "supernet": {"steps": 10, "calibration_images": 64, "scoring_images": 50},
    "training": {"epochs": 1},
    "compute": {"workers": 1},
}
SEARCH = {"budget": 20, "population": 8}


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
    assert (run.evaluations()["macs"] > 250_000).any()


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
    assert table.loc[table["genome"] == "5-5", "reason"].str.contains("no value for distance").all()
    run = Run(folder, Bowl())
    assert set(run.front()["genome"]) >= {"0-0", "3-3"}
    assert run.front().columns.tolist() == ["id", "genome", "distance", "sum"]
    assert not (folder.path / "supernet.safetensors").exists()
    with pytest.raises(RunFileError, match="nothing to train in a table"):
        run.train("all")
    with pytest.raises(RunFileError, match="given in Python: Bowl"):
        resume(folder)
    resume(folder, space=Bowl())


def test_an_exhausted_table_ends_the_search(tmp_path: Path) -> None:
    config = parse_config(
        {"search": {**SEARCH, "objectives": ["distance", "sum"], "budget": 500}}, source="tests", given_space="Bowl"
    )
    folder = search(config, tmp_path / "run", space=Bowl())
    assert folder.meta("stop_reason") == "No network is left that was not evaluated."
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
        "search": {"budget": 4, "population": 4, "objectives": ["error", "latency"]},
    }
    run = Run(search(parse_config(raw, source="tests"), tmp_path / "run"))
    assert (run.evaluations()["latency"] > 0).all()
