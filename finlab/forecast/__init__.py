"""Forecasting: free methods, ARIMA, scores, backtests with a verdict in words, and the study behind the report.

Names are imported when they are first used, so that importing the room is cheap.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finlab.forecast.comparison import diebold_mariano, holm
    from finlab.forecast.conformal import Conformal
    from finlab.forecast.ets import ETS, AutoETS
    from finlab.forecast.evaluation import backtest
    from finlab.forecast.forecasters import ARIMA, CES, MSTL, AutoARIMA, Combination, Theta
    from finlab.forecast.naive import SES, Drift, Naive, Naive2, SeasonalNaive
    from finlab.forecast.panel import backtest_panel
    from finlab.forecast.series import read_series
    from finlab.forecast.splits import rolling_total, split
    from finlab.forecast.study import forecast, study_series

_HOMES = {
    "ARIMA": "forecasters",
    "AutoARIMA": "forecasters",
    "AutoETS": "ets",
    "CES": "forecasters",
    "Combination": "forecasters",
    "Conformal": "conformal",
    "Drift": "naive",
    "ETS": "ets",
    "MSTL": "forecasters",
    "Naive": "naive",
    "Naive2": "naive",
    "SES": "naive",
    "SeasonalNaive": "naive",
    "Theta": "forecasters",
    "backtest": "evaluation",
    "backtest_panel": "panel",
    "diebold_mariano": "comparison",
    "forecast": "study",
    "holm": "comparison",
    "read_series": "series",
    "rolling_total": "splits",
    "split": "splits",
    "study_series": "study",
}

__all__ = [
    "ARIMA",
    "CES",
    "ETS",
    "MSTL",
    "SES",
    "AutoARIMA",
    "AutoETS",
    "Combination",
    "Conformal",
    "Drift",
    "Naive",
    "Naive2",
    "SeasonalNaive",
    "Theta",
    "backtest",
    "backtest_panel",
    "diebold_mariano",
    "forecast",
    "holm",
    "read_series",
    "rolling_total",
    "split",
    "study_series",
]


def __getattr__(name: str) -> object:
    """Import the module behind a public name the first time that the name is used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'finlab.forecast' has no attribute {name!r}")
    value = getattr(_import_module(f"finlab.forecast.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
