"""The run file: every key with its default, checked all at once."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from evonas.errors import RunFileError, nearest
from evonas.plugins import is_path
from evonas.precision import PRECISIONS
from objectives import OBJECTIVES

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """[data]: which images, and how they are split."""

    source: str = Field("digits", description='"digits", an .npz file, or a folder of IDX files')
    test_share: Share = Field(0.2, description="share of the images set aside for the test, if they bring no test set")
    heldout_share: Share = Field(0.2, description="share of the rest that scores networks during the search")
    split_seed: int = Field(
        0, ge=0, description="seed of the split; apart from the run's seed, so that runs share a test set"
    )
    limit: int = Field(
        0, ge=0, description="training and held-out images to use, taken evenly from the classes; 0: all"
    )
    pool: Count = Field(1, description="side of the squares of pixels that are averaged into one, to shrink the images")
    shift: int = Field(1, ge=0, description="augmentation: largest random displacement in pixels")
    flip: bool = Field(False, description="augmentation: mirror half of the images left to right")


class SpaceConfig(_Section):
    """[space]: what may be searched."""

    kind: Literal["cells"] = Field("cells", description="which search space")
    cells: Names = Field(("normal", "reduction", "normal"), description="kind of each cell, first to last")
    nodes: Count = Field(2, le=6, description="nodes a cell; each adds two incoming edges")
    channels: Count = Field(8, description="width of a node before the first reduction, at expansion 1")
    stem_channels: Count = Field(16, description="output channels of the first convolution")
    ops: Names = Field(
        ("none", "skip", "max_pool_3x3", "avg_pool_3x3", "conv_3x3", "conv_5x5"), description="what an edge may compute"
    )
    weight_precisions: Names = Field(("binary", "ternary", "2-bit", "4-bit", "8-bit"), description="of layers in cells")
    act_precisions: Names = Field(("binary", "ternary", "2-bit", "4-bit", "8-bit"), description="of layers in cells")
    stem_precisions: Names = Field(
        ("ternary", "4-bit", "8-bit"), description="of the weights of the first layer; it reads 8-bit pixels"
    )
    classifier_precisions: Names = Field(
        ("ternary", "4-bit", "8-bit"), description="of the weights of the last layer; it reads 8 bits"
    )
    expansions: tuple[Annotated[float, Field(gt=0, le=8)], ...] = Field(
        (0.5, 1.0, 1.5, 2.0), min_length=1, description="factors on a cell's width, ascending"
    )
    has_residual: bool = Field(True, description="whether a cell adds the output of the cell before it")

    @field_validator("weight_precisions", "act_precisions", "stem_precisions", "classifier_precisions")
    @classmethod
    def _known_precisions(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = _known(names, PRECISIONS)
        return tuple(sorted(known, key=list(PRECISIONS).index))  # by bits, so that a mutation can step

    @field_validator("expansions")
    @classmethod
    def _ascending(cls, factors: tuple[float, ...]) -> tuple[float, ...]:
        if any(narrow >= wide for narrow, wide in pairwise(factors)):
            raise ValueError("factors must ascend")
        return factors

    @field_validator("ops")
    @classmethod
    def _known_ops(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from evonas.spaces.cell_layout import EDGE_OPS

        _known(names, EDGE_OPS)
        if set(names) == {"none"}:
            raise ValueError("at least one operation besides none is needed")
        return names

    @field_validator("cells")
    @classmethod
    def _known_cells(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        from evonas.spaces.cell_layout import CELL_KINDS

        return _known(names, CELL_KINDS, is_repeatable=True)


class QuantizersConfig(_Section):
    """[quantizers]: which method serves which kind of precision, by name or as FILE.py:NAME of your own."""

    binary_weight: str = Field("xnor", description="xnor")
    ternary_weight: str = Field("tga", description="tga, tga_x2, tga_x4, twn, ttq, tas, lsq_weight, sawb")
    multibit_weight: str = Field("lsq_weight", description="lsq_weight, sawb")
    binary_act: str = Field("approx_sign", description="approx_sign, sign")
    ternary_act: str = Field("lsq", description="lsq, lsq_signed, pact, ternary, ternary_unsigned, ternary_per_image")
    multibit_act: str = Field("lsq", description="lsq, lsq_signed, pact")

    @field_validator("*")
    @classmethod
    def _known_methods(cls, name: str, info: ValidationInfo) -> str:
        from evonas.quant import QUANTIZERS

        role = str(info.field_name).rpartition("_")[2]
        fitting = [known for known, method in QUANTIZERS.items() if method.role == role]
        return name if is_path(name) else _known((name,), fitting)[0]


class SupernetConfig(_Section):
    """[supernet]: how the shared weights are trained."""

    steps: Count = Field(3500, description="updates; each trains one random path")
    batch_size: int = Field(64, ge=2, description="images an update")
    learning_rate: float = Field(5e-3, gt=0, description="at its highest; warm-up and cosine decay around it")
    weight_decay: float = Field(1e-4, ge=0, description="decoupled, on kernels only")
    is_two_pass: bool = Field(False, description="whether quantizers take a step of their own before the weights do")
    calibration_images: int = Field(
        256, ge=2, description="training images that reset a subnet's batch norm before scoring"
    )
    scoring_images: Count = Field(2000, description="held-out images that score a subnet, at most")


class SearchConfig(_Section):
    """[search]: what is minimised, and for how long."""

    objectives: Names = Field(("error", "model_size", "bitops"), description="minimised together")
    constraints: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="upper bounds, such as { model_size = 8192 }"
    )
    budget: Count = Field(600, description="distinct networks to evaluate")
    population: int = Field(40, ge=4, description="survivors and offspring of a generation; never more than the budget")
    crossover_rate: float = Field(0.9, ge=0, le=1, description="share of offspring with two parents")
    mutation_rate: float = Field(0.0, ge=0, le=1, description="chance a gene; 0 means one gene in a genome on average")
    has_baseline: bool = Field(True, description="whether to evaluate as many random networks, for comparison")

    @field_validator("objectives")
    @classmethod
    def _known_objectives(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _known(names, OBJECTIVES)

    @field_validator("constraints")
    @classmethod
    def _known_constraints(cls, bounds: dict[str, float]) -> dict[str, float]:
        _known(tuple(bounds), OBJECTIVES)
        return bounds


class TrainingConfig(_Section):
    """[training]: how ``evonas train`` trains a chosen network from scratch."""

    epochs: Count = Field(60, description="passes over the training and held-out images together")
    batch_size: int = Field(64, ge=2, description="images an update")
    learning_rate: float = Field(1e-2, gt=0, description="at its highest; warm-up and cosine decay around it")
    weight_decay: float = Field(1e-4, ge=0, description="decoupled, on kernels only")
    is_two_pass: bool = Field(False, description="whether quantizers take a step of their own before the weights do")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of the target spread over all classes")
    calibration_images: int = Field(
        2000, ge=2, description="training images that set the batch norm's statistics at the end"
    )


class ComputeConfig(_Section):
    """[compute]: where the work is done. Changes times, never results."""

    workers: int = Field(0, ge=0, description="processes that evaluate networks, one thread each; 0: one a core")


class RunConfig(_Section):
    """A whole run file."""

    name: str = Field(
        "", pattern=r"^[\w.-]*$", description='of the run, in its folder runs/NAME-TIME; "": that of the data'
    )
    seed: int = Field(0, ge=0, description="of everything random but the split")
    data: DataConfig = DataConfig()
    space: SpaceConfig = SpaceConfig()
    quantizers: QuantizersConfig = QuantizersConfig()
    supernet: SupernetConfig = SupernetConfig()
    search: SearchConfig = SearchConfig()
    training: TrainingConfig = TrainingConfig()
    compute: ComputeConfig = ComputeConfig()


def load_config(path: Path | None, overrides: dict[str, dict[str, Any] | Any] | None = None) -> RunConfig:
    """Read a run file and lay overrides over it.

    Args:
        path: A TOML file; None for all defaults.
        overrides: Keys as in the file; a section's keys as a nested dict.

    Raises:
        RunFileError: No such file, not TOML, or unknown keys or impossible values: all of them at once.
    """
    raw: dict[str, Any] = {}
    if path is not None:
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise RunFileError("a readable run file", found=f"{path}: {error}", remedy="check the path") from error
        except tomllib.TOMLDecodeError as error:
            raise RunFileError(
                "a run file in TOML", found=f"{path}: {error}", remedy="mend that line; docs/run-file.md shows the form"
            ) from error
    return parse_config(raw, overrides, source=str(path) if path else "the options")


def parse_config(raw: dict[str, Any], overrides: dict[str, Any] | None = None, *, source: str) -> RunConfig:
    """Check a run file's content; arguments and errors as in :func:`load_config`, ``source`` names it in messages."""
    merged = dict(raw)
    for key, value in (overrides or {}).items():
        below = merged.get(key, {})
        if isinstance(value, dict) and isinstance(below, dict):
            merged[key] = {**below, **value}
        elif not isinstance(value, dict):
            merged[key] = value
    try:
        config = RunConfig.model_validate(merged)
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors()]
        raise RunFileError(
            f"a run file with known keys and possible values ({source})",
            found="; ".join(found for found, _ in problems),
            remedy="; ".join(dict.fromkeys(remedy for _, remedy in problems)),
        ) from error
    try:
        return _resolved(config)
    except (RuntimeError, ValueError) as error:  # an unknown ~user, or a NUL
        raise RunFileError(f"paths that exist ({source})", found=str(error), remedy="mend the paths") from error


