"""How each tensor of a network is kept: which ones lie in memory, how wide, for how long, and in whose place.

These rules are those of exported C, whose memory is laid out by them, and of networks whose tensors are rounded:

- a convolution that only another one reads, which makes codes of it number by number, is kept as those codes;
- a convolution in front of the sum that alone reads it is added to the sum's other inputs as it is computed: it is no
  tensor, and the sum is made while it runs;
- a sum takes the place of an input that nobody reads afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from objectives.device.convs import code_bits, is_conv
from objectives.device.numbers import larger, pick
from objectives.device.scratch import CELL, code_cells, scratch_cells, work_cells
from objectives.layer import Layer, Number, batch_size

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
WORD = 32  # bits: every tensor begins at a whole word and takes whole ones


@dataclass(frozen=True, eq=False)
class Storage:
    """Rows are the layers in order, columns networks: ``(layers, n)``.

    Attributes:
        n_bytes: Size of each output's memory; 0 where it has none of its own.
        begin, end: Steps from and up to which that memory is in use, both included.
        over: The layer whose memory the output takes over; -1: it has its own.
        is_coded: Whether it is kept as the codes of its reader.
        is_added: Whether it is added to a sum as it is computed.
        reader: The layer that reads its codes; -1: it is not coded.
        work: Bytes of the codes or floats that a layer makes of a tensor before it runs.
        scratch: Bytes that it needs besides, at the least.
    """

    n_bytes: Ints
    begin: Ints
    end: Ints
    over: Ints
    is_coded: Mask
    is_added: Mask
    reader: Ints
    work: Ints
    scratch: Ints

    def alive(self) -> Ints:
        """Bytes in use at each step, ``(layers, n)``. A tensor in another's place counts from the step behind."""
        n_layers, n = self.n_bytes.shape
        change, columns = np.zeros((n_layers + 2, n), dtype=np.int64), np.arange(n)
        for index, size in enumerate(self.n_bytes):
            begin = np.where(self.over[index] < 0, self.begin[index], index + 1)
            np.add.at(change, (begin, columns), size)
            np.add.at(change, (np.maximum(self.end[index] + 1, begin), columns), -size)
        return change[:n_layers].cumsum(axis=0) + self.work + self.scratch


def storage(layers: Sequence[Layer]) -> Storage:
    """Apply the rules.

    Args:
        layers: In execution order, the image first; of one network, or of many as arrays.
    """
    # several measures ask in turn for the same network
    return _of_one(layers) if isinstance(layers, tuple) and batch_size(layers) is None else _Rules(layers).storage()


@lru_cache(maxsize=4)
def _of_one(layers: tuple[Layer, ...]) -> Storage:
    return _Rules(layers).storage()


