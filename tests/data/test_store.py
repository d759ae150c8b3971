"""The store: loads, queries, catalogue, ledger, snapshots."""

import builtins
import gc
import io
import os
import pickle
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import make_url

from finlab.core import trace
from finlab.core.errors import InputError, StoreError
from finlab.data.lease import lease
from finlab.data.store import Store, check_name


def contents(store: Store) -> list[str]:
    """The names of the tables in which content is kept."""
    with lease(store.path) as connection:
        found = connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'content'").fetchall()
    return [row[0] for row in found]


@pytest.fixture
def sales(workbench: Path) -> Path:
    path = workbench / "sales.csv"
    path.write_text("day,branch,amount\n2026-01-05,00123,10.5\n2026-01-06,00124,3\n")
    return path


# Loading


def test_a_load_and_what_it_says(store: Store, sales: Path) -> None:
    os.utime(sales, (0, datetime(2026, 3, 31, tzinfo=UTC).timestamp()))
    done = store.load(sales, "sales")
    assert (done.name, done.rows, done.columns, done.new, done.as_of) == ("sales", 2, 3, True, date(2026, 3, 31))
    assert "sales: 2 rows, 3 columns, as of 2026-03-31 (loaded)" in str(done) and done.sha256[:12] in done._repr_html_()
    row = store.loads().iloc[0]
    assert row["name"] == "sales" and row["kind"] == "csv" and row["sha256"] == done.sha256 and row["rows"] == 2
    assert row["source"] == sales.as_uri() and row["as_of"] == pd.Timestamp("2026-03-31")
    assert abs(row["loaded_at"] - pd.Timestamp.now(tz="UTC")) < pd.Timedelta("5min")


@pytest.mark.parametrize(
    "as_of", ["2026-03-31", date(2026, 3, 31), datetime(2026, 3, 31, 12), pd.Timestamp("2026-03-31")]
)
def test_the_day_that_the_data_stand_for(store: Store, sales: Path, as_of: Any) -> None:
    assert store.load(sales, "sales", as_of=as_of).as_of == date(2026, 3, 31)


def test_a_bad_day(store: Store, sales: Path) -> None:
    with pytest.raises(InputError, match=r"as_of is '31\.3\.2026'"):
        store.load(sales, "sales", as_of="31.3.2026")
    assert not store.path.exists()


def test_the_same_content_is_stored_once(store: Store, sales: Path) -> None:
    first, again, other = store.load(sales, "sales"), store.load(sales, "sales"), store.load(sales, "other")
    assert (first.new, again.new, other.new) == (True, False, False)
    assert len(contents(store)) == 1 and len(store.loads()) == 2 and len(store.loads(history=True)) == 3
    copy = sales.with_name("copy.csv")
    copy.write_bytes(sales.read_bytes())
    assert not store.load(copy, "third").new
    assert store.load(sales, "fourth", text=["amount"]).new  # other options, other content
    frame = store.table("sales")
    assert store.write("a", frame).new and not store.write("b", frame.copy()).new
    assert len(contents(store)) == 3


def test_replaced_content_goes_when_no_name_uses_it(store: Store, sales: Path) -> None:
    store.load(sales, "sales")
    store.load(sales, "other")
    store.write("sales", pd.DataFrame({"x": [1]}))
    assert len(contents(store)) == 2
    store.drop("other")
    assert len(contents(store)) == 1 and store.tables() == ["sales"]
    assert store.loads(history=True)["current"].tolist() == [False, False, True]
    with pytest.raises(InputError, match="no table 'other'"):
        store.drop("other")


def test_names_ignore_case(store: Store) -> None:
    store.write("Sales", pd.DataFrame({"x": [1]}))
    store.write("SALES", pd.DataFrame({"x": [2]}))
    assert store.tables() == ["SALES"] and store.table("sales")["x"].tolist() == [2]
    store.drop("sales")
    assert store.tables() == [] and contents(store) == []


@pytest.mark.parametrize("name", ["", "1a", "a b", "a-b", 'a"b', "a;drop", "x" * 64, None, 3])
def test_bad_names(store: Store, name: Any) -> None:
    with pytest.raises(InputError, match="the table's name"):
        check_name(name)


