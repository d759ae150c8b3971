"""Tables with known truth, errors put into them on purpose, and how often a stated probability of a repair is right.

Run as a script, it prints the reliability of `repair` over tables, kinds of errors and rates (a few minutes).
"""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from finlab.data.constraints import FD, read_constraints
from finlab.data.repair import repair

EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
SYLLABLES = ("ba", "do", "ki", "lu", "mer", "nor", "pa", "ri", "sol", "tan", "ver", "zu")


class Table(NamedTuple):
    """A clean table, and the dependencies that hold in it."""

    truth: pd.DataFrame
    fds: list[FD]


Spoil = Callable[[pd.DataFrame, list[FD], float, np.random.Generator], None]


# ---------------------------------------------------------------------------------------------------- errors


def _some(frame: pd.DataFrame, rate: float, random: np.random.Generator) -> np.ndarray:
    return np.flatnonzero(random.random(len(frame)) < rate)


def _columns(fds: list[FD]) -> list[str]:
    return list(dict.fromkeys(name for fd in fds for name in fd.columns))


def _swap(frame: pd.DataFrame, name: str, rate: float, random: np.random.Generator) -> None:
    rows = _some(frame, rate, random)
    values = frame[name].to_numpy(copy=True)
    values[rows] = values[random.permutation(rows)]
    frame[name] = values


def typos(frame: pd.DataFrame, fds: list[FD], rate: float, random: np.random.Generator) -> None:
    """One letter of a cell is another one."""
    for name in _columns(fds):
        values = frame[name].to_numpy(copy=True)
        for row in _some(frame, rate, random):
            text, at = values[row], int(random.integers(0, len(values[row])))
            values[row] = text[:at] + "abcdefghijklmnopqrstuvwxyz0123456789"[random.integers(0, 36)] + text[at + 1 :]
        frame[name] = values


def swapped_right(frame: pd.DataFrame, fds: list[FD], rate: float, random: np.random.Generator) -> None:
    """Rows exchange values of the columns that are determined."""
    for name in dict.fromkeys(fd.column for fd in fds):
        _swap(frame, name, rate, random)


def swapped_left(frame: pd.DataFrame, fds: list[FD], rate: float, random: np.random.Generator) -> None:
    """Rows exchange values of the columns that determine."""
    for name in dict.fromkeys(name for fd in fds for name in fd.given):
        _swap(frame, name, rate, random)


def swapped_both(frame: pd.DataFrame, fds: list[FD], rate: float, random: np.random.Generator) -> None:
    """Rows exchange values of all columns, each by itself."""
    for name in _columns(fds):
        _swap(frame, name, rate, random)


def same_row(frame: pd.DataFrame, fds: list[FD], rate: float, random: np.random.Generator) -> None:
    """In the same rows, both sides of one dependency come from two other rows."""
    for fd in fds:
        rows = _some(frame, rate / len(fds), random)
        for name in fd.columns:
            values = frame[name].to_numpy(copy=True)
            values[rows] = values[random.integers(0, len(frame), len(rows))]
            frame[name] = values


def columns_exchanged(frame: pd.DataFrame, fds: list[FD], rate: float, random: np.random.Generator) -> None:
    """In a row, two columns have each other's value."""
    for fd in fds:
        rows = _some(frame, rate / len(fds), random)
        one, other = frame[fd.given[0]].to_numpy(copy=True), frame[fd.column].to_numpy(copy=True)
        one[rows], other[rows] = other[rows].copy(), one[rows].copy()
        frame[fd.given[0]], frame[fd.column] = one, other


def of_all_kinds(frame: pd.DataFrame, fds: list[FD], rate: float, random: np.random.Generator) -> None:
    """A third each: errors of typing, exchanged values, missing cells."""
    typos(frame, fds, rate / 3, random)
    swapped_both(frame, fds, rate / 3, random)
    for name in _columns(fds):
        frame.loc[_some(frame, rate / 3, random), name] = None


KINDS: tuple[Spoil, ...] = (
    typos, swapped_right, swapped_left, swapped_both, same_row, columns_exchanged, of_all_kinds
)  # fmt: skip
RATES = (0.01, 0.03, 0.1)


# ---------------------------------------------------------------------------------------------------- tables


