"""The CSV reader: types, encodings, ragged rows, and what it must never guess."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.contracts import Contract
from finlab.data.delimited import open_text, opened, read_delimited
from finlab.data.fields import Field
from finlab.data.layouts import Told
from finlab.data.lease import connect_memory
from finlab.data.store import Store


def read(folder: Path, content: str | bytes, name: str = "x.csv", **options: Any) -> pa.Table:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_delimited(path, **options)[0]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "-2", "+3"], "int64", [1, -2, 3]),
        (["1", "2.5", ".5", "1e3"], "double", [1, 2.5, 0.5, 1000]),
        (["007", "012"], "string", ["007", "012"]),
        (["0.5", "0"], "double", [0.5, 0]),
        (["1234567890123456789", "2"], "string", ["1234567890123456789", "2"]),
        (["true", "False"], "bool", [True, False]),
        (["1", "NA", "", "3"], "int64", [1, None, None, 3]),
        (["CN", "NA", "DE"], "string", ["CN", "NA", "DE"]),
        (["1", "two"], "string", ["1", "two"]),
        (["03/04/2026", "04/04/2026"], "string", ["03/04/2026", "04/04/2026"]),
        (["2026-02-30", "2026-02-28"], "string", ["2026-02-30", "2026-02-28"]),
        (["inf", "1"], "string", ["inf", "1"]),
        (["1_000", "2"], "string", ["1_000", "2"]),
        ([" 1 ", "2"], "int64", [1, 2]),
        (['"a, b"', '"say ""hi"""'], "string", ["a, b", 'say "hi"']),
    ],
)
def test_types(tmp_path: Path, cells: list[str], kind: str, values: list[object]) -> None:
    table = read(tmp_path, "k,x\n" + "".join(f"k,{cell}\n" for cell in cells))
    assert str(table.schema.field("x").type) == kind
    assert table["x"].to_pylist() == values


def test_days_and_times(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "day,time,zoned\n2026-03-31,2026-03-31T10:15,2026-03-31T10:15:00+08:00\n"
        "2026-04-01,2026-04-01 23:59:59,2026-03-31T00:00:00Z\n",
    )
    assert [str(kind) for kind in table.schema.types] == ["date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]"]
    assert str(table["zoned"][0].as_py()) == "2026-03-31 02:15:00+00:00"


def test_a_late_exception_in_a_long_column_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("x,y\n" + "1,2026-01-01\n" * 5000 + "1.5,soon\n")
    table, notes = read_delimited(path)
    assert [str(kind) for kind in table.schema.types] == ["double", "string"]
    assert notes == ["column 'y' is kept as text: 1 of 5001 values are no number or day, such as 'soon'"]


def test_values_that_are_nearly_all_numbers_or_days_are_remarked(tmp_path: Path) -> None:
    def notes(values: list[str], **options: str) -> list[str]:
        path = tmp_path / "x.csv"
        path.write_text("x,y\n" + "".join(f"{value},a\n" for value in values))
        return read_delimited(path, **options)[1]

    for value in ("1", "-2.5", "+3", ".5", "2024-01-31"):
        assert notes([value] * 10 + ["zz"]) == [
            "column 'x' is kept as text: 1 of 11 values are no number or day, such as 'zz'"
        ]
    day = "column 'x' is kept as text: 2 of 42 values are no number or day, such as '5 May 2024'"
    assert notes(["May 5 2024"] * 40 + ["soon", "5 May 2024"], date_format="%b %d %Y") == [day]
    assert notes(["a"] * 10 + ["1"] * 10) == []


def test_options(tmp_path: Path) -> None:
    table = read(
        tmp_path, "a|b\n1.234,5|03.04.2026\n", delimiter="|", decimal=",", thousands=".", date_format="%d.%m.%Y"
    )
    assert table.to_pylist()[0]["a"] == 1234.5 and str(table["b"][0]) == "2026-04-03"
    assert read(tmp_path, "1,2\n3,4\n", header=False).column_names == ["column1", "column2"]
    assert read(tmp_path, "made by X\n\na,b\n1,2\n", skip=2).column_names == ["a", "b"]
    assert read(tmp_path, "id,n\n1,2\n", text=["id"])["id"].to_pylist() == ["1"]
    assert read(tmp_path, "a\tb\n1\t2\n", name="x.tsv").num_columns == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    word = "Müller" if encoding == "cp1252" else "穆勒"
    table = read(tmp_path, f"who,x\n{word},1\n".encode(encoding), encoding="utf-8" if "utf-8" in encoding else encoding)
    assert table.to_pylist() == [{"who": word, "x": 1}]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path: Path, ends: str) -> None:
    assert read(tmp_path, ends.join(["a,b", "1,2", "3,4", ""])).num_rows == 2


