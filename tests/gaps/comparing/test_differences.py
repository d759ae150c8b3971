"""Kinds of differences against exact fractions, honest probabilities on random numbers, the weights against scipy."""

import math
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from finlab.gaps.comparing.differences import (
    MOST_POWER,
    Explained,
    Numbers,
    certain,
    explain_days,
    explain_moments,
    explain_numbers,
    explain_texts,
    one_unit,
    power_of_ten,
    rounded_at,
    rounded_power,
    share_of_others,
    whole_numbers,
)
from finlab.gaps.kernels.mixture import fit_weights, shares_of, weights_of_others

SMALL = st.integers(-10_000, 10_000)
WIDE = st.integers(-(10**17), 10**17)


def kinds(found: Explained) -> list[str]:
    places, _, names = found.kinds()
    return [names[place] for place in places]


@given(st.lists(st.tuples(SMALL, SMALL | st.integers(-6, 6)), min_size=1))
def test_powers_of_ten_are_those_of_fractions(pairs: list[tuple[int, int]]) -> None:
    a = np.array([one for one, _ in pairs])
    b = np.array([other if abs(other) > 6 else one * 10 ** abs(other) for one, other in pairs])
    for kind in (np.int64, object):
        expected = [_power(int(x), int(y)) for x, y in zip(a, b, strict=True)]
        assert power_of_ten(a.astype(kind), b.astype(kind)).tolist() == expected
        assert power_of_ten(b.astype(kind), a.astype(kind)).tolist() == [-one for one in expected]


@given(st.lists(st.tuples(WIDE, st.integers(1, MOST_POWER)), min_size=1))
def test_a_power_that_loses_digits_is_found_if_two_figures_stay(pairs: list[tuple[int, int]]) -> None:
    a = np.array([one for one, _ in pairs])
    cut = np.array([abs(one) // 10**power * (1 if one > 0 else -1) for one, power in pairs])
    for place, power, x, y in zip(rounded_power(a, cut).tolist(), dict(enumerate(pairs)).values(), a, cut, strict=True):
        ten = 10 ** power[1]
        assert place == (-power[1] if abs(int(y)) >= 10 and int(x) % ten else 0)


def _power(a: int, b: int) -> int:
    return next((k for k in range(-MOST_POWER, MOST_POWER + 1) if k and a and b == Fraction(a) * Fraction(10) ** k), 0)


@given(st.lists(st.tuples(WIDE, SMALL), min_size=1), st.integers(0, 4))
def test_what_is_rounded_is_half_a_unit_away_and_ends_in_zeros(pairs: list[tuple[int, int]], digits: int) -> None:
    a = np.array([one for one, _ in pairs])
    b = np.array([one + more if more % 3 else round(one, -2) for one, more in pairs])
    for place, x, y in zip(rounded_at(a, b, digits, digits).tolist(), a.tolist(), b.tolist(), strict=True):
        fits = [p for p in range(1, digits + MOST_POWER + 1) if x != y and _rounded(x, y, 10**p)]
        assert place == (min(fits) if fits else -1)


def _rounded(x: int, y: int, unit: int) -> bool:
    return 2 * abs(x - y) <= unit and any(z % unit == 0 and abs(z) >= 10 * unit for z in (x, y))


def test_a_coarser_side_rounds_or_cuts_off_without_leaving_figures() -> None:
    a, b = np.array([440, 490, 1099, 1099]), np.array([400, 400, 1000, 1200])
    assert rounded_at(a, b, 2, 0).tolist() == [2, 2, 2, -1]
    assert one_unit(np.array([100, 9900, 20_000]), np.array([200, 10_000, 20_100]), 2, 0).tolist() == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("left", "right", "digits", "kind"),
    [
        (10_000, 100_000, 2, "unit"),
        (123_400, 1_234, 2, "unit"),
        (983_362, 9_834, 2, "unit"),
        (9_834, 983_362, 2, "unit"),
        (5_000, -5_000, 2, "sign"),
        (12_345, 12_346, 2, "rounding"),
        (123_456, 123_500, 2, "rounding"),
        (123_456, 120_000, 2, "rounding"),
        (12_345, 67_890, 2, "value"),
        (10, 11, 0, "value"),
        (1000, 1001, 0, "rounding"),
        (0, 5, 2, "value"),
        (10**30, 10**33, 2, "unit"),
        (-(10**30), 10**30, 2, "sign"),
    ],
)
def test_the_kind_of_a_single_difference(left: int, right: int, digits: int, kind: str) -> None:
    dtype = np.int64 if max(abs(left), abs(right)) < 2**61 else object
    found = explain_numbers(Numbers(np.array([left], dtype), np.array([right], dtype), digits, digits))
    assert kinds(found) == [kind] and found.bits[0] > 0


def test_what_fits_by_accident_is_not_claimed() -> None:
    rng = np.random.default_rng(1)
    for most, digits in ((20, 0), (100, 0), (1000, 2)):
        a, b = rng.integers(1, most + 1, (2, 20_000))
        a, b = a[a != b], b[a != b]
        found = explain_numbers(Numbers(a, b, digits, digits))
        sums = dict.fromkeys(("unit", "rounding"), 0.0)
        for place, part in enumerate(found.parts):
            if part.kind in sums:
                sums[part.kind] += float(found.shares[:, place].sum())
        assert sums["unit"] < 60 and sums["rounding"] < 60, (most, sums)  # of twenty thousand, none of which is one


def test_probabilities_of_kinds_are_calibrated_on_planted_ones() -> None:
    rng = np.random.default_rng(2)
    cells = 5000
    a = rng.integers(1, 400, cells)
    planted = rng.random(cells) < 0.1
    b = np.where(planted, a * 10, rng.integers(1, 400, cells))
    kept = a != b
    a, b, planted = a[kept], b[kept], planted[kept]
    found = explain_numbers(Numbers(a, b, 0, 0))
    unit = found.shares[:, [part.kind for part in found.parts].index("unit")]
    looks = b == a * 10
    assert abs(unit[looks].mean() - planted[looks].mean()) < 0.03
    assert unit[~looks & ~(a == b * 10)].max() < 0.3


def test_a_difference_that_comes_again_is_told() -> None:
    a = np.arange(1000, 1100) * 7
    found = explain_numbers(Numbers(a, a - 250))
    top = found.parts[int(found.shares[0].argmax())]
    assert top.words.texts[top.words.places[0]] == "the same difference of 2.50 in 100 rows"


def test_rates_explain_only_what_is_near_them() -> None:
    a, rates = np.array([10_000, 10_000, 10_000]), np.array([[1.25, np.nan]] * 3)
    b = np.array([12_500, 12_509, 12_700])
    assert kinds(explain_numbers(Numbers(a, b, rates=rates))) == ["currency", "currency", "value"]
    assert kinds(explain_numbers(Numbers(a, b, rates=np.full((3, 2), np.nan)))) == ["value"] * 3


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.integers(1, 400))
def test_days_are_told_by_their_lag(day: date, lag: int) -> None:
    a, b = (np.array([(one - date(1970, 1, 1)).days]) for one in (day, day + timedelta(days=lag)))
    found = explain_days(a, b)
    words = found.parts[0].words
    text = words.texts[words.places[0]]
    assert text.startswith(f"{lag} day") and "later" in text
    crossed = day + timedelta(days=lag)
    assert ("year" in text) == (crossed.year != day.year)
    assert ("in another month" in text) == (crossed.year == day.year and crossed.month != day.month)


