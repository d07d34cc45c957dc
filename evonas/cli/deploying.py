"""The subcommands that make use of what was found: train, trust, export, verify."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.shared import Quiet, RunArgument, Workers, display_of, keys_of
from evonas.errors import ExportError


def train(
    run: RunArgument,
    pick: Annotated[
        str, typer.Option(help="knee, all, best:MEASURE, a bound such as 'model_size<4000', or ids such as 17,42.")
    ] = "knee",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings a network.")] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the run file's.", show_default=False)] = None,
    inherit: Annotated[bool, typer.Option("--inherit", help="Start from the weights of the run's supernet.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the run file, such as training.optimizer=sgd."),
    ] = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Train picks in full and measure them, once, on the test set; one that was interrupted goes on."""
    from evonas.run import open_run
    from evonas.tables import print_trainings

    opened = open_run(run)
    chosen = opened.pick(pick)
    overrides = keys_of([*(settings or []), *["training.initial_weights=inherited"] * inherit])
    with display_of(quiet=quiet) as display:
        trainings = opened.train(
            pick, seeds=range(seeds), epochs=epochs, overrides=overrides, workers=workers, observer=display
        )
    if not quiet:
        print_trainings(chosen, trainings)
        typer.echo(f"weights under {run / 'nets'}, added to {run / 'report.html'}")


def trust(
    run: RunArgument,
    nets: Annotated[int, typer.Option(min=1, help="Networks to train, of all sizes that the run evaluated.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings a network.")] = 3,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the run file's.", show_default=False)] = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Train some networks of a run from scratch, and say how far its estimates can be trusted."""
    from evonas.run import open_run
    from evonas.tables import print_trust

    opened = open_run(run)
    with display_of(quiet=quiet) as display:
        opened.trust(networks=nets, seeds=seeds, epochs=epochs, workers=workers, observer=display)
    if not quiet:
        print_trust(opened)
        typer.echo(f"added to {run / 'report.html'}")


def export(
    run: RunArgument,
    pick: Annotated[
        str, typer.Option(help="knee, all, best:MEASURE, a bound such as 'model_size<4000', or ids such as 17,42.")
    ] = "knee",
    format_name: Annotated[str, typer.Option("--format", help="onnx, onnx-qdq, qonnx, torch, or c.")] = "onnx",
    seed: Annotated[int, typer.Option(min=0, help="Of the training whose weights it takes.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="The file, for one network.", show_default="RUN/exports/ID-seedSEED")
    ] = None,
) -> None:
    """Write trained networks to files that run elsewhere; evonas train comes first."""
    from evonas.run import open_run

    for path in open_run(run).export(pick, format_name=format_name, seed=seed, out=out):
        typer.echo(f"{path}: {path.stat().st_size:,} bytes")
        typer.echo(f"next:  evonas verify {path}" + (f" --run {run}" if out is not None else ""))


def verify(
    file: Annotated[Path, typer.Argument(help="A file that evonas export wrote.", show_default=False)],
    run: Annotated[
        Path | None, typer.Option(help="The run that it came from.", show_default="the folder that the file lies in")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Test images to run.", show_default="all")] = None,
) -> None:
    """Run an exported file in its own runtime beside the network it came from; fail if they differ."""
    from evonas.export.seal import read_sealed
    from evonas.run import open_run
    from evonas.tables import print_verification

    read_sealed(file)  # before its run is looked for
    folder = run if run is not None else file.resolve().parent.parent
    if run is None and not (folder / "run.toml").is_file():
        raise ExportError(
            f"the run that {file} came from", found=f"no run in {folder}", remedy="say where it is: --run FOLDER"
        )
    opened = open_run(folder)
    verification = opened.verify(file, images=images)
    print_verification(verification)
    if not verification.is_sound:
        typer.echo("evonas verify: the file is not the network that it came from", err=True)
        sys.exit(1)
