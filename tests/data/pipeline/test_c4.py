"""C4's rules: which lines go, which pages go, and what is left of a page."""

import pytest

from orrery.data.documents import Document
from orrery.data.pipeline.c4 import C4Quality, count_sentences
from tests.data.pipeline.verdict import verdict

FIVE = "One is here. Two is there! Is three? Four it is. And five."


def left(text: str, step: C4Quality | None = None) -> str:
    """What the step leaves of five sentences and ``text``."""
    outcome = (step or C4Quality()).apply(Document(f"{FIVE}\n{text}"))
    assert isinstance(outcome, Document)
    return outcome.text.removeprefix(FIVE).removeprefix("\n")


def test_a_page_has_five_sentences() -> None:
    assert verdict(C4Quality(), FIVE) == "kept"
    assert verdict(C4Quality(), FIVE.replace(" And five.", "")) == "too_few_sentences"


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("One. Two! Three?", 3),
        ("One, and what is left", 1),
        ('He said "Go." Then he went.', 2),
        ("J. Smith has 3.5 cats.", 1),
        ("Split up . Like this .", 2),
        ("", 0),
    ],
)
def test_sentences_are_counted_by_their_stops(line: str, sentences: int) -> None:
    assert count_sentences(line) == sentences


def test_a_line_has_three_words() -> None:
    assert left("just three words") == "just three words"
    assert left("only two") == ""


def test_a_line_with_a_word_of_over_1000_characters_goes() -> None:
    assert left("a line with " + "x" * 1000) != ""
    assert left("a line with " + "x" * 1001) == ""


@pytest.mark.parametrize(
    "phrase", ["Please turn on JavaScript now.", "Read our Privacy Policy first.", "We use cookies here."]
)
def test_lines_of_the_site_go(phrase: str) -> None:
    assert left(f"Something good to read.\n{phrase}\nAnd more of it.") == "Something good to read.\nAnd more of it."


@pytest.mark.parametrize(
    ("line", "rule"), [("Here is Lorem ipsum dolor.", "lorem_ipsum"), ("if (a) { b = c }", "curly_bracket")]
)
def test_pages_with_filler_or_program_text_go(line: str, rule: str) -> None:
    assert verdict(C4Quality(), f"{FIVE}\n{line}") == rule


def test_a_curly_bracket_in_a_line_that_goes_anyway_does_not_count() -> None:
    assert verdict(C4Quality(), f"{FIVE}\n{{ }}") == "kept"


def test_citations_go_and_other_brackets_stay() -> None:
    assert left("A fact.[12] Another[citation needed] one[edit] with [a note].") == "A fact. Another one with [a note]."


def test_lines_need_terminal_punctuation_only_where_it_is_asked_for() -> None:
    strict = C4Quality(terminal_punctuation=True)
    assert left("a line without an end") == "a line without an end"
    assert left("a line without an end", strict) == ""
    assert left("a line that trails off...", strict) == ""
    assert left('a line that "ends"', strict) == 'a line that "ends"'


def test_a_page_that_loses_nothing_stays_the_same_document() -> None:
    document = Document(FIVE)
    assert C4Quality().apply(document) is document
