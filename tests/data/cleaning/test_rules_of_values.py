"""Rules that change values: missing, fill, units, signs, texts, codes, own SQL and Python, proposals."""

from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from finlab.core.errors import InputError
from finlab.data.clean import Apply, Changes, Codes, Fill, Missing, Normalise, Scale, Set, Sign, trail
from finlab.data.cleaning.missing import NOT_APPLICABLE, UNKNOWN, ZERO
from finlab.data.cleaning.steps import make_rule
from finlab.data.cleaning.texts import COMPANY
from finlab.data.cleaning.units import suggest_scales


def test_every_default_text_is_of_one_kind() -> None:
    texts = [*UNKNOWN, *NOT_APPLICABLE, *ZERO]
    assert len(texts) == len(set(texts)) and all(text == text.lower().strip() for text in texts)


def test_kinds_of_missing_stay_apart(attempt, con) -> None:
    values = (
        "(1, '-'), (2, ' N/A '), (3, 'NIL'), (4, '5'), (5, NULL), (6, chr(160) || '未知' || chr(12288)), (7, '不适用')"
    )
    done, rows = attempt("amount", values, Missing("amount", into="kind"))
    assert rows == [
        (1, None, "unknown"),
        (2, None, "not applicable"),
        (3, "0", "zero"),
        (4, "5", None),
        (5, None, None),
        (6, None, "unknown"),
        (7, None, "not applicable"),
    ]
    kinds = "SELECT note, count(*) FROM history.changes WHERE \"column\" = 'amount' GROUP BY 1 ORDER BY 1"
    assert con.execute(kinds).fetchall() == [("not applicable", 2), ("unknown", 2), ("zero", 1)]
    assert done.summary()["cells"].tolist() == [10]


def test_a_text_named_for_one_kind_leaves_the_defaults_of_the_others(attempt) -> None:
    _, rows = attempt("a", "(1, '-'), (2, 'n/a')", Missing("a", zero=["-"], unknown=["N/A"]))
    assert rows == [(1, "0"), (2, None)]


@pytest.mark.parametrize("kind", ["DOUBLE", "INTEGER", "DECIMAL(18, 2)"])
def test_numbers_that_mean_missing(attempt, kind: str) -> None:
    values = f"(1, CAST(-999 AS {kind})), (2, CAST(7 AS {kind})), (3, CAST(-1 AS {kind}))"
    _, rows = attempt("a", values, Missing("a", unknown=[-999], zero=[-1]))
    assert [None if value is None else float(value) for _, value in rows] == [None, 7, 0]


