"""Cleaning as a whole: plan, trail, undo to the last bit, transactions, TOML, real data, large tables."""

import contextlib
import html
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.data import clean as room
from finlab.data.clean import (
    Apply,
    Changes,
    Codes,
    Duplicates,
    Fill,
    Missing,
    NearDuplicates,
    Normalise,
    Outliers,
    Rule,
    Set,
    Sign,
    clean,
    cleanings,
    plan,
    read_rules,
    rules_from_toml,
    rules_to_toml,
    trail,
    undo,
)
from finlab.data.cleaning.sqltext import columns_of, literal, quoted
from finlab.data.cleaning.steps import RULES, Step
from finlab.data.frames import content_sha256
from finlab.data.lease import SEALED

TABLE = 'content."a""b"'
ROWS = """(1, 'Acme Ltd', 'x', 0.1::DOUBLE, 1.10::DECIMAL(18, 2), TIMESTAMPTZ '2026-03-29 01:30:00.123456+00',
        '\\x00\\xFF'::BLOB, [1, NULL, 3], {'a': [1.5, 'nan'::DOUBLE], 'b': NULL::VARCHAR}, MAP {'k': 1}, true,
        170141183460469231731687303715884105727::HUGEINT, DATE '2026-01-31', INTERVAL 1 MONTH, 'small'),
    (2, 'ACME Limited', '-', '-0.0'::DOUBLE, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, '-', 'n/a', 'nan'::DOUBLE, -7.25, TIMESTAMPTZ '1969-12-31 23:59:59.999999+00', ''::BLOB, [], NULL, MAP {},
        false, -1, DATE '0001-01-01', INTERVAL 3 DAY, 'large'),
    (4, 'Acme Ltd', 'x', 'inf'::DOUBLE, 1.10, TIMESTAMPTZ 'infinity', 'b'::BLOB, [NULL], {'a': [], 'b': 'y'},
        MAP {'k': NULL}, true, 0, DATE 'infinity', NULL, 'small'),
    (5, 'Acme Ltd', 'x', 5e-324::DOUBLE, 99999.99, NULL, NULL, [7], NULL, NULL, NULL, 5, NULL, NULL, 'large'),
    (6, 'Acme Ltd', 'x', 5e-324::DOUBLE, 99999.99, NULL, NULL, [7], NULL, NULL, NULL, 5, NULL, NULL, 'large')"""


def many_types(con: duckdb.DuckDBPyConnection, constraint: str = "PRIMARY KEY") -> None:
    """A kept table with every kind of value that must survive."""
    con.execute("CREATE SCHEMA IF NOT EXISTS content")
    con.execute(
        f"""CREATE OR REPLACE TABLE {TABLE} (_row BIGINT {constraint}, s VARCHAR, t VARCHAR, x DOUBLE, d DECIMAL(18, 2),
        z TIMESTAMPTZ, b BLOB, l INTEGER[], r STRUCT(a DOUBLE[], b VARCHAR), m MAP(VARCHAR, INTEGER), y BOOLEAN,
        h HUGEINT, day DATE, i INTERVAL, e ENUM('small', 'large'))"""
    )
    con.execute(f"INSERT INTO {TABLE} VALUES {ROWS}")


def bits(con: duckdb.DuckDBPyConnection) -> str:
    """The table's fingerprint: names, types and every bit of every value, in the order of `_row`."""
    plain = ", ".join(
        f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}"
        if kind in ("HUGEINT", "INTERVAL") or "ENUM" in kind
        else quoted(name)
        for name, kind in columns_of(con, TABLE).items()
    )
    return content_sha256(con.sql(f"SELECT {plain} FROM {TABLE} ORDER BY _row").to_arrow_table())


