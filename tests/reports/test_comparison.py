"""Comparisons of searches: pooled, paired and tested as they should be, on numbers that can be checked by hand."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evonas.config.load import parse_config
from evonas.run.engine import search
from evonas.spaces import Problem
from evonas.workflows.run_handle import Run
from reports.comparison.comparison import (
    bands_table,
    comparable_runs,
    compare,
    ends_table,
    holm,
    pairwise_table,
    ranking_table,
    repetitions,
    signed_rank,
    verdict,
    volumes_table,
)
from reports.figures.bands import bands_svg
from reports.pages.comparison_page import write_comparison
from reports.run_folder.folder import RunFolder


def curves(**searches: list[list[float]]) -> pd.DataFrame:
    """A curve a seed: hypervolumes after 10, 20, … networks."""
    rows = [
        (name, f"{name}{seed}", seed, "search", 10 * n, volume)
        for name, seeds in searches.items()
        for seed, curve in enumerate(seeds)
        for n, volume in enumerate(curve, start=1)
    ]
    return pd.DataFrame(rows, columns=["search", "run", "seed", "origin", "evaluations", "hypervolume"])


def test_searches_are_compared_after_as_many_networks_as_all_evaluated() -> None:
    ends = ends_table(curves(long=[[0.1, 0.2, 0.9]], short=[[0.15, 0.25]]))
    assert ends["evaluations"].tolist() == [20, 20]
    assert dict(zip(ends["search"], ends["hypervolume"], strict=True)) == {"long": 0.2, "short": 0.25}


def test_a_band_is_the_mean_and_a_standard_deviation_as_far_as_all_repetitions_go() -> None:
    bands = bands_table(curves(one=[[0.1, 0.3, 0.5], [0.3, 0.5]]))
    assert bands["evaluations"].tolist() == [10, 20]
    assert bands["mean"].tolist() == pytest.approx([0.2, 0.4])
    assert (bands["high"] - bands["mean"]).tolist() == pytest.approx([np.std([0.1, 0.3], ddof=1)] * 2)


def test_searches_are_paired_by_seed_and_the_verdict_says_what_is_more_than_luck() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(8)
    found = curves(good=[[v + 0.1 + 0.01 * i] for i, v in enumerate(base)], bad=[[v] for v in base])
    ends = ends_table(found)
    pairwise = pairwise_table(ends)
    assert pairwise.loc[0, "p"] == pytest.approx(2 / 2**8)  # eight wins of eight
    assert pairwise.loc[0, "wins"] == pairwise.loc[0, "pairs"] == 8
    ranking = ranking_table(ends, pairwise)
    assert ranking["search"].tolist() == ["good", "bad"]
    assert ranking["beats"].tolist() == [1, 0]
    assert "over every other is significant" in verdict(ranking, pairwise)


def test_too_few_seeds_are_said_to_be_too_few() -> None:
    ends = ends_table(curves(good=[[0.9]] * 3, bad=[[0.1], [0.2], [0.3]]))
    pairwise = pairwise_table(ends)
    assert pairwise.loc[0, "p"] == pairwise.loc[0, "least_p"] == 0.25
    assert "no lead could be; take more seeds" in verdict(ranking_table(ends, pairwise), pairwise)


def test_the_signed_rank_test_is_exact_with_ties_and_zeros_too() -> None:
    assert signed_rank(np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0])) == pytest.approx(2 / 2**6)
    assert signed_rank(np.zeros(5)) == 1
    assert np.isnan(signed_rank(np.array([0.3])))
    assert signed_rank(np.array([1.0, -1.0, 2.0, -2.0])) == 1


@given(arrays(float, st.integers(1, 8), elements=st.floats(0, 1)))
def test_holm_keeps_order_and_lies_between_p_and_bonferroni(p: np.ndarray) -> None:
    adjusted = holm(p)
    assert (adjusted >= p - 1e-12).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert adjusted.min() == pytest.approx(min(1.0, len(p) * p.min()))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    """Two budgets, two seeds each, and one run for other objectives."""
    problem = Problem(
        {name: tuple("01234567") for name in "abcd"},
        lambda chosen: {
            "near": float(sum((int(v) - 2) ** 2 for v in chosen.values())),
            "far": float(41 - sum(map(int, chosen.values()))),
        },
        objectives=["near", "far"],
    )
    found, home = [], tmp_path_factory.mktemp("runs")
    near_far, far_near = ["near", "far"], ["far", "near"]
    kinds = [(0, 30, near_far), (1, 30, near_far), (0, 50, near_far), (1, 50, near_far), (0, 30, far_near)]
    for n, (seed, budget, objectives) in enumerate(kinds):
        raw = {"objectives": objectives, "population": 8, "predictors": [], "budget": budget}
        config = parse_config({"seed": seed, "search": raw}, source="tests", given_space="Problem")
        found.append(search(config, home / f"run{n}", space=problem))
    return found


def test_runs_that_differ_in_the_seed_alone_are_repetitions(runs: list[RunFolder]) -> None:
    assert repetitions(runs[:4]) == ["search.budget=30"] * 2 + ["search.budget=50"] * 2


def test_other_objectives_are_another_group(runs: list[RunFolder]) -> None:
    assert [len(group.runs) for group in comparable_runs(runs)] == [4, 1]


def test_volumes_share_one_scale_so_the_union_of_two_runs_lies_above_both(runs: list[RunFolder]) -> None:
    volumes = volumes_table(runs[:2])
    bounds = [run.facts().bounds for run in runs[:2]]
    assert bounds[0] != bounds[1]  # else this proves nothing
    searched = volumes[volumes["origin"] == "search"]
    for run, curve in zip(runs[:2], (part for _, part in searched.groupby("run", sort=False)), strict=True):
        low = {name: min(b[name][0] for b in bounds) for name in run.objectives}
        high = {name: max(b[name][1] for b in bounds) for name in run.objectives}
        points = run.evaluations(origin="search")[["near", "far"]].to_numpy()
        scaled = (points - list(low.values())) / (np.array(list(high.values())) - list(low.values()))
        best = scaled[np.argsort(scaled[:, 0])]
        area, worst = 0.0, 1.0
        for x, y in best:  # in two dimensions a volume is a sum of rectangles
            if x < 1 and y < worst:
                area, worst = area + (1 - x) * (worst - y), y
        assert curve["hypervolume"].iloc[-1] == pytest.approx(area)


def test_the_page_states_means_and_tests_and_shows_names_as_text(runs: list[RunFolder], finished: Run) -> None:
    folder = runs[0].path.parent / "compared"
    all_of_them = [compare(group) for group in comparable_runs([*runs, finished.folder])]
    (folder / "comparison").mkdir(parents=True)
    (folder / "comparison" / "7-pairwise.csv").write_text("of an earlier comparison", encoding="utf-8")
    page = write_comparison(all_of_them, folder, title="a <script> & b").read_text(encoding="utf-8")
    assert not (folder / "comparison" / "7-pairwise.csv").exists()
    (found, *_) = [compare(group) for group in comparable_runs(runs)]
    assert "a &lt;script&gt; &amp; b" in page
    assert "<script>" not in page
    assert escape(found.verdict) in page
    assert f"{found.ranking['mean'].iloc[0]:.4f} ±" in page
    size = finished.folder.measures["model_size"].display(finished.front()["model_size"].min())
    assert f"<td>{size}</td>" in page  # in its unit
    assert "<td>nan</td>" not in page
    stored = pd.read_csv(folder / "comparison" / "0-ranking.csv")
    pd.testing.assert_frame_equal(stored, found.ranking, check_dtype=False)


def test_a_picture_of_bands_draws_every_name_and_nothing_outside_its_frame() -> None:
    table = pd.DataFrame(
        {
            "name": ["a"] * 3 + ["<b>"] * 2,
            "x": [1, 10, 100, 1, 100],
            "low": 0.0,
            "middle": [0.1, 0.5, 0.7, 0.2, 0.3],
            "high": 1.0,
        }
    )
    svg = bands_svg(table, x_title="bytes", y_title="error", is_log=True, step="post")
    assert svg.count("<polyline") == svg.count("<polygon") == 2
    assert "&lt;b&gt;" in svg
    lines = [part.partition('"')[0] for part in svg.split('points="')[1:]]
    places = np.array([[float(v) for v in place.split(",")] for line in lines for place in line.split()])
    assert (places >= 0).all()
    assert (places <= [720, 340]).all()
