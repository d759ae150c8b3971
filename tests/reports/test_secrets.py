"""Secrets: fetched unseen, handed over without a trace, and masked in every form that a text takes on its way."""

import base64
import copy
import html
import json
import os
import pickle
import re
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.reports.secrets import (
    PREFIX,
    WORDS,
    Secret,
    find_secret,
    forms,
    keep_secrets,
    masked,
    secret,
    secret_variables,
    secrets_in,
    tells_secret,
    without_passwords,
)

TOKEN = "s3cr3t/with+signs"
characters = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn", "Co", "Cf", "Zs"])
secret_texts = st.text(characters, min_size=4, max_size=40).filter(lambda text: text.isprintable())


def test_a_secret_works_as_a_text_and_shows_itself_as_stars() -> None:
    token = Secret(TOKEN)
    assert token == TOKEN and hash(token) == hash(TOKEN) and isinstance(token, str)
    assert f"{token}" == TOKEN and token + "" == TOKEN and json.loads(json.dumps(token)) == TOKEN
    assert type(token.reveal()) is str and token.reveal() == TOKEN
    for shown in (repr(token), repr([token]), repr({"a": (token,)}), f"{token!r}", ascii(token)):
        assert TOKEN not in shown and "***" in shown


def test_a_secret_is_copied_but_never_pickled() -> None:
    token = Secret(TOKEN)
    assert copy.copy(token) is token and copy.deepcopy({"a": [token]})["a"][0] is token
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(pickle.PicklingError) as caught:
            pickle.dumps({"a": [token]}, protocol)
        assert TOKEN not in str(caught.value)


def test_references_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", TOKEN)
    path = tmp_path / "token"
    path.write_bytes(b"\xef\xbb\xbf" + TOKEN.encode() + b"\r\nsecond line\n")
    for text in ("env:SOME_TOKEN", "env: SOME_TOKEN ", f"file:{path}"):
        found = find_secret(text, typed=True)
        assert found == TOKEN and isinstance(found, Secret)
    assert find_secret(TOKEN) == TOKEN and find_secret(Secret(TOKEN)) == TOKEN


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("env:NO_SUCH_VARIABLE_AT_ALL", "is not set"),
        ("env:SOME_TOKN", "did you mean 'SOME_TOKEN'"),
        ("env:", "is not set"),
        ("env:EMPTY_TOKEN", "has 0 characters"),
        ("file:", "path"),
        ("file:nowhere/token", "there is no file"),
        ("file:.", "there is no file"),
        ("file:empty", "has 0 characters"),
        ("file:binary", "UTF-8"),
        ("file:\0", "path"),
        ("abc", "has 3 characters"),
        ("x" * 8193, "has 8,193 characters"),
        ("two\nlines", "line ends"),
        ("with\0nul", "control"),
        ("with\ud800half", "control"),
        ("stdout", "stands in every notebook"),
        (b"bytes", "is no text"),
        (12345, "is no text"),
        (None, "is no text"),
    ],
)
def test_what_is_wrong_is_said_without_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOME_TOKEN", TOKEN)
    monkeypatch.setenv("EMPTY_TOKEN", "")
    (tmp_path / "empty").write_text("\nsecond line is not it\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00secret")
    with pytest.raises(InputError, match=words) as caught:
        find_secret(value)
    told = str(caught.value)
    assert TOKEN not in told
    if not (isinstance(value, str) and value.startswith(("env:", "file:"))) and value is not None:
        assert str(value) not in told.replace("expected env:NAME, file:PATH, or a text", "")


@pytest.mark.parametrize("value", ["hunter2!", "abc", "", 5, None])
def test_a_plain_text_is_refused_on_the_command_line(value: Any) -> None:
    with pytest.raises(InputError, match="process list") as caught:
        find_secret(value, typed=True)
    assert "hunter2!" not in str(caught.value) and "env:NAME" in str(caught.value)


