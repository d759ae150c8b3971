"""One report under watch: its messages, its output, its time and its memory, until its end is known.

A plain module, not a notebook: it listens to a process. What is believed about the end is never what the report says
of itself alone: a notebook is complete when every cell has been answered for, and the process has not been ended.
"""

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from finlab.reports.running.ends import Failure, Outcome, Used, died, raised
from finlab.reports.running.forks import Child, read_line
from finlab.reports.running.memory import Memory, marked
from finlab.reports.running.outputs import Outputs
from finlab.reports.running.template import STACK_SIGNAL, readable
from finlab.reports.running.workplace import Workplace
from finlab.reports.text import terminal_text

LOOK_SECONDS = 0.1  # between two looks at time and memory
STACK_SECONDS = 0.5  # for a process to write where it stands
LEAVE_SECONDS = 10  # for a process whose cells are done to end
SETTLE_SECONDS = 1  # between two times that long texts are put together
CHUNK = 1 << 20


CELL_FILE = re.compile(r'File "[^"]*/ipykernel_\d+/\d+\.py", ')


class Limits(NamedTuple):
    """What a run may take: seconds in all, seconds for one cell, bytes of memory; None for no limit."""

    seconds: float | None = None
    cell_seconds: float | None = None
    memory_bytes: int | None = None


class Plan(NamedTuple):
    """How to run: the folders, the environment, the limits, the seed of random numbers, and the format of charts."""

    place: Workplace
    env: Mapping[str, str]
    cwd: Path
    limits: Limits
    seed: int
    charts: str = "svg"  # or "png", as a kernel draws them


@runtime_checkable
class Keeper(Protocol):
    """Who is told how far a notebook has come; `cell` is its place among all cells."""

    def start(self, cell: int) -> None:
        """A cell begins."""

    def change(self) -> None:
        """Something was printed or shown."""

    def end(self, cell: int, failed: bool) -> None:
        """A cell has ended."""


class Silent:
    """A keeper who tells nobody."""

    def start(self, cell: int) -> None:
        """A cell begins."""

    def change(self) -> None:
        """Something was printed or shown."""

    def end(self, cell: int, failed: bool) -> None:
        """A cell has ended."""


