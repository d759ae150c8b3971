"""Charts that the tests of drawing and of describing share."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from finlab.core.describe import use_words
from finlab.core.plotting import finish, new_figure


@pytest.fixture(autouse=True)
def clean_looks(workbench: Path) -> Iterator[None]:
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    with mpl.rc_context(), warnings.catch_warnings():
        yield
    plt.close("all")
    use_words()


def pyplot() -> Any:
    import matplotlib.pyplot as plt

    return plt


def sales_figure(title: str = "Sales") -> Any:
    months = np.arange("2025-01", "2027-01", dtype="datetime64[M]").astype("datetime64[D]")
    figure, axes = new_figure(title, unit="CNY")
    axes.plot(months, 1e6 + 1e5 * np.sin(np.arange(24)), label="sales")
    axes.fill_between(months, 9e5, 1.1e6 + np.arange(24), alpha=0.2, label="80% interval")
    return finish(figure)
