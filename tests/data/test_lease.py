"""Leases under real processes: notebooks beside reports, many writers, forks, holders that never let go."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from finlab.core.errors import StoreError
from finlab.data.lease import holder_of, lease, publish, transaction
from finlab.data.store import Store


def python(code: str, *arguments: object) -> "subprocess.Popen[str]":
    """Start a Python process that runs `code`."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: "subprocess.Popen[str]") -> str:
    """Wait for a process that must succeed, and return what it printed."""
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return out


HOLDER = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(path: Path, seconds: float) -> "subprocess.Popen[str]":
    """Start a process that opens the store with a DuckDB of its own and keeps it open."""
    process = python(HOLDER, path, seconds)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_kernel_with_a_store_in_use_locks_nobody_out(store: Store) -> None:
    """What a notebook does all day: a live Store, a frame read, a result shown; meanwhile another process works."""
    from jupyter_client.manager import start_new_kernel

    store.write("t", pd.DataFrame({"x": [1, 2]}))
    manager, client = start_new_kernel(kernel_name="python3")
    try:

        def run(code: str) -> None:
            reply = client.execute_interactive(code, timeout=120, output_hook=lambda message: None)
            assert reply["content"]["status"] == "ok", reply["content"]

        run(f"from finlab.data import Store; store = Store({str(store.path)!r}); frame = store.table('t'); frame")
        run("result = store.sql('SELECT sum(x) AS total FROM t', to='arrow'); result")
        run("long = store.snapshot(); assert long.table('t').x.sum() == 3")
        other = """
            import sys, pandas as pd
            from finlab.data import Store
            store = Store(sys.argv[1])
            store.write("u", pd.DataFrame({"x": range(1000)}))
            print(store.sql("SELECT count(*) AS n FROM u")["n"][0], store.table("t").x.sum())
        """
        assert finished(python(other, store.path)).split() == ["1000", "3"]
        run("assert len(store.table('u')) == 1000; store.write('v', frame)")
        assert store.tables() == ["t", "u", "v"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_six_writing_processes_lose_no_row(store: Store) -> None:
    code = """
        import sys, pandas as pd
        from finlab.data import Store
        store, me = Store(sys.argv[1]), int(sys.argv[2])
        for turn in range(4):
            store.write(f"t{me}_{turn}", pd.DataFrame({"who": [me] * 5000, "x": range(turn, 5000 + turn)}))
    """
    for process in [python(code, store.path, me) for me in range(6)]:
        finished(process)
    assert len(store.tables()) == len(store.loads(history=True)) == 24
    union = " UNION ALL ".join(f"SELECT * FROM {name}" for name in store.tables())
    found = store.sql(f"SELECT who, count(*) AS n, sum(x) AS total FROM ({union}) GROUP BY who ORDER BY who")
    expected = sum(sum(range(turn, 5000 + turn)) for turn in range(4))
    assert found["n"].tolist() == [20_000] * 6 and found["total"].astype(int).tolist() == [expected] * 6


def test_the_same_name_written_by_many_is_one_of_them(store: Store) -> None:
    code = """
        import sys, pandas as pd
        from finlab.data import Store
        for turn in range(3):
            Store(sys.argv[1]).write("t", pd.DataFrame({"x": [int(sys.argv[2])] * 100}))
    """
    for process in [python(code, store.path, me) for me in range(3)]:
        finished(process)
    assert store.table("t")["x"].nunique() == 1 and len(store.loads(history=True)) == 9
    with lease(store.path) as connection:
        kept = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'content'").fetchall()
    assert kept == [(1,)]


def test_a_holder_that_lets_go_in_time_is_waited_for(store: Store) -> None:
    store.write("t", pd.DataFrame({"x": [1]}))
    process = hold(store.path, 1.0)
    begin = time.monotonic()
    assert store.table("t")["x"].tolist() == [1]
    assert time.monotonic() - begin > 0.3
    finished(process)


def test_a_holder_that_does_not_let_go_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("t", pd.DataFrame({"x": [1]}))
    monkeypatch.setenv("FINLAB_LOCK_WAIT_SECONDS", "0.5")
    process = hold(store.path, 60)
    try:
        for attempt in (lambda: store.table("t"), lambda: store.write("t", pd.DataFrame({"x": [2]})), store.snapshot):
            with pytest.raises(StoreError) as caught:
                attempt()
            message = str(caught.value)
            assert f"process {process.pid} (" in message and "import sys, time, duckdb" in message
            assert "0.5 s" in message and "lock_wait_seconds" in message
    finally:
        process.kill()
        process.communicate()
    assert store.table("t")["x"].tolist() == [1]


def test_a_connection_of_ones_own_in_the_same_process_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("t", pd.DataFrame({"x": [1]}))
    monkeypatch.setenv("FINLAB_LOCK_WAIT_SECONDS", "0.2")
    own = duckdb.connect(str(store.path))
    try:
        for attempt in (lambda: store.table("t"), store.snapshot):
            with pytest.raises(StoreError, match="this process itself, through a DuckDB connection of its own"):
                attempt()
        assert own.execute("SELECT x FROM t").fetchall() == [(1,)]
        assert "locked" in finished(python(TRY_TO_OPEN, store.path))  # and its lock is still in place
    finally:
        own.close()
    assert len(store.table("t")) == 1


@pytest.mark.parametrize("name", ["content", "Catalogue", "history.of.2026", "gaps", "main"])
def test_a_store_may_have_the_name_of_one_of_its_schemas(workbench: Path, name: str) -> None:
    (workbench / "x.csv").write_text("a,b\n1, x\n1, x\n")
    store = Store(workbench / f"{name}.duckdb")
    store.load("x.csv", "x")
    store.write("y", pd.DataFrame({"n": [1, 2]}))
    store.clean("x", '[[rule]]\nkind = "duplicates"\ncolumns = ["a", "b"]')
    assert len(store.table("x")) == 1 and store.undo("x") and len(store.table("x")) == 2
    assert store.sql("SELECT sum(n) AS n FROM y")["n"].tolist() == [3]
    assert store.snapshot().table("y")["n"].tolist() == [1, 2]
    with lease(store.path) as connection, pytest.raises(duckdb.Error, match="file system operations are disabled"):
        connection.execute("SELECT * FROM read_csv('x.csv')")  # reading a store opens nothing else
    again = lease(store.path, write=True, wait_seconds=0.1)
    with lease(store.path), pytest.raises(StoreError, match="in use by this process itself"), again:
        pass


TRY_TO_OPEN = """
import sys, duckdb
try:
    duckdb.connect(sys.argv[1])
except duckdb.IOException:
    print("locked")
"""


def test_the_lock_holds_for_the_whole_lease(store: Store) -> None:
    """Whatever finlab does to the file during a lease, other processes stay out until it ends."""
    store.write("t", pd.DataFrame({"x": [1]}))
    with transaction(store.path) as connection:
        connection.execute("CREATE TABLE main.u AS SELECT 1 AS x")
        assert "locked" in finished(python(TRY_TO_OPEN, store.path))
    assert "locked" not in finished(python(TRY_TO_OPEN, store.path))


def test_another_thread_that_does_not_let_go(store: Store) -> None:
    store.write("t", pd.DataFrame({"x": [1]}))
    inside, leave = threading.Event(), threading.Event()

    def keep() -> None:
        with lease(store.path):
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=keep)
    thread.start()
    inside.wait(60)
    try:
        with pytest.raises(StoreError, match="another thread of this process"), lease(store.path, wait_seconds=0.2):
            pass
    finally:
        leave.set()
        thread.join()
    assert len(store.table("t")) == 1


