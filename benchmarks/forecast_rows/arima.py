"""ARIMA, AutoARIMA and the combination of four against statsforecast: speed and error together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from harness import Row

from .compare import filled, pair
from .data import HOURLY, MONTHLY, Group, group, owa
from .methods import FOUR, METHODS, kernel, ours, theirs
from .plan import Found, Plan, attempt, beside
from .sizes import Key, Sizes

FIXED = {
    "warm": Plan("ARIMA(1,1,2), exact likelihood, M3 Monthly, warm", ">= 8"),
    "without": Plan("ARIMA(1,1,2): series of M3 and M4 Hourly without forecast", "= 0", "series", ""),
}
AUTO = {
    "warm": Plan("AutoARIMA, M3 Monthly, warm", ">= 40"),
    "owa": Plan("AutoARIMA, M3 Monthly: OWA", "<= 1.01"),
}
COMBINED = {
    "warm": Plan("combination of four, M3 Monthly, warm, against AutoARIMA", ">= 25"),
    "dot": Plan("combination of four, M3 Monthly, warm, against DOT alone"),
}


def without_forecast(mean: np.ndarray) -> int:
    return int((~np.isfinite(mean)).any(axis=0).sum())


def robust_groups(sizes: Sizes) -> list[Group]:
    keys = [*dict.fromkeys([*sizes.groups, ("M3", "Other"), HOURLY])]
    return [group(key, sizes.robust) for key in keys]


def fixed(peer: Any, sizes: Sizes) -> dict[str, Found]:
    """One order, timed beside the peer, and run on every series there is."""
    kernel("fit_arima", "arima")
    found = pair(peer, "ARIMA(1,1,2)", group(MONTHLY, sizes.panel), sizes.slow, sizes.rounds)
    parts = robust_groups(sizes)
    lost = {part.name: without_forecast(ours("ARIMA(1,1,2)", part)) for part in parts}
    note = ", ".join(f"{name} {count}" for name, count in lost.items())
    return {
        "warm": Found(found.ratio, found.n, sizes.rounds, found.note),
        "without": Found(sum(lost.values()), sum(len(part.ids) for part in parts), 1, f"no exception; {note}"),
    }


def auto(peer: Any, sizes: Sizes) -> dict[str, Found]:
    kernel("auto_arima", "arima", "arima_search")
    found = pair(peer, "AutoARIMA", group(MONTHLY, sizes.panel), sizes.slow, sizes.rounds)
    own, other = owa(found.mean, found.few), owa(filled(found.peer_mean, found.few), found.few)
    return {
        "warm": Found(found.ratio, found.n, sizes.rounds, found.note),
        "owa": Found(own / other, len(found.few.ids), 1, f"OWA {own:.4f} and {other:.4f}"),
    }


def all_there() -> None:
    """Raise ImportError if one of the four is not there yet."""
    needs = [
        ("auto_ets", "ets_search"), ("auto_arima", "arima", "arima_search"), ("fit_theta", "theta"), ("fit_ces", "ces")
    ]  # fmt: skip
    for name, *modules in needs:
        kernel(name, *modules)


def combined_speed(peer: Any, sizes: Sizes) -> dict[str, Found]:
    """The combination beside the peer's AutoARIMA, and beside its DOT alone."""
    all_there()
    part = group(MONTHLY, sizes.panel)
    few = part.only(sizes.slow)

    def rivals() -> dict[str, float]:
        return {name: theirs(peer, name, few, again=True)[0] / len(few.ids) for name in ("AutoARIMA", "DOT")}

    measured = beside(lambda: ours("combination", part), rivals, sizes.rounds)
    own, n = measured.wall / len(part.ids), len(part.ids)
    error = owa(measured.result[:, [part.ids.index(i) for i in few.ids]], few)
    found = {}
    for key, name in (("warm", "AutoARIMA"), ("dot", "DOT")):
        other = owa(filled(theirs(peer, name, few)[1], few), few)
        note = (
            f"{1e3 * own:.3g} and {1e3 * measured.theirs[name]:.3g} ms a series; OWA {error:.4f} and {other:.4f}; "
            f"peer on {len(few.ids)} series, n_jobs=2"
        )
        found[key] = Found(measured.theirs[name] / own, n, sizes.rounds, note)
    return found


def error_plans(key: Key) -> dict[str, Plan]:
    name = f"combination of four, {' '.join(key)}: OWA"
    return {
        "auto": Plan(f"{name} less AutoARIMA's", "<= -0.02" if key == MONTHLY else "< 0", "OWA"),
        "median": Plan(f"{name} to the same median of the peer's", "<= 1.01"),
        "dot": Plan(f"{name} less DOT's", "", "OWA"),
    }


def median_of(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.median(np.stack(parts), axis=0)


def combined_error(peer: Any, key: Key, sizes: Sizes) -> dict[str, Found]:
    """Errors on the same series: our combination, the peer's AutoARIMA and DOT, and the median of its four."""
    all_there()
    part = group(key, sizes.slow)
    means = {name: filled(theirs(peer, name, part)[1], part) for name in FOUR}
    own = owa(METHODS["combination"](part.histories, part.period, part.horizon), part)
    other = {name: owa(mean, part) for name, mean in means.items()}
    other["median"] = owa(median_of(list(means.values())), part)
    n, note = len(part.ids), f"ours {own:.4f}; peer: " + ", ".join(f"{k} {v:.4f}" for k, v in other.items())
    return {
        "auto": Found(own - other["AutoARIMA"], n, 1, note),
        "median": Found(own / other["median"], n, 1, note),
        "dot": Found(own - other["DOT"], n, 1, note),
    }


def arima_rows(peer: Any, sizes: Sizes) -> list[Row]:
    rows = [
        *attempt(FIXED, lambda: fixed(peer, sizes)),
        *attempt(AUTO, lambda: auto(peer, sizes)),
        *attempt(COMBINED, lambda: combined_speed(peer, sizes)),
    ]
    for key in sizes.groups:
        rows += attempt(error_plans(key), lambda key=key: combined_error(peer, key, sizes))
    return rows
