"""What must not harm the store: a process killed at any moment, a full disk, missing rights."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from finlab.core.errors import InputError, StoreError
from finlab.data.store import Store

WRITER = textwrap.dedent("""
    import sys, time
    import numpy as np, pandas as pd, sqlalchemy
    from finlab.data import Store
    store = Store(sys.argv[1])
    rows = 400_000
    print("go", flush=True)
    for number in range(1000):
        store.write("big", pd.DataFrame({"number": np.full(rows, number), "x": np.arange(rows)}))
""")


@pytest.mark.parametrize("fresh", [False, True])
def test_kill_in_a_write(store: Store, fresh: bool) -> None:
    """Killed at random moments, also while the file is made: the store opens, each load is whole or absent."""
    chance = random.Random(7)
    landed = 0
    for _ in range(5):
        if fresh:
            store.path.unlink(missing_ok=True)
        else:
            store.write("keep", pd.DataFrame({"x": [1, 2, 3]}))
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(store.path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline() == "go\n"
        time.sleep(chance.uniform(0.02, 1.2) * (0.2 if fresh else 1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        names = store.tables()
        assert set(names) <= {"keep", "big"} and set(store.loads()["name"]) == set(names)
        if "big" in names:
            landed += 1
            found = store.sql("SELECT count(*) AS n, count(DISTINCT number) AS numbers, sum(x) AS total FROM big")
            assert found.astype(int).values.tolist() == [[400_000, 1, sum(range(400_000))]]
        if not fresh:
            assert store.table("keep")["x"].tolist() == [1, 2, 3]
        store.write("after", pd.DataFrame({"x": [1]}))
        store.drop("after")
    assert fresh or landed


def many_rows(rows: int = 2_000_000) -> pd.DataFrame:
    """More than fits on the small disk, in values that do not compress."""
    chance = random.Random(1)
    return pd.DataFrame({"x": [chance.random() for _ in range(rows)]})


def test_a_full_disk(small_disk: Path) -> None:
    store, filler = Store(small_disk / "finlab.duckdb"), small_disk / "filler"
    filler.write_bytes(b"0" * (1 << 20))
    store.write("keep", pd.DataFrame({"x": [1, 2, 3]}))
    before, size = store.loads(), store.path.stat().st_size
    for _ in range(2):
        with pytest.raises(StoreError, match="the disk is full"):
            store.write("big", many_rows())
        pd.testing.assert_frame_equal(store.loads(), before)
        assert store.table("keep")["x"].tolist() == [1, 2, 3] and store.tables() == ["keep"]
    with pytest.raises(StoreError, match="the disk is full"):
        store.write("keep", many_rows())
    assert store.table("keep")["x"].tolist() == [1, 2, 3]
    filler.unlink()  # with room again, what was taken in vain is given back
    for number in range(2):
        store.write("small", pd.DataFrame({"x": [number]}))
    assert store.tables() == ["keep", "small"] and store.path.stat().st_size < 2 * size


def test_a_disk_too_full_for_a_store(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"0" * (8 << 20))
    store = Store(small_disk / "finlab.duckdb")
    with pytest.raises(StoreError, match="the disk is full"):
        store.write("x", pd.DataFrame({"x": [1]}))
    assert [path.name for path in small_disk.iterdir()] == ["filler"]
    (small_disk / "filler").unlink()
    store.write("x", pd.DataFrame({"x": [1]}))
    assert store.tables() == ["x"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach."""
    folder = Path(tempfile.mkdtemp(prefix="finlab-rights-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def attempt(action: Callable[[], object]) -> str:
    try:
        return f"done {action()}"
    except (StoreError, InputError) as error:
        return f"{type(error).__name__}: {error}"


def test_a_folder_without_permission(open_folder: Path, as_nobody: Callable[[Callable[[], str]], str]) -> None:
    if os.getuid() != 0:
        open_folder.chmod(0o555)
    frame = pd.DataFrame({"x": [1]})
    store, below = Store(open_folder / "finlab.duckdb"), Store(open_folder / "new" / "finlab.duckdb")
    assert "permission denied" in as_nobody(lambda: attempt(lambda: store.write("x", frame)))
    assert "StoreError: no folder" in as_nobody(lambda: attempt(lambda: below.write("x", frame)))
    assert as_nobody(lambda: attempt(store.tables)) == "done []"
    open_folder.chmod(0o755)
    assert list(open_folder.iterdir()) == []


def test_a_store_that_may_only_be_read(open_folder: Path, as_nobody: Callable[[Callable[[], str]], str]) -> None:
    if os.getuid() != 0:
        pytest.skip("needs two users, so root")
    store = Store(open_folder / "finlab.duckdb")
    store.write("x", pd.DataFrame({"x": [1]}))
    store.path.chmod(0o644)
    assert as_nobody(lambda: attempt(lambda: store.table("x")["x"].tolist())) == "done [1]"
    assert "permission denied" in as_nobody(lambda: attempt(lambda: store.write("y", pd.DataFrame({"x": [1]}))))
    store.path.chmod(0o600)
    assert "StoreError" in (said := as_nobody(lambda: attempt(store.tables))) and "permission denied" in said
    assert store.tables() == ["x"]


def test_a_damaged_store_says_so(store: Store) -> None:
    store.write("x", pd.DataFrame({"x": range(100_000)}))
    content = store.path.read_bytes()  # nothing has it open now
    store.path.write_bytes(content[: len(content) // 3])
    with pytest.raises(StoreError, match=r"damaged|could not be used"):
        store.table("x")
