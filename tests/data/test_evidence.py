"""Evidence: numbers of combinations against a dictionary, lifts against the formula written with plain loops."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.data.beliefs import beliefs_of
from finlab.data.constraints import FD
from finlab.data.evidence import Factor, Index
from finlab.data.patterns import dictionary_of, evidence_of, experts_of, patterns_of, plan_of
from finlab.data.relation import opened

CODES = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=30)


@settings(max_examples=50, deadline=None)
@given(CODES, st.lists(st.tuples(*[st.integers(0, 7)] * 3), min_size=1, max_size=30))
def test_an_index_is_a_dictionary_of_combinations(known: list[tuple[int, ...]], asked: list[tuple[int, ...]]) -> None:
    for width in (1, 2, 3):
        there = {one[:width] for one in known}
        index = Index([np.array([one[at] for one in known]) for at in range(width)])
        numbers = index([np.array([one[at] for one in [*known, *asked]]) for at in range(width)])
        assert [number >= 0 for number in numbers] == [one[:width] in there for one in [*known, *asked]] or width == 1
        first: dict[tuple[int, ...], int] = {}
        for one, number in zip(known, numbers, strict=False):
            assert first.setdefault(one[:width], number) == number
        assert len(set(first.values())) == len(there)


def edits(a: str, b: str) -> int:
    """Edits between two texts: letters put in, left out, changed, or two neighbours exchanged."""
    d = {(i, 0): i for i in range(len(a) + 1)} | {(0, j): j for j in range(len(b) + 1)}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 < j and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
    return d[len(a), len(b)]


def alike(a: str, b: str) -> bool:
    return edits(a.lower(), b.lower()) <= max(1, math.floor(0.15 * max(len(a), len(b))))


class Slow:
    """The beliefs of a dependency by the formula of the room `beliefs`, with loops over groups and values."""

    def __init__(self, frame: pd.DataFrame, noise: tuple[float, float, float, float]) -> None:
        self.frame = frame
        self.error, self.copy, self.typing, self.chance = noise
        self.share = frame["v"].value_counts(normalize=True).to_dict()

    def beliefs(self, group: str, without: str = "") -> dict[str, float]:
        """The beliefs of a group, without one row that has the value `without`; "" is that none is true."""
        own = self.frame.loc[self.frame["k"] == group, "v"].value_counts().to_dict()
        elsewhere = {v: int((self.frame["v"] == v).sum()) - n for v, n in own.items()}
        vote, start = math.log((1 - self.error) / self.copy), math.log(self.error / self.copy)
        scores = {"": start}
        for v, n in own.items():
            left = n - (v == without)
            scores[v] = left * vote if left else start + math.log(self.share[v])
            for o, times in own.items():
                if o != v and not (o == without and times == 1):
                    seen = self.typing / self.chance / (1 + elsewhere[o]) if alike(o, v) else 0.0
                    scores[v] += math.log(seen + 1 - self.typing)
        total = sum(math.exp(one) for one in scores.values())
        return {v: math.exp(one) / total for v, one in scores.items()}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["acme", "axme", "blue", "dark"])), min_size=2, max_size=9
    )
)
def test_beliefs_and_lifts_are_the_formulas(rows: list[tuple[str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["k", "v"])
    with opened(frame) as relation:
        plan = plan_of(relation, experts_of(relation, [FD("k", "v")], more=False))
        patterns = patterns_of(plan)
        words = [dictionary_of(relation, patterns, name) for name in ("c0", "c1")]
        said = beliefs_of(relation, patterns, plan.declared[0], "sum(times)::BIGINT")
        factor = Factor(evidence_of(relation, said, plan.experts[0], words), [one.share for one in words], len(rows))
        told = {(g, v): (b, o) for g, v, b, o in relation.ask(f"SELECT g0, v, belief, other FROM {said.table}")}
        left = {one[:3]: one[3:] for one in relation.ask(f"SELECT g0, own, v, belief, other FROM {said.apart}")}
    slow = Slow(frame, said.noise)
    codes = [{one: code for code, one in enumerate(sorted(frame[name].unique()), start=1)} for name in ("k", "v")]
    for (group, value), (belief, other) in told.items():
        assert (belief, other) == pytest.approx((slow.beliefs(group)[value], slow.beliefs(group)[""]), rel=1e-6)
    for (group, own, value), (belief, other) in left.items():
        exact = slow.beliefs(group, own)
        assert (belief, other) == pytest.approx((exact[value], exact[""]), rel=1e-6)
    for group, own in set(rows):
        g, v = np.array([[codes[0][group]]]), np.array([[codes[1][own]]])
        line = factor.pair(factor.group([g[:, 0]])[:, None], v)
        lift = factor.lift(factor.group([g[:, 0]])[:, None], v, line)[0, 0]
        exact = slow.beliefs(group, own)
        alone = set(frame.loc[frame["k"] == group, "v"]) == {own}
        if alone:  # agreed by all: the formula without other values
            left_over = int((frame["k"] == group).sum()) - 1
            odds = math.exp(said.start - left_over * said.vote)
            exact = {own: 1 / (1 + odds), "": odds / (1 + odds)} if left_over else {own: 0.0, "": 1.0}
        d = plan.experts[0].exception
        assert lift == pytest.approx((1 - d) * (exact[own] / slow.share[own] + exact[""]) + d, rel=1e-6)


def test_lifts_are_ratios_of_probabilities_so_their_average_is_one() -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"k": random.integers(0, 9, 300).astype(str)})
    frame["v"] = [
        f"name {int(k) % 5}" if random.random() < 0.8 else f"name {random.integers(0, 5)}" for k in frame["k"]
    ]
    with opened(frame) as relation:
        plan = plan_of(relation, experts_of(relation, [FD("k", "v")], more=False))
        patterns = patterns_of(plan)
        words = [dictionary_of(relation, patterns, name) for name in ("c0", "c1")]
        said = beliefs_of(relation, patterns, plan.declared[0], "sum(times)::BIGINT")
        factor = Factor(evidence_of(relation, said, plan.experts[0], words), [one.share for one in words], 300)
    group = factor.group([np.arange(1, 10)])
    values = np.broadcast_to(np.arange(1, 6), (9, 5))
    lifts = factor.lift(np.broadcast_to(group[:, None], (9, 5)), values)[:, :-1]
    assert (lifts * words[1].share[1:]).sum(axis=1) == pytest.approx(1.0, abs=1e-6)
