"""Rendering in a process of its own, away from whatever the cells of a report did to theirs.

A plain module, not a notebook: it calls the room `render` and hands the page over.
"""

from collections.abc import Mapping
from typing import Any

from finlab.reports import gap_words as _gap_words  # noqa: F401 (importing it enters the words of a report)
from finlab.reports import inventory_words as _inventory_words  # noqa: F401
from finlab.reports import wording as _wording  # noqa: F401
from finlab.reports.render import render_page, theme

theme()


def paint(task: Mapping[str, Any]) -> dict[str, Any]:
    """Render the page that `task` describes: its notebook, the record of the run, and the language."""
    page = render_page(task["notebook"], provenance=task["record"], lang=task["lang"])
    return {"html": page.html, "title": page.title, "problems": page.problems}
