"""Grids: all combinations in order, each checked, and every way of getting one wrong."""

import inspect
import itertools
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.reports.grids import MOST_REPORTS, expand_grid
from finlab.reports.parameters import check, read_parameters

CELL = (
    "horizon: int = 12\nlang: Literal['en', 'zh'] = 'en'\nseries: list[str] = []\nday: date | None = None\n"
    "share: float = 0.5\nunit: str = ''\ntoken: Secret = None\nsource: Source | None = None\nlevels: list[int] = []\n"
)
ASKED = read_parameters({"cells": [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": CELL}]})


def test_the_first_grid_changes_slowest() -> None:
    found = expand_grid(ASKED, {"unit": "CNY"}, {"lang": "zh,en", "horizon": "6, 12,24"})
    pairs = list(itertools.product(["zh", "en"], [6, 12, 24]))
    assert [(one["lang"], one["horizon"]) for one in found] == pairs
    assert all(one["unit"] == "CNY" and list(one) == ["unit", "lang", "horizon"] for one in found)


def test_without_a_grid_there_is_one_report() -> None:
    assert expand_grid(ASKED, {"horizon": "6"}, {}) == [{"horizon": 6}]


@pytest.mark.parametrize(
    ("name", "wanted", "values"),
    [
        ("series", "a,b;c", [["a", "b"], ["c"]]),
        ("series", "a;;b", [["a"], [], ["b"]]),
        ("series", '[["a;b"], ["c,d", "e"]]', [["a;b"], ["c,d", "e"]]),
        ("series", [["a"], "b,c"], [["a"], ["b", "c"]]),
        ("levels", "80,95;80", [[80, 95], [80]]),
        ("levels", "[[80, 95], [80]]", [[80, 95], [80]]),
        ("unit", '"a,b",c', ["a,b", "c"]),
        ("unit", '["a,b", "c"]', ["a,b", "c"]),
        ("share", "0.1,1e-3", [0.1, 0.001]),
        ("horizon", (1, 2), [1, 2]),
        ("horizon", range(3), [0, 1, 2]),
        ("horizon", 7, [7]),
        ("day", "none,2020-01-31", [None, pd.Timestamp("2020-01-31").date()]),
    ],
)
def test_forms_of_a_grid(name: str, wanted: Any, values: list[Any]) -> None:
    assert [one[name] for one in expand_grid(ASKED, {}, {name: wanted})] == values


@pytest.mark.parametrize(
    ("grids", "words"),
    [
        ({"horizn": "6"}, "did you mean 'horizon'"),
        ({"unit": "a"}, "expected one of the two"),
        ({"horizon": ""}, "empty grid"),
        ({"series": " "}, "empty grid"),
        ({"horizon": []}, "empty grid"),
        ({"horizon": "[]"}, "empty grid"),
        ({"horizon": "6,12,6"}, "6 twice"),
        ({"horizon": "6,06"}, "6 twice"),
        ({"series": "a,b;a, b"}, "twice"),
        ({"horizon": "6,soon"}, "'soon'; expected a whole number"),
        ({"lang": "en,zn"}, "'zn'; expected one of en, zh"),
        ({"token": "env:A,env:B"}, "no grid"),
        ({"horizon": "[6"}, "JSON in brackets"),
        ({"horizon": '6,"a'}, "separated by commas"),
        ({"source": "lost.csv"}, "no such file"),
        ({"horizon": None}, "expected a whole number"),
        ({5: "6"}, "unknown parameter"),
    ],
)
def test_wrong_grids(workbench: Any, grids: Any, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        inspect.unwrap(expand_grid)(ASKED, {"unit": "CNY"}, grids)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        expand_grid(ASKED, {"share": "half"}, {"horizn": "6", "lang": "en,fr", "share": "1,2"})
    assert [line.split()[1] for line in str(caught.value).splitlines()] == ["share", "parameter", "lang", "share"]


def test_a_slip_of_the_finger_is_no_million_of_reports() -> None:
    huge = {"horizon": range(2000), "share": [n / 8 for n in range(2000)], "lang": "en,zh"}
    with pytest.raises(InputError, match=r"8,000,000 reports \(2,000 of horizon x 2,000 of share x 2 of lang\)"):
        expand_grid(ASKED, {}, huge)
    assert len(expand_grid(ASKED, {}, {"horizon": range(MOST_REPORTS)})) == MOST_REPORTS


def test_frames_stand_in_a_grid() -> None:
    frames = [pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})]
    assert [
        one["source"] is frame for one, frame in zip(expand_grid(ASKED, {}, {"source": frames}), frames, strict=True)
    ]
    with pytest.raises(InputError, match="twice"):
        expand_grid(ASKED, {}, {"source": [frames[0], frames[0]]})


@given(
    st.lists(st.integers(-99, 99), unique=True, min_size=1, max_size=4),
    st.lists(st.text(max_size=4), unique=True, min_size=1, max_size=4),
)
def test_a_grid_is_the_nested_loop_and_is_checked_already(horizons: list[int], units: list[str]) -> None:
    found = expand_grid(ASKED, {"share": 0.25}, {"unit": units, "horizon": horizons})
    assert found == [{"share": 0.25, "unit": unit, "horizon": horizon} for unit in units for horizon in horizons]
    assert all(check(ASKED, one) == one for one in found)
