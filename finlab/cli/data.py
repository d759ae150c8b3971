"""`finlab data`: what is in the store, and putting more into it."""

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

import typer

from finlab.cli.console import pairs, say, show
from finlab.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from finlab.data.batch import Batch
    from finlab.data.loading import Answers
    from finlab.data.sources import Source

app = typer.Typer(
    help="Load sources into the store and look at what is there.", no_args_is_help=True, rich_markup_mode=None
)

LONGEST_REASON = 80  # characters of a reason, or of the record that was rejected

# In a help text, lines after this mark stand as they are.
AS_IT_STANDS = "\b\n"
CONTRACT_EXAMPLE = f"""{AS_IT_STANDS}A contract says what the table should be. Its file:

{AS_IT_STANDS}  name = "spend"
  [fields.date]
  type = "date"          # or text, integer, number, decimal, timestamp, timestamptz, boolean
  date_order = "dmy"
  required = true
  [fields.supplier]
  aliases = ["vendor"]
  [fields.amount]
  type = "decimal"
  currency = "GBP"
"""
LOAD_EXAMPLES = f"""{CONTRACT_EXAMPLE}
{AS_IT_STANDS}Examples:
  finlab data load sales.csv --name sales -o delimiter=';' -o decimal=,
  finlab data load book.xlsx -o sheet='*'
  finlab data load sqlite:///shop.db -o table=orders
  finlab data load spend/*.csv --contract spend.toml -m Total=amount

How a text file is written is found by itself; what -o can say against it: encoding, delimiter, decimal, thousands,
header, skip, text, date_format, date_order. Of a workbook: sheet, header, skip, text. Of a database: table, query."""
RULES_EXAMPLE = f"""{AS_IT_STANDS}Rules are applied in their order. Their file:

{AS_IT_STANDS}  [[rule]]
  kind = "missing"
  column = "supplier"
  [[rule]]
  kind = "duplicates"
  columns = ["date", "supplier", "amount"]

{AS_IT_STANDS}Examples:
  finlab data clean spend rules.toml --dry-run
  finlab data clean spend rules.toml
  finlab data undo spend"""


# What a load is told in other ways than by -o.
RESERVED = {"self", "source", "sources", "name", "as_of", "contract", "mapping", "replace"}


def name_of(source: str, table: object = None) -> str:
    """A table's name from a source: `data/Sales 2024.csv` gives `sales_2024`; of a database, the name of its `table`."""
    stem = source.partition(":")[2] if source.startswith("sample:") else Path(source).absolute().stem
    stem = str(table or "") if "://" in source else stem
    name = re.sub(r"\W+", "_", stem).strip("_").lower()
    if not name:
        raise InputError(f"source={source!r}: no table name follows from it; expected --name NAME")
    return f"t_{name}" if name[0].isdigit() else name


def is_pattern(source: str) -> bool:
    """Tell whether a source is a pattern of file names that no shell has resolved."""
    return any(mark in source for mark in "*?[") and "://" not in source and not Path(source).exists()


def is_many(sources: list[str], options: dict[str, Any]) -> bool:
    """Tell whether more than one source is meant: several, a folder, a pattern, or all sheets of a workbook."""
    first = sources[0]
    return len(sources) > 1 or is_pattern(first) or Path(first).is_dir() or options.get("sheet") == "*"


def at_the_terminal(message: str) -> str:
    """Say a message in the words of the command line: `--replace` for `replace=True`, `-m COLUMN=FIELD` for a mapping."""
    import ast

    def options(found: re.Match[str]) -> str:
        try:
            said = ast.literal_eval(found[1])
        except (ValueError, SyntaxError):
            return found[0]
        return " ".join("-m " + shlex.quote(f"{column}={field or '-'}") for column, field in said.items())

    message = re.sub(r"mapping=(\{.*\})", options, message)
    return message.replace("(None: no field)", "(-: no field)").replace("replace=True", "--replace")


