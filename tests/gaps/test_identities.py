"""Identities checked: kinds and rows of planted errors, reasons against a slow twin, hostile tables, harmless pages."""

import math
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from finlab.core.errors import InputError
from finlab.data import Store
from finlab.gaps.checking.identity import Facts, Identity
from finlab.gaps.checking.identity_catalogue import running_balance
from finlab.gaps.checking.identity_gaps import CUT, cut_probability
from finlab.gaps.identities import IdentityReport, check
from finlab.gaps.record import Gap, identify

BERKA = "balance[-1]? + amount[type = 'PRIJEM'] - amount[type != 'PRIJEM'] = balance"


def sheet(rows: int = 40, seed: int = 0) -> pd.DataFrame:
    """Balance sheets of many firms that hold, with no two amounts alike."""
    random = np.random.default_rng(seed)
    debts, equity = (random.permutation(90_000)[:rows] + 10_000 for _ in range(2))
    frame = pd.DataFrame({"firm": [f"F{row:03}" for row in range(rows)], "debts": debts, "equity": equity})
    return frame.assign(assets=frame["debts"] + frame["equity"])


def spoiled(row: int, column: str, value: float) -> pd.DataFrame:
    frame = sheet().astype({"debts": object, "equity": object, "assets": object})
    frame.loc[row, column] = value
    return frame.astype({"debts": float, "equity": float, "assets": float})


def only(report: IdentityReport) -> Gap:
    [gap] = report.gaps
    return gap


BOOKS = "assets = debts + equity"


def test_a_sound_table_has_no_gap() -> None:
    report = check(BOOKS, sheet(), key="firm")
    assert len(report.gaps) == 0 and report.lines[0].holds == 40
    assert report.summary().startswith("1 of 1 identities hold")


@pytest.mark.parametrize("column", ["assets", "debts", "equity"])
@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (lambda value: -value, "sign", "wrong sign"),
        (lambda value: value * 1000, "unit", "too large by a power of ten"),
        (lambda value: value / 100, "unit", "too small by a power of ten"),
        (lambda value: value + 1, "rounding", "rounding: one unit"),
        (lambda value: value + 31_337, "identity", "another value"),
        (lambda value: 2 * value, "identity", "doubled"),
        (lambda value: None, "", ""),
    ],
)
def test_a_planted_error_has_its_kind_its_row_and_its_reason(column: str, change: Any, kind: str, words: str) -> None:
    true = float(sheet().loc[7, column])
    table = spoiled(7, column, change(true))
    report = check(Identity("books", BOOKS, rounding_unit=1), {"sheet": table}, key="firm", currency="EUR")
    if not kind:
        assert len(report.gaps) == 0 and "1 instances could not be judged" in report.lines[0].notes[0]
        return
    gap = only(report)
    assert (gap.kind, gap.key, gap.rows("sheet"), gap.currency) == (kind, "F007", (7,), "EUR")
    assert words in " ".join(cause.label for cause in gap.causes[:3])
    assert gap.id == identify(kind, ("sheet",), "F007", "", "books")
    if kind in ("sign", "unit"):
        assert f"{column} is" in gap.causes[0].label and f"instead of {true:.0f}" in gap.causes[0].label
        assert 0.9 < gap.probability < 1


@pytest.mark.parametrize("place", range(3))
def test_two_swapped_digits_are_named(place: int) -> None:
    text = str(sheet().loc[3, "equity"])
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if swapped == text:
        pytest.skip("the same digit twice")
    gap = only(check(BOOKS, spoiled(3, "equity", float(swapped)), key="firm"))
    assert gap.causes[0].label == f"two digits swapped: equity is {int(swapped)} instead of {text}"


def test_values_that_fit_equally_well_are_listed_and_share_the_probability() -> None:
    table = pd.DataFrame({"a": [5.0] * 20 + [0.0], "b": [5.0] * 20 + [5.0], "c": [10.0] * 21})
    table.loc[20, ["a", "b", "c"]] = [-5.0, -5.0, 0.0]
    gap = only(check("a + b = c", table))
    assert gap.kind == "sign" and gap.n_explanations == 2 and gap.probability <= 0.5
    assert len(gap.alternatives) == 1


