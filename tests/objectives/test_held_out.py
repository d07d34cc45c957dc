"""What counts as error: scikit-learn's measures from one confusion matrix, what guessing reaches, how finely."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

from objectives import QUALITIES
from objectives.held_out import effective_images, guessing, quality_among, quality_value
from surrogates.one_shot.score import score_network


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")
@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_quality_measures_are_those_of_scikit_learn(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    for n in (1, 5, 40, 300):  # of few images, some classes are absent, or never predicted, or both
        labels, predicted = rng.integers(n_classes, size=(2, n)) // rng.integers(1, 3, size=(2, 1))
        counts = confusion_matrix(labels, predicted, labels=range(n_classes)).tolist()
        assert quality_value("error", counts) == int((labels != predicted).sum()) / n
        assert quality_value("balanced_error", counts) == pytest.approx(1 - balanced_accuracy_score(labels, predicted))
        macro = f1_score(labels, predicted, average="macro", zero_division=0)
        assert quality_value("macro_f1_error", counts) == pytest.approx(1 - macro)


@pytest.mark.parametrize("batch_size", [7, 512])
def test_a_score_counts_what_every_image_was_taken_for(batch_size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(100, 4, generator=generator), torch.randint(4, (100,), generator=generator)
    score = score_network(lambda part: part, images=images, labels=labels, batch_size=batch_size)
    predicted = images.argmax(dim=1)
    assert score.confusion == tuple(map(tuple, confusion_matrix(labels, predicted, labels=range(4)).tolist()))
    assert score.error == int((predicted != labels).sum()) / 100 == quality_value("error", score.confusion)


@pytest.mark.parametrize("images", [[30, 30, 30], [300, 30, 6], [3, 3000]])
def test_guessing_is_what_no_network_must_do_worse(images: list[int]) -> None:
    n_classes = len(images)
    constant = [[n if column == images.index(max(images)) else 0 for column in range(n_classes)] for n in images]
    scaled = [n_classes * n for n in images]  # so that any class equally likely comes out whole
    uniform = [[n] * n_classes for n in images]
    best = min(quality_value("macro_f1_error", one) for one in (constant, uniform))
    assert guessing("macro_f1_error", scaled) == pytest.approx(best)
    assert guessing("macro_f1_error", images) == pytest.approx(best)
    for counts in (constant, uniform):
        assert guessing("balanced_error", images) == pytest.approx(quality_value("balanced_error", counts))
    assert guessing("error", images) == 1 - 1 / n_classes


def test_few_images_of_one_class_make_a_mean_over_classes_coarse() -> None:
    for name in QUALITIES:
        assert effective_images(name, [40, 40, 40]) == 120
    assert effective_images("error", [400, 4]) == 404
    assert effective_images("balanced_error", [400, 0, 4]) == effective_images("macro_f1_error", [400, 4])
    rng, images, rate = np.random.default_rng(0), np.array([400, 50, 20]), 0.3
    errors = (rng.binomial(images, rate, size=(20_000, 3)) / images).mean(axis=1)
    n = effective_images("balanced_error", images.tolist())
    assert errors.var() == pytest.approx(rate * (1 - rate) / n, rel=0.05)


def test_the_first_that_is_named_counts() -> None:
    assert quality_among(["model_size", "balanced_error", "error"]) == "balanced_error"
    assert quality_among(["model_size"]) is None
