"""The graph of an architecture without the operations that change nothing, give zeros, or are there twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from evonas.architecture.graph import INPUT, Architecture, Op

KEEPS_ZEROS = ("skip", "add", "concat", "align", "max_pool", "avg_pool")  # zeros in, zeros out


class Step(NamedTuple):
    """An operation that has to be run.

    Attributes:
        op: With the inputs that remain.
        segments: Of its first input's channels.
        is_rounded: Whether its output is rounded to a number of the stream.
    """

    op: Op
    segments: int
    is_rounded: bool = False


def simplified(architecture: Architecture) -> tuple[Step, ...]:
    """Operations that have to be run for the logits, in order; the last one gives them.

    Left out are operations without weights that hand their input on, that another one has already computed, whose
    result is zero and only added, or that nothing reads.
    """
    shapes = architecture.shapes
    stands_for: dict[str, str] = {}
    made: dict[tuple[object, ...], str] = {}
    zeros: set[str] = set()
    steps: list[Step] = []
    for original in architecture.ops:
        inputs, segments = original.inputs, shapes[original.inputs[0]].segments
        if not stands_for.keys().isdisjoint(inputs):
            inputs = tuple(stands_for.get(name, name) for name in inputs)
        op = original if inputs == original.inputs else replace(original, inputs=inputs)
        if op.kind == "zeros" or (op.kind in KEEPS_ZEROS and zeros.issuperset(inputs)):
            zeros.add(op.name)
        elif op.kind == "add" and not zeros.isdisjoint(inputs):
            op = replace(op, inputs=tuple(name for name in inputs if name not in zeros))
        if op.kind != "conv":
            is_rounded = op.name in architecture.is_rounded
            if architecture.is_view(op) and op.name not in zeros and not (is_rounded and op.inputs[0] == INPUT):
                stands_for[op.name] = op.inputs[0]
                if is_rounded:  # what is added to zeros as it is computed is the sum
                    place = next(i for i, step in enumerate(steps) if step.op.name == op.inputs[0])
                    steps[place] = steps[place]._replace(is_rounded=True)
                continue
            twin = made.setdefault(_computed(op, segments), op.name)
            if twin != op.name:
                stands_for[op.name] = twin
                zeros.discard(op.name)
                continue
        steps.append(Step(op, segments, op.name in architecture.is_rounded))
    return _read(steps, stands_for.get(architecture.ops[-1].name, architecture.ops[-1].name))


def _computed(op: Op, segments: int) -> tuple[object, ...]:
    inputs = tuple(sorted(op.inputs)) if op.kind == "add" else op.inputs
    return op.kind, inputs, op.channels, op.kernel, op.stride, op.dilation, segments


def _read(steps: Sequence[Step], last: str) -> tuple[Step, ...]:
    """The steps that the last one depends on."""
    needed, kept = {last}, []
    for step in reversed(steps):
        if step.op.name in needed:
            needed.update(step.op.inputs)
            kept.append(step)
    return tuple(reversed(kept))
