"""The whole matching, as a user calls it: planted truth, totals exact to the cent, and input that means harm."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.describe import alt_text
from finlab.core.errors import InputError
from finlab.data.company import company
from finlab.gaps.comparing.readings import Reading
from finlab.gaps.match import CONVERTED, Matching, match
from finlab.gaps.matching.books import Rates
from finlab.gaps.matching.records import TOLERATED
from finlab.gaps.matching.roles import Roles
from finlab.gaps.plant import plant

FIRST = date(2026, 1, 1)
ROLES = Roles(amount="amount", date="date", party="party", reference="invoice", text="", currency="")
COLUMNS = ["amount", "date", "party", "invoice"]
Change = Callable[[pd.DataFrame], pd.DataFrame]


def day(number: int) -> str:
    return (FIRST + timedelta(number)).isoformat()


def books(rows: int = 60) -> pd.DataFrame:
    lines = [(f"{100 + 37 * at}.{at % 100:02d}", day(at), "abcd"[at % 4], f"r{at}") for at in range(rows)]
    return pd.DataFrame(lines, columns=COLUMNS)


def with_row(table: pd.DataFrame, at: int, **values: Any) -> pd.DataFrame:
    """A copy in which one row says something else."""
    found = table.astype(object).copy()
    for name, value in values.items():
        found.loc[at, name] = value
    return found


def and_rows(table: pd.DataFrame, *rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.concat([table.astype(object), pd.DataFrame(rows, columns=COLUMNS, dtype=object)], ignore_index=True)


def matched(left: pd.DataFrame, right: pd.DataFrame, roles: Any = ROLES, **more: Any) -> Matching:
    """A matching whose way from one total to the other has been walked."""
    found = match(left, right, roles, names=("ledger", "bank"), **more)
    steps = found.waterfall()
    assert sum(steps["amount"].iloc[:-1], Decimal(0)) == steps["amount"].iloc[-1] == found.totals[1]
    assert steps["amount"].iloc[0] == found.totals[0] and steps["step"].iloc[[0, -1]].tolist() == ["ledger", "bank"]
    assert steps["gaps"].fillna(0).sum() == len(found.gaps)
    assert len(set(found.gaps.arrow["id"].to_pylist())) == len(found.gaps) and found._repr_html_()
    return found


def kinds(found: Matching) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return sorted((gap.kind, gap.rows("ledger"), gap.rows("bank")) for gap in found.gaps)


def test_planted_gaps_are_found_with_their_rows_and_the_names_of_the_sources() -> None:
    planted = plant(company(seed=2), seed=2, share=0.01)
    roles = Roles(amount="gross", party="supplier", reference="invoice", date="date", currency="currency")
    found = matched(planted.left, planted.right, roles)
    truth = {(gap.kind, gap.rows("left"), gap.rows("right")) for gap in planted.truth}
    told = set(kinds(found))
    assert len(truth & told) >= 0.985 * len(truth) and len(truth & told) >= 0.97 * len(told)
    assert {gap.sources for gap in found.gaps} == {("ledger", "bank")} == {found.sources}
    assert found.gaps.records == {"ledger": len(planted.left), "bank": len(planted.right)}
    assert any("several" in note or "add them up as they stand" in note for note in found.notes) == (found.unit == "")


def test_a_copy_with_its_rows_mixed_and_written_otherwise_has_no_gap() -> None:
    left = books()
    right = left.assign(
        amount=[amount.replace(".", ",") for amount in left["amount"]],
        date=pd.to_datetime(left["date"]), party=[f" {party.upper()} " for party in left["party"]],
        invoice=[f"{one[0].upper()}-{one[1:]}" for one in left["invoice"]],
    ).sample(frac=1, random_state=3)  # fmt: skip
    found = matched(left, right.reset_index(drop=True))
    assert len(found.gaps) == 0 and found.agreeing == len(left) and len(found.pairs) == len(left)
    assert (left["invoice"].to_numpy()[found.pairs["left"]] == [f"r{at}" for at in found.pairs["left"]]).all()


def spoiled() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A ledger, and a bank with one gap of each kind."""
    left = books()
    right = with_row(left, 5, amount="-" + left["amount"][5])
    right = with_row(right, 17, amount="729.71")  # 792.17... a wrong amount
    right = with_row(right, 23, date=day(43))
    right = and_rows(right, tuple(left.loc[50]), ("5000.01", day(70), "e", "new"))
    return left, right.drop(index=[47]).reset_index(drop=True)


