"""What goes wrong, done to both sides: what is left of the last good result, what it looks like, how it ends."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row

from reports_rows.commands import FINLAB, PAPERMILL, command
from reports_rows.notebooks import workbench, write_notebook

PEER = "papermill"
SECONDS = "4"  # the time limit of the rows that run into it
ADDRESS_SPACE = 3 * 10**9  # papermill has no memory limit; this is the one that its user can set, as `ulimit -v`
DISK = "8m"
REST = 7_900_000  # bytes of the small disk that are taken when the fault comes
HUNDRED_MB = 10**8
GIVEN = "n: int = 3  # how many"


class Fault(NamedTuple):
    """One fault: the cells, what is asked of each side, the exit code that finlab owes, and where results go."""

    name: str
    cells: tuple[str, ...]
    code: int
    finlab: tuple[str, ...] = ("-p", "n=4")
    papermill: tuple[str, ...] = ("-p", "n", "4")
    place: str = "plain"
    parameters: str | None = GIVEN


FAULTS = (
    Fault("raise", ("if n > 3:\n    raise ValueError('not four')",), 3),
    Fault("SIGKILL of the process", ("import os, signal\nif n > 3:\n    os.kill(os.getpid(), signal.SIGKILL)",), 5),
    Fault("SIGKILL of the command", ("import time\ntime.sleep(0 if n < 4 else 60)",), -9, place="killed"),
    Fault(
        "timeout", ("import time\ntime.sleep(0 if n < 4 else 60)",), 4,
        ("-p", "n=4", "--timeout", SECONDS), ("-p", "n", "4", "--execution-timeout", SECONDS),
    ),
    Fault(
        "memory limit", ("kept = [b'x' * 10**8 for _ in range(60 if n > 3 else 0)]",), 5,
        ("-p", "n=4", "--memory", "0.9"), place="narrow",
    ),
    Fault(
        "full disk", ("from IPython.display import HTML\nHTML('<p>' + 'x' * (1_500_000 if n > 3 else 1))",), 6,
        place="small disk",
    ),
    Fault("read-only folder", ("n * 2",), 6, place="read-only"),
    Fault("wrong parameter", ("print(n * 2)",), 2, ("-p", "n=four"), ("-p", "n", "four")),
    Fault("misspelt parameter", ("print(n * 2)",), 2, ("-p", "m=4"), ("-p", "m", "4")),
    Fault("no parameters tag", ("n = 3", "print(n * 2)"), 2, parameters=None),
    Fault(
        "missing parameter", ("print(source)",), 2, (), (),
        parameters="from finlab.reports.page import Source\nsource: Source",
    ),
    Fault("output of 100 MB", (f"print('x' * ({HUNDRED_MB} if n > 3 else 1))",), 0),
    Fault(
        "infinite print loop", ("while n > 3:\n    print('again')",), 4,
        ("-p", "n=4", "--timeout", SECONDS), ("-p", "n", "4", "--execution-timeout", SECONDS),
    ),
)  # fmt: skip


class Left(NamedTuple):
    """What a side leaves of a fault."""

    code: int
    half_written: int
    looks_good: bool
    last_lost: bool
    size: int
    message: str

    @property
    def failed(self) -> bool:
        """Whether anything of it is wrong."""
        return bool(self.half_written or self.looks_good or self.last_lost)

    def __str__(self) -> str:
        """Say it in a few words."""
        wrong = [f"{self.half_written} half-written"] * bool(self.half_written)
        wrong += ["LOOKS LIKE SUCCESS"] * self.looks_good + ["last good result LOST"] * self.last_lost
        return f"exit {self.code}, {', '.join(wrong) or 'sound'}"


def whole(path: Path) -> bool:
    """Whether a file is complete, by its kind."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".html":
        return text.rstrip().endswith("</html>")
    if path.suffix in (".json", ".ipynb"):
        with suppress(ValueError):
            return bool(json.loads(text))
        return False
    return False  # nothing else is to be left: a temporary file, say