def test_mixed_line_ends_and_a_missing_last_one(tmp_path: Path) -> None:
    assert read(tmp_path, b'a,b\r\n1,"x\ny"\r\n3,z\n5,w').to_pylist() == [
        {"a": 1, "b": "x\ny"},
        {"a": 3, "b": "z"},
        {"a": 5, "b": "w"},
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n3,4,5\n", r"x.csv, line 3: expected 2 values as in the header, found 3: '3,4,5'"),
        ("a,b\n1,2\n3\n", r"x.csv, line 3: expected 2 values as in the header, found 1"),
        ("a,b\n" + "1,2\n" * 200_000 + "9\n", r"line 200002: expected 2 values"),
        ('a,b\n1,"2\n', r"line 2: a quotation mark is opened and not closed"),
        ("a,b\n", r"header of 2 columns and no rows"),
        ("\n\n", r"is empty"),
        (b"\xef\xbb\xbf", r"is empty"),
        (b"a,b\n1,\xc3\xa9\n2,\xff\n", r"not utf-8 text: byte 11 \(line 3\) is 0xff; say what it is by encoding="),
        (b"a,b\n" + b"1,\xc3\xa4\n" * 600_000 + b"1,\xe4\n", r"byte 3000006 \(line 600002\) is 0xe4"),
    ],
)
def test_bad_files(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "klingon"},
        {"encoding": "hex"},
        {"delimiter": ""},
        {"delimiter": "ab"},
        {"decimal": ";", "delimiter": ";"},
        {"decimal": "5"},
        {"skip": -1},
        {"text": ["nothing"]},
    ],
)
def test_bad_options(tmp_path: Path, options: dict[str, Any]) -> None:
    if options == {"delimiter": ""}:  # the same as not saying it
        assert read(tmp_path, "a,b\n1,2\n", **options).num_columns == 2
        return
    with pytest.raises(InputError):
        read(tmp_path, "a,b\n1,2\n", **options)


@pytest.mark.parametrize("name", ["s[1].csv", "a*.csv", "what?.csv", "it's.csv", "销售.csv", "a b.csv"])
def test_odd_file_names_are_taken_literally(tmp_path: Path, name: str) -> None:
    (tmp_path / "ab.csv").write_text("other\n1\n")
    (tmp_path / "s1.csv").write_text("other\n1\n")
    assert read(tmp_path, "mine,x\n1,2\n", name=name).column_names == ["mine", "x"]


def test_blank_names_are_made_up_and_said(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(",a\n0,1\n")
    table, notes = read_delimited(path)
    assert table.column_names == ["column1", "a"] and notes == ["a column without a name is called column1"]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
def test_any_text_survives_quoting(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("any")
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in [("a", "b"), *rows]]
    table = read(folder, "".join(lines), text=["a", "b"])
    for name, place in (("a", 0), ("b", 1)):
        given_cells = [row[place].replace("\r\n", "\n").replace("\r", "\n") or None for row in rows]
        found = [cell and cell.replace("\r\n", "\n").replace("\r", "\n") for cell in table[name].to_pylist()]
        assert found == given_cells


def test_a_day_stays_the_day_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "zoned.csv"
    lines = ["shanghai,madrid,new_york,hours"]
    lines += ["2026-03-28T00:00:00+08:00,2026-03-28T00:00:00+01:00,2026-03-06T20:00:00-05:00,2026-03-29T01:00+01:00"]
    lines += ["2026-03-30T00:00:00+08:00,2026-03-30T00:00:00+02:00,2026-03-09T20:00:00-04:00,2026-03-29T03:00+02:00"]
    path.write_text("\n".join(lines) + "\n")
    table, notes = read_delimited(path)
    kinds = ["timestamp[us, tz=+08:00]", "date32[day]", "timestamp[us]", "timestamp[us, tz=UTC]"]
    assert [str(kind) for kind in table.schema.types] == kinds
    assert [str(day) for day in table["madrid"].to_pylist()] == ["2026-03-28", "2026-03-30"]
    assert [str(moment) for moment in table["new_york"].to_pylist()] == ["2026-03-06 20:00:00", "2026-03-09 20:00:00"]
    assert [moment.hour for moment in table["hours"].to_pylist()] == [0, 1]
    assert notes == [
        "column 'madrid' holds midnights, which are read as days (offsets +01:00, +02:00)",
        "column 'new_york' holds one moment a day, read as the local time (offsets -04:00, -05:00)",
    ]


def test_digits_are_days_where_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_text("day,n\n20260131,7\n20260228,8\n")
    table, _ = read_delimited(path, date_format="%Y%m%d")
    assert [str(kind) for kind in table.schema.types] == ["date32[day]", "int64"]


@pytest.mark.parametrize("options", [{"date_format": "%Q"}, {"encoding": "utf-16"}])
def test_options_that_cannot_be_are_named(tmp_path: Path, options: dict[str, str]) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=next(iter(options.values()))):
        read_delimited(path, **options)


