"""The benchmark harness: alternation, bars, unmeasured rows, memory of another process, the command line."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import harness  # noqa: E402


def test_rivals_alternate_in_one_run() -> None:
    order: list[str] = []
    timings = harness.alternate(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, warm_up=False
    )
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert {timing.rounds for timing in timings.values()} == {3}


def test_cpu_of_children_counts() -> None:
    burn = [sys.executable, "-c", "sum(i * i for i in range(3_000_000))"]
    timing = harness.alternate({"child": lambda: subprocess.run(burn, check=True)}, rounds=1, warm_up=False)["child"]
    assert timing.cpu > 0.02


@pytest.mark.parametrize(
    ("figure", "bar", "ok"),
    [
        (8.0, ">= 8", True),
        (7.99, ">= 8", False),
        (0.5, "<= 0.5", True),
        (0, "= 0", True),
        (1, "= 0", False),
        (3, "", True),
    ],
)
def test_bars(figure: float, bar: str, ok: bool) -> None:
    assert harness.row("x", figure, bar=bar).ok is ok


def test_a_bar_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected a sign"):
        harness.clears(1.0, "about 3")


def test_peak_memory_is_that_of_the_other_process() -> None:
    held = bytearray(400_000_000)  # what this process holds is none of the other's
    small = harness.peak_memory(partial(bytearray, 1))
    assert len(held) > small * 2**20
    large = harness.peak_memory(partial(bytearray, 200_000_000))
    assert 150 < large - small < 260


def test_peak_memory_reports_a_failure() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        harness.peak_memory(partial(divmod, 1, 0))


def test_a_fresh_process_sends_its_result_and_its_cpu_counts() -> None:
    rivals = {"child": partial(harness.in_fresh_process, partial(sum, range(3_000_000)))}
    timing = harness.alternate(rivals, rounds=1, warm_up=False)["child"]
    assert timing.result.result == sum(range(3_000_000)) and timing.result.peak > 1
    assert timing.cpu > 0.02


def test_subset_is_fixed() -> None:
    assert harness.subset(range(1000), 5) == harness.subset(range(1000), 5)
    assert harness.subset([1, 2], 5) == [1, 2]


def run_script(folder: Path, body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = folder / "toy.py"
    script.write_text(
        f"'''A toy.'''\nfrom harness import main, row, unmeasured\ndef measure(quick):\n    {body}\nmain(measure)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "benchmarks")}
    return subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, env=env)


def test_a_missed_bar_is_measured_and_an_unmeasured_row_is_not(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    missed = run_script(tmp_path, 'return [row("slow", 0.5, bar=">= 2", peer="peer")]', "--json", str(out))
    assert missed.returncode == 0, missed.stderr
    assert json.loads(out.read_text()) == [
        {
            "name": "slow",
            "figure": 0.5,
            "unit": "x",
            "bar": ">= 2",
            "ok": False,
            "peer": "peer",
            "n": 1,
            "rounds": 1,
            "note": "",
        }
    ]
    assert run_script(tmp_path, 'return [unmeasured("gone", "no peer")]', "--json", str(out)).returncode == 1
    assert json.loads(out.read_text())[0]["figure"] is None


def test_a_benchmark_that_breaks_still_writes_its_row(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    broken = run_script(tmp_path, "return 1 / 0", "--json", str(out))
    assert broken.returncode == 1
    assert "ZeroDivisionError" in json.loads(out.read_text())[0]["note"]


def test_results_keep_the_other_benchmarks_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "__file__", str(tmp_path / "harness.py"))
    harness.record("one", [harness.row("a", 2.0, bar=">= 1", peer="p")], [])
    harness.record("two", [harness.unmeasured("b", "why not")], [])
    harness.record("one", [harness.row("a", 3.0, bar=">= 1", peer="p")], [])
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| a | 3x | >= 1 | yes |" in text
    assert "not measured" in text
    assert text.count("## one") == 1