def test_probabilities_never_exceed_one_over_their_number() -> None:
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.integers(-3, 4, (2000, 4)), columns=list("abcd"))
    report = check("a + b + c = d", table)
    assert len(report.gaps) > 1000
    for gap in report.gaps:
        assert gap.n_explanations * gap.probability <= 1 + 1e-9
        assert sum(cause.probability for cause in gap.causes) <= 1 + 1e-9


def test_a_missing_term_is_said_to_be_missing() -> None:
    table = sheet().assign(minority=10).astype({"minority": float})
    table["assets"] += 10
    table.loc[5, "minority"] = None
    gap = only(check("assets = debts + equity + minority?", table, key="firm"))
    assert gap.kind == "identity" and gap.causes[0].label == "missing: minority would be 10"


def test_a_column_left_out_is_named() -> None:
    table = pd.DataFrame({"total": [Decimal("103.50")] * 2, "net": [Decimal("100.00"), Decimal("103.50")],
                          "freight": [Decimal("3.50"), Decimal("0.00")]})  # fmt: skip
    gap = only(check("total = net", table))
    assert "left out: freight is 3.50" in [cause.label for cause in gap.causes]


LEDGER = pd.DataFrame({"account": ["A", "B", "C"], "balance": [30.0, 5.0, 7.0]})
ITEMS = pd.DataFrame({"account": ["A", "A", "B", "D"], "amount": [10.0, 20.0, 5.0, 9.0]})
CONTROL = Identity("control", "ledger.balance = sum(items.amount)", key="account")


def test_two_tables_records_missing_on_either_side() -> None:
    report = check(CONTROL, {"ledger": LEDGER, "items": ITEMS})
    found = {gap.key: (gap.kind, gap.values, gap.rows("ledger"), gap.rows("items")) for gap in report.gaps}
    assert found == {
        "C": ("missing", ("7", None), (2,), ()),
        "D": ("missing", (None, "9"), (), (3,)),
    }


def test_two_tables_the_item_with_the_wrong_sign() -> None:
    items = pd.concat([ITEMS.head(3), pd.DataFrame({"account": "C", "amount": np.linspace(1, 40, 60).round(2)})])
    balance = float(items.loc[items["account"].eq("C"), "amount"].sum())
    items = items.reset_index(drop=True)
    items.loc[20, "amount"] *= -1
    gap = only(check(CONTROL, {"ledger": LEDGER.assign(balance=[30, 5, round(balance, 2)]), "items": items}))
    assert gap.kind == "sign" and gap.rows("items") == (20,) and gap.key == "C"


def test_a_key_that_is_there_twice_is_a_duplicate_and_not_judged() -> None:
    ledger = pd.concat([LEDGER, LEDGER.head(1)], ignore_index=True)
    gap = check(CONTROL, {"ledger": ledger, "items": ITEMS}).gaps.where(kind="duplicate")[0]
    assert gap.key == "A" and gap.rows("ledger") == (0, 3) and gap.residual is None
    assert gap.causes[0].label == "the key is there more than once: 2 rows of ledger"


def test_a_journal_entry_that_does_not_balance_names_its_lines() -> None:
    lines = pd.DataFrame({"entry": [1, 1, 2, 2, 2], "debit": [5, 0, 9, 0, 0], "credit": [0, 5, 0, 4, 4]})
    gap = only(check("sum(debit) = sum(credit)", {"lines": lines}, key="entry"))
    assert gap.key == "2" and gap.rows("lines") == (2, 3, 4) and gap.kind == "rounding"


def test_two_identities_accuse_the_value_that_both_use() -> None:
    frame = sheet().assign(cash=lambda t: t["assets"] - 5000, other=5000)
    frame.loc[4, "assets"] += 31_337
    report = check([BOOKS, "cash + other = assets"], frame, key="firm")
    assert len(report.gaps) == 2
    for gap in report.gaps:
        assert gap.causes[0].label.startswith("another value: assets is")
        assert gap.causes[0].label.endswith("(another identity says so)") and gap.causes[0].probability > 0.9


def test_an_identity_that_holds_clears_a_value() -> None:
    frame = sheet().assign(cash=lambda t: t["debts"] - 5000, other=5000)
    frame.loc[4, "equity"] += 31_337
    gap = only(check([BOOKS, "cash + other = debts"], frame, key="firm"))
    chances = {label.split(": ")[1].split(" ")[0]: chance for label, chance in
               ((cause.label, cause.probability) for cause in gap.causes)}  # fmt: skip
    assert chances["debts"] < 0.1 * chances["equity"]


