"""A real PostgreSQL server and SQLite: every value comes back as it was, and what cannot is refused with its row."""

import sqlite3
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import PASSWORD, Server, running_server
from sqlalchemy import URL

from finlab.core.errors import InputError
from finlab.data import databases
from finlab.data.database_writer import write_table
from finlab.data.databases import check_query, explained, open_engine, parse_url, read_batches, read_database


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as found:
        yield found


def run(url: URL, *statements: str) -> None:
    with open_engine(url).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def column(url: URL, expression: str, **options: Any) -> list[Any]:
    return read_database(url, query=f"SELECT {expression} AS x", **options)["x"].to_pylist()


def single(url: URL, query: str) -> Any:
    return read_database(url, query=query).column(0).to_pylist()[0]


EXACT = pa.table(
    {
        "id": pa.array([1, -(2**63), 2**63 - 1, None]),
        "amount": pa.array(
            [Decimal("12345678901234567890123456789012345.678"), Decimal("-0.001"), Decimal("1.100"), None],
            pa.decimal128(38, 3),
        ),
        "day": pa.array([date(1, 1, 1), date(9999, 12, 31), date(2024, 2, 29), None]),
        "at": pa.array(
            [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(2026, 3, 29, 2, 30), None],
            pa.timestamp("us"),
        ),
        "instant": pa.array(
            [
                datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=8, minutes=5))),
                datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=2))),
                datetime(9999, 12, 31, tzinfo=UTC),
                None,
            ],
            pa.timestamp("us", tz="UTC"),
        ),
        "clock": pa.array([time(0), time(23, 59, 59, 999999), time(8, 30), None], pa.time64("us")),
        "yes": pa.array([True, False, None, None]),
        "double": pa.array([0.1 + 0.2, 5e-324, 1.7976931348623157e308, None]),
        "real": pa.array([0.1, 3.4028234663852886e38, -1.5, None], pa.float32()),
        "text": pa.array(["房租 'x'; -- \\ %s :a", "\U0001f4b6 \n\t\r", "", None], pa.large_string()),
        "raw": pa.array([b"\x00\xff", b"", b"\\x41", None], pa.large_binary()),
        'Mixed "Case" 名 %': pa.array(["a", None, "007", " "], pa.large_string()),
    }
)


def test_postgres_gives_back_exactly_what_was_written(server: Server) -> None:
    more = {
        "span": pa.array([timedelta(days=-400, microseconds=1), timedelta(hours=25), None, timedelta(0)]),
        "list": pa.array([["a", None, "b,'\"{}"], [], None, ["NULL"]], pa.list_(pa.string())),
    }
    table = EXACT
    for name, values in more.items():
        table = table.append_column(name, values)
    assert write_table(server.url, "Exact; DROP TABLE x", table) == 4
    assert read_database(server.url, table="Exact; DROP TABLE x").equals(table)


def test_postgres_gives_the_rows_of_a_large_table_in_one_order(server: Server) -> None:
    """A reader that stopped half way leaves its place to the next one, unless that asks for the beginning."""
    engine = open_engine(server.url)
    with engine.begin() as connection:  # 45 MB: more than a quarter of the server's memory for pages
        rows = "SELECT i AS n, repeat('x', 900) AS text FROM generate_series(1, 50000) AS t(i)"
        connection.exec_driver_sql(f"CREATE UNLOGGED TABLE turning AS {rows}")
    with engine.connect() as connection:
        connection.exec_driver_sql("SET synchronize_seqscans = on")
        half = "SELECT count(*) FROM (SELECT n FROM turning LIMIT 30000) AS half"
        assert connection.exec_driver_sql(half).scalar() == 30_000
        assert connection.exec_driver_sql("SELECT n FROM turning LIMIT 1").scalar() != 1
    assert read_database(server.url, table="turning")["n"].to_pylist() == list(range(1, 50_001))


def test_sqlite_gives_back_exactly_what_was_written(tmp_path: Path) -> None:
    url = parse_url(f"sqlite:///{tmp_path / 'x.sqlite'}")
    assert write_table(url, 'the "exact" one', EXACT) == 4
    found = read_database(url, table='the "exact" one')
    assert found.drop_columns(["real"]).equals(EXACT.drop_columns(["real"]))
    assert found["real"].cast(pa.float32()).equals(EXACT["real"])


