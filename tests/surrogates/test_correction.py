from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kendalltau

from surrogates.correction import LEAST_NETWORKS, Correction, fit_correction

Floats = NDArray[np.float64]


def networks(seed: int, n: int, *, bias: float, noise: float = 0.05) -> tuple[Floats, Floats, Floats, Floats]:
    """Inherited losses, costs, true losses, true errors. ``bias``: how much too good cheap networks look."""
    rng = np.random.default_rng(seed)
    costs = np.exp(rng.uniform(5, 10, size=(n, 2)))
    true = np.exp(rng.normal(-1, 0.6, n)) * costs[:, 0] ** -0.2
    inherited = true * costs[:, 0] ** bias * np.exp(noise * rng.normal(size=n))
    return inherited, costs, true, np.clip(0.3 * true**1.2, 0, 1)


def fitted(seed: int = 0, *, n: int = 32, bias: float = 0.3) -> Correction:
    losses, costs, true_losses, true_errors = networks(seed, n, bias=bias)
    found = fit_correction(losses, costs, names=("a", "b"), true_losses=true_losses, true_errors=true_errors)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_bias_towards_cheap_networks_is_taken_out_on_networks_it_was_not_fitted_to(seed: int) -> None:
    correction = fitted(seed, bias=0.5)
    losses, costs, true_losses, _ = networks(100 + seed, 60, bias=0.5)
    corrected, _ = correction.predict(losses, costs)
    assert correction.has_costs
    assert kendalltau(corrected, true_losses).statistic > kendalltau(losses, true_losses).statistic + 0.1
    assert kendalltau(corrected, true_losses).statistic > 0.9


def test_its_own_validation_says_what_new_networks_say() -> None:
    correction = fitted(bias=0.5)
    losses, costs, true_losses, _ = networks(7, 400, bias=0.5)
    corrected, _ = correction.predict(losses, costs)
    assert correction.tau == pytest.approx(kendalltau(corrected, true_losses).statistic, abs=0.05)
    assert correction.raw_tau == pytest.approx(kendalltau(losses, true_losses).statistic, abs=0.12)


def test_costs_that_tell_nothing_are_left_out() -> None:
    losses, _, true, errors = networks(3, 20, bias=0.0)
    constant = np.full((20, 2), 7.0)
    found = fit_correction(losses, constant, names=("a", "b"), true_losses=true, true_errors=errors)
    assert found is not None
    assert not found.has_costs


@pytest.mark.parametrize("seed", range(6))
def test_a_loss_that_tells_nothing_or_the_contrary_is_not_corrected(seed: int) -> None:
    losses, costs, true, errors = networks(seed, 24, bias=0.0)
    none = costs[:, :0]
    assert fit_correction(1 / losses, none, names=(), true_losses=true, true_errors=errors) is None
    shuffled = np.random.default_rng(seed).permutation(losses)
    found = fit_correction(shuffled, none, names=(), true_losses=true, true_errors=errors)
    assert found is None or found.coefficients[0] > 0


@given(seed=st.integers(0, 50))
def test_without_costs_the_order_of_losses_stays(seed: int) -> None:
    losses, costs, true_losses, true_errors = networks(seed, 12, bias=0.0, noise=0.3)
    found = fit_correction(losses, costs[:, :0], names=(), true_losses=true_losses, true_errors=true_errors)
    assert found is not None
    errors, _ = found.predict(losses, costs[:, :0])
    assert (np.argsort(errors, kind="stable") == np.argsort(losses, kind="stable")).all()


def test_errors_are_errors_and_spreads_are_honest() -> None:
    correction = fitted(bias=0.2)
    losses, costs, _, true_errors = networks(9, 500, bias=0.2)
    errors, spread = correction.predict(losses, costs)
    assert ((errors >= 0) & (errors <= 1)).all()
    off = np.log(errors) - np.log(true_errors)
    assert 0.6 < np.abs(off / spread).mean() / np.sqrt(2 / np.pi) < 1.4  # of a normal distribution


def test_the_spread_holds_what_errors_vary_beyond_losses() -> None:
    rng = np.random.default_rng(5)
    losses, costs, true, errors = networks(5, 400, bias=0.2)
    noisy = np.clip(errors * np.exp(0.3 * rng.normal(size=400)), 0, 1)
    fit, rest = slice(0, 60), slice(60, None)
    found = fit_correction(losses[fit], costs[fit], names=("a", "b"), true_losses=true[fit], true_errors=noisy[fit])
    assert found is not None
    predicted, spread = found.predict(losses[rest], costs[rest])
    standardised = (np.log(predicted) - np.log(noisy[rest])) / spread
    assert 0.75 < standardised.std() < 1.3


def test_a_network_unlike_all_others_has_a_larger_spread() -> None:
    correction = fitted(bias=0.5)
    _, spread = correction.predict(np.array([1.0, 1.0]), np.array([[2000.0, 2000.0], [1e9, 10.0]]))
    assert spread[1] > 2 * spread[0]


def test_too_few_or_equal_networks_give_no_correction() -> None:
    losses, costs, true, errors = networks(0, LEAST_NETWORKS, bias=0.1)
    names = ("a", "b")
    assert fit_correction(losses, costs, names=names, true_losses=true, true_errors=errors) is not None
    short = slice(1, None)
    assert (
        fit_correction(losses[short], costs[short], names=names, true_losses=true[short], true_errors=errors[short])
        is None
    )
    equal = np.ones_like(losses)
    assert fit_correction(equal, costs, names=names, true_losses=true, true_errors=errors) is None
    assert fit_correction(losses, costs, names=names, true_losses=equal, true_errors=errors) is None


def test_errors_of_zero_are_no_trouble() -> None:
    losses, costs, true, errors = networks(0, 20, bias=0.1)
    found = fit_correction(losses, costs, names=("a", "b"), true_losses=true, true_errors=np.zeros_like(errors))
    assert found is not None
    assert np.isfinite(found.predict(losses, costs)).all()
