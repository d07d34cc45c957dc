"""Claim: more workers are as many times faster, nobody waits for a generation, and what is lost is done again.

    python benchmarks/scale_out.py [PART…] [--quick] [--json FILE]

Parts, all by default:

- `throughput`: evaluations per second of one process, of two, and of a real Dask cluster of two worker processes on
  loopback. An evaluation is a fixed number of convolutions on one torch thread, as long as scoring a network of digits
  and one of Fashion-MNIST; the target is for the longer ones. Beside them two processes that get half of the work each
  and talk to nobody: what this machine has to give. Rounds are interleaved; medians of their ratios.
- `losses`: a search whose worker is killed (-9) in the middle of an evaluation; one on a Dask cluster of which a worker
  is killed and another joins; one whose scheduler is killed and started again. Archive and front must be those of a
  search that nothing happened to.
- `simulation`: 1, 8, 64 and 512 workers, evaluations of 10 to 30 seconds, by the real scheduling code on a simulated
  clock that also runs while the driver thinks; asynchronous, and in generations as large as the cluster; with learned
  predictors and without.
- `batch`: 2 presets x 5 seeds on digits, killed and resumed, against the same batch that was never stopped.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from convolving import convolve, convolve_all
from dask_cluster import Process, cluster, start_scheduler, start_worker
from report import write_report
from simulated_cluster import Clock, Simulated

from evonas.config.load import parse_config
from evonas.evaluation.workers.pool import map_in_order
from evonas.evaluation.workers.workers import BACKENDS, Workers
from evonas.run.engine import search
from evonas.spaces import Problem
from reports.run_folder.folder import RunFolder

Result = dict[str, Any]
GENES = {f"gene{number}": tuple("01234567") for number in range(20)}
SHORT, LONG = 40, 160  # convolutions: a network of digits is scored in 20 to 40 ms, one of Fashion-MNIST in 160
OBJECTIVES = ["error", "cost"]
SECONDS = (10.0, 30.0)  # of a simulated evaluation: spread 3:1
BUDGETS = {1: 100, 8: 400, 64: 1600, 512: 6000}
BUDGETS_WITH_PREDICTORS = {1: 100, 8: 200, 64: 800, 512: 2500}
TINY: dict[str, Any] = {
    "space": {"channels": 8, "stem_channels": 8, "cells": ["normal", "reduction"], "expansions": [0.5, 1.0]},
    "supernet": {"steps": 40},
    "estimate": {"steps": 5, "anchors": 3, "calibration_images": 64},
    "search": {
        "budget": 40,
        "population": 8,
        "objectives": ["error", "model_size"],
        "trainings": 0,
    },  # the presets' are not the same
}


def formula(chosen: dict[str, str], *, seconds: float = 0.0, victim: str = "") -> dict[str, float]:
    """A made-up error of 20 genes that no other formula tells, and a cost.

    Args:
        chosen: One choice per gene.
        seconds: That it takes.
        victim: A file; whoever finds it removes it and dies of it.
    """
    values = np.array(list(map(int, chosen.values())), dtype=float)
    if seconds:
        time.sleep(seconds)
    if victim and values.sum() % 5 == 0:
        with suppress(FileNotFoundError):
            Path(victim).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    pairs = np.sin(values[:-1] * values[1:]).sum()
    return {"error": float(np.exp(-0.02 * values.sum() + 0.02 * pairs)), "cost": float((values**2).sum() + 1)}


def problem(**options: Any) -> Problem:
    """The formula as a search space."""
    evaluate = functools.partial(formula, **options)
    return Problem(GENES, evaluate, objectives=OBJECTIVES, count=_cost, is_slow=True)


def _cost(chosen: dict[str, str]) -> dict[str, float]:
    return {"cost": float(sum(int(label) ** 2 for label in chosen.values()) + 1)}


def run(folder: Path, space: Problem, *, compute: dict[str, Any], **settings: Any) -> RunFolder:
    """A search of the formula."""
    chosen = {"objectives": OBJECTIVES, "population": 40, "predictors": [], "has_baseline": False, **settings}
    raw = {"search": chosen, "compute": compute}
    return search(parse_config(raw, source="scale_out", given_space="Problem"), folder, space=space)


# Throughput


def throughput(*, quick: bool) -> list[Result]:
    """Evaluations per second of 1 and 2 workers, for each length of an evaluation."""
    rounds, rows = 3 if quick else 7, []
    for layers, n in ((SHORT, 100), (LONG, 25)) if quick else ((SHORT, 120), (LONG, 40)):
        rates: dict[str, list[float]] = {
            name: [] for name in ("one process", "two loky workers", "two Dask workers", "two halves")
        }
        with cluster(2) as (address, _), ProcessPoolExecutor(2, mp_context=get_context("spawn")) as halves:
            contenders = dict(zip(rates, (Workers(1), Workers(2), Workers(0, "dask", address), None), strict=True))
            for number in range(rounds + 1):  # the first one starts processes and loads torch
                for name, workers in contenders.items():
                    start = time.perf_counter()
                    if workers is None:
                        parts = halves.map(convolve_all, (range(n // 2), range(n // 2, n)), (layers, layers))
                        found = [value for part in parts for value in part]
                    else:
                        found = list(map_in_order(convolve, [(job, layers) for job in range(n)], workers=workers))
                    elapsed = time.perf_counter() - start
                    assert found[:3] == convolve_all(range(3), layers), "the same numbers for every backend"
                    if number:
                        rates[name].append(n / elapsed)
        alone = rates["one process"]
        length = f"evaluations of {1000 / statistics.median(alone):.0f} ms"
        for name, least in (("two halves", None), ("two loky workers", 1.7), ("two Dask workers", 1.5)):
            ratios = [many / one for many, one in zip(rates[name], alone, strict=True)]
            told = f"{name} against one process, {length}"
            rows.append(line(told, statistics.median(ratios), "times", least=least if layers == LONG else None))
            rows[-1]["rounds"] = [round(ratio, 2) for ratio in ratios]
    return rows


# Losses


def facts(folder: RunFolder) -> tuple[list[str], bytes]:
    """Genomes in the archive's order, and the front."""
    return folder.evaluations()["genome"].tolist(), (folder.path / "front.csv").read_bytes()


