"""Texts: beginnings and words in bits are those of slow twins, for any letters, and wrong input is refused."""

import os.path
import subprocess
import sys
from collections import Counter
from math import log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finlab.core.errors import InputError
from finlab.gaps.kernels.texts import MOST_LETTERS, shared_beginnings, shared_words, word_bits

ODD = st.sampled_from(["", "A", "AB", "A\0", "A\0B", "\0", "\ud800", "\U0001f469\u200d\U0001f4bb", "É", "E\u0301"])
TEXTS = st.lists(st.one_of(st.text("AB ", max_size=8), ODD), min_size=1, max_size=8)
PLACES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12)


def placed(left: list[str], right: list[str], places: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(one % len(left), other % len(right)) for one, other in places]
    return tuple(np.array(pairs, np.int64).reshape(-1, 2).T)


@given(TEXTS, TEXTS, PLACES)
def test_beginnings_are_those_of_the_slow_twin(left: list[str], right: list[str], places: list[tuple]) -> None:
    one, other = placed(left, right, places)
    bits, length = shared_beginnings(left, right, one, other)
    for place, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        start = os.path.commonprefix([left[a], right[b]])  # noqa: RUF071 (letter by letter is meant)
        count = sum(text.startswith(start) for text in [*left, *right])
        assert length[place] == len(start)
        assert bits[place] == pytest.approx(log2((len(left) + len(right)) / count), abs=1e-5)


@given(TEXTS, TEXTS, PLACES)
def test_words_are_those_of_the_slow_twin(left: list[str], right: list[str], places: list[tuple]) -> None:
    one, other = placed(left, right, places)
    words = shared_words(left, right, one, other)
    counts = Counter(word for text in [*left, *right] for word in set(text.split()))
    for place, (a, b) in enumerate(zip(one.tolist(), other.tolist(), strict=True)):
        shared = set(left[a].split()) & set(right[b].split())
        assert words[place] == pytest.approx(sum(log2((len(left) + len(right)) / counts[word]) for word in shared))


def test_only_the_first_letters_of_long_texts_are_looked_at() -> None:
    long = ["A" * 10_000, "A" * MOST_LETTERS + "B"]
    bits, length = shared_beginnings(long, ["A" * 10_000], np.array([0, 1]), np.array([0, 0]))
    assert length.tolist() == [MOST_LETTERS] * 2 and bits.tolist() == [0.0, 0.0]


def test_many_pairs_are_the_same_as_few(monkeypatch: pytest.MonkeyPatch) -> None:
    from finlab.gaps.kernels import texts as room

    draw = np.random.default_rng(0)
    texts = ["".join(draw.choice(list("AB"), 5)) for _ in range(50)]
    one, other = draw.integers(0, 50, 1000), draw.integers(0, 50, 1000)
    whole = shared_beginnings(texts, texts, one, other)
    monkeypatch.setattr(room, "PAIRS_AT_ONCE", 7)
    parts = shared_beginnings(texts, texts, one, other)
    assert all((a == b).all() for a, b in zip(whole, parts, strict=True))


def test_bits_of_words_do_not_depend_on_the_run() -> None:
    """Sets of texts have another order in each process; the sum must not."""
    code = (
        "import numpy as np; from finlab.gaps.kernels.texts import shared_words\n"
        "words = [f'W{place}' for place in range(40)]\n"
        "texts = [' '.join(words[: place + 1]) for place in range(40)]\n"
        "print(shared_words(texts, texts, np.array([39]), np.array([39]))[0].hex())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


def test_edges() -> None:
    none = np.zeros(0, np.int64)
    bits, length = shared_beginnings([], [], none, none)
    assert bits.shape == length.shape == (0,) and shared_words([], [], none, none).shape == (0,)
    bits, length = shared_beginnings([""], [""], np.array([0]), np.array([0]))
    assert bits.tolist() == [0.0] and length.tolist() == [0]
    assert word_bits([]) == {} and word_bits(["", "A A"]) == {"A": 1.0}


@pytest.mark.parametrize("ask", [shared_beginnings, shared_words])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((["A", None], ["B"], [0], [0]), "a text of left is None"),
        ((["A"], [float("nan")], [0], [0]), "a text of right is nan"),
        (("A", ["B"], [0], [0]), "left is 'A'"),
        ((None, ["B"], [0], [0]), "left is None"),
        ((["A"], ["B"], [1], [0]), "left_of is"),
        ((["A"], ["B"], [0], [-1]), "right_of is"),
        ((["A"], ["B"], [0.0], [0]), "left_of is"),
        ((["A"], ["B"], [0, 0], [0]), "left_of has 2 places, right_of 1"),
        ((["A"], ["B"], [[0]], [0]), "left_of is"),
    ],
)
def test_bad_input_is_named(ask: Any, given: Any, words: str) -> None:
    left, right, one, other = given
    with pytest.raises(InputError, match=words):
        ask(left, right, np.array(one), np.array(other))


def test_words_of_what_is_no_text_are_refused() -> None:
    wrong: Any = ["A", None]
    with pytest.raises(InputError, match="a text is None"):
        word_bits(wrong)