def test_each_kind_is_named_with_its_money() -> None:
    left, right = spoiled()
    found = matched(left, right)
    assert kinds(found) == [
        ("duplicate", (), (49, 59)), ("missing", (), (60,)), ("missing", (47,), ()), ("sign", (5,), (5,)),
        ("timing", (23,), (23,)), ("value", (17,), (17,)),
    ]  # fmt: skip
    stakes = {gap.kind: gap.amount_at_stake for gap in found.gaps if gap.kind != "missing"}
    assert stakes["sign"] == 2 * Decimal(left["amount"][5]) and stakes["duplicate"] == Decimal(left["amount"][50])
    assert stakes["timing"] == Decimal(left["amount"][23])
    assert sum(gap.residual or 0 for gap in found.gaps) == pytest.approx(float(found.totals[1] - found.totals[0]))


@settings(max_examples=3)
@given(st.integers(0, 10**6))
def test_ids_and_money_stay_whatever_the_order_of_rows(seed: int) -> None:
    left, right = spoiled()
    first = matched(left, right, as_of=day(90))
    mixed = [
        table.sample(frac=1, random_state=seed + place).reset_index(drop=True)
        for place, table in enumerate((left, right))
    ]
    again = matched(mixed[0], mixed[1], as_of=day(90))
    columns = ["id", "kind", "key", "period", "amount_at_stake", "age"]
    one, other = (
        some.gaps.arrow.select(columns).to_pandas().sort_values("id", ignore_index=True) for some in (first, again)
    )
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(first.waterfall(), again.waterfall())


def test_a_second_run_says_the_same() -> None:
    assert matched(*spoiled()).gaps.arrow.equals(matched(*spoiled()).gaps.arrow)


def test_ages_count_from_the_last_day_of_the_tables_or_from_the_day_that_is_said() -> None:
    left, right = spoiled()
    by_default = {gap.key: gap.age for gap in matched(left, right).gaps}
    said = {gap.key: gap.age for gap in matched(left, right, as_of=FIRST + timedelta(100)).gaps}
    assert by_default["d r47 2026-02-17 1839.47"] == 70 - 47 and said["d r47 2026-02-17 1839.47"] == 100 - 47
    assert {gap.first_seen for gap in matched(left, right, as_of=day(100)).gaps} == {FIRST + timedelta(100)}


@pytest.mark.parametrize(
    ("change", "expected", "cause"),
    [
        ({"amount": None}, [("value", (3,), (3,))], "bank has no amount that can be read"),
        ({"amount": "on request"}, [("value", (3,), (3,))], "bank has no amount that can be read"),
        ({"date": None}, [("timing", (3,), (3,))], "bank has no day that can be read"),
        ({"date": None, "invoice": None}, [("timing", (3,), (3,))], "bank has no day that can be read"),
        ({"invoice": None}, [], ""),
        ({"party": None, "invoice": None}, [("missing", (), (3,)), ("missing", (3,), ())], ""),
        ({"party": "'; DROP TABLE l; --", "invoice": "=1+1"}, [("missing", (), (3,)), ("missing", (3,), ())], ""),
    ],
    ids=["no amount", "no number", "no day", "no day, no reference", "no reference", "no party", "commands"],
)
def test_a_row_that_does_not_say_something_is_explained(
    change: dict[str, Any], expected: list[Any], cause: str
) -> None:
    found = matched(books(), with_row(books(), 3, **change))
    assert kinds(found) == expected and found.agreeing == 59 + (not expected)
    assert {one.label for gap in found.gaps for one in gap.causes[:1]} == ({cause} if cause else set())


