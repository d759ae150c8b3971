"""The page in a real browser with the network off: nothing is fetched, everything is seen, the tools work."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from finlab.reports.render import render_page
from finlab.reports.run import run

pytestmark = pytest.mark.browser
ARTEFACTS = Path(__file__).parents[2] / "test-artefacts"
VIEWS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]


class Visit:
    """A page opened offline, and everything it said or asked for."""

    def __init__(self, chromium: Any, path: Path, scheme: str = "light", width: int = 1280) -> None:
        self.context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, reduced_motion="reduce"
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url[:100]))
        self.page.goto(path.as_uri())

    def __enter__(self) -> Any:
        return self.page

    def __exit__(self, *_: object) -> None:
        self.context.close()
        assert self.said == [], "the console is not silent"
        assert [url for url in self.asked if not url.startswith(("file:", "data:"))] == []


def keep(page: Any, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


@pytest.fixture(scope="module")
def forecast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The forecast report with its default parameters."""
    folder = tmp_path_factory.mktemp("forecast")
    return run("forecast", output=folder / "forecast.html").path


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="400pt" height="100pt" '
    'viewBox="0 0 400 100"><rect width="400" height="100" fill="white"/><path d="M0 90L400 10" stroke="#06c"/>'
    '<image xlink:href="http://x.example/a.png"/><script>alert(1)</script></svg>'
)
ROWS = [
    ("banana", "1,200", "2020-02-01"),
    ("apple", "(30)", "2019-12-31"),
    ("cherry", "—", "2021-01-15"),
    ("Ärger", "5.5", "1999-05-05"),
]
WIDE = "".join(f"<th>column {i}</th>" for i in range(40))


