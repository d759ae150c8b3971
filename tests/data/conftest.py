"""Fixtures of the data rooms' tests."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from finlab.core import trace
from finlab.data.store import Store

NOBODY = 65534


@pytest.fixture
def store(workbench: Path) -> Store:
    """A store that does not exist yet, in an empty folder, and an empty ledger."""
    trace.clear()
    return Store(workbench / "finlab.duckdb")


@pytest.fixture
def as_nobody() -> Callable[[Callable[[], str]], str]:
    """Run a function in a child process without root's rights and return its text; rights mean nothing to root."""

    def run(function: Callable[[], str]) -> str:
        if os.getuid() != 0:
            return function()
        sys.stdout.flush()
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                text = function()
            except BaseException as error:
                text = f"{type(error).__name__}: {error}"
            os.write(write_end, text.encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            text = pipe.read().decode()
        os.waitpid(child, 0)
        return text

    return run
