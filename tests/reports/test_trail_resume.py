"""Reports are run, resumed, changed in every way and resumed again: only the unchanged ones are left as they are."""

from pathlib import Path

import nbformat
import pytest

from finlab.data.store import Store
from finlab.reports.jobs import ReportSpec
from finlab.reports.run import Runner
from finlab.reports.secrets import Secret

LINES = "from finlab.reports.parameters import Source\nsource: Source | None = None\ntimes: int = 2"
CELL = """
from finlab.core.trace import record_result
from finlab.forecast.series import read_series
(one,) = read_series(source, date='day', value='x')
record_result('total', times * float(one.values.sum()))
"""
PURE = "from math import sqrt\nsqrt(times)"


def write_notebook(path: Path, cell: str) -> None:
    cells = [nbformat.v4.new_code_cell(LINES, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(cell)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def write_sales(path: Path, last: int) -> None:
    path.write_text("".join(["day,x\n", *(f"2026-0{n}-01,{n}\n" for n in range(1, 9)), f"2026-09-01,{last}\n"]))


@pytest.fixture
def report(workbench: Path):
    """A report on a file: called, it is resumed, and tells its status."""
    (workbench / "settings.ini").write_text("[finlab]\nfreshness_days = 100000\n")
    write_sales(workbench / "sales.csv", 9)
    write_notebook(workbench / "small.ipynb", CELL)

    def resume(name: str = "small.ipynb", **parameters) -> str:
        given = {"source": str(workbench / "sales.csv")} | parameters
        with Runner() as runner:
            return runner.run_all([ReportSpec(name, given, output="small.html", resume=True)])[0].status

    return resume


def test_a_report_that_was_never_run_runs_and_is_then_left_as_it_is(report, workbench: Path) -> None:
    assert report() == "complete"
    before = (workbench / "small.html").stat().st_mtime_ns
    assert report() == "skipped"
    assert (workbench / "small.html").stat().st_mtime_ns == before


def test_each_change_makes_it_run_once_more(report, workbench: Path) -> None:
    assert report() == "complete"
    write_sales(workbench / "sales.csv", 10)
    assert (report(), report()) == ("complete", "skipped")
    write_notebook(workbench / "small.ipynb", CELL + "\n1")
    assert (report(), report()) == ("complete", "skipped")
    (workbench / "own.py").write_text("RATE = 1\n")
    assert (report(), report()) == ("complete", "skipped")
    assert (report(times=3), report(times=3)) == ("complete", "skipped")
    page = workbench / "small.html"
    page.write_bytes(page.read_bytes()[:-100])
    assert (report(times=3), report(times=3)) == ("complete", "skipped")


def test_a_failed_report_is_never_left_as_it_is(report, workbench: Path) -> None:
    write_notebook(workbench / "small.ipynb", CELL + "\n1 / 0")
    assert (report(), report()) == ("failed", "failed")


def test_pure_computation_is_left_as_it_is_and_hidden_reading_is_not(report, workbench: Path) -> None:
    write_notebook(workbench / "small.ipynb", PURE)
    assert (report(source=None), report(source=None)) == ("complete", "skipped")
    write_notebook(workbench / "small.ipynb", "import pandas as pd\npd.read_csv(source).sum()")
    assert (report(), report()) == ("complete", "complete")


@pytest.mark.parametrize(
    "cell",
    [
        "import pandas as pd\npd.concat(map(pd.read_csv, [source])).sum()",
        "import pyarrow.dataset\npyarrow.dataset.dataset(source, format='csv').count_rows()",
    ],
)
def test_reading_that_is_handed_on_is_seen(report, workbench: Path, cell: str) -> None:
    write_notebook(workbench / "small.ipynb", cell)
    assert (report(), report()) == ("complete", "complete")


@pytest.mark.parametrize(
    "cell",
    [
        "from finlab import report\nreport.result('twice', 2 * times)",
        "import finlab\nfinlab.report.result('twice', 2 * times)",
        "from finlab.reports.secrets import Secret\ntimes",
        "import pandas as pd\npd.Series([times]).plot()",
    ],
)
def test_a_report_that_reads_nothing_is_left_as_it_is(report, workbench: Path, cell: str) -> None:
    write_notebook(workbench / "pure.ipynb", cell)
    assert (report("pure.ipynb", source=None), report("pure.ipynb", source=None)) == ("complete", "skipped")


@pytest.mark.parametrize(
    "cell", ["import finlab\nfinlab.data", "from finlab import report, samples\nsamples", "import finlab as f"]
)
def test_a_report_that_could_read_by_finlab_and_names_no_input_is_made_again(
    report, workbench: Path, cell: str
) -> None:
    write_notebook(workbench / "mute.ipynb", cell)
    assert (report("mute.ipynb", source=None), report("mute.ipynb", source=None)) == ("complete", "complete")


def test_a_table_of_the_store_alone_is_left_as_it_is_and_a_look_at_its_tables_is_not(report, workbench: Path) -> None:
    Store().load(workbench / "sales.csv", "sales", as_of="2026-09-01")
    table = "from finlab.data.store import Store\nStore().table('sales')"
    for cell, second in ((table, "skipped"), (f"{table}\nStore().tables()", "complete")):
        write_notebook(workbench / "small.ipynb", cell)
        assert (report(source=None), report(source=None)) == ("complete", second)


@pytest.mark.parametrize("name", ["forecast", "gaps"])
def test_a_template_is_left_as_it_is(workbench: Path, name: str) -> None:
    (workbench / "settings.ini").write_text("[finlab]\nfreshness_days = 100000\n")
    with Runner() as runner:
        made = [runner.run_all([ReportSpec(name, resume=True)])[0] for _ in range(2)]
    assert [each.status for each in made] == ["complete", "skipped"], made[1].message


def test_a_secret_makes_a_report_again_and_says_why(report, workbench: Path) -> None:
    lines = LINES + "\nfrom finlab.reports.secrets import Secret\ntoken: Secret = ''"
    cells = [nbformat.v4.new_code_cell(lines, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(PURE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), workbench / "small.ipynb")
    assert (report(source=None), report(source=None)) == ("complete", "skipped")
    given = {"source": None, "token": Secret("a-long-secret-1234")}
    assert (report(**given), report(**given)) == ("complete", "complete")
