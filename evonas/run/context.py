"""What a run file stands for, opened once: its search space, its images, what it measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evonas.config.load import RunConfig, load_config
from evonas.config.space import OwnSpaceConfig
from evonas.errors import RunFileError
from evonas.evaluation.measures import Measures
from evonas.plugins import kept_running, resolve
from evonas.run.problems.problem import Problem
from evonas.run.problems.spaces import make_space, own_space
from evonas.run.problems.table_problem import TableProblem
from evonas.run.provenance import check_origin, check_started, settings_and_files, signed_part, started_with
from evonas.signing import is_own
from evonas.spaces import NetworkSpace, Space, TableSpace
from reports.run_folder.folder import RunFolder
from reports.run_folder.schema import RUN_FILE

if TYPE_CHECKING:
    from evonas.run.problems.network_problem import NetworkProblem
    from evonas.training.datasets.dataset import Dataset

NETWORK_PROBLEM = "evonas.run.problems.network_problem:NetworkProblem"
"""Loaded where networks are searched: a table needs no torch."""


@dataclass(frozen=True)
class RunContext:
    """What a run works with.

    Attributes:
        problem: What is searched.
    """

    problem: Problem

    @property
    def config(self) -> RunConfig:
        """The run file."""
        return self.problem.config

    @property
    def space(self) -> Space:
        """The search space."""
        return self.problem.space

    @property
    def measures(self) -> Measures:
        """What is measured of each genome."""
        return self.problem.measures

    @property
    def networks(self) -> NetworkProblem:
        """The problem, which must be one of networks.

        Raises:
            RunFileError: It is a table of results.
        """
        if self.problem.is_table:
            raise no_networks(type(self.space).__name__)
        problem: NetworkProblem = self.problem  # type: ignore[assignment]
        return problem

    def overridden(self, run: RunFolder, overrides: Mapping[str, Mapping[str, Any]]) -> RunContext:
        """The same space and images with other keys of the run file, a dict per section, such as [training].

        Raises:
            RunFolderError: They change what the run was started with.
        """
        config = load_config(run.path / RUN_FILE, {section: dict(keys) for section, keys in overrides.items()})
        check_started(run, settings_and_files(config))
        return RunContext(self.problem.configured(config))

    @property
    def network_space(self) -> NetworkSpace:
        """The search space, which must be one of networks."""
        return self.networks.space

    @property
    def dataset(self) -> Dataset:
        """The images, which must be there."""
        return self.networks.dataset


def no_networks(space: str) -> RunFileError:
    """The error of asking a space whose values are looked up or computed for a network."""
    return RunFileError(
        "a search space of networks",
        found=f"{space}, whose values are looked up or computed",
        remedy="choose a space whose genomes stand for networks; there is nothing to train in a table or a function",
    )


def open_context(config: RunConfig, space: Space | None = None) -> RunContext:
    """Load what a run file names.

    Args:
        config: The run file.
        space: A search space as an object, instead of the run file's.

    Raises:
        RunFileError: The space or an objective cannot be used.
        DataError: The images cannot be used.
    """
    own: Space | type[Space] | None = space
    with kept_running():
        if space is None and isinstance(config.space, OwnSpaceConfig):
            own = own_space(config.space)
        if own is not None and (issubclass(own, TableSpace) if isinstance(own, type) else isinstance(own, TableSpace)):
            table = make_space(config, own)
            assert isinstance(table, TableSpace)
            return RunContext(TableProblem.of(config, table))
        return RunContext(resolve(NETWORK_PROBLEM).open(config, own))


def reopen(
    run: RunFolder,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    space: Space | None = None,
    has_versions: bool = True,
    may_run_code: bool = False,
) -> RunContext:
    """Load what a run works with, and make sure that it is what the run was started with.

    The user's files are compared before any of them runs, and none of a run of unknown origin does.

    Args:
        run: The run.
        overrides: Keys of the run file, a dict per section.
        space: Its search space, if the run was started with an object.
        has_versions: Whether versions of packages count; not where nothing is added to the run.
        may_run_code: Whether to load what a run names that this user did not start on this machine.

    Raises:
        RunFolderError: It names code or what is fetched, and its origin is unknown; or settings, files,
            space, images or versions have changed.
        RunFileError: The space or an objective cannot be used.
        DataError: The images cannot be used.
    """
    config = load_config(run.path / RUN_FILE, {section: dict(keys) for section, keys in (overrides or {}).items()})
    check_started(run, settings_and_files(config))
    is_trusted = may_run_code or is_own(signed_part(config), run.facts().signature)
    check_origin(config, signed=is_trusted, where=run.path)
    context = open_context(config, space)
    current = started_with(config, context.problem)
    check_started(run, {what: found for what, found in current.items() if has_versions or what != "versions"})
    return context