def losses(*, quick: bool) -> list[Result]:
    """Searches that lose workers, or their scheduler, on the way."""
    settings = {"budget": 60 if quick else 120, "population": 20}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        calm = facts(run(home / "calm", problem(seconds=0.05), compute={"workers": 1}, **settings))
        victim = home / "victim"
        victim.touch()
        killed = run(home / "loky", problem(seconds=0.05, victim=str(victim)), compute={"workers": 2}, **settings)
        assert not victim.exists()
        rows.append(
            check(
                "a loky worker killed in the middle of an evaluation: the same archive and front", facts(killed) == calm
            )
        )
        dask = {"a Dask worker killed and another joining": lose_worker, "the scheduler restarted": restart}
        for name, disturb in dask.items():
            with cluster(2) as (address, processes):
                compute = {"backend": "dask", "scheduler": address}
                done = threading.Event()
                enemy = threading.Thread(target=disturb, args=(address, processes, done))
                enemy.start()
                found = facts(run(home / name, problem(seconds=0.2), compute=compute, **settings))
                was_in_time = done.is_set()
                enemy.join()
                rows.append(check(f"{name}: the same archive and front", was_in_time and found == calm))
    return rows


def lose_worker(address: str, processes: list[Process], done: threading.Event) -> None:
    """Kill a worker at its work; another one joins later."""
    time.sleep(2.0)
    processes[1].kill()
    time.sleep(0.5)
    processes.append(start_worker(address))
    done.set()


def restart(address: str, processes: list[Process], done: threading.Event) -> None:
    """Kill the scheduler, and with it its workers; start all anew at the same address."""
    time.sleep(2.0)
    for process in processes:
        process.kill()
    processes.append(start_scheduler(int(address.rpartition(":")[2])))
    processes += [start_worker(address) for _ in range(2)]
    done.set()


# Simulation


def simulated(n: int, *, mode: str, predictors: Sequence[str], budget: int) -> Result:
    """One search by pretended workers: how busy they were, and what was found when."""
    clock, low, high = Clock(), *SECONDS

    def seconds(job: tuple[Any, ...]) -> float:
        return random.Random(job[0].genome.tobytes()).uniform(low, high)

    BACKENDS["threading"] = lambda workers: Simulated(n, clock, seconds)
    with tempfile.TemporaryDirectory() as temporary:
        compute = {"workers": max(2, n), "backend": "threading"}
        settings: dict[str, Any] = {"mode": mode, "predictors": list(predictors), "budget": budget}
        if mode == "generational":  # a generation smaller than the cluster could not keep it busy
            settings |= {"population": max(40, n), "proposals": max(10, n)}
        folder = run(Path(temporary) / "run", problem(), compute=compute, **settings)
        table = folder.evaluations(origin="search")
        values = table[OBJECTIVES].to_numpy(dtype=float)
    return {
        "workers": n,
        "mode": mode,
        "predictors": bool(predictors),
        "networks": len(values),
        "hours": clock.finished[-1] / 3600,
        "busy": clock.busy / (n * clock.finished[-1]),
        "driver": len(values) / clock.driver,
        "wall": len(values) / clock.wall,
        "times": clock.finished,
        "values": values,
    }


def volumes(results: Sequence[Result]) -> None:
    """Add to every search its hypervolume when the first of them ended, and at its end, on one scale."""
    from objectives.fronts.pareto import hypervolume

    everything = np.log(np.concatenate([result["values"] for result in results]))
    low, high = everything.min(axis=0), everything.max(axis=0)
    soonest = min(result["times"][-1] for result in results)
    for result in results:
        scaled = (np.log(result["values"]) - low) / (high - low)
        n = int(np.searchsorted(result["times"], soonest, side="right"))
        result["volume then"] = hypervolume(scaled[:n], reference_point=np.full(2, 1.1))
        result["volume"] = hypervolume(scaled, reference_point=np.full(2, 1.1))


