"""Tables of made-up networks, each kind with as many tables as there are seeds.

Seed 0 of each kind is what the benchmark reports, and nothing was tuned to it: changes of the search are tried on other
seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evonas.spaces import TableSpace
from evonas.spaces.genome import Gene, Genome
from objectives import Objective

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
CHANNELS = 8.0 * np.arange(1, 9)
TITLES = {
    "err": Objective(name="err", unit="%", title="error", is_log=False),
    "flops": Objective(name="flops", unit="", title="FLOPs"),
    "latency": Objective(name="latency", unit="ms", title="latency"),
}


class MadeUp(TableSpace):
    """A table of every genome.

    Args:
        genes: Of the space.
        columns: Objectives by name, ``(n,)`` each, in the order in which genomes are counted.
        counted: Which of them are known without an evaluation.
    """

    def __init__(
        self, genes: tuple[Gene, ...], columns: Mapping[str, Floats], *, counted: tuple[str, ...] = ("flops",)
    ) -> None:
        self._genes, self.columns, self.counted = genes, columns, counted
        n_choices = [len(gene.choices) for gene in genes]
        self._steps = np.array([int(np.prod(n_choices[index + 1 :])) for index in range(len(n_choices))])

    @property
    def genes(self) -> tuple[Gene, ...]:
        """See :class:`evonas.spaces.Space`."""
        return self._genes

    @property
    def objectives(self) -> Mapping[str, Objective]:
        """See :class:`TableSpace`."""
        return {name: TITLES[name] for name in self.columns}

    def count(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return {name: float(self.columns[name][self._row(genome)]) for name in self.counted}

    def look_up(self, genome: Genome) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return {name: float(column[self._row(genome)]) for name, column in self.columns.items()}

    def _row(self, genome: Genome) -> int:
        return int(np.dot(genome, self._steps))


def paths(seed: int = 0) -> MadeUp:
    """A cell of six edges with five operations; an image that does not reach its end is an error of 90 %."""
    rng = np.random.default_rng(seed)
    edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    ops, worth, price = ("none", "skip", "pool", "1x1", "3x3"), (0, 0.35, 0.3, 0.75, 1.0), (0, 0, 0.1, 1, 4)
    weight, pairs = rng.uniform(0.5, 1.5, 6), rng.normal(0, 0.12, (6, 5, 6, 5))
    errors, costs = [], []
    for genome in itertools.product(range(5), repeat=6):
        reached = np.array([1.0, 0, 0, 0])
        for (source, target), op in zip(edges, genome, strict=True):
            reached[target] += reached[source] * worth[op]
        score = sum(weight[i] * worth[op] * (reached[edges[i][0]] > 0) for i, op in enumerate(genome))
        score += 0.5 * np.log1p(reached[3])
        score += sum(pairs[i, genome[i], j, genome[j]] for i in range(6) for j in range(i))
        is_alive = reached[3] > 0 and max(genome) > 2
        error = min(90.0, 6 + 60 * np.exp(-0.55 * score)) if is_alive else 90.0
        errors.append(min(90.0, error * np.exp(rng.normal(0, 0.015))))
        costs.append(1.0 + sum(price[op] for op in genome))
    genes = tuple(Gene(f"edge{i}", ops) for i in range(6))
    return MadeUp(genes, {"err": np.array(errors), "flops": np.array(costs)})


def widths(seed: int = 0) -> MadeUp:
    """Five layers of eight widths; a narrow layer behind a wide one costs accuracy."""
    rng = np.random.default_rng(seed)
    weight, area = rng.uniform(0.3, 1.2, 5), np.array([9, 9, 9 / 4, 9 / 4, 9 / 16])
    width = CHANNELS[_everything([8] * 5)]
    score = (weight * np.log(width)).sum(axis=1) / weight.sum()
    narrowing = np.minimum(np.diff(np.log(width), axis=1).min(axis=1), 0)
    error = (28 + 45 * np.exp(-0.9 * (score - 2)) - 0.8 * narrowing) * np.exp(rng.normal(0, 0.012, len(width)))
    before = np.concatenate([np.full((len(width), 1), 3.0), width[:, :-1]], axis=1)
    return MadeUp(_ordered(5, 8), {"err": error, "flops": (before * width * area).sum(axis=1)})


def few(seed: int = 0) -> MadeUp:
    """Widths and settings of training, of which three decide: a rate that is too high loses everything."""
    rng = np.random.default_rng(seed)
    n_choices = [6, 6, 6, 4, 3, 3, 2, 2]  # two widths, rate, batch, two dropouts, two switches
    genomes = _everything(n_choices)
    width = 16.0 * 2 ** genomes[:, :2]
    best = rng.uniform(1.5, 4) - 0.25 * genomes[:, 0]  # wide networks want lower rates
    off = genomes[:, 2] - best
    lost = np.where(off > 0, 2.2 * off**2, 0.35 * off**2)
    minor = rng.normal(0, 0.05, (len(n_choices), 6))
    score = 0.9 * np.log2(width[:, 0] / 16) + 0.35 * np.log2(width[:, 1] / 16) - lost
    score += sum(minor[i, genomes[:, i]] for i in range(3, 8))
    over = np.maximum(score - 3.5, 0) * (2 - genomes[:, 4])  # without dropout, large networks learn by heart
    error = 4 + 60 * np.exp(-0.45 * (score - 0.4 * over)) * np.exp(rng.normal(0, 0.03, len(genomes)))
    cost = 20 * width[:, 0] + width[:, 0] * width[:, 1] + width[:, 1]
    genes = tuple(Gene(f"setting{i}", tuple(map(str, range(n))), is_ordered=i < 6) for i, n in enumerate(n_choices))
    return MadeUp(genes, {"err": np.minimum(error, 90.0), "flops": cost})


def interactions(seed: int = 0) -> MadeUp:
    """Seven operations of four kinds; what one is worth depends on its neighbours, hardly on itself."""
    rng = np.random.default_rng(seed)
    genomes = _everything([4] * 7)
    alone, pairs = rng.normal(0, 0.3, (7, 4)), rng.normal(0, 0.7, (6, 4, 4))
    triples = rng.normal(0, 0.5, (5, 4, 4, 4))
    price = np.array([0.2, 1.0, 2.0, 4.5]) * rng.uniform(0.7, 1.3, (7, 1))
    score = sum(alone[i, genomes[:, i]] + 0.25 * np.log(price[i, genomes[:, i]]) for i in range(7))
    score += sum(pairs[i, genomes[:, i], genomes[:, i + 1]] for i in range(6))
    score += sum(triples[i, genomes[:, i], genomes[:, i + 1], genomes[:, i + 2]] for i in range(5))
    error = (5 + 25 * np.exp(-0.3 * score)) * np.exp(rng.normal(0, 0.02, len(genomes)))
    cost = sum(price[i, genomes[:, i]] for i in range(7))
    genes = tuple(Gene(f"op{i}", ("a", "b", "c", "d")) for i in range(7))
    return MadeUp(genes, {"err": np.minimum(error, 90.0), "flops": np.asarray(cost)})


def measured(seed: int = 0) -> MadeUp:
    """Operations and widths; error and latency are both measured, and what disturbs one disturbs the other."""
    rng = np.random.default_rng(seed)
    n_choices = [5, 4, 5, 4, 5, 4]  # an operation and a width for each of three stages
    genomes = _everything(n_choices)
    worth, slow = np.array([0.0, 0.3, 0.6, 0.8, 1.0]), np.array([0.1, 0.6, 1.0, 2.2, 2.6])
    weight, wide = rng.uniform(0.6, 1.4, 3), 8.0 * 2 ** genomes[:, 1::2]
    ops = genomes[:, ::2]
    pairs = rng.normal(0, 0.15, (2, 5, 5))
    score = (weight * (worth[ops] + 0.3 * np.log2(wide / 8))).sum(axis=1)
    score += sum(pairs[i, ops[:, i], ops[:, i + 1]] for i in range(2))
    before = np.concatenate([np.full((len(genomes), 1), 3.0), wide[:, :-1]], axis=1)
    work = slow[ops] * np.sqrt(before * wide) * rng.uniform(0.7, 1.3, (3, 5))[np.arange(3), ops]
    latency = 2 + np.maximum(work, 6.0).sum(axis=1) + 0.3 * work.max(axis=1)  # a call has a price of its own
    noise = rng.normal(0, 0.02, len(genomes))
    error = (7 + 50 * np.exp(-0.6 * score)) * np.exp(noise + rng.normal(0, 0.015, len(genomes)))
    latency *= np.exp(noise + rng.normal(0, 0.01, len(genomes)))
    genes = tuple(
        Gene(f"stage{i // 2}.{'width' if i % 2 else 'op'}", tuple(map(str, range(n))), is_ordered=bool(i % 2))
        for i, n in enumerate(n_choices)
    )
    return MadeUp(genes, {"err": np.minimum(error, 90.0), "latency": latency}, counted=())


KINDS: dict[str, Callable[[int], MadeUp]] = {
    "paths": paths,
    "widths": widths,
    "few": few,
    "interactions": interactions,
    "measured": measured,
}


def _everything(n_choices: Sequence[int]) -> Ints:
    """Every genome, in the order in which genomes are counted."""
    return np.stack([axis.ravel() for axis in np.indices(n_choices)], axis=1)


def _ordered(n: int, n_choices: int) -> tuple[Gene, ...]:
    labels = tuple(str(int(width)) for width in CHANNELS[:n_choices])
    return tuple(Gene(f"layer{i}", labels, is_ordered=True) for i in range(n))
