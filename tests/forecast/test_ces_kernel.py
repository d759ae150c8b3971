"""Complex smoothing against slow twins and the published figures of a peer, and the edges of what data can be."""

import jax
import numpy as np
import pytest
from bad_series import check_bad_neighbours, check_extreme_sizes
from competition import hourly, m3, owa

from finlab.core.compute import double_precision
from finlab.core.errors import InputError
from finlab.forecast.kernels import ces, gauss_newton
from finlab.forecast.kernels.ces import FORMS, filter_ces, fit_ces, forecast_ces
from finlab.forecast.kernels.prepare import classical_season, inspect_series


def turned(pair, w0, w1, e):
    return pair[0] - (1 - w1) * pair[1] + (w0 - w1) * e, pair[0] + (1 - w0) * pair[1] + (w0 + w1) * e


class SlowCes:
    """One series by dictionaries of states: forward, backward, forward, then ahead."""

    def __init__(self, y, form, period, weights):
        self.y, self.form, self.weights, self.m = y, form, weights, 1 if form == "none" else period
        mean = np.nanmean(y[:10] if form == "none" else y[: self.m])
        starts = y[: self.m] if form == "simple" else [mean]
        self.level, self.season = {k: (v, v / 1.1) for k, v in enumerate(starts)}, {}
        if form in ("partial", "full"):
            series = inspect_series(y[:, None], 1)
            index = classical_season(series, period, additive=True).index[:, 0] * series.unit[0]
            self.season = {k: (index[k], index[k] / 1.1) for k in range(self.m)}

    def step(self, t, value=np.nan, shock=0.0):
        slot = t % self.m
        place = slot if self.form == "simple" else 0
        mu = self.level[place][0] + (self.season[slot][0] if self.season else 0.0)
        e = shock if np.isnan(value) else value - mu
        self.level[place] = turned(self.level[place], *self.weights[:2], e)
        if self.form == "partial":
            self.season[slot] = (self.season[slot][0] + self.weights[2] * e, 0.0)
        if self.form == "full":
            self.season[slot] = turned(self.season[slot], *self.weights[2:], e)
        return mu, e

    def beyond(self):
        self.level = {k: turned(pair, *self.weights[:2], 0.0) for k, pair in self.level.items()}
        if self.form == "full":
            self.season = {k: turned(pair, *self.weights[2:], 0.0) for k, pair in self.season.items()}


def slow_ces(y, form, period, weights, horizon=0, shocks=None):
    """Errors of the last pass and values ahead."""
    slow, n = SlowCes(y, form, period, weights), len(y)
    for order in (range(n), range(n - 1, -1, -1)):
        for t in order:
            slow.step(t, y[t])
        slow.beyond()
    errors = np.array([slow.step(t, y[t])[1] for t in range(n)])
    shocks = np.zeros(horizon) if shocks is None else shocks
    return errors, np.array([sum(slow.step(n + k, shock=shocks[k])) for k in range(horizon)])


@pytest.fixture(scope="module")
def shops():
    rng, t = np.random.default_rng(12), np.arange(45)
    season = 1 + 0.3 * np.sin(t * np.pi / 2 + 1)[:, None]
    return (50 + rng.normal(0.5, 1, (45, 5)).cumsum(axis=0)) * season * rng.lognormal(0, 0.03, (45, 5))


def weights_of(fit, lane):
    return [*fit.alpha[:, lane], *fit.beta[:, lane][~np.isnan(fit.beta[:, lane])]]


