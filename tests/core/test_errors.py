"""The family of errors: who is whose child, what a message holds, and that an error survives pickling."""

import pickle
from pathlib import Path

import pytest

import finlab
from finlab.core.errors import FinlabError, InputError, ReportError, StoreError


def test_every_error_is_a_finlab_error() -> None:
    for kind in (InputError, StoreError, ReportError):
        assert issubclass(kind, FinlabError)
    assert issubclass(InputError, ValueError)
    assert not issubclass(StoreError, ValueError)
    assert finlab.InputError is InputError


def test_a_message_holds_name_value_and_expectation() -> None:
    assert str(InputError.of("level", 120, "at most 100")) == "level is 120; expected at most 100"


@pytest.mark.parametrize("value", ["x" * 5000, list(range(5000)), "two\nlines", {"a": "b\n" * 900}])
def test_a_message_stays_one_short_line(value: object) -> None:
    text = str(InputError.of("source", value, "a file"))
    assert "\n" not in text
    assert len(text) < 140


@pytest.mark.parametrize("error", [InputError("a"), StoreError("b"), ReportError("c", Path("page.html"))])
def test_an_error_survives_pickling(error: FinlabError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert getattr(copy, "path", None) == getattr(error, "path", None)
