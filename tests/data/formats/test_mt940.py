"""MT940 and MT942: real files against an independent twin, what the library gets wrong, and damaged files."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import mt940
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.formats.mt940 import nearest_day, parse_mt940, read_details, read_mt940, short_year, statements_of

SAMPLES = ["abnamro.sta", "ing.sta", "mt942.sta", "sepa_mt9401.sta"]
HEAD = ":20:A\n:25:ACCOUNT\n:28C:1/1\n:60F:C260105EUR100,00\n"
TAIL = ":62F:C260105EUR100,00\n-\n"


def placed(folder: Path, text: str | bytes) -> Path:
    path = folder / "statement.sta"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def row(folder: Path, line: str, told: str = "") -> dict:
    body = f":61:{line}\n" + (f":86:{told}\n" if told else "")
    return read_mt940(placed(folder, HEAD + body + TAIL))[0].to_pylist()[0]


def twin(path: Path) -> list[tuple[int, Decimal]]:
    """The line and the signed amount of every movement, by two regular expressions and nothing else."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = re.match(r":61:\d{6}(?:\d{4})?(R?)([CD])[A-Z]?(\d+),(\d*)", line)
        if match:
            amount = Decimal(f"{match[3]}.{match[4]}" if match[4] else match[3])
            found.append((number, amount if (match[2] == "C") != bool(match[1]) else -amount))
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_of_a_real_file_is_a_movement(testdata: Path, name: str) -> None:
    path = testdata / "formats" / name
    file = parse_mt940(path)
    assert list(zip(file.movements["line"].to_pylist(), file.movements["amount"].to_pylist(), strict=True)) == twin(
        path
    )
    assert file.movements.num_rows == path.read_bytes().count(b"\n:61:")
    assert len(file.statements) == path.read_bytes().count(b":20:")


@pytest.mark.parametrize("name", SAMPLES)
def test_every_statement_holds_or_its_deviation_is_what_the_file_lacks(testdata: Path, name: str) -> None:
    """Two of the library's samples were shortened by hand: their movements do not add up to their balances."""
    lacking = {"abnamro.sta": ["-2038.00", "-1002.60"], "ing.sta": ["49.06"]}.get(name)
    check = parse_mt940(testdata / "formats" / name).check()
    assert check["holds"].to_pylist() == [lacking is None] * check.num_rows
    if lacking:
        assert check["deviation"].to_pylist() == [Decimal(amount) for amount in lacking]


def test_all_26_german_statements_add_up_to_the_cent(testdata: Path) -> None:
    check = parse_mt940(testdata / "formats" / "sepa_mt9401.sta").check()
    assert check["holds"].to_pylist() == [True] * 26
    assert set(check["deviation"].to_pylist()) == {Decimal(0)}


def test_an_interim_report_is_checked_by_its_sums(testdata: Path, tmp_path: Path) -> None:
    path = testdata / "formats" / "mt942.sta"
    report = statements_of(path)[0]
    assert (report.kind, report.opening, report.closing, report.credits) == (
        "interim report",
        None,
        None,
        Decimal("0.03"),
    )
    lost = re.sub(rb"(?s):61:.*?(?=:61:)", b"", path.read_bytes(), count=1)
    notes = read_mt940(placed(tmp_path, lost))[1]
    assert any("credits deviation 0.01 PLN" in note for note in notes)


@pytest.mark.parametrize(
    ("mark", "sign", "reversal", "status"),
    [
        ("C", 1, False, "booked"),
        ("D", -1, False, "booked"),
        ("RC", -1, True, "booked"),
        ("RD", 1, True, "booked"),
        ("CR", 1, False, "booked"),
        ("DR", -1, False, "booked"),
        ("RCR", -1, True, "booked"),
        ("EC", 1, False, "pending"),
        ("ED", -1, False, "pending"),
        ("d", -1, False, "booked"),
    ],
)
def test_marks(tmp_path: Path, mark: str, sign: int, reversal: bool, status: str) -> None:
    found = row(tmp_path, f"2601060106{mark}12,5NTRFNONREF")
    assert (found["amount"], found["reversal"], found["status"]) == (Decimal("12.50") * sign, reversal, status)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("100,", "100"), ("0,01", "0.01"), (",5", "0.5"), ("1,125", "1.125"), ("123456789012,34", "123456789012.34")],
)
def test_amounts(tmp_path: Path, text: str, amount: str) -> None:
    assert row(tmp_path, f"2601060106C{text}NTRFNONREF")["amount"] == Decimal(amount)


