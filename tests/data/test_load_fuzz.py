"""Damaged files of every format, loaded into one store: a sound account or an InputError, and the store as before."""

import io
import random
import re
import resource
import signal
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sound_files import BANK, SPEND, real_files, sqlite_file, written_files

from finlab.core.errors import InputError
from finlab.data.lease import lease
from finlab.data.store import Store

SECONDS = 10  # of computing: the bar is that no file hangs longer
WAIT_SECONDS = 100  # by the clock, on a busy machine
GROWTH_MIB = 1500  # more memory at its peak than before; the largest of these files has 20 MB
MESSAGE_CHARACTERS = 60_000  # a question about thousands of columns is long

# What happens to files on their way


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def lost_middle(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[start + draw.randrange(1, 500) :]


def flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 2, 10, 100])):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def zeros(data: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(data))
    return data[:place] + b"\0" * draw.choice([1, 3, 512, 4096]) + data[place:]


def overwritten(data: bytes, draw: random.Random) -> bytes:
    place, length = draw.randrange(len(data)), draw.choice([4, 64, 512])
    return data[:place] + draw.choice([b"\0" * length, draw.randbytes(length)]) + data[place + length :]


def reordered(data: bytes, draw: random.Random) -> bytes:
    kept = data.replace(b"><", b">\n<").splitlines(keepends=True)
    for _ in range(draw.choice([1, 1, 5])):
        place, other = draw.randrange(len(kept)), draw.randrange(len(kept))
        change = draw.choice(["twice", "gone", "swapped"])
        if change == "twice":
            kept.insert(place, kept[other])
        elif change == "gone" and len(kept) > 1:
            del kept[place]
        else:
            kept[place], kept[other] = kept[other], kept[place]
    return b"".join(kept)


def other_delimiters(data: bytes, draw: random.Random) -> bytes:
    before, after = draw.sample([b",", b";", b"\t", b"|", b":", b" ", b"\n"], 2)
    start = draw.choice([0, draw.randrange(len(data))])
    return data[:start] + data[start:].replace(before, after)


