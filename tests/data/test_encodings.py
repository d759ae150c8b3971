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


NAMES = {
    "euc_jp": ["株式会社日立製作所", "トヨタ自動車", "みずほ銀行", "支払先", "契約番号"],
    "cp949": ["삼성전자", "한국전력공사", "서울특별시", "대한항공", "지급일"],
    "gb18030": ["上海贸易有限公司", "中国建设银行", "重庆电力", "西安工程公司", "付款日期", "主席学习"],
    "cp932": ["株式会社日立製作所", "東京電力", "日本郵便", "大阪ガス"],
    "big5": ["臺灣電力公司", "中華電信", "台北市政府", "統一企業"],
    "cp1251": ["Газпром", "Почта России", "Водоканал", "Оплата по договору"],
    "cp1250": ["Česká pošta", "Řeznictví Novák", "Fővárosi Vízművek", "Győri Építő", "Łódzkie Zakłady", "Město Plzeň"],
    "iso8859-2": ["Śląsk SA", "Łódzkie Zakłady", "Żabka", "Škoda Auto", "Pražská plynárenská", "Řeznictví"],
    "cp1252": ["Construções João", "Educação e Saúde", "Électricité", "Crème brûlée", "Señales Muñoz", "Ærø Færge",
               "Größe", "Þórður Ægir", "Võru Õli", "Nº 5", "£5", "25\u00a0000,00\u00a0€", "naïve “x” – …"],
}  # fmt: skip


@pytest.mark.parametrize("encoding", NAMES)
def test_scripts_and_languages_are_told_apart(tmp_path: Path, encoding: str) -> None:
    names, path = NAMES[encoding], tmp_path / "x.csv"
    text = "".join(f"{place};{name};12,50\n" for place, name in enumerate(names * 3))
    path.write_bytes(text.encode(encoding))
    scan = scan_text(path)
    assert path.read_bytes().decode(scan.encoding) == text, scan.encoding


@pytest.mark.parametrize("name", NAMES["cp1252"])
def test_a_single_western_word_is_western(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(f"a;b\n{name};5\n".encode("cp1252"))
    assert scan_text(path).encoding == "cp1252"
