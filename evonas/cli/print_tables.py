"""Tables for a terminal: comparisons, trust, trainings, verifications, spaces, genes and networks."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from evonas.cli.options import say
from evonas.export.formats import known_format
from objectives import OBJECTIVES, QUALITIES
from objectives.display import plain
from objectives.energy import SOURCE
from objectives.held_out import COMPLEMENTS
from reports.pages.comparison_page import pairwise_texts, ranking_texts
from reports.tables.estimates import trust_note, trust_texts
from reports.tables.network import STORED
from reports.tables.trainings import ClassResults, class_texts

if TYPE_CHECKING:
    import pandas as pd

    from evonas.cli.network_view import NetworkView
    from evonas.export.c.targets.simulate import Simulation
    from evonas.spaces import Space
    from evonas.spaces.genome import Gene
    from evonas.workflows.export_picks import Verification
    from evonas.workflows.run_handle import Run
    from reports.comparison.comparison import Comparison


class Texts(Table):
    """A table of texts from anywhere: none is markup, and a terminal obeys none."""

    def add_column(self, header: Any = "", footer: Any = "", **kept: Any) -> None:
        """See rich."""
        super().add_column(plain(header), plain(footer), **kept)

    def add_row(self, *cells: Any, **kept: Any) -> None:
        """See rich."""
        super().add_row(*map(plain, cells), **kept)


def print_selfcheck(table: pd.DataFrame) -> None:
    """Shares of the true hypervolume, mean and standard deviation, one row per method."""
    seeds = table["seed"].nunique()
    printed = Texts(title=f"share of the true front's hypervolume, {seeds} seeds", title_justify="left")
    printed.add_column("search")
    counts = [column for column in table if isinstance(column, int)]
    for count in counts:
        printed.add_column(f"{count} networks", justify="right")
    for name, part in table.groupby("search", sort=False):
        spreads = [f" ± {100 * part[count].std():.2f}" if seeds > 1 else "" for count in counts]
        cells = [f"{100 * part[count].mean():.2f}{spread} %" for count, spread in zip(counts, spreads, strict=True)]
        printed.add_row(str(name), *cells)
    show_table(printed)


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Who leads, and the pairwise tests, of every set of runs that can be compared."""
    for found in comparisons:
        noun = found.runs[0].facts().noun
        _print_texts(ranking_texts(found.ranking, noun=noun), title=f"hypervolume: {found.title}")
        if len(found.pairwise):
            _print_texts(pairwise_texts(found.pairwise), title="differences of means, paired by seed")
        say(found.verdict)


def _print_texts(texts: pd.DataFrame, *, title: str) -> None:
    printed = Texts(title=title, title_justify="left")
    for number, name in enumerate(texts.columns):
        printed.add_column(name, justify="right" if number else "left")
    for row in texts.to_numpy():
        printed.add_row(*row)
    show_table(printed)


def print_trust(run: Run) -> None:
    """How the estimate ranks networks, in a sentence and a table."""
    table, trust = trust_texts(run.folder), run.folder.facts().trust
    printed = Texts()
    for index, name in enumerate(table.columns):
        printed.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row in table.itertuples(index=False):
        printed.add_row(*map(str, row))
    show_table(printed)
    say(f"{trust_note(run.folder)}\n\n{trust.sentence if trust else ''}")


def print_trainings(chosen: pd.DataFrame, trainings: list[Any]) -> None:
    """What every chosen network reaches on the test set over its seeds, and warnings."""
    for record in chosen.to_dict("records"):
        own = [done for done in trainings if done.genome == record["genome"]]
        accuracies = [100 * done.reached for done in own]
        spread = f" ± {stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
        say(
            f"network {record['id']}: {record['model_size']:,} bytes, "
            f"test {COMPLEMENTS[own[0].quality]} {mean(accuracies):.2f}{spread} % "
            f"({len(own)} seed{'s' * (len(own) > 1)})"
        )
    for remarks in dict.fromkeys(done.remarks for done in trainings if done.remarks):
        say(f"trained with: {remarks}")
    for done in trainings:
        for warning in done.warnings:
            say(f"warning: network {done.evaluation}, seed {done.seed}: {warning}")


