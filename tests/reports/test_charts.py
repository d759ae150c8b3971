"""Charts of Altair: found in an output, described in words, interactive where the runtime is, pictures elsewhere."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.reports.charts import chart_picture, chart_runtime, describe_chart, find_chart, page_spec
from finlab.reports.labels import label
from finlab.reports.render import hash_of, render_page

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
KIND = "application/vnd.vegalite.v6+json"
SPEC: dict[str, Any] = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "title": "Sales </script><script>alert(1)</script>",
    "data": {"values": [{"shop": name, "sales": value} for name, value in (("a", 3), ("b", 5), ("c", 4))]},
    "mark": "bar",
    "encoding": {
        "x": {"field": "shop", "type": "nominal"},
        "y": {"field": "sales", "type": "quantitative", "title": "sales (CNY)"},
        "tooltip": [{"field": "shop"}, {"field": "sales"}],
        "opacity": {"condition": {"test": "datum.sales > 3", "value": 1}, "value": 0.4},
        "href": {"value": "https://x.example"},
    },
    "usermeta": {"embedOptions": {"ast": False, "actions": True}},
}


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which vl-convert is not installed."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    chart_runtime.cache_clear()
    yield
    chart_runtime.cache_clear()


@pytest.fixture
def extra() -> None:
    pytest.importorskip("vl_convert")


def page_of(*forms: dict[str, Any], lang: str = "en") -> Any:
    outputs = [{"output_type": "display_data", "data": data, "metadata": {}} for data in forms]
    return render_page({"cells": [{"cell_type": "code", "source": "", "outputs": outputs}]}, lang=lang)


@pytest.mark.parametrize("kind", [KIND, "application/vnd.vegalite.v5+json", "application/vnd.vegalite.v6.json"])
def test_a_chart_is_found_by_its_media_type(kind: str) -> None:
    assert find_chart({"text/plain": "alt.Chart(...)", kind: SPEC}) is SPEC
    assert find_chart({kind: "no mapping"}) is None and find_chart({f"{kind}x": SPEC}) is None


@given(st.recursive(st.text() | st.integers() | st.none(), lambda inner: st.dictionaries(st.text(), inner)), st.text())
def test_any_form_of_an_output_is_searched(value: Any, text: str) -> None:
    assert find_chart({KIND: value, "text/html": text}) in (None, value)
    assert find_chart({"text/html": f"vegaEmbed }})({{{text}"}) is None
    if isinstance(value, dict):
        describe_chart(value, label)
        page_spec(value, "told")


def test_a_chart_is_found_in_the_page_that_altair_writes() -> None:
    altair = pytest.importorskip("altair")
    chart = altair.Chart(altair.Data(values=[{"a": 1}]), title="T").mark_bar().encode(x="a:Q")
    with altair.renderers.enable("html"):
        bundle = chart._repr_mimebundle_(None, None)
    assert list(bundle) == ["text/html"] and find_chart(bundle) == chart.to_dict()
    assert find_chart({"text/html": bundle["text/html"].splitlines(keepends=True)}) == chart.to_dict()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"description": "As it is.", "title": "T"}, "As it is."),
        ({"title": {"text": ["Two", "lines"]}, "mark": "bar"}, "Two lines. bars"),
        ({"mark": {"type": "line"}, "encoding": {"x": {"field": "m"}, "y": {"field": "s"}}}, "line. x: m. y: s"),
        ({"layer": [{"mark": "area"}, {"mark": "line", "title": "L"}]}, "L. area. line"),
        ({"spec": {"mark": "rect"}, "facet": {"field": "x"}}, "heat map"),
        ({"mark": "bar", "encoding": {"row": {"field": "shop"}}}, "bars. one for each shop"),
        ({"mark": 3, "encoding": [], "layer": "x", "title": 4}, ""),
    ],
)
def test_a_chart_is_described(spec: dict[str, Any], words: str) -> None:
    assert describe_chart(spec, label) == words


def test_a_chart_that_fetches_is_not_for_the_page() -> None:
    away = {"data": {"url": "https://x.example/a.csv"}}
    assert page_spec({**SPEC, **away}, "") is None and page_spec({"layer": [{"mark": "bar", **away}]}, "") is None
    assert page_spec({"transform": [{"lookup": "a", "from": away}]}, "") is None
    kept = page_spec({**SPEC, "data": {"values": [{"url": "a"}, {"data": {"url": "cell"}}]}}, "told")
    assert kept is not None and "usermeta" not in kept and "$schema" not in kept and kept["description"] == "told"


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize(("lang", "word"), [("en", "extra “charts”"), ("zh", "交互式图表已略去")])
def test_without_the_extra_the_page_says_so_or_shows_the_picture(lang: str, word: str) -> None:
    bare = page_of({KIND: SPEC}, lang=lang)
    assert word in bare.html and any("finlab-workbench[charts]" in problem for problem in bare.problems)
    assert len(bare.html.encode()) < 21_000
    pictured = page_of({KIND: SPEC, "image/png": PNG}, lang=lang)
    assert f'src="data:image/png;base64,{PNG}" alt="Sales ' in pictured.html and word not in pictured.html


@pytest.mark.usefixtures("extra")
def test_the_runtime_is_on_a_page_once_and_only_where_a_chart_is() -> None:
    runtime = chart_runtime()
    assert "://" not in runtime and "</script" not in runtime and "BSD-3-Clause" in runtime
    page = page_of(*[{KIND: SPEC}] * 3)
    assert page.html.count(runtime) == 1 and hash_of(runtime) in page.html and page.problems == []
    assert (
        page.html.count('<figure class="fl-vega') == 3
        and "://" not in page.html
        and "alert(1)</script>" not in page.html
    )
    assert "unsafe-eval" not in page.html[:3000] and re.search(r'alt="Sales [^"]*bars. x: shop. y: sales', page.html)
    assert runtime not in page_of({"image/png": PNG}).html


@pytest.mark.usefixtures("extra")
def test_what_cannot_be_drawn_is_said() -> None:
    assert chart_picture({"mark": "nonsense", "data": {"values": []}}) == ""
    assert "left out" in page_of({KIND: {"data": {"url": "https://x.example/a.csv"}, "mark": "bar"}}).html


@pytest.mark.browser
@pytest.mark.usefixtures("extra")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_answers_offline(tmp_path: Path, chromium: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    path = tmp_path / "page.html"
    path.write_text(page_of({KIND: SPEC}, {KIND: {**SPEC, "mark": {"type": "nonsense"}}}).html, encoding="utf-8")
    said: list[str] = []
    context = chromium.new_context(color_scheme=scheme, offline=True)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    live = page.locator(".fl-on .fl-live")
    live.wait_for()
    bars = live.locator("path[aria-roledescription=bar]")
    assert bars.count() == 3 and page.locator(".fl-on").count() == 1
    assert bars.evaluate_all("all => all.map(e => e.getAttribute('opacity'))") == ["0.4", "1", "1"]
    assert not page.locator(".fl-on > img").is_visible()
    bars.first.hover()
    assert "a" in page.locator("#vg-tooltip-element").inner_text()
    bars.first.click()
    assert page.url == path.as_uri() and len(context.pages) == 1
    rules = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}
    assert axe.Axe().run(page, options={"runOnly": rules}).response["violations"] == []
    page.emulate_media(media="print")
    assert page.locator(".fl-on > img").is_visible() and not live.is_visible()
    context.close()
    assert said == []
