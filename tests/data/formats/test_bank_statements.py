"""The common result of the bank formats: exact sums, deviations, gaps, notes."""

from decimal import Decimal

import pyarrow as pa
import pytest

from finlab.core.errors import InputError
from finlab.data.formats.statements import (
    BATCH,
    BankFile,
    BankStatement,
    Movement,
    Movements,
    check_notes,
    check_statements,
    statements_table,
)


def table(*amounts: str, currency: str = "EUR", status: str = "booked") -> pa.Table:
    movements = Movements()
    for place, amount in enumerate(amounts, start=1):
        movements.add(Movement(1, "A", place, Decimal(amount), currency, status=status))
    return movements.table()


def statement(opening: str | None, closing: str | None, number: int = 1) -> BankStatement:
    ends = [None if text is None else Decimal(text) for text in (opening, closing)]
    return BankStatement(number, "A", "EUR", opening=ends[0], closing=ends[1])


@pytest.mark.parametrize(
    ("opening", "closing", "amounts", "deviation", "holds"),
    [
        ("0.00", "0.30", ["0.10", "0.20"], "0", True),
        ("0.00", "0.31", ["0.10", "0.20"], "0.01", False),
        ("-5.00", "-5.00", [], "0", True),
        ("1", "1.125", ["0.125"], "0", True),
        (None, "1.00", ["1.00"], None, None),
        ("1.00", None, ["1.00"], None, None),
        ("0", "99999999999999999999999.99", ["99999999999999999999999.98", "0.01"], "0", True),
    ],
)
def test_deviations(
    opening: str | None, closing: str | None, amounts: list[str], deviation: str | None, holds: object
) -> None:
    check = check_statements([statement(opening, closing)], table(*amounts))
    assert check["holds"].to_pylist() == [holds]
    assert check["deviation"].to_pylist() == [None if deviation is None else Decimal(deviation)]


def test_a_hundred_thousand_of_the_largest_amounts_stay_exact() -> None:
    amount, count = Decimal("9" * 24 + ".12345678"), 100_000
    column = pa.array([amount], pa.decimal128(38, 8)).take(pa.array([0] * count))
    one = table(str(amount))
    many = pa.table({name: one[name].combine_chunks().take(pa.array([0] * count)) for name in one.column_names})
    many = many.set_column(many.column_names.index("amount"), "amount", column)
    check = check_statements([BankStatement(1, "A", "EUR", opening=Decimal(0), closing=Decimal(0))], many)
    assert str(check["movements"][0].as_py()) == "99999999999999999999999912345.67800000"


def test_pending_and_foreign_movements_do_not_count() -> None:
    pending = pa.concat_tables([table("1.00"), table("7.00", status="pending"), table("5.00", currency="USD")])
    check = check_statements([statement("0", "1.00")], pending)
    assert (check["holds"].to_pylist(), check["other_currency"].to_pylist()) == ([True], [1])


def test_gaps_are_seen_between_statements_of_one_account() -> None:
    check = check_statements([statement("0", "5"), statement("5", "6", 2), statement("7", "7", 3)], table())
    assert check["gap"].to_pylist() == [None, Decimal(0), Decimal(1)]
    other = BankStatement(2, "B", "EUR", opening=Decimal(9), closing=Decimal(9))
    assert check_statements([statement("0", "5"), other], table())["gap"].to_pylist() == [None, None]


def test_many_broken_statements_are_counted_and_the_first_named() -> None:
    notes = check_notes(check_statements([statement("0", "5", number) for number in range(1, 10)], table()))
    assert sum("does not add up" in note for note in notes) == 5
    assert notes[-1] == "9 of 9 statements do not add up"


def test_no_statements_check_to_nothing() -> None:
    assert check_statements([], table()).num_rows == 0
    assert check_notes(check_statements([], table())) == []
    assert statements_table([]).num_rows == 0
    with pytest.raises(InputError, match="holds no statements"):
        BankFile("x", [], table(), []).read()


def test_batches_keep_order_and_the_most_digits() -> None:
    movements = Movements()
    for place in range(BATCH + 2):
        movements.add(Movement(1, "A", place, Decimal("0.125") if place == BATCH else Decimal(1), "EUR"))
    found = movements.table()
    assert str(found.schema.field("amount").type) == "decimal128(38, 3)"
    assert found["entry"].to_pylist() == list(range(BATCH + 2))
    assert movements.count == BATCH + 2
