"""The run file: every key with its default, checked all at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from evonas.bounds import Bound
from evonas.config_space import (
    GIVEN_IN_PYTHON,
    SPACE_CONFIGS,
    CellsConfig,
    Count,
    Names,
    OwnSpaceConfig,
    Section,
    SpaceConfig,
    known,
)
from evonas.config_training import ComputeConfig, TrainingConfig
from evonas.errors import RunFileError, nearest
from evonas.plugins import is_path
from evonas.presets import preset_values
from objectives import LATENCY, OBJECTIVES

LEAST_NETWORKS = 8  # that a correction can be fitted to
Share = Annotated[float, Field(gt=0, lt=1)]


class DataConfig(Section):
    """[data]: which images, and how they are split."""

    source: str = Field(
        "digits",
        description='"digits"; an .npz file; a folder of IDX files, of CIFAR\'s binary version, or with '
        'train/CLASS/*.png or *.jpg; "hf:NAME" or "hf:NAME:CONFIG", fetched from the Hugging Face hub',
    )
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


class QuantizersConfig(Section):
    """[quantizers]: which method serves which kind of precision, by name or as FILE.py:NAME of your own."""

    binary_weight: str = Field("xnor", description="xnor")
    ternary_weight: str = Field("tga", description="tga, tga_x2, tga_x4, twn, twn_max, ttq, tas, lsq_weight, sawb")
    multibit_weight: str = Field("lsq_weight", description="lsq_weight, sawb")
    binary_act: str = Field("approx_sign", description="approx_sign, sign")
    ternary_act: str = Field("lsq", description="lsq, lsq_signed, pact, ternary, ternary_unsigned, ternary_per_image")
    multibit_act: str = Field("lsq", description="lsq, lsq_signed, pact")

    @field_validator("*")
    @classmethod
    def _known_methods(cls, name: str, info: ValidationInfo) -> str:
        if is_path(name) or name == cls.model_fields[str(info.field_name)].default:
            return name
        from evonas.quant import QUANTIZERS  # and torch with it, which a table of results does without

        role = str(info.field_name).rpartition("_")[2]
        fitting = [other for other, method in QUANTIZERS.items() if method.role == role]
        return known((name,), fitting)[0]


class SupernetConfig(Section):
    """[supernet]: how the shared weights are trained."""

    strategy: str = Field(
        "single_path",
        description="single_path: one random network a step; sandwich: the largest, the smallest and random ones; "
        "shared_convolution, shared_convolution_soft: one network, each layer with all its precisions at once",
    )
    paths: int = Field(6, ge=2, description="networks of a step of sandwich; the other strategies take one")
    steps: Count = Field(3500, description="optimizer steps; each costs as much as it has paths")
    batch_size: int = Field(64, ge=2, description="images an update")
    learning_rate: float = Field(5e-3, gt=0, description="at its highest; warm-up and cosine decay around it")
    weight_decay: float = Field(1e-4, ge=0, description="decoupled, on kernels only")
    partial_normal: Count = Field(
        1, description="k: in the supernet, an edge of a normal cell sees 1/k of the channels; 1: all"
    )
    partial_reduction: Count = Field(1, description="the same k for an edge of a reduction cell")
    expansion_steps: Count = Field(500, description="updates after widths were unlocked; see search.expansion_share")
    early_stop: bool = Field(
        False, description="whether training ends early once the rank order of fixed random networks has settled"
    )
    probes: int = Field(
        24,
        ge=4,
        description="those networks; scored every twentieth of the steps, at the cost of some updates",
    )
    settled_tau: float = Field(
        0.7, gt=0, le=1, description="Kendall's tau between two scorings in a row from which their orders agree"
    )
    patience: Count = Field(3, description="agreements in a row that make the order settled; then the decay begins")

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, name: str) -> str:
        if name == cls.model_fields["strategy"].default:
            return name
        from evonas.strategies import STRATEGIES

        return known((name,), STRATEGIES)[0]

    @model_validator(mode="after")
    def _fits_partial_channels(self) -> Self:
        if self.strategy.startswith("shared_convolution") and max(self.partial_normal, self.partial_reduction) > 1:
            raise ValueError("shared convolution blends the precisions of whole edges, so partial channels must be 1")
        return self


class EstimateConfig(Section):
    """[estimate]: how the error of a network is estimated during the search."""

    method: Literal["one-shot", "short-training", "auto"] = Field(
        "one-shot", description="weights of a supernet; a brief training of each; or what takes less time here"
    )
    steps: Count = Field(150, description="updates of a brief training, by the recipe under [training]")
    correction_networks: int = Field(
        32, ge=0, description="networks trained briefly to correct what inherited weights tell; 0: no correction"
    )
    tuning_steps: int = Field(
        50, ge=0, description="updates of each network of the front before it is scored once more; 0: none"
    )
    tuning_networks: Count = Field(
        100, description="networks of the front that are tuned, evenly chosen over model sizes if there are more"
    )
    calibration_images: int = Field(
        200, ge=2, description="training images that reset a subnet's batch norm before scoring"
    )
    scoring_images: Count = Field(2000, description="held-out images that score a network, at most")
    seconds_a_network: float = Field(0.0, ge=0, description="time after which a network has failed; 0: no limit")
    retries: int = Field(
        1, ge=0, description="further tries of a network that ran out of time or memory, or lost its worker"
    )

    @field_validator("correction_networks")
    @classmethod
    def _enough(cls, n: int) -> int:
        if 0 < n < LEAST_NETWORKS:
            raise ValueError(f"0 for none, or at least {LEAST_NETWORKS}")
        return n


class SearchConfig(Section):
    """[search]: what is minimised, and for how long."""

    objectives: Names = Field(
        ("error", "model_size", "bitops"),
        description="minimised together; a measure's name, or FILE.py:NAME of your own",
    )
    constraints: dict[str, Bound] = Field(
        default_factory=dict,
        description='upper bounds, such as { model_size = 8192 }; or, in spaces of blocks in stages, { flops = "base", '
        'energy = "0.7 base" }: shares of what the network with all width factors 1 and the most bits has',
    )
    algorithm: Literal["auto", "nsga2", "nsga3", "random", "exhaustive"] = Field(
        "auto", description="auto: nsga2, or nsga3 for four objectives and more; exhaustive: every network"
    )
    mode: Literal["generational", "asynchronous"] = Field(
        "generational",
        description="asynchronous: no worker waits for a generation's last network; for evaluations of uneven length",
    )
    predictors: Literal["auto"] | tuple[str, ...] = Field(
        "auto",
        description="learned predictors that propose networks, by name: gaussian_process, ridge, forest; the best is "
        "used; []: none; auto: all three, unless an evaluation is known to cost less than a proposal",
    )
    proposals: Count = Field(10, description="networks that a predictor proposes a generation")
    budget: Count = Field(600, description="distinct networks to evaluate")
    seconds: float = Field(
        0.0, ge=0, description="time after which the search evaluates no further network; 0: no limit"
    )
    generations: int = Field(0, ge=0, description="generations after which the search ends; 0: no limit")
    stall: int = Field(
        0, ge=0, description="ends when the hypervolume grew by less than 0.1 % over so many networks; 0: never"
    )
    population: int = Field(40, ge=4, description="survivors and offspring of a generation; never more than the budget")
    crossover_rate: float = Field(0.9, ge=0, le=1, description="share of offspring with two parents")
    mutation_rate: float = Field(0.0, ge=0, le=1, description="chance a gene; 0 means one gene in a genome on average")
    expansion_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="a layer's next expansion unlocks when more of the elite, the most accurate quarter of the front, "
        "use its largest open width; 1: never",
    )
    has_baseline: bool = Field(True, description="whether to evaluate as many random networks, for comparison")

    @field_validator("predictors")
    @classmethod
    def _known_predictors(cls, names: tuple[str, ...] | str) -> tuple[str, ...] | str:
        if isinstance(names, str):
            return names
        from surrogates.predictors import PREDICTORS

        return known(names, PREDICTORS)


class RunConfig(Section):
    """A whole run file."""

    name: str = Field(
        "", pattern=r"^[\w.-]*$", description='of the run, in its folder runs/NAME-TIME; "": that of the data'
    )
    seed: int = Field(0, ge=0, description="of everything random but the split")
    data: DataConfig = DataConfig()
    space: SpaceConfig = CellsConfig()
    quantizers: QuantizersConfig = QuantizersConfig()
    supernet: SupernetConfig = SupernetConfig()
    estimate: EstimateConfig = EstimateConfig()
    search: SearchConfig = SearchConfig()
    training: TrainingConfig = TrainingConfig()
    compute: ComputeConfig = ComputeConfig()


def load_config(
    path: Path | None,
    overrides: dict[str, dict[str, Any] | Any] | None = None,
    *,
    preset: str | None = None,
    given_space: str | None = None,
) -> RunConfig:
    """Read a run file, lay it over a preset, and overrides over both.

    Args:
        path: A TOML file; None for all defaults.
        overrides: Keys as in the file; a section's keys as a nested dict.
        preset: Name of ready-made values for keys that the file leaves out; see :mod:`evonas.presets`.
        given_space: Class of a search space that is given as an object, instead of the file's.

    Raises:
        RunFileError: No such file or preset, not TOML, or unknown keys or impossible values: all of them at once.
    """
    raw = {} if path is None else read_toml(path, wanted="a run file", form="docs/run-file.md")
    if preset is not None:
        raw = laid_over(preset_values(preset), raw)
    source = str(path or (f"preset {preset}" if preset else "the options"))
    return parse_config(raw, overrides, source=source, given_space=given_space)


def read_toml(path: Path, *, wanted: str, form: str) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.
        wanted: What it should be, for messages.
        form: The document that shows its form, for messages.

    Raises:
        RunFileError: No such file, or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RunFileError(f"{wanted} that can be read", found=f"{path}: {error}", remedy="check the path") from error
    except tomllib.TOMLDecodeError as error:
        raise RunFileError(
            f"{wanted} in TOML", found=f"{path}: {error}", remedy=f"mend that line; {form} shows the form"
        ) from error


def parse_config(
    raw: dict[str, Any], overrides: dict[str, Any] | None = None, *, source: str, given_space: str | None = None
) -> RunConfig:
    """Check a run file's content; arguments and errors as in :func:`load_config`, ``source`` names it in messages."""
    merged = laid_over(raw, overrides or {})
    if given_space is not None:
        merged["space"] = {"kind": GIVEN_IN_PYTHON + given_space}
    problems = []
    try:
        config = RunConfig.model_validate(merged)
    except ValidationError as error:
        problems = [_problem(detail) for detail in error.errors()]
    problems += _unknown_measures(merged)
    if problems:
        raise RunFileError(
            f"a run file with known keys and possible values ({source})",
            found="; ".join(found for found, _ in problems),
            remedy="; ".join(dict.fromkeys(remedy for _, remedy in problems)),
        )
    try:
        return _resolved(config)
    except (RuntimeError, ValueError) as error:  # an unknown ~user, or a NUL
        raise RunFileError(f"paths that exist ({source})", found=str(error), remedy="mend the paths") from error


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Keys of ``above``, and of ``below`` what it leaves out, section by section.

    A ``[space]`` of another kind is taken as a whole.
    """
    merged = dict(below)
    for key, value in above.items():
        section = below.get(key, {})
        if not isinstance(value, dict):
            merged[key] = value
        elif isinstance(section, dict):
            before = section.get("kind", "cells")
            is_other_space = key == "space" and value.get("kind", before) != before
            merged[key] = value if is_other_space else {**section, **value}
    return merged


def _resolved(config: RunConfig) -> RunConfig:
    """Fill in the name and make paths absolute, so that a run can be resumed from anywhere."""
    data, search = config.data, config.search
    if data.source != "digits" and not data.source.startswith("hf:"):  # these two are names
        data = data.model_copy(update={"source": str(Path(data.source).expanduser().resolve())})
    quantizers = {key: _resolved_path(name) for key, name in config.quantizers.model_dump().items()}
    bounds = {_resolved_path(name): bound for name, bound in search.constraints.items()}
    objectives = tuple(map(_resolved_path, search.objectives))
    changed: dict[str, Any] = {
        "name": config.name or re.sub(r"[^\w.-]", "-", Path(data.source).stem) or "run",
        "data": data,
        "quantizers": QuantizersConfig(**quantizers),
        "search": search.model_copy(update={"objectives": objectives, "constraints": bounds}),
    }
    if isinstance(config.space, OwnSpaceConfig):
        options = {key: _resolved_file(value) for key, value in config.space.options.items()}
        changed["space"] = config.space.model_copy(
            update={"kind": _resolved_path(config.space.kind), "options": options}
        )
    return config.model_copy(update=changed)


def _resolved_file(value: Any) -> Any:
    """An option that names a file, by its absolute path; anything else as it is."""
    is_file = isinstance(value, str) and Path(value).expanduser().is_file()
    return str(Path(value).expanduser().resolve()) if is_file else value


def _resolved_path(name: str) -> str:
    if not is_path(name):
        return name
    file, _, attribute = name.rpartition(":")
    return f"{Path(file).expanduser().resolve()}:{attribute}"


def dump_config(config: RunConfig) -> str:
    """Write a complete run file: every key, the defaults too."""
    return tomli_w.dumps(config.model_dump(mode="json"))


def _unknown_measures(raw: dict[str, Any]) -> list[tuple[str, str]]:
    """Objectives and constraints that nobody measures, each as what was found and what to do.

    A space of one's own may measure what it likes, which shows only later.
    """
    space, search = raw.get("space", {}), raw.get("search", {})
    if not isinstance(search, dict) or (isinstance(space, dict) and space.get("kind", "cells") not in SPACE_CONFIGS):
        return []
    known_names, problems = (*OBJECTIVES, LATENCY.name), []
    for key in ("objectives", "constraints"):
        names = search.get(key, ())
        for name in names if isinstance(names, (list, tuple, dict)) else ():
            if isinstance(name, str) and not is_path(name) and name not in known_names:
                where = f"search.{key}"
                problems.append((f"{where}: {name!r} is unknown", f"{where}: {nearest(name, known_names)}"))
    return problems


def _problem(detail: Any) -> tuple[str, str]:
    """One pydantic error as what was found and what to do."""
    path = [str(part) for part in detail["loc"]]
    given = detail["input"]
    models: dict[str, Any] = {name: field.annotation for name, field in RunConfig.model_fields.items()}
    if path[:1] == ["space"] and len(path) > 1:  # behind it stands which kind of space
        models["space"] = {**SPACE_CONFIGS, "own": OwnSpaceConfig}[path.pop(1)]
    elif detail["type"] == "space_kind" and isinstance(given, dict):
        path, given = ["space", "kind"], given.get("kind")
    where = ".".join(path) or "the run file"
    if detail["type"] == "extra_forbidden":
        table = models[path[0]].model_fields if len(path) > 1 else RunConfig.model_fields
        return f"unknown key {where}", f"{where}: {nearest(path[-1], table)}"
    message = detail["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    shown = f" {given!r}" if path and len(repr(given)) < 60 else ""
    return f"{where}{' =' if shown else ''}{shown} ({message})", f"change {where}"