@pytest.mark.parametrize("dialect", ["postgres", "sqlite"])
def test_a_table_without_rows_keeps_its_columns(dialect: str, request: Any, tmp_path: Path) -> None:
    if dialect == "postgres":
        url = request.getfixturevalue("server").url
    else:
        url = parse_url(f"sqlite:///{tmp_path / 'x.sqlite'}")
    empty = EXACT.drop_columns(["real"]).slice(0, 0)
    write_table(url, "empty", empty)
    assert read_batches(url, table="empty").read_all().equals(empty)
    with pytest.raises(InputError, match="table 'empty' returned no rows"):
        read_database(url, table="empty")


VALUES = st.fixed_dictionaries(
    {
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "d": st.none() | st.decimals(-(10**30), 10**30, allow_nan=False, places=6),
        "t": st.none() | st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",))),
        "f": st.none() | st.floats(allow_nan=False),
        "at": st.none() | st.datetimes(),
        "zoned": st.none() | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()),
        "day": st.none() | st.dates(),
        "b": st.none() | st.binary(),
    }
)  # fmt: skip
KINDS = pa.schema(
    [
        ("n", pa.int64()),
        ("d", pa.decimal128(38, 6)),
        ("t", pa.large_string()),
        ("f", pa.float64()),
        ("at", pa.timestamp("us")),
        ("zoned", pa.timestamp("us", tz="UTC")),
        ("day", pa.date32()),
        ("b", pa.large_binary()),
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(VALUES, min_size=1, max_size=8))
def test_any_values_come_back(rows: list[dict[str, Any]], server: Server, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(rows, KINDS)
    for url in (server.url, parse_url(f"sqlite:///{tmp_path / 'x.sqlite'}")):
        write_table(url, "any", table, replace=True)
        assert read_database(url, table="any").equals(table)


# PostgreSQL's own types


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("1.10::numeric", pa.decimal128(3, 2), Decimal("1.10")),
        ("'0.1'::real", pa.float32(), 0.10000000149011612),
        ("'NaN'::float8", pa.float64(), "nan"),
        ("'-Infinity'::float8", pa.float64(), float("-inf")),
        ("32767::int2", pa.int64(), 32767),
        ('\'{"a": 1.10, "a": 2}\'::json', pa.large_string(), '{"a": 1.10, "a": 2}'),
        ("'[1, 2.50]'::jsonb", pa.large_string(), "[1, 2.50]"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", pa.large_string(), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("'10.0.0.0/8'::cidr", pa.large_string(), "10.0.0.0/8"),
        ("'08:30:00.5+08'::timetz", pa.large_string(), "08:30:00.5+08"),
        ("'1900-01-01 00:00:00 Asia/Shanghai'::timestamptz", pa.timestamp("us", tz="UTC"), "1899-12-31T15:54:17+00:00"),
        ("ARRAY[1.5, NULL, 2.25]::numeric[]", pa.list_(pa.decimal128(3, 2)), [Decimal("1.50"), None, Decimal("2.25")]),
        ("ARRAY[[1, 2], [3, 4]]", pa.list_(pa.list_(pa.int64())), [[1, 2], [3, 4]]),
        ("NULL::date", pa.date32(), None),
        ("NULL::numeric", pa.large_string(), None),
        ("'x'::char(3)", pa.large_string(), "x  "),
        ("'100%' || '%s'", pa.large_string(), "100%%s"),
        ("interval '1 day 2 hours'", pa.duration("us"), timedelta(days=1, hours=2)),
    ],
)
def test_postgres_types(server: Server, expression: str, kind: pa.DataType, value: Any) -> None:
    found = read_database(server.url, query=f"SELECT {expression} AS x")["x"]
    got = found.to_pylist()[0]
    assert found.type == kind
    assert (got.isoformat() if isinstance(got, datetime) else "nan" if got != got else got) == value


@pytest.mark.parametrize(
    ("expression", "words", "text"),
    [
        ("'NaN'::numeric", "row 1 holds Decimal\\('NaN'\\)", "NaN"),
        ("'infinity'::date", "row 1 holds 'infinity'", "infinity"),
        ("'-infinity'::timestamptz", "row 1 holds '-infinity'", "-infinity"),
        ("'0044-03-15 BC'::date", "row 1 holds '0044-03-15 BC'", "0044-03-15 BC"),
        ("'0044-03-15 BC'::timestamp", "row 1 holds '0044-03-15 00:00:00 BC'", "0044-03-15 00:00:00 BC"),
        ("'10000-01-01'::timestamp", "row 1 holds '10000-01-01", "10000-01-01 00:00:00"),
        ("interval '1 month'", "row 1 holds .*; the column is duration", "1 months"),
        ("1e40::numeric", "more than 38 digits", "1" + "0" * 40),
        ("'24:00'::time", "row 1 holds '24:00:00'", "24:00:00"),
    ],
)
def test_what_has_no_counterpart_is_refused_or_kept_as_text(
    server: Server, expression: str, words: str, text: str
) -> None:
    with pytest.raises(InputError, match=f"column 'x': .*{words}.*say text=\\['x'\\]"):
        column(server.url, expression)
    assert column(server.url, expression, text=["x"]) == [text]


def test_digits_that_grow_after_the_first_batch(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "BATCH_ROWS", 2)
    run(server.url, "CREATE TABLE grown (x numeric)", "INSERT INTO grown VALUES (NULL), (NULL), (1.5), (1000), (0.125)")
    found = read_database(server.url, table="grown")
    assert found.schema.field("x").type == pa.decimal128(7, 3)
    assert found["x"].to_pylist() == [None, None, Decimal("1.5"), Decimal("1000"), Decimal("0.125")]
    run(server.url, "INSERT INTO grown VALUES ('NaN')")
    with pytest.raises(InputError, match="row 6 holds"):
        read_database(server.url, table="grown")


def test_schemas_views_and_names(server: Server) -> None:
    run(
        server.url,
        'CREATE SCHEMA "Old.Books"',
        'CREATE TABLE "Old.Books"."Ledger" (a int)',
        'INSERT INTO "Old.Books"."Ledger" VALUES (7)',
        'CREATE VIEW seen AS SELECT a + 1 AS b FROM "Old.Books"."Ledger"',
        'CREATE TABLE "with.point" (c int)',
        'INSERT INTO "with.point" VALUES (9)',
    )
    assert read_database(server.url, table="Old.Books.Ledger").to_pylist() == [{"a": 7}]
    assert read_database(server.url, table="seen").to_pylist() == [{"b": 8}]
    assert read_database(server.url, table="with.point").to_pylist() == [{"c": 9}]
    with pytest.raises(InputError, match=r"did you mean 'Old\.Books\.Ledger'"):
        read_database(server.url, table="Old.Books.Leger")
    write_table(server.url, "Old.Books.copy", pa.table({"a": [1]}))
    assert single(server.url, 'SELECT count(*) FROM "Old.Books".copy') == 1


# Length


def test_a_long_table_streams(server: Server) -> None:
    run(
        server.url, "CREATE TABLE long AS SELECT i AS id, repeat('x', 100) AS note FROM generate_series(1, 300000) AS i"
    )
    tracemalloc.start()
    reader = read_batches(server.url, table="long")
    rows, total = 0, 0
    for batch in reader:
        rows += batch.num_rows
        total += sum(batch.column(0).to_pylist())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (rows, total) == (300000, 300000 * 300001 // 2)
    assert peak < 60_000_000  # all rows as Python's values are about 90 MB; a batch is a fifteenth of them


# Faults


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"password": "wr0ng"}, {"table": "x"}, "password authentication failed"),
        ({"username": "nobody-here"}, {"table": "x"}, "authentication failed"),
        ({"database": "nowhere"}, {"table": "x"}, 'database "nowhere" does not exist'),
        ({"query": {"host": "/nowhere"}}, {"table": "x"}, "communication error: .*No such file"),
        ({}, {"table": "exakt"}, "did you mean 'exact'"),
        ({}, {"query": "SELECT nothing"}, 'column "nothing" does not exist'),
        ({}, {"query": "SELECT 1; DROP TABLE exact"}, "expected one statement"),
        ({}, {"query": "DROP TABLE exact"}, "expected a SELECT"),
        ({}, {"query": "WITH gone AS (DELETE FROM exact RETURNING *) SELECT * FROM gone"}, "DECLARE CURSOR|read-only"),
        ({}, {"query": "SELECT setval('numbers', 99)"}, "read-only transaction"),
        ({}, {"query": "SELECT 1/0"}, "division by zero"),
        ({}, {"query": "SELECT 1 AS a, 2 AS a"}, "more than one column named 'a'"),
        ({}, {"table": "exact'; DROP TABLE exact; --"}, "no table"),
        ({}, {"table": 'exact"; DROP TABLE exact; --'}, "no table"),
        ({}, {"table": "a\0b"}, "the name of a table"),
        ({}, {"table": "exact", "text": ["idd"]}, "did you mean 'id'"),
        ({"query": {"sslmode": "maybe"}}, {"table": "x"}, "sslmode is 'maybe'; expected one of"),
    ],
)
def test_bad_input_is_explained_and_harmless(
    server: Server, change: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    write_table(server.url, "exact", pa.table({"id": [1]}), replace=True)
    run(server.url, "CREATE SEQUENCE IF NOT EXISTS numbers")
    with pytest.raises(InputError, match=words) as caught:
        read_database(server.url.set(**change), **options)
    assert PASSWORD not in str(caught.value) and "wr0ng" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert single(server.url, "SELECT count(*) FROM exact") == 1
    assert single(server.url, "SELECT last_value FROM numbers") == 1


def test_a_server_that_goes_away_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server() as mortal:
        run(mortal.url, "CREATE TABLE long AS SELECT i FROM generate_series(1, 1000) AS i")
        with open_engine(mortal.url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("CHECKPOINT")
        monkeypatch.setattr(databases, "BATCH_ROWS", 10)
        add, calls = databases.Spool.add, []

        def stop_first(spool: Any, rows: Any) -> None:
            if len(calls) == 3:
                mortal.stop()
            calls.append(len(rows))
            add(spool, rows)

        monkeypatch.setattr(databases.Spool, "add", stop_first)
        with pytest.raises(InputError) as caught:
            read_database(mortal.url, table="long")
        assert PASSWORD not in str(caught.value) and 4 <= len(calls) < 100
        monkeypatch.undo()
        with pytest.raises(InputError, match="books"):
            read_database(mortal.url, table="long")
        mortal.start()
        assert read_database(mortal.url, table="long").num_rows == 1000


def test_a_snapshot_is_read_while_others_write(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "BATCH_ROWS", 10)
    run(server.url, "CREATE TABLE busy AS SELECT i AS x FROM generate_series(1, 100) AS i")
    writer = threading.Thread(target=run, args=(server.url, "INSERT INTO busy SELECT 0 FROM generate_series(1, 100)"))
    add = databases.Spool.add

    def write_first(spool: Any, rows: Any) -> None:
        if not writer.ident:
            writer.start()
            writer.join()
        add(spool, rows)

    monkeypatch.setattr(databases.Spool, "add", write_first)
    assert read_database(server.url, table="busy").num_rows == 100
    assert single(server.url, "SELECT count(*) FROM busy") == 200


def test_writing_is_all_or_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(server.url, "kept", pa.table({"a": [1, 2]}))
    with pytest.raises(InputError, match="already; say replace=True"):
        write_table(server.url, "kept", pa.table({"a": [3]}))
    with pytest.raises(InputError, match="column 'a', row 2 holds a text with a NUL"):
        write_table(server.url, "kept", pa.table({"a": ["x", "\0"]}), replace=True)
    monkeypatch.setattr("finlab.data.database_writer.WRITTEN_ROWS", 1)
    rows = pa.table({"a": pa.array([1, 2**63 - 1]), "b": pa.array([1, 2**64 - 1], pa.uint64())})
    monkeypatch.setattr("finlab.data.database_writer.check_storable", lambda *_: None)
    with pytest.raises(InputError):
        write_table(server.url, "kept", pa.table({"a": ["fine", "\0"]}), replace=True)
    assert read_database(server.url, table="kept")["a"].to_pylist() == [1, 2]
    assert write_table(server.url, "kept", rows, replace=True) == 2
    assert read_database(server.url, table="kept")["b"].to_pylist() == [1, 2**64 - 1]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "n" * 64, "\0"])
