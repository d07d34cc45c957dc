"""Training of one network: every key of the recipe has its effect, and an interruption none."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig, parse_config
from evonas.config.training import OF_FULL_TRAININGS, WITHOUT_EFFECT, TrainingConfig
from evonas.errors import EvaluationError, RunFileError, RunFolderError
from evonas.nets.network import Network
from evonas.spaces import CellSpace
from evonas.training import network_training as module
from evonas.training.datasets.dataset import Data, Split, load_dataset
from evonas.training.datasets.image_batches import batches
from evonas.training.distillation import Distilled
from evonas.training.hardware import Hardware, compile_pays, has_compiler, resolve_hardware
from evonas.training.network_training import n_updates, train_alone, train_in_full
from evonas.training.recipe import in_full_precision, stages, with_float_weights
from evonas.training.single_path import SinglePath
from evonas.training.tensorboard import scalar_log

SPACE = CellSpace.of(
    (1, 8, 8),
    10,
    cells=("normal",),
    nodes=1,
    channels=2,
    stem_channels=4,
    ops=("conv_3x3",),
    weight_precisions=("ternary", "binary"),
    act_precisions=("2-bit", "binary"),
)
STEPS = 12


@pytest.fixture(scope="module")
def data() -> Data:
    return load_dataset(parse_config({}, source="tests"))


@pytest.fixture(scope="module")
def images(data: Data) -> Split:
    return data.train.taken(np.arange(96))


@pytest.fixture(scope="module")
def architecture() -> Architecture:
    return SPACE.decode(SPACE.sample(np.random.default_rng(2), 1)[0])


@pytest.fixture(scope="module")
def teacher(architecture: Architecture) -> Network:
    return Network([in_full_precision(architecture)], generator=torch.Generator().manual_seed(7)).eval()


def config_of(**training: Any) -> RunConfig:
    recipe = {"epochs": 4, "batch_size": 32, **training}  # 12 updates over 96 images
    return parse_config({"training": recipe, "compute": {"device": "cpu"}}, source="tests")


def same(one: Network, other: Network) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "epochs": ({}, {"epochs": 5}),
    "batch_size": ({}, {"batch_size": 24}),
    "optimizer": ({}, {"optimizer": "sgd"}),
    "momentum": ({"optimizer": "sgd"}, {"momentum": 0.5}),
    "nesterov": ({"optimizer": "sgd"}, {"nesterov": False}),
    "learning_rate": ({}, {"learning_rate": 0.02}),
    "schedule": ({}, {"schedule": "one-cycle"}),
    "weight_decay": ({}, {"weight_decay": 0.1}),
    "two_stage": ({}, {"two_stage": 0.5}),
    "label_smoothing": ({}, {"label_smoothing": 0.2}),
    "cutout": ({}, {"cutout": 3}),
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
        train_alone(architecture, images, config, seed=0, teacher=teacher if config.training.distillation else None)
        for config in (config_of(**base), config_of(**{**base, **change}))
    ]
    assert not same(*results)


def test_every_key_but_the_log_is_part_of_what_identifies_a_training() -> None:
    plain = config_of().training
    for key, (base, change) in CHANGES.items():
        before, other = config_of(**base).training, config_of(**{**base, **change}).training
        assert other.full_recipe(device="cpu") != before.full_recipe(device="cpu"), key
        assert (other.brief_recipe == before.brief_recipe) == (key in OF_FULL_TRAININGS), key
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
        {"optimizer": "sgd", "schedule": "one-cycle", "cutout": 3},
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
    config, file = config_of(**recipe), tmp_path / "unfinished.safetensors"
    teaching = teacher if "distillation" in recipe else None
    whole = train_alone(architecture, images, config, seed=0, teacher=teaching)
    for n in (4, 9):  # before and after the second stage begins
        with monkeypatch.context() as patch:
            patch.setattr(module, "run_batches", interrupted_after(n))
            with pytest.raises(KeyboardInterrupt):
                train_alone(architecture, images, config, seed=0, teacher=teaching, checkpoint=file)
    assert file.is_file()
    assert same(train_alone(architecture, images, config, seed=0, teacher=teaching, checkpoint=file), whole)


def test_trouble_in_training_is_told_as_a_users_error(
    images: Split, architecture: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EvaluationError, match="lower learning_rate"):
        train_in_full(architecture, images, config_of(learning_rate=1e30), seed=0)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"no")
    with pytest.raises(RunFolderError, match="delete that file"):
        train_in_full(architecture, images, config_of(), seed=0, checkpoint=damaged)

    def fails(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("g++: not found\nand more")

    monkeypatch.setattr(torch, "compile", fails)
    with pytest.raises(EvaluationError, match=r"g\+\+: not found\nto do:  set compile = false"):
        train_in_full(architecture, images, config_of(compile=True), seed=0)


# Distillation


def test_distillation_is_hinton_s_formula(images: Split, architecture: Architecture, teacher: Network) -> None:
    student = Network([architecture], generator=torch.Generator().manual_seed(0))
    pixels, labels = images.pixels(32), images.labels[:32]

    def loss(weight: float) -> float:
        step = Distilled(lambda: [architecture], teacher, weight=weight, temperature=3.0)
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
    step = Distilled(lambda: [architecture], student, weight=1.0, temperature=4.0)
    assert abs(step.backward(student, step.draw(), images.pixels(32), images.labels[:32])) < 1e-5
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


def test_two_stages_share_the_updates_and_weights_stay_float_in_the_first(architecture: Architecture) -> None:
    (first, n_first), (second, n_second) = stages(architecture, config_of(two_stage=0.25).training, steps=100)
    assert (n_first, n_second) == (25, 75)
    assert second == architecture
    assert all(op.weight.is_float for op in first.ops)
    assert [op.act for op in first.ops] == [op.act for op in architecture.ops]
    assert stages(architecture, config_of().training, steps=100) == [(architecture, 100)]


def test_in_the_first_stage_no_weight_is_quantized(
    images: Split, architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Architecture] = []
    activate = Network.activate

    def watched(network: Network, path: Any) -> None:
        seen.append(path)
        activate(network, path)

    monkeypatch.setattr(Network, "activate", watched)
    network = train_alone(architecture, images, config_of(two_stage=0.5), seed=0)
    relaxed = with_float_weights(architecture)
    assert [path == relaxed for path in seen[1 : STEPS + 1]] == [True] * 6 + [False] * 6
    assert network.active == architecture


# Augmentation


def test_cutout_makes_one_square_black_at_most_of_that_side(data: Data) -> None:
    white = Split(torch.full((400, 2, 9, 7), 255, dtype=torch.uint8), torch.zeros(400, dtype=torch.int64))
    stream = batches(white, batch_size=400, shift=0, flip=False, generator=torch.Generator().manual_seed(0), cutout=4)
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


# Hardware


def test_compiling_is_decided_by_the_work_alone(architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = config_of().training
    lengths = [10, 100, 1_000, 10_000, 100_000, 1_000_000]
    paying = [compile_pays(architecture, recipe, steps=steps) for steps in lengths]
    assert paying == sorted(paying)
    assert (paying[0], paying[-1]) == (False, True)
    turn = lengths[paying.index(True)]
    assert not all(compile_pays(architecture, config_of(two_stage=0.5).training, steps=turn // k) for k in (1, 10))
    auto = config_of(compile="auto")
    monkeypatch.setattr("evonas.training.hardware.has_compiler", lambda: True)
    assert resolve_hardware(auto, architecture, steps=1_000_000).training.compile is True
    assert resolve_hardware(auto, architecture, steps=10).training.compile is False
    monkeypatch.setattr("evonas.training.hardware.has_compiler", lambda: False)
    assert resolve_hardware(auto, architecture, steps=1_000_000).training.compile is False
    assert resolve_hardware(config_of(compile=True), architecture, steps=10).training.compile is True


def test_larger_images_pay_earlier() -> None:
    small, large = (
        space.decode(space.sample(np.random.default_rng(0), 1)[0])
        for space in (CellSpace.of((3, 8, 8), 10), CellSpace.of((3, 32, 32), 10))
    )
    recipe, steps = config_of().training, 5_000
    assert (compile_pays(small, recipe, steps=steps), compile_pays(large, recipe, steps=steps)) == (False, True)


def test_a_compiler_is_looked_for_where_torch_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert not has_compiler()
    mine = tmp_path / "mine"
    mine.write_text("")
    mine.chmod(0o755)
    monkeypatch.setenv("CXX", str(mine))
    assert has_compiler()


def test_a_compiled_training_leaves_a_plain_network(
    images: Split, architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def spy(network: Network, **options: Any) -> Network:
        compiled.append((network, options))
        return network

    monkeypatch.setattr(torch, "compile", spy)
    network = train_in_full(architecture, images, config_of(compile=True), seed=0)
    assert compiled == [(network, {"dynamic": False})]
    assert same(network, train_in_full(architecture, images, config_of(), seed=0))


def test_a_gpu_that_is_not_there_is_refused(architecture: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    wanted = parse_config({"compute": {"device": "cuda"}}, source="tests")
    with pytest.raises(RunFileError, match="a GPU that torch can use"):
        resolve_hardware(wanted, architecture, steps=10)
    assert resolve_hardware(parse_config({}, source="tests"), architecture, steps=10).compute.device == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_hardware(parse_config({}, source="tests"), architecture, steps=10).compute.device == "cuda"


def test_a_gpu_s_number_format_still_learns_and_leaves_float32(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    space = CellSpace.of((1, 8, 8), 10)
    architecture = space.decode(space.sample(np.random.default_rng(4), 1)[0])
    monkeypatch.setattr(Hardware, "is_gpu", True)  # bf16 and channels last, on the CPU
    images, labels = next(iter(Hardware().moved([(torch.zeros(2, 3, 4, 4), torch.zeros(2))])))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert len(labels) == 2
    with Hardware().autocast():
        assert F.conv2d(torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)).dtype == torch.bfloat16
    network = train_alone(architecture, data.train, config_of(batch_size=64), seed=0, steps=60)
    assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())
    error = (network(data.heldout.pixels()).argmax(dim=1) != data.heldout.labels).float().mean()
    assert float(error) < 0.5  # chance is 0.9


# Log


def test_the_log_has_loss_and_learning_rate_of_every_update(
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
    logged = train_alone(architecture, images, config_of(), seed=0, log=tmp_path)
    assert same(logged, train_alone(architecture, images, config_of(), seed=0))
    losses = [(step, value) for name, value, step in scalars if name == "loss"]
    rates = [value for name, value, _ in scalars if name == "learning rate"]
    assert [step for step, _ in losses] == list(range(1, STEPS + 1))
    assert max(rates) == pytest.approx(0.01)
    assert rates[-1] < 0.001
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
    assert [n_updates(config, n) for n in (10, 32, 95, 96)] == [3, 3, 6, 9]
