"""Charts: the theme, Chinese letters, SVG that is the same each time, and alternative text made from the data."""

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from finlab.core import plotting
from finlab.core.plotting import (
    ALT_CHARACTERS,
    CJK_FONTS,
    PALETTE,
    alt_text,
    chart_fonts,
    figure_svg,
    finish,
    new_figure,
    say_number,
    use_theme,
)

CHINESE = "月度销售额（万元）：利润与亏损"


@pytest.fixture(autouse=True)
def clean_looks(workbench: Path) -> Iterator[None]:
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    with mpl.rc_context(), warnings.catch_warnings():
        yield
    plt.close("all")


@pytest.fixture
def no_chinese_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide all fonts but Matplotlib's own."""
    from matplotlib import font_manager

    own = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: [])
    plotting._find_new_fonts.cache_clear()
    font_manager.fontManager._findfont_cached.cache_clear()
    mpl.font_manager._get_font.cache_clear()


def pyplot() -> Any:
    import matplotlib.pyplot as plt

    return plt


def sales_figure(title: str = "Sales") -> Any:
    months = np.arange("2025-01", "2027-01", dtype="datetime64[M]").astype("datetime64[D]")
    figure, axes = new_figure(title, unit="CNY")
    axes.plot(months, 1e6 + 1e5 * np.sin(np.arange(24)), label="sales")
    axes.fill_between(months, 9e5, 1.1e6 + np.arange(24), alpha=0.2, label="80% interval")
    return finish(figure)


def test_the_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    use_theme()
    assert mpl.rcParams["svg.fonttype"] == "path"
    cycle = mpl.rcParams["axes.prop_cycle"].by_key()["color"]
    assert [mpl.colors.to_hex(colour).upper() for colour in cycle] == list(PALETTE)
    assert "DejaVu Sans" in mpl.rcParams["font.family"]
    assert pyplot().get_fignums() == []
    monkeypatch.setenv("FINLAB_FONTS", "No Such Font, DejaVu Serif")
    use_theme()
    assert mpl.rcParams["font.family"][:2] == ["DejaVu Serif", "DejaVu Sans"]
    assert "No Such Font" not in mpl.rcParams["font.family"]


def contrast(colour: str) -> float:
    """Contrast with white, as the Web Content Accessibility Guidelines 2.2 define it (1.4.11 asks for 3)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 1.05 / (0.05 + float(np.dot(linear, (0.2126, 0.7152, 0.0722))))


def test_the_first_colours_stand_out_from_white() -> None:
    assert all(contrast(colour) >= 3 for colour in PALETTE[:3])


def test_chinese_letters_are_drawn_where_a_font_has_them(caplog: pytest.LogCaptureFixture) -> None:
    if set(chart_fonts()).isdisjoint(CJK_FONTS):
        pytest.skip("no font with Chinese letters is installed here")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = figure_svg(sales_figure(CHINESE))
    assert "findfont" not in caplog.text
    glyphs = set(re.findall(r'id="([^"]+)-[0-9a-f]+"', svg))
    assert any("CJK" in name or "Hei" in name or "Han" in name or "PingFang" in name for name in glyphs), glyphs


@pytest.mark.usefixtures("no_chinese_fonts")
def test_no_warning_where_no_font_has_them(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use_theme()
        assert figure_svg(sales_figure(CHINESE)).startswith("<svg")
        assert [str(warning.message) for warning in caught] == []
        figure_svg(sales_figure("Tamil \N{TAMIL LETTER KA}"))
    assert mpl.rcParams["font.family"] == ["DejaVu Sans"]
    assert "findfont" not in caplog.text
    assert any("TAMIL" in str(warning.message) for warning in caught)


def test_svg_is_the_same_each_time_and_refers_to_nothing() -> None:
    first, second = figure_svg(sales_figure()), figure_svg(sales_figure())
    assert first == second
    assert first.startswith("<svg")
    assert set(re.findall(r"https?://[^\"'<> ]+", first)) == {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "<text" not in first
    assert "dc:date" not in first


def test_figures_are_not_kept_by_pyplot() -> None:
    for _ in range(25):
        new_figure("Many")
    assert pyplot().get_fignums() == []


def test_a_legend_where_there_is_something_to_tell_apart() -> None:
    assert len(sales_figure().legends) == 1
    figure, axes = new_figure("One")
    axes.plot([1, 2], label="only")
    assert finish(figure).legends == []


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


NOTEBOOK = """
from finlab.core.plotting import new_figure, use_theme
use_theme()
figure, axes = new_figure("Sales", unit="CNY")
axes.plot([1, 2, 3], label="sales")
figure
"""
WITH_PYPLOT = """
import matplotlib.pyplot as plt
plt.plot([3, 4])
plt.title("By pyplot")
plt.show()
"""


@pytest.mark.parametrize("inline_first", [False, True])
def test_a_notebook_gets_svg_with_alternative_text_and_no_png(inline_first: bool, workbench: Path) -> None:
    nbformat: Any = pytest.importorskip("nbformat")
    client: Any = pytest.importorskip("nbclient")
    sources = ["%matplotlib inline\nimport matplotlib.pyplot"] * inline_first + [NOTEBOOK, WITH_PYPLOT]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    client.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(workbench)}}).execute()
    for cell, title in zip(notebook.cells[-2:], ("Sales (CNY)", "By pyplot"), strict=True):
        (shown,) = [output for output in cell.outputs if "data" in output]
        assert set(shown.data) == {"image/svg+xml", "text/plain"}
        assert shown.metadata["image/svg+xml"]["alt"].startswith(f"{title}. Line")
        assert shown.data["image/svg+xml"].startswith("<svg")
