"""Explanations against brute force: copies row by row, sums subset by subset, guards against overflow and squares."""

import time
from itertools import combinations

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sides import FEW, ROWS, opened

from finlab.gaps.matching.agreement import open_rows
from finlab.gaps.matching.explanations import (
    COPY_LEFT,
    FIRST_RATES,
    LATER_LEFT,
    MERGE,
    MOST_OPEN,
    MOST_PARTS,
    SPELLS,
    SPLIT,
    Both,
    Explanations,
    Rates,
    Rest,
    copies,
    grouped,
    groups_of,
    rests_of,
    together,
)  # fmt: skip
from finlab.gaps.matching.rarity import rarity
from finlab.gaps.matching.twins import REPEAT_DAYS, Row, set_apart


def copied(rows: list[Row], others: list[Row]) -> dict[tuple[int, bool], int]:
    """For each open row (by number, and whether on another day): the row of which it may be a copy."""
    connection = opened(rows, others)
    counts = set_apart(connection)
    rare, _ = rarity(connection, parties=True, references=True)
    found = copies(connection, "l", rare, counts, 0)
    row = open_rows(connection, "l").row
    assert set(found.event.tolist()) <= {COPY_LEFT, LATER_LEFT} and (found.pair == -1).all()
    later = found.event == LATER_LEFT
    triples = zip(found.atoms.rows.tolist(), later.tolist(), found.other.tolist(), strict=True)
    return {(int(row[place]), late): other for place, late, other in triples}


@FEW
@given(ROWS, ROWS)
def test_copies_are_the_nearest_rows_that_differ_in_the_day_only(left: list[Row], right: list[Row]) -> None:
    connection = opened(left, right)
    set_apart(connection)
    numbers = [row for (row,) in connection.execute("SELECT row FROM l_open").fetchall()]
    expected: dict[tuple[int, bool], int] = {}
    for mine in numbers:
        options: dict[bool, list[tuple[int, int]]] = {False: [], True: []}
        for other, row in enumerate(left):
            if other == mine or row._replace(day=None) != left[mine]._replace(day=None) or row.cents is None:
                continue
            if row.day == left[mine].day:
                options[False].append((0, other))
            elif None not in (row.day, left[mine].day) and abs(row.day - left[mine].day) <= REPEAT_DAYS:
                options[True].append((abs(row.day - left[mine].day), other))
        expected |= {(mine, late): min(some)[1] for late, some in options.items() if some}
    assert copied(left, right) == expected


def test_a_hundred_thousand_equal_rows_are_no_square_of_pairs() -> None:
    start = time.process_time()
    found = copied([Row(999, 5, "a")] * 100_000, [])
    assert len(found) == 100_000 and found[0, False] == 1 and found[7, False] == 0
    assert time.process_time() - start < 30


def rest(items: list[tuple[int, int]]) -> Rest:
    """Rows (day, cents) of one party without a name."""
    ordered = sorted(items)
    days, cents = (np.array([item[place] for item in ordered], np.int64) for place in (0, 1))
    return Rest(np.arange(len(items)), cents, days, {"": (0, len(items))})


@given(st.lists(st.tuples(st.integers(-35, 35), st.integers(-9, 9)), min_size=1, max_size=9), st.integers(-20, 20))
def test_groups_are_all_subsets_with_the_sum_from_the_shortest_spell(items: list[tuple[int, int]], cents: int) -> None:
    many = rest(items)
    found = {group.rows: group for group in groups_of(many, "", 0, cents, 0)}
    for rows, group in found.items():
        assert 2 <= len(rows) <= MOST_PARTS and int(many.cents[list(rows)].sum()) == cents
        near = np.flatnonzero(np.abs(many.day) <= SPELLS[group.spell])
        fitting = [
            part
            for size in range(1, MOST_PARTS + 1)
            for part in combinations(near.tolist(), size)
            if int(many.cents[list(part)].sum()) == cents
        ]
        assert group.among == len(near) and group.sums == len(fitting)
    everything = np.flatnonzero(np.abs(many.day) <= SPELLS[-1]).tolist()
    every = [part for size in range(2, MOST_PARTS + 1) for part in combinations(everything, size)]
    fitting = [part for part in every if int(many.cents[list(part)].sum()) == cents]
    assert set(found) <= set(fitting) and (len(fitting) > 10 or set(found) == set(fitting))


def test_sums_that_exceed_64_bits_and_too_many_rows_are_not_looked_for() -> None:
    assert not list(groups_of(rest([(0, 2**60)] * 3), "", 0, 2**61 - 1, 0))
    assert not list(groups_of(rest([(0, 1)] * (MOST_OPEN + 1)), "", 0, 2, 0))
    assert len(list(groups_of(rest([(0, 1), (0, 2), (0, 3)]), "", 0, 3, 0))) == 1
    assert not list(groups_of(rest([(0, 1), (0, 2)]), "nobody", 0, 3, 0))


def sums(left: list[Row], right: list[Row], tolerance: int = 0) -> list[Explanations]:
    connection = opened(left, right)
    set_apart(connection)
    sides = open_rows(connection, "l"), open_rows(connection, "r")
    free = [np.ones(len(side.row), bool) for side in sides]
    rare = rarity(connection, parties=True, references=True)
    both = Both(*sides, *rare, free[0], free[1])
    return grouped(rests_of(connection, both), both, tolerance)


def test_a_merge_and_its_mirror_image_a_split() -> None:
    parts, whole = [Row(100, 3, "a"), Row(250, 4, "a"), Row(7, 4, "b")], [Row(350, 4, "a")]
    at = int(duckdb.sql("SELECT hash('b') < hash('a')").fetchall()[0][0])  # the place of the first row of party a
    merges, splits = sums(parts, whole)
    assert merges.event.tolist() == [MERGE] and not len(splits.event)
    assert merges.atoms.rows.tolist() == [3, at, at + 1]
    assert (merges.left.tolist(), merges.right.tolist(), merges.sums.tolist()) == ([2], [1], [1])
    merges, splits = sums(whole, parts)
    assert (
        splits.event.tolist() == [SPLIT] and splits.atoms.rows.tolist() == [0, at + 1, at + 2] and not len(merges.event)
    )
    assert (splits.left.tolist(), splits.right.tolist()) == ([1], [2])


def test_a_tolerance_lets_sums_be_off_by_cents() -> None:
    parts, whole = [Row(100, 3, "a"), Row(250, 3, "a")], [Row(351, 3, "a")]
    assert [len(found.event) for found in sums(parts, whole)] == [0, 0]
    assert [len(found.event) for found in sums(parts, whole, 1)] == [1, 0]


def test_rates_weigh_rows_alone_and_events() -> None:
    merges, splits = sums([Row(100, 3, "a"), Row(250, 4, "a")], [Row(350, 4, "a")])
    both = together([merges, splits])
    rates = Rates(0.25, 0.5, FIRST_RATES)
    assert both.weighed(rates).gains == pytest.approx(both.atoms.gains + 2 * 2 + 1 + np.log2(FIRST_RATES[MERGE]))
    assert both.take(np.zeros(0, np.int64)).atoms.starts.tolist() == [0]
