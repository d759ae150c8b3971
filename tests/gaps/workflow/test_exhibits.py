"""The rows of the sources, kept as they were: of frames, Arrow tables, databases and the store, every cell exact."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.frames import content_sha256
from finlab.data.lease import connect_memory, lease
from finlab.data.store import Store
from finlab.gaps.record import Evidence, Gap, Gaps
from finlab.gaps.workflow.exhibits import (
    MOST_ROWS,
    Side,
    cell,
    named_rows,
    read_side,
    side_by_side,
    take_all,
    take_rows,
)

NOWHERE = Path("none.duckdb")
ODD = {
    "decimal": pa.array([Decimal("12345678901234567890.1234"), None, Decimal("-0.0001")], pa.decimal128(38, 4)),
    "float": pa.array([0.1, float("nan"), -0.0]),
    "day": pa.array([date(1, 1, 1), None, date(9999, 12, 31)]),
    "moment": pa.array([datetime(2026, 3, 31, 23, 30, tzinfo=UTC)] * 3, pa.timestamp("us", tz="Europe/Berlin")),
    'odd "name"; --': pa.array(["=1+1", "'; DROP TABLE x; --", "<b>数据\x00"]),
    "flag": pa.array([True, False, None]),
    "bytes": pa.array([b"\x00\xff", b"", None]),
    "list": pa.array([[1, 2], [], None]),
    "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
    "nothing": pa.array([None] * 3, pa.null()),
}


def test_every_cell_becomes_an_exact_text() -> None:
    taken = take_rows("odd", pa.table(ODD), [0, 2], NOWHERE)
    assert taken.records == 3 and taken.rows["row"].to_pylist() == [0, 2] and list(taken.columns) == list(ODD)
    assert taken.rows["cells"].to_pylist() == [
        ["12345678901234567890.1234", "0.1", "0001-01-01", "2026-03-31 23:30:00+00", "=1+1", "true", "\\x00\\xFF",
         "[1, 2]", "a", None],
        ["-0.0001", "-0.0", "9999-12-31", "2026-03-31 23:30:00+00", "<b>数据\x00", None, None, None, "a", None],
    ]  # fmt: skip
    assert taken.side.sha256 == content_sha256(pa.table(ODD))


def test_the_same_rows_come_from_a_frame_arrow_a_database_and_the_store(workbench: Path) -> None:
    frame = pd.DataFrame({"n": range(50), "text": [f"t{n}" for n in range(50)]})
    arrow = pa.Table.from_pandas(frame)
    store = Store(workbench / "s.duckdb")
    store.write("kept", frame)
    expected = [["7", "t7"], ["30", "t30"]]
    for given_table in (frame, arrow, Side(frame, "a file", "abc", date(2026, 3, 31))):
        taken = take_rows("x", given_table, [30, 7, 7], store.path)
        assert taken.rows["cells"].to_pylist() == expected and taken.rows["row"].to_pylist() == [7, 30]
    stored = take_rows("x", "KEPT", [8, 31], store.path)  # a kept table counts its rows from 1
    assert stored.rows["cells"].to_pylist() == expected and stored.records == 50
    assert stored.side.sha256 == store.loads()["sha256"].iloc[0] and stored.side.origin.startswith("kept: ")
    with connect_memory() as connection:
        connection.execute("CREATE TABLE t AS SELECT 10 * n AS _row, n, 't' || n AS text FROM range(50) AS r(n)")
        assert take_rows("x", (connection, "t"), [300, 70], NOWHERE).rows["cells"].to_pylist() == expected
        assert connection.execute("SHOW TABLES").fetchall() == [("t",)]


def test_a_frame_with_numbers_of_its_own_is_asked_by_them() -> None:
    frame = pd.DataFrame({"_row": [30, 10, 20], "n": [3, 1, 2]})
    taken = take_rows("x", frame, [10, 30], NOWHERE)
    assert taken.columns == {"n": "BIGINT"} and taken.rows["cells"].to_pylist() == [["1"], ["3"]]


def test_a_table_that_was_made_without_finlab_is_numbered(workbench: Path) -> None:
    path = workbench / "s.duckdb"
    with lease(path, write=True) as connection:
        connection.execute("CREATE TABLE plain AS SELECT n FROM range(5) AS r(n)")
    assert take_rows("x", "plain", [5], path).rows["cells"].to_pylist() == [["4"]]


@pytest.mark.parametrize("rows", [[3], [-1], [0, 99]])
def test_a_row_that_is_not_there_is_refused(rows: list[int]) -> None:
    with pytest.raises(InputError, match="'bank', which has no such row among its 3"):
        take_rows("bank", pa.table({"n": [1, 2, 3]}), rows, NOWHERE)
    with connect_memory() as connection, pytest.raises(InputError, match="no such row"):
        connection.execute("CREATE TABLE t AS SELECT n AS _row, n FROM range(3) AS r(n)")
        take_rows("bank", (connection, "t"), rows, NOWHERE)


def test_what_is_no_table_is_refused(workbench: Path) -> None:
    with pytest.raises(InputError, match="no table 'nothing'"):
        take_rows("bank", "nothing", [], workbench / "s.duckdb")
    for wrong in (7, None, ("a", "b"), Side(7)):
        with pytest.raises(InputError, match="table is"):
            take_rows("bank", wrong, [], NOWHERE)
    with pytest.raises(InputError, match="more than one column named"):
        take_rows("bank", pd.DataFrame([[1, 2]], columns=["a", "a"]), [0], NOWHERE)
    with connect_memory() as connection, pytest.raises(InputError, match="the table cannot be asked"):
        take_rows("bank", (connection, "nowhere"), [0], NOWHERE)


def gap(*evidence: Evidence, **more: object) -> Gap:
    return Gap(kind="value", sources=("ledger", "bank"), evidence=evidence, **more)


def test_at_most_a_hundred_rows_of_a_source_are_named_by_one_gap() -> None:
    many = gap(Evidence("ledger", tuple(range(500, 0, -1))), Evidence("bank", (3,)))
    named = named_rows(Gaps.of([many, gap(Evidence("ledger", (499, 7)))]))
    assert named == {"bank": [3], "ledger": [*range(1, MOST_ROWS + 1), 499]}
    assert named_rows(Gaps.of([])) == {}


def test_a_side_that_no_gap_can_mean_is_refused_with_the_nearest() -> None:
    table, one = pa.table({"n": [1]}), gap(Evidence("bank", (0,)))
    with pytest.raises(InputError, match="'bnak' is no source of these gaps; did you mean 'bank'"):
        take_all(Gaps.of([one]), {"bnak": table}, NOWHERE)
    with pytest.raises(InputError, match="'till' is no source of these gaps; they are 'bank', 'ledger'"):
        take_all(Gaps.of([one]), {"till": table}, NOWHERE)
    with pytest.raises(InputError, match="did you mean 'ledger'"):
        take_all(Gaps.of([], {"ledger": 3}), {"ledgr": table}, NOWHERE)
    assert take_all(Gaps.of([]), {"anything": table}, NOWHERE)["anything"].rows.num_rows == 0


def test_cells_come_back_by_types_that_are_known_and_no_others() -> None:
    known = {"DECIMAL(18,2)": Decimal("1.50"), "BIGINT": 2, "DATE": None, "VARCHAR": "1.5", "DOUBLE": 1.5}
    with connect_memory() as connection:
        for kind, value in known.items():
            assert connection.execute(f"SELECT {cell(1, kind)} FROM (SELECT ['1.5'] AS cells)").fetchall() == [(value,)]
    for kind in ("ENUM('x')", "DATE); DROP TABLE x; --", "INTEGER[]", "STRUCT(a INTEGER)", "TIMESTAMP_S", ""):
        assert cell(3, kind) == "cells[3]"


@given(st.lists(st.decimals(-(10**12), 10**12, places=4), min_size=1, max_size=5))
@given_settings(max_examples=20)
def test_decimals_survive_the_way_to_text_and_back(values: list[Decimal]) -> None:
    table = pa.table({"v": pa.array(values, pa.decimal128(18, 4))})
    taken = take_rows("x", table, range(len(values)), NOWHERE)
    with connect_memory() as connection:
        connection.register("taken", taken.rows)
        found = connection.execute(f'SELECT {cell(1, taken.columns["v"])} FROM taken ORDER BY "row"').fetchall()
    assert [row[0] for row in found] == values


def test_rows_stand_beside_each_other_by_the_names_of_their_columns() -> None:
    left = pd.DataFrame({"row": [4, 9], "amount": [1, 2], "x": ["a", "b"]}, dtype=object)
    right = pd.DataFrame({"row": [0], "amount": [3], "y": ["c"]}, dtype=object)
    beside = side_by_side({"ledger": left, "bank": right, "till": right.iloc[:0]})
    assert beside.fillna("-").to_numpy().tolist() == [
        ["amount", 1, 2, 3],
        ["x", "a", "b", "-"],
        ["y", "-", "-", "c"],
    ]
    assert list(beside.columns) == ["field", "ledger 4", "ledger 9", "bank 0"]
    assert side_by_side({}).empty


def test_columns_of_one_role_share_a_line_whatever_their_names() -> None:
    left = pd.DataFrame({"row": [4], "amount": [1], "day": ["d"], "amount / value": ["odd"]}, dtype=object)
    right = pd.DataFrame({"row": [0], "amount": ["gross"], "value": [3], "day": ["e"]}, dtype=object)
    roles = {"amount": ["amount", "value"], "date": ["day", "day"], "gross": ["amount", "amount"], "none": ["x", "y"]}
    beside = side_by_side({"ledger": left, "bank": right}, roles)
    assert beside.fillna("-").to_numpy().tolist() == [
        ["amount / value", 1, 3],
        ["day", "d", "e"],
        ["amount / value", "odd", "-"],
        ["amount", "-", "gross"],
    ]
    assert side_by_side({"ledger": left}, roles)["field"].tolist() == ["amount", "day", "amount / value"]


def test_a_column_may_be_called_row_or_field() -> None:
    frame = pd.DataFrame([[4, "mine", "f"]], columns=["row", "row", "field"], dtype=object)
    assert side_by_side({"a": frame}).to_numpy().tolist() == [["row", "mine"], ["field", "f"]]


def test_a_source_is_read_from_a_file_or_the_store(workbench: Path) -> None:
    (workbench / "bank.csv").write_text("day;amount\n2026-03-31;1,50\n")
    read = read_side("bank.csv", decimal=",", delimiter=";")
    assert read.table["amount"].to_pylist() == [Decimal("1.50")] and read.origin.endswith("bank.csv")
    Store().load("bank.csv", "march", as_of="2026-03-31", decimal=",", delimiter=";")
    kept = read_side("March")
    assert kept.table.equals(read.table) and kept.as_of == date(2026, 3, 31) and kept.sha256 == read.sha256
    with pytest.raises(InputError, match="there is no file"):
        read_side("april")
    with pytest.raises(InputError, match="no option 'delimeter'; did you mean 'delimiter'"):
        read_side("bank.csv", delimeter=";")


def test_a_database_that_broke_off_is_refused_in_words() -> None:
    connection = duckdb.connect()
    connection.close()
    with pytest.raises(InputError, match="cannot be asked: Connection Error"):
        take_rows("x", (connection, "t"), [0], NOWHERE)
