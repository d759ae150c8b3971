"""Applying rules: the first that fits wins, limits hold in every currency, and what is refused explains nothing."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.record import Cause, Gap, Gaps
from finlab.gaps.workflow.rules import Fee, FixedFee, Rule, Small, Timing
from finlab.gaps.workflow.ruling import apply_rules


def gap(key: str, lost: str, **more: Any) -> Gap:
    said = {"kind": "value", "sources": ("ledger", "bank"), "currency": "EUR", "amount_at_stake": Decimal(lost)}
    values = ("1000.00", str(1000 - Decimal(lost)))
    return Gap(**{**said, "key": key, "values": values, "causes": (Cause("a guess", 0.4),), **more})


def states(gaps: Gaps) -> list[tuple[str, str]]:
    return [(one.status, one.causes[0].label if one.causes else "") for one in gaps]


FEE = Fee(name="fee", rate="0.15%", most=100)


def test_the_first_rule_that_fits_wins() -> None:
    gaps = Gaps.of([gap("a", "1.50"), gap("b", "2.00")], {"ledger": 2})
    both = [FEE, Small(name="small", amount=5, most=100)]
    ruling = apply_rules(gaps, both)
    assert states(ruling.gaps) == [("explained", "fee"), ("explained", "small")]
    assert ruling.gaps[0].causes == (Cause("fee", 1.0),) and ruling.gaps.records == {"ledger": 2}
    turned = apply_rules(gaps, both[::-1])
    assert states(turned.gaps) == [("explained", "small")] * 2
    assert [figure.gaps for figure in ruling.figures] == [1, 1] and turned.figures[0].gaps == 2
    assert states(gaps) == [("open", "a guess")] * 2  # what was given is as it was


def test_only_open_gaps_are_asked_about() -> None:
    gaps = Gaps.of([gap("a", "1.50", status=status) for status in ("open", "explained", "accepted", "fixed")])
    ruling = apply_rules(gaps, [FEE])
    assert [one.status for one in ruling.gaps] == ["explained", "explained", "accepted", "fixed"]
    assert ruling.explained == 1


def test_without_rules_or_gaps_nothing_happens() -> None:
    gaps = Gaps.of([gap("a", "1.50")])
    assert apply_rules(gaps, []).explained == 0 and states(apply_rules(gaps, []).gaps) == states(gaps)
    empty = apply_rules(Gaps.of([]), [FEE])
    assert empty.explained == 0 and len(empty.gaps) == 0 and str(empty).endswith("explains nothing: no gap is open")


def test_twins_with_one_id_are_judged_each_by_itself() -> None:
    gaps = Gaps.of([gap("a", "1.50"), gap("a", "300.00")])
    assert gaps[0].id == gaps[1].id
    assert states(apply_rules(gaps, [FEE]).gaps) == [("explained", "fee"), ("open", "a guess")]


def test_a_rule_over_its_limit_is_refused_with_the_figures() -> None:
    gaps = Gaps.of([gap("a", "60.00"), gap("b", "40.01"), gap("c", "1.50")])
    rule = Small(name="small", amount=100, most=100)
    words = r"rule 'small' would explain 3 gaps of 101.51 EUR, more than its limit of 100.00 EUR \(most\)"
    with pytest.raises(InputError, match=words):
        apply_rules(gaps, [rule])
    rehearsed = apply_rules(gaps, [rule, FEE], dry_run=True)
    assert rehearsed.explained == 0 and states(rehearsed.gaps) == states(gaps)  # the fee keeps away from them, too
    assert rehearsed.figures[0].refused and rehearsed.figures[0].limit == 100
    assert apply_rules(gaps, [Small(name="small", amount=100, most="101.51")]).explained == 3


def test_without_a_limit_a_twentieth_of_the_money_at_stake_may_be_explained() -> None:
    just, over = [gap("a", "950.00"), gap("b", "50.00")], [gap("a", "949.00"), gap("b", "50.00")]
    rule = Small(name="small", amount=50)
    assert apply_rules(Gaps.of(just), [rule]).explained == 1
    with pytest.raises(InputError, match=r"more than 49.95 EUR, which is 5% of the money at stake.*state its limit"):
        apply_rules(Gaps.of(over), [rule])
    fixed = [gap("a", "950.00", status="fixed"), gap("b", "50.00")]
    with pytest.raises(InputError, match=r"more than 2\.50 EUR"):
        apply_rules(Gaps.of(fixed), [rule])  # what is fixed is no longer at stake


def test_a_limit_holds_in_each_currency_by_itself() -> None:
    gaps = [gap("a", "60.00"), gap("b", "60.00", currency="USD"), gap("c", "60.00", currency="")]
    rule = Small(name="small", amount=60, most=60)
    assert apply_rules(Gaps.of(gaps), [rule]).explained == 3
    more = Gaps.of([*gaps, gap("d", "0.01", currency="USD")])
    rehearsed = apply_rules(more, [rule], dry_run=True)
    assert [(figure.currency, figure.refused) for figure in rehearsed.figures] == [
        ("", False),
        ("EUR", False),
        ("USD", True),
    ]
    assert rehearsed.explained == 0  # refused in one currency is refused


def test_small_steps_do_not_pass_a_limit() -> None:
    rule = Small(name="small", amount=60, most=100)
    first = apply_rules(Gaps.of([gap("a", "60.00")]), [rule]).gaps
    with pytest.raises(InputError, match=r"1 gap of 60\.00 EUR and explains 60\.00 EUR already, more than its limit"):
        apply_rules(first + Gaps.of([gap("b", "60.00")]), [rule])
    renamed = Small(name="another", amount=60, most=100)
    assert apply_rules(first + Gaps.of([gap("b", "60.00")]), [renamed]).explained == 1


def test_gaps_without_an_amount_are_counted() -> None:
    late = [gap("a", "0", kind="timing", values=("2026-03-31", "2026-04-01"), amount_at_stake=None) for _ in range(3)]
    ruling = apply_rules(Gaps.of(late), [Timing(name="late", days=1)])
    assert ruling.figures[0].unpriced == 3 and ruling.figures[0].amount == 0 and ruling.explained == 3


def test_amounts_that_do_not_add_up_in_38_digits_are_refused() -> None:
    largest = Decimal("9999999999999999999999999999999999.9999")
    gaps = Gaps.of([gap(key, "1", amount_at_stake=largest) for key in "ab"])
    with pytest.raises(InputError, match="the gaps cannot be judged"):
        apply_rules(gaps, [FEE])


def test_hostile_names_and_texts_are_only_texts() -> None:
    nasty = "'; DROP TABLE gaps; -- <script>alert(1)</script>"
    rule = FixedFee(name=nasty, amount="1.50", counterparty=nasty, most=5)
    ruling = apply_rules(Gaps.of([gap(nasty, "1.50"), gap("=1+1", "1.50")]), [rule])
    assert states(ruling.gaps) == [("explained", nasty), ("open", "a guess")]
    named = apply_rules(Gaps.of([gap("=1+1", "1.50")]), [FixedFee(name=nasty, amount="1.50", most=5)])
    assert states(named.gaps) == [("explained", nasty)]
    assert "<script>" not in named._repr_html_() and "&lt;script&gt;" in named._repr_html_()


def slow(gaps: list[Gap], rules: list[Rule]) -> list[str]:
    """What rules about small amounts explain, the slow and obvious way."""
    first = {i: next((r for r in rules if one.amount_at_stake <= r.amount), None) for i, one in enumerate(gaps)}
    refused = set()
    for rule in rules:
        for currency in {one.currency for one in gaps}:
            total = sum(gaps[i].amount_at_stake for i, r in first.items() if r is rule and gaps[i].currency == currency)
            stake = sum(one.amount_at_stake for one in gaps if one.currency == currency)
            limit = rule.limit if rule.limit is not None else round(stake * Decimal("0.05"), 2)
            refused |= {rule.name} if total > limit else set()
    return [r.name if (r := first[i]) and r.name not in refused else "" for i in range(len(gaps))]


money = st.integers(0, 20_000).map(lambda cents: str(Decimal(cents) / 100))


@given(
    st.lists(st.tuples(money, st.sampled_from(["EUR", "USD"])), max_size=12),
    st.lists(st.tuples(money, st.none() | money), max_size=4),
)
@given_settings(max_examples=20)
def test_rules_are_applied_as_the_slow_way_says(amounts: list, limits: list) -> None:
    gaps = [gap(str(i), amount, currency=currency) for i, (amount, currency) in enumerate(amounts)]
    rules = [Small(name=f"r{i}", amount=amount, most=most) for i, (amount, most) in enumerate(limits)]
    ruling = apply_rules(Gaps.of(gaps), rules, dry_run=True)
    found = [one.causes[0].label if one.status == "explained" else "" for one in ruling.gaps]
    assert found == slow(gaps, rules) and ruling.explained == sum(map(bool, found))
