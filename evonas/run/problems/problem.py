"""What a run searches: one interface for all that differs between networks and tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Self

import numpy as np

from evonas.config.load import RunConfig
from evonas.evaluation.costs import Costs
from evonas.evaluation.measures import Measures
from evonas.spaces import Space
from objectives.fronts.scaling import Scaling

Box = dict[str, tuple[float, float]]
"""Where the hypervolume's box begins and ends, by measure."""


class Problem(ABC):
    """A search space with what is measured in it.

    Attributes:
        config: The run file.
        space: The search space, as far as it is unlocked.
        measures: What is measured of each genome.
        is_table: Whether values are looked up, so that nothing is trained.
        stage_factory: Makes the stages of its search, as ``"module:Class"``.
    """

    is_table: ClassVar[bool]
    stage_factory: ClassVar[str]
    config: RunConfig
    space: Space
    measures: Measures

    @abstractmethod
    def costs(self, scaling: Scaling) -> Costs:
        """What is known of genomes before they are evaluated."""

    @abstractmethod
    def hypervolume_box(self) -> Box:
        """Where the hypervolume's box begins and ends, for every measure.

        Raises:
            RunFileError: An objective of the user's counts no network.
        """

    def provisional_box(self) -> Box:
        """A box until there are evaluations; empty where a better one is known before.

        A resumed run starts from it again, so that it asks the same questions.
        """
        return {}

    @abstractmethod
    def fingerprint(self) -> str:
        """SHA-256 of the genes and of what a few genomes mean; a space given as an object has no file to be hashed."""

    def images(self) -> dict[str, Any]:
        """What identifies the images; nothing where there are none."""
        return {}

    def expects(self) -> dict[str, str]:
        """What its networks expect at deployment and give back; nothing where there are none."""
        return {}

    @abstractmethod
    def configured(self, config: RunConfig) -> Self:
        """The same problem with another run file, which must name the same space and images."""

    @abstractmethod
    def unlocked(self, space: Space) -> Self:
        """The same problem with more choices of its space open."""

    def describe(self, genomes: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """A front, given as genomes in text form: layers of its networks as tables, and warnings for the user."""
        del genomes
        return {}, []

    def decided(self) -> tuple[Self, dict[str, str]]:
        """The problem with all choices made that its run file leaves open, and the reasons as facts of the run."""
        return self, {}

    def limits(self) -> AbstractContextManager[None]:
        """A context for the search, such as one torch thread."""
        return nullcontext()

    def _first_genome(self) -> Any:
        return self.space.repair(np.zeros(len(self.space.genes), dtype=np.int64))
