"""Exported files that somebody made with a digest that fits: nothing in them runs but what evonas writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evonas.errors import ExportError
from evonas.export.seal import BLANK, DIGEST, MOST_BYTES, read_sealed, seal
from evonas.workflows.run_handle import Run
from tests.support.run_folders import copied

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def exported(small: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(type(small.folder)(copied(small.path, tmp_path_factory.mktemp("forged") / "run")))


def resealed(raw: bytes) -> bytes:
    place = DIGEST.search(raw)
    assert place is not None
    return seal(raw[: place.start(1)] + BLANK + raw[place.end(1) :])


def an_import(model: onnx.ModelProto) -> None:
    model.graph.node[-1].domain = "this.module.prints"


def a_loop(model: onnx.ModelProto) -> None:
    loop = model.graph.node.add(op_type="Loop", output=["forever"])
    loop.attribute.add(name="body", type=onnx.AttributeProto.GRAPH).g.name = "body"


def a_function(model: onnx.ModelProto) -> None:
    model.functions.add(name="Add", domain="")


def data_elsewhere(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def another_operation(model: onnx.ModelProto) -> None:
    model.graph.node[-1].op_type = "Flattex"


def too_few_inputs(model: onnx.ModelProto) -> None:
    del model.graph.node[-1].input[:]


@pytest.mark.parametrize("form", ["onnx", "qonnx"])
@pytest.mark.parametrize("forged", [an_import, a_loop, a_function, data_elsewhere, another_operation, too_few_inputs])
def test_a_forged_graph_is_refused(
    exported: Run, tmp_path: Path, form: str, forged: Callable[[onnx.ModelProto], None]
) -> None:
    (path,) = exported.export("knee", format_name=form, out=tmp_path / f"file.{form}")
    assert exported.verify(path, images=4).is_sound
    model = onnx.ModelProto()
    model.ParseFromString(path.read_bytes())
    forged(model)
    path.write_bytes(resealed(model.SerializeToString(deterministic=True)))
    with pytest.raises(ExportError):
        exported.verify(path, images=4)
    assert "this" not in sys.modules


@pytest.mark.parametrize("change", [(b'"levels":', b'"lexels":'), (b'"conv"', b'"cond"'), (b'"I8"', b'"I9"')])
def test_a_forged_torch_file_is_refused(exported: Run, tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    (path,) = exported.export("knee", format_name="torch", out=tmp_path / "file.safetensors")
    raw = path.read_bytes()
    assert change[0] in raw or change[0].replace(b'"', b'\\"') in raw
    old, new = change if change[0] in raw else (one.replace(b'"', b'\\"') for one in change)
    path.write_bytes(resealed(raw.replace(old, new)))
    with pytest.raises(ExportError):
        exported.verify(path, images=4)


def test_what_is_no_exported_file_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge").touch()
    os.truncate(tmp_path / "huge", MOST_BYTES + 1)
    odd = b"evonas-format:c version:1 facts:%s evonas-sha256:" + BLANK
    for name, facts in (("list", b"W10="), ("no base64", b"=A="), ("numbers", b"eyJhIjogMX0=")):
        (tmp_path / name).write_bytes(seal(odd % facts))
    for name in ("pipe", "huge", "list", "no base64", "numbers", "nothing", "n" * 300):
        with pytest.raises(ExportError):
            read_sealed(tmp_path / name)
