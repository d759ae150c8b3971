"""The series of the M competitions as tables, and their score, for tests of several kernels."""

import numpy as np
import pandas as pd

from finlab.forecast.kernels.naive import naive2
from finlab.forecast.scores import mase, smape


def panel(series) -> np.ndarray:
    """Series of different lengths as one table, aligned at their ends."""
    rows = max(map(len, series))
    table = np.full((rows, len(series)), np.nan)
    for lane, values in enumerate(series):
        table[rows - len(values) :, lane] = values
    return table


def group(testdata, dataset, freq=None) -> pd.DataFrame:
    """One group of a competition, or all of one, a series a row: `train`, `test`, `m` (the period), `uid`."""
    data = pd.read_parquet(testdata / "forecast" / "series.parquet")
    return data[(data["dataset"] == dataset) & ((data["freq"] == freq) if freq else True)]


def m3(testdata, freq):
    """History, what came after it, and the period, of one group of M3."""
    data = group(testdata, "M3", freq)
    actual = np.stack(data["test"].to_list(), axis=1).astype(float)
    return panel(data["train"].to_list()), actual, int(data["m"].iloc[0])


def owa(mean, actual, history, period) -> float:
    """The overall weighted average of a method: 1 is as good as Naive 2."""
    bench = naive2(history, len(actual), period).mean
    scaled = [np.nanmean(mase(actual, m, history, period)) for m in (mean, bench)]
    symmetric = [np.nanmean(smape(actual, m)) for m in (mean, bench)]
    return float(0.5 * (scaled[0] / scaled[1] + symmetric[0] / symmetric[1]))


def hourly(testdata) -> np.ndarray:
    """The hourly histories of M4."""
    return panel(group(testdata, "M4", "Hourly")["train"].to_list())
