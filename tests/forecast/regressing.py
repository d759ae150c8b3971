"""A small forecaster with regressors, holes and parameters of its own, to test what every forecaster inherits."""

from typing import Any, ClassVar, NamedTuple

import numpy as np

from finlab.forecast.base import Ahead, KernelForecaster


class Line(NamedTuple):
    """One line a lane: `weights` (regressors and 1, lanes), `spread` of the errors, the `residuals` (time, lanes)."""

    weights: np.ndarray
    spread: np.ndarray
    residuals: np.ndarray


def design(y_shape: tuple[int, int], X: np.ndarray | None) -> np.ndarray:
    ones = np.ones((*y_shape, 1))
    return ones if X is None else np.concatenate([ones, X], axis=2)


class Regressing(KernelForecaster):
    """Regress each lane on its regressors and a constant, by least squares on the values that are there."""

    _tags: ClassVar[dict[str, Any]] = {"capability:missing_values": True, "capability:exogenous": True}

    def _fit_kernel(self, y: np.ndarray, X: np.ndarray | None = None) -> Line:
        rows, weights = design(y.shape, X), []
        for lane in range(y.shape[1]):
            there = ~np.isnan(y[:, lane])
            weights.append(np.linalg.lstsq(rows[there, lane], y[there, lane])[0])
        return self._filter_kernel(Line(np.array(weights).T, np.zeros(0), np.zeros(0)), y, X)

    def _filter_kernel(self, model: Line, y: np.ndarray, X: np.ndarray | None = None) -> Line:
        residuals = y - np.einsum("tlk,kl->tl", design(y.shape, X), model.weights)
        return Line(model.weights, np.sqrt(np.nanmean(residuals**2, axis=0)), residuals)

    def _forecast_kernel(self, model: Line, horizon: int, X: np.ndarray | None = None) -> Ahead:
        shape = (horizon, len(model.spread))
        mean = np.einsum("hlk,kl->hl", design(shape, X), model.weights)
        return Ahead(mean, np.broadcast_to(model.spread, mean.shape))

    def _diagnose(self, model: Line) -> dict[str, np.ndarray]:
        return {"constant": model.weights[0], "spread": model.spread}
