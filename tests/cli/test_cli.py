"""The command line as a user meets it: help, exit codes, one clear line for each slip, data in and out."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from finlab.cli import main
from finlab.cli.app import CELL_FAILED, FAILED, NOT_WRITTEN, OK, WRONG_INPUT
from finlab.core.settings import settings_template

Told = tuple[int, str, str]


@pytest.fixture
def finlab(workbench: Path, capsys: pytest.CaptureFixture[str]):
    """Call the command line in an empty folder: (exit code, standard output, standard error)."""

    def call(*arguments: str) -> Told:
        with pytest.raises(SystemExit) as ended:
            main([*arguments])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return call


def sales(folder: Path, months: int = 60) -> Path:
    dates = pd.period_range("2020-01", periods=months, freq="M").to_timestamp()
    frame = pd.DataFrame(
        {"date": dates.strftime("%Y-%m-%d"), "revenue": [100 + i + 10 * (i % 12) for i in range(months)]}
    )
    frame.to_csv(folder / "sales.csv", index=False)
    return folder / "sales.csv"


def test_a_command_ends_as_it_ended_whoever_reads_what_it_says(workbench: Path) -> None:
    def ended(words: list[str], **streams: Any) -> subprocess.CompletedProcess[bytes]:
        asked = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
        return subprocess.run([sys.executable, "-m", "finlab", *words], check=False, **asked)

    unread, write = os.pipe()
    os.close(unread)
    assert ended(["version"], stdout=write).returncode == OK
    assert ended(["reports", "nosuch"], stderr=write).returncode == WRONG_INPUT
    os.close(write)
    with Path("/dev/full").open("w") as full:
        told = ended(["version"], stdout=full)
        assert told.returncode == NOT_WRITTEN
        assert told.stderr == b"finlab: the output cannot be written: No space left on device\n"
        assert ended(["reports", "nosuch"], stderr=full).returncode == WRONG_INPUT


DATA = ["load", "map", "ls", "show", "samples", "rejects", "profile", "clean", "undo"]
COMMANDS = ["run", "reports", "forecast", "init", "lab", "version", *(f"data {name}" for name in DATA)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(finlab, command: str) -> None:
    code, out, _ = finlab(*command.split(), "--help")
    assert code == OK
    assert "Example" in out
    assert "finlab " + command in out


def test_plain_finlab_shows_what_there_is(finlab) -> None:
    code, out, err = finlab()
    assert code in (OK, WRONG_INPUT)
    for command in ("run", "reports", "forecast", "data", "gaps", "init", "lab", "version"):
        assert command in out + err


def test_version(finlab) -> None:
    code, out, _ = finlab("version")
    assert code == OK
    assert out.startswith("finlab 0.")
    assert "duckdb" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "forcast"], "did you mean 'forecast'"),
        (["run", "forecast", "-p", "horizn=3"], "did you mean 'horizon'"),
        (["run", "forecast", "-p", "horizon=soon"], "horizon is 'soon'"),
        (["run", "forecast", "-p", "horizon"], "expected name=value"),
        (["run", "forecast", "-p", "horizon=3", "-p", "horizon=4"], "given twice"),
        (["run", "forecast", "-p", "source=missing.csv"], "missing.csv"),
        (["run", "missing.ipynb"], "missing.ipynb"),
        (["forecast", "missing.csv"], "missing.csv"),
        (["forecast", "sales.csv", "--date", "day", "--value", "revenue"], "day"),
        (["forecast", "sales.csv", "--date", "date", "--value", "revenue", "--horizon", "0"], "horizon is 0"),
        (["forecast", "sales.csv", "--date", "date", "--value", "revenue", "--model", "arma"], "arma"),
        (["forecast", "sales.csv", "--date", "date", "--value", "revenue", "-o", "out.xls"], "out.xls|.xls"),
        (["forecast", "sales.csv", "--date", "date", "--value", "revenue", "-o", "no/out.csv"], "no"),
        (["data", "load", "missing.csv"], "missing.csv"),
        (["data", "load", "sample:airlin"], "did you mean 'airline'"),
        (["data", "show", "nothing"], "nothing"),
        (["data", "show", "nothing", "--rows", "-1"], "rows is -1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_slip_is_one_clear_line_exit_2_and_nothing_written(
    finlab, workbench: Path, arguments: list[str], expected: str
) -> None:
    sales(workbench)
    code, out, err = finlab(*arguments)
    assert code == WRONG_INPUT
    assert any(part in err for part in expected.split("|")), err
    assert "Traceback" not in err
    assert out == ""
    assert {path.name for path in workbench.iterdir()} == {"sales.csv"}


def test_wrong_settings_are_told_with_file_and_key(finlab, workbench: Path) -> None:
    (workbench / "settings.ini").write_text("[finlab]\njobz = 2\n")
    code, _, err = finlab("data", "ls")
    assert code == WRONG_INPUT
    assert "settings.ini" in err
    assert "jobz" in err
    assert "jobs" in err


def test_init_makes_a_workbench_and_leaves_what_is_there(finlab, workbench: Path) -> None:
    (workbench / "settings.ini").write_text("[finlab]\njobs = 1\n")
    code, _, err = finlab("init")
    assert code == OK
    assert "left as it is" in err
    assert (workbench / "settings.ini").read_text() == "[finlab]\njobs = 1\n"
    notebook = json.loads((workbench / "quickstart.ipynb").read_text())
    assert notebook["nbformat"] == 4
    assert f"cd {workbench} &&" in (workbench / "schedule.cron").read_text()
    finlab("init", "inner/bench")
    assert (workbench / "inner" / "bench" / "settings.ini").read_text() == settings_template()


def test_init_on_a_file_is_refused(finlab, workbench: Path) -> None:
    sales(workbench)
    code, _, err = finlab("init", "sales.csv")
    assert code == WRONG_INPUT
    assert "is a file" in err


def test_load_list_and_show(finlab, workbench: Path) -> None:
    code, _, err = finlab("data", "ls")
    assert code == OK
    assert "no table yet" in err
    sales(workbench)
    code, out, err = finlab("data", "load", "sales.csv", "--as-of", "2024-12-31")
    assert (code, "60 rows" in out) == (OK, True), err
    _, out, _ = finlab("data", "ls")
    assert "sales" in out
    assert "2024-12-31" in out
    _, out, _ = finlab("data", "load", "sales.csv", "--as-of", "2024-12-31")
    assert "already there" in out
    _, out, err = finlab("data", "show", "sales", "--rows", "3")
    assert "2020-03-01" in out
    assert "2020-04-01" not in out
    assert "60 rows" in err


def test_samples_are_listed(finlab) -> None:
    code, out, _ = finlab("data", "samples")
    assert code == OK
    assert "airline" in out


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_forecast_as_data(finlab, workbench: Path, ending: str) -> None:
    sales(workbench)
    out = workbench / f"out.{ending}"
    code, _, err = finlab(
        "forecast", "sales.csv", "--date", "date", "--value", "revenue", "--horizon", "6", "-o", str(out)
    )
    assert code == OK, err
    reader = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[ending]
    frame = reader(out)
    assert list(frame.columns) == ["unique_id", "ds", "model", "mean", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert len(frame) == 6
    assert (frame["lo-95"] <= frame["mean"]).all()
    assert [path.name for path in workbench.iterdir() if path.name.startswith(".")] == []


def test_forecast_prints_a_table_without_an_output(finlab, workbench: Path) -> None:
    sales(workbench)
    code, out, _ = finlab("forecast", "sales.csv", "--date", "date", "--value", "revenue", "--horizon", "2")
    assert code == OK
    assert "lo-80" in out


def test_reports_are_listed_with_their_parameters(finlab) -> None:
    code, out, _ = finlab("reports")
    assert code == OK
    assert "forecast" in out
    assert "horizon" in out
    assert "12" in out


def notebook(path: Path, *cells: str) -> Path:
    import nbformat

    body = [nbformat.v4.new_code_cell(cells[0], metadata={"tags": ["parameters"]})]
    body += [nbformat.v4.new_code_cell(text) for text in cells[1:]]
    nbformat.write(nbformat.v4.new_notebook(cells=body), path)
    return path


def test_several_reports_give_the_highest_code(finlab, workbench: Path) -> None:
    notebook(workbench / "good.ipynb", "n: int = 3  # how many", "n * 2")
    notebook(workbench / "bad.ipynb", "n: int = 3  # how many", "1 / 0")
    code, out, err = finlab("run", "good.ipynb", "bad.ipynb", "nothing")
    assert (code, out) == (WRONG_INPUT, "") and "nothing" in err and not (workbench / "reports").exists()
    code, out, err = finlab("run", "good.ipynb", "bad.ipynb")
    assert code == CELL_FAILED
    assert out.strip().endswith("good.html")
    assert "ZeroDivisionError" in err
    assert (workbench / "reports" / "bad.failed.html").exists()
    assert not (workbench / "reports" / "bad.html").exists()


def test_a_busy_store_is_exit_1_and_names_the_holder(finlab, workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINLAB_LOCK_WAIT_SECONDS", "0.2")
    sales(workbench)
    finlab("data", "load", "sales.csv")
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    store = str(workbench / "data" / "finlab.duckdb")
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    code, _, err = finlab("data", "ls")
    holder.communicate("\n")
    assert code == FAILED
    assert str(holder.pid) in err


def test_forecast_of_a_table_of_the_store_and_of_a_database(finlab, workbench: Path) -> None:
    sales(workbench)
    finlab("data", "load", "sales.csv", "--name", "revenue")
    names = ["--date", "date", "--value", "revenue", "--horizon", "3", "--model", "naive"]
    finlab("forecast", "revenue", *names, "-o", "stored.csv")
    with sqlite3.connect(workbench / "books.sqlite") as books:
        pd.read_csv(workbench / "sales.csv").to_sql("sales", books, index=False)
    code, _, err = finlab(
        "forecast", f"sqlite:///{workbench}/books.sqlite", "--table", "sales", *names, "-o", "books.csv"
    )
    assert code == OK, err
    finlab("forecast", "sales.csv", *names, "-o", "file.csv")
    frames = [pd.read_csv(workbench / f"{name}.csv")["mean"].tolist() for name in ("stored", "books", "file")]
    assert frames[0] == frames[1] == frames[2]


def test_forecast_of_a_table_that_is_not_there(finlab, workbench: Path) -> None:
    code, _, err = finlab("forecast", "revenue")
    assert code == WRONG_INPUT
    assert "revenue" in err


def test_a_forecast_never_overwrites_its_source(finlab, workbench: Path) -> None:
    before = sales(workbench).read_bytes()
    code, _, err = finlab("forecast", "sales.csv", "--date", "date", "--value", "revenue", "-o", "./sales.csv")
    assert code == WRONG_INPUT
    assert "is the source itself" in err
    assert (workbench / "sales.csv").read_bytes() == before


def test_parameters_may_have_any_name(finlab, workbench: Path) -> None:
    notebook(workbench / "odd.ipynb", "output: str = 'x'  # a name\nname: str = 'y'\ntimeout: int = 1", "output + name")
    code, out, err = finlab("run", "odd.ipynb", "-p", "output=a", "-p", "name=b", "-p", "timeout=2")
    assert code == OK, err
    assert Path(out.strip()).exists()


@pytest.mark.parametrize("option", ["name=x", "as_of=2024-01-01", "self=1"])
def test_an_option_that_is_no_way_to_read(finlab, workbench: Path, option: str) -> None:
    sales(workbench)
    code, _, err = finlab("data", "load", "sales.csv", "-o", option)
    assert code == WRONG_INPUT
    assert option.partition("=")[0].replace("_", "-") in err.replace("_", "-")


def test_every_problem_has_a_line_of_its_own(finlab) -> None:
    code, _, err = finlab("run", "forecast", "-p", "hor=3", "-p", "horizon=x")
    assert code == WRONG_INPUT
    lines = err.strip().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("finlab: ") for line in lines)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--horizon", "100000"], "horizon is 100000; expected a whole number of at least 1 and at most 10,000"),
        (["--horizon", "9" * 20], "at most 10,000"),
        (["--period", "0"], "period is 0; expected a whole number of at least 1"),
        (["-r", "encodin=latin-1"], "did you mean 'encoding'?"),
        (["-r", "encoding"], "-r 'encoding': expected name=value"),
    ],
)
def test_a_forecast_that_cannot_be_made_is_one_clear_line(
    finlab, workbench: Path, arguments: list[str], words: str
) -> None:
    sales(workbench)
    code, out, err = finlab("forecast", "sales.csv", *arguments)
    assert code == WRONG_INPUT
    assert out == ""
    assert words in err
    assert err.count("\n") == 1


def test_a_forecast_reads_the_file_as_it_is_told(finlab, workbench: Path) -> None:
    lines = [f"{1:02d}/{month:02d}/{year};{100 + month},5" for year in (2021, 2022, 2023) for month in range(1, 13)]
    (workbench / "umsatz.csv").write_text("Tag;Umsätze\n" + "\n".join(lines) + "\n", encoding="latin-1")
    told = ["-r", "encoding=latin-1", "-r", "decimal=,", "--dayfirst", "-o", "out.csv"]
    code, _, err = finlab("forecast", "umsatz.csv", *told)
    assert code == OK, err
    frame = pd.read_csv(workbench / "out.csv")
    assert frame["unique_id"].iloc[0] == "Umsätze"
    assert frame["ds"].iloc[0] == "2024-01-01"


def test_text_columns_with_blanks_are_no_dates(finlab, workbench: Path) -> None:
    frame = pd.read_csv(sales(workbench)).assign(note=["sale", None, *[""] * 58])
    frame.to_csv(workbench / "noted.csv", index=False)
    code, out, _ = finlab("forecast", "noted.csv")
    assert code == OK
    assert "revenue" in out


def test_a_table_of_a_database_keeps_its_name(finlab, workbench: Path) -> None:
    with sqlite3.connect(workbench / "books.db") as books:
        books.execute("CREATE TABLE journal (a INTEGER)")
        books.execute("INSERT INTO journal VALUES (1)")
    books.close()
    code, out, _ = finlab("data", "load", "sqlite:///books.db", "-o", "table=journal")
    assert code == OK
    assert out.startswith("journal: 1 rows")
    code, _, err = finlab("data", "load", "sqlite:///books.db", "-o", "query=SELECT 2 AS b")
    assert code == WRONG_INPUT
    assert "expected --name" in err


def test_lab_in_a_folder_that_cannot_be_written_is_one_clear_line(
    finlab, workbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    code, _, err = finlab("lab", "--no-browser")
    assert code == WRONG_INPUT
    assert "quickstart.ipynb cannot be written (Permission denied)" in err


def test_lines_before_the_header_are_skipped_as_they_are_told(finlab, workbench: Path) -> None:
    (workbench / "titled.csv").write_text("Sales of 2024\n\n" + sales(workbench).read_text())
    code, out, err = finlab("data", "load", "titled.csv", "-o", "skip=2")
    assert code == OK, err
    assert "60 rows" in out
    code, _, err = finlab("forecast", "titled.csv", "-r", "skip=2", "-o", "out.csv")
    assert code == OK, err
    code, out, _ = finlab("data", "load", "sales.csv", "-o", "header=false")
    assert code == OK
    assert "61 rows" in out


def test_a_panel_is_summed_up_and_its_notes_are_counted(finlab, workbench: Path) -> None:
    days = pd.date_range("2022-01-01", periods=36, freq="MS").strftime("%Y-%m-%d")
    parts = [pd.DataFrame({"shop": f"s{k}", "date": days, "sales": range(k, k + 36)}) for k in range(40)]
    short = [pd.DataFrame({"shop": f"short{k}", "date": days[:2], "sales": 1}) for k in range(15)]
    pd.concat([*parts, *short]).to_csv("panel.csv", index=False)
    names = ["--id", "shop", "--date", "date", "--value", "sales", "--model", "drift", "--horizon", "3"]
    code, out, err = finlab("forecast", "panel.csv", *names)
    assert code == OK and len(out.splitlines()) < 12 and "(120 rows)" in out
    assert err.splitlines()[0].startswith("finlab: 15 series (short0, short1, short2, ...): left out: ")
    assert err.splitlines()[-1] == "finlab: 40 series, 3 steps ahead, by drift" and len(err.splitlines()) == 2
    code, _, err = finlab("forecast", "panel.csv", *names, "-o", "all.csv")
    assert code == OK and len(pd.read_csv("all.csv")) == 120 and "120 rows in all.csv" in err


def test_many_kinds_of_notes_end_with_a_number() -> None:
    from finlab.cli.console import summarise_notes

    notes = [f"a: reason {'x' * k}" for k in range(14)]
    assert summarise_notes(notes, ["a"])[-1] == "... and 4 more" and len(summarise_notes(notes, ["a"])) == 11


def test_of_several_reports_each_failure_is_told_with_its_name(finlab, workbench: Path) -> None:
    import nbformat

    for name in ("good", "bad"):
        cells = [nbformat.v4.new_code_cell(f"assert {name == 'good'}")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), workbench / f"{name}.ipynb")
    _, _, told = finlab("run", "good.ipynb", "bad.ipynb")
    assert told.startswith("finlab: bad: The report stopped at cell 1")
    _, _, told = finlab("run", "bad.ipynb")
    assert told.startswith("finlab: The report stopped at cell 1")


def test_the_help_of_run_tells_secrets_and_every_exit_code(finlab) -> None:
    _, out, _ = finlab("run", "--help")
    words = " ".join(out.split())
    assert "130 stopped" in words and "token: Secret" in words and "from finlab.reports.page import Secret" in words
