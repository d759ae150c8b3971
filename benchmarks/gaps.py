"""Gaps: comparisons by key, transactions matched without labels, planted gaps, identities, sums, information, scale.

The real files stand in the folder that FINLAB_TESTDATA names; without it the rows that need them are not measured and
say so. The rows stand in `gaps_rows/`.
"""

from gaps_rows.ambiguous import ambiguous_rows
from gaps_rows.compare import compare_rows
from gaps_rows.identities import identity_rows
from gaps_rows.information import information_rows
from gaps_rows.linked import linked_rows
from gaps_rows.planted import planted_rows
from gaps_rows.planted_books import book_rows
from gaps_rows.scale import scale_rows
from harness import Row, main

PEERS = ("duckdb", "pandas", "scipy", "splink", "datacompy")


FAMILIES = (
    compare_rows, linked_rows, planted_rows, book_rows, identity_rows, ambiguous_rows, information_rows, scale_rows,
)  # fmt: skip


def measure(quick: bool) -> list[Row]:
    return [row for rows in FAMILIES for row in rows(quick)]


if __name__ == "__main__":
    main(measure, PEERS)
