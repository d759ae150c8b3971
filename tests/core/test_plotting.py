"""Charts: the theme, Chinese letters, ticks as one says them, SVG that is the same each time, notes for the page."""

import re
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from drawn import clean_looks, pyplot, sales_figure  # noqa: F401 (a fixture that every test here uses)

from finlab.core import plotting
from finlab.core.plotting import (
    CJK_FONTS,
    PALETTE,
    chart_fonts,
    figure_svg,
    finish,
    new_figure,
    use_theme,
)

CHINESE = "月度销售额（万元）：利润与亏损"


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


def ticks(figure: Any, axis: str = "y") -> list[str]:
    figure.draw_without_rendering()
    found = getattr(figure.axes[0], f"{axis}axis")
    return [*(text.get_text() for text in found.get_ticklabels()), found.get_offset_text().get_text()]


def test_large_values_at_the_axes_are_said() -> None:
    figure, axes = new_figure("Turnover", unit="CNY")
    axes.plot([1, 2, 3], [1.2e12, 1.5e12, 2.1e12])
    said = ticks(finish(figure))
    assert "1.4 trillion" in said and said[-1] == "" and all("trillion" in text for text in said[:-1])
    figure, axes = new_figure("Hardly a change")
    axes.plot([1_500_000_000, 1_500_100_000], [-5e6, -5.0002e6])
    said = ticks(finish(figure))[:-1]
    assert len(set(said)) == len(said) and any(text.startswith("\N{MINUS SIGN}5.0") for text in said)
    assert len(ticks(figure, "x")) <= 8 and "billion" in "".join(ticks(figure, "x"))


def test_other_axes_keep_their_ticks() -> None:
    figure, axes = new_figure("Small")
    axes.plot([1, 2, 3], [1e-9, 2e-9, 3e-9])
    assert ticks(finish(figure))[-1].endswith("−9") or "e" in ticks(figure)[-1]
    figure, axes = new_figure("Own format")
    axes.plot([1, 2, 3], [1e6, 2e6, 3e6])
    axes.yaxis.set_major_formatter("{x:.0f} EUR")
    assert "2000000 EUR" in ticks(finish(figure))
    figure, axes = new_figure("Logarithms")
    axes.plot([1, 2, 3], [1e6, 1e8, 1e12])
    axes.set_yscale("log")
    assert "illion" not in "".join(ticks(finish(figure)))
    assert not any("illion" in text for text in ticks(sales_figure(), "x"))


def test_names_are_no_formulas() -> None:
    figure, axes = new_figure("from $5 to $6_a$", unit="$")
    axes.plot([1, 2], label="$x_1")
    axes.plot([2, 1], label="$y$ and $")
    texts = [axes._left_title, *finish(figure).legends[0].get_texts()]
    assert not any(text.get_parse_math() for text in texts)
    assert figure_svg(figure).startswith("<svg")


def test_only_own_charts_without_colours_that_mean_values_may_be_turned() -> None:
    def marked(figure: Any) -> bool:
        return plotting.figure_mimebundle(figure)[1]["image/svg+xml"].get("finlab", False)

    assert marked(sales_figure())
    heat, axes = new_figure("Heat")
    axes.imshow(np.eye(3))
    dots, axes = new_figure("Dots")
    axes.scatter([1, 2], [1, 2], c=[0.1, 0.9])
    other, axes = pyplot().subplots()
    axes.plot([1, 2])
    assert [marked(figure) for figure in (heat, dots, other)] == [False] * 3


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
        assert shown.metadata["image/svg+xml"].get("finlab", False) == (title == "Sales (CNY)")
        assert shown.metadata["image/svg+xml"]["alt"].startswith(f"{title}. Line")
        assert shown.data["image/svg+xml"].startswith("<svg")
