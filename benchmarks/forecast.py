"""Forecasting: batched methods against sktime, statsmodels and statsforecast, speed and error together.

statsforecast needs an environment of its own: `make bench-peer` makes `.venv-peer`, or FINLAB_PEER_PYTHON names the
Python of another one; without it the rows that need it are not measured and say so. The rows stand in
`forecast_rows/`, the worker that runs the peer in `peer/`.
"""

import tempfile

from forecast_rows.arima import arima_rows
from forecast_rows.data import series_file
from forecast_rows.ets import ets_rows
from forecast_rows.free import naive2_rows, replay_rows, smoothing_rows, study_rows
from forecast_rows.intervals import interval_rows
from forecast_rows.likelihood import likelihood_rows
from forecast_rows.rolling import rolling_rows
from forecast_rows.sizes import FULL, QUICK
from harness import Row, main, testdata, unmeasured
from peer.client import Peer

PEERS = ("sktime", "statsmodels", "jax", "numpy")


def engine_rows(quick: bool, cache: str) -> list[Row]:
    """The rows of the batched engine; `cache` keeps programs between its parts, which no warm figure depends on."""
    from finlab.core.compute import enable_compile_cache

    sizes = QUICK if quick else FULL
    enable_compile_cache(cache)
    with Peer(series_file()) as peer:
        return [
            *ets_rows(peer, sizes, cache),
            *arima_rows(peer, sizes),
            *rolling_rows(sizes),
            *interval_rows(sizes),
            *likelihood_rows(peer, sizes),
        ]


def competition_rows(quick: bool, cache: str) -> list[Row]:
    try:
        testdata()
    except FileNotFoundError as problem:
        return [unmeasured("M3 and M4", str(problem))]
    return [*naive2_rows(), *smoothing_rows(quick), *replay_rows(quick), *engine_rows(quick, cache)]


def measure(quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as cache:
        return [*competition_rows(quick, cache), *study_rows(quick)]


if __name__ == "__main__":
    main(measure, PEERS)
