"""The gap report: its figures are those of the matching, in both languages, and no stranger's text acts on it."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest

import finlab
from finlab.core import trace
from finlab.core.errors import InputError
from finlab.data.company import company
from finlab.data.store import Store
from finlab.gaps.bridge import END, START
from finlab.gaps.matching.absences import EARLY, LATE
from finlab.gaps.record import KINDS
from finlab.reports.gap_figures import money_words, plot_money
from finlab.reports.gap_numbers import (
    AGES,
    COLUMNS,
    UNKNOWN_AGE,
    Counted,
    by_kind_and_age,
    codes_of,
    fix_first,
    money_of,
    reliability,
)
from finlab.reports.gap_pages import GapPage, answer_lines, column_rows, look_for_gaps
from finlab.reports.gap_records import exhibits, said_of, title_of, written, written_amount
from finlab.reports.gap_sources import (
    SEED,
    Asked,
    Comparison,
    compare,
    count_found,
    last_days,
    name_sources,
    read_comparisons,
)
from finlab.reports.gap_worklist import sheets_of
from finlab.reports.jobs import describe, templates
from finlab.reports.labels import LABELS, has_label, use_language

HOSTILE = ("<script>document.title='owned'</script>", "=cmd|' /C calc'!A0", "فاتورة رقم", "x" * 10_000,
           "'; DROP TABLE l; --", "**b** _i_ [a](http://x)", "$x^2$ `c`", "a\u202eb", "&lt;b&gt; & co")  # fmt: skip
SECTIONS = ("title", "answer", "fix_first", "agreement", "bridge", "money", "top", "reliability", "worklist", "notes")


def ledger(rows: int = 240, seed: int = 5, **more: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({
        "date": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 120, rows)), unit="D"),
        "party": [f"S{number}" for number in rng.integers(0, 9, rows)],
        "amount": [Decimal(int(cents)).scaleb(-2) for cents in rng.integers(1_000, 9_000_000, rows)],
        "currency": rng.choice(["EUR", "CNY"], rows),
        **more,
    })  # fmt: skip


def arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def compared(left: pd.DataFrame, right: pd.DataFrame, **asked: Any) -> Counted:
    return Counted(compare((arrow(left), arrow(right)), ("books", "bank"), Asked(**asked)))


def spoiled(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as a bank would have it: without three rows, one twice, one with two zeros more, one under CNY."""
    found = frame.drop(index=[3, 43, 77])
    found.loc[53, "amount"] = found.loc[53, "amount"] * 100
    found.loc[64, "currency"] = "USD"
    return pd.concat([found, found.loc[[9]]], ignore_index=True)


def parts(page: GapPage) -> Iterator[Any]:
    for section in SECTIONS:
        yield from getattr(page, section)()


def words(shown: Iterable[Any]) -> str:
    found = [getattr(part, "_repr_html_", lambda part=part: str(part))() for part in shown]
    return "\n".join(text or "" for text in found)


@pytest.fixture(scope="module")
def sample() -> list[Comparison]:
    return read_comparisons(None, None, Asked())


@pytest.fixture
def chinese() -> Iterator[None]:
    use_language("zh")
    yield
    use_language("en")


def test_the_report_is_found_and_described_and_every_parameter_has_its_chinese() -> None:
    told = describe("gaps")
    assert "gaps" in templates() and re.search(r"^gaps\n  left +Source \| None", told)
    assert re.search(r"worklist +bool +False +whether to write all gaps to an Excel file", told)
    from finlab.reports.labels import FROM_ELSEWHERE

    names = re.findall(r"^  (\w+)", told, re.M)
    assert len(names) > 20 and all(f"gaps.param.{name}" in FROM_ELSEWHERE["zh"] for name in names)


def test_every_kind_and_age_has_words_in_both_languages() -> None:
    for kind in KINDS:
        assert has_label(f"gaps.kind.{kind}") and has_label(f"gaps.do.{kind}")
    assert all(has_label(f"gaps.age.{age}") for age in (*AGES, UNKNOWN_AGE))
    for key, english in LABELS["en"].items():
        if key.startswith("gaps."):
            gaps = [sorted(re.findall(r"{(\w+)}", text)) for text in (english, LABELS["zh"][key])]
            assert gaps[0] == gaps[1], key


