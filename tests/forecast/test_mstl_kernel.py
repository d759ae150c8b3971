"""Local regression, STL and MSTL against statsmodels, and the edges of what data can be."""

import warnings

import numpy as np
import pytest
from competition import hourly

from finlab.core.errors import InputError
from finlab.forecast.kernels import mstl
from finlab.forecast.kernels.mstl import Reason, decompose, forecast_mstl
from finlab.forecast.kernels.naive import naive


@pytest.fixture(scope="module")
def rhythms():
    rng, t = np.random.default_rng(3), np.arange(150)[:, None]
    season = np.sin(t * 2 * np.pi / 12 + np.arange(4)) * (1 + t / 200)
    return 50 + 0.1 * t + 5 * season + rng.normal(0, 1, (150, 4))


def slow_loess(y, trust, span, place):
    """One place: the nearest points, tricube weights, a weighted line by least squares."""
    n, width = len(y), min(span, len(y))
    left = int(np.clip(np.clip(place, 0, n - 1) + 1 - (span + 1) // 2, 0, n - width))
    at = np.arange(left, left + width)
    reach = np.abs(at - place).max() + max(span - n, 0) // 2
    weight = trust[at] * np.clip(1 - (np.abs(at - place) / reach) ** 3, 0, None) ** 3
    weight[np.abs(at - place) > 0.999 * reach] = 0
    line = np.polyfit(at - place, y[at], 1, w=np.sqrt(weight))
    return line[1]


@pytest.mark.parametrize("span", [7, 11, 31, 151])
@pytest.mark.parametrize("ends", [False, True])
def test_a_smoothing_is_a_local_line_at_each_place(rhythms, span, ends):
    y, rng = rhythms[:90], np.random.default_rng(0)
    trust = rng.uniform(0.2, 1, y.shape)
    places = range(-1, 91) if ends else range(90)
    for weights in (np.ones_like(y), trust):
        given = None if weights is not trust else trust
        ours = mstl._smooth(y, given, span, ends)
        slow = [[slow_loess(y[:, lane], weights[:, lane], span, x) for lane in range(4)] for x in places]
        np.testing.assert_allclose(ours, slow, rtol=1e-8)


@pytest.mark.parametrize(
    ("period", "rows", "robust"),
    [
        (12, 150, False),
        (7, 100, False),
        (4, 41, False),
        (12, 27, False),
        (12, 150, True),
        (7, 100, True),
        (4, 41, True),
    ],
)
def test_one_season_is_the_stl_of_statsmodels(rhythms, period, rows, robust):
    """Not robust with two or three cycles: there a window may hold outliers alone, and statsmodels does not smooth."""
    from statsmodels.tsa.seasonal import STL

    ours = decompose(rhythms[:rows], (period,), spans=(9,), robust=robust)
    for lane in range(4):
        theirs = STL(rhythms[:rows, lane], period=period, seasonal=9, robust=robust).fit()
        np.testing.assert_allclose(ours.trend[:, lane], theirs.trend, rtol=1e-7)
        np.testing.assert_allclose(ours.seasonals[0, :, lane], theirs.seasonal, atol=1e-6)


def test_several_seasons_are_the_mstl_of_statsmodels_in_any_order(rhythms):
    from statsmodels.tsa.seasonal import MSTL

    ours, turned = decompose(rhythms, (5, 12)), decompose(rhythms, (12, 5), spans=(15, 11))
    for lane in range(4):
        theirs = MSTL(rhythms[:, lane], periods=(5, 12)).fit()
        np.testing.assert_allclose(ours.seasonals[:, :, lane].T, theirs.seasonal, atol=1e-9)
        np.testing.assert_allclose(ours.trend[:, lane], theirs.trend, rtol=1e-9)
    assert turned.periods == (5, 12)
    np.testing.assert_allclose(turned.seasonals, ours.seasonals, atol=1e-9)


def test_the_parts_add_up_and_the_unit_does_not_matter(rhythms):
    parts, scaled = decompose(rhythms, (12,)), decompose(rhythms * 1024, (12,))
    np.testing.assert_allclose(parts.trend + parts.seasonals.sum(axis=0) + parts.remainder, rhythms, rtol=1e-12)
    np.testing.assert_allclose(parts.adjusted, rhythms - parts.seasonals[0], rtol=1e-12)
    np.testing.assert_allclose(scaled.trend, parts.trend * 1024, rtol=1e-12)


@pytest.mark.parametrize("robust", [False, True])
def test_holes_change_little_and_are_not_filled(rhythms, robust):
    y = rhythms.copy()
    y[np.random.default_rng(1).choice(150, 12, replace=False), 1] = np.nan
    whole, holed = decompose(rhythms, (12,), robust=robust), decompose(y, (12,), robust=robust)
    np.testing.assert_allclose(holed.trend[:, [0, 2, 3]], whole.trend[:, [0, 2, 3]], rtol=1e-6)
    assert np.array_equal(np.isnan(holed.remainder), np.isnan(y)) and np.isfinite(holed.trend).all()
    assert np.abs(holed.trend - whole.trend).max() < 1 and np.abs(holed.seasonals - whole.seasonals).max() < 2


def test_a_robust_season_ignores_an_outlier(rhythms):
    y = rhythms[:, :1].copy()
    y[70] += 60
    clean, plain, robust = (decompose(rhythms[:, :1], (12,)), *(decompose(y, (12,), robust=r) for r in (False, True)))
    assert np.abs(robust.seasonals - clean.seasonals).max() < 0.3 * np.abs(plain.seasonals - clean.seasonals).max()
    assert robust.remainder[70, 0] > 55


def test_padding_company_and_order_change_nothing(rhythms):
    short = np.where(np.arange(150)[:, None] >= 40, rhythms, np.nan)
    table = np.column_stack([rhythms, short])[:, ::-1]
    mixed, full, cut = decompose(table, (12,)), decompose(rhythms, (12,)), decompose(rhythms[40:], (12,))
    np.testing.assert_allclose(mixed.trend[:, ::-1][:, :4], full.trend, rtol=1e-12)
    np.testing.assert_allclose(mixed.trend[40:, ::-1][:, 4:], cut.trend, rtol=1e-12)
    assert np.isnan(mixed.trend[:40, :4]).all()


def test_bad_series_have_a_reason_and_an_answer(rhythms):
    t, y = np.arange(150), rhythms[:, 0]
    bad = {
        Reason.FINE: [y, np.where(t % 12 == 3, np.nan, y)],
        Reason.CONSTANT: [np.full(150, 7.0), np.zeros(150)],
        Reason.SHORT: [np.where(t > 140, y, np.nan), np.where(t == 149, y, np.nan), np.where(t == 3, y, np.nan)],
        Reason.MISSING: [np.full(150, np.nan)],
        Reason.INFINITE: [np.where(t == 20, np.inf, y)],
    }
    parts = decompose(np.column_stack([column for columns in bad.values() for column in columns]), (12,))
    result = forecast_mstl(parts, 14)
    assert parts.reason.tolist()[:4] == [Reason.FINE, Reason.FINE, Reason.CONSTANT, Reason.CONSTANT]
    assert parts.reason.tolist()[4:] == [Reason.SHORT] * 3 + [Reason.MISSING, Reason.INFINITE]
    np.testing.assert_allclose(result.mean[0, [2, 3]], [7, 0], atol=1e-9)
    assert np.isfinite(result.mean[:, :4]).all() and np.isnan(result.mean[:, 7:]).all()
    np.testing.assert_allclose(parts.trend[:, 0], decompose(rhythms[:, :1], (12,)).trend[:, 0], rtol=1e-12)


def test_sizes_whose_squares_are_no_numbers_get_a_reason():
    rng = np.random.default_rng(5)
    table = rng.normal(0, 1, (40, 5)) * np.array([1e-300, 1e-30, 1.0, 1e100, 1e300])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = decompose(table, (4,))
        result = forecast_mstl(fit, 3)
    assert fit.reason.tolist() == [Reason.INFINITE, Reason.FINE, Reason.FINE, Reason.FINE, Reason.INFINITE]
    assert np.isfinite(result.mean[:, 1:4]).all() and np.isfinite(result.sd[:, 1:4]).all()
    assert np.isnan(result.mean[:, [0, 4]]).all() and np.isnan(result.sd[:, [0, 4]]).all()


def test_values_decide_which_seasons_fit_and_not_rows(rhythms):
    sparse = np.where(np.arange(150)[:, None] % 10 == 0, rhythms, np.nan)  # 15 values in 150 rows
    parts = decompose(np.column_stack([rhythms, sparse]), (5, 12))
    assert parts.used.tolist() == [2] * 4 + [1] * 4 and (parts.reason[4:] == Reason.SHORT).all()
    assert (parts.seasonals[1, 60:, 4:] == 0).all()


def test_a_forecast_is_that_of_the_method_plus_the_last_cycle(rhythms):
    parts = decompose(rhythms, (5, 12))
    result = forecast_mstl(parts, 20, naive)
    for step in (0, 4, 5, 19):
        season = parts.seasonals[0, 145 + step % 5] + parts.seasonals[1, 138 + step % 12]
        np.testing.assert_allclose(result.mean[step], parts.adjusted[-1] + season, rtol=1e-12)
    np.testing.assert_allclose(result.sd, naive(parts.adjusted, 20).sd)


@pytest.mark.parametrize(
    "wrong", [lambda y: decompose(y, ()), lambda y: decompose(y, (1,)), lambda y: decompose(y, (12,), spans=(8,)),
              lambda y: decompose(y, (12,), spans=(7, 9)), lambda y: forecast_mstl(decompose(y, (12,)), 0)]
)  # fmt: skip
def test_what_cannot_be_used_is_refused_by_name(rhythms, wrong):
    with pytest.raises(InputError, match="expected"):
        wrong(rhythms)


@pytest.mark.slow
def test_hourly_series_of_m4_are_those_of_statsmodels_and_all_get_a_forecast(testdata):
    from statsmodels.tsa.seasonal import MSTL

    table = hourly(testdata)
    parts = decompose(table, (24, 168))
    assert np.isfinite(forecast_mstl(parts, 48).mean).all()
    for lane in range(0, 414, 60):
        y = table[~np.isnan(table[:, lane]), lane]
        theirs = MSTL(y, periods=(24, 168)).fit().seasonal
        np.testing.assert_allclose(parts.seasonals[:, -len(y) :, lane].T, theirs, atol=1e-9 * np.abs(y).max())
