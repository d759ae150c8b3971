"""Gaps: planted gaps found again, bank transactions matched without labels, ambiguous sums, scale.

The real files stand in the folder that FINLAB_TESTDATA names; without it the rows that need them are not measured and
say so. The rows stand in `gaps_rows/`.
"""

from gaps_rows.ambiguous import ambiguous_rows
from gaps_rows.linked import linked_rows
from gaps_rows.planted import planted_rows
from gaps_rows.planted_books import book_rows
from gaps_rows.scale import scale_rows
from harness import Row, main

PEERS = ("duckdb", "pandas", "scipy", "splink", "datacompy")


def measure(quick: bool) -> list[Row]:
    rows = [*planted_rows(quick), *book_rows(quick), *ambiguous_rows(quick)]
    return [*rows, *linked_rows(quick), *scale_rows(quick)]


if __name__ == "__main__":
    main(measure, PEERS)
