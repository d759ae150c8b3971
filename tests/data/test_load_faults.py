"""What may happen to a load: files that end too early, grow, lie or attack; other writers; a kill; a full disk."""

import io
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sound_files import BANK, CAMT, ENTRY, OFX2, XBRL, written_files

from finlab.core.errors import InputError, StoreError
from finlab.data import keeping, loads, plain_loads
from finlab.data.contracts import Check, Contract, write_contract
from finlab.data.fields import Field
from finlab.data.store import Store

MOVES = Contract("moves", [Field("number", "integer", required=True), Field("text"), Field("amount", "decimal")])


def placed(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as told:
        action()
    return str(told.value)


# Files that end too early


@pytest.mark.slow
@pytest.mark.parametrize("contract", [None, BANK])
def test_every_beginning_of_a_small_csv_file_is_accounted_for(workbench: Path, contract: Contract | None) -> None:
    store = Store(workbench / "s.duckdb")
    whole = 'date,amount,text\n2026-01-01,1,"a, ""b"""\n2026-01-02,2,"c\nd"\n2026-01-03,-3,ü\n'.encode()
    loaded = []
    for size in range(len(whole) + 1):
        path = placed(workbench / "x.csv", whole[:size])
        try:
            done = store.load(path, "x", contract=contract, replace=contract is not None)
        except InputError:
            loaded.append(0)
            continue
        assert done.records == done.loaded + done.rejected + done.duplicates
        loaded.append(done.loaded)
    assert loaded[-1] == 3 and loaded[: len(b"date,amount,text\n")] == [0] * len(b"date,amount,text\n")


@pytest.mark.parametrize("name", ["book.xlsx", "table.parquet", "statement.camt", "statement.ofx", "instance.xbrl"])
def test_a_file_that_ends_too_early_is_refused_or_loaded_and_never_more(store: Store, name: str) -> None:
    whole = written_files()[name]
    path = placed(Path(name), whole)
    most = store.load(path, "x").rows
    for size in range(0, len(whole) - 1, max(len(whole) // 40, 1)):
        placed(path, whole[:size])
        try:
            assert store.load(path, "y").rows <= most
        except InputError:
            assert store.tables() in (["x"], ["x", "y"])
    if name in ("book.xlsx", "table.parquet"):
        assert store.tables() == ["x"]  # their directory is at the end


# Files that change while they are read


def big_csv(path: Path, rows: int = 1000) -> Path:
    return placed(path, "number,text,amount\n" + "".join(f"{n},text {n},{n}.25\n" for n in range(rows)))


@pytest.mark.parametrize("contract", [None, MOVES])
@pytest.mark.parametrize("moment", ["take_source", "take_in"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("change", ["grows", "shrinks", "goes", "other"])
def test_a_file_that_changes_during_a_load_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch, contract: Contract | None, moment: str, before: bool, change: str
) -> None:
    path = big_csv(Path("x.csv"))
    room = keeping if moment == "take_in" else loads if contract else plain_loads
    real, more = getattr(room, moment), {"contract": contract, "mapping": {"text": "text"}} if contract else {}

    def act() -> None:
        content = path.read_bytes()
        if change == "goes":
            path.unlink(missing_ok=True)
        elif change == "other":
            placed(path, content.replace(b"text 7,", b"text 8,"))
        else:
            placed(path, content + b"5000,late,1.00\n" if change == "grows" else content[: len(content) // 2])

    def meddled(*given: Any, **named: Any) -> Any:
        if before:
            act()
        try:
            return real(*given, **named)
        finally:
            if not before:
                act()

    if contract and moment == "take_source" and before and change in ("grows", "shrinks", "other"):
        pass  # nothing was read yet: the file as it is now is what is loaded, or refused
    else:
        with monkeypatch.context() as patched:
            patched.setattr(room, moment, meddled)
            told = refused(lambda: store.load(path, "x", **more))
        words = ["changed", "cannot be read", "could not be read", *(["there is no file"] if change == "goes" else [])]
        assert "x.csv" in told and any(word in told for word in words)
        assert store.tables() == [] and not [name.name for name in Path().iterdir() if name.name != "x.csv"]
    path.unlink(missing_ok=True)
    assert store.load(big_csv(path), "x", **more).rows == 1000


@pytest.mark.parametrize("contract", [None, MOVES])
def test_a_file_to_which_somebody_writes_all_the_time_is_refused_or_whole(
    store: Store, contract: Contract | None
) -> None:
    path, stop = big_csv(Path("x.csv"), 100_000), threading.Event()

    def write() -> None:
        with path.open("a") as file:
            number = 100_000
            while not stop.is_set():
                file.write(f"{number},text {number},{number}.25\n")
                file.flush()
                number += 1
                time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        told = refused(lambda: store.load(path, "x", contract=contract))
    finally:
        stop.set()
        writer.join()
    assert "changed while it was read" in told and store.tables() == []
    done = store.load(path, "x", contract=contract)
    found = store.sql("SELECT count(*) AS n, count(DISTINCT number) AS d, max(number) AS top FROM x").iloc[0]
    assert done.rows == found["n"] == found["d"] == found["top"] + 1 > 100_000


# Encodings that change half way


def test_lines_in_another_encoding_are_rejected_with_their_physical_line(store: Store) -> None:
    lines = [f'{n},"Käse {n}\nzweite Zeile",{n}.50\n'.encode() for n in range(20)]
    lines += [f"{n},Käse,1.00\n".encode("cp1252") for n in range(20, 23)]
    lines += [f"{n},Käse,1.00\n".encode() for n in range(23, 40)]
    path = placed(Path("x.csv"), b"number,text,amount\n" + b"".join(lines))
    for contract in (None, MOVES):
        done = store.load(path, "x" if contract is None else "y", contract=contract)
        assert (done.records, done.loaded, done.rejected) == (40, 37, 3)
        rejects = store.rejects(done.name)
        assert rejects["line"].tolist() == [42, 43, 44] and rejects["record"].tolist() == [21, 22, 23]
        assert set(rejects["reason"]) == {"its bytes are not utf-8 text"}
        assert store.sql(f"SELECT number FROM {done.name}")["number"].tolist() == [*range(20), *range(23, 40)]


# Attacks


def bombed(xml: str) -> str:
    """The document with entities that unfold to a billion laughs."""
    levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    kind = f'<!DOCTYPE x [<!ENTITY a0 "ha">{levels}]>'
    head, mark, rest = xml.partition("?>\n") if "?>\n" in xml else ("", "", xml)
    return head + mark + kind + rest.replace("Rechnung", "&a9;").replace("Firma", "&a9;").replace("394328", "&a9;")


def outside(xml: str, secret: Path) -> str:
    """The document with an entity that is another file of the machine."""
    kind = f'<!DOCTYPE x [<!ENTITY a SYSTEM "{secret.as_uri()}">]>'
    head, mark, rest = xml.partition("?>\n") if "?>\n" in xml else ("", "", xml)
    return head + mark + kind + rest.replace("Rechnung", "&a;").replace("Firma", "&a;").replace("394328", "&a;")


DOCUMENTS = {
    "x.camt": CAMT.format(ENTRY.format("1.00", "CRDT", 1, 1)),
    "x.ofx": OFX2.format("<STMTTRN><TRNTYPE>POS</TRNTYPE><DTPOSTED>20260101</DTPOSTED><TRNAMT>1</TRNAMT>"
                         "<FITID>1</FITID><NAME>Firma</NAME></STMTTRN>"),
    "x.xbrl": XBRL,
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_entity_bombs_and_files_from_outside_are_refused(store: Store, name: str) -> None:
    secret = placed(Path("secret.txt"), "the secret").absolute()
    assert store.load(placed(Path(name), DOCUMENTS[name]), "sound").rows
    for text in (bombed(DOCUMENTS[name]), outside(DOCUMENTS[name], secret)):
        started = time.process_time()
        assert "the secret" not in refused(lambda text=text: store.load(placed(Path(name), text), "x"))
        assert time.process_time() - started < 5
    assert store.tables() == ["sound"]


def repacked(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    out, source = io.BytesIO(), zipfile.ZipFile(io.BytesIO(data))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
    return out.getvalue()


def _ods() -> bytes:
    out = io.BytesIO()
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    rows = "".join(f"<table:table-row>{cell.format(text)}</table:table-row>" for text in ("head", "one", "two"))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        target.writestr(
            "content.xml",
            f'<?xml version="1.0"?>\n<office:document-content xmlns:office="{space}office:1.0" '
            f'xmlns:table="{space}table:1.0" xmlns:text="{space}text:1.0"><office:body>'
            f'<office:spreadsheet><table:table table:name="s">{rows}'
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
        target.writestr("META-INF/manifest.xml", "<manifest/>")
    return out.getvalue()


@pytest.mark.parametrize("name", ["x.xlsx", "x.ods"])
def test_zip_bombs_are_refused_and_entity_bombs_do_not_unfold(store: Store, name: str) -> None:
    data = written_files()["book.xlsx"] if name == "x.xlsx" else _ods()
    part = "xl/worksheets/sheet1.xml" if name == "x.xlsx" else "content.xml"
    assert store.load(placed(Path(name), data), "sound").rows
    bomb = repacked(data, lambda at, content: content + b" " * (300 << 20) if at == part else content)
    assert len(bomb) < 1 << 20
    started = time.process_time()
    assert "harm" in refused(lambda: store.load(placed(Path(name), bomb), "x"))
    laughs = repacked(
        data,
        lambda at, content: bombed(content.decode().replace(">one<", ">Firma<")).encode() if at == part else content,
    )
    try:
        store.load(placed(Path(name), laughs), "x")
        assert "hahaha" not in store.table("x").to_csv()
    except InputError:
        assert store.tables() == ["sound"]
    assert time.process_time() - started < 10


NASTY = [
    "'; DROP TABLE keep; --",
    '"; DROP VIEW keep; --',
    "$1",
    "?",
    "{x}",
    "\\'",
    "/* */",
    "x'||(SELECT 1)||'",
    "%s",
    "c0",
]


def test_sql_text_in_cells_headers_and_contracts_is_only_text(store: Store) -> None:
    store.write("keep", pd.DataFrame({"x": [1]}))
    frame = pd.DataFrame({name: [*NASTY, str(place)] for place, name in enumerate(NASTY)})
    path = Path("x.csv")
    frame.to_csv(path, index=False)
    assert store.load(path, "plain", date_order="dmy").rows == len(frame)
    pd.testing.assert_frame_equal(store.table("plain"), frame, check_dtype=False)
    fields = [Field(name, one_of=(*NASTY, str(place)), title=name) for place, name in enumerate(NASTY)]
    checks = [Check("it's", "\"c0\" <> 'it''s'", "it's; DROP TABLE keep; --")]
    contract = Contract("nasty", fields, key=NASTY[:1], checks=checks)
    mapping = dict(zip(NASTY, NASTY, strict=True))
    assert store.load(path, "strict", contract=contract, mapping=mapping).loaded == len(frame)
    pd.testing.assert_frame_equal(store.table("strict"), frame, check_dtype=False)
    assert store.load(frame, "framed", contract=contract, mapping=mapping).loaded == len(frame)
    for name in NASTY[:2]:
        with pytest.raises(InputError, match="the table's name"):
            store.load(path, name)
    short = Contract("short", [Field(NASTY[0], "integer", required=True)])
    bad = pd.DataFrame({NASTY[0]: ["1", *NASTY]})
    assert store.load(bad, "bad", contract=short, mapping={NASTY[0]: NASTY[0]}).rejected == len(NASTY)
    assert store.rejects("bad")["value"].tolist() == NASTY
    assert store.rejects("bad")["column"].unique().tolist() == [NASTY[0]]
    assert store.table("keep")["x"].tolist() == [1]
    assert store.tables() == ["bad", "framed", "keep", "plain", "strict"]


# Two at once

WRITER = textwrap.dedent("""
    import sys
    from finlab.data import Store
    store, mine = Store(sys.argv[1]), sys.argv[2]
    print("go", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        more = {"contract": "moves.toml"} if sys.argv[4] == "contract" else {}
        store.load(f"{mine}{number}.csv", "moves" if more else f"moves_{mine}{number}", **more)
        print(number, flush=True)
""")


def writer(store: Store, mine: str, count: int, how: str) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.path), mine, str(count), how], text=True, **pipes
    )
    assert process.stdout is not None and process.stdout.readline() == "go\n"
    return process


@pytest.mark.parametrize("how", ["contract", "plain"])
def test_two_writers_at_once_both_load_all_of_theirs(store: Store, how: str) -> None:
    write_contract(MOVES, "moves.toml")
    for mine, start in (("a", 0), ("b", 10_000)):
        for number in range(4):
            rows = range(start + 1000 * number, start + 1000 * number + 1000)
            placed(Path(f"{mine}{number}.csv"), "number,text,amount\n" + "".join(f"{n},x,1.00\n" for n in rows))
    both = [writer(store, "a", 4, how), writer(store, "b", 4, how)]
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    if how == "plain":
        assert len(store.tables()) == 8 and all(len(store.table(name)) == 1000 for name in store.tables())
        return
    found = store.table("moves")["number"]
    assert sorted(found) == [*range(4000), *range(10_000, 14_000)]
    parts = store.parts("moves")
    assert parts["part"].tolist() == list(range(8)) and parts["loaded"].tolist() == [1000] * 8
    assert parts["first_row"].tolist() == list(range(0, 8000, 1000))


def test_a_store_that_another_process_keeps_says_by_whom(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("x", pd.DataFrame({"x": [1]}))
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('go', flush=True); sys.stdin.readline()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "go\n"
    monkeypatch.setenv("FINLAB_LOCK_WAIT_SECONDS", "0.2")
    with pytest.raises(StoreError, match=f"in use by process {holder.pid}"):
        store.load(big_csv(Path("x.csv")), "moves", contract=MOVES)
    holder.communicate("\n")
    assert store.load(Path("x.csv"), "moves", contract=MOVES).loaded == 1000


# A kill, and a full disk


@pytest.mark.slow
def test_a_kill_in_a_load_with_a_contract(store: Store) -> None:
    """At random moments: the store opens, each file is whole or absent, and the next load works."""
    write_contract(MOVES, "moves.toml")
    count, rows = 40, 20_000  # more than can be loaded before the kill
    for number in range(count):
        body = "".join(f"{number},row {n},{n}.25\n" for n in range(rows))
        placed(Path(f"a{number}.csv"), "number,text,amount\n" + body)
    chance, seen = random.Random(5), set[int]()
    for _ in range(6):
        store.path.unlink(missing_ok=True)
        process = writer(store, "a", count, "contract")
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        time.sleep(chance.uniform(0.1, 1.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        there = store.tables() == ["moves"]
        parts = len(store.parts("moves")) if there else 0
        seen.add(parts)
        if there:
            found = store.sql(
                "SELECT number, count(*) AS n, count(DISTINCT text) AS d FROM moves GROUP BY 1 ORDER BY 1"
            )
            assert found.astype(int).values.tolist() == [[number, rows, rows] for number in range(parts)]
        for number in (0, parts % count):
            assert store.load(Path(f"a{number}.csv"), "moves", contract=MOVES).new == (number == parts)
        assert len(store.table("moves")) == rows * (parts + 1)
    assert len(seen) > 1, seen


@pytest.mark.parametrize("contract", [None, MOVES])
def test_a_full_disk_in_a_load_from_a_file(small_disk: Path, workbench: Path, contract: Contract | None) -> None:
    store, filler = Store(small_disk / "finlab.duckdb"), placed(small_disk / "filler", b"0" * (3 << 20))
    store.load(big_csv(workbench / "small.csv"), "moves", contract=contract)
    before, parts = store.loads(), store.parts("moves")
    chance = random.Random(2)
    body = "".join(f"{n},{chance.randbytes(20).hex()},{chance.randrange(10**12)}.25\n" for n in range(250_000))
    path = placed(workbench / "big.csv", "number,text,amount\n" + body)
    for _ in range(2):
        with pytest.raises(StoreError, match="the disk is full"):
            store.load(path, "moves", contract=contract)
        pd.testing.assert_frame_equal(store.loads(), before)
        pd.testing.assert_frame_equal(store.parts("moves"), parts)
        assert len(store.table("moves")) == 1000
    filler.unlink()
    other = placed(workbench / "other.csv", "number,text,amount\n5000,x,1.00\n")
    done = store.load(other, "moves", contract=contract)
    assert done.rows == (1001 if contract else 1)
    assert sorted(file.name for file in small_disk.iterdir()) == ["finlab.duckdb"]


@pytest.mark.parametrize("contract", [None, MOVES])
def test_a_full_disk_under_the_temporary_copy(
    small_disk: Path, workbench: Path, monkeypatch: pytest.MonkeyPatch, contract: Contract | None
) -> None:
    store = Store(workbench / "finlab.duckdb")
    body = "".join(f"{n},Käse {n} and so on and so on,1.25\n" for n in range(250_000))
    path = placed(workbench / "western.csv", ("number,text,amount\n" + body).encode("cp1252"))
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with pytest.raises((InputError, StoreError), match=r"(?i)no space left|disk is full"):
        store.load(path, "moves", contract=contract)
    assert store.tables() == [] and list(small_disk.iterdir()) == []
    monkeypatch.undo()
    assert store.load(path, "moves", contract=contract).rows == 250_000
