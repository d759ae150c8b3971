"""A workbench as someone finds it: the quickstart runs through, JupyterLab opens it, the schedule names it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from finlab.cli import workbench as rooms


@pytest.mark.parametrize("script", ["finlab", "not-installed"])
def test_the_schedule_is_cron_lines_that_run_here(
    script: str, workbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "SCRIPT", script)  # with and without the script that an installer puts beside Python
    folder = workbench / "5% of o'clock $HOME"
    folder.mkdir()
    text = rooms.files_of(folder)[folder / "schedule.cron"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"^[\d*]+ [\d*]+ [\d*]+ [\d*]+ [\d*,-]+ +cd ", line)
        assert "{" not in line
        assert not re.search(r"(?<!\\)%", line)  # a bare % ends a cron line
        command = re.sub(r"^(\S+ +){5}", "", line).replace(r"\%", "%").replace("run forecast", "version")
        subprocess.run(["sh", "-c", command], check=True)  # as cron would, with a quick command in the long one's place
        assert "finlab 0." in (folder / "schedule.log").read_text()


@pytest.mark.slow
def test_the_quickstart_runs_from_top_to_bottom(workbench: Path) -> None:
    subprocess.run([sys.executable, "-m", "finlab", "init"], cwd=workbench, check=True, capture_output=True)
    command = [sys.executable, "-m", "papermill", "--cwd", ".", "-k", "python3", "quickstart.ipynb", "done.ipynb"]
    done = subprocess.run(command, cwd=workbench, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    notebook = nbformat.read(workbench / "done.ipynb", as_version=4)
    last = notebook.cells[-1].outputs[-1]
    assert "forecast.html" in last["data"]["text/plain"]
    assert (workbench / "reports" / "forecast.html").exists()


@pytest.mark.slow
def test_lab_serves_the_quickstart(workbench: Path) -> None:
    address = {"JUPYTER_TOKEN": "test", "JUPYTER_PORT": "18888", "JUPYTER_RUNTIME_DIR": str(workbench / "runtime")}
    command = [sys.executable, "-m", "finlab", "lab", "--no-browser"]
    log = (workbench / "lab.log").open("w")
    server = subprocess.Popen(command, cwd=workbench, stdout=log, stderr=log, env={**os.environ, **address})
    try:
        url = "http://127.0.0.1:18888/lab/tree/quickstart.ipynb?token=test"
        assert "JupyterLab" in wait_for(url, server)
        content = wait_for("http://127.0.0.1:18888/api/contents/quickstart.ipynb?token=test", server)
        assert "One store for scattered sources" in content
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
        log.close()


def wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 90) -> str:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.read().decode()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
