"""What training_speed.py has either revision do, in a process of its own: one line of JSON a task, one an answer.

Revision d4520c3 had other files and names; what it needs of them stands in :class:`Old`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # the name every torch user knows

from surrogates.one_shot.score import score_network, score_subnet

RANDOM_NETWORKS = 40  # that score a supernet


class New:
    """This revision."""

    def __init__(self) -> None:
        self.genome, self.training = import_module("evonas.spaces.genome"), "evonas.training.network_training"
        self.config = import_module("evonas.config.load").RunConfig()
        self.dataset = import_module("evonas.training.datasets.dataset").load_dataset(self.config.data)
        self.batches = import_module("evonas.training.datasets.image_batches")
        self.seeding = import_module("evonas.training.generator").torch_generator

    def train(self, architecture: Any, *, seed: int, steps: int | None) -> Any:
        """A network, trained by the recipe, or for so many steps."""
        augmentation = self.batches.Augmentation.of(self.config.data)
        train_alone, recipe = import_module(self.training).train_alone, self.config.training
        images = self.dataset.train
        return train_alone(architecture, images, recipe, augmentation=augmentation, seed=seed, steps=steps)

    def supernet(self, space: Any, *, seed: int, steps: int) -> Any:
        """A supernet trained for so many steps."""
        loop, settings = import_module("evonas.training.loop"), self.config.supernet
        network = import_module("evonas.nets.network").Network(
            space.covering(), generator=self.seeding(seed, "weights")
        )
        strategy = import_module("evonas.training.strategies").single_path(space, np.random.default_rng(seed), 1)
        augmentation, generator = self.batches.Augmentation.of(self.config.data), self.seeding(seed, "batches")
        size = settings.batch_size
        batches = self.batches.image_batches(self.dataset.train, augmentation, batch_size=size, generator=generator)
        plan = loop.TrainingPlan(steps, settings.learning_rate, settings.weight_decay)
        loop.train(network, strategy, batches, plan=plan)
        return network


class Old(New):
    """Revision d4520c3."""

    def __init__(self) -> None:
        self.genome = import_module("evonas.genome")
        self.config = import_module("evonas.config").RunConfig()
        keys = ("test_share", "heldout_share", "split_seed")
        given = {key: getattr(self.config.data, key) for key in keys}
        self.dataset = import_module("evonas.training.data").load_data(self.config.data.source, **given)
        self.seeding = import_module("evonas.seeding").torch_generator

    def train(self, architecture: Any, *, seed: int, steps: int | None) -> Any:
        """See :class:`New`."""
        train_alone = import_module("evonas.training.train").train_alone
        return train_alone(architecture, self.dataset.train, self.config, seed=seed, steps=steps)

    def supernet(self, space: Any, *, seed: int, steps: int) -> Any:
        """See :class:`New`."""
        settings, data = self.config.supernet, self.config.data
        network = import_module("evonas.nets.network").Network(
            space.covering(), generator=self.seeding(seed, "weights")
        )
        batches = import_module("evonas.training.batches").batches(
            self.dataset.train,
            batch_size=settings.batch_size,
            shift=data.shift,
            flip=data.flip,
            generator=self.seeding(seed, "batches"),
        )
        import_module("surrogates.one_shot.training").train(
            network,
            import_module("evonas.strategies").single_path(space, np.random.default_rng(seed), 1),
            batches=batches,
            steps=steps,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )
        return network


class Worker:
    """Does the tasks."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.revision = Old() if find_spec("evonas.genome") else New()
        cells = import_module("evonas.spaces").CellSpace
        self.space = cells.of((1, 8, 8), 10) if hasattr(cells, "of") else cells(input_shape=(1, 8, 8), n_classes=10)
        heldout = self.revision.dataset.heldout
        self.heldout = {"images": heldout.inputs(), "labels": heldout.labels}

    def train(self, *, genome: str, seed: int, steps: int | None = None) -> dict[str, float]:
        """Train one network; process time, held-out error and loss."""
        architecture = self.space.decode(self.revision.genome.from_text(genome, self.space.genes))
        network, seconds = timed(lambda: self.revision.train(architecture, seed=seed, steps=steps))
        score = score_network(network, **self.heldout)
        return {"seconds": seconds, "error": score.error, "loss": score.loss}

    def supernet(self, *, seed: int, steps: int) -> dict[str, Any]:
        """Train a supernet; process time of that and of scoring a network, and what random networks inherit."""
        network, seconds = timed(lambda: self.revision.supernet(self.space, seed=seed, steps=steps))
        genomes = self.space.sample(np.random.default_rng(0), RANDOM_NETWORKS)
        architectures = [self.space.decode(genome) for genome in genomes]
        calibration = self.revision.dataset.train.inputs(self.revision.config.estimate.calibration_images)
        scores, scoring = timed(
            lambda: [score_subnet(network, one, calibration=calibration, **self.heldout) for one in architectures]
        )
        return {"seconds": seconds, "scoring": scoring / len(scores), "losses": [score.loss for score in scores]}

    def convolutions(self, *, genome: str, rounds: int) -> dict[str, float]:
        """Process time that the convolutions of one step of batch 64 take alone, with their gradients, in seconds."""
        architecture = self.space.decode(self.revision.genome.from_text(genome, self.space.genes))
        jobs = []
        for op in architecture.ops:
            if op.kind == "conv":
                source = architecture.shapes[op.inputs[0]]
                sides = (1, 1) if "pool" in op.steps else (source.height, source.width)
                x = torch.rand(64, source.channels, *sides).contiguous(memory_format=torch.channels_last)
                kernel = torch.rand(op.channels, source.channels // op.groups, op.kernel, op.kernel, requires_grad=True)
                jobs.append((x.requires_grad_(op.inputs[0] != "input"), kernel, op))

        def step() -> None:
            for x, kernel, op in jobs:
                padding = op.dilation * ((op.kernel - 1) // 2)
                y = F.conv2d(x, kernel, None, op.stride, padding, op.dilation, op.groups)
                torch.autograd.grad(y, [kernel, x] if x.requires_grad else [kernel], torch.ones_like(y))

        return {"seconds": min(timed(step)[1] for _ in range(rounds))}


def timed(job: Callable[[], Any]) -> tuple[Any, float]:
    """What a job gives, and its process time in seconds."""
    start = time.process_time()
    result = job()
    return result, time.process_time() - start


def main() -> None:
    """Answer until the input ends."""
    worker = Worker()
    for line in sys.stdin:
        task = json.loads(line)
        print(json.dumps(getattr(worker, task.pop("what"))(**task)), flush=True)


if __name__ == "__main__":
    main()
