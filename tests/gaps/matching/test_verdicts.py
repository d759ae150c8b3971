"""Verdicts: how many explanations fit, which are listed, and that none claims more than its share."""

from itertools import combinations
from math import comb

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sides import FEW, ROWS, found

from finlab.gaps.matching.agreement import LAGS
from finlab.gaps.matching.candidates import Has
from finlab.gaps.matching.explanations import MOST_PARTS
from finlab.gaps.matching.twins import Row
from finlab.gaps.matching.verdicts import MOST_OTHERS, usual_lags, ways

HAS = Has(day=True, party=True)
BOOKS = [Row(7919 * (place + 3), place, f"party {place % 9}") for place in range(300)]


def ambiguous(seed: int) -> tuple[list[Row], Row, int]:
    """Open items of one party, a line that some of them add up to, and how many sets of them do, by brute force."""
    draw = np.random.default_rng(seed)
    number = int(draw.integers(8, 25))
    items = draw.integers(10, 60, number) * 100
    total = int(items[draw.choice(number, int(draw.integers(2, MOST_PARTS + 1)), replace=False)].sum())
    every = [part for size in range(1, MOST_PARTS + 1) for part in combinations(items.tolist(), size)]
    return (
        [Row(int(cents), 400, "open") for cents in items],
        Row(total, 400, "open"),
        sum(sum(part) == total for part in every),
    )


def test_with_k_exact_sums_no_probability_is_above_one_over_k() -> None:
    told = 0
    for seed in range(20):
        items, line, count = ambiguous(seed)
        _, verdicts = found([*BOOKS, *items], [*BOOKS, line], HAS)
        merges = [verdict for verdict in verdicts if verdict.kind == "merge"]
        others = [other for verdict in verdicts for other in verdict.others if other.kind == "merge"]
        for verdict in merges:
            assert verdict.n_explanations == count and verdict.probability <= 1 / count + 1e-12
            assert sum(items[row - len(BOOKS)].cents or 0 for row in verdict.left) == line.cents
        assert all(other.probability <= 1 / count + 1e-12 for other in others)
        told += bool(merges or others)
    assert told >= 10


def test_a_sum_that_only_one_set_of_rows_has_is_sure() -> None:
    left = [*BOOKS, Row(10_007, 400, "open"), Row(20_021, 400, "open"), Row(40_093, 400, "open")]
    _, (verdict, lone) = found(left, [*BOOKS, Row(50_100, 401, "open")], HAS)
    assert {verdict.kind, lone.kind} == {"merge", "missing"}
    merge = verdict if verdict.kind == "merge" else lone
    assert merge.left == (300, 302) and merge.n_explanations == 1 and merge.probability > 0.9


def test_one_of_two_twins_that_is_missing_is_one_of_two() -> None:
    left = [*BOOKS, Row(5001, 400, "x"), Row(5001, 400, "x")]
    _, verdicts = found(left, [*BOOKS, Row(5001, 400, "x")], HAS)
    assert len(verdicts) == 1 and verdicts[0].probability <= 1
    if verdicts[0].kind == "missing":
        assert verdicts[0].n_explanations == 2 and verdicts[0].others[0].left == (300,)


def test_twins_that_are_all_missing_are_missing_for_certain() -> None:
    gone = [Row(5001, 400, "x"), Row(5001, 400, "x")]
    _, verdicts = found([*BOOKS, *gone], [*BOOKS, Row(70, 20, "y")], HAS)
    lost = [verdict for verdict in verdicts if set(verdict.left) & {300, 301}]
    for verdict in lost:
        assert verdict.kind == "duplicate" or (verdict.n_explanations == 1 and not verdict.others)


def test_a_copy_names_its_original_and_lists_each_row_alone() -> None:
    _, (verdict,) = found(BOOKS, [*BOOKS, BOOKS[7]], HAS)
    assert verdict.kind == "duplicate" and verdict.right == (7, 300) and verdict.left == ()
    assert {other.right for other in verdict.others if other.kind == "duplicate"} == {(7,), (300,)}


def test_many_twins_are_counted_but_not_all_listed() -> None:
    twins = [Row(5001, 400, "x")] * 60
    _, verdicts = found([*BOOKS, *twins, Row(6007, 401, "x")], [*BOOKS, *twins[1:], Row(6007, 401, "x")], HAS)
    assert len(verdicts) == 1 and verdicts[0].n_explanations in (60, comb(60, 2))
    assert len(verdicts[0].others) == MOST_OTHERS


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_ways_are_the_choices_among_rows_of_one_content(content: list[int]) -> None:
    twins = [content.count(one) for one in content]
    for size in range(1, len(content) + 1):
        places = list(range(size))
        wanted = sorted(content[:size])
        chosen = (sorted(content[place] for place in part) for part in combinations(range(len(content)), size))
        assert ways(content, twins, places) == sum(part == wanted for part in chosen)


@given(st.lists(st.floats(0.0, 1.0), min_size=2 * len(LAGS) - 1, max_size=2 * len(LAGS) - 1))
def test_usual_days_are_a_range_that_holds_the_most_frequent(shares: list[float]) -> None:
    low, high = usual_lags(np.array(shares))
    assert -2 * LAGS[-1] <= low <= high <= 2 * LAGS[-1]
    assert usual_lags(np.r_[1.0, np.zeros(2 * len(LAGS) - 2)]) == (0, 0)


@FEW
@given(ROWS, ROWS)
def test_no_alternative_is_the_gap_itself_and_none_is_there_twice(left: list[Row], right: list[Row]) -> None:
    for verdict in found(left, right, HAS)[1]:
        named = [(other.kind, other.left, other.right) for other in verdict.others]
        assert (verdict.kind, verdict.left, verdict.right) not in named and len(named) == len(set(named))
        assert len(named) <= MOST_OTHERS and verdict.kind
