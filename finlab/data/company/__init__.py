"""A company to practise on: `company()` makes the books of a synthetic trading company, consistent to the cent.

Importing this package is cheap: each name is imported when it is first used.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finlab.data.company.generate import Company, company

_HOME = "finlab.data.company.generate"

__all__ = ["Company", "company"]


def __getattr__(name: str) -> object:
    """Import the room behind a public name the first time that the name is used."""
    if name not in __all__:
        raise AttributeError(f"module 'finlab.data.company' has no attribute {name!r}")
    value = getattr(_import_module(_HOME), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
