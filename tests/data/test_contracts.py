"""Contracts: what is right is kept exactly, what is wrong is told by name, and rules reject the rows they should."""

import os
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.conditions import literal, quoted
from finlab.data.contracts import Check, Contract, check_rules, read_contract, write_contract
from finlab.data.fields import TYPES, Field
from finlab.data.lease import connect_memory

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.text(alphabet="abcdefgäöü .'\"\\金额£", min_size=1, max_size=8).filter(lambda name: name == name.strip())
LIMITS = {
    "integer": st.integers(-(10**17), 10**17),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(-(10**12), 10**12, places=2, allow_nan=False, allow_infinity=False),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)),
    "text": TEXTS,
}


@st.composite
def _fields(draw):
    kind = draw(st.sampled_from(sorted(TYPES)))
    parts = {"title": draw(TEXTS), "unit": draw(TEXTS), "required": draw(st.booleans()), "unique": draw(st.booleans())}
    if kind in LIMITS:
        parts["one_of"] = tuple(draw(st.lists(LIMITS[kind], max_size=3)))
        if kind != "text":
            limits = sorted(draw(st.lists(LIMITS[kind], min_size=2, max_size=2)))
            parts["least"], parts["most"] = limits if draw(st.booleans()) else (None, limits[1])
    if kind in ("decimal", "number"):
        parts |= {"currency": draw(st.sampled_from(["", "EUR"])), "signs": draw(st.sampled_from([(), ("£", "US$")]))}
    if kind in ("date", "timestamp"):
        parts["date_order"] = draw(st.sampled_from(["", "dmy", "%d.%m.%Y"]))
    return draw(NAMES), kind, parts


@settings(max_examples=80, deadline=None)
@given(st.lists(_fields(), min_size=1, max_size=5, unique_by=lambda field: field[0].casefold()), TEXTS, st.data())
def test_a_contract_is_read_from_its_toml_as_an_equal_one(columns, title, data):
    fields = [Field(name, kind, **parts) for name, kind, parts in columns]
    key = data.draw(st.lists(st.sampled_from([field.name for field in fields]), max_size=2, unique=True))
    checks = [Check("one", "1 = 1", title)] if data.draw(st.booleans()) else []
    days = data.draw(st.none() | st.integers(0, 10**6))
    contract = Contract("c", fields, title=title, key=key, checks=checks, freshness_days=days)
    assert Contract.from_toml(contract.to_toml()) == contract
    assert contract.summary() and contract._repr_html_()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_contract_or_an_input_error(text):
    with pytest.raises(InputError):
        Contract.from_toml(text)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_a_mutated_contract_is_a_contract_or_an_input_error(tmp_path_factory, place, bytes_in):
    raw = PAYMENTS.to_toml().encode()
    place %= len(raw)
    path = tmp_path_factory.getbasetemp() / "mutated.toml"
    path.write_bytes(raw[:place] + bytes_in + raw[place + 1 :])
    with suppress(InputError):
        assert isinstance(read_contract(path), Contract)


