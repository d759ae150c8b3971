"""What may be skipped by `--resume`, and every single reason why not: whatever is not known to be unchanged runs."""

import hashlib
import json
import os
import subprocess
import time
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import finlab.reports.trail.fingerprint as room
from finlab.core import trace
from finlab.core.settings import settings
from finlab.data.store import Store
from finlab.reports.jobs import templates
from finlab.reports.parameters import Expression, Kind, Parameter, check, read_notebook, read_parameters
from finlab.reports.provenance import git_state
from finlab.reports.secrets import Secret
from finlab.reports.trail.fingerprint import (
    Asked,
    code_sha256,
    content_sha256,
    fingerprint,
    inputs_unchanged,
    may_skip,
    sources_of,
    unknown_of,
)
from finlab.reports.trail.unseen import unseen_reads

DAY = date(2026, 3, 1)
LINES = "horizon: int = 12\nname: str = 'a'\nfile: Path | None = None\n"
KEPT = {"started": "2026-02-01T07:00:00+00:00", "freshness_days": 45}


def notebook_of(*sources, parameters=LINES):
    first = {"cell_type": "code", "source": parameters, "metadata": {"tags": ["parameters"]}, "outputs": []}
    return {"cells": [first, *({"cell_type": "code", "source": text, "metadata": {}} for text in sources)]}


@pytest.fixture
def root(workbench):
    (workbench / "settings.ini").write_text("[finlab]\n")
    (workbench / "own.py").write_text("RATE = 0.05\n")
    return workbench


def asked_of(notebook=None, *, seed=7, lang="en", **given):
    notebook = notebook or notebook_of("horizon * 2")
    parameters = read_parameters(notebook)
    return Asked(notebook, parameters, check(parameters, given), settings(), lang, seed)


def git(root, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)


# --- the fingerprint


def test_the_same_run_has_the_same_fingerprint(root):
    assert fingerprint(asked_of()) == fingerprint(asked_of()) != ""


def test_a_default_that_is_given_is_the_same_run(root):
    assert fingerprint(asked_of()) == fingerprint(asked_of(horizon=12)) == fingerprint(asked_of(horizon="12"))


@pytest.mark.parametrize("given", [{"horizon": 6}, {"name": "b"}, {"seed": 8}, {"lang": "zh"}])
def test_another_parameter_seed_or_language_is_another_run(root, given):
    assert fingerprint(asked_of(**given)) != fingerprint(asked_of())


def test_a_number_and_the_text_of_it_are_two_runs(root):
    asked = asked_of()
    for value in (1, date(2026, 1, 1)):
        assert fingerprint(asked._replace(given={"name": str(value)})) != fingerprint(
            asked._replace(given={"name": value})
        )


@pytest.mark.parametrize("cells", [("horizon * 3",), ("horizon * 2", "1"), ()])
def test_another_notebook_is_another_run(root, cells):
    assert fingerprint(asked_of(notebook_of(*cells))) != fingerprint(asked_of())


def test_outputs_counts_and_the_form_of_the_source_are_not_the_notebook(root):
    ran = notebook_of("horizon * 2")
    ran["cells"][1] |= {
        "outputs": [{"data": {"text/plain": "24"}}],
        "execution_count": 3,
        "source": ["horizon", " * 2"],
    }
    assert fingerprint(asked_of(ran)._replace(notebook=ran)) == fingerprint(asked_of())


def test_a_tag_is_part_of_the_notebook(root):
    tagged = notebook_of("horizon * 2")
    tagged["cells"][1]["metadata"] = {"tags": ["hide-input"]}
    assert fingerprint(asked_of(tagged)) != fingerprint(asked_of())


def test_what_is_to_be_made_besides_the_page_counts(root):
    assert fingerprint(asked_of()._replace(also=("pdf",))) != fingerprint(asked_of())


@pytest.mark.parametrize("line", ["freshness_days = 3", "store = other.duckdb", "base_currency = EUR", "fonts = Arial"])
def test_a_setting_that_may_change_a_page_counts(root, line):
    before = fingerprint(asked_of())
    (root / "settings.ini").write_text(f"[finlab]\n{line}\n")
    assert fingerprint(asked_of()) != before


@pytest.mark.parametrize("line", ["jobs = 7", "run_timeout_seconds = 9", "user = Ann", "reports = elsewhere"])
def test_a_setting_that_changes_no_result_does_not(root, line):
    before = fingerprint(asked_of())
    (root / "settings.ini").write_text(f"[finlab]\n{line}\n")
    assert fingerprint(asked_of()) == before


@pytest.mark.parametrize("where", ["source_hidden", "outputs_hidden"])
def test_what_is_folded_away_is_part_of_the_notebook(root, where):
    folded = notebook_of("horizon * 2")
    folded["cells"][1]["metadata"] = {"jupyter": {where: True}}
    assert fingerprint(asked_of(folded)) != fingerprint(asked_of())
    folded["cells"][1]["metadata"] = {"jupyter": {where: False}}
    assert fingerprint(asked_of(folded)) == fingerprint(asked_of())


