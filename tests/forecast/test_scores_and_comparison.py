"""Scores against sktime, the Diebold-Mariano test against R, and what happens where a score is not defined."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from finlab.core.errors import InputError
from finlab.forecast import comparison, scores


@pytest.mark.parametrize(
    "horizon, power, p", [(1, 2, 0.8871), (10, 2, 0.9362), (1, 1, 0.7818)], ids=["h=1", "h=10", "absolute"]
)
def test_diebold_mariano_gives_the_p_values_of_r(testdata, horizon, power, p):
    errors = pd.read_csv(testdata / "reference" / "diebold_mariano_errors.csv")
    result = comparison.diebold_mariano(errors["ets"].to_numpy(), errors["arima"].to_numpy(), horizon, power)
    assert round(result.p_value, 4) == p and result.n == 20


def test_the_test_is_antisymmetric_and_free_of_units():
    a, b = np.random.default_rng(0).normal(0, 1, (2, 30))
    one, two = comparison.diebold_mariano(a, b, 3), comparison.diebold_mariano(1e6 * b, 1e6 * a, 3)
    assert one.statistic == pytest.approx(-two.statistic) and one.p_value == pytest.approx(two.p_value)
    less, greater = (comparison.diebold_mariano(a, b, 3, alternative=side).p_value for side in ("less", "greater"))
    assert less + greater == pytest.approx(1)


def test_a_variance_that_is_not_positive_falls_back_to_bartlett():
    d = np.tile([1.0, -1.0], 8) + 0.1
    result = comparison.compare_losses(d, np.zeros(16), horizon=2)
    assert np.isfinite(result.p_value) and "Bartlett" in result.note


def test_identical_and_shifted_losses_have_no_test():
    same = comparison.compare_losses(np.ones(20), np.ones(20))
    shifted = comparison.compare_losses(np.full(20, 2.0), np.ones(20))
    assert np.isnan(same.p_value) and comparison.outcome(same) == "same"
    assert comparison.outcome(shifted) == "untested"
    assert "no test of a against b is possible" in comparison.verdict("a", "b", (2, 1), shifted)


def test_verdicts_say_what_was_found():
    noise = np.random.default_rng(1).normal(0, 0.1, 40)
    better = comparison.compare_losses(noise + 1, np.full(40, 2.0))
    assert comparison.verdict("ses", "naive2", (0.83, 0.95), better, 0.012) == (
        "ses beats naive2: MASE 0.83 against 0.95, DM p = 0.012 (Holm) over 40 origins"
    )
    few = comparison.compare_losses(noise[:8] + 1, np.full(8, 2.0))
    words = comparison.verdict("ses", "naive2", (1, 2), few)
    assert words.startswith("too few origins to tell ses from naive2 (8 < 10)")
    assert comparison.outcome(comparison.compare_losses(noise, np.zeros(40), 12)) == "too few"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_and_keeps_order(ps):
    adjusted = comparison.holm({str(i): p for i, p in enumerate(ps)})
    assert all(adjusted[str(i)] >= p for i, p in enumerate(ps))
    assert [adjusted[str(i)] for i in np.argsort(ps, kind="stable")] == sorted(adjusted.values())


def test_losses_that_do_not_fit_are_refused():
    for a, b, h in [(np.ones(3), np.ones(4), 1), (np.ones(3), np.ones(3), 3), (np.r_[1, np.nan], np.ones(2), 1)]:
        with pytest.raises(InputError):
            comparison.compare_losses(a, b, h)
    with pytest.raises(InputError, match="two-sided"):
        comparison.compare_losses(np.ones(3), np.zeros(3), alternative="two sided")


@pytest.mark.parametrize("period", [1, 4, 12])
def test_scores_agree_with_sktime(period):
    from sktime.performance_metrics import forecasting as peer

    rng = np.random.default_rng(period)
    past, future = rng.normal(0, 1, 50), rng.normal(0, 1, 9)
    guess = future + rng.normal(0, 0.5, 9)
    absolute = peer.mean_absolute_scaled_error(future, guess, y_train=past, sp=period)
    squared = peer.mean_squared_scaled_error(future, guess, y_train=past, sp=period, square_root=True)
    relative = peer.mean_absolute_percentage_error(future, guess, symmetric=True)
    assert scores.mase(future, guess, past, period) == pytest.approx(absolute, rel=1e-12)
    assert scores.rmsse(future, guess, past, period) == pytest.approx(squared, rel=1e-12)
    assert scores.smape(future, guess) == pytest.approx(100 * relative, rel=1e-12)


def test_pinball_agrees_with_scikit_learn():
    from sklearn.metrics import mean_pinball_loss

    y, q = np.random.default_rng(0).normal(0, 1, (2, 30))
    for share in (0.025, 0.5, 0.9):
        assert scores.pinball(y, q, share) == pytest.approx(mean_pinball_loss(y, q, alpha=share))


def test_columns_are_scored_one_by_one():
    rng = np.random.default_rng(5)
    actual, mean, past = rng.normal(0, 1, (6, 3)), rng.normal(0, 1, (6, 3)), rng.normal(0, 1, (20, 3))
    past[:7, 1] = np.nan
    together = scores.mase(actual, mean, past, 2)
    alone = [scores.mase(actual[:, k], mean[:, k], past[:, k][~np.isnan(past[:, k])], 2) for k in range(3)]
    np.testing.assert_allclose(together, alone)


def test_scores_that_are_not_defined_are_missing_without_a_warning(recwarn):
    flat, two = np.full(10, 3.0), np.array([1.0, 2.0])
    assert np.isnan(scores.mase(two, two, flat)) and np.isnan(scores.rmsse(two, two, flat))
    assert np.isnan(scores.mase(two, two, two, period=12)) and np.isnan(scores.owa(1.0, 1.0, 0.0, 1.0))
    assert scores.smape(np.zeros(2), np.zeros(2)) == 0 and scores.smape(two, -two) == 200
    assert np.isnan(scores.coverage(two, np.full(2, np.nan), two))
    assert not recwarn.list and set(scores.UNDEFINED) >= {"MASE", "RMSSE", "OWA"}


def test_shapes_that_differ_are_refused():
    with pytest.raises(InputError, match="shapes differ"):
        scores.smape(np.ones(3), np.ones(2))
    with pytest.raises(InputError, match="share is 0"):
        scores.pinball(np.ones(2), np.ones(2), 0.0)


@pytest.mark.parametrize("n, horizon, waves", [(20, 1, 2), (64, 2, 4), (84, 12, 3), (11, 5, 1)])
def test_the_smooth_p_value_is_that_of_the_slowest_waves(n, horizon, waves):
    rng = np.random.default_rng(n)
    a, b = rng.normal(1, 1, n) ** 2, rng.normal(1, 1.2, n) ** 2
    difference, time = a - b, np.arange(n)
    power = []
    for j in range(1, waves + 1):
        angle = 2 * np.pi * j * time / n
        power.append(((difference * np.cos(angle)).sum() ** 2 + (difference * np.sin(angle)).sum() ** 2) / n)
    statistic = difference.mean() / np.sqrt(np.mean(power) / n)
    result = comparison.compare_losses(a, b, horizon)
    assert result.p_smooth == pytest.approx(2 * stats.t.sf(abs(statistic), 2 * waves), rel=1e-9)
    assert result.p_careful == max(result.p_value, result.p_smooth)
    less = comparison.compare_losses(a, b, horizon, alternative="less")
    assert less.p_smooth == pytest.approx(stats.t.cdf(statistic, 2 * waves), rel=1e-9)


@pytest.mark.parametrize("n, overlap", [(14, 2), (21, 3), (35, 5), (84, 12)])
def test_four_equal_rivals_are_rarely_told_apart(n, overlap):
    rng, tries, wrong = np.random.default_rng(n), 600, 0
    for _ in range(tries):
        shocks = rng.normal(0, 1, (4, n + overlap - 1))
        rivals = np.stack([shocks[:, k : k + n] for k in range(overlap)]).sum(axis=0)
        ps = {str(i): comparison.compare_losses(d, np.zeros(n), overlap).p_careful for i, d in enumerate(rivals)}
        wrong += min(comparison.holm(ps).values()) < 0.05
    assert n == comparison.origins_needed(overlap) and wrong / tries < 0.12


def test_differences_that_are_rounding_are_no_differences():
    losses = np.random.default_rng(2).uniform(1, 2, 30)
    result = comparison.compare_losses(losses * (1 + 1e-16 * (np.arange(30) % 3)), losses)
    assert np.isnan(result.p_value) and comparison.outcome(result) == "same"
    real = comparison.compare_losses(losses * (1 + 1e-9 * (np.arange(30) % 3)), losses)
    assert real.p_value < 0.001


def test_a_level_beyond_certainty_is_refused():
    for level in (0, 100, 150):
        with pytest.raises(InputError, match=f"level is {level}"):
            scores.winkler(np.ones(2), np.zeros(2), np.ones(2), level)


def test_crps_of_normal_forecasts_is_its_definition():
    rng = np.random.default_rng(3)
    actual, mean, sd = rng.normal(0, 2, 20), rng.normal(0, 1, 20), rng.lognormal(0, 0.5, 20)
    ours = scores.crps_normal(actual[None], mean[None], sd[None])
    grid = np.linspace(-40, 40, 80_001)
    for place in range(20):
        below = stats.norm.cdf(grid, mean[place], sd[place]) - (grid >= actual[place])
        # the step of the grid, times at most one: the tolerance of the sum
        np.testing.assert_allclose(ours[place], np.sum(below**2) * (grid[1] - grid[0]), atol=1e-3)
    draws = rng.normal(size=(2, 400_000))
    for place in range(3):
        one, other = mean[place] + sd[place] * draws
        by_chance = np.abs(one - actual[place]).mean() - np.abs(one - other).mean() / 2
        np.testing.assert_allclose(ours[place], by_chance, atol=0.02)


def test_crps_from_quantiles_comes_near_with_more_of_them():
    actual, mean, sd = np.array([1.0, -3.0, 0.2]), np.zeros(3), np.array([1.0, 1.0, 2.0])
    exact = scores.crps_normal(actual, mean, sd)
    errors = []
    for n in (9, 99, 999):
        shares = (np.arange(n) + 0.5) / n
        quantiles = mean + sd * stats.norm.ppf(shares)[:, None]
        errors.append(abs(scores.crps_quantiles(actual, quantiles, shares.tolist()) - exact))
    assert errors[0] > errors[1] > errors[2] and errors[2] < 1e-4


def test_crps_at_its_edges():
    one = np.array([3.0])
    assert scores.crps_normal(one, np.array([5.0]), np.array([0.0])) == 2
    assert np.isnan(scores.crps_normal(one, one, np.array([np.nan]))) and np.isnan(
        scores.crps_normal(one[:0], one[:0], one[:0])
    )
    assert np.isclose(scores.crps_normal(one, one + 1e6, one), 1e6, rtol=1e-5)
    with pytest.raises(InputError, match="2 quantiles and 1 shares"):
        scores.crps_quantiles(one, np.zeros((2, 1)), [0.5])
    with pytest.raises(InputError, match=r"share is 1\.5"):
        scores.crps_quantiles(one, np.zeros((1, 1)), [1.5])
    with pytest.raises(InputError, match="shapes differ"):
        scores.crps_normal(one, one, np.zeros(2))
