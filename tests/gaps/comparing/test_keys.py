"""Keys, pairing, and the search for a key: against pandas' merge, against all permutations, and at the edges."""

from itertools import permutations
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from finlab.core.errors import InputError
from finlab.gaps.comparing.columns import Partner, match_columns
from finlab.gaps.comparing.key_search import suggest_key
from finlab.gaps.comparing.keys import Joined, join_keys, key_column
from finlab.gaps.comparing.pairing import (
    FIELD_BITS,
    LEAST_SHARE,
    chosen_pairs,
    copies_alone,
    groups_of,
    surplus_of,
    surpluses,
)
from finlab.gaps.comparing.readings import Reading
from finlab.gaps.comparing.sides import paired

Frame = pd.DataFrame
NONE = np.zeros(0, np.int64)


def joined(left: Any, right: Any, on: list[str], told: Reading | None = None) -> Joined:
    with paired(left, right) as sides:
        keys = [key_column(*sides, Partner(name, name), told) for name in on]
        return join_keys(sides[0].relation.connection, keys, str(on))


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.none() | st.integers(0, 4), st.none() | st.sampled_from("ab")), max_size=12),
    st.lists(st.tuples(st.none() | st.integers(0, 4), st.none() | st.sampled_from("ab")), max_size=12),
)
def test_the_join_is_that_of_pandas(left: list[Any], right: list[Any]) -> None:
    tables = [
        pa.table(
            {"a": pa.array([one for one, _ in rows], pa.int64()), "b": pa.array([x for _, x in rows], pa.string())}
        )
        for rows in (left, right)
    ]
    found = joined(*tables, on=["a", "b"])
    pairs = [(i, j) for i, x in enumerate(left) for j, y in enumerate(right) if None not in x and x == y]
    assert list(zip(found.left.tolist(), found.right.tolist(), strict=True)) == pairs
    for here, rows, other in ((0, left, right), (1, right, left)):
        assert found.keyless[here].tolist() == [place for place, row in enumerate(rows) if None in row]
        alone = [place for place, row in enumerate(rows) if None not in row and row not in other]
        assert found.alone[here].tolist() == alone
    for (i, j), group in zip(pairs, found.group.tolist(), strict=True):
        several = sum(one == i for one, _ in pairs) > 1 or sum(one == j for _, one in pairs) > 1
        assert (group >= 0) == several
    numbers = dict.fromkeys(left[i] for (i, _), group in zip(pairs, found.group.tolist(), strict=True) if group >= 0)
    assert len(numbers) == len(set(found.group[found.group >= 0].tolist()))


def test_forms_of_keys_from_the_least_change_to_the_greatest() -> None:
    cases = {
        ("AB-1", "ab-1"): 2, ("AB-1 ", "AB-1"): 2, ("\u200bAB-1", "AB-1"): 2, ("AB 1", "ab-1"): 2,
        ("00123", "123"): 2, ("123.0", "123"): 2, ("31/03/2026", "2026-03-31"): 2, ("AB-1", "CD-1"): 0,
    }  # fmt: skip
    for (one, other), matched in cases.items():
        left, right = Frame({"k": [one, "same"]}), Frame({"k": [other, "same"]})
        if one[0].isdigit():
            left, right = left.iloc[:1], right.iloc[:1]
        assert len(joined(left, right, ["k"]).left) == (min(matched, len(left)) if matched else 1), (one, other)


def test_a_form_that_merges_more_keys_than_it_matches_is_not_taken() -> None:
    left = Frame({"k": ["a-1", "a1", "b-2", "b2", "c-3", "c3", "z"]})
    right = Frame({"k": ["a-1", "a1", "b-2", "b2", "c-3", "c3", "Z"]})
    found = joined(left, right, ["k"])
    assert len(found.left) == 7 and not (found.group >= 0).any()  # folded, for Z; no hyphen is lost
    hyphen = Frame({"k": [*right["k"][:6], "z-"]})
    assert joined(left, hyphen, ["k"]).alone[0].tolist() == [6]


def test_keys_read_as_the_user_says() -> None:
    left, right = Frame({"k": ["a", "B"]}), Frame({"k": ["A", "B"]})
    assert len(joined(left, right, ["k"]).left) == 2
    assert len(joined(left, right, ["k"], Reading(kind="exact")).left) == 1


def test_the_size_of_a_join_is_told_before_it_is_made() -> None:
    left, right = Frame({"k": [1] * 2000 + [2]}), Frame({"k": [1] * 1000 + [3]})
    with pytest.raises(InputError, match=r"2,000,000 rows, expected at most 1,000,000: the key '1' alone has 2,000 x"):
        joined(left, right, ["k"])
    assert len(joined(left, Frame({"k": [1, 2]}), ["k"]).left) == 2001


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_pairs_have_the_least_sum_of_distances(rows: int, columns: int, data: Any) -> None:
    values = data.draw(
        st.lists(st.sampled_from([0.0, 0.5, 0.7, 1.0, 2.3]), min_size=rows * columns, max_size=rows * columns)
    )
    distance = np.array(values).reshape(rows, columns)
    left, right = np.repeat(np.arange(rows), columns), np.tile(np.arange(columns), rows)
    group = np.full(rows * columns, -1 if rows * columns == 1 else 0)
    found = Joined(left, right, group, (NONE, NONE), (NONE, NONE))
    kept = chosen_pairs(found, distance.ravel())
    chosen = list(zip(left[kept].tolist(), right[kept].tolist(), strict=True))
    assert len(chosen) == min(rows, columns)
    assert len({one for one, _ in chosen}) == len({one for _, one in chosen}) == len(chosen)
    short, wide = (distance, columns) if rows <= columns else (distance.T, rows)
    best = min(sum(short[i, j] for i, j in enumerate(one)) for one in permutations(range(wide), min(rows, columns)))
    assert abs(sum(distance[i, j] for i, j in chosen) - best) < 1e-9
    for one in [surplus for side in surpluses(groups_of(found, distance.ravel())) for surplus in side]:
        assert one.explanations * one.probability <= 1 + 1e-9
        assert len(one.surplus) == abs(rows - columns)
        assert set(one.surplus) == set(one.rows) - {pair[rows < columns] for pair in chosen}
        assert sum(share for share, _ in one.others) + one.probability <= 1 + 1e-9


