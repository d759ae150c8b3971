"""Kernels, scores and tests again, the slow and obvious way: plain loops, or a library that does the same."""

import numpy as np
import pandas as pd
import pytest
from competition import group
from scipy import stats

from finlab.forecast import backtest, comparison, forecast, read_series, scores
from finlab.forecast.arima import arima
from finlab.forecast.kernels import naive as kernels
from finlab.forecast.methods import stack_lanes

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")

EXACT = 1e-9
STOPS = 1e-6  # an optimiser may stop a step sooner or later when sums are rounded in another order
SAMPLES = {"airline": "airline", "macroeconomic": "unemp", "nile": "nile"}  # monthly, quarterly, yearly


def real(sample: str):
    return next(found for found in read_series(f"sample:{sample}") if found.name == SAMPLES[sample])


M3 = {"Monthly": (12, 48), "Quarterly": (4, 24), "Yearly": (1, 24)}  # the steps in a season, and which are taken


@pytest.fixture(scope="module", params=[*SAMPLES, *M3])
def panel(request) -> tuple[list[np.ndarray], int]:
    """Many real series of one period: the columns of a sample, or one in so many of the M3 competition."""
    if request.param in SAMPLES:
        found = read_series(f"sample:{request.param}")
        return [one.values.to_numpy() for one in found], found[0].period
    period, every = M3[request.param]
    chosen = group(request.getfixturevalue("testdata"), "M3", request.param)["train"].iloc[::every]
    return [np.asarray(values, dtype=float) for values in chosen], period


def spread(errors: list[float], parameters: int) -> float:
    return float(np.sqrt(sum(error**2 for error in errors) / (len(errors) - parameters)))


