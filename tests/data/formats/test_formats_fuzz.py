"""Damaged files of every format: a table or an InputError, nothing else, in seconds and in bounded memory."""

import random
import re
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from camt_files import drawn, write

from finlab.core.errors import InputError
from finlab.data.formats.camt import read_camt
from finlab.data.formats.mt940 import read_mt940
from finlab.data.formats.ofx import read_ofx
from finlab.data.formats.recognise import format_of
from finlab.data.formats.sec import read_companyfacts, read_xbrl

SECONDS = 10  # the bar: no file may hang longer
GROWTH_MIB = 600  # more memory at its peak than before; the largest mutation is a few MiB of bytes

SAMPLE_SGML = """OFXHEADER:100
DATA:OFXSGML
CHARSET:1252

<OFX><CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS><CURDEF>USD<CCACCTFROM><ACCTID>5500</CCACCTFROM>
<BANKTRANLIST><DTSTART>20260101<DTEND>20260131
<STMTTRN><TRNTYPE>POS<DTPOSTED>20260104220000[-5:EST]<TRNAMT>-1.234,50<FITID>1<NAME>A &amp; B<MEMO></STMTTRN>
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260120<TRNAMT>10<FITID>2<PAYEE><NAME>C</PAYEE></STMTTRN>
</BANKTRANLIST><LEDGERBAL><BALAMT>5<DTASOF>20260131</LEDGERBAL></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>
"""


def samples(folder: Path) -> list[tuple[str, Callable, bytes]]:
    found: list[tuple[str, Callable, bytes]] = []
    for path in sorted((folder / "formats").iterdir()):
        reader = read_mt940 if path.suffix == ".sta" else read_ofx
        found.append((path.name, reader, path.read_bytes()[:12_000]))
    found.append(("card.ofx", read_ofx, SAMPLE_SGML.encode()))
    found += [(f"camt{version}.xml", read_camt, write(drawn(version, 2, 6), version).encode()) for version in (2, 8)]
    facts = (folder / "sec" / "snow_facts.json").read_bytes()
    cut = facts[: facts.index(b'"us-gaap"')].rstrip().rstrip(b",") + b"}}"
    found.append(("facts.json", read_companyfacts, cut))
    instance = (folder / "sec" / "aapl-20220924_htm.xml").read_text(encoding="utf-8")
    found.append(("xbrl.xml", read_xbrl, shortened(instance).encode()))
    return found


def shortened(instance: str) -> str:
    """An instance of the first contexts, the units, and the facts that refer to them."""
    head = instance[: instance.index("<context ")]
    contexts = re.findall(r"<context .*?</context>", instance, re.S)[:12]
    names = set(re.findall(r'id="([^"]+)"', "".join(contexts)))
    facts = re.findall(r"<(?:us-gaap|dei|aapl):\w+\s[^>]*?(?:/>|>[^<]{0,500}</[^>]+>)", instance, re.S)
    kept = [one for one in facts if any(f'"{name}"' in one for name in names)]
    return head + "".join([*contexts, *re.findall(r"<unit .*?</unit>", instance, re.S), *kept[:60]]) + "</xbrl>"


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data))]


def cut_out(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data))
    return data[:start] + data[start + draw.randrange(1, 200) :]


def flip(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 3, 30])):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def lines(data: bytes, draw: random.Random) -> bytes:
    kept = data.replace(b"><", b">\n<").splitlines(keepends=True)
    for _ in range(draw.choice([1, 1, 4])):
        place = draw.randrange(len(kept))
        change = draw.randrange(3)
        if change == 0:
            kept.insert(place, kept[draw.randrange(len(kept))])
        elif change == 1 and len(kept) > 1:
            del kept[place]
        else:
            draw.shuffle(kept) if draw.random() < 0.1 else kept.insert(place, kept.pop())
    return b"".join(kept)


def encode(data: bytes, draw: random.Random) -> bytes:
    text = data.decode("utf-8", "replace").replace("a", "ä")
    half = len(text) // 2
    name = draw.choice(["cp1252", "utf-16", "utf-32", "utf-7", "cp037", "gb18030"])
    if draw.random() < 0.3:
        return text[:half].encode() + text[half:].encode(name, "replace")
    return text.encode(name, "replace")


def nulls(data: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(data))
    return data[:place] + b"\0" * draw.choice([1, 2, 1000]) + data[place:]


NUMBERS = [b"9" * 400, b"1e308", b"1E-400", b"-0", b"NaN", b"Infinity", b"0" * 5000, b"99991231", b"00000000", b"1,2,3"]


def numbers(data: bytes, draw: random.Random) -> bytes:
    places = list(re.finditer(rb"\d+[.,]?\d*", data))
    if not places:
        return data
    found = draw.choice(places)
    return data[: found.start()] + draw.choice(NUMBERS) + data[found.end() :]


def nested(data: bytes, draw: random.Random) -> bytes:
    place, deep = data.find(b">", draw.randrange(len(data))) + 1, draw.choice([100, 20_000])
    piece = draw.choice([b"<a>", b"<Ntry>", b"<STMTTRN>", b"[", b'{"a":', b"<![CDATA[", b"{1:", b":20:\n"])
    return data[:place] + piece * deep + data[place:]


def long_token(data: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(data))
    return data[:place] + draw.choice([b"x", b"1", b" ", b"?20", b"<", b"&", b"\n", b'"', b"/"]) * 10**6 + data[place:]


MUTATIONS = (cut, cut_out, flip, lines, encode, nulls, numbers, nested, long_token)


@contextmanager
def alarm(told: str) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TimeoutError(f"{told}: more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def torment(folder: Path, real: Path, rounds: int, seed: int) -> Counter[str]:
    """Mutate every sample in every way, `rounds` times, and count what comes of it."""
    outcomes: Counter[str] = Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, reader, data in samples(real):
        for mutation in MUTATIONS:
            for turn in range(rounds):
                draw = random.Random(f"{seed} {name} {mutation.__name__} {turn}")
                path = folder / name
                path.write_bytes(mutation(data, draw))
                with alarm(f"{name}, {mutation.__name__}, turn {turn}"):
                    format_of(path)
                    try:
                        table, notes = reader(path)
                    except InputError as error:
                        assert 0 < len(str(error)) < 1000, f"{name}, {mutation.__name__}, turn {turn}"
                        outcomes["refused"] += 1
                    else:
                        assert table.num_rows > 0
                        assert all(0 < len(note) < 1000 for note in notes)
                        outcomes["read"] += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown < GROWTH_MIB
    return outcomes


def test_the_samples_themselves_are_read(testdata: Path, tmp_path: Path) -> None:
    for name, reader, data in samples(testdata):
        if name != "sepa_mt9401.sta":  # cut in the middle of a line
            path = tmp_path / name
            path.write_bytes(data)
            assert reader(path)[0].num_rows > 0


def test_damaged_files_are_read_or_refused(testdata: Path, tmp_path: Path) -> None:
    outcomes = torment(tmp_path, testdata, rounds=2, seed=1)
    assert min(outcomes["read"], outcomes["refused"]) > 20


@pytest.mark.slow
def test_many_damaged_files_are_read_or_refused(testdata: Path, tmp_path: Path) -> None:
    outcomes = torment(tmp_path, testdata, rounds=25, seed=2)
    assert outcomes.total() >= 2_000
    assert min(outcomes["read"], outcomes["refused"]) > 300
