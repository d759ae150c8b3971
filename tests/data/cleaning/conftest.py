"""Fixtures of the cleaning rules' tests: a small database, and one rule carried out on a few rows."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

from finlab.data.clean import Cleaning, Rule, clean
from finlab.data.lease import SEALED

Query = Callable[[str], list[tuple[Any, ...]]]
Try = Callable[..., tuple[Cleaning, list[tuple[Any, ...]]]]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database as the store opens it, with the schema of kept tables."""
    with duckdb.connect(":memory:", config=SEALED) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA content")
        yield connection


@pytest.fixture
def attempt(con: duckdb.DuckDBPyConnection) -> Try:
    """Make the table content."t" from an SQL list of rows, clean it, and return the result and the table."""

    def run(columns: str, values: str, *rules: Rule) -> tuple[Cleaning, list[tuple[Any, ...]]]:
        con.execute(
            f'CREATE OR REPLACE TABLE content."t" AS SELECT * FROM (VALUES {values}) '
            f"AS v(_row, {columns}) ORDER BY _row"
        )
        done = clean(con, 'content."t"', rules, name="t")
        return done, con.execute('SELECT * FROM content."t" ORDER BY _row').fetchall()

    return run
