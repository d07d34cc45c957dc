"""Questions about a run, answered as tables: histories, genes, effects of choices, attainment, comparisons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from objectives.fronts.pareto import is_nondominated
from objectives.held_out import quality_value
from reports.comparison.attainment import attainment_table
from reports.comparison.runs import common_convergence, common_scaling, run_labels, runs_table, setting_differences
from reports.run_folder.folder import RunFolder
from reports.tables.convergence import convergence_table
from reports.tables.front import front_history, front_table, knee_id
from reports.tables.genes import GeneLabels, choice_history, choice_table, gene_labels
from reports.tables.query import QueryError
from reports.tables.sensitivity import fit_choices, sensitivity
from reports.tables.trainings import ClassResults, class_table, class_texts, confusions, training_texts
from tests.support.run_folders import BOUNDS, folder_at, row

GENES = [{"name": "width", "choices": ["1", "2", "3"]}, {"name": "op", "choices": ["conv", "pool"]}]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Five generations of forty random points, and forty random ones; a third gene numbers the genomes."""
    rng, rows = np.random.default_rng(0), []
    for n in range(240):
        genome = f"{rng.integers(3)}-{rng.integers(2)}-{n}"
        origin, generation = ("search", n // 40) if n < 200 else ("random", 0)
        error, size, bitops = float(rng.uniform(0.05, 0.9)), int(rng.integers(100, 9000)), int(rng.integers(1e3, 1e5))
        rows.append(row(origin, error, size, bitops, generation=generation, genome=genome))
    folder = folder_at(tmp_path_factory.mktemp("tables") / "run", *rows)
    numbers = {"name": "number", "choices": [str(n) for n in range(240)]}
    folder.store(genes=[*GENES, numbers])
    return folder


def test_a_history_is_the_front_after_every_generation(searched: RunFolder) -> None:
    history, names = front_history(searched), list(searched.objectives)
    found = searched.evaluations(origin="search")
    for generation in range(5):
        so_far = found[found["generation"] <= generation]
        expected = set(so_far.loc[is_nondominated(so_far[names].to_numpy(dtype=float)), "id"])
        until = history["until"].fillna(99)
        assert set(history.loc[(history["since"] <= generation) & (generation < until), "id"]) == expected
    assert set(history.loc[history["until"].isna(), "id"]) == set(front_table(searched)["id"])


def test_weights_move_the_knee_and_equal_ones_do_not(searched: RunFolder) -> None:
    front = front_table(searched)
    assert knee_id(searched, front, weights=dict.fromkeys(searched.objectives, 3.0)) == knee_id(searched, front)
    sizes = [
        front.set_index("id")["model_size"][knee_id(searched, front, weights={"error": 1.0, "model_size": weight})]
        for weight in (0.01, 1, 100)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]


def test_shares_of_choices_add_up_and_count_the_front(tmp_path: Path) -> None:
    rows = [
        row("search", 0.5, 200, genome="0-0"),
        row("search", 0.1, 1000, genome="2-0", generation=1),
        row("search", 0.05, 2000, genome="2-1", generation=1),
        row("search", 0.9, 5000, genome="1-1"),
        row("random", 0.9, 5000, genome="1-1"),
    ]
    folder = folder_at(tmp_path, *rows)
    folder.store(genes=GENES)
    table = choice_table(folder).set_index(["gene", "choice"])
    assert table.loc["width", "front"].tolist() == pytest.approx([1 / 3, 0, 2 / 3])
    assert table.loc["op", "front"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert table.loc["width", "random"].tolist() == [0, 1, 0]
    history = choice_history(folder)
    widths = {
        generation: part["share"].tolist()
        for generation, part in history.query("gene == 'width'").groupby("generation")
    }
    assert widths == {0: [1, 0, 0], 1: pytest.approx([1 / 3, 0, 2 / 3])}  # 1-1 is dominated from the start
    assert np.allclose(history.groupby(["generation", "gene"])["share"].sum(), 1)


def test_genes_are_called_as_the_run_stores_them(searched: RunFolder) -> None:
    assert gene_labels(searched)[:2] == (GeneLabels("width", ("1", "2", "3")), GeneLabels("op", ("conv", "pool")))


def planted(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[GeneLabels]]:
    rng = np.random.default_rng(seed)
    labels = [GeneLabels("width", ("1", "2", "3")), GeneLabels("op", ("a", "b")), GeneLabels("idle", ("x", "y"))]
    choices = np.stack([rng.integers(len(gene.choices), size=n) for gene in labels], axis=1)
    values = np.array([0.0, 0.1, 0.3])[choices[:, 0]] + 0.05 * choices[:, 1] + rng.normal(0, 0.05, n)
    return choices, values, labels


def test_effects_of_choices_are_found_and_idle_genes_are_idle() -> None:
    effects, genes, explained = fit_choices(*planted(600, 0))
    assert genes["gene"].tolist() == ["width", "op", "idle"]
    assert genes[["best", "worst"]].iloc[0].tolist() == ["1", "3"]
    assert genes["change"].iloc[:2].tolist() == pytest.approx([0.3, 0.05], abs=0.02)
    assert genes["low"].iloc[2] < 0.01
    assert 0.75 < explained < 1
    assert np.allclose(effects.groupby("gene")["effect"].sum(), 0)
    assert effects.groupby("gene")["networks"].sum().tolist() == [600] * 3


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = []
    for seed in range(60):
        effects, _, _ = fit_choices(*planted(200, seed))
        part = effects[effects["gene"] == "width"]
        truth = np.array([0.0, 0.1, 0.3]) - 0.4 / 3
        held += ((part["low"] <= truth) & (truth <= part["high"])).tolist()
    assert 0.88 < np.mean(held) < 0.995


def test_sensitivity_says_little_of_few_networks(searched: RunFolder, tmp_path: Path) -> None:
    assert sensitivity(searched).networks == 240
    few = sensitivity(folder_at(tmp_path, row("search", 0.5, 200, genome="0-0")))
    assert few.genes.empty
    assert few.effects.empty


def repeated(tmp_path: Path) -> list[RunFolder]:
    fronts = ([(0.5, 200), (0.1, 1000)], [(0.4, 300), (0.2, 800)], [(0.6, 500), (0.05, 2000)])
    return [
        folder_at(tmp_path / str(seed), *(row("search", *point) for point in front), seed=seed)
        for seed, front in enumerate(fronts)
    ]


def test_attainment_is_ordered_and_never_rises(tmp_path: Path) -> None:
    table = attainment_table(repeated(tmp_path), cost="model_size")
    assert table["cost"].tolist() == [200, 300, 500, 800, 1000, 2000]
    assert table["best"].tolist() == [0.5, 0.4, 0.4, 0.2, 0.1, 0.05]
    assert table["median"].tolist()[1:] == [0.5, 0.5, 0.5, 0.2, 0.1]
    assert table["worst"].tolist()[2:] == [0.6, 0.6, 0.6, 0.2]
    assert np.isnan(table["median"].iloc[0])
    for level in ("best", "median", "worst"):
        assert table[level].dropna().is_monotonic_decreasing


def test_runs_are_compared_on_one_scale(tmp_path: Path) -> None:
    runs = repeated(tmp_path)
    runs[1].store(bounds=BOUNDS | {"error": (0.0, 1.0), "model_size": (50.0, 10_000.0)})
    scaling = common_scaling(runs)
    assert scaling.bounds["error"] == (0.0, 1.0)
    assert scaling.bounds["model_size"] == (50.0, 10_000.0)
    table = common_convergence(runs)
    for run, label in zip(runs, run_labels(runs), strict=True):
        own = convergence_table(run, scaling=scaling)["hypervolume"].tolist()
        assert table.loc[table["run"] == label, "hypervolume"].tolist() == own
    summary = runs_table(runs).set_index("run")
    assert summary["best error"].tolist() == [0.1, 0.2, 0.05]
    assert summary["networks"].tolist() == [2, 2, 2]
    assert setting_differences(runs).set_index("setting").loc["seed"].tolist() == [0, 1, 2]


def test_runs_of_other_objectives_share_no_volume(tmp_path: Path) -> None:
    runs = [
        folder_at(tmp_path / "a", row("search", 0.5, 200)),
        folder_at(tmp_path / "b", row("search", 0.5, 200), objectives=["error", "model_size"]),
    ]
    with pytest.raises(QueryError, match="same objectives"):
        common_scaling(runs)
    assert runs_table(runs)["hypervolume"].isna().all()


def test_labels_tell_runs_of_one_name_apart(tmp_path: Path) -> None:
    runs = [folder_at(tmp_path / one / "run") for one in ("a", "b")]
    assert run_labels(runs) == ["a/run", "b/run"]
    assert run_labels(runs[:1]) == ["run"]


def test_trainings_read_as_means_over_seeds(tmp_path: Path) -> None:
    folder = folder_at(tmp_path, row("search", 0.5, 200, genome="0-0"))
    facts = {
        "evaluation": 1,
        "genome": "0-0",
        "epochs": 3,
        "recipe": "r",
        "test_loss": 1.0,
        "test_images": 9,
    }
    for seed, error in enumerate((0.1, 0.2)):
        folder.append_training(
            **facts, seed=seed, test_error=error, seconds=1.0, weights="w", sha256="", warnings="[]", confusion="[]"
        )
    expected = pd.DataFrame(
        {"id": [1], "genome": ["0-0"], "accuracy": ["85.00 ± 7.07 %"], "seeds": ["0, 1"], "epochs": [3]}
    )
    pd.testing.assert_frame_equal(training_texts(folder), expected)


def test_of_many_classes_the_worst_and_the_most_frequent_confusions_are_shown() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, (30, 30)) + np.diag(rng.integers(5, 60, 30))
    counts[3], counts[4, :], counts[:, 4] = 0, 0, 0  # one class without images, one that is not predicted either
    counts[7, 8], counts[9, 7] = 50, 40
    found = ClassResults(tuple(f"class {number}" for number in range(30)), counts, "images")
    table = class_table(found)
    assert table["images"].tolist() == counts.sum(axis=1).tolist()
    assert table[["recall", "f1"]].isna().sum().tolist() == [2, 1]
    assert 1 - table["recall"].mean() == pytest.approx(quality_value("balanced_error", counts.tolist()))
    assert 1 - table["f1"].mean() == pytest.approx(quality_value("macro_f1_error", counts.tolist()))
    texts = class_texts(found)
    assert texts["class"].tolist() == table.sort_values("f1", kind="stable")["class"].head(20).tolist()
    assert texts["recall"].iloc[0] == "–"
    pairs = confusions(found)
    assert len(pairs) == 20
    assert pairs.iloc[:2, :3].to_numpy().tolist() == [["class 7", "class 8", "50"], ["class 9", "class 7", "40"]]
    assert confusions(ClassResults(("a", "b"), np.diag([3, 4]), "images")).empty
