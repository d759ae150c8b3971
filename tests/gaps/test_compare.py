"""The comparison against a slow twin, on clean copies, on tables whose truth is known, and on hostile input."""

import unicodedata
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rewriting import rewritten

from finlab.core.errors import InputError
from finlab.data.company.generate import company
from finlab.data.lease import connect_memory
from finlab.gaps.compare import compare
from finlab.gaps.comparing.cells import Tolerance
from finlab.gaps.comparing.readings import Reading
from finlab.gaps.record import Gaps, identify

Frame = pd.DataFrame
AMOUNTS = st.none() | st.integers(-2000, 2000).map(lambda cents: Decimal(cents) / 100)
NOTES = st.none() | st.sampled_from(["", " ", "a", "A", "a ", "b", "ä", "a\u0308", "a b", "a  b", "-", "a-b"])
DAYS = st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 31))
RECORDS = st.tuples(AMOUNTS, NOTES, DAYS)


def told(gaps: Gaps) -> set[tuple[str, str, str]]:
    """What the twin can tell of gaps: missing (and where) or a cell, the key, the field."""
    found = set()
    for gap in gaps:
        what = gap.evidence[0].source if gap.kind == "missing" else "cell"
        found.add((what, gap.key, gap.field))
    assert len(found) == len(gaps)
    return found


def twin(left: dict[int, Any], right: dict[int, Any]) -> set[tuple[str, str, str]]:
    """Compare record by record and field by field, with Python's values."""
    found = {("left", str(key), "") for key in left.keys() - right.keys()}
    found |= {("right", str(key), "") for key in right.keys() - left.keys()}
    for key in left.keys() & right.keys():
        (amount, note, day), (other, text, when) = left[key], right[key]
        found |= {("cell", str(key), "amount")} if amount != other else set()
        found |= {("cell", str(key), "note")} if plain(note) != plain(text) else set()
        found |= {("cell", str(key), "day")} if day != when else set()
    return found


def plain(text: str | None) -> str:
    return " ".join(unicodedata.normalize("NFKC", text or "").lower().split())


def frame(records: dict[int, Any], order: list[int], style: int) -> Frame:
    """Records as a frame: typed, or as texts in one of two styles."""
    rows = [(key, *records[key]) for key in order]
    keys, amounts, notes, days = ([row[place] for row in rows] for place in range(4))
    if style == 1:
        keys = [f"{key:05d}" for key in keys]
        amounts = [None if one is None else f"{one:,.2f}" for one in amounts]
        days = ["" if one is None else one.isoformat() for one in days]
    if style == 2:
        keys = [f" {key}" for key in keys]
        swapped = str.maketrans(",.", ".,")
        amounts = ["n/a" if one is None else f"{one:,.2f}".translate(swapped) for one in amounts]
        days = [None if one is None else f"{one:%d %B %Y}" for one in days]
    typed = pa.decimal128(18, 2) if style == 0 else pa.string()
    columns = {
        "id": pa.array(keys, pa.int64() if style == 0 else pa.string()),
        "amount": pa.array(amounts, typed),
        "note": pa.array(notes, pa.string()),
        "day": pa.array(days, pa.date32() if style == 0 else pa.string()),
    }
    return pa.table(columns)  # pyright: ignore[reportReturnType]


READINGS = {"note": "text", "amount": "number", "day": "day"}


STYLES = [(0, 0, ""), (0, 1, "."), (1, 0, "."), (1, 1, "."), (0, 2, ","), (2, 0, ","), (2, 2, ",")]


@settings(max_examples=30)
@given(
    st.dictionaries(st.integers(1, 30), RECORDS, max_size=12),
    st.dictionaries(st.integers(1, 30), RECORDS, max_size=12),
    st.sampled_from(STYLES),
    st.randoms(use_true_random=False),
)
def test_gaps_are_those_of_the_slow_twin(left: Any, right: Any, styles: tuple[int, int, str], random: Any) -> None:
    right = {key: left[key] if key in left and random.random() < 0.5 else record for key, record in right.items()}
    orders = [random.sample(sorted(side), len(side)) for side in (left, right)]
    tables = frame(left, orders[0], styles[0]), frame(right, orders[1], styles[1])
    readings = READINGS | {"amount": Reading(kind="number", decimal=styles[2])}
    found = compare(*tables, on="id", columns=readings)
    assert {(what, str(int(key)), field) for what, key, field in told(found)} == twin(left, right)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 4), RECORDS), max_size=14), st.randoms(use_true_random=False))
