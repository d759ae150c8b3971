"""Readings: the many ways in which one thing is written, and texts that must not be read."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from finlab.data.lease import connect_memory
from finlab.gaps.sources.readings import Proof, Style, find_kind, prove_style, read_texts, say_nothing, text_keys


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect_memory() as opened:
        yield opened


def read(connection: duckdb.DuckDBPyConnection, text: str, kind: str, style: Style = Style()) -> float:  # noqa: B008
    return float(read_texts(connection, pa.array([text]), kind, style)[0])


@pytest.mark.parametrize(
    "text",
    ["7:10 a.m.", "07:10", "7:10", "7:10AM", "7:10 am", "7:10a", "7:10A.M.", "07:10:00", "12/02/2011 7:10 AM",
     "2011-12-02 07:10", "Dec 2 - 7:10 a.m.", "7:10 a.m.Dec 2", "7:10 (Fri, Dec 2)", "Fri 7:10am", " 7:10 a. m."],
)  # fmt: skip
def test_ten_past_seven_in_the_morning(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(connection, text, "clock") == 430


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("12:00 AM", 0), ("12:00 PM", 720), ("12:59 a.m.", 59), ("11:59 p.m.", 1439), ("19:10", 1150), ("7:10p", 1150),
     ("7:10 p.m. (Estimated)", 1150), ("00:00", 0), ("23:59:30", 1439.5)],
)  # fmt: skip
def test_times_of_day(connection: duckdb.DuckDBPyConnection, text: str, minutes: float) -> None:
    assert read(connection, text, "clock") == minutes


@pytest.mark.parametrize(
    "text", ["", "noon", "24:10", "13:00 PM", "7:60", "Contact Airline", "1:2", "x" * 50 + " 7:10"]
)
def test_what_is_no_time_of_day(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert np.isnan(read(connection, text, "clock"))


def test_both_clocks_show_the_same_at_every_minute(connection: duckdb.DuckDBPyConnection) -> None:
    times = [divmod(minute, 60) for minute in range(1440)]
    whole = [f"{hour:02d}:{rest:02d}" for hour, rest in times]
    half = [f"{(hour - 1) % 12 + 1}:{rest:02d} {'a.m.' if hour < 12 else 'p.m.'}" for hour, rest in times]
    for texts in (whole, half):
        assert read_texts(connection, pa.array(texts), "clock").tolist() == list(range(1440))


@pytest.mark.parametrize(
    ("text", "number"),
    [("1200", 1200), ("1,200", 1200), ("1,200.50", 1200.5), ("$1,200", 1200), ("1200 USD", 1200), ("€ 5", 5),
     ("-5", -5), ("(5)", -5),
     ("5-", -5), ("15%", 15), ("6.7M", 6.7e6), ("6.7 million", 6.7e6), ("1.2bn", 1.2e9), ("3k", 3000),
     ("2 tn", 2e12), ("1 234 567", 1234567), ("1'234'567", 1234567), ("1.5e3", 1500), (" 7 ", 7), ("0", 0), ("-0", 0)],
)  # fmt: skip
def test_numbers(connection: duckdb.DuckDBPyConnection, text: str, number: float) -> None:
    assert read(connection, text, "number") == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize("text", ["Acme", "5 apples", "B12", "1-2", "1.2.3", "", "--", "7:10", "12/01/2011"])
def test_what_is_no_number(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert np.isnan(read(connection, text, "number"))


def test_a_decimal_comma(connection: duckdb.DuckDBPyConnection) -> None:
    assert read(connection, "1.234,50", "number", Style(decimal=",")) == 1234.5
    assert np.isnan(read(connection, "1.234,50", "number"))


@pytest.mark.parametrize("text", ["2026-04-03", "3 April 2026", "April 3, 2026", "20260403", "2026-04-03 00:00:00"])
def test_days_that_are_the_same_in_any_style(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert read(connection, text, "day") == (date(2026, 4, 3) - date(1970, 1, 1)).days


def test_days_in_three_numbers_are_read_only_in_a_known_order(connection: duckdb.DuckDBPyConnection) -> None:
    april, march = date(2026, 4, 3), date(2026, 3, 4)
    for order, day in (("dmy", april), ("mdy", march)):
        assert read(connection, "03/04/2026", "day", Style(date_order=order)) == (day - date(1970, 1, 1)).days
    assert np.isnan(read(connection, "03/04/2026", "day"))


def test_moments_keep_to_their_zone(connection: duckdb.DuckDBPyConnection) -> None:
    minutes = datetime(2026, 7, 1, 10, 0, tzinfo=UTC).timestamp() / 60
    assert read(connection, "2026-07-01 10:00", "moment") == minutes
    assert read(connection, "2026-07-01 12:00", "moment", Style(timezone="Europe/Berlin")) == minutes
    assert read(connection, "2026-07-01 12:00:00+02:00", "moment", Style(timezone="Asia/Tokyo")) == minutes
    assert read(connection, "Jul 1, 2026 10:00 a.m.", "moment") == minutes
    # half past two is twice in the night when the clocks go back, and not at all when they go forward
    assert np.isfinite(read(connection, "2026-10-25 02:30", "moment", Style(timezone="Europe/Berlin")))
    assert np.isfinite(read(connection, "2026-03-29 02:30", "moment", Style(timezone="Europe/Berlin")))


def test_keys_of_texts() -> None:
    same = ["  ACME  Corp. ", "acme corp", "Acme\tCorp", "ＡＣＭＥ　ｃｏｒｐ", "Acme Corp.,"]
    assert set(text_keys(pa.array(same)).to_pylist()) == {"acme corp"}
    assert text_keys(pa.array(["Müller", "MÜLLER", "Mu\u0308ller"])).to_pylist() == ["müller"] * 3


def test_words_that_say_nothing() -> None:
    keys = text_keys(pa.array(["N/A", " - ", "", "--:--", "Unknown", "TBD", "n.a.", "0", "no", "Contact Airline"]))
    assert say_nothing(keys).tolist() == [True] * 7 + [False] * 3
    assert say_nothing(keys, ["contact airline "]).tolist() == [True] * 7 + [False] * 2 + [True]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        ("number", ["1", "2.5", "1,000", "$3"]),
        ("number", ["1.234,5", "7", "8"]),
        ("day", ["2026-01-31", "31.12.2026", "1/2/2026"]),
        ("moment", ["2026-01-31 10:00", "12/31/2026 10:00 AM"]),
        (
            "clock",
            ["7:10 a.m.", "Dec 1 8:10 p.m.", "9:10", "10:10", "11:10", "12:10", "1:10", "2:10", "3:10", "cancelled"],
        ),
        ("text", ["7:10", "8:10", "cancelled", "boarding"]),
        ("text", ["B12", "C3"]),
        ("text", ["v1", "v2"]),
        ("text", []),
    ],
)
def test_kinds_are_found(connection: duckdb.DuckDBPyConnection, kind: str, texts: list[str]) -> None:
    assert find_kind(connection, pa.array(texts, pa.string())) == kind


@pytest.mark.parametrize(
    ("texts", "kind", "proof"),
    [
        (["1.234", "12,50"], "number", Proof(decimal=",")),
        (["1,234", "12.50"], "number", Proof(decimal=".")),
        (["1", "2"], "number", Proof()),
        (["1/2/2026", "25/12/2026"], "day", Proof(date_order="dmy")),
        (["1/2/2026 10:00", "12/25/2026 11:00"], "moment", Proof(date_order="mdy")),
        (["1/2/2026"], "day", Proof()),
        (["12,50"], "text", Proof()),
        ([], "day", Proof()),
    ],
)
def test_styles_are_proved_or_not(texts: list[str], kind: str, proof: Proof) -> None:
    assert prove_style(texts, kind) == proof


def test_text_of_a_cell_is_never_run(connection: duckdb.DuckDBPyConnection) -> None:
    evil = pa.array(["'; DROP TABLE x; --", '"', "\\", "%s", "{0}", "$1"])
    for kind in ("number", "day", "moment", "clock"):
        assert np.isnan(read_texts(connection, evil, kind)[:5]).all()
