"""Rarity against counts by hand; densities that are shares; edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sides import FEW, ROWS, opened

from finlab.gaps.matching.rarity import LEAST, UNSEEN, density, rarity
from finlab.gaps.matching.twins import Row, set_apart


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=300))
def test_a_density_sums_to_one_over_all_cents(cents: list[int]) -> None:
    found = density(np.array(cents, np.int64))
    mass = found.share * np.diff(found.edges)
    assert (np.diff(found.edges) > 0).all() and (found.share >= LEAST).all()
    assert mass.sum() == pytest.approx(1, abs=1e-9 + LEAST * float(np.ptp(found.edges)))


def test_a_frequent_amount_is_a_piece_of_its_own() -> None:
    found = density(np.array([999] * 300 + list(range(1000, 1700))))
    assert found.at(np.array([999, -999])) == pytest.approx(0.3)
    assert found.at(np.array([1300]))[0] == pytest.approx(1 / 1000, rel=0.3)


def by_hand(row: Row, left: list[Row], right: list[Row], references: bool) -> float:
    every = [*left, *right]
    cents = np.array([one.cents for one in every if one.cents is not None], np.int64)
    size, days = len(every) / 2, max(len({one.day for one in every if one.day is not None}), 1)
    party = sum(one.party == row.party for one in every) / 2
    same = sum((one.party, one.cents) == (row.party, row.cents) for one in every) / 2
    equal = sum(one.cents == row.cents for one in every) / 2
    dense = max(float(density(cents).at(np.array([row.cents or 0]))[0]), max(equal - 1, 0) / max(size, 1))
    expected = (max(same - 1, 0) + max(party - 1, UNSEEN) * dense) / days
    named = sum((one.party, one.reference) == (row.party, row.reference) for one in every) / 2
    share = np.clip(max((named - 1) / max(party, 1), UNSEEN / max(size, 1)), LEAST, 1) if references else 1.0
    return float(-np.log2(max(expected, LEAST)) - np.log2(share))


@FEW
@given(ROWS, ROWS, st.booleans())
def test_bits_are_those_of_a_count_by_hand(left: list[Row], right: list[Row], references: bool) -> None:
    connection = opened(left, right)
    set_apart(connection)
    both = rarity(connection, parties=True, references=references)
    for side, rows, found in zip("lr", (left, right), both, strict=True):
        numbers = [row for (row,) in connection.execute(f"SELECT row FROM {side}_open ORDER BY place").fetchall()]
        expected = [by_hand(rows[row], left, right, references) for row in numbers]
        assert found.bits == pytest.approx(expected) and len(found.reference) == len(numbers)
        assert (found.reference >= 0).all() and (references or not found.reference.any())


def test_without_parties_all_rows_are_one_party() -> None:
    rows = [Row(100 * place, place) for place in range(20)]
    connection = opened(rows, [])
    set_apart(connection)
    named, unnamed = (rarity(connection, parties=flag, references=False)[0].bits for flag in (True, False))
    assert unnamed == pytest.approx(named)


def test_nothing_is_rare_in_empty_tables() -> None:
    connection = opened([], [])
    set_apart(connection)
    left, right = rarity(connection, parties=True, references=True)
    assert len(left.bits) == len(right.bits) == 0
