"""Tables whose entropy is known: what the intervals are tried on, in many regimes, with fixed seeds."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from finlab.gaps.kernels.entropy import Crosstab


class Known(NamedTuple):
    """Counts drawn from probabilities that are known, and the true entropies in bits."""

    table: Crosstab
    entropy: float
    conditional: float


def zipf(kinds: int, power: float = 1.0) -> np.ndarray:
    weights = np.arange(1, kinds + 1.0) ** -power
    return weights / weights.sum()


def bits(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(shares @ -np.log2(shares))


def _gammas(draw: np.random.Generator, shape: np.ndarray | float, size: tuple[int, int]) -> np.ndarray:
    found = draw.standard_gamma(np.maximum(shape, 1e-9), size) + 1e-300
    return found / found.sum(1, keepdims=True)


def _noisy(draw: np.random.Generator, groups: int, rest: np.ndarray, noise: float | np.ndarray) -> np.ndarray:
    """Each value of A has one value of B, and a share of noise."""
    rates = np.tile(rest, (groups, 1)) * np.asarray(noise).reshape(-1, 1)
    rates[np.arange(groups), draw.integers(0, len(rest), groups)] += 1 - np.asarray(noise)
    return rates


def _few(draw: np.random.Generator, groups: int, kinds: int, few: int) -> np.ndarray:
    """Each value of A has only a few values of B, all alike."""
    rates = np.zeros((groups, kinds))
    for row in rates:
        row[draw.choice(kinds, min(few, kinds), replace=False)] = 1 / min(few, kinds)
    return rates


def _copies(draw: np.random.Generator, groups: int, kinds: int) -> np.ndarray:
    """Several columns in A of which one matters: many values of A have the same shares."""
    return draw.dirichlet(np.full(kinds, 0.5), 4)[draw.integers(0, 4, groups)]


# How the shares of B for each value of A come about; the name says what kind of relation that is.
RELATIONS = {
    "independent, even": lambda d, a, b: np.tile(np.full(b, 1 / b), (a, 1)),
    "independent, Zipf": lambda d, a, b: np.tile(zipf(b), (a, 1)),
    "independent, steep": lambda d, a, b: np.tile(zipf(b, 2.0), (a, 1)),
    "independent, random": lambda d, a, b: np.tile(d.dirichlet(np.ones(b)), (a, 1)),
    "determined": lambda d, a, b: _noisy(d, a, np.full(b, 1 / b), 0.0),
    "noise 0.2%": lambda d, a, b: _noisy(d, a, np.full(b, 1 / b), 0.002),
    "noise 2%": lambda d, a, b: _noisy(d, a, np.full(b, 1 / b), 0.02),
    "noise 10%": lambda d, a, b: _noisy(d, a, np.full(b, 1 / b), 0.1),
    "noise 40%": lambda d, a, b: _noisy(d, a, np.full(b, 1 / b), 0.4),
    "Zipf noise 20%": lambda d, a, b: _noisy(d, a, zipf(b), 0.2),
    "half determined": lambda d, a, b: _noisy(d, a, np.full(b, 1 / b), (d.random(a) < 0.5).astype(float)),
    "sparse": lambda d, a, b: _gammas(d, 0.03, (a, b)),
    "uneven": lambda d, a, b: _gammas(d, 0.2, (a, b)),
    "random": lambda d, a, b: _gammas(d, 1.0, (a, b)),
    "even": lambda d, a, b: _gammas(d, 5.0, (a, b)),
    "own Zipf": lambda d, a, b: np.array([zipf(b)[d.permutation(b)] for _ in range(a)]),
    "own steep": lambda d, a, b: np.array([zipf(b, 2.0)[d.permutation(b)] for _ in range(a)]),
    "three values each": lambda d, a, b: _few(d, a, b, 3),
    "one column of several": _copies,
    "weak": lambda d, a, b: _gammas(d, 50 * zipf(b), (a, b)),
}
SHAPES = ((2, 2), (5, 3), (3, 30), (30, 3), (20, 20), (100, 100), (1000, 10), (10, 1000), (1000, 1000))
SIZES = (50, 300, 2_000, 20_000)
_WEIGHTS = (
    lambda d, a: np.full(a, 1 / a),
    lambda d, a: zipf(a),
    lambda d, a: d.dirichlet(np.ones(a)),
    lambda d, a: zipf(a, 1.6),
)
_TOO_SMALL = 1e-3  # rows a cell below which a thousand times a thousand categories say nothing at all


def _counted(
    draw: np.random.Generator, sizes: np.ndarray, rates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw the cells of groups with these sizes."""
    present = np.flatnonzero(sizes)
    if len(present) * rates.shape[1] < 20 * sizes.sum():
        counts = draw.multinomial(sizes[present], rates[present])
        a, b = np.nonzero(counts)
        return a, b, counts[a, b]
    values = [
        np.searchsorted(rates[place].cumsum(), draw.random(sizes[place]) * (1 - 1e-12)).clip(0, rates.shape[1] - 1)
        for place in present
    ]
    groups = np.repeat(np.arange(len(present)), sizes[present])
    cells, counts = np.unique(groups * rates.shape[1] + np.concatenate(values), return_counts=True)
    return *np.divmod(cells, rates.shape[1]), counts


def drawn(relation: str, groups: int, kinds: int, rows: int, draw: np.random.Generator, run: int) -> Known:
    """Draw one table; the weights of the values of A take turns."""
    weights = _WEIGHTS[run % len(_WEIGHTS)](draw, groups)
    rates = RELATIONS[relation](draw, groups, kinds)
    rates = rates / rates.sum(1, keepdims=True)
    a, b, counts = _counted(draw, draw.multinomial(rows, weights), rates)
    codes = (np.unique(column, return_inverse=True)[1] for column in (a, b))
    table = Crosstab(*codes, counts.astype(np.float64))
    return Known(table, bits(weights @ rates), float(weights @ [bits(row) for row in rates]))


def regimes() -> Iterator[tuple[str, int, int, int]]:
    """All regimes of the wide grid: relation, values of A, values of B, rows."""
    for relation in RELATIONS:
        for groups, kinds in SHAPES:
            for rows in SIZES:
                if rows / groups / kinds >= _TOO_SMALL / 4 and not (relation == "three values each" and kinds < 5):
                    yield relation, groups, kinds, rows


def seeded(*key: object) -> np.random.Generator:
    return np.random.default_rng([sum(map(ord, str(part))) for part in key])
