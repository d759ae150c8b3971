from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from ..core.checks import check_number
from ..core.errors import InputError
from ..core.progress import Progress, progress
from .beliefs import SAMPLE_VALUES, Beliefs, alike_sql, beliefs_of
from .constraints import FD, DenialConstraint, broken_pairs, check_constraints, known
from .culprits import (CANDIDATES, Apart, Case, Evidence, Factor, Rates, candidates_of, FIRST, Blame, learn, links_of, posteriors, powers_of)
from .dependencies import dependencies_of
from .relation import ROW, Relation, Tabular, literal, opened, quoted

DECLARED = 0.0001
EXCEPTION = 0.02
MOST_EXPERTS = 6


class Expert(NamedTuple):
    """A dependency that is heard, how well it determines its column, and how often it does not hold."""

    fd: FD
    weight: float
    exception: float
    declared: bool


def _experts(relation: Relation, fds: list[FD], soft: bool) -> list[Expert]:
    columns = list(dict.fromkeys(name for fd in fds for name in fd.columns))
    experts = [Expert(fd, 1.0, DECLARED, True) for fd in fds]
    if not soft:
        return experts
    heard = {name: sum(fd.column == name for fd in fds) for name in columns}
    said = {frozenset(fd.columns) for fd in fds}
    for fd, found in dependencies_of(relation, list(relation.columns), wanted=columns).items():
        if frozenset(fd.columns) not in said and heard[fd.column] < MOST_EXPERTS:
            said.add(frozenset(fd.columns))
            heard[fd.column] += 1
            experts.append(Expert(fd, found.confidence, max(EXCEPTION, found.g3), False))
    return experts


class _Plan(NamedTuple):
    relation: Relation
    names: list[str]
    experts: list[Expert]  # over c0, c1, ..., the places of the names
    flags: list[str]  # SQL of rows that are set apart, one for each declared dependency

    @property
    def declared(self) -> list[FD]:
        return [one.fd for one in self.experts if one.declared]


def _place(name: str) -> int:
    return int(name[1:])


def _plan(relation: Relation, experts: list[Expert]) -> _Plan:
    names = list(dict.fromkeys(name for one in experts for name in one.fd.columns))
    at = {name: f"c{place}" for place, name in enumerate(names)}
    local = [one._replace(fd=FD([at[name] for name in one.fd.given], at[one.fd.column])) for one in experts]
    firm = [((*map(_place, one.fd.given),), _place(one.fd.column), one.weight) for one in local]
    powers = map(float, powers_of(firm, len(names)))
    local = [
        one._replace(weight=one.weight * power, exception=DECLARED ** (1 / power) if one.declared else one.exception)
        for one, power in zip(local, powers, strict=True)
    ]
    return _Plan(relation, names, local, ["false"] * sum(one.declared for one in experts))


def _patterns(plan: _Plan) -> str:
    """Count the different combinations of the columns that are weighed."""
    cells = ", ".join(f"{known(name)} AS c{place}" for place, name in enumerate(plan.names))
    flags = ", ".join(f"{flag} AS h{place}" for place, flag in enumerate(plan.flags))
    order = ", ".join(f"c{place}" for place in range(len(plan.names)))
    return plan.relation.draft(
        f"SELECT *, row_number() OVER (ORDER BY {order}, {', '.join(f'h{p}' for p in range(len(plan.flags)))}) - 1 AS pattern FROM "
        f"(SELECT {cells}, {flags}, count(*) AS times FROM {plan.relation.name} GROUP BY ALL)"
    )


SURE = 0.9


def _match(fd: FD, beliefs: str = "b", row: str = "t") -> str:
    return " AND ".join(f"{beliefs}.g{place} = {row}.{quoted(name)}" for place, name in enumerate(fd.given))


def _doubtful(relation: Relation, base: str, fd: FD, beliefs: str, fill: bool) -> np.ndarray:
    value = f"t.{quoted(fd.column)}"
    unsure = f"SELECT * FROM {beliefs} WHERE kinds > 1"
    query = (
        f"SELECT t.pattern FROM {base} AS t JOIN ({unsure}) AS b ON {_match(fd)} AND b.v = {value} WHERE b.belief < {SURE} "
        f"UNION ALL SELECT t.pattern FROM {base} AS t SEMI JOIN ({unsure}) AS b ON {_match(fd)} "
        f"ANTI JOIN {beliefs} AS b ON {_match(fd)} AND b.v = {value} WHERE {value} IS NOT NULL"
    )
    if fill:
        query += f" UNION ALL SELECT t.pattern FROM {base} AS t SEMI JOIN {beliefs} AS b ON {_match(fd)} WHERE {value} IS NULL"
    return np.sort(relation.connection.execute(query).fetchnumpy()["pattern"].astype(np.int64))


