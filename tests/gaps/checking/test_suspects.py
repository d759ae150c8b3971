"""Suspects, reasons and witnesses: chances and spreads by hand, reasons against a slow twin, tables of gaps in SQL."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import median_abs_deviation

from finlab.core.errors import InputError
from finlab.data.relation import opened
from finlab.gaps.checking.gap_tables import evidence_sql, gaps_table, number_text, text_sql
from finlab.gaps.checking.identity import Identity, lend, plan_of
from finlab.gaps.checking.judgement import judge
from finlab.gaps.checking.reasons import REASONS, reasons_of
from finlab.gaps.checking.suspects import MAGNITUDES, MOST_ITEMS, Failing, Spread, spreads_of
from finlab.gaps.checking.witnesses import AGREES, CLEARS, DISAGREES, Case, weigh_together
from finlab.gaps.identities import check
from finlab.gaps.record import Gaps, identify


def reasons(identity: Identity, tables: Any) -> pd.DataFrame:
    with lend(tables) as lent:
        judged = judge(plan_of(identity, lent))
        relation, rows = judged.plan.relation(), judged.sql(evidence=True)
        draft = relation.draft(f"SELECT row AS f, * FROM ({rows}) WHERE fails")
        spreads = tuple(spreads_of(relation, rows, len(judged.plan.formula.leaves)))
        found = reasons_of(Failing(judged.plan, draft, judged.unit, judged.flat.counted, spreads))
        return relation.frame(f"SELECT * FROM {found} ORDER BY f, weight DESC, label")


@pytest.mark.parametrize("value", [-12.5, 0, 0.01, 12.5, 1e9])
def test_the_chance_of_a_value_is_the_one_of_the_formula(value: float) -> None:
    spread = Spread(0.7, 0.2, 0.1, 2.0, 0.5, 0.8, 0.1, 0.05)
    with opened(pd.DataFrame({"x": [1]})) as relation:
        found = relation.ask(f"SELECT {spread.chance(f'CAST({value!r} AS DECIMAL(38, 6))', Decimal('0.01'))}")[0][0]
    if value == 0:
        assert float(found) == 0.1
        return
    off = (math.log(abs(value)) - 2.0) / 0.5
    bell = 0.8 / (0.5 * math.sqrt(2 * math.pi)) * math.exp(-(off**2) / 2) + 0.2 / MAGNITUDES
    sign = 0.7 if value > 0 else 0.2
    assert float(found) == pytest.approx(sign * bell * min(0.01 / abs(value), 1), rel=1e-4)


def test_the_spread_of_a_column_is_its_medians_and_shares() -> None:
    random = np.random.default_rng(0)
    values = np.exp(random.normal(8, 0.9, 301)) * np.where(random.random(301) < 0.3, -1, 1)
    values[:20] = 0
    frame = pd.DataFrame({"c0": values, "b0": np.roll(values, 1)}).assign(b0=lambda t: t["b0"].where(t.index > 0))
    frame.loc[300, "c0"] = None
    with opened(frame) as relation:
        [spread] = spreads_of(relation, f"SELECT c0, b0 FROM {relation.name}", 1)
    there = frame["c0"].dropna()
    logs = np.log(there[there != 0].abs())
    assert spread.center == pytest.approx(np.median(logs))
    assert spread.width == pytest.approx(1.4826 * median_abs_deviation(logs), rel=1e-3)
    assert spread.positive == pytest.approx(((there > 0).sum() + 0.5) / 301.5)
    assert spread.repeats == pytest.approx((19 + 0.5) / (299 + 1)) and spread.absent == pytest.approx(1.5 / 302)


def slow(value: int, wanted: int) -> set[str]:
    """The exact reasons for which one whole number may stand instead of another, digit by digit."""
    found, text = set[str](), str(abs(value))
    other = str(abs(wanted))
    wide = max(len(text), len(other))
    a, b = text.zfill(wide), other.zfill(wide)
    swaps = {int(other[:k] + other[k + 1] + other[k] + other[k + 2 :]) for k in range(len(other) - 1)} - {abs(wanted)}
    if value * wanted > 0 and abs(value) in swaps:  # of digits that were written: a zero may get in front, none comes
        found.add("two digits swapped")
    if value * wanted > 0 and sum(x != y for x, y in zip(a, b, strict=True)) == 1:
        found.add("one digit mistyped")
    if value * wanted > 0 and any(value == wanted * 10**k or wanted == value * 10**k for k in range(1, 7)):
        found.add("by a power of ten")
    found |= {"wrong sign"} if wanted == -value != 0 else set()
    found |= {"doubled"} if value == 2 * wanted != 0 else set()
    return found | ({"too much"} if wanted == 0 != value else set())


def spoiled(value: int, change: int) -> int:
    """A value as somebody might write it instead: turned, times ten, doubled, two digits exchanged, one mistyped."""
    text, sign = str(abs(value)), -1 if value < 0 else 1
    if change == 3 and len(text) > 1:
        return sign * int(text[1] + text[0] + text[2:])
    if change == 4:
        return sign * int(text[:-1] + str((int(text[-1]) + 3) % 10))
    return value * (-1, 10, 2)[change % 3]


@pytest.mark.parametrize("seed", range(4))
def test_the_reasons_are_those_of_a_slow_twin(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(-1200, 1200, (400, 3)) * random.choice([1, 1, 10, 100], (400, 1))
    values[:, 2] = values[:, 0] + values[:, 1]
    for row, name, change in zip(range(400), random.integers(0, 3, 400), random.integers(0, 5, 400), strict=True):
        values[row, name] = spoiled(int(values[row, name]), int(change))
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    found = reasons(Identity("i", "a + b = c"), frame)
    kinds = r"(two digits swapped|one digit mistyped|by a power of ten|wrong sign|doubled|too much): (\w) is"
    parts = found["label"].str.extract(kinds)
    fast = {(row, kind, name) for row, kind, name in zip(found["f"], parts[0], parts[1], strict=True) if kind == kind}
    expected = set()
    for row, (a, b, c) in enumerate(values.tolist()):
        d = a + b - c
        wanted = {"a": a - d, "b": b - d, "c": c + d}
        expected |= {
            (row, kind, name)
            for name, old in zip("abc", (a, b, c), strict=True)
            for kind in (slow(old, wanted[name]) if d else ())
        }
    assert {one for one in fast if one[1]} == expected and len(expected) > 50


@pytest.mark.parametrize(
    ("old", "true", "swapped"),
    [
        ("15", "105", True),
        ("105", "15", False),
        ("1.05", "0.15", True),
        ("0.51", "0.15", True),
        ("10.50", "0.15", False),
    ],
)
def test_a_digit_changes_places_only_with_one_that_was_written(old: str, true: str, swapped: bool) -> None:
    sides = pd.DataFrame({"a": [old, "20.25"], "b": [true, "20.25"]})
    found = reasons(Identity("i", "a = b", rounding_unit=0), sides)
    labels = found.loc[found["cell"] == "a", "label"]
    assert any("swapped" in label for label in labels) == swapped


def test_the_weight_of_a_reason_is_the_product_of_the_formula() -> None:
    frame = pd.DataFrame({"a": [100.0] * 50 + [-100.0], "b": [300.0] * 51})
    found = reasons(Identity("i", "a + 200 = b", rounding_unit=1), frame)
    [sign] = found[found["reason"] == "sign"].itertuples()
    usual = (50.5 / 52.5) / (1.5 / 52.5)  # the same size: only the shares of the signs differ
    assert float(sign.weight) == pytest.approx(REASONS["sign"].often / 2 * usual)
    other = found[(found["reason"] == "other") & (found["cell"] == "a")].iloc[0]
    assert float(other["weight"]) == pytest.approx(REASONS["other"].often / 2 * usual / (2 * MAGNITUDES * 200))


def test_a_sum_of_too_many_items_is_looked_at_as_a_whole() -> None:
    items = pd.DataFrame({"k": 1, "x": np.arange(MOST_ITEMS + 1)})
    total = pd.DataFrame({"k": [1], "t": [int(items["x"].sum()) + 70]})
    found = reasons(Identity("i", "totals.t = sum(items.x)", key="k"), {"totals": total, "items": items})
    assert not found["label"].str.contains("in row").any() and len(found)


def test_bounds_try_the_sign_and_the_power_of_ten_of_the_period_before() -> None:
    frame = pd.DataFrame({"p": range(8), "part": [50, 52, 51, 53, 49_000, 50, -51, 52], "whole": 100})
    report = check("part <= whole", frame, period="p")
    assert report.gaps[0].kind == "unit" and "part is 49000 instead of 49" in report.gaps[0].causes[0].label
    report = check("part >= 0", frame, period="p")
    assert report.gaps[0].kind == "sign" and report.gaps[0].rows("table") == (6,)


def test_witnesses_multiply_the_weights_as_they_say() -> None:
    frame = pd.DataFrame({"a": [1000] * 9 + [1234], "b": 600, "c": 400, "d": 1000, "e": [0] * 9 + [5]})
    formulas = ["a = b + c", "a = d", "a - d = e"]  # accuses a; accuses a of the same; wants another a
    with lend(frame) as lent:
        cases = []
        for formula in formulas:
            judged = judge(plan_of(Identity(formula, formula), lent))
            relation, rows = judged.plan.relation(), judged.sql(evidence=True)
            draft = relation.draft(f"SELECT row AS f, * FROM ({rows}) WHERE fails")
            spreads = tuple(spreads_of(relation, rows, len(judged.plan.formula.leaves)))
            cases.append(Case(judged, reasons_of(Failing(judged.plan, draft, judged.unit, (), spreads))))
        weighed = weigh_together(cases)
        query = "SELECT weight FROM {} WHERE reason = 'other' AND cell = '{}'"
        factors = {
            cell: float(lent.relations["table"].ask(query.format(weighed[0].reasons, cell))[0][0])
            / float(lent.relations["table"].ask(query.format(cases[0].reasons, cell))[0][0])
            for cell in "abc"
        }
    assert factors["a"] == pytest.approx(AGREES * DISAGREES) and factors["b"] == factors["c"] == 1
    assert 0 < CLEARS < DISAGREES < 1 < AGREES


def test_one_identity_alone_has_no_witnesses() -> None:
    with lend(pd.DataFrame({"a": [1], "b": [1]})) as lent:
        case = Case(judge(plan_of(Identity("i", "a = b"), lent)))
        assert weigh_together([case]) == [case] and weigh_together([]) == []


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("CAST(7 AS DECIMAL(38, 6))", "DECIMAL(38,6)", "7"),
        ("CAST(100 AS DECIMAL(38, 0))", "DECIMAL(38,0)", "100"),
        ("TIMESTAMP '2026-03-31 10:00:00'", "TIMESTAMP", "2026-03-31 10:00:00"),
        ("TIMESTAMP '2026-03-31'", "TIMESTAMP", "2026-03-31"),
        ("DATE '2026-03-31'", "DATE", "2026-03-31"),
        ("'0.50'", "VARCHAR", "0.50"),
    ],
)
def test_texts_of_keys_and_periods(value: str, kind: str, text: str) -> None:
    with opened(pd.DataFrame({"x": [1]})) as relation:
        assert relation.ask(f"SELECT {text_sql(value, kind)}")[0][0] == text
        assert relation.ask(f"SELECT {number_text('CAST(-120.50 AS DECIMAL(9, 2))')}")[0][0] == "-120.5"


def test_a_gap_written_in_sql_is_the_one_written_in_python() -> None:
    frame = pd.DataFrame({"k": ["a\x1fb", "ü'\"", ""], "n": [1, 2, 3]})
    with opened(frame) as relation:
        columns = {"kind": "'value'", "sources": "['x', 'y']", "key": "k", "period": "'2026'", "field": "'f'",
                   "evidence": evidence_sql("'x'", "[_row, n]", "'rule'")}  # fmt: skip
        gaps = Gaps(gaps_table(relation, columns, f"{relation.name} ORDER BY _row"))
        with pytest.raises(InputError, match="did you mean 'period'"):
            gaps_table(relation, {**columns, "perod": "''"}, relation.name)
    assert [gap.id for gap in gaps] == [identify("value", ("x", "y"), key, "2026", "f") for key in frame["k"]]
    assert gaps[1].rows("x") == (1, 2) and gaps[0].status == "open" and gaps[0].probability == 1
