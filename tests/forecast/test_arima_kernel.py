"""ARIMA by exact likelihood against statsmodels, slow twins, and the edges of what data can be."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from competition import group, panel

from finlab.core.compute import double_precision
from finlab.core.errors import InputError
from finlab.forecast.kernels import arima_likelihood as exact
from finlab.forecast.kernels.arima import filter_arima, fit_arima, forecast_arima, polynomials
from finlab.forecast.kernels.arima_panel import MOST_HOLES, after_gaps
from finlab.forecast.kernels.arima_search import (
    STRONG_SEASON,
    acceptable,
    auto_arima,
    choose_differences,
    seasonal_strength,
)
from finlab.forecast.kernels.prepare import Reason

ORDERS = [(1, 2, 0, 0), (2, 1, 1, 1), (0, 1, 0, 1), (2, 0, 1, 0), (0, 0, 2, 2), (3, 3, 2, 1), (5, 5, 0, 0)]
ORDERS += [(0, 0, 0, 0)]


compiled = jax.jit(exact.objective, static_argnums=(3, 4, 5))


def evaluate(z, w, sizes, period, count=None):
    lanes = z.shape[1]
    counts = np.full(lanes, len(w) if count is None else count)
    own = (np.arange(lanes), np.arange(lanes), counts, np.ones(z.shape, bool), np.zeros(lanes, bool))
    with double_precision():
        shared = (jnp.asarray(w), jnp.zeros(w.shape[1]), jnp.zeros((len(w), 0, w.shape[1])))
        value, gradient = compiled(jnp.asarray(z), own, shared, sizes, period, 0)
        return exact.log_likelihood(np.asarray(value), counts, 1.0), np.asarray(gradient)


def dense_loglik(ar, ma, w) -> float:
    """The slow twin: the covariance matrix of the whole series, from a long impulse response."""
    response = np.zeros(6000)
    for t in range(len(response)):
        response[t] = (t == 0) + (ma[t - 1] if 0 < t <= len(ma) else 0)
        response[t] += sum(c * response[t - k - 1] for k, c in enumerate(ar) if k < t)
    n = len(w)
    covariances = np.array([response[: len(response) - k] @ response[k:] for k in range(n)])
    matrix = covariances[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))]
    squares = w @ np.linalg.solve(matrix, w)
    return -0.5 * n * (np.log(2 * np.pi * squares / n) + 1) - 0.5 * np.linalg.slogdet(matrix)[1]


@pytest.mark.parametrize("sizes", ORDERS)
def test_the_likelihood_is_that_of_sarimax_and_its_gradient_that_of_differences(sizes):
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    rng = np.random.default_rng(sum(sizes))
    z, w = rng.normal(size=(sum(sizes), 3)) * 0.7, rng.normal(size=(60, 3)).cumsum(axis=0)
    p, q, seasonal_p, seasonal_q = sizes
    seasonal = (seasonal_p, 0, seasonal_q, 7) if seasonal_p + seasonal_q else (0, 0, 0, 0)
    for count in (60, 9):
        ours, gradient = evaluate(z, w, sizes, 7, count)
        for lane, parameters in enumerate(np.concatenate(exact.coefficients(z, sizes)).T):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = SARIMAX(w[:count, lane], order=(p, 0, q), seasonal_order=seasonal, concentrate_scale=True)
            np.testing.assert_allclose(ours[lane], model.loglike(parameters), atol=1e-6)
        for e, by_hand in zip(1e-5 * np.eye(len(z)), gradient, strict=True):
            two = [evaluate(z + k * e[:, None], w, sizes, 7, count)[0] for k in (-1, 1)]
            np.testing.assert_allclose(by_hand, (two[0] - two[1]) / 2e-5, atol=1e-3, rtol=1e-4)


def test_the_likelihood_is_that_of_a_dense_covariance_matrix():
    rng = np.random.default_rng(2)
    sizes, w = (1, 1, 1, 1), rng.normal(size=(40, 4))
    z = rng.normal(size=(4, 4)) / 2
    ar, ma = polynomials(z, sizes, 4)
    slow = [dense_loglik(ar[:, lane], ma[:, lane], w[:, lane]) for lane in range(4)]
    np.testing.assert_allclose(evaluate(z, w, sizes, 4)[0], slow, atol=1e-8)


CASES = [
    ((1, 1, 2), (0, 0, 0), None), ((0, 1, 1), (0, 1, 1), None), ((2, 0, 1), (1, 0, 0), None),
    ((1, 0, 0), (0, 1, 1), True), ((1, 1, 0), (1, 0, 0), True), ((0, 2, 2), (0, 0, 0), None),
]  # fmt: skip


@pytest.mark.parametrize(("order", "seasonal", "constant"), CASES)
def test_fits_and_forecasts_agree_with_sarimax_at_our_parameters(order, seasonal, constant, testdata):
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    monthly = group(testdata, "M3", "Monthly")["train"].iloc[::250].to_list()
    fit = fit_arima(panel([np.asarray(values) / 1e4 for values in monthly]), order, seasonal, 12, constant=constant)
    ours, steps = forecast_arima(fit, 15), order[1] + seasonal[1]
    mean = steps == 0 if constant is None else constant
    for lane in range(len(monthly)):
        y = fit.y[~np.isnan(fit.y[:, lane]), lane]
        past = np.arange(1, len(y) + 16) / (1 if order[1] else 12) if steps else np.ones(len(y) + 15)
        kind = {"order": order, "seasonal_order": (*seasonal, 12) if any(seasonal) else (0, 0, 0, 0)}
        x, ahead = (past[: len(y)], past[len(y) :]) if mean else (None, None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            short, whole = SARIMAX(y, exog=x, simple_differencing=True, **kind), SARIMAX(y, exog=x, **kind)
        terms = [*fit.ar[: order[0], lane], *fit.ma[: order[2], lane]]
        terms += [fit.ar[11, lane]] * seasonal[0] if seasonal[0] else []
        terms += [fit.ma[11, lane]] * seasonal[2] if seasonal[2] else []
        effects = [fit.beta[0, lane]] if mean else []
        count = len(short.endog)
        likely = fit.sigma2[lane] * (count - len(terms) - len(effects)) / count
        np.testing.assert_allclose(fit.loglik[lane], short.loglike(np.array([*effects, *terms, likely])), rtol=2e-6)
        known = whole.filter(np.array([*effects, *terms, fit.sigma2[lane]])).get_forecast(15, exog=ahead)
        np.testing.assert_allclose(ours.mean[:, lane], known.predicted_mean, rtol=3e-5)
        np.testing.assert_allclose(ours.sd[:, lane], known.se_mean, rtol=2e-4)


def test_residuals_are_the_one_step_errors_of_sarimax():
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    w = np.random.default_rng(8).normal(size=(40, 1)).cumsum(axis=0)
    fit = fit_arima(w, (1, 0, 1), constant=False)
    model = SARIMAX(w[:, 0], order=(1, 0, 1), concentrate_scale=True).filter([fit.ar[0, 0], fit.ma[0, 0]])
    np.testing.assert_allclose(forecast_arima(fit, 1).residuals[:, 0], model.resid, atol=1e-8)


def test_holes_are_skipped_as_sarimax_skips_them():
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    y = np.random.default_rng(9).normal(size=(60, 1)).cumsum(axis=0) * 0.3
    y[[10, 11, 30, 58, 59], 0] = np.nan
    fit = fit_arima(y, (1, 0, 1), constant=False)
    ours = forecast_arima(fit, 6)
    likely = fit.sigma2[0] * (55 - 2) / 55
    terms = [fit.ar[0, 0], fit.ma[0, 0]]
    model = SARIMAX(y[:, 0], order=(1, 0, 1))
    np.testing.assert_allclose(fit.loglik[0], model.loglike(np.array([*terms, likely])), atol=1e-7)
    known = model.filter(np.array([*terms, fit.sigma2[0]])).get_forecast(6)
    np.testing.assert_allclose(ours.mean[:, 0], known.predicted_mean, rtol=1e-7)
    np.testing.assert_allclose(ours.sd[:, 0], known.se_mean, rtol=1e-7)
    assert np.isnan(ours.residuals[[10, 11, 30, 58, 59], 0]).all()


def test_holes_in_a_differenced_series_give_the_forecast_of_a_diffuse_filter():
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    y = np.random.default_rng(10).normal(size=(80, 1)).cumsum(axis=0) * 0.1
    y[[20, 40, 41, 78], 0] = np.nan
    fit = fit_arima(y, (0, 1, 1), (0, 1, 1), 4)
    ours = forecast_arima(fit, 6)
    model = SARIMAX(y[:, 0], order=(0, 1, 1), seasonal_order=(0, 1, 1, 4))
    known = model.filter(np.array([fit.ma[0, 0], fit.ma[3, 0], fit.sigma2[0]])).get_forecast(6)
    np.testing.assert_allclose(ours.mean[:, 0], known.predicted_mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.sd[:, 0], known.se_mean, rtol=1e-3)


def test_regressors_are_those_of_least_squares_with_arima_errors():
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    rng = np.random.default_rng(11)
    x = rng.normal(size=(90, 2)) * [1.0, 1e4]
    y = (x @ [2.0, 3e-4] + rng.normal(size=90).cumsum())[:, None]
    fit = fit_arima(y, (1, 1, 0), x=x)
    model = SARIMAX(y[:, 0], exog=x, order=(1, 1, 0), simple_differencing=True)
    parameters = [*fit.beta[1:, 0], fit.ar[0, 0], fit.sigma2[0] * (89 - 3) / 89]
    np.testing.assert_allclose(fit.loglik[0], model.loglike(np.array(parameters)), atol=1e-7)
    assert fit.loglik[0] > model.fit(disp=False).llf - 0.01
    future = rng.normal(size=(3, 2))
    free = forecast_arima(fit, 3, future).mean - forecast_arima(fit, 3, np.zeros((3, 2))).mean
    np.testing.assert_allclose(free[:, 0], future @ fit.beta[1:, 0])


def test_scaling_and_shifting_a_series_scales_and_shifts_its_forecast():
    y = np.random.default_rng(12).normal(size=(80, 3)).cumsum(axis=0)
    one, other = (forecast_arima(fit_arima(part, (1, 1, 1), constant=True), 5) for part in (y, 1000 * y + 5))
    np.testing.assert_allclose(other.mean, 1000 * one.mean + 5, rtol=1e-6)
    np.testing.assert_allclose(other.sd, 1000 * one.sd, rtol=1e-7)


def test_odd_series_get_a_reason_and_change_nothing_for_their_neighbours():
    rng = np.random.default_rng(13)
    y = np.full((60, 9), np.nan)
    y[:, 0], y[:, 8] = rng.normal(size=60).cumsum(), rng.normal(size=60)
    y[:, 1], y[-3:, 2], y[-1, 3], y[:, 5] = 4.0, [1, 2, 4], 7.0, np.arange(60)
    y[:, 6] = y[:, 7] = y[:, 0]
    y[20, 6], y[20, 7] = np.inf, 1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit, chosen = fit_arima(y, (1, 1, 2)), auto_arima(y)
        alone = fit_arima(y[:, [0, 8]], (1, 1, 2))
        ahead, best = forecast_arima(fit, 4), forecast_arima(chosen, 4)
    expected = [Reason.FINE, Reason.CONSTANT, Reason.SHORT, Reason.SHORT, Reason.MISSING, fit.reason[5]]
    assert fit.reason.tolist() == [*expected, Reason.INFINITE, Reason.INFINITE, Reason.FINE]
    np.testing.assert_allclose(fit.loglik[[0, 8]], alone.loglik, atol=1e-6)
    np.testing.assert_allclose(ahead.mean[:, [0, 8]], forecast_arima(alone, 4).mean, atol=1e-4)
    for result in (ahead, best):
        assert np.isfinite(result.mean[:, [0, 1, 2, 3, 5, 8]]).all()
        assert np.isnan(result.mean[:, [4, 6, 7]]).all()
    np.testing.assert_allclose(best.mean[:, 5], [60, 61, 62, 63])
    np.testing.assert_allclose(best.mean[:, 1], 4.0)


def test_a_model_without_terms_is_a_random_walk():
    y = np.random.default_rng(20).normal(size=(40, 3)).cumsum(axis=0)
    fit = fit_arima(y, (0, 1, 0))
    ahead = forecast_arima(fit, 3)
    assert (fit.reason == Reason.FINE).all() and fit.converged.all()
    np.testing.assert_allclose(ahead.mean, np.tile(y[-1], (3, 1)))
    changes = np.sqrt((np.diff(y, axis=0) ** 2).mean(axis=0))
    np.testing.assert_allclose(ahead.sd, changes * np.sqrt([[1], [2], [3]]))
    np.testing.assert_allclose(forecast_arima(filter_arima(fit, y), 3).mean, ahead.mean)


LONG_ORDERS = [((50, 0, 0), (0, 0, 0), 1), ((1, 1, 1), (1, 1, 1), 1000), ((0, 0, 0), (1, 0, 1), 48)]


@pytest.mark.parametrize(("order", "seasonal", "period"), LONG_ORDERS)
def test_orders_longer_than_the_series_become_simpler_ones(order, seasonal, period):
    y = np.random.default_rng(21).normal(size=(48, 2)).cumsum(axis=0)
    fit = fit_arima(y, order, seasonal, period)
    ahead = forecast_arima(fit, 3)
    assert (fit.reason == Reason.SHORT).all() and (fit.orders[[0, 2, 3, 5]] == 0).all()
    expected = y[-1] if order[1] else y.mean(axis=0)
    np.testing.assert_allclose(ahead.mean, np.tile(expected, (3, 1)))
    np.testing.assert_allclose(forecast_arima(filter_arima(fit, y), 3).sd, ahead.sd)


def test_values_are_counted_and_not_rows():
    sparse = np.full((24, 1), np.nan)
    sparse[[0, 5, 20, 23], 0] = [3.0, 5, 4, 6]
    fit = fit_arima(sparse, (0, 1, 1), (0, 1, 1), 4)
    assert fit.orders[:, 0].tolist() == [0, 1, 0, 0, 0, 0, 0] and fit.reason[0] == Reason.SHORT
    assert (forecast_arima(fit, 2).sd > 0.1).all()


def test_a_phase_that_was_never_seen_is_no_season():
    y = np.random.default_rng(22).normal(10, 1, (48, 2))
    y[2::4, 1] = np.nan
    ahead = forecast_arima(fit_arima(y, (0, 0, 0), (0, 1, 0), 4), 8)
    assert np.isfinite(ahead.mean).all() and (ahead.sd[:, 1] < 5).all()


def test_few_values_are_forecast_by_their_mean():
    y = np.full((24, 3), np.nan)
    y[-3:, 0], y[-4:, 1], y[-1, 2] = [101.0, 99, 100], [100, 130, 80, 60], 7
    fit = auto_arima(y, 4)
    ahead = forecast_arima(fit, 2)
    np.testing.assert_allclose(ahead.mean, np.tile([100, 92.5, 7], (2, 1)))
    assert (fit.reason == Reason.SHORT).all() and (ahead.sd[:, :2] > 0).all() and np.isnan(ahead.sd[:, 2]).all()


def test_of_a_series_with_too_many_holes_only_the_last_part_is_used():
    y = np.random.default_rng(23).normal(size=(5000, 4)).cumsum(axis=0)
    y[400:4900, 0], y[4790:, 1], y[: 5000 - 150, 3] = np.nan, np.nan, np.nan
    fit, alone = fit_arima(y, (0, 1, 1)), fit_arima(y[4900:, :1], (0, 1, 1))
    ahead = forecast_arima(fit, 4)
    assert fit.reason.tolist() == [Reason.CUT, Reason.ENDED, Reason.FINE, Reason.FINE]
    np.testing.assert_allclose(ahead.mean[:, :1], forecast_arima(alone, 4).mean, rtol=1e-4)
    np.testing.assert_allclose(ahead.sd[:, :1], forecast_arima(alone, 4).sd, rtol=1e-4)
    assert np.isnan(ahead.mean[:, 1]).all() and np.isfinite(ahead.mean[:, 2:]).all()
    assert filter_arima(fit, y).reason.tolist() == fit.reason.tolist()
    scattered = np.random.default_rng(24).normal(size=(1000, 1))
    scattered[::3] = np.nan  # 333 holes: the last 600 steps hold 200 of them
    kept = after_gaps(scattered)[0]
    holes = np.isnan(kept[np.flatnonzero(~np.isnan(kept))[0] :]).sum()
    assert 0.9 * MOST_HOLES < holes <= MOST_HOLES


def test_large_and_small_sizes_are_refused_by_reason():
    y = np.random.default_rng(25).normal(size=(40, 5)) * np.array([1e-300, 1e-100, 1.0, 1e100, 1e300])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fit_arima(y, (0, 1, 1))
        ahead = forecast_arima(fit, 2)
    assert fit.reason.tolist() == [Reason.INFINITE, Reason.FINE, Reason.FINE, Reason.FINE, Reason.INFINITE]
    assert np.isfinite(ahead.sd[:, 1:4]).all() and np.isnan(ahead.mean[:, [0, 4]]).all()


def test_results_do_not_depend_on_how_lanes_are_grouped():
    y = np.random.default_rng(14).normal(size=(50, 70)).cumsum(axis=0)
    whole = fit_arima(y, (1, 1, 1))
    parts = [fit_arima(y[:, k : k + 35], (1, 1, 1)) for k in (0, 35)]
    np.testing.assert_allclose(whole.loglik, np.concatenate([part.loglik for part in parts]), atol=1e-5)
    again = fit_arima(y, (1, 1, 1))
    np.testing.assert_array_equal(whole.loglik, again.loglik)


def test_filtering_longer_data_keeps_the_parameters():
    y = np.random.default_rng(15).normal(size=(60, 2)).cumsum(axis=0)
    fit = fit_arima(y[:50], (1, 1, 1))
    same, longer = filter_arima(fit, y[:50]), filter_arima(fit, y)
    np.testing.assert_array_equal(fit.ar, longer.ar)
    first = forecast_arima(fit, 1).mean[0]
    residuals = forecast_arima(longer, 1).residuals[50]
    np.testing.assert_allclose(y[50] - first, residuals, rtol=1e-9)
    ratio = 47 / 49  # the variance is the sum of squares over 49 values less two terms, and it is kept
    np.testing.assert_allclose(same.loglik - fit.loglik, 24.5 * (1 + np.log(ratio) - ratio), atol=1e-7)


def test_orders_that_make_no_sense_are_refused():
    y = np.zeros((20, 1))
    for arguments in [((1, 1), (0, 0, 0), 1), ((1, -1, 0), (0, 0, 0), 1), ((1, 0, 0), (0, 1, 0), 1)]:
        with pytest.raises(InputError):
            fit_arima(y, *arguments)
    with pytest.raises(InputError, match="constant"):
        fit_arima(y, (0, 2, 1), constant=True)
    with pytest.raises(InputError, match="x"):
        fit_arima(y, (0, 1, 1), x=np.zeros((19, 1)))
    with pytest.raises(InputError, match="horizon"):
        forecast_arima(fit_arima(y, (0, 1, 1)), 0)


def test_models_near_the_edge_are_found_without_roots():
    rng = np.random.default_rng(16)
    z = rng.normal(size=(6, 200)) * 1.5
    ar, ma = polynomials(z, (2, 2, 1, 1), 4)
    slow = []
    for lane in range(200):
        rows = [np.append(1, -ar[:, lane]), np.append(1, ma[:, lane])]
        slow.append(all((np.abs(np.polynomial.polynomial.polyroots(row)) > 1.01).all() for row in rows))
    np.testing.assert_array_equal(acceptable(z, (2, 2, 1, 1), 4), slow)
    assert 0 < sum(slow) < 200


def test_a_single_term_at_lag_one_may_be_near_the_edge():
    near = np.arctanh([[0.995]])
    assert acceptable(near, (0, 1, 0, 0), 12).all() and acceptable(near, (1, 0, 0, 0), 12).all()
    assert not acceptable(near, (0, 0, 1, 0), 12).any()


def test_seasonal_strength_is_that_of_statsmodels_stl():
    from statsmodels.tsa.seasonal import STL

    rng = np.random.default_rng(17)
    for size, period in [(48, 12), (126, 12), (20, 4), (61, 4), (25, 12)]:
        y = np.tile(rng.normal(size=period), 20)[:size] + rng.normal(size=size) * 0.7
        split = STL(y, period=period, seasonal=11, seasonal_deg=0).fit()
        slow = max(0, 1 - np.var(split.resid) / np.var(split.resid + split.seasonal))
        np.testing.assert_allclose(seasonal_strength(y[:, None], period), slow, atol=1e-9)


def test_differences_are_chosen_as_a_loop_over_series_would(testdata):
    from statsmodels.tsa.stattools import kpss

    quarterly = group(testdata, "M3", "Quarterly")["train"].iloc[::30].to_list()
    steps, seasonal = choose_differences(panel(quarterly), 4)
    for lane, values in enumerate(quarterly):
        y = np.asarray(values, float)
        assert seasonal[lane] == (seasonal_strength(y[:, None], 4)[0] > STRONG_SEASON)
        y = y[4:] - y[:-4] if seasonal[lane] else y
        slow = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            while slow < 2 and kpss(y, "c", nlags=int(3 * np.sqrt(len(y)) / 13))[1] < 0.05:
                y, slow = np.diff(y)[1:], slow + 1
        assert steps[lane] == slow
    assert 0 < seasonal.sum() < len(seasonal)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["M3 Yearly", "M3 Quarterly", "M3 Other", "M4 Hourly"])
def test_every_series_of_the_competitions_has_a_model_and_a_forecast(name, testdata):
    dataset, freq = name.split()
    table = group(testdata, dataset, freq)
    y, horizon = panel(table["train"].to_list()), len(table["test"].iloc[0])
    for fit in (fit_arima(y, (1, 1, 2)), *([auto_arima(y, int(table["m"].iloc[0]))] if freq != "Hourly" else [])):
        ahead = forecast_arima(fit, horizon)
        assert np.isfinite(ahead.mean).all() and (ahead.sd > 0).all() and (fit.reason < Reason.MISSING).all()


@pytest.mark.slow
def test_the_search_over_parameters_is_as_good_as_that_of_sarimax(testdata):
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    some = group(testdata, "M3").sample(100, random_state=1)["train"].to_list()
    fit, better = fit_arima(panel(some), (1, 1, 2)), 0
    for lane, values in enumerate(some):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = SARIMAX(np.asarray(values, float), order=(1, 1, 2), simple_differencing=True).fit(disp=False)
        better += fit.loglik[lane] >= theirs.llf - 0.01
    assert better >= 90
