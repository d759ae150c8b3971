"""Copying: counts and weights against loops, echoes that are found, and independent sources that are left alone."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from finlab.gaps.kernels.copying import (
    SHARES,
    Dependence,
    Overlap,
    depend,
    discount,
    first_evidence,
    later_evidence,
    order_sources,
    overlap_of,
    taken_over,
    untangle,
    usual_agreement,
    weighted_medians,
)
from finlab.gaps.kernels.learning import first_habits, learn
from finlab.gaps.kernels.voting import Votes, plain_habits, votes_of, weigh
from finlab.gaps.sources.hearsay import World, spread_hearsay


def votes_in(world: World, seed: int) -> tuple[Votes, np.ndarray, np.ndarray]:
    """The votes of a world, which values are true, and from whom each source copies."""
    said = spread_hearsay(world, seed)
    votes, order = votes_of(said.fact, said.value, said.source, said.attribute, world.sources, world.attributes)
    return votes, said.right[order][votes.first_claim], said.original


def right_share(votes: Votes, true: np.ndarray, probability: np.ndarray) -> float:
    return float(true[np.lexsort((-probability, votes.fact))[votes.first_value]].mean())


@given(st.integers(0, 10**6))
def test_meetings_are_counted_like_by_hand(seed: int) -> None:
    draw = np.random.default_rng(seed)
    fact, source = np.nonzero(draw.random((12, 5)) < 0.6)
    whole, fact = np.unique(fact, return_inverse=True)
    label, attribute = draw.integers(0, 3, len(fact)), draw.integers(0, 2, len(whole))
    votes, _ = votes_of(fact, label, source, attribute, 5, 2)
    found = overlap_of(votes)
    said = {(f, s): v for f, s, v in zip(fact.tolist(), source.tolist(), label.tolist(), strict=True)}
    expected = {}
    for i, j in itertools.combinations(range(5), 2):
        for at in (0, 1):
            both = [f for f in range(len(whole)) if attribute[f] == at and (f, i) in said and (f, j) in said]
            expected[i, j, at] = len(both), sum(said[f, i] == said[f, j] for f in both)
    pairs = list(zip(found.first.tolist(), found.second.tolist(), strict=True))
    got = {(i, j, at): (found.both[at, p], found.same[at, p]) for p, (i, j) in enumerate(pairs) for at in (0, 1)}
    assert all(got.get(key, (0, 0)) == value for key, value in expected.items())


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(-5, 5), st.integers(0, 4)), min_size=1, max_size=30),
)
def test_weighted_medians_are_those_of_repeated_numbers(rows: list[tuple[int, float, int]]) -> None:
    group, number, weight = (np.array(part) for part in zip(*rows, strict=True))
    found = weighted_medians(group, number.astype(float), weight.astype(float), 4)
    for place in range(4):
        some = np.sort(np.repeat(number[group == place], weight[group == place]))
        if len(some):
            assert found[place] in (some[(len(some) - 1) // 2], some[len(some) // 2])
        else:
            assert np.isnan(found[place])


@pytest.mark.parametrize("seed", range(3))
def test_weights_are_those_of_a_loop_over_claims(seed: int) -> None:
    votes, _, _ = votes_in(World(sources=8, facts=60, attributes=2, copying=(3,)), seed)
    draw = np.random.default_rng(seed)
    first, second = (np.array(side) for side in zip(*itertools.combinations(range(8), 2), strict=True))
    shape = (2, len(first))
    ties = Dependence(first, second, draw.random(shape), draw.random(shape), draw.random(shape[1]))
    rank, cut = order_sources(ties, 8), taken_over(ties)
    place = {(int(i), int(j)): p for p, (i, j) in enumerate(zip(first, second, strict=True))}
    found = discount(votes, ties)
    for claim in range(len(votes.value)):
        source, at = divmod(int(votes.cell[claim]), 2)
        weight = 1.0
        for other in np.flatnonzero(votes.value == votes.value[claim]):
            earlier = int(votes.cell[other]) // 2
            if rank[earlier] < rank[source]:
                weight *= 1 - cut[at, place[min(source, earlier), max(source, earlier)]]
        assert found[claim] == pytest.approx(weight)


def test_the_chance_of_agreement_is_that_of_the_claims_without_the_pair() -> None:
    votes, _, _ = votes_in(World(sources=6, facts=80, attributes=1, false_values=4), 4)
    habits = plain_habits(logit(np.linspace(0.5, 0.85, 6)), 1, 6.0, 50.0)
    overlap = overlap_of(votes)
    found = later_evidence(votes, habits, habits.trust, overlap)
    expected = np.zeros(found.shape)
    accuracy, share = expit(habits.trust), 6.0 / 50.0
    for p, (i, j) in enumerate(zip(overlap.first, overlap.second, strict=True)):
        for fact in range(len(votes.attribute)):
            mine = {int(votes.cell[c]): int(votes.value[c]) for c in np.flatnonzero(votes.fact[votes.value] == fact)}
            if i not in mine or j not in mine:
                continue
            if mine[i] != mine[j]:
                expected[:, 0, p] += np.log1p(-SHARES)
                continue
            rest = {s: v for s, v in mine.items() if s not in (i, j)}
            p_true, mass, wrong = _without(rest, mine[i], accuracy, habits)
            q1, q2 = (share + mass) / (6.0 + wrong), (share + mass + 1) / (6.0 + wrong + 1)
            both_wrong = (1 - p_true) * (1 - accuracy[i]) * q1
            top = p_true * accuracy[i] * accuracy[j] + both_wrong * (1 - accuracy[j]) * q2
            chance = np.clip(top / (p_true * accuracy[i] + both_wrong), 0.005, 0.995)
            expected[:, 0, p] += np.log((SHARES + (1 - SHARES) * chance) / chance)
    # exact but for how many claims are wrong if the value is, which is taken as its expectation
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.995
    assert np.abs(found - expected).max() < 0.06 * np.abs(expected).max()


def _without(rest: dict[int, int], value: int, accuracy: np.ndarray, habits) -> tuple[float, float, float]:
    """How probable a value is by the other claims, how many of them state it, and how many are wrong if it is not."""
    labels = [*sorted({*rest.values()} - {value}), value]
    if not rest:
        return 1 / 51, 0.0, 0.0
    sources, said = list(rest), [labels.index(label) for label in rest.values()]
    votes, _ = votes_of(np.zeros(len(said), int), np.array(said), np.arange(len(said)), np.array([0]), len(said))
    weighed = weigh(votes, habits._replace(trust=logit(accuracy[sources])))
    present = np.unique(said)
    place = np.flatnonzero(present == len(labels) - 1)
    mass = weighed.mass[place[0]] if len(place) else 0.0
    p = weighed.probability[place[0]] if len(place) else weighed.unclaimed[0] / (51 - len(present))
    others = weighed.mass.sum() - mass
    true = (weighed.probability * weighed.mass).sum() - p * mass
    return float(p), float(mass), float(mass + others - true / max(1 - p, 1e-9))


@pytest.mark.parametrize(
    "world",
    [
        World(sources=15, facts=400, copying=(6,), reliability=(0.4, 0.85)),
        World(sources=20, facts=400, copying=(5, 4), reliability=(0.5, 0.9)),
        World(sources=20, facts=400, copying=(5,), hard=1.5, reliability=(0.5, 0.9)),
    ],
    ids=["one group", "two groups", "hard facts"],
)
def test_copiers_are_found_and_do_no_harm(world: World) -> None:
    shares = []
    for seed in range(3):
        votes, true, original = votes_in(world, seed)
        found = untangle(votes, np.zeros(world.attributes))
        ties = found.dependence
        group = original[ties.first] == original[ties.second]
        assert ties.overall[group].min() > 0.9 and (ties.overall[~group] > 0.5).mean() < 0.05
        fooled = learn(votes, first_habits(votes, np.zeros(world.attributes))).habits
        both = (votes, fooled), (found.votes, found.learned.habits)
        shares.append([right_share(votes, true, weigh(one, habits).probability) for one, habits in both])
    alone, untangled = np.mean(shares, axis=0)
    assert untangled > alone + 0.05 and untangled > 0.85


@pytest.mark.parametrize("popular", [0.0, 1.5])
def test_sources_that_are_apart_are_left_apart(popular: float) -> None:
    wrongly, weights = [], []
    for seed in range(4):
        votes, _, _ = votes_in(
            World(sources=15, facts=300, attributes=2, popular=popular, reliability=(0.4, 0.9)), seed
        )
        found = untangle(votes, np.zeros(2))
        wrongly.append((found.dependence.overall > 0.5).mean())
        weights.append(found.votes.weight.mean())
    assert np.mean(wrongly) < 0.02 and np.mean(weights) > 0.98


def test_an_exact_copy_of_a_source_adds_next_to_nothing() -> None:
    said = spread_hearsay(World(sources=8, facts=300, attributes=1, reliability=(0.4, 0.8)), 5)
    copy = said.source == 7
    fact, value = (np.concatenate([part, part[copy]]) for part in (said.fact, said.value))
    source = np.concatenate([said.source, np.full(copy.sum(), 8)])
    votes, _ = votes_of(fact, value, source, said.attribute, 9)
    found = untangle(votes, np.zeros(1))
    weights = [found.votes.weight[votes.cell == one].mean() for one in (7, 8)]
    assert min(weights) < 0.1 and max(weights) > 0.95


def test_agreement_that_everybody_has_is_no_evidence() -> None:
    first, second = (np.array(side) for side in zip(*itertools.combinations(range(6), 2), strict=True))
    both = np.full((1, 15), 200.0)
    level = np.linspace(0.95, 0.7, 6)
    same = np.rint(200 * level[first] * level[second])[None]
    expected = usual_agreement(Overlap(first, second, both, same), 0, 6)
    assert expected == pytest.approx(same[0] / 200, abs=0.03)
    ties = depend(Overlap(first, second, both, same), first_evidence(Overlap(first, second, both, same), 6), 6)
    assert ties.overall.max() < 0.3


def test_nobody_who_meets_anybody() -> None:
    votes, _ = votes_of(np.arange(4), np.zeros(4, int), np.arange(4), np.zeros(4, int), 4)
    found = untangle(votes, np.zeros(1))
    assert len(found.dependence.first) == 0 and (found.votes.weight == 1).all() and found.learned.rounds == 0


def test_the_published_example_is_put_right() -> None:
    """Dong, Berti-Equille and Srivastava (2009), table 1: the fourth and the fifth source copy from the third."""
    said = (
        ("MIT", "Berkeley", "MIT", "MIT", "MS"),
        ("MSR", "MSR", "UWisc", "UWisc", "UWisc"),
        ("MSR", "MSR", "MSR", "MSR", "MSR"),
        ("UCI", "AT&T", "BEA", "BEA", "BEA"),
        ("Google", "Google", "UW", "UW", "UW"),
    )
    words = sorted({word for row in said for word in row})
    label = np.array([words.index(word) for row in said for word in row])
    votes, order = votes_of(np.repeat(np.arange(5), 5), label, np.tile(np.arange(5), 5), np.zeros(5, int), 5)
    found = untangle(votes, np.zeros(1))
    chances = weigh(found.votes, found.learned.habits).probability
    best = np.lexsort((-chances, votes.fact))[votes.first_value]
    answers = [words[label[order][votes.first_claim[value]]] for value in best]
    assert answers[:3] + answers[4:] == ["MIT", "MSR", "MSR", "Google"]
    pairs = zip(found.dependence.first.tolist(), found.dependence.second.tolist(), strict=True)
    ties = dict(zip(pairs, found.dependence.overall.tolist(), strict=True))
    assert ties[2, 3] > 0.85 and ties[2, 4] > 0.5 and max(p for pair, p in ties.items() if pair[0] < 2) < 0.5
