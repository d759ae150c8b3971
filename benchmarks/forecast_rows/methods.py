"""Methods by name, ours and the peer's: histories in, mean forecasts (horizon, series) out.

What is not there yet raises ImportError when it is asked for, and its rows say so.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from .data import Group, end_aligned

Method = Callable[[list[np.ndarray], int, int], np.ndarray]
FOUR = ("AutoETS", "AutoARIMA", "DOT", "CES")


def kernel(name: str, *modules: str) -> Any:
    """A function of the kernels, in the first of `modules` that has it."""
    for module in modules:
        try:
            return getattr(import_module(f"finlab.forecast.kernels.{module}"), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"finlab.forecast.kernels has no {name} in {' or '.join(modules)}")


def auto_ets(histories: list[np.ndarray], period: int, horizon: int) -> np.ndarray:
    fit = kernel("auto_ets", "ets_search")(end_aligned(histories), period)
    return kernel("forecast_ets", "ets")(fit, horizon).mean


def arima_112(histories: list[np.ndarray], period: int, horizon: int) -> np.ndarray:
    fit = kernel("fit_arima", "arima")(end_aligned(histories), (1, 1, 2))
    return kernel("forecast_arima", "arima")(fit, horizon).mean


def auto_arima(histories: list[np.ndarray], period: int, horizon: int) -> np.ndarray:
    fit = kernel("auto_arima", "arima", "arima_search")(end_aligned(histories), period)
    return kernel("forecast_arima", "arima")(fit, horizon).mean


def dot(histories: list[np.ndarray], period: int, horizon: int) -> np.ndarray:
    fit = kernel("fit_theta", "theta")(end_aligned(histories), period)
    return kernel("forecast_theta", "theta")(fit, horizon).mean


def ces(histories: list[np.ndarray], period: int, horizon: int) -> np.ndarray:
    fit = kernel("fit_ces", "ces")(end_aligned(histories), period)
    return kernel("forecast_ces", "ces")(fit, horizon).mean


def combination(histories: list[np.ndarray], period: int, horizon: int) -> np.ndarray:
    """The median of the four, at every step."""
    return np.median([METHODS[name](histories, period, horizon) for name in FOUR], axis=0)


METHODS: dict[str, Method] = {
    "AutoETS": auto_ets,
    "ARIMA(1,1,2)": arima_112,
    "AutoARIMA": auto_arima,
    "DOT": dot,
    "CES": ces,
    "combination": combination,
}


def ours(name: str, part: Group) -> np.ndarray:
    """Our forecasts by a method."""
    return METHODS[name](part.histories, part.period, part.horizon)


def theirs(peer: Any, name: str, part: Group, again: bool = False) -> tuple[float, np.ndarray]:
    """The peer's seconds and its forecasts by the method of the same name; a combination of four costs their sum."""
    if name == "combination":
        each = [theirs(peer, one, part, again) for one in FOUR]
        return sum(seconds for seconds, _ in each), np.median([mean for _, mean in each], axis=0)
    told = peer.ask("forecast", part.key, part.ids, again, models=[name], n_jobs=2)
    return told["seconds"], np.array(told["mean"][name], dtype=float).T
