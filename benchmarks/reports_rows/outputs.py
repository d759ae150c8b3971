"""Outputs of finlab's papermill engine beside papermill's own, on the corpus: every type, byte, text, count, status."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row

from reports_rows.corpus import CORPUS
from reports_rows.notebooks import workbench, write_notebook

OUTPUTS = {
    "notebooks": Plan("Notebooks whose outputs are papermill's", "= 1", "share of notebooks", "papermill"),
    "outputs": Plan("Outputs that differ from papermill's", "= 0", "outputs", "papermill"),
}
QUICK = ("prints", "charts", "clear output")
# What no two runs share: addresses, numbers of processes in names of files, random display ids and element ids.
VARIABLE = (
    (re.compile(r"0x[0-9a-f]{6,16}"), "0x"),
    (re.compile(r"(?:/[\w.+-]+)*/(?:ipykernel_\d+|finlab-[\w-]+|tmp[\w-]+)/\d+\.py"), "CELL.py"),
    (re.compile(r"ipykernel_\d+|finlab-bench-\w+"), "RUN"),
    (re.compile(r"sk-container-id-\d+|sk-estimator-id-\d+"), "sk-id"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "UUID"),
)


class Differences(NamedTuple):
    """What of one notebook differs, and how many outputs were compared."""

    told: list[str]
    outputs: int


def executed(notebook: Path, out: Path, engine: str | None) -> Any:
    """Execute a notebook with an engine of papermill; its output, also if a cell raised."""
    import nbformat
    import papermill
    from papermill.engines import papermill_engines
    from papermill.exceptions import PapermillExecutionError

    from finlab.reports.running.papermill import FinlabEngine

    papermill_engines.register("finlab", FinlabEngine)
    try:
        papermill.execute_notebook(notebook, out, {"n": 4}, engine_name=engine, progress_bar=False, cwd=notebook.parent)
    except PapermillExecutionError as told:
        assert told.ename, "an exception that a cell raised"
    return nbformat.read(out, 4)


def settled(value: Any) -> Any:
    """A value without what no two runs share."""
    if isinstance(value, str):
        for pattern, name in VARIABLE:
            value = pattern.sub(name, value)
        return value
    if isinstance(value, dict):
        return {key: settled(one) for key, one in value.items()}
    return [settled(one) for one in value] if isinstance(value, list) else value


def outputs_of(cell: Any) -> list[dict[str, Any]]:
    """The outputs of a cell; what goes to one stream in several parts is one text.

    A kernel's two streams race: where they alternate within one run of streams, each is joined as a whole.
    """
    found: list[dict[str, Any]] = []
    run: dict[str, dict[str, Any]] = {}
    for output in cell.get("outputs", []):
        one = settled(dict(output))
        if one["output_type"] != "stream":
            run = {}
            found.append(one)
        elif one["name"] in run:
            run[one["name"]]["text"] += one["text"]
        else:
            run[one["name"]] = one
            found.append(one)
    return _streams_in_order(found)


def _streams_in_order(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for place in range(len(outputs) - 1):
        if [one.get("name") for one in outputs[place : place + 2]] == ["stdout", "stderr"]:
            outputs[place : place + 2] = outputs[place + 1], outputs[place]
    return outputs


def states_of(cell: Any) -> dict[str, Any]:
    """What else is said of a cell: its count, its status, which moments of its execution are told."""
    marks = cell.metadata.get("papermill", {})
    return {
        "count": cell.get("execution_count"),
        "status": marks.get("status"),
        "exception": marks.get("exception"),
        "moments": sorted(cell.metadata.get("execution", {})),
        "tags": cell.metadata.get("tags"),
    }


def differences(ours: Any, theirs: Any) -> Differences:
    """Compare two executed notebooks, cell by cell."""
    if len(ours.cells) != len(theirs.cells):
        shown = [one for cell in ours.cells for one in cell.get("outputs", [])]
        raised = [f"{one['ename']}: {one['evalue']}" for one in shown if "ename" in one]
        return Differences([f"{len(ours.cells)} cells, not {len(theirs.cells)}: {raised}"], 0)
    told, number = [], 0
    for place, (mine, other) in enumerate(zip(ours.cells, theirs.cells, strict=True)):
        told += [f"cell {place}: {part}" for part in _parts(mine, other)]
        number += len(other.get("outputs", []))
    return Differences(told, number)


def _parts(mine: Any, other: Any) -> Iterator[str]:
    for key, value in states_of(other).items():
        if states_of(mine)[key] != value:
            yield f"{key} is {states_of(mine)[key]!r}, not {value!r}"
    left, right = outputs_of(mine), outputs_of(other)
    if len(left) != len(right):
        yield f"{[one['output_type'] for one in left]}, not {[one['output_type'] for one in right]}"
    for one, two in zip(left, right, strict=False):
        if one != two:
            yield f"{two['output_type']} is {str(one)[:300]}, not {str(two)[:300]}"


def compared(name: str, folder: Path) -> Differences:
    """Run one notebook of the corpus twice, each time in a folder of its own with the same name."""
    made = {}
    for engine in ("finlab", None):
        place = folder / str(engine) / "work"
        place.mkdir(parents=True)
        notebook = write_notebook(place / "in.ipynb", CORPUS[name], parameters="n = 3")
        made[engine] = executed(notebook, place / "out.ipynb", engine)
    return differences(made["finlab"], made[None])


def outputs_found(quick: bool) -> dict[str, Found]:
    names, found = QUICK if quick else tuple(CORPUS), {}
    for name in names:
        with workbench() as folder:
            found[name] = compared(name, folder)
    wrong = {name: one.told for name, one in found.items() if one.told}
    told = "; ".join(f"{name}: {parts[0][:160]}" for name, parts in wrong.items())
    number = sum(one.outputs for one in found.values())
    note = told or "normalised: addresses, names of cells' files, identifiers drawn at random, the race of two streams"
    return {
        "notebooks": Found(1 - len(wrong) / len(names), len(names), note=note),
        "outputs": Found(sum(map(len, wrong.values())), number, note=note),
    }


def output_rows(quick: bool) -> list[Row]:
    """The comparison on the corpus, charts as PNG in both."""
    return attempt(OUTPUTS, partial(outputs_found, quick))
