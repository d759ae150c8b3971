"""What a source knows of another: known answers, SciPy, the normal distribution, hostile tables, bad input in words."""

import warnings
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import entropy as scipy_entropy

from finlab.core.errors import InputError
from finlab.gaps.information import Information, Reading, information, information_gaps

QUICK = Reading(shuffles=99)


def payments(rows: int = 2000, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Half of the payments are Berlin's, all German; the others are of four countries alike: one bit is left open."""
    draw = np.random.default_rng(seed)
    berlin = draw.random(rows) < 0.5
    left = pd.DataFrame({"id": np.arange(rows), "centre": np.where(berlin, "Berlin", "sales")})
    country = np.where(berlin, "DE", np.array(["DE", "FR", "US", "CN"])[draw.integers(4, size=rows)])
    right = pd.DataFrame({"id": np.arange(rows), "country": country, "noise": draw.integers(3, size=rows)})
    return left, right.sample(frac=1, random_state=seed)


def asked(left: Any, right: Any = None, **more: Any) -> Information:
    return information(left, right, **{"how": QUICK, **more})


def test_the_known_answer_lies_in_each_interval() -> None:
    found = asked(*payments(), on="id", about="country")
    whole = scipy_entropy([0.625, 0.125, 0.125, 0.125], base=2)
    truths = (whole, 1, whole - 1, (whole - 1) / whole)
    for one, truth in zip((found.entropy, found.conditional, found.information, found.share), truths, strict=True):
        assert one.low <= truth <= one.high and one.width < 0.2
    assert found.evidence and found.promised and found.cautious == found.conditional
    assert found.p_value == 0.01 and "of it is known" in found.verdict and found.notes == ()


def test_the_order_of_rows_does_not_matter_with_a_key() -> None:
    left, right = payments()
    turned = asked(left.iloc[::-1], right, on="id", about="country")
    assert turned.conditional == pytest.approx(asked(left, right, on="id", about="country").conditional, abs=1e-9)


def test_columns_lists_of_pairs_arrow_and_one_table_give_the_same() -> None:
    left, right = payments(500)
    right = right.sort_values("id")
    first = asked(left, right, on="id", about="country")
    pairs = [(row, row) for row in range(500)]
    others = [
        asked(left["centre"], right["country"]),
        asked(left, right, on=pairs, given="centre", about=["country"]),
        asked(pa.Table.from_pandas(left), pa.Table.from_pandas(right), on={"id": "id"}, about="country"),
        asked(left.assign(country=right["country"].to_numpy()), given="centre", about="country"),
    ]
    for other in others:
        assert np.allclose(np.array(other.conditional), np.array(first.conditional))
        assert other.p_value == first.p_value


def test_several_columns_tell_what_none_tells_alone() -> None:
    draw = np.random.default_rng(2)
    bits = pd.DataFrame({"a": draw.integers(2, size=800), "b": draw.integers(2, size=800)})
    bits["differ"] = bits["a"] ^ bits["b"]
    alone, both = (asked(bits, given=given, about="differ") for given in ("a", ["a", "b"]))
    assert not alone.evidence and alone.share.high < 0.05
    assert both.share.low > 0.9 and both.conditional.low == 0 and both.share.value > 0.99


def test_bins_tell_less_than_the_numbers_of_a_normal_pair() -> None:
    draw, told = np.random.default_rng(7), []
    x = draw.normal(size=50_000)
    y = 0.9 * x + np.sqrt(1 - 0.81) * draw.normal(size=50_000)
    for bins in (4, 20):
        found = asked(pd.DataFrame({"x": x}), pd.DataFrame({"y": y}), how=Reading(bins=bins, shuffles=19))
        told.append(found.information)
        assert any(f"{bins} bins" in note for note in found.notes)
    assert told[0].high < told[1].low < told[1].high < -0.5 * np.log2(1 - 0.81)


def test_columns_that_have_nothing_to_do_with_each_other_are_seldom_evidence() -> None:
    draw = np.random.default_rng(5)
    frames = [pd.DataFrame(draw.integers(4, size=(200, 2)), columns=["a", "b"]) for _ in range(40)]
    found = [asked(frame, given="a", about="b", how=Reading(shuffles=39)) for frame in frames]
    assert sum(one.evidence for one in found) <= 6 and sum(one.information.low > 0 for one in found) <= 2


@pytest.mark.parametrize("missing", [0, None])
def test_an_empty_field_tells_what_a_zero_would_not(missing: Any) -> None:
    foreign = np.arange(400) % 2 == 0
    filled = pd.array([missing if one else 0 for one in foreign], dtype="Int64")
    found = asked(pd.DataFrame({"code": filled, "foreign": foreign}), given="code", about="foreign")
    assert found.evidence is (missing is None)
    assert [note for note in found.notes if "200 rows without a value" in note] or missing == 0


@pytest.mark.parametrize("column", [[None] * 60, ["x"] * 60, [float("nan")] * 60])
def test_a_column_that_never_varies_is_no_evidence(column: list[Any]) -> None:
    frame = pd.DataFrame({"a": np.arange(60) % 3, "b": column})
    for given, about in (("a", "b"), ("b", "a")):
        found = asked(frame, given=given, about=about)
        assert not found.evidence and "vidence" in found.verdict and found.information.low == 0


def test_an_identifier_is_no_evidence() -> None:
    left, right = payments(300)
    found = asked(left, right, on="id", given="id", about="country")
    assert "identifier" in found.verdict and not found.evidence and found.conditional.low == 0
    assert found.conditional.high > 1


def test_two_rows_are_enough_to_be_honest() -> None:
    found = asked(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), given="a", about="b")
    assert (found.share.low, found.share.high) == (0, 1) and not found.evidence


