"""What a forked process does: it settles, reads its task, and runs the cells of one notebook or renders one page.

A plain module, not a notebook: system calls, with nothing to teach. Nothing of a report is in this process before it
begins, and nothing is left of it when it has ended: its folder, its environment and its random numbers are its own.
"""

import asyncio
import atexit
import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from finlab.reports.running import shell
from finlab.reports.running.template import STACK_SIGNAL, openblas

PARENT_DIES = 1  # PR_SET_PDEATHSIG of Linux
FIRST_TO_GO = 500  # of 1,000: when memory runs out the system ends a report before it ends the caller
CONSOLE_COLUMNS = 20  # of a pandas table; pandas takes this in a notebook, and looks for one while it is imported
STARTS = frozenset({"os.system", "os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen"})  # of a process
FAILED_TO_LIVE = 70  # the exit code of a process whose own work went wrong (EX_SOFTWARE)


def live(line: int, out: int, err: int) -> NoReturn:
    """Be the process of one task, then end."""
    code = FAILED_TO_LIVE
    try:
        _settle(out, err)
        with socket.socket(fileno=line) as connection:
            task = json.loads(connection.makefile("rb").readline())
            if task["task"] == "notebook":
                run_notebook(connection, task)
            else:
                from finlab.reports.running.paint import paint

                connection.sendall(json.dumps(paint(task)).encode() + b"\n")
        code = 0
    except BaseException:
        with contextlib.suppress(OSError):
            os.write(2, traceback.format_exc().encode("utf-8", "replace"))
    finally:
        os._exit(code)


def _settle(out: int, err: int) -> None:
    """Leave the template's session, take output and error of one's own, and end when the template ends."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DIES, signal.SIGKILL)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO))
    gc.enable()


def run_notebook(connection: socket.socket, task: Mapping[str, Any]) -> None:
    """Run the code cells of a notebook up to the first that fails, and tell the caller all that happens."""

    lock, own = threading.Lock(), os.getpid()

    def tell(*event: Any) -> None:
        if os.getpid() != own:  # a process that a cell has forked does not speak for the report
            return
        line = json.dumps(event, default=str).encode() + b"\n"
        with lock:
            connection.sendall(line)

    def hear(kind: str, content: Mapping[str, Any]) -> None:
        if kind.startswith("comm_") and os.getpid() == own:
            tell("needs", "a widget")
            os._exit(0)
        tell("message", kind, content)

    before = set(sys.modules)
    _move_in(task)
    kernel = shell.start(hear)
    _prepare_libraries(kernel, task)
    tell("kernel", kernel.language_info)

    def before_a_start(event: str, _: Any) -> None:
        """Hand on what was printed before a process is started that writes to the descriptors itself."""
        if event in STARTS and os.getpid() == own:
            _flush()
            tell("printed")
            connection.recv(1)

    sys.addaudithook(before_a_start)
    shell.run_in_loop(_run_cells(kernel, task["cells"], tell, connection))
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    _flush()
    tell("done", {"imported": sorted(set(sys.modules) - before)})


def _move_in(task: Mapping[str, Any]) -> None:
    """Take the environment, the folders and the random numbers of the task."""
    os.environ.clear()
    os.environ.update(task["env"])
    os.chdir(task["cwd"])
    if "" not in sys.path:  # as in Jupyter: modules that lie in the working folder can be imported
        sys.path.insert(0, "")
    os.environ["TMPDIR"] = tempfile.tempdir = task["temporary"]
    random.seed(task["seed"])
    np.random.seed(task["seed"] % 2**32)  # noqa: NPY002 (the old generator is what cells may use without saying so)
    faulthandler.register(STACK_SIGNAL, file=open(task["stack"], "w"), all_threads=False)  # noqa: SIM115, PTH123


def _prepare_libraries(kernel: shell.Kernel, task: Mapping[str, Any]) -> None:
    """Undo what libraries have settled while they were imported without a notebook."""
    assert kernel.shell is not None
    if pandas := sys.modules.get("pandas"):
        pandas.set_option("display.max_columns", CONSOLE_COLUMNS)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(task["seed"])
    _use_all_threads(task["threads"])
    if task["charts"] == "svg":
        kernel.shell.config.InlineBackend.figure_formats = set()
        formatter: Any = kernel.shell.display_formatter
        formatter.mimebundle_formatter.for_type_by_name("matplotlib.figure", "Figure", _as_svg)


def _use_all_threads(count: int | None) -> None:
    """Give OpenBLAS back the threads that the template process did not want."""
    count = count or len(os.sched_getaffinity(0))
    for pool in openblas():
        pool.set_num_threads(count)


def _as_svg(figure: Any, **options: Any) -> Any:
    from finlab.core.plotting import figure_mimebundle

    return figure_mimebundle(figure, **options)


async def _run_cells(
    kernel: shell.Kernel, cells: list[Mapping[str, Any]], tell: Any, connection: socket.socket
) -> None:
    own = os.getpid()
    for cell in cells:
        started = _now()
        tell("start", cell["index"], started)
        reply = await kernel.ask(cell["source"], cell.get("id"))
        _flush()
        if os.getpid() != own:  # the cell has forked, and this is not the process of the report
            os._exit(0)
        raised = _raised(reply, kernel, cell is cells[-1])
        tell("end", cell["index"], _now(), reply["execution_count"], raised)
        connection.recv(1)  # the caller has taken what this cell wrote to descriptors; what comes is the next one's
        if raised and not cell["may_raise"]:
            return
        await asyncio.sleep(0)


def _raised(reply: Mapping[str, Any], kernel: shell.Kernel, last: bool) -> dict[str, str] | None:
    """Say what a cell raised, whether or not it showed it; `exit()` before the last cell counts as well."""
    if reply["status"] == "error":
        return {"ename": reply["ename"], "evalue": reply["evalue"]}
    if getattr(kernel.shell, "exit_now", False) and not last:
        return {"ename": "SystemExit", "evalue": "the cell called exit() before the last cell"}
    return None


def _flush() -> None:
    """Hand on what was printed; a cell may have put anything in the place of the two streams."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


warnings.filterwarnings("ignore", message=".*fork.*", category=RuntimeWarning, module="jax")
