"""Constraints: their text form, and violations found as a comparison of all pairs finds them."""

from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data import constraints
from finlab.data.constraints import (
    FD,
    DenialConstraint,
    compare_rows,
    count_violations,
    list_violations,
    parse_constraint,
    read_constraints,
)
from finlab.data.relation import opened, quoted
from finlab.data.repair import repair

CELLS = st.one_of(st.none(), st.sampled_from(["a", "b", "c", "", " a "]))


def by_pairs(frame: pd.DataFrame, given: list[str], column: str) -> int:
    """Count the pairs of rows that break a dependency by comparing each row with each other."""
    cleaned = [{name: cell.strip() for name, cell in row.items()} for row in frame.fillna("").to_dict("records")]
    rows = [row for row in cleaned if all(row[name] for name in [*given, column])]
    pairs = ((a, b) for place, a in enumerate(rows) for b in rows[place + 1 :])
    return sum(all(a[name] == b[name] for name in given) and a[column] != b[column] for a, b in pairs)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=25))
def test_counting_groups_equals_comparing_pairs(rows: list[tuple[str | None, ...]]) -> None:
    frame = pd.DataFrame(rows, columns=["x", "y", "z"], dtype="str")
    for fd in (FD("x", "z"), FD(["x", "y"], "z")):
        assert count_violations(frame, fd)["pairs"].tolist() == [by_pairs(frame, list(fd.given), fd.column)]


def test_an_fd_and_its_text_find_the_same() -> None:
    frame = pd.DataFrame({"a": ["1", "1", "2"], "b": ["x", "y", "z"]})
    text = "t1&t2&EQ(t1.a,t2.a)&IQ(t1.b,t2.b)"
    assert parse_constraint(text) == FD("a", "b")
    assert count_violations(frame, text).equals(count_violations(frame, FD(["a"], "b")))


def test_hospital_constraints_are_dependencies(testdata: Path) -> None:
    constraints = read_constraints(testdata / "holoclean" / "hospital_constraints.txt")
    assert len(constraints) == 15 and all(isinstance(one, FD) for one in constraints)
    assert FD(["HospitalName", "PhoneNumber", "HospitalOwner"], "State") in constraints


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("t1&LT(t1.debit,0)", [2]),
        ("t1&LTE(t1.debit,0)", [2, 3]),
        ('t1&EQ(t1.name,"Blue, Ltd")', [1]),
        ("t1&GT(t1.text,9)", [0]),
        ("t1&GT(t1.debit,t1.limit)", [0]),
        ("t1&t2&GT(t1.debit,t2.debit)&LT(t1.limit,t2.limit)", [0, 1]),
    ],
)
def test_other_constraints_find_their_rows(text: str, rows: list[int]) -> None:
    frame = pd.DataFrame(
        {
            "debit": [12.0, 5.0, -1.0, 0.0],
            "limit": [10.0, 11.0, 10.0, 10.0],
            "name": ["Acme", "Blue, Ltd", None, "Dark"],
            "text": ["10", "9", "x", None],
        }
    )
    constraint = parse_constraint(text)
    assert isinstance(constraint, DenialConstraint)
    listed = list_violations(frame, constraint)
    assert sorted({*listed["row"], *listed["other"].dropna()}) == rows
    assert count_violations(frame, constraint)["rows"].tolist() == [len(rows)]


