"""Currencies against fractions, zones against zoneinfo, business days against NumPy, years against pandas."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.clean import BusinessDay, Convert, Fiscal, ToUTC
from finlab.data.cleaning.currency import check_triangles
from finlab.data.cleaning.steps import Target, make_rule

DAY = "2026-03-27"
ROLLS = ("following", "preceding", "modified_following", "modified_preceding")


def rate(a: str, b: str, value: object, day: str = DAY) -> dict:
    return {"date": day, "from": a, "to": b, "rate": value}


def rounded(amount: Fraction, digits: int, rounding: str) -> Decimal:
    whole, rest = divmod(abs(amount) * 10**digits, 1)
    up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and (rounding == "half_up" or whole % 2 == 1))
    return Decimal((int(whole) + up) * (1 if amount >= 0 else -1)).scaleb(-digits)


AMOUNTS = st.decimals(-(10**12), 10**12, places=2)
RATES = st.one_of(st.decimals("0.0001", 400, places=4), st.sampled_from([Decimal("0.5"), Decimal(8), Decimal("1.25")]))


@settings(max_examples=60, deadline=None)
@given(
    amounts=st.lists(AMOUNTS, min_size=1, max_size=20), first=RATES, second=RATES,
    digits=st.integers(0, 4), rounding=st.sampled_from(["half_even", "half_up"]),
)  # fmt: skip
def test_every_way_is_exact(amounts, first, second, digits, rounding) -> None:
    ways = {
        "direct": ([rate("USD", "EUR", first)], Fraction(first)),
        "inverse": ([rate("EUR", "USD", first)], 1 / Fraction(first)),
        "through GBP": ([rate("USD", "GBP", first), rate("EUR", "GBP", second)], Fraction(first) / Fraction(second)),
    }
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (_row BIGINT, a DECIMAL(18, 2), c VARCHAR, d DATE)")
        con.executemany(f"INSERT INTO t VALUES (?, ?, ' usd', DATE '{DAY}')", list(enumerate(amounts)))
        for way, (rates, factor) in ways.items():
            rule = Convert("a", "c", "d", "EUR", rates, base="GBP", digits=digits, rounding=rounding)
            step = rule.steps(Target.of(con, "t"))[0]
            found = con.execute(f"SELECT value, note FROM ({step.query}) ORDER BY _row").fetchall()
            assert [row[0] for row in found] == [rounded(Fraction(a) * factor, digits, rounding) for a in amounts]
            assert {row[1] for row in found} == {f"{way} rate of {DAY}"}


@pytest.mark.parametrize(
    ("day", "expected"),
    [("2026-03-26", None), (DAY, 2), ("2026-03-29", 2), ("2026-04-03", 2), ("2026-04-04", None), ("2026-04-06", 3)],
)
def test_the_last_rate_not_too_old_is_taken(attempt, day: str, expected: int | None) -> None:
    rates = [rate("USD", "EUR", 2), rate("USD", "EUR", 3, "2026-04-05")]
    rule = Convert("a", "c", "d", "EUR", rates, missing="leave")
    done, rows = attempt("a, c, d", f"(1, 1.00, 'USD', DATE '{day}')", rule)
    assert rows[0][4] == expected
    assert done.remaining["note"].tolist() == ([] if expected else [f"no rate USD to EUR within 7 days before {day}"])


def test_a_direct_rate_goes_before_an_inverse_and_a_base(attempt) -> None:
    rates = [rate("USD", "EUR", 2), rate("EUR", "USD", 4), rate("USD", "GBP", 3), rate("GBP", "EUR", 3)]
    rule = Convert("a", "c", "d", "EUR", rates, base="GBP", into="x")
    _, rows = attempt("a, c, d", f"(1, 1.00, 'USD', DATE '{DAY}'), (2, 1.00, 'GBP', DATE '{DAY}')", rule)
    assert [row[4] for row in rows] == [2, 3]


def test_a_missing_rate_is_never_one(attempt) -> None:
    values = (
        f"(1, 1.00, 'USD', DATE '{DAY}'), (2, 1.00, NULL, DATE '{DAY}'), (3, 1.00, 'EUR', NULL), (4, NULL, 'X', NULL)"
    )
    rule = Convert("a", "c", "d", "EUR", [rate("CHF", "EUR", 1)], missing="leave")
    done, rows = attempt("a, c, d", values, rule)
    assert [row[4] for row in rows] == [None, None, None, None]
    assert done.steps[0].remaining == 3
    with pytest.raises(InputError, match="3 rows have no rate, such as row 1: no rate USD to EUR"):
        attempt("a, c, d", values, Convert("a", "c", "d", "EUR", [rate("CHF", "EUR", 1)]))


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT", "INTEGER", "DECIMAL(38, 4)", "HUGEINT"])
def test_every_type_of_amount_is_converted(attempt, kind: str) -> None:
    values = f"(1, CAST(7 AS {kind}), 'USD', TIMESTAMP '{DAY} 23:59')"
    _, rows = attempt("a, c, d", values, Convert("a", "c", "d", "EUR", [rate("USD", "EUR", 0.5)]))
    assert rows[0][4] == Decimal("3.50")


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ([rate("USD", "EUR", 0)], "a positive rate"),
        ([rate("USD", "EUR", -1)], "a positive rate"),
        ([rate("USD", "EUR", 1), rate("usd ", "EUR", 2)], "one rate for a day and a pair"),
        ([rate("USD", "EUR", "many")], "the rates cannot be read"),
        ([rate("USD", "EUR", float("inf"))], "the rates cannot be read"),
        ([rate("USD", "EUR", 1, "someday")], "the rates cannot be read"),
        ([rate(None, "EUR", 1)], "two currencies"),
        ([{"day": DAY}], "rates has no column 'date'"),
        ("nowhere", "the name of a table of the store"),
        (3, "expected a frame"),
    ],
)
def test_bad_rates_are_refused(attempt, rates, words: str) -> None:
    with pytest.raises(InputError) as caught:
        attempt("a, c, d", f"(1, 1.00, 'USD', DATE '{DAY}')", Convert("a", "c", "d", "EUR", rates))
    assert words in str(caught.value)


def test_an_amount_too_large_to_be_exact_is_refused(attempt) -> None:
    rule = Convert("a", "c", "d", "EUR", [rate("USD", "EUR", "0.123456789012")])
    with pytest.raises(InputError, match="cannot be carried out"):
        attempt("a, c, d", f"(1, 99999999999999999999999999999999.00::DECIMAL(38, 2), 'USD', DATE '{DAY}')", rule)


def test_triangles_that_agree_are_not_listed(con) -> None:
    rates = [rate("EUR", "USD", 1.1), rate("USD", "JPY", 150), rate("EUR", "JPY", 165.05)]
    assert check_triangles(con, rates, most=0.001).empty
    found = check_triangles(con, rates, most=0.0001)
    assert found["deviation"].abs().max() == pytest.approx(0.05 / 165, rel=0.01)


@settings(max_examples=30, deadline=None)
@given(
    zone=st.sampled_from(
        ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/St_Johns"]
    ),
    start=st.datetimes(datetime(1985, 1, 1), datetime(2035, 1, 1)),
)
def test_moments_agree_with_zoneinfo(zone: str, start: datetime) -> None:
    local = [start.replace(second=0, microsecond=0) + timedelta(minutes=90 * i) for i in range(4000)]
    for choice, fold in (("earlier", 0), ("later", 1)):
        with duckdb.connect() as con:
            con.execute(
                "CREATE TABLE t AS SELECT unnest(range(len(?))) AS _row, unnest(?::TIMESTAMP[]) AS t", [local, local]
            )
            step = ToUTC("t", zone, ambiguous=choice, nonexistent="shift").steps(Target.of(con, "t"))[0]
            got = con.execute(f"SELECT timezone('UTC', value) FROM ({step.query}) ORDER BY _row").fetchall()
        tz = ZoneInfo(zone)
        expected = [t.replace(tzinfo=tz, fold=fold).astimezone(UTC).replace(tzinfo=None) for t in local]
        real = [
            e.replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None) == t for e, t in zip(expected, local, strict=True)
        ]
        shifted = [t.replace(tzinfo=tz, fold=0).astimezone(UTC).replace(tzinfo=None) for t in local]
        assert [row[0] for row in got] == [e if r else s for e, r, s in zip(expected, real, shifted, strict=True)]


def test_zones_of_a_column_and_moments_that_do_not_exist(attempt) -> None:
    values = (
        "(1, TIMESTAMP '2026-03-29 01:30', 'Europe/London'), (2, TIMESTAMP '2026-10-25 01:30', 'Europe/London'), "
        "(3, TIMESTAMP '2026-07-01 12:00', ' Asia/Tokyo '), (4, TIMESTAMP '2026-07-01 12:00', 'Mars/Base'), "
        "(5, TIMESTAMP '2026-07-01 12:00', NULL), (6, NULL, 'Asia/Tokyo'), (7, 'infinity'::TIMESTAMP, 'Asia/Tokyo')"
    )
    rule = ToUTC("t", zone_column="z", ambiguous="null", nonexistent="null")
    done, rows = attempt("t, z", values, rule)
    assert [row[3] and row[3].astimezone(UTC).hour for row in rows[:6]] == [None, None, 3, None, None, None]
    assert done.remaining["note"].str.partition(":")[0].tolist()[:4] == [
        "nonexistent",
        "ambiguous",
        "unknown zone",
        "unknown zone",
    ]
    assert done.remaining["note"].tolist()[4:] == ["infinite: 1970-01-01 00:00:00 in Asia/Tokyo"]
    with pytest.raises(
        InputError, match="1 moments are ambiguous, the first in row 2: 2026-10-25 01:30:00 in Europe/London"
    ):
        attempt("t, z", values, ToUTC("t", zone_column="z"))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6), weekend=st.sampled_from([(6, 7), (5, 6), (7,)]), roll=st.sampled_from(ROLLS),
)  # fmt: skip
def test_business_days_agree_with_numpy(seed: int, weekend: tuple[int, ...], roll: str) -> None:
    rng = np.random.default_rng(seed)
    days = np.datetime64("2000-01-01") + rng.integers(0, 20000, 300)
    free = days[rng.random(300) < 0.3]
    mask = "".join("0" if day in weekend else "1" for day in range(1, 8))
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT unnest(range(300)) AS _row, unnest(?::DATE[]) AS d", [days.tolist()])
        rule = BusinessDay("d", roll, holidays=free.tolist(), weekend=weekend)
        got = con.execute(f"SELECT value FROM ({rule.steps(Target.of(con, 't'))[0].query}) ORDER BY _row").fetchall()
    expected = np.busday_offset(days, 0, roll=roll.replace("_", ""), weekmask=mask, holidays=free)
    assert [row[0] for row in got] == expected.tolist()


def test_holidays_of_a_country(attempt) -> None:
    pytest.importorskip("holidays")
    done, rows = attempt("d", "(1, DATE '2026-12-25'), (2, NULL)", BusinessDay("d", holidays="GB"))
    assert rows == [(1, date(2026, 12, 29)), (2, None)]  # the 26th is a Saturday: its holiday is Monday the 28th
    assert done.changes["note"].tolist() == ["following: Friday, a holiday"]
    with pytest.raises(InputError, match="the ISO code of a country"):
        attempt("d", "(1, DATE '2026-12-25')", BusinessDay("d", holidays="Narnia"))


def test_a_month_without_a_business_day_is_left(attempt) -> None:
    free = pd.date_range("2026-01-01", "2026-04-01").date.tolist()
    done, rows = attempt("d", "(1, DATE '2026-02-01')", BusinessDay("d", holidays=free))
    assert rows == [(1, date(2026, 2, 1))] and done.steps[0].remaining == 1


@pytest.mark.parametrize("month", range(1, 13))
def test_fiscal_years_agree_with_pandas(attempt, month: int) -> None:
    days = pd.date_range("2024-01-01", "2027-12-31", freq="9D")
    values = ", ".join(f"({i}, DATE '{day.date()}')" for i, day in enumerate(days))
    last = (pd.Timestamp(2000, month, 1) - pd.DateOffset(days=1)).strftime("%b").upper()
    _, rows = attempt("d", values, Fiscal("d", month), Fiscal("d", month, named="start", year="y", period="p"))
    by_pandas = pd.PeriodIndex(days, freq=f"Y-{last}")
    assert [row[2] for row in rows] == by_pandas.year.tolist()
    assert [row[4] for row in rows] == by_pandas.start_time.year.tolist()
    months = [
        (day.year - start.year) * 12 + day.month - start.month + 1
        for day, start in zip(days, by_pandas.start_time, strict=True)
    ]
    assert [row[3] for row in rows] == months == [row[5] for row in rows]


@pytest.mark.parametrize(
    ("settings_of", "words"),
    [
        ({"kind": "to_utc", "column": "t"}, "a zone or a column of zones"),
        (
            {"kind": "to_utc", "column": "t", "zone": "UTC", "ambiguous": "guess"},
            "expected one of earlier, later, null, raise",
        ),
        ({"kind": "business_day", "column": "d", "holidays": ["soon"]}, "a day such as '2026-12-25'"),
        ({"kind": "business_day", "column": "d", "holidays": 5}, "a list of days"),
        ({"kind": "business_day", "column": "d", "weekend": [1, 2, 3, 4, 5, 6, 7]}, "not all of them"),
        (
            {"kind": "business_day", "column": "d", "weekend": ["Monday"]},
            "weekend[0] is 'Monday'; expected a whole number",
        ),
        ({"kind": "fiscal", "column": "d", "first_month": 13}, "at most 12"),
        (
            {"kind": "convert", "amount": "a", "currency": "c", "date": "d", "to": " ", "rates": []},
            "a currency such as",
        ),
        (
            {"kind": "convert", "amount": "a", "currency": "c", "date": "d", "to": "EUR", "rates": [], "digits": 99},
            "at most 9",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_cannot_be_made(settings_of: dict, words: str) -> None:
    with pytest.raises(InputError) as caught:
        make_rule(settings_of)
    assert words in str(caught.value)
