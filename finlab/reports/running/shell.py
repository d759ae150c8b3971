"""A kernel without sockets: ipykernel's own shell, whose messages are handed to a function of ours.

A plain module, not a notebook: it adapts one protocol to another. Cells behave as in Jupyter because it is ipykernel
that runs them; only what would go out over ZeroMQ goes to `hear(kind, content)` instead. It lives in the process that
a report has for itself (see `finlab.reports.running.child`).
"""

import asyncio
import io
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from IPython.core.history import HistoryManager
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.session import Session

Hear = Callable[[str, Mapping[str, Any]], None]
FLUSH_SECONDS = 0.2  # as ipykernel's streams
FLUSH_CHARACTERS = 100_000


class Kernel(IPythonKernel):
    """ipykernel's kernel, to be asked for one cell after the other."""

    def ask(self, code: str, cell_id: str | None) -> Any:
        """Execute a cell (a coroutine); its reply has status, execution_count and, after an error, the traceback."""
        return self.do_execute(code, silent=False, store_history=True, allow_stdin=False, cell_id=cell_id)


class _Messages(Session):
    """The place where ipykernel hands its messages over to be sent."""

    hear: Hear

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *_: Any, **__: Any) -> Any:
        """Hand a message on; its parent and its signature are of no use without a network."""
        if isinstance(msg_or_type, Mapping):
            msg_or_type, content = msg_or_type["msg_type"], msg_or_type["content"]
        self.hear(msg_or_type, content or {})


class Stream(io.TextIOBase):
    """Standard output or error of the cells: what is written is handed on soon, and before anything is displayed.

    Not at once: `print` writes its text and the end of the line one after the other, and both belong together.
    """

    encoding = "UTF-8"
    errors = "replace"

    def __init__(self, name: str, descriptor: int, hear: Hear) -> None:
        self.name, self._descriptor, self._hear = name, descriptor, hear
        self._pid, self._lock = os.getpid(), threading.RLock()
        self._waiting: list[str] = []
        self._size = 0

    def fileno(self) -> int:
        """The descriptor that subprocesses write to, which is read as well."""
        return self._descriptor

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str) -> int:
        """Take a text; a process that was forked from this one writes to the descriptor."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if os.getpid() != self._pid:
            os.write(self._descriptor, text.encode("utf-8", "replace"))
            return len(text)
        with self._lock:
            self._waiting.append(text)
            self._size += len(text)
            if self._size > FLUSH_CHARACTERS:
                self.flush()
        return len(text)

    def flush(self) -> None:
        """Hand on what waits."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            text, self._waiting, self._size = "".join(self._waiting), [], 0
            if text:
                self._hear("stream", {"name": self.name, "text": text})


def _keep_flushing(streams: list[Stream]) -> None:
    """Hand on now and then what was printed, while a long cell goes on."""

    def flush_now_and_then() -> None:
        while True:
            time.sleep(FLUSH_SECONDS)
            for stream in streams:
                stream.flush()

    threading.Thread(target=flush_now_and_then, name="finlab-flush", daemon=True).start()


def start(hear: Hear) -> Kernel:
    """Start the shell in this process and let everything that cells print, show or raise go to `hear`."""
    history: Any = HistoryManager
    history.enabled = False  # its database would be a thread and a file
    session = _Messages()
    session.hear = hear
    log = logging.getLogger("finlab.reports.running.shell")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    no_thread = SimpleNamespace(parent_thread=None)  # where an awaiting cell would wait for an interrupt
    kernel = Kernel.instance(session=session, iopub_socket=object(), log=log, shell_channel_thread=no_thread)
    IPKernelApp.instance(kernel=kernel, shell=kernel.shell, log=log)  # where magics such as %matplotlib look for it
    streams = [Stream("stdout", 1, hear), Stream("stderr", 2, hear)]
    sys.stdout, sys.stderr = streams
    _keep_flushing(streams)
    return kernel


def run_in_loop(work: Any) -> Any:
    """Run a coroutine as a kernel does, inside a loop: cells may await.

    Nothing that a cell has left running in the loop, or in its threads, is waited for: the process ends.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(work)


TransformerManager().transform_cell("1 + 1\n")  # the patterns by which cells are read are then there in every fork
