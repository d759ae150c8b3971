"""Running balances: the order of a day against all orders, on sound days, with rounding, with holes, and at size."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.gaps.checking.running import MOST_TRIED, Bookings, running_order, walk


def jumped(before: list[int], after: list[int], order: list[int] | tuple[int, ...], opening: int) -> int:
    ends = [opening, *(after[place] for place in order)]
    return sum(abs(end - before[place]) for end, place in zip(ends, order, strict=False))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=6), st.lists(st.integers(0, 1), min_size=7, max_size=7),
       st.integers(-5, 5), st.randoms(use_true_random=False))  # fmt: skip
def test_a_short_day_is_walked_in_the_best_order(moves: list[int], noise: list[int], opening: int, random) -> None:
    balances = [opening + sum(moves[: place + 1]) + noise[place] for place in range(len(moves))]
    rows = [(balance - move, balance) for balance, move in zip(balances, moves, strict=True)]
    random.shuffle(rows)
    before, after = [row[0] for row in rows], [row[1] for row in rows]
    order = walk(before, after, opening)
    best = min(jumped(before, after, other, opening) for other in itertools.permutations(range(len(rows))))
    assert sorted(order) == list(range(len(rows)))
    assert jumped(before, after, order, opening) == best


@given(st.lists(st.integers(-4, 4), min_size=MOST_TRIED + 1, max_size=60), st.integers(-5, 5), st.integers(0, 10**6))
def test_a_sound_day_has_no_jumps_however_often_a_balance_returns(moves: list[int], opening: int, seed: int) -> None:
    after = [opening + sum(moves[: place + 1]) for place in range(len(moves))]
    rows = np.random.default_rng(seed).permutation(np.array([[a - m, a] for a, m in zip(after, moves, strict=True)]))
    before, ends = rows[:, 0].tolist(), rows[:, 1].tolist()
    assert jumped(before, ends, walk(before, ends, opening), opening) == 0


def account(random: np.random.Generator, days: int, busy: int) -> Bookings:
    """Accounts with days of several bookings, shuffled within each day."""
    day = np.sort(random.integers(0, days, days * busy))
    day = np.unique(day, return_inverse=True)[1]
    owner = np.sort(random.integers(0, 5, day.max() + 1))[day]
    moves = random.integers(-500, 500, len(day))
    after = np.zeros(len(day), np.int64)
    for one in np.unique(owner):
        after[owner == one] = moves[owner == one].cumsum()
    order = np.lexsort((random.random(len(day)), day))
    return Bookings(owner[order], day[order], (after - moves)[order], after[order])


@pytest.mark.parametrize("seed", range(5))
def test_days_together_are_what_they_are_one_by_one(seed: int) -> None:
    rows = account(np.random.default_rng(seed), 60, 4)
    order = running_order(rows, 0)
    ends = np.concatenate([[0], rows.after[order][:-1]])
    fresh = np.concatenate([[True], np.diff(rows.account[order]) != 0])
    assert np.array_equal(np.sort(order), np.arange(len(order)))
    assert np.array_equal(rows.day[order], rows.day)
    assert np.array_equal(np.where(fresh, 0, ends), rows.before[order])


def test_without_an_opening_the_first_day_begins_where_no_booking_ends() -> None:
    rows = Bookings(*(np.array(values) for values in ([0, 0, 0], [0, 0, 0], [70, 100, 50], [90, 70, 100])))
    assert rows.before[running_order(rows)].tolist() == [50, 100, 70]


def test_a_lost_booking_leaves_one_jump_and_the_last_balance() -> None:
    before, after = [100, 130, 170], [130, 150, 180]  # 150 to 170 is lost
    order = walk(before, after, 100)
    assert order == [0, 1, 2] and jumped(before, after, order, 100) == 20


def test_bookings_of_zero_stand_where_the_balance_is() -> None:
    before, after = [5, 0, 5], [5, 5, 9]
    assert jumped(before, after, walk(before, after, 0), 0) == 0


def test_nothing_has_an_order() -> None:
    nothing = np.zeros(0, np.int64)
    assert running_order(Bookings(nothing, nothing, nothing, nothing)).tolist() == []


def test_a_day_of_a_hundred_thousand_bookings_with_small_errors_is_ordered() -> None:
    size = 100_000
    before = np.random.default_rng(0).permutation(size) * 30
    rows = Bookings(np.zeros(size, np.int64), np.zeros(size, np.int64), before, before + 29)  # each one cent short
    assert np.array_equal(rows.before[running_order(rows, 0)], np.sort(before))
