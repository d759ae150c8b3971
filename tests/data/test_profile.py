"""Profile: each planted defect is found, the clean twin of the table is not accused, and counts are pandas' counts."""

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.describe import alt_text
from finlab.core.errors import InputError
from finlab.data import measures, samples, suspicious
from finlab.data.profile import Profile, profile

TODAY = date(2026, 1, 1)
ROWS = 400


def ledger() -> pd.DataFrame:
    """A table with nothing wrong."""
    random = np.random.default_rng(4)
    who = random.integers(0, 25, ROWS)
    return pd.DataFrame(
        {
            "invoice": [f"R{number:05d}" for number in range(ROWS)],
            "supplier": [f"Supplier {'ABCDEFGHIJKLMNOPQRSTUVWXY'[one]} Café" for one in who],
            "country": [("DE", "FR", "GB")[one % 3] for one in who],
            "amount": random.lognormal(5, 1, ROWS).round(2),
            "height": random.normal(175, 8, ROWS).round(1),
            "tax_percent": random.choice([0.0, 7.0, 19.0, 20.0, 5.5, 10.0], ROWS),
            "booked": pd.Series([date(2024, 1, 1) + timedelta(days=day) for day in range(ROWS)]),
            "text_amount": [str(number) for number in random.integers(10**5, 10**6, ROWS)],
            "due": [f"{day % 12 + 13}/{day % 12 + 1:02d}/2024x" for day in range(ROWS)],
        }
    )


def put(column: str, values: dict[int, object]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Make a defect: these values in these rows of a column."""

    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        cells = frame[column].astype(object).copy()
        for row, value in values.items():
            cells[row] = value
        kept = cells if cells.map(type).nunique() > 1 or cells.isna().any() else cells.infer_objects()
        return frame.assign(**{column: kept})

    return spoil


def whole(column: str, values: Callable[[int], object]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Make a defect: a column whose every value is made from its row."""
    return lambda frame: frame.assign(**{column: [values(row) for row in range(len(frame))]})


SLASHED = whole("due", lambda row: f"{row % 12 + 13}/{row % 12 + 1:02d}/2024")
TOWNS = whole("town", lambda row: ("Birmingham", "Leeds")[row % 2])
DEFECTS = {
    "null": put("country", {5: None}),
    "blank": put("country", {5: "  "}),
    "placeholder": put("country", {5: "N/A"}),
    "no_values": whole("country", lambda _: None),
    "constant": whole("country", lambda _: "DE"),
    "nearly_constant": whole("country", lambda row: "FR" if row == 5 else "DE"),
    "edge_blanks": put("supplier", {5: " Supplier A Café"}),
    "invisible": put("supplier", {5: "Supplier\u200bA Café"}),
    "damaged": put("supplier", {5: "Supplier A CafÃ©"}),
    "mixed_types": put("text_amount", {5: "about 7"}),
    "number_as_text": whole("due", lambda row: f"{row + 1000:,}.50"),
    "date_as_text": SLASHED,
    "date_formats": lambda frame: put("due", {5: "2024-05-01"})(SLASHED(frame)),
    "date_order": lambda frame: put("due", {5: "05/14/2024"})(SLASHED(frame)),
    "variants": put("supplier", {5: "SUPPLIER A CAFE"}),
    "spelling": lambda frame: put("town", {5: "Birminghxm"})(TOWNS(frame)),
    "almost_key": put("invoice", {5: "R00004"}),
    "gaps": lambda frame: frame.drop(index=[100, 101]).reset_index(drop=True),
    "not_finite": put("amount", {5: float("inf")}),
    "sign": put("amount", {5: -120.5}),
    "zero_as_missing": put("height", {5: 0.0, 50: 0.0, 60: 0.0}),
    "placeholder_number": put("height", {5: 9999.0, 50: 9999.0, 60: 9999.0}),
    "outlier": put("amount", {5: 1e9}),
    "percent": put("tax_percent", {5: 1900.0}),
    "round": whole("amount", lambda row: 1000.0 + row * (100 if row % 2 else 3.17)),
    "placeholder_date": put("booked", {5: date(1900, 1, 1)}),
    "future": put("booked", {5: date(2204, 1, 6)}),
    "date_gaps": lambda frame: frame.drop(index=range(200, 210)).reset_index(drop=True),
    "duplicate_rows": lambda frame: pd.concat([frame, frame.iloc[[5]]], ignore_index=True),
    "same_columns": lambda frame: frame.assign(copy=frame["supplier"]),
    "dependency": put("country", {5: "NL"}),
    "no_rows": lambda frame: frame.iloc[:0],
}  # fmt: skip
EXAMPLE = {"duplicate_rows": ROWS, "almost_key": 4, "dependency": 5, "damaged": 5, "outlier": 5, "sign": 5, "future": 5,
           "spelling": 5, "variants": 5, "mixed_types": 5, "placeholder_date": 5, "percent": 5, "null": 5}  # fmt: skip


def kinds(found: Profile) -> set[str]:
    return {finding.kind for finding in found.findings}


def test_nothing_is_found_in_a_clean_table() -> None:
    found = profile(ledger(), today=TODAY)
    assert found.findings == [] and "Nothing found" in found.summary()


@pytest.mark.parametrize("kind", DEFECTS)
def test_a_planted_defect_is_found_where_it_is(kind: str) -> None:
    found = profile(DEFECTS[kind](ledger()), today=TODAY)
    assert kind in kinds(found)
    finding = next(one for one in found.findings if one.kind == kind)
    if kind in EXAMPLE:
        assert EXAMPLE[kind] in [row for row, _ in finding.examples]
    assert finding.sentence.endswith(".") and not finding.sentence.endswith("..")


def test_every_kind_has_a_planted_defect() -> None:
    from finlab.data.findings import KINDS

    assert set(KINDS) == {*DEFECTS, "stale"}


def test_a_stale_table_is_told_only_if_a_limit_is_given() -> None:
    assert "stale" not in kinds(profile(ledger(), today=TODAY))
    assert "stale" in kinds(profile(ledger(), today=TODAY, fresh_days=30))


def test_few_samples_are_accused() -> None:
    accused = {}
    for name in samples.SAMPLES:
        series = samples.load(name)
        found = profile(series.to_frame() if isinstance(series, pd.Series) else series, today=TODAY)
        accused[name] = kinds(found)
    wrong = {name: told - {"null", "same_columns"} for name, told in accused.items() if told - {"null", "same_columns"}}
    assert len(wrong) <= 2, wrong


def test_little_is_found_in_the_clean_hospitals(testdata: Path) -> None:
    long = pd.read_csv(testdata / "holoclean" / "hospital_clean.csv", dtype=str, keep_default_na=False)
    clean = long.pivot(index="tid", columns="attribute", values="correct_val").reset_index(drop=True)
    found = profile(clean, today=TODAY)
    assert not kinds(found) - {"no_values", "blank", "constant", "number_as_text", "spelling", "dependency"}
    assert len(found.findings) <= 9


def test_counts_are_those_of_pandas() -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "number": np.where(random.random(501) < 0.1, np.nan, random.normal(0, 1, 501)),
            "text": random.choice(["a", "b", " ", "n/a", None], 501),
            "exact": [Decimal(int(cents)) / 100 for cents in random.integers(0, 10**6, 501)],
        }
    )
    table = profile(frame, today=TODAY).columns.set_index("column")
    assert table["null"].to_dict() == frame.isna().sum().to_dict()
    assert table.loc["text", ["blank", "placeholder"]].tolist() == [
        int((frame["text"] == " ").sum()),
        int((frame["text"] == "n/a").sum()),
    ]
    assert table["distinct"].to_dict() == frame.nunique().to_dict()
    ends = [table.loc["exact", name] for name in ("least", "median", "greatest")]
    assert ends == [min(frame["exact"]), sorted(frame["exact"])[250], max(frame["exact"])]
    assert table.loc["number", "least"] == frame["number"].min()


