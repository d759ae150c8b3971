"""Recording runs: what is recognised, what is open again, and that a run is whole or absent whatever happens."""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from finlab.core.errors import InputError, StoreError
from finlab.data.lease import lease
from finlab.data.store import Store
from finlab.gaps.record import SCHEMA, Cause, Evidence, Gap, Gaps
from finlab.gaps.workflow import runs
from finlab.gaps.workflow.archive import kept_query, reading, where, writing
from finlab.gaps.workflow.exhibits import Side
from finlab.gaps.workflow.runs import RunResult, record_run
from finlab.gaps.worklist import Worklist

TWO = ("ledger", "bank")


def gap(key: str, amount: str | None = "5.00", **more: Any) -> Gap:
    said = {"kind": "value", "sources": TWO, "currency": "EUR", "values": ("100", "95"), "field": "amount"}
    said["amount_at_stake"] = None if amount is None else Decimal(amount)
    return Gap(**{**said, "key": key, **more})


def record(path: Path, *gaps: Gap, name: str = "bank", **more: Any) -> RunResult:
    return record_run(path, Gaps.of(gaps), name=name, **{"who": "Anna", **more})


def kept(path: Path, name: str = "bank") -> dict[str, Gap]:
    with reading(path) as tables:
        return {one.key: one for one in Gaps(tables.sql(kept_query(where(name=name))).to_arrow_table())}


def events(path: Path, key: str | None = None) -> list[tuple]:
    """Run, what, before, after, note of the entries, oldest first."""
    chosen = "true" if key is None else "g.key = $key"
    query = f"""SELECT e.run, e.what, e.before, e.after, e.note FROM events AS e
        JOIN gaps AS g ON e.name = g.name AND e.id = g.id WHERE {chosen} ORDER BY e.number"""
    with reading(path) as tables:
        return tables.execute(query, {"key": key} if key else {}).fetchall()


@pytest.fixture
def path(workbench: Path) -> Path:
    return workbench / "finlab.duckdb"


# What becomes of a gap


def test_a_run_comes_back_as_it_was(path: Path) -> None:
    full = gap(
        "k", "12.3456", period="2026-03", residual=-12.3456, probability=0.25, n_explanations=4, bits=7.5,
        evidence=(Evidence("ledger", (1, 2), "sum"), Evidence("bank", (0,), "")), causes=(Cause("a fee", 0.6),),
    )  # fmt: skip
    record(path, full, gap("plain", None, values=("x", None), currency=""))
    found = kept(path)
    today = found["k"].first_seen
    assert found["k"] == replace(full, first_seen=today, age=0)
    assert found["plain"].values == ("x", None) and found["plain"].amount_at_stake is None


def test_the_same_again_is_seen_again_and_nothing_else(path: Path) -> None:
    assert str(record(path, gap("a"), gap("b"))) == "bank, run 1: 2 gaps: 2 new"
    assert str(record(path, gap("b"), gap("a"))) == "bank, run 2: 2 gaps: 2 seen again"
    assert events(path, "a") == [(1, "found", None, "5.00 EUR", None), (2, "seen again", None, None, None)]


def test_what_is_gone_is_fixed_and_what_comes_back_is_open_again(path: Path) -> None:
    record(path, gap("a"), gap("b"))
    assert record(path, gap("a")).fixed == 1
    assert kept(path)["b"].status == "fixed"
    assert record(path, gap("a")).fixed == 0  # once is enough
    back = record(path, gap("a"), gap("b", "7.00"))
    assert (back.reopened, back.again) == (1, 1) and kept(path)["b"].status == "open"
    assert events(path, "b")[1:] == [
        (2, "fixed", "open", "fixed", "run 2 no longer finds it"),
        (4, "reopened", "fixed", "open", "it is there again"),
    ]
    assert kept(path)["b"].amount_at_stake == 7


CHANGES = {
    "amount": ({"amount_at_stake": Decimal("6.00")}, "5.00 EUR", "6.00 EUR"),
    "currency": ({"currency": "USD"}, "5.00 EUR", "5.00 USD"),
    "no amount any more": ({"amount_at_stake": None}, "5.00 EUR", "100 | 95"),
    "the other direction": ({"residual": -5.0, "values": ("95", "100")}, "100 | 95", "95 | 100"),
    "no residual": ({"residual": None}, "100 | 95", "100 | 95"),
}


