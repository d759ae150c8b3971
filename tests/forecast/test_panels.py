"""Panels and hierarchies through one call: each series' own end, updates, regressors, and sktime's tools around it."""

import warnings

import numpy as np
import pandas as pd
import pytest

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:sktime"),
]

STARTS = {"period": pd.Period("2020-01", "M"), "date": pd.Timestamp("2020-01-31"), "number": 100}


def stamps(kind: str, first: int, count: int) -> pd.Index:
    """`count` stamps of a kind, the first one `first` steps after the common start."""
    start = STARTS[kind]
    if kind == "period":
        return pd.period_range(start + first, periods=count, freq="M")
    if kind == "date":
        return pd.date_range(start, periods=first + count, freq="ME")[first:]
    return pd.RangeIndex(start + first, start + first + count)


def ragged(kind: str, seed: int = 0) -> pd.DataFrame:
    """Three series of 30, 24 and 17 values that end at steps 30, 24 and 27."""
    rng = np.random.default_rng(seed)
    parts = {
        name: pd.DataFrame({"y": 50 + rng.normal(size=count).cumsum()}, index=stamps(kind, first, count))
        for name, first, count in [("long", 0, 30), ("old", 0, 24), ("young", 10, 17)]
    }
    return pd.concat(parts, names=["name", "time"])


def two_levels(table: pd.DataFrame) -> pd.DataFrame:
    """The same series under two regions, as a hierarchy."""
    return pd.concat({"east": table, "west": 2 * table}, names=["region"])


OPTIONS = {name: {"period": 4} for name in ("SeasonalNaive", "Naive2", "AutoETS")} | {"ETS": {"form": "AAdN"}}


def make(name: str):
    from finlab.forecast import ets, naive

    return getattr(ets if name in ("AutoETS", "ETS") else naive, name)(**OPTIONS.get(name, {}))


NAMES = ["Naive", "SeasonalNaive", "Drift", "SES", "Naive2"]
SLOW_AND_FAST = [pytest.param("AutoETS", marks=pytest.mark.slow), "ETS"]  # AutoETS costs much compiling
SMOOTHING = [pytest.param("AutoETS", "period", marks=pytest.mark.slow), ("ETS", "period")]


@pytest.mark.parametrize("name, kind", [*((name, kind) for name in NAMES for kind in STARTS), *SMOOTHING])
def test_each_series_of_a_panel_is_forecast_as_if_it_were_alone(name, kind):
    table = ragged(kind)
    fitted = make(name).fit(table)
    answers = {
        "mean": (fitted.predict(fh=[-2, 1, 3]), lambda alone: alone.predict(fh=[-2, 1, 3])),
        "variance": (fitted.predict_var(fh=[1, 3]), lambda alone: alone.predict_var(fh=[1, 3])),
        "interval": (fitted.predict_interval(fh=[1, 3]), lambda alone: alone.predict_interval(fh=[1, 3])),
        "residuals": (fitted.residuals_, lambda alone: alone.residuals_),
    }
    for key in ("long", "old", "young"):
        alone = make(name).fit(table.loc[key])
        for together, ask in answers.values():
            # to 1e-6: the best alpha is looked for on arrays of another length; ETS has more weights to find
            near = {"rtol": 1e-3, "atol": 1e-3} if name in ("AutoETS", "ETS") else {"rtol": 1e-6}
            pd.testing.assert_frame_equal(together.loc[key], ask(alone), **near, check_freq=False, check_names=False)
        assert fitted.cutoffs_[key] == table.loc[key].index[-1]


