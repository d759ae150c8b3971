"""A comparison of a million rows and twenty columns beside datacompy's, and clean copies, in which nothing differs.

Both compare the same pandas frames in one process, in turn. datacompy (`pip install datacompy`) says how many cells of
each column differ; ours writes a gap for each. Which cells were changed is known, so both are judged by that, too.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from forecast_rows.plan import Found, Plan, attempt
from harness import Row, alternate, testdata

PEER = "datacompy.PandasCompare"
SPEED = {
    "ratio": Plan("1M x 20 compared into gaps: CPU seconds", "<= 0.5", "x", PEER),
    "wrong": Plan("the same: cells other than those changed", "= 0", "cells", "the changes made"),
    "theirs": Plan("the same by the peer: cells counted too many or too few", "", "cells", "the changes made"),
}
CLEAN = {
    "company": Plan("clean copies of the company's tables: gaps", "= 0", "gaps", "nothing was changed"),
    "payments": Plan("clean copies of corporate.payment: gaps", "= 0", "gaps", "nothing was changed"),
}
ROWS, SHARE = 1_000_000, 0.01  # rows, and the share of the cells of each column that are changed
AMOUNTS, COUNTS, NAMES, DAYS = 7, 4, 5, 3  # columns, with the key twenty
SEEDS = (0, 1)


class Tables(NamedTuple):
    """Two frames, and the cells that differ between them, as keys by column."""

    left: pd.DataFrame
    right: pd.DataFrame
    changed: dict[str, np.ndarray]


@cache
def tables(rows: int) -> Tables:
    """A table and its shuffled copy in which single cells were changed: amounts, counts, names and days."""
    chance = np.random.default_rng(20260101)
    columns: dict[str, Any] = {"id": chance.permutation(rows)}
    columns |= {f"amount{n}": np.round(chance.lognormal(5, 1.5, rows), 2) for n in range(AMOUNTS)}
    columns |= {f"count{n}": chance.integers(0, 10_000, rows) for n in range(COUNTS)}
    columns |= {f"name{n}": [f"supplier {one}" for one in chance.integers(0, 20_000, rows)] for n in range(NAMES)}
    first = np.datetime64("2022-01-01", "us")
    columns |= {f"day{n}": first + chance.integers(0, 1500, rows).astype("timedelta64[D]") for n in range(DAYS)}
    left = pd.DataFrame(columns)
    right, changed = left.copy(), {}
    for name in left.columns[1:]:
        cells = chance.random(rows) < SHARE
        right.loc[cells, name] = _changed(right.loc[cells, name])
        changed[name] = np.sort(left.loc[cells, "id"].to_numpy())
    return Tables(left, right.sample(frac=1, random_state=1).reset_index(drop=True), changed)


def _changed(cells: pd.Series) -> pd.Series:
    """Other values: a few units more, another name, a day later."""
    if cells.dtype.kind == "f":
        return (cells + 1.25).round(2)
    if cells.dtype.kind == "i":
        return cells + 1
    return cells + pd.Timedelta(days=1) if cells.dtype.kind == "M" else cells + " AG"


def ours(made: Tables) -> Any:
    from finlab.gaps.compare import compare

    return compare(made.left, made.right, on="id", names=("left", "right"))


def theirs(made: Tables) -> dict[str, int]:
    """The number of cells that differ, by column. The peer writes into the frames that it is given."""
    from datacompy import PandasCompare

    found = PandasCompare(made.left.copy(), made.right.copy(), join_columns="id", df1_name="left", df2_name="right")
    return {one["column"]: int(one["unequal_cnt"]) for one in found.column_stats if one["column"] != "id"}


def wrong_cells(gaps: Any, made: Tables) -> int:
    """The cells that are a gap and were not changed, or were changed and are no gap."""
    fields, keys = gaps.arrow["field"].to_numpy(), gaps.arrow["key"].to_numpy().astype(np.int64)
    count = int(np.isin(fields, list(made.changed), invert=True).sum())
    return count + sum(len(np.setxor1d(keys[fields == name], wanted)) for name, wanted in made.changed.items())


def speed(quick: bool) -> dict[str, Found]:
    rows, rounds = (20_000, 1) if quick else (ROWS, 5)
    made = tables(rows)
    found = alternate({"ours": lambda: ours(made), "theirs": lambda: theirs(made)}, rounds)
    mine, peer = found["ours"], found["theirs"]
    note = f"{mine.cpu:.2f} s and {peer.cpu:.2f} s; {len(mine.result):,} gaps; pandas {pd.__version__}"
    other = sum(abs(peer.result[name] - len(wanted)) for name, wanted in made.changed.items())
    return {
        "ratio": Found(mine.cpu / peer.cpu, rows, rounds, note),
        "wrong": Found(wrong_cells(mine.result, made), len(mine.result)),
        "theirs": Found(other, len(mine.result)),
    }


def clean(quick: bool) -> dict[str, Found]:
    from finlab.data.company.generate import company
    from finlab.gaps.compare import compare

    sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "tests" / "gaps")]
    from rewriting import rewritten

    seeds = SEEDS[:1] if quick else SEEDS
    books = company().tables
    found = {name: sum(len(compare(one, rewritten(one, seed))) for seed in seeds) for name, one in books.items()}
    told = ", ".join(f"{name} {count}" for name, count in found.items() if count)
    payments = pd.read_parquet(testdata() / "payments" / "corporate.payment.parquet")
    payments = payments.head(5000) if quick else payments
    keys = (["VendorNum", "InvNum"], None)
    gaps = sum(len(compare(payments, rewritten(payments, seed), on=on)) for seed in seeds for on in keys)
    note = "rows shuffled, types and formats changed; keys found, not named"
    return {
        "company": Found(sum(found.values()), sum(map(len, books.values())), len(seeds), told or note),
        "payments": Found(gaps, len(payments), len(seeds), "key named and key found; 4,063 rows share a key"),
    }


def compare_rows(quick: bool) -> list[Row]:
    """The rows of the comparison by key: how fast, how exact, and that a clean copy is clean."""
    return [*attempt(SPEED, lambda: speed(quick)), *attempt(CLEAN, lambda: clean(quick))]
