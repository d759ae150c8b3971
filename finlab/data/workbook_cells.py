"""Reads a workbook's cells in a process of its own and hands them over as pickles; `finlab.data.excel` starts it.

A plain module, since there is nothing to teach: python-calamine gives up by ending its process when a damaged or
hostile file asks for more memory than there is. Here that ends a child whose memory and time are limited. The module
runs as a script and imports nothing of finlab. It writes to its standard output, one pickle each: the list of sheets
(name, kind, visibility), then for each sheet asked for its frame (merged ranges, rows), its rows in pieces, and None; after the last sheet None again, so that a stream that breaks off is noticed.
"""

import pickle
import re
import resource
import sys
import zipfile
import zlib
from typing import Any, BinaryIO

PIECE_ROWS = 10_000
_NO_VALUE = re.compile(rb"(?:</f>|<f[^<>]*/>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Let the system end this process when it wants more than this."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def remarks(path: str) -> dict[str, int]:
    """Count what calamine does not tell: cells with an error, and formulas whose value was never computed."""
    found = {"errors": 0, "formulas": 0}
    try:
        with zipfile.ZipFile(path) as parts:
            for name in parts.namelist():
                if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                    content = parts.read(name)
                    found["errors"] += content.count(b' t="e"')
                    found["formulas"] += len(_NO_VALUE.findall(content)) if b"<f" in content else 0
                elif name == "content.xml":
                    found["errors"] += parts.read(name).count(b'calcext:value-type="error"')
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError):
        return found  # no archive (.xls), or one that calamine judges by itself
    return found


def send(out: BinaryIO, message: Any) -> None:
    pickle.dump(message, out, protocol=pickle.HIGHEST_PROTOCOL)


def send_book(path: str, wanted: list[str], out: BinaryIO) -> None:
    """Send the list of sheets, and the cells of those `wanted` (by name, "" for the first, "*" for all)."""
    from python_calamine import load_workbook

    book = load_workbook(path)
    sheets = [
        (sheet.name, str(sheet.typ).rpartition(".")[2], str(sheet.visible).rpartition(".")[2])
        for sheet in book.sheets_metadata
    ]
    names = [name for name, kind, _ in sheets if kind == "WorkSheet"]
    send(out, (sheets, remarks(path) if wanted else {}))
    wanted = names[:1] if wanted == [""] else names if wanted == ["*"] else wanted
    chosen = [name for name in wanted if name in names]
    for name in chosen:
        sheet = book.get_sheet_by_name(name)
        send(out, (name, list(sheet.merged_cell_ranges or [])))
        top, left = sheet.start or (0, 0)
        margin = [""] * left
        rows: list[list[Any]] = [[] for _ in range(top)]
        for row in sheet.to_python(skip_empty_area=True):
            rows.append(margin + row if margin else row)
            if len(rows) == PIECE_ROWS:
                send(out, rows)
                rows = []
        send(out, rows)
        send(out, None)
    send(out, None)
    out.flush()


def main(path: str, memory_bytes: str, cpu_seconds: str, *wanted: str) -> None:
    """Send the workbook, or one pickle with the kind and the words of what went wrong."""
    limit(int(memory_bytes), int(cpu_seconds))
    out = sys.stdout.buffer
    try:
        send_book(path, list(wanted), out)
    except BaseException as error:
        send(out, (type(error).__name__, str(error), "failed"))
        out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
