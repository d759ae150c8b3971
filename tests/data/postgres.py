"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket there, never as root."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

DEBIAN = Path("/usr/lib/postgresql")
PASSWORD = "s3cret/p@ss"
QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c listen_addresses='' -c max_connections=20"


def find_binaries() -> Path:
    """The folder with initdb and pg_ctl: on the PATH, or where Debian's package `postgresql` puts it; else a skip."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(DEBIAN.glob("*/bin"), key=lambda path: int("0" + path.parent.name.split(".")[0]), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    pytest.skip("no PostgreSQL server is installed (Debian's package postgresql)")


def _other_user() -> str | None:
    """Whom the server runs as: it refuses to be root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    pytest.skip("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")


class Server:
    """A server that runs; `url` reaches it, `stop` and `start` do what they say."""

    def __init__(self, folder: Path, binaries: Path, user: str | None) -> None:
        self.folder = folder
        self._binaries = binaries
        self._user = user
        self.url = URL.create("postgresql", "ledger", PASSWORD, database="books", query={"host": str(folder)})

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(
            command, user=self._user, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stdout}")

    def make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        if self._user:
            shutil.chown(secret, self._user)
        options = ("--auth=scram-sha-256", "--username=ledger", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync")
        self.run("initdb", "-D", str(self.folder / "data"), *options, "--locale=C.UTF-8")

    def start(self) -> None:
        options = f"{QUICK} -c unix_socket_directories={self.folder}"
        log = str(self.folder / "log")
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-w", "-t", "60", "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server with an empty database `books`; it stops, and its folder goes, at the end of the block."""
    from finlab.data.databases import open_engine

    binaries, user = find_binaries(), _other_user()
    with tempfile.TemporaryDirectory(prefix="finlab-pg-", dir="/tmp") as name:  # a socket's path is at most 107 bytes
        folder = Path(name)
        if user:
            shutil.chown(folder, user)
        server = Server(folder, binaries, user)
        server.make()
        server.start()
        try:
            engine = open_engine(server.url.set(database="postgres")).execution_options(isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.exec_driver_sql("CREATE DATABASE books")
            yield server
        finally:
            server.stop()
