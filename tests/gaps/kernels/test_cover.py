"""Covers: the best is that of brute force, probabilities are those of all covers, and what cannot be is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import OptimizeResult

from finlab.core.errors import InputError
from finlab.gaps.kernels import cover as room
from finlab.gaps.kernels import settling
from finlab.gaps.kernels.atoms import MOST_BITS, Atoms, atoms_of
from finlab.gaps.kernels.cover import best, cheapest
from finlab.gaps.kernels.settling import settle

Problem = list[tuple[float, list[int]]]
ROWS = 7
MEMBERS = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4, unique=True)
PROBLEMS = st.lists(st.tuples(st.floats(-12, 25), MEMBERS), max_size=9)
TIED = st.lists(st.tuples(st.sampled_from([0.0, 5.0, 10.0, 15.0]), MEMBERS), max_size=9)
DEEP = 16.0  # bits: with it, what is left out of a probability is below 1e-3


def covers(problem: Problem) -> list[tuple[float, list[int]]]:
    """All covers, each with its bits, by writing down every set of explanations."""
    found = []
    for mask in range(1 << len(problem)):
        chosen = [place for place in range(len(problem)) if mask >> place & 1]
        rows = [row for place in chosen for row in problem[place][1]]
        if len(set(rows)) == len(rows):
            found.append((sum(problem[place][0] for place in chosen), chosen))
    return found


def brute(problem: Problem, rows: int) -> tuple[float, dict[int, float]]:
    """The bits of the best cover, and the probability of each thing."""
    every = covers(problem)
    most = max(bits for bits, _ in every)
    total = sum(2.0 ** (bits - most) for bits, _ in every)
    shares = dict.fromkeys([*range(len(problem)), *(-1 - row for row in range(rows))], 0.0)
    for bits, chosen in every:
        used = {row for place in chosen for row in problem[place][1]}
        for thing in [*chosen, *(-1 - row for row in range(rows) if row not in used)]:
            shares[thing] += 2.0 ** (bits - most) / total
    return most, shares


def partition(problem: Problem, things: list[int]) -> list[int]:
    """The rows of all things of a cover."""
    return sorted(row for thing in things for row in (problem[thing][1] if thing >= 0 else [-1 - thing]))


@given(st.one_of(PROBLEMS, TIED))
def test_the_best_cover_saves_what_brute_force_saves(problem: Problem) -> None:
    atoms, (most, _) = atoms_of(problem), brute(problem, ROWS)
    cover, chosen = cheapest(atoms, ROWS), best(atoms, ROWS)
    assert cover.bits(atoms) == pytest.approx(most, abs=1e-5)
    assert atoms.gains[chosen].sum() == pytest.approx(most, abs=1e-5)
    assert partition(problem, cover.things) == list(range(ROWS))


@given(st.one_of(PROBLEMS, TIED))
def test_probabilities_are_those_of_all_covers(problem: Problem) -> None:
    cover, (_, shares) = cheapest(atoms_of(problem), ROWS, DEEP), brute(problem, ROWS)
    for thing, probability, rivals in zip(*cover, strict=True):
        assert probability == pytest.approx(shares[thing], abs=1e-3)
        for rival, share in rivals:
            assert share == pytest.approx(shares[rival], abs=1e-3)
        assert [share for _, share in rivals] == sorted((share for _, share in rivals), reverse=True)


@given(PROBLEMS, st.floats(1, 20))
def test_what_is_settled_is_in_every_cover_within_the_depth(problem: Problem, depth: float) -> None:
    settled, every = settle(atoms_of(problem), ROWS, depth), covers(problem)
    most = max(bits for bits, _ in every)
    for atom in np.flatnonzero(settled.taken).tolist():
        assert all(atom in chosen for bits, chosen in every if bits > most - depth + 1e-9)


@pytest.mark.parametrize("part", [1, 2, 7, 1000])
def test_what_is_settled_is_the_same_in_parts_of_any_length(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(part)
    members = [draw.choice(60, size, replace=False).tolist() for size in draw.integers(1, 4, size=90)]
    atoms = atoms_of(list(zip(draw.normal(20, 12, size=90).tolist(), members, strict=True)))
    whole = settle(atoms, 60, 4.0)
    monkeypatch.setattr(settling, "PART", part)
    parts = settle(atoms, 60, 4.0)
    assert 0 < whole.taken.sum() < 60 and np.array_equal(whole.taken, parts.taken)
    assert np.allclose(whole.margins, parts.margins) and np.array_equal(whole.open, parts.open)


@given(PROBLEMS)
def test_a_first_margin_never_claims_too_much(problem: Problem) -> None:
    margins, (_, shares) = settling._margins(atoms_of(problem)) if problem else [], brute(problem, ROWS)
    for atom, margin in enumerate(margins):
        assert shares[atom] >= 1 / (1 + 2.0**-margin) - 1e-9


@given(PROBLEMS, st.randoms())
def test_the_order_of_explanations_does_not_matter(problem: Problem, order: Any) -> None:
    mixed = list(range(len(problem)))
    order.shuffle(mixed)
    atoms, other = atoms_of(problem), atoms_of([problem[place] for place in mixed])
    one, two = cheapest(atoms, ROWS, DEEP), cheapest(other, ROWS, DEEP)
    assert one.bits(atoms) == pytest.approx(two.bits(other), abs=1e-5)
    shares = dict(zip(one.things, one.probability, strict=True))
    for thing, share in zip(two.things, two.probability, strict=True):
        named = mixed[thing] if thing >= 0 else thing
        if named in shares:
            assert share == pytest.approx(shares[named], abs=2e-3)


@pytest.mark.parametrize("rivals", [2, 3, 10, 60, 500])
def test_rivals_that_fit_equally_well_share_equally(rivals: int) -> None:
    cover = cheapest(atoms_of([(20.0, [0, rival]) for rival in range(1, rivals + 1)]), rivals + 1)
    (taken,) = [place for place, thing in enumerate(cover.things) if thing >= 0]
    assert cover.probability[taken] == pytest.approx(1 / rivals, rel=1e-4)
    others = [share for thing, share in cover.rivals[taken] if thing >= 0]
    assert len(others) == rivals - 1 and others == pytest.approx([1 / rivals] * len(others), rel=1e-4)


def test_sets_that_add_up_equally_well_share_equally() -> None:
    """A payment and twelve invoices, any three of which explain it: 220 sets, far more rows than are freed."""
    sets = [[0, a, b, c] for c in range(12, 0, -1) for b in range(1, c) for a in range(1, b)]
    cover = cheapest(atoms_of([(15.0, rows) for rows in sets]), 13)
    assert max(share for thing, share in zip(cover.things, cover.probability, strict=True) if thing >= 0) <= 1 / 219


def test_pairs_that_can_be_exchanged_at_will_share_equally() -> None:
    size = 8
    cover = cheapest(atoms_of([(10.0, [a, size + b]) for a in range(size) for b in range(size)]), 2 * size)
    assert cover.probability == pytest.approx([1 / size] * size, rel=1e-3)


def test_a_cut_that_forgets_the_gap_would_lose_the_best_cover() -> None:
    """Rings in one component: the relaxed solution is far above, and parts of the best cover lose bits."""
    ring = [(10.0, [a, b]) for start in range(0, 12, 3) for a, b in ((start, start + 1), (start + 1, start + 2))]
    ring += [(10.0, [start, start + 2]) for start in range(0, 12, 3)]
    chain = [(0.5, [start + 2, start + 3]) for start in range(0, 9, 3)]
    problem = ring + chain
    atoms = atoms_of(problem)
    assert cheapest(atoms, 12, 1.0).bits(atoms) == pytest.approx(brute(problem, 12)[0])


def test_rivals_within_the_gap_keep_their_share() -> None:
    """A ring of pairs, and a single for the row that is left over: the singles lose 4 bits, more than the depth."""
    problem = [(10.0, [a, b]) for a, b in ((0, 1), (1, 2), (0, 2))] + [(1.0, [row]) for row in range(3)]
    cover = cheapest(atoms_of(problem), 3, depth=3.0)
    (pair,) = [share for thing, share in zip(cover.things, cover.probability, strict=True) if 0 <= thing < 3]
    assert pair == pytest.approx(1 / 3, abs=1e-6)


def test_large_problems_are_as_good_as_an_exact_matching() -> None:
    """Pairs alone are an assignment problem, which SciPy solves by another method."""
    from scipy.optimize import linear_sum_assignment

    draw = np.random.default_rng(1)
    bits = draw.normal(8, 5, size=(60, 60))
    atoms = atoms_of([(float(bits[a, b]), [a, 60 + b]) for a in range(60) for b in range(60)])
    rows, columns = linear_sum_assignment(np.maximum(bits, 0.0), maximize=True)
    assert atoms.gains[best(atoms, 120)].sum() == pytest.approx(np.maximum(bits, 0.0)[rows, columns].sum())


def test_if_the_solver_gives_up_there_is_a_cover_nevertheless(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = [(20.0, [0, 3]), (25.0, [1, 2, 3]), (18.0, [1, 4])]
    atoms = atoms_of(problem)
    monkeypatch.setattr(room, "linprog", lambda *_, **__: OptimizeResult(status=1, x=None))
    cover = cheapest(atoms, 5, DEEP)
    assert cover.bits(atoms) == 38.0
    for thing, probability in zip(cover.things, cover.probability, strict=True):
        assert probability == pytest.approx(brute(problem, 5)[1][thing], abs=1e-3)
    monkeypatch.setattr(room, "milp", lambda *_, **__: OptimizeResult(status=1, x=None))
    cover = cheapest(atoms, 5)
    assert cover.bits(atoms) == 25.0 and partition(problem, cover.things) == [0, 1, 2, 3, 4]
    assert all(0 <= share <= 1 for share in cover.probability)


def test_edges() -> None:
    none = atoms_of([])
    assert cheapest(none, 0) == ([], [], []) and best(none, 3).tolist() == []
    assert cheapest(none, 2) == ([-1, -2], [1.0, 1.0], [(), ()])
    assert settle(none, 2).taken.tolist() == []
    lonely = cheapest(atoms_of([(-20.0, [0])]), 1)
    assert lonely.things == [-1] and lonely.probability == [1.0]
    even = cheapest(atoms_of([(0.0, [0])]), 1)
    assert even.probability == pytest.approx([0.5])
    huge = atoms_of([(MOST_BITS, [0, 1]), (MOST_BITS, [1, 2]), (MOST_BITS, [0, 2])])
    assert cheapest(huge, 3).bits(huge) == MOST_BITS and max(cheapest(huge, 3).probability) == pytest.approx(1 / 3)
    wide = atoms_of([(30.0, list(range(40))), *((1.0, [row]) for row in range(40))])
    assert cheapest(wide, 40).bits(wide) == 40.0


def test_explanations_of_many_rows_are_counted_as_well() -> None:
    """One explanation of 30 rows against 30 of one row each: more rows than are freed, but few states."""
    cover = cheapest(atoms_of([(48.0, list(range(30))), *((1.0, [row]) for row in range(30))]), 30, depth=60.0)
    assert cover.things == [0]
    assert cover.probability[0] == pytest.approx(2.0**48 / (2.0**48 + 3.0**30))  # each row with its own, or alone


def test_the_work_grows_with_the_rows_and_not_faster() -> None:
    """Counted in steps of the recursion, not in seconds."""
    draw, steps = np.random.default_rng(2), []
    for groups in (20, 200):
        problem = [
            (float(draw.normal(12, 8)), (6 * group + draw.permutation(6)[: draw.integers(1, 4)]).tolist())
            for group in range(groups)
            for _ in range(8)
        ]
        count = 0
        whole = room._paths

        def counted(*given: Any, whole: Any = whole) -> Any:
            nonlocal count
            found = whole(*given)
            count += len(found.steps)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(room, "_paths", counted)
            cheapest(atoms_of(problem), 6 * groups)
        steps.append(count / groups)
    assert steps[1] < 1.5 * steps[0]


@pytest.mark.parametrize(
    ("explanations", "words"),
    [
        ([(1.0, [])], "starts is"),
        ([(1.0, [0, 0])], "a row twice"),
        ([(1.0, [-1])], "a row is -1"),
        ([(1.0, [2**70])], "a row is"),
        ([(float("nan"), [0])], "a saving is nan"),
        ([(float("inf"), [0])], "a saving is inf"),
        ([(1e300, [0])], "a saving is 1e"),
        ([(1.0, [0.5])], "an explanation is"),
        ([(1.0, None)], "an explanation is"),
        ([("much", [0])], "an explanation is"),
        ([5], "an explanation is 5"),
        ([(1.0, [0], 2)], "an explanation is"),
        (7, "explanations is 7"),
    ],
)
def test_what_is_no_explanation_is_named(explanations: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        atoms_of(explanations)


@pytest.mark.parametrize("ask", [settle, best, cheapest])
def test_what_is_no_atoms_is_named(ask: Any) -> None:
    with pytest.raises(InputError, match="atoms is 7"):
        ask(7, 2)


GOOD = ([1.0], [0, 1], [0])


@pytest.mark.parametrize("ask", [settle, best, cheapest])
@pytest.mark.parametrize(
    ("arrays", "more", "words"),
    [
        (GOOD, {"rows": 0}, "a row is 0"),
        (GOOD, {"rows": 2.5}, "rows is 2.5"),
        (GOOD, {"depth": "deep"}, "depth is 'deep'"),
        (GOOD, {"rows": -1}, "rows is -1"),
        (GOOD, {"depth": 0.0}, "depth is 0.0"),
        (GOOD, {"depth": float("nan")}, "depth is nan"),
        (([np.nan], [0, 1], [0]), {}, "a saving is nan"),
        (([1.0], [0, 2], [0]), {}, "starts is"),
        (([1.0], [], [0]), {}, "starts is"),
        (([1.0], [0, 1], [0.5]), {}, "rows is"),
        (([1], [0, 1], [0]), {}, "gains is"),
        (([1.0, 1.0], [0, 2, 4], [0, 1, 1, 1]), {}, "a row twice"),
    ],
)
def test_wrong_arrays_are_named(ask: Any, arrays: Any, more: dict[str, Any], words: str) -> None:
    atoms = Atoms(*(np.array(values, dtype=None if values else np.int64) for values in arrays))
    with pytest.raises(InputError, match=words):
        ask(atoms, **{"rows": 2, **more})
