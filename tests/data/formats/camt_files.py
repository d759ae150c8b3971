"""Writes CAMT files of every version from a plain account of what is in them; knows nothing of the reader."""

import random
from dataclasses import dataclass, field
from decimal import Decimal

KINDS = {
    "053": ("BkToCstmrStmt", "Stmt"),
    "052": ("BkToCstmrAcctRpt", "Rpt"),
    "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}


@dataclass
class Pay:
    amount: Decimal  # signed
    party: str
    text: str


@dataclass
class Entry:
    amount: Decimal  # signed: what the account sees
    day: str
    status: str = "BOOK"
    reversal: bool = False
    pays: list[Pay] = field(default_factory=list)


@dataclass
class Statement:
    account: str
    currency: str
    opening: Decimal
    entries: list[Entry]

    @property
    def closing(self) -> Decimal:
        return self.opening + sum((one.amount for one in self.entries if one.status == "BOOK"), Decimal(0))


def drawn(seed: int, statements: int = 3, entries: int = 12) -> list[Statement]:
    """Draw statements: single and collective entries, reversals, announced entries, overdrafts."""
    draw = random.Random(seed)
    made = []
    for number in range(statements):
        listed = []
        for place in range(draw.randrange(entries + 1)):
            pays = [
                Pay(Decimal(draw.randrange(1, 10**6)).scaleb(-2), f"Party {place}.{part}", f"Text {place}.{part}")
                for part in range(draw.choice([0, 1, 1, 1, 2, 5]))
            ]
            sign = draw.choice([1, -1])
            total = sum((one.amount for one in pays), Decimal(0)) or Decimal(draw.randrange(1, 10**9)).scaleb(-2)
            pays = [Pay(one.amount * sign, one.party, one.text) for one in pays]
            status = draw.choices(["BOOK", "PDNG", "INFO"], [8, 1, 1])[0]
            day = f"2026-0{draw.randrange(1, 10)}-{draw.randrange(1, 29):02}"
            listed.append(Entry(total * sign, day, status, draw.random() < 0.2, pays))
        opening = Decimal(draw.randrange(-(10**8), 10**8)).scaleb(-2)
        made.append(Statement(f"DE{number:020}", draw.choice(["EUR", "CHF"]), opening, listed))
    return made


def write(statements: list[Statement], version: int = 8, kind: str = "053", prefix: str = "") -> str:
    """Write statements as a document of the version, with or without a namespace prefix."""
    message, name = KINDS[kind]
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.{version:02}"
    body = "".join(_statement(one, name, version) for one in statements)
    document = f"<Document><{message}><GrpHdr><MsgId>M</MsgId></GrpHdr>{body}</{message}></Document>"
    if prefix:
        document = document.replace("</", "\0").replace("<", f"<{prefix}:").replace("\0", f"</{prefix}:")
    mark = f"xmlns:{prefix}" if prefix else "xmlns"
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + document.replace("Document>", f'Document {mark}="{space}">', 1)


def _side(amount: Decimal) -> str:
    return "CRDT" if amount >= 0 else "DBIT"


def _balance(code: str, amount: Decimal, currency: str) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{abs(amount)}</Amt>'
        f"<CdtDbtInd>{_side(amount)}</CdtDbtInd><Dt><Dt>2026-01-31</Dt></Dt></Bal>"
    )


def _statement(one: Statement, name: str, version: int) -> str:
    balances = ""
    if name != "Ntfctn":
        balances = _balance("OPBD", one.opening, one.currency) + _balance("CLBD", one.closing, one.currency)
    entries = "".join(_entry(entry, one.currency, version) for entry in one.entries)
    return (
        f"<{name}><Id>{one.account}-1</Id><ElctrncSeqNb>7</ElctrncSeqNb><Acct><Id><IBAN>{one.account}</IBAN></Id>"
        f"<Ccy>{one.currency}</Ccy></Acct>{balances}{entries}</{name}>"
    )


def _entry(one: Entry, currency: str, version: int) -> str:
    status = f"<Cd>{one.status}</Cd>" if version >= 8 else one.status
    reversal = "<RvslInd>true</RvslInd>" if one.reversal else ""
    pays = "".join(_pay(pay, currency, one.reversal, version) for pay in one.pays)
    return (
        f'<Ntry><Amt Ccy="{currency}">{abs(one.amount)}</Amt><CdtDbtInd>{_side(one.amount)}</CdtDbtInd>{reversal}'
        f"<Sts>{status}</Sts><BookgDt><Dt>{one.day}</Dt></BookgDt><ValDt><DtTm>{one.day}T12:00:00</DtTm></ValDt>"
        f"<BkTxCd><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd>" + (f"<NtryDtls>{pays}</NtryDtls>" if pays else "") + "</Ntry>"
    )


def _pay(one: Pay, currency: str, reversal: bool, version: int) -> str:
    money = f'<Amt Ccy="{currency}">{abs(one.amount)}</Amt>'
    if version < 4:
        money = f"<AmtDtls><TxAmt>{money}</TxAmt></AmtDtls>"
    else:
        money += f"<CdtDbtInd>{_side(one.amount)}</CdtDbtInd>"
    name = f"<Pty><Nm>{one.party}</Nm></Pty>" if version >= 8 else f"<Nm>{one.party}</Nm>"
    us = name.replace(one.party, "We ourselves")
    theirs_first = (one.amount >= 0) != reversal
    debtor, creditor = (name, us) if theirs_first else (us, name)
    return (
        f"<TxDtls>{money}<RltdPties><Dbtr>{debtor}</Dbtr><Cdtr>{creditor}</Cdtr></RltdPties>"
        f"<RmtInf><Ustrd>{one.text}</Ustrd></RmtInf></TxDtls>"
    )
