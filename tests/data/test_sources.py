"""What can be loaded, what is refused, and that the password stays inside."""

import errno
import json
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook
from sound_files import written_files
from sqlalchemy import Column, DateTime, Integer, MetaData, Numeric, Table, Text, create_engine, make_url

from finlab.core.errors import InputError
from finlab.data import sources
from finlab.data.databases import parse_url, shown_url, wash
from finlab.data.frames import MOST_COLUMNS
from finlab.data.sources import open_source, read_source
from finlab.data.spool import rows_to_arrow
from finlab.data.store import Store


def workbook(path: Path, *sheets: tuple[str, list[list[Any]]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


# Parquet and JSON


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "amount": [Decimal("1.10")],
            "day": [date(2026, 1, 1)],
            "at": pd.to_datetime(["2026-01-01"]).tz_localize("Asia/Shanghai"),
        }
    )
    frame.loc[frame.index[:]].set_index(pd.Index([7])).to_parquet(tmp_path / "x.parquet")
    table = read_source(tmp_path / "x.parquet").table
    assert [str(kind) for kind in table.schema.types] == [
        "decimal128(3, 2)",
        "date32[day]",
        "timestamp[us, tz=Asia/Shanghai]",
    ]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
def test_json(tmp_path: Path, name: str) -> None:
    records = [
        '{"day": "2026-01-01", "n": 1, "code": "007"}',
        '{"day": "2026-01-02", "n": null, "more": {"a": [1, 2]}}',
    ]
    text = "[" + ",".join(records) + "]" if name == "x.json" else "\n".join(records)
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / name).write_text(text, encoding=encoding)
        rows = read_source(tmp_path / name).table.to_pylist()
        assert rows[0] == {"day": date(2026, 1, 1), "n": 1, "code": "007", "more": None}
        assert rows[1]["more"] == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.parquet", b"PAR1 no", "cannot be read as Parquet"),
        ("x.json", b'{"a": 1', "cannot be read as JSON"),
        ("x.json", b"[]", "expected records"),
        ("x.json", b"[1, 2]", "expected records"),
        ("x.jsonl", b'{"a": 1}\n{"a": "x"}', "column 'a': mixes types"),
        ("x.jsonl", b'{"a": "\xff"}', "not utf-8 text: byte 7"),
        ("x.xlsx", b"PK\x03\x04 no", "cannot be read as a workbook"),
        ("x.xls", b"no workbook", "cannot be read as a workbook"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_source(tmp_path / name)


# Excel


def test_excel_types(tmp_path: Path) -> None:
    rows = [
        ["whole", "number", "day", "moment", "text", "yes", 2026, None],
        [1, 1, date(2026, 1, 1), datetime(2026, 1, 1, 8, 30), "007", True, 1.5, "x"],
        [2, 2.5, date(2026, 1, 2), date(2026, 1, 2), None, False, "n/a", "y"],
    ]
    table = read_source(workbook(tmp_path / "x.xlsx", ("S", rows))).table
    kinds = ["int64", "double", "date32[day]", "timestamp[us]", "large_string", "bool", "double", "large_string"]
    assert [str(kind) for kind in table.schema.types] == kinds
    assert table.column_names[-2:] == ["2026", "column8"]
    assert table["moment"].to_pylist()[1] == datetime(2026, 1, 2)


def test_excel_sheets(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", ("A", [["a"], [1]]), ("B", [[], ["note"], ["b"], [2]]), ("C", []))
    first = read_source(path)
    assert first.frame["a"].tolist() == [1] and first.notes == ["read sheet 'A'; the file also has 'B', 'C'"]
    assert read_source(path, sheet="B", skip=2).frame["b"].tolist() == [2]
    with pytest.raises(InputError, match="did you mean 'A'"):
        read_source(path, sheet="a")
    with pytest.raises(InputError, match="sheet 'C' is empty"):
        read_source(path, sheet="C")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["a"], [1], ["late"]], "column 'a': mixes types: it begins with numbers and has str in data row 2"),
        ([["a"], [True], [2]], "mixes types"),
        ([["a", "a"], [1, 2]], "more than one column named 'a'"),
        ([["a", "b"]], "no rows"),
        ([["a"], [date(2026, 1, 1)], [time(8)]], "mixes types"),
    ],
)
def test_excel_refusals(tmp_path: Path, rows: list[list[Any]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_source(workbook(tmp_path / "x.xlsx", ("S", rows)))


def test_excel_as_text(tmp_path: Path) -> None:
    path = workbook(tmp_path / "x.xlsx", ("S", [["id", "n"], [7, 1], ["A7", 2]]))
    assert read_source(path, text=["id"]).frame["id"].tolist() == ["7", "A7"]


# Databases


@pytest.fixture
def books(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'books.sqlite'}"
    journal = Table(
        "journal",
        MetaData(),
        Column("id", Integer),
        Column("amount", Numeric(12, 2)),
        Column("at", DateTime),
        Column("note", Text),
    )
    engine = create_engine(url)
    journal.metadata.create_all(engine)
    with engine.begin() as connection:
        rows = [
            {"id": 1, "amount": Decimal("0.10"), "at": datetime(2026, 1, 1, 8, 0, 0, 5), "note": "房租 'x'; --"},
            {"id": 2, "amount": None, "at": None, "note": None},
        ]
        connection.execute(journal.insert(), rows)
    engine.dispose()
    return url


def test_a_table_comes_over_exactly(books: str) -> None:
    rows = read_source(books, table="journal").table.to_pylist()
    assert rows[0] == {
        "id": 1,
        "amount": Decimal("0.10"),
        "at": datetime(2026, 1, 1, 8, 0, 0, 5),
        "note": "房租 'x'; --",
    }
    assert rows[1] == {"id": 2, "amount": None, "at": None, "note": None}
    assert read_source(make_url(books), query="SELECT count(*) AS n FROM journal").frame["n"].tolist() == [2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, r"expected table=... or query=...; of tables it has 'journal'"),
        ({"table": "journal", "query": "SELECT 1"}, "are both given; expected one of them"),
        ({"table": "jurnal"}, "did you mean 'journal'"),
        ({"query": "SELECT nonsense"}, "no such column"),
        ({"query": "SELECT * FROM journal WHERE 1 = 0"}, "returned no rows"),
        ({"query": "DELETE FROM journal"}, "expected a SELECT"),
        ({"tabel": "journal"}, "did you mean 'table'"),
        ({"query": "SELECT 1 AS a UNION ALL SELECT 'x'"}, "column 'a': mixes types"),
        ({"query": "SELECT 1 AS a, 2 AS a"}, "more than one column"),
    ],
)
def test_database_refusals(books: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_source(books, **options)
    assert read_source(books, query="SELECT count(*) AS n FROM journal").frame["n"].tolist() == [2]


def test_asking_for_an_sqlite_file_does_not_make_it(tmp_path: Path, books: str) -> None:
    with pytest.raises(InputError, match=r"did you mean 'books\.sqlite'"):
        read_source(f"sqlite:///{tmp_path / 'boks.sqlite'}", table="journal")
    assert [path.name for path in tmp_path.iterdir()] == ["books.sqlite"]


def test_moments_of_many_zones_are_one_moment() -> None:
    east = datetime.fromisoformat("2026-01-01T08:00:00+08:00")
    table = rows_to_arrow(["at"], [(east,), (datetime(2026, 1, 1, tzinfo=UTC),), (None,)], "x")
    assert table["at"].to_pylist()[0] == table["at"].to_pylist()[1] == east


SECRETS = ["s3cret", "p@ss/w:rd", "100%"]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_message_tells_the_password(secret: str) -> None:
    url = make_url("postgresql://reader@nowhere.invalid/books").set(password=secret, query={"sslpassword": secret})
    assert secret not in shown_url(url) and "reader" in shown_url(url)
    assert secret not in wash(f"auth failed for {url.render_as_string(hide_password=False)} / {secret}", url)
    with pytest.raises(InputError) as caught:
        read_source(url, table="journal")
    assert secret not in str(caught.value) and caught.value.__cause__ is None


def test_a_bad_url_is_not_repeated() -> None:
    with pytest.raises(InputError) as caught:
        parse_url("postgresql//reader:s3cret@x:notaport://")
    assert "s3cret" not in str(caught.value)


# Paths and other sources


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("nothing.csv", "no file .*nothing.csv"),
        ("sale.csv", "did you mean 'sales.csv'"),
        ("nowhere/sales.csv", "not even a folder"),
        (".", "is a folder; expected a file; it holds 'empty.csv', 'sales.csv'"),
        ("empty.csv", r"is empty \(0 bytes\)"),
        ("notes.docx", "no reader for files that end in '.docx'"),
        ("", "expected a path"),
        ("a\0b.csv", "expected a path"),
        ("a" * 300 + ".csv", "source is .*; expected a path"),
        ("~nobody-of-that-name/a.csv", "source is .*; expected a path"),
        (None, "expected a path"),
        (42, "expected a path"),
        ("https://example.com/x.csv", "download the file"),
        ("sample:airlin", "did you mean 'airline'"),
    ],
)
def test_refusals(workbench: Path, source: Any, words: str) -> None:
    Path("sales.csv").write_text("a,b\n1,2\n")
    Path("empty.csv").touch()
    Path("notes.docx").touch()
    with pytest.raises(InputError, match=words):
        read_source(source)


