"""The worklist: decisions with who and when, ids by their beginnings, ages, saved rules with their versions."""

import itertools
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data.store import Store
from finlab.gaps.record import Alternative, Cause, Evidence, Gap, Gaps
from finlab.gaps.workflow.archive import EVENTS, reading, writing
from finlab.gaps.workflow.rules import Fee, FixedFee, Small, Timing, rule_to_toml
from finlab.gaps.worklist import AGES, Worklist

TWO = ("ledger", "bank")


def gap(key: str, lost: str = "1.50", **more: Any) -> Gap:
    said = {"kind": "value", "sources": TWO, "currency": "EUR", "field": "amount", "period": "2026-01"}
    values = ("1000.00", str(1000 - Decimal(lost)))
    return Gap(**{**said, "key": key, "values": values, "amount_at_stake": Decimal(lost), **more})


@pytest.fixture
def worklist(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> Worklist:
    """Three gaps of one reconciliation, recorded by Anna."""
    monkeypatch.setenv("FINLAB_USER", "Anna")
    found = Worklist(workbench / "finlab.duckdb")
    found.record(Gaps.of([gap("a"), gap("b", "2.00"), gap("c", "300.00")]), name="bank")
    return found


def by_key(worklist: Worklist) -> dict[str, Gap]:
    return {one.key: one for one in worklist.gaps()}


# Decisions


def test_each_decision_says_who_and_when_and_what_it_changed(worklist: Worklist) -> None:
    begun = datetime.now(UTC)
    one = by_key(worklist)["a"].id
    assert worklist.explain(one, "a fee", "Ben")[0].causes == (Cause("a fee", 1.0),)
    assert worklist.accept(one, "agreed").where(status="accepted")[0].causes == (Cause("a fee", 1.0),)
    worklist.comment(one, "asked the bank", "Carla")
    assert worklist.reopen(one, "not agreed", "Ben")[0].causes == ()
    worklist.accept(one)
    history = worklist.history(one)
    told = history.loc[:, ["who", "what", "before", "after", "note"]].astype(object).where(history.notna(), None)
    assert told.to_numpy().tolist() == [
        ["Anna", "found", None, "1.50 EUR", None],
        ["Ben", "explained", "open", "explained", "a fee"],
        ["Anna", "accepted", "explained", "accepted", "agreed"],
        ["Carla", "comment", None, None, "asked the bank"],
        ["Ben", "reopened", "accepted", "open", "not agreed"],
        ["Anna", "accepted", "open", "accepted", None],
    ]
    assert set(history["what"]) <= set(EVENTS)
    assert (history["at"].iloc[1:] >= begun).all() and history["at"].is_monotonic_increasing


MAY = {
    "explain": {"open", "explained", "accepted"},
    "accept": {"open", "explained", "accepted"},
    "reopen": {"explained", "accepted"},
    "comment": {"open", "explained", "accepted", "fixed"},
}


@pytest.mark.parametrize(("decision", "status"), list(itertools.product(MAY, sorted(MAY["comment"]))))
def test_what_may_be_decided_depends_on_the_state(worklist: Worklist, decision: str, status: str) -> None:
    one = by_key(worklist)["a"]
    if status == "fixed":
        worklist.record(Gaps.of([gap("b")]), name="bank")
    elif status != "open":
        {"explained": worklist.explain, "accepted": worklist.accept}[status](one, "because")
    entries = len(worklist.history(one))
    act = getattr(worklist, decision)
    if status in MAY[decision]:
        act(one, "a text")
        after = {"explain": "explained", "accept": "accepted", "reopen": "open", "comment": status}[decision]
        assert by_key(worklist)["a"].status == after and len(worklist.history(one)) == entries + 1
        return
    with pytest.raises(InputError, match=f"gap {one.id} is {status}"):
        act(one, "a text")
    assert by_key(worklist)["a"].status == status and len(worklist.history(one)) == entries


def test_many_gaps_are_decided_together_or_not_at_all(worklist: Worklist) -> None:
    assert len(worklist.accept(worklist.gaps(), "all", "Ben")) == 3
    assert {one.status for one in worklist.gaps()} == {"accepted"}
    worklist.record(Gaps.of([gap("a"), gap("b", "2.00")]), name="bank")
    with pytest.raises(InputError, match="is fixed; a later run reopens it if it comes back"):
        worklist.reopen(worklist.gaps(), "all")
    assert [by_key(worklist)[key].status for key in "abc"] == ["accepted", "accepted", "fixed"]
    chosen = worklist.gaps(status="accepted")
    assert len(worklist.reopen([one.id for one in chosen], "two")) == 2
    assert len(worklist.comment(list(chosen), "as objects")) == 2
    assert len(worklist.comment([chosen[0].id, chosen[0].id[:8]], "the same twice")) == 1
    assert len(worklist.history(chosen[0])[worklist.history(chosen[0])["note"] == "the same twice"]) == 1
    assert len(worklist.comment([], "nothing")) == 0


def test_the_guesses_of_the_search_come_back_when_a_gap_is_reopened(worklist: Worklist) -> None:
    guessed = gap("a", causes=(Cause("a fee", 0.7), Cause("an error", 0.3)))
    worklist.record(Gaps.of([guessed]), name="guesses")
    assert worklist.explain(guessed, "rent", name="guesses")[0].causes == (Cause("rent", 1.0),)
    worklist.record(Gaps.of([guessed]), name="guesses")
    assert worklist.show(guessed, name="guesses").gap.causes == (Cause("rent", 1.0),)
    assert worklist.reopen(guessed, "no", name="guesses")[0].causes == guessed.causes


def test_texts_of_people_are_kept_whatever_is_in_them(worklist: Worklist) -> None:
    nasty = "'; DROP TABLE events; -- =1+1 <script>\nline two $note ?"
    one = by_key(worklist)["a"]
    worklist.explain(one, nasty)
    assert worklist.show(one).gap.causes[0].label == nasty and worklist.history(one)["note"].iloc[-1] == nasty
    assert "<script>" not in worklist.show(one)._repr_html_()
    for wrong in ("", "  \n", "x" * 10_001, "half \ud800"):
        with pytest.raises(InputError, match="reason"):
            worklist.explain(one, wrong)


# Ids


def test_the_beginning_of_an_id_is_enough_where_one_gap_begins_so(workbench: Path) -> None:
    worklist = Worklist(workbench / "s.duckdb")
    ids = ["abc1", "abc2", "abd0", "abc"]
    worklist.record(Gaps.of([gap(id, id=id) for id in ids]), name="bank", who="Anna")
    assert worklist.show("abd").gap.id == "abd0" == worklist.show(" ABD ").gap.id
    assert worklist.show("abc").gap.id == "abc"  # a whole id is no beginning
    with pytest.raises(
        InputError, match=r"id is 'ab'; expected the id of one gap; 4 begin so: abc, abc1, abc2, \.\.\."
    ):
        worklist.show("ab")
    for wrong in ("x", "abc11", "_", "%", "ab%", "'; --"):
        with pytest.raises(InputError, match="expected the id of one of the 4 gaps, or how it begins"):
            worklist.show(wrong)
    for wrong in ("", "  ", "ä", "数"):
        with pytest.raises(InputError, match="expected the id of a gap, or how it begins"):
            worklist.show(wrong)
    with pytest.raises(InputError, match="id is 'zz'"):
        worklist.accept(["abd0", "zz"], "both", "Ben")
    assert worklist.show("abd0").gap.status == "open"


def test_a_gap_in_two_worklists_is_asked_for_by_name(worklist: Worklist) -> None:
    worklist.record(Gaps.of([gap("a")]), name="another")
    with pytest.raises(InputError, match="is in several worklists, 'another', 'bank'; say which one by its name"):
        worklist.show(gap("a"))
    assert worklist.show(gap("a").id[:6], name="another").name == "another"
    worklist.accept(gap("a"), name="another")
    states = {name: worklist.show(gap("a"), name=name).gap.status for name in worklist.names()}
    assert states == {"bank": "open", "another": "accepted"} and worklist.names() == ["bank", "another"]
    with pytest.raises(InputError, match="the id of one of the 1 gaps of 'another'"):
        worklist.show(gap("b"), name="another")


# Reading


def test_gaps_are_ranked_and_narrowed_down(worklist: Worklist) -> None:
    worklist.record(Gaps.of([gap("d", "50.00", currency="USD", kind="merge", probability=0.5)]), name="dollars")
    assert [one.key for one in worklist.gaps()] == ["c", "d", "b", "a"]
    assert [one.key for one in worklist.gaps(name="bank", key=["a", "c"])] == ["c", "a"]
    assert (
        [one.key for one in worklist.gaps(kind="merge")] == ["d"] == [one.key for one in worklist.gaps(currency="USD")]
    )
    assert len(worklist.gaps(status=["explained", "accepted"])) == 0 == len(worklist.gaps(period="2027"))
    assert worklist.gaps(field="amount", period="2026-01", status="open").summary() == worklist.gaps().summary()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"status": "opne"}, "did you mean 'open'"),
        ({"kind": "mrege"}, "did you mean 'merge'"),
        ({"name": "bnak"}, "did you mean 'bank'"),
        ({"curency": "EUR"}, "did you mean 'currency'"),
    ],
)
def test_what_is_misspelt_is_refused_with_the_nearest(worklist: Worklist, wanted: dict[str, str], words: str) -> None:
    for ask in (worklist.gaps, worklist.ageing):
        with pytest.raises(InputError, match=words):
            ask(**wanted)


