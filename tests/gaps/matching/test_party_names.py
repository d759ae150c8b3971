"""Names of parties: what is a stranger and what it shares against plain Python; who is taken for whom."""

from collections import Counter
from datetime import date, timedelta
from random import Random

import pandas as pd
import pytest
from hypothesis import given
from sides import ALL, FEW, ROWS, WINDOW, opened

from finlab.gaps.match import match
from finlab.gaps.matching import names as room
from finlab.gaps.matching.candidates import Window
from finlab.gaps.matching.names import ALIKE, MOST_EQUAL, aliases, count_parties, likeness, same_parties
from finlab.gaps.matching.twins import Row


def shared(mine: list[Row], theirs: list[Row], window: tuple[int, int]) -> list[tuple[str, str, int]]:
    """Strangers of `mine` with parties of `theirs` and their rows of one amount, row by row."""
    strange = {row.party for row in mine} - {row.party for row in theirs} - {""}
    ours = [row for row in mine if row.party in strange and row.cents]
    own = {(row.party, row.cents) for row in mine}
    free = [row for row in theirs if row.party and row.cents in {one.cents for one in ours}]
    free = [row for row in free if (row.party, row.cents) not in own]
    often = Counter(row.cents for row in ours), Counter(row.cents for row in free)
    pairs: dict[tuple[str, str], tuple[set[int], set[int]]] = {}
    for at, a in enumerate(ours):
        for to, b in enumerate(free):
            rare = max(often[0][a.cents], often[1][b.cents]) <= MOST_EQUAL
            near = a.day is None or b.day is None or window[0] <= b.day - a.day <= window[1]
            if a.cents == b.cents and rare and near:
                left, right = pairs.setdefault((a.party, b.party), (set(), set()))
                left.add(at)
                right.add(to)
    return sorted((*pair, min(map(len, rows))) for pair, rows in pairs.items())


@FEW
@given(ROWS, ROWS)
def test_strangers_and_what_they_share_are_those_of_plain_python(left: list[Row], right: list[Row]) -> None:
    connection = opened(left, right)
    count_parties(connection)
    strange = {row.party for row in left} - {row.party for row in right} - {""}
    assert room._strangers(connection, "l") == Counter(row.party for row in left if row.party in strange)
    window, turned = (-3, 20), (-20, 3)
    assert sorted(room._shared(connection, "l", Window(*window))) == shared(left, right, window)
    assert sorted(room._shared(connection, "r", Window(*window))) == shared(right, left, turned)


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("Müller GmbH", "MUELLER GMBH", 1.0, 1.0),
        ("Müller GmbH", "Muller, GmbH.", 1.0, 1.0),
        ("Meyer G.m.b.H.", "MEYER GMBH", 1.0, 1.0),
        ("John Smith", "SMITH JOHN", 1.0, 1.0),
        ("Müller GmbH", "Müler GmbH", ALIKE, 0.99),
        ("Cafe", "Café & Co. KG", ALIKE, 0.99),
        ("Kunde 12", "Kunde 13", 0.0, 0.0),
        ("Adams", "Baker", 0.0, 0.5),
        ("上海贸易有限公司", "上海贸易有限公司", 1.0, 1.0),
        ("...", "!!!", 0.0, 0.0),
    ],
)
def test_likeness(one: str, other: str, least: float, most: float) -> None:
    assert least <= likeness(one, other) <= most and likeness(one, other) == likeness(other, one)