def test_a_picture_of_the_prose_and_the_language_are_part_of_the_notebook(root):
    def shown(picture, language="python"):
        told = {"cell_type": "markdown", "source": "![](attachment:a.png)", "metadata": {}}
        cells = [*notebook_of()["cells"], told | {"attachments": {"a.png": {"image/png": picture}}}]
        return sources_of({"cells": cells, "metadata": {"kernelspec": {"language": language}}})

    assert shown("AAAA") == shown("AAAA") != shown("BBBB")
    assert shown("AAAA") != shown("AAAA", "R")


COUNTING = ["LANG", "TZ", "LC_ALL", "JAX_ENABLE_X64", "XLA_FLAGS", "OMP_NUM_THREADS", "MKL_CBWR", "OPENBLAS_CORETYPE"]
COUNTING += ["NUMBA_DISABLE_JIT", "CUDA_VISIBLE_DEVICES", "FINLAB_CHROMIUM", "PYTHONHASHSEED", "PYTHONPATH"]


@pytest.mark.parametrize("name", COUNTING)
def test_a_variable_of_the_environment_that_may_change_a_result_counts(root, monkeypatch, name):
    before = fingerprint(asked_of())
    monkeypatch.setenv(name, "zh_CN.UTF-8")
    assert fingerprint(asked_of()) != before


@pytest.mark.parametrize("name", ["FINLAB_SECRET_token", "FINLAB_LEDGER", "FINLAB_BESIDE", "FINLAB_REPORTS", "HOME2",
                                  "JAX_COMPILATION_CACHE_DIR", "NUMBA_CACHE_DIR", "CUDA_MODULE_LOADING"])  # fmt: skip
def test_a_variable_that_changes_no_result_does_not(root, monkeypatch, name):
    before = fingerprint(asked_of())
    monkeypatch.setenv(name, str(root / "elsewhere"))
    assert fingerprint(asked_of()) == before


@pytest.mark.parametrize("name", ["environment_sha256", "package_sha256"])
def test_other_packages_or_another_finlab_are_another_run(root, monkeypatch, name):
    before = fingerprint(asked_of())
    monkeypatch.setattr(room, name, lambda: "other")
    assert fingerprint(asked_of()) != before


def test_a_pipe_is_not_read_before_the_run(root):
    os.mkfifo(root / "pipe")
    assert fingerprint(asked_of(file=root / "pipe")) == "" == fingerprint(asked_of(file=Path("/dev/zero")))


def test_a_file_that_a_path_names_counts_with_its_content(root):
    path = root / "data.txt"
    path.write_text("1")
    before = fingerprint(asked_of(file=path))
    assert before and before == fingerprint(asked_of(file=path))
    path.write_text("2")
    assert fingerprint(asked_of(file=path)) != before
    path.unlink()
    assert fingerprint(asked_of(file=path)) not in ("", before)


def test_what_is_not_known_before_the_run_has_no_fingerprint(root):
    assert fingerprint(asked_of(file=root)) == ""
    unknown = Parameter("since", Kind("date"), Expression("date.today()"))
    assert fingerprint(asked_of()._replace(parameters=[unknown])) == ""
    relative = Parameter("file", Kind("Path"), Path("a.txt"))
    (root / "a.txt").write_text("1")
    assert fingerprint(asked_of()._replace(parameters=[relative])) == ""


def test_it_is_said_which_parameter_is_not_known_and_why(root):
    def said(kind="Path", value=None, **more):
        return unknown_of(asked_of()._replace(parameters=[Parameter("one", Kind(kind), value)], **more))

    assert said("date", Expression("date.today()")) == (
        "parameter one: its default date.today() is known only when the notebook runs"
    )
    assert said(value=Path("a.txt")).startswith("parameter one: 'a.txt' is a relative path")
    assert said(value=root).startswith(f"parameter one: {str(root)!r} is no file that can be read before the run")
    assert said(code=None).startswith(f"the Python files below {root} are not known")
    assert said("int", 1) == said(value=root / "not there.txt") == said(value=root / "own.py") == ""


def test_a_report_that_was_given_a_secret_is_made_again(root):
    asked = asked_of(notebook_of("1", parameters="token: Secret = ''\n"))
    assert fingerprint(asked) != "" == unknown_of(asked)
    given = asked._replace(given={"token": Secret("abcdefgh1234")})
    told = "parameter token: secrets are not kept, so it is not known whether this one has changed"
    assert fingerprint(given) == "" and may_skip(root / "page.html", given) == (False, told)


# --- the project's code


