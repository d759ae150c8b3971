"""Claims: three shapes that say the same, types that survive, and tables that cannot be read."""

from datetime import date
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.sources.claims import BATCH, Claims, read_claims


def as_set(claims: Claims) -> set[tuple[object, ...]]:
    """The claims as a set of (entity, attribute, source, text)."""
    entities, texts = claims.entities.to_pylist(), claims.texts.to_pylist()
    return {
        (
            *entities[claims.fact_entity[fact]].values(),
            claims.attributes[claims.fact_attribute[fact]],
            claims.sources[source],
            texts[text],
        )
        for fact, source, text in zip(claims.fact, claims.source, claims.text, strict=True)
    }


RECORDS = st.lists(
    st.tuples(
        st.integers(0, 4), st.sampled_from("pqr"), st.none() | st.text(max_size=3), st.none() | st.text(max_size=3)
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: row[:2],
)


@settings(max_examples=40, deadline=None)
@given(RECORDS)
def test_long_and_records_say_the_same(rows: list[tuple[int, str, str | None, str | None]]) -> None:
    wide = pd.DataFrame(rows, columns=["e", "s", "x", "y"]).astype({"x": object, "y": object})
    long = [(e, s, name, v) for e, s, x, y in rows for name, v in (("x", x), ("y", y)) if v is not None]
    expected = {(e, name, s, v) for e, s, name, v in long}
    if not expected:
        with pytest.raises(InputError, match="no claims"):
            read_claims(wide, entity="e", source="s")
        return
    assert as_set(read_claims(wide, entity="e", source="s")) == expected
    frame = pd.DataFrame(long, columns=["e", "s", "a", "v"])
    assert as_set(read_claims(frame, entity="e", source="s", attribute="a", value="v")) == expected


def test_a_column_for_each_source() -> None:
    side = pd.DataFrame({"e": ["x", "y"], "what": ["p", "q"], "A": ["1", None], "B": ["2", "3"]})
    found = read_claims(side, entity="e", source=["A", "B"], attribute="what")
    assert as_set(found) == {("x", "p", "A", "1"), ("x", "p", "B", "2"), ("y", "q", "B", "3")}
    assert read_claims(side, entity="e", source=["B", "A"]).sources == ["A", "B"]


def test_each_claim_knows_its_row() -> None:
    table = pd.DataFrame({"e": ["x", "y", "x"], "s": ["p", "p", "q"], "v": ["1", None, "3"]})
    found = read_claims(table, entity="e", source="s", value="v")
    texts = found.texts.to_pylist()
    assert sorted((row, texts[text]) for row, text in zip(found.row.tolist(), found.text.tolist(), strict=True)) == [
        (0, "1"),
        (2, "3"),
    ]


def test_a_kept_table_is_read_where_it_is() -> None:
    connection = duckdb.connect()
    connection.execute(
        "CREATE SCHEMA \"a b\"; CREATE TABLE \"a b\".t AS SELECT 7 AS _row, 'x' AS e, 's' AS s, 1.50 AS v"
    )
    found = read_claims((connection, '"a b".t'), entity="e", source="s", value="v")
    assert as_set(found) == {("x", "v", "s", "1.50")} and found.row.tolist() == [7]
    assert connection.execute('SELECT count(*) FROM "a b".t').fetchone() == (1,)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array([Decimal("1.50")]), "1.50"),
        (pa.array([0.1]), "0.1"),
        (pa.array([1e20]), "1e+20"),
        (pa.array([True]), "true"),
        (pa.array([date(2026, 3, 1)]), "2026-03-01"),
        (pa.array([7], pa.int8()), "7"),
        (pa.array([1_700_000_000_000_000], pa.timestamp("us", "Europe/Berlin")), "2023-11-14 22:13:20+00:00"),
    ],
)
def test_values_of_any_type_become_texts(values: pa.Array, text: str) -> None:
    found = read_claims(pa.table({"e": ["x"], "s": ["p"], "v": values}), entity="e", source="s", value="v")
    assert found.texts.to_pylist() == [text]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_no_claim(value: float | None) -> None:
    table = pa.table({"e": ["x", "y"], "s": ["p", "p"], "v": pa.array([value, 1.0])})
    assert len(read_claims(table, entity="e", source="s", value="v").fact) == 1


def test_entities_keep_their_types() -> None:
    table = pd.DataFrame({"n": [1, 1], "d": pd.to_datetime(["2026-03-01"] * 2), "s": ["p", "q"], "v": ["a", "b"]})
    entities = read_claims(table, entity=["n", "d"], source="s", value="v").entities
    assert pa.types.is_integer(entities["n"].type) and pa.types.is_timestamp(entities["d"].type)


def test_sources_do_not_depend_on_the_order_of_rows() -> None:
    table = pd.DataFrame({"e": list("xyz"), "s": ["r", "p", "q"], "v": list("abc")})
    assert read_claims(table, entity="e", source="s", value="v").sources == ["p", "q", "r"]
    assert read_claims(table[::-1], entity="e", source="s", value="v").sources == ["p", "q", "r"]


def test_more_rows_than_are_fetched_at_once() -> None:
    count = BATCH + 10
    table = pa.table({"e": np.arange(count) // 2, "s": pa.array(["p", "q"] * (count // 2)), "v": np.arange(count) % 7})
    found = read_claims(table, entity="e", source="s", value="v")
    assert len(found.fact) == count and len(found.fact_entity) == count // 2 and found.row[-1] == count - 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"entity": "ee", "source": "s"}, r"no column 'ee' \(did you mean 'e'\?\)"),
        ({"entity": "e", "source": "sourc"}, "no column 'sourc'"),
        ({"entity": "e", "source": "s", "value": "w"}, "no column 'w'"),
        ({"entity": "e", "source": "e"}, "'e' is named twice"),
        ({"entity": [], "source": "s"}, "entity is"),
        ({"entity": "e", "source": 5}, "source is 5"),
        ({"entity": "e", "source": "s", "attribute": ["v", 3]}, "attribute is"),
        ({"entity": "e", "source": ["s", "v"], "value": "v"}, "one column each"),
        ({"entity": "e", "source": ["s", "v"], "attribute": ["a", "b"]}, "one column or none"),
        ({"entity": ["e", "v"], "source": "s"}, "no columns with values"),
    ],
)
def test_columns_that_do_not_fit_are_refused(arguments: dict[str, object], told: str) -> None:
    table = pd.DataFrame({"e": ["x"], "s": ["p"], "v": ["1"]})
    with pytest.raises(InputError, match=told):
        read_claims(table, **arguments)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("table", [None, "file.csv", 5, pd.DataFrame(), pd.DataFrame({"e": [], "s": [], "v": []})])
def test_tables_that_are_none_are_refused(table: object) -> None:
    with pytest.raises(InputError):
        read_claims(table, entity="e", source="s", value="v")


def test_rows_without_a_key_are_left_out_and_counted() -> None:
    table = pd.DataFrame({"e": ["x", None, "z"], "s": ["p", "p", None], "v": ["1", "2", "3"]})
    found = read_claims(table, entity="e", source="s", value="v")
    assert len(found.fact) == 1 and found.notes == ["2 rows are left out: they have no e, s"]


def test_names_that_are_sql_are_names() -> None:
    table = pd.DataFrame({'e"; DROP': ["x"], "s'": ["p"], "v--": ["1"]})
    assert as_set(read_claims(table, entity='e"; DROP', source="s'", value="v--")) == {("x", "v--", "p", "1")}
