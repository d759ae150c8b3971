"""The template process and its forks: nothing has been run in it, nothing leaks, nothing hangs, no end is missed."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from finlab.reports.running.ends import KILLED, Outcome
from finlab.reports.running.engine import imports_of, needs_kernel, new_seed, paint_in_fork, run_in_fork, template_env
from finlab.reports.running.forks import Impure, Template
from finlab.reports.running.kernel import run_in_kernel
from finlab.reports.running.memory import SEARCH_SECONDS, Memory, members
from finlab.reports.running.watch import Limits, Plan, Silent
from finlab.reports.running.workplace import environment, workplace

HEAVY = ["numpy", "scipy.linalg", "pandas", "pyarrow", "matplotlib.pyplot", "seaborn", "sklearn", "statsmodels.api"]
HEAVY += [
    "sktime.forecasting.naive",
    "duckdb",
    "arch",
    "jax",
    "jax.numpy",
    "finlab.forecast.study",
    "finlab.data.store",
]


def notebook(*sources: str) -> dict[str, Any]:
    cells = [
        {"cell_type": "code", "id": f"c{n}", "source": s, "metadata": {}, "outputs": [], "execution_count": None}
        for n, s in enumerate(sources)
    ]
    return {"metadata": {}, "nbformat": 4, "nbformat_minor": 5, "cells": cells}


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    """A template that has imported what reports import."""
    with Template(template_env(os.environ), HEAVY) as made:
        yield made


def go(
    template: Template, *sources: str, limits: Limits | None = None, seed: int | None = None, charts: str = "svg"
) -> Outcome:
    with workplace(Path.cwd()) as place:
        seed = new_seed() if seed is None else seed
        plan = Plan(place, environment(place, {}, Path.cwd()), place.work, limits or Limits(60.0), seed, charts)
        return run_in_fork(template, notebook(*sources), plan, Silent())


def texts(outcome: Outcome) -> list[str]:
    outputs = [output for cell in outcome.notebook["cells"] for output in cell["outputs"]]
    return [str(output.get("text") or output.get("data", {}).get("text/plain")) for output in outputs]


def test_the_template_has_run_nothing(template: Template) -> None:
    """Its only threads are its first and the allocator's, so no JAX backend, no DuckDB connection, no pool."""
    names = [path.read_text().strip() for path in Path(f"/proc/{template.pid}/task").glob("*/comm")]
    assert len([name for name in names if name != "jemalloc_bg_thd"]) == 1
    told = go(template, "from jax._src import xla_bridge\nxla_bridge.backends_are_initialized()")
    assert texts(told) == ["False"]
    open_files = [str(path.readlink()) for path in Path(f"/proc/{template.pid}/fd").iterdir()]
    assert not [name for name in open_files if "duckdb" in name]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import jax; jax.numpy.ones(2)", "JAX"),
        ("import duckdb; c = duckdb.connect(); c.sql('select 1')", "threads"),
        ("import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "threads"),
    ],
)
def test_a_template_that_has_run_something_is_refused(tmp_path: Path, source: str, why: str) -> None:
    (tmp_path / "patsy.py").write_text(source)  # a name that may be imported
    env = {**template_env(os.environ), "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    with pytest.raises(Impure, match=why):
        Template(env, ["patsy"])


def test_a_library_that_is_not_known_is_not_imported(template: Template, tmp_path: Path) -> None:
    template.learn(["antigravity", "nosuch.module"])
    assert texts(go(template, "import sys; 'antigravity' in sys.modules")) == ["False"]


def test_draws_differ_and_a_seed_repeats_them(template: Template) -> None:
    draw = "import random, numpy as np\n(random.random(), float(np.random.rand()))"
    drawn = [texts(go(template, draw))[0] for _ in range(8)]
    assert len(set(drawn)) == 8
    assert texts(go(template, draw, seed=7)) == texts(go(template, draw, seed=7))


def test_nothing_leaks_from_one_report_into_the_next(template: Template) -> None:
    leave = (
        "import os, sys, pandas as pd, numpy as np, matplotlib as mpl, warnings, tempfile, builtins\n"
        "os.environ['LEFT'] = '1'; os.chdir('/'); pd.set_option('display.max_rows', 3)\n"
        "np.set_printoptions(precision=2)\n"
        "mpl.rcParams['font.size'] = 40; builtins.left = 1; sys.modules['left'] = sys; os.umask(0o777)\n"
        "open(tempfile.gettempdir() + '/left', 'w').write('x'); open('/dev/shm/finlab-x', 'w').close()"
    )
    look = (
        "import os, sys, pandas as pd, numpy as np, matplotlib as mpl, tempfile, builtins\n"
        "print('LEFT' in os.environ, os.getcwd() == '/', pd.get_option('display.max_rows') == 3, \n"
        "      'left' in sys.modules,\n"
        "      np.get_printoptions()['precision'] == 2, mpl.rcParams['font.size'] == 40, hasattr(builtins, 'left'),\n"
        "      os.path.exists(tempfile.gettempdir() + '/left'), os.umask(0) == 0o777)"
    )
    assert go(template, leave).failure is None
    Path("/dev/shm/finlab-x").unlink(missing_ok=True)
    assert set(texts(go(template, look))[0].split()) == {"False"}


def test_working_and_temporary_folders_are_its_own(template: Template) -> None:
    look = "import os, tempfile\nprint(os.getcwd()); print(tempfile.mkdtemp())\nopen('own.txt', 'w').write('x')"
    first, second = (texts(go(template, look))[0].split() for _ in range(2))
    assert not {*first} & {*second} and not Path(first[0]).exists() and not Path("own.txt").exists()


def test_a_cell_behaves_as_in_a_kernel(template: Template) -> None:
    told = go(
        template,
        "import pandas as pd\npd.get_option('display.max_columns')",
        "get_ipython().kernel is not None",
        "import os\nos.system('echo from a program; echo an error >&2')\nNone",
        "",
        "import asyncio\nawait asyncio.sleep(0.01)\n'awaited'",
        "x = 1;",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        charts="png",
    )
    assert told.failure is None
    outputs = [[dict(output) for output in cell["outputs"]] for cell in told.notebook["cells"]]
    assert outputs[0][0]["data"]["text/plain"] == "20" and outputs[1][0]["data"]["text/plain"] == "True"
    assert {(o["name"], o["text"]) for o in outputs[2]} == {("stdout", "from a program\n"), ("stderr", "an error\n")}
    assert outputs[3] == [] and outputs[5] == [] and "awaited" in str(outputs[4])
    assert "image/png" in outputs[6][0]["data"]
    counts = [cell["execution_count"] for cell in told.notebook["cells"]]
    assert counts == [1, 2, 3, None, 4, 5, 6]
    assert {"iopub.status.busy", "iopub.execute_input", "shell.execute_reply", "iopub.status.idle"} == set(
        told.notebook["cells"][0]["metadata"]["execution"]
    )


def test_charts_are_svg_that_say_what_they_show(template: Template) -> None:
    told = go(template, "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.title('Sales');")
    shown = told.notebook["cells"][0]["outputs"][0]
    assert "image/svg+xml" in shown["data"] and "image/png" not in shown["data"]
    assert "Sales" in shown["metadata"]["image/svg+xml"]["alt"]


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("1 / 0", "error", "division"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed", "SIGKILL"),
        ("import ctypes; ctypes.string_at(0)", "killed", "SIGSEGV"),
        ("import os; os._exit(0)", "killed", "code 0"),
        ("raise MemoryError", "memory", ""),
        ("while True: print('again and again')", "timeout", "longer than 2 seconds"),
        ("import time; time.sleep(60)", "timeout", "longer than 2 seconds"),
    ],
)
def test_every_end_is_told_as_it_was(template: Template, source: str, kind: str, words: str) -> None:
    told = go(template, "print('before')", source, "print('never')", limits=Limits(2.0))
    assert told.failure is not None and (told.failure.kind, told.failure.cell) == (kind, 1)
    assert words in told.failure.message and texts(told)[0] == "before\n"
    assert told.notebook["cells"][1]["outputs"][-1]["output_type"] == "error"
    assert told.notebook["cells"][2]["outputs"] == []


