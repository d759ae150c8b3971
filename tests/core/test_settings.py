"""Settings: where they are looked for, what a value may be, and what an error names."""

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.core.settings import KEYS, settings, settings_template

TOP = Path(__file__).parents[2]
NAMES = [key.name for key in KEYS]


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.ini"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_top_level_file_is_the_template() -> None:
    assert (TOP / "settings.ini").read_text(encoding="utf-8") == settings_template()


def test_the_template_holds_every_key_at_its_default(workbench: Path) -> None:
    built_in = settings()
    assert built_in.path is None
    write(workbench, settings_template())
    from_text = settings()
    assert from_text.path == workbench / "settings.ini"
    assert {**asdict(from_text), "path": None} == asdict(built_in)
    for name in NAMES:
        assert f"\n{name} =" in settings_template()
    assert set(NAMES) | {"root", "path"} == set(asdict(built_in))


def test_every_key_is_explained_above_its_line() -> None:
    lines = settings_template().splitlines()
    for name in NAMES:
        place = next(i for i, line in enumerate(lines) if line.startswith(f"{name} ="))
        assert lines[place - 1].startswith("# "), name


def test_defaults(workbench: Path) -> None:
    found = settings()
    assert found.store == workbench / "data" / "finlab.duckdb"
    assert found.reports == workbench / "reports"
    assert found.root == workbench
    assert found.jobs >= 1
    assert (found.base_currency, found.trading_days_per_year, found.lock_wait_seconds) == ("CNY", 252, 30.0)
    assert found.fonts == ()
    assert found.compile_cache == Path.home() / ".cache" / "finlab" / "compile"


def test_the_nearest_file_with_our_section_wins(workbench: Path) -> None:
    deep = workbench / "a" / "b"
    deep.mkdir(parents=True)
    write(workbench, "[finlab]\nstore = top.db\njobs = 3\n")
    write(workbench / "a", "[DEFAULT]\nlib_name = other\nstore = other.db\n[tool]\nfinlab = 1\n")
    assert settings(deep).store == workbench / "top.db"
    write(deep, "[finlab]\nstore = sub/deep.db\n")
    found = settings(deep)
    assert (found.store, found.root, found.jobs > 0) == (deep / "sub" / "deep.db", deep, True)


@pytest.mark.parametrize("text", ["no section at all", "a = 1\n", "[tool\nx", "[tool]\na = 1\na = 2\n", ""])
def test_a_damaged_file_of_another_tool_is_passed_over(workbench: Path, text: str) -> None:
    write(workbench, text)
    assert settings().path is None
    (workbench / "settings.ini").unlink()
    (workbench / "settings.ini").mkdir()
    assert settings().path is None


def test_the_file_is_read_anew_each_time(workbench: Path) -> None:
    write(workbench, "[finlab]\njobs = 1\n")
    assert settings().jobs == 1
    write(workbench, "[finlab]\njobs = 2\n")
    assert settings().jobs == 2


def test_environment_wins_and_other_names_are_left_alone(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(workbench, "[finlab]\njobs = 1\nbase_currency = EUR\n")
    (workbench / "sub").mkdir()
    monkeypatch.chdir(workbench / "sub")
    monkeypatch.setenv("FINLAB_JOBS", "7")
    monkeypatch.setenv("FINLAB_STORE", "here.db")
    monkeypatch.setenv("FINLAB_BASE_CURRENCY", "")
    monkeypatch.setenv("FINLAB_TESTDATA", "/nowhere")
    monkeypatch.setenv("FINLAB_STROE", "x")
    found = settings()
    assert (found.jobs, found.base_currency) == (7, "EUR")
    assert found.store == workbench / "sub" / "here.db"
    assert found.reports == workbench / "reports"


def test_paths(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(workbench / "home"))
    write(workbench, "[finlab]\nstore = ../x/./s.db\nreports = ~/pages\ncompile_cache = /abs/cache\n")
    found = settings()
    assert found.store == workbench.parent / "x" / "s.db"
    assert found.reports == workbench / "home" / "pages"
    assert found.compile_cache == Path("/abs/cache")


def test_texts_that_editors_make(workbench: Path) -> None:
    text = "[finlab]\r\nfonts = Noto Sans CJK SC, 'Source Han Sans',,\r\nStore = 数据/库 100%.db\r\n"
    (workbench / "settings.ini").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = settings()
    assert found.fonts == ("Noto Sans CJK SC", "Source Han Sans")
    assert found.store == workbench / "数据" / "库 100%.db"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stroe = a.db", r"unknown key 'stroe' in \[finlab\]; did you mean 'store'\?"),
        ("zzzzzz = 1", r"unknown key 'zzzzzz' in \[finlab\]$"),
        ("jobs = -1", "key 'jobs' is '-1'; expected a whole number, 0 for one process per core"),
        ("jobs = 1.5", "key 'jobs' is '1.5'"),
        ("jobs = 1 # one", "key 'jobs' is '1 # one'"),
        ("jobs =", "key 'jobs' is ''"),
        ("base_currency = cny", "'base_currency' is 'cny'; expected a currency as three capital letters"),
        ("base_currency = EURO", "'base_currency' is 'EURO'"),
        ("trading_days_per_year = 367", "expected a whole number from 1 to 366"),
        ("trading_days_per_year = 0", "expected a whole number from 1 to 366"),
        ("freshness_days = soon", "expected a whole number of days"),
        ("lock_wait_seconds = -1", "expected a number of seconds, 0 or more"),
        ("lock_wait_seconds = nan", "expected a number of seconds, 0 or more"),
        ("run_timeout_seconds = 0", "expected a number of seconds, 1 or more"),
        ("run_timeout_seconds = inf", "expected a number of seconds, 1 or more"),
        (f"user = {'x' * 101}", "expected a name of at most 100 characters"),
        ('user = "Anna"', "on one line without quotes"),
        ("store =", "expected the path of a file"),
        ('store = "a.db"', "expected the path of a file without quotes"),
        ("store = ~nobody-of-that-name/x", "expected the path of a file"),
        ("store = a\0b", "expected the path of a file"),
        ("jobs = 1\njobs = 2", r"line 3: key 'jobs' stands twice in \[finlab\]"),
        ("jobs = 1\n[finlab]\njobs = 2", r"line 3: section \[finlab\] stands twice"),
        ("jobs", "line 2: not in the form of an ini file"),
        ("= 3", "line 2: not in the form of an ini file"),
    ],
)
def test_errors_name_the_file_and_what_was_expected(workbench: Path, line: str, words: str) -> None:
    path = write(workbench, f"[finlab]\n{line}\n")
    with pytest.raises(InputError, match=words) as caught:
        settings()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_line_above_the_section_is_an_error(workbench: Path) -> None:
    write(workbench, "jobs = 1\n[finlab]\n")
    with pytest.raises(InputError, match="line 1: not in the form of an ini file"):
        settings()