@pytest.mark.parametrize("versioned", [False, True])
def test_code_of_the_project_counts_and_other_files_do_not(root, versioned):
    if versioned:
        git(root, "init", "-q")
        git(root, "add", ".")
        git(root, "commit", "-qm", "one")
    before = code_sha256(root)
    (root / "README.md").write_text("words")
    (root / "reports").mkdir()
    (root / "reports" / "a.html").write_text("page")
    assert code_sha256(root) == before
    (root / "own.py").write_text("RATE = 0.06\n")
    changed = code_sha256(root)
    (root / "new.py").write_text("x = 1\n")
    assert len({before, changed, code_sha256(root)}) == 3
    (root / "new.py").unlink()
    (root / "own.py").write_text("RATE = 0.05\n")
    if not versioned:
        assert code_sha256(root) == before


def test_a_commit_that_touches_no_code_changes_nothing(root):
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    before = code_sha256(root)
    (root / "README.md").write_text("words")
    git(root, "add", ".")
    git(root, "commit", "-qm", "two")
    assert code_sha256(root) == before
    (root / "own.py").write_text("RATE = 1\n")
    git(root, "commit", "-qam", "three")
    assert code_sha256(root) != before


def test_inside_a_hook_of_git_the_folder_counts_and_not_the_repository_of_the_hook(root, tmp_path, monkeypatch):
    for folder in (root, tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        git(folder, "init", "-q")
        (folder / "own.py").write_text(f"# {folder.name}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", "one")
    before, state = code_sha256(root), git_state(root)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / ".git" / "index"))
    assert code_sha256(root) == before
    assert git_state(root) == state and state is not None and not state["dirty"]


