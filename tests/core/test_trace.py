"""The ledger: values that JSON can hold, one line a record, and a file that processes and threads can share."""

import json
import math
import multiprocessing
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core import trace
from finlab.core.errors import FinlabError, InputError


@pytest.fixture(autouse=True)
def fresh_ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("FINLAB_LEDGER", raising=False)
    trace.clear()
    yield
    trace.clear()


class Colour(Enum):
    RED = "red"


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.decimals()
    | st.floats(width=32).map(np.float32)
    | st.integers(-(2**31), 2**31 - 1).map(np.int64)
    | st.booleans().map(np.bool_)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_whatever_finance_computes_becomes_strict_json(value: Any) -> None:
    safe = trace.json_safe(value)
    text = json.dumps(safe, allow_nan=False)
    assert json.loads(text) == safe
    assert trace.json_safe(safe) == safe


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (-math.inf, "-inf"),
        (np.float64("nan"), None),
        (Decimal("NaN"), None),
        (pd.NaT, None),
        (pd.NA, None),
        (np.datetime64("NaT"), None),
        (np.timedelta64("NaT"), None),
        (np.datetime64("2026-11-23"), "2026-11-23"),
        (np.timedelta64(90, "s"), 90.0),
        (pd.Timestamp("2026-11-23"), "2026-11-23T00:00:00"),
        (pd.Timedelta("1h"), 3600.0),
        (pd.Period("2026-11", "M"), "2026-11"),
        (date(2026, 11, 23), "2026-11-23"),
        (datetime(2026, 11, 23, tzinfo=UTC), "2026-11-23T00:00:00+00:00"),
        (time(7, 30), "07:30:00"),
        (timedelta(minutes=1), 60.0),
        (Decimal("1.25"), 1.25),
        (Decimal("Infinity"), "inf"),
        (Decimal("1E+400"), "1E+400"),
        (Decimal("12345678901234567.01"), "12345678901234567.01"),
        (Decimal("338148.90"), 338148.9),
        (Path("reports"), "reports"),
        (Colour.RED, "red"),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"), ["2026-01-01", None]),
        ({1: "a", date(2026, 1, 1): "b", None: "c"}, {"1": "a", "2026-01-01": "b", "None": "c"}),
        ({np.int64(3): np.longdouble(0.5), np.datetime64("2026-01-01"): 1}, {"3": 0.5, "2026-01-01": 1}),
        (np.array([0.5], dtype=np.longdouble), [0.5]),
        (10**30, 10**30),
        ("利润", "利润"),
    ],
)
def test_translations(value: Any, expected: Any) -> None:
    assert trace.json_safe(value) == expected


@pytest.mark.parametrize(
    "value", [object(), 1 + 2j, {1, 2}, b"bytes", pd.Series([1]), pd.DataFrame(), np.array([1j]), {("a", 1): 1}]
)
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"result 'x' is of type .*; expected numbers"):
        trace.record_result("x", value)
    assert trace.records() == []


def test_a_list_within_itself_and_double_keys_are_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(InputError, match="contains itself"):
        trace.json_safe(ring)
    with pytest.raises(InputError, match="two keys that both read '1'"):
        trace.json_safe({1: "a", "1": "b"})


def test_records_have_kind_time_and_fields() -> None:
    trace.record_read("sales", "sales.csv", "ab12", rows=3, columns=["date", "value"], as_of=date(2026, 10, 31), more=1)
    trace.record_result("mase", np.float64(0.93), unit="", note="12 months")
    read, result = trace.records()
    assert (read["kind"], read["rows"], read["columns"], read["as_of"], read["more"]) == (
        "read", 3, ["date", "value"], "2026-10-31", 1,
    )  # fmt: skip
    assert (result["kind"], result["name"], result["value"], result["note"]) == ("result", "mase", 0.93, "12 months")
    assert datetime.fromisoformat(read["at"]).utcoffset() == timedelta(0)
    assert read["at"] <= result["at"]
    assert [record["name"] for record in trace.records("result")] == ["mase"]
    trace.records()[0]["name"] = "changed"
    assert trace.records()[0]["name"] == "sales"


