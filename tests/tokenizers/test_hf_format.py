"""Our files give the same ids in transformers, and we read other byte-level vocabularies to theirs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from orrery.errors import TokenizerError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import neutralise
from orrery.tokenizers.counting import count_words
from orrery.tokenizers.special import ADDED, RESERVED
from orrery.tokenizers.split import GPT2_PATTERN, QWEN2_PATTERN
from orrery.tokenizers.template import CHAT_TEMPLATE
from orrery.tokenizers.train import train_tokens
from orrery.tokenizers.vocabulary import Vocabulary
from tests.tokenizers.texts import AWKWARD, LANGUAGES, few_letters, texts

LLAMA3_PATTERN = QWEN2_PATTERN.replace(r"\p{N}|", r"\p{N}{1,3}|")


@pytest.fixture(scope="module")
def theirs(folder: Path) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(folder)


def test_what_is_saved_loads_as_it_was(tokenizer: BPE, folder: Path) -> None:
    assert BPE.load(folder).vocabulary == tokenizer.vocabulary


@settings(deadline=None, max_examples=300)
@given(text=texts)
def test_transformers_gives_the_same_ids(tokenizer: BPE, theirs: PreTrainedTokenizerFast, text: str) -> None:
    text = neutralise(text)  # in transformers reserved strings in text do become tokens
    assert theirs.encode(text, add_special_tokens=False) == tokenizer.encode(text)
    assert theirs.decode(tokenizer.encode(text)) == text


def test_transformers_gives_the_same_ids_for_whole_documents(
    tokenizer: BPE, theirs: PreTrainedTokenizerFast, corpus: list[str]
) -> None:
    for text in (*corpus[:4], *LANGUAGES, neutralise("".join(AWKWARD))):
        assert theirs.encode(text) == tokenizer.encode(text)


def test_transformers_knows_the_reserved_tokens(tokenizer: BPE, theirs: PreTrainedTokenizerFast) -> None:
    ids = [tokenizer.id_of(text) for text in RESERVED]
    assert theirs.convert_tokens_to_ids(list(RESERVED)) == ids
    assert theirs.encode("a".join(RESERVED)) == [id_ for i in ids for id_ in (i, ord("a"))][:-1]
    assert theirs.decode(ids, skip_special_tokens=True) == "".join(ADDED)
    assert (theirs.eos_token_id, theirs.pad_token_id, theirs.bos_token_id) == (ids[0], ids[3], None)
    assert len(theirs) == tokenizer.vocab_size
    assert theirs.chat_template == CHAT_TEMPLATE


@pytest.mark.parametrize("model_type", ["qwen3", "llama", "gpt2"])
def test_the_model_beside_it_changes_nothing(tokenizer: BPE, tmp_path: Path, model_type: str) -> None:
    """transformers has a tokenizer class for each kind of model, some of which would normalise text."""
    tokenizer.save(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type, "vocab_size": 1000}))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    text = "e\u0301 Hello 123" + neutralise("".join(AWKWARD))
    assert theirs.encode(text) == tokenizer.encode(text)
    assert theirs.decode(tokenizer.encode(text)) == text


@settings(deadline=None, max_examples=100)
@given(training=few_letters, text=few_letters)
def test_merges_in_the_file_say_what_ranks_say(
    tmp_path_factory: pytest.TempPathFactory, training: str, text: str
) -> None:
    """Also where tokens overlap and come about in several ways."""
    tokenizer = trained_here([training * 3], 40)
    folder = tmp_path_factory.mktemp("few")
    tokenizer.save(folder)
    assert Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids == tokenizer.encode(text)


def trained_here(documents: list[str], merges: int) -> BPE:
    return BPE.from_tokens(train_tokens(count_words(documents, 1), merges))


def byte_level(use_regex: bool) -> pre_tokenizers.ByteLevel:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def like_gpt2() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = byte_level(use_regex=True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def split_by(pattern: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level(use_regex=False)])
    return tokenizer


def like_qwen() -> Tokenizer:
    tokenizer = split_by(QWEN2_PATTERN)
    tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def like_llama3() -> Tokenizer:
    tokenizer = split_by(LLAMA3_PATTERN)
    tokenizer.model.ignore_merges = True
    return tokenizer


def like_gpt4() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(LLAMA3_PATTERN), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level(use_regex=False)])
    return tokenizer


@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (like_gpt2, GPT2_PATTERN),
        (like_qwen, QWEN2_PATTERN),
        (like_llama3, LLAMA3_PATTERN),
        (like_gpt4, LLAMA3_PATTERN),
    ],
)
def test_vocabularies_of_other_families_are_read(
    make: Callable[[], Tokenizer], pattern: str, corpus: list[str], tmp_path: Path
) -> None:
    theirs = make()
    # Special tokens come first here, so that ids are not simply bytes and merges.
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<|begin|>", "<|endoftext|>"],
    )  # fmt: skip
    theirs.train_from_iterator(corpus, trainer)
    theirs.add_tokens([AddedToken("<think>", normalized=False, special=False)])
    theirs.decoder = decoders.ByteLevel()
    theirs.save(str(tmp_path / "tokenizer.json"))

    ours = BPE.load(tmp_path)
    assert ours.vocabulary.pattern == pattern
    assert ours.vocabulary.special == {"<|begin|>": 0, "<|endoftext|>": 1}
    assert ours.vocabulary.added == {"<think>": 700}
    assert (ours.vocab_size, ours.eos_id) == (701, 1)
    plain = [text for text in (*corpus[:4], *LANGUAGES, *AWKWARD) if text not in RESERVED]
    for text in plain:
        ids = theirs.encode(text, add_special_tokens=False).ids
        assert ours.encode(text) == ids == ours.encode_reference(text)
        assert ours.decode(ids) == theirs.decode(ids)
    assert theirs.token_to_id("<think>") not in ours.encode("<think>")

    ours.save(tmp_path / "again")
    again = Tokenizer.from_file(str(tmp_path / "again" / "tokenizer.json"))
    assert [again.encode(text).ids for text in plain] == [ours.encode(text) for text in plain]
    assert BPE.load(tmp_path / "again").vocabulary == ours.vocabulary


def test_ids_may_be_in_any_order(tokenizer: BPE, folder: Path, tmp_path: Path, corpus: list[str]) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    vocab = content["model"]["vocab"]
    content["model"]["vocab"] = {token: 991 - id_ for token, id_ in vocab.items()}
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    ours = BPE.load(tmp_path)
    theirs = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert ours.encode(corpus[0]) == theirs.encode(corpus[0]).ids == [991 - i for i in tokenizer.encode(corpus[0])]
    assert ours.decode(ours.encode(corpus[0])) == corpus[0]


def test_a_token_that_no_merge_makes_is_decoded_but_never_encoded(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["zqzq"] = 1000
    for whole_words in (False, True):
        content["model"]["ignore_merges"] = whole_words
        (tmp_path / "tokenizer.json").write_text(json.dumps(content))
        ours = BPE.load(tmp_path)
        theirs = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        assert ours.encode("zqzq") == theirs.encode("zqzq").ids
        assert (ours.encode("zqzq") == [1000]) == whole_words
        assert ours.decode([1000]) == "zqzq"
        ours.save(tmp_path / "again")
        assert BPE.load(tmp_path / "again").vocabulary == ours.vocabulary


def test_a_vocabulary_without_the_chat_tokens_ships_no_template(tmp_path: Path) -> None:
    ranks = {bytes([byte]): byte for byte in range(256)}
    BPE(Vocabulary(ranks, {"<|endoftext|>": 256})).save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert (theirs.chat_template, theirs.eos_token_id, theirs.pad_token) == (None, 256, None)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["model", "type"], "Unigram", "is a Unigram model"),
        (["model", "end_of_word_suffix"], "</w>", "sets end_of_word_suffix"),
        (["normalizer"], {"type": "Lowercase"}, "normalises text by Lowercase"),
        (["pre_tokenizer"], None, "splits text by nothing"),
        (["pre_tokenizer"], {"type": "Metaspace"}, "splits text by Metaspace"),
        (["pre_tokenizer", "pretokenizers", 1, "add_prefix_space"], True, "adds a space before the text"),
        (["pre_tokenizer", "pretokenizers", 1, "use_regex"], True, "splits text by two patterns"),
        (["pre_tokenizer", "pretokenizers", 0, "behavior"], "MergedWithNext", "in the manner 'MergedWithNext'"),
        (["pre_tokenizer", "pretokenizers", 0, "pattern"], {"Regex": r"\d"}, "leaves characters out"),
        (["pre_tokenizer", "pretokenizers", 0, "pattern"], {"Regex": "(a"}, "split pattern that is not understood"),
        (["model", "vocab"], {"a": 0}, "not in its vocabulary"),
        (["model", "vocab"], None, "is damaged"),
        (["model", "vocab"], {"▁a": 0}, "not written in byte-level characters"),
        (["model", "merges"], [["a"]], "is damaged"),
        (["added_tokens"], None, "is damaged"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    folder: Path, tmp_path: Path, path: list[Any], value: Any, message: str
) -> None:
    content = json.loads((folder / "tokenizer.json").read_text())
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(TokenizerError, match=message) as caught:
        BPE.load(tmp_path)
    assert "tokenizer.json" in str(caught.value)


def test_a_folder_without_a_tokenizer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="holds no tokenizer: tokenizer.json is missing"):
        BPE.load(tmp_path)
    with pytest.raises(TokenizerError, match="holds no tokenizer"):
        BPE.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(TokenizerError, match="cannot read"):
        BPE.load(tmp_path / "file")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[]", b"3"])
def test_a_file_that_is_no_tokenizer_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=r"is not"):
        BPE.load(tmp_path)
