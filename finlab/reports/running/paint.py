"""Rendering in a process of its own, away from whatever the cells of a report did to theirs.

A plain module, not a notebook: it calls the room `render` and hands the page over.
"""

from collections.abc import Mapping
from typing import Any

from finlab.reports import gap_words as _gap_words  # noqa: F401 (importing it enters the words of a report)
from finlab.reports import inventory_words as _inventory_words  # noqa: F401
from finlab.reports import wording as _wording  # noqa: F401
from finlab.reports.render import render_page

TABLE = {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<table><tr><td>1</td></tr></table>"}}
EXAMPLE = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# Words\n\n- *one*, **two**[^1]\n\n[^1]: A note."},
        {"cell_type": "code", "metadata": {}, "source": "1", "execution_count": 1, "outputs": [TABLE]},
    ],
}


def paint(task: Mapping[str, Any]) -> dict[str, Any]:
    """Render the page that `task` describes: its notebook, the record of the run, and the language."""
    page = render_page(task["notebook"], provenance=task["record"], lang=task["lang"])
    return {"html": page.html, "title": page.title, "problems": page.problems}


# One page at once: parsers, patterns and templates are then there in every fork.
paint({"notebook": EXAMPLE, "record": None, "lang": "en"})
