"""The generated ledger that loads are measured on: a CSV file of any length, its contract, and damaged copies."""

from pathlib import Path
from typing import Any

KEY, COMPOUND_KEY = ("id",), ("centre", "id")
BROKEN_EVERY = 100  # records: one in so many has two values more than the header
PIECE = 1 << 24  # characters recoded at a time

_RECORDS = """
    SELECT i AS id, DATE '2020-01-01' + CAST(i % 2000 AS INTEGER) AS day,
        if(hash(i) % 10 = 0, 'Café Nord ', 'Supplier ') || hash(i) % 4000 AS supplier,
        CAST(hash(i + 1) % 2000000 / 100.0 - 5000 AS DECIMAL(12, 2)) AS amount,
        'C' || lpad(CAST(hash(i + 2) % 300 AS VARCHAR), 3, '0') AS centre,
        if(i % 50 = 0, 'paid late, see letter', 'note ' || hash(i + 3) % 100000) AS note
    FROM range(1, {rows} + 1) AS numbers(i) {order}
"""


def write_ledger(path: Path, rows: int, shuffled: bool = False) -> Path:
    """Write `rows` records: id, day, one of some 4,400 suppliers, amount, centre, note; one note in 50 is quoted.

    The ids rise from record to record, or they stand in no order if it is `shuffled`.
    """
    import duckdb

    with duckdb.connect() as connection:
        target = str(path).replace("'", "''")
        records = _RECORDS.format(rows=rows, order="ORDER BY hash(i)" if shuffled else "")
        connection.execute(f"COPY ({records}) TO '{target}' (FORMAT csv, HEADER)")
    return path


def recode(path: Path, target: Path, encoding: str = "cp1252") -> Path:
    """Copy a UTF-8 file in another encoding."""
    with path.open(encoding="utf-8", newline="") as source, target.open("w", encoding=encoding, newline="") as copy:
        while piece := source.read(PIECE):
            copy.write(piece)
    return target


def damage(path: Path, target: Path) -> Path:
    """Copy a file whose records are lines and give every hundredth record two values more than the header has."""
    with path.open("rb") as source, target.open("wb") as copy:
        for number, line in enumerate(source):
            broken = number and number % BROKEN_EVERY == 0
            copy.write(line.rstrip(b"\r\n") + b",too,many\n" if broken else line)
    return target


def ledger_contract(key: tuple[str, ...]) -> Any:
    """What must hold of the ledger: five fields are never missing, an amount is within bounds, the key is unique."""
    from finlab.data.contracts import Check, Contract, Field

    fields = [
        Field("id", "integer", required=True),
        Field("day", "date", required=True),
        Field("supplier", required=True),
        Field("amount", "decimal", currency="GBP", required=True),
        Field("centre", required=True),
        Field("note"),
    ]
    bounds = Check("amount_in_bounds", "amount BETWEEN -10000 AND 20000", "an amount beyond what may be paid")
    return Contract("ledger", fields, key=key, checks=[bounds])