def test_on_the_sample_every_planted_gap_is_found_and_the_bank_has_what_the_ledger_lacks(
    sample: list[Comparison],
) -> None:
    bank, suppliers = sample
    assert suppliers.truth is not None and len(suppliers.truth) == 36
    assert count_found(suppliers.truth, suppliers.gaps, suppliers.matching.sources) == 36 == len(suppliers.gaps)
    moved = company(seed=SEED).tables["bank_transactions"]
    payments = set(bank.tables[0]["payment"].to_pylist())
    others = [place for place, document in enumerate(moved["document"]) if document not in payments]
    assert sorted(gap.rows("bank")[0] for gap in bank.gaps) == others and {gap.kind for gap in bank.gaps} == {"missing"}


@pytest.mark.parametrize("place", [0, 1])
def test_the_figures_of_the_page_are_those_of_the_matching(sample: list[Comparison], place: int) -> None:
    one = sample[place]
    it, gaps = Counted(one), list(one.gaps)
    for money in money_of(it.known):
        mine = [gap for gap in gaps if codes_of([gap.currency]) == [money.code]]
        assert money.gaps == len(mine) and money.amount == sum(gap.amount_at_stake or 0 for gap in mine)
        assert money.expected == pytest.approx(sum(float(gap.amount_at_stake or 0) * gap.probability for gap in mine))
    kinds = one.gaps.by_kind().set_index(["kind", "currency"])
    drawn = by_kind_and_age(it.known).groupby(["kind", "code"])[["gaps", "amount"]].sum()
    assert drawn["gaps"].to_dict() == kinds["gaps"].to_dict()
    assert {key: float(amount) for key, amount in drawn["amount"].items()} == pytest.approx(
        kinds["amount_at_stake"].to_dict()
    )
    for part, side in ((START, 0), (END, 1)):
        assert sum(one.steps.loc[one.steps["part"] == part, "amount"]) == one.matching.totals[side]
    assert sum(fix.gaps for fix in fix_first(it.known)) == len(gaps)
    told = words(GapPage([it]).answer())
    assert f"{one.matching.agreeing:,} records agree" in told and f"**{len(gaps)} gaps**" in told
    assert all(f"{money.amount.normalize():,.2f}" in told for money in it.money if money.amount)


def test_both_languages_say_the_same_numbers(sample: list[Comparison]) -> None:
    def numbers(lang: str) -> list[str]:
        use_language(lang)
        try:
            page = GapPage([Counted(one) for one in sample])
            shown = [*page.answer(), *page.fix_first(), *page.agreement(), *page.reliability(), *page.worklist()]
        finally:
            use_language("en")
        return sorted(re.findall(r"\d[\d,]*\.?\d*", re.sub(r"<[^>]*>", " ", words(shown))))

    assert numbers("en") == numbers("zh") and len(numbers("en")) > 100


def test_in_chinese_no_english_sentence_is_left(sample: list[Comparison], chinese: None) -> None:
    page = GapPage([Counted(one) for one in read_comparisons(None, None, Asked())])
    shown = words(part for part in parts(page) if not hasattr(part, "savefig"))
    prose = re.sub(r"<[^>]*>|`[^`]*`|^- .*$", " ", shown.partition("## 说明")[0], flags=re.M)
    assert "付款台账缺失" in prose and not re.findall(r"\b(?:the|of|and|gaps|missing|row)\b", prose)


def test_amounts_of_different_currencies_are_never_added() -> None:
    books = ledger()
    it = compared(books, spoiled(books), currency=["currency"])
    known = it.known
    for money in it.money:
        assert money.amount == sum(known.loc[known["code"] == money.code, "amount"])
    assert sorted(money.code for money in it.money) == ["CNY", "EUR"]
    total = f"{sum(known['amount']):,.2f}"
    assert total not in words(part for part in parts(GapPage([it])) if not hasattr(part, "savefig"))


def test_the_order_takes_the_largest_of_each_currency_in_turn_and_heeds_materiality() -> None:
    books = ledger()
    it = compared(books, spoiled(books), currency=["currency"])
    first = it.known.iloc[it.order[: len(it.money)]]
    assert sorted(first["code"]) == sorted(one.code for one in it.money)
    for code, lines in it.known.iloc[it.order].groupby("code", sort=False):
        assert list(lines["expected"]) == sorted(lines["expected"], reverse=True), code
    large = Counted(it.one, 1e9)
    assert [*large.order] == [*it.order]  # all are small alike: the order by amount stays


def lines_of(*lines: tuple[str, str, int, str]) -> pd.DataFrame:
    """Certain gaps, each (kind, currency, amount, cause) and no more, as `facts` tells them."""
    every = [
        (kind, code, Decimal(amount), float(amount), 1.0, 1, "0-30", 1 if kind == "missing" else -1, "", cause)
        for kind, code, amount, cause in lines
    ]
    return pd.DataFrame(every, columns=pd.Index(COLUMNS))


