"""Resolution rules: what they explain, their text, and what is refused before a rule is one."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.lease import connect_memory
from finlab.gaps.record import KINDS, Gap, Gaps
from finlab.gaps.workflow.facts import facts_query
from finlab.gaps.workflow.rules import (
    RULES,
    Fee,
    FixedFee,
    Known,
    Rounding,
    Rule,
    Small,
    Timing,
    check_names,
    condition,
    fingerprint,
    make_rule,
    read_rules,
    rule_to_toml,
    rules_from_toml,
)


def gap(first: str | None = "1000.00", second: str | None = "998.50", **more: Any) -> Gap:
    said = {"kind": "value", "sources": ("ledger", "bank"), "currency": "EUR", "values": (first, second)}
    return Gap(**{**said, **more})


def explained(rule: Rule, *gaps: Gap) -> list[bool]:
    """Which gaps a rule explains."""
    with connect_memory() as connection:
        connection.register("shown", Gaps.of(gaps).arrow)
        facts = facts_query("shown", handle="row_number() OVER ()")
        query = f"SELECT {condition(rule)} FROM ({facts}) ORDER BY gap"
        return [row[0] for row in connection.execute(query).fetchall()]


def remaining(rule: Rule, one: Gap) -> Decimal | None:
    with connect_memory() as connection:
        connection.register("shown", Gaps.of([one]).arrow)
        return connection.execute(f"SELECT {rule.remains()} FROM ({facts_query('shown')})").fetchall()[0][0]


FEE = Fee(name="fee", rate="0.15%")


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        (("1000.00", "998.50"), True),
        (("998.50", "1000.00"), True),
        (("-1000.00", "-998.50"), True),
        (("1000.00", "998.49"), True),  # a cent of rounding
        (("1000.00", "998.48"), False),
        (("1000.00", "1000.00"), False),
        (("100.00 + 900.00", "998.50"), True),
        (("1000.00", None), False),
        ((None, "1000.00"), False),
        (("1.000,00", "998.50"), False),
        (("0.00", "0.00"), True),  # no fee of nothing; such a gap is none, and costs nothing to explain
    ],
)
def test_a_fee_is_a_share_of_the_larger_value(values: tuple[str | None, str | None], holds: bool) -> None:
    assert explained(FEE, gap(*values)) == [holds]


@given(st.integers(1, 10**9), st.integers(1, 1000))
@given_settings(max_examples=15)
def test_a_fee_of_any_amount_is_recognised_by_exact_decimals(cents: int, rate: int) -> None:
    share = Decimal(rate) / 10_000
    amount = Decimal(cents) / 100
    fee = (amount * share).quantize(Decimal("0.01"))
    rule = Fee(name="fee", rate=share)
    assert explained(rule, gap(str(amount), str(amount - fee))) == [True]
    left = remaining(rule, gap(str(amount), str(amount - fee)))
    assert left is not None and abs(left) <= Decimal("0.005")
    if amount * share > 1:
        assert explained(rule, gap(str(amount), str(amount - fee + Decimal("0.02")))) == [False]


def test_a_fee_may_be_reckoned_from_the_value_of_one_source() -> None:
    charged = gap("1000.00", "1001.50")  # the bank took its fee on top
    assert explained(Fee(name="x", rate="0.15%", of="ledger", within=0), charged) == [True]
    assert explained(Fee(name="x", rate="0.15%", of="bank", within=0), charged) == [False]
    assert explained(Fee(name="x", rate="0.15%", of="nobody"), charged) == [False]


def test_less_is_the_source_that_shows_less_by_sign() -> None:
    lower, higher = gap("1000.00", "998.50"), gap("1000.00", "1001.50")
    paid = gap("-1000.00", "-1001.50")
    charged = gap(None, "-1.50", kind="missing")
    rule = FixedFee(name="x", amount="1.50", less="bank")
    assert explained(rule, lower, higher, paid, charged) == [True, False, True, True]
    assert explained(FixedFee(name="x", amount="1.50", less="ledger"), lower, higher) == [False, True]
    assert explained(FixedFee(name="x", amount="1.50", less="other"), lower, higher) == [False, False]


def test_a_fixed_fee_is_exact_unless_it_says_within() -> None:
    assert explained(FixedFee(name="x", amount=12), gap("100", "88"), gap("100", "88.01")) == [True, False]
    assert explained(FixedFee(name="x", amount=12, within="0.01"), gap("100", "88.01")) == [True]


def test_a_known_difference_is_of_one_counterparty_by_its_whole_name() -> None:
    rule = Known(name="x", counterparty="ACME", amount="1.50")
    keys = ("A-1 | acme", "Acme", "Acme Fraud Ltd | 7", "7; ACME ;x", "ac'me", "")
    assert explained(rule, *(gap(key=key) for key in keys)) == [True, True, False, True, False, False]
    hostile = Known(name="x", counterparty="'; DROP TABLE gaps; --", amount="1.50")
    assert explained(hostile, gap(key="x'; drop table gaps; --"), gap(key="7| '; DROP TABLE gaps; --")) == [
        False,
        False,
    ]
    assert explained(Known(name="x", counterparty="o'brien", amount="1.50"), gap(key="1|O'Brien")) == [True]


def test_timing_counts_days_and_only_gaps_of_that_kind() -> None:
    late = [gap("2026-03-30", f"2026-04-0{day}", kind="timing") for day in (1, 2, 3)]
    assert explained(Timing(name="x", days=3), *late, gap("2026-03-30", "2026-04-01")) == [True, True, False, False]
    assert explained(Timing(name="x", days=0), late[0]) == [False]
    assert explained(Timing(name="x", days=9, kinds=["value"]), gap("2026-03-30", "2026-04-01")) == [True]


def test_small_and_rounding() -> None:
    amounts = [gap("a", "b", amount_at_stake=amount) for amount in (Decimal(5), Decimal("5.01"), None)]
    assert explained(Small(name="x", amount=5), *amounts) == [True, False, False]
    cents = [gap("1.00", "1.01"), gap("1.00", "0.99"), gap("1.00", "1.02"), gap("1", "1.01", kind="sign")]
    assert explained(Rounding(name="x"), *cents) == [True, True, False, False]
    thousands = gap("1200000", "1201000", kind="identity")
    assert explained(Rounding(name="x", unit=1000), thousands) == [True]


def test_a_scope_narrows_down_and_what_is_left_out_narrows_nothing() -> None:
    one = gap(field="amount", period="2026-03", key="k")
    yes = {"sources": ["bank"], "field": "amount", "currency": "EUR", "counterparty": "K", "kinds": ["value"]}
    no = {"sources": ["bank", "till"], "field": "day", "currency": "USD", "counterparty": "q", "kinds": ["merge"]}
    for name, setting in yes.items():
        assert explained(Fee(name="x", rate="0.15%", **{name: setting}), one) == [True], name
    for name, setting in no.items():
        assert explained(Fee(name="x", rate="0.15%", **{name: setting}), one) == [False], name


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        ("2026-03-01", None, True),
        ("2026-03-02", None, False),
        (None, "2026-03-31", True),
        (None, "2026-03-30", False),
        ("2026-01-01", "2026-12-31", True),
    ],
)
def test_the_whole_period_lies_within_the_term(first: str | None, last: str | None, holds: bool) -> None:
    rule = Fee(name="x", rate="0.15%", valid_from=first, valid_to=last)
    assert explained(rule, gap(period="2026-03"), gap(period=""), gap(period="soon")) == [holds, False, False]


SETTINGS = {
    "kinds": st.lists(st.sampled_from(sorted(KINDS)), max_size=3, unique=True),
    "sources": st.lists(st.text("ab'\"数 ", min_size=1, max_size=5).map(lambda text: f"x{text}x"), max_size=2),
    "field": st.sampled_from(["", "amount", 'odd "field"']),
    "currency": st.sampled_from(["", "EUR"]),
    "valid_from": st.none() | st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    "most": st.none() | st.decimals(0, 10**12, places=2),
}
OWN = {
    "fee": {"rate": st.integers(1, 10**6).map(lambda n: Decimal(n) / 10**6)},
    "fixed": {"amount": st.decimals(0, 10**6, places=4)},
    "known": {"amount": st.decimals(0, 10**6, places=2), "counterparty": st.sampled_from(["Acme", 'o\'b "x"'])},
    "timing": {"days": st.integers(0, 400)},
    "small": {"amount": st.decimals(0, 10**6, places=2)},
    "rounding": {"unit": st.decimals(0, 10**6, places=2)},
}


@given(st.data())
@given_settings(max_examples=15)
def test_what_is_written_is_what_is_read(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(OWN)))
    given_settings = data.draw(st.fixed_dictionaries(OWN[kind], optional=SETTINGS))
    rule = make_rule({"kind": kind, "name": "a 'name' \"of\" 数据", **given_settings})
    text = rule_to_toml(rule)
    assert rules_from_toml(text) == [rule] and fingerprint(rules_from_toml(text)[0]) == fingerprint(rule)
    assert explained(rule, gap()) in ([True], [False])


def test_a_fingerprint_is_of_what_is_meant_and_not_of_how_it_was_written() -> None:
    same = [
        Fee(name="x", rate=rate, most=most) for rate, most in (("0.15%", 500), ("0.150 %", "500.00"), (0.0015, 5e2))
    ]
    assert len({fingerprint(rule) for rule in same}) == 1 == len(set(same))
    assert fingerprint(Fee(name="x", rate="0.16%", most=500)) != fingerprint(same[0])


def test_every_kind_is_covered_here() -> None:
    assert set(OWN) == set(RULES)


WRONG = {
    'kind = "fees"\nname = "x"': "kind is 'fees'; expected one of .* did you mean 'fee'",
    'name = "x"': "kind is None",
    'kind = "fee"\nname = "x"': "the setting 'rate' is missing",
    'kind = "fee"\nrate = "1%"': "the setting 'name' is missing",
    'kind = "fee"\nname = ""\nrate = "1%"': "fee: name is ''",
    'kind = "fee"\nname = "x"\nrate = "1%"\nmots = 5': "'mots' is no setting of this rule; did you mean 'most'",
    'kind = "fee"\nname = "x"\nrate = "1%"\nzzz = 5': "'zzz' is no setting of this rule; it has name, kinds",
    'kind = "fee"\nname = "x"\nrate = "101%"': "fee: rate is '101%'; expected a share above 0",
    'kind = "fee"\nname = "x"\nrate = 0': "fee: rate is 0; expected a share",
    'kind = "fee"\nname = "x"\nrate = "a%"': "fee: rate is 'a%'; expected a share",
    'kind = "fee"\nname = "x"\nrate = nan': "fee: rate is 'NaN'",
    'kind = "fee"\nname = "x"\nrate = true': "fee: rate is True",
    'kind = "fee"\nname = "x"\nrate = "0.0000000001"': "fee: rate is",
    'kind = "fixed"\nname = "x"\namount = -1': "fixed: amount is -1; expected an amount, zero or more",
    'kind = "fixed"\nname = "x"\namount = 1e16': "fixed: amount is",
    'kind = "fixed"\nname = "x"\namount = "1,000"': "fixed: amount is '1,000'",
    'kind = "fixed"\nname = "x"\namount = [1]': r"fixed: amount is \[1\]",
    'kind = "known"\nname = "x"\namount = 1': "known: the setting 'counterparty' is missing",
    'kind = "timing"\nname = "x"\ndays = -1': "timing: days is -1",
    'kind = "timing"\nname = "x"\ndays = 1.5': "timing: days is",
    'kind = "small"\nname = "x"\namount = 1\nkinds = "mising"': "small: kinds is 'mising'.*did you mean 'missing'",
    'kind = "small"\nname = "x"\namount = 1\nkinds = 7': "small: kinds is 7; expected a text or a list",
    'kind = "small"\nname = "x"\namount = 1\nvalid_from = "soon"': "small: valid_from is 'soon'; expected a day",
    'kind = "small"\nname = "x"\namount = 1\nvalid_from = 2026-01-02\nvalid_to = 2026-01-01': "not before 2026-01-02",
    'kind = "small"\nname = "x"\namount = 1\nsources = [""]': "small: sources is ''",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_in_a_rule_is_said(text: str) -> None:
    with pytest.raises(InputError, match=f"(?s)rule 1: .*{WRONG[text]}"):
        rules_from_toml(f"[[rule]]\n{text}\n")


@pytest.mark.parametrize(
    "text", ["", "x = 1", "[[rule]]\nkind =", "rule = 1", "[rule]\nkind = 'fee'", "[[rule]]\n[[x]]"]
)
def test_what_is_no_list_of_rules_is_said(text: str) -> None:
    with pytest.raises(InputError, match="the rules"):
        rules_from_toml(text)


def test_files_of_rules(workbench: Path) -> None:
    path = workbench / "rules.toml"
    with pytest.raises(InputError, match="there is no file"):
        read_rules(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        read_rules(path)
    path.write_text(rule_to_toml(FEE) + rule_to_toml(Timing(name="late", days=3)))
    assert [rule.name for rule in read_rules(path)] == ["fee", "late"]
    path.write_text(rule_to_toml(FEE) * 2)
    with pytest.raises(InputError, match="two rules are called 'fee'"):
        read_rules(path)


def test_only_rules_are_rules() -> None:
    with pytest.raises(InputError, match="a rule is 'fee'; expected one of Fee, FixedFee"):
        check_names(["fee"])
    with pytest.raises(InputError, match="a rule is"):
        check_names([Rule(name="no kind")])
