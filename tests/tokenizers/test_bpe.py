"""Encoding loses nothing, equals the short reference, and never makes special tokens of plain text."""

import pickle
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from orrery.errors import TokenizerError
from orrery.tokenizers import bpe
from orrery.tokenizers.bpe import BPE, LONG_WHITESPACE, encode_reference
from orrery.tokenizers.counting import count_words
from orrery.tokenizers.special import ADDED, RESERVED, SPECIAL
from orrery.tokenizers.train import train_tokens
from orrery.tokenizers.vocabulary import Vocabulary
from tests.tokenizers.texts import AWKWARD, LANGUAGES, few_letters, texts

BYTES = {bytes([byte]): byte for byte in range(256)}


def test_ids_are_bytes_then_merges_then_the_eight_reserved(tokenizer: BPE) -> None:
    assert [tokenizer.token_bytes(id_) for id_ in range(256)] == list(BYTES)
    assert tokenizer.vocab_size == 1000
    assert [tokenizer.id_of(text) for text in RESERVED] == list(range(992, 1000))
    assert (tokenizer.eos_id, tokenizer.im_start_id, tokenizer.im_end_id, tokenizer.pad_id) == (992, 993, 994, 995)
    assert sorted(tokenizer.ranks.values()) == list(range(992))


@settings(deadline=None, max_examples=300)
@given(text=texts)
def test_encoding_equals_the_reference_and_loses_nothing(tokenizer: BPE, text: str) -> None:
    ids = tokenizer.encode(text)
    assert ids == tokenizer.encode_reference(text)
    assert tokenizer.decode(ids) == text
    assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()


@settings(deadline=None, max_examples=200)
@given(training=few_letters, text=few_letters)
def test_encoding_equals_the_reference_where_tokens_overlap(training: str, text: str) -> None:
    tokenizer = BPE.from_tokens(train_tokens(count_words([training * 3], 1), 40))
    assert tokenizer.encode(text) == tokenizer.encode_reference(text)


def test_merges_make_every_token_of_its_bytes(tokenizer: BPE) -> None:
    """Else the vocabulary would hold tokens that never occur."""
    for token, rank in tokenizer.ranks.items():
        text = token.decode(errors="replace")
        if text.encode() == token:
            assert encode_reference(text, tokenizer.ranks, pattern="(?s).+") == [rank]


@settings(deadline=None, max_examples=200)
@given(text=texts)
def test_plain_text_never_becomes_a_reserved_token(tokenizer: BPE, text: str) -> None:
    assert max(tokenizer.encode(text), default=0) < tokenizer.eos_id


@pytest.mark.parametrize("text", RESERVED)
def test_reserved_strings_in_text_stay_text(tokenizer: BPE, text: str) -> None:
    assert tokenizer.id_of(text) not in tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_a_batch_is_encoded_as_one_by_one(tokenizer: BPE, threads: int) -> None:
    many = [*AWKWARD, *LANGUAGES, ""] * 5
    assert tokenizer.encode_batch(many, threads) == [tokenizer.encode(text) for text in many]
    assert tokenizer.encode_batch([], threads) == []


def test_decoding_can_skip_special_tokens_but_shows_added_ones(tokenizer: BPE) -> None:
    ids = [tokenizer.id_of(text) for text in RESERVED]
    assert tokenizer.decode(ids) == "".join(RESERVED)
    assert tokenizer.decode(ids, skip_special=True) == "".join(ADDED)
    assert SPECIAL + ADDED == RESERVED


def test_part_of_a_character_decodes_to_the_replacement_character(tokenizer: BPE) -> None:
    assert tokenizer.decode([*b"a", *"é".encode()[:1]]) == "a\ufffd"


@pytest.mark.parametrize("id_", [-1, 1000, 10**9])
def test_an_id_outside_the_vocabulary_is_an_error(tokenizer: BPE, id_: int) -> None:
    with pytest.raises(TokenizerError, match=f"id {id_} is not in the vocabulary of 1000"):
        tokenizer.decode([id_])


def test_half_a_surrogate_pair_becomes_the_replacement_character(tokenizer: BPE) -> None:
    assert tokenizer.decode(tokenizer.encode("a\ud83db")) == "a\ufffdb"