def generated(rows: int = 3000, seed: int = 1, kinds: int = 150) -> Table:
    """Suppliers with a name, a bank account and terms of payment; name and account are their own, terms are shared."""
    random = np.random.default_rng(seed)
    who = (random.pareto(1.2, rows) * 20).astype(int) % kinds
    titles = ["".join(random.choice(SYLLABLES, 4)) for _ in range(kinds)]
    truth = pd.DataFrame({"number": [str(10_000 + 7 * one) for one in who], "name": [titles[one] for one in who]})
    truth["bank"] = [f"DE{(one * 104_729) % 10**9:09d}" for one in who]
    truth["terms"] = [("14 days", "30 days", "60 days")[one % 3] for one in who]
    truth["amount"] = random.lognormal(5, 1, rows).round(2).astype(str)
    return Table(truth, [FD("number", "name"), FD("number", "bank"), FD("number", "terms")])


def one_dependency(rows: int = 3000, seed: int = 2) -> Table:
    """Two columns, one of which determines the other; nothing else can tell which side is wrong."""
    random = np.random.default_rng(seed)
    who = random.integers(0, 200, rows)
    titles = ["".join(random.choice(SYLLABLES, 3)) for _ in range(120)]
    return Table(
        pd.DataFrame({"number": [str(10_000 + 7 * one) for one in who], "name": [titles[one % 120] for one in who]}),
        [FD("number", "name")],
    )


def chain(rows: int = 3000, seed: int = 3) -> Table:
    """Shop determines town, town determines region, region determines country."""
    random = np.random.default_rng(seed)
    shop = random.integers(0, 300, rows)
    names = list(dict.fromkeys("".join(random.choice(SYLLABLES, 3)) for _ in range(120)))
    truth = pd.DataFrame({"shop": [f"S{one:04d}" for one in shop], "town": [names[one % 70] for one in shop]})
    truth["region"] = [names[70 + one % 70 % 15] for one in shop]
    truth["country"] = [("AT", "BE", "CH", "DE", "FR")[one % 70 % 15 % 5] for one in shop]
    return Table(truth, [FD("shop", "town"), FD("town", "region"), FD("region", "country")])


def _held(frame: pd.DataFrame, fds: list[FD]) -> pd.DataFrame:
    """Make the dependencies hold: each group gets its most frequent value."""
    frame = frame.dropna().astype(str)
    frame = frame.apply(lambda column: column.str.strip())
    frame = frame[(frame != "").all(axis=1)].reset_index(drop=True)
    for _ in range(2):
        for fd in fds:
            counted = frame.groupby([*fd.given, fd.column]).size().reset_index(name="n")
            top = counted.sort_values(["n", fd.column], ascending=[False, True]).drop_duplicates(list(fd.given))
            frame[fd.column] = frame[list(fd.given)].merge(top, on=list(fd.given), how="left")[fd.column].to_numpy()
    return frame


def hospital(folder: Path) -> Table:
    long = pd.read_csv(folder / "holoclean" / "hospital_clean.csv", dtype=str, keep_default_na=False)
    truth = long.assign(tid=long["tid"].astype(int)).pivot(index="tid", columns="attribute", values="correct_val")
    fds = [one for one in read_constraints(folder / "holoclean" / "hospital_constraints.txt") if isinstance(one, FD)]
    names = _columns(fds)
    held = truth[[name for name in truth if name in names]].reset_index(drop=True)
    return Table(_held(held, fds), fds)


def berka(folder: Path) -> Table:
    account, district = (pd.read_csv(folder / "berka" / f"{name}.asc", sep=";") for name in ("account", "district"))
    both = account.merge(district, left_on="district_id", right_on="A1").sample(3500, random_state=1)
    fds = [FD("district_id", "A2"), FD("district_id", "A4"), FD("A2", "A3"), FD("A2", "district_id")]
    return Table(_held(both[["district_id", "A2", "A3", "A4", "frequency", "date"]], fds), fds)


