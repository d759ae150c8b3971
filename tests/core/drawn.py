"""Charts that the tests of drawing and of describing share."""

from typing import Any

import numpy as np

from finlab.core.plotting import finish, new_figure


def pyplot() -> Any:
    import matplotlib.pyplot as plt

    return plt


def sales_figure(title: str = "Sales") -> Any:
    months = np.arange("2025-01", "2027-01", dtype="datetime64[M]").astype("datetime64[D]")
    figure, axes = new_figure(title, unit="CNY")
    axes.plot(months, 1e6 + 1e5 * np.sin(np.arange(24)), label="sales")
    axes.fill_between(months, 9e5, 1.1e6 + np.arange(24), alpha=0.2, label="80% interval")
    return finish(figure)
