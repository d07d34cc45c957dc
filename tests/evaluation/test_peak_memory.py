"""Peak activation memory of a network against a walk over the tensors of its execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from evonas.architecture.graph import INPUT, Architecture, Op
from evonas.nets.network import Network
from evonas.spaces import NetworkSpace
from objectives.peak_memory import peak_memory
from tests.support.spaces import random_architectures

HEAVY = 10**9  # bytes beyond any of the networks here


def bytes_by_hand(architecture: Architecture, tensors: Mapping[str, Tensor]) -> list[int]:
    """Bytes alive at each step; every step looks ahead anew at which buffers the operations to come still read."""
    buffer = {INPUT: INPUT}  # where an operation's output lies
    steps: list[tuple[str, set[str], int]] = [(INPUT, set(), 0)]  # output, inputs and workspace of what computes
    for op in architecture.ops:
        reads = set() if op.kind == "zeros" else {buffer[name] for name in op.inputs}
        if hands_on(op, tensors):
            (buffer[op.name],) = reads
        else:
            buffer[op.name] = op.name
            steps.append((op.name, reads, workspace(op, tensors)))
    sizes = []
    for now, (output, reads, scratch) in enumerate(steps):
        computed = {name for name, _, _ in steps[:now]}
        wanted_later = {name for _, later_reads, _ in steps[now + 1 :] for name in later_reads}
        alive = reads | {output} | (computed & wanted_later)
        sizes.append(scratch + sum(tensors[name].numel() * (1 if name == INPUT else 4) for name in alive))
    return sizes


def hands_on(op: Op, tensors: Mapping[str, Tensor]) -> bool:
    """Whether an operation that only moves numbers gave back its input as it was."""
    only_moves = op.kind in ("skip", "add", "concat", "align") and len(op.inputs) == 1
    return only_moves and torch.equal(tensors[op.name], tensors[op.inputs[0]])


def workspace(op: Op, tensors: Mapping[str, Tensor]) -> int:
    """Bytes of the quantized copy of a convolution's input."""
    if op.kind != "conv" or "quant" not in op.steps:
        return 0
    source = tensors[op.inputs[0]]
    elements = source.shape[1] if "pool" in op.steps else source.numel()
    return (elements * op.act.bits + 7) // 8


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_every_step_holds_the_tensors_of_the_execution(network_space: NetworkSpace, seed: int) -> None:
    """The peak alone would hide all other steps, so each in turn is made the worst by a heavy workspace."""
    for architecture in random_architectures(network_space, seed):
        network = Network([architecture], generator=torch.Generator()).eval()
        with torch.no_grad():
            by_hand = bytes_by_hand(architecture, network.activations(torch.rand(1, *network_space.input_shape)))
        measured = []
        for step, layer in enumerate(architecture.layers):
            layers = list(architecture.layers)
            layers[step] = replace(layer, workspace_bits=layer.workspace_bits + 8 * HEAVY)
            measured.append(peak_memory(layers) - HEAVY)
        assert measured == by_hand
        assert peak_memory(architecture.layers) == max(by_hand)