@pytest.mark.parametrize(
    ("line", "reference", "bank"),
    [
        ("260106C1,NTRFNONREF", None, None),
        ("260106C1,NTRFABC//XYZ", "ABC", "XYZ"),
        ("260106C1,NTRF" + "R" * 34 + "//XYZ", "R" * 34, "XYZ"),
        ("260106C1,", None, None),
        ("260106C1,NTRFABC//XYZ\nmore said", "ABC", "XYZ"),
    ],
)
def test_references(tmp_path: Path, line: str, reference: str | None, bank: str | None) -> None:
    found = row(tmp_path, line)
    assert (found["reference"], found["bank_reference"]) == (reference, bank)


@pytest.mark.parametrize(
    ("value", "booked", "expected"),
    [
        ("260106", "0106", "2026-01-06"),
        ("251231", "0102", "2026-01-02"),
        ("260102", "1231", "2025-12-31"),
        ("101115", "0110", "2011-01-10"),
        ("240228", "0229", "2024-02-29"),
        ("260106", "", "2026-01-06"),
        ("260106", "    ", "2026-01-06"),
        ("991231", "0103", "2000-01-03"),
    ],
)
def test_booking_dates(tmp_path: Path, value: str, booked: str, expected: str) -> None:
    assert str(row(tmp_path, f"{value}{booked}C1,NTRFNONREF")["booking_date"]) == expected


@given(st.dates(date(1985, 1, 1), date(2070, 1, 1)), st.integers(-180, 180))
def test_the_year_of_a_booking_within_half_a_year_is_found(day: date, distance: int) -> None:
    booked = date.fromordinal(day.toordinal() + distance)
    assert nearest_day(f"{booked.month:02}", f"{booked.day:02}", day, "x", set()) == booked


def test_centuries() -> None:
    assert [short_year(digits) for digits in ("00", "26", "79", "80", "99")] == [2000, 2026, 2079, 1980, 1999]


@pytest.mark.parametrize(
    ("day", "expected"), [("260230", "2026-02-28"), ("240230", "2024-02-29"), ("260229", "2026-02-28")]
)
def test_30_february_is_its_last_day_and_noted(tmp_path: Path, day: str, expected: str) -> None:
    table, notes = read_mt940(placed(tmp_path, f"{HEAD}:61:{day}C1,NTRFNONREF\n{TAIL}"))
    assert str(table["value_date"][0]) == expected
    assert any("last day of the month" in note for note in notes)


@pytest.mark.parametrize(
    ("text", "purpose", "name", "account", "reference"),
    [
        ("166?00X?20SVWZ+One two?32Meyer?33 GmbH?31DE02", "One two", "Meyer GmbH", "DE02", ""),
        ("166?00X?20EREF+E1?21SVWZ+One ?22two?60 three", "One two three", "", "", "E1"),
        ("166?00X?20Plain text?21 goes on", "Plain text goes on", "", "", ""),
        ("166?00X?20SVWZ+Why? Because?21 of it", "Why? Because of it", "", "", ""),
        ("166?00X?20SVWZ+Line\n?21s", "Lines", "", "", ""),
        ("166?00X?20A?20B", "AB", "", "", ""),
        ("/TRTP/SEPA/IBAN/NL1/NAME/Bo/REMI/Rent/EREF/E2", "Rent", "Bo", "NL1", "E2"),
        ("/CNTP/NL2/INGBNL2A/Jan/City///REMI/USTD//Gift/", "Gift", "Jan", "NL2", ""),
        ("free  text\nof two lines", "free text of two lines", "", "", ""),
        ("", "", "", "", ""),
        ("?20", "?20", "", "", ""),
    ],
)
def test_details(text: str, purpose: str, name: str, account: str, reference: str) -> None:
    told = read_details(text)
    assert (told.purpose, told.counterparty, told.account, told.reference) == (purpose, name, account, reference)


