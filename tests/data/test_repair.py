"""Repair: known errors are mended, clean tables stay as they are, doubts stay open, probabilities are true."""

import itertools
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.constraints import FD, read_constraints
from finlab.data.relation import ROW
from finlab.data.repair import Repairs, repair


def marks(dirty: pd.DataFrame, truth: pd.DataFrame, repairs: Repairs) -> tuple[float, float, float]:
    """Precision, recall and F1 of the changes, counted as in HoloClean's paper (PVLDB 2017)."""
    changes = repairs.changes
    cells = zip(changes["row"], changes["column"], changes["after"], strict=True)
    right = sum(str(truth.at[row, name]) == after for row, name, after in cells)
    errors = int((dirty.fillna("") != truth.fillna("")).to_numpy().sum())
    precision, recall = right / max(len(changes), 1), right / errors
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def test_hospital_reaches_more_than_the_published_f1(testdata: Path) -> None:
    folder = testdata / "holoclean"
    dirty = pd.read_csv(folder / "hospital.csv", dtype=str, keep_default_na=False)
    long = pd.read_csv(folder / "hospital_clean.csv", dtype=str, keep_default_na=False)
    truth = long.assign(tid=long["tid"].astype(int)).pivot(index="tid", columns="attribute", values="correct_val")
    found = repair(dirty, read_constraints(folder / "hospital_constraints.txt"))
    precision, recall, f1 = marks(dirty, truth[dirty.columns], found)
    assert precision > 0.99 and recall > 0.85 and f1 > 0.83
    assert any("State = 'ak'" in note for note in found.notes)


def suppliers(rows: int, seed: int) -> pd.DataFrame:
    """A clean table of suppliers with a key of its own and amounts that nothing determines."""
    random = np.random.default_rng(seed)
    syllables = ["ba", "do", "ki", "lu", "mer", "nor", "pa", "ri", "sol", "tan", "ver", "zu"]
    titles = ["".join(random.choice(syllables, 4)) for _ in range(80)]
    who = random.integers(0, 80, rows)
    return pd.DataFrame(
        {
            "invoice": [f"INV{number:06d}" for number in range(rows)],
            "number": [str(10_000 + 7 * one) for one in who],
            "name": [titles[one] for one in who],
            "bank": [f"DE{one * 104_729 % 10**9:09d}" for one in who],
            "since": [f"20{one % 20:02d}-0{one % 9 + 1}-15" for one in who],
            "amount": random.lognormal(5, 1, rows).round(2).astype(str),
        }
    )


FDS = [FD("number", "name"), FD("number", "bank"), FD("number", "since"), FD("bank", "number")]


def typing_error(text: str, random: np.random.Generator) -> str:
    at = int(random.integers(0, len(text)))
    return text[:at] + "x" + text[at + 1 :]


def test_typing_errors_in_a_tenth_of_the_names_are_mended() -> None:
    random, truth = np.random.default_rng(1), suppliers(2000, 1)
    dirty = truth.copy()
    for row in np.flatnonzero(random.random(2000) < 0.1):
        dirty.loc[row, "name"] = typing_error(truth.loc[row, "name"], random)
    precision, recall, _ = marks(dirty, truth, repair(dirty, FDS))
    assert precision > 0.99 and recall > 0.95


def test_dates_numbers_and_missing_cells_are_mended_and_the_probabilities_are_true() -> None:
    random, truth = np.random.default_rng(2), suppliers(3000, 2)
    dirty = truth.copy()
    for name in ("number", "name", "bank", "since"):
        for row in np.flatnonzero(random.random(3000) < 0.03):
            wrong = [typing_error(truth.loc[row, name], random), random.choice(truth[name]), None]
            dirty.loc[row, name] = wrong[int(random.integers(0, 3))]
    found = repair(dirty, FDS)
    precision, recall, _ = marks(dirty, truth, found)
    assert precision > 0.95 and recall > 0.9
    assert abs(found.changes["probability"].mean() - precision) < 0.05


@pytest.mark.parametrize(
    "constraints", [FDS, [FD("invoice", "amount"), FD("amount", "invoice")], [FD("since", "bank")]]
)
def test_a_clean_table_is_not_changed(constraints: list[FD]) -> None:
    assert repair(suppliers(1500, 3), constraints).changes.empty


def test_a_unique_key_is_never_repaired() -> None:
    dirty = suppliers(1500, 4)
    dirty.loc[3, "name"] = "somebody"
    dirty.loc[9, "invoice"] = "INV00000x"
    found = repair(dirty, [*FDS, FD("invoice", "name"), FD("invoice", "number")])
    assert "invoice" not in set(found.changes["column"])
    assert found.changes[["row", "column"]].values.tolist() == [[3, "name"]]


def test_half_against_half_stays_open() -> None:
    frame = pd.DataFrame({"number": ["1"] * 6, "name": ["Dark"] * 3 + ["Echo"] * 3})
    found = repair(frame, [FD("number", "name")])
    assert found.changes.empty and found.open["row"].tolist() == [0, 1, 2, 3, 4, 5]
    assert found.open["probability"].nunique() == 1


def test_columns_that_nothing_determines_stay_as_they_are() -> None:
    random = np.random.default_rng(5)
    frame = pd.DataFrame({"x": random.integers(0, 10, 800).astype(str), "y": random.integers(0, 500, 800).astype(str)})
    assert len(repair(frame, [FD("x", "y")]).changes) == 0


