"""Layers of many networks of one graph at once, as arrays: the fast path of the cost models.

It repeats in numpy what :attr:`evonas.architecture.graph.Architecture.layers` does for one network; a test compares
the two. All networks have the same layers; one that is left out, or that changes nothing, is no tensor of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.graph import INPUT, POOLS
from evonas.architecture.layer_counts import act_facts, conv_layer, module_facts, take, times, weight_facts
from evonas.architecture.precision import EIGHT_BIT, FLOAT
from evonas.architecture.scheme import Scheme
from evonas.architecture.stored_numbers import NumberFacts, input_bytes
from evonas.spaces.staged.slots import Choice, Slot
from objectives import Layer
from objectives.layer import NO_POOL, Reading

Ints = NDArray[np.int64]


def batch_layers(
    slots: Sequence[Slot],
    column: Mapping[str, Ints],
    *,
    n: int,
    input_shape: tuple[int, int, int],
    scheme: Scheme,
    stream_bits: Any,
    numbers: NumberFacts,
) -> tuple[Layer, ...]:
    """See :meth:`evonas.spaces.space.NetworkSpace.batch_layers`.

    Args:
        slots: The graph, its kernels fitted to the images.
        column: Choices of every gene by its name, ``(n,)`` each.
        n: How many networks.
        input_shape: ``(channels, height, width)`` of an image.
        scheme: Which method quantizes what.
        stream_bits: Of an element of a tensor between layers.
        numbers: How what is no weight is stored.
    """

    def index(attribute: Choice[Any]) -> Ints:
        return column[attribute.gene.name] if attribute.gene else np.zeros(n, dtype=np.int64)

    def counts(attribute: Choice[int]) -> Ints:
        return np.array(attribute.values, dtype=np.int64)[index(attribute)]

    stored = input_bytes(scheme.input_values, stream_bits)
    layers = [Layer(INPUT, "input", (), input_shape, output_bits=EIGHT_BIT.bits, bias_bytes=stored)]
    shapes: dict[str, tuple[Any, int, int]] = {INPUT: input_shape}
    for slot in slots:
        source, rows, columns = shapes[slot.inputs[0]]
        has_pool = "pool" in slot.steps.values[0]
        height, width = (1, 1) if has_pool else (-(-rows // slot.stride[0]), -(-columns // slot.stride[1]))
        channels = math.prod((counts(factor) for factor in slot.channels), start=np.ones(n, dtype=np.int64))
        shape = shapes[slot.name] = (channels, height, width)
        kernels = np.array(slot.kernel.values)[index(slot.kernel)]
        groups = channels if slot.is_depthwise else 1
        reading = Reading((source, rows, columns), (kernels[:, 0], kernels[:, 1]), slot.stride, groups=groups)
        if slot.kind != "conv":
            bits = stream_bits * sum(math.prod(shapes[name]) for name in slot.inputs)
            is_view = (source == channels) & (slot.kind in ("align", "skip"))
            shape = (channels * ~is_view, height, width)
            pool, bits = POOLS.get(slot.kind, NO_POOL), bits * ~is_view
            layers.append(
                Layer(
                    slot.name,
                    slot.kind,
                    slot.inputs,
                    shape,
                    output_bits=stream_bits,
                    input_bits=bits,
                    is_view=is_view,
                    reading=reading,
                    pool=pool,
                )
            )
            continue
        layer = conv_layer(
            slot.name,
            op="linear" if has_pool else "conv",
            inputs=slot.inputs,
            reading=reading,
            channels=channels,
            height=height,
            width=width,
            weight=take([weight_facts(one, scheme) for one in slot.weight.values], index(slot.weight)),
            act=take([act_facts(one, scheme) for one in slot.act.values], index(slot.act)),
            module=take([module_facts(steps) for steps in slot.steps.values], index(slot.steps)),
            has_bias=int(slot.has_bias),
            input_bits_each=EIGHT_BIT.bits if slot.inputs[0] == INPUT else stream_bits,
            output_bits=FLOAT.bits if slot is slots[-1] else stream_bits,
            numbers=numbers,
        )
        if slot.is_there.gene:
            is_there = np.array(slot.is_there.values)[index(slot.is_there)]
            shapes[slot.name] = (np.where(is_there, channels, source), height, width)
            layer = replace(times(layer, is_there.astype(np.int64)), is_view=~is_there)
        layers.append(layer)
    return tuple(layers)
