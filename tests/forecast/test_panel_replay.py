"""Replaying a panel: no look-ahead in any way of forecasting, few calls, fits and updates as they were asked for."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sktime.forecasting.base import BaseForecaster
from sktime.forecasting.naive import NaiveForecaster

from finlab.forecast import backtest_panel, panel_replay
from finlab.forecast.methods import FREE_METHODS
from finlab.forecast.panel_replay import choose_folds, run_by_name, run_forecaster, run_panel_method
from finlab.forecast.series import read_series

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")


class Whole(BaseForecaster):
    """Takes panels natively and repeats the last value; counts its fits, and fails on an infinite-looking value."""

    _tags: ClassVar = {
        "y_inner_mtype": ["pd-multiindex"],
        "X_inner_mtype": ["pd-multiindex"],
        "capability:exogenous": False,
        "requires-fh-in-fit": False,
        "capability:pred_int": False,
    }
    fits: ClassVar[list[int]] = []  # shared by all clones
    each_series_alone = True

    def _fit(self, y, X, fh):
        if (y > 1e6).to_numpy().any():
            raise ValueError("one of the values is absurd")
        self.fits.append(len(y.index.droplevel(-1).unique()))
        self.last = self._value(y)
        return self

    def _value(self, y):
        return y.groupby(level=0).tail(1).droplevel(-1)

    def _predict(self, fh, X):
        steps = fh.to_absolute_index(self.cutoff)
        index = pd.MultiIndex.from_product([self.last.index, steps])
        return pd.DataFrame(np.repeat(self.last.to_numpy(), len(steps), axis=0), index=index, columns=self.last.columns)


class Pooled(Whole):
    """Forecasts every series by the mean over all that it saw: what one series is said depends on the others."""

    each_series_alone = False

    def _value(self, y):
        return super()._value(y) * 0 + float(y.to_numpy().mean())


@pytest.fixture(autouse=True)
def no_fits():
    Whole.fits.clear()


def panel(n_series: int = 8, n: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    values = 100 + rng.normal(0, 3, (n, n_series)).cumsum(axis=0)
    return pd.DataFrame(values, index=pd.date_range("2015-01-01", periods=n, freq="MS")).add_prefix("s")


def folds_of(wide, horizon=4, cutoffs=3, step=3, window=None):
    return choose_folds(read_series(wide), horizon, cutoffs, step, window)[0]


METHODS = {
    **{name: name for name in FREE_METHODS},
    "sktime": NaiveForecaster(strategy="drift"),
    "whole": Whole(),
    "pooled": Pooled(),
}


@pytest.mark.parametrize("window", [None, 30])
@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize("name", METHODS)
def test_what_comes_after_a_cutoff_changes_no_forecast_made_there(name, refit, window):
    wide = panel()
    before = run_panel_method(name, METHODS[name], folds_of(wide, 12, window=window), refit)[0]
    cuts = folds_of(wide, 12, window=window).cut
    for cut in np.unique(cuts):
        altered = wide.copy()
        altered.iloc[cut:] = altered.iloc[cut:] * -3 + 1000
        after = run_panel_method(name, METHODS[name], folds_of(altered, 12, window=window), refit)[0]
        known = cuts <= cut
        for ours, theirs in zip(before, after, strict=True):
            np.testing.assert_array_equal(ours[:, known], theirs[:, known])
        assert known.all() or not np.array_equal(before.mean[:, ~known], after.mean[:, ~known])


def test_the_truncation_test_can_fail():
    """A pooled forecaster that is wrongly said to treat each series alone sees the later cut-offs."""

    class Leaking(Pooled):
        each_series_alone = True

    wide = panel()
    altered = wide.copy()
    altered.iloc[-5:] += 1000
    cuts = folds_of(wide).cut
    before, after = (run_forecaster("x", Leaking(), folds_of(data))[0] for data in (wide, altered))
    assert not np.array_equal(before.mean[:, cuts < 45], after.mean[:, cuts < 45])


def test_a_thousand_series_are_one_call_a_method(monkeypatch):
    calls = []
    real = panel_replay.run_named

    def counted(name, histories, horizon, period):
        calls.append((name, len(histories)))
        return real(name, histories, horizon, period)

    monkeypatch.setattr(panel_replay, "run_named", counted)
    rng = np.random.default_rng(0)
    names = [f"s{place}" for place in range(1000)]
    dates = pd.date_range("2015-01-01", periods=60, freq="MS")
    wide = pd.DataFrame(50 + rng.normal(0, 1, (60, 1000)), index=dates, columns=names)
    result = backtest_panel(wide, horizon=6)
    assert sorted(calls) == sorted((name, 5000) for name in FREE_METHODS)
    assert len(result.losses) == 1000 and result.table.loc["naive2", "n"] == 1000


def test_chunks_do_not_change_what_is_said():
    wide = panel(90, 40)
    folds = folds_of(wide)
    whole, chunked = (run_by_name("ses", "ses", folds, most_cells) for most_cells in (1 << 22, 1))
    np.testing.assert_allclose(whole.mean, chunked.mean, rtol=1e-12)
    assert len(list(panel_replay.chunks(folds.cut, 1))) == 5  # 270 lanes, 64 at a time


def test_panels_are_fitted_once_or_once_a_cutoff():
    folds = folds_of(panel())
    lanes, failures, _ = run_forecaster("whole", Whole(), folds)
    assert Whole.fits == [24] and not failures
    np.testing.assert_array_equal(lanes.mean, run_by_name("naive", "naive", folds).mean)
    Whole.fits.clear()
    run_forecaster("pooled", Pooled(), folds)
    assert Whole.fits == [8, 8, 8]


def test_a_bad_series_in_a_native_panel_costs_no_others():
    wide = panel()
    wide.loc[wide.index[-6], "s3"] = 1e7  # known at the last cut-off only
    lanes, failures, notes = run_forecaster("whole", Whole(), folds_of(wide))
    assert notes == ["whole: 24 lanes were fitted one by one (ValueError: one of the values is absurd)"]
    assert [failure[:2] for failure in failures] == [("whole", "s3")]
    assert failures[0][3] == "ValueError: one of the values is absurd"
    assert np.isnan(lanes.mean[:, 11]).all() and np.isfinite(np.delete(lanes.mean, 11, axis=1)).all()


def test_finlabs_own_forecasters_say_by_class_what_they_say_by_name():
    from finlab.forecast import Drift, SeasonalNaive

    folds = folds_of(panel())
    for own, name in ((Drift(), "drift"), (SeasonalNaive(12), "seasonal_naive")):
        by_class, by_name = run_forecaster(name, own, folds)[0], run_by_name(name, name, folds)
        np.testing.assert_allclose(by_class.mean, by_name.mean, rtol=1e-12)
        np.testing.assert_allclose(by_class.sd, by_name.sd, rtol=1e-9)


class Counting(NaiveForecaster):
    seen: ClassVar[list[tuple[str, int]]] = []  # shared by all clones

    def _fit(self, y, X, fh):
        if len(y) == 43 and y.name == "s1":
            raise RuntimeError("not today")
        self.seen.append(("fit", len(y)))
        return super()._fit(y, X, fh)

    def _update(self, y, X=None, update_params=True):
        assert not update_params
        self.seen.append(("update", len(y)))
        if y.name == "s2":
            raise RuntimeError("no news")
        return super()._update(y, X, update_params)


def test_update_fits_once_and_tells_the_news():
    Counting.seen.clear()
    wide = panel(4)
    _, failures, _ = run_forecaster("counting", Counting(), folds_of(wide), refit=False)
    seen = Counting.seen
    assert seen[:3] == [("fit", 40), ("update", 3), ("update", 3)]
    assert [failure[1] for failure in failures] == ["s2"]  # at the cut-off after that it begins anew
    assert seen[6:9] == [("fit", 40), ("update", 3), ("fit", 46)]
    Counting.seen.clear()
    _, failures, _ = run_forecaster("counting", Counting(), folds_of(wide))
    assert [kind for kind, _ in Counting.seen] == ["fit"] * 11 and len(failures) == 1


def test_free_methods_are_estimated_anew_and_say_so():
    folds = folds_of(panel(2))
    lanes, _, notes = run_panel_method("ses", "ses", folds, refit=False)
    assert notes == ["ses was estimated anew at every cut-off: it has no update that keeps its parameters"]
    np.testing.assert_array_equal(lanes.mean, run_by_name("ses", "ses", folds).mean)
    assert run_panel_method("drift", "drift", folds, refit=False)[2] == []


@pytest.mark.parametrize("window", [None, 30])
def test_the_engine_keeps_its_parameters_as_the_forecasters_do(window):
    from finlab.forecast.forecasters import Theta

    folds = folds_of(panel(3), window=window)
    lanes, failures, notes = run_panel_method("theta", "theta", folds, refit=False)
    one_by_one, _, _ = run_forecaster("theta", Theta(period=12), folds, refit=False)
    assert not failures and not notes
    np.testing.assert_allclose(lanes.mean, one_by_one.mean, rtol=1e-6)
    np.testing.assert_allclose(lanes.sd, one_by_one.sd, rtol=1e-5)
    anew = run_panel_method("theta", "theta", folds, refit=True)[0]
    np.testing.assert_allclose(lanes.mean[:, folds.first[:-1]], anew.mean[:, folds.first[:-1]], rtol=1e-9)
    assert (np.abs(lanes.mean - anew.mean).max(axis=0)[folds.first[1:] - 1] > 1e-6).all()


def test_series_with_fewer_cut_offs_are_followed_beside_the_others():
    long, short = read_series(panel(1)), read_series(panel(1).tail(20).add_prefix("late "))
    folds, _ = choose_folds(long + short, 4, 5, 3)
    assert len(set(np.diff(folds.first))) > 1
    lanes, failures, _ = run_panel_method("theta", "theta", folds, refit=False)
    assert not failures and np.isfinite(lanes.mean).all()


def test_too_short_for_a_method_is_a_failure_with_a_reason():
    wide = panel(3, 20)
    _, failures, _ = run_panel_method("years", "seasonal_naive", folds_of(wide, 4, 2, 2, window=8), True)
    assert len(failures) == 6 and set(failures[0]) >= {"years", "s0"} and "too short" in failures[0][3]
