"""Parameters: what the tagged cell promises, and every way of getting it wrong."""

import inspect
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
from finlab.reports.files import page_stem
from finlab.reports.parameters import (
    Expression,
    Kind,
    Secret,
    assignments,
    check,
    check_imports,
    convert,
    find_source,
    kind_of,
    plain,
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
        ("x: list[int | None] = []", "type list[int | None]"),
        ("x: list[Secret] = []", "type list[Secret]"),
        ("x: date = date(2020, 1)\ny: int = 'a'", "parameter y"),
        ("x = 1\0", "not Python"),
    ],
)
def test_a_wrong_cell_is_refused(source: str, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("[", r"\[").replace("]", r"\]")):
        asked(source)


def test_no_tagged_cell() -> None:
    with pytest.raises(InputError, match="no cell tagged `parameters`"):
        read_parameters({"cells": [{"cell_type": "code", "metadata": {}, "source": "x = 1"}]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"worksheets": []}',
        "\x00",
        '{"cells": 5}',
        '{"cells": [5]}',
        '{"cells": [{"source": ""}]}',
        '{"cells": [{"cell_type": "code", "source": null}]}',
        '{"cells": [{"cell_type": "code", "metadata": 5}]}',
        '{"cells": ' + "[" * 100_000,
    ],
)
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
        (Kind("any"), {"a": [1, None]}, {"a": [1, None]}),
        (Kind("any"), np.float64(1.5), 1.5),
        (Kind("any"), date(2020, 1, 31), date(2020, 1, 31)),
        (Kind("str"), np.str_("x"), "x"),
        (Kind("float"), "1e3", 1000.0),
        (Kind("bool"), " On ", True),
        (Kind("date", many=True), "2020-01-31, 2020-02-29", [date(2020, 1, 31), date(2020, 2, 29)]),
        (Kind("date", many=True), '["2020-01-31"]', [date(2020, 1, 31)]),
        (Kind("Path", many=True), "/a/b,/c", [Path("/a/b"), Path("/c")]),
        (Kind("Literal", ("en", "zh"), many=True), "zh, en", ["zh", "en"]),
        (Kind("Literal", (1, True), many=True), "[1, true]", [1, True]),
        (Kind("float", many=True), "[1, 2.5]", [1.0, 2.5]),
        (Kind("bool", many=True), "yes,no", [True, False]),
        (Kind("Secret", optional=True), None, None),
        (Kind("Secret", optional=True), "none", None),
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
        (Kind("Literal", ("en", "zh"), many=True), "en,fr"),
        pytest.param(Kind("int"), 10**5000, id="a huge whole number"),
        pytest.param(Kind("float"), 10**5000, id="a huge number"),
        (Kind("float"), "inf"),
        (Kind("float"), "-Infinity"),
        (Kind("int", many=True), "[1, null]"),
        (Kind("int", many=True), "[" * 100_000),
        (Kind("int", many=True), {"a": 1}),
        (Kind("date", many=True), "2020-01-31,soon"),
        (Kind("Path"), 5),
        (Kind("Path"), "a\0b"),
        (Kind("any"), object()),
        (Kind("any"), float("nan")),
        (Kind("any"), np.arange(3)),
        (Kind("any"), pd.DataFrame({"a": [1]})),
        (Kind("str"), Secret("a secret text")),
        (Kind("any"), Secret("a secret text")),
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
    from finlab.reports.jobs import describe, templates

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


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        ("None | int", Kind("int", optional=True)),
        ("Optional[date]", Kind("date", optional=True)),
        ("typing.Optional[list[str]]", Kind("str", many=True, optional=True)),
        ("typing.Literal['a', None]", Kind("Literal", ("a", None), optional=True)),
        ("list[Literal['a', 'b']]", Kind("Literal", ("a", "b"), many=True)),
        ("list[date]", Kind("date", many=True)),
        ("pathlib.Path", Kind("Path")),
        ("report.Secret", Kind("Secret", optional=True)),
        ("'Secret | None'", Kind("Secret", optional=True)),
    ],
)
def test_annotations(annotation: str, kind: Kind) -> None:
    import ast

    assert kind_of(ast.parse(annotation, mode="eval").body) == kind


