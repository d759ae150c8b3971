"""The commands of `finlab`, and how errors end: one clear line and an exit code, no traceback for a user's slip."""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from finlab.cli import data, gaps, trail, workbench
from finlab.cli.console import Outlet, pairs, say
from finlab.cli.pages import make_pages
from finlab.core.errors import FinlabError, InputError

OK = 0
FAILED = 1  # finlab could not do it: a busy store, say
WRONG_INPUT = 2  # what was asked for is wrong; nothing was written
CELL_FAILED = 3  # a cell of a report failed; the other ends of reports: finlab.reports.running.ends
NOT_WRITTEN = 6  # the output of a command, or a page
SIGNALLED = 128  # and the number of the signal, as shells count
INTERRUPTED = 130

app = typer.Typer(
    name="finlab",
    help="A research workbench for finance: one store, honest forecasts, reports a manager can trust.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.add_typer(data.app, name="data")
app.add_typer(gaps.app, name="gaps")
app.command("init")(workbench.init)
app.command("lab")(workbench.lab)
app.command("diff", epilog="Example:  finlab diff forecast forecast--1a2b3c4d --rtol 1e-9")(trail.diff)
app.command("verify", epilog="Example:  finlab verify reports/forecast.html")(trail.verify)


@app.command(
    epilog="Examples:  finlab run  |  finlab run forecast -p source=sales.csv -p date=date -p value=revenue --open  |  "
    "finlab run forecast --grid horizon=6,12,24 --jobs 2 --resume"
)
def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="a report (see `finlab reports`) or a notebook's path"),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "-p",
            "--parameter",
            metavar="NAME=VALUE",
            help="a parameter; may be repeated. Of a secret only where it lies: token=env:API_TOKEN, token=file:PATH",
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="the HTML file (or folder) to write")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="open the page in a browser")] = False,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid", metavar="NAME=A,B,C", help="a report for each value; several grids: for each combination"
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option("-j", "--jobs", help="reports at a time (default: settings.ini)")] = None,
    timeout: Annotated[float | None, typer.Option(help="seconds for a whole report (default: settings.ini)")] = None,
    cell_timeout: Annotated[float | None, typer.Option(help="seconds for one cell (default: no limit)")] = None,
    memory: Annotated[
        float | None, typer.Option(help="GB of memory that a report may take (default: no limit)")
    ] = None,
    retries: Annotated[
        int, typer.Option(help="more tries after a killed process, a lack of memory or of disk (pauses double)")
    ] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="leave pages as they are if nothing has changed")] = False,
    seed: Annotated[int | None, typer.Option(help="start of all random numbers (default: drawn, and recorded)")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="a PDF beside each page, printed by Chromium")] = False,
    notebook: Annotated[
        bool, typer.Option("--notebook", help="the executed notebook beside each page, as papermill writes it")
    ] = False,
) -> None:
    """Run reports and write each as one self-contained HTML page; plain `finlab run` means the forecast report.

    A secret is a parameter that the notebook declares as such: `token: Secret = ""`, below the line
    `from finlab.reports.page import Secret`.

    Exit codes: 0 made, 2 wrong input, 3 a cell failed, 4 time limit, 5 killed or no memory, 6 not written, 7 stale data
    (the page is made and says so); 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    Of several reports the highest counts.
    """
    from finlab.reports.run import ReportSpec

    spec = ReportSpec(
        parameters=pairs(parameter or [], "-p"),
        output=output,
        timeout=timeout,
        cell_timeout=cell_timeout,
        memory=memory,
        retries=retries,
        resume=resume,
        seed=seed,
        pdf=pdf,
        notebook=notebook,
        typed=True,
    )
    raise typer.Exit(make_pages(names or ["forecast"], spec, pairs(grid or [], "--grid"), jobs, open_page))


@app.command(epilog="Example:  finlab reports forecast")
def reports(
    name: Annotated[str | None, typer.Argument(help="one report, or the path of a notebook; all when left out")] = None,
) -> None:
    """List the reports that can be run, with their parameters, types, defaults and help."""
    from finlab.reports.jobs import describe

    print(describe(name))


