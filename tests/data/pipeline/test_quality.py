"""Gopher's rules on quality: each with a text just inside its limit and one just outside."""

import pytest

from orrery.data.pipeline.quality import GopherQuality
from tests.data.pipeline.verdict import verdict

GOPHER = GopherQuality()


def prose(words: int) -> str:
    """So many words of three letters, two kinds of stop words among them."""
    return " ".join(["the", "and", "cat", "sat", "big"][number % 5] for number in range(words))


@pytest.mark.parametrize(
    ("words", "said"), [(49, "too_few_words"), (50, "kept"), (100_000, "kept"), (100_001, "too_many_words")]
)
def test_a_document_has_50_to_100_000_words(words: int, said: str) -> None:
    assert verdict(GOPHER, prose(words)) == said


def test_marks_alone_are_not_counted_as_words() -> None:
    assert verdict(GOPHER, prose(49) + " , !") == "too_few_words"


@pytest.mark.parametrize(("word", "said"), [("cat", "kept"), ("at", "short_words")])
def test_words_have_3_letters_in_the_mean(word: str, said: str) -> None:
    assert verdict(GOPHER, prose(59) + " " + word) == said


@pytest.mark.parametrize(("letters", "said"), [(17, "kept"), (18, "long_words")])
def test_words_have_10_letters_in_the_mean_at_most(letters: int, said: str) -> None:
    text = " ".join(["the", "and", "b" * 17, *["c" * 10] * 46, "d" * letters])  # 500 or 501 letters
    assert verdict(GOPHER, text) == said


@pytest.mark.parametrize(("symbol", "rule"), [(" #", "hashes"), ("...", "ellipses"), ("…", "ellipses")])
def test_there_is_one_hash_mark_or_ellipsis_in_ten_words_at_most(symbol: str, rule: str) -> None:
    text = prose(90)
    assert verdict(GOPHER, text.replace("cat", f"cat{symbol}", 10)) == "kept"  # 10 in 100
    assert verdict(GOPHER, text.replace("cat", f"cat{symbol}", 11)) == rule  # 11 in 101


@pytest.mark.parametrize("bullet", ["-", "•", "  - "])
def test_nine_of_ten_lines_may_begin_with_a_bullet(bullet: str) -> None:
    assert verdict(GOPHER, "\n".join([prose(10)] + [bullet + prose(10)] * 9)) == "kept"
    assert verdict(GOPHER, "\n".join([prose(10)] + [bullet + prose(10)] * 10)) == "bullet_lines"


@pytest.mark.parametrize("ellipsis", ["...", "… "])
def test_three_of_ten_lines_may_end_in_an_ellipsis(ellipsis: str) -> None:
    assert verdict(GOPHER, "\n".join([prose(20)] * 7 + [prose(20) + ellipsis] * 3)) == "kept"
    assert verdict(GOPHER, "\n".join([prose(20)] * 9 + [prose(20) + ellipsis] * 4)) == "ellipsis_lines"


@pytest.mark.parametrize(("lettered", "said"), [(80, "kept"), (79, "words_without_letters")])
def test_80_percent_of_the_words_have_a_letter(lettered: int, said: str) -> None:
    assert verdict(GOPHER, prose(lettered) + " 123" * (100 - lettered)) == said


def test_punctuation_that_stands_alone_is_no_word_without_letters_but_other_marks_are() -> None:
    assert verdict(GOPHER, prose(60) + " , ." * 20) == "kept"
    assert verdict(GOPHER, prose(60) + " | =" * 20) == "words_without_letters"


@pytest.mark.parametrize(("stop_word", "said"), [("with", "kept"), ("cat", "too_few_stop_words")])
def test_two_different_stop_words_are_needed(stop_word: str, said: str) -> None:
    assert verdict(GOPHER, "the cat sat " * 20 + stop_word) == said


def test_an_empty_document_has_too_few_words_whatever_the_limit() -> None:
    assert verdict(GopherQuality(min_words=0), "") == "too_few_words"