@pytest.fixture(scope="module")
def stress(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of everything that is difficult."""
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in ROWS)
    table = f"<table><thead><tr><th>fruit</th><th>amount</th><th>day</th></tr></thead><tbody>{rows}</tbody></table>"
    wide = f"<table><thead><tr>{WIDE}</tr></thead><tbody>{'<tr>' + '<td>1234</td>' * 40 + '</tr>'}</tbody></table>"
    prose = (
        "# Stress & <b>test</b>\n\n## Formulas $\\alpha$\n\n"
        "Inline $\\hat{y}_{t+h|t}$ and\n\n$$\\sum_{i=1}^n \\frac{x_i}{n}$$\n\n"
        "Unknown $\\nosuch{x}$. [link](https://x.example/a) ![p](https://x.example/a.png)\n\n"
        + "$$" + " + ".join(f"x_{{{i}}}" for i in range(80)) + "$$\n\n"
        "## 中文标题\n\n数据与时效。 مرحبا بالعالم 🙂\n\n### " + "verylongword" * 30 + "\n\n- [ ] task\n\n> quote\n\n"
        "```python\nx = 1  # comment\n```\n\n| a | b |\n|---|--:|\n| x | 1 |\n"
    )  # fmt: skip

    def shows(data: dict[str, Any]) -> dict[str, Any]:
        return {"output_type": "display_data", "data": data, "metadata": {}}

    outputs = [
        shows({"text/html": table}),
        shows({"text/html": wide}),
        shows({"image/svg+xml": SVG}),
        shows({"image/png": PNG}),
        shows({"text/html": "<script>document.title='owned'</script><img src=x onerror=alert(1)><p>kept</p>"}),
        {"output_type": "stream", "name": "stdout", "text": "x" * 5000 + "\n"},
        {"output_type": "stream", "name": "stderr", "text": "UserWarning: something\n" * 30},
        {"output_type": "error", "ename": "ValueError", "evalue": "wrong", "traceback": ["line " + "y" * 900]},
    ]
    cells = [
        {"cell_type": "markdown", "source": prose},
        {"cell_type": "code", "source": "print('a long line of code ' * 40)  # " + "z" * 300, "outputs": outputs},
        {"cell_type": "code", "source": "x = 1", "outputs": []},
    ]
    path = tmp_path_factory.mktemp("stress") / "stress.html"
    path.write_text(render_page({"cells": cells}).html, encoding="utf-8")
    return path


def no_sideways(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_the_forecast_report(chromium: Any, forecast: Path, scheme: str, width: int) -> None:
    with Visit(chromium, forecast, scheme, width) as page:
        charts = page.locator("figure img")
        assert charts.count() >= 9
        for number in range(charts.count()):
            chart = charts.nth(number)
            chart.scroll_into_view_if_needed()
            assert chart.evaluate("e => e.complete && e.naturalWidth > 100 && e.alt.length > 40")
            box = chart.bounding_box()
            assert box["width"] > 250 and box["x"] >= 0 and box["x"] + box["width"] <= width
        formulas = page.locator("math")
        assert formulas.count() >= 3
        for number in range(formulas.count()):
            box = formulas.nth(number).bounding_box()
            assert box["width"] > 4 and box["height"] > 4
        assert no_sideways(page)
        page.evaluate("scrollTo(0, 0)")
        keep(page, f"forecast-{scheme}-{width}")


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_the_stress_page(chromium: Any, stress: Path, scheme: str, width: int) -> None:
    with Visit(chromium, stress, scheme, width) as page:
        assert no_sideways(page) and page.title() == "Stress & test"
        assert page.locator("figure img").first.evaluate("e => e.naturalWidth") > 0
        assert page.locator(".math-source").count() == 1
        page.locator("#fl-code").click() if page.locator("#fl-code").count() else None
        assert no_sideways(page)
        keep(page, f"stress-{scheme}-{width}")


def test_colours_have_contrast(chromium: Any, stress: Path) -> None:
    script = """() => {
      const light = c => { const v = c.match(/[\\d.]+/g).slice(0, 3).map(x => x / 255)
        .map(x => x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
        return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
      const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (!/, 0\\)$|transparent/.test(c)) return c; } return 'rgb(255,255,255)'; };
      const out = [];
      for (const e of document.querySelectorAll('body *')) {
        if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
        const a = light(getComputedStyle(e).color), b = light(ground(e));
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) out.push(e.tagName + '.' + e.className + ' ' + ratio.toFixed(2));
      }
      return out; }"""
    for scheme in ("light", "dark"):
        with Visit(chromium, stress, scheme) as page:
            page.locator("#fl-code").click()
            assert page.evaluate(script) == []


def test_sorting_by_mouse_and_keyboard(chromium: Any, stress: Path) -> None:
    with Visit(chromium, stress) as page:
        table = page.locator("table[data-sort]").filter(has_text="fruit")
        first = "t => [...t.tBodies[0].rows].map(r => r.cells[0].textContent).join(' ')"
        table.locator("th [role=button]", has_text="amount").click()
        assert table.evaluate(first) == "apple Ärger banana cherry"
        assert table.locator("th", has_text="amount").get_attribute("aria-sort") == "ascending"
        table.locator("th [role=button]", has_text="amount").click()
        assert table.evaluate(first) == "banana Ärger apple cherry"
        table.locator("th [role=button]", has_text="day").focus()
        page.keyboard.press("Enter")
        assert table.evaluate(first) == "Ärger apple banana cherry"
        before = page.evaluate("scrollY")
        page.keyboard.press("Space")
        assert page.evaluate("scrollY") == before
        assert table.evaluate(first) == "cherry banana apple Ärger"
        assert table.locator("th", has_text="amount").get_attribute("aria-sort") is None
        table.locator("th [role=button]", has_text="fruit").click()
        assert table.evaluate(first) == "apple Ärger banana cherry"


def test_code_and_colours_can_be_switched(chromium: Any, stress: Path) -> None:
    with Visit(chromium, stress) as page:
        code = page.locator("details.fl-code", has_text="x = 1").last
        assert not code.is_visible()
        page.locator("#fl-code").click()
        assert code.is_visible() and code.evaluate("e => e.open")
        assert page.locator("#fl-code").get_attribute("aria-pressed") == "true"
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.locator("#fl-colours").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        page.locator("#fl-colours").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == before


def test_contents_lead_to_their_sections(chromium: Any, stress: Path) -> None:
    with Visit(chromium, stress) as page:
        page.locator(".fl-toc a", has_text="中文标题").click()
        assert page.locator("h2", has_text="中文标题").evaluate("e => Math.abs(e.getBoundingClientRect().top) < 900")
        page.keyboard.press("Tab")
    with Visit(chromium, stress, width=390) as page:
        assert not page.locator(".fl-toc a").first.is_visible()
        page.locator(".fl-toc summary").click()
        assert page.locator(".fl-toc a").first.is_visible()


def test_the_skip_link_comes_first(chromium: Any, stress: Path) -> None:
    with Visit(chromium, stress) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "fl-skip"


def test_hostile_outputs_stay_asleep(chromium: Any, stress: Path) -> None:
    with Visit(chromium, stress) as page:
        assert page.title() == "Stress & test" and page.locator("text=kept").is_visible()
        assert page.locator("script").count() == 1


def test_print(chromium: Any, stress: Path) -> None:
    with Visit(chromium, stress, "dark") as page:
        page.emulate_media(media="print")
        assert not page.locator(".fl-tools").is_visible() and not page.locator(".fl-toc").is_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert len(page.pdf()) > 1000


def write_page(folder: Path, *outputs: dict[str, Any], **options: Any) -> Path:
    """A page of a few outputs."""
    cells = [{"cell_type": "code", "source": "", "metadata": {"tags": ["hide_input"]}, "outputs": list(outputs)}]
    path = folder / "page.html"
    path.write_text(render_page({"cells": cells}, title="Page", **options).html, encoding="utf-8")
    return path


def html_output(markup: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/html": markup}, "metadata": {}}


def table_of(head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def words_on_paper(page: Any, folder: Path) -> list[tuple[int, str, float, float]]:
    """Print a page and read it again: for each word the sheet, the text, its right end and the sheet's width."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    page.pdf(path=folder / "page.pdf", format="A4")
    subprocess.run(["pdftotext", "-bbox", folder / "page.pdf", folder / "page.xml"], check=True)
    sheets = (folder / "page.xml").read_text(encoding="utf-8").split("<page ")[1:]
    found = []
    for number, sheet in enumerate(sheets):
        width = float(re.findall(r'width="([\d.]+)"', sheet)[0])
        for end, text in re.findall(r'xMax="([\d.]+)"[^>]*>([^<]*)</word>', sheet):
            found.append((number, text, float(end), width))
    return found