@pytest.mark.parametrize("text", [" " * 1_200_000 + "x", "x" + "\u3000" * 1_200_000, "\t " * 600_000 + "\nx"])
def test_a_million_spaces_in_a_row_encode(tokenizer: BPE, text: str) -> None:
    """tiktoken's pattern engine gives up on them."""
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", [" " * 3000 + "x", "\t " * 1000, "a\n" + " " * 2000 + "\nb", "word" + "\u3000" * 500])
def test_the_way_round_for_long_white_space_gives_the_same_ids(
    tokenizer: BPE, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tokenizer.encode(text)
    monkeypatch.setattr(bpe, "LONG_WHITESPACE", 100)
    monkeypatch.setattr(bpe, "_LONG_WHITESPACE", regex.compile(r"\s{100}"))
    assert len(text) < LONG_WHITESPACE
    assert tokenizer.encode(text) == expected


def test_a_tokenizer_can_be_pickled(tokenizer: BPE) -> None:
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.encode("don't panic") == tokenizer.encode("don't panic")


def test_ids_need_not_follow_the_order_of_merges() -> None:
    ranks = BYTES | {b"ab": 256, b"abc": 257}
    straight = BPE(Vocabulary(ranks, {"<|endoftext|>": 258}))
    turned = BPE(Vocabulary(ranks, {"<|endoftext|>": 0}, ids=tuple(range(258, 0, -1))))
    text = "abc ab a <|endoftext|>"
    assert turned.encode(text) == [258 - id_ for id_ in straight.encode(text)] == turned.encode_reference(text)
    assert turned.decode(turned.encode(text)) == text
    assert turned.decode([0]) == "<|endoftext|>"


def test_a_tokenizer_without_merges_is_one_of_bytes() -> None:
    tokenizer = BPE.from_tokens([])
    assert tokenizer.encode("é") == list("é".encode())
    assert tokenizer.vocab_size == 264


def test_a_missing_reserved_token_is_named() -> None:
    with pytest.raises(TokenizerError, match=r"no token <\|pad\|> \(it has: <\|endoftext\|>\)"):
        _ = BPE(Vocabulary(BYTES, {"<|endoftext|>": 256})).pad_id


def test_vocabularies_that_cannot_be_are_errors() -> None:
    with pytest.raises(TokenizerError, match="1 of the 256 bytes have no token, the first is 0x41"):
        Vocabulary({token: id_ for token, id_ in BYTES.items() if token != b"A"}, {})
    with pytest.raises(TokenizerError, match="id 65 stands for two tokens"):
        Vocabulary(BYTES, {"<|endoftext|>": 65})
    with pytest.raises(TokenizerError, match="no regular expression"):
        BPE(Vocabulary(BYTES, {}, pattern="(a"))


def test_the_reference_merges_the_lowest_rank_first() -> None:
    ranks = BYTES | {b"bc": 256, b"ab": 257}
    assert encode_reference("abc", ranks) == [ord("a"), 256]


@pytest.mark.real_data
def test_gpt2s_vocabulary_encodes_real_text_to_its_ids(real_data: Path) -> None:
    encoder, merges = real_data / "gpt2_encoder.json", real_data / "gpt2_vocab.bpe"
    tokenizer = BPE.from_gpt2(encoder, merges)
    assert (tokenizer.vocab_size, tokenizer.eos_id) == (50257, 50256)
    oracle = Tokenizer(models.BPE.from_file(str(encoder), str(merges)))
    oracle.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    for text in ((real_data / "wikitext2_valid.txt").read_text(encoding="utf-8"), "\n".join([*LANGUAGES, *AWKWARD])):
        ids = tokenizer.encode(text)
        assert ids == oracle.encode(text).ids
        assert tokenizer.decode(ids) == text
    assert tokenizer.encode("Hello world") == [15496, 995]  # known from OpenAI's own code


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"a": 1}'])
def test_files_that_are_not_gpt2s_are_errors(tmp_path: Path, content: str) -> None:
    (tmp_path / "encoder.json").write_text(content)
    (tmp_path / "vocab.bpe").write_text("#version: 0.2\na b\n")
    with pytest.raises(TokenizerError, match="encoder.json"):
        BPE.from_gpt2(tmp_path / "encoder.json", tmp_path / "vocab.bpe")
    with pytest.raises(TokenizerError, match="gone.json is missing"):
        BPE.from_gpt2(tmp_path / "gone.json", tmp_path / "vocab.bpe")


@settings(deadline=None, max_examples=100)
@given(ids=st.lists(st.integers(0, 999), max_size=30))
def test_any_ids_decode(tokenizer: BPE, ids: list[int]) -> None:
    assert tokenizer.decode(ids) == b"".join(map(tokenizer.token_bytes, ids)).decode("utf-8", "replace")
