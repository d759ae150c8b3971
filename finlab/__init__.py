"""A Jupyter-notebook research workbench for finance: one store, honest forecasts, reports a manager can trust.

Modules:

- `finlab.data.workbook_cells`: Reads a workbook's cells in a process of its own and hands them over as pickles; `finlab.data.excel` starts it.
- `finlab.reports.running.child`: What a forked process does: it settles, reads its task, and runs the cells of one notebook or renders one page.
- `finlab.reports.running.memory`: How much memory a report and what it has started take, as Linux tells it.
- `finlab.reports.running.papermill`: finlab as an engine of papermill: `papermill --engine finlab in.ipynb out.ipynb`.
- `finlab.reports.running.shell`: A kernel without sockets: ipykernel's own shell, whose messages are handed to a function of ours.
- `finlab.reports.running.template`: The template process: it has imported the heavy libraries, has run nothing, and is forked for every report.
- `finlab.reports.running.watch`: One report under watch: its messages, its output, its time and its memory, until its end is known."""

__version__ = "0.1.0"

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finlab import core, data, forecast, reports
    from finlab.core.compute import enable_compile_cache
    from finlab.core.errors import FinlabError, InputError, ReportError, StoreError
    from finlab.core.settings import settings
    from finlab.data import samples
    from finlab.data.store import Store
    from finlab.reports import page as report
    from finlab.reports.run import run

_HOMES = {
    "FinlabError": "finlab.core.errors:FinlabError",
    "InputError": "finlab.core.errors:InputError",
    "ReportError": "finlab.core.errors:ReportError",
    "StoreError": "finlab.core.errors:StoreError",
    "Store": "finlab.data.store:Store",
    "enable_compile_cache": "finlab.core.compute:enable_compile_cache",
    "report": "finlab.reports.page",
    "run": "finlab.reports.run:run",
    "samples": "finlab.data.samples",
    "settings": "finlab.core.settings:settings",
    "core": "finlab.core",
    "data": "finlab.data",
    "forecast": "finlab.forecast",
    "reports": "finlab.reports",
}

__all__ = [
    "FinlabError",
    "InputError",
    "ReportError",
    "Store",
    "StoreError",
    "core",
    "data",
    "enable_compile_cache",
    "forecast",
    "report",
    "reports",
    "run",
    "samples",
    "settings",
]


def __getattr__(name: str) -> object:
    """Import the room behind a public name the first time that the name is used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'finlab' has no attribute {name!r}")
    module, _, attribute = home.partition(":")
    found = _import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
