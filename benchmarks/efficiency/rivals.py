"""Other libraries' searches of a table: each asks for genomes without end, and looks at what it asked for."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from efficiency.problems import FailedError, Key
from evonas.spaces import TableSpace
from objectives.fronts.pareto import is_nondominated

Floats = NDArray[np.float64]
POPULATION = 40
FIRST = 20  # networks before BoTorch and SMAC3 model anything
CANDIDATES = 2000  # random ones that BoTorch chooses from, beside the neighbours of the front
STEPS = 200  # of BoTorch's search for scales; what comes after changes them little
WORST = 1e9  # what failed is told as, to pymoo, which ranks it last

Evaluate = Callable[[Key], list[float]]
"""The objectives of a genome; raises ``FailedError``."""

Rival = Callable[[TableSpace, Sequence[str], Evaluate, int], Iterator[Key]]
"""Searches a space for objectives, with a seed."""


def by_pymoo(space: TableSpace, names: Sequence[str], evaluate: Evaluate, seed: int) -> Iterator[Key]:
    """pymoo's NSGA-II with uniform crossover and a mutation that resets a gene."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.mutation import Mutation
    from pymoo.core.problem import Problem
    from pymoo.core.termination import NoTermination
    from pymoo.operators.crossover.ux import UniformCrossover
    from pymoo.operators.sampling.rnd import IntegerRandomSampling

    n_choices = np.array([len(gene.choices) for gene in space.genes])

    class Reset(Mutation):  # type: ignore[misc]
        """Draws a gene anew, one per genome on average."""

        def _do(self, problem: Any, X: Any, random_state: Any = None, **kwargs: Any) -> Any:  # noqa: N803
            drawn = random_state.integers(n_choices, size=X.shape)
            return np.where(random_state.random(X.shape) < 1 / X.shape[1], drawn, X)

    algorithm = NSGA2(POPULATION, sampling=IntegerRandomSampling(), crossover=UniformCrossover(), mutation=Reset())
    bounds = {"xl": np.zeros(len(n_choices)), "xu": n_choices - 1}
    problem = Problem(n_var=len(n_choices), n_obj=len(names), vtype=int, **bounds)
    algorithm.setup(problem, termination=NoTermination(), seed=seed)
    while True:
        asked = algorithm.ask()
        values = []
        for genome in asked.get("X"):
            key = tuple(map(int, genome))
            yield key
            try:
                values.append(evaluate(key))
            except FailedError:
                values.append([WORST] * len(names))
        asked.set("F", np.array(values))
        algorithm.tell(infills=asked)