def test_a_process_gets_its_secrets_and_its_own_children_do_not() -> None:
    values = {"horizon": 12, "token": Secret(TOKEN), "other": Secret("another one")}
    assert secrets_in(values) == [TOKEN, "another one"]
    variables = secret_variables(values)
    assert variables == {PREFIX + "token": TOKEN, PREFIX + "other": "another one"}
    code = (
        "import os, subprocess, sys\n"
        "from finlab.reports.secrets import secret\n"
        f"assert secret('token') == {TOKEN!r} == secret('token')\n"
        "child = subprocess.run([sys.executable, '-c', 'import os; print(dict(os.environ))'], stdout=subprocess.PIPE)\n"
        f"assert {PREFIX!r}.encode() not in child.stdout and {TOKEN!r}.encode() not in child.stdout\n"
        f"assert b'another one' not in child.stdout and not [n for n in os.environ if n.startswith({PREFIX!r})]\n"
        "print(repr(secret('other')), secret('other') == 'another one')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["'***'", "True"]


def test_a_secret_that_was_not_handed_over() -> None:
    keep_secrets({"token": Secret(TOKEN), "horizon": 3})
    assert secret("token") == TOKEN
    keep_secrets({})
    with pytest.raises(InputError, match=r"-p token=env:NAME"):
        secret("token")


WRITERS = {
    "plain": str,
    "repr": repr,
    "ascii": ascii,
    "json": json.dumps,
    "json with its letters": lambda text: json.dumps(text, ensure_ascii=False),
    "a list as JSON": lambda text: json.dumps([text, 1]),
    "quoted": urllib.parse.quote,
    "quoted whole": lambda text: urllib.parse.quote(text, safe=""),
    "a query": lambda text: urllib.parse.urlencode({"key": text}),
    "lower case": lambda text: re.sub("%..", lambda found: found.group().lower(), urllib.parse.quote(text, safe="")),
    "html": html.escape,
    "html without quotes": lambda text: html.escape(text, quote=False),
    "the repr as html": lambda text: html.escape(repr(text)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 in an address": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("form", WRITERS)
@given(text=secret_texts, before=st.text(max_size=5), after=st.text(max_size=5))
def test_a_printed_secret_never_survives(form: str, text: str, before: str, after: str) -> None:
    assume(text not in WORDS and text.strip("*") != "")
    written = WRITERS[form](text)
    clean = masked(before + written + after, [text])
    for sought in forms(text):
        assert sought not in clean
    assert "***" in clean and written not in clean


@given(text=secret_texts, before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_a_secret_within_base64_is_found_wherever_it_begins(text: str, before: bytes, after: bytes) -> None:
    assume(len(text.encode()) >= 5)
    clean = masked(base64.b64encode(before + text.encode() + after).decode(), [text])
    assert "***" in clean and not any(form in clean for form in forms(text))


leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8))
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


def texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in texts_in(item)]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list) else []


@given(tree=trees, secrets=st.lists(secret_texts, min_size=1, max_size=3))
def test_no_secret_survives_in_any_json(tree: Any, secrets: list[str]) -> None:
    assume(not any(text in WORDS or text.strip("*") == "" for text in secrets))
    planted = {"a": [tree, *secrets, {secrets[0]: f"x{secrets[-1]}x"}], "b": secrets[0]}
    found = texts_in(masked(planted, secrets))
    assert not any(form in text for one in secrets for form in forms(one) for text in found if text not in WORDS)


@given(tree=trees)
def test_without_a_secret_nothing_is_copied(tree: Any) -> None:
    assert masked(tree, []) is tree
    assert masked(tree, ["a-secret-that-stands-nowhere"]) is tree


LONG = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlIG9mIGl0cw"


@pytest.mark.parametrize("end", ["...", "…", "&hellip;", "&#8230;", "&#x2026;", "\\u2026", "...."])
@pytest.mark.parametrize("kept", [12, 20, 22, 46, len(LONG) - 1])
def test_a_secret_that_is_cut_short_never_survives(end: str, kept: int) -> None:
    assert masked(f"0  {LONG[:kept]}{end}\n1  x{end}", [LONG]) == f"0  ***{end}\n1  x{end}"


def test_a_secret_in_a_narrow_table_never_survives() -> None:
    frame = pd.DataFrame({"key": [LONG, "a" * 60]})
    for shown in (repr(frame), frame._repr_html_()):
        assert LONG[:46] in shown
        clean = masked(shown, [LONG])
        assert LONG[:6] not in clean and clean == shown.replace(LONG[:46], "***")


def test_a_beginning_that_is_not_one_of_a_secret_stays() -> None:
    for text in (f"{LONG[:11]}...", f"{LONG[:30]} ...", f"{LONG[:20]}x...", f"{LONG[1:40]}...", LONG[:30], "short..."):
        assert masked(text, [LONG, "short-secret"]) is text


@given(
    text=st.text(characters, min_size=16, max_size=40), kept=st.integers(12, 15), before=st.text("ab.…*", max_size=5)
)
def test_any_beginning_of_any_secret(text: str, kept: int, before: str) -> None:
    assume(text.isprintable() and text[:kept].strip("*.…") != "")
    assert text[:kept] not in masked(f"{before}{text[:kept]}...", [text]).removesuffix("...")


