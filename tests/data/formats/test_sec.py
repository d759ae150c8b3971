"""Company facts and XBRL: published figures, round trips, exact values, damaged files."""

import ast
import json
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from finlab.core.errors import InputError
from finlab.data.formats.sec import read_companyfacts, read_xbrl

SALES = "RevenueFromContractWithCustomerExcludingAssessedTax"


def placed(folder: Path, text: str | bytes, name: str = "facts.json") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def of(table: pa.Table, concept: str, **more: Any) -> list[dict[str, Any]]:
    chosen = table.filter(pc.field("concept") == concept).to_pylist()
    return [row for row in chosen if all(row[name] == value for name, value in more.items())]


def test_apple_published_394_328_million_of_sales(testdata: Path) -> None:
    table, notes = read_xbrl(testdata / "sec" / "aapl-20220924_htm.xml")
    year = {"start": date(2021, 9, 26), "end": date(2022, 9, 24), "dimensions": None}
    assert {row["value"] for row in of(table, SALES, **year)} == {Decimal(394_328_000_000)}
    assert {row["value"] for row in of(table, "NetIncomeLoss", **year)} == {Decimal(99_803_000_000)}
    assert {row["value"] for row in of(table, "EarningsPerShareDiluted", **year)} == {Decimal("6.11")}
    assert {row["unit"] for row in of(table, "EarningsPerShareDiluted", **year)} == {"USD/shares"}
    assert notes == []  # what is stated twice differs by its rounding only


def test_apple_products_and_services_add_up_to_its_sales(testdata: Path) -> None:
    table, _ = read_xbrl(testdata / "sec" / "aapl-20220924_htm.xml")
    rows = of(table, SALES, start=date(2021, 9, 26), end=date(2022, 9, 24))
    by_member = {row["dimensions"]: row["value"] for row in rows if row["dimensions"]}
    axis = "srt:ProductOrServiceAxis="
    parts = [by_member[axis + member] for member in ("us-gaap:ProductMember", "us-gaap:ServiceMember")]
    assert sum(parts) == Decimal(394_328_000_000)


def test_every_fact_of_an_instance_is_a_row(testdata: Path) -> None:
    path = testdata / "sec" / "aapl-20220924_htm.xml"
    table, _ = read_xbrl(path)
    text = path.read_text(encoding="utf-8")
    assert table.num_rows == len(re.findall(r"\scontextRef=", text))
    stated = re.findall(r'unitRef="[^"]*"[^>]*>([^<]*)</', text)
    assert table["value"].null_count == table.num_rows - len([one for one in stated if one.strip()])


def test_snowflake_published_its_revenues(testdata: Path) -> None:
    table, notes = read_companyfacts(testdata / "sec" / "snow_facts.json")
    published = {2021: 592_049, 2022: 1_219_327, 2023: 2_065_659, 2024: 2_806_489}  # thousand USD; years end in January
    for year, thousands in published.items():
        rows = of(table, SALES, start=date(year - 1, 2, 1), end=date(year, 1, 31))
        assert {row["value"] for row in rows} == {Decimal(thousands * 1000)}
    assert set(table["cik"].to_pylist()) == {"0001640147"}
    assert notes == []


def test_company_facts_agree_with_pythons_own_json(testdata: Path) -> None:
    path = testdata / "sec" / "snow_facts.json"
    tree = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    expected = [
        (taxonomy, concept, told["label"], unit, Decimal(fact["val"]), fact["accn"], fact.get("start"), fact["end"])
        for taxonomy, concepts in tree["facts"].items()
        for concept, told in concepts.items()
        for unit, facts in told["units"].items()
        for fact in facts
    ]
    table, _ = read_companyfacts(path)
    names = ["taxonomy", "concept", "label", "unit", "value", "accession", "start", "end"]
    found = zip(*(table[name].to_pylist() for name in names), strict=True)
    rows = [(*row[:6], row[6] and str(row[6]), str(row[7])) for row in found]
    assert rows == expected


def test_the_facts_of_nike_go_there_and_back(testdata: Path, tmp_path: Path) -> None:
    """Facts that another program extracted, written as an instance by this test, and read again."""
    frame = pd.read_csv(testdata / "sec" / "nike_10Q_facts.csv", dtype=str, keep_default_na=False)
    rows = frame.to_dict("records")
    table, _ = read_xbrl(placed(tmp_path, instance(rows), "nike.xml"))
    assert table.num_rows == len(rows) > 500
    for row, found in zip(rows, table.to_pylist(), strict=True):
        assert (found["taxonomy"], found["concept"]) == (row["namespace"], row["fact"])
        assert (str(found["start"]), str(found["end"])) == (row["start_date"], row["end_date"])
        assert found["dimensions"] == ("; ".join(f"{axis}={one}" for axis, one in members(row)) or None)
        assert (found["unit"] or "") == units(row)
        if units(row):
            assert found["value"] == Decimal(row["value"])