def print_verification(found: Verification) -> None:
    """What running an exported file showed."""
    counted, close, form = int(found.layers["model_size"].sum()), found.closeness, known_format(found.format)
    difference = f"largest difference of logits {close.difference:.2g}"
    if not form.is_exact:
        steps = f", {close.difference / close.step:.1f} steps" * (close.step > 0)
        difference += (
            f"{steps}\nnot the network to the bit, as --format onnx is: logits equal but for rounding of "
            f"{close.equal:.1%} of the images, within one step of the last code of {close.within_step:.1%}"
        )
    say(
        f"{found.format}, {found.images:,} test images: accuracy {100 * found.accuracy:.2f} %\n"
        f"against torch, sums of whole numbers: {found.agreement:.4%} of predictions agree, {difference}\n"
        f"against the network as trained, sums of floats: {found.trained_agreement:.4%} agree\n"
        f"one image: {found.milliseconds:.3f} ms here, {found.torch_milliseconds:.3f} ms in torch as trained"
    )
    if found.layers["stored"].isna().all():
        how = f", weights {form.weights}" * bool(form.weights)
        say(f"file: {found.file_bytes:,} bytes{how}; the model size counts {counted:,} bytes when packed")
        return
    stored = int(found.layers["stored"].sum())
    say(
        f"file: {found.file_bytes:,} bytes, of which {stored:,} are weights, scales and norms "
        f"(model size: {counted:,}), {found.file_bytes - stored:,} the graph around them"
    )
    for row in found.layers[found.layers["stored"] != found.layers["model_size"]].itertuples():
        say(f"warning: {row.layer} stores {row.stored} bytes; the model size counts {row.model_size}")


