"""Ingest: one pass, an account that adds up, keys sorted out as a plain loop over the rows would."""

import random

import duckdb
import pyarrow as pa
import pytest

from finlab.data.conversions import Form
from finlab.data.ingest import REJECTS, Count, Plan, Rule, quoted, take_in, target_of
from finlab.data.lease import connect_memory

INTEGER, TEXT = Form("integer"), Form("text")


def take(
    connection: duckdb.DuckDBPyConnection, rows: list[tuple[str | None, ...]], plan: Plan, **more: object
) -> Count:
    columns = list(zip(*rows, strict=True)) or [()] * plan.width
    table = pa.table({f"c{place}": pa.array(column, pa.string()) for place, column in enumerate(columns)})
    connection.register("incoming", table)
    connection.execute(f"DROP TABLE IF EXISTS {REJECTS}")
    return take_in(connection, plan, "incoming", "place", **{"base": 0, **more})  # type: ignore[arg-type]


def by_hand(rows: list[tuple[str, str]], old: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], list[int], int]:
    """What is kept, which records are rejected, and how many are duplicates, row by row."""
    known, kept, rejected, duplicates = dict(old), [], [], 0
    for record, (key, text) in enumerate(rows, start=1):
        if not key.isdigit():
            rejected.append(record)
        elif int(key) not in known:
            known[int(key)] = text
            kept.append((int(key), text))
        elif known[int(key)] == text:
            duplicates += 1
        else:
            rejected.append(record)
    return kept, sorted(rejected), duplicates


@pytest.mark.parametrize("seed", range(12))
def test_keys_are_sorted_out_as_row_by_row(seed: int) -> None:
    draw = random.Random(seed)
    keys = draw.choice([5, 40, 10_000])
    rows = [(draw.choice([str(draw.randrange(keys)), "bad"] if draw.random() < 0.1 else [str(draw.randrange(keys))]),
             draw.choice("abc")) for _ in range(200)]  # fmt: skip
    if seed % 3 == 0:
        rows.sort(key=lambda row: int(row[0]) if row[0].isdigit() else -1)
    old = [(key, draw.choice("abc")) for key in draw.sample(range(keys), min(5, keys))] if seed % 2 else []
    required = Rule("key", "key IS NOT NULL", "key is missing")
    plan = Plan((target_of("key", INTEGER, 0), target_of("text", TEXT, 1)), 2, (required,), (("key",),))
    with connect_memory() as connection:
        connection.execute("CREATE TABLE old (_row BIGINT, key BIGINT, text VARCHAR)")
        for number, row in enumerate(old, start=1):
            connection.execute("INSERT INTO old VALUES (?, ?, ?)", [number, *row])
        count = take(connection, rows, plan, base=100, old="old" if old else "")
        kept = connection.execute("SELECT key, text FROM place ORDER BY _row").fetchall()
        rejects = [row[0] for row in connection.execute(f"SELECT record FROM {REJECTS} ORDER BY 1").fetchall()]
        bounds = connection.execute("SELECT min(_row), max(_row), count(DISTINCT _row) FROM place").fetchall()[0]
    expected, rejected, duplicates = by_hand(rows, old)
    assert kept == expected and rejects == rejected
    assert count == Count(len(rows), len(expected), len(rejected), duplicates)
    assert bounds[2] == len(kept) and (not kept or 100 < bounds[0] <= bounds[1] <= 300)


def test_the_first_fault_of_a_record_is_told() -> None:
    rule = Rule("n", "(n > 0) IS NOT FALSE", "n is below 1")
    plan = Plan((target_of("n", INTEGER, 0), target_of("t", TEXT, 1), target_of("none", INTEGER, -1)), 2, (rule,))
    rows = [("1", "a"), ("x", "b"), ("-2", "c"), (None, None), ("NA", "d"), ("3.0", "e")]
    with connect_memory() as connection:
        assert take(connection, rows, plan) == Count(6, 3, 3, 0)
        told = connection.execute(f"SELECT record, column_name, value, reason, raw FROM {REJECTS}").fetchall()
        kept = connection.execute("SELECT _row, n, t, none FROM place ORDER BY _row").fetchall()
    assert told == [
        (2, "n", "x", "not a whole number", "x | b"),
        (3, "n", "-2", "n is below 1", "-2 | c"),
        (4, "", None, "a blank record", None),
    ]
    assert kept == [(1, 1, "a", None), (5, None, "d", None), (6, 3, "e", None)]


def test_no_rows_and_only_bad_rows() -> None:
    plan = Plan((target_of("n", INTEGER, 0),), 1)
    with connect_memory() as connection:
        assert take(connection, [], plan) == Count(0, 0, 0, 0)
        connection.execute("DROP TABLE place")
        assert take(connection, [("x",), ("y",)], plan) == Count(2, 0, 2, 0)
        assert connection.execute("SELECT count(*) FROM place").fetchall() == [(0,)]


def test_names_are_never_sql() -> None:
    name = 'a"; DROP TABLE incoming; --'
    plan = Plan((target_of(name, TEXT, 0), target_of("it's", INTEGER, 1)), 2, keys=((name,),))
    with connect_memory() as connection:
        assert take(connection, [("'); DROP TABLE old; --", "1"), ("b", "x")], plan) == Count(2, 1, 1, 0)
        assert connection.execute(f"SELECT {quoted(name)} FROM place").fetchall() == [("'); DROP TABLE old; --",)]
