"""Words are those of Qwen2's pattern, however a text is cut up for speed, and other libraries agree on them."""

import pytest
import regex
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from orrery.tokenizers.split import QWEN2_PATTERN, pieces, split
from tests.tokenizers.texts import AWKWARD, LANGUAGES, every_character, texts

ascii_texts = st.lists(
    st.one_of(
        st.sampled_from([text for text in AWKWARD if text.isascii()]),
        st.text(st.characters(max_codepoint=127), max_size=8),
    ),
    max_size=20,
).map("".join)


@given(st.one_of(texts, ascii_texts))
@settings(deadline=None, max_examples=500)
def test_fast_splitting_gives_the_words_of_the_pattern(text: str) -> None:
    assert split(text) == regex.findall(QWEN2_PATTERN, text)
    assert "".join(split(text)) == text


@given(texts.map(lambda text: text * 3), st.integers(1, 30))
@settings(deadline=None, max_examples=500)
def test_a_long_text_in_pieces_has_the_same_words(text: str, size: int) -> None:
    cut = list(pieces(text, size))
    assert "".join(cut) == text
    assert all(cut)
    if all(len(piece) < 2 * size for piece in cut):  # no piece was cut for want of a safe place
        assert [word for piece in cut for word in split(piece)] == split(text)


def test_pieces_are_bounded_where_there_is_no_place_to_cut() -> None:
    cut = list(pieces("x" * 100_000, 4096))
    assert "".join(cut) == "x" * 100_000
    assert max(map(len, cut)) == 2 * 4096


def test_every_digit_is_a_word() -> None:
    assert split("in 1234") == ["in", " ", "1", "2", "3", "4"]


@pytest.mark.parametrize("kind", [r"\p{L}", r"\p{N}", r"\s", "(?i:s|t|r|v|m|l|d|e)"])
def test_libraries_agree_on_every_character(kind: str) -> None:
    """Were a character a letter for one and not for another, ids would differ from engine to engine."""
    text = "".join(every_character())
    ours = "".join(regex.findall(kind, text))
    assert len(ours) < len(text)
    # Both drop what the pattern does not match.
    theirs = pre_tokenizers.Split(Regex(kind), "removed", invert=True).pre_tokenize_str(text)
    assert "".join(word for word, _ in theirs) == ours
    ranks = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding("bytes", pat_str=kind, mergeable_ranks=ranks, special_tokens={})
    assert bytes(encoding.encode_ordinary(text)).decode() == ours


def test_tiktoken_splits_where_we_do() -> None:
    """Seen through a vocabulary in which every word of the text is a token."""
    text = "\n".join([*LANGUAGES, *AWKWARD, "".join(AWKWARD)])
    words = split(text)
    vocabulary = {bytes([byte]) for byte in range(256)} | {word.encode() for word in words}
    ranks = {token: rank for rank, token in enumerate(sorted(vocabulary, key=len))}
    encoding = tiktoken.Encoding("words", pat_str=QWEN2_PATTERN, mergeable_ranks=ranks, special_tokens={})
    assert [encoding.decode_single_token_bytes(id_).decode() for id_ in encoding.encode_ordinary(text)] == words
