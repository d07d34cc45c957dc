"""The run file's ``[space]``: the settings of whichever kind it names, or a space of the user's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Discriminator, Field, Tag, field_validator

from evonas.plugins import is_path
from evonas.spaces import SPACES
from evonas.spaces.settings import NetworkSpaceSettings, Settings

GIVEN_IN_PYTHON = "given in Python: "
SPACE_SETTINGS = {kind: space.settings_type for kind, space in SPACES.items()}


class OwnSpaceConfig(Settings):
    """[space] kind = "FILE.py:NAME": a search space of your own, a class or an object."""

    kind: str = Field("FILE.py:NAME", description="where it is; `NAME` is a `NetworkSpace` or a `TableSpace`")
    options: dict[str, Any] = Field(default_factory=dict, description="keyword arguments for a class")

    @field_validator("options")
    @classmethod
    def _finite(cls, options: dict[str, Any]) -> dict[str, Any]:
        json.dumps(options, allow_nan=False, default=str)
        return options


def _kind_of(raw: Any) -> str | None:
    kind = raw.get("kind", "cells") if isinstance(raw, dict) else getattr(raw, "kind", None)
    if isinstance(kind, str) and (is_path(kind) or kind.startswith(GIVEN_IN_PYTHON)):
        return "own"
    return kind if isinstance(kind, str) and kind in SPACE_SETTINGS else None


if TYPE_CHECKING:
    SpaceConfig = NetworkSpaceSettings | OwnSpaceConfig
else:
    MODELS = {**SPACE_SETTINGS, "own": OwnSpaceConfig}
    SpaceConfig = Annotated[
        Union[tuple(Annotated[model, Tag(kind)] for kind, model in MODELS.items())],  # noqa: UP007  # made of a table
        Discriminator(
            _kind_of,
            custom_error_type="space_kind",
            custom_error_message=f"kind must be {', '.join(SPACE_SETTINGS)}, or FILE.py:NAME of your own",
        ),
    ]
