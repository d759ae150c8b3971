"""The harness of every benchmark: rivals alternate in one run, medians of time, memory in processes of their own.

A benchmark is a script `benchmarks/NAME.py` with a function `measure(quick) -> list[Row]` and `main(measure)` last:
`python benchmarks/NAME.py [--json FILE] [--quick]`. Exit status 0 when every row was measured, even if a bar is missed;
1 when a row could not be measured. A full run without --json puts its table into RESULTS.md.
"""

import argparse
import contextlib
import gc
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

Rival = Callable[[], Any]
PEAK_UNIT = 1024.0  # the kernel counts in KiB; MiB are shown


@dataclass(frozen=True)
class Row:
    """One figure of one comparison, as it stands in the JSON file and in RESULTS.md.

    `bar` is in words (">= 8", "<= 0.5"; "" where none is set), `ok` whether `figure` clears it; a row that could not
    be measured has no figure, is not ok, and says why in `note`. `n`: items worked on; `rounds`: repetitions.
    """

    name: str
    figure: float | None
    unit: str
    bar: str
    ok: bool
    peer: str
    n: int
    rounds: int
    note: str = ""


@dataclass(frozen=True)
class Timing:
    """Medians over the rounds of one rival: seconds of CPU (all threads) and of wall clock, and its last result."""

    cpu: float
    wall: float
    rounds: int
    result: Any


def clears(figure: float, bar: str) -> bool:
    """Whether `figure` clears a bar written as ">= 3", "<= 0.5", "> 0", "< 1" or "= 0"; no bar is always cleared."""
    if not bar:
        return True
    sign, _, number = bar.partition(" ")
    limit = float(number)
    tests = {
        ">=": figure >= limit,
        "<=": figure <= limit,
        ">": figure > limit,
        "<": figure < limit,
        "=": figure == limit,
    }
    if sign not in tests:
        raise ValueError(f"bar={bar!r}: expected a sign of {', '.join(tests)}, a blank and a number")
    return tests[sign]


def row(
    name: str,
    figure: float,
    unit: str = "x",
    bar: str = "",
    *,
    peer: str = "",
    n: int = 1,
    rounds: int = 1,
    note: str = "",
) -> Row:
    """A measured row, judged against its bar."""
    return Row(name, round(float(figure), 4), unit, bar, clears(float(figure), bar), peer, n, rounds, note)


def unmeasured(name: str, why: str, unit: str = "x", bar: str = "", peer: str = "") -> Row:
    """A row that could not be measured: no figure, not ok."""
    return Row(name, None, unit, bar, False, peer, 0, 0, why)


def _cpu_seconds() -> float:
    """CPU seconds of this process, of its children that have ended, and of those that still run, with their own."""
    import psutil

    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    running = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            used = process.cpu_times()
            running += used.user + used.system + used.children_user + used.children_system
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime + running


def alternate(rivals: dict[str, Rival], rounds: int = 5, warm_up: bool = True) -> dict[str, Timing]:
    """Run the rivals in turn, `rounds` times over, each round in the other direction, and take medians.

    Alternating in one run gives all of them the same machine: a noisy minute hits everybody. With `warm_up` each runs
    once unmeasured before (imports, compiled programs, file caches); leave it out to measure a cold start.
    """
    names = list(rivals)
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    results: dict[str, Any] = {}
    if warm_up:
        for name in names:
            results[name] = rivals[name]()
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            gc.collect()
            cpu, wall = _cpu_seconds(), time.perf_counter()
            results[name] = rivals[name]()
            spent[name].append((_cpu_seconds() - cpu, time.perf_counter() - wall))
    return {
        name: Timing(median(c for c, _ in spent[name]), median(w for _, w in spent[name]), rounds, results[name])
        for name in names
    }


