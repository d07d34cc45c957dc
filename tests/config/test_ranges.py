"""Every number of the run file has a finite range, and mistakes of any size are told before any work."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evonas.config.load import RunConfig, load_config, parse_config
from evonas.config.space import SPACE_SETTINGS
from evonas.config.toml_file import MOST_BYTES
from evonas.errors import RunFileError
from evonas.workflows.batch_plan import read_plan

Node = dict[str, Any]
SECTIONS = {name: field.default.__class__ for name, field in RunConfig.model_fields.items() if name != "space"}
NUMBERS = [
    (section, key)
    for section, model in SECTIONS.items()
    if hasattr(model, "model_fields")
    for key, field in model.model_fields.items()
    if type(field.default) in (int, float)
]
KINDS = [
    (kind, key)
    for kind, model in SPACE_SETTINGS.items()
    for key, field in model.model_fields.items()
    if type(field.default) in (int, float)
]
BEYOND = [math.inf, -math.inf, math.nan, 1e30, 2**70, -1, 10**5000]


def numbers(node: Any, named: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Every number within a JSON schema, with where it stands."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield from numbers(named[node["$ref"].rpartition("/")[2]], named, path)
        if node.get("type") in ("integer", "number"):
            yield path, node
        for key, value in node.items():
            if key not in ("$defs", "default"):
                yield from numbers(value, named, (*path, key))
    elif isinstance(node, list):
        for value in node:
            yield from numbers(value, named, path)


def test_every_number_has_a_finite_range() -> None:
    schema = RunConfig.model_json_schema()
    found = [
        (path, node.get("minimum", node.get("exclusiveMinimum")), node.get("maximum", node.get("exclusiveMaximum")))
        for path, node in numbers(schema["properties"], schema["$defs"], ())
        if "additionalProperties" not in path  # bounds on measures, which may be any finite number
    ]
    assert len(found) > 60
    assert [one for one in found if one[1] is None or one[2] is None] == []


@pytest.mark.parametrize(("section", "key"), NUMBERS, ids=str)
def test_numbers_beyond_all_sense_are_refused(section: str, key: str) -> None:
    for value in BEYOND:
        with pytest.raises(RunFileError, match=f"{section}.{key}"):
            parse_config({section: {key: value}}, source="test")


@pytest.mark.parametrize(("kind", "key"), KINDS, ids=str)
def test_so_are_those_of_spaces(kind: str, key: str) -> None:
    for value in BEYOND:
        with pytest.raises(RunFileError, match=f"space.{key}"):
            parse_config({"space": {"kind": kind, key: value}}, source="test")


@pytest.mark.parametrize(
    "raw",
    [
        {"seed": 2**70},
        {"seed": 1e30},
        {"search": {"constraints": {"model_size": math.inf}}},
        {"search": {"constraints": {"model_size": math.nan}}},
        {"space": {"kind": "x.py:Y", "options": {"rate": math.inf}}},
        {"space": {"kind": "x.py:Y", "options": {"rates": [{"one": math.nan}]}}},
        {"space": {"kind": "inverted_residual", "stages": [[16, 10**9, 1]]}},
        {"space": {"kind": "residual", "kernels": [10**9 + 1]}},
        {"data": {"shift": [10**9, 1]}},
        {"data": {"size": [10**6, 10**6]}},
        {"space": {"kind": []}},
        {"space": {"kind": {}}},
        {"space": {"kind": 7}},
        {"space": []},
        {"search": []},
        {"search": {"objectives": [[]]}},
        {"search": {"objectives": {"a": 1}}},
        {"search": {"constraints": []}},
        {"data": {"source": "a" * 5000 + "\x00"}},
        {"data": {"source": ["x"]}},
        {"name": "n" * 300},
        {"compute": {"backend": []}},
        {"space": {"kind": "x.py:Y", "options": {"none": None}}},
        {"estimate": {"a" * 100_000: 1}},
        {f"key{i}": i for i in range(5000)},
    ],
    ids=lambda raw: str(raw)[:60],
)
def test_odd_values_are_told_in_three_parts(raw: dict[str, Any]) -> None:
    with pytest.raises(RunFileError) as caught:
        parse_config(raw, source="test")
    assert len(str(caught.value)) < 15_000


TEXTS = {
    "empty lists within lists": "x = " + "[" * 50_000,
    "tables within tables": "x = " + "{a=" * 2000,
    "a key of many parts": ".".join("a" * 1 for _ in range(50_000)) + " = 1",
    "a header of many parts": "[" + ".".join(["a"] * 5000) + "]",
    "quoted parts": ".".join(['"a"'] * 5000) + " = 1",
    "digits": "seed = " + "9" * 5000,
    "hexadecimal digits": "seed = 0x" + "f" * 20_000,
    "many mistakes": "".join(f"k{i} = {i}\n" for i in range(20_000)),
    "a NUL": "name = 'a\x00b'",
    "larger than any": "#" * (MOST_BYTES + 1),
}


@pytest.mark.parametrize("name", TEXTS)
def test_files_that_cost_more_than_they_say_are_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.toml"
    path.write_text(TEXTS[name], encoding="utf-8")
    for read in (load_config, read_plan):
        with pytest.raises(RunFileError) as caught:
            read(path)
        assert len(str(caught.value)) < 15_000


@pytest.mark.parametrize("content", [b"\xff\xfen\x00", b"name = '\xff'", b"\x00\x01\x02"])
def test_files_that_are_no_text_are_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.toml").write_bytes(content)
    with pytest.raises(RunFileError):
        load_config(tmp_path / "run.toml")


def test_what_is_no_file_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / ("n" * 300), Path("a\x00b")):
        with pytest.raises(RunFileError):
            load_config(path)