def test_a_time_limit_says_where_the_cell_stood(template: Template) -> None:
    told = go(template, "def wait():\n    import time\n    time.sleep(60)\nwait()", limits=Limits(None, 1.0))
    assert told.failure is not None and "the cell took longer than 1 seconds" in told.failure.message
    assert "in wait" in told.failure.traceback


def test_a_memory_limit_stops_a_report_and_spares_the_others(template: Template) -> None:
    fill = "kept = []\nwhile True: kept.append(bytearray(50_000_000))"
    told = go(template, fill, limits=Limits(60.0, None, 1_500_000_000))
    assert told.failure is not None and told.failure.kind == "memory" and told.failure.code == KILLED
    assert "1.5 GB allowed" in told.failure.message and (told.used.peak_memory_bytes or 0) > 1_500_000_000
    assert texts(go(template, "1 + 1")) == ["2"]


def test_memory_of_what_a_report_starts_counts(template: Template) -> None:
    code = "import time; x = b'x' * (2 * 10**9); time.sleep(60)"
    fill = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}])"
    told = go(template, fill, limits=Limits(30.0, None, 1_500_000_000))
    assert told.failure is not None and told.failure.kind == "memory"


def test_memory_of_what_has_left_the_session_counts(tmp_path: Path) -> None:
    """One process sleeps, another one of another session takes memory and carries the mark."""
    fill = "import time; x = b'x' * (3 * 10**8); print('full', flush=True); time.sleep(60)"
    env = {**os.environ, "TMPDIR": f"{tmp_path}/tmp"}
    idle = subprocess.Popen(["sleep", "60"], start_new_session=True)
    full = subprocess.Popen(
        [sys.executable, "-c", fill], env=env, start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    try:
        assert full.stdout is not None and full.stdout.readline() == "full\n"
        marked, unmarked = Memory(idle.pid, 200_000_000, str(tmp_path)), Memory(idle.pid, 200_000_000)
        time.sleep(SEARCH_SECONDS + 0.1)
        assert marked.beyond() > 300_000_000 and marked.peak > 300_000_000
        assert unmarked.beyond() == 0
    finally:
        for process in (idle, full):
            process.kill()
            process.communicate()


def in_kernel(source: str, limits: Limits, stopped: threading.Event | None = None) -> Outcome:
    cells = [nbformat.v4.new_code_cell(source), nbformat.v4.new_code_cell("print('never')")]
    with workplace(Path.cwd(), linked=False) as place:
        plan = Plan(place, environment(place, {}, Path.cwd()), place.work, limits, 1)
        return run_in_kernel(nbformat.v4.new_notebook(cells=cells), plan, Silent(), stopped)


def test_memory_of_what_has_left_a_kernel_counts(tmp_path: Path) -> None:
    code = "import time; x = b'x' * (9 * 10**8); time.sleep(60)"
    fill = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {code!r}], start_new_session=True)"
    begun = time.monotonic()
    told = in_kernel(fill, Limits(50.0, None, 700_000_000))
    assert told.failure is not None and told.failure.kind == "memory" and time.monotonic() - begun < 40


