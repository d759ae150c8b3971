"""`finlab gaps`: what differs between two sources, what was decided about it, and the rules that explain it."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finlab.cli.console import on_one_line, pairs, say, show, wrap
from finlab.cli.gap_tables import (
    history_of,
    lines_of,
    list_gaps,
    on_lines,
    to_the_right,
    widest_cell,
    widest_name,
    with_money,
)
from finlab.core.errors import InputError

if TYPE_CHECKING:
    from finlab.gaps.record import Gaps
    from finlab.gaps.worklist import Worklist

app = typer.Typer(
    help="What differs between two sources, with its money; what was decided about it, by whom and when.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
rules = typer.Typer(
    help="Rules that explain gaps, such as fees: saved with their versions, applied with an entry for each gap.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(rules, name="rules")

AS_IT_STANDS = "\b\n"  # in a help text, lines after this mark stand as they are
RULES_EXAMPLE = f"""{AS_IT_STANDS}The first rule that fits explains a gap. Their file:

{AS_IT_STANDS}  [[rule]]
  kind = "fee"             # or fixed, known, timing, small, rounding
  name = "Fees of the bank are 0.15%"
  rate = "0.15%"
  less = "bank"            # the source that shows less
  currency = "EUR"
  most = 500               # the most money that it may explain

{AS_IT_STANDS}Examples:
  finlab gaps rules save bank.toml
  finlab gaps rules apply bank --dry-run
  finlab gaps rules apply bank
  finlab gaps rules retire "Fees of the bank are 0.15%" -m "a new contract" """
RUN_EXAMPLES = f"""{AS_IT_STANDS}Examples:
  finlab gaps run ledger.csv bank.csv -o amount=amount,betrag -o window=-3,30
  finlab gaps run old.csv new.csv --key invoice -o tolerances=amount:0.01
  finlab gaps run lines.csv --identities banks --key account -o period=day
  finlab gaps run books.xlsx --identities mine.toml
  finlab gaps run rates.csv --search stale --key code -o period=day -o value=x

{AS_IT_STANDS}Options -o, by search:
  without a key  amount, date, party, reference, text, currency: COLUMN, or
                 LEFT,RIGHT; window (days, -3,30), tolerance (last digits),
                 as_of, rates, base
  with --key     amount, date, currency, tolerances (COLUMN:NUMBER),
                 columns (LEFT:RIGHT), kinds (COLUMN:KIND), without, rates
  identities     period, currency; of facts: item, value, start, end, unit,
                 dimensions
  stale, scaled  value, period, currency, often
  restated       filed, by, and those of facts
  conflicts      source, attribute, value, each, money, currency, period