POOL: list[Rule] = [
    Missing("s", into="kind"), Missing("t"), Fill("t", "constant", "filled"), Fill("d", "median", by="t"),
    Fill("l", "forward"), Duplicates("s"), Duplicates(action="flag"), Duplicates(["t", "l"], keep="last"),
    NearDuplicates("s"), NearDuplicates("s", action="remove"), Normalise("s", "lower"),
    Codes("t", {"x": "y", "y": "x"}), Outliers("d", action="median"), Set("x", "x + 1"),
    Set("l", "list_append(coalesce(l, []), 4)"), Set("r", "NULL"),
    Set("m", "MAP {'new': 2}", where="_row > 2"), Set("z", "z + INTERVAL 1 DAY", where="isfinite(z)"),
    Set("b", "'changed'::BLOB"), Set("e", "'large'"), Set("h", "NULL", where="h > 0"), Set("i", "INTERVAL 1 HOUR"),
    Set("new", "upper(s)", type="VARCHAR"), Sign("d", by="t", negative="x", method="flip"),
    Apply("x", lambda table: pa.array([1.0] * table.num_rows), columns="s"), Set("y", "NOT y"),
    Changes([{"row": 1, "column": "day", "before": "2026-01-31", "after": "2026-02-01", "probability": 0.9}]),
]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_cleanings_and_undos_end_in_the_original_table(data: st.DataObject) -> None:
    with duckdb.connect(":memory:", config=SEALED) as con:
        many_types(con, data.draw(st.sampled_from(["PRIMARY KEY", "UNIQUE NOT NULL", "NOT NULL"])))
        states = [(0, bits(con))]
        for _ in range(data.draw(st.integers(1, 6))):
            if len(states) > 1 and data.draw(st.booleans()):
                back = data.draw(st.integers(1, len(states) - 1))
                undo(con, TABLE, states[back][0], later=True)
                del states[back:]
                assert bits(con) == states[-1][1]
            rules = data.draw(st.lists(st.sampled_from(POOL), min_size=1, max_size=4))
            try:
                done = clean(con, TABLE, rules, name="t")
            except InputError:  # two rules that make the same column, or a column that is there
                assert bits(con) == states[-1][1]
                continue
            states.append((done.id or 0, bits(con)))
        if len(states) > 1:
            undo(con, TABLE, states[1][0], later=True)
        assert bits(con) == states[0][1]
        assert con.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'rows\\_%' ESCAPE '\\'"
        ).fetchall() == [(0,)]


@settings(max_examples=25, deadline=None)
@given(rules=st.lists(st.sampled_from(POOL), min_size=1, max_size=5, unique_by=repr))
def test_a_plan_changes_nothing_and_says_what_follows(rules: list[Rule]) -> None:
    with duckdb.connect(":memory:", config=SEALED) as con:
        many_types(con)
        before = bits(con)
        try:
            tried = plan(con, TABLE, rules, name="t")
        except InputError:
            with pytest.raises(InputError):
                clean(con, TABLE, rules, name="t")
            return
        assert bits(con) == before and tried.id is None
        assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name <> 'content'").fetchall() == [(0,)]
        done = clean(con, TABLE, rules, name="t")
        assert done.summary().equals(tried.summary()) and done.changes.equals(tried.changes)
        assert str(tried).replace("dry run on t, nothing changed", "cleaning 1 of t").replace("would be ", "") == str(
            done
        )


def test_a_later_cleaning_must_be_undone_first() -> None:
    with duckdb.connect() as con:
        many_types(con)
        start = bits(con)
        for rule in (Missing("s"), Fill("s", "constant", "?"), Set("x", "1")):
            clean(con, TABLE, [rule], name="t")
        with pytest.raises(InputError, match="later cleanings on top: 2, 3; undo those first"):
            undo(con, TABLE, 1)
        assert undo(con, TABLE, 3) == [3]
        assert undo(con, TABLE, 1, later=True) == [2, 1]
        assert bits(con) == start
        assert cleanings(con, "t")["undone"].tolist() == [True] * 3
        with pytest.raises(InputError, match="cleaning 1 of 't' is undone already"):
            undo(con, TABLE, 1)
        with pytest.raises(InputError, match="cleaning is 9; expected the number of a cleaning: 1, 2, 3"):
            undo(con, TABLE, 9)


def test_cleanings_of_other_tables_are_not_in_the_way() -> None:
    with duckdb.connect() as con:
        many_types(con)
        con.execute("CREATE TABLE other AS SELECT 1 AS _row, 1 AS a")
        clean(con, TABLE, [Missing("s")], name="t")
        clean(con, "other", [Set("a", "2")], name="other")
        assert undo(con, TABLE, 1) == [1] and cleanings(con, "other")["undone"].tolist() == [False]