class Unspeakable:
    """A value whose repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize("base", ["int", "float", "bool", "str", "date", "Path", "any", "Literal"])
def test_a_value_that_cannot_be_written_is_named_by_its_type(base: str) -> None:
    with pytest.raises(InputError, match="of type Unspeakable; expected"):
        convert(Kind(base, ("a",) if base == "Literal" else ()), Unspeakable())


TOKEN = "correct horse battery"
SECRETS = 'token: Secret = "env:BANK_TOKEN"\npassword: Secret = None\nhorizon: int = 12\n'


def test_secrets_are_fetched_and_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BANK_TOKEN", TOKEN)
    parameters = asked(SECRETS)
    found = check(parameters, {"horizon": 3})
    assert found == {"token": TOKEN, "horizon": 3} and isinstance(found["token"], Secret)
    assert check(parameters, found, typed=True) == found, "what was checked may be checked again"
    source = assignments(found)
    assert TOKEN not in source and "from finlab.reports.secrets import secret\n" in source
    assert 'token = secret("token")' in source.replace("'", '"')
    assert plain(found) == '{"token": "***", "horizon": 3}' and plain(list(found.values())) == ["***", 3]
    assert TOKEN not in plain({"a": [found], 5: found}) and TOKEN not in plain({"a": [found]})
    assert page_stem("x", parameters, found) == page_stem("x", parameters, {"horizon": 3})
    assert page_stem("x", parameters, {"token": None}) == "x"
    assert check(parameters, {"token": "***"}) == {"token": TOKEN}
    assert check(parameters, {"token": None}) == {"token": None}


@pytest.mark.parametrize("default", ["''", "None"])
def test_a_secret_may_be_left_to_be_given(default: str) -> None:
    assert check(asked(f"token: Secret = {default}\n"), {}) == {}


@pytest.mark.parametrize("default", ["'hunter2'", "5", "os.environ['X']", "' '", "['env:A']"])
def test_a_secret_in_the_notebook_itself_is_refused(default: str) -> None:
    with pytest.raises(InputError, match="no place for one") as caught:
        asked(f"token: Secret = {default}\n")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "typed", "words"),
    [
        ("hunter2", True, "process list"),
        ("", True, "process list"),
        ("", False, "0 characters"),
        ("***", False, "record of a run"),
        ("env:NO_SUCH_NAME", True, "not set"),
        (12345, False, "no text"),
    ],
)
def test_a_wrong_secret_is_told_with_the_other_problems(value: Any, typed: bool, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check(asked("password: Secret = None\nhorizon: int = 12\n"), {"password": value, "horizon": "x"}, typed=typed)
    told = str(caught.value)
    assert len(told.splitlines()) == 2 and "parameter password" in told and "hunter2" not in told


def test_an_unset_default_of_a_secret_stops_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BANK_TOKEN", raising=False)
    with pytest.raises(InputError, match="parameter token: the environment variable 'BANK_TOKEN' is not set"):
        check(asked(SECRETS), {})


@pytest.mark.parametrize("given", [{5: 1}, {None: 1}, {("a",): 1}, {"": 1}])
def test_names_of_any_kind_are_told(given: Any) -> None:
    with pytest.raises(InputError, match="unknown parameter"):
        inspect.unwrap(check)(asked("x: int = 1\n"), given)


@pytest.mark.parametrize("given", [[("x", 1)], "x=1", 5])
def test_parameters_must_be_a_dictionary(given: Any) -> None:
    with pytest.raises(InputError, match="a dictionary"):
        inspect.unwrap(check)(asked("x: int = 1\n"), given)


def test_a_parameter_named_like_an_import_stays_whole() -> None:
    chosen = {"date": date(2020, 1, 31), "day": date(2020, 2, 29), "Path": Path("/x"), "place": Path("/y")}
    space: dict[str, Any] = {}
    exec(assignments(chosen), space)
    assert {name: space[name] for name in chosen} == chosen
    space = {"date": "the column"}
    exec(assignments({"day": date(2020, 2, 29)}, ["date", "day"]), space)
    assert space["date"] == "the column" and space["day"] == date(2020, 2, 29)


def test_a_parameter_that_is_declared_twice_counts_once() -> None:
    assert [(p.name, p.default) for p in asked("x: int = 1\nx: int = 2\n")] == [("x", 2)]


@pytest.mark.parametrize("line", ['token: str = ""', "token: str | None = None", 'token = ""', "token = None"])
@pytest.mark.parametrize("value", ["env:API_TOKEN", "env:NOPE", "env:", "env: API_TOKEN "])
def test_a_reference_is_refused_where_no_secret_is_declared(line: str, value: str) -> None:
    with pytest.raises(InputError, match="parameter token is 'env:") as caught:
        check(asked(line), {"token": value})
    assert 'token: Secret = ""' in str(caught.value)
    assert "from finlab.reports.page import Secret" in str(caught.value)


def test_a_reference_in_a_list_or_a_grid_is_refused() -> None:
    from finlab.reports.grids import expand_grid

    parameters = asked("tokens: list[str] = []\ntoken: str = ''")
    with pytest.raises(InputError, match="parameter tokens is 'env:A_B'"):
        check(parameters, {"tokens": "x, env:A_B"})
    with pytest.raises(InputError, match="parameter token is 'env:A_B'"):
        expand_grid(parameters, {}, {"token": "x,env:A_B"})


@pytest.mark.parametrize("value", ["file:///data/x.csv", "file:x", "env:prod", "environment", "env:PROD and more"])
def test_other_texts_stay_texts(value: str) -> None:
    assert check(asked("place: str = ''"), {"place": value}) == {"place": value}


def code(source: str, *tags: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source}


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        (["token: Secret = None"], "from finlab.reports.page import Secret"),
        (["import pandas as pd", "path: Source | None = None"], "from finlab.reports.page import Source"),
        (["token: report.Secret = None"], "from finlab import report"),
        (["lang: Literal['en'] = 'en'"], "from typing import Literal"),
        (["day: date = date(2020, 1, 31)"], "from datetime import date"),
        (["%matplotlib inline\nimport os", "place: Path = Path('x')"], "from pathlib import Path"),
    ],
)
def test_a_type_that_is_not_imported_is_refused_with_the_line_to_add(cells: list[str], line: str) -> None:
    with pytest.raises(InputError, match="without an import") as caught:
        check_imports({"cells": [*map(code, cells[:-1]), code(cells[-1], "parameters"), code(line)]})
    assert f"expected `{line}` above it" in str(caught.value)


@pytest.mark.parametrize(
    "cells",
    [
        ["from finlab.reports.page import Secret\ntoken: Secret = None"],
        ["from finlab.reports.page import Secret as S, Secret", "token: Secret = None"],
        ["from finlab import report", "token: report.Secret = None"],
        ["import finlab.reports.page as report", "token: report.Secret = None"],
        ["Secret = str", "token: Secret = None"],
        ["class Secret(str): ...", "token: Secret = None"],
        ["from finlab.reports.page import *", "token: Secret = None"],
        ["%run setup.py", "token: Secret = None"],
        ["exec(open('setup.py').read())", "token: Secret = None"],
        ["this is no Python", "token: Secret = None"],
        ["from __future__ import annotations\ntoken: Secret = None"],
        ["token: 'Secret' = None"],
        ["horizon: int = 12\ncall = Secret"],
    ],
)
def test_a_type_that_may_be_there_is_not_refused(cells: list[str]) -> None:
    check_imports({"cells": [*map(code, cells[:-1]), code(cells[-1], "parameters")]})


def test_the_templates_import_what_they_use(workbench: Path) -> None:
    from finlab.reports.jobs import templates

    for path in templates().values():
        check_imports(read_notebook(path))


def test_a_type_that_is_not_imported_is_refused_before_the_run(workbench: Path) -> None:
    from finlab.reports.jobs import ReportSpec, prepare

    (workbench / "s.ipynb").write_text(json.dumps({"cells": [code("token: Secret = None", "parameters")]}))
    with pytest.raises(InputError, match="without an import"):
        prepare(ReportSpec("s.ipynb"), [])
    assert not (workbench / "reports").exists()


@pytest.mark.parametrize("language", ["python", "R"])
def test_a_second_cell_of_parameters_is_refused(language: str) -> None:
    from finlab.reports.languages import foreign_parameters

    cells = [code("a = 1", "parameters"), code("b = 2", "parameters")]
    read = read_parameters if language == "python" else foreign_parameters
    with pytest.raises(InputError, match="has 2 cells tagged `parameters`; expected one"):
        read({"cells": cells})


def test_values_go_below_the_code_cell_that_is_tagged() -> None:
    from finlab.reports.jobs import with_parameters

    text = {"cell_type": "markdown", "metadata": {"tags": ["parameters"]}, "source": "# Title"}
    content = {"cells": [text, code("a = 1", "parameters")]}
    built = with_parameters(content, asked("a = 1"), {"a": 2})
    assert [cell["source"] for cell in built["cells"]] == ["# Title", "a = 1", "# Parameters\na = 2"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("d = [1, 2]", "list[int]"),
        ("d = ['a']", "list[str]"),
        ("d: list[int] = [1]", "list[int]"),
        ("d: 'Secret | None' = None", "Secret | None"),
        ("d: Literal['a'] = 'a'", "Literal['a']"),
        ("d = {'a': 1}", "dict"),
        ("d = 1", "int"),
    ],
)
def test_types_are_listed_as_they_are_written(line: str, words: str) -> None:
    assert asked(line)[0].annotation == words


@pytest.mark.parametrize("line", ["d = {'a': 1}", "d: dict = {}", "d: dict | None = None"])
def test_a_dictionary_is_a_json_object(line: str) -> None:
    parameters = asked(line)
    assert check(parameters, {"d": '{"b": [1, null]}'}) == {"d": {"b": [1, None]}}
    given = check(parameters, {"d": {"b": 2, "c": "一"}})
    assert check(parameters, {"d": plain(given["d"])}) == given, "what a record holds may be given again"
    for wrong in ("b=2", "[1]", "5", '{"a": NaN}', "{'a': 1}", 5, {"a": object()}):
        with pytest.raises(InputError, match=r"parameter d is .*; expected a JSON object"):
            check(parameters, {"d": wrong})
