"""The sktime forecasters: a fast look at each, and sktime's own conformance checks (slow)."""

import json
import subprocess
import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")

NAMES = ["Naive", "SeasonalNaive", "Drift", "SES", "Naive2", "AutoETS", "ETS"]
ROOMS = {"AutoETS": "ets", "ETS": "ets", "Conformal": "conformal"}  # naive otherwise
OPTIONS = {name: {"period": 12} for name in ("SeasonalNaive", "Naive2")} | {"ETS": {"form": "MAdN"}}


def kind_of(name: str) -> type:
    return getattr(import_module(f"finlab.forecast.{ROOMS.get(name, 'naive')}"), name)


def make(name: str):
    return kind_of(name)(**OPTIONS.get(name, {}))


@pytest.fixture(scope="module")
def airline() -> pd.Series:
    from sktime.datasets import load_airline

    return load_airline()


@pytest.mark.parametrize("name", NAMES)
def test_a_forecaster_forecasts_in_and_out_of_sample_with_intervals(name, airline):
    fitted = make(name).fit(airline, fh=[1, 2, 3])
    mean, later = fitted.predict(), fitted.predict(fh=[3, 40])
    assert str(mean.index[0]) == "1961-01" and mean.iloc[2] == later.iloc[0] and np.isfinite(later).all()
    interval = fitted.predict_interval(fh=[1, 40], coverage=[0.8, 0.95])
    low80, high80, low95, high95 = interval.to_numpy().T
    assert (low95 < low80).all() and (high80 < high95).all() and (high95 - low95)[1] > (high95 - low95)[0]
    inside = fitted.predict(fh=[-1, 0])
    np.testing.assert_allclose(airline.iloc[-2:] - inside, fitted.residuals_.iloc[-2:, 0])
    variance, quantile = fitted.predict_var(fh=[1]), fitted.predict_quantiles(fh=[1], alpha=[0.5, 0.841344746])
    assert quantile.iloc[0, 1] - quantile.iloc[0, 0] == pytest.approx(np.sqrt(variance.iloc[0, 0]))


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_forecast_in_one_call(name, airline, monkeypatch):
    home, calls = kind_of(name), []
    part = "_fit_kernel" if name in ROOMS else "_run_kernel"
    run = getattr(home, part)
    monkeypatch.setattr(home, part, lambda self, y, *rest: calls.append(y.shape) or run(self, y, *rest))
    table = pd.DataFrame({"a": airline, "b": airline[::-1].to_numpy()})
    both = make(name).fit(table, fh=[1, 2]).predict()
    assert calls == [(144, 2)]
    np.testing.assert_allclose(both["a"], make(name).fit(airline).predict(fh=[1, 2]), rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_update_equals_a_fit_to_everything(name, airline):
    updated = make(name).fit(airline[:100], fh=[1, 2]).update(airline[100:])
    pd.testing.assert_series_equal(updated.predict(), make(name).fit(airline).predict(fh=[1, 2]))


def test_forecasts_agree_with_sktime(airline):
    from sktime.forecasting.naive import NaiveForecaster

    steps = list(range(1, 27))
    for ours, theirs in [
        ("Naive", NaiveForecaster()),
        ("SeasonalNaive", NaiveForecaster(sp=12)),
        ("Drift", NaiveForecaster(strategy="drift")),
    ]:
        theirs.fit(airline)
        mine = make(ours).fit(airline)
        np.testing.assert_allclose(mine.predict(fh=steps), theirs.predict(fh=steps), rtol=1e-12)
        np.testing.assert_allclose(mine.predict_var(fh=steps), theirs.predict_var(fh=steps), rtol=1e-9)


def test_a_forecaster_works_in_a_pipeline_and_a_grid_search(airline):
    from sktime.forecasting.compose import TransformedTargetForecaster
    from sktime.forecasting.model_selection import ForecastingGridSearchCV
    from sktime.split import ExpandingWindowSplitter
    from sktime.transformations.series.boxcox import LogTransformer

    growth = TransformedTargetForecaster([LogTransformer(), make("Drift")]).fit(airline)
    assert growth.predict(fh=[12]).iloc[0] > airline.iloc[-1]
    folds = ExpandingWindowSplitter(initial_window=120, step_length=12, fh=range(1, 13))
    search = ForecastingGridSearchCV(make("SeasonalNaive"), folds, {"period": [1, 12]}).fit(airline)
    assert search.best_params_ == {"period": 12}


def test_arima_keeps_warnings_as_notes(recwarn, airline):
    from finlab.core.errors import InputError
    from finlab.forecast.arima import arima, quiet_forecast

    result = quiet_forecast(arima(), airline[:5], 2)
    assert any("Too few observations" in note for note in result.notes) and len(result.mean) == 2
    assert not [w for w in recwarn.list if "observations" in str(w.message)]
    with pytest.raises(InputError, match="three whole numbers"):
        arima((1, 1, -1))


ONE_MISTAKE = [
    ("Theta", {"period": 0}, "period is 0; expected a whole number of at least 1"),
    ("CES", {"period": 2.5}, "period is 2.5; expected a whole number"),
    ("MSTL", {"period": "24"}, "period is '24'; expected a whole number"),
    ("Theta", {"kind": "dotm"}, "kind is 'dotm'; expected one of STM, OTM, DSTM, DOTM"),
    ("CES", {"season": "any"}, "season is 'any'; expected one of auto"),
    ("ARIMA", {"order": None}, "order is None; expected three whole numbers, none negative"),
    ("ARIMA", {"order": (1, 1)}, r"order is \(1, 1\); expected three whole numbers"),
    ("ARIMA", {"order": (np.nan, 0, 0)}, r"order is \(nan, 0, 0\); expected three whole numbers"),
    ("ARIMA", {"order": "110"}, "order is '110'; expected three whole numbers"),
    ("ARIMA", {"seasonal_order": (0, -1, 0)}, r"seasonal_order is \(0, -1, 0\); expected three whole numbers"),
    ("ARIMA", {"constant": "yes"}, "constant is 'yes'; expected True, False or None"),
    ("Combination", {"models": "theta"}, "models is 'theta'; expected two or more names of methods"),
    ("Combination", {"models": None}, "models is None; expected two or more"),
    ("Combination", {"models": ("theta", "prophet")}, "method is 'prophet'; expected one of"),
    ("Combination", {"models": ("theta", "ces"), "how": "middle"}, "how is 'middle'; expected one of median"),
]


@pytest.mark.parametrize("name, options, words", ONE_MISTAKE)
def test_a_wrong_option_is_refused_with_its_name_and_value(name, options, words, airline):
    from finlab.core.errors import InputError
    from finlab.forecast import forecasters

    made = getattr(forecasters, name)()
    for option, value in options.items():
        setattr(made, option, value)  # not by the constructor, where the tests' own check of types would be first
    with pytest.raises(InputError, match=words):
        made._fit_kernel(airline.to_numpy()[:, None])


@pytest.mark.parametrize("name", ["Theta", "CES", "MSTL", "ETS"])
def test_a_bad_series_does_not_stop_the_panel_and_says_why(name, airline):
    from finlab.forecast import ets, forecasters

    kind = ets.ETS if name == "ETS" else forecasters.__dict__[name]
    good = airline.iloc[:48].to_numpy()
    odd = {
        "good": good, "missing": good * np.nan, "infinite": np.r_[good[1:], np.inf], "constant": good * 0 + 7,
        "short": np.r_[np.full(46, np.nan), 5.0, 6.0], "huge": good * 1e100, "tiny": good * 1e-100, "below": -good,
    }  # fmt: skip
    index = airline.index[:48]
    table = pd.concat({key: pd.DataFrame({"y": values}, index=index) for key, values in odd.items()})
    fitted = kind(period=4).fit(table)
    ahead, alone = fitted.predict(fh=[1, 2])["y"], kind(period=4).fit(table.loc["good"]).predict(fh=[1, 2])["y"]
    np.testing.assert_allclose(ahead["good"], alone, rtol=1e-6)
    assert ahead.loc[["missing", "infinite"]].isna().all() and np.allclose(ahead["constant"], 7)
    assert np.isfinite(ahead.loc[["huge", "tiny", "below"]]).all()
    reasons = fitted.diagnostics_["reason"]
    assert reasons["good"] == "" and all(reasons[["missing", "infinite", "short"]])


def test_a_regressor_counts_for_nothing_where_its_series_has_a_hole():
    from finlab.forecast.forecasters import ARIMA

    random = np.random.default_rng(4)
    index = pd.RangeIndex(50)
    y, x = pd.Series(random.normal(size=50).cumsum(), index), pd.DataFrame({"x": random.normal(size=50)}, index)
    y[20] = np.nan
    told = []
    for odd in (0.3, np.nan, np.inf):
        x.loc[20, "x"] = odd
        ahead = pd.DataFrame({"x": [0.1, 0.2]}, [50, 51])
        told.append(ARIMA((1, 0, 0)).fit(y, x).predict(fh=[1, 2], X=ahead).to_numpy())
    np.testing.assert_allclose(told[1:], [told[0]] * 2, rtol=1e-6)


CONFORMANCE = """
import json, sys
from sktime.utils.estimator_checks import check_estimator
from importlib import import_module
found = check_estimator(getattr(import_module(sys.argv[1]), sys.argv[2]), raise_exceptions=False, verbose=False)
print(json.dumps({"n": len(found), "failed": {key: str(told) for key, told in found.items() if told != "PASSED"}}))
"""


ENGINE = ("Theta", "MSTL", "CES", "Combination", "ARIMA", "AutoARIMA")
LONG = ("MSTL", "CES", "Combination", "ETS", "AutoETS", "ARIMA", "AutoARIMA")  # half a minute each, or some minutes
LIGHT = [name for name in (*NAMES, "Conformal", "Theta") if name not in LONG]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LIGHT, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)])
def test_a_forecaster_passes_sktimes_own_checks(name):
    home = "forecasters" if name in ENGINE else ROOMS.get(name, "naive")
    room = f"finlab.forecast.{home}"
    # In a process of its own: the hook that checks shapes wraps constructors, whose signature sktime inspects.
    command = [sys.executable, "-W", "ignore", "-c", CONFORMANCE, room, name]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(run.stdout.strip().splitlines()[-1])
    assert result["n"] > 300 and not result["failed"]


def test_what_lies_before_the_data_is_not_known():
    from finlab.forecast import naive

    y = pd.Series(np.arange(24.0), index=pd.period_range("2020-01", periods=24, freq="M"))
    for forecaster in (naive.Naive(), naive.SES(), naive.Drift()):
        told = forecaster.fit(y).predict(fh=[-30, -24, -23, -22, 0, 1])
        assert np.isnan(told.iloc[:2]).all() and np.isfinite(told.iloc[-2:]).all()
    assert naive.Naive().fit(y).predict(fh=[-22]).iloc[0] == 0.0
