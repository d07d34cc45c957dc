"""Random networks for the cost models: one at a time, and many at once in the form of arrays."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from objectives import Layer

OPS = st.sampled_from(["conv", "add"])
PRECISIONS = ((2, 1), (3, 2), (4, 2), (16, 4), (256, 8), (0, 32))  # weight levels and the bits charged for them
COUNTS = ("input_bits", "macs", "weights", "float_ops", "scale_bytes", "norm_bytes", "bias_bytes", "parameters")


@st.composite
def networks(draw: st.DrawFn, min_size: int = 0) -> list[Layer]:
    """Layers in execution order, each reading some of those before it."""
    layers: list[Layer] = []
    for index in range(draw(st.integers(min_size, 9))):
        readable = [layer.name for layer in layers]
        inputs = draw(st.lists(st.sampled_from(readable), unique=True, max_size=3)) if readable else []
        layers.append(draw(_layers(f"l{index}", tuple(inputs), draw(OPS))))
    return layers


@st.composite
def _layers(draw: st.DrawFn, name: str, inputs: tuple[str, ...], op: str) -> Layer:
    levels, bits = draw(st.sampled_from(PRECISIONS))
    return Layer(
        name,
        op,
        inputs,
        (draw(st.integers(1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 5))),
        output_bits=draw(st.sampled_from([1, 2, 8, 32])),
        weight_levels=levels,
        weight_bits=bits,
        act_bits=draw(st.sampled_from([1, 2, 4, 8, 32])),
        **{count: draw(st.integers(0, 99)) for count in COUNTS},
    )


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Layer], list[list[Layer]]]:
    """The same networks twice: as one sequence of arrays, and each as a sequence of its own.

    A network may lack a layer, or have it as a view. Numbers in which all networks agree are not always arrays.
    """
    n = draw(st.integers(2, 4))
    names = [f"l{index}" for index in range(draw(st.integers(1, 6)))]
    slots: list[tuple[str, ...]] = [
        tuple(draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=3))) if index else ()
        for index in range(len(names))
    ]
    ops = [draw(OPS) for _ in names]
    own = [_one(draw, names, slots, ops) for _ in range(n)]
    return [
        _together([network[0][name] for network in own], inputs, op, draw(st.booleans()))
        for name, inputs, op in zip(names, slots, ops, strict=True)
    ], [network[1] for network in own]


def _one(
    draw: st.DrawFn, names: list[str], slots: list[tuple[str, ...]], ops: list[str]
) -> tuple[dict[str, Layer], list[Layer]]:
    """One network: every slot with its reads, zeros where it is absent; and its layers without slots and views."""
    state, reads = {}, {}
    for name, inputs in zip(names, slots, strict=True):
        there = [source for source in inputs if state[source] != "absent" and draw(st.booleans())]
        state[name] = draw(st.sampled_from(["tensor", "tensor", "absent", "view"]))
        if state[name] == "view" and not there:
            state[name] = "absent"
        reads[name] = {"tensor": there, "absent": [], "view": there[:1]}[state[name]]
    for name in reversed(names):  # a view that nobody reads is not there
        if state[name] == "view" and not any(name in read for read in reads.values()):
            state[name], reads[name] = "absent", []
    slot: dict[str, Layer] = {}
    alone: list[Layer] = []
    tensor: dict[str, str] = {}  # where a view's numbers lie
    for name, inputs, op in zip(names, slots, ops, strict=True):
        layer = draw(_layers(name, inputs, op))
        if state[name] == "tensor":
            tensor[name] = name
            alone.append(replace(layer, inputs=tuple(tensor[source] for source in reads[name])))
        else:
            if state[name] == "view":
                tensor[name] = tensor[reads[name][0]]
            shape = (0, *layer.output_shape[1:])
            layer = replace(layer, output_shape=shape, **dict.fromkeys(COUNTS, 0))
        masks = tuple(source in reads[name] for source in inputs)
        slot[name] = replace(layer, reads=masks, is_view=state[name] == "view")
    return slot, alone


def _together(layers: list[Layer], inputs: tuple[str, ...], op: str, is_short: bool) -> Layer:
    def column(values: list[Any]) -> Any:
        return values[0] if is_short and len(set(values)) == 1 else np.array(values)

    plain = ("name", "op", "inputs", "output_shape", "reads", "reading", "module")
    numbers = {
        field.name: column([getattr(layer, field.name) for layer in layers])
        for field in fields(Layer)
        if field.name not in plain
    }
    shape = tuple(column([layer.output_shape[side] for layer in layers]) for side in range(3))
    reads = tuple(column([layer.reads[index] for layer in layers]) for index in range(len(inputs)))
    return Layer(layers[0].name, op, inputs, (shape[0], shape[1], shape[2]), reads=reads, **numbers)