@pytest.mark.parametrize("name", ["select", "table", "销售", "_x", "x" * 63, "finlab_incoming", "loads"])
def test_odd_names_that_are_fine(store: Store, name: str) -> None:
    store.write(name, pd.DataFrame({"order": [1], 'we"ird': [2]}))
    assert store.table(name).columns.tolist() == ["order", 'we"ird']
    assert store.sql(f'SELECT count(*) AS n FROM "{name}"')["n"].tolist() == [1]


def test_a_failed_load_leaves_the_store_as_it_was(store: Store, sales: Path) -> None:
    bad = sales.with_name("bad.csv")
    bad.write_text("a,b\n1\n")
    with pytest.raises(InputError, match="line 2"):
        store.load(bad, "sales")
    assert not store.path.exists()
    store.load(sales, "sales")
    before = store.loads()
    for source, options in [
        (bad, {}),
        ("nothing.csv", {}),
        (sales, {"delimeter": ";"}),
        (pd.DataFrame({"x": [1, "a"]}), {}),
    ]:
        with pytest.raises(InputError):
            store.load(source, "sales", **options)
    pd.testing.assert_frame_equal(store.loads(), before)
    assert len(store.table("sales")) == 2


def test_types_survive_the_store(store: Store) -> None:
    frame = pd.DataFrame(
        {
            "exact": [Decimal("0.10"), None],
            "whole": pd.array([2**60 + 1, None], dtype="Int64"),
            "moment": pd.to_datetime(["2026-10-25 01:30", None]).tz_localize("Europe/London", ambiguous=True),
            "utc": pd.to_datetime(["2026-10-25 01:30", None], utc=True),
            "plain": pd.to_datetime(["2026-10-25 01:30", None]),
            "yes": pd.array([True, None], dtype="boolean"),
            "Betrag in €": ["x", None],
        }
    )
    store.write("t", frame)
    back = store.table("t")
    assert back["exact"][0] == Decimal("0.10") and back["whole"][0] == 2**60 + 1
    assert back["moment"][0] == frame["moment"][0] and str(back["moment"].dt.tz) == "Europe/London"
    assert str(back["utc"].dt.tz) == "UTC" and back["plain"][0] == frame["plain"][0]
    assert back.columns.tolist() == frame.columns.tolist() and back.isna().iloc[1].all()
    assert not store.write("again", back[list(frame.columns)]).new
    assert store.table("t", to="arrow").schema.field("exact").type == pa.decimal128(2, 2)


def test_series_arrow_and_samples(store: Store) -> None:
    store.write("s", pd.Series([1.0, 2.0], index=pd.period_range("2026-01", periods=2, freq="M"), name="sales"))
    assert store.table("s").columns.tolist() == ["date", "sales"]
    store.write("a", pa.table({"x": [1]}))
    assert store.load("sample:airline", "airline").rows == 144
    with pytest.raises(InputError, match="to read a file: load"):
        store.write("f", "sales.csv")


