"""Records: what Python's csv finds in a sound file, and every line of a damaged one accounted for."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from finlab.data.records import MOST_LINES, Record, read_records, record_batches, split_records


def all_of(path: Path, encoding: str = "utf-8", skip: int = 0) -> list[Record]:
    return [record for some in read_records(path, encoding, ",", skip) for record in some]


CELLS = st.text(alphabet='ab,"\n é', max_size=8)


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12), st.sampled_from(["\n", "\r\n"]), st.integers(1, 90)
)
def test_sound_files_are_cut_as_python_cuts_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], end: str, piece: int
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end).writerows(rows)
    path = tmp_path_factory.getbasetemp() / "sound.csv"
    path.write_bytes(out.getvalue().encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("finlab.data.records._AT_ONCE", piece)
        found = all_of(path)
    expected, begin = [], 1
    reader = csv.reader(io.StringIO(out.getvalue(), newline=""))
    for values in reader:
        if values:
            expected.append((begin, values, ""))
        begin = reader.line_num + 1
    assert [tuple(record) for record in found] == expected


@given(st.binary(max_size=120), st.integers(1, 50))
@example(b"\xef\xbb\xbf", 50)  # a byte order mark and nothing else
@example(b"\xef\xbb\xbfa,b\n1,2", 2)
def test_any_bytes_become_records_in_the_order_of_their_lines(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, piece: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    whole = all_of(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("finlab.data.records._AT_ONCE", piece)
        assert all_of(path) == whole
    lines = [record.line for record in whole]
    assert lines == sorted(set(lines)) and all(1 <= line <= len(content.splitlines()) for line in lines)


def test_a_broken_record_costs_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('a,b\n1,2\n3,"open\n4,5\n6,"x"y\n7,"two\nlines"\n')
    found = all_of(path, skip=1)
    assert [(record.line, bool(record.fault)) for record in found] == [
        (2, False), (3, True), (4, False), (5, True), (6, False),
    ]  # fmt: skip
    assert found[4].values == ["7", "two\nlines"]


def test_an_open_quotation_mark_does_not_swallow_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('1,"open\n' + "2,x\n" * 5000)
    found = all_of(path)
    assert len(found) == 5001 and found[0].fault and not any(record.fault for record in found[1:])
    path.write_text('1,"' + "line\n" * (MOST_LINES - 2) + 'end"\n2,x\n')
    assert [len(record.values) for record in all_of(path)] == [2, 2]


def test_lines_in_another_encoding_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'1,"\xc3\xa4\nb"\n2,\xe4\n3,c\n')
    assert [(record.line, record.fault) for record in all_of(path)] == [
        (1, ""), (3, "its bytes are not utf-8 text"), (4, ""),
    ]  # fmt: skip


def test_batches_have_the_width_of_the_header() -> None:
    records, _ = split_records(["1,2\n", "3\n", "4,5,6\n", "7,8,,\n"], ",")
    for pad, faults in ((False, [None, "1 values, 2 expected", "3 values, 2 expected", None]), (True, None)):
        table = record_batches([records, []], 2, pad).read_all()
        assert table["line"].to_pylist() == [1, 2, 3, 4]
        assert table["fault"].to_pylist() == (faults or [None, None, "3 values, 2 expected", None])
        assert table["c0"].to_pylist() == ["1", "3" if pad else None, None, "7"]
        assert table["raw"].to_pylist()[2] == "4 | 5 | 6"


def test_the_mark_of_utf8_is_no_part_of_the_first_value(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbf1,2\n3\n")
    assert [record.values for record in all_of(path)] == [["1", "2"], ["3"]]
