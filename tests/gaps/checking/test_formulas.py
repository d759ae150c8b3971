"""Formulas: what is written is read back, means what Python means by it, and nothing else is let in."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.checking.formulas import (
    DEEPEST,
    LONGEST_FORMULA,
    MOST_OPERATIONS,
    Call,
    Condition,
    Formula,
    Negative,
    Node,
    Number,
    Operation,
    Term,
    Total,
    parse_formula,
)

NAMES = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True),
    st.text(alphabet="ab `'\".[]?ü€<>;-", min_size=1, max_size=8).filter(lambda name: name.strip() == name),
)
CONDITIONS = st.builds(
    Condition, NAMES, st.sampled_from(["=", "!="]), st.lists(st.text("ab'* ", max_size=4), min_size=1).map(tuple)
)
TERMS = st.builds(Term, NAMES, st.one_of(st.just(""), NAMES), st.integers(0, 99), st.booleans(),
                  st.lists(CONDITIONS, max_size=1).map(tuple))  # fmt: skip
NUMBERS = st.builds(Number, st.decimals(0, 10**9, places=3, allow_nan=False))
TOTALS = st.builds(Total, NAMES.map(Term), st.booleans())
TREES = st.recursive(
    st.one_of(TERMS, NUMBERS, TOTALS),
    lambda inner: st.one_of(
        st.builds(Operation, st.sampled_from("+-*/"), inner, inner),
        inner.filter(lambda node: not isinstance(node, Negative)).map(Negative),
        st.lists(inner, min_size=2, max_size=3).map(lambda nodes: Call("first", tuple(nodes))),
        inner.map(lambda node: Call("abs", (node,))),
    ),
    max_leaves=8,
)


def collapsed(text: str) -> bool:
    return " ".join(text.split()) == text


@given(TREES, st.sampled_from(["=", "<=", ">=", "<", ">"]))
def test_what_is_written_is_read_back(tree: Node, relation: str) -> None:
    formula = Formula(tree, relation, Term("right"))
    text = str(formula)
    if collapsed(text):  # several blanks in a row are one
        assert parse_formula(text) == formula


@given(st.text(alphabet="+-*/() 12.5", max_size=20), st.integers(-5, 5))
def test_arithmetic_means_what_python_means_by_it(text: str, value: int) -> None:
    try:
        formula = parse_formula(f"{text} + a = 0")
    except InputError:
        return
    if "**" in text or "//" in text:
        return

    def result(node: Node) -> Decimal:
        match node:
            case Number():
                return node.value
            case Negative():
                return -result(node.node)
            case Operation():
                left, right = result(node.left), result(node.right)
                if node.operator == "/":
                    return left / right
                return {"+": left + right, "-": left - right, "*": left * right}[node.operator]
        return Decimal(value)

    try:
        found = result(formula.left)
    except ArithmeticError:
        return
    try:
        expected = eval(f"{text} + a", {"__builtins__": {}}, {"a": value})  # of the alphabet above
    except (SyntaxError, ZeroDivisionError):
        return  # leading zeros and the like
    assert abs(found - Decimal(str(expected))) <= Decimal("1e-9") * max(1, abs(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "a formula such as"),
        (None, "a formula such as"),
        (3, "a formula such as"),
        ("a" * (LONGEST_FORMULA + 1), f"at most {LONGEST_FORMULA:,} characters"),
        ("a", "one of = <= >= < >"),
        ("a = b = c", "the end"),
        ("a = ", "at its end"),
        ("a ** 2 = b", "'** 2 = b' (character 3)"),
        ("a // 2 = b", "'// 2 = b'"),
        ("a.b.c = d", "table.column"),
        ("a. = d", "table.column"),
        ("__import__('os') = a", "one of the functions"),
        ("absolute(a) = b", "one of the functions"),
        ("rond(a) = b", "did you mean 'round'?"),
        ("a = b; DROP TABLE c", "'; DROP TABLE c'"),
        ("a = 'text'", "a name, a number or a bracket"),
        ("a = 1e9", "'1e9'"),
        ("a = 0x10", "'0x10'"),
        ("1 = 1", "names no column"),
        ("a = " + "1" * 40, "at most 30 digits"),
        ("a[-0] = b", "a number of periods"),
        ("a[-1][-1] = b", "once"),
        ("a[-400] = b", "a number of periods"),
        ("a[x] = b", "[-1], or a condition"),
        ("a[x = y] = b", "a text in single quotes"),
        ("a[x in ()] = b", "a text in single quotes"),
        ("sum(sum(a)) = b", "without a sum"),
        ("sum(a[-1]) = b", "a period before inside"),
        ("sum(a.x + b.x) = c", "columns of one table"),
        ("sum(3) = c", "columns of one table"),
        ("count(a + b) = c", "the count of one column"),
        ("round(a, b) = c", "a whole number of digits"),
        ("round(a, 1.5) = c", "a whole number of digits"),
        ("first(a) = c", "first with 2 to 9 arguments"),
        ("abs(a, b) = c", "abs with 1 to 1 arguments"),
        ("(a = b", "a closing bracket"),
        ("`a = b", "'`a = b'"),
        ("(" * (DEEPEST + 1) + "a" + ")" * (DEEPEST + 1) + " = b", "brackets inside each other"),
        ("a" + " + a" * (MOST_OPERATIONS + 1) + " = b", "operations"),
        ("a\ud800 = b", "'"),
    ],
)
def test_what_is_no_formula_is_refused_in_words(text: object, expected: str) -> None:
    with pytest.raises(InputError) as error:
        parse_formula(text)
    assert expected in str(error.value)


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_an_input_error(text: str) -> None:
    try:
        parse_formula(text)
    except InputError:
        return


def test_the_longest_sum_can_be_walked_written_and_compared() -> None:
    text = "a" + " + a" * (MOST_OPERATIONS - 1) + " = b"
    formula = parse_formula(text)
    assert str(formula) == text and hash(formula) == hash(parse_formula(text)) and len(formula.leaves) == 2


def test_signs_bind_as_in_arithmetic() -> None:
    assert parse_formula("-a * b + c = --d").left == Operation(
        "+", Operation("*", Negative(Term("a")), Term("b")), Term("c")
    )
    assert parse_formula("a = 13%").right == Number(Decimal("0.13"))


def test_what_is_needed_leaves_out_choices_and_what_may_be_missing() -> None:
    formula = parse_formula("a + b? = first(c, d) + sum(e.x)")
    assert [str(leaf) for leaf in formula.needed] == ["a", "sum(e.x)"]
    assert formula.tables == ("", "e") and [term.column for term in formula.numbers] == ["a", "b", "c", "d", "x"]
