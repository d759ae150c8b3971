"""`finlab gaps run` with the searches themselves: each kind of gap can be recorded, and every slip is said in words."""

import csv
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from finlab.cli import main
from finlab.cli.app import OK, WRONG_INPUT
from finlab.cli.gap_searches import SEARCHES, in_words_of_options
from finlab.core.errors import InputError
from finlab.gaps.worklist import Worklist

Told = tuple[int, str, str]
PARTIES = ("Alder Paper", "Bright Tools", "Corvin Freight", "Delmar Foods", "Elm Hosting")
LEDGER, BANK = ("date", "customer", "invoice", "amount"), ("date", "payer", "reference", "amount")
ROLES = ("-o", "party=customer,payer", "-o", "reference=invoice,reference", "-o", "currency=EUR")
STATEMENTS = """account,day,opening,movement,closing
A,2026-01-31,100.00,50.00,150.00
A,2026-02-28,150.00,25.00,175.00
A,2026-03-31,180.00,20.00,200.00
B,2026-01-31,10.00,5.00,15.01
B,2026-02-28,15.01,5.00,40.01
"""
OWN = """[[identity]]
name = "adds up"
formula = "opening + movement = closing"
key = ["account"]
period = "day"
"""


def write(path: str, header: tuple[str, ...], rows: list[tuple]) -> None:
    with Path(path).open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture
