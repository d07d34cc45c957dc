"""What a network gets wrong on held-out images, by image or by class, and how that is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from objectives.objective import Objective

ERROR = Objective(name="error", unit="share", title="held-out error", is_log=False)
"""Share of held-out images that a network gets wrong once the recipe under [training] has trained it."""

BALANCED_ERROR = Objective(name="balanced_error", unit="share", title="held-out balanced error", is_log=False)
"""1 minus the mean recall over the classes, on held-out images, once the recipe under [training] has trained it."""

MACRO_F1_ERROR = Objective(name="macro_f1_error", unit="share", title="held-out macro F1 error", is_log=False)
"""1 minus the mean F1 over the classes, on held-out images, once the recipe under [training] has trained it."""

QUALITIES: dict[str, Objective] = {one.name: one for one in (ERROR, BALANCED_ERROR, MACRO_F1_ERROR)}
"""What counts as error. A run of networks has exactly one of them: its quality measure."""

COMPLEMENTS = {"error": "accuracy", "balanced_error": "balanced accuracy", "macro_f1_error": "macro F1"}
"""What 1 minus a quality measure is called."""

Confusion = Sequence[Sequence[int]]
"""How many images of each class, by row, were taken for each class, by column: ``(n_classes, n_classes)``."""


def quality_among(names: Iterable[str]) -> str | None:
    """The first name that is a quality measure's; None if none is."""
    return next((name for name in names if name in QUALITIES), None)


def quality_value(name: str, confusion: Confusion) -> float:
    """A quality measure from a confusion matrix of at least one image, 0–1.

    ``error`` is what is off the diagonal over all. ``balanced_error`` is 1 minus the mean recall over the classes that
    have images. ``macro_f1_error`` is 1 minus the mean, over the classes that have images or were predicted, of
    ``F1 = 2 * right / (images + predictions)``: 0 for a class that was predicted and has no images. These are the
    conventions of scikit-learn's ``balanced_accuracy_score`` and ``f1_score(average="macro")``.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    right, images, predictions = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    if name == "error":
        n = int(counts.sum())
        return (n - int(right.sum())) / n
    if name == "balanced_error":
        is_there = images > 0
        return float(1 - (right[is_there] / images[is_there]).mean())
    assert name == "macro_f1_error", name
    is_known = images + predictions > 0
    return float(1 - (2 * right[is_known] / (images + predictions)[is_known]).mean())


def guessing(name: str, images: Sequence[int]) -> float:
    """What guessing reaches, by a quality measure.

    Of ``error`` and ``balanced_error`` 1 - 1/C for C classes. Of ``macro_f1_error`` 1 minus the better of two: always
    the class with the largest share p of the images, ``2p / (1 + p) / C``; or any class equally likely, the mean over
    the classes of ``2 p_c / (1 + C p_c)``.

    Args:
        name: Of the measure.
        images: Held-out images of each class.
    """
    n_classes = len(images)
    if name != "macro_f1_error":
        return 1 - 1 / n_classes
    shares = np.asarray(images, dtype=float) / sum(images)
    constant = float((2 * shares / (1 + shares)).max()) / n_classes
    uniform = float((2 * shares / (1 + n_classes * shares)).mean())
    return 1 - max(constant, uniform)


def effective_images(name: str, images: Sequence[int]) -> int:
    """How many images of balanced classes would measure a quality as finely.

    The variance of an error over n images is ``e (1 - e) / n``; that of a mean of recalls over C classes, each as
    often wrong, is ``e (1 - e)`` times the mean of ``1 / n_c`` over C. So n images count as ``C / mean(1 / n_c)``: as
    all of them where classes are balanced, and no more than C * C times the smallest class. The mean F1 is taken to
    vary as much as the mean recall. Classes without images do not count.

    Args:
        name: Of the measure.
        images: Held-out images of each class, at least one.
    """
    if name == "error":
        return sum(images)
    counts: NDArray[np.float64] = np.array([n for n in images if n], dtype=float)
    return max(1, round(len(counts) / float((1 / counts).mean())))


class Fidelity(StrEnum):
    """How the error of a network is known, the cheapest way first."""

    INHERITED = "inherited"
    """Estimated from what it scores with the supernet's weights."""
    BRIEF = "brief"
    """Estimated from a short training of its own, from random weights."""
    TRAINED = "trained"
    """Measured: it was trained by the whole recipe."""
    LOOKED_UP = "looked_up"
    """Read from a table, or computed by a formula."""

    @property
    def is_measured(self) -> bool:
        """Whether the error is what it stands for; if not, it is an estimate of that, with an interval."""
        return self in (Fidelity.TRAINED, Fidelity.LOOKED_UP)