def test_berka_28_account_days_of_the_cut_day_and_2273_by_a_tenth(testdata: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "bank.duckdb")
    done = store.load(testdata / "berka" / "trans.asc", "trans", date_format="%y%m%d")
    assert done.rows == 49_102 and len(store.rejects("trans")) == 1
    identity = running_balance(direction="type", incoming=["PRIJEM"], opened=True)
    report = check(
        identity, {"trans": store.table("trans", to="arrow")}, key="account_id", period="date", currency="CZK"
    )
    assert Counter(gap.kind for gap in report.gaps) == {"rounding": 2273, "identity": 28}
    assert report.lines[0].counts.judged == 39_960 and report.lines[0].unit == Decimal("0.1")
    flagged = report.gaps.where(kind="identity")
    assert {gap.period for gap in flagged} == {"1994-03-31"}
    assert all(abs(gap.residual or 0) > 0.1 for gap in flagged)
    for gap in flagged:
        assert gap.causes[0].label.startswith("cut: the source ends in 1994-03-31")
        assert gap.causes[0].probability > 0.99
    assert all(gap.amount_at_stake == Decimal("0.1") for gap in report.gaps.where(kind="rounding"))


def test_berka_in_decimals_texts_and_floats_is_the_same(testdata: Path) -> None:
    table = pd.read_csv(testdata / "berka" / "trans.asc", sep=";", dtype=str, nrows=8000)
    found = []
    for kind in (pa.string(), pa.decimal128(18, 2), pa.float64()):
        arrow = pa.Table.from_pandas(table[["account_id", "date", "type", "amount", "balance"]])
        for name in ("amount", "balance"):
            column = arrow[name].cast(pa.string()).cast(kind)
            arrow = arrow.set_column(arrow.column_names.index(name), name, column)
        report = check(BERKA, {"t": arrow}, key="account_id", period="date")
        found.append([(gap.id, gap.residual) for gap in report.gaps])
    assert found[0] == found[1] == found[2] and len(found[0]) > 100


def test_rows_in_another_order_have_the_same_gaps(testdata: Path) -> None:
    table = pd.read_csv(testdata / "berka" / "trans.asc", sep=";", nrows=8000)
    shuffled = table.sample(frac=1, random_state=1)
    first, second = (
        {gap.id for gap in check(BERKA, {"t": frame.reset_index(drop=True)}, key="account_id", period="date").gaps}
        for frame in (table, shuffled)
    )
    assert first == second


@pytest.mark.parametrize(("late", "failing", "early", "wrong"), [(130, 28, 39_000, 2), (10, 0, 100, 5), (9, 9, 0, 0)])
def test_the_probability_of_a_cut_is_bayes_rule(late: int, failing: int, early: int, wrong: int) -> None:
    rate = (wrong + 0.5) / (early + 1)
    whole = (1 - CUT) * math.comb(late, failing) * rate**failing * (1 - rate) ** (late - failing)
    by_hand = CUT / (late + 1) / (CUT / (late + 1) + whole) if failing and early else 0
    assert cut_probability(late, failing, early, wrong) == pytest.approx(by_hand)


def test_facts_in_another_unit_are_found(testdata: Path) -> None:
    from finlab.data import read_source

    frame = read_source(testdata / "sec" / "snow_facts.json").frame
    row = int(np.flatnonzero(frame["concept"].eq("LiabilitiesAndStockholdersEquity"))[3])
    values = frame["value"].tolist()
    values[row] = values[row] / 1000
    facts = Facts(frame.assign(value=pd.Series(values, dtype=frame["value"].dtype)), key=["accession"])
    report = check("Assets = LiabilitiesAndStockholdersEquity", {"snow": facts})
    wrong = [gap for gap in report.gaps if row in gap.rows("snow")]
    assert [gap.kind for gap in wrong] == ["unit"] and wrong[0].currency == "USD"


HOSTILE = '<script>alert(1)</script>"; DROP TABLE x; --=1+1'