def test_a_long_file_keeps_its_order(tmp_path: Path) -> None:
    count = 300_000  # several pieces, read by several threads
    body = "\n".join(f"series {n // 1000},{n}" for n in range(count))
    for _ in range(3):
        assert read(tmp_path, f"id,n\n{body}\n")["n"].to_pylist() == list(range(count))


def test_a_number_whose_mark_nothing_proves_stays_text_and_a_note_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("what;amount;count\na;1.500;1\nb;750;2\n")
    table, notes = read_delimited(path)
    assert table["amount"].to_pylist() == ["1.500", "750"] and table["count"].to_pylist() == [1, 2]
    assert len(notes) == 1 and "'amount' is kept as text: the mark in '1.500'" in notes[0] and "decimal=" in notes[0]
    assert read_delimited(path, decimal=".")[0]["amount"].to_pylist() == [1.5, 750]
    assert read_delimited(path, thousands=".")[0]["amount"].to_pylist() == [1500, 750]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04\x14\x00,a\nb", "ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1,a\nb", "old workbook"),
        (b"%PDF-1.7\na,b\n", "PDF"),
        (b"\x1f\x8b\x08,a\nb", "gzip"),
        (b"PAR1,a\nb,c", "Parquet"),
        (b"\n <!DOCTYPE HTML><p>a, b</p>\n", "web page"),
        (b"<html>a,b\n1,2</html>", "web page"),
    ],
)
def test_what_only_calls_itself_a_table_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=rf"x\.csv is no CSV file: it is .*{words}"):
        read(tmp_path, content)


# Blank lines: both ways read the same records


def both_ways(path: Path, width: int) -> list[list[tuple[str | None, ...]]]:
    """The records as DuckDB reads them, and as they are read one by one."""
    text, found = open_text(path, told=Told(delimiter=",", header=True, skip=0)), []
    assert text.width == width
    for sound in (True, False):
        with connect_memory(files=True) as connection, opened(text, connection, sound) as relation:
            cells = ", ".join(f"c{place}" for place in range(width))
            found.append(connection.sql(f"SELECT {cells} FROM {relation()}").fetchall())
    return found


CELLS = st.sampled_from(["", '""', "a", '"b"', " ", '" "', '"say ""c"""', "NULL", "1", "'", "é"])
BLANKS = st.sampled_from([0, 0, 0, 1, 2])


@settings(max_examples=100, deadline=None)
@given(data=st.data(), end=st.sampled_from(["\n", "\r\n", "\r"]), width=st.sampled_from([1, 1, 2]))
def test_both_ways_read_the_same_records_among_blank_lines(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, end: str, width: int
) -> None:
    names = ["name", "other"][:width]
    lines = [",".join(names), *data.draw(st.lists(st.tuples(*[CELLS] * width).map(",".join), max_size=6))]
    text = end.join(line + end * data.draw(BLANKS) for line in lines) + data.draw(st.sampled_from(["", end]))
    path = tmp_path_factory.mktemp("blank") / "x.csv"
    path.write_bytes(text.encode())
    fast, slow = both_ways(path, width)
    assert fast == slow and len(fast) == sum(line != "" for line in lines[1:])


def test_a_blank_line_in_one_column_is_no_record_and_a_quoted_blank_is_one(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('n\n1\n\n""\n2\n\n')
    assert read_delimited(path)[0]["n"].to_pylist() == [1, None, 2]
    store = Store(tmp_path / "s.duckdb")
    result = store.load(path, "t")
    assert (result.records, result.loaded) == (3, 3)


def test_the_lines_of_rejected_records_of_one_column_are_counted_with_blank_ones(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('n\n1\n\n""\nlate\n\n2\n')
    contract = Contract("numbers", (Field("n", "integer"),))
    store = Store(tmp_path / "s.duckdb")
    result = store.load(path, "t", contract=contract)
    assert (result.records, result.loaded, result.rejected) == (4, 3, 1)
    assert store.rejects("t")[["record", "line", "value"]].values.tolist() == [[3, 5, "late"]]
