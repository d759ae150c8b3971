"""One wrong cell breaks the equations that are written down for it, in the rows that are named, and no other."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data.company import company
from finlab.gaps.company_identities import COMPANY
from finlab.gaps.identities import check
from finlab.gaps.planting.cells import CELLS, CHANGES, another_amount, break_cells, instances_of
from finlab.gaps.record import Gap

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def books() -> Mapping[str, pd.DataFrame]:
    return company(seed=1).tables


def spoiled_cells(before: Mapping[str, pd.DataFrame], after: Mapping[str, pd.DataFrame]) -> list[Decimal]:
    """What was added to each cell that is not as it was."""
    found = list[Decimal]()
    for name, table in before.items():
        assert table.shape == after[name].shape and list(table.columns) == list(after[name].columns)
        for column in table.columns:
            differ = [
                (one, other)
                for one, other in zip(table[column].tolist(), after[name][column].tolist(), strict=True)
                if one != other and not (pd.isna(one) and pd.isna(other))
            ]
            found += [other - one for one, other in differ]
    return found


def typed(gaps: list[Gap]) -> Counter[tuple[str, frozenset[tuple[str, int]]]]:
    return Counter((gap.kind, frozenset((one.source, row) for one in gap.evidence for row in one.rows)) for gap in gaps)


@pytest.mark.parametrize(("table", "column"), list(CELLS))
def test_every_cell_breaks_what_is_written_down_for_it(
    books: Mapping[str, pd.DataFrame], table: str, column: str
) -> None:
    values = books[table][column]
    row = next(row for row in range(len(values) // 2, len(values)) if values.iat[row])
    spoiled = {**books, table: books[table].copy()}
    spoiled[table].loc[row, column] = values.iat[row] + Decimal("1234.56")
    used = {name for name, *_ in CELLS[table, column]}
    found = check([one for one in COMPANY if one.name in used], spoiled).gaps
    expected = {
        (
            one.identity,
            one.key,
            one.period,
            tuple(sorted((name, row) for name, rows in one.rows.items() for row in rows)),
        )
        for one in instances_of(books, table, column, row)
    }
    assert {
        (gap.field, gap.key, gap.period, tuple(sorted((one.source, row) for one in gap.evidence for row in one.rows)))
        for gap in found
    } == expected


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_planted_is_found_again_and_nothing_else(books: Mapping[str, pd.DataFrame], seed: int) -> None:
    spoiled, gaps = break_cells(books, {"identity": 13, "rounding": 13}, np.random.default_rng(seed))
    found = list(check(COMPANY, spoiled, currency="CNY").gaps)
    hits = (typed(gaps) & typed(found)).total()
    assert hits >= 0.985 * len(gaps) and hits >= 0.97 * len(found)
    assert {gap.id for gap in gaps} == {gap.id for gap in found}


def test_clean_books_have_no_gap_and_are_left_as_they_were(books: Mapping[str, pd.DataFrame]) -> None:
    kept = {name: table.copy() for name, table in books.items()}
    spoiled, gaps = break_cells(books, {"identity": 5, "rounding": 3}, np.random.default_rng(1))
    assert all(kept[name].equals(table) for name, table in books.items())
    changes = spoiled_cells(books, spoiled)
    assert len(changes) == 8 and sum(abs(change) == CENT for change in changes) == 3
    assert len({gap.id for gap in gaps}) == len(gaps)
    clean, none = break_cells(books, {}, np.random.default_rng(1))
    assert none == [] and spoiled_cells(books, clean) == []
    assert len(check(COMPANY, clean).gaps) == 0


def test_the_amount_at_stake_is_what_the_cell_is_off_by(books: Mapping[str, pd.DataFrame]) -> None:
    spoiled, gaps = break_cells(books, {"identity": 10, "rounding": 10}, np.random.default_rng(4))
    found = {gap.id: gap for gap in check(COMPANY, spoiled, currency="CNY").gaps}
    for gap in gaps:
        assert gap.amount_at_stake == found[gap.id].amount_at_stake and gap.currency == "CNY"
        assert (gap.amount_at_stake == CENT) == (gap.kind == "rounding")


@pytest.mark.parametrize("cents", [1, -1, 2, 50, -12_345, 10**14])
def test_another_amount_is_none_that_another_kind_explains(cents: int) -> None:
    rng = np.random.default_rng(7)
    for _ in range(300):
        other = another_amount(cents, rng)
        small, large = sorted((abs(cents), abs(other)))
        assert abs(other - cents) > 1 and other != -cents
        assert not small or large % small or large // small not in {10**power for power in range(1, 7)}
        assert abs(CHANGES["rounding"](cents, rng) - cents) == 1


def test_books_that_are_too_small_are_refused_in_words(books: Mapping[str, pd.DataFrame]) -> None:
    short = {name: table.head(3) for name, table in books.items()}
    with pytest.raises(InputError, match="broken equations already; expected a smaller share"):
        break_cells(short, {"identity": 200}, np.random.default_rng(1))
