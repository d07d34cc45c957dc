"""Genomes in, objective values out: in parallel, each network once, every result kept as it finishes."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from evonas.architecture import Architecture
from evonas.genome import Genome, to_text
from evonas.measures import Measures, Outcome, looked_up
from evonas.nets.network import Network
from evonas.operators import Genomes
from evonas.parallel import in_order, n_workers
from evonas.spaces import NetworkSpace, TableSpace
from evonas.workbench import open_workbench
from objectives.latency import measure_latency
from reports.run_folder import Row, RunFolder
from surrogates.one_shot.score import score_subnet


class Estimator(ABC):
    """Gives every genome its values; a pure function of the genome, save for measured times."""

    @abstractmethod
    def evaluate(self, genomes: Sequence[Genome]) -> Iterator[Outcome]:
        """Outcomes in the order of the genomes, each as soon as it and all before it are there."""


class OneShot(Estimator):
    """Scores networks with weights inherited from a run's supernet, and counts their costs.

    Args:
        space: Decodes genomes.
        measures: What to measure.
        folder: The run; its supernet must be there.
        checkpoint: SHA-256 of the supernet's file.
        workers: Processes; 1 works in this one, 0 takes one a core.
    """

    def __init__(self, space: NetworkSpace, measures: Measures, *, folder: Path, checkpoint: str, workers: int) -> None:
        self.space, self.measures, self.folder, self.checkpoint = space, measures, folder, checkpoint
        self.workers = n_workers(workers)
        self.has_latency = "latency" in measures.table

    def evaluate(self, genomes: Sequence[Genome]) -> Iterator[Outcome]:
        """See :class:`Estimator`."""
        jobs = [(self.folder, self.checkpoint, self.space, genome, self.has_latency) for genome in genomes]
        for genome, outcome in zip(genomes, in_order(score_genome, jobs, workers=self.workers), strict=True):
            yield outcome if outcome.reason else self._counted(genome, outcome)

    def _counted(self, genome: Genome, outcome: Outcome) -> Outcome:
        """Add what is counted, not estimated."""
        counted = self.measures.counted(self.space.decode(genome).layers)
        if counted.reason:
            return counted._replace(seconds=outcome.seconds)
        return outcome._replace(values={**outcome.values, **counted.values})


class LookUp(Estimator):
    """Looks values up in a space that is a table of results."""

    def __init__(self, space: TableSpace) -> None:
        self.space = space

    def evaluate(self, genomes: Sequence[Genome]) -> Iterator[Outcome]:
        """See :class:`Estimator`."""
        for genome in genomes:
            start = time.perf_counter()
            yield looked_up(self.space, genome)._replace(seconds=time.perf_counter() - start)


class Evaluator:
    """Evaluates genomes and stores each evaluation in the archive as it finishes.

    What the archive holds already is answered from there: a network is evaluated once, and a resumed run repeats
    nothing.

    Args:
        estimator: Gives the values.
        folder: The run.
    """

    def __init__(self, estimator: Estimator, folder: RunFolder) -> None:
        self.estimator, self.folder = estimator, folder
        self._known: dict[str, Row] = {}
        self._stored: set[tuple[str, str]] = set()
        for row in folder.rows():
            self._known[row.genome] = row
            self._stored.add((row.origin, row.genome))

    def evaluate(self, genomes: Genomes, *, origin: str, generation: int) -> Iterator[Row]:
        """Evaluate genomes, giving each as soon as it and all before it are stored.

        Args:
            genomes: Repaired, distinct, ``(n, n_genes)``.
            origin: ``"search"`` or ``"random"``; stored with each.
            generation: Stored with each.

        Yields:
            One row a genome, in the order given.
        """
        fresh = [genome for genome in genomes if to_text(genome) not in self._known]
        outcomes = self.estimator.evaluate(fresh)
        for genome in genomes:
            key = to_text(genome)
            if key not in self._known:
                self._known[key] = Row(origin, generation, key, *next(outcomes))
            row = replace(self._known[key], origin=origin, generation=generation)
            if (origin, key) not in self._stored:
                self.folder.append(row)
                self._stored.add((origin, key))
            yield row


def score_genome(folder: Path, checkpoint: str, space: NetworkSpace, genome: Genome, has_latency: bool) -> Outcome:
    """Score one genome in whatever process this runs in.

    Args:
        folder: The run folder.
        checkpoint: SHA-256 of its supernet.
        space: That of the run.
        genome: A repaired genome.
        has_latency: Whether to measure how long one image takes, too.

    Returns:
        Error and loss by name, or the reason if it failed.
    """
    bench = open_workbench(folder, checkpoint, space)
    start = time.perf_counter()
    architecture = space.decode(genome)
    try:
        score = score_subnet(
            bench.supernet, architecture, calibration=bench.calibration, images=bench.images, labels=bench.labels
        )
        latency = {"latency": _latency(architecture)} if has_latency else {}
    except (MemoryError, RuntimeError) as error:  # torch reports a failed allocation as a RuntimeError
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0] or 'no message'}"
        return Outcome({}, reason, time.perf_counter() - start)
    seconds = time.perf_counter() - start
    if not math.isfinite(score.loss):
        return Outcome({}, f"the held-out loss is {score.loss}", seconds)
    return Outcome({"error": score.error, "loss": score.loss, **latency}, "", seconds)


def _latency(architecture: Architecture) -> float:
    """Median seconds of one image through a stand-alone network; its weights do not matter."""
    network = Network([architecture], generator=torch.Generator()).eval()
    image = torch.rand(1, *architecture.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return measure_latency(lambda: network(image), warmup=3, repeats=15)
