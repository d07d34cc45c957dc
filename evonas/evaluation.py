"""Genomes in, objective values out: in parallel, each network once, every result kept as it finishes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from evonas.genome import Genome, to_text
from evonas.operators import Genomes
from evonas.parallel import in_order, n_workers
from evonas.spaces import NetworkSpace
from evonas.workbench import open_workbench
from objectives import OBJECTIVES
from reports.run_folder import Row, RunFolder
from surrogates.one_shot.score import score_subnet


class Evaluator:
    """Evaluates genomes with inherited weights and stores each evaluation in the archive as it finishes.

    The values are a pure function of supernet, genome and data split, whatever the number of workers. What the archive
    holds already is answered from there: a network is scored once, and a resumed run repeats nothing.

    Args:
        space: Decodes genomes.
        folder: The run; its supernet must be there.
        checkpoint: SHA-256 of the supernet's file.
        workers: Processes; 1 works in this one, 0 takes one a core.
    """

    def __init__(self, space: NetworkSpace, folder: RunFolder, *, checkpoint: str, workers: int) -> None:
        self.space, self.folder, self.checkpoint = space, folder, checkpoint
        self.workers = n_workers(workers)
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
        scores = self._scores([genome for genome in genomes if to_text(genome) not in self._known])
        for genome in genomes:
            key = to_text(genome)
            if key not in self._known:
                self._known[key] = self._row(genome, *next(scores))
            row = replace(self._known[key], origin=origin, generation=generation)
            if (origin, key) not in self._stored:
                self.folder.append(row)
                self._stored.add((origin, key))
            yield row

    def _scores(self, genomes: Iterable[Genome]) -> Iterator[tuple[dict[str, float], str, float]]:
        jobs = ((self.folder.path, self.checkpoint, genome) for genome in genomes)
        return in_order(score_genome, jobs, workers=self.workers)

    def _row(self, genome: Genome, values: dict[str, float], reason: str, seconds: float) -> Row:
        """Add what is counted, not estimated. Origin and generation are filled in by the caller."""
        if not reason:
            layers = self.space.decode(genome).layers
            counted = {name: objective.measure(layers) for name, objective in OBJECTIVES.items() if objective.measure}
            values = {**values, **counted}
        return Row("", 0, to_text(genome), values, reason, seconds)


def score_genome(folder: Path, checkpoint: str, genome: Genome) -> tuple[dict[str, float], str, float]:
    """Score one genome in whatever process this runs in.

    Args:
        folder: The run folder.
        checkpoint: SHA-256 of its supernet.
        genome: A repaired genome.

    Returns:
        Error and loss by name, the reason if it failed (then without values), and the seconds it took.
    """
    bench = open_workbench(folder, checkpoint)
    start = time.perf_counter()
    try:
        score = score_subnet(
            bench.supernet,
            bench.space.decode(genome),
            calibration=bench.calibration,
            images=bench.images,
            labels=bench.labels,
        )
    except (MemoryError, RuntimeError) as error:  # torch reports a failed allocation as a RuntimeError
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0] or 'no message'}"
        return {}, reason, time.perf_counter() - start
    seconds = time.perf_counter() - start
    if not math.isfinite(score.loss):
        return {}, f"the held-out loss is {score.loss}", seconds
    return {"error": score.error, "loss": score.loss}, "", seconds