def test_a_notebook_that_no_commit_has_is_a_difference(root):
    root.mkdir(exist_ok=True)
    git(root, "init", "-q")
    (root / "own.py").write_text("# own\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    (root / "new.ipynb").write_text("{}")
    state, without, outside = git_state(root, root / "new.ipynb"), git_state(root), git_state(root, Path("/x.ipynb"))
    assert state is not None and state["dirty"] and without == outside == {**state, "dirty": False}
    git(root, "add", ".")
    git(root, "commit", "-qm", "two")
    known = git_state(root, root / "new.ipynb")
    assert known is not None and not known["dirty"]


def test_two_versions_of_an_uncommitted_file_are_told_apart(root):
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    (root / "own.py").write_text("RATE = 2\n")
    second = code_sha256(root)
    (root / "own.py").write_text("RATE = 3\n")
    assert code_sha256(root) != second


@pytest.mark.parametrize(
    "line", ["import local_cfg", "from inner.deep import rate", "import own_too", "import calendar"]
)
def test_a_module_that_git_does_not_list_counts_if_it_is_imported(root, line):
    git(root, "init", "-q")
    (root / "inner").mkdir()
    git(root / "inner", "init", "-q")
    (root / ".gitignore").write_text("local_cfg.py\ncalendar.py\n")
    (root / "own_too.py").write_text("from local_cfg import rate\n")
    for name in ("local_cfg.py", "calendar.py", "inner/deep.py"):
        (root / name).write_text("rate = 1\n")
    git(root / "inner", "add", ".")
    git(root / "inner", "commit", "-qm", "one")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    asked = asked_of(notebook_of(line))
    before, pure = fingerprint(asked), fingerprint(asked_of())
    for name in ("local_cfg.py", "calendar.py", "inner/deep.py"):
        (root / name).write_text("rate = 2\n")
    assert before != fingerprint(asked) and pure == fingerprint(asked_of())


def test_a_module_of_the_folder_that_a_report_is_called_in_counts(root, monkeypatch):
    (root / ".gitignore").write_text("/below/\n")
    git(root, "init", "-q")
    (root / "below").mkdir()
    (root / "below" / "own.py").write_text("RATE = 1\n")
    monkeypatch.chdir(root / "below")
    asked = asked_of(notebook_of("import own"))
    before = fingerprint(asked)
    (root / "below" / "own.py").write_text("RATE = 2\n")
    assert before != fingerprint(asked)
    (root / "below" / "own.py").write_text("RATE = open('a').read()\n")
    assert unseen_reads(asked.notebook, root) == "" != unseen_reads(asked.notebook, root / "below", root)


def test_notebooks_of_the_project_do_not_count(root):
    before = code_sha256(root)
    (root / "study.ipynb").write_text(json.dumps(notebook_of("1 + 1")))
    assert code_sha256(root) == before


def test_a_hash_of_the_code_that_was_asked_before_is_taken(root):
    assert fingerprint(asked_of()._replace(code=code_sha256(root))) == fingerprint(asked_of())
    assert fingerprint(asked_of()._replace(code="other")) != fingerprint(asked_of())
    assert fingerprint(asked_of()._replace(code=None)) == ""


def test_a_file_is_read_once_until_it_is_touched(root, monkeypatch):
    path, read = root / "big.csv", []
    path.write_text("1")
    monkeypatch.setattr(room, "SETTLED_NS", -1)
    first = content_sha256(path)
    monkeypatch.setattr(room.hashlib, "file_digest", lambda *_: read.append(1) or hashlib.sha256(b"2"))
    assert content_sha256(path) == first and not read
    time.sleep(0.05)  # more than a tick of the clock of the file system
    path.write_text("2")
    assert content_sha256(path) != first and read


def test_a_deep_folder_without_code_is_not_walked_to_its_end(root, monkeypatch):
    monkeypatch.setattr(room, "MOST_FOLDERS", 3)
    for place in range(5):
        (root / f"d{place}").mkdir()
    assert code_sha256(root) is None


def test_a_disk_full_of_code_is_not_known(root, monkeypatch):
    monkeypatch.setattr(room, "MOST_FILES", 3)
    for place in range(5):
        (root / f"m{place}.py").write_text("")
    assert code_sha256(root) is None and fingerprint(asked_of()) == ""


def test_a_folder_that_is_not_there_has_no_code(tmp_path):
    assert code_sha256(tmp_path / "nowhere") == code_sha256(tmp_path)


# --- the inputs


def read_of(path, **more):
    return {"name": path.stem, "uri": path.as_uri(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()} | more


def judged(*reads, today=DAY, **more):
    return inputs_unchanged(KEPT | {"reads": list(reads)} | more, today)


def test_a_file_is_unchanged_by_its_content_alone(tmp_path):
    path = tmp_path / "a b ä%20.csv"
    path.write_text("x\n1\n")
    read = read_of(path)
    path.write_text("x\n1\n")
    assert judged(read) == (True, "")


def test_a_file_of_the_same_size_and_time_and_other_content_is_changed(tmp_path):
    import os

    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    read, stamp = read_of(path), path.stat()
    path.write_text("x\n2\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert judged(read) == (False, "input a: a.csv has changed")


def test_a_file_that_is_gone_is_changed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    read = read_of(path)
    path.unlink()
    ok, reason = judged(read)
    assert not ok and "cannot be read (No such file or directory)" in reason


@pytest.mark.parametrize(
    ("uri", "sha256", "why"),
    [
        ("postgresql://u:***@h/db", "ab" * 32, "cannot be compared without reading it"),
        ("sqlite:///a.db", "ab" * 32, "cannot be compared without reading it"),
        ("https://example.org/a.csv", "ab" * 32, "cannot be compared without reading it"),
        ("online:fred/GDP", "ab" * 32, "cannot be compared without reading it"),
        ("", "ab" * 32, "cannot be compared without reading it"),
        ("file:///a.csv", None, "has no hash of it"),
        ("file:///a\x00.csv", "ab" * 32, "cannot be read"),
        ("file://[/a.csv", "ab" * 32, "cannot be read"),
    ],
)
def test_what_cannot_be_compared_runs(uri, sha256, why):
    ok, reason = judged({"name": "x", "uri": uri, "sha256": sha256})
    assert not ok and reason.startswith("input x: ") and why in reason


@pytest.mark.parametrize("uri", ["sample:airline", "synthetic: finlab, company 1, table bank"])
def test_a_sample_comes_with_the_package(uri):
    assert judged({"name": "x", "uri": uri, "sha256": None, "source_kind": "sample", "as_of": "1960-12-31"}).ok


def test_an_input_that_became_stale_runs_and_one_that_was_future_is_judged_anew(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    fresh = read_of(path, as_of="2026-01-20")
    assert judged(fresh, today=date(2026, 3, 1)).ok
    assert judged(fresh, today=date(2026, 3, 10)) == (False, "input a: it is stale")
    future = read_of(path, as_of="2026-02-15")
    assert judged(future, today=date(2026, 2, 10)).ok
    assert judged(future, today=date(2026, 3, 1)).reason == "input a: it was future and is fresh"


@pytest.mark.parametrize(
    "broken", [{"freshness_days": None}, {"freshness_days": "x"}, {"started": "x"}, {"started": None}]
)
def test_a_record_that_does_not_say_how_old_data_may_be_runs(tmp_path, broken):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    assert judged(read_of(path), **broken).reason.endswith("does not say how old it may be")


@pytest.fixture
def kept(root):
    """A store with one table, and what the ledger says about reading it."""
    (root / "sales.csv").write_text("day,x\n2026-02-01,1\n2026-02-02,\n")
    store = Store()
    store.load("sales.csv", "sales", as_of="2026-01-25")
    trace.clear()
    store.table("sales")
    (read,) = trace.records("read")
    return store, read


def test_a_table_of_the_store_is_unchanged_until_it_is_loaded_again(kept, root):
    store, read = kept
    assert judged(read) == (True, "")
    store.load("sales.csv", "other", as_of="2026-01-25")
    assert judged(read) == (True, "")
    store.load("sales.csv", "sales", as_of="2026-01-26")
    assert judged(read).reason == "input sales: the table was loaded again"
    (root / "sales.csv").write_text("day,x\n2026-02-01,5\n")
    store.load("sales.csv", "sales", as_of="2026-01-25")
    assert judged(read).reason == "input sales: the table has other content"
    store.drop("sales")
    assert "the store cannot tell" in judged(read).reason


def test_a_table_that_was_ever_cleaned_runs_even_after_an_undo(kept):
    from finlab.data.cleaning.missing import Fill

    store, read = kept
    store.clean("sales", [Fill("x", value=0)])
    assert "has been cleaned" in judged(read).reason
    store.undo("sales")
    assert "has been cleaned" in judged(read).reason


def test_a_store_that_is_gone_runs(kept):
    store, read = kept
    store.path.unlink()
    assert not judged(read).ok


def test_a_report_on_the_store_as_a_whole_runs(kept):
    _, read = kept
    assert judged(read | {"freshness_days": 40}).reason.endswith("looked at the store as a whole")


# --- skipping


@pytest.fixture
def made(root):
    """A report that was made, with a file beside it, and all that is known to be unchanged."""
    path = root / "input.csv"
    path.write_text("x\n1\n")
    page, table = root / "page.html", root / "page.table.csv"
    page.write_text("<html>24</html>")
    table.write_text("a,b\n")
    asked = asked_of()
    record = KEPT | {
        "report": "page",
        "status": "complete",
        "exit_code": 0,
        "results": {},
        "reads": [read_of(path)],
        "files": [table.name],
        "fingerprint": fingerprint(asked),
        "files_sha256": {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in (page, table)},
    }
    page.with_suffix(".json").write_text(json.dumps(record))
    return page, asked, record


def skip(page, asked):
    return may_skip(page, asked, today=DAY)


def test_an_unchanged_report_is_skipped(made):
    page, asked, _ = made
    assert skip(page, asked) == (True, "notebook, parameters, inputs and environment are unchanged")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "failed"}, "is not complete (failed)"),
        ({"status": "stale"}, "is not complete (stale)"),
        ({"exit_code": 7}, "ended with exit code 7"),
        ({"exit_code": None}, "ended with exit code None"),
        ({"fingerprint": "0" * 64}, "the notebook, a parameter, the code or the environment has changed"),
        ({"fingerprint": None}, "has no fingerprint"),
        ({"files_sha256": None}, "has no hash of its page"),
        ({"files_sha256": {}}, "has no hash of its page"),
        ({"files_sha256": ["page.html"]}, "has no hash of its page"),
        ({"files": ["page.table.csv", "page.more.csv"]}, "page.more.csv is not there"),
        ({"files": ["../x"]}, "../x is not there"),
        ({"files": 3}, "files is not there"),
        ({"reads": [{"name": "b", "uri": "mysql://h/b", "sha256": "1"}]}, "cannot be compared"),
    ],
)
def test_each_thing_that_a_record_may_say_against_it(made, change, why):
    page, asked, record = made
    page.with_suffix(".json").write_text(json.dumps(record | change))
    ok, reason = skip(page, asked)
    assert not ok and why in reason