def members(row: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(ast.literal_eval(row["dimensions"] or "{}").items())


def units(row: dict[str, str]) -> str:
    numeric = re.fullmatch(r"-?\d+(\.\d+)?", row["value"])
    return re.sub(r"[^A-Za-z]", "", row["units"]) if numeric else ""


def instance(rows: list[dict[str, str]]) -> str:
    spaces = {row["namespace"] for row in rows}
    lines = ['<xbrl xmlns="http://www.xbrl.org/2003/instance"', *(f' xmlns:{one}="urn:{one}"' for one in spaces), ">"]
    names = sorted({units(row) for row in rows} - {""})
    lines += [f'<unit id="{name}"><measure>x:{name}</measure></unit>' for name in names]
    for place, row in enumerate(rows):
        unit = f' unitRef="{units(row)}"' if units(row) else ""
        tag = f"{row['namespace']}:{row['fact']}"
        lines.append(f'<{tag} contextRef="c{place}"{unit}>{escape(row["value"])}</{tag}>')
        named = "".join(f'<explicitMember dimension="{axis}">{one}</explicitMember>' for axis, one in members(row))
        period = f"<startDate>{row['start_date']}</startDate><endDate>{row['end_date']}</endDate>"
        who = f'<entity><identifier scheme="x">1</identifier><segment>{named}</segment></entity>'
        lines.append(f'<context id="c{place}">{who}<period>{period}</period></context>')
    return "\n".join([*lines, "</xbrl>"])


def facts(*values: str, more: str = "") -> str:
    told = ", ".join(f'{{"end": "2024-12-31", "val": {value}, "fy": 2024{more}}}' for value in values)
    tree = '{"us-gaap": {"X": {"label": "L", "units": {"USD": [' + told + "]}}}}"
    return '{"cik": 7, "entityName": "A", "facts": ' + tree + "}"


@pytest.mark.parametrize(
    "value", ["0", "-1", "0.1", "1200.50", "1e3", "1.5E-6", "12345678901234567890", "0.123456789012345678"]
)
def test_values_stay_exact(tmp_path: Path, value: str) -> None:
    assert read_companyfacts(placed(tmp_path, facts(value)))[0]["value"].to_pylist() == [Decimal(value)]


def test_missing_values_and_other_orders(tmp_path: Path) -> None:
    table, _ = read_companyfacts(placed(tmp_path, facts("null", "2")))
    assert table["value"].to_pylist() == [None, Decimal(2)]
    late = '{"facts": {"t": {"C": {"units": {"u": [{"val": 1}]}, "label": "Late"}}}, "cik": 9, "entityName": "B"}'
    row = read_companyfacts(placed(tmp_path, late))[0].to_pylist()[0]
    assert (row["label"], row["cik"], row["entity"], row["end"]) == ("Late", "0000000009", "B", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (facts("1")[:-5], "cannot be read as JSON"),
        (facts('"many"'), "us-gaap:X, val is 'many'"),
        (facts("true"), "val is True"),
        (facts("1e300"), "at most 20 digits before the point"),
        (facts("1e9999999999"), "facts.json"),
        (facts("9" * 5000), "facts.json"),
        (facts("NaN"), "a finite number"),
        (facts("9" * 10**6), "at most 152 characters"),
        (facts("1", more=', "start": "soon"'), "start is 'soon'"),
        (facts("1").replace("2024}", '"x"}'), "fy is 'x'"),
        ("[" * 10**6, "nested too deep"),
        ('{"a":' * 10**5, "nested too deep"),
        ("[]", "expected an object of JSON"),
        ('{"facts": []}', "facts is []; expected an object of JSON"),
        ('{"facts": {"t": {"C": {"units": {"u": 5}}}}}', "expected a list of facts"),
        ("{}", "holds no company facts"),
        ("", "is empty"),
        ("text", "cannot be read as JSON"),
        (b"\xff\xfe\x00", "not utf-8 text"),
        (facts("1") + facts("2"), "cannot be read as JSON"),
    ],
)
def test_no_company_facts(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        read_companyfacts(placed(tmp_path, text))


PERIOD = "<period><instant>2024-12-31</instant></period>"
CONTEXT = f'<context id="c"><entity><identifier>1</identifier></entity>{PERIOD}</context>'
UNIT = '<unit id="u"><measure>iso4217:USD</measure></unit>'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def xbrl(body: str) -> str:
    return f'<xbrl xmlns="http://www.xbrl.org/2003/instance" {XSI} xmlns:g="urn:g">{body}</xbrl>'


def test_nil_facts_forward_references_and_dimensions(tmp_path: Path) -> None:
    typed = (
        '<context id="d"><entity><identifier>1</identifier><segment><typedMember dimension="g:Day"><g:d>Mon</g:d>'
        '</typedMember><explicitMember dimension="g:Axis">g:A</explicitMember></segment></entity>'
        "<period><startDate>2024-01-01</startDate><endDate>2024-12-31</endDate></period></context>"
    )
    body = '<g:A contextRef="c" unitRef="u" xsi:nil="true"/><g:B contextRef="d" unitRef="u" decimals="2">1.25</g:B>'
    rows = read_xbrl(placed(tmp_path, xbrl(body + CONTEXT + UNIT + typed)))[0].to_pylist()
    assert (rows[0]["nil"], rows[0]["value"], str(rows[0]["end"])) == (True, None, "2024-12-31")
    assert (rows[1]["dimensions"], rows[1]["value"]) == ("g:Axis=g:A; g:Day=Mon", Decimal("1.25"))
    assert rows[1]["taxonomy"] == "g"


@pytest.mark.parametrize(
    ("pair", "noted"),
    [
        ([("16758000000", "-6"), ("16800000000", "-8")], False),
        ([("16758000000", "-6"), ("16900000000", "-8")], True),
        ([("1", "INF"), ("1.0", "INF")], False),
        ([("1", "INF"), ("2", "INF")], True),
    ],
)
def test_contradictions_are_noted_and_roundings_are_not(
    tmp_path: Path, pair: list[tuple[str, str]], noted: bool
) -> None:
    body = "".join(f'<g:A contextRef="c" unitRef="u" decimals="{digits}">{value}</g:A>' for value, digits in pair)
    table, notes = read_xbrl(placed(tmp_path, xbrl(CONTEXT + UNIT + body)))
    assert table.num_rows == 2
    assert bool(notes) == noted


FACT = '<g:A contextRef="c" unitRef="u">5</g:A>'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (xbrl(UNIT + FACT), "refers to a context or unit"),
        (xbrl(CONTEXT + FACT), "refers to a context or unit"),
        (xbrl(CONTEXT + UNIT), "holds no facts"),
        (xbrl(CONTEXT + UNIT + FACT.replace("5", "five")), "A is 'five'"),
        (xbrl(CONTEXT + UNIT + FACT.replace("5", "9" * 40)), "at most 20 digits"),
        (xbrl(CONTEXT.replace("2024-12-31", "2024-12-32") + UNIT + FACT), "instant is '2024-12-32'"),
        (xbrl(CONTEXT + UNIT + FACT)[:-9], "not well-formed"),
        ("<html xmlns='http://www.w3.org/1999/xhtml'/>", "inline XBRL; take the extracted instance"),
        ("<xbrl/>", "no XBRL instance"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>" + xbrl(CONTEXT), "refused"),
        ("", "not well-formed"),
    ],
)
def test_no_instance(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        read_xbrl(placed(tmp_path, text, "facts.xml"))


def test_facts_within_a_tuple_are_facts(tmp_path: Path) -> None:
    context = (
        "<context id='c'><entity><identifier>1</identifier></entity><period><instant>2026-01-31</instant></period>"
    )
    unit = "<unit id='u'><measure>iso4217:EUR</measure></unit>"
    inside = "<z:Person><z:Name contextRef='c'>Ada</z:Name><z:Pay contextRef='c' unitRef='u'>7</z:Pay></z:Person>"
    head = "<xbrl xmlns='http://www.xbrl.org/2003/instance' xmlns:z='urn:z'>"
    text = f"{head}{context}</context>{unit}{inside}{inside}</xbrl>"
    table, _ = read_xbrl(placed(tmp_path, text, "x.xml"))
    assert [(row["concept"], row["text"]) for row in table.to_pylist()] == [("Name", "Ada"), ("Pay", "7")] * 2
