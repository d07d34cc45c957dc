"""Claim: a one-shot estimate ranks networks as well as a repeated training does, at a fraction of its time.

Networks of all sizes are trained from scratch with several seeds; every seed is measured on another third of all images
but the held-out ones, which score the estimates. Every way to estimate ranks the same networks: supernets of every
training strategy, their scores and the errors estimated from these, two seeds each, and short trainings without a
supernet. Beside them stand what costs alone tell (the floor) and how well one more training ranks (the ceiling). The
networks that estimates rest on are others than those they are judged on.

    python benchmarks/rank_quality.py [digits] [fashion --images FOLDER] [--strategies NAME ...]
        [--seeds N] [--steps N] [--quick] [--cache FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from report import write_report

from evonas.architecture.graph import Architecture
from evonas.config.load import parse_config
from evonas.evaluation.costs import COSTS
from evonas.evaluation.estimated import LADDER_COSTS
from evonas.evaluation.scorers import InheritedWeights, Scorer, ShortTraining
from evonas.evaluation.scoring_context import scoring_context
from evonas.nets.network import Network
from evonas.run.context import RunContext, open_context
from evonas.seeding import numpy_rng
from evonas.spaces.genome import from_text, to_text
from evonas.spaces.sampling import stratified_by_size
from evonas.training.hardware import one_thread
from evonas.training.network_training import n_steps, train_and_test
from evonas.training.strategies import STRATEGIES
from evonas.training.supernet_training import build_supernet, train_supernet
from evonas.workflows.trust import truth
from objectives import OBJECTIVES
from surrogates.ladder.rung import fit_rung
from surrogates.rank_quality import rank_quality

Floats = NDArray[np.float64]
FOLDS = 3  # thirds of the images that trainings from scratch leave out in turn
SHORT = (50, 150, 300)  # steps of short trainings
SEVERAL_PATHS = ("sandwich",)
DEFAULT = "single_path"
POOL = 1000  # random networks, and crossings, that the ranked ones are chosen from


@dataclass(frozen=True)
class Task:
    """What is ranked: a run file, and the largest size, that of the largest networks that its searches end with."""

    run_file: dict[str, Any]
    largest: int
    has_cells: bool
    strategies: tuple[str, ...] = tuple(STRATEGIES)


def tasks(images: str, *, quick: bool) -> dict[str, Task]:
    """The two tasks by name."""
    short = {"supernet": {"steps": 60}, "estimate": {"steps": 20, "anchors": 4}}
    more = short | {"training": {"epochs": 2}} if quick else {}
    fashion = {
        "data": {"source": images, "limit": 10000, "pool": 2},
        "space": {"kind": "residual", "depth": 8, "channels": 8},
        "training": {"epochs": 8},
    }
    return {"digits": Task(more, 10_000, has_cells=True), "fashion": Task(fashion | more, 13_000, has_cells=False)}


def one_truth(task: Task, genome: str, seed: int) -> dict[str, float]:
    """One training from scratch, measured on images that score no estimate: as many as the data set has.

    A test set that is larger than the training set is one; else every seed leaves out a third of training and test
    images together.
    """
    context = _opened(task)
    data, architecture = context.dataset, _architecture(context, genome)
    with one_thread():
        start = time.process_time()
        if len(data.test) > len(data.train):
            _, score = train_and_test(architecture, data, context.config, seed=seed)
        else:
            whole = replace(data, train=data.train.joined(data.test))
            score = truth(architecture, whole, context.config, seed=seed, n_folds=FOLDS)
    return {"error": score.error, "loss": score.loss, "seconds": time.process_time() - start}


def one_short(task: Task, genome: str, steps: int) -> dict[str, float]:
    """One short training, scored on the held-out images."""
    return _scored(_opened(task), ShortTraining(steps), [genome])[0]


def one_supernet(task: Task, name: str, seed: int, *, genomes: Sequence[str]) -> dict[str, Any]:
    """Train one supernet, and score all networks as they are; those of the default strategy also tuned.

    All strategies make as many forward and backward passes; one that takes several paths makes fewer steps.
    """
    context = _opened(task, {"seed": seed, "supernet": strategies(task)[name]})
    settings = context.config.supernet
    steps = settings.steps // (settings.paths if settings.strategy in SEVERAL_PATHS else 1)
    config = context.config.model_copy(update={"supernet": settings.model_copy(update={"steps": steps})})
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        supernet = build_supernet(config, context.network_space)
        train_supernet(
            supernet,
            context.dataset,
            config,
            space=context.network_space,
            device="cpu",
            checkpoint=Path(folder) / "checkpoint",
        )
        seconds = time.process_time() - start
    found = {"name": name, "seed": seed, "seconds": seconds}
    found["raw"] = _scored(context, InheritedWeights(), genomes, supernet=supernet)
    return found


def ranked(task: Task, *, n: int, seeds: int, cache: Path | None) -> dict[str, Any]:
    """Genomes from small to large, and what they reach when they are trained from scratch with every seed."""
    found: dict[str, Any] = {"genomes": [], "truths": [[] for _ in range(n)]}
    if cache is not None and cache.is_file():
        found = json.loads(cache.read_text(encoding="utf-8"))
    space = _opened(task).network_space
    genomes = stratified_by_size(
        space, numpy_rng(0, "ranked networks"), n=n, bounds={"model_size": task.largest}, pool=POOL
    )
    texts = [to_text(genome) for genome in genomes]
    if found["genomes"] not in ([], texts):
        raise SystemExit(f"{cache} holds trainings of other networks; remove it")
    known = dict(zip(texts, found["truths"], strict=True))
    jobs = [(text, seed) for text in texts for seed in range(len(known[text]), seeds)]
    results = dict(zip(jobs, Parallel(-1)(delayed(one_truth)(task, *job) for job in jobs), strict=True))
    truths = [[*known[text], *(results[job] for job in jobs if job[0] == text)] for text in texts]
    found = {"genomes": texts, "truths": truths}
    if cache is not None:
        cache.write_text(json.dumps(found), encoding="utf-8")
    return found


def _opened(task: Task, overrides: dict[str, Any] | None = None) -> RunContext:
    return open_context(parse_config(task.run_file, overrides, source="benchmark"))


def _architecture(context: RunContext, genome: str) -> Architecture:
    space = context.network_space
    return space.decode(from_text(genome, space.genes))


def _scored(
    context: RunContext, scorer: Scorer, genomes: Sequence[str], *, supernet: Network | None = None
) -> list[dict[str, float]]:
    scoring, found = scoring_context(context.config, context.dataset, supernet), []
    for genome in genomes:
        with one_thread():
            start = time.process_time()
            score = scorer.score(scoring, _architecture(context, genome))
        found.append({"error": score.error, "loss": score.loss, "seconds": time.process_time() - start})
    return found


def estimates(task: Task, genomes: Sequence[str], *, quick: bool) -> tuple[list[dict[str, Any]], dict[str, Floats]]:
    """Every way to estimate, as rows with a score per network and seconds; and the costs of the networks."""
    context = _opened(task)
    settings, space = context.config.estimate, context.network_space
    drawn = stratified_by_size(space, numpy_rng(1, "anchors"), n=settings.anchors, bounds={})
    fitted = [text for text in map(to_text, drawn) if text not in genomes]
    everyone = [*genomes, *fitted]
    whole = n_steps(context.config.training, len(context.dataset.train))
    lengths = (*(SHORT[:1] if quick else SHORT), whole)
    trainings = list(product(lengths, everyone))
    nets = list(product(strategies(task), range(2)))
    jobs = [delayed(one_supernet)(task, *net, genomes=everyone) for net in nets]
    jobs += [delayed(one_short)(task, genome, steps) for steps, genome in trainings]
    results = Parallel(-1)(jobs)
    short: dict[int, list[dict[str, float]]] = {steps: [] for steps in lengths}
    for (steps, _), result in zip(trainings, results[len(nets) :], strict=True):
        short[steps].append(result)
    n, costs = len(genomes), _costs(context, everyone)
    rows = [_row(f"training, {steps} steps", 0, found[:n], fixed=0.0) for steps, found in short.items()]
    for net in results[: len(nets)]:
        rows += _scored_and_estimated(context, net, short[whole][n:], costs=costs, n=n)
    return rows, {name: column[:n] for name, column in zip(COSTS, costs.T, strict=True)}


def _scored_and_estimated(
    context: RunContext, net: dict[str, Any], targets: list[dict[str, float]], *, costs: Floats, n: int
) -> list[dict[str, Any]]:
    """Two rows of one supernet: what it scores, and the errors estimated from that, as anchors teach it."""
    scores: list[dict[str, float]] = net["raw"]
    losses, looked_at = (
        np.array([score["loss"] for score in scores]),
        costs[:, [COSTS.index(one) for one in LADDER_COSTS]],
    )
    rung = fit_rung(
        losses[n:],
        looked_at[n:],
        np.array([target["error"] for target in targets]),
        n_images=len(context.dataset.heldout),
        chance=1 - 1 / context.dataset.n_classes,
    )
    estimated = rung.predict(losses[:n], looked_at[:n]).error
    more = sum(target["seconds"] for target in targets) + sum(score["seconds"] for score in scores[n:])
    by_estimate = [{**score, "loss": float(value)} for score, value in zip(scores, estimated, strict=False)]
    return [
        _row(net["name"], net["seed"], scores[:n], fixed=net["seconds"]),
        _row(f"{net['name']}, estimated", net["seed"], by_estimate, fixed=net["seconds"] + more),
    ]


def _row(name: str, seed: int, scores: Sequence[dict[str, float]], *, fixed: float) -> dict[str, Any]:
    seconds = float(np.mean([score["seconds"] for score in scores]))
    return {
        "name": name,
        "seed": seed,
        "fixed seconds": fixed,
        "seconds per network": seconds,
        "seconds for 600": fixed + 600 * seconds,
        "scores": np.array([score["loss"] for score in scores]),
    }


def _costs(context: RunContext, genomes: Sequence[str]) -> Floats:
    measures = [measure for name in COSTS if (measure := OBJECTIVES[name].measure) is not None]
    layers = [_architecture(context, genome).layers for genome in genomes]
    return np.array([[measure(network) for measure in measures] for network in layers], dtype=float)


def strategies(task: Task) -> dict[str, dict[str, Any]]:
    """Training strategies by name, each with what its run file says under [supernet]."""
    found: dict[str, dict[str, Any]] = {name: {"strategy": name} for name in task.strategies}
    if task.has_cells and len(task.strategies) > 1:
        found["single_path, partial channels"] = {"partial_normal": 2, "partial_reduction": 2}
    return found


def judged(rows: list[dict[str, Any]], costs: dict[str, Floats], truths: list[list[dict[str, float]]]) -> pd.DataFrame:
    """All rows with their rank quality against the mean error and the mean loss; floors and ceiling below."""
    truth_of = {kind: np.array([[seed[kind] for seed in seeds] for seeds in truths]) for kind in ("error", "loss")}
    sizes = costs["model_size"]
    floors = [{"name": f"floor: {name}", "scores": -column} for name, column in costs.items()]  # costlier is better
    found = []
    for row in [*rows, *floors]:
        scores = row.pop("scores")
        for kind, values in truth_of.items():
            quality = rank_quality(scores, values.mean(axis=1), sizes=sizes)
            facts = {
                name: getattr(quality, name) for name in ("tau", "low", "high", "near_tau", "near_low", "near_high")
            }
            row |= {f"{name}, {kind}": value for name, value in facts.items()}
        found.append({**row, "near pairs": quality.near_pairs})
    ceiling: dict[str, Any] = {"name": "ceiling: one more training"}
    for kind, values in truth_of.items():
        repeats = [
            rank_quality(values[:, seed], np.delete(values, seed, axis=1).mean(axis=1), sizes=sizes)
            for seed in range(values.shape[1])
        ]
        ceiling |= {f"tau, {kind}": np.mean([one.tau for one in repeats])}
        ceiling |= {f"near_tau, {kind}": np.mean([one.near_tau for one in repeats])}
    return pd.DataFrame([*found, ceiling])


def print_table(title: str, table: pd.DataFrame) -> None:
    """Taus with their intervals over networks, against errors and losses, and seconds on one core."""
    print(
        f"{title}: tau and near tau against the mean error | against the mean loss; seconds before the first network,"
    )
    print("per network, and for 600 networks")
    for row in table.to_dict("records"):
        cells = [f"{row['name']:<46} {row.get('seed', ''):>3}"]
        for kind in ("error", "loss"):
            interval = f" [{row[f'low, {kind}']:.2f}, {row[f'high, {kind}']:.2f}]"
            cells.append(f"{row[f'tau, {kind}']:.3f}{interval} {row[f'near_tau, {kind}']:.3f}")
        seconds = [row["fixed seconds"], row["seconds per network"], row["seconds for 600"]]
        cells.append(f"{seconds[0]:6.0f} {seconds[1]:7.3f} {seconds[2]:6.0f}")
        print(" | ".join(cells), flush=True)


def verdicts(task: str, table: pd.DataFrame) -> list[dict[str, Any]]:
    """What the estimates must reach, the mean over supernet seeds."""
    names = {f"{DEFAULT}, estimated"}
    wanted = {"tau, error": 0.85, "near_tau, loss": 0.72, "near_tau, error": 0.72}
    if task == "fashion":
        names, wanted = names | {DEFAULT}, {"tau, error": 0.88}
    results = []
    for name, (column, target) in product(sorted(names), wanted.items()):
        values = table.loc[table["name"] == name, column]
        results.append(
            {
                "name": f"{task}: {name}: {column}, mean of {len(values)} supernets",
                "value": float(values.mean()),
                "unit": "Kendall's tau",
                "target": f">= {target}",
                "holds": bool(values.mean() >= target),
                "sd": float(values.std()),
            }
        )
    return results


def main() -> None:
    """Rank, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", choices=["digits", "fashion", []], nargs="*", default=[], help="digits by default")
    parser.add_argument("--images", default="/usr/share/datasets/fashion-mnist", help="Fashion-MNIST's IDX files")
    parser.add_argument("--quick", action="store_true", help="few networks, short trainings")
    parser.add_argument("--strategies", nargs="+", choices=tuple(STRATEGIES), default=tuple(STRATEGIES))
    parser.add_argument("--seeds", type=int, default=3, help="of the trainings from scratch")
    parser.add_argument("--steps", type=int, help="of every supernet, instead of the default")
    parser.add_argument("--cache", type=Path, help="folder that keeps trainings from scratch between calls")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results, tables = [], {}
    for name in options.tasks or ["digits"]:
        task = replace(tasks(options.images, quick=options.quick)[name], strategies=tuple(options.strategies))
        if options.steps:
            task = replace(task, run_file={**task.run_file, "supernet": {"steps": options.steps}})
        if options.cache:
            options.cache.mkdir(parents=True, exist_ok=True)
        cache = options.cache / f"{name}.json" if options.cache else None
        n, seeds = (8, 2) if options.quick else (30, options.seeds)
        found = ranked(task, n=n, seeds=seeds, cache=cache)
        rows, costs = estimates(task, found["genomes"], quick=options.quick)
        table = judged(rows, costs, found["truths"])
        print_table(name, table)
        tables[name] = table.to_dict("records")
        results += verdicts(name, table)
    for result in results:
        print(f"{result['name']}: {result['value']:.3f} ({result['target']}: {'yes' if result['holds'] else 'no'})")
    settings = {"seeds": options.seeds, "steps": options.steps}
    write_report(options.json, __doc__, results=results, quick=options.quick, tables=tables, settings=settings)


if __name__ == "__main__":
    main()
