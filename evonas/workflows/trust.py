"""How far to trust a run's estimates: some of its networks are trained from scratch, and ranks are compared.

The test set stays untouched. Each training leaves out another part of the training images and is measured on it;
estimates come from held-out images, so that estimate and truth share none.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evonas.architecture.graph import Architecture
from evonas.config.load import RunConfig
from evonas.errors import SelectionError
from evonas.evaluation.scoring_context import open_scoring_context
from evonas.evaluation.workers.pool import map_in_order
from evonas.evaluation.workers.workers import Workers
from evonas.progress import Observer, Silent
from evonas.run.context import RunContext
from evonas.spaces import NetworkSpace
from evonas.spaces.genome import from_text
from evonas.spaces.sampling import evenly_by_log_size
from evonas.training.datasets.dataset import Dataset, folds
from evonas.training.datasets.image_batches import Augmentation
from evonas.training.hardware import one_thread
from evonas.training.network_training import train_alone
from objectives.held_out import quality_value
from reports.run_folder.facts import Origin, TrustFacts
from reports.run_folder.folder import RunFolder
from reports.tables.front import MEASURED
from surrogates.one_shot.score import Score, score_network
from surrogates.rank_quality import rank_quality, trusted_ratio

Floats = NDArray[np.float64]
LEAST_NETWORKS, MOST_SEEDS = 5, 10
LEAST_FOLDS = 3  # so that every training sees at least two thirds of the training images
FLOORS = ("macs", "model_size", "bitops")  # what ranks networks without any training
OFTEN = 0.9  # share of right orders that the sentence promises


def measure_trust(
    run: RunFolder,
    context: RunContext,
    *,
    networks: int = 20,
    seeds: int = 3,
    workers: int | None = None,
    observer: Observer | None = None,
) -> pd.DataFrame:
    """Train some of a run's networks from scratch, and compare their ranks with the run's estimates.

    Args:
        run: A run with evaluations; truth and table are stored in it.
        context: What it works with; its [training] may differ from the run's.
        networks: How many, evenly over the sizes of all that the run evaluated; none that it measured itself.
        seeds: Trainings per network; each is measured on another part of the training images.
        workers: Processes; instead of the run file's.
        observer: Receives progress updates.

    Returns:
        One row per way of ranking, with the columns of :class:`surrogates.rank_quality.RankQuality`.

    Raises:
        SelectionError: Too few networks or seeds.
    """
    config, space = context.config, context.network_space
    chosen = chosen_networks(run, n=networks)
    if not 2 <= seeds <= MOST_SEEDS:
        raise SelectionError(
            f"2 to {MOST_SEEDS} seeds", found=str(seeds), remedy="change --seeds; each is measured on images of its own"
        )
    truths = _truths(
        run,
        chosen["genome"].tolist(),
        config,
        space,
        quality=context.measures.quality,
        seeds=seeds,
        workers=Workers.of(config.compute, workers),
        observer=observer or Silent(),
    )
    has_trained = np.isfinite(truths).all(axis=1)
    chosen, truths = chosen.iloc[np.flatnonzero(has_trained)], truths[has_trained]
    if len(chosen) < LEAST_NETWORKS:
        raise SelectionError(
            f"at least {LEAST_NETWORKS} networks that train",
            found=f"{len(chosen)}; the losses of the others became infinite",
            remedy="lower learning_rate under [training] in run.toml",
        )
    columns = (("estimate", context.measures.quality), ("score", "scored_loss"))
    scores = {title: chosen[column].to_numpy(dtype=float) for title, column in columns}
    scores |= {name: -chosen[name].to_numpy(dtype=float) for name in FLOORS}  # more expensive networks are better ones
    table = trust_table(scores, truths, sizes=chosen["model_size"].to_numpy(dtype=float))
    sentence = trust_sentence(scores["estimate"], truths.mean(axis=1), table, quality=context.measures.quality)
    found = TrustFacts(
        networks=len(chosen),
        seeds=seeds,
        epochs=config.training.epochs,
        sentence=sentence,
        table=table.to_dict("records"),
    )
    run.store(trust=found)
    return table


def chosen_networks(run: RunFolder, *, n: int) -> pd.DataFrame:
    """Evaluations of a run, chosen evenly over the logarithm of their sizes, from small to large.

    Raises:
        SelectionError: Fewer than ``LEAST_NETWORKS`` are there or wanted.
    """
    found = [run.feasible(origin=origin) for origin in (Origin.SEARCH, Origin.RANDOM)]
    table = pd.concat([table for table in found if len(table)] or found)
    table = table[~table["fidelity"].isin(MEASURED)].drop_duplicates("genome")
    if min(n, len(table)) < LEAST_NETWORKS:
        raise SelectionError(
            f"at least {LEAST_NETWORKS} networks that the run evaluated",
            found=f"{len(table)} in {run.path}, {n} wanted",
            remedy="raise --nets, or resume the run",
        )
    return table.iloc[evenly_by_log_size(table["model_size"].to_numpy(dtype=float), n)].reset_index(drop=True)


def trust_table(scores: Mapping[str, Floats], truths: Floats, *, sizes: Floats) -> pd.DataFrame:
    """How well every score ranks, and how well one more training would.

    Args:
        scores: By name, each ``(n,)``, smaller is better.
        truths: Errors, ``(n, seeds)``.
        sizes: Bytes, ``(n,)``.

    Returns:
        One row per score, and the last one, ``"another training"``: each seed compared with the mean of the others, a
        mean over seeds without an interval. That mean is over one seed fewer, so an estimate as good as a training
        may come out a little above it.
    """
    mean = truths.mean(axis=1)
    rows = [{"score": name, **asdict(rank_quality(score, mean, sizes=sizes))} for name, score in scores.items()]
    repeats = [
        asdict(rank_quality(truths[:, seed], np.delete(truths, seed, axis=1).mean(axis=1), sizes=sizes))
        for seed in range(truths.shape[1])
    ]
    ceiling = pd.DataFrame(repeats).mean().to_dict() | dict.fromkeys(("low", "high", "near_low", "near_high"), np.nan)
    return pd.DataFrame([*rows, {"score": "another training", **ceiling}]).astype({"n": int, "near_pairs": int})


def trust_sentence(estimates: Floats, truth: Floats, table: pd.DataFrame, *, quality: str = "error") -> str:
    """What the result means for a user, in a sentence or two; ``quality`` is what counts as error, by name."""
    error = quality.replace("_", " ")
    taus: dict[str, float] = dict(zip(table["score"], table["tau"], strict=True))
    ratio = trusted_ratio(np.maximum(estimates, 1e-6), truth, share=OFTEN)
    if np.isfinite(ratio):
        text = (
            f"Trust differences above a factor of {np.ceil(100 * ratio) / 100:.2f} in estimated {error}: networks so "
            f"far apart were in the right order at least {10 * OFTEN:.0f} times out of 10."
        )
    else:
        text = f"No difference in estimated {error} was large enough to be right 9 times out of 10."
    best = max(FLOORS, key=lambda name: taus[name])
    if taus[best] >= taus["estimate"]:
        text += f" Ranking by {best} alone would do as well over all sizes."
    return text


def _truths(
    run: RunFolder,
    genomes: Sequence[str],
    config: RunConfig,
    space: NetworkSpace,
    *,
    quality: str,
    seeds: int,
    workers: Workers,
    observer: Observer,
) -> Floats:
    """Errors ``(n, seeds)``, NaN where a loss became infinite; what the run holds already is not trained again."""
    recipe = f"{max(LEAST_FOLDS, seeds)} folds, {config.training.short_recipe}"
    stored = run.truths()
    stored = stored[stored["recipe"] == recipe]
    known = dict(zip(zip(stored["genome"], stored["seed"], strict=True), stored["quality"], strict=True))
    wanted = list(product(genomes, range(seeds)))
    n_folds = max(LEAST_FOLDS, seeds)
    fresh = [(run.path, config, space, *pair, n_folds) for pair in wanted if pair not in known]
    observer.phase("training from scratch", total=len(wanted))
    results = map_in_order(_train_one, fresh, workers=workers.at_most(len(fresh)))
    for done, (genome, seed) in enumerate(wanted, start=1):
        if (genome, seed) not in known:
            score, seconds = next(results)
            known[genome, seed] = np.nan
            if score is not None:
                value = known[genome, seed] = quality_value(quality, score.confusion)
                run.append_truth(
                    genome=genome, seed=seed, recipe=recipe, quality=value, loss=score.loss, seconds=seconds
                )
        observer.advance(done)
    return np.array([[known[genome, seed] for seed in range(seeds)] for genome in genomes])


def _train_one(
    folder: Path, config: RunConfig, space: NetworkSpace, genome: str, seed: int, n_folds: int
) -> tuple[Score | None, float]:
    start = time.perf_counter()
    data = open_scoring_context(folder, None, space).dataset
    architecture = space.decode(from_text(genome, space.genes))
    try:
        with one_thread():
            score = truth(architecture, data, config, seed=seed, n_folds=n_folds)
    except FloatingPointError:
        return None, time.perf_counter() - start
    return score, time.perf_counter() - start


def truth(architecture: Architecture, data: Dataset, config: RunConfig, *, seed: int, n_folds: int) -> Score:
    """Train one network from scratch, and measure it on a part of the training images that it has not seen.

    Args:
        architecture: What to train.
        data: All of the held-out images and the other parts of the training images train it.
        config: Its ``training`` section is the recipe.
        seed: Of the training, from 0; also the number of the part, modulo ``n_folds``.
        n_folds: Parts of the training images.

    Raises:
        FloatingPointError: The loss is no longer finite.
    """
    parts = folds(data.train.labels, n=n_folds, seed=config.data.split_seed, groups=data.train.groups)
    rest = np.concatenate([part for index, part in enumerate(parts) if index != seed % n_folds])
    network = train_alone(
        architecture,
        data.train.taken(rest).joined(data.heldout),
        config.training,
        augmentation=Augmentation.of(config.data),
        seed=seed,
    )
    left_out = data.train.taken(parts[seed % n_folds])
    return score_network(network, images=left_out.inputs(), labels=left_out.labels)
