"""Random networks of all families of spaces, precisions, methods and sizes; images, signals and features."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from evonas.architecture.graph import Architecture
from evonas.architecture.methods import QUANTIZERS
from evonas.architecture.scheme import Scheme
from evonas.nets.freeze import freeze
from evonas.nets.frozen import FrozenNetwork
from evonas.nets.network import Network
from evonas.spaces import CellSpace, DenseSpace, InvertedResidualSpace, NetworkSpace, ResidualSpace
from objectives.macs import macs
from objectives.model_size import model_size

PRECISIONS = ("binary", "ternary", "2-bit", "3-bit", "4-bit", "8-bit")
NUMBERS = ("float", "8-bit", "8-bit", "16-bit", "power-of-two")  # of norms
OTHERS = ("float", "8-bit", "8-bit", "16-bit", "8-bit")  # of what else is no weight
MODULES = ("norm-quant-conv", "norm-quant-conv-relu", "quant-conv-norm-relu", "norm-quant-conv-norm-prelu")
CELL_MODULES = (*MODULES, "norm-quant-conv-norm-shortcut-prelu")
OPS = (
    "none",
    "skip",
    "max_pool_3x3",
    "avg_pool_3x3",
    "conv_1x1",
    "conv_3x3",
    "conv_5x5",
    "dil_conv_3x3",
    "group_conv_3x3",
)
LEAST_BYTES, MOST_BYTES, MOST_MACS = 300, 60_000, 1_500_000
FAMILIES = ("residual", "inverted", "cells", "dense", "residual", "inverted", "cells")


def random_architecture(seed: int) -> Architecture:
    """The network of a seed: a living one of 300 bytes to 60 kB and up to 1.5 M multiply-accumulates."""
    rng = np.random.default_rng(seed)
    while True:
        space = _space(rng, FAMILIES[seed % len(FAMILIES)])
        found = space.decode(space.sample(rng, 1)[0])
        size, work = model_size(found.layers), macs(found.layers)
        if found.dead_reason is None and LEAST_BYTES <= size <= MOST_BYTES and work <= MOST_MACS:
            return found


def random_network(seed: int) -> tuple[FrozenNetwork, NDArray[np.uint8]]:
    """The same with random weights, and norms of random images; some of these."""
    return with_weights(random_architecture(seed), seed, spread=1 / 8, has_rising_slopes=True)


def with_weights(
    architecture: Architecture, seed: int, *, spread: float, has_rising_slopes: bool
) -> tuple[FrozenNetwork, NDArray[np.uint8]]:
    """A network with random weights, and norms of random images; some of these.

    Args:
        architecture: Its graph.
        seed: Of weights and images.
        spread: Of norms, biases and slopes around those of a new network.
        has_rising_slopes: Whether slopes rise, as trained ones do, so that thresholds may take the place of floats.
    """
    generator = torch.Generator().manual_seed(seed)
    network = Network([architecture], generator=generator)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            if any(part in key for part in ("gamma", "beta", "bias", "prelu")):
                parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
            if "prelu" in key and has_rising_slopes:
                parameter.abs_()
    images = np.random.default_rng(seed).integers(0, 256, (32, *architecture.input_shape), dtype=np.uint8)
    network.calibrate(torch.from_numpy(images).float() / 255)
    return freeze(network), images


def _space(rng: np.random.Generator, family: str) -> NetworkSpace:
    shape = _shape(rng, family)
    classes = int(rng.integers(2, 13))
    weights, acts = _precisions(rng), _precisions(rng)
    given: dict[str, Any] = {
        "weight_precisions": weights,
        "act_precisions": acts,
        "modules": (_one(rng, CELL_MODULES if family == "cells" else MODULES),),
        "scheme": _scheme(rng),
        "stream_precisions": (_one(rng, ("8-bit", "8-bit", "16-bit", "float")),),
        "norm_precisions": (_one(rng, NUMBERS),),
        "scale_precisions": (_one(rng, OTHERS),),
    }
    wide = int(np.exp(rng.uniform(np.log(4), np.log(40))))
    is_signal = shape[1] == 1
    match family:
        case "residual":
            kernel = _one(rng, ((1, 3), (1, 5)) if is_signal else (3, 5, (3, 1)))
            return ResidualSpace.of(shape, classes, depth=8, channels=wide, kernels=(kernel,), **given)
        case "inverted":
            stages = ((wide, 1, 1), (wide + int(rng.integers(0, wide)), int(rng.integers(1, 3)), 2))
            kernels: tuple[Any, ...] = ((1, 3), (1, 7)) if is_signal else (3, 5)
            stem = int(rng.integers(4, 17))
            return InvertedResidualSpace.of(
                shape, classes, stem_channels=stem, stages=stages, kernels=kernels, ratios=(1, 3), **given
            )
        case "cells":
            cells = _one(rng, (("normal", "reduction"), ("reduction",), ("normal", "reduction", "normal")))
            return CellSpace.of(
                shape, classes, cells=cells, channels=8 * max(1, wide // 16), nodes=int(rng.integers(1, 4)), ops=OPS,
                stem_channels=int(rng.integers(4, 17)),
                residual_downsamplings=_one(rng, (("free",), ("free", "ternary", "4-bit"))), **given,
            )  # fmt: skip
        case _:
            return DenseSpace.of(shape, classes, units=2 * wide, **given)


def _shape(rng: np.random.Generator, family: str) -> tuple[int, int, int]:
    if family == "dense":
        return int(rng.integers(4, 200)), 1, 1
    if rng.random() < 0.25:
        return int(rng.integers(1, 7)), 1, int(rng.integers(16, 129))
    side = int(rng.integers(7, 29))
    return int(_one(rng, (1, 1, 3))), side, side if rng.random() < 0.6 else int(rng.integers(7, 29))


def _precisions(rng: np.random.Generator) -> tuple[str, ...]:
    """One for all layers, two, or any; now and then floats, too."""
    chance = rng.random()
    if chance < 0.35:
        return (_one(rng, PRECISIONS),)
    found = rng.choice(PRECISIONS, 2, replace=False).tolist() if chance < 0.6 else PRECISIONS
    return (*found, "float") if rng.random() < 0.1 else (*found,)


def _scheme(rng: np.random.Generator) -> Scheme:
    def method(role: str, precision: str) -> str:
        return str(
            _one(rng, [name for name, one in QUANTIZERS.items() if one.role == role and precision in one.serves])
        )

    return Scheme(
        ternary_weight=method("weight", "ternary"),
        multibit_weight=method("weight", "2-bit"),
        ternary_act=method("act", "ternary"),
        multibit_act=method("act", "2-bit"),
    )


def _one(rng: np.random.Generator, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]
