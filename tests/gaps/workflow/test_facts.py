"""What rules look at: numbers, differences, days and periods, against the same said in Python."""

import calendar
import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.data.lease import connect_memory
from finlab.gaps.record import Gap, Gaps
from finlab.gaps.workflow.facts import facts_query, period_end, period_start


def fact(name: str, *gaps: Gap) -> list:
    """One fact of each gap."""
    with connect_memory() as connection:
        connection.register("shown", Gaps.of(gaps).arrow)
        query = facts_query("shown", handle="row_number() OVER ()")
        return [row[0] for row in connection.execute(f"SELECT {name} FROM ({query}) ORDER BY gap").fetchall()]


def pair(first: str | None, second: str | None, **more) -> Gap:
    return Gap(kind=more.pop("kind", "value"), sources=("a", "b"), values=(first, second), **more)


@pytest.mark.parametrize(
    ("values", "numbers", "difference"),
    [
        (("1000.00", "998.50"), [1000, Decimal("998.5")], Decimal("1.5")),
        (("998.50", "1000.00"), [Decimal("998.5"), 1000], Decimal("-1.5")),
        (("100.00 + 200.00", "299.55"), [300, Decimal("299.55")], Decimal("0.45")),
        (("-5", None), [-5, None], Decimal(-5)),
        ((None, "-12.00"), [None, -12], Decimal(12)),
        (("1,000.00", "1000.00"), [None, 1000], None),
        (("1.234,50", "5"), [None, 5], None),
        (("rent", "=1+1"), [None, None], None),
        (("1 + x", "1"), [None, 1], None),
        (("", "1"), [None, 1], None),
        (("99999999999999999999", "1"), [None, 1], None),
        (("1e3", "1"), [1000, 1], Decimal(999)),
    ],
)
def test_numbers_and_differences(values: tuple[str | None, str | None], numbers: list, difference: object) -> None:
    gap = pair(*values)
    assert fact("numbers", gap) == [numbers] and fact("difference", gap) == [difference]


def test_a_residual_stands_in_where_values_are_no_numbers() -> None:
    gaps = [pair("x", "y", residual=value) for value in (2.5, float("nan"), float("inf"), 1e300, None)]
    assert fact("difference", *gaps) == [Decimal("2.5"), None, None, None, None]
    three = Gap(kind="conflict", sources=("a", "b", "c"), values=("1", "2", "3"), residual=2.0)
    one = Gap(kind="identity", sources=("a",), values=("1",), residual=0.01)
    assert fact("difference", three, one) == [Decimal(2), Decimal("0.01")]


def test_cents_are_exact_where_binary_fractions_are_not() -> None:
    assert fact("difference", pair("0.3", "0.1", residual=0.19999999999999998)) == [Decimal("0.2")]


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1, max_size=5), st.decimals(-(10**9), 10**9, places=2))
def test_sums_are_exact(summands: list[Decimal], other: Decimal) -> None:
    gap = pair(" + ".join(map(str, summands)), str(other))
    assert fact("difference", gap) == [sum(summands) - other]


def test_days_between_days_and_by_the_residual_of_a_timing() -> None:
    gaps = [
        pair("2026-03-30", "2026-04-02", kind="timing"),
        pair("2026-04-02", "2026-03-30", kind="timing"),
        pair("30 March", "2 April", kind="timing", residual=-3.0),
        pair("30 March", "2 April", residual=-3.0),
        pair("2026-02-30", "2026-03-01", kind="timing"),
    ]
    assert fact("days", *gaps) == [3, 3, 3, None, None]


def test_words_are_the_key_its_parts_and_small() -> None:
    words = fact("words", pair("1", "2", key="A-1 | Nordbank AG; Hamburg"))[0]
    assert {"a-1", "nordbank ag", "hamburg", "a-1 | nordbank ag; hamburg"} == set(words)


def spans(periods: list[str]) -> list[tuple[date | None, date | None]]:
    with connect_memory() as connection:
        query = f"SELECT {period_start()}, {period_end()} FROM (SELECT unnest(?) AS period)"
        return connection.execute(query, [periods]).fetchall()


def span_in_python(period: str) -> tuple[date, date]:
    """First and last day, the slow and obvious way."""
    year = int(period[:4])
    if "Q" in period:
        first, last = 3 * int(period[-1]) - 2, 3 * int(period[-1])
    elif len(period) == 10:
        return date.fromisoformat(period), date.fromisoformat(period)
    else:
        first, last = (int(period[5:]), int(period[5:])) if len(period) == 7 else (1, 12)
    return date(year, first, 1), date(year, last, calendar.monthrange(year, last)[1])


@given(st.dates(date(1, 1, 1), date(9998, 12, 31)))
def test_periods_are_what_the_calendar_says(day: date) -> None:
    iso = day.isoformat()
    periods = [iso, iso[:7], f"{iso[:4]}-Q{(day.month + 2) // 3}", iso[:4]]
    assert spans(periods) == [span_in_python(period) for period in periods]


@given(st.text("0123456789-Q /x", max_size=12))
def test_a_text_that_is_no_period_has_no_days(text: str) -> None:
    found = spans([text])[0]
    known = re.fullmatch(r"\d{4}(-(Q[1-4]|\d\d(-\d\d)?))?", text)
    assert (found[0] is None) == (found[1] is None)
    assert known or found == (None, None)