def test_what_to_fix_first_weighs_currencies_by_their_gaps_not_by_the_size_of_their_numbers() -> None:
    euros = [("value", "EUR", 600, ""), ("missing", "EUR", 100, ""), ("missing", "EUR", 100, ""),
             ("missing", "EUR", 200, "")]  # fmt: skip
    first, second, third = fix_first(lines_of(*euros, ("sign", "JPY", 5_000_000, "")))
    assert [(one.kind, pytest.approx(one.share)) for one in (first, second, third)] == [
        ("value", 0.8 * 0.6), ("missing", 0.8 * 0.4), ("sign", 0.2)]  # fmt: skip
    shuffled = fix_first(lines_of(("sign", "JPY", 5_000_000, ""), *euros[::-1]))
    assert [one.kind for one in shuffled] == ["value", "missing", "sign"]


def test_gaps_without_money_come_last_and_more_of_them_first() -> None:
    found = fix_first(lines_of(*[("timing", "EUR", 0, "")] * 3, ("duplicate", "EUR", 0, ""), ("value", "EUR", 1, "")))
    assert [(one.kind, one.share) for one in found] == [("value", 1.0), ("timing", 0.0), ("duplicate", 0.0)]


def test_the_shown_shares_fall_and_add_up_to_all_of_it() -> None:
    lines = [("value", "EUR", 600, ""), ("missing", "EUR", 400, ""), ("sign", "JPY", 5_000, ""),
             ("unit", "JPY", 90_000, ""), *[("timing", "USD", 0, "")] * 9]  # fmt: skip
    shares = [one.share for one in fix_first(lines_of(*lines))]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1.0)


def test_the_page_says_what_a_share_is_only_where_there_are_several_currencies() -> None:
    books = ledger()
    several = compared(books, spoiled(books), currency=["currency"])
    assert "average of its shares" in words(GapPage([several]).fix_first())
    only = compared(books.assign(currency="EUR"), books.assign(currency="EUR").drop(index=[3]), currency=["currency"])
    shown = words(GapPage([only]).fix_first())
    assert "average" not in shown and ">100%<" in shown and " of EUR" not in shown


def test_money_under_way_is_not_held_against_a_source() -> None:
    it = compared(ledger(), spoiled(ledger()), currency=["currency"])
    lines = lines_of(("missing", "EUR", 70, ""), ("missing", "EUR", 5_000, LATE), ("missing", "EUR", 300, EARLY))
    bank = reliability(it.one, lines)[1]
    assert (bank.lacks, bank.under_way, bank.wanted) == (1, 2, bank.records + 1)
    assert [(money.code, money.expected) for money in bank.money] == [("EUR", 70.0)]


@pytest.mark.parametrize(
    ("ages", "told"),
    [
        (["0-30"], ["up to 30 days"]),
        (["61-90"], ["61 to 90 days"]),
        (["61-90", "0-30"], ["up to 30 days", "61 to 90 days"]),
    ],
)
def test_the_ages_of_a_chart_are_named_even_if_there_is_one(ages: list[str], told: list[str]) -> None:
    lines = lines_of(*[("value", "EUR", 100, "")] * len(ages)).assign(age=ages)
    figure = plot_money(by_kind_and_age(lines), "EUR")
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    assert [text.get_text() for legend in legends for text in legend.get_texts()] == told


def test_no_gaps_is_said_with_the_totals() -> None:
    books = ledger()
    it = compared(books, books.sample(frac=1.0, random_state=1), currency=["-"], unit="EUR")
    assert answer_lines(it) == [
        f"**<bdi>books – bank</bdi>**: 240 records agree, 100% of the 240 of <bdi>books</bdi> and 100% of the 240 of "
        f"<bdi>bank</bdi>. **There are no gaps**: both totals are {sum(books['amount']):,.2f} <bdi>EUR</bdi>."
    ]
    page = GapPage([it])
    assert not list(page.fix_first()) and not list(page.money()) and not list(page.top()) and not list(page.worklist())
    assert "no step lies between them" in words(page.bridge())


def test_where_nothing_agrees_nothing_is_said_about_gaps() -> None:
    books = ledger(40)
    other = books.assign(amount=[3 * amount + 7 for amount in books["amount"]], party="nobody")
    it = compared(books, other, party=["-"], currency=["-"])
    assert it.says_nothing and "There is no evidence that <bdi>books</bdi> and <bdi>bank</bdi>" in answer_lines(it)[0]
    page = GapPage([it])
    assert [name for name in SECTIONS if list(getattr(page, name)())] == ["title", "answer", "notes"]
    page.record()


