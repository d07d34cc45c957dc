"""What spaces of blocks in stages share: settings, width genes with locked choices, decode, encode, corners.

The shape of the graph is the same for all networks of such a space. A subclass lists its operations as slots; genes and
all else follow from them.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from evonas.architecture import CLASSIFIER, INPUT, Architecture
from evonas.errors import GenomeError, RunFileError, nearest
from evonas.genome import Gene, Genome, check_genome
from evonas.precision import EIGHT_BIT, precision
from evonas.quant.scheme import DEFAULT_SCHEME, Scheme
from evonas.spaces.modules import inner_steps, module_steps
from evonas.spaces.space import NetworkSpace
from evonas.spaces.stage_batch import batch_layers
from evonas.spaces.stage_graph import SIDE_1, Searched, Slot, build, fixed, read
from objectives import Layer

PRECISION_SCOPES = ("layer", "stage", "place", "network")


@dataclass(frozen=True)
class StagedSpace(NetworkSpace):
    """Search space of blocks in stages. Each stage's residual stream has one width, tied over its blocks.

    Width genes follow neural channel expansion (Park 2022): a layer starts with factors up to 1, and larger ones are
    unlocked for layers that want to grow.

    Attributes:
        input_shape: ``(channels, height, width)`` of an image.
        n_classes: Outputs of the classifier.
        modules: Structures that all convolutions inside blocks may have; see :func:`module_steps`. They hold ``quant``
            and no ``shortcut``: blocks have their own.
        weight_precisions, act_precisions: Names that a layer inside a block may take.
        precision_scope: What has precisions of its own: each ``layer``; each place in the blocks of a ``stage``, as
            all of its depthwise kernels; each ``place`` in all blocks; or all blocks of the ``network`` together. The
            fewer genes, the more do few evaluations tell.
        stem_precisions, classifier_precisions: Names that the weights of the first and last layer may take.
        widths: Factors on a width, ascending; widths are rounded to whole channels, at least 1.
        expansions: Larger factors, ascending, locked at first.
        scheme: Which method quantizes what.
        unlocked: Names of width genes; each occurrence opens one expansion more.

    Raises:
        RunFileError: An impossible setting.
        GenomeError: ``unlocked`` names what has nothing locked.
    """

    input_shape: tuple[int, int, int]
    n_classes: int
    _: KW_ONLY
    modules: tuple[str, ...] = ("norm-quant-conv",)
    weight_precisions: tuple[str, ...] = ("binary", "ternary", "2-bit", "4-bit", "8-bit")
    act_precisions: tuple[str, ...] = ("binary", "ternary", "2-bit", "4-bit", "8-bit")
    precision_scope: str = "layer"
    stem_precisions: tuple[str, ...] = ("ternary", "4-bit", "8-bit")
    classifier_precisions: tuple[str, ...] = ("ternary", "4-bit", "8-bit")
    widths: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    expansions: tuple[float, ...] = (1.25, 1.5, 2.0)
    scheme: Scheme = DEFAULT_SCHEME
    unlocked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.scheme.check(
            weights=[*self.weight_precisions, *self.stem_precisions, *self.classifier_precisions],
            acts=[*self.act_precisions, EIGHT_BIT.name],
        )
        factors = (0.0, *self.widths, *self.expansions)
        if self.precision_scope not in PRECISION_SCOPES:
            raise RunFileError(
                f"a precision_scope among {', '.join(PRECISION_SCOPES)}",
                found=repr(self.precision_scope),
                remedy=nearest(self.precision_scope, PRECISION_SCOPES),
            )
        if not self.widths or any(low >= high for low, high in pairwise(factors)):
            raise RunFileError(
                "ascending widths above 0, and expansions above them",
                found=f"widths {self.widths}, expansions {self.expansions}",
                remedy="sort them and leave out what stands there twice",
            )
        for label in self.modules:
            wanted = "modules that quantize and leave the shortcut to the block"
            remedy = "use norm-quant-conv, with norm, relu or prelu behind it where you like"
            try:
                steps = inner_steps(label)
            except ValueError as error:
                raise RunFileError(wanted, found=str(error), remedy=remedy) from error
            if "shortcut" in steps:
                raise RunFileError(wanted, found=repr(label), remedy=remedy)
        for name in set(self.unlocked):
            if self.unlocked.count(name) > self._n_expansions(name):
                raise self._nothing_locked(name)

    @property
    @abstractmethod
    def slots(self) -> tuple[Slot, ...]:
        """The operations in execution order, the stem first and the classifier last."""

    @cached_property
    def genes(self) -> tuple[Gene, ...]:
        """In network order: a block's or stage's width before the precisions of the layers that have it."""
        return tuple({gene.name: gene for slot in self.slots for gene, _ in slot.searched}.values())

    def decode(self, genome: Genome) -> Architecture:
        """See :meth:`NetworkSpace.decode`."""
        chosen = check_genome(genome, self.genes).tolist()
        choice = {gene.name: index for gene, index in zip(self.genes, chosen, strict=True)}
        return Architecture(self.input_shape, build(self.slots, choice), self.scheme)

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
        """Of widths that round to the same channels, the first stands for all; no network is built."""
        return self._first_equal[np.arange(len(self.genes)), genomes]

    @cached_property
    def _first_equal(self) -> NDArray[np.int64]:
        """For each choice of each gene the first that means the same, ``(n_genes, most choices)``."""
        first = np.zeros((len(self.genes), max(len(gene.choices) for gene in self.genes)), dtype=np.int64)
        rows = {gene.name: row for gene, row in zip(self.genes, first, strict=True)}
        for gene, values in (searched for slot in self.slots for searched in slot.searched):
            rows[gene.name][: len(values)] = [values.index(value) for value in values]
        return first

    def _read(self, architecture: Architecture) -> Genome:
        choice = read(self.slots, architecture.ops)
        return np.array([choice[gene.name] for gene in self.genes])

    def unlock(self, gene: str) -> Self:
        """See :meth:`Space.unlock`: the next expansion of a width gene."""
        if self.unlocked.count(gene) >= self._n_expansions(gene):
            raise self._nothing_locked(gene)
        return replace(self, unlocked=(*self.unlocked, gene))

    def covering(self) -> list[Architecture]:
        """See :meth:`NetworkSpace.covering`: the widest that are open, in every precision, kernel and module."""
        n_choices: dict[str, int] = {"module": 1, "kernel": 1}
        for gene in self.genes:
            n_choices[_role(gene)] = max(n_choices.get(_role(gene), 1), gene.n_open)
        turns = max(n_choices["weight"], n_choices["act"])
        architectures = []
        for turn, module, kernel in product(*map(range, (turns, n_choices["module"], n_choices["kernel"]))):
            index = {"width": -1, "ratio": -1, "weight": turn, "act": turn, "module": module, "kernel": kernel}
            genome = [index[_role(gene)] % gene.n_open for gene in self.genes]
            architectures.append(self.decode(np.array(genome)))
        return architectures

    def base(self) -> Architecture:
        """See :meth:`NetworkSpace.base`: width factors of 1 or nearest to it, the most bits, the largest ratios."""
        factors = self.widths + self.expansions
        plain = min(range(len(factors)), key=lambda index: abs(factors[index] - 1))
        index = {"width": plain, "module": 0, "kernel": 0}
        return self.decode(np.array([index.get(_role(gene), len(gene.choices) - 1) for gene in self.genes]))

    def corners(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """See :meth:`NetworkSpace.corners`: one precision pair and one width that is open everywhere."""
        n_widths = min(gene.n_open for gene in self.genes if _role(gene) == "width")
        genomes = []
        for uniform in product(*map(range, (len(self.weight_precisions), len(self.act_precisions), n_widths))):
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
        return batch_layers(self.slots, column, n=len(genomes), input_shape=self.input_shape, scheme=self.scheme)

    # What subclasses make slots of

    def _stem(self, width: Searched[int]) -> Slot:
        weight = self._precisions("stem/weight", self.stem_precisions)
        act = fixed(EIGHT_BIT)  # pixels
        return Slot("stem", "conv", (INPUT,), (width,), fixed(3), weight=weight, act=act, steps=fixed(("conv",)))

    def _conv(
        self, name: str, source: str, *, channels: tuple[Searched[int], ...], kernel: Searched[int] = SIDE_1
    ) -> Slot:
        """A convolution with a module, and with precisions of its own or those it shares."""
        stage, _, place = name.split("/")
        owners = {"layer": name, "stage": f"{stage}/{place}", "place": f"blocks/{place}", "network": "blocks"}
        owner = owners[self.precision_scope]
        return Slot(
            name,
            "conv",
            (source,),
            channels,
            kernel,
            weight=self._precisions(f"{owner}/weight", self.weight_precisions),
            act=self._precisions(f"{owner}/act", self.act_precisions),
            steps=Searched(tuple(map(module_steps, self.modules)), Gene("module", self.modules)),
        )

    def _shortcut(
        self, block: str, source: str, *, widths: tuple[Searched[int], Searched[int]], stride: int
    ) -> tuple[Slot, ...]:
        """Without parameters: 2x2 pixels averaged where the side halves, channels cut or padded with zeros."""
        pool = Slot(f"{block}/pool", "avg_pool", (source,), widths[:1], fixed(2), stride)
        last = source if stride == 1 else pool.name
        align = Slot(f"{block}/shortcut", "align", (last,), widths[1:])
        return (align,) if stride == 1 else (pool, align)

    def _classifier(self, source: str) -> Slot:
        return Slot(
            "classifier",
            "conv",
            (source,),
            (fixed(self.n_classes),),
            weight=self._precisions("classifier/weight", self.classifier_precisions),
            act=fixed(EIGHT_BIT),
            steps=fixed(CLASSIFIER),
            has_bias=True,
        )

    def _width(self, name: str, channels: int) -> Searched[int]:
        """Whole channels for each choice of a width gene."""
        factors = self.widths + self.expansions
        n_locked = len(self.expansions) - self.unlocked.count(name)
        gene = Gene(name, tuple(map(str, factors)), is_ordered=True, n_locked=n_locked)
        return Searched(tuple(max(1, round(channels * factor)) for factor in factors), gene)

    def _precisions(self, name: str, labels: tuple[str, ...]) -> Searched:  # type: ignore[type-arg]
        return Searched(tuple(map(precision, labels)), Gene(name, labels, is_ordered=True))

    def _n_expansions(self, gene: str) -> int:
        names = {known.name for known in self.genes if _role(known) == "width"}
        return len(self.expansions) if gene in names else 0

    def _nothing_locked(self, gene: str) -> GenomeError:
        names = [known.name for known in self.genes if _role(known) == "width"]
        return GenomeError("a gene with locked choices", found=repr(gene), remedy=nearest(gene, names))


def _role(gene: Gene) -> str:
    return gene.name.rsplit("/", 1)[-1]
