"""The catalogue: real filings hold, names of a house, files of one's own; the sample company, sound and spoiled."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data import read_source
from finlab.data.company.generate import company
from finlab.gaps.checking.identity import Facts, Identity
from finlab.gaps.checking.identity_catalogue import (
    BANKS,
    CATALOGUE,
    LEDGERS,
    STATEMENTS,
    US_GAAP,
    applicable,
    catalogue,
    identities_from_toml,
    identities_to_toml,
    read_identities,
    renamed,
    running_balance,
)
from finlab.gaps.company_identities import COMPANY, check_company
from finlab.gaps.identities import check

FILINGS = {
    "snow_facts.json": {"key": ["accession"]},
    "aapl-20220924_htm.xml": {"dimensions": "dimensions"},
    "nike_10Q_facts.csv": {
        "item": "fact", "start": "start_date", "end": "end_date", "unit": "units", "dimensions": "dimensions",
    },
}  # fmt: skip


@pytest.mark.parametrize(("file", "judged"), [("snow_facts.json", 11), ("aapl-20220924_htm.xml", 10),
                                              ("nike_10Q_facts.csv", 7)])  # fmt: skip
def test_real_filings_hold(file: str, judged: int, testdata: Path) -> None:
    facts = Facts(read_source(testdata / "sec" / file).table, **FILINGS[file])
    report = check(US_GAAP, {"filing": facts})
    assert len(report.gaps) == 0
    assert sum(line.counts.judged > 0 for line in report.lines) == judged


def test_every_identity_of_the_catalogue_has_a_sentence_and_a_name_of_its_own() -> None:
    for group in CATALOGUE.values():
        assert len({identity.name for identity in group}) == len(group)
        assert all(identity.says.endswith(".") for identity in group)
    assert catalogue("banks") == BANKS
    with pytest.raises(InputError, match="did you mean 'banks'"):
        catalogue("bank")


def test_only_what_a_table_can_be_asked_is_kept() -> None:
    sheet = pd.DataFrame({"assets": [1], "liabilities": [1], "equity": [0], "temporary_equity": [0]})
    [books, positive] = applicable(STATEMENTS, sheet)
    assert (
        books.formula == "assets = liabilities + equity + temporary_equity?" and positive.name == "assets not negative"
    )
    assert applicable(LEDGERS, {"journal": pd.DataFrame({"entry": [1], "debit": [1], "credit": [1]})}) == LEDGERS[:1]


def test_names_of_a_house() -> None:
    names = {"opening": "Anfang", "closing": "Ende", "debit": "Soll", "credit": "Haben"}
    _, balance, carried, *_ = renamed(LEDGERS, names)
    assert (balance.formula, carried.formula) == ("Anfang + Soll - Haben = Ende", "Ende[-1] = Anfang")
    [journal] = renamed(LEDGERS[:1], {"entry": "Beleg Nr.", "debit": "Soll"})
    assert (journal.key, journal.formula) == (("Beleg Nr.",), "sum(Soll) = sum(credit)")
    with pytest.raises(InputError, match="did you mean 'opening'"):
        renamed(LEDGERS, {"openning": "Anfang"})


def test_every_identity_survives_its_file(tmp_path: Path) -> None:
    own = Identity("own", "a[k = 'x'] * 1.19 <= `b c`", "Says.", "t", ("k", "l"), "p", "0.05", 1000)
    every = (*STATEMENTS, *LEDGERS, *BANKS, *US_GAAP, own, Identity("exact", "a = b", rounding_unit=0))
    path = tmp_path / "identities.toml"
    path.write_text(identities_to_toml(every), encoding="utf-8-sig")
    assert read_identities(path) == every


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", "no TOML"),
        ("", "tables [[identity]]"),
        ("identity = 3", "tables [[identity]]"),
        ("x = 1\n[[identity]]\nname='a'\nformula='a=b'", "tables [[identity]]"),
        ("identity = [3]", "identity 1 is"),
        ("[[identity]]\nname = 'a'", "lacks a name or a formula"),
        ("[[identity]]\nname = 'a'\nformul = 'a = b'", "did you mean 'formula'"),
        ("[[identity]]\nname = 'a'\nformula = 'a ='", "cannot be read"),
        ("[[identity]]\nname = 'a'\nformula = 'a = b'\ntolerance = -1", "tolerance is"),
        ("[[identity]]\nname = 3\nformula = 'a = b'", "name of an identity"),
        ("[[identity]]\nname = 'a'\nformula = 3", "a formula such as"),
    ],
)
def test_a_file_that_is_wrong_is_refused(text: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        identities_from_toml(text)
    assert expected in str(error.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("name = 'ü'".encode("latin-1"))
    (tmp_path / "large").write_bytes(b"#" * 1_000_001)
    for name, expected in (("none", "can be read"), ("latin", "UTF-8"), ("large", "at most"), (".", "can be read")):
        with pytest.raises(InputError, match=expected):
            read_identities(tmp_path / name)


@pytest.mark.parametrize("more", [{"direction": "type"}, {"incoming": ["in"]}, {"direction": "t", "incoming": "in"},
                                  {"amount": 3}, {"balance": ""}, {"direction": 3, "incoming": ["x"]}])  # fmt: skip
def test_a_running_balance_needs_names(more: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        running_balance(**more)


def test_a_running_balance_in_another_language() -> None:
    identity = running_balance("Betrag", "Saldo neu", direction="Soll/Haben", incoming=["H", "Gutschrift"])
    assert "`Saldo neu`[-1] + Betrag[`Soll/Haben` in ('H', 'Gutschrift')]" in identity.formula


BOOKS = company(years=1).tables


def test_the_companys_own_books_have_no_gaps() -> None:
    for tables in (BOOKS, company(seed=5, years=2).tables):
        report = check_company(tables)
        assert len(report.gaps) == 0
        assert all(line.holds == line.counts.judged > 0 for line in report.lines)


@pytest.mark.parametrize(
    ("table", "column", "row", "change", "failing", "kind", "cause"),
    [
        ("balance_sheet", "loan", 5, lambda v: v * 1000, {"liabilities"}, "unit", "loan is"),
        ("balance_sheet", "total_assets", 5, lambda v: v + Decimal("117.11"), {"assets", "balance sheet"}, "identity",
         "total_assets is"),
        ("trial_balance", "debit", 100, lambda v: -v, {"trial balance"}, "sign", "debit is"),
        ("cash_flow", "interest", 3, lambda v: -v, {"operating cash"}, "sign", "interest is"),
        ("sales_invoices", "gross", 40, lambda v: -v, {"gross of sales_invoices", "invoices settled"}, "sign",
         "gross is"),
        ("journal_lines", "credit", 1, lambda v: v * 100, {"journal balances"}, "unit", "credit in row"),
        ("sales_invoice_lines", "net", 77, lambda v: -v,
         {"lines of sales_invoices", "price of sales_invoice_lines"}, "sign", "net"),
        ("bank_statements", "change", 9, lambda v: -v, {"bank statements", "lines of bank statements"}, "sign",
         "change is"),
        ("payroll", "wage_tax", 12, lambda v: v * 10, {"net wages"}, "unit", "wage_tax is"),
        ("fixed_assets", "depreciated", 2, lambda v: v * 10, {"depreciation"}, "unit", "depreciated is"),
    ],
)  # fmt: skip
def test_one_spoiled_cell_is_found_by_the_identities_that_use_it_and_by_no_other(
    table: str, column: str, row: int, change: Any, failing: set[str], kind: str, cause: str
) -> None:
    frame = BOOKS[table].copy()
    values = frame[column].tolist()
    while not values[row]:
        row += 1
    values[row] = change(values[row])
    frame[column] = pd.Series(values, dtype=frame[column].dtype)
    asked = [one for one in COMPANY if any((term.table or one.table) == table for term in one.parsed.terms)]
    report = check(asked, {**BOOKS, table: frame}, currency="CNY")
    assert {line.identity.name for line in report.lines if line.counts.failing} == failing
    first = report.gaps[0]
    assert row in first.rows(table) and first.kind == kind and cause in first.causes[0].label


def test_the_sentences_of_the_company_are_asked_too() -> None:
    frame = BOOKS["customer_allocations"].copy()
    values = frame["amount_cny"].tolist()
    values[3] -= 1
    frame["amount_cny"] = pd.Series(values, dtype=frame["amount_cny"].dtype)
    gaps = check_company({**BOOKS, "customer_allocations": frame}, COMPANY[:1]).gaps
    assert "receivables" in {gap.field for gap in gaps}
    assert all(gap.amount_at_stake == 1 for gap in gaps if gap.field == "receivables")


def test_books_without_a_table_are_refused() -> None:
    with pytest.raises(InputError):
        check_company({name: table for name, table in BOOKS.items() if name != "journal"})
    with pytest.raises(InputError, match="tables by their names"):
        check_company([1])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda: applicable(3, BOOKS), "identities is 3"),  # pyright: ignore[reportArgumentType]
        (lambda: applicable("a = b", BOOKS), "a list of Identity"),  # pyright: ignore[reportArgumentType]
        (lambda: applicable([None], BOOKS), "a list of Identity"),  # pyright: ignore[reportArgumentType]
        (lambda: applicable([], BOOKS), "at least one"),
        (lambda: renamed(None, {}), "identities is None"),  # pyright: ignore[reportArgumentType]
        (lambda: renamed(BANKS, None), "new names by old ones"),  # pyright: ignore[reportArgumentType]
        (lambda: renamed(BANKS, {3: "a"}), "names of the identities"),  # pyright: ignore[reportArgumentType]
        (lambda: identities_to_toml(["a = b"]), "a list of Identity"),  # pyright: ignore[reportArgumentType]
        (lambda: identities_from_toml(3), "TOML, as a text"),  # pyright: ignore[reportArgumentType]
        (lambda: identities_from_toml(b"x"), "TOML, as a text"),  # pyright: ignore[reportArgumentType]
        (lambda: running_balance([]), "amount is []"),  # pyright: ignore[reportArgumentType]
        (lambda: running_balance("a", ""), "balance is ''"),
    ],
)
def test_what_is_no_identity_or_name_is_refused_in_words(ask: Any, expected: str) -> None:
    with pytest.raises(InputError) as error:
        ask()
    assert expected in str(error.value)
