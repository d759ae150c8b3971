"""Rounding, splitting and publishing amounts: against Python's Decimal, on numbers of every size."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.data.company.amounts import cents, convert, decimals, half_up, joined, pick, rates, share, total
from finlab.data.company.payroll import wage_tax
from finlab.data.frames import to_arrow

AMOUNT = st.integers(-(10**13), 10**13)


@given(AMOUNT, st.integers(1, 10**5))
def test_half_up_is_decimal_half_up(numerator: int, denominator: int) -> None:
    exact = (Decimal(numerator) / denominator).quantize(Decimal(1), ROUND_HALF_UP)
    assert int(half_up(numerator, denominator)) == exact


@given(AMOUNT, st.integers(1, 200_000))
def test_a_reversal_converts_to_the_reverse(amount: int, rate: int) -> None:
    assert convert(-amount, rate) == -convert(amount, rate)


@given(
    st.lists(
        st.tuples(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 1000), min_size=1, max_size=9)),
        min_size=1,
        max_size=9,
    )
)
def test_shares_add_up_and_are_near_their_exact_part(groups: list[tuple[int, list[int]]]) -> None:
    whole = np.array([amount for amount, _ in groups])
    group = np.repeat(np.arange(len(groups)), [len(weights) for _, weights in groups])
    weights = np.array([weight for _, row in groups for weight in row])
    parts, sizes = share(whole, weights, group), total(weights, group, len(groups))
    assert total(parts, group, len(groups)).tolist() == np.where(sizes > 0, whole, 0).tolist()
    exact = whole[group] * weights / np.maximum(sizes, 1)[group]
    assert np.abs(parts - exact).max() <= 1 + 1e-6


@given(st.lists(st.integers(1 - 10**18, 10**18 - 1), max_size=50))
def test_amounts_come_back_as_they_went(amounts: list[int]) -> None:
    column = decimals(amounts)
    assert cents(column).tolist() == amounts
    assert [int(amount * 100) for amount in column] == amounts
    assert cents(pd.Series(list(column), dtype=object)).tolist() == amounts if amounts else True


def test_a_slice_of_a_column_reads_its_own_rows() -> None:
    assert cents(decimals(range(10))[3:6]).tolist() == [3, 4, 5]
    assert cents(pd.concat([decimals([1]), decimals([2])])).tolist() == [1, 2]


def test_arrow_keeps_the_type_and_pandas_the_sum() -> None:
    frame = pd.DataFrame({"amount": decimals([1, 2**53 + 1]), "rate": rates([1, 71_234])})
    schema = to_arrow(frame).schema
    assert schema.field("amount").type == pa.decimal128(18, 2) and schema.field("rate").type == pa.decimal128(18, 4)
    assert frame["amount"].sum() == Decimal(2**53 + 2) / 100  # a double would lose the last cent
    assert frame["rate"].iloc[1] == Decimal("7.1234")


@pytest.mark.parametrize("amounts", [[Decimal("0.001")], ["x"], [1.5, "x"]])
def test_what_is_no_amount_is_refused(amounts: list) -> None:
    with pytest.raises((pa.ArrowException, TypeError)):
        cents(pd.Series(amounts, dtype=object))


def test_nothing_is_nothing() -> None:
    assert cents(decimals([])).tolist() == [] and total([], np.array([], int), 2).tolist() == [0, 0]
    assert share(np.array([5]), np.array([0]), np.array([0])).tolist() == [0]


def test_rows_are_picked_and_joined_in_all_columns() -> None:
    from finlab.data.company.journal import Flat

    column = np.arange(4)
    flat = Flat(*(column for _ in Flat._fields))
    assert pick(flat, flat.day > 1).amount.tolist() == [2, 3]
    assert joined([flat, pick(flat, [0])]).entry.tolist() == [0, 1, 2, 3, 0]


@pytest.mark.parametrize(
    ("taxable", "tax"),  # the law's monthly table with its quick deductions: rate x income - deduction
    [(3_000, 90), (12_000, 12_000 * 0.10 - 210), (25_000, 25_000 * 0.20 - 1_410), (35_000, 35_000 * 0.25 - 2_660),
     (55_000, 55_000 * 0.30 - 4_410), (80_000, 80_000 * 0.35 - 7_160), (200_000, 200_000 * 0.45 - 15_160)],
)  # fmt: skip
def test_wage_tax_as_the_law_has_it(taxable: int, tax: float) -> None:
    assert wage_tax(np.array([taxable * 100]))[0] == round(tax * 100)
