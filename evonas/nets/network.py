"""A network that executes architectures: one of them alone, or a whole search space's as a supernet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from evonas.architecture.graph import INPUT, Architecture, Op, Shape
from evonas.architecture.precision import EIGHT_BIT, FLOAT, Precision
from evonas.errors import GenomeError
from evonas.nets.distributed import is_grouped
from evonas.nets.execution.operations import run_op
from evonas.nets.execution.plan import Plan
from evonas.nets.layer import QuantLayer
from evonas.nets.mixed_path import UNMIXED, LayerBlends, MixedPath, SupernetPath
from evonas.nets.quant.stream import Stream

MEASURED = 256  # images that set the range of tensors between layers


def unchanged(architecture: Architecture) -> Architecture:
    """The architecture itself."""
    return architecture


class Network(nn.Module):
    """Holds the weighted layers of one or several architectures and runs the active one.

    Built for one architecture it is a stand-alone network. Built for architectures that cover a search space it is a
    supernet: operations of the same name share one latent kernel, of the largest width any of them has.

    Args:
        architectures: What it must be able to run, at the largest widths and in every precision, of one scheme; the
            first one starts active.
        generator: Draws the initial weights.
        rewrite: Maps each given architecture to the one that is run instead, such as one with partial channels.

    Attributes:
        rounds_norms: Whether norms are rounded as the active architecture stores them, where that is coarser than 8
            bits; the others lose next to nothing when they are rounded once, at the end.
    """

    def __init__(
        self,
        architectures: Sequence[Architecture],
        *,
        generator: torch.Generator,
        rewrite: Callable[[Architecture], Architecture] = unchanged,
    ) -> None:
        super().__init__()
        self.rewrite = rewrite
        self.layers = nn.ModuleDict()
        for name, uses in _uses([rewrite(architecture) for architecture in architectures]).items():
            self.layers[name] = QuantLayer(uses, scheme=architectures[0].scheme, generator=generator)
        has_stream = any(not architecture.stream.is_float for architecture in architectures)
        self.stream = Stream() if has_stream else None
        self.rounds_norms = False
        self.path: SupernetPath | None = None
        self.plan: Plan | None = None
        self.activate(architectures[0])

    def activate(self, path: SupernetPath) -> None:
        """Choose what the next call runs: an architecture, or a mixed path with blends in place of precisions.

        Raises:
            GenomeError: The architecture cannot see its input, or is wider than what this network holds.
        """
        if path is self.path:
            return
        architecture = path.architecture if isinstance(path, MixedPath) else path
        if architecture.dead_reason is not None:
            raise GenomeError(
                "a network whose output depends on its input",
                found=architecture.dead_reason,
                remedy="repair the genome first: space.repair(genome)",
            )
        active = self.rewrite(architecture)
        for op in active.ops:
            if op.kind == "conv" and op.channels > (held := self._held(op.name)):  # a slice would be cut unnoticed
                raise GenomeError(
                    f"at most the {held} channels of {op.name} that this network holds",
                    found=str(op.channels),
                    remedy="use open widths, or grow the network: network.grown(unlocked_space.covering(), ...)",
                )
        self.active = active
        self.blends: Mapping[str, LayerBlends] = path.blends if isinstance(path, MixedPath) else {}
        self.path, self.plan = path, None

    def _held(self, name: str) -> int:
        """Output channels of a weighted operation at its largest; 0 if there is none of that name."""
        if name not in self.layers:
            return 0
        layer = self.layers[name]
        assert isinstance(layer, QuantLayer)
        return len(layer.latent_weight)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the active architecture.

        Args:
            images: ``(n, channels, height, width)``, pixels within 0–1.

        Returns:
            ``(n, classes)``.
        """
        if self.blends or images.device.type != "cpu" or is_grouped() or torch.compiler.is_compiling():
            return self.activations(images)[self.active.ops[-1].name].flatten(1)
        if self.plan is None:
            self.plan = Plan(self.active, self.layers, self.stream, self.norms)
        return self.plan(images)

    @property
    def norms(self) -> Precision:
        """To what norms are rounded."""
        return self.active.norms if self.rounds_norms and self.active.norms.bits < EIGHT_BIT.bits else FLOAT

    def activations(self, images: Tensor) -> dict[str, Tensor]:
        """Output ``(n, channels, height, width)`` of every operation of the active architecture, by name.

        This is what defines a network, operation by operation; a plan computes the same up to rounding.
        """
        shapes = self.active.shapes
        tensors = {INPUT: images}
        for op in self.active.ops:
            inputs = [tensors[name] for name in op.inputs]
            if op.kind == "conv":
                segments, blends = shapes[op.inputs[0]].segments, self.blends.get(op.name, UNMIXED)
                tensors[op.name] = self.layers[op.name](inputs[0], op, segments, blends=blends, norms=self.norms)
            else:
                tensors[op.name] = run_op(op, inputs, shapes[op.inputs[0]].segments)
            if self.stream is not None and op.name in self.active.is_rounded:
                tensors[op.name] = self.stream(tensors[op.name], self.active.stream)
        return tensors

    def calibrate(self, images: Tensor) -> None:
        """Set the active architecture's batch-norm statistics to those of one batch of images, and go to eval mode.

        Args:
            images: ``(n, channels, height, width)``; a few hundred are enough.
        """
        if self.training:  # slow in a supernet, which has many modules
            self.eval()
        norms = [norm for op in self.active.ops if op.kind == "conv" for norm in self.layers[op.name].norms.values()]  # type: ignore[operator]
        for norm in norms:
            norm.is_calibrating = True
        try:
            with torch.no_grad():
                if self.stream is not None and not self.active.stream.is_float:
                    with self.stream.measuring():
                        self(images[:MEASURED])
                self(images)
        finally:
            for norm in norms:
                norm.is_calibrating = False

    def extract(self, architecture: Architecture) -> Self:
        """Copy a subnet out as a network of its own, with the same logits bit for bit.

        Batch-norm statistics come along, so calibrate the subnet here first.
        """
        subnet = type(self)([architecture], generator=torch.Generator(), rewrite=self.rewrite)
        for name, layer in subnet.layers.items():
            layer.copy_slice(self.layers[name])  # type: ignore[operator]
        subnet._take_range(self)
        return subnet.train(self.training)

    def grown(self, architectures: Sequence[Architecture], *, generator: torch.Generator) -> Self:
        """A larger network in which every architecture that this one holds gives the same logits, bit for bit.

        Prefixes of kernels are sliced before they are quantized, so what is beyond them changes nothing. New channels
        start with random filters that their readers nearly ignore, see :data:`evonas.nets.layer.NEW_INPUTS`.

        Args:
            architectures: What it must be able to run, all that this one holds included; of the same precisions.
            generator: Draws the weights that are new.
        """
        larger = type(self)(architectures, generator=generator, rewrite=self.rewrite)
        for name, layer in self.layers.items():
            larger.layers[name].grow_from(layer)  # type: ignore[operator]
        larger._take_range(self)
        return larger.train(self.training)

    def _take_range(self, other: Network) -> None:
        if self.stream is not None and other.stream is not None:
            self.stream.load_state_dict(other.stream.state_dict())

    def warnings(self) -> list[str]:
        """What looks unhealthy, layer by layer; see :meth:`QuantLayer.warnings`."""
        return [text for layer in self.layers.values() for text in layer.warnings()]  # type: ignore[operator]

    def parameter_groups(self, *, learning_rate: float, weight_decay: float) -> list[dict[str, object]]:
        """Parameters as an optimizer wants them: weight decay on kernels only, slower steps for quantizers."""
        slow: dict[float, list[nn.Parameter]] = {}
        kernels: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for layer in self.layers.values():
            assert isinstance(layer, QuantLayer)
            kernels.append(layer.latent_weight)
            rest += layer.norms.parameters()
            rest += [parameter for parameter in (layer.bias, layer.prelu) if parameter is not None]
            for quantizer in (*layer.weight_quantizers.values(), *layer.act_quantizers.values()):
                slow.setdefault(quantizer.learning_rate_factor, []).extend(quantizer.parameters())  # type: ignore[arg-type]
        return [
            {"params": kernels, "lr": learning_rate, "weight_decay": weight_decay},
            {"params": rest, "lr": learning_rate, "weight_decay": 0.0},
            *(
                {"params": parameters, "lr": learning_rate * factor, "weight_decay": 0.0}
                for factor, parameters in slow.items()
                if parameters
            ),
        ]


def _uses(architectures: Sequence[Architecture]) -> dict[str, list[tuple[Op, Shape]]]:
    """Every weighted operation by name, with all the forms it takes and the shapes it reads."""
    uses: dict[str, list[tuple[Op, Shape]]] = {}
    for architecture in architectures:
        for op in architecture.ops:
            if op.kind == "conv":
                uses.setdefault(op.name, []).append((op, architecture.shapes[op.inputs[0]]))
    return uses
