"""Rolling origins: `backtest_panel` on a whole panel against sktime's `evaluate`, series by series."""

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from harness import Row, alternate, subset

from .data import MONTHLY, floats, load
from .plan import Found, Plan, attempt
from .sizes import Sizes

PERIOD, HORIZON, LEAST = 12, 18, 60
PLANS = {
    "seasonal_naive": Plan("backtest_panel, seasonal naive: wall per fit", ">= 20", peer="sktime NaiveForecaster"),
    "AutoETS": Plan("backtest_panel, AutoETS: wall per fit", ">= 20", peer="sktime AutoETS (statsmodels)"),
}


def long_table(series: dict[str, np.ndarray]) -> pd.DataFrame:
    """Series under names as a long table; their dates are made up."""
    parts = [
        pd.DataFrame({"unique_id": name, "ds": pd.date_range("1950-01-01", periods=len(y), freq="MS"), "y": y})
        for name, y in series.items()
    ]
    return pd.concat(parts, ignore_index=True)


def ours(table: pd.DataFrame, name: str, cutoffs: int) -> Any:
    from finlab.forecast import AutoETS, backtest_panel

    method = name if name == "seasonal_naive" else AutoETS(period=PERIOD)
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar
        result = backtest_panel(table, {name: method}, HORIZON, PERIOD, cutoffs=cutoffs, benchmark=name)
    if len(result.failures):
        raise RuntimeError(f"{len(result.failures)} fits failed: {result.failures['reason'].iloc[0]}")
    return result


def rivals() -> dict[str, Callable[[], Any]]:
    from sktime.forecasting.ets import AutoETS
    from sktime.forecasting.naive import NaiveForecaster

    return {
        "seasonal_naive": lambda: NaiveForecaster(sp=PERIOD),
        "AutoETS": lambda: AutoETS(auto=True, sp=PERIOD),
    }


def theirs(series: dict[str, np.ndarray], forecaster: Callable[[], Any], cutoffs: int) -> float:
    """Replay each series by itself; return the mean sMAPE."""
    from sktime.forecasting.model_evaluation import evaluate
    from sktime.split import ExpandingWindowSplitter

    errors = []
    for y in series.values():
        first = len(y) - HORIZON - cutoffs + 1
        folds = ExpandingWindowSplitter(initial_window=first, step_length=1, fh=range(1, HORIZON + 1))
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            table = evaluate(forecaster(), folds, pd.Series(y), return_data=True)
        pairs = zip(table["y_test"], table["y_pred"], strict=True)
        errors += [percent(np.ravel(actual), np.ravel(mean)) for actual, mean in pairs]
    return float(np.mean(errors))


def percent(actual: np.ndarray, mean: np.ndarray) -> float:
    from finlab.forecast.scores import smape

    return float(smape(actual, mean))


def rolling(name: str, sizes: Sizes) -> dict[str, Found]:
    """Both replays in turn; a slow rival has one round."""
    chosen = [(f"s{i}", y) for i, y in enumerate(floats(load(*MONTHLY))) if len(y) >= LEAST]
    panel = dict(subset(chosen, sizes.panel))
    few = dict(subset(list(panel.items()), sizes.loop if name == "seasonal_naive" else sizes.slow_loop))
    table, forecaster = long_table(panel), rivals()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours(table, name, sizes.cutoffs)  # compiles
        timing = alternate(
            {
                "ours": lambda: ours(table, name, sizes.cutoffs),
                "theirs": lambda: theirs(few, forecaster, sizes.cutoffs),
            },
            sizes.rounds if name == "seasonal_naive" else 1,
            warm_up=False,
        )
    per_fit = (
        timing["ours"].wall / len(panel) / sizes.cutoffs,
        timing["theirs"].wall / len(few) / sizes.cutoffs,
    )
    made = timing["ours"].result.forecasts
    same = made[made["series"].isin(list(few))]
    own = percent(same["actual"].to_numpy(dtype=float), same["mean"].to_numpy(dtype=float))
    note = (
        f"{sizes.cutoffs} cut-offs, {1e3 * per_fit[0]:.3g} and {1e3 * per_fit[1]:.3g} ms a fit, scores "
        f"included; sMAPE {own:.2f} and {timing['theirs'].result:.2f}; peer on {len(few)} series"
    )
    return {name: Found(per_fit[1] / per_fit[0], len(panel), timing["ours"].rounds, note)}


def rolling_rows(sizes: Sizes) -> list[Row]:
    return [one for name in PLANS for one in attempt({name: PLANS[name]}, lambda name=name: rolling(name, sizes))]
