"""CAMT files of every version, written by an independent generator: amounts, signs, balances, names."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from camt_files import Entry, Pay, Statement, drawn, write
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.formats.camt import parse_camt, read_camt, statements_of

VERSIONS = range(2, 14)


def placed(folder: Path, text: str | bytes) -> Path:
    path = folder / "statement.xml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def one(folder: Path, *entries: Entry, version: int = 8) -> dict:
    statement = Statement("DE1", "EUR", Decimal("10.00"), list(entries))
    return read_camt(placed(folder, write([statement], version)))[0].to_pylist()[0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", range(5))
def test_every_version_gives_back_what_was_written(tmp_path: Path, version: int, seed: int) -> None:
    made = drawn(seed)
    file = parse_camt(placed(tmp_path, write(made, version, prefix="ns" if seed % 2 else "")))
    assert [(one.account, one.currency, one.opening, one.closing) for one in file.statements] == [
        (one.account, one.currency, one.opening, one.closing) for one in made
    ]
    written = [entry for one in made for entry in one.entries]
    assert file.movements["amount"].to_pylist() == [entry.amount for entry in written]
    assert file.movements["reversal"].to_pylist() == [entry.reversal for entry in written]
    assert [str(day) for day in file.movements["booking_date"].to_pylist()] == [entry.day for entry in written]
    assert file.check()["holds"].to_pylist() == [True] * len(made)


@pytest.mark.parametrize("version", VERSIONS)
def test_single_payments_lend_their_names_and_texts(tmp_path: Path, version: int) -> None:
    for sign in (1, -1):
        for reversal in (False, True):
            amount = Decimal("5.00") * sign
            row = one(tmp_path, Entry(amount, "2026-01-02", "BOOK", reversal, [Pay(amount, "Meyer", "Invoice")]))
            assert (row["counterparty"], row["purpose"], row["parts"]) == ("Meyer", "Invoice", 1)


@pytest.mark.parametrize("seed", range(20))
def test_payments_add_up_to_the_same_balances(tmp_path: Path, seed: int) -> None:
    made = drawn(seed, entries=30)
    path = placed(tmp_path, write(made))
    whole, parts = parse_camt(path), parse_camt(path, payments=True)
    assert parts.check()["holds"].to_pylist() == whole.check()["holds"].to_pylist() == [True] * 3
    assert parts.movements.num_rows == sum(len(entry.pays) or 1 for one in made for entry in one.entries)


def test_an_entry_that_is_not_the_sum_of_its_payments_is_kept_and_noted(tmp_path: Path) -> None:
    pays = [Pay(Decimal("60.00"), "A", "a"), Pay(Decimal("41.50"), "B", "b")]
    statement = Statement("DE1", "EUR", Decimal(0), [Entry(Decimal("100.00"), "2026-01-02", pays=pays)])
    path = placed(tmp_path, write([statement]))
    for payments in (False, True):
        table, notes = read_camt(path, payments=payments)
        assert table["amount"].to_pylist() == [Decimal("100.00")]
        assert "1 entries are not the sum of their payments: 1" in notes[0]


def test_a_lost_entry_shows_as_a_deviation(tmp_path: Path) -> None:
    entries = [Entry(Decimal("100.00"), "2026-01-02"), Entry(Decimal("-30.00"), "2026-01-03")]
    text = write([Statement("DE1", "EUR", Decimal("1.00"), entries)])
    start = text.rindex("<Ntry>")
    table, notes = read_camt(placed(tmp_path, text[:start] + text[text.rindex("</Ntry>") + 7 :]))
    assert table.num_rows == 1
    assert notes == ["statement 1 (number 7) of account DE1 does not add up: deviation -30.00 EUR"]


@pytest.mark.parametrize(
    ("codes", "opening", "closing"),
    [
        (["OPBD", "CLBD"], 1, 2),
        (["PRCD", "CLBD"], 1, 2),
        (["PRCD", "CLAV", "CLBD"], 1, 3),
        (["OPBD", "ITBD"], 1, 2),
        (["ITBD", "CLBD"], 1, 2),
        (["ITBD", "ITBD"], 1, 2),
        (["CLBD"], None, 1),
        (["ITBD"], None, 1),
        (["CLAV"], None, None),
        ([], None, None),
    ],
)
def test_balances_of_pages(tmp_path: Path, codes: list[str], opening: int | None, closing: int | None) -> None:
    balances = "".join(
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{place}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd><Dt><DtTm>2026-01-31T00:00:00Z</DtTm></Dt></Bal>"
        for place, code in enumerate(codes, start=1)
    )
    text = f"<Document><BkToCstmrStmt><Stmt><Acct><Ccy>EUR</Ccy></Acct>{balances}</Stmt></BkToCstmrStmt></Document>"
    found = statements_of(placed(tmp_path, text))[0]
    assert (found.opening, found.closing) == (opening, closing)


def test_reports_and_notifications_are_read_and_not_checked(tmp_path: Path) -> None:
    made = [Statement("DE1", "EUR", Decimal(0), [Entry(Decimal("7.00"), "2026-01-02")])]
    assert statements_of(placed(tmp_path, write(made, 8, "052")))[0].kind == "interim report"
    table, notes = read_camt(placed(tmp_path, write(made, 8, "054")))
    assert table.num_rows == 1
    assert notes == ["1 of 1 statements state no balances or sums: not checked"]


def test_stated_sums_are_compared_where_there_are_no_balances(tmp_path: Path) -> None:
    made = [Statement("DE1", "EUR", Decimal(0), [Entry(Decimal("7.00"), "2026-01-02")])]
    sums = "<TxsSummry><TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>8.00</Sum></TtlCdtNtries></TxsSummry>"
    text = write(made, 8, "054").replace("<Ntry>", sums + "<Ntry>")
    notes = read_camt(placed(tmp_path, text))[1]
    assert notes == ["statement 1 (number 7) of account DE1 does not add up: credits deviation 1.00 EUR"]


def test_an_entry_in_another_currency_is_not_in_the_sum(tmp_path: Path) -> None:
    entries = [Entry(Decimal("100.00"), "2026-01-02"), Entry(Decimal("5.00"), "2026-01-03")]
    text = write([Statement("DE1", "EUR", Decimal(0), entries)]).replace('<Amt Ccy="EUR">5.00', '<Amt Ccy="USD">5.00')
    notes = read_camt(placed(tmp_path, text))[1]
    assert any("1 entries in other currencies" in note for note in notes)
    assert any("deviation 5.00 EUR" in note for note in notes)


def test_the_encoding_of_the_declaration_holds(tmp_path: Path) -> None:
    made = [
        Statement("DE1", "EUR", Decimal(0), [Entry(Decimal(1), "2026-01-02", pays=[Pay(Decimal(1), "Müller", "ß")])])
    ]
    text = write(made).replace("UTF-8", "ISO-8859-1")
    assert read_camt(placed(tmp_path, text.encode("latin-1")))[0]["counterparty"].to_pylist() == ["Müller"]
    utf16 = write(made).replace("UTF-8", "UTF-16")
    assert read_camt(placed(tmp_path, utf16.encode("utf-16")))[0]["counterparty"].to_pylist() == ["Müller"]


ENTRY = write([Statement("DE1", "EUR", Decimal(0), [Entry(Decimal("7.00"), "2026-01-02")])])
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ENTRY.replace("7.00</Amt><CdtDbtInd>CRDT", "7,00</Amt><CdtDbtInd>CRDT"), "Amt is '7,00'"),
        (ENTRY.replace("7.00</Amt><CdtDbtInd>CRDT", "-7.00</Amt><CdtDbtInd>CRDT"), "without a sign"),
        (ENTRY.replace("7.00</Amt><CdtDbtInd>CRDT", "7.00</Amt><CdtDbtInd>PLUS"), "CRDT or DBIT"),
        (ENTRY.replace("7.00</Amt><CdtDbtInd>CRDT", "NaN</Amt><CdtDbtInd>CRDT"), "Amt is 'NaN'"),
        (ENTRY.replace("7.00</Amt><CdtDbtInd>CRDT", "1e5</Amt><CdtDbtInd>CRDT"), "Amt is '1e5'"),
        (ENTRY.replace("7.00</Amt><CdtDbtInd>CRDT", "9" * 1000 + "</Amt><CdtDbtInd>CRDT"), "Amt is '999"),
        (ENTRY.replace("2026-01-02", "2026-02-30"), "BookgDt is '2026-02-30'"),
        (ENTRY.replace("<Cd>BOOK</Cd>", "<Cd>MAYBE</Cd>"), "'MAYBE'"),
        (ENTRY[:-40], "not well-formed"),
        ("<Document><CstmrCdtTrfInitn/></Document>", "no CAMT message"),
        ("<BkToCstmrStmt>" * 1000, "nests elements"),
        ("<a>" * 1000, "no CAMT message"),
        ("plain text", "not well-formed"),
        ("", "not well-formed"),
        ("\0" * 50, "not well-formed"),
        ('<?xml version="1.0" encoding="utf-7"?><Document/>', "XML"),
        ('<?xml version="1.0" encoding="gb18030"?><Document/>', "XML"),
        (ENTRY.replace("<Document", f'<!DOCTYPE D [<!ENTITY l0 "ha">{LAUGHS}]><Document', 1), "refused"),
        (ENTRY.replace("<Document", f'<!DOCTYPE D [<!ENTITY a "{"a" * 10**5}">]><Document', 1), "refused"),
        (ENTRY.replace("<Document", '<!DOCTYPE D [<!ENTITY x SYSTEM "file:///etc/hostname">]><Document', 1), "refused"),
        (ENTRY.replace("<Document", '<!DOCTYPE D SYSTEM "http://localhost/x.dtd"><Document', 1), "refused"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_camt(placed(tmp_path, text))


def test_a_message_without_movements_says_so(tmp_path: Path) -> None:
    empty = placed(tmp_path, write([Statement("DE1", "EUR", Decimal("3.00"), [])]))
    assert parse_camt(empty).check()["holds"].to_pylist() == [True]
    with pytest.raises(InputError, match="1 statements and no movements"):
        read_camt(empty)
    with pytest.raises(InputError, match="holds no statements"):
        read_camt(placed(tmp_path, write([])))


MEASURE = """
import resource, sys
from pathlib import Path
from finlab.data.formats.camt import parse_camt
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
file = parse_camt(Path(sys.argv[1]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(file.movements.num_rows, file.check()["holds"].to_pylist()[0], (after - before) << 10)
"""


@pytest.mark.slow
def test_a_long_file_takes_little_memory(tmp_path: Path) -> None:
    pays = [Pay(Decimal("1.00"), "Meyer", "Text " * 20)]
    entries = [Entry(Decimal("1.00"), "2026-01-02", pays=pays)] * 100_000
    path = placed(tmp_path, write([Statement("DE1", "EUR", Decimal(0), entries)]))
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    rows, holds, grown = done.stdout.split()
    assert (rows, holds) == ("100000", "True")
    assert int(grown) < 2.5 * path.stat().st_size  # as a tree of elements it takes some ten times the file


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**9), st.integers(2, 13))
def test_balances_hold_for_anything_that_is_drawn(
    tmp_path_factory: pytest.TempPathFactory, seed: int, version: int
) -> None:
    folder = tmp_path_factory.mktemp("camt")
    file = parse_camt(placed(folder, write(drawn(seed), version)))
    assert file.check()["holds"].to_pylist() == [True] * 3
