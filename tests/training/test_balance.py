"""Unbalanced classes: weights and orders make every class count the same, and nothing changes where neither is set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from evonas.config.training import TrainingConfig
from evonas.nets.network import Network
from evonas.training.datasets.balance import balanced_order, calibration_inputs, class_weights, imbalance_warning
from evonas.training.datasets.dataset import Dataset, Split
from evonas.training.datasets.image_batches import Augmentation, image_batches
from evonas.training.distillation import Distilled
from evonas.training.strategies import STRATEGIES
from evonas.training.strategies.label_loss import label_loss
from evonas.training.supernet_training import build_supernet, train_supernet
from tests.support.runs import with_
from tests.support.spaces import covering
from tests.support.trainings import SPACE, config_of, few_digits, same, small_architecture, trained

WEIGHTS, SAMPLING = TrainingConfig(balance="weights"), TrainingConfig(balance="sampling")


def split_of(*counts: int, side: int = 2) -> Split:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return Split((labels[:, None, None, None] * 10).expand(-1, 1, side, side).to(torch.uint8), labels)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_weights_make_all_classes_count_the_same_and_are_one_on_average() -> None:
    split = split_of(70, 0, 5, 25)
    weights = class_weights(split, WEIGHTS)
    assert weights is not None
    each = weights[split.labels]
    assert each.mean().item() == pytest.approx(1)
    totals = [each[split.labels == label].sum().item() for label in (0, 2, 3)]
    assert totals == pytest.approx([100 / 3] * 3)
    assert class_weights(split, TrainingConfig()) is None
    assert class_weights(split, SAMPLING) is None


def test_a_weighted_loss_is_the_mean_over_images_whatever_else_is_in_the_batch() -> None:
    logits, labels = torch.randn(6, 3, generator=generator()), torch.tensor([0, 0, 1, 2, 0, 1])
    weights = torch.tensor([0.5, 1.0, 3.0])
    alone = [label_loss(logits[i : i + 1], labels[i : i + 1], label_smoothing=0.1) for i in range(6)]
    expected = sum(weights[label] * loss for label, loss in zip(labels, alone, strict=True)) / 6
    found = label_loss(logits, labels, label_smoothing=0.1, class_weights=weights)
    assert found.item() == pytest.approx(float(expected))


@pytest.mark.parametrize("name", [*STRATEGIES, "distilled"])
def test_every_strategy_weighs_its_whole_loss(name: str) -> None:
    images = few_digits()
    pixels, labels = images.inputs(16), images.labels[:16]

    def gradient(weights: Tensor | None) -> tuple[float, Tensor]:
        network = Network(covering(SPACE), generator=generator()).train()
        strategy: Any
        if name == "distilled":
            teacher = Network(covering(SPACE), generator=torch.Generator().manual_seed(5))
            teacher.activate(small_architecture())
            strategy = Distilled(small_architecture, teacher.eval(), weight=0.4, temperature=2.0, class_weights=weights)
        else:
            strategy = STRATEGIES[name](SPACE, np.random.default_rng(0), 3, class_weights=weights)
        loss = strategy.backward(network, strategy.draw(), pixels, labels)
        # the thresholds of TGA have a gradient whose size is not that of the loss
        learned = [one for name, one in network.named_parameters() if not name.endswith("ternary.logits")]
        return loss, torch.cat([one.grad.flatten() for one in learned if one.grad is not None])

    plain, before = gradient(None)
    for factor in (1.0, 2.0):
        loss, found = gradient(torch.full((10,), factor))
        assert loss == pytest.approx(factor * plain, rel=1e-5)
        torch.testing.assert_close(found, factor * before, rtol=1e-4, atol=1e-6)


def test_sampling_draws_every_class_equally_often_and_its_images_evenly() -> None:
    labels = split_of(90, 7, 3).labels
    order = balanced_order(labels, 100, generator())
    assert sorted(torch.bincount(labels[order]).tolist()) == [33, 33, 34]
    uses = torch.bincount(order, minlength=100)
    for label in range(3):
        own = uses[labels == label]
        assert own.max() - own.min() <= 1
    assert torch.equal(balanced_order(labels, 100, generator()), order)
    assert not torch.equal(balanced_order(labels, 100, torch.Generator().manual_seed(4)), order)
    assert labels[order[:30]].unique().tolist() == [0, 1, 2], "mixed, not class after class"
    draw = generator()
    more = sum(torch.bincount(labels[balanced_order(labels, 100, draw)]) for _ in range(60))
    assert (more - 2000).abs().max() <= 20, "no class is the one that gets one image more"


def test_batches_are_balanced_only_where_that_is_asked_for() -> None:
    split = split_of(60, 4, side=1)

    def labels(*, is_balanced: bool, batches: int) -> Tensor:
        drawn = image_batches(split, Augmentation(), batch_size=16, generator=generator(), is_balanced=is_balanced)
        return torch.cat([next(drawn)[1] for _ in range(batches)])

    assert torch.bincount(labels(is_balanced=True, batches=8)).tolist() == [64, 64]
    order = torch.randperm(64, generator=generator())
    assert torch.equal(labels(is_balanced=False, batches=4), split.labels[order])


def test_batch_norm_is_set_from_classes_as_networks_saw_them() -> None:
    split = split_of(60, 3)
    assert torch.equal(calibration_inputs(split, 20, WEIGHTS), split.inputs(20))
    pixels = calibration_inputs(split, 20, SAMPLING)
    assert (pixels[:, 0, 0, 0] > 0).sum() == 10
    assert torch.equal(pixels, calibration_inputs(split, 20, SAMPLING))


def test_a_training_obeys_and_its_recipe_says_so_only_if_it_is_set() -> None:
    images = few_digits().taken(np.flatnonzero((few_digits().labels < 2).numpy() | (np.arange(96) < 40)))
    networks = [
        trained(small_architecture(), images, config_of(balance=way)) for way in ("none", "weights", "sampling")
    ]
    assert not any(same(*pair) for pair in (networks[:2], networks[1:], networks[::2]))
    plain = TrainingConfig()
    for recipe in (plain.full_recipe(device="cpu"), plain.short_recipe):
        assert "balance" not in json.loads(recipe)
    assert json.loads(WEIGHTS.full_recipe(device="cpu"))["balance"] == "weights"
    assert json.loads(SAMPLING.short_recipe)["balance"] == "sampling"


def test_a_supernet_obeys_too(tmp_path: Path) -> None:
    images = few_digits().taken(np.flatnonzero((few_digits().labels < 2).numpy() | (np.arange(96) < 40)))
    networks = []
    for way in ("none", "weights", "sampling"):
        config = with_(config_of(balance=way), "supernet", steps=2, batch_size=32)
        networks.append(build_supernet(config, SPACE))
        dataset = Dataset(images, images, images, tuple("0123456789"))
        train_supernet(networks[-1], dataset, config, space=SPACE, device="cpu", checkpoint=tmp_path / way)
    assert not any(same(*pair) for pair in (networks[:2], networks[1:], networks[::2]))


def test_very_unbalanced_images_are_told_where_nothing_is_done_about_them() -> None:
    few, some = (Dataset(split, split, split, ("noise", "wake")) for split in (split_of(110, 10), split_of(100, 10)))
    told = imbalance_warning(few, TrainingConfig(), quality="error")
    assert told is not None
    assert "'noise' has 110 training images, 'wake' has 10" in told
    assert 'balance = "weights"' in told
    assert imbalance_warning(some, TrainingConfig(), quality="error") is None
    assert imbalance_warning(few, WEIGHTS, quality="error") is None
    assert imbalance_warning(few, TrainingConfig(), quality="macro_f1_error") is None
