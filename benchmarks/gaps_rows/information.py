"""The statistical gap: does the interval of H(B given A) hold the truth, where the truth is known? And what it costs.

Tables are drawn from probabilities that are known: twenty relations (independent, determined, noisy, sparse, skewed,
Zipf), 2x2 to 1000x1000 categories, 50 to 100,000 rows, values of A even, Zipf or random. The seeds are not those with
which the constants of the room were chosen.
"""

import sys
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from forecast_rows.plan import Found, Plan, attempt
from harness import Row

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "gaps"))

BAR = 0.93
_HOLDS = "H(B given A) in its own 95% interval"
PLANS = {
    "held": Plan(f"{_HOLDS}: all runs", f">= {BAR}", "share of runs", "known entropy"),
    "size": Plan(f"{_HOLDS}: the number of rows with the least share", f">= {BAR}", "share of runs", "known entropy"),
    "relation": Plan(f"{_HOLDS}: the relation with the least share", f">= {BAR}", "share of runs", "known entropy"),
    "regime": Plan(f"{_HOLDS}: regimes that reach {BAR}", "", "share of regimes", "known entropy"),
    "plain": Plan("H(B given A) in the bootstrap interval of the plain estimate", "", "share of runs", "known entropy"),
    "alone": Plan("Rows that are alone differ in kind: missed, of the promised", "<= 0.07", "share", "known entropy"),
    "linear": Plan("Information of two columns: cost a row, 10M rows by 1M", "<= 1.2", "x", "itself"),
}
RUNS, QUICK_RUNS = 20, 4  # with 4 a relation has some twenty runs: one miss is 5%
QUICK_STEP = 8  # of the regimes, in a quick run
DRAWS = 100  # of the bootstrap
LARGEST = 100_000
SEED = 20261129
TOLERANCE = 1e-9
Regime = tuple[str, int, int, int]  # relation, values of A, values of B, rows


class Tally(NamedTuple):
    """What one regime came to: whether each run held the truth, and whether the bootstrap of the first did."""

    relation: str
    rows: int
    held: list[bool]
    plain: bool


def bootstrap(table: Any, truth: float, draw: np.random.Generator) -> bool:
    """Whether the 95% percentile interval of the plain estimate, drawn again from the counts, holds the truth."""
    from finlab.gaps.kernels.entropy import Crosstab, plugin_entropy

    shares, found = table.counts / table.rows, []
    for _ in range(DRAWS):
        counts = draw.multinomial(int(table.rows), shares).astype(float)
        some = np.flatnonzero(counts)
        found.append(plugin_entropy(Crosstab(table.given[some], table.about[some], counts[some])))
    low, high = np.quantile(found, [0.025, 0.975])
    return bool(low - TOLERANCE <= truth <= high + TOLERANCE)


def regimes_of_all_sizes() -> list[Regime]:
    """The grid of the tests, and the same shapes with LARGEST rows."""
    from known_entropy import RELATIONS, SHAPES, regimes

    large = [(one, a, b, LARGEST) for one in RELATIONS for a, b in SHAPES if one != "three values each" or b >= 5]
    return [*regimes(), *large]


def tally(regime: Regime, runs: int) -> Tally:
    from known_entropy import drawn, seeded

    from finlab.gaps.kernels.entropy import knowledge

    draw, held, plain = seeded(SEED, *regime), list[bool](), False
    for run in range(runs):
        known = drawn(*regime, draw, run)
        one = knowledge(known.table).conditional
        held.append(one.low - TOLERANCE <= known.conditional <= one.high + TOLERANCE)
        plain = plain if run else bootstrap(known.table, known.conditional, np.random.default_rng(SEED))
    return Tally(regime[0], regime[3], held, plain)


def least(groups: dict[str, list[bool]]) -> tuple[float, str]:
    """The least share that is held in a group, and which group that is."""
    return min((float(np.mean(held)), name) for name, held in groups.items())


def grouped(tallies: list[Tally], field: str) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {}
    for one in tallies:
        found.setdefault(str(getattr(one, field)), []).extend(one.held)
    return found


def missed_though_promised(rows: int, share: float, size: int, turned: bool) -> bool | None:
    """One table whose rows that are alone are chance and the others settled, or `turned`. None: not promised."""
    from finlab.gaps.kernels.entropy import crosstab, knowledge, promised

    draw = np.random.default_rng([SEED, rows, int(100 * share), size, turned])
    alone, regular = draw.random(rows) < share, draw.integers(rows // size, size=rows)
    a = np.where(alone, rows + np.arange(rows), regular)
    table = crosstab(a, np.where(alone != turned, draw.integers(4, size=rows), a % 4))
    truth, known = 2 * ((1 - share) if turned else share), knowledge(table)
    return None if not promised(table, known) else not known.conditional.low <= truth <= known.conditional.high


def alone_missed(quick: bool) -> Found:
    sizes = (50, 500, 5_000) if quick else (50, 500, 5_000, 50_000)
    cases = [(n, s, k, t) for n in sizes for s in (0.01, 0.03, 0.1, 0.3) for k in (4, 8, 25) for t in (False, True)]
    every = [missed_though_promised(*one) for one in cases]
    kept = [one for one in every if one is not None]
    return Found(float(np.mean(kept)), len(kept), 1, f"{len(kept)} of {len(every)} promised")


def cost_a_row(rows: int) -> float:
    """CPU seconds a row to compare two columns of codes: the least of three rounds."""
    from finlab.gaps.kernels.entropy import crosstab, knowledge

    draw, spent = np.random.default_rng(SEED), list[float]()
    a = draw.integers(500, size=rows)
    b = (a + draw.integers(40, size=rows)) % 300
    for _ in range(3):
        start = process_time()
        knowledge(crosstab(a, b))
        spent.append(process_time() - start)
    return min(spent) / rows


def information_measured(quick: bool) -> dict[str, Found]:
    regimes = regimes_of_all_sizes()[:: QUICK_STEP if quick else 1]
    runs = QUICK_RUNS if quick else RUNS
    tallies = [tally(one, runs) for one in regimes]
    every = [held for one in tallies for held in one.held]
    size, relation = least(grouped(tallies, "rows")), least(grouped(tallies, "relation"))
    small, large = (100_000, 1_000_000) if quick else (1_000_000, 10_000_000)
    return {
        "held": Found(float(np.mean(every)), len(every), runs, f"{len(regimes)} regimes"),
        "size": Found(size[0], len(every), runs, f"{size[1]} rows"),
        "relation": Found(relation[0], len(every), runs, relation[1]),
        "regime": Found(float(np.mean([np.mean(one.held) >= BAR for one in tallies])), len(regimes), runs),
        "plain": Found(float(np.mean([one.plain for one in tallies])), len(regimes)),
        "alone": alone_missed(quick),
        "linear": Found(cost_a_row(large) / cost_a_row(small), large, 3),
    }


def information_rows(quick: bool) -> list[Row]:
    return attempt(PLANS, lambda: information_measured(quick))
