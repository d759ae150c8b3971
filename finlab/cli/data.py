"""`finlab data`: what is in the store, and putting more into it."""

import re
from pathlib import Path
from typing import Annotated

import typer

from finlab.cli.console import pairs, say, show
from finlab.core.errors import InputError

app = typer.Typer(
    help="Load sources into the store and look at what is there.", no_args_is_help=True, rich_markup_mode=None
)


RESERVED = {"self", "source", "name", "as_of"}  # what a load is told in other ways than by -o


def name_of(source: str, table: object = None) -> str:
    """A table's name from a source: `data/Sales 2024.csv` gives `sales_2024`; of a database, the name of its `table`."""
    stem = source.partition(":")[2] if source.startswith("sample:") else Path(source).stem
    stem = str(table or "") if "://" in source else stem
    name = re.sub(r"\W+", "_", stem).strip("_").lower()
    if not name:
        raise InputError(f"source={source!r}: no table name follows from it; expected --name NAME")
    return f"t_{name}" if name[0].isdigit() else name


@app.command(epilog="Example:  finlab data load sales.csv --name sales -o delimiter=';' -o decimal=,")
def load(
    source: Annotated[str, typer.Argument(help="a file, sample:NAME, or a database URL with -o table=NAME")],
    name: Annotated[str | None, typer.Option(help="the table's name; from the source when left out")] = None,
    as_of: Annotated[str | None, typer.Option(help="the date that the data describe, such as 2026-01-31")] = None,
    option: Annotated[
        list[str] | None, typer.Option("-o", "--option", metavar="NAME=VALUE", help="how to read it; may be repeated")
    ] = None,
) -> None:
    """Load a source into the store: CSV, Parquet, JSON, Excel, a database, or a sample series."""
    from finlab.data.sources import options_from_texts
    from finlab.data.store import Store

    options = options_from_texts(pairs(option or [], "-o"))
    for taken in RESERVED & set(options):
        raise InputError(f"-o {taken}={options[taken]}: not a way to read a source; see finlab data load --help")
    print(Store().load(source, name or name_of(source, options.get("table")), as_of=as_of, **options))


@app.command(epilog="Example:  finlab data ls")
def ls() -> None:
    """List the tables of the store: rows, columns, source, when they were loaded, the date that they describe."""
    from finlab.data.store import Store

    store = Store()
    loads = store.loads()
    if loads.empty:
        say(f"the store {store.path} holds no table yet; try: finlab data load sample:airline")
        return
    loads["loaded_at"] = loads["loaded_at"].dt.strftime("%Y-%m-%d %H:%M UTC")
    show(loads.loc[:, ["name", "rows", "columns", "as_of", "loaded_at", "kind", "source"]])


@app.command("show", epilog="Example:  finlab data show sales --rows 5")
def show_table(
    name: Annotated[str, typer.Argument(help="a table of the store")],
    rows: Annotated[int, typer.Option(help="how many of its rows")] = 10,
) -> None:
    """Show the first rows of a table, its columns and their types."""
    from finlab.core.checks import check_positive_int, did_you_mean
    from finlab.data.store import Store

    limit = check_positive_int("rows", rows)
    store = Store()
    known = store.tables()
    if name.casefold() not in {table.casefold() for table in known}:
        raise InputError(f"the store {store.path} has no table {name!r}{did_you_mean(name, known)}")
    quoted = '"' + name.replace('"', '""') + '"'
    head = store.sql(f"SELECT * FROM {quoted} LIMIT {limit}")
    show(head)
    count = store.sql(f"SELECT count(*) AS n FROM {quoted}")["n"].iloc[0]
    say(f"{name}: {count:,} rows; " + ", ".join(f"{column} {kind}" for column, kind in head.dtypes.items()))


@app.command(epilog="Example:  finlab data samples")
def samples() -> None:
    """List the real series that come with finlab's dependencies, with unit, source and licence."""
    from finlab.data import samples as rooms

    show(rooms.ls().loc[:, ["name", "title", "frequency", "unit", "start", "end", "rows", "source"]])