def test_a_shuffled_copy_with_repeated_keys_has_no_gaps(rows: list[Any], random: Any) -> None:
    records = dict(enumerate(rows))
    shuffled = random.sample(sorted(records), len(records))
    tables = []
    for order in (sorted(records), shuffled):
        table: Any = frame({place: record for place, (_, record) in records.items()}, order, 0)
        tables.append(table.set_column(0, "id", pa.array([records[place][0] for place in order], pa.int64())))
    assert len(compare(*tables, on="id", columns=READINGS)) == 0


@settings(max_examples=30)
@given(st.lists(RECORDS, min_size=1, max_size=8, unique=True), st.integers(1, 3), st.randoms(use_true_random=False))
def test_every_copy_too_many_is_a_duplicate_that_claims_no_more_than_its_share(
    rows: list[Any], copies: int, random: Any
) -> None:
    chosen = random.randrange(len(rows))
    records = dict(enumerate(rows + [rows[chosen]] * copies))
    keys = [*range(len(rows)), *[chosen] * copies]
    order = random.sample(sorted(records), len(records))
    right: Any = frame(records, order, 0)
    right = right.set_column(0, "id", pa.array([keys[place] for place in order], pa.int64()))
    left = frame(dict(enumerate(rows)), list(range(len(rows))), 0)
    [gap] = list(compare(left, right, on="id", columns=READINGS))
    assert gap.kind == "duplicate" and gap.probability <= 1 / (copies + 1) + 1e-9
    assert sorted(gap.rows("right")) == sorted(place for place, row in enumerate(order) if keys[row] == chosen)
    assert gap.n_explanations == copies + 1


@pytest.fixture(scope="module")
def books() -> dict[str, Frame]:
    return dict(company().tables)


FIRST = 1_000  # rows of each table of the company that the fast test copies


def test_clean_copies_of_the_first_rows_of_the_company_have_no_gaps(books: dict[str, Frame]) -> None:
    parts = {name: table.head(FIRST) for name, table in books.items()}
    found = {name: len(compare(table, rewritten(table, 0))) for name, table in parts.items()}
    assert len(found) > 30 and not any(found.values()), {name: count for name, count in found.items() if count}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_clean_copy_of_the_company_has_no_gaps(books: dict[str, Frame], seed: int) -> None:
    found = {name: len(compare(table, rewritten(table, seed))) for name, table in books.items()}
    assert len(found) > 30 and not any(found.values()), {name: count for name, count in found.items() if count}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("on", [["VendorNum", "InvNum"], ["VendorNum", "Date", "InvNum", "Amount"], None])
def test_a_clean_copy_of_the_payments_has_no_gaps(testdata: Path, seed: int, on: list[str] | None) -> None:
    payments = pd.read_parquet(testdata / "payments" / "corporate.payment.parquet")
    found = compare(payments, rewritten(payments, seed), on=on)
    assert len(found) == 0 and found.records == {"left": 189_470, "right": 189_470}


def test_the_wrong_cells_of_the_hospital_are_found_and_no_others(testdata: Path) -> None:
    files = [testdata / "holoclean" / name for name in ("hospital.csv", "hospital_clean.csv")]
    dirty, cells = (pd.read_csv(file, dtype=str, keep_default_na=False) for file in files)
    clean = cells.assign(tid=cells["tid"].astype(int)).pivot(index="tid", columns="attribute", values="correct_val")
    names = list(dirty.columns)
    truth = {(row, name) for name in names for row in dirty.index[dirty[name] != clean[name]]}
    shuffled = clean[names].reset_index().sample(frac=1, random_state=1)
    found = compare(dirty.assign(tid=dirty.index), shuffled, on="tid", names=("dirty", "clean"))
    assert {(gap.rows("dirty")[0], gap.field) for gap in found} == truth and len(found) == len(truth) == 509


def test_spend_files_compared_with_themselves_in_another_format(testdata: Path) -> None:
    raw = pd.read_csv(testdata / "ukspend" / "moj-aramis-data-may-11.csv", encoding="latin-1", dtype=str)
    raw = raw.dropna(axis=1, how="all").dropna(how="all").reset_index(drop=True)
    raw["line"] = np.arange(len(raw))
    other = raw.sample(frac=1, random_state=3).apply(lambda column: column if column.name == "line" else column + "  ")
    assert len(raw) > 100 and len(compare(raw, other, on="line")) == 0
    other.loc[other["line"] == 5, raw.columns[-2]] = "another supplier"
    assert [gap.key for gap in compare(raw, other, on="line")] == ["5"]


