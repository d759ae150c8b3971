"""Identities and their instances: names settled, tables lent together, keys of other types, facts about spans."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from finlab.core.errors import InputError
from finlab.gaps.checking.identity import Facts, Identity, exact_number, lend, names_of, plan_of
from finlab.gaps.checking.instances import instances_of, notes_of
from finlab.gaps.checking.judgement import counts_of, judge, rounding_unit_of


def instances(identity: Identity, tables: Any) -> pd.DataFrame:
    with lend(tables) as lent:
        plan = plan_of(identity, lent)
        return plan.relation().frame(f"SELECT * FROM ({instances_of(plan).windowed(plan.formula.leaves)}) ORDER BY ALL")


def notes(identity: Identity, tables: Any) -> list[str]:
    with lend(tables) as lent:
        return notes_of(plan_of(identity, lent))


LEDGER = pd.DataFrame({"account": [7, 8], "balance": [30, 5]})


@pytest.mark.parametrize(
    ("keys", "matched"),
    [
        (["007", " 7", "8"], [2, 1]),
        ([7, 7, 8], [2, 1]),
        ([7.0, 7.0, 8.0], [2, 1]),
        (["7.0", "7.00", "8"], [2, 1]),
        (["7", "x", "8"], [1, 1, 1]),
        ([None, "7", "8"], [1, 1]),
        ([Decimal("7.00"), Decimal("7.00"), Decimal("8.00")], [2, 1]),
    ],
)
def test_keys_are_equal_if_they_mean_the_same(keys: list[Any], matched: list[int]) -> None:
    items = pd.DataFrame({"account": keys, "amount": [10, 20, 5]})
    found = instances(
        Identity("control", "ledger.balance = sum(items.amount)", key="account"), {"ledger": LEDGER, "items": items}
    )
    assert sorted(found["n1"].tolist(), reverse=True) == sorted(matched, reverse=True)


def test_days_match_texts_of_days() -> None:
    left = pd.DataFrame({"day": ["2026-01-31", "2026-02-28"], "x": [1, 2]})
    right = pd.DataFrame({"day": pd.to_datetime(["2026-01-31", "2026-02-28"]), "y": [1, 2]})
    found = instances(Identity("days", "left.x = right.y", key="day"), {"left": left, "right": right})
    assert len(found) == 2 and (found["c0"] == found["c1"]).all()


def test_rows_without_a_key_are_counted_and_left_out() -> None:
    items = pd.DataFrame({"account": [7, None], "amount": [30, 99]})
    told = notes(
        Identity("control", "ledger.balance = sum(items.amount)", key="account"), {"ledger": LEDGER, "items": items}
    )
    assert told == ["items: 1 rows have no key or period and belong to no instance."]


def test_the_value_before_is_that_of_the_same_key() -> None:
    table = pd.DataFrame({"k": ["b", "a", "a", "b", None], "p": [2, 2, 1, 1, 3], "x": [20, 2, 1, 10, 99]})
    found = instances(Identity("lag", "x[-1] = x", key="k", period="p"), table).sort_values(["k0", "p"])
    assert found[["k0", "p", "c0", "c1"]].values.tolist() == [
        ["a", 1, None, 1], ["a", 2, 1, 2], ["b", 1, None, 10], ["b", 2, 10, 20],
    ]  # fmt: skip


def test_columns_named_like_those_of_the_query_do_not_disturb_it() -> None:
    names = ["c0", "k0", "p", "row", "d", "f", "m", "v", "w", "fails", "twice", "late", "also", "one", "seq"]
    table = pd.DataFrame({name: [place, place + 1] for place, name in enumerate(names)})
    found = instances(Identity("odd", "c0 + d = m", key="k0", period="row"), table)
    assert found["c1"].tolist() == [4, 5]


def test_frames_and_kept_tables_are_asked_together() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE items AS SELECT 0 AS _row, 7 AS account, 30 AS amount")
    identity = Identity("control", "ledger.balance = sum(items.amount)", key="account")
    found = instances(identity, {"ledger": LEDGER, "items": (connection, "items")})
    assert found["n1"].tolist() == [1, 0]
    assert connection.execute("SHOW TABLES").fetchall() == [("items",)]  # nothing is left behind


def test_the_same_arrow_table_may_be_lent_twice() -> None:
    table = pa.table({"k": [1, 2], "x": [3, 4]})
    found = instances(Identity("same", "a.x = b.x", key="k"), {"a": table, "b": table})
    assert found["c0"].tolist() == found["c1"].tolist() == [3, 4]


FACTS = pd.DataFrame(
    [
        ("Cash", None, "2023-12-31", 100),
        ("Cash", None, "2024-12-31", 130),
        ("Cash", "2024-06-30", "2024-06-30", 90),
        ("Change", "2024-01-01", "2024-12-31", 30),
        ("Change", "2024-01-01", "2024-06-30", -10),
        ("Sales", "2023-01-01", "2023-12-31", 500),
        ("Sales", "2024-01-01", "2024-12-31", 600),
        ("Sales", "2024-10-01", "2024-12-31", 150),
    ],
    columns=["concept", "start", "end", "value"],
).assign(unit="USD")


def test_facts_about_spans_meet_facts_about_days() -> None:
    found = instances(Identity("cash", "Cash[-1] + Change = Cash"), Facts(FACTS))
    values = {row.p: (row.c0, row.c1, row.c2) for row in found.itertuples()}
    assert values["2024-01-01/2024-12-31"] == (100, 30, 130)
    assert values["2024-01-01/2024-06-30"] == (100, -10, 90)


def test_a_span_before_has_the_same_length() -> None:
    found = instances(Identity("growth", "Sales >= Sales[-1]"), Facts(FACTS)).set_index("p")
    assert found.loc["2024-01-01/2024-12-31", "c1"] == 500
    assert found.loc["2024-10-01/2024-12-31", "c1"] is None


def test_facts_with_dimensions_are_left_out_and_unknown_items_are_named() -> None:
    facts = Facts(FACTS.assign(dimensions=[None, "part"] * 4), dimensions="dimensions")
    found = instances(Identity("cash", "Cash >= 0"), facts)
    assert len(found) == 2
    assert notes(Identity("cash", "Cahs >= 0"), facts) == ["No number of facts is about 'Cahs'; did you mean 'Cash'?"]


def test_long_facts_without_start() -> None:
    table = pd.DataFrame({"who": "A", "when": [1, 1, 2], "what": ["x", "y", "x"], "much": ["1.5", "1.5", "2"]})
    facts = Facts(table, item="what", value="much", start="", end="when", unit="", key="who")
    found = instances(Identity("same", "x = y?"), facts)
    assert found[["k0", "p", "c1"]].values.tolist() == [["A", 1, Decimal("1.5")], ["A", 2, None]]


@pytest.mark.parametrize(
    ("identity", "tables", "expected"),
    [
        (Identity("i", "a = c"), {"t": {"a": [1], "b": [1]}}, "no column 'c'"),
        (Identity("i", "amuont = b"), {"t": {"amount": [1], "b": [1]}}, "did you mean 'amount'"),
        (Identity("i", "u.a = t.a", key="a"), {"t": {"a": [1]}}, "asks for a table 'u'"),
        (Identity("i", "a = b", table="tt"), {"t": {"a": [1], "b": [1]}}, "did you mean 't'"),
        (Identity("i", "a = t.a"), {"t": {"a": [1]}, "u": {"a": [1]}}, "without their table"),
        (Identity("i", "a = b", key="k"), {"t": {"a": [1], "b": [1]}}, "no column 'k'"),
        (Identity("i", "a = b", period="p"), {"t": {"a": [1], "b": [1]}}, "no column 'p'"),
        (Identity("i", "t.a = u.b"), {"t": {"a": [1]}, "u": {"b": [1]}}, "expected Identity(key=...)"),
        (Identity("i", "a = sum(b)", key="k"), {"t": {"a": [1], "b": [1], "k": [1]}}, "sums of another table"),
        (Identity("i", "a[kk = 'x'] = b"), {"t": {"a": [1], "b": [1], "k": [1]}}, "did you mean 'k'"),
    ],
)
def test_names_that_are_not_there_are_refused(identity: Identity, tables: dict[str, Any], expected: str) -> None:
    frames = {name: pd.DataFrame(columns) for name, columns in tables.items()}
    with lend(frames) as lent, pytest.raises(InputError) as error:
        plan_of(identity, lent)
    assert expected in str(error.value)


@pytest.mark.parametrize("tables", [None, [], {}, {1: LEDGER}, {"a": 3}, "t", {"": LEDGER}])
def test_what_are_no_tables_is_refused(tables: Any) -> None:
    with pytest.raises(InputError), lend(tables):
        pass


def test_tables_of_two_connections_are_refused() -> None:
    first, second = duckdb.connect(), duckdb.connect()
    for connection in (first, second):
        connection.execute("CREATE TABLE t AS SELECT 0 AS _row, 1 AS a")
    with pytest.raises(InputError, match="another connection"), lend({"a": (first, "t"), "b": (second, "t")}):
        pass


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"name": ""}, "name of an identity"),
        ({"name": 3}, "name of an identity"),
        ({"formula": "a = "}, "identity 'i': formula"),
        ({"key": 3}, "identity 'i': key"),
        ({"key": [""]}, "identity 'i': key"),
        ({"tolerance": -1}, "tolerance is -1"),
        ({"tolerance": "x"}, "tolerance is 'x'"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"tolerance": True}, "tolerance is True"),
        ({"tolerance": "1e-30"}, "tolerance is '1e-30'"),
        ({"rounding_unit": -1}, "rounding_unit is -1"),
        ({"period": None}, "period of an identity"),
        ({"table": 3}, "table of an identity"),
    ],
)
def test_what_is_no_identity_is_refused(more: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as error:
        Identity(**{"name": "i", "formula": "a = b", **more})
    assert expected in str(error.value)


def test_facts_are_checked() -> None:
    with pytest.raises(InputError, match="item of facts"):
        Facts(FACTS, item=3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="no column 'what'"), lend(Facts(FACTS, item="what")):
        pass
    with lend(Facts(FACTS)) as lent, pytest.raises(InputError, match="sums, joins or chooses facts"):
        plan_of(Identity("i", "sum(Cash) = Change"), lent)
    with lend(Facts(FACTS)) as lent, pytest.raises(InputError, match="at most one period back"):
        instances_of(plan_of(Identity("i", "Cash[-2] + Change = Cash"), lent))


def test_small_doors() -> None:
    assert exact_number("x", 0.1, zero=True) == Decimal("0.1") and names_of("x", ["a", "b"]) == ("a", "b")
    with pytest.raises(InputError, match="a number above 0"):
        exact_number("x", 0, zero=False)


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (["700.00", "0.10"], "0.1"),
        (["1000", "2000"], "1"),
        ([str(1000 * (place + 1)) for place in range(30)], "1000"),
        ([str(1000 * (place + 1)) for place in range(30)] + ["1"], "1"),
        (["0.125"], "0.001"),
        ([], "1"),
    ],
)
def test_the_rounding_unit_is_the_last_digit_in_use(values: list[str], unit: str) -> None:
    table = pa.table({"a": pa.array(values, pa.string()), "b": pa.array(values, pa.string())})
    with lend(table) as lent:
        assert rounding_unit_of(plan_of(Identity("i", "a = b"), lent)) == Decimal(unit)


def test_what_is_counted_and_what_is_told_to_be_exact_is_never_rounding() -> None:
    table = pd.DataFrame({"k": ["a", "a", "b"], "x": [1, 2, 3], "y": [1, 2, 4]})
    for identity in (Identity("i", "count(x) = 2", key="k"), Identity("i", "x = y", rounding_unit=0)):
        with lend(table) as lent:
            counts, _ = counts_of(judge(plan_of(identity, lent)))
        assert (counts.rounding, counts.failing) == (0, 1)


@pytest.mark.parametrize(
    ("formula", "failing"),
    [("x <= y", 1), ("x < y", 2), ("x >= y", 1), ("x > y", 2), ("x = y", 2), ("x - y <= 3", 0), ("x - y < 3", 1)],
)
def test_bounds(formula: str, failing: int) -> None:
    table = pd.DataFrame({"x": [1, 5, 5], "y": [3, 5, 2]})
    with lend(table) as lent:
        counts, _ = counts_of(judge(plan_of(Identity("i", formula, rounding_unit=0), lent)))
    assert counts.failing == failing


def test_a_day_of_a_running_balance_is_one_instance(testdata: Path) -> None:
    table = pd.read_csv(testdata / "berka" / "trans.asc", sep=";", nrows=5000)
    identity = Identity(
        "b", "balance[-1]? + amount[type = 'PRIJEM'] - amount[type != 'PRIJEM'] = balance",
        key="account_id", period="date",
    )  # fmt: skip
    with lend(table) as lent:
        counts, told = counts_of(judge(plan_of(identity, lent)))
    days = table.groupby(["account_id", "date"]).ngroups
    assert counts.instances == counts.judged == days
    assert f"{table['account_id'].nunique():,} instances and counts as zero" in told[0]