def test_names_that_postgres_would_change_are_refused(server: Server, name: Any) -> None:
    with pytest.raises(InputError, match="the name of the table"):
        write_table(server.url, name, pa.table({"a": [1]}))


def test_postgresql_without_a_driver_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'finlab-workbench\[postgres\]'"):
        read_database(parse_url("postgresql://reader:s3cret@localhost/books"), table="x")
    with pytest.raises(InputError, match="no driver for 'postgresql\\+psycopg2' is installed"):
        read_database(parse_url("postgresql+psycopg2://reader:s3cret@localhost/books"), table="x")


def test_whatever_a_driver_raises_is_explained() -> None:
    url = parse_url("postgresql://reader:s3cret@ledger/books")
    for error in (RuntimeError("boom s3cret"), KeyError("x"), ValueError(), OSError(5, "I/O s3cret")):
        with pytest.raises(InputError) as caught, explained(url):
            raise error
        assert "s3cret" not in str(caught.value)
    with pytest.raises(KeyboardInterrupt), explained(url):
        raise KeyboardInterrupt


# SQLite


@pytest.fixture
def loose(tmp_path: Path) -> URL:
    path = tmp_path / "loose.sqlite"
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE loose (n INTEGER, amount NUMERIC(8, 2), day DATE, at DATETIME, yes BOOLEAN, any, r REAL)"
        )
        db.execute("INSERT INTO loose VALUES (1, 0.1 + 0.2, '2026-01-05', '2026-01-05 08:30', 1, 1, 2)")
        db.execute("INSERT INTO loose VALUES (NULL, 10.25, NULL, '2026-01-05T08:30:00.000001', 0, 2.5, 0.5)")
    db.close()
    return parse_url(f"sqlite:///{path}")


