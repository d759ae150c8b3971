"""Loading a large CSV file: `Store.load` with contract, key and lineage, beside DuckDB's bare `read_csv` into a table.

Each load is a fresh process that makes a fresh database file; the CPU seconds are those of the whole process, imports
included. What became of the records is asked afterwards, from outside.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row, Timing, alternate, in_fresh_process

from .ledger import BROKEN_EVERY, COMPOUND_KEY, KEY, damage, ledger_contract, recode, write_ledger

PEER = "DuckDB read_csv into a table"
ROWS, SIDE_ROWS, QUICK_ROWS = 10_000_000, 2_000_000, 500_000
GIGABYTES = 2**20 / 1e9  # of a MiB
MAIN = {
    "ratio": Plan("CSV with contract and lineage: CPU", "<= 1.5", "x", PEER),
    "peak": Plan("CSV with contract and lineage: peak memory", "< 2", "GB", ""),
    "differences": Plan("CSV with contract and lineage: facts that differ", "= 0", "facts", PEER),
}
SIDE = {
    "shuffled": Plan("CSV with a key in no order: CPU", "", "x", PEER),
    "compound": Plan("CSV with a key of two fields: CPU", "", "x", PEER),
    "plain": Plan("CSV without a contract: CPU", "", "x", PEER),
    "broken": Plan("CSV with 1% broken records: CPU", "", "x", f"{PEER}, on the sound file"),
    "cp1252": Plan("CSV in cp1252: CPU", "", "x", f"{PEER}, on the UTF-8 file"),
}


def _fresh(place: Path) -> Path:
    for path in (place, place.with_name(place.name + ".wal")):
        path.unlink(missing_ok=True)
    return place


def ours(path: Path, place: Path, key: tuple[str, ...] | None) -> dict[str, int]:
    """Load a file into a fresh store, with a contract of this key or (None) as it is; where the records ended."""
    from finlab.data.store import Store

    contract = None if key is None else ledger_contract(key)
    done = Store(_fresh(place)).load(path, "ledger", contract=contract)
    return {name: getattr(done, name) for name in ("records", "loaded", "rejected", "duplicates")}


def theirs(path: Path, place: Path) -> None:
    import duckdb

    with duckdb.connect(str(_fresh(place))) as connection:
        connection.execute("CREATE TABLE ledger AS SELECT * FROM read_csv(?)", [str(path)])


class Loads(NamedTuple):
    """Timings of both, and where the two databases are."""

    ours: Timing
    theirs: Timing
    store: Path
    database: Path

    @property
    def ratio(self) -> float:
        return self.ours.cpu / self.theirs.cpu

    @property
    def counts(self) -> dict[str, int]:
        return self.ours.result.result

    @property
    def seconds(self) -> str:
        return f"{self.ours.cpu:.1f} and {self.theirs.cpu:.1f} CPU s"


def compare(path: Path, plain: Path, key: tuple[str, ...] | None, rounds: int) -> Loads:
    """Load `path` our way and the file `plain` DuckDB's way, alternately, each time in a fresh process."""
    store, database = path.with_name("ours.duckdb"), path.with_name("theirs.duckdb")
    rivals = {
        "ours": partial(in_fresh_process, partial(ours, path, store, key)),
        "theirs": partial(in_fresh_process, partial(theirs, plain, database)),
    }
    times = alternate(rivals, rounds, warm_up=False)
    return Loads(times["ours"], times["theirs"], store, database)


_FACTS = """SELECT count(*) AS "rows", sum(CAST(amount AS DECIMAL(18, 2))) AS amounts, min(id) AS first_id,
    max(id) AS last_id, count(DISTINCT supplier) AS suppliers, max(day) AS last_day FROM ledger"""


def facts(loads: Loads) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same facts, of the table in the store and of the one that DuckDB made."""
    import duckdb

    from finlab.data.store import Store

    kept = Store(loads.store).sql(_FACTS, to="arrow").to_pylist()[0]
    with duckdb.connect(str(loads.database), read_only=True) as connection:
        bare = connection.sql(_FACTS).to_arrow_table().to_pylist()[0]
    return kept, bare


def differences(loads: Loads, path: Path) -> tuple[int, str]:
    """How many facts differ, among them that every record is accounted for and that the last row knows its record."""
    from finlab.data.store import Store

    kept, bare = facts(loads)
    counts, rows = loads.counts, bare["rows"]
    wrong = [name for name in kept if kept[name] != bare[name]]
    if not counts["records"] == counts["loaded"] + counts["rejected"] + counts["duplicates"] == rows:
        wrong.append("records accounted for")
    if Store(loads.store).origin("ledger", rows) != (path.as_uri(), rows):
        wrong.append("origin of the last row")
    shown = f"rows {kept['rows']:,}, sum of amounts {kept['amounts']}, ids {kept['first_id']} to {kept['last_id']}"
    told = f"{shown}; {counts['records']:,} records, {counts['rejected']} rejected, {counts['duplicates']} duplicates"
    return len(wrong), f"{told}{'; DIFFERENT: ' + ', '.join(wrong) if wrong else ''}"


def load_whole(rows: int, rounds: int) -> dict[str, Found]:
    """The figures of the row with a bar."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_ledger(Path(folder, "ledger.csv"), rows)
        loads = compare(path, path, KEY, rounds)
        wrong, told = differences(loads, path)
        size = path.stat().st_size / 1e9
    peaks = [loads.ours.result.peak * GIGABYTES, loads.theirs.result.peak * GIGABYTES]
    note = f"{loads.seconds}, wall {loads.ours.wall:.1f} and {loads.theirs.wall:.1f} s; whole processes; {size:.2f} GB"
    return {
        "ratio": Found(loads.ratio, rows, rounds, note),
        "peak": Found(peaks[0], rows, 1, f"DuckDB's {peaks[1]:.2f} GB"),
        "differences": Found(wrong, rows, 1, told),
    }


def load_one(kind: str, rows: int, rounds: int) -> dict[str, Found]:
    """The figure of one row beside: another key, no contract, broken records, another encoding."""
    with tempfile.TemporaryDirectory() as folder:
        plain = write_ledger(Path(folder, "sound.csv"), rows, kind == "shuffled")
        changed = {"broken": damage, "cp1252": recode}.get(kind)
        path = changed(plain, plain.with_name("ledger.csv")) if changed else plain
        key = {"compound": COMPOUND_KEY, "plain": None}.get(kind, KEY)
        loads = compare(path, plain, key, rounds)
    counts, expected = loads.counts, rows // BROKEN_EVERY if kind == "broken" else 0
    whole = counts["records"] == rows == counts["loaded"] + expected and counts["rejected"] == expected
    state = f"{counts['rejected']:,} rejected" if whole else f"COUNTS ARE WRONG: {counts}"
    peak = f"peak {loads.ours.result.peak * GIGABYTES:.2f} GB"
    return {kind: Found(loads.ratio, rows, rounds, f"{loads.seconds}; {peak}; {state}")}


def load_rows(quick: bool) -> list[Row]:
    """The row with a bar and those beside it, of which the keys that must be compared are as long as it."""
    rows, side, rounds = (QUICK_ROWS, QUICK_ROWS // 5, 1) if quick else (ROWS, SIDE_ROWS, 3)
    found = attempt(MAIN, partial(load_whole, rows, rounds))
    for kind, plan in SIDE.items():
        length = rows if kind in ("shuffled", "compound") else side
        found += attempt({kind: plan}, partial(load_one, kind, length, rounds))
    return found
