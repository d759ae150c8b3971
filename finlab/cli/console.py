"""What commands take from and give to the person at the terminal: one-line messages, name=value options, tables."""

import contextlib
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from finlab.core.checks import check_choice
from finlab.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

WRITERS = {".parquet": "to_parquet", ".csv": "to_csv", ".json": "to_json"}
WIDEST_TEXT = 48  # characters of a cell that are shown
MOST_NOTES = 10  # lines of notes on a panel


class Outlet:
    """Standard output or error of a command, which ends as it would have ended if nobody reads or keeps what it says."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.problem: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """Be the stream in all other respects."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, if that can be done."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Hand on what waits, if that can be done."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[[], Any]) -> None:
        if self.problem is None:
            try:
                action()
            except OSError as problem:
                self.problem = problem
                with contextlib.suppress(OSError):  # what still waits in the stream goes nowhere when Python ends
                    nothing = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nothing, self._stream.fileno())
                    os.close(nothing)


def say(message: str) -> None:
    """A message to the person at the terminal, on standard error: standard output is for data."""
    print("\n".join(f"finlab: {line}" for line in message.splitlines()), file=sys.stderr)


def pairs(texts: list[str], option: str) -> dict[str, str]:
    """`["k=v", ...]` as a dictionary; InputError for a text that is not name=value, or a name given twice."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise InputError(f"{option} {text!r}: expected name=value, for example {option} horizon=12")
        if name.strip() in found:
            raise InputError(f"{option} {text!r}: {name.strip()} is given twice, with {found[name.strip()]!r} before")
        found[name.strip()] = value
    return found


def summarise_notes(notes: list[str], names: list[str], most: int = MOST_NOTES) -> list[str]:
    """Put the notes on many series into at most `most` lines: how many series, the first of them, the reason."""
    from finlab.reports.panel_figures import count_notes

    counted = count_notes(notes, names)
    lines = []
    for reason, found in counted[:most]:
        some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        lines.append(
            f"{len(found):,} series ({some}): {reason}" if len(found) > 1 else f"{some}: {reason}".lstrip(": ")
        )
    rest = sum(len(found) for _, found in counted[most:])
    return [*lines, f"... and {rest:,} more"] if rest else lines


def show(
    frame: "pd.DataFrame", rows: int = 60, missing: str = "", most: int = WIDEST_TEXT, *, titled: bool = False
) -> None:
    """Print a table, long texts cut; of a long table the first and last rows, and how many there are.

    On a terminal it is as wide as the terminal, in blocks of columns if need be; in a pipe it is as wide as it is.
    Texts stand to the left and numbers to the right; `missing` is written where nothing is, and of a text `most`
    characters. With `titled` the first column says what a line is about, and stands in every block.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    columns = [_written(frame.iloc[:, place], rows, missing, most) for place in range(frame.shape[1])]
    for number, block in enumerate(_blocks([text_width(column[0]) for column in columns], width, titled)):
        lines = zip(*(columns[place] for place in block), strict=True)
        print(*([""] if number else []), *("  ".join(cells).rstrip() for cells in lines), sep="\n")
    if len(frame) > rows:
        print(f"({len(frame):,} rows)")


def _blocks(widths: list[int], most: int | None, titled: bool) -> list[list[int]]:
    """Which columns stand beside each other, `most` characters wide; with `titled` the first one in every block."""
    blocks, taken = [list[int]()], 0
    for place, width in enumerate(widths):
        begun = blocks[-1] not in ([], [0]) if titled else bool(blocks[-1])
        if most and begun and taken + width > most:
            blocks.append([0] if titled else [])
            taken = widths[0] + 2 if titled else 0
        blocks[-1].append(place)
        taken += width + 2
    return [block for block in blocks if block]


def _written(column: "pd.Series", rows: int, missing: str, most: int) -> list[str]:
    """Write the name and the cells of a column, all equally wide; of many the first and the last, dots between."""
    from pandas.api.types import is_bool_dtype, is_datetime64_dtype, is_numeric_dtype

    known = column.dropna()
    if is_datetime64_dtype(column) and (known == known.dt.normalize()).all():
        column = column.dt.strftime("%Y-%m-%d")  # days, not moments
    exact = len(known) > 0 and all(isinstance(value, Decimal) for value in known)
    number = exact or (is_numeric_dtype(column) and not is_bool_dtype(column))
    parts = [column] if len(column) <= rows else [column.head(-(-rows // 2)), column.tail(rows // 2)]
    lost = [part.isna().tolist() for part in parts]
    if number and len(column):  # as many decimals in each as one of them needs
        shown = [part.to_string(index=False, header=False).split("\n") for part in parts]
    else:
        shown = [[on_one_line(value, most) for value in part] for part in parts]
    cells = [
        [missing if gone else text.strip() if number else text for text, gone in zip(texts, gaps, strict=True)]
        for texts, gaps in zip(shown, lost, strict=True)
    ]
    told = [on_one_line(column.name, most), *cells[0], *(["...", *cells[1]] if len(cells) > 1 else [])]
    widest = max(map(text_width, told))
    blanks = [" " * (widest - text_width(text)) for text in told]
    return [blank + text if number else text + blank for text, blank in zip(told, blanks, strict=True)]


def on_one_line(value: object, most: int = 10_000) -> str:
    """Write a cell so that nothing in it can act on a terminal, cut if it is long."""
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(value)[: 2 * most])
    return text if len(text) <= most else text[: most - 3] + "..."


def wrap(text: str, indent: str = "  ") -> str:
    """Break a line at the terminal's width, later lines set in; in a pipe it stays one line."""
    import textwrap

    safe = on_one_line(text)
    if not sys.stdout.isatty():
        return safe
    width = max(shutil.get_terminal_size().columns, 20)
    return textwrap.fill(safe, width, subsequent_indent=indent, break_on_hyphens=False)


def text_width(text: str) -> int:
    """Count the columns of a terminal that a text takes: Chinese characters take two."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def check_output(path: Path | None, source: str = "") -> None:
    """InputError unless `path` (or None) can be written: its format, its folder, and not over the `source` itself."""
    if path is None:
        return
    check_choice("output", path.suffix.lower(), list(WRITERS))
    try:
        if not path.absolute().parent.is_dir():
            raise InputError(f"output={str(path)!r}: the folder {path.absolute().parent} does not exist")
        over_source = path.exists() and Path(source).exists() and path.samefile(source)
    except OSError as error:
        raise InputError(f"output={str(path)!r}: cannot be written ({error.strerror})") from error
    if over_source:
        raise InputError(f"output={str(path)!r} is the source itself; expected another file")


def write_frame(frame: "pd.DataFrame", path: Path) -> None:
    """Write a table by the ending of `path`: to a temporary file beside it first, so that no half file is ever seen."""
    check_output(path)
    options: dict[str, object] = (
        {"orient": "records", "date_format": "iso"} if path.suffix.lower() == ".json" else {"index": False}
    )
    try:
        with NamedTemporaryFile(
            dir=path.absolute().parent, prefix=f".{path.name}.", suffix=path.suffix, delete=False
        ) as file:
            temporary = Path(file.name)
    except OSError as error:
        raise InputError(f"output={str(path)!r}: cannot be written ({error.strerror})") from error
    try:
        getattr(frame, WRITERS[path.suffix.lower()])(temporary, **options)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"output={str(path)!r}: cannot be written ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