def test_counts_are_those_of_datacompy_on_its_own_example() -> None:
    """The example of its README: 10000001236 is changed, 10000001239 is on one side only, and amounts differ by .01."""
    left = Frame(
        {
            "acct_id": [10000001234, 10000001235, 10000001236, 10000001237, 10000001238],
            "dollar_amt": [123.45, 0.45, 1345.0, 123456.0, 1.05],
            "name": ["George Maharis", "Michael Bluth", "George Bluth", "Bob Loblaw", "Lucille Bluth"],
            "float_fld": [14530.1555, 1.0, np.nan, 345.12, np.nan],
        }
    )
    right = Frame(
        {
            "acct_id": [10000001234, 10000001235, 10000001236, 10000001237, 10000001239],
            "dollar_amt": [123.4, 0.45, 1345.0, 123456.0, 1.05],
            "name": ["George Michael Bluth", "Michael Bluth", "George Bluth", "Robert Loblaw", "Loose Seal Bluth"],
            "float_fld": [14530.155, np.nan, 1.0, 345.12, 111.0],
        }
    )
    found = compare(left, right, on="acct_id")
    counts = found.arrow.group_by("field").aggregate([("id", "count")]).to_pylist()
    assert {one["field"]: one["id_count"] for one in counts} == {"": 2, "dollar_amt": 1, "name": 2, "float_fld": 3}


def pair(left: Any, right: Any, **said: Any) -> Gaps:
    """Compare two columns, by the places of their values."""
    tables = []
    for values in (left, right):
        columns = values if isinstance(values, dict) else {"amount": values}
        tables.append(Frame({"id": range(len(next(iter(columns.values())))), **columns}))
    return compare(*tables, on="id", **said)


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ([100.0, 1.0], [1000.0, 1.0], "unit"),
        ([100.0, 1.0], [-100.0, 1.0], "sign"),
        ([100.00, 1.5], [100.01, 1.5], "rounding"),
        ([100.37, 1.5], [88.15, 1.5], "value"),
        (["£12", "£1"], ["€12", "£1.00"], "currency"),
    ],
)
def test_kinds_of_differences_of_amounts(left: list[Any], right: list[Any], kind: str) -> None:
    [gap] = list(pair(left, right))
    assert gap.kind == kind and gap.causes[0].label.startswith(kind) and gap.probability > 0.8 and gap.bits > 0


PLANTS = ("sign", "unit", "rounding", "timing", "value", "currency")


def planted(table: Frame, seed: int, each: int = 8) -> tuple[Frame, dict[int, str]]:
    """A copy of invoices with some rows changed, and the kind of change by row."""
    rng, copy = np.random.default_rng(seed), table.copy()
    copy["gross"] = amounts = copy["gross"].astype(float)
    rows = dict(zip(PLANTS, rng.permutation(len(copy))[: 6 * each].reshape(6, each), strict=True))
    changes = {
        "sign": lambda value: -value,
        "unit": lambda value: value * float(rng.choice([10, 100, 1000, 0.01])),
        "rounding": lambda value: value + float(rng.choice([-0.01, 0.01])),
        "value": lambda value: value * float(rng.uniform(0.3, 0.9)),
    }
    for kind, change in changes.items():
        copy.loc[rows[kind], "gross"] = [round(change(amounts[row]), 2) for row in rows[kind]]
    copy.loc[rows["timing"], "date"] += pd.to_timedelta(rng.integers(1, 6, each), unit="D")
    copy.loc[rows["currency"], "currency"] = [
        "USD" if one == "EUR" else "EUR" for one in copy.loc[rows["currency"], "currency"]
    ]
    return copy, {int(row): kind for kind, some in rows.items() for row in some}


@pytest.mark.parametrize("name", ["supplier_invoices", "sales_invoices"])
def test_planted_changes_are_found_with_their_kind(books: dict[str, Frame], name: str) -> None:
    copy, truth = planted(books[name], seed=len(name))
    gaps = compare(books[name], copy.sample(frac=1, random_state=1), on="invoice")
    found = {gap.rows("left")[0]: gap for gap in gaps}
    assert {row: gap.kind for row, gap in found.items()} == truth and len(gaps) == len(truth)
    assert min(gap.probability for gap in gaps) > 0.5


def test_a_rate_of_the_day_explains_another_currency() -> None:
    days = [date(2026, 3, 31), date(2026, 4, 1)]
    left = Frame({"id": [1, 2], "date": days, "amount": [100.0, 7.0]})
    right = Frame({"id": [1, 2], "date": days, "amount": [125.0, 7.0]})
    rates = Frame({"day": pd.to_datetime(["2026-03-30"]), "code": ["USD"], "rate": [1.25]})
    [gap] = list(compare(left, right, on="id", rates=rates))
    assert gap.kind == "currency" and gap.period == "2026-03-31" and gap.amount_at_stake == 25
    assert [one.kind for one in compare(left, right, on="id")] == ["value"]