@pytest.mark.parametrize("kind", STARTS)
def test_a_relative_horizon_counts_from_each_own_end_and_dates_are_the_same_for_all(kind):
    fitted = make("Drift").fit(ragged(kind))
    near = fitted.predict(fh=[1, 2])
    assert near.index.names == ["name", "time"]
    for key, end in [("long", 30), ("old", 24), ("young", 27)]:
        assert list(near.loc[key].index) == list(stamps(kind, end, 2))
    if kind == "number":
        from sktime.forecasting.base import ForecastingHorizon

        fh = ForecastingHorizon(stamps(kind, 26, 6), is_relative=False)
    else:
        fh = stamps(kind, 26, 6)
    for told in (fitted.predict(fh=fh), fitted.predict_quantiles(fh=fh, alpha=[0.1, 0.5]), fitted.predict_var(fh=fh)):
        for key in ("long", "old", "young"):
            assert list(told.loc[key].index) == list(stamps(kind, 26, 6))
        assert np.isfinite(told.to_numpy()).all()
    dated, history = fitted.predict(fh=fh)["y"], ragged(kind)["y"]
    assert dated.loc["old"].iloc[0] == pytest.approx(fitted.predict(fh=[3])["y"].loc["old"].iloc[0])
    assert dated.loc["young"].iloc[0] == pytest.approx(
        history["young"].iloc[-1] - fitted.residuals_["y"]["young"].iloc[-1]
    )


def test_one_call_of_the_kernel_serves_a_hierarchy_with_several_columns(monkeypatch):
    from finlab.forecast.naive import SES

    calls, run = [], SES._run_kernel
    monkeypatch.setattr(SES, "_run_kernel", lambda self, y, horizon: calls.append(y.shape) or run(self, y, horizon))
    table = two_levels(ragged("period")).assign(z=lambda part: -part["y"])
    fitted = SES().fit(table)
    told = fitted.predict(fh=[1, 2, 3])
    fitted.predict_interval(fh=[1, 2, 3]), fitted.predict_var(fh=[5])
    assert calls == [(30, 12)] and not fitted._is_vectorized and not hasattr(fitted, "forecasters_")
    assert told.shape == (18, 2) and told.index.names == ["region", "name", "time"]
    assert list(told.columns) == ["y", "z"] and np.allclose(told["y"], -told["z"])
    np.testing.assert_allclose(told.loc["west"], 2 * told.loc["east"], rtol=1e-6)
    assert fitted.diagnostics_.index.names == ["region", "name", "column"] and len(fitted.alpha_) == 12
    quantiles = fitted.predict_quantiles(fh=[1], alpha=[0.1, 0.9])
    assert list(quantiles.columns) == [("y", 0.1), ("y", 0.9), ("z", 0.1), ("z", 0.9)]


@pytest.mark.parametrize("name", SLOW_AND_FAST)
def test_one_call_of_the_kernel_smooths_a_hierarchy(name, monkeypatch):
    from finlab.forecast import ets

    home, calls = getattr(ets, name), []
    run = home._fit_kernel
    monkeypatch.setattr(home, "_fit_kernel", lambda self, y, *rest: calls.append(y.shape) or run(self, y, *rest))
    fitted = make(name).fit(two_levels(ragged("period")))
    told = fitted.predict(fh=[1, 2, 3])
    fitted.predict_interval(fh=[1, 2, 3]), fitted.predict_var(fh=[5])
    assert calls == [(30, 6)] and told.index.names == ["region", "name", "time"]
    np.testing.assert_allclose(told.loc["west"], 2 * told.loc["east"], rtol=1e-4)
    diagnostics = fitted.diagnostics_
    assert (diagnostics["form"] != "").all() and (diagnostics["reason"] == "").all() and diagnostics["converged"].all()
    assert len(diagnostics) == 6 and np.isfinite(diagnostics[["alpha", "loglik", "aicc"]]).all(axis=None)


