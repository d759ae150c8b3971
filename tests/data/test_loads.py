"""Loads with a contract and without: what is new, what is rejected and where it stood, and that the counts add up."""

import csv
import io
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sound_files import BANK, sqlite_file, written_files

from finlab.core.errors import InputError
from finlab.data import loading
from finlab.data.contracts import Check, Contract, write_contract
from finlab.data.fields import Field
from finlab.data.keeping import LoadResult
from finlab.data.mapping import propose
from finlab.data.store import Store

SALES = Contract("sales", [Field("id", "integer", required=True), Field("who"), Field("amount", "decimal")])
KEYED = Contract("sales", SALES.fields, key=["id"])
HEAD = "id,who,amount\n"
SURE = {"id": "id", "who": "who", "amount": "amount"}  # the columns are no question here


def placed(content: str | bytes, name: str = "x.csv") -> Path:
    path = Path(name)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def counts(done: LoadResult) -> tuple[int, int, int, int]:
    assert done.records == done.loaded + done.rejected + done.duplicates
    return done.records, done.loaded, done.rejected, done.duplicates


def ids(store: Store, name: str = "sales") -> list[int]:
    return store.table(name)["id"].tolist()


# Two files of one name


def test_two_files_of_one_name_are_two_tables(store: Store) -> None:
    for folder, value in (("a", 1), ("b", 2)):
        Path(folder).mkdir()
        placed(f"x,y\n{value},{value}\n", f"{folder}/t.csv")
    store.load_many(["a/t.csv", "b/t.csv"], "both")
    assert {name: store.table(name)["x"].tolist() for name in store.tables()} == {"both_t": [1], "both_t_2": [2]}
    store.load_many(["a/t.csv", "b/t.csv"])
    assert store.table("t")["x"].tolist() == [1] and store.table("t_2")["x"].tolist() == [2]


# The same file, and a file that has grown


def test_the_same_file_adds_nothing(store: Store) -> None:
    path = placed(HEAD + "1,a,1.00\n2,b,2.00\n")
    assert counts(store.load(path, "sales", contract=SALES)) == (2, 2, 0, 0)
    for again in (path, placed(path.read_bytes(), "copy.csv")):
        done = store.load(again, "SALES", contract=SALES)
        assert not done.new and counts(done) == (0, 0, 0, 0) and done.rows == 2
    assert len(store.parts("sales")) == 1


ENDS = {"feed": "\n", "windows": "\r\n", "return": "\r"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "gb18030", "utf-16"])
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("closed", [True, False])
def test_a_grown_file_adds_only_its_end(store: Store, encoding: str, ends: str, closed: bool) -> None:
    who = {"cp1252": "Käse", "gb18030": "穆勒公司"}.get(encoding, "Käse 穆勒")
    rows = [f'{n},"{who}\nzwei, ""{n}""",{n}.50' for n in range(1, 6)]
    old = ENDS[ends].join([HEAD.strip(), *rows[:3]]) + ENDS[ends] * closed
    new = old + ENDS[ends] * (not closed) + ENDS[ends].join(rows[3:]) + ENDS[ends] * closed
    assert counts(store.load(placed(old.encode(encoding)), "sales", contract=SALES)) == (3, 3, 0, 0)
    if encoding == "utf-16":  # its end cannot be read alone; without a key it cannot be told what is new
        with pytest.raises(InputError, match="has changed since"):
            store.load(placed(new.encode(encoding)), "sales", contract=SALES)
        return
    done = store.load(placed(new.encode(encoding)), "sales", contract=SALES)
    assert counts(done) == (2, 2, 0, 0) and done.rows == 5
    assert ids(store) == [1, 2, 3, 4, 5]
    assert store.table("sales")["who"].str.startswith(f"{who}\nzwei").all()
    assert store.parts("sales")["first_record"].tolist() == [0, 3]
    assert [store.origin("sales", row)[1] for row in (1, 3, 4, 5)] == [1, 3, 4, 5]


def test_a_grown_utf16_file_with_a_key_adds_its_end(store: Store) -> None:
    rows = [f"{n},Käse,{n}.50\n" for n in range(1, 6)]
    store.load(placed((HEAD + "".join(rows[:3])).encode("utf-16")), "sales", contract=KEYED)
    done = store.load(placed((HEAD + "".join(rows)).encode("utf-16")), "sales", contract=KEYED)
    assert counts(done) == (5, 2, 0, 3) and ids(store) == [1, 2, 3, 4, 5]


