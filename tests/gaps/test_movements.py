"""Stale values and powers of ten: the formula by hand, planted runs and slips, habits, edges and hostile input."""

from math import prod
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data.relation import opened
from finlab.gaps.movements import STEPS_OF_ALL, STUCK, Series, common_rate, scaled, stale


def series(values: Any, key: str = "A") -> pd.DataFrame:
    return pd.DataFrame({"key": key, "day": range(len(values)), "value": values})


def moving(days: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 10_000 + (random.integers(1, 100, days) * random.choice([-1, 1], days)).cumsum()


@pytest.mark.parametrize("length", [2, 3, 5, 9])
def test_the_probability_is_the_one_of_the_formula(length: int) -> None:
    values = moving(40)
    values[10 : 10 + length] = values[9]
    found = stale(series(values), "value", period="day", often=0.4)
    rate = (length + 0.5) / (39 + 1)
    a, b = STEPS_OF_ALL * rate, STEPS_OF_ALL * (1 - rate) + 39 - length
    alive = prod((a + step) / (a + b + step) for step in range(length))
    assert found[0].probability == pytest.approx(0.4 / (0.4 + 0.6 * alive))
    assert found[0].rows("table") == tuple(range(9, 10 + length)) and found[0].period == f"9/{9 + length}"


def test_series_that_never_move_or_that_stay_at_zero_are_no_news() -> None:
    frame = pd.concat([series([5.0] * 30), series([0.0] * 30, "B"), series([*moving(15), *[0] * 15], "C")])
    assert len(stale(frame.reset_index(drop=True), "value", key="key", period="day")) == 0


def test_planted_runs_are_found_among_series_that_move() -> None:
    parts = []
    for place in range(50):
        values = moving(60, place)
        if place % 5 == 0:
            values[20:26] = values[19]
        parts.append(series(values, f"S{place:02}"))
    frame = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0).reset_index(drop=True)
    found = stale(frame, "value", key="key", period="day", currency="EUR")
    assert [gap.key for gap in sorted(found, key=lambda gap: gap.key)] == [f"S{place:02}" for place in range(0, 50, 5)]
    for gap in found:
        days = frame.loc[list(gap.rows("table")), "day"].tolist()
        assert set(range(19, 26)) <= set(days) and days == sorted(days)
        assert gap.kind == "stale" and gap.residual is None and 0 < float(gap.amount_at_stake or 0) < 600


def test_a_prior_of_its_own_changes_what_is_listed() -> None:
    values = moving(40)
    values[10] = values[9]
    frame = series(values)
    assert len(stale(frame, "value", period="day")) < len(stale(frame, "value", period="day", often=0.2))
    assert STUCK < 0.2


@pytest.mark.parametrize("power", [-6, -3, -2, -1, 1, 2, 3, 6])
def test_one_value_off_by_a_power_of_ten(power: int) -> None:
    values = moving(30).astype(float)
    values[12] *= 10.0**power
    [gap] = scaled(series(values), "value", period="day")
    assert gap.kind == "unit" and gap.period == "12" and gap.rows("table") == (11, 12)
    size = "large" if power > 0 else "small"
    assert gap.causes[0].label == f"this value alone is too {size} by 10 to the power of {abs(power)}"
    assert gap.probability > 0.99


def test_from_one_day_on_in_thousands() -> None:
    values = moving(30).astype(float)
    values[12:] /= 1000
    [gap] = scaled(series(values), "value", period="day")
    assert gap.period == "12" and gap.causes[0].label.startswith("from here on values are too small by 10")


def test_ordinary_steps_are_no_powers_of_ten() -> None:
    random = np.random.default_rng(0)
    wild = 10 ** np.cumsum(random.normal(0, 0.5, 200))
    assert len(scaled(series(moving(200)), "value", period="day")) == 0
    assert len(scaled(series(wild.round(6)), "value", period="day")) == 0
    assert len(scaled(series([1, -1000, 1, 0, 1000]), "value", period="day")) == 0


def test_the_period_before_is_that_of_the_same_series() -> None:
    frame = pd.concat([series(moving(20) * 1000, "A"), series(moving(20), "B")], ignore_index=True)
    assert len(scaled(frame, "value", key="key", period="day")) == 0


@pytest.mark.parametrize("search", [stale, scaled])
@pytest.mark.parametrize("values", [[], [1.0], [None, None], [float("nan")] * 3, [1e300, 1.0], [float("inf"), 2.0]])
def test_short_and_empty_series_have_no_gaps(search: Any, values: list[Any]) -> None:
    frame = pd.DataFrame({"day": range(len(values)), "value": pd.Series(values, dtype=float)})
    assert len(search(frame, "value", period="day")) == 0


def test_rows_without_key_or_period_are_left_out_and_texts_are_named() -> None:
    frame = series(moving(30).astype(str)).astype({"day": object})
    frame.loc[5, "key"] = None
    frame.loc[6, "day"] = None
    frame.loc[7, "value"] = "n/a"
    gaps = stale(frame.astype({"day": float}), "value", key="key", period="day")
    assert gaps.notes == ("1 values of value are no exact numbers, such as 'n/a'.",)


