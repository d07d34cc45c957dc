"""What scores say of errors: the law that generated them is found, intervals hold, and ignorance is said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import kendalltau

from surrogates.ladder.ladder import Scored, fit_ladder
from surrogates.ladder.rung import fit_rung, log_errors, quality_of

Floats = NDArray[np.float64]
N_IMAGES, CHANCE = 5000, 0.9
WORLD = {"n_images": N_IMAGES, "chance": CHANCE}


def networks(
    seed: int, n: int, *, bias: float = 0.5, noise: float = 0.15, slope: float = 0.8
) -> tuple[Floats, Floats, Floats]:
    """Losses, costs, errors. ``bias``: how much too good cheap networks look by their loss."""
    rng = np.random.default_rng(seed)
    costs = np.exp(rng.uniform(6, 11, size=(n, 2)))
    losses = np.exp(rng.normal(-0.5, 0.6, n))
    middle = 0.2 * losses**slope * (costs[:, 0] / 3000) ** -bias
    wrong = rng.binomial(N_IMAGES, np.clip(middle * np.exp(noise * rng.normal(size=n)), 0.001, 0.9))
    return losses, costs, wrong / N_IMAGES


@pytest.mark.parametrize("seed", range(5))
def test_the_law_behind_errors_is_found(seed: int) -> None:
    rung = fit_rung(*networks(seed, 30), **WORLD)
    losses, costs, errors = networks(100 + seed, 200)
    found = rung.predict(losses, costs)
    assert rung.has_loss
    assert rung.has_costs
    assert np.median(np.abs(np.log(found.error / errors))) < math.log(1.25)
    assert kendalltau(found.error, errors).statistic > kendalltau(losses, errors).statistic + 0.1


@pytest.mark.parametrize("n", [4, 8, 16, 40])
def test_eighty_of_a_hundred_lie_within_the_interval(n: int) -> None:
    """Over many fits, with few networks or many."""
    within = []
    for seed in range(40):
        rung = fit_rung(*networks(seed, n, noise=0.35), **WORLD)
        losses, costs, errors = networks(1000 + seed, 50, noise=0.35)
        found = rung.predict(losses, costs)
        within.append(((found.low <= errors) & (errors <= found.high)).mean())
    assert 0.7 < np.mean(within) < 0.95


def test_fewer_networks_give_wider_intervals() -> None:
    losses, costs, errors = networks(0, 40)
    few, many = (fit_rung(losses[:n], costs[:n], errors[:n], **WORLD).predict(losses, costs) for n in (4, 40))
    assert np.median(few.high / few.low) > 1.2 * np.median(many.high / many.low)


@given(seed=st.integers(0, 30), n=st.integers(0, 12), images=st.sampled_from([50, 287, 5000]))
def test_no_estimate_is_above_chance_or_finer_than_half_an_image(seed: int, n: int, images: int) -> None:
    losses, costs, errors = networks(seed, n, noise=1.0)
    wrong = np.round(errors * images) / images
    extreme = np.exp(np.linspace(-12, 5, 20))
    found = fit_rung(losses, costs, wrong, n_images=images, chance=CHANCE).predict(extreme, np.full((20, 2), 1e4))
    for column in found[:3]:
        assert (column <= CHANCE + 1e-12).all()
        assert (column >= 0.5 / images - 1e-12).all()
    assert (found.low <= found.error).all()
    assert (found.error <= found.high).all()


@pytest.mark.parametrize("seed", range(6))
def test_a_larger_loss_never_means_a_smaller_error(seed: int) -> None:
    """Whatever the data say, at equal costs; not even where they say the contrary."""
    losses, costs, errors = networks(seed, 12)
    for given_losses in (losses, 1 / losses, np.random.default_rng(seed).permutation(losses)):
        rung = fit_rung(given_losses, costs, errors, **WORLD)
        found = rung.predict(np.exp(np.linspace(-4, 3, 50)), np.full((50, 2), 3000.0))
        assert (np.diff(found.error) >= -1e-12).all()


def test_a_score_that_tells_nothing_is_not_looked_at() -> None:
    """That of a supernet that was hardly trained: all at chance, or drawn by lot."""
    _, costs, errors = networks(1, 30, slope=0.0)
    rng = np.random.default_rng(1)
    lot = np.exp(2 * rng.normal(size=30))
    assert not fit_rung(lot, costs, errors, **WORLD).has_loss
    quality = quality_of(lot, costs, errors, **WORLD)
    assert not quality.is_used
    assert quality.within > 0.6
    assert fit_rung(*networks(1, 30), **WORLD).has_loss


def test_outside_of_what_was_seen_it_widens_instead_of_extrapolating() -> None:
    rung = fit_rung(*networks(0, 30), **WORLD)
    least = np.exp(rung.seen[0])
    inside, outside = (rung.predict(np.array([loss]), np.full((1, 2), 3000.0)) for loss in (least, least / 50))
    assert outside.log_sd[0] > 1.5 * inside.log_sd[0]
    assert outside.error[0] > inside.error[0] / 50**0.5
    assert outside.error[0] < inside.error[0]  # what scores better is still ranked first


def test_errors_of_few_images_are_known_less_well() -> None:
    losses, costs, errors = networks(0, 30)
    rung = fit_rung(losses, costs, errors, n_images=200, chance=CHANCE)
    found = rung.predict(np.array([0.5, 0.5]), np.array([[2e3, 2e4], [6e4, 2e4]]))
    assert found.error[0] > 5 * found.error[1]
    assert found.log_sd[0] < 0.85 * found.log_sd[1]


def test_none_wrong_is_not_impossible_to_get_wrong() -> None:
    assert np.isfinite(log_errors(np.zeros(3), 287)).all()
    assert math.exp(log_errors(np.array([0.5]), 10**6)[0]) == pytest.approx(0.5, abs=1e-5)


def test_its_own_validation_says_what_new_networks_say() -> None:
    known = networks(3, 40)
    quality = quality_of(*known, **WORLD)
    losses, costs, errors = networks(4, 400)
    found = fit_rung(*known, **WORLD).predict(losses, costs)
    assert quality.factor == pytest.approx(np.exp(np.median(np.abs(np.log(found.error / errors)))), abs=0.06)
    assert quality.tau == pytest.approx(kendalltau(found.error, errors).statistic, abs=0.1)
    assert quality.n == 40


def test_every_network_is_estimated_from_its_best_score() -> None:
    losses, costs, errors = networks(5, 30)
    better = errors * 3  # a score that knows more
    known = [
        Scored(tuple(cost), {"inherited": loss, "brief": good}, error)
        for cost, loss, good, error in zip(costs.tolist(), losses, better, errors, strict=True)
    ]
    fresh = [Scored(one.costs, {"inherited": one.losses["inherited"]}) for one in known]
    half = [Scored(one.costs, one.losses) for one in known]
    ladder = fit_ladder(known, order=["inherited", "brief"], n_costs=2, **WORLD)
    assert [ladder.best_rung(one) for one in (fresh[0], half[0])] == ["inherited", "brief"]
    poor, good = ladder.estimate(fresh), ladder.estimate(half)
    assert np.abs(np.log(good.error / errors)).mean() < 0.5 * np.abs(np.log(poor.error / errors)).mean()
    mixed = ladder.estimate([fresh[0], half[1]])
    assert mixed.error == pytest.approx([poor.error[0], good.error[1]])


def test_a_rung_that_few_networks_stand_on_is_left_out() -> None:
    losses, costs, errors = networks(5, 3)
    known = [
        Scored(tuple(cost), {"inherited": loss, "brief": loss}, error)
        for cost, loss, error in zip(costs.tolist(), losses, errors, strict=True)
    ]
    ladder = fit_ladder(known, order=["inherited", "brief"], n_costs=2, **WORLD)
    assert list(ladder.rungs) == ["inherited"]
    assert ladder.best_rung(known[0]) == "inherited"


def test_a_better_rung_tells_how_far_estimates_will_move() -> None:
    """What is left of the spread by the rung above it is what later estimates are off by."""
    ladder = fit_ladder(scored(0, 60), order=["inherited", "brief"], n_costs=2, **WORLD)
    new = scored(1, 300)
    before = ladder.estimate([replace(one, losses={"inherited": one.losses["inherited"]}) for one in new])
    after = ladder.estimate(new)
    moved = np.log(after.error / before.error)
    assert 0.8 < float(np.median(ladder.told_by("brief", before)) / moved.std()) < 1.25


def test_a_rung_that_is_not_known_or_tells_no_more_moves_nothing() -> None:
    """So nothing is spent on it."""
    ladder = fit_ladder(scored(0, 60), order=["inherited", "brief"], n_costs=2, **WORLD)
    estimates = ladder.estimate(scored(1, 20))
    assert (ladder.told_by("tuned", estimates) == 0).all()
    assert (ladder.told_by("inherited", estimates) == 0).all()


def scored(seed: int, n: int) -> list[Scored]:
    """Networks with two scores, of which brief trainings tell much more."""
    rng = np.random.default_rng(seed)
    costs = np.exp(rng.uniform(6, 11, size=(n, 2)))
    errors = 0.2 * (costs[:, 0] / 3000) ** -0.5 * np.exp(0.4 * rng.normal(size=n))
    losses = {name: 3 * errors * np.exp(sd * rng.normal(size=n)) for name, sd in (("inherited", 0.5), ("brief", 0.1))}
    return [
        Scored(tuple(costs[i]), {name: float(loss[i]) for name, loss in losses.items()}, float(errors[i]))
        for i in range(n)
    ]


def families(seed: int, n: int, *, sd: float) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Genes, losses, costs and errors of networks in eight families, which have as much luck in common."""
    rng = np.random.default_rng(seed)
    family = rng.integers(8, size=n)
    genes = np.random.default_rng(7).integers(3, size=(8, 40))[family]
    genes[:, 0] = rng.integers(3, size=n)
    luck = sd * np.random.default_rng(8).normal(size=8)[family]
    losses, costs, errors = networks(seed, n, noise=0.2)
    return genes, losses, costs, np.clip(errors * np.exp(luck), 0.5 / N_IMAGES, CHANCE)


