"""The page of a run as a file: what it embeds is the archive's, to the digit, and cannot become markup."""

from __future__ import annotations

import base64
import gzip
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evonas.workflows.run_handle import Run
from reports.figures.network_drawing import drawing
from reports.pages import page_data
from reports.pages.html import packed_plotly, safe_json
from reports.pages.page import run_page
from reports.tables.estimates import error_texts
from reports.tables.front import front_table
from reports.tables.snapshot import Snapshot


def embedded(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


@given(st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists, max_leaves=6))
def test_embedded_json_holds_any_text_and_every_digit(value: object) -> None:
    text = safe_json(value)
    assert json.loads(text) == value
    assert not re.search("[<>&\u2028\u2029]", text)


def test_numbers_on_the_page_are_the_archives_to_the_digit(finished: Run) -> None:
    data = embedded(run_page(Snapshot(finished.folder)))
    front = front_table(finished.folder)
    networks = data["networks"]
    final = [at for at, is_final in enumerate(networks["isFinal"]) if is_final]
    assert [networks["id"][at] for at in final] == front["id"].tolist()
    assert [networks["genome"][at] for at in final] == front["genome"].tolist()
    every = finished.evaluations().set_index("id")
    for name, measure in finished.folder.measures.items():
        assert networks["values"][name] == every.loc[networks["id"], name].tolist()
        plain = [measure.display(value) for value in every.loc[networks["id"], name]]
        told = error_texts(finished.folder, every.loc[networks["id"]]) if name == "error" else plain
        assert networks["texts"][name] == told
        for origin, points in data["points"].items():
            alive = every[(every["origin"] == origin) & (every["reason"] == "")]
            assert points["id"] == alive.index.tolist()
            assert points[name] == alive[name].tolist()


def test_the_layers_of_the_front_are_on_the_page_and_add_up(finished: Run) -> None:
    data, front = embedded(run_page(Snapshot(finished.folder))), front_table(finished.folder)
    assert set(data["drawings"]) == set(map(str, front["id"]))
    for record in front.to_dict("records"):
        drawn = data["drawings"][str(record["id"])]
        assert sum(drawn["bytes"]) == record["model_size"]
        assert sum(drawn["macs"]) == record["macs"]
        assert len(drawn["box"]) == len(drawn["layer"])
        width, height = drawn["size"]
        for x, y, wide in drawn["box"]:
            assert x - wide / 2 >= 0
            assert x + wide / 2 <= width + 0.1
            assert 0 <= y < height


def test_boxes_of_a_row_do_not_overlap(finished: Run) -> None:
    for table in finished.folder.networks(front_table(finished.folder)["genome"]).values():
        rows: dict[float, list[tuple[float, float]]] = {}
        for x, y, wide in drawing(table)["box"]:
            rows.setdefault(y, []).append((x - wide / 2, x + wide / 2))
        for spans in map(sorted, rows.values()):
            assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_a_million_evaluations_do_not_swell_the_page(
    finished: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(page_data, "MOST_POINTS", 7)
    monkeypatch.setattr(page_data, "MOST_LAYERS", 1)
    page = run_page(Snapshot(finished.folder))
    data = embedded(page)
    assert len(data["points"]["search"]["id"]) == 7
    assert data["points"]["search"]["total"] == 40
    assert "Of 40 evaluated networks, 7 are drawn" in page
    assert str(data["knee"]) in data["drawings"]
    assert len(data["drawings"]) <= len(finished.front())
    assert sum(data["networks"]["isFinal"]) == len(finished.front())


def test_plotly_is_whole_and_the_page_may_ask_for_nothing(finished: Run) -> None:
    from plotly.offline import get_plotlyjs

    page = run_page(Snapshot(finished.folder))
    assert gzip.decompress(base64.b64decode(packed_plotly())).decode() == get_plotlyjs()
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!#)', page)


def test_the_page_is_the_same_every_time(finished: Run) -> None:
    assert run_page(Snapshot(finished.folder)) == run_page(Snapshot(finished.folder))