@pytest.mark.parametrize("place", [1, 6, 11])
def test_a_colour_within_a_secret_does_not_hide_it(place: int) -> None:
    other = "\x1b[1;32mgreen\x1b[0m"
    text = f"{other} {TOKEN[:place]}\x1b[31m{TOKEN[place:]}\x1b[0m"
    assert masked(text, [TOKEN]) == "green ***"
    assert masked(f"{LONG[:place]}\x1b[31m{LONG[place:30]}\x1b[0m...", [LONG]) == "***..."
    assert masked(f"{other} {TOKEN}", [TOKEN]) == f"{other} ***"
    assert masked(other, [TOKEN]) is other
    assert masked("abcd\x1b[mefgh", ["abcd", "abcdefgh"]) == "***"


def test_a_secret_that_begins_a_title_is_masked() -> None:
    assert masked("Abcdsecretvalue. Line: 2 points", [Secret("abcdsecretvalue")]) == "***. Line: 2 points"


@pytest.mark.parametrize("content", [TOKEN, f"a\0b{TOKEN}c", json.dumps({"token": TOKEN}), html.escape(TOKEN)])
def test_a_file_with_a_secret_in_it_is_found(tmp_path: Path, content: str) -> None:
    path = tmp_path / "left.bin"
    path.write_text(content)
    assert tells_secret(path, [Secret(TOKEN)]) and not tells_secret(path, [Secret("another one")])
    path.write_text("")
    assert not tells_secret(path, [Secret(TOKEN)])


def test_big_texts_are_masked_quickly() -> None:
    texts = [
        f"{LONG[:30]} " * 50_000,
        "..." * 500_000 + LONG[:20],
        "\x1b[31mred\x1b[0m " * 100_000,
        f"{LONG[:20]}... " * 50_000,
    ]
    before = time.perf_counter()
    clean = masked([*texts, "x" * 10_000_000], [LONG, TOKEN])
    assert time.perf_counter() - before < 10.0
    assert clean[3] == "***... " * 50_000 and clean[2] is texts[2]


def test_passwords_of_addresses_leave_a_notebook() -> None:
    address = "postgresql://u:hunter22@h/db"
    output = nbformat.v4.new_output("stream", name="stdout", text=f"reads {address}\n")
    shown = nbformat.v4.new_output(
        "execute_result", data={"text/html": f"<p>{address}</p>", "image/png": "iVBORw0KGgo="}
    )
    cell = nbformat.v4.new_code_cell(f"source = '{address}'", outputs=[output, shown])
    about = {"papermill": {"parameters": {"source": address, "page": "https://h/a?token=hunter22&b=1"}}}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata=about)
    clean = without_passwords(notebook)
    nbformat.validate(clean)
    assert "hunter22" in json.dumps(notebook) and "hunter22" not in json.dumps(clean)
    assert clean.cells[0].source == "source = 'postgresql://u:***@h/db'" and type(clean) is type(notebook)
    assert clean.metadata.papermill.parameters.page == "https://h/a?token=***&b=1"
    assert without_passwords(clean) == clean


def test_passwords_leave_a_big_notebook_quickly() -> None:
    texts = ["x" * 10_000_000, "https://a/b?c and more; " * 100_000, "://" + "a:" * 500_000, "http://a:b@" * 100_000]
    before = time.perf_counter()
    clean = without_passwords({"cells": texts})
    assert time.perf_counter() - before < 10.0
    assert clean["cells"][0] is texts[0]


def test_two_secrets_of_which_one_holds_the_other() -> None:
    assert masked("abcdef abcd", ["abcd", "abcdef"]) == "*** ***"
    assert masked("xyzw#abc", ["xyzw#", "*abc"]) == "**" + "***" or "*abc" not in masked("xyzw#abc", ["xyzw#", "*abc"])


@pytest.mark.parametrize("word", ["code", "name", "cell", "type", "text", "outp", "stream", "metadata"])
def test_a_notebook_stays_a_notebook_whatever_the_secret(word: str) -> None:
    notebook = nbformat.v4.new_notebook()
    output = nbformat.v4.new_output("stream", name="stdout", text=f"my {word}\n")
    notebook.cells = [nbformat.v4.new_code_cell("x = 1", outputs=[output], metadata={"tags": ["parameters"]})]
    clean = masked(notebook, [word])
    nbformat.validate(clean)
    assert type(clean) is type(notebook) and clean.cells[0].outputs[0].text == "my ***\n"


def test_a_deep_value_is_refused_rather_than_left() -> None:
    deep: Any = [TOKEN]
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InputError, match="nested"):
        masked(deep, [TOKEN])


def test_an_ordinary_token_has_few_forms() -> None:
    assert len(forms("Abcdef123456")) <= 6
