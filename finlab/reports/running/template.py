"""The template process: it has imported the heavy libraries, has run nothing, and is forked for every report.

A plain module, not a notebook: the program of that process; how it is spoken to is the subject of `forks`. Always a fresh
process of its own, never the caller's kernel: a library that has once been used may have threads, and a fork of a process
with threads hangs. After every import it is looked whether that still holds.

The conversation: JSON over a socket that keeps messages apart; a fork is asked for together with four open files, which
are then the child's (its line to the caller, its standard output and error, and the pipe on which its end is told).
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import weakref
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

LONGEST = 1 << 18  # bytes of a message between caller and template
# Libraries that may be imported without anything being run. Parts of them that look for a notebook while they are
# imported are left to the report itself.
SAFE = frozenset(
    {
        "arch", "dateutil", "duckdb", "finlab", "IPython", "ipykernel", "jax", "jaxlib", "jaxtyping", "jinja2",
        "markupsafe", "matplotlib", "mistune", "nh3", "numpy", "packaging", "pandas", "patsy", "PIL", "pyarrow",
        "pygments", "pytz", "scipy", "seaborn", "skbase", "sklearn", "sktime", "statsmodels", "threadpoolctl", "torch",
    }
)  # fmt: skip
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # OpenBLAS alone makes its threads when it is loaded; see `child`
# The threads of OpenBLAS wait for work by turning, by default 2**26 cycles after each call: a tenth of what a report with
# a few models takes, and time that another report could use. So many halvings less change neither results nor speed.
SHORT_WAIT = {"OPENBLAS_THREAD_TIMEOUT": "12"}
# Asks a child where its cell stands.
STACK_SIGNAL = signal.SIGRTMIN + 5 if hasattr(signal, "SIGRTMIN") else signal.SIGUSR2
BASE = ("ipykernel.debugger", "finlab.reports.running.child", "finlab.reports.running.paint")
ALLOCATOR = "jemalloc_bg_thd"  # the thread of Arrow's allocator


def serve(descriptor: int) -> None:
    """Import, fork and wait for children until the caller closes its end."""
    channel = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children: dict[int, int] = {}
    for name in BASE:
        importlib.import_module(name)
    import_all(())
    _answer(channel, impure())
    while True:
        ready = readable([channel.fileno(), woken], None)
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            _tell_ends(children)
        if channel.fileno() in ready:
            message, descriptors, _, _ = socket.recv_fds(channel, LONGEST, 4)
            if not message:
                break
            asked = json.loads(message)
            if asked["do"] == "import":
                import_all(asked["modules"])
                _answer(channel, impure())
            else:
                _fork(channel, descriptors, children, (woken, wake))
    for pid in children:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def readable(descriptors: Iterable[int], seconds: float | int | None) -> set[int]:
    """Wait until one of the descriptors can be read or is closed, for so many seconds at most; there may be thousands."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(None if seconds is None else max(0.0, 1000 * seconds))}


def _answer(channel: socket.socket, problem: str) -> None:
    channel.send(json.dumps({"problem": problem}).encode())


def import_all(modules: Iterable[str]) -> None:
    """Import `modules`, as far as they can be imported and are known to run nothing; later forks are cheap."""
    for name in modules:
        if name.partition(".")[0] in SAFE and name not in sys.modules:
            with contextlib.suppress(Exception):  # the report will meet the same error where it can be told
                importlib.import_module(name)
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        finalizer.atexit = False  # a report leaves without clearing up after what the template has imported
    openblas.cache_clear()
    gc.collect()
    gc.freeze()


@cache
def openblas() -> list[Any]:
    """Find the OpenBLAS libraries of this process: once for all forks, for it takes as long as all else they do first."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(internal_api="openblas").lib_controllers


def impure() -> str:
    """Say what in this process forbids a fork; empty if nothing does."""
    if threading.active_count() > 1:
        return "threads: " + ", ".join(sorted(thread.name for thread in threading.enumerate()))
    bridge = sys.modules.get("jax._src.xla_bridge")
    if bridge is not None and bridge.backends_are_initialized():
        return "a JAX backend is initialised"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "CUDA is initialised in torch"
    others = library_threads()
    return f"threads of libraries, such as those of an open DuckDB connection: {', '.join(others)}" if others else ""


def library_threads() -> list[str]:
    """List the threads of this process that are not Python's, by name; Arrow's allocator forks well with its own."""
    tasks = sorted(Path("/proc/self/task").glob("*/comm"))
    names = [path.read_text().strip() for path in tasks if path.parent.name != str(os.getpid())]
    return [name for name in names if name != ALLOCATOR]


def _fork(channel: socket.socket, descriptors: list[int], children: dict[int, int], own: tuple[int, int]) -> None:
    line, out, err, end = descriptors
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    openblas()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (channel.detach(), end, *own, *children.values()):
            os.close(descriptor)
        from finlab.reports.running.child import live

        live(line, out, err)
    for descriptor in (line, out, err):
        os.close(descriptor)
    children[pid] = end
    _write_line(end, {"pid": pid})


def _tell_ends(children: dict[int, int]) -> None:
    """Tell of every child that has ended: how, and what it took."""
    while children:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        end = children.pop(pid)
        told = {
            "code": os.waitstatus_to_exitcode(status),
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "peak_memory_bytes": used.ru_maxrss * 1024,
        }
        _write_line(end, told)
        os.close(end)


def _write_line(descriptor: int, content: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(descriptor, json.dumps(content).encode() + b"\n")