def test_a_gap_says_what_it_is_worth_exactly() -> None:
    huge, more = Decimal("12345678901234567890123456789.0001"), Decimal("12345678901234567890123456790.0001")
    left = pa.table({"id": [1, 2], "amount": pa.array([huge, Decimal(1)], pa.decimal128(38, 4)), "note": ["a", "b"]})
    right = pa.table({"id": [1, 2], "amount": pa.array([more, Decimal(1)], pa.decimal128(38, 4)), "note": ["a", "c"]})
    found = {gap.field: gap for gap in compare(left, right, on="id", currency="EUR")}
    assert found["amount"].amount_at_stake == 1 and found["note"].amount_at_stake == 1
    assert found["note"].currency == "EUR" and found["amount"].residual == 1.0
    assert found["amount"].values == (str(huge), str(more))


def test_decimals_of_38_digits_that_differ_in_the_last_one() -> None:
    most = Decimal("9" * 38)
    columns = [pa.array([value], pa.decimal128(38, 0)) for value in (most, Decimal("9" * 37 + "8"))]
    tables = [pa.table({"id": [1], "amount": column}) for column in columns]
    [gap] = list(compare(*tables, on="id"))
    assert gap.amount_at_stake == 1 and gap.kind == "rounding"
    texts = pa.table({"id": [1], "amount": [str(most)]})
    assert len(compare(tables[0], texts, on="id")) == 0 and len(compare(tables[1], texts, on="id")) == 1


def test_numbers_of_other_scales_than_38_digits_can_hold_together() -> None:
    wide = pa.table({"id": [1, 2], "amount": pa.array([10**35, 5], pa.decimal128(38, 0))})
    fine = pa.table({"id": [1, 2], "amount": pa.array([Decimal("0.5"), Decimal(5)], pa.decimal128(38, 20))})
    assert [gap.key for gap in compare(wide, fine, on="id")] == ["1"]


def test_floats_are_compared_by_the_digits_that_they_hold() -> None:
    assert len(pair([0.1 + 0.2, 1e300, -0.0, np.inf], [0.3, 1e300, 0.0, np.inf])) == 0
    assert len(pair([0.1 + 0.2, np.inf, np.nan], ["0.3", "inf", "n/a"])) == 0
    assert [gap.key for gap in pair([np.nan, np.inf, 1e300, 1.0], [1.0, -np.inf, 2e300, np.nan])] == [
        "0",
        "1",
        "2",
        "3",
    ]
    assert len(pair(np.array([12.34], "float32"), [12.34])) == 0
    assert len(pair(np.array([12.34], "float32"), [12.35])) == 1


def test_moments_of_other_zones_across_midnight_are_the_same() -> None:
    utc = pd.to_datetime(["2026-03-31 23:30", "2026-04-01 10:10"]).tz_localize("UTC")
    berlin = utc.tz_convert("Europe/Berlin")
    wall = berlin.tz_localize(None)
    assert len(pair({"when": utc}, {"when": berlin})) == 0
    assert len(pair({"when": berlin}, {"when": wall})) == 0  # the zone that the other side names
    assert [gap.kind for gap in pair({"when": utc}, {"when": wall})] == ["timing", "timing"]
    said = pair({"when": utc}, {"when": wall}, columns={"when": Reading(timezone="Europe/Berlin")})
    assert len(said) == 0 and "Europe/Berlin" in " ".join(said.notes)
    texts = [moment.isoformat() for moment in berlin]
    assert len(pair({"when": utc}, {"when": texts})) == 0
    days = [date(2026, 4, 1), date(2026, 4, 1)]
    assert len(pair({"when": berlin}, {"when": days})) == 0
    assert [gap.key for gap in pair({"when": utc}, {"when": days})] == ["0"]


def test_moments_of_nanoseconds_differ_in_the_last_one() -> None:
    one, other = (np.array([stamp], "datetime64[ns]") for stamp in (1, 2))
    assert len(pair({"when": one}, {"when": other})) == 1


def test_keys_of_other_types_and_padding_match() -> None:
    typed = Frame({"id": [7, 12, 123], "v": ["a", "b", "c"]})
    for keys in (["007", "012", "123"], ["7 ", " 12", "123"], [7.0, 12.0, 123.0], ["7.00", "12.00", "123.00"]):
        assert len(compare(typed, Frame({"id": keys, "v": ["a", "b", "c"]}), on="id")) == 0, keys
    references = Frame({"ref": ["INV-7/26", "INV-8/26"], "v": [1, 2]})
    assert len(compare(references, Frame({"ref": ["inv 8 26", "inv 7 26"], "v": [2, 1]}), on="ref")) == 0
    days = Frame({"day": pd.to_datetime(["2026-03-31", "2026-04-01"]), "v": [1, 2]})
    assert len(compare(days, Frame({"day": ["01.04.2026", "31.03.2026"], "v": [2, 1]}), on="day")) == 0