def test_rows_that_came_later_stay() -> None:
    with duckdb.connect() as con:
        many_types(con)
        before = con.execute(f"SELECT * FROM {TABLE} ORDER BY _row").fetchall()
        done = clean(con, TABLE, [Duplicates("s"), Set("flag", "true", type="BOOLEAN")], name="t")
        con.execute(f"INSERT INTO {TABLE} BY NAME SELECT 100 AS _row, 'late' AS s")
        undo(con, TABLE, done.id or 0)
        after = con.execute(f"SELECT * FROM {TABLE} ORDER BY _row").fetchall()
        assert repr(after[:-1]) == repr(before) and after[-1][:2] == (100, "late")


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        (f"DELETE FROM {TABLE} WHERE _row = 3", "1 rows that it changed are gone"),
        (f"INSERT INTO {TABLE} BY NAME SELECT 4 AS _row", "1 rows that it removed are there again"),
        (f"ALTER TABLE {TABLE} DROP COLUMN t", "'t' is missing or has another type"),
        (f"ALTER TABLE {TABLE} DROP COLUMN kind", "'kind' is missing or has another type"),
        (f"ALTER TABLE {TABLE} ALTER d TYPE DOUBLE", "'d' is missing or has another type"),
    ],
)
def test_a_table_that_was_replaced_is_not_mixed_with_old_cells(tampering: str, words: str) -> None:
    with duckdb.connect() as con:
        many_types(con, "NOT NULL")
        clean(con, TABLE, [Missing("t", into="kind"), Duplicates("s")], name="t")
        con.execute(tampering)
        before = bits(con)
        with pytest.raises(InputError) as caught:
            undo(con, TABLE, 1)
        assert words in str(caught.value) and bits(con) == before


def test_the_callers_transaction_is_respected() -> None:
    with duckdb.connect() as con:
        many_types(con)
        start = bits(con)
        con.execute("BEGIN")
        clean(con, TABLE, [Missing("t")], name="t")
        plan(con, TABLE, [Set("x", "2")], name="t")
        assert bits(con) != start
        con.execute("ROLLBACK")
        assert bits(con) == start
        assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'history'").fetchall() == [(0,)]


@pytest.mark.parametrize("inside", [False, True])
def test_a_rule_that_fails_on_the_data_takes_the_rules_before_it_along(inside: bool) -> None:
    with duckdb.connect() as con:
        many_types(con)
        start = bits(con)
        if inside:
            con.execute("BEGIN")
        with pytest.raises(InputError, match=r"rule 2, set\(x\), cannot be carried out"):
            clean(con, TABLE, [Normalise("s"), Set("x", "CAST(s AS DOUBLE)")], name="t")
        if inside:
            con.execute("ROLLBACK")
        assert bits(con) == start
        assert clean(con, TABLE, [Normalise("s", "lower")], name="t").cells_changed == 5


def test_the_trail_names_rule_row_column_and_both_values() -> None:
    with duckdb.connect() as con:
        many_types(con)
        done = clean(con, TABLE, [Missing("t"), Duplicates("s")], name="t")
        shown = trail(con, done.id or 0)
        assert shown.astype(object).where(shown.notna(), None).values.tolist() == [
            [1, "missing(t)", 2, "t", "-", None, "unknown"],
            [1, "missing(t)", 3, "t", "n/a", None, "not applicable"],
            [2, "duplicates(s)", 4, None, None, None, "same as row 1"],
            [2, "duplicates(s)", 5, None, None, None, "same as row 1"],
            [2, "duplicates(s)", 6, None, None, None, "same as row 1"],
        ]
        assert (done.rows, done.rows_touched, done.cells_changed, done.rows_removed) == (6, 5, 2, 3)
        entry = cleanings(con, "t").iloc[0]
        assert (entry["rows_touched"], entry["cells_changed"], entry["rows_removed"]) == (5, 2, 3)
        assert rules_from_toml(entry["rules"]) == [Missing("t"), Duplicates("s")]
        assert len(trail(con, 1, most=2)) == 2


def test_a_cell_that_does_not_change_is_not_in_the_trail() -> None:
    with duckdb.connect() as con:
        many_types(con)
        assert clean(con, TABLE, [Set("t", "t"), Set("x", "x + 0"), Normalise("s")], name="t").rows_touched == 0


