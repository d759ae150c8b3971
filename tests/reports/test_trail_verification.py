"""A report is run again: the page stays as it is, changes are found, and everything that stands in the way is said."""

import json
import os
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from finlab.cli.app import main
from finlab.core.errors import InputError, ReportError
from finlab.reports.parameters import read_parameters
from finlab.reports.run import run_report
from finlab.reports.trail.records import read_record
from finlab.reports.trail.verification import notebook_of, parameters_again, verify

SUM = """
import csv
with open(source) as file:
    total = sum(float(row['x']) for row in csv.DictReader(file))
from finlab.core.trace import record_result
record_result('total', times * total, 'CNY')
record_result('rows', [{'x': total}, {'name': name}])
"""
LINES = "from pathlib import Path\nsource: Path = Path('sales.csv')\ntimes: int = 2\nname: str = 'a'"


def write_notebook(path: Path, *sources: str, parameters: str = LINES) -> Path:
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
def made(workbench: Path) -> Path:
    """The page of a small report, made in a workbench of its own."""
    (workbench / "sales.csv").write_text("x\n1\n2\n")
    write_notebook(workbench / "sum.ipynb", SUM)
    return run_report("sum.ipynb", {"source": workbench / "sales.csv"}, output="sum.html").path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit(page: Path, **changes) -> None:
    beside = page.with_suffix(".json")
    beside.write_text(json.dumps(json.loads(beside.read_text()) | changes))


def test_an_unchanged_report_is_the_same_and_nothing_is_touched(made: Path) -> None:
    before = everything(made.parent)
    found = verify(made)
    assert found.same and found.differences.results == 2 and found.seconds > 0
    assert everything(made.parent) == before
    assert str(found) == "sum: the same; no result differs: 2 named results compared"
    assert found.summary().empty and found.as_dict()["same"] is True


def test_a_notebook_without_a_cell_of_parameters_is_verified(workbench: Path) -> None:
    cell = "from finlab.core.trace import record_result\nrecord_result('total', 3)"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]), workbench / "plain.ipynb")
    page = run_report("plain.ipynb", output="plain.html").path
    assert page is not None and verify(page).same
    with pytest.raises(SystemExit) as caught:
        main(["verify", str(page)])
    assert caught.value.code == 0
    with pytest.raises(InputError, match="no cell tagged `parameters`"):
        verify(page, {"times": 1})


def test_a_changed_file_is_found_with_the_place_and_the_amount(made: Path) -> None:
    before = everything(made.parent)
    made.with_name("sales.csv").write_text("x\n1\n2.5\n")
    found = verify(made.with_suffix(".json"))
    assert not found.same
    assert {change.path: change.difference for change in found.differences.changes} == {"total": 1.0, "rows[0].x": 0.5}
    assert {name: content for name, content in everything(made.parent).items() if name != "sales.csv"} == {
        name: content for name, content in before.items() if name != "sales.csv"
    }
    assert verify(made, rtol=0.2).same and verify(made, atol=1.0).same
    assert "<p>sum, run again:</p>" in found._repr_html_()


def test_a_changed_notebook_is_named_as_a_reason_and_its_new_default_is_used(made: Path) -> None:
    write_notebook(made.with_name("sum.ipynb"), SUM, parameters=LINES.replace("times: int = 2", "times: int = 3"))
    found = verify(made)
    assert {change.path for change in found.differences.changes} == {"total"}
    assert {(reason.area, reason.name) for reason in found.differences.others} == {
        ("parameter", "times"),
        ("notebook", "sha256"),
    }


def test_a_parameter_that_is_given_replaces_the_recorded_one(made: Path) -> None:
    found = verify(made, {"times": "4"})
    assert [(change.path, change.after) for change in found.differences.changes] == [("total", 12.0)]


def test_a_report_whose_second_run_fails_says_so_without_a_page_that_is_gone(made: Path) -> None:
    before = everything(made.parent)
    made.with_name("sales.csv").write_text("y\n1\n")
    with pytest.raises(ReportError, match=r"KeyError: 'x'") as caught:
        verify(made)
    assert caught.value.path is None and "see" not in str(caught.value)
    assert everything(made.parent).keys() == before.keys()


def test_a_parameter_that_the_notebook_lost_is_named(made: Path) -> None:
    write_notebook(made.with_name("sum.ipynb"), SUM, parameters=LINES.replace("source:", "sources:"))
    with pytest.raises(InputError, match=r"'source', which the earlier run was given, is not known.*mean 'sources'"):
        verify(made)


def test_a_parameter_given_now_that_is_not_known_is_named(made: Path) -> None:
    with pytest.raises(InputError, match=r"'tmes', given now, is not known.*did you mean 'times'"):
        verify(made, {"tmes": 1})


@pytest.mark.parametrize("hidden", ["***", ["a", "***"], "postgresql://u:***@h/db"])
def test_a_secret_has_to_be_given_again(made: Path, hidden: object) -> None:
    record = read_record(made).record
    edit(made, parameters=record["parameters"] | {"name": hidden}, given=[*record["given"], "name"])
    with pytest.raises(InputError, match=r"'name' is a secret and not in the record; give it: -p name=env:NAME"):
        verify(made)
    assert not verify(made, {"name": "other"}).same


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "failed"}, "failed when it was run"),
        ({"results": {}}, "has no named results"),
        ({"notebook": None}, "does not say which notebook"),
        ({"notebook": {"place": ""}}, "does not say which notebook"),
        ({"notebook": {"place": 3}}, "does not say which notebook"),
        ({"notebook": {"place": "lost.ipynb"}}, "the notebook lost.ipynb is gone"),
        ({"notebook": {"place": "a\0b"}}, "is gone"),
        ({"notebook": {"place": "x" * 5000}}, "is gone"),
        ({"parameters": {"times": "many"}, "given": ["times"]}, "parameter times is 'many'"),
    ],
)
def test_a_record_that_cannot_be_verified_says_why(made: Path, change: dict, why: str) -> None:
    edit(made, **change)
    with pytest.raises(InputError, match=why):
        verify(made)