@pytest.mark.parametrize("raw", ["[finlab]\nfonts = 宋体\n".encode("gb18030"), "[finlab]\njobs = 1\n".encode("utf-16")])
def test_another_encoding_is_an_error(workbench: Path, raw: bytes) -> None:
    (workbench / "settings.ini").write_bytes(raw)
    with pytest.raises(InputError, match=r"settings\.ini is no text in UTF-8"):
        settings()


def test_a_bad_variable_is_named(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINLAB_JOBS", "many")
    with pytest.raises(InputError, match=r"^the environment variable FINLAB_JOBS is 'many'; expected a whole number"):
        settings()


def test_a_file_that_may_not_be_read_is_an_error(workbench: Path) -> None:
    path = write(workbench, "[finlab]\n")
    path.chmod(0)
    program = (
        "import os, sys\n"
        "from finlab.core.settings import settings\n"
        "from finlab.core.errors import InputError\n"
        "if os.geteuid() == 0: os.setuid(65534)\n"
        "try: settings(sys.argv[1])\n"
        "except InputError as error: print(error)\n"
    )
    for folder in (workbench, *list(workbench.parents)[:3]):
        folder.chmod(0o755)
    ran = subprocess.run([sys.executable, "-c", program, str(workbench)], capture_output=True, text=True, cwd="/")
    assert ran.stdout.strip() == f"{path} cannot be read: Permission denied", ran.stderr


def test_a_current_folder_that_is_gone_is_an_error(workbench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = workbench / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(InputError, match="current folder no longer exists"):
        settings()
    monkeypatch.chdir(workbench)


texts = {
    "jobs": st.integers(1, 999).map(str),
    "trading_days_per_year": st.integers(1, 366).map(str),
    "freshness_days": st.integers(0, 9999).map(str),
    "lock_wait_seconds": st.floats(0, 1e6).map(repr),
    "run_timeout_seconds": st.floats(1, 1e6).map(repr),
    "base_currency": st.text("ABCXYZ", min_size=3, max_size=3),
    "user": st.text("abc李é .-_", min_size=1, max_size=20).map(lambda text: f"x{text}x"),
    "store": st.text("abc数据 /._-%=;#", min_size=1, max_size=20).map(lambda text: "x" + text.rstrip() + "x"),
}


@given(st.fixed_dictionaries({}, optional=texts))
@given_settings(max_examples=50, deadline=None)
def test_what_is_written_is_what_is_read(given_texts: dict[str, str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "[finlab]\n" + "".join(f"{key} = {text}\n" for key, text in given_texts.items()))
        found = asdict(settings(folder))
        for key, text in given_texts.items():
            if key == "store":
                assert found[key] == Path(os.path.normpath(folder / text))
            elif key in ("base_currency", "user"):
                assert found[key] == text
            else:
                assert found[key] == float(text)


def test_keys_of_ours_without_a_section_are_an_error_and_other_programs_files_are_not(workbench: Path) -> None:
    (workbench / "settings.ini").write_text("# mine\nstore = my.duckdb\n")
    with pytest.raises(InputError, match=r"key 'store' stands in no section; expected a line \[finlab\] above it"):
        settings()
    (workbench / "settings.ini").write_text("[DEFAULT]\nstore = other\n")
    assert settings().path != workbench / "settings.ini"