def test_a_kept_table_is_left_as_it_was() -> None:
    connection = duckdb.connect()
    value = "CASE WHEN i BETWEEN 50 AND 60 THEN 50 ELSE i END AS v"
    connection.execute(f"CREATE TABLE t AS SELECT i AS _row, i AS p, {value} FROM range(1, 200) r(i)")
    [gap] = stale((connection, "t"), "v", period="p", name="t")
    assert gap.rows("t") == tuple(range(50, 61))
    assert connection.execute("SHOW TABLES").fetchall() == [("t",)]


@pytest.mark.parametrize("search", [stale, scaled])
@pytest.mark.parametrize(
    ("value", "more", "expected"),
    [
        ("valeu", {"period": "day"}, "did you mean 'value'"),
        ("value", {"period": "days"}, "did you mean 'day'"),
        ("value", {"period": "day", "key": "kee"}, "did you mean 'key'"),
        ("value", {"period": "day", "key": 3}, "a name, or a list of names"),
        ("value", {"period": ""}, "period is ''"),
        ("value", {"period": "day", "often": 0}, "often is 0"),
        ("value", {"period": "day", "often": "x"}, "often is 'x'"),
        ("value", {"period": "day", "currency": None}, "currency is None"),
        ("value", {"period": "day", "currency": "euro"}, "three capitals such as EUR"),
        (3, {"period": "day"}, "value is 3"),
        ("flag", {"period": "day"}, "expected numbers"),
    ],
)
def test_bad_input_is_refused_in_words(search: Any, value: Any, more: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as error:
        search(series(moving(5)).assign(flag=True), value, **more)
    assert expected in str(error.value)


def test_hostile_text_is_harmless() -> None:
    values = moving(40)
    values[10:20] = values[9]
    text = "<i>'; DROP TABLE t; --"
    gaps = stale(series(values, text).rename(columns={"value": text}), text, key="key", period="day", name=text)
    assert gaps[0].key == text and "<i>" not in gaps._repr_html_()


@pytest.mark.parametrize("search", [stale, scaled])
def test_a_column_may_be_called_like_a_sign_of_a_format(search: Any) -> None:
    names = {"value": "%d", "key": "{key}", "day": "{rows} %s"}
    frame = series(moving(40) + 0.25).rename(columns=names)
    assert search(frame, "%d", key="{key}", period="{rows} %s", name="{by} %d").summary().startswith("No gaps")


@pytest.mark.parametrize("search", [stale, scaled])
def test_the_widest_numbers_are_searched(search: Any) -> None:
    found = search(series(["9" * 38, "8" * 38, "7" * 38, "8" * 38]), "value", key="key", period="day")
    assert len(found) == 0
    jump = ["1" + "0" * 36, "1" + "1" * 36, "12" + "0" * 35, "1" + "2" * 33, "11" + "0" * 35, "12" + "1" * 35]
    assert [gap.kind for gap in scaled(series(jump), "value", key="key", period="day")] == ["unit"]


def repeating(rates: np.ndarray, steps: int, seed: int) -> pd.DataFrame:
    """Series that repeat the value before at rates of their own."""
    random = np.random.default_rng(seed)
    moves = (random.random((len(rates), steps)) >= rates[:, None]) * random.integers(1, 10**6, (len(rates), steps))
    names = np.repeat(np.arange(len(rates)), steps)
    return pd.DataFrame({"key": names, "day": np.tile(np.arange(steps), len(rates)), "value": moves.cumsum(1).ravel()})


def measured(frame: pd.DataFrame) -> tuple[float, float]:
    same = frame.groupby("key")["value"].diff().eq(0)
    sizes = pd.DataFrame({"steps": frame.groupby("key").size() - 1, "repeats": same.groupby(frame["key"]).sum()})
    with opened(sizes) as relation:
        return common_rate(Series(relation, "", ()), relation.name)


def test_how_much_series_differ_is_measured() -> None:
    random = np.random.default_rng(1)
    for strength in (8.0, 40.0):
        frame = repeating(random.beta(strength * 0.2, strength * 0.8, 3000), 80, 2)
        rate, steps = measured(frame)
        assert rate == pytest.approx(0.2, abs=0.01) and steps == pytest.approx(strength, rel=0.15)
    assert measured(repeating(np.full(300, 0.1), 80, 3))[1] > 200
    assert measured(repeating(np.full(29, 0.1), 80, 3))[1] == STEPS_OF_ALL
    assert measured(repeating(np.full(100, 0.1), 2, 3))[1] == STEPS_OF_ALL
    assert measured(repeating(random.choice([0.0, 1.0], 100), 80, 4))[1] == STEPS_OF_ALL


def test_repeats_as_often_as_chance_has_them_are_no_certain_news() -> None:
    frame = repeating(np.full(1000, 0.001), 100, 5)
    found = stale(frame, "value", key="key", period="day")
    assert all(gap.probability < 0.6 for gap in found)
    still = frame["value"].tolist()
    still[120:125] = [still[119]] * 5
    [first, *_] = stale(frame.assign(value=still), "value", key="key", period="day").ranked()
    assert first.rows("table") == tuple(range(119, 125)) and first.probability > 0.99