def test_sources_vote() -> None:
    random = np.random.default_rng(6)
    rows = []
    for flight, source in itertools.product(range(150), range(20)):
        wrong = random.random() < 0.03 * source
        time = f"{random.integers(0, 24)}:17" if wrong else f"{flight % 24}:{flight % 60:02d}"
        rows.append((f"s{source}", f"F{flight}", time))
    dirty = pd.DataFrame(rows, columns=["source", "flight", "time"])
    truth = dirty.assign(time=[f"{int(name[1:]) % 24}:{int(name[1:]) % 60:02d}" for name in dirty["flight"]])
    precision, recall, _ = marks(dirty, truth, repair(dirty, [FD("flight", "time")]))
    assert precision > 0.99 and recall > 0.95


def test_either_the_number_or_the_name_is_changed_but_not_both() -> None:
    frame = suppliers(1000, 7)[["number", "name"]]
    frame.loc[5, "name"] = frame.loc[frame["name"] != frame.loc[5, "name"], "name"].iloc[0]
    found = repair(frame, [FD("number", "name")])
    assert len(found.changes) <= 1
    assert set(found.open["row"]) | set(found.changes["row"]) == {5}


def test_a_higher_limit_changes_no_more_cells() -> None:
    random, dirty = np.random.default_rng(8), suppliers(600, 8)
    for row in np.flatnonzero(random.random(600) < 0.15):
        dirty.loc[row, "name"] = random.choice(dirty["name"])
    counts = [len(repair(dirty, FDS, least=least).changes) for least in (0.5, 0.9, 0.99, 1.0)]
    assert counts == sorted(counts, reverse=True) and counts[-1] == 0


def test_a_kept_table_is_answered_by_its_row_numbers_and_left_alone() -> None:
    connection = duckdb.connect()
    frame = pd.DataFrame({ROW: [100 + row for row in range(10)], "a b": ["1"] * 10, "n": ["Acme"] * 9 + ["Axme"]})
    connection.register("incoming", frame)
    connection.execute('CREATE TABLE "my ""table" AS SELECT * FROM incoming')
    found = repair((connection, '"my ""table"'), [FD("a b", "n")])
    assert found.changes.values.tolist()[0][:4] == [109, "n", "Axme", "Acme"]
    assert connection.execute('SELECT count(DISTINCT n) FROM "my ""table"').fetchall() == [(2,)]
    assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall() == [(0,)]


def test_the_order_of_the_rows_does_not_matter() -> None:
    random, dirty = np.random.default_rng(9), suppliers(500, 9)
    for row in np.flatnonzero(random.random(500) < 0.1):
        dirty.loc[row, "name"] = typing_error(dirty.loc[row, "name"], random)
    mixed = dirty.sample(frac=1, random_state=1)
    first = {(row, name): after for row, name, _, after, _ in repair(dirty, FDS).changes.values}
    places = list(mixed.index)
    again = repair(mixed.reset_index(drop=True), FDS).changes.values
    assert {(places[row], name): after for row, name, _, after, _ in again} == first


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y", "xx", "", None])), max_size=12))
def test_any_small_table_gives_an_answer_with_probabilities(rows: list[tuple[str, str | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["k", "v"]).astype("string")
    found = repair(frame, [FD("k", "v")])
    assert found.changes["probability"].between(0.5, 1).all() and found.open["probability"].between(0, 0.5).all()
    assert not set(zip(found.changes["row"], found.changes["column"], strict=True)) & set(
        zip(found.open["row"], found.open["column"], strict=True)
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda frame: repair(frame, []), "at least one"),
        (lambda frame: repair(frame, None), "constraints is None"),
        (lambda frame: repair(frame, [FD("numbr", "name")]), "did you mean 'number'"),
        (lambda frame: repair(frame, FDS, least=0.4), "least is 0.4"),
        (lambda frame: repair(frame, FDS, least=float("nan")), "least is nan"),
        (lambda _: repair("table", FDS), "expected a pandas frame"),
    ],
)
def test_bad_input_is_refused(call: Callable[[pd.DataFrame], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(suppliers(20, 1))


def test_wide_nested_and_huge_cells_are_survived() -> None:
    wide = pd.DataFrame({f"c{place}": [str(place)] * 5 for place in range(300)})
    assert repair(wide, [FD("c0", "c1")]).changes.empty
    odd = pd.DataFrame({"k": ["1"] * 4, "v": ["x" * 1_000_000] * 3 + ["y"], "l": [[1], [2], None, []]})
    assert repair(odd, [FD("k", "v")]).changes["before"].tolist() in ([], ["y"])


def test_missing_cells_are_filled_only_if_wanted() -> None:
    dirty = suppliers(500, 11)
    dirty.loc[[3, 40], "name"] = [None, " "]
    filled = repair(dirty, FDS).changes
    assert filled["row"].tolist() == [3, 40] and filled["before"].tolist() == [None, " "]
    assert repair(dirty, FDS, fill=False).changes.empty


def test_likeness_decides_between_one_and_one() -> None:
    known = ["Birmingham", "Leeds", "Manchester", "Liverpool", "Sheffield", "Nottingham"]
    rows = [(f"k{number}", known[number % 6]) for number in range(60) for _ in range(3)]
    frame = pd.DataFrame([*rows, ("new", "Birmingham"), ("new", "Birminghxm"), ("k1", "Leedx")], columns=["k", "v"])
    changes = repair(frame, [FD("k", "v")]).changes
    assert changes["before"].tolist() == ["Birminghxm", "Leedx"]