def test_where_little_agrees_the_page_asks_first_whether_the_tables_are_of_the_same_thing() -> None:
    books = ledger(60)
    amounts = [amount if place < 20 else amount * 3 + 7 for place, amount in enumerate(books["amount"])]
    it = compared(books, books.assign(amount=amounts), party=["-"], currency=["-"])
    assert it.one.matching.agreeing < 30 and answer_lines(it)[0].startswith("**Less than half of the smaller source")


@pytest.mark.parametrize("empty", [(0, 240), (240, 0), (0, 0)])
def test_a_table_without_rows_is_said(empty: tuple[int, int]) -> None:
    books = ledger()
    named = {"amount": ["amount"], "day": ["date"], "party": ["party"], "currency": ["currency"]}
    it = compared(books.head(empty[0]), books.head(empty[1]), **named)
    names = [name for name, size in zip(("books", "bank"), empty, strict=True) if not size]
    assert answer_lines(it)[0].startswith("**There is nothing to compare**: <bdi>" + names[0])
    assert "records" not in words(GapPage([it]).agreement())


def test_without_dates_parties_and_currencies_the_page_stands() -> None:
    books = ledger()[["amount"]]
    it = compared(books, books.drop(index=[4, 9]), amount=["amount"])
    assert set(it.known["age"]) == {UNKNOWN_AGE} and {one.code for one in it.money} == {""}
    shown = words(part for part in parts(GapPage([it])) if not hasattr(part, "savefig"))
    assert "**2 gaps**" in shown and "age\u00a0unknown" in shown and "Ages count" not in words(GapPage([it]).title())


def test_rates_make_one_currency_and_what_they_leave_is_said() -> None:
    books = ledger()
    rates = pd.DataFrame({"date": [pd.Timestamp("2025-12-31")], "currency": ["EUR"], "rate": [7.1]})
    paid = [
        round(a * (Decimal("7.12") if c == "EUR" else 1), 2)
        for a, c in zip(books["amount"], books["currency"], strict=True)
    ]
    yuan = books.assign(amount=paid, currency="CNY")
    asked = Asked(currency=["currency"], rates=rates, base="CNY")
    it = Counted(compare((arrow(books), arrow(yuan)), ("books", "bank"), asked))
    assert "**There are no gaps**; the totals differ by what rates of exchange leave" in answer_lines(it)[0]
    shown = words(part for part in GapPage([it]).bridge() if not hasattr(part, "savefig"))
    assert "no gap" in shown and "converted at rates" in shown


def test_several_explanations_are_all_told_and_none_is_picked() -> None:
    books = ledger(120).assign(currency="EUR")
    thrice, twice = (pd.concat([books, *[books.iloc[[7]]] * more], ignore_index=True) for more in (2, 1))
    it = compared(thrice, twice, currency=["currency"])
    assert it.ambiguous == 1 and "For 1 gap several explanations fit equally well" in answer_lines(it)[0]
    gap = it.one.gaps[0]
    told = said_of(it.one, gap)
    assert told[0] == f"One of {gap.n_explanations} explanations, at most {1 / gap.n_explanations:.0%} each."
    assert len(told) > 1 and all(line.startswith("Or, ") or line.endswith(" more") for line in told[1:])


def test_the_records_of_both_sides_stand_beside_each_other_with_what_makes_the_gap_in_bold() -> None:
    books = ledger().assign(memo="m")
    it = compared(books, spoiled(books).rename(columns={"memo": "purpose"}), currency=["currency"], text=["-"])
    for exhibit, place in zip(exhibits(it.one, it.order, 99), it.order, strict=True):
        gap, shown = it.one.gaps[place], exhibit._repr_html_()
        for source, table in zip(it.one.matching.sources, it.one.tables, strict=True):
            for row in gap.rows(source):
                assert f"{source}, row {row:,}" in shown
                assert f">{table['amount'][row].as_py():,.2f}<" in shown.replace("<strong>", "").replace(
                    "</strong>", ""
                )
            assert gap.rows(source) or f"{source}: none" in shown
        assert ("<strong>" in shown) == (gap.kind in ("unit", "currency"))
        line = "currency" if gap.kind == "currency" else "amount"
        assert [f"<th>{line}</th><td><strong>"] * ("<strong>" in shown) == re.findall(
            r"<th>\w+</th><td><strong>", shown
        )
        assert "purpose" in shown or "memo" in shown


