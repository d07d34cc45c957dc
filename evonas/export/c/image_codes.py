"""The input of a network in C: what a caller hands over, and how the file makes codes of it."""

from __future__ import annotations

import numpy as np

from evonas.architecture.input_codes import Floats, InputCodes
from evonas.export.c.layers import c_array

PLANES = "NET_CHANNELS planes of NET_HEIGHT rows of NET_WIDTH"
PIXEL_BY_PIXEL = "NET_HEIGHT rows of NET_WIDTH places of NET_CHANNELS"
PIXELS = """\
 *
 * An image is {layout}, a byte for each pixel."""
NUMBERS = """\
 *     void net_encode(const float *numbers, uint8_t *image);
 *     uint8_t net_code(float x, int32_t channel, int32_t row, int32_t column);
 *
 * Numbers are floats as {layout}. An image holds a byte for each of
 * them, in the same order, which net_encode makes of all, or net_code of one as it comes from a sensor."""
LEVELLED = """
 * The {level} of all numbers, net_level, is subtracted from each: by net_encode, and before net_code is called."""
ENCODED = """
/* Numbers as the bytes of an image: one of them, or all. */
uint8_t net_code(float x, int32_t channel, int32_t row, int32_t column);
void net_encode(const float *numbers, uint8_t *image);
"""
LEVEL = """
/* The {level} of all numbers, which is to be subtracted from one before net_code. */
float net_level(const float *numbers);
"""


def c_comment(codes: InputCodes, *, is_channels_last: bool) -> str:
    """What the head of the file says of its input."""
    layout = PIXEL_BY_PIXEL if is_channels_last else PLANES
    if codes.standards is None:
        return PIXELS.format(layout=layout)
    text = NUMBERS.format(layout=layout)
    return text if codes.level == "nothing" else text + LEVELLED.format(level=codes.level)


def c_input_sizes(codes: InputCodes) -> dict[str, str | int]:
    """What a caller must know of its input, for ``#define``."""
    return {"HAS_ENCODE": int(codes.standards is not None)}


def c_sizes(codes: InputCodes) -> dict[str, str | int]:
    """What the runtime must know of its input, for ``#define``: strides lead to the constants of a number."""
    sizes: dict[str, str | int] = {"ZERO": -codes.low, "PER_ONE": f"{codes.per_one}.0f"}
    if codes.standards is None:
        return sizes
    channels, rows, columns = codes.standards[0].shape
    strides = {"CHANNEL": rows * columns * (channels > 1), "ROW": columns * (rows > 1), "COLUMN": int(columns > 1)}
    if codes.floor is not None:
        sizes["FLOOR"] = f"({float(np.float32(codes.floor))!r}f)"
    sizes |= {f"STANDARD_{axis}": stride for axis, stride in strides.items()}
    if codes.level != "nothing":
        sizes[f"SUBTRACTS_{codes.level.upper()}"] = 1
    return sizes


def c_declarations(codes: InputCodes) -> str:
    """Functions beside ``net_run`` that a caller may use."""
    if codes.standards is None:
        return ""
    return ENCODED if codes.level == "nothing" else ENCODED + LEVEL.format(level=codes.level)


def c_standards(codes: InputCodes, encode: str) -> str:
    """Constants that standardise numbers, and the functions that do it; nothing for pixels.

    Args:
        codes: How the input is written.
        encode: The functions.

    Raises:
        ExportError: A number is not finite.
    """
    if codes.standards is None:
        return ""
    named: dict[str, Floats] = dict(zip(("centre", "density"), codes.standards, strict=True))
    return "\n" + "".join(c_array(f"net_{name}", array, layer="input") for name, array in named.items()) + "\n" + encode
