"""What a page tells about how it was made: every new fact, both languages, old records, and the two hashes."""

import hashlib
import subprocess
import sys
import time
from functools import partial
from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.reports import provenance
from finlab.reports.labels import LANGUAGES, label
from finlab.reports.provenance import (
    INSTALLED,
    KINDS,
    LOCKS,
    MADE_WORDS,
    environment_sha256,
    lock_state,
    provenance_tables,
)
from finlab.reports.render import render

OLD = {"started": "2026-11-23T07:00:00+00:00", "seconds": 1.5}
FULL = OLD | {
    "ended": "2026-11-23T07:00:02+00:00",
    "seed": 42,
    "lock": {"path": "uv.lock", "sha256": "ab" * 32},
    "environment_sha256": "cd" * 32,
    "cells": [{"cell": n, "seconds": n / 10, "status": "completed"} for n in range(1, 31)],
    "warnings": ["FutureWarning: <b>old</b>", "FutureWarning: <b>old</b>", "UserWarning: new"],
    "peak_memory_bytes": 512_000_000,
    "cpu_seconds": 1.25,
    "attempt": 2,
    "exit_code": 0,
    "failure": None,
    "parameters": [{"name": "horizon", "value": 12, "given": True, "help": "steps"}],
    "reads": [{"name": "sales", "uri": "file:///s.csv", "sha256": "ef" * 32, "rows": 10, "as_of": "2026-11-01"}],
    "results": [{"name": "mase", "value": 0.93, "unit": "", "note": ""}],
    "notebook": {"path": "a.ipynb", "sha256": "01" * 32},
    "git": {"commit": "23" * 20, "dirty": True},
    "versions": {"finlab": "0.1"},
}
PAGE = {"cells": [{"cell_type": "markdown", "source": "# A report"}], "nbformat": 4, "metadata": {}}


def told(made, lang="en"):
    """All cells of all tables by the title of the table."""
    say = partial(label, lang=lang)
    return {table.title: [[cell.text for cell in row] for row in table.rows] for table in provenance_tables(made, say)}


def test_every_fact_of_a_run_is_on_the_page():
    page = render(PAGE, provenance=FULL)
    for fact in ("42", "uv.lock", "ab" * 32, "cd" * 32, "512 MB", "1.2 s of computing", "01" * 32, "23" * 20):
        assert fact in page, fact
    assert "&lt;b&gt;old&lt;/b&gt;" in page and "<b>old</b>" not in page


def test_the_slowest_cells_stand_open_and_all_are_folded_in_their_order():
    tables = told(FULL)
    assert [row[0] for row in tables["Slowest cells"]] == ["30", "29", "28", "27", "26"]
    assert [row[0] for row in tables["Time of every cell"]] == [str(n) for n in range(1, 31)]
    folded = {table.title: table.as_dict()["folded"] for table in provenance_tables(FULL, label)}
    assert folded["Time of every cell"] == "30" and folded["Slowest cells"] == ""


def test_few_cells_are_told_once():
    assert "Time of every cell" not in told(OLD | {"cells": FULL["cells"][:5]})


def test_a_warning_that_came_often_is_told_once_with_its_count():
    assert told(FULL)["Warnings"] == [["FutureWarning: <b>old</b>", "2"], ["UserWarning: new", "1"]]


def test_warnings_that_came_once_need_no_column_for_that():
    assert told(OLD | {"warnings": ["a", "b"]})["Warnings"] == [["a"], ["b"]]


def test_a_warning_of_a_whole_page_is_cut_to_its_sentence():
    (row,) = told(OLD | {"warnings": ["UserWarning: " + "x" * 5000]})["Warnings"]
    assert len(row[0]) == 400 and row[0].endswith("...")


def test_a_run_without_warnings_says_so_and_an_old_record_says_nothing():
    tables = provenance_tables(OLD | {"warnings": []}, label)
    assert [table.empty for table in tables if table.title == "Warnings"] == ["No cell gave a warning."]
    assert "Warnings" not in told(OLD)


