"""Conversions: thousands of random texts, turned into values by the SQL and by Python's own Decimal and datetime."""

import random
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from finlab.core.errors import InputError
from finlab.data.conversions import MISSING, Form, converted, is_lost, is_wrong, reason, recast
from finlab.data.lease import connect_memory

ROUNDS = 4000


def values_of(form: Form, texts: Sequence[str | None]) -> list[Any]:
    with connect_memory() as connection:
        connection.register("texts", pa.table({"v": pa.array(list(texts), pa.string())}))
        query = f"SELECT {converted(form, 'v')} AS value FROM texts"
        return connection.sql(query).to_arrow_table()["value"].to_pylist()


def grouped(digits: str, mark: str) -> str:
    return f"{int(digits):,}".replace(",", mark)


@pytest.mark.parametrize(("decimal", "thousands"), [(".", ","), (",", "."), (".", "'"), (",", " "), (",", "\u00a0")])
def test_amounts_in_every_dress(decimal: str, thousands: str) -> None:
    draw, texts, expected = random.Random(f"{decimal}{thousands}"), [], []
    for _ in range(ROUNDS):
        cents = draw.randrange(10 ** draw.randrange(1, 15))
        whole, part = str(cents // 100), f"{cents % 100:02}"
        whole = grouped(whole, thousands) if draw.random() < 0.5 else whole
        text = f"{whole}{decimal}{part}" + "0" * draw.choice([0, 0, 3])
        text = draw.choice(["{}", "€{}", "{} €", "EUR {}", "€ {}"]).format(text)
        negative = draw.random() < 0.5
        text = draw.choice(["-{}", "({})", "{}-", "−{}", "- {}", " -{} "]).format(text) if negative else text
        texts.append(text)
        expected.append(Decimal(-cents if negative else cents).scaleb(-2))
    form = Form("decimal", 2, decimal, thousands, signs=("€", "EUR"))
    assert values_of(form, texts) == expected


PLAIN = re.compile(r"[+-]?\d{1,12}(\.\d{0,2})?|[+-]?\.\d{1,2}")


@pytest.mark.parametrize("kind", ["decimal", "integer", "number"])
def test_no_random_text_becomes_another_number_than_python_reads(kind: str) -> None:
    draw = random.Random(kind)
    letters, weights = "0123456789.,-+ e()x", [3] * 10 + [4, 3, 1, 1, 1, 1, 1, 1, 0.2]
    texts = ["".join(draw.choices(letters, weights, k=draw.randrange(1, 9))) for _ in range(ROUNDS * 3)]
    read = 0
    for text, value in zip(texts, values_of(Form(kind), texts), strict=True):
        bare = text.replace(",", "").replace(" ", "")
        bare = "-" + bare[1:-1] if bare.startswith("(") else "-" + bare[:-1] if bare.endswith("-") else bare
        bare = bare[:-1] if bare.endswith("+") else bare
        if value is not None:
            read += 1
            assert float(bare) == float(value), text  # at most eight digits: exact
        must = PLAIN.fullmatch(text) and (kind != "integer" or text.strip("+-").isdigit())
        assert value is not None or not must, text
    assert read > ROUNDS / 3


def python_day(text: str, order: str) -> date | None:
    for pattern in {"dmy": ("%d/%m/%Y", "%d/%m/%y"), "mdy": ("%m/%d/%Y", "%m/%d/%y")}[order]:
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    return None


@pytest.mark.parametrize("order", ["dmy", "mdy"])
def test_days_are_those_of_python(order: str) -> None:
    draw, texts = random.Random(order), []
    for _ in range(ROUNDS):
        first, second = draw.randrange(0, 34), draw.randrange(0, 34)
        year = draw.choice([f"{draw.randrange(1000, 3000)}", f"{draw.randrange(100):02}"])
        texts.append(draw.choice(["{:02}/{:02}/{}", "{}/{}/{}"]).format(first, second, year))
    texts += ["29/02/2024", "29/02/2023", "02/29/2024", "31/04/2026", "1/1/68", "1/1/69"]
    found = values_of(Form("date", date_order=order), texts)
    assert found == [python_day(text, order) for text in texts]
    dotted = [text.replace("/", ".") for text in texts]
    assert values_of(Form("date", date_order=order), dotted) == found


WRITTEN = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d %b %Y", "%d-%B-%Y", "%b %d, %Y", "%d-%b-%y", "%Y-%m-%d 00:00:00")


@pytest.mark.parametrize("order", ["", "dmy", "mdy"])
def test_days_that_need_no_order(order: str) -> None:
    draw = random.Random(1)
    days = [date(1970, 1, 1) + timedelta(draw.randrange(35_000)) for _ in range(ROUNDS)]
    texts = [day.strftime(draw.choice(WRITTEN)) for day in days]
    assert values_of(Form("date", date_order=order), texts) == days


@pytest.mark.parametrize("text", ["--5", "-5-", "+5-", "-(5)", "(-5)", "5 5", "1,23", "€5€-", "- € -5", "1..2", "5%"])
def test_what_is_no_amount(text: str) -> None:
    signs = ("€",) if "€" in text else ()
    assert values_of(Form("decimal", signs=signs), [text]) == [Decimal(-5) if text == "€5€-" else None]


@pytest.mark.parametrize(
    "text", ["", "2026", "20261301", "2026-02-30", "soon", "1.5", "12:00", "2026-01-01 12:30", "32 Jan 2026"]
)
def test_what_is_no_day(text: str) -> None:
    assert values_of(Form("date", date_order="dmy"), [text]) == [None]


def test_moments_are_those_of_python() -> None:
    draw = random.Random(3)
    moments = [datetime(2000, 1, 1) + timedelta(seconds=draw.randrange(10**9)) for _ in range(ROUNDS)]
    for pattern, order in (("%Y-%m-%d %H:%M:%S", ""), ("%Y-%m-%dT%H:%M:%S", ""), ("%d/%m/%Y %H:%M:%S", "dmy")):
        texts = [moment.strftime(pattern) for moment in moments]
        assert values_of(Form("timestamp", date_order=order), texts) == moments
    texts = [f"{moment.isoformat()}{draw.choice(['Z', '+02:00', '-0530'])}" for moment in moments]
    assert values_of(Form("timestamptz"), texts) == [datetime.fromisoformat(text).astimezone(UTC) for text in texts]
    assert values_of(Form("timestamptz"), ["2026-01-01 12:00"]) == [None]
    local = values_of(Form("timestamptz", timezone="Europe/Berlin"), ["2026-07-01 12:00", "2026-01-01 12:00"])
    assert [moment.astimezone(UTC).hour for moment in local] == [10, 11]


def test_a_missing_value_is_no_wrong_one_and_a_wrong_one_is_no_missing_one() -> None:
    for kind in ("decimal", "integer", "number", "date", "timestamp", "boolean"):
        form = Form(kind, date_order="dmy")
        with connect_memory() as connection:
            test = is_wrong(form, "v", converted(form, "v"))
            for text in (*MISSING, "  ", None):
                assert connection.execute(f"SELECT {test} FROM (SELECT $1::VARCHAR AS v)", [text]).fetchall() != [
                    (True,)
                ]
            for text in ("x", "1;2", "N", "?"):
                wrong = connection.execute(f"SELECT {test} FROM (SELECT $1::VARCHAR AS v)", [text]).fetchall() == [
                    (True,)
                ]
                assert wrong or (kind, text) == ("boolean", "N")


@pytest.mark.parametrize(
    ("kind", "source", "value", "expected"),
    [
        ("decimal", "DOUBLE", 0.1 + 0.2, Decimal("0.30")),
        ("decimal", "DOUBLE", 0.125, None),
        ("decimal", "DOUBLE", 1e17, None),
        ("integer", "DOUBLE", 3.0, 3),
        ("integer", "DOUBLE", 3.5, None),
        ("number", "DOUBLE", float("nan"), None),
        ("number", "BIGINT", 7, 7.0),
        ("boolean", "BIGINT", 2, None),
        ("boolean", "BIGINT", 1, True),
        ("date", "TIMESTAMP", datetime(2026, 1, 1, 12), None),
        ("date", "TIMESTAMP", datetime(2026, 1, 1), date(2026, 1, 1)),
        ("timestamptz", "TIMESTAMP", datetime(2026, 1, 1), None),
        ("date", "BIGINT", 20260101, None),
        ("text", "BIGINT", 7, "7"),
    ],
)
def test_typed_values_lose_nothing(kind: str, source: str, value: Any, expected: Any) -> None:
    form = Form(kind)
    with connect_memory() as connection:
        sql = recast(form, "v", source)
        row = f"SELECT {sql} AS value, {is_lost(form, 'v', source, sql)} FROM (SELECT CAST($1 AS {source}) AS v)"
        found, lost = connection.execute(row, [value]).fetchall()[0]
    assert found == expected and bool(lost) == (expected is None and value == value)


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(InputError, match="type is 'money'"):
        converted(Form("money"), "v")


LANGUAGES = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "short": "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec",
}
SHAPES = ("{d} {m} {y}", "{d:02}-{m}-{y}", "{d}. {m} {y}", "{d} de {m} de {y}", "{m} {d}, {y}", "{d:02}-{m}-{y} 00:00",
          "{y}-{m}-{d:02}", "Wed {d} {m} {y}", "Sunday, {m} {d}, {y}")  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_in_words_of_many_languages(language: str) -> None:
    draw, months, texts, days = random.Random(language), LANGUAGES[language].split(), [], []
    for _ in range(400):
        day = date(1970, 1, 1) + timedelta(draw.randrange(35_000))
        text = draw.choice(SHAPES).format(d=day.day, m=months[day.month - 1], y=day.year)
        texts.append(draw.choice([text, text.upper(), f" {text} "]))
        days.append(day)
    found = dict(zip(texts, values_of(Form("date"), texts), strict=True))
    assert {text: value for text, value in found.items() if value != dict(zip(texts, days, strict=True))[text]} == {}


