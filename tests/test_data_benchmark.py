"""The parts of the data benchmark on a few records, none of them timed: what they count is what is there."""

import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from data_rows import bank, databases, headers, hospital, ledger, load, spend, truth  # noqa: E402
from data_rows.borrowed import camt_files, postgres  # noqa: E402
from harness import Spent, Timing  # noqa: E402

ROWS = 400

# The load


def loaded(path: Path, plain: Path, key: tuple[str, ...] | None) -> load.Loads:
    store, database = path.with_name("ours.duckdb"), path.with_name("theirs.duckdb")
    counts = load.ours(path, store, key)
    load.theirs(plain, database)
    return load.Loads(Timing(2.0, 2.0, 1, Spent(1.0, counts)), Timing(1.0, 1.0, 1, None), store, database)


def test_the_store_and_duckdb_have_the_same_ledger_and_a_change_is_seen(tmp_path: Path) -> None:
    path = ledger.write_ledger(tmp_path / "ledger.csv", ROWS)
    assert path.read_bytes() == ledger.write_ledger(tmp_path / "again.csv", ROWS).read_bytes()
    loads = loaded(path, path, ledger.KEY)
    assert loads.ratio == 2 and loads.counts == {"records": ROWS, "loaded": ROWS, "rejected": 0, "duplicates": 0}
    assert load.differences(loads, path)[0] == 0
    with duckdb.connect(str(loads.database)) as connection:
        connection.execute("UPDATE ledger SET amount = amount + 0.01 WHERE id = 7")
    wrong, told = load.differences(loads, path)
    assert wrong == 1 and "DIFFERENT: amounts" in told


def test_damaged_and_recoded_copies_are_what_they_say(tmp_path: Path) -> None:
    path = ledger.write_ledger(tmp_path / "ledger.csv", ROWS)
    lines = ledger.damage(path, tmp_path / "broken.csv").read_text(encoding="utf-8").splitlines()
    assert sum(line.endswith(",too,many") for line in lines[1:]) == ROWS // ledger.BROKEN_EVERY
    recoded = ledger.recode(path, tmp_path / "cp1252.csv").read_bytes()
    assert b"Caf\xe9" in recoded and recoded.decode("cp1252").encode() == path.read_bytes()


def test_a_shuffled_ledger_has_the_same_records(tmp_path: Path) -> None:
    ordered = ledger.write_ledger(tmp_path / "ledger.csv", ROWS).read_text(encoding="utf-8").splitlines()
    shuffled = ledger.write_ledger(tmp_path / "x.csv", ROWS, shuffled=True).read_text(encoding="utf-8").splitlines()
    assert shuffled != ordered and sorted(shuffled) == sorted(ordered)


@pytest.mark.parametrize(
    ("copy", "key", "rejected"),
    [(None, ledger.COMPOUND_KEY, 0), (None, None, 0), (ledger.damage, ledger.KEY, 4), (ledger.recode, ledger.KEY, 0)],
)
def test_every_record_of_a_row_beside_is_accounted_for(tmp_path: Path, copy, key, rejected: int) -> None:
    path = ledger.write_ledger(tmp_path / "ledger.csv", ROWS)
    loads = loaded(copy(path, tmp_path / "copy.csv") if copy else path, path, key)
    assert loads.counts["rejected"] == rejected and loads.counts["loaded"] == ROWS - rejected


# The spend files


TRUTH = """file,header_record,position,source_column,field,note
one.csv,2,0,Department Family,department,
one.csv,2,1,Date,date,
one.csv,2,2,Supplier,supplier,
one.csv,2,3,Amount,amount,
two.csv,1,0,SUPPLIER NAME,supplier,
two.csv,1,1,Expense Type,expense_type,
two.csv,1,2,Amount £,amount,
"""
ONE = 'Payments over £25k,,,\nDepartment Family,Date,Supplier,Amount\nHM,31/12/2012,Café,"1,000.50"\n,,,\n\nHM,x,B,$1\n'
TWO = "SUPPLIER NAME,Expense Type,Amount £\nAcme,Rent,12.50\n,Rent,7.00\n"


@pytest.fixture
def truths(tmp_path: Path) -> list[truth.Truth]:
    (tmp_path / "header_truth.csv").write_text(TRUTH, encoding="utf-8")
    (tmp_path / "one.csv").write_text(ONE, encoding="cp1252")
    (tmp_path / "two.csv").write_text(TWO, encoding="utf-8")
    return truth.read_truth(tmp_path)


def test_blank_records_count_and_blank_lines_do_not(truths: list[truth.Truth]) -> None:
    assert [truth.held_by(one) for one in truths] == [truth.Held(3, 1), truth.Held(2, 0)]


def test_all_files_load_and_their_records_are_accounted_for(truths: list[truth.Truth], tmp_path: Path) -> None:
    found = spend.load_all(truths, tmp_path / "x.duckdb")
    assert not found.problems and found.off == 0
    assert (found.records, found.rows, found.rejected, found.blank) == (5, 2, 3, 1)
    figures = spend.spend_found(truths)
    assert figures["whole"].figure == 2 and figures["unaccounted"].figure == 0


def test_a_file_that_does_not_load_is_named_and_its_records_are_missing(
    truths: list[truth.Truth], tmp_path: Path
) -> None:
    truths[1].path.write_text(TWO.replace("Amount £", "Colour"), encoding="utf-8")
    truths[1].fields[2] = None
    found = spend.load_all(truths, tmp_path / "x.duckdb")
    assert list(found.problems) == ["two.csv"] and "amount" in found.problems["two.csv"] and found.off == 2


