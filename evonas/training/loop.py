"""The training loop of supernets and of single networks: an optimizer, a schedule, a checkpoint to resume from."""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from evonas.files import write_atomically
from evonas.nets.distributed import average_gradients, leads, share
from evonas.training.adamw import FusedAdamW
from evonas.training.early_stop import EarlyStop
from evonas.training.schedule import WARMUP, InTurn, Schedule, cosine
from surrogates.one_shot.settling import Probe
from surrogates.one_shot.supernet import Strategy, Supernet

A = TypeVar("A")
MakeOptimizer = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]
"""Makes an optimizer from groups of parameters, each with its learning rate and weight decay."""

CLIP_NORM = 5.0
CHECKPOINTS = 10  # over a whole training
MIN_INTERVAL = 50  # steps between two checkpoints; writing one takes as long as a few steps


def adamw(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """AdamW, fused."""
    is_gpu = any(parameter.is_cuda for group in groups for parameter in group["params"])
    return torch.optim.AdamW(groups, fused=True) if is_gpu else FusedAdamW(groups)


class CheckpointError(Exception):
    """A checkpoint that training cannot be resumed from."""


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained, whatever its loss.

    Attributes:
        steps: Steps of the optimizer.
        learning_rate: Its highest value.
        weight_decay: Decoupled, on kernels only.
        make_optimizer: Makes the optimizer.
        schedule: Of the learning rate, over ``steps``; by default a linear warm-up and a cosine decay to zero. Not with
            ``early_stop``, which has one of its own.
        early_stop: When to end before ``steps``. With it, the learning rate stays at its highest between warm-up and
            decay.
        checkpoint: A file to resume from if it is there, and to write now and then. Batches and paths are drawn again
            from the start, so that on a CPU the result is to the bit that of a training that was never stopped.
    """

    steps: int
    learning_rate: float
    weight_decay: float
    make_optimizer: MakeOptimizer = adamw
    schedule: Schedule | InTurn | None = None
    early_stop: EarlyStop | None = None
    checkpoint: Path | None = None


@contextmanager
def _collecting_new_garbage_only() -> Iterator[None]:
    """Every step makes thousands of objects, and the collector would look through all of torch's again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@_collecting_new_garbage_only()
def train(
    supernet: Supernet[A],
    strategy: Strategy[A],
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    plan: TrainingPlan,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> int:
    """Minimise a strategy's loss.

    Parameters that a step does not use keep their gradient unset, so that neither momentum nor weight decay moves them.
    That holds for whole parameters: the unused width of a kernel that is in use gets a gradient of zero and still moves
    by its momentum.

    Args:
        supernet: Trained in place; left in training mode. A network of one architecture works, too.
        strategy: Paths and loss of each step.
        batches: At least ``plan.steps`` pairs of images ``(n, channels, height, width)`` and labels ``(n,)``.
        plan: Length, learning rates, optimizer, checkpoint.
        on_step: Called after each step with the number of steps done and the loss.

    Returns:
        Steps made, those before an interruption too; fewer than planned only if the training ended early.

    Raises:
        FloatingPointError: The loss is no longer finite.
        CheckpointError: The checkpoint is damaged, or of another network.
    """
    steps, early_stop, checkpoint = plan.steps, plan.early_stop, plan.checkpoint
    groups = supernet.parameter_groups(learning_rate=plan.learning_rate, weight_decay=plan.weight_decay)
    for group in groups:
        group["initial_lr"] = group["lr"]
    optimizer = plan.make_optimizer(groups)
    parameters = [parameter for group in groups for parameter in group["params"]]
    done, probes = _load(checkpoint, supernet, optimizer)
    may_end = None if early_stop is None else early_stop.schedule(steps, warmup=WARMUP, probes=probes)
    rates = may_end or plan.schedule or cosine(steps)
    every = max(MIN_INTERVAL, steps // CHECKPOINTS)
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
        _clip(parameters, CLIP_NORM)
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


def _clip(parameters: Sequence[Tensor], largest: float) -> None:
    """Shorten all gradients together to a norm; what ``torch.nn.utils.clip_grad_norm_`` does, in fewer calls."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    factor = largest / (float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))) + 1e-6)
    if factor < 1:
        torch._foreach_mul_(gradients, factor)


def _save(
    path: Path, supernet: Supernet[A], optimizer: torch.optim.Optimizer, *, step: int, probes: Sequence[Probe]
) -> None:
    tensors = {f"network/{name}": tensor.contiguous() for name, tensor in supernet.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        kept = {name: moment for name, moment in moments.items() if moment is not None}  # sgd has None for none
        tensors |= {f"optimizer/{index}/{name}": moment for name, moment in kept.items()}
    write_atomically(path, save(tensors, metadata={"step": str(step), "probes": json.dumps(probes)}))


def _load(path: Path | None, supernet: Supernet[A], optimizer: torch.optim.Optimizer) -> tuple[int, list[Probe]]:
    """Steps and probes done so far; when the order settled follows from the probes."""
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
