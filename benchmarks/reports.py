"""Reports: speed beside papermill and nbconvert, the page, outputs, faults, forks, and a thousand reports in a row.

The rows stand in `reports_rows/`. Small file systems are mounted for two faults, which root alone may do; a browser is
needed for axe. Rows that lack what they need are not measured and say so.
"""

from harness import Row, main
from reports_rows.faults import fault_rows
from reports_rows.forks import fork_rows
from reports_rows.outputs import output_rows
from reports_rows.page import page_rows
from reports_rows.speed import speed_rows

PEERS = ("papermill", "nbconvert", "nbclient", "ipykernel", "sktime", "seaborn", "pandas", "jax", "torch")
FAMILIES = (speed_rows, page_rows, output_rows, fault_rows, fork_rows)


def measure(quick: bool) -> list[Row]:
    return [row for rows in FAMILIES for row in rows(quick)]


if __name__ == "__main__":
    main(measure, PEERS)
