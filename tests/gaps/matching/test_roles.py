"""Roles: what is said is checked, what is found is told, what is open is asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.gaps.comparing.sides import Side, paired
from finlab.gaps.matching.roles import ROLES, Pair, Roles, find_roles

LEDGER = pd.DataFrame({
    "gross": ["12.50", "8.00"], "supplier": ["Muller", "Smith"], "invoice": ["A1", "A2"],
    "posting date": ["2026-03-01", "2026-03-14"],
})  # fmt: skip
BANK = pd.DataFrame({"Betrag": ["12,50", "8,00"], "Buchungstag": ["01.03.2026", "14.03.2026"], "payee": ["x", "y"]})


@contextmanager
def sides(left: pd.DataFrame = LEDGER, right: pd.DataFrame = BANK) -> Iterator[tuple[Side, Side]]:
    with paired(left, right, ("ledger", "bank")) as both:
        yield both


def test_names_in_several_languages_are_found_and_told() -> None:
    with sides() as both:
        found, notes = find_roles(both)
    assert found["amount"] == ("gross", "Betrag") and found["date"] == ("posting date", "Buchungstag")
    assert found["party"] == ("supplier", "payee") and "reference" not in found
    assert len(notes) == len(found) and "ledger's 'gross' and bank's 'Betrag'" in notes[0]


def test_what_is_said_is_not_told_and_its_columns_are_taken() -> None:
    with sides() as both:
        found, notes = find_roles(both, Roles(amount=("gross", "Betrag"), party=("invoice", "payee"), date=""))
    assert found == {"amount": ("gross", "Betrag"), "party": ("invoice", "payee")} and notes == ()


@pytest.mark.parametrize("empty", ["", ("", ""), ("supplier", ""), ("", "payee")])
def test_an_empty_name_says_that_there_is_none(empty: Any) -> None:
    with sides() as both:
        assert "party" not in find_roles(both, Roles(party=empty))[0]


def test_a_mapping_is_as_good_as_roles() -> None:
    with sides() as both:
        named = {"amount": ("gross", "Betrag"), "date": ""}
        assert find_roles(both, named) == find_roles(both, Roles(amount=("gross", "Betrag"), date=""))


def test_roles_come_in_one_order_whatever_is_said_first() -> None:
    with sides() as both:
        found = find_roles(both, {"party": ("supplier", "payee"), "amount": ("gross", "Betrag")})[0]
    assert list(found) == [role for role in ROLES if role in found] and all(type(one) is Pair for one in found.values())


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"amuont": "gross"}, r"a role is 'amuont'.*did you mean 'amount'\?"),
        ({"": "gross"}, "a role is ''; expected one of amount"),
        ("amount", "roles is 'amount'; expected Roles, or a mapping"),
        (7, "roles is 7; expected Roles"),
        (Roles(amount="gros"), r"the table 'ledger' has no column 'gros' \(did you mean 'gross'\?\)"),
        (Roles(amount=("gross", "Betra")), r"the table 'bank' has no column 'Betra' \(did you mean 'Betrag'\?\)"),
        (Roles(amount=("gross", "Betrag", "x")), "amount is .* expected the name of a column, or a pair"),  # type: ignore[arg-type]
        (Roles(amount=("gross", 3)), "amount is .* expected the name of a column, or a pair"),  # type: ignore[arg-type]
        (Roles(date=4), "date is 4; expected the name of a column"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_a_role_is_refused(roles: Any, message: str) -> None:
    with sides() as both, pytest.raises(InputError, match=message):
        find_roles(both, roles)


def test_a_misspelt_role_of_roles_is_no_argument() -> None:
    with pytest.raises(TypeError, match="amuont"):
        Roles(amuont="gross")  # type: ignore[call-arg]


def test_without_an_amount_the_columns_are_listed_and_the_likely_one_is_named() -> None:
    with sides(right=pd.DataFrame({"a": ["1"], "b": ["x"]})) as both, pytest.raises(InputError) as asked:
        find_roles(both)
    assert "ledger has 'gross'" in str(asked.value) and "(perhaps 'gross')" in str(asked.value)
    assert "bank has 'a', 'b'" in str(asked.value) and "say amount=..." in str(asked.value)


def test_an_amount_that_is_said_to_be_none_is_asked_for() -> None:
    with sides() as both, pytest.raises(InputError, match="nothing says which column is the amount"):
        find_roles(both, Roles(amount=""))


def test_a_column_of_words_named_amount_is_no_amount() -> None:
    words = pd.DataFrame({"amount": ["twelve", "eight", "many"]})
    with sides(words, words) as both, pytest.raises(InputError, match="nothing says which column is the amount"):
        find_roles(both)


@pytest.mark.parametrize("name", ['a"b', "x'; DROP TABLE l; --", "<b>sum</b>", "=1+1", "ä ü", "select"])
def test_a_name_with_quotes_or_commands_in_it_is_a_name(name: str) -> None:
    odd = LEDGER.rename(columns={"gross": name})
    with sides(odd, odd) as both:
        assert find_roles(both, Roles(amount=name))[0]["amount"] == (name, name)
        assert find_roles(both, Roles(amount=name))[0]["party"] == ("supplier", "supplier")


def test_empty_tables_have_the_roles_that_are_said() -> None:
    with sides(LEDGER.head(0), BANK.head(0)) as both:
        assert find_roles(both, Roles(amount=("gross", "Betrag")))[0]["amount"] == ("gross", "Betrag")


def test_a_column_of_days_is_found_by_its_values_if_it_is_the_only_one() -> None:
    left = pd.DataFrame({"amount": [1.0, 2.0], "date": ["2026-01-01", "2026-01-02"]})
    for days in (
        ["2026-01-01", "2026-01-03"],
        pd.to_datetime(["2026-01-01", "2026-01-03"]),
        ["2026-01-01 08:00", None],
    ):
        with sides(
            left, pd.DataFrame({"amount": [1.0, 2.0], "booked": days, "code": ["20260101", "20260102"]})
        ) as both:
            found, notes = find_roles(both)
        assert found["date"] == ("date", "booked") and "date: ledger's 'date' and bank's 'booked', by names" in notes[1]
    two = pd.DataFrame({"amount": [1.0], "xx": ["2026-01-01"], "yy": ["2026-01-02"]})
    with sides(left, two) as both:
        found, notes = find_roles(both)
    assert "date" not in found and notes[-1].startswith("no day is compared: not both tables have a column of days")
    with sides(left, two) as both:
        assert not [note for note in find_roles(both, {"date": ""})[1] if "no day" in note]


def test_what_one_table_has_apart_is_looked_for_in_the_text_of_the_other() -> None:
    left = pd.DataFrame({"amount": [1.0], "date": ["2026-01-01"], "supplier": ["Muller"], "invoice": ["A1"]})
    right = pd.DataFrame({"amount": [1.0], "date": ["2026-01-01"], "description": ["MULLER A1"]})
    with sides(left, right) as both:
        found, notes = find_roles(both)
        assert found["reference"] == ("invoice", "description") and found["text"] == ("supplier", "description")
        assert "party" not in found and notes[-1].endswith("of which one is a text that may have it")
        assert "reference" not in find_roles(both, {"reference": ""})[0]
        assert "text" not in find_roles(both, {"text": ""})[0]
    with sides(right, left) as both:
        assert find_roles(both)[0]["reference"] == ("description", "invoice")
    with sides(left.assign(text=["rent"]), right) as both:  # both have a text: these are compared
        assert find_roles(both)[0]["text"] == ("text", "description")
