"""Train a supernet by uniform single paths: each step draws one architecture and updates the weights it uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

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
    is_two_pass: bool = False,
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
        is_two_pass: Whether every batch is run twice: first the quantizers take a step with an optimizer of their own,
            then the weights, in the order in which He 2019 trains truncated-Gaussian thresholds. Twice the time.
        on_step: Called after each update with the number of updates done and the loss.

    Raises:
        FloatingPointError: The loss is no longer finite.

    References:
        Guo 2020, "Single path one-shot neural architecture search with uniform sampling".
    """
    groups = supernet.parameter_groups(learning_rate=learning_rate, weight_decay=weight_decay)
    optimizers = _optimizers(groups, learning_rate=learning_rate, is_two_pass=is_two_pass)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate(step, steps, warmup))
        for optimizer in optimizers
    ]
    parameters = [parameter for group in groups for parameter in group["params"]]
    supernet.train()
    for step, (images, labels) in zip(range(1, steps + 1), batches, strict=False):
        supernet.activate(draw())
        for optimizer in optimizers:
            loss = F.cross_entropy(supernet(images), labels, label_smoothing=label_smoothing)
            value = loss.item()
            if not math.isfinite(value):
                raise FloatingPointError(f"the training loss became {value} at step {step}")
            for parameter in parameters:
                parameter.grad = None
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
            optimizer.step()
        for schedule in schedules:
            schedule.step()
        on_step(step, value)


def _optimizers(
    groups: list[dict[str, Any]], *, learning_rate: float, is_two_pass: bool
) -> list[torch.optim.Optimizer]:
    """One for everything; or one for the quantizers, then one for the weights."""
    if not is_two_pass:
        return [torch.optim.AdamW(groups, lr=learning_rate, fused=True)]
    of_quantizers = [group for group in groups if group.get("is_quantizer")]
    of_weights = [group for group in groups if not group.get("is_quantizer")]
    return [torch.optim.AdamW(part, lr=learning_rate, fused=True) for part in (of_quantizers, of_weights) if part]


def _learning_rate(step: int, steps: int, warmup: float) -> float:
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
