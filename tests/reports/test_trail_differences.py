"""Records are found and refused; two of them are compared: nested, with tolerances, with the likely reasons."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.reports.trail.differences import (
    EXACT,
    Change,
    Tolerance,
    compare_records,
    compare_values,
    reasons_between,
    told_change,
)
from finlab.reports.trail.records import (
    check_record,
    given_parameters,
    named_parameters,
    named_results,
    read_record,
    record_path,
)

BASE = {"report": "sales", "status": "complete", "results": {}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def recorded(**results):
    return BASE | {"results": {name: {"value": value, "unit": ""} for name, value in results.items()}}


def apart(a, b):
    """The slow twin: where two values differ, by recursion, as a set of paths."""
    if isinstance(a, dict) and isinstance(b, dict):
        both = [(k, apart(a[k], b[k])) for k in a.keys() & b.keys()]
        return {(k, *rest) for k, inner in both for rest in inner} | {(k,) for k in a.keys() ^ b.keys()}
    if isinstance(a, list) and isinstance(b, list):
        inner = {(i, *rest) for i, (x, y) in enumerate(zip(a, b, strict=False)) for rest in apart(x, y)}
        return inner | {(i,) for i in range(min(len(a), len(b)), max(len(a), len(b)))}
    numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))
    return set() if (numbers or type(a) is type(b)) and a == b else {()}


@given(JSON, JSON)
def test_the_walk_finds_as_many_differences_as_the_slow_twin(a, b):
    assert len(compare_values(a, b)) == len(apart(a, b))


@given(JSON)
def test_a_value_does_not_differ_from_itself_written_and_read_again(value):
    assert compare_values(value, json.loads(json.dumps(value))) == []


@given(JSON, JSON, st.floats(0, 1), st.floats(0, 10))
def test_swapping_the_runs_swaps_added_and_gone_and_finds_the_same_places(a, b, rtol, atol):
    within = Tolerance(rtol, atol)
    other = {"added": "gone", "gone": "added", "changed": "changed"}
    there, back = compare_values(a, b, within=within), compare_values(b, a, within=within)
    assert sorted((c.path, other[c.kind]) for c in there) == sorted((c.path, c.kind) for c in back)


@given(st.floats(), st.floats(), st.floats(0, 1), st.floats(0, 1e9))
def test_numbers_are_judged_as_math_isclose_judges_them(a, b, rtol, atol):
    both_missing = math.isnan(a) and math.isnan(b)
    assert Tolerance(rtol, atol).holds(a, b) == (both_missing or math.isclose(a, b, rel_tol=rtol, abs_tol=atol))


def test_numbers_beyond_a_float_are_compared_exactly():
    huge = 10**400
    assert Tolerance(rtol=0.1).holds(huge, huge) and not Tolerance(rtol=0.1).holds(huge, huge + 1)
    change = Change("x", "changed", 1.5, huge)
    assert change.difference is None and change.relative is None and "1.5 -> 1000" in told_change(change)
    assert Change("x", "changed", huge, huge + 2).difference == 2


@pytest.mark.parametrize(
    ("a", "b"), [(True, 1), (False, 0), (None, 0), (None, ""), ("1", 1), ([], {}), ([], None), (0, "0"), (1, [1])]
)
def test_values_of_different_kinds_differ(a, b):
    assert len(compare_values(a, b)) == 1


@pytest.mark.parametrize(("a", "b"), [(1, 1.0), (None, None), ([], []), ({}, {}), (-0.0, 0.0), (math.nan, math.nan)])
def test_values_that_mean_the_same_do_not(a, b):
    assert compare_values(a, b) == []


def test_the_place_of_a_difference_reads_as_in_the_notebook():
    before = {"rows": [{}, {}, {}, {"mase": 1.0}], "by name": {'a "b"': 1}, "next-value": 1}
    after = {"rows": [{}, {}, {}, {"mase": 2.0}], "by name": {'a "b"': 2}, "next-value": 2}
    paths = [change.path for change in compare_values(before, after, "table")]
    assert paths == ["table.rows[3].mase", 'table["by name"]["a \\"b\\""]', "table.next-value"]


def test_deep_nesting_does_not_exhaust_the_stack():
    a, b = [1], [2]
    for _ in range(20_000):
        a, b = [a], [b]
    (found,) = compare_values(a, b)
    assert found.path.count("[0]") == 20_001


def test_added_gone_and_changed_results_are_told_with_their_differences():
    before = recorded(mase=0.8, total=100, lost=1)
    after = recorded(mase=1.0, total=100, new="x")
    found = compare_records(before, after)
    kinds = {change.path: (change.kind, change.difference, change.relative) for change in found.changes}
    assert kinds["mase"][0] == "changed"
    assert kinds["mase"][1:] == pytest.approx((0.2, 0.25))
    assert kinds["lost"] == ("gone", None, None) and kinds["new"] == ("added", None, None)
    assert found.results == 4 and found.changed
    assert str(found).startswith("3 of 4 named results differ\n")
    assert list(found.summary()["what"]) == ["changed", "gone", "added"]


def test_a_tolerance_lets_small_changes_pass_and_says_so():
    before, after = recorded(a=100.0, b=0.0), recorded(a=101.0, b=1e-9)
    assert len(compare_records(before, after).changes) == 2
    loose = compare_records(before, after, rtol=0.01, atol=1e-8)
    assert not loose.changed and "rtol 0.01, atol 1e-08" in str(loose)
    assert [c.path for c in compare_records(before, after, rtol=0.01).changes] == ["b"]


def test_another_unit_is_a_change_even_if_the_number_is_the_same():
    yuan = BASE | {"results": {"total": {"value": 5, "unit": "CNY"}}}
    euro = BASE | {"results": {"total": {"value": 5, "unit": "EUR"}}}
    (change,) = compare_records(yuan, euro).changes
    assert (change.path, change.before, change.after) == ("total (unit)", "CNY", "EUR")
    assert str(compare_records(yuan, euro)).startswith("1 of 1 named result differs")


def test_names_with_dots_and_brackets_are_counted_as_they_are():
    found = compare_records(recorded(**{"a.x": 1, "a.y": 1, "b[0]": 1}), recorded(**{"a.x": 2, "a.y": 2, "b[0]": 2}))
    assert str(found).startswith("3 of 3 named results differ")


READ = {"name": "sales", "uri": "file:///s.csv", "sha256": "a" * 64, "rows": 10, "as_of": "2026-01-31"}
WHOLE = BASE | {
    "parameters": {"horizon": 12},
    "reads": [READ],
    "notebook": {"place": "forecast", "sha256": "b" * 64},
    "versions": {"numpy": "2.1"},
    "lock": {"path": "uv.lock", "sha256": "c" * 64},
    "environment_sha256": "d" * 64,
    "git": {"commit": "e" * 40, "dirty": False},
    "seed": 1,
}


@pytest.mark.parametrize(
    ("changed", "area"),
    [
        ({"parameters": {"horizon": 6}}, "parameter"),
        ({"parameters": {}}, "parameter"),
        ({"reads": [READ | {"sha256": "f" * 64}]}, "input"),
        ({"reads": [READ | {"rows": 11}]}, "input"),
        ({"reads": [READ | {"as_of": "2026-02-28"}]}, "input"),
        ({"reads": []}, "input"),
        ({"notebook": {"place": "forecast", "sha256": "0" * 64}}, "notebook"),
        ({"versions": {"numpy": "2.2"}}, "version"),
        ({"lock": {"path": "uv.lock", "sha256": "0" * 64}}, "lock"),
        ({"environment_sha256": "0" * 64}, "environment"),
        ({"git": {"commit": "0" * 40, "dirty": False}}, "code"),
        ({"git": {"commit": "e" * 40, "dirty": True}}, "code"),
        ({"seed": 2}, "seed"),
        ({"status": "failed"}, "report"),
        ({"report": "other"}, "report"),
    ],
)
def test_whatever_else_differs_is_named(changed, area):
    assert reasons_between(WHOLE, WHOLE) == []
    found = reasons_between(WHOLE, WHOLE | changed)
    assert found and {reason.area for reason in found} == {area}
    assert "what else differs:" in str(compare_records(WHOLE, WHOLE | changed))


@pytest.mark.parametrize(
    "key", ["reads", "notebook", "versions", "lock", "environment_sha256", "git", "seed", "parameters"]
)
def test_what_an_old_record_does_not_know_is_not_called_different(key):
    old = {name: value for name, value in WHOLE.items() if name != key}
    assert reasons_between(old, WHOLE) == [] == reasons_between(WHOLE, old)


def test_inputs_of_one_name_are_told_apart_by_their_addresses():
    twice = [READ, READ | {"uri": "file:///t.csv"}]
    changed = [READ, READ | {"uri": "file:///t.csv", "sha256": "0" * 64}]
    (reason,) = reasons_between(WHOLE | {"reads": twice}, WHOLE | {"reads": changed})
    assert reason.name == "sales (file:///t.csv), sha256"


def test_the_order_of_inputs_does_not_matter():
    two = [READ, READ | {"name": "costs"}]
    assert reasons_between(WHOLE | {"reads": two}, WHOLE | {"reads": two[::-1]}) == []


def test_texts_of_a_record_cannot_break_the_page():
    evil = "<script>alert(1)</script>"
    shown = compare_records(recorded(**{evil: 1}), recorded(**{evil: evil}))._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown


def test_a_record_in_memory_equals_the_same_record_in_its_file():
    listed = {
        "report": "sales",
        "status": "complete",
        "results": [{"name": "mase", "value": 0.9, "unit": "", "note": "n"}],
        "parameters": [{"name": "horizon", "value": 12, "given": True, "help": ""}],
    }
    filed = BASE | {
        "results": {"mase": {"value": 0.9, "unit": "", "note": "n"}},
        "parameters": {"horizon": 12},
        "given": ["horizon"],
    }
    assert named_results(listed) == named_results(filed)
    assert named_parameters(listed) == named_parameters(filed)
    assert given_parameters(listed) == given_parameters(filed) == {"horizon": 12}
    assert not compare_records(listed, filed).others and not compare_records(listed, filed).changed


@pytest.mark.parametrize("wrong", [-1, math.nan, math.inf, True])
@pytest.mark.parametrize("name", ["rtol", "atol"])
def test_a_wrong_tolerance_is_refused_by_name(name, wrong):
    with pytest.raises(InputError, match=f"^{name} is"):
        compare_records(BASE, BASE, **{name: wrong})


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({}, "no 'report'"),
        ({"report": "a", "status": "b"}, "no 'results'"),
        ({"report": "a", "status": "b", "results": 3}, "results are neither by name nor a list"),
        ({"report": "a", "status": "b", "results": {}, "parameters": "x"}, "parameters are neither"),
    ],
)
def test_what_is_no_record_is_refused_and_it_is_said_which_one(record, why):
    with pytest.raises(InputError, match=f"^the second is not the record of a report: .*{why}"):
        compare_records(BASE, record)


@pytest.mark.parametrize("record", [[], "x", 3, None])
def test_what_is_no_json_object_is_refused(record):
    with pytest.raises(InputError, match=r"^the record is not .* no JSON object"):
        check_record(record)


def test_a_record_is_found_by_page_by_json_and_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reports = tmp_path / "reports"
    reports.mkdir()
    for name in ("sales", "sales--1a2b3c4d", "sales.failed"):
        (reports / f"{name}.json").write_text(json.dumps(BASE))
    for place in ("sales", "reports/sales.html", "reports/sales.json", reports / "sales.htm"):
        assert record_path(place) == reports / "sales.json"
    assert read_record("sales--1a2b3c4d").page == reports / "sales--1a2b3c4d.html"
    assert read_record("reports/sales.failed.html").path.name == "sales.failed.json"
    with pytest.raises(InputError, match=r"did you mean 'sales'\?"):
        record_path("salse")
    with pytest.raises(InputError, match=r"there is no costs\.json"):
        record_path("reports/costs.html")


@pytest.mark.parametrize("place", ["", None, 3, "a\0b", "x" * 5000, ".", "/"])
def test_a_place_that_is_none_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^report is"):
        read_record(place)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '"x"', "3", "{}", "\udcff"])
def test_a_file_that_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match="is not the record of a report"):
        read_record(path)


def test_nothing_is_equal_by_default_but_the_equal():
    assert EXACT == (0, 0) and not EXACT.holds(1, 1 + 1e-15)
