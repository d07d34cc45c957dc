"""`evonas spaces` and `evonas show` as a user runs them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evonas import spaces
from evonas.config.load import parse_config
from evonas.run.context import open_context
from evonas.spaces import SPACES, CellSpace
from evonas.spaces.genome import Gene, to_text
from evonas.workflows.run_handle import Run
from objectives import OBJECTIVES
from tests.cli.conftest import Here, check_three_parts
from tests.conftest import TINY
from tests.support.run_folders import copied

DIGITS = CellSpace.of((1, 8, 8), 10)
GENOMES = DIGITS.sample(np.random.default_rng(1), 4)
GENOME = to_text(GENOMES[0])


def test_spaces_lists_every_space_with_its_size(here: Here) -> None:
    result = here("spaces")
    assert result.returncode == 0, result.stderr
    assert re.search(r"│ dense +│ not for these: it wants features without rows and columns", result.stdout)
    for name, kind in SPACES.items():
        if name == "dense":
            continue
        space = kind.of(input_shape=(1, 8, 8), n_classes=10)
        assert re.search(rf"│ {name} +│ \w.+│ +{len(space.genes)} │ +10\^{space.log10_size():.1f} │", result.stdout)


def test_spaces_shows_the_one_that_a_run_file_sets(here: Here, run_file: Path) -> None:
    config = parse_config(TINY, source="tests")
    genes = open_context(config).space.genes
    result = here("spaces", run_file, "--genes")
    assert re.search(rf"│ \*cells +│.+│ +{len(genes)} │", result.stdout)
    for gene in genes:
        assert re.search(rf"│ {re.escape(gene.name)} +│ {re.escape(' | '.join(gene.choices))} +│", result.stdout)
    assert "locked" not in result.stdout


def test_locked_choices_stand_apart(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    class Locked(CellSpace):
        """Cells without large kernels."""

        @property
        def genes(self) -> tuple[Gene, ...]:
            return tuple(replace(gene, n_locked=gene.name.endswith("/op")) for gene in DIGITS.genes)

    monkeypatch.setitem(spaces.SPACES, "cells", Locked)
    ops = DIGITS.settings.ops
    line = next(line for line in here("spaces", "--genes").stdout.splitlines() if "normal/node0/edge0/op" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")][1:] == [" | ".join(ops[:-1]), ops[-1]]


def test_show_prints_every_layer_and_every_objective(here: Here) -> None:
    layers = DIGITS.decode(GENOMES[0]).layers
    result = here("show", "--genome", GENOME)
    assert result.returncode == 0, result.stderr
    for layer in layers:
        row = rf"^ {re.escape(layer.name)} .*{'×'.join(map(str, layer.output_shape))} .*"
        assert re.search(row + (rf"{layer.weights:,} " if layer.weights else ""), result.stdout, flags=re.MULTILINE)
    for objective in OBJECTIVES.values():
        if objective.measure is not None:
            shown = re.escape(objective.display(objective.measure(layers)))
            assert re.search(rf"^{objective.title} +{shown}$", result.stdout, flags=re.MULTILINE)
    assert "note" not in result.stdout


def test_show_as_json(here: Here) -> None:
    layers = DIGITS.decode(GENOMES[0]).layers
    shown = json.loads(here("show", "--genome", GENOME, "--format", "json").stdout)
    assert [layer["layer"] for layer in shown["layers"]] == [layer.name for layer in layers]
    assert shown["genome"] == shown["canonical"] == GENOME
    assert shown["objectives"]["model_size"] == sum(layer["bytes"] for layer in shown["layers"])


@pytest.mark.parametrize("form", ["text", "json"])
def test_show_draws_and_json_stays_json(here: Here, tmp_path: Path, form: str) -> None:
    result = here("show", "--genome", GENOME, "--out", tmp_path / "net.svg", "--format", form)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "net.svg").read_text().startswith("<?xml")
    if form == "json":
        json.loads(result.stdout)


def test_show_takes_ids_and_genomes_of_a_run(here: Here, finished: Run) -> None:
    table = finished.evaluations()
    row = table[(table["origin"] == "random") & (table["reason"] == "")].iloc[0]
    by_id = json.loads(here("show", finished.path, "--pick", row["id"], "--format", "json").stdout)
    by_genome = json.loads(here("show", finished.path, "--genome", row["genome"], "--format", "json").stdout)
    assert by_id["genome"] == by_genome["genome"] == row["genome"]
    assert by_id["layers"] == by_genome["layers"]
    assert by_genome["objectives"].items() <= by_id["objectives"].items()
    assert by_id["objectives"] == row[list(finished.folder.measures)].to_dict()


def test_show_takes_picks_whose_layers_the_run_stores(here: Here, finished: Run, tmp_path: Path) -> None:
    """A folder that came from another machine needs neither its images nor its space."""
    elsewhere = copied(finished.path, tmp_path / "copied")
    settings = (elsewhere / "run.toml").read_text()
    (elsewhere / "run.toml").write_text(settings.replace('"digits"', '"/nowhere/images.npz"'))
    for which in ("knee", "best:model_size"):
        shown = json.loads(here("show", elsewhere, "--pick", which, "--format", "json").stdout)
        row = finished.pick(which).iloc[0]
        assert shown["genome"] == row["genome"]
        decoded = here("show", finished.path, "--genome", row["genome"], "--format", "json").stdout
        assert shown["layers"] == json.loads(decoded)["layers"]
        assert shown["objectives"]["error"] == row["error"]


def test_show_takes_the_space_of_a_run_file(here: Here, run_file: Path, finished: Run) -> None:
    genome = finished.evaluations()["genome"].iloc[0]
    assert here("show", "--genome", genome, "--config", run_file) == here("show", finished.path, "--genome", genome)
    assert here("show", "--genome", genome).returncode == 2


def test_a_genome_that_is_not_canonical_is_noted(here: Here) -> None:
    genome = GENOMES[0].copy()
    idle = next(
        position
        for position, gene in enumerate(DIGITS.genes)
        if gene.name.endswith("/weight") and differs_in_form_only(genome, position)
    )
    genome[idle] = 1
    result = here("show", "--genome", to_text(genome))
    assert result.returncode == 0
    assert re.search(rf"^note: .+ canonical .+ {GENOME}$", result.stdout, flags=re.MULTILINE)


def differs_in_form_only(genome: np.ndarray, position: int) -> bool:
    changed = genome.copy()
    changed[position] = 1
    return genome[position] != 1 and bool((DIGITS.canonical(changed) == genome).all())


DEAD = to_text(np.zeros(len(DIGITS.genes), dtype=int))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--genome", "1-x"], "'1-x'"),
        (["--genome", "1-2"], "56 genes"),
        (["--genome", "17"], "--pick ID"),
        (["--genome", DEAD], "no path leads from the image"),
        (["--genome", GENOME, "--format", "jsn"], "did you mean 'json'"),
        (["--genome", GENOME, "--out", "net.gif"], ".png, .svg, .pdf"),
        (["--genome", GENOME, "--out", "/dev/null/net.png"], "a place to write"),
        (["--genome", GENOME, "--config", "nowhere.toml"], "nowhere.toml"),
        (["nowhere", "--genome", GENOME], "nowhere holds no archive"),
        (["a", "--genome", GENOME, "--pick", "knee"], "--pick or --genome"),
        ([], "evonas show runs/first --pick knee"),
        (["a", "--genome", GENOME, "--config", "b"], "both"),
    ],
)
def test_mistakes_exit_with_2_in_three_parts(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    check_three_parts(here("show", *arguments), message)
    assert not list(tmp_path.iterdir())


def test_an_unknown_id_exits_with_2_in_three_parts(here: Here, finished: Run) -> None:
    check_three_parts(here("show", finished.path, "--pick", 9999), "9999")


def test_one_network_is_shown_not_many(here: Here, finished: Run) -> None:
    check_three_parts(here("show", finished.path, "--pick", "all"), "one network")


def test_the_remedy_for_a_dead_genome_lives(here: Here) -> None:
    relative = here("show", "--genome", DEAD).stderr.split()[-1]
    assert here("show", "--genome", relative).returncode == 0


@pytest.mark.parametrize("command", ["spaces", "show"])
def test_help_has_an_example(here: Here, command: str) -> None:
    result = here(command, "--help")
    assert result.returncode == 0
    assert f"Example: evonas {command}" in result.stdout
