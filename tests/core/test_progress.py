"""Progress: one line where somebody can be looking, nothing anywhere else, and nothing left behind."""

import os
import pty
import subprocess
import sys
import threading
from typing import Any

import pytest

from finlab.core.progress import progress

PROGRAM = """
import sys, threading
from finlab.core.progress import progress
found = [x * x for x in progress(range(4), title="squares")]
with progress(total=3, title="report") as bar:
    for step in ("read", "fit", "draw"):
        bar.advance(note=step)
for _ in progress(iter("ab")):
    pass
assert threading.active_count() == 1
print(found)
"""


def test_silent_without_a_terminal() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ran.stdout == "[0, 1, 4, 9]\n"
    assert ran.stderr == ""


@pytest.mark.parametrize("closing", ["sys.stderr.close()", "sys.stderr = None"])
def test_silent_without_standard_error(closing: str) -> None:
    program = f"import sys\n{closing}\n{PROGRAM}"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "[0, 1, 4, 9]\n")


def test_one_line_in_a_terminal_that_is_wiped_at_the_end() -> None:
    here, there = pty.openpty()
    seen: list[bytes] = []

    def look() -> None:
        while True:
            try:
                chunk = os.read(here, 65536)
            except OSError:  # the other end was closed
                return
            seen.append(chunk)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    ran = subprocess.run([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=there, text=True, check=True)
    os.close(there)
    watcher.join(10)
    os.close(here)
    shown = b"".join(seen).decode()
    assert "squares:   0% " in shown and " left" in shown and "it/s" not in shown.partition("report")[0]
    assert ran.stdout == "[0, 1, 4, 9]\n"
    assert "squares" in shown
    assert "report" in shown
    assert "\n" not in shown
    assert shown.rstrip("\r").rsplit("\r", 1)[-1].strip() == ""


def test_one_output_in_a_notebook_that_is_empty_at_the_end() -> None:
    nbformat: Any = pytest.importorskip("nbformat")
    client: Any = pytest.importorskip("nbclient")
    cells = [nbformat.v4.new_code_cell(PROGRAM.replace("assert threading", "# threads of the kernel: "))]
    notebook = nbformat.v4.new_notebook(cells=cells)
    updates: list[str] = []

    class Watching(client.NotebookClient):  # type: ignore[misc]
        def process_message(self, msg: Any, cell: Any, index: int) -> Any:
            if msg["msg_type"] in ("display_data", "update_display_data"):
                updates.append(msg["content"]["data"]["text/plain"])
            return super().process_message(msg, cell, index)

    Watching(notebook, timeout=60).execute()
    outputs = notebook.cells[0].outputs
    assert [output.output_type for output in outputs] == ["display_data", "display_data", "display_data", "stream"]
    assert all(output.data["text/plain"] == "" for output in outputs[:3])
    assert outputs[3].text == "[0, 1, 4, 9]\n"
    assert any("squares" in text for text in updates)


def test_a_loop_may_fail_and_the_error_comes_through() -> None:
    with pytest.raises(KeyError, match="inside"):
        for _ in progress([1, 2]):
            raise KeyError("inside")
    with pytest.raises(KeyError, match="inside"), progress(total=2) as bar:
        bar.advance()
        raise KeyError("inside")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("progress(5)", "iterable is 5; expected something to loop over (a number of steps is given as total=...)"),
        ("progress(total=-1)", "total is -1; expected a whole number of at least 0"),
    ],
)
def test_wrong_use_is_refused(call: str, words: str) -> None:
    program = (
        "from finlab.core.errors import InputError\nfrom finlab.core.progress import progress\n"
        f"try: {call}\nexcept InputError as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == words
