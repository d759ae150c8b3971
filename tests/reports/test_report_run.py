"""The runner: everything that must never happen, made to happen."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

import finlab
from finlab.core.errors import InputError, ReportError
from finlab.reports import run as room
from finlab.reports.files import keep_frame, page_path, page_stem, write_whole
from finlab.reports.jobs import find_notebook
from finlab.reports.parameters import Kind, Parameter
from finlab.reports.run import run, run_report
from finlab.reports.running.marks import Marks


def notebook(path: Path, *sources: str, parameters: str = "rate: float = 0.05  # a year") -> Path:
    cells = [nbformat.v4.new_markdown_cell("# Small")]
    cells += [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


OWN = ("index.html", ".runs.jsonl", ".runs.lock")  # the gallery and the history of the reports folder


def left(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name not in OWN
    )


def names(stem: str) -> list[str]:
    """What a run leaves: the page, its record and its crate."""
    return [f"{stem}-ro-crate-metadata.json", f"{stem}.html", f"{stem}.json"]


def test_a_good_run(workbench: Path) -> None:
    notebook(
        workbench / "small.ipynb",
        "from finlab import report\nimport sys, os\nreport.result('twice', 2 * rate, unit='%', note='a year')",
        "print(sys.executable); print(os.getcwd())",
    )
    made = run("small.ipynb", rate=0.07)
    assert made.path == workbench / "reports" / (made.path.stem + ".html") and made.path.stem.startswith("small--")
    assert made.results == {"twice": 0.14} and made.status == "complete"
    record = json.loads(made.json_path.read_text())
    assert {"report", "parameters", "status", "results", "reads", "versions", "git", "started", "seconds"} <= set(
        record
    )
    assert record["parameters"] == {"rate": 0.07} and record["results"]["twice"]["unit"] == "%"
    page = made.path.read_text()
    assert sys.executable in page and "finlab-" in page and "not a git checkout" in page
    assert left(workbench / "reports") == sorted([*names(made.path.stem)])


def test_default_parameters_have_the_plain_name(workbench: Path) -> None:
    notebook(workbench / "small.ipynb", "1")
    assert run("small.ipynb").path.name == "small.html"
    assert run("small.ipynb", rate="0.05").path.name == "small.html"


def test_wrong_parameters_write_nothing(workbench: Path) -> None:
    notebook(workbench / "small.ipynb", "1")
    with pytest.raises(InputError, match="did you mean 'rate'"):
        run("small.ipynb", rat=1)
    with pytest.raises(InputError, match="a number"):
        run("small.ipynb", rate="high")
    with pytest.raises(InputError, match="output"):
        run("small.ipynb", output="page.pdf")
    with pytest.raises(InputError, match="timeout"):
        run("small.ipynb", timeout=0)
    with pytest.raises(InputError, match="did you mean 'forecast'"):
        run("forcast")
    assert left(workbench) == ["small.ipynb"]


def test_a_failing_cell(workbench: Path) -> None:
    sources = ("print('before')", "assert rate < 1, 'too \\x1b[31mhigh'", "print('never')")
    path = notebook(workbench / "small.ipynb", *sources)
    good = run(path, output="out.html")
    before = (good.path.read_bytes(), good.json_path.read_bytes())
    with pytest.raises(ReportError, match="cell 4") as caught:
        run(path, output="out.html", rate=2)
    page = workbench / "out.failed.html"
    assert caught.value.path == page
    assert "AssertionError: too high" in page.read_text() and "\x1b" not in page.read_text()
    assert (good.path.read_bytes(), good.json_path.read_bytes()) == before
    run(path, output="out.html")
    assert not page.exists()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("import os; os._exit(0)", "code 0"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
    ],
)
def test_a_process_that_ends_is_never_a_success(workbench: Path, source: str, words: str) -> None:
    path = notebook(workbench / "small.ipynb", "a = 1", source, "b = 2")
    with pytest.raises(ReportError, match=words) as caught:
        run(path)
    assert caught.value.path is not None and words in caught.value.path.read_text()
    assert left(workbench / "reports") == sorted(names("small.failed"))


def test_a_run_that_takes_too_long(workbench: Path) -> None:
    path = notebook(workbench / "small.ipynb", "import time", "time.sleep(60)")
    with pytest.raises(ReportError, match="longer than 3 seconds"):
        run(path, timeout=3)


def test_an_output_folder_that_is_a_file(workbench: Path) -> None:
    notebook(workbench / "small.ipynb", "1")
    (workbench / "taken").write_text("x")
    with pytest.raises(InputError, match="folder that can be written"):
        run("small.ipynb", output="taken/page.html")
    assert left(workbench) == ["small.ipynb", "taken"]


def test_full_disk_leaves_nothing_half_written(workbench: Path) -> None:
    page, beside = workbench / "p.html", workbench / "p.json"
    write_whole({page: b"good", beside: b"{}"})
    script = (
        "import resource, signal, sys; from pathlib import Path; from finlab.reports.files import write_whole;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        f"write_whole({{Path({str(page)!r}): b'new', Path({str(beside)!r}): b'x' * 5000}})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "ReportError" in done.stderr and "unchanged" in done.stderr
    assert page.read_bytes() == b"good" and beside.read_bytes() == b"{}" and left(workbench) == ["p.html", "p.json"]


def test_files_of_two_runs_are_never_mixed(workbench: Path) -> None:
    page, beside = workbench / "p.html", workbench / "p.json"
    mixed, barrier = [], threading.Barrier(2)

    def write(who: bytes) -> None:
        for _ in range(50):
            barrier.wait()
            write_whole({page: who, beside: who})
            barrier.wait()
            if who == b"a" and page.read_bytes() != beside.read_bytes():
                mixed.append(1)

    threads = [threading.Thread(target=write, args=(who,)) for who in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not mixed and left(workbench) == ["p.html", "p.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the user id")
def test_a_folder_without_permission(workbench: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o001 == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o755)
    path = notebook(locked / "small.ipynb", "1")
    path.chmod(0o644)
    as_nobody = (  # what finlab needs is imported before: another user may not be able to read this Python
        "import contextlib, os, sys\n"
        "from finlab.cli import main\n"
        "asked, sys.argv[4:] = sys.argv[4:], ['nosuch.pdf']\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "sys.argv[4:] = asked\n"
        "print('as nobody', file=sys.stderr); os.setgid(65534); os.setuid(65534); main()"
    )
    for output in (str(locked / "page.html"), str(locked / "new" / "page.html")):
        command = [sys.executable, "-c", as_nobody, "run", str(path), "-o", output]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/")
        assert (
            done.returncode == 6
            and "Permission denied" in done.stderr.split("as nobody")[1]
            and left(locked) == ["small.ipynb"]
        )


def test_frames_go_by_content(workbench: Path) -> None:
    frame = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=3), "x": [1.0, 2.0, 3.0]})
    first, second = keep_frame(frame, workbench), keep_frame(frame.copy(), workbench)
    assert first == second and pd.read_parquet(first).equals(frame)
    indexed = keep_frame(frame.set_index("day")["x"], workbench)
    assert pd.read_parquet(indexed)["x"].index.equals(pd.DatetimeIndex(frame["day"]))
    assert keep_frame(frame.assign(x=0), workbench) != first
    with pytest.raises(InputError, match="handed to the report"):
        keep_frame(pd.DataFrame({"x": [object()]}), workbench)


def test_a_frame_reaches_the_notebook(workbench: Path) -> None:
    source = "from finlab.reports.page import Source, result\nimport pandas as pd"
    path = notebook(
        workbench / "f.ipynb",
        "result('total', int(pd.read_parquet(source)['x'].sum()))",
        parameters=f"{source}\nsource: Source | None = None",
    )
    frame = pd.DataFrame({"x": [1, 2, 3]})
    made = finlab.run(path, source=frame)
    assert made.results == {"total": 6} and made.path == finlab.run(path, source=frame).path


def test_names_depend_on_the_choice_alone() -> None:
    asked = [Parameter("a", Kind("int"), 1), Parameter("b", Kind("str", many=True), [])]
    assert page_stem("r", asked, {"a": 1, "b": []}) == "r"
    assert page_stem("r", asked, {"a": 2, "b": ["x"]}) == page_stem("r", asked, {"b": ["x"], "a": 2})
    assert page_stem("r", asked, {"a": 2}) != page_stem("r", asked, {"a": 3})
    assert page_stem("r", asked, {"b": ["数据\ud800"]}).startswith("r--")


def test_where_the_page_goes(tmp_path: Path) -> None:
    assert page_path("r", None, tmp_path) == tmp_path / "r.html"
    assert page_path("r", tmp_path / "x.html", tmp_path) == tmp_path / "x.html"
    assert page_path("r", str(tmp_path / "new") + os.sep, tmp_path) == tmp_path / "new" / "r.html"
    assert page_path("r", tmp_path, tmp_path / "other") == tmp_path / "r.html"
    assert find_notebook("forecast").is_file()


def test_a_secret_shows_nowhere(workbench: Path) -> None:
    path = notebook(
        workbench / "s.ipynb", "print(source)", "raise ValueError(source)", parameters="source: str = ''  # an address"
    )
    with pytest.raises(ReportError) as caught:
        run_report(path, {"source": "postgresql://u:hunter2@h/db"})
    assert caught.value.path is not None
    everything = "".join(p.read_text() for p in (workbench / "reports").iterdir())
    assert "hunter2" not in everything and "u:***@h" in everything


def test_open_opens(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    monkeypatch.setattr(room, "_open", seen.append)
    notebook(workbench / "small.ipynb", "1")
    made = run("small.ipynb", open=True)
    assert seen == [made.path]


def test_the_process_of_a_report(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    path = notebook(
        workbench / "e.ipynb",
        "from finlab import report\nimport os\n"
        "for name in ('FINLAB_LEDGER', 'MPLBACKEND', 'JAX_COMPILATION_CACHE_DIR'):\n"
        "    report.result(name, os.environ[name])",
    )
    results: dict[str, Any] = run(path).results
    assert results["MPLBACKEND"].startswith("module:") and results["JAX_COMPILATION_CACHE_DIR"]
    assert not Path(results["FINLAB_LEDGER"]).exists()


def test_language_of_the_page(workbench: Path) -> None:
    source = "from typing import Literal\nlang: Literal['en', 'zh'] = 'en'"
    path = notebook(workbench / "l.ipynb", "1", parameters=source)
    assert "本页的生成方式" in run(path, lang="zh").path.read_text()


SOURCE = "from finlab.reports.page import Source\nsource: Source | None = None"


@pytest.mark.parametrize("data", ["sales.json", "sales.html"])
def test_a_page_never_replaces_a_source(workbench: Path, data: str) -> None:
    path = notebook(workbench / "s.ipynb", "1", parameters=SOURCE)
    (workbench / data).write_text('[{"date": "2024-01", "y": 1}]')
    with pytest.raises(InputError, match=r"output is .*expected .*source"):
        run(path, source=data, output="sales.html")
    assert left(workbench) == ["s.ipynb", data] and (workbench / data).read_text().startswith("[{")


@pytest.mark.parametrize(
    "text", ["[1, 2]", "{}", '{"report": 1}', "not json", '{"report": 1, "status": 2, "notebook": 3}']
)
def test_a_page_never_replaces_foreign_json(workbench: Path, text: str) -> None:
    path = notebook(workbench / "s.ipynb", "1")
    (workbench / "page.json").write_text(text)
    with pytest.raises(InputError, match="not the record of a report"):
        run(path, output="page.html")
    assert left(workbench) == ["page.json", "s.ipynb"] and (workbench / "page.json").read_text() == text


def test_a_notebook_never_replaces_the_page_of_another(workbench: Path) -> None:
    for folder in ("january", "february"):
        (workbench / folder).mkdir()
        notebook(workbench / folder / "sales.ipynb", "1")
    made = run("january/sales.ipynb")
    before = made.path.read_bytes()
    with pytest.raises(InputError, match=r"belongs to january.sales.ipynb"):
        run("february/sales.ipynb")
    assert made.path.read_bytes() == before
    run("february/sales.ipynb", output="other.html")
    run("january/sales.ipynb")


def test_parameters_of_any_name(workbench: Path) -> None:
    names = ("output", "name", "timeout", "open", "parameters")
    told = "\n".join(f"{name}: str = 'x'" for name in names)
    recorded = "\n".join(f"report.result({name!r}, {name})" for name in names)
    path = notebook(workbench / "n.ipynb", "from finlab import report\n" + recorded, parameters=told)
    given = {name: f"my {name}" for name in names}
    assert run_report(path, given, output="p.html").results == given


@pytest.mark.parametrize("odd", ["~nosuchuser/x.ipynb", "x" * 300 + ".ipynb", "a\0b.ipynb"])
def test_odd_paths_are_refused_in_words(workbench: Path, odd: str) -> None:
    path = notebook(workbench / "s.ipynb", "1", parameters=SOURCE)
    for wrong in (lambda: run(odd), lambda: run(path, output=odd + ".html"), lambda: run(path, source=odd)):
        with pytest.raises(InputError):
            wrong()
    assert left(workbench) == ["s.ipynb"]


def test_a_folder_in_the_place_of_the_record(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", "1")
    (workbench / "a.json").mkdir()
    with pytest.raises(InputError, match="is one"):
        run(path, output="a.html")
    (workbench / "a.html").write_text("old")
    with pytest.raises(ReportError, match="unchanged"):
        write_whole({workbench / "a.html": b"new", workbench / "a.json": b"{}"})
    assert (workbench / "a.html").read_text() == "old" and left(workbench) == ["a.html", "s.ipynb"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the mask")
def test_the_rights_of_new_files_are_read_and_not_tried_out(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(mask: int) -> int:
        raise AssertionError("every other thread would make its files with this mask")

    before = os.umask(0o027)
    try:
        with monkeypatch.context() as changed:
            changed.setattr("finlab.reports.files.os.umask", refuse)
            write_whole({workbench / "a.html": b"page"})
    finally:
        os.umask(before)
    assert (workbench / "a.html").stat().st_mode & 0o777 == 0o640


def test_a_second_file_that_cannot_be_renamed_is_told(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(target).suffix == ".json":
            raise PermissionError(1, "Operation not permitted")
        rename(source, target)

    monkeypatch.setattr("finlab.reports.files.os.replace", refuse)
    with pytest.raises(ReportError, match=r"a\.json cannot be written: .*a\.html is new already"):
        write_whole({workbench / "a.html": b"new", workbench / "a.json": b"{}"})
    assert left(workbench) == ["a.html"]


def test_wrong_input_leaves_nothing_at_all(workbench: Path) -> None:
    frame = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=40, freq="MS"), "y": range(40)})
    with pytest.raises(InputError, match="horizon"):
        run("forecast", source=frame, horizon=-1)
    assert not list(workbench.iterdir())
    (workbench / "reports").mkdir()
    with pytest.raises(InputError, match="horizon"):
        run("forecast", source=frame, horizon=-1, output="deep/er/page.html")
    assert [path.name for path in workbench.rglob("*")] == ["reports"]


def test_a_broken_terminal_stops_no_report(workbench: Path) -> None:
    def advance() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    marks = Marks({"metadata": {}, "cells": [{"cell_type": "code", "metadata": {}}]}, advance)
    marks.start(0)
    marks.end(0, failed=False)
    assert marks.notebook["cells"][0]["metadata"]["papermill"]["status"] == "completed"


def test_a_file_beside_the_page_comes_with_it_and_replaces_nothing_else(workbench: Path) -> None:
    path = notebook(
        workbench / "small.ipynb",
        "from finlab import report\nreport.beside('list.csv').write_text(f'rate\\n{rate}\\n')\nassert rate < 1",
    )
    made = run(path)
    beside = made.path.with_name("small.list.csv")
    assert beside.read_text() == "rate\n0.05\n" and "small.list.csv" in made.path.read_text()
    assert json.loads(made.json_path.read_text())["files"] == ["small.list.csv"]
    assert left(workbench / "reports") == sorted([*names("small"), "small.list.csv"])
    run(path)  # its own file of before may be replaced
    with pytest.raises(ReportError):
        run(path, rate=2)
    assert sum(name.endswith(".csv") for name in left(workbench / "reports")) == 1  # a run that failed leaves none
    mine = workbench / "reports" / "other.list.csv"
    mine.write_text("mine")
    with pytest.raises(ReportError, match=r"other\.list\.csv is there already and was not made by this report"):
        run(path, output=workbench / "reports" / "other.html")
    assert mine.read_text() == "mine" and not mine.with_name("other.html").exists()


def test_a_file_beside_the_page_has_a_plain_name(workbench: Path) -> None:
    from finlab.reports.page import beside

    assert beside("a.csv") == workbench / "reports" / "a.csv"
    for wrong in ("", "a", "/etc/a.csv", "../a.csv", ".a.csv", "a.html", "a.JSON", "a b.csv", "a\n.csv"):
        with pytest.raises(InputError, match="expected a plain name of a file"):
            beside(wrong)
