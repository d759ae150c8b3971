"""The sources of `finlab gaps run`: what they are called, how each is read, and what is new about a run of theirs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finlab.cli.console import on_one_line, say
from finlab.cli.data import name_of
from finlab.cli.gap_searches import names_in
from finlab.core.checks import check_choice
from finlab.core.errors import InputError
from finlab.core.progress import progress

if TYPE_CHECKING:
    from finlab.gaps.workflow.exhibits import Side
    from finlab.gaps.workflow.runs import RunResult
    from finlab.gaps.worklist import Worklist


def read_sides(names: Sequence[str], sources: Sequence[str], options: Mapping[str, str]) -> "dict[str, Side]":
    """Read sources, each with the options that are for all and those that begin with its name, such as bank.skip=2."""
    from finlab.data.sources import options_from_texts
    from finlab.gaps.workflow.exhibits import read_side

    own: dict[str, dict[str, str]] = {name: {} for name in names}
    for option, value in options.items():
        first, dot, rest = option.partition(".")
        for name in [check_choice("-r", first, names)] if dot else names:
            own[name][rest or option] = value
    both = zip(names, sources, strict=True)
    return {
        name: read_side(source, **options_from_texts(own[name]))
        for name, source in progress(list(both), title="reading")
    }


def say_same(sides: "Mapping[str, Side]") -> None:
    """Say if two sources are the same table: whoever compares a table with itself finds that all is well."""
    for one, other in combinations(sides, 2):
        left, right = sides[one], sides[other]
        table: Any = left.table  # of Arrow, as `read_sides` reads it
        if table.equals(right.table):
            same = f"both are {left.origin}" if left.origin == right.origin else f"{left.origin} and {right.origin}"
            say(
                on_one_line(
                    f"{one} and {other} are the same table, row by row ({same}); is another one meant for either?"
                )
            )


def names_of(sources: Sequence[str], names: str | None, worklist: "Worklist", name: str | None) -> list[str]:
    """What sources are called: as was said, as in the last run of the worklist, or by their files and tables."""
    if names is not None:
        called = list(names_in("--names", names))
        if len(called) != len(sources) or len(set(called)) < len(called):
            raise InputError.of("--names", names, f"{len(sources)} names that differ, such as ledger,bank")
        return called
    found = [name_of(source) for source in sources]
    twice = {title for title in found if found.count(title) > 1}
    found = [f"{title}_{place}" if title in twice else title for place, title in enumerate(found, 1)]
    before = worklist.sources(name)["source"].tolist() if name in worklist.names() else []
    if len(before) != len(found) or set(before) == set(found):
        return found
    say(f"called {', '.join(before)}, as in the last run of {name}; --names says otherwise")
    return before


def worklist_name(titles: Sequence[str], search: str, identities: str | None) -> str:
    """What a worklist is called if nobody says: after its sources, and after what is searched in one of them."""
    if search in ("match", "compare"):
        return " against ".join(titles)
    return f"{', '.join(titles)}: {Path(identities).stem if identities else search}"


def check_same_search(worklist: "Worklist", name: str, search: str) -> None:
    """Refuse to record a search in a worklist of another one: all that it had found would count as fixed."""
    if name not in worklist.names():
        return
    before = json.loads(worklist.runs(name)["parameters"].iloc[-1]).get("search", search)
    if before != search:
        raise InputError(
            f"the worklist {name!r} is of --search {before}, and this is --search {search}, which would call all its "
            "gaps fixed; expected another --name"
        )


_FORMS = (
    (re.compile(r"(\w+): (.+), by names and values"), "columns, by names and values"),
    (re.compile(r"compared as (\w+) \((.+)\)"), "compared as"),
)


def in_short(notes: Sequence[str]) -> tuple[str, ...]:
    """Notes with those of one form, a line for each column, as one: what is to be borne in mind stands out."""
    rest, lines = list(notes), list[str]()
    for form, title in _FORMS:
        found = [match for note in rest if (match := form.fullmatch(note))]
        if len(found) > 1:
            lines.append(f"{title}: {'; '.join(f'{match[1]} ({match[2]})' for match in found)}")
            rest = [note for note in rest if not form.fullmatch(note)]
    return (*rest, *lines)


def with_new_notes(done: "RunResult", worklist: "Worklist") -> "RunResult":
    """A run with those of its notes that the run before it did not have: they were read."""
    before = {note for notes in worklist.runs(done.name)["notes"].tolist()[-2:-1] for note in notes}
    return replace(done, notes=in_short([note for note in done.notes if note not in before]))