def test_keys_without_a_value_match_nothing_and_are_told_one_by_one() -> None:
    left = Frame({"a": ["x", None, None], "b": [1.0, 2.0, 2.0], "v": [1, 2, 3]})
    right = Frame({"a": ["x", None, ""], "b": [1.0, 2.0, 2.0], "v": [1, 2, 3]})
    found = compare(left, right, on=["a", "b"])
    assert len(found) == 4 and {gap.kind for gap in found} == {"missing"} and len({gap.id for gap in found}) == 4
    assert found[0].causes[0].label == "missing: the row of left has no value in 'a' and 'b'"
    assert "2 rows of left have no value in 'a' and 'b'" in found.notes


def test_duplicates_are_paired_by_what_they_hold() -> None:
    left = Frame({"id": [77, 77], "amount": [100.0, 250.0], "day": ["2026-05-01", "2026-05-03"]})
    right = Frame({"id": [77, 77], "amount": [250.0, 100.0], "day": ["2026-05-03", "2026-05-03"]})
    [gap] = list(compare(left, right, on="id"))
    assert (gap.field, gap.kind, gap.rows("left"), gap.rows("right")) == ("day", "timing", (0,), (1,))


def test_a_duplicate_of_a_record_that_the_other_side_lacks() -> None:
    found = compare(Frame({"id": [1, 2, 2], "amount": [1.0, 5.0, 5.0]}), Frame({"id": [1], "amount": [1.0]}), on="id")
    assert [(gap.kind, gap.rows("left"), gap.probability) for gap in found] == [
        ("missing", (1,), 1.0),
        ("duplicate", (1, 2), 0.5),
    ]
    assert found[1].amount_at_stake == 5


SIGNED = st.lists(st.tuples(st.integers(1, 9), st.integers(-2000, 2000)), max_size=12)


@settings(max_examples=30)
@given(SIGNED, SIGNED)
def test_residuals_add_up_to_the_right_total_minus_the_left(left: Any, right: Any) -> None:
    tables = [
        pa.table(
            {
                "id": pa.array([key for key, _ in side], pa.int64()),
                "amount": pa.array([Decimal(cents) / 100 for _, cents in side], pa.decimal128(18, 2)),
            }
        )
        for side in (left, right)
    ]
    found = compare(*tables, on="id")
    cents = sum(round(100 * gap.residual) for gap in found if gap.residual is not None)
    assert cents == sum(one for _, one in right) - sum(one for _, one in left)
    assert all(gap.amount_at_stake == abs(Decimal(str(gap.residual))) for gap in found if gap.kind != "duplicate")


def test_residuals_are_right_minus_left_for_every_kind() -> None:
    days = [date(2026, 3, 31)] * 3
    left = Frame({"id": [1, 2, 3], "amount": [100.0, 7.0, 5.0], "day": days})
    right = Frame({"id": [1, 4, 3, 3], "amount": [70.0, 8.0, 5.0, 5.0], "day": [date(2026, 4, 2), *days]})
    there = {(gap.kind, gap.field): gap.residual for gap in compare(left, right, on="id") if gap.key != "2"}
    back = {(gap.kind, gap.field): gap.residual for gap in compare(right, left, on="id") if gap.key != "2"}
    assert there == {("value", "amount"): -30.0, ("timing", "day"): 2.0, ("missing", ""): 8.0, ("duplicate", ""): 5.0}
    assert {kind: -(residual or 0) for kind, residual in back.items()} == there


def test_amounts_of_two_currencies_have_no_difference_but_a_worth() -> None:
    [gap] = list(pair(["EUR 100", "EUR 5"], ["USD 100", "EUR 5.00"]))
    assert (gap.kind, gap.residual, gap.amount_at_stake) == ("currency", None, 100)
    own, other = Frame({"id": [1], "amount": [100.0], "currency": ["EUR"]}), ["USD"]
    [gap] = list(compare(own, own.assign(currency=other), on="id"))
    assert (gap.kind, gap.field, gap.amount_at_stake) == ("currency", "currency", 100)


def test_more_choices_of_duplicates_than_64_bits_can_count() -> None:
    left, right = Frame({"k": [1] * 1000, "v": [3] * 1000}), Frame({"k": [1] * 500, "v": [3] * 500})
    [gap] = list(compare(left, right, on="k"))
    assert gap.kind == "duplicate" and gap.probability < 1e-290 and gap.n_explanations == 1 << 62
    assert len(gap.rows("left")) == 1000 and gap.alternatives == ()


