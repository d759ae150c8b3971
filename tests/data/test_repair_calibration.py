"""Is the stated probability of a repair true? Tables with known errors of many kinds; no class may promise too much."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from spoiling import (
    KINDS,
    Spoil,
    Table,
    berka,
    brier,
    chain,
    generated,
    hospital,
    one_dependency,
    reliability,
    stated,
    swapped_both,
    swapped_left,
    swapped_right,
    typos,
)

ENOUGH = 60  # changes from which a class is judged
EDGES = (0.5, 0.7, 0.85, 0.95, 0.99, 1.0)


def promised_too_much(said: pd.DataFrame) -> pd.DataFrame:
    """The classes whose share of right changes is below what is stated by more than the error of sampling."""
    table = reliability(said[said["probability"] > 0.5], EDGES)
    table = table[table["changes"] >= ENOUGH]
    assert len(table) >= 3
    return table[table["right"] < table["stated"] - 3 * table["error"] - 0.01]


@pytest.fixture(scope="module")
def told() -> pd.DataFrame:
    tables = {"generated": generated(1500), "one": one_dependency(1500), "chain": chain(1500)}
    parts = [
        stated(table, spoil, 0.06, seed=5)[0].assign(table=name, kind=spoil.__name__)
        for name, table in tables.items()
        for spoil in KINDS
    ]
    return pd.concat(parts)


def test_no_class_of_stated_probability_promises_too_much(told: pd.DataFrame) -> None:
    assert promised_too_much(told).empty
    changes = told[told["probability"] > 0.5]
    assert brier(changes) < 0.06 and len(changes) > 2000


def test_neither_do_changes_where_both_sides_were_exchanged(told: pd.DataFrame) -> None:
    both = told[(told["kind"] == "swapped_both") & (told["probability"] > 0.5)]
    assert both["right"].mean() > both["probability"].mean() - 0.03
    assert both["right"].mean() > 0.9


def test_where_nothing_can_tell_the_sides_apart_nothing_is_changed(told: pd.DataFrame) -> None:
    lone = told[(told["table"] == "one") & told["kind"].isin(["swapped_left", "swapped_right", "same_row"])]
    assert (lone["probability"] > 0.5).mean() < 0.02
    assert len(lone) > 100


def test_typing_errors_are_told_from_exchanges(told: pd.DataFrame) -> None:
    typed = told[(told["kind"] == "typos") & (told["probability"] > 0.9)]
    assert typed["right"].mean() > 0.98 and len(typed) > 500


@pytest.mark.parametrize("read", [hospital, berka])
@pytest.mark.parametrize("spoil", [typos, swapped_left, swapped_right, swapped_both])
def test_real_tables_spoilt_on_purpose_are_mended_as_surely_as_stated(
    read: Callable[[Path], Table], spoil: Spoil, testdata: Path
) -> None:
    table = read(testdata)
    said, wrong = stated(Table(table.truth.head(1500), table.fds), spoil, 0.05, seed=3)
    changes = said[said["probability"] > 0.5]
    assert changes["right"].mean() > changes["probability"].mean() - 0.02
    assert changes["right"].sum() > 0.8 * wrong
