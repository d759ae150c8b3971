"""Reliability: intervals that hold, a covariance against plain sums, and no evidence where there is none."""

import numpy as np
import pytest
from scipy.special import expit

from finlab.gaps.kernels.copying import untangle
from finlab.gaps.kernels.learning import LEVEL_SPREAD, first_habits, learn
from finlab.gaps.kernels.reliability import Reliability, measure_reliability, trust_covariance
from finlab.gaps.kernels.voting import HARDER, votes_of, weigh
from finlab.gaps.sources.hearsay import World, spread_hearsay


def measured(world: World, seed: int) -> tuple[Reliability, np.ndarray]:
    said = spread_hearsay(world, seed)
    votes, _ = votes_of(said.fact, said.value, said.source, said.attribute, world.sources, world.attributes)
    found = untangle(votes, np.zeros(world.attributes))
    nobody = np.zeros(world.sources * world.attributes, bool)
    right = np.bincount(said.source, said.right, world.sources) / np.bincount(said.source, minlength=world.sources)
    return measure_reliability(found.votes, found.learned, nobody), right


@pytest.mark.parametrize(
    ("world", "times", "least"),
    [
        (World(sources=3, facts=100, attributes=1), 20, 0.85),
        (World(sources=6, facts=100, attributes=2), 12, 0.92),
        (World(sources=12, facts=300, hard=1.5), 4, 0.92),
        (World(sources=15, facts=300, copying=(5,), reliability=(0.5, 0.9)), 4, 0.92),
    ],
    ids=["three", "six", "hard", "copiers"],
)
def test_intervals_of_95_hold(world: World, times: int, least: float) -> None:
    inside = [
        (found.low <= right) & (right <= found.high) for found, right in (measured(world, s) for s in range(times))
    ]
    assert np.concatenate(inside).mean() >= least


def test_the_covariance_is_that_of_plain_sums() -> None:
    said = spread_hearsay(World(sources=4, facts=60, attributes=2), 1)
    votes, _ = votes_of(said.fact, said.value, said.source, said.attribute, 4)
    learned = learn(votes, first_habits(votes, np.zeros(2)))
    weighed = weigh(votes, learned.habits)
    skills = learned.skills
    for at in (0, 1):
        information = np.zeros((4, 4))
        for fact in np.flatnonzero(votes.attribute == at):
            u = np.zeros(4)
            for claim in np.flatnonzero(votes.fact[votes.value] == fact):
                cell = votes.cell[claim]
                expected = weighed.hardness[fact] @ expit(learned.habits.trust[cell] - HARDER)
                u[cell // 2] += weighed.probability[votes.value[claim]] - expected
            information += np.outer(u, u)
        prior = (skills.cell_spread + skills.skill_spread) * np.eye(4) + LEVEL_SPREAD
        expected = np.linalg.inv(information + np.linalg.inv(prior))
        assert trust_covariance(votes, learned.habits, skills)[at] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sources", [4, 12])
def test_sources_that_are_alike_show_no_difference(sources: int) -> None:
    world = World(sources=sources, facts=200, attributes=1, reliability=(0.7, 0.7), apart=0.0)
    assert np.mean([measured(world, seed)[0].differ() for seed in range(10)]) <= 0.1


def test_sources_that_differ_much_show_it() -> None:
    assert all(measured(World(sources=8, facts=300, reliability=(0.4, 0.95)), seed)[0].differ() for seed in range(5))


def test_a_source_alone_has_the_prior_and_a_wide_interval() -> None:
    found, _ = measured(World(sources=1, facts=300, attributes=1), 1)
    assert found.overall[0] == pytest.approx(0.8, abs=0.01) and found.low[0] < 0.3 and found.high[0] > 0.95
    assert not found.differ()


def test_a_trusted_source_is_certain_and_is_not_compared() -> None:
    said = spread_hearsay(World(sources=3, facts=50, attributes=1, reliability=(0.7, 0.7), apart=0.0), 2)
    votes, _ = votes_of(said.fact, said.value, said.source, said.attribute, 3)
    trusted = np.array([True, False, False])
    learned = learn(votes, first_habits(votes, np.zeros(1), trusted), trusted=trusted)
    found = measure_reliability(votes, learned, trusted)
    assert found.overall[0] > 0.999 and found.high[0] - found.low[0] < 1e-6
    assert found.spread[0] == 0
