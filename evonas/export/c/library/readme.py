"""What a library's README says: sizes, input, classes, where it comes from."""

from __future__ import annotations

import re

from evonas.architecture.input_codes import InputCodes
from evonas.export.c.interface import class_names
from evonas.export.c.library.vectors import Vectors
from evonas.export.c.options import COptions
from evonas.export.c.source import is_exact
from evonas.nets.frozen import FrozenNetwork

LAYOUT = {
    "one": "An image is {height} rows of {width} bytes",
    "chw": "An image is {channels} planes of {height} rows of {width} bytes: one channel after another (CHW)",
    "hwc": "An image is {height} rows of {width} places of {channels} bytes: a place's channels side by side (HWC)",
}
USE_PIXELS = "/* fill the image, then: */"
USE_NUMBERS = """\
static float numbers[NET_IMAGE_BYTES];

/* fill the numbers, then: */
net_encode(numbers, image);"""
ENCODE = """
`net_encode` makes the bytes of numbers, which are floats in the same order; `net_code` makes one byte of one number as
it comes from a sensor, so that no floats need be kept."""
MEAN = "\n`net_level` gives the mean of all numbers, which is to be subtracted from one before `net_code`."
LOOSE = " Some of its layers add up floats, so that other runtimes may differ in the last bits."
APART = {"classes", "output"}
INPUT_FACTS = ("features", "preprocessing", "input codes", "input centre", "input density")


def readme_texts(frozen: FrozenNetwork, options: COptions, vectors: Vectors) -> dict[str, str]:
    """What the template of the README asks for."""
    architecture = frozen.architecture
    channels, height, width = architecture.input_shape
    layout = LAYOUT["one" if channels == 1 else options.input_layout].format(
        channels=channels, height=height, width=width
    )
    told = [f"- {_plain(key)}: {_plain(fact)}" for key, fact in frozen.facts.items()]
    has_numbers = frozen.codes.standards is not None
    return {
        "version": f" {frozen.facts['evonas']}" if "evonas" in frozen.facts else "",
        "input": f"{channels}x{height}x{width} {'numbers' if has_numbers else 'pixels'}",
        "n_classes": f"{architecture.ops[-1].channels}",
        "n_convs": f"{len(frozen.convs)}",
        "macs": f"{sum(layer.macs for layer in architecture.layers):,}",
        "vector_bytes": f"{vectors.n_bytes}",
        "n_vectors": f"{len(vectors.images)}",
        "origin": vectors.origin,
        "how": "up to rounding" if vectors.tolerance else "to the bit",
        "use": options.prefixed(USE_NUMBERS if has_numbers else USE_PIXELS),
        "layout": layout,
        "preparation": _preparation(frozen.codes, options) + _told_of_input(frozen),
        "classes": _classes(frozen),
        "but": "" if is_exact(frozen) else LOOSE,
        "facts": "\n".join(line for line in told if line.partition(":")[0][2:] not in APART),
    }


def _preparation(codes: InputCodes, options: COptions) -> str:
    if codes.standards is None:
        return "A byte is a pixel, 0 to 255, as it is.\n"
    return options.prefixed(ENCODE + MEAN * codes.subtracts_mean) + "\n"


def _told_of_input(frozen: FrozenNetwork) -> str:
    told = [f"- {_plain(key)}: {_plain(frozen.facts[key])}" for key in INPUT_FACTS if key in frozen.facts]
    return "\n" + "\n".join(told) + "\n" if told else ""


def _classes(frozen: FrozenNetwork) -> str:
    known = class_names(frozen)
    if not known:
        return f"0 to {frozen.architecture.ops[-1].channels - 1}; their names are not known."
    return "\n".join(f"{i}. {_plain(name)}" for i, name in enumerate(known))


def _plain(text: str) -> str:
    """Text that is not read as markup."""
    return re.sub(r"([\\`*_<>#|\[\]])", r"\\\1", " ".join(text.split()))
