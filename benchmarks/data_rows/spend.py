"""The raw spend files of UK departments: all of them into one schema, every record accounted for.

A person is played by the truth: what the mapping asks is answered from it, and nothing else.
"""

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row

from .truth import Truth, held_by, spend_contract, truths_here

FILES = 31
SPEND = {
    "whole": Plan("UK spend, 31 files: loaded whole into one schema", f"= {FILES}", "files", ""),
    "unaccounted": Plan("UK spend, 31 files: records not accounted for", "= 0", "records", "csv of Python"),
}
PEERS = {"pandas": "pandas read_csv", "duckdb": "DuckDB read_csv", "polars": "Polars read_csv"}


def answers_for(truth: Truth, contract: Any) -> dict[str, str | None]:
    """What a person answers: the field of each column that the mapping asks about."""
    from finlab.data.keeping import take_source
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


def spend_rows() -> list[Row]:
    """The rows of the files; a peer that is not installed has none."""
    rows = attempt(SPEND, lambda: spend_found(truths_here()))
    for peer, name in PEERS.items():
        if find_spec(peer):
            plan = Plan("UK spend, 31 files: opened with defaults by the peer", "", "files", name)
            rows += attempt({peer: plan}, lambda peer=peer: opened_found(truths_here(), peer))
    return rows
