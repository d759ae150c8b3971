"""Rows of two sides for tests: drawn by hypothesis, written by hand, searched."""

import duckdb
from hypothesis import settings
from hypothesis import strategies as st

from finlab.gaps.matching.candidates import Has, Window
from finlab.gaps.matching.search import Result, search
from finlab.gaps.matching.twins import Row, put
from finlab.gaps.matching.verdicts import Verdict, verdicts

CENTS = st.one_of(st.none(), st.integers(-300, 300), st.sampled_from([1000, 10_000, -1000, 2**60, -(2**60)]))
DAYS = st.one_of(st.none(), st.integers(-5, 60))
PARTIES = st.sampled_from(["", "a", "b"])
REFERENCES = st.sampled_from(["", "r1", "r2", "r3"])
TEXTS = st.sampled_from(["", "rent may", "rent june", "fee"])
ROWS = st.lists(st.builds(Row, CENTS, DAYS, PARTIES, REFERENCES, TEXTS, st.sampled_from(["", "EUR"])), max_size=12)
ALL = Has(day=True, party=True, reference=True, text=True, currency=True)
KNOWN = st.builds(Has, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
WINDOW = Window(-45, 45)
FEW = settings(max_examples=30)  # each example asks a database some fifty questions


def opened(left: list[Row], right: list[Row]) -> duckdb.DuckDBPyConnection:
    """A connection with the two sides."""
    connection = duckdb.connect(config={"threads": 1})
    put(connection, "l", left)
    put(connection, "r", right)
    return connection


def found(left: list[Row], right: list[Row], has: Has = ALL, window: Window = WINDOW) -> tuple[Result, list[Verdict]]:
    """Search two sides, and name what was found."""
    connection = opened(left, right)
    result = search(connection, has, window)
    return result, verdicts(connection, result)
