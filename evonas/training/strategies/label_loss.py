"""The losses of a batch: cross-entropy with labels, distance to a teacher; by class weights where there are some."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  # the name every torch user knows
from torch import Tensor


def label_loss(
    logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy in nats.

    With weights, the mean over the images of ``w[label] * cross-entropy``. torch's own ``weight`` would divide by the
    batch's weights, so that an image counts less beside one of a rare class, and smooth labels by them, too.

    Args:
        logits: ``(n, classes)``.
        labels: ``(n,)``.
        label_smoothing: Share of the target spread over all classes.
        class_weights: What an image counts, by its label; None: all alike.
    """
    if class_weights is None:
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    each = F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
    return (class_weights.to(labels.device)[labels] * each).mean()


def teacher_distance(student: Tensor, teacher: Tensor, labels: Tensor, *, class_weights: Tensor | None) -> Tensor:
    """Mean over the images of ``KL(teacher || student)``, from logarithms of probabilities ``(n, classes)``."""
    if class_weights is None:
        return F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    each = F.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=1)
    return (class_weights.to(labels.device)[labels] * each).mean()
