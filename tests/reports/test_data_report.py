"""The data report: an empty store, rejects and hostile texts, both languages, and the page in a browser."""

import json
import os
import re
import shutil
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import finlab
from finlab.core.errors import InputError
from finlab.data.contracts import Contract, Field
from finlab.data.store import Store
from finlab.reports.inventories import take_stock, visible
from finlab.reports.jobs import describe, templates
from finlab.reports.labels import use_language

HOSTILE = ("<script>document.title='owned'</script>", "'; DROP TABLE sales; --", "=cmd|' /C calc'!A0", "فاتورة" * 3)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def filled(workbench: Path) -> Store:
    """A table by contract with rejected records full of strangers' texts, a stale table, a sample."""
    store = Store()
    lines = [f"2026-07-{day:02d},{day}.50,x" for day in range(1, 29)]
    lines += [f'2026-07-01,"{text}",x' for text in ("y" * 3000, *HOSTILE)]
    header = '"day","amount","<b>note</b>"'
    Path("sales <i>.csv").write_text("\n".join([header, *lines, ",,"]) + "\n", encoding="utf-8")
    contract = Contract("sales", (Field("day", "date", required=True, date_order="ymd"), Field("amount", "decimal")))
    mapping = {"day": "day", "amount": "amount", "<b>note</b>": None}
    store.load("sales <i>.csv", "sales", contract=contract, mapping=mapping)
    store.write("rates", pd.DataFrame({"<script>alert(1)</script>": [1.5, None, 2.5, 2.5]}), as_of="2020-01-01")
    store.load("sample:airline", "airline")
    return store


def words(parts: Iterable[Any]) -> str:
    shown = [getattr(part, "_repr_html_", lambda part=part: str(part))() for part in parts]
    return "\n".join(text or "" for text in shown)


def test_the_report_is_found_and_described() -> None:
    assert "data" in templates() and re.search(r"^data\n  tables +list\[str\].*\n  profile +bool", describe("data"))


def test_what_acts_in_a_text_is_written_out() -> None:
    assert visible("a\u202eb\u200bc\x07") == r"a\u202eb\u200bc\u0007"
    assert visible("ابت") == "\u2068ابت\u2069" and len(visible("z" * 999)) == 120


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_each_section_says_it_in_both_languages(filled: Store, lang: str) -> None:
    use_language(lang)
    try:
        report = take_stock()
        answer, rejects, clean = words(report.answer()), words(report.rejects()), words(report.clean())
        receipts, ages = words(report.receipts()), words(report.ages())
    finally:
        use_language("en")
    known = {
        "en": ("3 tables", "1 of them stale", "6 of 182 records", "add up"),
        "zh": ("3 个表", "1 个已过期", "182", "有着落"),
    }
    assert all(word in answer for word in known[lang])
    assert ("空白记录" if lang == "zh" else "a blank record") in rejects and "&lt;script&gt;" in rejects
    assert "<script" not in answer + rejects + clean + receipts + ages and "<b>note" not in rejects
    assert "y" * 119 + "…" in rejects and "y" * 120 not in rejects
    assert ("严重" if lang == "zh" else "medium") in clean or "中等" in clean


def test_nothing_was_rejected_is_said(workbench: Path) -> None:
    Store().write("one", pd.DataFrame({"x": [1, 2]}))
    report = take_stock(profile=False)
    assert "**Nothing was rejected**: 2 records came in." in words(report.answer())
    assert "Nothing was rejected." in words(report.rejects()) and "were not looked into" in words(report.clean())


def test_accounts_that_do_not_add_up_come_first(filled: Store) -> None:
    from finlab.data.lease import lease

    with lease(filled.path, write=True) as connection:
        connection.execute("DELETE FROM catalogue.rejects WHERE line IS NOT NULL")
    report = take_stock(profile=False)
    answer = words(report.answer())
    assert "**The accounts of <bdi>sales</bdi> do not add up**" in answer and "do not use <bdi>sales</bdi>" in answer
    assert "no: 6 rejected records cannot be shown" in words(report.receipts())