class _Dictionary(NamedTuple):
    table: str  # v, code, n
    share: np.ndarray
    times: np.ndarray


def _dictionary(relation: Relation, base: str, column: str, rows: int) -> _Dictionary:
    table = relation.draft(
        f"SELECT v, n, row_number() OVER (ORDER BY v) AS code FROM (SELECT {column} AS v, sum(times)::BIGINT AS n "
        f"FROM {base} WHERE {column} IS NOT NULL GROUP BY 1)"
    )
    times = relation.connection.execute(f"SELECT n FROM {table} ORDER BY code").fetchnumpy()["n"].astype(float)
    times = np.concatenate([[rows], times])
    return _Dictionary(table, times / max(rows, 1), times)


def _coded(relation: Relation, table: str, columns: dict[str, _Dictionary], more: str) -> dict[str, np.ndarray]:
    joins = " ".join(f"JOIN {one.table} AS d{at} ON d{at}.v = t.{name}" for at, (name, one) in enumerate(columns.items()))
    codes = ", ".join(f"d{at}.code AS {name}" for at, name in enumerate(columns))
    found = relation.connection.execute(f"SELECT {codes}, {more} FROM {table} AS t {joins}").fetchnumpy()
    return {name: np.asarray(values) for name, values in found.items()}


def _evidence(plan: _Plan, beliefs: Beliefs, expert: Expert, words: list[_Dictionary]) -> Evidence:
    fd = expert.fd
    given = tuple(_place(name) for name in fd.given)
    groups = {f"g{at}": words[place] for at, place in enumerate(given)}
    own = words[_place(fd.column)]
    lines = _coded(plan.relation, beliefs.table, {**groups, "v": own}, "t.n::BIGINT AS n, t.size::BIGINT AS size, t.kinds, t.belief, t.other")
    left = _coded(plan.relation, beliefs.apart, {**groups, "own": own, "v": own}, "t.belief, t.other")
    apart = Apart([left[name] for name in groups], left["own"], left["v"], left["belief"], left["other"])
    return Evidence(
        given, _place(fd.column), expert.weight, expert.exception, [lines[name] for name in groups],
        lines["v"], lines["n"].astype(float), lines["size"].astype(float), lines["kinds"], lines["belief"], lines["other"], apart, beliefs.vote, beliefs.start,
    )


