"""Bank statements: opening + movements = closing, in the MT940 samples and in generated CAMT.053 files.

Two of the samples were shortened by hand, so that three of their statements do not add up in the file itself. Which
they are, and by how much, is found a second time here: from the raw text, by regular expressions alone.
"""

import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from forecast_rows.plan import Found, Plan, attempt
from harness import Row, testdata

MT940 = {
    "all": Plan("MT940 samples: opening + movements = closing", "= 1", "share", ""),
    "sound": Plan("MT940 samples that add up in the raw text: the same", "= 1", "share", "regular expressions"),
    "off": Plan("MT940 samples: deviations other than in the raw text", "= 0", "statements", "regular expressions"),
}
WRITTEN = "the account it was written from"
CAMT = {
    "holds": Plan("CAMT.053, generated: opening + movements = closing", "= 1", "share", WRITTEN),
    "off": Plan("CAMT.053, generated: amounts other than written", "= 0", "amounts", WRITTEN),
}
VERSIONS = range(2, 9)  # of camt.053.001
SEEDS, QUICK_SEEDS, STATEMENTS = 30, 2, 5

_BALANCE = r"(?m)^:6{digit}[FM]:([CD])\d{{6}}[A-Z]{{3}}([\d,]+)"
_LINE = re.compile(r"(?m)^:61:\d{6}(?:\d{4})?(R?)([CD])[A-Z]?([\d,]+)")


class Stated(NamedTuple):
    """What a statement says: both balances (None: not stated) and the sum of its movements."""

    opening: Decimal | None
    closing: Decimal | None
    movements: Decimal

    @property
    def deviation(self) -> Decimal | None:
        if self.opening is None or self.closing is None:
            return None
        return self.closing - self.opening - self.movements


def _amount(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def _balance(message: str, digit: int) -> Decimal | None:
    found = re.search(_BALANCE.format(digit=digit), message)
    return None if found is None else _amount(found[2]) * (1 if found[1] == "C" else -1)


def stated_in(text: str) -> list[Stated]:
    """The statements in the text of an MT940 file, by its tags alone."""
    made = []
    for message in re.split(r"(?m)^(?=:20:)", text)[1:]:
        lines = [(_amount(found[3]), (found[2] == "C") != bool(found[1])) for found in _LINE.finditer(message)]
        total = sum((amount if comes_in else -amount for amount, comes_in in lines), Decimal(0))
        made.append(Stated(_balance(message, 0), _balance(message, 2), total))
    return made


class Compared(NamedTuple):
    """Statements that state both balances: how many, how many hold by finlab, and how the raw text differs."""

    both: int
    hold: int
    sound: int  # add up in the raw text
    sound_hold: int
    off: int
    named: list[str]


def compare_file(path: Path) -> Compared:
    from finlab.data.formats.mt940 import parse_mt940

    checked = parse_mt940(path).check().to_pylist()
    raw = stated_in(path.read_text(encoding="utf-8"))
    pairs = [(ours["deviation"], theirs.deviation) for ours, theirs in zip(checked, raw, strict=True)]
    both = [(ours, theirs) for ours, theirs in pairs if theirs is not None]
    return Compared(
        len(both),
        sum(ours == 0 for ours, _ in both),
        sum(theirs == 0 for _, theirs in both),
        sum(ours == theirs == 0 for ours, theirs in both),
        sum(ours != theirs for ours, theirs in pairs),
        [f"{path.name} {theirs}" for _, theirs in both if theirs],
    )


def mt940_found(folder: Path) -> dict[str, Found]:
    files = [compare_file(path) for path in sorted(folder.glob("*.sta"))]
    both, hold, sound, sound_hold, off = (sum(one[place] for one in files) for place in range(5))
    named = [name for one in files for name in one.named]
    told = f"{hold} of {both} that state both; {len(named)} do not add up in the file itself: {', '.join(named)}"
    return {
        "all": Found(hold / both, both, 1, told),
        "sound": Found(sound_hold / sound, sound, 1, f"{sound_hold} of {sound}"),
        "off": Found(off, sum(len(stated_in(path.read_text(encoding="utf-8"))) for path in folder.glob("*.sta")), 1),
    }


def _written(statements: list[Any]) -> list[Decimal]:
    amounts = []
    for one in statements:
        amounts += [one.opening, one.closing, *(entry.amount for entry in one.entries)]
    return amounts


def _read(file: Any) -> list[Decimal | None]:
    amounts: list[Decimal | None] = []
    rows = file.movements.select(["statement", "amount"]).to_pylist()
    for one in file.statements:
        amounts += [one.opening, one.closing, *(row["amount"] for row in rows if row["statement"] == one.statement)]
    return amounts


def camt_found(seeds: int) -> dict[str, Found]:
    """Write files of every version, with collective entries, reversals and announced entries, and read them back."""
    from finlab.data.formats.camt import parse_camt

    from .borrowed import camt_files

    holds, off, amounts = list[bool](), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "statement.xml")
        for version in VERSIONS:
            for seed in range(seeds):
                made = camt_files.drawn(seed, STATEMENTS)
                path.write_text(camt_files.write(made, version, prefix="ns" if seed % 2 else ""), encoding="utf-8")
                file = parse_camt(path)
                holds += file.check()["holds"].to_pylist()
                written, read = _written(made), _read(file)
                amounts += len(written)
                off += abs(len(written) - len(read)) + sum(a != b for a, b in zip(written, read, strict=False))
    note = f"versions 001.{VERSIONS[0]:02} to 001.{VERSIONS[-1]:02}, {seeds} files each"
    return {
        "holds": Found(sum(holds) / len(holds), len(holds), 1, note),
        "off": Found(off, amounts, 1, "opening, closing and every movement"),
    }


def bank_rows(quick: bool) -> list[Row]:
    return [
        *attempt(MT940, lambda: mt940_found(testdata() / "formats")),
        *attempt(CAMT, lambda: camt_found(QUICK_SEEDS if quick else SEEDS)),
    ]
