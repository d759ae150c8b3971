"""Round trips through SQLite and a PostgreSQL server of one's own: every value comes back as it went."""

import random
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from forecast_rows.plan import Found, Plan, attempt
from harness import Row

ROWS, QUICK_ROWS, SEED = 100_000, 2_000, 20260103
SEVENTH = 7  # one value in seven is missing
TEXTS = (
    "房租",
    "Müller & Söhne",
    "O'Neil; DROP TABLE x --",
    "\U0001f4b6 5%",
    "",
    " two  blanks ",
    "\\N",
    "line\nbreak",
)
BACKENDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def _drawn(draw: random.Random, kind: str) -> Any:
    day = date(1900, 1, 1) + timedelta(days=draw.randrange(80_000))
    if kind == "amount":
        return Decimal(draw.randrange(-(10**20), 10**20)).scaleb(-4)
    if kind == "day":
        return day
    moment = datetime(day.year, day.month, day.day) + timedelta(microseconds=draw.randrange(86_400_000_000))
    if kind == "instant":
        return moment.replace(tzinfo=timezone(timedelta(minutes=15 * draw.randrange(-48, 57)))).astimezone(UTC)
    plain = {
        "id": lambda: draw.randrange(-(2**63), 2**63),
        "at": lambda: moment,
        "rate": lambda: draw.uniform(-1, 1) * 10.0 ** draw.randrange(-300, 300),
        "paid": lambda: draw.random() < 0.5,
        "Text of 名": lambda: draw.choice(TEXTS) + str(draw.randrange(1000)),
    }
    return plain[kind]()


def every_type(rows: int) -> Any:
    """A table of numbered rows with a column of every type: some values are extreme, one in seven is missing."""
    import pyarrow as pa

    types = {
        "id": pa.int64(),
        "amount": pa.decimal128(24, 4),
        "day": pa.date32(),
        "at": pa.timestamp("us"),
        "instant": pa.timestamp("us", tz="UTC"),
        "rate": pa.float64(),
        "paid": pa.bool_(),
        "Text of 名": pa.large_string(),
    }
    draw = random.Random(SEED)
    columns = {
        name: pa.array([None if draw.randrange(SEVENTH) == 0 else _drawn(draw, name) for _ in range(rows)], kind)
        for name, kind in types.items()
    }
    return pa.table({"row": pa.array(range(rows), pa.int64()), **columns})


def values_that_differ(written: Any, read: Any) -> int:
    """How many values are not the same, in type and in value; a missing column or row counts with all its values.

    Rows are matched by their number: a database promises no order of the rows of a table.
    """
    if written.column_names != read.column_names or written.num_rows != read.num_rows:
        return written.num_rows * written.num_columns
    wrong, read = 0, read.sort_by("row")
    for name in written.column_names:
        if written.schema.field(name).type != read.schema.field(name).type:
            wrong += written.num_rows
            continue
        pairs = zip(written[name].to_pylist(), read[name].to_pylist(), strict=True)
        wrong += sum(before != after for before, after in pairs)
    return wrong


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


@contextmanager
def opened(backend: str) -> Iterator[Any]:
    """The URL of an empty database; it goes at the end of the block. ImportError if there is no server."""
    from finlab.data.databases import parse_url

    if backend == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield parse_url(f"sqlite:///{Path(folder, 'books.sqlite')}")
        return
    import pytest

    from .borrowed import postgres

    try:
        postgres.find_binaries()
        with postgres.running_server() as server:
            yield server.url
    except pytest.skip.Exception as missing:
        raise ImportError(str(missing)) from None


def round_trip(backend: str, table: Any) -> dict[str, Found]:
    """Write a table, read it back, compare every value; rows per CPU second of this process, not of the server."""
    from finlab.data.database_writer import write_table
    from finlab.data.databases import read_database

    with opened(backend) as url:
        begun = _cpu()
        write_table(url, "every type", table)
        written = _cpu()
        found = read_database(url, table="every type")
        read = _cpu()
    values, rows = table.num_rows * table.num_columns, table.num_rows
    order = "in" if table["row"].equals(found["row"]) else "NOT in"
    note = f"{table.num_columns} columns; rows come {order} the order in which they were written"
    return {
        "wrong": Found(values_that_differ(table, found), values, 1, note),
        "write": Found(rows / 1000 / (written - begun), rows, 1, "of this process alone"),
        "read": Found(rows / 1000 / (read - written), rows, 1, "of this process alone"),
    }


def database_rows(quick: bool) -> list[Row]:
    table, found = every_type(QUICK_ROWS if quick else ROWS), []
    for backend, name in BACKENDS.items():
        plans = {
            "wrong": Plan(f"round trip through {name}: values that differ", "= 0", "values", ""),
            "write": Plan(f"round trip through {name}: written", "", "thousand rows per CPU s", ""),
            "read": Plan(f"round trip through {name}: read", "", "thousand rows per CPU s", ""),
        }
        found += attempt(plans, lambda backend=backend: round_trip(backend, table))
    return found
