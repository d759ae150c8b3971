"""The searches of `finlab gaps run`: what tables each takes, and its options, which a person types as texts."""

import csv
import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from finlab.core.checks import check_choice, did_you_mean, listed
from finlab.core.errors import InputError
from finlab.core.progress import progress

if TYPE_CHECKING:
    import pyarrow as pa

    from finlab.gaps.checking.identity import Identity
    from finlab.gaps.record import Gaps

Tables = Mapping[str, "pa.Table"]
Options = Mapping[str, Any]


class Found(NamedTuple):
    """What a search found, in one sentence how well the sources agree, and which columns say the same, by what it is."""

    gaps: "Gaps"
    summary: str
    roles: Mapping[str, tuple[str, str]] = {}


class Asked(NamedTuple):
    """What a person asks of a search: its tables by their names, its options, a key, identities."""

    tables: Tables
    options: Options
    key: tuple[str, ...] = ()
    identities: str = ""


class Search(NamedTuple):
    """A search: what it finds, its options with how each is read, those it needs, and how many tables it takes."""

    says: str
    find: Callable[[Asked], Found]
    options: Mapping[str, Callable[[str, str], Any]]
    needs: tuple[str, ...] = ()
    tables: tuple[int, int | None] = (1, 1)
    keyed: bool = True


# How options are read


def _text(name: str, text: str) -> str:
    if not text.strip():
        raise InputError.of(f"-o {name}", text, "a text")
    return text.strip()


def names_in(option: str, text: str) -> tuple[str, ...]:
    """Names with commas between them; one that has a comma itself stands in quotation marks, as in a CSV file."""
    found = tuple(one.strip() for one in next(csv.reader([text], skipinitialspace=True), []))
    if not found or not all(found):
        raise InputError.of(option, text, "a name, or several with commas between them")
    return found


def _names(name: str, text: str) -> tuple[str, ...]:
    return names_in(f"-o {name}", text)


def _role(name: str, text: str) -> str | tuple[str, str]:
    """The column that plays a role: one name for both tables, LEFT,RIGHT, or - for none."""
    found = _names(name, text)
    match found:
        case ("-",):
            return ""
        case (one,):
            return one
        case (left, right):
            return left, right
    raise InputError.of(f"-o {name}", text, "the name of a column, or two, LEFT,RIGHT; - for none")


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError.of(f"-o {name}", text, "a whole number: units of the last digit, such as 1 cent") from None


def _number(name: str, text: str) -> Decimal:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise InputError.of(f"-o {name}", text, "a number, such as 0.05") from None


def _share(name: str, text: str) -> float:
    return float(_number(name, text))


def _days(name: str, text: str) -> tuple[int, int]:
    """The first and the last day on which the right row may come after the left one."""
    try:
        first, last = map(int, text.split(","))
    except ValueError:
        raise InputError.of(f"-o {name}", text, "two whole numbers of days, such as -3,30") from None
    return first, last


def _by_column(name: str, text: str) -> dict[str, str]:
    """COLUMN:VALUE pairs with commas between them."""
    found = dict[str, str]()
    for part in _names(name, text):
        column, sign, value = part.rpartition(":")
        if not sign or not column.strip() or not value.strip() or column.strip() in found:
            raise InputError.of(f"-o {name}", text, "COLUMN:VALUE, several with commas between them, each column once")
        found[column.strip()] = value.strip()
    return found


def _numbers(name: str, text: str) -> dict[str, Decimal]:
    return {column: _number(name, value) for column, value in _by_column(name, text).items()}


def _table(name: str, text: str) -> Any:
    from finlab.gaps.workflow.exhibits import read_side

    return read_side(_text(name, text)).table


# The searches


def _call(module: str, name: str) -> Any:
    """A function of finlab.gaps, imported when it is needed: the command line starts without it."""
    return getattr(importlib.import_module(f"finlab.gaps.{module}"), name)