def test_an_empty_store_answers_everything_with_nothing(workbench: Path) -> None:
    worklist = Worklist(workbench / "none.duckdb")
    assert worklist.names() == [] and len(worklist.gaps()) == 0 and worklist.runs().empty
    assert worklist.ageing().empty and worklist.rules().empty and worklist.rules(history=True).empty
    with pytest.raises(InputError, match="nothing was recorded in this store yet"):
        worklist.gaps(name="bank")
    with pytest.raises(InputError, match="one of the 0 gaps"):
        worklist.show("abc")
    assert not worklist.path.exists()


def test_a_snapshot_is_for_reading(worklist: Worklist) -> None:
    copy = Worklist(worklist.store.snapshot())
    assert len(copy.gaps()) == 3
    actions = (
        lambda: copy.accept(gap("a")),
        lambda: copy.record(Gaps.of([]), name="bank"),
        lambda: copy.save_rules(Timing(name="x", days=1)),
        lambda: copy.retire_rule("x", "why"),
        lambda: copy.apply_rules("bank"),
    )
    for act in actions:
        with pytest.raises(InputError, match="is a snapshot, for reading only"):
            act()


def test_a_case_shows_everything(worklist: Worklist) -> None:
    ledger = pd.DataFrame({"amount": [Decimal("1000.00")], "text": ["rent"]})
    one = gap(
        "x", evidence=(Evidence("ledger", (0,)),), causes=(Cause("a fee", 0.6),), probability=0.5, n_explanations=2,
        alternatives=(Alternative(0.5, (Evidence("ledger", (0,)),)),),
    )  # fmt: skip
    worklist.record(Gaps.of([one]), name="case", sources={"ledger": ledger})
    case = worklist.show(one)
    found, history, beside, name, rows = case
    assert found.key == "x" and len(history) == 1 and name == "case" and list(rows) == ["ledger"]
    assert beside.to_numpy().tolist() == [["amount", Decimal("1000.00")], ["text", "rent"]]
    assert all(word in str(case) for word in ("1.50 EUR at stake", "cause: a fee (60%)", "rent", "found"))


