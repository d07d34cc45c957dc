"""Sections of the run file: ``[data]``, ``[quantizers]``, ``[supernet]``, ``[estimate]``, ``[search]``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from evonas.architecture.methods import QUANTIZERS
from evonas.config.bounds import Bound
from evonas.errors import RunFileError
from evonas.plugins import is_path
from evonas.spaces.settings import MOST, Count, Names, Seed, Settings, known
from objectives import QUALITIES
from surrogates.predictors import PREDICTOR_NAMES

Share = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, BeforeValidator(lambda name: str(name) if type(name) is int else name)]
Pixels = Annotated[int, Field(ge=0, le=10_000)]
Side = Annotated[int, Field(ge=1, le=8192)]
MOST_STEPS = 1_000_000_000
MOST_SECONDS = 1e8  # three years
STRATEGY_NAMES = ("single_path", "sandwich", "shared_convolution", "shared_convolution_soft")
"""Keys of :data:`evonas.training.strategies.STRATEGIES`, which needs torch."""


class DataConfig(Settings):
    """[data]: which images, and how they are split."""

    source: str = Field(
        "digits",
        description='"digits"; an .npz file; a .csv, .tsv or .parquet table; a folder of .npy files, of tables named '
        "train, val and test, of IDX files, of CIFAR's binary version, or of pictures or .wav recordings as CLASS/* or "
        'train/CLASS/*; "hf:NAME" or "hf:NAME:CONFIG", fetched from the Hugging Face hub',
    )
    inputs: str = Field("auto", description="name of the array of inputs in .npz and .npy; auto: images, x or data")
    labels: str = Field(
        "auto",
        description="name of the array or the column of labels; auto: labels, label, y, targets or target, in tables "
        "also class",
    )
    groups: str = Field(
        "",
        description="name of the array or the column that says whom or what an example is of, such as speaker; of "
        "folders a regular expression with one group, searched in a file's path below source; no group is in two "
        'parts of the split; "": none',
    )
    test_groups: tuple[Name, ...] = Field((), description="groups that are the test set; []: chosen by test_share")
    heldout_groups: tuple[Name, ...] = Field(
        (), description="groups that are the held-out set; []: chosen by heldout_share"
    )
    split: str = Field(
        "",
        description="name of the array or the column that says where an example belongs: train, val or test, or true "
        'for the test set; "": none',
    )
    axes: Literal["auto", "channels_last", "channels_first", "time", "time_channels", "channels_time", "features"] = (
        Field(
            "auto",
            description="order of the axes of arrays: channels_last is (n, height, width, channels), channels_first "
            "(n, channels, height, width); of signals (n, time), (n, time, channels) or (n, channels, time); features: "
            "(n, features) without order; auto: images, channels last where those are 1 to 4, and refused where both "
            "could be meant",
        )
    )
    shape: Literal["auto"] | Annotated[tuple[Count, ...], Field(min_length=1)] = Field(
        "auto",
        description="how the numbers of a row are arranged, such as [28, 28], where arrays have two axes; auto: not",
    )
    standardize: Literal["auto", "none", "all", "channel", "row", "column", "feature"] = Field(
        "auto",
        description="what numbers are standardised over, on the training images, before they are written in 8 bits: "
        "all of them, a channel, a row, a column, or each number of an image alone; none: they are pixels, 8 bits "
        "without sign or within 0 to 1; auto: pixels where the images are such and no features, else by channel",
    )
    subtract: Literal["nothing", "mean", "maximum"] = Field(
        "nothing",
        description="what of each image is subtracted from its numbers before they are standardised, so that its level "
        "does not count: loudness in log_mel, brightness in pictures",
    )
    depth: float = Field(
        0.0,
        ge=0,
        le=1e9,
        description="how far below its maximum an image's numbers may lie, where that is subtracted; lower ones are "
        "raised: silence in log_mel; 0: any",
    )
    size: Literal["auto"] | tuple[Side, Side] = Field(
        "auto", description="[height, width] in pixels that images are brought to; auto: as they are"
    )
    fit: Literal["pad", "crop", "stretch"] = Field(
        "pad", description="how size is reached: pad keeps all and fills the border, crop cuts the border, both centred"
    )
    background: Literal["none", "black", "white"] = Field(
        "none", description="what transparent pixels lie on; none: refused where there are any, and borders are black"
    )
    skip_damaged: bool = Field(
        False, description="whether damaged pictures and recordings are left out, with a warning; or refused"
    )
    audio: Literal["log_mel", "raw"] = Field(
        "log_mel",
        description="what .wav recordings become: log_mel, energies of bands of frequency as (n, frames, mels); raw, "
        "signals within -1 to 1",
    )
    sample_rate: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Hz that recordings are resampled to; 0: as they are, refused where they differ",
    )
    seconds: float = Field(
        0.0,
        ge=0,
        le=86_400,
        description="length that recordings are cut or, with zeros at their end, padded to; 0: as they are, refused "
        "where they differ",
    )
    mels: int = Field(40, ge=1, le=1024, description="bands of log_mel")
    window_ms: float = Field(40.0, gt=0, le=60_000, description="length of a frame of log_mel, in milliseconds")
    hop_ms: float = Field(
        20.0, gt=0, le=60_000, description="from the start of a frame to that of the next, in milliseconds"
    )
    test_share: Share = Field(0.2, description="share of the images set aside for the test, if they bring no test set")
    heldout_share: Share = Field(
        0.2, description="share of the rest that scores networks during the search, if there is no held-out set"
    )
    split_seed: Seed = Field(
        0, description="seed of the split; apart from the run's seed, so that runs share a test set"
    )
    limit: int = Field(
        0,
        ge=0,
        le=1_000_000_000,
        description="training and held-out images to use, taken evenly from the classes; 0: all",
    )
    pool: int = Field(
        1, ge=1, le=1024, description="side of the squares of pixels that are averaged into one, to shrink the images"
    )
    shift: Pixels | tuple[Pixels, Pixels] = Field(
        1, description="augmentation: largest random displacement in pixels; [rows, columns] where the axes differ"
    )
    flip: bool = Field(False, description="augmentation: mirror half of the images left to right")

    @model_validator(mode="after")
    def _levels(self) -> Self:
        if self.subtract != "nothing" and self.standardize == "none":
            raise ValueError(f"pixels keep their {self.subtract}: choose another standardize for subtract")
        if self.depth and self.subtract != "maximum":
            raise ValueError('depth is below the maximum: set subtract = "maximum"')
        return self


def _methods(role: str, precision: str) -> str:
    """Names of the methods that serve a precision in a role."""
    return ", ".join(name for name, one in QUANTIZERS.items() if one.role == role and precision in one.serves)


class QuantizersConfig(Settings):
    """[quantizers]: which method serves which kind of precision, by name or as FILE.py:NAME of your own."""

    binary_weight: str = Field("xnor", description=_methods("weight", "binary"))
    ternary_weight: str = Field("tga", description=_methods("weight", "ternary"))
    multibit_weight: str = Field("lsq_weight", description=_methods("weight", "2-bit"))
    binary_act: str = Field("approx_sign", description=_methods("act", "binary"))
    ternary_act: str = Field("lsq", description=_methods("act", "ternary"))
    multibit_act: str = Field("lsq", description=_methods("act", "2-bit"))

    @field_validator("*")
    @classmethod
    def _known_methods(cls, name: str, info: ValidationInfo) -> str:
        if is_path(name):
            return name
        role = str(info.field_name).rpartition("_")[2]
        fitting = [other for other, method in QUANTIZERS.items() if method.role == role]
        return known((name,), fitting)[0]


class SupernetConfig(Settings):
    """[supernet]: how the shared weights are trained."""

    strategy: str = Field(
        "single_path",
        description="single_path: one random network per step; sandwich: the largest, the smallest and random ones; "
        "shared_convolution, shared_convolution_soft: one network, each layer with all its precisions at once",
    )
    paths: int = Field(6, ge=2, le=1000, description="networks per step of sandwich; the other strategies take one")
    steps: int = Field(3500, ge=1, le=MOST_STEPS, description="optimizer steps; each costs as much as it has paths")
    batch_size: int = Field(64, ge=2, le=MOST, description="images per step")
    learning_rate: float = Field(
        5e-3, gt=0, le=100, description="its highest value, between a warm-up and a cosine decay"
    )
    weight_decay: float = Field(1e-4, ge=0, le=100, description="decoupled, on kernels only")
    partial_normal: int = Field(
        1, ge=1, le=1024, description="k: in the supernet, an edge of a normal cell sees 1/k of the channels; 1: all"
    )
    partial_reduction: int = Field(1, ge=1, le=1024, description="the same k for an edge of a reduction cell")
    expansion_steps: int = Field(
        500, ge=1, le=MOST_STEPS, description="steps after widths were unlocked; see search.expansion_share"
    )
    early_stop: bool = Field(
        False, description="whether training ends early once the rank order of fixed random networks has settled"
    )
    probes: int = Field(
        24,
        ge=4,
        le=10_000,
        description="how many networks; scoring them, every twentieth of the steps, takes as long as some steps",
    )
    settled_tau: float = Field(
        0.7, gt=0, le=1, description="Kendall's tau between two scorings in a row from which on their orders agree"
    )
    patience: Count = Field(3, description="agreements in a row after which the order is settled and the decay begins")

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, name: str) -> str:
        return known((name,), STRATEGY_NAMES)[0]

    @model_validator(mode="after")
    def _fits_partial_channels(self) -> Self:
        if self.strategy.startswith("shared_convolution") and max(self.partial_normal, self.partial_reduction) > 1:
            raise ValueError("shared convolution blends the precisions of whole edges, so partial channels must be 1")
        return self


class EstimateConfig(Settings):
    """[estimate]: how the error that a network would reach is estimated during the search."""

    method: Literal["one-shot", "short-training", "auto"] = Field(
        "one-shot", description="weights of a supernet, a short training of each, or whichever takes less time here"
    )
    steps: int = Field(
        0,
        ge=0,
        le=MOST_STEPS,
        description="steps of a short training, by the recipe under [training]; 0: a quarter of all its steps",
    )
    anchors: int = Field(
        8,
        ge=0,
        le=100_000,
        description="networks of all sizes that are trained by the recipe under [training] before the search: what "
        "estimates rest on; 0: none, and intervals are wide",
    )
    calibration_images: int = Field(
        200, ge=2, le=MOST, description="training images that reset a subnet's batch norm before scoring"
    )
    scoring_images: Count = Field(2000, description="held-out images that score a network, at most")
    seconds_per_network: float = Field(
        0.0, ge=0, le=MOST_SECONDS, description="time after which a network has failed; 0: no limit"
    )
    retries: int = Field(
        1, ge=0, le=100, description="further tries of a network that ran out of time or memory, or lost its worker"
    )


class SearchConfig(Settings):
    """[search]: what is minimised, and for how long."""

    objectives: Names = Field(
        ("error", "model_size", "bitops"),
        description="minimised together, or maximised where they say so; a measure's name, or FILE.py:NAME of your "
        "own; of error, balanced_error and macro_f1_error one, which then counts as error everywhere; by default "
        "a table or a function of your own is searched for all that it measures; with a [device] instructions stand in "
        "the place of bitops",
    )
    constraints: dict[str, Bound] = Field(
        default_factory=dict,
        description="upper bounds, lower ones of what is maximised, such as { model_size = 8192 }; or, in spaces of "
        'blocks in stages, { flops = "base", energy = "0.7 base" }: shares of what the network with all width factors '
        "1 and the most bits has",
    )
    algorithm: Literal["auto", "nsga2", "nsga3", "random", "exhaustive"] = Field(
        "auto", description="auto: nsga2, or nsga3 for four objectives and more; random; exhaustive: every network"
    )
    mode: Literal["generational", "asynchronous"] = Field(
        "generational",
        description="asynchronous: no worker waits for a generation's last network; for evaluations of uneven length",
    )
    predictors: Literal["auto"] | tuple[str, ...] = Field(
        "auto",
        description="learned predictors that propose networks, by name: gaussian_process, ridge, forest; of several "
        "the best; []: none; auto: gaussian_process, unless an evaluation is known to cost less than a proposal",
    )
    proposals: Count = Field(
        10,
        description="networks that predictors propose per generation, at most; no more than a tenth of what is known",
    )
    budget: int = Field(600, ge=1, le=10_000_000, description="distinct networks to evaluate")
    seconds: float = Field(
        0.0,
        ge=0,
        le=MOST_SECONDS,
        description="time after which the search ends; it evaluates no network in the last part of it, which is for "
        "trainings; 0: no limit",
    )
    training_share: float = Field(0.4, ge=0, lt=1, description="of that time: how much of it is for trainings")
    generations: int = Field(0, ge=0, le=10_000_000, description="generations after which the search ends; 0: no limit")
    stall: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="ends when the hypervolume grew by less than 0.1 % over so many networks; 0: never",
    )
    population: int = Field(
        40, ge=4, le=100_000, description="survivors and offspring of a generation; never more than the budget"
    )
    crossover_rate: float = Field(0.9, ge=0, le=1, description="share of offspring with two parents")
    mutation_rate: float = Field(0.0, ge=0, le=1, description="chance per gene; 0: one gene of a genome on average")
    expansion_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="a layer's next expansion unlocks when more of the elite, the most accurate quarter of the front, "
        "use its largest open width; 1: never",
    )
    has_baseline: bool = Field(True, description="whether to evaluate as many random networks, for comparison")
    has_uniform: bool = Field(
        False,
        description="whether to evaluate the space's uniform networks, too, one precision and width everywhere, as one "
        "would make them by hand",
    )
    trainings: Literal["auto"] | Annotated[int, Field(ge=0, le=100_000)] = Field(
        "auto",
        description="networks that are trained at the end by the recipe under [training], those that promise most for "
        "the front, and measured on the held-out images; as many of random search and of uniform networks; auto: as "
        "many as 20,000 steps are enough for, 12 at least and 40 at most; 0: the front is one of estimates",
    )
    has_brief_trainings: Literal["auto", True, False] = Field(
        "auto",
        description="whether networks may be trained for a short while first (estimate.steps), where that tells enough "
        "for its time; auto: where a training takes 2,000 steps and more",
    )

    @field_validator("predictors")
    @classmethod
    def _known_predictors(cls, names: tuple[str, ...] | str) -> tuple[str, ...] | str:
        return names if isinstance(names, str) else known(names, PREDICTOR_NAMES)

    def quality(self) -> str:
        """What counts as error in a run of networks, by name.

        Raises:
            RunFileError: Objectives and constraints name several: trainings and estimates are of one.
        """
        named = [name for name in dict.fromkeys((*self.objectives, *self.constraints)) if name in QUALITIES]
        if len(named) > 1:
            raise RunFileError(
                f"at most one of {', '.join(QUALITIES)} among search.objectives and search.constraints",
                found=" and ".join(named),
                remedy="keep the one that counts, in both; the run's page shows what each class reaches anyway",
            )
        return named[0] if named else "error"
