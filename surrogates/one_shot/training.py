"""The training loop of supernets, and of single networks: an optimizer, a schedule, a checkpoint to go on from."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from surrogates.one_shot.group import average_gradients, leads, share
from surrogates.one_shot.schedule import WARMUP, InTurn, Schedule, cosine
from surrogates.one_shot.settling import EarlyStop, Probe
from surrogates.one_shot.supernet import Strategy, Supernet

A = TypeVar("A")
MakeOptimizer = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]
"""From groups of parameters, each with its learning rate and weight decay."""

CLIP_NORM = 5.0
CHECKPOINTS = 10  # over a whole training


def adamw(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """AdamW, fused."""
    return torch.optim.AdamW(groups, fused=True)


class CheckpointError(Exception):
    """A checkpoint that training cannot go on from."""


def train(
    supernet: Supernet[A],
    strategy: Strategy[A],
    *,
    batches: Iterable[tuple[Tensor, Tensor]],
    steps: int,
    learning_rate: float,
    weight_decay: float,
    make_optimizer: MakeOptimizer = adamw,
    schedule: Schedule | InTurn | None = None,
    early_stop: EarlyStop | None = None,
    checkpoint: Path | None = None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> int:
    """Minimise a strategy's loss; by default with AdamW, a linear warm-up and a cosine decay to zero.

    Parameters that a step does not use keep their gradient unset, so that neither momentum nor weight decay moves them.
    That holds for whole parameters: the unused width of a kernel that is in use gets a gradient of zero and still moves
    by its momentum.

    Args:
        supernet: Trained in place; left in training mode. A network of one architecture will do, too.
        strategy: Paths and loss of each update.
        batches: At least ``steps`` pairs of images ``(n, channels, height, width)`` and labels ``(n,)``.
        steps: Updates.
        learning_rate: At its highest.
        weight_decay: Decoupled, on kernels only.
        make_optimizer: Makes what takes the steps.
        schedule: Of the learning rate, over ``steps``; not with ``early_stop``, which has one of its own.
        early_stop: When to end before ``steps``; see :mod:`surrogates.one_shot.settling`. With it, the learning rate
            stays at its highest between warm-up and decay.
        checkpoint: A file to go on from if it is there, and to write now and then. Batches and paths are drawn again
            from the start, so that on a CPU the result is to the bit that of a training that was never stopped.
        on_step: Called after each update with the number of updates done and the loss.

    Returns:
        Updates made, those before an interruption too; fewer than ``steps`` only if the training ended early.

    Raises:
        FloatingPointError: The loss is no longer finite.
        CheckpointError: The checkpoint is damaged, or of another network.
    """
    groups = supernet.parameter_groups(learning_rate=learning_rate, weight_decay=weight_decay)
    for group in groups:
        group["initial_lr"] = group["lr"]
    optimizer = make_optimizer(groups)
    parameters = [parameter for group in groups for parameter in group["params"]]
    done, probes = _load(checkpoint, supernet, optimizer)
    may_end = None if early_stop is None else early_stop.schedule(steps, warmup=WARMUP, probes=probes)
    rates = may_end or schedule or cosine(steps)
    every = max(1, steps // CHECKPOINTS)
    supernet.train()
    for step, (images, labels) in zip(range(1, steps + 1), batches, strict=False):
        if step > rates.end:
            break
        paths = strategy.draw()
        if step <= done:
            continue
        images, labels = share(images, labels)  # noqa: PLW2901
        rate = rates.factor(step - 1)
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * rate
        for parameter in parameters:
            parameter.grad = None
        loss = average_gradients(parameters, strategy.backward(supernet, paths, images, labels))
        if not math.isfinite(loss):
            raise FloatingPointError(f"the training loss became {loss} at step {step}")
        torch.nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        done = step
        if early_stop is not None and may_end is not None and early_stop.is_due(step, may_end):
            probes.append((step, tuple(early_stop.probe())))
            supernet.train()
            may_end = rates = early_stop.schedule(steps, warmup=WARMUP, probes=probes)
            early_stop.on_probe(probes)
        if checkpoint is not None and step % every == 0 and step < steps and leads():
            _save(checkpoint, supernet, optimizer, step=step, probes=probes)
        on_step(step, loss)
    return done


def _save(
    path: Path, supernet: Supernet[A], optimizer: torch.optim.Optimizer, *, step: int, probes: Sequence[Probe]
) -> None:
    tensors = {f"network/{name}": tensor.contiguous() for name, tensor in supernet.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        kept = {name: moment for name, moment in moments.items() if moment is not None}  # sgd has None for none
        tensors |= {f"optimizer/{index}/{name}": moment for name, moment in kept.items()}
    partial = path.with_name(path.name + ".partial")  # a checkpoint is either complete or not there
    save_file(tensors, partial, metadata={"step": str(step), "probes": json.dumps(probes)})
    partial.replace(path)


def _load(path: Path | None, supernet: Supernet[A], optimizer: torch.optim.Optimizer) -> tuple[int, list[Probe]]:
    """Updates and probes done so far; when the order settled follows from the probes."""
    if path is None or not path.is_file():
        return 0, []
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
            facts = file.metadata()
        step, probes = int(facts["step"]), [(at, tuple(losses)) for at, losses in json.loads(facts["probes"])]
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(str(error)) from error
    network = {name.removeprefix("network/"): tensor for name, tensor in tensors.items() if name.startswith("network/")}
    try:
        supernet.load_state_dict(network)
    except RuntimeError as error:
        raise CheckpointError(str(error).splitlines()[0]) from error
    state = optimizer.state_dict()
    for name, tensor in tensors.items():
        match name.split("/"):
            case ["optimizer", index, moment]:
                state["state"].setdefault(int(index), {})[moment] = tensor
    optimizer.load_state_dict(state)
    return step, probes