# Ages


def test_open_gaps_are_sorted_into_classes_of_thirty_days(worklist: Worklist) -> None:
    today = date(2026, 6, 1)
    days = {"w": 0, "x": 30, "y": 31, "z": 90, "v": 91}
    aged = [gap(key, "10.00", first_seen=date.fromordinal(today.toordinal() - n)) for key, n in days.items()]
    unpriced = gap("u", "1", amount_at_stake=None, first_seen=today)
    dollars = gap("t", "7.00", currency="USD", first_seen=today)
    worklist.record(Gaps.of([*aged, unpriced, dollars]), name="aged")
    worklist.accept(gap("y"), name="aged")
    found = worklist.ageing(name="aged", today=today)
    assert found.to_numpy().tolist() == [
        ["value", "EUR", "0-30", 3, Decimal(20)],
        ["value", "EUR", "61-90", 1, Decimal(10)],
        ["value", "EUR", "90+", 1, Decimal(10)],
        ["value", "USD", "0-30", 1, Decimal(7)],
    ]
    accepted = worklist.ageing(name="aged", today=today, status="accepted")
    assert accepted["age"].tolist() == ["31-60"] and set(AGES) >= set(found["age"])
    assert worklist.ageing(name="aged", today=date(2020, 1, 1))["age"].unique().tolist() == ["0-30"]


