"""Records: what rows say, ids that stay, evidence and causes as a table, against gaps made one by one."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.gaps.comparing.sides import paired
from finlab.gaps.matching.books import Books, lay
from finlab.gaps.matching.candidates import Has, Window
from finlab.gaps.matching.records import (
    TOLERATED,
    Case,
    Facts,
    Said,
    case_of,
    causes_by_amount,
    facts_of,
    table_of,
)
from finlab.gaps.matching.roles import Pair
from finlab.gaps.matching.search import search
from finlab.gaps.matching.twins import Row, put
from finlab.gaps.matching.verdicts import Judge, Other, Verdict, verdicts
from finlab.gaps.record import SCHEMA, Evidence, Gaps, identify

NAMES = ("party", "reference", "date", "amount", "currency")
SAID = Said({name: Pair(name, name) for name in NAMES}, date(2026, 3, 31), "CNY", Window(-5, 30))
BOOKS = Books(Has(day=True), 2, {}, ())


def facts(source: str, cents: Sequence[int | None], day: Sequence[int | None], **texts: Sequence[str | None]) -> Facts:
    """Rows whose numbers are ten times their places."""

    def said(values: Sequence[int | None]) -> dict[int, int]:
        return {place: value for place, value in enumerate(values) if value is not None}

    written = {role: {at: text for at, text in enumerate(some) if text is not None} for role, some in texts.items()}
    return Facts(source, {place: 10 * place for place in range(len(cents))}, said(cents), said(day), written)


LEFT = facts(
    "ledger",
    [125_400, 5000, 5000, None],
    [20_517, 20_518, None, 20_519],
    party=["b", "a", "a", "c"],
    amount=["1254.00", "50", "50", None],
)
RIGHT = facts(
    "bank", [124_500, 10_000], [20_517, None], party=["b", "a"], amount=["1245.00", "100"], currency=["EUR", None]
)


def case(kind: str, left: tuple[int, ...], right: tuple[int, ...], difference: int = 0, *others: Other) -> Case:
    return Case(Verdict(kind, left, right, 0.5, 2, 3.25, others, 7), difference, abs(difference))


CASES = [
    case("value", (0,), (0,), -900, Other("value", (1,), (0,), 0.25)),
    case("merge", (1, 2), (1,)),
    case("missing", (3,), ()),
    case("timing", (1,), (1,)),
]


def test_a_table_says_what_gaps_made_one_by_one_would_say() -> None:
    gaps = Gaps(table_of(CASES, [()] * 4, (LEFT, RIGHT), SAID, BOOKS))
    assert gaps.arrow.schema == SCHEMA
    first, merge, missing, timing = gaps
    assert first.key == "b 1254.00" and first.period == "2026-03-05" and first.age == 26 and first.currency == "CNY"
    assert first.residual == -9.0 and first.amount_at_stake == Decimal("9.0000") and first.bits == 3.25
    assert first.values == ("1254.00", "1245.00") and first.field == "amount" and first.sources == ("ledger", "bank")
    assert first.evidence == (
        Evidence("ledger", (0,), "one record, another amount"),
        Evidence("bank", (0,), "one record, another amount"),
    )
    assert first.alternatives[0].evidence[0].rows == (10,) and first.alternatives[0].probability == 0.25
    assert merge.rows("ledger") == (10, 20) and merge.values == ("50 + 50", "100") and merge.period == "2026-03-06"
    assert missing.values == (None, None) and missing.rows("bank") == () and missing.field == ""
    assert timing.field == "date" and timing.values == (None, None)
    assert {gap.first_seen for gap in gaps} == {date(2026, 3, 31)} and {gap.status for gap in gaps} == {"open"}


def test_no_cases_are_an_empty_table() -> None:
    assert len(Gaps(table_of([], [], (LEFT, RIGHT), SAID, BOOKS))) == 0


def test_a_row_without_a_day_has_no_period_and_no_age() -> None:
    (gap,) = Gaps(table_of([case("missing", (2,), ())], [()], (LEFT, RIGHT), SAID, BOOKS))
    assert gap.period == "" and gap.age is None


def test_a_day_after_the_day_of_the_report_has_the_age_zero() -> None:
    early = SAID._replace(as_of=date(2026, 1, 1))
    assert Gaps(table_of(CASES[:1], [()], (LEFT, RIGHT), early, BOOKS))[0].age == 0


@given(st.permutations(range(4)))
def test_ids_do_not_depend_on_the_order_of_rows(order: list[int]) -> None:
    """The rows of one merge, and two gaps alike, with the places of the rows exchanged."""
    names = ["d", "c", "b", "b"]
    moved = facts("ledger", [1, 2, 3, 4], [5, 6, 7, 8], party=[names[one] for one in order])
    kept = facts("ledger", [1, 2, 3, 4], [5, 6, 7, 8], party=names)
    ids = [
        Gaps(table_of([case("merge", (0, 1, 2, 3), (0,))], [()], (one, RIGHT), SAID._replace(roles={}), BOOKS))[0].key
        for one in (kept, moved)
    ]
    assert ids == ["b", "b"]


def test_gaps_that_are_alike_have_ids_of_their_own() -> None:
    same = facts("ledger", [5] * 3, [9] * 3, party=["x"] * 3)
    gaps = Gaps(table_of([case("missing", (at,), ()) for at in range(3)], [()] * 3, (same, RIGHT), SAID, BOOKS))
    ids = [gap.id for gap in gaps]
    assert len(set(ids)) == 3 and ids[0] == identify("missing", ["ledger", "bank"], "x", "1970-01-10", "")


def test_the_base_of_rates_is_the_currency_of_all() -> None:
    (gap,) = Gaps(table_of([case("missing", (), (0,))], [()], (LEFT, RIGHT), SAID, BOOKS._replace(base="USD")))
    assert gap.currency == "USD"
    (gap,) = Gaps(table_of([case("missing", (), (0,))], [()], (LEFT, RIGHT), SAID, BOOKS))
    assert gap.currency == "EUR"


def test_an_amount_that_is_not_there_is_the_cause() -> None:
    causes = causes_by_amount([case("value", (3,), (0,), 124_500), case("value", (3,), (1,), 1)], (LEFT, RIGHT))
    assert {some[0].label for some in causes.values()} == {"ledger has no amount that can be read"}


def test_a_sum_that_is_off_has_a_fee_as_cause_if_others_have_it_and_else_the_tolerance() -> None:
    left = facts("ledger", [10_000, 20_000, 30_000, 4000, 6000, 7000, 8000], [1] * 7)
    right = facts("bank", [9985, 19_970, 29_955, 9985, 15_003], [1] * 5)
    pairs = [case("value", (at,), (at,), 1) for at in range(3)]
    sums = [case("merge", (3, 4), (3,), -15), case("merge", (5, 6), (4,), 3)]
    causes = causes_by_amount([*pairs, *sums], (left, right))
    assert causes[3][0].label == causes[0][0].label == "a fee or discount: -0.15%, as in other gaps"
    assert causes[4][0].label == TOLERATED and causes_by_amount(CASES[1:2], (LEFT, RIGHT)) == {}


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "=HYPERLINK(1)", "'; DROP TABLE l; --", "a\x1fb", "ä\u202e"]
)
def test_texts_are_told_as_they_are_written_and_run_nowhere(text: str) -> None:
    table = pd.DataFrame({"amount": ["1.00", "2.00"], "who": [text, None]})
    with paired(table, table, ("ledger", "bank")) as sides:
        connection = sides[0].relation.connection
        roles = {"amount": Pair("amount", "amount"), "party": Pair("who", "who")}
        lay(connection, sides, roles)
        found = facts_of(connection, sides[0], "l", roles, {0, 1})
        assert connection.execute("SELECT count(*) FROM l").fetchall() == [(2,)]
    assert found.text("party", 0) == text and found.text("party", 1) == "" and found.key(1) == "2.00"
    page = Gaps(table_of([case("missing", (0,), ())], [()], (found, RIGHT), SAID, BOOKS))._repr_html_()
    assert "<script>" not in page


def test_days_are_told_without_their_midnight_and_rows_by_the_number_of_their_table() -> None:
    table = pa.table(
        {"amount": [1, 2], "date": pa.array([date(2026, 3, 5), None]).cast(pa.timestamp("us")), "_row": [70, 41]}
    )
    roles = {"amount": Pair("amount", "amount"), "date": Pair("date", "date")}
    with paired(table, table, ("ledger", "bank")) as sides:
        connection = sides[0].relation.connection
        lay(connection, sides, roles)
        found = facts_of(connection, sides[0], "l", roles, {0, 1})
    assert found.number == {0: 41, 1: 70} and found.text("date", 1) == "2026-03-05" and found.day.keys() == {1}


def test_residuals_add_up_to_the_difference_of_the_totals() -> None:
    books = [Row(1000 + 37 * place**2, 3 * place, "abcd"[place % 4], f"r{place}") for place in range(60)]
    right = [*books[:20], books[20]._replace(cents=-books[20].cents), *books[22:], books[3], Row(99, 4, "e")]
    connection = duckdb.connect()
    put(connection, "l", books)
    put(connection, "r", right)
    judge = Judge(search(connection, Has(day=True, party=True, reference=True), Window(-5, 30)))
    cases = [case_of(verdict, judge) for verdict in verdicts(connection, judge.result, judge)]
    totals = [sum(row.cents for row in side if row.cents is not None) for side in (books, right)]
    assert sum(case.difference for case in cases) == totals[1] - totals[0]
    assert {case.verdict.kind for case in cases} == {"sign", "missing", "duplicate"}
