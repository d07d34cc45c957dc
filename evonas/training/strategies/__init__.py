"""How a run's supernet is trained: which paths of its search space a step takes. ``STRATEGIES`` is the table.

- ``single_path``: one path, or several precisions of it at once; ``sandwich``: several paths, which teach one another.
- ``label_loss``: what a path minimises, by class weights where there are some.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from torch import Tensor

from evonas.architecture.graph import Architecture
from evonas.nets.mixed_path import Draw, SupernetPath, candidates, draw_hard, draw_soft, mix
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import Genome
from evonas.training.strategies.sandwich import Sandwich
from evonas.training.strategies.single_path import SinglePath
from objectives.macs import bitops
from surrogates.one_shot.supernet import Strategy

DRAWN = 64  # networks at once


class Builder(Protocol):
    """Makes a strategy; ``class_weights`` are what an image counts in the loss, by its label."""

    def __call__(
        self, space: NetworkSpace, rng: np.random.Generator, n_paths: int, *, class_weights: Tensor | None = None
    ) -> Strategy[SupernetPath]:
        """A strategy for a space."""


def single_path(
    space: NetworkSpace, rng: np.random.Generator, n_paths: int, *, class_weights: Tensor | None = None
) -> Strategy[SupernetPath]:
    """One random network per step, whatever ``n_paths`` says."""
    del n_paths
    genomes = _random(space, rng)
    return SinglePath(lambda: space.decode_canonical(next(genomes)), class_weights=class_weights)


def sandwich(
    space: NetworkSpace, rng: np.random.Generator, n_paths: int, *, class_weights: Tensor | None = None
) -> Strategy[SupernetPath]:
    """The networks with the most and the fewest BitOPs, and random ones; the first one teaches the others."""
    known = [*map(space.decode, space.corners(rng)), *space.covering()]  # widths of layers that grew alone, too
    known.sort(key=lambda one: bitops(one.layers))
    ends = [known[-1], known[0]]
    n_random = max(0, n_paths - len(ends))

    def draw() -> list[Architecture]:
        random = [space.decode(genome) for genome in space.sample(rng, n_random)] if n_random else []
        return [*ends, *random]

    return Sandwich(draw, class_weights=class_weights)


def shared_convolution(
    space: NetworkSpace, rng: np.random.Generator, n_paths: int, *, class_weights: Tensor | None = None
) -> Strategy[SupernetPath]:
    """One random network per step with all precisions of every layer at once, one for each filter and channel."""
    del n_paths
    return _mixed(space, rng, draw_hard, class_weights)


def shared_convolution_soft(
    space: NetworkSpace, rng: np.random.Generator, n_paths: int, *, class_weights: Tensor | None = None
) -> Strategy[SupernetPath]:
    """One random network per step with all precisions of every layer at once, in random shares."""
    del n_paths
    return _mixed(space, rng, draw_soft, class_weights)


def _mixed(
    space: NetworkSpace, rng: np.random.Generator, draw: Draw, class_weights: Tensor | None
) -> Strategy[SupernetPath]:
    known = candidates(space.covering())
    return SinglePath(
        lambda: mix(space.decode(space.sample(rng, 1)[0]), known, draw=draw, rng=rng), class_weights=class_weights
    )


def _random(space: NetworkSpace, rng: np.random.Generator) -> Iterator[Genome]:
    """Random networks without end, many drawn at once: most of what a drawing takes is the same for any number."""
    while True:
        yield from space.sample(rng, DRAWN)


STRATEGIES: dict[str, Builder] = {
    "single_path": single_path,
    "sandwich": sandwich,
    "shared_convolution": shared_convolution,
    "shared_convolution_soft": shared_convolution_soft,
}
