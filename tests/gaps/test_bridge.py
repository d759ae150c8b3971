"""The bridge from one balance to the other: every currency reaches the other side, against a slow twin."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.gaps.bridge import END, GAPS, REST, START, bridge
from finlab.gaps.match import Matching, match
from finlab.gaps.matching.roles import Roles
from finlab.gaps.plant import Columns, plant

COLUMNS = Columns("party", "reference", "date", "amount", "currency")
NAMED = Roles(amount="amount", date="date", party="party", reference="reference", currency="currency", text="")


def ledger(rows: int, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "party": [f"S{number}" for number in rng.integers(0, 25, rows)],
        "reference": [f"R{number:05d}" for number in range(rows)],
        "date": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 300, rows), unit="D"),
        "amount": [Decimal(int(cents)).scaleb(-2) for cents in rng.integers(-90_000, 900_000, rows)],
        "currency": rng.choice(["CNY", "EUR", "USD"], rows),
    })  # fmt: skip


def slowly(left: pd.DataFrame, right: pd.DataFrame, found: Matching) -> dict[tuple[str, str], Decimal]:
    """Each step as a sum over the gaps, one by one, in Python's decimals."""
    steps: dict[tuple[str, str], Decimal] = {}
    for gap in found.gaps:
        for (source, table), sign in zip(zip(found.sources, (left, right), strict=True), (-1, 1), strict=True):
            rows = gap.rows(source)[1:] if gap.kind == "duplicate" else gap.rows(source)
            for row in rows:
                key = table["currency"].iloc[row], gap.kind
                steps[key] = steps.get(key, Decimal(0)) + sign * table["amount"].iloc[row]
    return steps


@pytest.mark.parametrize("seed", [1, 2])
def test_every_currency_reaches_the_other_side_by_the_steps_that_a_slow_twin_finds(seed: int) -> None:
    planted = plant(ledger(1500, seed), seed=seed, share=0.006, columns=COLUMNS)
    found = match(planted.left, planted.right, NAMED)
    steps = bridge(planted.left, planted.right, found)
    lines = steps[steps["part"] == GAPS]
    keys = zip(lines["currency"], lines["step"], strict=True)
    assert dict(zip(keys, lines["amount"], strict=True)) == slowly(planted.left, planted.right, found)
    for code, one in steps.groupby("currency"):
        ends = one.set_index("part")["amount"]
        assert sum(one["amount"].iloc[:-1]) == one["amount"].iloc[-1] and REST not in ends
        for part, table in ((START, planted.left), (END, planted.right)):
            assert ends[part] == sum(table.loc[table["currency"] == code, "amount"], Decimal(0))
    for place, part in ((0, START), (1, END)):
        assert sum(steps.loc[steps["part"] == part, "amount"]) == found.totals[place]
    assert lines["gaps"].sum() >= len(found.gaps)  # a gap counts in each of its currencies


def test_a_table_with_row_numbers_of_its_own_has_the_same_bridge() -> None:
    planted = plant(ledger(600), seed=4, share=0.01, columns=COLUMNS)
    numbered = [frame.assign(_row=7 + 3 * np.arange(len(frame))) for frame in (planted.left, planted.right)]
    plain = bridge(planted.left, planted.right, match(planted.left, planted.right, NAMED))
    pd.testing.assert_frame_equal(bridge(*numbered, match(*numbered, NAMED)), plain)


def test_amounts_of_the_opposite_sign_lead_to_the_total_that_match_has() -> None:
    books = ledger(300)
    bank = books.drop(index=[3, 4]).assign(amount=[-amount for amount in books["amount"].drop(index=[3, 4])])
    found = match(books, bank, NAMED)
    steps = bridge(books, bank, found)
    assert sum(steps.loc[steps["part"] == END, "amount"]) == found.totals[1] == -sum(bank["amount"])


def test_amounts_without_a_currency_have_that_of_the_argument_and_a_table_without_rows_a_bridge_of_one_end() -> None:
    books = ledger(30).drop(columns="currency")
    named = Roles(amount="amount", date="date", party="party", reference="reference", currency="", text="")
    found = match(books, books, named)
    assert bridge(books, books, found, currency="JPY")["currency"].unique().tolist() == ["JPY"]
    nothing = books.iloc[:0]
    steps = bridge(books, nothing, match(books, nothing, named))
    assert steps["amount"].tolist()[0] == sum(books["amount"]) and steps["amount"].tolist()[-1] == 0
    assert not len(bridge(nothing, nothing, match(nothing, nothing, named)))


def test_what_cannot_be_bridged_is_refused() -> None:
    books = ledger(40)
    found = match(books, books, NAMED)
    with pytest.raises(InputError, match="these are not the tables that were matched; expected 40 rows of left"):
        bridge(books.head(3), books, found)
    for wrong in (None, 3, "books"):
        with pytest.raises(InputError, match="table is"):
            bridge(wrong, books, found)
