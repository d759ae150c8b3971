"""Series that no kernel can fit fully, between healthy ones that must not notice."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from finlab.forecast.kernels.prepare import Reason


def check_bad_neighbours(
    good: np.ndarray, few: int, fit: Callable[[np.ndarray], Any], forecast: Callable[[Any, int], Any], rtol: float
) -> None:
    """Fit nine bad series between the first two of `good` (`few` values are too few); healthy ones agree to `rtol`."""
    y, rows = good[:, 0], np.arange(len(good))
    bad = {
        Reason.INFINITE: [np.where(rows == 20, np.inf, y), np.where(rows == rows[-1], -np.inf, y)],
        Reason.MISSING: [np.full(len(y), np.nan)],
        Reason.CONSTANT: [np.full(len(y), 7.0), np.zeros(len(y)), np.full(len(y), -3.0)],
        Reason.SHORT: [np.where(seen, y, np.nan) for seen in (rows >= len(y) - few, rows == rows[-1], rows == 3)],
    }
    fitted = fit(np.column_stack([y, *(column for columns in bad.values() for column in columns), good[:, 1]]))
    reasons = [reason for reason, columns in bad.items() for _ in columns]
    assert fitted.reason.tolist() == [Reason.FINE, *reasons, Reason.FINE]
    result, alone = forecast(fitted, 3), forecast(fit(good[:, :2]), 3)
    np.testing.assert_allclose(result.mean[:, [0, -1]], alone.mean, rtol=rtol)
    np.testing.assert_allclose(result.sd[:, [0, -1]], alone.sd, rtol=rtol)
    assert np.isnan(result.mean[:, 1:4]).all() and np.isfinite(result.mean[:, 4:]).all()
    np.testing.assert_allclose(result.mean[0, 4:10], [7, 0, -3, y[-1], y[-1], y[3]], rtol=rtol, atol=1e-12)
    assert (result.sd[:, 4:7] == 0).all()


def check_extreme_sizes(fit: Callable[[np.ndarray], Any], forecast: Callable[[Any, int], Any]) -> None:
    """Numbers whose squares leave the range of floats get a reason, without a warning; large ones are forecast."""
    table = np.random.default_rng(5).normal(0, 1, (40, 5)) * np.array([1e-300, 1e-30, 1.0, 1e100, 1e300])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = fit(table)
        result = forecast(fitted, 3)
    assert fitted.reason.tolist() == [Reason.INFINITE, Reason.FINE, Reason.FINE, Reason.FINE, Reason.INFINITE]
    assert np.isfinite(result.mean[:, 1:4]).all() and np.isfinite(result.sd[:, 1:4]).all()
    assert np.isnan(result.mean[:, [0, 4]]).all() and np.isnan(result.sd[:, [0, 4]]).all()
