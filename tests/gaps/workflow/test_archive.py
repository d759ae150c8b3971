"""Where gaps are kept: names of files, persons, texts, and transactions that are whole or absent."""

import getpass
from pathlib import Path

import pytest

from finlab.core.errors import InputError, StoreError
from finlab.data.store import Store
from finlab.gaps.record import SCHEMA, Gaps
from finlab.gaps.workflow import archive
from finlab.gaps.workflow.archive import check_text, kept_query, reading, where, who_is, writing


@pytest.mark.parametrize("name", ["finlab", "gaps", "events", "main", 'odd "name"', "数据"])
def test_a_store_may_have_any_name_even_that_of_the_schema(workbench: Path, name: str) -> None:
    path = workbench / f"{name}.duckdb"
    with writing(path) as tables:
        tables.execute("INSERT INTO events (number, what) VALUES (1, 'found')")
    with reading(path) as tables:
        assert tables.execute("SELECT number FROM events").fetchall() == [(1,)]


def test_reading_makes_no_file_and_finds_empty_tables(workbench: Path) -> None:
    path = workbench / "none.duckdb"
    with reading(path) as tables:
        found = Gaps(tables.sql(kept_query()).to_arrow_table())
    assert len(found) == 0 and found.arrow.schema == SCHEMA and not path.exists()


def test_the_archive_lies_beside_the_tables_and_is_not_among_them(workbench: Path) -> None:
    store = Store(workbench / "s.duckdb")
    with writing(store.path) as tables:
        tables.execute("INSERT INTO runs (number, name) VALUES (1, 'x')")
    assert store.tables() == []
    assert store.sql("SELECT name FROM gaps.runs")["name"].tolist() == ["x"]


def test_what_fails_leaves_nothing_not_even_a_new_file(workbench: Path) -> None:
    path = workbench / "s.duckdb"
    with pytest.raises(InputError, match="the worklist cannot be kept"), writing(path) as tables:
        tables.execute("INSERT INTO events (number) VALUES (1)")
        tables.execute("SELECT nothing FROM nowhere")
    assert not path.exists()
    with pytest.raises(RuntimeError), writing(path) as tables:
        raise RuntimeError
    assert not path.exists()


def test_a_file_that_is_no_store_is_said_to_be_none(workbench: Path) -> None:
    path = workbench / "s.duckdb"
    path.write_text("no database, but long enough to look like one" * 100)
    with pytest.raises(StoreError, match="is not a DuckDB file"), writing(path):
        pass


def test_who_is_the_one_given_then_the_setting_then_the_login(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "login")
    assert who_is(None) == "login" and who_is(" Li Wei ") == "Li Wei"
    (workbench / "settings.ini").write_text("[finlab]\nuser = Anna Weber\n")
    assert who_is(None) == "Anna Weber" and who_is("Ben") == "Ben"
    monkeypatch.setenv("FINLAB_USER", "Carla")
    assert who_is(None) == "Carla"


def test_a_login_without_a_name_asks_for_one(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(InputError, match="say who= or set user"):
        who_is(None)
    assert who_is("Ben") == "Ben"


@pytest.mark.parametrize("wrong", ["", "  ", "a\nb", "\x1b[31m", "x" * 101, "\ud800"])
def test_a_name_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match="who"):
        who_is(wrong)


def test_texts_are_kept_as_they_are_within_reason() -> None:
    for text in ("=1+1", "'; DROP TABLE gaps; --", "<script>", "two\nlines", "数据", "x" * archive.LONGEST_TEXT):
        assert check_text("comment", f" {text}\n") == text
    for wrong in (None, 1, "", " \n", "x" * (archive.LONGEST_TEXT + 1), "half \udfff"):
        with pytest.raises(InputError, match="comment"):
            check_text("comment", wrong)


def test_what_is_wanted_becomes_sql_that_text_cannot_leave() -> None:
    assert where() == "true" and where(kind=None) == "true" and where(kind=[]) == "true AND false"
    assert where(key="a' OR true --") == "true AND \"key\" IN ('a'' OR true --')"
    for wrong, words in (({"kind": "mising"}, "did you mean 'missing'"), ({"status": ["open", "opne"]}, "'open'")):
        with pytest.raises(InputError, match=words):
            where(**wrong)
    with pytest.raises(InputError, match="did you mean 'status'"):
        where(statsu="open")
