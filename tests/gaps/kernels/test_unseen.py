"""What rows cannot show: the series itself, linear programs on the same grid, and spectra that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from finlab.gaps.kernels.unseen import (
    NOTHING_UNSEEN,
    Groups,
    atoms_of,
    extremes,
    spectra_of,
    unseen_entropy,
    unseen_range,
)

FALL = 1.96**2 / 2


def one_group(counts: list[int], categories: float = np.inf) -> Groups:
    found, rows = np.array(counts, float), float(sum(counts))
    return Groups(np.array([rows]), np.full(len(found), rows), found, rows, categories)


def series(q: float, n: int) -> float:
    steps = np.arange(n, 400_000)
    return float(q * np.sum((1 - q) ** steps / steps))


@pytest.mark.parametrize("q", [0.9, 0.3, 0.01, 0.001])
@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 34, 500])
def test_the_unseen_part_is_the_rest_of_the_series(q: float, n: int) -> None:
    expected = series(q, n)
    assert float(unseen_entropy(np.array(q), np.array(float(n)))) == pytest.approx(expected, rel=2e-4, abs=1e-8)


def test_with_one_row_all_of_the_entropy_is_unseen() -> None:
    q = np.array([0.5, 0.25, 0.125, 0.125])
    assert unseen_entropy(q, np.array(1.0)).sum() == pytest.approx(-(q * np.log(q)).sum())


def test_a_certain_value_has_nothing_unseen() -> None:
    assert np.abs(unseen_entropy(np.array(1.0), np.array([1.0, 20.0, 99.0]))).max() < 1e-12


@settings(max_examples=25)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.sampled_from([0.0, 1.0, 40.0, np.inf]))
def test_the_range_is_in_order_and_finite(counts: list[int], more: float) -> None:
    found = unseen_range(one_group(counts, len(counts) + more), 1e-6, FALL)
    assert 0 <= found.low <= found.alike <= found.high < np.inf


def test_the_most_is_that_of_a_search_over_all_spectra() -> None:
    """Where the likelihood is high is a convex set: it lies behind the tangent at each point of its border."""
    groups = one_group([5, 3, 2, 2, 2] + [1] * 36)
    spectra, start = spectra_of(groups, atoms_of(groups, 1e-4))
    least, most = extremes(spectra, start, FALL)
    for sign, end in ((1, least), (-1, most)):
        means = spectra.expected @ end
        slope = spectra.weight * (spectra.expected.T @ (spectra.found / means) - spectra.shown)
        limits = {"A_eq": spectra.limits, "b_eq": spectra.limits @ end}
        found = linprog(sign * spectra.worth, A_ub=-slope[None], b_ub=[-slope @ end], **limits)
        assert found.status == 0 and abs(sign * found.fun - spectra.worth @ end) < 0.01 * (spectra.worth @ most)


def test_limits_stay_as_they_were() -> None:
    groups = one_group([4, 2, 1, 1, 1], 30.0)
    spectra, start = spectra_of(groups, atoms_of(groups, 1e-5))
    for end in extremes(spectra, start, FALL):
        assert (end > 0).all() and np.allclose(spectra.limits @ end, spectra.limits @ start, rtol=1e-6)


def test_there_is_nothing_unseen_without_room() -> None:
    rows = one_group([50, 40, 30], 3.0)
    assert unseen_range(rows, 1e-6, FALL)._replace(categories=0.0) == NOTHING_UNSEEN


def test_a_spectrum_that_is_known_lies_in_its_range() -> None:
    draw, held = np.random.default_rng(4), 0
    truth = 1 / np.arange(1, 301) / (1 / np.arange(1, 301)).sum()
    for _ in range(40):
        counts = draw.multinomial(150, truth)
        unseen = float(unseen_entropy(truth, np.array(150.0)).sum())
        found = unseen_range(one_group(counts[counts > 0].tolist()), 1 / 150**2, FALL)
        held += found.low <= unseen <= found.high
    assert held >= 0.93 * 40


def test_more_categories_leave_room_for_more() -> None:
    ends = [unseen_range(one_group([3, 2] + [1] * 15, most), 1e-7, FALL).high for most in (20.0, 50.0, 500.0, np.inf)]
    assert ends == sorted(ends) and ends[0] < ends[-1]
