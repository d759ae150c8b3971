"""The whole search: every row explained once, mirrored sides, any order, clean copies, planted gaps within the bars."""

from functools import reduce
from operator import add
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import Score, rows_of, score, searched
from sides import ALL, FEW, KNOWN, ROWS, found

from finlab.data.company import company
from finlab.gaps.matching.candidates import Has, Window
from finlab.gaps.matching.twins import Row
from finlab.gaps.matching.verdicts import Verdict
from finlab.gaps.plant import Columns, plant


@FEW
@given(ROWS, ROWS, KNOWN)
def test_every_open_row_is_in_exactly_one_part(left: list[Row], right: list[Row], has: Has) -> None:
    result, verdicts = found(left, right, has)
    rows = [row for thing in result.cover.things if thing >= 0 for row in result.explanations.atoms.rows_of(thing)]
    rows += [-1 - thing for thing in result.cover.things if thing < 0]
    assert sorted(rows) == list(range(len(result.both.left.row) + len(result.both.right.row)))
    assert all(0 <= share <= 1 for share in result.cover.probability)
    for verdict in verdicts:
        assert verdict.probability * verdict.n_explanations <= 1 + 1e-9 and verdict.n_explanations >= 1
        assert np.isfinite(verdict.bits) and all(0 <= other.probability <= 1 for other in verdict.others)


def kinds(verdicts: list[Verdict]) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return sorted((verdict.kind, verdict.left, verdict.right) for verdict in verdicts)


BOOKS = [Row(1000 + 37 * place**2, 3 * place, "abcd"[place % 4], f"r{place}") for place in range(60)]


def spoiled() -> tuple[list[Row], list[Row]]:
    """Two books with one gap of each kind, far enough from each other that nothing is ambiguous."""
    right = list(BOOKS)
    right[5] = right[5]._replace(cents=-right[5].cents)
    right[11] = right[11]._replace(cents=right[11].cents * 100)
    right[17] = right[17]._replace(cents=right[17].cents + 777)
    right[23] = right[23]._replace(day=right[23].day + 20)
    right[29] = right[29]._replace(currency="USD")
    right[35] = right[35]._replace(cents=right[35].cents + 1)
    total = BOOKS[40].cents + BOOKS[44].cents
    right += [right[50], Row(total, BOOKS[44].day, BOOKS[44].party)]
    return list(BOOKS), [row for place, row in enumerate(right) if place not in (40, 44, 47)]


def test_one_gap_of_each_kind_is_found_and_named() -> None:
    left, right = spoiled()
    _, verdicts = found(left, right, ALL._replace(text=False))
    places = {row: place for place, row in enumerate(right)}
    names = {verdict.kind: (verdict.left, verdict.right) for verdict in verdicts}
    pairs = {"sign": 5, "unit": 11, "value": 17, "timing": 23, "currency": 29, "rounding": 35}
    for kind, row in pairs.items():
        assert names[kind][0] == (row,) and right[names[kind][1][0]].reference == f"r{row}"
    assert names["merge"] == ((40, 44), (len(right) - 1,)) and names["missing"] == ((47,), ())
    assert (
        names["duplicate"][0] == () and len(names["duplicate"][1]) == 2 and places[BOOKS[50]] in names["duplicate"][1]
    )
    assert len(verdicts) == len(names) == 9


def test_swapping_the_sides_mirrors_the_gaps() -> None:
    left, right = spoiled()
    has = ALL._replace(text=False)
    mine, theirs = (kinds(found(*sides, has)[1]) for sides in ((left, right), (right, left)))
    turned = {"merge": "split", "split": "merge"}
    assert sorted((turned.get(kind, kind), there, here) for kind, here, there in theirs) == mine


@settings(max_examples=8)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(draw: Random) -> None:
    left, right = spoiled()
    orders = [draw.sample(range(len(side)), len(side)) for side in (left, right)]
    shuffled = [[side[place] for place in order] for side, order in zip((left, right), orders, strict=True)]
    has = ALL._replace(text=False)
    back = sorted(
        (kind, tuple(sorted(orders[0][row] for row in here)), tuple(sorted(orders[1][row] for row in there)))
        for kind, here, there in kinds(found(*shuffled, has)[1])
    )
    assert back == kinds(found(left, right, has)[1])


@FEW
@given(ROWS, st.randoms(use_true_random=False), KNOWN)
def test_a_shuffled_copy_has_no_gap(rows: list[Row], draw: Random, has: Has) -> None:
    result, verdicts = found(rows, draw.sample(rows, len(rows)), has)
    assert not verdicts and not result.cover.things and result.counts.same == len(rows)