@pytest.mark.parametrize("key", ["fingerprint", "files_sha256", "status", "results", "freshness_days", "started"])
def test_a_record_without_one_of_its_keys_runs(made, key):
    page, asked, record = made
    page.with_suffix(".json").write_text(json.dumps({name: value for name, value in record.items() if name != key}))
    assert not skip(page, asked).ok


@pytest.mark.parametrize("name", ["page.html", "page.table.csv"])
@pytest.mark.parametrize("how", ["cut", "gone", "folder"])
def test_a_file_that_is_not_whole_runs(made, name, how):
    page, asked, _ = made
    path = page.with_name(name)
    whole = path.read_bytes()
    path.unlink()
    if how == "cut":
        path.write_bytes(whole[:-1])
    elif how == "folder":
        path.mkdir()
    ok, reason = skip(page, asked)
    assert not ok and reason == f"{name} is {'not as it was written' if how == 'cut' else 'not there'}"


def test_any_file_that_has_a_hash_has_to_be_there(made):
    page, asked, record = made
    kept = record["files_sha256"] | {"page-ro-crate-metadata.json": "ab" * 32}
    page.with_suffix(".json").write_text(json.dumps(record | {"files_sha256": kept}))
    assert skip(page, asked) == (False, "page-ro-crate-metadata.json is not there")


def test_a_record_that_is_gone_or_half_runs(made):
    page, asked, _ = made
    beside = page.with_suffix(".json")
    beside.write_text(beside.read_text()[:-5])
    assert skip(page, asked) == (False, "there is no earlier run")
    beside.unlink()
    assert skip(page, asked) == (False, "there is no earlier run")


def test_a_changed_input_runs(made):
    page, asked, _ = made
    page.with_name("input.csv").write_text("x\n2\n")
    assert skip(page, asked) == (False, "input input: input.csv has changed")


