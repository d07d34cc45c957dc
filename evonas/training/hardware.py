"""On what supernets and networks are trained: device, number format of a GPU, torch.compile where it pays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal, Self, cast

import torch
from torch import Tensor

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig
from evonas.config.training import TrainingConfig
from evonas.errors import RunFileError
from evonas.nets.network import Network
from evonas.training.recipe import parts_of

# What torch.compile takes and saves on a core, in seconds, at the careful end of benchmarks/compile_training.py: a
# slower or busier machine is slower at both.
TAKEN_A_LAYER = 10.0
SAVED_A_NUMBER, LOST_A_LAYER = 2e-9, 2e-4  # per step; the first per number of each image that a layer reads
COMPILERS = ("g++", "clang++", "c++")


@dataclass(frozen=True)
class Hardware:
    """Where training steps run, and how.

    Attributes:
        device: torch's name for it.
        is_compiled: Whether torch.compile speeds them up.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    is_compiled: bool = False

    @classmethod
    def of(cls, config: RunConfig) -> Self:
        """That of a run file from :func:`resolve_hardware`, in which nothing is left to decide."""
        assert config.compute.device != "auto"
        return cls(config.compute.device, is_compiled=config.training.compile is True)

    @property
    def is_gpu(self) -> bool:
        """Whether it computes in bf16, over images with their channels last."""
        return self.device != "cpu"

    def compiled(self, network: Network) -> Network:
        """What to train in the place of a network: itself, or a compiled wrapper around the same parameters."""
        if not self.is_compiled:
            return network
        torch.compiler.reset()  # it compiles no more than eight variants of one function, and each network is one
        return cast("Network", torch.compile(network, dynamic=False))

    def autocast(self) -> AbstractContextManager[object]:
        """The number format of convolutions; parameters stay float32."""
        if not self.is_gpu:
            return nullcontext()
        # a training is one context, so what is cached of a parameter within one would be out of date after a step
        return torch.autocast(self.device, torch.bfloat16, cache_enabled=False)

    def moved(self, batches: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches, on the device."""
        for images, labels in batches:
            if self.is_gpu:
                yield images.to(self.device, memory_format=torch.channels_last), labels.to(self.device)
            else:
                yield images, labels


def has_gpu() -> bool:
    """Whether torch can use a GPU here."""
    return torch.cuda.is_available()


def device_of(config: RunConfig) -> Literal["cpu", "cuda"]:
    """The device that a run file names; for ``auto``, a GPU if there is one.

    Raises:
        RunFileError: A GPU is asked for, and there is none.
    """
    wanted = config.compute.device
    if wanted == "auto":
        return "cuda" if has_gpu() else "cpu"
    if wanted == "cuda" and not has_gpu():
        raise RunFileError(
            'a GPU that torch can use, for device = "cuda" under [compute]',
            found=f"none; torch {torch.__version__}",
            remedy='set device = "auto" or "cpu", or install a build of torch with CUDA',
        )
    return wanted


def resolve_hardware(config: RunConfig, architecture: Architecture, *, steps: int) -> RunConfig:
    """The run file with ``compile`` and ``device`` decided for a training of so many steps.

    What is decided depends on neither the load of the machine nor any measurement, so that a training that was
    interrupted continues as it began.

    Raises:
        RunFileError: A GPU is asked for, and there is none.
    """
    recipe, device = config.training, device_of(config)
    is_compiled = recipe.compile
    if is_compiled == "auto":
        is_compiled = has_compiler() and compile_pays(architecture, recipe, steps=steps)
    return config.model_copy(
        update={
            "training": recipe.model_copy(update={"compile": is_compiled}),
            "compute": config.compute.model_copy(update={"device": device}),
        }
    )


def compile_pays(architecture: Architecture, recipe: TrainingConfig, *, steps: int) -> bool:
    """Whether compiling saves more time than it takes, over so many steps.

    Each layer has to be compiled. In each step, a compiled layer saves some passes over the numbers that it reads; but
    layer by layer it makes what :mod:`evonas.nets.execution` makes at once.
    """
    read = [architecture.shapes[op.inputs[0]].elements for op in architecture.ops if op.kind == "conv"]
    graphs = len(parts_of(architecture, recipe, steps=steps))
    saved = SAVED_A_NUMBER * recipe.batch_size * sum(read) - LOST_A_LAYER * len(read)
    return steps * saved >= TAKEN_A_LAYER * len(read) * graphs


def has_compiler() -> bool:
    """Whether there is a C++ compiler where torch.compile looks for one."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS) if name)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: workers side by side do not fight, and sums come out the same everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
