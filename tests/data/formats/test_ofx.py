"""OFX and QFX: the samples, SGML against XML, amounts and days, damaged files."""

import re
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.formats.ofx import parse_ofx, read_day, read_number, read_ofx, statements_of

HEAD = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n"
HEAD2 = '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="200"?>\n'
ACCOUNT = "<CURDEF>USD<BANKACCTFROM><BANKID>1<ACCTID>77<ACCTTYPE>CHECKING</BANKACCTFROM>"
BALANCE = "<LEDGERBAL><BALAMT>5.00<DTASOF>20260131</LEDGERBAL>"


def placed(folder: Path, text: str | bytes) -> Path:
    path = folder / "statement.ofx"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def move(amount: str = "-1.00", day: str = "20260105", fitid: str = "1", more: str = "") -> str:
    return f"<STMTTRN><TRNTYPE>POS<DTPOSTED>{day}<TRNAMT>{amount}<FITID>{fitid}{more}</STMTTRN>\n"


def sgml(moves: str, kind: str = "STMTRS", account: str = ACCOUNT, tail: str = BALANCE) -> str:
    body = f"<{kind}>{account}<BANKTRANLIST><DTSTART>20260101<DTEND>20260131\n{moves}</BANKTRANLIST>{tail}</{kind}>"
    return f"{HEAD}<OFX><BANKMSGSRSV1><STMTTRNRS>{body}</STMTTRNRS></BANKMSGSRSV1></OFX>\n"


def test_the_american_and_the_european_sample_say_the_same(testdata: Path) -> None:
    tables = [read_ofx(testdata / "formats" / name)[0] for name in ("stmtrs.ofx", "stmtrs_euro.ofx")]
    assert tables[0].equals(tables[1])
    assert tables[0]["amount"].to_pylist() == [Decimal("-200.00"), Decimal("-300.00")]
    found = statements_of(testdata / "formats" / "stmtrs_euro.ofx")[0]
    assert (found.account, found.closing, str(found.closing_date)) == ("999988", Decimal("200.29"), "2005-10-29")


def test_the_investment_sample_has_all_three_parts(testdata: Path) -> None:
    path = testdata / "formats" / "invstmtrs.ofx"
    moved, notes = read_ofx(path)
    assert moved["amount"].to_pylist() == [Decimal("1000.00")]
    assert notes[-1] == "the file also has 1 trades (part='trades') and 2 positions (part='positions')"
    assert "1 open orders are left out" in notes
    trade = read_ofx(path, part="trades")[0].to_pylist()[0]
    assert (trade["kind"], trade["total"], trade["security_name"], trade["ticker"]) == (
        "BUYSTOCK",
        Decimal("-5025.00"),
        "Acme Development, Inc.",
        "ACME",
    )
    assert trade["units"] * trade["price"] + trade["commission"] == -trade["total"]
    positions = read_ofx(path, part="positions")[0]
    assert positions["value"].to_pylist() == [Decimal("9900.00"), Decimal("500")]
    with pytest.raises(InputError, match=r"part is 'trade'.*did you mean 'trades'"):
        read_ofx(path, part="trade")


def test_an_independent_reader_finds_the_same_movements(testdata: Path) -> None:
    for name in ("stmtrs.ofx", "stmtrs_euro.ofx", "invstmtrs.ofx"):
        path = testdata / "formats" / name
        rows = [
            (one.findtext("FITID"), Decimal((one.findtext("TRNAMT") or "").replace(",", ".")))
            for one in ElementTree.parse(path).getroot().iter("STMTTRN")
        ]
        table = read_ofx(path)[0]
        assert list(zip(table["bank_reference"].to_pylist(), table["amount"].to_pylist(), strict=True)) == rows


