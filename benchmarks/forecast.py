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


def engine_rows(quick: bool) -> list[Row]:
    """The rows of the batched engine; programs compiled here are kept for the run, which no figure depends on."""
    from finlab.core.compute import enable_compile_cache

    sizes = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as folder, Peer(series_file()) as peer:
        enable_compile_cache(folder)
        return [
            *ets_rows(peer, sizes),
            *arima_rows(peer, sizes),
            *rolling_rows(sizes),
            *interval_rows(sizes),
            *likelihood_rows(peer, sizes),
        ]


def measure(quick: bool) -> list[Row]:
    try:
        testdata()
        rows = [*naive2_rows(), *smoothing_rows(quick), *replay_rows(quick), *engine_rows(quick)]
    except FileNotFoundError as problem:
        rows = [unmeasured("M3 and M4", str(problem))]
    return [*rows, *study_rows(quick)]


if __name__ == "__main__":
    main(measure, PEERS)