def test_a_long_table_has_its_head_on_every_sheet(chromium: Any, tmp_path: Path) -> None:
    path = write_page(tmp_path, html_output(table_of(["headword", "amount"], [["x", f"{i}"] for i in range(150)])))
    with Visit(chromium, path) as page:
        words = words_on_paper(page, tmp_path)
    sheets = {number for number, *_ in words}
    assert len(sheets) > 2 and {number for number, text, *_ in words if text == "headword"} == sheets


@pytest.mark.parametrize("folded", [False, True])
def test_a_wide_table_fits_on_paper(chromium: Any, tmp_path: Path, folded: bool) -> None:
    rows = [[f"{1000 + column}.25" for column in range(30)] for _ in range(3)]
    table = table_of([f"column{i}" for i in range(30)], rows)
    path = write_page(tmp_path, html_output(f"<details><summary>more</summary>{table}</details>" if folded else table))
    with Visit(chromium, path) as page:
        before = page.locator("main").bounding_box()
        words = words_on_paper(page, tmp_path)
        assert page.locator("main").bounding_box() == before and page.locator("main details[open]").count() == 0
    assert {text for _, text, *_ in words} >= {f"column{i}" for i in range(30)} | {f"{1000 + i}.25" for i in range(30)}
    assert all(end < width - 25 for *_, end, width in words)


@pytest.mark.parametrize(
    "amounts",
    [
        ["2.1 trillion", "3.2 billion", "990 million", "5,000", "missing"],
        ["2.1 万亿", "32 亿", "4.5 万", "5,000", "缺失"],
        ["1.2 million CNY", "12 万元", "9,000 CNY", "−3 CNY", "—"],
    ],
)
def test_numbers_with_scales_sort_as_numbers(chromium: Any, tmp_path: Path, amounts: list[str]) -> None:
    mixed = [amounts[i] for i in (2, 0, 4, 3, 1)]
    path = write_page(tmp_path, html_output(table_of(["amount", "other"], [[text, "x"] for text in mixed])))
    shown = "[...document.querySelectorAll('tbody td:first-child')].map(e => e.textContent)"
    with Visit(chromium, path) as page:
        button = page.locator("th [role=button]", has_text="amount")
        button.click()
        assert page.evaluate(shown) == [*reversed(amounts[:4]), amounts[4]]
        button.click()
        assert page.evaluate(shown) == amounts
        assert page.locator("td").first.evaluate("e => getComputedStyle(e).textAlign") == "right"


