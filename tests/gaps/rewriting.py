"""The same table in other clothes: rows shuffled, types and text formats changed, and nothing else."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

DAYS = ("%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%Y-%m-%d")


def _amount(style: int) -> Callable[[Any], Any]:
    def write(value: Any) -> Any:
        exact = Decimal(str(value))
        digits = max(-int(exact.as_tuple().exponent), 0)
        text, minus = f"{abs(exact):,.{digits}f}", "-" if exact < 0 else ""
        german = text.translate(str.maketrans(",.", ".,"))
        return [minus + text, minus + german, f"({text})" if minus else text, float(exact)][style]

    return write


def _whole(style: int) -> Callable[[int], Any]:
    return [str, lambda value: f"{value:08d}", float, lambda value: f"{value:,}"][style]


def _text(style: int) -> Callable[[str], str]:
    return [
        str.upper,
        lambda text: f" {text} ",
        lambda text: text.replace(" ", "  "),
        lambda text: "\u200b" + text,
    ][style]


def _writer(column: pd.Series, style: int) -> Callable[[Any], Any]:
    """How a column of a table is written in the copy."""
    kind, first = str(column.dtype), column.dropna().head(1).tolist()
    if kind.startswith("datetime"):
        clock = "" if (column.dropna() == column.dropna().dt.normalize()).all() else " %H:%M:%S"
        return lambda value: value.strftime(DAYS[style if not clock or style != 2 else 3] + clock)
    if first and isinstance(first[0], date):
        return lambda value: value.strftime(DAYS[style])
    if kind == "bool":
        return lambda value: ("No", "Yes")[value] if style < 2 else int(value)
    if kind == "int64":
        return _whole(style)
    if "decimal" in kind or kind == "float64":
        return _amount(style)
    return _text(style)


def rewritten(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Copy a table with its rows shuffled and each column in a type and a format of its own."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name in table.columns:
        style = int(rng.integers(0, 4))
        write, empty = _writer(table[name], style), "" if style else None
        pairs = zip(table[name].tolist(), table[name].isna().tolist(), strict=True)
        columns[name] = [empty if missing else write(value) for value, missing in pairs]
    copy = pd.DataFrame({name: pd.Series(values, dtype=_type(values)) for name, values in columns.items()})
    return copy.sample(frac=1, random_state=seed).reset_index(drop=True)


def _type(values: list[Any]) -> Any:
    return float if values and all(value is None or isinstance(value, float) for value in values) else None
