"""What the benchmarks of the five methods share: images and recipe at each scale, trainings side by side, tables."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

import evonas
from evonas.architecture import Architecture
from evonas.backends import Workers
from evonas.config import DataConfig, RunConfig, load_config, parse_config
from evonas.genome import from_text
from evonas.local_backends import n_workers
from evonas.nets.layer import QuantLayer
from evonas.parallel import in_order, one_thread
from evonas.quant import Quantizer
from evonas.quant.tga import Tga
from evonas.run import Run
from evonas.setup import build_data, open_setup
from evonas.spaces import NetworkSpace
from evonas.spread import best_of_sizes
from evonas.training.data import Data
from evonas.training.train import train_alone, train_and_test
from objectives import OBJECTIVES
from surrogates.one_shot.score import score_network

sys.path.append(str(Path(__file__).parents[1]))
from report import write_report  # it lies one folder up, beside the other benchmarks

SCALES: dict[str, dict[str, Any]] = {
    "quick": {"data": {"limit": 400}, "training": {"epochs": 1}},  # the digits that come along
    "digits": {"data": {"source": "digits"}, "training": {"epochs": 40}},
    "small": {"data": {"limit": 5000, "heldout_share": 0.2, "pool": 2}, "training": {"epochs": 6}},
    "full": {
        "data": {"heldout_share": 0.1, "shift": 4, "flip": True},
        "training": {"epochs": 200, "batch_size": 128, "learning_rate": 2e-3},
    },
}
# How much a search may cost. Not tuned: the few tuned networks would be the front, too thin to pick within many bounds.
SEARCHES: dict[str, dict[str, Any]] = {
    "quick": {
        "supernet": {"steps": 5, "batch_size": 8, "expansion_steps": 2},
        "estimate": {"correction_networks": 0, "tuning_steps": 0, "calibration_images": 32, "scoring_images": 40},
        "search": {"budget": 24, "population": 8, "predictors": [], "has_baseline": False},
    },
    "small": {
        "supernet": {"steps": 2000, "expansion_steps": 300},
        "estimate": {"tuning_steps": 0, "correction_networks": 20, "correction_rounds": 2, "scoring_images": 1000},
        "search": {"budget": 400, "predictors": ["ridge"], "has_baseline": False},
    },
    "digits": {
        "supernet": {"steps": 2000, "expansion_steps": 300},
        "estimate": {"tuning_steps": 0, "correction_networks": 20, "correction_rounds": 2},
        "search": {"budget": 400, "predictors": ["ridge"], "has_baseline": False},
    },
    "full": {
        "supernet": {"steps": 40_000},
        "estimate": {"correction_rounds": 2},
        "search": {"budget": 1500, "has_baseline": False},
    },
}


WHOLE = "search by so many whole trainings instead of estimates: what is there to be found at all?"
# An epoch: two thirds of a whole training, for what learns fast is not the best.
BRIEF_UPDATES = {"digits": 15, "small": 50}
FINALISTS = {"quick": 2, "digits": 5, "small": 5, "full": 3}  # that are trained before one is taken
SEED_OF_FINALS = 1000  # no training that is reported has it


@dataclass(frozen=True)
class Contender:
    """A network and how it is trained.

    Attributes:
        architecture: The network.
        training: Keys of the run file's ``[training]`` that differ from the scale's.
    """

    architecture: Architecture
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What the command line asked for.

    Attributes:
        scale: ``quick``, ``digits``, ``small`` or ``full``.
        raw: Keys of the run file, for data and training.
        seeds: Trainings of each network.
        workers: Processes.
        json_file: Where results go.
        runs: Where searches are kept, to go on with them; None for a folder that is removed.
        whole: Networks that a search trains wholly, in place of estimates; 0 for estimates.
    """

    scale: str
    raw: Mapping[str, Any]
    seeds: int
    workers: int
    json_file: Path | None
    runs: Path | None
    whole: int = 0

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Where searches go."""
        if self.runs is not None:
            self.runs.mkdir(parents=True, exist_ok=True)
            yield self.runs
            return
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)

    @property
    def kept(self) -> Path | None:
        """Where trainings are kept, so that a run that was cut off goes on."""
        return None if self.json_file is None else self.json_file.with_suffix(".jsonl")

    @property
    def config(self) -> RunConfig:
        """The run file for trainings."""
        return parse_config(dict(self.raw), source="this benchmark")

    @property
    def data(self) -> Data:
        """The images."""
        return images(self.config.data)

    @property
    def images_given(self) -> tuple[tuple[int, int, int], int]:
        """Shape of an image and number of classes, as search spaces want them."""
        return self.data.input_shape, self.data.n_classes

    def report(self, document: str | None, results: Sequence[Mapping[str, Any]], **more: Any) -> None:
        """Print lines with a target; write everything if a file was asked for."""
        for row in results:
            judged = (
                f" (target {row['target']}: {'holds' if row['holds'] else 'DOES NOT HOLD'})" if "target" in row else ""
            )
            print(f"{row['name']}: {row['value']:.4g} {row['unit']}{judged}", flush=True)
        more = {"scale": self.scale, "settings": dict(self.raw), "seeds": self.seeds, "whole": self.whole, **more}
        write_report(self.json_file, document, results=results, quick=self.scale == "quick", **more)


def read_options(document: str | None) -> Setting:
    """Parse the options that all of these benchmarks have."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder or file of images, such as Fashion-MNIST's IDX files")
    parser.add_argument("--quick", action="store_true", help="digits, one epoch, two seeds: does it run?")
    parser.add_argument(
        "--scale",
        choices=("digits", "small", "full"),
        default="small",
        help="digits: the images that come along, minutes; small: two cores; full: a GPU",
    )
    parser.add_argument("--pool", type=int, help="side of the squares of pixels that are averaged")
    parser.add_argument("--limit", type=int, help="training images")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--runs", type=Path, help="folder that keeps searches, so that a second call goes on with them")
    parser.add_argument("--whole", type=int, default=0, help=WHOLE)
    options = parser.parse_args()
    if (options.quick or options.scale == "digits") == (options.data is not None):
        parser.error("say where the images are with --data; or --quick or --scale digits, which bring their own")
    scale = "quick" if options.quick else options.scale
    given: dict[str, dict[str, Any]] = {
        "data": {"source": options.data, "pool": options.pool, "limit": options.limit},
        "training": {"epochs": options.epochs},
    }
    raw: dict[str, Any] = {}
    for section, values in SCALES[scale].items():
        raw[section] = values | {key: value for key, value in given[section].items() if value is not None}
    seeds, workers = 2 if options.quick else options.seeds, n_workers(options.workers)
    return Setting(scale, raw, seeds, workers, options.json, options.runs, options.whole)