def test_text_with_sql_and_html_in_it_is_harmless() -> None:
    coins = [HOSTILE] * 2
    table = pd.DataFrame({HOSTILE: ["1", "2"], "b": ["1", "5"], "k": [HOSTILE, HOSTILE + "'"], "c" + HOSTILE: coins})
    hostile = Identity(HOSTILE, f"`{HOSTILE}` = b", says=HOSTILE)
    report = check(hostile, {HOSTILE: table}, key="k", currency="c" + HOSTILE)
    assert only(report).key == HOSTILE + "'" and only(report).currency == HOSTILE
    for page in (report._repr_html_(), report.gaps._repr_html_()):
        assert "<script>" not in page


@pytest.mark.parametrize("formula", [BOOKS, "sum(debts) = sum(equity)", "debts[-1] + equity = assets"])
def test_an_empty_table_is_judged_nowhere(formula: str) -> None:
    report = check(formula, sheet().iloc[:0], key="firm", period="assets")
    assert len(report.gaps) == 0 and report.lines[0].counts.judged == 0
    assert "not judged" in str(report)


@pytest.mark.parametrize(
    ("a", "b", "failing", "judged"),
    [
        ([float("nan"), 1.0], [1.0, 1.0], 0, 1),
        ([float("inf"), -float("inf")], [1.0, 1.0], 0, 0),
        ([1e300, 2.0], [1.0, 1.0], 1, 1),
        ([2**63 - 1, 0], [-(2**63), 0], 1, 2),
        (["9" * 37, "1"], ["-" + "9" * 37, "1"], 1, 2),
        (["n/a", "1"], ["1", "1"], 0, 1),
        ([None, None], [1.0, 1.0], 0, 0),
    ],
)
def test_numbers_at_the_edge(a: list[Any], b: list[Any], failing: int, judged: int) -> None:
    line = check("a = b", pd.DataFrame({"a": a, "b": b})).lines[0]
    assert (line.counts.failing + line.counts.rounding, line.counts.judged) == (failing, judged)


def test_a_division_by_zero_is_not_judged_and_said() -> None:
    report = check("a / b = 2", pd.DataFrame({"a": [4, 1, 5], "b": [2, 0, 2]}))
    assert (report.lines[0].holds, report.lines[0].counts.judged) == (1, 2)
    assert "a division by zero" in report.lines[0].notes[0]


def test_a_product_that_overflows_is_not_judged_and_the_others_are() -> None:
    table = pd.DataFrame({"a": [10**15, 2], "b": [10**15, 3], "c": [10**15, 4], "d": [1, 24]})
    report = check("a * b * c = d", table)
    assert (report.lines[0].holds, report.lines[0].counts.judged) == (1, 1)


def test_a_sum_that_overflows_is_an_input_error() -> None:
    table = pd.DataFrame({"k": [1, 1], "a": ["9" * 38, "9" * 38], "b": ["1", "1"]})
    with pytest.raises(InputError, match="cannot be computed"):
        check("sum(a) = sum(b)", table, key="k")


@pytest.mark.parametrize(
    ("identities", "more", "expected"),
    [
        ([], {}, "at least one"),
        (3, {}, "an Identity, a formula"),
        ([None], {}, "an Identity, or a formula"),
        (["a = b", "a = b"], {}, "names of their own"),
        ("a = b", {"key": 3}, "a name, or a list of names"),
        ("a = b", {"period": None}, "the name of a column"),
        ("a = b", {"currency": 3}, "three capitals"),
        ("a = b", {"currency": None}, "three capitals"),
        ("a = b", {"currency": "eur"}, "three capitals"),
        ("a = b", {"currency": "coim"}, "did you mean 'coin'"),
        ("a = c", {}, "no column 'c'"),
        ("a = b", {"key": "kk"}, "did you mean 'k'"),
        ("a = k", {}, "expected numbers"),
        ("a ** 2 = b", {}, "cannot be read"),
    ],
)
def test_bad_input_is_refused_in_words(identities: Any, more: dict[str, Any], expected: str) -> None:
    table = pd.DataFrame({"a": [1], "b": [1], "k": [True], "coin": ["EUR"]})
    with pytest.raises(InputError) as error:
        check(identities, table, **more)
    assert expected in str(error.value)


def test_a_table_of_a_database_is_checked_where_it_is() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT i AS _row, i AS a, i + (i = 700)::INT * 50 AS b FROM range(1000) r(i)")
    gap = only(check("a = b", {"t": (connection, "t")}))
    assert gap.rows("t") == (700,) and gap.key == "row 700"
    assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall() == [(0,)]