def test_a_hundred_thousand_copies_of_a_row_that_the_other_side_lacks() -> None:
    copies = Frame({"k": [2] + [1] * 100_000, "v": [3] * 100_001})
    missing, duplicate = list(compare(copies, copies.head(1), on="k"))
    assert missing.kind == "missing" and duplicate.n_explanations == 100_000 and duplicate.alternatives == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([2**62], pa.timestamp("s")), "a moment within 139,000 years"),
        (pa.array([-(2**63)], pa.timestamp("us")), "a moment within 139,000 years"),
        (pa.array([2**63 - 1], pa.timestamp("us", "Europe/Berlin")), "a moment within 139,000 years"),
        (pa.array([2**62], pa.time64("us")), "a time of day"),
        (pa.array([-1], pa.time32("s")), "a time of day"),
        (pa.array([2**62], pa.duration("s")), "cannot be asked|cannot be read"),
        (pa.array([Decimal(10) ** 50], pa.decimal256(60, 2)), "cannot be read"),
    ],
)
def test_values_that_would_break_the_database_are_refused_and_it_lives_on(values: Any, message: str) -> None:
    wrong = pa.table({"id": [1], "v": values})
    with connect_memory() as connection:
        kept = connection, _kept(connection, "a", Frame({"id": [1], "v": ["x"]}))
        with pytest.raises(InputError, match=message):
            compare(kept, wrong, on="id")
        assert len(compare(kept, kept, on="id")) == 0


def test_infinite_days_of_a_database_are_values_like_others() -> None:
    with connect_memory() as connection:
        for name, day in (("a", "infinity"), ("b", "2026-03-31")):
            connection.execute(f"CREATE TABLE {name} AS SELECT 0 AS _row, 1 AS id, '{day}'::TIMESTAMP AS v")
        tables = (connection, '"a"'), (connection, '"b"')
        assert len(compare(tables[0], tables[0], on="id")) == 0
        assert [gap.values for gap in compare(*tables, on="id")] == [("infinity", "2026-03-31")]


def test_a_database_that_is_closed_is_told() -> None:
    connection = duckdb.connect()
    connection.close()
    with pytest.raises(InputError, match="cannot be asked"):
        compare((connection, '"t"'), Frame({"a": [1]}), on="a")


def test_tolerances_beyond_any_amount_let_everything_pass_or_nothing() -> None:
    for near in (1e308, Decimal("1e999999"), Tolerance(0, Decimal("1e999999"))):
        assert len(pair([1.0], [2e20], tolerances={"amount": near})) == 0
    assert len(pair([1.0], [1.01], tolerances={"amount": Tolerance(0, Decimal("1e-999999"))})) == 1


def test_a_million_rows_of_one_key_are_refused_before_they_are_paired() -> None:
    constant = pa.table({"k": pa.repeat("x", 1_000_000), "v": np.arange(1_000_000)})
    with pytest.raises(InputError, match=r"would pair 1,000,000,000,000 rows, expected at most 10,000,000"):
        compare(constant, constant, on="k")


def test_a_constant_key_is_refused_with_the_figure() -> None:
    constant = Frame({"k": ["x"] * 40_000, "v": range(40_000)})
    with pytest.raises(InputError, match=r"would pair 1,600,000,000 rows.*40,000 x 40,000"):
        compare(constant, constant, on="k")


def test_a_table_in_which_everything_differs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finlab.gaps.compare.MOST_GAPS", 3)
    with pytest.raises(InputError, match=r"4 cells differ, expected at most 3 \('a' 2, 'b' 2\)"):
        compare(Frame({"id": [1, 2], "a": ["x", "y"], "b": ["x", "y"]}),
                Frame({"id": [1, 2], "a": ["v", "w"], "b": ["v", "w"]}), on="id")  # fmt: skip


def test_names_and_values_with_sql_html_and_formulas_are_only_text() -> None:
    name = 'weird"; DROP TABLE x; --'
    left = Frame({name: ["1'", "2"], "<b>&'": ["=1+1", "<script>alert(1)</script>"]})
    right = Frame({name: ["1'", "2"], "<b>&'": ["=1+2", "'; DROP TABLE y; --"]})
    found = compare(left, right, on=name, names=("a'b", 'c"d'))
    assert len(found) == 2 and "<script>" not in found._repr_html_()
    assert found[0].id == identify("value", ("a'b", 'c"d'), "1'", "", "<b>&'")
    assert found[1].values == ("<script>alert(1)</script>", "'; DROP TABLE y; --")


def test_tables_without_rows() -> None:
    typed = {"id": pd.Series([], dtype="int64"), "v": pd.Series([], dtype="str")}
    empty, one = Frame(typed), Frame({"id": [1], "v": ["x"]})
    assert len(compare(empty, empty)) == 0
    for on in ("id", None):
        assert [gap.rows("right") for gap in compare(empty, one, on=on)] == [(0,)]
        assert [gap.rows("left") for gap in compare(one, empty, on=on)] == [(0,)]


