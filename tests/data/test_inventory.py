"""Taking stock of a store: ages, accounts that add up or do not, rejected records in groups, findings within limits."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data import inventory as room
from finlab.data.catalogue import entries_of, place_of
from finlab.data.contracts import Contract, Field
from finlab.data.inventory import account, age_of, ended, inventory
from finlab.data.lease import lease
from finlab.data.receipts import EXAMPLES, LONGEST, cleanings_in
from finlab.data.store import Store

TODAY = date(2026, 7, 10)
FIELDS = (Field("day", "date", required=True, date_order="ymd"), Field("amount", "decimal"))
SALES = Contract("sales", FIELDS, freshness_days=31)
MAPPING = {"day": "day", "amount": "amount"}


@pytest.fixture
def store(workbench: Path) -> Store:
    return Store(workbench / "finlab.duckdb")


def load(store: Store, name: str, lines: list[str], contract: Contract = SALES, **more: str | None) -> None:
    header = ",".join(["day", "amount", *more])
    path = store.path.with_name(f"{name}.csv")
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    store.load(path, "sales", contract=contract, mapping={**MAPPING, **more}, as_of="2026-07-09")


def change(store: Store, statement: Callable[[str], str]) -> None:
    """Change the content of the table `sales` behind the back of the store."""
    with lease(store.path, write=True) as connection:
        connection.execute(statement(place_of(entries_of(connection)["sales"].content)))


def test_a_store_that_is_not_there_holds_nothing_and_is_not_made(store: Store) -> None:
    found = inventory(store)
    assert found.totals == (0,) * 8 and "no table yet" in found.summary() and not store.path.exists()
    assert found.plot() is not None and "<p>" in found._repr_html_()


def test_every_record_is_accounted_for(store: Store) -> None:
    load(store, "may", ["2026-07-01,1", "2026-07-02,2", ",", "2026-07-03,much", ",5"])
    load(store, "june", ["2026-07-04,3", "nothing,1"])
    found = inventory(store, today=TODAY)
    assert found.totals == (1, 0, 7, 3, 4, 0, 0, 0)
    row = found.tables.iloc[0]
    assert (row["unexplained"], row["unlisted"], row["changed"], row["sources"], row["rows"]) == (0, 0, 0, 2, 3)
    assert found.rejects["records"].sum() == 4 and "add up" in found.summary()
    places = found.rejects.merge(found.examples, on="group")[["column", "line", "record", "value"]]
    assert set(map(tuple, places.to_numpy().tolist()[1:])) >= {("amount", 5, 4, "much"), ("day", 3, 2, "nothing")}
    assert places["line"].tolist().count(6) == 1, "the record without a day"


def test_duplicates_are_counted_apart(store: Store) -> None:
    keyed = Contract("sales", FIELDS, key=("day",))
    load(store, "may", ["2026-07-01,1", "2026-07-01,1", "2026-07-01,2", "2026-07-02,2"], keyed)
    found = inventory(store, today=TODAY)
    assert (found.totals.loaded, found.totals.rejected, found.totals.duplicates) == (2, 1, 1)
    assert found.totals.astray == 0


@pytest.mark.parametrize(
    ("statement", "column", "value"),
    [
        (lambda place: f"DELETE FROM {place} WHERE _row = 1", "changed", -1),
        (lambda place: f"INSERT INTO {place} SELECT * REPLACE (_row + 90 AS _row) FROM {place} LIMIT 1", "changed", 1),
        (lambda _: "DELETE FROM catalogue.rejects", "unlisted", 1),
        (lambda _: "UPDATE catalogue.parts SET loaded = loaded - 1 WHERE records = 3", "unexplained", 1),
    ],
)
def test_what_was_done_behind_the_stores_back_is_seen(
    store: Store, statement: Callable[[str], str], column: str, value: int
) -> None:
    load(store, "may", ["2026-07-01,1", "2026-07-02,2", "2026-07-03,much"])
    store.write("other", pd.DataFrame({"x": [1, 2]}), as_of="2020-01-01")
    change(store, statement)
    found = inventory(store, today=TODAY, look_into=False)
    assert found.tables["table"].tolist() == ["sales", "other"], "what does not add up comes first"
    assert found.tables[column].iloc[0] == value and found.totals.astray == 1 and "do not add up" in found.summary()


@given(st.lists(st.tuples(*[st.integers(0, 99)] * 3), min_size=1, max_size=5), st.integers(0, 5), st.integers(0, 5))
def test_the_accounts_add_up_just_when_they_do(parts: list[tuple[int, int, int]], removed: int, lost: int) -> None:
    frame = pd.DataFrame(parts, columns=["loaded", "rejected", "duplicates"]).assign(
        records=lambda f: f["loaded"] + f["rejected"] + f["duplicates"], listed=lambda f: f["rejected"]
    )
    cleanings = pd.DataFrame({"undone": [False, True], "rows_removed": [removed, 50]})
    rows = int(frame["loaded"].sum()) - removed - lost
    told = account(frame, cleanings, rows)
    assert (told["unexplained"], told["unlisted"], told["changed"], told["cleanings"]) == (0, 0, -lost, 1)


def test_a_cleaning_explains_the_rows_that_are_gone(store: Store) -> None:
    load(store, "may", ["2026-07-01,1", "2026-07-02,2"])
    with lease(store.path, write=True) as connection:
        connection.execute("CREATE SCHEMA history")
        connection.execute(
            "CREATE TABLE history.cleanings (id BIGINT, name VARCHAR, cleaned_at TIMESTAMPTZ, rows_touched BIGINT, "
            "cells_changed BIGINT, rows_removed BIGINT, undone BOOLEAN)"
        )
        connection.execute("INSERT INTO history.cleanings VALUES (1, 'sales', now(), 1, 0, 1, false)")
        connection.execute("INSERT INTO history.cleanings VALUES (2, 'other', now(), 1, 0, 1, false)")
    change(store, lambda place: f"DELETE FROM {place} WHERE _row = 1")
    found = inventory(store, today=TODAY)
    assert found.cleanings["id"].tolist() == [1] and found.tables["cleanings"].iloc[0] == 1
    assert found.totals.astray == 0


def test_a_history_of_another_form_counts_as_none() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA history; CREATE TABLE history.cleanings (id BIGINT)")
        assert cleanings_in(connection, ["sales"]).empty


@pytest.mark.parametrize(
    ("as_of", "kind", "newest", "state"),
    [
        (date(2026, 7, 10), "csv", None, "fresh"),
        (date(2026, 6, 9), "csv", None, "fresh"),
        (date(2026, 6, 8), "csv", None, "stale"),
        (date(2026, 7, 11), "csv", None, "future"),
        (date(1950, 1, 1), "sample", None, "sample"),
        (None, "table", None, "unknown"),
        (date(2026, 7, 10), "csv", date(2026, 6, 8), "stale"),
        (date(2026, 6, 8), "csv", date(2026, 7, 10), "stale"),
    ],
)
def test_the_age_of_a_table(as_of: date | None, kind: str, newest: date | None, state: str) -> None:
    entry = room.Entry("t", "file:///t", kind, "", 1, 1, None, as_of, "{}", "c")
    assert age_of(entry, TODAY, 31, newest).state == state


def test_a_contracts_limit_speaks_of_the_newest_row_and_days_to_come_do_not_count(store: Store) -> None:
    load(store, "old", ["2026-06-01,1", "2030-01-01,2"])
    row = inventory(store, today=TODAY).tables.iloc[0]
    assert (row["state"], row["days"], row["limit"], row["as_of"]) == ("stale", 39, 31, date(2026, 6, 1))
    free = Contract("sales", FIELDS)
    store.drop("sales")
    load(store, "old", ["2026-06-01,1"], free)
    row = inventory(store, today=TODAY).tables.iloc[0]
    assert (row["state"], row["days"], row["limit"]) == ("fresh", 1, 45)


def test_a_fresh_file_whose_rows_end_long_ago_is_named_and_not_judged(store: Store) -> None:
    load(store, "old", ["2014-05-30,1", "2030-01-01,2"], Contract("sales", FIELDS))
    store.write("born", pd.DataFrame({"birthday": [date(1970, 1, 1), None], "x": [1, 2]}), as_of="2026-07-09")
    store.write("plain", pd.DataFrame({"x": [1, 2]}), as_of="2026-07-09")
    found = inventory(store, today=TODAY, look_into=False)
    rows = found.tables.set_index("table")
    assert rows["state"].unique().tolist() == ["fresh"] and rows.loc["plain", "newest"] is None
    assert rows.loc["sales", "newest"] == date(2014, 5, 30) and set(ended(found)["table"]) == {"sales", "born"}
    assert "In 2 that count as fresh the rows end long ago: born on 1970-01-01." in found.summary()


def test_reasons_that_differ_by_a_number_are_one_group_and_examples_come_from_several_files(store: Store) -> None:
    keyed = Contract("sales", FIELDS, key=("day",))
    for name in ("a", "b"):
        lines = [f"2026-07-{day:02d},{100 * (name == 'b') + day}" for day in range(1, 9)]
        load(store, name, [*lines, "2026-06-30,1" if name == "a" else "2026-06-29,1"], keyed)
    found = inventory(store, today=TODAY)
    assert found.rejects["reason"].tolist() == ["the key is in row … already, with other values"]
    assert len(found.examples) == EXAMPLES
    bad = Contract("bad", (Field("amount", "decimal"),))
    for name in ("c", "d"):
        path = store.path.with_name(f"{name}.csv")
        path.write_text("amount\n1\n2\n3\n4\n" + f"{name}\n" * 3)
        store.load(path, "bad", contract=bad, mapping={"amount": "amount"})
    some = inventory(store, ["bad"], today=TODAY).examples
    assert list(some["value"]) == ["c", "d", "c"]


def test_a_value_of_any_length_is_cut(store: Store) -> None:
    load(store, "may", ["2026-07-01,1", "2026-07-01," + "x" * 5000])
    assert len(inventory(store, today=TODAY).examples["value"].iloc[0]) == LONGEST


def test_columns_that_no_field_took_are_named(store: Store) -> None:
    load(store, "may", ["2026-07-01,1,7", "2026-07-02,2,8"], refund=None)
    load(store, "june", ["2026-07-03,1,7"], refund=None)
    assert inventory(store, today=TODAY).unread[["table", "column", "sources"]].to_numpy().tolist() == [
        ["sales", "refund", 2]
    ]


def test_one_content_under_two_names_is_counted_once(store: Store) -> None:
    frame = pd.DataFrame({"x": [1, 2, 3]})
    store.write("one", frame)
    store.write("two", frame)
    found = inventory(store)
    assert found.totals.tables == 2 and found.totals.records == 3 and found.totals.astray == 0


def test_tables_that_were_made_without_finlab_and_broken_views_are_untold(store: Store) -> None:
    store.write("one", pd.DataFrame({"x": [1]}))
    with lease(store.path, write=True) as connection:
        connection.execute('CREATE TABLE main."hand""made" AS SELECT i % 7 AS x, i::VARCHAR AS y FROM range(99) t(i)')
        connection.execute("CREATE TABLE main.base AS SELECT 1 AS x")
        connection.execute("CREATE VIEW main.broken AS SELECT * FROM main.base")
        connection.execute("DROP TABLE main.base")
    found = inventory(store)
    assert found.totals.tables == 3 and found.totals.untold == 2 and found.totals.astray == 0
    assert any("broken was not looked into" in note for note in found.notes)
    rows = dict(zip(found.tables["table"], found.tables["rows"], strict=True))
    assert rows['hand"made'] == 99 and rows["broken"] is None


def test_findings_are_the_worst_first_and_can_be_left_out(store: Store) -> None:
    store.write("a", pd.DataFrame({"x": ["1", "2", None] * 20, "y": range(60)}))
    store.write("b", pd.DataFrame({"x": [None] * 60, "y": range(60)}))
    found = inventory(store)
    order = [("high", "medium", "low").index(level) for level in found.findings["severity"]]
    assert order == sorted(order) and found.findings["table"].iloc[0] == "b"
    assert inventory(store, look_into=False).findings.empty


def test_a_large_table_is_looked_into_by_some_of_its_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("long", pd.DataFrame({"x": range(2000), "y": [None] * 2000}))
    monkeypatch.setattr(room, "PROFILED_CELLS", 400)
    found = inventory(store)
    assert found.notes[0].startswith("long was looked into by one row of 15")
    assert 80 < found.findings["of"].iloc[0] < 320 and found.tables["rows"].iloc[0] == 2000


def test_time_that_is_up_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("one", pd.DataFrame({"x": [1]}))
    monkeypatch.setattr(room, "ALL_SECONDS", -1.0)
    assert inventory(store).notes == ("Not looked into, as the time was up: one.",)
    monkeypatch.undo()
    monkeypatch.setattr(room, "TABLE_SECONDS", 0.0)
    monkeypatch.setattr(room, "_looked_at", lambda connection, *_: connection.execute(
        "SELECT count(*) FROM range(100000000) a, range(1000) b WHERE hash(a.range + b.range) = 1"
    ))  # fmt: skip
    assert inventory(store).notes == ("one was not looked into: it took too long",)


def test_a_table_that_is_not_there_is_named_with_the_nearest(store: Store) -> None:
    load(store, "may", ["2026-07-01,1"])
    with pytest.raises(InputError, match="has no table 'sale'; did you mean 'sales'"):
        inventory(store, ["sale"])


def test_a_picture_of_any_ages(store: Store) -> None:
    assert inventory(store).plot().axes[0].texts[0].get_text() == "No table has an age."
    store.write("old", pd.DataFrame({"x": [1]}), as_of="1990-01-01")
    store.write("new", pd.DataFrame({"x": [2]}), as_of=TODAY)
    axes = inventory(store, today=TODAY).plot().axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["new", "old"]
    assert [text.get_text() for text in axes.texts] == ["0", "13,339"] and axes.get_xlim()[1] == 135


@pytest.mark.parametrize("contract", [False, True])
def test_what_a_reader_remarks_is_kept(workbench: Path, contract: bool) -> None:
    lines = ":20:X\n:25:1\n:28C:1/1\n:60F:C260101EUR10,00\n:61:2601020102C5,00NTRFNONREF\n:62F:C260102EUR16,00\n-\n"
    Path("bank.sta").write_text(lines)
    store, moves = Store(), Contract("moves", (Field("amount", "decimal"),))
    more: dict[str, Any] = {"contract": moves, "mapping": {"amount": "amount"}} if contract else {}
    done = store.load("bank.sta", "bank", **more)
    found = inventory(store, today=TODAY, look_into=False).remarks
    told = [remark for remark in found["remark"] if "does not add up: deviation 1.00 EUR" in remark]
    assert len(told) == 1 and told[0] in done.notes and set(found["table"]) == {"bank"}
    assert "remarks" not in store.loads()["options"].iloc[0]