@contextmanager
def _one_step(title: str) -> Iterator[None]:
    """Show that a search is at work which shows no steps of its own."""
    with progress(total=1, title=title) as line:
        yield
        line.advance()


def _is_code(text: str, tables: Tables) -> bool:
    """Whether a text is the code of a currency rather than the name of a column."""
    return (
        len(text) == 3
        and text.isalpha()
        and text.isupper()
        and all(text not in one.column_names for one in tables.values())
    )


def _match(asked: Asked) -> Found:
    from finlab.gaps.matching.books import Rates
    from finlab.gaps.matching.roles import ROLES, Roles
    from finlab.gaps.record import Gaps

    left, right = asked.tables.values()
    said = {name: value for name, value in asked.options.items() if name not in ("rates", "base")}
    roles = {name: said.pop(name) for name in ROLES if name in said}
    if isinstance(roles.get("currency"), str) and _is_code(roles["currency"], asked.tables):
        said["currency"] = roles.pop("currency")
    if ("rates" in asked.options) != ("base" in asked.options):
        raise InputError("-o rates=FILE and -o base=EUR belong together: a rate is how much of base one unit is worth")
    if "rates" in asked.options:
        said["rates"] = Rates(table=asked.options["rates"].to_pandas(), base=asked.options["base"])
    said.setdefault("as_of", datetime.now(UTC).date())  # a worklist counts ages until today
    found = _call("match", "match")(left, right, Roles(**roles), names=tuple(asked.tables), **said)
    gaps = Gaps(found.gaps.arrow, found.gaps.records, (*found.gaps.notes, *found.notes))
    return Found(gaps, found.summary(), {role: tuple(pair) for role, pair in found.roles.items()})


def _compare(asked: Asked) -> Found:
    from finlab.gaps.comparing.readings import KINDS, Reading

    said, (left, right) = dict(asked.options), asked.tables.values()
    others, kinds = said.pop("columns", {}), said.pop("kinds", {})
    for column, kind in kinds.items():
        check_choice(f"-o kinds={column}", kind, KINDS)
    columns: dict[str, Any] = {
        name: Reading(kind=kinds.get(name, ""), other=others.get(name, "")) for name in {**others, **kinds}
    }
    columns |= dict.fromkeys(said.pop("without", ()))
    try:
        with _one_step("comparing"):
            gaps = _call("compare", "compare")(
                left, right, on=list(asked.key) or None, names=tuple(asked.tables), columns=columns or None, **said
            )
    except InputError as error:
        lost = _lost_key(asked, others) if str(error).startswith("on=: the comparison has no column") else ""
        raise InputError(lost or str(error)) from None
    return Found(gaps, gaps.summary(), {name: (name, other) for name, other in others.items()})


def _lost_key(asked: Asked, others: Mapping[str, str]) -> str:
    """Say which table lacks the first column of a key that is not in both, and how columns are paired; else nothing."""
    (left, one), (right, other) = ((name, table.column_names) for name, table in asked.tables.items())
    for column in asked.key:
        there, called = column in one, others.get(column, column)
        if not there and called not in other:
            near = did_you_mean(column, [*one, *other])
            return f"--key {column}: {left} and {right} have no column {column!r}; {left} has {listed(one)}{near}"
        if not there:
            pair = f"say --key NAME -o columns=NAME:{column}"
            return f"--key {column}: {left} has no column {column!r}, which {right} has; {_pairing(left, one, pair)}"
        if called not in other:
            pair = f"say -o columns={column}:NAME"
            return f"--key {column}: {right} has no column {called!r}, which {left} has; {_pairing(right, other, pair)}"
    return ""


def _pairing(source: str, columns: Sequence[str], pair: str) -> str:
    return f"{source} has {listed(columns)}; if one of these is the same under another NAME, {pair}"


_FACTS = dict.fromkeys(("item", "value", "start", "end", "unit", "dimensions"), _text)


