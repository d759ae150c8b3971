"""How gaps that were found are marked against gaps that were planted: by kind and exact rows, alternatives counted."""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

BINS = 10  # of equal count, for the calibration error
Rows = frozenset[tuple[str, int]]
Key = tuple[str, Rows]


class Marks(NamedTuple):
    """Typed precision, recall and F1, the same by kind, and how far stated probabilities are from what came true.

    An ambiguous gap counts as found if the truth is among its alternatives; for the calibration only the rows that it
    states count.
    """

    precision: float
    recall: float
    f1: float
    kinds: dict[str, float]
    calibration: float
    ambiguous: int
    found: int


def rows_of(evidence: Iterable) -> Rows:
    return frozenset((one.source, row) for one in evidence for row in one.rows)


def _calibration(stated: list[float], true: list[bool]) -> float:
    order = np.argsort(np.array(stated), kind="stable")
    bins = np.array_split(order, BINS)
    share, hits = np.array(stated), np.array(true, float)
    return float(sum(abs(share[one].mean() - hits[one].mean()) * len(one) for one in bins if len(one)) / len(order))


def mark(found: Iterable, truth: Iterable) -> Marks:
    """Mark gaps against the planted ones. Off by one cent counts as another value, unless rounding was planted."""
    open_ = Counter((gap.kind, rows_of(gap.evidence)) for gap in truth)
    planted, hits = Counter(kind for kind, _ in open_.elements()), Counter[str]()
    stated, true, unsure = list[float](), list[bool](), []
    for gap in found:
        kind = "value" if gap.kind == "rounding" and not planted["rounding"] else gap.kind
        key: Key = kind, rows_of(gap.evidence)
        stated.append(gap.probability)
        true.append(open_[key] > 0)
        if open_[key] > 0:
            open_[key] -= 1
            hits[kind] += 1
        else:
            unsure.append((kind, gap))
    sure = hits.total()
    for kind, gap in unsure:
        others = ((one.kind or kind, rows_of(one.evidence)) for one in gap.alternatives)
        key = next((one for one in others if one[0] == kind and open_[one] > 0), None)
        if key:
            open_[key] -= 1
            hits[kind] += 1
    precision, recall = hits.total() / max(len(stated), 1), hits.total() / max(planted.total(), 1)
    kinds = {kind: hits[kind] / count for kind, count in planted.items()}
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    error = _calibration(stated, true) if stated else 0.0
    return Marks(precision, recall, f1, kinds, error, hits.total() - sure, len(stated))