@pytest.mark.parametrize(
    ("value", "told"),
    [(597915.0, "597,915.00"), (16054.6, "16,054.60"), (Decimal("-1234.5"), "-1,234.50"), (7, "7.00"),
     (1.2345, "1.2345"), ("1.234,5", "1.234,5"), (None, "—"), (float("nan"), "—"), (float("inf"), "inf")],
)  # fmt: skip
def test_an_amount_is_written_as_one(value: Any, told: str) -> None:
    assert written_amount(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(Decimal("2160000.00"), "2,160,000.00"), (Decimal("1.0000"), "1.0000"), (Decimal(1234567), "1234567"),
     (1234567, "1234567"), (2024.0, "2024.0"), (Decimal("NaN"), "NaN")],
)  # fmt: skip
def test_other_decimals_have_their_thousands_apart_and_codes_have_not(value: Any, told: str) -> None:
    assert written(value) == told


def test_a_gap_is_called_by_party_reference_day_and_amount_apart() -> None:
    books = ledger(party="Müller & Co", reference=[f"INV-{number:05}" for number in range(240)]).assign(currency="EUR")
    it = compared(books, spoiled(books).assign(currency="EUR"))
    titles = {gap.kind: title_of(it.one, gap) for gap in it.one.gaps}
    row = books.loc[53]
    called = f"Müller & Co · INV-00053 · {row['date']:%Y-%m-%d} · {row['amount']:,.2f}: power of ten"
    assert titles["unit"].startswith(called)
    bare = compared(books[["amount"]], books[["amount"]].drop(index=[7]), amount=["amount"], unit="EUR")
    assert title_of(bare.one, bare.one.gaps[0]).startswith(f"{books['amount'][7]:,.2f}: missing in bank")


def test_gaps_below_the_materiality_are_counted_and_added_by_currency() -> None:
    books = ledger()
    one = compared(books, spoiled(books), currency=["currency"]).one
    plain, known = answer_lines(Counted(one))[0], Counted(one).known
    assert "materiality" not in plain
    least = float(sorted(known["amount"])[3])
    small = known[known["amount"].astype(float) < least]
    told = answer_lines(Counted(one, least))[0]
    assert len(small) == 3 and f"3 of the gaps are below the materiality of {least:,.2f}" in told
    sums = told.partition("materiality")[2]
    assert all(f"{money.amount:,.2f} <bdi>{money.code}" in sums for money in money_of(small))
    assert "No gap is below the materiality of 0.01." in answer_lines(Counted(one, 0.01))[0]


@pytest.mark.parametrize("count", [3, 4, 5])
def test_up_to_four_sums_are_all_named(count: int) -> None:
    lines = lines_of(*[("value", f"C{place}", 100 + place, "") for place in range(count)])
    told = money_words(money_of(lines))
    assert [f"{100 + place}.00 C{place}" in told for place in range(min(count, 4))] == [True] * min(count, 4)
    assert ("more" in told) == (count > 4)


def test_what_to_bear_in_mind_comes_before_how_the_columns_were_read() -> None:
    books = ledger()
    texts = spoiled(books).assign(amount=lambda frame: [str(one).replace(".", ",") for one in frame["amount"]])
    texts["date"] = texts["date"].dt.strftime("%d.%m.%Y")
    texts.loc[5, "amount"] = "?"
    it = compared(books, texts, currency=["currency"])
    rows, notes = column_rows(it)
    assert [(row["role"], row["compared"], row["chosen"]) for row in rows] == [
        ("amount", "numbers; bank: decimal mark ','", "found"),
        ("date", "days; bank: day first", "found"),
        ("party", "texts", "found"),
        ("currency", "codes", "given"),
    ]
    assert [note for note in notes if note.startswith("bank: 1 values of 'amount' could not be read")] and all(
        not note.startswith("compared as") and "by names" not in note for note in notes
    )
    shown = words(GapPage([it]).notes())
    assert "To bear in mind" in shown and shown.index("could not be read") < shown.index("decimal mark")
    assert not re.search("TIMESTAMP|DECIMAL|DOUBLE", shown)
    assert "To bear in mind" not in words(GapPage([compared(books, books, currency=["currency"])]).notes())


def test_a_source_with_odd_names_has_its_columns_read_in_words_too(chinese: None) -> None:
    books = ledger(60).rename(columns={"amount": 'a\'b; (x) "y"', "date": "d, e"})
    names = ("l's 'a' (1)", "r; s_t")
    asked = Asked(amount=[books.columns[2]], day=["d, e"], currency=["currency"])
    it = Counted(compare((arrow(books), arrow(books)), names, asked))
    rows, notes = column_rows(it)
    assert [row["compared"] for row in rows] == ["数值", "日期", "文本", "代码"]
    assert [row["chosen"] for row in rows] == ["指定", "指定", "自动识别", "指定"] and len(notes) <= 1
    shown = words(GapPage([it]).notes())
    assert "r; s_t的列" in shown and "compared as" not in shown