def test_columns_without_a_value_and_of_types_nobody_reads() -> None:
    assert [gap.values for gap in pair({"v": [None, None]}, {"v": [None, "x"]})] == [(None, "x")]
    assert len(pair({"v": [None, None]}, {"v": [1, 2]})) == 2
    for values in ([[1, 2], [3]], [b"a", b"b"], [pd.Timedelta("1h"), pd.Timedelta("2h")], [True, False]):
        assert len(pair({"v": values}, {"v": values})) == 0
        assert len(pair({"v": values}, {"v": values[::-1]})) == 2
    assert len(pair({"v": [True, False]}, {"v": ["yes", "n"]})) == 0
    assert len(pair({"v": pd.Categorical(["a", "b"])}, {"v": ["A", "c"]})) == 1


def test_kept_tables_are_compared_as_frames_are() -> None:
    left = Frame({"id": [3, 1, 2], "amount": [3.0, 1.0, 2.0]})
    right = Frame({"id": [1, 2, 3], "amount": [1.0, 2.5, 3.0]})
    expected = compare(left, right, on="id").table()
    with connect_memory() as one, connect_memory() as other:
        kept = [(one, _kept(one, "a", left)), (other, _kept(other, "b", right)), (one, _kept(one, "c", right))]
        for tables in ((kept[0], right), (left, kept[1]), (kept[0], kept[1]), (kept[0], kept[2])):
            pd.testing.assert_frame_equal(compare(*tables, on="id").table(), expected)
        assert one.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(2,)]


def _kept(connection: duckdb.DuckDBPyConnection, name: str, frame: Frame) -> str:
    """Keep a frame with its rows stored backwards."""
    rows = frame.assign(_row=range(len(frame)))[::-1]
    connection.register("incoming", pa.Table.from_pandas(rows, preserve_index=False))
    connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
    connection.unregister("incoming")
    return f'"{name}"'


def test_tolerances_let_near_values_pass_and_no_others() -> None:
    left, right = [100.00, 100.00, 100.00, 100.00], [100.01, 100.02, 99.0, 90.0]
    assert [gap.key for gap in pair(left, right, tolerances={"amount": 0.01})] == ["1", "2", "3"]
    assert [gap.key for gap in pair(left, right, tolerances={"amount": Tolerance(0, 0.01)})] == ["3"]
    assert len(pair(left, right, tolerances={"amount": Tolerance(Decimal("0.5"), Decimal("0.1"))})) == 0
    days = {"day": ["2026-03-31"]}, {"day": ["2026-04-02"]}
    assert [len(pair(*days, tolerances={"day": near})) for near in (1, 2)] == [1, 0]


@settings(max_examples=30)
@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1), st.integers(0, 300), st.integers(0, 100))
def test_tolerances_are_exact_at_their_edge(pairs: list[Any], cents: int, percent: int) -> None:
    left, right = ([one[place] for one in pairs] for place in (0, 1))
    absolute, relative = Decimal(cents) / 100, Decimal(percent) / 100
    typed = pa.decimal128(18, 2)
    tables = [pa.table({"id": range(len(side)), "amount": pa.array(side, typed)}) for side in (left, right)]
    found = compare(*tables, on="id", tolerances={"amount": Tolerance(absolute, relative)})
    expected = []
    for key, (a, b) in enumerate(pairs):
        none = (a is None) + (b is None)
        near = none == 2 or (not none and (abs(a - b) <= absolute or abs(a - b) <= relative * max(abs(a), abs(b))))
        expected += [] if near else [str(key)]
    assert [gap.key for gap in found] == expected


def test_an_order_of_day_and_month_is_proven_by_the_other_side_or_asked() -> None:
    silent = ["03/04/2026", "06/05/2026"]
    assert len(pair({"day": silent}, {"day": [date(2026, 4, 3), date(2026, 5, 6)]})) == 0
    assert len(pair({"day": silent}, {"day": [date(2026, 3, 4), date(2026, 6, 5)]})) == 0
    with pytest.raises(InputError, match=r"nothing proves whether .* has the day or the month first; say columns="):
        pair({"day": silent}, {"day": ["03/04/2026", "06/06/2026"]})
    said = pair({"day": silent}, {"day": ["03/04/2026", "06/06/2026"]}, columns={"day": Reading(date_order="dmy")})
    assert [(gap.kind, gap.residual) for gap in said] == [("timing", 31.0)]


def test_the_marks_of_numbers_are_proven_by_the_other_side_or_asked() -> None:
    silent = ["1.234", "2.500"]
    assert len(pair(silent, [1234, 2500])) == 0 and len(pair(silent, [1.234, 2.5])) == 0
    with pytest.raises(InputError, match=r"that of decimals or of thousands; say columns="):
        pair(silent, ["1.235", "2.501"])


