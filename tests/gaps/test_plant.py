"""What was planted is there, in the rows that the truth names, exact to the cent; bad input is refused in words."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.company import company
from finlab.gaps.plant import (
    BOOK_KINDS,
    INVOICES,
    LARGEST,
    LEAST_GAPS,
    OTHER_CURRENCY,
    PLANTED,
    Columns,
    Planted,
    plant,
)
from finlab.gaps.record import KINDS

COLUMNS = Columns("party", "reference", "day", "amount", "currency")


def table(rows: int = 200, **more: Any) -> pd.DataFrame:
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta([place % 28 for place in range(rows)], unit="D")
    amounts = [Decimal(1000 + 17 * place).scaleb(-2) for place in range(rows)]
    names = {"party": [f"p{place % 5}" for place in range(rows)], "reference": [f"r{place}" for place in range(rows)]}
    return pd.DataFrame({**names, "day": days, "amount": amounts, "currency": "EUR", **more})


def sides(planted: Planted, gap: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    return planted.left.iloc[list(gap.rows("left"))], planted.right.iloc[list(gap.rows("right"))]


def check(planted: Planted) -> None:
    for gap in planted.truth:
        left, right = sides(planted, gap)
        here, there = sum(left["amount"], Decimal(0)), sum(right["amount"], Decimal(0))
        if gap.kind == "missing":
            assert len(left) + len(right) == 1
        elif gap.kind == "duplicate":
            assert len(left) == 0 and len(right) == 2 and right.iloc[0].equals(right.iloc[1])
        elif gap.kind in ("split", "merge"):
            assert (
                here == there and {len(left), len(right)} > {1} and len(set(left["party"]) | set(right["party"])) == 1
            )
        else:
            assert len(left) == len(right) == 1
            same_day, same_label = (left[name].iloc[0] == right[name].iloc[0] for name in ("day", "currency"))
            assert same_day == (gap.kind != "timing") and same_label == (gap.kind != "currency")
            assert (here == there) == (gap.kind in ("timing", "currency"))
            assert (here == -there) == (gap.kind == "sign")
            assert (there in {here * 10, here * 100, here * 1000}) == (gap.kind == "unit")


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.booleans())
def test_what_was_planted_is_there_and_nothing_else(seed: int, hard: bool) -> None:
    planted = plant(table(), seed=seed, columns=COLUMNS, hard=hard)
    check(planted)
    assert Counter(gap.kind for gap in planted.truth) == dict.fromkeys(PLANTED, LEAST_GAPS)
    spoiled = [row for gap in planted.truth for row in gap.rows("left")]
    assert len(spoiled) == len(set(spoiled))
    other = [row for gap in planted.truth for row in gap.rows("right")[gap.kind == "duplicate" :]]
    touched = [set(spoiled), set(other)]  # of a row that is there twice, one is as on the left
    rest = [
        Counter(tuple(row) for place, row in enumerate(frame.fillna("").itertuples(index=False)) if place not in rows)
        for frame, rows in zip((planted.left, planted.right), touched, strict=True)
    ]
    assert rest[0] == rest[1]
    assert planted.left["reference"].isna().all() == hard


def test_the_same_seed_plants_the_same_and_another_does_not() -> None:
    one, same, other = (plant(table(), seed=seed, columns=COLUMNS) for seed in (1, 1, 2))
    assert one.left.equals(same.left) and one.right.equals(same.right) and not one.right.equals(other.right)
    assert list(one.truth) == list(same.truth)


def test_the_company_has_every_kind_and_its_table_is_not_touched() -> None:
    books = company(seed=1)
    before = books.tables["supplier_invoices"].copy()
    planted = plant(books, seed=1)
    assert books.tables["supplier_invoices"].equals(before) and planted.columns == INVOICES
    assert set(planted.truth.by_kind()["kind"]) == set(PLANTED)
    assert (planted.right["currency"] == OTHER_CURRENCY).sum() == sum(gap.kind == "currency" for gap in planted.truth)


def test_of_a_company_every_kind_of_the_record_can_be_planted_and_its_books_are_not_touched() -> None:
    books = company(seed=2)
    before = {name: table.copy() for name, table in books.tables.items()}
    planted = plant(books, KINDS, seed=2)
    assert set(planted.truth.by_kind()["kind"]) == set(KINDS) == {*PLANTED, *BOOK_KINDS}
    assert all(before[name].equals(table) for name, table in books.tables.items())
    assert set(planted.tables) == {*books.tables, "quotes", "reports", "claims"}
    for gap in planted.truth.where(kind=["identity", "rounding", "stale", "restated"]):
        assert all(max(one.rows) < len(planted.tables[one.source]) for one in gap.evidence)
    assert planted.truth.records["quotes"] == len(planted.tables["quotes"])


@pytest.mark.parametrize("kind", BOOK_KINDS)
def test_a_kind_is_planted_alike_whichever_others_are(kind: str) -> None:
    books = company(seed=1, years=1)
    alone = plant(books, [kind], seed=5)
    more = plant(books, [kind, "missing", "value"], seed=5)
    assert set(alone.truth.by_kind()["kind"]) == {kind} and len(alone.left) == len(alone.right)
    assert list(alone.truth) == list(more.truth.where(kind=kind))
    assert all(table.equals(more.tables[name]) for name, table in alone.tables.items())


def test_what_is_planted_between_copies_does_not_depend_on_what_is_planted_in_the_books() -> None:
    books = company(seed=1)
    some, every = plant(books, PLANTED, seed=3), plant(books, KINDS, seed=3)
    assert some.left.equals(every.left) and some.right.equals(every.right)
    assert list(some.truth) == list(every.truth.where(kind=PLANTED)) == list(plant(books, seed=3).truth)


def test_no_kind_leaves_the_books_clean() -> None:
    books = company(seed=1)
    planted = plant(books, [])
    assert len(planted.truth) == 0
    assert all(table.equals(planted.tables[name]) for name, table in books.tables.items())
    assert planted.tables["bank_statements"] is not books.tables["bank_statements"]


def test_a_frame_has_no_books() -> None:
    assert plant(table(), columns=COLUMNS).tables == {}
    with pytest.raises(InputError, match="needs a sample company"):
        plant(table(), ["stale"], columns=COLUMNS)
    with pytest.raises(InputError, match="did you mean 'identity'"):
        plant(company(seed=1), ["identty"])


def test_a_share_that_the_books_cannot_hold_is_refused() -> None:
    with pytest.raises(InputError, match="no room for another stale run"):
        plant(company(seed=1, size="medium", years=1), ["stale"], share=0.1)


def test_amounts_stay_exact_up_to_the_largest() -> None:
    large = table(amount=[Decimal(LARGEST - 1 - place).scaleb(-2) for place in range(200)])
    check(plant(large, seed=3, columns=COLUMNS))


def test_equal_amounts_are_those_of_another_row_of_the_party() -> None:
    planted = plant(table(), [], columns=COLUMNS, equal=1.0)
    assert planted.left.groupby("party")["amount"].nunique().eq(1).all()


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        ({}, {"kinds": ["mising"]}, "missing"),
        ({}, {"columns": COLUMNS._replace(amount="amout")}, "amount"),
        ({}, {"share": 0.2}, "share"),
        ({}, {"equal": -1.0}, "equal"),
        ({}, {"seed": -1}, "seed"),
        ({}, {"kinds": ["currency"], "columns": COLUMNS._replace(currency="")}, "currency"),
        ({"amount": "x"}, {}, "no amount"),
        ({"amount": None}, {}, "no amount"),
        ({"amount": float("nan")}, {}, "no amount"),
        ({"amount": float("inf")}, {}, "largest amount"),
        ({"amount": 1e300}, {}, "largest amount"),
        ({"amount": "0.001"}, {}, "more than two decimals"),
        ({"amount": 10**14}, {}, "largest amount"),
        ({"day": "someday"}, {}, "no day"),
        ({"day": None}, {}, "without a day"),
    ],
)
def test_bad_input_is_refused_in_words(change: dict[str, Any], more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plant(table(**change), **{"columns": COLUMNS, **more})


def test_a_table_that_is_too_small_or_no_table_is_refused() -> None:
    with pytest.raises(InputError, match="the table has 4 rows"):
        plant(table(4), columns=COLUMNS)
    with pytest.raises(InputError, match="the table has 0 rows"):
        plant(table(0), columns=COLUMNS)
    with pytest.raises(InputError, match="columns"):
        plant(table())
