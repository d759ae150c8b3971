"""Absences: what the other source has nothing of, against plain Python; causes by their formula."""

from collections import Counter
from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sides import FEW, ROWS, opened

from finlab.gaps.match import match
from finlab.gaps.matching.absences import (
    EARLY,
    LATE,
    LEAST_LACKING,
    NO_DAYS,
    NO_PARTY,
    UNCONNECTED,
    Elsewhere,
    causes_of_side,
    elsewhere,
)
from finlab.gaps.matching.twins import Row
from finlab.gaps.record import Cause, Gap


@FEW
@given(ROWS, ROWS, st.sampled_from("lr"))
def test_days_and_strangers_are_those_of_plain_python(left: list[Row], right: list[Row], which: str) -> None:
    mine, theirs = (left, right) if which == "l" else (right, left)
    found = elsewhere(opened(left, right), which, range(0, len(mine), 2))
    assert found.days.tolist() == sorted({row.day for row in theirs if row.day is not None})
    often, there = Counter(row.party for row in mine), {row.party for row in theirs}
    assert found.strangers == {
        at: often[row.party] for at, row in enumerate(mine) if at % 2 == 0 and row.party and row.party not in there
    }


DAYS = Elsewhere(pd.Index([10, 11, 12, 20, 21]).to_numpy(), {})


@given(st.integers(0, 40), st.integers(0, 1), st.integers(-4, 4), st.integers(0, 6), st.integers(1, 50))
def test_the_share_of_usual_days_outside_is_counted_day_by_day(
    day: int, side: int, first: int, length: int, size: int
) -> None:
    lags = range(first, first + length + 1)
    due = sorted({day, *(day + lag if side == 0 else day - lag for lag in lags)})
    due = range(due[0], due[-1] + 1)
    after, before = sum(one > 21 for one in due) / len(due), sum(one < 10 for one in due) / len(due)
    found = causes_of_side({7: day}, side, DAYS, size, (first, first + length))
    if not after and not before:
        assert found == {}
        return
    part = max(after, before)
    assert found[7].label == (LATE if after >= before else EARLY)
    assert found[7].probability == pytest.approx(part / (part + (1 - part) / size))


def test_a_party_without_a_row_there_is_the_cause_and_the_more_rows_the_surer() -> None:
    def sure(rows: int, size: int) -> float:
        there = DAYS._replace(strangers=dict.fromkeys(range(rows), rows))
        found = causes_of_side(dict.fromkeys(range(rows), 11), 0, there, size, (0, 0))
        assert {one.label for one in found.values()} <= {NO_PARTY} and len(found) in (0, rows)
        return found[0].probability if found else 0.0

    assert sure(LEAST_LACKING - 1, 1000) == 0.0
    assert sure(3, 1000) == pytest.approx(UNCONNECTED / (UNCONNECTED + 0.99 * 0.003**3))
    assert sure(3, 4) < 0.05 < sure(4, 10) < sure(4, 1000)  # where nearly all is missing, a party says nothing
    assert sure(50, 50) == pytest.approx(UNCONNECTED)


def test_rows_in_one_hole_belong_together_and_those_of_two_do_not() -> None:
    there = Elsewhere(pd.Index([10, 14, 20, 30]).to_numpy(), {})
    found = causes_of_side({0: 11, 1: 12, 2: 13, 3: 15, 4: 22}, 0, there, 100, (0, 0))
    assert {row: cause.label for row, cause in found.items()} == dict.fromkeys(range(3), NO_DAYS)
    assert not causes_of_side({0: 11, 1: 12, 2: 13}, 0, there, 100, (0, 3))  # due on day 14, too
    assert causes_of_side({0: None, 1: None, 2: None}, 0, there, 100, (0, 0)) == {}


def test_the_most_probable_cause_is_told() -> None:
    last = Elsewhere(DAYS.days, dict.fromkeys(range(4), 4))
    found = causes_of_side({0: 21, 1: 22, 2: 11, 3: 11}, 0, last, 1000, (-20, 1))
    assert [found[row].label for row in range(4)] == [NO_PARTY, NO_PARTY, NO_PARTY, NO_PARTY]
    assert causes_of_side({0: 22}, 0, DAYS, 1000, (0, 1))[0] == Cause(LATE, 1.0)


def books(parties: list[str], rows: int = 400) -> pd.DataFrame:
    days = [date(2026, 1, 1) + timedelta(days=at // 4) for at in range(rows)]
    names = [parties[at % len(parties)] for at in range(rows)]
    return pd.DataFrame({"date": days, "party": names, "amount": [round(10 + 7.31 * at, 2) for at in range(rows)]})


def why(gap: Gap) -> str:
    return gap.causes[0].label if gap.causes and gap.causes[0].probability > 0.9 else ""


def test_a_match_says_what_a_source_has_nothing_of() -> None:
    ledger = books([f"customer {at}" for at in range(23)])
    gone = {"customer 5"}
    days = {date(2026, 2, 3), date(2026, 2, 4), date(2026, 2, 5)}
    bank = ledger[~ledger["party"].isin(gone) & ~ledger["date"].isin(days)].drop(index=[77])
    found = match(ledger, bank.sample(frac=1, random_state=1))
    by_row = {gap.rows("left")[0]: why(gap) for gap in found.gaps}
    assert by_row.pop(77) == ""
    for row, cause in by_row.items():
        assert cause == (NO_PARTY if ledger.loc[row, "party"] in gone else NO_DAYS), row  # its 17 rows say more
    turned = match(bank, ledger)
    assert sorted(why(gap) for gap in turned.gaps) == sorted([*by_row.values(), ""])


def test_rows_of_before_and_after_the_days_of_the_other_source() -> None:
    ledger = books(["a", "b", "c"])
    bank = ledger[(ledger["date"] > date(2026, 1, 4)) & (ledger["date"] < date(2026, 4, 1))].drop(index=[200])
    causes = Counter(why(gap) for gap in match(ledger, bank).gaps)
    assert causes == {EARLY: 16, LATE: 4 * (100 - 90), "": 1}
