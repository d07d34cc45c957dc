"""What a program sees of a network in C: sizes and functions, as a header declares them."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping

from evonas.export.c.image_codes import c_declarations, c_input_sizes
from evonas.export.c.options import COptions
from evonas.nets.frozen import FrozenNetwork

ALIGN = 4  # bytes
MEANINGS = {
    "CHANNELS": "of an image",
    "CHANNELS_LAST": "1: channels lie side by side, pixel by pixel (HWC); 0: one plane after another (CHW)",
    "IMAGE_BYTES": "a byte for each of its numbers",
    "WEIGHT_BYTES": "of flash: weights, scales, norms and thresholds",
    "ARENA_BYTES": "of RAM that the caller lends for a call",
    "ARENA_ALIGN": "of its address",
    "IMAGE_AT": "bytes from its beginning to where the image may lie, which a call writes over",
    "MACS": "multiply-accumulates an image",
}
FUNCTIONS = """
/* Memory of that size and alignment: static net_arena_t arena; net_run(&arena, image, logits); */
typedef union { float align; uint8_t bytes[NET_ARENA_BYTES]; } net_arena_t;

#ifdef __cplusplus
extern "C" {
#endif

/* Write the NET_CLASSES logits of an image. Returns 0, or -1 if the arena is NULL or not aligned.
 * Nothing is kept between calls: the arena may be used for anything else, and each thread may have its own. */
int net_run(void *arena, const uint8_t *image, float *logits);

/* The class of an image, from 0, or -1 if the arena is NULL or not aligned. */
int net_classify(void *arena, const uint8_t *image);

/* The place of the largest logit; of equal ones the first. */
int net_argmax(const float *logits);
"""
SELF_TEST = """
/* Run the images in net_test_vectors.h. Returns 0 if all logits are right; the number of the first image, from 1, whose
 * are not; or -1 if the arena cannot be used. It is defined in net_test.c. */
int net_self_test(void *arena);
"""
END = """
#ifdef __cplusplus
}
#endif
"""


def c_interface(
    frozen: FrozenNetwork,
    options: COptions,
    *,
    weight_bytes: int,
    arena_bytes: int,
    image_at: int,
    has_self_test: bool = False,
) -> str:
    """Sizes as macros, and declarations.

    Args:
        frozen: The network.
        options: How it is written.
        weight_bytes: Of all its constants.
        arena_bytes: Memory that a call needs.
        image_at: Where in it the image may lie.
        has_self_test: Whether a self-test comes with it.
    """
    architecture = frozen.architecture
    channels, height, width = architecture.input_shape
    sizes: dict[str, str | int] = {
        "CHANNELS": channels,
        "HEIGHT": height,
        "WIDTH": width,
        "CHANNELS_LAST": int(options.is_channels_last),
        "IMAGE_BYTES": channels * height * width,
        "CLASSES": architecture.ops[-1].channels,
        "WEIGHT_BYTES": weight_bytes,
        "ARENA_BYTES": arena_bytes,
        "ARENA_ALIGN": ALIGN,
        "IMAGE_AT": image_at,
        "MACS": sum(layer.macs for layer in architecture.layers),
    }
    macros = c_defines(sizes | c_input_sizes(frozen.codes), MEANINGS)
    functions = FUNCTIONS + c_declarations(frozen.codes) + SELF_TEST * has_self_test + END
    names = f"#define {options.name.upper()}_NAMES {class_list(frozen)}\n" if class_names(frozen) else ""
    return options.prefixed(f"#include <stdint.h>\n\n{macros}") + names + options.prefixed(functions)


def c_defines(sizes: Mapping[str, str | int], meanings: Mapping[str, str] | None = None) -> str:
    """Macros, a line each, with what is to be said of them."""
    lines = [f"#define NET_{key} {size}" for key, size in sizes.items()]
    notes = [(meanings or {}).get(key, "") for key in sizes]
    return "".join(
        f"{line:<36} /* {note} */\n" if note else f"{line}\n" for line, note in zip(lines, notes, strict=True)
    )


def class_names(frozen: FrozenNetwork) -> list[str]:
    """Names of the classes; none where they are not known."""
    found = [str(name) for name in json.loads(frozen.facts.get("classes", "[]"))]
    return found if len(found) == frozen.architecture.ops[-1].channels else []


def class_list(frozen: FrozenNetwork) -> str:
    """The names of the classes as C initialises an array of strings."""
    return f"{{{', '.join(map(_c_string, class_names(frozen)))}}}"


def _c_string(text: str) -> str:
    """A string literal of UTF-8 bytes; whatever C could take for something else is written as a number."""
    plain = set(string.ascii_letters + string.digits + " _-+.,:;()/=#@!<>[]{}&$%*'~^|")
    return '"' + "".join(chr(byte) if chr(byte) in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'
