"""The data that reports stand on: the store, what can be loaded into it, and real series to try things on.

Importing this package is cheap: each name is imported when it is first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finlab.data import samples
    from finlab.data.contracts import Contract
    from finlab.data.fields import Field
    from finlab.data.sources import read_source
    from finlab.data.store import Store

_HOMES = {
    "Contract": "finlab.data.contracts:Contract",
    "Field": "finlab.data.fields:Field",
    "Store": "finlab.data.store:Store",
    "read_source": "finlab.data.sources:read_source",
    "samples": "finlab.data.samples",
}

__all__ = ["Contract", "Field", "Store", "read_source", "samples"]


def __getattr__(name: str) -> object:
    """Import the room behind a public name the first time that the name is used."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'finlab.data' has no attribute {name!r}")
    module, _, attribute = home.partition(":")
    found = _import_module(module)
    value = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