def test_sqlite_is_read_as_declared(loose: URL) -> None:
    assert read_database(loose, table="loose").to_pylist() == [
        {
            "n": 1, "amount": Decimal("0.30"), "day": date(2026, 1, 5), "at": datetime(2026, 1, 5, 8, 30), "yes": True,
            "any": 1.0, "r": 2.0,
        },
        {
            "n": None, "amount": Decimal("10.25"), "day": None, "at": datetime(2026, 1, 5, 8, 30, 0, 1), "yes": False,
            "any": 2.5, "r": 0.5,
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "name", "words"),
    [
        ("('x', 0, NULL, NULL, NULL, NULL, NULL)", "n", "row 3 holds 'x'.*the column is int64"),
        ("(1, 0.125, NULL, NULL, NULL, NULL, NULL)", "amount", "row 3 holds Decimal\\('0.125'\\)"),
        ("(1, 'much', NULL, NULL, NULL, NULL, NULL)", "amount", "row 3 holds 'much'"),
        ("(1, 1, '2026-02-30', NULL, NULL, NULL, NULL)", "day", "row 3 holds '2026-02-30'"),
        ("(1, 1, 20260105, NULL, NULL, NULL, NULL)", "day", "row 3 holds 20260105"),
        ("(1, 1, NULL, '2026-01-05T08:30:00+08:00', NULL, NULL, NULL)", "at", "row 3 holds .*tzinfo"),
        ("(1, 1, NULL, NULL, 2, NULL, NULL)", "yes", "row 3 holds 2"),
        ("(1, 1, NULL, NULL, NULL, 'word', NULL)", "any", "begins with int and has str in row 3 \\('word'\\)"),
        ("(1, 1, NULL, NULL, NULL, x'00', NULL)", "any", "has bytes in row 3"),
    ],
)
def test_sqlite_cells_that_contradict_their_column(loose: URL, values: str, name: str, words: str) -> None:
    run(loose, f"INSERT INTO loose VALUES {values}")
    with pytest.raises(InputError, match=f"column '{name}': .*{words}"):
        read_database(loose, table="loose")
    assert read_database(loose, table="loose", text=[name]).num_rows == 3


