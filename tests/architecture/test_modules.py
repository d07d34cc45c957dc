"""Module structures: which orders mean something, and what each step computes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows

from evonas.architecture.graph import Architecture, Op
from evonas.architecture.module_steps import classifier_steps, inner_steps, module_steps, stem_steps
from evonas.architecture.precision import PRECISIONS
from evonas.errors import GenomeError, RunFileError
from evonas.nets.network import Network
from evonas.spaces import CellSpace, ResidualSpace


@pytest.mark.parametrize(
    "label",
    [
        "conv",
        "norm-conv",
        "norm-quant-conv",
        "quant-conv-norm-shortcut-prelu",
        "norm-relu-pool-quant-conv",
        "pool-conv",
    ],
)
def test_known_structures_are_read(label: str) -> None:
    assert "-".join(module_steps(label)) == label


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("", "no step of a module"),
        ("norm-quant-konv", "'konv'"),
        ("norm-quant", "conv once"),
        ("conv-conv", "conv once"),
        ("quant-norm-conv", "directly before conv"),
        ("quant-pool-conv", "directly before conv"),
        ("conv-quant", "directly before conv"),
        ("conv-pool", "pool before conv"),
        ("norm-norm-conv", "twice"),
        ("norm-standardize-conv", "twice"),
        ("shortcut-conv", "behind conv"),
        ("prelu-conv", "behind conv"),
    ],
)
def test_structures_whose_counts_would_be_wrong_are_refused(label: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module_steps(label)


@pytest.mark.parametrize("label", ["conv", "norm-conv", "norm-pool-quant-conv", "quant-conv-shuffle"])
def test_searched_layers_quantize_and_keep_their_sides(label: str) -> None:
    with pytest.raises(ValueError, match=r"quant|only other layers"):
        inner_steps(label)


@pytest.mark.parametrize("label", ["norm-pool-quant-conv", "conv-shortcut", "conv-shuffle"])
def test_a_first_layer_keeps_the_sides_and_changes_the_channels(label: str) -> None:
    with pytest.raises(ValueError, match="which a first layer cannot"):
        stem_steps(label)


@pytest.mark.parametrize("label", ["norm-quant-conv", "conv", "pool-conv-relu"])
def test_a_last_layer_gives_one_number_a_class(label: str) -> None:
    with pytest.raises(ValueError, match=r"must hold pool|must end with conv"):
        classifier_steps(label)


@pytest.mark.parametrize(
    "settings",
    [
        {"modules": ("norm-conv",)},
        {"stem_module": "conv-shortcut"},
        {"classifier_module": "norm-quant-conv"},
        {"ops": ("conv_9x9",)},
        {"cells": ("normal", "reduce")},
        {"ops": ("group_conv_3x3",), "channels": 10},
    ],
)
def test_impossible_cell_spaces_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(RunFileError):
        CellSpace.of((1, 8, 8), 10, **settings)  # type: ignore[arg-type]


def test_a_cell_space_refuses_networks_of_others() -> None:
    """Of another kind of space, of one without the residual, of one with other widths."""
    space, rng = CellSpace.of((1, 8, 8), 10), np.random.default_rng(0)
    others = [ResidualSpace.of((1, 8, 8), 10), CellSpace.of((1, 8, 8), 10, has_residual=False)]
    others.append(CellSpace.of((1, 8, 8), 10, expansions=(0.75, 1.25)))
    for other in others:
        for genome in other.sample(rng, 5):
            with pytest.raises(GenomeError, match="operations that no genome of it decodes to"):
                space.encode(other.decode(genome))


def test_a_module_computes_its_steps_in_order() -> None:
    """Against the same steps written out with torch, for every step that there is."""
    steps = ("norm", "quant", "conv", "shuffle", "norm", "shortcut", "prelu", "relu")
    op = Op(
        "a",
        "conv",
        ("input",),
        4,
        kernel=(3, 3),
        stride=(2, 2),
        groups=2,
        act=PRECISIONS["float"],
        steps=steps,
        has_bias=True,
    )
    network = Network([Architecture((4, 7, 6), (op,))], generator=torch.Generator().manual_seed(0))
    for parameter in network.parameters():
        parameter.data.normal_(generator=torch.Generator().manual_seed(parameter.numel()))
    layer = network.layers["a"]
    x = torch.rand(5, 4, 7, 6, generator=torch.Generator().manual_seed(1))
    weight = layer.latent_weight.flatten(1, 2)  # type: ignore[operator, union-attr]
    gamma, beta = (
        {place: getattr(layer.norms[place], part)["act float"].flatten() for place in ("before", "after")}  # type: ignore[index, union-attr]
        for part in ("gamma", "beta")
    )
    y = F.relu(F.batch_norm(x, None, None, gamma["before"], beta["before"], training=True))
    y = F.conv2d(y, weight, layer.bias, 2, 1, 1, 2)  # type: ignore[arg-type]
    y = y[:, [0, 2, 1, 3]]
    y = F.batch_norm(y, None, None, gamma["after"], beta["after"], training=True)
    y = y + F.avg_pool2d(x, 2, ceil_mode=True)
    slope, before, after = layer.prelu.T  # type: ignore[union-attr, misc]
    y = F.prelu(y + before.view(1, -1, 1, 1), slope) + after.view(1, -1, 1, 1)
    expected = F.relu(y).flatten(1)
    assert torch.allclose(network.train()(x), expected, atol=1e-6)


def test_an_even_kernel_covers_odd_sides() -> None:
    op = Op("a", "conv", ("input",), 1, kernel=(2, 2), stride=(2, 2), steps=("conv",))
    network = Network([Architecture((1, 5, 3), (op,))], generator=torch.Generator().manual_seed(0))
    x = torch.zeros(1, 1, 5, 3)
    x[0, 0, 4, 2] = 1.0
    y = network.activations(x)["a"]
    assert y.shape == (1, 1, 3, 2)
    assert y[0, 0, 2, 1] == network.layers["a"].latent_weight[0, 0, 0, 0, 0]  # type: ignore[index, union-attr]