def test_smoothing_says_of_each_series_why_it_has_no_form():
    from finlab.forecast.ets import ETS, AutoETS

    table = ragged("period")
    table.loc["old"] *= -1
    told = ETS("MAN").fit(table)
    reasons = told.diagnostics_["reason"]
    assert reasons["long"] == reasons["young"] == "" and "values at or below zero" in reasons["old"]
    ahead = told.predict(fh=[1, 2])
    assert ahead.loc["old"].isna().all(axis=None) and ahead.drop("old").notna().all(axis=None)
    few = pd.concat(
        {"few": table.loc[["long"]].droplevel(0).iloc[:3], "many": table.loc["long"]}, names=["name", "time"]
    )
    short = AutoETS().fit(few)
    assert "fewer than 4 values" in short.diagnostics_["reason"]["few"]
    assert (short.predict(fh=[1, 2]).loc["few", "y"] == few.loc["few", "y"].iloc[-1]).all()


@pytest.mark.parametrize("name", SLOW_AND_FAST)
def test_an_update_of_smoothing_without_parameters_filters_the_longer_series(name):
    from finlab.forecast.kernels.ets import filter_ets, forecast_ets

    table = ragged("period")
    early = table[table.index.get_level_values("time") < pd.Period("2022-01", "M")]
    kept = make(name).fit(early)
    model, before = kept._model, kept.diagnostics_.copy()
    kept.update(table.drop(early.index), update_params=False)
    pd.testing.assert_frame_equal(kept.diagnostics_, before)
    for lane, key in enumerate(["long", "old", "young"]):
        values = table.loc[key]["y"].to_numpy()
        run = filter_ets(type(model)(*(part[..., [lane]] for part in model)), values[:, None])
        np.testing.assert_allclose(kept.predict(fh=[1, 2]).loc[key, "y"], forecast_ets(run, 2).mean[:, 0], rtol=1e-9)
        np.testing.assert_allclose(kept.residuals_.loc[key, "y"], run.residuals[:, 0], atol=1e-9)


def test_smoothing_skips_the_holes_of_a_panel():
    table = ragged("period")
    holed = table.drop(("young", stamps("period", 15, 1)[0]))
    fitted = make("ETS").fit(holed)
    assert list(fitted.predict(fh=[1]).index) == list(make("ETS").fit(table).predict(fh=[1]).index)
    assert np.isfinite(fitted.predict(fh=[1, 2])).all(axis=None)


@pytest.mark.parametrize("name", ["AutoETS", "ETS"])
@pytest.mark.parametrize("given", [{"period": 0}, {"bounds": "wide"}])
def test_smoothing_refuses_options_that_are_none(name, given):
    from finlab.core.errors import InputError
    from finlab.forecast import ets

    (argument, value), *_ = given.items()
    with pytest.raises(InputError, match=f"{argument}.*{value}"):
        getattr(ets, name)(**given).fit(ragged("period"))


def test_a_longer_horizon_forecasts_again_but_does_not_fit_again(monkeypatch):
    from regressing import Regressing

    calls = []
    for part in ("_fit_kernel", "_forecast_kernel"):
        run = getattr(Regressing, part)
        monkeypatch.setattr(Regressing, part, lambda *a, run=run, part=part, **k: calls.append(part) or run(*a, **k))
    fitted = Regressing().fit(ragged("period"))
    for fh in ([1, 2], [7], [8], [1, 40], [64]):
        fitted.predict(fh=fh)
    assert calls == ["_fit_kernel", *["_forecast_kernel"] * 3]  # 2, 8 and 64 steps


@pytest.mark.parametrize("kind", STARTS)
def test_an_update_gives_new_values_to_some_series_and_leaves_the_others(kind):
    table = ragged(kind)
    early = pd.concat([table.loc[["long"]].iloc[:25], table.loc[["old"]], table.loc[["young"]].iloc[:12]])
    news = table.drop(early.index)
    updated = make("SES").fit(early).update(news)
    whole = make("SES").fit(table)
    pd.testing.assert_frame_equal(updated.predict(fh=[1, 2]), whole.predict(fh=[1, 2]), rtol=1e-6)
    assert updated.cutoffs_.tolist() == whole.cutoffs_.tolist()
    row = make("SES").fit(early)
    for place in range(len(news)):  # one row at a time, as news come in
        row.update(news.iloc[[place]])
    assert row.predict(fh=[1]).index.equals(whole.predict(fh=[1]).index)


