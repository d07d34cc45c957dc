"""Peak activation memory of a network against a walk over the tensors of its execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.architecture.precision import STREAMS
from evonas.nets.network import Network
from evonas.spaces import NetworkSpace
from objectives.device.storage import storage
from objectives.peak_memory import peak_memory
from tests.support.spaces import random_architectures

ELEMENTWISE = {"norm", "standardize", "relu", "quant", "conv"}


class Walk:
    """What lies in memory while a network runs, step by step: each looks ahead anew at who still reads what."""

    def __init__(self, architecture: Architecture, tensors: Mapping[str, Tensor]) -> None:
        self.architecture, self.tensors = architecture, tensors
        self.buffer = {INPUT: INPUT}  # where an operation's output lies
        self.steps: list[tuple[Op, list[str]]] = []  # what computes, and the buffers that it reads
        for op in architecture.ops:
            reads = [] if op.kind == "zeros" else [self.buffer[name] for name in op.inputs]
            if hands_on(op, tensors):
                self.buffer[op.name] = reads[0]
            else:
                self.buffer[op.name] = op.name
                self.steps.append((op, reads))

    def readers(self, name: str, *, after: int = -1) -> list[int]:
        return [step for step, (_, reads) in enumerate(self.steps) if step > after for read in reads if read == name]

    def coded_for(self, step: int) -> Op | None:
        """The convolution that alone reads this one, number by number."""
        op, readers = self.steps[step][0], self.readers(self.steps[step][0].name)
        if op.kind != "conv" or len(readers) != 1:
            return None
        reader = self.steps[readers[0]][0]
        has_codes = reader.kind == "conv" and not reader.act.is_float and "shortcut" not in reader.steps
        before = set(reader.steps[: reader.steps.index("conv") + 1]) if has_codes else set()
        method = self.architecture.scheme.act(reader.act) if has_codes else None
        is_per_image = method is not None and method.flops_per_element > 0
        return reader if "quant" in before and before <= ELEMENTWISE and not is_per_image else None

    def is_added(self, step: int) -> bool:
        """Whether the sum behind it alone reads it."""
        op = self.steps[step][0]
        return op.kind == "conv" and self.readers(op.name) == [step + 1] and self.steps[step + 1][0].kind == "add"

    def n_bytes(self, name: str) -> int:
        elements = self.tensors[name].numel()
        if name == INPUT:
            return words(elements * 8)
        step = next(step for step, (op, _) in enumerate(self.steps) if op.name == name)
        if (reader := self.coded_for(step)) is not None:
            bits = reader.act.bits
            return bits * words(elements) if bits <= 2 else words(elements * bits)
        return words(elements * (32 if step == len(self.steps) - 1 else self.architecture.stream.bits))

    def alive(self, now: int) -> set[str]:
        """Buffers that are in use at a step; ``-1`` is the image alone."""
        computed = [INPUT, *(op.name for op, _ in self.steps[: now + 1])]
        alive = {name for name in computed if self.readers(name, after=now - 1) or name == computed[-1]}
        if now >= 0 and self.is_added(now):
            alive = alive - {self.steps[now][0].name} | self.sum_of(now + 1, is_early=True)
        elif now >= 0 and self.steps[now][0].kind == "add":
            others = alive - {self.steps[now][0].name}
            alive = others | self.sum_of(now, is_early=self.is_added(now - 1))
        return {name for name in alive if not (name != INPUT and self.is_no_tensor(name))}

    def is_no_tensor(self, name: str) -> bool:
        return any(op.name == name and self.is_added(step) for step, (op, _) in enumerate(self.steps))

    def sum_of(self, step: int, *, is_early: bool) -> set[str]:
        """The memory that a sum needs beside its inputs: none if one of them dies with it."""
        op, reads = self.steps[step]
        for name in reads:
            is_dying = not self.readers(name, after=step) and name != INPUT and not self.is_no_tensor(name)
            is_still_read = is_early and name in self.steps[step - 1][1]
            if is_dying and not is_still_read and self.n_bytes(name) == self.n_bytes(op.name):
                return set()
        return {op.name}

    def workspace(self, now: int) -> int:
        """Bytes of the quantized copy of a convolution's input, which there is none of where that is codes."""
        op, reads = self.steps[now]
        if op.kind != "conv" or op.steps[0] == "conv":
            return 0
        is_coded = any(before.name == reads[0] and self.coded_for(step) for step, (before, _) in enumerate(self.steps))
        source = self.tensors[op.inputs[0]]
        elements = source.shape[1] if "pool" in op.steps else source.numel()
        if is_coded or "quant" not in op.steps:
            return 0 if is_coded else 4 * elements
        if self.makes_rows(op, source.shape[1]):
            return 0
        return op.act.bits * words(elements) if op.act.bits <= 2 else words(elements * op.act.bits)

    def makes_rows(self, op: Op, channels: int) -> bool:
        """Whether codes are made while the convolution runs, of weights that are multiplied as they are stored."""
        method = self.architecture.scheme.act(op.act)
        is_plain = "pool" not in op.steps and method is not None and not method.flops_per_element
        is_stored = op.weight.name in ("2-bit", "4-bit", "8-bit") or (op.weight.name == "binary" and op.act.bits > 2)
        return is_plain and is_stored and not 1 < op.groups == op.channels == channels

    def n_bytes_by_step(self) -> list[int]:
        sizes = [self.n_bytes(INPUT)]
        for now in range(len(self.steps)):
            sizes.append(self.workspace(now) + sum(map(self.n_bytes, self.alive(now))))
        return sizes


def words(bits: int) -> int:
    return (bits + 31) // 32 * 4


def hands_on(op: Op, tensors: Mapping[str, Tensor]) -> bool:
    """Whether an operation that only moves numbers gave back its input as it was."""
    only_moves = op.kind in ("skip", "add", "concat", "align") and len(op.inputs) == 1
    return only_moves and torch.equal(tensors[op.name], tensors[op.inputs[0]])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=st.sampled_from([*STREAMS]), seed=st.integers(0, 2**32 - 1))
def test_every_step_holds_the_tensors_of_the_execution(network_space: NetworkSpace, stream: str, seed: int) -> None:
    """The peak alone would hide all other steps."""
    for plain in random_architectures(network_space, seed):
        architecture = replace(plain, stream=STREAMS[stream])
        network = Network([architecture], generator=torch.Generator()).eval()
        with torch.no_grad():
            tensors = network.activations(torch.rand(1, *network_space.input_shape))
        by_hand = Walk(architecture, tensors).n_bytes_by_step()
        kept = storage(architecture.layers)
        assert (kept.alive() - kept.scratch)[:, 0].tolist() == by_hand
        assert peak_memory(architecture.layers) == kept.alive().max()