def test_rows_without_a_day_on_both_sides_agree_and_find_their_partners() -> None:
    left, right = (
        and_rows(books(), ("77.70", None, "e", None), (amount, None, "e", "x")) for amount in ("88.80", "88.90")
    )
    found = matched(left, right)
    assert kinds(found) in ([("value", (61,), (61,))], [("missing", (), (61,)), ("missing", (61,), ())])
    assert all(gap.period == "" and gap.age is None for gap in found.gaps)


def test_tables_without_any_day_are_matched_by_what_they_have() -> None:
    left = books().assign(date=None)
    assert kinds(matched(left, with_row(left, 9, amount="439.99"))) == [("value", (9,), (9,))]
    roles = Roles(amount="amount", date="", party="party", reference="invoice", text="", currency="")
    assert kinds(matched(left, with_row(left, 9, amount="439.99"), roles)) == [("value", (9,), (9,))]


@pytest.mark.parametrize(("left", "right"), [(0, 0), (0, 5), (5, 0), (1, 1), (1, 0), (0, 1), (1, 2), (2, 1)])
def test_tables_of_few_rows_are_explained(left: int, right: int) -> None:
    found = matched(books(left), books(right))
    assert [gap.kind for gap in found.gaps] == ["missing"] * abs(left - right) and found.agreeing == min(left, right)


def test_one_row_against_another_is_two_missing_and_a_question() -> None:
    found = matched(books(1), books(2).tail(1).reset_index(drop=True))
    assert [gap.kind for gap in found.gaps] == ["missing", "missing"] and "may not be of the same thing" in found.notes[
        -1
    ]


def test_a_note_asks_whether_two_tables_are_of_the_same_thing() -> None:
    stranger = books().assign(party=list("wxyz") * 15, amount=[f"{7 * at**2 + 3}.31" for at in range(60)])
    assert "100% of the rows of ledger have no partner in bank" in matched(books(), stranger).notes[-1]
    assert not any("same thing" in note for note in matched(books(), books(20)).notes)  # a month's statement of a year
    assert not any("same thing" in note for note in matched(*spoiled()).notes)


def test_text_with_a_script_in_it_is_harmless_on_the_page() -> None:
    evil = "<script>alert(1)</script>"
    found = match(books(), with_row(books(), 3, party=evil), ROLES, names=("<i>ledger</i>", "<b>bank</b>"))
    page = found._repr_html_()
    assert "<script>" not in page and "<b>bank" not in page and "<i>ledger" not in page and "&lt;script&gt;" in page


NAMES = Roles(amount="amount", date="date", party="party", reference="", text="", currency="")
FEE = Decimal("0.9985")


def fees(share: Decimal = FEE) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A bank that keeps a share of every fifth payment."""
    left = books(100)
    right = left.astype(object).copy()
    for at in range(0, 100, 5):
        right.loc[at, "amount"] = str((Decimal(left["amount"][at]) * share).quantize(Decimal("0.01")))
    return left, right


def test_what_a_bank_takes_is_named_as_a_fee() -> None:
    found = matched(*fees())
    assert {gap.kind for gap in found.gaps} == {"value"} and len(found.gaps) == 20
    assert {gap.causes[0].label for gap in found.gaps} == {"a fee or discount: -0.15%, as in other gaps"}


@pytest.mark.parametrize("share", ["0.9985", "0.99875", "0.98", "1.03"])
def test_a_batch_less_a_fee_that_single_payments_have_too_is_one_payment(share: str) -> None:
    left, right = fees(Decimal(share))
    parts = [("2001.10", day(30), "e", "x1"), ("3112.25", day(30), "e", "x2"), ("870.03", day(31), "e", "x3")]
    whole = sum(Decimal(amount) for amount, *_ in parts) * Decimal(share)
    split = [((Decimal(amount) * Decimal(share)).quantize(Decimal("0.01")), *rest) for amount, *rest in parts[:2]]
    left = and_rows(left, *parts, ("5113.35", day(30), "f", "y"))
    right = and_rows(right, (str(whole.quantize(Decimal("0.01"))), day(31), "e", None))
    right = and_rows(right, *((str(amount), when, "f", None) for amount, when, *_ in split))
    found = matched(left, right)
    sums = {gap.kind: gap for gap in found.gaps if gap.kind in ("merge", "split")}
    assert sums["merge"].rows("ledger") == (100, 101, 102) and sums["merge"].rows("bank") == (100,)
    assert sums["split"].rows("ledger") == (103,) and sums["split"].rows("bank") == (101, 102)
    assert all("as in other gaps" in gap.causes[0].label and gap.n_explanations == 1 for gap in sums.values())
    assert len(found.gaps) == 22


def batch(paid: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three invoices of a supplier, paid in one sum."""
    parts = [("200.10", day(30), "e", "x1"), ("311.25", day(30), "e", "x2"), ("87.03", day(31), "e", "x3")]
    return and_rows(books(), *parts), and_rows(books(), (paid, day(31), "e", None))