def test_options_are_those_of_the_kind(workbench: Path) -> None:
    Path("sales.csv").write_text("a,b\n1,2\n")
    with pytest.raises(
        InputError, match="sources of the kind csv have no option 'delimeter'; did you mean 'delimiter'"
    ):
        read_source("sales.csv", delimeter=";")
    with pytest.raises(InputError, match="sources of the kind frame have no option 'sheet'; it has no options"):
        read_source(pd.DataFrame({"a": [1]}), sheet="x")


def test_what_a_file_source_knows(workbench: Path) -> None:
    path = Path("sales.csv")
    path.write_text("a,b\n1,2\n")
    os.utime(path, (0, datetime(2026, 3, 31, 23, 30, tzinfo=UTC).timestamp()))
    found = open_source(path)
    assert found.as_of == date(2026, 3, 31) and found.kind == "csv" and found.uri == path.absolute().as_uri()
    assert found.key != open_source(path, delimiter=",").key
    assert found.key == open_source("sales.csv").key


def test_a_file_that_changes_while_read_is_refused(workbench: Path) -> None:
    Path("sales.csv").write_text("a,b\n1,2\n")
    found = open_source("sales.csv")
    Path("sales.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(InputError, match="changed while it was read"):
        found.table


@pytest.mark.parametrize("step", ["find_file", "_kind_of", "stamp"])
def test_a_file_that_vanishes_between_two_looks_is_refused(
    workbench: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    Path("sales.csv").write_text("a,b\n1,2\n")
    look = getattr(sources, step)

    def last_look(path: Path, *more: Any) -> Any:
        found = look(path, *more)
        path.unlink()
        return found

    monkeypatch.setattr(sources, step, last_look)
    with pytest.raises(InputError, match=r"there is no file .*sales.csv|sales.csv cannot be opened: No such file"):
        open_source("sales.csv")


@pytest.mark.parametrize("name", ["comma.csv", "list.json", "lines.jsonl", "table.parquet", "book.xlsx"])
@pytest.mark.parametrize("change", ["vanish", "grow"])
def test_a_file_of_any_kind_that_changes_before_it_is_read_is_refused(workbench: Path, name: str, change: str) -> None:
    path = Path(name)
    path.write_bytes(written_files()[name])
    found, streamed = open_source(path), open_source(path)
    reader = streamed.reader()
    if change == "vanish":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + path.read_bytes())
    words = "there is no file" if change == "vanish" else "changed while it was read"
    with pytest.raises(InputError, match=words):
        found.table
    if isinstance(reader, pa.RecordBatchReader):
        with pytest.raises(InputError, match=words):
            reader.read_all()


def test_trouble_of_the_disk_while_hashing_is_an_input_error(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("sales.csv").write_text("a,b\n1,2\n")

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sources.hashlib, "file_digest", fail)
    with pytest.raises(InputError, match=r"sales.csv cannot be read: Input/output error"):
        open_source("sales.csv")


def wide_file(name: str, columns: int) -> Path:
    """A file with one row of so many columns."""
    names = [f"c{place}" for place in range(columns)]
    table = pa.table({name: [1] for name in names})
    path = Path(name)
    if name.endswith("csv"):
        path.write_text(",".join(names) + "\n" + ",".join(["1"] * columns) + "\n")
    elif name.endswith("parquet"):
        pq.write_table(table, path)
    elif name.endswith("json"):
        path.write_text(json.dumps(table.to_pylist()))
    else:
        workbook(path, ("S", [names, [1] * columns]))
    return path


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.json", "x.xlsx"])
def test_a_store_takes_no_more_columns_than_it_can_plan(workbench: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} has 2,001 columns.*; expected at most 2,000"):
        Store("s.duckdb").load(wide_file(name, MOST_COLUMNS + 1), "t")
    assert not Path("s.duckdb").exists()
    assert len(open_source(wide_file(name, MOST_COLUMNS)).schema) == MOST_COLUMNS


def test_a_frame_that_is_too_wide_for_a_store_is_still_a_source(workbench: Path) -> None:
    wide = pd.DataFrame({f"series {place}": [1.0] for place in range(MOST_COLUMNS + 1)})
    assert open_source(wide).frame.shape == wide.shape
    with pytest.raises(InputError, match="frame has 2,001 columns; expected at most 2,000"):
        Store("s.duckdb").load(wide, "t")


def test_a_sample_is_a_source() -> None:
    found = read_source("sample:airline")
    assert found.frame.columns.tolist() == ["date", "airline"] and len(found.frame) == 144
    assert found.as_of == date(1960, 12, 31) and found.uri == "sample:airline"


def test_a_frame_is_a_source_by_its_values() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    assert open_source(frame).key == open_source(pa.table({"a": [1, 2]})).key != open_source(frame * 2).key


def test_a_file_without_permission(tmp_path_factory: pytest.TempPathFactory, as_nobody: Callable[..., str]) -> None:
    folder = Path("/tmp", f"finlab-test-{os.getpid()}")
    folder.mkdir()
    try:
        path = folder / "sales.csv"
        path.write_text("a,b\n1,2\n")
        path.chmod(0)

        def attempt() -> str:
            try:
                read_source(path)
            except InputError as error:
                return str(error)
            return "read"

        assert "permission denied" in as_nobody(attempt)
    finally:
        (folder / "sales.csv").unlink()
        folder.rmdir()


def test_a_sheet_made_by_sqlite_stays_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    sqlite3.connect(path).close()
    with pytest.raises(InputError, match="is a DuckDB file"):
        read_source(f"sqlite:///{path}", table="x")


def test_moments_of_json_keep_the_day_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "moments.json"
    path.write_text(
        '[{"utc": "2026-03-31T01:00:00Z", "shanghai": "2026-03-31T00:00:00+08:00", "plain": "2026-03-31T05:00:00"}]'
    )
    found = read_source(path)
    assert [str(kind) for kind in found.table.schema.types][::2] == ["timestamp[us, tz=UTC]", "timestamp[us]"]
    assert found.table["shanghai"].to_pylist() == ["2026-03-31T00:00:00+08:00"]
    assert found.notes == ["column 'shanghai' is kept as text: its moments have offsets from UTC"]
