"""Claim: brief and whole trainings, bought by gain in their time, find more in the same time than either fixed rule.

Networks are made up: their errors fall with their size, and each is better or worse than that for its own reasons. Two
fidelities tell of it with noise, inherited weights for nothing and a brief training for a share of a whole one. Six
worlds differ in what each tells and takes. Rules: whole trainings only, by expected gain; successive halving, eight
brief ones before four whole ones; and what :class:`evonas.algorithms.purchases.Purchases` is worth. What counts is the
hypervolume of the networks that were trained to the end, as a share of that of all networks, after a time in which so
many average whole trainings fit.

    python benchmarks/purchases.py [--quick] [--json FILE] [--seeds N]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from report import write_report

from evonas.algorithms.acquisition import Candidates, choose
from evonas.algorithms.purchases import Purchases
from objectives.fronts.pareto import hypervolume, is_nondominated

Floats = NDArray[np.float64]
NETWORKS, ANCHORS, ROUND = 600, 8, 4
SMALLEST, LARGEST = 400, 15_000  # bytes
TIMES = (8, 16, 30, 45)
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class World:
    """Standard deviations of logarithms of errors, the share of a brief training, and how time grows with size."""

    own: float = 0.3
    inherited: float = 0.3
    brief: float = 0.1
    whole: float = 0.05
    share: float = 0.25
    exponent: float = 0.3


WORLDS = {
    "as measured on Fashion-MNIST": World(own=0.25, inherited=0.2, share=0.27),
    "brief trainings tell much": World(inherited=0.4, brief=0.08),
    "brief trainings tell little": World(brief=0.3),
    "brief trainings are dear": World(brief=0.15, whole=0.1, share=0.5),
    "inherited weights tell all": World(inherited=0.1),
    "large networks take long": World(inherited=0.4, exponent=0.7),
}


class Pool:
    """Networks of a world, and what was found out about them so far."""

    def __init__(self, world: World, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.world, sizes = world, rng.uniform(np.log(SMALLEST), np.log(LARGEST), NETWORKS)
        self.sizes, self.expected = sizes, np.log(0.5) - 0.9 * (sizes - np.log(SMALLEST))
        self.errors = self.expected + rng.normal(0, world.own, NETWORKS)
        self.scores = [self.errors + rng.normal(0, sd, NETWORKS) for sd in (world.inherited, world.brief, world.whole)]
        self.times = np.exp(world.exponent * (sizes - sizes.mean()))
        self.is_briefed, self.is_trained = np.zeros(NETWORKS, dtype=bool), np.zeros(NETWORKS, dtype=bool)
        self.is_trained[np.argsort(sizes)[np.linspace(0, NETWORKS - 1, ANCHORS).astype(int)]] = True
        self.spent = 0.0

    def believed(self) -> tuple[Floats, Floats, Floats]:
        """Means, standard deviations of what would be measured, and how far a brief training would move the mean."""
        own, inherited, brief = self.world.own**-2, self.world.inherited**-2, self.world.brief**-2
        precision = own + inherited + brief * self.is_briefed
        mean = own * self.expected + inherited * self.scores[0] + brief * self.is_briefed * self.scores[1]
        told = np.where(self.is_briefed, 0.0, np.sqrt(1 / precision - 1 / (precision + brief)))
        return mean / precision, np.sqrt(1 / precision + self.world.whole**2), told

    def front(self) -> Floats:
        """What was measured, non-dominated."""
        found = np.column_stack([self.sizes, self.scores[2]])[self.is_trained]
        return found[is_nondominated(found)]

    def promising(self, among: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
        """Networks with the largest expected gain."""
        left = np.flatnonzero(among & ~self.is_trained)
        mean, sd, _ = self.believed()
        spreads = np.column_stack([np.zeros(NETWORKS), sd])
        known = Candidates(np.column_stack([self.sizes, mean])[left], spreads[left])
        return np.asarray(left[choose(self.front(), known, n=n)])

    def bought(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Networks for brief trainings, and for whole ones, by gain in their time."""
        mean, sd, told = self.believed()
        whole, brief = np.flatnonzero(~self.is_trained), np.flatnonzero(~self.is_trained & (told > 0))
        networks, nothing = np.concatenate([whole, brief]), np.zeros(NETWORKS)
        purchases = Purchases(
            np.column_stack([self.sizes, mean])[networks],
            np.column_stack([nothing, sd])[networks],
            times=self.times[networks],
            brief_times=np.concatenate([np.zeros(len(whole)), self.world.share * self.times[brief]]),
            told_by_brief=np.column_stack([nothing, told])[networks],
        )
        chosen = np.array(choose(self.front(), purchases, n=ROUND, networks=networks.tolist()))
        return networks[chosen[chosen >= len(whole)]], networks[chosen[chosen < len(whole)]]

    def train(self, brief: NDArray[np.int64], whole: NDArray[np.int64]) -> Iterator[float]:
        """Spend the time; yields what was spent after each training."""
        for index in brief:
            self.is_briefed[index] = True
            self.spent += self.world.share * self.times[index]
            yield self.spent
        for index in whole:
            self.is_trained[index] = True
            self.spent += self.times[index]
            yield self.spent

    def share(self) -> float:
        """Of all networks' hypervolume, in percent."""
        everything = np.column_stack([self.sizes, self.errors])
        reference = np.array([np.log(LARGEST), 0.0]) + 0.05
        parts = [hypervolume(one, reference_point=reference) for one in (everything[self.is_trained], everything)]
        return 100 * parts[0] / parts[1]


