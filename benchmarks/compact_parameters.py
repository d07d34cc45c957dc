"""Claim: numbers that are no weights can take a quarter of their bytes, and networks stay as accurate.

Networks that a search trained, from 300 to 10,000 bytes, are trained anew with several seeds, on training and held-out
images together, and frozen in each form: how norms are stored, and all other numbers beside the weights; with and
without a bias of the classifier. Forms that change nothing in training are the same trained network, so they are
compared in pairs. "Before" are floats. Test images are touched once a network.

    python benchmarks/compact_parameters.py RUN [--like FILE] [--networks 24] [--seeds 3] [--state FILE] [--workers N]
        [--quick] [--json FILE]

RUN is a finished search; --like is a run file with the data and the recipe of other pictures, of the same space. Rows
are kept in the state file as they come, so that a call that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from report import write_report

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import NUMBERS, STREAMS
from evonas.config.load import load_config
from evonas.run.context import open_context
from evonas.spaces.genome import from_text
from evonas.training.hardware import one_thread
from evonas.training.network_training import as_exported, train_in_full
from objectives import Fidelity
from objectives.model_size import model_size, packed_bytes
from reports.run_folder.folder import RunFolder

LEAST, MOST, SMALL = 300, 10_000, 3_000  # bytes, before
BEFORE, SHORT = "floats", "8 bits"
# of norms, of other numbers, and whether the classifier has a bias
FORMS: dict[str, tuple[str, str, bool]] = {
    BEFORE: ("float", "float", True),
    "16 bits": ("16-bit", "16-bit", True),
    SHORT: ("8-bit", "8-bit", True),
    "8 bits, no bias": ("8-bit", "8-bit", False),
    "powers of two": ("power-of-two", "8-bit", True),
}
ALIKE = ((BEFORE, "16 bits", SHORT), ("8 bits, no bias",), ("powers of two",))  # what does not change training
BYTES, SHARE = 0.6, 0.7  # wanted below 3,000 bytes: of what they took before, of weights among all bytes


def networks_of(path: Path, n: int) -> list[str]:
    """Genomes that a run measured, by size: those of its front first."""
    run, space = RunFolder(path), open_context(load_config(path / "run.toml")).network_space
    genomes = [str(genome) for genome in pd.read_csv(path / "front.csv")["genome"]]
    genomes += [score.genome for score in run.scores() if score.fidelity == Fidelity.TRAINED]
    sizes = {one: model_size(formed(space.decode(from_text(one, space.genes)), BEFORE).layers) for one in genomes}
    found = [genome for genome in dict.fromkeys(genomes) if LEAST <= sizes[genome] <= MOST][:n]
    return sorted(found, key=sizes.__getitem__)


def formed(architecture: Architecture, form: str) -> Architecture:
    """The same network whose numbers are stored in a form."""
    norms, scales, has_bias = FORMS[form]
    ops = (*architecture.ops[:-1], replace(architecture.ops[-1], has_bias=has_bias))
    return replace(architecture, ops=ops, norms=NUMBERS[norms], scales=STREAMS[scales])


def measured(like: Path, genome: str, seed: int, forms: Sequence[str]) -> list[dict[str, Any]]:
    """One network, trained once, in forms that train alike."""
    config = load_config(like)
    context = open_context(config)
    data, space = context.dataset, context.network_space
    plain = space.decode(from_text(genome, space.genes))
    before = int(model_size(formed(plain, BEFORE).layers))
    rows = []
    with one_thread():
        images = data.train.joined(data.heldout)
        network = train_in_full(formed(plain, forms[0]), images, config, seed=seed)
        for form in forms:
            network.activate(formed(plain, form))
            layers = network.active.layers
            weights = int(sum(packed_bytes(layer.weights, levels=layer.weight_levels) for layer in layers))
            counts = {"before": before, "bytes": int(model_size(layers)), "weights": weights}
            error = as_exported(network, data.test).error
            rows.append({"genome": genome, "seed": seed, "form": form, **counts, "error": error})
    return rows


def all_rows(
    jobs: Sequence[tuple[Path, str, int, Sequence[str]]], state: Path, workers: int
) -> Iterator[dict[str, Any]]:
    """Rows of all jobs, those that the file holds first; new ones are added to it."""
    known = [json.loads(line) for line in state.read_text(encoding="utf-8").splitlines()] if state.exists() else []
    yield from known
    done = {(row["genome"], row["seed"], row["form"]) for row in known}
    todo = [job for job in jobs if (job[1], job[2], job[3][-1]) not in done]
    for rows in Parallel(workers, return_as="generator_unordered")(delayed(measured)(*job) for job in todo):
        with state.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        yield from rows


def report(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Print a table of all sizes and one of small networks; the results are those of small ones."""
    table = pd.DataFrame(rows)
    table["ratio"], table["share"] = table["bytes"] / table["before"], table["weights"] / table["bytes"]
    errors = table.pivot_table(index=["genome", "seed"], columns="form", values="error")
    losses = 100 * errors.sub(errors[BEFORE], axis=0)
    results: list[dict[str, Any]] = []
    for name, part in (("all", table), (f"below {SMALL:,} bytes", table[table["before"] < SMALL])):
        print(f"{name}: {part['genome'].nunique()} networks, {part['seed'].nunique()} seeds; error in % of test images")
        for form in [form for form in FORMS if form in losses]:
            own = part[part["form"] == form]
            lost = losses.loc[losses.index.isin(list(zip(own["genome"], own["seed"], strict=True))), form].dropna()
            spread = lost.groupby("genome").mean()  # seeds of one network are not independent of its form
            error = float(spread.std() / len(spread) ** 0.5)
            ratio, share, loss = own["ratio"].mean(), own["share"].mean(), float(lost.mean())
            print(
                f"  {form:<24} {100 * own['error'].mean():6.2f} %   loss {loss:+.2f} ± {error:.2f} points"
                f"   bytes x {ratio:.3f}   weights {100 * share:.1f} % of bytes"
            )
            if name != "all" and form != BEFORE:
                where = f"{form}, networks {name}"
                results += [
                    _line(f"{where}: bytes of those before", ratio, f"<= {BYTES}", holds=ratio <= BYTES),
                    _line(f"{where}: weights of all bytes", share, f">= {SHARE}", holds=share >= SHARE),
                    _line(f"{where}: loss in points", loss, f"<= {error:.3f}, its standard error", holds=loss <= error),
                ]
    return results


def _line(name: str, value: float, target: str, *, holds: bool) -> dict[str, Any]:
    return {"name": name, "value": float(value), "unit": "", "target": target, "holds": bool(holds)}


def main() -> None:
    """Train everything, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--like", type=Path, help="run file of other data; by default the run's own")
    parser.add_argument("--networks", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--state", type=Path, help="file that keeps rows")
    parser.add_argument("--quick", action="store_true", help="two networks, one seed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    n, seeds = (2, 1) if options.quick else (options.networks, options.seeds)
    genomes, like = networks_of(options.run, n), options.like or options.run / "run.toml"
    jobs = [(like, genome, seed, forms) for seed, genome, forms in product(range(seeds), genomes, ALIKE)]
    with tempfile.TemporaryDirectory() as folder:
        rows = list(all_rows(jobs, options.state or Path(folder) / "rows.jsonl", options.workers))
    results = report(rows)
    write_report(options.json, __doc__, results=results, quick=options.quick, rows=rows)


if __name__ == "__main__":
    main()