def test_a_wrong_tolerance_is_said_before_anything_runs(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finlab.reports.trail.verification.run_report", lambda *_, **__: pytest.fail("it ran"))
    with pytest.raises(InputError, match=r"^rtol is -1"):
        verify(made, rtol=-1)


def test_the_seed_of_the_record_is_given_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def remember(name: object, parameters: object, **how: object) -> None:
        asked.update(how)
        raise ReportError("stopped here")

    monkeypatch.setattr("finlab.reports.trail.verification.run_report", remember)
    for seed in (None, 7):
        asked.clear()
        edit(made, seed=seed)
        with pytest.raises(ReportError):
            verify(made)
        assert asked.get("seed") == seed and ("seed" in asked) == (seed is not None)


def test_a_notebook_outside_the_project_is_found_by_its_whole_path(workbench: Path, tmp_path_factory) -> None:
    other = tmp_path_factory.mktemp("other") / "far.ipynb"
    other.write_text("{}")
    assert notebook_of({"notebook": {"place": str(other)}}) == other


def test_a_frame_that_was_handed_over_in_memory_is_verified_from_its_copy(workbench: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0]})
    lines = "from finlab.reports.parameters import Source\nsource: Source | None = None"
    cell = "import pandas as pd\nfrom finlab.core.trace import record_result\n"
    cell += "record_result('n', float(pd.read_parquet(source)['x'].sum()))"
    write_notebook(workbench / "frame.ipynb", cell, parameters=lines)
    page = run_report("frame.ipynb", {"source": frame}, output="frame.html").path
    assert verify(page).same


def test_only_what_was_given_is_given_again() -> None:
    known = read_parameters({"cells": [{"cell_type": "code", "source": LINES, "metadata": {"tags": ["parameters"]}}]})
    record = {"parameters": {"times": 5, "name": "b"}, "given": ["times"]}
    assert parameters_again(record, known, {}) == {"times": 5}
    assert parameters_again({"parameters": {}, "given": None}, known, {"name": "c"}) == {"name": "c"}


# --- at the terminal


def ended(*words: str) -> int:
    try:
        main(list(words))
    except SystemExit as problem:
        return int(problem.code or 0)
    return 0


def test_verify_ends_with_0_if_the_same_1_if_changed_2_if_wrong_3_if_it_fails(made: Path, capsys) -> None:
    assert ended("verify", str(made)) == 0
    assert "no result differs" in capsys.readouterr().out
    made.with_name("sales.csv").write_text("x\n5\n")
    assert ended("verify", str(made), "--json") == 1
    assert json.loads(capsys.readouterr().out)["changes"][0]["difference"] == 4.0
    assert ended("verify", str(made), "-p", "nam=b") == 2
    assert "did you mean 'name'?" in capsys.readouterr().err
    made.with_name("sales.csv").unlink()
    assert ended("verify", str(made)) >= 3
    assert "FileNotFoundError" in capsys.readouterr().err


def test_diff_ends_with_0_1_or_2_and_shows_both_tables(made: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    other = made.with_name("other.json")
    record = read_record(made).record
    record["results"]["total"]["value"] = 9.0
    record["results"]["new"] = {"value": None, "unit": ""}
    other.write_text(json.dumps(record | {"versions": {"finlab": "0"}}))
    assert ended("diff", str(made), str(made)) == 0
    assert capsys.readouterr().out == "no result differs: 2 named results compared\n"
    assert ended("diff", str(made), str(other)) == 1
    shown = capsys.readouterr().out
    assert "+50.000%" in shown and "CNY" in shown and "version" in shown and "may be why" in shown
    assert ended("diff", str(made), str(other), "--rtol", "0.5") == 1  # the new result
    del record["results"]["new"]
    other.write_text(json.dumps(record))
    capsys.readouterr()
    assert ended("diff", str(made), str(other)) == 1
    assert "nothing else that the records know differs" in capsys.readouterr().out
    assert ended("diff", str(made), str(other), "--rtol", "0.5") == 0
    assert ended("diff", str(made), "nowhere") == 2 and ended("diff", str(made), str(other), "--atol", "-1") == 2
    monkeypatch.chdir(os.sep)
    assert ended("diff", "", "") == 2


def test_a_failure_page_is_not_offered_for_a_misspelt_name(workbench: Path) -> None:
    (workbench / "reports").mkdir(exist_ok=True)
    for name in ("sales.json", "sales.failed.json", "sales-ro-crate-metadata.json"):
        (workbench / "reports" / name).write_text("{}")
    with pytest.raises(InputError, match="did you mean 'sales'") as caught:
        read_record("saless")
    assert "failed" not in str(caught.value) and "crate" not in str(caught.value)


def test_diff_as_json_is_strict_json_whatever_the_records_hold(made: Path, capsys) -> None:
    other = made.with_name("other.json")
    record = read_record(made).record
    record["results"]["total"]["value"] = float("inf")
    other.write_text(json.dumps(record))
    assert ended("diff", str(made), str(other), "--json") == 1
    found = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(name))
    assert found["changes"][0]["after"] == "inf" and found["changes"][0]["path"] == "total"
