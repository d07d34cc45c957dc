"""A Dask cluster gives the numbers that one process gives; without the package, the error says what to install."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evonas.config.load import RunConfig, load_config, parse_config
from evonas.errors import EvaluationError, RunFileError
from evonas.evaluation.scorers import InheritedWeights
from evonas.evaluation.scoring_context import Checkpoint, WorkerPayload, build_payload, open_scoring_context
from evonas.evaluation.workers.backend import Broadcast
from evonas.evaluation.workers.dask import Link, close_links
from evonas.evaluation.workers.pool import WorkerPool, map_in_order
from evonas.evaluation.workers.workers import Workers
from evonas.run.context import open_context
from evonas.run.engine import search
from evonas.spaces.genome import from_text
from evonas.workflows.run_handle import Run
from tests.support.jobs import fails, joined, twice
from tests.support.runs import assert_same_result, with_

BROADCAST = Broadcast("key", lambda: "!")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a cluster of two workers, in this process."""
    distributed = pytest.importorskip("distributed", reason="pip install 'evonas[dask]'")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        yield cluster.scheduler_address
        close_links()


def test_results_come_in_order_from_a_cluster(scheduler: str) -> None:
    workers = Workers(0, "dask", scheduler)
    assert list(map_in_order(twice, [(n,) for n in range(200)], workers=workers)) == list(range(0, 400, 2))
    with pytest.raises(ValueError, match="7"):
        list(map_in_order(fails, [(7,)], workers=workers))


def test_a_cluster_tells_how_many_it_is(scheduler: str) -> None:
    with WorkerPool(twice, Workers(0, "dask", scheduler)) as pool:
        assert pool.backend.capacity == 2


def test_a_search_on_a_cluster_is_the_same(scheduler: str, small_config: RunConfig, small: Run, tmp_path: Path) -> None:
    config = with_(small_config, "compute", backend="dask", scheduler=scheduler)
    assert_same_result(search(config, tmp_path / "dask"), small.folder)


def test_a_worker_that_does_not_see_the_run_works_from_what_it_was_sent(finished: Run, tmp_path: Path) -> None:
    space = open_context(load_config(finished.path / "run.toml")).network_space
    checkpoint = Checkpoint("supernet.safetensors", finished.folder.facts().supernets[0])
    payload = build_payload(finished.path, checkpoint)
    genome = from_text(finished.front()["genome"].iloc[0], space.genes)
    here = open_scoring_context(finished.path, checkpoint, space)
    there = open_scoring_context(tmp_path / "elsewhere", checkpoint, space, payload)
    architecture = space.decode(genome)
    assert InheritedWeights().score(here, architecture) == InheritedWeights().score(there, architecture)


def test_a_worker_never_takes_one_run_for_another(tiny_config: RunConfig, tmp_path: Path) -> None:
    """Run folders of one name: on another machine, in another folder that one stands in, or used again."""
    context, nowhere = open_context(tiny_config), tmp_path / "runs" / "first"
    for seed in (1, 2):
        payload = WorkerPayload(f"run {seed}", tiny_config.model_copy(update={"seed": seed}), context.dataset, b"")
        assert open_scoring_context(nowhere, None, context.network_space, payload).config.seed == seed
    nowhere.mkdir(parents=True)
    for seed in (3, 4):
        (nowhere / "run.toml").write_text(f"seed = {seed}\n", encoding="utf-8")
        assert open_scoring_context(nowhere, None, context.network_space).config.seed == seed
        assert open_scoring_context(nowhere, None, context.network_space, payload).config.seed == 2


def test_a_cluster_without_workers_is_waited_for(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, told = [0, 0, 0], Link.n_threads
    monkeypatch.setattr(Link, "n_threads", lambda link: seen.pop() if seen else told(link))
    workers = Workers(0, "dask", scheduler)
    with WorkerPool(joined, workers, broadcast=BROADCAST) as pool:
        with pytest.warns(UserWarning, match="waiting for the first"):
            pool.submit("a")
        assert pool.next_done() == (0, "a!")
    assert not seen


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="pip install 'evonas[dask]'")
    monkeypatch.setattr("evonas.evaluation.workers.dask.PATIENCE", 0.3)
    with pytest.raises(EvaluationError, match="dask scheduler"):
        Workers(0, "dask", "tcp://127.0.0.1:9").start()


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RunFileError, match=r"evonas\[dask\]"):
        Workers(0, "dask", "tcp://127.0.0.1:8786").start()


@pytest.mark.parametrize("compute", [{"backend": "dask"}, {"scheduler": "tcp://h:1"}, {"backend": "ray"}])
def test_a_backend_that_cannot_be_is_a_mistake_in_the_run_file(compute: dict[str, str]) -> None:
    with pytest.raises(RunFileError, match="compute"):
        parse_config({"compute": compute}, source="tests")
