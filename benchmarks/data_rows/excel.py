"""Reading a workbook of 20,000 rows and ten columns: `finlab.data.excel` beside openpyxl, both from file to values."""

import datetime
import random
import tempfile
from pathlib import Path
from typing import Any

from harness import Row, alternate, row

BAR = "<= 0.3"
ROWS = 20_000
COLUMNS = ("id", "day", "customer", "amount", "rate", "note", "kind", "paid", "share", "currency")


def workbook(path: Path, rows: int) -> Path:
    """A workbook of whole numbers, days, texts that repeat and texts that do not, amounts, shares and truth values."""
    from openpyxl import Workbook

    chance, first = random.Random(20260101), datetime.date(2026, 1, 1)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("ledger")
    sheet.append(COLUMNS)
    for n in range(rows):
        day, customer = first + datetime.timedelta(days=n % 700), f"customer {chance.randrange(3000)}"
        amount, rate, share = round(chance.random() * 1e4, 2), chance.random(), round(chance.random(), 4)
        sheet.append([n, day, customer, amount, rate, f"note {n}", n % 7, n % 3 == 0, share, "EUR"])
    book.save(path)
    return path


def ours(path: Path) -> Any:
    from finlab.data.excel import read_excel

    return read_excel(path)[0]


def theirs(path: Path) -> Any:
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True)
    cells = list(book.worksheets[0].iter_rows(values_only=True))
    book.close()
    return cells


def agree(table: Any, cells: list[tuple[Any, ...]]) -> bool:
    """Whether both read the same: openpyxl gives moments where Excel shows days."""
    columns = list(zip(*cells[1:], strict=True))
    columns[1] = tuple(value.date() for value in columns[1])
    return list(cells[0]) == table.column_names and all(
        list(column) == table.column(place).to_pylist() for place, column in enumerate(columns)
    )


def excel_rows(quick: bool) -> list[Row]:
    """The row: CPU seconds of ours (its child process with it) as a share of openpyxl's, which reads without styles."""
    rows, rounds = (500, 1) if quick else (ROWS, 5)
    with tempfile.TemporaryDirectory() as folder:
        path = workbook(Path(folder, "ledger.xlsx"), rows)
        times = alternate({"ours": lambda: ours(path), "openpyxl": lambda: theirs(path)}, rounds)
    mine, other = times["ours"], times["openpyxl"]
    same = "the same values" if agree(mine.result, other.result) else "VALUES DIFFER"
    note = f"{mine.cpu:.3f} and {other.cpu:.3f} CPU s; {same}"
    return [
        row("Excel read, 10 columns", mine.cpu / other.cpu, bar=BAR, peer="openpyxl", n=rows, rounds=rounds, note=note)
    ]
