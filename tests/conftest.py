"""Fixtures that several rooms share."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from finlab.core.compute import make_room

# Compiled programs are kept beside pytest's own cache: the tiers, and the processes that tests start, share them.
PROGRAMS = Path(__file__).resolve().parents[1] / ".pytest_cache" / "programs"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(PROGRAMS))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# No example is timed: a busy machine is no fault of the code.
hypothesis.settings.register_profile("finlab", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("finlab")


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real data sets, named by FINLAB_TESTDATA (not part of the project); else a skip."""
    folder = os.environ.get("FINLAB_TESTDATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"FINLAB_TESTDATA={folder!r} names no folder: the real data sets are not here")
    return Path(folder)


FLAGS = ("--disable-background-networking", "--disable-component-update", "--disable-gpu", "--no-first-run")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One headless browser for all tests of a file; a skip where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    flags = [*FLAGS, *["--no-sandbox"] * (os.geteuid() == 0)]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, where no setting of the machine or of the checkout is seen."""
    for name in list(os.environ):
        if name.startswith("FINLAB_") and name != "FINLAB_TESTDATA":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = Path(tempfile.mkdtemp(prefix="finlab-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if os.getuid() != 0 or not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest tests last, so that a deadline leaves out as few as possible."""
    items.sort(key=lambda item: item.get_closest_marker("long") is not None)


LONGEST = 600  # seconds that a test marked `long` may need on a slow machine


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what would end after the deadline that CI sets (seconds since 1970): skipped, so that it is counted."""
    deadline = os.environ.get("FINLAB_TEST_DEADLINE")
    needed = LONGEST if item.get_closest_marker("long") else 0
    if deadline and time.time() + needed > float(deadline):
        pytest.skip("left out: CI's time is up")


def pytest_runtest_teardown() -> None:
    """Let JAX forget its programs before the process is full of them; they are kept in the folder."""
    make_room()
