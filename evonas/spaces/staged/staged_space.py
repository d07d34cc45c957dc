"""What spaces of blocks in stages share: settings, width genes with locked choices, decode, encode, corners.

The shape of the graph is the same for all networks of such a space, but for operations that may be left out. A subclass
lists its operations as slots; genes and all else follow from them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.fitting import Sides, Window
from evonas.architecture.graph import CLASSIFIER, INPUT, ONE_PIXEL, Architecture
from evonas.architecture.module_steps import module_steps
from evonas.architecture.precision import EIGHT_BIT, precision
from evonas.architecture.scheme import DEFAULT_SCHEME, Scheme
from evonas.errors import GenomeError, nearest
from evonas.spaces.configured import WHOLE_NETWORK, ConfiguredSpace, of_network
from evonas.spaces.genome import Gene, Genome, check_genome
from evonas.spaces.staged.layer_arrays import batch_layers
from evonas.spaces.staged.settings import StagedSettings
from evonas.spaces.staged.slots import ONE_BY_ONE, Choice, Slot, build, fitted, fixed, read_choices
from evonas.spaces.window_settings import Kernel, side_label, sides
from objectives import Layer

S = TypeVar("S", bound=StagedSettings)


@dataclass(frozen=True)
class StagedSpace(ConfiguredSpace[S]):
    """Search space of blocks in stages. Each stage's residual stream has one width, tied over its blocks.

    Attributes:
        settings: The run file's ``[space]``.
        input_shape: ``(channels, height, width)`` of an image.
        n_classes: Outputs of the classifier.
        scheme: Which method quantizes what.
        unlocked: Names of width genes; each occurrence opens one locked width more.

    Raises:
        RunFileError: A precision without a method.
        GenomeError: ``unlocked`` names a gene without locked choices.
    """

    settings: S
    input_shape: tuple[int, int, int]
    n_classes: int
    scheme: Scheme = DEFAULT_SCHEME
    unlocked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        s = self.settings
        self.scheme.check(
            weights=[*s.weight_precisions, *s.stem_precisions, *s.classifier_precisions],
            acts=[*s.act_precisions, EIGHT_BIT.name],
        )
        for name in set(self.unlocked):
            if self.unlocked.count(name) > self._n_lockable(name):
                raise self._nothing_locked(name)

    @property
    @abstractmethod
    def slots(self) -> tuple[Slot, ...]:
        """The operations in execution order, the stem first and the classifier last."""

    @cached_property
    def graph(self) -> tuple[Slot, ...]:
        """The same, with kernels and strides cut to what the images have use for."""
        return fitted(self.slots, self.input_shape[1:])

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """In network order: a block's or stage's width before the precisions of the layers that have it."""
        searched = {gene.name: gene for slot in self.graph for gene, _ in slot.searched}
        return (*searched.values(), *self.network_genes)

    def decode(self, genome: Genome) -> Architecture:
        """See :meth:`NetworkSpace.decode`."""
        chosen = self.canonical(genome).tolist()
        choice = {gene.name: index for gene, index in zip(self.genes, chosen, strict=True)}
        labels = {gene.name: gene.choices[choice[gene.name]] for gene in self.network_genes}
        kept = of_network(self.settings, labels)
        return Architecture(self.input_shape, build(self.graph, choice), self.scheme, **kept)

    def encode(self, architecture: Architecture) -> Genome:
        """See :meth:`NetworkSpace.encode`. Of widths that round to the same channels, the first stands for all."""
        return self._checked(self._read, architecture)

    def canonical(self, genome: Genome) -> Genome:
        """See :meth:`Space.canonical`."""
        return self._canonical(check_genome(genome, self.genes))

    def repair_all(self, genomes: NDArray[np.int64]) -> NDArray[np.int64]:
        """See :meth:`NetworkSpace.repair_all`; every network here is alive."""
        return self._canonical(self._in_range(genomes))

    def _canonical(self, genomes: NDArray[np.int64]) -> NDArray[np.int64]:
        """No network is built.

        Of widths that round to the same channels, and of kernels cut to the same size, the first stands for all; so it
        does for genes of operations that are not there.
        """
        canonical: NDArray[np.int64] = self._first_equal[np.arange(len(self.genes)), genomes]
        for index, presences in self._may_be_unused:
            is_used = np.any([is_there[canonical[..., gene]] for gene, is_there in presences], axis=0)
            canonical[..., index] *= is_used
        return canonical

    @cached_property
    def _first_equal(self) -> NDArray[np.int64]:
        """For each choice of each gene the first that means the same, ``(n_genes, most choices)``."""
        first = np.zeros((len(self.genes), max(len(gene.choices) for gene in self.genes)), dtype=np.int64)
        meanings: dict[str, list[tuple[object, ...]]] = {}  # of a gene, wherever it counts
        for gene, values in (searched for slot in self.graph for searched in slot.searched):
            meanings.setdefault(gene.name, []).append(values)
        for gene in self.network_genes:
            meanings[gene.name] = [gene.choices]
        for row, gene in zip(first, self.genes, strict=True):
            choices = list(zip(*meanings[gene.name], strict=True))
            row[: len(choices)] = [choices.index(choice) for choice in choices]
        return first

    @cached_property
    def _may_be_unused(self) -> list[tuple[int, list[tuple[int, NDArray[np.bool_]]]]]:
        """Genes all of whose operations some networks lack.

        Each by its place, with the places of the genes that decide which operations are there, and what each choice of
        those means.
        """
        places = {gene.name: place for place, gene in enumerate(self.genes)}
        found: dict[int, list[tuple[int, NDArray[np.bool_]]]] = {}
        always = {slot.is_there.gene.name for slot in self.graph if slot.is_there.gene}
        for slot in self.graph:
            names = [gene.name for gene, _ in slot.searched]
            if slot.is_there.gene is None:
                always.update(names)
                continue
            for name in names:
                presence = places[slot.is_there.gene.name], np.array(slot.is_there.values)
                found.setdefault(places[name], []).append(presence)
        return [(place, presences) for place, presences in found.items() if self.genes[place].name not in always]

    def _read(self, architecture: Architecture) -> Genome:
        choice = read_choices(self.graph, architecture.ops)
        labels = self.labels_of(architecture)
        choice |= {gene.name: gene.choices.index(labels[gene.name]) for gene in self.network_genes}
        return np.array([choice.get(gene.name, 0) for gene in self.genes])

    def unlock(self, gene: str) -> Self:
        """See :meth:`Space.unlock`: the next expansion of a width gene."""
        if self.unlocked.count(gene) >= self._n_lockable(gene):
            raise self._nothing_locked(gene)
        return replace(self, unlocked=(*self.unlocked, gene))

    def covering(self) -> list[Architecture]:
        """See :meth:`NetworkSpace.covering`: the widest that are open, in every precision, kernel and module.

        And in every depth: what follows layers that may be left out reads them all.
        """
        n_choices: dict[str, int] = {"module": 1, "kernel": 1, "layers": 1}
        for gene in self.genes:
            n_choices[_role(gene)] = max(n_choices.get(_role(gene), 1), gene.n_open)
        turns = max(n_choices.get(role, 1) for role in ("weight", "act", *WHOLE_NETWORK))
        architectures = []
        for turn, *others in product(
            range(turns), *(range(n_choices[role]) for role in ("module", "kernel", "layers"))
        ):
            index = {"width": -1, "ratio": -1, "weight": turn, "act": turn, **dict.fromkeys(WHOLE_NETWORK, turn)}
            index |= dict(zip(("module", "kernel", "layers"), others, strict=True))
            genome = [index[_role(gene)] % gene.n_open for gene in self.genes]
            architectures.append(self.decode(np.array(genome)))
        return architectures

    def base(self) -> Architecture:
        """See :meth:`NetworkSpace.base`: width factors of 1 or nearest to it, most bits, largest ratios, all layers."""
        factors = self.settings.widths + self.settings.locked_widths
        plain = min(range(len(factors)), key=lambda index: abs(factors[index] - 1))
        index = {"width": plain, "module": 0, "kernel": 0}
        return self.decode(np.array([index.get(_role(gene), len(gene.choices) - 1) for gene in self.genes]))

    def corners(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """See :meth:`NetworkSpace.corners`: one precision pair and one width that is open everywhere."""
        n_widths = min(gene.n_open for gene in self.genes if _role(gene) == "width")
        genomes = []
        for uniform in product(
            *map(range, (len(self.settings.weight_precisions), len(self.settings.act_precisions), n_widths))
        ):
            index = dict(zip(("weight", "act", "width"), uniform, strict=True))
            genome = rng.integers([gene.n_open for gene in self.genes])
            for position, gene in enumerate(self.genes):
                if gene.name not in ("stem/weight", "classifier/weight"):
                    genome[position] = index.get(_role(gene), genome[position])
            genomes.append(genome)
        return self.repair_all(np.stack(genomes))

    def batch_layers(self, genomes: NDArray[np.int64]) -> tuple[Layer, ...]:
        """See :meth:`NetworkSpace.batch_layers`."""
        column = {gene.name: np.asarray(genomes)[:, index] for index, gene in enumerate(self.genes)}
        return batch_layers(
            self.graph,
            column,
            n=len(genomes),
            input_shape=self.input_shape,
            scheme=self.scheme,
            stream_bits=self.stream_bits(column),
            numbers=self.number_facts(column),
        )

    # What subclasses make slots of

    def _stem(self, width: Choice[int], window: Window = ONE_PIXEL) -> Slot:
        weight = self._precisions("stem/weight", self.settings.stem_precisions)
        act = fixed(EIGHT_BIT)  # pixels
        kernel, stride = fixed(window.kernel), window.stride
        steps: Choice[tuple[str, ...]] = fixed(("conv",))
        return Slot("stem", "conv", (INPUT,), (width,), kernel, stride, weight=weight, act=act, steps=steps)

    def _conv(
        self, name: str, source: str, *, channels: tuple[Choice[int], ...], kernel: Choice[Sides] = ONE_BY_ONE
    ) -> Slot:
        """A convolution with a module, and with precisions of its own or those it shares."""
        owner = self._precision_owner(name)
        return Slot(
            name,
            "conv",
            (source,),
            channels,
            kernel,
            weight=self._precisions(f"{owner}/weight", self.settings.weight_precisions),
            act=self._precisions(f"{owner}/act", self.settings.act_precisions),
            steps=Choice(tuple(map(module_steps, self.settings.modules)), Gene("module", self.settings.modules)),
        )

    def _precision_owner(self, name: str) -> str:
        """Whose genes hold a convolution's precisions."""
        stage, _, place = name.split("/")
        owners = {"layer": name, "stage": f"{stage}/{place}", "place": f"blocks/{place}", "network": "blocks"}
        return owners[self.settings.precision_scope]

    def _shortcut(
        self, block: str, source: str, *, widths: tuple[Choice[int], Choice[int]], stride: Sides
    ) -> tuple[Slot, ...]:
        """Without parameters: 2x2 pixels averaged where both sides halve, channels cut or padded with zeros."""
        pool = Slot(f"{block}/pool", "avg_pool", (source,), widths[:1], fixed(stride), stride)
        last = source if stride == (1, 1) else pool.name
        align = Slot(f"{block}/shortcut", "align", (last,), widths[1:])
        return (align,) if stride == (1, 1) else (pool, align)

    def _classifier(self, source: str) -> Slot:
        return Slot(
            "classifier",
            "conv",
            (source,),
            (fixed(self.n_classes),),
            weight=self._precisions("classifier/weight", self.settings.classifier_precisions),
            act=fixed(EIGHT_BIT),
            steps=fixed(CLASSIFIER),
            has_bias=self.settings.has_classifier_bias,
        )

    def _width(self, name: str, channels: int) -> Choice[int]:
        """Whole channels for each choice of a width gene."""
        factors = self.settings.widths + self.settings.locked_widths
        n_locked = len(self.settings.locked_widths) - self.unlocked.count(name)
        gene = Gene(name, tuple(map(str, factors)), is_ordered=True, n_locked=n_locked)
        return Choice(tuple(max(1, round(channels * factor)) for factor in factors), gene)

    def _kernel(self, name: str, kernels: tuple[Kernel, ...]) -> Choice[Sides]:
        """A gene for the kernel of a convolution; its choices can be ordered if all are square."""
        is_square = all(isinstance(kernel, int) for kernel in kernels)
        gene = Gene(f"{name}/kernel", tuple(map(side_label, kernels)), is_ordered=is_square)
        return Choice(tuple(map(sides, kernels)), gene)

    def _precisions(self, name: str, labels: tuple[str, ...]) -> Choice:  # type: ignore[type-arg]
        return Choice(tuple(map(precision, labels)), Gene(name, labels, is_ordered=True))

    def _n_lockable(self, gene: str) -> int:
        names = {known.name for known in self.genes if _role(known) == "width"}
        return len(self.settings.locked_widths) if gene in names else 0

    def _nothing_locked(self, gene: str) -> GenomeError:
        names = [known.name for known in self.genes if _role(known) == "width"]
        return GenomeError("a gene with locked choices", found=repr(gene), remedy=nearest(gene, names))


def _role(gene: Gene) -> str:
    return gene.name.rsplit("/", 1)[-1]
