"""One network for people: its layers and values, from a run's archive or decoded from a genome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from evonas.architecture.layer_table import architecture_table
from evonas.config.load import load_config
from evonas.errors import GenomeError, RunFolderError
from evonas.run.context import open_context
from evonas.run.provenance import code_of
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import from_text, to_text
from evonas.workflows.picks import single
from evonas.workflows.run_handle import open_run
from objectives import OBJECTIVES, Objective
from reports.run_folder.schema import RUN_FILE
from reports.tables.estimates import error_texts
from reports.tables.trainings import ClassResults, class_results


@dataclass(frozen=True)
class NetworkView:
    """A network prepared for printing.

    Attributes:
        genome: In text form, as it was given.
        canonical: The same network's canonical genome.
        table: A row per layer; see :func:`reports.tables.network.network_table`.
        values: What is known of it, by name of the measure.
        measures: How to read the values.
        id: The evaluation's; None for a bare genome.
        error: Its error as people read it, an estimate with its interval; empty where nothing is known of it.
        classes: What it reaches class by class; None where it was not trained by the whole recipe.
    """

    genome: str
    canonical: str
    table: pd.DataFrame
    values: Mapping[str, float]
    measures: Mapping[str, Objective]
    id: int | None = None
    error: str = ""
    classes: ClassResults | None = None


def of_run(path: Path, which: str, *, may_run_code: bool = False) -> NetworkView:
    """A network that a run evaluated. Those of its front are stored, so that neither images nor torch are needed.

    Args:
        path: The run folder.
        which: A pick of a single network, or the id of any evaluation that succeeded.
        may_run_code: Whether Python files that the run names may run, to decode a network that is not stored.

    Raises:
        RunFolderError: There is no run, a network that is not stored cannot be decoded with its settings, or files
            would have to run and may not.
        SelectionError: It names no network, or several.
    """
    run = open_run(path).folder
    row = single(run, which)
    genome, values = str(row["genome"]), {name: row[name] for name in run.measures if pd.notna(row[name])}
    table = run.networks([genome]).get(genome)
    if table is None:
        table = _decoded(genome, _space(path, None, may_run_code=may_run_code)).table
    error = error_texts(run, row.to_frame().T)[0] if run.quality else ""
    classes = class_results(run, genome)
    return NetworkView(genome, genome, table, values, run.measures, int(row["id"]), error, classes)


def of_genome(text: str, run: Path | None, config: Path | None, *, may_run_code: bool = False) -> NetworkView:
    """A network of a search space, whether or not it was ever evaluated.

    Args:
        text: Choices joined by dashes.
        run: The run whose space it is of.
        config: The run file whose space it is of, where there is no run; None for all defaults.
        may_run_code: Whether Python files that the run names may run.

    Raises:
        GenomeError: The genome is not one of that space, or its network cannot see the image.
        RunFolderError: Files that the run names would have to run, and may not.
    """
    return _decoded(text, _space(run, config, may_run_code=may_run_code))


def _space(run: Path | None, config: Path | None, *, may_run_code: bool) -> NetworkSpace:
    if run is not None:
        opened = open_run(run, may_run_code=may_run_code)
        files = code_of(load_config(run / RUN_FILE))
        if files and not may_run_code:
            raise RunFolderError(
                "a network of the front, whose layers are stored",
                found=f"another one, which needs {', '.join(sorted(files))} to run",
                remedy="if you trust that code, add --trust-code",
            )
        return opened.context.network_space
    return open_context(load_config(config)).network_space


def _decoded(text: str, space: NetworkSpace) -> NetworkView:
    if text.isdecimal() and len(space.genes) > 1:
        raise GenomeError(
            f"{len(space.genes)} choices joined by dashes",
            found=text,
            remedy="an evaluation of a run is shown by: evonas show RUN --pick ID",
        )
    vector = from_text(text, space.genes)
    architecture = space.decode(vector)
    if architecture.dead_reason is not None:
        raise GenomeError(
            "a network that sees its image",
            found=architecture.dead_reason,
            remedy=f"take its nearest living relative: {to_text(space.repair(vector))}",
        )
    layers = architecture.layers
    values = {name: one.measure(layers) for name, one in OBJECTIVES.items() if one.measure is not None}
    return NetworkView(
        to_text(vector), to_text(space.canonical(vector)), architecture_table(architecture), values, OBJECTIVES
    )
