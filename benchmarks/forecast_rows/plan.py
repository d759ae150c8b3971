"""Rows that are planned before they are measured, so that what cannot be measured still has its row and its bar."""

import gc
import sys
import time
import traceback
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from harness import Row, row, unmeasured


class Plan(NamedTuple):
    """What a row is called, its unit, its bar and its peer."""

    name: str
    bar: str = ""
    unit: str = "x"
    peer: str = "statsforecast"


class Found(NamedTuple):
    """What was measured for a row."""

    figure: float
    n: int = 1
    rounds: int = 1
    note: str = ""


def attempt(plans: dict[str, Plan], work: Callable[[], dict[str, Found]]) -> list[Row]:
    """Do `work` and make its rows; if it fails, no row is measured and each says why."""
    try:
        found = work()
    except Exception as error:  # one family that breaks must not take an hour of the others along
        if not isinstance(error, ImportError):
            traceback.print_exc(file=sys.stderr)
        why = str(error) if type(error).__name__ == "PeerMissing" else f"{type(error).__name__}: {error}"
        return [unmeasured(p.name, why, p.unit, p.bar, p.peer) for p in plans.values()]
    return [_row(plan, found.get(key)) for key, plan in plans.items()]


def _row(plan: Plan, found: Found | None) -> Row:
    if found is None or found.figure != found.figure:
        return unmeasured(plan.name, found.note if found else "not in the result", plan.unit, plan.bar, plan.peer)
    more = {"peer": plan.peer, "n": found.n, "rounds": found.rounds, "note": found.note}
    return row(plan.name, found.figure, plan.unit, plan.bar, **more)


class Beside(NamedTuple):
    """Median wall seconds and last result of ours, and what one round of a slow peer returned."""

    wall: float
    result: Any
    theirs: Any


def beside(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int = 3) -> Beside:
    """Measure ours `rounds` times, warm, with the one round of a slow peer in the middle of them."""
    ours()
    spent, result, told = [], None, None
    for turn in range(rounds):
        if turn == rounds // 2:
            told = theirs()
        gc.collect()
        start = time.perf_counter()
        result = ours()
        spent.append(time.perf_counter() - start)
    return Beside(median(spent), result, told)
