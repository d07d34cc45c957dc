"""Which networks the rivals that only train propose: generators that are told the error of each network they give.

Every rival minimises the logarithms of error, bytes and BitOPs, as evonas does, begins with networks spread over the
sizes that the box holds, as evonas' anchors are, and gets a population that suits the number of trainings that fit.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from evonas.algorithms.nsga2 import Nsga
from evonas.run.problems.network_problem import NetworkProblem
from evonas.seeding import numpy_rng
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import Genome, Genomes, to_text
from evonas.spaces.sampling import stratified_by_size
from evonas.spaces.settings import LOW_BITS
from evonas.spaces.staged.inverted_residual import InvertedResidualSpace
from evonas.spaces.staged.residual import ResidualSpace
from fronts.ledger import Row, costs_of
from fronts.tasks import TOLD, Task
from objectives.fronts.scaling import Scaling

CHANNELS = (2, 3, 4, 6, 8, 12, 16)  # of the first stage of a hand-made network
FAMILIES = ("resnet8", "resnet14", "inverted")
STRATA = 8  # groups of hand-made networks by size; one of each in turn
STARTUP = 10  # trainings before Optuna's samplers learn: their own default


class Proposal(NamedTuple):
    """A network to train, and more that its row is to hold."""

    name: str
    space: NetworkSpace
    genome: Genome
    facts: dict[str, Any]


Proposals = Generator[Proposal, float, None]
"""Is sent the error of each network, see :func:`told_error`."""


def hand_made(problem: NetworkProblem, task: Task, fit: int, past: Sequence[Row]) -> Proposals:
    """Uniform networks of three families, within the box, in random order, small and large ones in turn."""
    del fit, past
    rng = numpy_rng(problem.config.seed, "hand-made networks")
    spaces = {name: family_member(name, problem) for name in family_names()}
    sizes = {name: costs_of(space, _only(space))["model_size"] for name, space in spaces.items()}
    names = [name for name, size in sizes.items() if size <= task.bytes_within[1]]
    logarithms = np.log([sizes[name] for name in names])
    edges = np.linspace(logarithms.min(), logarithms.max(), STRATA + 1)[1:-1]
    strata: list[list[str]] = [[] for _ in range(STRATA)]
    for index in rng.permutation(len(names)):
        strata[int(np.searchsorted(edges, logarithms[index]))].append(names[index])
    while any(strata):
        for stratum in rng.permutation(STRATA):
            if strata[stratum]:
                name = strata[stratum].pop()
                yield Proposal(name, spaces[name], _only(spaces[name]), {})


def family_names() -> Iterator[str]:
    """All hand-made networks: family, channels, precision of weights, of activations."""
    for family in FAMILIES:
        for channels in CHANNELS:
            for weight in LOW_BITS:
                for act in LOW_BITS:
                    yield f"{family} {channels} {weight} {act}"


def family_member(name: str, problem: NetworkProblem) -> NetworkSpace:
    """A space that holds a hand-made network alone.

    First and last layers have 8-bit weights if the others do, else 4-bit ones, which lose almost nothing.
    """
    family, channels, weight, act = name.split(" ")
    n, shape, n_classes = int(channels), problem.dataset.input_shape, problem.dataset.n_classes
    ends = (weight if weight == "8-bit" else "4-bit",)
    settings: dict[str, Any] = {
        "weight_precisions": (weight,),
        "act_precisions": (act,),
        "stem_precisions": ends,
        "classifier_precisions": ends,
        "widths": (1.0,),
        "locked_widths": (),
    }
    if family == "inverted":
        stages = ((n, 1, 1), (round(1.5 * n), 2, 2), (round(2.5 * n), 2, 2))  # as the space's own, narrower
        settings |= {"stem_channels": n, "stages": stages, "kernels": (3,), "ratios": (3,)}
        return InvertedResidualSpace.of(shape, n_classes, **settings)
    return ResidualSpace.of(shape, n_classes, depth=int(family.removeprefix("resnet")), channels=n, **settings)


def evolution(problem: NetworkProblem, task: Task, fit: int, past: Sequence[Row]) -> Proposals:
    """pymoo's NSGA-II with evonas' operators, every evaluation a whole training."""
    del past
    space, population = problem.space, max(8, min(40, fit // 5))
    half_an_image = 0.5 / len(problem.dataset.heldout)
    costs = problem.costs(
        Scaling(
            tuple(problem.measures.table[name] for name in TOLD),
            bounds={**problem.hypervolume_box(), "error": (half_an_image, 1.0)},
        )
    )
    algorithm = Nsga(
        space,
        first=_first(problem, task, population),
        n_objectives=len(TOLD),
        n_constraints=0,
        population=population,
        crossover_rate=problem.config.search.crossover_rate,
        mutation_rate=1 / len(space.genes),
        seed=int(numpy_rng(problem.config.seed, "rival NSGA-II").integers(2**31)),
    )
    while len(genomes := algorithm.ask()):
        errors = []
        for genome in genomes:
            errors.append((yield Proposal(to_text(genome), space, genome, {})))
        values = {**costs.columns(genomes), "error": np.array(errors)}
        algorithm.tell(genomes, *costs.objectives_and_violations(values, len(genomes)))


def by_tpe(problem: NetworkProblem, task: Task, fit: int, past: Sequence[Row]) -> Proposals:
    """Optuna's TPE with a joint density over all genes."""
    from optuna.samplers import TPESampler

    seed = _sampler_seed(problem, past)
    yield from _by_optuna(TPESampler(seed=seed, multivariate=True, n_startup_trials=STARTUP), problem, task, fit, past)


