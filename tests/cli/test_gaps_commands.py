"""`finlab gaps`: a search recorded, worked on from the terminal, rules saved and applied, and a file for others."""

import os
import pty
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import load_workbook

from finlab.cli import gap_searches, gap_tables, main
from finlab.cli.app import OK, WRONG_INPUT
from finlab.cli.console import show, text_width
from finlab.data.store import Store
from finlab.gaps.record import Cause, Evidence, Gap, Gaps
from finlab.gaps.worklist import Worklist

RULES = """
[[rule]]
kind = "fee"
name = "Fees of the bank are 0.15%"
rate = "0.15%"
less = "bank"
most = 50
"""
CARELESS = """
[[rule]]
kind = "small"
name = "Differences at the bank"
amount = 10000
"""

Told = tuple[int, str, str]


@pytest.fixture
def finlab(workbench: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Call the command line in an empty folder: (exit code, standard output, standard error)."""
    monkeypatch.setenv("FINLAB_USER", "Anna")

    def call(*arguments: str) -> Told:
        with pytest.raises(SystemExit) as ended:
            main(["gaps", *arguments])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return call


def compared(asked: gap_searches.Asked) -> gap_searches.Found:
    """A search as plain as can be: row against row, by the first column; what is asked of any search."""
    assert not asked.options
    names, (left, right) = tuple(asked.tables), asked.tables.values()
    there = {row["invoice"]: (place, Decimal(f"{row['amount']:.2f}")) for place, row in enumerate(right.to_pylist())}
    found = []
    for place, row in enumerate(left.to_pylist()):
        other, amount = there.get(row["invoice"], (None, None))
        booked = Decimal(f"{row['amount']:.2f}")
        if amount == booked:
            continue
        evidence = (Evidence(names[0], (place,)), *([Evidence(names[1], (other,))] if other is not None else []))
        found.append(
            Gap(
                kind="value" if amount is not None else "missing",
                sources=names,
                key=row["invoice"],
                field="amount",
                period="2026-01",
                values=(str(booked), None if amount is None else str(amount)),
                amount_at_stake=abs(booked - (amount or 0)),
                currency="EUR",
                causes=(Cause("a fee", 0.5),),
                evidence=evidence,
            )
        )
    gaps = Gaps.of(found, {names[0]: left.num_rows, names[1]: right.num_rows})
    return gap_searches.Found(gaps, "the sources, compared")


@pytest.fixture
def books(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger and a bank that differ in two fees and one payment."""
    (workbench / "ledger.csv").write_text("invoice,amount\nA-1,1000.00\nA-2,2000.00\nA-3,300.00\n=1+1,5.00\n")
    (workbench / "bank.csv").write_text("invoice,amount\nA-1,998.50\nA-2,1997.00\n=1+1,5.00\n")
    plain = gap_searches.SEARCHES["match"]._replace(find=compared)
    monkeypatch.setitem(gap_searches.SEARCHES, "match", plain)
    return workbench


def run(finlab: Callable[..., Told]) -> dict[str, str]:
    """Run the search; returns the beginnings of the ids by their keys."""
    assert finlab("run", "ledger.csv", "bank.csv", "--name", "January")[0] == OK
    return {gap.key: gap.id[:8] for gap in Worklist().gaps()}


def test_a_search_is_recorded_and_a_second_one_recognises_it(finlab, books: Path) -> None:
    code, out, err = finlab("run", "ledger.csv", "bank.csv")
    told = "\nthe sources, compared\n"
    assert code == OK and out == f"ledger against bank, run 1: 3 gaps: 3 new{told}" and "finlab gaps ls" in err
    code, out, _ = finlab("run", "ledger.csv", "bank.csv")
    assert out == f"ledger against bank, run 2: 3 gaps: 3 seen again{told}"
    (books / "bank.csv").write_text((books / "ledger.csv").read_text())
    code, out, err = finlab("run", "ledger.csv", "bank.csv")
    assert out == f"ledger against bank, run 3: 0 gaps: 3 fixed{told}"
    assert err.startswith("finlab: ledger and bank are the same table, row by row (") and "meant for either?" in err
    shown = Worklist().runs()
    assert shown["who"].tolist() == ["Anna"] * 3
    code, out, _ = finlab("runs")
    assert code == OK and re.search(r"1  ledger against bank .* 3    3      0\n", out)
    assert "fixed" in out and "reopened" not in out  # what never happened takes no room


def test_a_search_may_be_rehearsed_and_its_sources_named(finlab, books: Path) -> None:
    code, out, _ = finlab("run", "ledger.csv", "bank.csv", "--dry-run", "--names", "books,account")
    assert code == OK and "A-3" in out and Worklist().names() == []
    finlab("run", "ledger.csv", "bank.csv", "--names", "books,account")
    assert Worklist().names() == ["books against account"]
    assert finlab("run", "ledger.csv", "ledger.csv")[0] == OK and Worklist().names()[-1] == "ledger_1 against ledger_2"
    for wrong, told in (
        ("books", "2 names"),
        ("a,a", "that differ"),
        ("a,", "a name, or several"),
        ("a,b,c", "2 names"),
    ):
        code, _, err = finlab("run", "ledger.csv", "bank.csv", "--names", wrong)
        assert code == WRONG_INPUT and told in err


def test_tables_of_the_store_are_sources_too(finlab, books: Path) -> None:
    Store().load("ledger.csv", "kept_ledger")
    code, out, _ = finlab("run", "kept_ledger", "bank.csv", "--name", "kept")
    assert code == OK and "3 new" in out
    case = Worklist().show(Worklist().gaps(name="kept", kind="missing")[0])
    assert case.rows["kept_ledger"].iloc[0].tolist() == [2, "A-3", 300.0]
    code, _, err = finlab("run", "nothing.csv", "bank.csv")
    assert code == WRONG_INPUT and "there is no file" in err
    code, _, err = finlab("run", "ledger.csv", "bank.csv", "-r", "delimeter=,")
    assert code == WRONG_INPUT and "did you mean 'delimiter'" in err


def test_gaps_are_listed_with_what_matters_most_first(finlab, books: Path) -> None:
    assert finlab("ls") == (OK, "", "finlab: nothing was recorded yet; try: finlab gaps run ledger.csv bank.csv\n")
    ids = run(finlab)
    code, out, _ = finlab("ls")
    lines = out.splitlines()
    assert code == OK and [line.split()[2] for line in lines[1:4]] == ["A-3", "A-2", "A-1"]
    assert "300.00 EUR" in lines[1] and lines[1].split()[0] == ids["A-3"][:6]
    assert lines[-1] == "3 gaps: 1 missing, 2 value; 304.50 EUR at stake."
    _, out, _ = finlab("ls", "--rows", "1", "--kind", "value")
    assert "A-2" in out and "A-1" not in out and "The first 1 are shown." in out
    _, _, err = finlab("ls", "--status", "accepted")
    assert "no such gaps in January" in err
    code, _, err = finlab("ls", "--status", "opne")
    assert code == WRONG_INPUT and "did you mean 'open'" in err
    code, _, err = finlab("ls", "--name", "Januray")
    assert code == WRONG_INPUT and "did you mean 'January'" in err
    assert finlab("ls", "--rows", "0")[0] == WRONG_INPUT


def test_a_currency_is_found_however_it_is_written(finlab, books: Path) -> None:
    run(finlab)
    code, out, _ = finlab("ls", "--currency", "eur")
    assert code == OK and "3 gaps" in out
    code, out, err = finlab("ls", "--currency", "XYZ")
    assert code == WRONG_INPUT and not out and "currency is 'XYZ'; expected one that gaps have: EUR" in err
    code, _, err = finlab("export", "w.csv", "--currency", "EURO", "--currency", "EUR")
    assert code == WRONG_INPUT and "did you mean 'EUR'?" in err and not Path("w.csv").exists()


def test_fixed_gaps_are_not_at_stake(finlab, books: Path) -> None:
    ids = run(finlab)
    (books / "bank.csv").write_text("invoice,amount\nA-1,998.50\nA-2,1997.00\nA-3,300.00\n=1+1,5.00\n")
    run(finlab)
    last = finlab("ls", "--status", "fixed", "--status", "open")[1].splitlines()[-1]
    assert last == "3 gaps: 1 missing, 2 value; 1 of them is fixed; 4.50 EUR at stake."
    assert finlab("ls", "--status", "fixed")[1].splitlines()[-1] == "1 gap: 1 missing; fixed."
    assert "; 300.00 EUR were at stake; 100%" in finlab("show", ids["A-3"])[1].splitlines()[0]
    assert "4.50 EUR at stake" in finlab("accept", ids["A-1"], ids["A-2"])[2]


def test_a_gap_is_shown_with_its_rows_and_its_history(finlab, books: Path) -> None:
    ids = run(finlab)
    finlab("explain", ids["A-1"], "-m", "the fee")
    run(finlab)
    code, out, _ = finlab("show", ids["A-1"])
    assert code == OK
    assert re.search(r"amount +1,000\.00 +998\.50", out) and "ledger 0" in out and "bank 0" in out
    assert "explained by Anna on" in out and "cause: the fee (100%)" in out
    assert "open -> explained: the fee" in out and "seen again by one run" in out
    code, _, err = finlab("show", "zz")
    assert code == WRONG_INPUT and "one of the 3 gaps" in err


def test_decisions_are_made_from_the_terminal(finlab, books: Path) -> None:
    ids = run(finlab)
    code, _, err = finlab("accept", ids["A-1"], ids["A-2"], "-m", "agreed", "--who", "Ben")
    assert code == OK and "accepted: 2 gaps: 2 value; 4.50 EUR at stake." in err
    code, _, err = finlab("reopen", ids["A-1"], "-m", "not agreed")
    assert code == OK and "open again: value A-1" in err
    code, _, err = finlab("comment", ids["A-1"], "-m", "=1+1 \x1b[31m")
    assert code == OK
    assert {gap.key: gap.status for gap in Worklist().gaps()} == {"A-1": "open", "A-2": "accepted", "A-3": "open"}
    history = Worklist().history(ids["A-1"])
    assert history["who"].tolist() == ["Anna", "Ben", "Anna", "Anna"]
    _, out, _ = finlab("show", ids["A-1"])
    assert "\x1b" not in out and "\\x1b[31m" in out  # nothing in a text acts on the terminal
    code, _, err = finlab("reopen", ids["A-3"], "-m", "x")
    assert code == WRONG_INPUT and "is open; expected one that is explained or accepted" in err
    assert finlab("explain", ids["A-3"])[0] == WRONG_INPUT  # a reason is needed
    assert finlab("explain", ids["A-3"], "-m", " ")[0] == WRONG_INPUT


def test_rules_are_saved_rehearsed_applied_and_retired(finlab, books: Path) -> None:
    run(finlab)
    Path("rules.toml").write_text(RULES)
    assert finlab("rules", "ls")[2].startswith("finlab: no rule is saved")
    code, out, err = finlab("rules", "apply", "January", "--file", "rules.toml", "--dry-run")
    assert code == OK and "2 gaps are explained: 4.50 EUR." in out and "nothing was changed" in err
    assert {gap.status for gap in Worklist().gaps()} == {"open"}
    assert finlab("rules", "apply", "January", "--file", "rules.toml")[0] == WRONG_INPUT
    assert "saved: Fees of the bank" in finlab("rules", "save", "rules.toml")[2]
    assert "1 as they were" in finlab("rules", "save", "rules.toml")[2]
    code, out, _ = finlab("rules", "apply", "January")
    assert code == OK and "2 gaps are explained: 4.50 EUR." in out
    code, out, _ = finlab("rules", "ls")
    assert code == OK and re.search(r"Fees of the bank are 0\.15% +1 +\d{4}-\d\d-\d\d +Anna +2", out)
    assert finlab("rules", "retire", "Fees of the bank are 0.15%", "-m", "over")[0] == OK
    assert "over" in finlab("rules", "ls", "--history")[1]
    code, _, err = finlab("rules", "retire", "Fees", "-m", "over")
    assert code == WRONG_INPUT and "there is none" in err


def test_a_rule_is_said_in_words_and_what_it_names_that_no_gap_has(finlab, books: Path) -> None:
    Path("rules.toml").write_text(RULES)
    assert "no gap has" not in finlab("rules", "save", "rules.toml")[2]  # nothing is recorded: nothing is known
    run(finlab)
    Path("rules.toml").write_text(RULES.replace('"0.15%"\nless = "bank"', '0.15\nless = "bnak"\ncurrency = "USD"'))
    _, _, err = finlab("rules", "save", "rules.toml")
    words = "explains what differs by 15% of the larger amount (give or take 0.01)"
    words += " and has less at bnak than at the other source and is in USD; 50.00 USD at most"
    assert f"saved: Fees of the bank are 0.15%: {words}\n" in err
    assert "no gap has the source 'bnak' so far; did you mean 'bank'?" in err
    assert "no gap has the currency 'USD' so far; there are 'EUR'" in err
    code, out, err = finlab("rules", "apply", "January")
    assert code == OK and f"Fees of the bank are 0.15%: {words}\n" in out and "did you mean 'bank'?" in err


def test_a_rule_that_explains_nothing_says_why(finlab, books: Path) -> None:
    run(finlab)
    for setting, reason in (
        ('rate = 0.15', "of 2 open gaps that would fit, none differs by 15% of the larger amount (give or take 0.01); "
                        "the nearest is 148.50 off"),
        ('rate = "0.15%"\nless = "ledger"', "of 2 open gaps that would fit, none has less at ledger"),
        ('rate = "0.15%"\nkinds = ["split"]', "of 3 open gaps none is of kind split"),
        ('rate = "0.15%"\nsources = ["till"]', "of 2 open gaps that would fit, none has the source till"),
        ('rate = "0.15%"\nvalid_from = 2026-02-01', "none is of 2026-02-01 or later"),
    ):  # fmt: skip
        Path("rules.toml").write_text(f'[[rule]]\nkind = "fee"\nname = "fees"\n{setting}\n')
        _, out, _ = finlab("rules", "apply", "January", "--file", "rules.toml", "--dry-run")
        assert "0 gaps are explained.\nrule 'fees' explains nothing: " in out and reason in out
    Path("rules.toml").write_text(RULES + RULES.replace("Fees of the bank are", "Again"))
    finlab("rules", "save", "rules.toml")
    code, out, _ = finlab("rules", "apply", "January")
    assert code == OK and "rule 'Again 0.15%' explains nothing: a rule before it explains the 2 that it fits" in out
    _, out, _ = finlab("rules", "apply", "January")
    told = "rule 'Fees of the bank are 0.15%' explains nothing more than the 4.50 EUR from before: of 1 open gaps none"
    assert told in out


def test_a_careless_rule_is_refused_with_the_figures(finlab, books: Path) -> None:
    run(finlab)
    Path("rules.toml").write_text(CARELESS)
    finlab("rules", "save", "rules.toml")
    code, _, err = finlab("rules", "apply", "January")
    assert code == WRONG_INPUT
    assert "would explain 3 gaps of 304.50 EUR, more than 15.22 EUR, which is 5% of the money at stake" in err
    code, out, _ = finlab("rules", "apply", "January", "--dry-run")
    assert code == OK and "refused" in out and "0 gaps are explained." in out
    code, out, _ = finlab("run", "ledger.csv", "bank.csv", "--name", "January")
    assert code == OK and "note: rule 'Differences at the bank' would explain" in out


def test_ages_are_shown_by_kind(finlab, books: Path) -> None:
    assert finlab("ageing")[2] == "finlab: nothing is open\n"
    run(finlab)
    code, out, _ = finlab("ageing")
    assert code == OK and re.search(r"missing +1 +300\.00 EUR", out) and "0-30" in out and "90+" in out
    code, out, _ = finlab("ageing", "--since", "period")
    assert code == OK and re.search(r"value +2 +4\.50 EUR$", out, re.MULTILINE)
    assert finlab("ageing", "--since", "perid")[0] == WRONG_INPUT


def test_the_worklist_is_a_file_for_others(finlab, books: Path) -> None:
    run(finlab)
    code, _, err = finlab("export", "w.xlsx", "--kind", "value")
    assert code == OK and "2 gaps, 2 lines of evidence and 2 lines of history in w.xlsx" in err
    book = load_workbook("w.xlsx")
    assert book.sheetnames == ["gaps", "evidence", "history"] and book["gaps"]["E2"].value == "A-2"
    code, _, err = finlab("export", "w.xlsx")
    assert code == WRONG_INPUT and "say --replace to exchange it" in err
    assert finlab("export", "w.xlsx", "--replace")[0] == OK
    assert finlab("export", "w.csv", "--sheet", "evidence")[0] == OK and "ledger: amount" in Path("w.csv").read_text()
    assert finlab("export", "w.pdf")[0] == WRONG_INPUT


def test_an_export_says_what_it_wrote_and_writes_nothing_of_nothing(finlab, books: Path) -> None:
    assert "no gap is recorded; nothing was written" in finlab("export", "none.xlsx")[2]
    run(finlab)
    run(finlab)
    code, _, err = finlab("export", "none.xlsx", "--kind", "stale", "--name", "January")
    assert code == WRONG_INPUT and not Path("none.xlsx").exists()
    assert "no gap fits --name January --kind stale; nothing was written" in err
    assert "6 lines of history of 3 gaps in h.csv" in finlab("export", "h.csv", "--sheet", "history")[2]
    assert len(Path("h.csv").read_text().splitlines()) == 7
    assert finlab("export", "g.csv", "--kind", "missing")[2] == "finlab: 1 gap in g.csv\n"
    assert "3 gaps, 3 lines of evidence and 6 lines of history in a.xlsx" in finlab("export", "a.xlsx")[2]


@pytest.mark.parametrize(
    "name", ["run", "ls", "show", "explain", "accept", "reopen", "comment", "export", "runs", "ageing"]
)
def test_every_command_has_help_with_an_example(finlab, name: str) -> None:
    code, out, _ = finlab(name, "--help")
    assert code == OK and "Example" in out and f"finlab gaps {name}" in out


@pytest.mark.parametrize("name", ["ls", "save", "apply", "retire"])
def test_every_command_of_rules_has_help_with_an_example(finlab, name: str) -> None:
    code, out, _ = finlab("rules", name, "--help")
    assert code == OK and "Example" in out and f"finlab gaps rules {name}" in out


# On a terminal


END = "(the end)"


def at_a_terminal(width: int, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What an action prints on a terminal of a width."""
    master, slave = pty.openpty()
    monkeypatch.setenv("COLUMNS", str(width))
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        act()
        terminal.write(END)
        terminal.flush()
        monkeypatch.undo()
        text = ""
        while END not in text:
            text += os.read(master, 1 << 16).decode()
    os.close(master)
    return text.replace("\r", "").removesuffix(END).splitlines()


def many() -> Gaps:
    names = ["Acme Ltd", "华为技术有限公司", "=cmd|' /C calc'!A0", "x\x1b[31m" * 9]
    said = {"kind": "value", "sources": ("ledger", "bank"), "field": "amount", "period": "2026-01-31", "age": 100}
    return Gaps.of(
        Gap(key=f"{n} | {names[n % 4]}", amount_at_stake=Decimal(10**n), currency="EUR", probability=0.9,
            causes=(Cause("a fee for a transfer to another country", 0.5),), **said)
        for n in range(8)
    )  # fmt: skip


@pytest.mark.parametrize("width", [140, 100, 80, 60])
def test_a_list_fits_the_terminal_in_one_block(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    gaps = many()
    lines = at_a_terminal(width, lambda: gap_tables.list_gaps(gaps), monkeypatch)
    assert all(text_width(line) <= width for line in lines)
    table = lines[: lines.index("")]
    assert len(table) == 9 and all(word in table[0] for word in ("id", "kind", "key", "at stake", "sure"))
    assert ("cause" in table[0]) == (width > 80) and "\x1b" not in "".join(lines)


@pytest.mark.parametrize("width", [100, 60])
def test_two_rows_fit_beside_each_other(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    beside = pd.DataFrame(
        {"field": ["amount", "text"], "ledger 4": [Decimal("1.50"), "long " * 20], "bank 9": [None, "longer " * 20]}
    )
    act = lambda: show(beside, most=gap_tables.widest_cell(beside), titled=True)  # noqa: E731
    lines = at_a_terminal(width, act, monkeypatch)
    assert len(lines) == 3 and all(text_width(line) <= width for line in lines)


def test_a_table_in_blocks_repeats_its_titles(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame({"name": ["rule"], **{f"column {n}": ["x" * 12] for n in range(6)}})
    lines = at_a_terminal(40, lambda: show(frame, titled=True), monkeypatch)
    assert [line.split()[0] for line in lines if line] == ["name", "rule"] * 3
    assert sum("column" in line for line in lines) == 3 and lines.count("") == 2
    narrow = at_a_terminal(10, lambda: show(frame, titled=True), monkeypatch)
    assert [line.split()[0] for line in narrow if line] == ["name", "rule"] * 6
    plain = at_a_terminal(40, lambda: show(frame), monkeypatch)
    assert sum(line.startswith("name") for line in plain) == 1
