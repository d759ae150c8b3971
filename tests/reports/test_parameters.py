"""Parameters: what the tagged cell promises, and every way of getting it wrong."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.reports.parameters import (
    Expression,
    Kind,
    assignments,
    check,
    convert,
    find_source,
    kind_of,
    read_notebook,
    read_parameters,
)


def asked(source: str) -> list[Any]:
    return read_parameters({"cells": [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source}]})


def test_names_types_defaults_and_help() -> None:
    found = asked(
        "from datetime import date\n"
        "source: Source | None = None  # where the numbers are\n"
        "horizon: int = 12\n"
        "start: date = date(2020, 1, 31)\n"
        "folder: Path = Path('out')\n"
        "lang: Literal['en', 'zh'] = 'en'  # the language # of the page\n"
        "names: list[str] | None = [\n    'a',\n    'b',\n]  # two of them\n"
        "today: date = date.today()\n"
        "share = 0.8\n"
        "_hidden = 1\n"
    )
    assert [p.name for p in found] == ["source", "horizon", "start", "folder", "lang", "names", "today", "share"]
    by_name = {p.name: p for p in found}
    assert by_name["source"].kind == Kind("Source", optional=True) and by_name["source"].help == "where the numbers are"
    assert by_name["start"].default == date(2020, 1, 31) and by_name["folder"].default == Path("out")
    assert by_name["lang"].kind.choices == ("en", "zh") and by_name["lang"].help == "the language # of the page"
    assert by_name["names"].default == ["a", "b"] and by_name["names"].help == "two of them"
    assert isinstance(by_name["today"].default, Expression)
    assert by_name["share"].kind.base == "float" and by_name["horizon"].kind == Kind("int")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x: dict[str, int] = {}", "type dict[str, int]"),
        ("x: int", "has no default"),
        ("x: int = 'twelve'", "'twelve'"),
        ("x: Literal['a'] = 'b'", "one of a"),
        ("x: int =", "not Python"),
        ("x: list[list[int]] = []", "type list[list[int]]"),
    ],
)
def test_a_wrong_cell_is_refused(source: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("[", r"\[").replace("]", r"\]")):
        asked(source)


def test_no_tagged_cell() -> None:
    with pytest.raises(InputError, match="no cell tagged `parameters`"):
        read_parameters({"cells": [{"cell_type": "code", "metadata": {}, "source": "x = 1"}]})


@pytest.mark.parametrize("text", ["", "[]", "{", '{"worksheets": []}', "\x00"])
def test_what_is_no_notebook(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(InputError, match="cannot be read"):
        read_notebook(path)


def test_missing_notebook(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="path of a notebook"):
        read_notebook(tmp_path / "none.ipynb")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind("int"), "12", 12),
        (Kind("int"), " -3 ", -3),
        (Kind("int"), np.int64(4), 4),
        (Kind("float"), "1e-3", 0.001),
        (Kind("float"), 2, 2.0),
        (Kind("bool"), "TRUE", True),
        (Kind("bool"), "0", False),
        (Kind("bool"), np.bool_(True), True),
        (Kind("str"), "", ""),
        (Kind("str", optional=True), "none", None),
        (Kind("str"), "none", "none"),
        (Kind("date"), "2020-01-31", date(2020, 1, 31)),
        (Kind("date"), datetime(2020, 1, 31), date(2020, 1, 31)),
        (Kind("date"), pd.Timestamp("2020-01-31"), date(2020, 1, 31)),
        (Kind("str", many=True), "a, b", ["a", "b"]),
        (Kind("str", many=True), '["a,b", "c"]', ["a,b", "c"]),
        (Kind("int", many=True), (1, 2), [1, 2]),
        (Kind("int", many=True), "", []),
        (Kind("Literal", (1, "1")), "1", 1),
        (Kind("any"), "x", "x"),
    ],
)
def test_conversions(kind: Kind, value: Any, expected: Any) -> None:
    found = convert(kind, value)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind("int"), "12.0"),
        (Kind("int"), 12.5),
        (Kind("int"), True),
        (Kind("int"), None),
        (Kind("int"), "9" * 5000),
        (Kind("float"), "nan"),
        (Kind("float"), float("inf")),
        (Kind("float"), False),
        (Kind("bool"), "maybe"),
        (Kind("bool"), 1),
        (Kind("str"), 5),
        (Kind("date"), "2020-13-01"),
        (Kind("date"), datetime(2020, 1, 31, 12)),
        (Kind("date"), pd.NaT),
        (Kind("int", many=True), "1,x"),
        (Kind("int", many=True), "[1"),
        (Kind("Literal", ("en", "zh")), "e"),
    ],
)
def test_refusals_say_what_was_expected(kind: Kind, value: Any) -> None:
    with pytest.raises(InputError, match="expected"):
        convert(kind, value)


def test_all_problems_at_once(workbench: Path) -> None:
    parameters = asked("horizon: int = 12\nsource: Source | None = None\nday: date | None = None\n")
    with pytest.raises(InputError) as caught:
        check(parameters, {"horizn": 1, "horizon": "soon", "source": "lost.csv", "day": "x"})
    lines = str(caught.value).splitlines()
    assert len(lines) == 4 and "did you mean 'horizon'" in lines[0]
    assert all(name in line for name, line in zip(["horizn", "horizon", "source", "day"], lines, strict=True))


def test_sources(workbench: Path) -> None:
    (workbench / "sales.csv").write_text("a,b\n1,2\n")
    assert find_source("sales.csv") == str(workbench / "sales.csv")
    assert find_source("sample:airline") == "sample:airline"
    assert find_source("sqlite:///x.db") == "sqlite:///x.db"
    with pytest.raises(InputError, match=r"did you mean 'sales\.csv'"):
        find_source("sale.csv")
    with pytest.raises(InputError, match="did you mean 'airline'"):
        find_source("sample:airlines")
    with pytest.raises(InputError, match="folder"):
        find_source(".")


def test_a_table_of_the_store_is_a_source(workbench: Path) -> None:
    from finlab.data.store import Store

    Store().write("sales", pd.DataFrame({"x": [1]}))
    assert find_source("sales") == "sales"
    with pytest.raises(InputError, match="did you mean 'sales'"):
        find_source("sale")


numbers = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
values = st.one_of(st.none(), numbers, st.text(), st.dates())


names = st.from_regex(r"[a-z]{1,8}_", fullmatch=True)


@given(st.dictionaries(names, st.one_of(values, st.lists(values)), max_size=5))
def test_assignments_give_the_values_back(chosen: dict[str, Any]) -> None:
    space: dict[str, Any] = {}
    exec(assignments(chosen), space)
    assert {name: space[name] for name in chosen} == chosen


@given(st.text())
def test_any_annotation_is_read_or_refused(text: str) -> None:
    import ast

    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError):
        return
    try:
        kind_of(tree)
    except (ValueError, SyntaxError):
        return


def test_the_template_reads(workbench: Path) -> None:
    from finlab.reports.run import describe, templates

    for path in templates().values():
        assert read_parameters(path)
        json.loads(path.read_text())
    assert "horizon" in describe("forecast")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("decimal=,", ["decimal=,"]),
        ("delimiter=;,decimal=,", ["delimiter=;", "decimal=,"]),
        ("decimal=,,encoding=cp1252", ["decimal=,", "encoding=cp1252"]),
        ("delimiter=,,decimal=,", ["delimiter=,", "decimal=,"]),
        ('"decimal=,",encoding=utf8', ["decimal=,", "encoding=utf8"]),
        ('["decimal=,"]', ["decimal=,"]),
        ("a,,b", ["a", "", "b"]),
        ("sheet=Sales,", ["sheet=Sales", ""]),
        ("sheet=", ["sheet="]),
    ],
)
def test_a_comma_can_be_the_value_of_a_named_item(text: str, items: list[str]) -> None:
    assert convert(Kind("str", many=True), text) == items