def test_without_a_fingerprint_it_runs(made):
    page, asked, _ = made
    unknown = asked._replace(given={"file": page.parent})
    assert skip(page, unknown).reason.startswith("parameter file: ")


def test_a_fingerprint_that_was_computed_before_is_taken(made):
    page, asked, _ = made
    assert may_skip(page, asked, fingerprint(asked), DAY).ok and not may_skip(page, asked, "other", DAY).ok


def test_changed_parameters_and_code_run(made, root):
    page, asked, _ = made
    assert not skip(page, asked._replace(given={"horizon": 6})).ok
    (root / "own.py").write_text("RATE = 9\n")
    assert skip(page, asked).reason == "the notebook, a parameter, the code or the environment has changed"


def test_a_notebook_that_reads_by_itself_runs(made):
    page, asked, record = made
    notebook = notebook_of("import pandas as pd", "pd.read_csv('a.csv')")
    asked = asked._replace(notebook=notebook)
    page.with_suffix(".json").write_text(json.dumps(record | {"fingerprint": fingerprint(asked)}))
    assert skip(page, asked) == (False, "cell 3 calls read_csv, and what that reads is not in the ledger")


def test_a_notebook_that_uses_finlab_and_names_no_input_runs_and_a_pure_one_does_not(made):
    page, asked, record = made
    pure = "from finlab import report\nreport.result('x', 1)", "from finlab.core.trace import record_result"
    unclear = "import finlab as f", "from finlab import samples"
    for cell, ok in (
        *((cell, False) for cell in unclear),
        ("import numpy as np", True),
        *((cell, True) for cell in pure),
    ):
        asked = asked._replace(notebook=notebook_of(cell))
        beside = record | {"fingerprint": fingerprint(asked), "reads": []}
        page.with_suffix(".json").write_text(json.dumps(beside))
        assert skip(page, asked).ok is ok


STORE = "from finlab.data.store import Store\ns = Store()\n"
LOOKS = ["s.tables()", "Store().profile('tb')", "s.loads()", "s.origin('tb', 3)", "s.parts('ta')", "s.rejects('ta')"]
LOOKS += ["s.cleanings()", "s.trail(1)", "list(map(s.profile, ['tb']))", "t = s.snapshot()\nt.tables()"]


def judge(page, record, *sources, reads=None, parameters=LINES, **given):
    """Judge a report of these cells that was made before, as it would have been recorded."""
    asked = asked_of(notebook_of(*sources, parameters=parameters), **given)
    more = {"fingerprint": fingerprint(asked), "reads": record["reads"] if reads is None else reads}
    page.with_suffix(".json").write_text(json.dumps(record | more))
    return skip(page, asked)


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_at_the_store_that_no_ledger_names_runs_beside_a_read_that_it_names(made, look):
    page, _, record = made
    assert judge(page, record, STORE + "s.table('ta')").ok
    ok, reason = judge(page, record, STORE + "s.table('ta')", look)
    assert not ok and reason.startswith("cell 3 ") and reason.endswith("what that reads is not in the ledger")


@pytest.mark.parametrize("word", ["today", "Now", " TODAY "])
def test_a_parameter_that_is_a_word_for_today_asks_the_clock(made, word):
    page, _, record = made
    lines = "as_of: str = 'today'\ndays: list[str] = []\n"
    cell = "import pandas as pd\npd.Timestamp(as_of)"
    assert judge(page, record, cell, parameters=lines).reason == "the parameter as_of asks the clock (today)"
    assert judge(page, record, cell, parameters=lines, as_of=word).reason.startswith("the parameter as_of asks the")
    assert judge(page, record, cell, parameters=lines, as_of="2026-01-01").ok
    assert not judge(page, record, cell, parameters=lines, as_of="2026-01-01", days=[word]).ok


def test_a_file_that_a_cell_or_a_parameter_names_runs_unless_the_ledger_has_it(made, root):
    page, _, record = made
    (root / "logo.svg").write_text("<svg/>")
    told = "names the file logo.svg, which is not in the ledger"
    assert judge(page, record, "1", "show('logo.svg')") == (False, f"cell 3 {told}")
    assert judge(page, record, "f(['logo.svg'])", "1").reason == f"cell 2 {told}"
    assert judge(page, record, "show(name)", name="logo.svg").reason == f"the parameter name {told}"
    assert not judge(page, record, f"show({str(root / 'logo.svg')!r})").ok
    for cell in ("'logo.svg'", "show('input.csv')", f"show({str(root / 'input.csv')!r})", "show('other.svg')", "f('')"):
        assert judge(page, record, cell).ok, cell
    table = [record["reads"][0] | {"loaded_at": "2026-01-01"}]
    assert judge(page, record, "show('input.csv')", reads=table).reason.startswith("cell 2 names the file input.csv")


def test_a_file_that_was_named_and_is_gone_is_another_run(root):
    (root / "logo.svg").write_text("<svg/>")
    before = fingerprint(asked_of(notebook_of("show('logo.svg')")))
    (root / "logo.svg").unlink()
    assert fingerprint(asked_of(notebook_of("show('logo.svg')"))) != before


