from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.config.load import RunConfig
from evonas.run.context import open_context
from evonas.run.engine import resume, search
from evonas.run.problems.estimate_choice import Times, choose_method, compare
from evonas.workflows.run_handle import Run
from tests.support.runs import with_

SLOW_SUPERNET = Times(step=0.01, score=0.1, short=1.1)


def chosen(networks: int, times: Times = SLOW_SUPERNET, workers: int = 2) -> str:
    return compare(times, networks=networks, steps=3000, workers=workers)[0]


def test_the_break_even_is_where_both_take_as_long() -> None:
    """30 s of training; with two workers each network saves half a second."""
    assert chosen(59) == "short-training"
    assert chosen(61) == "one-shot"
    _, reason = compare(SLOW_SUPERNET, networks=600, steps=3000, workers=2)
    assert "from 60 networks on" in reason
    assert reason.startswith("one-shot: 600 networks take about 60 s")


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_more_networks_never_speak_against_a_supernet(networks: int, workers: int) -> None:
    if chosen(networks, workers=workers) == "one-shot":
        assert chosen(2 * networks, workers=workers) == "one-shot"


def test_a_supernet_that_scores_no_faster_never_pays() -> None:
    method, reason = compare(Times(0.01, 2.0, 1.0), networks=10**6, steps=10, workers=1)
    assert method == "short-training"
    assert "for no number" in reason


def test_it_times_this_machine(tiny_config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evonas.run.problems.estimate_choice.NETWORKS", 2)
    context = open_context(tiny_config)
    method, reason = choose_method(context.config, context.network_space, context.dataset)
    assert reason.startswith(method)
    assert method in {"one-shot", "short-training"}


@pytest.mark.usefixtures("pages")
def test_what_auto_chose_stands_in_the_run_and_stays(
    tiny_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_(
        with_(tiny_config, "estimate", method="auto", steps=1, anchors=0),
        "search",
        budget=8,
        has_baseline=False,
        trainings=0,
    )
    choose = "evonas.run.problems.network_problem.choose_method"
    monkeypatch.setattr(choose, lambda *given: ("short-training", "because I say so"))
    run = Run(search(config, tmp_path / "auto"))
    assert run.folder.settings["estimate"]["method"] == "short-training"
    assert run.folder.facts().estimate_reason == "because I say so"
    assert "because I say so" in (run.path / "report.html").read_text()
    monkeypatch.setattr(choose, lambda *given: pytest.fail("chosen twice"))
    before = (run.path / "front.csv").read_bytes()
    resume(run.folder)
    assert (run.path / "front.csv").read_bytes() == before
