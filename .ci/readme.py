"""Render README.md from nbs/index.ipynb: `readme.py --write`, or `--check` that it is fresh.

nbdev's own command needs Quarto, which no package registry carries; nbconvert writes the same Markdown.
"""

import difflib
import re
import sys
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = re.compile(r"^#\|\s*(hide|default_exp)\b", re.MULTILINE)
DIRECTIVE = re.compile(r"^#\|.*\n?", re.MULTILINE)


def shown(cell: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """The cell as a reader of the README sees it, or None for a hidden one."""
    if cell.cell_type == "code" and HIDDEN.search(cell.source):
        return None
    cell.source = DIRECTIVE.sub("", cell.source)
    for output in cell.get("outputs", []):
        if "text/plain" in output.get("data", {}):
            output.data = {"text/plain": output.data["text/plain"]}
    return cell


def render() -> str:
    """README.md as it follows from the notebook; links and pictures are relative to the project's root."""
    notebook = nbformat.read(ROOT / "nbs" / "index.ipynb", as_version=4)
    notebook.cells = [cell for cell in map(shown, notebook.cells) if cell is not None]
    body, _ = MarkdownExporter().from_notebook_node(notebook)
    body = re.sub(r"\]\((?!\.\./|https?:|#)", "](nbs/", body).replace("](../", "](")
    body = re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"
    return "<!-- Written from nbs/index.ipynb by `make readme`: edit the notebook. -->\n\n" + body


def main(argument: str) -> int:
    """0 when README.md is (now) what the notebook says."""
    readme = ROOT / "README.md"
    wanted = render()
    if argument == "--write":
        readme.write_text(wanted, encoding="utf-8")
        return 0
    found = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if found == wanted:
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(found.splitlines(True), wanted.splitlines(True), "README.md", "nbs/index.ipynb")
    )
    print("README.md is stale: run `make readme`")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) == 2 else "--check"))
