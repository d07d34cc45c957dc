"""The base of network spaces that the run file can name: their settings, and how they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.graph import Architecture
from evonas.architecture.precision import NUMBERS, STREAMS, Precision
from evonas.architecture.scheme import DEFAULT_SCHEME, Scheme
from evonas.architecture.stored_numbers import NumberFacts, of_shifts
from evonas.spaces.genome import Gene
from evonas.spaces.settings import NetworkSpaceSettings
from evonas.spaces.space import NetworkSpace

STREAM = "stream"
WHOLE_NETWORK = {
    STREAM: ("stream_precisions", STREAMS),
    "norms": ("norm_precisions", NUMBERS),
    "scales": ("scale_precisions", STREAMS),
}
"""Genes that hold for a whole network, named like what they set of an architecture: their key, and what it may hold."""
S = TypeVar("S", bound=NetworkSpaceSettings)


def of_network(settings: NetworkSpaceSettings, label: Mapping[str, str]) -> dict[str, Precision]:
    """What genes that hold for a whole network set of an architecture, by labels of those that there are."""
    return {name: known[label.get(name, getattr(settings, key)[0])] for name, (key, known) in WHOLE_NETWORK.items()}


class ConfiguredSpace(NetworkSpace, Generic[S]):
    """A space of networks with a section of the run file; made as ``Space(settings, input_shape, n_classes, scheme)``.

    Attributes:
        settings_type: The model of its section.
    """

    settings_type: ClassVar[type[NetworkSpaceSettings]]
    settings: S

    def __init__(
        self, settings: S, input_shape: tuple[int, int, int], n_classes: int, scheme: Scheme = DEFAULT_SCHEME
    ) -> None:
        raise TypeError(f"{type(self).__name__} must be a dataclass with these fields")

    @property
    def network_genes(self) -> tuple[Gene, ...]:
        """Genes that hold for a whole network, where the settings leave a choice."""
        found = {name: getattr(self.settings, key) for name, (key, _) in WHOLE_NETWORK.items()}
        return tuple(Gene(name, labels, is_ordered=True) for name, labels in found.items() if len(labels) > 1)

    def labels_of(self, architecture: Architecture) -> dict[str, str]:
        """What an architecture has of the genes that hold for a whole network."""
        return {gene.name: getattr(architecture, gene.name).name for gene in self.network_genes}

    def stream_bits(self, column: Mapping[str, NDArray[np.int64]]) -> Any:
        """Bits of tensors between layers: of all networks, or of each, ``(n,)``, by their choices of every gene."""
        return self._chosen(STREAM, column, lambda one: one.bits)

    def number_facts(self, column: Mapping[str, NDArray[np.int64]]) -> NumberFacts:
        """How what is no weight is stored: of all networks, or of each, ``(n,)``."""
        bits, shifts = (lambda one: one.bits), (lambda one: of_shifts(one).bits)
        facts = (("norms", bits), ("norms", shifts), ("scales", bits), ("scales", shifts))
        return NumberFacts(*(self._chosen(name, column, fact) for name, fact in facts))

    def _chosen(self, name: str, column: Mapping[str, NDArray[np.int64]], fact: Callable[[Precision], int]) -> Any:
        key, known = WHOLE_NETWORK[name]
        facts = np.array([fact(known[label]) for label in getattr(self.settings, key)])
        return facts[column[name]] if len(facts) > 1 else int(facts[0])

    @classmethod
    def of(
        cls, input_shape: tuple[int, int, int], n_classes: int, *, scheme: Scheme = DEFAULT_SCHEME, **settings: Any
    ) -> Self:
        """Make a space from keyword arguments, such as ``CellSpace.of((1, 8, 8), 10, nodes=3)``.

        Args:
            input_shape: ``(channels, height, width)`` of an image.
            n_classes: Outputs of the classifier.
            scheme: Which method quantizes what.
            settings: Keys of the run file's ``[space]``.

        Raises:
            RunFileError: Unknown keys or impossible values.
        """
        return cls(cls.settings_type.of(**settings), input_shape, n_classes, scheme)  # type: ignore[arg-type]