def test_hundreds_of_tables_are_folded(filled: Store) -> None:
    from finlab.data.lease import lease

    with lease(filled.path, write=True) as connection:
        for place in range(300):
            connection.execute(f"CREATE TABLE main.hand_{place} AS SELECT 1 AS x")
    receipts = words(take_stock(profile=False).receipts())
    assert "<summary>288 more</summary>" in receipts and "hand_299" in receipts.partition("<details>")[2]


def test_rows_that_end_long_ago_are_told_and_a_chart_needs_something_to_show(workbench: Path) -> None:
    today = date.today()
    Store().write("spend", pd.DataFrame({"day": [date(2014, 5, 30), date(2014, 1, 1)]}), as_of=today)
    report = take_stock(profile=False)
    assert "spend</bdi> counts as fresh, but **its rows end on 2014-05-30**" in words(report.answer())
    assert "2014-05-30" in words(report.ages()) and not any(hasattr(part, "savefig") for part in report.ages())
    Store().write("older", pd.DataFrame({"x": [1, 2]}), as_of=today - timedelta(9))
    assert any(hasattr(part, "savefig") for part in take_stock(profile=False).ages())


def test_many_columns_without_a_value_are_one_line_and_medium_findings_are_no_all_clear(workbench: Path) -> None:
    Store().write("bank", pd.DataFrame({"id": [1, 2, 3], **{f"empty_{place}": [None] * 3 for place in range(9)}}))
    report = take_stock()
    assert "none of them is marked *high*" in words(report.answer()) and words(report.clean()).count("<tr>") == 1
    use_language("zh")
    try:
        assert "empty_5……：没有任何值" in words(report.clean())
    finally:
        use_language("en")


@pytest.mark.slow
def test_an_empty_store_makes_a_page_that_says_how_to_begin(workbench: Path) -> None:
    made = finlab.run("data")
    page = made.path.read_text()
    assert made.status == "complete" and not made.notes and made.results == {"tables": 0}
    assert "nothing in the store yet" in page and "finlab data load" in page and not Store().path.exists()
    with pytest.raises(InputError, match="has no table 'sales'"):
        finlab.run("data", tables=["sales"])


@pytest.mark.slow
@pytest.mark.parametrize("given", [{}, {"lang": "zh"}, {"profile": False}, {"tables": ["sales"], "lang": "zh"}])
def test_the_page(filled: Store, given: dict[str, object]) -> None:
    made = finlab.run("data", **given)  # pyright: ignore[reportArgumentType]
    page = made.path.read_text()
    assert made.status == "complete" and not made.notes and made.results["not-loaded"] == 6
    assert made.results["tables"] == (1 if "tables" in given else 3) and ("weighty" in made.results) == (
        "profile" not in given
    )
    assert "://" not in page.replace("file:///", "") and "owned'</script>" not in page
    assert all(len(alt) > 40 for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page))
    reads = {read["name"]: read for read in json.loads(made.json_path.read_text())["reads"]}
    assert reads["sales"]["sha256"] == filled.loads().set_index("name").loc["sales", "sha256"]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_in_a_browser_without_a_network(filled: Store, scheme: str, width: int) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    for place in range(45):
        filled.write(f"t{place}", pd.DataFrame({"x": [place]}))
    made = finlab.run("data", profile=False)
    flags = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(made.path.as_uri())
        assert page.title() != "owned" and not said
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        fold = page.locator("main details:not([class])").first
        fold.locator("summary").click()
        fold.locator("input[type=search]").fill("t3")
        assert fold.locator("tbody tr:visible").count() == fold.locator("tbody tr:not([hidden])").count() > 0
        assert "Rows found:" in fold.locator("[role=status]").inner_text()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate("[...document.querySelectorAll('main details:not([class])')].every(e => e.open)")
        browser.close()
        assert not said
