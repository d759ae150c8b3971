"""Books: both tables in one form against plain Python, exact rates, and what cannot be compared refused."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.comparing.readings import Reading
from finlab.gaps.comparing.sides import paired
from finlab.gaps.matching.books import MOST_CENTS, MOST_DIGITS, Books, Rates, lay, whole
from finlab.gaps.matching.roles import Pair

EPOCH = date(1970, 1, 1)
AMOUNT = {"amount": Pair("amount", "amount")}
DATED = {**AMOUNT, "date": Pair("date", "date"), "currency": Pair("currency", "currency")}
Laid = tuple[Books, list[list[dict[str, Any]]]]


def laid(left: Any, right: Any, roles: Mapping[str, Pair] = AMOUNT, *more: Any) -> Laid:
    """What `lay` says, and the rows of both tables."""
    with paired(left, right, ("ledger", "bank")) as sides:
        connection = sides[0].relation.connection
        books = lay(connection, sides, roles, *more)
        rows = [connection.sql(f"SELECT * FROM {one} ORDER BY row").to_arrow_table().to_pylist() for one in "lr"]
    return books, rows


def cents(left: Any, right: Any, roles: Mapping[str, Pair] = AMOUNT, *more: Any) -> list[list[int | None]]:
    return [[row["cents"] for row in rows] for rows in laid(left, right, roles, *more)[1]]


def amounts(*values: Any) -> pd.DataFrame:
    return pd.DataFrame({"amount": pd.Series(list(values), dtype=object)})


@given(st.lists(st.one_of(st.none(), st.integers(1 - MOST_CENTS, MOST_CENTS - 1)), max_size=20), st.integers(0, 6))
def test_whole_amounts_are_their_cents(values: list[int | None], digits: int) -> None:
    exact = [None if value is None else Decimal(value).scaleb(-digits) for value in values]
    column = pa.chunked_array(
        [pa.array(exact[:7], pa.decimal128(38, digits)), pa.array(exact[7:], pa.decimal128(38, digits))]
    )
    assert whole(column, digits, "x").to_pylist() == values


@pytest.mark.parametrize("value", [MOST_CENTS, -MOST_CENTS, 1 << 64, -(1 << 64) - 5, 10**30])
def test_an_amount_that_is_too_large_for_sums_is_refused(value: int) -> None:
    with pytest.raises(InputError, match=r"an amount in 'sum' has 9,007,199,254,740,992 cents or more"):
        whole(pa.chunked_array([pa.array([Decimal(value).scaleb(-2)], pa.decimal128(38, 2))]), 2, "sum")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["1,254.00", "8.50", "-3.25"], ["1.254,00", "8,50", "-3,25"]),
        (["1254.00", "8.50", "-3.25"], ["1 254.00", "8.5", "(3.25)"]),
        (["1254.00", "8.50", "-3.25"], ["USD 1,254.00", "$8.50", "-$3.25"]),
        ([Decimal("1254.00"), Decimal("8.50"), Decimal("-3.25")], ["1'254.00", "8.50", "3.25-"]),
        (["1254", "8.5", "-3.25"], [1254.0, 8.5, -3.25]),
    ],
    ids=["point and comma", "blank and brackets", "signs", "apostrophe", "floats"],
)
def test_amounts_in_several_formats_are_the_same_cents(left: list[Any], right: list[Any]) -> None:
    one, other = pd.DataFrame({"amount": left}), pd.DataFrame({"amount": right})
    assert cents(one, other) == [[125_400, 850, -325]] * 2


def test_floats_are_read_as_they_are_shown() -> None:
    shown = pd.DataFrame({"amount": [0.1 + 0.2, 1.1 * 3, 1e-7 * 1e7, 4.35 * 100]})
    with_digits = cents(shown, amounts("0.3", "3.3", "1", "435"))
    assert with_digits[0] == with_digits[1] == [30, 330, 100, 43_500]


def test_texts_and_floats_have_two_digits_and_whole_numbers_have_none() -> None:
    assert laid(amounts("100.00"), amounts("250.00"))[0].digits == 2
    assert laid(pd.DataFrame({"amount": [1.5]}), pd.DataFrame({"amount": [2.0]}))[0].digits == 2
    assert laid(pd.DataFrame({"amount": [15]}), pd.DataFrame({"amount": [20]}))[0].digits == 0
    assert laid(amounts("1.005", "2.25"), amounts("2"))[0].digits == 3


def test_amounts_that_are_too_fine_are_refused() -> None:
    with pytest.raises(InputError, match=f"have 7 decimals; expected at most {MOST_DIGITS}"):
        laid(amounts("1.0000001"), amounts("2"))


def test_what_is_none_or_cannot_be_read_is_null_and_counted() -> None:
    left = pd.DataFrame({"amount": [1.5, np.nan, np.inf, -np.inf]})
    books, rows = laid(left, left.head(1))
    assert [row["cents"] for row in rows[0]] == [150, None, None, None]
    assert "ledger: 2 values of 'amount' could not be read as number" in books.notes
    assert "ledger: 3 of 4 rows have no amount: they count as nothing" in books.notes


@pytest.mark.parametrize(
    ("role", "values", "kind"),
    [("amount", ["Muller", "Smith"], "number"), ("date", ["soon", "later"], "day"), ("amount", [[1], [2]], "number")],
)
def test_a_column_of_which_nothing_can_be_read_is_refused(role: str, values: list[Any], kind: str) -> None:
    table = pd.DataFrame({"amount": ["1.00", "2.00"], "x": values})
    with pytest.raises(InputError, match=f"no value of 'x' of ledger, such as .* can be read as a {kind}.*'{role}'"):
        laid(table, table, {**AMOUNT, role: Pair("x", "x")})


def test_columns_of_nothing_are_no_mistake() -> None:
    nothing = pd.DataFrame(
        {"amount": pd.Series([None, None], dtype=object), "date": pd.Series([None] * 2, dtype=object)}
    )
    roles = {**AMOUNT, "date": Pair("date", "date")}
    assert [(row["cents"], row["day"]) for row in laid(nothing, nothing.head(0), roles)[1][0]] == [(None, None)] * 2


def test_a_day_in_doubt_is_asked_for_by_its_role_and_answered() -> None:
    table = pd.DataFrame({"amount": ["1.00"], "when": ["03/04/2026"]})
    roles = {**AMOUNT, "date": Pair("when", "when")}
    with pytest.raises(InputError, match=r"say readings=\{'date': Reading\(date_order='dmy'\)\} or 'mdy'"):
        laid(table, table, roles)
    days = {
        order: laid(table, table, roles, {"date": Reading(kind="day", date_order=order)})[1][0][0]["day"]
        for order in ("dmy", "mdy")
    }
    assert days == {"dmy": (date(2026, 4, 3) - EPOCH).days, "mdy": (date(2026, 3, 4) - EPOCH).days}


def test_moments_around_midnight_have_the_day_of_the_zone_that_is_said() -> None:
    zoned = pd.DataFrame({"amount": ["1.00"], "date": pd.to_datetime(["2026-03-05 23:30"]).tz_localize("UTC")})
    local = pd.DataFrame({"amount": ["1.00"], "date": pd.to_datetime(["2026-03-06 00:30"])})
    roles = {**AMOUNT, "date": Pair("date", "date")}
    told = {"date": Reading(kind="day", timezone="Europe/Berlin")}
    rows = laid(zoned, local, roles, told)[1]
    assert rows[0][0]["day"] == rows[1][0]["day"] == (date(2026, 3, 6) - EPOCH).days


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        ({"amuont": Reading()}, r"a role in readings is 'amuont'.*did you mean 'amount'\?"),
        ({"amount": "number"}, "the reading of 'amount' is 'number'; expected a Reading"),
        (3, "readings is 3; expected a mapping"),
    ],
)
def test_readings_that_are_none_are_refused(readings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        laid(amounts("1.00"), amounts("1.00"), AMOUNT, readings)


def test_codes_and_texts_are_folded_and_commands_stay_texts() -> None:
    left = pd.DataFrame(
        {"amount": ["1.00"] * 3, "no": ["INV-007", "0012", "=1+1"], "who": [" Müller  AG", "'; DROP TABLE l;--", None]}
    )
    right = pd.DataFrame({"amount": ["1.00"] * 3, "no": ["inv 007", "12", "11"], "who": ["müller ag", "<b>x</b>", ""]})
    roles = {**AMOUNT, "reference": Pair("no", "no"), "party": Pair("who", "who")}
    books, rows = laid(left, right, roles)
    assert [row["reference"] for row in rows[0]] == [row["reference"] for row in rows[1]]
    assert rows[0][0]["party"] == rows[1][0]["party"] and rows[0][2]["party"] == rows[1][2]["party"] == ""
    assert rows[0][1]["party"] == "'; DROP TABLE L;--" and rows[1][1]["party"] == "<B>X</B>"
    assert "ledger: 1 of 3 rows have no party: they are only laid beside rows without one" in books.notes


def test_amounts_of_the_opposite_sign_are_turned_with_a_note_and_a_single_one_is_not() -> None:
    left = amounts(*(f"{place}.10" for place in range(1, 9)))
    right = amounts(*(f"-{place}.10" for place in range(1, 9)))
    books, _ = laid(left, right)
    assert books.turned and "bank are taken with the opposite sign" in books.notes[-1]
    assert cents(left, right)[0] == cents(left, right)[1]
    assert not laid(left, amounts("-1.10", *(f"{place}.10" for place in range(2, 9))))[0].turned


def money(*rows: tuple[str | None, str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["amount", "date", "currency"])


TABLE = pd.DataFrame({
    "date": ["2026-03-02", "2026-03-06", "2026-03-02"], "currency": ["USD", "usd", "JPY"],
    "rate": ["0.925", "0.91", "0.0061"],
})  # fmt: skip
RATES = Rates(table=TABLE, base="EUR")


def test_each_amount_is_converted_at_the_last_rate_on_or_before_its_day() -> None:
    left = money(
        ("10.00", "2026-03-02", "USD"), ("10.00", "2026-03-05", "USD"), ("10.00", "2026-03-08", "usd"),
        ("10.00", "2026-03-02", "EUR"), ("1000", "2026-03-03", "JPY"), (None, "2026-03-03", "USD"),
    )  # fmt: skip
    books, rows = laid(left, left, DATED, None, RATES)
    assert [row["cents"] for row in rows[0]] == [925, 925, 910, 1000, 610, None] and books.base == "EUR"


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(-(10**9), 10**9), st.integers(0, 9)), min_size=1, max_size=30))
def test_conversion_is_that_of_exact_decimals(rows: list[tuple[int, int]]) -> None:
    rates = {day: Decimal(900_000_001 + 7_654_321 * day).scaleb(-9) for day in range(0, 10, 3)}
    first = date(2026, 1, 5)
    table = pd.DataFrame(
        {"date": [first + timedelta(day) for day in rates], "currency": "USD", "rate": list(rates.values())}
    )
    days = [(first + timedelta(day)).isoformat() for _, day in rows]
    left = pd.DataFrame({"amount": [Decimal(value).scaleb(-2) for value, _ in rows], "date": days, "currency": "USD"})
    left = pd.concat([left, left.head(1).assign(amount=Decimal("0.01"))], ignore_index=True)
    found = cents(left, left, DATED, None, Rates(table=table, base="EUR"))[0]
    slow = [int((value * rates[day - day % 3]).quantize(Decimal(1), ROUND_HALF_UP)) for value, day in rows]
    assert found[:-1] == slow


def test_what_is_doubtful_in_a_conversion_is_told() -> None:
    left = money(("10.00", None, "USD"), ("10.00", "2026-04-15", "USD"), ("10.00", "2026-03-02", None))
    books, rows = laid(left, left.head(1), DATED, None, RATES)
    assert [row["cents"] for row in rows[0]] == [910, 910, 1000]
    for told in (
        "1 rows without a day are converted at the last rate",
        "1 rows say no currency",
        "up to 40 days after",
    ):
        assert any(told in note for note in books.notes if note.startswith("ledger"))


def test_a_currency_that_is_not_said_is_that_of_the_argument() -> None:
    left = money(("10.00", "2026-03-02", None), ("10.00", "2026-03-02", "EUR"))
    assert [row["currency"] for row in laid(left, left, DATED, None, None, "u.s.d")[1][0]] == ["USD", "EUR"]
    assert cents(left, left, DATED, None, RATES, "USD")[0] == [925, 1000]


def test_a_rate_that_is_missing_for_a_day_is_that_of_the_day_before_and_one_before_all_is_refused() -> None:
    gap = Rates(table=TABLE.assign(rate=["0.925", None, "nan"]), base="EUR")
    assert cents(money(("10.00", "2026-03-09", "USD")), money(("1.00", "2026-03-02", "EUR")), DATED, None, gap)[0] == [
        925
    ]
    early = money(("10.00", "2026-03-01", "USD"), ("10.00", "2026-03-01", "CHF"))
    with pytest.raises(
        InputError, match=r"no rate for 'CHF', 'USD', of bank, on or before its days, the first .*2026-03-01"
    ):
        laid(money(("1.00", "2026-03-02", "EUR")), early, DATED, None, RATES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": ["x", "0.9", "0.1"]}, "rates.table has a rate 'x' of 'USD' on '2026-03-02'; expected"),
        ({"rate": ["0", "0.9", "0.1"]}, "expected a currency, a day and a number above zero"),
        ({"rate": [-1.0, 0.9, 0.1]}, "expected a currency, a day and a number above zero"),
        ({"rate": [np.inf, 0.9, 0.1]}, "expected a currency, a day and a number above zero"),
        ({"date": ["soon", "2026-03-06", "2026-03-02"]}, "on 'soon'; expected a currency, a day"),
        ({"currency": [None, "USD", "JPY"]}, "expected a currency, a day and a number above zero"),
        ({"date": ["2026-03-06", "2026-03-06", "2026-03-02"]}, "two rates of USD on 2026-03-06; expected one a day"),
        (
            {"rate": ["900000000", "900000000", "0.1"]},
            "an amount of ledger has 9,007,199,254,740,992 cents or more in EUR",
        ),
    ],
)
def test_rates_that_are_none_are_refused(change: dict[str, Any], message: str) -> None:
    left = money(("5000000000.00", "2026-03-07", "USD"))
    with pytest.raises(InputError, match=message):
        laid(left, left, DATED, None, Rates(table=TABLE.assign(**change), base="EUR"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"rate": "rates"}, r"rates.table has no column 'rates' \(did you mean 'rate'\?\)"),
        ({"base": ""}, "rates.base is ''; expected a text that is not empty"),
        ({"base": 3}, "rates.base is 3; expected a text"),
        ({"table": [1]}, "rates.table is 'list'; expected a frame"),
    ],
)
def test_rates_are_checked_when_they_are_made(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Rates(**{"table": TABLE, "base": "EUR", **more})


def test_rates_want_a_currency_and_a_day_and_have_to_be_rates() -> None:
    with pytest.raises(InputError, match="expected both roles"):
        laid(amounts("1.00"), amounts("1.00"), AMOUNT, None, RATES)
    with pytest.raises(InputError, match="rates is 'DataFrame'; expected Rates"):
        laid(money(("1.00", "2026-03-02", "EUR")), money(("1.00", "2026-03-02", "EUR")), DATED, None, TABLE)


@pytest.mark.parametrize("base", ["EUR'; DROP TABLE l; --", "'", "€", "eur"])
def test_a_base_with_a_command_in_it_is_a_name(base: str) -> None:
    left = money(("10.00", "2026-03-02", "USD"))
    assert cents(left, left, DATED, None, Rates(table=TABLE, base=base)) == [[925]] * 2


def test_tables_of_a_database_and_arrow_tables_are_laid_as_frames_are() -> None:
    frame = money(("10.00", "2026-03-02", "USD"), ("7.50", None, "EUR"))
    connection = duckdb.connect()
    connection.register("lent", frame.assign(_row=np.arange(2)))
    connection.execute('CREATE TABLE "kept ""one""" AS SELECT * FROM lent')
    kept = (connection, '"kept ""one"""')
    assert laid(kept, pa.Table.from_pandas(frame), DATED)[1] == laid(frame, frame, DATED)[1]
