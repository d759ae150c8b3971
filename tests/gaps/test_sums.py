"""Subset sums: exact counts against brute force and a table, and no explanation claims more than its share."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.sums import FEW, LARGEST, Sums, _directly, _grown, _half, _halved, subset_sums

CENTS = st.integers(-60, 60)


def brute(items: list[int], target: int, tolerance: int, most: int) -> list[tuple[int, ...]]:
    every = (chosen for size in range(1, most + 1) for chosen in combinations(range(len(items)), size))
    return [chosen for chosen in every if abs(sum(items[place] for place in chosen) - target) <= tolerance]


def counted(items: list[int], target: int) -> int:
    """The number of subsets by dynamic programming: a table from each sum to the subsets that reach it."""
    counts = {0: 1}
    for item in items:
        for total, number in list(counts.items()):
            counts[total + item] = counts.get(total + item, 0) + number
    return counts.get(target, 0) - (target == 0)


@given(st.lists(CENTS, max_size=9), CENTS, st.integers(0, 3), st.integers(1, 9))
def test_all_subsets_are_those_of_brute_force(items: list[int], target: int, tolerance: int, most: int) -> None:
    found = subset_sums(items, target, tolerance=tolerance, most_items=most, shown=1000)
    expected = brute(items, target, tolerance, min(most, len(items)))
    assert sorted(found.subsets) == sorted(expected) and found.count == len(expected)
    sizes = [len(chosen) for chosen in found.subsets]
    assert sizes == sorted(sizes)


@given(st.lists(CENTS, min_size=2, max_size=FEW), CENTS, st.integers(0, 3), st.integers(1, FEW))
def test_both_ways_find_the_same(items: list[int], target: int, tolerance: int, most: int) -> None:
    most, cents = min(most, len(items)), np.array(items)
    direct = _directly(cents, target, tolerance, most, 5000)
    halved = _halved(cents, target, tolerance, most, 5000)
    assert direct.count == halved.count and sorted(direct.subsets) == sorted(halved.subsets)
    assert [len(one) for one in direct.subsets] == [len(one) for one in halved.subsets]


@given(st.lists(CENTS, max_size=FEW), st.integers(1, FEW))
def test_the_table_has_the_sums_that_grow(items: list[int], most: int) -> None:
    cents = np.array(items, np.int64)
    assert sorted(zip(*_half(cents, most, ""), strict=True)) == sorted(zip(*_grown(cents, most, ""), strict=True))


@given(st.lists(CENTS, min_size=FEW + 1, max_size=16), st.integers(-300, 300), st.integers(0, 3), st.integers(1, 5))
def test_more_than_a_few_items_as_by_brute_force(items: list[int], target: int, tolerance: int, most: int) -> None:
    found = subset_sums(items, target, tolerance=tolerance, most_items=most, shown=10_000)
    assert sorted(found.subsets) == sorted(brute(items, target, tolerance, most)) and found.count == len(found.subsets)


@pytest.mark.parametrize("number", [FEW, FEW + 1, 60, 125, 130, 300])
def test_hundreds_of_items_are_searched_if_only_two_belong_together(number: int) -> None:
    found = subset_sums(range(1, number + 1), number + 1, most_items=2, shown=number)
    pairs = [(place, number - 1 - place) for place in range(number // 2)]
    assert found.count == len(pairs) and sorted(found.subsets) == pairs


def test_nothing_is_listed_if_nothing_is_asked_for() -> None:
    for number in (FEW, FEW + 1):
        assert subset_sums([5] * number, 5, shown=0) == Sums(number, [])


@pytest.mark.parametrize("number", [8, 12, 16, 20, 24])
def test_the_count_is_exact_where_nobody_can_list_them(number: int) -> None:
    draw = np.random.default_rng(number)
    for _ in range(20):
        items = draw.integers(100, 900, size=number).tolist()
        target = int(np.sum(draw.permutation(items)[: number // 2]))
        found = subset_sums(items, target, shown=3)
        assert found.count == counted(items, target) >= 1
        assert found.probability == 1 / found.count and len(found.subsets) == min(3, found.count)
        for chosen in found.subsets:
            assert sum(items[place] for place in chosen) == target


def test_equal_items_are_different_ones() -> None:
    assert subset_sums([100] * 10, 300).count == 120
    assert sorted(subset_sums([100, 100], 100).subsets) == [(0,), (1,)]


def test_edges() -> None:
    assert subset_sums([], 0) == Sums(0, []) and subset_sums([], 5) == Sums(0, []) and Sums(0, []).probability == 0
    assert subset_sums([5], 5) == Sums(1, [(0,)]) and subset_sums([0], 0) == Sums(1, [(0,)])
    assert subset_sums([50, -50], 0) == Sums(1, [(0, 1)])
    assert subset_sums(np.array([1, 2], dtype=np.uint8), 3).count == 1
    assert subset_sums([LARGEST // 4] * 2, LARGEST // 2).count == 1


@pytest.mark.parametrize(
    ("items", "more", "words"),
    [
        ([1.5], {}, "items is"),
        ([[1]], {}, "items is"),
        ([1], {"target": 1.0}, "target is 1.0"),
        ([1], {"target": True}, "target is True"),
        ([1], {"tolerance": -1}, "tolerance is -1"),
        ([1], {"most_items": 0}, "most_items is 0"),
        ([1], {"shown": -1}, "shown is -1"),
        ([1], {"shown": 1.5}, "shown is 1.5"),
        ([[1], [2, 3]], {}, "items is"),
        ([True], {}, "items is"),
        (["1"], {}, "items is"),
        (None, {}, "items is None"),
        ([10**30], {}, "items is"),
        ([1], {"target": LARGEST}, "target is"),
        ([LARGEST], {}, "items add up to"),
        (list(range(60)), {}, "60 items: more than"),
    ],
)
def test_bad_input_is_named(items: Any, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        subset_sums(items, **{"target": 1, **more})
