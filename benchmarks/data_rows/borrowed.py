"""What the tests have already: a writer of CAMT files that knows nothing of the reader, and a PostgreSQL server."""

import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[2] / "tests" / "data"
sys.path[:0] = [path for path in map(str, (_TESTS, _TESTS / "formats")) if path not in sys.path]

import camt_files  # noqa: E402
import postgres  # noqa: E402

__all__ = ["camt_files", "postgres"]
