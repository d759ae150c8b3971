"""Drafts of contracts: a file fits the contract drafted from it, and nothing is claimed that it does not show."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.contracts import Contract
from finlab.data.drafts import draft_contract, field_names
from finlab.data.fields import Field
from finlab.data.sources import open_source
from finlab.data.store import Store


def drafted(content: str, name: str = "x.csv", **options: Any) -> Contract:
    path = Path(name)
    path.write_text(content, encoding="utf-8")
    return draft_contract(open_source(path, **options))


def column(values: list[str], **options: Any) -> Field:
    rows = "".join(f"{place};{value}\n" for place, value in enumerate(values))
    return drafted("n;x\n" + rows, delimiter=";", **options).field("x")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", "+3"], Field("x", "integer")),
        (["00420", "12"], Field("x")),
        (["1.50", "2"], Field("x", "decimal")),
        (["1.5001", "2"], Field("x", "decimal", digits=6)),
        (["1.5e3", "2"], Field("x", "number")),
        (["1.12345678"], Field("x", "number")),
        (["£1,250.00", "(£3.10)"], Field("x", "decimal", currency="GBP")),
        (["$1.50", "$2"], Field("x", "decimal", signs=["$"])),
        (["12.5%", "3%"], Field("x", "decimal", unit="%")),
        (["true", "false"], Field("x", "boolean")),
        (["31/03/2026", "01/04/2026"], Field("x", "date", date_order="dmy")),
        (["03/31/2026"], Field("x", "date", date_order="mdy")),
        (["03/04/2026", "05/06/2026"], Field("x", "date")),
        (["2026-03-31"], Field("x", "date")),
        (["5 May 2026"], Field("x", "date")),
        (["2026-03-31 10:00"], Field("x", "timestamp")),
        (["2026-03-31T10:00:00+02:00"], Field("x", "timestamptz")),
        (["soon", "1"], Field("x")),
        (["", "NA"], Field("x")),
    ],
)
def test_a_field_is_what_all_values_show(workbench: Path, values: list[str], expected: Field) -> None:
    assert column(values, decimal=".") == expected


def test_names_are_words_and_headers_stay_known(workbench: Path) -> None:
    assert field_names(["A", "a", "A!", "a_2", "", "_", "9"]) == [
        "a",
        "a_2",
        "a_3",
        "a_2_2",
        "column_5",
        "column_6",
        "9",
    ]
    found = drafted("Invoice No.,Net £,net,供应商\nx,1,2,y\n", "2026 march.csv")
    assert found.name == "table_2026_march"
    assert [(field.name, tuple(field.aliases)) for field in found.fields] == [
        ("invoice_no", ("Invoice No.",)), ("net", ("Net £",)), ("net_2", ()), ("供应商", ()),
    ]  # fmt: skip


def test_typed_sources_keep_their_types(workbench: Path) -> None:
    from decimal import Decimal

    table = pa.table({
        "n": pa.array([1], pa.int32()), "d": pa.array([Decimal("1.5")], pa.decimal128(10, 3)), "t": ["£2.50"],
        "f": [1.5], "b": [True], "l": pa.array([[1]]),
    })  # fmt: skip
    pq.write_table(table.drop_columns(["l"]), "x.parquet")
    kinds = [(field.type, field.digits) for field in draft_contract(open_source("x.parquet")).fields]
    assert kinds == [("integer", 2), ("decimal", 3), ("decimal", 2), ("number", 2), ("boolean", 2)]
    frame = pd.DataFrame({"a": ["x"], "b": pd.to_datetime(["2026-01-01"], utc=True)})
    assert [field.type for field in draft_contract(open_source(frame), "mine").fields] == ["text", "timestamptz"]


ODD = [
    *("1", "007", "1.5", "-2", "£3", "$4.10", "5%", "1e5", "NA", "yes", "2026-01-31", "31/01/2026", "1/2/26"),
    *("(1.00)", "", "x", "12:30", "2026-01-01 10:00", "١", "€ 1,5"),
]
TEXTS = st.one_of(
    st.sampled_from(ODD),
    st.text(alphabet="0159.,-/£ eE", max_size=8),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=6))
def test_a_file_fits_its_own_draft(workbench: Path, rows: list[list[str]]) -> None:
    path = Path("x.csv")
    path.write_text("k;a;b\n" + "".join(f"k{place};{row[0]};{row[1]}\n" for place, row in enumerate(rows)))
    told = {"delimiter": ";", "header": True, "date_order": "dmy", "skip": 0}
    draft = draft_contract(open_source(path, **told))
    store = Store("store.duckdb")
    mapping = {field.aliases[0] if field.aliases else field.name: field.name for field in draft.fields}
    done = store.load(path, "x", contract=draft, mapping=mapping, replace=True, **told)
    assert done.loaded + done.duplicates == done.records == len(rows)


@pytest.mark.slow
def test_government_files_fit_their_own_drafts(workbench: Path, testdata: Path) -> None:
    store = Store("store.duckdb")
    paths = [path for path in sorted((testdata / "ukspend").iterdir()) if path.name != "header_truth.csv"]
    for number, path in enumerate(paths):
        draft = draft_contract(open_source(path))
        done = store.load(path, f"t{number}", contract=draft)  # and its columns are found without being asked for
        assert done.loaded
        reasons = set(store.rejects(done.name)["reason"])
        assert not [reason for reason in reasons if "not a " in reason or "neither" in reason], (path.name, reasons)


def test_a_source_without_records_is_an_error(workbench: Path) -> None:
    with pytest.raises(InputError, match=r"x[.]csv"):
        drafted("")
