"""What is written: deterministic bytes, MT940 that another reader understands, and all of it or nothing."""

import hashlib
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from finlab.core.errors import InputError
from finlab.data.company import Company, company, generate
from finlab.data.store import Store

PROGRAM = """
import hashlib, sys, tempfile
from pathlib import Path
from finlab.data.company import company
with tempfile.TemporaryDirectory() as folder:
    written = company(seed=int(sys.argv[1]), years=1).write(Path(folder, "c"))
    digest = hashlib.sha256()
    for path in sorted(written.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(written)).encode() + path.read_bytes())
print(digest.hexdigest())
"""


def _hash(seed: int) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(seed)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    first, again, other = _hash(5), _hash(5), _hash(6)
    assert first == again != other


def test_sizes_years_and_seeds_differ() -> None:
    revenues = {str(company(seed, 1).tables["income_statement"]["revenue"].sum()) for seed in range(5)}
    assert len(revenues) == 5


def test_a_longer_company_has_the_same_truth() -> None:
    assert company(7, 1).truth.season == company(7, 3).truth.season


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, small: Company) -> Path:
    return small.write(tmp_path_factory.mktemp("company") / "practice")


def test_mt940_as_another_package_reads_it(small: Company, written: Path) -> None:
    mt940 = pytest.importorskip("mt940")
    moved = small.tables["bank_transactions"]
    statements = small.tables["bank_statements"].set_index("statement")
    seen, last = [], Decimal(0)
    files = sorted((written / "bank").glob("*.sta"))
    assert len(files) == 36
    for path in files:
        for block in path.read_text().split("\n-\n")[:-1]:
            found = mt940.models.Transactions()
            found.parse(block)
            opening = found.data["final_opening_balance"].amount.amount
            closing = found.data["final_closing_balance"].amount.amount
            amounts = [row.data["amount"].amount for row in found if row.data]
            assert opening == last and opening + sum(amounts) == closing
            day = found.data["final_closing_balance"].date
            known = statements.loc[f"{day.year}-{int(found.data['statement_number']):03d}"]
            assert closing == known["closing"] and pd.Timestamp(day) == known["date"]
            assert found.data["account_identification"].startswith("SYNTHETIC")
            assert all("(synthetic)" in row.data["transaction_details"] for row in found)
            seen += [
                (row.data["bank_reference"], row.data["customer_reference"], row.data["amount"].amount) for row in found
            ]
            last = closing
    assert seen == list(zip(moved["transaction"], moved["document"], moved["amount"], strict=True))


def test_lines_of_mt940_are_as_short_as_the_format_wants(written: Path) -> None:
    for path in (written / "bank").glob("*.sta"):
        for line in path.read_text().splitlines():
            assert len(line) <= 6 * 65 and line.isascii()
            if line.startswith(":61:"):
                reference = line.split("NTRF")[1].split("//")
                assert all(len(part) <= 16 for part in reference)


def test_bank_csv_has_the_same_movements(small: Company, written: Path) -> None:
    parts = [pd.read_csv(path, dtype=str) for path in sorted((written / "bank").glob("*.csv"))]
    found = pd.concat(parts, ignore_index=True)
    moved = small.tables["bank_transactions"]
    assert [Decimal(text) for text in found["amount"]] == moved["amount"].tolist()
    assert found["purpose"].str.startswith("(synthetic)").all()


def test_every_table_can_be_read_back_to_the_cent(small: Company, written: Path) -> None:
    for name, table in small.tables.items():
        back = pd.read_csv(written / f"{name}.csv", dtype=str, keep_default_na=False)
        assert list(back.columns) == list(table.columns) and len(back) == len(table)
        for column in table.columns:
            if str(table[column].dtype).startswith("decimal"):
                assert sum(map(Decimal, back[column])) == table[column].sum(), (name, column)
    assert (pd.read_csv(written / "sales_invoices.csv", nrows=1)["date"].str.len() == 10).all()


def test_it_says_that_it_is_synthetic_wherever_it_appears(small: Company, written: Path) -> None:
    assert "synthetic" in repr(small) and "synthetic" in small._repr_html_() and "(synthetic)" in small.name
    assert "synthetic" in (written / "README.txt").read_text()
    for name, table in small.tables.items():
        assert table.attrs["synthetic"] is True and "(synthetic)" in table.attrs["title"], name
        assert table.attrs["source"].startswith("synthetic")
    for table in ("customers", "suppliers", "items", "employees", "fixed_assets"):
        assert small.tables[table]["name"].str.endswith("(synthetic)").all()
    assert small.tables["bank_statements"]["account"].str.startswith("SYNTHETIC").all()
    assert "synthetic" in small.summary().attrs["source"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, small: Company) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="new or empty"):
        small.write(tmp_path)
    with pytest.raises(InputError, match="new or empty"):
        small.write(tmp_path / "note.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_a_folder_that_cannot_be_is_refused() -> None:
    """As a user runs it, without the type checker that the tests switch on."""
    program = """
from finlab.core.errors import InputError
from finlab.data.company import company
made = company(years=1)
for folder in (None, 3, "", "a\\0b"):
    try:
        made.write(folder)
        print("written")
    except InputError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("folder is ") == 4 and "written" not in done.stdout


def test_a_folder_below_a_file_is_refused(tmp_path: Path, small: Company) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError):
        small.write(tmp_path / "file" / "company")


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_write_that_failed(
    tmp_path: Path, small: Company, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    def fail(*_: object) -> dict[str, str]:
        raise trouble

    monkeypatch.setattr(generate, "bank_csv", fail)  # by then most of it is written
    with pytest.raises((InputError, KeyboardInterrupt)):
        small.write(tmp_path / "practice")
    assert list(tmp_path.iterdir()) == []


def test_writing_into_an_empty_folder_works(tmp_path: Path, small: Company, written: Path) -> None:
    (tmp_path / "there").mkdir()
    again = small.write(tmp_path / "there")

    def hashes(folder: Path) -> list[str]:
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()]

    assert hashes(again) == hashes(written)


def test_a_store_takes_a_source_that_is_open_already(small: Company, store: Store) -> None:
    source = generate._source(small, "departments")
    result = store.load(source, "departments")
    assert result.rows == 7 and result.source.startswith("synthetic") and result.as_of == small.last_day
    with pytest.raises(InputError, match="no option 'sheet'"):
        store.load(source, "departments", sheet="x")
