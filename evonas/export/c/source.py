"""C99 that runs a frozen network on a microcontroller: no dependency, no allocation, no libm, no state.

Where weights and activations are codes, its logits equal those of
:class:`evonas.nets.integer_network.IntegerNetwork` bit for bit. Where either stays float, sums are added in another
order and agree in all but their last bits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evonas.architecture.graph import INPUT
from evonas.errors import ExportError
from evonas.export.c.features import c_features
from evonas.export.c.image_codes import c_comment, c_sizes, c_standards
from evonas.export.c.interface import c_defines, c_interface
from evonas.export.c.layers import c_layers
from evonas.export.c.memory.plan import CELL, Plan, plan_memory
from evonas.export.c.network import c_run_function, c_table
from evonas.export.c.options import COptions
from evonas.export.c.thresholds import largest_sum, sums_are_whole
from evonas.export.c.units import in_units
from evonas.export.seal import unsealed
from evonas.nets.frozen import FrozenNetwork

BUT = "\n * They may differ from those of other formats: some layers add up floats, or whole numbers beyond 2^24."
RUNTIME = Path(__file__).parent / "runtime"
WHOLE = ("NET_IMAGE", "NET_CODES")  # what a convolution reads without floats
EXACT = 2**24  # whole numbers up to here are float32 numbers
CORE = ("place", "types", "numbers", "tensor", "codes", "sums", "steps", "finish")
# of convolutions, each with its kernels
FAMILIES = {
    "bits": ("window", "bits"),
    "words": ("window", "words"),
    "adds": ("adds",),
    "depthwise": ("depthwise",),
    "floats": ("floats",),
}
OPTIONAL = ("add", "avg_pool", "copy", "max_pool", "zeros")  # each a function of that name
USE = """\
 *     int net_run(void *arena, const uint8_t *image, float *logits);
 *     int net_classify(void *arena, const uint8_t *image);
{input}
 *
 * The arena is the caller's: NET_ARENA_BYTES bytes, aligned to NET_ARENA_ALIGN. Nothing is kept between calls, so all
 * functions are reentrant. The names of the classes are in NET_NAMES, for const char *names[] = NET_NAMES.
"""
PROGRAM = """\
 * With -DEVONAS_MAIN the file is a program: raw pixels or numbers of images on stdin, their logits as floats on stdout.
"""
SIZES = """\
 * flash  {weight_bytes} bytes of weights, scales, norms and thresholds; without thresholds, {model_size}
 *        beside them 6000 to 17000 of code, by layers and compiler, and 120 a layer that say how it is run
 * RAM    {arena_bytes} bytes for the arena, in which there is room for the image, too, at NET_IMAGE_AT; about 1000 of
 *        stack; logits are the caller's. Tensors between layers are {stream}.
 * work   {macs} multiply-accumulates an image
 * floats {n_whole} of {n_convs} convolutions go from codes to codes without them; what quantizes, pools, adds branches
 *        or writes logits computes with floats, in software where a core has no float unit, unless the table below
 *        says that it takes whole numbers
 *
 * Logits are the same to the bit on every machine with IEEE floats and of every compiler, whether it fuses
 * multiply-adds or not; -ffast-math is refused. -O3 is the fastest, -Os the smallest.{but}
"""
TABLE = """\
{table}
 *
 * If NET_LAYER_HOOK is defined as the name of a function, it is called behind each of them, with its number.
"""


@dataclass(frozen=True)
class CSource:
    """A network as C, in parts that become one file or several.

    Attributes:
        facts, use, sizes, table: Lines of a comment, each ended: where it comes from, its functions, what it takes, its
            operations.
        interface: What a program sees: macros and declarations.
        code: All the rest.
        weight_bytes: Of its constants.
        arena_bytes: Of the memory that a call needs.
    """

    facts: str
    use: str
    sizes: str
    table: str
    interface: str
    code: str
    weight_bytes: int
    arena_bytes: int


def c_file(frozen: FrozenNetwork) -> bytes:
    """One file as bytes, without its digest yet; the network's facts say how it is written."""
    options = COptions.of(frozen.facts)
    return c_source(frozen, name=options.name, input_layout=options.input_layout).encode("ascii", errors="replace")


def c_source(frozen: FrozenNetwork, *, name: str = "evonas", input_layout: str = "chw") -> str:
    """The network as one file that needs no other.

    Args:
        frozen: The network.
        name: Prefix of everything that it defines, so that several networks fit into one program.
        input_layout: See :data:`evonas.export.c.options.LAYOUTS`.

    Raises:
        ExportError: The name is no identifier of C; a number is not finite; a sum of codes needs more than 32 bits.
    """
    options = COptions(name, input_layout)
    parts = c_parts(frozen, options)
    return (
        f"/* {unsealed('c', frozen.facts)} */\n/*\n * A neural network in C99, written by evonas.\n{parts.facts} *\n"
        f"{parts.use}{PROGRAM} *\n{parts.sizes} *\n{parts.table} */\n\n"
        f"{parts.interface}{parts.code}{options.prefixed(_fragment('main'))}"
    )


