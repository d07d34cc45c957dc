"""What the benchmarks of the five methods share: images and recipe at each scale, the command line, results."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evonas.config.load import RunConfig, parse_config
from evonas.config.sections import DataConfig
from evonas.evaluation.workers.local import n_workers
from evonas.evaluation.workers.pool import map_in_order
from evonas.evaluation.workers.workers import Workers
from evonas.training.datasets.dataset import Dataset, load_dataset

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


WHOLE = "search by so many whole trainings instead of estimates: what is there to be found at all?"


@dataclass(frozen=True)
class Setting:
    """What the command line asked for.

    Attributes:
        scale: ``quick``, ``digits``, ``small`` or ``full``.
        raw: Keys of the run file, for data and training.
        seeds: Trainings of each network.
        workers: Processes.
        json_file: Where results go.
        runs: Where searches are kept, to be resumed; None for a folder that is removed.
        whole: Networks that a search trains wholly, in place of estimates; 0 for estimates.
        blocks: Kind of the search space, where a script has more than one; empty elsewhere.
    """

    scale: str
    raw: Mapping[str, Any]
    seeds: int
    workers: int
    json_file: Path | None
    runs: Path | None
    whole: int = 0
    blocks: str = ""

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
        """Where trainings are kept, so that a run that was cut off can be resumed."""
        return None if self.json_file is None else self.json_file.with_suffix(".jsonl")

    @property
    def config(self) -> RunConfig:
        """The run file for trainings."""
        return parse_config(dict(self.raw), source="this benchmark")

    @property
    def data(self) -> Dataset:
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
        more = {
            "scale": self.scale,
            "settings": dict(self.raw),
            "seeds": self.seeds,
            "whole": self.whole,
            "blocks": self.blocks,
            **more,
        }
        write_report(self.json_file, document, results=results, quick=self.scale == "quick", **more)


def read_options(document: str | None, *, blocks: Sequence[str] = ()) -> Setting:
    """Parse the options that all of these benchmarks have, and the kind of blocks where there is a choice."""
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
    parser.add_argument("--runs", type=Path, help="folder that keeps searches, so that a second call resumes them")
    parser.add_argument("--whole", type=int, default=0, help=WHOLE)
    if blocks:
        parser.add_argument("--blocks", choices=blocks, default=blocks[0])
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
    return Setting(
        scale, raw, seeds, workers, options.json, options.runs, options.whole, getattr(options, "blocks", "")
    )


@lru_cache(maxsize=2)
def images(data: DataConfig) -> Dataset:
    """The images of a run file, read once per process."""
    return load_dataset(data)


def kept(
    setting: Setting, function: Callable[..., dict[str, Any]], jobs: Sequence[tuple[Any, ...]]
) -> list[dict[str, Any]]:
    """Results in order; equal jobs are done once, and what a run that was cut off has done is not done again."""
    keys = [hashlib.sha256(repr((function.__name__, job)).encode()).hexdigest() for job in jobs]
    known = _done_before(setting.kept)
    fresh = {key: job for key, job in zip(keys, jobs, strict=True) if key not in known}
    done = map_in_order(function, fresh.values(), workers=Workers(setting.workers))
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


def line(
    name: str, value: float, unit: str, *, target: str = "", holds: bool | None = None, **more: Any
) -> dict[str, Any]:
    """A line of the results, with its target if there is one."""
    judged = {"target": target, "holds": bool(holds)} if target else {}
    return {"name": name, "value": float(value), "unit": unit, **judged, **more}
