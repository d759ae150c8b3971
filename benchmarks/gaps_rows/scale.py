"""A ledger against a bank, generated: seconds a row from a million rows to ten million, and the memory that it takes.

Every line of the ledger has its own party out of many, a lognormal amount and a day within a year; the bank is up to
three days late. Of each kind 3 rows in 1,000 are spoiled: missing on either side, another amount, the opposite sign,
25 days late, twice at the bank.
"""

import resource
from collections import Counter
from functools import partial
from itertools import pairwise
from typing import Any

import duckdb
from forecast_rows.plan import Found, Plan, attempt
from harness import Row, in_fresh_process

SMALL, LARGE, QUICK = 1_000_000, 10_000_000, (20_000, 100_000)
SHARE = 0.003  # of the rows, for each kind
PARTY_ROWS = 40  # rows of one party, in the mean
PEER = "itself"
PLANS = {
    "linear": Plan("Ledger against bank, 10M x 10M: CPU a row, to that at 1M", "<= 1.2", "x", PEER),
    "memory": Plan("the same: peak memory", "<= 24", "GB", PEER),
    "seconds": Plan("the same: CPU seconds", "", "s", PEER),
    "right": Plan("the same: gaps found of those planted, by kind and count", ">= 0.95", "share", "planted"),
}


def _uniform(salt: int) -> str:
    return f"((hash(i * 31 + {salt}) % 1000000007) / 1000000007.0)"


def tables(connection: duckdb.DuckDBPyConnection, rows: int) -> dict[str, int]:
    """Make the tables `ledger` and `bank` with about so many rows each; how many gaps of each kind they have."""
    money = f"exp(4 + 2.2 * sqrt(-2 * ln({_uniform(1)} + 1e-9)) * cos(6.283 * {_uniform(2)}))"
    late = (
        f"CASE WHEN {_uniform(5)} < .4 THEN 1 WHEN {_uniform(5)} < .8 THEN 2 WHEN {_uniform(5)} < .9 THEN 0 ELSE 3 END"
    )
    parties = max(rows // PARTY_ROWS, 50)
    connection.execute(
        f"CREATE TEMP TABLE base AS SELECT i, CAST(greatest({money}, 0.01) AS DECIMAL(14, 2)) AS amount, "
        f"DATE '2024-01-01' + CAST(365 * {_uniform(3)} AS INTEGER) AS day, {late} AS late, {_uniform(6)} AS fate, "
        f"'party ' || CAST(pow({_uniform(4)}, 2) * {parties} AS INTEGER) AS party FROM range({rows}) AS t(i)"
    )
    share = [SHARE * step for step in range(7)]
    day = f"CASE WHEN fate BETWEEN {share[4]} AND {share[5]} THEN day + 25 ELSE day + late END"
    changed = (
        f"CAST(CASE WHEN fate BETWEEN {share[2]} AND {share[3]} THEN amount * 1.07 "
        f"WHEN fate BETWEEN {share[3]} AND {share[4]} THEN -amount ELSE amount END AS DECIMAL(14, 2))"
    )
    sides = {
        "ledger": f"SELECT day, party, amount FROM base WHERE fate >= {share[1]}",
        "bank": f"SELECT {day} AS day, party, {changed} AS amount FROM base "
        f"WHERE fate < {share[1]} OR fate >= {share[2]} UNION ALL "
        f"SELECT day + late, party, amount FROM base WHERE fate BETWEEN {share[5]} AND {share[6]}",
    }
    for name, query in sides.items():
        connection.execute(f"CREATE TABLE {name} AS SELECT row_number() OVER () - 1 AS _row, * FROM ({query})")
    ends = [0.0, share[2], *share[3:]]
    counts = ", ".join(f"count(*) FILTER (WHERE fate >= {a} AND fate < {b})" for a, b in pairwise(ends))
    planted = connection.execute(f"SELECT {counts} FROM base").fetchall()[0]
    connection.execute("DROP TABLE base")
    return dict(zip(("missing", "value", "sign", "timing", "duplicate"), planted, strict=True))


def matched(rows: int) -> dict[str, Any]:
    """Match such tables; CPU seconds of the matching alone, and how many gaps of each kind there are."""
    from finlab.gaps.match import match
    from finlab.gaps.matching.roles import Roles

    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    planted = tables(connection, rows)
    before = resource.getrusage(resource.RUSAGE_SELF)
    roles = Roles(amount="amount", date="day", party="party", reference="", text="", currency="")
    found = match((connection, "ledger"), (connection, "bank"), roles, names=("ledger", "bank"))
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    kinds = Counter(found.gaps.arrow["kind"].to_pylist())
    return {"seconds": seconds, "kinds": dict(kinds), "planted": planted}


def scale(quick: bool) -> dict[str, Found]:
    sizes = QUICK if quick else (SMALL, LARGE)
    small, large = (in_fresh_process(partial(matched, rows)) for rows in sizes)
    a_row = [one.result["seconds"] / rows for one, rows in zip((small, large), sizes, strict=True)]
    there, wanted = large.result["kinds"], large.result["planted"]
    counts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(there.items()))
    near = [min(there.get(kind, 0), count) / max(there.get(kind, 0), count) for kind, count in wanted.items()]
    note = f"{a_row[0] * 1e6:.1f} and {a_row[1] * 1e6:.1f} microseconds a row of either side"
    return {
        "linear": Found(a_row[1] / a_row[0], sizes[1], 1, note),
        "memory": Found(large.peak * 2**20 / 1e9, sizes[1], 1),
        "seconds": Found(large.result["seconds"], sizes[1], 1),
        "right": Found(min(near), sizes[1], 1, counts),
    }


def scale_rows(quick: bool) -> list[Row]:
    return attempt(PLANS, lambda: scale(quick))
