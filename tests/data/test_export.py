"""Nothing that was exported runs, nothing is lost, and a file is whole or absent."""

import csv
import io
import os
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from finlab.core.errors import InputError, StoreError
from finlab.data import export
from finlab.data.excel import read_excel
from finlab.data.export import finished_file, neutralise, restore, restore_table, write_csv, write_excel

ATTACKS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    " =1",
    "\t=1",
    "\r=1",
    "\n=1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    '"=1',
    '";=1+1',
    "x;=1",
    "x,=1",
    "x\t=1",
    "x\n=1",
    "x,+cmd|' /C calc'!A0",
    'x","=1',
    "\tx",
    "=cmd|' /C calc'!A0",
]
HARMLESS = ["a=b", "Paris, -5 degrees", "Smith; Jones", "", "O'Brien", "5-6", "it's - well", "100%", "房租", "1,5"]


@pytest.mark.parametrize("text", ATTACKS)
def test_what_would_run_begins_with_an_apostrophe(text: str) -> None:
    safe = neutralise(text)
    assert safe != text and restore(safe) == text
    lines = safe.replace("\r", "\n")
    for delimiter in ",;\t|":  # as a program reads it that looks for any of these
        for quote in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            cells = [cell for row in csv.reader(io.StringIO(lines), delimiter=delimiter, quoting=quote) for cell in row]
            assert not any(cell.lstrip(' \u00a0\u200b\ufeff"')[:1] in tuple("=+@\uff1d\uff0b\uff20") for cell in cells)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_texts_stay(text: str) -> None:
    assert neutralise(text) == text and restore(text) == text


@given(st.text(st.sampled_from("=+-@'\" \t\r\n,;|a1\u200b\uff1d"), max_size=8) | st.text())
def test_every_text_comes_back(text: str) -> None:
    assert restore(neutralise(text)) == text
    assert restore(neutralise(neutralise(text))) == neutralise(text)


@given(
    st.lists(
        st.text(st.sampled_from("=+-@'\" \t\r\n,;|a1\u200b\uff1d\u00a0\ufeff"), max_size=6) | st.none(), min_size=1
    )
)
def test_a_column_is_neutralised_as_its_texts_are(texts: list[str | None]) -> None:
    column = export._as_csv(pa.chunked_array([pa.array(texts, pa.large_string())]))
    assert column.to_pylist() == [None if text is None else neutralise(text) for text in texts]


def read_rows(path: Path, **options: Any) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file, **options))


def test_csv_keeps_every_digit(tmp_path: Path) -> None:
    table = pa.table(
        {
            "=name": ["=1", "-5", 'say "hi"\n', None],
            "d": pa.array([Decimal("12345678901234567890123456789.0000001"), Decimal("-0.0000001"), None, Decimal(0)]),
            "n": [-5, 2**63 - 1, None, 0],
            "f": [-0.1, 1e-300, None, float("nan")],
            "day": [date(1, 1, 1), date(9999, 12, 31), None, date(2026, 1, 5)],
            "at": [datetime(2026, 1, 5, 8), datetime(1, 1, 1, 0, 0, 0, 5), None, datetime(9999, 12, 31)],
            "zone": pa.array([datetime(2026, 1, 5, tzinfo=UTC)] * 4, pa.timestamp("us", tz="Asia/Shanghai")),
            "clock": [time(8, 30), time(0, 0, 0, 5), None, time(23, 59, 59)],
            "span": [timedelta(hours=30), -timedelta(seconds=0.5), None, timedelta(0)],
            "raw": [b"\x00\xff", b"", None, b"a"],
            "list": [["=1", "é"], [], None, [None]],
            "yes": [True, False, None, True],
        }
    )
    path = tmp_path / "x.csv"
    assert write_csv(table, path) == 4
    rows = read_rows(path)
    assert rows[0][:2] == ["'=name", "d"]
    assert rows[1] == [
        "'=1", "12345678901234567890123456789.0000001", "-5", "-0.1", "0001-01-01", "2026-01-05T08:00:00",
        "2026-01-05T00:00:00Z", "08:30:00", "30:00:00", "00ff", '["=1", "é"]', "true",
    ]  # fmt: skip
    assert rows[2] == [
        "'-5", "-0.0000001", "9223372036854775807", "1e-300", "9999-12-31", "0001-01-01T00:00:00.000005",
        "2026-01-05T00:00:00Z", "00:00:00.000005", "-0:00:00.500000", "", "[]", "false",
    ]  # fmt: skip
    assert rows[3] == ['say "hi"\n', *[""] * 5, "2026-01-05T00:00:00Z", *[""] * 5]
    again = restore_table(pa.table({rows[0][0]: [row[0] for row in rows[1:3]]}))
    assert again.to_pydict() == {"=name": ["=1", "-5"]}