@pytest.mark.parametrize(("paid", "tolerance"), [("598.38", 0), ("598.40", 2), ("598.36", 5)])
def test_a_batch_is_found_within_the_tolerance_of_sums(paid: str, tolerance: int) -> None:
    found = matched(*batch(paid), tolerance=tolerance)
    assert kinds(found) == [("merge", (60, 61, 62), (60,))]
    assert [cause.label for cause in found.gaps[0].causes] == ([TOLERATED] if tolerance else [])
    assert found.gaps[0].residual == pytest.approx(float(paid) - 598.38)


def test_a_batch_beyond_the_tolerance_is_no_merge() -> None:
    assert not [gap for gap in matched(*batch("598.42"), tolerance=3).gaps if gap.kind == "merge"]


def test_a_row_of_nothing_does_not_make_a_sum_ambiguous() -> None:
    left, right = batch("598.38")
    left = and_rows(left, ("0.00", day(30), "e", None), (None, day(30), "e", None))
    merge = matched(left, right).gaps.where(kind="merge")[0]
    assert merge.rows("ledger") == (60, 61, 62) and merge.n_explanations == 1 and merge.probability > 0.9


MONEY = Roles(amount="amount", date="date", party="party", reference="invoice", text="", currency="currency")


def test_another_currency_is_a_gap_and_one_that_is_not_said_is_that_of_the_argument() -> None:
    left = books().assign(currency=["EUR", None] * 30)
    right = books().assign(currency=["EUR"] * 59 + ["USD"])
    found = matched(left, right, MONEY, currency="EUR")
    assert kinds(found) == [("currency", (59,), (59,))] and found.gaps[0].amount_at_stake == Decimal("2283.59")
    assert found.unit == "" and any("EUR, USD: the totals add them up as they stand" in note for note in found.notes)
    assert matched(left, left, MONEY, currency="EUR").unit == "EUR"


def test_with_rates_the_same_money_is_no_gap_and_the_way_still_arrives() -> None:
    left = books().assign(currency=["EUR", "USD"] * 30)
    rates = pd.DataFrame({"date": [day(0), day(30)], "currency": "USD", "rate": ["0.92", "0.925"]})
    right = left.astype(object).copy()
    for at in range(1, 60, 2):  # the bank has euros, at a rate of its own
        right.loc[at, "amount"] = str((Decimal(left["amount"][at]) * Decimal("0.9213")).quantize(Decimal("0.01")))
        right.loc[at, "currency"] = "EUR"
    found = matched(left, right, MONEY, rates=Rates(table=rates, base="EUR"))
    assert len(found.gaps) == 0 and found.unit == "EUR" and found.agreeing == 60
    assert found.waterfall()["step"].tolist() == ["ledger", CONVERTED, "bank"]
    assert found.totals[0] != found.totals[1]


def test_a_currency_without_a_rate_is_refused() -> None:
    left = books().assign(currency="CHF")
    rates = pd.DataFrame({"date": [day(0)], "currency": "USD", "rate": [0.92]})
    with pytest.raises(InputError, match=r"rates\.table has no rate for 'CHF', of left, on or before its days"):
        match(left, left, MONEY, rates=Rates(table=rates, base="EUR"))


