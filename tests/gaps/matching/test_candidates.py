"""Candidates against the whole cross join, and the refusal of a cross join that nobody could pay for."""

import time

import pytest
from hypothesis import given
from sides import FEW, KNOWN, ROWS, WINDOW, opened

from finlab.core.errors import InputError
from finlab.gaps.matching import candidates as room
from finlab.gaps.matching.candidates import MOST_PAIRS, NEAR_DAYS, NEAR_SHARE, Has, Window, candidates
from finlab.gaps.matching.twins import Row, set_apart

Pair = tuple[int, int]


def lag(left: Row, right: Row) -> int | None:
    return None if left.day is None or right.day is None else right.day - left.day


def agree(left: Row, right: Row, has: Has, window: Window) -> bool:
    """Whether a pair is in one of the blocks, said in plain Python."""
    if has.party and left.party != right.party:
        return False
    days = lag(left, right)
    later = not has.day or (days is not None and window.first <= days <= window.last)
    undated = has.day and None in (left.day, right.day)
    amounts = left.cents is not None and right.cents is not None
    digits = amounts and str(abs(left.cents)).rstrip("0") == str(abs(right.cents)).rstrip("0")
    near = amounts and abs(right.cents - left.cents) <= NEAR_SHARE * abs(left.cents) and left.text[:1] == right.text[:1]
    return bool(
        (digits and (later or undated))
        or (has.reference and left.reference == right.reference != "")
        or (has.day and has.party and days is not None and abs(days) <= NEAR_DAYS)
        or (has.text and not has.party and near and later)
    )


def slow(left: list[Row], right: list[Row], has: Has, window: Window) -> tuple[set[Pair], set[Pair]]:
    """The pairs by the rooms' function and by the cross join, as rows."""
    connection = opened(left, right)
    set_apart(connection)
    found = candidates(connection, has, window)
    asked = [connection.execute(f"SELECT row FROM {side}_open ORDER BY place").fetchall() for side in ("l", "r")]
    rows = [[row for (row,) in side] for side in asked]
    mine = [(rows[0][a], rows[1][b]) for a, b in zip(found.left.tolist(), found.right.tolist(), strict=True)]
    assert len(mine) == len(set(mine))
    for (a, b), reference, currency in zip(mine, found.reference.tolist(), found.currency.tolist(), strict=True):
        one, other = left[a].reference, right[b].reference
        assert reference == (2 if "" in (one, other) or not has.reference else int(one != other))
        assert currency == int(has.currency and left[a].currency != right[b].currency)
    return set(mine), {(a, b) for a in rows[0] for b in rows[1] if agree(left[a], right[b], has, window)}


@FEW
@given(ROWS, ROWS, KNOWN)
def test_candidates_are_those_of_the_cross_join(left: list[Row], right: list[Row], has: Has) -> None:
    mine, theirs = slow(left, right, has, WINDOW)
    assert mine == theirs


@FEW
@given(ROWS, ROWS)
def test_spells_of_days_lose_no_pair(left: list[Row], right: list[Row]) -> None:
    """With a limit of no pairs at once the block is cut into spells; here it is joined by them whatever its size."""
    has, window = Has(day=True), Window(-4, 9)
    connection = opened(left, right)
    set_apart(connection)
    block = room.blocks(has, window)[0]
    whole, cut = (
        set(room._made(connection, one, len(right) + 1).tolist()) for one in (block, room._in_spells(block, window))
    )
    assert whole == cut


@pytest.mark.parametrize("share", [NEAR_SHARE, -NEAR_SHARE, 0.119, -0.119, 0.05, -0.05])
def test_near_amounts_are_found_up_to_the_edge_of_the_share(share: float) -> None:
    left = [Row(cents, 1, text="x") for cents in range(100, 40_000, 100)]
    right = [Row(round(row.cents * (1 + share)), 1, text="xy") for row in left if row.cents is not None]
    mine, theirs = slow(left, right, Has(day=True, text=True), Window(0, 0))
    assert mine == theirs and {(place, place) for place in range(len(left))} <= mine


def test_a_cross_join_is_refused_with_its_figures_before_it_is_made() -> None:
    connection = opened([], [])
    for side, currency in (("l", "EUR"), ("r", "USD")):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {side} AS SELECT i AS row, 999::BIGINT AS cents, 5 AS day, '' AS party, "
            f"'' AS reference, '' AS text, '{currency}' AS currency, hash('{currency}') AS mark "
            f"FROM range(200000) AS t(i)"
        )
    set_apart(connection)
    start = time.process_time()
    with pytest.raises(InputError, match=r"40,000,000,000.*50,000,000 are the most.*expected rows that say more"):
        candidates(connection, Has(day=True, text=True, currency=True), Window(-5, 5))
    assert time.process_time() - start < 30


def test_a_block_that_is_too_large_is_left_out_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_PAIRS", 30)
    left = [Row(500 + place, 1, "a", f"r{place}") for place in range(10)]
    connection = opened(left, [row._replace(day=2) for row in left])
    set_apart(connection)
    found = candidates(connection, Has(day=True, party=True, reference=True), Window(-5, 5))
    assert len(found.left) == 10 and len(found.notes) == 1 and "agree in day alone" in found.notes[0]
    assert "100" in found.notes[0] and "30" in found.notes[0]


def test_the_limit_holds_for_all_blocks_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_PAIRS", 150)
    left, right = [Row(7, day, "a", "r") for day in (1, 2)] * 5, [Row(7, day, "a", "r") for day in (8, 9)] * 5
    connection = opened(left, right)
    set_apart(connection)
    found = candidates(connection, Has(party=True, reference=True), Window(0, 20))
    assert len(found.left) == 100 and "agree in digits alone" in found.notes[0]
    assert MOST_PAIRS == 50_000_000