@settings(max_examples=50)
@given(st.integers(1, 6), st.data())
def test_the_cost_of_leaving_out_a_row_is_that_of_pairing_the_rest_anew(columns: int, data: Any) -> None:
    size = columns * (columns + 1)
    values = data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0]), min_size=size, max_size=size))
    distance = np.array(values).reshape(columns + 1, columns)
    rest = [np.delete(distance, row, axis=0) for row in range(columns + 1)]
    sums = np.array([one[linear_sum_assignment(one)].sum() for one in rest])
    shares = np.exp2(-FIELD_BITS * (sums - sums.min()))
    found = surplus_of(np.arange(columns + 1), distance)
    told = {found.surplus: found.probability, **{rows: share for share, rows in found.others}}
    expected = shares / shares.sum()
    assert found.explanations == (sums == sums.min()).sum()
    assert all(abs(expected[row] - share) < 1e-9 for (row,), share in told.items())
    assert {row for row in range(columns + 1) if expected[row] > LEAST_SHARE + 1e-9} <= {row for (row,) in told}


def test_one_row_too_many_of_two_thousand_is_found_in_seconds() -> None:
    distance = np.random.default_rng(4).choice([0.0, 0.6, 1.0], (2001, 2000))
    start = process_time()
    found = surplus_of(np.arange(2001), distance)
    assert len(found.surplus) == 1 and process_time() - start < 20


def test_copies_share_the_probability_and_others_do_not() -> None:
    three = surplus_of(np.array([3, 5, 9]), np.array([[0.0], [0.0], [1.0]]))
    assert three.explanations == 2 and three.probability == 0.5 and three.surplus in ((3, 9), (5, 9))
    assert surplus_of(np.array([3, 5]), np.array([[0.0], [2.0]])).surplus == (5,)
    assert copies_alone(np.array([1, 2, 3])).probability == 1 / 3
    many = surplus_of(np.arange(40), np.zeros((40, 20)))
    assert many.explanations == 137_846_528_820 and len(many.others) <= 16


def search(left: Frame, right: Frame | None = None, **told: Reading) -> tuple[list[str], str]:
    right = left.sample(frac=1, random_state=1) if right is None else right
    with paired(left, right.reset_index(drop=True)) as sides:
        chosen, note = suggest_key(*sides, match_columns(list(left), list(right)).pairs, told)
    return [one.left for one in chosen], note


def test_the_smallest_set_that_is_unique_and_matches_is_the_key() -> None:
    rng = np.random.default_rng(2)
    lines = Frame({"entry": np.repeat(np.arange(200), 3), "line": np.tile([1, 2, 3], 200), "text": "x"})
    lines["amount"] = np.arange(600) / 7  # unique, and no key
    assert search(lines)[0] == ["entry", "line"]
    lines["number"] = rng.permutation(600)
    assert search(lines)[0] == ["number"]
    assert search(lines.drop(columns=["entry", "line", "number"]))[0] == ["amount"]
    other = lines.assign(number=np.arange(600) + 10_000)
    assert search(lines, other)[0] == ["entry", "line"]


def test_a_key_that_repeats_a_little_is_taken_and_told() -> None:
    rows = Frame({"id": [*range(99), 7], "kind": ["a", "b"] * 50})
    names, note = search(rows)
    assert names == ["id"] and "1.0% of the rows share a key" in note


def test_no_key_is_asked_for() -> None:
    with pytest.raises(InputError, match="say on=, of 'a', 'b'"):
        search(Frame({"a": [1] * 10, "b": [2] * 10}))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"q": "b"}, "the table 'left' has no column 'q'"),
        ({"a": "q"}, "the table 'right' has no column 'q'"),
        ({"a": "b", "c": "b"}, "at most"),
    ],
)
def test_names_that_cannot_be_partners_are_refused(told: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        match_columns(["a", "c"], ["a", "b"], told)


def test_partners_are_equal_then_alike() -> None:
    found = match_columns(["Amount", "Lieferant", "x"], ["supplier", "amount ", "y"])
    assert [tuple(one) for one in found.pairs] == [("Amount", "amount "), ("Lieferant", "supplier")]
    assert found.alone == (("x",), ("y",)) and len(found.notes) == 3
    assert match_columns([], ["a"]).pairs == () and found.of("supplier") == found.pairs[1] and found.of("q") is None
