"""The Theta family against slow twins and the published method, and the edges of what data can be."""

import numpy as np
import pytest
from bad_series import check_bad_neighbours, check_extreme_sizes
from competition import hourly, m3, owa

from finlab.core.errors import InputError
from finlab.forecast.kernels import prepare
from finlab.forecast.kernels.theta import KINDS, Reason, filter_theta, fit_theta, forecast_theta


def slow_theta(y, alpha, theta, first_level, dynamic, horizon=0, shocks=None):
    """One series, written from the paper: the line by polyfit, values ahead are forecasts plus shocks."""
    y, out = list(y), []
    whole = np.polyfit(np.arange(1, len(y) + 1), y, 1)
    n, level = len(y), alpha * y[0] + (1 - alpha) * first_level
    for t in range(1, n + horizon):
        slope, intercept = np.polyfit(np.arange(1, t + 1), y[:t], 1) if dynamic and t > 1 else (0.0, y[0])
        slope, intercept = (slope, intercept) if dynamic else whole
        line = intercept * (1 - alpha) ** t + slope * (1 - (1 - alpha) ** (t + 1)) / alpha
        mu = level + (1 - 1 / theta) * line
        out.append(mu)
        if t >= n:
            y.append(mu + (0.0 if shocks is None else shocks[t - n]))
        level = alpha * y[t] + (1 - alpha) * level
    return np.array(out), np.array(y)


@pytest.fixture(scope="module")
def walks():
    rng = np.random.default_rng(11)
    return np.cumsum(rng.normal(0.3, 1, (50, 6)), axis=0) + 60 + rng.normal(0, 1, (50, 6))


