"""The tools of a page in a real browser: rows are searched, tables saved, notes lead back; nothing else runs."""

import csv
import io
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from finlab.reports.render import render, render_page

pytestmark = pytest.mark.browser
MARK = b"\xef\xbb\xbf"  # what tells a spreadsheet that a file is UTF-8


@pytest.fixture
def opened(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """A function that opens a text as a page, offline; the console must stay silent."""
    said: list[str] = []
    contexts = []

    def visit(text: str, width: int = 1280) -> Any:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        contexts.append(chromium.new_context(offline=True, viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert said == [], "the console is not silent"


def html_cell(*markups: str) -> dict[str, Any]:
    outputs = [{"output_type": "display_data", "data": {"text/html": markup}, "metadata": {}} for markup in markups]
    return {"cell_type": "code", "source": "x = 1", "metadata": {}, "outputs": outputs}


def table_of(head: list[str], rows: list[list[str]], caption: str = "") -> str:
    cells = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    named = f"<caption>{caption}</caption>" if caption else ""
    return f"<table>{named}<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def saved(page: Any, number: int = 0) -> tuple[str, bytes]:
    """Press a button and read what was saved: its name and its bytes."""
    with page.expect_download() as download:
        page.locator(".fl-csv").nth(number).focus()
        page.keyboard.press("Enter")
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def rows_of(content: bytes) -> list[list[str]]:
    assert content.startswith(MARK) and content.endswith(b"\r\n")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


CELLS = {
    "1,234,567.50": "1234567.50",
    "−30": "-30",
    "1e-7": "1e-7",
    "+5": "+5",
    "12,34": "12,34",
    "-5.2%": "-5.2%",
    "(30)": "(30)",
    "=1+1": "'=1+1",
    "+cmd|x": "'+cmd|x",
    "-2+3": "'-2+3",
    "@SUM(A1)": "'@SUM(A1)",
    "＝1": "'＝1",
    "'quoted'": "'quoted'",
    'a "b", c': 'a "b", c',
    "one<br>two  three": "one two three",
    "营业收入": "营业收入",
    "—": "—",
    "": "",
}  # fmt: skip


def test_a_table_is_saved_as_a_spreadsheet_reads_it(opened: Any) -> None:
    rows = [[cell.replace('"', "&quot;"), str(number)] for number, cell in enumerate(CELLS)]
    page = opened(render({"cells": [html_cell(table_of(["文本", "n"], rows, "Odd: cells/2"))]}, title='My "report"'))
    name, content = saved(page)
    assert name == "My report - Table 1, Odd cells 2.csv"
    assert rows_of(content) == [["文本", "n"], *([cell, str(number)] for number, cell in enumerate(CELLS.values()))]
    assert b"1234567.50,0\r\n" in content and '"营业收入"'.encode() in content


def test_what_is_saved_is_what_is_shown(opened: Any) -> None:
    rows = [[f"shop {i} {'south' if i % 3 else 'north'}", f"{(i * 7) % 20}"] for i in range(20)]
    page = opened(render({"cells": [html_cell(table_of(["shop", "sales"], rows))]}))
    page.locator("th [role=button]", has_text="sales").click()
    page.get_by_label("Show only rows with").fill("NORTH shop")
    shown = [row for row in sorted(rows, key=lambda row: int(row[1])) if "north" in row[0]]
    assert page.locator(".fl-search [role=status]").inner_text() == f"Rows found: {len(shown)}" and len(shown) == 7
    assert rows_of(saved(page)[1]) == [["shop", "sales"], *shown]


def test_a_word_that_is_searched_does_not_run_over_the_edge_of_a_cell(opened: Any) -> None:
    page = opened(render({"cells": [html_cell(table_of(["a", "b"], [[f"{i}1", "2"] for i in range(9)]))]}))
    page.get_by_label("Show only rows with").fill("12")
    assert page.locator(".fl-search [role=status]").inner_text() == "Rows found: 0"


def test_cells_over_several_rows_and_columns_stand_in_each(opened: Any) -> None:
    table = (
        "<table><thead><tr><th></th><th colspan=2>both</th></tr><tr><th>k</th><th>a</th><th>b</th></tr></thead><tbody>"
        "<tr><th rowspan=2>x</th><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr>"
        "<tr><th rowspan=99>y</th><td>5</td><td>6</td></tr></tbody></table>"
    )
    page = opened(render({"cells": [html_cell(table)]}))
    expected = [["", "both", "both"], ["k", "a", "b"], ["x", "1", "2"], ["x", "3", "4"], ["y", "5", "6"]]
    assert rows_of(saved(page)[1]) == expected


def test_small_tables_stay_small(opened: Any) -> None:
    tables = [table_of(["a", "b"], [["1", "2"]]), table_of(["a"], [["1"]]), table_of(["a"], [["x"]] * 7)]
    page = opened(render({"cells": [html_cell(*tables)]}))
    assert page.locator(".fl-search").count() == 0 and page.locator(".fl-csv").count() == 2
    tiny = page.locator(".fl-tiny")
    assert tiny.count() == 1 and tiny.evaluate("e => getComputedStyle(e).opacity") == "0"
    page.locator(".fl-table").first.hover()
    assert tiny.evaluate("e => getComputedStyle(e).opacity") == "1"
    page.emulate_media(media="print")
    assert not page.locator(".fl-csv").first.is_visible() and not page.locator(".fl-csv").last.is_visible()


def test_every_button_has_a_name_of_its_own_in_the_language_of_the_page(opened: Any) -> None:
    cells = [html_cell(*[table_of(["a", "b"], [["1", "2"]] * 9)] * 2)]
    page = opened(render({"cells": cells}, lang="zh"))
    names = page.locator(".fl-csv").evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")
    assert len(set(names)) == 2 and all(re.match("CSV: 表 [12]", name) for name in names)
    assert page.get_by_label("只显示含有以下文字的行").count() == 2
    assert "电子表格" in page.locator(".fl-csv").first.get_attribute("title")


NOTES = "Net[^1] of tax[^b], again[^1].\n\n[^1]: Note *{0}*, see $x$[^b].\n[^b]: Other {0}."


def test_footnotes_lead_there_and_back(opened: Any) -> None:
    cells = [{"cell_type": "markdown", "source": f"## Part {part}\n\n{NOTES.format(part)}"} for part in ("A", "B")]
    page = opened(render({"cells": cells}, lang="zh"))
    assert page.locator(".fl-notes li").count() == 4 and page.locator(".fl-notes h2").inner_text() == "脚注"
    marks = page.locator("main > p .fl-ref")
    assert marks.all_inner_texts() == ["1", "2", "1", "3", "4", "3"]
    for link in page.locator("main a.fl-ref").all():
        place = link.evaluate("e => document.querySelector(e.getAttribute('href')).closest('li, p').innerText")
        assert place
    marks.nth(4).click()
    assert "Other B" in page.locator(".fl-notes :target").inner_text()
    page.locator(".fl-notes :target a", has_text="↩").first.click()
    assert page.locator(".fl-ref:target").inner_text() == "4"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


HARM = """
<script>document.title = "owned"</script>
<img src="x" onerror="document.title = 'owned'">
<img src="REMOTE/a.png">
<link rel="stylesheet" href="REMOTE/a.css">
<script src="REMOTE/a.js"></script>
<style>h1 { color: rgb(1, 2, 3) !important }</style>
<a id="go" href="javascript:void(document.title = 'owned')">go</a>
<p id="styled" style="color: rgb(1, 2, 3)">styled</p>
<iframe src="REMOTE/a.html"></iframe>
<form id="form" action="REMOTE/sent"><button>send</button></form>
"""


@pytest.fixture
def remote() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and the list of what was asked of it."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path.split("?")[0])
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


@pytest.mark.parametrize("protected", [True, False])
def test_the_policy_lets_nothing_run_that_slips_past_the_cleaning(
    chromium: Any, remote: tuple[str, list[str]], tmp_path: Path, protected: bool
) -> None:
    text = render({"cells": [html_cell(table_of(["a", "b"], [["1", "2"]] * 9))]}, title="Mine")
    assert "unsafe-eval" not in text and text.count("unsafe-inline") == 1
    text = text.replace("</header>", "</header>" + HARM.replace("REMOTE", remote[0]))
    if not protected:
        text = re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    path = tmp_path / "page.html"
    path.write_text(text, encoding="utf-8")
    page = chromium.new_context().new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    page.locator("#go").click()
    assert page.title() == ("Mine" if protected else "owned")
    assert (page.locator("h1").evaluate("e => getComputedStyle(e).color") == "rgb(1, 2, 3)") == (not protected)
    assert page.locator("#styled").evaluate("e => getComputedStyle(e).color") == "rgb(1, 2, 3)"
    told = " ".join(said)
    for directive in ("script-src", "style-src", "img-src", "frame-src", "inline event handler"):
        assert (directive in told) == protected, directive
    page.evaluate("document.querySelector('#form button').click()")
    page.wait_for_timeout(300)
    page.context.close()
    assert sorted(remote[1]) == ([] if protected else ["/a.css", "/a.html", "/a.js", "/a.png", "/favicon.ico", "/sent"])


def test_notes_and_tables_do_not_collide_with_what_a_notebook_claims() -> None:
    claims = "![a[^1]](x.png) &#xe000;N1&#xe001; &#xe000;N99&#xe001;"
    source = f"# T[^1]\n\n## H[^1]\n\n{claims}\n\n[^1]: x\n\n## &#xe000;7&#xe001;x"
    found = render_page({"cells": [{"cell_type": "markdown", "source": source}]})
    ids = re.findall(r'\bid="([^"]*)"', found.html)
    assert len(ids) == len(set(ids)) and "\ue000" not in found.html and found.title == "T"
    assert '<a href="#h">H</a>' in found.html and "<h2>Footnotes" not in found.html