def test_csv_options(tmp_path: Path) -> None:
    table = pa.table({"a": ["", None], "b": [1, 2]})
    write_csv(table, tmp_path / "x.csv", delimiter=";", bom=True)
    assert (tmp_path / "x.csv").read_bytes() == b'\xef\xbb\xbf"a";"b"\n"";1\n;2\n'
    write_csv(pd.DataFrame({"a": []}), tmp_path / "empty.csv")
    assert (tmp_path / "empty.csv").read_bytes() == b'"a"\n'
    batches = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1))
    assert write_csv(batches, tmp_path / "stream.csv") == 2
    assert (tmp_path / "stream.csv").read_bytes() == b'"a","b"\n"",1\n,2\n'
    with pytest.raises(InputError, match="delimiter is ':'"):
        write_csv(table, tmp_path / "y.csv", delimiter=":")


# Excel


def test_excel_holds_texts_and_never_formulas(tmp_path: Path) -> None:
    texts = [*ATTACKS, *HARMLESS, "http://x.example", "{=1}", "007", "1e5"]
    write_excel(pa.table({"=t": texts}), tmp_path / "x.xlsx")
    with zipfile.ZipFile(tmp_path / "x.xlsx") as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml")
        assert b"<f" not in sheet and b"hyperlink" not in sheet
    cells = [row[0] for row in load_workbook(tmp_path / "x.xlsx").worksheets[0].iter_rows()]
    assert {cell.data_type for cell in cells if cell.value is not None} <= {"s", "inlineStr"}
    table, _ = read_excel(tmp_path / "x.xlsx", text=["=t"])
    lines = [text.replace("\r\n", "\n").replace("\r", "\n") or None for text in texts]
    assert [text and text.replace("_x000D_", "\n").replace("\r", "\n") for text in table["=t"].to_pylist()] == lines


def test_a_sheet_for_people_has_filters_and_money_with_its_currency(tmp_path: Path) -> None:
    hostile = '"0";[Red]"x'
    table = pa.table(
        {
            "amount": pa.array(
                [Decimal("1234.5000"), Decimal("0.1250"), Decimal("-7.0000"), None], pa.decimal128(38, 4)
            ),
            "currency": ["EUR", "JPY", hostile, None],
            "share": [0.25, 0.5, None, 1.0],
        }
    )
    look = export.Look(filters=True, widths={"amount": 20.0}, money={"amount": "currency"}, percents=("share",))
    path = tmp_path / "x.xlsx"
    write_excel({"gaps": table, "plain": table}, path, looks={"gaps": look})
    book = load_workbook(path)
    sheet, plain = book["gaps"], book["plain"]
    assert sheet.auto_filter.ref == "A1:C5" and sheet.freeze_panes == "A2" and plain.auto_filter.ref is None
    assert [sheet.cell(row, 1).value for row in range(2, 6)] == [1234.5, 0.125, -7, None]
    assert [sheet.cell(row, 1).number_format for row in range(2, 5)] == [
        '#,##0.00## "EUR"',
        '#,##0.00## "JPY"',
        "#,##0.00##",
    ]
    assert sheet["C2"].number_format == "0.00%" and plain["A2"].number_format == "0.0000"
    assert round(sheet.column_dimensions["A"].width) == 21 and sheet["B4"].value == hostile


def test_money_that_excel_would_round_becomes_text_all_the_same(tmp_path: Path) -> None:
    table = pa.table({"amount": [Decimal("12345678901234.56")], "currency": ["EUR"]})
    look = export.Look(money={"amount": "currency", "nothing": "currency"})
    notes = write_excel({"gaps": table}, tmp_path / "x.xlsx", looks={"gaps": look})
    assert load_workbook(tmp_path / "x.xlsx")["gaps"]["A2"].value == "12345678901234.56" and "fifteenth" in notes[0]


