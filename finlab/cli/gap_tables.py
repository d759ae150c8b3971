"""How gaps look on a terminal: as a table that fits it, and one by one with their rows and their history."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from finlab.cli.console import WIDEST_TEXT, on_one_line, show, text_width, wrap

if TYPE_CHECKING:
    import pandas as pd

    from finlab.gaps.record import Gap, Gaps
    from finlab.gaps.workflow.cases import Case

SHORTEST_ID = 6  # letters of an id in a list; more where two gaps begin so


def on_lines(text: str) -> str:
    """A text of several lines, each broken at the terminal's width."""
    return "\n".join(wrap(line, "    ") for line in text.split("\n"))


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


MOST_MONEY = 10**15  # as an amount; a larger fraction is some other number


def with_money(beside: "pd.DataFrame") -> "pd.DataFrame":
    """Write the numbers with a fraction in rows side by side as amounts, their thousands apart."""
    from decimal import Decimal

    from finlab.gaps.record import money

    def written(value: object) -> object:
        amount = isinstance(value, (float, Decimal)) and abs(value) < MOST_MONEY  # false for what is no number
        return money(Decimal(str(value))) if amount else value

    return beside.map(written)


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
        rows = " and ".join(rows_of(one.source, one.rows) for one in other.evidence)
        lines.append(f"or: {rows} ({percent(other.probability)})")
    return lines


def rows_of(source: str, rows: Sequence[int]) -> str:
    """Rows of a source in words."""
    return f"{source} row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows))}"


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


def widest_name() -> int:
    """How many characters of a rule's name are shown: less on a narrow terminal."""
    narrow = sys.stdout.isatty() and shutil.get_terminal_size().columns < WIDEST_TEXT * 2
    return NARROWEST_TEXT + 8 if narrow else WIDEST_TEXT
