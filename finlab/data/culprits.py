from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

MISSING = 0


class Rates(NamedTuple):
    """Shares of a column's cells that are mistyped, hold a value of another row, or hold a value from nowhere."""

    typing: float
    swap: float
    foreign: float


class Index:
    """Give each combination of codes a number; -1 if the combination is not among those it was made from."""

    def __init__(self, codes: Sequence[np.ndarray]) -> None:
        self.levels: list[tuple[int, np.ndarray]] = []
        at = codes[0].astype(np.int64)
        for level in codes[1:]:
            base = int(level.max(initial=0)) + 1
            keys = at * base + level
            found = np.unique(keys)
            self.levels.append((base, found))
            at = np.searchsorted(found, keys)
        self.size = len(self.levels[-1][1]) if self.levels else int(codes[0].max(initial=0)) + 1

    def __call__(self, codes: Sequence[np.ndarray]) -> np.ndarray:
        at = np.where((codes[0] > 0) & ((codes[0] < self.size) | bool(self.levels)), codes[0].astype(np.int64), -1)
        for (base, found), level in zip(self.levels, codes[1:], strict=True):
            keys = np.where((at >= 0) & (level > 0) & (level < base), at * base + level, -1)
            at = placed(found, keys)
        return at


def placed(found: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Find the place of each key among sorted ones, -1 for one that is not there."""
    if not len(found):
        return np.full(keys.shape, -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(found, keys), len(found) - 1)
    return np.where(found[place] == keys, place, -1)


class Evidence(NamedTuple):
    """What the groups of one dependency believe, as codes: one line for each value of a group."""

    given: tuple[int, ...]
    column: int
    weight: float
    exception: float
    groups: Sequence[np.ndarray]
    value: np.ndarray
    times: np.ndarray
    size: np.ndarray
    kinds: np.ndarray
    belief: np.ndarray
    other: np.ndarray
    apart: "Apart"
    vote: float
    start: float


class Apart(NamedTuple):
    """The same without one row of the group, that with the value `own`."""

    groups: Sequence[np.ndarray]
    own: np.ndarray
    value: np.ndarray
    belief: np.ndarray
    other: np.ndarray


TOP = 3


class Factor:
    """The evidence of one dependency, ready to be looked up."""

    def __init__(self, said: Evidence, shares: Sequence[np.ndarray], rows: int) -> None:
        self.said, self.share = said, shares[said.column]
        self.members = (*said.given, said.column)
        self.kinds = len(self.share) + 1
        self.index = Index(said.groups)
        group = self.index(said.groups)
        order = np.argsort(group * self.kinds + said.value)
        self.keys = (group * self.kinds + said.value)[order]
        self.belief, self.size, self.single = said.belief[order], said.size[order], said.kinds[order] == 1
        self.other = np.ones(self.index.size + 1)
        self.other[group] = said.other
        self.times = said.times[order]
        self.mass = said.size[order] * self.belief / max(rows, 1)
        self.true = np.bincount(said.value[order], self.mass, minlength=len(self.share))
        self.total = np.bincount(said.value, said.times, minlength=len(self.share))
        once = self.total[said.value] == 1
        self.novel = float((once & (said.kinds == 1)).sum() / (once.sum() + 1))
        self.top = _tops(group[order], said.value[order], self.belief, self.index.size + 1)
        own = placed(self.keys, self.index(said.apart.groups) * self.kinds + said.apart.own)
        order3 = np.argsort(own * self.kinds + said.apart.value)
        self.keys_apart = (own * self.kinds + said.apart.value)[order3]
        self.belief_apart = said.apart.belief[order3]
        self.other_apart = np.full(len(self.keys) + 1, np.nan)
        self.other_apart[own] = said.apart.other
        self.other_apart[-1] = np.nan
        self.back = [_inverse(said, place) for place in range(len(said.given))]

    def group(self, codes: Sequence[np.ndarray]) -> np.ndarray:
        return self.index(codes)

    def pair(self, group: np.ndarray, value: np.ndarray) -> np.ndarray:
        return placed(self.keys, np.where((group >= 0) & (value > 0), group * self.kinds + value, -1))

    def lift(self, group: np.ndarray, value: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """How much more probable a value is in its group than anywhere, and the same for a value that nobody knows.

        `own` is the pair of the row itself, whose vote does not count.
        """
        pair = self.pair(group, value)
        belief, other = np.where(pair >= 0, self.belief[pair], 0.0), self.other[group]
        if own is not None:
            belief, other = self._without(pair, own, belief, other)
        share, rest = self.share[value], 1.0 - self.said.exception
        lift = rest * (belief / share + other) + self.said.exception
        return np.where(value > 0, lift, 1.0), rest * other + self.said.exception

    def _without(
        self, pair: np.ndarray, own: np.ndarray, belief: np.ndarray, other: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        there = own >= 0
        left = self.size[own] - 1
        agreed = np.where(left > 0, 1.0 / (1.0 + np.exp(np.clip(self.said.start - left * self.said.vote, -700, 700))), 0.0)
        alone = there & self.single[own]
        belief = np.where(alone, np.where(pair == own, agreed, 0.0), belief)
        other = np.where(alone, 1.0 - agreed, other)
        known = there & ~np.isnan(self.other_apart[own]) & ~alone
        if len(self.keys_apart) and known.any():
            # the value's code: keys are group * kinds + value
            value = np.where(pair >= 0, self.keys[pair] % self.kinds, 0)
            at = placed(self.keys_apart, np.where(known & (pair >= 0), own * self.kinds + value, -1))
            belief = np.where(known, np.where(at >= 0, self.belief_apart[at], 0.0), belief)
            other = np.where(known, self.other_apart[own], other)
        return belief, other

    def held(self, group: np.ndarray, value: np.ndarray) -> np.ndarray:
        """The share of all rows that a group holds with this value as the true one."""
        pair = self.pair(group, value)
        return np.where(pair >= 0, self.mass[pair], 0.0)

    def elsewhere(self, value: np.ndarray, held: np.ndarray, own: np.ndarray) -> np.ndarray:
        """How well a value fits the groups other than those that hold `held` of it; `own` are its rows in its group.

        A value that is nowhere else may belong to a group that was not seen yet, as often as sound rows have such ones.
        """
        away = np.clip((self.true[value] - held) / self.share[value], 0.0, 1.0)
        away = np.where(self.total[value] <= own, self.novel, away)
        return np.where(value > 0, (1.0 - self.said.exception) * away + self.said.exception, 1.0)


def _tops(group: np.ndarray, value: np.ndarray, belief: np.ndarray, groups: int) -> np.ndarray:
    """The most believed values of each group, 0 where there are fewer."""
    order = np.lexsort((value, -belief, group))
    group, value = group[order], value[order]
    starts = np.searchsorted(group, np.arange(groups))
    top = np.zeros((groups, TOP), dtype=np.int64)
    for rank in range(TOP):
        at = starts + rank
        inside = at < len(group)
        same = inside & (group[np.minimum(at, len(group) - 1)] == np.arange(groups)) if len(group) else inside & False
        top[same, rank] = value[at[same]]
    return top


def _inverse(said: Evidence, place: int) -> tuple[Index, np.ndarray, np.ndarray]:
    """For a value of the column (and the other given ones): which value of the given column has it most often."""
    kept = said.belief >= 0.5
    others = [said.value[kept], *(codes[kept] for at, codes in enumerate(said.groups) if at != place)]
    mass, own = (said.size * said.belief)[kept], said.groups[place][kept]
    index = Index(others)
    group = index(others)
    order = np.lexsort((own, -mass, group))
    first = np.unique(group[order], return_index=True)
    best, sure = np.zeros(index.size + 1, dtype=np.int64), np.zeros(index.size + 1)
    best[first[0]] = own[order][first[1]]
    total = np.bincount(group, mass, minlength=index.size + 1)
    sure[first[0]] = mass[order][first[1]] / total[first[0]]
    return index, best, sure


CANDIDATES = 4


def candidates_of(seen: np.ndarray, factors: Sequence[Factor]) -> np.ndarray:
    """Find for each cell the values that its dependencies speak for, in both directions: rows x columns x CANDIDATES."""
    rows, columns = seen.shape
    offers: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(columns)]
    for factor in factors:
        given, column = factor.said.given, factor.said.column
        group = factor.group([seen[:, at] for at in given])
        for rank in range(TOP):
            value = factor.top[group, rank]
            pair = factor.pair(group, value)
            offers[column].append((value, np.where(pair >= 0, factor.belief[pair], 0.0)))
        for place, at in enumerate(given):
            index, best, sure = factor.back[place]
            group = index([seen[:, column], *(seen[:, other] for other in given if other != at)])
            offers[at].append((np.where(group >= 0, best[group], 0), np.where(group >= 0, sure[group], 0.0)))
    chosen = np.zeros((rows, columns, CANDIDATES), dtype=np.int64)
    for column, own in enumerate(offers):
        if own:
            values, scores = np.stack([one[0] for one in own], 1), np.stack([one[1] for one in own], 1)
            chosen[:, column] = _best(values, scores, seen[:, column])
    return chosen


def _best(values: np.ndarray, scores: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Add the scores of equal values, leave out what is there already, and take the best."""
    total = np.zeros_like(scores)
    again = np.zeros(values.shape, dtype=bool)
    for at in range(values.shape[1]):
        total += np.where(values == values[:, [at]], scores[:, [at]], 0.0)
        again[:, at + 1 :] |= values[:, at + 1 :] == values[:, [at]]
    total[again | (values == seen[:, None]) | (values <= 0)] = 0.0
    order = np.argsort(-total, axis=1, kind="stable")[:, :CANDIDATES]
    taken = np.where(np.take_along_axis(total, order, 1) > 1e-4, np.take_along_axis(values, order, 1), 0)
    return np.pad(taken, ((0, 0), (0, CANDIDATES - taken.shape[1])))


class Case(NamedTuple):
    """Rows whose cells are weighed: what is seen, what it could be instead, and how alike the two are.

    `typing` is how much more probable a typing error makes it that this is seen where that is true; `known` says that
    what is seen is a value of other rows, too; `lifts` has a table for each dependency.
    """

    seen: np.ndarray
    candidates: np.ndarray
    typing: np.ndarray
    known: np.ndarray
    links: "list[Link]"


class Link(NamedTuple):
    """A table that says how well the states of some cells fit together: rows x ways of `given` x states of `column`."""

    given: tuple[int, ...]
    column: int
    table: np.ndarray


def lifts_of(seen: np.ndarray, candidates: np.ndarray, factor: Factor) -> np.ndarray:
    """How well each candidate of the column fits each candidate of the given ones: rows x ways x states.

    States of the column: as seen, its candidates, something else. Ways of the given ones: all as seen, one of them
    replaced by one of its candidates, something else.
    """
    given, column = factor.said.given, factor.said.column
    rows = len(seen)
    codes = [seen[:, at] for at in given]
    values = np.concatenate([seen[:, [column]], candidates[:, column]], 1)
    group = factor.group(codes)
    own = factor.pair(group, seen[:, column])
    wide = (rows, values.shape[1])
    table = np.ones((rows, 2 + len(given) * CANDIDATES, values.shape[1] + 1))
    lift, nobody = factor.lift(
        np.broadcast_to(group[:, None], wide), values, np.broadcast_to(own[:, None], wide)
    )
    table[:, 0, :-1], table[:, 0, -1] = lift, _rest(factor, values, lift, nobody)
    held = factor.held(np.broadcast_to(group[:, None], wide), values)
    for place, at in enumerate(given):
        for rank in range(CANDIDATES):
            there = candidates[:, at, rank]
            group = factor.group([there if other == at else seen[:, other] for other in given])
            group = np.broadcast_to(group[:, None], wide)
            lift, nobody = factor.lift(group, values)
            held = held + factor.held(group, values)
            way = 1 + place * CANDIDATES + rank
            table[:, way, :-1], table[:, way, -1] = lift, _rest(factor, values, lift, nobody)
    times = np.where(own >= 0, factor.times[own], 0.0)[:, None] * (np.arange(values.shape[1]) == 0)
    table[:, -1, :-1] = factor.elsewhere(values, held, times)
    return table


def links_of(seen: np.ndarray, candidates: np.ndarray, factors: Sequence[Factor]) -> list[Link]:
    """Make the tables of all dependencies, each with its weight; two that say the same in both directions become one."""
    links: dict[tuple[tuple[int, ...], int], Link] = {}
    for factor in factors:
        given, column = factor.said.given, factor.said.column
        table = lifts_of(seen, candidates, factor) ** factor.said.weight
        back = links.get(((column,), given[0])) if len(given) == 1 else None
        if back:
            back.table[:] *= table.transpose(0, 2, 1)
        else:
            links[given, column] = Link(given, column, table)
    return list(links.values())


def _rest(factor: Factor, values: np.ndarray, lift: np.ndarray, nobody: np.ndarray) -> np.ndarray:
    """How well something else fits: what the group believes besides the values that are weighed."""
    told = np.where(values > 0, factor.share[values] * lift, 0.0).sum(axis=1)
    return np.maximum(1.0 - told, nobody[:, 0])


def priors_of(case: Case, rates: Sequence[Rates], shares: Sequence[np.ndarray]) -> np.ndarray:
    """Weigh each state of each cell by itself: as seen, each candidate, something else: rows x columns x states."""
    rows, columns, _ = case.candidates.shape
    prior = np.zeros((rows, columns, CANDIDATES + 2))
    for column, (rate, share) in enumerate(zip(rates, shares, strict=True)):
        missing = case.seen[:, column] == MISSING
        flat = np.where(case.known[:, column], rate.swap, rate.foreign)
        there = case.candidates[:, column]
        prior[:, column, 0] = 1.0 - sum(rate)
        slips = rate.typing * case.typing[:, column] + flat[:, None]
        prior[:, column, 1:-1] = np.where(there > 0, share[there] * slips, 0.0)
        prior[:, column, -1] = rate.typing + flat
        empty = np.concatenate([np.zeros((rows, 1)), np.where(there > 0, share[there], 0.0), np.ones((rows, 1))], 1)
        prior[:, column] = np.where(missing[:, None], empty, prior[:, column])
    return prior


ROUNDS = 6


def powers_of(dependencies: Sequence[tuple[tuple[int, ...], int, float]], columns: int) -> np.ndarray:
    """How much each dependency counts: the chance that it is in a random tree that spans the columns.

    Each is given as (places of the given columns, place of the column, how firm it is). In a tree no evidence is heard
    twice, and each counts 1; of k columns that all determine each other, each counts 2/k.
    """
    flow = np.zeros((columns, columns))
    for given, to, firm in dependencies:
        for at in given:
            flow[at, to] += firm
    flow = flow + flow.T
    spread = np.linalg.pinv(np.diag(flow.sum(axis=1)) - flow)
    chances = [
        np.mean([firm * (spread[at, at] + spread[to, to] - 2 * spread[at, to]) for at in given])
        for given, to, firm in dependencies
    ]
    return np.clip(np.array(chances), 0.05, 1.0)


class Blame(NamedTuple):
    """How often rows have errors, and how often each column errs in a row that has some."""

    rows: float
    rates: Sequence[Rates]

    @property
    def errors(self) -> list[Rates]:
        """The shares of all cells of a column that are wrong."""
        return [Rates(*(self.rows * one for one in rate)) for rate in self.rates]


def posteriors(case: Case, blame: Blame, shares: Sequence[np.ndarray]) -> np.ndarray:
    """The probability of each state of each cell."""
    prior = priors_of(case, blame.rates, shares)
    found = _passed(case, prior)
    sound = _sound(case, prior, blame)
    found *= 1.0 - sound[:, None, None]
    found[:, :, 0] += np.where(case.seen != MISSING, sound[:, None], 0.0)
    return found


def _sound(case: Case, prior: np.ndarray, blame: Blame) -> np.ndarray:
    """The probability that nothing is wrong in a row: against one cell that is wrong, each in turn."""
    one, none = np.zeros(prior.shape), np.zeros(len(prior))
    for given, column, table in case.links:
        logs = np.log(table)
        base = logs[:, 0, 0]
        none += base
        for place, at in enumerate(given):
            own = slice(1 + place * CANDIDATES, 1 + (place + 1) * CANDIDATES)
            one[:, at, 1:-1] += logs[:, own, 0] - base[:, None]
            one[:, at, -1] += logs[:, -1, 0] - base
        one[:, column, 1:] += logs[:, 0, 1:] - base[:, None]
    right = np.where(case.seen == MISSING, 1.0, prior[:, :, 0])
    wrong = np.where((case.seen == MISSING)[:, :, None], 0.0, prior[:, :, 1:] * np.exp(np.minimum(one[:, :, 1:], 600.0)))
    bad = np.prod(right, axis=1) * (1.0 + (wrong.sum(axis=2) / right).sum(axis=1))
    return (1.0 - blame.rows) / (1.0 - blame.rows + blame.rows * bad)


def _passed(case: Case, prior: np.ndarray) -> np.ndarray:
    """Pass messages between cells and tables until they agree."""
    with np.errstate(divide="ignore"):
        total = np.log(prior)
    sent = [{at: np.zeros(prior[:, at].shape) for at in (*link.given, link.column)} for link in case.links]
    for _ in range(ROUNDS):
        for link, own in zip(case.links, sent, strict=True):
            free = {at: _shares(total[:, at] - own[at]) for at in own}
            for at, message in _messages(link, free).items():
                total[:, at] += message - own[at]
                own[at] = message
    return _shares(total.reshape(-1, total.shape[-1])).reshape(total.shape)


def _shares(logs: np.ndarray) -> np.ndarray:
    found = np.exp(logs - logs.max(axis=1, keepdims=True))
    return found / found.sum(axis=1, keepdims=True)


def _messages(link: Link, free: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    given, column, lifts = link
    right = [free[at][:, 0] for at in given]
    ways = np.zeros(lifts.shape[:2])
    ways[:, 0] = np.prod(right, axis=0)
    fit = np.einsum("rws,rs->rw", lifts, free[column])
    found = {}
    for place, at in enumerate(given):
        rest = np.prod([one for other, one in enumerate(right) if other != place] or [np.ones(len(lifts))], axis=0)
        own = slice(1 + place * CANDIDATES, 1 + (place + 1) * CANDIDATES)
        ways[:, own] = free[at][:, 1:-1] * rest[:, None]
    for place, at in enumerate(given):
        found[at] = _to_given(lifts, free, given, place, fit)
    ways[:, -1] = np.clip(1.0 - ways[:, :-1].sum(axis=1), 0.0, 1.0)
    found[column] = np.einsum("rws,rw->rs", lifts, ways)
    return {at: np.log(np.maximum(message, 1e-300)) for at, message in found.items()}


def _to_given(
    lifts: np.ndarray, free: dict[int, np.ndarray], given: tuple[int, ...], place: int, fit: np.ndarray
) -> np.ndarray:
    others = [(at, other) for other, at in enumerate(given) if other != place]
    rest = np.prod([free[at][:, 0] for at, _ in others] or [np.ones(len(lifts))], axis=0)
    seen, left = rest * fit[:, 0], 1.0 - rest
    for at, other in others:
        alone = np.prod([free[one][:, 0] for one, _ in others if one != at] or [np.ones(len(lifts))], axis=0)
        ways = free[at][:, 1:-1] * alone[:, None]
        seen += (ways * fit[:, 1 + other * CANDIDATES : 1 + (other + 1) * CANDIDATES]).sum(axis=1)
        left = left - ways.sum(axis=1)
    seen += np.maximum(left, 0.0) * fit[:, -1]
    own = fit[:, 1 + place * CANDIDATES : 1 + (place + 1) * CANDIDATES]
    there = rest[:, None] * own + (1.0 - rest)[:, None] * fit[:, [-1]]
    return np.concatenate([seen[:, None], there, fit[:, [-1]]], axis=1)


LEARNED = 5
FEW = 0.5
FIRST = Rates(0.02, 0.02, 0.02)
SHRUNK = 0.2
TWICE, WORTH = 1.3, 100.0


def learn(
    case: Case, shares: Sequence[np.ndarray], times: np.ndarray, rows: float, start: Blame | None
) -> Blame:
    """Estimate how often rows and columns err, and how, from the rows themselves (expectation-maximisation)."""
    columns = case.seen.shape[1]
    blame = start or Blame(float(min(0.5, times.sum() / max(rows, 1))), [Rates(*(one * 4 / columns for one in FIRST))] * columns)
    for _ in range(LEARNED):
        found = posteriors(case, blame, shares)
        sums = np.array([_sums(case, found, column, rate, times) for column, rate in enumerate(blame.rates)])
        sums = (1.0 - SHRUNK) * sums + SHRUNK * sums.mean(axis=0) + FEW / columns
        there = np.where(case.seen != MISSING, found[:, :, 0], 1.0)
        some = float((times * (1.0 - there.min(axis=1))).sum()) + FEW
        mean = (sums.sum() + WORTH * TWICE) / (max(some, 1e-9) + WORTH)
        spread = _spread(mean)
        bad = float(min(1.0, some / (1.0 - np.exp(-spread)) / max(rows, 1)))
        rates = sums / sums.sum() * spread
        blame = Blame(bad, [Rates(*map(float, one)) for one in rates * np.minimum(1.0, 0.6 / rates.sum(axis=1, keepdims=True))])
    return blame


def _spread(mean: float) -> float:
    """The number of errors to expect in a row, if rows that have some have `mean` (a Poisson number without zero)."""
    spread = 2.0 * (max(mean, 1.01) - 1.0)
    for _ in range(20):
        spread = mean * (1.0 - np.exp(-spread))
    return float(max(spread, 0.02))


def _sums(case: Case, found: np.ndarray, column: int, rate: Rates, times: np.ndarray) -> list[float]:
    known, there = case.known[:, column], case.seen[:, column] != MISSING
    flat = np.where(known, rate.swap, rate.foreign)
    typed = rate.typing * case.typing[:, column]
    slips = found[:, column, 1:-1] * typed / np.maximum(typed + flat[:, None], 1e-300)
    typing = slips.sum(axis=1) + found[:, column, -1] * rate.typing / np.maximum(rate.typing + flat, 1e-300)
    wrong = found[:, column, 1:].sum(axis=1)
    return [float((times * part)[there].sum()) for part in (typing, (wrong - typing) * known, (wrong - typing) * ~known)]
