"""Actions of the subcommands that ``deploy`` declares."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import typer

from evonas.cli.options import display_of
from evonas.cli.print_tables import print_simulation, print_trainings, print_trust, print_verification
from evonas.errors import ExportError
from evonas.export.bundle import read_export
from evonas.export.c.targets.simulate import Simulation
from evonas.workflows.export_picks import Verification
from evonas.workflows.run_handle import open_run


def train(
    run: Path,
    pick: str,
    *,
    seeds: int,
    epochs: int | None,
    overrides: Mapping[str, Mapping[str, Any]],
    workers: int | None,
    quiet: bool,
) -> None:
    """Train picks in full."""
    opened = open_run(run)
    chosen = opened.pick(pick)
    with display_of(quiet=quiet) as display:
        trainings = opened.train(
            pick, seeds=range(seeds), epochs=epochs, overrides=overrides, workers=workers, observer=display
        )
    if not quiet:
        print_trainings(chosen, trainings)
        typer.echo(f"weights under {run / 'nets'}, added to {run / 'report.html'}")


def trust(run: Path, *, networks: int, seeds: int, epochs: int | None, workers: int | None, quiet: bool) -> None:
    """Measure how far estimates can be trusted."""
    opened = open_run(run)
    with display_of(quiet=quiet) as display:
        opened.trust(networks=networks, seeds=seeds, epochs=epochs, workers=workers, observer=display)
    if not quiet:
        print_trust(opened)
        typer.echo(f"added to {run / 'report.html'}")


def export(
    run: Path,
    pick: str,
    *,
    format_name: str,
    seed: int,
    recipe: str,
    out: Path | None,
    c_options: Mapping[str, str],
) -> None:
    """Write trained networks to files."""
    opened = open_run(run)
    for path in opened.export(pick, format_name=format_name, seed=seed, recipe=recipe, out=out, **c_options):
        found = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        size = f"{sum(one.stat().st_size for one in found):,} bytes"
        typer.echo(f"{path}: {size}" + f" in {len(found)} files" * path.is_dir())
        whose = f" --run {quote(str(run))}" if out is not None else ""
        typer.echo(f"next:  evonas verify {quote(str(path))}{whose}")


def verify(file: Path, *, run: Path | None, images: int | None, target: str) -> None:
    """Run an exported file beside its network; exit with 1 if they differ."""
    read_export(file)  # before its run is looked for
    folder = run if run is not None else file.resolve().parent.parent
    if run is None and not (folder / "run.toml").is_file():
        raise ExportError(
            f"the run that {file} came from", found=f"no run in {folder}", remedy="say where it is: --run FOLDER"
        )
    verification: Verification | Simulation
    if target:
        verification = open_run(folder).verify_on_target(file, target, **({} if images is None else {"images": images}))
        print_simulation(verification)
    else:
        verification = open_run(folder).verify(file, images=images)
        print_verification(verification)
    if not verification.is_sound:
        typer.echo("evonas verify: the file is not the network that it came from", err=True)
        sys.exit(1)
