"""Outliers against slow twins in NumPy, and against SciPy and sktime."""

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.data.clean import Outliers, clean
from finlab.data.cleaning.outliers import HAMPEL_FACTOR, LEAST_VALUES, MEAN_DEVIATION_FACTOR, NORMAL_QUARTILE

VALUES = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.one_of(
            st.none(), st.integers(-5, 5).map(float), st.floats(-1e6, 1e6), st.sampled_from([np.nan, np.inf, -np.inf])
        ),
    ),
    max_size=40,
)


def bounds(values: np.ndarray, method: str) -> tuple[float, float]:
    """The lowest and highest value that belongs, by the formulas of the lesson; all belong if nothing can be said."""
    everything = (-np.inf, np.inf)
    if len(values) < LEAST_VALUES:
        return everything
    if method == "iqr":
        low, high = np.percentile(values, [25, 75])
        return (low - 1.5 * (high - low), high + 1.5 * (high - low)) if low < high else everything
    middle = np.median(values)
    mad = np.median(np.abs(values - middle))
    spread = mad / NORMAL_QUARTILE if mad > 0 else np.mean(np.abs(values - middle)) * MEAN_DEVIATION_FACTOR
    return middle - 3.5 * spread, middle + 3.5 * spread


def flagged(con: duckdb.DuckDBPyConnection, groups: list[str], values: list, **options) -> np.ndarray:
    columns = "unnest(range(len(?))) AS _row, unnest(?::VARCHAR[]) AS g, unnest(?::DOUBLE[]) AS x"
    con.execute(f"CREATE OR REPLACE TABLE t AS SELECT {columns}", [groups, groups, values])
    clean(con, "t", [Outliers("x", by="g", **options)])
    return np.array([row[0] for row in con.execute("SELECT x_outlier FROM t ORDER BY _row").fetchall()], dtype=bool)


@pytest.mark.parametrize("method", ["mad", "iqr"])
@settings(max_examples=60, deadline=None)
@given(rows=VALUES)
def test_groups_agree_with_the_slow_twin(method: str, rows: list) -> None:
    with duckdb.connect() as con:
        got = flagged(con, [group for group, _ in rows], [value for _, value in rows], method=method)
    expected = np.zeros(len(rows), dtype=bool)
    for name in "ab":
        places = [
            i for i, (group, value) in enumerate(rows) if group == name and value is not None and np.isfinite(value)
        ]
        values = np.array([rows[i][1] for i in places])
        low, high = bounds(values, method)
        slack = 1e-9 * (1 + np.abs(values)) if len(values) else values  # a value on the very limit may fall either way
        sure = (values < low - slack) | (values > high + slack)
        belongs = (values >= low + slack) & (values <= high - slack)
        for place, out, inside in zip(places, sure, belongs, strict=True):
            expected[place] = out if out or inside else got[place]
    np.testing.assert_array_equal(got, expected)


def slow_hampel(values: np.ndarray, half: int, threshold: float) -> np.ndarray:
    found = np.zeros(len(values), dtype=bool)
    for place, value in enumerate(values):
        window = values[max(0, place - half) : place + half + 1]
        middle = np.median(window)
        found[place] = abs(value - middle) > threshold * HAMPEL_FACTOR * np.median(np.abs(window - middle))
    return found


@pytest.mark.parametrize("window", [3, 5, 7, 11])
def test_hampel_agrees_with_a_loop_in_each_group(con, window: int) -> None:
    rng = np.random.default_rng(window)
    values = np.cumsum(rng.normal(size=600))
    values[rng.choice(600, 20)] += 50
    groups = np.where(np.arange(600) % 2 == 0, "a", "b")
    got = flagged(con, groups.tolist(), values.tolist(), method="hampel", window=window, threshold=3)
    expected = np.zeros(600, dtype=bool)
    for name in "ab":
        expected[groups == name] = slow_hampel(values[groups == name], window // 2, 3)
    np.testing.assert_array_equal(got, expected)
    assert expected.sum() >= 20


def test_hampel_agrees_with_sktime_where_nothing_was_replaced_nearby(con) -> None:
    """sktime takes a found value out of later windows; with outliers far apart, and huge, both must find the same."""
    hampel = pytest.importorskip("sktime.transformations.outlier_detection").HampelFilter
    values = np.sin(np.arange(400) / 9) + np.arange(400) / 50
    values[20:390:40] += 100
    expected = hampel(window_length=7, n_sigma=6, k=HAMPEL_FACTOR, return_bool=True).fit_transform(pd.Series(values))
    got = flagged(con, ["a"] * 400, values.tolist(), method="hampel", window=7, threshold=6)
    assert set(np.flatnonzero(got)) == set(range(20, 390, 40))
    np.testing.assert_array_equal(got[3:-3], expected.to_numpy()[3:-3])


def test_the_factors_are_those_of_the_normal_distribution() -> None:
    normal = pytest.importorskip("scipy.stats").norm
    assert round(normal.ppf(0.75), 4) == NORMAL_QUARTILE and round(1 / normal.ppf(0.75), 4) == HAMPEL_FACTOR
    assert round(np.sqrt(np.pi / 2), 6) == MEAN_DEVIATION_FACTOR


def test_the_spread_is_scipys(con) -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(0).standard_t(2, size=5000)
    expected = np.abs(values - np.median(values)) / (stats.median_abs_deviation(values) / NORMAL_QUARTILE) > 3.5
    np.testing.assert_array_equal(flagged(con, ["a"] * 5000, values.tolist()), expected)


@pytest.mark.parametrize(
    ("action", "expected"),
    [("null", None), ("winsorise", 6.9496), ("median", 5.0)],
)
def test_what_happens_to_an_outlier(attempt, action: str, expected: float | None) -> None:
    values = ", ".join(f"({i}, {v}::DOUBLE)" for i, v in enumerate([5, 5, 5, 5, 9, 5, 5, 5, 5]))
    _, rows = attempt("x", values, Outliers("x", action=action))
    assert rows[4][1] == (None if expected is None else pytest.approx(expected, abs=1e-4))
    assert [row[1] for place, row in enumerate(rows) if place != 4] == [5.0] * 8


@pytest.mark.parametrize("kind", ["DECIMAL(18, 2)", "INTEGER", "FLOAT", "HUGEINT"])
def test_every_type_of_number_keeps_its_type(attempt, con, kind: str) -> None:
    values = ", ".join(f"({i}, CAST({v} AS {kind}))" for i, v in enumerate([98, 99, 100, 101, 104, 9900]))
    _, rows = attempt("x", values, Outliers("x", action="median"))
    assert float(rows[5][1]) == pytest.approx(100.5, abs=0.5)
    assert con.execute("SELECT DISTINCT typeof(x) FROM content.t").fetchall() == [(kind.replace(" ", ""),)]


def test_small_deviations_and_small_groups_are_left(attempt) -> None:
    values = ", ".join(
        f"({i}, {v}, '{g}')" for i, (v, g) in enumerate([(5.0, "a")] * 8 + [(5.01, "a"), (1.0, "b"), (99.0, "b")])
    )
    done, rows = attempt("x, g", values, Outliers("x", by="g", least=0.05))
    assert not any(row[3] for row in rows)
    assert done.remaining["note"].tolist() == ["a group of 2 values is too small to judge"]
    assert attempt("x, g", values, Outliers("x", by="g"))[1][8][3] is True


def test_equal_values_have_no_outlier(attempt) -> None:
    for method in ("mad", "hampel", "iqr"):
        values = ", ".join(f"({i}, 7.0)" for i in range(9))
        assert attempt("x", values, Outliers("x", method=method))[0].cells_changed == 0
