"""The problem of searching networks for a data set."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from evonas.architecture.graph import Architecture
from evonas.architecture.layer_table import architecture_table
from evonas.architecture.scheme import Scheme
from evonas.config.bounds import resolved
from evonas.config.load import RunConfig
from evonas.errors import DataWarning, RunFileError
from evonas.evaluation.costs import NetworkCosts
from evonas.evaluation.job import Outcome, checked
from evonas.evaluation.measures import Measures, run_measures
from evonas.plugins import load_object
from evonas.run.problems.estimate_choice import choose_method
from evonas.run.problems.problem import Box, Problem
from evonas.run.problems.spaces import make_space
from evonas.run.problems.training_choice import with_trainings
from evonas.spaces import NetworkSpace, Space
from evonas.spaces.cells.collapse import collapse_warning
from evonas.spaces.genome import from_text
from evonas.training.datasets.balance import imbalance_warning
from evonas.training.datasets.dataset import Dataset, dataset_hash, load_dataset
from evonas.training.hardware import one_thread
from evonas.training.supernet_training import as_trained
from objectives import LATENCY, OBJECTIVES, QUALITIES, Objective
from objectives.device.table import device_objectives
from objectives.fronts.scaling import Scaling, bounds_of
from objectives.held_out import effective_images, guessing

PROBES = 64  # genomes whose networks tell one space from another


@dataclass(frozen=True)
class NetworkProblem(Problem):
    """See :class:`Problem`.

    Attributes:
        dataset: The images.
    """

    is_table: ClassVar[bool] = False
    stage_factory: ClassVar[str] = "evonas.run.stages.supernet_stages:SupernetStages"

    config: RunConfig
    space: NetworkSpace
    measures: Measures
    dataset: Dataset

    @classmethod
    def open(cls, config: RunConfig, own: Space | type[Space] | None) -> Self:
        """Load the images of a run file, then its space, which depends on them.

        Args:
            config: The run file.
            own: A space of the user's, or a class that makes one; None for that of the run file.

        Raises:
            RunFileError: The space or an objective cannot be used.
            DataError: The images cannot be used.
        """
        dataset = load_dataset(config.data)
        space = make_space(
            config,
            own,
            input_shape=dataset.input_shape,
            n_classes=dataset.n_classes,
            scheme=Scheme(**config.quantizers.model_dump(), input_values=dataset.codes.n_stored),
        )
        if not isinstance(space, NetworkSpace):
            raise RunFileError(
                "a NetworkSpace or a TableSpace", found=type(space).__name__, remedy="subclass one of the two"
            )
        return cls.of(config, space, dataset)

    @classmethod
    def of(cls, config: RunConfig, space: NetworkSpace, dataset: Dataset) -> Self:
        """The problem of a run file.

        Raises:
            RunFileError: The space is for other images, or an objective cannot be used.
        """
        as_trained(config.supernet, space)
        _check_fit(space, dataset)
        search, quality = config.search, QUALITIES[config.search.quality()]
        table = {quality.name: quality} | {name: one for name, one in OBJECTIVES.items() if name not in QUALITIES}
        table |= device_objectives(config.device.used_core, clock=config.device.number("clock"))
        if LATENCY.name in {*search.objectives, *search.constraints}:
            table[LATENCY.name] = LATENCY  # what takes time to measure is measured only where it is asked for
        measures = run_measures(
            search, table, load_own=lambda path: load_object(path, Objective), bound_of=partial(resolved, space=space)
        )
        return cls(config, space, measures, dataset)

    def costs(self, scaling: Scaling) -> NetworkCosts:
        """See :class:`Problem`."""
        return NetworkCosts(self.space, self.measures, scaling=scaling)

    def hypervolume_box(self) -> Box:
        """See :class:`Problem`: from the cheapest to the most expensive known before, locked widths too, and chance."""
        genomes = np.array([self._first_genome(), *self.space.corners(np.random.default_rng(0))])
        counts = self.costs(Scaling((), {})).counted(genomes)
        counts += [self._counted(network) for network in self.space.fully_unlocked().covering()]
        sound = [outcome.values for outcome in counts if not outcome.reason]
        if not sound:
            raise RunFileError(
                "objectives that count networks", found=counts[0].reason, remedy="correct that objective"
            )
        columns = {name: [values[name] for values in sound] for name in self.measures.analytic}
        return {self.measures.quality: (0.0, self.chance), "latency": (1e-6, 1.0), **bounds_of(columns)}

    @property
    def chance(self) -> float:
        """What guessing reaches on the held-out images, by the run's quality measure."""
        return guessing(self.measures.quality, self.dataset.heldout.class_counts(self.dataset.n_classes))

    @property
    def heldout_images(self) -> int:
        """How finely the held-out images measure quality; see :func:`objectives.held_out.effective_images`."""
        return effective_images(self.measures.quality, self.dataset.heldout.class_counts(self.dataset.n_classes))

    def _counted(self, network: Architecture) -> Outcome:
        values = {}
        for name in self.measures.analytic:
            measure = self.measures.table[name].measure
            assert measure is not None
            try:
                values[name] = float(measure(network.layers))
            except Exception as error:  # the user's code
                return Outcome({}, f"{name}: {type(error).__name__}: {error}")
        return checked(values, values)

    def fingerprint(self) -> str:
        """See :class:`Problem`."""
        genomes = self.space.sample(np.random.default_rng(0), PROBES)
        facts: list[object] = [self.space.genes, *(self.space.decode(genome).layers for genome in genomes)]
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def images(self) -> dict[str, Any]:
        """See :class:`Problem`."""
        return {"images": dataset_hash(self.dataset)}

    def expects(self) -> dict[str, str]:
        """See :class:`Problem`."""
        return self.dataset.expects()

    def configured(self, config: RunConfig) -> Self:
        """See :class:`Problem`."""
        return replace(self, config=config)

    def unlocked(self, space: Space) -> Self:
        """See :class:`Problem`."""
        assert isinstance(space, NetworkSpace)
        return replace(self, space=space)

    def describe(self, genomes: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """See :class:`Problem`: also whether a supernet led the search to pools and skips."""
        found = [self.space.decode(from_text(text, self.space.genes)) for text in genomes]
        tables = dict(zip(genomes, map(architecture_table, found), strict=True))
        if not genomes or self.config.estimate.method != "one-shot":
            return tables, []
        usual = [self.space.decode(genome) for genome in self.space.sample(np.random.default_rng(0), 2 * len(found))]
        warning = collapse_warning(found, usual)
        return tables, [] if warning is None else [warning]

    def decided(self) -> tuple[Self, dict[str, str]]:
        """See :class:`Problem`: what is trained in the end, and whether a supernet pays, if nothing is said of that."""
        warning = imbalance_warning(self.dataset, self.config.training, quality=self.measures.quality)
        if warning is not None:
            warnings.warn(warning, DataWarning, stacklevel=2)
        problem = replace(self, config=with_trainings(self.config, len(self.dataset.train)))
        if problem.config.estimate.method != "auto":
            return problem, {}
        method, reason = choose_method(problem.config, self.space, self.dataset)
        estimate = problem.config.estimate.model_copy(update={"method": method})
        config = problem.config.model_copy(update={"estimate": estimate})
        return replace(problem, config=config), {"estimate_reason": reason}

    def limits(self) -> AbstractContextManager[None]:
        """See :class:`Problem`."""
        return one_thread()


def _check_fit(space: NetworkSpace, dataset: Dataset) -> None:
    """Check that the space fits the images: one that is given as an object was made without them."""
    network = space.decode(space.repair(np.zeros(len(space.genes), dtype=np.int64)))
    found = network.input_shape, network.shapes[network.ops[-1].name].channels
    if found != (dataset.input_shape, dataset.n_classes):
        raise RunFileError(
            f"a search space for images of {dataset.input_shape} and {dataset.n_classes} classes",
            found=f"networks for images of {found[0]} and {found[1]} classes",
            remedy="change the space's input_shape and n_classes, or [data]",
        )
    stored = network.scheme.input_values, dataset.codes.n_stored
    if stored[0] != stored[1]:
        raise RunFileError(
            f"a search space that counts the {stored[1]} numbers that standardise the input",
            found=f"a scheme with {stored[0]}",
            remedy=f"make the space with scheme=Scheme(input_values={stored[1]})",
        )