def half_written(folder: Path) -> list[str]:
    """Files of the results' folder that are not complete."""
    return [
        path.name for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "rest" and not whole(path)
    ]


def all_completed(notebook: Path) -> bool:
    """Whether a notebook says that all of its cells were completed."""
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    marks = [cell["metadata"].get("papermill", {}) for cell in content["cells"] if cell["cell_type"] == "code"]
    if content["metadata"].get("papermill", {}).get("exception"):
        return False
    return all(mark.get("status") == "completed" and not mark.get("exception") for mark in marks)


class Side(NamedTuple):
    """One side: how its command is written, its result, and whether a result says that all went well."""

    command: Callable[[Path, Path, tuple[str, ...]], list[str]]
    result: str
    good: Callable[[Path], bool]


def _finlab(notebook: Path, out: Path, options: tuple[str, ...]) -> list[str]:
    return [*FINLAB, "run", str(notebook), "-o", str(out), *options]


def _papermill(notebook: Path, out: Path, options: tuple[str, ...]) -> list[str]:
    return [*PAPERMILL, str(notebook), str(out), *options]


def _page_good(page: Path) -> bool:
    """Whether the record of a page says that it is complete."""
    with suppress(OSError, ValueError):
        return json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["status"] == "complete"
    return False


SIDES = {
    "finlab": Side(_finlab, "report.html", _page_good),
    "papermill": Side(_papermill, "report.ipynb", all_completed),
}


@contextmanager
def results_folder(folder: Path, place: str) -> Iterator[Path]:
    """The folder for results: plain, or a file system of its own that is small or will be read-only."""
    made = folder / "results"
    made.mkdir()
    if place not in ("small disk", "read-only"):
        yield made
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(made)]
    if os.getuid() != 0 or not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        raise PermissionError("a small file system can be mounted by root only")
    try:
        yield made
    finally:
        subprocess.run(["umount", "-l", str(made)], check=True)


def _spoil(results: Path, place: str) -> None:
    """Let the fault of a place begin, after the good result is there."""
    if place == "small disk":
        (results / "rest").write_bytes(b"x" * (REST - sum(path.stat().st_size for path in results.iterdir())))
    if place == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(results)], check=True)


