"""Train a supernet by uniform single paths: each step draws one architecture and updates the weights it uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor

from surrogates.one_shot.supernet import Supernet

A = TypeVar("A")
CLIP_NORM = 5.0


def train_single_path(
    supernet: Supernet[A],
    draw: Callable[[], A],
    *,
    batches: Iterable[tuple[Tensor, Tensor]],
    steps: int,
    learning_rate: float,
    weight_decay: float,
    warmup: float = 0.05,
    label_smoothing: float = 0.0,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Minimise cross-entropy over randomly drawn paths with AdamW, a linear warm-up and a cosine decay to zero.

    Parameters that a step does not use keep their gradient unset, so that neither momentum nor weight decay moves them.
    That holds for whole parameters: the unused width of a kernel that is in use gets a gradient of zero and still moves
    by its momentum.
    A network of one architecture is trained alone when ``draw`` always returns that architecture.

    Args:
        supernet: Trained in place; left in training mode.
        draw: Next architecture to train.
        batches: At least ``steps`` pairs of images ``(n, channels, height, width)`` and labels ``(n,)``.
        steps: Updates.
        learning_rate: At its highest.
        weight_decay: Decoupled, on kernels only.
        warmup: Share of the steps with a rising learning rate.
        label_smoothing: Share of the target spread over all classes.
        on_step: Called after each update with the number of updates done and the loss.

    Raises:
        FloatingPointError: The loss is no longer finite.

    References:
        Guo 2020, "Single path one-shot neural architecture search with uniform sampling".
    """
    groups = supernet.parameter_groups(learning_rate=learning_rate, weight_decay=weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate(step, steps, warmup))
    parameters = [parameter for group in groups for parameter in group["params"]]
    supernet.train()
    for step, (images, labels) in zip(range(1, steps + 1), batches, strict=False):
        supernet.activate(draw())
        loss = F.cross_entropy(supernet(images), labels, label_smoothing=label_smoothing)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f"the training loss became {value} at step {step}")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        schedule.step()
        on_step(step, value)


def _learning_rate(step: int, steps: int, warmup: float) -> float:
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