@pytest.mark.parametrize(
    "text",
    ["Rent 3 April 2026", "3 Apples 2026", "Apr 2026", "3 Apr", "31 April 2026", "3 April 2026 10:30",
     "April 2026 bill", "2026-04-03T22:00:00Z", "04/03/2026 12:00:00 PM", "3 mon 2026", "Mon 3 2026"],
)  # fmt: skip
def test_words_that_make_no_day(text: str) -> None:
    assert values_of(Form("date", date_order="mdy"), [text]) == [None]


@pytest.mark.parametrize(
    "text",
    ["2026-04-03T00:00:00Z", "2026-04-03T00:00:00.000", "2026-04-03 00:00:00+02:00", "04/03/2026 12:00:00 AM",
     "2026年4月3日", "2026년 4월 3일", "2026. 4. 3.", "3rd April 2026", "April 3rd, 2026", "3apr26", "3. Apr. 2026"],
)  # fmt: skip
def test_days_as_portals_and_offices_write_them(text: str) -> None:
    assert values_of(Form("date", date_order="mdy"), [text]) == [date(2026, 4, 3)]


def test_a_clock_of_twelve_hours_is_read_and_a_zone_is_not_dropped() -> None:
    texts = ["04/03/2026 12:00:00 AM", "04/03/2026 12:30 PM", "4/3/2026 1:05:06 pm", "2026-04-03T00:00:00Z"]
    assert values_of(Form("timestamp", date_order="mdy"), texts) == [
        datetime(2026, 4, 3), datetime(2026, 4, 3, 12, 30), datetime(2026, 4, 3, 13, 5, 6), None
    ]  # fmt: skip