def _facts(asked: Asked) -> Any:
    from finlab.gaps.checking.identity import Facts

    named = {
        name: "" if asked.options[name] == "-" else asked.options[name] for name in _FACTS if name in asked.options
    }
    return Facts(next(iter(asked.tables.values())), key=asked.key, **named)


def _identities(asked: Asked) -> Found:
    claims, name = identities_of(asked.identities), asked.identities
    tables: Any = dict(asked.tables)
    facts = name == "us-gaap" or any(option in asked.options for option in _FACTS)
    if facts and len(tables) > 1:
        raise InputError(f"--identities {name}: facts lie in one table; {len(tables)} are given")
    if facts:
        tables = {next(iter(tables)): _facts(asked)}
    if not is_file(name):
        some = _call("checking.identity_catalogue", "applicable")(claims, tables)
        if not some:
            has = "; ".join(f"{title} has {listed(table.column_names)}" for title, table in asked.tables.items())
            needed = "; ".join(claim.formula for claim in claims[:3])
            raise InputError(f"--identities {name}: none fits: {has}; expected columns as in {needed}")
        claims = some
    said = {option: asked.options[option] for option in ("period", "currency") if option in asked.options}
    report = _call("identities", "check")(claims, tables, key=() if facts else asked.key, **said)
    return Found(_noted(report), str(report).split("\nnote: ")[0])


def _noted(report: Any) -> "Gaps":
    from finlab.gaps.record import Gaps

    notes = tuple(f"{line.identity.name}: {note}" for line in report.lines for note in line.notes)
    return Gaps(report.gaps.arrow, report.gaps.records, (*report.gaps.notes, *notes))


def is_file(identities: str) -> bool:
    """Whether identities are one's own, in a file, rather than those of the catalogue."""
    return identities.endswith(".toml") or Path(identities).is_file()


def identities_of(name: str) -> "Sequence[Identity]":
    """The identities of the catalogue, or of a TOML file; InputError for what is neither."""
    from finlab.gaps.checking.identity_catalogue import CATALOGUE, read_identities

    if is_file(name):
        return read_identities(name)
    if name not in CATALOGUE:
        expected = f"one of {', '.join(CATALOGUE)}, or a TOML file of your own{did_you_mean(name, CATALOGUE)}"
        raise InputError.of("--identities", name, expected)
    return CATALOGUE[name]


def _moved(function: str) -> Callable[[Asked], Found]:
    def find(asked: Asked) -> Found:
        ((name, table),) = asked.tables.items()
        with _one_step("searching"):
            gaps = _call("movements", function)(table, key=asked.key, name=name, **asked.options)
        return Found(gaps, gaps.summary())

    return find


def _restated(asked: Asked) -> Found:
    said = {name: value for name, value in asked.options.items() if name not in _FACTS}
    with _one_step("searching"):
        gaps = _call("restated", "restated")(_facts(asked), name=next(iter(asked.tables)), **said)
    return Found(gaps, gaps.summary())


def _conflicts(asked: Asked) -> Found:
    said = {name: asked.options[name] for name in ("source", "attribute", "value") if name in asked.options}
    if len(said["source"]) == 1:
        said["source"] = said["source"][0]
    if not asked.key:
        raise InputError("--search conflicts: say with --key which columns name the entity that sources speak of")
    (table,) = asked.tables.values()
    judged = _call("truth", "truth")(table, entity=asked.key, **said)
    gaps = judged.gaps(**{name: value for name, value in asked.options.items() if name not in said})
    return Found(gaps, judged.summary())


