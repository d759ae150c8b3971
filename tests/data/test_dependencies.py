"""Dependencies: the measure against the formula written otherwise, and guards against keys and chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data import dependencies
from finlab.data.constraints import FD
from finlab.data.dependencies import find_dependencies, measure_dependency
from finlab.data.relation import opened


def mu_by_pairs(x: list[int], y: list[int]) -> float:
    """The measure from pairs of rows: agreement within groups, corrected for chance."""
    frame = pd.DataFrame({"x": x, "y": y})
    inside = frame.groupby("x")["y"].transform(lambda part: part.map(part.value_counts()) / len(part)).mean()
    chance = (frame["y"].value_counts(normalize=True) ** 2).sum()
    rows, kinds = len(x), frame["x"].nunique()
    if rows == kinds or chance == 1:
        return 0.0
    return max(0.0, 1 - (1 - inside) / (1 - chance) * (rows - 1) / (rows - kinds))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=40))
def test_the_measure_is_the_formula(rows: list[tuple[int, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["x", "y"])
    with opened(frame) as relation:
        found = measure_dependency(relation, FD("x", "y"))
    assert found.mu == pytest.approx(mu_by_pairs(*map(list, zip(*rows, strict=True))), abs=1e-9)
    top = frame.groupby("x")["y"].agg(lambda part: part.value_counts().iloc[0]).sum()
    assert found.confidence <= found.mu + 1e-9
    assert found.g3 == pytest.approx(
        1 - top / len(frame) if found.repeats and frame["y"].nunique() > 1 else 0, abs=1e-9
    )


def orders(rows: int) -> pd.DataFrame:
    random = np.random.default_rng(2)
    branch = random.integers(0, 50, rows)
    return pd.DataFrame(
        {
            "order": np.arange(rows),
            "branch": branch,
            "town": branch % 13,
            "amount": random.lognormal(5, 1, rows),
            "flag": (np.arange(rows) == 7).astype(int),
            "dice": random.integers(0, 6, rows),
            "constant": "x",
            "nothing": pd.Series([None] * rows, dtype=object),
        }
    )


def test_only_the_true_dependency_is_proposed() -> None:
    found = find_dependencies(orders(2000))
    assert [str(one) for one in found["dependency"]] == ["branch -> town"]
    assert found["broken"].tolist() == [0] and found["confidence"].iloc[0] > 0.99


def test_a_sample_of_groups_finds_dependencies_of_small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependencies, "SAMPLE_ROWS", 1500)
    random = np.random.default_rng(3)
    supplier = random.integers(0, 8000, 40_000)  # five rows each: a sample of rows would hardly see a pair
    frame = pd.DataFrame({"supplier": supplier, "name": supplier * 7 % 6007, "noise": random.integers(0, 5, 40_000)})
    found = find_dependencies(frame)
    assert "supplier -> name" in map(str, found["dependency"])
    assert not any("noise" in str(one) for one in found["dependency"])


def test_two_columns_may_determine_together() -> None:
    random = np.random.default_rng(4)
    frame = pd.DataFrame({"a": random.integers(0, 6, 3000), "b": random.integers(0, 6, 3000)})
    frame["c"] = (frame["a"] + frame["b"]) % 6
    assert find_dependencies(frame).empty
    assert "a, b -> c" in map(str, find_dependencies(frame, size=2)["dependency"])


def test_shuffled_columns_have_none() -> None:
    random = np.random.default_rng(5)
    frame = pd.DataFrame({name: random.integers(0, kinds, 500) for name, kinds in (("a", 2), ("b", 20), ("c", 200))})
    assert find_dependencies(frame, least=0.2).empty


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tiny_tables_propose_nothing(rows: int) -> None:
    assert find_dependencies(orders(2000).iloc[:rows]).empty


@pytest.mark.parametrize("options", [{"columns": ["x"]}, {"least": 1.5}, {"size": 0}, {"size": True}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        find_dependencies(orders(20), **options)  # pyright: ignore[reportArgumentType]


def test_counts_in_memory_and_in_sql_give_the_same_strength() -> None:
    frame = orders(300)
    counts = frame.groupby(["dice", "branch"]).size()
    groups = counts.index.codes[0]
    chance = float((frame["branch"].value_counts(normalize=True) ** 2).sum())
    with opened(frame) as relation:
        found = measure_dependency(relation, FD("dice", "branch"))
    assert dependencies.strength(counts.to_numpy(), np.asarray(groups), chance) == pytest.approx(found)
