"""Formulas in SQL: exact, as Python's decimals compute them; slopes as finite differences; columns of every type."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.relation import opened
from finlab.gaps.checking.formula_sql import digits_in_use, exact, node_sql, slope_sql, sort_of, term_sql, unreadable
from finlab.gaps.checking.formulas import Call, Leaf, Negative, Node, Number, Operation, Term, parse_formula

CENTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents) / 100)
FORMULAS = [
    "a + b - c",
    "a * b - c / 4",
    "-(a - b) * 3",
    "abs(a) + round(b * 0.13, 2)",
    "first(a, b) - 13% * c",
    "2 * a",
]


def by_hand(node: Node, values: dict[str, Decimal]) -> Decimal:
    match node:
        case Term():
            return values[node.column]
        case Number():
            return node.value
        case Negative():
            return -by_hand(node.node, values)
        case Operation():
            left, right = by_hand(node.left, values), by_hand(node.right, values)
            if node.operator == "/":
                return left / right
            return {"+": left + right, "-": left - right, "*": left * right}[node.operator]
        case Call("abs"):
            return abs(by_hand(node.arguments[0], values))
        case Call("round"):
            return by_hand(node.arguments[0], values).quantize(Decimal("0.01"), "ROUND_HALF_UP")
        case Call():
            return by_hand(node.arguments[0], values)
    raise AssertionError(node)


@settings(max_examples=30)
@given(st.sampled_from(FORMULAS), st.tuples(CENTS, CENTS, CENTS))
def test_sql_computes_what_decimals_do(text: str, numbers: tuple[Decimal, ...]) -> None:
    formula, values = parse_formula(f"{text} = 0"), dict(zip("abc", numbers, strict=True))
    table = pa.table({name: pa.array([value], pa.decimal128(18, 2)) for name, value in values.items()})
    with opened(table) as relation:
        names = {leaf: term_sql(relation, leaf, 2) for leaf in formula.leaves if isinstance(leaf, Term)}
        [(found,)] = relation.ask(f"SELECT {node_sql(formula.left, dict(names))} FROM {relation.name}")
    assert abs(found - by_hand(formula.left, values)) <= Decimal("1e-9")


@settings(max_examples=30)
@given(st.sampled_from(["a + b - c", "a * b - c / 4", "a - (b - a)", "-(a * c)", "first(a, b) + c"]),
       st.tuples(CENTS, CENTS, CENTS), st.sampled_from("abc"))  # fmt: skip
def test_a_slope_is_how_much_the_difference_grows(text: str, numbers: tuple[Decimal, ...], name: str) -> None:
    formula, values = parse_formula(f"{text} = 0"), dict(zip("abc", numbers, strict=True))
    names: dict[Leaf, str] = {leaf: str(leaf.column) for leaf in formula.leaves if isinstance(leaf, Term)}
    slope = slope_sql(formula.left, Term(name), names)
    step = by_hand(formula.left, {**values, name: values[name] + 1}) - by_hand(formula.left, values)
    table = pa.table({key: pa.array([value], pa.decimal128(38, 2)) for key, value in values.items()})
    with opened(table) as relation:
        [(found,)] = relation.ask(f"SELECT {slope or 0} FROM {relation.name}")
    if found is not None:  # a factor of zero has no slope to divide by
        assert abs(Decimal(str(found)) - step) < Decimal("1e-4")


@pytest.mark.parametrize("text", ["a / b", "abs(b)", "a * b * b", "first(a, abs(b))"])
def test_what_is_not_linear_has_no_slope(text: str) -> None:
    formula = parse_formula(f"{text} = 0")
    assert slope_sql(formula.left, Term("b"), dict.fromkeys(formula.leaves, "1")) is None


@pytest.mark.parametrize(
    ("column", "sort", "digits"),
    [
        (pa.array([1, None, 3], pa.int64()), "whole", 0),
        (pa.array([2**64 - 1], pa.uint64()), "whole", 0),
        (pa.array([Decimal("1.00"), Decimal("2.50")], pa.decimal128(18, 2)), "decimal", 1),
        (pa.array([Decimal("1.00")], pa.decimal128(18, 2)), "decimal", 0),
        (pa.array([Decimal("0.0001")], pa.decimal128(38, 18)), "decimal", 4),
        (pa.array([0.1 + 0.2, 1e9 + 0.5]), "float", 1),
        (pa.array([1 / 3]), "float", 2),
        (pa.array([float("nan"), float("inf"), 1.5]), "float", 1),
        (pa.array([1e300]), "float", 0),
        (pa.array([1.5], pa.float32()), "float", 1),
        (pa.array(["1.50", " -2.125 ", "n/a", ""]), "text", 3),
        (pa.array(["1." + "1" * 30]), "text", 18),
        (pa.array([None], pa.string()), "text", 0),
    ],
)
def test_digits_in_use(column: pa.Array, sort: str, digits: int) -> None:
    with opened(pa.table({"x": column})) as relation:
        assert (sort_of(relation, "x"), digits_in_use(relation, "x")) == (sort, digits)


@pytest.mark.parametrize(
    "column", [pa.array([True]), pa.array([pd.Timestamp("2026-01-01")]), pa.array([[1]]), pa.array([{"a": 1}])]
)
def test_a_column_of_something_else_is_refused(column: pa.Array) -> None:
    with opened(pa.table({"x": column})) as relation, pytest.raises(InputError, match="expected numbers"):
        exact(relation, "x", 2, "table 't'")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("12.5", "12.50"), (" 7 ", "7"), ("1e3", "1000"), ("n/a", None), ("", None), ("1,200", None), ("9" * 60, None)],
)
def test_texts_are_read_exactly_or_not_at_all(value: str, expected: str | None) -> None:
    with opened(pd.DataFrame({"x": [value]})) as relation:
        [(found,)] = relation.ask(f"SELECT {exact(relation, 'x', 2)} FROM {relation.name}")
        lost, _ = unreadable(relation, "x", 2)
    assert found == (None if expected is None else Decimal(expected))
    assert lost == (expected is None and value.strip() != "")


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("k = 'a'", [1, 0, 0, 0, 0]),
        ("k != 'a'", [0, 2, 4, 8, 16]),
        ("k in ('a', '60*')", [1, 0, 4, 8, 0]),
        ("k not in ('a', 'it''s')", [0, 0, 4, 8, 16]),
        ("k = '*'", [1, 2, 4, 8, 0]),
        ("k = '%'", [0, 0, 0, 0, 0]),
    ],
)
def test_conditions_choose_rows(condition: str, kept: list[int]) -> None:
    table = pd.DataFrame({"x": [1, 2, 4, 8, 16], "k": ["a", "it's", "60", "6012", None]})
    [term] = [leaf for leaf in parse_formula(f"x[{condition}] = 0").leaves if isinstance(leaf, Term)]
    with opened(table) as relation:
        found = [row[0] for row in relation.ask(f"SELECT {term_sql(relation, term, 0)} FROM {relation.name}")]
    assert [int(value) for value in found] == kept


@pytest.mark.parametrize("name", ['x"; DROP TABLE t; --', "x'y", "sum(a)", "a.b", " blank "])
def test_names_are_names_whatever_they_hold(name: str) -> None:
    with opened(pd.DataFrame({name: [3]})) as relation:
        answer: Any = relation.ask(f"SELECT {term_sql(relation, Term(name), 0)} FROM {relation.name}")
    assert answer == [(3,)]