def test_the_age_may_count_since_the_end_of_the_period(worklist: Worklist) -> None:
    aged = [gap(key, "10.00", period=period) for key, period in (("x", "2026-01"), ("y", "2026-Q1"), ("z", "soon"))]
    worklist.record(Gaps.of(aged), name="aged")
    found = worklist.ageing(name="aged", since="period", today=date(2026, 4, 30))
    assert found["age"].tolist() == ["0-30", "61-90"] and found["gaps"].tolist() == [2, 1]
    with pytest.raises(InputError, match="did you mean 'period'"):
        worklist.ageing(since="perriod")


# Saved rules

FEE = Fee(name="fees", rate="0.15%", less="bank", most=100)


def test_saved_rules_explain_what_is_found_later_with_their_audit_trail(worklist: Worklist) -> None:
    assert worklist.save_rules([FEE, Timing(name="late", days=3)], "Ben") == ["fees", "late"]
    assert worklist.save_rules([FEE]) == []
    done = worklist.record(Gaps.of([gap("a"), gap("d"), gap("c", "300.00")]), name="bank")
    assert (done.again, done.new, done.fixed, done.explained) == (2, 1, 1, 2)
    entry = worklist.history(gap("d")).iloc[-1]
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert (entry["who"], entry["what"], entry["run"]) == ("Anna", "explained", 2)
    assert entry["note"] == f"fees (version 1, saved by Ben on {today})"
    assert entry["rule"] == worklist.rules()["fingerprint"].iloc[0]
    assert by_key(worklist)["d"].causes == (Cause("fees", 1.0),) and by_key(worklist)["c"].status == "open"
    assert worklist.rules()["gaps_explained"].tolist() == [2, 0]


def test_what_remains_is_told(worklist: Worklist) -> None:
    worklist.save_rules([FEE, Small(name="small", amount=5, most=100)])
    worklist.record(Gaps.of([gap("a", "1.51"), gap("b", "2.00")]), name="bank")
    assert worklist.history(gap("a"))["note"].iloc[-1].endswith("; 0.01 EUR remains")
    assert worklist.history(gap("b"))["note"].iloc[-1].endswith("; 2.00 EUR remains")


