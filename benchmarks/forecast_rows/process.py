"""AutoETS in a process of its own: `python -m forecast_rows.process CACHE DATASET FREQ N [resampled]`.

Imports, reads, fits, forecasts, with compiled programs kept in the folder CACHE; prints the seconds since its start.
"""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent


def fit_many(cache: str | None, key: tuple[str, str], n: int, drawn: bool) -> None:
    """Fit and forecast `n` series of a group; `drawn` with replacement or a subset of it."""
    from finlab.core.compute import enable_compile_cache

    from .data import group, resampled
    from .methods import ours

    if cache is not None:
        enable_compile_cache(cache)
    ours("AutoETS", resampled(key, n) if drawn else group(key, n))


def in_new_process(cache: str, key: tuple[str, str], n: int, drawn: bool = False) -> float:
    """Wall seconds of a whole new process, from its start to its end."""
    from harness import testdata

    path = os.pathsep.join([str(BENCHMARKS), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    env = {**os.environ, "PYTHONPATH": path, "FINLAB_TESTDATA": str(testdata().resolve())}
    command = [sys.executable, "-m", "forecast_rows.process", cache, *key, str(n), *(["resampled"] if drawn else [])]
    start = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"a new process failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return seconds


def peak_gigabytes(cache: str | None, key: tuple[str, str], n: int) -> float:
    """Peak resident memory of a process that fits `n` series drawn from a group, in GB (10^9 bytes)."""
    from harness import peak_memory

    return peak_memory(partial(fit_many, cache, key, n, True)) * 2**20 / 1e9


if __name__ == "__main__":
    begun = time.perf_counter()
    fit_many(sys.argv[1], (sys.argv[2], sys.argv[3]), int(sys.argv[4]), "resampled" in sys.argv[5:])
    print(f"{time.perf_counter() - begun:.3f}")
