"""What a file is, and how it is opened: signs of the formats, encodings, harmful XML, exact numbers."""

from decimal import Decimal
from pathlib import Path

import pytest
from camt_files import drawn, write

from finlab.core.errors import InputError
from finlab.data.formats.intake import decimals, exact, iso_day, read_text, xml_nodes
from finlab.data.formats.recognise import HEAD_BYTES, format_of

NAMES = {".sta": "mt940", ".ofx": "ofx"}


def placed(folder: Path, content: str | bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_samples_are_recognised_without_their_endings(testdata: Path, tmp_path: Path) -> None:
    files = {path: NAMES[path.suffix] for path in sorted((testdata / "formats").iterdir())}
    files[testdata / "sec" / "aapl-20220924_htm.xml"] = "xbrl"
    files[testdata / "sec" / "snow_facts.json"] = "companyfacts"
    for path, name in files.items():
        assert format_of(placed(tmp_path, path.read_bytes()[:HEAD_BYTES])) == name


def test_nothing_else_among_the_real_files_is_taken_for_one(testdata: Path) -> None:
    others = [path for path in testdata.rglob("*") if path.is_file() and path.parent.name not in ("formats", "sec")]
    assert len(others) > 50
    assert [path.name for path in others if format_of(path) is not None] == []


@pytest.mark.parametrize("kind", ["052", "053", "054"])
@pytest.mark.parametrize("prefix", ["", "camt"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_camt_is_recognised(tmp_path: Path, kind: str, prefix: str, encoding: str) -> None:
    assert format_of(placed(tmp_path, write(drawn(1), 2, kind, prefix).encode(encoding))) == "camt"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("OFXHEADER:100\nDATA:OFXSGML\n\n<OFX>", "ofx"),
        ('<?xml version="1.0"?>\r\n<?OFX OFXHEADER="200"?>\r\n<OFX>', "ofx"),
        ("{1:F01}{2:O940}{4:\r\n:20:A\r\n:25:B\r\n", "mt940"),
        ("{1:F01}{4::20:A\n:25:B\n", "mt940"),
        ("ABNANL2A\n940\nABNANL2A\n:20:A\n:25:B\n", "mt940"),
        ("<!-- made by --><x:xbrl xmlns:x='http://www.xbrl.org/2003/instance'>", "xbrl"),
        ("<html><body>http://www.xbrl.org/2003/instance</body></html>", None),
        ("<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.09'>", None),
        ('{"cik": 1, "name": "A"}', None),
        ("we wrote :20: and :25: into a letter", None),
        ("", None),
        (b"\x00\x01\x02" * 100, None),
        (b"PK\x03\x04", None),
    ],
)
def test_signs(tmp_path: Path, text: str | bytes, name: str | None) -> None:
    assert format_of(placed(tmp_path, text)) == name


@pytest.mark.parametrize(
    "piece", [":20:\n", "<xbrl ", "<?x ", '"cik":', "{1:", "<a:", "<", " ", "{4:", '{"cik":1,"facts":', "OFXHEADER"]
)
@pytest.mark.timeout(10)
def test_no_beginning_takes_long(tmp_path: Path, piece: str) -> None:
    """Milliseconds do for all of them; a pattern that looks again and again would need far more than the limit."""
    path = placed(tmp_path, piece * (HEAD_BYTES // len(piece)))
    for _ in range(3):
        format_of(path)


def test_a_folder_and_an_absent_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="cannot be opened"):
            format_of(path)


@pytest.mark.parametrize(
    ("raw", "encoding", "text", "noted"),
    [
        ("é\r\nx".encode(), "", "é\nx", False),
        ("é\rx".encode("utf-8-sig"), "", "é\nx", False),
        ("é".encode("utf-8-sig"), "utf-8", "é", False),
        ("é".encode("utf-16"), "", "é", False),
        ("é€".encode("cp1252"), "", "é€", True),
        (b"\x81\xe9", "", "\x81é", True),
        ("Ł".encode("cp1250"), "cp1250", "Ł", False),
    ],
)
def test_texts(tmp_path: Path, raw: bytes, encoding: str, text: str, noted: bool) -> None:
    found, notes = read_text(placed(tmp_path, raw), encoding)
    assert (found, bool(notes)) == (text, noted)


def test_texts_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for raw, told in ((b"", "is empty"), (b" \n ", "is empty"), (b"a\0b", "null byte at character 1")):
        with pytest.raises(InputError, match=told):
            read_text(placed(tmp_path, raw))
    with pytest.raises(InputError, match="not utf-8 text"):
        read_text(placed(tmp_path, b"\xff"), "utf-8")
    monkeypatch.setattr("finlab.data.formats.intake.TEXT_BYTES", 10)
    with pytest.raises(InputError, match="has more than"):
        read_text(placed(tmp_path, b"x" * 11))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l9;</a>',
        f'<!DOCTYPE a [<!ENTITY b "{"b" * 10**5}">]><a>{"&b;" * 10**4}</a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://localhost/x.dtd">%x;]><a/>',
        '<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><a/>',
        "<!DOCTYPE a><a/>",
    ],
)
def test_harmful_xml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="document type or entities"):
        list(xml_nodes(placed(tmp_path, text)))


@pytest.mark.parametrize(
    "text", ['<?xml version="1.0" encoding="{}"?><a/>', "<a xmlns:{0}='u'><{0}:b></c></a>", "<a {0}='1' {0}='2'/>"]
)
def test_a_message_does_not_repeat_a_long_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        list(xml_nodes(placed(tmp_path, text.format("x" * 10**5))))
    assert len(str(caught.value)) < 300


def test_elements_come_with_those_around_them(tmp_path: Path) -> None:
    walked = [(node.event, node.element.tag, len(node.around)) for node in xml_nodes(placed(tmp_path, "<a><b/></a>"))]
    assert walked == [("start", "a", 0), ("start", "b", 1), ("end", "b", 1), ("end", "a", 0)]


@pytest.mark.parametrize(("text", "mark", "number"), [("1,5", ",", "1.5"), ("-.5", ".", "-0.5"), (" 7. ", ".", "7")])
def test_exact_numbers(text: str, mark: str, number: str) -> None:
    assert exact(text, "x", mark) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", ".", "-", "1,5", "1e5", "inf", "nan", "0x1", "1_0", "١", "9" * 25, "0." + "1" * 9, "9" * 10**6]
)
def test_what_is_no_exact_number(text: str) -> None:
    with pytest.raises(InputError, match="x is"):
        exact(text, "x")


def test_columns_of_decimals() -> None:
    assert str(decimals([]).type) == "decimal128(38, 2)"
    assert str(decimals([Decimal("1.1234"), None]).type) == "decimal128(38, 4)"
    assert str(decimals([Decimal("1E+3")], least=0).type) == "decimal128(38, 0)"


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31Z", "2026-01-31T23:59:59.9-05:00", "2026-01-31+02:00"])
def test_days(text: str) -> None:
    assert str(iso_day(text, "x")) == "2026-01-31"


@pytest.mark.parametrize("text", ["", "2026", "2026-02-30", "2026-01-311", "31.01.2026", "0000-01-01"])
def test_no_days(text: str) -> None:
    with pytest.raises(InputError, match="x is"):
        iso_day(text, "x")
