"""Dates as they come: zones, offsets, fiscal years, holidays, and the dates that follow."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.forecast.rhythm import LONGEST_CLOSURE, find_frequency, read_dates, read_noted_dates
from finlab.forecast.series import NamedSeries, read_series


def one(dates) -> NamedSeries:
    return read_series(pd.Series(np.arange(float(len(dates))), index=dates, name="y"))[0]


def nexts(dates, steps: int = 3) -> list[str]:
    return [str(day.date()) for day in one(dates).future(steps)]


@pytest.mark.parametrize(
    "dates",
    [
        pd.date_range("2024-01-01", periods=12, freq="30D"),
        pd.date_range("2024-01-01", periods=6, freq="25D"),
        pd.date_range("2024-01-01", periods=7, freq="6D"),
        pd.date_range("2024-01-01", periods=9, freq="10D"),
        pd.date_range("2024-01-01", periods=3, freq="4MS"),
        pd.date_range("2024-01-01", periods=9, freq="2MS"),
        pd.date_range("2024-01-01 00:30", periods=9, freq="30min"),
        pd.date_range("2024-01-01", periods=9, freq="25h"),
        pd.date_range("2014-01-01", periods=5, freq="2YS"),
    ],
    ids=lambda dates: str(dates.freqstr),
)
def test_even_steps_of_no_known_rhythm_are_refused(dates):
    with pytest.raises(InputError, match="no known rhythm"):
        find_frequency(dates)


@pytest.mark.parametrize("periods", [3, 4, 12, 40])
@pytest.mark.parametrize(
    "freq, code", [("YE-JUN", "Y"), ("YS", "Y"), ("QE-JAN", "Q"), ("QS", "Q"), ("ME", "M"), ("MS", "M"), ("BME", "M"),
                   ("BMS", "M"), ("BQE", "Q"), ("BQS", "Q"), ("W-WED", "W"), ("D", "D"), ("h", "h")],
)  # fmt: skip
def test_every_rhythm_goes_on_as_pandas_would_go_on(freq, code, periods):
    for start in ("2019-01-01", "2020-02-03", "2023-10-17"):
        whole = pd.date_range(start, periods=periods + 5, freq=freq)
        found = one(whole[:periods])
        assert found.frequency.code == code
        if periods >= 40 or not freq.startswith("B"):  # a few business days do not show whose habit they follow
            assert list(found.future(5)) == list(whole[periods:])


def test_a_holiday_moves_one_date_and_not_those_that_follow():
    ends = pd.date_range("2020-07-01", "2021-05-31", freq="BME")
    assert nexts([*ends[:-1], pd.Timestamp("2021-05-28")]) == ["2021-06-30", "2021-07-30", "2021-08-31"]
    thirtieth = pd.DatetimeIndex(["2023-10-30", "2023-11-30", "2023-12-30", "2024-01-30", "2024-02-29"])
    assert nexts(thirtieth) == ["2024-03-30", "2024-04-30", "2024-05-30"]
    fridays = pd.date_range("2024-02-02", periods=9, freq="W-FRI").to_series()
    moved = fridays.where(fridays != pd.Timestamp("2024-03-29"), pd.Timestamp("2024-03-28"))
    assert nexts(moved.to_numpy(), 1) == ["2024-04-05"]
    assert one(pd.DatetimeIndex(moved.to_numpy())).with_periods().index.is_unique


@pytest.mark.parametrize(
    "dates, as_of, due",
    [
        (pd.date_range("2020-06-30", periods=4, freq="YE-JUN"), date(2023, 6, 30), date(2024, 6, 30)),
        (pd.period_range("2020", periods=4, freq="Y-JUN"), date(2023, 6, 30), date(2024, 6, 30)),
        (pd.date_range("2021-01-31", periods=5, freq="QE-JAN"), date(2022, 1, 31), date(2022, 4, 30)),
        (pd.period_range("2024Q1", periods=4, freq="Q"), date(2024, 12, 31), date(2025, 3, 31)),
        (pd.period_range("2018-12-26", periods=9, freq="W-WED"), date(2019, 2, 20), date(2019, 2, 27)),
        (pd.date_range("2024-01-01", periods=5, freq="MS"), date(2024, 5, 31), date(2024, 6, 30)),
        (pd.date_range("2024-01-29", periods=5, freq="D"), date(2024, 2, 2), date(2024, 2, 3)),
    ],
    ids=lambda value: str(getattr(value, "freqstr", value)),
)
def test_the_last_day_that_data_speak_of_and_the_day_on_which_the_next_is_due(dates, as_of, due):
    found = one(dates)
    assert (found.as_of, found.due) == (as_of, due)


def test_days_keep_their_date_where_clocks_change_at_midnight():
    days = pd.date_range("2018-03-20", "2018-03-31").tz_localize("Asia/Beirut", nonexistent="shift_forward")
    found = one(days)
    assert str(found.as_of) == "2018-03-31" and nexts(days, 1) == ["2018-04-01"] and not found.notes


def test_texts_with_offsets_are_days_or_hours_in_utc_with_a_note():
    days, notes = read_noted_dates(
        pd.Series(["2024-03-30T00:00:00+01:00", "2024-03-31T00:00+01:00", "2024-04-01T00:00+02:00"])
    )
    assert [day.day for day in days] == [30, 31, 1] and notes == ()
    hours, notes = read_noted_dates(
        pd.Series(["2024-03-31T01:00+01:00", "2024-03-31T03:00+02:00", "2024-03-31T02:00Z"])
    )
    assert [hour.hour for hour in hours] == [0, 1, 2]
    assert notes == ("the hours are in UTC; they were given with offsets from UTC",)


def test_the_time_behind_a_slashed_date_counts():
    texts = pd.Series([f"20/06/2024 {hour:02d}:00" for hour in range(24)])
    assert list(read_dates(texts).hour) == list(range(24))
    assert read_dates(pd.Series(["20.06.2024 7:05:09"]))[0] == pd.Timestamp("2024-06-20 07:05:09")
    with pytest.raises(InputError, match="row 2: '20/06/2024 noon'"):
        read_dates(pd.Series(["20/06/2024 11:00", "20/06/2024 noon"]))


@pytest.mark.parametrize("closed, taken", [(LONGEST_CLOSURE, True), (LONGEST_CLOSURE + 1, False)])
def test_a_long_row_of_missing_weekdays_is_no_holiday(closed, taken):
    days = pd.bdate_range("2022-01-03", periods=500)
    left = days.delete(range(100, 100 + closed))
    if taken:
        assert "taken for holidays" in one(left).notes[0]
    else:
        with pytest.raises(InputError, match="business days missing"):
            one(left)


BERLIN = pd.date_range("2024-01-01", periods=16, freq="MS", tz="Europe/Berlin")


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "xlsx"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Shanghai", "America/New_York"])
def test_months_written_with_offsets_are_the_same_months_in_every_format(kind, zone, tmp_path):
    months = BERLIN.tz_localize(None).tz_localize(zone)
    frame = pd.DataFrame({"day": [day.isoformat() for day in months], "v": np.arange(16.0)})
    path = tmp_path / f"months.{kind}"
    if kind == "json":
        frame.to_json(path, orient="records")
    else:
        getattr(frame, {"csv": "to_csv", "parquet": "to_parquet", "xlsx": "to_excel"}[kind])(path, index=False)
    found = read_series(path, date="day", value="v")[0]
    assert found.dates[0] == pd.Timestamp("2024-01-01") and nexts(found.dates, 1) == ["2025-05-01"]


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-05-01 00:00:00+02", "2024-06-01 00:00:00+02"],
        ["2024-05-01T00Z", "2024-06-01T00Z"],
        ["20240501T000000Z", "20240601T000000Z"],
        ["2024-01-01 00:00:00+01", "2024-06-01 00:00:00+02"],
    ],
)
def test_short_offsets_are_read(texts):
    assert [day.day for day in read_dates(pd.Series(texts))] == [1, 1]


@pytest.mark.parametrize(
    "days, holidays",
    [
        (pd.bdate_range("2023-01-03", "2023-12-29"), 17),  # Shanghai: 242 days of trading
        (pd.bdate_range("2024-01-02", "2024-04-30"), 8),
        (pd.bdate_range("2023-12-20", "2024-01-16"), 3),
    ],
)
def test_markets_with_many_holidays_are_business_daily(days, holidays):
    closed = np.linspace(3, len(days) - 4, holidays).astype(int)
    assert f"{holidays} weekdays" in one(days.delete(closed)).notes[0]


@pytest.mark.parametrize(
    "freq, last",
    [
        ("BYE-MAR", "2023-03-31"),
        ("BQE-JAN", "2024-07-31"),
        ("YS-APR", "2024-03-31"),
        ("YS-DEC", "2023-12-31"),
        ("QS-DEC", "2024-02-29"),
    ],
)
def test_fiscal_years_end_when_they_end(freq, last):
    ends = {
        "BYE-MAR": "2023-04-10",
        "BQE-JAN": "2024-08-05",
        "YS-APR": "2023-04-10",
        "YS-DEC": "2023-12-10",
        "QS-DEC": "2023-12-10",
    }
    assert str(one(pd.date_range(end=ends[freq], periods=6, freq=freq)).as_of) == last
