"""Identities: a bank's account-days, facts that were restated, the price of a formula beside plain SQL.

What the Berka bank must show was worked out without finlab: each day's bookings put into the order in which their
balances follow each other, step by step in Python. Restated facts are counted by pandas.
"""

import tempfile
import time
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import duckdb
from forecast_rows.plan import Found, Plan, attempt
from harness import Row, testdata

BERKA = {
    "flagged": Plan("Berka: account-days off by more than .1 CZK, flagged", "= 1", "share", "a greedy walk in Python"),
    "cut": Plan("Berka: those of the last day explained by the cut", "= 1", "share", "the file's last day"),
    "rounding": Plan("Berka: account-days off by .1, classed as rounding", "= 1", "share", "a greedy walk in Python"),
    "other": Plan("Berka: other gaps", "= 0", "gaps", ""),
}
FACTS = {
    "found": Plan("Snowflake: restated values listed", "= 1", "share", "pandas"),
    "other": Plan("Snowflake: other values listed", "= 0", "facts", "pandas"),
}
PRICE = {
    "hold": Plan("Identity a + b = c: CPU beside plain SQL", "<= 4", "x", "duckdb"),
    "lag": Plan("Identity with the value before, by key: CPU beside plain SQL", "<= 3", "x", "duckdb"),
}
ROWS, QUICK_ROWS = 10_000_000, 1_000_000
TENTH = Decimal("0.1")
Days = set[tuple[str, str]]


def walked(path: Path) -> tuple[Days, Days]:
    """The account-days off by exactly a tenth, and by more, when each day is walked from balance to balance."""
    days = defaultdict(list)
    for line in path.read_text().splitlines()[1:-1]:  # the last line is cut
        _, account, day, kind, _, amount, balance, *_ = line.replace('"', "").split(";")
        moved = Decimal(amount) if kind == "PRIJEM" else -Decimal(amount)
        days[int(account), day].append((moved, Decimal(balance)))
    by_tenth, by_more, last = Days(), Days(), dict[int, Decimal]()
    for (account, day), left in sorted(days.items()):
        at, worst = last.get(account, Decimal(0)), Decimal(0)
        while left:
            step = min(left, key=lambda booking: abs(at + booking[0] - booking[1]))
            left.remove(step)
            worst, at = max(worst, abs(at + step[0] - step[1])), step[1]
        last[account] = at
        if worst:
            (by_tenth if worst == TENTH else by_more).add((str(account), f"19{day[:2]}-{day[2:4]}-{day[4:]}"))
    return by_tenth, by_more


def berka() -> dict[str, Found]:
    from finlab.data import Store
    from finlab.gaps.checking.identity_catalogue import running_balance
    from finlab.gaps.identities import check

    path = testdata() / "berka" / "trans.asc"
    by_tenth, by_more = walked(path)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "bank.duckdb")
        store.load(path, "trans", date_format="%y%m%d")
        identity = running_balance(direction="type", incoming=["PRIJEM"], opened=True)
        table = {"trans": store.table("trans", to="arrow")}
        report = check(identity, table, key="account_id", period="date", currency="CZK")
    gaps = [(gap.kind, (gap.key, gap.period), gap.causes[0].label) for gap in report.gaps]
    rounding = {day for kind, day, _ in gaps if kind == "rounding"}
    flagged = {day for kind, day, _ in gaps if kind == "identity"}
    last = max(day for _, day in by_more)
    cut = {day for kind, day, label in gaps if label.startswith("cut:")}
    late = {day for day in by_more if day[1] == last}
    n, kinds = report.lines[0].counts.judged, dict(Counter(kind for kind, _, _ in gaps))
    return {
        "flagged": Found(len(flagged & by_more) / len(by_more), n, note=f"{len(by_more)} of {n:,} account-days"),
        "cut": Found(len(cut & late) / len(late), len(late)),
        "rounding": Found(len(rounding & by_tenth) / len(by_tenth), n, note=f"{len(by_tenth):,} account-days"),
        "other": Found(float(len(gaps) - len(flagged & by_more) - len(rounding & by_tenth)), n, note=str(kinds)),
    }


def restated_facts() -> dict[str, Found]:
    from finlab.data import read_source
    from finlab.gaps.restated import restated

    table = read_source(testdata() / "sec" / "snow_facts.json").table
    groups = table.to_pandas().groupby(["concept", "unit", "start", "end"], dropna=False)["value"]
    expected = {frozenset(rows) for (_, rows), n in zip(groups.groups.items(), groups.nunique(), strict=True) if n > 1}
    found = {frozenset(gap.rows("facts")) for gap in restated(table)}
    size = int((groups.size() > 1).sum())
    return {
        "found": Found(len(found & expected) / len(expected), size, note=f"{len(expected)} of {size:,}"),
        "other": Found(float(len(found - expected)), size),
    }


def price(quick: bool) -> dict[str, Found]:
    from finlab.gaps.identities import check

    rows = QUICK_ROWS if quick else ROWS
    connection = duckdb.connect()
    connection.execute(
        f"CREATE TABLE t AS SELECT i AS _row, i // 12 AS k, i % 12 AS p, CAST(i % 977 AS DECIMAL(18, 2)) + 0.25 AS b, "
        f"CAST(i AS DECIMAL(18, 2)) AS a, CAST(i AS DECIMAL(18, 2)) + i % 977 + 0.25 AS c FROM range({rows}) r(i)"
    )
    counted = "SELECT count(*), count(d), max(abs(d)), count(*) FILTER (WHERE abs(d) > 0.005) FROM"
    lag = "SELECT lag(c) OVER (PARTITION BY k ORDER BY p) + b - c AS d FROM t"
    work = {
        "hold": (lambda: check("a + b = c", (connection, "t")), f"{counted} (SELECT a + b - c AS d FROM t)"),
        "lag": (lambda: check("c[-1] + b <= c + 1000", (connection, "t"), key="k", period="p"), f"{counted} ({lag})"),
    }
    found = {}
    for name, (ours, sql) in work.items():
        spent = []
        for turn in range(6):
            start = time.process_time()
            ours() if turn % 2 else connection.execute(sql).fetchall()
            spent.append(time.process_time() - start)
        found[name] = Found(sorted(spent[1::2])[1] / max(sorted(spent[::2])[1], 1e-9), rows, 3)
    return found


def identity_rows(quick: bool) -> list[Row]:
    """The rows of this file."""
    return [*attempt(BERKA, berka), *attempt(FACTS, restated_facts), *attempt(PRICE, lambda: price(quick))]
