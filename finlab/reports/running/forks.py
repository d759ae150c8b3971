"""How a template process is started, asked for forks, and ended.

A plain module, not a notebook: it is the caller's end of the conversation that `template` describes.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from finlab.core.errors import FinlabError
from finlab.reports.running.template import LONGEST, ONE_THREAD, SAFE, SHORT_WAIT, readable

MOST_MODULES = 3_000  # names in one message


class Impure(FinlabError):
    """A template process that has run something, so that it must not be forked."""


class Child(NamedTuple):
    """One forked process: its number, the line to it, its output and error, and the pipe on which its end is told."""

    pid: int
    line: socket.socket
    out: int
    err: int
    end: int

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, if it has not ended, and close what is open."""
        self.kill()
        self.line.close()
        for descriptor in (self.out, self.err, self.end):
            os.close(descriptor)

    def kill(self) -> None:
        """End the process and all that it started in its session."""
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)


PROGRAM = "import sys; sys.path.append({root!r}); from finlab.reports.running.template import serve; serve({place})"
START_SECONDS = 300  # for the template to answer; a cold disk under load needs tens


class Template:
    """A template process, to be used in a `with` block; several threads may ask it for forks."""

    def __init__(self, env: Mapping[str, str], modules: Iterable[str] = ()) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel, self._lock = ours, threading.Lock()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self.imported: set[str] = set()
        ours.settimeout(START_SECONDS)
        root = str(Path(__file__).parents[3])
        program = PROGRAM.format(root=root, place=theirs.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", program],
            pass_fds=[theirs.fileno()],
            env={"PYTHONHASHSEED": "0", **SHORT_WAIT, **env, **ONE_THREAD},
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,
        )
        theirs.close()
        try:
            self._listen()
            self.learn(modules)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Template":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def lives(self) -> bool:
        """Whether the process is there; the system may have ended it when memory ran out."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number of the template process."""
        return self._process.pid

    def _listen(self) -> None:
        try:
            answer = self._channel.recv(LONGEST)
        except TimeoutError:
            raise Impure(f"the template process did not answer within {START_SECONDS} seconds") from None
        except OSError:
            answer = b""
        if not answer:
            self._said.seek(0)
            words = self._said.read().decode(errors="replace").strip().split("\n")[-1]
            raise Impure(f"the template process ended: {words or 'without a word'}")
        if problem := json.loads(answer)["problem"]:
            raise Impure(f"the template process cannot be forked ({problem})")

    def learn(self, modules: Iterable[str]) -> None:
        """Let the template import `modules`; Impure if it must not be forked after that."""
        new = [name for name in dict.fromkeys(modules) if name.partition(".")[0] in SAFE and name not in self.imported]
        with self._lock:
            for start in range(0, len(new), MOST_MODULES):
                part = new[start : start + MOST_MODULES]
                self._channel.send(json.dumps({"do": "import", "modules": part}).encode())
                self._listen()
                self.imported.update(part)

    def fork(self) -> Child:
        """Ask for one more process; OSError if the template is gone."""
        with contextlib.ExitStack() as kept, contextlib.ExitStack() as handed:
            ours, theirs = map(kept.enter_context, socket.socketpair())
            pipes = [os.pipe2(os.O_CLOEXEC) for _ in range(3)]
            for read, write in pipes:
                kept.callback(os.close, read)
                handed.callback(os.close, write)
            handed.callback(theirs.close)
            with self._lock:
                socket.send_fds(self._channel, [b'{"do": "fork"}'], [theirs.fileno(), *(write for _, write in pipes)])
            handed.close()
            out, err, end = (read for read, _ in pipes)
            for descriptor in (out, err):
                os.set_blocking(descriptor, False)
            told = read_line(end, START_SECONDS)
            if "pid" not in told:
                raise OSError("the template process is gone")
            kept.pop_all()  # theirs is closed; the rest is the child's from here on
            return Child(told["pid"], ours, out, err, end)

    def close(self) -> None:
        """End the template and every child that still runs."""
        self._channel.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()


def read_line(descriptor: int, seconds: float | int) -> dict[str, Any]:
    """Read one line of JSON; empty if the other end is gone, or says nothing for so many seconds."""
    read, until = b"", time.monotonic() + seconds
    while not read.endswith(b"\n"):  # byte by byte: what follows the line is for the next reader
        part = os.read(descriptor, 1) if readable([descriptor], until - time.monotonic()) else b""
        if not part:
            return {}
        read += part
    return json.loads(read)
