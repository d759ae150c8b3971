"""How many series a run works on: as the bars ask, or few, which only shows that it runs."""

from dataclasses import dataclass

from .data import HOURLY, MONTHLY, QUARTERLY, YEARLY

Key = tuple[str, str]


@dataclass(frozen=True)
class Sizes:
    """Numbers of series (None: all of a group), rounds of ours, and the groups and forms that are looked at."""

    rounds: int = 3
    panel: int = 1000  # ours, where the bar says 1,000
    slow: int = 200  # a peer that needs seconds for a few series
    many: int = 10_000
    whole: int | None = None  # a group of M3 for its error
    hourly: int = 100
    likelihood: int = 150
    exact: int = 100  # series for ARIMA likelihoods
    exact_hourly: int = 30
    loop: int = 50  # series for sktime's loop over free methods
    slow_loop: int = 4  # series for sktime's loop over AutoETS
    intervals: int = 300
    cutoffs: int = 5
    robust: int | None = None  # of every group, for "no exception on any series"
    groups: tuple[Key, ...] = (MONTHLY, QUARTERLY, YEARLY)
    wide_groups: tuple[Key, ...] = (MONTHLY, QUARTERLY, YEARLY, HOURLY)
    forms: tuple[str, ...] = ()  # () means all
    orders: int = 5  # of the ARIMA orders whose likelihoods are scored, how many
    shared_cache: bool = False  # all processes share compiled programs: quick, and no cold start any more


FULL = Sizes()
QUICK = Sizes(
    rounds=1, panel=12, slow=4, many=12, whole=12, hourly=3, likelihood=12, exact=4, exact_hourly=1, loop=3,
    slow_loop=1, cutoffs=1, intervals=12, robust=12, groups=(MONTHLY, YEARLY), wide_groups=(MONTHLY, YEARLY),
    forms=("MAA", "ANN"), orders=2, shared_cache=True,
)  # fmt: skip
