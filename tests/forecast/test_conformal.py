"""Conformal intervals: the ranks by hand, the errors by a loop, one call, and what happens where there are too few."""

import numpy as np
import pandas as pd
import pytest
from competition import group

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")


def panel(lengths: dict[str, int], seed: int = 1) -> pd.DataFrame:
    """Random walks in months; all begin in the same month, so that they end in different ones."""
    rng = np.random.default_rng(seed)
    parts = {
        name: pd.DataFrame({"y": rng.normal(size=n).cumsum()}, index=pd.period_range("2015-01", periods=n, freq="M"))
        for name, n in lengths.items()
    }
    return pd.concat(parts, names=["name", "time"])


@pytest.mark.parametrize(
    ("count", "coverage", "rank"), [(19, 0.95, 19), (9, 0.8, 8), (4, 0.8, 4), (99, 0.9, 90), (18, 0.95, None)]
)
def test_the_rank_is_that_of_the_formula(count, coverage, rank):
    from finlab.forecast.conformal import distance_at

    sizes = np.random.default_rng(count).permutation(np.arange(1.0, count + 1)) * np.where(np.arange(count) % 2, 1, -1)
    found = distance_at(sizes[:, None, None], (1 + coverage) / 2).item()
    assert np.isnan(found) if rank is None else found == rank
    other = distance_at(sizes[:, None, None], (1 - coverage) / 2).item()
    assert np.isnan(other) if rank is None else other == -rank


def test_signed_ranks_take_each_end_by_itself():
    from finlab.forecast.conformal import distance_at

    errors = np.arange(1.0, 20)[:, None, None]
    assert distance_at(errors, 0.05, signed=True).item() == 1 and distance_at(errors, 0.95, signed=True).item() == 19
    assert distance_at(errors, 0.5, signed=True).item() == 10
    assert np.isnan(distance_at(errors, 0.04, signed=True)).all()
    holed = np.where(errors == 7, np.nan, errors)
    assert np.isnan(distance_at(holed, 0.95, signed=True)).all()


@pytest.mark.slow
@pytest.mark.parametrize("signed", [False, True])
def test_intervals_are_those_of_a_loop_over_origins(signed):
    from finlab.forecast.conformal import Conformal
    from finlab.forecast.naive import SES

    table = panel({"long": 70, "short": 52})
    fitted = Conformal(SES(), windows=12, signed=signed).fit(table, fh=[1, 2, 3])
    ends = fitted.predict_interval(coverage=0.8)
    for name in ("long", "short"):
        y, errors = table.loc[name, "y"], []
        for origin in range(3, 15):
            ahead = SES().fit(y[:-origin]).predict(fh=[1, 2, 3])
            errors.append((y.loc[ahead.index] - ahead).to_numpy())
        mean = SES().fit(y).predict(fh=[1, 2, 3]).to_numpy()
        if signed:  # ranks of 12: floor(13 * 0.1) = 1 and ceil(13 * 0.9) = 12
            low, high = mean + np.min(errors, axis=0), mean + np.max(errors, axis=0)
        else:  # ceil(13 * 0.8) = 11
            half = np.sort(np.abs(errors), axis=0)[10]
            low, high = mean - half, mean + half
        np.testing.assert_allclose(ends.loc[name].to_numpy(), np.stack([low, high], axis=1), rtol=1e-6)
        spread = np.sqrt(np.mean(np.square(errors), axis=0))
        np.testing.assert_allclose(fitted.predict_var().loc[name, "y"], spread**2, rtol=1e-6)


def test_all_origins_of_all_series_are_one_call(monkeypatch):
    from finlab.forecast.conformal import Conformal
    from finlab.forecast.naive import SES

    calls, run = [], SES._run_kernel
    monkeypatch.setattr(SES, "_run_kernel", lambda self, y, horizon: calls.append(y.shape) or run(self, y, horizon))
    fitted = Conformal(SES(), windows=19).fit(panel({"a": 80, "b": 70, "c": 60}), fh=range(1, 13))
    fitted.predict(), fitted.predict_interval(), fitted.predict_var()
    assert calls == [(80, 60)]
    assert fitted.diagnostics_["errors"].tolist() == [19, 19, 19] and "alpha" in fitted.diagnostics_


