"""Planted gaps found again: the sample company's invoices and real corporate payments, with references and without."""

from typing import Any

import pandas as pd
from forecast_rows.plan import Found, Plan, attempt
from harness import Row, testdata

from gaps_rows.marks import Marks, mark

SEEDS, QUICK_SEEDS = (1, 2, 3), (1,)
EQUAL = 0.25  # of the rows that get the amount of another row of their party, in the hard case
COMPANY_SHARE = 0.01  # of 1,300 invoices: 13 gaps of each kind


def payments() -> tuple[pd.DataFrame, Any]:
    """The corporate payments without their own duplicates, amounts as exact texts; and what their columns are."""
    from finlab.gaps.plant import Columns

    table = pd.read_parquet(testdata() / "payments" / "corporate.payment.parquet").drop_duplicates()
    table = table.drop_duplicates(["VendorNum", "InvNum"], keep=False)
    table["Amount"] = [f"{amount:.2f}" for amount in table["Amount"]]
    return table, Columns("VendorNum", "InvNum", "Date", "Amount")


def searched(source: Any, columns: Any, seed: int, share: float, hard: bool) -> Marks:
    from finlab.gaps.match import match
    from finlab.gaps.matching.roles import Roles
    from finlab.gaps.plant import plant

    planted = plant(source, None, seed, columns=columns, share=share, hard=hard, equal=EQUAL if hard else 0.0)
    names = planted.columns
    roles = Roles(
        amount=names.amount, date=names.date, party=names.party, reference="" if hard else names.reference,
        currency=names.currency, text="",
    )  # fmt: skip
    return mark(match(planted.left, planted.right, roles).gaps, planted.truth)


def _plans(what: str) -> dict[str, Plan]:
    easy, hard = f"{what}, planted, easy", f"{what}, planted, hard"
    return {
        "precision": Plan(f"{easy}: typed precision", ">= 0.97", "share", "planted"),
        "recall": Plan(f"{easy}: typed recall", ">= 0.985", "share", "planted"),
        "kind": Plan(f"{easy}: the kind that is found least", ">= 0.93", "share", "planted"),
        "f1": Plan(f"{hard}: typed F1", ">= 0.93", "share", "planted"),
        "calibration": Plan(f"{hard}: calibration error", "<= 0.05", "share", "planted"),
        "clean": Plan(f"{what}, shuffled and written in another way: gaps", "= 0", "gaps", "planted"),
    }


def _measured(source: Any, columns: Any, share: float, quick: bool) -> dict[str, Found]:
    easy = [searched(source, columns, seed, share, False) for seed in (QUICK_SEEDS if quick else SEEDS)]
    hard = [searched(source, columns, seed, share, True) for seed in (QUICK_SEEDS if quick else SEEDS)]
    n, rounds = sum(one.found for one in easy), len(easy)
    worst = min((share, kind) for one in easy for kind, share in one.kinds.items())
    note = f"{sum(one.ambiguous for one in hard)} of {sum(one.found for one in hard)} among the alternatives"
    return {
        "precision": Found(min(one.precision for one in easy), n, rounds),
        "recall": Found(min(one.recall for one in easy), n, rounds),
        "kind": Found(worst[0], n, rounds, worst[1]),
        "f1": Found(min(one.f1 for one in hard), n, rounds, note),
        "calibration": Found(max(one.calibration for one in hard), n, rounds),
        "clean": Found(clean_gaps(source, columns), n, 1),
    }


def clean_gaps(source: Any, columns: Any) -> int:
    """How many gaps there are between a table and a copy whose rows, types and text formats were changed."""
    from finlab.gaps.match import match
    from finlab.gaps.matching.roles import Roles
    from finlab.gaps.plant import INVOICES

    names = columns or INVOICES
    table = source if columns else source.tables["supplier_invoices"]
    copy = table.sample(frac=1.0, random_state=1).reset_index(drop=True).astype(object)
    copy[names.amount] = [f"{float(amount):,.2f}" for amount in copy[names.amount]]
    copy[names.date] = pd.to_datetime(copy[names.date]).dt.strftime("%d/%m/%Y")
    copy[names.party] = [f" {party} ".lower() for party in copy[names.party]]
    roles = Roles(
        amount=names.amount, date=names.date, party=names.party, reference=names.reference, currency=names.currency,
        text="",
    )  # fmt: skip
    return len(match(table, copy, roles).gaps)


def company_gaps(quick: bool) -> dict[str, Found]:
    from finlab.data.company import company

    return _measured(company(seed=1), None, COMPANY_SHARE, quick)


def payment_gaps(quick: bool) -> dict[str, Found]:
    from finlab.gaps.plant import SHARE

    return _measured(*payments(), SHARE, quick)


def planted_rows(quick: bool) -> list[Row]:
    return [
        *attempt(_plans("Company"), lambda: company_gaps(quick)),
        *attempt(_plans("Corporate payments"), lambda: payment_gaps(quick)),
    ]