def c_parts(frozen: FrozenNetwork, options: COptions, *, has_self_test: bool = False) -> CSource:
    """The parts of a network's C; errors as in :func:`c_source`.

    Args:
        frozen: The network.
        options: How it is written.
        has_self_test: Whether a self-test comes with it, which its interface then declares.
    """
    architecture, frozen = frozen.architecture, in_units(frozen)
    last = next(op for op in architecture.ops if op.name == architecture.logits)
    if last.kind not in ("conv", "add") and not architecture.stream.is_float:
        raise ExportError(
            f"for C with tensors of {architecture.stream} a network that ends with a convolution or a sum",
            found=f"{last.kind} ({last.name})",
            remedy="export it in another format, or keep its tensors as floats",
        )
    plan = plan_memory(frozen)
    names = _identifiers(frozen.convs)
    layers = c_layers(frozen, plan, names=names)
    run = c_run_function(frozen, plan, names=names)
    sizes = {**c_sizes(frozen.codes), **c_features(frozen, plan, layers)}
    code = "".join(
        [
            _fragment("begin"),
            c_defines(sizes),
            "".join(map(_fragment, (*CORE, *_kernels(plan), *(part for part in OPTIONAL if f"net_{part}(" in run)))),
            _rule("Constants, layer by layer"),
            *(layer.source_text for layer in layers.values()),
            *(f"\n/* {op} */\n{layer.text}" for op, layer in layers.items()),
            c_standards(frozen.codes, _fragment("encode")),
            _rule("The network"),
            run,
            _fragment("run"),
        ]
    )
    weight_bytes = sum(layer.n_bytes for layer in layers.values()) + frozen.stored_bytes.get(INPUT, 0)
    arena_bytes = CELL * plan.cells
    return CSource(
        _comment(f"{key}: {fact}" for key, fact in frozen.facts.items()),
        options.prefixed(USE).format(
            input=options.prefixed(c_comment(frozen.codes, is_channels_last=options.is_channels_last))
        ),
        options.prefixed(SIZES).format(
            weight_bytes=weight_bytes,
            arena_bytes=arena_bytes,
            model_size=sum(frozen.stored_bytes.values()),
            stream="floats" if architecture.stream.is_float else f"{architecture.stream} numbers",
            macs=sum(layer.macs for layer in architecture.layers),
            n_whole=sum(layer.has_thresholds and layer.source in WHOLE for layer in layers.values()),
            n_convs=len(layers),
            but="" if is_exact(frozen) else BUT,
        ),
        options.prefixed(TABLE).format(table=_comment(c_table(frozen, plan, layers)).rstrip("\n")),
        c_interface(
            frozen,
            options,
            weight_bytes=weight_bytes,
            arena_bytes=arena_bytes,
            image_at=CELL * plan.places.offsets[INPUT],
            has_self_test=has_self_test,
        ),
        options.prefixed(code),
        weight_bytes,
        arena_bytes,
    )


def is_exact(frozen: FrozenNetwork) -> bool:
    """Whether all sums are exact in float32 too, by which other formats add them up."""
    return all(sums_are_whole(conv) and largest_sum(conv) <= EXACT for conv in frozen.convs.values())


def program_of(options: COptions) -> str:
    """What runs the network on images from stdin, to be compiled with -DEVONAS_MAIN behind its interface."""
    return options.prefixed(_fragment("main"))


def _fragment(part: str) -> str:
    return (RUNTIME / f"{part}.c").read_text(encoding="utf-8")


def _rule(title: str) -> str:
    line = "-" * 117
    return f"\n/* {line}\n * {title}\n * {line[:-1]} */\n\n"


def _comment(lines: Iterable[str]) -> str:
    """Lines of a comment that nothing in them can end."""
    return "".join(f" * {line}".rstrip().replace("*/", "* /") + "\n" for line in lines)


def _identifiers(convs: Iterable[str]) -> dict[str, str]:
    """An identifier for each convolution that no other one has."""
    found: dict[str, str] = {}
    for name in convs:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        found[name] = plain if plain not in found.values() else f"{plain}_{len(found)}"
    return {name: f"layer_{plain}" for name, plain in found.items()}


def _kernels(plan: Plan) -> list[str]:
    """Fragments of the kernels that a network needs."""
    chosen = plan.choices.values()
    found: dict[str, None] = {}  # in this order, each once
    for family, parts in FAMILIES.items():
        kernels = {choice.kernel for choice in chosen if choice.family == family}
        found |= dict.fromkeys((*parts, *sorted(kernels - {""})) if kernels else ())
    return [f"kernels/{part}" for part in found]
