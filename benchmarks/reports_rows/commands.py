"""The command lines of both sides: finlab's, and papermill's with nbconvert's, in the environment of this Python."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FINLAB = (sys.executable, "-m", "finlab")
PAPERMILL = (sys.executable, "-m", "papermill")
NBCONVERT = (sys.executable, "-m", "nbconvert")


def command(*words: str | Path, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command line in `cwd`; the finlab of this checkout is the one that is found."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([*map(str, words)], cwd=cwd, env=env, capture_output=True, text=True, **options)


def checked(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line that must succeed."""
    done = command(*words, cwd=cwd)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done


def papermill(notebook: Path, out: Path, given: Mapping[str, object] | None = None) -> None:
    """Execute a notebook with papermill."""
    words = [word for name, value in (given or {}).items() for word in ("-p", name, str(value))]
    checked(*PAPERMILL, notebook, out, *words, cwd=out.parent)


def papermill_and_page(notebook: Path, out: Path, given: Mapping[str, object] | None = None) -> Path:
    """Execute a notebook with papermill and convert it with nbconvert, as users do."""
    papermill(notebook, out, given)
    checked(*NBCONVERT, "--to", "html", out, cwd=out.parent)
    return out.with_suffix(".html")
