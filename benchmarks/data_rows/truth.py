"""The raw spend files of UK departments, what they hold by Python's csv, and what their columns mean."""

import csv
import io
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from harness import testdata

TEXT_FIELDS = (
    "department", "entity", "expense_type", "expense_area", "supplier", "transaction_number", "description",
    "supplier_postcode", "project_code", "expenditure_type", "contract_number", "supplier_type", "vat_number",
)  # fmt: skip
REQUIRED = ("supplier", "amount")


def spend_contract() -> Any:
    """One schema for all departments; no file and no header is named. Two of the files print $ for pounds."""
    from finlab.data.contracts import Contract, Field

    texts = [Field(name, required=name in REQUIRED) for name in TEXT_FIELDS]
    day = Field("date", "date", date_order="dmy")
    amount = Field("amount", "decimal", currency="GBP", signs=("£", "$"), required=True)
    return Contract("spend", [*texts, day, amount])


class Truth(NamedTuple):
    """What a file's columns mean: its header is the record of that number, from 1; a field or None for each column."""

    path: Path
    header: int
    fields: list[str | None]
    notes: list[str]


def read_truth(folder: Path) -> list[Truth]:
    columns: dict[str, list[dict[str, str]]] = defaultdict(list)
    with (folder / "header_truth.csv").open(encoding="utf-8", newline="") as file:
        for column in csv.DictReader(file):
            columns[column["file"]].append(column)
    return [
        Truth(
            folder / name,
            int(rows[0]["header_record"]),
            [row["field"] or None for row in rows],
            [row["note"] for row in rows],
        )
        for name, rows in columns.items()
    ]


def records_of(path: Path) -> list[list[str]]:
    """The records of a file by Python's csv: what is not UTF-8 is cp1252; a blank line is an empty record."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    return list(csv.reader(io.StringIO(text, newline="")))


class Held(NamedTuple):
    """What a file holds below its header: records, and how many of them are blank (separators alone)."""

    records: int
    blank: int


def held_by(truth: Truth) -> Held:
    below = [record for record in records_of(truth.path)[truth.header :] if record]
    return Held(len(below), sum(not any(value.strip() for value in record) for record in below))


def truths_here() -> list[Truth]:
    return read_truth(testdata() / "ukspend")
