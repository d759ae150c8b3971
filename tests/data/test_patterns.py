"""Patterns and slices: rows and back, odd names and cells, marks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finlab.data.constraints import FD
from finlab.data.patterns import experts_of, patterns_of, plan_of, rows_of
from finlab.data.relation import ROW, opened
from finlab.data.repair import repair
from finlab.data.slices import set_apart, slices_of

CELL = st.one_of(st.none(), st.sampled_from(["a", "b", " a ", "", "A", "'; DROP TABLE t; --"]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=20))
def test_every_row_has_one_pattern_with_its_cells(rows: list[tuple[str | None, str | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["c1", "times"], dtype="str")
    with opened(frame) as relation:
        plan = plan_of(relation, experts_of(relation, [FD("times", "c1")], more=False))
        patterns = patterns_of(plan)
        back = rows_of(plan, patterns, patterns, f"t.{ROW} AS row, t.*")
        found = relation.ask(
            f"SELECT row, p.c0, p.c1 FROM {back} AS b JOIN {patterns} AS p USING (pattern) ORDER BY row"
        )
        assert relation.ask(f"SELECT sum(times) FROM {patterns}")[0][0] == len(rows)
    clean = [tuple((cell or "").strip() or None for cell in (b, a)) for a, b in rows]
    assert [(row, (b, a)) for row, b, a in found] == list(enumerate(clean))


@pytest.mark.parametrize("names", [("c0", "pattern"), ("times", "n"), ("h0", "row"), ('a"b', "v"), ("t.p", "best")])
def test_columns_may_have_any_name(names: tuple[str, str]) -> None:
    frame = pd.DataFrame({names[0]: ["1"] * 10 + ["2"] * 9, names[1]: ["Acme"] * 9 + ["Axme"] + ["Blue"] * 9})
    changes = repair(frame, [FD(*names)]).changes
    assert changes[["row", "column", "after"]].values.tolist() == [[9, names[1], "Acme"]]


def test_marked_rows_are_patterns_of_their_own() -> None:
    frame = pd.DataFrame({"k": ["1"] * 40, "v": ["x"] * 30 + ["y"] * 10, "z": ["DE"] * 30 + ["CH"] * 10})
    frame = pd.concat([frame, frame.assign(k="2", z="DE", v="x")], ignore_index=True)
    with opened(frame) as relation:
        fds = [FD("k", "v")]
        plan = plan_of(relation, experts_of(relation, fds, more=False))
        plan, notes = set_apart(plan, slices_of(plan, patterns_of(plan)), fds)
        marked = relation.ask(f"SELECT c0, c1, h0, times FROM {patterns_of(plan)} ORDER BY ALL")
    assert marked == [("1", "x", False, 30), ("1", "y", True, 10), ("2", "x", False, 40)]
    assert notes == ["k -> v is broken in 10 of the 10 rows with z = 'CH': left open."]


def test_a_million_equal_rows_are_few_patterns_and_a_late_error_is_found() -> None:
    rows = 300_000
    frame = pd.DataFrame({"k": np.arange(rows) % 7, "v": np.arange(rows) % 7 * 11})
    frame.loc[rows - 1, "v"] = 5
    changes = repair(frame, [FD("k", "v")]).changes
    assert changes[["row", "before"]].values.tolist() == [[rows - 1, "5"]]
