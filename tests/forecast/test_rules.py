"""The rules that figures and sentences follow: how many, how far, which day comes next, which side is which."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from finlab.core.errors import InputError
from finlab.forecast import backtest, comparison, read_series, study, study_series
from finlab.forecast.methods import named_residuals
from finlab.forecast.replay import choose_origins
from finlab.forecast.study import check_residuals

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")


def column(sample: str, name: str | None = None):
    return next(found for found in read_series(f"sample:{sample}") if found.name == (name or sample))


def at(dates: pd.Index) -> pd.Series:
    return pd.Series(np.arange(float(len(dates))), index=dates, name="y")


@pytest.mark.parametrize("horizon, step", [(1, 1), (2, 1), (3, 1), (3, 2), (4, 2), (5, 2), (6, 6), (6, 7), (12, 5)])
def test_the_overlap_is_the_most_origins_that_forecast_one_value(horizon, step):
    replay = backtest(np.arange(120.0), ["naive"], horizon=horizon, step=step).replay
    ahead = [range(cut, cut + horizon) for cut in replay.origins]
    assert replay.overlap == max(sum(value in each for each in ahead) for value in range(120))


def test_the_overlap_reaches_the_test_and_its_table():
    values = column("airline").values.to_numpy()
    tests = backtest(values, ["naive", "drift"], horizon=3, step=1, period=1).tests
    assert tests.loc["drift", "overlap"] == 3


@pytest.mark.parametrize("overlap", [1, 2, 3])
def test_one_origin_less_than_needed_gives_no_verdict(overlap):
    needed = comparison.origins_needed(overlap)
    assert needed == max(comparison.LEAST_ORIGINS, comparison.ORIGINS_PER_OVERLAP * overlap)
    losses = np.random.default_rng(0).uniform(1, 2, needed)
    for n, few in ((needed, False), (needed - 1, True)):
        result = comparison.compare_losses(losses[:n], np.zeros(n), overlap)
        assert (comparison.outcome(result) == "too few") is few
    words = comparison.verdict("a", "b", (2, 1), result)
    assert words.startswith(f"too few origins to tell a from b ({needed - 1} < {needed}")


def test_the_running_total_is_replayed_from_as_many_origins_as_a_verdict_needs():
    assert comparison.origins_needed(2) == study.TOTAL_ORIGINS


@pytest.mark.parametrize("period", [1, 4, 12])
def test_in_a_long_series_a_method_has_three_seasons_and_ten_values_to_learn_from(period):
    assert choose_origins(150, 4, period, origins=150, step=1)[0] >= max(3 * period, 10)


CODES = ["YS", "YE", "YS-JUL", "QS", "QE", "MS", "ME", "BME", "W-SUN", "W-WED", "W-FRI", "D", "B", "h"]


@pytest.mark.parametrize("code", CODES)
def test_future_dates_are_those_that_were_cut_off(code):
    whole = pd.date_range("2019-07-01", periods=41, freq=code)
    for known in range(24, 36):
        assert list(read_series(at(whole[:known]))[0].future(5)) == list(whole[known : known + 5])


@pytest.mark.parametrize(
    "sample, name", [("airline", None), ("macroeconomic", "cpi"), ("nile", None), ("sunspots", None)]
)
def test_the_dates_of_a_real_series_go_on_as_they_were(sample, name):
    whole = column(sample, name)
    known = study.one_part(whole, len(whole.values) - 7)
    assert list(known.future(7)) == list(whole.dates[-7:])


def test_the_days_after_the_last_of_a_market_are_weekdays():
    known = column("sp500", "Close").dates[:250]
    ahead = read_series(at(known))[0].future(260)
    assert ahead[0] == known[-1] + pd.offsets.BDay() and ahead.equals(pd.bdate_range(ahead[0], periods=260))


def market(missing: int, weekdays: int = 200) -> pd.Series:
    days = pd.bdate_range("2023-01-02", periods=weekdays)
    return at(days.delete(np.linspace(5, weekdays - 5, missing).astype(int)))


def test_eight_percent_of_weekdays_and_three_may_be_holidays_and_no_more():
    found = read_series(market(19))[0]
    assert found.frequency.code == "B" and "19 weekdays without a value are taken for holidays" in found.notes[0]
    with pytest.raises(InputError, match=r"20 business days missing: .*; expected a value for each business day"):
        read_series(market(20))


def test_a_market_that_closed_for_a_quarter_has_a_gap_and_not_holidays():
    close = column("sp500", "Close").values
    assert "185 weekdays" in read_series(close)[0].notes[0]
    years = close[:"2001"]
    with pytest.raises(InputError, match="business days missing"):
        read_series(years[~((years.index.year == 2000) & (years.index.quarter == 2))])


def test_a_year_of_steps_is_a_year():
    close = column("sp500", "Close").values
    trading_days = close.groupby(close.index.year).size().mean()
    assert study.YEAR["B"] == round(trading_days) == 252
    assert study.YEAR["W"] == round(365.25 / 7) and study.YEAR["D"] == 365
    assert study.YEAR["M"] == 12 and study.YEAR["Q"] == 4


@pytest.mark.parametrize(
    "sample, method, n, lags",
    [
        ("airline", "naive2", 144, 24),
        ("airline", "naive2", 61, 12),
        ("airline", "naive", 31, 6),
        ("nile", "ses", 100, 10),
    ],
)
def test_the_pattern_check_is_the_ljung_box_test_of_statsmodels(sample, method, n, lags):
    from statsmodels.stats.diagnostic import acorr_ljungbox

    series = column(sample)
    residuals = named_residuals(method, series.values.to_numpy()[:n], series.period)
    found = check_residuals(residuals, series.period).loc["no pattern left"]
    theirs = acorr_ljungbox(residuals[np.isfinite(residuals)], lags=[lags]).iloc[0]
    assert found["statistic"] == pytest.approx(theirs["lb_stat"], rel=1e-12)
    assert found["p"] == pytest.approx(theirs["lb_pvalue"], rel=1e-12)
    depends = "depend on those before them: something in the past is not used" in found["sentence"]
    assert depends is bool(theirs["lb_pvalue"] < 0.05)


@pytest.mark.parametrize(
    "n, period, lags", [(8, 1, 1), (14, 12, 2), (30, 1, 6), (49, 1, 9), (50, 1, 10), (200, 1, 10), (60, 4, 8)]
)
def test_ljung_box_looks_at_ten_lags_or_two_seasons_but_at_a_fifth_of_the_residuals_at_most(n, period, lags):
    residuals = np.random.default_rng(n).normal(0, 1, n)
    around = residuals - residuals.mean()
    r = [around[lag:] @ around[:-lag] / (around @ around) for lag in range(1, lags + 1)]
    statistic = n * (n + 2) * sum(one**2 / (n - lag) for lag, one in enumerate(r, start=1))
    found = check_residuals(residuals, period).loc["no pattern left"]
    assert found["statistic"] == pytest.approx(statistic, rel=1e-9)
    assert found["p"] == pytest.approx(stats.chi2.sf(statistic, lags), rel=1e-9)


@pytest.mark.parametrize("falls, side", [(False, "low"), (True, "high")])
def test_forecasts_of_what_grows_are_too_low_and_of_what_falls_too_high(falls, side):
    economy = column("macroeconomic", "realgdp").values.to_numpy()
    errors = named_residuals("naive", economy[::-1] if falls else economy, 4)
    sentence = check_residuals(errors, 4).loc["no bias", "sentence"]
    assert side in sentence.split() and {"low": "high", "high": "low"}[side] not in sentence.split()


class AlwaysOneTooLow:
    """A forecaster that knows the series, and says one less."""

    def __init__(self, values):
        self.values = np.append(values, np.full(100, values[-1]))

    def clone(self):
        return self

    def fit(self, y, fh):
        self.n = len(y)
        return self

    def predict(self, fh):
        return self.values[self.n : self.n + len(fh)] - 1

    def get_tag(self, *_):
        return False


def test_the_residuals_of_a_foreign_forecaster_are_actual_minus_forecast():
    series = column("airline")
    methods = {"low": AlwaysOneTooLow(series.values.to_numpy()), "naive": "naive"}
    found = study_series(series, horizon=6, models=methods, window=1000)
    assert found.model == "low" and found.backtest is not None
    np.testing.assert_allclose(found.residuals, 1, rtol=1e-9)
    assert list(found.residuals.index) == [series.dates[cut] for cut in found.backtest.replay.origins]