def test_moments_before_and_after_midnight_are_one_day_in_the_zone_that_is_said() -> None:
    moments = pd.to_datetime(books()["date"]) + pd.Timedelta(hours=23, minutes=30)
    left = books().assign(date=moments.dt.tz_localize("UTC"))
    right = books().assign(date=moments + pd.Timedelta(hours=8))
    found = matched(left, right, readings={"date": Reading(kind="day", timezone="Asia/Shanghai")})
    assert len(found.gaps) == 0


def test_huge_amounts_are_exact() -> None:
    huge = books().assign(amount=[f"{10**13 + 7 * at}.{at:02d}" for at in range(60)])
    found = matched(huge, with_row(huge, 8, amount=f"{10**13 + 56}.07"))
    assert found.totals[0] - found.totals[1] == Decimal("0.01") and [gap.kind for gap in found.gaps] == ["rounding"]


def test_floats_and_decimals_are_the_same_money() -> None:
    left = books().assign(amount=[float(amount) for amount in books()["amount"]])
    right = pa.Table.from_pandas(books().assign(amount=[Decimal(amount) for amount in books()["amount"]]))
    found = match(left, right, ROLES)
    assert len(found.gaps) == 0 and found.totals[0] == sum(map(Decimal, books()["amount"]))


def test_duplicate_keys_on_both_sides_are_told_apart_by_their_amounts() -> None:
    left = books().assign(invoice="same", party="a", date=day(3))
    mixed = left.sample(frac=1, random_state=Random(4).randint(0, 99)).reset_index(drop=True)
    assert len(matched(left, mixed).gaps) == 0
    assert [gap.kind for gap in matched(left, mixed.drop(index=5).reset_index(drop=True)).gaps] == ["missing"]


def crossed(rows: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    for side, code in (("l", "EUR"), ("r", "USD")):
        one = f"SELECT i AS _row, 9.99 AS amount, '{code}' AS code FROM range({rows}) AS t(i)"
        connection.execute(f"CREATE TABLE same_{side} AS {one}")
    return connection


def test_a_cross_join_of_a_billion_rows_is_refused_with_the_reason() -> None:
    connection = crossed(40_000)
    with pytest.raises(
        InputError, match=r"they are 1,600,000,000, and 50,000,000 are the most.*expected rows that say more"
    ):
        match((connection, "same_l"), (connection, "same_r"), Roles(amount="amount", currency="code"))
    assert connection.execute("SELECT count(*) FROM same_l").fetchall() == [(40_000,)]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"roles": {"amuont": "amount"}}, r"did you mean 'amount'\?"),
        ({"roles": Roles(amount="amonut")}, r"has no column 'amonut' \(did you mean 'amount'\?\)"),
        ({"roles": 3}, "roles is 3; expected Roles"),
        ({"readings": {"dat": Reading()}}, r"did you mean 'date'\?"),
        ({"readings": {"date": "dmy"}}, "the reading of 'date' is 'dmy'"),
        ({"window": (30, -3)}, "expected the first day before the last"),
        ({"window": [0, 3]}, "window is .* expected a pair of whole numbers of days"),
        ({"window": (0, 3, 4)}, "expected a pair of whole numbers"),
        ({"window": (0, 3.5)}, "expected a pair of whole numbers"),
        ({"window": "week"}, "expected a pair of whole numbers"),
        ({"tolerance": -1}, "tolerance is -1; expected a whole number of at least 0"),
        ({"tolerance": 0.5}, "tolerance is 0.5; expected a whole number"),
        ({"tolerance": 10**13}, "at most 1,000,000,000,000"),
        ({"as_of": "soon"}, "as_of is 'soon'; expected a day"),
        ({"as_of": 3}, "as_of is 3; expected a day"),
        ({"currency": 3}, "currency is 3; expected a text"),
        ({"names": ("a", "a")}, "expected names that differ"),
        ({"names": ("a",)}, "expected 2 names of sources"),
        ({"rates": books()}, "rates is 'DataFrame'; expected Rates"),
        ({"rates": 0.9}, "rates is 'float'; expected Rates"),
    ],
)
def test_options_that_are_none_are_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        match(books(5), books(5), **{"roles": ROLES, **more})