@pytest.mark.parametrize("status", ["open", "explained", "accepted"])
def test_what_was_decided_is_open_again_when_its_amount_changes(path: Path, status: str) -> None:
    record(path, *(gap(key, residual=5.0) for key in CHANGES))
    worklist = Worklist(path)
    if status != "open":
        decide = worklist.explain if status == "explained" else worklist.accept
        decide(kept(path).values(), "because", "Ben")
    done = record(path, *(gap(key, **{"residual": 5.0, **other}) for key, (other, *_) in CHANGES.items()))
    what, note = ("changed", None) if status == "open" else ("reopened", f"its amount changed after it was {status}")
    assert (done.changed, done.reopened) == ((5, 0) if status == "open" else (0, 5))
    found = kept(path)
    for key, (_, before, after) in CHANGES.items():
        sizes = (before, after) if status == "open" else (f"{status}, {before}", f"open, {after}")
        assert events(path, key)[-1] == (2, what, *sizes, note)
        assert found[key].status == "open" and found[key].causes == ()


@pytest.mark.parametrize("status", ["open", "explained", "accepted"])
def test_what_only_looks_different_keeps_its_status(path: Path, status: str) -> None:
    record(path, gap("a", residual=0.1 + 0.2, bits=1.0))
    if status != "open":
        getattr(Worklist(path), {"explained": "explain", "accepted": "accept"}[status])(
            kept(path)["a"].id, "why", "Ben"
        )
    other = {
        "residual": 0.3,
        "bits": 9.0,
        "probability": 0.5,
        "evidence": (Evidence("bank", (9,)),),
        "values": ("100.0", "95.0"),
    }
    done = record(path, gap("a", **other))
    found = kept(path)["a"]
    assert done.again == 1 and found.status == status
    assert (found.probability, found.values, found.rows("bank")) == (0.5, ("100.0", "95.0"), (9,))
    assert found.causes == ((Cause("why", 1.0),) if status == "explained" else ())


def test_values_decide_where_nothing_can_be_subtracted(path: Path) -> None:
    record(path, gap("a", None, values=("Acme", "Acne")))
    assert record(path, gap("a", None, values=("Acme", "Acne"))).again == 1
    assert record(path, gap("a", None, values=("Acme", "ACME"))).changed == 1
    assert events(path, "a")[-1][2:4] == ("Acme | Acne", "Acme | ACME")


def test_residuals_that_are_no_numbers_are_left_out(path: Path) -> None:
    for value in (float("nan"), float("inf"), float("nan")):
        record(path, gap("a", residual=value))
    assert [what for _, what, *_ in events(path)] == ["found", "seen again", "seen again"]
    assert kept(path)["a"].residual is None


def test_what_a_search_explains_it_explains_anew_each_time(path: Path) -> None:
    cut = {"status": "explained", "causes": (Cause("the file is cut", 1.0),)}
    assert record(path, gap("a", **cut)).new == 1 and kept(path)["a"].status == "explained"
    assert record(path, gap("a", "9.00", **cut)).changed == 1 and kept(path)["a"].status == "explained"
    assert record(path, gap("a", "9.00")).reopened == 1 and kept(path)["a"].status == "open"
    record(path, gap("a", "9.00", **cut))
    assert kept(path)["a"].status == "explained"
    assert [what for _, what, *_ in events(path)] == ["found", "changed", "reopened", "explained"]
    assert events(path)[-1][-1] == "by the search: the file is cut"


def test_a_gap_that_a_person_reopened_is_not_explained_by_the_search(path: Path) -> None:
    worklist = Worklist(path)
    record(path, gap("a"))
    worklist.explain(kept(path)["a"].id, "so", "Ben")
    worklist.reopen(kept(path)["a"].id, "not so", "Ben")
    record(path, gap("a", status="explained"))
    assert kept(path)["a"].status == "open"


@pytest.mark.parametrize(("given_status", "then"), [("open", "open"), ("accepted", "accepted"), ("fixed", "open")])
def test_the_status_of_a_new_gap_is_what_the_search_says_but_never_fixed(
    path: Path, given_status: str, then: str
) -> None:
    record(path, gap("a", status=given_status))
    assert kept(path)["a"].status == then


