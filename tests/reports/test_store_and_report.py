"""A notebook in JupyterLab and a scheduled report use one store at once, and neither stands in the other's way."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from finlab import Store

IN_THE_NOTEBOOK = """
import time
from finlab import Store
store = Store()
store.load("sample:airline", "airline")
until, rounds = time.monotonic() + {seconds}, 0
while time.monotonic() < until:
    rounds += 1
    store.write("rounds", store.sql("SELECT $n AS n, count(*) AS rows FROM airline", n=rounds))
print(rounds)
"""


def report(path: Path) -> None:
    cells = [
        nbformat.v4.new_code_cell("rounds: int = 20  # how often the store is used", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(
            "from finlab import Store, report\n"
            "store = Store()\n"
            "for n in range(rounds):\n"
            "    rows = len(store.table('airline'))\n"
            "    store.write('from_report', store.sql('SELECT $n AS n', n=n))\n"
            "report.result('rows', rows)"
        ),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["busy.ipynb"],
        pytest.param(["forecast", "-p", "source=airline", "-p", "horizon=6"], marks=pytest.mark.slow),
    ],
    ids=["a report that reads and writes", "the forecast report"],
)
def test_a_kernel_with_a_store_in_use_and_a_report_at_the_same_time(workbench: Path, arguments: list[str]) -> None:
    from jupyter_client.manager import start_new_kernel

    Store().load("sample:airline", "airline")
    report(workbench / "busy.ipynb")
    manager, client = start_new_kernel(cwd=str(workbench))
    try:
        client.execute(IN_THE_NOTEBOOK.format(seconds=12))
        run = [sys.executable, "-m", "finlab", "run", *arguments]
        done = subprocess.run(run, cwd=workbench, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        reply = client.get_shell_msg(timeout=60)
        assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    made = json.loads(Path(done.stdout.strip()).with_suffix(".json").read_text())
    assert made["status"] == "complete"
    assert {read["name"] for read in made["reads"]} >= {"airline"}
    assert Store().table("rounds")["n"].iloc[0] > 5