def test_one_name_means_one_value() -> None:
    trace.record_result("loss", 1.0, unit="CNY")
    trace.record_result("loss", 1, unit="CNY")
    trace.record_result("rate", float("nan"))
    trace.record_result("rate", None)
    assert len(trace.records()) == 2
    with pytest.raises(InputError, match=r"'loss' was recorded as 1.0 CNY and is now 2.0 CNY"):
        trace.record_result("loss", 2.0, unit="CNY")
    with pytest.raises(InputError, match=r"is now 1.0 EUR"):
        trace.record_result("loss", 1.0, unit="EUR")
    for name in ("", "  "):
        with pytest.raises(InputError, match="name of a result"):
            trace.record_result(name, 1)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://ann:s3:cr@et@db:5432/x", "postgresql://ann:***@db:5432/x"),
        ("mysql+pymysql://:secret@db/x", "mysql+pymysql://:***@db/x"),
        ("sqlite:///data/a.db", "sqlite:///data/a.db"),
        ("C:/data/sales@home.csv", "C:/data/sales@home.csv"),
        ("postgresql://ann@db/x", "postgresql://ann@db/x"),
    ],
)
def test_passwords_are_masked(uri: str, shown: str) -> None:
    assert trace.mask_password(uri) == shown
    assert trace.record_read("t", uri, None, 0, 0)["uri"] == shown


def test_the_file_holds_what_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.jsonl"
    monkeypatch.setenv("FINLAB_LEDGER", str(path))
    trace.record_read("销售", "a.csv", None, 1, 1)
    trace.record_result("loss", {"2026": [1.5, float("nan")]}, unit="百万")
    assert trace.read_ledger(path) == trace.records()
    assert trace.read_ledger(tmp_path / "never.jsonl") == []


def test_an_unfinished_last_line_is_left_out_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"kind": "read"}\n{"kind": "res')
    assert trace.read_ledger(path) == [{"kind": "read"}]
    path.write_text('{"kind": "read"}\n{"kind": "res\n{"kind": "read"}\n')
    with pytest.raises(FinlabError, match="damaged in line 2"):
        trace.read_ledger(path)


def test_a_ledger_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINLAB_LEDGER", str(tmp_path / "no" / "such" / "folder.jsonl"))
    with pytest.raises(FinlabError, match="cannot be written"):
        trace.record_result("x", 1)
    if Path("/dev/full").exists():
        monkeypatch.setenv("FINLAB_LEDGER", "/dev/full")
        with pytest.raises(FinlabError, match="cannot be written: No space left"):
            trace.record_result("x", 1)
    assert trace.records() == []


def test_a_number_too_long_for_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written as JSON"):
        trace.Ledger(tmp_path / "l.jsonl").append("result", value=10**6000)


def _write_many(path: Path, who: int) -> None:
    ledger = trace.Ledger(path)
    for number in range(50):
        ledger.append("result", who=who, number=number, padding="x" * 3000)


def test_processes_and_threads_share_a_file_without_mixing_lines(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    spawn = multiprocessing.get_context("forkserver")
    workers: list[Any] = [spawn.Process(target=_write_many, args=(path, who)) for who in range(3)]
    workers += [threading.Thread(target=_write_many, args=(path, who)) for who in range(3, 6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    found = sorted((record["who"], record["number"]) for record in trace.read_ledger(path))
    assert found == [(who, number) for who in range(6) for number in range(50)]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_child_is_not_stopped_by_a_lock_held_elsewhere(tmp_path: Path) -> None:
    ledger = trace.Ledger(tmp_path / "ledger.jsonl")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with ledger.lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        child = multiprocessing.get_context("fork").Process(target=ledger.append, args=("read",), kwargs={"name": "a"})
        child.start()
        child.join(30)
        finished = child.exitcode
        child.kill()
    finally:
        done.set()
        thread.join()
    assert finished == 0
    assert [record["name"] for record in trace.read_ledger(tmp_path / "ledger.jsonl")] == ["a"]


def test_records_of_reading_wait_until_the_day_of_the_data_is_known() -> None:
    trace.clear()
    with trace.hold_reads() as outer:
        with trace.hold_reads() as inner:
            trace.record_read("a", "file:///a", None, 1, 1, "2026-01-01")
            inner[0]["as_of"] = "2024-01-01"
        assert [read["as_of"] for read in outer] == ["2024-01-01"] and not trace.records("read")
    with pytest.raises(ZeroDivisionError), trace.hold_reads():
        trace.record_read("b", "file:///b", None, 1, ["x"])
        raise ZeroDivisionError
    assert [(read["name"], read["as_of"]) for read in trace.records("read")] == [("a", "2024-01-01"), ("b", None)]