class _Stop(Exception):
    """The run must be ended: for this reason."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


class Watch:
    """The watch over one forked process that runs a notebook (a mapping, changed in place)."""

    def __init__(self, child: Child, notebook: Any, limits: Limits, keeper: Keeper, stack: Path) -> None:
        self.child, self.notebook, self.limits, self.keeper, self.stack = child, notebook, limits, keeper, stack
        self.cells = notebook["cells"]
        self.outputs = Outputs(self.cells)
        self.memory = Memory(child.pid, limits.memory_bytes, str(stack.parent))
        self.current: int | None = None  # the cell that runs
        self.passed = 0  # cells before this place are done
        self.unfinished = {i for i, cell in enumerate(self.cells) if runs(cell)}
        self.started = self.cell_started = self._settled = time.monotonic()
        self.done: dict[str, Any] | None = None
        self.needs = ""
        self._failed = False  # whether a cell has raised that must not
        self._early = list[tuple[str, str]]()  # what was written since the last cell ended
        self._rest = list[bytes]()  # of a line that is not complete
        self._open = {child.line.fileno(): "", child.out: "stdout", child.err: "stderr", child.end: ""}
        self._partial = {child.out: b"", child.err: b""}

    def follow(self) -> Outcome:
        """Listen until the process has ended, and tell how that was."""
        stopped: Failure | None = None
        try:
            while self.child.end in self._open:
                self._listen(LOOK_SECONDS)
                self._check()
        except _Stop as stop:
            stopped = stop.failure
        except BaseException:
            self.child.kill()
            raise
        self.child.kill()
        end_all(marked(str(self.stack.parent)))  # what the report has left running
        ended = read_line(self.child.end, LEAVE_SECONDS)
        until = time.monotonic() + STACK_SECONDS
        while self._listen(0) and time.monotonic() < until:
            pass
        self.outputs.end()
        used = Used(ended.get("cpu_seconds"), max(self.memory.peak, ended.get("peak_memory_bytes") or 0) or None)
        failure = self._failure(stopped, ended)
        self._finish(failure)
        return Outcome(self.notebook, failure, used, tuple((self.done or {}).get("imported", ())))

    # --- listening ---------------------------------------------------------------------------------------------------

    def _listen(self, seconds: float | int) -> bool:
        """Take what has come within so many seconds; False if nothing has."""
        ready = readable(self._open, seconds)
        for descriptor in (self.child.out, self.child.err):
            if descriptor in ready:
                self._take_output(descriptor)
        if self.child.line.fileno() in ready:
            self._take_events()
        if self.child.end in ready and self.child.line.fileno() not in ready:  # all that was said has been heard
            del self._open[self.child.end]
        return bool(ready - {self.child.end})

    def _take_output(self, descriptor: int) -> bool:
        """Take what was written to a descriptor, by a subprocess as a rule; False if there is nothing."""
        try:
            part = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return False
        if not part:
            self._open.pop(descriptor, None)
            return False
        text, self._partial[descriptor] = _decode(self._partial[descriptor] + part)
        if text:
            self._hear_written("stdout" if descriptor == self.child.out else "stderr", text)
        return True

    def _hear_written(self, name: str, text: str) -> None:
        """What is written between two cells is the next one's; behind the last, nobody's."""
        if self.current is not None:
            self.outputs.hear(self.current, "stream", {"name": name, "text": text})
            self._change()
        elif self.unfinished and not self._failed:
            self._early.append((name, text))

    def _take_written(self) -> None:
        """Take what has been written to descriptors by now: one read, which a process that never stops cannot prolong."""
        for descriptor in (self.child.out, self.child.err):
            if self.current is not None and descriptor in self._open:
                self._take_output(descriptor)

    def _take_events(self) -> None:
        try:
            part = self.child.line.recv(CHUNK)
        except OSError:
            part = b""
        if not part:
            self._open.pop(self.child.line.fileno(), None)
            return
        self._take_written()  # what was written before a message was sent comes before it
        *ends, rest = part.split(b"\n")
        for end in ends:
            line, self._rest = b"".join([*self._rest, end]), []
            try:
                self._take_event(*json.loads(line))
            except (ValueError, TypeError, LookupError):
                told = "the process that ran this cell did not answer sensibly; did it write to a file that is not its own?"
                raise _Stop(Failure(self.current, "KernelDied", told, "killed")) from None
        self._rest.append(rest)

    def _take_event(self, kind: str, *event: Any) -> None:
        if kind == "message":
            if self.current is not None:
                self.outputs.hear(self.current, event[0], event[1])
                self._change()
        elif kind == "start":
            self._begin(*event)
        elif kind == "end":
            self._end(*event)
        elif kind == "printed":
            self._go_on()
        elif kind == "kernel":
            self.notebook["metadata"]["language_info"] = event[0]
        elif kind == "needs":
            self.needs = event[0]
        else:
            self.done = event[0]
            self.cell_started = time.monotonic()

    def _change(self) -> None:
        """Something was printed or shown: now and then the notebook has it, so that it can be saved."""
        if time.monotonic() - self._settled > SETTLE_SECONDS:
            self.outputs.settle()
            self._settled = time.monotonic()
        self.keeper.change()

    def _begin(self, cell: int, when: str) -> None:
        self._pass_to(cell)
        self.current, self.cell_started = cell, time.monotonic()
        self.cells[cell]["metadata"]["execution"] = {"iopub.status.busy": when, "iopub.execute_input": when}
        self.keeper.start(cell)
        early, self._early = self._early, []
        for name, text in early:
            self._hear_written(name, text)
        self._take_written()

    def _pass_to(self, cell: int) -> None:
        """Pass over the cells before `cell` that have nothing to run."""
        for place in range(self.passed, cell):
            self.keeper.start(place)
            self.keeper.end(place, False)
        self.passed = max(self.passed, cell)

    def _end(self, cell: int, when: str, count: int, error: Mapping[str, str] | None) -> None:
        self._take_written()
        self._go_on()
        self.outputs.end()
        self.cells[cell]["execution_count"] = count
        self.cells[cell]["metadata"]["execution"] |= {"shell.execute_reply": when, "iopub.status.idle": when}
        self.unfinished.discard(cell)
        self.current, self.passed = None, cell + 1
        self._failed = error is not None and not may_raise(self.cells[cell])
        if self._failed and error is not None:
            self._show(cell, error["ename"], error["evalue"])
        self.keeper.end(cell, self._failed)

    def _go_on(self) -> None:
        """Tell the process that all it said has been heard: the next cell may begin, or a process that writes."""
        with contextlib.suppress(OSError):
            self.child.line.sendall(b"\n")

    def _show(self, cell: int, name: str, message: str, trace: Iterable[str] = ()) -> None:
        """Let a cell that failed show an error, whatever it has made of its own."""
        outputs = self.cells[cell]["outputs"]
        if not any(output["output_type"] == "error" for output in outputs):
            lines = [*trace, f"{name}: {message}"]
            told = {"output_type": "error", "ename": name, "evalue": message, "traceback": lines}
            outputs.append(type(self.cells[cell])(told))

    # --- limits ------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Stop the run if it has taken too long or too much."""
        now = time.monotonic()
        if self.done is not None:
            if now - self.cell_started > LEAVE_SECONDS:
                raise _Stop(Failure(None, "", "", "done"))
            return
        for seconds, since, what in (
            (self.limits.cell_seconds, self.cell_started, "cell"),
            (self.limits.seconds, self.started, "report"),
        ):
            if seconds is not None and now - since > seconds and (what == "report" or self.current is not None):
                told = f"the {what} took longer than {seconds:g} seconds and was stopped"
                raise _Stop(Failure(self.current, "Timeout", told, "timeout", None, self._where_it_stands()))
        if reached := self.memory.beyond():
            told = too_much(reached, self.limits.memory_bytes)
            raise _Stop(Failure(self.current, "OutOfMemory", told, "memory"))

    def _where_it_stands(self) -> str:
        """Ask the process for the traceback of every thread; empty if it does not answer."""
        with contextlib.suppress(OSError):
            os.kill(self.child.pid, STACK_SIGNAL)
            until, size = time.monotonic() + STACK_SECONDS, 0
            while time.monotonic() < until and not 0 < size == self.stack.stat().st_size:  # until it grows no more
                size = self.stack.stat().st_size
                time.sleep(0.05)
            return own_frames(self.stack.read_text(errors="replace"))
        return ""

    # --- the end -----------------------------------------------------------------------------------------------------

    def _failure(self, stopped: Failure | None, ended: Mapping[str, Any]) -> Failure | None:
        for place, cell in enumerate(self.cells):
            for output in [] if may_raise(cell) else cell.get("outputs", []):
                if output["output_type"] == "error":
                    return raised(place, output, terminal_text)
        if self.needs:
            return Failure(None, "NeedsKernel", self.needs, "needs")
        if self.done is not None and not self.unfinished:
            return None
        place = self.current if self.current is not None else min(self.unfinished, default=None)
        if stopped is not None and stopped.kind != "done":
            return stopped._replace(cell=place)
        reached = f"; it had {self.memory.last / 1e9:.2f} GB of memory" if self.memory.last else ""
        return died(ended.get("code"), reached)._replace(cell=place)

    def _finish(self, failure: Failure | None) -> None:
        """Account for the cells behind the last one that ran."""
        if failure is None:
            self._pass_to(len(self.cells))
        elif failure.kind != "error" and failure.cell is not None:
            self._pass_to(failure.cell)
            self._show(failure.cell, failure.name, failure.message, failure.traceback.splitlines())
            self.keeper.end(failure.cell, True)