@pytest.mark.parametrize(
    ("column", "rule", "words"),
    [
        ("'x'", Missing("b"), "no column 'b'"),
        ("1.5", Missing("a"), "holds numbers; expected numbers that mean missing"),
        ("1.5", Missing("a", unknown=["-"]), "'-'; expected a number"),
        ("'x'", Missing("a", unknown=[-999]), "-999; expected a text"),
        ("'x'", Missing("a", unknown=["?"], zero=["?"]), "more than one kind"),
        ("'x'", Fill("a", "median"), "expected a number"),
        ("'x'", Fill("a", "constant", 3, by="c"), "no column 'c'"),
        ("DATE '2026-01-01'", Fill("a", "constant", "soon"), "'soon'; expected a value that fits the column 'a', DATE"),
        ("'x'", Scale("a", unit="a", factors={"k": 1000}, to="1"), "expected a number"),
        ("1", Scale("a", unit="a", factors={"k": 1000}, to="1"), "expected a text"),
        ("1", Sign("a", by="a", negative=["CR"]), "expected a text"),
        ("1", Normalise("a"), "expected a text"),
        ("1", Codes("a", {"x": "y"}), "expected a text"),
        ("'x'", Codes("a", {"y": "z"}, unknown="raise"), "'x' (1 rows, first row 1)"),
        ("1", Set("a", "nope + 1"), "nope"),
        ("1", Set("a", "sum(a)"), "cannot be carried out"),
        ("1", Set("a", "1", where="value > 3"), "value"),
        ("1", Set("A", "1"), "no column 'A' (did you mean 'a'?)"),
        ("1", Set("_row", "1"), "no column '_row'"),
        ("1", Set("a", "1", type="INTEGER"), "is there already"),
        ("1", Set("A", "1", type="INTEGER"), "is there already"),
        ("1", Set("b", "1", type="NUMBRE"), "cannot be carried out"),
        ("1", Set("a", "(SELECT max(a) FROM content.t)"), "without a second statement, a table or a sub-query"),
        ("1", Set("a", "1", where="true; DROP TABLE content.t"), "without a second statement"),
        ("1", Set("a", "COLUMNS(*)"), "without a second statement"),
        ("1", Apply("a", lambda table: [1, 2], columns="a"), "2 values for 1 rows"),
        ("1", Apply("a", lambda table: table["b"], columns="a"), "the function failed: KeyError"),
        ("1", Apply("a", lambda table: ["x"], columns="a"), "cannot be carried out"),
        ("1", Changes([{"row": 1, "column": "b", "before": "1", "after": "2", "probability": 1}]), "no column 'b'"),
        ("1", Changes([{"row": "one", "column": "a", "before": "1", "after": "2", "probability": 1}]), "'row'"),
        ("1", Changes([{"row": 1}]), "proposals has no column 'column'"),
        ("1", Changes("nowhere"), "the name of a table of the store"),
        ("1", Changes(5), "expected a frame, an Arrow table"),
    ],
)
def test_a_rule_that_does_not_fit_says_so_and_changes_nothing(attempt, con, column: str, rule, words: str) -> None:
    with pytest.raises(InputError) as caught:
        attempt("a", f"(1, {column})", rule)
    assert words in str(caught.value) and str(caught.value).startswith("rule 1, ")
    assert con.execute("SELECT count(*) FROM content.t").fetchall() == [(1,)]
    assert con.execute(f"SELECT a = {column} FROM content.t").fetchall() == [(True,)]
    assert con.execute("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'history'").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Fill("a"), "fill: value is None; expected a value for constant"),
        (lambda: Fill("a", "forward", 3), "no value for forward"),
        (lambda: Fill("a", "mean"), "expected one of constant, forward, median"),
        (lambda: Fill("a", "forward", most=-1), "fill: most is -1"),
        (lambda: Scale("a", unit="u", factors={"k": "many"}, to="1"), "expected a number such as 1000"),
        (lambda: Scale("a", unit="u", factors={"k": 0}, to="1"), "expected a number such as 1000"),
        (lambda: Scale("a", unit="u", factors={"k": float("nan")}, to="1"), "expected a number such as 1000"),
        (lambda: Scale("a", unit="u", factors={}, to="1"), "at least one unit"),
        (lambda: Sign("a", by="b", negative=[]), "negative"),
        (lambda: Sign("a", by="b", negative=["CR"], positive=["cr "]), "not among the positive"),
        (lambda: Normalise("a", ("lower", "upper")), "not both lower and upper"),
        (lambda: Normalise("a", ()), "at least one form"),
        (lambda: Normalise("a", COMPANY), "a new column for the key"),
        (lambda: Codes("a", {"x": 1}), "texts, old to new"),
        (lambda: Changes([], least=1.5), "at most 1"),
        (lambda: Apply("a", "print", columns="a"), "a Python function"),
        (lambda: make_rule({"kind": "missing", "column": 5}), "missing: column is 5; expected a text"),
        (lambda: make_rule({"kind": "missing", "column": "a", "into": None}), "missing: into is None; expected a text"),
        (
            lambda: make_rule({"kind": "set", "column": "a", "to": "1", "where": True}),
            "set: where is True; expected a text",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_cannot_be_made(make, words: str) -> None:
    with pytest.raises(InputError) as caught:
        make()
    assert words in str(caught.value)


def test_codes_given_twice_must_agree(attempt) -> None:
    with pytest.raises(InputError, match="listed twice"):
        attempt("a", "(1, 'x')", Codes("a", {"X": "1", "x ": "2"}, ignore_case=True))


def test_forward_fill_agrees_with_pandas_within_groups(attempt, con) -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"g": rng.integers(0, 5, 300), "t": rng.permutation(300), "x": rng.normal(size=300)})
    frame.loc[rng.random(300) < 0.4, "x"] = np.nan
    values = ", ".join(
        f"({i}, {row.g}, {row.t}, {'NULL' if np.isnan(row.x) else repr(float(row.x)) + '::DOUBLE'})"
        for i, row in enumerate(frame.itertuples())
    )
    expected = frame.sort_values("t").groupby("g")["x"].ffill().sort_index()
    _, rows = attempt("g, t, x", values, Fill("x", "forward", by="g", order="t"))
    np.testing.assert_array_equal(np.array([row[3] for row in rows], dtype=float), expected)
    left = trail(con, 1, remaining=True)
    assert len(left) == int(expected.isna().sum()) and (left["note"] == "nothing to fill it with").all()
    limited = frame.sort_values("t").groupby("g")["x"].ffill(limit=1).sort_index()
    _, rows = attempt("g, t, x", values, Fill("x", "forward", by="g", order="t", most=1))
    np.testing.assert_array_equal(np.array([row[3] for row in rows], dtype=float), limited)