def test_rejects_of_a_grown_file_keep_their_line_and_record(store: Store) -> None:
    old = HEAD + '1,"a\nb",1.00\nbad,x,1.00\n\n2,c,2.00\n'
    store.load(placed(old), "sales", contract=SALES, mapping=SURE)
    done = store.load(placed(old + '3,"d\n\ne",3.00\n4,f,wrong\n'), "sales", contract=SALES, mapping=SURE)
    assert counts(done) == (2, 1, 1, 0)
    rejects = store.rejects("sales")
    assert rejects["line"].tolist() == [4, 10] and rejects["record"].tolist() == [2, 5]
    assert rejects["value"].tolist() == ["bad", "wrong"] and rejects["column"].tolist() == ["id", "amount"]


def test_a_file_that_goes_on_within_its_last_line_is_not_grown(store: Store) -> None:
    store.load(placed(HEAD + "1,a,1.00\n2,b,2"), "sales", contract=SALES)
    with pytest.raises(InputError, match="has changed since"):
        store.load(placed(HEAD + "1,a,1.00\n2,b,25.00\n"), "sales", contract=SALES)
    assert store.table("sales")["amount"].tolist() == [Decimal(1), Decimal(2)]


def test_a_file_may_grow_many_times(store: Store) -> None:
    text = HEAD
    for number in range(6):
        text += "".join(f"{10 * number + n},w,1.00\n" for n in range(number + 1))
        assert store.load(placed(text), "sales", contract=SALES).loaded == number + 1
    parts = store.parts("sales")
    assert parts["loaded"].tolist() == [1, 2, 3, 4, 5, 6] and parts["records"].sum() == 21
    ends = (parts["first_row"] + parts["records"]).tolist()
    assert parts["first_row"].tolist() == [0, *ends[:-1]]


# A file that has changed otherwise


def test_a_changed_file_without_a_key_is_refused_and_with_one_sorted_out(store: Store) -> None:
    before, after = HEAD + "1,a,1.00\n2,b,2.00\n", HEAD + "3,c,3.00\n1,a,1.00\n2,b,99.00\n"
    store.load(placed(before), "plain", contract=SALES)
    store.load(placed(before), "sales", contract=KEYED)
    with pytest.raises(InputError, match="cannot be told apart without a key"):
        store.load(placed(after), "plain", contract=SALES)
    assert counts(store.load(placed(after), "sales", contract=KEYED)) == (3, 1, 1, 1)
    assert ids(store) == [1, 2, 3] and store.table("sales")["amount"].tolist() == [1, 2, 3]
    row = store.rejects("sales").iloc[0]
    assert (row["record"], row["line"], row["column"], row["value"]) == (3, 4, "id", "2")
    assert "row 2 already, with other values" in row["reason"]


def test_keys_within_one_file(store: Store) -> None:
    text = HEAD + "1,a,1.00\n1,a,1.00\n2,b,2.00\n2,b,3.00\n,c,1.00\n"
    assert counts(store.load(placed(text), "sales", contract=KEYED)) == (5, 2, 2, 1)
    assert store.rejects("sales")["record"].tolist() == [4, 5] and ids(store) == [1, 2]


def test_a_unique_field_is_a_key_of_its_own(store: Store) -> None:
    contract = Contract("people", [Field("id", "integer"), Field("name", unique=True)], key=["id"])
    done = store.load(
        placed("id,name\n1,a\n2,a\n3,b\n3,b\n4,\n5,\n"), "people", contract=contract, mapping={"name": "name"}
    )
    assert counts(done) == (6, 4, 1, 1) and ids(store, "people") == [1, 3, 4, 5]


def test_replace_begins_anew(store: Store) -> None:
    store.load(placed(HEAD + "1,a,1.00\n"), "sales", contract=SALES)
    done = store.load(placed(HEAD + "2,b,2.00\n"), "sales", contract=SALES, replace=True)
    assert done.rows == 1 and ids(store) == [2] and len(store.parts("sales")) == 1
    same = store.load(Path("x.csv"), "sales", contract=SALES, replace=True)
    assert counts(same) == (1, 1, 0, 0) and len(store.parts("sales")) == 1
    assert store.load(Path("x.csv"), "sales", contract=KEYED, replace=True).loaded == 1


