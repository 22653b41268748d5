"""The fast trainer learns the merges of the definition, and compresses as well as the tokenizers library's."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from orrery.errors import DataError, TokenizerError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.counting import count_words
from orrery.tokenizers.hf_format import byte_characters
from orrery.tokenizers.split import QWEN2_PATTERN
from orrery.tokenizers.train import train_tokens
from tests.tokenizers.texts import few_letters, texts


def naive(counts: Counter[str], merges: int) -> list[bytes]:
    """The definition: count all pairs again after every merge."""
    tokens = [bytes([byte]) for byte in range(256)]
    words = {tuple(word.encode()): count for word, count in counts.items()}
    while len(tokens) < 256 + merges:
        pairs: Counter[tuple[int, int]] = Counter()
        for word, count in words.items():
            for pair in pairwise(word):
                pairs[pair] += count
        allowed = {p: c for p, c in pairs.items() if c >= 2 and tokens[p[0]] + tokens[p[1]] not in tokens}
        if not allowed:
            break
        best = min(allowed, key=lambda pair: (-allowed[pair], pair))
        words = {merged(word, best, len(tokens)): count for word, count in words.items()}
        tokens.append(tokens[best[0]] + tokens[best[1]])
    return tokens[256:]


def merged(word: tuple[int, ...], pair: tuple[int, int], new: int) -> tuple[int, ...]:
    out: list[int] = []
    for id_ in word:
        if out and (out[-1], id_) == pair:
            out[-1] = new
        else:
            out.append(id_)
    return tuple(out)


@given(few_letters.map(lambda text: text * 2), st.integers(0, 30))
@settings(deadline=None, max_examples=300)
def test_merges_are_those_of_the_definition_where_pairs_overlap_and_tie(text: str, merges: int) -> None:
    counts = count_words([text], workers=1)
    assert train_tokens(counts, merges) == naive(counts, merges)


@given(st.lists(texts, max_size=4))
@settings(deadline=None, max_examples=100)
def test_merges_are_those_of_the_definition_on_any_text(documents: list[str]) -> None:
    counts = count_words(documents, workers=1)
    assert train_tokens(counts, 40) == naive(counts, 40)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=30), st.integers(1, 5), max_size=6))
@settings(deadline=None, max_examples=300)
def test_merges_are_those_of_the_definition_within_long_words(words: dict[str, int]) -> None:
    counts = Counter(words)
    assert train_tokens(counts, 50) == naive(counts, 50)


def test_merges_are_those_of_the_definition_on_real_text(corpus: list[str]) -> None:
    counts = count_words([corpus[1], *corpus[-10:]], workers=1)
    assert train_tokens(counts, 150) == naive(counts, 150)


def test_the_order_of_the_texts_does_not_matter(corpus: list[str], tokenizer: BPE) -> None:
    again = BPE.train(reversed(corpus), tokenizer.vocab_size, workers=2)
    assert again.ranks == tokenizer.ranks


def test_a_vocabulary_larger_than_the_text_allows_says_how_many_are_possible() -> None:
    with pytest.raises(TokenizerError, match="at most 267, not 300"):
        BPE.train(["abcd abcd"], 300)  # ab, abc, abcd: " " + "abcd" occurs once
    assert BPE.train(["abcd abcd"], 267).vocab_size == 267


@pytest.mark.parametrize("documents", [[], [""], ["", ""]])
def test_no_text_is_an_error(documents: list[str]) -> None:
    with pytest.raises(DataError, match="no text"):
        BPE.train(documents, 300)


def test_a_vocabulary_without_room_for_bytes_is_an_error() -> None:
    with pytest.raises(TokenizerError, match="263 is too small"):
        BPE.train(["abc"], 263)
    assert BPE.train(["abc"], 264).vocab_size == 264


def test_a_long_document_without_a_space_is_learned_from() -> None:
    tokenizer = BPE.train(["ab" * 2_000_000], 270, workers=1)
    assert tokenizer.decode(tokenizer.encode("ab" * 1000)) == "ab" * 1000


def trained_by_tokenizers(documents: list[str], vocab_size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def compare(documents: list[str], vocab_size: int) -> tuple[float, float]:
    """How many tokens we need for each of theirs, and the share of learned tokens that both have."""
    theirs = trained_by_tokenizers(documents, vocab_size - 8)
    ours = BPE.train(documents, vocab_size)
    needed = sum(map(len, ours.encode_batch(documents)))
    they_need = sum(len(encoding.ids) for encoding in theirs.encode_batch(documents))
    byte = {character: byte for byte, character in byte_characters().items()}
    their_tokens = {bytes(byte[character] for character in token) for token in theirs.get_vocab()}
    our_tokens = set(ours.ranks)
    assert len(our_tokens) == len(their_tokens) == vocab_size - 8
    return needed / they_need, len(our_tokens & their_tokens) / len(our_tokens)


def test_compression_equals_that_of_the_tokenizers_library(corpus: list[str]) -> None:
    ratio, overlap = compare(corpus[:4], 1000)  # the rest repeats sentences, so that counts tie throughout
    assert ratio == pytest.approx(1, abs=1e-3)
    assert overlap > 0.98


@pytest.mark.real_data
def test_compression_on_real_text_equals_that_of_the_tokenizers_library(real_data: Path) -> None:
    names = ("tinyshakespeare.txt", "wikitext2_valid.txt")
    documents = [(real_data / name).read_text(encoding="utf-8") for name in names]
    ratio, overlap = compare(documents, 4096)
    assert ratio == pytest.approx(1, abs=1e-3)
    assert overlap > 0.98
