"""The subcommands that search: search, resume, batch, presets, spaces, selfcheck."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.options import Quiet, RunArgument, TrustCode, Workers, say
from evonas.config.presets import preset_caption, preset_names, preset_text


def search(
    run_file: Annotated[
        Path | None,
        typer.Argument(help="A TOML file; without one, a search on scikit-learn's digits.", show_default=False),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Ready-made values under the run file's; listed by evonas presets.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="runs/NAME-TIME")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of everything random but the split.", show_default=False)
    ] = None,
    workers: Workers = None,
    budget: Annotated[int | None, typer.Option(help="Networks to evaluate.", show_default=False)] = None,
    estimate: Annotated[
        str | None, typer.Option(help="one-shot, short-training, or auto: what takes less time.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Search for networks, estimating each cheaply; write the Pareto front and a report."""
    from evonas.cli import search_actions

    keys = {"seed": seed, "compute.workers": workers, "search.budget": budget, "estimate.method": estimate}
    search_actions.search(run_file, preset=preset, out=out, keys=keys, quiet=quiet)


def resume(run: RunArgument, workers: Workers = None, may_run_code: TrustCode = False, quiet: Quiet = False) -> None:
    """Resume a run or a batch that was stopped; the result is as if it had never stopped."""
    from evonas.cli import search_actions

    search_actions.resume(run, workers=workers, may_run_code=may_run_code, quiet=quiet)


def batch(
    plan: Annotated[
        Path, typer.Argument(help="A TOML file with a \\[grid]; docs/guide/scaling.md shows one.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the batch; one that was stopped is resumed.", show_default="runs/NAME-TIME"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, max=1024, help="Runs side by side; 0: one per core.", show_default=False)
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run a grid of searches side by side, and compare them."""
    from evonas.cli import search_actions

    search_actions.batch(plan, out=out, workers=workers, quiet=quiet)


def presets(
    name: Annotated[str | None, typer.Argument(help="Print this one as a run file.", show_default="a list")] = None,
) -> None:
    """List the presets, ready-made runs for evonas search --preset; or print one."""
    if name is not None:
        say(preset_text(name), end="")
        return
    for known in preset_names():
        say(f"{known:<7} {preset_caption(known)}")


def spaces(
    run_file: Annotated[
        Path | None,
        typer.Argument(help="Whose images, and whose space; without one, all defaults.", show_default=False),
    ] = None,
    genes: Annotated[bool, typer.Option("--genes", help="List the genes of the run file's space too.")] = False,
) -> None:
    """List the search spaces and how large they are."""
    from evonas.cli import search_actions

    search_actions.spaces(run_file, genes=genes)


def selfcheck(
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Searches per method.")] = 3, quiet: Quiet = False
) -> None:
    """Search a small table whose true front is known, beside simpler searches; fail if the engine is no better."""
    from evonas.cli import search_actions

    search_actions.selfcheck(seeds=seeds, quiet=quiet)
