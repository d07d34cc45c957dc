"""What a run file stands for: its images, its search space, what it measures; built the same way in every process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evonas.config import RunConfig
from evonas.config_space import GIVEN_IN_PYTHON, OwnSpaceConfig
from evonas.errors import EvonasError, RunFileError
from evonas.measures import Measures, run_measures
from evonas.plugins import load_object_or_class
from evonas.spaces import NetworkSpace, Space, TableSpace

if TYPE_CHECKING:  # these bring torch along, which a table of results does without
    from evonas.architecture import Architecture
    from evonas.training.data import Data


@dataclass(frozen=True)
class Setup:
    """What a run works with.

    Attributes:
        config: The run file.
        data: Its images; None where a table of results needs none.
        space: Its search space.
        measures: What it measures.
    """

    config: RunConfig
    data: Data | None
    space: Space
    measures: Measures

    @property
    def network_space(self) -> NetworkSpace:
        """The search space, which must be one of networks.

        Raises:
            RunFileError: It is a table of results.
        """
        if not isinstance(self.space, NetworkSpace):
            raise RunFileError(
                "a search space of networks",
                found=f"a table of results, {type(self.space).__name__}",
                remedy="choose a space whose genomes stand for networks; there is nothing to train in a table",
            )
        return self.space


def build_data(config: RunConfig) -> Data:
    """Load and split the run's images; see :func:`evonas.training.data.load_data`."""
    from evonas.training.data import load_data

    data = config.data
    return load_data(
        data.source,
        test_share=data.test_share,
        heldout_share=data.heldout_share,
        split_seed=data.split_seed,
        limit=data.limit,
        pool=data.pool,
    )


def open_setup(config: RunConfig, space: Space | None = None) -> Setup:
    """Load what a run file names.

    Args:
        config: The run file.
        space: A search space as an object, instead of the run file's.

    Raises:
        RunFileError: The space or an objective cannot be used.
        DataError: The images cannot be used.
    """
    if space is None and isinstance(config.space, OwnSpaceConfig) and _is_table(config.space):
        space = _space(config, None)
    data = None if isinstance(space, TableSpace) else build_data(config)
    space = space or _space(config, data)
    if isinstance(space, NetworkSpace):
        as_trained(config, space)
    if data is not None and isinstance(space, NetworkSpace):
        _check_fit(space, data)
    return Setup(config, data, space, run_measures(config, space))


def as_trained(config: RunConfig, space: Space) -> Callable[[Architecture], Architecture]:
    """What the supernet trains and scores in the place of an architecture: by default, the architecture itself.

    Raises:
        RunFileError: Partial channels are set, and the space is not one of cells.
    """
    from evonas.nets.network import unchanged
    from evonas.spaces.cell_partial import with_partial_channels
    from evonas.spaces.cells import CellSpace

    ratios = {"normal": config.supernet.partial_normal, "reduction": config.supernet.partial_reduction}
    if all(ratio == 1 for ratio in ratios.values()):
        return unchanged
    if not isinstance(space, CellSpace):
        raise RunFileError(
            "a search space of cells, for partial_normal and partial_reduction above 1",
            found=type(space).__name__,
            remedy='leave both out of [supernet], or set kind = "cells" under [space]',
        )
    return lambda architecture: with_partial_channels(space, architecture, **ratios)


def _check_fit(space: NetworkSpace, data: Data) -> None:
    """A space that is an object was made without a look at the images."""
    network = space.decode(space.repair(np.zeros(len(space.genes), dtype=np.int64)))
    found = network.input_shape, network.shapes[network.ops[-1].name].channels
    if found != (data.input_shape, data.n_classes):
        raise RunFileError(
            f"a search space for images of {data.input_shape} and {data.n_classes} classes",
            found=f"networks for images of {found[0]} and {found[1]} classes",
            remedy="change the space's input_shape and n_classes, or [data]",
        )


def _is_table(own: OwnSpaceConfig) -> bool:
    found = _own(own)
    return issubclass(found, TableSpace) if isinstance(found, type) else isinstance(found, TableSpace)


def _own(own: OwnSpaceConfig) -> Space | type[Space]:
    if own.kind.startswith(GIVEN_IN_PYTHON):
        raise RunFileError(
            "the search space of this run",
            found=f"one that was {own.kind}",
            remedy="give it again: space=… of evonas.search, evonas.resume and evonas.open_run",
        )
    return load_object_or_class(own.kind, Space)  # type: ignore[type-abstract]


def _space(config: RunConfig, data: Data | None) -> Space:
    given: dict[str, Any] = {} if data is None else {"input_shape": data.input_shape, "n_classes": data.n_classes}
    if data is not None:
        from evonas.quant.scheme import Scheme

        given["scheme"] = Scheme(**config.quantizers.model_dump())
    if not isinstance(config.space, OwnSpaceConfig):
        from evonas.spaces import SPACES

        return SPACES[config.space.kind](**given, **config.space.model_dump(exclude={"kind"}))
    found = _own(config.space)
    if isinstance(found, Space):
        return found
    try:
        return found(**given, **config.space.options)
    except EvonasError:
        raise
    except Exception as error:
        raise RunFileError(
            f"a class {config.space.kind} that takes {', '.join([*given, *config.space.options]) or 'no arguments'}",
            found=f"{type(error).__name__}: {error}",
            remedy="change its arguments, or options under [space]",
        ) from error