def test_a_clean_copy_of_the_company_has_no_gap() -> None:
    planted = plant(company(seed=1), [], seed=1)
    assert not searched(planted) and len(planted.truth) == 0


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([], []),
        ([Row(5, 1)], []),
        ([], [Row(5, 1)] * 3),
        ([Row(0, 0)], [Row(0, 1)]),
        ([Row(None, None)] * 3, [Row(None, 4), Row(7, None)]),
        ([Row(2**61 - 1, 1, "a"), Row(1 - 2**61, 2, "a")], [Row(2**61 - 1, 3, "a"), Row(2**60, 1, "a")]),
        ([Row(3, 1)] * 20, [Row(3, 2)] * 19),
        ([Row(0, day) for day in range(30)], [Row(0, day + 1) for day in range(40)]),
    ],
    ids=["none", "one", "none against three", "zero", "unknown", "huge", "all equal", "zeros"],
)
@pytest.mark.parametrize("has", [ALL, Has(), Has(day=True), Has(party=True, reference=True)], ids=str)
def test_edges_are_explained_whatever_the_rows_have(left: list[Row], right: list[Row], has: Has) -> None:
    result, verdicts = found(left, right, has)
    assert len(verdicts) <= len(left) + len(right) and result.counts.left == len(left)
    missing = sum(len(verdict.left) - len(verdict.right) for verdict in verdicts if verdict.kind == "missing")
    if not left or not right:
        assert len(verdicts) == len(left) + len(right) and abs(missing) <= len(left) + len(right)


def pooled(planted_scores: list[Score]) -> Score:
    return reduce(add, planted_scores)


SEEDS = (1, 2, 3)


def test_easy_gaps_in_the_company_are_found_within_the_bars() -> None:
    spoiled = [plant(company(seed=seed, years=3, size="small"), seed=seed, share=0.01) for seed in SEEDS]
    total = pooled([score(one, searched(one)) for one in spoiled])
    assert total.precision >= 0.97 and total.recall >= 0.985
    assert set(total.by_kind()) >= {"missing", "duplicate", "split", "merge", "currency"}
    assert min(total.by_kind().values()) >= 0.93


def test_hard_gaps_in_the_company_are_found_within_the_bars() -> None:
    books = [company(seed=seed, years=3, size="small") for seed in SEEDS]
    spoiled = [plant(one, seed=seed, share=0.01, hard=True, equal=0.25) for one, seed in zip(books, SEEDS, strict=True)]
    total = pooled([score(one, searched(one)) for one in spoiled])
    assert total.f1 >= 0.93 and total.calibration_error() <= 0.05


def payments(testdata: Path) -> pd.DataFrame:
    table = pd.read_parquet(testdata / "payments" / "corporate.payment.parquet").drop_duplicates()
    return table.drop_duplicates(["VendorNum", "InvNum"], keep=False).assign(Amount=lambda one: one["Amount"].round(2))


PAYMENTS = Columns("VendorNum", "InvNum", "Date", "Amount")


@pytest.mark.slow
def test_easy_gaps_in_real_payments_are_found_within_the_bars(testdata: Path) -> None:
    planted = plant(payments(testdata), seed=1, columns=PAYMENTS)
    total = score(planted, searched(planted))
    assert total.precision >= 0.97 and total.recall >= 0.985 and min(total.by_kind().values()) >= 0.93


@pytest.mark.slow
def test_hard_gaps_in_real_payments_are_found_within_the_bars(testdata: Path) -> None:
    planted = plant(payments(testdata), seed=1, columns=PAYMENTS, hard=True, equal=0.25)
    total = score(planted, searched(planted))
    assert total.f1 >= 0.93 and total.calibration_error() <= 0.05


def test_rows_of_a_copy_are_those_of_its_frame() -> None:
    planted = plant(company(seed=1), ["missing"], seed=1)
    rows = rows_of(planted.left, planted)
    assert len(rows) == len(planted.left) and rows[0].party == str(planted.left["supplier"].iloc[0])


def test_a_window_keeps_late_rows_apart() -> None:
    left, right = [*BOOKS, Row(31_337, 10, "a")], [*BOOKS, Row(31_337, 40, "a")]
    has = Has(day=True, party=True)
    assert [verdict.kind for verdict in found(left, right, has, Window(0, 45))[1]] == ["timing"]
    assert [verdict.kind for verdict in found(left, right, has, Window(0, 20))[1]] == ["missing", "missing"]