def test_the_noise_of_floating_point_is_rounded_away_and_digits_are_not() -> None:
    draw = random.Random(7)
    cents = [draw.randrange(100, 10**9) for _ in range(ROUNDS)]
    noisy = [
        repr(cent / 100 * 3 / 3 + draw.choice([-1, 1]) * 2.0 ** -(52 - (cent // 100).bit_length())) for cent in cents
    ]
    found = values_of(Form("decimal"), noisy)
    assert found == [Decimal(cent).scaleb(-2) for cent in cents]
    assert values_of(Form("decimal"), ["0.0500000012", "1.005", "12.3400000001", "1128.1999999"]) == [None] * 4


def test_with_an_unknown_mark_only_numbers_without_marks_are_read() -> None:
    texts = ["750", "-3", "1.500", "1,500", "7.5", "(12)", "1.500.000"]
    assert values_of(Form("decimal", decimal="?"), texts) == [750, -3, None, None, None, -12, None]
    assert values_of(Form("integer", decimal="?"), texts[:4]) == [750, -3, None, None]
    assert values_of(Form("number", decimal="?"), [*texts[:4], "1e3"]) == [750, -3, None, None, 1000]
    assert "say decimal=" in reason(Form("decimal", decimal="?")) and "decimal=" not in reason(Form("decimal"))


def test_a_damaged_currency_sign_is_the_sign() -> None:
    assert values_of(Form("decimal", signs=("£",)), ["Â£5", "-Â£1,234.50", "¢5"]) == [5, Decimal("-1234.50"), None]
