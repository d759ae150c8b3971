"""Duplicates, exact and near, against pandas, rapidfuzz and a plain loop."""

from itertools import combinations
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data.clean import Duplicates, NearDuplicates, clean
from finlab.data.cleaning import duplicates

TEXTS = st.lists(st.text("abc é有限", max_size=6), min_size=1, max_size=12)


def table_of(con: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> str:
    con.register("given", frame.reset_index(names="_row"))
    con.execute('CREATE OR REPLACE TABLE content."t" AS SELECT * FROM given')
    con.unregister("given")
    return 'content."t"'


@pytest.mark.parametrize("keep", ["first", "last"])
def test_exact_duplicates_agree_with_pandas(con, testdata: Path, keep: str) -> None:
    frame = pd.read_parquet(testdata / "retail" / "online_retail.parquet").head(60_000).reset_index(drop=True)
    columns = list(frame.columns)
    done = clean(con, table_of(con, frame), [Duplicates(keep=keep)], name="t")
    kept = [row[0] for row in con.execute("SELECT _row FROM content.t ORDER BY _row").fetchall()]
    expected = frame.drop_duplicates(columns, keep=keep).index.tolist()
    assert kept == expected and done.rows_removed == len(frame) - len(expected) > 100


def test_missing_values_agree_and_the_order_decides(attempt) -> None:
    values = "(1, NULL, 2), (2, NULL, 1), (3, 'x', 5), (4, NULL, 2)"
    assert [row[0] for row in attempt("a, b", values, Duplicates("a", order="b"))[1]] == [2, 3]
    assert [row[0] for row in attempt("a, b", values, Duplicates("a", order="b", keep="last"))[1]] == [3, 4]
    done, rows = attempt("a, b", values, Duplicates("a", action="flag", into="double"))
    assert [row[3] for row in rows] == [False, True, False, True]
    assert done.changes["note"].tolist() == ["same as row 1", "same as row 1"]


def test_rows_of_lists_and_records_can_be_the_same(attempt) -> None:
    _, rows = attempt("a, b", "(1, [1, NULL], {'x': 1}), (2, [1, NULL], {'x': 1}), (3, [1], {'x': 1})", Duplicates())
    assert [row[0] for row in rows] == [1, 3]


def test_a_table_without_columns_has_no_duplicates(con) -> None:
    con.execute("CREATE TABLE content.t AS SELECT range AS _row FROM range(3)")
    with pytest.raises(InputError, match="no columns to compare"):
        clean(con, "content.t", [Duplicates()])


def groups_by_loop(texts: list[str], likeness: float, score) -> list[int | None]:
    """The number of each text's group, by comparing every pair and merging; texts of no letters are left out."""
    head = list(range(len(texts)))
    for a, b in combinations(range(len(texts)), 2):
        if texts[a] and texts[b] and (texts[a] == texts[b] or score(texts[a], texts[b]) >= likeness):
            low, high = sorted((head[a], head[b]))
            head = [low if group == high else group for group in head]
    return [group if head.count(group) > 1 else None for group in head]


@pytest.mark.parametrize("measure", ["jaro_winkler", "damerau"])
@settings(max_examples=40, deadline=None)
@given(texts=TEXTS, likeness=st.sampled_from([0.55, 0.7, 0.85, 0.95]))
def test_groups_are_those_of_a_plain_loop_with_rapidfuzz(measure: str, texts: list[str], likeness: float) -> None:
    distance = pytest.importorskip("rapidfuzz.distance")
    reference = {"jaro_winkler": distance.JaroWinkler, "damerau": distance.DamerauLevenshtein}[measure]
    texts = [" ".join(text.split()) for text in texts]
    if any(abs(reference.normalized_similarity(a, b) - likeness) < 1e-9 for a, b in combinations(texts, 2)):
        return  # on the very bar it may fall either way
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA content")
        table = table_of(con, pd.DataFrame({"a": texts}))
        rule = NearDuplicates("a", likeness=likeness, measure=measure, forms=["space"])
        clean(con, table, [rule])
        got = [row[0] for row in con.execute("SELECT like_row FROM content.t ORDER BY _row").fetchall()]
    expected = groups_by_loop(texts, likeness, reference.normalized_similarity)
    assert got == expected


def test_likeness_counts_letters_not_bytes(attempt) -> None:
    done, _ = attempt(
        "a", "(1, 'naïve'), (2, 'naive')", NearDuplicates("a", forms=["space"], measure="damerau", likeness=0.7)
    )
    assert done.changes["note"].tolist() == ["first of 2 rows", "like row 1: 0.8"]


def test_likeness_hangs_groups_together(attempt) -> None:
    values = "(1, 'abcdefgh'), (2, 'abcdefgx'), (3, 'abcdefyx'), (4, 'zzzz')"
    done, rows = attempt("a", values, NearDuplicates("a", likeness=0.85, measure="damerau"))
    assert [row[2] for row in rows] == [1, 1, 1, None]
    assert done.changes["note"].tolist() == ["first of 3 rows", "like row 1: 0.875", "like row 1: 0.75"]


def test_only_rows_of_a_block_are_compared(attempt) -> None:
    values = (
        "(1, 'Acme Ltd', 1), (2, 'ACME Limited', 1), (3, 'acme', 2), (4, NULL, 1), (5, 'Acme', NULL), (6, 'acme', NULL)"
    )
    rule = NearDuplicates("a", block="b", measure="equal")
    assert [row[3] for row in attempt("a, b", values, rule)[1]] == [1, 1, None, None, 5, 5]
    _, rows = attempt("a, b", values, NearDuplicates("a", block="b", action="remove"))
    assert [row[0] for row in rows] == [1, 3, 4, 5]


def test_too_many_pairs_are_refused_before_the_work(con, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_PAIRS", 1000)
    con.execute(
        "CREATE TABLE content.t AS SELECT range AS _row, 'name ' || range AS a, range % 10 AS b FROM range(100)"
    )
    with pytest.raises(InputError, match=r"4,950 pairs; expected at most 1,000; name more columns in block .* 100"):
        clean(con, "content.t", [NearDuplicates("a")])
    clean(con, "content.t", [NearDuplicates("a", block="b")])
