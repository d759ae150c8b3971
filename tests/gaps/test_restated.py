"""Restated facts: Snowflake's 55 against pandas, the reasons on made-up facts, edges and hostile input."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data import read_source
from finlab.gaps.checking.identity import Facts
from finlab.gaps.restated import restated

ABOUT = ["concept", "unit", "start", "end"]


def facts(*values: Any, unit: str = "USD", concept: str = "Cash") -> pd.DataFrame:
    days = pd.to_datetime([f"{2020 + place}-03-01" for place in range(len(values))])
    return pd.DataFrame({"concept": concept, "unit": unit, "start": pd.NaT, "end": pd.Timestamp("2019-12-31"),
                         "value": list(values), "form": "10-K", "filed": days})  # fmt: skip


def test_snowflake_all_55_restated_values_and_no_other(testdata: Path) -> None:
    table = read_source(testdata / "sec" / "snow_facts.json").table
    gaps = restated(table)
    frame = table.to_pandas()
    groups = frame.groupby(ABOUT, dropna=False)["value"]
    several = groups.nunique()
    assert gaps.notes == ("2,146 of 4,780 facts were reported more than once, 55 of them with another value.",)
    assert (groups.size() > 1).sum() == 2146 and (several > 1).sum() == len(gaps) == 55
    expected = {frozenset(rows) for key, rows in groups.groups.items() if frame.loc[rows, "value"].nunique() > 1}
    assert {frozenset(gap.rows("facts")) for gap in gaps} == expected
    for gap in gaps:
        rows = frame.loc[list(gap.rows("facts"))].sort_values("filed", kind="stable")
        assert gap.residual == float(rows["value"].iloc[-1] - rows["value"].iloc[0])
        assert gap.field == rows["concept"].iloc[0] and gap.kind == "restated" and gap.probability == 1
        assert (
            str(rows["filed"].iloc[-1].date() if hasattr(rows["filed"].iloc[-1], "date") else "")
            in gap.evidence[-1].rule
        )
    assert len({gap.id for gap in gaps}) == 55


@pytest.mark.parametrize(
    ("values", "unit", "cause", "told"),
    [
        ((100, 130), "USD", "another value", "100 (10-K 2020-03-01) -> 130 (10-K 2021-03-01)"),
        ((100, 100, 130, 130, 100), "USD", "another value", "-> 130 (10-K 2022-03-01) -> 100 (10-K 2024-03-01)"),
        ((1_234_567, 1_235_000), "USD", "rounded anew", "1234567"),
        ((1_235_000, 1_234_567), "USD", "rounded anew", "1234567"),
        ((1_234_567, 1_236_000), "USD", "another value", "1236000"),
        ((5, -5), "USD", "sign turned", "-5"),
        ((1500, 1_500_000), "USD", "another unit: a power of ten", "1500000"),
        ((1500, 6000), "shares", "split of shares", "6000"),
        ((1500, 6000), "USD", "another value", "6000"),
        ((0, 7), "USD", "another value", "0 (10-K"),
        ((0.25, 0.5), "USD/shares", "another value", "0.25 (10-K"),
    ],
)
def test_the_reason_of_a_restated_value(values: tuple[float, ...], unit: str, cause: str, told: str) -> None:
    [gap] = restated(facts(*values, unit=unit))
    assert gap.causes[0].label == cause and told in str(gap.values[0])
    assert (gap.amount_at_stake is not None) == (unit == "USD") == (gap.currency == "USD")
    assert sum(one.probability for one in gap.causes) == pytest.approx(1)


def test_the_same_value_in_other_words_is_no_restatement() -> None:
    assert len(restated(facts("1000", "1000.00", " 1e3 "))) == 0
    assert len(restated(facts(7))) == len(restated(facts())) == len(restated(facts(None, 5))) == 0


def test_the_unit_the_key_and_the_dimensions_keep_facts_apart() -> None:
    both = pd.concat([facts(5), facts(6, unit="EUR")], ignore_index=True)
    assert len(restated(both)) == 0
    keyed = facts(5, 6).assign(cik=["1", "2"], part=["a", "b"])
    assert len(restated(Facts(keyed, key="cik"))) == len(restated(Facts(keyed, dimensions="part"))) == 0
    [gap] = restated(Facts(keyed.assign(part=[None, None]), dimensions="part"), by=["form", "cik"])
    assert gap.evidence[1].rule == "10-K 2 2021-03-01: 6"


def test_reports_are_put_in_order_by_their_day_not_by_their_row() -> None:
    [gap] = restated(facts(1, 2, 3).iloc[::-1].reset_index(drop=True))
    assert gap.residual == 2 and gap.rows("facts") == (2, 1, 0)


def test_values_that_are_no_numbers_are_told_and_left_out() -> None:
    found = restated(facts("1", "x", "9" * 60, "", None, "2"))
    assert found[0].rows("facts") == (0, 5) and "2 values of value are no exact numbers, such as 'x'." in found.notes
    [gap] = restated(facts(1.0, float("inf"), float("nan"), 2.5))
    assert gap.rows("facts") == (0, 3) and gap.residual == 1.5


def test_facts_of_any_other_layout() -> None:
    table = pd.DataFrame({"what": ["Cash"] * 3, "amount": ["1.00", "1.0", "1.50"], "day": ["2026-03-31"] * 3,
                          "said": ["2026-04-02", "2026-04-03", "2026-05-01"], "g0": ["A"] * 3})  # fmt: skip
    layout = Facts(table, item="what", value="amount", start="", end="day", unit="", key="g0")
    [gap] = restated(layout, filed="said", by=())
    assert (gap.key, gap.period, gap.residual, gap.currency) == ("A", "2026-03-31", 0.5, "")
    assert gap.values == ("1 (2026-04-02) -> 1.5 (2026-05-01)",)


def test_hostile_text_is_harmless() -> None:
    text = "<b>'; DROP TABLE facts; --"
    gaps = restated(facts(1, 2, concept=text).assign(form=text), name=text)
    assert gaps[0].field == text and "<b>" not in gaps._repr_html_()


@pytest.mark.parametrize(
    ("table", "more", "expected"),
    [
        (facts(1, 2).drop(columns="filed"), {}, "no column 'filed'"),
        (facts(1, 2), {"filed": "filled"}, "did you mean 'filed'"),
        (facts(1, 2), {"by": "from"}, "did you mean 'form'"),
        (facts(1, 2), {"by": 3}, "a name, or a list of names"),
        (facts(1, 2), {"name": ""}, "a name for the list"),
        (facts(1, 2).assign(value=True), {}, "expected numbers"),
        (None, {}, "table is None"),
    ],
)
def test_bad_input_is_refused_in_words(table: Any, more: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as error:
        restated(table, **more)
    assert expected in str(error.value)
