"""Contracts from pandera: both reject the same rows, and what SQL cannot say is refused by name."""

import re

import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data.conditions import quoted
from finlab.data.contracts import Contract, check_rules
from finlab.data.lease import connect_memory

pandera = pytest.importorskip("pandera.pandas")
from finlab.data.pandera_schemas import from_pandera  # noqa: E402 (only where pandera is)

Check, Column = pandera.Check, pandera.Column


def _rejected_by_pandera(schema, frame):
    try:
        schema.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        return {int(row) for row in errors.failure_cases["index"].dropna()}
    return set()


def _rejected_by_sql(contract, frame):
    columns = ", ".join(f"{quoted(field.name)} {field.sql_type}" for field in contract.fields)
    rows = [
        [place, *(None if pd.isna(value) else value for value in row)]
        for place, row in enumerate(frame.astype(object).itertuples(index=False))
    ]
    right = " AND ".join(condition for _, _, condition, _ in check_rules(contract)) or "TRUE"
    with connect_memory() as connection:
        connection.execute(f"CREATE TABLE t (_row BIGINT, {columns})")
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * (len(contract.fields) + 1))})", rows)
        return {row for (row,) in connection.execute(f"SELECT _row FROM t WHERE NOT ({right})").fetchall()}


NUMBERS = [
    Check.ge(0),
    Check.gt(0),
    Check.le(3),
    Check.lt(3),
    Check.eq(2),
    Check.ne(2),
    Check.in_range(-1, 3),
    Check.in_range(-1, 3, include_min=False, include_max=False),
    Check.isin([0, 2, 3]),
    Check.notin([0, 2]),
]
TEXTS = [
    Check.str_matches("a.?b"),
    Check.str_matches("a|ab$"),
    Check.str_matches(re.compile("A", re.IGNORECASE)),
    Check.str_contains("b+c"),
    Check.str_startswith("a'"),
    Check.str_endswith("%"),
    Check.str_length(1, 3),
    Check.str_length(min_value=2),
    Check.isin(["ab", "a'b"]),
    Check.notin(["ab", ""]),
    Check.eq("ab"),
]


@pytest.mark.parametrize("check", NUMBERS, ids=lambda check: check.name)
@pytest.mark.parametrize("dtype", ["int64", "float64", "int16"])
def test_a_check_of_numbers_rejects_the_same_rows_as_pandera(check, dtype):
    random = np.random.default_rng(1)
    values = random.integers(-4, 6, 200).astype(dtype)
    frame = pd.DataFrame({"x": values})
    if dtype == "float64":
        frame.loc[::7, "x"] = np.nan
    schema = pandera.DataFrameSchema({"x": Column(dtype, check, nullable=dtype == "float64")})
    expected = _rejected_by_pandera(schema, frame)
    assert _rejected_by_sql(from_pandera(schema), frame) == expected and 0 < len(expected) < 200


@pytest.mark.parametrize("check", TEXTS, ids=lambda check: check.name)
def test_a_check_of_texts_rejects_the_same_rows_as_pandera(check):
    random = np.random.default_rng(2)
    words = ["".join(random.choice(list("abc'%ABü"), size)) for size in random.integers(0, 5, 300)]
    words += ["ab", "a'b", "a'", "abc%", "xbbc", "ab\n", "abbc"]
    frame = pd.DataFrame({"x": pd.array(words, dtype="str")})
    frame.loc[::9, "x"] = None
    schema = pandera.DataFrameSchema({"x": Column(str, check, nullable=True)})
    expected = _rejected_by_pandera(schema, frame)
    assert _rejected_by_sql(from_pandera(schema), frame) == expected and 0 < len(expected) < len(frame)


def test_a_column_that_is_not_nullable_is_required_and_days_have_limits():
    schema = pandera.DataFrameSchema({"d": Column("datetime64[ns]", Check.ge(pd.Timestamp("2026-01-01")))})
    frame = pd.DataFrame({"d": pd.to_datetime(["2025-12-31", "2026-01-01", None])})
    frame["d"] = frame["d"].astype("datetime64[ns]")
    contract = from_pandera(schema)
    assert contract.field("d").required and contract.field("d").type == "timestamp"
    assert _rejected_by_sql(contract, frame) == _rejected_by_pandera(schema, frame) == {0, 2}


def test_a_model_becomes_a_contract_that_can_be_kept_as_toml():
    class Invoices(pandera.DataFrameModel):
        number: str = pandera.Field(unique=True, title="number of the invoice")
        amount: float = pandera.Field(ge=0, nullable=True)
        day: pandera.DateTime

    contract = from_pandera(Invoices)
    assert contract.name == "Invoices" and contract.names == ["number", "amount", "day"]
    assert contract.field("number").unique and contract.field("number").title == "number of the invoice"
    assert contract.field("amount").least == 0 and not contract.field("amount").required
    assert Contract.from_toml(contract.to_toml()) == contract


def test_a_second_limit_of_a_kind_is_kept_as_a_check():
    schema = pandera.DataFrameSchema({"x": Column(int, [Check.ge(0), Check.ge(2)])})
    contract = from_pandera(schema)
    assert contract.field("x").least == 0 and [check.sql for check in contract.checks] == ['"x" >= 2']


@pytest.mark.parametrize(
    ("columns", "more", "said"),
    [
        ({"x": Column(int, Check(lambda x: x > 0, name="mine"))}, {}, "'mine'"),
        ({"x": Column(int, Check.ge(0, raise_warning=True))}, {}, "'greater_than_or_equal_to'"),
        ({"x": Column(int, Check.ge(0, ignore_na=False))}, {}, "'greater_than_or_equal_to'"),
        ({"x": Column(str, Check.unique_values_eq(["a"]))}, {}, "'unique_values_eq'"),
        ({"x": Column(str, Check.str_matches("(?=a)b"))}, {}, "str_matches"),
        ({"x": Column(str, Check.str_matches(re.compile("a b", re.VERBOSE)))}, {}, "VERBOSE"),
        ({"x": Column("timedelta64[ns]")}, {}, "timedelta64"),
        ({"x": Column("uint64")}, {}, "uint64"),
        ({"x": Column(None)}, {}, "None"),
        ({"x.*": Column(int, regex=True)}, {}, "'x.*'"),
        ({5: Column(int)}, {}, "5"),
        ({"x": Column(int, required=False)}, {}, "'x', required"),
        ({"x": Column(int)}, {"checks": Check(lambda frame: frame.x > 0)}, "checks"),
        ({"x": Column(int)}, {"index": pandera.Index(int)}, "index"),
        ({"x": Column(float, nullable=True)}, {"unique": ["x"]}, "not nullable"),
        ({}, {}, "no columns"),
    ],
)
def test_what_has_no_form_in_sql_is_refused_by_name(columns, more, said):
    with pytest.raises(InputError) as caught:
        from_pandera(pandera.DataFrameSchema(columns, **more))
    assert said in str(caught.value)


@pytest.mark.parametrize("schema", [None, "x", int, {"x": int}])
def test_what_is_no_schema_is_refused(schema):
    with pytest.raises(InputError, match="a pandera DataFrameSchema"):
        from_pandera(schema)
