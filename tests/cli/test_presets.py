"""Presets on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from evonas.config.load import load_config
from evonas.config.presets import preset_names
from evonas.errors import RunFileError
from tests.cli.conftest import Here


def test_presets_are_listed_and_printed(here: Here) -> None:
    listed = here("presets").stdout.splitlines()
    assert [line.split()[0] for line in listed] == preset_names()
    assert here("presets", "nce").stdout.startswith("# 2 bits everywhere")


def test_an_unknown_preset_ends_with_three_lines(here: Here) -> None:
    result = here("search", "--preset", "nze")
    assert result.returncode == 2
    assert "did you mean 'nce'" in result.stderr


def test_the_command_lays_a_run_file_over_a_preset(here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def stopped(self: object) -> None:
        raise RunFileError("nothing", found="enough", remedy="stop")

    monkeypatch.setattr("evonas.run.stages.supernet_stages.SupernetStages.first", stopped)
    (tmp_path / "run.toml").write_text("seed = 7\n", encoding="utf-8")
    here("search", "run.toml", "--preset", "nce", "--out", "out", "--budget", 5)
    config = load_config(tmp_path / "out" / "run.toml")
    assert (config.seed, config.name, config.search.budget) == (7, "nce", 5)
    assert config.space == load_config(None, preset="nce").space
