"""What commands take from and give to the person at the terminal: one-line messages, name=value options, tables."""

import os
import shutil
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from finlab.core.checks import check_choice
from finlab.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

WRITERS = {".parquet": "to_parquet", ".csv": "to_csv", ".json": "to_json"}
WIDEST_TEXT = 48  # characters of a cell that are shown
MOST_NOTES = 10  # lines of notes on a panel


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


def show(frame: "pd.DataFrame", rows: int = 60) -> None:
    """Print a table, long texts cut; of a long table the first and last rows, and how many there are.

    On a terminal it is as wide as the terminal, in blocks of columns if need be; in a pipe it is as wide as it is.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    print(frame.to_string(index=False, line_width=width, max_rows=rows, max_colwidth=WIDEST_TEXT))
    if len(frame) > rows:
        print(f"({len(frame):,} rows)")


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