def books(parties: list[str], rows: int = 240) -> pd.DataFrame:
    draw = Random(3)
    days = [date(2026, 1, 1) + timedelta(days=at // 3) for at in range(rows)]
    names, amounts = draw.choices(parties, k=rows), [draw.randrange(1000, 900_000) / 100 for _ in range(rows)]
    return pd.DataFrame({"date": days, "party": names, "amount": amounts})


PARTIES = {"Müller GmbH": "MUELLER G.M.B.H.", "Acme Industries Ltd": "ACME IND. LIMITED", "Contoso": "10-4711",
           "Café & Co. KG": "CAFE", "Adams": "Adams", "Baker": "Baker"}  # fmt: skip


def test_books_whose_parties_are_written_otherwise_agree() -> None:
    ledger = books([*PARTIES])
    bank = ledger.assign(party=ledger["party"].map(PARTIES)).drop(index=[7]).sample(frac=1, random_state=2)
    bank.loc[11, "amount"] = round(bank.loc[11, "amount"] + 9, 2)
    found = match(ledger, bank, names=("ledger", "bank"))
    assert sorted((gap.kind, gap.rows("ledger")) for gap in found.gaps) == [("missing", (7,)), ("value", (11,))]
    (note,) = [note for note in found.notes if "another name" in note]
    assert note.startswith("parties of bank under another name in ledger: ") and note.endswith(", and 1 more")
    turned = match(bank, ledger, names=("bank", "ledger"))
    assert sorted(gap.kind for gap in turned.gaps) == ["missing", "value"]


def test_one_misspelt_name_of_a_party_that_both_know() -> None:
    ledger = books([*PARTIES])
    at = int(ledger.index[ledger["party"] == "Müller GmbH"][4])
    for wrong in ("Müler GmbH", "Mueller", "MÜLLER, GMBH"):
        bank = ledger.copy()
        bank.loc[at, "party"] = wrong
        assert len(match(ledger, bank).gaps) == 0 and len(match(bank, ledger).gaps) == 0


def test_a_customer_of_another_number_is_another_customer() -> None:
    ledger = books([f"Customer {at}" for at in range(12)])
    gone = ledger["party"] == "Customer 3"
    bank = ledger[~gone].copy()
    extra = ledger[gone].head(2).assign(party="Customer 33", amount=[1.23, 4.56])
    found = match(ledger, pd.concat([bank, extra], ignore_index=True))
    assert {gap.kind for gap in found.gaps} == {"missing"} and len(found.gaps) == int(gone.sum()) + 2
    assert not [note for note in found.notes if "another name" in note]


def test_equal_amounts_prove_nothing_and_two_that_fit_alike_neither() -> None:
    rents = [Row(50_000, 30 * at, name) for at in range(8) for name in ("a", "b")]
    connection = opened(rents, [row._replace(party="x") for row in rents if row.party == "a"])
    count_parties(connection)
    assert aliases(connection, "r", WINDOW) == []
    rare = [Row(50_000 + at, 30 * at, name) for at in range(3) for name in ("a", "b")]
    connection = opened(rare, [row._replace(party="x") for row in rare[::2]])
    assert same_parties(connection, ("left", "right"), WINDOW, ALL) == (ALL, ())


def test_the_mark_of_a_renamed_row_is_that_of_its_new_name() -> None:
    rows = [Row(100 + at, at, "a b") for at in range(5)]
    connection = opened(rows, [row._replace(party="b a") for row in rows])
    assert len(same_parties(connection, ("left", "right"), WINDOW, ALL)[1]) == 1
    query = "SELECT count(*) FROM l JOIN r USING (row, mark, party, cents)"
    assert connection.execute(query).fetchall() == [(5,)]


def test_names_from_strangers_are_only_names() -> None:
    hostile = "'; DROP TABLE l; --"
    rows = [Row(100 + at, at, hostile) for at in range(5)]
    connection = opened(rows, [row._replace(party="<b>x</b>") for row in rows])
    _, (note,) = same_parties(connection, ("left", "right"), WINDOW, ALL)
    assert "'<b>x</b>' is" in note and connection.execute("SELECT count(*) FROM l").fetchall() == [(5,)]


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
def test_where_names_have_nothing_in_common_rows_are_compared_without_them(share: float) -> None:
    ledger = books([f"Customer {at}" for at in range(200)])
    other = ledger.index < share * len(ledger)
    numbers = pd.Series([f"K-{7000 + 13 * at}" for at in ledger.index])
    bank = ledger.assign(party=ledger["party"].where(~other, numbers)).drop(index=[230])
    ledger.loc[other, "party"] = [f"Client {at}" for at in range(int(other.sum()))]
    found = match(ledger, bank, names=("ledger", "bank"))
    without = [note for note in found.notes if "rows are compared without parties" in note]
    doubt = [note for note in found.notes if "bring the names to one form, or say party=''" in note]
    assert (len(without), len(doubt)) == (int(share > 0.5), int(0.2 < share < 0.5))
    if without:
        assert [(gap.kind, gap.rows("ledger")) for gap in found.gaps] == [("missing", (230,))]
