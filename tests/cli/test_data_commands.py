"""`finlab data`: from files with different headers to one table, what was rejected, cleaning and undoing."""

import re
from pathlib import Path

import pandas as pd
import pytest
from openpyxl import load_workbook

from finlab.cli import main
from finlab.cli.app import INTERRUPTED, OK, WRONG_INPUT
from finlab.data.store import Store

CONTRACT = """
name = "spend"
[fields.date]
type = "date"
date_order = "dmy"
required = true
[fields.supplier]
required = true
[fields.amount]
type = "decimal"
currency = "GBP"
required = true
"""
RULES = """
[[rule]]
kind = "duplicates"
columns = ["date", "supplier", "amount"]
"""


@pytest.fixture
def finlab(workbench: Path, capsys: pytest.CaptureFixture[str]):
    """Call the command line in an empty folder: (exit code, standard output, standard error)."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["data", *arguments])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return call


@pytest.fixture
def spend(workbench: Path) -> Path:
    """A folder with two months of spend under different headers, a contract and rules."""
    folder = workbench / "spend"
    folder.mkdir()
    (folder / "april.csv").write_text("Date,Supplier,Amount\n13/04/2026,Acme,£5\n14/04/2026,,7\n14/04/2026,Bolt,soon\n")
    (folder / "may.csv").write_text("Payment Date;Supplier;Worth\n13.05.2026;=cmd|1;9,50\n13.05.2026;=cmd|1;9,50\n")
    (workbench / "spend.toml").write_text(CONTRACT)
    (workbench / "rules.toml").write_text(RULES)
    return folder


def load_both(finlab) -> tuple[int, str, str]:
    return finlab("load", "spend", "--name", "spend", "--contract", "spend.toml", "-m", "Worth=amount")


def test_a_folder_becomes_one_table_and_every_record_is_accounted_for(finlab, spend: Path) -> None:
    code, out, _ = load_both(finlab)
    assert code == OK
    assert "2 sources, 2 with something new; 5 records: 3 loaded, 2 rejected, 0 duplicates" in out
    code, out, _ = load_both(finlab)
    assert code == OK and "2 sources, 0 with something new" in out
    assert Store().table("spend")["amount"].sum() == 24


def test_what_is_not_certain_is_asked_and_the_answer_is_kept(finlab, spend: Path) -> None:
    code, _, err = finlab("load", "spend/may.csv", "--name", "may", "--contract", "spend.toml")
    assert code == WRONG_INPUT and "(-: no field), for instance -m Worth=amount" in err and "mapping=" not in err
    arguments = ("map", "spend/may.csv", "--contract", "spend.toml", "-m", "Worth=amount", "--output", "may.toml")
    code, out, _ = finlab(*arguments)
    assert code == OK and "'Worth' -> amount" in out
    code, out, _ = finlab("load", "spend/may.csv", "--name", "may", "--contract", "spend.toml", "--mapping", "may.toml")
    assert code == OK and out.startswith("may: 2 rows")


def test_a_contract_is_drafted_from_a_file_that_then_fits_it(finlab, spend: Path) -> None:
    code, out, _ = finlab("map", "spend/april.csv", "--output", "draft.toml")
    assert code == OK and out == Path("draft.toml").read_text() + "\n" and 'name = "april"' in out
    code, out, _ = finlab("load", "spend/april.csv", "--contract", "draft.toml")
    assert code == OK and "rejected" not in out
    assert finlab("map", "spend/april.csv", "-m", "Amount=amount")[0] == WRONG_INPUT


def test_rejects_are_listed_with_line_and_reason(finlab, spend: Path) -> None:
    load_both(finlab)
    code, out, err = finlab("rejects", "spend")
    assert code == OK and "2 records were rejected" in err
    assert "april.csv" in out and "supplier is missing" in out and "soon" in out
    code, _, err = finlab("rejects", "spend", "--output", "rejects.csv")
    assert code == OK and pd.read_csv("rejects.csv")["line"].tolist() == [3, 4]
    assert finlab("rejects", "spend", "--output", "rejects.txt")[0] == WRONG_INPUT


def test_a_formula_in_a_reject_is_no_formula_in_excel(finlab, spend: Path) -> None:
    (spend / "june.csv").write_text("Date,Supplier,Amount\n01/06/2026,Acme,=1+1\n02/06/2026,Acme,1\n")
    finlab("load", "spend/june.csv", "--name", "june", "--contract", "spend.toml")
    finlab("rejects", "june", "--output", "rejects.xlsx")
    sheet = load_workbook("rejects.xlsx").worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str) and "1+1" in cell.value]
    assert cells and all(cell.data_type == "s" for cell in cells)


def test_cleaning_is_rehearsed_done_and_undone(finlab, spend: Path) -> None:
    load_both(finlab)
    code, out, _ = finlab("clean", "spend", "rules.toml", "--dry-run")
    assert code == OK and "nothing changed" in out and len(Store().table("spend")) == 3
    code, out, _ = finlab("clean", "spend", "rules.toml")
    assert code == OK and "1 rows removed" in out and len(Store().table("spend")) == 2
    code, _, err = finlab("undo", "spend")
    assert code == OK and "cleaning 1" in err and len(Store().table("spend")) == 3
    assert finlab("undo", "spend")[0] == WRONG_INPUT


def test_a_table_with_a_cleaning_still_takes_new_records(finlab, spend: Path) -> None:
    load_both(finlab)
    finlab("clean", "spend", "rules.toml")
    with (spend / "april.csv").open("a") as file:
        file.write("15/04/2026,Cord,3\n")
    code, out, _ = finlab("load", "spend/april.csv", "--name", "spend", "--contract", "spend.toml")
    assert code == OK and "1 records: 1 loaded" in out and len(Store().table("spend")) == 3
    assert finlab("undo", "spend")[0] == OK and len(Store().table("spend")) == 4


def test_a_profile_says_what_is_wrong(finlab, spend: Path) -> None:
    load_both(finlab)
    code, out, _ = finlab("profile", "spend")
    assert code == OK and "repeat an earlier row in every column" in out


def test_what_is_refused_for_one_reason_is_told_once_in_the_words_of_the_command_line(finlab, spend: Path) -> None:
    load_both(finlab)
    (spend.parent / "spend.toml").write_text(CONTRACT + '[fields.note]\ntitle = "what for"\n')
    for name in ("june", "july"):
        (spend / f"{name}.csv").write_text("Date,Supplier,Amount\n01/06/2026,Acme,1\n")
    code, out, err = finlab("load", "spend/june.csv", "spend/july.csv", "--contract", "spend.toml")
    assert code == WRONG_INPUT and out.rstrip().endswith("0 duplicates; 2 refused")
    assert err.startswith("finlab: refused: june.csv and 1 more: ") and err.count("\n") == 1
    assert "say --replace, or" in err and "replace=True" not in err


def test_a_table_is_named_by_the_contract_or_else_by_its_source(finlab, spend: Path) -> None:
    assert finlab("load", "spend/april.csv", "--contract", "spend.toml")[0] == OK and Store().tables() == ["spend"]
    (spend / "2026.csv").write_text("a,b\n1,2\n")
    code, _, _ = finlab("load", "spend/may.csv", "spend/2026.csv")
    assert code == OK and sorted(Store().tables()) == ["may", "spend", "t_2026"]
    assert finlab("load", "spend/a*.csv", "--name", "wild")[0] == OK and "wild_april" in Store().tables()
    code, _, err = finlab("load", "sqlite:///nothing.db")
    assert code == WRONG_INPUT and "no SQLite file" in err


def test_a_mapping_without_a_contract_is_refused_for_many_sources_too(finlab, spend: Path) -> None:
    code, _, err = finlab("load", "spend", "-m", "Worth=amount")
    assert code == WRONG_INPUT and "mapping belongs to a contract" in err and Store().tables() == []


def test_ls_shows_counts_days_and_the_names_of_files(finlab, workbench: Path) -> None:
    folder = workbench / ("deep" * 12)
    folder.mkdir()
    path = folder / "of April.csv"
    path.write_text("day,x\n" + "2026-04-01,1\n" * 1234)
    Store().load(path, "april", as_of="2026-04-30")
    _, out, _ = finlab("ls")
    head, row = out.splitlines()
    assert "1,234" in row and "2026-04-30  20" in row and row.endswith("deep/of April.csv") and len(row) < 120
    assert head.startswith("name ") and row.startswith("april ")


def test_show_tells_the_types_of_the_store_and_nothing_acts_on_the_terminal(finlab, workbench: Path) -> None:
    frame = pd.DataFrame({"who": ["Ann\x1b[31m", None], "n": [1, 22], "day": pd.to_datetime(["2026-04-01"] * 2)})
    Store().write("t", frame)
    _, out, err = finlab("show", "t")
    head, first, second = out.splitlines()
    assert "Ann\\x1b[31m" in first and "\x1b" not in out and second.startswith("NULL ") and "00:00" not in out
    assert head.index("n ") == first.index("1  2026") == second.index("22") + 1
    assert "t: 2 rows, 3 columns" in err and "who  VARCHAR" in err and "n    BIGINT" in err
    assert "it has 't'" in finlab("show", "other")[2]


def test_an_example_of_each_reason_comes_first_and_blank_records_last(finlab, spend: Path) -> None:
    (spend / "june.csv").write_text(
        "Date,Supplier,Amount\n" + ",,\n" * 9 + "01/06/2026,A,x\n01/06/2026,A,y\n01/06/2026,,1\n01/06/2026,A,1\n"
    )
    finlab("load", "spend/june.csv", "--contract", "spend.toml")
    _, out, err = finlab("rejects", "spend", "--rows", "3")
    assert [line.split()[1] for line in out.splitlines()[1:]] == ["11", "13", "12"]
    assert "9 x a blank record" in err and "9 more: --rows 12" in err and "x amount: not an amount" in err
    assert finlab("rejects", "spend", "--rows", "0")[0] == WRONG_INPUT


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("Query interrupted")])
def test_a_load_that_is_stopped_says_so_and_leaves_nothing(finlab, spend: Path, monkeypatch, error) -> None:
    def stop(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Store, "load", stop)
    code, out, err = finlab("load", "spend/april.csv")
    assert (code, out, err) == (INTERRUPTED, "", "finlab: stopped\n")
    monkeypatch.setattr(Store, "load", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["data", "load", "spend/april.csv"])


def test_the_help_of_load_names_options_that_there_are(finlab) -> None:
    from finlab.data.sources import OPTIONS

    _, out, _ = finlab("load", "--help")
    told = " ".join(out.split()).partition("against it: ")[2]
    text, book, base = (re.findall(r"\w+", part.partition(": ")[2] or part) for part in told.split(". "))
    assert set(text) == set(OPTIONS["csv"])
    assert set(book) <= set(OPTIONS["excel"]) and set(base) <= set(OPTIONS["database"])
    assert '    type = "decimal"\n    currency' in out, "the example of a contract stands as it is"


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "spend", "--name", "spend"),
        ("load", "spend", "--contract", "nothing.toml"),
        ("load", "spend/*.txt", "--name", "x", "--contract", "spend.toml"),
        ("load", "spend/april.csv", "--contract", "spend.toml", "-m", "Nothing=amount"),
        ("load", "spend/april.csv", "--contract", "spend.toml", "-m", "Amount=nothing"),
        ("load", "spend/april.csv", "--replace"),
        ("map", "spend/april.csv", "--contract", "april.csv"),
        ("clean", "spend", "nothing.toml"),
        ("clean", "nothing", "rules.toml"),
        ("profile", "nothing"),
        ("rejects", "nothing"),
        ("undo", "nothing"),
    ],
)
def test_slips_are_told_in_one_line(finlab, spend: Path, arguments: tuple[str, ...]) -> None:
    code, _, err = finlab(*arguments)
    if arguments == ("load", "spend", "--name", "spend"):  # without a contract each file is a table of its own
        assert code == OK and Store().tables() == ["spend_april", "spend_may"]
        return
    assert code == WRONG_INPUT and err.startswith("finlab: ") and "Traceback" not in err
