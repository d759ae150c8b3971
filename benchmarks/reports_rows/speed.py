"""One more report, twenty reports, one cold report, and the rendering alone: finlab beside papermill and nbconvert."""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any

from forecast_rows.plan import Found, Plan, attempt
from harness import Row, Timing, alternate

from reports_rows.commands import FINLAB, checked, papermill, papermill_and_page
from reports_rows.notebooks import HEAVIER, REALISTIC, Source, workbench, write_notebook

PEER = "papermill + nbconvert"
WARM = {
    "cpu": Plan("One more report, template warm: CPU", ">= 8", peer=PEER),
    "wall": Plan("One more report, template warm: wall", ">= 6", peer=PEER),
}
HEAVY = {
    "cpu": Plan("The same, 12 fits of sktime more: CPU", "", peer=PEER),
    "wall": Plan("The same, 12 fits of sktime more: wall", "", peer=PEER),
}
MANY = {
    "cpu": Plan("20 reports, 2 jobs, template start included: CPU", ">= 5", peer=PEER),
    "wall": Plan("20 reports, 2 jobs, template start included: wall", ">= 3", peer=PEER),
}
COLD = {
    "cpu": Plan("One cold report: CPU", "<= 1", peer=PEER),
    "wall": Plan("One cold report: wall", "", peer=PEER),
}
RENDER = {"cpu": Plan("Rendering alone: CPU", ">= 10", peer="nbconvert HTMLExporter(lab), reused")}
ROUNDS, REPORTS, JOBS = 5, 20, 2
QUICK_REPORTS = 2
RENDERS = 20  # in a round: one is shorter than the clock's steps


def told(timings: dict[str, Timing]) -> str:
    """The medians of both sides."""
    parts = [f"{name} {one.cpu:.2f} CPU s, {one.wall:.2f} s" for name, one in timings.items()]
    return "; ".join(parts)


def compared(timings: dict[str, Timing], n: int, more: str = "") -> dict[str, Found]:
    """How many times less finlab takes, of CPU and of wall time."""
    ours, theirs = timings["finlab"], timings["peer"]
    note = told(timings) + more
    ratios = {"cpu": theirs.cpu / ours.cpu, "wall": theirs.wall / ours.wall}
    return {name: Found(ratio, n, ours.rounds, note) for name, ratio in ratios.items()}


def one_more(quick: bool, cells: tuple[Source, ...] = REALISTIC) -> dict[str, Found]:
    from finlab.reports.run import ReportSpec, Runner

    with workbench() as folder, Runner() as runner:
        notebook, seeds = write_notebook(folder / "report.ipynb", cells), count(1)

        def ours() -> None:
            runner.run(ReportSpec(notebook, {"seed": next(seeds)}, output=folder / "ours.html"))

        def theirs() -> None:
            papermill_and_page(notebook, folder / "theirs.ipynb", {"seed": next(seeds)})

        return compared(alternate({"finlab": ours, "peer": theirs}, 1 if quick else ROUNDS), 1)


def twenty(quick: bool) -> dict[str, Found]:
    n = QUICK_REPORTS if quick else REPORTS
    with workbench() as folder:
        notebook, seeds = write_notebook(folder / "report.ipynb", REALISTIC), range(1, n + 1)

        def ours() -> None:
            grid = f"seed={','.join(map(str, seeds))}"
            made = checked(*FINLAB, "run", notebook, "--grid", grid, "--jobs", str(JOBS), cwd=folder).stdout.split()
            assert len(made) == n, made

        def theirs() -> None:
            with ThreadPoolExecutor(JOBS) as pool:
                each = [(folder / f"theirs-{seed}.ipynb", {"seed": seed}) for seed in seeds]
                list(pool.map(lambda one: papermill_and_page(notebook, *one), each))

        return compared(alternate({"finlab": ours, "peer": theirs}, 1 if quick else ROUNDS, warm_up=False), n)


def one_cold(quick: bool) -> dict[str, Found]:
    with workbench() as folder:
        notebook = write_notebook(folder / "report.ipynb", REALISTIC)
        rivals = {
            "finlab": lambda: checked(*FINLAB, "run", notebook, "-p", "seed=2", cwd=folder),
            "peer": lambda: papermill_and_page(notebook, folder / "theirs.ipynb", {"seed": 2}),
        }
        timings = alternate(rivals, 1 if quick else ROUNDS, warm_up=not quick)
    found = compared(timings, 1)
    return {name: one._replace(figure=1 / one.figure) for name, one in found.items()}


def rendering(quick: bool) -> dict[str, Found]:
    import nbformat
    from nbconvert import HTMLExporter

    from finlab.reports.render import render_page

    with workbench() as folder:
        notebook = write_notebook(folder / "report.ipynb", REALISTIC)
        papermill(notebook, folder / "run.ipynb")
        text = (folder / "run.ipynb").read_text(encoding="utf-8")
    exporter, times = HTMLExporter(template_name="lab"), 1 if quick else RENDERS
    content, node = json.loads(text), nbformat.reads(text, 4)
    rivals = {
        "finlab": partial(_repeat, lambda: render_page(content), times),
        "peer": partial(_repeat, lambda: exporter.from_notebook_node(node), times),
    }
    timings = alternate(rivals, 1 if quick else ROUNDS)
    ours, theirs = timings["finlab"], timings["peer"]
    note = f"{1000 * ours.cpu / times:.1f} and {1000 * theirs.cpu / times:.1f} CPU ms a page"
    return {"cpu": Found(theirs.cpu / ours.cpu, times, ours.rounds, note)}


def _repeat(work: Any, times: int) -> None:
    for _ in range(times):
        work()


def speed_rows(quick: bool) -> list[Row]:
    """All comparisons of time."""
    heavier = partial(one_more, cells=HEAVIER)
    families = ((WARM, one_more), (HEAVY, heavier), (MANY, twenty), (COLD, one_cold), (RENDER, rendering))
    return [row for plans, work in families for row in attempt(plans, partial(work, quick))]