def test_an_update_without_parameters_keeps_them_and_runs_the_new_values_through():
    from regressing import Regressing

    from finlab.core.errors import InputError

    table = ragged("period")
    early = table[table.index.get_level_values("time") < pd.Period("2022-01", "M")]
    kept = Regressing().fit(early)
    before = kept.diagnostics_["constant"].copy()
    kept.update(table.drop(early.index), update_params=False)
    assert kept.diagnostics_["constant"].equals(before) and len(kept.residuals_) == len(table)
    assert str(kept.cutoffs_["young"]) == "2022-03"
    fresh = Regressing().fit(early).update(table.drop(early.index))
    assert not np.allclose(fresh.diagnostics_["constant"], before)
    newcomer = table.loc[["old"]].rename(index={"old": "new"}, level=0)
    with pytest.raises(InputError, match="new series 'new'"):
        kept.update(newcomer, update_params=False)
    assert list(fresh.update(newcomer).cutoffs_.index) == ["long", "old", "young", "new"]


def test_a_refused_update_leaves_the_forecaster_as_it_was():
    from regressing import Regressing

    from finlab.core.errors import InputError

    table = ragged("period")
    fitted = Regressing().fit(table)
    before = fitted.predict(fh=[1, 2])
    with pytest.raises(InputError):
        fitted.update(table.loc[["old"]].rename(index={"old": "new"}, level=0), update_params=False)
    pd.testing.assert_frame_equal(fitted.predict(fh=[1, 2]), before)


def test_holes_reach_only_the_classes_that_can_skip_them():
    from regressing import Regressing

    from finlab.core.errors import InputError

    for kind, stamp in [("period", "2020-12"), ("date", "2020-12-31"), ("number", "111")]:
        table = ragged(kind)
        holed = table.drop(("young", stamps(kind, 11, 1)[0]))
        with pytest.raises(InputError, match=f"'young' at {stamp}.*Naive expects"):
            make("Naive").fit(holed)
        fitted = Regressing().fit(holed)
        assert fitted.diagnostics_["constant"]["young"] == pytest.approx(holed.loc["young"]["y"].mean())
        assert list(fitted.predict(fh=[1]).index) == list(Regressing().fit(table).predict(fh=[1]).index)
        missing = table.copy()
        missing.iloc[-1] = np.nan  # a value that is missing in the last row: the series still ends there
        assert Regressing().fit(missing).cutoffs_["young"] == table.loc["young"].index[-1]


def regressors(table: pd.DataFrame, further: int) -> pd.DataFrame:
    """A regressor for every series of a panel of months, for some steps more than y has; y is 3 times it, plus 5."""
    parts = {}
    for key in table.index.unique("name"):
        index = table.loc[key].index
        index = index.append(pd.period_range(index[-1] + 1, periods=further, freq="M"))
        parts[key] = pd.DataFrame({"x": np.sin(np.arange(len(index)))}, index=index)
    return pd.concat(parts, names=["name", "time"])


def test_regressors_are_lined_up_with_each_series_end():
    from regressing import Regressing

    from finlab.core.errors import InputError

    table = ragged("period")
    X = regressors(table, further=4)
    table["y"] = 3 * X["x"] + 5
    fitted = Regressing().fit(table, X=X.loc[table.index])
    far = fitted.predict(fh=[2, 4], X=X)
    np.testing.assert_allclose(far["y"], 3 * X.loc[far.index, "x"] + 5, atol=1e-9)
    only = fitted.predict(fh=[3], X=X.groupby("name").nth(-2))  # the first two steps are not known, and not needed
    np.testing.assert_allclose(only["y"], 3 * X.loc[only.index, "x"] + 5, atol=1e-9)
    with pytest.raises(InputError, match="X has no value for 'long' at 2022-11"):
        fitted.predict(fh=[5], X=X)
    with pytest.raises(InputError, match="X has no value for 'long' at 2022-07"):
        fitted.predict(fh=[1])
    with pytest.raises(InputError, match="X has no value for 'young' at 2020-11"):
        Regressing().fit(table, X=X.drop(("young", pd.Period("2020-11", "M"))))
    assert np.isfinite(fitted.predict(fh=[0, -1])["y"]).all()


