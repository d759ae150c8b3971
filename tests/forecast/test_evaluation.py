"""The backtest: no look-ahead, the same scores as sktime, honest verdicts, failures reported."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.forecast import methods, replay
from finlab.forecast.evaluation import backtest
from finlab.forecast.methods import FREE_METHODS
from finlab.forecast.replay import choose_origins
from finlab.forecast.splits import rolling_total, split

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")


@pytest.fixture(scope="module")
def seasonal() -> pd.Series:
    rng = np.random.default_rng(0)
    months = np.arange(120)
    y = (100 + months) * (1 + 0.3 * np.sin(months * np.pi / 6)) * rng.lognormal(0, 0.03, 120)
    return pd.Series(y, index=pd.period_range("2010-01", periods=120, freq="M"), name="sales")


def forecaster():
    from sktime.forecasting.naive import NaiveForecaster

    return NaiveForecaster(sp=12)


def test_forecasts_do_not_change_when_the_future_does(seasonal):
    methods = {**dict.fromkeys(FREE_METHODS), "foreign": forecaster()}
    methods = {name: method or name for name, method in methods.items()}
    whole = backtest(seasonal, methods, horizon=6, step=12)
    for place, cut in enumerate(whole.replay.origins):
        if place % 3:
            continue
        altered = seasonal.copy()
        altered.iloc[cut:] = altered.iloc[cut:] * -3 + 1000
        other = backtest(altered, methods, horizon=6, step=12)
        for name in methods:
            for part in ("mean", "sd"):
                ours, theirs = (getattr(r.replay.lanes[name], part)[:, place] for r in (whole, other))
                np.testing.assert_array_equal(ours, theirs, err_msg=f"{name} {part}")


def test_free_methods_and_sktime_score_alike(seasonal):
    result = backtest(seasonal, {"ours": "seasonal_naive", "theirs": forecaster()}, horizon=6)
    np.testing.assert_allclose(result.scores.loc["ours", "MASE"], result.scores.loc["theirs", "MASE"], rtol=1e-12)
    assert result.scores["coverage-80"].notna().all() and result.replay.benchmark == "naive2"
    assert np.isclose(result.scores.loc["naive2", "OWA"], 1)


def test_verdicts_and_the_choice(seasonal):
    result = backtest(seasonal, horizon=3)
    assert set(result.tests.index) == set(FREE_METHODS) - {"naive2"}
    assert result.tests.loc["naive", "outcome"] == "worse" and "naive loses to naive2" in result.summary()
    assert result.best in result.scores.index and result.leader == result.scores.index[0]
    assert (result.tests["p_holm"] >= result.tests["p"]).all()
    assert "naive2" in result._repr_html_() and result.plot().axes[0].get_lines()


def test_nothing_beats_naive_on_a_random_walk():
    walk = np.random.default_rng(3).normal(0, 1, 200).cumsum()
    result = backtest(walk, horizon=4)
    assert result.replay.benchmark == "naive" and result.best == "naive"


def test_a_real_trend_is_found():
    y = np.arange(150.0) + np.random.default_rng(1).normal(0, 1, 150)
    assert backtest(y, horizon=4).best == "drift"


def test_failures_are_reported_and_not_fatal(seasonal):
    class Broken(type(forecaster())):
        def _fit(self, y, X, fh):
            if len(y) < 60:
                raise RuntimeError("too early")
            return super()._fit(y, X, fh)

    result = backtest(seasonal, {"broken": Broken(sp=12), "never": Broken(sp=0), "ses": "ses"}, horizon=6)
    assert result.scores.loc["broken", "n"] < result.scores.loc["ses", "n"] and result.scores.loc["never", "n"] == 0
    assert "RuntimeError: too early" in set(result.failures["reason"]) and "No forecast: " in result.summary()
    assert result.leader != "broken"


def test_a_constant_series_has_a_defined_result(recwarn):
    result = backtest(np.full(60, 5.0), horizon=2)
    assert result.scores["MASE"].isna().all() and (result.scores["MAE"] == 0).all() and result.best == "naive"
    assert "MASE is not defined" in result.summary() and "made the same errors" in result.summary()
    assert not [w for w in recwarn.list if "finlab" in str(w.filename)]


def test_origins():
    assert choose_origins(144, 12, 12) == tuple(range(41, 133, 7))
    assert choose_origins(100, 4, 1, origins=3, step=4) == (88, 92, 96)
    assert choose_origins(25, 12, 12) == (13,)
    with pytest.raises(InputError, match=r"y has 24 values; expected at least 25: 13 to learn from and 12 \(horizon\)"):
        choose_origins(24, 12, 12)


def test_origins_go_through_all_seasons():
    steps = {(12, 12): 7, (6, 12): 5, (3, 12): 1, (8, 4): 5, (12, 1): 6, (1, 12): 1, (48, 24): 25}
    for (horizon, period), step in steps.items():
        assert replay.default_step(horizon, period) == step, (horizon, period)


def test_few_origins_give_no_verdict():
    result = backtest(np.random.default_rng(0).normal(0, 1, 30), horizon=6)
    assert set(result.tests["outcome"]) == {"too few"} and "too few origins to tell" in result.summary()
    assert result.best == "naive"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"methods": "seasonal_nave"}, "did you mean 'seasonal_naive'"),
        ({"methods": [3]}, "or an sktime forecaster"),
        ({"horizon": 0}, "horizon"),
        ({"level": (80, 120)}, "percents between 1 and 99"),
        ({"benchmark": "nave"}, "benchmark"),
        ({"period": 0}, "period"),
    ],
)
def test_bad_arguments_are_refused(seasonal, arguments, message):
    with pytest.raises(InputError, match=message):
        backtest(seasonal, **arguments)


def test_bad_data_are_refused(seasonal):
    with pytest.raises(InputError, match="y is nan at 2010-03; expected a finite number"):
        backtest(seasonal.where(seasonal.index != seasonal.index[2]))
    for data in (seasonal.to_frame(), pd.Series(["a"] * 50)):
        with pytest.raises(InputError):
            backtest(data)


def test_periods_follow_from_the_index():
    dates = {"ME": 12, "QS": 4, "W-WED": 52, "D": 7, "h": 24, "YS": 1}
    for code, period in dates.items():
        assert replay.period_of(pd.date_range("2020-01-01", periods=12, freq=code)) == period, code
    assert replay.period_of(pd.period_range("2020Q1", periods=5, freq="Q")) == 4
    assert replay.period_of(pd.RangeIndex(5)) == 1


def test_split_and_rolling_total(seasonal):
    train, test = split(seasonal)
    assert len(train) == 96 and pd.concat([train, test]).equals(seasonal)
    pd.testing.assert_series_equal(rolling_total(seasonal), seasonal.rolling(12).sum().dropna(), rtol=1e-12)
    assert len(split(seasonal[:2], 0.01).train) == 1
    for call in (lambda: split(seasonal[:1]), lambda: split(seasonal, 1.5), lambda: rolling_total(seasonal[:5])):
        with pytest.raises(InputError):
            call()


def test_the_room_is_light():
    use = "import numpy as np; from finlab.forecast import backtest; backtest(np.arange(40.0), ['naive'], horizon=4)"
    for code, absent in [
        ("import finlab.forecast", "jax sktime torch pandas scipy"),
        (use, "sktime torch statsmodels matplotlib"),
    ]:
        told = f"{code}; import sys; print([m for m in {absent.split()} if m in sys.modules])"
        run = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "[]"


def test_the_order_of_time_is_checked():
    days = pd.Series(np.arange(40.0), index=pd.date_range("2024", periods=40))
    shuffled = days.sample(frac=1, random_state=0)
    for wrong in (days[::-1], shuffled, days.to_period("D")[::-1], pd.concat([days, days[-1:]])):
        with pytest.raises(InputError, match=r"^the date of y is .*; expected the oldest value first, each date once$"):
            backtest(wrong, horizon=2)
    backtest(days.reset_index(drop=True)[::-1], horizon=2)  # numbers need not be times


def test_no_forecaster_is_lost_for_its_name(seasonal):
    two = [forecaster(), forecaster()]
    with pytest.raises(InputError, match="methods is a list with more than one NaiveForecaster; expected different"):
        backtest(seasonal, two, horizon=3)
    named = dict(zip("ab", two, strict=True))
    assert {"a", "b"} <= set(backtest(seasonal, named, horizon=3, origins=3).scores.index)
    assert list(methods.check_methods(["naive", "ses", "naive"], 1)) == ["naive", "ses"]


def fails_where(seasonal, wrong_at):
    """A forecaster that knows the future, and fails wherever `wrong_at` says so of the length of the history."""

    class Oracle:
        def clone(self):
            return self

        def fit(self, y, fh):
            if wrong_at(len(y)):
                raise RuntimeError("no")
            self.n = len(y)
            return self

        def predict(self, fh):
            return seasonal.to_numpy()[self.n : self.n + len(fh)]

        def get_tag(self, *_):
            return False

    return Oracle()


def test_a_method_that_fails_at_some_origins_is_never_chosen(seasonal):
    whole = backtest(seasonal, {"oracle": fails_where(seasonal, lambda n: False), "naive": "naive"}, horizon=3)
    assert whole.best == whole.leader == whole.scores.index[0] == "oracle" and "oracle" in whole.complete
    assert "not comparable" not in whole.summary()
    part = backtest(seasonal, {"oracle": fails_where(seasonal, lambda n: n > 110), "naive": "naive"}, horizon=3)
    assert part.tests.loc["oracle", "outcome"] == "better" and part.scores["MASE"].idxmin() == "oracle"
    assert "oracle" not in {part.best, part.leader, *part.complete} and part.scores.index[-1] == "oracle"
    assert "Scores over fewer origins are not comparable: oracle cannot be chosen." in part.summary()


def test_one_measure_decides_everywhere():
    rng = np.random.default_rng(3)
    late = np.concatenate([np.full(30, 5.0), 5 + np.arange(90) * 3 + rng.normal(0, 1, 90)])
    result = backtest(late, ["naive", "drift", "ses"], horizon=3, period=1)
    assert result.measure == "MAE" and result.scores["MASE"].notna().all()
    assert result.scores["MAE"].is_monotonic_increasing and result.leader == result.scores["MAE"].idxmin()
    assert result.tests["verdict"].str.contains("MAE").all() and "MASE is not defined at" in result.summary()
    early = backtest(late[30:], ["naive", "drift", "ses"], horizon=3, period=1)
    assert early.measure == "MASE" and "MASE is not defined" not in early.summary()


@pytest.mark.parametrize("horizon, period", [(12, 12), (6, 12), (8, 52), (4, 4), (14, 7), (3, 1)])
def test_a_longer_series_never_has_fewer_origins(horizon, period):
    counts = [len(choose_origins(n, horizon, period)) for n in range(period + 1 + horizon + 2, 6 * period + 90)]
    assert counts == sorted(counts)


def test_a_season_that_naive2_cannot_take_out_is_said(seasonal):
    shifted = backtest(seasonal - seasonal.min(), horizon=6)
    assert "naive2 looked for no season" in shifted.summary() and "above zero" in shifted.summary()
    assert "looked for no season" not in backtest(seasonal, horizon=6).summary()
    assert "3 seasons of history" in backtest(seasonal[:40], horizon=6).summary()


def test_values_that_differ_by_rounding_give_no_verdict():
    y = np.where(np.arange(60) % 2, 0.3, 0.30000000000000004)
    result = backtest(y, ["naive", "ses"], horizon=4)
    assert result.measure == "MAE" and set(result.tests["outcome"]) <= {"same", "open"}


def test_dates_with_a_hole_are_refused(seasonal):
    holed = seasonal.drop(seasonal.index[50:53])
    with pytest.raises(InputError, match="no value between 2014-02 and 2014-06"):
        backtest(holed, horizon=6)
    with pytest.raises(InputError, match="y: 3 months missing: 2014-03, 2014-04, 2014-05"):
        backtest(holed.to_timestamp(), horizon=6)


@pytest.mark.parametrize(
    "freq, period", [("ME", 12), ("BQS", 4), ("QE-JAN", 4), ("W-WED", 52), ("B", 5), ("D", 7), ("h", 24), ("YE-JUN", 1)]
)
def test_the_season_follows_from_dates(freq, period):
    assert replay.period_of(pd.date_range("2020-01-01", periods=60, freq=freq)) == period
    assert replay.period_of(pd.date_range("2020-01-01", periods=60, freq=freq, tz="Asia/Tokyo")) == period
    assert replay.period_of(pd.RangeIndex(60)) == 1


def test_values_that_are_no_numbers_are_refused(seasonal):
    for wrong in (seasonal > 100, pd.Series(pd.date_range("2020", periods=40))):
        with pytest.raises(InputError, match="expected numbers"):
            backtest(wrong, horizon=3)
    assert backtest(seasonal, ["naive"], horizon=3, origins=2, level=80).replay.level == (80,)


def test_a_tie_is_given_to_the_benchmark():
    y = pd.Series(np.random.default_rng(3).normal(10, 1, 40), index=pd.period_range("2020-01", periods=40, freq="M"))
    result = backtest(y, ["naive", "naive2"], horizon=3, period=12)
    assert result.scores["MASE"].nunique() == 1
    assert result.leader == result.best == "naive2"
    assert "not proven" not in result.summary()
