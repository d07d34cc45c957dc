"""Claim: evonas finds a front with fewer evaluations than pymoo, Optuna, its own evolution alone, and random search.

A table of trained networks is searched as a user's own space (examples/nasbench_macro.py), and the share of the true
front's hypervolume is taken after so many *distinct* networks, which for the others are fewer than their calls.
Objectives are scaled over the whole table to 0 to 1, the reference point is 1.1. With ``--synthetic``, two made-up
tables are searched as well, on which nothing was tuned: one with paths that may be dead, one of ordered widths.

    python benchmarks/search_efficiency.py --table nasbench_macro.csv [--synthetic] [--quick] [--json FILE] [--seeds N]
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from report import write_report

import evonas
from evonas.plugins import load_object
from evonas.spaces import TableSpace
from evonas.spaces.genome import Gene
from objectives import Objective
from objectives.fronts.pareto import hypervolume

Floats = NDArray[np.float64]
Found = list[tuple[int, ...]]
POPULATION = 40
COUNTS = (50, 100, 200, 500, 1000)
TARGETS = {("err", "flops"): {100: 99.5, 200: 99.8, 500: 99.97}, ("err", "params"): {200: 99.9}}


class Synthetic(TableSpace):
    """A made-up table whose cost is a formula and whose error is not."""

    def __init__(self, genes: tuple[Gene, ...], rows: Mapping[tuple[int, ...], tuple[float, float]]) -> None:
        self._genes, self.rows = genes, rows

    @property
    def genes(self) -> tuple[Gene, ...]:
        """See :class:`evonas.spaces.Space`."""
        return self._genes

    @property
    def objectives(self) -> Mapping[str, Objective]:
        """See :class:`TableSpace`."""
        return {
            "err": Objective(name="err", unit="%", title="error", is_log=False),
            "flops": Objective(name="flops", unit="", title="FLOPs"),
        }

    def count(self, genome: NDArray[np.int64]) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return {"flops": self.rows[tuple(map(int, genome))][1]}

    def look_up(self, genome: NDArray[np.int64]) -> dict[str, float]:
        """See :class:`TableSpace`."""
        return dict(zip(("err", "flops"), self.rows[tuple(map(int, genome))], strict=True))


def paths() -> Synthetic:
    """A cell of six edges with five operations; an image that does not reach its end is an error of 90 %."""
    rng = np.random.default_rng(0)
    edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    ops, worth, price = ("none", "skip", "pool", "1x1", "3x3"), (0, 0.35, 0.3, 0.75, 1.0), (0, 0, 0.1, 1, 4)
    weight, pairs = rng.uniform(0.5, 1.5, 6), rng.normal(0, 0.12, (6, 5, 6, 5))
    rows = {}
    for genome in itertools.product(range(5), repeat=6):
        reached = np.array([1.0, 0, 0, 0])
        for (source, target), op in zip(edges, genome, strict=True):
            reached[target] += reached[source] * worth[op]
        score = sum(weight[i] * worth[op] * (reached[edges[i][0]] > 0) for i, op in enumerate(genome))
        score += 0.5 * np.log1p(reached[3])
        score += sum(pairs[i, genome[i], j, genome[j]] for i in range(6) for j in range(i))
        is_alive = reached[3] > 0 and max(genome) > 2
        error = min(90.0, 6 + 60 * np.exp(-0.55 * score)) if is_alive else 90.0
        noisy = min(90.0, error * np.exp(rng.normal(0, 0.015)))
        rows[genome] = (float(noisy), 1.0 + sum(price[op] for op in genome))
    return Synthetic(tuple(Gene(f"edge{i}", ops) for i in range(6)), rows)


def widths() -> Synthetic:
    """Five layers of eight widths; a narrow layer behind a wide one costs accuracy."""
    rng = np.random.default_rng(0)
    weight, channels = rng.uniform(0.3, 1.2, 5), 8.0 * np.arange(1, 9)
    area = np.array([9, 9, 9 / 4, 9 / 4, 9 / 16])
    rows = {}
    for genome in itertools.product(range(8), repeat=5):
        width = channels[list(genome)]
        score = (weight * np.log(width)).sum() / weight.sum()
        error = 28 + 45 * np.exp(-0.9 * (score - 2)) - 0.8 * min(np.diff(np.log(width)).min(), 0)
        cost = (np.concatenate([[3.0], width[:-1]]) * width * area).sum()
        rows[genome] = (float(error * np.exp(rng.normal(0, 0.012))), float(cost))
    labels = tuple(str(int(n)) for n in channels)
    return Synthetic(tuple(Gene(f"layer{i}", labels, is_ordered=True) for i in range(5)), rows)


Problem = tuple[TableSpace, tuple[str, ...]]


def value(problem: Problem, genome: tuple[int, ...]) -> list[float]:
    """Objective values of one genome."""
    space, names = problem
    found = space.look_up(space.canonical(np.array(genome)))
    return [float(found[name]) for name in names]


def by_evonas(problem: Problem, seed: int, n: int, settings: dict[str, Any]) -> Found:
    """A whole run of evonas, as a user makes one."""
    space, names = problem
    search = {"objectives": list(names), "budget": n, "population": POPULATION, "has_baseline": False, **settings}
    with tempfile.TemporaryDirectory() as folder:
        run = evonas.search(space=space, out=Path(folder) / "run", overrides={"seed": seed, "search": search})
        genomes = run.evaluations()["genome"]
    return [tuple(map(int, text.split("-"))) for text in genomes]


def by_pymoo(problem: Problem, seed: int, n: int, settings: dict[str, Any]) -> Found:
    """pymoo's NSGA-II with uniform crossover and a mutation that resets a gene, until ``n`` distinct networks."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.mutation import Mutation
    from pymoo.core.problem import Problem as PymooProblem
    from pymoo.core.termination import NoTermination
    from pymoo.operators.crossover.ux import UniformCrossover
    from pymoo.operators.sampling.rnd import IntegerRandomSampling

    del settings
    space, names = problem
    n_choices = np.array([len(gene.choices) for gene in space.genes])

    class Reset(Mutation):  # type: ignore[misc]
        """Draws a gene anew, one per genome on average."""

        def _do(self, problem: Any, X: Any, random_state: Any = None, **kwargs: Any) -> Any:  # noqa: N803
            drawn = random_state.integers(n_choices, size=X.shape)
            return np.where(random_state.random(X.shape) < 1 / X.shape[1], drawn, X)

    algorithm = NSGA2(POPULATION, sampling=IntegerRandomSampling(), crossover=UniformCrossover(), mutation=Reset())
    bounds = {"xl": np.zeros(len(n_choices)), "xu": n_choices - 1}
    algorithm.setup(
        PymooProblem(n_var=len(n_choices), n_obj=len(names), vtype=int, **bounds),
        termination=NoTermination(),
        seed=seed,
    )
    found: dict[tuple[int, ...], None] = {}
    for _ in range(20 * n // POPULATION):
        asked = algorithm.ask()
        genomes = [tuple(map(int, genome)) for genome in asked.get("X")]
        asked.set("F", np.array([value(problem, genome) for genome in genomes]))
        algorithm.tell(infills=asked)
        found.update({canonical(problem, genome): None for genome in genomes})
        if len(found) >= n:
            break
    return list(found)


def by_optuna(problem: Problem, seed: int, n: int, settings: dict[str, Any]) -> Found:
    """Optuna with one of its samplers; at most three times as many calls as distinct networks are wanted."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, names = problem
    sampler = (
        optuna.samplers.TPESampler(seed=seed)
        if settings["sampler"] == "tpe"
        else optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)
    )
    study = optuna.create_study(directions=["minimize"] * len(names), sampler=sampler)
    found: dict[tuple[int, ...], None] = {}
    for _ in range(3 * n):
        trial = study.ask()
        genome = tuple(trial.suggest_categorical(g.name, list(range(len(g.choices)))) for g in space.genes)
        study.tell(trial, value(problem, genome))
        found[canonical(problem, genome)] = None
        if len(found) >= n:
            break
    return list(found)


def canonical(problem: Problem, genome: tuple[int, ...]) -> tuple[int, ...]:
    """The one genome of all that mean the same network."""
    return tuple(map(int, problem[0].canonical(np.array(genome))))


Contender = tuple[Callable[[Problem, int, int, dict[str, Any]], Found], dict[str, Any], int]
CONTENDERS: dict[str, Contender] = {  # how, with what settings, for how many networks at most
    "evonas": (by_evonas, {}, 1000),
    "evonas, evolution alone": (by_evonas, {"predictors": []}, 1000),
    "pymoo NSGA-II": (by_pymoo, {}, 1000),
    "Optuna NSGA-II": (by_optuna, {"sampler": "nsga2"}, 500),
    "Optuna TPE": (by_optuna, {"sampler": "tpe"}, 200),
    "random": (by_evonas, {"algorithm": "random"}, 1000),
}


def one(name: str, problem_name: str, seed: int, most: int, table: str) -> dict[str, Any]:
    """One contender on one problem: shares of the true hypervolume, in percent, after counts of distinct networks."""
    warnings.simplefilter("ignore")
    problem = problems(table)[problem_name]
    how, settings, limit = CONTENDERS[name]
    start = time.process_time()
    found = how(problem, seed, min(most, limit), settings)
    seconds = time.process_time() - start
    space, names = problem
    everything = np.array([[row[n] for n in names] for row in all_rows(space)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    reference = np.full(len(names), 1.1)
    best = hypervolume((everything - low) / (high - low), reference_point=reference)
    points = (np.array([value(problem, genome) for genome in found]) - low) / (high - low)
    shares = {
        str(n): 100 * hypervolume(points[:n], reference_point=reference) / best for n in COUNTS if n <= len(points)
    }
    return {"problem": problem_name, "name": name, "seed": seed, "networks": len(found), "seconds": seconds, **shares}


def all_rows(space: TableSpace) -> list[dict[str, float]]:
    """Every row of a table."""
    keys = itertools.product(*(range(len(gene.choices)) for gene in space.genes))
    return [space.look_up(space.canonical(np.array(key))) for key in keys]


def problems(table: str) -> dict[str, Problem]:
    """Everything that is searched, by name."""
    found: dict[str, Problem] = {}
    if table:
        example = Path(__file__).resolve().parent.parent / "examples" / "nasbench_macro.py"
        macro = load_object(f"{example}:NasBenchMacro", type)(table)
        for names in (*TARGETS, ("err", "flops", "params")):
            found["-".join(names)] = (macro, names)
    return found | {"paths": (paths(), ("err", "flops")), "widths": (widths(), ("err", "flops"))}


def main() -> None:
    """Search everything with everyone, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", default="", help="nasbench_macro.csv: columns arch, err, params, flops")
    parser.add_argument("--synthetic", action="store_true", help="the made-up tables, too")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--most", type=int, default=1000, help="distinct networks, at most")
    parser.add_argument("--quick", action="store_true", help="two seeds, 200 networks")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    seeds, most = (2, 200) if options.quick else (options.seeds, options.most)
    chosen = [name for name in problems(options.table) if options.synthetic or name not in ("paths", "widths")]
    jobs = list(itertools.product(CONTENDERS, chosen, range(seeds)))
    rows = Parallel(-1)(delayed(one)(*job, most, options.table) for job in jobs)
    table = pd.DataFrame(rows)
    counts = [str(n) for n in COUNTS if str(n) in table]
    for name, part in table.groupby("problem", sort=False):
        print(f"{name}: % of the true hypervolume after distinct networks, mean ± sd of {seeds} seeds; seconds")
        for contender, found in part.groupby("name", sort=False):
            cells = [f"{found[n].mean():7.3f} ± {found[n].std():5.3f}" for n in counts if found[n].notna().all()]
            print(f"  {contender:<26}", *cells, f"{found['seconds'].mean():7.1f}", sep="  ")
    results = []
    ours = table[table["name"] == "evonas"]
    for names, targets in TARGETS.items():
        part = ours[ours["problem"] == "-".join(names)]
        for n, target in targets.items():
            if str(n) not in part or part.empty or part[str(n)].isna().any():
                continue
            mean = float(part[str(n)].mean())
            facts = {"unit": "% of the true hypervolume", "target": f">= {target}", "holds": mean >= target}
            label = f"{'-'.join(names)} after {n} networks, mean of {seeds} seeds"
            results.append({"name": label, "value": mean, "sd": float(part[str(n)].std()), **facts})
            print(f"{label}: {mean:.3f} (>= {target}: {'yes' if mean >= target else 'no'})")
    write_report(options.json, __doc__, results=results, quick=options.quick, rows=rows)


if __name__ == "__main__":
    main()