def _run(words: list[str], folder: Path, place: str, out: Path, side: str) -> subprocess.CompletedProcess[str]:
    if place == "killed":
        return _killed(words, folder)
    if place == "narrow" and side == PEER:
        limit = partial(resource.setrlimit, resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        return command(*words, cwd=folder, preexec_fn=limit, timeout=300)
    return command(*words, cwd=folder, timeout=300)


def _killed(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Start a command, and kill it (it alone) while its notebook runs."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    started = folder / "started"
    process = subprocess.Popen(words, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not started.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    return subprocess.CompletedProcess(words, process.wait(), "", "")


def meet(fault: Fault, name: str) -> Left:
    """Let one side make a good result, then meet the fault, and look at what is left."""
    side = SIDES[name]
    with workbench() as folder, results_folder(folder, fault.place) as results:
        cells = fault.cells
        if fault.place == "killed":
            cells = (f"if n > 3:\n    open({str(folder / 'started')!r}, 'w').close()", *cells)
        notebook, out = folder / "report.ipynb", results / side.result
        _good_result(write_notebook(notebook, cells, GIVEN), side, out, folder)
        good = {path: path.read_bytes() for path in results.iterdir() if path.stem == out.stem}
        write_notebook(notebook, cells, fault.parameters)
        _spoil(results, fault.place)
        options = fault.finlab if name == "finlab" else fault.papermill
        done = _run(side.command(notebook, out, options), folder, fault.place, out, name)
        lost = any(
            not (results / file).exists() or (results / file).read_bytes() != held for file, held in good.items()
        )
        expected = fault.code == 0
        claims = done.returncode == 0 or (lost and side.good(out))
        made = [path.stat().st_size for path in results.iterdir() if path.name != "rest"]
        message = (done.stderr.strip().splitlines() or [""])[-1][:200]
        halves = half_written(results)
        if done.returncode == 0 and not expected:
            lost = True  # a result of something else stands where the good one stood
        return Left(done.returncode, len(halves), claims and not expected, lost and not expected, max(made), message)


def _good_result(notebook: Path, side: Side, out: Path, folder: Path) -> None:
    """Make the result that is to last: a notebook of the same name that has nothing to fail on."""
    source = notebook.read_text(encoding="utf-8")
    write_notebook(notebook, ("print('the last good result')",), GIVEN)
    done = command(*side.command(notebook, out, ()), cwd=folder)
    if done.returncode:
        raise RuntimeError(f"no good result: {done.stderr[-1000:]}")
    notebook.write_text(source, encoding="utf-8")


SUMS = {
    "half": Plan("Faults: half-written files", "= 0", "files", PEER),
    "lies": Plan("Faults: failures that look like success", "= 0", "faults", PEER),
    "lost": Plan("Faults: last good result lost", "= 0", "faults", PEER),
    "codes": Plan("Faults: exit codes that do not tell the kind", "= 0", "faults", PEER),
    "peer": Plan("Faults that papermill fails", ">= 6", "faults", PEER),
}
QUICK = ("raise", "wrong parameter", "misspelt parameter")


def fault_rows(quick: bool) -> list[Row]:
    """A row for each fault, with both sides in its note, and the sums of all."""
    chosen = [fault for fault in FAULTS if not quick or fault.name in QUICK]
    left: dict[str, dict[str, Left]] = {}
    rows = []
    for fault in chosen:
        plan = {"one": Plan(f"Fault: {fault.name}", "= 0", "wrong", PEER)}
        rows += attempt(plan, partial(_one, fault, left))
    return attempt(SUMS, partial(_sums, left, chosen)) + rows


def _one(fault: Fault, left: dict[str, dict[str, Left]]) -> dict[str, Found]:
    both = {name: meet(fault, name) for name in SIDES}
    left[fault.name] = both
    print(fault.name, both, file=sys.stderr, flush=True)
    ours = both["finlab"]
    wrong = ours.half_written + ours.looks_good + ours.last_lost + (ours.code != fault.code)
    more = f" ({ours.size / 1e6:.1f} and {both[PEER].size / 1e6:.1f} MB)" if fault.code == 0 else ""
    return {"one": Found(wrong, 1, 1, f"finlab: {ours}. papermill: {both[PEER]}{more}")}


def _sums(left: dict[str, dict[str, Left]], chosen: list[Fault]) -> dict[str, Found]:
    missing = [fault.name for fault in chosen if fault.name not in left]
    if missing:
        raise RuntimeError(f"not met: {', '.join(missing)}")
    n = len(chosen)

    def both(count: Callable[[Left], Any]) -> Found:
        ours, theirs = (sum(int(count(one[name])) for one in left.values()) for name in SIDES)
        return Found(ours, n, note=f"papermill: {theirs}")

    lies = sum(one[PEER].looks_good for one in left.values())
    wrong = [fault.name for fault in chosen if left[fault.name]["finlab"].code != fault.code]
    codes = sorted({left[fault.name][PEER].code for fault in chosen})
    failed = [name for name, one in left.items() if one[PEER].failed]
    return {
        "half": both(lambda one: one.half_written),
        "lies": both(lambda one: one.looks_good)._replace(
            note=f"papermill: {lies}; exit 0, or every cell said completed"
        ),
        "lost": both(lambda one: one.last_lost),
        "codes": Found(len(wrong), n, note="; ".join(wrong) or f"papermill has {len(codes)} codes: {codes}"),
        "peer": Found(len(failed), n, note=", ".join(failed)),
    }