@pytest.mark.parametrize(
    "text",
    ["", "t1", "t1&t2", "EQ(t1.a,t2.a)", "t1&t2&EQ(t1.a,t2.a", "t1&t2&SIM(t1.a,t2.a)", "t1&t2&t3&EQ(t1.a,t2.a)", 7,
     None, "t1&EQ(t1.a,t2.a)", "t1&t2&LT(t1.a,0)", "t1&LT(t1.,0)", "\x00"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(text: object) -> None:
    with pytest.raises(InputError, match="constraint is"):
        parse_constraint(text)


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(InputError, match="'nmae' \\(did you mean 'name'"):
        count_violations(pd.DataFrame({"name": ["x"]}), "t1&EQ(t1.nmae,'x')")


@pytest.mark.parametrize("given", [(), ("a", "a"), ("b",), 7, None, [1]])
def test_a_dependency_needs_different_columns(given: object) -> None:
    with pytest.raises(InputError):
        FD(given, "b")


def test_names_and_texts_are_never_executed() -> None:
    name = 'a"; DROP TABLE kept; --'
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE kept AS SELECT 0 AS _row, 'x' AS {quoted(name)}, 'y' AS b")
    kept = (connection, '"kept"')
    assert count_violations(kept, FD(name, "b"))["pairs"].tolist() == [0]
    assert count_violations(kept, 't1&EQ(t1.b,"y\'; DROP TABLE kept; --")')["rows"].tolist() == [0]
    assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(1,)]


def test_drafts_leave_a_kept_database_as_it_was() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE kept AS SELECT range AS _row, range % 3 AS a, range AS b FROM range(20)")
    list_violations((connection, "kept"), FD("a", "b"))
    assert connection.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("kept",)]


def _without_rows() -> tuple[duckdb.DuckDBPyConnection, str]:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE kept AS SELECT 1 AS a")
    return connection, "kept"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "expected a pandas frame"),
        ("kept", "expected a pandas frame"),
        (pd.DataFrame(), "no columns"),
        (pd.DataFrame({"a": [1], "A": [1]}), "upper and lower case"),
        (pa.table({"a": [1], "_row": ["x"]}), "no whole numbers"),
        ((duckdb.connect(), "nothing"), "cannot be asked"),
        ((duckdb.connect(), "(SELECT 1 AS a)"), "the name of a kept table is"),
        (_without_rows(), "no column '_row'"),
    ],
)
def test_what_is_no_table_is_refused(table: object, message: str) -> None:
    with pytest.raises(InputError, match=message), opened(table):  # pyright: ignore[reportArgumentType]
        pass


def test_an_empty_table_breaks_nothing() -> None:
    frame = pd.DataFrame({"a": pd.Series([], dtype=str), "b": pd.Series([], dtype=str)})
    assert count_violations(frame, [FD("a", "b"), "t1&EQ(t1.a,'x')"])["pairs"].tolist() == [0, 0]
    assert list_violations(frame, FD("a", "b")).empty


def slow_pairs(frame: pd.DataFrame, first: int) -> set[tuple[int, int]]:
    """Ordered pairs of rows whose a and b rise together, the first row among the first ones."""
    rows = list(frame.itertuples())
    return {(x.Index, y.Index) for x in rows[:first] for y in rows if x.Index != y.Index and x.a > y.a and x.b > y.b}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30), st.integers(1, 200))
def test_what_was_compared_and_what_not_is_said_and_true(rows: list[tuple[int, int]], most: int) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"])
    rule = parse_constraint("t1&t2&GT(t1.a,t2.a)&GT(t1.b,t2.b)")
    assert isinstance(rule, DenialConstraint)
    with pytest.MonkeyPatch.context() as patch, opened(frame) as relation:
        patch.setattr(constraints, "MOST_PAIRS", most)
        looked = compare_rows(relation, rule)
        found = set(relation.ask(f"SELECT * FROM {looked.table}"))
        every = len(rows) * (len(rows) - 1)
        assert looked.compared + looked.left == every
        assert found == slow_pairs(frame, looked.compared // (len(rows) - 1))
        assert bool(looked.note) == bool(looked.left)
        if len(slow_pairs(frame, len(rows))) <= most:
            assert looked.left == 0
        else:
            assert looked.left == 0 or str(rule) in looked.note


def test_a_constraint_that_all_pairs_break_is_not_cut_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constraints, "MOST_PAIRS", 1000)
    frame = pd.DataFrame({"a": range(300), "b": range(300)})
    rule = "t1&t2&GT(t1.a,t2.a)&GT(t1.b,t2.b)"
    counted = count_violations(frame, [rule, FD("a", "b")])
    assert counted["not_compared"].tolist()[0] > 0 and counted["not_compared"].tolist()[1] == 0
    notes = repair(frame, [rule]).notes
    assert len(notes) == 1 and "were not" in notes[0] and notes[0].startswith("never t1.a > t2.a")