def tell_batch(batch: "Batch") -> None:
    """Say what became of many sources: the counts as data; what was refused once for each reason, with its sources."""
    counts, *_ = str(batch).split("\n")
    print(f"{counts}; {len(batch.refused):,} refused" if batch.refused else counts)
    reasons: dict[str, list[str]] = {}
    for title, why in batch.refused:
        reasons.setdefault(at_the_terminal(why.removeprefix(f"{title}: ")), []).append(title)
    for why, titles in reasons.items():
        some = f"{titles[0]} and {len(titles) - 1:,} more" if len(titles) > 1 else titles[0]
        say(f"refused: {some}: {why}")


def fields_of(texts: list[str]) -> dict[str, str | None]:
    """What a person says about columns: `Amt=amount`, or `Note=-` for no field."""
    said = {column: field.strip() for column, field in pairs(texts, "-m").items()}
    return {column: None if field in ("", "-") else field for column, field in said.items()}


def answers_of(texts: list[str], file: Path | None) -> "Answers":
    """The answers about columns: one by one, or the TOML file of a mapping."""
    if texts and file:
        raise InputError(f"--mapping {file} and -m {texts[0]}: expected one of the two; `finlab data map` joins them")
    return fields_of(texts) or (str(file) if file else None)


Contract_ = Annotated[Path | None, typer.Option("--contract", help="the TOML file of a contract: the source is added")]
Options_ = Annotated[
    list[str] | None, typer.Option("-o", "--option", metavar="NAME=VALUE", help="how to read it; may be repeated")
]
Columns_ = Annotated[
    list[str] | None,
    typer.Option("-m", "--map", metavar="COLUMN=FIELD", help="which field a column is, or - for none; may be repeated"),
]


@app.command(
    epilog=LOAD_EXAMPLES,
    short_help="Load files, folders, databases or samples into the store.",
)
def load(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="files, folders, sample:NAME, fred:NAME, a database URL with -o table=NAME"
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="the table's name; when left out, that of the contract or the source")
    ] = None,
    contract: Contract_ = None,
    column: Columns_ = None,
    mapping: Annotated[
        Path | None, typer.Option(help="the TOML file of a mapping, as `finlab data map` writes it")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="begin the table anew instead of adding to it")] = False,
    as_of: Annotated[str | None, typer.Option(help="the date that the data describe, such as 2026-01-31")] = None,
    option: Options_ = None,
) -> None:
    """Load sources into the store: CSV, Parquet, JSON, Excel, bank and SEC files, databases, samples, online series."""
    from finlab.data.sources import options_from_texts
    from finlab.data.store import Store

    options = options_from_texts(pairs(option or [], "-o"))
    for taken in RESERVED & set(options):
        raise InputError(f"-o {taken}={options[taken]}: not a way to read a source; see finlab data load --help")
    known = {"contract": contract, "mapping": answers_of(column or [], mapping), "as_of": as_of, **options}
    if is_many(sources, options):
        if replace:
            raise InputError("--replace with several sources: load the first with --replace, then the others without")
        own = None if len(sources) > 1 or contract or is_pattern(sources[0]) else name_of(sources[0])
        batch = Store().load_many(sources, name or own, **known)
        tell_batch(batch)
        if batch.refused:
            raise typer.Exit(2)
        return
    try:
        done = Store().load(sources[0], name or default_name(sources[0], contract, options), replace=replace, **known)
    except InputError as error:
        raise InputError(at_the_terminal(str(error))) from None
    print(done)
    if done.rejected:
        say(f"what was rejected, and why:  finlab data rejects {done.name}")


def default_name(source: str, contract: Path | None, options: dict[str, Any]) -> str:
    """The table's name where none is given: that of the contract, or else what follows from the source."""
    from finlab.data.contracts import read_contract
    from finlab.data.sources import open_source

    if contract is not None:
        return read_contract(contract).name
    if "://" in source and not options.get("table"):
        open_source(source, **options)  # says what is missing
    return name_of(source, options.get("table"))