def test_median_fill_agrees_with_numpy(attempt) -> None:
    _, rows = attempt(
        "g, x", "(1, 'a', 1.0), (2, 'a', NULL), (3, 'a', 4.0), (4, 'b', NULL), (5, NULL, 3.0), (6, NULL, NULL)",
        Fill("x", "median", by="g"),
    )  # fmt: skip
    assert [None if row[2] is None else float(row[2]) for row in rows] == [1, np.median([1, 4]), 4, None, 3, 3]


def test_a_scaled_amount_is_exact_and_running_twice_changes_nothing(attempt) -> None:
    rule = Scale("a", unit="u", factors={"Thousand": 1000, "cents": 0.01}, to="EUR")
    values = "(1, 1.25::DECIMAL(18, 2), ' thousand'), (2, 7, 'eur'), (3, 100, 'cents'), (4, 1, 'cents'), (5, 1, NULL)"
    done, rows = attempt("a, u", values, rule, rule)
    assert [(row[1], row[2]) for row in rows] == [
        (Decimal("1250.00"), "EUR"), (Decimal("7.00"), "eur"), (Decimal("1.00"), "EUR"), (Decimal("0.01"), "EUR"),
        (Decimal("1.00"), None),
    ]  # fmt: skip
    assert done.steps[1].cells == 0 and done.remaining["note"].tolist() == ["no unit"] * 2


def test_an_amount_that_would_lose_digits_is_left(attempt) -> None:
    rule = Scale("a", unit="u", factors={"cents": "0.01"}, to="EUR")
    done, rows = attempt("a, u", "(1, 150, 'cents'), (2, 200, 'cents')", rule)
    assert rows == [(1, 150, "cents"), (2, 2, "EUR")]
    assert done.remaining["note"].tolist() == ["the product does not fit the column"]


def test_a_marked_size_gets_its_sign_once(attempt) -> None:
    rule = Sign("a", by="s", negative="CR", positive="DR")
    values = "(1, 5.0, 'cr'), (2, 5.0, ' DR'), (3, -5.0, 'DR'), (4, 5.0, 'x'), (5, 0.0, 'x'), (6, NULL, 'CR')"
    done, rows = attempt("a, s", values, rule)
    assert [row[1] if row[1] is None else float(row[1]) for row in rows] == [-5, 5, -5, 5, 0, None]
    assert done.remaining["note"].tolist() == ["negative already, marked DR", "no sign for x"]


def test_flipping_twice_turns_back(attempt) -> None:
    rule = Sign("a", by="s", negative=["income"], positive=["asset"], method="flip")
    _, rows = attempt("a, s", "(1, -5.0, 'income'), (2, 5.0, 'asset')", rule)
    assert [float(row[1]) for row in rows] == [5, 5]
    done, rows = attempt("a, s", "(1, -5.0, 'income'), (2, 5.0, 'asset')", rule, rule)
    assert [float(row[1]) for row in rows] == [-5, 5] and done.cells_changed == 2


def test_the_smallest_integer_cannot_be_turned(attempt) -> None:
    with pytest.raises(InputError, match="sign"):
        attempt("a, s", "(1, CAST(-128 AS TINYINT), 'x')", Sign("a", by="s", negative=["x"], method="flip"))


def test_a_group_in_thousands_is_suggested_and_not_changed(con) -> None:
    con.execute(
        "CREATE TABLE t AS SELECT row_number() OVER () AS _row, 'g' || (i % 5) AS g, "
        "(90000 + i)::DOUBLE / CASE WHEN i % 5 = 2 THEN 1000 ELSE 1 END AS a FROM range(500) AS r(i)"
    )
    before = con.execute("SELECT * FROM t").fetchall()
    found = suggest_scales(con, "t", "a", "g")
    assert found[["group", "rows", "factor"]].to_dict("records") == [{"group": "g2", "rows": 100, "factor": 1000.0}]
    assert con.execute("SELECT * FROM t").fetchall() == before


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ACME Ltd.", "acme"),
        ("ＡＣＭＥ　ＬＴＤ", "acme"),
        ("  Acme   LIMITED ", "acme"),
        ("A.C.M.E. Limited", "acme"),
        ("Müller & Söhne GmbH & Co. KG", "muller and sohne"),
        ("上海某某股份有限公司", "上海某某"),
        ("株式会社日立", "日立"),
        ("Société Générale S.A.", "societe generale"),
        ("Limited Brands", "limited brands"),
        ("Marcopolo", "marcopolo"),
        ("", ""),
    ],
)
def test_a_company_has_one_key(attempt, text: str, key: str) -> None:
    _, rows = attempt("name", "(1, '" + text.replace("'", "''") + "')", Normalise("name", COMPANY, into="key"))
    assert rows == [(1, text, key)]