def end_all(processes: Iterable[int]) -> None:
    """End processes."""
    for process in processes:
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)


def runs(cell: Mapping[str, Any]) -> bool:
    """Tell whether a cell has code to run: papermill passes over the others, and they have no count."""
    tagged = "skip-execution" in cell.get("metadata", {}).get("tags", [])
    return cell["cell_type"] == "code" and bool("".join(cell["source"]).strip()) and not tagged


def may_raise(cell: Mapping[str, Any]) -> bool:
    """Tell whether a cell is meant to raise."""
    return "raises-exception" in cell.get("metadata", {}).get("tags", [])


def too_much(reached: int, limit: int | None) -> str:
    """Say that a report took more memory than it may."""
    allowed = (limit or 0) / 1e9
    return f"the report took {reached / 1e9:.2f} GB of memory, more than the {allowed:g} GB allowed, and was stopped"


def own_frames(stack: str) -> str:
    """Keep of a traceback by faulthandler what belongs to the cell: the innermost frames, up to IPython's."""
    kept = []
    for line in stack.splitlines():
        if "IPython/core/interactiveshell" in line:
            break
        kept.append(CELL_FILE.sub("the cell, ", line))
    return "\n".join(kept).strip()


def _decode(read: bytes) -> tuple[str, bytes]:
    """Decode what is complete, and leave the first bytes of a character that is not."""
    for cut in range(min(3, len(read)) + 1):
        try:
            return read[: len(read) - cut].decode(), read[len(read) - cut :]
        except UnicodeDecodeError as error:
            if error.end < len(read) - cut:
                break
    return read.decode(errors="replace"), b""