@lru_cache(maxsize=2)
def images(data: DataConfig) -> Data:
    """The images of a run file, read once a process."""
    return build_data(RunConfig(data=data))


def search(
    setting: Setting,
    preset: str,
    folder: Path,
    *,
    space: Mapping[str, Any],
    seed: int = 0,
    **changes: Mapping[str, Any],
) -> tuple[Run, NetworkSpace]:
    """Run a preset's search.

    Args:
        setting: Images, recipe, and what a search may cost.
        preset: Its name.
        folder: Where to.
        space: Keys of ``[space]`` that differ from the preset's.
        seed: Of the search.
        changes: The same for other sections.

    Returns:
        The run, and its space.
    """
    overrides: dict[str, Any] = {**setting.raw, "space": dict(space), "compute": {"workers": setting.workers}}
    overrides["seed"] = seed
    for section, values in SEARCHES[setting.scale].items():
        overrides[section] = {**values, **changes.get(section, {})}
    if setting.whole:
        overrides |= wholly(setting, overrides["search"])
    elif setting.scale in BRIEF_UPDATES:
        overrides["estimate"].setdefault("steps", BRIEF_UPDATES[setting.scale] * setting.raw["training"]["epochs"])
    settled = hashlib.sha256(json.dumps([preset, overrides], sort_keys=True, default=str).encode()).hexdigest()[:8]
    path, start = folder.with_name(f"{folder.name}-{settled}"), time.process_time()
    run = evonas.resume(path) if path.exists() else evonas.search(preset=preset, out=path, overrides=overrides)
    clock = path / "processor_seconds.txt"  # of all the calls that it took
    if not clock.exists() or time.process_time() - start > 1:
        before = float(clock.read_text(encoding="utf-8")) if clock.exists() else 0.0
        clock.write_text(f"{before + time.process_time() - start:.1f}", encoding="utf-8")
    told = f"front of {len(run.front())} in {seconds_of(run):.0f} s"
    print(f"  search, {preset} in {path.name}: {told}", file=sys.stderr, flush=True)
    return run, open_setup(load_config(run.path / "run.toml")).network_space