def _alike(relation: Relation, words: _Dictionary, seen: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """1 where what is seen is one typing error away from the candidate."""
    wide = np.broadcast_to(seen[:, None], candidates.shape)
    keys = (wide * len(words.share) + candidates).ravel()
    there = (wide > 0).ravel() & (candidates > 0).ravel()
    pairs = np.unique(keys[there])
    relation.connection.register("finlab_pairs", pa.table({"a": pairs // len(words.share), "b": pairs % len(words.share)}))
    try:
        found = relation.connection.execute(
            f"SELECT p.a * {len(words.share)} + p.b AS k FROM finlab_pairs AS p JOIN {words.table} AS a ON a.code = p.a "
            f"JOIN {words.table} AS b ON b.code = p.b WHERE {alike_sql('a.v', 'b.v')}"
        ).fetchnumpy()["k"]
    finally:
        relation.connection.unregister("finlab_pairs")
    return np.isin(keys, found).reshape(candidates.shape) & there.reshape(candidates.shape)


def _by_chance(relation: Relation, words: _Dictionary) -> float:
    values = f"(SELECT v FROM (SELECT * FROM {words.table} ORDER BY n DESC, v LIMIT 20 * {SAMPLE_VALUES}) ORDER BY hash(v), v LIMIT {SAMPLE_VALUES})"
    pairs, same = relation.ask(
        f"SELECT count(*), count(*) FILTER ({alike_sql('a.v', 'b.v')}) FROM {values} AS a JOIN {values} AS b ON a.v < b.v"
    )[0]
    return (same + 1) / (pairs + 2)


LEARNERS = 3000
BATCH = 20_000


class _Model(NamedTuple):
    factors: list[Factor]
    words: list[_Dictionary]
    chance: list[float]


def _case(plan: _Plan, model: _Model, seen: np.ndarray, times: np.ndarray) -> Case:
    candidates = candidates_of(seen, model.factors)
    typing, known_ = np.zeros(candidates.shape), np.zeros(seen.shape, dtype=bool)
    for column, words in enumerate(model.words):
        own = times.copy()
        for factor in model.factors:
            if factor.said.column == column:
                pair = factor.pair(factor.group([seen[:, at] for at in factor.said.given]), seen[:, column])
                own = np.maximum(own, np.where(pair >= 0, factor.times[pair], 0.0))
        elsewhere = np.maximum(words.times[seen[:, column]] - own, 0.0)
        known_[:, column] = elsewhere >= 1
        alike = _alike(plan.relation, words, seen[:, column], candidates[:, column])
        typing[:, column] = alike / (model.chance[column] * (1.0 + elsewhere[:, None]))
    return Case(seen, candidates, typing, known_, links_of(seen, candidates, model.factors))


def _seen(plan: _Plan, base: str, words: list[_Dictionary], patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fetch the codes of patterns, how many rows have them, and whether they are set apart, in order."""
    relation = plan.relation
    codes = ", ".join(f"coalesce(d{at}.code, 0) AS c{at}" for at in range(len(words)))
    joins = " ".join(f"LEFT JOIN {one.table} AS d{at} ON d{at}.v = t.c{at}" for at, one in enumerate(words))
    flags = ", ".join(f"t.h{at}" for at in range(len(plan.flags)))
    relation.connection.register("finlab_wanted", pa.table({"pattern": patterns}))
    try:
        found = relation.connection.execute(
            f"SELECT {codes}, {flags}, t.times FROM {base} AS t JOIN finlab_wanted AS w ON w.pattern = t.pattern {joins} ORDER BY t.pattern"
        ).fetchnumpy()
    finally:
        relation.connection.unregister("finlab_wanted")
    seen = np.stack([np.asarray(found[f"c{at}"], dtype=np.int64) for at in range(len(words))], 1)
    apart = np.stack([np.asarray(found[f"h{at}"], dtype=bool) for at in range(len(plan.flags))], 1)
    return seen, np.asarray(found["times"], dtype=float), apart


TURNS = 2


def _listened(plan: _Plan, base: str, words: list[_Dictionary], fill: bool, rates: Blame | None) -> tuple[list[Factor], list[np.ndarray], dict[int, float]]:
    factors, broken, chance = [], [], {}
    for expert in plan.experts:
        errors = _errors(expert.fd, rates.errors) if rates else None
        beliefs = beliefs_of(plan.relation, base, expert.fd, "sum(times)::BIGINT", errors)
        chance.setdefault(_place(expert.fd.column), beliefs.noise.alike)
        if expert.declared:
            broken.append(_doubtful(plan.relation, base, expert.fd, beliefs.table, fill))
        factors.append(Factor(_evidence(plan, beliefs, expert, words), [one.share for one in words], plan.relation.rows))
    return factors, broken, chance


def _errors(fd: FD, rates: list[Rates]) -> tuple[float, float]:
    """How often a row of a group has another value than it should, and how often by a typing error."""
    wrong = sum(sum(rates[_place(name)]) for name in fd.columns)
    return wrong, rates[_place(fd.column)].typing / wrong


def _pass(plan: _Plan, base: str, fill: bool, rates: Blame | None, trust: np.ndarray) -> tuple[dict[int, str], Blame | None]:
    """Weigh all doubtful cells once: for each column, the table of its best values."""
    relation = plan.relation
    words = [_dictionary(relation, base, f"c{at}", relation.rows) for at in range(len(plan.names))]
    shares = [one.share for one in words]
    factors, broken, chance = _listened(plan, base, words, fill, rates)
    patterns = np.unique(np.concatenate(broken))
    if not len(patterns):
        return {}, rates
    model = _Model(factors, words, [chance.get(at) or _by_chance(relation, one) for at, one in enumerate(words)])
    seen, times, apart = _seen(plan, base, words, patterns)
    doubtful = np.zeros(seen.shape, dtype=bool)
    held = np.zeros(seen.shape, dtype=bool)
    for number, (fd, rows) in enumerate(zip(plan.declared, broken, strict=True)):
        inside = np.isin(patterns, rows)
        for name in fd.columns:
            doubtful[inside, _place(name)] = True
            held[apart[:, number], _place(name)] = True
    free = np.flatnonzero(~apart.any(axis=1))
    turns = 1 if rates else TURNS
    some = free if len(free) <= LEARNERS else np.sort(np.random.default_rng(0).choice(free, LEARNERS, replace=False))
    for turn in range(turns if len(free) else 0):
        scaled = times[some] * (len(free) / len(some))
        rates = learn(_case(plan, model, seen[some], times[some]), shares, scaled, relation.rows, rates)
        if turn + 1 < TURNS:
            factors, *_ = _listened(plan, base, words, fill, rates)
            model = model._replace(factors=factors)
    if rates is None:  # all doubtful rows are set apart
        rates = Blame(0.5, [FIRST] * len(words))
    best, probability = np.zeros(seen.shape, dtype=np.int64), np.zeros(seen.shape)
    for start in range(0, len(patterns), BATCH):
        part = slice(start, start + BATCH)
        case = _case(plan, model, seen[part], times[part])
        found = posteriors(case, rates, shares)
        top = found[:, :, 1:-1].argmax(axis=2)
        best[part] = np.take_along_axis(case.candidates, top[:, :, None], 2)[:, :, 0]
        probability[part] = np.take_along_axis(found[:, :, 1:-1], top[:, :, None], 2)[:, :, 0]
    probability *= trust[patterns][:, None]
    probability = np.where(held, np.minimum(probability, 0.5), probability)
    weighed = {}
    for column in np.flatnonzero(doubtful.any(axis=0)):
        at = doubtful[:, column] & ((seen[:, column] > 0) | fill)
        weighed[int(column)] = _kept(plan, patterns[at], words[column], seen[at, column], best[at, column], probability[at, column])
    return weighed, rates


def _kept(plan: _Plan, patterns: np.ndarray, words: _Dictionary, seen: np.ndarray, best: np.ndarray, probability: np.ndarray) -> str:
    relation = plan.relation
    table = pa.table({"pattern": patterns, "seen": seen, "best": best, "probability": probability})
    relation.connection.register("finlab_weighed", table)
    try:
        return relation.draft(
            f"SELECT w.pattern, a.v AS value, coalesce(b.v, a.v) AS best, w.probability FROM finlab_weighed AS w "
            f"LEFT JOIN {words.table} AS a ON a.code = w.seen LEFT JOIN {words.table} AS b ON b.code = w.best"
        )
    finally:
        relation.connection.unregister("finlab_weighed")


SLICE_SHARE = 0.9
SLICE_ROWS = 5
ACCIDENT = 0.001
MOST_SLICED = 60


def _rows_of(plan: _Plan, base: str, patterns: str, more: str) -> str:
    """Keep the rows of the table that have one of some patterns."""
    same = [f"coalesce({known(name, 't')}, '') = coalesce(p.c{at}, '')" for at, name in enumerate(plan.names)]
    flags = [f"{_within(flag)} = p.h{at}" for at, flag in enumerate(plan.flags) if flag != "false"]
    return plan.relation.draft(
        f"SELECT p.pattern, {more} FROM {plan.relation.name} AS t JOIN (SELECT * FROM {base} SEMI JOIN {patterns} USING (pattern)) AS p "
        f"ON {' AND '.join(same + flags)}"
    )


def _within(flag: str) -> str:
    return flag.replace("(finlab_row).", "t.")


def _slices(plan: _Plan, base: str, wrong: dict[int, str]) -> list[tuple[int, str, str, int, int]]:
    """Find the slices in which nearly all rows break a dependency: its number, column, value, broken rows, rows."""
    relation = plan.relation
    found = []
    everything = relation.draft(" UNION ".join(f"SELECT pattern FROM {one}" for one in wrong.values()))
    rows = _rows_of(plan, base, everything, "t.*")
    for name in list(relation.columns)[:MOST_SLICED]:
        for number, fd in enumerate(plan.declared):
            if number not in wrong or f"c{plan.names.index(name)}" in fd.columns if name in plan.names else number not in wrong:
                continue
            there = " AND ".join(f"{known(plan.names[_place(one)], 't')} IS NOT NULL" for one in fd.columns)
            total = relation.ask(f"SELECT coalesce(sum(times), 0) FROM {base} WHERE " + " AND ".join(f"{one} IS NOT NULL" for one in fd.columns))[0][0]
            count = relation.ask(f"SELECT coalesce(sum(times), 0) FROM {base} SEMI JOIN {wrong[number]} USING (pattern)")[0][0]
            share = float(count) / max(float(total), 1)
            often = (
                f"SELECT {known(name, 't')} AS z, count(*) AS k FROM {rows} AS t SEMI JOIN {wrong[number]} USING (pattern) "
                f"GROUP BY 1 HAVING z IS NOT NULL AND k >= {SLICE_ROWS} AND pow({share!r}, k) < {ACCIDENT}"
            )
            often = relation.draft(often)
            if not relation.ask(f"SELECT count(*) FROM {often}")[0][0]:
                continue
            kinds = relation.ask(f"SELECT count(DISTINCT {known(name)}) FROM {relation.name}")[0][0]
            counted = (
                f"SELECT z, k, count(*) AS n FROM {relation.name} AS t JOIN {often} ON {known(name, 't')} = z WHERE {there} GROUP BY ALL "
                f"HAVING k >= {SLICE_SHARE} * n AND {kinds} * pow({share!r}, k) < {ACCIDENT} ORDER BY k DESC, z LIMIT 20"
            )
            found += [(number, name, str(z), int(k), int(n)) for z, k, n in relation.ask(counted)]
    return sorted(found, key=lambda one: one[0])


def _set_apart(plan: _Plan, base: str, fds: list[FD]) -> tuple[_Plan, list[str]]:
    """Mark the rows in which a dependency does not hold; and say so in notes."""
    relation, wrong = plan.relation, {}
    for number, fd in enumerate(plan.declared):
        table = beliefs_of(relation, base, fd, "sum(times)::BIGINT").table
        query = f"SELECT t.pattern FROM {base} AS t JOIN {table} AS b ON {_match(fd)} AND b.v = t.{fd.column} WHERE b.belief < 0.5 AND b.n < b.size"
        draft = relation.draft(query)
        if relation.ask(f"SELECT count(*) FROM {draft}")[0][0]:
            wrong[number] = draft
    flags, notes = list(plan.flags), []
    for number, name, value, broken, rows in _slices(plan, base, wrong) if wrong else []:
        flag = f"coalesce({known(name)} = {literal(value)}, false)"
        flags[number] = flag if flags[number] == "false" else f"({flags[number]} OR {flag})"
        notes.append(f"{fds[number]} is broken in {broken} of the {rows} rows with {name} = {value!r}: left open.")
    return plan._replace(flags=flags), notes


PASSES = 3


def _apply(relation: Relation, base: str, weighed: dict[int, str], least: float, trust: np.ndarray) -> int:
    changed = 0
    for column, table in weighed.items():
        sure = f"best IS DISTINCT FROM value AND probability > {least!r}"
        found = relation.connection.execute(f"SELECT pattern, probability FROM {table} WHERE {sure}").fetchnumpy()
        np.multiply.at(trust, found["pattern"].astype(np.int64), found["probability"])
        query = f"UPDATE {base} AS t SET c{column} = w.best FROM {table} AS w WHERE {sure} AND w.pattern = t.pattern"
        changed += int(relation.ask(query)[0][0])
    return changed


NEGLIGIBLE = 0.01
_HEADER = ["row", "column", "before", "after", "probability"]


@dataclass(frozen=True)
class Repairs:
    """What to change in a table, and what stays open."""

    changes: pd.DataFrame
    open: pd.DataFrame
    cells: int
    least: float
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """One sentence: how many cells were weighed, would be changed, and stay open."""
        expected = sum(map(float, self.changes["probability"]))
        right = f", of which {expected:,.1f} are expected to be right" if len(self.changes) else ""
        return (
            f"{self.cells:,} cells were doubtful: {len(self.changes):,} have a value more probable than "
            f"{self.least:.0%}{right}; {len(self.open):,} stay open."
        )

    def __str__(self) -> str:
        return "\n".join([self.summary(), *self.notes])

    def _repr_html_(self) -> str:
        shown = self.changes.head(20).to_html(index=False, float_format="{:.3f}".format)
        return f"<p>{escape(str(self)).replace(chr(10), '<br>')}</p>{shown}"


def repair(table: Tabular, constraints: Any, *, least: float = 0.5, more: bool = True, fill: bool = True) -> Repairs:
    """Find the most probable values of the cells that break `constraints`; the table itself is not changed."""
    least = check_number("least", least, 0.5, 1.0)
    with opened(table) as relation:
        given = check_constraints(constraints, relation.columns)
        if not given:
            raise InputError.of("constraints", constraints, "at least one constraint")
        fds = [one for one in given if isinstance(one, FD)]
        changes, unsure, cells, notes = _weighed(relation, fds, least, more, fill) if fds else ([], [], 0, [])
        unsure += [_broken(relation, one) for one in given if not isinstance(one, FD)]
    return Repairs(_together(changes), _together(unsure), cells, least, tuple(notes))


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [part for part in parts if len(part)] or [pd.DataFrame(columns=pd.Index(_HEADER), dtype=object)]
    whole = pd.concat(filled).astype({"row": "int64", "probability": "float64"})
    return whole.sort_values(["row", "column"], kind="stable").reset_index(drop=True)


def _weighed(relation: Relation, fds: list[FD], least: float, more: bool, fill: bool):
    plan = _plan(relation, _experts(relation, fds, more))
    base = _patterns(plan)
    apart, notes = _set_apart(plan, base, fds)
    if notes:
        plan = apart
        base = _patterns(plan)
    first = relation.draft(f"SELECT * FROM {base}")
    kept: dict[int, list[str]] = {}
    rates, trust = None, np.ones(int(relation.ask(f"SELECT count(*) FROM {base}")[0][0]))
    for _ in range(PASSES):
        weighed, rates = _pass(plan, base, fill, rates, trust)
        for column, table in weighed.items():
            kept.setdefault(column, []).append(table)
        if not _apply(relation, base, weighed, least, trust):
            break
    last = {column: _last(relation, tables, least) for column, tables in kept.items()}
    if not last:
        return [], [], 0, notes
    union = relation.draft(" UNION ".join(f"SELECT pattern FROM {one} WHERE best IS DISTINCT FROM value" for one in last.values()))
    texts = ", ".join(f"CAST(t.{quoted(name)} AS VARCHAR) AS b{at}" for at, name in enumerate(plan.names))
    rows = _rows_of(plan, first, union, f"t.{ROW} AS row, {texts}")
    changes = [_changes(plan, rows, column, table, least, sure=True) for column, table in last.items()]
    unsure = [_changes(plan, rows, column, table, least, sure=False) for column, table in last.items()]
    cells = sum(relation.ask(f"SELECT coalesce(sum(p.times), 0)::BIGINT FROM {one} JOIN {first} AS p USING (pattern)")[0][0] for one in last.values())
    return changes, unsure, cells, notes


def _last(relation: Relation, tables: list[str], least: float) -> str:
    everything = " UNION ALL ".join(f"SELECT *, {turn} AS turn FROM {table}" for turn, table in enumerate(tables))
    moved = f"(best IS DISTINCT FROM value AND probability > {least!r}, turn)"
    return relation.draft(
        f"SELECT pattern, first(value ORDER BY turn) AS value, max_by(best, {moved}) AS best, "
        f"max_by(probability, {moved}) AS probability FROM ({everything}) GROUP BY pattern"
    )


def _changes(plan: _Plan, rows: str, column: int, table: str, least: float, *, sure: bool) -> pd.DataFrame:
    side = f"> {least!r}" if sure else f"BETWEEN {NEGLIGIBLE} AND {least!r}"
    return plan.relation.frame(
        f"SELECT r.row, {literal(plan.names[column])} AS column, r.b{column} AS before, w.best AS after, w.probability "
        f"FROM {table} AS w JOIN {rows} AS r ON r.pattern = w.pattern WHERE w.best IS DISTINCT FROM w.value AND w.probability {side} ORDER BY ALL"
    )


def _broken(relation: Relation, constraint: DenialConstraint) -> pd.DataFrame:
    """List the cells of rows that break another constraint, as open ones without a guess."""
    rows = relation.draft(broken_pairs(relation, constraint))
    parts = [
        f"SELECT t.{ROW} AS row, {literal(name)} AS column, CAST(t.{quoted(name)} AS VARCHAR) AS before, "
        f"NULL::VARCHAR AS after, NULL::DOUBLE AS probability FROM {relation.name} AS t "
        f"SEMI JOIN (SELECT row AS id FROM {rows} UNION SELECT other FROM {rows}) AS b ON b.id = t.{ROW}"
        for name in constraint.columns
    ]
    return relation.frame(f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY ALL")
