"""How values are read: grids of texts, exact decimals against Python's, and what two columns have in common."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.conversions import Form
from finlab.data.lease import connect_memory
from finlab.gaps.comparing.columns import Partner
from finlab.gaps.comparing.normalise import Column, common_form, described, differing, other_currency
from finlab.gaps.comparing.particulars import money_of, rate_table
from finlab.gaps.comparing.readings import Reading, Way, digits_of, fold, fold_code, read
from finlab.gaps.comparing.sides import as_written, paired
from finlab.gaps.comparing.ways import common_kind, texts_of
from finlab.gaps.record import Gaps, identify

DECIMALS = st.decimals(-(10**12), 10**12, places=2)


def chunked(values: Any, kind: Any = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def column(values: Any, kind: str = "VARCHAR", name: str = "x", zone: str = "", arrow: Any = None) -> Column:
    cells = chunked(values, arrow)
    return Column(name, kind, cells, lambda: cells, zone)


def values_of(texts: list[str], way: Way) -> list[Any]:
    with connect_memory() as connection:
        return read(connection, chunked(texts, pa.string()), way).values.to_pylist()


POINT = Way("number", form=Form("decimal", digits=3, width=38, signs=("£", "€", "EUR", "%")))
COMMA = Way("number", form=Form("decimal", digits=3, width=38, decimal=",", signs=("£", "€", "EUR", "%")))


@pytest.mark.parametrize(
    ("text", "way", "value"),
    [
        ("1,234.50", POINT, "1234.5"),
        ("1.234,50", COMMA, "1234.5"),
        ("(12.00)", POINT, "-12"),
        ("12.00-", POINT, "-12"),
        ("£12", POINT, "12"),
        ("12,5 %", COMMA, "12.5"),
        ("-€ 1.000,00", COMMA, "-1000"),
        ("00123", POINT, "123"),
        ("1.5e3", POINT, "1500"),
        ("1,5E-1", COMMA, "0.15"),
        (" 7 ", POINT, "7"),
        ("+7", POINT, "7"),
        ("12,345", POINT, "12345"),
        ("1.23.4", POINT, None),
        ("see memo", POINT, None),
        ("", POINT, None),
        ("-", POINT, None),
    ],
)
def test_texts_of_numbers(text: str, way: Way, value: str | None) -> None:
    [found] = values_of([text], way)
    assert found == (None if value is None else Decimal(value))


@given(st.lists(DECIMALS | st.none(), min_size=1), st.sampled_from([(",", "."), (".", ","), ("", "."), ("", ",")]))
def test_every_way_of_writing_a_number_is_read_exactly(values: list[Decimal | None], marks: tuple[str, str]) -> None:
    swap = {",": marks[0], ".": marks[1]}
    texts = [None if one is None else "".join(swap.get(letter, letter) for letter in f"{one:,.2f}") for one in values]
    way = Way("number", form=Form("decimal", digits=2, width=38, decimal=marks[1]))
    assert values_of(texts, way) == values


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-(10**9), 10**9, places=4).map(float)))
def test_a_double_is_read_to_its_fifteen_digits_or_not_at_all(values: list[float]) -> None:
    way, cells = Way("number", "DOUBLE"), chunked(values, pa.float64())
    with connect_memory() as connection:
        digits = digits_of(connection, cells, way)
        found = read(connection, cells, way._replace(form=way.form._replace(digits=digits)))
    for value, decimal, unread in zip(values, found.values.to_pylist(), found.unread.tolist(), strict=True):
        assert (decimal is None) == unread
        if decimal is not None:
            assert decimal == Decimal(f"{value:.15g}")


@pytest.mark.parametrize(
    ("texts", "folded"),
    [
        (["Müller  AG", "MU\u0308LLER AG\t", "ｍüller\u200b\u00a0AG"], "müller ag"),
        (["straße", "STRASSE"], "strasse"),
        (["ﬁn", "FIN"], "fin"),
        (["", " ", "\u00a0", None], None),
    ],
)
def test_texts_are_folded(texts: list[str | None], folded: str | None) -> None:
    assert set(fold(chunked(texts, pa.string())).to_pylist()) == {folded}


def test_codes_lose_zeros_only_in_front_of_digits_alone() -> None:
    codes = ["00123", " 123", "AB-12/7", "ab 127", "A-01", "000", "№ 7", "--"]
    assert fold_code(chunked(codes)).to_pylist() == ["123", "123", "ab127", "ab127", "a01", "0", "no7", "--"]


ONE_DAY = np.array(["2026-03-31"], "datetime64[D]")


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        (column(["1.5"]), column(["2,5"]), "number"),
        (column(["31/03/2026"]), column(["2026-03-31"]), "day"),
        (column(["31/03/2026 10:00"]), column(["2026-03-31"]), "moment"),
        (column(["yes"]), column(["true"]), "boolean"),
        (column(["00123"]), column(["123"]), "code"),
        (column(["A-1"]), column(["A1"]), "code"),
        (column(["a b"]), column(["a  b"]), "text"),
        (column(["1000"], name="invoice no"), column(["10000"]), "code"),
        (column(["n/a", "1.5"], name="amount"), column(["see memo", "2.5"], name="amount"), "number"),
        (column([1], "BIGINT"), column([1.5], "DOUBLE"), "number"),
        (column([1], "BIGINT"), column(["1.0"]), "number"),
        (column([1], "BIGINT"), column(["A1"]), "text"),
        (column([True], "BOOLEAN"), column([1], "BIGINT"), "boolean"),
        (column([20260331], "BIGINT"), column(ONE_DAY, "DATE"), "day"),
        (column(["31.03.2026"]), column(ONE_DAY, "DATE"), "day"),
        (column(["later"]), column(ONE_DAY, "DATE"), "text"),
        (column([1.5], "DOUBLE"), column([True], "BOOLEAN"), "boolean"),
        (column([b"a"], "BLOB"), column(["a"]), "exact"),
        (column([], arrow=pa.string()), column([], arrow=pa.string()), "text"),
    ],
)
def test_what_two_columns_have_in_common(left: Column, right: Column, kind: str) -> None:
    assert common_kind(left, right) == kind


def apart(left: Column, right: Column, told: Reading | None = None) -> list[bool]:
    with connect_memory() as connection:
        common = common_form(connection, left, right, told)
        return differing(connection, common, left.values, right.values).apart.tolist()


def test_percents_are_what_the_other_side_means_by_them() -> None:
    texts = column(["12,5 %", "5 %", "7 %"])
    assert apart(texts, column([12.5, 5.0, 8.0], "DOUBLE")) == [False, False, True]
    assert apart(texts, column([0.125, 0.05, 0.08], "DOUBLE")) == [False, False, True]


def test_moments_are_cut_to_what_both_sides_keep() -> None:
    fine = np.array(
        ["2026-03-31T10:20:30.123456", "2026-03-31T23:59:59.999", "2026-04-01T00:00:01.5"], "datetime64[us]"
    )
    for unit in ("s", "m"):
        coarse = fine.astype(f"datetime64[{unit}]").astype("datetime64[us]")
        assert apart(column(fine, "TIMESTAMP"), column(coarse, "TIMESTAMP")) == [False] * 3
    days = column(fine.astype("datetime64[D]").astype("datetime64[us]"), "TIMESTAMP")
    assert apart(column(fine, "TIMESTAMP"), days) == [False] * 3


def test_a_proof_in_the_whole_column_is_found() -> None:
    left, right = column(["03/04/2026"]), column(["04/04/2026"])
    whole = chunked(["03/04/2026", "31/03/2026"])
    with connect_memory() as connection:
        common = common_form(connection, left._replace(whole=lambda: whole), right._replace(whole=lambda: whole))
        assert common.left.form.date_order == common.right.form.date_order == "dmy"
        with pytest.raises(InputError, match="day or the month first"):
            common_form(connection, left, right)


def test_signs_of_currencies_that_no_currency_shares_are_apart() -> None:
    left, right = column(["£1", "$1", "1 EUR", "1", "Kč 1"]), column(["€1", "USD 1", "€1", "€1", "1 CZK"])
    with connect_memory() as connection:
        common = common_form(connection, left, right, Reading(kind="number", decimal="."))
        assert other_currency(common, left.values, right.values).tolist() == [True, False, False, False, False]
        assert "signs" in described(common, ("a", "b"))


@given(st.lists(st.integers(-(10**37), 10**37) | st.integers(-(10**9), 10**9), min_size=1), st.integers(0, 8))
def test_money_is_rounded_half_to_even_and_else_exact(numbers: list[int], digits: int) -> None:
    import decimal

    exact = decimal.Context(prec=60, rounding=decimal.ROUND_HALF_EVEN)
    kind = object if max(map(abs, numbers)) >= 2**61 else np.int64
    found = money_of(np.array(numbers, kind), digits, np.ones(len(numbers), bool)).to_pylist()
    for number, money in zip(numbers, found, strict=True):
        expected = exact.quantize(Decimal(f"{abs(number)}e-{digits}"), Decimal("0.0001"))
        assert money == (expected if expected < Decimal(10) ** 34 else None)


def test_money_at_half_a_unit_goes_to_the_even_one() -> None:
    for kind in (np.int64, object):
        found = money_of(np.array([1_234_565, 1_234_575, 5, 15, -25], kind), 5, np.ones(5, bool)).to_pylist()
        assert list(map(str, found)) == ["12.3456", "12.3458", "0.0000", "0.0002", "0.0002"]


def test_money_that_is_not_known_is_null() -> None:
    assert money_of(np.array([5, 6]), 2, np.array([True, False])).to_pylist() == [Decimal("0.05"), None]
    assert money_of(np.zeros(0, np.int64), 2, np.zeros(0, bool)).to_pylist() == []


def test_texts_are_shown_as_they_are_written() -> None:
    moments = chunked(np.array(["2026-03-31T00:00", "2026-03-31T10:00"], "datetime64[us]"))
    with connect_memory() as connection:
        assert as_written(connection, moments).to_pylist() == ["2026-03-31", "2026-03-31 10:00:00"]
        assert as_written(connection, chunked([Decimal("1.50"), None])).to_pylist() == ["1.50", None]
    assert texts_of(chunked(["a ", None, "n/a", "a "])) == ["a"]


def test_sides_hand_out_columns_in_the_order_of_rows() -> None:
    table = pa.table({"v": [1, 2, 3], "_row": [2, 0, 1]})
    with paired(table, pd.DataFrame({"v": [[1], [2]]})) as (left, right):
        assert left.column("v").to_pylist() == [2, 3, 1] and left.values("v * 10").to_pylist() == [20, 30, 10]
        assert right.column("v").to_pylist() == ["[1]", "[2]"] and right.type_of("v") == "VARCHAR"
        assert left.rows_at(np.array([2])).tolist() == [2] and len(right) == 2


def test_a_database_that_answers_in_any_order_is_put_in_order_and_left_as_it_was() -> None:
    with connect_memory() as connection:
        connection.execute("SET preserve_insertion_order = false; SET threads = 4")
        rows = "range AS _row, CAST(range AS VARCHAR) AS v"
        connection.execute(f"CREATE TABLE t AS SELECT {rows} FROM range(500000)")
        with paired((connection, "t"), (connection, "t")) as (left, _):
            assert read(connection, left.column("v"), Way("number")).values[-3:].to_pylist() == [499997, 499998, 499999]
        asked = connection.execute("SELECT current_setting('preserve_insertion_order')").fetchall()
        assert asked == [(False,)]


def test_rates_are_those_of_the_last_day() -> None:
    rates = pd.DataFrame({"d": pd.to_datetime(["2026-01-02", "2026-01-05"]), "c": ["USD", "GBP"], "r": [2.0, 4.0]})
    table = rate_table(rates)
    days = [(date(2026, 1, day) - date(1970, 1, 1)).days for day in (1, 4, 9)]
    found = table.at(np.array(days))
    assert np.isnan(found[0]).all() and np.nansum(found[1]) == 2.5 and found[2].tolist() == [4.0, 2.0, 0.25, 0.5]


def test_ids_are_those_of_the_record() -> None:
    from finlab.gaps.compare import compare

    left = pd.DataFrame({"id": ["a'1", "b"], "day": ["2026-03-31"] * 2, "v\x1fw": ["1", "x"]})
    found: Gaps = compare(left, left.assign(**{"v\x1fw": ["1", "y"]}), on="id", date="day", names=("l'", 'r"'))
    [gap] = list(found)
    assert gap.id == identify("value", ("l'", 'r"'), "b", "2026-03-31", "v\x1fw")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"kind": "numbers"}, "did you mean 'number'"),
        ({"decimal": ";"}, "one of"),
        ({"decimal": ".", "thousands": "."}, "another mark"),
        ({"date_order": "dym"}, "one of"),
        ({"date_order": "%d.%m"}, "does not keep the day"),
        ({"timezone": "Europe/Londn"}, "did you mean 'Europe/London'"),
        ({"timezone": 5}, "a time zone"),
    ],
)
def test_readings_that_there_are_not_are_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Reading(**said)


def test_partners_are_named_tuples() -> None:
    assert Partner("a", "b") == ("a", "b")
