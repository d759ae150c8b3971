"""Workbooks as people make them, and as nobody should: every kind of cell, titles, merged cells, harm."""

import random
import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from openpyxl import Workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from finlab.core.errors import InputError
from finlab.data import excel
from finlab.data.excel import find_header, read_book, read_excel, read_sheets, sheet_names


def saved(path: Path, *sheets: list[list[Any]], then: Callable[[Workbook], object] | None = None) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for number, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"S{number}")
        for row in rows:
            sheet.append(row)
    if then:
        then(book)
    book.save(path)
    return path


def parts_changed(path: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The same workbook, each of its parts changed by a function of its name and content."""
    with zipfile.ZipFile(path) as old:
        parts = {name: change(name, old.read(name)) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in parts.items():
            new.writestr(name, content)
    return path


# Cells


def test_every_kind_of_cell(tmp_path: Path) -> None:
    rows = [
        ["day", "at", "clock", "span", "share", "yes", "text", "whole", "error", "formula"],
        [date(1900, 3, 1), datetime(2026, 1, 5, 8, 30, 0, 500000), time(8, 30), timedelta(hours=30), 0.125, True, "é",
         1, "#DIV/0!", "=1+1"],
        [date(9999, 12, 31), date(2026, 1, 5), time(23, 59, 59), timedelta(days=2, hours=1), 1, False, "007", -2**53,
         "#N/A", "=A1"],
        [None] * 7 + [None, 5, 7],
    ]  # fmt: skip

    def mark(book: Workbook) -> None:
        for row in (2, 3):
            book["S1"].cell(row, 5).number_format = "0.0%"
            book["S1"].cell(row, 9).data_type = "e"

    table, notes = read_excel(saved(tmp_path / "x.xlsx", rows, then=mark))
    kinds = ["date32[day]", "timestamp[us]", "time64[us]", "duration[us]", "double", "bool", "large_string", "int64"]
    assert [str(kind) for kind in table.schema.types] == [*kinds, "int64", "int64"]
    first, second, third = table.to_pylist()
    assert first["day"] == date(1900, 3, 1) and second["day"] == date(9999, 12, 31)
    assert first["at"] == datetime(2026, 1, 5, 8, 30, 0, 500000) and second["at"] == datetime(2026, 1, 5)
    assert (first["clock"], second["clock"]) == (time(8, 30), time(23, 59, 59))
    assert (first["span"], second["span"]) == (timedelta(hours=30), timedelta(days=2, hours=1))
    assert (first["share"], first["yes"], second["text"], second["whole"]) == (0.125, True, "007", -(2**53))
    assert [row["error"] for row in (first, second, third)] == [None, None, 5]
    assert [row["formula"] for row in (first, second, third)] == [None, None, 7]
    assert notes == [
        "the workbook has 2 cells with an error such as #N/A; they are read as missing",
        "the workbook has 2 formulas without a computed value; they are read as missing: save it in Excel first",
    ]


def test_a_formula_is_its_computed_value(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.xlsx", [["a", "b"], [1, "=A2*2.5"]])

    def compute(name: str, content: bytes) -> bytes:
        return content.replace(b"<f>A2*2.5</f><v></v>", b"<f>A2*2.5</f><v>2.5</v>").replace(
            b"<f>A2*2.5</f><v />", b"<f>A2*2.5</f><v>2.5</v>"
        )

    table, notes = read_excel(parts_changed(path, compute))
    assert table.to_pylist() == [{"a": 1, "b": 2.5}] and notes == []


def test_the_calendar_of_1904(tmp_path: Path) -> None:
    def old(book: Workbook) -> None:
        book.epoch = CALENDAR_MAC_1904

    days = [date(1904, 1, 2), date(2026, 1, 5)]
    table, _ = read_excel(saved(tmp_path / "x.xlsx", [["day"], *[[day] for day in days]], then=old))
    assert table["day"].to_pylist() == days


@pytest.mark.parametrize(
    ("cells", "expected", "note"),
    [
        ([1.5, "2.5", " 3 "], [1.5, 2.5, 3.0], "2 numbers were stored as text (row 3)"),
        ([1, "2"], [1, 2], "a number was stored as text (row 3)"),
        (["1", "2"], ["1", "2"], ""),
        (["007", "1"], ["007", "1"], ""),
    ],
)
def test_numbers_stored_as_text(tmp_path: Path, cells: list[Any], expected: list[Any], note: str) -> None:
    table, notes = read_excel(saved(tmp_path / "x.xlsx", [["a"], *[[cell] for cell in cells]]))
    assert table["a"].to_pylist() == expected
    assert bool(notes) == bool(note) and all(note in said for said in notes)


@pytest.mark.parametrize("cells", [[1, "007"], [1, "1e5"], [1, "1,5"], [1, "12345678901234567"], [1, True]])
def test_what_is_no_number_among_numbers_is_refused(tmp_path: Path, cells: list[Any]) -> None:
    path = saved(tmp_path / "x.xlsx", [["a"], *[[cell] for cell in cells]])
    with pytest.raises(InputError, match=r"sheet 'S1', column 'a': mixes types: .* in data row 2"):
        read_excel(path)
    assert read_excel(path, text="a")[0]["a"].to_pylist() == [str(cell) for cell in cells]


# Where the table begins


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["a", "b"], [1, 2]], (0, 2, 2)),
        ([["Title", "", ""], ["", "", ""], ["a", "b", "c"], [1, 2, 3]], (2, 4, 3)),
        ([["Report", "Q1", ""], ["a", "b", "c"], [1, 2, 3], ["", "", ""]], (1, 3, 3)),
        ([["Plan", ""], ["item", 2025.0], ["rent", 12.0]], (1, 3, 2)),
        ([["item", date(2026, 1, 31)], ["rent", 12.0]], (0, 2, 2)),
        ([["a", "", "c"], [1, 2, 3]], (0, 2, 3)),
        ([["", ""], ["", ""]], (0, 0, 0)),
        ([], (0, 0, 0)),
        ([["only"]], (0, 1, 1)),
    ],
)
def test_the_header_is_found(rows: list[list[Any]], expected: tuple[int, int, int]) -> None:
    assert find_header(rows) == expected


def test_rows_are_counted_as_excel_shows_them(tmp_path: Path) -> None:
    rows = [[], [None, "Title"], [], [None, "day", "amount"], [None, date(2026, 1, 5), 1], [None, "never", 2]]
    path = saved(tmp_path / "x.xlsx", rows)
    with pytest.raises(InputError, match="column 'day'"):
        read_excel(path, skip=3)
    table, notes = read_excel(path, skip=3, text=["day"])
    assert table.column_names == ["column1", "day", "amount"] and notes == []
    assert table["amount"].to_pylist() == [1, 2]


def test_merged_cells(tmp_path: Path) -> None:
    rows = [["region", "branch", "amount"], ["North", "A", 1], [None, "B", 2], ["South", "C", 3]]
    path = saved(tmp_path / "x.xlsx", rows, then=lambda book: book["S1"].merge_cells("A2:A3"))
    table, notes = read_excel(path)
    assert table["region"].to_pylist() == ["North", None, "South"]
    assert "a merged cell holds its value in the first cell only (row 2)" in notes[0]
    table, notes = read_excel(path, fill_merged=True)
    assert table["region"].to_pylist() == ["North", "North", "South"] and notes == []


# Sheets


def test_all_sheets(tmp_path: Path) -> None:
    def more(book: Workbook) -> None:
        book["S2"].sheet_state = "hidden"
        book.create_sheet("empty").sheet_state = "veryHidden"
        book.create_chartsheet("chart")

    path = saved(tmp_path / "x.xlsx", [["id"], ["007"]], [["id", "b"], [7, 2.5]], then=more)
    assert sheet_names(path) == ["S1", "S2", "empty"]
    found = read_sheets(path, text=["id"])
    assert {name: table.to_pylist() for name, (table, _) in found.items()} == {
        "S1": [{"id": "007"}],
        "S2": [{"id": "7", "b": 2.5}],
    }
    assert found["S2"][1] == ["empty and left out: 'empty'", "the sheet 'S2' is hidden"]
    assert read_excel(path)[1] == ["read sheet 'S1'; the file also has 'S2 (hidden)', 'empty (hidden)'"]
    with pytest.raises(InputError, match="did you mean 'id'"):
        read_sheets(path, text=["ID"])
    with pytest.raises(InputError, match="all sheets are empty"):
        read_sheets(saved(tmp_path / "y.xlsx", []))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sheet": "s1"}, "did you mean 'S1'"),
        ({"sheet": "a\0b"}, "expected one of S1"),
        ({"sheet": "\ud800"}, "expected one of S1"),
        ({"skip": -1}, "skip is -1"),
        ({"skip": 99}, "is empty"),
        ({"text": ["b"]}, "has no column 'b'"),
    ],
)
def test_bad_options(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_excel(saved(tmp_path / "x.xlsx", [["a"], [1]]), **options)


def test_ods_and_xlsb_are_read_like_xlsx(tmp_path: Path) -> None:
    cells = '<table:table-cell office:value-type="string"><text:p>a</text:p></table:table-cell>'
    number = '<table:table-cell office:value-type="float" office:value="1.5"><text:p>1.5</text:p></table:table-cell>'
    rows = "".join(f"<table:table-row>{row}</table:table-row>" for row in (cells, number))
    content = (
        '<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        f'<table:table table:name="S">{rows}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "x.ods"
    with zipfile.ZipFile(path, "w") as parts:
        parts.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        parts.writestr("META-INF/manifest.xml", "<manifest/>")
        parts.writestr("content.xml", content)
    assert read_excel(path)[0].to_pylist() == [{"a": 1.5}]


# Harm


def test_a_zip_bomb_is_refused_before_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = saved(tmp_path / "x.xlsx", [["a"], [1]])
    parts_changed(bomb, lambda name, content: content + b" " * (16 << 20) if "sheet1" in name else content)
    assert bomb.stat().st_size < 100_000
    monkeypatch.setattr(excel.subprocess, "Popen", lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(InputError, match=r"would unpack to .* made to do harm"):
        read_excel(bomb)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.xlsx", [["a"], [1]])
    text = b"".join(b"<row><c t='inlineStr'><is><t>%d</t></is></c></row>" % n for n in range(10))
    parts_changed(path, lambda name, content: content.replace(b"</sheetData>", text * 300_000 + b"</sheetData>"))
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):  # the sizes in both headers of every part
        place = raw.find(signature)
        while place >= 0:
            raw[place + offset : place + offset + 4] = (1000).to_bytes(4, "little")
            place = raw.find(signature, place + 4)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="cannot be read as a workbook"):
        read_excel(path)


def test_a_far_cell_ends_a_child_only(tmp_path: Path) -> None:
    def far(book: Workbook) -> None:
        book["S1"]["XFD1048576"] = 1

    with pytest.raises(InputError, match="damaged or made to do harm"):
        read_excel(saved(tmp_path / "x.xlsx", [["a"], [1]], then=far))


def test_a_child_may_not_take_more_memory_than_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wide(book: Workbook) -> None:
        book["S1"].cell(100_000, 100).value = 1  # ten million cells, some 300 MB

    path = saved(tmp_path / "x.xlsx", [["a"], [1]], then=wide)
    monkeypatch.setattr(excel, "MEMORY_BYTES", 200 << 20)
    with pytest.raises(InputError, match="damaged or made to do harm"):
        read_book(path, "S1")


def test_a_child_may_not_take_more_time_than_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child.py"
    original = Path(str(excel.workbook_cells.__file__)).read_text()
    child.write_text(original.replace("    out = sys.stdout.buffer\n", "    while True:\n        pass\n"))
    monkeypatch.setattr(excel.workbook_cells, "__file__", str(child))
    monkeypatch.setattr(excel, "LEAST_CPU_SECONDS", 1)
    with pytest.raises(InputError, match="took more memory or time"):
        read_book(saved(tmp_path / "x.xlsx", [["a"], [1]]), "S1")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        read_excel(tmp_path / "x.xlsx")


def test_an_entity_bomb_is_harmless(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
        b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12)
    )

    def arm(name: str, content: bytes) -> bytes:
        if "sheet1" not in name:
            return content
        head, _, rest = content.partition(b"<worksheet")
        return head + bomb + b"]><worksheet" + rest.replace(b">1</v>", b">&m;</v>")

    path = parts_changed(saved(tmp_path / "x.xlsx", [["a"], [1]]), arm)
    try:
        table, _ = read_excel(path)
    except InputError:
        return
    assert table.nbytes < 1000


def test_external_entities_are_not_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")

    def arm(name: str, content: bytes) -> bytes:
        if "sheet1" not in name:
            return content
        head, _, rest = content.partition(b"<worksheet")
        entity = f'<!DOCTYPE x [<!ENTITY a SYSTEM "{secret.as_uri()}">]>'.encode()
        return head + entity + b"<worksheet" + rest.replace(b">1</v>", b">&a;</v>")

    try:
        shown = str(read_excel(parts_changed(saved(tmp_path / "x.xlsx", [["a"], [1]]), arm))[0].to_pylist())
    except InputError as error:
        shown = str(error)
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, b"a,b\n1,2\n"]
)
@pytest.mark.parametrize("ending", [".xlsx", ".xls", ".xlsb", ".ods"])
def test_what_is_no_workbook(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a workbook"):
        read_excel(path)


def _entry(name: str, kind: int, start: int, size: int, right: int = 0xFFFFFFFF, child: int = 0xFFFFFFFF) -> bytes:
    raw = name.encode("utf-16-le") + b"\0\0"
    numbers = struct.pack("<HBBIII", len(raw), kind, 1, 0xFFFFFFFF, right, child)
    return raw.ljust(64, b"\0") + numbers + bytes(36) + struct.pack("<IQ", start, size)


def locked_workbook() -> bytes:
    """A compound file with the two streams that a locked workbook has (MS-OFFCRYPTO 2.2), both of them zeros."""
    free, end, fat_sector = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII109I", 0, 1, 1, 0, 4096, end, 0, end, 0, 0, *[free] * 108)
    chains = struct.pack("<128I", fat_sector, end, *range(3, 10), end, *range(11, 18), end, *[free] * 110)
    root = _entry("Root Entry", 5, end, 0, child=1)
    streams = _entry("EncryptedPackage", 2, 2, 4096, right=2) + _entry("EncryptionInfo", 2, 10, 4096)
    return header + chains + root + streams + bytes(128) + bytes(8192)


def test_a_locked_workbook_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(locked_workbook())
    with pytest.raises(InputError, match=r"x\.xlsx is locked with a password; save it without one"):
        read_excel(path)


def test_mutated_workbooks_give_a_table_or_an_input_error(tmp_path: Path) -> None:
    rows = [["day", "amount", "note"], *[[date(2026, 1, 1 + n), n * 1.5, f"note {n}"] for n in range(20)]]
    whole = saved(tmp_path / "x.xlsx", rows).read_bytes()
    chance = random.Random(7)
    outcomes: set[str] = set()
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path = tmp_path / "y.xlsx"
        path.write_bytes(damaged[: chance.choice([len(damaged), len(damaged), chance.randrange(len(damaged))])])
        try:
            outcomes.add(type(read_excel(path)[0]).__name__)
        except InputError:
            outcomes.add("InputError")
    assert outcomes == {"Table", "InputError"}


def test_mutated_sheets_give_a_table_or_an_input_error(tmp_path: Path) -> None:
    rows = [["day", "amount", "note"], *[[date(2026, 1, 1 + n), n * 1.5, f"note {n}"] for n in range(20)]]
    chance = random.Random(8)

    def scratch(name: str, content: bytes) -> bytes:
        if not name.startswith("xl/"):
            return content
        damaged = bytearray(content)
        for _ in range(chance.randrange(3)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        return bytes(damaged)

    for _ in range(40):
        path = parts_changed(saved(tmp_path / "x.xlsx", rows), scratch)
        try:
            assert isinstance(read_excel(path)[0], pa.Table)
        except InputError:
            continue


def test_a_stream_that_breaks_off_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        "import pickle, sys\n"
        "for part in (([('S', 'WorkSheet', 'Visible')], {}), ('S', []), [['a'], [1]], None):\n"
        "    pickle.dump(part, sys.stdout.buffer)\n"
    )
    path = saved(tmp_path / "x.xlsx", [["a"], [1]])
    monkeypatch.setattr(excel.workbook_cells, "__file__", str(child))
    with pytest.raises(InputError, match="cannot be read"):
        read_book(path, "S")


@pytest.mark.parametrize("content", [b"Date,Amount\n1,2\n", "<html><td>Café</td>".encode(), b"a\tb\r\n1\t2\r\n"])
@pytest.mark.parametrize("ending", [".xlsx", ".xls"])
def test_a_text_under_the_name_of_a_workbook_is_named(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as a workbook: it is (text|a web page)"):
        read_excel(path)


def test_a_gap_in_the_header_and_a_remark_beside_the_table_do_not_hide_the_header() -> None:
    body = [[day, "", "x", 1.5] for day in ("Mon", "Tue", "Wed")]
    assert find_header([["Spend"], [], ["day", "", "what", "amount"], *body]) == (2, 6, 4)
    assert (
        find_header([["Spend"], ["day", "who", "what", "amount"], *body, ["Thu", "", "y", 2.5, "", "checked"]])[0] == 1
    )
    assert find_header([["a", "", ""], ["x", "y", ""], ["x", "", "z"]])[0] == 0  # words below words: no sign of a title
