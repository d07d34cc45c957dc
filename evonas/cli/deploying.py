"""The subcommands that train what was found: train, trust."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli.shared import Quiet, RunArgument, Workers, display_of, keys_of

if TYPE_CHECKING:
    pass


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
