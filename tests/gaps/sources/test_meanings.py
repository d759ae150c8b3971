"""Meanings, rounding and candidates: claims that say the same in other words, against values that do not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.kernels.voting import votes_of
from finlab.gaps.sources.candidates import find_candidates, look_alike, near_numbers, one_voice
from finlab.gaps.sources.claims import read_claims
from finlab.gaps.sources.meanings import Meanings, understand
from finlab.gaps.sources.rounding import find_rounding
from finlab.gaps.sources.rules import Rules


def meant(said: dict[str, list[str | None]], rules: Rules = Rules()) -> Meanings:  # noqa: B008
    """What sources mean that have a column each."""
    table = pd.DataFrame({"e": [f"e{row}" for row in range(len(next(iter(said.values()))))], **said})
    return understand(read_claims(table, entity="e", source=list(said)), rules)


def values_in(said: dict[str, list[str | None]], rules: Rules = Rules()) -> list[int]:  # noqa: B008
    """How many values each fact has."""
    votes = find_candidates(meant(said, rules), rules).votes
    return np.diff(votes.first_value, append=len(votes.fact)).tolist()


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("clock", ["3:45 PM", "15:45", "3:45p", "Dec 1, 3:45p", "12/01/2011 3:45 p.m.", "03:45 pm"]),
        ("number", ["1,234,000", "1234000", "1.234m", "$1,234k", "1 234 000", "1,234,000.00"]),
        ("day", ["2026-03-31", "31 March 2026", "March 31, 2026", "20260331", "2026-03-31 00:00:00", "31.03.2026"]),
        ("moment", ["2026-03-31 15:45", "2026-03-31T15:45:00", "31 March 2026 3:45 PM", "2026-03-31 3:45p"]),
        ("text", ["ACME Ltd", "acme ltd.", " Acme  Ltd ", "Acme Ltd", "ａcme ltd"]),
    ],
)
def test_one_thing_written_in_many_ways_is_one_value(kind: str, texts: list[str]) -> None:
    said = {f"s{place}": [text] * 3 for place, text in enumerate(texts)}
    found = meant(said)
    assert found.kinds == [kind] and values_in(said) == [1, 1, 1]


@pytest.mark.parametrize(
    "texts", [["3:45 PM", "3:45 AM"], ["1,234", "1.234"], ["2026-03-31", "2026-03-30"], ["Acme", "Acne"], ["-5", "5"]]
)
def test_what_differs_stays_apart(texts: list[str]) -> None:
    assert values_in({"a": texts[:1] * 2, "b": texts[1:] * 2}) == [2, 2]


def test_a_source_with_a_decimal_comma_is_read_in_its_own_style() -> None:
    plain = [f"{1000 + row * 7}.{row % 90 + 10}" for row in range(30)]
    comma = [f"{text[0]}.{text[1:].replace('.', ',')}" for text in plain]
    assert values_in({"plain": plain, "comma": comma}) == [1] * 30


def test_a_source_with_the_day_first_is_read_in_its_own_style() -> None:
    days = pd.date_range("2026-01-05", periods=40)
    said = {"us": days.strftime("%m/%d/%Y").tolist(), "uk": days.strftime("%d/%m/%Y").tolist()}
    assert values_in(said) == [1] * 40


def test_words_for_nothing_are_no_claims_and_are_told() -> None:
    found = meant({"a": ["5", "N/A", "-", "7", "x"], "b": ["5", "6", "8", "", "9"]}, Rules(missing=["x"]))
    assert len(found.label) == 6
    assert any("4 values are no claims" in note for note in found.notes)


def test_nothing_but_words_for_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="none of 2 claims says anything"):
        meant({"a": ["N/A"], "b": ["--"]})


def test_a_claim_that_is_not_of_the_kind_is_compared_as_text_and_told() -> None:
    found = meant({"a": [str(row) for row in range(30)], "b": ["about 3", *map(str, range(1, 30))]})
    assert found.kinds == ["number"] and any("no number, such as 'about 3'" in note for note in found.notes)


def test_moments_with_and_without_a_zone_are_refused_until_the_zone_is_named() -> None:
    said: dict[str, list[str | None]] = {"a": ["2026-03-31 15:45+02:00"] * 2, "b": ["2026-03-31 15:45"] * 2}
    with pytest.raises(InputError, match=r"1 of 2 moments"):
        meant(said)
    assert values_in(said, Rules(timezone="Europe/Berlin")) == [1, 1]
    assert values_in(said, Rules(timezone={"b": "UTC"})) == [2, 2]


def test_midnight_lies_beside_midnight() -> None:
    """23:58 and 0:03 are five minutes apart, and belong to one time when ten are tolerated."""
    said: dict[str, list[str | None]] = {"a": ["23:58", "12:00"], "b": ["0:03", "12:20"]}
    found = meant(said)
    votes = find_candidates(found, Rules()).votes
    assert sorted(np.abs(votes.near.offset).tolist()) == [5.0, 5.0, 20.0, 20.0]


@pytest.mark.parametrize("unit", [0.01, 1.0, 5.0, 1000.0])
def test_the_unit_of_numbers_is_found(unit: float) -> None:
    number = np.random.default_rng(1).integers(10_000, 99_999, 2000) * unit
    assert find_rounding(number, np.zeros(2000, np.int64), 1, "number")[0] == pytest.approx(unit)


def test_sources_that_round_are_found_and_others_are_not() -> None:
    draw = np.random.default_rng(2)
    exact = draw.integers(1_000_001, 9_999_999, 300).astype(float)
    number = np.concatenate([exact, exact, np.rint(exact / 1000) * 1000, exact[:5]])
    source = np.repeat([0, 1, 2, 3], [300, 300, 300, 5])
    unit, rounding = find_rounding(number, source, 4, "number")
    assert unit == 1.0 and np.unique(rounding[source == 2]).tolist() == [1000.0]
    assert not rounding[source != 2].any()


def test_a_rounded_claim_supports_the_exact_value_within_reach() -> None:
    draw = np.random.default_rng(3)
    exact = draw.integers(1_000_001, 9_999_999, 60)
    said = {"a": exact.astype(str).tolist(), "b": exact.astype(str).tolist()}
    said["c"] = (np.rint(exact / 1000) * 1000).astype(int).astype(str).tolist()
    assert values_in(said) == [1] * 60
    said["c"] = (np.rint(exact / 1000) * 1000 + 5000).astype(int).astype(str).tolist()
    assert values_in(said) == [2] * 60


@pytest.mark.parametrize(
    ("tolerance", "values"), [(None, 3), (1, 2), (2, 1), ("1%", 1), ("0.01%", 3), ({"value": 1}, 2), (0, 3)]
)
def test_tolerances_put_values_together_around_the_most_claimed_one(tolerance: object, values: int) -> None:
    said: dict[str, list[str | None]] = {
        name: [text] for name, text in zip("abcd", ["998", "1000", "1000", "1001"], strict=True)
    }
    rules = Rules(tolerance=tolerance, kinds={"value": "number"})  # pyright: ignore[reportArgumentType]
    assert values_in(said, rules) == [values]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4), st.integers(0, 60)), min_size=2, max_size=60))
def test_neighbours_are_those_of_all_pairs(rows: list[tuple[int, int, int]]) -> None:
    """At most eight values of a fact: then every pair of it is there, once from each side."""
    fact, source, label = (np.array(column) for column in zip(*rows, strict=True))
    _, fact = np.unique(fact, return_inverse=True)
    label = label % 8
    votes, order = votes_of(fact, label, source, np.zeros(fact.max() + 1, np.int64), 5, 1)
    number = label[order][votes.first_claim].astype(float)
    near = near_numbers(votes, number, np.ones(1), ["number"])
    places = range(len(number))
    slow = {(i, j, number[j] - number[i]) for i in places for j in places if i != j and votes.fact[i] == votes.fact[j]}
    assert set(zip(near.value.tolist(), near.other.tolist(), near.offset.tolist(), strict=True)) == slow


def test_a_source_that_says_two_things_has_one_voice() -> None:
    fact, source, label = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 0]), np.array([0, 1, 1, 0])
    votes, order = votes_of(fact, label, source, np.zeros(2, np.int64), 2, 1)
    weight = np.empty(4)
    weight[order] = one_voice(votes)
    assert weight.tolist() == [0.5, 0.5, 1.0, 1.0]


def test_texts_that_are_a_slip_apart() -> None:
    pairs = [("mueller gmbh", "meuller gmbh"), ("acme", "acne"), ("abc", "abd"), ("berlin", "munich")]
    assert look_alike(*map(list, zip(*pairs, strict=True))).tolist() == [True, True, False, False]
    assert not len(look_alike([], []))
