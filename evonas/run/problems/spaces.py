"""The search space that a run file names: one of evonas' own, or one of the user's."""

from __future__ import annotations

from typing import Any

from evonas.config.load import RunConfig
from evonas.config.space import GIVEN_IN_PYTHON, OwnSpaceConfig
from evonas.errors import EvonasError, RunFileError
from evonas.plugins import load_object_or_class
from evonas.spaces import SPACES, Space


def make_space(config: RunConfig, own: Space | type[Space] | None, **given: Any) -> Space:
    """The search space of a run file; ``given`` is what spaces of networks need to know of the images."""
    if own is None:
        return SPACES[config.space.kind](config.space, **given)
    if isinstance(own, Space):
        return own
    assert isinstance(config.space, OwnSpaceConfig)
    options = config.space.options
    try:
        return own(**given, **options)
    except EvonasError:
        raise
    except Exception as error:  # the user's code
        raise RunFileError(
            f"a class {config.space.kind} that takes {', '.join([*given, *options]) or 'no arguments'}",
            found=f"{type(error).__name__}: {error}",
            remedy="change its arguments, or options under [space]",
        ) from error


def own_space(own: OwnSpaceConfig) -> Space | type[Space]:
    """A space of the user's, or a class that makes one.

    Raises:
        RunFileError: It cannot be loaded, or was given in Python.
    """
    if own.kind.startswith(GIVEN_IN_PYTHON):
        raise RunFileError(
            "the search space of this run",
            found=f"one that was {own.kind}",
            remedy="give it again: space=… of evonas.search, evonas.resume and evonas.open_run",
        )
    return load_object_or_class(own.kind, Space)  # type: ignore[type-abstract]
