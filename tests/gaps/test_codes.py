"""Columns as codes and rows that belong together, against pandas and plain Python, and bad input in words."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.codes import but_keys, equal_bins, joint, key_names, match_rows, named, picked, read_codes

VALUES = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["<b>", "'; DROP TABLE x; --", '"', "=1+1"]))


def read(values: Any, bins: int = 10) -> Any:
    with named(pd.DataFrame({"x": values}), "left") as relation:
        return read_codes(relation, ["x"], bins)[0]


def matched(left: Any, right: Any, on: Any = "id") -> list[tuple[int, int]]:
    with named(pd.DataFrame(left), "left") as one, named(pd.DataFrame(right), "right") as other:
        found = match_rows(one, other, on)
    return [(int(a), int(b)) for a, b in zip(found.left, found.right, strict=True)]


@settings(max_examples=30)
@given(st.lists(VALUES, min_size=1, max_size=30))
def test_equal_values_have_equal_codes_and_missing_ones_are_a_value(values: list[str | None]) -> None:
    found = read(pd.array(values, dtype="string"))
    order = list(dict.fromkeys(values))
    assert found.codes.tolist() == [order.index(value) for value in values]
    assert found.kinds == len(order) and found.missing == values.count(None)


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 1, 3],
        [True, False, True, None],
        [7, 0, 7, None],
        [0.0, 1.0, 0.0, None],
        [dt.date(2026, 1, 1), dt.date(2026, 1, 2), dt.date(2026, 1, 1), None],
        [Decimal("1.10"), Decimal("1.20"), Decimal("1.10"), None],
        [[1, 2], [3], [1, 2], None],
        [{"a": 1}, {"a": 2}, {"a": 1}, {"a": 3}],
        [b"\x00", b"\xff", b"\x00", b""],
    ],
)
def test_values_of_any_type_are_read(values: list[Any]) -> None:
    found = read(pd.array(values, dtype="Int64") if values == [7, 0, 7, None] else values)
    assert found.kinds == 3 and found.codes.tolist() == [0, 1, 0, 2]


def test_whole_numbers_that_became_floats_are_values_and_not_a_number_is_missing() -> None:
    found = read([1.0, 2.0, np.nan, 1.0] * 30)
    assert (found.kinds, found.missing, found.bins) == (3, 30, 0)


def test_infinite_numbers_are_numbers() -> None:
    found = read([np.inf, -np.inf, 0.5, 1.5] * 30)
    assert found.kinds == 4 and found.bins == 0
    assert read(np.append(np.random.default_rng(1).normal(size=99), np.inf)).bins == 10


def test_large_whole_decimals_are_not_mixed_up() -> None:
    table = pa.table({"x": pa.array([Decimal(10**30), Decimal(10**30 + 1)] * 5, pa.decimal128(38, 0))})
    with named(table, "left") as relation:
        assert read_codes(relation, ["x"])[0].kinds == 2


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(2, 12))
def test_bins_are_in_order_and_do_not_split_equal_numbers(values: list[float], bins: int) -> None:
    numbers = np.array(values)
    found = equal_bins(numbers, bins)
    assert found.min() >= 0 and found.max() < bins
    order = np.argsort(numbers, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert pd.Series(found).groupby(numbers).nunique().max() == 1


def test_bins_are_those_of_pandas_where_all_numbers_differ() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    assert np.array_equal(equal_bins(values, 10), pd.qcut(values, 10, labels=False))


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=40))
def test_several_columns_agree_where_all_of_them_do(rows: list[tuple[int, ...]]) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    order = list(dict.fromkeys(rows))
    assert pd.factorize(joint(columns))[0].tolist() == [order.index(row) for row in rows]


SOME = st.one_of(st.none(), st.integers(0, 30))


@settings(max_examples=25)
@given(st.lists(SOME, max_size=15, unique=True), st.lists(SOME, max_size=15))
def test_keys_meet_as_in_plain_python(left: list[int | None], right: list[int | None]) -> None:
    expected = [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a is not None and a == b]
    frames = ({"id": pd.array(side, dtype="Int64")} for side in (left, right))
    assert matched(*frames) == expected


@pytest.mark.parametrize(
    ("left", "right", "pairs"),
    [
        (["007", " 8", "9.0", "x", ""], [7, 8, 9, 10, 0], [(0, 0), (1, 1), (2, 2)]),
        (["8.4", "8"], [8, 9], [(1, 0)]),
        ([8, 9], [8.4, 9.0], [(1, 1)]),
        ([" A ", "b", "  "], ["A", "B", "  "], [(0, 0)]),
        ([2**62, 2**62 + 1], [str(2**62 + 1), "1"], [(1, 0)]),
        ([dt.date(2026, 3, 31)], [dt.datetime(2026, 3, 31, 0, 0)], [(0, 0)]),
        ([dt.date(2026, 3, 31)], ["2026-03-31"], [(0, 0)]),
        ([dt.date(2026, 3, 31)], [dt.datetime(2026, 3, 31, 23, 30)], []),
        ([Decimal("1.50")], ["1.5"], [(0, 0)]),
    ],
)
def test_keys_of_different_types_meet_by_value(left: list[Any], right: list[Any], pairs: list[tuple[int, int]]) -> None:
    assert matched({"id": left}, {"id": right}) == pairs
    assert sorted((b, a) for a, b in matched({"id": right}, {"id": left})) == sorted(pairs)


def test_keys_of_types_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be asked"):
        matched({"id": [dt.date(2026, 3, 31)]}, {"id": [7]})


def test_several_keys_and_other_names_meet() -> None:
    left, right = {"a": [1, 1, 2], "b": ["x", "y", "x"]}, {"c": ["y", "x"], "a": [1, 2]}
    assert matched(left, right, {"a": "a", "b": "c"}) == [(1, 0), (2, 1)]
    assert matched(left, left, ["a", "b"]) == [(0, 0), (1, 1), (2, 2)]


def test_rows_without_a_partner_are_counted() -> None:
    frames = [pd.DataFrame({"id": ids}) for ids in ([1, 2, None], [2, 2, 3])]
    with named(frames[0], "left") as one, named(frames[1], "right") as two:
        found = match_rows(one, two, "id")
    assert (found.left.tolist(), found.alone_left, found.alone_right) == ([1, 1], 2, 1)


@pytest.mark.parametrize(
    ("on", "told"),
    [
        ("idd", "on: left has no column 'idd' \\(did you mean 'id'\\?\\)"),
        ({"id": "od"}, "on: right has no column 'od'"),
        ("id", "1 keys occur more than once on both sides"),
        (None, "left has 3 rows and right 2"),
        (7, "names of key columns"),
        ([], "names of key columns"),
        ([[0, 1, 2]], "names of key columns"),
        ([[0, 1], [2]], "names of key columns"),
        ([(0.5, 1.0)], "names of key columns"),
        ([(3, 0)], "a place of left is outside 0 to 2"),
        ([(0, -1)], "a place of right is outside 0 to 1"),
    ],
)
def test_what_is_no_key_is_told_in_words(on: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        matched({"id": [1, 1, 2]}, {"id": [1, 1]}, on)


@pytest.mark.parametrize("table", [None, 7, "x", [1, 2], pd.DataFrame(), (1, 2)])
def test_what_is_no_table_is_told_with_its_side(table: Any) -> None:
    with pytest.raises(InputError, match=r"^right: "), named(table, "right"):
        pass


def test_names_that_are_hostile_are_only_names() -> None:
    name = 'x"; DROP TABLE finlab_table; --'
    with named(pd.DataFrame({name: [1, 2], "<script>": [3, 4]}), "left") as relation:
        assert [one.kinds for one in read_codes(relation, [name, "<script>"])] == [2, 2]


def test_keys_are_left_out_unless_they_are_asked_for() -> None:
    with named(pd.DataFrame({"id": [1], "x": [2]}), "left") as relation:
        assert but_keys(relation, None, key_names("id", 0), ("given", "left")) == ["x"]
        assert but_keys(relation, "id", key_names("id", 0), ("given", "left")) == ["id"]
        with pytest.raises(InputError, match="no columns but its keys"):
            but_keys(relation, None, {"id", "x"}, ("given", "left"))
        with pytest.raises(InputError, match="given is"):
            but_keys(relation, [], set(), ("given", "left"))


def test_a_column_of_chosen_rows_has_new_codes() -> None:
    found = picked(read(["a", "b", "c", "b"]), np.array([3, 2, 3]))
    assert found.codes.tolist() == [0, 1, 0] and found.kinds == 2


@pytest.mark.parametrize("bins", [0, 1, 1001, 2.5, "x", None])
def test_bins_that_are_none_are_refused(bins: Any) -> None:
    with pytest.raises(InputError, match="bins"):
        read([0.5, 1.5], bins)
