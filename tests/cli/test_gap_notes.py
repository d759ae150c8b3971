"""What `finlab gaps run` says beside the gaps: notes of one form are one line."""

from finlab.cli.gap_sources import in_short


def test_notes_of_one_form_are_one_line_after_the_others() -> None:
    notes = [
        "amount: a's 'x' and b's 'y', by names and values",
        "date: 'day', by names and values",
        "compared as numbers (a's 'x' DOUBLE; b's 'y' texts: decimal mark ',')",
        "compared as days (both)",
        "3 rows of a have no amount",
    ]
    assert in_short(notes) == (
        "3 rows of a have no amount",
        "columns, by names and values: amount (a's 'x' and b's 'y'); date ('day')",
        "compared as: numbers (a's 'x' DOUBLE; b's 'y' texts: decimal mark ','); days (both)",
    )
    assert in_short(notes[:1]) == tuple(notes[:1]) and in_short([]) == ()
