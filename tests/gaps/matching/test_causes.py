"""Causes of differing amounts against slow twins: slips of the pen, rates that gaps share, shares that add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.gaps.matching.causes import (
    LEAST_ALIKE,
    MOST_RATES,
    amount_causes,
    common_rates,
    exchanges,
    is_one_digit,
    rate_between,
)

CENTS = st.integers(-(10**12), 10**12)


def exchanged(left: int, right: int) -> bool:
    """Whether two neighbouring digits changed their places, by trying each pair of places."""
    a, b = str(abs(left)), str(abs(right)).zfill(len(str(abs(left))))
    if left == right or ((left < 0) != (right < 0) and right != 0) or len(a) != len(b):
        return False
    return any(a[:at] + a[at + 1] + a[at] + a[at + 2 :] == b for at in range(len(a) - 1))


@given(CENTS)
def test_exchanges_are_what_a_slow_twin_accepts_and_differ_by_a_multiple_of_nine(cents: int) -> None:
    for other in exchanges(cents):
        assert exchanged(cents, other) and (other - cents) % 9 == 0
    digits = str(abs(cents))
    assert len(exchanges(cents)) <= len(digits) - 1


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_two_amounts_differ_in_one_digit_if_all_but_one_place_agree(left: int, right: int) -> None:
    places = sum(left // 10**place % 10 != right // 10**place % 10 for place in range(4))
    assert is_one_digit(left, right) == (places == 1 and len(str(left)) == len(str(right)))
    assert is_one_digit(left, right) == is_one_digit(right, left)


@given(CENTS, CENTS, st.dictionaries(st.floats(0.1, 2.0), st.floats(0.01, 1.0), max_size=4))
def test_probabilities_add_up_and_the_first_is_the_largest(left: int, right: int, rates: dict[float, float]) -> None:
    causes = amount_causes(left, right, rates)
    assert sum(cause.probability for cause in causes) == pytest.approx(1)
    shares = [cause.probability for cause in causes]
    assert shares == sorted(shares, reverse=True) and "another amount" in {cause.label for cause in causes}


def test_a_fee_of_a_bank_is_named_to_the_hundredth_of_a_per_cent() -> None:
    draw = np.random.default_rng(5)
    left = draw.integers(10_000, 10_000_000, 40)
    right = np.where(np.arange(40) < 30, np.rint(left * 0.9985).astype(np.int64), draw.integers(10_000, 10**7, 40))
    rates = common_rates(left, right)
    assert rates == {0.9985: 0.75}
    for one, other in zip(left[:30].tolist(), right[:30].tolist(), strict=True):
        assert amount_causes(one, other, rates)[0].label == "a fee or discount: -0.15%, as in other gaps"
    named = [amount_causes(int(a), int(b), rates)[0].label for a, b in zip(left[30:], right[30:], strict=True)]
    assert "another amount" in named and not any("fee" in label for label in named)


def test_a_surcharge_is_no_fee_and_a_ratio_of_two_gaps_is_no_habit() -> None:
    left = np.array([10_000, 25_000, 31_200])
    assert rate_between(10_000, 10_300, common_rates(left, left * 103 // 100))[0].startswith("a surcharge")
    assert LEAST_ALIKE == 3 and common_rates(left[:2], left[:2] * 98 // 100) == {}


@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_amounts_of_nothing_have_no_rate(size: int) -> None:
    assert common_rates(np.zeros(size, np.int64), np.arange(size)) == {}


def test_among_many_ratios_that_come_back_by_chance_none_is_common() -> None:
    left = np.repeat(np.array([100, 200, 400, 500]), 25)
    right = np.tile(np.array([300, 600, 700, 900, 1100]), 20)
    assert common_rates(left, right) == {}


def test_at_most_so_many_rates_are_common() -> None:
    rates = np.repeat(np.arange(80, 98), 50)
    singles = 1000 + np.arange(4000) * 7
    left = np.r_[np.full(len(rates), 10_000), np.full(len(singles), 10_000)]
    assert len(common_rates(left, np.r_[rates * 100, 10_000 + singles])) == MOST_RATES


def test_a_huge_amount_has_causes_and_a_fee() -> None:
    left = (1 << 53) - 1
    right = round(left * 0.9985)
    assert amount_causes(left, right, {0.9985: 0.5})[0].label.startswith("a fee or discount: -0.15%")
    assert amount_causes(0, left, {}) and amount_causes(left, 0, {})