{AS_IT_STANDS}Then:
  finlab gaps ls
  finlab gaps show 3fa9c1"""


Ids_ = Annotated[list[str], typer.Argument(metavar="ID...", help="ids of gaps, or how they begin")]
Name_ = Annotated[str | None, typer.Option("--name", help="the worklist; all when left out")]
Message_ = Annotated[str, typer.Option("-m", "--message", help="why, in words that another person understands")]
Who_ = Annotated[str | None, typer.Option("--who", help="who decides; the setting `user`, or the login name")]
Status_ = Annotated[list[str] | None, typer.Option("--status", help="open, explained, accepted or fixed")]
Kind_ = Annotated[list[str] | None, typer.Option("--kind", help="missing, duplicate, value, timing, ...")]
Currency_ = Annotated[list[str] | None, typer.Option("--currency", help="such as EUR")]


@app.command(epilog=RUN_EXAMPLES)
def run(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE", help="LEFT and RIGHT: files, tables of the store, sample:NAME, database URLs"),
    ],
    name: Annotated[str | None, typer.Option("--name", help="the worklist; after its sources when left out")] = None,
    names: Annotated[
        str | None, typer.Option("--names", metavar="LEFT,RIGHT", help="what the sources are called")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="COL[,COL]", help="the columns that name a record on both sides")
    ] = None,
    identities: Annotated[
        str | None,
        typer.Option("--identities", metavar="NAME|FILE", help="statements, ledgers, banks, us-gaap, or a TOML file"),
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="NAME", help="stale, scaled, restated or conflicts, of one table")
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option(
            "-r", "--read", metavar="[SOURCE.]NAME=VALUE", help="how the files are written, as `finlab data load -o`"
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("-o", "--option", metavar="NAME=VALUE", help="of the search; may be repeated")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what is found; record nothing")] = False,
    who: Who_ = None,
) -> None:
    """Search sources for gaps and record them in a worklist. A second run recognises what it found before.

    Two tables are matched without a key by amounts, days, parties and texts; with --key they are compared.
    """
    from finlab.cli.gap_searches import Asked, check_count, names_in, read_options, search_gaps, search_named
    from finlab.cli.gap_sources import check_same_search, names_of, read_sides, say_same, with_new_notes, worklist_name
    from finlab.gaps.worklist import Worklist

    by = names_in("--key", key) if key is not None else ()
    meant, options = search_named(search, by, identities), pairs(option or [], "-o")
    check_count(meant, len(sources))
    known = read_options(meant, options)  # a slip is said before large files are read
    worklist = Worklist()
    titles = names_of(sources, names, worklist, name)
    called = name or worklist_name(titles, meant, identities)
    check_same_search(worklist, called, meant)
    sides = read_sides(titles, sources, pairs(read or [], "-r"))
    found = search_gaps(meant, Asked({title: side.table for title, side in sides.items()}, known, by, identities or ""))
    say_same(sides)
    if dry_run:
        list_gaps(found.gaps)
        return
    if not set(sides) & set(found.gaps.records):  # many sources that speak in one table
        sides = dict.fromkeys(found.gaps.records, next(iter(sides.values())))
    settings = {"search": meant, **({"key": list(by)} if by else {}), **options}
    settings |= {"identities": identities} if identities else {}
    settings |= {"roles": {role: list(pair) for role, pair in found.roles.items()}} if found.roles else {}
    done = worklist.record(found.gaps, name=called, sources=sides, parameters=settings, who=who)
    print(on_lines(str(with_new_notes(done, worklist))))
    print(on_lines(found.summary))
    if done.gaps:
        say(f"what is open:  finlab gaps ls --name {shlex.quote(called)}")


@app.command(epilog="Example:  finlab gaps ls --kind missing --status open --rows 50")
def ls(
    name: Name_ = None,
    status: Status_ = None,
    kind: Kind_ = None,
    currency: Currency_ = None,
    rows: Annotated[int, typer.Option(help="how many are shown")] = 20,
) -> None:
    """List gaps, what matters most first: probability x amount. Open ones only, unless --status says otherwise."""
    from finlab.core.checks import check_positive_int

    most, worklist = check_positive_int("rows", rows), opened()
    found = worklist.gaps(name=name, status=status or ["open"], kind=kind, currency=currency)
    if len(found):
        list_gaps(found, most, status is not None, worklist.gaps().arrow["id"].to_pylist())
        return
    known = worklist.names()
    if not known:
        say("nothing was recorded yet; try: finlab gaps run ledger.csv bank.csv")
        return
    say(f"no such gaps in {name or ', '.join(known)}")


def opened() -> "Worklist":
    """The worklists of the store in use."""
    from finlab.gaps.worklist import Worklist

    return Worklist()


@app.command("show", epilog="Example:  finlab gaps show 3fa9c1")
def show_gap(
    id: Annotated[str, typer.Argument(metavar="ID", help="the id of a gap, or how it begins")],
    name: Name_ = None,
) -> None:
    """Show a gap: what differs, the rows of both sources side by side, and everything that happened to it."""
    case = opened().show(id, name=name)
    print("\n".join(wrap(line) for line in lines_of(case)))
    if len(case.beside):
        print()
        beside = with_money(case.beside)
        show(beside, most=widest_cell(beside), titled=True)
    print()
    for line in history_of(case):
        print(wrap(line, "    "))


def decide(decision: "Callable[..., Gaps]", *given: Any, done: str, **more: Any) -> None:
    """Make a decision about gaps and say what became of them."""
    gaps = decision(*given, **more)
    stakes = f": {gaps.summary()}" if len(gaps) > 1 else f": {gaps[0]}"
    say(on_one_line(f"{done}{stakes}"))


@app.command(epilog='Example:  finlab gaps explain 3fa9c1 -m "bank fee for an urgent payment"')
def explain(ids: Ids_, message: Message_, name: Name_ = None, who: Who_ = None) -> None:
    """Give the reason for gaps: it becomes their cause."""
    decide(opened().explain, ids, message, who, name=name, done="explained")


@app.command(epilog='Example:  finlab gaps accept 3fa9c1 7b03d2 -m "agreed with the supplier"')
def accept(
    ids: Ids_,
    message: Annotated[str | None, typer.Option("-m", "--message", help="why")] = None,
    name: Name_ = None,
    who: Who_ = None,
) -> None:
    """Decide that gaps are known and stay. They are open again if a later run finds them with another amount."""
    decide(opened().accept, ids, message, who, name=name, done="accepted")


@app.command(epilog='Example:  finlab gaps reopen 3fa9c1 -m "the supplier says otherwise"')
def reopen(ids: Ids_, message: Message_, name: Name_ = None, who: Who_ = None) -> None:
    """Take an explanation or an acceptance back. Rules leave these gaps alone from then on."""
    decide(opened().reopen, ids, message, who, name=name, done="open again")


@app.command(epilog='Example:  finlab gaps comment 3fa9c1 -m "asked the bank on Monday"')
def comment(
    ids: Ids_,
    message: Annotated[str, typer.Option("-m", "--message", help="the comment")],
    name: Name_ = None,
    who: Who_ = None,
) -> None:
    """Write something about gaps, whatever their state is."""
    decide(opened().comment, ids, message, who, name=name, done="commented")


@app.command(epilog="Example:  finlab gaps export open.xlsx --status open")
def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="an .xlsx file, or a .csv file of one sheet")],
    name: Name_ = None,
    status: Status_ = None,
    kind: Kind_ = None,
    currency: Currency_ = None,
    sheet: Annotated[str, typer.Option(help="for .csv: gaps, evidence or history")] = "gaps",
    replace: Annotated[bool, typer.Option("--replace", help="exchange a file that is there")] = False,
) -> None:
    """Write the worklist to Excel: gaps as they are ranked, the rows of their sources side by side, their history."""
    from finlab.cli.data import at_the_terminal

    worklist, wanted = opened(), {"name": name, "status": status, "kind": kind, "currency": currency}
    count = len(worklist.gaps(**wanted))
    if not count:
        raise InputError(f"{none_fits(wanted)}; nothing was written")
    try:
        notes = worklist.export(path, sheet=sheet, replace=replace, **wanted)
    except InputError as error:
        raise InputError(at_the_terminal(str(error))) from None
    for note in notes:
        say(note)
    say(f"{written_words(count, path, notes.lines)} in {path}")


def none_fits(wanted: Mapping[str, str | list[str] | None]) -> str:
    """Say that no gap is as was asked for, in the options of the command line."""
    asked = [
        f"--{word} {shlex.quote(one)}"
        for word, said in wanted.items()
        for one in ([said] if isinstance(said, str) else said or [])
    ]
    return f"no gap fits {' '.join(asked)}" if asked else "no gap is recorded"


def written_words(count: int, path: Path, lines: Mapping[str, int]) -> str:
    """Say what a file of the worklist holds: its gaps, and the lines of its other sheets."""
    gaps = f"{count:,} gap{'' if count == 1 else 's'}"
    others = [
        f"{number:,} line{'' if number == 1 else 's'} of {sheet}" for sheet, number in lines.items() if sheet != "gaps"
    ]
    if path.suffix.lower() == ".csv":
        return f"{others[0]} of {gaps}" if others else gaps
    return f"{gaps}, {' and '.join(others)}"


@app.command(epilog="Example:  finlab gaps runs")
def runs(name: Name_ = None) -> None:
    """List the runs that were recorded: when, by whom, what was found, and what became of it."""
    found = opened().runs(name)
    if found.empty:
        say("nothing was recorded yet; try: finlab gaps run ledger.csv bank.csv")
        return
    found["ran_at"] = found["ran_at"].dt.strftime("%Y-%m-%d %H:%M")
    counts = [count for count in ("new", "changed", "reopened", "fixed", "explained") if found[count].to_numpy().any()]
    found = found.rename(columns={"number": "run", "ran_at": "when (UTC)"})
    show(found.loc[:, ["run", "name", "when (UTC)", "who", "gaps", *counts]], titled=True)


@app.command(epilog="Example:  finlab gaps ageing --since period")
def ageing(
    name: Name_ = None,
    since: Annotated[str, typer.Option(help="first_seen, or period: since the end of the gap's period")] = "first_seen",
) -> None:
    """Show the money of open gaps by kind and age in days: 0-30, 31-60, 61-90, 90+."""
    import pandas as pd

    from finlab.gaps.record import money
    from finlab.gaps.worklist import AGES

    found = opened().ageing(name=name, since=since)
    if found.empty:
        say("nothing is open")
        return
    lines = dict[tuple[str, str], dict[str, Any]]()
    for kind, currency, age, count, amount in found.itertuples(index=False):
        line = lines.setdefault((kind, currency), {"kind": kind, "gaps": 0, **dict.fromkeys(AGES, "")})
        line["gaps"] += count
        line[age] = money(amount, currency) if amount is not None else f"{count:,} gaps"
    table = pd.DataFrame(list(lines.values()))
    for age in AGES:
        table[age] = to_the_right(table[age].tolist())
    show(table)


@rules.command("ls", epilog="Example:  finlab gaps rules ls --history")
def list_rules(
    history: Annotated[bool, typer.Option("--history", help="all versions, the retired ones too")] = False,
) -> None:
    """List the saved rules in their order: who saved them, and how many gaps each explains now."""
    found = opened().rules(history=history)
    if found.empty:
        say("no rule is saved; try: finlab gaps rules save rules.toml")
        return
    for column in ("saved_at", "retired_at"):
        found[column] = found[column].dt.strftime("%Y-%m-%d")
    columns = ["name", "version", "saved_at", "saved_by", "gaps_explained"]
    columns += ["retired_at", "retired_by", "why"] if history else []
    found = found.loc[:, columns].rename(columns=lambda column: column.replace("_", " "))
    show(found, most=widest_name(), titled=True)


@rules.command("save", epilog=RULES_EXAMPLE)
def save(
    file: Annotated[Path, typer.Argument(help="the TOML file of the rules")],
    who: Who_ = None,
) -> None:
    """Save the rules of a file: new ones come last, changed ones get a new version, the others stay."""
    from finlab.gaps.workflow.rule_words import rule_words
    from finlab.gaps.workflow.rules import read_rules

    given, worklist = read_rules(file), opened()
    changed = worklist.save_rules(given, who)
    for rule in given:
        if rule.name in changed:
            say(on_one_line(f"saved: {rule.name}: {rule_words(rule)}"))
    for note in worklist.rule_notes(given):
        say(on_one_line(note))
    if len(changed) < len(given):
        say(f"{len(given) - len(changed):,} as they were")


@rules.command("apply", epilog=RULES_EXAMPLE)
def apply(
    name: Annotated[str, typer.Argument(help="a worklist")],
    file: Annotated[
        Path | None, typer.Option("--file", help="a TOML file of rules to rehearse; with --dry-run")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what the rules would explain")] = False,
    who: Who_ = None,
) -> None:
    """Explain the open gaps of a worklist by the saved rules. Every run does so by itself."""
    if file is not None and not dry_run:
        raise InputError(f"--file {file}: rules that are not saved can only be rehearsed; add --dry-run, or save them")
    from finlab.gaps.workflow.rule_words import rule_words

    worklist = opened()
    ruling = worklist.apply_rules(name, file, dry_run=dry_run, who=who)
    for rule in ruling.rules:
        print(wrap(f"{rule.name}: {rule_words(rule)}", "    "))
    for note in worklist.rule_notes(ruling.rules):
        say(on_one_line(note))
    table = ruling.table()
    if len(table):
        from finlab.gaps.record import money

        for column in ("amount", "already", "limit"):
            texts = [money(value, currency) for value, currency in zip(table[column], table["currency"], strict=True)]
            table[column] = to_the_right(texts)
        table["refused"] = ["refused" if refused else "" for refused in table["refused"]]
        shown = ["rule", "gaps", "amount", "already", "limit", *(["refused"] if any(table["refused"]) else [])]
        show(table.loc[:, shown], most=widest_name(), titled=True)
        print()
    print(on_lines(ruling.summary()))
    if dry_run:
        say("rehearsed: nothing was changed")


@rules.command("retire", epilog=RULES_EXAMPLE)
def retire(
    rule: Annotated[str, typer.Argument(help="the name of a saved rule")],
    message: Message_,
    who: Who_ = None,
) -> None:
    """Put a rule out of force. It is kept, and what it explained stays explained."""
    say(on_one_line(f"retired: {opened().retire_rule(rule, message, who)}"))
