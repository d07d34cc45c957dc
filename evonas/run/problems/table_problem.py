"""The problem of searching a table of results, or a function of the user's: nothing is trained, no torch is needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from evonas.config.load import RunConfig
from evonas.errors import RunFileError
from evonas.evaluation.costs import TableCosts, count_table
from evonas.evaluation.lookup import evaluate_table
from evonas.evaluation.measures import RESERVED, Measures, run_measures
from evonas.run.problems.problem import Box, Problem
from evonas.spaces import Space, TableSpace
from objectives import Objective
from objectives.fronts.scaling import Scaling, bounds_of

PROBES = 64  # genomes whose results tell one space from another
ROWS = 1000  # of a table, from which its hypervolume's box is made


@dataclass(frozen=True)
class TableProblem(Problem):
    """See :class:`Problem`."""

    is_table: ClassVar[bool] = True
    stage_factory: ClassVar[str] = "evonas.run.stages.table_stages:TableStages"

    config: RunConfig
    space: TableSpace
    measures: Measures

    @classmethod
    def of(cls, config: RunConfig, space: TableSpace) -> Self:
        """The problem of a run file.

        Raises:
            RunFileError: An objective that the table does not have, or a gene whose name is taken.
        """

        def load_own(path: str) -> Objective:
            raise RunFileError(
                "objectives of the table", found=path, remedy="let the table look it up; there are no layers to count"
            )

        def bound_of(bound: float | str, objective: Objective) -> float:
            if isinstance(bound, str):
                raise RunFileError(
                    f"a number under search.constraints for {objective.name}",
                    found=f"{bound!r}, but this space has no base network",
                    remedy="set a number",
                )
            return bound

        if config.device.is_set:
            raise RunFileError(
                "a space of networks for a device",
                found="[device], and a table or a function without layers to count",
                remedy="leave [device] out; set objectives and constraints of the table",
            )
        if "objectives" not in config.search.model_fields_set:  # the defaults are measures of networks
            search = config.search.model_copy(update={"objectives": tuple(space.objectives)})
            config = config.model_copy(update={"search": search})
        measures = run_measures(config.search, space.objectives, load_own=load_own, bound_of=bound_of)
        _check_columns(space)
        return cls(config, space, measures)

    def costs(self, scaling: Scaling) -> TableCosts:
        """See :class:`Problem`."""
        return TableCosts(self.space, self.measures, scaling=scaling)

    def hypervolume_box(self) -> Box:
        """See :class:`Problem`: from a thousand rows of a table; for a formula, from the first generation."""
        if provisional := self.provisional_box():
            return provisional
        genomes = (self._first_genome(), *self.space.sample(np.random.default_rng(0), ROWS))
        found = [evaluate_table(self.space, genome).values for genome in genomes]
        names = self.space.objectives
        return bounds_of({name: [values[name] for values in found if values] or [0.0, 1.0] for name in names})

    def provisional_box(self) -> Box:
        """See :class:`Problem`."""
        return {} if self.space.is_free else dict.fromkeys(self.space.objectives, (0.0, 1.0))

    def fingerprint(self) -> str:
        """See :class:`Problem`."""
        facts: list[object] = [self.space.genes]
        for genome in self.space.sample(np.random.default_rng(0), PROBES):
            is_free = self.space.is_free
            values = evaluate_table(self.space, genome).values if is_free else count_table(self.space, genome)
            facts.append(sorted(values.items()))
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def configured(self, config: RunConfig) -> Self:
        """See :class:`Problem`."""
        return replace(self, config=config)

    def unlocked(self, space: Space) -> Self:
        """See :class:`Problem`."""
        assert isinstance(space, TableSpace)
        return replace(self, space=space)


def _check_columns(space: TableSpace) -> None:
    """Genes with values become columns of the front.

    Raises:
        RunFileError: One has the name of another column.
    """
    taken = {name.lower() for name in (*RESERVED, *space.objectives)}
    names = [gene.name for gene in space.genes if gene.values is not None]
    if clashing := [name for name in names if name.lower() in taken]:
        raise RunFileError(
            f"names of genes other than {', '.join(sorted(taken))}, which are columns of the front, too",
            found=", ".join(clashing),
            remedy="choose other names",
        )
