"""Commands on what earlier runs left: `finlab diff` compares two of them, `finlab verify` runs one again."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finlab.cli.console import pairs, show

if TYPE_CHECKING:
    import pandas as pd

    from finlab.reports.trail.differences import Differences

SAME = 0
CHANGED = 1  # results differ; what cannot be compared or run ends as everywhere (see finlab.cli.app)
MOST_ROWS = 60  # of a table at the terminal; --json has all

Rtol = Annotated[float, typer.Option(help="numbers within this share of the larger one count as equal")]
Atol = Annotated[float, typer.Option(help="numbers within this distance of each other count as equal")]
AsJson = Annotated[bool, typer.Option("--json", help="print everything as JSON, for another program")]


def diff(
    a: Annotated[
        str, typer.Argument(metavar="A", help="a page, its JSON, or the name of a page in the reports folder")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="the other one")],
    rtol: Rtol = 0.0,
    atol: Atol = 0.0,
    as_json: AsJson = False,
) -> None:
    """Compare the named results of two runs, and all that may be why they differ; exit code 1 if a result does."""
    from finlab.reports.trail.differences import compare_records
    from finlab.reports.trail.records import read_record

    found = compare_records(read_record(a, "A").record, read_record(b, "B").record, rtol, atol)
    _print(found, found.as_dict(), as_json)


def verify(
    report: Annotated[str, typer.Argument(help="a page, its JSON, or the name of a page in the reports folder")],
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="in place of the record's; needed for a secret"),
    ] = None,
    rtol: Rtol = 0.0,
    atol: Atol = 0.0,
    timeout: Annotated[float | None, typer.Option(help="seconds that the run may take (default: settings.ini)")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the report of a page again, beside it, and say which numbers changed; exit code 1 if one did."""
    from finlab.reports.trail.verification import verify as run_again

    found = run_again(report, pairs(parameter or [], "-p"), rtol=rtol, atol=atol, timeout=timeout)
    _print(found.differences, found.as_dict(), as_json)


def _print(found: "Differences", everything: dict[str, Any], as_json: bool) -> None:
    """Print what two runs differ in, as tables or as JSON, and end with the exit code that says whether they do."""
    from finlab.core.trace import json_safe

    if as_json:
        print(json.dumps(json_safe(everything, "the comparison"), ensure_ascii=False, indent=1))
    else:
        print(str(found).partition("\n")[0])
        if found.changes:
            print()
            show(_results(found), MOST_ROWS, titled=True)
        if found.others:
            print("\nwhat else differs" + (", and may be why:" if found.changes else ":"))
            show(_reasons(found), MOST_ROWS, titled=True)
        elif found.changes:
            print("\nnothing else that the records know differs")
    raise typer.Exit(CHANGED if found.changed else SAME)


def _results(found: "Differences") -> "pd.DataFrame":
    """Write the results that differ as a table of texts; nothing stands where a run has no such result."""
    import pandas as pd

    from finlab.reports.trail.differences import told_value

    rows = [
        {
            "result": one.path,
            "before": "" if one.kind == "added" else told_value(one.before),
            "after": "" if one.kind == "gone" else told_value(one.after),
            "difference": "" if one.difference is None else f"{one.difference:+.6g}",
            "relative": "" if one.relative is None else f"{one.relative:+.3%}",
            "unit": one.unit,
            "what": one.kind,
        }
        for one in found.changes
    ]
    table = pd.DataFrame(rows)
    return table if any(one.unit for one in found.changes) else table.drop(columns="unit")


def _reasons(found: "Differences") -> "pd.DataFrame":
    """Write what else differs as a table of texts; nothing stands where a run does not have it."""
    import pandas as pd

    from finlab.reports.trail.differences import told_value

    told = [("" if value is None else told_value(value) for value in reason[2:]) for reason in found.others]
    rows = [(*reason[:2], *values) for reason, values in zip(found.others, told, strict=True)]
    return pd.DataFrame(rows, columns=pd.Index(["area", "name", "before", "after"]))
