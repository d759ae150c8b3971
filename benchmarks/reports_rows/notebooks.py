"""Notebooks that the rows write: a realistic report, an empty one, and whatever cells a row asks for."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Source = str | Mapping[str, Any]  # a code cell's source, or all that a cell has
PARAMETERS = {"tags": ["parameters"]}

TITLE = "# Revenue by region\n\nMonthly revenue of six regions, its season, and the next months by the Theta method."
GIVEN = "seed: int = 1  # of the generated figures\nmonths: int = 96\nhorizon: int = 12  # months ahead"
REALISTIC: tuple[Source, ...] = (
    "import numpy as np\nimport pandas as pd\nimport matplotlib.pyplot as plt\nimport seaborn as sns\n"
    "from sktime.forecasting.base import ForecastingHorizon\n"
    "from sktime.forecasting.naive import NaiveForecaster\n"
    "from sktime.forecasting.theta import ThetaForecaster\n"
    "from sktime.performance_metrics.forecasting import mean_absolute_percentage_error\n"
    "from sktime.split import temporal_train_test_split\n"
    'sns.set_theme(style="whitegrid")',
    {"cell_type": "markdown", "source": "## The figures\n\nTrend, season and noise of each region, **all positive**."},
    "rng = np.random.default_rng(seed)\n"
    'index = pd.period_range("2018-01", periods=months, freq="M", name="month")\n'
    'regions = ["North", "South", "East", "West", "Centre", "Islands"]\n'
    "t = np.arange(months)\n"
    "revenue = pd.DataFrame({\n"
    "    name: 100 + 20 * k + (0.4 + 0.1 * k) * t + 12 * np.sin(2 * np.pi * (t + k) / 12) + rng.normal(0, 5, months)\n"
    "    for k, name in enumerate(regions)\n"
    "}, index=index)\n"
    "revenue.tail(12).round(1)",
    'yearly = revenue.groupby(revenue.index.year).sum().round(0)\nyearly.pct_change().mul(100).round(1)',
    {"cell_type": "markdown", "source": "## Charts"},
    'long = revenue.reset_index().melt("month", var_name="region", value_name="revenue")\n'
    'long["date"] = long["month"].dt.to_timestamp()\nlong["calendar_month"] = long["month"].dt.month\n'
    "fig, ax = plt.subplots(figsize=(8, 4))\n"
    'sns.lineplot(long, x="date", y="revenue", hue="region", ax=ax)\nax.set_title("Revenue by region")\nplt.show()',
    "fig, ax = plt.subplots(figsize=(8, 4))\n"
    'sns.boxplot(long, x="calendar_month", y="revenue", ax=ax)\nax.set_title("Season")\nplt.show()',
    "fig, ax = plt.subplots(figsize=(6, 5))\n"
    'sns.heatmap(revenue.corr(), annot=True, fmt=".2f", ax=ax)\nax.set_title("Correlation of regions")\nplt.show()',
    {"cell_type": "markdown", "source": "## Forecast\n\nThe error on the last months, beside a repeated season."},
    "total = revenue.sum(axis=1)\ntrain, test = temporal_train_test_split(total, test_size=horizon)\n"
    "ahead = ForecastingHorizon(test.index, is_relative=False)\n"
    'methods = {"theta": ThetaForecaster(sp=12), "last season": NaiveForecaster(strategy="last", sp=12)}\n'
    "errors = {name: mean_absolute_percentage_error(test, model.fit(train).predict(ahead)) "
    "for name, model in methods.items()}\n"
    'pd.Series(errors, name="MAPE").round(4).to_frame()',
    "months_ahead = list(range(1, horizon + 1))\nahead = ThetaForecaster(sp=12).fit(total).predict(fh=months_ahead)\n"
    'print(f"next {horizon} months: {ahead.sum():,.0f}")\nahead.round(1).to_frame("total")',
)  # fmt: skip


# The same with twelve fits more: the more a notebook itself computes, the less any runner can save.
REGIONS = (
    "scores = []\n"
    "for name in regions:\n"
    "    train, test = temporal_train_test_split(revenue[name], test_size=horizon)\n"
    "    ahead = ForecastingHorizon(test.index, is_relative=False)\n"
    "    for method, model in methods.items():\n"
    "        error = mean_absolute_percentage_error(test, model.clone().fit(train).predict(ahead))\n"
    '        scores.append({"region": name, "method": method, "MAPE": error})\n'
    'pd.DataFrame(scores).pivot(index="region", columns="method", values="MAPE").round(4)'
)
HEAVIER = (*REALISTIC, REGIONS)


def write_notebook(path: Path, cells: Sequence[Source], parameters: str | None = GIVEN, title: str = TITLE) -> Path:
    """Write a notebook: a title, a parameters cell (None: there is none), and `cells`."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    made = [new_markdown_cell(title)] if title else []
    if parameters is not None:
        made.append(new_code_cell(parameters, metadata=PARAMETERS))
    for cell in cells:
        asked = {"source": cell} if isinstance(cell, str) else dict(cell)
        make = new_markdown_cell if asked.pop("cell_type", "code") == "markdown" else new_code_cell
        made.append(make(**asked))
    for place, cell in enumerate(made):
        cell["id"] = f"cell-{place}"
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=made, metadata={"kernelspec": spec}), path)
    return path


@contextmanager
def workbench() -> Iterator[Path]:
    """An empty folder that finlab takes for its home while the block lasts."""
    before = os.environ.get("FINLAB_HOME")
    with TemporaryDirectory(prefix="finlab-bench-") as folder:
        os.environ["FINLAB_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("FINLAB_HOME")
            if before is not None:
                os.environ["FINLAB_HOME"] = before