def test_worklists_do_not_know_each_other(path: Path) -> None:
    record(path, gap("a"), gap("b"), name="January")
    record(path, gap("a"), name="February")
    assert [one.status for one in kept(path, "January").values()] == ["open", "open"]
    assert list(kept(path, "February")) == ["a"]
    assert record(path, name="February").fixed == 1 and kept(path, "January")["a"].status == "open"


def test_the_first_day_stays_and_ages_until_it_is_fixed(path: Path) -> None:
    record(path, gap("a", first_seen=date(2026, 1, 1)), gap("b"))
    record(path, gap("a"))
    with reading(path) as tables:
        aged = tables.execute(f"SELECT key, age FROM ({kept_query(today=date(2026, 4, 11))}) ORDER BY 1").fetchall()
    assert aged == [("a", 100), ("b", 0)]
    with writing(path) as tables:
        tables.execute("UPDATE gaps SET status = 'fixed', status_at = '2026-01-31 12:00:00+00' WHERE key = 'a'")
        assert tables.execute(
            f"SELECT age FROM ({kept_query(today=date(2026, 4, 11))}) WHERE key = 'a'"
        ).fetchall() == [(30,)]


# The slow way


def slow_runs(steps: list[dict[str, tuple[int, str]]]) -> tuple[dict[str, str], list[dict[str, int]]]:
    """What becomes of gaps, in Python: each step is a run (key: amount, decision afterwards)."""
    status, amount, counted = {}, {}, []
    for step in steps:
        counts = dict.fromkeys(("new", "again", "changed", "reopened", "fixed"), 0)
        for key, (cents, _) in step.items():
            if key not in status:
                counts["new"] += 1
                status[key] = "open"
            elif status[key] == "fixed" or (amount[key] != cents and status[key] != "open"):
                counts["reopened"] += 1
                status[key] = "open"
            else:
                counts["changed" if amount[key] != cents else "again"] += 1
            amount[key] = cents
        for key in status:
            if key not in step and status[key] != "fixed":
                counts["fixed"] += 1
                status[key] = "fixed"
        for key, (_, decision) in step.items():
            status[key] = decision or status[key]
        counted.append(counts)
    return status, counted


step = st.dictionaries(
    st.sampled_from("abcd"),
    st.tuples(st.integers(1, 3), st.sampled_from(["", "", "explained", "accepted"])),
    max_size=4,
)