def retail(folder: Path) -> Table:
    lines = pd.read_parquet(folder / "retail" / "online_retail.parquet").dropna()
    chosen = lines[lines["InvoiceNo"].isin(lines["InvoiceNo"].drop_duplicates().sample(180, random_state=1))]
    fds = [FD("InvoiceNo", "CustomerID"), FD("InvoiceNo", "InvoiceDate"), FD("StockCode", "Description"),
           FD("CustomerID", "Country")]  # fmt: skip
    return Table(_held(chosen, fds), fds)


def cards(folder: Path) -> Table:
    bought = pd.read_parquet(folder / "payments" / "purchasing.cards.2010.parquet").dropna().head(5000)
    fds = [FD("MERCHNUM", "MERCHDESCRIPTION"), FD("MERCHNUM", "MERCHZIP"), FD("MERCHZIP", "MERCHSTATE")]
    return Table(_held(bought[["CARDNUM", "MERCHNUM", "MERCHDESCRIPTION", "MERCHSTATE", "MERCHZIP"]], fds), fds)


def tables(folder: Path | None) -> dict[str, Table]:
    """All tables: the generated ones, and those of the folder of real data where there is one."""
    made = {"generated": generated(), "one": one_dependency(), "chain": chain()}
    real = {"hospital": hospital, "berka": berka, "retail": retail, "cards": cards}
    return made | {name: read(folder) for name, read in real.items() if folder is not None}


# ---------------------------------------------------------------------------------------------------- reliability


def stated(table: Table, spoil: Spoil, rate: float, seed: int) -> tuple[pd.DataFrame, int]:
    """Spoil a table and repair it: each guess with its probability and whether it is right; and how many are wrong."""
    dirty = table.truth.copy()
    spoil(dirty, table.fds, rate, np.random.default_rng(seed))
    found = repair(dirty, table.fds)
    said = pd.concat([found.changes, found.open]) if len(found.open) else found.changes
    said = said[said["after"].notna()]
    cells = zip(said["row"], said["column"], said["after"], strict=True)
    right = np.array([table.truth.at[row, name] == after for row, name, after in cells], dtype=bool)
    wrong = int((dirty.fillna("") != table.truth).to_numpy().sum())
    return said.assign(right=right), wrong


def reliability(said: pd.DataFrame, edges: tuple[float, ...] = EDGES) -> pd.DataFrame:
    """Sort changes by their stated probability into classes: how many, stated mean, share that is right, its error."""
    classes = pd.cut(said["probability"], list(edges), include_lowest=True)
    found = said.groupby(classes, observed=True).agg(
        changes=("right", "size"), stated=("probability", "mean"), right=("right", "mean")
    )
    found["error"] = np.sqrt(found["stated"] * (1 - found["stated"]) / found["changes"])
    return found


def brier(said: pd.DataFrame) -> float:
    """The mean square of the distance between the probability and what came true."""
    return float(((said["probability"] - said["right"]) ** 2).mean())


def measure(chosen: dict[str, Table], kinds: tuple[Spoil, ...] = KINDS) -> Iterator[tuple[str, str, float, Any, int]]:
    """Measure every table with every kind of error at every rate."""
    for (name, table), spoil, rate in itertools.product(chosen.items(), kinds, RATES):
        said, wrong = stated(table, spoil, rate, seed=17)
        yield name, spoil.__name__, rate, said, wrong


if __name__ == "__main__":
    data = os.environ.get("FINLAB_TESTDATA")
    lines, everything = [], []
    for name, kind, rate, said, wrong in measure(tables(Path(data) if data else None)):
        made = said[said["probability"] > 0.5]
        everything.append(said.assign(table=name, kind=kind, rate=rate))
        lines.append((name, kind, rate, wrong, len(made), made["right"].sum(), made["probability"].sum(), brier(said)))
    header = ["table", "kind", "rate", "wrong", "changes", "right", "expected", "brier"]
    whole = pd.concat(everything)
    if kept := os.environ.get("KEPT"):
        whole.to_parquet(kept)
    print(pd.DataFrame(lines, columns=header).round(3).to_string())
    for key in ("table", "kind"):
        for one, part in whole.groupby(key):
            print(f"\n{one}: Brier {brier(part):.4f}\n{reliability(part).round(3)}")
    changes = whole[whole["probability"] > 0.5]
    print(f"\nall: Brier {brier(whole):.4f}; of the changes {brier(changes):.4f}\n{reliability(changes).round(3)}")
