"""Every identity holds for every company, and each of them notices a cent."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data.company import Company, company
from finlab.data.company.amounts import cents, decimals
from finlab.data.company.identities import IDENTITIES, check_identities
from finlab.data.store import Store

Rows = Callable[[pd.DataFrame], object]


@pytest.mark.parametrize(
    ("seed", "years", "size", "start_year"),
    [(0, 1, "small", 2022), (2, 3, "small", 2001), (3, 10, "small", 2019), (4, 1, "medium", 2060),
     (2**63 - 1, 2, "small", 2023),
     (5, 2, "medium", 2024)],
)  # fmt: skip
def test_every_identity_holds(seed: int, years: int, size: str, start_year: int) -> None:
    found = company(seed, years, size, start_year=start_year).identities()
    assert len(found) == len(IDENTITIES) > 35
    assert found["holds"].all(), found[~found["holds"]]


@pytest.mark.parametrize("seed", range(20, 45))
def test_they_hold_for_many_seeds(seed: int) -> None:
    found = company(seed, 1 + seed % 3).identities()
    assert found["holds"].all(), found[~found["holds"]]


@pytest.mark.slow
def test_they_hold_for_a_large_company() -> None:
    large = company(seed=6, size="large")
    assert len(large.tables["journal_lines"]) > 300_000
    assert large.identities()["holds"].all()


def _changed(
    tables: Mapping[str, pd.DataFrame], table: str, column: str, rows: Rows, by: int
) -> dict[str, pd.DataFrame]:
    """The tables with one cell of a copy changed: the first row that `rows` accepts."""
    frame = tables[table].copy()
    place = int(np.flatnonzero(np.asarray(rows(frame), bool))[0])
    if str(frame[column].dtype).startswith("decimal"):
        amounts = cents(frame[column])
        amounts[place] += by
        frame[column] = decimals(amounts)
    elif frame[column].dtype.kind == "M":
        frame.loc[place, column] += pd.Timedelta(days=by)
    else:
        frame.loc[place, column] += by
    return {**tables, table: frame}


def _any(frame: pd.DataFrame) -> object:
    return np.ones(len(frame), bool)


def _is(column: str, value: str) -> Rows:
    return lambda frame: frame[column].eq(value)


WITNESSES: dict[str, tuple[str, str, Rows, int]] = {
    "journal balances": ("journal_lines", "debit", _any, 1),
    "entries have lines": ("journal_lines", "credit", lambda frame: frame["debit"] > 0, 1),
    "trial balance": ("trial_balance", "closing", _any, 1),
    "bank account": ("bank_transactions", "amount", _any, 1),
    "bank statements": ("bank_statements", "movements", _any, 1),
    "bank not overdrawn": ("bank_statements", "closing", _any, -(10**12)),
    "income statement": ("income_statement", "personnel", _any, 1),
    "balance sheet": ("balance_sheet", "taxes_payable", _any, -1),
    "retained earnings": ("cash_flow", "dividends", _any, 1),
    "cash flow": ("cash_flow", "financing", _any, 1),
    "invoice lines": ("sales_invoice_lines", "price", _any, 1),
    "VAT on sales": ("sales_invoices", "vat", _any, 1),
    "net, VAT, gross": ("supplier_invoices", "gross_cny", _any, 1),
    "sales": ("credit_notes", "net_cny", _any, 1),
    "receivables": ("sales_invoices", "gross_cny", _any, 1),
    "invoices settled": ("customer_allocations", "amount", _any, 1),
    "payments allocated": ("customer_payments", "amount", _is("kind", "payment"), 1),
    "advances": ("customer_payments", "bank_cny", _is("kind", "advance"), 1),
    "payment after invoice": ("customer_allocations", "date", _is("kind", "advance"), -1),
    "credit notes": ("credit_notes", "date", lambda frame: frame["date"].dt.day > 25, -25),
    "write-offs": ("customer_allocations", "amount_cny", _is("kind", "write-off"), 1),
    "rounding differences": ("customer_allocations", "amount_cny", _is("kind", "rounding"), 1),
    "purchase lines": ("purchase_order_lines", "net", _any, 1),
    "received as ordered": ("goods_receipt_lines", "quantity", _any, 1),
    "goods not invoiced": ("goods_receipts", "net_cny", lambda frame: np.arange(len(frame)) == len(frame) - 1, 1),
    "payables": ("supplier_allocations", "amount_cny", _any, 1),
    "supplier payments": ("supplier_payments", "amount", _any, 1),
    "stock account": ("inventory_movements", "value_cny", _any, 1),
    "stock roll": ("inventory_movements", "value_after_cny", _any, 1),
    "stock not negative": ("inventory_movements", "quantity_after", _any, -(10**9)),
    "goods follow documents": ("inventory_movements", "quantity", _is("kind", "sale"), -1),
    "dated rates": ("goods_receipts", "net_cny", _any, 1),
    "realised differences": ("supplier_payments", "bank_cny", _any, 1),
    "revaluation": ("supplier_allocations", "amount_cny", lambda frame: frame["amount"] != frame["amount_cny"], 1),
    "payroll": ("payroll", "wage_tax", _any, 1),
    "fixed assets": ("depreciation", "amount", _any, 1),
    "VAT settlement": ("supplier_invoices", "vat_cny", _any, 1),
    "income tax": ("journal_lines", "debit", _is("account", "6801"), 1),
    "loan": ("journal_lines", "debit", _is("account", "660301"), 1),
}


def test_every_identity_has_a_witness() -> None:
    assert set(WITNESSES) == {identity.name for identity in IDENTITIES}
    assert all(identity.says.endswith(".") for identity in IDENTITIES)


@pytest.mark.parametrize("name", list(WITNESSES))
def test_an_identity_notices_what_concerns_it(small: Company, name: str) -> None:
    table, column, rows, by = WITNESSES[name]
    found = check_identities(_changed(small.tables, table, column, rows, by)).set_index("identity")
    assert not found.loc[name, "holds"]
    assert small.identities()["holds"].all()  # the company itself is as it was


NOT_IN_THE_LEDGER = {"items", "employees", "budget"}  # master data and plans: nothing to agree with


@pytest.mark.slow
def test_no_cent_of_any_document_can_change_unnoticed() -> None:
    made = company(seed=3, years=1)
    for name, table in made.tables.items():
        for column in table.columns:
            if not str(table[column].dtype).startswith("decimal128(18, 2)") or name in NOT_IN_THE_LEDGER:
                continue
            middle = len(table) // 2
            wrong = _changed(made.tables, name, column, lambda frame, row=middle: np.arange(len(frame)) == row, 1)
            assert not check_identities(wrong)["holds"].all(), (name, column)


def test_a_missing_line_or_document_is_noticed(small: Company) -> None:
    for name in ("journal_lines", "journal", "sales_invoices", "customer_allocations", "goods_receipts", "payroll"):
        shorter = {**small.tables, name: small.tables[name].drop(index=100).reset_index(drop=True)}
        assert not check_identities(shorter)["holds"].all(), name


def test_they_hold_after_a_round_trip_through_a_store(store: Store) -> None:
    made = company(seed=8, years=1)
    results = made.load(store, prefix="practice_")
    assert [result.name for result in results] == [f"practice_{name}" for name in made.tables]
    back = {name: store.table(f"practice_{name}") for name in made.tables}
    assert check_identities(back)["holds"].all()
    loads = store.loads()
    assert loads["source"].str.startswith("synthetic: finlab, company(seed=8").all()
    assert set(loads["kind"]) == {"synthetic"}
    assert str(made.load(store, prefix="practice_")[0]).endswith("(already there, stored once)")


@pytest.mark.parametrize(
    ("table", "frame"),
    [
        ("journal", pd.DataFrame()),
        ("journal_lines", pd.DataFrame({"entry": ["x"], "account": [1], "debit": ["a"], "credit": [None]})),
        ("balance_sheet", pd.DataFrame({"date": pd.to_datetime([])})),
    ],
)
def test_tables_that_are_no_company_are_refused(small: Company, table: str, frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="cannot be checked"):
        check_identities({**small.tables, table: frame})
    with pytest.raises(InputError, match="cannot be checked"):
        check_identities({name: found for name, found in small.tables.items() if name != table})


def test_a_document_that_is_there_twice_is_refused(small: Company) -> None:
    journal = small.tables["journal"]
    with pytest.raises(InputError, match="cannot be checked"):
        check_identities({**small.tables, "journal": pd.concat([journal, journal.iloc[:1]], ignore_index=True)})
