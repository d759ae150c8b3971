"""What is hidden can be found: season, growth, inflation, late payers; and what cannot be asked for is refused."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from finlab.data.company import Company, company
from finlab.data.company.plan import HOLIDAYS


def test_season_and_growth_of_the_number_of_invoices(medium: Company) -> None:
    """About 4 % noise in a month's number of 600 and more invoices, five times each month: 2 % and less in a factor."""
    number = medium.tables["sales_invoices"].groupby(pd.Grouper(key="date", freq="MS")).size()
    design = np.column_stack([np.arange(len(number)) / 12, np.eye(12)[number.index.month - 1]])
    found = np.linalg.lstsq(design, np.log(number.to_numpy(float)), rcond=None)[0]
    season = np.exp(found[1:]) / np.exp(found[1:]).mean()
    np.testing.assert_allclose(season, medium.truth.season, atol=0.06)
    assert np.exp(found[0]) - 1 == pytest.approx(medium.truth.growth_per_year, abs=0.02)
    assert max(medium.truth.season) - min(medium.truth.season) > 0.2


def test_price_inflation_from_the_price_of_the_same_item(medium: Company) -> None:
    lines = medium.tables["sales_invoice_lines"].merge(
        medium.tables["sales_invoices"][["invoice", "date", "customer", "currency"]]
    )
    home = lines[lines["currency"] == "CNY"]
    month = (home["date"].dt.year - home["date"].dt.year.min()) * 12 + home["date"].dt.month
    price = np.log(home["price"].astype(float))
    keys = [home["item"], home["customer"]]
    slope = np.polyfit(month - month.groupby(keys).transform("mean"), price - price.groupby(keys).transform("mean"), 1)[
        0
    ]
    assert np.exp(12 * slope) - 1 == pytest.approx(medium.truth.price_inflation_per_year, abs=0.001)


def test_cost_inflation_from_purchase_orders(medium: Company) -> None:
    lines = medium.tables["purchase_order_lines"].merge(medium.tables["purchase_orders"][["order", "date"]])
    time = (lines["date"] - lines["date"].min()).dt.days / 365.25
    price = np.log(lines["price"].astype(float))
    slope = np.polyfit(
        time - time.groupby(lines["item"]).transform("mean"), price - price.groupby(lines["item"]).transform("mean"), 1
    )[0]
    assert np.exp(slope) - 1 == pytest.approx(medium.truth.cost_inflation_per_year, abs=0.003)


def test_late_payers_by_the_days_after_the_due_day(medium: Company) -> None:
    rows = medium.tables["customer_allocations"].rename(columns={"date": "paid"})
    paid = (
        rows[rows["kind"] == "payment"]
        .drop_duplicates("invoice")
        .merge(medium.tables["sales_invoices"][["invoice", "due", "customer"]])
    )
    late = (paid["paid"] - paid["due"]).dt.days.groupby(paid["customer"]).median()
    assert set(late[late > 15].index) == set(medium.truth.late_payers)
    assert late[list(medium.truth.late_payers)].mean() == pytest.approx(medium.truth.late_days, abs=5)


def test_wages_rise_in_april(small: Company) -> None:
    wages = (
        small.tables["payroll"].astype({"gross": float}).pivot_table(index="employee", columns="date", values="gross")
    )
    ratio = (wages.iloc[:, 3] / wages.iloc[:, 2]).mean() - 1
    assert ratio == pytest.approx(small.truth.wage_inflation_per_year, abs=0.001)
    assert (wages.iloc[:, 2] == wages.iloc[:, 0])[wages.iloc[:, 0].notna()].all()


def test_the_budget_is_near_and_hopes(medium: Company) -> None:
    budget, account = medium.tables["budget"], ["600101", "600102"]
    planned = float(budget.loc[budget["account"].isin(account), "amount"].sum())
    actual = float(medium.tables["income_statement"]["revenue"].sum())
    assert planned / actual - 1 == pytest.approx(medium.truth.budget_optimism, abs=0.06)
    assert (budget["amount"].astype(float) % 100 == 0).all() and budget["department"].notna().all()


