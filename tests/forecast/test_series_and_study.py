"""From any table to forecasts: layouts, frequencies, what is refused and how, and the study of one series."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

import finlab
from finlab.core import trace
from finlab.core.errors import InputError
from finlab.forecast import forecast, read_series, study_series
from finlab.forecast.study import find_facts

pytestmark = pytest.mark.filterwarnings("ignore:.*remember_data:FutureWarning")

MONTHS = pd.date_range("2020-01-31", periods=48, freq="ME")
VALUES = 100 + np.random.default_rng(0).normal(0, 1, 48).cumsum()
COLUMNS = ["unique_id", "ds", "model", "mean", "lo-80", "hi-80", "lo-95", "hi-95"]


def series(name: str = "sales") -> pd.Series:
    return pd.Series(VALUES, index=MONTHS, name=name)


@pytest.mark.parametrize(
    "dates, code, period",
    [
        (pd.date_range("2000", periods=9, freq="YS"), "Y", 1),
        (pd.date_range("2000", periods=9, freq="QE"), "Q", 4),
        (pd.date_range("2000-01-15", periods=9, freq=pd.DateOffset(months=1)), "M", 12),
        (pd.date_range("2000", periods=30, freq="BMS"), "M", 12),
        (pd.date_range("2000", periods=30, freq="W-THU"), "W", 52),
        (pd.date_range("2000", periods=30, freq="D"), "D", 7),
        (pd.bdate_range("2000", periods=30), "B", 5),
        (pd.date_range("2000", periods=30, freq="h"), "h", 24),
        (pd.date_range("2000", periods=30, freq="BME"), "M", 12),
        (pd.period_range("2000Q1", periods=9, freq="Q"), "Q", 4),
        (pd.date_range("2000", periods=9, freq="D", tz="Europe/Madrid"), "D", 7),
    ],
)
def test_the_rhythm_is_found(dates, code, period):
    found = read_series(pd.Series(np.arange(float(len(dates))), index=dates, name="y"))[0]
    assert (found.frequency.code, found.period, len(found.values)) == (code, period, len(dates))
    ahead = found.future(3)
    assert ahead.is_monotonic_increasing and ahead[0] > found.values.index[-1]
    assert len(found.with_periods()) == len(dates)


def test_future_dates_keep_the_habit_of_the_data():
    ends = ["2024-01-31", "2024-02-29"]
    habits = {"ME": ends, "MS": ["2024-01-01", "2024-02-01"], "BME": ends}
    for code, expected in habits.items():
        past = pd.date_range(end="2023-12-31", periods=12, freq=code)
        found = read_series(pd.Series(np.arange(12.0), index=past))[0].future(2)
        assert [str(day.date()) for day in found] == expected, code


def test_layouts_agree():
    long = pd.DataFrame({"when": MONTHS.strftime("%Y-%m-%d"), "what": "sales", "amount": VALUES, "note": "x"})
    layouts = [
        (series(), {}),
        (series().to_frame(), {}),
        (series().to_period("M"), {}),
        (pd.DataFrame({"unique_id": "sales", "ds": MONTHS, "y": VALUES}), {}),
        (long, {"date": "when", "value": "amount"}),
        (long, {"id": "what", "date": "when", "value": "amount"}),
        (long[["when", "amount"]], {}),
        (long.assign(when=MONTHS.strftime("%d/%m/%Y")), {"date": "when", "value": "amount"}),
        (long.assign(when=MONTHS.strftime("%Y-%m")), {"date": "when", "value": "amount"}),
        (series()[::-1], {}),
    ]
    tables = [forecast(data, 2, models="ses", **options) for data, options in layouts]
    for table in tables:
        assert list(table.columns) == COLUMNS
        np.testing.assert_allclose(table["mean"], tables[0]["mean"])


@pytest.mark.parametrize(
    "data, message",
    [
        (series().drop(MONTHS[[4, 9]]), "sales: 2 months missing: 2020-05, 2020-10; expected a value for each month"),
        (series().where(series().index != MONTHS[3]), r"sales, row 4 \(2020-04-30\): the value is missing"),
        (series().where(series().index != MONTHS[3], np.inf), "sales, row 4: inf; expected a finite number"),
        (series().sample(frac=1, random_state=0), "comes after a later date"),
        (pd.concat([series(), series()[-1:]]), "2023-12 is there twice; expected each month once"),
        (series().astype(object).where(series().index != MONTHS[2], "n/a"), "sales, row 3: 'n/a'; expected a number"),
        (series()[:2], "2 values; expected at least 3"),
        (pd.Series(VALUES[:10], index=pd.date_range("2020", periods=10, freq="2MS")), "no known rhythm"),
        (pd.Series([np.nan] * 5, index=MONTHS[:5], name="x"), "x holds no values at all"),
        (pd.Series([True] * 5, index=MONTHS[:5], name="x"), "expected numbers"),
        (pd.Series(VALUES), "expected dates or periods"),
        (pd.DataFrame(), "expected data"),
        (pd.DataFrame({"a": ["x", "y"], "b": [1, 2]}), "no date column is named; expected date=... as one of a, b"),
        (VALUES, "expected a Series, a DataFrame, a path"),
    ],
)
def test_bad_data_are_refused_with_their_place(data, message):
    with pytest.raises(InputError, match=message):
        forecast(data, 2)


@pytest.mark.parametrize(
    "texts, message",
    [
        (["2024-01-01", "soon", "2024-03-01"], "row 2: 'soon'; expected a date such as"),
        (["01/02/2024", "01/03/2024", "01/04/2024"], "may be day/month or month/day"),
        ([45000, 45031, 45062], "row 1: 45000"),
    ],
)
def test_bad_dates_are_refused(texts, message):
    with pytest.raises(InputError, match=message):
        read_series(pd.DataFrame({"d": texts, "v": [1.0, 2, 3]}), date="d", value="v")


def test_dates_that_the_caller_explains_are_read():
    frame = pd.DataFrame({"d": ["01/02/2024", "01/03/2024", "01/04/2024"], "v": [1.0, 2, 3]})
    assert read_series(frame, date="d", value="v", dayfirst=True)[0].frequency.code == "M"
    assert read_series(frame, date="d", value="v", dayfirst=False)[0].frequency.code == "D"
    years = pd.DataFrame({"d": [2001, 2002, 2003], "v": [1.0, 2, 3]})
    assert read_series(years, date="d", value="v")[0].frequency.code == "Y"


def test_holidays_are_noted_and_padding_is_cut():
    days = pd.bdate_range("2024-01-01", periods=200)
    market = pd.Series(np.arange(197.0), index=days.delete([30, 80, 120]), name="index")
    assert "3 weekdays without a value are taken for holidays" in read_series(market)[0].notes[0]
    wide = pd.DataFrame({"old": series(), "new": series().where(series().index >= MONTHS[10])})
    old, new = read_series(wide)
    assert len(new.values) == 38 and "10 missing values" in new.notes[0] and not old.notes


def test_many_series_keep_their_own_ends_and_order():
    wide = pd.DataFrame({"b": series(), "a": series().where(series().index < MONTHS[40])})
    table = forecast(wide, 3, models=["naive", "drift"], level=(50,))
    assert list(table["unique_id"].unique()) == ["b", "a"] and len(table) == 12
    first = table.groupby("unique_id")["ds"].min()
    assert str(first["b"].date()) == "2024-01-31" and str(first["a"].date()) == "2023-05-31"
    assert list(table.columns[-2:]) == ["lo-50", "hi-50"]


def test_files_and_samples_are_read_and_noted(workbench):
    pd.DataFrame({"month": MONTHS.strftime("%Y-%m-%d"), "sales": VALUES}).to_csv("sales.csv", index=False)
    trace.clear()
    table = forecast("sales.csv", 2, date="month", value="sales", models="naive")
    assert table["unique_id"].unique().tolist() == ["sales"] and np.isclose(table["mean"].iloc[0], VALUES[-1])
    assert trace.records("read")[0]["rows"] == 48 and len(trace.records("read")[0]["sha256"]) == 64
    with pytest.raises(InputError, match="did you mean 'sales'"):
        forecast("sales.csv", 2, date="month", value="sale")
    with pytest.raises(InputError):
        forecast("nowhere.csv", 2)


def test_auto_names_the_method_and_foreign_forecasters_may_fail():
    class Fails:
        def clone(self):
            raise RuntimeError("no")

        fit = predict = clone

    auto = forecast(series(), 2)
    assert auto["model"].nunique() == 1 and auto["mean"].notna().all()
    short = forecast(series()[:6], 2)
    assert short["model"].unique().tolist() == ["naive2"] and "no backtest" in short.attrs["notes"][0]
    broken = forecast(series(), 2, models={"fails": Fails()})
    assert broken["mean"].isna().all() and "sales: fails failed: RuntimeError: no" in broken.attrs["notes"][0]


def test_a_study_says_everything(workbench):
    study = study_series(read_series("sample:airline")[0], horizon=6, today=date(1961, 1, 20), freshness_days=45)
    assert not study.facts.is_stale and study.facts.age_days == 20 and study.facts.unit
    assert len(study.forecasts) == 6 and len(study.split.test) == 29 and "naive" in study.holdout
    assert study.totals is not None and "arima" in study.totals.tests.index
    assert list(study.checks.index) == ["no pattern left", "no bias", "normal"] and study.checks["p"].notna().all()
    for word in ("Fresh", "Forecast by", "Running total over 12 steps"):
        assert word in study.summary()
    for figure in (study.plot_forecast(), study.plot_split(), study.plot_residuals()):
        assert "thousand passengers" in figure.axes[0].get_title(loc="left")
    assert "<p>" in study._repr_html_()


@pytest.mark.parametrize("kind", ["three values", "constant", "zeros and ones", "negative", "huge"])
def test_a_study_of_an_odd_series_does_not_fail(workbench, kind, recwarn):
    rng = np.random.default_rng(0)
    values = {
        "three values": np.array([1.0, 2, 4]),
        "constant": np.full(60, 3.0),
        "zeros and ones": (rng.random(60) < 0.1).astype(float),
        "negative": -100 + rng.normal(0, 1, 60).cumsum(),
        "huge": 1e12 * (1 + rng.random(60)),
    }[kind]
    data = pd.Series(values, index=pd.date_range("2019-01-01", periods=len(values), freq="MS"), name=kind)
    study = study_series(read_series(data)[0], horizon=3, today=date(2030, 1, 1))
    assert study.forecasts["mean"].notna().all() and study.facts.is_stale and "Stale" in study.summary()
    assert study.plot_forecast() and study.plot_split() and study.plot_residuals()
    assert not [str(w.message) for w in recwarn.list if "finlab" in str(w.filename)]


def test_the_hidden_part_has_no_say_in_how_it_is_forecast(workbench):
    """Whatever the hidden part holds, the forecasts of it stay the same, the choice of the method included."""
    rng = np.random.default_rng(1)
    trend = np.arange(120) * 2 + rng.normal(0, 1, 120)
    months = pd.date_range("2010-01-31", periods=120, freq="ME")
    same = pd.Series(trend, index=months, name="sales")
    other = same.copy()
    other.iloc[48:] = trend[47] - 2 * np.arange(72) + rng.normal(0, 1, 72)
    found = [read_series(y, period=1)[0] for y in (same, other)]
    free, today = ("naive", "drift", "ses"), date(2020, 1, 1)
    one, two = (study_series(each, horizon=3, share=0.4, models=free, today=today) for each in found)
    assert list(one.holdout) == list(two.holdout) == ["drift", "naive"] and two.model != "drift"
    for name, mean in one.holdout.items():
        np.testing.assert_array_equal(mean, two.holdout[name])


def test_what_went_wrong_with_the_hidden_part_is_said(workbench):
    study = study_series(read_series(series()[:14])[0], horizon=2, today=date(2024, 1, 20))
    assert any(note.startswith("The hidden part: sales: no backtest, naive2 is used") for note in study.notes)


def test_unknown_models_are_refused_also_for_a_short_series():
    for n in (4, 48):
        found = read_series(series()[:n])[0]
        with pytest.raises(InputError, match="method is 'nosuch'"):
            study_series(found, models=["nosuch"])


def test_a_forecast_that_is_no_number_is_explained():
    table = forecast(series(), 2, period=100, models=["seasonal_naive", "naive"])
    lost = table[table["mean"].isna()]
    assert lost["model"].unique().tolist() == ["seasonal_naive"]
    expected = ["sales: seasonal_naive made no forecast: 48 values are too few for a season of 100"]
    assert table.attrs["notes"] == expected


def test_the_ledger_gets_the_end_of_the_data_and_not_the_day_of_the_file(workbench):
    pd.DataFrame({"month": MONTHS, "sales": VALUES}).to_csv("sales.csv", index=False)
    finlab.Store().load("sales.csv", "stored")
    trace.clear()
    for source in ("sales.csv", "stored"):
        found = read_series(source)[0]
        assert trace.records("read")[-1]["as_of"] == str(found.as_of) == "2023-12-31"
    with pytest.raises(InputError, match="no column 'sale'"):
        read_series("sales.csv", value="sale")
    assert [record["name"] for record in trace.records("read")] == ["sales.csv", "stored", "sales.csv"]


def test_data_that_end_in_the_future_are_not_called_fresh():
    found = read_series(series())[0]
    facts = find_facts(found, today=date(2023, 12, 20), freshness_days=45)
    assert facts.is_future and not facts.is_stale
    assert facts.freshness.startswith("Ends in the future: the data end on 2023-12-31, 11 days from now")
    assert not find_facts(found, today=date(2023, 12, 31), freshness_days=45).is_future


def test_columns_of_one_name_and_rows_without_a_name_are_refused():
    twice = pd.concat([series(), series("costs"), series()], axis=1)
    with pytest.raises(InputError, match="the table has 2 columns 'sales'; expected each name once"):
        read_series(twice)
    long = pd.DataFrame({"shop": ["a", None, "a", "b"], "ds": MONTHS[:4], "y": VALUES[:4]})
    with pytest.raises(InputError, match="shop, row 2: the name is missing; expected a name in every row"):
        read_series(long, id="shop", date="ds", value="y")


def test_hours_in_a_zone_are_counted_in_utc_and_days_keep_their_date():
    hours = pd.date_range("2024-03-30", periods=72, freq="h", tz="Europe/Berlin")  # one hour is lost that night
    for index in (hours, hours + pd.Timedelta(days=210)):  # and one is there twice in autumn
        found = read_series(pd.Series(np.arange(72.0), index=index, name="load"))[0]
        assert found.frequency.code == "h" and found.notes == (
            "the hours are in UTC; they were given in the zone Europe/Berlin",
        )
        assert (found.dates == index.tz_convert(None)).all()
    frame = pd.DataFrame({"when": hours, "load": np.arange(72.0)})
    assert read_series(frame, date="when", value="load")[0].notes
    days = pd.date_range("2024-03-25", periods=20, freq="D", tz="Europe/Berlin")
    daily = read_series(pd.Series(np.arange(20.0), index=days, name="load"))[0]
    assert str(daily.dates[0]) == "2024-03-25 00:00:00" and not daily.notes


@pytest.mark.parametrize("source", ["~nobody-of-that-name/a.csv", "a" * 300, "a" * 300 + ".csv"])
def test_paths_that_cannot_be_looked_for_are_refused(workbench, source):
    with pytest.raises(InputError, match=r"^source is .*; expected a path"):
        read_series(source)


def test_a_closed_market_is_a_holiday_whether_its_row_is_left_out_or_empty():
    days = pd.bdate_range("2024-01-01", periods=200)
    prices = pd.Series(np.arange(200.0), index=days, name="index")
    empty, left_out = prices.where(~prices.index.isin(days[[30, 80]])), prices.drop(days[[30, 80]])
    one, other = read_series(empty)[0], read_series(left_out)[0]
    assert one.values.equals(other.values) and one.notes == other.notes and "2 weekdays" in one.notes[0]


def test_the_row_that_is_named_is_the_one_that_is_no_number():
    texts = pd.Series(["100.5", "101", "n/a?", "99"], index=pd.date_range("2024", periods=4, freq="MS"), name="x")
    with pytest.raises(InputError, match=r"x, row 3: 'n/a\?'; expected a number"):
        read_series(texts)


def test_decimals_are_numbers_and_complex_values_are_not():
    from decimal import Decimal

    frame = pd.DataFrame({"day": pd.date_range("2024", periods=4, freq="MS"), "v": [Decimal("1.5"), None, None, None]})
    assert read_series(frame.assign(v=Decimal("2.50")))[0].values.tolist() == [2.5] * 4
    with pytest.raises(InputError, match="complex"):
        read_series(pd.Series([1 + 2j] * 4, index=frame["day"]))


def test_the_notes_of_the_reader_travel_with_the_series(tmp_path):
    path = tmp_path / "two.xlsx"
    with pd.ExcelWriter(path) as book:
        for sheet in ("A", "B"):
            series().rename_axis("day").reset_index().to_excel(book, sheet_name=sheet, index=False)
    assert any("'B'" in note for note in read_series(path)[0].notes)
    assert any("'B'" in note for note in forecast(path, 2).attrs["notes"])


@pytest.mark.parametrize("wrong", [{"models": []}, {"horizon": 20_000}, {"period": 0}])
def test_arguments_that_cannot_be_used_are_named(wrong):
    name = next(iter(wrong))
    with pytest.raises(InputError, match=f"{name} is "):
        forecast(series(), **{"horizon": 2, **wrong})


def test_a_series_is_forecast_with_the_period_that_is_given():
    assert {one.period for one in read_series(read_series(series()), period=4)} == {4}


def test_every_level_of_an_interval_is_drawn():
    study = study_series(read_series(series())[0], horizon=3, level=(50, 60, 70, 80, 95))
    axes = study.plot_forecast().axes[0]
    assert sum("interval" in str(band.get_label()) for band in axes.collections) == 5


def test_names_of_columns_are_texts_or_become_texts():
    numbered = pd.DataFrame({0: MONTHS, 1: VALUES})
    (only,) = read_series(numbered)
    assert only.name == "1" and read_series(numbered, date="0", value="1")[0].values.equals(only.values)


def test_a_panel_with_names_in_its_index_is_a_long_table():
    panel = pd.concat({"a": series("y").to_frame(), "b": 2 * series("y").to_frame()}, names=["shop", "month"])
    found = read_series(panel, id="shop")
    assert [one.name for one in found] == ["a", "b"] and len(found[1].values) == 48
    with pytest.raises(InputError, match=r"month: 2020-01-31 is in 2 rows; expected .* id=... as one of shop"):
        read_series(panel)
    with pytest.raises(InputError, match="the table has 2 columns 'y'; expected each name once"):
        read_series(panel.rename_axis(index=["y", "month"]))
