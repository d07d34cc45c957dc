"""The check that users make of the search: it runs, and says no where the order is not as it should be."""

from __future__ import annotations

import pandas as pd
import pytest

from evonas.workflows import selfcheck as file
from evonas.workflows.selfcheck import is_sound, selfcheck
from tests.cli.conftest import Here


def test_the_search_is_ahead_of_its_parts_on_the_table_that_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "COUNTS", (50, 100))
    table = selfcheck(seeds=1)
    assert list(table["search"]) == ["evonas", "evolution alone", "random search"]
    assert table[[50, 100]].to_numpy().max() <= 1
    assert (table[100] >= table[50]).all()
    assert is_sound(table)
    assert not is_sound(table.assign(search=list(table["search"])[::-1]))


def test_a_search_that_is_behind_its_parts_is_told(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    worse = pd.DataFrame({"search": list(file.SEARCHES), "seed": 0, **{n: [0.5, 0.6, 0.7] for n in file.COUNTS}})
    monkeypatch.setattr("evonas.cli.search_actions.run_selfcheck", lambda **_: worse)
    found = here("selfcheck")
    assert found.returncode == 1
    assert "searches no better than simpler methods" in found.stderr
    assert "evolution alone" in found.stdout
