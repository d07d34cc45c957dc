"""The run file's [device]: what it bounds, what it searches for, and that the user's own word wins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evonas.config.device import DEVICES, DeviceConfig
from evonas.config.load import RunConfig, dump_config, load_config, parse_config
from evonas.errors import RunFileError
from evonas.run.context import open_context
from evonas.spaces.settings import NetworkSpaceSettings
from objectives.device.cores import CORES
from objectives.device.flash import flash
from objectives.device.instructions import instructions
from objectives.fronts.scaling import Scaling
from tests.support.own_problem import BOWL

DOCS = Path(__file__).parents[2] / "docs"


def parsed(device: dict[str, Any], **search: Any) -> RunConfig:
    return parse_config({"device": device, "search": search}, source="tests")


@pytest.mark.parametrize("name", DEVICES)
def test_a_named_device_bounds_flash_and_ram_less_what_a_program_needs(name: str) -> None:
    config, device = parsed({"name": name}), DEVICES[name]
    assert config.search.constraints == {"flash": device.flash - 1024, "peak_memory": device.ram - 1280}
    assert config.search.objectives == ("error", "model_size", "instructions")
    assert config.device.used_core == device.core in CORES
    assert config.device.number("clock") == device.clock > 1e6


def test_without_a_device_nothing_changes() -> None:
    config = parsed({})
    assert (config.search.constraints, config.search.objectives[2]) == ({}, "bitops")
    assert "objectives" not in config.search.model_fields_set


def test_numbers_stand_for_a_device_of_ones_own_or_correct_a_named_one() -> None:
    own = parsed({"core": "rv32imc", "ram": 4096, "ram_reserve": 96})
    assert (own.device.used_core, own.search.constraints) == ("rv32imc", {"peak_memory": 4000})
    other = parsed({"name": "stm32f401", "flash": 262_144, "flash_reserve": 0})
    assert other.search.constraints == {"flash": 262_144, "peak_memory": 96 * 1024 - 1280}
    assert parsed({"flash": 99_999}).device.used_core == "cortex-m4f"


def test_the_users_own_objectives_and_bounds_win() -> None:
    config = parsed({"name": "rp2040"}, objectives=["error", "energy"], constraints={"flash": 50_000, "macs": 9e6})
    assert config.search.objectives == ("error", "energy")
    assert config.search.constraints == {"flash": 50_000, "macs": 9e6, "peak_memory": 264 * 1024 - 1280}


def test_tensors_have_few_bits_on_a_device_unless_the_space_says_otherwise() -> None:
    def streams(**sections: Any) -> tuple[str, ...]:
        space = parse_config(sections, source="tests").space
        assert isinstance(space, NetworkSpaceSettings)
        return space.stream_precisions

    assert streams() == ("float",)
    assert streams(device={"name": "rp2040"}) == ("8-bit", "16-bit")
    assert streams(device={"ram": 9999}, space={"kind": "residual"}) == ("8-bit", "16-bit")
    kept = {"kind": "residual", "stream_precisions": ["float", "16-bit"]}
    assert streams(device={"name": "rp2040"}, space=kept) == ("16-bit", "float")


def test_the_complete_run_file_reads_back_the_same(tmp_path: Path) -> None:
    config = parsed({"name": "CH32V003"})
    path = tmp_path / "run.toml"
    path.write_text(dump_config(config))
    assert load_config(path) == config
    assert config.device.name == "ch32v003"


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ({"name": "stm32f410"}, r"'stm32f410' is unknown, did you mean 'stm32f401'"),
        ({"core": "avr"}, r"device.core = 'avr'"),
        ({"ram": -1}, r"device.ram = -1"),
        ({"name": "ch32v003", "ram_reserve": 2048}, r"ram must be more than ram_reserve: 2,048 bytes"),
        ({"flash": 1000}, r"flash must be more than flash_reserve"),
        ({"speed": 3}, r"unknown key device.speed"),
    ],
)
def test_impossible_devices_are_refused(device: dict[str, Any], message: str) -> None:
    with pytest.raises(RunFileError, match=message):
        parsed(device)


def test_sources_of_the_figures_are_in_the_documentation() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \| ([^|]+) \|$",
                      (DOCS / "guide" / "devices.md").read_text(encoding="utf-8"), flags=re.MULTILINE)  # fmt: skip
    assert rows == [
        (name, CORES[one.core].title, f"{one.flash:,}", f"{one.ram:,}", f"{one.clock // 10**6}", one.source)
        for name, one in DEVICES.items()
    ]


def test_a_run_counts_for_the_core_of_its_device_and_counts_many_at_once() -> None:
    problem = open_context(parsed({"name": "ch32v003"})).networks
    genomes = problem.space.sample(np.random.default_rng(0), 3)
    table, costs = problem.measures.table, problem.costs(Scaling((), {}))
    assert table["instructions"].title == "instructions, RV32EC at 48 MHz"
    counted = costs.counted(genomes)
    for genome, outcome in zip(genomes, counted, strict=True):
        layers = problem.space.decode(genome).layers
        assert outcome.values["instructions"] == instructions(layers, core="rv32ec") > instructions(layers)
        assert outcome.values["flash"] == flash(layers, core="rv32ec") > flash(layers)
    assert {"instructions", "flash"} <= costs._fast
    assert problem.measures.bounds == {"flash": 15 * 1024, "peak_memory": 768}


def test_a_table_has_no_device(tmp_path: Path) -> None:
    (tmp_path / "bowl.py").write_text(BOWL)
    space = {"kind": f"{tmp_path / 'bowl.py'}:BOWL"}
    with pytest.raises(RunFileError, match=r"a space of networks for a device"):
        open_context(parse_config({"device": {"name": "rp2040"}, "space": space}, source="tests"))


def test_every_device_can_be_searched_for() -> None:
    assert all(DeviceConfig(name=name).is_set for name in DEVICES)
    assert not DeviceConfig(clock=1).is_set
