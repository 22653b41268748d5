"""Chunking: where texts are cut, and that nothing is lost."""

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import orrery
from orrery.agents.chunking import Chunk, Strategy, chunks, strategy_for

GUIDE = """\
Before everything.

# Guide

Welcome to the guide.

## Install

Type this:

```
# no heading: a comment
make install
```

## Use

### Alone

Type less.

# End
"""

CODE = '''\
"""A module."""
import math

LIMIT = 3

@decorated
def area(r):
    """Of a circle."""
    return math.pi * r * r

class Circle:
    """Round."""

    def __init__(self, r):
        self.r = r

    def area(self):
        return area(self.r)

print(area(1))
'''


def cut(text: str, strategy: Strategy, **settings: int) -> list[tuple[str, str]]:
    """(title, text) of each chunk."""
    return [(chunk.title, text[chunk.start : chunk.stop].strip()) for chunk in chunks(text, strategy, **settings)]


def test_fixed_counts_words_and_overlaps() -> None:
    assert cut("a b c d e f g", "fixed", size=3, overlap=1) == [("", "a b c"), ("", "c d e"), ("", "e f g")]
    assert cut("a b c d", "fixed", size=2, overlap=0) == [("", "a b"), ("", "c d")]


def test_sentences_stay_whole() -> None:
    text = 'He said "No!" and left. Dr. Who? It cost 3.50 then. 数学。好！'
    assert [words for _, words in cut(text, "sentence", size=5, overlap=0)] == [
        'He said "No!" and left.',
        "Dr. Who?",
        "It cost 3.50 then. 数学。",
        "好！",
    ]


def test_a_sentence_that_is_too_long_is_cut() -> None:
    found = [words for _, words in cut("a b c d e. f g.", "sentence", size=3, overlap=0)]
    assert found == ["a b c", "d e.", "f g."]


def test_markdown_is_cut_at_headings_and_carries_them() -> None:
    assert [(title, text.splitlines()[-1]) for title, text in cut(GUIDE, "heading")] == [
        ("", "Before everything."),
        ("Guide", "Welcome to the guide."),
        ("Guide > Install", "```"),
        ("Guide > Use", "## Use"),
        ("Guide > Use > Alone", "Type less."),
        ("End", "# End"),
    ]


def test_code_is_cut_at_definitions_and_carries_their_names() -> None:
    assert [(title, text.splitlines()[0]) for title, text in cut(CODE, "code")] == [
        ("", '"""A module."""'),
        ("area", "@decorated"),
        ("Circle", "class Circle:"),
        ("Circle.__init__", "def __init__(self, r):"),
        ("Circle.area", "def area(self):"),
        ("", "print(area(1))"),
    ]


def test_what_is_no_python_is_cut_into_paragraphs() -> None:
    assert cut("def f(:\n\nelse", "code", size=2, overlap=0) == [("", "def f(:"), ("", "else")]


def test_this_package_is_cut_whole() -> None:
    for path in Path(orrery.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        covers(text, chunks(text, "code"))


@given(
    st.text(alphabet="ab. \n#`数。\"'?!", max_size=300),
    st.sampled_from(get_args(Strategy)),
    st.integers(1, 12),
    st.integers(0, 11),
)
def test_nothing_is_lost_and_nothing_is_longer_than_it_may(
    text: str, strategy: Strategy, size: int, overlap: int
) -> None:
    overlap = min(overlap, size - 1)
    found = chunks(text, strategy, size, overlap)
    covers(text, found)
    assert all(1 <= len(text[chunk.start : chunk.stop].split()) <= size for chunk in found)


def covers(text: str, found: list[Chunk]) -> None:
    """Every word is in a chunk, chunks are in order, and none is within another."""
    held = set()
    for chunk in found:
        held.update(range(chunk.start, chunk.stop))
    assert all(set(range(*word.span())) <= held for word in re.finditer(r"\S+", text))
    starts, stops = [chunk.start for chunk in found], [chunk.stop for chunk in found]
    assert starts == sorted(starts) and stops == sorted(set(stops))


@pytest.mark.parametrize(("size", "overlap"), [(3, 3), (0, 0), (5, -1)])
def test_an_overlap_that_cannot_be(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        chunks("a", "fixed", size, overlap)


def test_a_files_name_says_how() -> None:
    assert [strategy_for(name) for name in ("a.py", "README.md", "a.txt", "a.pdf")] == [
        "code",
        "heading",
        "sentence",
        "sentence",
    ]
