"""How often the truth lies inside 80% and 95% intervals, by third of the horizon, on M3 Monthly.

The default of `forecast()` for many series is the combination; the other three kinds are AutoETS's.
"""

from collections.abc import Callable

import numpy as np
from harness import Row

from .data import MONTHLY, Group, end_aligned, group
from .methods import kernel
from .plan import Found, Plan, attempt
from .sizes import Sizes

LEVELS = (80, 95)
THIRDS = ("first", "middle", "last")
KINDS = ("default (combination)", "analytic", "simulated", "conformal")
PATHS = 1000
Ends = dict[int, tuple[np.ndarray, np.ndarray]]  # by level: lower and upper ends (horizon, series)


def ends_of(level: int) -> tuple[float, float]:
    """The shares below the lower and the upper end of a central interval."""
    return (1 - level / 100) / 2, (1 + level / 100) / 2


def default(part: Group) -> Ends:
    from scipy.special import ndtri

    from finlab.forecast.methods import run_engine

    found, _ = run_engine("combination", list(part.histories), part.horizon, part.period)
    return {level: tuple(found.mean + found.sd * ndtri(share) for share in ends_of(level)) for level in LEVELS}


def analytic(part: Group) -> Ends:
    from scipy.special import ndtri

    found = kernel("forecast_ets", "ets")(
        kernel("auto_ets", "ets_search")(end_aligned(part.histories), part.period), part.horizon
    )
    return {level: tuple(found.mean + found.sd * ndtri(share) for share in ends_of(level)) for level in LEVELS}


def simulated(part: Group) -> Ends:
    fit = kernel("auto_ets", "ets_search")(end_aligned(part.histories), part.period)
    futures = kernel("simulate_ets", "ets")(fit, part.horizon, PATHS, seed=1)
    return {level: tuple(np.quantile(futures, share, axis=0) for share in ends_of(level)) for level in LEVELS}


def conformal(part: Group) -> Ends:
    import pandas as pd

    from finlab.forecast import AutoETS, Conformal

    steps = np.concatenate([np.arange(1 - len(y), 1) for y in part.histories])
    owners = np.repeat(np.arange(len(part.ids)), [len(y) for y in part.histories])
    index = pd.MultiIndex.from_arrays([owners, steps], names=["series", "step"])
    panel = pd.DataFrame({"y": np.concatenate(part.histories)}, index=index)
    fh = list(range(1, part.horizon + 1))
    fitted = Conformal(AutoETS(period=part.period)).fit(panel, fh=fh)
    table = fitted.predict_interval(coverage=[level / 100 for level in LEVELS])
    shape = (len(part.ids), part.horizon)
    return {
        level: tuple(table[("y", level / 100, end)].to_numpy().reshape(shape).T for end in ("lower", "upper"))
        for level in LEVELS
    }


MAKERS: dict[str, Callable[[Group], Ends]] = dict(zip(KINDS, (default, analytic, simulated, conformal), strict=True))


def by_third(inside: np.ndarray) -> list[float]:
    """The share of True in each third of the first axis."""
    return [float(part.mean()) for part in np.array_split(inside, len(THIRDS))]


def plans(kind: str) -> dict[str, Plan]:
    """The rows of one kind of interval; the default kind has bars."""
    rows = {
        f"{level} {third}": Plan(f"{kind} {level}% intervals, {third} third: coverage", "", "share", "")
        for level in LEVELS
        for third in THIRDS
    }
    for level in LEVELS:
        bar = "<= 0.03" if kind == KINDS[0] else ""
        rows[f"{level} off"] = Plan(f"{kind} {level}% intervals: coverage off by", bar, "share", "")
    return rows


def coverages(kind: str, part: Group) -> dict[str, Found]:
    """The coverage of one kind of interval, by level and third, and how far it is off over all steps."""
    actual, n, found = np.stack(part.futures, axis=1), len(part.ids), {}
    for level, (low, high) in MAKERS[kind](part).items():
        given = np.isfinite(low + high)
        inside = given & (low <= actual) & (actual <= high)
        note = f"M3 Monthly; no interval for {int((~given).any(axis=0).sum())} series, counted as outside"
        for third, share in zip(THIRDS, by_third(inside), strict=True):
            found[f"{level} {third}"] = Found(share, n, 1, note)
        whole = float(inside.mean())
        found[f"{level} off"] = Found(abs(whole - level / 100), n, 1, f"{whole:.4f}; {note}")
    return found


def interval_rows(sizes: Sizes) -> list[Row]:
    rows = []
    for kind in KINDS:
        n = sizes.whole if kind in KINDS[:2] else sizes.intervals
        rows += attempt(plans(kind), lambda kind=kind, n=n: coverages(kind, group(MONTHLY, n)))
    return rows
