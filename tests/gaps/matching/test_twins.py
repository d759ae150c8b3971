"""What agrees is set apart as a multiset: the same as Python's Counter, in any order, with NULLs."""

from collections import Counter
from itertools import groupby
from random import Random

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sides import FEW, ROWS, opened

from finlab.gaps.matching.twins import LEAST_RATE, REPEAT_DAYS, Row, put, set_apart

COLUMNS = "cents, day, party, reference, text, currency"


def left_open(connection: duckdb.DuckDBPyConnection, side: str) -> Counter[Row]:
    return Counter(Row(*row) for row in connection.execute(f"SELECT {COLUMNS} FROM {side}_open").fetchall())


@FEW
@given(ROWS, ROWS)
def test_the_open_rows_are_those_of_a_counter(left: list[Row], right: list[Row]) -> None:
    connection = opened(left, right)
    counts = set_apart(connection)
    mine, theirs = Counter(left), Counter(right)
    assert left_open(connection, "l") == mine - theirs and left_open(connection, "r") == theirs - mine
    assert (counts.left, counts.right, counts.same) == (len(left), len(right), (mine & theirs).total())
    twins = sum(number - 1 for number in (mine & theirs).values())
    assert counts.twins == pytest.approx(max(twins / counts.same if counts.same else 0, LEAST_RATE))


@FEW
@given(ROWS, st.randoms(use_true_random=False))
def test_a_shuffled_copy_leaves_nothing_open(rows: list[Row], draw: Random) -> None:
    shuffled = draw.sample(rows, len(rows))
    connection = opened(rows, shuffled)
    assert set_apart(connection).same == len(rows)
    assert not left_open(connection, "l") and not left_open(connection, "r")


@FEW
@given(ROWS, ROWS)
def test_places_count_open_rows_each_party_by_day_and_amount(left: list[Row], right: list[Row]) -> None:
    connection = opened(left, right)
    set_apart(connection)
    for side, rows in (("l", left), ("r", right)):
        query = f"SELECT row, place, twins, party, day, cents FROM {side}_open ORDER BY place"
        listed = connection.execute(query).fetchall()
        assert [place for _, place, *_ in listed] == list(range(len(listed)))
        assert all(twins == rows.count(rows[row]) for row, _, twins, *_ in listed)
        parties = [party for party, _ in groupby(listed, key=lambda one: one[3])]
        assert len(parties) == len(set(parties))
        for _, mine in groupby(listed, key=lambda one: one[3]):
            order = [(day is None, day or 0, cents is None, cents or 0) for *_, day, cents in mine]
            assert order == sorted(order)


def test_the_last_of_the_twins_are_the_open_ones() -> None:
    connection = opened([Row(1)] * 5, [Row(1)] * 2)
    set_apart(connection)
    assert connection.execute("SELECT row FROM l_open ORDER BY row").fetchall() == [(2,), (3,), (4,)]


def test_repeats_are_contents_that_come_again_within_days() -> None:
    rows = [Row(5, day) for day in (0, REPEAT_DAYS, 2 * REPEAT_DAYS + 1, 900)]
    assert set_apart(opened(rows, rows)).repeats == 1 / 4
    assert set_apart(opened([], [])).repeats == LEAST_RATE


def test_unknown_amounts_and_days_are_equal_to_unknown_ones_only() -> None:
    connection = opened([Row(None, None), Row(0, 0), Row(None, 0)], [Row(None, None), Row(0, None)])
    assert set_apart(connection).same == 1
    assert left_open(connection, "l") == Counter([Row(0, 0), Row(None, 0)])


def test_text_with_sql_in_it_is_text() -> None:
    evil = Row(1, 1, "'); DROP TABLE l; --", '" OR 1=1', "=cmd|'/c calc'!A1")
    connection = opened([evil], [evil])
    assert set_apart(connection).same == 1 and connection.execute("SELECT count(*) FROM l").fetchall() == [(1,)]


def test_tables_are_replaced_when_they_are_put_again() -> None:
    connection = opened([Row(1)] * 3, [])
    put(connection, "l", [Row(2)])
    assert set_apart(connection).left == 1
