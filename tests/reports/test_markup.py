"""Text, formulas, markup and prose: nothing that acts or loads gets through, and what is harmless stays readable."""

import contextlib
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.reports.formulas import NotConverted, to_mathml
from finlab.reports.markup import address_of, anchor, is_number_column, sanitise, tidy
from finlab.reports.prose import Outline, write_prose
from finlab.reports.text import colour_code, mask_secrets, printable, shorten, terminal_text

ACTIVE = re.compile(r"<\s*(?:script|iframe|object|embed|form|input|meta|link|style|base|svg)\b", re.I)


class Reader(HTMLParser):
    """Collects tags and the addresses that a browser would follow or load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action", "data", "srcset")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.handlers += [value for name, value in attrs if name == "style" and "url" in (value or "")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def inert(page: str) -> bool:
    found = read(page)
    outside = [a for a in found.addresses if not a.startswith(("#", "data:image/"))]
    return not outside and not found.handlers and not {"script", "iframe", "form", "meta", "base"} & set(found.tags)


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' java\tscript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<div style='background:url(http://x.example/a)'>x</div>",
    "<div style='background-color:red;width:expression(alert(1))'>x</div>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<meta http-equiv=refresh content='0;url=http://x.example'>",
    "<base href='http://x.example/'>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<form action='http://x.example'><input name=a><button formaction='http://x.example'>go</button></form>",
    "<img src='data:text/html;base64,PHNjcmlwdD4='>",
    "<img srcset='http://x.example/a.png 2x'>",
    "<table background='http://x.example/a.png'><tr><td>1</table>",
    "<template><script>alert(1)</script></template><noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<style>@import 'http://x.example/a.css'</style>",
    "<p id='fl-main' class='fl-page fl-tools'>x</p>",
    "</main></body></html><script>1</script>",
    "<!-- --!><script>alert(1)</script> -->",
    "\x00<scr\x00ipt>alert(1)</script>",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_html(hostile: str) -> None:
    twice = f"# {hostile}\n\n{hostile}"
    for written in (tidy(hostile), write_prose(hostile, Outline(), []), write_prose(twice, Outline(), [])):
        assert inert(written) and not ACTIVE.search(written), written
    assert "fl-main" not in tidy(hostile) and 'class="fl-page' not in tidy(hostile)


MARKS = [*"<>/\"'=&; \n\\#*_`[]()!$|-:{}", "script", "img", "src", "onerror", "http://a", "style", "table", "svg"]
LATEX = [*"\\{}^_&<>\"' abxyz12", "\\frac", "\\text", "\\href", "\\begin{matrix}", "\\end{matrix}"]


@given(st.lists(st.sampled_from(MARKS)).map("".join))
def test_any_soup_of_marks_is_inert(soup: str) -> None:
    assert inert(tidy(soup)) and inert(write_prose(soup, Outline(), []))


@given(st.text())
def test_any_text_is_inert(text: str) -> None:
    assert inert(write_prose(text, Outline(), [])) and inert(tidy(text))
    assert read(colour_code(printable(text))).text == printable(text)


def test_links_become_text() -> None:
    links = (
        '<a href="https://a.example/x?y=1&amp;z=2">see</a> <a href="mailto:a@b.example">write</a> <a href="#A B">in</a>'
    )
    written = tidy(links)
    assert "see" in written and "(a.example/x?y=1&amp;z=2)" in written and "(a@b.example)" in written
    assert '<a href="#a-b">in</a>' in written and "https" not in written
    assert address_of("https://a.example/") == "a.example"
    whole = "a.example/b/c%20d/?q=1#part"
    assert f"({whole})" in tidy(f'<a href="https://{whole}">a.example</a>')
    assert f"({whole})" in write_prose(f"[words](https://{whole})", Outline(), [])
    assert tidy('<a href="https://a.example/b/">a.example/b</a>') == "a.example/b/"


def test_pictures() -> None:
    kept = tidy('<img src="data:image/png;base64,iVBORw0KGgo=">')
    assert 'alt="Picture"' in kept
    assert "<img" not in tidy('<img src="https://x.example/a.png" alt="x">')
    assert "x.example" in tidy('<img src="//x.example/a.png">')


def test_tables() -> None:
    frame = pd.DataFrame({"name": ["a", "b"], "share": ["12.5%", "(3)"], "since": ["2020-01", "2021-06"]})
    written = tidy(frame.to_html(index=False))
    assert written.count('class="num"') == 3 and written.count('class="day"') == 3 and " data-sort" in written
    assert 'role="region" tabindex="0"' in written
    spans = tidy(frame.set_index(["name", "share"]).to_html())
    assert " data-sort" not in spans
    assert inert(tidy("<table><tr><td>1<table><tr><td>2</table></table>"))
    assert "</table>" not in tidy("</table></thead>") and tidy("<td>x") == "x"


def kinds_of(frame: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """The classes and texts of the cells, row by row."""
    rows = tidy(frame.to_html()).split("<tr>")[1:]
    return [[(c or "", t) for c, t in re.findall(r'<t[hd](?: class="(\w+)")?[^>]*>([^<]*)', row)] for row in rows]


def test_columns_of_a_table_with_a_twofold_index() -> None:
    index = pd.MultiIndex.from_product([["north", "south"], ["a", "b"]], names=["region", "shop"])
    frame = pd.DataFrame({"sales": [1, 2, 3, 4], "note": list("wxyz"), "day": ["2020-01"] * 4}, index=index)
    for row in kinds_of(frame)[2:]:
        assert [kind for kind, _ in row][-3:] == ["num", "", "day"] and not any(kind for kind, _ in row[:-3])
    columns = pd.MultiIndex.from_product([["2025", "2026"], ["sales", "note"]])
    wide = pd.DataFrame([[1, "x", 2, "y"], [3, "x", 4, "y"]], columns=columns, index=["p", "q"])
    head, under, *rows = kinds_of(wide)
    assert [kind for kind, text in head if text in ("2025", "2026")] == ["", ""]
    assert [kind for kind, _ in under] == ["", "num", "", "num", ""]
    assert all([kind for kind, _ in row] == ["", "num", "", "num", ""] for row in rows)


@pytest.mark.parametrize("span", ["0", "-1", "²", "9" * 5000, "65534", "x", ""])
def test_odd_spans(span: str) -> None:
    rows = f'<tr><td rowspan="{span}" colspan="{span}">1</td></tr><tr><td>2</td></tr>' * 3
    assert inert(tidy(f"<table>{rows}</table>"))


def test_colours_of_a_styled_table_stay() -> None:
    frame = pd.DataFrame({"a": [1.5, -2.5], "b": ["x", "y"]})
    styler = frame.style.map(lambda v: "color: red; font-weight: bold" if v == -2.5 else "", subset=["a"])
    styler = (
        styler.highlight_max(subset=["a"], color="yellow")
        .set_caption("c")
        .set_table_styles([{"selector": "td", "props": "position: fixed; background: url(http://x.example/a.png)"}])
    )
    written = tidy(styler.to_html())
    assert re.search(r'<td[^>]*style="color:red;\s*font-weight:bold"[^>]*>-2.5', written)
    assert re.search(r'<td[^>]*style="background-color:yellow;color:#111"[^>]*>1.5', written)
    assert inert(written) and "fixed" not in written and "<style" not in written and "T_" not in written
    assert written.count("style=") == 2


@pytest.mark.parametrize(
    "rule",
    [
        "#a { background: url(http://x.example/a.png) }",
        "#a { color: red; background-color: url(//x.example/a) }",
        "#a { position: fixed; top: 0 }",
        "#a { color: red\\} } #a:hover { color: red }",
        '#a { color: red" onclick="alert(1) }',
        "@import 'http://x.example/a.css'; #a { color: red }",
        "#a { color: expression(alert(1)) }",
        "#a { color: </style><script>alert(1)</script> }",
    ],
)
def test_hostile_style_sheets(rule: str) -> None:
    for cell in ('<td id="a">x</td>', '<td title="y>" id=a style="color:blue">x</td>'):
        written = tidy(f"<style>{rule}</style><table><tr>{cell}</tr></table>")
        assert inert(written) and not ACTIVE.search(written) and "fixed" not in written and "x.example" not in written


def test_a_coloured_cell_is_readable_in_the_dark() -> None:
    assert "color:#111" in tidy('<span style="background-color: #ffff00">x</span>')
    assert "color:#111" not in tidy('<span style="background-color:#ff0;color:blue">x</span>')


@pytest.mark.parametrize(
    "text",
    [
        "1",
        "-1.5",
        "−3",
        "1,234.50",
        "12%",
        "(4)",
        "¥3",
        "1e-5",
        "0.12*",
        "< 0.001",
        "3.2 万",
        "2.1 trillion",
        "990 million CNY",
        "-5 bn",
        "2.1 万亿",
        "88 亿元",
        "1\u00a0234\u202f%",
        "(3.2 billion)",
        "12 thousand",
    ],
)
def test_numbers(text: str) -> None:
    assert is_number_column([text, "—"])


@pytest.mark.parametrize(
    "text", ["a", "2020-01-31", "1 2 x", "12 months", "1.2.3", "v1", "2 trillions", "万", "3 million people"]
)
def test_no_numbers(text: str) -> None:
    assert not is_number_column([text])


def test_headings_have_names_of_their_own() -> None:
    outline = Outline()
    page = write_prose("# T\n\n## A\n\n## A\n\n# Second\n\n###### deep\n\n## 数据 与 Zeit\n\n## العربية\n", outline, [])
    assert outline.title == "T" and "<h1" not in page
    assert [h.name for h in outline.headings] == ["a", "a-2", "second", "deep", "数据-与-zeit", "العربية"]
    assert all(f'id="{h.name}"' in page for h in outline.headings)
    assert anchor("fl-code").startswith("h-")


def test_a_sentence_about_money_is_no_formula() -> None:
    assert "<math" not in write_prose("from $5 to $6 and 6 $ more", Outline(), [])
    page = write_prose("a $x_1$ b $$y^2$$ c\n\n\\begin{align}a &= b\\end{align}\n\n`$code$`", Outline(), [])
    assert page.count("<math") == 3 and "$code$" in page


@pytest.mark.parametrize(
    "latex",
    [
        r"\hat{y}_{t+h|t}",
        r"\frac{a}{b}",
        r"\sum_{i=1}^n x_i",
        r"\begin{cases}1 & x>0\\0 & x\le 0\end{cases}",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}",
        r"\begin{aligned}a &= b\\c &= d\end{aligned}",
        r"\mathbb{E}[x]",
        r"\sqrt[3]{x}",
        r"\left(\frac{1}{2}\right)^2",
        r"\text{MASE} = 1",
        r"a < b",
    ],
)
def test_formulas(latex: str) -> None:
    written = to_mathml(latex, True)
    assert written.startswith("<math") and "\\" not in written and "http" not in written


@pytest.mark.parametrize("latex", [r"\nosuch{x}", r"\frac{a", "x^", "", "x" * 5000, r"\begin{tikz}a&b\end{tikz}"])
def test_formulas_that_are_refused(latex: str) -> None:
    with pytest.raises(NotConverted):
        to_mathml(latex)


@given(st.lists(st.sampled_from(LATEX)).map("".join))
def test_any_formula_is_inert(latex: str) -> None:
    problems: list[str] = []
    assert inert(write_prose(f"${latex}$ and $$ {latex} $$", Outline(), problems))
    with contextlib.suppress(NotConverted):
        assert inert(to_mathml(latex))


def test_place_holders_cannot_be_forged() -> None:
    problems: list[str] = []
    page = write_prose("&#xE000;0&#xE001; \ue0007\ue001 ![$x$](https://a.example/$y$) ## $z$", Outline(), problems)
    assert inert(page) and "\ue000" not in page


def test_terminal_text() -> None:
    assert terminal_text("\x1b[31ma\x1b[0m\r\nb\rc\n\x1b]0;t\x07d\x00") == "a\nc\nd"
    assert printable("a\ud800b\x0bc") == "abc" and "🙂" in printable("🙂")


@given(st.text(max_size=300), st.integers(20, 100))
def test_shortening_loses_nothing_unsaid(text: str, most: int) -> None:
    start, left_out, end = shorten(text, most, 10)
    assert len(start) + left_out + len(end) == len(text) and text.startswith(start) and text.endswith(end)


def test_secrets() -> None:
    masked = mask_secrets("see postgresql://u:p4ss@h/db and https://a.example/?token=abc&amp;x=1 and password=kept")
    assert "p4ss" not in masked and "abc" not in masked and "x=1" in masked


@pytest.mark.parametrize(
    "text",
    [
        "<style>" * 200_000,
        "<style>" + "#a{color:red}" * 100_000 + "</style>" + '<td id="a">' * 50_000,
        "<style>#a{x:y}</style><td id=" + "a" * 1_000_000,
        "<style>#a{x:y}</style><td " + "id=a " * 200_000,
        "<table>" + '<tr><td rowspan="9" colspan="1000">1' * 40_000,
        "<table><tr><td>1" + " " * 500_000 + "x",
    ],
)
@pytest.mark.timeout(60)
def test_no_table_is_slow(text: str) -> None:
    tidy(text)


def test_nothing_is_slow_on_hostile_text() -> None:
    for text in ('"\\' * 9000, "'''" * 6000, "*_" * 5000, "[" * 5000, "<" * 20000, "$" * 5000, "`" * 5000, "> " * 3000):
        colour_code(text)
        write_prose(text, Outline(), [])
        sanitise(text)
