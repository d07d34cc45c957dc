"""Actions of the subcommands that ``deploy`` declares."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from evonas.cli.options import display_of, say
from evonas.cli.print_tables import print_simulation, print_trainings, print_trust, print_verification
from evonas.errors import ExportError
from evonas.export.bundle import read_export
from evonas.export.c.targets.simulate import Simulation
from evonas.workflows.export_picks import Verification
from evonas.workflows.run_handle import Run, open_run


def train(
    run: Run,
    pick: str,
    *,
    seeds: int,
    epochs: int | None,
    overrides: Mapping[str, Mapping[str, Any]],
    workers: int | None,
    quiet: bool,
) -> None:
    """Train picks in full."""
    chosen = run.pick(pick)
    with display_of(quiet=quiet) as display:
        trainings = run.train(
            pick, seeds=range(seeds), epochs=epochs, overrides=overrides, workers=workers, observer=display
        )
    if not quiet:
        print_trainings(chosen, trainings)
        say(f"weights under {run.path / 'nets'}, added to {run.path / 'report.html'}")


def trust(run: Run, *, networks: int, seeds: int, epochs: int | None, workers: int | None, quiet: bool) -> None:
    """Measure how far estimates can be trusted."""
    with display_of(quiet=quiet) as display:
        run.trust(networks=networks, seeds=seeds, epochs=epochs, workers=workers, observer=display)
    if not quiet:
        print_trust(run)
        say(f"added to {run.path / 'report.html'}")


def export(
    run: Run,
    pick: str,
    *,
    format_name: str,
    seed: int,
    recipe: str,
    out: Path | None,
    c_options: Mapping[str, str],
) -> None:
    """Write trained networks to files."""
    for path in run.export(pick, format_name=format_name, seed=seed, recipe=recipe, out=out, **c_options):
        found = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        size = f"{sum(one.stat().st_size for one in found):,} bytes"
        say(f"{path}: {size}" + f" in {len(found)} files" * path.is_dir())
        whose = f" --run {quote(str(run.path))}" if out is not None else ""
        say(f"next:  evonas verify {quote(str(path))}{whose}")


def verify(file: Path, *, run: Path | None, images: int | None, target: str, may_run_code: bool) -> None:
    """Run an exported file beside its network; exit with 1 if they differ."""
    read_export(file)  # before its run is looked for
    folder = run if run is not None else file.resolve().parent.parent
    if run is None and not (folder / "run.toml").is_file():
        raise ExportError(
            f"the run that {file} came from", found=f"no run in {folder}", remedy="say where it is: --run FOLDER"
        )
    opened = open_run(folder, may_run_code=may_run_code)
    verification: Verification | Simulation
    if target:
        verification = opened.verify_on_target(file, target, **({} if images is None else {"images": images}))
        print_simulation(verification)
    else:
        verification = opened.verify(file, images=images)
        print_verification(verification)
    if not verification.is_sound:
        say("evonas verify: the file is not the network that it came from", err=True)
        sys.exit(1)
