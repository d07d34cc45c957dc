"""The base of network spaces that the run file can name: their settings, and how they are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from evonas.architecture.precision import STREAMS
from evonas.architecture.scheme import DEFAULT_SCHEME, Scheme
from evonas.spaces.genome import Gene
from evonas.spaces.settings import NetworkSpaceSettings
from evonas.spaces.space import NetworkSpace

STREAM = "stream"
S = TypeVar("S", bound=NetworkSpaceSettings)


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
    def stream_genes(self) -> tuple[Gene, ...]:
        """The gene of tensors between layers, if the settings leave a choice."""
        labels = self.settings.stream_precisions
        return (Gene(STREAM, labels, is_ordered=True),) if len(labels) > 1 else ()

    def stream_bits(self, column: Mapping[str, NDArray[np.int64]]) -> Any:
        """Bits of tensors between layers: of all networks, or of each, ``(n,)``, by their choices of every gene."""
        bits = np.array([STREAMS[label].bits for label in self.settings.stream_precisions])
        return bits[column[STREAM]] if len(bits) > 1 else int(bits[0])

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
