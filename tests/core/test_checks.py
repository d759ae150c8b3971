"""The checks at the boundary: what passes, what is refused, and what the refusal says."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.checks import (
    check_array,
    check_choice,
    check_columns,
    check_number,
    check_path,
    check_positive_int,
    closest,
    did_you_mean,
    listed,
)
from finlab.core.errors import SHOWN_CHARACTERS, InputError

words = st.text(st.characters(codec="utf-8"), max_size=12)


@given(words, st.lists(words, max_size=8))
def test_closest_answers_from_the_list_or_not_at_all(word: str, known: list[str]) -> None:
    found = closest(word, known)
    assert found is None or found in known
    if word in known:
        assert found == word
    assert bool(did_you_mean(word, known)) == (found is not None)


@given(st.sampled_from(["horizon", "period", "source", "reports"]), st.integers(0, 5))
def test_one_lost_letter_is_forgiven(word: str, place: int) -> None:
    known = ["horizon", "period", "source", "reports"]
    assert closest(word[:place] + word[place + 1 :], known) == word
    assert closest(word.upper(), known) == word


@pytest.mark.parametrize("value", [1, 7, np.int64(7), np.uint8(3), 10**12])
def test_whole_numbers_pass(value: Any) -> None:
    checked = check_positive_int("horizon", value)
    assert type(checked) is int
    assert checked == value


@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, "3", None, True, np.bool_(True), float("nan"), [1], Decimal(2)])
def test_other_numbers_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"^horizon is .*; expected a whole number of at least 1$"):
        check_positive_int("horizon", value)


def test_least_may_be_zero() -> None:
    assert check_positive_int("lag", 0, least=0) == 0


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.25), Decimal("0.75")])
def test_quantities_within_limits_pass(value: Any) -> None:
    assert check_number("share", value, least=0, most=1) == float(value)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None, True, [0.5], 10**400])
def test_quantities_outside_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"share is .*expected a finite number of at least 0 and at most 1"):
        check_number("share", value, least=0, most=1)


def test_a_choice_is_exact_and_the_error_helps() -> None:
    assert check_choice("method", "drift", ("drift", "ses")) == "drift"
    with pytest.raises(InputError, match=r"method is 'Drift'; expected one of drift, ses; did you mean 'drift'\?"):
        check_choice("method", "Drift", ("drift", "ses"))


def test_messages_stay_short_however_many_names_there_are() -> None:
    assert listed([]) == "" and listed(["a", 1]) == "'a', '1'" and listed(["a"] * 21, str).endswith("a and 1 more")
    names = ["x" * 1_000_000, *map(str, range(100_000))]
    for ask in (lambda: check_choice("n", "y", names), lambda: check_columns(names, ["y"])):
        with pytest.raises(InputError) as caught:
            ask()
        assert "and 99,981 more" in str(caught.value) and len(str(caught.value)) < 22 * SHOWN_CHARACTERS


def test_columns_name_all_that_is_missing() -> None:
    frame = pd.DataFrame({"Date": [1], 2026: [2]})
    assert check_columns(frame.columns, ["2026"]) == ["2026"]
    with pytest.raises(
        InputError, match=r"sales has no column 'date' \(did you mean 'Date'\?\) and no column 'zzz'; it"
    ):
        check_columns(frame.columns, ["date", "zzz"], name="sales")
    with pytest.raises(InputError, match="no columns at all"):
        check_columns([], ["date"])


@pytest.mark.parametrize(
    "value",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], dtype=np.float32),
        np.array([1, 2, 3], dtype=object),
        pd.Series([1, 2, 3]),
        pd.Series([1, 2, 3], dtype="Int64"),
        pd.array([1.0, 2.0, 3.0], dtype="Float64"),
        [Decimal(1), Decimal(2), Decimal(3)],
    ],
)
def test_arrays_become_double_precision(value: Any) -> None:
    array = check_array("y", value, ndim=1)
    assert type(array) is np.ndarray
    assert array.dtype == np.float64
    assert array.tolist() == [1.0, 2.0, 3.0]


def test_the_array_is_a_copy() -> None:
    given_array = np.ones(3)
    check_array("y", given_array, ndim=1)[0] = 5
    assert given_array[0] == 1


@pytest.mark.parametrize(
    ("value", "ndim", "words"),
    [
        ([], 1, "0 time steps; expected at least 1"),
        (np.ones((0, 2)), 2, "0 time steps"),
        ([1.0], 2, r"1 axes of lengths \(1,\); expected two axes"),
        (3.0, 1, "0 axes"),
        ([[1, 2], [3]], 2, "ragged"),
        (["1", "2"], 1, "no numbers"),
        (np.array(["1", 2], dtype=object), 1, "no numbers"),
        (pd.Series(["1", "2"]), 1, "no numbers"),
        (pd.date_range("2026-01-01", periods=2), 1, "no numbers"),
        ([1 + 2j], 1, "no numbers"),
        ([object()], 1, "no numbers"),
        (None, 1, "axes|no numbers"),
        ([1.0, float("nan")], 1, r"1 missing or infinite values, the first at \[1\]"),
        ([[1.0, 2.0], [3.0, float("inf")]], 2, r"the first at \[1, 1\]"),
        (pd.Series([1, None], dtype="Int64"), 1, "missing"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(value: Any, ndim: int, words: str) -> None:
    with pytest.raises(InputError, match=f"prices.*({words})"):
        check_array("prices", value, ndim=ndim)


def test_missing_values_pass_where_they_are_allowed() -> None:
    assert np.isnan(check_array("y", [1.0, float("nan")], ndim=1, finite=False)[1])


def test_a_path_that_is_not_there_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").write_text("x")
    assert check_path("source", "~/a.csv") == tmp_path / "a.csv"
    assert not check_path("output", tmp_path / "later.html").exists()
    assert not check_path("output", tmp_path / "a.csv" / "below.html").exists()


@pytest.mark.parametrize("value", ["", "~nobody-of-that-name/a.csv", "a" * 300, "a\0b", None, 3, "\ud800"])
def test_a_path_that_cannot_be_looked_for_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"(?s)^source is .*; expected a path"):
        check_path("source", value)


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputError, match=r"^source is .*; expected a path that can be looked at"):
        check_path("source", tmp_path / "loop")