@pytest.mark.parametrize(
    ("left", "message"),
    [
        (pd.DataFrame(), "the table 'left' has no columns"),
        (pd.DataFrame({"x": ["a", "b"]}), "nothing says which column is the amount"),
        (pd.concat([books(), books()[["amount"]]], axis=1), "more than one column named 'amount'"),
        (books().assign(amount="many"), "no value of 'amount' of left, such as 'many', can be read as a number"),
        (books().assign(amount=str(10**14)), "has 9,007,199,254,740,992 cents or more"),
        (books().assign(amount=2**62), "has 9,007,199,254,740,992 cents or more"),
        (3, "table is 3; expected a pandas frame"),
        (None, "table is None; expected a pandas frame"),
        ((duckdb.connect(), "nowhere"), "nowhere"),
    ],
    ids=["nothing", "no amount", "twice", "words", "huge text", "huge number", "number", "none", "no table"],
)
def test_tables_that_cannot_be_matched_are_refused(left: Any, message: str) -> None:
    roles = Roles() if isinstance(left, pd.DataFrame) and "amount" not in left else ROLES
    with pytest.raises(InputError, match=message):
        match(left, books(), roles)


def test_a_misspelt_option_is_no_option() -> None:
    with pytest.raises(TypeError, match="tolerence"):
        match(books(), books(), tolerence=5)  # type: ignore[call-arg]


def test_the_chart_has_a_title_with_the_unit_and_a_text_for_those_who_cannot_see_it() -> None:
    left, right = spoiled()
    found = match(left, right, ROLES, names=("my $ledger_1$", "bank"), currency="CNY")
    figure = found.plot()
    assert figure.axes[0].get_title(loc="left") == "From my $ledger_1$ to bank, by kind of gap (CNY)"
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == found.waterfall()["step"].tolist() and len(figure.axes[0].patches) == len(labels)
    told = alt_text(figure)
    assert told.startswith("From my ledger_1 to bank, by kind of gap (CNY). Bars: ")


def test_nothing_can_be_drawn() -> None:
    assert len(matched(books(0), books(0)).plot().axes[0].patches) == 2


CENTS = st.one_of(st.none(), st.integers(-400, 400))
DAYS = st.one_of(st.none(), st.integers(0, 20))
LINES = st.lists(
    st.tuples(CENTS, DAYS, st.sampled_from(["a", "b", None]), st.sampled_from(["r1", "r2", None])), max_size=9
)


def table_of(rows: list[Any]) -> pd.DataFrame:
    """Lines as a table whose amounts are decimals, even if there are none."""
    lines = [
        (
            None if cents is None else Decimal(cents).scaleb(-2),
            None if number is None else day(number),
            party,
            reference,
        )
        for cents, number, party, reference in rows
    ]
    types = {"amount": pd.ArrowDtype(pa.decimal128(12, 2))}
    return pd.DataFrame(lines, columns=COLUMNS, dtype=object).astype(types)


@settings(max_examples=8)
@given(LINES, LINES, st.integers(0, 3))
def test_whatever_the_rows_the_totals_meet_and_no_row_is_explained_twice(
    left: list[Any], right: list[Any], tolerance: int
) -> None:
    found = matched(table_of(left), table_of(right), tolerance=tolerance)
    assert all(len(np.unique(rows)) == len(rows) for rows in found.pairs[["left", "right"]].to_numpy().T)
    turned = any("opposite sign" in note for note in found.notes)
    for place, (source, rows) in enumerate(zip(found.sources, (left, right), strict=True)):
        total = Decimal(sum(one[0] or 0 for one in rows)).scaleb(-2)
        assert found.totals[place] == (-total if turned and place else total)
        told = [gap.rows(source) for gap in found.gaps if gap.kind != "duplicate"]
        every = [row for some in told for row in some]
        assert len(set(every)) == len(every) and set(every) <= set(range(len(rows)))