def test_sgml_and_xml_of_one_content_are_one_table(testdata: Path, tmp_path: Path) -> None:
    path = testdata / "formats" / "stmtrs.ofx"
    text = path.read_text()
    as_sgml = HEAD + re.sub(r"<(\w+)>([^<\s][^<]*)</\1>", r"<\1>\2", text[text.index("<OFX>") :])
    assert as_sgml.count("</") < text.count("</") / 2
    shifted, plain = read_ofx(placed(tmp_path, as_sgml))[0], read_ofx(path)[0]
    assert shifted.drop_columns("line").equals(plain.drop_columns("line"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-200,00", "-200.00"), ("200.29", "200.29"), ("+7", "7"), ("1.234,50", "1234.50"), ("1,234.50", "1234.50"),
        ("1,234,567", "1234567"), ("1.234.567", "1234567"), ("1 025,53", "1025.53"), ("1,234", "1.234"), (".5", "0.5"),
        ("-1,234,567.89", "-1234567.89"), ("00000.00", "0"),
    ],
)  # fmt: skip
def test_numbers(text: str, number: str) -> None:
    assert read_number(text, "x") == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", "abc", "null", "1.2.3", "1,23,456.0", "1,2345.0", "--1", "1e5", "NaN", "9" * 60, "\u0661"]
)
def test_no_numbers(text: str) -> None:
    with pytest.raises(InputError, match="x is"):
        read_number(text, "x")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20260131", "2026-01-31"), ("20260131235959", "2026-01-31"), ("20260131235959.999[-5:EST]", "2026-01-31"),
        ("202601312359", "2026-01-31"), ("20260131000000[+5.5:IST]", "2026-01-31"), ("00000000", "None"), ("", "None"),
        ("20260131120000[0:GMT]", "2026-01-31"), ("20260131120000 [-3]", "2026-01-31"),
    ],
)  # fmt: skip
def test_days_are_those_the_bank_wrote(text: str, day: str) -> None:
    assert str(read_day(text, "x")) == day


@pytest.mark.parametrize("text", ["2026", "20260230", "2026-01-31", "20261301", "soon"])
def test_no_days(text: str) -> None:
    with pytest.raises(InputError, match="x is"):
        read_day(text, "x")


@pytest.mark.parametrize(
    ("charset", "encoding", "word"),
    [
        *(
            (charset, encoding, "Müller")
            for charset in ("1252", "ISO-8859-1", "NONE")
            for encoding in ("cp1252", "utf-8")
        ),
        ("1250", "cp1250", "Łódź"),
    ],
)
def test_the_charset_of_the_head_and_utf8(tmp_path: Path, charset: str, encoding: str, word: str) -> None:
    text = sgml(move(more=f"<NAME>{word}")).replace("CHARSET:1252", f"CHARSET:{charset}")
    assert read_ofx(placed(tmp_path, text.encode(encoding)))[0]["counterparty"].to_pylist() == [word]


def test_entities_stray_signs_and_cdata(tmp_path: Path) -> None:
    more = "<NAME>A&amp;B &lt;C&gt; 5 < 6 &copy<MEMO><![CDATA[x <STMTTRN> & y]]>"
    row = read_ofx(placed(tmp_path, sgml(move(more=more))))[0].to_pylist()[0]
    assert (row["counterparty"], row["purpose"]) == ("A&B <C> 5 < 6 &copy", "x <STMTTRN> & y")


def test_empty_values_do_not_swallow_what_follows(tmp_path: Path) -> None:
    moves = move(more="<MEMO><NAME>Bo") + move("2.00", fitid="2", more="<MEMO>said</MEMO><NAME/>")
    assert read_ofx(placed(tmp_path, sgml(moves)))[0]["counterparty"].to_pylist() == ["Bo", None]
    rows = read_ofx(placed(tmp_path, sgml("<STMTTRN><MEMO><TRNAMT>3<DTPOSTED>20260101<FITID>9</STMTTRN>" + moves)))[0]
    assert rows["amount"].to_pylist() == [Decimal(3), Decimal(-1), Decimal(2)]


def test_a_card_statement_and_a_pending_movement(tmp_path: Path) -> None:
    entry = "<STMTTRNP><TRNTYPE>POS<DTTRAN>20260130<TRNAMT>-4.00<NAME>Shop</STMTTRNP>"
    pending = f"<BANKTRANLISTP><DTASOF>20260131{entry}</BANKTRANLISTP>"
    account = "<CURDEF>EUR<CCACCTFROM><ACCTID>5500</CCACCTFROM>"
    path = placed(tmp_path, sgml(move(), "CCSTMTRS", account, BALANCE + pending))
    table = read_ofx(path)[0]
    assert table["status"].to_pylist() == ["booked", "pending"]
    assert table["account"].to_pylist() == ["5500", "5500"]
    assert statements_of(path)[0].kind == "credit card"


def test_two_accounts_stay_apart(tmp_path: Path) -> None:
    first, second = sgml(move()), sgml(move("2.00")).replace("<ACCTID>77", "<ACCTID>88")
    both = first.replace(
        "</STMTTRNRS>", "</STMTTRNRS>" + second[second.index("<STMTTRNRS>") : second.index("</BANKMSG")]
    )
    table, notes = read_ofx(placed(tmp_path, both))
    assert table["account"].to_pylist() == ["77", "88"]
    assert table["statement"].to_pylist() == [1, 2]
    assert not any("FITID" in note for note in notes)