PAYMENTS = Contract(
    "payments",
    [
        Field("paid", "date", date_order="dmy", least=date(2020, 1, 1)),
        Field("Who's paid", required=True, pattern="[A-Z].*", aliases=["Supplier", "Vendor"]),
        Field("net", "decimal", currency="GBP", least=0, most=Decimal("1000.50")),
        Field("rate", "number", least=0.1),
        Field("kind", one_of=["it's", 'a "b"']),
        Field("count", "integer", one_of=[1, 2]),
    ],
    key=["paid", "net"],
    checks=[Check("small", "net * rate < 200", "too much"), Check("cast", "CAST(kind AS VARCHAR) <> 'x'")],
    freshness_days=31,
)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"name": "_row"}, "not beginning with _"),
        ({"name": ""}, "not empty"),
        ({"name": " a"}, "no blanks around"),
        ({"name": "a\nb"}, "one line"),
        ({"name": "a" * 64}, "63"),
        ({"name": "\ud800"}, "whole characters"),
        ({"name": 5}, "a text"),
        ({"type": "decimel"}, "did you mean 'decimal'"),
        ({"type": ["decimal"]}, "a text"),
        ({"digits": 19}, "at most 18"),
        ({"digits": -1}, "at least 0"),
        ({"digits": True}, "whole number"),
        ({"currency": "eur", "type": "decimal"}, "three capital letters"),
        ({"currency": "EUR"}, "the type is text"),
        ({"aliases": "Amount"}, "a list of texts"),
        ({"aliases": [""]}, "not empty"),
        ({"aliases": [1]}, "a text"),
        ({"required": 1}, "true or false"),
        ({"least": 1}, "texts have no order"),
        ({"type": "boolean", "least": True}, "has no limits"),
        ({"type": "integer", "least": 0.5}, "0 after the point"),
        ({"type": "integer", "least": 10**19}, "digits"),
        ({"type": "integer", "least": 10**5000}, "digits"),
        ({"type": "integer", "least": Decimal("1e999999")}, "digits"),
        ({"type": "decimal", "least": Decimal("nan")}, "digits"),
        ({"type": "decimal", "least": float("inf")}, "digits"),
        ({"type": "decimal", "most": Decimal("0.001")}, "2 after the point"),
        ({"type": "decimal", "most": Decimal("1e-999999")}, "2 after the point"),
        ({"type": "number", "most": float("nan")}, "finite"),
        ({"type": "number", "most": "5"}, "finite"),
        ({"type": "date", "least": datetime(2026, 1, 1)}, "a day"),
        ({"type": "date", "least": "2026-01-01"}, "a day"),
        ({"type": "timestamptz", "least": datetime(2026, 1, 1)}, "offset from UTC"),
        ({"type": "timestamp", "least": datetime(2026, 1, 1, tzinfo=UTC)}, "without a time zone"),
        ({"type": "integer", "least": 2, "most": 1}, "at most 1"),
        ({"one_of": "abc"}, "a list of values"),
        ({"one_of": [1]}, "a text"),
        ({"pattern": "("}, "RE2"),
        ({"pattern": "(?=a)"}, "RE2"),
        ({"pattern": "a", "type": "date"}, "the type is date"),
        ({"date_order": "dym", "type": "date"}, "did you mean"),
        ({"date_order": "%d.%m", "type": "date"}, "keep the day"),
        ({"date_order": "%Q", "type": "date"}, "a pattern such as"),
        ({"timezone": "Mars", "type": "timestamptz"}, "a time zone"),
        ({"timezone": "Europe/London"}, "the type is text"),
        ({"signs": "£", "type": "decimal"}, "a list of texts"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_by_name(parts, said):
    with pytest.raises(InputError) as caught:
        Field(**{"name": "x", **parts})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"name": "two words"}, "letters, digits and _"),
        ({"name": "a" * 64}, "63"),
        ({"name": None}, "letters"),
        ({"fields": []}, "no columns"),
        ({"fields": "abc"}, "a list of Field"),
        ({"fields": ["a"]}, "a Field"),
        ({"fields": [Field("a"), Field("A")]}, "upper and lower case"),
        ({"fields": [Field("a", aliases=["X"]), Field("b", aliases=[" x "])]}, "'a' does not have"),
        ({"fields": [Field("a", aliases=["B"]), Field("b")]}, "'b' does not have"),
        ({"key": ["amonut"]}, "did you mean 'amount'"),
        ({"key": ["amount", "amount"]}, "each field once"),
        ({"key": "amount"}, "a list of texts"),
        ({"checks": [Check("c", "amont > 0")]}, "did you mean 'amount'"),
        ({"checks": [Check("c", "amount")]}, "true or false"),
        ({"checks": [Check("c", "(SELECT true FROM read_csv('x'))")]}, "subquery"),
        ({"checks": [Check("c", "TRUE"), Check("C", "TRUE")]}, "upper and lower case"),
        ({"checks": ["amount > 0"]}, "a Check"),
        ({"freshness_days": -1}, "at least 0"),
        ({"freshness_days": 1.5}, "whole number"),
        ({"title": 5}, "a text"),
    ],
)
def test_a_contract_that_makes_no_sense_is_refused_by_name(parts, said):
    with pytest.raises(InputError) as caught:
        Contract(**{"name": "c", "fields": [Field("amount", "decimal")], **parts})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks a name"),
        ("name = 'c'", "lacks a name or fields"),
        ("name = 'c'\nfields = 5", "lacks a name or fields"),
        ("name = 'c'\nfields.a = 5", "a table of TOML"),
        ("name = 'c'\nfields.a.typ = 'text'", "did you mean 'type'"),
        ("name = 'c'\nkeys = ['a']\nfields.a = {}", "did you mean 'key'"),
        ("name = 'c'\nfields.a = {}\nchecks = 5", "tables [[checks]]"),
        ("name = 'c'\nfields.a = {}\nchecks = [{name = 'x'}]", "a name and an sql"),
        ("name = 'c'\nfields.a = {}\nchecks = [{name = 'x', sql = 'TRUE', mesage = ''}]", "did you mean 'message'"),
        ("name = 'c'\nfields.a = {type = 'integer', least = 1e999999999}", "digits"),
        ("name = 'c'\nfields.a = {type = 'number', least = nan}", "finite"),
        ("x = " + "[" * 5000, "no TOML"),
        ("x = " + "1" * 5000, "no TOML"),
    ],
)
def test_a_file_with_an_unknown_or_wrong_part_is_refused(text, said):
    with pytest.raises(InputError) as caught:
        Contract.from_toml(text)
    assert said in str(caught.value)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = write_contract(PAYMENTS, tmp_path / "payments.toml")
    assert read_contract(path) == PAYMENTS and [each.name for each in tmp_path.iterdir()] == ["payments.toml"]
    write_contract(replace(PAYMENTS, title="new"), path)
    assert read_contract(path).title == "new"
    for target in (tmp_path / "no folder" / "c.toml", tmp_path):
        with pytest.raises(InputError):
            write_contract(PAYMENTS, target)
    assert [each.name for each in tmp_path.iterdir()] == ["payments.toml"]
    assert not [each for each in tmp_path.parent.iterdir() if each.name.endswith(".part")]