def _resolved(config: RunConfig) -> RunConfig:
    """Fill in the name and make paths absolute, so that a run can be resumed from anywhere."""
    data, quantizers = config.data, config.quantizers.model_dump()
    if data.source != "digits":
        data = data.model_copy(update={"source": str(Path(data.source).expanduser().resolve())})
    for key, name in quantizers.items():
        if is_path(name):
            file, _, attribute = name.rpartition(":")
            quantizers[key] = f"{Path(file).expanduser().resolve()}:{attribute}"
    name = config.name or re.sub(r"[^\w.-]", "-", Path(data.source).stem) or "run"
    return config.model_copy(update={"name": name, "data": data, "quantizers": QuantizersConfig(**quantizers)})


def dump_config(config: RunConfig) -> str:
    """Write a complete run file: every key, the defaults too."""
    return tomli_w.dumps(config.model_dump(mode="json"))


def _known(names: tuple[str, ...], table: Any, *, is_repeatable: bool = False) -> tuple[str, ...]:
    unknown = [name for name in names if name not in table]
    if unknown:
        raise ValueError("; ".join(f"{name!r} is unknown, {nearest(name, table)}" for name in unknown))
    if not is_repeatable and len(set(names)) < len(names):
        raise ValueError("a name stands there twice")
    return names


def _problem(detail: Any) -> tuple[str, str]:
    """One pydantic error as what was found and what to do."""
    path = [str(part) for part in detail["loc"]]
    where = ".".join(path) or "the run file"
    if detail["type"] == "extra_forbidden":
        model: Any = RunConfig
        for part in path[:-1]:
            model = model.model_fields[part].annotation
        return f"unknown key {where}", f"{where}: {nearest(path[-1], model.model_fields)}"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    given = repr(detail["input"])
    shown = f" {given}" if path and len(given) < 60 else ""
    return f"{where}{' =' if shown else ''}{shown} ({message})", f"change {where}"
