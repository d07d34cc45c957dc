"""All that a run stores beside its evaluations, as one typed model."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Origin(StrEnum):
    """Why a network was evaluated."""

    SEARCH = "search"
    RANDOM = "random"
    """A random network of the baseline."""
    TUNED = "tuned"
    """A candidate of the front, scored again after a few steps of training."""
    INHERITED = "inherited"
    """A network that the correction is fitted to, with inherited weights."""
    INHERITED_TUNED = "inherited_tuned"
    """The same, after as many steps as the front's candidates."""
    SHORT_TRAINING = "short_training"
    """The same network, trained from scratch for a short while."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GeneFacts(_Model):
    """A gene of the search space: its name and the labels of its choices."""

    name: str
    choices: list[str]


class CorrectionFacts(_Model):
    """What short training runs taught about inherited errors.

    Attributes:
        n: Networks that were trained.
        is_used: Whether errors are corrected by it.
        has_costs, tau, raw_tau, noise: See :class:`surrogates.correction.Correction`; None where it is not used.
    """

    n: int
    is_used: bool
    has_costs: bool | None = None
    tau: float | None = None
    raw_tau: float | None = None
    noise: float | None = None


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
        objectives: Names of what the search minimises.
        constraints: Upper bounds by name.
        is_table: Whether values are looked up, so that nothing is trained.
        created: Date and time.
        started_with: What must not change in it, see :mod:`evonas.run.provenance`.
        bounds: Where the hypervolume's box begins and ends, by measure.
        log10_space_size: Decimal logarithm of the number of genomes.
        genes: Of the search space.
        predictors_reason, estimate_reason: Why these were chosen, where the run file left it open.
        seconds: Spent so far.
        stop_reason: How the search ended; None before.
        time_spent_after: Evaluations after which time ended the search.
        warnings: What the user should know.
        supernets: SHA-256 of the supernet of each stage that has one.
        supernet_steps: Steps that the first one was trained for.
        supernet_device: What it is trained on.
        probe_taus: Steps done, and Kendall's tau between two scorings of fixed networks.
        corrections: Fitted so far, by the origin of the networks.
        expansions: Widths unlocked.
        is_tuned: Whether all candidates of the front were scored again, so that the front is drawn from that.
        predictors: A row per generation and target.
        rejections: Networks that exceeded a bound before evaluation, by bound.
        in_flight: Pairs of evaluations known by then and networks evaluated at a time, in asynchronous mode.
        trust: What ``evonas trust`` measured.
        has_reports: Whether page and figures of the complete run were written.
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
    corrections: dict[Origin, CorrectionFacts] = Field(default_factory=dict)
    expansions: list[ExpansionFacts] = Field(default_factory=list)
    is_tuned: bool = False
    predictors: list[ModelFacts] = Field(default_factory=list)
    rejections: dict[str, int] = Field(default_factory=dict)
    in_flight: list[tuple[int, int]] = Field(default_factory=list)
    trust: TrustFacts | None = None
    has_reports: bool = False
