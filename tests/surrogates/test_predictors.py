"""What every predictor keeps, whatever it is; closed forms against refits; the choice among them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.linalg import cho_solve, cholesky
from scipy.optimize import check_grad
from scipy.stats import kendalltau

from surrogates.predictors import PREDICTOR_NAMES, best_of
from surrogates.predictors import gaussian_process as gaussian_process_file
from surrogates.predictors.best_of import PREDICTORS, BestOf
from surrogates.predictors.gaussian_process import GaussianProcess, spread_evenly
from surrogates.predictors.kernel import (
    Kernel,
    Products,
    diagonal_of_inverse,
    fit_kernel,
    inverse,
    negative_log_likelihood,
)
from surrogates.predictors.predictor import Floats, Group, Predictor, has_grown
from surrogates.predictors.ridge import Ridge

GENES, CHOICES = 6, 3


@pytest.fixture(params=PREDICTORS)
def make(request: pytest.FixtureRequest) -> Callable[[], Predictor]:
    return PREDICTORS[request.param]


def one_hot(rng: np.random.Generator, n: int) -> Floats:
    return np.eye(CHOICES)[rng.integers(CHOICES, size=(n, GENES))].reshape(n, -1)


def additive(n: int, *, seed: int = 0, noise: float = 0.1) -> tuple[Floats, Floats]:
    """Every choice adds its own number, the same ones for all seeds."""
    rng = np.random.default_rng(seed)
    x = one_hot(rng, n)
    return x, x @ np.random.default_rng(99).normal(size=x.shape[1]) + noise * rng.normal(size=n)


def unrelated(n: int, *, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return one_hot(rng, n), rng.normal(size=n)


def tau(first: Floats, second: Floats) -> float:
    return float(kendalltau(first, second).statistic)


def test_it_learns_an_additive_function_from_sixty_rows_and_says_how_well(make: Callable[[], Predictor]) -> None:
    x, y = additive(60)
    new_x, new_y = additive(300, seed=1)
    predictor = make().fit(x, y)
    mean, spread = predictor.predict(new_x)
    assert mean.shape == spread.shape == (300,)
    assert predictor.left_out.shape == (60,)
    assert tau(predictor.left_out, y) > 0.6
    assert tau(mean, new_y) == pytest.approx(tau(predictor.left_out, y), abs=0.12)
    assert 0.5 < ((mean - new_y) / spread).std() < 1.6


def test_what_is_left_out_has_not_been_seen(make: Callable[[], Predictor]) -> None:
    x, y = unrelated(60)
    x = x + 0.3 * np.random.default_rng(1).normal(size=x.shape)  # no two rows are equal, so all can be told apart
    predictor = make().fit(x, y)
    assert tau(predictor.left_out, y) < 0.2


def test_what_has_been_seen_is_known_by_heart() -> None:
    """So a left-out tau near zero on the same noise is no inability to learn."""
    x, y = unrelated(60)
    x = x + 0.3 * np.random.default_rng(1).normal(size=x.shape)
    assert tau(PREDICTORS["forest"]().fit(x, y).predict(x)[0], y) > 0.6


def test_the_same_fits_give_the_same_numbers_to_the_bit(make: Callable[[], Predictor]) -> None:
    x, y = additive(30)
    one, two = make(), make()
    for n in (20, 22, 30):
        (first, first_spread), (second, second_spread) = (each.fit(x[:n], y[:n]).predict(x) for each in (one, two))
        assert (first == second).all()
        assert (first_spread == second_spread).all()
        assert (one.left_out == two.left_out).all()


def test_values_may_have_any_unit(make: Callable[[], Predictor]) -> None:
    x, y = additive(30)
    unit = 2.0**-40  # scales without rounding; its square is below what numbers near 1 can tell apart
    mean, spread = make().fit(x, y).predict(x)
    scaled_mean, scaled_spread = make().fit(x, unit * y).predict(x)
    assert scaled_mean / unit == pytest.approx(mean)
    assert scaled_spread / unit == pytest.approx(spread)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        pytest.param(one_hot(np.random.default_rng(0), 10), np.full(10, 0.1), id="equal values"),
        pytest.param(np.ones((10, 3)), np.arange(10.0), id="constant columns"),
        pytest.param(np.zeros((5, 1)), np.arange(5.0), id="nothing but zeros"),
        pytest.param(*unrelated(4), id="four rows"),
        pytest.param(np.ones((4, 2)), np.zeros(4), id="four equal rows"),
        pytest.param(np.repeat(one_hot(np.random.default_rng(0), 3), 8, axis=0), np.arange(24.0), id="duplicates"),
        pytest.param(1e6 * one_hot(np.random.default_rng(0), 12), np.arange(12.0), id="large features"),
        pytest.param(one_hot(np.random.default_rng(0), 12), 1e-12 * np.arange(12.0), id="small values"),
    ],
)
def test_dull_data_is_no_trouble(make: Callable[[], Predictor], x: Floats, y: Floats) -> None:
    predictor = make().fit(x, y)
    predictor.fit(np.concatenate([x, x[:1]]), np.append(y, y[0]))
    for columns in (predictor.predict(x), predictor.predict(x[:1] + 1), (predictor.left_out,)):
        assert all(np.isfinite(column).all() for column in columns)
    assert (predictor.predict(x)[1] >= 0).all()
    if np.ptp(y) == 0:
        assert predictor.left_out == pytest.approx(np.full(len(y) + 1, y[0]))
        assert predictor.predict(x)[1] == pytest.approx(np.zeros(len(x)))


def test_equal_values_at_first_do_not_keep_it_from_learning(make: Callable[[], Predictor]) -> None:
    x, y = additive(40)
    predictor = make().fit(x[:38], np.zeros(38))
    assert tau(predictor.fit(x, y).predict(x)[0], y) > 0.6


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((3, 2)), np.ones(3), "4 rows"),
        (np.ones((5, 2)), np.ones(4), "one value each"),
        (np.ones(5), np.ones(5), "one value each"),
        (np.ones((5, 2)), np.array([0, 1, 2, 3, np.nan]), "finite"),
    ],
)
def test_what_cannot_be_learned_is_refused(make: Callable[[], Predictor], x: Floats, y: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make().fit(x, y)


@pytest.mark.parametrize("name", ["ridge", "gaussian_process"])
def test_far_from_all_rows_the_spread_is_larger(name: str) -> None:
    x, y = additive(60)
    predictor = PREDICTORS[name]().fit(x, y)
    assert predictor.predict(5 * x)[1].min() > 1.5 * predictor.predict(x)[1].max()


def test_the_ridge_s_left_out_is_that_of_refits() -> None:
    x, y = additive(30, noise=0.5)
    ridge = Ridge().fit(x, y)
    penalty = ridge._model.lambda_ / ridge._model.alpha_
    for left in range(len(y)):
        rows, values = np.delete(x, left, axis=0), np.delete(y, left)
        center = rows.mean(axis=0)
        inner = (rows - center).T @ (rows - center) + penalty * np.eye(x.shape[1])
        coefficients = np.linalg.solve(inner, (rows - center).T @ (values - values.mean()))
        assert ridge.left_out[left] == pytest.approx(values.mean() + (x[left] - center) @ coefficients)


def columns(x: Floats) -> list[Group]:
    return [Group(column, column + 1, is_choice=False) for column in range(x.shape[1])]


def gaussian_refit(process: GaussianProcess, x: Floats, y: Floats, new: Floats) -> Floats:
    """Without a Cholesky factor in common, or any other shortcut."""
    weights = np.linalg.solve(process.kernel.within(x), (y - process._center) / process._scale)
    return process._center + process._scale * (process.kernel.between(new, x) @ weights)


def test_the_gaussian_process_left_out_is_that_of_refits_by_scales_of_other_rows() -> None:
    """With a scale a column, scales that have seen a row would find something in noise."""
    x, y = additive(40, noise=0.5)
    process = GaussianProcess().fit(x, y)
    assert process._halves[0].weights != pytest.approx(process._halves[1].weights)
    z = (y - process._center) / process._scale
    assert process._halves[0].weights == pytest.approx(fit_kernel(x[1::2], z[1::2], columns(x)).weights)
    for left in range(len(y)):
        rows, values = np.delete(x, left, axis=0), np.delete(z, left)
        kernel = process._halves[left % 2]
        weights = np.linalg.solve(kernel.within(rows), values)
        refitted = process._center + process._scale * (kernel.between(x[[left]], rows) @ weights)
        assert process.left_out[left] == pytest.approx(refitted[0], abs=1e-6)


def test_of_many_columns_those_that_matter_have_weight() -> None:
    """Sixteen genes of four choices, of which two decide: they are found in forty rows, and predict new ones."""
    rng = np.random.default_rng(0)
    genes = rng.integers(4, size=(340, 16))
    x = np.sqrt(0.5) * np.eye(4)[genes].reshape(len(genes), -1)
    groups = [Group(4 * gene, 4 * gene + 4, is_choice=True) for gene in range(16)]
    y = np.array([0.0, 1.0, 3.0, 2.0])[genes[:, 3]] * (1 + (genes[:, 7] == 2)) + 0.05 * rng.normal(size=len(genes))
    process = GaussianProcess(groups).fit(x[:40], y[:40])
    assert set(np.argsort(process.kernel.weights)[-2:]) == {3, 7}
    assert tau(process.predict(x[40:])[0], y[40:]) > 0.75


def test_scales_are_found_again_only_after_growth() -> None:
    x, y = additive(60)
    process, fresh = GaussianProcess().fit(x[:40], y[:40]), GaussianProcess()
    kernel = process.kernel
    assert process.fit(x[:51], y[:51]).kernel is kernel
    assert process.predict(x)[0] == pytest.approx(gaussian_refit(process, x[:51], y[:51], x), abs=1e-6)
    assert process.fit(x[:52], y[:52]).kernel.weights == pytest.approx(fresh.fit(x[:52], y[:52]).kernel.weights)
    assert process.kernel is not kernel
    assert len(process.fit(x[:52, 1:], y[:52]).kernel.weights) == x.shape[1] - 1


def test_of_many_rows_some_are_used_and_the_rest_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaussian_process_file, "MOST_ROWS", 50)
    monkeypatch.setattr(gaussian_process_file, "MOST_ROWS_FOR_SCALES", 30)
    x, y = additive(120)
    process, used = GaussianProcess().fit(x, y), spread_evenly(120, 50)
    assert len(used) == len(set(used)) == 50
    assert (used[0], used[-1]) == (0, 119)
    rest = np.setdiff1d(np.arange(120), used)
    assert process.left_out[rest] == pytest.approx(process.predict(x[rest])[0])
    assert tau(process.left_out, y) > 0.6


@pytest.mark.parametrize("is_choice", [True, False])
def test_the_likelihood_is_that_of_a_normal_distribution_and_its_slope_is_right(is_choice: bool) -> None:
    x, y = additive(12)
    groups = (*(Group(3 * gene, 3 * gene + 3, is_choice=True) for gene in range(5)), Group(15, 18, is_choice=is_choice))
    products, log_scales = Products.of(x, groups), np.log([0.7, 2.0, 0.3, 0.4, 0.2, 0.1, 0.9, 0.5, 0.2])
    smooth, additive_part, noise = np.exp(log_scales[6:])
    within = Kernel(groups, np.exp(log_scales[:6]), smooth, additive_part, noise).within(x)
    expected = 0.5 * (y @ np.linalg.solve(within, y) + np.linalg.slogdet(2 * np.pi * within)[1])

    def value(scales: Floats) -> float:
        return negative_log_likelihood(scales, products, y)[0]

    def slope(scales: Floats) -> Floats:
        return negative_log_likelihood(scales, products, y)[1]

    assert value(log_scales) == pytest.approx(expected)
    assert check_grad(value, slope, log_scales) < 1e-4 * np.abs(slope(log_scales)).max()
    factor = cholesky(within, lower=True)
    assert inverse(factor) == pytest.approx(cho_solve((factor, True), np.eye(12)))
    assert diagonal_of_inverse(factor) == pytest.approx(np.diag(inverse(factor)))


class Fixed(Predictor):
    """Predicts the values themselves, in their order or not; counts its fits."""

    def __init__(self, order: Callable[[Floats], Floats]) -> None:
        super().__init__()
        self.order, self.fits = order, 0

    def fit(self, x: Floats, y: Floats) -> Fixed:
        self.fits, self.y = self.fits + 1, y
        return self

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        return np.full(len(x), 5.0), np.ones(len(x))

    @property
    def left_out(self) -> Floats:
        return self.order(self.y)


@pytest.fixture
def fixed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Fixed]:
    """Four predictors of known quality under names of their own."""
    table = {
        "nan": Fixed(lambda y: np.full_like(y, np.nan)),
        "reversed": Fixed(lambda y: -y),
        "good": Fixed(lambda y: y),
        "as good": Fixed(lambda y: y),
    }
    makers = {name: (lambda groups, it=it: it) for name, it in table.items()}
    monkeypatch.setattr(best_of, "PREDICTORS", makers)
    return table


def test_the_choice_takes_the_first_of_the_best_and_refits_only_that(fixed: dict[str, Fixed]) -> None:
    x, y = unrelated(20)
    choice = BestOf(list(fixed)).fit(x, y)
    assert (choice.name, choice.tau) == ("good", pytest.approx(1))
    assert choice.errors == pytest.approx({"nan": np.inf, "reversed": 4 * (y**2).mean(), "good": 0, "as good": 0})
    assert (choice.left_out == y).all()
    assert choice.predict(x[:2])[0].tolist() == [5, 5]
    choice.fit(*unrelated(25))
    assert [each.fits for each in fixed.values()] == [1, 1, 2, 1]
    choice.fit(*unrelated(26))
    assert [each.fits for each in fixed.values()] == [2, 2, 3, 2]


def test_the_choice_follows_the_tau_of_the_moment(fixed: dict[str, Fixed]) -> None:
    choice = BestOf(["good", "reversed"]).fit(*unrelated(20))
    assert choice.is_useful
    fixed["good"].order = lambda y: -y
    choice.fit(*unrelated(21))
    assert (choice.name, choice.tau, choice.errors["good"]) == ("good", pytest.approx(-1), 0)
    assert not choice.is_useful
    assert BestOf(["nan"]).fit(*unrelated(20)).tau == -1


def test_the_choice_prefers_trees_where_genes_interact_and_a_ridge_where_they_add_up() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(2, size=(80, 6)).astype(float)
    either = (x[:, 0] != x[:, 1]) * 2.0 + x[:, 2] + 0.1 * rng.normal(size=80)  # no line can tell
    assert BestOf(["ridge", "forest"]).fit(x, either).name == "forest"
    assert BestOf(["forest", "ridge"]).fit(*additive(60)).name == "ridge"


def test_the_choice_is_useful_on_what_can_be_learned_and_not_on_noise() -> None:
    names = ["ridge", "forest"]
    assert BestOf(names).fit(*additive(40)).is_useful
    assert not BestOf(names).is_useful
    on_noise = [BestOf(names).fit(*unrelated(40, seed=seed)).is_useful for seed in range(12)]
    assert sum(on_noise) <= 1
    assert not BestOf(names).fit(one_hot(np.random.default_rng(0), 20), np.ones(20)).is_useful


def test_a_gaussian_process_is_always_asked_because_it_says_how_little_it_knows() -> None:
    spreads = []
    for seed in range(12):
        x, y = unrelated(40, seed=seed)
        choice = BestOf(["gaussian_process"]).fit(x[:30], y[:30])
        assert choice.is_useful
        spreads.append(choice.predict(x[30:])[1].mean() / y[:30].std())
    assert np.mean(spreads) > 0.8
    assert not BestOf(["gaussian_process"]).fit(x, np.ones(40)).is_useful


def test_is_useful_asks_for_twice_the_deviation_of_chance(fixed: dict[str, Fixed]) -> None:
    rng = np.random.default_rng(0)
    by_chance = [tau(rng.normal(size=15), rng.normal(size=15)) for _ in range(300)]
    bound = 2 * math.sqrt(2 * (2 * 15 + 5) / (9 * 15 * 14))
    assert bound == pytest.approx(2 * np.std(by_chance), rel=0.15)
    y = np.arange(15.0)
    for order in (rng.permutation(15).astype(float) + shift * y for shift in np.linspace(0, 1, 8)):
        fixed["good"].order = lambda _, order=order: order
        assert BestOf(["good"]).fit(np.ones((15, 1)), y).is_useful == (tau(order, y) > bound)


def test_the_names_are_those_of_the_table() -> None:
    assert tuple(PREDICTORS) == PREDICTOR_NAMES


@pytest.mark.parametrize("names", [[], ["ridge", "oracle"]])
def test_a_choice_of_nothing_or_of_strangers_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="one or more of ridge, forest"):
        BestOf(names)


def test_before_the_first_fit_there_is_nothing_to_predict_with() -> None:
    with pytest.raises(ValueError, match="fit"):
        BestOf(["ridge"]).predict(np.ones((1, 2)))
    with pytest.raises(ValueError, match="fit"):
        _ = GaussianProcess().kernel


def test_growth_is_by_a_factor_of_1_3() -> None:
    assert [has_grown(10, now) for now in (10, 12, 13, 9)] == [False, False, True, True]
