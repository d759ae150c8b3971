"""AutoETS against statsforecast's: warm, in new processes, on many series; memory; error in every group."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from harness import Row

from .compare import errors, pair
from .data import HOURLY, MONTHLY, YEARLY, group, resampled
from .methods import theirs
from .plan import Found, Plan, attempt
from .process import in_new_process, peak_gigabytes
from .sizes import Sizes

SPEED = {
    "warm": Plan("AutoETS, M3 Monthly, warm", ">= 15"),
    "cached": Plan("AutoETS, M3 Monthly, new process with compile cache", ">= 6"),
    "cold": Plan("AutoETS, M3 Monthly, new process, cold compile", ">= 2.5"),
}
MANY = {"many": Plan("AutoETS, monthly series resampled, compile included", ">= 10")}
MEMORY = {"memory": Plan("AutoETS, monthly series resampled, peak memory", "< 1.5", "GB", peer="")}
SHORT = {"yearly": Plan("AutoETS, M3 Yearly, warm", ">= 5")}


@contextmanager
def cache_folder(shared: str | None) -> Iterator[str]:
    """A new folder for compiled programs, or the `shared` one."""
    if shared is not None:
        yield shared
        return
    with tempfile.TemporaryDirectory() as folder:
        yield folder


def speed(peer: Any, sizes: Sizes, shared: str | None) -> dict[str, Found]:
    """Warm beside the peer; then new processes, each pair with a cache folder of its own: empty, then filled."""
    part = group(MONTHLY, sizes.panel)
    warm = pair(peer, "AutoETS", part, sizes.slow, sizes.rounds)
    spent: dict[str, list[float]] = {"cold": [], "cached": []}
    for _ in range(sizes.rounds):
        with cache_folder(shared) as folder:
            for kind in spent:
                spent[kind].append(in_new_process(folder, MONTHLY, sizes.panel))
    found = {"warm": Found(warm.ratio, warm.n, sizes.rounds, warm.note)}
    for kind, seconds in spent.items():
        wall = median(seconds)
        note = f"whole process {wall:.1f} s for {warm.n} series; peer warm, on {len(warm.few.ids)} series"
        found[kind] = Found(warm.theirs * warm.n / wall, warm.n, sizes.rounds, note)
    return found


def many(peer: Any, sizes: Sizes, shared: str | None) -> dict[str, Found]:
    """A new process without cache on many series, the peer warm on some of them."""
    few = resampled(MONTHLY, sizes.many).only(sizes.slow)
    seconds, _ = theirs(peer, "AutoETS", few)
    with cache_folder(shared) as folder:
        wall = in_new_process(folder, MONTHLY, sizes.many, drawn=True)
    note = f"whole process {wall:.1f} s; peer warm, on {len(few.ids)} series"
    return {"many": Found(seconds / len(few.ids) * sizes.many / wall, sizes.many, 1, note)}


def memory(sizes: Sizes, shared: str | None) -> dict[str, Found]:
    with cache_folder(shared) as folder:
        return {"memory": Found(peak_gigabytes(folder, MONTHLY, sizes.many), sizes.many, 1, "process of its own")}


def yearly(peer: Any, sizes: Sizes) -> dict[str, Found]:
    found = pair(peer, "AutoETS", group(YEARLY, sizes.whole), sizes.slow, sizes.rounds)
    return {"yearly": Found(found.ratio, found.n, sizes.rounds, found.note)}


def error_rows(peer: Any, sizes: Sizes) -> list[Row]:
    """OWA in each group, as a ratio to the peer's on the same series."""
    rows = []
    for key in sizes.wide_groups:

        def work(key: tuple[str, str] = key) -> dict[str, Found]:
            part = group(key, sizes.hourly if key == HOURLY else sizes.whole)
            own, other = errors(peer, "AutoETS", part)
            return {"owa": Found(own / other, len(part.ids), 1, f"OWA {own:.4f} and {other:.4f}")}

        rows += attempt({"owa": Plan(f"AutoETS, {' '.join(key)}: OWA", "<= 1.01")}, work)
    return rows


def ets_rows(peer: Any, sizes: Sizes, cache: str) -> list[Row]:
    """All of it; `cache` is the folder that new processes share in a quick run."""
    shared = cache if sizes.shared_cache else None
    return [
        *attempt(SPEED, lambda: speed(peer, sizes, shared)),
        *attempt(MANY, lambda: many(peer, sizes, shared)),
        *attempt(MEMORY, lambda: memory(sizes, shared)),
        *attempt(SHORT, lambda: yearly(peer, sizes)),
        *error_rows(peer, sizes),
    ]