def test_a_kernel_ends_when_the_runner_is_closed(tmp_path: Path) -> None:
    pid, stopped, begun = tmp_path / "pid", threading.Event(), time.monotonic()

    def stop() -> None:
        while not pid.exists() and time.monotonic() - begun < 60:
            time.sleep(0.05)
        stopped.set()

    source = (
        "import subprocess, time\n"
        f"p = subprocess.Popen(['sleep', '300'], start_new_session=True); open({str(pid)!r}, 'w').write(str(p.pid))\n"
        "time.sleep(300)"
    )
    threading.Thread(target=stop).start()
    told = in_kernel(source, Limits(200.0), stopped)
    assert told.failure is not None and told.failure.name == "Stopped" and told.failure.code == KILLED
    assert told.failure.cell == 0 and "runner was closed" in told.failure.message
    assert time.monotonic() - begun < 90
    left = Path(f"/proc/{pid.read_text()}/stat")
    assert not left.exists() or left.read_text().rpartition(")")[2].split()[0] == "Z"


def test_nothing_stays_running(template: Template) -> None:
    told = go(template, "import os, subprocess\nsubprocess.Popen(['sleep', '300'])\nprint(os.getpid())")
    session = int(texts(told)[0].split()[0])
    until = time.monotonic() + 5
    while members(session) and time.monotonic() < until:
        time.sleep(0.05)
    assert members(session) == []


