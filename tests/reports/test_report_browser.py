"""The page in a real browser with the network off: nothing is fetched, everything is seen, the tools work."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from finlab.reports.render import render_page
from finlab.reports.run import run

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")]
ARTEFACTS = Path(__file__).parents[2] / "test-artefacts"
FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-gpu", "--no-first-run"]
VIEWS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One headless browser for all tests of this file."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


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
        table.locator("th button", has_text="amount").click()
        assert table.evaluate(first) == "apple Ärger banana cherry"
        assert table.locator("th", has_text="amount").get_attribute("aria-sort") == "ascending"
        table.locator("th button", has_text="amount").click()
        assert table.evaluate(first) == "banana Ärger apple cherry"
        table.locator("th button", has_text="day").focus()
        page.keyboard.press("Enter")
        assert table.evaluate(first) == "Ärger apple banana cherry"
        assert table.locator("th", has_text="amount").get_attribute("aria-sort") is None
        table.locator("th button", has_text="fruit").click()
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
