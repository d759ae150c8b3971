"""A condition on one row: what is allowed comes back as SQL, all else is refused by name."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.conditions import LONGEST_CONDITION, check_condition, literal, quoted
from finlab.data.lease import connect_memory

ODD = 'odd "one"'
COLUMNS = {"amount": "DECIMAL(18,2)", "day": "DATE", "who": "VARCHAR", ODD: "BIGINT"}


def _truth(sql: str, amount: str, who: str) -> object:
    """Run a condition over one row, as a loader does."""
    with connect_memory() as connection:
        columns = "CAST($1 AS DECIMAL(18,2)) AS amount, $2 AS who, DATE '2026-03-31' AS day"
        table = f"SELECT {columns}, 7 AS {quoted(ODD)}"
        found = connection.execute(f"SELECT {sql} FROM ({table})", [amount, who]).fetchone()
    assert found is not None
    return found[0]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("amount > 0", True),
        ("AMOUNT > 0 -- a comment", True),
        ("amount BETWEEN 1 AND 2 OR who LIKE 'M%'", True),
        ("who IN ('a', 'b')", False),
        ("CASE WHEN amount > 5 THEN who = 'Mia' ELSE day IS NULL END", True),
        ("day + 1 = DATE '2026-04-01' AND day - INTERVAL 1 DAY < DATE '2026-03-31'", True),
        ("extract(year FROM day) = 2026", True),
        ("regexp_full_match(who, '[A-Z][a-z]+')", True),
        ('"odd ""one""" = 7', True),
        ("CAST(who AS VARCHAR) <> 'x' AND NOT (amount IS NULL)", True),
        ("amount > NULL", None),
    ],
)
def test_an_allowed_condition_gives_the_same_answer_after_it_is_rewritten(sql, expected):
    assert _truth(check_condition("c", sql, COLUMNS), "10.00", "Mia") is expected


@pytest.mark.parametrize(
    "sql",
    [
        "(SELECT TRUE)",
        "EXISTS (SELECT 1)",
        "amount IN (SELECT 1)",
        "amount > 0) FROM read_csv('x') WHERE (TRUE",
        "TRUE) UNION ALL SELECT (TRUE",
        "TRUE) LIMIT (1",
        "TRUE) ORDER BY (1",
        "TRUE) AS a, (FALSE",
        "TRUE) AS a --",
        "TRUE); DROP TABLE x; SELECT (TRUE",
        "sum(amount) > 0",
        "count(*) > 0",
        "row_number() OVER () > 1",
        "read_text('x') = ''",
        "getenv('HOME') = ''",
        "current_setting('threads') = '1'",
        "repeat('x', 9999999999) = ''",
        "replace(who, 'a', 'aaaaaaaaa') = ''",
        "random() > 0",
        "now() > day",
        "day > current_date",
        "list_filter([1], x -> x > 0) = []",
        "$1 = 1",
        "? = 1",
        "#1 = 1",
        "COLUMNS('a') > 0",
        "*",
        "who.x = 1",
        "main.lower(who) = 'x'",
        "nobody = 1",
        "amount",
        "who > 5",
        "",
        "   ",
        "amount >",
        "\ud800 = 1",
        "who = '\0'",
        "NOT " * 480 + "TRUE",
        "(" * 900 + "TRUE" + ")" * 900,
        "x" * (LONGEST_CONDITION + 1),
        None,
        5,
        b"TRUE",
    ],
)
def test_everything_else_is_an_input_error_that_says_its_name(sql):
    try:
        rewritten = check_condition("check 'c'", sql, COLUMNS)
    except InputError as error:
        assert "check 'c'" in str(error)
    else:  # long chains and odd letters may be fine; then the result must run
        assert sql is not None and (sql.startswith(("NOT", "((", "who = '"))), rewritten


def test_a_clause_without_effect_and_a_comment_do_not_come_back():
    for text in ("TRUE) WINDOW w AS (ORDER BY 1", "TRUE -- WINDOW", "TRUE /* WINDOW */"):
        assert "WINDOW" not in check_condition("c", text, COLUMNS)


def test_an_unknown_column_and_function_get_the_nearest_name():
    with pytest.raises(InputError, match="did you mean 'amount'"):
        check_condition("c", "amont > 0", COLUMNS)
    with pytest.raises(InputError, match="did you mean 'lower'"):
        check_condition("c", "lowr(who) = 'x'", COLUMNS)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="amountwhoday 0123456789()'\";-+*/<>=,.|$?#\n", max_size=40))
def test_any_text_gives_a_condition_or_an_input_error(text):
    try:
        rewritten = check_condition("c", text, COLUMNS)
    except InputError:
        return
    assert check_condition("c", rewritten, COLUMNS)


@settings(max_examples=60, deadline=None)
@given(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12)
    | st.dates()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC), min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1))
    | st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)
def test_a_literal_is_the_value_it_was_written_from(value):
    with connect_memory() as connection:
        found = connection.execute(f"SELECT {literal(value)}").fetchone()
    assert found is not None and found[0] == value


def test_names_and_texts_with_quotes_stay_inside_their_quotes():
    assert quoted('a" b') == '"a"" b"' and literal("it's") == "'it''s'"
    assert literal(Decimal("1E+3")) == "1000" and literal(date(2026, 1, 2)) == "DATE '2026-01-02'"
    with pytest.raises(InputError, match="the value"):
        literal([1])
