"""`finlab gaps`: what differs between two sources, what was decided about it, and the rules that explain it."""

import shutil
import sys
from itertools import pairwise
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from finlab.cli.console import WIDEST_TEXT, on_one_line, pairs, say, show, text_width, wrap
from finlab.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from finlab.gaps.workflow.cases import Case
    from finlab.gaps.record import Gap, Gaps
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
SHORTEST_ID = 6  # letters of an id in a list; more where two gaps begin so
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
  finlab gaps run ledger.csv bank.csv
  finlab gaps run ledger bank --name "bank, March"
  finlab gaps ls
  finlab gaps show 3fa9c1"""


def search(left: Any, right: Any, **options: Any) -> "Gaps":
    """Find the gaps between two tables; `options` are those of the search."""
    from importlib import import_module

    return import_module("finlab.gaps.compare").compare(left, right, **options)


Ids_ = Annotated[list[str], typer.Argument(metavar="ID...", help="ids of gaps, or how they begin")]
Name_ = Annotated[str | None, typer.Option("--name", help="the worklist; all when left out")]
Message_ = Annotated[str, typer.Option("-m", "--message", help="why, in words that another person understands")]
Who_ = Annotated[str | None, typer.Option("--who", help="who decides; the setting `user`, or the login name")]
Status_ = Annotated[list[str] | None, typer.Option("--status", help="open, explained, accepted or fixed")]
Kind_ = Annotated[list[str] | None, typer.Option("--kind", help="missing, duplicate, value, timing, ...")]
Currency_ = Annotated[list[str] | None, typer.Option("--currency", help="such as EUR")]


@app.command(epilog=RUN_EXAMPLES)
def run(
    left: Annotated[str, typer.Argument(help="a file, a table of the store, sample:NAME, or a database URL")],
    right: Annotated[str, typer.Argument(help="the same, for the other source")],
    name: Annotated[str | None, typer.Option("--name", help="the worklist; the names of both when left out")] = None,
    names: Annotated[
        str | None, typer.Option("--names", metavar="LEFT,RIGHT", help="what the sources are called")
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option("-r", "--read", metavar="NAME=VALUE", help="how the files are written, as `finlab data load -o`"),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("-o", "--option", metavar="NAME=VALUE", help="of the search; may be repeated")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show what is found; record nothing")] = False,
    who: Who_ = None,
) -> None:
    """Search two sources for gaps and record them in a worklist. A second run recognises what it found before."""
    from finlab.data.sources import options_from_texts
    from finlab.gaps.workflow.exhibits import read_side
    from finlab.gaps.worklist import Worklist

    called = names_of(left, right, names)
    how, options = options_from_texts(pairs(read or [], "-r")), pairs(option or [], "-o")
    sides = {title: read_side(source, **how) for title, source in zip(called, (left, right), strict=True)}
    tables = [side.table for side in sides.values()]
    found = search(*tables, names=called, **options)
    if dry_run:
        list_gaps(found)
        return
    worklist = Worklist()
    done = worklist.record(found, name=name or " against ".join(called), sources=sides, parameters=options, who=who)
    print(on_lines(str(done)))
    say("what is open:  finlab gaps ls" if done.gaps else f"the two sources agree: {found.summary()}")


def names_of(left: str, right: str, names: str | None) -> tuple[str, str]:
    """What two sources are called: as was said, or by the names of their files and tables."""
    from finlab.cli.data import name_of

    if names is None:
        first, second = name_of(left), name_of(right)
        return (first, second) if first != second else (f"{first}_1", f"{second}_2")
    called = [name.strip() for name in names.split(",")]
    if len(called) != 2 or not all(called) or called[0] == called[1]:
        raise InputError.of("--names", names, "two names that differ, such as ledger,bank")
    return called[0], called[1]


def on_lines(text: str) -> str:
    """A text of several lines, each broken at the terminal's width."""
    return "\n".join(wrap(line, "    ") for line in text.split("\n"))


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


def list_gaps(gaps: "Gaps", most: int = 20, stated: bool = False, ids: Iterable[str] = ()) -> None:
    """Print gaps as a table that fits the terminal: of its columns, those that say least are left out first.

    Of each id so many letters are shown as tell it from the other `ids`.
    """
    import pandas as pd

    from finlab.gaps.record import money, percent

    shown, length = list(gaps.top(most)), id_length(ids)
    amounts = [money(gap.amount_at_stake, gap.currency) if gap.amount_at_stake is not None else "" for gap in shown]
    columns = {
        "id": [gap.id[:length] for gap in shown],
        "kind": [gap.kind for gap in shown],
        "key": [gap.key for gap in shown],
        "field": [gap.field for gap in shown],
        "at stake": to_the_right(amounts),
        "sure": to_the_right([percent(gap.probability) for gap in shown]),
        "days": to_the_right(["" if gap.age is None else f"{gap.age:,}" for gap in shown]),
        "status": [gap.status for gap in shown],
        "cause": [gap.causes[0].label if gap.causes else "" for gap in shown],
        "period": [gap.period for gap in shown],
    }
    kept = {title: cells for title, cells in columns.items() if any(cells) and (stated or title != "status")}
    show(fitted(pd.DataFrame(kept, dtype=object)), rows=most)
    print()
    print(on_lines(f"{gaps.summary()}{f' The first {most:,} are shown.' if len(gaps) > most else ''}"))


def id_length(ids: Iterable[str]) -> int:
    """How many letters tell each id from all others, so that they may be typed."""
    ordered = sorted(set(ids))
    return max(SHORTEST_ID, 1 + max((shared(one, other) for one, other in pairwise(ordered)), default=0))


