"""How much memory a report and what it has started take, as Linux tells it.

A plain module, not a notebook: it reads files of the system. Elsewhere than on Linux nothing is told, and a limit is refused
before a run starts.
"""

import os
import time
from pathlib import Path

KNOWN = Path("/proc/self/statm").exists()  # whether the system tells
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
LOOK_SECONDS = 0.05  # between two looks, however much is printed in the meantime
SEARCH_SECONDS = 1.0  # between two searches for processes that the report has started
SESSION = 3  # the place of the session's number in /proc/PID/stat, counted after the name


class Memory:
    """The memory of the processes of one session, and of those that carry a mark, looked at now and then."""

    def __init__(self, session: int, limit: int | None, mark: str = "") -> None:
        self.session, self.limit, self.mark = session, limit, mark
        self.last = self.peak = 0
        self._members, self._searched, self._looked = [session], time.monotonic(), 0.0

    def beyond(self) -> int:
        """Look at the memory; if it is beyond the limit, its bytes, else 0."""
        now = time.monotonic()
        if not KNOWN or now - self._looked < LOOK_SECONDS:
            return 0
        self._looked = now
        if now - self._searched > SEARCH_SECONDS:
            gone_away = marked(self.mark) if self.mark else []  # those among them that have a session of their own
            self._members, self._searched = sorted({*members(self.session), *gone_away}), now
        self.last = sum(map(resident, self._members))
        self.peak = max(self.peak, self.last)
        if self.limit is None or self.last <= self.limit:
            return 0
        own = sum(map(proportional, self._members))  # pages that processes share count once
        return own if own > self.limit else 0


def members(session: int) -> list[int]:
    """List the processes of a session."""
    names = os.listdir("/proc")  # noqa: PTH208 (names are what is wanted)
    return [int(name) for name in names if name.isdigit() and _session(name) == session]


def marked(mark: str) -> list[int]:
    """List the processes that were started with `mark` in their environment, whatever session they have gone to."""
    wanted, found = mark.encode(), []
    for path in Path("/proc").glob("[0-9]*/environ") if KNOWN else ():
        try:
            if wanted in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # gone, or somebody else's
            continue
    return found


def _session(name: str) -> int:
    try:
        fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        return int(fields[SESSION])
    except (OSError, IndexError, ValueError):
        return -1


def resident(process: int) -> int:
    """Read the resident memory of a process in bytes; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def proportional(process: int) -> int:
    """Read the memory of a process in bytes, with its part only of what it shares; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return resident(process)
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