def test_a_daemon_that_left_the_session_is_ended_as_well(template: Template, tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    loop = f"while true; do date +%N > {beat}; sleep 0.05; done"
    told = go(
        template, f"import os\nos.system('setsid sh -c \"{loop}\" > /dev/null 2>&1 &')\nimport time; time.sleep(0.5)"
    )
    assert told.failure is None and beat.exists()
    time.sleep(0.2)
    before = beat.read_text()
    time.sleep(0.4)
    assert beat.read_text() == before


def test_hundreds_of_megabytes_of_text_keep_their_beginning_and_end(template: Template) -> None:
    told = go(template, "print('begin', 'x' * 50_000_000, 'end')")
    assert told.failure is None
    text = texts(told)[0]
    assert text.startswith("begin") and text.endswith("end\n") and len(text) < 11_000_000 and "left out" in text


def test_a_cell_that_may_raise_does_not_end_the_report(template: Template) -> None:
    book = notebook("1 / 0", "2")
    book["cells"][0]["metadata"]["tags"] = ["raises-exception"]
    with workplace(Path.cwd()) as place:
        plan = Plan(place, environment(place, {}, Path.cwd()), place.work, Limits(60.0), 1)
        told = run_in_fork(template, book, plan, Silent())
    assert told.failure is None and book["cells"][1]["outputs"][0]["data"]["text/plain"] == "2"


def test_what_cells_did_to_their_process_does_not_reach_the_page(template: Template) -> None:
    told = go(template, "import json, html\njson.dumps = html.escape = None\nprint('shown')")
    page = paint_in_fork(template, told.notebook, {}, "en")
    assert "shown" in page["html"] and page["problems"] == []


def test_a_widget_needs_a_kernel() -> None:
    assert "widgets" in needs_kernel(notebook("import ipywidgets as w"))
    assert "julia" in needs_kernel({**notebook("1"), "metadata": {"kernelspec": {"language": "julia"}}})
    assert needs_kernel(notebook("import pandas")) == ""


def test_a_comm_is_noticed_and_asks_for_a_kernel(template: Template) -> None:
    told = go(template, "import comm\ncomm.create_comm(target_name='w')")
    assert told.failure is not None and told.failure.kind == "needs"


def test_the_imports_of_a_notebook() -> None:
    book = notebook("%matplotlib inline\nimport pandas as pd\nfrom sktime.forecasting import naive", "!ls\nimport (")
    assert imports_of(book) == ["pandas", "sktime.forecasting", "sktime.forecasting.naive"]


def test_a_fork_of_a_forked_process_prints_through_its_descriptor(template: Template) -> None:
    source = (
        "import multiprocessing as mp\n"
        "def work(n): print('from', n)\n"
        "many = [mp.get_context('fork').Process(target=work, args=(n,)) for n in range(3)]\n"
        "[one.start() for one in many]; [one.join() for one in many];"
    )
    assert sorted(texts(go(template, source))[0].splitlines()) == ["from 0", "from 1", "from 2"]


@pytest.mark.slow
def test_two_hundred_forks_with_jax_and_torch() -> None:
    torch = pytest.importorskip("torch")
    assert torch is not None
    draw = (
        "import random, numpy as np, torch, jax\n"
        "key = jax.random.key(np.random.randint(2**31))\n"
        "print(random.random(), np.random.rand(), float(torch.rand(1)), float(jax.random.uniform(key)))"
    )
    with Template(template_env(os.environ), ["jax", "torch", "numpy"]) as both:
        drawn = [texts(go(both, draw, limits=Limits(120.0)))[0].split() for _ in range(40)]
    for column in zip(*drawn, strict=True):
        assert len(set(column)) == len(drawn)


def test_matplotlib_is_told_where_to_draw_as_in_a_notebook(template: Template) -> None:
    told = go(template, "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    assert told.failure is None
    assert [sorted(o["data"]) for o in told.notebook["cells"][0]["outputs"]] == [["image/svg+xml", "text/plain"]]


def test_what_is_printed_stays_whole_and_in_order(template: Template) -> None:
    """A line stays a line, and what a process writes comes where the process was started."""
    shell = "import os, subprocess, sys\nprint('Revenue 5')\nos.system('echo shell')\nprint('Cost 3')\n"
    shell += (
        "subprocess.run(['echo', 'process'])\nif not (pid := os.fork()):\n    os.write(1, b'fork\\n'); os._exit(0)\n"
    )
    for _ in range(3):
        told = go(template, shell + "os.waitpid(pid, 0)\nprint('end')")
        assert texts(told) == ["Revenue 5\nshell\nCost 3\nprocess\nfork\nend\n"]
    both = go(template, "import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three')")
    assert texts(both) == ["one\nthree\n", "two\n"]


def test_the_language_is_known_of_a_notebook_that_fails(template: Template) -> None:
    assert go(template, "1 / 0").notebook["metadata"]["language_info"]["name"] == "python"


def test_what_is_written_to_a_descriptor_belongs_to_the_cell_that_wrote_it(template: Template) -> None:
    cells = [f"import os\nn = os.write(1, b'{n};')\nn = os.write(2, b'{n};')" for n in range(60)]
    told = go(template, *cells)
    for n, cell in enumerate(told.notebook["cells"]):
        assert sorted((one["name"], one["text"]) for one in cell["outputs"]) == [
            ("stderr", f"{n};"),
            ("stdout", f"{n};"),
        ]


def test_an_end_clears_up_after_the_report_and_not_after_its_libraries(template: Template, tmp_path: Path) -> None:
    source = (
        "import atexit, weakref\nclass Own: pass\nown = Own()\n"
        f"f = weakref.finalize(own, lambda: open({str(tmp_path / 'finalised')!r}, 'w').close())\n"
        f"r = atexit.register(lambda: open({str(tmp_path / 'registered')!r}, 'w').close())\n"
        "sum(each.atexit for each in weakref.finalize._registry)"
    )
    template.learn(["torch"])  # which leaves more than a hundred for its own end
    assert int(texts(go(template, source))[0]) < 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["finalised", "registered"]


def test_what_a_process_wrote_before_a_result_comes_before_it(template: Template) -> None:
    cells = ["import os, subprocess", *["n = os.write(1, b'written\\n')\nn"] * 40]
    told = go(template, *cells)
    kinds = [[one["output_type"] for one in cell["outputs"]] for cell in told.notebook["cells"][1:]]
    assert kinds == [["stream", "execute_result"]] * 40


def test_a_process_that_never_stops_writing_does_not_outlast_the_limit(template: Template) -> None:
    clock = time.monotonic()
    cells = ["import subprocess\np = subprocess.Popen(['yes'])\nprint('on')", "1\nimport time; time.sleep(60)"]
    told = go(template, *cells, limits=Limits(3.0))
    assert told.failure is not None and told.failure.kind == "timeout" and time.monotonic() - clock < 30