def test_what_is_no_readable_file_is_an_input_error(tmp_path):
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)
    (tmp_path / "binary.toml").write_bytes(os.urandom(100) + b"\xff")
    (tmp_path / "bom.toml").write_bytes("\ufeff".encode() + PAYMENTS.to_toml().replace("\n", "\r\n").encode())
    for name in ("large.toml", "binary.toml", "none.toml", "."):
        with pytest.raises(InputError):
            read_contract(tmp_path / name)
    assert read_contract(tmp_path / "bom.toml") == PAYMENTS


ROW = ("2026-03-31", "Mia's Tea", "100.00", 0.5, "it's", 1)
WRONG = {
    ("paid", "required"): (None, *ROW[1:]),
    ("paid", "least"): ("2019-12-31", *ROW[1:]),
    ("Who's paid", "required"): (ROW[0], None, *ROW[2:]),
    ("Who's paid", "pattern"): (ROW[0], "mia", *ROW[2:]),
    ("net", "required"): (*ROW[:2], None, *ROW[3:]),
    ("net", "least"): (*ROW[:2], "-0.01", *ROW[3:]),
    ("net", "most"): (*ROW[:2], "1000.51", 0.1, *ROW[4:]),
    ("rate", "least"): (*ROW[:3], 0.09, *ROW[4:]),
    ("kind", "one_of"): (*ROW[:4], "other", 1),
    ("count", "one_of"): (*ROW[:5], 3),
    ("", "small"): (*ROW[:2], "1000.00", 0.5, *ROW[4:]),
    ("", "cast"): (*ROW[:4], "x", 1),
}


def _broken(contract, row):
    """The rules that a row breaks."""
    columns = ", ".join(f"{quoted(field.name)} {field.sql_type}" for field in contract.fields)
    with connect_memory() as connection:
        connection.execute(f"CREATE TABLE rows ({columns})")
        connection.execute(f"INSERT INTO rows VALUES ({', '.join('?' * len(row))})", list(row))
        found = []
        for field, rule, condition, message in check_rules(contract):
            [(right,)] = connection.execute(f"SELECT {condition} FROM rows").fetchall()
            assert right in (True, False) and message
            found += [] if right else [(field, rule)]
    return found


def test_every_rule_rejects_the_row_that_breaks_it_and_no_other():
    rules = [(field, rule) for field, rule, _, _ in check_rules(PAYMENTS)]
    assert rules == list(WRONG)
    assert _broken(PAYMENTS, ROW) == []
    for rule, row in WRONG.items():
        extra = {("", "cast"): {("kind", "one_of")}}.get(rule, set())
        assert set(_broken(PAYMENTS, row)) == {rule} | extra, rule


def test_a_missing_value_breaks_the_rule_required_and_no_other():
    loose = replace(PAYMENTS, key=(), fields=tuple(replace(field, required=False) for field in PAYMENTS.fields))
    assert _broken(loose, [None] * 6) == []


def test_nan_is_within_no_limits():
    contract = Contract("c", [Field("x", "number", least=0), Field("y", "number", most=1)])
    assert _broken(contract, [float("nan"), float("nan")]) == [("x", "least"), ("y", "most")]


def test_a_check_that_cannot_be_computed_rejects_the_row_and_spares_the_query():
    contract = Contract("c", [Field("t")], checks=[Check("number", "CAST(t AS INTEGER) > 0")])
    assert _broken(contract, ["word"]) == [("", "number")] and _broken(contract, ["5"]) == []


@pytest.mark.parametrize(("digits", "expected"), [(0, "DECIMAL(18,0)"), (6, "DECIMAL(18,6)"), (7, "DECIMAL(38,7)")])
def test_a_decimal_keeps_twelve_digits_before_the_point(digits, expected):
    field = Field("x", "decimal", digits=digits, most=Decimal(10**12 - 1))
    assert field.sql_type == expected
    with connect_memory() as connection:
        connection.execute(f"SELECT CAST({literal(field.most)} AS {expected})")


def test_texts_of_a_contract_cannot_become_html_or_sql():
    nasty = '<script>"; DROP TABLE rows; --'
    contract = Contract("c", [Field(nasty, title=nasty, one_of=["'; DROP TABLE rows; --"])], title=nasty)
    assert "<script>" not in contract._repr_html_()
    assert _broken(contract, ["'; DROP TABLE rows; --"]) == []