def whole_only(pool: Pool) -> Iterator[float]:
    """Four at a time."""
    yield from pool.train(np.empty(0, dtype=np.int64), pool.promising(np.ones(NETWORKS, dtype=bool), ROUND))


def halving(pool: Pool) -> Iterator[float]:
    """Eight brief trainings, then four whole ones of all that were trained briefly."""
    yield from pool.train(pool.promising(~pool.is_briefed, 2 * ROUND), np.empty(0, dtype=np.int64))
    yield from pool.train(np.empty(0, dtype=np.int64), pool.promising(pool.is_briefed, ROUND))


def by_gain_in_time(pool: Pool) -> Iterator[float]:
    """What evonas does."""
    yield from pool.train(*pool.bought())


RULES = {"whole trainings only": whole_only, "halving": halving, "by gain in time": by_gain_in_time}


def one(world: str, rule: str, seed: int) -> dict[str, object]:
    """Shares of the hypervolume after some times."""
    pool = Pool(WORLDS[world], seed)
    found: dict[int, float] = {}
    while len(found) < len(TIMES):
        for spent in RULES[rule](pool):
            found |= {time: pool.share() for time in TIMES if spent >= time and time not in found}
    return {"world": world, "rule": rule, "seed": seed, **{str(time): found[time] for time in TIMES}}


def main() -> None:
    """Try every rule in every world, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three seeds")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ |= dict.fromkeys(ONE_THREAD, "1")
    seeds = range(3 if options.quick else options.seeds)
    jobs = [(world, rule, seed) for world in WORLDS for rule in RULES for seed in seeds]
    rows = Parallel(-1)(delayed(one)(*job) for job in jobs)
    parts = dict(iter(pd.DataFrame(rows).groupby(["world", "rule"])))
    results: list[dict[str, object]] = []
    for world in WORLDS:
        print(f"{world}: % of all networks' hypervolume after a time, mean of {len(seeds)} seeds")
        found = {rule: parts[world, rule].set_index("seed")[list(map(str, TIMES))] for rule in RULES}
        for rule, shares in found.items():
            print(f"  {rule:<22}", "  ".join(f"{time:>3} {shares[time].mean():6.2f}" for time in shares))
        ours = found.pop("by gain in time")
        for time in ours:
            best = max(found, key=lambda rule: found[rule][time].mean())
            ahead = ours[time] - found[best][time]
            error = float(ahead.std() / np.sqrt(len(ahead)))
            name = f"{world}, after {time}: ahead of {best}"
            facts = {"unit": "percentage points", "target": ">= 0", "holds": bool(ahead.mean() >= 0)}
            results.append({"name": name, "value": float(ahead.mean()), "standard error": error, **facts})
            print(f"  after {time}: {ahead.mean():+.2f} ± {error:.2f} ahead of {best}")
    worlds = {name: asdict(world) for name, world in WORLDS.items()}
    write_report(options.json, __doc__, results=results, quick=options.quick, worlds=worlds, rows=rows)


if __name__ == "__main__":
    main()