def _peak_here() -> float:
    """Peak resident memory of this process so far in KiB; getrusage would count what the parent held at the fork."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return float(line.split()[1])


@dataclass(frozen=True)
class Spent:
    """What a fresh process spent on its work: peak resident memory in MiB, and the result that it sent back."""

    peak: float
    result: Any


def _work_there(work: Rival, pipe: Any) -> None:
    try:
        result = work()
        pipe.send((_peak_here(), result, ""))
    except BaseException as error:
        pipe.send((0.0, None, f"{type(error).__name__}: {error}"))


def in_fresh_process(work: Rival) -> Spent:
    """Do `work` (a module-level function or a partial of one) in a fresh process; its result must be small.

    Given to `alternate`, its CPU seconds are those of the whole process, from its start and its imports to its end.
    """
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_work_there, args=(work, there))
    process.start()
    there.close()
    try:
        peak, result, problem = here.recv()
    except EOFError:
        raise RuntimeError(f"the measured process died with exit code {process.exitcode}") from None
    finally:
        process.join()
    if problem:
        raise RuntimeError(problem)
    return Spent(peak / PEAK_UNIT, result)


def _without_result(work: Rival) -> None:
    work()


def peak_memory(work: Rival) -> float:
    """Peak resident memory in MiB of a fresh process that does `work` (a module-level function or a partial of one)."""
    return in_fresh_process(partial(_without_result, work)).peak


def subset(items: Sequence[Any], n: int, seed: int = 20260101) -> list[Any]:
    """A fixed random subset of `n` items, for rivals that would need more than a minute on all of them."""
    import numpy as np

    if len(items) <= n:
        return list(items)
    chosen = np.random.default_rng(seed).choice(len(items), size=n, replace=False)
    return [items[i] for i in sorted(chosen)]


def testdata() -> Path:
    """The folder of real data sets (FINLAB_TESTDATA), or an error that says how to name it."""
    folder = os.environ.get("FINLAB_TESTDATA", "")
    if not folder or not Path(folder).is_dir():
        raise FileNotFoundError(f"FINLAB_TESTDATA={folder!r}: expected the folder of the real data sets")
    return Path(folder)


def versions(names: Sequence[str]) -> dict[str, str]:
    """Installed versions of the packages that took part."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _table(rows: Sequence[Row]) -> str:
    lines = [f"{'':2} {'what':52} {'figure':>10} {'bar':>9}  peer"]
    for r in rows:
        figure = "-" if r.figure is None else f"{r.figure:.4g}{'' if r.unit == 'x' else ' '}{r.unit}"
        mark = "ok" if r.ok else "--"
        lines.append(
            f"{mark:2} {r.name[:52]:52} {figure:>10} {r.bar:>9}  {r.peer}; n={r.n}, rounds={r.rounds}; {r.note}".rstrip(
                "; "
            )
        )
    return "\n".join(lines)


def main(measure: Callable[[bool], list[Row]], peers: Sequence[str] = ()) -> None:
    """The command line of a benchmark: measure, print the table, write the JSON, exit 0 if every row has a figure."""
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(prog=f"benchmarks/{name}.py", description=sys.modules["__main__"].__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.add_argument(
        "--quick", action="store_true", help="few items and rounds: shows that it runs, the figures mean little"
    )
    arguments = parser.parse_args()
    try:
        rows = measure(arguments.quick)
    except Exception as error:  # a benchmark that breaks is a row that was not measured, not a crash without a file
        traceback.print_exc()
        rows = [unmeasured(name, f"{type(error).__name__}: {error}")]
    print(_table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n", encoding="utf-8")
    elif not arguments.quick:
        record(name, rows, peers)
    sys.exit(0 if rows and all(r.figure is not None for r in rows) else 1)


def record(name: str, rows: Sequence[Row], peers: Sequence[str]) -> None:
    """Put the table of a full run into RESULTS.md, in place of the benchmark's last one."""
    path = Path(__file__).resolve().parent / "RESULTS.md"
    intro = "# Benchmark results\n\nThe last full run of each benchmark, written by it; x: a ratio.\n"
    sections: dict[str, str] = {}
    if path.exists():
        for part in path.read_text(encoding="utf-8").split("\n## ")[1:]:
            sections[part.split("\n", 1)[0].strip()] = part.split("\n", 1)[1].strip()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    used = ", ".join(f"{k} {v}" for k, v in versions(["finlab-workbench", *peers]).items())
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}; {machine}; {used}.",
        "",
        "| what | figure | bar | ok | peer | n | rounds | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        figure = "not measured" if r.figure is None else f"{r.figure:.4g} {r.unit}".replace(" x", "x")
        lines.append(
            f"| {r.name} | {figure} | {r.bar} | {'yes' if r.ok else 'no'} | {r.peer} | {r.n:,} | {r.rounds} "
            f"| {r.note.replace('|', '/')} |"
        )
    sections[name] = "\n".join(lines)
    body = "".join(f"\n## {key}\n\n{sections[key]}\n" for key in sorted(sections))
    path.write_text(intro + body, encoding="utf-8")
