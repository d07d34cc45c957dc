"""One C99 file that runs a frozen network on a microcontroller: no dependency, no allocation, no libm.

Where weights and activations are codes, its logits equal those of
:class:`evonas.nets.integer_network.IntegerNetwork` bit for bit. Where either stays float, sums are added in another
order and agree in all but their last bits.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable
from pathlib import Path

from evonas.errors import ExportError
from evonas.export.c.image_codes import c_comment, c_declarations, c_sizes, c_standards
from evonas.export.c.layers import c_layers
from evonas.export.c.memory_plan import CELL, plan_memory
from evonas.export.c.network import c_run_function, c_table
from evonas.export.c.thresholds import largest_sum, sums_are_whole
from evonas.export.seal import unsealed
from evonas.nets.frozen import FrozenConv, FrozenNetwork
from objectives.peak_memory import peak_memory

BUT = "\n * They may differ from those of other formats: some layers add up floats, or whole numbers beyond 2^24."
RUNTIME = Path(__file__).parent / "runtime"
EXACT = 2**24  # whole numbers up to here are float32 numbers
CORE = ("types", "codes", "sums", "steps", "conv")
OPTIONAL = ("add", "avg_pool", "copy", "image", "max_pool", "zeros")  # each a function of that name
HEAD = """\
/* {unsealed} */
/*
 * A neural network in C99, written by evonas.
{facts}
 *
 *     void net_run(const uint8_t *image, float *logits);
{input}
 *
 * It is not reentrant: tensors live in one static block. The names of the classes are in NET_NAMES, for
 * const char *names[] = NET_NAMES. With -DEVONAS_MAIN the file is a program: raw pixels or numbers of images on stdin,
 * their logits as floats on stdout.
 *
 * flash  {WEIGHT_BYTES} bytes of weights, scales, norms and thresholds; without thresholds, {model_size}
 *        beside them about 5000 of code, and 120 a layer that say how it is run
 * RAM    {ARENA_BYTES} bytes for tensors, {plane_bytes} for one channel unpacked, about 1000 of stack; images and
 *        logits are the caller's. Peak memory as evonas counts it, the image included: {peak_memory}
 * work   {macs} multiply-accumulates an image
 *
 * Logits are the same to the bit on every machine with IEEE floats, of every compiler that takes float operations as
 * they are written: without -ffast-math, without fused multiply-adds (-ffp-contract=off).{but}
 *
{table}
 */
"""


def c_file(frozen: FrozenNetwork) -> bytes:
    """The file as bytes, without its digest yet."""
    return c_source(frozen).encode("ascii", errors="replace")


def c_source(frozen: FrozenNetwork, *, name: str = "evonas") -> str:
    """The whole file.

    Args:
        frozen: The network.
        name: Prefix of everything that it defines, so that several networks fit into one program.

    Raises:
        ExportError: The name is no identifier of C; a number is not finite; a sum of codes needs more than 32 bits.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ExportError("a name that C allows", found=repr(name), remedy="use letters, digits and underscores")
    architecture = frozen.architecture
    plan = plan_memory(frozen)
    names = _identifiers(frozen.convs)
    layers = c_layers(frozen, plan, names=names)
    run = c_run_function(architecture, plan, names=names)
    parts = [*CORE, *(part for part in OPTIONAL if f"net_{part}(" in run)]
    codes, floats = _plane_sizes(frozen.convs.values())
    sizes = {
        "CHANNELS": architecture.input_shape[0],
        "HEIGHT": architecture.input_shape[1],
        "WIDTH": architecture.input_shape[2],
        "CLASSES": architecture.ops[-1].channels,
        "WEIGHT_BYTES": sum(layer.n_bytes for layer in layers.values()) + 4 * frozen.codes.n_stored,
        "ARENA_BYTES": plan.cells * CELL,
        "PLANE_CODES": codes,
        "PLANE_FLOATS": floats,
        "TERMS": max(len(conv.kernel.terms) for conv in frozen.convs.values()),
        **c_sizes(frozen.codes),
    }
    text = "".join(
        [
            _fragment("begin"),
            *(f"#define NET_{key} {size}\n" for key, size in sizes.items()),
            f"\nvoid net_run(const uint8_t *image, float *logits);\n{c_declarations(frozen.codes)}\n",
            "\n".join(map(_fragment, parts)),
            _rule("Constants, layer by layer"),
            *(f"static const net_conv net_{names[reader]};\n" for reader in plan.readers.values()),
            *(f"\n/* {op} */\n{layer.text}" for op, layer in layers.items()),
            c_standards(frozen.codes, _fragment("encode")),
            _rule("The network"),
            run,
            _fragment("main"),
        ]
    )
    head = _prefixed(HEAD, name).format(
        **sizes,
        unsealed=unsealed("c", frozen.facts),
        facts=_comment(f"{key}: {fact}" for key, fact in frozen.facts.items()),
        model_size=sum(frozen.stored_bytes.values()),
        plane_bytes=max(2 * codes, CELL * floats),
        peak_memory=peak_memory(architecture.layers),
        macs=sum(layer.macs for layer in architecture.layers),
        but="" if all(map(_is_exact, frozen.convs.values())) else BUT,
        table=_comment(c_table(frozen, plan, layers)),
        input=_prefixed(c_comment(frozen.codes), name),
    )
    return head + _class_names(frozen, name) + _prefixed(text, name)


def _class_names(frozen: FrozenNetwork, name: str) -> str:
    """A macro with the names of the classes, to initialise an array of strings with; empty where none are known."""
    known = json.loads(frozen.facts.get("classes", "[]"))
    return f"#define {name.upper()}_NAMES {{{', '.join(map(_c_string, known))}}}\n" * bool(known)


def _c_string(text: str) -> str:
    """A string literal of UTF-8 bytes; whatever C could take for something else is written as a number."""
    plain = set(string.ascii_letters + string.digits + " _-+.,:;()/=#@!<>[]{}&$%*'~^|")
    return '"' + "".join(chr(byte) if chr(byte) in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def _is_exact(conv: FrozenConv) -> bool:
    """Whether its sums are exact in float32 too, by which other formats add them up."""
    return sums_are_whole(conv) and largest_sum(conv) <= EXACT


def _prefixed(text: str, name: str) -> str:
    return re.sub(r"\bNET_", f"{name.upper()}_", re.sub(r"\bnet_", f"{name}_", text))


def _fragment(part: str) -> str:
    return (RUNTIME / f"{part}.c").read_text(encoding="utf-8")


def _rule(title: str) -> str:
    line = "-" * 117
    return f"\n/* {line}\n * {title}\n * {line[:-1]} */\n\n"


def _comment(lines: Iterable[str]) -> str:
    """Lines of a comment that nothing in them can end."""
    return "\n".join(f" * {line}".rstrip().replace("*/", "* /") for line in lines)


def _identifiers(convs: Iterable[str]) -> dict[str, str]:
    """An identifier for each convolution that no other one has."""
    found: dict[str, str] = {}
    for name in convs:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        found[name] = plain if plain not in found.values() else f"{plain}_{len(found)}"
    return {name: f"layer_{plain}" for name, plain in found.items()}


def _plane_sizes(convs: Iterable[FrozenConv]) -> tuple[int, int]:
    """Elements of the largest channel that is unpacked as codes, and as floats; at least 1: C has no empty array."""
    codes, floats = [1], [1]
    for conv in convs:
        if conv.image is not None or conv.act is not None:
            area = 1 if "pool" in conv.op.steps else conv.source.height * conv.source.width
            (codes if conv.kernel.levels else floats).append(area)
    return max(codes), max(floats)