def test_columns_of_other_names_are_matched_and_told() -> None:
    left = Frame({"Invoice No": [1, 2], "Betrag": [1.0, 2.0], "memo": ["", ""]})
    right = Frame({"invoice number": [1, 2], "amount": [1.0, 2.5], "cleared": [True, True]})
    found = compare(left, right, on="Invoice No", names=("books", "bank"))
    assert [(gap.field, gap.amount_at_stake) for gap in found] == [("Betrag", Decimal("0.5"))]
    notes = " ".join(found.notes)
    assert "'Betrag' and bank's 'amount'" in notes and "only books has 'memo'" in notes
    said = compare(left, right, on="Invoice No", columns={"memo": Reading(other="cleared"), "Betrag": None})
    assert {gap.field for gap in said} == {"memo"}


def test_the_order_of_rows_changes_nothing_but_the_numbers_of_rows() -> None:
    rng = np.random.default_rng(8)
    left = Frame(
        {"id": np.arange(300), "amount": rng.integers(1, 999, 300) / 100, "note": rng.choice(list("abc"), 300)}
    )
    right = left.copy()
    right.loc[::7, "amount"] += 1
    right.loc[::11, "note"] = "z"
    first = compare(left, right.drop(index=[5]), on="id").table().sort_values("id").drop(columns="rows")
    mixed = left.sample(frac=1, random_state=1), right.drop(index=[5]).sample(frac=1, random_state=2)
    again = compare(*mixed, on="id").table().sort_values("id").drop(columns="rows")
    pd.testing.assert_frame_equal(first.reset_index(drop=True), again.reset_index(drop=True))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"on": "invioce"}, "did you mean 'invoice'"),
        ({"on": []}, "the name of a column"),
        ({"on": 5}, "the name of a column"),
        ({"on": ["invoice", "invoice"]}, "each column once"),
        ({"on": "invoice", "tolerances": {"amuont": 1}}, "did you mean 'amount'"),
        ({"on": "invoice", "tolerances": {"amount": "1"}}, "a number of at least 0"),
        ({"on": "invoice", "tolerances": {"amount": -1}}, "a number of at least 0"),
        ({"on": "invoice", "tolerances": {"amount": float("nan")}}, "a number of at least 0"),
        ({"on": "invoice", "tolerances": {"invoice": 1}}, "no part of the key"),
        ({"on": "invoice", "tolerances": 0.01}, "a dictionary of columns"),
        ({"on": "invoice", "columns": {"amuont": "number"}}, "did you mean 'amount'"),
        ({"on": "invoice", "columns": {"amount": "numbre"}}, "did you mean 'number'"),
        ({"on": "invoice", "columns": {"amount": 5}}, "a Reading, a kind"),
        ({"on": "invoice", "columns": ["amount"]}, "a dictionary of columns"),
        ({"on": "invoice", "columns": {"amount": Reading(other="amoumt")}}, "did you mean 'amount'"),
        ({"on": "invoice", "amount": "amont"}, "did you mean 'amount'"),
        ({"on": "invoice", "date": ""}, "a text that is not empty"),
        ({"on": "invoice", "currency": "euro"}, "three capitals"),
        ({"on": "invoice", "names": ("a", "a")}, "names that differ"),
        ({"on": "invoice", "names": "ab"}, "2 names of sources"),
        ({"on": "invoice", "rates": 5}, "a pandas frame"),
        ({"on": "invoice", "rates": Frame({"a": [1.0]})}, "expected one column of each"),
    ],
)
def test_what_cannot_be_is_refused_in_words(said: dict[str, Any], message: str) -> None:
    table = Frame({"invoice": [1], "amount": [1.0]})
    with pytest.raises(InputError, match=message):
        compare(table, table, **said)


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (None, Frame({"a": [1]}), "a pandas frame"),
        (Frame({"a": [1]}), "b.csv", "a pandas frame"),
        (Frame({"a": [1]}), Frame({"q": [1]}), "no column in common"),
        (Frame([[1, 2]], columns=["a", "a"]), Frame({"a": [1]}), "more than one column named 'a'"),
        (Frame({"a": [1], "": [2]}), Frame({"a": [1], "": [2]}), "a column without a name"),
        (Frame({"a": [1], "_row": [1]}), Frame({"a": [1, 2], "_row": [1, 1]}), "a number twice in _row"),
        (Frame({"a": ["x"] * 9, "b": ["y"] * 9}), Frame({"a": ["x"] * 9, "b": ["y"] * 9}), "say on="),
    ],
)
def test_tables_that_cannot_be_compared_are_refused_in_words(left: Any, right: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare(left, right)
