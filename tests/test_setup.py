"""The set-up script says what is missing, in a line; the Makefile names what can be typed."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def setup(copy: Path, python: str) -> subprocess.CompletedProcess[str]:
    (copy / ".ci").mkdir()
    (copy / ".ci" / "setup.sh").write_text((ROOT / ".ci" / "setup.sh").read_text())
    command = ["bash", str(copy / ".ci" / "setup.sh"), "core", str(copy / ".venv" / ".core-0")]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHON": python})


def fake_python(folder: Path, body: str) -> str:
    script = folder / "python-fake"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return str(script)


def test_no_such_python(tmp_path: Path) -> None:
    done = setup(tmp_path, "python3.99")
    assert done.returncode == 2
    assert "PYTHON=python3.99: no such command; expected Python 3.11 to 3.13" in done.stderr


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    python = fake_python(tmp_path, '[ "$1" = --version ] && echo Python 3.9.2 && exit 0; exit 1')
    done = setup(tmp_path, python)
    assert done.returncode == 2
    assert "is Python 3.9.2; expected Python 3.11 to 3.13" in done.stderr


def test_a_python_without_venv(tmp_path: Path) -> None:
    python = fake_python(tmp_path, 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    done = setup(tmp_path, python)
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True)


def test_make_alone_names_the_targets() -> None:
    told = make().stdout
    for target in ("report", "test", "test-all", "lab", "bench"):
        assert f"make {target}" in told


@pytest.mark.parametrize("arguments", [[], ["NAME=nothing"]])
def test_a_benchmark_that_is_not_there_is_named(arguments: list[str]) -> None:
    if not list((ROOT / ".venv").glob(".all-*")):
        pytest.skip("not running in the environment that make made")
    done = make("bench", *arguments)
    assert done.returncode == 2
    assert "forecast" in done.stderr