@app.command(
    "map", epilog="Example:  finlab data map april.csv --contract spend.toml -m Total=amount --output april.toml"
)
def map_columns(
    source: Annotated[str, typer.Argument(help="a source, as for `finlab data load`")],
    contract: Annotated[Path | None, typer.Option("--contract", help="the TOML file of a contract")] = None,
    column: Columns_ = None,
    output: Annotated[Path | None, typer.Option(help="the TOML file to write the mapping, or the draft, to")] = None,
    option: Options_ = None,
) -> None:
    """Show which column of a source is which field of a contract, how sure that is, and why; save the decisions.

    Without a contract, a first one is drafted from the source, to be corrected by hand.
    """
    from finlab.data.contracts import write_whole
    from finlab.data.sources import open_source, options_from_texts

    found = open_source(source, **options_from_texts(pairs(option or [], "-o")))
    shown, text = _drafted(found, column) if contract is None else _mapped(found, contract, column)
    print(shown)
    if output is not None:
        say(f"written to {write_whole(text, output)}")


def _drafted(source: "Source", column: list[str] | None) -> tuple[str, str]:
    from finlab.data.drafts import draft_contract

    if column:
        raise InputError("-m maps columns to the fields of a contract; say which with --contract")
    text = draft_contract(source).to_toml()
    return text, text


def _mapped(source: "Source", contract: Path, column: list[str] | None) -> tuple[str, str]:
    from finlab.data.contracts import read_contract
    from finlab.data.keeping import take_source
    from finlab.data.mapping import propose

    incoming = take_source(source)
    found = propose(incoming.names, incoming.sample, read_contract(contract))
    for name, field in fields_of(column or []).items():
        found = found.with_choice(name, field)
    return str(found), found.to_toml()


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
    loads["source"] = [short_source(source) for source in loads["source"]]
    loads["rows"] = with_commas(loads["rows"].tolist())
    show(loads.loc[:, ["name", "rows", "columns", "as_of", "loaded_at", "kind", "source"]])


def short_source(source: str, most: int = 48) -> str:
    """Write a source with the end of its path, where the file's name is."""
    path = re.sub(r"file://(\S+)", lambda found: unquote(found[1]), source)
    before, comma, last = path.rpartition(", the last ")
    kept = most - len(before) - len(comma)
    return before + comma + (last if len(last) <= kept else "..." + last[3 - kept :])


def with_commas(counts: list[int]) -> list[str]:
    """Write counts with commas, one under the other."""
    texts = [f"{count:,}" for count in counts]
    return [text.rjust(max(map(len, texts))) for text in texts]


@app.command("show", epilog="Example:  finlab data show sales --rows 5")
def show_table(
    name: Annotated[str, typer.Argument(help="a table of the store")],
    rows: Annotated[int, typer.Option(help="how many of its rows")] = 10,
) -> None:
    """Show the first rows of a table, its columns and their types."""
    from finlab.core.checks import check_positive_int
    from finlab.data.catalogue import no_table
    from finlab.data.store import Store

    limit = check_positive_int("rows", rows)
    store = Store()
    known = store.tables()
    if name.casefold() not in {table.casefold() for table in known}:
        raise InputError(no_table(name, known, store.path))
    quoted = '"' + name.replace('"', '""') + '"'
    show(store.sql(f"SELECT * FROM {quoted} LIMIT {limit}"), rows=limit, missing="NULL")
    count = store.sql(f"SELECT count(*) AS n FROM {quoted}")["n"].iloc[0]
    columns = store.sql(f"SELECT column_name, column_type FROM (DESCRIBE {quoted})").to_numpy().tolist()
    widest = max(len(column) for column, _ in columns)
    say(f"{name}: {count:,} rows, {len(columns):,} columns")
    say("\n".join(f"  {column:<{widest}}  {kind}" for column, kind in columns))


