"""The command line as tests call it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import tomli_w

from evonas import cli
from tests.conftest import TINY


class Result(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Here = Callable[..., Result]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """The command in this process, which spares loading torch again."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["evonas", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return Result(int(caught.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(tomli_w.dumps(TINY), encoding="utf-8")
    return path


def check_three_parts(result: Result, message: str) -> None:
    assert result.returncode == 2
    assert re.search(r"wanted: .+\nfound:  .+\nto do:  .+", result.stderr)
    assert message in result.stderr
    assert "Traceback" not in result.stderr
