"""Pages are open to everyone: axe finds nothing in the pages of the templates, in a difficult one, in a failed one."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from finlab.core.errors import ReportError
from finlab.reports.gallery import write_gallery
from finlab.reports.history import keep_run
from finlab.reports.render import render
from finlab.reports.run import run

axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = pytest.mark.browser
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
VIEWS = [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def faults_of(chromium: Any, path: Path) -> list[str]:
    """What axe and a look at the pictures find in a page, in four views: unfolded, its code shown."""
    found = []
    for scheme, width in VIEWS:
        context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, offline=True)
        page = context.new_page()
        page.goto(path.as_uri())
        if page.locator("#fl-code").count():
            page.locator("#fl-code").click()
        page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
        result = axe.Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]}).response
        assert len(result["passes"]) > 15
        for fault in result["violations"]:
            found += [f"{scheme} {width} {fault['id']}: {node['html'][:120]}" for node in fault["nodes"]]
        found += page.evaluate("[...document.images].filter(e => !e.alt.trim()).map(e => 'no alt: ' + e.outerHTML)")
        context.close()
    return found


def shows(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def stress(lang: str) -> str:
    """A page of everything that is difficult."""
    rows = "".join(f"<tr><th>row {i}</th><td>{i * 1234.5:,.1f}</td><td>{'x' * 9 * i}</td></tr>" for i in range(12))
    table = f"<table><thead><tr><th></th><th>amount</th><th>text</th></tr></thead><tbody>{rows}</tbody></table>"
    twice = "<table><caption>Same</caption><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
    spans = "<table><tr><th colspan=2>a</th></tr><tr><td rowspan=2 style='background-color: #ff0'>1</td><td>2</td></tr>"
    prose = (
        "# Stress\n\n#### Deep at once\n\nText[^1] and a [link](#there), $\\hat{y}$, `code`, [out](https://x.example).\n\n"
        "$$" + " + ".join(f"x_{{{i}}}" for i in range(60)) + "$$\n\n[^1]: A note.\n\n## 中文 There\n\n- [x] done\n\n"
        "> said\n\n```python\ndef f(x):  # comment\n    return 'text', 1, [" + "'long', " * 60 + "]\n```\n\n"
        "| a | b |\n|---|--:|\n| x[^1] | 1 |\n\n<dl><dt>term</dt><dd>meaning</dd></dl>\n\n![picture](x.png)\n"
    )  # fmt: skip
    outputs = [
        shows({"text/html": table}),
        shows({"text/html": f"<details><summary>more</summary>{table}</details>"}),
        shows({"text/html": twice + twice + spans + "</table>"}),
        shows({"image/png": PNG}),
        shows({"text/html": "<p class='good'>a</p><p class='bad'>b</p><p class='warn'>c</p><ol><li>x</li></ol>"}),
        {"output_type": "stream", "name": "stdout", "text": "printed " * 900},
        {"output_type": "stream", "name": "stderr", "text": "UserWarning: something\n" * 60},
        {"output_type": "error", "ename": "ValueError", "evalue": "wrong", "traceback": ["line " + "y" * 900]},
    ]
    cells = [
        {"cell_type": "markdown", "source": prose},
        {"cell_type": "code", "source": "print('a long line of code ' * 40)  # " + "z" * 300, "outputs": outputs},
        {"cell_type": "code", "source": "x = 1", "outputs": [shows({"text/markdown": "### Shown\n\ntext"})]},
    ]
    return render({"cells": cells}, lang=lang)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_difficult_page_has_no_faults(chromium: Any, tmp_path: Path, lang: str) -> None:
    path = tmp_path / "stress.html"
    path.write_text(stress(lang), encoding="utf-8")
    assert faults_of(chromium, path) == []


def test_faults_are_found(chromium: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(render({"cells": []}).replace("</header>", '</header><img src="data:,"><h5>x</h5>'))
    assert len(faults_of(chromium, path)) >= 2 * len(VIEWS)


def test_a_failed_page_has_no_faults(chromium: Any, tmp_path: Path) -> None:
    parameters = nbformat.v4.new_code_cell("rate: float = 1.0  # a rate", metadata={"tags": ["parameters"]})
    failing = nbformat.v4.new_code_cell("print(1)\n1 / 0")
    cells = [nbformat.v4.new_markdown_cell("# Fails\n\n## Here"), parameters, failing]
    source = tmp_path / "fails.ipynb"
    source.write_text(json.dumps(nbformat.v4.new_notebook(cells=cells)), encoding="utf-8")
    with pytest.raises(ReportError) as caught:
        run(source, output=tmp_path / "fails.html")
    assert caught.value.path is not None and faults_of(chromium, caught.value.path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "lang"), [("forecast", "en"), ("data", "en"), ("data", "zh"), ("gaps", "en")])
def test_the_page_of_a_template_has_no_faults(chromium: Any, tmp_path: Path, name: str, lang: str) -> None:
    page = run(name, lang=lang, output=tmp_path / f"{name}.html").path
    assert faults_of(chromium, page) == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_gallery_has_no_faults(chromium: Any, tmp_path: Path, lang: str) -> None:
    made: dict[str, Any] = {"report": "sales", "started": "2026-11-29T06:00:00+00:00", "seconds": 2.5, "results": []}
    ends = {"complete": 0, "stale": 7, "failed": 4}
    for number in range(12):
        for status, code in ends.items():
            shown = {
                "status": "failed" if status == "failed" else "complete",
                "exit_code": code,
                "message": "It stopped.",
            }
            page = tmp_path / f"{status}{number}.html"
            page.write_text("x")
            keep_run(page, {**made, **shown}, f"Sales {number}")
    path = write_gallery(tmp_path, lang)
    assert path is not None and faults_of(chromium, path) == []