def finlab(workbench: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    """Call `finlab gaps run` where a ledger and a bank lie that differ in five ways; a free bank takes no fees."""
    monkeypatch.setenv("FINLAB_USER", "Nora")
    ledger, bank, chance = list[tuple](), list[tuple](), random.Random(5)
    for n in range(20):
        cents, party, reference = chance.randrange(20_000, 900_000), PARTIES[n % 5], f"INV-{1001 + n}"
        ledger.append((f"2026-03-{n + 1:02}", party, reference, f"{cents / 100:.2f}"))
        paid = {3: cents - round(cents * 0.0015), 11: cents - round(cents * 0.0015), 14: -cents}.get(n, cents)
        line = (f"2026-03-{n + 1 + chance.randrange(3):02}", party, reference, f"{paid / 100:.2f}")
        bank += [line] * {7: 0, 9: 2}.get(n, 1)
    write("ledger.csv", LEDGER, ledger)
    write("bank.csv", BANK, bank)
    booked = {row[2]: row[3] for row in ledger}
    write("free.csv", BANK, [row if row[3].startswith("-") else (*row[:3], booked[row[2]]) for row in bank])
    Path("statements.csv").write_text(STATEMENTS)

    def call(*arguments: str) -> Told:
        with pytest.raises(SystemExit) as ended:
            main(["gaps", "run", *arguments])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return call


def kinds(name: str, **wanted: str) -> list[str]:
    return sorted(gap.kind for gap in Worklist().gaps(name=name, **wanted))


FIVE = ["duplicate", "missing", "sign", "value", "value"]


def test_two_files_are_matched_and_a_second_run_knows_what_it_found(finlab) -> None:
    code, out, err = finlab("ledger.csv", "free.csv", *ROLES, "--name", "March")
    found = list(Worklist().gaps(name="March"))
    assert code == OK and "March, run 1: 3 gaps: 3 new" in out
    assert "20 rows of ledger and 20 rows of free" in out and "finlab gaps ls --name March" in err
    assert "note: columns, by names and values: amount ('amount'); date ('date')" in out
    assert kinds("March") == ["duplicate", "missing", "sign"] and {gap.currency for gap in found} == {"EUR"}
    assert {gap.age for gap in found} == {0}  # found today, whatever days the books are of
    (late,) = [gap for gap in found if "INV-1008" in gap.key]
    rows = Path("free.csv").read_text() + f"2026-03-09,Corvin Freight,INV-1008,{late.values[0]}\n"
    Path("bank_april.csv").write_text(rows)
    code, out, err = finlab("ledger.csv", "bank_april.csv", *ROLES, "--name", "March")
    assert code == OK and "2 seen again, 1 fixed" in out and "note" not in out
    assert "called ledger, free, as in the last run of March" in err  # else every gap would be another one
    assert [gap.id for gap in Worklist().gaps(name="March", status="fixed")] == [late.id]


def test_a_table_against_itself_is_said(finlab) -> None:
    code, out, err = finlab("ledger.csv", "ledger.csv", "-o", "currency=EUR", "--dry-run")
    assert code == OK and "No gaps" in out
    assert "ledger_1 and ledger_2 are the same table, row by row (both are file:///" in err
    assert "same table" not in finlab("ledger.csv", "free.csv", *ROLES, "--dry-run")[2]


def test_a_run_in_which_most_gaps_vanish_says_what_is_different(finlab) -> None:
    lines = Path("free.csv").read_text().splitlines()
    Path("part.csv").write_text("\n".join(lines[:9]))
    Path("renamed.csv").write_text("\n".join([lines[0].replace("amount", "value"), *lines[1:]]))
    assert finlab("ledger.csv", "part.csv", *ROLES, "--name", "March")[0] == OK
    found = len(Worklist().gaps(name="March"))
    code, out, _ = finlab("ledger.csv", "renamed.csv", *ROLES, "--name", "March")
    first, *notes = [line for line in out.splitlines() if "note: " in line]
    assert code == OK and re.search(rf"note: \d+ of {found} gaps that were not fixed are no longer found", first)
    told = "\n".join(notes)
    assert "the amount is in 'amount' and 'value'; in run 1 it was in 'amount'" in told
    assert "part no longer has 'amount' and has 'value' now" in told and "renamed.csv; in run 1 it was" in told


def test_columns_of_the_same_role_stand_beside_each_other(
    finlab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Path("bank.csv").read_text().splitlines()
    Path("bank.csv").write_text("\n".join([lines[0].replace("amount", "value"), *lines[1:]]))
    assert finlab("ledger.csv", "bank.csv", *ROLES)[0] == OK
    key = ("--key", "invoice", "-o", "columns=invoice:reference,amount:value")
    assert finlab("ledger.csv", "bank.csv", *key, "--name", "keyed")[0] == OK
    for name, fields in (
        ("ledger against bank", ["date", "customer / payer", "invoice / reference", "amount / value"]),
        ("keyed", ["date", "customer", "invoice / reference", "amount / value", "payer"]),
    ):
        gap = Worklist().gaps(name=name, kind="sign")[0]
        beside = Worklist().show(gap).beside
        assert beside["field"].tolist() == fields and beside.shape[1] == 3
        with pytest.raises(SystemExit):
            main(["gaps", "show", gap.id, "--name", name])
        booked = f"{beside.iloc[3, 1]:,.2f}"
        assert re.search(rf"amount / value +{booked} +-{booked}\n", capsys.readouterr().out)


def test_two_files_are_compared_by_their_key(finlab) -> None:
    said = ("-o", "columns=invoice:reference,customer:payer", "-o", "without=date", "-o", "currency=EUR")
    code, out, _ = finlab("ledger.csv", "bank.csv", "--key", "invoice", *said)
    assert code == OK and "ledger against bank, run 1" in out and kinds("ledger against bank") == FIVE
    more = ("-o", "tolerances=amount:12.00", "-o", "kinds=invoice:code")
    assert finlab("ledger.csv", "bank.csv", "--key", "invoice", *said, *more, "--name", "near")[0] == OK
    assert kinds("near") == ["duplicate", "missing", "sign"]
    assert '"key": ["invoice"]' in Worklist().runs("near")["parameters"].iloc[0]


def test_formulas_of_the_catalogue_and_of_a_file_are_checked(finlab) -> None:
    said = ("--key", "account", "-o", "period=day", "-o", "currency=EUR")
    code, out, _ = finlab("statements.csv", "--identities", "banks", *said)
    assert code == OK and "statements: banks, run 1: 3 gaps: 3 new" in out and "statement: fails in 1 of 5" in out
    assert kinds("statements: banks") == ["identity", "identity", "rounding"]
    Path("mine.toml").write_text(OWN)
    assert finlab("statements.csv", "--identities", "mine.toml")[0] == OK
    assert kinds("statements: mine") == ["identity", "rounding"]
    assert len(Worklist().show(Worklist().gaps(name="statements: mine")[0]).rows["statements"]) == 1
    code, _, err = finlab("ledger.csv", "--identities", "banks")
    assert code == WRONG_INPUT and "none fits" in err and "'customer'" in err and "opening + movement" in err
    code, _, err = finlab("ledger.csv", "--identities", "bank")
    assert code == WRONG_INPUT and "a TOML file of your own; did you mean 'banks'?" in err


def test_facts_are_checked_against_formulas_and_against_later_reports(finlab) -> None:
    header = ("concept", "value", "start", "end", "unit", "filed", "form")
    rows = [(what, value, "", "2025-12-31", "USD", filed, form) for what, value, filed, form in (
        ("Assets", 100, "2026-02-01", "10-K"), ("Assets", 110, "2026-08-01", "10-Q"),
        ("LiabilitiesAndStockholdersEquity", 90, "2026-02-01", "10-K"))]  # fmt: skip
    write("facts.csv", header, rows)
    assert finlab("facts.csv", "--search", "restated")[0] == OK
    assert kinds("facts: restated") == ["restated"]
    write("once.csv", header, rows[::2])
    assert finlab("once.csv", "--identities", "us-gaap")[0] == OK
    assert "identity" in kinds("once: us-gaap")
    code, _, err = finlab("facts.csv", "once.csv", "--identities", "us-gaap")
    assert code == WRONG_INPUT and "facts lie in one table" in err


def test_values_that_stick_or_are_of_another_size_are_found(finlab) -> None:
    chance, price, rows = random.Random(1), 100.0, list[tuple]()
    for n in range(200):
        price = price if 100 <= n < 106 else round(price * (1 + chance.gauss(0, 0.01)), 2)
        rows.append(("X", f"2026-{1 + n // 28:02}-{1 + n % 28:02}", f"{price * (100 if n == 150 else 1):.2f}"))
    write("prices.csv", ("code", "day", "close"), rows)
    said = ("--key", "code", "-o", "period=day", "-o", "value=close")
    for search, kind in (("stale", "stale"), ("scaled", "unit")):
        assert finlab("prices.csv", "--search", search, *said)[0] == OK
        assert kinds(f"prices: {search}") == [kind]
    code, _, err = finlab("prices.csv", "--search", "stale")
    assert code == WRONG_INPUT and "say -o value=COLUMN and -o period=COLUMN" in err


def test_what_many_sources_say_is_judged(finlab) -> None:
    rows = [(f"F{n}", source, "99" if source == "d" and n % 3 == 0 else "10") for n in range(12) for source in "abcd"]
    write("claims.csv", ("fund", "teller", "nav"), rows)
    code, out, _ = finlab("claims.csv", "--search", "conflicts", "--key", "fund", "-o", "source=teller")
    assert code == OK and "48 claims of 4 sources" in out and kinds("claims: conflicts") == ["conflict"] * 4
    case = Worklist().show(Worklist().gaps()[0])
    assert case.rows["d"]["nav"].tolist() == [99] and case.rows["d"]["teller"].tolist() == ["d"]
    code, _, err = finlab("claims.csv", "--search", "conflicts", "-o", "source=teller")
    assert code == WRONG_INPUT and "say with --key" in err


def test_amounts_are_converted_by_a_table_of_rates(finlab) -> None:
    for name, header in (("a", "date,invoice,amount,currency"), ("b", "date,invoice,amount,currency")):
        lines = [f"2026-03-{n:02},R-{n},{n * (100 if name == 'a' else 110)}.00,{'EUR' if name == 'a' else 'USD'}"
                 for n in range(1, 13)]  # fmt: skip
        Path(f"{name}.csv").write_text("\n".join([header, *lines]) + "\n")
    Path("rates.csv").write_text("date,currency,rate\n2026-01-01,USD,0.909090909\n")
    said = ("-o", "reference=invoice", "-o", "rates=rates.csv", "-o", "base=EUR")
    code, out, _ = finlab("a.csv", "b.csv", *said)
    assert code == OK and "0 gaps" in out
    code, _, err = finlab("a.csv", "b.csv", *said[:4])
    assert code == WRONG_INPUT and "belong together" in err


def test_a_worklist_is_of_one_search(finlab) -> None:
    assert finlab("ledger.csv", "bank.csv", *ROLES, "--name", "March")[0] == OK
    said = ("--key", "invoice", "-o", "columns=invoice:reference", "--name", "March")
    code, _, err = finlab("ledger.csv", "bank.csv", *said)
    assert code == WRONG_INPUT and "which would call all its gaps fixed" in err
    assert kinds("March", status="open") == kinds("March") != []


def test_each_source_may_be_written_in_its_own_way(finlab) -> None:
    Path("bank.csv").write_text("from the bank\n" + Path("bank.csv").read_text())
    code, _, _ = finlab("ledger.csv", "bank.csv", *ROLES, "-r", "bank.skip=1", "--dry-run")
    assert code == OK and Worklist().names() == []
    code, _, err = finlab("ledger.csv", "bank.csv", *ROLES, "-r", "bnk.skip=1")
    assert code == WRONG_INPUT and "did you mean 'bank'?" in err


SLIPS = [
    ("-o ammount=amount", "--search match has amount, date"),
    ("-o ammount=amount", "did you mean 'amount'?"),
    ("-o amount=amnt", "did you mean 'amount'?"),
    ("-o amount=", "expected a name"),
    ("-o amount=a,b,c", "or two, LEFT,RIGHT"),
    ("-o amount", "expected name=value"),
    ("-o tolerance=0.01", "a whole number: units of the last digit"),
    ("-o window=3", "two whole numbers of days"),
    ("-o window=30,-3", "the first day before the last"),
    ("-o as_of=March", "a day such as"),
    ("-o rates=none.csv", "there is no file"),
    ("--key invoic", "--key invoic: ledger and bank have no column 'invoic'"),
    ("--key invoic", "did you mean 'invoice'?"),
    (
        "--key invoice",
        "--key invoice: bank has no column 'invoice', which ledger has; bank has 'date', 'payer'",
    ),
    ("--key invoice", "under another NAME, say -o columns=invoice:NAME"),
    (
        "--key date,reference",
        "ledger has no column 'reference', which bank has; ledger has 'date', 'customer'",
    ),
    ("--key date,reference", "say --key NAME -o columns=NAME:reference"),
    ("--key date -o amount=amuont", "-o amount: what both tables have in common has no column 'amuont'"),
    ("--key date -o tolerances=amount", "COLUMN:VALUE"),
    ("--key date -o tolerances=amount:x", "a number, such as 0.05"),
    ("--key date -o tolerances=amuont:1", "did you mean 'amount'?"),
    ("--key date -o columns=customer:payr", "did you mean 'payer'?"),
    ("--key date -o kinds=amount:nmber", "did you mean 'number'?"),
    ("--key date -o amount=", "-o amount is ''"),
    ("--key ,", "expected a name"),
    ("--key date --search match", "--search match needs no --key"),
    ("--search stal", "did you mean 'stale'?"),
    ("--search stale", "2 given; expected one table"),
    ("--search identities", "identities are checked by formulas"),
    ("--identities banks --search stale", "identities are checked by formulas"),
    ("-r skp=1", "did you mean 'skip'?"),
    ("--names a", "2 names that differ"),
]


@pytest.mark.parametrize(("said", "told"), SLIPS)
def test_a_slip_is_said_in_the_words_of_the_command(finlab, said: str, told: str) -> None:
    code, out, err = finlab("ledger.csv", "bank.csv", *said.split(" "))
    assert code == WRONG_INPUT and told in err and not out and Worklist().names() == []
    assert "Traceback" not in err


def test_one_table_is_not_two(finlab) -> None:
    code, _, err = finlab("ledger.csv")
    assert code == WRONG_INPUT and "two tables without a common key" in err and "two tables, LEFT and RIGHT" in err


def test_messages_of_the_library_are_said_in_words_of_options() -> None:
    for message, told in [
        ("no column in common; say columns={name: Reading(other=name)}", "say -o columns=LEFT:RIGHT"),
        ("say amount=..., a name or (left, right)", "say -o amount=COLUMN or -o amount=LEFT,RIGHT"),
        ("on is not given, and no 3 columns", "--key is not given, and no 3 columns"),
    ]:
        assert told in in_words_of_options(message)


def test_every_search_says_what_it_is_for_and_reads_all_its_options() -> None:
    for search in SEARCHES.values():
        assert search.says and set(search.needs) <= set(search.options)
        for name, read in search.options.items():
            with pytest.raises(InputError, match=f"-o {name}"):
                read(name, " ")