def test_a_series_that_is_too_short_gets_the_forecasters_own_interval_and_a_warning():
    from finlab.forecast.conformal import Conformal
    from finlab.forecast.naive import Naive

    table = panel({"long": 90, "short": 24})
    fitted = Conformal(Naive()).fit(table, fh=[1, 2])
    with pytest.warns(UserWarning, match=r"1 of 2 series have too few past errors for the shares 0.025, 0.975"):
        ends = fitted.predict_interval(coverage=0.95)
    own = Naive().fit(table).predict_interval(fh=[1, 2], coverage=0.95)
    pd.testing.assert_frame_equal(ends.loc["short"], own.loc["short"])
    assert not np.allclose(ends.loc["long"], own.loc["long"])
    with pytest.warns(UserWarning, match="2 of 2 series"):
        tiny = Conformal(Naive()).fit(panel({"a": 3, "b": 2})).predict_interval(fh=[1], coverage=0.8)
    assert len(tiny) == 2


def test_beyond_the_calibrated_steps_the_distance_grows_as_the_forecasters_own():
    from finlab.forecast.conformal import Conformal
    from finlab.forecast.naive import Naive

    fitted = Conformal(Naive(), horizon=4).fit(panel({"a": 60}))
    ends = fitted.predict_interval(fh=[4, 16], coverage=0.8).to_numpy()
    np.testing.assert_allclose(np.diff(ends[1]) / np.diff(ends[0]), 2.0)  # the square root of 16 / 4


def test_regressors_travel_with_the_origins():
    from regressing import Regressing

    from finlab.forecast.conformal import Conformal

    table = panel({"a": 60, "b": 50})
    months = {name: pd.period_range("2015-01", periods=n + 3, freq="M") for name, n in [("a", 60), ("b", 50)]}
    parts = {name: pd.DataFrame({"x": np.sin(np.arange(len(index)))}, index=index) for name, index in months.items()}
    X = pd.concat(parts, names=["name", "time"])
    table["y"] = 4 * X["x"] - 1
    fitted = Conformal(Regressing(), windows=9).fit(table, X=X.loc[table.index], fh=[1, 2, 3])
    ends = fitted.predict_interval(X=X, coverage=0.8)
    truth = 4 * X.loc[ends.index, "x"] - 1
    np.testing.assert_allclose(ends, np.stack([truth, truth], axis=1), atol=1e-9)  # the past had no errors either


def test_an_update_without_parameters_keeps_the_errors():
    from regressing import Regressing

    from finlab.forecast.conformal import Conformal

    table = panel({"a": 60, "b": 50})
    early = table.groupby("name").head(45)
    fitted = Conformal(Regressing(), windows=9).fit(early, fh=[1, 2])
    before = np.diff(fitted.predict_interval(coverage=0.8).to_numpy())
    fitted.update(table.drop(early.index), update_params=False)
    np.testing.assert_allclose(np.diff(fitted.predict_interval(coverage=0.8).to_numpy()), before)
    assert str(fitted.cutoffs_["a"]) == "2019-12"
    again = Conformal(Regressing(), windows=9).fit(table, fh=[1, 2])
    fitted.update(table.tail(1))
    pd.testing.assert_frame_equal(fitted.predict_interval(coverage=0.8), again.predict_interval(coverage=0.8))


def test_only_forecasters_of_finlab_can_be_wrapped():
    from sktime.forecasting.naive import NaiveForecaster

    from finlab.core.errors import InputError
    from finlab.forecast.conformal import Conformal
    from finlab.forecast.naive import Naive

    y = panel({"a": 30})
    with pytest.raises(InputError, match="forecaster is NaiveForecaster"):
        Conformal(NaiveForecaster()).fit(y)
    with pytest.raises(InputError, match="windows is 0"):
        Conformal(Naive(), windows=0).fit(y)
    with pytest.raises(InputError, match="horizon is -1"):
        Conformal(Naive(), horizon=-1).fit(y)


def test_coverage_on_m3_monthly_is_within_three_points(testdata):
    from finlab.forecast.conformal import Conformal
    from finlab.forecast.naive import SES

    data = group(testdata, "M3", "Monthly")
    parts = {
        uid: pd.DataFrame({"y": y}, index=pd.RangeIndex(len(y)))
        for uid, y in zip(data["uid"], data["train"], strict=True)
    }
    test = np.stack([np.asarray(y, dtype=float) for y in data["test"]])
    fitted = Conformal(SES()).fit(pd.concat(parts, names=["id", "time"]), fh=range(1, 19))
    ends = fitted.predict_interval(coverage=0.8).to_numpy().reshape(len(data), 18, 2)
    inside = (ends[..., 0] <= test) & (test <= ends[..., 1])
    assert abs(inside.mean() - 0.8) < 0.03  # measured: 0.778
