"""Citations: references in the texts of the other source, those without a meaning set aside, and what it does."""

import re
from datetime import date, timedelta
from random import Random

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sides import FEW, opened

from finlab.gaps.match import match
from finlab.gaps.matching.citations import SHORTEST, cited
from finlab.gaps.matching.twins import Row

CODES = st.sampled_from(["", "A1", "INV1", "INV12", "2025", "77001", "X9Y8", "RENT"])
WORDS = st.lists(st.sampled_from(["INV", "12", "inv-12", "2025", "pay", "77001", "X9Y8", "0077001", ";"]), max_size=5)


def named(text: str, known: set[str]) -> set[str]:
    """The references that a text names, by trying all runs of up to three words."""
    words = re.findall(r"[^\W_]+", text.upper())
    runs = {"".join(words[at : at + size]) for at in range(len(words)) for size in (1, 2, 3) if at + size <= len(words)}
    return {re.sub(r"^0+(\d+)$", r"\1", run) for run in runs} & known


@FEW
@given(st.lists(CODES, max_size=6), st.lists(st.tuples(CODES, WORDS), max_size=6))
def test_what_texts_name_is_what_plain_python_finds(left: list[str], right: list[tuple[str, list[str]]]) -> None:
    rows = [Row(100 + at, None, "", code) for at, code in enumerate(left)]
    connection = opened(rows, [Row(100 + at, None, "", code) for at, (code, _) in enumerate(right)])
    texts = [" ".join(words) for _, words in right]
    found = cited(
        connection,
        "r",
        pa.table({"row": pa.array(range(len(texts)), pa.int64()), "words": pa.array(texts, pa.string())}),
    )
    known = {code for code in left if len(code) >= SHORTEST and any(sign.isdigit() for sign in code)}
    expected = {}
    for at, (code, _) in enumerate(right):
        names = named(texts[at], known)
        if (not code or code not in left) and len(names) == 1:
            expected[at] = names.pop()
    assert dict(zip(found.rows.tolist(), found.codes.tolist(), strict=True)) == expected
    for row, code, same in zip(found.rows.tolist(), found.codes, found.same.tolist(), strict=True):
        assert same == any(one == code and 100 + at == 100 + row for at, one in enumerate(left))


def books(rows: int = 90) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A ledger with invoices, and a bank with numbers of its own whose text names them; many equal amounts."""
    draw = Random(4)
    ledger = pd.DataFrame({
        "date": [date(2026, 1, 1) + timedelta(days=at // 2) for at in range(rows)],
        "supplier": draw.choices(["Sunrise Foods", "Oakwood plc", "Tanaka"], k=rows),
        "invoice": [f"INV-{2000 + at}" for at in range(rows)],
        "amount": [float(draw.choice([500, 750, 990]) + (at % 3)) for at in range(rows)],
    })  # fmt: skip
    bank = pd.DataFrame({
        "booked": ledger["date"] + timedelta(days=2), "value": ledger["amount"],
        "description": ledger["supplier"].str.upper() + " inv " + ledger["invoice"].str[4:] + " thank you",
        "ref": [f"TX{at}" for at in range(rows)],
    })  # fmt: skip
    return ledger, bank


def test_a_bank_that_names_invoices_in_its_text_is_matched_by_them() -> None:
    ledger, bank = books()
    bank.loc[8, "value"] -= 4.22
    bank.loc[20, "booked"] += timedelta(days=30)
    for right in (bank, bank.drop(columns="ref"), bank.sample(frac=1, random_state=1)):
        found = match(ledger, right, names=("ledger", "bank"))
        assert sorted((gap.kind, gap.rows("ledger")) for gap in found.gaps) == [("timing", (20,)), ("value", (8,))]
        assert any(
            re.match(r"\d+ rows of bank name a value of 'invoice' of ledger in their texts", note)
            for note in found.notes
        )
        assert found.roles["date"] == ("date", "booked")
    turned = match(bank, ledger)
    assert sorted(gap.kind for gap in turned.gaps) == ["timing", "value"]


def test_references_with_nothing_in_common_are_set_aside_and_told() -> None:
    ledger, bank = books()
    rows = ledger.assign(amount=[100 + 7.5 * at for at in range(len(ledger))])
    bank = bank.assign(value=rows["amount"], description="payment")
    found = match(rows, bank, names=("ledger", "bank"))
    assert "no value of 'invoice' of ledger is in 'ref' of bank: they are not compared" in found.notes
    assert len(found.gaps) == 0


def test_years_in_a_text_are_no_references() -> None:
    ledger, bank = books()
    years = [str(2000 + at) for at in range(len(ledger))]
    rows = ledger.assign(invoice=years, amount=[100 + 7.5 * at for at in range(len(ledger))])
    bank = bank.assign(value=rows["amount"], description="rent for 2026")
    rows.loc[len(rows)] = [date(2026, 1, 3), "Tanaka", "2026", 12.0]
    found = match(rows, bank)
    assert not any("name a value" in note for note in found.notes) and len(found.gaps) == 1


@pytest.mark.parametrize("reference", [True, False])
def test_a_row_that_is_there_twice_is_one_gap_whichever_is_the_copy(reference: bool) -> None:
    ledger, bank = books()
    bank = pd.concat([bank, bank.iloc[[5]].assign(ref="TX999")], ignore_index=True)
    bank = bank if reference else bank.drop(columns="ref")
    ids = []
    for right in (bank, bank[::-1], bank.sample(frac=1, random_state=3)):
        right = right.reset_index(drop=True)
        (gap,) = match(ledger, right).gaps
        assert gap.kind == "duplicate" and gap.probability > 0.99 and gap.amount_at_stake == bank.loc[5, "value"]
        assert {right.loc[row, "description"] for row in gap.rows("right")} == {bank.loc[5, "description"]}
        assert not [one for one in gap.alternatives if one.kind == "same"]
        ids.append(gap.id)
    assert len(set(ids)) == 1


def test_a_code_of_several_parts_names_no_other_code() -> None:
    ledger, _ = books()
    rows = ledger.assign(amount=[100 + 7.5 * at for at in range(len(ledger))])
    bank = rows.drop(index=[7]).reset_index(drop=True)
    rows.loc[7, "invoice"] = "INV-2011-B"  # a credit of INV-2011, say: a reference of its own
    found = match(rows, bank)
    assert not any("name a value" in note for note in found.notes)
    assert [(gap.kind, gap.rows("left")) for gap in found.gaps] == [("missing", (7,))]