def test_a_sampled_column_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "MOST_VALUES", 1000)
    frame = pd.DataFrame({"key": [f"k{row}" for row in range(20_000)], "blank": ["", "x"] * 10_000})
    found = profile(frame, today=TODAY)
    table = found.columns.set_index("column")
    assert table["sampled"].tolist() == [True, False] and "sample of rows in key" in found.notes[0]
    assert table.loc["blank", "blank"] == 10_000 and abs(table.loc["key", "distinct"] / 20_000 - 1) < 0.2


def test_columns_without_a_value_are_one_finding_behind_those_that_matter() -> None:
    names = [f"empty_{place}" for place in range(9)]
    frame = put("supplier", {5: "CafÃ©"})(ledger()).assign(**dict.fromkeys(names), currency="EUR")
    found = profile(frame, today=TODAY)
    empty = [one for one in found.findings if one.kind == "no_values"]
    assert [one.columns for one in empty] == [tuple(names)] and empty[0].severity == "medium"
    assert "empty_5 and 3 more columns have no value" in empty[0].sentence
    assert found.findings[0].kind == "damaged"
    assert [one.severity for one in found.findings if one.kind == "constant"] == ["low"]


def test_where_nothing_is_only_the_row_is_named() -> None:
    found = profile(put("country", {5: None, 7: None})(ledger()), today=TODAY)
    assert "are NULL (never filled in). For instance row 5, row 7." in str(found)


