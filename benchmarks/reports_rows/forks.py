"""Two hundred forks with JAX and PyTorch imported, and a thousand reports of one template: no hang, no growth."""

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row

from reports_rows.notebooks import workbench, write_notebook

FORKS = {
    "hangs": Plan("Forks with JAX and PyTorch imported that hang or fail", "= 0", "forks", ""),
    "same": Plan("Random draws that two forks share", "= 0", "draws", ""),
}
MANY = {
    "caller": Plan("1,000 reports, 2 jobs: memory of the caller, last against 100th", "<= 1.1", "x", ""),
    "template": Plan("1,000 reports, 2 jobs: memory of the template, last against 100th", "<= 1.1", "x", ""),
    "files": Plan("1,000 reports, 2 jobs: open files gained since the 100th", "= 0", "files", ""),
    "failed": Plan("1,000 reports, 2 jobs: reports that failed", "= 0", "reports", ""),
}
COUNT, QUICK_COUNT = 200, 6
REPORTS, EARLY, QUICK_REPORTS, QUICK_EARLY = 1_000, 100, 8, 4
JOBS = 2
LONGEST = 60.0  # seconds after which a fork counts as hanging: it needs about one
DRAWS = (
    "import random\nimport jax\nimport numpy as np\nimport torch\n"
    "key = jax.random.key(np.random.randint(2**31))\n"
    "torch.ones(300, 300) @ torch.ones(300, 300)\nnp.linalg.svd(np.random.rand(80, 80))\n"
    "draws = random.random(), np.random.rand(), float(torch.rand(1, dtype=torch.float64)), "
    "float(jax.random.uniform(key)), int(np.random.default_rng().integers(2**62))\n"
    "print('draws', *draws)"
)
SMALL = (
    "import pandas as pd\nfrom finlab import report\n"
    "report.result('double', 2 * n)\npd.DataFrame({'n': range(n % 40)})",
)


def draws_of(fork: int, template: Any, folder: Path) -> tuple[str, ...]:
    """The draws that one fork makes; empty if it hung or failed."""
    from finlab.reports.running.engine import new_seed, run_in_fork
    from finlab.reports.running.watch import Limits, Silent
    from finlab.reports.running.watch import Plan as Run
    from finlab.reports.running.workplace import environment, workplace

    cell = {"cell_type": "code", "id": "a", "source": DRAWS, "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5, "cells": [cell]}
    with workplace(folder) as place:
        run = Run(place, environment(place, {}, folder), place.work, Limits(LONGEST), new_seed())
        outcome = run_in_fork(template, notebook, run, Silent())
    texts = "".join(one.get("text", "") for one in outcome.notebook["cells"][0]["outputs"])
    found = re.search(r"draws (.+)", texts)
    return tuple(found[1].split()) if found and outcome.failure is None else ()


def forks_found(quick: bool) -> dict[str, Found]:
    from finlab.reports.running.engine import template_env
    from finlab.reports.running.forks import Template

    count, clock = QUICK_COUNT if quick else COUNT, time.perf_counter()
    with (
        workbench() as folder,
        Template(template_env(os.environ), ["jax", "torch", "numpy"]) as template,
        ThreadPoolExecutor(JOBS) as pool,
    ):
        drawn = list(pool.map(partial(draws_of, template=template, folder=folder), range(count)))
    made = [one for one in drawn if one]
    same = sum(len(draws) - len(set(draws)) for draws in zip(*made, strict=True))
    seconds = time.perf_counter() - clock
    note = f"{seconds:.0f} s in all, {JOBS} at a time; random, numpy (old and new), torch, jax with a key from numpy"
    return {"hangs": Found(count - len(made), count, note=note), "same": Found(same, 5 * len(made), note=note)}


class Size(NamedTuple):
    """What the caller and the template hold: resident memory in MB, open files."""

    caller: float
    template: float
    files: int
    template_files: int

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"caller {self.caller:.1f} MB, template {self.template:.1f} MB, {self.files}+{self.template_files} files"


def size_of(template: int) -> Size:
    """Look at this process and at the template."""
    import psutil

    here, there = psutil.Process(), psutil.Process(template)
    return Size(here.memory_info().rss / 1e6, there.memory_info().rss / 1e6, here.num_fds(), there.num_fds())


def many_found(quick: bool) -> dict[str, Found]:
    import psutil

    from finlab.reports.run import ReportSpec, Runner

    reports, early = (QUICK_REPORTS, QUICK_EARLY) if quick else (REPORTS, EARLY)
    with workbench() as folder, Runner() as runner:
        notebook, clock = write_notebook(folder / "small.ipynb", SMALL, "n: int = 3"), time.perf_counter()
        specs = [ReportSpec(notebook, {"n": n}, output=folder / "pages" / f"page-{n}.html") for n in range(reports)]
        made = runner.run_all(specs[:early], jobs=JOBS)
        template = next(one.pid for one in psutil.Process().children() if "serve(" in " ".join(one.cmdline()))
        first = size_of(template)
        made += runner.run_all(specs[early:], jobs=JOBS)
        last, seconds = size_of(template), time.perf_counter() - clock
        left = [one.pid for one in psutil.Process(template).children()]
    note = f"after {early} and {reports:,}: {first} and {last}; {seconds:.0f} s in all; {len(left)} processes left"
    wrong = [one for n, one in enumerate(made) if one.exit_code or one.results != {"double": 2 * n}]
    return {
        "caller": Found(last.caller / first.caller, reports, note=note),
        "template": Found(last.template / first.template, reports, note=note),
        "files": Found(last.files + last.template_files - first.files - first.template_files, reports, note=note),
        "failed": Found(len(wrong), reports, note=wrong[0].message if wrong else note),
    }


def fork_rows(quick: bool) -> list[Row]:
    """Forks and many reports."""
    families = ((FORKS, forks_found), (MANY, many_found))
    return [row for plans, work in families for row in attempt(plans, partial(work, quick))]
