"""Numbers and charts in words: every kind of chart, every language, never too long."""

import re
import string
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drawn import clean_looks, pyplot, sales_figure  # noqa: F401 (a fixture that every test here uses)
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from finlab.core.describe import ALT_CHARACTERS, WORDS, alt_text, say_number, use_words
from finlab.core.errors import InputError
from finlab.core.plotting import new_figure
from finlab.reports.labels import LABELS

CHINESE = {key.removeprefix("alt."): text for key, text in LABELS["zh"].items() if key.startswith("alt.")}


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0, "", "0"),
        (-0.0, "", "0"),
        (0.934567, "", "0.9346"),
        (12, "%", "12%"),
        (999.94, "", "999.9"),
        (1000, "CNY", "1,000 CNY"),
        (123456.7, "", "123,457"),
        (-1_234_567, "CNY", "-1.23 million CNY"),
        (2.5e9, "", "2.5 billion"),
        (7e12, "", "7 trillion"),
        (3e17, "", "3e+17"),
        (1_200_000, "million CNY", "1,200,000 million CNY"),
        (1.5e-7, "", "1.5e-07"),
        (999_999_999, "", "1 billion"),
        (999_400_000, "", "999 million"),
        (999_999, "", "999,999"),
        (float("nan"), "CNY", "missing"),
    ],
)
def test_numbers_as_one_says_them(value: float, unit: str, said: str) -> None:
    assert say_number(value, unit) == said


def test_a_line_chart_in_words() -> None:
    said = alt_text(sales_figure())
    assert said.startswith("Sales (CNY). Line 'sales': 24 points, first 1 million CNY, last 915,378 CNY, lowest ")
    assert re.search(r"highest 1\.1 million CNY at 202\d-\d\d-01\.", said)
    assert "Area '80% interval': 900,000 CNY to 1.1 million CNY at 2026-12-01." in said


def drawn(draw: Any) -> str:
    figure, axes = pyplot().subplots()
    draw(axes)
    return alt_text(figure)


MONTHLY = pd.Series(np.arange(24.0), index=pd.period_range("2025-01", periods=24, freq="M"), name="a")


def with_reference_lines(axes: Any) -> None:
    axes.plot([1, 2, 3], [5, 6, 7], label="_hidden")
    axes.axhline(6.5)
    axes.axvline(2)
    axes.set_ylabel("Rate [%]")


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda a: None, "Nothing is drawn."),
        (lambda a: a.plot([], []), "Nothing is drawn."),
        (lambda a: a.plot([1, 2], [np.nan, np.nan], label="b"), "Line 'b': no values."),
        (lambda a: a.plot([4], [2.0]), "Line: 1 point, first 2, last 2, lowest 2 at 4, highest 2 at 4."),
        (
            lambda a: a.plot([1, 2, 3], np.ma.masked_greater([1.0, 9.0, 3.0], 5)),
            "Line: 2 points (1 missing), first 1, last 3, lowest 1 at 1, highest 3 at 3.",
        ),
        (with_reference_lines, "Y: Rate [%]. Line: 3 points, first 5%, last 7%, lowest 5% at 1, highest 7% at 3. "
         "Reference line at 6.5%. Reference line at 2."),
        (
            lambda a: MONTHLY.plot(ax=a),
            "Line 'a': 24 points, first 0, last 23, lowest 0 at 2025-01, highest 23 at 2026-12.",
        ),
        (lambda a: a.plot(["q1", "q2"], [2, 1]), "Line: 2 points, first 2, last 1, lowest 1 at q2, highest 2 at q1."),
        (
            lambda a: a.plot(pd.DatetimeIndex([pd.Timestamp("2026-01-01 09:30"), pd.Timestamp("2026-01-02")]), [1, 2]),
            "Line: 2 points, first 1, last 2, lowest 1 at 2026-01-01 09:30, highest 2 at 2026-01-02.",
        ),
        (lambda a: a.bar(["x", "y", "z"], [3, -1, 2]), "Bars: 3, lowest -1 at y, highest 3 at x."),
        (
            lambda a: (a.barh(["x", "y"], [3, 4]), a.set_xlabel("Loss (CNY)")),
            "X: Loss (CNY). Bars: 2, lowest 3 CNY at x, highest 4 CNY at y.",
        ),
        (lambda a: a.bar([], []), "Bars: no values."),
        (
            lambda a: a.hist([0, 1, 1, 1, 2, 4], bins=4),
            "Histogram: 4 classes from 0 to 4, the tallest from 1 to 2 with 3.",
        ),
        (
            lambda a: (a.scatter([1, 10, np.nan], [4, 5, 6]), a.set_xscale("log")),
            "X: log scale. Points: 2, x from 1 to 10, y from 4 to 5.",
        ),
        (lambda a: a.scatter([], []), "Points: no values."),
        (lambda a: a.fill_between([1, 2], [0, 1], [2, 5], label="band"), "Area 'band': 1 to 5 at 2."),
        (lambda a: a.fill_between([], [], []), "Area: no values."),
        (lambda a: a.imshow(np.array([[1.0, np.nan], [3.0, 4.0]])), "Image, 2 by 2 cells from 1 to 4."),
        (lambda a: a.pcolormesh(np.full((2, 3), np.nan)), "Heat map, 2 by 3: no values."),
        (lambda a: a.vlines([1, 2], 0, 1), "Segments: 2."),
        (lambda a: a.pie([1, 2, 3]), "Pie of 3 parts."),
        (lambda a: a.axvspan(0, 1), "Shapes: 1."),
        (lambda a: a.plot(np.arange(40.0).reshape(4, 10)), "10 lines without a label, from 0 to 39."),
        (lambda a: a.plot(np.full((4, 10), np.nan)), "Nothing is drawn."),
    ],
)  # fmt: skip
def test_every_kind_of_chart_in_words(draw: Any, said: str) -> None:
    assert drawn(draw) == said