# --- what the ledger cannot see


def hint(*sources):
    return unseen_reads(notebook_of(*sources))


@pytest.mark.parametrize(
    "source",
    [
        "import pandas as pd\npd.read_csv('a.csv')",
        "from pandas import read_excel\nread_excel('a.xlsx')",
        "open('a.txt')",
        "from pathlib import Path\nPath('a').read_text()",
        "from pathlib import Path\nPath('a').open()",
        "import numpy as np\nnp.load('a.npy')",
        "import seaborn as sns\nsns.load_dataset('tips')",
        "import requests",
        "import urllib.request",
        "from . import own",
        "import own",
        "import sqlite3 as numpy",
        "eval('1')",
        "__import__('os')",
        "import os\nos.environ['HOME']",
        "import os\nos.getenv('HOME')",
        "import finlab\nfinlab.run('forecast')",
        "from finlab.data.sources import read_source\nread_source('a.csv')",
        "from datetime import datetime\ndatetime.now()",
        "import time\ntime.time()",
        "import pandas as pd\npd.Timestamp.today()",
        "import pandas as pd\npd.concat(map(pd.read_csv, ['a.csv']))",
        "import pandas as pd\nread = pd.read_csv\nread('a.csv')",
        "import pandas as pd\npd.ExcelFile",
        "from pandas import read_csv as rc\nrc('a.csv')",
        "from pandas import read_csv as rc",
        "from pandas import *\nmap(read_csv, ['a.csv'])",
        "from numpy import load as taken\ntaken('a.npy')",
        "from numpy import load as taken\nmap(taken, ['a.npy'])",
        "import pyarrow.dataset\npyarrow.dataset.dataset('a.csv', format='csv')",
        "from pyarrow.dataset import dataset as d\nd('a.csv')",
        "import polars as pl\nfor scan in [pl.scan_csv]:\n    scan('a.csv')",
        "list(map(open, ['a.txt']))",
        "from pathlib import Path\nglob = Path.rglob\nglob(Path('.'), '*.csv')",
        "from os import environ\nenviron['HOME']",
        "from os import environ as variables\nvariables['HOME']",
        "from finlab.data.sources import read_source as read\nread('a.csv')",
        "from finlab.data.sources import read_source\nmap(read_source, ['a.csv'])",
        "import pandas as pd\npd.Timestamp('now')",
        "import pandas as pd\npd.to_datetime(['today'])",
        "import pandas as pd\npd.date_range('2026-01-01', end='today')",
        "import numpy as np\nnp.datetime64('today', 'D')",
        "import numpy as np\nnp.datetime64('NOW')",
        "from time import time as t\nt()",
        "import time\ntime.strftime('%H:%M:%S')",
        "import time as t\nt.strftime('%H')",
        "from time import strftime as told\ntold('%H')",
        "import time\ntime.ctime()",
        "import time\ntime.asctime()",
        "import time\ntime.time_ns()",
        "import time\ntime.localtime()",
        "import time\ntime.gmtime()",
        "import time\ntime.monotonic()",
        "import time\ntime.perf_counter_ns()",
        "from datetime import date\nclock = date.today\nclock()",
        "import pandas as pd\nday = 'Today'\npd.Timestamp(day)",
        "import pandas as pd\nday: str = 'now'\npd.date_range('2026-01-01', end=day)",
        "from IPython.display import SVG\nSVG('logo.svg')",
        "from IPython.display import Image\nImage('logo.png')",
        "from IPython.display import Image\nImage(filename='logo.png')",
        "from IPython.display import HTML\nHTML(filename='a.html')",
        "import os\nos.path.getsize('data.csv')",
        "import os\nos.path.isfile('data.csv')",
        "from pathlib import Path\nPath('override.txt').exists()",
        "from pathlib import Path\nPath('override.txt').stat()",
        "import scipy.io.wavfile\nscipy.io.wavfile.read('a.wav')",
        "import matplotlib.pyplot as plt\nplt.style.use('my.mplstyle')",
        "import matplotlib.pyplot as plt\nplt.style.use(style)",
        "from finlab.data.store import Store\nStore().sql('SELECT now() FROM a')",
        "from finlab.data.store import Store\nStore().sql(f\"SELECT {x} FROM read_csv('a.csv')\")",
        "from finlab.data.store import Store\nStore().sql('SELECT * FROM catalogue.loads')",
        "!ls",
        "%run other.ipynb",
        "%%bash\nls",
        "def f(:",
        "x = '\0'",
    ],
)
def test_what_may_read_past_the_ledger_is_noticed(source):
    assert hint(source).startswith("cell 2 ")


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1])",
        "import json\njson.loads('1')",
        "from finlab.data import samples\nsamples.load('airline')",
        "from finlab.data.store import Store\nStore().load('a.csv', 'a')",
        "from finlab.data.store import Store\nStore().table('a')",
        "import numpy as np\nnp.random.default_rng(1).normal()",
        "import pandas as pd\ndf = pd.DataFrame({'open': [1], 'load': [2], 'time': [3]})\ndf.open + df.load + df.time",
        "open, high = 1, 2\nhigh - open",
        "def rise(open, close):\n    return close - open",
        "open_price, read_share, run_rate = 1, 2, 3\nopen_price * read_share * run_rate",
        "def read_share(x):\n    return x / 2\nlist(map(read_share, [1]))",
        "import time\ntime.sleep(0)\ninput = request = 1\ninput + request",
        "import pandas as pd\npd.to_datetime(pd.DataFrame({'today': ['2026-01-01']})['today'])",
        "import pandas as pd\npd.Timestamp('2026-01-01'), pd.Series(['today', 'now'])",
        "from finlab.forecast.series import read_series\nlist(map(read_series, ['a.csv']))",
        "from finlab.forecast.series import read_series as rs\nrs('a.csv')",
        "from finlab.reports.gap_sources import read_table as table\ntable('a.csv', 'a')",
        "from finlab.reports import gap_sources\ngap_sources.read_table",
        "import time\ntime.strftime('%H', moment)\nday.strftime('%d')\nday.ctime()",
        "import pandas as pd\nlabel = 'today'\nday = '2026-01-01'\npd.Timestamp(day)",
        "import matplotlib.pyplot as plt\nplt.style.use('ggplot')\nplt.style.use(['ggplot', 'dark_background'])",
        "from IPython.display import HTML, Image\nHTML('<p>')\nImage(data=content)",
        "from finlab.data.store import Store\nStore().sql('SELECT day, now FROM a WHERE now > 1')",
        "from finlab.reports.inventories import take_stock\nstock = take_stock([])\nstock.rejects()",
        "day = row.origin\nday.parts",
        "# read_csv is only named here",
        "'open(1)'",
        "",
    ],
)
def test_mere_computation_and_reading_through_finlab_pass(source):
    assert hint(source) == ""