def test_another_contract_and_a_table_without_one_are_refused(store: Store) -> None:
    path = placed(HEAD + "1,a,1.00\n")
    store.load(path, "sales", contract=SALES)
    with pytest.raises(InputError, match="'sales' has another contract"):
        store.load(path, "sales", contract=KEYED)
    store.load(path, "bare")
    with pytest.raises(InputError, match="'bare' has no contract"):
        store.load(path, "bare", contract=SALES)
    assert store.load(path, "bare", contract=SALES, replace=True).rows == 1


def test_a_plain_load_over_a_contract_s_table_replaces_it(store: Store) -> None:
    store.load(placed(HEAD + "1,a,1.00\nbad,a,1.00\n"), "sales", contract=SALES, mapping=SURE)
    done = store.load(placed("other\n7\n"), "sales")
    assert done.rows == 1 and store.table("sales")["other"].tolist() == [7]
    assert store.rejects("sales").empty and len(store.parts("sales")) == 1
    with pytest.raises(InputError, match="has no contract"):
        store.load(placed(HEAD + "1,a,1.00\n"), "sales", contract=SALES)
    with pytest.raises(InputError, match="belong to a contract"):
        store.load(Path("x.csv"), "sales", replace=True)


def test_rows_of_many_loads_are_numbered_without_overlap(store: Store) -> None:
    for number in range(5):
        rows = [f"{10 * number + n},a,{'x' if n == number else 1}\n" for n in range(6)]
        assert counts(store.load(placed(HEAD + "".join(rows), f"f{number}.csv"), "sales", contract=SALES))[0] == 6
    parts = store.parts("sales")
    assert parts["first_row"].tolist() == [0, 6, 12, 18, 24]
    place = store.sql("SELECT content FROM catalogue.loads WHERE current")["content"][0]
    numbers = store.sql(f'SELECT _row, id FROM content."{place}" ORDER BY _row')
    assert numbers["_row"].is_unique and len(numbers) == 25
    for row, which in zip(numbers["_row"], numbers["id"], strict=True):
        source, record = store.origin("sales", int(row))
        assert source.endswith(f"f{which // 10}.csv") and record == which % 10 + 1
    for bad in (0, 31, -1):
        with pytest.raises(InputError, match="row is"):
            store.origin("sales", bad)


# Where a reject stood: an independent count with Python's csv


def begin_lines(text: str, delimiter: str = ",") -> list[tuple[int, list[str]]]:
    """Each record that Python's csv finds with the physical line at which it begins; blank lines are none."""
    reader, found, begin = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [], 1
    for values in reader:
        if values:
            found.append((begin, values))
        begin = reader.line_num + 1
    return found


LONG = '"a ""quoted"" word\nand\n\nmore"'
MIXED = "".join(
    f"{'bad' if n % 3 == 0 else n},{LONG if n % 4 == 0 else 'x'},{n}.00\n" + "\n" * (n % 5 == 0) for n in range(1, 60)
)