def test_a_child_forked_during_leases_can_use_the_store(store: Store) -> None:
    store.write("t", pd.DataFrame({"x": [1]}))
    stop = threading.Event()

    def read_all_the_time() -> None:
        while not stop.is_set():
            store.table("t")

    threads = [threading.Thread(target=read_all_the_time) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(5):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    store.write(f"child{number}", pd.DataFrame({"x": [number]}))
                    code = 0
                finally:
                    os._exit(code)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert store.tables() == [*(f"child{number}" for number in range(5)), "t"]


def test_a_block_that_fails_undoes_everything(store: Store) -> None:
    store.write("t", pd.DataFrame({"x": [1]}))
    with pytest.raises(RuntimeError, match="on purpose"), transaction(store.path) as connection:
        connection.execute("DROP VIEW main.t")
        raise RuntimeError("on purpose")
    assert store.table("t")["x"].tolist() == [1]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "Conflicting lock is held in /usr/bin/python3 (PID 999999999). See also",
            "process 999999999 (/usr/bin/python3)",
        ),
        ("Conflicting lock is held in /usr/bin/x y by user ann (PID 999999999).", "process 999999999 (/usr/bin/x y)"),
        ("Could not set lock", "another process"),
    ],
)
def test_the_holder_s_name(message: str, expected: str) -> None:
    assert holder_of(message) == expected


def test_a_finished_file_never_replaces_another(tmp_path: Path) -> None:
    for name in ("draft", "store"):
        (tmp_path / name).write_text(name)
    publish(tmp_path / "draft", tmp_path / "store")
    assert (tmp_path / "store").read_text() == "store"
