"""Layouts: headers of real files, marks and orders that the values prove, and what must not be guessed."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from finlab.core.errors import InputError
from finlab.data.delimited import open_text
from finlab.data.frames import MOST_COLUMNS
from finlab.data.layouts import Told, find_layout, find_marks, find_order, is_datum, name_columns


def test_the_header_of_31_public_files_is_found(testdata: Path) -> None:
    truth = defaultdict(list)
    with (testdata / "ukspend" / "header_truth.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            truth[row["file"]].append(row)
    assert len(truth) == 31
    for name, rows in truth.items():
        found = open_text(testdata / "ukspend" / name).found
        expected = [row["source_column"].strip("\ufeff") for row in rows]
        got = found.names[: len(rows)]
        same = [
            (given.strip() == column.strip()) or not column.strip() for given, column in zip(got, expected, strict=True)
        ]
        assert found.layout.header and all(same), (name, got, expected)
        head = (testdata / "ukspend" / name).read_bytes().decode(found.layout.encoding).lstrip("\ufeff")
        reader = csv.reader(head.splitlines(keepends=True), delimiter=found.layout.delimiter)
        for _ in range(int(rows[0]["header_record"])):
            next(reader)
        assert found.layout.skip == reader.line_num, name


@pytest.mark.parametrize(
    ("head", "delimiter", "header", "skip"),
    [
        ("a,b\n1,2\n", ",", True, 1),
        ("a;b\n1,5;2,5\n", ";", True, 1),
        ("a\tb\n1\t2\n", "\t", True, 1),
        ("a|b\n1|2\n", "|", True, 1),
        ("Spend\n\na,b\n1,2\n3,4\n", ",", True, 3),
        ('"a\nb",c\n1,2\n', ",", True, 2),
        ("1,2\n3,4\n", ",", False, 0),
        ("x\n1\n2\n", ",", True, 1),
    ],
)
def test_delimiter_and_header(head: str, delimiter: str, header: bool, skip: int) -> None:
    layout = find_layout(head, "utf-8", "x.csv").layout
    assert (layout.delimiter, layout.header, layout.skip) == (delimiter, header, skip)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        (["1,234.50", "7.00"], (".", ",")),
        (["1.234,50", "7,00"], (",", ".")),
        (["1 234,50"], (",", " ")),
        (["1'234.50"], (".", "'")),
        (["1,234,567"], (".", ",")),
        (["1.234.567"], (",", ".")),
        (["1,234", "5"], ("", "")),
        (["12,5"], (",", "")),
        (["abc", ""], ("", "")),
        (["(1.234,5)", "€ 7,25"], (",", ".")),
    ],
)
def test_marks(values: list[str], marks: tuple[str, str]) -> None:
    assert tuple(find_marks(values)) == marks


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (["01/02/2026", "25/03/2026"], "dmy"),
        (["01/02/2026", "03/25/2026"], "mdy"),
        (["01/02/2026"], "?"),
        (["25/03/2026", "03/25/2026"], "?"),
        (["2026-03-25"], "ymd"),
        (["x", ""], ""),
        (["31/12/99"], "dmy"),
    ],
)
def test_orders(values: list[str], order: str) -> None:
    assert find_order(values) == order


def test_names_differ_and_are_never_blank() -> None:
    names, notes = name_columns(["a", "A", " ", "a", "column3"])
    assert names == ["a", "A 2", "column3", "a 3", "column3 2"] and len(notes) == 4
    assert len({name.casefold() for name in names}) == 5


def test_what_is_a_datum_and_what_a_name() -> None:
    assert all(map(is_datum, ["1", "-1,5", "£3.00", "(7)", "50%", "2026-01-31", "31/01/26", "1 Jan 2026", "EUR 5"]))
    assert not any(map(is_datum, ["", "a", "Q1", "1st", "Amount £", "2026 budget", "A1", "Jan"]))


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (Told(delimiter="ab"), "delimiter is 'ab'"),
        (Told(delimiter="\n"), "delimiter is"),
        (Told(decimal="5"), "decimal is '5'"),
        (Told(decimal=",", delimiter=","), "must differ"),
        (Told(skip=-1), "skip is -1"),
        (Told(date_order="ydm"), "date_order"),
    ],
)
def test_what_cannot_be_told(told: Told, words: str) -> None:
    with pytest.raises(InputError, match=words):
        find_layout("a,b\n1,2\n", "utf-8", "x.csv", told)


def test_files_without_records_and_with_too_many_columns() -> None:
    for head in ("", "\n\n", " \n", ",,\n,,\n"):
        with pytest.raises(InputError, match=r"x\.csv is empty"):
            find_layout(head, "utf-8", "x.csv")
    wide = ",".join(f"c{place}" for place in range(MOST_COLUMNS + 1))
    with pytest.raises(InputError, match="2,001 columns with the delimiter ','"):
        find_layout(wide + "\n", "utf-8", "x.csv")


@pytest.mark.parametrize(
    ("head", "decimal", "thousands"),
    [
        ("what;amount\na;1.500\nb;750\n", "?", ""),
        ("what,amount\na,1.500\nb,12.000\n", "?", ""),
        ("what;amount\na;1,085\nb;2\n", "?", ""),
        ('what,amount\na,"1,500"\nb,750\n', ".", ""),
        ("what;amount\na;1.500\nb;0,5\n", ",", ""),
        ("what;amount\na;1.500\nb;0.125\n", ".", ""),
        ("what;amount;more\na;1.500;1 200\n", ".", " "),
        ("month;amount\n12.2024;1234,50\n01.2025;7,25\n", ",", ""),
        ("account;amount\n11.1;1234,50\n12.1;7,25\n", ",", ""),
        ("version,amount\nv 1.500,12\n", ".", ""),
    ],
)
def test_a_mark_that_nothing_proves_is_unknown(head: str, decimal: str, thousands: str) -> None:
    layout = find_layout(head, "utf-8", "x.csv").layout
    assert (layout.decimal, layout.thousands) == (decimal, thousands)


@pytest.mark.parametrize(
    ("told", "decimal", "thousands"),
    [
        (Told(decimal=","), ",", ""),
        (Told(thousands="."), ",", "."),
        (Told(thousands=""), ".", ""),
        (Told(thousands="'"), ".", "'"),
    ],
)
def test_what_was_told_settles_an_unknown_mark(told: Told, decimal: str, thousands: str) -> None:
    layout = find_layout("what;amount\na;1.500\nb;750\n", "utf-8", "x.csv", told).layout
    assert (layout.decimal, layout.thousands) == (decimal, thousands)


@pytest.mark.parametrize("text", ["04/13/2026 12:00:00 AM", "4/13/2026 0:00", "04-13-2026T10:30:00.000", "4 13 2026"])
def test_a_clock_behind_a_day_does_not_hide_the_order(text: str) -> None:
    assert find_order(["01/02/2026", text]) == "mdy"