@app.command(epilog="Example:  finlab data samples")
def samples() -> None:
    """List the real series that come with finlab's dependencies, with unit, source and licence."""
    from finlab.data import samples as rooms

    show(rooms.ls().loc[:, ["name", "title", "frequency", "unit", "start", "end", "rows", "source"]])


@app.command(epilog="Example:  finlab data rejects spend --output rejects.csv")
def rejects(
    name: Annotated[str, typer.Argument(help="a table of the store")],
    rows: Annotated[int, typer.Option(help="how many are shown")] = 20,
    output: Annotated[Path | None, typer.Option(help="the CSV or Excel file to write all of them to")] = None,
) -> None:
    """List the records that were not loaded: file, physical line, record number, column, value and reason."""
    from finlab.core.checks import check_positive_int
    from finlab.data.ingest import BLANK
    from finlab.data.store import Store

    most, found = check_positive_int("rows", rows), Store().rejects(name)
    if output is not None:
        write_for_people(found, output)
        say(f"{len(found):,} rejects in {output}")
        return
    told = "1 record was" if len(found) == 1 else f"{len(found):,} records were" if len(found) else "nothing was"
    say(f"{name}: {told} rejected")
    if found.empty:
        return
    found["column"] = found["column"].fillna("")
    counted = Counter(zip(found["column"], found["reason"], strict=True))
    for (column, why), count in counted.most_common():
        say(f"  {count:,} x {why}" if not column or why.startswith(f"{column} ") else f"  {count:,} x {column}: {why}")
    found["source"] = [unquote(source.rpartition("/")[2]) for source in found["source"]]
    # What a person can mend comes first: an example of each reason, then the others; blank records say nothing.
    repeats = found.groupby(["column", "reason"]).cumcount() > 0
    telling = found.assign(blank=found["reason"] == BLANK, repeats=repeats)
    telling = telling.sort_values(["blank", "repeats"], kind="stable")
    telling["value or record"] = telling["value"].fillna(telling["raw"])
    told = ["source", "line", "record", "column", "value or record", "reason"]
    show(telling.loc[:, told].head(most), most=LONGEST_REASON)
    if len(telling) > most:
        say(f"{len(telling) - most:,} more: --rows {len(telling)}, or all with their texts: --output rejects.csv")


def write_for_people(frame: "pd.DataFrame", path: Path) -> None:
    """Write a table as CSV or Excel for a spreadsheet: a text that would be run as a formula there is neutralised."""
    from finlab.core.checks import check_choice
    from finlab.data.export import write_csv, write_excel

    writers = {".csv": write_csv, ".xlsx": write_excel}
    writers[check_choice("output", path.suffix.lower(), list(writers))](frame, path, replace=True)


@app.command(epilog="Example:  finlab data profile spend")
def profile(name: Annotated[str, typer.Argument(help="a table of the store")]) -> None:
    """Say what is wrong with a table, the worst first."""
    from finlab.data.store import Store

    print(Store().profile(name))


@app.command(epilog=RULES_EXAMPLE)
def clean(
    name: Annotated[str, typer.Argument(help="a table of the store")],
    rules: Annotated[Path, typer.Argument(help="the TOML file of the rules")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what the rules would change")] = False,
) -> None:
    """Clean a table by rules. Every cell that changes is kept as it was: see `finlab data undo`."""
    from finlab.data.clean import read_rules
    from finlab.data.store import Store

    print(Store().clean(name, read_rules(rules), dry_run=dry_run))


@app.command(epilog="Example:  finlab data undo spend")
def undo(
    name: Annotated[str, typer.Argument(help="a table of the store")],
    cleaning: Annotated[int | None, typer.Argument(help="the number of a cleaning; the last one when left out")] = None,
    later: Annotated[bool, typer.Option("--later", help="also those that came after it")] = False,
) -> None:
    """Take back a cleaning of a table, exactly."""
    from finlab.data.store import Store

    done = Store().undo(name, cleaning, later=later)
    say(f"{name}: undone: cleaning {', '.join(map(str, done))}")