def test_dates_without_freq_and_with_holes_find_their_rule():
    from regressing import Regressing

    from finlab.core.errors import InputError

    days = pd.bdate_range("2024-12-02", periods=30)
    holidays = pd.to_datetime(["2024-12-25", "2025-01-01"])
    table = pd.DataFrame({"y": np.arange(30.0)}, index=days).drop(holidays)
    panel = pd.concat({"a": table, "b": table.iloc[:20]}, names=["share", "day"])
    ahead = Regressing().fit(panel).predict(fh=[1, 2])
    assert [str(day.date()) for day in ahead.loc["a"].index] == ["2025-01-13", "2025-01-14"]
    assert Regressing().fit(table).predict(fh=[1]).index[0] == pd.Timestamp("2025-01-13")
    moments = pd.to_datetime(["2024-01-03 09:30", "2024-01-04 11:17", "2024-02-20 08:00", "2024-02-21 13:00"])
    free = Regressing().fit(pd.concat({"a": pd.DataFrame({"y": 1.0}, index=moments)}))
    assert len(free.residuals_) == 4
    with pytest.raises(InputError, match="follow no rule"):
        free.predict(fh=[1])
    with pytest.raises(InputError, match="on the grid of the data"):
        Regressing().fit(panel).predict(fh=pd.DatetimeIndex(["2025-01-18"]))


def test_one_value_and_few_values_are_enough_where_the_method_allows_it():
    one = pd.concat({"a": pd.DataFrame({"y": [1.0]}, index=pd.period_range("2024-01", periods=1, freq="M"))})
    told = make("Naive").fit(one).predict(fh=[1, 2])
    assert told["y"].tolist() == [1.0, 1.0] and str(told.index[1][-1]) == "2024-03"


def test_pipelines_around_a_panel_give_what_the_parts_give():
    from sktime.forecasting.compose import TransformedTargetForecaster
    from sktime.transformations.series.boxcox import LogTransformer
    from sktime.transformations.series.detrend import Detrender

    table = ragged("period")
    growth = TransformedTargetForecaster([LogTransformer(), make("Drift")]).fit(table)
    by_hand = np.exp(make("Drift").fit(np.log(table)).predict(fh=[1, 6]))
    pd.testing.assert_frame_equal(growth.predict(fh=[1, 6]), by_hand)
    detrended = TransformedTargetForecaster([Detrender(make("SES")), make("SES")]).fit(equal_lengths())
    told = detrended.predict(fh=[1, 2])
    assert np.isfinite(told["y"]).all() and len(told) == 12


def test_a_pipeline_with_regressors_takes_a_panel():
    from regressing import Regressing
    from sktime.forecasting.compose import ForecastingPipeline
    from sktime.transformations.series.exponent import ExponentTransformer

    table = ragged("period")
    X = regressors(table, further=4)
    table["y"] = 3 * X["x"] ** 2 + 5
    pipe = ForecastingPipeline([ExponentTransformer(2, offset=0), Regressing()]).fit(table, X=X.loc[table.index])
    ahead = pipe.predict(fh=[1, 2, 3, 4], X=X.drop(table.index))
    np.testing.assert_allclose(ahead["y"], 3 * X.loc[ahead.index, "x"] ** 2 + 5, atol=1e-9)


