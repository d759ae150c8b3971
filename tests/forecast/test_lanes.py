"""Tables lined up for the kernels: what cannot be lined up is refused in words."""

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.forecast import lanes


def months(count: int = 6, start: str = "2024-01") -> pd.DataFrame:
    return pd.DataFrame({"y": np.arange(1.0, count + 1)}, index=pd.period_range(start, periods=count, freq="M"))


@pytest.mark.parametrize("table, words", [(months(0), "0 rows and 1 columns"), (months()[[]], "6 rows and 0 columns")])
def test_an_empty_table_is_refused(table, words):
    with pytest.raises(InputError, match=f"y has {words}; expected at least one"):
        lanes.lanes_of(table)


@pytest.mark.parametrize("level", ["shop", "month"])
def test_a_row_without_a_name_is_refused_with_its_number(level):
    rows = pd.concat({"a": months(), "b": months()}, names=["shop", "month"]).reset_index()
    rows.loc[3, level] = None
    with pytest.raises(InputError, match=r"row 4 has no name in the index, .*; expected one in each"):
        lanes.lanes_of(rows.set_index(["shop", "month"]))


def test_a_horizon_that_no_forecast_reaches_is_refused():
    found = lanes.lanes_of(months())
    for far in (lanes.MOST_STEPS + 1, -lanes.MOST_STEPS - 7):
        with pytest.raises(InputError, match=f"fh is {far}; expected at most 10,000 steps"):
            lanes.find_steps(found, pd.Index([1, far]), relative=True)
    with pytest.raises(InputError, match="fh is 95706; expected"):
        lanes.find_steps(found, pd.PeriodIndex(["9999-12"], freq="M"), relative=False)
    steps, _ = lanes.find_steps(found, pd.Index([lanes.MOST_STEPS, -lanes.MOST_STEPS]), relative=True)
    assert steps.ravel().tolist() == [10_000, -10_000]


def test_stamps_of_another_kind_are_refused_with_both_kinds():
    clock = lanes.lanes_of(months()).clock
    for other in (pd.period_range("2024Q1", periods=2, freq="Q"), pd.RangeIndex(2), pd.DatetimeIndex(["2024-07-01"])):
        with pytest.raises(InputError, match=r"the news has stamps of type .*, y has period\[M\]; expected the same"):
            lanes.check_stamps(clock, other, "the news")
    whole = lanes.Clock.of(pd.Index([1, 2, 3], dtype="int32"))
    lanes.check_stamps(whole, pd.RangeIndex(4, 6))  # whole numbers are whole numbers


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_regressor_needs_a_finite_number_wherever_y_has_a_value(wrong):
    found, x = lanes.lanes_of(months()), months(9)
    x.iloc[2] = x.iloc[7] = wrong
    with pytest.raises(InputError, match="X has no value for 'y' at 2024-03; expected a finite number"):
        lanes.beside_past(found, x)
    with pytest.raises(InputError, match="X has no value for 'y' at 2024-08; expected a finite number"):
        lanes.beside_ahead(found, x, 4, np.array([[2]]))
    assert lanes.beside_ahead(found, x, 4, np.array([[1], [3]])).shape == (4, 1, 1)


def test_a_stamp_of_a_wrong_century_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(lanes, "MOST_CELLS", 1000)
    late = pd.concat([months(5), months(1, "2124-01")])
    with pytest.raises(InputError, match="a series of y runs over 1,201 steps"):
        lanes.lanes_of(late)