def test_people_work_on_business_days(small: Company) -> None:
    for table in (
        "sales_invoices",
        "customer_payments",
        "goods_receipts",
        "supplier_payments",
        "purchase_orders",
        "payroll",
    ):
        day = small.tables[table]["date"]
        assert (day.dt.dayofweek < 5).all() and not day.dt.strftime("%m-%d").isin(HOLIDAYS).any(), table


def test_it_has_what_a_company_has(small: Company) -> None:
    kinds = set(small.tables["customer_allocations"]["kind"])
    assert kinds == {"payment", "advance", "credit note", "rounding", "write-off"}
    parts = small.tables["customer_allocations"].query("kind == 'payment'")["invoice"].value_counts()
    assert (parts == 2).sum() > 100  # paid in parts
    bundled = small.tables["customer_allocations"].query("kind == 'payment'")["document"].value_counts()
    assert bundled.max() > 1  # several invoices in one payment
    receipts = small.tables["goods_receipts"]["order"].value_counts()
    assert receipts.max() == 2  # deliveries in two parts
    assert set(small.tables["sales_invoices"]["currency"]) == {"CNY", "EUR", "USD"}
    assert float(small.tables["trial_balance"].query("account == '660303'")["debit"].sum()) > 0


def test_the_same_company_by_its_own_words(small: Company) -> None:
    again = eval(small.made_by, {"company": company})
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])


def test_it_is_frozen(small: Company) -> None:
    with pytest.raises(AttributeError):
        small.seed = 2  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        small.tables["journal"] = pd.DataFrame()  # pyright: ignore[reportIndexIssue]


def test_tables_are_easy_to_sum(small: Company) -> None:
    invoices = small.tables["sales_invoices"]
    by_customer = invoices.groupby("customer")["gross_cny"].sum()
    assert by_customer.sum() == invoices["gross_cny"].sum()
    assert (
        invoices.pivot_table(index="customer", values="net_cny", aggfunc="sum")["net_cny"].sum()
        == invoices["net_cny"].sum()
    )


WRONG = {
    "seed=-1": "seed is -1; expected a whole number of at least 0",
    "seed=1.0": "seed is 1.0;",
    "seed=True": "seed is True;",
    "seed=None": "seed is None;",
    "seed=2**80": "seed is 1208925819614629174706176;",
    "seed=float('nan')": "seed is nan;",
    "years=0": "years is 0; expected a whole number of at least 1 and at most 10",
    "years=1.5": "years is 1.5;",
    "years=11": "years is 11;",
    "years='three'": "years is 'three';",
    "size='huge'": "size is 'huge'; expected one of small, medium, large",
    "size='Large'": "did you mean 'large'",
    "size=None": "size is None;",
    "size=['small']": "size is ['small'];",
    "size=np.array(['small', 'large'])": "size is array(",
    "start_year=1999": "start_year is 1999;",
    "start_year=9999": "start_year is 9999;",
    "start_year=pd.NaT": "start_year is NaT;",
}


def _said(program: str) -> list[str]:
    """What a program prints, as a user runs it: without the type checker that the tests switch on."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_what_cannot_be_is_refused() -> None:
    program = f"""
import numpy as np, pandas as pd
from finlab.core.errors import InputError
from finlab.data.company import company
for given in {list(WRONG)!r}:
    try:
        eval(f"company({{given}})")
        print("nothing was said")
    except InputError as error:
        print(error)
"""
    for given, said, words in zip(WRONG, _said(program), WRONG.values(), strict=True):
        assert words in said, (given, said)


def test_numbers_of_numpy_will_do() -> None:
    program = """
import numpy as np
from finlab.data.company import company
print(company(np.int64(3), np.int8(1)).made_by == company(3, 1).made_by)
"""
    assert _said(program) == ["True"]


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, finlab.data.company; print([m for m in ('pandas', 'numpy', 'duckdb') if m in sys.modules])"
    assert _said(code) == ["[]"]


def test_making_one_needs_no_compiler_and_no_forecast() -> None:
    code = (
        "import sys; from finlab.data.company import company; company(years=1);"
        "print([m for m in ('jax', 'sktime', 'torch') if m in sys.modules])"
    )
    assert _said(code) == ["[]"]
