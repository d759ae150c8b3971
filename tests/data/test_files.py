"""Parquet and JSON as streams: the tables that one gets from the whole file, in little memory, and nothing left."""

import json
import re
import subprocess
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data import files
from finlab.data.files import open_json, open_parquet, read_json
from finlab.data.frames import plain
from finlab.data.lease import connect_memory
from finlab.data.store import Store

# The twin: the whole file into a table in memory, with the types that the database finds by itself


def in_memory(path: Path) -> tuple[pa.Table, list[str]]:
    query = "CREATE TABLE raw AS SELECT * FROM read_json($path, format = 'auto', records = 'true', sample_size = -1)"
    with connect_memory(files=True) as connection:
        try:
            connection.execute(query, {"path": str(path)})
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].replace(str(path), path.name).split("Error: ", 1)[-1]
            raise InputError(f"{path.name} cannot be read as JSON records: {reason}") from None
        table, notes = connection.sql("SELECT * FROM raw").to_arrow_table(), list[str]()
        found = connection.execute("SELECT column_name, column_type FROM (DESCRIBE raw)").fetchall()
        for name, kind in found:
            place = table.column_names.index(name)
            if kind == "JSON":
                query = f"SELECT DISTINCT json_type({name}) FROM raw WHERE json_type({name}) != 'NULL'"
                kinds = sorted(str(row[0]).lower() for row in connection.execute(query).fetchall())
                if kinds:
                    raise InputError(
                        f"{path.name}, column {name!r}: mixes types ({', '.join(kinds)}); expected one type"
                    )
                table = table.set_column(place, name, pa.nulls(table.num_rows, pa.large_string()))
            elif kind.startswith("TIMESTAMP"):
                records = map(json.loads, path.read_text().splitlines())
                texts = [record.get(name) for record in records]
                offset = r":\d{2}(\.\d+)?\s*[+-](?!00(:?00)?$)\d{2}(:?\d{2})?$"
                if any(re.search(offset, text or "") for text in texts):
                    table = table.set_column(place, name, pa.array(texts, pa.large_string()))
                    notes.append(f"column {name!r} is kept as text: its moments have offsets from UTC")
    texts = pa.schema([(field.name, filled(field.type)) for field in table.schema])
    return plain(table.cast(texts)), notes


def filled(kind: pa.DataType) -> pa.DataType:
    """The type with texts where all values were missing."""
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(filled(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(filled(field.type)) for field in kind])
    return pa.string() if pa.types.is_null(kind) else kind


def outcome(read: Any, path: Path) -> Any:
    try:
        table, notes = read(path)
    except InputError as error:
        return str(error)
    return table.schema, table.to_pylist(), notes


DAYS = st.dates(date(1950, 1, 1), date(2100, 1, 1))
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1))
SCALARS = [
    st.integers(-(2**70), 2**70),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(max_size=4),
    DAYS.map(date.isoformat),
    MOMENTS.map(datetime.isoformat),
    MOMENTS.map(lambda moment: moment.isoformat(" ", "seconds")),
    MOMENTS.map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    MOMENTS.map(lambda moment: moment.isoformat(timespec="seconds") + "+08:00"),
    st.times().map(lambda clock: clock.isoformat("seconds")),
    st.uuids().map(str),
    st.none(),
]
PLAIN = st.sampled_from(SCALARS[:6] + SCALARS[-1:]).flatmap(lambda kind: st.lists(kind, max_size=3))
FIELDS = [*SCALARS, PLAIN, st.fixed_dictionaries({"n": SCALARS[1]}, optional={"day": SCALARS[5], "deep": PLAIN})]


