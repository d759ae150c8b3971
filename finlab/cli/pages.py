"""Making the pages of `finlab run`: what was typed becomes specifications, and what happened is told line by line."""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from finlab.cli.console import say
from finlab.core.errors import InputError

if TYPE_CHECKING:
    from finlab.reports.run import ReportResult, ReportSpec


def make_pages(names: list[str], spec: "ReportSpec", grids: dict[str, str], jobs: int | None, open_page: bool) -> int:
    """Make the reports `names` as `spec` says, once for each combination of `grids`; gives the exit code."""
    from finlab.reports.run import run_reports
    from finlab.reports.running.ends import worst

    specs = [one for name in names for one in _expanded(dataclasses.replace(spec, name=name), grids)]
    if spec.output is not None and len(specs) > 1 and Path(spec.output).suffix:
        raise InputError(f"-o {spec.output}: one file for {len(specs)} reports; expected a folder")
    results = run_reports(specs, jobs=jobs)
    for result in results:
        tell(result, several=len(results) > 1)
        if open_page and result.path is not None:
            open_in_browser(result.path)
    return worst(result.exit_code for result in results)


def _expanded(spec: "ReportSpec", grids: dict[str, str]) -> list["ReportSpec"]:
    """One specification for each combination of the values of `grids`."""
    if not grids:
        return [spec]
    from finlab.reports.grids import expand_grid
    from finlab.reports.jobs import find_notebook
    from finlab.reports.parameters import read_parameters

    rows = expand_grid(read_parameters(find_notebook(spec.name)), spec.parameters, grids, typed=True)
    return [dataclasses.replace(spec, parameters=row, typed=False) for row in rows]


def tell(result: "ReportResult", several: bool = False) -> None:
    """Say where a page is, on standard output, or why there is none, on standard error; of `several` with its name."""
    if result.status == "failed" or result.path is None:
        say(f"{_name(result)}: {result.message}" if several else result.message)
        return
    print(result.path)
    sys.stdout.flush()
    if result.message:  # why it was skipped, or made again
        say(f"{result.path.name}: {result.message}")
    if result.exit_code:
        say(f"{result.path.name}: an input is older than its limit; the page says so")


def _name(result: "ReportResult") -> str:
    """The name of a page that failed, which tells the reports of a grid apart; without a page that of its report."""
    return result.name if result.path is None else result.path.stem.removesuffix(".failed")


def open_in_browser(path: Path) -> None:
    """Open a page in the browser of the person at the terminal."""
    import webbrowser

    webbrowser.open(path.as_uri())
