"""Where a notebook runs: in a fork of the template process, or, where it needs one, in a kernel.

A plain module, not a notebook: it chooses and hands on. For papermill see `finlab.reports.running.papermill`.
"""

import ast
import json
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from finlab.core.errors import ReportError
from finlab.reports.languages import language_of
from finlab.reports.running.ends import KILLED, Failure, Outcome
from finlab.reports.running.forks import Child, Template, read_line
from finlab.reports.running.template import readable
from finlab.reports.running.watch import CHUNK, Keeper, Plan, Watch, may_raise, runs

INLINE = "module://matplotlib_inline.backend_inline"  # else charts are drawn nowhere, and nothing says so
WIDGETS = frozenset({"ipywidgets", "ipyleaflet", "bqplot", "ipympl", "anywidget", "itables", "tqdm.notebook"})
PAINT_SECONDS = 600  # for a page; the largest take a few
SEEDS = 2**32  # NumPy's old generator takes no more


def new_seed() -> int:
    """Draw a seed."""
    return secrets.randbelow(SEEDS)


def template_env(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a template process: the caller's, and the backend of charts, before pyplot is imported."""
    return {**env, "MPLBACKEND": INLINE, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def imports_of(notebook: Mapping[str, Any]) -> list[str]:
    """List the modules that the cells of a notebook import, as far as their code can be read."""
    found = dict[str, None]()
    for cell in notebook["cells"]:
        if runs(cell):
            found |= dict.fromkeys(_imports("".join(cell["source"])))
    return list(found)


@lru_cache(maxsize=1_000)
def _imports(source: str) -> tuple[str, ...]:
    return tuple(_read_imports(source))


def _read_imports(source: str) -> Iterator[str]:
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!", "?"))]
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needs_kernel(notebook: Mapping[str, Any], kernel_name: str | None = None) -> str:
    """Say why a notebook cannot run in a fork; empty if it can."""
    if sys.platform != "linux":
        return "processes are forked on Linux only"
    spec = notebook.get("metadata", {}).get("kernelspec", {})
    if (language := language_of(notebook)) != "python":
        return f"its language is {language}"
    if kernel_name and not kernel_name.startswith("python") and kernel_name != spec.get("name"):
        return f"the kernel {kernel_name} is asked for"
    wanted = sorted(WIDGETS.intersection(part for name in imports_of(notebook) for part in (name, name.split(".")[0])))
    return f"it has widgets ({', '.join(wanted)})" if wanted else ""


def run_in_fork(template: Template, notebook: Any, plan: Plan, keeper: Keeper) -> Outcome:
    """Run the cells of `notebook` (changed in place) in a fork of `template`."""
    cells = [
        {"index": place, "source": cell["source"], "id": cell.get("id"), "may_raise": may_raise(cell)}
        for place, cell in enumerate(notebook["cells"])
        if runs(cell)
    ]
    task = {
        "task": "notebook",
        "cells": cells,
        "env": template_env(plan.env),
        "cwd": str(plan.cwd),
        "temporary": str(plan.place.temporary),
        "stack": str(plan.place.stack),
        "seed": plan.seed,
        "charts": plan.charts,
        "threads": int(plan.env.get("OPENBLAS_NUM_THREADS") or plan.env.get("OMP_NUM_THREADS") or 0) or None,
    }
    try:
        child = template.fork()
    except OSError as problem:
        return Outcome(notebook, Failure(None, "NotStarted", str(problem), "start"))
    with child:
        _send(child, task)
        return Watch(child, notebook, plan.limits, keeper, plan.place.stack).follow()


def _send(child: Child, task: Mapping[str, Any]) -> None:
    try:
        child.line.sendall(json.dumps(task).encode() + b"\n")
    except OSError:  # it is gone already: the watch will tell how
        return


def paint_in_fork(template: Template, notebook: Any, record: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Render a page in a fork of `template`: its html, its title and the problems; ReportError if that fails."""
    try:
        child = template.fork()
    except OSError as problem:
        raise ReportError(f"the page cannot be rendered: {problem}", exit_code=KILLED) from None
    with child:
        _send(child, {"task": "page", "notebook": notebook, "record": record, "lang": lang})
        read, words = _answer(child)
        if not read.endswith(b"\n"):
            ended = read_line(child.end, 1)
            told = f"with code {ended.get('code')}" + (f" ({words})" if words else "")
            raise ReportError(f"the page cannot be rendered: its process ended {told}", exit_code=KILLED)
    return json.loads(read)


def _answer(child: Child) -> tuple[bytes, str]:
    """Take what a process has to say, until it says no more or time is up; and its last words on standard error."""
    parts: dict[int, bytearray] = {one: bytearray() for one in (child.line.fileno(), child.out, child.err)}
    open_still, until = set(parts), time.monotonic() + PAINT_SECONDS
    while child.line.fileno() in open_still:
        ready = readable(open_still, until - time.monotonic())
        if not ready:
            return b"", f"it took longer than {PAINT_SECONDS} seconds"
        for one in ready:
            part = _read(one)
            parts[one] += part
            open_still -= set() if part else {one}
    words = parts[child.err].decode(errors="replace").strip().split("\n")[-1]
    return bytes(parts[child.line.fileno()]), words[:300]


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError:
        return b""
