"""Layers of many cell networks at once, as arrays: the fast path of the cost models.

It repeats in numpy what :mod:`evonas.spaces.cells.decode` builds one network at a time; a test compares the two.
Slots are fixed: a cell has its two inputs, every edge, every node, the concatenation and the residual's parts, and
masks say which of them a network has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from evonas.architecture.fitting import Sides, Window, fit
from evonas.architecture.graph import INPUT, POOLS
from evonas.architecture.layer_counts import WeightFacts, act_facts, conv_layer, module_facts, take, times, weight_facts
from evonas.architecture.module_steps import module_steps
from evonas.architecture.precision import EIGHT_BIT, FLOAT, precision
from evonas.architecture.stored_numbers import NumberFacts, input_bytes
from evonas.spaces.cells.layout import CellLayout, Edge
from evonas.spaces.cells.liveness import Ints, Mask, liveness, topologies
from evonas.spaces.cells.settings import FREE
from objectives import Layer
from objectives.layer import AVG_POOL, NO_POOL, Reading

NO_EDGE = Edge("none", Window(), 1)


def batch_layers(
    layout: CellLayout, column: Mapping[str, Ints], *, n: int, stream_bits: Any, numbers: NumberFacts
) -> tuple[Layer, ...]:
    """See :meth:`evonas.spaces.space.NetworkSpace.batch_layers`.

    Args:
        layout: The space.
        column: Choices of every gene by its name, ``(n,)`` each.
        n: How many networks.
        stream_bits: Of an element of a tensor between layers.
        numbers: How what is no weight is stored.
    """
    return _Batch(layout, column, n, stream_bits, numbers).layers()


@dataclass
class _Edge:
    """One edge slot of one cell: which operation it has, where it reads, which networks have it."""

    op: Ints
    source: Ints
    is_alive: Mask


@dataclass
class _Cell:
    """What the first pass finds out about a cell."""

    edges: list[list[_Edge]]
    is_read: list[Mask]  # inputs 0 and 1
    is_needed: Mask


@dataclass
class _Batch:
    layout: CellLayout
    column: Mapping[str, Ints]
    n: int
    stream_bits: Any
    numbers: NumberFacts
    found: list[Layer] = field(default_factory=list)

    def layers(self) -> tuple[Layer, ...]:
        layout = self.layout
        channels, height, width = layout.input_shape
        stem_steps = module_steps(layout.settings.stem_module)
        stem_window = fit(layout.settings.stem_window, (height, width))
        reading = Reading((self._array(channels), height, width), stem_window.kernel, stem_window.stride)
        height, width = layout.sides(-1)
        stem = conv_layer(
            "stem",
            inputs=(INPUT,),
            reading=reading,
            channels=layout.settings.stem_channels,
            height=height,
            width=width,
            weight=self._weights(layout.settings.stem_precisions, self.column["stem/weight"]),
            act=act_facts(layout.stem_act, layout.scheme),
            module=module_facts(stem_steps),
            input_bits_each=EIGHT_BIT.bits,
            output_bits=self.stream_bits,
            numbers=self.numbers,
        )
        stored = input_bytes(layout.scheme.input_values, self.stream_bits)
        image = Layer(INPUT, "input", (), layout.input_shape, output_bits=EIGHT_BIT.bits, bias_bytes=stored)
        self.found = [image, stem]
        cells = self._cells()
        # name, channels and sides of what a cell reads: the two outputs before it
        outputs: list[tuple[str, Ints, int, int]] = [
            ("stem", self._array(layout.settings.stem_channels), height, width)
        ] * 2
        for index, cell in enumerate(cells):
            outputs.append(self._add_cell(index, cell, outputs[-2:], cells))
        name, source_channels, height, width = outputs[-1]
        steps = module_steps(layout.settings.classifier_module)
        classifier = conv_layer(
            "classifier",
            op="linear" if "pool" in steps else "conv",
            inputs=(name,),
            reading=Reading((source_channels, height, width)),
            channels=layout.n_classes,
            height=1 if "pool" in steps else height,
            width=1 if "pool" in steps else width,
            weight=self._weights(layout.settings.classifier_precisions, self.column["classifier/weight"]),
            act=act_facts(EIGHT_BIT if "quant" in steps else FLOAT, layout.scheme),
            module=module_facts(steps),
            has_bias=int(layout.settings.has_classifier_bias),
            input_bits_each=self.stream_bits,
            numbers=self.numbers,
        )
        return (*self.found, classifier)

    def _cells(self) -> list[_Cell]:
        """Which edges are alive, which cells are needed."""
        topology = topologies(self.layout, self.column)
        found = liveness(self.layout, topology)
        self.alive = found.outputs
        cells = []
        for index, kind in enumerate(self.layout.settings.cells):
            one = topology[kind]
            edges = [
                [
                    _Edge(one.ops[node, edge], one.sources[node, edge], found.edges[index, node, edge])
                    for edge in range(2)
                ]
                for node in range(self.layout.settings.nodes)
            ]
            cells.append(_Cell(edges, list(found.is_read[index]), found.is_needed[index]))
        return cells

    # Their layers

    def _add_cell(
        self, index: int, cell: _Cell, outputs: list[tuple[str, Ints, int, int]], cells: list[_Cell]
    ) -> tuple[str, Ints, int, int]:
        layout, name, kind = self.layout, f"cell{index}", self.layout.settings.cells[index]
        width = self._widths(index)
        rows, columns = outputs[1][2:]
        out_rows, out_columns = layout.sides(index)
        for number in range(2):
            source, channels, height, breadth = outputs[number]
            is_larger = layout.has_larger_input(index, number)
            window = fit(Window((3, 3), layout.reduction_stride) if is_larger else Window(), (height, breadth))
            layer = conv_layer(
                f"{name}/in{number}",
                inputs=(source,),
                reading=Reading((channels, height, breadth), *window[:2]),
                channels=width,
                height=rows,
                width=columns,
                module=take(
                    [
                        module_facts(layout.input_steps(module, is_larger=is_larger))
                        for module in layout.settings.modules
                    ],
                    self.column[f"{kind}/module"],
                ),
                input_bits_each=self.stream_bits,
                output_bits=self.stream_bits,
                numbers=self.numbers,
                **self._precisions(f"{name}/in{number}"),
            )
            self._add(layer, cell.is_needed & cell.is_read[number])
        node_alive = []
        for node in range(layout.settings.nodes):
            for edge in range(2):
                self._add_edge(index, node, edge, cell, ((rows, columns), (out_rows, out_columns)))
            count = sum(slot.is_alive.astype(np.int64) for slot in cell.edges[node])
            node_alive.append(count > 0)
            shape = (width, out_rows, out_columns)
            edges = tuple(f"{name}/node{node}/edge{edge}" for edge in range(2))
            bits = self.stream_bits * width * out_rows * out_columns * count
            reads = tuple(slot.is_alive for slot in cell.edges[node])
            layer = Layer(f"{name}/node{node}", "add", edges, shape, input_bits=bits, reads=reads, is_view=count == 1)
            self._add(layer, cell.is_needed)
        nodes = tuple(f"{name}/node{node}" for node in range(layout.settings.nodes))
        shape = (width * layout.settings.nodes, out_rows, out_columns)
        bits = self.stream_bits * width * layout.settings.nodes * out_rows * out_columns
        is_single = self._mask(layout.settings.nodes == 1)
        every = tuple(self._mask(True) for _ in nodes)
        self._add(Layer(name, "concat", nodes, shape, input_bits=bits, reads=every, is_view=is_single), cell.is_needed)
        last = name
        if layout.has_residual_at(index):
            last = self._add_residual(index, cell, outputs[1], shape)
        return last, shape[0], out_rows, out_columns

    def _add_edge(self, index: int, node: int, edge: int, cell: _Cell, sides: tuple[Sides, Sides]) -> None:
        layout, name, slot = self.layout, f"cell{index}", cell.edges[node][edge]
        out_rows, out_columns = sides[1]
        width, kind = self._widths(index), layout.settings.cells[index]
        is_inner = (slot.source >= 2).astype(np.int64)
        read_sides = np.array(sides)[is_inner]
        ops = [[op or NO_EDGE for op in found.values()] for found in layout.edges[index]]
        is_conv = np.array([[op.kind == "conv" for op in row] for row in ops])[is_inner, slot.op]
        is_view = np.array([[op.kind == "skip" for op in row] for row in ops])[is_inner, slot.op]
        pools = np.array([[POOLS.get(op.kind, NO_POOL) for op in row] for row in ops])[is_inner, slot.op]
        # kernel, stride, dilation and groups of every operation
        facts = np.array(
            [[(*op.window.kernel, *op.window.stride, op.window.dilation, op.groups) for op in row] for row in ops]
        )
        rows, columns, down, aside, dilation, groups = facts[is_inner, slot.op].T
        names = (f"{name}/in0", f"{name}/in1", *(f"{name}/node{before}" for before in range(node)))
        steps = [module_facts(layout.edge_steps(module)) for module in layout.settings.modules]
        conv = conv_layer(
            f"{name}/node{node}/edge{edge}",
            inputs=names,
            reading=Reading((width, *read_sides.T), (rows, columns), (down, aside), dilation, groups),
            channels=width,
            height=out_rows,
            width=out_columns,
            module=take(steps, self.column[f"{kind}/module"])._replace(has_shuffle=groups > 1),
            input_bits_each=self.stream_bits,
            output_bits=self.stream_bits,
            numbers=self.numbers,
            **self._precisions(f"{name}/node{node}/edge{edge}"),
        )
        present = cell.is_needed & slot.is_alive
        layer = times(conv, is_conv.astype(np.int64))
        reads = tuple(slot.source == number for number in range(2 + node))
        shape = conv.output_shape
        layer = replace(layer, output_shape=shape, input_bits=conv.input_bits, pool=pools, reads=reads, is_view=is_view)
        self._add(layer, present)

    def _add_residual(
        self, index: int, cell: _Cell, before: tuple[str, Ints, int, int], shape: tuple[Ints, int, int]
    ) -> str:
        layout, name = self.layout, f"cell{index}"
        source, channels, rows, columns = before
        has_residual = cell.is_needed & self.alive[index + 1]
        how = layout.settings.residual_downsamplings
        if layout.settings.cells[index] == "reduction":
            choice = self.column[f"{name}/residual"]
            is_free = np.array([label == FREE for label in how])[choice]
            pooled = (channels, shape[1], shape[2])
            bits = self.stream_bits * channels * rows * columns
            is_whole = self._mask((rows, columns) == shape[1:])  # nothing is left to halve
            window = fit(Window(layout.reduction_stride, layout.reduction_stride), (rows, columns))
            reading = Reading((channels, rows, columns), *window[:2])
            pool = Layer(
                f"{name}/residual/pool", "avg_pool", (source,), pooled,
                input_bits=bits, reading=reading, pool=AVG_POOL, is_view=is_whole,
            )  # fmt: skip
            self._add(pool, has_residual & is_free)
            chosen = [FLOAT if label == FREE else precision(label) for label in how]
            steps = [("norm", "conv") if one.is_float else ("norm", "quant", "conv") for one in chosen]
            conv = conv_layer(
                f"{name}/residual",
                inputs=(source, f"{name}/residual/pool"),
                reading=reading,
                channels=shape[0],
                height=shape[1],
                width=shape[2],
                weight=take([weight_facts(one, layout.scheme) for one in chosen], choice),
                act=take([act_facts(one, layout.scheme) for one in chosen], choice),
                module=take([module_facts(one) for one in steps], choice),
                has_bias=1,
                input_bits_each=self.stream_bits,
                output_bits=self.stream_bits,
                numbers=self.numbers,
            )
            align_bits = self.stream_bits * channels * shape[1] * shape[2]
            layer = replace(
                times(conv, (~is_free).astype(np.int64)),
                output_shape=conv.output_shape,
                input_bits=np.where(is_free, align_bits, conv.input_bits),
                reads=(~is_free, is_free),
                is_view=is_free & (channels == shape[0]),
            )
        else:
            bits = self.stream_bits * channels * rows * columns
            layer = Layer(
                f"{name}/residual",
                "align",
                (source,),
                shape,
                input_bits=bits,
                reads=(self._mask(True),),
                is_view=channels == shape[0],
            )
        self._add(layer, has_residual)
        both = 2 * self.stream_bits * shape[0] * shape[1] * shape[2]
        reads = (self._mask(True), has_residual)
        names = (name, f"{name}/residual")
        add = Layer(f"{name}/sum", "add", names, shape, input_bits=both, reads=reads, is_view=~has_residual)
        self._add(add, cell.is_needed)
        return add.name

    # Small things

    def _add(self, layer: Layer, present: Mask) -> None:
        """Append a layer, with zeros where a network lacks it or it is only a view."""
        is_tensor = present & ~layer.is_view
        layer = replace(times(layer, is_tensor.astype(np.int64)), is_view=present & layer.is_view)
        layer = replace(layer, output_bits=self.stream_bits)
        reads = layer.reads or tuple(self._mask(True) for _ in layer.inputs)
        self.found.append(replace(layer, reads=tuple(mask & present for mask in reads)))

    def _precisions(self, layer: str) -> dict[str, Any]:
        gene, layout = self.layout.precision_gene(layer), self.layout
        acts = [act_facts(precision(name), layout.scheme) for name in layout.settings.act_precisions]
        weight = self._weights(layout.settings.weight_precisions, self.column[f"{gene}/weight"])
        return {"weight": weight, "act": take(acts, self.column[f"{gene}/act"])}

    def _weights(self, names: Sequence[str], index: Ints) -> WeightFacts:
        return take([weight_facts(precision(name), self.layout.scheme) for name in names], index)

    def _widths(self, index: int) -> Ints:
        widths = np.array([self.layout.width(index, factor) for factor in self.layout.settings.expansions])
        return widths[self.column[f"cell{index}/expansion"]]

    def _array(self, value: int) -> Ints:
        return np.full(self.n, value, dtype=np.int64)

    def _mask(self, value: bool) -> Mask:
        return np.full(self.n, value, dtype=bool)
