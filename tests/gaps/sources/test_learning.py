"""Learning: against Dawid and Skene, against a fit by a library, and what it must not learn."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, gammaln, logit

from finlab.gaps.kernels.learning import (
    CELL_SPREAD,
    LABELS,
    SKILL_SPREAD,
    USUAL,
    VARIETIES,
    Learned,
    Skills,
    count,
    first_habits,
    fit_trust,
    fit_variety,
    improve,
    learn,
    tally,
)
from finlab.gaps.kernels.voting import HARDER, Votes, plain_habits, votes_of, weigh
from finlab.gaps.sources.hearsay import World, spread_hearsay


def votes_in(world: World, seed: int) -> tuple[Votes, np.ndarray]:
    """The votes of a world, and which values are true."""
    said = spread_hearsay(world, seed)
    votes, order = votes_of(said.fact, said.value, said.source, said.attribute, world.sources, world.attributes)
    return votes, said.right[order][votes.first_claim]


def chosen_right(votes: Votes, true: np.ndarray, probability: np.ndarray) -> np.ndarray:
    return true[np.lexsort((-probability, votes.fact))[votes.first_value]]


@pytest.mark.parametrize("answers", [2, 4, 9])
@pytest.mark.parametrize("seed", range(3))
def test_reliabilities_are_those_of_dawid_and_skene_with_one_coin(answers: int, seed: int) -> None:
    said = spread_hearsay(World(sources=5, facts=80, attributes=1, false_values=answers - 1), seed)
    fact, label, source = said.fact, said.value, said.source
    accuracy = np.full(5, 0.8)
    for _ in range(300):
        scores = np.zeros((80, answers))
        for f, said_label, s in zip(fact, label, source, strict=True):
            scores[f] += np.log((1 - accuracy[s]) / (answers - 1))
            scores[f, said_label] += np.log(accuracy[s] * (answers - 1) / (1 - accuracy[s]))
        belief = np.exp(scores - scores.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
        accuracy = np.clip(np.bincount(source, belief[fact, label]) / np.bincount(source), 1e-6, 1 - 1e-6)
    votes, _ = votes_of(fact, label, source, said.attribute, 5)
    plain = plain_habits(np.full(5, USUAL), 1, variety=1e9, labels=float(answers - 1))
    for _ in range(300):
        counted = tally(votes, plain, weigh(votes, plain))
        plain = plain._replace(trust=np.clip(fit_trust(plain.trust, plain.trust, 1e9, counted), -13, 13))
    assert expit(plain.trust) == pytest.approx(accuracy, abs=2e-4)


def test_the_trust_is_where_a_library_finds_the_top() -> None:
    votes, _ = votes_in(World(sources=6, facts=150, attributes=2, hard=1.0), 1)
    habits, skills = first_habits(votes, np.zeros(2))
    habits = habits._replace(hardness=np.log(np.tile([0.6, 0.2, 0.1, 0.05, 0.05], (2, 1))))
    total = count(votes, habits)

    def loss(theta: np.ndarray) -> float:
        reliability = np.clip(expit(theta[:, None] - HARDER), 1e-12, 1 - 1e-12)
        # the expected complete log likelihood, with the right claims spread over the classes as they are counted
        score = total.right * theta + (total.claims * np.log1p(-reliability)).sum(axis=1)
        return float(-score.sum() + ((theta - skills.expected()) ** 2).sum() / (2 * skills.cell_spread))

    best = minimize(loss, habits.trust, method="BFGS", options={"gtol": 1e-8}).x
    trust = habits.trust
    for _ in range(20):
        trust = fit_trust(trust, skills.expected(), skills.cell_spread, total)
    assert trust == pytest.approx(best, abs=1e-4)


def test_the_evidence_does_not_fall_from_round_to_round() -> None:
    votes, _ = votes_in(World(sources=8, facts=300, popular=1.0), 2)
    start = first_habits(votes, np.zeros(3))
    state = Learned(*start, count(votes, start[0]), 0, np.inf)
    evidence = []
    for _ in range(15):
        evidence.append(float(state.total.evidence[0]))
        state = improve(state, np.zeros(24, bool), hardness=False)
        state = state._replace(total=count(votes, state.habits))
    assert np.diff(evidence).min() > -1.0 and evidence[-1] > evidence[0] + 10


def test_tallies_of_pieces_add_up_to_that_of_the_whole() -> None:
    votes, _ = votes_in(World(sources=6, facts=200, slips=0.5), 3)
    habits, _ = first_habits(votes, np.zeros(3))
    for whole, parts in zip(count(votes, habits), count(votes, habits, piece=100), strict=True):
        assert parts == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize(("labels", "variety"), [(1, 1.0), (5, 1e3), (1000, 0.3), (1000, 8.0)])
def test_variety_and_labels_are_found_again(labels: int, variety: float) -> None:
    draw = np.random.default_rng(5)
    said: list[tuple[int, int, int]] = []
    for fact in range(1500):
        weights = np.full(labels, variety / labels)
        tables = np.zeros(labels)
        for source in range(8):
            if draw.random() < 0.55:
                said.append((fact, 0, source))
                continue
            label = int(draw.choice(labels, p=(weights + tables) / (weights + tables).sum()))
            tables[label] += 1
            said.append((fact, label + 1, source))
    fact, label, source = np.array(said).T
    votes, _ = votes_of(fact, label, source, np.zeros(1500, int), 8)
    learned = learn(votes, first_habits(votes, np.zeros(1)))
    share = learned.habits.variety[0] / learned.habits.labels[0]
    meet = (share + 1) / (learned.habits.variety[0] + 1)  # how often two wrong claims meet
    expected = (variety / labels + 1) / (variety + 1)
    assert meet == pytest.approx(expected, rel=0.25)


def test_the_grid_is_the_closed_form() -> None:
    votes, _ = votes_in(World(sources=6, facts=200, attributes=1), 6)
    habits, _ = first_habits(votes, np.zeros(1))
    total = count(votes, habits)
    bins = np.arange(7)

    def score(alpha: float, n: float) -> float:
        sizes = sum(
            w * (gammaln(alpha / n + m) - gammaln(alpha / n)) for m, w in zip(bins, total.sizes[0], strict=True) if m
        )
        totals = sum(w * (gammaln(alpha + m) - gammaln(alpha)) for m, w in zip(bins, total.totals[0], strict=True))
        kinds = sum(
            w * (gammaln(n + 1) - gammaln(n - k + 1) if k <= n else -50.0)
            for k, w in zip(bins, total.kinds[0], strict=True)
        )
        prior = -0.5 * (np.log(alpha / 10.0)) ** 2 + 2.0 * (n == LABELS[-1])
        return float(sizes - totals + kinds + prior)

    best = max((score(alpha, n), alpha, n) for alpha in VARIETIES for n in LABELS)
    variety, labels = fit_variety(total)
    assert (variety[0], labels[0]) == best[1:]


def test_slips_are_found_where_they_are_and_not_where_they_are_not() -> None:
    from finlab.gaps.sources.candidates import near_numbers

    for slips, low, high in ((0.6, 0.4, 0.75), (1e-9, 0.0, 0.08)):
        said = spread_hearsay(World(sources=10, facts=400, attributes=1, slips=slips, width=4.0), 7)
        votes, order = votes_of(said.fact, said.value + 5000, said.source, said.attribute, 10)
        number = said.value[order][votes.first_claim].astype(float)
        votes = votes._replace(near=near_numbers(votes, number, np.ones(1), ["clock"]))
        habits = learn(votes, first_habits(votes, np.zeros(1))).habits
        assert low <= habits.slips[0] <= high
        assert slips < 0.1 or habits.width[0] == pytest.approx(4.0, rel=0.25)


@pytest.mark.parametrize("seed", range(4))
def test_two_sources_never_win_against_each_other(seed: int) -> None:
    votes, _ = votes_in(World(sources=2, facts=300, attributes=2, reliability=(0.4, 0.95)), seed)
    learned = learn(votes, first_habits(votes, np.zeros(2)))
    chances = weigh(votes, learned.habits).probability
    split = np.diff(votes.first_value, append=len(votes.fact)) == 2
    assert chances[split[votes.fact]].max() <= 0.5


def test_sources_that_are_alike_are_not_told_apart() -> None:
    spreads = []
    for seed in range(5):
        votes, _ = votes_in(World(sources=10, facts=500, attributes=1, reliability=(0.75, 0.75), apart=0.0), seed)
        spreads.append(np.std(learn(votes, first_habits(votes, np.zeros(1))).habits.trust))
    assert np.mean(spreads) < 0.2  # a reliability of 0.75 is known within 0.04


def test_a_trusted_source_decides_and_teaches() -> None:
    said = spread_hearsay(World(sources=3, facts=300, attributes=1, coverage=(1, 1), reliability=(0.5, 0.9)), 3)
    known = said.source == 0
    value = np.where(known, 0, said.value)
    fewer = ~known | (said.fact < 60)
    fact, source = said.fact[fewer], said.source[fewer]
    votes, _ = votes_of(fact, value[fewer], source, said.attribute, 3)
    trusted = np.array([True, False, False])
    learned = learn(votes, first_habits(votes, np.zeros(1), trusted), trusted=trusted)
    real = [np.mean(said.value[said.source == one] == 0) for one in (1, 2)]
    assert expit(learned.habits.trust[1:]) == pytest.approx(real, abs=0.1)
    weighed = weigh(votes, learned.habits)
    first = np.lexsort((-weighed.probability, votes.fact))[votes.first_value]
    assert weighed.probability[first[:60]].min() > 0.999


def test_the_prior_of_trust_is_shared_by_source_and_by_attribute() -> None:
    skills = Skills(np.array([1.0, -1.0]), np.array([0.5, 0.0, -0.5]), SKILL_SPREAD, CELL_SPREAD)
    assert skills.expected().tolist() == [1.5, -0.5, 1.0, -1.0, 0.5, -1.5]


@pytest.mark.parametrize(
    ("world", "least"),
    [
        (World(sources=5, facts=300, attributes=2), 0.0),
        (World(sources=8, facts=300, popular=1.5), 0.0),
        (World(sources=15, facts=300, reliability=(0.2, 0.6)), 0.01),
        (World(sources=8, facts=300, reliability=(0.7, 0.7), apart=0.0), -0.01),
    ],
    ids=["few", "popular", "bad", "equal"],
)
def test_the_weighted_answer_is_no_worse_than_the_vote(world: World, least: float) -> None:
    gains = []
    for seed in range(5):
        votes, true = votes_in(world, seed)
        mass = np.diff(votes.first_claim, append=len(votes.value))
        most = mass == np.maximum.reduceat(mass, votes.first_value)[votes.fact]
        voted = np.add.reduceat(most * true, votes.first_value) / np.add.reduceat(most, votes.first_value)
        habits = learn(votes, first_habits(votes, np.zeros(world.attributes))).habits
        gains.append(chosen_right(votes, true, weigh(votes, habits).probability).mean() - voted.mean())
    assert np.mean(gains) >= least


def test_true_reliabilities_are_found() -> None:
    said = spread_hearsay(World(sources=10, facts=1500, attributes=1), 8)
    votes, _ = votes_of(said.fact, said.value, said.source, said.attribute, 10)
    found = expit(learn(votes, first_habits(votes, np.zeros(1))).habits.trust)
    assert logit(found) == pytest.approx(logit(said.reliability[:, 0]), abs=0.25)
