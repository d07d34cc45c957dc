"""A graph of which parts may be left out, and whose widths, kernels, precisions and modules are chosen by genes.

The genes of a space with stages, the network of a genome, the genome of a network and the fast counts are all read off
this one description.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from evonas.architecture.fitting import Sides, Window, fit
from evonas.architecture.graph import INPUT, PREACTIVATED, Op
from evonas.architecture.precision import FLOAT, Precision
from evonas.spaces.genome import Gene

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Choice(Generic[Value]):
    """An attribute that a gene decides.

    Attributes:
        values: One per choice of the gene; exactly one if there is no gene.
        gene: None for an attribute that is the same in all networks.
    """

    values: tuple[Value, ...]
    gene: Gene | None = None

    def at(self, choice: Mapping[str, int]) -> Value:
        """The value under a choice of every gene."""
        return self.values[choice[self.gene.name] if self.gene else 0]

    def enter(self, value: Value, choice: dict[str, int]) -> None:
        """Enter the first choice that gives ``value``.

        Raises:
            ValueError: None does.
        """
        index = self.values.index(value)
        if self.gene:
            choice[self.gene.name] = index


def fixed(value: Value) -> Choice[Value]:
    """An attribute without a gene."""
    return Choice((value,))


ONE_BY_ONE, IN_FLOAT, ALWAYS = fixed((1, 1)), fixed(FLOAT), fixed(True)
PREACTIVATED_STEPS: Choice[tuple[str, ...]] = fixed(PREACTIVATED)


@dataclass(frozen=True, slots=True)
class Slot:
    """One operation of the graph, in all the forms it can take; see :class:`evonas.architecture.graph.Op`.

    Attributes:
        name: What readers call it. The operation's own name adds a searched kernel's label, ``name/k5`` or
            ``name/k1x5``, because a supernet shares kernels of one size by name.
        kind: Of the operation.
        inputs: Names of slots, or ``"input"``.
        channels: Factors whose product is the width. All but the last are decided by earlier slots.
        kernel: Height and width of the kernel.
        stride: Of kernel or pool, along height and width.
        is_depthwise: Whether each channel is a group of its own.
        weight: Precision of the kernel.
        act: Precision of the activations that a convolution reads.
        steps: Structure of the module.
        has_bias: Whether the convolution adds a bias per channel.
        is_there: Whether a network has the operation; one without it hands the first input on.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    channels: tuple[Choice[int], ...]
    kernel: Choice[Sides] = ONE_BY_ONE
    stride: Sides = (1, 1)
    is_depthwise: bool = False
    weight: Choice[Precision] = IN_FLOAT
    act: Choice[Precision] = IN_FLOAT
    steps: Choice[tuple[str, ...]] = PREACTIVATED_STEPS
    has_bias: bool = False
    is_there: Choice[bool] = ALWAYS

    @property
    def searched(self) -> list[tuple[Gene, tuple[Any, ...]]]:
        """What is decided here or in earlier slots: genes, and what each choice means."""
        attributes: tuple[Choice[Any], ...]
        attributes = (self.is_there, *self.channels, self.kernel, self.weight, self.act, self.steps)
        return [(attribute.gene, attribute.values) for attribute in attributes if attribute.gene]


def fitted(slots: Sequence[Slot], sides: Sides) -> tuple[Slot, ...]:
    """The same with kernels and strides cut to what images of these sides have use for, as an architecture cuts them.

    Choices of a kernel that then mean the same have equal values.
    """
    reads, found = {INPUT: sides}, []
    for slot in slots:
        source = reads[slot.inputs[0]]
        windows = [fit(Window(kernel, slot.stride), source) for kernel in slot.kernel.values]
        kernel, stride = replace(slot.kernel, values=tuple(window.kernel for window in windows)), windows[0].stride
        is_skip = slot.kind in ("max_pool", "avg_pool") and windows[0] == Window()
        found.append(replace(slot, kind="skip" if is_skip else slot.kind, kernel=kernel, stride=stride))
        rows, columns = (-(-side // step) for side, step in zip(source, stride, strict=True))
        reads[slot.name] = (1, 1) if "pool" in slot.steps.values[0] else (rows, columns)
    return tuple(found)


def build(slots: Sequence[Slot], choice: Mapping[str, int]) -> tuple[Op, ...]:
    """The operations under a choice of every gene, one per slot that is there."""
    names, ops = {INPUT: INPUT}, []
    for slot in slots:
        if not slot.is_there.at(choice):
            names[slot.name] = names[slot.inputs[0]]
            continue
        kernel = slot.kernel.at(choice)
        channels = math.prod(factor.at(choice) for factor in slot.channels)
        gene = slot.kernel.gene
        names[slot.name] = f"{slot.name}/k{gene.choices[choice[gene.name]]}" if gene else slot.name
        op = Op(
            names[slot.name],
            slot.kind,
            tuple(names[name] for name in slot.inputs),
            channels,
            kernel=kernel,
            stride=slot.stride,
            groups=channels if slot.is_depthwise else 1,
            weight=slot.weight.at(choice),
            act=slot.act.at(choice),
            steps=slot.steps.at(choice),
            has_bias=slot.has_bias,
        )
        ops.append(op)
    return tuple(ops)


def read_choices(slots: Sequence[Slot], ops: Sequence[Op]) -> dict[str, int]:
    """The first choice of every gene that gives these operations: the reverse of :func:`build`.

    Genes of operations that are not there have none.

    Raises:
        ValueError: No choice gives them.
    """
    held = {op.name.partition("/k")[0] for op in ops}
    choice = _presence(slots, held)
    for slot, op in zip((slot for slot in slots if slot.name in held), ops, strict=True):
        *others, last = slot.channels
        last.enter(op.channels // math.prod(factor.at(choice) for factor in others), choice)
        slot.kernel.enter(op.kernel, choice)
        slot.weight.enter(op.weight, choice)
        slot.act.enter(op.act, choice)
        slot.steps.enter(op.steps, choice)
    return choice


def _presence(slots: Sequence[Slot], held: Collection[str]) -> dict[str, int]:
    """The first choice of every gene that leaves slots out, so that those whose names are held are there."""
    fitting: dict[str, set[int]] = {}
    for slot in slots:
        if slot.is_there.gene:
            is_held, gene = slot.name in held, slot.is_there.gene.name
            same = {index for index, is_there in enumerate(slot.is_there.values) if is_there == is_held}
            fitting[gene] = fitting.get(gene, same) & same
    return {gene: min(same) for gene, same in fitting.items()}
