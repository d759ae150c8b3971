"""Voting: the arrays against a slow twin that tells the story fact by fact, against ACCU, and what must always hold."""

import itertools
from math import exp, inf, lgamma, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from finlab.gaps.kernels.voting import (
    HARDER,
    Habits,
    Near,
    Votes,
    choose_facts,
    pieces,
    plain_habits,
    votes_of,
    weigh,
)


def rising(mass: float, share: float) -> float:
    return lgamma(share + mass) - lgamma(share)


def slow(votes: Votes, habits: Habits, fact: int) -> tuple[dict[int, float], float]:  # noqa: C901 (one story, told once)
    """The probabilities of the values of one fact, and of nobody's being right, in dictionaries and loops."""
    at = int(votes.attribute[fact])
    values = [int(value) for value in np.flatnonzero(votes.fact == fact)]
    claims = [claim for claim in range(len(votes.value)) if votes.value[claim] in values]
    mass = {v: sum(float(votes.weight[c]) for c in claims if votes.value[c] == v) for v in values}
    offset = {
        (int(v), int(k)): float(o)
        for v, k, o in zip(votes.near.value, votes.near.other, votes.near.offset, strict=True)
    }
    alpha, n, slips = habits.variety[at], habits.labels[at], habits.slips[at]
    width, ratio = habits.width[at], exp(-1 / habits.width[at])

    def density(distance: float) -> float:
        if habits.alike[at] > 0:
            return 1 / habits.alike[at]
        return (1 - ratio) / (2 * ratio) * ratio ** max(abs(distance), 1)

    def share(distance: float | None) -> float:
        return alpha * ((1 - slips) / n + (slips * density(distance) if distance is not None else 0))

    def wrong(truth: int | None, hidden: float = 0, beside: int | None = None) -> float:
        """The log probability of the wrong claims; `hidden`: the truth lies so far beside a value, unclaimed."""
        total = 0.0
        for k in values:
            if k == truth:
                continue
            if truth is not None:
                distance = offset.get((truth, k))
            elif beside is None:
                distance = None
            else:
                distance = hidden if k == beside else offset.get((beside, k))
                distance = None if distance is None else distance - (0 if k == beside else hidden)
            total += rising(mass[k], share(distance))
        return total - rising(sum(m for k, m in mass.items() if k != truth), alpha)

    def all_sources(truth: int | None, harder: float) -> float:
        total = 0.0
        for c in claims:
            right = expit(habits.trust[votes.cell[c]] - harder)
            total += votes.weight[c] * log(right if votes.value[c] == truth else 1 - right)
        return total

    hidden, taken = [], 0.0
    for v, sign in itertools.product(values if slips > 0 else [], (1, -1)):
        gap = min((sign * o for (one, _), o in offset.items() if one == v and sign * o > 0), default=inf)
        step = max(min(log(2) * width, gap / 2), 1)
        half = 0.5 / ((1 - ratio) / (2 * ratio) * ratio ** max(step, 1))
        room = min((gap - 1) / 2, half)
        if habits.alike[at] > 0:
            room = habits.alike[at] / (1 + sum(one == v for one, _ in offset)) / 2
        if room > 0:
            hidden.append(log(room) + wrong(None, sign * step, v))
            taken += room
    away = log(max(n + 1 - len(values) - taken, 1e-9)) + wrong(None)
    classes = [(float(harder), float(part)) for harder, part in zip(HARDER, habits.hardness[at], strict=True)]
    none = sum(exp(part + all_sources(None, harder) + log_w) for harder, part in classes for log_w in [away, *hidden])
    each = {v: sum(exp(part + all_sources(v, h) + wrong(v)) for h, part in classes) for v in values}
    total = none + sum(each.values())
    return {v: p / total for v, p in each.items()}, none / total


def some_votes(seed: int, facts: int = 30, sources: int = 7, attributes: int = 2) -> Votes:
    draw = np.random.default_rng(seed)
    fact, source = np.nonzero(draw.random((facts, sources)) < 0.7)
    whole, fact = np.unique(fact, return_inverse=True)
    votes, _ = votes_of(fact, draw.integers(0, 4, len(fact)), source, draw.integers(0, attributes, len(whole)), sources)
    weight = np.where(draw.random(len(fact)) < 0.3, draw.uniform(0.05, 1, len(fact)), 1.0)
    pairs = [
        (i, j)
        for i, j in itertools.permutations(range(len(votes.fact)), 2)
        if votes.fact[i] == votes.fact[j]
    ]  # fmt: skip
    place = draw.integers(0, 40, len(votes.fact))
    one, other = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    offset = (place[other] - place[one]).astype(float)
    apart = offset != 0
    return votes._replace(weight=weight, near=Near(one[apart], other[apart], offset[apart]))


