"""Planted gaps against those that the search finds: read into the two tables, compared by kind and exact rows."""

from collections import Counter
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from finlab.gaps.matching.candidates import Has, Window
from finlab.gaps.matching.search import search
from finlab.gaps.matching.twins import Row, put
from finlab.gaps.matching.verdicts import Verdict, verdicts
from finlab.gaps.plant import Planted

Named = tuple[str, tuple[int, ...], tuple[int, ...]]  # a kind, rows of the left, rows of the right
WINDOW = Window(-45, 45)
BINS = 10


def rows_of(frame: pd.DataFrame, planted: Planted) -> list[Row]:
    """The rows of a spoiled copy in the form of a side."""
    columns = planted.columns
    cents = [int(amount * 100) for amount in frame[columns.amount]]
    days = frame[columns.date].to_numpy("datetime64[D]").astype(np.int64).tolist()
    parties = frame[columns.party].astype(str)
    references = frame[columns.reference].fillna("").astype(str)
    currencies = frame[columns.currency].astype(str) if columns.currency else [""] * len(frame)
    every = zip(cents, days, parties, references, currencies, strict=True)
    return [Row(cent, day, party, reference, "", currency) for cent, day, party, reference, currency in every]


class Score(NamedTuple):
    """Gaps found and planted by kind, those of them that are the same, and of each found one its probability."""

    planted: Counter[str]
    found: Counter[str]
    same: Counter[str]
    probability: list[float]
    exact: list[bool]

    def __add__(self, other: "Score") -> "Score":  # type: ignore[override]
        return Score(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def precision(self) -> float:
        return self.same.total() / self.found.total()

    @property
    def recall(self) -> float:
        return self.same.total() / self.planted.total()

    @property
    def f1(self) -> float:
        return 2 * self.same.total() / (self.found.total() + self.planted.total())

    def by_kind(self) -> dict[str, float]:
        """The smaller of precision and recall, for each kind."""
        kinds = self.planted.keys() | self.found.keys()
        return {kind: self.same[kind] / max(self.planted[kind], self.found[kind]) for kind in kinds}

    def calibration_error(self) -> float:
        """The mean distance of probability and frequency, over bins of equal counts."""
        order = np.argsort(self.probability, kind="stable")
        sure, hit = np.array(self.probability)[order], np.array(self.exact, float)[order]
        parts = zip(np.array_split(sure, BINS), np.array_split(hit, BINS), strict=True)
        return float(np.mean([abs(some.mean() - right.mean()) for some, right in parts]))


def _named(verdict: Verdict) -> list[Named]:
    """What a verdict says, and after it its alternatives; a difference of one cent counts as another value."""
    kind = {"rounding": "value"}.get(verdict.kind, verdict.kind)
    respected = verdict.probability <= 1 / verdict.n_explanations + 1e-12
    others = [(kind, other.left, other.right) for other in verdict.others if other.kind == verdict.kind and respected]
    return [(kind, verdict.left, verdict.right), *others]


def score(planted: Planted, found: list[Verdict]) -> Score:
    """Compare gaps found with those planted: a planted one counts once, and exact ones are served first."""
    truth = Counter((gap.kind, gap.rows("left"), gap.rows("right")) for gap in planted.truth)
    left, same, listed = truth.copy(), Counter[str](), [_named(verdict) for verdict in found]
    exact = []
    for names in listed:
        exact.append(left[names[0]] > 0)
        left[names[0]] -= exact[-1]
    for names, hit in zip(listed, exact, strict=True):
        other = next((name for name in names[1:] if left[name] > 0), None) if not hit else None
        if other is not None:
            left[other] -= 1
        same[names[0][0]] += hit or other is not None
    kinds = Counter(kind for kind, *_ in truth.elements())
    return Score(kinds, Counter(names[0][0] for names in listed), same, [one.probability for one in found], exact)


def searched(planted: Planted) -> list[Verdict]:
    """Search the two copies; whether there are references is seen from the rows."""
    connection = duckdb.connect(config={"threads": 1})
    sides = [rows_of(frame, planted) for frame in (planted.left, planted.right)]
    put(connection, "l", sides[0])
    put(connection, "r", sides[1])
    has = Has(
        day=True, party=True, reference=any(row.reference for row in sides[0]), currency=bool(planted.columns.currency)
    )
    return verdicts(connection, search(connection, has, WINDOW))
