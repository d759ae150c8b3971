"""The backtest of a panel: the figures of one series and of sktime, honest verdicts, failures and short series told."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from competition import group
from scipy.stats import norm
from sktime.forecasting.exp_smoothing import ExponentialSmoothing
from sktime.forecasting.naive import NaiveForecaster

from finlab.core.errors import InputError
from finlab.forecast import backtest, backtest_panel
from finlab.forecast.methods import FREE_METHODS
from finlab.forecast.panel_scores import comparable
from finlab.forecast.series import read_series

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")

CODES = {"Monthly": "MS", "Quarterly": "QS", "Yearly": "YS"}


def made(n_series: int = 30, n: int = 60, seed: int = 0, code: str = "MS") -> pd.DataFrame:
    """Series with a trend, a season in every second one, and noise; wide."""
    rng = np.random.default_rng(seed)
    steps = np.arange(n)[:, None]
    season = 12 * np.sin(2 * np.pi * steps / 12) * (np.arange(n_series) % 2)
    values = 100 + rng.normal(0, 0.3, n_series) * steps + season + rng.normal(0, 3, (n, n_series))
    names = [f"s{place:04d}" for place in range(n_series)]
    return pd.DataFrame(values, index=pd.date_range("2015-01-01", periods=n, freq=code), columns=names)


@pytest.fixture(scope="module")
def m3(testdata):
    """A function that gives the first M3 series of a frequency as a long table; their dates are made up."""

    def table(freq: str, n: int) -> pd.DataFrame:
        rows = group(testdata, "M3", freq).head(n)
        parts = [(row.uid, np.r_[row.train, row.test]) for row in rows.itertuples()]
        frames = [
            pd.DataFrame(
                {"unique_id": name, "ds": pd.date_range("1950-01-01", periods=len(y), freq=CODES[freq]), "y": y}
            )
            for name, y in parts
        ]
        return pd.concat(frames, ignore_index=True)

    return table


@pytest.fixture(scope="module")
def small():
    return backtest_panel(made(), horizon=6, cutoffs=3, step=6)


@pytest.mark.parametrize("freq, horizon, period", [("Monthly", 18, 12), ("Quarterly", 8, 4), ("Yearly", 6, 1)])
def test_a_panel_of_m3_says_of_each_series_what_the_backtest_of_one_says(m3, freq, horizon, period):
    table = m3(freq, 12)
    names = [*FREE_METHODS] if period > 1 else ["naive", "drift", "ses", "naive2"]
    # as many cut-offs as the evaluation of one series would itself choose with this step
    result = backtest_panel(table, names, horizon=horizon, cutoffs=3, step=1)
    for one in result.replay.folds.series:
        alone = backtest(one.with_periods(), names, horizon, period, origins=3, step=1)
        ours = result.scores.xs(one.name, level="series")
        assert (ours["n"] == len(alone.replay.origins)).all()
        for kind in ("MASE", "RMSSE", "sMAPE", "OWA", "pinball", "coverage-80", "coverage-95"):
            np.testing.assert_allclose(ours.loc[names, kind], alone.scores.loc[names, kind], rtol=1e-11, err_msg=kind)


@pytest.mark.parametrize("window", ["expanding", 48])
@pytest.mark.parametrize("refit", [True, False])
def test_sktime_evaluate_on_m3_says_the_same(m3, window, refit):
    from sktime.forecasting.model_evaluation import evaluate
    from sktime.performance_metrics.forecasting import MeanAbsoluteScaledError, MeanSquaredScaledError
    from sktime.split import ExpandingWindowSplitter, SlidingWindowSplitter

    models = {"holt": ExponentialSmoothing(trend="add", damped_trend=True), "season": NaiveForecaster(sp=12)}
    table, options = m3("Monthly", 3), {"cutoffs": 3, "step": 4, "window": window, "refit": refit}
    result = backtest_panel(table, {**models, "naive": "naive"}, 6, 12, **options)
    scoring = [MeanAbsoluteScaledError(sp=12), MeanSquaredScaledError(sp=12, square_root=True)]
    for one in result.replay.folds.series:
        first, fh = len(one.values) - 6 - 8, range(1, 7)
        splitter = ExpandingWindowSplitter(fh, initial_window=first, step_length=4)
        y = one.with_periods()
        if window != "expanding":
            splitter, y = SlidingWindowSplitter(fh, window_length=48, step_length=4), y.iloc[first - 48 :]
        for name, model in models.items():
            strategy = "refit" if refit else "no-update_params"
            theirs = evaluate(model, splitter, y, strategy=strategy, scoring=scoring)
            ours = result.scores.loc[(name, one.name)]
            assert len(theirs) == 3
            np.testing.assert_allclose(ours["MASE"], theirs["test_MeanAbsoluteScaledError"].mean(), rtol=1e-9)
            np.testing.assert_allclose(ours["RMSSE"], theirs["test_MeanSquaredScaledError"].mean(), rtol=1e-9)


def test_scores_equal_their_slow_twin(small):
    replay = small.replay
    z80, z95 = norm.ppf(0.9), norm.ppf(0.975)
    for place in (0, 7):
        one = replay.folds.series[place]
        y, n = one.values.to_numpy(), len(one.values)
        found = {kind: [] for kind in ("MASE", "scaled_CRPS", "pinball", "coverage-95")}
        for number, cut in enumerate((n - 18, n - 12, n - 6)):
            lane = replay.folds.first[place] + number
            mean, sd = (part[:, lane] for part in replay.lanes["ses"])
            scale = np.mean([abs(y[t] - y[t - 12]) for t in range(12, cut)])
            errors, areas, losses, inside = [], [], [], []
            for step in range(6):
                actual, z = y[cut + step], (y[cut + step] - mean[step]) / sd[step]
                errors.append(abs(actual - mean[step]) / scale)
                areas.append(sd[step] * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - np.pi**-0.5) / scale)
                for share, at in ((0.5, 0), (0.1, -z80), (0.9, z80), (0.025, -z95), (0.975, z95)):
                    apart = actual - mean[step] - at * sd[step]
                    losses.append(share * apart if apart > 0 else (share - 1) * apart)
                inside.append(abs(z) <= z95)
            for kind, values in zip(found, (errors, areas, losses, inside), strict=True):
                found[kind].append(np.mean(values))
        for kind, values in found.items():
            np.testing.assert_allclose(small.scores.loc[("ses", one.name), kind], np.mean(values), rtol=1e-9)


def test_the_table_is_made_of_means_over_series(small):
    losses, table = small.losses, small.table
    assert losses.shape == (30, 5) and table.index[0] == losses.mean().idxmin() == small.leader
    np.testing.assert_allclose(table["MASE"], losses.mean()[table.index])
    assert (table["MASE_low"] < table["MASE"]).all() and (table["MASE"] < table["MASE_high"]).all()
    assert table.loc["naive2", ["win_rate", "skill", "OWA"]].tolist() == [0.5, 0.0, 1.0]
    means = small.scores.groupby("method")[["MASE", "sMAPE"]].mean()
    owa = (means["MASE"] / means.loc["naive2", "MASE"] + means["sMAPE"] / means.loc["naive2", "sMAPE"]) / 2
    np.testing.assert_allclose(table["OWA"], owa[table.index])
    steps = small.by_step["MASE"].groupby("method").mean()
    np.testing.assert_allclose(steps[table.index], table["MASE"])


def test_forecasts_are_laid_out_by_method_series_cutoff_and_step(small):
    table = small.forecasts
    assert len(table) == 5 * 30 * 3 * 6 and table["actual"].notna().all()
    last = table[(table["method"] == "naive") & (table["series"] == "s0003")].iloc[-1]
    wide = made()
    assert last["ds"] == wide.index[-1] and last["cutoff"] == wide.index[-7] and last["step"] == 6
    assert last["actual"] == wide["s0003"].iloc[-1] and last["mean"] == wide["s0003"].iloc[-7]
    assert last["lo-95"] < last["lo-80"] < last["mean"] < last["hi-80"]


def test_verdicts_and_what_to_use(small):
    assert set(small.tests.index) == set(FREE_METHODS) - {"naive2"}
    assert (small.tests["p_holm"] >= small.tests[["p_mean", "p_ranks"]].max(axis=1) - 1e-15).all()
    words = small.summary()
    assert words.splitlines()[1].startswith("naive2, the benchmark: MASE")
    assert "naive loses to naive2" in words and "In no single series are there cut-offs enough" in words
    assert small.best in ("naive2", "seasonal_naive") and small.confidence_set.loc[small.leader, "inside"]


def test_nothing_beats_naive_on_random_walks():
    rng = np.random.default_rng(3)
    walks = pd.DataFrame(rng.normal(0, 1, (60, 60)).cumsum(axis=0), index=made().index).add_prefix("w")
    result = backtest_panel(walks, ["drift", "ses"], horizon=4, period=1, cutoffs=4, step=4)
    assert result.replay.benchmark == "naive" and result.best == "naive"
    assert "no evidence that" in result.summary() or "loses to naive" in result.summary()


def test_a_better_method_is_found_on_the_panel_and_in_single_series():
    rng, steps = np.random.default_rng(1), np.arange(160)[:, None]
    values = 50 + steps * rng.uniform(1, 2, 12) + rng.normal(0, 1, (160, 12))
    wide = pd.DataFrame(values, index=pd.date_range("2000-01-01", periods=160, freq="MS")).add_prefix("t")
    result = backtest_panel(wide, ["drift"], horizon=4, period=1, cutoffs=14, step=4, benchmark="naive")
    assert result.best == "drift" and result.tests.loc["drift", "series_better"] == 12
    assert result.confidence_set["inside"].to_dict() == {"drift": True, "naive": False}
    assert "drift in single series (Diebold-Mariano, Holm): better in 12, worse in 0 of 12 series" in result.summary()
    alone = backtest(wide["t0"], ["drift"], 4, 1, origins=14, step=4, benchmark="naive")
    single = result.series_tests.set_index("series")
    assert np.isclose(single.loc["t0", "statistic"], alone.tests.loc["drift", "statistic"])


def test_short_constant_and_unreadable_series_are_told_and_do_not_stop_the_rest():
    wide = made(12)
    gone = np.arange(60)
    wide = wide.assign(
        flat=7.0,
        young=wide["s0001"].where(gone >= 40),
        younger=wide["s0001"].where(gone >= 50),
        holed=wide["s0002"].where(gone != 20),
    )
    result = backtest_panel(wide, horizon=6, cutoffs=3, step=6)
    told = result.short.set_index("series")
    assert told["cutoffs"].to_dict() == {"holed": 0, "young": 1, "younger": 0}
    assert "the value is missing" in told.loc["holed", "reason"]
    assert result.look_up("young")["n"].eq(1).all() and "flat" not in result.losses.index
    words = result.summary()
    assert "Left out, too short or not readable: 2 series (holed, younger)" in words
    assert "Fewer cut-offs than asked for: 1 series" in words and "Not compared: 1 series" in words


def test_a_panel_of_constant_series_compares_nothing(recwarn):
    wide = made(5) * 0 + 3
    result = backtest_panel(wide, ["naive", "ses"], horizon=3)
    assert result.best == result.leader == "naive2" and not len(result.losses)
    assert "No series can be compared" in result.summary() and len(result.confidence_set) == 0
    assert result.table["n"].eq(0).all() and result._repr_html_() and result.plot("skill")
    assert not [w for w in recwarn.list if "finlab" in str(w.filename)]
    with pytest.raises(InputError, match="score is 'OWA'"):
        result.rank("OWA")


class Picky(NaiveForecaster):
    """Fails where the history is above a limit."""

    def __init__(self, limit: float = 100.0, strategy: str = "last") -> None:
        self.limit = limit
        super().__init__(strategy=strategy)

    def _fit(self, y, X, fh):
        if y.iloc[-1] > self.limit:
            raise RuntimeError("too high")
        return super()._fit(y, X, fh)


def test_a_method_that_fails_often_is_set_aside_and_one_that_fails_rarely_costs_series():
    wide = made(20, seed=2)
    ends = wide.iloc[[-7, -4]].max().sort_values()
    rare, often = (ends.iloc[place : place + 2].mean() for place in (18, 8))
    methods = {"rare": Picky(float(rare)), "often": Picky(float(often)), "drift": "drift"}
    result = backtest_panel(wide, methods, horizon=3, cutoffs=2, step=3)
    assert len(result.losses) == 19 and list(result.losses.columns) == ["rare", "drift", "naive2"]
    assert result.table.index[-1] == "often" and result.table.loc["often", "n"] < 15
    assert np.isnan(result.table.loc["often", "skill"]) and "often" not in result.tests.index
    assert "Forecast too few series to be compared, and cannot be chosen: often" in result.summary()
    assert set(result.failures["reason"]) == {"RuntimeError: too high"}


def test_a_forecaster_without_intervals_has_no_crps_and_stays_out_of_that_ranking():
    class Silent(NaiveForecaster):
        _tags: ClassVar = {"capability:pred_int": False}

    result = backtest_panel(made(12), {"silent": Silent(), "drift": "drift"}, horizon=3, cutoffs=2)
    assert np.isnan(result.table.loc["silent", "scaled_CRPS"]) and np.isfinite(result.table.loc["silent", "MASE"])
    assert list(result.rank("scaled_CRPS").index) == list(
        comparable(result.scores, "naive2", "scaled_CRPS").mean().sort_values().index
    )
    assert "silent" not in result.rank("scaled_CRPS").index and "silent" in result.rank("OWA").index


def test_months_and_quarters_in_one_panel():
    months, quarters = made(12), made(12, n=40, code="QS").add_prefix("q")
    both = [*read_series(months), *read_series(quarters)]
    result = backtest_panel(both, horizon=4, cutoffs=2)
    apart = [backtest_panel(part, horizon=4, cutoffs=2) for part in (months, quarters)]
    scores = pd.concat([one.scores for one in apart])
    pd.testing.assert_frame_equal(result.scores.sort_index(), scores.sort_index())


def test_the_seed_and_only_the_seed_decides_the_intervals():
    wide = made(12)
    first, again, other = (backtest_panel(wide, horizon=3, seed=seed).table for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not np.array_equal(first["MASE_low"], other["MASE_low"])


def test_charts_and_the_page(small):
    steps, skill = small.plot(), small.plot("skill")
    assert "scaled as MASE" in steps.axes[0].get_title(loc="left") and len(steps.axes[0].get_lines()) == 5
    assert "against naive2 (percent)" in skill.axes[0].get_title(loc="left") and len(skill.axes[0].get_yticks()) == 4
    wide = made(12).rename(columns={"s0000": "<b>"})
    page = backtest_panel(wide.assign(short=wide["<b>"].where(np.arange(60) > 57)), horizon=3)._repr_html_()
    assert "<b>" not in page and "win_rate" in page


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"window": "growing"}, "window is 'growing'; expected \"expanding\""),
        ({"window": 2}, "window is 2"),
        ({"window": True}, "window"),
        ({"window": 56}, "shorter horizon or window"),
        ({"cutoffs": 0}, "cutoffs"),
        ({"step": 0}, "step"),
        ({"horizon": 0}, "horizon"),
        ({"horizon": 60}, "the longest of 3 series has 60 values; expected a series of at least 73"),
        ({"methods": "seasonal_nave"}, "did you mean 'seasonal_naive'"),
        ({"methods": [NaiveForecaster(), NaiveForecaster(sp=2)]}, "more than one NaiveForecaster"),
        ({"benchmark": "nave"}, "benchmark"),
        ({"level": (80, 120)}, "percents between 1 and 99"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        backtest_panel(made(3), **arguments)


def test_bad_data_are_refused(small):
    wide = made(2)
    twice = read_series(wide) + read_series(wide)
    for data, message in (
        (twice, "two series are called 's0000'"),
        (wide.reset_index(drop=True), "date"),
        (7, "data is 'int'"),
        (wide * np.nan, "no values at all"),
    ):
        with pytest.raises(InputError, match=message):
            backtest_panel(data)
    with pytest.raises(InputError, match="did you mean 's0001'"):
        small.look_up("s0001x")
    with pytest.raises(InputError, match="kind"):
        small.plot("bars")