def test_a_result_is_safe_to_show() -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS _row, '<script>' AS a")
        done = clean(con, "t", [Set("a", "'<b>'")], name="<i>")
        shown = done._repr_html_()
        assert "<script>" not in shown and "<b>" not in shown and "<i>" not in shown
        assert html.escape("<script> → <b>") in shown
        assert max(map(len, str(done).splitlines())) < 120


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "at least one rule"),
        ("", "tables [[rule]]"),
        ("[[rule]]\nkind = 'set'\ncolumn = 's'", "rule 1: set: the setting 'to' is missing"),
        ("[[rule]]\nkind = 'apply'\ncolumn = 's'\nfunction = 'os.system'\ncolumns = ['s']", "cannot have one"),
        ([Missing("s"), Missing("q")], "rule 2, missing(q): the table has no column 'q'"),
        (
            [Set("k", "1", type="INTEGER"), Set("k", "1", type="INTEGER")],
            "rule 2, set(k): the new column 'k' is there already",
        ),
    ],
)
def test_wrong_rules_are_refused(rules, words: str) -> None:
    with duckdb.connect() as con:
        many_types(con)
        start = bits(con)
        for do in (clean, plan):
            with pytest.raises(InputError) as caught:
                do(con, TABLE, rules, name="t")
            assert words in str(caught.value)
        assert bits(con) == start


@pytest.mark.parametrize("rows", ["(1, 'a'), (1, 'b')", "(1, 'a'), (NULL, 'b')"])
def test_row_numbers_must_be_unique(rows: str) -> None:
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE t AS SELECT * FROM (VALUES {rows}) AS v(_row, a)")
        with pytest.raises(InputError, match="2 rows and 1 row numbers"):
            clean(con, "t", [Missing("a")])
        con.execute("CREATE TABLE u AS SELECT 1 AS a")
        with pytest.raises(InputError, match="no column '_row'"):
            clean(con, "u", [Missing("a")])


@pytest.mark.parametrize("rows", [0, 1])
def test_every_rule_of_the_pool_bears_an_empty_table_and_one_row(rows: int) -> None:
    for rule in POOL:
        with duckdb.connect() as con:
            many_types(con)
            con.execute(f"DELETE FROM {TABLE} WHERE _row > {rows}")
            before = bits(con)
            done = clean(con, TABLE, [rule], name="t")
            undo(con, TABLE, done.id or 0)
            assert bits(con) == before


def test_every_kind_of_rule_is_public_and_comes_back_from_toml() -> None:
    tables = {"convert": {"rates": [{"date": "2026-01-01", "from": "USD", "to": "EUR", "rate": "0.9"}]}}
    given = {"column": "a", "to": "b", "by": "b", "negative": ["CR"], "unit": "u", "factors": {"k": "1000"},
             "codes": {"x": "y"}, "zone": "UTC", "first_month": 4, "amount": "a", "currency": "c", "date": "d",
             "rates": "fx", "proposals": "p", "function": len, "columns": ["a"]}  # fmt: skip
    for kind, rule_class in RULES.items():
        if not rule_class.__module__.startswith("finlab."):
            continue
        assert rule_class.__name__ in room.__all__
        fields = rule_class.__dataclass_fields__
        chosen = {**{name: value for name, value in given.items() if name in fields}, **tables.get(kind, {})}
        if kind in ("duplicates", "outliers", "fill"):
            chosen = {"column": "a", "value": 1} if kind == "fill" else {"column": "a"} if kind == "outliers" else {}
        rule = rule_class(**chosen)
        if kind == "apply":
            assert "<function builtins.len>" in rules_to_toml([rule])
        else:
            assert rules_from_toml(rules_to_toml([rule])) == [rule], kind
            assert rules_from_toml(rules_to_toml([rule, rule])) == [rule, rule], kind


def test_rules_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(rules_to_toml([Missing("金额"), Duplicates()]), "utf-8")
    assert read_rules(path) == [Missing("金额"), Duplicates()]
    path.write_bytes(b"\xff\xfe[[rule")
    with pytest.raises(InputError, match="cannot be read"):
        read_rules(path)
    with pytest.raises(InputError, match="there is no file"):
        read_rules(tmp_path / "nowhere.toml")


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60) | st.binary(max_size=60).map(lambda b: "[[rule]]\nkind = '" + b.decode("latin-1")))
def test_no_text_breaks_the_reading_of_rules(text: str) -> None:
    with contextlib.suppress(InputError):
        rules_from_toml(text)


