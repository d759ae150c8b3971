"""Truth from end to end: against majority voting, calibrated, exact in its records, unharmed by what it is given."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from finlab.core.errors import InputError
from finlab.gaps.record import Gaps, identify
from finlab.gaps.sources.hearsay import Hearsay, World, spread_hearsay
from finlab.gaps.sources.rules import Rules
from finlab.gaps.truth import Truth, truth

LONG = {"entity": "entity", "attribute": "attribute", "source": "source", "value": "value"}


def judged(said: Hearsay, **rules: object) -> tuple[Truth, np.ndarray, np.ndarray]:
    """What is found, whether each chosen value is true, and whether that of the majority is."""
    found = truth(said.frame(), **LONG, rules=Rules(**rules))  # pyright: ignore[reportArgumentType]
    answers = said.answers.reindex(found.values["entity"]).to_numpy()
    chosen, most = (found.values[name].to_numpy() == answers for name in ("value", "majority"))
    return found, chosen, most


def calibration_error(stated: np.ndarray, true: np.ndarray) -> float:
    bins = np.array_split(np.argsort(stated, kind="stable"), 10)
    return sum(abs(stated[one].mean() - true[one].mean()) * len(one) for one in bins) / len(stated)


def said(*rows: Sequence[object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=pd.Index(["entity", "attribute", "source", "value"]))


MANY = 38
WORLDS = {  # a world, and by how much the answer must be better than the vote
    "echoes of bad sources": (World(MANY, 600, 6, (0.3, 0.8), (0.3, 0.8), hard=0.5, copying=(12, 8)), 0.15),
    "hard attributes": (World(MANY, 600, 6, (0.35, 0.95), apart=0.8, hard=1.0, popular=1.0, copying=(8, 5, 3)), 0.1),
    "times that slip": (
        World(MANY, 300, 6, (0.4, 0.97), apart=0.8, hard=1.0, slips=0.6, width=8.0, rounding=5, copying=(6, 4, 3)),
        0.02,
    ),
    "sources that are alike": (World(MANY, 600, 6, (0.7, 0.7), apart=0.0), 0.0),
    "few claims": (World(MANY, 600, 6, (0.3, 0.9), (0.03, 0.2)), -0.01),
    "three sources": (World(3, 600, 2, (0.6, 0.9)), -0.01),
}


@pytest.mark.parametrize(("world", "gain"), WORLDS.values(), ids=WORLDS.keys())
def test_the_answer_is_better_than_the_vote_where_it_can_be_and_its_probabilities_hold(
    world: World, gain: float
) -> None:
    found, chosen, most = judged(spread_hearsay(world, 1))
    assert chosen.mean() >= most.mean() + gain
    assert calibration_error(found.values["probability"].to_numpy(), chosen) <= 0.05


def test_copiers_are_named_and_their_originals() -> None:
    found, _, _ = judged(spread_hearsay(World(MANY, 600, 6, (0.4, 0.8), copying=(6, 4)), 2))
    pairs = {frozenset(pair) for pair in zip(found.dependence["source"], found.dependence["other"], strict=True)}
    clique = [{f"s{place:02d}" for place in places} for places in (range(6), range(6, 10))]
    assert all(any(pair <= one for one in clique) for pair in pairs)
    assert {frozenset({"s00", f"s{place:02d}"}) for place in range(1, 6)} <= pairs


def test_the_vote_is_that_of_a_counter() -> None:
    told = spread_hearsay(World(7, 80, 2), 3)
    found = truth(told.frame(), **LONG, rules=Rules(method="vote"))
    counts = told.frame().groupby(["entity", "value"]).size()
    for line in found.values.itertuples():
        assert counts[line.entity, line.value] == counts[line.entity].max()


def test_three_shapes_of_one_table_have_one_answer() -> None:
    told = spread_hearsay(World(9, 120, 3, coverage=(0.5, 0.9)), 4).frame()
    wide = told.pivot(index=["entity", "attribute"], columns="source", values="value").reset_index()
    records = told.pivot(index=["entity", "source"], columns="attribute", values="value").reset_index()
    sources = sorted(told["source"].unique())
    found = [
        truth(told, **LONG),
        truth(wide, entity="entity", attribute="attribute", source=sources),
        truth(records, entity="entity", source="source"),
        truth(told.sample(frac=1.0, random_state=1), **LONG),
        truth(pa.Table.from_pandas(told), **LONG),
    ]
    names = ["entity", "attribute", "value", "probability", "n_sources"]
    first, *rest = (one.values[names].sort_values(names[:2], ignore_index=True) for one in found)
    for other in rest:
        pd.testing.assert_frame_equal(first, other, check_exact=False, rtol=1e-6, check_dtype=False)


def test_two_sources_that_contradict_each_other_decide_nothing() -> None:
    rows = [(f"e{row}", "a", source, value) for row in range(50) for source, value in (("p", "x"), ("q", "y"))]
    found = truth(said(*rows), **LONG)
    assert (found.values["probability"] <= 0.5).all() and (found.values["tied"] == 2).all()
    assert any("Two sources only" in note for note in found.notes) and not found.sources_differ
    assert "50 are tied" in found.summary()


def test_a_source_alone_is_believed_as_much_as_the_prior() -> None:
    found = truth(said(*((f"e{row}", "a", "only", "x") for row in range(20))), **LONG)
    assert found.values["probability"].between(0.5, 0.95).all() and len(found.gaps()) == 0
    assert any("no evidence" in note for note in found.notes)


def test_a_trusted_source_decides_against_many() -> None:
    rows = [(f"e{row}", "a", source, "wrong" if source != "audit" else f"v{row}") for row in range(9) for source in
            ("p", "q", "r", "audit")]  # fmt: skip
    found = truth(said(*rows), **LONG, rules=Rules(trusted=["audit"]))
    assert found.values["value"].tolist() == [f"v{row}" for row in range(9)]
    assert found.ask(3)["probability"].min() > 0.9


MONEY = said(
    ("i1", "amount", "bank", "1,200.10"), ("i1", "amount", "ledger", "1200.10"), ("i1", "amount", "vendor", "1,250.35"),
    ("i2", "amount", "bank", "80.00"), ("i2", "amount", "ledger", "80.00"), ("i2", "amount", "vendor", "80.00"),
    ("i3", "name", "bank", "Acme"), ("i3", "name", "ledger", "Bolt"), ("i3", "name", "vendor", "ACME"),
)  # fmt: skip


def test_a_contested_fact_is_one_gap_with_exact_money_and_rows() -> None:
    found = truth(MONEY, **LONG).gaps(currency="EUR")
    assert isinstance(found, Gaps) and len(found) == 2 and {gap.kind for gap in found} == {"conflict"}
    paid = next(gap for gap in found if gap.field == "amount")
    assert paid.key == "i1" and paid.amount_at_stake == Decimal("50.25") and paid.currency == "EUR"
    assert paid.sources == ("bank", "ledger", "vendor") and paid.values == ("1,200.10", "1200.10", "1,250.35")
    assert [one.rows for one in paid.evidence] == [(0,), (1,), (2,)]
    assert [cause.label for cause in paid.causes] == ["vendor is wrong"]
    assert [one.rows for other in paid.alternatives for one in other.evidence] == [(2,)]
    assert paid.id == identify("conflict", paid.sources, "i1", "", "amount")
    name = next(gap for gap in found if gap.field == "name")
    assert name.amount_at_stake is None and name.currency == "" and name.residual is None


def test_a_gap_for_each_source_that_dissents() -> None:
    found = truth(MONEY, **LONG).gaps(each="source", currency="EUR")
    assert {(gap.sources, gap.values) for gap in found} == {(("vendor",), ("1,250.35",)), (("ledger",), ("Bolt",))}
    assert sorted(gap.amount_at_stake for gap in found if gap.amount_at_stake) == [Decimal("50.25")]
    assert next(gap for gap in found if gap.field == "amount").causes[0].label.startswith("the value is 1")


def test_the_period_of_a_gap_is_a_column_of_the_entity() -> None:
    table = pd.DataFrame({"e": ["x"] * 2, "d": pd.to_datetime(["2026-03-31"] * 2), "s": ["p", "q"], "v": ["1", "2"]})
    gap = truth(table, entity=["e", "d"], source="s", value="v").gaps(period="d")[0]
    assert (gap.key, gap.period) == ("x", "2026-03-31")


def test_probabilities_of_a_gap_and_its_alternatives_are_at_most_one() -> None:
    found = truth(spread_hearsay(World(6, 200, 2, (0.4, 0.8)), 5).frame(), **LONG)
    for gap in found.gaps():
        assert gap.probability <= 1.0 / gap.n_explanations + 1e-9
        assert gap.probability + sum(one.probability for one in gap.alternatives) <= 1.0 + 1e-9


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"each": "facts"}, "did you mean 'fact'"),
        ({"money": "amount"}, "a list of attributes"),
        ({"money": ["amuont"]}, "did you mean 'amount'"),
        ({"currency": 5}, "currency is 5"),
        ({"period": "day"}, "period"),
    ],
)
def test_what_gaps_cannot_be_made_of_is_refused(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        truth(MONEY, **LONG).gaps(**arguments)  # pyright: ignore[reportArgumentType]


HOSTILE = ["'; DROP TABLE t; --", "<script>alert(1)</script>", '=HYPERLINK("x")', "\x00\x1f", "💶" * 50, "a" * 10_000]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("place", ["entity", "attribute", "source", "value"])
def test_hostile_text_is_text(text: str, place: str) -> None:
    table = said(*(("e", "a", source, value) for source, value in (("p", "x"), ("q", "x"), ("r", "y"))))
    table.loc[:, place] = table[place].where(table.index != 0, text)
    found = truth(table, **LONG)
    page = found._repr_html_()
    assert "<script>" not in page and isinstance(found.summary(), str)
    assert {"conflict"} >= {gap.kind for gap in found.gaps()}


def test_hostile_names_can_be_drawn() -> None:
    rows = [(entity, "a", source, str(len(entity))) for entity in "xy" for source in [*HOSTILE, "$a_b^{", "p"]]
    assert truth(said(*rows), **LONG).plot().axes


@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308, 5e-324], [2**53 + 1, 2**53, 2**53], [Decimal("1e30"), Decimal("1e30"), Decimal("2e30")],
        [True, False, True], [0.0, -0.0, 1.0], ["1e400", "1", "1"], ["9" * 60, "1", "1"],
    ],
)  # fmt: skip
def test_extreme_numbers_do_no_harm(values: list[object]) -> None:
    table = pd.DataFrame({"e": ["x"] * 3, "s": list("pqr"), "v": values})
    found = truth(table, entity="e", source="s", value="v")
    assert found.values["probability"].between(0.0, 1.0).all() and len(found.gaps()) <= 1
    assert np.isfinite(found.sources["reliability"]).all()


def test_names_of_columns_that_the_answer_uses_do_not_collide() -> None:
    table = pd.DataFrame({"value": ["x"] * 2, "source": ["p", "q"], "claims": ["1", "2"]})
    found = truth(table, entity="value", source="source", value="claims")
    assert found.values.columns[0] == "value (entity)" and found.claims["value"].tolist() == ["1", "2"]


def test_the_same_table_gives_the_same_answer() -> None:
    table = spread_hearsay(World(8, 100, 2), 6).frame()
    one, other = truth(table, **LONG), truth(table, **LONG)
    pd.testing.assert_frame_equal(one.values, other.values)
    assert one.gaps().arrow.equals(other.gaps().arrow)


@pytest.mark.parametrize("most", [0, -1, 2.5, "3", None])
def test_asking_for_no_facts_is_refused(most: object) -> None:
    with pytest.raises(InputError, match="most"):
        truth(MONEY, **LONG).ask(most)  # pyright: ignore[reportArgumentType]


def test_a_vote_knows_no_trusted_source() -> None:
    with pytest.raises(InputError, match="knows no trusted sources"):
        truth(MONEY, **LONG, rules=Rules(method="vote", trusted=["bank"]))


@pytest.mark.parametrize("world", [World(sources=0), World(facts=0), World(sources=3, copying=(2, 2))])
def test_worlds_that_cannot_be_are_refused(world: World) -> None:
    with pytest.raises(InputError, match="world"):
        spread_hearsay(world, 1)


def test_invented_claims_are_as_reliable_as_they_say() -> None:
    told = spread_hearsay(World(6, 20_000, 2, (0.5, 0.9)), 7)
    cell = told.source * 2 + told.attribute[told.fact]
    share = np.bincount(cell, told.right) / np.bincount(cell)
    assert np.abs(share - told.reliability.ravel()).max() < 0.02
