"""The series of the competitions, groups of them, and the error that the M4 competition ranked by."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from harness import subset, testdata

MONTHLY, QUARTERLY, YEARLY, HOURLY = ("M3", "Monthly"), ("M3", "Quarterly"), ("M3", "Yearly"), ("M4", "Hourly")
RESAMPLED_SEED = 20260102


def series_file() -> Path:
    return testdata() / "forecast" / "series.parquet"


@cache
def _table() -> pd.DataFrame:
    return pd.read_parquet(series_file())


def load(dataset: str, freq: str) -> pd.DataFrame:
    table = _table()
    return table[(table["dataset"] == dataset) & (table["freq"] == freq)].reset_index(drop=True)


def floats(table: pd.DataFrame, column: str = "train") -> list[np.ndarray]:
    return [np.asarray(values, dtype=float) for values in table[column]]


class Group(NamedTuple):
    """Series of one group: `ids` are their places in it (as the peer counts them), one history and future each."""

    key: tuple[str, str]
    ids: list[int]
    histories: list[np.ndarray]
    futures: list[np.ndarray]
    period: int
    horizon: int

    def only(self, n: int) -> "Group":
        """A fixed random subset of `n` series."""
        places = subset(range(len(self.ids)), n)
        ids, histories, futures = ([part[i] for i in places] for part in self[1:4])
        return self._replace(ids=ids, histories=histories, futures=futures)

    @property
    def name(self) -> str:
        return " ".join(self.key)


def group(key: tuple[str, str], n: int | None = None) -> Group:
    """A group of the competitions, or a fixed random subset of `n` of it."""
    table = load(*key)
    whole = Group(
        key, list(range(len(table))), floats(table), floats(table, "test"), int(table["m"][0]), int(table["h"][0])
    )
    return whole if n is None else whole.only(n)


def resampled(key: tuple[str, str], n: int) -> Group:
    """`n` series drawn from a group with replacement, the same ones every time."""
    whole = group(key)
    ids = np.random.default_rng(RESAMPLED_SEED).integers(len(whole.ids), size=n).tolist()
    return whole._replace(ids=ids, histories=[whole.histories[i] for i in ids], futures=[whole.futures[i] for i in ids])


def end_aligned(histories: Sequence[np.ndarray]) -> np.ndarray:
    """Histories side by side (time, series), each ending in the last row, NaN in front."""
    rows = max(map(len, histories))
    table = np.full((rows, len(histories)), np.nan)
    for lane, history in enumerate(histories):
        table[rows - len(history) :, lane] = history
    return table


def mean_scores(mean: np.ndarray, part: Group) -> tuple[float, float]:
    """sMAPE and MASE, averaged over series, of forecasts (horizon, series)."""
    from finlab.forecast.scores import mase, smape

    actual, history = np.stack(part.futures, axis=1), end_aligned(part.histories)
    each = smape(actual, mean), mase(actual, mean, history, part.period)
    return float(np.mean(each[0])), float(np.nanmean(each[1]))


def owa(mean: np.ndarray, part: Group) -> float:
    """The M4 competition's error of forecasts (horizon, series): sMAPE and MASE against Naive2's, averaged."""
    from finlab.forecast.methods import run_named

    reference = run_named("naive2", part.histories, part.horizon, part.period).mean
    ours, theirs = mean_scores(mean, part), mean_scores(reference, part)
    return (ours[0] / theirs[0] + ours[1] / theirs[1]) / 2