@pytest.mark.parametrize("form", FORMS)
def test_errors_and_forecasts_are_those_of_the_loop(shops, form):
    y = shops.copy()
    y[17, 2] = np.nan
    fit = fit_ces(y, 4, form)
    ahead = forecast_ces(fit, 9).mean
    for lane in range(y.shape[1]):
        errors, mean = slow_ces(y[:, lane], form, 4, weights_of(fit, lane), 9)
        np.testing.assert_allclose(errors[~np.isnan(y[:, lane])], fit.residuals[~np.isnan(y[:, lane]), lane], atol=1e-7)
        np.testing.assert_allclose(mean, ahead[:, lane], rtol=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_no_nearby_weights_have_smaller_squares(shops, form):
    fit, rng = fit_ces(shops, 4, form), np.random.default_rng(0)
    size = len(ces.STARTS[form])
    for lane in range(2):
        best = np.array(weights_of(fit, lane))
        for scale in (0.001, 0.01):
            near = best + rng.normal(0, scale, (15, size))
            near = np.clip(near, ces.LOWEST[:size], ces.HIGHEST[:size])
            found = [np.nansum(slow_ces(shops[:, lane], form, 4, w)[0] ** 2) for w in near]
            assert min(found) >= fit.squares[lane] * (1 - 1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_agree_with_differences(shops, form):
    series = inspect_series(shops, 5)
    length, x = ces._season_length(form, 4), np.repeat(np.array(ces.STARTS[form])[:, None], 5, axis=1) * 0.99
    start = ces._turn_buffers(ces._rough_start(series, form, length), -series.first, length)
    with double_precision():
        run = jax.jit(lambda x: ces._normal_equations(x, (start, series.z, series.first), form, length))
        _, slope, _ = run(x)
        for row in range(len(x)):
            bump = np.zeros_like(x)
            bump[row] = 1e-6
            difference = (run(x + bump)[0] - run(x - bump)[0]) / 2e-6
            np.testing.assert_allclose(2 * slope[row], difference, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("form", ["none", "partial", "full"])
def test_the_standard_deviation_is_that_of_simulated_futures(shops, form):
    fit, rng = fit_ces(shops[:, :1], 4, form), np.random.default_rng(1)
    shocks = rng.normal(0, np.sqrt(fit.sigma2[0]), (1500, 6))
    shocks = np.concatenate([shocks, -shocks])
    paths = [slow_ces(shops[:, 0], form, 4, weights_of(fit, 0), 6, each)[1] for each in shocks]
    np.testing.assert_allclose(np.std(paths, axis=0), forecast_ces(fit, 6).sd[:, 0], rtol=0.06)


def test_the_form_with_the_least_aicc_is_taken(shops):
    auto = fit_ces(shops, 4)
    each = np.array([fit_ces(shops, 4, form).aicc for form in FORMS])
    np.testing.assert_allclose(auto.aicc, each.min(axis=0), rtol=1e-9)
    assert auto.form.tolist() == each.argmin(axis=0).tolist()


@pytest.mark.parametrize("form", ["simple", "full"])
def test_a_longer_table_continues_the_fit(shops, form):
    start = fit_ces(shops[:38], 4, form)
    more = filter_ces(start, shops)
    np.testing.assert_allclose(more.residuals[:38], start.residuals, atol=1e-8)
    np.testing.assert_allclose(shops[38] - more.residuals[38], forecast_ces(start, 1).mean[0], rtol=1e-9)
    assert (more.steps == 45).all()


@pytest.mark.parametrize("factor", [1e-9, 0.01, 1024.0, 1e12])
def test_another_unit_gives_the_same_forecast_in_that_unit(shops, factor):
    plain, scaled = (forecast_ces(fit_ces(table, 4), 5) for table in (shops, shops * factor))
    np.testing.assert_allclose(scaled.mean, plain.mean * factor, rtol=1e-3)
    np.testing.assert_allclose(scaled.sd, plain.sd * factor, rtol=1e-3)


def test_neighbours_of_bad_series_are_untouched_and_every_bad_one_has_a_reason(shops):
    check_bad_neighbours(shops, 3, lambda table: fit_ces(table, 4), forecast_ces, 1e-9)


def test_padding_and_company_change_nothing(shops):
    front, many = np.vstack([np.full((37, 5), np.nan), shops]), np.tile(shops, (1, 30))  # 150 lanes: two chunks
    once, padded, tiled = fit_ces(shops, 4), fit_ces(front, 4), fit_ces(many, 4)
    for name in ("alpha", "state", "sigma2"):
        np.testing.assert_allclose(getattr(padded, name), getattr(once, name), rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(getattr(tiled, name)[..., -5:], getattr(once, name), rtol=1e-6, atol=1e-9)
    assert np.array_equal(fit_ces(many, 4).alpha, tiled.alpha)


def test_sizes_whose_squares_are_no_numbers_get_a_reason():
    check_extreme_sizes(lambda table: fit_ces(table, 4), forecast_ces)


@pytest.mark.parametrize(
    "wrong", [lambda y: fit_ces(y[:, :0], 4), lambda y: fit_ces(y, 0), lambda y: fit_ces(y, 4, "weekly"),
              lambda y: forecast_ces(fit_ces(y, 4), 0), lambda y: filter_ces(fit_ces(y, 4), y[:, :2])]
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(shops, wrong):
    with pytest.raises(InputError, match="expected"):
        wrong(shops)


def _line(x, own):
    (noise,) = own
    steps = np.arange(20.0)[:, None]
    errors = x[0] + x[1] * steps - noise
    d = (np.ones_like(steps), steps)
    slope = [(part * errors).sum(axis=0) for part in d]
    bends = [(d[i] * d[j]).sum() + 0 * noise[0] for i in range(2) for j in range(i + 1)]
    return (errors**2).sum(axis=0), jax.numpy.stack(slope), jax.numpy.stack(bends)


def test_a_straight_line_between_bounds_is_found_and_bounds_hold():
    noise = np.random.default_rng(0).normal(0, 1, (20, 300)) + np.arange(20)[:, None] * 0.5
    found = gauss_newton.least_squares(_line, np.zeros((2, 300)), (-9, -9), (9, 9), (noise,), tolerance=1e-12)
    slope, level = np.polyfit(np.arange(20), noise, 1)
    np.testing.assert_allclose(found.x, [level, slope], atol=1e-5)
    tight = gauss_newton.least_squares(_line, np.zeros((2, 300)), (-9, -9), (9, 0.4), (noise,), tolerance=1e-12)
    bound = slope > 0.4
    assert (tight.x[1, bound] == 0.4).all() and bound.sum() > 200
    mean = (noise - 0.4 * np.arange(20)[:, None]).mean(axis=0)
    np.testing.assert_allclose(tight.x[0, bound], mean[bound], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("freq", "peer"), [("Monthly", 0.8772), ("Quarterly", 0.9367), ("Yearly", 0.9949)])
def test_the_error_on_m3_is_at_most_one_percent_above_the_peers(testdata, freq, peer):
    """OWA of statsforecast 2.1.1's AutoCES over all series of the group."""
    history, actual, period = m3(testdata, freq)
    fit = fit_ces(history, period)
    assert fit.converged.mean() > 0.98
    assert owa(forecast_ces(fit, len(actual)).mean, actual, history, period) <= 1.01 * peer


@pytest.mark.slow
def test_every_hourly_series_of_m4_gets_a_forecast(testdata):
    result = forecast_ces(fit_ces(hourly(testdata), 24), 48)
    assert np.isfinite(result.mean).all() and np.isfinite(result.sd).all()