def alone(rows: int = 2000) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    regular = draw.random(rows) < 0.8
    customer = np.where(regular, draw.integers(rows // 8, size=rows), rows + np.arange(rows))
    return pd.DataFrame({"customer": customer, "country": np.where(regular, customer % 4, draw.integers(4, size=rows))})


def test_an_interval_that_cannot_be_promised_says_so() -> None:
    found = asked(alone(), given="customer", about="country")
    assert found.conditional.high < 0.4 and not found.promised
    assert found.cautious.low <= 0.4 <= found.cautious.high
    assert "cannot be promised" in found.summary() and any("no other row has" in note for note in found.notes)
    assert found.share.low > 0.95 and "no news" not in found.verdict
    gaps = information_gaps(alone()[["customer"]], alone()[["country"]])
    assert gaps.pairs["verdict"].tolist() == ["partly known"] and not gaps.pairs["promised"].any()
    assert any("1 of 1 intervals cannot be promised" in note for note in gaps.notes)


def test_rows_that_are_repeated_by_their_key_are_told_of() -> None:
    customers = pd.DataFrame({"id": [1, 2, 3, 4], "kind": list("ABAB")})
    orders = pd.DataFrame({"id": [1, 2, 3, 4] * 50, "late": [True, False] * 100})
    assert any("fewer rows than they seem" in note for note in asked(customers, orders, on="id").notes)


def test_rows_without_a_partner_are_told_of() -> None:
    left, right = payments(200)
    found = asked(left, right[right["id"] < 150], on="id", about="country")
    assert found.rows == 150 and any("50 rows of left and 0 of right have no partner" in note for note in found.notes)


def test_the_gaps_name_news_what_is_known_and_identifiers() -> None:
    left, right = payments(3000)
    right["currency"] = right["country"].map({"DE": "EUR", "FR": "EUR", "US": "USD", "CN": "CNY"})
    left["paid_in"] = right.sort_values("id")["currency"].to_numpy()
    left["entry"] = np.arange(3000)
    right["fixed"] = 1
    gaps = information_gaps(left, right, on="id", how=QUICK)
    verdicts = dict(zip(gaps.worst()["about"], gaps.worst()["verdict"], strict=True))
    assert verdicts == {"noise": "news", "country": "partly known", "currency": "known", "fixed": "constant"}
    best = dict(zip(gaps.worst()["about"], gaps.worst()["given"], strict=True))
    assert best["country"] == best["currency"] == "paid_in"
    assert gaps.matrix().shape == (4, 3) and len(gaps.pairs) == 12
    assert set(gaps.pairs.loc[gaps.pairs["given"] == "entry", "verdict"]) == {"identifier", "constant"}
    assert "news: noise" in gaps.summary() and "no news: currency" in gaps.summary()


def test_the_intervals_of_gaps_hold_together() -> None:
    left, right = payments(500)
    left["a"], left["b"] = np.arange(500) % 3, np.arange(500) % 5
    one = asked(left, right, on="id", given="centre", about="country").conditional
    pairs = information_gaps(left, right, on="id", about="country").pairs.set_index("given").loc["centre"]
    assert pairs["open_low"] < one.low and pairs["open_high"] > one.high


HOSTILE = '<script>alert("$x$")</script>'


def test_hostile_names_and_values_are_shown_as_text() -> None:
    left = pd.DataFrame({HOSTILE: ["<b>", "=1+1", "'; --"] * 40})
    right = pd.DataFrame({'x"; DROP TABLE t; --': ["$\\frac", "b", "c"] * 40})
    for found in (asked(left, right), information_gaps(left, right)):
        page = found._repr_html_()
        assert "<script" not in page and "&lt;script" in page and "DROP TABLE" in found.summary()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = found.plot()
            figure.canvas.draw()
            plt.close(figure)


def test_the_table_has_the_four_numbers() -> None:
    found = asked(*payments(300), on="id", about="country")
    table = found.table()
    assert table["what"].tolist()[0] == "entropy of B" and table.shape == (4, 4)
    assert tuple(table.iloc[1, 1:]) == tuple(found.conditional) and repr(found).startswith("<Information: country has")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"about": "contry", "on": "id"}, "did you mean 'country'"),
        ({"given": "center", "on": "id"}, "did you mean 'centre'"),
        ({"on": "idd"}, "did you mean 'id'"),
        ({"given": [], "on": "id"}, "given is"),
        ({"about": 7, "on": "id"}, "about is"),
        ({"on": "id", "how": 3}, "how is 3"),
        ({"on": "id", "how": Reading(bins=1)}, "bins is 1"),
        ({"on": "id", "how": Reading(level=100)}, "level is 100"),
        ({"on": "id", "how": Reading(level=float("nan"))}, "level"),
        ({"on": "id", "how": Reading(shuffles=0)}, "shuffles is 0"),
        ({"on": "id", "how": Reading(seed=-1)}, "seed is -1"),
        ({"on": 3.5}, "on is 3.5"),
        ({"on": [(0, 10**9)]}, "outside 0 to"),
        ({"on": [(0, 0)]}, "1 rows belong together; expected at least 2"),
    ],
)
@pytest.mark.parametrize("question", [information, information_gaps])
def test_bad_input_is_told_in_words(question: Any, more: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        question(*payments(50), **more)


@pytest.mark.parametrize("table", [None, 3, "x", pd.DataFrame(), pd.DataFrame({"a": []})])
def test_what_is_no_table_is_refused(table: Any) -> None:
    with pytest.raises(InputError):
        information(table, pd.DataFrame({"b": [1, 2]}))


def test_one_column_on_both_sides_of_one_table_is_refused() -> None:
    with pytest.raises(InputError, match="is on both sides"):
        information(pd.DataFrame({"a": [1, 2], "b": [1, 2]}), given="a")


@pytest.mark.slow
def test_a_million_rows_cost_about_as_much_a_row_as_a_hundred_thousand() -> None:
    from time import process_time

    spent = []
    for rows in (100_000, 1_000_000):
        draw = np.random.default_rng(1)
        frame = pd.DataFrame({"a": draw.integers(300, size=rows), "b": draw.integers(40, size=rows)})
        start = process_time()
        asked(frame, given="a", about="b", how=Reading(shuffles=1))
        spent.append((process_time() - start) / rows)
    assert spent[1] < 2 * spent[0]