@app.command(epilog="Example:  finlab forecast sales.csv --date date --value revenue --horizon 12 -o forecast.parquet")
def forecast(
    source: Annotated[str, typer.Argument(help="a file, a table of the store, sample:NAME, or a database URL")],
    date: Annotated[str | None, typer.Option(help="the column with dates")] = None,
    value: Annotated[str | None, typer.Option(help="the column with values")] = None,
    id: Annotated[str | None, typer.Option(help="the column that names the series, when there are several")] = None,
    table: Annotated[str | None, typer.Option(help="the table to read, when SOURCE is a database")] = None,
    horizon: Annotated[int, typer.Option(help="periods ahead")] = 12,
    period: Annotated[
        int | None, typer.Option(help="steps in a season (12 for months in a year); found when left out")
    ] = None,
    dayfirst: Annotated[
        bool | None, typer.Option("--dayfirst/--monthfirst", help="how to read 01/02/2024; found when left out")
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option("-r", "--read", metavar="NAME=VALUE", help="how the file is written, as `finlab data load -o`"),
    ] = None,
    model: Annotated[str, typer.Option(help="a method, or `auto`: the best in a backtest of each series")] = "auto",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help=".parquet, .csv or .json; a table when left out")
    ] = None,
) -> None:
    """Forecast the series of a table as data: one row a series and date, with 80% and 95% intervals."""
    from finlab.cli.console import check_output, show, summarise_notes, write_frame
    from finlab.data.sources import options_from_texts
    from finlab.forecast.series import read_series
    from finlab.forecast.study import MANY
    from finlab.forecast.study import forecast as forecast_series
    from finlab.reports.forecasts import MOST_SERIES

    check_output(output, source)
    how = {"table": table, "dayfirst": dayfirst, "read": options_from_texts(pairs(read or [], "-r"))}
    unread: dict[str, str] = {}
    series = read_series(source, id=id, date=date, value=value, period=period, unread=unread, **how)
    names, many = [*unread, *(one.name for one in series)], len(series) + len(unread) > MANY
    if unread and len(names) <= MOST_SERIES:  # up to here a report stops, too
        raise InputError(next(iter(unread.values())))
    frame = forecast_series(series, horizon, models=model)
    lost = [f"{name}: left out: {why.removeprefix(name).lstrip(':, ')}" for name, why in unread.items()]
    notes = [*lost, *frame.attrs.get("notes", [])]
    for note in summarise_notes(notes, names) if many else notes:
        say(note)
    if many:
        say(f"{len(series):,} series, {horizon} steps ahead, by {', '.join(frame['model'].unique())}")
    if output is None:
        show(frame, 2 * horizon if many else 60)
        return
    write_frame(frame, output)
    say(f"{len(frame):,} rows in {output}")


@app.command(epilog="Example:  finlab version")
def version() -> None:
    """The versions of finlab and of the main packages under it."""
    import platform
    from importlib import metadata

    import finlab

    print(f"finlab {finlab.__version__} (Python {platform.python_version()})")
    for package in ("duckdb", "jax", "pandas", "sktime", "statsmodels", "papermill", "torch"):
        try:
            print(f"  {package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            print(f"  {package} not installed")


def code_of(error: FinlabError) -> int:
    """The exit code that an error ends with."""
    return WRONG_INPUT if isinstance(error, InputError) else getattr(error, "exit_code", FAILED)


def main(arguments: list[str] | None = None) -> None:
    """The entry point: run a command and turn errors into one line and an exit code."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, _ = Outlet(sys.stdout), Outlet(sys.stderr)
    try:
        with ended_by_signals() as came:
            _run(arguments, came)
    except SystemExit as ended:
        out.flush()
        if out.problem is None or isinstance(out.problem, BrokenPipeError):  # nobody reads any more: that is no failure
            raise
        say(f"the output cannot be written: {out.problem.strerror}")
        sys.exit(max(NOT_WRITTEN, ended.code if isinstance(ended.code, int) else 0))
    finally:
        sys.stdout, sys.stderr = before


def _run(arguments: list[str] | None, came: list[int]) -> None:
    try:
        app(args=arguments, prog_name="finlab")
    except FinlabError as error:
        say(str(error))
        sys.exit(code_of(error))
    except (KeyboardInterrupt, RuntimeError, SystemExit) as error:
        if not is_interrupt(error):
            raise
        say("stopped")
        sys.exit(SIGNALLED + came[0] if came else INTERRUPTED)


@contextlib.contextmanager
def ended_by_signals() -> Iterator[list[int]]:
    """Let SIGTERM and SIGHUP stop a command as Ctrl-C does, with everything tidied up; gives the signals that came."""
    came: list[int] = []

    def stop(number: int, _: object) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_IGN)  # once is enough: what is tidied up now is not to be interrupted
        raise KeyboardInterrupt

    ours = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    free = threading.current_thread() is threading.main_thread()
    ours = [one for one in ours if free and signal.getsignal(one) is signal.SIG_DFL]  # `nohup` ignores one of them
    for one in ours:
        signal.signal(one, stop)
    try:
        yield came
    finally:
        for one in ours:
            signal.signal(one, signal.SIG_DFL)


def is_interrupt(error: BaseException) -> bool:
    """Tell whether somebody stopped it: DuckDB says so by a RuntimeError, typer by an exit."""
    code, told = getattr(error, "code", None), str(error)
    return isinstance(error, KeyboardInterrupt) or code == INTERRUPTED or told == "Query interrupted"
