"""A text as tokens, as a page shows it, and the merges that made one of its words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import regex

from orrery.errors import DataError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.inspect import inspect_text, visible

MOST = 2_000  # characters of a text
LONGEST = 64  # bytes of a word whose merges are shown


@dataclass(frozen=True)
class TokenizeRequest:
    """A text, and the name of the vocabulary to cut it with (GET /api/vocabularies)."""

    vocabulary: str
    text: str


@dataclass(frozen=True)
class Token:
    """One token. `bytes`: in hexadecimal. `rank`: of its merge; null where none made it. `start`: in bytes."""

    id: int
    bytes: str
    shown: str
    rank: int | None
    start: int


@dataclass(frozen=True)
class Chip:
    """Tokens that are shown as one, since only together do they make whole characters as readers see them.

    `first`, `count`: which tokens. `word`: which word of the text they stand in, -1 where words do not matter.
    """

    first: int
    count: int
    shown: str
    word: int


@dataclass(frozen=True)
class TokenizeAnswer:
    """The tokens of a text, what it comes to, and what in it may trip a model."""

    tokens: list[Token]
    chips: list[Chip]
    words: list[str]
    characters: int
    bytes: int
    warnings: list[str]


@dataclass(frozen=True)
class MergesRequest:
    """A word, and the name of the vocabulary whose merges to follow."""

    vocabulary: str
    word: str


@dataclass(frozen=True)
class MergeStep:
    """A word on its way: its parts, and for each two neighbours the rank of their merge, null where there is none.

    `merged`: which pair is merged next, the one of lowest rank; null at the end.
    """

    parts: list[str]
    ids: list[int]
    ranks: list[int | None]
    merged: int | None


@dataclass(frozen=True)
class MergesAnswer:
    """The states of a word, from bytes to tokens."""

    steps: list[MergeStep]


def tokenize(asked: TokenizeRequest, tokenizer: BPE | None) -> TokenizeAnswer:
    """Cut a text; without a tokenizer into characters, numbered as Unicode does.

    Raises DataError for no text, or a text of more than `MOST` characters.
    """
    text = asked.text
    if not text or len(text) > MOST:
        raise DataError(f"a text of {len(text):,} characters: give 1 to {MOST:,}")
    if tokenizer is None:
        raws = [character.encode(errors="replace") for character in text]
        tokens = _place([(ord(character), raw, None) for character, raw in zip(text, raws, strict=True)])
        return TokenizeAnswer(tokens, chips(raws), [], len(text), len(b"".join(raws)), [])
    inspection = inspect_text(tokenizer, text)
    raws = [piece.raw for piece in inspection.pieces]
    words = regex.findall(tokenizer.vocabulary.pattern, b"".join(raws).decode())  # of the text as the tokenizer saw it
    return TokenizeAnswer(
        tokens=_place([(piece.id, piece.raw, tokenizer.ranks.get(piece.raw)) for piece in inspection.pieces]),
        chips=chips(raws, words),
        words=words,
        characters=inspection.characters,
        bytes=inspection.bytes,
        warnings=list(inspection.warnings),
    )


def merges(asked: MergesRequest, tokenizer: BPE | None) -> MergesAnswer:
    """Follow a word from its bytes to its tokens. Raises DataError for one of more than `LONGEST` bytes."""
    raw = asked.word.encode(errors="replace")
    if tokenizer is None:
        raise DataError("characters are never merged: choose a vocabulary of bytes or of a model")
    if not 0 < len(raw) <= LONGEST:
        raise DataError(f"a word of {len(raw)} bytes: choose one of 1 to {LONGEST}")
    return MergesAnswer(list(merge_steps(raw, tokenizer)))


def merge_steps(word: bytes, tokenizer: BPE) -> Iterator[MergeStep]:
    """`encode_reference` on one word, with every state on the way."""
    parts = [bytes([byte]) for byte in word]
    merged: int | None = 0
    while merged is not None:
        ranks = [tokenizer.ranks.get(left + right) for left, right in pairwise(parts)]
        found = [(rank, index) for index, rank in enumerate(ranks) if rank is not None]
        merged = min(found)[1] if found else None
        ids = [tokenizer.vocabulary.id(tokenizer.ranks[part]) for part in parts]
        yield MergeStep([visible(part) for part in parts], ids, ranks, merged)
        if merged is not None:
            parts[merged : merged + 2] = [parts[merged] + parts[merged + 1]]


def chips(raws: Sequence[bytes], words: Sequence[str] = ()) -> list[Chip]:
    """As few tokens together as begin and end between graphemes, what readers see as one character (Unicode TR 29)."""
    graphemes = iter(regex.findall(r"\X", b"".join(raws).decode()))
    word_ends = list(accumulate(len(word.encode()) for word in words))
    made: list[Chip] = []
    first = start = read = word = 0
    shown = ""
    for index, end in enumerate(accumulate(map(len, raws))):
        while read < end:
            grapheme = next(graphemes)
            read += len(grapheme.encode())
            # what joins the parts of a grapheme stays as it is; only on its own would it not be seen
            shown += visible(grapheme.encode()) if len(grapheme) == 1 or grapheme.isspace() else grapheme
        if read == end:
            while words and word_ends[word] <= start:
                word += 1
            made.append(Chip(first, index + 1 - first, shown, word if words else -1))
            first, start, shown = index + 1, end, ""
    return made


def _place(pieces: Sequence[tuple[int, bytes, int | None]]) -> list[Token]:
    starts = accumulate((len(raw) for _, raw, _ in pieces), initial=0)
    # every single byte has a rank, but no merge made it
    return [
        Token(id_, raw.hex(" "), visible(raw), rank if len(raw) > 1 else None, start)
        for (id_, raw, rank), start in zip(pieces, starts, strict=False)
    ]
