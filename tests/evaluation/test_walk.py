"""The way of a genome from ask to page, as ARCHITECTURE.md tells it: how often it is decoded and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evonas.config.load import RunConfig
from evonas.run.engine import search
from evonas.spaces import CellSpace
from evonas.spaces.genome import to_text
from reports.run_folder.facts import Origin
from reports.tables.front import front_table
from tests.support.runs import with_


def test_an_evaluation_is_one_decode_and_one_count_and_one_more_decode_on_the_front(
    tiny_config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_(with_(tiny_config, "supernet", steps=2), "search", predictors=())
    config = with_(with_(config, "estimate", anchors=0), "search", has_baseline=False, trainings=0)
    decoded: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    decode, batch_layers = CellSpace.decode, CellSpace.batch_layers

    def counting_decode(self: CellSpace, genome: Any) -> Any:
        decoded[to_text(genome)] += 1
        return decode(self, genome)

    def counting_layers(self: CellSpace, genomes: Any) -> Any:
        counted.update(map(to_text, genomes))
        return batch_layers(self, genomes)

    with monkeypatch.context() as patch:
        patch.setattr(CellSpace, "decode", counting_decode)
        patch.setattr(CellSpace, "batch_layers", counting_layers)
        run = search(config, tmp_path / "run")
    searched = [row.genome for row in run.rows() if row.origin == Origin.SEARCH]
    on_front = set(front_table(run)["genome"])
    others = [genome for genome in searched if genome not in on_front]
    assert len(searched) == config.search.budget
    assert {decoded[genome] for genome in others} == {1}
    assert {decoded[genome] for genome in on_front} == {2}
    assert {counted[genome] for genome in searched} == {1}