def test_fences_are_written_as_amounts_and_stay_finite() -> None:
    values = [float(value) for value in range(10_000, 14_000, 40)] + [9_876_543.0]
    found = next(one for one in profile(pd.DataFrame({"x": values})).findings if one.kind == "outlier")
    assert re.search(r"above \d\d,\d{3}\)", found.sentence) and "e+" not in found.sentence
    wild = [0.0, 1e-3, 5e-324, -5e-324] * 20 + [-1.7e308, 1.7e308] * 4 + [*map(float, range(20))]
    assert all(math.isfinite(end) for end in suspicious.fences(np.array([-1.7e308, -5e-324, 0.0, 5e-324, 1.7e308])))
    assert profile(pd.DataFrame({"x": wild})).rows == len(wild)


def test_the_worst_comes_first_and_all_forms_agree() -> None:
    frame = put("supplier", {5: "CafÃ©"})(put("amount", {7: -3.0})(ledger()))
    found = profile(frame, today=TODAY, name="<ledger>")
    order = [("high", "medium", "low").index(finding.severity) for finding in found.findings]
    assert order == sorted(order)
    assert len(found.table()) == len(found.findings)
    page = found._repr_html_()
    assert "&lt;ledger&gt;" in page and "CafÃ©" in page and "<ledger>" not in page
    assert all(finding.sentence in str(found) for finding in found.findings)


def test_cells_are_neither_executed_nor_marked_up() -> None:
    hostile = "'); DROP TABLE kept; --<script>alert(1)</script>"
    connection = duckdb.connect()
    connection.register("incoming", pd.DataFrame({"_row": range(60), 'a"; --': [hostile] * 59 + ["<b>"]}))
    connection.execute("CREATE TABLE kept AS SELECT * FROM incoming")
    found = profile((connection, "kept"), today=TODAY)
    assert "<script>" not in found._repr_html_()
    assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(60,)]
    assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE temporary").fetchall() == [(0,)]


def test_the_chart_is_told_in_words() -> None:
    figure = profile(put("country", dict.fromkeys(range(100)))(ledger()), today=TODAY).plot()
    assert "Missing values" in alt_text(figure) and "25" in alt_text(figure)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": [1]}),
        pd.DataFrame({"a": [None, None], "b": [None, None]}),
        pd.DataFrame({f"c{place}": [1, 2, 3] for place in range(500)}),
        pd.DataFrame({"a": ["x" * 2_000_000, "y", None]}),
        pd.DataFrame({"a": [[1], [2], None], "b": [{"k": 1}, {"k": 2}, None]}),
        pd.DataFrame({"a": [b"\x00\xff", b"", None], "b": [True, False, None]}),
        pd.DataFrame({"a": [float("nan"), float("inf"), -float("inf"), 0.0] * 20}),
        pd.DataFrame({"a": pd.to_datetime(["2020-01-01", None], utc=True), "b": pd.to_timedelta([1, 2], unit="D")}),
        pd.DataFrame({"a": [10**18, -(10**18)], "b": [Decimal("1e-10"), Decimal("9" * 20)]}),
        pa.table({"a": pa.array([1, None], pa.uint64()), "b": pa.array(["x", "x"]).dictionary_encode()}),
        pa.table({"a": pa.array([0, 1], pa.time64("us")), "b": pa.array([None, None], pa.null())}),
        pa.table({"a": pa.array(["1" * 30] * 30 + ["2" * 30])}),
    ],
    ids=range(13),
)  # fmt: skip
def test_odd_tables_give_an_answer(table: pd.DataFrame | pa.Table) -> None:
    found = profile(table, today=TODAY)
    assert str(found) and found._repr_html_() and found.plot() is not None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(max_size=8)),
            st.one_of(st.none(), st.floats()),
            st.one_of(st.none(), st.dates()),
        ),
        max_size=40,
    )
)
def test_any_table_gives_an_answer_or_an_input_error(rows: list[tuple[object, ...]]) -> None:
    frame = pd.DataFrame(rows, columns=["text", "number", "day"])
    try:
        found = profile(frame, today=TODAY)
    except InputError:
        return
    assert found.rows == len(rows) and str(found)


@pytest.mark.parametrize("options", [{"fresh_days": -1}, {"today": datetime(2026, 1, 1)}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError):
        profile(ledger(), **options)  # pyright: ignore[reportArgumentType]


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(InputError, match="expected a pandas frame"):
        profile(ledger()["amount"])  # pyright: ignore[reportArgumentType]


def test_a_very_skewed_column_is_judged_on_its_own_scale() -> None:
    for seed in range(5):
        amounts = np.random.default_rng(seed).lognormal(5, 2.5, 2000)
        assert "outlier" not in kinds(profile(pd.DataFrame({"amount": amounts}), today=TODAY))
        amounts[3] = 1e-15  # far too small, and next to nothing on a plain scale
        assert "outlier" in kinds(profile(pd.DataFrame({"amount": amounts}), today=TODAY))