def by_gaussian_process(problem: NetworkProblem, task: Task, fit: int, past: Sequence[Row]) -> Proposals:
    """Optuna's Gaussian processes, which look for the largest expected gain in hypervolume."""
    from optuna.samplers import GPSampler

    seed = _sampler_seed(problem, past)
    yield from _by_optuna(GPSampler(seed=seed, n_startup_trials=STARTUP), problem, task, fit, past)


def _by_optuna(sampler: Any, problem: NetworkProblem, task: Task, fit: int, past: Sequence[Row]) -> Proposals:
    """Ordered genes are integers, the others categories; what was trained before a stop is told first."""
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = problem.space
    genes = {gene.name: (gene, range(len(gene.choices))) for gene in space.genes}
    distributions: dict[str, BaseDistribution] = {
        name: IntDistribution(0, len(choices) - 1) if gene.is_ordered else CategoricalDistribution(tuple(choices))
        for name, (gene, choices) in genes.items()
        if len(choices) > 1
    }
    study = optuna.create_study(directions=["minimize"] * len(TOLD), sampler=sampler)
    for row in past:
        values = _told(told_error(row["error"], problem), row)
        study.add_trial(optuna.trial.create_trial(params=row["params"], distributions=distributions, values=values))
    for genome in _first(problem, task, max(STARTUP, fit // 5))[len(past) :]:
        named = dict(zip(genes, map(int, genome), strict=True))
        study.enqueue_trial({name: named[name] for name in distributions})
    while True:
        trial = study.ask(distributions)
        genome = space.repair(np.array([trial.params.get(name, 0) for name in genes], dtype=np.int64))
        error = yield Proposal(to_text(genome), space, genome, {"params": dict(trial.params)})
        study.tell(trial, _told(error, costs_of(space, genome)))


def told_error(error: float | None, problem: NetworkProblem) -> float:
    """What rivals are told of a network: never zero; chance of one whose training failed."""
    n_images, chance = len(problem.dataset.heldout), 1 - 1 / problem.dataset.n_classes
    return (n_images * (chance if error is None else error) + 0.5) / (n_images + 1)


def _told(error: float, costs: Row) -> list[float]:
    return [float(np.log(value)) for value in (error, *(costs[name] for name in TOLD[1:]))]


def _first(problem: NetworkProblem, task: Task, n: int) -> Genomes:
    rng = numpy_rng(problem.config.seed, "first networks of rivals")
    bounds = {"model_size": task.bytes_within[1]}
    return rng.permutation(stratified_by_size(problem.space, rng, n=n, bounds=bounds), axis=0)


def _sampler_seed(problem: NetworkProblem, past: Sequence[Row]) -> int:
    """Another one after a stop, so that a sampler does not draw the same again."""
    return int(numpy_rng(problem.config.seed, f"sampler after {len(past)}").integers(2**31))


def _only(space: NetworkSpace) -> Genome:
    return np.zeros(len(space.genes), dtype=np.int64)
