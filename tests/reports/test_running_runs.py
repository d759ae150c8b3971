"""Runs from the specification to the page: many at once, limits, tries, what may be skipped, and every exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from finlab.cli import main
from finlab.core.errors import InputError, ReportError
from finlab.core.settings import settings
from finlab.reports.making import Shared
from finlab.reports.page import Secret
from finlab.reports.provenance import file_sha256
from finlab.reports.run import ReportSpec, Runner, _prepare_all, run_report, run_reports
from finlab.reports.running.workplace import OWN_NAMES, workplace, written
from finlab.reports.trail.crate import crate_name


def notebook(path: Path, *sources: str, parameters: str = "n: int = 3  # how many") -> Path:
    cells: list[Any] = [nbformat.v4.new_markdown_cell("# Small")]
    cells += [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


RESULT = "from finlab import report\nreport.result('double', 2 * n)"


def finlab(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([*words])
    out, err = capfd.readouterr()
    return int(ended.value.code or 0), out, err


OWN = ("index.html", ".runs.jsonl", ".runs.lock")  # the gallery and the history of the reports folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name not in OWN)


def test_a_grid_makes_a_page_for_each_value(workbench: Path, capfd: pytest.CaptureFixture[str]) -> None:
    notebook(workbench / "small.ipynb", RESULT, "open('own.txt', 'w').write(str(n))")
    code, out, _ = finlab(capfd, "run", "small.ipynb", "--grid", "n=3,4,5", "--jobs", "2")
    pages = [Path(line) for line in out.split()]
    assert code == 0 and len(set(pages)) == 3 and pages[0].name == "small.html"
    results = [json.loads(page.with_suffix(".json").read_text())["results"]["double"]["value"] for page in pages]
    assert results == [6, 8, 10]
    assert [page.with_name(f"{page.stem}.own.txt").read_text() for page in pages] == ["3", "4", "5"]
    assert not (workbench / "own.txt").exists()


def test_wrong_grids_start_nothing(workbench: Path, capfd: pytest.CaptureFixture[str]) -> None:
    notebook(workbench / "small.ipynb", RESULT)
    for words in (["n=3,x"], ["m=1,2"], ["n="], ["n=1", "--grid", "n=2"], ["n=3,4", "-p", "n=5"]):
        code, out, err = finlab(capfd, "run", "small.ipynb", "--grid", *words)
        assert (code, out) == (2, "") and "n" in err
    code, _, err = finlab(capfd, "run", "small.ipynb", "--grid", "n=3,4", "-o", "page.html")
    assert code == 2 and "expected a folder" in err
    assert left(workbench) == ["small.ipynb"]


@pytest.mark.parametrize(
    ("source", "options", "expected"),
    [
        ("1 / 0", [], 3),
        ("import time; time.sleep(60)", ["--timeout", "1"], 4),
        ("import time; time.sleep(60)", ["--cell-timeout", "1"], 4),
        ("import os; os.abort()", [], 5),
        ("x = [b'x' * 10**8 for _ in range(60)]", ["--memory", "0.9"], 5),
    ],
)
def test_exit_codes_tell_the_kind_of_failure(
    workbench: Path, capfd: pytest.CaptureFixture[str], source: str, options: list[str], expected: int
) -> None:
    path = notebook(workbench / "small.ipynb", f"if n > 3:\n    {source}")
    assert finlab(capfd, "run", str(path))[0] == 0
    good = (workbench / "reports" / "small.html").read_bytes()
    code, out, err = finlab(capfd, "run", str(path), "-p", "n=4", "-o", "reports/small.html", *options)
    assert (code, out) == (expected, "") and "small.failed.html" in err
    assert (workbench / "reports" / "small.html").read_bytes() == good
    record = json.loads((workbench / "reports" / "small.failed.json").read_text())
    assert record["exit_code"] == expected and record["failure"]["cell"] == 3 and record["status"] == "failed"
    assert not [name for name in left(workbench) if name.endswith(".tmp")]


def test_a_full_disk_is_exit_6_and_the_last_page_stays(
    workbench: Path, small_disk: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = notebook(workbench / "small.ipynb", "from IPython.display import HTML\nHTML('<p>' + 'x' * n)")
    page = small_disk / "small.html"
    assert finlab(capfd, "run", str(path), "-o", str(page))[0] == 0
    before = page.read_bytes()
    (small_disk / "rest").write_bytes(b"x" * 7_900_000)
    code, out, err = finlab(capfd, "run", str(path), "-p", "n=1500000", "-o", str(page))
    assert (code, out) == (6, "") and "No space left" in err
    assert page.read_bytes() == before and left(small_disk) == sorted(
        ["rest", "small.html", "small.json", "small-ro-crate-metadata.json"]
    )


def test_stale_input_is_exit_7_and_the_page_says_so(workbench: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = (
        "from finlab.core.trace import record_read\nrecord_read('sales', 'file:///s.csv', 'ab', 1, 1, '2020-01-31')"
    )
    notebook(workbench / "small.ipynb", source)
    code, out, err = finlab(capfd, "run", "small.ipynb")
    page = Path(out.strip())
    assert code == 7 and "older than its limit" in err and "Stale data" in page.read_text()
    assert json.loads(page.with_suffix(".json").read_text())["exit_code"] == 7


def test_files_in_new_folders_come_out_beside_the_page(workbench: Path) -> None:
    source = (
        "import os\nos.makedirs('out/2026'); open('out/2026/a.csv', 'w').write('rows')\n"
        "os.makedirs('.cache'); open('.cache/x', 'w').write('x')\nopen('big.bin', 'wb').truncate(300_000_000)"
    )
    made = run_report(notebook(workbench / "s.ipynb", source))
    assert made.path is not None and (made.path.with_name("s.out.2026.a.csv")).read_text() == "rows"
    assert made.path.with_name("s.big.bin").stat().st_size == 300_000_000
    record = json.loads(made.path.with_suffix(".json").read_text())
    assert record["files"] == ["s.big.bin", "s.out.2026.a.csv"] and "s.out.2026.a.csv" in made.path.read_text()
    assert not (workbench / "out").exists()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("open('html', 'w').write('I am the page now')", "the file html, which would lie beside .* ending .html"),
        ("open('JSON', 'w').write('{}')", "the file JSON, which"),
        ("open('failed.html', 'w').write('x')", "the file failed.html, which"),
        ("import os; os.mkdir('failed'); open('failed/json', 'w').write('x')", "the file failed/json, which"),
        ("open('pdf', 'w').write('x')", "the file pdf, which"),
        ("open('ipynb', 'w').write('x')", "the file ipynb, which"),
        ("open('failed-ro-crate-metadata.json', 'w').write('x')", "the file failed-ro-crate-metadata.json, which"),
        ("import os; os.mkdir('a'); [open(x, 'w').close() for x in ('a/b.txt', 'a.b.txt')]", "files .*a/b.txt"),
        ("[open(x, 'w').close() for x in ('one.txt', 'ONE.txt')]", "files ONE.txt and one.txt, which"),
        ("from finlab import report; [open(x, 'w').close() for x in ('l.csv', report.beside('l.csv'))]", "files l.csv"),
        (
            "open(253 * 'x', 'w').close()",
            "xxx.* cannot lie beside the page: File name too long",
        ),
    ],
)
def test_a_file_that_would_take_another_place_is_refused(workbench: Path, source: str, told: str) -> None:
    path = workbench / "small.ipynb"
    run_report(notebook(path, RESULT))
    page = workbench / "reports" / "small.html"
    good, before = page.read_bytes(), left(workbench)
    notebook(path, source)
    with pytest.raises(ReportError, match=f"{told}.*expected") as caught:
        run_report(path, output=page, pdf=False, notebook=True)
    assert caught.value.exit_code == 6
    failure = [name.replace("small", "small.failed") for name in names("small")]
    assert page.read_bytes() == good and left(workbench) == sorted([*before, *failure])


def test_the_names_of_finlabs_own_files_are_known() -> None:
    page = Path("small.html")
    own = [*page_names(page), *page_names(page.with_name("small.failed.html"))]
    assert {name.removeprefix("small.") for name in own if name.startswith("small.")} <= OWN_NAMES


def page_names(page: Path) -> list[str]:
    return [page.name, page.with_suffix(".json").name, crate_name(page)]


@pytest.mark.parametrize("name", ["getcwd", "dirname"])
def test_a_report_that_removes_its_folder_has_no_files(workbench: Path, name: str) -> None:
    where = {"getcwd": "os.getcwd()", "dirname": "os.path.dirname(os.getcwd())"}[name]
    path = notebook(workbench / "s.ipynb", f"{RESULT}\nimport os, shutil; shutil.rmtree({where}, ignore_errors=True)")
    made = run_report(path)
    assert made.json_path is not None and json.loads(made.json_path.read_text())["files"] == []


def test_files_that_cannot_be_listed_are_told(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    with workplace(workbench) as place:
        monkeypatch.setattr(Path, "iterdir", refuse)
        with pytest.raises(ReportError, match=r"cannot be listed: Permission denied .*expected folders") as caught:
            written(place)
    assert caught.value.exit_code == 6


@pytest.mark.parametrize("what", ["mkdir", "symlink_to"])
def test_no_room_for_the_folders_of_a_run_is_told(workbench: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    (workbench / "seen.txt").write_text("seen")
    monkeypatch.setattr(Path, what, refuse)
    monkeypatch.setattr("tempfile.tempdir", str(workbench))
    with pytest.raises(ReportError, match="cannot be made: No space left on device; expected") as caught:
        workplace(workbench).__enter__()
    assert caught.value.exit_code == 6 and left(workbench) == ["seen.txt"] and len(list(workbench.iterdir())) == 1
    monkeypatch.setattr("tempfile.tempdir", str(workbench / "gone"))
    with pytest.raises(ReportError, match="cannot be made: No such file"):
        workplace(workbench).__enter__()


def test_a_folder_that_cannot_be_removed_spoils_nothing(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    for problem in (OSError(5, "Input/output error"), RecursionError("too deep")):

        def refuse(*_: Any, problem: Exception = problem, **__: Any) -> None:
            raise problem

        with monkeypatch.context() as changed:
            changed.setattr("tempfile.TemporaryDirectory.cleanup", refuse)
            with workplace(workbench) as place:
                pass
        shutil.rmtree(place.folder, ignore_errors=True)


def test_a_project_folder_that_is_relative_is_seen_all_the_same(
    workbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workbench / "home").mkdir()
    (workbench / "home" / "sales.csv").write_text("month,sales\n")
    monkeypatch.setenv("FINLAB_HOME", "home")
    source = "import os\nprint(open('sales.csv').read(), os.environ['FINLAB_HOME'])"
    made = run_report(notebook(workbench / "s.ipynb", source), output=workbench / "page.html")
    assert made.path is not None
    page = made.path.read_text()
    assert "month,sales" in page and str(workbench / "home") in page


def test_more_files_than_anybody_would_look_at_are_refused(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finlab.reports.running.workplace.MOST_FILES", 3)
    path = notebook(workbench / "s.ipynb", "for i in range(4): open(f'{i}.txt', 'w').close()")
    with pytest.raises(ReportError, match="left 4 files"):
        run_report(path)


def test_a_file_that_cannot_be_read_is_told(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finlab.reports import making as room

    def refuse(path: Path, *_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    path = notebook(workbench / "s.ipynb", "open('a.txt', 'w').close()")
    monkeypatch.setattr(room.hashlib, "file_digest", refuse)
    with pytest.raises(ReportError, match=r"a\.txt that the report left cannot be read") as caught:
        run_report(path)
    assert caught.value.exit_code == 6


def test_tries_are_for_the_machine_and_not_for_the_notebook(workbench: Path) -> None:
    count = f"path = {str(workbench / 'tries')!r}\nopen(path, 'a').write('x')\nimport os\n"
    killed = notebook(workbench / "k.ipynb", count + "if len(open(path).read()) < 2: os.abort()")
    made = run_report(killed, retries=2)
    assert json.loads(made.json_path.read_text())["attempt"] == 2  # type: ignore[union-attr]
    wrong = notebook(workbench / "w.ipynb", count + "1 / 0")
    with pytest.raises(ReportError) as caught:
        run_report(wrong, retries=2)
    assert caught.value.exit_code == 3 and (workbench / "tries").read_text() == "xxx"


def test_an_unchanged_report_is_skipped_and_a_changed_one_is_not(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", "n * 2")
    first = run_report(path, resume=True)
    assert first.status == "complete" and first.path is not None
    before = first.path.stat().st_mtime_ns
    again = run_report(path, resume=True)
    assert again.status == "skipped" and first.path.stat().st_mtime_ns == before
    assert run_report(path, {"n": 4}, output=first.path, resume=True).status == "complete"
    notebook(path, "n * 3")
    changed = run_report(path, resume=True)
    assert changed.status == "complete" and "made again: the notebook" in changed.message
    first.path.write_text("spoiled")
    assert run_report(path, resume=True).status == "complete"


def test_a_warm_runner_makes_one_report_after_the_other(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", RESULT)
    with Runner() as runner:
        values = [run_report(path, {"n": n}, runner=runner).results["double"] for n in (1, 2, 3)]
    assert values == [2, 4, 6]


def test_one_failure_does_not_stop_the_others(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", RESULT, "assert n != 2, 'not two'")
    told = run_reports([ReportSpec(path, {"n": n}) for n in (1, 2, 3)], jobs=2)
    assert [one.exit_code for one in told] == [0, 3, 0] and "not two" in told[1].message
    with pytest.raises(ReportError, match="not two"):
        raise told[1].raised()


def test_two_reports_never_write_to_one_page(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", RESULT)
    with pytest.raises(InputError, match="a page of its own"):
        run_reports([ReportSpec(path), ReportSpec(path)])


def test_options_are_checked_before_anything_starts(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", RESULT)
    for name, value in (
        ("timeout", 0), ("cell_timeout", -1), ("memory", 0), ("retries", -1), ("seed", -1), ("seed", 2**32),
    ):  # fmt: skip
        with pytest.raises(InputError, match=name):
            run_report(path, **{name: value})
    with pytest.raises(InputError, match="did you mean 'timeout'"):
        run_report(path, timeot=5)
    with pytest.raises(InputError, match="jobs"):
        run_reports([ReportSpec(path)], jobs=0)
    assert left(workbench) == ["s.ipynb"]


def test_a_secret_reaches_the_cells_and_nothing_else(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_TEST", "hunter2-and-more")
    source = "from finlab.reports.page import Secret\ntoken: Secret = None"
    path = notebook(
        workbench / "s.ipynb",
        "import os, subprocess\nfrom finlab import report\nreport.result('letters', len(token)); print(token, [token])",
        "print(subprocess.run(['env'], capture_output=True, text=True).stdout)",
        "raise ValueError('with ' + token)",
        parameters=source,
    )
    with pytest.raises(ReportError) as caught:
        run_report(path, {"token": "env:TOKEN_OF_TEST"}, notebook=True)
    monkeypatch.delenv("TOKEN_OF_TEST")
    with pytest.raises(ReportError):
        run_report(path, {"token": Secret("hunter2-and-more")}, output="reports/other.html")
    assert "hunter2" not in str(caught.value)
    everything = "".join(p.read_text() for p in (workbench / "reports").iterdir())
    assert "hunter2" not in everything and "***" in everything


def test_the_kept_notebook_is_a_valid_one(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", "print('one')", RESULT)
    made = run_report(path, {"n": 5}, notebook=True)
    assert made.path is not None
    kept = nbformat.read(made.path.with_suffix(".ipynb"), 4)
    nbformat.validate(kept)
    assert kept.metadata.papermill.parameters == {"n": 5}
    assert {cell.metadata.papermill.status for cell in kept.cells} == {"completed"}


def test_the_record_tells_cells_warnings_and_what_was_used(workbench: Path) -> None:
    path = notebook(
        workbench / "s.ipynb", "import warnings, time; time.sleep(0.3); warnings.warn('only 8 months')", RESULT
    )
    made = run_report(path, {"n": 5}, seed=11)
    assert made.json_path is not None
    record = json.loads(made.json_path.read_text())
    assert [cell["cell"] for cell in record["cells"]] == [2, 3, 4] and record["cells"][1]["seconds"] >= 0.3
    assert record["warnings"] == ["UserWarning: only 8 months"] and record["seed"] == 11
    assert record["cpu_seconds"] > 0 and record["peak_memory_bytes"] > 10_000_000 and record["failure"] is None
    assert json.loads(made.path.with_name("s--" + made.path.stem[3:] + "-ro-crate-metadata.json").read_text())["@graph"]  # type: ignore[union-attr]


def test_a_notebook_in_another_language_runs_in_its_kernel(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R is not there: a kernel that says it is R runs the cells, which happen to be Python as well."""
    kernel = workbench / "jupyter" / "kernels" / "like-r"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "R", "language": "R"}))
    monkeypatch.setenv("JUPYTER_PATH", str(workbench / "jupyter"))
    path = notebook(workbench / "r.ipynb", "print('n is', n)", parameters="n = 3  # how many")
    content = json.loads(path.read_text())
    content["metadata"]["kernelspec"] = {"name": "like-r", "language": "R", "display_name": "R"}
    path.write_text(json.dumps(content))
    made = run_report(path, {"n": "5"})
    assert made.path is not None and "n is 5" in made.path.read_text()
    with pytest.raises(InputError, match="unknown parameter 'm'"):
        run_report(path, {"m": 5})


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_every_process_and_leaves_nothing(
    workbench: Path, tmp_path_factory: pytest.TempPathFactory, number: signal.Signals, code: int
) -> None:
    path = notebook(workbench / "s.ipynb", "import time; open('/tmp/finlab-begun-' + str(n), 'w'); time.sleep(300)")
    begun, temporary = Path(f"/tmp/finlab-begun-{os.getpid()}"), tmp_path_factory.mktemp("t")
    begun.unlink(missing_ok=True)

    def as_in_a_shell() -> None:  # tests may run with signals ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)

    running = subprocess.Popen(
        [sys.executable, "-m", "finlab", "run", str(path), "-p", f"n={os.getpid()}"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
        start_new_session=True,
        preexec_fn=as_in_a_shell,
    )
    until = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < until:
        time.sleep(0.1)
    begun.unlink()
    os.kill(running.pid, number)
    assert running.wait(60) == code
    assert running.stderr is not None and "finlab: stopped" in running.stderr.read()
    time.sleep(0.2)
    assert orphans("finlab.reports.running.template") == [] and left(workbench) == ["s.ipynb"]
    assert list(temporary.iterdir()) == []


def orphans(words: str) -> list[str]:
    """The processes whose command has these words and whose parent is gone."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rpartition(")")[2].split()[1]
            command = path.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if parent == "1" and words in command:
            found.append(command)
    return found


def test_many_reports_of_one_notebook_hold_it_once(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", RESULT)
    jobs = _prepare_all([ReportSpec(path, {"n": n}) for n in range(5)], [])
    assert len({id(job.content) for job in jobs}) == 1 and [job.given["n"] for job in jobs] == list(range(5))


def test_a_notebook_without_parameters_runs_as_it_is_and_takes_none(workbench: Path) -> None:
    path = workbench / "plain.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('ran')")]), path)
    made = run_report(path)
    assert made.path is not None and "ran" in made.path.read_text()
    with pytest.raises(InputError, match="no cell tagged `parameters`"):
        run_report(path, {"n": 4})


@pytest.mark.parametrize(
    "cell",
    [
        "get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)\n",  # an error that nobody shows
        "from rich.traceback import install; install()\n",
    ],
)
def test_an_error_that_a_cell_does_not_show_is_an_error(workbench: Path, cell: str) -> None:
    path = notebook(workbench / "s.ipynb", cell, "1 / 0", "'never'")
    with pytest.raises(ReportError, match="ZeroDivisionError: division by zero") as caught:
        run_report(path)
    assert caught.value.exit_code == 3 and "cell 4" in str(caught.value)


def test_exit_before_the_last_cell_is_no_success(workbench: Path) -> None:
    with pytest.raises(ReportError, match=r"called exit\(\) before the last cell"):
        run_report(notebook(workbench / "s.ipynb", "exit()", "open('went-on', 'w').close()"))
    assert run_report(notebook(workbench / "t.ipynb", "1", "exit()")).status == "complete"


def test_a_process_that_a_cell_forked_does_not_speak_for_the_report(workbench: Path) -> None:
    cell = "import os, time\nif os.fork():\n    time.sleep(1)\n    raise ValueError('mine')\nprint('not mine')"
    with pytest.raises(ReportError, match="ValueError: mine"):
        run_report(notebook(workbench / "s.ipynb", cell, "1"))


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("import os\nfor n in range(3, 40):\n    try: os.write(n, b'hello\\n')\n    except OSError: pass", "sensibly"),
        ("import os\nopen(os.environ['FINLAB_LEDGER'], 'w').write('nonsense\\n')", "is damaged in line 1"),
    ],
)
def test_cells_that_spoil_what_they_should_not_touch_fail_alone(workbench: Path, cell: str, words: str) -> None:
    spoils, sound = notebook(workbench / "a.ipynb", cell), notebook(workbench / "b.ipynb", "n")
    told = run_reports([ReportSpec(spoils), ReportSpec(sound)], jobs=1)
    assert told[0].status == "failed" and told[0].exit_code in (3, 5) and words in told[0].message
    assert told[1].status == "complete"


def test_what_is_written_behind_the_last_cell_holds_nothing_up(workbench: Path) -> None:
    cell = "import atexit, os\natexit.register(lambda: os.write(1, b'x' * 300_000))\nn"
    assert run_report(notebook(workbench / "s.ipynb", cell), timeout=60).status == "complete"


def test_a_notebook_edited_while_it_runs_is_recorded_as_it_was_read(workbench: Path) -> None:
    cell = "from pathlib import Path\npath = Path('s.ipynb').resolve()\npath.write_text(path.read_text() + ' ')"
    path = notebook(workbench / "s.ipynb", cell)
    before = file_sha256(path)
    made = run_report(path)
    assert made.json_path is not None and file_sha256(path) != before
    assert json.loads(made.json_path.read_text())["notebook"]["sha256"] == before


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / ".runs.jsonl").read_bytes().splitlines() if line.strip()]


def names(stem: str) -> list[str]:
    return [crate_name(Path(f"{stem}.html")), f"{stem}.html", f"{stem}.json"]


def failed_in_gallery(folder: Path) -> bool:
    return '<td class="bad">' in (folder / "index.html").read_text()


@pytest.mark.parametrize(
    ("cell", "words", "code"),
    [
        ("open('extra.txt', 'w').write('x')", "is there already", 6),
        ("open('json', 'w').write('x')", "another name", 6),
        ("[open(f'{i}.txt', 'w').close() for i in range(1_001)]", "1,001 files", 6),
        ("import os; open(os.environ['FINLAB_LEDGER'], 'w').write('spoilt\\n' * 3)", "is damaged", 3),
    ],
)
def test_what_ran_and_cannot_be_kept_is_told(workbench: Path, cell: str, words: str, code: int) -> None:
    path, mine = notebook(workbench / "s.ipynb", "n"), workbench / "reports" / "s.extra.txt"
    good = run_report(path).path
    assert good is not None and (before := good.read_bytes())
    mine.write_text("mine")
    notebook(path, cell)
    with pytest.raises(ReportError) as ended:
        run_report(path)
    assert ended.value.exit_code == code and words in str(ended.value) and ended.value.path is not None
    assert words in ended.value.path.read_text() and good.read_bytes() == before and mine.read_text() == "mine"
    assert failed_in_gallery(good.parent) and history(good.parent)[-1]["exit_code"] == code


def test_a_failure_that_leaves_no_page_is_in_the_gallery(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = notebook(workbench / "s.ipynb", "n")
    good = run_report(path).path
    assert good is not None and not failed_in_gallery(good.parent)

    def full(files: dict[Path, Any]) -> None:
        raise ReportError("no room", exit_code=6)

    monkeypatch.setattr("finlab.reports.making.write_whole", full)
    with pytest.raises(ReportError, match="no room"):
        run_report(path)
    assert failed_in_gallery(good.parent) and history(good.parent)[-1]["message"] == "no room"


def test_a_skip_ends_the_failure_of_before(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", RESULT)
    good = run_report(path).path
    whole = path.read_bytes()
    notebook(path, "1 / 0")
    with pytest.raises(ReportError):
        run_report(path)
    assert good is not None and failed_in_gallery(good.parent)
    path.write_bytes(whole)
    assert run_report(path, resume=True).status == "skipped"
    assert not failed_in_gallery(good.parent) and left(workbench / "reports") == names("s")


def test_other_forms_of_an_older_run_are_taken_away(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", "open('a.txt', 'w').write('a'); open('b.txt', 'w').write('b')")
    page = run_report(path, notebook=True).path
    assert page is not None and {"s.ipynb", "s.a.txt", "s.b.txt"} <= set(left(page.parent))
    page.with_name("s.b.txt").write_text("changed by hand")
    notebook(path, "n")
    run_report(path)
    assert left(page.parent) == sorted([*names("s"), "s.b.txt"])
    assert run_report(path, notebook=True).status == "complete"


def test_threads_of_a_loop_are_not_waited_for(workbench: Path) -> None:
    cell = "import asyncio, time\nwaiting = asyncio.get_running_loop().run_in_executor(None, time.sleep, 500)\nn"
    path = notebook(workbench / "s.ipynb", cell + "\nawait asyncio.sleep(0)")
    assert run_report(path, timeout=60).status == "complete"


def test_a_template_that_was_ended_is_started_anew(workbench: Path) -> None:
    path = notebook(workbench / "s.ipynb", RESULT)
    with Runner() as runner:
        run_report(path, {"n": 1}, runner=runner)
        template = runner._shared._template
        assert template is not None
        before = len([*Path("/proc/self/fd").iterdir()])
        os.kill(template.pid, signal.SIGKILL)
        template._process.wait()
        assert run_report(path, {"n": 2}, runner=runner).results["double"] == 4
        with pytest.raises(OSError):
            template.fork()
        assert len([*Path("/proc/self/fd").iterdir()]) <= before + 3, "nothing is left open but the template put aside"


def test_a_template_without_what_must_not_be_in_it_is_started_anew_as_well(
    workbench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workbench / "patsy.py").write_text("import jax; jax.numpy.ones(2)")
    monkeypatch.setenv("PYTHONPATH", f"{workbench}:{os.environ.get('PYTHONPATH', '')}")
    shared = Shared(settings())
    try:
        clean = shared.template(["patsy"])
        assert clean is not None and "patsy" not in clean.imported
        os.kill(clean.pid, signal.SIGKILL)
        clean._process.wait()
        assert (anew := shared.template()) is not None and anew.lives
    finally:
        shared.close()


def test_code_edited_between_two_runs_of_a_runner_counts(workbench: Path) -> None:
    (workbench / "own.py").write_text("RATE = 1\n")
    path = notebook(
        workbench / "s.ipynb", "from finlab import report\nfrom own import RATE\nreport.result('rate', RATE)"
    )
    with Runner() as runner:
        assert run_report(path, runner=runner, resume=True).results["rate"] == 1
        (workbench / "own.py").write_text("RATE = 22\n")
        assert run_report(path, runner=runner, resume=True).results["rate"] == 22
        assert run_report(path, runner=runner, resume=True).status == "skipped"


def test_a_secret_in_the_name_of_a_file_is_refused(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2-hunter2")
    path = workbench / "s.ipynb"
    notebook(path, "open(f'out-{token.reveal()}.txt', 'w').close()")
    text = path.read_text().replace("n: int", "from finlab.reports.secrets import Secret\\ntoken: Secret = ''\\nn: int")
    path.write_text(text)
    with pytest.raises(ReportError, match="a secret in its name") as caught:
        run_report(path, {"token": "env:MY_TOKEN"})
    assert caught.value.exit_code == 6 and "hunter2" not in str(caught.value)
    assert not list(workbench.glob("**/*hunter2*"))


def test_a_caller_with_many_open_files_can_run_reports(workbench: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4096:
        pytest.skip(f"no more than {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    files = [Path(os.devnull).open() for _ in range(1100)]  # noqa: SIM115 (closed below)
    try:
        assert run_report(notebook(workbench / "s.ipynb", "n")).status == "complete"
    finally:
        for file in files:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_memory_of_a_process_in_a_session_of_its_own_counts(workbench: Path) -> None:
    program = "import time; held = bytearray(600_000_000); time.sleep(30)"
    cell = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {program!r}], start_new_session=True)"
    with pytest.raises(ReportError, match=r"of memory, more than the 0\.5 GB") as caught:
        run_report(notebook(workbench / "s.ipynb", cell), memory=0.5)
    assert caught.value.exit_code == 5


def test_names_and_paths_are_reports_and_nothing_else_is(workbench: Path) -> None:
    import inspect

    path = workbench / "a.ipynb"
    cells = [nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]})]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    told = run_reports(["a.ipynb"], jobs=1)
    assert [one.exit_code for one in told] == [0]
    anything: Any = inspect.unwrap(run_reports)
    for wrong in (ReportSpec(path), "a.ipynb", path, None, 5):
        with pytest.raises(InputError, match=r"^specs is .*; expected a list of reports"):
            anything(wrong)
    with pytest.raises(InputError, match="report is 5; expected a ReportSpec"):
        anything(["a.ipynb", 5])


def test_an_unknown_option_is_told_with_those_that_there_are(workbench: Path) -> None:
    with pytest.raises(InputError, match=r"unknown option 'tiemout'.*timeout") as caught:
        run_report("forecast", tiemout=5)
    assert "typed" not in str(caught.value)
