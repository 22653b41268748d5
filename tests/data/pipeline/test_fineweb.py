"""FineWeb's filters: each with a text just inside its limit and one just outside."""

from dataclasses import replace

import pytest

from orrery.data.pipeline.fineweb import FineWebQuality
from tests.data.pipeline.verdict import verdict

FINEWEB = FineWebQuality()
OFF = FineWebQuality(punctuated_lines=-1, repeated_line_characters=2, short_lines=2, breaks=9)


def numbered(count: int, end: str = "") -> list[str]:
    """So many different long lines."""
    return [f"this is the long line with the number {number}{end}" for number in range(count)]


@pytest.mark.parametrize(("without", "said"), [(22, "lines_without_punctuation"), (21, "kept")])
def test_more_than_12_percent_of_the_lines_end_in_punctuation(without: int, said: str) -> None:
    step = replace(OFF, punctuated_lines=FINEWEB.punctuated_lines)
    assert verdict(step, "\n".join([*numbered(without), *numbered(3, ". ")])) == said  # 3 of 25, 3 of 24


@pytest.mark.parametrize("end", [".", "?", "!", '"', "'"])
def test_quotation_marks_and_stops_are_punctuation(end: str) -> None:
    assert verdict(FINEWEB, "\n".join(numbered(9, end))) == "kept"


@pytest.mark.parametrize(("short", "said"), [(67, "short_lines"), (66, "kept")])
def test_less_than_67_percent_of_the_lines_are_short(short: int, said: str) -> None:
    lines = ["x" * 30] * short + ["x" * 31] * (100 - short)
    assert verdict(replace(OFF, short_lines=FINEWEB.short_lines), "\n".join(lines)) == said


@pytest.mark.parametrize(("repeat", "said"), [(100, "repeated_line_characters"), (99, "kept")])
def test_less_than_10_percent_of_the_characters_are_in_repeated_lines(repeat: int, said: str) -> None:
    lines = ["a" * repeat, "a" * repeat, "b" * (1000 - 2 * repeat)]
    step = replace(OFF, repeated_line_characters=FINEWEB.repeated_line_characters)
    assert verdict(step, "\n\n".join(lines)) == said


@pytest.mark.parametrize(("breaks", "said"), [(30, "kept"), (31, "line_breaks")])
def test_there_are_three_line_breaks_in_ten_words_at_most(breaks: int, said: str) -> None:
    text = "word " * 99 + "\n" * breaks + "word"
    assert verdict(replace(OFF, breaks=FINEWEB.breaks), text) == said


def test_a_document_of_empty_lines_is_rejected() -> None:
    assert verdict(FINEWEB, "\n \n") == "empty"
