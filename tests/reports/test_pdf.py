"""The PDF of a page: whole or not at all, searchable, on numbered A4 sheets, and nothing left behind."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from finlab.core.errors import InputError, ReportError
from finlab.reports.pdf import VARIABLE, find_chromium, for_paper, page_as_pdf, print_pdf, sheet_style
from finlab.reports.render import render

HAS = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browser = [pytest.mark.browser, pytest.mark.skipif(not HAS, reason="no chromium on this machine")]


def program(folder: Path, script: str) -> str:
    """Write a program that stands in for the browser; `$pdf` is the file that it is asked for."""
    path = folder / "browser"
    find = 'for a in "$@"; do case "$a" in --print-to-pdf=*) pdf="${a#--print-to-pdf=}";; esac; done\n'
    path.write_text(f"#!/bin/sh\n{find}{script}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 0", "wrote nothing"),
        ("echo '%PDF-1.4 half' > \"$pdf\"", "only a part"),
        ("echo oops >&2; exit 7", "ended with code 7; it said: oops"),
        ("kill -9 $$", "SIGKILL"),
        ("sleep 60", "longer than 1 seconds"),
        ("printf '%%PDF-1.4 %%%%EOF' > \"$pdf\"; exit 1", "ended with code 1"),
    ],
)
def test_a_browser_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    monkeypatch.setenv(VARIABLE, program(tmp_path, script))
    page, pdf = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text("<html></html>")
    pdf.write_bytes(b"the last good one")
    with pytest.raises(ReportError, match=words):
        print_pdf(page, timeout=1 if "sleep" in script else 60)
    assert pdf.read_bytes() == b"the last good one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["browser", "page.html", "page.pdf"]


def test_nothing_goes_on_running_after_a_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = tmp_path / "beat"
    monkeypatch.setenv(VARIABLE, program(tmp_path, f"(while true; do date +%N > {beat}; sleep .05; done) & wait"))
    with pytest.raises(ReportError, match="stopped"):
        page_as_pdf(b"<html></html>", timeout=1)
    time.sleep(0.2)
    before = beat.read_text()
    time.sleep(0.3)
    assert beat.read_text() == before, "a child of the browser is alive"


def test_a_missing_browser_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(InputError, match="FINLAB_CHROMIUM"):
        find_chromium()
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="printed by Chromium"):
        find_chromium()


def test_a_missing_page_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "true")
    with pytest.raises(InputError, match="finished page"):
        print_pdf(tmp_path / "none.html")


def test_a_title_cannot_leave_its_quotes() -> None:
    style = sheet_style("a'; } </style><script>\n\\")
    assert "<" not in style and "script>" not in style and style.count("'") == sheet_style("a").count("'")
    assert for_paper(b"no head") == b"no head"


def pages_of(pdf: Path) -> list[str]:
    done = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True)
    return done.stdout.split("\f")[:-1]


@pytest.mark.browser
@pytest.mark.skipif(not HAS or not shutil.which("pdftotext"), reason="no chromium or pdftotext on this machine")
def test_a_page_on_paper(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>row{n}</td><td>{n}</td></tr>" for n in range(150))
    table = (
        f"<details><summary>more</summary><table><thead><tr><th>a</th><th>b</th></tr></thead>{rows}</table></details>"
    )
    output = {"output_type": "display_data", "data": {"text/html": table}, "metadata": {}}
    prose = "# 季度报告 & sales\n\nOne paragraph.\n\n## 第二节\n\n数据与时效。"
    cells = [{"cell_type": "markdown", "source": prose}, {"cell_type": "code", "source": "x", "outputs": [output]}]
    page = tmp_path / "page.html"
    page.write_text(render({"cells": cells}, lang="zh"), encoding="utf-8")
    pdf = print_pdf(page)
    assert pdf == tmp_path / "page.pdf" and sorted(p.name for p in tmp_path.iterdir()) == ["page.html", "page.pdf"]
    sheets = pages_of(pdf)
    whole = "\n".join(sheets)
    assert "数据与时效" in whole and "file:" not in whole
    assert all(f"row{n}" in whole for n in range(150)), "what is folded on the screen is open on paper"
    assert len(sheets) > 2
    for number, sheet in enumerate(sheets, 1):
        assert re.search(rf"{number}\s*/\s*{len(sheets)}", sheet)
    assert "季度报告 & sales" in sheets[1].split("\n", 5)[-1]
    info = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    assert "A4" in info and "Tagged:          yes" in info
    left = subprocess.run(["pgrep", "-f", "finlab-pdf-"], capture_output=True, text=True).stdout
    assert left == ""