def shared(one: str, other: str) -> int:
    """How many letters two texts have in common from their beginning."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def to_the_right(texts: Sequence[str]) -> list[str]:
    """Write texts one under the other, their ends aligned; empty ones stay empty."""
    widest = max(map(len, texts), default=0)
    return [text.rjust(widest) if text else "" for text in texts]


LEAST_FIRST = ("period", "days", "cause", "field", "status")  # columns that go first where the terminal is narrow
NARROWEST_TEXT = 16  # characters that are left of a cut text


def fitted(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Make a table of texts fit the terminal: long texts cut first, then columns left out; in a pipe it stays whole."""
    if not sys.stdout.isatty():
        return frame
    width = shutil.get_terminal_size().columns
    for dropped, most in [((), 36), *((LEAST_FIRST[:count], 24) for count in range(len(LEAST_FIRST) + 1))]:
        short = frame.drop(columns=list(dropped), errors="ignore").map(lambda text, most=most: on_one_line(text, most))
        if natural_width(short) <= width:
            return short
    return frame.drop(columns=list(LEAST_FIRST), errors="ignore").map(lambda text: on_one_line(text, NARROWEST_TEXT))


def natural_width(frame: "pd.DataFrame") -> int:
    """How wide a table of texts is when it is printed."""
    widths = [max(map(text_width, [str(name), *frame[name]])) for name in frame.columns]
    return sum(widths) + 2 * (len(widths) - 1)


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
        show(case.beside, most=widest_cell(case.beside), titled=True)
    print()
    for line in history_of(case):
        print(wrap(line, "    "))


def widest_cell(beside: "pd.DataFrame") -> int:
    """How many characters of a cell are shown, so that two rows fit beside the names of their columns."""
    if not sys.stdout.isatty():
        return WIDEST_TEXT
    names = max(map(text_width, [str(name)[:NARROWEST_TEXT] for name in beside["field"]]), default=0)
    return min(WIDEST_TEXT, max(NARROWEST_TEXT, (shutil.get_terminal_size().columns - names) // 2 - 2))


def lines_of(case: "Case") -> list[str]:
    """What a gap says, in a few lines."""
    from finlab.gaps.record import percent

    gap = case.gap
    decided = ""
    for entry in case.history.to_dict("records"):
        if entry["what"] in ("explained", "accepted", "reopened", "fixed"):
            again = " again," if entry["what"] == "reopened" else ""
            decided = f"{again} by {entry['who']} on {entry['at']:%Y-%m-%d}"
    lines = [f"{gap}", f"{gap.status}{decided}; {days_of(gap)}; worklist {case.name}; id {gap.id}"]
    if gap.causes:
        told = ", ".join(f"{cause.label} ({percent(cause.probability)})" for cause in gap.causes)
        lines.append(f"cause: {told}")
    for other in gap.alternatives:
        rows = ", ".join(f"{one.source} {', '.join(map(str, one.rows))}" for one in other.evidence)
        lines.append(f"or: rows {rows} ({percent(other.probability)})")
    return lines


def days_of(gap: "Gap") -> str:
    """How long a gap has been known."""
    age = "today" if not gap.age else "yesterday" if gap.age == 1 else f"{gap.age:,} days ago"
    return f"first seen {age}"


def history_of(case: "Case") -> list[str]:
    """The history of a gap, a line for each entry; runs that changed nothing are counted."""
    lines, seen = list[str](), 0
    for entry in case.history.to_dict("records"):
        if entry["what"] == "seen again":
            seen += 1
            continue
        change = " -> ".join(text for text in (entry["before"], entry["after"]) if isinstance(text, str))
        note = entry["note"] if isinstance(entry["note"], str) else ""
        told = ": ".join(text for text in (change, note) if text)
        lines.append(f"{entry['at']:%Y-%m-%d %H:%M} UTC  {entry['who']}  {entry['what']}  {told}".rstrip())
    return [*lines, *([f"seen again by {seen:,} runs" if seen > 1 else "seen again by one run"] if seen else [])]


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
    try:
        notes = worklist.export(path, sheet=sheet, replace=replace, **wanted)
    except InputError as error:
        raise InputError(at_the_terminal(str(error))) from None
    for note in notes:
        say(note)
    say(f"{len(worklist.gaps(**wanted)):,} gaps in {path}")


@app.command(epilog="Example:  finlab gaps runs")
def runs(name: Name_ = None) -> None:
    """List the runs that were recorded: when, by whom, what was found, and what became of it."""
    found = opened().runs(name)
    if found.empty:
        say("nothing was recorded yet; try: finlab gaps run ledger.csv bank.csv")
        return
    found["ran_at"] = found["ran_at"].dt.strftime("%Y-%m-%d %H:%M UTC")
    counts = ["gaps", "new", "changed", "reopened", "fixed", "explained"]
    found = found.rename(columns={"number": "run", "ran_at": "when"})
    show(found.loc[:, ["run", "name", "when", "who", *counts]], titled=True)


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


def widest_name() -> int:
    """How many characters of a rule's name are shown: less on a narrow terminal."""
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < WIDEST_TEXT * 2
    return NARROWEST_TEXT + 8 if narrow else WIDEST_TEXT


@rules.command("save", epilog=RULES_EXAMPLE)
def save(
    file: Annotated[Path, typer.Argument(help="the TOML file of the rules")],
    who: Who_ = None,
) -> None:
    """Save the rules of a file: new ones come last, changed ones get a new version, the others stay."""
    from finlab.gaps.workflow.rules import read_rules

    given = read_rules(file)
    changed = opened().save_rules(given, who)
    for name in changed:
        say(on_one_line(f"saved: {name}"))
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
    ruling = opened().apply_rules(name, file, dry_run=dry_run, who=who)
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
