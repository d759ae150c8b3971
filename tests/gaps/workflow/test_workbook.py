"""The worklist as a file: opened again by two other readers, exact, harmless, whole or absent."""

import csv
import gc
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from openpyxl import load_workbook
from python_calamine import CalamineWorkbook

from finlab.core.errors import InputError, StoreError
from finlab.data.export import restore
from finlab.gaps.record import Cause, Evidence, Gap, Gaps
from finlab.gaps.workflow.archive import reading
from finlab.gaps.workflow.workbook import evidence_sheet, rank_gaps
from finlab.gaps.worklist import Worklist

TWO = ("ledger", "bank")
NASTY = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x")', "<script>", "'; DROP TABLE gaps; --", "\t=1", "a\nb",
         "https://example.com", "\x07bell", "数据 'x'", "{=1}", "x" * 40_000]  # fmt: skip


def gap(key: str, lost: str = "1.50", **more: Any) -> Gap:
    said = {"kind": "value", "sources": TWO, "currency": "EUR", "field": "amount", "period": "2026-01"}
    values = ("1000.00", str(1000 - Decimal(lost)))
    return Gap(**{**said, "key": key, "values": values, "amount_at_stake": Decimal(lost), **more})


@pytest.fixture
def worklist(workbench: Path) -> Worklist:
    return Worklist(workbench / "finlab.duckdb")


def record(worklist: Worklist, *gaps: Gap, **more: Any) -> None:
    worklist.record(Gaps.of(gaps), **{"name": "bank", "who": "Anna", **more})