def test_the_page_says_how_many_gaps_it_shows_and_how_to_get_all(sample: list[Comparison]) -> None:
    books = ledger()
    it = compared(books, spoiled(books), currency=["currency"])
    told = f"2 of {len(it.known)} gaps are shown here"
    assert told in words(GapPage([it], 2).top()) and "shown here" not in words(GapPage([it], 99).top())
    assert "are in the worklist" not in words(GapPage([it], 2).top())
    said = words(GapPage([it]).worklist())
    assert "-p worklist=true" in said and "finlab gaps run LEFT RIGHT" in said
    assert "finlab gaps run" not in words(GapPage([Counted(one) for one in sample]).worklist())


def test_hostile_texts_are_shown_and_do_not_act() -> None:
    names = [HOSTILE[place % len(HOSTILE)] for place in range(240)]
    codes = [("EUR", "<b>", "=1+1")[place % 3] for place in range(240)]
    books = ledger(party=names, currency=codes, **{"<img src=x onerror=alert(1)>": names[::-1]})
    tables = arrow(books), arrow(spoiled(books))
    sources = ('<b>left</b> "$a$"', "فاتورة **r**")
    it = Counted(compare(tables, sources, Asked(currency=["currency"])))
    page = GapPage([it], most=30)
    shown = words(part for part in parts(page) if not hasattr(part, "savefig"))
    assert not re.search(r"<(?:script|img|b>|/b>)", shown) and "&lt;script&gt;" in shown
    assert "\u202e" not in shown and r"\u202e" in shown and "x" * 121 not in shown
    prose = "".join(str(line) for line in page.answer())
    assert r"\*\*r\*\*" in prose and "<B>" not in prose
    for part in parts(page):
        if hasattr(part, "savefig"):
            part.savefig(os.devnull, format="svg")


def test_the_worklist_has_every_gap_and_every_record_and_no_formula(tmp_path: Path) -> None:
    names = [HOSTILE[place % len(HOSTILE)] for place in range(240)]
    books = ledger(party=names, memo="y" * 40_000, Row="1")
    it = compared(books, spoiled(books), currency=["currency"], text=["-"])
    sheets = sheets_of([it, it])
    assert list(sheets) == ["gaps", "records 1", "records 2"] and sheets["gaps"].num_rows == 2 * len(it.known)
    from finlab.data.export import write_excel

    write_excel(sheets, tmp_path / "w.xlsx")
    book = openpyxl.load_workbook(tmp_path / "w.xlsx")
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {"s", "n", "d"}
    heads = [cell.value for cell in book["gaps"][1]]
    stakes = [row[heads.index("at stake")].value for row in book["gaps"].iter_rows(min_row=2)]
    assert sum(map(Decimal, map(str, stakes))) == 2 * sum(it.known["amount"])
    lines = sum(max(len(gap.rows("books")), len(gap.rows("bank"))) for gap in it.one.gaps)
    assert book["records 1"].max_row == lines + 1
    titles = [cell.value for cell in book["records 1"][1]]
    assert "books: row" in titles and "books: Row (2)" in titles


def test_small_amounts_and_ticks_can_be_read() -> None:
    amounts = {"missing": Decimal("88000.00"), "value": Decimal("3.00")}
    lines = [{"code": "EUR", "kind": kind, "age": "0-30", "amount": amount} for kind, amount in amounts.items()]
    axes = plot_money(pd.DataFrame(lines), "EUR").axes[0]
    assert [text.get_text() for text in axes.texts] == ["88,000", "3.00"]
    assert "75,000" in [axes.xaxis.get_major_formatter()(tick) for tick in axes.get_xticks()]