@pytest.mark.parametrize(
    ("text", "form"),
    [("sw1a2aa", "SW1A 2AA"), ("M1  1ae", "M1 1AE"), ("n/k", "n/k"), ("75001 Paris", "75001 Paris")],
)
def test_postcodes_are_spaced_and_other_texts_left(attempt, text: str, form: str) -> None:
    assert attempt("p", f"(1, '{text}')", Normalise("p", "postcode"))[1] == [(1, form)]


def test_codes_in_three_ways(attempt) -> None:
    values = "(1, 'UK'), (2, ' uk '), (3, 'GB'), (4, 'FR'), (5, NULL)"
    done, rows = attempt("c", values, Codes("c", {"UK": "GB"}))
    assert [row[1] for row in rows] == ["GB", " uk ", "GB", "FR", None] and done.steps[0].remaining == 2
    _, rows = attempt("c", values, Codes("c", {"UK": "GB"}, ignore_case=True, unknown="null", into="code"))
    assert [row[2] for row in rows] == ["GB", "GB", "GB", None, None]


def test_text_in_a_cell_is_never_executed(attempt, con) -> None:
    text = "x'); DROP TABLE content.t; --"
    escaped = text.replace("'", "''")
    done, rows = attempt(
        '"a""b"', f"(1, '{escaped}'), (2, '-')", Missing('a"b', unknown=["-", text]), Codes('a"b', {text: '"; SELECT'})
    )
    assert rows == [(1, None), (2, None)] and done.changes["before"].tolist() == [text, "-"]


@pytest.mark.parametrize(
    "name", ["value", "note", "before", "after", "row", "rows", "text", "kept", "column", "x", "n", "t", "unit"]
)
def test_a_column_may_have_any_name(attempt, name: str) -> None:
    quoted = f'"{name}"'
    rules = [
        Missing(name), Normalise(name, "lower"), Codes(name, {"b": "c"}), Set(name, f"{quoted} || '!'"),
        Changes([{"row": 1, "column": name, "before": "a!", "after": "d", "probability": 1.0}]),
        Fill(name, "forward", by=name),
    ]  # fmt: skip
    _, rows = attempt(quoted, "(1, 'A'), (2, 'B'), (3, '-')", *rules)
    assert rows == [(1, "d"), (2, "c!"), (3, None)]


def test_a_condition_and_a_value_by_sql(attempt) -> None:
    done, rows = attempt(
        "a, b",
        "(1, 1::DOUBLE, 'x'), (2, 2.0, NULL)",
        Set("a", "a * 10", where="b = 'x'"),
        Set("c", "_row", type="BIGINT"),
    )
    assert [(float(row[1]), row[3]) for row in rows] == [(10, 1), (2, 2)]
    assert done.changes["note"].tolist() == ["a * 10", "_row", "_row"]


def test_a_python_function_sees_columns_in_the_order_of_rows(attempt) -> None:
    seen = []

    def double(table: pa.Table) -> np.ndarray:
        seen.append(table.column_names)
        return table["a"].to_numpy() * 2

    _, rows = attempt("a, b", "(2, 20::DOUBLE, 'x'), (1, 10::DOUBLE, 'y')", Apply("a", double, columns="a"))
    assert [row[1] for row in rows] == [20, 40] and seen == [["a"]]


def test_proposals_are_applied_by_their_probability(attempt, con) -> None:
    proposals = pa.table(
        {
            "row": [1, 1, 2, 3, 4, 9],
            "column": ["a", "a", "a", "b", "b", "a"],
            "before": ["x", "x", "x", "1", "2", "x"],
            "after": ["y", "z", "y", "7", "seven", "y"],
            "probability": [0.6, 0.9, 0.4, 0.8, 0.8, 1.0],
        }
    )
    done, rows = attempt("a, b", "(1, 'x', 1), (2, 'x', 1), (3, 'x', 1), (4, 'x', 2)", Changes(proposals))
    assert rows == [(1, "z", 1), (2, "x", 1), (3, "x", 7), (4, "x", 2)]
    assert done.changes["note"].tolist() == ["probability 0.9", "probability 0.8"]
    assert done.remaining["note"].tolist() == ["a: probability 0.4 is too low", "b: seven does not fit the column"]


def test_a_proposal_for_another_value_is_stale(attempt) -> None:
    proposals = [{"row": 1, "column": "a", "before": "w", "after": "y", "probability": 1.0}]
    done, rows = attempt("a", "(1, 'x')", Changes(proposals))
    assert rows == [(1, "x")] and done.remaining["note"].tolist() == ["a: proposed for another value: w"]


def test_proposals_may_be_a_table_of_the_store(attempt, con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE TABLE proposed AS SELECT 1 AS row, 'a' AS \"column\", 'x' AS before, NULL::VARCHAR AS after, "
        "1.0 AS probability"
    )
    assert attempt("a", "(1, 'x')", Changes("proposed"))[1] == [(1, None)]