@given(st.lists(step, min_size=2, max_size=4))
@given_settings(max_examples=5)
def test_runs_go_as_the_slow_way_says(steps: list[dict[str, tuple[int, str]]]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path, counted = folder / "s.duckdb", []
        for one in steps:
            done = record(path, *(gap(key, str(Decimal(cents) / 100)) for key, (cents, _) in one.items()))
            counted.append({name: getattr(done, name) for name in ("new", "again", "changed", "reopened", "fixed")})
            for key, (_, decision) in one.items():
                if decision:
                    act = Worklist(path).explain if decision == "explained" else Worklist(path).accept
                    act(gap(key).id, "why", "Ben")
        status, expected = slow_runs(steps)
        assert counted == expected
        assert {key: one.status for key, one in kept(path).items()} == status
    finally:
        shutil.rmtree(folder)


# Twins, bad input, notes


def test_twins_are_told_apart_by_their_order_and_recognised(path: Path) -> None:
    twins = [gap("a", "5.00"), gap("a", "9.00"), gap("a", "7.00")]
    first = record(path, *twins)
    assert first.new == 3 and first.notes == (
        "2 gaps shared their id with another; they are told apart by their order",
    )
    assert record(path, *twins[::-1]).again == 3
    with reading(path) as tables:
        found = tables.execute("SELECT id, amount_at_stake FROM gaps ORDER BY amount_at_stake DESC").fetchall()
    assert found[0] == (gap("a").id, Decimal(9)) and len({id for id, _ in found}) == 3
    assert all(len(id) == 16 for id, _ in found)


def table_with(**columns: Any) -> Gaps:
    table = Gaps.of([gap("a"), gap("b")]).arrow
    for name, values in columns.items():
        table = table.set_column(SCHEMA.names.index(name), name, pa.array(values, SCHEMA.field(name).type))
    return Gaps(table)


@pytest.mark.parametrize(
    "columns",
    [
        {"id": [None, "x"]},
        {"id": ["", "x"]},
        {"kind": ["value", "odd"]},
        {"kind": [None, "value"]},
        {"status": ["open", "opne"]},
        {"status": [None, "open"]},
        {"probability": [None, 0.5]},
        {"probability": [1.5, 0.5]},
        {"probability": [float("nan"), 0.5]},
        {"amount_at_stake": [Decimal(-1), None]},
        {"n_explanations": [0, 1]},
        {"n_explanations": [2, 1], "probability": [0.6, 0.5]},
    ],
)
def test_gaps_that_cannot_be_kept_are_refused_before_anything_is_written(path: Path, columns: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="1 of 2 gaps"):
        record_run(path, table_with(**columns), name="bank", who="Anna")
    assert not path.exists()


def test_what_may_be_missing_in_a_gap_is_taken_as_empty(path: Path) -> None:
    nothing = ["key", "period", "field", "currency", "sources", "values", "evidence", "alternatives", "causes", "bits"]
    nothing += ["n_explanations"]
    record_run(path, table_with(**{name: [None, None] for name in nothing}), name="bank", who="Anna")
    assert record_run(path, table_with(**{name: [None, None] for name in nothing}), name="bank", who="Anna").again == 2
    found = Worklist(path).gaps()
    assert [one.key for one in found] == ["", ""] and Worklist(path).show(found[0]).beside.empty


def test_empty_runs_and_names(path: Path) -> None:
    assert str(record(path)) == "bank, run 1: 0 gaps: nothing new"
    for name in ("", " ", "a\nb", "x" * 101):
        with pytest.raises(InputError, match="name"):
            record(path, name=name)
    odd = "'; DROP SCHEMA gaps; -- <b>"
    assert record(path, gap("a"), name=odd).name == odd and list(kept(path, odd)) == ["a"]
    assert "&lt;b&gt;" in record(path, name=odd)._repr_html_()


def test_notes_say_what_is_not_comparable(path: Path) -> None:
    full, empty = pd.DataFrame({"n": [1, 2]}), pd.DataFrame({"n": [1]}).iloc[:0]
    said = {"parameters": {"tolerance": Decimal("0.01"), "days": 3}}
    assert record(path, gap("a"), sources={"ledger": full, "bank": full}, **said).notes == ()
    assert record(path, gap("a"), sources={"ledger": full, "bank": full}, **said).notes == ()
    done = record(path, sources={"ledger": full, "bank": empty}, parameters={"tolerance": 0.05, "window": 9})
    assert done.fixed == 1 and done.notes == (
        "days is not given; in run 2 it was 3",
        "tolerance is 0.05; in run 2 it was 0.01",
        "window is 9; in run 2 it was not given",
        "bank has no records; in run 2 it had 2",
    )
    other = record(path, sources={"ledger": full, "till": full}, parameters={"tolerance": 0.05, "window": 9})
    assert other.notes == ("the sources are ledger, till; in run 3 they were ledger, bank",)


def test_a_run_says_when_most_gaps_vanish_and_what_is_different(path: Path) -> None:
    many = [gap(key) for key in "abcdefgh"]
    bank = pd.DataFrame({"value": [1, 2, 3], "ref": ["x", "y", "z"]})
    said = {"parameters": {"roles": {"amount": ["amount", "value"], "date": ["day", "day"]}}}
    record(path, *many, sources={"bank": Side(bank, "may.csv")}, **said)
    kept_on = record(path, *many[:5], sources={"bank": Side(bank, "may.csv")}, **said)
    assert kept_on.fixed == 3 and kept_on.notes == ()  # a few of them are settled: nothing to warn of
    other = {"parameters": {"roles": {"amount": ["amount", "betrag"]}, "window": 3}}
    june = pd.DataFrame({"betrag": [1, 2], "ref": ["x", "y"]})
    done = record(path, *many[:2], sources={"bank": Side(june, "june.csv")}, **other)
    first = "3 of 5 gaps that were not fixed are no longer found and count as fixed now; if nobody settled them, this"
    assert done.notes == (
        f"{first} is another comparison than run 2, as follows",
        "window is 3; in run 2 it was not given",
        "the amount is in 'amount' and 'betrag'; in run 2 it was in 'amount' and 'value'",
        "the date is in no column; in run 2 it was in 'day'",
        "bank is june.csv; in run 2 it was may.csv",
        "bank no longer has 'value' and has 'betrag' now",
        "bank has 2 records; in run 2 it had 3",
    )
    assert record(path, *many, sources={"bank": Side(june, "june.csv")}, **other).notes == ()
    june["betrag"] = [7, 8]
    assert record(path, sources={"bank": Side(june, "june.csv")}, **other).notes[1:] == (
        "bank has as many records as in run 4, but others",
    )
    assert record(path, sources={"bank": Side(june, "june.csv")}, **other).notes == ()  # there is nothing to vanish


def test_gaps_that_vanish_in_the_same_comparison_are_said_too(path: Path) -> None:
    bank = pd.DataFrame({"value": [1]})
    record(path, *map(gap, "abcde"), sources={"bank": bank})
    assert record(path, *map(gap, "abc"), sources={"bank": bank}).notes == ()  # 2 of 5
    record(path, *map(gap, "abcde"), sources={"bank": bank})
    (note,) = record(path, *map(gap, "ab"), sources={"bank": bank}).notes
    assert note.endswith("3 of 5 gaps that were not fixed are no longer found and count as fixed now, although the"
                         " options and the sources are those of run 3")  # fmt: skip


def test_notes_of_the_search_are_kept(path: Path) -> None:
    record_run(path, Gaps.of([gap("a")], {"ledger": 5}, ["a note"]), name="bank", who="Anna")
    shown = Worklist(path).runs()
    assert shown["notes"].iloc[0].tolist() == ["a note"]
    assert Worklist(path).gaps(name="bank").records == {"ledger": 5}


def test_parameters_that_no_record_holds_are_refused(path: Path) -> None:
    with pytest.raises(InputError, match="parameters"):
        record(path, gap("a"), parameters={"x": object()})
    assert not path.exists()


# Rows and sources


def test_rows_are_kept_as_they_were_and_follow_the_next_run(path: Path) -> None:
    one = gap(
        "a", evidence=(Evidence("ledger", (1,), "key"), Evidence("ledger", (1, 0), "sum"), Evidence("bank", (0,)))
    )
    ledger = pd.DataFrame({"n": [1, 2], "amount": [Decimal("1.10"), None]})
    bank = pd.DataFrame({"text": ["=1+1"]})
    record(path, one, gap("b", evidence=(Evidence("bank", (0,)),)), sources={"ledger": ledger, "bank": bank})
    rows = Worklist(path).show(one).rows
    assert rows["ledger"].to_numpy().tolist() == [[0, 1, Decimal("1.10")], [1, 2, None]]
    assert rows["bank"].to_numpy().tolist() == [[0, "=1+1"]]
    longer = ledger.assign(more="x")[["more", "n"]]
    record(path, one, sources={"ledger": longer, "bank": bank})
    assert Worklist(path).show(one).rows["ledger"].to_numpy().tolist() == [[0, "x", 1], [1, "x", 2]]
    gone = Worklist(path).show(gap("b"))
    assert gone.gap.status == "fixed" and gone.rows["bank"].to_numpy().tolist() == [[0, "=1+1"]]


def test_sources_are_named_by_their_content(path: Path) -> None:
    store = Store(path)
    store.write("kept", pd.DataFrame({"n": [1, 2]}), as_of="2026-03-31")
    record(
        path, gap("a", evidence=(Evidence("bank", (2,)),)), sources={"ledger": pd.DataFrame({"n": [1]}), "bank": "kept"}
    )
    with reading(path) as tables:
        found = tables.execute("SELECT source, origin, sha256, as_of, records FROM sources ORDER BY place").fetchall()
    assert [row[0] for row in found] == ["ledger", "bank"] and [row[4] for row in found] == [1, 2]
    assert (
        found[1][1:4] == ("kept: frame", store.loads()["sha256"].iloc[0], date(2026, 3, 31)) and len(found[0][2]) == 64
    )
    assert store.table("kept")["n"].tolist() == [1, 2]


def test_hostile_texts_everywhere_are_only_texts(path: Path) -> None:
    nasty = "'; DROP TABLE gaps; -- \" <script> =1+1 {x} $name ? %s \\'"
    frame = pd.DataFrame({nasty: [nasty], "n": [1]})
    one = gap(nasty, period=nasty, field=nasty, currency=nasty, values=(nasty, nasty), causes=(Cause(nasty, 0.5),),
              sources=(nasty, "b"), evidence=(Evidence(nasty, (0,), nasty),))  # fmt: skip
    for _ in range(2):
        record(path, one, name=nasty[:60], sources={nasty: frame}, parameters={nasty: nasty}, who=nasty[:60])
    case = Worklist(path).show(one)
    assert case.gap.key == nasty and case.rows[nasty].iloc[0].tolist() == [0, nasty, 1]
    assert case.history["who"].tolist() == [nasty[:60]] * 2


# Faults


class Stopped(Exception):
    """What a test raises in the middle of a run."""


@pytest.mark.parametrize("moment", ["_take_in", "_merge", "_keep_rows", "apply_saved"])
def test_whatever_fails_in_a_run_leaves_the_last_one(path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    record(path, gap("a"), gap("b"))
    before, real = events(path), getattr(runs, moment)

    def broken(*given_arguments: Any) -> Any:
        real(*given_arguments)
        raise Stopped

    monkeypatch.setattr(runs, moment, broken)
    with pytest.raises(Stopped):
        record(path, gap("a", "7.00"), gap("c"))
    monkeypatch.undo()
    assert events(path) == before and sorted(kept(path)) == ["a", "b"]
    assert record(path, gap("a"), gap("b")).number == 2


MANY = textwrap.dedent("""
    import sys
    from pathlib import Path
    import numpy as np, pandas as pd, pyarrow as pa
    from finlab.gaps.record import SCHEMA, Gap, Gaps, Evidence
    from finlab.gaps.workflow.runs import record_run
    path, name, rows, turns = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    first = (Evidence("ledger", (0,)),)
    one = Gaps.of([Gap(kind="value", sources=("ledger", "bank"), values=("1", "2"), evidence=first)])
    frame = pd.DataFrame({"n": np.arange(rows)})

    def found(turn):
        table = pa.concat_tables([one.arrow] * rows)
        ids = pa.array([f"{n:016x}" for n in range(turn, rows + turn)])
        return Gaps(table.set_column(0, "id", ids), {"ledger": rows, "bank": rows})

    made = [found(turn) for turn in range(turns)]
    print("go", flush=True)
    sys.stdin.readline()
    for turn in range(turns):
        done = record_run(path, made[turn], name=name, sources={"ledger": frame}, who=name)
        print(done.number, flush=True)
""")


def writer(path: Path, name: str, rows: int, turns: int) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", MANY, str(path), name, str(rows), str(turns)], text=True, **pipes)
    assert process.stdout is not None and process.stdout.readline() == "go\n"
    return process


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def check_whole(path: Path, name: str, rows: int) -> int:
    """Assert that the runs of a worklist are whole; returns their number."""
    with reading(path) as tables:
        numbers = [n for (n,) in tables.execute("SELECT number FROM runs WHERE name = ? ORDER BY 1", [name]).fetchall()]
        if not numbers:
            for table in ("gaps", "events", "exhibits"):
                assert tables.execute(f"SELECT count(*) FROM {table} WHERE name = ?", [name]).fetchall() == [(0,)]
            return 0
        runs_done = len(numbers)
        counts = dict(tables.execute("SELECT what, count(*) FROM events WHERE name = ? GROUP BY 1", [name]).fetchall())
        states = dict(tables.execute("SELECT status, count(*) FROM gaps WHERE name = ? GROUP BY 1", [name]).fetchall())
        shown = tables.execute("SELECT count(*) FROM exhibits WHERE name = ?", [name]).fetchall()[0][0]
    assert counts["found"] == rows + runs_done - 1 and counts.get("fixed", 0) == runs_done - 1
    assert counts.get("seen again", 0) == (rows - 1) * (runs_done - 1)
    assert states == {"open": rows, **({"fixed": runs_done - 1} if runs_done > 1 else {})}
    assert shown == rows + runs_done - 1
    return runs_done


@pytest.mark.slow
def test_a_kill_while_gaps_are_written_leaves_runs_whole_or_absent(workbench: Path) -> None:
    """kill -9 at random moments: the store opens, a run is there as a whole or not at all, and the next one works."""
    rows, turns, chance, whole = 5_000, 9, random.Random(7), list[int]()
    for attempt in range(8):
        path, finished, before = workbench / f"{attempt}.duckdb", attempt % 3, time.monotonic()
        process = writer(path, "bank", rows, turns)
        begin(process)
        assert process.stdout is not None
        for _ in range(finished):
            process.stdout.readline()
        seconds = (time.monotonic() - before) / max(finished, 1)
        time.sleep(chance.uniform(0, 1.2 * seconds if finished else 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        done = check_whole(path, "bank", rows) if path.exists() else 0
        assert done >= finished
        whole.append(done - finished)
        next_one = record(path, gap("a"))
        assert next_one.new == 1 and next_one.fixed == (rows if done else 0)
        assert Worklist(path).accept(gap("a").id, "works", "Ben")[0].status == "accepted"
    assert 0 in whole, whole  # the kill fell into a run


def test_a_kill_in_the_middle_of_a_transaction_leaves_the_last_run(path: Path) -> None:
    """A process that is killed after it has written everything but the end of the run."""
    record(path, gap("a"), gap("b"))
    before = events(path)
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from finlab.gaps.workflow import runs
        from finlab.gaps.record import Gaps
        real = runs.apply_saved
        def killed(*given):
            real(*given)
            os.kill(os.getpid(), signal.SIGKILL)
        runs.apply_saved = killed
        runs.record_run(Path({str(path)!r}), Gaps.of([]), name="bank", who="x")
    """)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert ended.returncode == -signal.SIGKILL
    assert events(path) == before and [one.status for one in kept(path).values()] == ["open", "open"]
    assert record(path, gap("a")).fixed == 1


def test_two_writers_at_once_both_record_all_of_their_runs(path: Path) -> None:
    rows, turns = 1_000, 3
    both = [writer(path, name, rows, turns) for name in ("one", "two")]
    for process in both:
        begin(process)
    numbers = list[int]()
    for process in both:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        numbers += map(int, out.split())
    assert sorted(numbers) == list(range(1, 2 * turns + 1))
    assert [check_whole(path, name, rows) for name in ("one", "two")] == [turns, turns]


def test_two_writers_of_one_worklist_take_turns(path: Path) -> None:
    both = [writer(path, "same", 200, 2) for _ in range(2)]
    for process in both:
        begin(process)
    for process in both:
        assert process.communicate(timeout=120) and process.returncode == 0
    with reading(path) as tables:
        assert tables.execute("SELECT number, gaps FROM runs ORDER BY 1").fetchall() == [(n, 200) for n in range(1, 5)]
        numbers = [n for (n,) in tables.execute("SELECT number FROM events ORDER BY 1").fetchall()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_store_that_another_process_keeps_is_waited_for_and_then_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(path, gap("a"))
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('go', flush=True); sys.stdin.readline()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    holder = subprocess.Popen([sys.executable, "-c", hold, str(path)], text=True, **pipes)
    assert holder.stdout is not None and holder.stdout.readline() == "go\n"
    monkeypatch.setenv("FINLAB_LOCK_WAIT_SECONDS", "0.2")
    for act in (lambda: record(path, gap("b")), lambda: Worklist(path).accept(gap("a").id, "x", "Ben")):
        with pytest.raises(StoreError, match=f"in use by process {holder.pid}"):
            act()
    holder.communicate("\n")
    assert list(kept(path)) == ["a"] and record(path, gap("b")).fixed == 1


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_run(small_disk: Path) -> None:
    path, filler = small_disk / "finlab.duckdb", small_disk / "filler"
    record(path, gap("a"))
    filler.write_bytes(b"0" * (3 << 20))
    before, chance = events(path), np.random.default_rng(1)
    table = pa.concat_tables([Gaps.of([gap("x")]).arrow] * 200_000)
    words = [chance.bytes(12).hex() for _ in range(len(table))]
    many = Gaps(table.set_column(0, "id", pa.array(words)).set_column(2, "key", pa.array(words)))
    for _ in range(2):
        with pytest.raises(StoreError, match="the disk is full"):
            record_run(path, many, name="bank", who="Anna")
        assert events(path) == before and list(kept(path)) == ["a"]
    filler.unlink()
    assert record(path, gap("a")).again == 1
    assert sorted(file.name for file in small_disk.iterdir()) == ["finlab.duckdb"]


def test_another_connection_of_this_process_is_no_deadlock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINLAB_LOCK_WAIT_SECONDS", "0.2")
    record(path, gap("a"))
    with lease(path), pytest.raises(StoreError, match="in use by this process itself"):
        record(path, gap("a"))
    assert record(path, gap("a")).number == 2