_ROLES = dict.fromkeys(("amount", "date", "party", "reference", "text", "currency"), _role)
_SERIES = {"value": _text, "period": _text, "currency": _text, "often": _share}
SEARCHES: dict[str, Search] = {
    "match": Search(
        "two tables without a common key",
        _match,
        {**_ROLES, "window": _days, "tolerance": _whole, "as_of": _text, "rates": _table, "base": _text},
        tables=(2, 2),
        keyed=False,
    ),
    "compare": Search(
        "two tables with a common --key",
        _compare,
        {
            **dict.fromkeys(("amount", "date", "currency"), _text),
            "tolerances": _numbers,
            "columns": _by_column,
            "without": _names,
            "kinds": _by_column,
            "rates": _table,
        },
        tables=(2, 2),
    ),
    "identities": Search(
        "formulas that must hold, by --identities",
        _identities,
        {"period": _text, "currency": _text, **_FACTS},
        tables=(1, None),
    ),
    "stale": Search("values that have not moved although they should", _moved("stale"), _SERIES, ("value", "period")),
    "scaled": Search("values off by a power of ten", _moved("scaled"), _SERIES, ("value", "period")),
    "restated": Search("facts reported again with another value", _restated, {"filed": _text, "by": _names, **_FACTS}),
    "conflicts": Search(
        "what many sources say of the same --key",
        _conflicts,
        {
            **dict.fromkeys(("source", "attribute", "money"), _names),
            **dict.fromkeys(("value", "each", "currency", "period"), _text),
        },
        ("source",),
    ),
}


def search_named(search: str | None, key: Sequence[str], identities: str | None) -> str:
    """Which search is meant: the one that is named, or the one that a key or identities ask for."""
    meant = "identities" if identities else "compare" if key else "match"
    name = meant if search is None else check_choice("--search", search, SEARCHES)
    if (name == "identities") != bool(identities):
        raise InputError(f"--search {name} and --identities {identities or '...'}: identities are checked by formulas")
    if key and not SEARCHES[name].keyed:
        raise InputError(f"--search {name} needs no --key; expected --search compare with it")
    return name


_WORDS = {  # of the library, and how the same is said at the command line
    r"say columns=\{name: Reading\(other=name\)\}": "say -o columns=LEFT:RIGHT",
    r"say amount=\.\.\., a name or \(left, right\)": "say -o amount=COLUMN or -o amount=LEFT,RIGHT",
    r"^on=: the comparison has": "--key: what both tables have in common has",
    r"^(\w+)=: the comparison has": r"-o \1: what both tables have in common has",
    r"look at on= and columns=": "look at --key and -o without",
    r"on is not given": "--key is not given",
    r"expected Identity\(key=\.\.\.\)": "expected --key",
}


def in_words_of_options(message: str) -> str:
    """Say a message of a search in the words of the command line."""
    for pattern, words in _WORDS.items():
        message = re.sub(pattern, words, message)
    return message


def read_options(name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """The options of a search; InputError for one that it does not have, with the nearest, and for one that it lacks."""
    search = SEARCHES[name]
    for option in texts:
        if option not in search.options:
            near = did_you_mean(option, search.options)
            raise InputError(f"-o {option}: --search {name} has {', '.join(search.options)}{near}")
    lost = [option for option in search.needs if option not in texts]
    if lost:
        raise InputError(f"--search {name}: say {' and '.join(f'-o {option}=COLUMN' for option in lost)}")
    return {option: search.options[option](option, text) for option, text in texts.items()}


def search_gaps(name: str, asked: Asked) -> Found:
    """Search tables for gaps; what is wrong is said in the words of the command line."""
    try:
        return SEARCHES[name].find(asked)
    except InputError as error:
        raise InputError(in_words_of_options(str(error))) from None


def check_count(name: str, count: int) -> None:
    """Refuse more or fewer tables than a search takes."""
    least, most = SEARCHES[name].tables
    if count < least or (most is not None and count > most):
        wanted = {(1, 1): "one table", (2, 2): "two tables, LEFT and RIGHT", (1, None): "one table or more"}[
            least, most
        ]
        raise InputError(f"--search {name} ({SEARCHES[name].says}): {count:,} given; expected {wanted}")
