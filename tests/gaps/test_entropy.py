"""Entropy with intervals, against SciPy, scikit-learn, closed forms, a textbook, and tables of known entropy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_entropy import RELATIONS, drawn, regimes, seeded
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import mutual_info_score

from finlab.core.errors import InputError
from finlab.gaps.kernels.entropy import (
    Crosstab,
    cautious,
    crosstab,
    doubts,
    independence,
    knowledge,
    plugin_entropy,
    promised,
)

CODES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40)
TOLERANCE = 1e-9
BAR = 0.93


def table_of(counts: list[list[float]]) -> Crosstab:
    a, b = np.nonzero(np.array(counts))
    return Crosstab(a, b, np.array(counts)[a, b].astype(float))


@given(CODES)
def test_plain_numbers_are_those_of_scipy_and_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T
    table = crosstab(a, b)
    whole = plugin_entropy(table.alone)
    assert whole == pytest.approx(scipy_entropy(np.bincount(b), base=2), abs=1e-12)
    told = mutual_info_score(a, b) / np.log(2)
    assert whole - plugin_entropy(table) == pytest.approx(told, abs=1e-9)


def test_the_example_of_cover_and_thomas_comes_out() -> None:
    """Elements of Information Theory, example 2.2.1: H(X) = 7/4, H(X|Y) = 11/8, I = 3/8 bits."""
    joint = 1 / np.array([[8, 16, 32, 32], [16, 8, 32, 32], [16, 16, 16, 16], [4, np.inf, np.inf, np.inf]])
    table = table_of((joint * 32_000_000).tolist())
    found = knowledge(table)
    assert plugin_entropy(table) == pytest.approx(11 / 8) and plugin_entropy(table.alone) == pytest.approx(7 / 4)
    for one, truth in zip(found, (7 / 4, 11 / 8, 3 / 8, 3 / 14), strict=True):
        assert one.low <= truth <= one.high and one.value == pytest.approx(truth, abs=1e-5) and one.width < 2e-3


@settings(max_examples=40)
@given(CODES, st.sampled_from([50.0, 80.0, 95.0, 99.9]))
def test_intervals_hold_their_value_and_keep_to_what_is_possible(pairs: list[tuple[int, int]], level: float) -> None:
    table = crosstab(*np.array(pairs).T)
    found = knowledge(table, level)
    for one in found:
        assert 0 <= one.low <= one.value <= one.high < np.inf
    assert found.share.high <= 1 and found.conditional.high <= found.entropy.high + TOLERANCE
    if table.settled:
        assert found.conditional.low == 0 and found.information.high == found.entropy.high
    wide = cautious(table, found)
    assert wide.low <= found.conditional.low and wide.high >= found.conditional.high - TOLERANCE


@settings(max_examples=40)
@given(CODES, st.permutations(range(6)), st.permutations(range(6)))
def test_names_and_order_of_rows_do_not_matter(pairs: list[tuple[int, int]], one: list[int], other: list[int]) -> None:
    a, b = np.array(pairs).T
    here = knowledge(crosstab(a, b))
    there = knowledge(crosstab(np.array(one)[a[::-1]], np.array(other)[b[::-1]]))
    assert np.allclose(np.array(here), np.array(there), atol=1e-6)


def test_a_wider_level_gives_a_wider_interval() -> None:
    table = drawn("noise 10%", 20, 20, 500, seeded("wider"), 0).table
    widths = [knowledge(table, level).conditional.width for level in (50.0, 80.0, 95.0, 99.0, 99.9)]
    assert widths == sorted(widths) and widths[0] < widths[-1]


def held(regime: tuple[str, int, int, int], runs: int) -> list[bool]:
    """Whether the interval of H(B|A) holds the truth, for tables drawn from one regime."""
    draw, found = seeded(*regime), list[bool]()
    for run in range(runs):
        known = drawn(*regime, draw, run)
        one = knowledge(known.table).conditional
        found.append(one.low - TOLERANCE <= known.conditional <= one.high + TOLERANCE)
    return found


@pytest.mark.slow
def test_intervals_hold_the_known_entropy_in_every_relation() -> None:
    shapes = ((2, 2, 50), (5, 3, 300), (20, 20, 300), (100, 100, 300))
    every = [(relation, *shape) for relation in RELATIONS for shape in shapes if relation != "three values each"]
    assert np.mean([one for regime in every for one in held(regime, 3)]) >= BAR


@pytest.mark.slow
def test_intervals_hold_in_regimes_of_any_size() -> None:
    """Every fourteenth regime of the wide grid, twenty tables each: the share overall, and none that fails often."""
    shares = {regime: np.mean(held(regime, 20)) for regime in list(regimes())[::14]}
    assert np.mean(list(shares.values())) >= BAR
    assert min(shares.values()) >= 0.8, min(shares, key=lambda one: shares[one])


def test_the_plain_estimate_would_fail_where_ours_holds() -> None:
    known = drawn("independent, even", 100, 100, 2000, seeded("plain"), 0)
    one = knowledge(known.table).conditional
    assert plugin_entropy(known.table) < known.conditional - 1 and one.low <= known.conditional <= one.high + TOLERANCE


def lonely(rows: int, draw: np.random.Generator) -> Crosstab:
    """Four rows of five belong to customers of one country each, the fifth to one that comes once, of any of four."""
    alone, regular = draw.random(rows) < 0.2, draw.integers(rows // 8, size=rows)
    return crosstab(
        np.where(alone, rows + np.arange(rows), regular), np.where(alone, draw.integers(4, size=rows), regular % 4)
    )


@pytest.mark.parametrize("rows", [500, 2000, 10_000])
def test_an_interval_that_rests_on_rows_that_are_alone_is_not_promised(rows: int) -> None:
    table = lonely(rows, seeded("lonely", rows))
    found = knowledge(table)
    assert found.conditional.high < 0.4 and not promised(table, found)
    wide = cautious(table, found)
    assert wide.low <= 0.4 <= wide.high
    assert f"{table.lonely * rows:,.0f} of {rows:,} rows" in doubts(table, found)[0]


def test_nothing_is_doubted_where_every_value_is_frequent() -> None:
    table = table_of([[500, 300, 200], [100, 400, 600]])
    found = knowledge(table)
    assert table.lonely == 0 and promised(table, found) and doubts(table, found) == ()
    assert cautious(table, found) == found.conditional


def test_an_identifier_is_promised_since_it_may_be_anything() -> None:
    table = crosstab(np.arange(200), np.arange(200) % 4)
    found = knowledge(table)
    assert table.lonely == 1 and found.conditional.low == 0 and found.conditional.high > 1.9 and promised(table, found)


def test_values_that_nobody_has_seen_are_doubted_where_rows_are_few() -> None:
    few, many = (table_of([[rows / 2, 0], [0, rows / 2]]) for rows in (50, 50_000))
    assert any("nobody has seen" in told for told in doubts(few, knowledge(few)))
    assert doubts(many, knowledge(many)) == ()


def test_one_row_and_one_value_say_nothing() -> None:
    one = knowledge(crosstab(np.array([0]), np.array([0])))
    assert one.conditional.low == 0 and one.share == (0, 0, 1)
    constant = knowledge(crosstab(np.arange(90) % 3, np.zeros(90, int)))
    assert constant.entropy.value == 0 and constant.entropy.low == 0 and constant.information.low == 0


def test_codes_may_have_holes_and_be_large() -> None:
    a, b = np.array([3, 10**12, 3, 10**12]), np.array([7, 0, 7, 10**9])
    assert crosstab(a, b).counts.tolist() == [2, 1, 1]
    dense = crosstab(np.arange(3000) % 50, np.arange(3000) % 7)
    sparse = crosstab(np.arange(3000) % 50 * 10**6, np.arange(3000) % 7 * 10**5)
    assert np.array_equal(dense.counts, sparse.counts)


def test_a_large_table_counts_as_a_small_one() -> None:
    draw = np.random.default_rng(3)
    a, b = (np.concatenate([np.arange(5000), draw.integers(5000, size=20_000)]) for _ in range(2))
    table = crosstab(a, b)
    cells, counts = np.unique(a * 5000 + b, return_counts=True)
    assert np.array_equal(table.given * 5000 + table.about, cells) and np.array_equal(table.counts, counts)


def test_the_test_of_independence_is_uniform_and_sees_what_is_there() -> None:
    draw = np.random.default_rng(8)
    found = [independence(*draw.integers(4, size=(2, 60)), shuffles=19, seed=seed) for seed in range(200)]
    assert np.mean(np.array(found) <= 0.05) < 0.1 and 0.4 < np.mean(np.array(found) <= 0.5) < 0.65
    a = draw.integers(4, size=60)
    assert independence(a, a, shuffles=99) == 0.01 == independence(a, (a + 1) % 4, shuffles=99)


def test_the_test_of_independence_draws_from_many_rows() -> None:
    a = np.arange(200_000) % 4
    assert independence(a, (a + np.random.default_rng(1).integers(3, size=len(a))) % 4, shuffles=19) == 0.05


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ([], [], "expected as many of both"),
        ([0, -1], [0, 0], "a code is below 0"),
    ],
)
def test_columns_that_are_no_codes_are_refused(a: list, b: list, told: str) -> None:
    with pytest.raises(InputError, match=told):
        crosstab(np.array(a, int), np.array(b, int))


@pytest.mark.parametrize("level", [0.0, 49.0, 100.0, float(np.nan)])
def test_a_level_out_of_range_is_refused(level: float) -> None:
    with pytest.raises(InputError, match="level"):
        knowledge(crosstab(np.array([0, 1]), np.array([0, 1])), level)