def test_sources_are_called_by_their_names() -> None:
    assert name_sources("/a/ledger.csv", "bank") == ("ledger", "bank")
    assert name_sources("x/a.csv", "y/a.csv") == ("a (left)", "a (right)")
    assert name_sources("mysql://me:secret@host/db", "sample:airline") == ("db", "airline")
    assert name_sources("r/.inputs/0f.parquet", "z" * 99 + ".csv") == ("left", "z" * 40)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"left": "a.csv"}, "right is not given; expected both left and right"),
        ({"amount": ["amount"]}, "amount is given, but no tables; expected left=... and right=..."),
        ({"left": "a.csv", "right": "b.csv", "day": ["a", "b", "c"]}, "day is .*or two: left, right"),
        ({"left": "a.csv", "right": "b.csv", "amount": ["amonut"]}, "has no column 'amonut' .did you mean 'amount'"),
        ({"left": "a.csv", "right": "b.csv", "window": [3]}, "window is .3.; expected the first and the last day"),
        ({"left": "a.csv", "right": "b.csv", "window": [9, 2]}, "window is .9, 2.; expected the first day before"),
        ({"left": "a.csv", "right": "b.csv", "tolerance": -1}, "tolerance is -1"),
        ({"left": "a.csv", "right": "b.csv", "decimal": ";"}, "decimal is ';'; expected one of"),
        ({"left": "a.csv", "right": "b.csv", "date_order": "myd"}, "date_order"),
        ({"left": "a.csv", "right": "b.csv", "timezone": "Europe/Londn"}, "did you mean 'Europe/London'"),
        ({"left": "a.csv", "right": "b.csv", "base": "CNY"}, "rates is not given; expected a table"),
        ({"left": "a.csv", "right": "b.csv", "rates": "rates.csv"}, "base is not given; expected a currency"),
        ({"left": "a.csv", "right": "b.csv", "left_read": ["encoding"]}, "expected name=value, such as"),
        ({"left": "a.csv", "right": "b.csv", "left_read": ["encodng=utf8"]}, "did you mean 'encoding'"),
        ({"left": "dates.csv", "right": "dates.csv"}, "say it with the parameter date_order .dmy or mdy."),
        ({"left": "empty.csv", "right": "b.csv"}, "empty.csv"),
        ({"left": "texts.csv", "right": "b.csv"}, "nothing says which column is the amount"),
        ({"left": "a.csv", "right": "b.csv", "top": -1}, "top is -1"),
        ({"left": "a.csv", "right": "b.csv", "materiality": -1.0}, "materiality is -1"),
    ],
)  # fmt: skip
def test_what_is_given_wrongly_is_refused_in_words(workbench: Path, asked: dict[str, Any], message: str) -> None:
    books = ledger(60)
    books.to_csv("a.csv", index=False)
    books.to_csv("b.csv", index=False)
    pd.DataFrame({"date": ["2026-01-01"], "currency": ["EUR"], "rate": [7.1]}).to_csv("rates.csv", index=False)
    unclear = [f"0{place % 9 + 1}/0{place % 7 + 1}/2026" for place in range(60)]
    pd.DataFrame({"date": unclear, "amount": range(60)}).to_csv("dates.csv", index=False)
    pd.DataFrame({"name": ["a", "b"], "colour": ["c", "d"]}).to_csv("texts.csv", index=False)
    Path("empty.csv").touch()
    more = {name: asked[name] for name in ("left", "right", "top", "materiality") if name in asked}
    rest = {name: value for name, value in asked.items() if name not in more}
    with pytest.raises(InputError, match=message):
        look_for_gaps(more.pop("left", None), more.pop("right", None), Asked(**rest), **more)


def test_tables_of_the_store_and_a_column_of_row_numbers(workbench: Path) -> None:
    books = ledger().assign(_row=range(1000, 1240))
    books.to_csv("books.csv", index=False)
    Store().write("bank", spoiled(books.drop(columns="_row")), as_of="2026-05-01")
    (one,) = read_comparisons("books.csv", "bank", Asked(currency=["currency"]))
    assert one.matching.sources == ("books", "bank") and len(one.gaps) == 6
    reads = {read["name"]: str(read["as_of"])[:10] for read in trace.records("read")}
    assert reads["bank"] == "2026-05-01" and reads["books"] == f"{books['date'].max():%Y-%m-%d}"
    assert max(row for gap in one.gaps for row in gap.rows("books")) < 240
    assert len(exhibits(one, Counted(one).order, 9)) == 6


@pytest.mark.parametrize(
    "given", [{}, pytest.param({"lang": "zh", "worklist": True, "top": 3}, marks=pytest.mark.slow)]
)
def test_the_default_page(workbench: Path, given: dict[str, Any]) -> None:
    made = finlab.run("gaps", **given)
    page = made.path.read_text()
    assert made.status == "complete" and not made.notes
    assert "**" not in re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)  # all of it was read as bold
    assert ("Wilson" in page) and "finlab.gaps.bridge" not in page
    name = "账簿与供应商" if given else "Books and suppliers"
    assert made.results[f"{name}.planted"] == made.results[f"{name}.found"] == made.results[f"{name}.gaps"] == 36
    assert "://" not in page.replace("file:///", "")
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', page)
    assert len(alts) == 8 and all(len(alt) > 40 for alt in alts)
    record = json.loads(made.json_path.read_text())
    reads = {read["name"]: read for read in record["reads"]}
    assert set(reads) == {"customer_payments", "supplier_payments", "bank_transactions", "supplier_invoices"}
    assert all(read["source_kind"] == "sample" and len(read["sha256"]) == 64 for read in reads.values())
    beside = made.path.with_name(f"{made.path.stem}.worklist.xlsx")
    assert beside.exists() == bool(given) and record["files"] == ([beside.name] if given else [])
    if given:
        assert openpyxl.load_workbook(beside).sheetnames == ["差异", "记录 1", "记录 2"]