@pytest.mark.parametrize("open_end", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("damage", ["", "9999,x\n9998,x,1.00,more\n"])
@pytest.mark.parametrize("contract", [None, SALES])
def test_rejects_carry_their_physical_line(
    store: Store, encoding: str, damage: str, open_end: bool, contract: Contract | None
) -> None:
    text = (HEAD + damage + MIXED).replace("x", "ü")
    text = text.rstrip("\n") if open_end else text
    more = {"contract": contract, "mapping": SURE} if contract else {}
    store.load(placed(text.encode(encoding)), "sales", encoding=encoding, **more)
    rejects = store.rejects("sales")
    short_is_fine = contract is not None  # a contract fills a short record up
    expected = [
        (place, line)
        for place, (line, values) in enumerate(begin_lines(text)[1:], start=1)
        if (contract and values[0] == "bad") or len(values) > 3 or (len(values) < 3 and not short_is_fine)
    ]
    assert list(zip(rejects["record"], rejects["line"], strict=True)) == expected
    assert expected or (contract is None and not damage)


@pytest.mark.parametrize("lines", ["one line each", "many lines", "an open end", "many lines and an open end"])
def test_the_line_of_the_last_reject(store: Store, lines: str) -> None:
    first = '1,"a\nb",1.00\n' if "many" in lines else "1,a,1.00\n"
    text = HEAD + first + "bad,c,2.00" + "\n" * ("open" not in lines)
    store.load(placed(text), "sales", contract=SALES, mapping=SURE)
    assert store.rejects("sales")["line"].tolist() == [4 if "many" in lines else 3]


def test_short_and_long_rows(store: Store) -> None:
    text = HEAD + "1\n2,b\n3,c,3.00\n4,d,4.00,,\n5,e,5.00,more\n\n,,\n6,f,6.00\n"
    done = store.load(placed(text), "sales", contract=SALES)
    assert counts(done) == (7, 5, 2, 0) and ids(store) == [1, 2, 3, 4, 6]
    rejects = store.rejects("sales")
    assert rejects["line"].tolist() == [6, 8] and rejects["record"].tolist() == [5, 6]
    assert rejects["reason"].tolist() == ["4 values, 3 expected", "a blank record"]
    plain = store.load(placed(text + "7,g,7.00\n8,h,8.00\n"), "plain")
    assert counts(plain) == (9, 5, 4, 0)


def test_most_records_that_do_not_fit_are_an_error(store: Store) -> None:
    with pytest.raises(InputError, match=r"none of the 2 records fits the contract 'sales'; the first is line 2"):
        store.load(placed(HEAD + "a,b,1.00\nc,d,1.00\n"), "sales", contract=SALES, mapping=SURE)
    with pytest.raises(InputError, match="3 of 4 records do not fit; the first is line 3"):
        store.load(placed(HEAD + "1,a,1\n2\n3\n4\n"), "sales")
    assert not store.path.exists()


def test_blank_records_are_no_misfits(store: Store) -> None:
    done = store.load(placed(HEAD + "1,a,1\n" + ",,\n" * 9), "sales")
    assert counts(done) == (10, 1, 9, 0) and set(store.rejects("sales")["reason"]) == {"a blank record"}
    with pytest.raises(InputError, match="3 of 3 records do not fit"):
        store.load(placed(HEAD + ",,\n" * 3), "none")


# What is not certain is asked


def test_a_mark_that_nothing_proves_is_asked_about_and_another_reading_is_said(store: Store) -> None:
    contract = Contract("sums", [Field("id", "integer"), Field("amount", "decimal", digits=3)])
    path = placed("id;amount\n1;1.500\n2;750\n3;12.000\n")
    with pytest.raises(InputError, match=r"column 'amount': nothing proves whether the mark in '1.500' is that of"):
        store.load(path, "sums", contract=contract)
    assert not store.path.exists()
    assert store.load(path, "sums", contract=contract, decimal=",").loaded == 3
    assert store.table("sums")["amount"].tolist() == [1500, 750, 12000]
    assert not store.load(path, "sums", contract=contract, decimal=",").new
    assert not store.load(path, "sums", contract=contract, encoding="utf-8", decimal=",").new
    with pytest.raises(InputError, match=r"in 'sums' already, read with decimal=',', now decimal='.'"):
        store.load(path, "sums", contract=contract, decimal=".")
    done = store.load(path, "sums", contract=contract, decimal=".", replace=True)
    assert done.loaded == 3 and store.table("sums")["amount"].sum() == Decimal("763.500")
    texts = Contract("texts", [Field("id", "integer"), Field("amount", "text")])
    assert store.load(path, "texts", contract=texts).loaded == 3  # no number is wanted, so nothing is asked


def test_the_order_of_day_and_month(store: Store) -> None:
    contract = Contract("days", [Field("day", "date", required=True), Field("n", "integer")])
    silent = "day,n\n" + "".join(f"0{n % 9 + 1}/0{n % 7 + 1}/2026,{n}\n" for n in range(5000))
    with pytest.raises(InputError, match="nothing proves whether '01/01/2026' has the day or the month first"):
        store.load(placed(silent), "days", contract=contract)
    assert not store.path.exists()
    for late, expected in (("25/03/2026,9\n", date(2026, 1, 8)), ("03/25/2026,9\n", date(2026, 8, 1))):
        store.load(placed(silent + late), "days", contract=contract, replace=True)  # a late row proves it
        assert store.rejects("days").empty and store.table("days")["day"].dt.date[7] == expected
    done = store.load(placed(silent), "told", contract=contract, date_order="mdy")
    assert done.loaded == 5000 and store.table("told")["day"].dt.date[7] == date(2026, 8, 1)
    both = silent + "25/03/2026,9\n03/25/2026,9\n"
    with pytest.raises(InputError, match="nothing proves"):
        store.load(placed(both), "both", contract=contract)
    done = store.load(placed(both), "both", contract=contract, date_order="dmy")
    assert counts(done) == (5002, 5001, 1, 0) and store.rejects("both")["line"].tolist() == [5003]


def test_amounts_in_another_currency_are_rejected(store: Store) -> None:
    contract = Contract("paid", [Field("amount", "decimal", currency="GBP"), Field("who")])
    text = 'amount,who\n"£1,234.50",a\n$5.00,b\nGBP 7,c\n(£3.25),d\n€9,e\n-£1.00,f\n£1.00-,g\n'
    done = store.load(placed(text.encode("cp1252")), "paid", contract=contract)
    assert counts(done) == (7, 5, 2, 0)
    found = store.table("paid")["amount"].tolist()
    assert found == list(map(Decimal, ("1234.50", "7", "-3.25", "-1.00", "-1.00")))
    assert store.rejects("paid")["value"].tolist() == ["$5.00", "€9"]


ODD = "code,thing,sum\n1,a,1.00\n2,b,2.00\n"


def test_answers_about_columns(store: Store) -> None:
    path = placed(ODD)
    with pytest.raises(InputError, match=r"(?s)columns are not certain:.*mapping=\{'code': 'id'\}"):
        store.load(path, "sales", contract=SALES)
    with pytest.raises(InputError, match=r"no column for 'id', required by contract 'sales'; .*'code'"):
        store.load(path, "sales", contract=SALES, mapping={"code": None})
    told = {"code": "id", "thing": "who", "sum": "amount"}
    mapping = propose(["code", "thing", "sum"], [["1", "a", "1.00"]], SALES)
    for column, field in told.items():
        mapping = mapping.with_choice(column, field)
    Path("answers.toml").write_text(mapping.to_toml(), encoding="utf-8")
    write_contract(SALES, "sales.toml")
    for number, answers in enumerate([told, mapping, "answers.toml", Path("answers.toml")]):
        done = store.load(path, f"t{number}", contract="sales.toml", mapping=answers)
        assert done.loaded == 2 and store.table(f"t{number}")["amount"].tolist() == [1, 2]
    done = store.load(path, "less", contract=Path("sales.toml"), mapping={**told, "thing": None})
    assert store.table("less")["who"].isna().all() and "'thing'" in " ".join(done.notes)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"cod": "id"}, "cod"),
        ({"code": "ID number"}, "ID number"),
        ("nothing.toml", "nothing.toml"),
        ("x.csv", "x.csv"),
    ],
)
def test_wrong_answers(store: Store, answers: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        store.load(placed(ODD), "sales", contract=SALES, mapping=answers)
    assert not store.path.exists()


@pytest.mark.parametrize("contract", ["nothing.toml", "x.csv", Path(), Path("x.toml")])
def test_wrong_contracts(store: Store, contract: Any) -> None:
    with pytest.raises(InputError):
        store.load(placed(HEAD + "1,a,1.00\n"), "sales", contract=contract)
    assert not store.path.exists()


# Every kind of source


def test_every_kind_of_source_with_a_contract(store: Store, testdata: Path) -> None:
    files = written_files()
    for name in ("comma.csv", "western.csv", "tabs.tsv", "list.json", "lines.jsonl", "table.parquet", "book.xlsx"):
        done = store.load(placed(files[name], name), "moves", contract=BANK, replace=True)
        assert counts(done) == (28, 28, 0, 0), name
        table = store.table("moves")
        assert table["day"].dt.date[0] == date(2026, 1, 1) and table["amount"][27] == Decimal("736.28"), name
        assert not store.load(Path(name), "moves", contract=BANK).new
    url = f"sqlite:///{sqlite_file(Path('b.db').absolute())}"
    assert store.load(url, "moves", contract=BANK, replace=True, table="moves").loaded == 28
    frame = store.table("moves")
    assert store.load(frame, "framed", contract=BANK).loaded == 28
    assert not store.load(frame.copy(), "framed", contract=BANK).new
    assert store.load(frame.iloc[:5], "framed", contract=BANK).loaded == 5  # another frame is other data
    pd.testing.assert_frame_equal(store.table("framed").iloc[:28], frame)
    arrow = pa.table({"date": [date(2026, 1, 1)], "amount": [1.5], "text": ["x"], "currency": ["EUR"]})
    assert store.load(arrow, "arrow", contract=BANK).loaded == 1
    answers = {"booking_date": "day", "amount": "amount", "purpose": "text", "currency": "currency"}
    rest = dict.fromkeys(set(store.load(testdata / "formats" / "abnamro.sta", "raw").name and _columns(store, "raw")))
    done = store.load(testdata / "formats" / "abnamro.sta", "mt", contract=BANK, mapping={**rest, **answers})
    assert done.loaded == done.records == len(store.table("raw")) > 0
    assert store.table("mt")["amount"].sum() == store.table("raw")["amount"].sum()


def _columns(store: Store, name: str) -> list[str]:
    return store.table(name).columns.tolist()


def test_typed_values_that_would_lose_something_are_rejected(store: Store) -> None:
    contract = Contract("typed", [Field("n", "integer"), Field("amount", "decimal"), Field("day", "date")])
    frame = pd.DataFrame(
        {
            "n": [1.0, 2.5, 3.0, float("nan")],
            "amount": [0.1 + 0.2, 1.0, 0.125, 4.0],
            "day": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04 12:00"], format="ISO8601"),
        }
    )
    done = store.load(frame, "typed", contract=contract, mapping={"n": "n", "amount": "amount", "day": "day"})
    assert counts(done) == (4, 1, 3, 0)
    assert store.table("typed")["amount"].tolist() == [Decimal("0.30")]
    assert store.rejects("typed")["column"].tolist() == ["n", "amount", "day"]


def test_checks_and_limits_say_what_is_wrong(store: Store) -> None:
    fields = [
        Field("id", "integer", least=1, most=99),
        Field("kind", one_of=["a", "b"]),
        Field("code", pattern="[A-Z]+"),
    ]
    contract = Contract("c", fields, checks=[Check("even", "id % 2 = 0", "an odd number"), Check("boom", "1 / 0 > id")])
    text = "id,kind,code\n2,a,X\n0,a,X\n100,a,X\n4,c,X\n6,b,x\n7,b,Y\n8,,\n"
    done = store.load(placed(text), "c", contract=contract)
    assert counts(done) == (7, 2, 5, 0) and ids(store, "c") == [2, 8]
    assert store.rejects("c")["reason"].tolist() == [
        "id is below 1",
        "id is above 99",
        "kind is none of a, b",
        "code does not look like [A-Z]+",
        "an odd number",
    ]


# Two ways of reading, one table

CELLS = st.text(alphabet='ab,"\n 1.;', max_size=6)


def written(rows: Sequence[Sequence[str]], end: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerows(rows)
    return out.getvalue()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    data=st.data(),
)
def test_sound_files_are_the_same_table_by_both_ways(
    store: Store, rows: list[list[str]], end: str, data: st.DataObject
) -> None:
    rows = [[str(place), *row] for place, row in enumerate(rows)]
    blank = [end * data.draw(st.sampled_from([0, 0, 0, 1, 2])) for _ in rows]  # lines between records
    text = written([["n", "a", "b", "c"]], end)
    path = placed(text + "".join(written([row], end) + more for row, more in zip(rows, blank, strict=True)))
    told = {"header": True, "delimiter": ",", "decimal": ".", "date_order": "dmy", "text": ["a", "b", "c"]}
    fast = store.load(path, "fast", **told)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "is_sound", lambda text: False)
        store.drop("fast")
        slow = store.load(path, "slow", **told)
    with_cells = [[cell or None for cell in row[1:]] for row in rows]
    assert counts(fast) == counts(slow) == (len(rows), len(rows), 0, 0)
    found = store.table("slow")[["a", "b", "c"]].astype(object).where(lambda frame: frame.notna(), None)
    store.drop("slow")
    again = store.load(path, "fast", **told)
    assert again.new
    first = store.table("fast")[["a", "b", "c"]].astype(object).where(lambda frame: frame.notna(), None)
    assert first.values.tolist() == found.values.tolist() == with_cells


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.one_of(
            st.lists(st.sampled_from(["1", "x", "", "2.50", '"q"', '"q, q"', '"q\nq"']), max_size=5).map(",".join),
            st.text(alphabet='ab,"\n ', max_size=10),
        ),
        max_size=10,
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    last=st.booleans(),
)
def test_whatever_the_file_its_records_are_accounted_for(store: Store, lines: list[str], end: str, last: bool) -> None:
    text = end.join(["id,who,amount", "7,a,1.00", *lines]) + end * last
    path = placed(text)
    try:
        done = store.load(path, "sales", contract=SALES, replace=True, delimiter=",", header=True)
    except InputError:
        return
    records, loaded, rejected, _ = counts(done)
    assert store.table("sales").shape[0] == loaded and len(store.rejects("sales")) == rejected
    try:
        expected = sum(1 for _ in csv.reader(io.StringIO(text, newline=""), strict=True) if _)
    except csv.Error:
        return
    assert records == expected - 1
