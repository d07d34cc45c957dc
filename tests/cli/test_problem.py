"""A user's own function on the command line: searched, listed and shown without a word on networks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Here, check_three_parts

OWN = """
import evonas

def measure(chosen):
    return {"speed": chosen["a"] - chosen["b"] / 8, "cost": 1.2e-5 * (chosen["a"] + chosen["b"]) - 1e-5}

OWN = evonas.Problem(
    {"a": evonas.IntRange(0, 7), "b": (1, 2, 4), "is_on": (True, False)},
    measure,
    objectives={"speed": "max", "cost": "min"},
)
"""
RUN_FILE = """
[space]
kind = "own.py:OWN"
[search]
budget = 30
constraints = { speed = 0 }
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "run.toml").write_text(RUN_FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_function_is_searched_and_shown_in_its_own_words(here: Here, own: Path) -> None:
    searched = here("search", "run.toml", "--out", own / "run")
    assert searched.returncode == 0, searched.stderr
    table, fronts, shown = (
        here(*command, own / "run") for command in (("front",), ("front", "--format", "csv"), ("show",))
    )
    for result in (searched, table, shown):
        assert re.findall("network|image|held-out|[Tt]est set|supernet", result.stdout) == []
    assert "configurations" in searched.stdout
    assert fronts.stdout.splitlines()[0] == "id,genome,a,b,is_on,speed,cost"
    assert all(float(line.split(",")[5]) >= 0 for line in fronts.stdout.splitlines()[1:])
    assert re.search(r"^a +\d\nb +\d\nis_on +(True|False)\nspeed +[\d.]+\ncost +\S+e-05$", shown.stdout, re.MULTILINE)
    told = json.loads(here("show", own / "run", "--pick", "best:speed", "--format", "json").stdout)
    assert told["parameters"]["a"] == 7
    assert told["parameters"]["is_on"] in (True, False)
    assert told["objectives"]["speed"] == 6.875


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("show", "RUN", "--pick", "all"), "one configuration"),
        (("show", "RUN", "--out", "x.png"), "a network to draw"),
        (("train", "RUN"), "nothing to train in a table or a function"),
        (("export", "RUN"), "nothing to train in a table or a function"),
        (("plot", "RUN", "layers", "--out", "x.pdf"), "a run of networks"),
    ],
)
def test_what_needs_a_network_says_so(here: Here, own: Path, command: tuple[str, ...], message: str) -> None:
    here("search", "run.toml", "--out", own / "run")
    check_three_parts(here(*[own / "run" if word == "RUN" else word for word in command]), message)