@st.composite
def record_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records whose fields mostly keep their kind, may be absent or null, and seldom turn to another kind."""
    kinds = {name: draw(st.sampled_from(FIELDS)) for name in draw(st.sets(st.sampled_from("abcde"), min_size=1))}
    stray = draw(st.sampled_from([*SCALARS, *[None] * 30]))
    records = []
    for _ in range(draw(st.integers(1, 6))):
        names = [name for name in kinds if draw(st.integers(0, 4))]
        records.append({name: draw(kinds[name]) if draw(st.integers(0, 4)) else None for name in names})
    if stray is not None:
        records.append({draw(st.sampled_from(sorted(kinds))): draw(stray)})
    return records


@settings(max_examples=60, deadline=None)
@example(records=[{"a": "2000-01-01"}, {"a": "2000-01-01T00:00:00"}])
@given(records=record_lists())
def test_a_stream_of_records_is_what_was_read_whole(records: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.jsonl")
        path.write_text("\n".join(map(json.dumps, records)))
        lines = outcome(read_json, path)
        before = outcome(in_memory, path)
        if isinstance(lines, str):  # what the database stops at it words in its own ways
            assert lines.startswith("x.jsonl") and isinstance(before, str) and before[:20] == lines[:20]
        else:
            kept = [name for name in "abcde" if f"column {name!r} is kept as text" in str(lines[2])]
            texts = [
                (row[name], one[name])
                for row, one in zip(lines[1], records, strict=True)
                for name in kept
                if name in one
            ]
            assert all(read == written for read, written in texts if isinstance(written, str))
            doubted = isinstance(before, str) or "days beside moments" in str(
                lines[2]
            )  # it may stop where texts are kept
            assert lines == before or (kept and doubted)
        path.write_text(json.dumps(records))
        if not isinstance(lines, str):
            assert outcome(read_json, path)[:2] == lines[:2]


SPELLINGS = [
    "2026-03-04", "2026-3-4", "2026/03/04", "20260304", "2026-03-04 11:00", "2026-03-04 11:00:00",
    "2026-03-04T11:00:00", "2026-03-04T11:00:00Z", "2026-03-04T11:00:00.123456Z", "2026-03-04 11:00:00.5",
    "2026-03-04T1:02:03", "2026-03-04T11:00:00+00:00", "12:30", "12:30:01", "1:2:3", "9999-12-31", "0001-01-01",
    "8F14E45F-CEEA-467F-A0E6-0C5D2D1C3B5A", "", "null", "1", "true",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_day_or_moment_is_read_as_before(tmp_path: Path, spelling: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"a": "{spelling}"}}\n{{"a": null}}\n')
    assert outcome(read_json, path) == outcome(in_memory, path)


@pytest.mark.parametrize("spelling", ["03-04-2026", "26-03-04", "03-04-2026 11:00:00 AM", "3-4-26"])
def test_a_day_that_can_be_read_in_two_ways_stays_text(tmp_path: Path, spelling: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"a": spelling, "b": {"c": [spelling]}, "d": "2026-01-05"}]))
    table, notes = read_json(path)
    assert table.to_pylist() == [{"a": spelling, "b": {"c": [spelling]}, "d": date(2026, 1, 5)}]
    assert notes[0] == "column 'a' is kept as text: its days may have the day, the month or the year first"


def test_nested_moments_keep_the_offset_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    moment = "2026-03-31T00:00:00+08:00"
    path.write_text(json.dumps([{"a": [{"at": moment, 'n "1"': 1}]}]))
    table, notes = read_json(path)
    assert table.to_pylist() == [{"a": [{"at": moment, 'n "1"': 1}]}]
    assert notes == ["column 'a' is kept as text: its moments have offsets from UTC"]


@pytest.mark.parametrize("offset", ["+08:00", "-0530", "+00:30", "+01", "+0030"])
def test_every_offset_but_that_of_utc_is_seen(tmp_path: Path, offset: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"a": "2026-03-31T00:00:00{offset}"}}')
    assert outcome(read_json, path) == outcome(in_memory, path)
    assert read_json(path)[0]["a"].to_pylist() == [f"2026-03-31T00:00:00{offset}"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"a": 1}\n{"A": 2}', "x.jsonl has columns that differ only in upper and lower case: 'a', 'A'"),
        ('{"a": 1, "A": 2, "A_1": 3}', "x.jsonl has more than one column named 'A_1'; rename"),
        ('{"a": 1, "a": 2}', 'cannot be read as JSON records: .* duplicate key "a"'),
        ('{"a": {"b": 1, "B": 2}}', "cannot be read as JSON records: Duplicate name"),
        (
            "{" + ", ".join(f'"c{place}": 1' for place in range(2001)) + "}",
            "x.jsonl has 2,001 columns; expected at most",
        ),
        ('{"a": 1}\nnothing', 'cannot be read as JSON records: Malformed JSON in file "x.jsonl"'),
        ("\n\n", "cannot be read as JSON records"),
        ('{"data": [' + '{"a": 1},' * 3_000_000 + '{"a": 1}]}', "cannot be read as JSON records"),
    ],
    ids=["case", "case-and-name", "twice", "nested-case", "wide", "malformed", "blank", "one-object"],
)
def test_refusals(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        read_json(path)


def test_names_that_only_look_renamed_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1, "a_1": 2, "b": null, "b_1": null, "key": "k", "value": 1, "x \'\\" {}": 3}')
    assert read_json(path)[0].to_pylist() == [json.loads(path.read_text())]


def test_a_record_of_many_fields_is_a_record(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(f'{{"c{place}": 1}}' for place in range(300)))
    table, _ = read_json(path)
    assert (table.num_rows, table.num_columns) == (300, 300)


def test_a_path_is_no_pattern(tmp_path: Path) -> None:
    for name in ("a[1].json", "a1.json", "b*.json", "b2.json"):
        (tmp_path / name).write_text(json.dumps([{"name": name}]))
    for name in ("a[1].json", "b*.json"):
        assert read_json(tmp_path / name)[0].to_pylist() == [{"name": name}]


# Streams


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    path = tmp_path / "long.jsonl"
    path.write_text("".join(f'{{"n": {n}, "text": "row {n}"}}\n' for n in range(300_000)))
    return path


def test_records_come_in_batches_and_in_their_order(long_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH_VALUES", 20_000)
    batches = list(open_json(long_file).reader())
    assert len(batches) > 10 and max(batch.num_rows for batch in batches) <= 10_240
    assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(300_000))


def test_a_stream_can_be_read_again_and_left_early(long_file: Path) -> None:
    stream = open_json(long_file)
    first = next(iter(stream.reader()))
    one, other = stream.reader(), stream.reader()
    assert next(iter(one)) == next(iter(other)) == first
    assert stream.read()[0].num_rows == 300_000


def test_a_parquet_file_is_a_stream_that_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"n": list(range(10))}), path, row_group_size=4)
    stream = open_parquet(path)
    assert stream.read()[0] == stream.read()[0] == pq.read_table(path)


def test_a_load_takes_little_memory(tmp_path: Path) -> None:
    """Two million records, some 150 MB of JSON, would be 300 MB more as a table in memory, and as much as a copy."""
    path = tmp_path / "big.json"
    query = "SELECT i AS id, 'customer number ' || i AS customer, 'a long remark' AS remark FROM range(2000000) t(i)"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT json, ARRAY true)")
    program = (
        "import resource, sys\nfrom finlab.data.files import open_json\nfrom pathlib import Path\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "stream, rows = open_json(Path(sys.argv[1])), 0\nbefore = peak()\n"
        "for batch in stream.reader():\n    rows += batch.num_rows\nprint(rows, peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    rows, growth = map(int, done.stdout.split())
    assert rows == 2_000_000 and growth < 150


# Nothing stays behind


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("content", ['{"a": "é"}\n{"a": 1}\n', '{"a": "é"\n', "[]"])
def test_a_refused_file_leaves_no_copy(tmp_path: Path, temporary: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-16")
    with pytest.raises(InputError):
        Store(tmp_path / "s.duckdb").load(path, "t", encoding="utf-16")
    assert not list(temporary.iterdir()) and not (tmp_path / "s.duckdb").exists()


def test_the_copy_of_a_file_in_another_encoding_goes_with_the_stream(tmp_path: Path, temporary: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": "é"}', encoding="cp1252")
    stream = open_json(path, encoding="cp1252")
    reader = stream.reader()
    assert list(temporary.iterdir())
    del stream
    assert reader.read_all().to_pylist() == [{"a": "é"}]
    del reader
    assert not list(temporary.iterdir())


def test_a_record_that_only_the_second_pass_refuses_undoes_the_load(tmp_path: Path, temporary: Path) -> None:
    path, store = tmp_path / "x.jsonl", Store(tmp_path / "s.duckdb")
    path.write_text("".join(f'{{"a": {n}}}\n' for n in range(300_000)) + '{"a": 1, "a": 2}\n')
    with pytest.raises(InputError, match=r'x.jsonl.* in line 300001: .* duplicate key "a"'):
        store.load(path, "t")
    assert store.tables() == [] and not list(temporary.iterdir())


def test_the_notes_of_a_stream_come_with_the_load(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"at": "2026-03-31T00:00:00+08:00"}]')
    store = Store(tmp_path / "s.duckdb")
    done = store.load(path, "t")
    assert done.notes == ("column 'at' is kept as text: its moments have offsets from UTC",)
    assert store.table("t")["at"].tolist() == ["2026-03-31T00:00:00+08:00"]