def test_a_load_from_a_database_hides_the_password(
    store: Store, workbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite3.connect(workbench / "b.sqlite").execute("CREATE TABLE t AS SELECT 1 AS x").connection.commit()
    ledger = workbench / "ledger.jsonl"
    monkeypatch.setenv("FINLAB_LEDGER", str(ledger))
    url = make_url(f"sqlite:///{workbench / 'b.sqlite'}").set(query={"password": "s3cret"})
    monkeypatch.setattr("finlab.data.databases.create_engine", lambda url, **more: _engine(url, more))
    done = store.load(url, "t", table="t")
    store.table("t")
    everything = ledger.read_text() + store.loads().to_csv() + repr(done) + str(done) + done._repr_html_()
    assert "s3cret" not in everything and "***" in everything


def _engine(url: Any, more: dict[str, Any]) -> Any:
    from sqlalchemy import create_engine

    return create_engine(url.set(query={}), **more)


# Queries


@pytest.fixture
def filled(store: Store, sales: Path) -> Store:
    store.load(sales, "sales", as_of="2026-01-31")
    store.write("branches", pd.DataFrame({"branch": ["00123"], "town": ["Ulm"]}), as_of="2025-12-31")
    trace.clear()
    return store


def test_parameters(filled: Store) -> None:
    query = "SELECT count(*) AS n FROM sales WHERE amount > $least AND day >= $since AND branch = $branch"
    for least, since in [
        (1, date(2026, 1, 1)),
        (np.int64(1), "2026-01-01"),
        (Decimal("1.5"), pd.Timestamp("2026-01-01")),
    ]:
        assert filled.sql(query, least=least, since=since, branch="00123")["n"].tolist() == [1]
    assert filled.sql("SELECT $x AS x", x="'; DROP VIEW sales; --")["x"].tolist() == ["'; DROP VIEW sales; --"]
    assert filled.sql("SELECT 1 AS x;", to="arrow").to_pylist() == [{"x": 1}]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC 1", r"(?s)syntax error.*LINE 1: SELEC 1"),
        ("SELECT 1 AS a,\n nonsense FROM sales", r"(?s)nonsense.*LINE 2"),
        ("SELECT * FROM sale", "no table 'sale'; did you mean 'sales'"),
        ("SELECT * FROM warehouse_17", "no table 'warehouse_17'; it has 'branches', 'sales'"),
        ("SELECT $x", "parameters: x"),
        ("SELECT 1; SELECT 2", "2 statements"),
        ("", "0 statements"),
        ("INSERT INTO sales VALUES (1)", "type INSERT"),
        ("DELETE FROM sales", "type DELETE"),
        ("CREATE TABLE x AS SELECT 1", "type CREATE"),
        ("COPY sales TO 'out.csv'", "type COPY"),
        ("ATTACH 'other.duckdb'", "type ATTACH"),
        ("SET threads = 1", "type SET"),
        ("SELECT * FROM 'sales.csv'", "(?i)sales.csv"),
        ("SELECT * FROM read_csv('sales.csv')", "file system operations are disabled"),
        ("SELECT * FROM local_frame", "no table 'local_frame'"),
        ("SELECT 'x'::INTEGER", "Could not convert"),
    ],
)
def test_bad_queries(filled: Store, query: str, words: str) -> None:
    local_frame = pd.DataFrame({"x": [1]})
    with pytest.raises(InputError, match=words):
        filled.sql(query)
    assert len(local_frame) == 1 and filled.tables() == ["branches", "sales"] and not Path("out.csv").exists()


def test_a_parameter_too_many(filled: Store) -> None:
    with pytest.raises(InputError, match="y"):
        filled.sql("SELECT $x AS x", x=1, y=2)
    with pytest.raises(InputError, match="to is 'polars'"):
        filled.sql("SELECT 1", to="polars")


# The ledger


def names_read() -> list[str]:
    return sorted(record["name"] for record in trace.records("read"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM sales", ["sales"]),
        ("FROM SALES", ["sales"]),
        ("SELECT * FROM sales JOIN main.branches USING (branch)", ["branches", "sales"]),
        ("WITH x AS (SELECT * FROM sales WHERE amount > $a) SELECT * FROM x", ["sales"]),
        ("SELECT 1 WHERE 1 IN (SELECT amount FROM sales)", ["sales"]),
        ("SELECT 'sales' AS x", []),
        ("SUMMARIZE sales", ["sales"]),
    ],
)
def test_a_query_names_what_it_read(filled: Store, query: str, expected: list[str]) -> None:
    filled.sql(query, **({"a": 1} if "$a" in query else {}))
    assert names_read() == expected


def test_a_record_has_the_catalogue_s_facts(filled: Store, sales: Path) -> None:
    filled.table("sales")
    record = trace.records("read")[0]
    row = filled.loads().set_index("name").loc["sales"]
    assert record["sha256"] == row["sha256"] and record["as_of"] == "2026-01-31" and record["uri"] == sales.as_uri()
    assert (record["rows"], record["columns"], record["source_kind"]) == (2, 3, "csv")
    filled.load(sales, "sales")
    assert names_read() == ["sales", "sales"]


# A store that is not there, or is something else


def test_reading_a_store_that_is_not_there_makes_nothing(store: Store) -> None:
    assert store.tables() == [] and store.loads().empty and store.loads(history=True).empty
    assert store.sql("SELECT 1 AS x")["x"].tolist() == [1]
    with pytest.raises(InputError, match="it is empty"):
        store.table("sales")
    with pytest.raises(InputError, match="it is empty"):
        store.drop("sales")
    with pytest.raises(InputError, match="it is empty"):
        store.sql("SELECT * FROM sales")
    assert list(Path().iterdir()) == []