@pytest.mark.parametrize("kind", KINDS)
def test_residuals_and_forecasts_are_those_of_the_loop_in_the_paper(walks, kind):
    fit = fit_theta(walks, 1, kind)
    ahead = forecast_theta(fit, 7).mean
    for lane in range(walks.shape[1]):
        mu, _ = slow_theta(
            walks[:, lane], fit.alpha[lane], fit.theta[lane], fit.first_level[lane] * fit.unit[lane], kind[0] == "D", 7
        )
        np.testing.assert_allclose(walks[1:, lane] - fit.residuals[1:, lane], mu[:49], rtol=1e-9)
        np.testing.assert_allclose(ahead[:, lane], mu[49:], rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_no_nearby_parameters_have_smaller_squares(walks, kind):
    fit, rng = fit_theta(walks, 1, kind, charge=0.0), np.random.default_rng(0)
    for lane in range(walks.shape[1]):
        best = [fit.alpha[lane], 1 - 1 / fit.theta[lane], fit.first_level[lane] * fit.unit[lane]]
        for _ in range(60):
            alpha = np.clip(best[0] + rng.normal(0, 0.05), 0.1, 0.99)
            omega = np.clip(best[1] + rng.normal(0, 0.05), 0, 1 - 1e-10) if kind[-3] == "O" else 0.5
            y = walks[:, lane]
            mu, _ = slow_theta(y, alpha, 1 / (1 - omega), best[2] + rng.normal(0, 2), kind[0] == "D")
            assert ((y[1:] - mu)[2:] ** 2).sum() >= fit.squares[lane] * (1 - 1e-7)


@pytest.mark.parametrize("kind", ["OTM", "DOTM"])
def test_the_standard_deviation_is_that_of_simulated_futures(walks, kind):
    fit = fit_theta(walks[:, :1], 1, kind)
    fit = fit._replace(alpha=np.array([0.4]), theta=np.array([3.0]))
    fit = filter_theta(fit, walks[:, :1])
    sd, rng = forecast_theta(fit, 6).sd[:, 0], np.random.default_rng(1)
    shocks = rng.normal(0, np.sqrt(fit.sigma2[0]), (3000, 6))
    shocks = np.concatenate([shocks, -shocks])
    paths = [slow_theta(walks[:, 0], 0.4, 3.0, fit.first_level[0] * fit.unit[0], kind[0] == "D", 6, e)[1][-6:]
             for e in shocks]  # fmt: skip
    np.testing.assert_allclose(np.std(paths, axis=0), sd, rtol=0.04)


def test_the_classical_method_is_half_the_slope_on_a_smoothed_level(walks):
    fit = fit_theta(walks, 1, "STM")
    slopes = np.polyfit(np.arange(50), walks, 1)[0]
    steps = np.diff(forecast_theta(fit, 3).mean, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(slopes / 2, steps.shape), rtol=1e-6, atol=1e-9)


def test_a_longer_table_continues_the_fit(walks):
    start = fit_theta(walks[:40], 1)
    more = filter_theta(start, walks)
    np.testing.assert_allclose(more.residuals[:40], start.residuals, rtol=1e-12)
    np.testing.assert_allclose(filter_theta(start, walks[:40]).level, start.level)
    one = filter_theta(start, walks[:41])
    np.testing.assert_allclose(walks[40] - one.residuals[40], forecast_theta(start, 1).mean[0], rtol=1e-12)


def test_the_season_stays_in_place_when_the_table_grows():
    rng, steps = np.random.default_rng(2), np.arange(75)
    y = (100 + steps) * np.where(steps % 12 == 11, 1.6, 1.0) * rng.lognormal(0, 0.01, 75)
    start = fit_theta(y[:70, None], 12)
    grown = filter_theta(start, y[:, None])
    assert forecast_theta(start, 14).mean[:, 0].argmax() == (83 - 70) and grown.steps[0] == 75
    assert forecast_theta(grown, 12).mean[:, 0].argmax() == 83 - 75


@pytest.mark.parametrize("factor", [1e-9, 0.01, 1024.0, 1e12])
def test_another_unit_gives_the_same_forecast_in_that_unit(walks, factor):
    plain, scaled = (forecast_theta(fit_theta(table, 4), 5) for table in (walks, walks * factor))
    np.testing.assert_allclose(scaled.mean, plain.mean * factor, rtol=1e-8)
    np.testing.assert_allclose(scaled.sd, plain.sd * factor, rtol=1e-6)


def test_neighbours_of_bad_series_are_untouched_and_every_bad_one_has_a_reason(walks):
    check_bad_neighbours(walks, 5, lambda table: fit_theta(table, 4), forecast_theta, 1e-12)


def test_sizes_whose_squares_are_no_numbers_get_a_reason():
    check_extreme_sizes(lambda table: fit_theta(table, 4), forecast_theta)


def test_a_hole_moves_nothing_but_the_level_by_its_own_forecast(walks):
    y = walks[:, :1].copy()
    y[[20, 33], 0] = np.nan
    fit = fit_theta(y, 1, "STM")
    filled = y.copy()
    full = filter_theta(fit, y)
    for row in (20, 33):  # a value equal to its forecast is no surprise
        level = filter_theta(fit, filled[:row])
        filled[row] = forecast_theta(level, 1).mean[0]
    np.testing.assert_allclose(filter_theta(fit, filled).level, full.level, rtol=1e-10)
    assert np.isnan(fit.residuals[20, 0]) and fit.reason[0] == Reason.FINE


def test_padding_and_company_change_nothing(walks):
    front = np.vstack([np.full((37, 6), np.nan), walks])
    many = np.tile(walks, (1, 25))  # 150 lanes: two chunks
    once, padded, tiled = fit_theta(walks, 4), fit_theta(front, 4), fit_theta(many, 4)
    for name in ("alpha", "theta", "level", "sigma2"):
        np.testing.assert_allclose(getattr(padded, name), getattr(once, name), rtol=1e-9)
        np.testing.assert_allclose(getattr(tiled, name)[-6:], getattr(once, name), rtol=1e-9)
    assert np.array_equal(fit_theta(many, 4).alpha, tiled.alpha)


@pytest.mark.parametrize(
    "wrong", [lambda y: fit_theta(y[:, :0], 4), lambda y: fit_theta(y, 0), lambda y: fit_theta(y, 4, "XTM"),
              lambda y: forecast_theta(fit_theta(y, 4), 0), lambda y: filter_theta(fit_theta(y, 4), y[:, :2])]
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(walks, wrong):
    with pytest.raises(InputError, match="expected"):
        wrong(walks)


@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.parametrize("period", [4, 5, 12])
def test_the_classical_season_agrees_with_statsmodels(period, additive):
    from statsmodels.tsa.seasonal import seasonal_decompose

    rng = np.random.default_rng(period)
    y = (100 + np.arange(67)) * np.tile(rng.uniform(0.5, 1.5, period), 20)[:67] * rng.lognormal(0, 0.05, 67)
    series = prepare.inspect_series(np.r_[[np.nan] * 3, y][:, None], 4)
    season = prepare.classical_season(series, period, additive=additive)
    theirs = seasonal_decompose(y, model="additive" if additive else "multiplicative", period=period).seasonal[:period]
    np.testing.assert_allclose(season.index[:, 0] * (series.unit if additive else 1), theirs, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("freq", "peer"), [("Monthly", 0.8188), ("Quarterly", 0.9141), ("Yearly", 0.8476)])
def test_the_error_on_m3_is_at_most_one_percent_above_the_peers(testdata, freq, peer):
    """OWA of statsforecast 2.1.1's DynamicOptimizedTheta over all series of the group."""
    history, actual, period = m3(testdata, freq)
    mean = forecast_theta(fit_theta(history, period), len(actual)).mean
    assert owa(mean, actual, history, period) <= 1.01 * peer


@pytest.mark.slow
def test_every_hourly_series_of_m4_gets_a_forecast(testdata):
    result = forecast_theta(fit_theta(hourly(testdata), 24), 48)
    assert np.isfinite(result.mean).all() and np.isfinite(result.sd).all()