def test_an_amount_that_changes_is_asked_about_again_and_may_be_explained_again(worklist: Worklist) -> None:
    worklist.save_rules(FixedFee(name="fixed", amount="1.50", within="0.50", most=100))
    worklist.record(Gaps.of([gap("a")]), name="bank")
    done = worklist.record(Gaps.of([gap("a", "1.75")]), name="bank")
    assert (done.reopened, done.explained) == (1, 1) and by_key(worklist)["a"].status == "explained"
    done = worklist.record(Gaps.of([gap("a", "9.00")]), name="bank")
    assert (done.reopened, done.explained) == (1, 0) and by_key(worklist)["a"].status == "open"


def test_a_new_version_takes_the_place_of_the_old_one_and_nothing_is_deleted(worklist: Worklist) -> None:
    worklist.save_rules([FEE, Timing(name="late", days=3)], "Ben")
    wider = Fee(name="fees", rate="0.2%", less="bank", most=100)
    assert worklist.save_rules(wider, "Carla") == ["fees"]
    assert worklist.rules()["name"].tolist() == ["fees", "late"] and worklist.rules()["version"].tolist() == [2, 1]
    worklist.apply_rules("bank")
    assert worklist.retire_rule("fees", "a new contract", "Ben") == "fees"
    assert by_key(worklist)["b"].status == "explained"  # what it explained stays explained
    history = worklist.rules(history=True)
    assert history["version"].tolist() == [1, 2, 1] and history["gaps_explained"].tolist() == [0, 1, 0]
    assert history["why"].fillna("").tolist() == ["replaced by version 2", "a new contract", ""]
    assert history["retired_by"].fillna("").tolist() == ["Carla", "Ben", ""]
    assert worklist.save_rules(wider) == ["fees"] and worklist.rules()["version"].tolist() == [1, 3]
    assert worklist.rules(history=True)["gaps_explained"].sum() == 1
    for wrong in ("fess", "", "nothing"):
        with pytest.raises(InputError, match="a rule in force: 'late', 'fees'"):
            worklist.retire_rule(wrong, "why")


def test_a_rule_over_its_limit_explains_nothing_and_a_run_says_so(worklist: Worklist) -> None:
    worklist.save_rules([Small(name="careless", amount=1000), FEE])
    with pytest.raises(InputError, match=r"rule 'careless' would explain 3 gaps of 303\.50 EUR.*; no rule was applied"):
        worklist.apply_rules("bank")
    done = worklist.record(Gaps.of([gap("a"), gap("b", "2.00"), gap("c", "300.00")]), name="bank")
    assert done.explained == 0 and "rule 'careless' would explain" in done.notes[0]
    assert {one.status for one in worklist.gaps()} == {"open"}


def test_the_limit_counts_over_runs_versions_and_worklists_each_by_itself(worklist: Worklist) -> None:
    worklist.save_rules(Fee(name="fees", rate="0.15%", most="3.00"))
    assert worklist.record(Gaps.of([gap("a"), gap("d")]), name="bank").explained == 2
    third = worklist.record(Gaps.of([gap("a"), gap("d"), gap("e")]), name="bank")
    assert third.explained == 0 and "1 gap of 1.50 EUR and explains 3.00 EUR already" in third.notes[0]
    worklist.save_rules(Fee(name="fees", rate="0.15%", most="3.01"))
    assert worklist.record(Gaps.of([gap("a"), gap("d"), gap("e")]), name="bank").explained == 0
    assert worklist.record(Gaps.of([gap("e")]), name="bank").explained == 1  # what is fixed no longer counts
    assert worklist.record(Gaps.of([gap("a"), gap("d")]), name="another").explained == 2


def test_a_gap_that_a_person_reopened_is_left_alone_by_rules(worklist: Worklist) -> None:
    worklist.save_rules(FEE)
    worklist.apply_rules("bank")
    worklist.reopen(gap("a"), "this one is no fee", "Ben")
    assert worklist.apply_rules("bank").explained == 0
    assert worklist.record(Gaps.of([gap("a"), gap("b", "2.00"), gap("c", "300.00")]), name="bank").explained == 0
    assert by_key(worklist)["a"].status == "open"
    worklist.explain(gap("a"), "it is a fee after all")
    worklist.record(Gaps.of([gap("a", "1.51")]), name="bank")
    assert by_key(worklist)["a"].causes == (Cause("fees", 1.0),)  # decided, so rules may again


