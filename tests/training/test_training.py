"""Training of one network: every key of the recipe has its effect, and an interruption none."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from evonas.architecture.graph import Architecture
from evonas.config.training import OF_FULL_TRAININGS, WITHOUT_EFFECT, TrainingConfig
from evonas.errors import EvaluationError, RunFileError, RunFolderError
from evonas.nets.network import Network
from evonas.spaces import CellSpace
from evonas.training import loop
from evonas.training import network_training as module
from evonas.training.datasets.dataset import Split
from evonas.training.datasets.image_batches import Augmentation, image_batches
from evonas.training.distillation import Distilled
from evonas.training.network_training import TrainingExtras, n_steps, train_in_full
from evonas.training.recipe import in_full_precision, parts_of, with_float_weights
from evonas.training.strategies.single_path import SinglePath
from evonas.training.tensorboard import scalar_log
from tests.support.runs import interrupted_after, with_
from tests.support.trainings import STEPS, config_of, few_digits, same, small_architecture, trained


@pytest.fixture(scope="module")
def images() -> Split:
    return few_digits()


@pytest.fixture(scope="module")
def architecture() -> Architecture:
    return small_architecture()


@pytest.fixture(scope="module")
def teacher(architecture: Architecture) -> Network:
    return Network([in_full_precision(architecture)], generator=torch.Generator().manual_seed(7)).eval()


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "epochs": ({}, {"epochs": 5}),
    "batch_size": ({}, {"batch_size": 24}),
    "optimizer": ({}, {"optimizer": "sgd"}),
    "momentum": ({"optimizer": "sgd"}, {"momentum": 0.5}),
    "nesterov": ({"optimizer": "sgd"}, {"nesterov": False}),
    "learning_rate": ({}, {"learning_rate": 0.02}),
    "schedule": ({}, {"schedule": "cosine"}),
    "weight_decay": ({}, {"weight_decay": 0.1}),
    "two_stage": ({}, {"two_stage": 0.5}),
    "label_smoothing": ({}, {"label_smoothing": 0.2}),
    "cutout": ({}, {"cutout": 3}),
    "balance": ({}, {"balance": "sampling"}),
    "calibration_images": ({}, {"calibration_images": 40}),
    "distillation": ({"distillation": 0.5}, {"distillation": 0.9}),
    "temperature": ({"distillation": 0.5}, {"temperature": 2.0}),
}


def test_every_key_is_tested() -> None:
    elsewhere = {"initial_weights", "compile", "tensorboard"}
    assert set(CHANGES) | elsewhere == set(TrainingConfig.model_fields)


@pytest.mark.parametrize("key", CHANGES)
def test_every_key_of_the_recipe_has_an_effect(
    images: Split, architecture: Architecture, teacher: Network, key: str
) -> None:
    base, change = CHANGES[key]
    results = [
        trained(architecture, images, config, teacher=teacher if config.training.distillation else None)
        for config in (config_of(**base), config_of(**{**base, **change}))
    ]
    assert not same(*results)


def test_every_key_but_the_log_is_part_of_what_identifies_a_training() -> None:
    plain = config_of().training
    for key, (base, change) in CHANGES.items():
        before, other = config_of(**base).training, config_of(**{**base, **change}).training
        assert other.full_recipe(device="cpu") != before.full_recipe(device="cpu"), key
        assert (other.short_recipe == before.short_recipe) == (key in OF_FULL_TRAININGS), key
        if base:  # what does nothing makes no other training
            assert config_of(**change).training.full_recipe() == plain.full_recipe() or key == "distillation", key
    assert plain.full_recipe(device="cuda") != plain.full_recipe(device="cpu")
    logged = config_of(tensorboard=True).training
    assert logged.full_recipe(device="cpu") == plain.full_recipe(device="cpu")
    assert set(OF_FULL_TRAININGS) | set(WITHOUT_EFFECT) < set(TrainingConfig.model_fields)


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"optimizer": "sgd", "schedule": "cosine", "cutout": 3},
        {"optimizer": "sgd", "momentum": 0, "nesterov": False},
        {"two_stage": 0.5},
        {"distillation": 0.5},
    ],
)
def test_an_interrupted_training_ends_as_if_it_had_never_stopped(
    images: Split,
    architecture: Architecture,
    teacher: Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recipe: dict[str, Any],
) -> None:
    monkeypatch.setattr(loop, "MIN_INTERVAL", 1)
    config, file = config_of(**recipe), tmp_path / "unfinished.safetensors"
    teaching = teacher if "distillation" in recipe else None
    whole = trained(architecture, images, config, teacher=teaching)
    for n in (4, 9):  # before and after the second stage begins
        with monkeypatch.context() as patch:
            patch.setattr(module, "image_batches", interrupted_after(n))
            with pytest.raises(KeyboardInterrupt):
                trained(architecture, images, config, teacher=teaching, checkpoint=file)
    assert file.is_file()
    assert same(trained(architecture, images, config, teacher=teaching, checkpoint=file), whole)


def test_trouble_in_training_is_told_as_a_users_error(
    images: Split, architecture: Architecture, tmp_path: Path
) -> None:
    with pytest.raises(EvaluationError, match="lower learning_rate"):
        train_in_full(architecture, images, with_(config_of(), "training", learning_rate=1e30), seed=0)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no")
    with pytest.raises(RunFolderError, match="delete that file"):
        train_in_full(architecture, images, config_of(), seed=0, extras=TrainingExtras(checkpoint=damaged))


def test_what_torch_compile_cannot_do_is_told_and_other_trouble_passes(
    images: Split, architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._dynamo.exc import TorchDynamoException  # takes a second to load

    trouble: list[RuntimeError] = [TorchDynamoException("g++: not found\nand more"), RuntimeError("out of memory")]

    def fails(*args: Any, **kwargs: Any) -> None:
        raise trouble.pop(0)

    monkeypatch.setattr(torch, "compile", fails)
    with pytest.raises(EvaluationError, match=r"g\+\+: not found\nto do:  set compile = false"):
        train_in_full(architecture, images, config_of(compile=True), seed=0)
    with pytest.raises(RuntimeError, match="out of memory"):
        train_in_full(architecture, images, config_of(compile=True), seed=0)


# Distillation


def test_distillation_is_hinton_s_formula(images: Split, architecture: Architecture, teacher: Network) -> None:
    student = Network([architecture], generator=torch.Generator().manual_seed(0))
    pixels, labels = images.inputs(32), images.labels[:32]

    def loss(weight: float) -> float:
        step = Distilled(lambda: architecture, teacher, weight=weight, temperature=3.0)
        return step.backward(student, step.draw(), pixels, labels)

    plain = SinglePath(lambda: architecture)
    assert loss(0.0) == pytest.approx(plain.backward(student, plain.draw(), pixels, labels))
    with torch.no_grad():
        said, target = ((logits / 3).softmax(dim=1) for logits in (student(pixels), teacher(pixels)))
    distance = 9 * float((target * (target / said).log()).sum(dim=1).mean())
    assert loss(1.0) == pytest.approx(distance, rel=1e-5)
    assert loss(0.25) == pytest.approx(0.75 * loss(0.0) + 0.25 * distance, rel=1e-5)
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_network_is_at_no_distance_from_itself(images: Split, architecture: Architecture) -> None:
    student = Network([architecture], generator=torch.Generator().manual_seed(0))
    step = Distilled(lambda: architecture, student, weight=1.0, temperature=4.0)
    assert abs(step.backward(student, step.draw(), images.inputs(32), images.labels[:32])) < 1e-5
    largest = max(float(p.grad.abs().max()) for p in student.parameters() if p.grad is not None)
    assert largest < 1e-5


def test_the_twin_quantizes_nothing_and_is_shaped_alike(architecture: Architecture) -> None:
    twin = in_full_precision(architecture)
    network = Network([twin], generator=torch.Generator())
    assert not any("quantizers." in name for name, _ in network.named_parameters())
    assert twin.shapes == architecture.shapes
    recipe = config_of(distillation=0.5, two_stage=0.5, temperature=2, initial_weights="inherited", cutout=2).training
    assert recipe.of_twin() == config_of(cutout=2).training


# Two stages


def test_two_stages_share_the_steps_and_weights_stay_float_in_the_first(architecture: Architecture) -> None:
    (first, n_first), (second, n_second) = parts_of(architecture, config_of(two_stage=0.25).training, steps=100)
    assert (n_first, n_second) == (25, 75)
    assert second == architecture
    assert all(op.weight.is_float for op in first.ops)
    assert [op.act for op in first.ops] == [op.act for op in architecture.ops]
    assert parts_of(architecture, config_of().training, steps=100) == [(architecture, 100)]


def test_in_the_first_stage_no_weight_is_quantized(
    images: Split, architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Architecture] = []
    activate = Network.activate

    def watched(network: Network, path: Any) -> None:
        seen.append(path)
        activate(network, path)

    monkeypatch.setattr(Network, "activate", watched)
    network = trained(architecture, images, config_of(two_stage=0.5))
    relaxed = with_float_weights(architecture)
    assert [path == relaxed for path in seen[1 : STEPS + 1]] == [True] * 6 + [False] * 6
    assert network.active == architecture


# Augmentation


def test_cutout_makes_one_square_black_at_most_of_that_side() -> None:
    white = Split(torch.full((400, 2, 9, 7), 255, dtype=torch.uint8), torch.zeros(400, dtype=torch.int64))
    generator = torch.Generator().manual_seed(0)
    stream = image_batches(white, Augmentation(cutout=4), batch_size=400, generator=generator)
    pixels, _ = next(stream)
    black = pixels == 0
    assert torch.equal(black[:, 0], black[:, 1])
    rows, columns = black[:, 0].any(dim=2), black[:, 0].any(dim=1)
    assert torch.equal(black[:, 0], rows[:, :, None] & columns[:, None, :])  # it is a rectangle
    assert int(rows.sum(dim=1).max()) == int(columns.sum(dim=1).max()) == 4
    assert int(rows.sum(dim=1).min()) >= 2  # half a side at least is inside
    assert bool((black.float().mean(dim=0) > 0).all())  # anywhere
    runs = (rows[:, 1:] != rows[:, :-1]).sum(dim=1)
    assert int(runs.max()) <= 2  # in one piece


# Log


def test_the_log_has_loss_and_learning_rate_of_every_step(
    images: Split, architecture: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scalars: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path)

        def __enter__(self) -> Writer:
            return self

        def __exit__(self, *error: object) -> None:
            scalars.append(("closed", 0.0, 0))

        def add_scalar(self, name: str, value: float, step: int) -> None:
            scalars.append((name, value, step))

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))  # type: ignore[arg-type]
    monkeypatch.setattr(torch.utils, "tensorboard", None, raising=False)
    logged = trained(architecture, images, config_of(), log=tmp_path)
    assert same(logged, trained(architecture, images, config_of()))
    losses = [(step, value) for name, value, step in scalars if name == "loss"]
    rates = [value for name, value, _ in scalars if name == "learning rate"]
    assert [step for step, _ in losses] == list(range(1, STEPS + 1))
    assert max(rates) == pytest.approx(config_of().training.learning_rate)
    assert rates[-1] < max(rates) / 10
    assert scalars[-1][0] == "closed"


def test_without_its_package_the_log_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # type: ignore[arg-type]
    with (
        pytest.raises(RunFileError, match=r"pip install evonas\[tensorboard\]"),
        scalar_log(tmp_path, learning_rate=lambda done: 0.0),
    ):
        pass


def test_passes_are_counted_in_whole_batches() -> None:
    config = config_of(epochs=3, batch_size=32)
    assert [n_steps(config.training, n) for n in (10, 32, 95, 96)] == [3, 3, 6, 9]


@pytest.mark.parametrize("precision", ["binary", "ternary", "2-bit", "4-bit", "8-bit", "float"])
def test_a_step_leaves_nothing_in_memory(images: Split, monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """A node of autograd's graph that keeps an output of its own is never freed, and no collector sees why."""
    space = CellSpace.of(
        (1, 8, 8),
        10,
        cells=("normal",),
        nodes=2,
        channels=4,
        ops=("conv_3x3", "conv_1x1"),
        weight_precisions=(precision,),
        act_precisions=("2-bit" if precision == "float" else precision,),
    )
    alive: dict[int, int] = {}

    def count(step: int, loss: float) -> None:
        del loss
        if step in (4, STEPS):
            alive[step] = sum(isinstance(one, torch.Tensor) for one in gc.get_objects())

    train = module.train
    monkeypatch.setattr(module, "train", lambda *given, **named: train(*given, **{**named, "on_step": count}))
    trained(space.decode(space.sample(np.random.default_rng(0), 1)[0]), images, config_of())
    assert alive[4] == alive[STEPS]