def test_modules_of_the_project_are_searched_and_what_they_import(tmp_path):
    (tmp_path / "pure.py").write_text("from helping import deep\nimport pure\n")
    (tmp_path / "helping").mkdir()
    (tmp_path / "helping" / "__init__.py").write_text("from .inner import x\nfrom . import inner\n")
    (tmp_path / "helping" / "deep.py").write_text("from ..pure import y\nimport numpy\n")
    (tmp_path / "helping" / "inner.py").write_text("x = 1\n")
    notebook = notebook_of("import pure\nfrom helping import deep as other, x")
    assert unseen_reads(notebook, tmp_path) == ""
    (tmp_path / "helping" / "inner.py").write_text("x = open('a').read()\n")
    assert unseen_reads(notebook, tmp_path).endswith("calls read, and what that reads is not in the ledger")
    (tmp_path / "helping" / "inner.py").write_text("import requests\n")
    assert unseen_reads(notebook, tmp_path).endswith("imports requests, which may read what the ledger does not see")
    (tmp_path / "helping" / "inner.py").write_text("def f(:\n")
    assert unseen_reads(notebook, tmp_path).endswith("cannot be read as Python")
    (tmp_path / "helping" / "inner.py").write_text("from .sub.low import z\n")
    (tmp_path / "helping" / "sub").mkdir()
    (tmp_path / "helping" / "sub" / "low.py").write_text("from ..high import z\n")
    (tmp_path / "helping" / "high.py").write_text("z = open('a').read()\n")
    assert unseen_reads(notebook, tmp_path).endswith(
        "imports helping.high.z, which calls read, and what that reads is not in the ledger"
    )
    assert unseen_reads(notebook).endswith("imports pure, which may read what the ledger does not see")


def test_words_are_not_searched():
    words = {"cell_type": "markdown", "source": "open('a')", "metadata": {}}
    assert unseen_reads({"cells": [words]}) == ""


def test_every_template_can_be_resumed():
    assert {name: unseen_reads(read_notebook(path)) for name, path in templates().items()} == dict.fromkeys(
        templates(), ""
    )


def test_the_sources_of_a_notebook_are_the_same_in_both_forms_of_a_source(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": ["a\n", "b"], "metadata": {}}]}))
    assert sources_of(read_notebook(path)) == sources_of(json.loads(path.read_text()))


def test_frames_are_not_part_of_a_fingerprint_before_they_are_kept(root):
    """`keep_frame` writes a frame under its hash; its path is what the fingerprint sees."""
    from finlab.reports.files import keep_frame

    frame = pd.DataFrame({"x": [1.0]})
    first, second = keep_frame(frame, root), keep_frame(frame + 1, root)
    asked = asked_of()
    assert fingerprint(asked._replace(given={"name": first})) != fingerprint(asked._replace(given={"name": second}))
