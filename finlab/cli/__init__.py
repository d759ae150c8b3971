"""The command line: `finlab run / reports / forecast / data / gaps / init / lab / version`.

Plain modules, not notebooks: there is no method to teach here. Each command is thin;
what it does lives in a room below.
"""

from finlab.cli.app import main

__all__ = ["main"]
