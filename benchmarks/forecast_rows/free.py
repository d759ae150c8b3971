"""Free methods in batches against loops over sktime and statsmodels, and the study of one series."""

import contextlib
import io
import warnings
from functools import partial

import numpy as np
import pandas as pd
from harness import Row, alternate, row, subset

from .data import floats, load

PERIOD, HORIZON, CUTOFFS = 12, 18, 5


def our_smoothing(series: list[np.ndarray]) -> np.ndarray:
    from finlab.forecast.kernels.naive import ses
    from finlab.forecast.methods import stack_lanes

    return np.nansum(ses(stack_lanes(series), HORIZON).residuals[:, : len(series)] ** 2, axis=0)


def their_smoothing(series: list[np.ndarray]) -> np.ndarray:
    from statsmodels.tsa.holtwinters import SimpleExpSmoothing

    return np.array([SimpleExpSmoothing(y, initialization_method="estimated").fit().sse for y in series])


def histories(series: list[np.ndarray]) -> list[np.ndarray]:
    """What is known at each of the last cut-offs of every series."""
    return [y[: len(y) - HORIZON - back] for y in series for back in range(CUTOFFS)]


def our_replay(series: list[np.ndarray]) -> np.ndarray:
    from finlab.forecast.methods import run_named

    return run_named("seasonal_naive", histories(series), HORIZON, PERIOD).mean.T


def their_replay(series: list[np.ndarray]) -> np.ndarray:
    from sktime.forecasting.model_evaluation import evaluate
    from sktime.forecasting.naive import NaiveForecaster
    from sktime.split import ExpandingWindowSplitter

    means = []
    for y in series:
        first = len(y) - HORIZON - CUTOFFS + 1
        folds = ExpandingWindowSplitter(initial_window=first, step_length=1, fh=range(1, HORIZON + 1))
        with contextlib.redirect_stderr(io.StringIO()):  # it sets its own filters and announces a default at each fit
            table = evaluate(NaiveForecaster(sp=PERIOD), folds, pd.Series(y), return_data=True)
        means += [np.asarray(part).ravel() for part in table["y_pred"][::-1]]
    return np.array(means)


def smoothing_rows(quick: bool) -> list[Row]:
    everything = floats(load("M3", "Monthly"))[: 100 if quick else None]
    few = subset(everything, 20 if quick else 150)
    rounds = 1 if quick else 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timing = alternate(
            {"ours": partial(our_smoothing, everything), "theirs": partial(their_smoothing, few)}, rounds
        )
    ratio = (timing["theirs"].wall / len(few)) / (timing["ours"].wall / len(everything))
    squares = our_smoothing(few) / timing["theirs"].result
    note = f"{1e6 * timing['ours'].wall / len(everything):.0f} us a series, warm; peer on {len(few)} series"
    peer = "statsmodels SimpleExpSmoothing"
    return [
        row("ses: M3 Monthly, wall per series", ratio, peer=peer, n=len(everything), rounds=rounds, note=note),
        row("ses: largest ratio of squared errors", squares.max(), "x", "<= 1.000001", peer=peer, n=len(few)),
    ]


def replay_rows(quick: bool) -> list[Row]:
    everything = [y for y in floats(load("M3", "Monthly")) if len(y) >= 60][: 50 if quick else 1000]
    few = subset(everything, 5 if quick else 50)
    rounds = 1 if quick else 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timing = alternate({"ours": partial(our_replay, everything), "theirs": partial(their_replay, few)}, rounds)
    ratio = (timing["theirs"].wall / len(few)) / (timing["ours"].wall / len(everything))
    difference = np.abs(our_replay(few) - timing["theirs"].result).max()
    peer = "sktime evaluate"
    note = f"{CUTOFFS} cut-offs a series, one batched call; peer on {len(few)} series"
    return [
        row("backtest, seasonal naive: wall per fit", ratio, "x", ">= 20", peer=peer, n=len(everything), rounds=rounds,
            note=note),
        row("backtest: largest difference of forecasts", difference, "units", "<= 0.000001", peer=peer, n=len(few)),
    ]  # fmt: skip


def naive2_rows() -> list[Row]:
    from finlab.forecast.kernels.naive import naive2
    from finlab.forecast.methods import stack_lanes
    from finlab.forecast.scores import mase, smape

    hourly = load("M4", "Hourly")
    history = stack_lanes(floats(hourly))
    actual = np.stack([np.asarray(part, dtype=float) for part in hourly["test"]], axis=1)
    n, steps = len(hourly), len(actual)
    mean = naive2(history, steps, 24).mean[:, :n]
    published = "published scores of the M4 competition"
    found = {
        "sMAPE": (float(np.mean(smape(actual, mean))), 18.383),
        "MASE": (float(np.mean(mase(actual, mean, history[:, :n], 24))), 2.395),
    }
    return [
        row(f"Naive2, M4 Hourly: {name} off by", abs(ours - theirs), "points", "<= 0.0005", peer=published, n=n,
            note=f"{ours:.4f} against {theirs}")
        for name, (ours, theirs) in found.items()
    ]  # fmt: skip


def study_rows(quick: bool) -> list[Row]:
    from finlab.forecast import read_series, study_series

    series = read_series("sample:airline")[0]
    timing = alternate({"study": lambda: study_series(series).summary()}, 1 if quick else 3)["study"]
    note = "airline: both backtests (ARIMA at 14 origins), forecast, checks; warm"
    return [row("study of one series, CPU seconds", timing.cpu, "s", "<= 2", rounds=timing.rounds, note=note)]