def by_optuna(space: TableSpace, names: Sequence[str], evaluate: Evaluate, seed: int, *, sampler: str) -> Iterator[Key]:
    """Optuna with one of its samplers: tpe, gp or nsga2."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    samplers: dict[str, Callable[[], Any]] = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
        "gp": lambda: optuna.samplers.GPSampler(seed=seed),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed),
    }
    study = optuna.create_study(directions=["minimize"] * len(names), sampler=samplers[sampler]())
    while True:
        trial = study.ask()
        key = tuple(
            trial.suggest_int(gene.name, 0, len(gene.choices) - 1)
            if gene.is_ordered
            else trial.suggest_categorical(gene.name, list(range(len(gene.choices))))
            for gene in space.genes
        )
        yield key
        try:
            study.tell(trial, evaluate(key))
        except FailedError:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)


def by_smac(space: TableSpace, names: Sequence[str], evaluate: Evaluate, seed: int) -> Iterator[Key]:
    """SMAC3's random forests with ParEGO."""
    import smac
    from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, OrdinalHyperparameter
    from smac.multi_objective.parego import ParEGO
    from smac.runhistory.dataclasses import TrialValue
    from smac.runhistory.enumerations import StatusType

    configurations = ConfigurationSpace(seed=seed)
    for gene in space.genes:
        choices = list(range(len(gene.choices)))
        kind = OrdinalHyperparameter if gene.is_ordered else CategoricalHyperparameter
        configurations.add(
            kind(gene.name, choices) if len(choices) > 1 else CategoricalHyperparameter(gene.name, choices)
        )
    folder = tempfile.mkdtemp()
    scenario = smac.Scenario(
        configurations, objectives=list(names), n_trials=10**6, seed=seed, deterministic=True, output_directory=folder
    )
    facade = smac.HyperparameterOptimizationFacade(
        scenario,
        lambda config, seed=0: 0.0,
        multi_objective_algorithm=ParEGO(scenario),
        initial_design=smac.HyperparameterOptimizationFacade.get_initial_design(scenario, n_configs=FIRST),
        logging_level=False,
        overwrite=True,
    )
    worst = np.zeros(len(names))
    try:
        while True:
            trial = facade.ask()
            key = tuple(int(trial.config[gene.name]) for gene in space.genes)
            yield key
            try:
                values = evaluate(key)
                worst = np.maximum(worst, values)
                facade.tell(trial, TrialValue(cost=values))
            except FailedError:
                facade.tell(trial, TrialValue(cost=worst.tolist(), status=StatusType.CRASHED))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def by_botorch(space: TableSpace, names: Sequence[str], evaluate: Evaluate, seed: int) -> Iterator[Key]:
    """BoTorch's qLogNEHVI: a Gaussian process for every objective that is not counted, one network at a time.

    Costs that are counted are known to it, as they are to evonas. The gain is taken at random networks and at all that
    differ from one of the front in one gene.
    """
    import torch
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
    from botorch.models import ModelListGP
    from botorch.sampling import SobolQMCNormalSampler

    warnings.simplefilter("ignore")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    told: dict[Key, list[float]] = {}
    asked: set[Key] = set()
    counts = space.count(np.zeros(len(space.genes), dtype=np.int64))
    known = [index for index, name in enumerate(names) if name in counts]
    predicted = [index for index in range(len(names)) if index not in known]
    order = np.argsort([*predicted, *known])

    sample = [tuple(map(int, genome)) for genome in space.sample(rng, 1000)]
    prices = np.array([[space.count(np.array(key))[names[index]] for index in known] for key in sample])
    low, high = prices.min(axis=0), prices.max(axis=0)
    categorical = [index for index, gene in enumerate(space.genes) if not gene.is_ordered and len(gene.choices) > 1]

    def rows_of(keys: list[Key]) -> Any:
        genes = np.array(keys, dtype=np.float64)
        for index, gene in enumerate(space.genes):
            if index not in categorical:
                genes[:, index] /= max(1, len(gene.choices) - 1)
        costs = np.array([[space.count(np.array(key))[names[index]] for index in known] for key in keys])
        return torch.tensor(np.concatenate([genes, (costs - low) / (high - low)], axis=1))

    def whole(values: Any, X: Any) -> Any:  # noqa: N803
        costs = X[..., len(space.genes) :] * torch.tensor(high - low) + torch.tensor(low)
        return torch.cat([values, -costs.expand(*values.shape[:-1], len(known))], dim=-1)[..., order]

    models: list[Any] = []
    queue = list(dict.fromkeys(sample))[:FIRST]
    while True:
        for key in queue:
            yield key
            asked.add(key)
            with suppress(FailedError):
                told[key] = evaluate(key)
        keys = list(told)
        y, rows = -np.array([told[key] for key in keys]), rows_of(keys)
        before = models or [None] * len(predicted)
        models = [
            _process(rows, torch.tensor(y[:, [index]]), categorical, one)
            for index, one in zip(predicted, before, strict=True)
        ]
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            models[0] if len(models) == 1 else ModelListGP(*models),
            ref_point=(y.min(axis=0) - 0.1 * np.ptp(y, axis=0)).tolist(),
            X_baseline=rows,
            sampler=SobolQMCNormalSampler(torch.Size([64]), seed=seed),
            objective=GenericMCMultiOutputObjective(whole),
            prune_baseline=True,
        )
        drawn = [key for key in _near_and_far(space, keys, y, rng) if key not in asked]
        if not drawn:
            return
        with torch.no_grad():
            gains = torch.cat([acquisition(part[:, None]) for part in rows_of(drawn).split(512)])
        queue = [drawn[int(gains.argmax())]]


def _process(rows: Any, values: Any, categorical: list[int], before: Any) -> Any:
    """A fitted Gaussian process, with the scales of the one before as the first guess: half the time for the same."""
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import MixedSingleTaskGP, SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = MixedSingleTaskGP(rows, values, cat_dims=categorical) if categorical else SingleTaskGP(rows, values)
    if before is not None:
        for name in ("covar_module", "mean_module", "likelihood"):
            getattr(model, name).load_state_dict(getattr(before, name).state_dict())
    likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
    fit_gpytorch_mll(likelihood, optimizer_kwargs={"options": {"maxiter": STEPS}})
    return model


def _near_and_far(space: TableSpace, keys: list[Key], y: Floats, rng: np.random.Generator) -> list[Key]:
    """Networks that differ from one of the front in one gene, and random ones."""
    drawn = list(space.sample(rng, CANDIDATES))
    for key in np.array(keys)[is_nondominated(-y)]:
        for index, gene in enumerate(space.genes):
            for choice in range(len(gene.choices)):
                other = key.copy()
                other[index] = choice
                drawn.append(space.canonical(other))
    return list(dict.fromkeys(tuple(map(int, genome)) for genome in drawn))
