"""The samples are what their table says, and what their packages' own loaders give."""

import importlib
import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data import samples


@pytest.mark.parametrize("name", list(samples.SAMPLES))
def test_the_table_tells_the_truth(name: str) -> None:
    sample, found = samples.info(name), samples.load(name)
    index = found.index
    assert len(found) == sample.rows
    assert index.is_monotonic_increasing and index.is_unique and index.name == "date"
    if sample.frequency in samples.PERIODS:
        assert isinstance(index, pd.PeriodIndex)
        assert (str(index[0]), str(index[-1])) == (sample.start, sample.end)
        assert index.freqstr.split("-")[0] == sample.frequency
        assert len(index) == index[-1].ordinal - index[0].ordinal + 1  # no gap
    else:
        assert isinstance(index, pd.DatetimeIndex)
        assert (index[0].date().isoformat(), index[-1].date().isoformat()) == (sample.start, sample.end)
        steps = index.to_series().diff().dropna()
        expected = {"W": "7D", "30min": "30min", "B": "1D"}[sample.frequency]
        assert steps.median() == pd.Timedelta(expected) and index.dayofweek.max() <= (
            4 if sample.frequency == "B" else 6
        )
    columns = [name] if isinstance(found, pd.Series) else list(found.columns)
    if isinstance(sample.unit, dict):
        assert list(sample.unit) == columns
    assert all(dtype.kind in "if" for dtype in (found.to_frame() if isinstance(found, pd.Series) else found).dtypes)
    assert np.isfinite(found.to_numpy(float)).mean() > 0.95
    assert found.attrs["name"] == name and found.attrs["licence"] and found.attrs["source"] and found.attrs["unit"]
    assert ("USD" in sample.units) == (sample.currency == "USD")


def test_there_are_enough_and_the_list_reads_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples.pd, "read_csv", None)
    listed = samples.ls()
    assert len(listed) >= 18 and listed["name"].is_unique
    assert {"airline", "shampoo_sales", "macroeconomic", "PBS_dataset", "uschange", "sp500"} <= set(listed["name"])


@pytest.mark.parametrize(
    ("name", "loader"),
    [("airline", "load_airline"), ("shampoo_sales", "load_shampoo_sales"), ("PBS_dataset", "load_PBS_dataset"),
     ("lynx", "load_lynx"), ("solar", "load_solar")],
)  # fmt: skip
def test_the_same_as_sktime(name: str, loader: str) -> None:
    load = getattr(importlib.import_module("sktime.datasets"), loader)
    theirs = load(api_version=None) if name == "solar" else load()
    ours = samples.load(name)
    np.testing.assert_array_equal(ours.to_numpy(), theirs.to_numpy())
    assert list(ours.index) == list(theirs.index)


def test_the_same_as_sktime_in_uschange() -> None:
    y, x = importlib.import_module("sktime.datasets").load_uschange()
    ours = samples.load("uschange")
    np.testing.assert_array_equal(ours["Consumption"], y)
    np.testing.assert_array_equal(ours[x.columns], x)


@pytest.mark.parametrize(
    ("name", "module"),
    [("macroeconomic", "macrodata"), ("longley", "longley"), ("danish_money", "danish_data"),
     ("german_interest", "interest_inflation"), ("co2", "co2"), ("sunspots", "sunspots"), ("nile", "nile")],
)  # fmt: skip
def test_the_same_as_statsmodels(name: str, module: str) -> None:
    theirs = importlib.import_module(f"statsmodels.datasets.{module}").load_pandas().data
    ours = samples.load(name)
    ours = ours.to_frame() if isinstance(ours, pd.Series) else ours
    kept = theirs.drop(columns=[c for c in ("year", "quarter", "YEAR") if c in theirs])
    np.testing.assert_array_equal(ours.to_numpy(float), kept.to_numpy(float))
    if name in ("co2", "danish_money"):
        stamps = ours.index.to_timestamp() if isinstance(ours.index, pd.PeriodIndex) else ours.index
        assert list(stamps) == list(theirs.index)


def test_the_same_as_statsmodels_in_elnino() -> None:
    theirs = importlib.import_module("statsmodels.datasets.elnino").load_pandas().data.set_index("YEAR")
    ours = samples.load("elnino")
    assert ours["1997-12"] == theirs.loc[1997, "DEC"] and ours["1950-01"] == theirs.loc[1950, "JAN"]


@pytest.mark.parametrize("name", ["sp500", "nasdaq", "vix", "wti", "crude", "default", "core_cpi", "frenchdata"])
def test_the_same_as_arch(name: str) -> None:
    theirs = importlib.import_module(f"arch.data.{name}").load()
    ours = samples.load(name)
    ours = ours.to_frame() if isinstance(ours, pd.Series) else ours
    np.testing.assert_array_equal(ours.to_numpy(float), theirs.to_numpy(float))
    if name != "frenchdata":
        stamps = theirs.index.to_period("M") if isinstance(ours.index, pd.PeriodIndex) else theirs.index
        assert list(ours.index) == list(stamps)


def test_reading_imports_none_of_the_packages() -> None:
    code = (
        "import sys; from finlab.data import samples; [samples.load(n) for n in ('airline', 'sp500', 'co2')];"
        "print([m for m in ('sktime', 'arch', 'statsmodels', 'torch', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "words"), [("airlines", "did you mean 'airline'"), ("xyz", "expected one of airline")]
)
def test_unknown_names(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        samples.load(name)


def test_the_last_day() -> None:
    assert samples.last_day("airline") == date(1960, 12, 31)
    assert samples.last_day("macroeconomic") == date(2009, 9, 30)
    assert samples.last_day("wti") == date(2019, 1, 3)