@pytest.mark.parametrize("width", [1400, 390])
def test_the_arrow_in_the_last_column_is_seen(chromium: Any, tmp_path: Path, width: int) -> None:
    words = "a sentence that fills the width of the page " * 3
    path = write_page(tmp_path, html_output(table_of(["name", "amount"], [[words, "1"], [words, "2"]])))
    with Visit(chromium, path, width=width) as page:
        room = page.evaluate(
            """() => { const b = [...document.querySelectorAll('th [role=button]')].pop();
            const a = getComputedStyle(b, '::after');
            return b.closest('.fl-table').getBoundingClientRect().right - b.getBoundingClientRect().right
              + parseFloat(a.right); }"""
        )
        assert room >= 0, "the arrow reaches over the edge of the table"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_only_own_charts_are_turned_over_in_the_dark(chromium: Any, tmp_path: Path, scheme: str) -> None:
    def picture(**meta: Any) -> dict[str, Any]:
        return {"output_type": "display_data", "data": {"image/svg+xml": SVG}, "metadata": {"image/svg+xml": meta}}

    inline = html_output(f'<p><img src="data:image/png;base64,{PNG}"></p>')
    path = write_page(tmp_path, picture(finlab=True), picture(), picture(finlab="yes"), inline)
    looks = "[...document.querySelectorAll('main img')].map(e => getComputedStyle(e))"
    with Visit(chromium, path, scheme) as page:
        filters = page.evaluate(f"{looks}.map(s => s.filter)")
        assert (filters[0] != "none") == (scheme == "dark") and filters[1:] == ["none"] * 3
        assert page.evaluate(f"{looks}.map(s => s.backgroundColor)")[1:] == ["rgb(255, 255, 255)"] * 3
        rounded = page.evaluate(f"{looks}.map(s => s.padding !== '0px' && s.borderRadius !== '0px')")
        assert rounded == [False, *[scheme == "dark"] * 3]
        page.emulate_media(media="print")
        assert page.evaluate(f"{looks}.map(s => s.filter)") == ["none"] * 4


def test_long_outputs_scroll_and_are_printed_whole(chromium: Any, tmp_path: Path) -> None:
    def stream(text: str, name: str = "stdout") -> dict[str, Any]:
        return {"output_type": "stream", "name": name, "text": text}

    long = "\n".join(f"line{i}" for i in range(120))
    path = write_page(tmp_path, stream("short"), html_output("<hr>"), stream(long), stream(long, "stderr"))
    with Visit(chromium, path) as page:
        assert page.locator("pre").nth(0).get_attribute("tabindex") is None
        assert page.locator("pre").nth(1).get_attribute("tabindex") == "0"
        assert page.locator("pre").nth(1).bounding_box()["height"] <= 36 * 16
        page.locator("summary").click()
        assert page.locator("pre").nth(2).bounding_box()["height"] <= 36 * 16
        assert page.locator("pre").nth(2).get_attribute("tabindex") == "0"
        words = {text for _, text, *_ in words_on_paper(page, tmp_path)}
    assert {f"line{i}" for i in range(120)} <= words


def test_facts_that_wrap_begin_with_a_word(chromium: Any, tmp_path: Path) -> None:
    made = {"started": "2026-11-23T07:00:00", "seconds": 6.2, "reads": [{"as_of": "2026-11-01"}]}
    path = write_page(tmp_path, provenance=made)
    script = """() => { const p = document.querySelector('.fl-facts'), edge = p.getBoundingClientRect().left
        + parseFloat(getComputedStyle(p).fontSize) * 1.1;
      return [...p.children].map(s => { const r = document.createRange(); r.selectNodeContents(s);
        return [Math.round(r.getBoundingClientRect().left - edge), Math.round(s.getBoundingClientRect().top)]; }); }"""
    for width in (390, 1400):
        with Visit(chromium, path, width=width) as page:
            places = page.evaluate(script)
            lines = {top: left for left, top in reversed(places)}
            assert set(lines.values()) == {0}, "every line begins at the edge, its dot cut off"
            assert (len(lines) > 1) == (width == 390) and no_sideways(page)


def test_the_switch_of_colours_says_how_it_stands(chromium: Any, stress: Path) -> None:
    for scheme, pressed in (("light", "false"), ("dark", "true")):
        with Visit(chromium, stress, scheme) as page:
            switch = page.locator("#fl-colours")
            assert switch.get_attribute("aria-pressed") == pressed
            switch.click()
            assert switch.get_attribute("aria-pressed") != pressed
