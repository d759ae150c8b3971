"""Repair of the hospital table, whose truth is known, as HoloClean's paper counts (PVLDB 10, 2017, section 6.1).

Precision: right changes among all changes. Recall: right changes among all wrong cells. No label is given to it.
"""

from pathlib import Path
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row, testdata

PLANS = {
    "f1": Plan("hospital repaired without labels: F1", ">= 0.83", "", "HoloClean's published F1"),
    "precision": Plan("hospital repaired without labels: precision", "", "", ""),
    "recall": Plan("hospital repaired without labels: recall", "", "", ""),
}


class Marks(NamedTuple):
    """How many changes are right, how many were made, and how many cells are wrong."""

    right: int
    made: int
    wrong: int

    @property
    def precision(self) -> float:
        return self.right / max(self.made, 1)

    @property
    def recall(self) -> float:
        return self.right / max(self.wrong, 1)

    @property
    def f1(self) -> float:
        return 2 * self.right / max(self.made + self.wrong, 1)


def mark(dirty: Any, truth: Any, changes: Any) -> Marks:
    """Compare changes (row, column, after) with what the wrong cells of `dirty` should hold."""
    wrong = {
        (row, name, truth.at[row, name])
        for name in dirty.columns
        for row in dirty.index[dirty[name] != truth[name]]
    }  # fmt: skip
    made = set(zip(changes["row"], changes["column"], changes["after"], strict=True))
    return Marks(len(made & wrong), len(made), len(wrong))


def read_hospital(folder: Path) -> tuple[Any, Any]:
    """The dirty table, and the truth in the same shape; the file of the truth has a line for every cell."""
    import pandas as pd

    dirty, cells = (
        pd.read_csv(folder / name, dtype=str, keep_default_na=False) for name in ("hospital.csv", "hospital_clean.csv")
    )
    cells["tid"] = cells["tid"].astype(int)
    return dirty, cells.pivot(index="tid", columns="attribute", values="correct_val")[dirty.columns]


def repair_hospital() -> dict[str, Found]:
    from finlab.data.constraints import read_constraints
    from finlab.data.repair import repair

    folder = testdata() / "holoclean"
    dirty, truth = read_hospital(folder)
    found = mark(dirty, truth, repair(dirty, read_constraints(folder / "hospital_constraints.txt")).changes)
    note = f"{found.right} right of {found.made} changes; {found.wrong} cells are wrong"
    return {name: Found(getattr(found, name), dirty.size, 1, note) for name in PLANS}


def repair_rows() -> list[Row]:
    return attempt(PLANS, repair_hospital)
