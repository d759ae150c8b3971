"""The statements, recomputed slowly from the published lines with Python's Decimal and nothing of finlab."""

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import pandas as pd
import pytest

from finlab.data.company import Company, company

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def made() -> Company:
    return company(seed=12, years=2)


def _sums(made: Company) -> tuple[dict, dict, dict]:
    """Debits less credits by month and account: without and with the closing entries; and the line of each account."""
    header = {row.entry: (row.date, row.source) for row in made.tables["journal"].itertuples()}
    before, after = defaultdict(Decimal), defaultdict(Decimal)
    for row in made.tables["journal_lines"].itertuples():
        day, source = header[row.entry]
        month, amount = (day.year, day.month), Decimal(str(row.debit)) - Decimal(str(row.credit))
        after[month, row.account] += amount
        if source != "closing":
            before[month, row.account] += amount
    lines = {row.account: row.line for row in made.tables["chart_of_accounts"].itertuples()}
    return before, after, lines


def test_the_income_statement(made: Company) -> None:
    before, _, lines = _sums(made)
    for row in made.tables["income_statement"].itertuples():
        line = defaultdict(Decimal)
        for (month, account), amount in before.items():
            if month == (row.date.year, row.date.month) and account.startswith("6"):
                line[lines[account]] += amount
        assert row.revenue == -line["revenue"]
        assert row.gross_profit == -line["revenue"] - line["cost_of_sales"]
        assert row.other_operating == line["other_operating"]
        assert row.operating_profit == -sum(line.values()) + line["finance"] + line["income_tax"]
        assert row.profit_before_tax == -sum(line.values()) + line["income_tax"]
        assert row.net_profit == -sum(line.values())


def test_the_balance_sheet(made: Company) -> None:
    _, after, lines = _sums(made)
    for row in made.tables["balance_sheet"].itertuples():
        line = defaultdict(Decimal)
        for (month, account), amount in after.items():
            if month <= (row.date.year, row.date.month):
                line["result_of_year" if account.startswith("6") else lines[account]] += amount
        for name in ("bank", "receivables", "inventory", "fixed_assets"):
            assert getattr(row, name) == line[name], (row.date, name)
        for name in ("payables", "goods_not_invoiced", "advances", "wages_payable", "taxes_payable", "loan",
                     "capital", "retained_earnings", "result_of_year"):  # fmt: skip
            assert getattr(row, name) == -line[name], (row.date, name)
        assert row.total_assets == row.total_liabilities + row.total_equity


def test_the_cash_flow_by_the_indirect_way(made: Company) -> None:
    """Profit, plus depreciation, plus what the other lines of the balance sheet gave: another road to it."""
    sheet, income = made.tables["balance_sheet"], made.tables["income_statement"]
    sources = sheet["total_liabilities"] + sheet["total_equity"]
    uses = sheet["receivables"] + sheet["inventory"] + sheet["fixed_assets"]
    change = (sources - uses).diff()
    assert (change[1:] == made.tables["cash_flow"]["change"][1:]).all()
    paid_out = made.tables["cash_flow"]["dividends"]
    assert (sheet["total_equity"].diff()[1:] == (income["net_profit"] + paid_out)[1:]).all()


def test_open_invoices_one_by_one(made: Company) -> None:
    end = made.tables["balance_sheet"]["date"].iloc[17]
    invoices, rows = made.tables["sales_invoices"], made.tables["customer_allocations"]
    open_ = {row.invoice: Decimal(str(row.gross_cny)) for row in invoices.itertuples() if row.date <= end}
    for row in rows.itertuples():
        if row.date <= end:
            open_[row.invoice] -= Decimal(str(row.amount_cny))
    assert min(open_.values()) >= 0
    trial = made.tables["trial_balance"].set_index(["date", "account"])["closing"]
    assert sum(open_.values()) == trial[end, "1122"]


def test_moving_average_by_hand(made: Company) -> None:
    """Step through one item's movements with fractions of Decimal: every cost is the average, to the cent."""
    moves = made.tables["inventory_movements"]
    moves = moves[moves["item"] == "I0002"]
    pieces, value = 0, Decimal(0)
    for (_, kind), part in moves.groupby(["date", "kind"], sort=False):
        moved, worth = int(part["quantity"].sum()), Decimal(str(part["value_cny"].sum()))
        if kind == "sale":
            assert worth == -(value * -moved / pieces).quantize(CENT, ROUND_HALF_UP)
        pieces, value = pieces + moved, value + worth
    assert pieces == moves["quantity_after"].iloc[-1] and value == moves["value_after_cny"].iloc[-1]


def test_vat_of_each_invoice(made: Company) -> None:
    invoices = made.tables["sales_invoices"]
    for row in invoices.head(300).itertuples():
        rate = Decimal("0.13") if row.currency == "CNY" else Decimal(0)
        assert row.vat == (Decimal(str(row.net)) * rate).quantize(CENT, ROUND_HALF_UP)


def test_the_journal_reads_as_a_journal(made: Company) -> None:
    journal, lines = made.tables["journal"], made.tables["journal_lines"]
    assert journal["entry"].tolist() == list(range(1, len(journal) + 1))
    assert journal["posted_at"].is_monotonic_increasing
    assert (journal["posted_at"].dt.normalize() == journal["date"]).all()
    people = journal.loc[journal["user"] != "system"]
    assert set(people["user"]) <= set(made.tables["employees"]["employee"])
    assert (people["posted_at"].dt.hour.between(8, 18)).all()
    assert journal["source"].nunique() > 12 and journal["description"].ne("").all()
    result = lines["account"].str.startswith("6")
    assert lines.loc[result, "department"].notna().mean() > 0.99
    assert set(lines["department"].dropna()) <= set(made.tables["departments"]["department"])


KEYS = {
    "sales_orders": "order",
    "sales_invoices": "invoice",
    "credit_notes": "credit_note",
    "customer_payments": "payment",
    "purchase_orders": "order",
    "goods_receipts": "receipt",
    "supplier_invoices": "invoice",
    "supplier_payments": "payment",
    "bank_transactions": "transaction",
}


def test_no_two_documents_share_a_number(made: Company) -> None:
    for table, key in KEYS.items():
        assert made.tables[table][key].is_unique, table


def test_the_company_ends_in_the_middle_of_things(made: Company) -> None:
    """Open orders, goods without invoice, unpaid invoices, an advance that waits: as on any last day of a year."""
    sheet = made.tables["balance_sheet"].iloc[-1]
    assert sheet["receivables"] > 0 and sheet["payables"] > 0 and sheet["goods_not_invoiced"] > 0
    assert made.tables["sales_orders"]["status"].eq("open").any()
    for table in made.tables.values():
        if "date" in table:
            assert table["date"].max() <= pd.Timestamp(made.last_day)
