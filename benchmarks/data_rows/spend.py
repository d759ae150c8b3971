"""The raw spend files of UK departments: all of them into one schema, and the share of columns recognised.

The truth about the columns is `header_truth.csv`. A person is played by it: what the mapping asks is answered from it,
and nothing else.
"""

import csv
import io
import tempfile
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row, testdata

FILES = 31
SEVERAL = "several candidates"
TEXT_FIELDS = (
    "department", "entity", "expense_type", "expense_area", "supplier", "transaction_number", "description",
    "supplier_postcode", "project_code", "expenditure_type", "contract_number", "supplier_type", "vat_number",
)  # fmt: skip
REQUIRED = ("supplier", "amount")
SPEND = {
    "whole": Plan("UK spend, 31 files: loaded whole into one schema", f"= {FILES}", "files", ""),
    "unaccounted": Plan("UK spend, 31 files: records not accounted for", "= 0", "records", "csv of Python"),
}
PEERS = {"pandas": "pandas read_csv", "duckdb": "DuckDB read_csv", "polars": "Polars read_csv"}
MAPPING = {
    "right": Plan("columns that have a field: right without help", ">= 0.95", "share", ""),
    "wrong": Plan("columns taken unasked that are wrong", "= 0", "columns", ""),
}


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


# --- all files into one schema


def answers_for(truth: Truth, contract: Any) -> dict[str, str | None]:
    """What a person answers: the field of each column that the mapping asks about."""
    from finlab.data.loads import take_source
    from finlab.data.mapping import propose
    from finlab.data.sources import open_source

    incoming = take_source(open_source(truth.path))
    asked = propose(incoming.names, incoming.sample, contract).asked()
    return {each.column: truth.fields[each.position] for each in asked}


class Loaded(NamedTuple):
    """What became of the files: problems by file, sums of records, and how many columns were asked about."""

    problems: dict[str, str]
    records: int = 0
    rows: int = 0
    rejected: int = 0
    blank: int = 0
    off: int = 0
    asked: int = 0


def load_all(truths: list[Truth], place: Path) -> Loaded:
    """Load every file into the table `spend` of a fresh store and count its records independently."""
    from finlab.core.errors import InputError
    from finlab.data.store import Store

    store, contract, found = Store(place), spend_contract(), Loaded({})
    for truth in truths:
        held, answers = held_by(truth), answers_for(truth, contract)
        try:
            done = store.load(truth.path, "spend", contract=contract, mapping=answers or None)
        except InputError as error:
            found.problems[truth.path.name] = str(error)
            found = found._replace(off=found.off + held.records)
            continue
        accounted = done.loaded + done.rejected + done.duplicates
        off = abs(held.records - done.records) + abs(done.records - accounted)
        if off:
            found.problems[truth.path.name] = f"{held.records} records, {done.records} read, {accounted} accounted for"
        found = found._replace(
            records=found.records + held.records,
            rows=done.rows,
            rejected=found.rejected + done.rejected,
            blank=found.blank + held.blank,
            off=found.off + off,
            asked=found.asked + len(answers),
        )
    return found


def spend_found(truths: list[Truth]) -> dict[str, Found]:
    """The figures of the files: loaded whole, not accounted for, and opened by others with their defaults."""
    from finlab.data.store import Store

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "spend.duckdb")
        loaded = load_all(truths, place)
        blank = int((Store(place).rejects("spend")["reason"] == "a blank record").sum())
    n, named = len(truths), "; ".join(f"{name}: {why}" for name, why in loaded.problems.items())
    columns = sum(len(truth.fields) for truth in truths)
    asked = f"{loaded.asked} of {columns} columns asked about and answered"
    counts = f"{loaded.records:,} records by csv = {loaded.rows:,} rows + {loaded.rejected:,} rejected"
    off = loaded.off + abs(loaded.records - loaded.rows - loaded.rejected) + abs(loaded.blank - blank)
    return {
        "whole": Found(n - len(loaded.problems), n, 1, "; ".join(filter(None, [asked, named]))),
        "unaccounted": Found(off, loaded.records, 1, f"{counts} ({blank:,} of them blank records)"),
    }


# --- what others open with their defaults


def opened(truths: list[Truth], read: Callable[[Path], object]) -> int:
    """How many files a reader opens without an exception; whether what it read is right is another question."""
    count = 0
    for truth in truths:
        try:
            read(truth.path)
        except Exception:  # whatever a reader raises, the file did not open
            continue
        count += 1
    return count


def reader_of(peer: str) -> Callable[[Path], object]:
    if peer == "pandas":
        import pandas as pd

        return pd.read_csv
    if peer == "duckdb":
        import duckdb

        return lambda path: duckdb.read_csv(str(path)).fetchall()
    import polars

    return polars.read_csv


def opened_found(truths: list[Truth], peer: str) -> dict[str, Found]:
    return {peer: Found(opened(truths, reader_of(peer)), len(truths), 1, "no exception; the header may be wrong")}


# --- the columns


def mapping_found(truths: list[Truth]) -> dict[str, Found]:
    """The share of columns whose field is proposed, and the columns that would be taken unasked and are wrong."""
    from finlab.data.mapping import ACCEPT, propose

    right, total, taken, wrong, below = 0, 0, 0, [], 0
    several = sum(note == SEVERAL for truth in truths for note in truth.notes)
    contract = spend_contract()
    for truth in truths:
        records = records_of(truth.path)
        header = records[truth.header - 1][: len(truth.fields)]
        proposals = propose(header, records[truth.header : truth.header + 200], contract).proposals
        for field, each in zip(truth.fields, proposals, strict=True):
            total += field is not None
            right += field is not None and each.field == field
            sure = each.field is not None and each.confidence >= ACCEPT
            taken += sure
            if each.field is not None and each.field != field:
                wrong += [f"{truth.path.name} {each.column!r} as {each.field}"] if sure else []
                below += not sure
    note = f"{right} of {total}; of {several} columns several candidates would do, the truth names one"
    told = "; ".join(
        [f"{taken} taken at confidence {ACCEPT} or more; wrong among those that are asked: {below}", *wrong]
    )
    return {"right": Found(right / total, total, 1, note), "wrong": Found(len(wrong), taken, 1, told)}


# --- the rows


def truths_here() -> list[Truth]:
    return read_truth(testdata() / "ukspend")


def spend_rows() -> list[Row]:
    """The rows of the files; a peer that is not installed has none."""
    rows = attempt(SPEND, lambda: spend_found(truths_here()))
    for peer, name in PEERS.items():
        if find_spec(peer):
            plan = Plan("UK spend, 31 files: opened with defaults by the peer", "", "files", name)
            rows += attempt({peer: plan}, lambda peer=peer: opened_found(truths_here(), peer))
    return rows


def mapping_rows() -> list[Row]:
    return attempt(MAPPING, lambda: mapping_found(truths_here()))
