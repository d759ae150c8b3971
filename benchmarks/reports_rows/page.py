"""The page: what it adds to an empty notebook, what it fetches, what its pictures say, whether all can read it."""

import os
import re
import shutil
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from forecast_rows.plan import Found, Plan, attempt
from harness import Row

from reports_rows.notebooks import REALISTIC, workbench, write_notebook

PAGE = {
    "overhead": Plan("Page of an empty notebook, without provenance", "<= 20", "KB", ""),
    "urls": Plan("Addresses that the page fetches", "= 0", "addresses", ""),
    "alt": Plan("Images with a text for those who do not see them", "= 1", "share of images", ""),
}
AXE = {"axe": Plan("Violations that axe finds", "= 0", "violations", "axe-core in Chromium")}
FETCHING = {"src", "srcset", "href", "xlink:href", "data", "poster", "action", "background"}
ADDRESS = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//|^\s*(?:https?|ftp|file):", re.I)
IN_STYLE = re.compile(r"url\(\s*['\"]?(?!data:|#)[^)]*|@import[^;]*", re.I)


class Seen(HTMLParser):
    """What is in a page: addresses that a browser would fetch, and images with and without a description."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.images = self.described = 0
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        values = {name: value or "" for name, value in attrs}
        self._in_style = tag == "style"
        if tag != "a":  # a link is followed by its reader only
            found = [value for name, value in values.items() if name in FETCHING]
            self.addresses += [value for value in found if ADDRESS.match(value)]
        self.addresses += IN_STYLE.findall(values.get("style", ""))
        if tag == "img":
            self.images += 1
            self.described += bool(values.get("alt", "").strip())

    def handle_data(self, data: str) -> None:
        """Look at a text: a style may fetch."""
        if self._in_style:
            self.addresses += IN_STYLE.findall(data)


def look_at(page: str) -> Seen:
    """Read a page."""
    seen = Seen()
    seen.feed(page)
    seen.close()
    return seen


def page_found(quick: bool) -> dict[str, Found]:
    from finlab.reports.render import render_page

    empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    size = len(str(render_page(empty).html).encode()) / 1000
    page = made_page()
    seen = look_at(page)
    assert seen.images >= 3, "the realistic report has three charts"
    what = f"the realistic report, {len(page.encode()) / 1000:.0f} KB"
    told = "; ".join(seen.addresses[:3])
    return {
        "overhead": Found(size, 1),
        "urls": Found(len(seen.addresses), 1, note=f"{what}{'; ' + told if told else ''}"),
        "alt": Found(seen.described / seen.images, seen.images, note=what),
    }


def made_page() -> str:
    """The page of the realistic report."""
    from finlab.reports.run import run_report

    with workbench() as folder:
        made = run_report(write_notebook(folder / "report.ipynb", REALISTIC))
        assert made.path is not None
        return made.path.read_text(encoding="utf-8")


def chromium() -> str:
    """The browser of this machine."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise ImportError("no Chromium on this machine")
    return found


def violations(page: str, folder: Path) -> list[dict[str, Any]]:
    """What axe finds in a page, in a light and in a dark window."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    found = []
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as play, play.chromium.launch(executable_path=chromium(), args=flags) as browser:
        for scheme in ("light", "dark"):
            window = browser.new_page(color_scheme=scheme)
            window.goto(path.as_uri())
            window.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
            found += Axe().run(window).response["violations"]
    return found


def axe_found(quick: bool) -> dict[str, Found]:
    with workbench() as folder:
        chromium()
        found = violations(made_page(), folder)
    return {"axe": Found(len(found), 2, note="; ".join(sorted({one["id"] for one in found})))}


def page_rows(quick: bool) -> list[Row]:
    """The rows of the page; a browser is needed for the last one."""
    families = ((PAGE, page_found), (AXE, axe_found))
    return [row for plans, work in families for row in attempt(plans, partial(work, quick))]
