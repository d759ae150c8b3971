"""Our forecasts beside the peer's by the method of the same name: seconds a series, and error on the same series."""

from typing import Any, NamedTuple

import numpy as np

from .data import Group, owa
from .methods import ours, theirs
from .plan import beside


class Pair(NamedTuple):
    """Wall seconds a series of both, and the forecasts of both (horizon, series) on the series of the peer."""

    ours: float
    theirs: float
    mean: np.ndarray
    peer_mean: np.ndarray
    few: Group
    n: int

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours

    @property
    def note(self) -> str:
        """What stands beside the ratio: times a series, errors, and on how many series the peer ran."""
        errors = owa(self.mean, self.few), owa(filled(self.peer_mean, self.few), self.few)
        return (
            f"{1e3 * self.ours:.3g} and {1e3 * self.theirs:.3g} ms a series; "
            f"OWA {errors[0]:.4f} and {errors[1]:.4f}; peer on {len(self.few.ids)} series, n_jobs=2"
        )


def filled(mean: np.ndarray, part: Group) -> np.ndarray:
    """The peer's forecasts (horizon, series); the last value where it gave none."""
    return np.where(np.isfinite(mean), mean, [history[-1] for history in part.histories])


def pair(peer: Any, name: str, part: Group, slow: int, rounds: int) -> Pair:
    """Measure one method: ours on `part`, `rounds` times, the peer on a fixed subset of `slow` series, in between."""
    few = part.only(slow)
    measured = beside(lambda: ours(name, part), lambda: theirs(peer, name, few, again=True), rounds)
    seconds, peer_mean = measured.theirs
    columns = [part.ids.index(i) for i in few.ids]
    n, m = len(part.ids), len(few.ids)
    return Pair(measured.wall / n, seconds / m, measured.result[:, columns], peer_mean, few, n)


def errors(peer: Any, name: str, part: Group) -> tuple[float, float]:
    """OWA of ours and of the peer on all of `part`."""
    return owa(ours(name, part), part), owa(filled(theirs(peer, name, part)[1], part), part)