def test_days_that_were_mistyped_are_no_timing() -> None:
    first = np.array(["2026-04-03", "2026-01-15", "2026-03-30"], "datetime64[D]").astype(np.int64)
    second = np.array(["2026-03-04", "2025-01-15", "2026-04-01"], "datetime64[D]").astype(np.int64)
    assert kinds(explain_days(first, second)) == ["value", "value", "timing"]


def test_moments_that_differ_by_hours_may_hang_in_another_zone() -> None:
    noon = np.array([1_000_000_000_000_000] * 2)
    found = explain_moments(noon, noon + np.array([-2 * 3600 * 10**6, 7 * 10**6]))
    tops = [found.parts[place] for place in found.shares.argmax(axis=1)]
    assert tops[0].words.texts[tops[0].words.places[0]] == "-2 hours: another time zone"
    assert tops[1].words.texts[tops[1].words.places[1]] == "seconds later"


def test_texts_that_differ_by_a_slip_are_told_from_others() -> None:
    found = explain_texts(["Müller AG", "Huber KG", "", "a"], ["Mueller AG", "Alpine Data", "x", ""])
    words = [found.parts[place].words.texts[0] for place in found.shares.argmax(axis=1)]
    assert words == ["spelled otherwise", "another text", "another text", "another text"]
    assert len(explain_texts([], []).bits) == 0


def test_what_is_certain_costs_what_its_share_says() -> None:
    found = certain("value", "no value", 3, 0.25)
    assert found.bits.tolist() == [2.0] * 3 and found.kinds()[1].tolist() == [1.0] * 3


def test_a_cell_is_no_evidence_for_itself() -> None:
    assert share_of_others(np.array([1, 1, 2])).tolist() == [1 / 3, 1 / 3, 0.0]
    likelihoods, prior = np.array([[1.0, 0.01]]), np.array([1.0, 9.0])
    assert np.allclose(weights_of_others(likelihoods, fit_weights(likelihoods, prior), prior), [[0.1, 0.9]])


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(5, 80))
def test_weights_are_the_maximum_that_scipy_finds(seed: int, parts: int, cases: int) -> None:
    rng = np.random.default_rng(seed)
    likelihoods, prior = rng.random((cases, parts)) + 1e-3, rng.random(parts) + 0.5

    def loss(free: Any) -> float:
        weights = np.exp(free - np.logaddexp.reduce(free))
        return -(np.log(likelihoods @ weights).sum() + (prior * np.log(weights)).sum())

    ours = fit_weights(likelihoods, prior, rounds=20_000)
    best = minimize(loss, np.zeros(parts), method="BFGS").fun
    assert abs(ours.sum() - 1) < 1e-9 and loss(np.log(ours)) - best < 0.01
    assert np.allclose(shares_of(likelihoods, ours).sum(axis=1), 1)


@given(st.lists(st.integers(-(10**38) + 1, 10**38 - 1) | SMALL | st.none(), min_size=1))
def test_decimals_are_counted_exactly(values: list[int | None]) -> None:
    import pyarrow as pa

    column = pa.chunked_array([pa.array(values, pa.decimal128(38, 0))])
    assert [int(one) for one in whole_numbers(column)] == [one or 0 for one in values]
    assert [int(one) for one in whole_numbers(column.slice(1))] == [one or 0 for one in values[1:]]


def test_the_costs_of_parts_are_lengths_of_descriptions() -> None:
    found = explain_numbers(Numbers(np.array([10_000]), np.array([100_000])))
    prior = 0.8 / 9.2  # cells of exact units, among all but those of currencies, for which there are no rates here
    assert math.isclose(found.bits[0], -math.log2(prior / 12), abs_tol=1e-9)
