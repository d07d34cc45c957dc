"""How the active architecture of a network is run: what is left of its graph, and its layers' parts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from evonas.architecture.graph import INPUT, Architecture
from evonas.architecture.precision import FLOAT, Precision
from evonas.nets.execution.memory import keep_freed_memory
from evonas.nets.execution.operations import run_op
from evonas.nets.execution.parts import PartMaker, Recipe
from evonas.nets.execution.pools import box_mean, is_box
from evonas.nets.execution.simplify import simplified
from evonas.nets.layer import UNPREPARED, QuantLayer
from evonas.nets.quant.stream import Stream


class Plan:
    """Runs one architecture; made once, and again for the next architecture.

    Args:
        architecture: What to run.
        layers: The network's layers by name; parameters are read anew at every run.
        stream: What rounds tensors between layers; None where none are rounded.
        norms: To what norms are rounded.
    """

    def __init__(
        self, architecture: Architecture, layers: nn.ModuleDict, stream: Stream | None, norms: Precision = FLOAT
    ) -> None:
        keep_freed_memory()
        self.steps = simplified(architecture)
        self.stream, self.precision, self.norms = stream, architecture.stream, norms
        self.layers: dict[str, QuantLayer] = {}
        recipes: dict[str, Recipe] = {}
        for step in self.steps:
            if step.op.kind == "conv":
                layer = layers[step.op.name]
                assert isinstance(layer, QuantLayer)
                self.layers[step.op.name] = layer
                source = architecture.shapes[step.op.inputs[0]]
                recipe = Recipe.of(layer, step.op, replace(source, segments=step.segments))
                if recipe is not None:
                    recipes[step.op.name] = recipe
        self.prepared = tuple(recipes)
        self.make = PartMaker(tuple(recipes.values()))

    def __call__(self, images: Tensor) -> Tensor:
        """Logits ``(n, classes)`` of images ``(n, channels, height, width)``."""
        y, parts = images, dict(zip(self.prepared, self.make(), strict=True))
        tensors = {INPUT: channels_last(images)}
        for op, segments, is_rounded in self.steps:
            if op.kind == "conv":
                made = parts.get(op.name, UNPREPARED)
                y = self.layers[op.name](tensors[op.inputs[0]], op, segments, parts=made, norms=self.norms)
            elif is_box(op):
                y = box_mean(tensors[op.inputs[0]])
            else:
                y = run_op(op, [tensors[name] for name in op.inputs], segments)
            if is_rounded and self.stream is not None:
                y = self.stream(y, self.precision)
            tensors[op.name] = y
        return y.flatten(1)


def channels_last(images: Tensor) -> Tensor:
    """The same images, the channels of a pixel side by side: pools and norms over these are several times faster."""
    images = images.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = images.shape
    if channels > 1:
        return images
    # one channel lies the same either way; what a convolution makes of it depends on what the strides say
    return images.as_strided(images.shape, (height * width, 1, width, 1))
