"""The parts of the reports benchmark that judge, none of them timed: what is wrong is seen, what is right is not."""

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from harness import Timing  # noqa: E402
from reports_rows import corpus, faults, notebooks, outputs, page, speed  # noqa: E402

# The page


def test_what_a_browser_would_fetch_is_seen_and_a_link_is_not() -> None:
    fetched = (
        '<img src="https://x/a.png" alt="a"><link href="//x/b.css"><script src="http://x/c.js"></script>'
        '<style>p { background: url(https://x/d.png) }</style><p style="background: url(e.png)">'
    )
    assert len(page.look_at(fetched).addresses) == 5
    harmless = (
        '<a href="https://x">x</a><img src="data:image/png;base64,AAAA" alt="b"><a href="#c">c</a>'
        "<style>p { fill: url(#d) }</style><p>https://x and url(http://x)</p>"
    )
    assert page.look_at(harmless).addresses == []


def test_images_without_a_text_are_counted() -> None:
    seen = page.look_at('<img src="data:,a" alt="a"><img src="data:,b"><img src="data:,c" alt=" ">')
    assert (seen.images, seen.described) == (3, 1)


# Outputs


def ran(*outputs_: Any, count: int | None = 1, status: str = "completed") -> Any:
    marks = {"papermill": {"status": status, "exception": False}, "execution": {}}
    cell = nbformat.v4.new_code_cell("x", outputs=list(outputs_), execution_count=count, metadata=marks)
    return nbformat.v4.new_notebook(cells=[cell])


def stream(text: str, name: str = "stdout") -> Any:
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(**data: str) -> Any:
    return nbformat.v4.new_output("display_data", data={key.replace("_", "/"): value for key, value in data.items()})


@pytest.mark.parametrize(
    "other",
    [
        ran(stream("b")),
        ran(stream("a", "stderr")),
        ran(stream("a"), stream("a", "stderr")),
        ran(),
        ran(stream("a"), count=2),
        ran(stream("a"), status="pending"),
        ran(shown(text_plain="a")),
    ],
)
def test_whatever_differs_is_seen(other: Any) -> None:
    assert outputs.differences(ran(stream("a")), other).told


def test_a_byte_of_a_picture_is_seen() -> None:
    assert outputs.differences(ran(shown(image_png="AAAA")), ran(shown(image_png="AAAB"))).told


def test_parts_of_a_text_addresses_and_the_race_of_two_streams_are_no_difference() -> None:
    one = ran(stream("a"), stream("b", "stderr"), stream("c"), shown(text_plain="<f at 0x7f12345678>"))
    two = ran(stream("b", "stderr"), stream("ac"), shown(text_plain="<f at 0x7fabcdef01>"))
    assert outputs.differences(one, two).told == []
    assert outputs.differences(one, two).outputs == 3


def test_the_corpus_has_twenty_notebooks_and_each_can_be_written(tmp_path: Path) -> None:
    assert len(corpus.CORPUS) >= 20 and set(outputs.QUICK) <= set(corpus.CORPUS)
    for name, cells in corpus.CORPUS.items():
        nbformat.validate(nbformat.read(notebooks.write_notebook(tmp_path / f"{name}.ipynb", cells), 4))


# Faults


def test_files_that_are_not_complete_are_seen(tmp_path: Path) -> None:
    (tmp_path / "good.html").write_text("<html></html>\n")
    (tmp_path / "good.json").write_text('{"a": 1}')
    assert faults.half_written(tmp_path) == []
    (tmp_path / "bad.html").write_text("<html><p>half")
    (tmp_path / "bad.ipynb").write_text('{"cells": [')
    (tmp_path / "page.html.tmp").write_text("")
    assert faults.half_written(tmp_path) == ["bad.html", "bad.ipynb", "page.html.tmp"]


def test_a_notebook_looks_like_success_if_all_of_its_cells_say_so(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    for status, exception, expected in (("completed", False, True), ("failed", True, False), ("pending", None, False)):
        marks = {"papermill": {"status": status, "exception": exception}}
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "metadata": marks}], "metadata": {}}))
        assert faults.all_completed(path) is expected
    path.write_text("{")
    assert not faults.all_completed(path)


def test_what_is_left_says_what_is_wrong() -> None:
    sound, lying = faults.Left(3, 0, False, False, 1, ""), faults.Left(0, 1, True, True, 1, "")
    assert not sound.failed and str(sound) == "exit 3, sound"
    assert lying.failed and all(word in str(lying) for word in ("1 half-written", "SUCCESS", "LOST"))


def test_a_wrong_parameter_is_refused_here_and_runs_there() -> None:
    fault = next(one for one in faults.FAULTS if one.name == "misspelt parameter")
    ours = faults.meet(fault, "finlab")
    assert (ours.code, ours.half_written, ours.looks_good, ours.last_lost) == (2, 0, False, False)


def test_a_fault_that_was_not_met_leaves_its_sums_unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(fault: Any, name: str) -> None:
        raise PermissionError("root only")

    monkeypatch.setattr(faults, "meet", broken)
    rows = faults.fault_rows(True)
    assert len(rows) == len(faults.SUMS) + len(faults.QUICK) and all(row.figure is None for row in rows)


# Speed


def test_ratios_say_how_many_times_less_finlab_takes() -> None:
    timings = {"finlab": Timing(1.0, 2.0, 5, None), "peer": Timing(8.0, 12.0, 5, None)}
    found = speed.compared(timings, 1)
    assert (found["cpu"].figure, found["wall"].figure) == (8, 6) and "8.00 CPU s" in found["cpu"].note