def wholly(setting: Setting, usual: Mapping[str, Any]) -> dict[str, Any]:
    """Sections of a search whose few networks are trained by the whole recipe, chosen by what a predictor expects."""
    recipe = setting.config.training
    steps = recipe.epochs * max(1, len(setting.data.train) // recipe.batch_size)
    few = {"budget": setting.whole, "population": max(4, setting.whole // 6), "predictors": "auto"}
    return {"estimate": {"method": "short-training", "steps": steps}, "search": {**usual, **few}}


def seconds_of(run: Run) -> float:
    """Processor seconds that a search took, of this process."""
    return float((run.path / "processor_seconds.txt").read_text(encoding="utf-8"))


def best_of_each_size(run: Run, space: NetworkSpace, n: int) -> list[tuple[float, Architecture]]:
    """Of ``n`` groups of a front by model size, the network of smallest estimated error in each; with that error."""
    front = run.front().sort_values("error")
    chosen = front.iloc[best_of_sizes(front["model_size"].to_numpy(dtype=float), n)]
    genomes = [from_text(str(genome), space.genes) for genome in chosen["genome"]]
    return list(zip(chosen["error"].astype(float), map(space.decode, genomes), strict=True))


def best(setting: Setting, run: Run, space: NetworkSpace) -> Architecture:
    """The best network of a search."""
    (found,) = best_within(setting, run, space, [{}])
    assert found is not None
    return found


def best_within(
    setting: Setting, run: Run, space: NetworkSpace, bounds: Sequence[Mapping[str, float]]
) -> list[Architecture | None]:
    """The best networks of a search within one set of bounds after another; None where there is none.

    Finalists are the ``FINALISTS`` evaluated networks with the smallest estimated errors within each. They are trained
    once by the recipe, without the held-out images. Of all that keep within bounds, the one with the smallest loss on
    those images is the best: what a user does who has seconds for a few trainings.
    """
    table = run.evaluations()
    table = table[(table["origin"] == "search") & table["error"].notna() & (table["stage"] == table["stage"].max())]
    table = table.sort_values("error")
    feasible = [table.index[(table[list(within)] <= pd.Series(within, dtype=float)).all(axis=1)] for within in bounds]
    chosen = list(dict.fromkeys(index for found in feasible for index in found[: FINALISTS[setting.scale]]))
    finalists = {index: space.decode(from_text(str(table["genome"][index]), space.genes)) for index in chosen}
    jobs = [(one, dict(setting.raw), SEED_OF_FINALS) for one in finalists.values()]
    losses = dict(zip(finalists, (result["loss"] for result in kept(setting, heldout, jobs)), strict=True))
    fitting = [[index for index in finalists if index in set(found)] for found in feasible]
    return [finalists[min(some, key=losses.__getitem__)] if some else None for some in fitting]


def heldout(architecture: Architecture, raw: Mapping[str, Any], seed: int) -> dict[str, float]:
    """Train one network without the held-out images; its loss on them."""
    config = parse_config(dict(raw), source="this benchmark")
    data = images(config.data)
    with one_thread():
        network = train_alone(architecture, data.train, config, seed=seed)
        score = score_network(network, images=data.heldout.pixels(), labels=data.heldout.labels)
    return {"loss": score.loss}


def cost(architecture: Architecture, name: str) -> float:
    """A cost that is counted."""
    measure = OBJECTIVES[name].measure
    assert measure is not None
    return float(measure(architecture.layers))


def measured(architecture: Architecture, raw: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one network from scratch: test accuracy in percent after the last epoch, seconds, what layers learned."""
    config = parse_config(dict(raw), source="this benchmark")
    data = images(config.data)
    start = time.process_time()
    with one_thread():
        network, test = train_and_test(architecture, data, config, seed=seed)
    seconds = time.process_time() - start
    layers = []
    for name, layer in network.layers.items():
        assert isinstance(layer, QuantLayer)
        for method in layer.weight_quantizers.values():
            assert isinstance(method, Quantizer)
            ratio = float(method.ratios[0].detach()) if isinstance(method, Tga) else None
            zeros = method.zero_share(layer.latent_weight.detach().flatten(1, 2))
            layers.append({"layer": name, "zeros": zeros, "ratio": ratio})
    return {"accuracy": 100 * (1 - test.error), "loss": test.loss, "seconds": seconds, "layers": layers}


def train_all(
    setting: Setting, contenders: Mapping[str, Contender], *, seeds: Sequence[int] | None = None
) -> pd.DataFrame:
    """Train every contender with every seed, seeds in turns; what a run that was cut off has trained is kept.

    Args:
        setting: Images and recipe.
        contenders: By name.
        seeds: Instead of the setting's.

    Returns:
        ``name``, ``seed`` and what :func:`measured` gives, one row a training.
    """
    names, jobs = [], []
    for seed in range(setting.seeds) if seeds is None else seeds:
        for name, contender in contenders.items():
            training = setting.raw["training"] | contender.training
            names.append(name)
            jobs.append((contender.architecture, {**setting.raw, "training": training}, seed))
    rows = []
    for name, job, found in zip(names, jobs, kept(setting, measured, jobs), strict=True):
        rows.append({"name": name, "seed": job[-1], **found})
    return pd.DataFrame(rows)


def kept(
    setting: Setting, function: Callable[..., dict[str, Any]], jobs: Sequence[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """Results in order; equal jobs are done once, and what a run that was cut off has done is not done again."""
    keys = [hashlib.sha256(repr((function.__name__, job)).encode()).hexdigest() for job in jobs]
    known = _done_before(setting.kept)
    fresh = {key: job for key, job in zip(keys, jobs, strict=True) if key not in known}
    done = in_order(function, fresh.values(), workers=Workers(setting.workers))
    for key, result in zip(fresh, done, strict=True):
        known[key] = result
        if setting.kept is not None:
            with setting.kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, result]) + "\n")
        told = ", ".join(f"{name} {value:.4g}" for name, value in result.items() if isinstance(value, float))
        print(f"  {function.__name__}: {told}", file=sys.stderr, flush=True)
    return [known[key] for key in keys]


def _done_before(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None or not path.is_file():
        return {}
    return dict(json.loads(text) for text in path.read_text(encoding="utf-8").splitlines())


def print_accuracies(rows: pd.DataFrame, **columns: Mapping[str, str]) -> None:
    """A line a contender: test accuracy, mean ± sd over seeds, and further columns by contender's name."""
    table = rows.groupby("name", sort=False)["accuracy"].agg(["mean", "std"])
    shown = pd.DataFrame({"test accuracy, %": [f"{mean:.2f} ± {sd:.2f}" for mean, sd in table.to_numpy()]}, table.index)
    for title, values in columns.items():
        shown[title.replace("_", " ")] = [values.get(str(name), "") for name in table.index]
    print(f"{rows['seed'].nunique()} seeds\n{shown.rename_axis(None).to_string()}", flush=True)


def line(
    name: str, value: float, unit: str, *, target: str = "", holds: bool | None = None, **more: Any
) -> dict[str, Any]:
    """A line of the results, with its target if there is one."""
    judged = {"target": target, "holds": bool(holds)} if target else {}
    return {"name": name, "value": float(value), "unit": unit, **judged, **more}


def gain(rows: pd.DataFrame, first: str, second: str) -> tuple[float, float]:
    """By how much ``first`` is more accurate than ``second``, seed by seed: mean and standard error in points."""
    table = rows.pivot_table(index="seed", columns="name", values="accuracy")
    difference = table[first] - table[second]
    return float(difference.mean()), float(difference.std() / len(difference) ** 0.5)
