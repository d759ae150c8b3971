"""The gallery and the history behind it: nothing is lost, nothing acts, nobody's page is replaced."""

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from finlab.reports import history as room
from finlab.reports.gallery import entries, render_gallery, write_gallery
from finlab.reports.history import HISTORY, keep_run, read_history
from finlab.reports.run import run

RUN: dict[str, Any] = {
    "report": "sales",
    "status": "complete",
    "exit_code": 0,
    "message": "",
    "started": "2026-11-29T06:00:00+00:00",
    "seconds": 2.5,
    "parameters": [{"name": "region", "value": "north", "given": True}],
    "results": [{"name": "total", "value": 5.0, "unit": "CNY"}],
}


def append_many(folder: Path, number: int) -> None:
    for count in range(50):
        keep_run(folder / f"p{number}.html", {**RUN, "seconds": float(count)})


def test_processes_that_append_at_once_lose_no_line(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    many = [spawn.Process(target=append_many, args=(tmp_path, number)) for number in range(4)]
    for one in many:
        one.start()
    for one in many:
        one.join()
    found = read_history(tmp_path)
    assert found.damaged == 0 and len(found.runs) == 200
    assert all([r["seconds"] for r in found.runs if r["page"] == f"p{n}"] == list(range(50)) for n in range(4))


def test_a_long_history_keeps_the_last_runs_of_every_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_BYTES", 20_000)
    keep_run(tmp_path / "rare.html", RUN)
    for count in range(300):
        keep_run(tmp_path / "a.html", {**RUN, "seconds": float(count)})
    found = read_history(tmp_path)
    seconds = [one["seconds"] for one in found.runs if one["page"] == "a"]
    assert (tmp_path / HISTORY).stat().st_size <= 20_000 and found.damaged == 0
    assert found.runs[0]["page"] == "rare" and seconds == [float(n) for n in range(300 - len(seconds), 300)]
    assert len(seconds) >= 10


def test_a_line_that_was_cut_off_spoils_nothing(tmp_path: Path, small_disk: Path) -> None:
    keep_run(small_disk / "a.html", RUN)
    filler = small_disk / "rest"
    filler.write_bytes(b"x" * 8_380_000)
    with pytest.raises(OSError, match=r"space|fitted"):
        for _ in range(1000):
            keep_run(small_disk / "a.html", RUN)
    filler.unlink()
    before = len(read_history(small_disk).runs)
    keep_run(small_disk / "a.html", RUN)
    assert len(read_history(small_disk).runs) == before + 1


@pytest.mark.parametrize(
    "line",
    [
        "{", "[]", "null", '{"page": 1}', '"x"', "\x00\x01", '{"started": "x"}', "[" * 100_000,
        '{"page": "a", "started": "x", "results": 5}', '{"page": "a", "started": "x", "results": [5]}',
        '{"page": "a", "started": "x", "given": [1]}', '{"page": [], "started": "x"}',
    ],
    ids=range(12),
)  # fmt: skip
def test_damaged_lines_are_counted(tmp_path: Path, line: str) -> None:
    keep_run(tmp_path / "a.html", RUN)
    with (tmp_path / HISTORY).open("a") as file:
        file.write(line + "\n")
    (tmp_path / "a.html").write_text("x")
    assert read_history(tmp_path).damaged == 1 and "1 lines of the history" in render_gallery(tmp_path)


def test_every_text_is_escaped_and_every_name_quoted(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'&"
    page = tmp_path / "a b#%?.html"
    page.write_text("x")
    parameters = [{"name": "region", "value": evil, "given": True}]
    results = [{"name": evil, "value": evil, "unit": evil}]
    keep_run(page, {**RUN, "parameters": parameters, "results": results, "message": evil, "status": "failed"}, evil)
    keep_run(page, {**RUN, "parameters": parameters, "results": results}, evil)
    written = render_gallery(tmp_path)
    assert "<script>alert" not in written and 'href="a%20b%23%25%3F.html"' in written


def test_pages_without_a_history_are_read_from_their_records(tmp_path: Path) -> None:
    record = {**RUN, "parameters": {"region": "north"}, "given": ["region"], "results": {"total": {"value": 5.0}}}
    (tmp_path / "old.html").write_text("x")
    (tmp_path / "old.json").write_text(json.dumps(record))
    (tmp_path / "foreign.html").write_text("mine")
    found, _ = entries(tmp_path)
    assert [one.name for one in found] == ["old"] and "region = north" in render_gallery(tmp_path)


def test_a_page_that_was_deleted_is_not_shown(tmp_path: Path) -> None:
    keep_run(tmp_path / "gone.html", RUN)
    assert entries(tmp_path)[0] == [] and "No report has been made" in render_gallery(tmp_path)


def test_a_report_that_is_called_index_stays(workbench: Path) -> None:
    import nbformat

    cells = [nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]})]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), workbench / "index.ipynb")
    made = run("index.ipynb")
    assert made.path is not None
    before = made.path.read_bytes()
    assert write_gallery(made.path.parent) is None and made.path.read_bytes() == before


def test_what_lies_in_the_place_of_the_gallery_stays(tmp_path: Path) -> None:
    from finlab.core.errors import InputError

    with pytest.raises(InputError, match="folder with reports"):
        write_gallery(tmp_path / "nothing")
    (tmp_path / "index.html").mkdir()
    assert write_gallery(tmp_path) is None
    (tmp_path / "index.html").rmdir()
    (tmp_path / "index.html").write_text('<meta name="generator" content="finlab 0.1.0">a report, renamed')
    assert write_gallery(tmp_path) is None
    (tmp_path / "index.html").unlink()
    assert write_gallery(tmp_path) == tmp_path / "index.html" == write_gallery(tmp_path)


def test_the_gallery_is_written_after_every_run(workbench: Path) -> None:
    import nbformat

    from finlab.core.errors import ReportError

    cells = [nbformat.v4.new_code_cell("n: int = 1", metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell("assert n < 2, 'too many'")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), workbench / "s.ipynb")
    run("s.ipynb")
    index = workbench / "reports" / "index.html"
    assert "What failed" not in index.read_text() and 'href="s.html"' in index.read_text()
    with pytest.raises(ReportError):
        run("s.ipynb", n=3)
    assert "What failed" in index.read_text() and "too many" in index.read_text()
    elsewhere = run("s.ipynb", output="other/s.html")
    assert elsewhere.path is not None and not (elsewhere.path.parent / "index.html").exists()


def test_chinese(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("x")
    keep_run(tmp_path / "a.html", RUN)
    assert 'lang="zh-CN"' in render_gallery(tmp_path, "zh") and "报告一览" in render_gallery(tmp_path, "zh")
