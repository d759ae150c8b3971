"""Sums that several sets of open items explain: counted exactly, and never claimed beyond one over their number."""

from itertools import combinations

import numpy as np
import pandas as pd
from forecast_rows.plan import Found, Plan, attempt
from harness import Row

PLANS = {
    "share": Plan("Ambiguous sums: every probability at most 1/k", "= 1", "share of cases", "brute force"),
    "count": Plan("Ambiguous sums: the count of exact subsets", "= 1", "share of cases", "brute force"),
}
CASES, QUICK_CASES = 300, 30
MOST_ITEMS = 24
LARGEST_SUBSETS = 5
COARSE = 500  # cents: amounts are multiples, so that many sums are equal


def brute(items: np.ndarray, target: int) -> int:
    """How many subsets of two or more items, at most LARGEST_SUBSETS, add up."""
    sizes = range(1, LARGEST_SUBSETS + 1)
    return sum(
        int(items[list(part)].sum()) == target for size in sizes for part in combinations(range(len(items)), size)
    )


def one_case(rng: np.random.Generator) -> tuple[bool, bool]:
    """Whether the probabilities of a case respect 1/k, and whether the count is that of brute force."""
    from finlab.gaps.match import match
    from finlab.gaps.matching.roles import Roles
    from finlab.gaps.sums import subset_sums

    size = int(rng.integers(8, MOST_ITEMS + 1))
    items = rng.integers(1, 40, size) * COARSE
    parts = rng.choice(size, int(rng.integers(2, LARGEST_SUBSETS + 1)), replace=False)
    target = int(items[parts].sum())
    count = brute(items, target)
    day = pd.Timestamp("2026-03-31")
    left = pd.DataFrame({"amount": items / 100, "date": day, "party": "A"})
    right = pd.DataFrame({"amount": [target / 100], "date": [day], "party": ["A"]})
    found = match(left, right, Roles(amount="amount", date="date", party="party"))
    merged = [gap for gap in found.gaps if gap.kind == "merge"]
    right_count = subset_sums(items, target, most_items=LARGEST_SUBSETS).count
    return all(gap.probability <= 1 / count + 1e-12 for gap in merged), right_count == count


def ambiguous_sums(quick: bool) -> dict[str, Found]:
    rng = np.random.default_rng(7)
    cases = [one_case(rng) for _ in range(QUICK_CASES if quick else CASES)]
    held, counted = (float(np.mean([case[at] for case in cases])) for at in (0, 1))
    return {"share": Found(held, len(cases)), "count": Found(counted, len(cases))}


def ambiguous_rows(quick: bool) -> list[Row]:
    return attempt(PLANS, lambda: ambiguous_sums(quick))