def test_a_heat_map_takes_its_unit_from_the_colour_bar() -> None:
    import seaborn as sns

    frame = pd.DataFrame(np.diag([0.5, 1.0]), columns=["a", "b"])
    said = drawn(lambda axes: sns.heatmap(frame, ax=axes, cbar_kws={"label": "Share (%)"}))
    assert said == "Heat map, 2 by 2 cells from 0% to 1%."


def test_seaborn_bars_leave_no_empty_lines() -> None:
    import seaborn as sns

    assert drawn(lambda axes: sns.barplot(x=["u", "v"], y=[1, 2], ax=axes)) == (
        "Bars: 2, lowest 1 at u, highest 2 at v."
    )


def test_an_empty_figure_and_several_charts() -> None:
    plt = pyplot()
    assert alt_text(plt.figure()) == "Empty chart."
    figure, grid = plt.subplots(2, 2)
    figure.suptitle("All four")
    for axes in grid.ravel():
        axes.plot([1, 2], label="a long label " * 20)
    said = alt_text(figure)
    assert said.startswith("All four. Line 'a long label")
    assert len(said) <= ALT_CHARACTERS


def test_too_many_lines_are_counted() -> None:
    figure, axes = new_figure("Thirty lines")
    for number in range(30):
        axes.plot([number, 2 * number], label=f"series {number}")
    said = alt_text(figure)
    assert len(said) <= ALT_CHARACTERS
    kept = said.count("Line '")
    assert said.endswith(f"And {30 - kept} more.")


@pytest.mark.parametrize("title", ["x" * 5000, "two\nlines", "$\\alpha$ (%)", "（万元）", ""])
def test_odd_titles(title: str) -> None:
    figure, axes = new_figure(title)
    axes.plot([1.0, 2.0])
    said = alt_text(figure)
    assert "\n" not in said
    assert len(said) <= ALT_CHARACTERS


numbers = st.floats(-1e100, 1e100) | st.sampled_from([np.nan, np.inf, -np.inf])


@given(st.lists(numbers, max_size=6), st.text(max_size=30))
@given_settings(max_examples=60, deadline=None)
def test_any_numbers_and_labels_have_a_text(values: list[float], label: str) -> None:
    figure, axes = new_figure("Any", unit="CNY")
    axes.plot(range(len(values)), values, label=label)
    axes.scatter(range(len(values)), values)
    said = alt_text(figure)
    assert said.startswith("Any (CNY). ")
    assert len(said) <= ALT_CHARACTERS
    assert "\n" not in said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (9_999, "", "9,999"),
        (12_345, "元", "1.23 万 元"),
        (23_456_789, "", "2,346 万"),
        (-99_999_999, "", "-1 亿"),
        (1.2e11, "", "1,200 亿"),
        (2.1e12, "", "2.1 万亿"),
        (1_200_000, "万元", "1,200,000 万元"),
        (float("inf"), "", "缺失"),
    ],
)
def test_numbers_in_chinese(value: float, unit: str, said: str) -> None:
    use_words(CHINESE)
    assert say_number(value, unit) == said


def test_more_digits_on_request() -> None:
    assert say_number(1_500_500_000_000, digits=5) == "1.5005 trillion"


def test_a_chart_in_chinese_and_back() -> None:
    use_words(CHINESE)
    said = alt_text(sales_figure("销售额"))
    assert said.startswith("销售额 (CNY)。折线“sales”：24 个点，首值 100 万 CNY，末值 ")
    assert "区域“80% interval”：" in said and not re.search(r"\b(?:line|lowest|points|at|to|million)\b", said)
    use_words()
    assert "Line 'sales'" in alt_text(sales_figure())


def test_the_labels_hold_every_word_in_every_language() -> None:
    assert set(CHINESE) == set(WORDS)
    assert {key: LABELS["en"][f"alt.{key}"] for key in WORDS} == WORDS
    gaps = [{name for _, name, *_ in string.Formatter().parse(text) if name} for text in (*WORDS.values(),)]
    told = [{name for _, name, *_ in string.Formatter().parse(CHINESE[key]) if name} for key in WORDS]
    assert gaps == told


def test_wrong_tables_are_refused_and_change_nothing() -> None:
    with pytest.raises(InputError, match="did you mean 'point'"):
        use_words({"line": "Linie", "pointz": "{count} Punkte"})
    with pytest.raises(InputError, match="no other gaps"):
        use_words({"line": "Linie", "points": "{number} Punkte"})
    assert drawn(lambda a: a.plot([1, 2])).startswith("Line: 2 points")


def test_money_is_no_formula() -> None:
    assert drawn(lambda a: a.set_title("Price in $ (a_b)")).startswith("Price in $ (a_b).")
    assert drawn(lambda a: a.set_title(r"$\hat{y}$ of it")).startswith("Haty of it.")
