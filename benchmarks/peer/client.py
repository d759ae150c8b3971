"""The other end of serve.py: starts it in the peers' environment, asks, remembers.

FINLAB_PEER_PYTHON names the Python of that environment; by default it is the one that `make bench-peer` makes.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SERVE = Path(__file__).resolve().parent / "serve.py"
MADE_HERE = SERVE.parents[2] / ".venv-peer" / "bin" / "python"


class PeerMissing(Exception):
    """There is no environment of the peers."""


class PeerFailed(Exception):
    """The worker could not meet a request, or died."""


def find_python() -> str:
    """The Python of the peers' environment, or an error that says how to get one."""
    named = os.environ.get("FINLAB_PEER_PYTHON", "")
    if named and not Path(named).is_file():
        raise PeerMissing(f"FINLAB_PEER_PYTHON={named!r}: expected the Python of the peers' environment")
    if named or MADE_HERE.is_file():
        return named or str(MADE_HERE)
    raise PeerMissing("no statsforecast: make bench-peer, or name its Python in FINLAB_PEER_PYTHON")


class Peer:
    """statsforecast on the series of one file; the worker starts at the first question and ends with `close`."""

    def __init__(self, series: Path) -> None:
        self.series = series
        self._worker: subprocess.Popen[str] | None = None
        self._told: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, do: str, group: tuple[str, str], ids: Sequence[int], again: bool = False, **more: Any) -> dict:
        """Put one question; an answer that was given before is given again, unless it is to be measured `again`."""
        line = json.dumps({"do": do, "dataset": group[0], "freq": group[1], "ids": [int(i) for i in ids], **more})
        if again or line not in self._told:
            self._told[line] = self._exchange(line)
        return self._told[line]

    def close(self) -> None:
        """End the worker, if it was started."""
        if self._worker is not None:
            self._worker.stdin.close()
            self._worker.wait()
            self._worker.stdout.close()
            self._noise.close()
            self._worker = None

    def _start(self) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        python = find_python()
        self._noise = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed with it
        return subprocess.Popen(
            [python, str(SERVE), str(self.series)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._noise, text=True, encoding="utf-8", env=clean,
        )  # fmt: skip

    def _exchange(self, line: str) -> dict[str, Any]:
        if self._worker is None:
            self._worker = self._start()
        try:
            print(line, file=self._worker.stdin, flush=True)
            reply = self._worker.stdout.readline()
        except BrokenPipeError:
            reply = ""
        if not reply:
            self._noise.seek(0)
            words = self._noise.read().strip().splitlines()[-1:] or ["without a word"]
            raise PeerFailed(f"the worker died: {words[0]}")
        answer = json.loads(reply)
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer
