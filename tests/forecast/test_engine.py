"""The engine: methods by name, combinations, the forecasters over it, and forecasts of many series at once."""

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.forecast import engine, forecast, forecasters, methods

PERIOD, HORIZON = 4, 6


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """Five series of quarters: three with a season, a constant one, and one without any value."""
    rng = np.random.default_rng(11)
    season = np.tile([1.1, 0.9, 1.2, 0.8], 12)[:, None]
    values = (100 + rng.normal(0, 2, (48, 5)).cumsum(axis=0)) * season
    values[:20, 1] = np.nan
    values[:, 3], values[:, 4] = 7.0, np.nan
    return values


SLOW = {"auto_arima": pytest.mark.slow, "combination": pytest.mark.slow}  # they compile for a minute


@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW[n]) if n in SLOW else n for n in engine.ENGINE])
def test_every_method_forecasts_what_can_be_forecast_and_says_why_not(name, table):
    method = engine.method_of(name)
    model = method.fit(table, PERIOD)
    ahead = method.forecast(model, HORIZON)
    assert np.isfinite(ahead.mean[:HORIZON, :4]).all() and np.isnan(ahead.mean[:, 4]).all()
    np.testing.assert_allclose(ahead.mean[:HORIZON, 3], 7.0, rtol=1e-6)
    assert (ahead.sd[:HORIZON, :3] > 0).all()
    assert method.residuals(model).shape == table.shape
    said = method.diagnose(model)
    assert all(len(part) == 5 for part in said.values())
    assert any(key.endswith("reason") and said[key][4] for key in said)


@pytest.mark.slow
@pytest.mark.parametrize("name", engine.ENGINE)
def test_a_method_forecasts_each_series_as_if_it_were_alone(name, table):
    method = engine.method_of(name)
    together = method.forecast(method.fit(table, PERIOD), HORIZON).mean[:HORIZON, 0]
    alone = method.forecast(method.fit(table[:, :1], PERIOD), HORIZON).mean[:HORIZON, 0]
    np.testing.assert_allclose(together, alone, rtol=2e-3)


@pytest.mark.slow
def test_filtering_keeps_the_parameters_and_moves_the_states(table):
    method = engine.method_of("combination")
    model = method.fit(table[:-4, :3], PERIOD)
    moved = method.filter(model, table[:, :3])
    before, after = (method.diagnose(part) for part in (model, moved))
    assert all((before[key] == after[key]).all() for key in before if key.endswith("form"))
    assert not np.allclose(method.forecast(model, 1).mean, method.forecast(moved, 1).mean)


def test_weights_follow_the_errors_of_the_last_season(table):
    method = engine.combination_of(("theta", "ces"), "weighted")
    model = method.fit(table[:, :3], PERIOD)
    steps = engine.LEAST_HELD_BACK
    errors = []
    for name in ("theta", "ces"):
        part = engine.method_of(name)
        ahead = part.forecast(part.fit(table[:-steps, :3], PERIOD), steps).mean[:steps]
        errors.append(np.abs(ahead - table[-steps:, :3]).mean(axis=0))
    inverse = 1 / np.square(errors)
    np.testing.assert_allclose(model.weights, inverse / inverse.sum(axis=0), rtol=1e-6)


def test_a_member_without_a_number_is_left_out():
    stack = np.array([[[1.0, np.nan]], [[3.0, np.nan]], [[np.nan, np.nan]]])
    weights = np.array([[0.2, 0.2], [0.2, 0.2], [0.6, 0.6]])
    for how in engine.HOWS:
        middle = engine._middle(stack, weights, how)
        assert middle[0, 0] == pytest.approx(2.0) and np.isnan(middle[0, 1])


def test_known_members_that_weigh_nothing_count_evenly():
    stack = np.array([[[1.0, 1.0]], [[3.0, 3.0]], [[np.nan, 9.0]]])
    weights = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    assert engine._middle(stack, weights, "weighted").tolist() == [[2.0, 9.0]]


def test_mstl_says_which_seasons_it_took_out(table):
    method = engine.method_of("mstl")
    assert method.diagnose(method.fit(table, PERIOD))["form"].tolist() == ["MSTL[4]"] * 4 + [""]
    hours = np.random.default_rng(12).normal(size=(400, 2)).cumsum(axis=0)
    hours[:360, 1] = np.nan
    assert method.diagnose(method.fit(hours, 24))["form"].tolist() == ["MSTL[24,168]", "Theta"]
    fortnight = method.diagnose(method.fit(hours[:336, :1], 24))  # two weeks hold no third cycle to tell them apart
    assert fortnight["form"].tolist() == ["MSTL[24]"] and fortnight["reason"].tolist() == [""]