def test_a_rehearsal_changes_nothing_and_knows_rules_that_are_not_saved(worklist: Worklist, workbench: Path) -> None:
    ruling = worklist.apply_rules("bank", FEE, dry_run=True)
    assert ruling.explained == 1 and {one.key: one.status for one in ruling.gaps}["a"] == "explained"
    (workbench / "rules.toml").write_text(rule_to_toml(FEE))
    assert worklist.apply_rules("bank", workbench / "rules.toml", dry_run=True).explained == 1
    assert worklist.apply_rules("bank", dry_run=True).explained == 0
    assert {one.status for one in worklist.gaps()} == {"open"} and worklist.rules().empty
    refused = worklist.apply_rules("bank", [Small(name="careless", amount=1000)], dry_run=True)
    assert refused.refusals and refused.explained == 0
    with pytest.raises(InputError, match="save them first"):
        worklist.apply_rules("bank", FEE)
    with pytest.raises(InputError, match="did you mean 'bank'"):
        worklist.apply_rules("bnak", FEE, dry_run=True)


def test_a_counterparty_is_found_in_the_rows_that_were_kept(worklist: Worklist) -> None:
    ledger = pd.DataFrame({"supplier": ["ACME ", "Acme Fraud Ltd", "Bolt"], "amount": [1, 2, 3]})
    found = [gap(key, "1.50", evidence=(Evidence("ledger", (row,)),)) for row, key in enumerate("xyz")]
    worklist.save_rules(FixedFee(name="acme keeps 1.50", amount="1.50", counterparty="Acme", most=100))
    done = worklist.record(Gaps.of(found), name="rows", sources={"ledger": ledger})
    assert done.explained == 1 and worklist.show(gap("x")).gap.status == "explained"


def test_a_saved_rule_that_cannot_be_read_is_said(worklist: Worklist) -> None:
    worklist.save_rules(FEE)
    with writing(worklist.path) as tables:
        tables.execute("UPDATE rules SET text = 'kind = ='")
    with pytest.raises(InputError, match="the rules are no TOML"):
        worklist.apply_rules("bank")


# The whole


def test_events_are_numbered_without_a_gap_and_only_grow(worklist: Worklist) -> None:
    worklist.save_rules(FEE)
    seen: list[tuple] = []
    for act in (
        lambda: worklist.apply_rules("bank"),
        lambda: worklist.accept(worklist.gaps(), "all"),
        lambda: worklist.record(Gaps.of([gap("a"), gap("z")]), name="bank"),
        lambda: worklist.comment(gap("a"), "x"),
        lambda: worklist.record(Gaps.of([gap("a"), gap("b", "2.00")]), name="bank"),
    ):
        act()
        with reading(worklist.path) as tables:
            now = tables.execute("SELECT * FROM events ORDER BY number").fetchall()
        assert now[: len(seen)] == seen and len(now) > len(seen)
        assert [row[0] for row in now] == list(range(1, len(now) + 1))
        seen = now


def test_a_worklist_lives_beside_the_tables_of_its_store(worklist: Worklist) -> None:
    store = Store(worklist.path)
    store.write("sales", pd.DataFrame({"n": [1]}))
    assert store.tables() == ["sales"] and len(Worklist(store).gaps()) == 3 == len(Worklist().gaps()) + 3
    store.drop("sales")
    assert len(worklist.gaps()) == 3 and repr(worklist).startswith("Worklist('")