@settings(max_examples=150, deadline=None)
@given(
    value=st.one_of(
        st.text(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.dates(), st.datetimes(), st.booleans(), st.none(),
        st.decimals(allow_nan=False, allow_infinity=False, places=5),
    )
)  # fmt: skip
def test_a_literal_is_the_value(value: object) -> None:
    try:
        written = literal(value)
    except InputError:
        assert isinstance(value, str) and "\0" in value
        return
    got = duckdb.execute(f"SELECT {written}").fetchall()[0][0]
    assert got == value or (got != got and value != value)


def test_a_large_table_is_cleaned_within_a_bounded_memory(tmp_path: Path) -> None:
    rows = 2_000_000
    with duckdb.connect(str(tmp_path / "large.duckdb"), config={"memory_limit": "400MB", "threads": 2}) as con:
        con.execute("CREATE SCHEMA content")
        con.execute(
            f"""CREATE TABLE content.t AS SELECT i AS _row, 'supplier ' || i % 1000 AS s,
            (i * 7919 % 100000) / 100.0::DOUBLE AS x,
            CASE WHEN i % 20 = 0 THEN '-' ELSE 'text ' || i END AS t FROM range({rows}) AS r(i)"""
        )
        fingerprint = "SELECT sum(hash(_row, s, x, t)), count(*) FROM content.t"
        before = con.execute(fingerprint).fetchall()
        done = clean(con, "content.t", [Missing("t"), Set("x", "x * 2"), Outliers("x", by="s")], name="t")
        assert done.steps[0].cells == rows // 20 and done.steps[1].cells > rows * 0.9
        undo(con, "content.t", done.id or 0)
        assert con.execute(fingerprint).fetchall() == before


def test_real_purchases_are_cleaned_and_come_back(testdata: Path) -> None:
    with duckdb.connect() as con:
        con.execute(
            f"""CREATE TABLE t AS SELECT row_number() OVER () AS _row, * FROM
            read_parquet({literal(str(testdata / "retail" / "online_retail.parquet"))}) LIMIT 100000"""
        )
        names = columns_of(con, "t")
        price = next(name for name in names if "price" in name.lower())
        text = next(name for name in names if "desc" in name.lower())
        before = content_sha256(con.sql("SELECT * FROM t ORDER BY _row").to_arrow_table())
        rules = [
            Duplicates(),
            Normalise(text, ("space", "upper")),
            Missing(text),
            Outliers(price, by=text, action="winsorise"),
        ]
        tried = plan(con, "t", rules)
        done = clean(con, "t", rules)
        assert done.summary().equals(tried.summary())
        assert done.rows_removed > 500 and done.steps[3].cells > 500
        undo(con, "t", done.id or 0)
        assert content_sha256(con.sql("SELECT * FROM t ORDER BY _row").to_arrow_table()) == before


def test_what_duckdb_refuses_is_said_in_our_words() -> None:
    with duckdb.connect() as con:
        many_types(con, "NOT NULL")
        for do in (clean, plan):
            with pytest.raises(InputError, match="the table nowhere cannot be cleaned: Catalog Error"):
                do(con, "nowhere", [Missing("s")])
        start = bits(con)
        clean(con, TABLE, [Missing("s"), Set("new", "1", type="INTEGER")], name="t")
        cleaned = bits(con)
        con.execute(f"CREATE UNIQUE INDEX numbers ON {TABLE} (_row)")  # keeps DuckDB from dropping the new column
        with pytest.raises(InputError, match="cleaning 1 cannot be undone: Dependency Error"):
            undo(con, TABLE, 1)
        assert bits(con) == cleaned
        con.execute("DROP INDEX content.numbers")
        undo(con, TABLE, 1)
        assert bits(con) == start


def test_a_plan_needs_no_right_to_write(tmp_path: Path) -> None:
    path = str(tmp_path / "kept.duckdb")
    with duckdb.connect(path) as con:
        many_types(con)
    with duckdb.connect(path, read_only=True) as con:
        assert plan(con, TABLE, [Missing("s"), Duplicates("s")], name="t").rows_removed == 3
        assert cleanings(con).empty
        with pytest.raises(InputError, match="cleaning is 1; expected the number of a cleaning: none yet"):
            undo(con, TABLE, 1)


class _Careless(Rule):
    """A rule that names a row twice, as a wrong query would."""

    kind = ""

    def steps(self, target) -> list[Step]:
        return [Step("a", f"SELECT _row, 2 AS value, 'x' AS note FROM {target.table} UNION ALL SELECT 1, 3, 'y'")]


def test_a_rule_that_names_a_cell_twice_is_refused() -> None:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t AS SELECT 1 AS _row, 1 AS a")
        with pytest.raises(InputError, match="names a cell twice"):
            clean(con, "t", [_Careless()])
