"""Master data that contradict each other: contested facts are found again, and those who are wrong are named."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.company import company
from finlab.gaps.planting.claims import FIELDS, SOURCES, claims_of, contradict, mistaken, partners_of
from finlab.gaps.record import Gap
from finlab.gaps.sources.rules import Rules
from finlab.gaps.truth import Truth, truth


@pytest.fixture(scope="module")
def books() -> Mapping[str, pd.DataFrame]:
    return company(seed=1).tables


def judged(claims: pd.DataFrame, method: str = "copying") -> Truth:
    return truth(claims, entity="partner", source="source", rules=Rules(method=method))


def accused(gap: Gap) -> set[str]:
    return {cause.label for cause in gap.causes}


def test_clean_claims_are_the_master_data_and_have_no_gap(books: Mapping[str, pd.DataFrame]) -> None:
    claims = claims_of(books)
    assert len(judged(claims).gaps()) == 0
    for source in SOURCES:
        part = claims[claims["source"] == source].reset_index(drop=True)[["partner", *FIELDS]]
        assert part.equals(partners_of(books))
    again, none = contradict(books, 0, np.random.default_rng(1))
    assert none == [] and again.equals(claims)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_contested_facts_are_found_again(books: Mapping[str, pd.DataFrame], seed: int) -> None:
    claims, gaps = contradict(books, 30, np.random.default_rng(seed))
    found = {gap.id: gap for gap in judged(claims).gaps()}
    assert set(found) == {gap.id for gap in gaps} and len(gaps) == 30
    for gap in gaps:
        assert all(found[gap.id].rows(source) == gap.rows(source) for source in SOURCES)
        values = dict(zip(gap.sources, gap.values, strict=True))
        assert all(str(claims.at[gap.rows(source)[0], gap.field]) == values[source] for source in SOURCES)


@pytest.mark.parametrize("seed", [1, 2])
def test_only_the_claims_of_those_who_are_named_are_wrong(books: Mapping[str, pd.DataFrame], seed: int) -> None:
    claims, gaps = contradict(books, 40, np.random.default_rng(seed))
    clean = claims_of(books)
    differ = {
        (row, field)
        for field in FIELDS
        for row in np.flatnonzero(claims[field].notna() & (claims[field] != clean[field]))
    }
    named = {(gap.rows(cause.label.removesuffix(" is wrong"))[0], gap.field) for gap in gaps for cause in gap.causes}
    assert differ == named and claims[["source", "partner"]].equals(clean[["source", "partner"]])
    assert {len(gap.causes) for gap in gaps} == {1, 2, 3}


def test_sources_err_in_proportion_and_the_judge_is_no_worse_than_a_majority(
    books: Mapping[str, pd.DataFrame],
) -> None:
    errors, right = Counter[str](), Counter[str]()
    for seed in range(4):
        claims, gaps = contradict(books, 30, np.random.default_rng(seed))
        errors.update(label for gap in gaps for label in accused(gap))
        wrong = {gap.id: accused(gap) for gap in gaps}
        for method in ("copying", "vote"):
            right[method] += sum(accused(gap) == wrong[gap.id] for gap in judged(claims, method).gaps())
    counts = [errors[f"{source} is wrong"] for source in SOURCES]
    assert counts == sorted(counts) and counts[-1] > 3 * counts[0]
    assert right["copying"] >= right["vote"] >= 0.9 * 120


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6))
def test_a_wrong_name_has_the_same_letters(seed: int) -> None:
    name = "Amber Works Factory (synthetic)"
    wrong = mistaken(name, [], np.random.default_rng(seed), name=True)
    assert wrong != name and sorted(wrong) == sorted(name) and wrong[0] == name[0]


def test_too_many_are_refused_and_facts_that_cannot_be_wrong_are_passed_over(
    books: Mapping[str, pd.DataFrame],
) -> None:
    with pytest.raises(InputError, match="there are 232 facts on partners; expected 233"):
        contradict(books, 233, np.random.default_rng(1))
    alike = {name: books[name].assign(currency="CNY") for name in ("customers", "suppliers")}
    _, gaps = contradict(alike, 174, np.random.default_rng(1))
    assert not [gap for gap in gaps if gap.field == "currency"]
