"""What simulation 6 shows: tokens and the chips they are shown as, the merges of a word, a vocabulary of one's own."""

import pytest
import regex

from orrery.data.world.generate import documents
from orrery.data.world.world import World
from orrery.errors import DataError
from orrery.server.studio.sims.small_bpe import PAGES, SmallBPERequest, ranks_of_merges, small_bpe
from orrery.server.studio.sims.tokenizer import MergesRequest, TokenizeRequest, merges, tokenize
from orrery.tokenizers.bpe import BPE

FAMILY = "👩‍👩‍👧"
TEXTS = ("the the\n", f"naïve {FAMILY} é", "सुप्रभात 早上好", " \t x\r\n", "\u0301 begins with a mark")
PAGE = "\n".join(page.text for page in documents(World(), max_bytes=PAGES))
TRAINED = BPE.train([PAGE], 600)
BYTES = BPE.from_tokens([])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("tokenizer", [TRAINED, BYTES, None])
def test_chips_are_whole_graphemes_and_hold_every_token_once(text: str, tokenizer: BPE | None) -> None:
    answer = tokenize(TokenizeRequest("any", text), tokenizer)
    ids = [token.id for token in answer.tokens]
    assert ids == ([ord(character) for character in text] if tokenizer is None else tokenizer.encode(text))
    assert [chip.first for chip in answer.chips] == [
        sum(chip.count for chip in answer.chips[:i]) for i in range(len(answer.chips))
    ]
    assert sum(chip.count for chip in answer.chips) == len(ids)
    raws = [bytes.fromhex(token.bytes) for token in answer.tokens]
    assert b"".join(raws) == text.encode()
    assert [token.start for token in answer.tokens] == [len(b"".join(raws[:i])) for i in range(len(raws))]
    graphemes = regex.findall(r"\X", text)
    for chip in answer.chips:
        said = b"".join(raws[chip.first : chip.first + chip.count]).decode()  # never half of a character
        whole = regex.findall(r"\X", said)
        assert all(one in graphemes for one in whole) and "�" not in chip.shown
        # as few tokens as will do: no shorter beginning of them ends between graphemes
        for count in range(1, chip.count):
            before = b"".join(raws[: chip.first + count])
            ends = [len("".join(graphemes[:i]).encode()) for i in range(len(graphemes) + 1)]
            assert len(before) not in ends
        if tokenizer is not None:
            assert said[0] in answer.words[chip.word]


def test_a_family_is_one_chip_of_many_bytes() -> None:
    answer = tokenize(TokenizeRequest("bytes", f"a{FAMILY}b"), BYTES)
    assert [(chip.shown, chip.count) for chip in answer.chips] == [("a", 1), (FAMILY, 18), ("b", 1)]


def test_white_space_is_made_visible_and_ranks_are_those_of_merges() -> None:
    answer = tokenize(TokenizeRequest("any", " the\tx\n"), BPE.from_tokens([b" t", b"he", b" the"]))
    assert [chip.shown for chip in answer.chips] == ["·the", "→", "x", "↵"]
    assert [token.rank for token in answer.tokens] == [258, None, None, None]


@pytest.mark.parametrize("text", ["", "a" * 2001])
def test_texts_of_no_or_too_much_length_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="characters: give"):
        tokenize(TokenizeRequest("bytes", text), BYTES)


@pytest.mark.parametrize("word", [" strawberries", "é", "the", "7", " Marvak"])
def test_merges_begin_with_bytes_end_with_the_tokens_and_take_the_lowest_rank(word: str) -> None:
    steps = merges(MergesRequest("any", word), TRAINED).steps
    assert steps[0].ids == list(word.encode())
    assert steps[-1].ids == TRAINED.encode(word) == TRAINED.encode_reference(word)
    assert steps[-1].merged is None and not any(steps[-1].ranks)
    for before, after in zip(steps, steps[1:], strict=False):
        assert before.merged is not None
        rank = before.ranks[before.merged]
        assert rank == min(rank for rank in before.ranks if rank is not None)
        assert after.ids == [*before.ids[: before.merged], rank, *before.ids[before.merged + 2 :]]


def test_words_without_merges_are_refused_with_the_reason() -> None:
    with pytest.raises(DataError, match="never merged"):
        merges(MergesRequest("characters", "the"), None)
    with pytest.raises(DataError, match="65 bytes"):
        merges(MergesRequest("any", "a" * 65), TRAINED)


def test_a_small_vocabulary_saves_what_its_encoding_shows() -> None:
    text = PAGE[:6000]
    answer = small_bpe(SmallBPERequest(text, 120))
    tokens = [bytes.fromhex(one.bytes) for one in answer.learnt]
    assert BPE.train([text], 256 + 8 + 120).ranks == BPE.from_tokens(tokens).ranks
    for made in (0, 1, 7, 60, 120):
        assert answer.totals[made] == len(BPE.from_tokens(tokens[:made]).encode(text))
    assert [one.count for one in answer.learnt] == (answer.totals[:-1] - answer.totals[1:]).tolist()
    assert all(one.left + one.right == one.shown for one in answer.learnt)
    assert "".join(answer.words) == text[:400]


def test_the_first_merges_of_a_word_are_all_that_a_smaller_vocabulary_makes() -> None:
    tokens = list(TRAINED.ranks)[256:]
    for made in (10, 100, 250):
        smaller = BPE.from_tokens(tokens[:made])
        for word in dict.fromkeys(tokenize(TokenizeRequest("any", PAGE[:2000]), TRAINED).words):
            made_of = [rank for rank in ranks_of_merges(word.encode(), TRAINED) if rank < 256 + made]
            assert made_of == list(ranks_of_merges(word.encode(), smaller))


def test_little_text_ends_the_merges_and_too_much_is_refused() -> None:
    assert [one.shown for one in small_bpe(SmallBPERequest("ab ab", 512)).learnt] == ["ab"]
    assert small_bpe(SmallBPERequest("ab", 512)).learnt == []
    pages = [page.text for page in documents(World(), max_bytes=PAGES)]
    assert small_bpe(SmallBPERequest()).totals[0] == len("".join(pages).encode())  # before any merge: its bytes
    for asked in (SmallBPERequest("a" * 100_001), SmallBPERequest("a", 513), SmallBPERequest("a", 0)):
        with pytest.raises(DataError, match="give up to"):
            small_bpe(asked)
