"""All that a run stores beside its evaluations, as one typed model."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from objectives import Fidelity


class Origin(StrEnum):
    """Why a network was evaluated."""

    SEARCH = "search"
    RANDOM = "random"
    """A random network of the baseline."""
    UNIFORM = "uniform"
    """A network as one would make it by hand: uniform precisions and widths."""
    ANCHOR = "anchor"
    """A network that was trained before the search, so that estimates have something to rest on."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class GeneFacts(_Model):
    """A gene of the search space: its name, the labels of its choices, and what these stand for, if that was given."""

    name: str
    choices: list[str]
    values: list[bool | int | float | str | None] | None = None


class EstimateFacts(_Model):
    """What trainings taught about one kind of score; see :class:`surrogates.ladder.rung.Rung`.

    Attributes:
        n: Networks that were trained by the whole recipe and have such a score.
        is_used: Whether errors are estimated from it; if not, from costs alone.
        factor: Half of the networks left out were measured within this factor of their estimate.
        within: Share of the networks left out that were measured inside their interval.
        tau: Kendall's tau between estimates and measurements of the networks left out.
    """

    n: int
    is_used: bool
    factor: float | None = None
    within: float | None = None
    tau: float | None = None


class ExpansionFacts(_Model):
    """A width that a search unlocked; see :class:`evonas.run.expansion.Expansion`."""

    generation: int
    stage: int
    gene: str
    share: float
    opens: str
    unlocks: int = 1


class ModelFacts(_Model):
    """How well a predictor ranked networks; see :class:`evonas.algorithms.objective_models.ModelQuality`."""

    generation: int
    target: str
    evaluations: int
    predictor: str
    tau: float
    is_used: bool
    proposed_tau: float | None = None


class TrustFacts(_Model):
    """What ``evonas trust`` measured: a row per way of ranking, and a sentence."""

    networks: int
    seeds: int
    epochs: int
    sentence: str
    table: list[dict[str, Any]]


class Facts(_Model):
    """The facts of a run. The first ones are known when it begins.

    Attributes:
        schema_version: Of the archive.
        settings: The complete run file as plain data.
        measures: What every evaluation is measured by; attributes of :class:`objectives.Objective`.
        objectives: Names of what the search minimises, or maximises.
        constraints: Upper bounds by name; lower ones of what is maximised.
        is_table: Whether values are looked up, so that nothing is trained.
        created: Date and time.
        started_with: What must not change in it, see :mod:`evonas.run.provenance`.
        bounds: Where the hypervolume's box begins and ends, by measure.
        log10_space_size: Decimal logarithm of the number of genomes.
        genes: Of the search space.
        expects: What a network of the run expects at deployment and gives back: input, output, classes.
        predictors_reason, estimate_reason: Why these were chosen, where the run file left it open.
        seconds: Spent so far.
        stop_reason: How the search ended; None before.
        time_spent_after: Evaluations after which time ended the search.
        warnings: What the user should know.
        supernets: SHA-256 of the supernet of each stage that has one.
        supernet_steps: Steps that the first one was trained for.
        supernet_device: What it is trained on.
        probe_taus: Steps done, and Kendall's tau between two scorings of fixed networks.
        estimates: What the scores of each fidelity are worth, as of the last fit.
        expansions: Widths unlocked.
        trainings: Trainings of the last part by origin, once it was over: the front of that origin is then measured.
        heldout_images: That errors are shares of, see :func:`objectives.held_out.effective_images`; None where nothing
            is trained.
        predictors: A row per generation and target.
        rejections: Networks that exceeded a bound before evaluation, by bound.
        in_flight: Pairs of evaluations known by then and networks evaluated at a time, in asynchronous mode.
        trust: What ``evonas trust`` measured.
        has_reports: Whether page and figures of the complete run were written.
        signature: Of whoever started it, see :mod:`evonas.signing`.
    """

    schema_version: int
    settings: dict[str, Any]
    measures: list[dict[str, Any]]
    objectives: list[str]
    constraints: dict[str, float]
    is_table: bool = False
    created: str = ""
    started_with: dict[str, dict[str, Any]] = Field(default_factory=dict)
    bounds: dict[str, tuple[float, float]] = Field(default_factory=dict)
    log10_space_size: float = 0.0
    genes: list[GeneFacts] = Field(default_factory=list)
    expects: dict[str, str] = Field(default_factory=dict)
    predictors_reason: str = ""
    estimate_reason: str = ""
    seconds: float = 0.0
    stop_reason: str | None = None
    time_spent_after: int | None = None
    warnings: list[str] = Field(default_factory=list)
    supernets: dict[int, str] = Field(default_factory=dict)
    supernet_steps: int | None = None
    supernet_device: str | None = None
    probe_taus: list[tuple[int, float]] = Field(default_factory=list)
    estimates: dict[Fidelity, EstimateFacts] = Field(default_factory=dict)
    expansions: list[ExpansionFacts] = Field(default_factory=list)
    trainings: dict[Origin, int] = Field(default_factory=dict)
    heldout_images: int | None = None
    predictors: list[ModelFacts] = Field(default_factory=list)
    rejections: dict[str, int] = Field(default_factory=dict)
    in_flight: list[tuple[int, int]] = Field(default_factory=list)
    trust: TrustFacts | None = None
    has_reports: bool = False
    signature: str = ""

    @property
    def noun(self) -> str:
        """What people call a genome of this run: what is looked up or computed need be no network."""
        return "configuration" if self.is_table else "network"
