"""The ladder of fidelities: every network is estimated from the best score that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from surrogates.ladder.rung import NOISE, Bools, Estimates, Genes, Quality, Rung, fit_rung, quality_of

FINER = 2 / 3  # prior of a rung's noise, in that of the rung below: 0.3, then 0.2
LEAST_NETWORKS = 4  # trained by the whole recipe, that a rung needs besides its prior
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """A network with all that is known of it.

    Attributes:
        costs: Positive numbers, as many for every network.
        losses: What it scored, in nats, by rung.
        error: Measured after a whole training, as a share; None if it was not trained.
        genes: Its genome, as long for every network; empty where it is not known.
        is_chosen: Whether a search chose it for what it scores.
    """

    costs: tuple[float, ...]
    losses: Mapping[str, float]
    error: float | None = None
    genes: tuple[int, ...] = ()
    is_chosen: bool = False


@dataclass(frozen=True)
class Ladder:
    """A regression for each kind of score.

    Attributes:
        rungs: By name, the least accurate first.
        qualities: How good each is for networks left out of its fit.
    """

    rungs: Mapping[str, Rung]
    qualities: Mapping[str, Quality]

    def best_rung(self, network: Scored) -> str | None:
        """The most accurate rung that a network stands on; None if it has no score."""
        return next((name for name in reversed(tuple(self.rungs)) if name in network.losses), None)

    def estimate(self, networks: Sequence[Scored]) -> Estimates:
        """Errors that networks would reach after a whole training; each must stand on a rung.

        Returns:
            In the order of the networks.
        """
        names = [self.best_rung(network) for network in networks]
        found = np.full((4, len(networks)), np.nan)
        for name, rung in self.rungs.items():
            own = [index for index, best in enumerate(names) if best == name]
            if own:
                found[:, own] = rung.predict(
                    np.array([networks[index].losses[name] for index in own]),
                    np.array([networks[index].costs for index in own]),
                    **_more([networks[index] for index in own]),
                )
        return Estimates(*found)

    def told_by(self, name: str, estimates: Estimates) -> Floats:
        """How far estimates would move if networks stood on another rung, too.

        Args:
            name: Of that rung.
            estimates: From the rungs that they stand on.

        Returns:
            Standard deviations of the logarithms of the estimates to come, ``(n,)``; 0 where the rung tells nothing, or
            is not known well enough to say.
        """
        if name not in self.rungs:
            return np.zeros(len(estimates.error))
        left = self.rungs[name].spread_at(estimates.error)
        return np.sqrt(np.maximum(estimates.log_sd**2 - left**2, 0.0))


def fit_ladder(
    networks: Sequence[Scored], *, order: Sequence[str], n_costs: int, n_images: int, chance: float
) -> Ladder:
    """Fit a rung for every kind of score.

    Args:
        networks: All that is known; those without a measured error teach nothing.
        order: Names of the rungs, the least accurate first. The first is always there; others need some networks that
            were trained by the whole recipe.
        n_costs: Costs of each network.
        n_images: Held-out images that errors are shares of.
        chance: Error of guessing.
    """
    rungs: dict[str, Rung] = {}
    qualities: dict[str, Quality] = {}
    for name in order:
        known = [one for one in networks if one.error is not None and name in one.losses]
        if rungs and len(known) < LEAST_NETWORKS:
            continue
        losses, errors = (
            np.array(column, dtype=float) for column in ([one.losses[name] for one in known], _errors(known))
        )
        costs = np.array([one.costs for one in known], dtype=float).reshape(-1, n_costs)
        given, noise, more = (losses, costs, errors), NOISE * FINER ** len(rungs), _more(known)
        qualities[name] = quality_of(*given, n_images=n_images, chance=chance, noise=noise, **more)
        rungs[name] = fit_rung(*given, n_images=n_images, chance=chance, noise=noise, **more)
    return Ladder(rungs, qualities)


class _More(TypedDict):
    genes: Genes | None
    is_chosen: Bools


def _more(networks: Sequence[Scored]) -> _More:
    genes = [one.genes for one in networks]
    is_chosen = np.array([one.is_chosen for one in networks], dtype=bool)
    return {"genes": np.array(genes) if genes and all(genes) else None, "is_chosen": is_chosen}


def _errors(networks: Sequence[Scored]) -> list[float]:
    return [one.error for one in networks if one.error is not None]