def test_mstl_without_a_season_is_theta(table):
    mstl, theta = engine.method_of("mstl"), engine.method_of("theta")
    model, plain = mstl.fit(table[:-4], 1), theta.fit(table[:-4], 1)
    np.testing.assert_allclose(mstl.forecast(model, 6).mean, theta.forecast(plain, 6).mean)
    np.testing.assert_allclose(mstl.residuals(model), theta.residuals(plain))
    said = mstl.diagnose(model)
    assert said["form"].tolist() == ["Theta"] * 4 + [""] and said["reason"][0] == "" and said["reason"][4]
    anew = mstl.forecast(mstl.filter(model, table), 6).mean
    np.testing.assert_allclose(anew, mstl.forecast(mstl.fit(table, 1), 6).mean)


def test_a_combination_says_whether_all_is_well(table):
    method = engine.combination_of(("theta", "ces"))
    y = table.copy()
    y[:-3, 2] = np.nan
    said = method.diagnose(method.fit(y, PERIOD))
    assert said["converged"].tolist()[:2] == [True, True] and said["reason"].tolist()[:2] == ["", ""]
    assert said["reason"][4] == "no values" and not said["converged"][4] and "too few" in said["reason"][2]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: engine.method_of("prophet"), "auto_ets"),
        (lambda: engine.combination_of(("theta", "theta")), "different methods"),
        (lambda: engine.combination_of(("theta", "ces"), "mode"), "median"),
    ],
)
def test_wrong_names_are_told(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_orders_are_written_as_usual():
    orders = np.array([[1, 0], [1, 0], [2, 0], [0, 1], [1, 0], [1, 0], [0, 1]])
    assert engine._say_orders(orders, 12).tolist() == ["ARIMA(1,1,2)(0,1,1)[12]", "ARIMA(0,0,0)(1,0,0)[12] with mean"]


def test_the_engine_is_run_in_portions_of_a_standard_size(table, monkeypatch):
    monkeypatch.setattr(methods, "AT_ONCE", 2)
    histories = [column[~np.isnan(column)] for column in table[:, :4].T]
    lanes, said = methods.run_engine("theta", histories, HORIZON, PERIOD)
    assert lanes.mean.shape == (HORIZON, 4) and len(said) == 4 and said[0]["form"] == "DOTM"
    whole = methods.run_named("theta", histories, HORIZON, PERIOD)
    np.testing.assert_allclose(lanes.mean, whole.mean, rtol=1e-6)


@pytest.mark.slow
def test_more_than_twenty_series_are_forecast_by_the_combination(table):
    index = pd.date_range("2012-03-31", periods=48, freq="QE")
    wide = pd.DataFrame({f"s{k:02}": np.roll(table[:, k % 3], k)[-28:] for k in range(21)}, index=index[-28:])
    result = forecast(wide.interpolate().bfill(), horizon=2)
    assert set(result["model"]) == {"combination"} and len(result) == 42
    assert (result["lo-95"] < result["lo-80"]).all() and (result["hi-80"] < result["hi-95"]).all()
    told = pd.DataFrame(result.attrs["diagnostics"])
    assert len(told) == 21 and told["auto_arima: form"].str.startswith("ARIMA").all()


@pytest.mark.parametrize("name", ["ARIMA", "Theta", "CES", "MSTL"])
def test_a_forecaster_takes_a_ragged_panel_in_one_call(name, table, monkeypatch):
    index = pd.period_range("2012Q1", periods=48, freq="Q")
    ends = {"a": 48, "b": 44}
    panel = pd.concat({key: pd.DataFrame({"y": table[:end, 0]}, index=index[:end]) for key, end in ends.items()})
    home = getattr(forecasters, name)
    calls, run = [], home._fit_kernel
    monkeypatch.setattr(home, "_fit_kernel", lambda self, y, X=None: calls.append(y.shape) or run(self, y, X))
    fitted = home(period=PERIOD).fit(panel)
    ahead = fitted.predict(fh=[1, 2])
    assert calls == [(48, 2)]
    alone = home(period=PERIOD).fit(panel.loc["b"]).predict(fh=[1, 2])
    np.testing.assert_allclose(ahead.loc["b"], alone, rtol=2e-3)
    assert str(ahead.loc["b"].index[0]) == "2023Q1" and len(fitted.diagnostics_) == 2


def test_a_name_that_is_no_method_is_refused_wherever_methods_are_run():
    for run in (
        lambda: methods.run_named("x", [np.arange(9.0)], 2, 1),
        lambda: methods.named_residuals("x", np.ones(9), 1),
    ):
        with pytest.raises(InputError, match="method is 'x'; expected one of naive"):
            run()
    assert methods.run_named("naive", [], 2, 1).mean.shape == (2, 0)
    assert methods.named_residuals("naive", np.zeros(0), 1).shape == (0,)


@pytest.mark.parametrize(
    "given, words",
    [
        ({1: "theta"}, "the name of a method is 1; expected a text"),
        (forecasters.Theta, r"method is .*Theta.*; expected a forecaster, made by Theta\(...\)"),
        (["theta", None], "method is None; expected a name"),
        ("thet", "did you mean 'theta'"),
    ],
)
def test_what_is_no_method_is_refused(given, words):
    with pytest.raises(InputError, match=words):
        methods.check_methods(given, 12)
