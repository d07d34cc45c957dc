"""The run file: complete, checked at once, every mistake named with its remedy, every key documented."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from evonas.config.load import RunConfig, dump_config, load_config, parse_config
from evonas.errors import RunFileError, RunFileWarning

ROOT = Path(__file__).parents[2]


def test_the_dumped_run_file_is_complete_and_reads_back_the_same(tmp_path: Path) -> None:
    config = parse_config({"seed": 3, "search": {"constraints": {"model_size": 4096}}}, source="tests")
    path = tmp_path / "run.toml"
    path.write_text(dump_config(config))
    assert load_config(path) == config
    for section, model in RunConfig.model_fields.items():
        assert section in path.read_text()
        if isinstance(model.annotation, type) and issubclass(model.annotation, BaseModel):
            assert all(f"{key} = " in path.read_text() or key == "constraints" for key in model.annotation.model_fields)


def test_overrides_lie_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed = 1\n[search]\nbudget = 100\npopulation = 10\n")
    config = load_config(path, {"seed": 2, "search": {"budget": 60}})
    assert (config.seed, config.search.budget, config.search.population) == (2, 60, 10)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"estimate": {"tuning_steps": 50}}, r"tuning_steps is no key any more\n[^$]*set trainings under \[search\]"),
        ({"serch": {}}, r"unknown key serch[^$]*did you mean 'search'"),
        ({"search": {"buget": 3}}, r"unknown key search.buget[^$]*did you mean 'budget'"),
        ({"search": {"budget": 0}}, r"search.budget = 0 \(input should be greater than or equal to 1\)"),
        ({"search": {"budget": "many"}}, r"search.budget = 'many'"),
        ({"search": {"objectives": ["eror"]}}, r"search.objectives: 'eror' is unknown[^$]*did you mean 'error'"),
        ({"search": {"objectives": []}}, r"search.objectives"),
        ({"search": {"constraints": {"model_sise": 1}}}, r"did you mean 'model_size'"),
        ({"search": {"constraints": {"model_size": float("inf")}}}, r"finite number"),
        ({"search": {"constraints": {"model_size": "0 base"}}}, r"greater than 0"),
        ({"space": {"weight_precisions": ["9-bit"]}}, r"'9-bit' is unknown, did you mean '"),
        ({"space": {"act_precisions": ["binary", "binary"]}}, r"twice"),
        ({"space": {"ops": ["none"]}}, r"at least one operation besides none"),
        ({"space": {"cells": ["normal", "reduktion"]}}, r"did you mean 'reduction'"),
        ({"space": {"kind": "trees"}}, r"space.kind = 'trees'"),
        ({"data": {"test_share": 1.5}}, r"data.test_share = 1.5"),
        ({"name": "a/b"}, r"name = 'a/b'"),
        ({"search": 3}, r"search = 3"),
        ({"quantizers": {"binary_weight": "xnorr", "ternary_act": "tga"}}, r"'xnorr' is unknown.*'tga' is unknown"),
        ({"data": {"split_seed": -1}}, r"data.split_seed = -1"),
        ({"data": {"source": "~nobody-of-that-name/x.npz"}}, r"paths that exist"),
        ({"space": {"expansions": [1.0, 1.0]}}, r"must ascend"),
        ({"compute": {"workers": -1}}, r"compute.workers = -1"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(RunFileError) as caught:
        parse_config(raw, source="run.toml")
    assert re.search(message, str(caught.value)), str(caught.value)
    assert re.match(r"wanted: .+\nfound:  .+\nto do:  .+", str(caught.value))


def test_a_value_where_a_section_belongs_is_named_even_with_overrides() -> None:
    with pytest.raises(RunFileError, match="search = 3"):
        parse_config({"search": 3}, {"search": {"budget": 5}}, source="run.toml")


def test_names_and_paths_are_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    config = parse_config(
        {"data": {"source": "shirts and more.npz"}, "quantizers": {"binary_act": "mine.py:Q"}}, source="tests"
    )
    assert config.name == "shirts-and-more"
    assert config.data.source == str(tmp_path / "shirts and more.npz")
    assert config.quantizers.binary_act == f"{tmp_path / 'mine.py'}:Q"
    assert parse_config({}, source="tests").name == "digits"


def test_features_get_fully_connected_networks_unless_another_space_is_named() -> None:
    raw = {"data": {"axes": "features"}}
    assert parse_config(raw, source="test").space.kind == "dense"
    assert parse_config({**raw, "space": {"layers": 2}}, source="test").space.kind == "dense"
    assert parse_config({**raw, "space": {"kind": "cells"}}, source="test").space.kind == "cells"
    assert parse_config({"data": {"axes": "time"}}, source="test").space.kind == "cells"


def test_precisions_are_put_in_order_of_bits() -> None:
    config = parse_config({"space": {"act_precisions": ["8-bit", "binary", "ternary"]}}, source="tests")
    assert config.space.act_precisions == ("binary", "ternary", "8-bit")


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(RunFileError) as caught:
        parse_config(
            {"seed": -1, "data": {"sorce": "x"}, "search": {"population": 1, "objectives": ["eror"]}},
            source="run.toml",
        )
    assert all(where in caught.value.found for where in ("seed", "data.sorce", "search.population", "'eror'"))


@pytest.mark.parametrize("content", ["= 3", "[search\n", "\xff"])
def test_a_file_that_is_not_toml_is_explained(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content.encode("latin1"))
    with pytest.raises(RunFileError, match="run file"):
        load_config(path)


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(RunFileError, match="a run file that can be read"):
        load_config(tmp_path / "none.toml")


def test_the_documentation_of_the_keys_is_the_code_s() -> None:
    written = (ROOT / "docs" / "reference" / "run-file.md").read_text(encoding="utf-8")
    made = runpy.run_path(str(ROOT / "docs" / "make_run_file.py"))["page"]()
    assert written == made, "run: python docs/make_run_file.py"


def test_a_key_that_is_no_more_is_taken_where_it_was_switched_off() -> None:
    with pytest.warns(RunFileWarning, match="tuning_steps is no key any more"):
        config = parse_config({"estimate": {"tuning_steps": 0, "anchors": 3}}, source="here")
    assert config == parse_config({"estimate": {"anchors": 3}}, source="here")