def test_the_same_key_twice_in_a_wide_table_is_two_gaps() -> None:
    table = pd.DataFrame({"k": ["x", "x", "y"], "a": [1, 2, 3], "b": [10, 20, 3]})
    gaps = check("a = b", table, key="k").gaps
    assert [gap.key for gap in gaps] == ["x row 0", "x row 1"] and len({gap.id for gap in gaps}) == 2


def test_the_currency_may_be_a_column() -> None:
    table = pd.DataFrame({"a": [1, 2], "b": [10, 20], "coin": ["EUR", None]})
    assert [gap.currency for gap in check("a = b", table, currency="coin").gaps] == ["EUR", ""]
    both = {"t": table, "u": table.drop(columns="coin")}
    found = check(["t.a = t.b", "u.a = u.b"], both, currency="coin").gaps
    assert [(gap.sources, gap.currency) for gap in found] == [(("t",), "EUR"), (("t",), ""), (("u",), ""), (("u",), "")]


@pytest.mark.parametrize("formula", ["a = b", "a <= b", "a - b = 0", "sum(a) = sum(b)"])
def test_the_residual_is_right_minus_left(formula: str) -> None:
    gap = only(check(formula, pd.DataFrame({"k": ["x", "y"], "a": ["5.00", "9.25"], "b": ["5.00", "2.00"]}), key="k"))
    assert gap.residual == -7.25 and gap.amount_at_stake == Decimal("7.25")


def test_a_table_of_a_store_is_checked_with_one_line(tmp_path: Path) -> None:
    frame = pd.DataFrame({"opening": ["1.00", "2.00"], "movement": ["1.00", "1.50"], "closing": ["2.00", "4.00"]})
    frame.to_csv(tmp_path / "account.csv", index=False)
    store = Store(tmp_path / "books.duckdb")
    store.load(tmp_path / "account.csv", "account")
    for to in ("pandas", "arrow"):
        gap = only(check("opening + movement = closing", store.table("account", to=to)))
        assert gap.rows("table") == (1,) and gap.residual == 0.5
    with pytest.raises(InputError, match="did you mean 'movement'"):
        check("opening + movment = closing", store.table("account"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("formula", "more"),
    [
        ("a + b = c", {}),
        ("c[-1] + b <= c + 1000", {"key": "k", "period": "p"}),
        ("sum(a) + sum(b) = sum(c)", {"key": "k"}),
    ],
)
def test_a_row_of_a_million_costs_no_more_than_one_of_a_hundred_thousand(formula: str, more: dict[str, str]) -> None:
    def cost(rows: int) -> float:
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            connection.execute(
                "CREATE TABLE t AS SELECT i AS _row, i // 12 AS k, i % 12 AS p, CAST(i AS DECIMAL(18, 2)) AS a, "
                "CAST(i % 977 AS DECIMAL(18, 2)) + 0.25 AS b, a + b + CAST((i % 50000 = 7) AS INT) * 1.5 AS c "
                f"FROM range({rows}) r(i)"
            )
            spent = []
            for _ in range(3):
                start = time.process_time()
                assert check(formula, (connection, "t"), **more).lines[0].counts.judged > rows / 13
                spent.append(time.process_time() - start)
        return min(spent) / rows

    assert cost(1_000_000) <= 1.2 * cost(100_000)


def test_the_report_has_a_table_a_line_a_picture_and_notes() -> None:
    report = check([BOOKS, "assets >= cash?"], sheet().assign(cash=[None] * 39 + [1e6]), key="firm")
    assert report.table["fails"].tolist() == [0, 1] and report.line(BOOKS).holds == 40
    assert report.plot().axes[0].get_xlabel() == "instances"
    assert "39 instances and counts as zero" in str(report) and "39 instances" in report._repr_html_()
    with pytest.raises(InputError, match="one of"):
        report.line("other")


@pytest.mark.slow
def test_a_million_failures_are_a_table() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE t AS SELECT i AS _row, i AS a, 3 * i + 7 AS b FROM range(1200000) r(i)")
    report = check("a = b", {"t": (connection, "t")})
    assert len(report.gaps) == 1_000_000 and report.lines[0].counts.failing == 1_200_000
    assert [note.split(";")[0] for note in report.lines[0].notes] == [
        "1,200,000 instances fail", "Reasons were sought for the largest 100,000 of them.",
    ]  # fmt: skip