def test_a_file_with_decimal_commas_is_read_as_the_help_says(workbench: Path) -> None:
    books = ledger(60)
    books.to_csv("a.csv", index=False)
    texts = books.assign(amount=[str(amount).replace(".", ",") for amount in books["amount"]])
    texts.to_csv("b.csv", index=False, sep=";")
    made = finlab.run("gaps", left="a.csv", right="b.csv", right_read="delimiter=;,decimal=,")
    assert made.status == "complete" and made.results["a – b.agreeing"] == 60


def test_the_last_days_are_those_of_the_comparison_however_they_are_written() -> None:
    books = ledger(60).assign(currency="EUR")
    moments = books.assign(date=books["date"] + pd.Timedelta(hours=23, minutes=59))
    nothing = books.assign(date=books["date"].where(books["date"] < books["date"].iloc[-1]))
    zoned = books.assign(date=moments["date"].dt.tz_localize("UTC"))
    texts = books.assign(date=books["date"].dt.strftime("%d.%m.%Y"))
    last = books["date"].max().date()
    for other in (moments, zoned, texts):
        assert last_days(compared(books, other, day=["date"]).one) == [last, last]
    assert last_days(compared(books, nothing, day=["date"]).one) == [last, nothing["date"].max().date()]
    assert last_days(compared(books, books, day=["-"]).one) == [None, None]


def test_the_page_states_the_day_of_the_last_record_and_not_that_of_the_file(workbench: Path) -> None:
    books = ledger(60)
    late = books.assign(date=books["date"] + pd.Timedelta(days=2))
    books.to_csv("a.csv", index=False)
    late.assign(date=late["date"].dt.strftime("%d.%m.%Y")).to_csv("b.csv", index=False)
    made = finlab.run("gaps", left="a.csv", right="b.csv")
    last = books["date"].max(), late["date"].max()
    reads = json.loads(made.json_path.read_text())["reads"]
    assert [(read["name"], read["as_of"]) for read in reads] == [
        ("a", f"{last[0]:%Y-%m-%d}"), ("b", f"{last[1]:%Y-%m-%d}")]  # fmt: skip
    assert f"Data up to {last[1]:%Y-%m-%d}" in made.path.read_text()
    books.drop(columns="date").to_csv("a.csv", index=False)
    made = finlab.run("gaps", left="a.csv", right="a.csv")
    assert [read["as_of"] for read in json.loads(made.json_path.read_text())["reads"]] == [None, None]
    assert "Data up to" not in made.path.read_text()


@pytest.mark.slow
def test_frames_of_a_notebook_and_odd_parameters(workbench: Path) -> None:
    books = ledger()
    made = finlab.run("gaps", left=books, right=spoiled(books), currency="currency", as_of="2026-06-30",
                      window="-3,20", tolerance=1, materiality=100, top=0, party="-")  # fmt: skip
    assert made.status == "complete" and made.results["left – right.gaps"] >= 6
    page = made.path.read_text()
    assert "Ages count from 2026-06-30" in page and "The gaps to look at first" not in page
    with pytest.raises(InputError, match="has no column 'amonut'"):
        finlab.run("gaps", left=books, right=books, amount="amonut")
    with pytest.raises(InputError, match=r"unknown parameter 'rihgt' \(did you mean 'right'\?\)|did you mean 'right'"):
        finlab.run("gaps", left=books, rihgt=books)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_in_a_browser_without_a_network(workbench: Path, chromium: Any, scheme: Any, width: int) -> None:
    names = [HOSTILE[place % len(HOSTILE)] for place in range(240)]
    books = ledger(party=names, currency="EUR")
    books.to_parquet("<i>books.parquet")
    spoiled(books).to_parquet("فاتورة.parquet")
    made = finlab.run("gaps", left="<i>books.parquet", right="فاتورة.parquet")
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(made.path.as_uri())
    assert page.title() == "Where the sources differ" and not said
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    folds = page.locator("main details:not([class])")
    assert folds.first.evaluate("e => e.open") and not folds.nth(1).evaluate("e => e.open")
    folds.nth(1).locator("summary").click()
    assert folds.nth(1).locator("table").is_visible()
    page.close()
    assert not said
