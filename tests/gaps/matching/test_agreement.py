"""Levels against plain Python, up to the largest amounts; weights against a sum over respects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sides import ALL, FEW, ROWS, WINDOW, opened

from finlab.gaps.matching.agreement import (
    LAGS,
    POWERS,
    ROUNDING,
    SAME,
    SIGN,
    STEPS,
    UNIT,
    VALUE,
    amount_levels,
    features,
    lag_levels,
    open_rows,
    weigh,
)  # fmt: skip
from finlab.gaps.matching.candidates import candidates
from finlab.gaps.matching.rarity import rarity
from finlab.gaps.matching.twins import Row, set_apart

HUGE = 2**61 - 1
AMOUNTS = st.one_of(
    st.integers(-50, 50), st.integers(-HUGE, HUGE), st.sampled_from([0, 25 * 2**53, 2**59, HUGE, -HUGE])
)


def level_of(left: int, right: int, rounding: int) -> int:
    small, large = sorted((abs(left), abs(right)))
    if left == right:
        return SAME
    if left == -right:
        return SIGN
    if left * right > 0 and any(small * 10**power == large for power in range(1, POWERS + 1)):
        return UNIT
    if rounding and abs(left - right) == rounding:
        return ROUNDING
    share = float(abs(right - left)) / float(max(abs(left), 1))
    return VALUE + max(sum(edge < share for edge in STEPS[:-1]) - 1, 0)


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1), st.integers(0, 3))
def test_levels_of_amounts_are_those_of_plain_python(pairs: list[tuple[int, int]], rounding: int) -> None:
    level, bits = amount_levels(*np.array(pairs, np.int64).T, rounding)
    assert level.tolist() == [level_of(*pair, rounding) for pair in pairs]
    assert np.isfinite(bits).all() and (bits >= 0).all()


@given(st.integers(1, HUGE // 10**POWERS), st.integers(1, POWERS), st.sampled_from([1, -1]))
def test_a_power_of_ten_is_a_unit_in_both_directions(cents: int, power: int, sign: int) -> None:
    here, there = np.array([cents * sign]), np.array([cents * sign * 10**power])
    assert amount_levels(here, there)[0][0] == amount_levels(there, here)[0][0] == UNIT


def test_a_product_that_would_wrap_around_is_no_unit() -> None:
    assert amount_levels(np.array([25 * 2**53]), np.array([2**59]))[0][0] >= VALUE


def test_an_amount_out_of_nothing_costs_the_bits_of_its_size() -> None:
    _, bits = amount_levels(np.array([0, 0, 1]), np.array([10**6, 10**12, 10**9 + 7]))
    assert bits == pytest.approx(np.log2([2e6, 2e12, 2e9]), abs=0.01)


@given(st.lists(st.integers(-4_000_000, 4_000_000), min_size=1))
def test_levels_of_days_are_mirrored_and_leave_the_width_of_their_piece_open(days: list[int]) -> None:
    level, bits = lag_levels(np.array(days))
    mirrored, same = lag_levels(-np.array(days))
    step = np.where(level < len(LAGS), level, level - len(LAGS) + 1)
    assert (np.where(mirrored < len(LAGS), mirrored, mirrored - len(LAGS) + 1) == step).all() and (bits == same).all()
    assert all(LAGS[at] <= abs(day) for at, day in zip(step.tolist(), days, strict=True))
    assert level.min() >= 0 and level.max() < 2 * len(LAGS) - 1


@FEW
@given(ROWS, ROWS)
def test_weights_are_finite_sums_over_the_respects(left: list[Row], right: list[Row]) -> None:
    connection = opened(left, right)
    counts = set_apart(connection)
    rare = rarity(connection, parties=True, references=True)[1]
    pairs = candidates(connection, ALL, WINDOW)
    weights, listed = weigh(connection, ALL, pairs, counts, rare)
    assert [feature.name for feature in listed] == ["amount", "day", "reference", "currency", "text"]
    assert np.isfinite(weights.bits).all() and len(weights.bits) == len(pairs.left)
    bits = rare.bits[pairs.right] - np.log2(weights.left_alone) - np.log2(weights.right_alone)
    for feature in listed:
        bits = bits + np.log2(weights.shares[feature.name][feature.levels]) - feature.open_bits
    assert weights.bits == pytest.approx(bits, abs=0.1)


@FEW
@given(ROWS)
def test_rows_of_one_content_have_one_number(rows: list[Row]) -> None:
    connection = opened(rows, [])
    set_apart(connection)
    found = open_rows(connection, "l")
    assert sorted(found.row.tolist()) == list(range(len(rows)))
    placed = [rows[row] for row in found.row]
    for one, mine in enumerate(placed):
        assert found.twins[one] == rows.count(mine)
        assert [bool(found.content[one] == other) for other in found.content] == [mine == other for other in placed]


def test_what_agrees_already_counts_as_known() -> None:
    rows = [Row(100 * place, place, "a") for place in range(50)]
    connection = opened(rows, [*rows, Row(5, 5, "b")])
    counts = set_apart(connection)
    rare = rarity(connection, parties=True, references=False)[1]
    listed = features(connection, ALL._replace(text=False), candidates(connection, ALL, WINDOW), counts, rare)
    assert [feature.known[0] for feature in listed] == [50.0] * 4
