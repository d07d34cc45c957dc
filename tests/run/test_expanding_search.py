"""A search that unlocks widths on its way: logged, scored anew, and resumed like any other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evonas.config.load import RunConfig, load_config, parse_config
from evonas.evaluation.scoring_context import open_scoring_context
from evonas.run.context import open_context
from evonas.run.engine import resume, search
from evonas.run.stages.supernet_store import last_supernet
from evonas.spaces.genome import from_text
from evonas.workflows.run_handle import Run
from reports.run_folder.folder import RunFolder
from tests.support.runs import StopAfter, with_

SMALL = {
    "data": {"limit": 300},
    "space": {
        "kind": "residual",
        "depth": 8,
        "channels": 4,
        "widths": [0.5, 1.0],
        "locked_widths": [1.5, 2.0],
        "weight_precisions": ["ternary", "2-bit"],
        "act_precisions": ["2-bit", "4-bit"],
    },
    "supernet": {"steps": 6, "expansion_steps": 2},
    "estimate": {
        "steps": 3,
        "anchors": 3,
        "calibration_images": 32,
        "scoring_images": 60,
    },
    "training": {"epochs": 4},
    "search": {"budget": 46, "population": 8, "expansion_share": 0.1, "predictors": ["ridge"], "trainings": 1},
    "compute": {"workers": 1},
}
COLUMNS = ["id", "origin", "generation", "stage", "genome", "error", "scored_error", "scored_loss", "model_size"]


@pytest.fixture(scope="module", autouse=True)
def _soon() -> Iterator[None]:
    """Expand from the first generation on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evonas.run.state.POPULATIONS_BETWEEN", 0)
        yield


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return parse_config(SMALL, source="tests")


@pytest.fixture(scope="module")
def expanded(config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return search(config, tmp_path_factory.mktemp("runs") / "expanded")


def test_widths_unlock_and_networks_of_the_new_width_are_evaluated(expanded: RunFolder, config: RunConfig) -> None:
    log = expanded.facts().expansions
    assert log
    assert all(entry.share > config.search.expansion_share for entry in log)
    space = open_context(config).network_space
    table = expanded.evaluations()
    for entry in log:
        index = [gene.name for gene in space.genes].index(entry.gene)
        opened = space.genes[index].choices.index(entry.opens)
        chosen = table["genome"].map(lambda text, index=index: int(text.split("-")[index]))
        before = table[(table["origin"] == "search") & (table["stage"] < entry.stage)]
        assert (chosen[before.index] < opened).all()
    widest = max(entry.stage for entry in log)
    assert (table.loc[table["origin"].isin(["search", "random"]), "stage"].max()) == widest
    assert (expanded.path / f"supernet.{widest}.safetensors").is_file()
    assert not list(expanded.path.glob("*.unfinished.*"))


def test_the_front_is_scored_by_the_last_supernet_alone(expanded: RunFolder) -> None:
    table = expanded.evaluations().set_index("id")
    front = Run(expanded).front()
    assert (table.loc[front["id"], "stage"] == table["stage"].max()).all()
    again = table[table["origin"] == "search"].groupby("genome")["stage"].nunique()
    assert (again > 1).any()  # survivors were scored anew


def test_the_last_supernet_is_found_again_with_the_space_that_it_covers(expanded: RunFolder) -> None:
    context = open_context(load_config(expanded.path / "run.toml"))
    checkpoint, space = last_supernet(expanded, context.networks)
    assert checkpoint.file == f"supernet.{expanded.facts().expansions[-1].stage}.safetensors"
    supernet = open_scoring_context(expanded.path, checkpoint, space).the_supernet
    for genome in Run(expanded).front()["genome"]:
        supernet.extract(space.decode(from_text(genome, space.genes)))


def test_rescoring_costs_no_budget(expanded: RunFolder, config: RunConfig) -> None:
    table = expanded.evaluations()
    assert table.loc[table["origin"] == "search", "genome"].nunique() == config.search.budget
    assert (table["origin"] == "random").sum() == config.search.budget


@pytest.mark.parametrize("at", [7, 75])
def test_an_interrupted_expanding_search_ends_the_same(
    expanded: RunFolder, config: RunConfig, tmp_path: Path, at: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(config, tmp_path / "run", observer=StopAfter(at))
    resumed = resume(RunFolder(tmp_path / "run"))
    assert (resumed.path / "front.csv").read_bytes() == (expanded.path / "front.csv").read_bytes()
    pd.testing.assert_frame_equal(resumed.evaluations()[COLUMNS], expanded.evaluations()[COLUMNS])
    assert resumed.facts().expansions == expanded.facts().expansions


@pytest.fixture
def inherited(config: RunConfig) -> RunConfig:
    """Without trainings, without baseline."""
    return with_(with_(config, "estimate", anchors=0), "search", has_baseline=False, trainings=0)


def test_a_share_of_one_never_expands(inherited: RunConfig, tmp_path: Path) -> None:
    run = search(with_(inherited, "search", expansion_share=1.0), tmp_path / "run")
    assert not run.facts().expansions
    assert (run.evaluations()["stage"] == 0).all()


def test_short_trainings_expand_without_a_supernet(inherited: RunConfig, tmp_path: Path) -> None:
    alone = with_(inherited, "search", predictors=())  # which see no reason to widen what one step does not train
    run = search(with_(alone, "estimate", method="short-training", steps=1), tmp_path / "run")
    assert run.facts().expansions
    assert not list(run.path.glob("supernet*"))
    genes = open_context(inherited).network_space.genes
    evaluated = np.array([from_text(text, genes) for text in run.evaluations()["genome"]])
    assert (evaluated.max(axis=0) >= [gene.n_open for gene in genes]).any()


def test_a_search_without_generations_expands_and_is_replayed(inherited: RunConfig, tmp_path: Path) -> None:
    run = search(with_(inherited, "search", mode="asynchronous"), tmp_path / "run")
    assert run.facts().expansions
    before = run.evaluations()[COLUMNS]
    assert before["stage"].max() > 0
    pd.testing.assert_frame_equal(resume(run).evaluations()[COLUMNS], before)