WRONG_TYPES = textwrap.dedent("""
    from finlab.core.errors import InputError
    from finlab.gaps.workflow.archive import who_is, where
    from finlab.gaps.workflow.exhibits import take_all, take_rows
    from finlab.gaps.record import Gap, Gaps
    from finlab.gaps.workflow.rules import Fee, Timing, check_names, make_rule, rules_from_toml
    from finlab.gaps.workflow.ruling import apply_rules
    from finlab.gaps.worklist import Worklist

    worklist = Worklist("s.duckdb")
    one = Gap(kind="value", sources=("a", "b"), key="k")
    worklist.record(Gaps.of([one]), name="bank", who="Anna")
    calls = {
        "who": lambda: who_is(7),
        "bytes": lambda: who_is(b"Ben"),
        "key": lambda: where(key=[7]),
        "number": lambda: worklist.gaps(status=7),
        "gaps": lambda: worklist.record([one], name="bank"),
        "name": lambda: worklist.record(Gaps.of([one]), name=None),
        "parameters": lambda: worklist.record(Gaps.of([one]), name="bank", parameters=[1]),
        "sources": lambda: worklist.record(Gaps.of([one]), name="bank", sources=[1]),
        "source": lambda: worklist.record(Gaps.of([one]), name="bank", sources={"a": 1}),
        "ids": lambda: worklist.accept(7),
        "id": lambda: worklist.accept([7]),
        "nothing": lambda: worklist.show(None),
        "no gap": lambda: worklist.show([]),
        "reason": lambda: worklist.explain(one, 7),
        "comment": lambda: worklist.comment(one, None),
        "since": lambda: worklist.ageing(since=7),
        "day": lambda: worklist.gaps(today="soon"),
        "moment": lambda: worklist.ageing(today=7),
        "rules": lambda: worklist.save_rules(7),
        "rule": lambda: worklist.save_rules(["fee"]),
        "retired": lambda: worklist.retire_rule(7, "why"),
        "worklist": lambda: worklist.apply_rules(7),
        "path": lambda: worklist.export(7),
        "sheet": lambda: worklist.export("x.csv", sheet=7),
        "rate": lambda: Fee(name="x", rate=[1]),
        "days": lambda: Timing(name="x", days=1.5),
        "true": lambda: Timing(name="x", days=True),
        "most": lambda: Timing(name="x", days=1, most=object()),
        "from": lambda: Timing(name="x", days=1, valid_from=7),
        "toml": lambda: rules_from_toml(7),
        "kind": lambda: make_rule({"kind": 7}),
        "checked": lambda: apply_rules(Gaps.of([one]), [7]),
        "all rules": lambda: apply_rules(Gaps.of([one]), 7),
        "no gaps": lambda: apply_rules([one], []),
        "store": lambda: Worklist(7),
    }
    for name, call in calls.items():
        try:
            call()
            print(f"{name}: accepted")
        except InputError:
            pass
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}")
    print(len(worklist.gaps()), worklist.gaps()[0].status)
""")


def test_wrong_types_are_refused_in_words_and_change_nothing(workbench: Path) -> None:
    """In a process of its own, where no hook of the tests looks at types first."""
    ended = subprocess.run([sys.executable, "-c", WRONG_TYPES], capture_output=True, text=True, cwd=workbench)
    assert (ended.stdout, ended.returncode) == ("1 open\n", 0), ended.stdout + ended.stderr


@pytest.mark.slow
def test_a_hundred_thousand_gaps_are_decided_by_their_ids(workbench: Path) -> None:
    import pyarrow as pa

    table = pa.concat_tables([Gaps.of([gap("x")]).arrow] * 100_000)
    many = Gaps(table.set_column(0, "id", pa.array([f"{n:016x}" for n in range(len(table))])))
    worklist = Worklist(workbench / "s.duckdb")
    assert worklist.record(many, name="many", who="Anna").new == 100_000
    assert len(worklist.explain(many, "one reason for all", "Ben")) == 100_000
    assert worklist.record(many, name="many", who="Anna").again == 100_000