def test_details_keep_the_text_as_it_stands(tmp_path: Path) -> None:
    told = "166?00X?20SVWZ+One? two?70kept\nas it is"
    assert row(tmp_path, "260106C1,NTRFNONREF", told)["details"] == told


BODY = ":61:260105C1,NTRFNONREF\n:86:Größe\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + BODY + TAIL,
        "{1:F01BANKDEFFAXXX0000000000}{2:O9400000000000BANKDEFF}{4:\n" + HEAD + BODY + TAIL[:-2] + "-}{5:{CHK:1}}\n",
        "{1:F01}{4:" + HEAD + BODY + TAIL,
        "0000 01INGBNL2AXXXX00001\n940 00\n" + HEAD + BODY + TAIL[:-2] + "-XXX\n",
        "\x01\n" + HEAD + BODY + TAIL[:-1] + "\x03",
        (HEAD + BODY + TAIL).replace("\n", "\n\n"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_envelopes_line_ends_and_encodings(tmp_path: Path, text: str, encoding: str, end: str) -> None:
    file = parse_mt940(placed(tmp_path, text.replace("\n", end).encode(encoding)))
    assert len(file.statements) == 1
    assert file.movements["details"].to_pylist() == ["Größe"]
    assert file.statements[0].closing == Decimal(100)
    assert bool(file.notes) == (encoding == "cp1252")


def test_a_given_encoding_holds(tmp_path: Path) -> None:
    path = placed(tmp_path, (HEAD + BODY.replace("Größe", "Łódź") + TAIL).encode("cp1250"))
    assert read_mt940(path, encoding="cp1250")[0]["purpose"].to_pylist() == ["Łódź"]
    with pytest.raises(InputError, match="not ascii text"):
        read_mt940(path, encoding="ascii")
    with pytest.raises(InputError, match="encoding is 'nonsense'"):
        read_mt940(path, encoding="nonsense")


def test_many_statements_stay_apart(tmp_path: Path) -> None:
    bodies = [f":61:260105{mark}5,NTRFNONREF\n" for mark in "CDC"]
    ends = ["105,00", "95,00", "105,00"]
    text = "".join(
        HEAD.replace("ACCOUNT", f"A{place}") + body + TAIL.replace("100,00", end)
        for place, (body, end) in enumerate(zip(bodies, ends, strict=True))
    )
    file = parse_mt940(placed(tmp_path, text))
    assert file.check()["holds"].to_pylist() == [True] * 3
    assert file.movements["account"].to_pylist() == ["A0", "A1", "A2"]
    assert mt940.parse(text).data["account_identification"] == "A2"  # the library knows the last account only


def test_statements_that_share_one_reference_stay_apart(tmp_path: Path) -> None:
    second = HEAD.replace(":20:A\n", "").replace("ACCOUNT", "OTHER")
    file = parse_mt940(
        placed(tmp_path, HEAD + BODY + TAIL.replace("100", "101") + second + BODY + TAIL.replace("100", "101"))
    )
    assert [one.account for one in file.statements] == ["ACCOUNT", "OTHER"]
    assert file.check()["holds"].to_pylist() == [True, True]


def test_a_line_without_a_type_code_is_not_overwritten(tmp_path: Path) -> None:
    text = HEAD + ":61:260105C1,\n:61:260105C2,NTRFNONREF\n" + TAIL
    assert read_mt940(placed(tmp_path, text))[0]["amount"].to_pylist() == [Decimal(1), Decimal(2)]
    assert len(mt940.parse(text)) == 1  # the library loses the first


def test_information_after_the_closing_balance_belongs_to_the_statement(tmp_path: Path) -> None:
    file = parse_mt940(placed(tmp_path, HEAD + BODY + ":62F:C260105EUR101,00\n:86:Best regards\n-\n"))
    assert file.statements[0].information == "Best regards"
    assert file.movements["details"].to_pylist() == ["Größe"]


def test_a_gap_between_statements_is_noted(tmp_path: Path) -> None:
    notes = read_mt940(
        placed(tmp_path, HEAD + BODY + TAIL.replace("100", "101") + HEAD + BODY + TAIL.replace("100", "101"))
    )[1]
    assert notes == [
        "statement 2 (number 1/1) of account ACCOUNT does not open where the one before it closed: gap -1.00 EUR"
    ]


def test_a_cut_off_statement_is_noted(tmp_path: Path) -> None:
    notes = read_mt940(placed(tmp_path, HEAD + BODY))[1]
    assert "statement 1 lacks a closing balance: the file may be cut off" in notes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + ":61:260105C1.50NTRFNONREF\n" + TAIL, "line 5, field :61: is"),
        (HEAD + ":61:260105C1234567890123456,78NTRF\n" + TAIL, "line 5, field :61: is"),
        (HEAD + ":61:260105C1,2,3NTRFNONREF\n" + TAIL, "line 5, the amount is"),
        (HEAD + ":61:260105X1,NTRFNONREF\n" + TAIL, "line 5, field :61: is"),
        (HEAD + ":61:261305C1,NTRFNONREF\n" + TAIL, "line 5: 05.13.2026 is no day"),
        (HEAD + ":61:2601051305C1,NTRFNONREF\n" + TAIL, "line 5: 05.13"),
        (HEAD + ":61:260105C,NTRFNONREF\n" + TAIL, "the amount is ','"),
        (HEAD.replace("100,00", "100.00"), "line 4, field :60F: is"),
        (HEAD.replace("100,00", ""), "the balance is ''"),
        (HEAD.replace("C26", "X26"), "line 4, field :60F: is"),
        (HEAD + BODY + TAIL + ":62F:C260105EUR7,\n", "a second, different :62F:"),
        (HEAD + BODY + ":90C:many\n", "field :90C: is 'many'"),
        (HEAD + ":61:260105C1,NTRF\n:86:" + "x" * 10**6 + "\n" + TAIL, "has 1,000,000 characters"),
        (HEAD + ":61:260105C\uff11,NTRF\n" + TAIL, "field :61: is"),
        ("nothing of the kind", "holds no MT940 statement"),
        (HEAD, "no movements"),
        ("", "is empty"),
        (b"\xef\xbb\xbf", "no MT940"),
        (HEAD + "\0" + BODY, "null byte"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        read_mt940(placed(tmp_path, text))


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.sta"):
        with pytest.raises(InputError, match="cannot be opened"):
            read_mt940(path)


AMOUNTS = st.decimals(Decimal("0.01"), Decimal(10**9), places=2)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["C", "D", "RC", "RD"]), AMOUNTS), min_size=1, max_size=20), AMOUNTS)
def test_what_is_written_adds_up(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, Decimal]], opening: Decimal
) -> None:
    signed = [amount if mark in ("C", "RD") else -amount for mark, amount in moves]
    closing = opening + sum(signed, Decimal(0))
    lines = "".join(f":61:260105{mark}{str(amount).replace('.', ',')}NTRFNONREF\n" for mark, amount in moves)
    mark = "C" if closing >= 0 else "D"
    text = f":20:A\n:25:B\n:60F:C260105EUR{opening}\n{lines}:62F:{mark}260105EUR{abs(closing)}\n-\n".replace(".", ",")
    file = parse_mt940(placed(tmp_path_factory.mktemp("mt940"), text))
    assert file.movements["amount"].to_pylist() == signed
    assert file.check()["holds"].to_pylist() == [True]