@pytest.mark.parametrize(("sd", "better"), [(0.4, 0.7), (0.0, 1.1)])
def test_like_networks_are_expected_to_be_off_alike(sd: float, better: float) -> None:
    """Where they are; and nothing is lost where they are not."""
    genes, *known = families(0, 60, sd=sd)
    new_genes, losses, costs, errors = families(1, 200, sd=sd)
    alone = fit_rung(*known, **WORLD).predict(losses, costs)
    together = fit_rung(*known, genes=genes, **WORLD).predict(losses, costs, genes=new_genes)
    off = [np.abs(np.log(found.error / errors)).mean() for found in (alone, together)]
    assert off[1] < better * off[0]
    assert 0.65 < ((together.low <= errors) & (errors <= together.high)).mean() < 0.95
    strangers = fit_rung(*known, genes=genes, **WORLD).predict(losses, costs, genes=new_genes + 9)
    assert (strangers.log_sd > together.log_sd).all()


def test_a_network_like_a_poor_one_is_expected_to_be_poor() -> None:
    genes, losses, costs, errors = families(0, 20, sd=0.0)
    genes[0] = 5  # like no other
    errors[0] *= 3
    rung = fit_rung(losses, costs, errors, genes=genes, **WORLD)
    near = genes[:1].copy()
    near[0, :2] = 6
    same, like, stranger = (rung.predict(losses[:1], costs[:1], genes=one) for one in (genes[:1], near, genes[:1] + 1))
    assert same.error[0] > 1.05 * like.error[0] > 1.1 * stranger.error[0]
    assert same.log_sd[0] < like.log_sd[0] < stranger.log_sd[0]
    assert rung.predict(losses[:1], costs[:1]).error == pytest.approx(stranger.error)


@pytest.mark.parametrize("flattered", [0.3, 0.0])
def test_networks_that_were_chosen_for_their_scores_are_expected_to_be_flattered(flattered: float) -> None:
    """By what the first of them teach; before, a little, and less surely."""
    losses, costs, errors = networks(0, 40)
    is_chosen = np.arange(40) >= 16
    errors = np.minimum(errors * np.exp(flattered * is_chosen), CHANCE)

    def told(n: int) -> tuple[float, float]:
        known = losses[:n], costs[:n], errors[:n]
        rung = fit_rung(*known, is_chosen=is_chosen[:n], **WORLD)
        chosen = rung.predict(losses[:1], costs[:1], is_chosen=np.array([True]))
        other = rung.predict(losses[:1], costs[:1])
        return float(np.log(chosen.error / other.error)[0]), float((chosen.log_sd / other.log_sd)[0])

    before, after = told(16), told(40)
    assert before[0] == pytest.approx(0.1)
    assert before[1] > 1
    assert after[0] == pytest.approx(flattered, abs=0.12)
