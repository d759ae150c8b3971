"""The free methods against published figures, libraries, slow twins, and the edges of what data can be."""

import numpy as np
import pandas as pd
import pytest
from competition import group, panel
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.forecast.kernels import naive as kernels
from finlab.forecast.scores import mase, smape

METHODS = {
    "naive": lambda y, h: kernels.naive(y, h),
    "seasonal_naive": lambda y, h: kernels.seasonal_naive(y, h, 4),
    "drift": lambda y, h: kernels.drift(y, h),
    "ses": lambda y, h: kernels.ses(y, h),
    "naive2": lambda y, h: kernels.naive2(y, h, 4),
}


def test_naive2_reproduces_the_published_scores_of_m4_hourly(testdata):
    hourly = group(testdata, "M4", "Hourly")
    published = pd.read_csv(testdata / "forecast" / "m4_published.csv").query("id == 'Naive2'").iloc[0]
    history, actual = panel(hourly["train"].to_list()), np.stack(hourly["test"].to_list(), axis=1).astype(float)
    mean = kernels.naive2(history, 48, 24).mean
    assert len(hourly) == 414
    assert round(float(np.mean(smape(actual, mean))), 3) == float(published["sMAPE_H"]) == 18.383
    assert round(float(np.mean(mase(actual, mean, history, 24))), 3) == float(published["MASE_H"]) == 2.395


def test_smoothing_finds_errors_no_larger_than_statsmodels(testdata):
    from statsmodels.tsa.holtwinters import SimpleExpSmoothing

    monthly = group(testdata, "M3", "Monthly")["train"].iloc[::24].to_list()
    ours = np.nansum(kernels.ses(panel(monthly), 1).residuals ** 2, axis=0)
    for values, squares in zip(monthly, ours, strict=True):
        theirs = SimpleExpSmoothing(np.asarray(values, float), initialization_method="estimated").fit().sse
        assert squares <= theirs * (1 + 1e-9)


def test_smoothing_agrees_with_statsmodels_at_its_own_optimum():
    from statsmodels.tsa.holtwinters import SimpleExpSmoothing

    y = np.random.default_rng(3).normal(0, 1, 80).cumsum() * 0.4 + np.random.default_rng(4).normal(50, 1, 80)
    ours = kernels.ses(y[:, None], 3)
    model = SimpleExpSmoothing(y, initialization_method="known", initial_level=float(ours.first_level[0]))
    theirs = model.fit(smoothing_level=float(ours.alpha[0]), optimized=False)
    np.testing.assert_allclose(ours.mean[:, 0], theirs.forecast(3), rtol=1e-10)
    np.testing.assert_allclose((ours.residuals**2).sum(), theirs.sse, rtol=1e-9)


@pytest.mark.parametrize("period", [4, 5, 12])
def test_seasonal_indices_agree_with_statsmodels(period):
    from statsmodels.tsa.seasonal import seasonal_decompose

    rng = np.random.default_rng(period)
    y = (100 + np.arange(67)) * np.tile(rng.uniform(0.5, 1.5, period), 20)[:67] * rng.lognormal(0, 0.05, 67)
    theirs = seasonal_decompose(y, model="multiplicative", period=period).seasonal[-period:]
    np.testing.assert_allclose(kernels.seasonal_indices(y[:, None], period)[:, 0], theirs, rtol=1e-12)


def slow_seasonality_test(y: np.ndarray, period: int) -> bool:
    n, z = len(y), y - y.mean()
    if n < 3 * period:
        return False
    r = [(z[k:] * z[: n - k]).sum() / (z**2).sum() for k in range(1, period + 1)]
    return bool(abs(r[-1]) > 1.645 / np.sqrt(n) * np.sqrt(1 + 2 * np.sum(np.square(r[:-1]))))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_the_test_of_seasonality_equals_its_slow_twin(seed, strength):
    rng = np.random.default_rng(seed)
    y = rng.normal(0, 1, 40) + strength * np.tile(rng.normal(0, 1, 4), 10)
    assert bool(kernels.seasonality_test(y[:, None], 4)[0]) is slow_seasonality_test(y, 4)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(METHODS)), st.integers(0, 10_000), st.floats(0.001, 1e6))
def test_forecasts_follow_the_unit_of_the_series(name, seed, unit):
    y = np.random.default_rng(seed).uniform(1, 2, (24, 2))
    plain, scaled = METHODS[name](y, 6), METHODS[name](unit * y, 6)
    np.testing.assert_allclose(scaled.mean, unit * plain.mean, rtol=1e-5)
    np.testing.assert_allclose(scaled.sd, unit * plain.sd, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_series_is_forecast_alike_alone_padded_and_among_others(name):
    rng = np.random.default_rng(0)
    short, long = rng.uniform(1, 2, 20), rng.uniform(1, 2, 33)
    alone = METHODS[name](short[:, None], 5)
    together = METHODS[name](panel([long, short]), 5)
    np.testing.assert_allclose(together.mean[:, 1], alone.mean[:, 0], rtol=1e-9)
    np.testing.assert_allclose(together.sd[:, 1], alone.sd[:, 0], rtol=1e-6)
    np.testing.assert_allclose(together.residuals[-20:, 1], alone.residuals[:, 0], atol=1e-9)


@pytest.mark.parametrize("name", sorted(METHODS))
@pytest.mark.parametrize("kind", ["constant", "zeros", "negative", "huge", "tiny"])
def test_odd_series_have_finite_forecasts(name, kind):
    walk = np.random.default_rng(1).normal(0, 1, 24).cumsum()
    values = {
        "constant": np.full(24, 7.0),
        "zeros": np.zeros(24),
        "negative": -100 + walk,
        "huge": 1e200 * (2 + walk / 100),
        "tiny": 1e-200 * (2 + walk / 100),
    }[kind]
    result = METHODS[name](values[:, None], 6)
    assert np.isfinite(result.mean).all() and np.isfinite(result.sd).all() and (result.sd >= 0).all()
    if kind in ("constant", "zeros"):
        assert (result.mean == values[0]).all() and (result.sd == 0).all()


@pytest.mark.parametrize("name", sorted(METHODS))
@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_one_broken_series_does_not_stop_the_batch(name, broken):
    y = np.random.default_rng(2).uniform(1, 2, (24, 3))
    y[11, 1] = broken
    y[:, 2] = np.nan
    result = METHODS[name](y, 4)
    assert np.isfinite(result.mean[:, 0]).all() and np.isnan(result.mean[:, 1:]).all()


@pytest.mark.parametrize("method, rows", [("drift", 1), ("seasonal_naive", 3)])
def test_too_short_tables_are_refused(method, rows):
    with pytest.raises(InputError, match=f"y has {rows} time steps; expected at least"):
        METHODS[method](np.ones((rows, 1)), 2)


def test_bad_numbers_of_steps_are_refused():
    for call in (lambda: kernels.naive(np.ones((5, 1)), 0), lambda: kernels.seasonal_naive(np.ones((5, 1)), 1, 0)):
        with pytest.raises(InputError, match="expected a whole number of at least 1"):
            call()


def test_intervals_of_the_naive_methods_hold_on_their_own_model():
    walks = np.random.default_rng(8).normal(0, 1, (112, 3000)).cumsum(axis=0)
    for name in ("naive", "drift"):
        result = METHODS[name](walks[:100], 12)
        inside = np.abs(walks[100:] - result.mean) <= 1.2816 * result.sd
        assert np.allclose(inside.mean(axis=1), 0.8, atol=0.03), name