def test_sqlite_may_only_be_read(loose: URL) -> None:
    before = Path(str(loose.database)).read_bytes()
    for query in ("WITH x AS (SELECT 1) DELETE FROM loose", "SELECT 1; DELETE FROM loose"):
        with pytest.raises(InputError):
            read_database(loose, query=query)
    assert Path(str(loose.database)).read_bytes() == before


def test_sqlite_has_no_nan_spans_or_lists(tmp_path: Path) -> None:
    url = parse_url(f"sqlite:///{tmp_path / 'x.sqlite'}")
    for values in ([0.5, float("nan")], [timedelta(1)], [["a"]]):
        with pytest.raises(InputError, match="column 'a'"):
            write_table(url, "x", pa.table({"a": values}))
    assert (
        not Path(str(url.database)).exists()
        or not sqlite3.connect(url.database).execute("SELECT * FROM sqlite_master").fetchall()
    )


@pytest.mark.parametrize("content", [b"SQLite format 3\x00" + b"\xff" * 100, b"no database", b"\x00" * 4096])
def test_a_damaged_sqlite_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_database(parse_url(f"sqlite:///{path}"), table="x")


@pytest.mark.parametrize(
    "query",
    ["SELECT 1", "  select 1 ;\n", "WITH a AS (SELECT 1) SELECT * FROM a", "(SELECT 1)", "SELECT $$;$$, ';', \"a;\"",
     "-- first; a word\nSELECT 1", "/* ; */ SELECT 1", "VALUES (1)"],
)  # fmt: skip
def test_queries_that_may_run(query: str) -> None:
    assert not check_query(query).rstrip().endswith(";")