def test_what_a_peer_opens_is_what_raises_nothing(truths: list[truth.Truth]) -> None:
    assert spend.opened_found(truths, "pandas")["pandas"].figure == 1
    assert spend.opened_found(truths, "duckdb")["duckdb"].figure == 1


def test_columns_are_right_or_wrong_by_the_truth(truths: list[truth.Truth]) -> None:
    figures = headers.mapping_found(truths)
    assert (figures["right"].figure, figures["right"].n, figures["wrong"].figure) == (1, 7, 0)
    lying = truths[0]._replace(fields=["department", "date", "entity", None])
    figures = headers.mapping_found([lying])
    assert figures["right"].figure == pytest.approx(2 / 3) and figures["wrong"].figure == 2


# Repair


def test_right_changes_are_those_that_bring_back_the_truth() -> None:
    clean = pd.DataFrame({"a": ["x", "y", "z"], "b": ["1", "2", "3"]})
    dirty = pd.DataFrame({"a": ["x", "q", "z"], "b": ["7", "8", "3"]})
    changes = pd.DataFrame({"row": [1, 0, 2], "column": ["a", "b", "b"], "after": ["y", "9", "4"]})
    found = hospital.mark(dirty, clean, changes)
    assert found == hospital.Marks(1, 3, 3) and found.f1 == pytest.approx(1 / 3)
    assert hospital.mark(clean, clean, changes[:0]).f1 == 0


# Bank statements


STATEMENTS = (
    ":20:A\n:25:1\n:28C:1/1\n:60F:C260105EUR100,00\n:61:260106C12,5NTRFNONREF\n:61:260107RC2,NTRFNONREF\n"
    ":62F:C260107EUR110,50\n-\n"
    ":20:B\n:25:1\n:28C:2/1\n:60F:C260108EUR110,50\n:61:260108D10,NTRFNONREF\n:62F:C260108EUR100,75\n-\n"
)


def test_the_raw_text_says_what_a_statement_lacks(tmp_path: Path) -> None:
    (tmp_path / "x.sta").write_text(STATEMENTS, encoding="utf-8")
    first, second = bank.stated_in(STATEMENTS)
    assert (first.opening, first.closing, first.movements) == (Decimal("100.00"), Decimal("110.50"), Decimal("10.5"))
    assert first.deviation == 0 and second.deviation == Decimal("0.25")
    assert bank.compare_file(tmp_path / "x.sta") == bank.Compared(2, 1, 1, 1, 0, ["x.sta 0.25"])
    figures = bank.mt940_found(tmp_path)
    assert (figures["all"].figure, figures["sound"].figure, figures["off"].figure) == (0.5, 1, 0)


def test_generated_statements_hold_and_an_amount_less_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = bank.camt_found(1)
    assert figures["holds"].figure == 1 and figures["off"].figure == 0 and figures["holds"].n == 35
    write = camt_files.write

    def without_an_entry(statements, *more, **named):
        fewer = [camt_files.Statement(one.account, one.currency, one.opening, one.entries[:-1]) for one in statements]
        return write(fewer, *more, **named)

    monkeypatch.setattr(camt_files, "write", without_an_entry)
    assert bank.camt_found(1)["off"].figure > 0


# Databases


def test_values_that_differ_are_counted_one_by_one() -> None:
    table = databases.every_type(50)
    assert databases.values_that_differ(table, databases.every_type(50)) == 0
    assert all(table[name].null_count for name in table.column_names if name != "row")
    assert databases.values_that_differ(table, table.take(list(reversed(range(50))))) == 0
    texts = table["Text of 名"].to_pylist()
    texts[3] = "another"
    changed = table.set_column(8, "Text of 名", [texts]).cast(table.schema)
    assert databases.values_that_differ(table, changed) == 1
    assert databases.values_that_differ(table, table.slice(1)) == 450
    doubles = table.set_column(2, "amount", table["amount"].cast("float64"))
    assert databases.values_that_differ(table, doubles) == 50


def test_a_round_trip_through_sqlite_changes_nothing() -> None:
    found = databases.round_trip("sqlite", databases.every_type(300))
    assert found["wrong"].figure == 0 and found["wrong"].n == 2700


# What is absent


def test_without_the_real_files_the_rows_say_so_and_keep_their_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINLAB_TESTDATA", "/nowhere")
    rows = [*spend.spend_rows(), *headers.mapping_rows(), *hospital.repair_rows()]
    assert all(row.figure is None and "FINLAB_TESTDATA" in row.note for row in rows)
    assert {row.bar for row in rows} == {"", "= 31", "= 0", ">= 0.95", ">= 0.83"}


def test_without_a_server_the_rows_of_postgresql_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Path:
        pytest.skip("no PostgreSQL server is installed")

    monkeypatch.setattr(postgres, "find_binaries", absent)
    monkeypatch.setattr(databases, "QUICK_ROWS", 30)
    rows = databases.database_rows(True)
    assert [row.figure is None for row in rows] == [False] * 3 + [True] * 3
    assert "no PostgreSQL server is installed" in rows[-1].note and rows[3].bar == "= 0"


def test_a_peer_that_is_not_installed_has_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINLAB_TESTDATA", "/nowhere")
    monkeypatch.setattr(spend, "find_spec", lambda name: None)
    assert len(spend.spend_rows()) == len(spend.SPEND)