def test_excel_comes_back(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": [-5, 10**14, 0],
            "f": [-0.1, 1e-300, None],
            "day": [date(1900, 3, 1), date(9999, 12, 31), None],
            "at": [datetime(2026, 1, 5, 8, 30), datetime(2026, 1, 5), None],
            "clock": pa.array([time(8, 30), time(23, 59, 59), None], pa.time64("us")),
            "span": pa.array([timedelta(hours=30), timedelta(days=400, seconds=1), None], pa.duration("us")),
            "yes": [True, False, None],
        }
    )
    assert write_excel({"first": table, "second": pa.table({"d": [Decimal("-5.10")]})}, tmp_path / "x.xlsx") == []
    found, _ = read_excel(tmp_path / "x.xlsx", sheet="first")
    assert found.to_pylist() == table.to_pylist()
    assert read_excel(tmp_path / "x.xlsx", sheet="second")[0]["d"].to_pylist() == [-5.1]


@pytest.mark.parametrize(
    ("value", "words", "text"),
    [
        (10**15, "digits after the fifteenth", "1000000000000000"),
        (Decimal("12345678901234.56"), "digits after the fifteenth", "12345678901234.56"),
        (date(1900, 2, 28), "days before March 1900", "1900-02-28"),
        (datetime(2026, 1, 5, 0, 0, 0, 1), "parts of a second", "2026-01-05T00:00:00.000001"),
        (datetime(2026, 1, 5, tzinfo=UTC), "its time zone", "2026-01-05T00:00:00Z"),
        (time(0, 0, 0, 1), "parts of a second", "00:00:00.000001"),
    ],
)
def test_what_excel_would_lose_becomes_text(tmp_path: Path, value: Any, words: str, text: str) -> None:
    notes = write_excel(pa.table({"a": [value, None]}), tmp_path / "x.xlsx")
    assert notes == [f"column 'a' is written as text: as a number Excel would lose {words}"]
    cell = load_workbook(tmp_path / "x.xlsx").worksheets[0]["A2"]
    assert cell.value == text and cell.data_type == "s"


def test_what_is_not_finite_is_left_empty(tmp_path: Path) -> None:
    notes = write_excel(pa.table({"a": [1.5, float("nan"), float("-inf"), None]}), tmp_path / "x.xlsx")
    assert notes == ["column 'a': 2 values that are not finite are left empty"]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({}, "the sheets are none"),
        ({"a/b": pa.table({"a": [1]})}, "the name of a sheet is 'a/b'"),
        ({"x" * 32: pa.table({"a": [1]})}, "the name of a sheet"),
        ({"a": pa.table({"a": [1]}), "A": pa.table({"a": [1]})}, "names that differ"),
        ({"a": pa.table({"a": ["x" * 32_768]})}, "a text of 32,768 characters"),
        ({"a": pa.table({"a": range(1_048_576)})}, "1,048,576 rows"),
    ],
)
def test_what_no_workbook_holds(tmp_path: Path, tables: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        write_excel(tables, tmp_path / "x.xlsx")
    assert list(tmp_path.iterdir()) == []


# All or nothing


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"a": ["x" * 1000] * 1000})
    for name, write in (("x.csv", write_csv), ("x.xlsx", write_excel)):
        (tmp_path / name).write_text("before")
        with monkeypatch.context() as patch:
            patch.setattr(
                export.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device"))
            )
            with pytest.raises(StoreError, match="No space left on device; nothing was changed"):
                write(table, tmp_path / name, replace=True)
        assert (tmp_path / name).read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_full_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = export.tempfile.mkstemp

    def on_a_full_disk(**options: Any) -> tuple[int, str]:
        handle, name = real(**options)
        Path(name).unlink()
        Path(name).symlink_to("/dev/full")
        return handle, name

    monkeypatch.setattr(export.tempfile, "mkstemp", on_a_full_disk)
    with pytest.raises(StoreError, match="nothing was changed"):
        write_csv(pa.table({"a": ["x" * 1000] * 1000}), tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_paths(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    write_csv(table, tmp_path / "x.csv")
    with pytest.raises(InputError, match="already; say replace=True"):
        write_csv(table, tmp_path / "x.csv")
    for path in (tmp_path, tmp_path / "no" / "x.csv"):
        with pytest.raises(InputError, match="a file in a folder that exists"):
            write_csv(table, path)
    assert (tmp_path / "x.csv").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), finished_file(tmp_path / "x", replace=False) as draft:
        draft.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