def simulation(*, quick: bool) -> list[Result]:
    """1 to 512 workers."""
    rows, before = [], dict(BACKENDS)
    print("workers mode          predictors networks   hours    busy results/s hypervolume")
    for names, budgets in (((), BUDGETS), (("ridge",), BUDGETS_WITH_PREDICTORS)):
        for n, budget in budgets.items():
            budget = max(50, budget // 8) if quick else budget  # noqa: PLW2901
            pair = [simulated(n, mode=m, predictors=names, budget=budget) for m in ("generational", "asynchronous")]
            volumes(pair)
            for found in pair:
                print(
                    f"{n:>7} {found['mode']:<13} {'ridge' if names else 'none':<10} {found['networks']:>8} "
                    f"{found['hours']:>7.2f} {found['busy']:>7.1%} {found['driver']:>9.0f} "
                    f"{found['volume then']:.4f}, at its end {found['volume']:.4f}",
                    flush=True,
                )
                what = f"{n} workers, {found['mode']}{', ridge' if names else ''}"
                goal = {64: 0.9, 512: 0.8}.get(n) if found["mode"] == "asynchronous" and not names else None
                rows.append(line(f"{what}: busy", found["busy"], "share", least=goal))
                rows.append(line(f"{what}: simulated hours", found["hours"], "h"))
                rows.append(line(f"{what}: hypervolume when the first of both ends", found["volume then"], ""))
                rows.append(line(f"{what}: hypervolume at its end", found["volume"], ""))
                goal = 500 if n == 512 and found["mode"] == "asynchronous" and not names else None
                rows.append(line(f"{what}: results that the driver handles", found["driver"], "1/s", least=goal))
                rows.append(line(f"{what}: the same by the wall's clock", found["wall"], "1/s"))
    BACKENDS.update(before)
    return rows


# Batch


def batch(*, quick: bool) -> list[Result]:
    """A batch that is killed, and resumed until it ends, against one that was never stopped."""
    plan = {
        "name": "presets",
        "compute": {"workers": 2},
        "run": TINY,
        "grid": {"preset": ["tas", "ubnas"], "seed": list(range(2 if quick else 5))},
    }
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        (home / "plan.toml").write_text(tomli_w.dumps(plan), encoding="utf-8")
        command = [sys.executable, "-m", "evonas", "batch", str(home / "plan.toml"), "--quiet", "--out"]
        start = time.perf_counter()
        subprocess.run([*command, str(home / "whole")], check=True)
        seconds, kills = time.perf_counter() - start, 0
        while True:
            process = subprocess.Popen([*command, str(home / "killed")])
            try:
                process.wait(timeout=seconds / 2.5)
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        assert process.returncode == 0
        names = [path.name for path in (home / "whole").iterdir() if (path / "front.csv").is_file()]
        same = all(
            facts(RunFolder(home / "whole" / name)) == facts(RunFolder(home / "killed" / name)) for name in names
        )
        pages = [(home / which / "comparison" / "0-pairwise.csv").read_bytes() for which in ("whole", "killed")]
        page = (home / "killed" / "compare.html").read_text(encoding="utf-8")
    what = f"{len(names)} runs, killed {kills} times and resumed: the same archives, fronts and tests"
    rows = [check(what, same and pages[0] == pages[1])]
    rows.append(
        check("the comparison page states means, bands and tests", all(t in page for t in ("±", "polygon", "Holm")))
    )
    return rows


def line(name: str, value: float, unit: str, *, least: float | None = None) -> Result:
    """A number, and whether it is what it must be."""
    row: Result = {"name": name, "value": round(value, 4), "unit": unit}
    return row if least is None else row | {"target": f">= {least:g}", "holds": bool(value >= least)}


def check(name: str, holds: bool) -> Result:
    """A statement, and whether it is so."""
    return {"name": name, "value": int(holds), "unit": "", "target": "= 1", "holds": holds}


PARTS: dict[str, Callable[..., list[Result]]] = {
    "throughput": throughput,
    "losses": losses,
    "simulation": simulation,
    "batch": batch,
}


def main() -> None:
    """Run the parts asked for, print one line per number, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--quick", action="store_true", help="shorter, fewer rounds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.parts or PARTS:
        for row in PARTS[name](quick=options.quick):
            rows.append(row)
            mark = "" if "holds" not in row else "  holds" if row["holds"] else "  DOES NOT HOLD"
            print(f"{row['name']}: {row['value']} {row['unit']} {row.get('target', '')}{mark}", flush=True)
    write_report(options.json, __doc__, results=rows, quick=options.quick)


if __name__ == "__main__":
    main()
