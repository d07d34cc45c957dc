"""Settings as validated data: the base of every section of the run file, and the settings of all network spaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from evonas.architecture.module_steps import inner_steps
from evonas.architecture.precision import NUMBERS, PRECISIONS, STREAMS
from evonas.errors import RunFileError, nearest

MOST = 1_000_000
Count = Annotated[int, Field(ge=1, le=MOST)]
Width = Annotated[int, Field(ge=1, le=16_384)]
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
Factor = Annotated[float, Field(gt=0, le=8)]
Factors = Annotated[tuple[Factor, ...], Field(min_length=1)]

LOW_BITS = ("binary", "ternary", "2-bit", "4-bit", "8-bit")
FIRST_AND_LAST = ("ternary", "4-bit", "8-bit")


class Settings(BaseModel):
    """A section of the run file: unknown keys are refused, and numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Settings from keyword arguments.

        Raises:
            RunFileError: Unknown keys or impossible values.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            found = "; ".join(told(one, ".".join(map(str, one["loc"]))) for one in error.errors())
            raise RunFileError(
                f"settings of {cls.__name__}", found=found, remedy="change them; docs/reference/run-file.md lists all"
            ) from error


class NetworkSpaceSettings(Settings):
    """Settings of every search space of networks."""

    kind: str
    weight_precisions: Names = Field(LOW_BITS, description="of searched layers")
    act_precisions: Names = Field(LOW_BITS, description="of the inputs of searched layers")
    stem_precisions: Names = Field(
        FIRST_AND_LAST, description="of the weights of the first layer; it reads 8-bit numbers"
    )
    classifier_precisions: Names = Field(
        FIRST_AND_LAST, description="of the weights of the last layer; it reads 8 bits"
    )
    stream_precisions: Names = Field(
        ("float",),
        description="of tensors between layers: 8-bit and 16-bit are fixed-point numbers, a quarter and half as wide; "
        "several: a gene of the network",
    )
    norm_precisions: Names = Field(
        ("8-bit",),
        description="of the scales and shifts of norms, as they are stored: 8-bit and 16-bit share an exponent in a "
        "layer, power-of-two has shifts of 8 bits; several: a gene of the network",
    )
    scale_precisions: Names = Field(
        ("8-bit",),
        description="of other numbers that are no weights: scales, thresholds, biases; several: a gene of the network",
    )
    has_classifier_bias: bool = Field(True, description="whether the last layer adds a number to each class")
    modules: Names = Field(
        ("norm-quant-conv",),
        description="structures of convolutions: orders of norm, quant, conv, relu, prelu, shortcut, joined by dashes",
    )

    @field_validator("weight_precisions", "act_precisions", "stem_precisions", "classifier_precisions")
    @classmethod
    def _known_precisions(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        found = known(names, PRECISIONS)
        return tuple(sorted(found, key=list(PRECISIONS).index))  # by bits, so that a mutation can step

    @field_validator("stream_precisions", "scale_precisions")
    @classmethod
    def _known_streams(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(known(names, STREAMS), key=list(STREAMS).index))

    @field_validator("norm_precisions")
    @classmethod
    def _known_numbers(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(known(names, NUMBERS), key=list(NUMBERS).index))

    @field_validator("modules")
    @classmethod
    def _known_modules(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("-".join(inner_steps(label)) for label in known(labels, labels))


def ascending(factors: tuple[float, ...], what: str = "factors") -> tuple[float, ...]:
    """Check that factors ascend.

    Args:
        factors: The factors.
        what: Their name, for the message.

    Raises:
        ValueError: They do not.
    """
    if any(narrow >= wide for narrow, wide in pairwise(factors)):
        raise ValueError(f"{what} must ascend")
    return factors


def known(
    names: tuple[str, ...], table: Iterable[str] | Mapping[str, Any], *, is_repeatable: bool = False
) -> tuple[str, ...]:
    """Check names against a table.

    Raises:
        ValueError: One is not in it, or stands there twice.
    """
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ValueError("; ".join(f"{name!r} is unknown, {nearest(name, table)}" for name in unknown))
    if not is_repeatable and len(set(names)) < len(names):
        raise ValueError("a name stands there twice")
    return names


def told(detail: Any, where: str) -> str:
    """A pydantic error as what was found: the key, its value if it is short, and what is wrong with it."""
    given = detail["input"]
    if not detail["loc"]:  # about several keys, which the message names
        return f"{where} ({message(detail)})" if where else message(detail)
    shown = f" = {text}" if (text := brief(given)) else ""
    return f"{where}{shown} ({message(detail)})"


def brief(value: Any) -> str:
    """A value as Python writes it; empty if that is long, or Python refuses to."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits
        return ""
    return text if len(text) < 60 else ""


def message(detail: Any) -> str:
    """What a pydantic error says, as the end of a sentence."""
    text: str = detail["msg"].removeprefix("Value error, ")
    return text[0].lower() + text[1:]
