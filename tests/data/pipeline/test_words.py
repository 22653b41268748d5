"""Words: marks stand by themselves, numbers and contractions stay whole, and a text is split once."""

import pytest

from orrery.data.pipeline.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 3.5 km, isn't it?", ["It", "'s", "3.5", "km", ",", "isn", "'t", "it", "?"]),
        ("1,000 dogs.", ["1,000", "dogs", "."]),
        ("Well... no -- ##", ["Well", "...", "no", "--", "##"]),
        ("„Größe“ 大きい", ["„", "Größe", "“", "大きい"]),
        ("", []),
    ],
)
def test_a_text_is_split_into_words_and_marks(text: str, words: list[str]) -> None:
    assert list(words_of(text).all) == words


def test_every_word_has_a_number_in_order_of_first_use() -> None:
    words = words_of("to be or not to be")
    assert list(words.vocabulary) == ["to", "be", "or", "not"]
    assert words.ids.tolist() == [0, 1, 2, 3, 0, 1]
    assert words.counts.tolist() == [2, 2, 1, 1]
    assert words.lengths.tolist() == [2, 2, 2, 3]


def test_the_words_of_a_text_are_remembered_for_the_next_step() -> None:
    assert words_of("the same text") is words_of("the same " + "text")
