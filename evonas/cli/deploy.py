"""The subcommands that use networks that were found: train, trust, export, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.options import PICK_HELP, Quiet, RunArgument, TrustCode, Workers, keys_of


def train(
    run: RunArgument,
    pick: Annotated[str, typer.Option(help=PICK_HELP)] = "knee",
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="Training runs per network.")] = 1,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Instead of the run file's.", show_default=False)
    ] = None,
    inherit: Annotated[bool, typer.Option("--inherit", help="Start from the weights of the run's supernet.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A key of \\[training] or \\[compute], such as training.optimizer=sgd."
        ),
    ] = None,
    workers: Workers = None,
    may_run_code: TrustCode = False,
    quiet: Quiet = False,
) -> None:
    """Train picks in full and measure them, once, on the test set; one that was interrupted is resumed."""
    from evonas.cli import deploy_actions
    from evonas.workflows.run_handle import open_run

    given = [*(settings or []), *["training.initial_weights=inherited"] * inherit]
    overrides = keys_of(given, sections=("training", "compute"))
    opened = open_run(run, may_run_code=may_run_code)
    deploy_actions.train(opened, pick, seeds=seeds, epochs=epochs, overrides=overrides, workers=workers, quiet=quiet)


def trust(
    run: RunArgument,
    nets: Annotated[
        int, typer.Option(min=1, max=100_000, help="Networks to train, of all sizes that the run evaluated.")
    ] = 20,
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="Training runs per network.")] = 3,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Instead of the run file's.", show_default=False)
    ] = None,
    workers: Workers = None,
    may_run_code: TrustCode = False,
    quiet: Quiet = False,
) -> None:
    """Train some networks of a run from scratch, and say how far its estimates can be trusted."""
    from evonas.cli import deploy_actions
    from evonas.workflows.run_handle import open_run

    opened = open_run(run, may_run_code=may_run_code)
    deploy_actions.trust(opened, networks=nets, seeds=seeds, epochs=epochs, workers=workers, quiet=quiet)


def export(
    run: RunArgument,
    pick: Annotated[str, typer.Option(help=PICK_HELP)] = "knee",
    format_name: Annotated[
        str, typer.Option("--format", help="onnx, onnx-qdq, qonnx, torch, c, or openvino.")
    ] = "onnx",
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the training whose weights it takes.")] = 0,
    recipe: Annotated[
        str, typer.Option(help="Of that training, if several had this seed: as in the name of its weights; or search.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file, for one network; of c a file .c, or the folder or .zip of a library.",
            show_default="RUN/exports/ID-seedSEED-RECIPE",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option(help="Of c: what all its names begin with; with it c is a library.", show_default="netID")
    ] = "",
    package: Annotated[
        str, typer.Option(help="Of c: a library as plain, arduino, platformio or zephyr.", show_default="plain")
    ] = "",
    input_layout: Annotated[
        str, typer.Option(help="Of c: chw, planes of channels; hwc, channels side by side.", show_default="chw")
    ] = "",
    may_run_code: TrustCode = False,
) -> None:
    """Write networks to files that run elsewhere: as evonas train left them, or else as the search trained them."""
    from evonas.cli import deploy_actions
    from evonas.workflows.run_handle import open_run

    c_options = {"name": name, "package": package, "input_layout": input_layout}
    opened = open_run(run, may_run_code=may_run_code)
    deploy_actions.export(opened, pick, format_name=format_name, seed=seed, recipe=recipe, out=out, c_options=c_options)


def verify(
    file: Annotated[Path, typer.Argument(help="A file that evonas export wrote.", show_default=False)],
    run: Annotated[
        Path | None, typer.Option(help="The run that it came from.", show_default="the folder that the file lies in")
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Test images to run.", show_default="all; 20 with --target")
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            help="Of c: in a simulator of cortex-m4, cortex-m0, rv32 or rv32e, with flash, RAM and instructions.",
            show_default=False,
        ),
    ] = "",
    may_run_code: TrustCode = False,
) -> None:
    """Run an exported file in its own runtime beside the network it came from; fail if they differ."""
    from evonas.cli import deploy_actions

    deploy_actions.verify(file, run=run, images=images, target=target, may_run_code=may_run_code)
