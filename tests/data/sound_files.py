"""Small sound files of every format that a store loads, and two contracts that they fit; written without finlab."""

import io
import json
import sqlite3
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from finlab.data.contracts import Check, Contract
from finlab.data.fields import Field

SPEND = Contract(
    "spend",
    [
        Field("department"),
        Field("entity"),
        Field("date", "date", aliases=("payment date",)),
        Field("expense_type"),
        Field("supplier", required=True),
        Field("transaction_number"),
        Field("amount", "decimal", required=True, currency="GBP"),
    ],
    checks=[Check("not huge", "abs(amount) < 1e12")],
)
BANK = Contract(
    "movements",
    [
        Field("day", "date", aliases=("booking_date", "date"), required=True),
        Field("amount", "decimal", aliases=("betrag",), required=True),
        Field("text", aliases=("purpose", "name")),
        Field("currency", pattern="[A-Z]{3}"),
    ],
)

ROWS = [
    (f"2026-01-{day:02}", f"{day * 37 - 300}.{day:02}", f'Firma "Ä & Söhne", No. {day}', "EUR") for day in range(1, 29)
]


def _cells(delimiter: str, comma: bool = False) -> str:
    lines = [delimiter.join(("date", "amount", "text", "currency"))]
    for day, amount, text, currency in ROWS:
        shown = amount.replace(".", ",") if comma else amount
        quoted = '"' + text.replace('"', '""') + ("\nsecond line" if day.endswith("7") else "") + '"'
        lines.append(delimiter.join((day, shown, quoted, currency)))
    return "\n".join(lines) + "\n"


def _workbook() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.append(["date", "amount", "text", "currency"])
    for day, amount, text, currency in ROWS:
        sheet.append([day, float(amount), text, currency])
    book.save(out)
    return out.getvalue()


def _parquet() -> bytes:
    out = pa.BufferOutputStream()
    columns = dict(zip(("date", "amount", "text", "currency"), map(list, zip(*ROWS, strict=True)), strict=True))
    pq.write_table(pa.table({**columns, "amount": [float(amount) for amount in columns["amount"]]}), out)
    return out.getvalue().to_pybytes()


def sqlite_file(path: Path) -> Path:
    """A SQLite database with the table `moves`."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE moves (date TEXT, amount REAL, text TEXT, currency TEXT)")
    connection.executemany("INSERT INTO moves VALUES (?, ?, ?, ?)", ROWS)
    connection.commit()
    connection.close()
    return path


CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr>
<Stmt><Id>1</Id><Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-01-01</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">110.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-01-31</Dt></Dt></Bal>
{}</Stmt></BkToCstmrStmt></Document>
"""
ENTRY = """<Ntry><Amt Ccy="EUR">{}</Amt><CdtDbtInd>{}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-01-{:02}</Dt></BookgDt><NtryDtls><TxDtls><RmtInf><Ustrd>Rechnung {}</Ustrd></RmtInf></TxDtls>
</NtryDtls></Ntry>
"""
OFX2 = """<?xml version="1.0" encoding="UTF-8"?><?OFX OFXHEADER="200" VERSION="211"?>
<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR</CURDEF><BANKACCTFROM><BANKID>1</BANKID><ACCTID>55</ACCTID>
</BANKACCTFROM><BANKTRANLIST><DTSTART>20260101</DTSTART><DTEND>20260131</DTEND>
{}</BANKTRANLIST><LEDGERBAL><BALAMT>5</BALAMT><DTASOF>20260131</DTASOF></LEDGERBAL></STMTRS></STMTTRNRS>
</BANKMSGSRSV1></OFX>
"""
MOVE = """<STMTTRN><TRNTYPE>CREDIT</TRNTYPE><DTPOSTED>202601{0:02}</DTPOSTED><TRNAMT>{0}.50</TRNAMT>
<FITID>{0}</FITID><NAME>Firma {0}</NAME></STMTTRN>
"""
XBRL = """<?xml version="1.0" encoding="UTF-8"?>
<xbrl xmlns="http://www.xbrl.org/2003/instance" xmlns:us-gaap="http://fasb.org/us-gaap/2022"
 xmlns:iso4217="http://www.xbrl.org/2003/iso4217">
<context id="c1"><entity><identifier scheme="http://www.sec.gov/CIK">0000320193</identifier></entity>
<period><startDate>2025-01-01</startDate><endDate>2025-12-31</endDate></period></context>
<unit id="usd"><measure>iso4217:USD</measure></unit>
<us-gaap:Revenues contextRef="c1" unitRef="usd" decimals="-6">394328000000</us-gaap:Revenues>
<us-gaap:NetIncomeLoss contextRef="c1" unitRef="usd" decimals="-6">99803000000</us-gaap:NetIncomeLoss>
</xbrl>
"""


def _facts() -> bytes:
    fact = {"start": "2025-01-01", "end": "2025-12-31", "val": 12, "accn": "0001-25-1", "fy": 2025, "fp": "FY"}
    fact |= {"form": "10-K", "filed": "2026-02-01", "frame": "CY2025"}
    concepts = {
        "Revenues": {"label": "Revenues", "description": "Sales", "units": {"USD": [fact, fact | {"val": 13.5}]}}
    }
    return json.dumps({"cik": 1640147, "entityName": "Made Up Inc.", "facts": {"us-gaap": concepts}}).encode()


def written_files() -> dict[str, bytes]:
    """One small sound file of every format, by name."""
    records = [dict(zip(("date", "amount", "text", "currency"), row, strict=True)) for row in ROWS]
    entries = "".join(ENTRY.format(f"{day}.00", "CRDT" if day % 2 else "DBIT", day, day) for day in range(1, 20))
    return {
        "comma.csv": _cells(",").encode(),
        "western.csv": _cells(";", comma=True).encode("cp1252"),
        "chinese.csv": _cells(",").replace("Ä & Söhne", "穆勒公司").encode("gb18030"),
        "wide.csv": _cells(",").encode("utf-16"),
        "windows.csv": _cells(",").replace("\n", "\r\n").encode("utf-8-sig"),
        "tabs.tsv": _cells("\t").encode(),
        "list.json": json.dumps(records).encode(),
        "lines.jsonl": "\n".join(map(json.dumps, records)).encode(),
        "table.parquet": _parquet(),
        "book.xlsx": _workbook(),
        "statement.camt": CAMT.format(entries).encode(),
        "statement.ofx": OFX2.format("".join(MOVE.format(day) for day in range(1, 20))).encode(),
        "facts.json": _facts(),
        "instance.xbrl": XBRL.encode(),
    }


def real_files(folder: Path, most: int = 12_000) -> dict[str, bytes]:
    """The beginnings of the real files for tests, cut at the end of a line."""
    found = {}
    for path in sorted([*(folder / "ukspend").iterdir(), *(folder / "formats").iterdir()]):
        if path.name != "header_truth.csv":
            head = path.read_bytes()[:most]
            found[path.name.lower()] = head[: head.rfind(b"\n") + 1] if len(head) == most else head
    return found