def some_habits(seed: int, cells: int, attributes: int, slips: bool, alike: bool = False) -> Habits:
    draw = np.random.default_rng(seed)
    hard = draw.dirichlet(np.ones(len(HARDER)), attributes)
    return Habits(
        draw.normal(1, 1, cells),
        np.log(hard),
        draw.uniform(0.2, 20, attributes),
        draw.uniform(50, 300, attributes),
        draw.uniform(0.2, 0.8, attributes) if slips else np.zeros(attributes),
        draw.uniform(0.6, 8, attributes),
        np.full(attributes, 3.0 if alike else 0.0),
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["apart", "slips", "texts"])
def test_the_arrays_are_the_story_told_fact_by_fact(seed: int, kind: str) -> None:
    votes = some_votes(seed)
    habits = some_habits(
        seed + 50, votes.sources * votes.attributes, votes.attributes, kind != "apart", kind == "texts"
    )
    if kind == "texts":
        votes = votes._replace(near=votes.near._replace(offset=np.zeros(len(votes.near.offset))))
    weighed = weigh(votes, habits)
    for fact in range(len(votes.attribute)):
        each, none = slow(votes, habits, fact)
        assert weighed.probability[list(each)] == pytest.approx(list(each.values()), rel=1e-9, abs=1e-12)
        assert weighed.unclaimed[fact] == pytest.approx(none, rel=1e-9, abs=1e-12)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.integers(4, 50), st.integers(0, 10**6))
def test_errors_that_never_meet_by_more_than_chance_are_those_of_accu(said: list[int], n: int, seed: int) -> None:
    accuracy = np.random.default_rng(seed).uniform(0.1, 0.95, len(said))
    scores: dict[int, float] = {}
    for label, right in zip(said, accuracy, strict=True):  # Dong and others (2009), sec. 3.2
        scores[label] = scores.get(label, 0.0) + log(n * right / (1 - right))
    total = sum(exp(score) for score in scores.values()) + n + 1 - len(scores)
    votes, _ = votes_of(np.zeros(len(said), int), np.array(said), np.arange(len(said)), np.array([0]), len(said))
    weighed = weigh(votes, plain_habits(logit(accuracy), 1, 1e9, float(n)))
    expected = [exp(score) / total for _, score in sorted(scores.items())]
    assert weighed.probability == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("values", [2, 3, 5, 9])
@pytest.mark.parametrize("voices", [1, 2, 19])
@pytest.mark.parametrize("variety", [0.05, 3.0, 1e6])
def test_values_that_are_equally_supported_share_at_most_one(values: int, voices: int, variety: float) -> None:
    label = np.repeat(np.arange(values), voices)
    votes, _ = votes_of(np.zeros(len(label), int), label, np.arange(len(label)), np.array([0]), len(label))
    found = weigh(votes, plain_habits(np.full(len(label), logit(0.8)), 1, variety, 1000.0)).probability
    assert found.max() <= 1 / values * (1 + 1e-12) and np.ptp(found) < 1e-12


@pytest.mark.parametrize("reliability", [0.01, 0.5, 0.8, 0.999])
@pytest.mark.parametrize("slips", [0.0, 0.6])
def test_the_word_of_one_source_has_its_reliability(reliability: float, slips: float) -> None:
    votes, _ = votes_of(np.zeros(1, int), np.zeros(1, int), np.zeros(1, int), np.array([0]), 1)
    habits = plain_habits(np.array([logit(reliability)]), 1, 3.0, 500.0)._replace(slips=np.array([slips]))
    weighed = weigh(votes, habits._replace(width=np.array([4.0])))
    assert weighed.probability[0] == pytest.approx(reliability) and weighed.unclaimed[0] == pytest.approx(
        1 - reliability
    )


@given(st.integers(0, 10**6))
def test_probabilities_of_a_fact_add_up_to_one(seed: int) -> None:
    votes = some_votes(seed, facts=8)
    weighed = weigh(votes, some_habits(seed, votes.sources * votes.attributes, votes.attributes, slips=seed % 2 == 0))
    assert np.add.reduceat(weighed.probability, votes.first_value) + weighed.unclaimed == pytest.approx(1.0)
    assert weighed.hardness.sum(axis=1) == pytest.approx(1.0) and np.isfinite(weighed.evidence).all()


def test_one_more_voice_never_makes_a_value_less_probable() -> None:
    found = []
    for more in range(1, 8):
        said = np.array([0] * more + [1, 1, 2])
        votes, _ = votes_of(np.zeros(len(said), int), said, np.arange(len(said)), np.array([0]), len(said))
        found.append(weigh(votes, plain_habits(np.full(len(said), 1.0), 1, 4.0, 100.0)).probability[0])
    assert (np.diff(found) > 0).all()


def test_pieces_and_chosen_facts_are_weighed_like_the_whole() -> None:
    votes = some_votes(3, facts=60)
    habits = some_habits(4, votes.sources * votes.attributes, votes.attributes, slips=True)
    whole = weigh(votes, habits)
    parts = [weigh(part, habits) for _, _, part in pieces(votes, 40)]
    assert len(parts) > 3 and np.concatenate([part.probability for part in parts]) == pytest.approx(whole.probability)
    chosen = np.random.default_rng(1).random(len(votes.attribute)) < 0.5
    some = weigh(choose_facts(votes, chosen), habits)
    assert some.probability == pytest.approx(whole.probability[chosen[votes.fact]])
    assert some.evidence == pytest.approx(whole.evidence[chosen])


def test_hundreds_of_sources_do_not_overflow() -> None:
    said = np.array([0] * 900 + [1] * 100)
    votes, _ = votes_of(np.zeros(1000, int), said, np.arange(1000), np.array([0]), 1000)
    found = weigh(votes, plain_habits(np.full(1000, 13.0), 1, 0.05, 1000.0))
    assert found.probability == pytest.approx([1.0, 0.0], abs=1e-9) and np.isfinite(found.evidence).all()