def slow_seasonal_naive(y: np.ndarray, horizon: int, period: int) -> tuple[np.ndarray, np.ndarray]:
    one_step = spread([y[t] - y[t - period] for t in range(period, len(y))], 0)
    mean = [y[len(y) - period + step % period] for step in range(horizon)]
    return np.array(mean), np.array([one_step * np.sqrt(step // period + 1) for step in range(horizon)])


def slow_drift(y: np.ndarray, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    between = len(y) - 1
    slope = (y[-1] - y[0]) / between
    one_step = spread([y[t] - y[t - 1] - slope for t in range(1, len(y))], 1)
    ahead = range(1, horizon + 1)
    sd = [one_step * np.sqrt(step * (1 + step / between)) for step in ahead]
    return np.array([y[-1] + step * slope for step in ahead]), np.array(sd)


def is_seasonal(y: np.ndarray, period: int) -> bool:
    n, around = len(y), y - y.mean()
    if period == 1 or n < 3 * period:
        return False
    r = [sum(around[t] * around[t - lag] for t in range(lag, n)) / sum(around**2) for lag in range(1, period + 1)]
    return abs(r[-1]) > 1.645 * np.sqrt((1 + 2 * sum(one**2 for one in r[:-1])) / n)


def seasonal_figure(y: np.ndarray, period: int) -> np.ndarray:
    """The seasonal indices, that of the first value first; all ones where there is no season, or no ratio to it."""
    if y.min() <= 0 or not is_seasonal(y, period):
        return np.ones(period)
    half, n = period // 2, len(y)
    weights = [1.0] * period if period % 2 else [0.5, *[1.0] * (period - 1), 0.5]
    ratios: list[list[float]] = [[] for _ in range(period)]
    for t in range(half, n - half):
        trend = sum(weight * y[t - half + k] for k, weight in enumerate(weights)) / period
        ratios[t % period].append(y[t] / trend)
    raw = np.array([np.mean(part) for part in ratios])
    return raw / raw.mean()


def slow_naive2(y: np.ndarray, horizon: int, period: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, figure = len(y), seasonal_figure(y, period)
    index = [figure[t % period] for t in range(n + horizon)]
    flat = [value / index[t] for t, value in enumerate(y)]
    one_step = spread([flat[t] - flat[t - 1] for t in range(1, n)], 0)
    mean = [flat[-1] * index[n + step] for step in range(horizon)]
    sd = [one_step * np.sqrt(step + 1) * index[n + step] for step in range(horizon)]
    residuals = [y[t] - flat[t - 1] * index[t] for t in range(1, n)]
    return np.array(mean), np.array(sd), np.array(residuals)


def test_the_intervals_of_seasonal_naive_widen_by_a_season_at_a_time(panel):
    many, period = panel
    ours = kernels.seasonal_naive(stack_lanes(many, period), 30, period)
    for lane, y in enumerate(many):
        mean, sd = slow_seasonal_naive(y, 30, period)
        np.testing.assert_allclose(ours.mean[:, lane], mean, rtol=0)
        np.testing.assert_allclose(ours.sd[:, lane], sd, rtol=EXACT)


def test_the_intervals_of_drift_count_the_slope_as_estimated(panel):
    ours = kernels.drift(stack_lanes(panel[0]), 30)
    for lane, y in enumerate(panel[0]):
        mean, sd = slow_drift(y, 30)
        np.testing.assert_allclose(ours.mean[:, lane], mean, rtol=EXACT)
        np.testing.assert_allclose(ours.sd[:, lane], sd, rtol=EXACT)


def test_smoothing_widens_with_the_square_of_alpha_and_counts_two_parameters(panel):
    ours = kernels.ses(stack_lanes(panel[0]), 30)
    for lane, y in enumerate(panel[0]):
        alpha, level, errors = float(ours.alpha[lane]), float(ours.first_level[lane]), []
        for value in y:
            errors.append(value - level)
            level += alpha * errors[-1]
        sd = [spread(errors, 2) * np.sqrt(1 + alpha**2 * (step - 1)) for step in range(1, 31)]
        np.testing.assert_allclose(ours.mean[:, lane], level, rtol=EXACT)
        np.testing.assert_allclose(ours.sd[:, lane], sd, rtol=EXACT)


def test_smoothing_has_the_intervals_of_statsmodels():
    from statsmodels.tsa.statespace.exponential_smoothing import ExponentialSmoothing

    y = real("nile").values.to_numpy()
    ours = kernels.ses(y[:, None], 20)
    level = float(ours.first_level[0])
    model = ExponentialSmoothing(y, initialization_method="known", initial_level=level, concentrate_scale=False)
    theirs = model.smooth([float(ours.alpha[0]), float(ours.sd[0, 0]) ** 2]).get_forecast(20)
    np.testing.assert_allclose(ours.mean[:, 0], theirs.predicted_mean, rtol=EXACT)
    np.testing.assert_allclose(ours.sd[:, 0], theirs.se_mean, rtol=EXACT)


def test_naive2_puts_the_season_back_into_its_intervals_and_residuals(panel):
    many, period = panel
    ours = kernels.naive2(stack_lanes(many, period), 30, period)
    for lane, y in enumerate(many):
        mean, sd, residuals = slow_naive2(y, 30, period)
        np.testing.assert_allclose(ours.mean[:, lane], mean, rtol=EXACT)
        np.testing.assert_allclose(ours.sd[:, lane], sd, rtol=EXACT)
        mine = ours.residuals[-len(residuals) :, lane]
        np.testing.assert_allclose(mine, residuals, rtol=EXACT, atol=1e-12 * np.abs(y).max())
    assert period == 1 or any(is_seasonal(y, period) for y in many)


def slow_pinball(actual, quantile, share: float) -> float:
    losses = [share * (y - q) if y > q else (1 - share) * (q - y) for y, q in zip(actual, quantile, strict=True)]
    return sum(losses) / len(losses)


def slow_winkler(actual, low, high, level: int) -> float:
    charges = []
    for y, a, b in zip(actual, low, high, strict=True):
        outside = a - y if y < a else y - b if y > b else 0.0
        charges.append(b - a + 2 / (1 - level / 100) * outside)
    return sum(charges) / len(charges)


def slow_coverage(actual, low, high) -> float:
    return sum(a <= y <= b for y, a, b in zip(actual, low, high, strict=True)) / len(actual)


def slow_scores(actual, mean, sd, history, period: int, level: tuple[int, ...]) -> dict[str, float]:
    errors = [abs(y - f) for y, f in zip(actual, mean, strict=True)]
    gaps = [abs(history[t] - history[t - period]) for t in range(period, len(history))]
    squared = [np.mean([part**2 for part in parts]) for parts in (errors, gaps)]
    found = {
        "MAE": np.mean(errors),
        "MASE": np.mean(errors) / np.mean(gaps),
        "RMSSE": np.sqrt(squared[0] / squared[1]),
        "sMAPE": np.mean([200 * e / (abs(y) + abs(f)) for e, y, f in zip(errors, actual, mean, strict=True)]),
    }
    losses = [slow_pinball(actual, mean, 0.5)]
    for part in level:
        tail = (1 - part / 100) / 2
        low, high = mean + stats.norm.ppf(tail) * sd, mean + stats.norm.ppf(1 - tail) * sd
        losses += [slow_pinball(actual, low, tail), slow_pinball(actual, high, 1 - tail)]
        found[f"coverage-{part}"] = slow_coverage(actual, low, high)
        found[f"winkler-{part}"] = slow_winkler(actual, low, high, part)
    return {**found, "pinball": np.mean(losses)}


def slow_table(y: np.ndarray, origins: tuple[int, ...], horizon: int, period: int, level) -> pd.DataFrame:
    twins = {
        "naive": lambda past: slow_seasonal_naive(past, horizon, 1),
        "seasonal_naive": lambda past: slow_seasonal_naive(past, horizon, period),
        "drift": lambda past: slow_drift(past, horizon),
        "naive2": lambda past: slow_naive2(past, horizon, period)[:2],
    }
    rows = {}
    for name, twin in twins.items():
        each = [slow_scores(y[cut : cut + horizon], *twin(y[:cut]), y[:cut], period, level) for cut in origins]
        rows[name] = pd.DataFrame(each).mean()
    table = pd.DataFrame(rows).T
    ratios = table[["sMAPE", "MASE"]] / table.loc["naive2", ["sMAPE", "MASE"]]
    return table.assign(OWA=ratios.mean(axis=1), n=len(origins))


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_backtest_reports_the_scores_that_a_slow_replay_finds(sample):
    series, level = real(sample), (50, 80, 95)
    names = ["naive", "seasonal_naive", "drift", "naive2"]
    result = backtest(series.with_periods(), names, horizon=6, period=series.period, level=level)
    origins = result.replay.origins
    expected = slow_table(series.values.to_numpy(), origins, 6, series.period, level)
    assert len(origins) > 10 and set(result.scores.columns) == set(expected.columns)
    for name in names:
        ours = result.scores.loc[name, expected.columns]
        np.testing.assert_allclose(ours, expected.loc[name], rtol=EXACT, err_msg=name)


def test_values_at_the_very_ends_of_an_interval_are_covered_and_cost_nothing_more():
    y, low, high = np.array([0.0, 1, 2, 2.5, -0.5]), np.zeros(5), np.full(5, 2.0)
    assert scores.coverage(y, low, high) == slow_coverage(y, low, high) == 0.6
    assert scores.winkler(y, low, high, 80) == pytest.approx(2 + (0.5 + 0.5) / 5 * 10, rel=1e-12)
    assert backtest(np.full(60, 5.0), ["naive"], horizon=2).scores.loc["naive", "coverage-95"] == 1


@pytest.mark.parametrize("level", [50, 80, 95])
def test_winkler_is_the_pinball_loss_of_both_ends(level):
    series = real("airline").values.to_numpy()
    mean, sd = slow_drift(series[:100], 44)
    tail = (1 - level / 100) / 2
    low, high = mean + stats.norm.ppf(tail) * sd, mean + stats.norm.ppf(1 - tail) * sd
    both = slow_pinball(series[100:], low, tail) + slow_pinball(series[100:], high, 1 - tail)
    assert scores.winkler(series[100:], low, high, level) == pytest.approx(both / tail, rel=EXACT)


def slow_diebold_mariano(d: np.ndarray, horizon: int) -> tuple[float, float]:
    n, around = len(d), d - d.mean()
    covariance = [sum(around[t] * around[t - lag] for t in range(lag, n)) / n for lag in range(horizon)]
    variance = (covariance[0] + 2 * sum(covariance[1:])) / n
    correction = np.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    statistic = correction * d.mean() / np.sqrt(variance)
    return statistic, 2 * stats.t.sf(abs(statistic), n - 1)


@pytest.mark.parametrize("horizon", [1, 2, 3, 6])
def test_two_methods_on_a_real_series_are_compared_as_harvey_leybourne_and_newbold_say(horizon):
    y = real("airline").values.to_numpy()
    cuts = range(36, len(y) - horizon + 1)
    losses = [
        np.array([np.abs(y[cut : cut + horizon] - twin(y[:cut])[0]).mean() for cut in cuts])
        for twin in (lambda past: slow_drift(past, horizon), lambda past: slow_seasonal_naive(past, horizon, 12))
    ]
    ours = comparison.compare_losses(*losses, horizon)
    statistic, p = slow_diebold_mariano(losses[0] - losses[1], horizon)
    assert ours.statistic == pytest.approx(statistic, rel=EXACT) and ours.note == ""
    assert ours.p_value == pytest.approx(p, rel=EXACT, abs=1e-14)  # 1 - cdf rounds where the tail is thin


@pytest.mark.parametrize("seed", range(20))
def test_holm_adjusts_as_statsmodels_does(seed):
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(seed)
    plain = np.round(rng.beta(0.4, 2, rng.integers(1, 9)), 2 + seed % 3)  # rounded, so that some are equal
    ours = comparison.holm({str(place): p for place, p in enumerate(plain)} | {"untested": np.nan})
    assert np.isnan(ours.pop("untested"))
    np.testing.assert_allclose(list(ours.values()), multipletests(plain, method="holm")[1], rtol=1e-12)


@pytest.mark.parametrize("sample", ["airline", "nile"])
def test_the_classic_arima_is_as_likely_as_that_of_statsmodels(sample):
    from statsmodels.tsa.arima.model import ARIMA

    series = real(sample)
    ours = forecast(series, 6, models="arima")
    fitted = ARIMA(series.values.to_numpy(), order=(1, 1, 2)).fit(method_kwargs={"maxiter": 500})
    # Within 0.01 on 94% of series (see the benchmark); the Nile is one of the others, by 0.019: two maxima close by.
    assert ours.attrs["diagnostics"][0]["loglik"] == pytest.approx(fitted.llf, abs=0.03)
    theirs = fitted.get_forecast(6)
    assert (np.abs(ours["mean"].to_numpy() - theirs.predicted_mean) < 0.02 * theirs.se_mean).all()
    for level in (80, 95):
        ends = theirs.conf_int(alpha=1 - level / 100)
        away = np.abs(ours[[f"lo-{level}", f"hi-{level}"]].to_numpy() - ends)
        assert (away < 0.04 * theirs.se_mean[:, None]).all()


@pytest.mark.parametrize("sample", ["airline", "nile"])
def test_the_intervals_of_the_adapter_are_those_of_statsmodels(sample):
    from statsmodels.tsa.arima.model import ARIMA

    series = real(sample)
    ours = forecast(series, 6, models={"arima": arima()})
    theirs = ARIMA(series.values.to_numpy(), order=(1, 1, 2)).fit().get_forecast(6)
    np.testing.assert_allclose(ours["mean"], theirs.predicted_mean, rtol=STOPS)
    for level in (80, 95):
        ends = theirs.conf_int(alpha=1 - level / 100)
        np.testing.assert_allclose(ours[[f"lo-{level}", f"hi-{level}"]], ends, rtol=STOPS)
