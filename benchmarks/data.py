"""Data: loads beside DuckDB, dirty government files, header mapping, Excel, repair, bank statements, databases.

The real files stand in the folder that FINLAB_TESTDATA names; without it, and without a PostgreSQL server, the rows
that need them are not measured and say so. The rows stand in `data_rows/`. That damaged files give a result or an
InputError is a test, not a benchmark.
"""

from data_rows.bank import bank_rows
from data_rows.databases import database_rows
from data_rows.excel import excel_rows
from data_rows.headers import mapping_rows
from data_rows.hospital import repair_rows
from data_rows.load import load_rows
from data_rows.spend import spend_rows
from harness import Row, main

PEERS = ("duckdb", "pandas", "polars", "openpyxl")


def measure(quick: bool) -> list[Row]:
    return [
        *load_rows(quick),
        *spend_rows(),
        *mapping_rows(),
        *excel_rows(quick),
        *repair_rows(),
        *bank_rows(quick),
        *database_rows(quick),
    ]


if __name__ == "__main__":
    main(measure, PEERS)