def test_tables_made_by_others_can_be_read(store: Store) -> None:
    with duckdb.connect(str(store.path)) as connection:
        connection.execute("CREATE TABLE theirs AS SELECT 1 AS x")
    assert store.tables() == ["theirs"] and store.table("theirs")["x"].tolist() == [1] and store.loads().empty
    store.sql("SELECT * FROM theirs")
    assert [(record["sha256"], record["rows"]) for record in trace.records("read")] == [(None, 1), (None, 1)]
    with pytest.raises(InputError, match="made without finlab"):
        store.drop("theirs")
    with pytest.raises(InputError, match="theirs"):
        store.write("theirs", pd.DataFrame({"x": [2]}))
    assert store.table("theirs")["x"].tolist() == [1] and contents(store) == []


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n" * 5000])
def test_a_file_that_is_no_store(workbench: Path, content: bytes) -> None:
    path = workbench / "x.duckdb"
    path.write_bytes(content)
    for attempt in (lambda: Store(path).tables(), lambda: Store(path).write("x", pd.DataFrame({"x": [1]}))):
        with pytest.raises(StoreError, match="is not a DuckDB file"):
            attempt()
    assert path.read_bytes() == content


def test_paths(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="is a folder"):
        Store(workbench)
    with pytest.raises(InputError):
        Store("  ")
    monkeypatch.setenv("FINLAB_STORE", str(workbench / "a" / "b" / "s.duckdb"))
    Store().write("x", pd.DataFrame({"x": [1]}))
    assert (workbench / "a" / "b" / "s.duckdb").exists()
    assert Store("~/s.duckdb").path == Path.home().resolve() / "s.duckdb"
    assert pickle.loads(pickle.dumps(Store())).tables() == ["x"]


# Snapshots


def test_a_snapshot_stays_as_it_was(filled: Store) -> None:
    copy = filled.snapshot()
    filled.drop("sales")
    assert copy.tables() == ["branches", "sales"] and len(copy.table("sales")) == 2 and len(copy.loads()) == 2
    for attempt in (lambda: copy.write("x", pd.DataFrame({"x": [1]})), lambda: copy.drop("sales")):
        with pytest.raises(InputError, match="for reading only"):
            attempt()
    folder = copy.path.parent
    assert folder.exists()
    del copy, attempt
    gc.collect()
    assert not folder.exists()


def test_a_snapshot_with_a_path_is_kept(filled: Store, workbench: Path) -> None:
    path = filled.snapshot(workbench / "it's a copy.duckdb").path
    gc.collect()
    assert Store(path).tables() == ["branches", "sales"]
    with pytest.raises(InputError, match="never replaces"):
        filled.snapshot(path)
    assert Store(workbench / "none.duckdb").snapshot().tables() == []


# The store's file is DuckDB's alone


def test_nothing_but_duckdb_opens_the_store(filled: Store, sales: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def watch(original: Callable[..., Any]) -> Callable[..., Any]:
        def spy(file: Any, *args: Any, **kwargs: Any) -> Any:
            opened.append(str(file))
            return original(file, *args, **kwargs)

        return spy

    for module in (builtins, io):
        monkeypatch.setattr(module, "open", watch(open))
    monkeypatch.setattr(os, "open", watch(os.open))
    filled.load(sales, "more", text=["amount"])
    filled.sql("SELECT * FROM sales")
    filled.snapshot().tables()
    filled.loads()
    filled.drop("more")
    for source, options in [
        (filled.path, {}),
        (str(filled.path), {}),
        (f"sqlite:///{filled.path}", {"table": "sales"}),
        (make_url(f"sqlite:///{filled.path}"), {"table": "sales"}),
    ]:
        with pytest.raises(InputError, match="the store itself"):
            filled.load(source, "x", **options)
    link = sales.with_name("link.csv")
    link.symlink_to(filled.path)
    with pytest.raises(InputError, match="the store itself"):
        filled.load(link, "x")
    assert str(sales) in opened
    assert not [path for path in opened if str(filled.path) in path or path == str(link)]


def test_threads_take_turns(store: Store) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            store.write(f"t{number}", pd.DataFrame({"x": range(100 + number)}))
            assert len(store.sql(f"SELECT * FROM t{number}")) == 100 + number
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len(store.tables()) == 8
