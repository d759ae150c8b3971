"""Weights: probabilities are those of all pairings, shares are those of the labels, and wrong arrays are refused."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.kernels.weights import Feature, Pairs, Weights, _step, learn


def pairings(pairs: Pairs, bits: np.ndarray, place: int = 0, used: frozenset = frozenset()) -> Iterator[tuple]:
    """All ways to pair rows off: two to the bits of each, and its pairs."""
    yield 1.0, ()
    for at in range(place, len(bits)):
        rows = {("l", int(pairs.left[at])), ("r", int(pairs.right[at]))}
        if used.isdisjoint(rows):
            for weight, chosen in pairings(pairs, bits, at + 1, used | rows):
                yield weight * 2.0 ** bits[at], (at, *chosen)


def pairs_of(edges: list[tuple[int, int]], rarity: float = 10.0) -> Pairs:
    left, right = np.array(edges, np.int64).reshape(-1, 2).T
    return Pairs(left, right, np.full(len(edges), rarity), 8, 8, 0)


def flat(number: int, levels: int = 1) -> Feature:
    return Feature(
        "amount", np.zeros(number, np.int64), np.zeros(number), np.full(levels, 1 / levels), np.zeros(levels)
    )


def propagated(pairs: Pairs, bits: np.ndarray) -> np.ndarray:
    on_left, probability = np.zeros(len(bits)), np.zeros(len(bits))
    for _ in range(100):
        on_left, probability = _step(pairs, bits, on_left)
    return probability


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-8, 30)), min_size=1, max_size=7))
def test_on_trees_probabilities_are_exact(branches: list[tuple[int, float]]) -> None:
    """A random tree: each new row, of either side in turn, hangs on an earlier row of the other side."""
    sides, edges = [["l0"], ["r0"]], [(0, 0)]
    for step, (where, _) in enumerate(branches[1:]):
        mine, other = sides[step % 2], sides[1 - step % 2]
        at = where % len(other)
        mine.append("new")
        edges.append((len(mine) - 1, at) if step % 2 == 0 else (at, len(mine) - 1))
    pairs, bits = pairs_of(edges), np.array([bits for _, bits in branches])
    every = list(pairings(pairs, bits))
    total = sum(weight for weight, _ in every)
    exact = [sum(weight for weight, chosen in every if place in chosen) / total for place in range(len(bits))]
    assert propagated(pairs, bits) == pytest.approx(exact, abs=1e-7)


EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=20, unique=True)


@given(EDGES, st.floats(-30, 120), st.integers(0, 2**32 - 1))
def test_no_row_is_given_away_more_than_once(edges: list[tuple[int, int]], middle: float, seed: int) -> None:
    pairs = pairs_of(edges)
    probability = propagated(pairs, np.random.default_rng(seed).normal(middle, 10, len(edges)))
    assert ((probability >= 0) & (probability <= 1)).all()
    for rows in (pairs.left, pairs.right):
        assert np.bincount(rows, probability).max() <= 1 + 1e-3


@pytest.mark.parametrize("bits", [5.0, 60.0, 90.0, 500.0, 5000.0])
def test_rivals_of_any_size_are_told_apart(bits: float) -> None:
    pairs = pairs_of([(0, 0), (0, 1)])
    probability = propagated(pairs, np.array([bits, bits - 3.0]))
    assert probability == pytest.approx(np.array([8.0, 1.0]) / (9 + 2.0 ** -(bits - 3)), rel=1e-3)
    tied = propagated(pairs_of([(0, 0), (0, 1), (1, 0), (1, 1)]), np.full(4, bits))
    assert tied == pytest.approx([0.5] * 4, abs=0.05)


LAG, CHANCE = np.array([0.6, 0.3, 0.1]), np.array([0.03, 0.07, 0.9])
SAME, BY_CHANCE = np.array([0.8, 0.2]), np.array([0.02, 0.98])


def simulated(seed: int, rows: int, false: int, alone: int) -> tuple[Pairs, list[Feature], np.ndarray]:
    draw, both = np.random.default_rng(seed), rows - alone
    true = np.arange(both + false) < both
    left = np.r_[np.arange(both), draw.integers(0, rows, false)]
    right = np.r_[np.arange(both), draw.integers(0, rows, false)]
    found = []
    for name, of_true, of_false in (("lag", LAG, CHANCE), ("reference", SAME, BY_CHANCE)):
        number = len(of_true)
        level = np.where(true, draw.choice(number, len(true), p=of_true), draw.choice(number, len(true), p=of_false))
        first = np.full(number, 1 / number)
        found.append(Feature(name, level, np.log2(of_false)[level], first, np.zeros(number)))
    return Pairs(left, right, np.full(len(true), np.log2(rows / false)), rows, rows, 0), found, true


@pytest.mark.parametrize(("false", "seed"), [(2000, 0), (8000, 1), (8000, 2)])
def test_shares_and_probabilities_are_those_of_the_labels(false: int, seed: int) -> None:
    pairs, features, true = simulated(seed, 2000, false, 100)
    weights = learn(pairs, features)
    assert weights.shares["lag"] == pytest.approx(np.bincount(features[0].levels[true]) / true.sum(), abs=0.03)
    assert weights.shares["reference"] == pytest.approx(np.bincount(features[1].levels[true]) / true.sum(), abs=0.03)
    assert weights.left_alone == pytest.approx(0.05, abs=0.02) and weights.right_alone == pytest.approx(0.05, abs=0.02)
    groups = np.array_split(np.argsort(weights.probability, kind="stable"), 10)
    off = [abs(weights.probability[group].mean() - true[group].mean()) for group in groups]
    assert np.mean(off) < 0.01 and max(off) < 0.05


def test_where_nothing_is_true_no_pair_is_certain() -> None:
    pairs, features, _ = simulated(5, 2000, 8000, 2000)
    weights = learn(pairs, features)
    assert weights.probability.max() < 0.9
    assert weights.shares["reference"] == pytest.approx(BY_CHANCE, abs=0.02)


def test_the_order_of_pairs_and_sides_does_not_matter() -> None:
    pairs, features, _ = simulated(3, 300, 900, 15)
    one, order = learn(pairs, features), np.random.default_rng(0).permutation(len(pairs.left))
    mixed = pairs._replace(left=pairs.left[order], right=pairs.right[order], rarity=pairs.rarity[order])
    other = [one._replace(levels=one.levels[order], open_bits=one.open_bits[order]) for one in features]
    assert learn(mixed, other).probability == pytest.approx(one.probability[order], abs=1e-6)
    turned = learn(pairs._replace(left=pairs.right, right=pairs.left), features)
    assert turned.probability == pytest.approx(one.probability, abs=0.02)


def test_bits_are_those_of_the_formula() -> None:
    pairs, features, _ = simulated(3, 300, 900, 15)
    weights = learn(pairs, features)
    expected = pairs.rarity - np.log2(weights.left_alone) - np.log2(weights.right_alone)
    for feature in features:
        expected = expected + np.log2(weights.shares[feature.name][feature.levels]) - feature.open_bits
    assert weights.bits == pytest.approx(expected)


def test_pairs_that_are_known_count_in_the_shares() -> None:
    known = flat(1, 2)._replace(known=np.array([90.0, 10.0]))
    weights = learn(pairs_of([(0, 0)])._replace(certain=100), [known])
    assert weights.shares["amount"] == pytest.approx([91.5 / 102, 10.5 / 102], abs=0.01)
    assert weights.left_alone == pytest.approx(7.5 / 109, abs=0.01)


def test_edges() -> None:
    nothing = learn(pairs_of([]), [flat(0)])
    assert isinstance(nothing, Weights) and nothing.bits.shape == (0,) and nothing.left_alone > 0.9
    none = learn(pairs_of([])._replace(left_rows=0, right_rows=0), [flat(0)])
    assert none.left_alone == 0.5
    assert learn(pairs_of([(0, 0)], -5000.0), [flat(1)]).probability < 1e-200
    assert learn(pairs_of([(0, 0)], 5000.0), [flat(1)]).probability.tolist() == [1.0]


ONE = pairs_of([(0, 0)])


@pytest.mark.parametrize(
    ("pairs", "features", "words"),
    [
        (ONE, [], "features is empty"),
        (ONE._replace(left=np.array([8])), [flat(1)], "left rows of pairs is 8"),
        (ONE._replace(right=np.array([-1])), [flat(1)], "right rows of pairs"),
        (ONE._replace(right=np.array([0.5])), [flat(1)], "right is"),
        (ONE._replace(right=np.array([0, 1])), [flat(1)], "right is"),
        (ONE._replace(rarity=np.array([np.nan])), [flat(1)], "rarity is nan"),
        (ONE._replace(rarity=[1.0]), [flat(1)], "rarity is"),
        (ONE._replace(certain=-1), [flat(1)], "certain is -1"),
        (ONE._replace(left_rows=1.5), [flat(1)], "left_rows is 1.5"),
        (ONE, [flat(2)], "levels of amount is"),
        (ONE, [flat(1)._replace(levels=np.array([1]))], "levels of amount is"),
        (ONE, [flat(1)._replace(shares=np.array([0.0]))], "shares of amount is"),
        (ONE, [flat(1)._replace(shares=np.array([np.nan]))], "shares of amount is nan"),
        (ONE, [flat(1)._replace(shares=np.zeros(0), known=np.zeros(0))], "shares of amount is"),
        (ONE, [flat(1)._replace(known=np.array([-1.0]))], "known of amount is"),
        (ONE, [flat(1)._replace(open_bits=np.array([np.inf]))], "open_bits of amount is inf"),
        (ONE, [5], "a feature is 5"),
        (None, [flat(1)], "pairs is None"),
    ],
)
def test_bad_input_is_named(pairs: Any, features: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        learn(pairs, features)
