"""A column has the narrowest type that holds all of it, however its values are cut into batches."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError, StoreError
from finlab.data import spool as room
from finlab.data.spool import Spool, common_type


def collected(batches: list[list[Any]], **options: Any) -> pa.ChunkedArray:
    spool = Spool(["x"], "it", **options)
    for batch in batches:
        spool.add([(value,) for value in batch])
    return spool.reader().read_all()["x"]


@given(
    st.lists(st.none() | st.decimals(-(10**12), 10**12, allow_nan=False, places=4) | st.integers(-(10**12), 10**12)),
    st.integers(1, 5),
)
def test_batches_do_not_matter(values: list[Any], size: int) -> None:
    cut = [values[place : place + size] for place in range(0, len(values), size)]
    found = collected(cut)
    assert found.to_pylist() == values
    assert pa.types.is_decimal(found.type) == any(isinstance(value, Decimal) for value in values)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([[1], [2.5], [2**53 + 1]], "keep that column as text"),
        ([[Decimal("1" * 20)], [Decimal("0." + "1" * 20)]], "no type holds both"),
        ([[1, True]], "begins with int and has bool in row 2"),
        ([[None], [1], [None, b"x"]], "up to row 2 and binary after it"),
        ([[2**63]], "row 1 holds 9223372036854775808"),
        ([["\ud800"]], "row 1 holds"),
    ],
)
def test_what_no_type_holds(batches: list[list[Any]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        collected(batches)


def test_rows_are_given_back_as_often_as_asked() -> None:
    spool = Spool(["x"], "it")
    spool.add([(1,), (2,)])
    assert spool.reader().read_all() == spool.reader().read_all()
    assert [batch.num_rows for batch in spool.reader()] == [2]


def test_nothing_at_all_has_its_columns() -> None:
    assert Spool(["x", "y"], "it", [pa.int64(), None]).reader().read_all().schema.types == [
        pa.int64(),
        pa.large_string(),
    ]


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    monkeypatch.setattr(room.tempfile, "TemporaryFile", lambda: full.open("rb+", buffering=0))
    spool = Spool(["x"], "it")
    with pytest.raises(StoreError, match="no room for the rows"):
        spool.add([("x" * 100_000,)])


def test_types_have_one_common_type_whichever_comes_first() -> None:
    kinds = [pa.null(), pa.int64(), pa.float64(), pa.decimal128(5, 2), pa.decimal128(38, 0), pa.string(), pa.date32(),
             pa.list_(pa.int64()), pa.list_(pa.decimal128(3, 1)), pa.bool_()]  # fmt: skip
    for first in kinds:
        assert common_type(first, first) == first
        for second in kinds:
            assert common_type(first, second) == common_type(second, first)
