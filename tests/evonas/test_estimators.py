from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evonas.config import RunConfig
from evonas.engine import resume, search
from evonas.estimation import COSTS
from evonas.run import Run
from reports.run_folder import RunFolder
from surrogates.correction import fit_correction
from tests.evonas.test_engine import WITHOUT_CLOCK, StopAfter, with_


@pytest.fixture(scope="module")
def tuned(tiny_config: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    config = with_(with_(tiny_config, "estimate", tuning_steps=2), "search", budget=20, has_baseline=False)
    return Run(search(config, tmp_path_factory.mktemp("runs") / "tuned"))


def test_errors_are_what_the_correction_makes_of_inherited_losses(finished: Run) -> None:
    """Fitted once more to what the archive holds, it gives the errors that the archive holds."""
    table = finished.evaluations()
    pairs = table[table["origin"] == "inherited"].merge(table[table["origin"] == "brief"], on="genome")
    correction = fit_correction(
        pairs["loss_x"].to_numpy(),
        pairs[[f"{name}_x" for name in COSTS]].to_numpy(dtype=float),
        names=COSTS,
        true_losses=pairs["loss_y"].to_numpy(),
        true_errors=pairs["error_y"].to_numpy(),
    )
    assert correction is not None
    found = table[table["origin"].isin(["search", "random"])]
    errors, spread = correction.predict(found["loss"].to_numpy(), found[list(COSTS)].to_numpy(dtype=float))
    assert found["error"].to_numpy() == pytest.approx(errors)
    assert found["spread"].to_numpy() == pytest.approx(spread)
    assert found["raw_error"].between(0, 1).all()
    assert finished.folder.meta("correction of inherited") == pytest.approx(correction.facts)


def test_without_correction_networks_errors_are_inherited(tiny_config: RunConfig, tmp_path: Path) -> None:
    config = with_(tiny_config, "estimate", correction_networks=0)
    run = Run(search(with_(config, "search", budget=8, has_baseline=False), tmp_path / "run"))
    table = run.evaluations()
    assert table["raw_error"].isna().all()
    assert set(table["origin"]) == {"search"}
    heldout = len(run.folder.settings) and 287
    assert (table["error"] * heldout).round(6).apply(float.is_integer).all()


def test_candidates_of_the_front_are_tuned_and_make_the_front(tuned: Run) -> None:
    table = tuned.evaluations()
    rescored = table[table["origin"] == "tuned"]
    front = tuned.front()
    assert set(front["id"]) <= set(rescored["id"])
    assert set(rescored["genome"]) <= set(table.loc[table["origin"] == "search", "genome"])
    both = rescored.merge(table[table["origin"] == "search"], on="genome", suffixes=("", "_before"))
    assert (both["loss"] != both["loss_before"]).all()
    assert (both["model_size"] == both["model_size_before"]).all()
    assert {"inherited, tuned", "inherited", "brief"} <= set(table["origin"])


def test_tuning_leaves_the_supernet_as_it_is(tuned: Run, tmp_path: Path, tiny_config: RunConfig) -> None:
    config = with_(tiny_config, "search", budget=20, has_baseline=False)
    plain = Run(search(config, tmp_path / "plain"))
    first, second = (run.evaluations().query("origin == 'search'").reset_index() for run in (plain, tuned))
    pd.testing.assert_series_equal(first["loss"], second["loss"])


@pytest.mark.parametrize("at", [5, 25, 40, 58])
def test_an_interrupted_run_with_all_estimates_ends_the_same(
    tuned: Run, tiny_config: RunConfig, tmp_path: Path, at: int
) -> None:
    config = with_(with_(tiny_config, "estimate", tuning_steps=2), "search", budget=20, has_baseline=False)
    with pytest.raises(KeyboardInterrupt):
        search(config, tmp_path / "run", observer=StopAfter(at))
    resumed = resume(RunFolder(tmp_path / "run"))
    assert (resumed.path / "front.csv").read_bytes() == (tuned.path / "front.csv").read_bytes()
    pd.testing.assert_frame_equal(resumed.evaluations()[WITHOUT_CLOCK], tuned.evaluations()[WITHOUT_CLOCK])


def test_brief_trainings_give_the_same_values_whatever_the_workers(tiny_config: RunConfig, tmp_path: Path) -> None:
    config = with_(with_(tiny_config, "estimate", method="short-training", steps=3), "search", budget=10)
    runs = [
        Run(search(with_(config, "compute", workers=workers), tmp_path / str(workers))).evaluations()
        for workers in (1, 2)
    ]
    pd.testing.assert_frame_equal(*(run[WITHOUT_CLOCK] for run in runs))
    assert runs[0]["raw_error"].isna().all()
    assert np.isfinite(runs[0]["loss"]).all()
