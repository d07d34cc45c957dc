"""How far estimates can be trusted: what is trained, on which images, and what is said about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evonas.config.load import RunConfig
from evonas.errors import SelectionError
from evonas.run.context import open_context
from evonas.run.engine import search
from evonas.spaces.genome import from_text
from evonas.training.datasets.dataset import folds, load_dataset
from evonas.workflows import trust
from evonas.workflows.run_handle import Run, open_run
from evonas.workflows.trust import FLOORS, chosen_networks, trust_sentence, trust_table, truth
from reports.tables.estimates import trust_texts
from surrogates.rank_quality import rank_quality
from tests.support.run_folders import copied
from tests.support.runs import with_


@pytest.fixture(scope="module", autouse=True)
def _few_resamples() -> Iterator[None]:
    """Intervals are those of ``rank_quality``, which has tests of its own; here they need only be there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trust, "rank_quality", partial(rank_quality, resamples=40))
        yield


@pytest.fixture(scope="module")
def trusted(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("trust") / "run"
    copied(finished.path, path)
    run = open_run(path)
    run.trust(networks=6, seeds=2, epochs=1, workers=1)
    return run


def test_it_says_how_every_score_ranks_and_keeps_it(trusted: Run) -> None:
    stored = trusted.folder.facts().trust
    assert stored is not None
    assert [row["score"] for row in stored.table] == ["estimate", "score", *FLOORS, "another training"]
    assert (stored.networks, stored.seeds) == (6, 2)
    assert len(trusted.folder.truths()) == 12
    page = (trusted.path / "report.html").read_text()
    assert stored.sentence in page.replace("&#x27;", "'")
    assert "another training" in page
    texts = trust_texts(trusted.folder).set_index("ranking by")["tau [95 %]"]
    assert re.fullmatch(r"-?\d\.\d\d \[-?\d\.\d\d, -?\d\.\d\d\]", texts["estimate"])
    assert re.fullmatch(r"-?\d\.\d\d", texts["another training"])  # a mean over seeds has no interval


def test_asked_again_it_trains_only_what_is_missing(trusted: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    before = trusted.folder.facts().trust
    monkeypatch.setattr("evonas.workflows.trust._train_one", lambda *job: pytest.fail("trained twice"))
    trusted.trust(networks=6, seeds=2, epochs=1, workers=1)
    assert trusted.folder.facts().trust == before


def test_estimate_and_truth_share_no_image_and_the_test_set_is_not_read(tiny_config: RunConfig) -> None:
    data = load_dataset(tiny_config.data)
    space = open_context(tiny_config).network_space
    architecture = space.decode(space.repair(np.zeros(len(space.genes), dtype=np.int64)))
    data.test.images.fill_(255)
    blank = truth(architecture, data, tiny_config, seed=1, n_folds=3)
    assert blank == truth(architecture, load_dataset(tiny_config.data), tiny_config, seed=1, n_folds=3)
    part = folds(data.train.labels, n=3, seed=tiny_config.data.split_seed)[1]
    assert (blank.error * len(part)) == pytest.approx(round(blank.error * len(part)))  # measured on that part alone


@given(st.lists(st.integers(0, 3), min_size=12, max_size=60), st.integers(2, 5), st.integers(0, 9))
def test_folds_are_disjoint_whole_and_stratified(labels: list[int], n: int, seed: int) -> None:
    parts = folds(torch.tensor(labels), n=n, seed=seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for label in set(labels):
        counts = [sum(labels[index] == label for index in part) for part in parts]
        assert max(counts) - min(counts) <= 1


def test_networks_that_the_run_measured_itself_are_not_asked(finished: Run) -> None:
    table = finished.evaluations()
    measured = set(table.loc[table["fidelity"] == "trained", "genome"])
    chosen = chosen_networks(finished.folder, n=20)
    assert measured
    assert not measured & set(chosen["genome"])
    assert chosen["genome"].is_unique
    assert chosen["model_size"].is_monotonic_increasing
    space = finished.context.network_space
    assert all(space.decode(from_text(text, space.genes)) for text in chosen["genome"])


@pytest.mark.parametrize(("networks", "seeds", "found"), [(3, 2, "3 wanted"), (6, 1, "1")])
def test_too_little_to_compare_is_refused(finished: Run, networks: int, seeds: int, found: str) -> None:
    with pytest.raises(SelectionError, match=found):
        finished.trust(networks=networks, seeds=seeds, workers=1)


def table_for(scores: dict[str, np.ndarray], truths: np.ndarray) -> pd.DataFrame:  # type: ignore[type-arg]
    return trust_table(scores, truths, sizes=np.linspace(1000, 2000, len(truths)))


def test_the_sentence_follows_the_numbers() -> None:
    rng = np.random.default_rng(0)
    true = np.exp(np.linspace(-4, -1, 24))
    truths = true[:, None] * np.exp(0.01 * rng.normal(size=(24, 3)))
    floors = {name: rng.permutation(true) for name in FLOORS}
    good = true * np.exp(0.05 * rng.normal(size=24))
    sentence = trust_sentence(good, truths.mean(axis=1), table_for({"estimate": good, **floors}, truths))
    assert sentence.startswith("Trust differences above a factor of 1.")
    assert "alone" not in sentence
    bad = rng.permutation(true)
    better = {**floors, "bitops": true}
    sentence = trust_sentence(bad, truths.mean(axis=1), table_for({"estimate": bad, **better}, truths))
    assert "Ranking by bitops alone" in sentence


def test_the_ceiling_is_what_a_repeated_training_shows() -> None:
    rng = np.random.default_rng(1)
    true = np.exp(np.linspace(-4, -1, 40))
    quiet = true[:, None] * np.exp(0.01 * rng.normal(size=(40, 3)))
    noisy = true[:, None] * np.exp(1.5 * rng.normal(size=(40, 3)))
    ceilings = [table_for({"estimate": true}, truths)["tau"].iloc[-1] for truths in (quiet, noisy)]
    assert ceilings[0] > 0.95
    assert ceilings[1] < 0.6


def test_trust_of_a_run_without_a_supernet(tiny_config: RunConfig, tmp_path: Path) -> None:
    config = with_(with_(tiny_config, "estimate", method="short-training", steps=2), "search", budget=8)
    run = Run(search(config, tmp_path / "short"))
    assert not list(run.path.glob("supernet*"))
    table = run.trust(networks=5, seeds=2, epochs=1, workers=1)
    assert table["score"].tolist() == ["estimate", "score", *FLOORS, "another training"]
    assert "From a short training" in (run.path / "report.html").read_text()