def test_an_old_record_is_shown_without_the_new_facts():
    (program,) = [rows for title, rows in told(OLD).items() if title == "Program"]
    names = [row[0] for row in program]
    assert names == ["notebook", "commit", "started", "run time", "versions"]
    assert "How this page was made" in render(PAGE, provenance=OLD)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_words_are_there_in_every_language(lang):
    page = render(PAGE, provenance=FULL, lang=lang)
    shown = {key for key in MADE_WORDS if "{" not in label_text(key, lang)}
    left_out = {"outcome", "failed", "pending", "no_warnings"}  # this run went well
    assert all(label_text(key, lang) in page for key in shown - left_out)
    assert all(english != chinese for english, chinese in (*MADE_WORDS.values(), *KINDS.values()))


def label_text(key, lang):
    return MADE_WORDS[key][LANGUAGES.index(lang)]


@pytest.mark.parametrize("kind", [*KINDS, "something new"])
def test_a_failure_is_told_with_its_signal_and_exit_code(kind):
    rows = dict(told(OLD | {"failure": {"kind": kind, "signal": "SIGKILL"}, "exit_code": 5})["Program"])
    words = KINDS[kind][0] if kind in KINDS else kind
    assert rows["outcome"] == f"{words}, SIGKILL (exit code 5)"


def test_the_first_attempt_is_not_worth_a_line():
    assert "attempt" not in dict(told(OLD | {"attempt": 1})["Program"])
    assert dict(told(OLD | {"attempt": 3})["Program"])["attempt"] == "3"


@given(st.lists(st.fixed_dictionaries({"cell": st.integers(1, 500), "seconds": st.floats(0, 1e6) | st.none()})))
def test_any_list_of_cells_can_be_told(cells):
    tables = told(OLD | {"cells": cells})
    assert len(tables.get("Slowest cells", [])) == min(len(cells), 5)


@pytest.mark.parametrize("name", LOCKS)
def test_each_kind_of_lock_file_is_found(tmp_path, name):
    (tmp_path / name).write_bytes(b"numpy==2\n")
    assert lock_state(tmp_path) == {"path": name, "sha256": hashlib.sha256(b"numpy==2\n").hexdigest()}


def test_the_first_lock_file_counts_and_a_folder_of_that_name_is_none(tmp_path):
    (tmp_path / LOCKS[0]).mkdir()
    assert lock_state(tmp_path) is None
    (tmp_path / "poetry.lock").write_bytes(b"a")
    (tmp_path / "environment.yml").write_bytes(b"b")
    found = lock_state(tmp_path)
    assert found is not None and found["path"] == "poetry.lock"


def test_no_lock_file_no_folder_and_no_path_give_none(tmp_path):
    assert lock_state(tmp_path) is None
    assert lock_state(tmp_path / "nowhere") is None
    assert lock_state("a\0b") is None


def test_the_folder_names_say_what_the_installers_records_say():
    """The quick way (names of folders) against the slow one (every record opened)."""
    slow = dict[str, str]()
    for one in metadata.distributions():
        slow.setdefault(one.name.replace("-", "_").replace(".", "_").casefold(), one.version)
    quick = dict[str, str]()
    for folder in sys.path:
        try:
            names = sorted(path.name for path in __import__("pathlib").Path(folder or ".").iterdir())
        except OSError:
            continue
        for name in names:
            if name.endswith(INSTALLED):
                stem, version = name.rpartition(".")[0].split("-")[:2]
                quick.setdefault(stem.replace(".", "_").casefold(), version)
    assert len(slow) > 50
    assert {name: quick.get(name) for name in slow} == slow


def test_a_package_more_or_another_version_is_another_environment(tmp_path):
    program = "from finlab.reports.provenance import environment_sha256 as e; print(e())"

    def asked():
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=env)
        return run.stdout

    import os

    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))}
    before = asked()
    (tmp_path / "ape-1.0.dist-info").mkdir()
    before = asked()
    (tmp_path / "zebra-1.0.dist-info").mkdir()
    with_one = asked()
    (tmp_path / "zebra-1.0.dist-info").rename(tmp_path / "zebra-1.1.dist-info")
    assert len({before, with_one, asked(), environment_sha256_of(env, program)}) == 4


def environment_sha256_of(env, program):
    without = env | {"PYTHONPATH": env["PYTHONPATH"].partition(":")[2]}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=without
    ).stdout


def test_asking_for_the_environment_is_cheap():
    provenance._environment_sha256.cache_clear()
    clock = time.process_time()
    environment_sha256()
    assert time.process_time() - clock < 0.1
