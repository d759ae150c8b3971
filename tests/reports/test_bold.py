"""Bold words of every label: closed where they should be, so that no star is left on a page."""

import importlib
import pkgutil
import re

import mistune
import pytest

import finlab.reports
from finlab.reports.labels import FROM_ELSEWHERE, LABELS, LANGUAGES

for room in pkgutil.iter_modules(finlab.reports.__path__, "finlab.reports."):  # each adds its words
    importlib.import_module(room.name)


def left_over(text: str) -> bool:
    """Whether stars are left of a text that was rendered."""
    shown = str(mistune.html(text))
    return "**" in re.sub(r"(?s)<code.*?</code>", "", shown)


@pytest.mark.parametrize("filled", ["12", "甲", "abc"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_label_leaves_stars(language: str, filled: str) -> None:
    texts = LABELS[language] | FROM_ELSEWHERE[language]
    bold = {key: re.sub(r"\{[^{}\n]*\}", filled, text) for key, text in texts.items() if "**" in text}
    assert len(bold) > 20
    assert [key for key, text in bold.items() if left_over(text)] == []