def other_encoding(data: bytes, draw: random.Random) -> bytes:
    text = data.decode("utf-8", "replace").replace("e", "é")
    name = draw.choice(["cp1252", "utf-16", "utf-16-be", "utf-32", "cp037", "gb18030", "shift_jis", "utf-8-sig"])
    half = draw.choice([0, len(text) // 2, len(text) - 20])
    return text[:half].encode() + text[half:].encode(name, "replace")


def mixed_ends(data: bytes, draw: random.Random) -> bytes:
    ends = [b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r\n", b"\x85", b"\x0b", b"\xe2\x80\xa8"]
    return b"".join(line + draw.choice(ends[: draw.choice([3, 8])]) for line in data.splitlines())


def long_field(data: bytes, draw: random.Random) -> bytes:
    place, length = draw.randrange(len(data)), draw.choice([70_000, 300_000, 1_100_000, 2_000_000])
    return data[:place] + draw.choice([b"x", b"1", b" ", b"\xe4", b'"', b"\n", b"<", b"0"]) * length + data[place:]


def open_quote(data: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.choice([1, 1, 3])):
        place = draw.randrange(len(data))
        data = data[:place] + draw.choice([b'"', b'""', b'"""', b"'", b'\\"']) + data[place:]
    return data


def odd_numbers(data: bytes, draw: random.Random) -> bytes:
    odd = [
        b"9" * 400,
        b"1e308",
        b"-0",
        b"NaN",
        b"Infinity",
        b"99991231",
        b"0000-00-00",
        b"1,2,3",
        b"\xc2\xa3-",
        b"=1+1",
    ]
    places = list(re.finditer(rb"\d+", data)) or [re.compile(b"").search(data)]
    for found in sorted(draw.sample(places, min(3, len(places))), key=lambda found: -found.start()):
        data = data[: found.start()] + draw.choice(odd) + data[found.end() :]
    return data


def nested(data: bytes, draw: random.Random) -> bytes:
    place, deep = draw.randrange(len(data)), draw.choice([60, 2_000, 50_000])
    return data[:place] + draw.choice([b"[", b'{"a":', b"<a>", b'[{"a":', b'"', b"("]) * deep + data[place:]


def many_columns(data: bytes, draw: random.Random) -> bytes:
    count = draw.choice([300, 3_000, 100_000])
    place = data.find(b"\n", draw.choice([0, 0, draw.randrange(len(data))]))
    return data[:place] + b"".join(b",c%d" % number for number in range(count)) + data[place:]


def another_file(data: bytes, draw: random.Random) -> bytes:
    other = draw.choice(
        [b"", b"\n", b"\0", b"%PDF-1.4\n", b"PK\x03\x04", b"\x1f\x8b\x08\0", b"<html><body>Sign in</body>"]
    )
    return other + draw.choice([b"", draw.randbytes(2000), data[: len(data) // 2]])


def inside(data: bytes, draw: random.Random) -> bytes:
    """Damage one part of a workbook, so that its check sums are right all the same; anything else is cut twice."""
    if not zipfile.is_zipfile(io.BytesIO(data)) or data[:2] != b"PK":
        return lost_middle(cut(data, draw) or b"x", draw)
    out, source = io.BytesIO(), zipfile.ZipFile(io.BytesIO(data))
    chosen = draw.choice(source.namelist())
    try:
        parts = {name: source.read(name) for name in source.namelist()}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError):  # it is damaged already
        return cut(data, draw)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            if name == chosen:
                damage = draw.choice([cut, flipped, reordered, zeros, odd_numbers, nested, long_field, lost_middle])
                content = damage(content, draw)
            target.writestr(name, content)
    return out.getvalue()


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    cut, lost_middle, flipped, zeros, overwritten, reordered, other_delimiters, other_encoding, mixed_ends, long_field,
    open_quote, odd_numbers, nested, another_file, inside, many_columns,
)  # fmt: skip
ENDINGS = (
    ".csv",
    ".tsv",
    ".json",
    ".jsonl",
    ".parquet",
    ".xlsx",
    ".xls",
    ".ods",
    ".sta",
    ".camt",
    ".ofx",
    ".xml",
    ".xbrl",
)
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {}, {}, {"encoding": "cp1252"}, {"encoding": "utf-16"}, {"delimiter": ";"}, {"header": False}, {"skip": 3},
    {"decimal": ","}, {"date_order": "dmy"}, {"date_format": "%d/%m/%Y"}, {"thousands": "."}, {"text": ["amount"]},
)  # fmt: skip


# What must hold after each of them


def inventory(store: Store) -> object:
    """All that a store holds, by counts and sums of hashes; the names of the files beside it."""
    held: dict[str, object] = {"files": sorted(path.name for path in store.path.parent.iterdir())}
    with lease(store.path) as connection:
        run = connection.execute
        held["views"] = run("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()
        for schema, name in run("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL").fetchall():
            place = f'"{schema}"."{name}"'
            held[place] = run(f"SELECT count(*), sum(CAST(hash(t) AS HUGEINT)) FROM {place} t").fetchall()
    return held


def check_account(store: Store, done: Any, contract: bool) -> None:
    """The three add up; the store holds the rows and the rejects that the result speaks of."""
    assert done.records == done.loaded + done.rejected + done.duplicates
    parts = store.parts(done.name)
    rows = int(store.sql(f"SELECT count(*) AS n FROM {done.name}")["n"][0])
    assert rows == done.rows and parts["loaded"].sum() == rows
    assert len(store.rejects(done.name)) == parts["rejected"].sum()
    if done.new and not contract:
        assert done.loaded == rows > 0


@contextmanager
def limited(told: str) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TimeoutError(f"{told}: more than {WAIT_SECONDS} s")

    before, started = signal.signal(signal.SIGALRM, ring), time.process_time()
    signal.alarm(WAIT_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert time.process_time() - started < SECONDS, told


class Case:
    """One damaged file, and how it is loaded; all of it follows from the number."""

    def __init__(self, number: int, samples: dict[str, bytes]) -> None:
        draw = self.draw = random.Random(number)
        names = list(samples)
        self.name = names[number % len(names)]
        damage = DAMAGES[number // len(names) % len(DAMAGES)]
        self.data = damage(samples[self.name], draw)
        if draw.random() < 0.15:
            self.data = draw.choice(DAMAGES)(self.data or b"x", draw)
        ending = draw.choice(ENDINGS) if draw.random() < 0.08 else ""
        self.file = f"{number % 7}{self.name}{ending}"
        spends = re.match(r"(dcms|dwp|moj)", self.name)
        self.contract = draw.choice([None, SPEND if spends else BANK])
        self.options = dict(draw.choice(OPTIONS)) if self.file.endswith(("csv", "tsv")) else {}
        self.told = f"case {number}: {self.name}, {damage.__name__}, {self.options}, {self.contract and 'contract'}"

    def load(self, store: Store, folder: Path) -> Any:
        path = folder / self.file
        path.write_bytes(self.data)
        source: Any = path
        options = self.options
        if self.name == "base.sqlite":
            source, options = f"sqlite:///{path}", {"table": "moves"}
        if self.contract is None:
            return store.load(source, "plain", **options)
        more = {"mapping": {"amount": "amount"}} if self.draw.random() < 0.3 else {}
        replace = self.draw.random() < 0.3
        return store.load(source, self.contract.name, contract=self.contract, replace=replace, **more, **options)


def torment(store: Store, folder: Path, samples: dict[str, bytes], numbers: range) -> Counter[str]:
    """Load one damaged file after the other, and count what comes of it."""
    outcomes: Counter[str] = Counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store.load(written_path(folder, "comma.csv"), "keep")
    before = inventory(store)
    for number in numbers:
        case = Case(number, samples)
        try:
            with limited(case.told):
                try:
                    done = case.load(store, folder)
                except InputError as error:
                    assert 0 < len(str(error)) < MESSAGE_CHARACTERS
                    done = None
            outcomes["refused" if done is None else "kept by contract" if case.contract else "kept"] += 1
            if done is None:
                assert inventory(store) == before
            else:
                outcomes["rejects"] += bool(done.rejected)
                check_account(store, done, case.contract is not None)
                before = inventory(store)
        except BaseException as error:
            error.add_note(case.told)
            raise
    assert len(store.table("keep")) == 28
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) >> 10
    assert grown < GROWTH_MIB
    return outcomes


def written_path(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(written_files()[name])
    return path


def all_samples(folder: Path, real: Path | None) -> dict[str, bytes]:
    base = sqlite_file(folder / "base.sqlite").read_bytes()
    return {**written_files(), "base.sqlite": base, **(real_files(real) if real else {})}


@pytest.fixture
def files(workbench: Path) -> Path:
    """A folder for the damaged files, apart from the store's."""
    folder = workbench / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def kept(workbench: Path) -> Store:
    """A store in a folder of its own, so that stray files beside it are seen."""
    return Store(workbench / "store" / "finlab.duckdb")


def test_the_sound_files_are_loaded(kept: Store, files: Path) -> None:
    samples = all_samples(files, None)
    for name in samples:
        path = files / name
        path.write_bytes(samples[name])
        source, options = (f"sqlite:///{path}", {"table": "moves"}) if name == "base.sqlite" else (path, {})
        done = kept.load(source, "plain", **options)
        assert done.loaded == done.records == done.rows > 0, name


@pytest.mark.slow
def test_damaged_files_leave_a_sound_store(kept: Store, files: Path) -> None:
    outcomes = torment(kept, files, all_samples(files, None), range(0, 15 * 15 * 7, 11))
    assert min(outcomes[what] for what in ("kept", "kept by contract", "refused", "rejects")) > 10


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_thousand_damaged_files_leave_a_sound_store(kept: Store, files: Path, testdata: Path) -> None:
    outcomes = torment(kept, files, all_samples(files, testdata), range(100_000, 102_000))
    assert outcomes["kept"] + outcomes["kept by contract"] + outcomes["refused"] == 2_000
    assert min(outcomes[what] for what in ("kept", "kept by contract", "refused", "rejects")) > 100
