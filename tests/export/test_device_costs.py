"""The cost model of devices against the export itself: kernels, codes between layers, constants, a linked library."""

from __future__ import annotations

import shutil

import pytest

from evonas.export.c.kernels.choice import choose
from evonas.export.c.layers import c_layers
from evonas.export.c.memory.plan import plan_memory
from evonas.export.c.options import COptions
from evonas.export.c.source import c_parts
from evonas.export.c.targets.simulate import linked_sizes
from evonas.export.c.targets.target import TARGETS
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.quant.activation_rule import ActivationRule
from objectives import Layer
from objectives.device.cores import CORES, fit_of
from objectives.device.flash import LAYER_BYTES, constants, flash, parts_of
from objectives.device.instructions import instructions, total_work
from objectives.device.kernels import kernels
from objectives.device.readers import places
from objectives.device.scratch import scratch_cells
from objectives.device.work import work_of
from objectives.layer import BY_DIVISION, BY_IMAGE, BY_SIGN, BY_THRESHOLDS, NO_CODES
from tests.export.test_c_export import NAMES, frozen_of


@pytest.fixture(scope="module", params=NAMES)
def frozen(request: pytest.FixtureRequest) -> FrozenNetwork:
    return frozen_of(request.param)


def has_falling_slopes(frozen: FrozenNetwork) -> bool:
    """Where weights alone decide whether thresholds can be used."""
    return any(conv.prelu is not None and bool((conv.prelu[0] < 0).any()) for conv in frozen.convs.values())


def test_kernels_are_those_of_the_export(frozen: FrozenNetwork) -> None:
    for layer in frozen.architecture.layers:
        found = {name for name, is_chosen in kernels(layer).items() if is_chosen}
        if layer.name in frozen.convs:
            choice = choose(frozen.convs[layer.name])
            expected = {choice.kernel or choice.family}
            assert found == expected or "adds" in found | expected, layer.name  # zeros among weights decide that one
        else:
            assert not found


def test_kernels_need_the_memory_that_is_counted(frozen: FrozenNetwork) -> None:
    for layer in frozen.architecture.layers:
        if layer.name in frozen.convs:
            scratch = choose(frozen.convs[layer.name]).scratch
            (predicted,) = (name for name, is_chosen in kernels(layer).items() if is_chosen)
            is_known = "adds" not in (predicted, choose(frozen.convs[layer.name]).family)
            assert scratch_cells(layer) == scratch.cells(scratch.least) or not is_known, layer.name


def test_activations_become_codes_as_their_methods_say(frozen: FrozenNetwork) -> None:
    rules = {"sign": BY_SIGN, "threshold": BY_THRESHOLDS, "round": BY_DIVISION, "per_image": BY_IMAGE}
    for layer in frozen.architecture.layers:
        act = frozen.convs[layer.name].act if layer.name in frozen.convs else None
        if layer.module is not None:
            expected = (NO_CODES, 0, 0) if act is None else (rules[act.rule], levels_of(act), int(act.low < 0))
            assert (layer.module.codes, layer.module.act_levels, layer.module.is_signed) == expected, layer.name


def levels_of(act: ActivationRule) -> int:
    return 2 if act.rule == "sign" else act.high - act.low + 1


def test_codes_lie_where_the_export_leaves_them(frozen: FrozenNetwork) -> None:
    plan = plan_memory(frozen)
    layers = c_layers(frozen, plan, names={name: f"l{i}" for i, name in enumerate(frozen.convs)})
    for place in places(frozen.architecture.layers):
        name = place.layer.name
        is_conv = name in frozen.convs
        assert bool(place.has_codes) == (name in plan.readers)
        assert bool(place.is_fed) == (is_conv and layers[name].source == "NET_CODES")
        if is_conv and not has_falling_slopes(frozen):
            assert bool(place.has_thresholds) == layers[name].has_thresholds


def test_constants_are_those_of_the_export(frozen: FrozenNetwork) -> None:
    if has_falling_slopes(frozen):
        return
    described = LAYER_BYTES * len(frozen.convs)
    assert constants(frozen.architecture.layers) == c_parts(frozen, COptions()).weight_bytes + described


def test_what_was_fitted_is_of_units_that_there_are() -> None:
    networks = [frozen_of(name).architecture.layers for name in NAMES]
    units = {unit for layers in networks for unit in total_work(layers)}
    parts = {part for layers in networks for part in parts_of(layers)}
    for fit in map(fit_of, CORES):
        assert {*fit.instructions} <= units
        assert {*fit.flash} <= parts
        assert all(number > 0 for number in (*fit.instructions.values(), *fit.flash.values()))
        assert {"compiler", "flags", "networks"} <= {*fit.facts}


def test_work_is_counted_layer_by_layer(frozen: FrozenNetwork) -> None:
    layers = frozen.architecture.layers
    found = [*work_of(layers)]
    assert len(found) == len(layers)
    assert all(number >= 0 for work in found for number in work.values())
    fit = fit_of("cortex-m4f").instructions
    by_layer = sum(float(number) * fit.get(unit, 0) for work in found for unit, number in work.items())
    assert instructions(layers) == pytest.approx(by_layer, abs=1)


def test_a_network_takes_the_flash_that_is_counted() -> None:
    if shutil.which(TARGETS["cortex-m4"].compiler) is None:
        pytest.skip("not installed: its compiler")
    frozen = frozen_of("digits 0")
    sizes = linked_sizes(frozen, "cortex-m4")
    assert flash(frozen.architecture.layers) == pytest.approx(sizes.code + sizes.constants + sizes.helpers, rel=0.12)


def test_nothing_costs_nothing() -> None:
    nothing: list[Layer] = []
    assert (instructions(nothing), flash(nothing), total_work(nothing)) == (0, 0, {})