def sheets(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Each sheet as rows by the names of its columns, as openpyxl reads them."""
    found = {}
    for sheet in load_workbook(path):
        names, *rows = sheet.values
        found[sheet.title] = [dict(zip(names, row, strict=True)) for row in rows]
    return found


def test_the_gaps_are_ranked_with_exact_money_and_what_was_decided(worklist: Worklist) -> None:
    guess = (Cause("a fee", 0.25),)
    record(
        worklist, gap("small", "0.10"), gap("likely", "80.00", probability=0.9), gap("large", "100.0060", causes=guess)
    )
    worklist.comment(gap("large"), "asked", "Ben")
    worklist.accept(gap("large"), "agreed", "Carla")
    assert worklist.export("w.xlsx") == []
    rows = sheets(Path("w.xlsx"))["gaps"]
    assert [(row["rank"], row["key"]) for row in rows] == [(1, "large"), (2, "likely"), (3, "small")]
    first = rows[0]
    assert first["amount at stake"] == 100.006 and first["expected"] == 100.01 and rows[1]["expected"] == 72
    assert (first["status"], first["status by"], first["decision"]) == ("accepted", "Carla", "agreed")
    assert isinstance(first["status since"], datetime)
    assert (first["cause"], first["cause probability"], first["worklist"]) == ("a fee", 0.25, "bank")
    assert first["what the sources say"] == "ledger 1000.00, bank 899.9940" and first["id"] == gap("large").id
    sheet = load_workbook("w.xlsx")["gaps"]
    formats = {cell.value: cell.number_format for cell in (sheet["I2"], sheet["L2"], sheet["K3"])}
    assert formats == {100.006: '#,##0.00## "EUR"', 100.01: '#,##0.00## "EUR"', 0.9: "0.00%"}
    assert sheet.freeze_panes == "A2" and sheet.auto_filter.ref == "A1:V4"


def test_the_evidence_of_all_sources_stands_side_by_side_in_full(worklist: Worklist) -> None:
    ledger = pd.DataFrame(
        {"day": [date(2026, 3, 30)] * 3, "amount": [Decimal("1.10"), Decimal("2.20"), Decimal("3.30")]}
    )
    bank = pd.DataFrame({"Amount": [3.3, 1.1], "text": ["both", None]})
    evidence = (Evidence("ledger", (2, 0)), Evidence("bank", (0,)))
    record(worklist, gap("a", "9.00", evidence=evidence), gap("b", evidence=(Evidence("bank", (1,)),)), gap("c", "0.5"),
           sources={"ledger": ledger, "bank": bank})  # fmt: skip
    worklist.export("w.xlsx")
    rows = sheets(Path("w.xlsx"))["evidence"]
    assert [(row["key"], row["line"]) for row in rows] == [("a", 1), ("a", 2), ("b", 1)]
    told = [[row[name] for name in row if ": " in name] for row in rows]
    day = datetime(2026, 3, 30)
    assert told == [[0, day, 1.1, 0, 3.3, "both"], [2, day, 3.3, None, None, None], [None, None, None, 1, 1.1, None]]
    assert [name for name in rows[0] if ": " in name][:3] == ["ledger: row", "ledger: day", "ledger: amount"]
    amounts = [cell.number_format for cell in load_workbook("w.xlsx")["evidence"]["J"]]
    assert amounts[1] == "0.00"


def test_the_history_says_who_and_when(worklist: Worklist) -> None:
    record(worklist, gap("a"), gap("b", "9.00"))
    worklist.explain(gap("a"), "a fee", "Ben")
    worklist.export("w.xlsx")
    rows = sheets(Path("w.xlsx"))["history"]
    told = [(row["rank"], row["key"], row["who"], row["what"], row["after"], row["note"]) for row in rows]
    assert told == [
        (1, "b", "Anna", "found", "9.00 EUR", None),
        (2, "a", "Anna", "found", "1.50 EUR", None),
        (2, "a", "Ben", "explained", "explained", "a fee"),
    ]
    assert all(isinstance(row["at (UTC)"], datetime) for row in rows)


def hostile(worklist: Worklist) -> list[Gap]:
    frame = pd.DataFrame({"text": NASTY, "=cmd|1": NASTY, "https://x": NASTY})
    gaps = [
        gap(text, f"{n + 1}.00", field=text, period=text, values=(text, text), causes=(Cause(text, 0.5),),
            evidence=(Evidence("=ledger", (n,)),), sources=("=ledger", text))
        for n, text in enumerate(NASTY)
    ]  # fmt: skip
    record(worklist, *gaps, name="=1+1", sources={"=ledger": frame}, who="=who()")
    worklist.explain(gaps[0], "=reason()", "@who")
    return gaps


def test_no_text_becomes_a_formula_or_a_link(worklist: Worklist) -> None:
    gaps = hostile(worklist)
    worklist.export("w.xlsx")
    book = load_workbook("w.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert cells and all(cell.data_type != "f" and cell.hyperlink is None for cell in cells)
    rows = sheets(Path("w.xlsx"))
    short = {text[:32_000] for text in NASTY}
    as_openpyxl_reads = {text.replace("\x07", "_x0007_") for text in short}
    assert {row["key"][:32_000] for row in rows["gaps"]} == as_openpyxl_reads
    assert {row["=ledger: text"][:32_000] for row in rows["evidence"]} == as_openpyxl_reads
    assert len(rows["gaps"]) == len(gaps) == len(rows["evidence"])
    by_calamine = CalamineWorkbook.from_path("w.xlsx").get_sheet_by_name("evidence").to_python()
    assert {row[by_calamine[0].index("=ledger: =cmd|1")][:32_000] for row in by_calamine[1:]} == short


def test_a_text_that_no_cell_holds_is_cut_and_says_so(worklist: Worklist) -> None:
    hostile(worklist)
    worklist.export("w.xlsx")
    long = [row["key"] for row in sheets(Path("w.xlsx"))["gaps"] if row["key"].startswith("xxx")]
    assert len(long[0]) == 32_767 and long[0].endswith("x [... cut]")
    worklist.export("w.csv")
    assert NASTY[-1] in Path("w.csv").read_text()


@pytest.mark.parametrize("sheet", ["gaps", "evidence", "history"])
def test_csv_holds_a_sheet_with_texts_neutralised(worklist: Worklist, sheet: str) -> None:
    hostile(worklist)
    assert worklist.export("w.csv", sheet=sheet) == []
    with Path("w.csv").open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    for row in rows:
        assert not any(cell[:1] in ("=", "+", "@", "\t") for cell in row), row
    column = {"gaps": "key", "evidence": "'=ledger: text", "history": "key"}[sheet]
    assert {restore(row[names.index(column)]) for row in rows} == set(NASTY)


def test_two_readers_see_the_same_numbers(worklist: Worklist) -> None:
    chance = np.random.default_rng(3)
    amounts = [Decimal(int(cents)) / 10_000 for cents in chance.integers(1, 10**13, 60)]
    record(
        worklist, *(gap(f"k{n}", str(amount), currency=("EUR", "USD", "")[n % 3]) for n, amount in enumerate(amounts))
    )
    worklist.export("w.xlsx")
    expected = sorted(amounts, reverse=True)
    by_openpyxl = [row["amount at stake"] for row in sheets(Path("w.xlsx"))["gaps"]]
    by_calamine = CalamineWorkbook.from_path("w.xlsx").get_sheet_by_name("gaps").to_python()
    place = by_calamine[0].index("amount at stake")
    assert [Decimal(str(value)) for value in by_openpyxl] == expected
    assert [Decimal(str(row[place])) for row in by_calamine[1:]] == expected


def test_money_that_excel_would_round_is_written_as_text_with_a_note(worklist: Worklist) -> None:
    record(worklist, gap("a", "123456789012345.6789"))
    notes = worklist.export("w.xlsx")
    assert any("'amount at stake' is written as text" in note for note in notes)
    assert sheets(Path("w.xlsx"))["gaps"][0]["amount at stake"] == "123456789012345.6789"


def test_what_is_wanted_is_what_is_written(worklist: Worklist) -> None:
    record(worklist, gap("a"), gap("b", "2.00", kind="merge"))
    record(worklist, gap("a"), name="another")
    worklist.accept(gap("b", kind="merge"), "x", "Ben")
    for wanted, keys in (
        ({}, ["b", "a", "a"]),
        ({"name": "bank"}, ["b", "a"]),
        ({"status": "open"}, ["a", "a"]),
        ({"kind": "merge", "name": "another"}, []),
    ):
        worklist.export("w.xlsx", replace=True, **wanted)
        found = sheets(Path("w.xlsx"))
        assert [row["key"] for row in found["gaps"]] == keys
        assert [row["key"] for row in found["history"] if row["what"] == "found"] == keys
    with pytest.raises(InputError, match="did you mean 'another'"):
        worklist.export("x.xlsx", name="anothr")


def test_a_source_that_had_other_columns_in_another_run_has_both(worklist: Worklist) -> None:
    one, two = gap("a", evidence=(Evidence("bank", (0,)),)), gap("b", "9.00", evidence=(Evidence("bank", (0,)),))
    record(worklist, one, two, sources={"bank": pd.DataFrame({"n": [1], "old": ["x"]})})
    record(worklist, two, sources={"bank": pd.DataFrame({"new": ["y"], "n": ["two"]})})
    with reading(worklist.path) as tables:
        rank_gaps(tables, "true")
        found = evidence_sheet(tables).to_pylist()
    told = [{name: row[name] for name in row if ": " in name} for row in found]
    assert told == [
        {"bank: row": 0, "bank: n": "two", "bank: old": None, "bank: new": "y"},
        {"bank: row": 0, "bank: n": "1", "bank: old": "x", "bank: new": None},
    ]


def test_names_of_columns_that_clash_are_told_apart(worklist: Worklist) -> None:
    frames = {"Bank": pd.DataFrame({"row": [1], "n": [2]}), "bank": pd.DataFrame({"ROW": [3], "N": [4]})}
    evidence = tuple(Evidence(name, (0,)) for name in frames)
    record(worklist, gap("a", sources=("Bank", "bank"), evidence=evidence), sources=frames)
    assert worklist.export("w.xlsx") == []
    row = sheets(Path("w.xlsx"))["evidence"][0]
    assert {name: row[name] for name in row if ": " in name} == {
        "Bank: row": 0, "Bank: row (2)": 1, "Bank: n": 2, "bank: row (3)": 0, "bank: ROW (4)": 3, "bank: N (2)": 4,
    }  # fmt: skip


def test_an_empty_worklist_is_a_file_with_headers(worklist: Worklist) -> None:
    worklist.export("w.xlsx")
    assert {name: len(rows) for name, rows in sheets(Path("w.xlsx")).items()} == {
        "gaps": 0,
        "evidence": 0,
        "history": 0,
    }
    worklist.export("w.csv")
    assert len(Path("w.csv").read_text().splitlines()) == 1 and not worklist.path.exists()


def test_files_that_cannot_be_written_are_refused(worklist: Worklist) -> None:
    record(worklist, gap("a"))
    Path("there.xlsx").write_text("mine")
    for path, words in (
        ("w.xls", "did you mean '.xlsx'"),
        ("w", "the ending of path is ''"),
        ("there.xlsx", "say replace=True"),
        ("nowhere/w.xlsx", "in a folder that exists"),
    ):
        with pytest.raises(InputError, match=words):
            worklist.export(path)
    with pytest.raises(InputError, match="did you mean 'evidence'"):
        worklist.export("w.csv", sheet="evidense")
    assert Path("there.xlsx").read_text() == "mine" and sorted(file.name for file in Path().iterdir()) == [
        "finlab.duckdb",
        "there.xlsx",
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of an archive that could not end
@pytest.mark.slow
def test_a_full_disk_leaves_no_half_file(worklist: Worklist, small_disk: Path) -> None:
    table = pa.concat_tables([Gaps.of([gap("x" * 200)]).arrow] * 30_000)
    words = [f"{n:016x}" for n in range(len(table))]
    worklist.record(Gaps(table.set_column(0, "id", pa.array(words))), name="many", who="Anna")
    (small_disk / "filler").write_bytes(b"0" * (7 << 20))
    for name in ("w.csv", "w.xlsx"):
        with pytest.raises(StoreError, match="cannot be written"):
            worklist.export(small_disk / name)
    assert [file.name for file in small_disk.iterdir()] == ["filler"]
    gc.collect()  # what could not end lets go of the disk


def test_others_may_write_in_the_store_while_the_file_is_written(
    worklist: Worklist, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finlab.gaps.workflow import workbook

    record(worklist, gap("a"))
    monkeypatch.setenv("FINLAB_LOCK_WAIT_SECONDS", "0.2")
    real = workbook.write_excel

    def slow(*given: Any, **more: Any) -> list[str]:
        worklist.comment(gap("a"), "meanwhile", "Ben")
        return real(*given, **more)

    monkeypatch.setattr(workbook, "write_excel", slow)
    worklist.export("w.xlsx")
    assert worklist.history(gap("a"))["note"].iloc[-1] == "meanwhile"
    assert len(sheets(Path("w.xlsx"))["history"]) == 1