def equal_lengths() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    index = pd.period_range("2018-01", periods=48, freq="M")
    keys = [(region, shop) for region in ("east", "west") for shop in ("a", "b", "c")]
    parts = {
        key: pd.DataFrame(
            {"y": 30 + rng.normal(size=48).cumsum() * rng.uniform(0, 1) + rng.normal(size=48)}, index=index
        )
        for key in keys
    }
    return pd.concat(parts, names=["region", "shop", "time"])


@pytest.mark.slow
def test_grid_search_and_evaluate_take_a_panel():
    from sktime.forecasting.model_evaluation import evaluate
    from sktime.forecasting.model_selection import ForecastingGridSearchCV
    from sktime.performance_metrics.forecasting import MeanAbsoluteError
    from sktime.split import ExpandingWindowSplitter

    table = equal_lengths().loc["east"]
    table["y"] += 9 * np.tile(np.arange(12) % 4, 12)
    folds = ExpandingWindowSplitter(initial_window=36, step_length=4, fh=[1, 2, 3, 4])
    search = ForecastingGridSearchCV(make("SeasonalNaive"), folds, {"period": [1, 4]}, error_score="raise").fit(table)
    assert search.best_params_ == {"period": 4}
    for strategy in ("refit", "update", "no-update_params"):
        found = evaluate(
            make("SeasonalNaive"), folds, table, strategy=strategy, scoring=MeanAbsoluteError(), error_score="raise"
        )
        assert len(found) == 3 and np.isfinite(found["test_MeanAbsoluteError"]).all()


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize("method", ["bu", "td_fcst", "ols", "wls_str", "wls_var", "mint_cov", "mint_shrink"])
def test_reconciled_forecasts_add_up(method, dated):
    from sktime.forecasting.reconcile import ReconcilerForecaster
    from sktime.transformations.hierarchical.aggregate import Aggregator

    table = equal_lengths()
    if dated:
        table.index = table.index.set_levels(table.index.levels[-1].to_timestamp(how="start"), level=-1)
    table = Aggregator().fit_transform(table)
    told = ReconcilerForecaster(make("SES"), method=method).fit(table).predict(fh=[1, 2, 3])
    total = told.loc[("__total", "__total"), "y"]
    shops = told[told.index.get_level_values("shop") != "__total"]
    np.testing.assert_allclose(shops["y"].groupby(level="time").sum(), total, rtol=1e-9)
    assert np.isfinite(told["y"]).all() and len(total) == 3


def test_mint_shrinks_where_every_past_step_was_forecast():
    """sktime's mint_shrink gives up shrinking, without a word, if a residual is missing; SES misses none."""
    from sktime.forecasting.reconcile import ReconcilerForecaster
    from sktime.transformations.hierarchical.aggregate import Aggregator

    table = Aggregator().fit_transform(equal_lengths())
    for name, shrinks in [("SES", True), ("Naive", False)]:
        found = [ReconcilerForecaster(make(name), method=how).fit(table) for how in ("mint_cov", "mint_shrink")]
        sample, shrunk = (one.error_cov_matrix_.to_numpy() for one in found)
        np.testing.assert_allclose(np.diag(sample), np.diag(shrunk))
        apart = ~np.eye(len(sample), dtype=bool)
        assert (np.abs(shrunk[apart]).sum() < 0.99 * np.abs(sample[apart]).sum()) == shrinks


def test_a_forecaster_of_a_panel_survives_a_copy_and_a_file(tmp_path):
    import pickle

    fitted = make("SES").fit(ragged("date"))
    again = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_frame_equal(fitted.predict(fh=[1, 9]), again.predict(fh=[1, 9]))


def test_arrays_and_unsorted_names_keep_their_order():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = make("Naive").fit(np.arange(24.0).reshape(3, 1, 8)).predict(fh=[1, 2])
    assert np.asarray(told).ravel().tolist() == [7.0, 7.0, 15.0, 15.0, 23.0, 23.0]
    table = ragged("period").loc[["young", "long"]]
    assert list(make("Naive").fit(table).predict(fh=[1]).index.get_level_values(0)) == ["young", "long"]
