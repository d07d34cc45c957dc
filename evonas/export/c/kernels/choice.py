"""The kernel of each convolution: by the precisions of its weights and activations, and by its shape.

Chosen by instructions a multiply-accumulate on a Cortex-M4; docs/experiments/microcontroller.md has the measurements.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from evonas.nets.frozen import FrozenConv
from evonas.nets.packing.codes import bits_of

WORD = 32  # bits
MOST_PLANES = 2  # bits of activations up to which counting ones takes less time than multiplying
MOST_BITS_TO_ADD, MOST_BYTES, PASS = (
    4,
    2**16 - 1,
    16,
)  # of activations; of rows of bytes; pixels that are added at a time
ADD, LIST, COUNT, MULTIPLY = 0.5, 4, 0.6, 1.5  # instructions: for a pixel, a place, a bit of 32 products, a product
WIDTHS = (1, 2, 4, 8)  # bits of a weight of which a whole number fits into 16 bits
LEAST_FILTERS = 4  # whose weights are unpacked at a time, whatever memory is left,
SHARE = 32  # or as many as take this part of the memory of what the convolution reads and writes


@dataclass(frozen=True)
class Scratch:
    """Memory of a convolution beside its tensors, in cells of four bytes.

    Attributes:
        prepare: A pixel of its input on the way to codes; before everything else, in the same place, or in that of the
            sums if rows are made while it runs.
        sums: Of one filter.
        patch: What a pixel of the output sees.
        weights: Of one filter, unpacked, or what is left of it behind its whole words.
        filters: How many there are.
        least: How many at least are computed at a time.
        is_by_rows: Whether rows are made while it runs.
    """

    prepare: int
    sums: int
    patch: int
    weights: int
    filters: int
    least: int
    is_by_rows: bool = False

    def cells(self, block: int) -> int:
        """All of it where so many filters are computed at a time."""
        return max(self.prepare, self.patch_at(block) + self.patch + self.weights * block)

    def patch_at(self, block: int) -> int:
        """Where the patch begins, behind the sums."""
        return max(self.sums * block, self.prepare * self.is_by_rows)

    def weights_at(self, block: int) -> int:
        """Where weights begin."""
        return self.patch_at(block) + self.patch

    def largest_block(self, cells: int) -> int:
        """For how many filters so many cells are enough; the least number where they are not enough for that."""
        if self.least == self.filters:
            return self.filters
        each = self.sums + self.weights
        return max(self.least, min(self.filters, (cells - self.patch) // each))


@dataclass(frozen=True)
class Choice:
    """How a convolution is computed.

    Attributes:
        family: Name of the runtime's function ``net_convolve_<family>``.
        kernel: The function in it that multiplies; "" where there is only one.
        planes: Streams in which the codes that it reads lie.
        width: Bits of a weight's index, as it is multiplied; 0 where it is no index.
        is_direct: Whether weights are read as they are stored, in whole words.
        scratch: Memory beside tensors.
        row_cells: Of a row of unpacked weights, where that is not known from its length.
    """

    family: str
    kernel: str
    planes: int
    width: int
    is_direct: bool
    scratch: Scratch
    row_cells: int = 0


def choose(conv: FrozenConv, *, room: int | None = None) -> Choice:
    """The kernel of a convolution.

    Args:
        conv: The convolution.
        room: Cells of memory that are left for it; None: enough.
    """
    op, source, kernel = conv.op, conv.source, conv.kernel
    has_codes = conv.act is not None or conv.image is not None
    length = row_length(conv)
    terms, filters = len(kernel.terms), op.channels
    has_pool = "pool" in op.steps
    has_work = conv.image is None and op.steps[0] != "conv"
    prepare = source.channels if has_work else 0
    is_grouped = op.groups > 1
    turned = 1 + is_shuffled(conv)
    height, width = (
        (1, 1)
        if has_pool
        else (-(-side // step) for side, step in zip((source.height, source.width), op.stride, strict=True))
    )
    area = height * width
    tensors = (source.channels if has_pool else source.elements) + area * filters

    def scratch(*, sums: int, patch: int, weights: int, is_whole: bool, at_least: int = LEAST_FILTERS) -> Scratch:
        at_least = max(at_least, tensors // SHARE // (sums + weights))
        least = filters if is_grouped or is_whole else min(filters, at_least)
        return Scratch(prepare, sums, patch, weights, filters, least)

    if not kernel.levels or not has_codes:
        weights = terms * length if kernel.levels else 0
        memory = scratch(sums=terms * turned, patch=length, weights=weights, is_whole=not weights, at_least=1)
        return Choice("floats", "", 1, 0, is_direct=False, scratch=memory)
    if is_depthwise(conv):
        pairs, taps = -(-filters // 2), length
        kept = op.dilation * (op.kernel[0] - 1) + 1
        patch = 2 * taps + kept * (1 if has_pool else source.width) * pairs
        weights = -(-terms * taps * pairs // filters)
        return Choice(
            "depthwise", "", 1, 0, is_direct=False,
            scratch=scratch(sums=terms, patch=patch, weights=weights, is_whole=True),
        )  # fmt: skip
    is_ternary, by_sign = kernel.levels == 3, kernel.per == "sign"
    act_bits = 8 if conv.act is None else op.act.bits
    if _adds_are_fewer(conv, act_bits, height=height, width=width):
        places, sums = _most_places(conv), terms * min(width, PASS)
        memory = scratch(sums=sums, patch=_lines(conv, width), weights=places * len(kernel.values), is_whole=False)
        if room is None or memory.cells(memory.least) <= room:
            return Choice("adds", "", 1, 0, is_direct=False, scratch=memory, row_cells=places)
    if conv.image is None and kernel.levels <= 3 and act_bits <= MOST_PLANES:
        words = -(-length // WORD)
        patch = (act_bits + 1) * words
        if not is_ternary and not by_sign and act_bits == 1 and (kernel.low, kernel.stride) == (-1, 2):
            memory = scratch(sums=terms * turned, patch=patch, weights=terms * (length % WORD > 0), is_whole=True)
            return Choice("bits", "bits_binary", 1, 1, is_direct=True, scratch=memory)
        memory = scratch(sums=terms * turned, patch=patch, weights=terms * (2 + 2 * words), is_whole=False)
        return Choice("bits", "bits_planes", act_bits, 2, is_direct=False, scratch=memory)
    bits = max(-kernel.low, kernel.low + kernel.stride * (kernel.levels - 1)).bit_length() if by_sign else _bits(conv)
    width = next(width for width in WIDTHS if width >= bits)
    is_direct = not is_ternary and not by_sign and width == bits
    per_word, pixels = WORD // width, min(area, 2)
    columns = 1 if has_pool else source.width
    lines = (op.dilation * (op.kernel[0] - 1) + 1) * -(-columns * source.channels // 2)
    patch = pixels * -(-length // per_word) * per_word // 2 + lines
    weights = terms * (length % per_word > 0 if is_direct else -(-length // per_word))
    memory = scratch(sums=pixels * terms * turned, patch=patch, weights=weights, is_whole=is_direct)
    memory = replace(memory, is_by_rows=is_direct and reads_rows(conv))
    return Choice("words", f"words_{width}", 1, width, is_direct=is_direct, scratch=memory)


def reads_rows(conv: FrozenConv) -> bool:
    """Whether codes of what it reads may be made row by row, if it is no tensor of codes already."""
    has_codes = conv.act is not None and conv.act.rule != "per_image"
    return has_codes and conv.image is None and "pool" not in conv.op.steps[: conv.op.steps.index("conv")]


def _adds_are_fewer(conv: FrozenConv, act_bits: int, *, height: int, width: int) -> bool:
    """Whether adding four pixels at a time, only where weights are not zero, takes fewer instructions."""
    op, kernel, act = conv.op, conv.kernel, conv.act
    if act is None or kernel.levels != 3 or op.groups > 1 or act_bits > MOST_BITS_TO_ADD or "pool" in op.steps:
        return False
    fits = 4 * _lines(conv, width) <= MOST_BYTES and row_length(conv) * (act.high - act.low) < 2**15
    pixels = width // PASS * PASS + (8 if 0 < width % PASS <= 8 else PASS if width % PASS else 0)
    per_mac = float(np.mean(kernel.values != 0)) * (ADD * pixels + LIST * -(-width // PASS)) / width
    otherwise = COUNT * act_bits if act_bits <= MOST_PLANES else MULTIPLY
    return fits and per_mac * (1 + LIST / height / width) < otherwise


def _lines(conv: FrozenConv, width: int) -> int:
    """Cells of the rows that a row of the output sees, a byte each, with what is around them."""
    op = conv.op
    line = (-(-width // 8) * 8 + op.dilation * (op.kernel[1] - 1) // op.stride[1] + 3) // 4
    return (op.dilation * (op.kernel[0] - 1) + 1) * op.stride[1] * conv.source.channels * line


def _most_places(conv: FrozenConv) -> int:
    """Cells of the longest list of where weights of a row are not zero."""
    values = conv.kernel.values
    counts = (values != 0).reshape(*values.shape[:2], -1).sum(axis=2)
    return 3 + (int(counts.max()) + 1) // 2


def row_length(conv: FrozenConv) -> int:
    """Weights of a filter."""
    return conv.source.channels // conv.op.groups * conv.op.kernel[0] * conv.op.kernel[1]


def is_shuffled(conv: FrozenConv) -> bool:
    """Whether the filters of its groups take turns."""
    return "shuffle" in conv.op.steps and 1 < conv.op.groups < conv.op.channels


def is_depthwise(conv: FrozenConv) -> bool:
    """Whether each filter reads a channel of its own."""
    return conv.image is None and conv.op.groups == conv.op.channels == conv.source.channels > 1


def _bits(conv: FrozenConv) -> int:
    return 2 if conv.kernel.levels == 3 else bits_of(conv.kernel.levels)
