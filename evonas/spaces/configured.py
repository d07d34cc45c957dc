"""The base of network spaces that the run file can name: their settings, and how they are made."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, Self, TypeVar

from evonas.architecture.scheme import DEFAULT_SCHEME, Scheme
from evonas.spaces.settings import NetworkSpaceSettings
from evonas.spaces.space import NetworkSpace

S = TypeVar("S", bound=NetworkSpaceSettings)


class ConfiguredSpace(NetworkSpace, Generic[S]):
    """A space of networks with a section of the run file; made as ``Space(settings, input_shape, n_classes, scheme)``.

    Attributes:
        settings_type: The model of its section.
    """

    settings_type: ClassVar[type[NetworkSpaceSettings]]

    def __init__(
        self, settings: S, input_shape: tuple[int, int, int], n_classes: int, scheme: Scheme = DEFAULT_SCHEME
    ) -> None:
        raise TypeError(f"{type(self).__name__} must be a dataclass with these fields")

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
