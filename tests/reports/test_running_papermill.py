"""`papermill --engine finlab`: an ordinary papermill notebook comes out, and no end that looks like a success."""

from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from papermill.engines import papermill_engines

from finlab.core.errors import InputError
from finlab.reports.running.papermill import FinlabEngine

papermill_engines.register("finlab", FinlabEngine)


def written(path: Path, *sources: str, **metadata: Any) -> Path:
    cells: list[Any] = [nbformat.v4.new_markdown_cell("# Title")]
    cells += [nbformat.v4.new_code_cell("n = 3", metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    spec = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={**spec, **metadata}), path)
    return path


def run(path: Path, engine: str | None = "finlab", **options: Any) -> Any:
    out = path.with_suffix(f".{engine}.ipynb")
    try:
        papermill.execute_notebook(
            path, out, parameters={"n": 4}, engine_name=engine, progress_bar=False, kernel_name="python3", **options
        )
    finally:
        nbformat.validate(nbformat.read(out, 4))
    return nbformat.read(out, 4)


def shape(notebook: Any) -> list[Any]:
    """What two engines must agree on: statuses, counts and outputs, but for times."""
    return [
        (
            cell.cell_type,
            cell.get("execution_count"),
            cell.metadata.papermill.status,
            cell.metadata.papermill.exception,
            sorted(cell.metadata.get("execution", {})),
            [dict(output) for output in cell.get("outputs", [])],
        )
        for cell in notebook.cells
    ]


def test_the_notebook_is_the_one_of_papermill(workbench: Path) -> None:
    sources = (
        "print('one'); import pandas as pd\npd.DataFrame({'a': range(n)})",
        "",
        "import matplotlib.pyplot as plt\nplt.plot([1, n]);",
        "from IPython.display import display, HTML\nh = display(HTML('<b>1</b>'), display_id='x')",
        "h.update(HTML('<b>2</b>'))",
    )
    path = written(workbench / "a.ipynb", *sources)
    ours, theirs = run(path), run(path, None)
    assert shape(ours) == shape(theirs)
    assert ours.metadata.language_info.name == "python" and ours.metadata.papermill.parameters.n == 4
    assert set(ours.metadata.papermill) == set(theirs.metadata.papermill)


def test_a_cell_that_raises_is_told_as_papermill_does(workbench: Path) -> None:
    path = written(workbench / "b.ipynb", "1 / 0", "print('never')")
    told = []
    for engine in ("finlab", None):
        with pytest.raises(papermill.PapermillExecutionError) as caught:
            run(path, engine)
        told.append((caught.value.ename, caught.value.evalue, caught.value.exec_count))
        cells = nbformat.read(path.with_suffix(f".{engine}.ipynb"), 4).cells
        assert [c.metadata.papermill.status for c in cells if c.cell_type == "code"][-2:] == ["failed", "pending"]
    assert told[0] == told[1]


def test_a_killed_process_is_never_completed(workbench: Path) -> None:
    path = written(workbench / "c.ipynb", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "print('never')")
    with pytest.raises(papermill.PapermillExecutionError, match="SIGKILL"):
        run(path)
    cells = [c for c in nbformat.read(path.with_suffix(".finlab.ipynb"), 4).cells if c.cell_type == "code"]
    assert [c.metadata.papermill.status for c in cells][-2:] == ["failed", "pending"]


def test_a_cell_that_takes_too_long(workbench: Path) -> None:
    path = written(workbench / "d.ipynb", "import time; print('begun'); time.sleep(60)")
    with pytest.raises(papermill.PapermillExecutionError, match="longer than 1 seconds"):
        run(path, execution_timeout=1)
    assert "begun" in str(nbformat.read(path.with_suffix(".finlab.ipynb"), 4).cells)


def test_a_notebook_that_needs_a_kernel_has_one(workbench: Path) -> None:
    path = written(workbench / "e.ipynb", "import comm\nc = comm.create_comm(target_name='w')\nn + 1")
    assert run(path).cells[-1].outputs[0].data["text/plain"] == "5"


def test_progress_is_saved_while_a_cell_runs(workbench: Path) -> None:
    source = (
        "import time\nprint('fir' + 'st', flush=True)\n"
        "for _ in range(200):\n"
        "    print('.', flush=True)\n    time.sleep(0.1)\n"
        "    seen = open('f.finlab.ipynb').read()\n"
        "    if 'first\\\\n' in seen and 'running' in seen:\n        break\n"
        "else:\n    raise AssertionError('nothing was saved')"
    )
    run(written(workbench / "f.ipynb", source), autosave_cell_every=1)


def test_the_log_has_what_cells_print(workbench: Path) -> None:
    path = written(workbench / "g.ipynb", "print('to the log')")
    with (workbench / "log").open("w") as log:
        run(path, stdout_file=log)
    assert (workbench / "log").read_text() == "to the log\n"


@pytest.mark.parametrize("given", [{"token": "env:BANK_TOKEN"}, {}])
def test_a_reference_to_a_secret_is_refused(workbench: Path, given: dict[str, str]) -> None:
    lines = "from finlab.reports.page import Secret\ntoken: Secret = 'file:token'\n"
    cells = [nbformat.v4.new_code_cell(lines, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell("token")]
    spec = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=spec), workbench / "s.ipynb")
    with pytest.raises(InputError, match=r"parameter token is a secret.*finlab run"):
        papermill.execute_notebook("s.ipynb", "o.ipynb", given, engine_name="finlab", progress_bar=False)