def test_repeated_numbers_are_noted_and_kept(tmp_path: Path) -> None:
    table, notes = read_ofx(placed(tmp_path, sgml(move() + move("7.00"))))
    assert table.num_rows == 2
    assert notes[0] == "1 movements repeat the number (FITID) of another one of their account"


def test_the_currency_of_a_movement(tmp_path: Path) -> None:
    moves = move(more="<CURRENCY><CURRATE>1.1<CURSYM>CAD</CURRENCY>")
    moves += move(fitid="2", more="<ORIGCURRENCY><CURRATE>1.1<CURSYM>MXN</ORIGCURRENCY>")
    assert read_ofx(placed(tmp_path, sgml(moves)))[0]["currency"].to_pylist() == ["CAD", "USD"]


def test_what_the_bank_refuses_is_told(tmp_path: Path) -> None:
    status = "<STATUS><CODE>15500<SEVERITY>ERROR<MESSAGE>Signon invalid</STATUS>"
    with pytest.raises(InputError, match="error 15500 Signon invalid"):
        read_ofx(placed(tmp_path, f"{HEAD}<OFX><SIGNONMSGSRSV1><SONRS>{status}</SONRS></SIGNONMSGSRSV1></OFX>"))


WHOLE = sgml(move() + move("2.00", fitid="2"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (WHOLE[:-10], "it may be cut off"),
        (WHOLE[: len(WHOLE) // 2], "it may be cut off"),
        (WHOLE.replace("</STMTTRN>", "", 1), "comes while <STMTTRN> of line 8 is open"),
        (WHOLE.replace("</BANKTRANLIST>", ""), "<LEDGERBAL> stands in <BANKTRANLIST>"),
        (WHOLE.replace("<STMTRS>", ""), "outside a statement"),
        (WHOLE.replace("-1.00", "null"), "line 8, <STMTTRN>, TRNAMT is 'null'"),
        (WHOLE.replace("-1.00", ""), "TRNAMT is ''"),
        (WHOLE.replace("<TRNAMT>-1.00", "<TRNAMT>-1.00<TRNAMT>-2.00"), "expected one value"),
        (WHOLE.replace("20260105", "20260231"), "is '20260231'"),
        (WHOLE.replace("OFXHEADER", "HEADER"), "is no OFX file"),
        ("OFXHEADER:100\n\n<OFX></OFX>", "holds no statements"),
        (sgml(""), "holds no movements; it has balances only"),
        (HEAD2 + '<!DOCTYPE OFX [<!ENTITY a "b">]>' + WHOLE[WHOLE.index("<OFX>") :], "refused"),
        (HEAD2 + "<OFX>" + "<A>" * 100 + "</A>" * 100 + "</OFX>", "nested more than 32 deep"),
        (WHOLE.replace("<FITID>1", "<FITID>1<MEMO>" + "x" * 10**6), "has 1,000,000 characters"),
        (WHOLE.replace("<FITID>1", "<FITID>1<MEMO><![CDATA[x"), "inside a CDATA section"),
        ("", "is empty"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        read_ofx(placed(tmp_path, text))


def test_no_cut_of_a_file_passes_for_a_whole_one(tmp_path: Path) -> None:
    whole = read_ofx(placed(tmp_path, WHOLE))[0]
    for end in range(1, len(WHOLE.rstrip())):
        with pytest.raises(InputError):
            read_ofx(placed(tmp_path, WHOLE[:end]))
    assert whole.num_rows == 2


AMOUNTS = st.decimals(Decimal(-(10**9)), Decimal(10**9), places=2)


@settings(max_examples=100, deadline=None)
@given(st.lists(AMOUNTS, min_size=1, max_size=20), st.sampled_from([".", ","]))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, amounts: list[Decimal], mark: str) -> None:
    moves = "".join(move(str(amount).replace(".", mark), fitid=str(place)) for place, amount in enumerate(amounts))
    file = parse_ofx(placed(tmp_path_factory.mktemp("ofx"), sgml(moves)))
    assert file.bank.movements["amount"].to_pylist() == amounts


def test_the_name_of_a_namespace_changes_nothing(tmp_path: Path) -> None:
    plain = read_ofx(placed(tmp_path, sgml(move())))[0]
    named = sgml(move()).replace("<OFX>", '<OFX xmlns="http://ofx.net/types/2003/04">')
    assert read_ofx(placed(tmp_path, named))[0].equals(plain) and plain.num_rows == 1
