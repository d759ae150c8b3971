"""Encodings: found from the bytes, checked against Python's own decoders, in one pass of linear time."""

import hashlib
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.encodings import PIECE_BYTES, as_utf8, check_encoding, decode_head, is_plain, scan_text

WESTERN = "name,amount\nMüller & Söhne,1\nCafé Olé,2\nÅre,3\n"
CHINESE = "公司,金额\n上海贸易有限公司,100\n北京科技有限公司,200\n广州物流集团公司,300\n" * 3


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("a,b\n1,2\n", "ascii", "utf-8"),
        (WESTERN, "utf-8", "utf-8"),
        (WESTERN, "utf-8-sig", "utf-8"),
        (WESTERN, "cp1252", "cp1252"),
        (WESTERN, "utf-16", "utf-16"),
        (WESTERN, "utf-16-le", "utf-16-le"),
        (WESTERN, "utf-16-be", "utf-16-be"),
        (WESTERN, "utf-32", "utf-32"),
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "utf-8", "utf-8"),
        ("€ 5\n" * 4, "cp1252", "cp1252"),
    ],
)
def test_the_encoding_is_found_and_the_text_is_lent_in_utf8(
    tmp_path: Path, text: str, encoding: str, found: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode(encoding))
    scan = scan_text(path)
    assert scan.encoding == found and scan.misfits == 0
    assert (scan.size, scan.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    assert scan.lines == len(text.splitlines())
    with as_utf8(path, scan) as lent:
        assert lent.read_text(encoding="utf-8") == text and (lent == path) == is_plain(scan)
    assert decode_head(path, scan.encoding, 1000) == text


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", b"\xe4", b"\xc3\xa4", b",", b"x" * 50]), max_size=60))
def test_lines_and_prefixes_are_those_of_python(tmp_path_factory: pytest.TempPathFactory, parts: list[bytes]) -> None:
    content = b"".join(parts)
    path = tmp_path_factory.getbasetemp() / "lines.csv"
    path.write_bytes(content)
    marks = sorted({len(content) // 3, len(content) // 2, len(content)} - {0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("finlab.data.encodings.PIECE_BYTES", 7)
        scan = scan_text(path, "cp1252", marks)
    assert scan.lines == len(content.splitlines())
    assert scan.prefixes == {mark: hashlib.sha256(content[:mark]).hexdigest() for mark in marks}


def test_a_character_cut_by_a_piece_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a" * (PIECE_BYTES - 1) + "ä\n".encode() * 10)
    assert (scan_text(path).encoding, scan_text(path).misfits) == ("utf-8", 0)


def test_a_late_line_in_another_encoding_is_a_misfit(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("Käse,1\n".encode() * 5 + b"plain,1\n" * 300_000 + "Käse,1\n".encode("cp1252"))
    scan = scan_text(path)
    assert scan.encoding == "utf-8" and scan.misfits == 1 and not is_plain(scan)
    with pytest.raises(InputError, match=r"line 300006\) is 0xe4"), as_utf8(path, scan):
        pass


def test_long_lines_cost_no_more_than_short_ones(tmp_path: Path) -> None:
    """A search that looked at each byte of a line again and again took minutes for this file."""
    path = tmp_path / "x.csv"
    chance = random.Random(1)
    path.write_bytes(b"\xe4\n" + bytes(chance.randrange(97, 123) for _ in range(1 << 20)) + b"\n" + b"y" * (1 << 20))
    started = time.process_time()
    assert scan_text(path).encoding == "cp1252"
    assert time.process_time() - started < 5


@pytest.mark.parametrize("name", ["klingon", "", "base64", "zip", "undefined", "\0"])
def test_names_that_are_no_encoding_of_texts(name: str) -> None:
    with pytest.raises(InputError, match="encoding is"):
        check_encoding(name)
