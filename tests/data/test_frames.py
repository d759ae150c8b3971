"""Frames into Arrow and back: exactness, refusals, and the fingerprint."""

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.frames import check_names, content_sha256, to_arrow, to_pandas
from finlab.data.relation import opened


def test_values_survive() -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([2**62 + 1, None], dtype="Int64"),
            "yes": pd.array([True, None], dtype="boolean"),
            "exact": [Decimal("0.10"), None],
            "moment": pd.to_datetime(["2026-03-29 02:30", None]).tz_localize("Europe/London"),
            "day": [date(2026, 1, 1), None],
            "text": ["金额 £", None],
            "kind": pd.Categorical(["a", None]),
        }
    )
    back = to_pandas(to_arrow(frame))
    assert back["whole"].tolist()[0] == 2**62 + 1 and back["whole"].dtype == "Int64"
    assert back["yes"].dtype == "boolean"
    assert back["exact"][0] == Decimal("0.10")
    assert back["moment"][0] == frame["moment"][0] and str(back["moment"].dt.tz) == "Europe/London"
    assert back["day"][0] == pd.Timestamp("2026-01-01")
    assert back["text"][0] == "金额 £" and back["kind"][0] == "a"
    assert back.isna().iloc[1].all()


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.RangeIndex(2), ["x"]),
        (pd.Index([5, 9]), ["x"]),
        (pd.Index([5, 9], name="id"), ["id", "x"]),
        (pd.Index(["a", "b"]), ["index", "x"]),
        (pd.date_range("2026-01-01", periods=2), ["date", "x"]),
        (pd.period_range("2026-01", periods=2, freq="M", name="month"), ["month", "x"]),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["k", "n"]), ["k", "n", "x"]),
    ],
)
def test_an_index_that_says_something_becomes_a_column(index: pd.Index, expected: list[str]) -> None:
    assert to_arrow(pd.DataFrame({"x": [1, 2]}, index=index)).column_names == expected


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"x": [1, "a"]}), "column 'x': mixes types: it begins with int and has str in row 2"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "more than one column named 'x'"),
        (pd.DataFrame([[1, 2]], columns=["x", "X"]), "upper and lower case"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "2 levels"),
        (pd.DataFrame({"z": [1j]}), "column 'z'"),
        (pd.DataFrame(), "no columns"),
        (pd.DataFrame({"x": [1]}, index=pd.Index([1], name="x")), "both named 'x'"),
    ],
)
def test_refusals(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(InputError, match=words):
        to_arrow(frame)


def test_many_names_are_listed_short() -> None:
    with pytest.raises(InputError, match="and 15 more"):
        check_names([f"c{n}" for n in range(35)] * 2, "the sheet")


VALUES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        st.one_of(st.none(), st.floats(allow_nan=False)),
        st.one_of(st.none(), st.text(max_size=5)),
        st.one_of(st.none(), st.booleans()),
        st.one_of(st.none(), st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))),
    ),
    max_size=20,
)


def _table(rows: list[tuple[object, ...]]) -> pa.Table:
    kinds = [pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.timestamp("us", tz="UTC")]
    columns = [pa.array([row[place] for row in rows], kind) for place, kind in enumerate(kinds)]
    return pa.Table.from_arrays(columns, names=list("abcde"))


@settings(max_examples=60, deadline=None)
@given(rows=VALUES, cut=st.integers(0, 20))
def test_the_fingerprint_sees_values_only(rows: list[tuple[object, ...]], cut: int) -> None:
    table = _table(rows)
    pieces = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
    framed = pa.concat_tables([_table([(1, 2.0, "x", True, None)]), table]).slice(1)
    assert content_sha256(table) == content_sha256(pieces) == content_sha256(framed)
    if rows:
        assert content_sha256(table) != content_sha256(table.slice(0, len(rows) - 1))


def test_the_fingerprint_sees_what_lies_under_a_missing_value_as_missing() -> None:
    one = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([1, 7]).tobytes())])
    other = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\x01"), pa.py_buffer(np.array([1, 8]).tobytes())])
    assert content_sha256(pa.table({"a": one})) == content_sha256(pa.table({"a": other}))


def test_order_names_and_types_count() -> None:
    base = pa.table({"a": [1, 2]})
    others = [pa.table({"a": [2, 1]}), pa.table({"b": [1, 2]}), pa.table({"a": [1.0, 2.0]})]
    assert len({content_sha256(table) for table in [base, *others]}) == 4


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (pa.array([2**62], pa.timestamp("s")), "a moment within 139,000 years of 1970"),
        (pa.array([-(2**63)], pa.timestamp("us")), "a moment within 139,000 years of 1970"),
        (pa.array([86_400_001], pa.int64()).cast(pa.time64("us"), safe=False), None),
        (pa.array([-1], pa.int64()).cast(pa.time64("us"), safe=False), "a time of day"),
    ],
)
def test_moments_that_would_break_the_database_are_refused(values: pa.Array, told: str | None) -> None:
    table = pa.table({"when": values})
    if told is None:
        assert to_arrow(table).num_rows == 1
        return
    with pytest.raises(InputError, match=f"column 'when': has .* expected {told}"):
        to_arrow(table)
    with pytest.raises(InputError, match="column 'when'"), opened(table):
        pass


@pytest.mark.parametrize(
    "name", ["t; DROP TABLE t; --", "(SELECT 1 AS _row)", "t, u", "", 'a"b', '"t', "a.b.c.d", "t -- x"]
)
def test_the_name_of_a_kept_table_is_a_name_and_nothing_else(name: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS _row, 2 AS x")
        with pytest.raises(InputError, match="the name of a kept table"), opened((connection, name)):
            pass
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(1,)]


def test_names_in_quotes_and_with_a_schema_are_names() -> None:
    with duckdb.connect() as connection:
        connection.execute('CREATE TABLE "my; ""bank" AS SELECT 0 AS _row, 2 AS x')
        for name in ('"my; ""bank"', 'main."my; ""bank"', 'memory.main."my; ""bank"'):
            with opened((connection, name)) as relation:
                assert relation.rows == 1
