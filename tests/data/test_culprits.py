"""Culprits: messages against every possibility written out, weights against all trees, rates against known ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.data.culprits import Blame, Case, Link, Rates, learn, posteriors, priors_of, weights_of
from finlab.data.evidence import CANDIDATES

STATES = CANDIDATES + 2


def drawn_case(seed: int, columns: int, parents: list[int], rows: int = 3) -> tuple[Case, list[np.ndarray]]:
    """Rows with random codes, candidates and tables; each column hangs on one column before it: a tree."""
    random = np.random.default_rng(seed)
    shares = [np.append(1.0, random.dirichlet(np.ones(6))) for _ in range(columns)]
    seen = random.integers(1, 7, (rows, columns))
    candidates = random.integers(0, 7, (rows, columns, CANDIDATES))
    links = []
    for column, parent in zip(range(1, columns), parents, strict=True):
        table = random.lognormal(0, 2, (rows, STATES, STATES))
        links.append(Link((parent,), column, table) if random.random() < 0.5 else Link((column,), parent, table))
    typing = random.choice([0.0, 40.0], candidates.shape)
    return Case(seen, candidates, typing, random.random(seen.shape) < 0.7, links), shares


def written_out(case: Case, blame: Blame, shares: list[np.ndarray]) -> np.ndarray:
    """The posterior by enumeration of all states of all cells of each row."""
    prior = priors_of(case, blame.rates, shares)
    rows, columns, states = prior.shape
    exact = np.zeros(prior.shape)
    for row in range(rows):
        for chosen in itertools.product(range(states), repeat=columns):
            bad = np.prod([prior[row, at, state] for at, state in enumerate(chosen)])
            weight = blame.rows * bad + (1 - blame.rows) * (not any(chosen))
            for link in case.links:
                weight *= link.table[row, chosen[link.given[0]], chosen[link.column]]
            for at, state in enumerate(chosen):
                exact[row, at, state] += weight
    return exact / exact.sum(axis=2, keepdims=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([[0], [0, 0], [0, 1], [0, 0, 0], [0, 1, 2], [0, 1, 1]]))
def test_on_a_tree_the_messages_are_exact(seed: int, parents: list[int]) -> None:
    columns = len(parents) + 1
    case, shares = drawn_case(seed, columns, parents)
    blame = Blame(1.0, [Rates(0.05, 0.1, 0.02)] * columns)
    assert posteriors(case, blame, shares) == pytest.approx(written_out(case, blame, shares), abs=1e-9)


def test_an_empty_cell_is_filled_with_what_fits_the_row_in_sound_rows_too() -> None:
    case, shares = drawn_case(3, 2, [0], rows=1)
    table = np.ones((1, STATES, STATES))
    table[0, 0, 1], table[0, 1, 0] = 500.0, 500.0
    case.seen[0, 1], case.candidates[0, 1], case.candidates[0, 0] = 0, [2, 0, 0, 0], [3, 0, 0, 0]
    found = posteriors(case._replace(links=[Link((0,), 1, table)]), Blame(0.01, [Rates(0.1, 0.1, 0.1)] * 2), shares)
    assert found[0, 1, 0] == 0 and found[0, 1, 1] > 0.9
    assert found.sum(axis=2) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("edges", "columns"),
    [([(0, 1), (0, 2)], 3), ([(0, 1), (1, 2), (0, 2)], 3), ([(0, 1), (1, 0), (1, 2)], 3),
     ([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], 4), ([(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)], 4)],
)  # fmt: skip
def test_a_weight_is_the_share_of_the_spanning_trees_that_have_it(edges: list[tuple[int, int]], columns: int) -> None:
    trees = []
    for chosen in itertools.combinations(range(len(edges)), columns - 1):
        part = list(range(columns))
        for number in chosen:
            a, b = (part[end] for end in edges[number])
            part = [a if one == b else one for one in part]
        if len(set(part)) == 1:
            trees.append(set(chosen))
    shares = [sum(number in tree for tree in trees) / len(trees) for number in range(len(edges))]
    assert weights_of([((a,), b, 1.0) for a, b in edges], columns) == pytest.approx(shares)


def swapped_rows(rates: tuple[float, float, float], rows: int, seed: int) -> tuple[Case, list[np.ndarray], int]:
    """Doubtful rows of three columns that name one of forty suppliers each, with exchanged values at known rates."""
    random, kinds = np.random.default_rng(seed), 40
    true = random.integers(1, kinds + 1, rows)
    seen = np.stack(
        [np.where(random.random(rows) < r, random.integers(1, kinds + 1, rows), true) for r in rates], axis=1
    )
    seen = seen[(seen != seen[:, [0]]).any(axis=1)]
    candidates = np.zeros((*seen.shape, CANDIDATES), dtype=int)
    candidates[:, 0, :2], candidates[:, 1, :2], candidates[:, 2, :2] = seen[:, [1, 2]], seen[:, [0, 2]], seen[:, [0, 1]]
    candidates[candidates == seen[:, :, None]] = 0
    links = []
    for column in (1, 2):
        own = np.concatenate([seen[:, [0]], candidates[:, 0]], axis=1)
        other = np.concatenate([seen[:, [column]], candidates[:, column]], axis=1)
        table = np.ones((len(seen), STATES, STATES))
        same = own[:, :, None] == other[:, None, :]
        table[:, :-1, :-1] = np.where(same, kinds, 1e-4)
        table[:, :-1, -1] = np.where(same.any(axis=2), 1e-4, 1.0)
        table[:, -1, :-1] = np.where(same.any(axis=1), 1e-4, 1.0)
        table[:, :-1] = np.where((own == 0)[:, :, None], 1.0, table[:, :-1])
        table[:, :, :-1] = np.where((other == 0)[:, None, :], 1.0, table[:, :, :-1])
        links.append(Link((0,), column, table))
    known = np.ones(seen.shape, dtype=bool)
    return Case(seen, candidates, np.zeros(candidates.shape), known, links), [np.full(kinds + 1, 1 / kinds)] * 3, rows


def test_the_rates_of_errors_are_learnt_for_left_and_right_sides() -> None:
    true = (0.09, 0.03, 0.03)
    case, shares, rows = swapped_rows(true, 20_000, seed=1)
    learnt = learn(case, shares, np.ones(len(case.seen)), rows)
    found = [sum(rate) for rate in learnt.errors]
    assert found == pytest.approx(true, rel=0.3)
    wrong = 1 - posteriors(case, learnt, shares)[:, :, 0]
    assert wrong.sum(axis=0) / rows == pytest.approx(true, rel=0.25)


def test_mixed_with_sound_rows_they_are_nearly_exact() -> None:
    case, shares, _ = swapped_rows((0.1, 0.05, 0.05), 600, seed=2)
    blame = Blame(0.2, [Rates(0.02, 0.3, 0.01), Rates(0.02, 0.2, 0.01), Rates(0.02, 0.2, 0.01)])
    far = np.abs(posteriors(case, blame, shares) - written_out(case, blame, shares)).max(axis=(1, 2))
    assert len(far) > 80 and far.max() < 0.02