class _Rules:
    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = layers
        self.n = batch_size(layers) or 1
        self.is_many = batch_size(layers) is not None
        self.step = {layer.name: index for index, layer in enumerate(layers)}
        self.is_view = self._rows([layer.is_view for layer in layers], bool)
        elements = self._rows([layer.output_elements for layer in layers])
        self.elements = elements
        self.is_there = (elements > 0) & ~self.is_view
        # numbers of a single network are plain, which is ten times as fast
        self._there = list(self.is_there) if self.is_many else self.is_there[:, 0].tolist()
        self._views = list(self.is_view) if self.is_many else self.is_view[:, 0].tolist()
        self.column = np.arange(self.n)
        self.is_image = np.array([layer.op == "input" for layer in layers])

    def _rows(self, values: Sequence[Any], kind: type = np.int64) -> Any:
        rows: Any = np.empty((len(values), self.n), dtype=kind)
        for row, value in zip(rows, values, strict=True):
            row[:] = value
        return rows

    def _reads(self, index: int) -> list[tuple[int, Any]]:
        """Which layers a layer reads, and in which networks."""
        layer = self.layers[index]
        is_here = self._there[index] | self._views[index]
        reads = layer.reads or [True] * len(layer.inputs)
        return [(self.step[name], is_here & one) for name, one in zip(layer.inputs, reads, strict=True)]

    def storage(self) -> Storage:
        layers, shape = self.layers, (len(self.layers), self.n)
        reads = [self._reads(index) for index in range(len(layers))]
        root, before, source = self._forward(reads)
        last, n_readers, bits_of_codes, reader = self._backward(reads)
        conv = self._rows([is_conv(layer) for layer in layers]) > 0
        is_only = conv & self.is_there & (n_readers == 1)
        is_coded = is_only & (bits_of_codes > 0)
        is_sum = np.array([layer.op == "add" for layer in layers])
        is_added = is_only & (reader >= 0) & is_sum[reader]
        is_added &= np.take_along_axis(before, reader.clip(0), axis=0) == np.arange(shape[0])[:, None]
        bits = self._rows([layer.output_bits for layer in layers])
        in_row = CELL * -(-self.elements * bits * (self.is_there & ~is_added) // WORD)
        n_bytes = np.where(is_coded, CELL * code_cells(self.elements, bits_of_codes), in_row)
        begin, over = np.arange(shape[0])[:, None] + np.zeros(shape, dtype=np.int64), np.full(shape, -1)
        for index, layer in enumerate(layers):
            if layer.op == "add":
                self._place_sum(index, reads[index], (root, before, source, last), is_added, n_bytes, begin, over)
        has_codes = np.take_along_axis(is_coded, source.clip(0), axis=0) & (source >= 0)
        work = CELL * np.where(has_codes, 0, self._rows([work_cells(layer) for layer in layers]))
        scratch = CELL * self._rows([scratch_cells(layer) for layer in layers])
        return Storage(n_bytes, begin, last, over, is_coded, is_added, np.where(is_coded, reader, -1), work, scratch)

    def _forward(self, reads: list[list[tuple[int, Any]]]) -> tuple[Ints, Ints, Ints]:
        """Where each output lies if it is a view; the last tensor before each layer; the first tensor it reads."""
        root: list[Number] = []
        before: list[Number] = []
        source: list[Number] = []
        latest: Number = -1
        for index in range(len(self.layers)):
            before.append(latest)
            first: Number = -1
            for number, is_read in reads[index]:
                first = pick(is_read & (first < 0), root[number], first)
            source.append(first)
            root.append(pick(self._views[index], first, index))
            latest = pick(self._there[index], index, latest)
        return self._rows(root), self._rows(before), self._rows(source)

    def _backward(self, reads: list[list[tuple[int, Any]]]) -> tuple[Ints, Ints, Ints, Ints]:
        """The last step that needs each output; how many read it, views not counted, and, if it is one,
        which, and the bits of the codes that it makes."""
        size = len(self.layers)
        last: list[Number] = list(range(size))
        n_readers: list[Number] = [0] * size
        bits: list[Number] = [0] * size
        reader: list[Number] = [-1] * size
        for index in reversed(range(size)):
            is_view, own_bits = self._views[index], code_bits(self.layers[index])
            until, found = pick(is_view, last[index], index), pick(is_view, reader[index], index)
            for number, is_read in reads[index]:
                last[number] = pick(is_read, larger(last[number], until), last[number])
                n_readers[number] = n_readers[number] + is_read * pick(is_view, n_readers[index], 1)
                bits[number] = bits[number] + is_read * pick(is_view, bits[index], own_bits)
                reader[number] = pick(is_read & (found >= 0), found, reader[number])
        return self._rows(last), self._rows(n_readers), self._rows(bits), self._rows(reader)

    def _place_sum(
        self,
        index: int,
        reads: list[tuple[int, Any]],
        graph: tuple[Ints, Ints, Ints, Ints],
        is_added: Mask,
        n_bytes: Ints,
        begin: Ints,
        over: Ints,
    ) -> None:
        """When a sum begins to take memory, and whose it may take over."""
        root, before, source, last = graph
        previous = before[index].clip(0)
        is_made_early = is_added[previous, self.column] & (before[index] >= 0) & self.is_there[index]
        is_made_early &= np.any([is_read & (root[number] == previous) for number, is_read in reads], axis=0)
        begin[index] = np.where(is_made_early, previous, index)
        for number, is_read in reads:
            place = root[number]
            is_free = is_read & (last[place, self.column] == index) & (n_bytes[place, self.column] == n_bytes[index])
            is_free &= ~self.is_image[place] & ~is_added[place, self.column] & (over[index] < 0) & self.is_there[index]
            is_free &= ~is_made_early | (source[previous, self.column] != place)  # what still reads it there
            over[index] = np.where(is_free, place, over[index])