def print_simulation(found: Simulation) -> None:
    """What running C on a simulated microcontroller showed."""
    sizes, stack = found.sizes, found.stack_bytes
    equal = (
        "logits equal to the bit" if found.difference == 0 else f"largest difference of logits {found.difference:.2g}"
    )
    flash, ram = sizes.code + sizes.constants + sizes.helpers, found.arena_bytes + sizes.variables + stack
    say(
        f"{found.target}, {found.images:,} test images: {equal}, {found.agreement:.4%} of predictions agree, "
        f"self-test {'passed' if found.is_self_tested else 'FAILED'}\n"
        f"flash: {flash:,} bytes: {sizes.code:,} code, {sizes.constants:,} weights and other constants, "
        f"{sizes.helpers:,} of the compiler's libraries\n"
        f"RAM:   {ram:,} bytes: {found.arena_bytes:,} arena, {sizes.variables:,} of its own, {stack:,} stack\n"
        f"work:  {found.instructions:,.0f} instructions an image, {found.instructions / found.macs:.2f} for each of "
        f"{found.macs:,} multiply-accumulates; cycles are more\n"
        f"by {found.compiler}, {found.flags}"
    )
    table = Table(title="instructions by operation, of one image", title_justify="left", box=SIMPLE)
    for column in ("operation", "instructions", "share"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    total = sum(found.layers.values())
    for name, instructions in found.layers.items():
        table.add_row(name, f"{instructions:,.0f}", f"{instructions / total:.1%}")
    Console().print(table)


def print_spaces(
    spaces: Mapping[str, Space],
    *,
    refused: Mapping[str, str],
    configured: str | None,
    input_shape: tuple[int, int, int],
    n_classes: int,
) -> None:
    """The search spaces for images of one shape.

    Args:
        spaces: By name.
        refused: Those that are not for such images, with what they want.
        configured: The one that has a run file's settings.
        input_shape: Of the images.
        n_classes: Theirs.
    """
    modules = Counter(type(space).__module__ for space in spaces.values())
    printed = Texts(title=f"search spaces for images of {_shape(input_shape)}, {n_classes} classes")
    printed.title_justify = "left"
    if configured:
        printed.caption = "* as the run file sets it" + "; the others by default" * (len(spaces) > 1)
    printed.add_column("name")
    printed.add_column("what it is")
    printed.add_column("genes", justify="right")
    printed.add_column("genomes", justify="right", no_wrap=True)
    for name, space in spaces.items():
        has_own_file = modules[type(space).__module__] == 1
        document = (sys.modules[type(space).__module__] if has_own_file else type(space)).__doc__ or ""
        mark = "*" if name == configured else ""
        printed.add_row(
            f"{mark}{name}", document.partition("\n")[0], str(len(space.genes)), f"10^{space.log10_size():.1f}"
        )
    for name, wanted in refused.items():
        printed.add_row(name, f"not for these: it wants {wanted}", "", "")
    show_table(printed)


def print_genes(name: str, genes: Sequence[Gene]) -> None:
    """Every gene of a space with its choices; locked ones are listed apart."""
    has_locked = any(gene.n_locked for gene in genes)
    printed = Texts(title=f"genes of {name}", title_justify="left", caption="a genome counts choices from 0")
    for column in ("gene", "choices", *["locked"] * has_locked):
        printed.add_column(column, overflow="fold")
    for gene in genes:
        parts = gene.choices[: gene.n_open], *[gene.choices[gene.n_open :]] * has_locked
        printed.add_row(gene.name, *(" | ".join(part) for part in parts))
    show_table(printed)


def print_network(shown: NetworkView) -> None:
    """A network layer by layer, then what it costs."""
    table = shown.table
    title = f"{len(table)} layers" if shown.id is None else f"network {shown.id}: {len(table)} layers"
    printed = Texts(title=title, title_justify="left", show_footer=True, footer_style="bold")
    printed.box, printed.padding, printed.pad_edge = SIMPLE, (0, 1, 0, 0), False  # narrow: there are many columns
    printed.add_column("layer", "all", overflow="fold")
    printed.add_column("operation")
    for name in ("output", "weight", "act"):
        printed.add_column(name, no_wrap=True)
    for name, column in (("weights", "weights"), ("bytes", "bytes"), ("MACs", "macs"), ("BitOPs", "bitops")):
        printed.add_column(name, _cost(column, int(table[column].sum())), justify="right", no_wrap=True)
    part = ""
    for row in table.to_dict("records"):
        before, part = part, row["layer"].partition("/")[0]
        if before not in ("", part):
            printed.add_section()
        words = (row["layer"], row["operation"], _shape(row["shape"]), row["weight"], row["act"])
        printed.add_row(*words, *(_cost(name, row[name]) for name in ("weights", "bytes", "macs", "bitops")))
    show_table(printed)
    _print_bytes(table)
    for name, value in shown.values.items():
        text = shown.error if name in QUALITIES and shown.error else shown.measures[name].display(value)
        say(f"{shown.measures[name].title:28}{text}")
    if "energy" in shown.values:
        say(f"energy model: {SOURCE}")
    if shown.classes is not None:
        _print_classes(shown.classes)
    if shown.canonical != shown.genome:
        say(f"note: the genome is not canonical; the same network in canonical form: {shown.canonical}")
    elif shown.id is not None:
        say(f"genome: {shown.genome}")


def _print_bytes(table: pd.DataFrame) -> None:
    """What the bytes of each layer are stored for."""
    kinds = {kind: name for kind, name in STORED.items() if table[name].any()}
    printed = Texts(title="bytes", title_justify="left", show_footer=True, footer_style="bold")
    printed.box, printed.padding, printed.pad_edge = SIMPLE, (0, 1, 0, 0), False
    printed.add_column("layer", "all", overflow="fold")
    for kind, name in kinds.items():
        printed.add_column(kind, f"{table[name].sum():,}", justify="right")
    printed.add_column("all", f"{table['bytes'].sum():,}", justify="right")
    for row in table[table["bytes"] > 0].to_dict("records"):
        printed.add_row(row["layer"], *(f"{row[name]:,}" if row[name] else "" for name in [*kinds.values(), "bytes"]))
    show_table(printed)


def _print_classes(found: ClassResults) -> None:
    """What a network reaches class by class; of many classes, on the worst."""
    texts = class_texts(found)
    left = f", the worst {len(texts)} of {len(found.names)}" if len(texts) < len(found.names) else ""
    _print_texts(texts, title=f"classes{left}: {found.source}")


def print_json(shown: NetworkView) -> None:
    """The same as JSON: genome, canonical genome, a list of layers, one value per measure; a confusion matrix."""
    facts: dict[str, Any] = {
        "genome": shown.genome,
        "canonical": shown.canonical,
        "layers": shown.table.to_dict("records"),
        "objectives": {name: getattr(value, "item", lambda v=value: v)() for name, value in shown.values.items()},
    }
    if shown.classes is not None:
        facts["classes"] = {
            "images": shown.classes.source,
            "names": list(shown.classes.names),
            "confusion": shown.classes.confusion.tolist(),
        }
    say(json.dumps(facts, indent=1, ensure_ascii=False))


def _cost(name: str, value: int) -> str:
    if not value:
        return ""
    return OBJECTIVES[name].display(value) if name in OBJECTIVES else f"{value:,}"


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def show_table(table: Texts) -> None:
    """Print a table as wide as the terminal; into a file or pipe as wide as it needs, so that no cell is wrapped."""
    if isinstance(table.title, str):
        table.title = plain(table.title)
    console = Console(markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console = Console(markup=False, emoji=False, highlight=False, width=1000)
        console.width = console.measure(table).maximum
    console.print(table)
