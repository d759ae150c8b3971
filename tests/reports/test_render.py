"""The page: small, self-contained, readable, and inert whatever the notebook holds."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.reports import wording  # noqa: F401 (importing it enters its words)
from finlab.reports.labels import LABELS, LANGUAGES
from finlab.reports.outputs import FORMS
from finlab.reports.render import MOST_FIGURES, quiet, render, render_page, theme

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="547pt" height="259pt"><script>alert(1)</script></svg>'
MADE: dict[str, Any] = {
    "report": "sales",
    "status": "complete",
    "started": "2026-11-23T07:00:00+00:00",
    "seconds": 6.2,
    "freshness_days": 45,
    "parameters": [{"name": "horizon", "value": 12, "given": True, "help": "steps"}],
    "reads": [{"name": "s", "uri": "postgresql://u:p4ss@h/db", "sha256": "ab" * 32, "rows": 12, "as_of": "2026-11-01"}],
    "results": [{"name": "s.mase", "value": 0.93, "unit": "", "note": "good"}],
    "notebook": {"path": "sales.ipynb", "sha256": "cd" * 32},
    "git": {"commit": "ef" * 20, "dirty": True},
    "versions": {"finlab": "0.1.0"},
}


class Page(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.open: list[str] = []
        self.handlers: list[str] = []
        self.title = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.open.append(tag)
        if tag == "script":
            self.scripts.append("")
        if tag == "img":
            self.images.append(values)
        self.ids += [str(values["id"])] if "id" in values else []
        self.addresses += [str(values[name]) for name in ("href", "src", "action", "srcset") if name in values]
        self.handlers += [name for name in values if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self.open.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        if self.open and self.open[-1] == "title":
            self.title += data


def check_inert(page: str) -> Page:
    found = Page(page)
    assert found.scripts == [theme().script]
    assert all(address.startswith(("#", "data:image/")) or address == "data:," for address in found.addresses)
    assert not found.handlers and 'http-equiv="refresh"' not in page
    assert "://" not in page and "\x00" not in page
    assert len(found.ids) == len(set(found.ids)), "two elements with one id"
    assert all((image.get("alt") or "").strip() for image in found.images)
    page.encode("utf-8")
    return found


def code(*outputs: dict[str, Any], source: str = "x", tags: list[str] | None = None) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {"tags": tags or []}, "outputs": list(outputs)}


def shows(data: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def body(*cells: dict[str, Any]) -> str:
    page = render({"cells": list(cells)})
    return page[page.index("</header>") : page.index("</main>")]


def test_an_empty_notebook_costs_little() -> None:
    page = render({"cells": []})
    assert len(page.encode()) <= 20_000
    check_inert(page)


def test_script_is_small_and_named_by_its_hash() -> None:
    page = render({"cells": []})
    digest = base64.b64encode(hashlib.sha256(theme().script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page and "default-src 'none'" in page
    assert len(theme().script.encode()) < 7_500


def test_a_long_list_of_what_was_read_is_folded_away() -> None:
    read = {"name": "t", "uri": "file:///t.csv", "rows": 1, "as_of": "2026-01-01", "sha256": "0" * 64}
    for count, folded in ((25, 0), (300, 1)):
        page = render({"cells": []}, provenance={**MADE, "reads": [read] * count})
        assert page.count("<summary>300 rows</summary>") == folded and page.count(">000000000000</td>") == count
        check_inert(page)


def test_what_is_no_notebook_is_refused() -> None:
    with pytest.raises(InputError, match="a notebook"):
        render({"cells": "x"})


def test_title_language_and_contents() -> None:
    nb = {"cells": [{"cell_type": "markdown", "source": "# A & B\n\n## One\n\n### Two\n\n## One"}]}
    found = check_inert(render(nb, provenance=MADE, lang="zh"))
    assert found.title == "A & B"
    page = render(nb, provenance=MADE, lang="zh")
    assert '<html lang="zh-CN">' in page and "目录" in page and 'href="#one-2"' in page and 'href="#fl-made"' in page
    assert render_page(nb, title="Other").title == "Other"


def test_pictures_are_data_with_words() -> None:
    cells = [
        {"cell_type": "markdown", "source": "## Sales"},
        code(shows({"image/png": PNG, "text/plain": "<Figure size 640x480>"})),
        code(shows({"image/svg+xml": SVG}, **{"image/svg+xml": {"alt": 'Sales "rise" <fast>'}})),
        code(shows({"image/jpeg": PNG}, alt="plain")),
    ]
    page = render({"cells": cells})
    found = check_inert(page)
    assert [image["alt"] for image in found.images] == ["Chart in section Sales", 'Sales "rise" <fast>', "plain"]
    assert found.images[1]["width"] == "729" and "alert(1)" not in page and "Figure size" not in page


def test_forms_of_an_output() -> None:
    script = {"text/html": "<script>draw()</script><div></div>"}
    assert "data:image/png" in body(code(shows({**script, "image/png": PNG, "text/plain": "x"})))
    assert "needs a script" in body(code(shows({**script, "application/vnd.plotly.v1+json": {}})))
    assert body(code(shows({"text/plain": "<Axes: xlabel='x'>"}))).count("<pre>") == 1  # the code alone
    assert "<math" in body(code(shows({"text/latex": r"$\displaystyle x^2$"})))
    assert "<h2 id=" in body(code(shows({"text/markdown": "## Found"})))
    assert '"a": [' in body(code(shows({"application/json": {"a": [1]}})))
    assert "one\ntwo" in body(code(shows({"text/plain": ["one\n", "two"]})))


def test_streams_errors_and_messages() -> None:
    page = body(
        code(
            {"output_type": "stream", "name": "stdout", "text": "a"},
            {"output_type": "stream", "name": "stderr", "text": "warn <b>\n"},
            {"output_type": "stream", "name": "stdout", "text": ["b", "c\n"]},
            {"output_type": "error", "ename": "E", "evalue": "x </script>", "traceback": ["\x1b[31mline\x1b[0m"]},
        )
    )
    assert "<pre>abc</pre>" in page and "warn &lt;b&gt;" in page and "<details" in page
    assert "stopped here" in page and "E: x &lt;/script&gt;" in page and "\x1b" not in page


def test_giant_output_is_cut_and_the_page_says_so() -> None:
    page = body(code({"output_type": "stream", "name": "stdout", "text": "a line of text\n" * 2_000_000}))
    assert len(page) < 30_000 and "characters left out" in page
    rows = "".join(f"<tr><td>{i}</td></tr>" for i in range(400_000))
    assert len(body(code(shows({"text/html": f"<table>{rows}</table>"})))) < 4_000_000


@pytest.mark.parametrize(
    ("cell", "code_shown", "output_shown"),
    [
        (code(source="secret = 1", tags=["hide"]), False, False),
        (code(source="#| hide\nsecret = 1"), False, False),
        (code(source="#| include: false\nsecret = 1"), False, False),
        (code(source="secret = 1", tags=["hide_input"]), False, True),
        (code(source="#| echo: false\nsecret = 1"), False, True),
        (code(source="secret = 1", tags=["remove_output"]), True, False),
        (code(source="secret = 1"), True, True),
        (code(source="secret = 1", tags=["injected-parameters"]), False, False),
    ],
)
def test_hiding(cell: dict[str, Any], code_shown: bool, output_shown: bool) -> None:
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "printed"}]
    page = body(cell)
    assert ("secret" in page, "printed" in page) == (code_shown, output_shown)


def test_a_failed_cell_cannot_hide() -> None:
    error = {"output_type": "error", "ename": "E", "evalue": "x", "traceback": []}
    assert "E: x" in body(code(error, source="#| hide\n1/0"))


def test_cover_and_provenance() -> None:
    results = [{"name": f"r{i}", "value": i, "unit": "", "note": ""} for i in range(9)]
    page = render({"cells": []}, provenance={**MADE, "results": results})
    check_inert(page)
    assert "Complete" in page and "p4ss" not in page and "u:***@h" in page
    assert page.count('<dd class="fl-why">') == 0 and page[: page.index("</header>")].count("<dt>") == MOST_FIGURES
    assert 'title="' + "ef" * 20 in page and "uncommitted" in page
    stale = render({"cells": []}, provenance={**MADE, "reads": [{**MADE["reads"][0], "as_of": "2026-01-01"}]})
    assert "Stale data" in stale
    failed = render({"cells": []}, provenance={**MADE, "status": "failed", "message": "cell 3: <b>"})
    assert "cell 3: &lt;b&gt;" in failed and 'class="fl-status bad"' in failed


def test_a_cover_for_data_that_end_in_the_future() -> None:
    late = {**MADE["reads"][0], "as_of": "2026-12-11"}
    page = render({"cells": []}, provenance={**MADE, "reads": [late]})
    assert 'class="fl-status warn">Ends in the future<' in page and "Complete" not in page
    both = {**MADE, "reads": [late, {**late, "as_of": "2026-01-01"}]}
    assert 'class="fl-status warn">Stale data<' in render({"cells": []}, provenance=both)
    assert 'class="fl-status bad"' in render({"cells": []}, provenance={**both, "status": "failed"})


def names_on_cover(results: list[str]) -> list[str]:
    made = {**MADE, "results": [{"name": name, "value": 1} for name in results]}
    return re.findall("<dt>(.*?)</dt>", render({"cells": []}, provenance=made))


def test_many_results_show_one_quantity_of_each() -> None:
    five = [f"{name}.{what}" for name in "abcde" for what in ("forecast", "mase")]
    assert names_on_cover(five) == [f"{name}: forecast" for name in "abcde"]
    assert names_on_cover(five[:6]) == [f"{name}: {what}" for name in "abc" for what in ("forecast", "MASE")]
    assert len(names_on_cover([f"s{i}.next" for i in range(9)])) == MOST_FIGURES


def test_messages_are_counted_not_lines() -> None:
    text = "a.py:1: UserWarning: one\n  fit(y)\n\na.py:2: UserWarning: two\n  fit(y)\nplain\n"
    assert "(3)" in body(code({"output_type": "stream", "name": "stderr", "text": text}))


def test_only_finlabs_charts_carry_the_mark() -> None:
    page = body(
        code(*(shows({"image/svg+xml": SVG}, **{"image/svg+xml": {"finlab": mark}}) for mark in (True, "x", 1)))
    )
    assert page.count('<figure class="fl-chart">') == 1 and page.count("<figure>") == 2


def test_mentioned_addresses_do_not_count_as_references() -> None:
    assert "http:&#47;&#47;" in quiet("http://a.example")
    page = render({"cells": [code(source="url = 'https://u:pw@a.example/x'")]})
    assert "://" not in page and "pw" not in page


def test_every_label_has_every_language() -> None:
    assert all(set(LABELS[lang]) == set(LABELS["en"]) for lang in LANGUAGES)


NASTY = ["</script><script>1</script>", "]]>", "<!--", "http://a.example", "{{ 7*7 }}", "</title><b onclick=x>"]
anything = st.one_of(st.text(), st.sampled_from(NASTY))
outputs = st.one_of(
    st.builds(lambda t: {"output_type": "stream", "name": "stdout", "text": t}, anything),
    st.builds(lambda t: {"output_type": "stream", "name": "stderr", "text": t}, anything),
    st.builds(
        lambda kind, t, alt: shows({kind: t}, **{kind: {"alt": alt}}),
        st.sampled_from([*FORMS, "text/plain", "x/y"]),
        anything,
        anything,
    ),
    st.builds(lambda a, b, c: {"output_type": "error", "ename": a, "evalue": b, "traceback": [c]}, *[anything] * 3),
)
cells = st.one_of(
    st.builds(lambda s: {"cell_type": "markdown", "source": s, "metadata": {}}, anything),
    st.builds(lambda s, o: code(*o, source=s), anything, st.lists(outputs, max_size=3)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(cells, max_size=4), st.one_of(st.none(), anything), anything)
def test_any_notebook_gives_an_inert_page(found: list[dict[str, Any]], title: str | None, word: str) -> None:
    made = {**MADE, "report": word, "message": word, "status": "failed", "notebook": {"path": word, "sha256": word}}
    made["results"] = [{"name": word, "value": word, "unit": word, "note": word}]
    made["reads"] = [{"name": word, "uri": word, "sha256": word, "rows": None, "as_of": word}]
    made["parameters"] = [{"name": word, "value": word, "given": True, "help": word}]
    check_inert(render({"cells": found}, title=title, provenance=made))


def test_tables_in_a_page_have_names_of_their_own() -> None:
    table = "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr><tr><td>2</td></tr></tbody></table>"
    page = body(code(shows({"text/html": table}), shows({"text/html": table})))
    assert re.findall(r'aria-label="(Table \d)', page) == ["Table 1", "Table 2"]


def test_large_numbers_on_the_cover_speak_the_language_of_the_page() -> None:
    from finlab.core.describe import say_number

    record = {**MADE, "results": [{"name": "sales", "value": 1.63e12, "unit": "EUR", "note": ""}]}
    for lang, words in (("zh", "1.63 万亿"), ("en", "1.63 trillion")):
        page = render_page({"cells": []}, provenance=record, lang=lang).html
        assert page.count(words) == 2  # on the cover and in the table
        assert say_number(1.63e12) == "1.63 trillion"
