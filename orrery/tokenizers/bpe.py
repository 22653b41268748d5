"""Byte-level BPE: text to ids and back.

    tokenizer = BPE.train(["some text", "more text"], vocab_size=270)
    tokenizer.decode(tokenizer.encode("some more")) == "some more"

Any text encodes, since every byte is a token, and decodes to itself: nothing is normalised away. Encoding in bulk is
done by tiktoken from the same ranks; ``encode_reference`` shows in a few lines what it computes. `encode` takes its
text as plain text: strings like ``<|im_end|>`` in it never become special tokens. Those are placed by id
(``chat.py``).
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import regex
import tiktoken

from orrery.errors import DataError, TokenizerError
from orrery.files import write_atomically
from orrery.tokenizers.counting import count_words
from orrery.tokenizers.hf_format import read_gpt2, write_tokenizer
from orrery.tokenizers.imported import Imported, read_imported, read_vocabulary
from orrery.tokenizers.special import ADDED, END_OF_TEXT, IM_END, IM_START, PAD, RESERVED, SPECIAL
from orrery.tokenizers.split import QWEN2_PATTERN
from orrery.tokenizers.train import MIN_COUNT, train_tokens
from orrery.tokenizers.vocabulary import Vocabulary

# tiktoken's pattern engine panics at about a million white-space characters in a row; Python's does not.
LONG_WHITESPACE = 100_000
_LONG_WHITESPACE = regex.compile(rf"\s{{{LONG_WHITESPACE}}}")
_SHARE = 1 << 16  # characters that a thread encodes before it takes more


class BPE:
    """A byte-level BPE tokenizer.

    Attributes:
        vocabulary: its tokens and split pattern, as plain data.
        ranks: bytes of each token that merging can make → its rank.
        vocab_size: number of ids, special and added tokens included.
        imported: what else a folder that was made elsewhere says, its chat template for one; None where all is ours.
    """

    def __init__(self, vocabulary: Vocabulary, imported: Imported | None = None) -> None:
        """Make a tokenizer of ``vocabulary``; `train`, `load` and `from_gpt2` are the usual ways to get one.

        Raises:
            TokenizerError: the split pattern is no regular expression.
        """
        self.vocabulary, self.imported = vocabulary, imported
        self.ranks = vocabulary.ranks
        self._bytes = vocabulary.bytes_by_id()
        self.vocab_size = len(self._bytes)
        self._reserved = {**vocabulary.special, **vocabulary.added}
        self._skipped = frozenset(vocabulary.special.values())
        try:
            self._words = regex.compile(vocabulary.pattern)
            self._fast = tiktoken.Encoding(
                "orrery", pat_str=vocabulary.pattern, mergeable_ranks=dict(vocabulary.ranks), special_tokens={}
            )
        except (regex.error, ValueError) as error:
            raise TokenizerError(
                f"the split pattern {vocabulary.pattern!r} is no regular expression: {error}"
            ) from error

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        workers: int | None = None,
        *,
        on_progress: Callable[[str, int], None] | None = None,
    ) -> "BPE":
        """Train a vocabulary on ``texts`` (``train.py`` tells how); the same for any number of ``workers``.

        Args:
            texts: documents; read once, so a generator will do.
            vocab_size: ids in all: 256 bytes, the merges, and the 8 reserved tokens.
            workers: processes that count words; all cores when None.
            on_progress: called with ("characters", read so far) while counting, then with ("merges", made so far).

        Raises:
            TokenizerError: ``vocab_size`` is too small for bytes and reserved tokens, or the texts allow fewer tokens.
            DataError: there is no text.
        """
        smallest = 256 + len(RESERVED)
        if vocab_size < smallest:
            raise TokenizerError(
                f"a vocabulary of {vocab_size} is too small: 256 bytes and {len(RESERVED)} reserved tokens "
                f"already make {smallest}"
            )

        def report(kind: str) -> Callable[[int], None] | None:
            return None if on_progress is None else lambda done: on_progress(kind, done)

        counts = count_words(texts, workers, report("characters"))
        if not counts:
            raise DataError("there is no text to train a tokenizer on: every document is empty")
        tokens = train_tokens(counts, vocab_size - smallest, report("merges"))
        if smallest + len(tokens) < vocab_size:
            raise TokenizerError(
                f"the text allows a vocabulary of at most {smallest + len(tokens)}, not {vocab_size}: after that "
                f"no pair of tokens occurs {MIN_COUNT} times; give more text or ask for a smaller vocabulary"
            )
        return cls.from_tokens(tokens)

    @classmethod
    def from_tokens(cls, tokens: Sequence[bytes]) -> "BPE":
        """The tokenizer with 256 bytes, ``tokens`` in the order of their merges, and the eight reserved tokens.

        Without tokens, every byte is one.
        """
        ranks = {token: rank for rank, token in enumerate([*(bytes([byte]) for byte in range(256)), *tokens])}
        ids = {text: len(ranks) + index for index, text in enumerate(RESERVED)}
        return cls(Vocabulary(ranks, {text: ids[text] for text in SPECIAL}, {text: ids[text] for text in ADDED}))

    @classmethod
    def from_gpt2(cls, encoder_json: Path, vocab_bpe: Path) -> "BPE":
        """GPT-2's vocabulary from the two files that OpenAI released; its one special token is ``<|endoftext|>``.

        Raises:
            TokenizerError: a file is missing or not what it should be.
        """
        return cls(read_gpt2(encoder_json, vocab_bpe))

    @classmethod
    def load(cls, folder: Path) -> "BPE":
        """Read the tokenizer in ``folder``: ours, or any byte-level BPE in Hugging Face's format.

        Raises:
            TokenizerError: there is none, or it is of a kind that this class does not compute.
        """
        vocabulary = read_vocabulary(folder)
        return cls(vocabulary, read_imported(folder, vocabulary))

    def with_chat_tokens(self) -> "BPE":
        """The same with our chat template and those of the reserved tokens that it lacks, under new ids at the end."""
        missing = [text for text in RESERVED if text not in self._reserved]
        ids = {text: self.vocab_size + index for index, text in enumerate(missing)}
        special = {**self.vocabulary.special, **{text: ids[text] for text in missing if text in SPECIAL}}
        added = {**self.vocabulary.added, **{text: ids[text] for text in missing if text in ADDED}}
        return BPE(replace(self.vocabulary, special=special, added=added))

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json`` and ``tokenizer_config.json``, which transformers loads to the same ids.

        One that was made elsewhere is written as it was read.

        Raises:
            RunError: the disk is full.
        """
        if self.imported is None:
            write_tokenizer(self.vocabulary, folder)
            return
        for name, content in self.imported.files.items():
            write_atomically(folder / name, content)

    def encode(self, text: str) -> list[int]:
        """Ids of ``text`` as plain text: never a special or added token, whatever it contains.

        Half of a surrogate pair, which is no character, becomes U+FFFD.
        """
        text = self.normalize(text)
        if len(text) >= LONG_WHITESPACE and _LONG_WHITESPACE.search(text):
            ranks = [rank for word in self._words.findall(text) for rank in self._fast._encode_single_piece(word)]
        else:
            ranks = self._fast.encode_ordinary(text)
        ids = self.vocabulary.ids
        return ranks if ids is None else [ids[rank] for rank in ranks]

    def encode_batch(self, texts: Sequence[str], threads: int = 2) -> list[list[int]]:
        """`encode` for many texts, in threads (tiktoken lets go of the interpreter while it works)."""
        shares: list[list[str]] = [[]]
        size = 0
        for text in texts:
            if size >= _SHARE:
                shares.append([])
                size = 0
            shares[-1].append(text)
            size += len(text)
        with ThreadPoolExecutor(threads) as pool:
            return [ids for share in pool.map(lambda share: list(map(self.encode, share)), shares) for ids in share]

    def encode_reference(self, text: str) -> list[int]:
        """What `encode` computes, written to be read; some hundred times slower."""
        ranks = encode_reference(self.normalize(text), self.ranks, self.vocabulary.pattern)
        return [self.vocabulary.id(rank) for rank in ranks]

    def decode(self, ids: Sequence[int], skip_special: bool = False) -> str:
        """Text of ``ids``. Bytes that are no UTF-8 (a token may end within a character) show as U+FFFD.

        Args:
            skip_special: leave out special tokens; added ones (thinking, tool calls) are shown either way.

        Raises:
            TokenizerError: an id is not in the vocabulary.
        """
        shown = (id_ for id_ in ids if id_ not in self._skipped) if skip_special else ids
        return b"".join(map(self.token_bytes, shown)).decode("utf-8", errors="replace")

    def token_bytes(self, id_: int) -> bytes:
        """Bytes that an id stands for.

        Raises:
            TokenizerError: the id is not in the vocabulary.
        """
        token = self._bytes[id_] if 0 <= id_ < self.vocab_size else None
        if token is None:
            raise TokenizerError(f"id {id_} is not in the vocabulary of {self.vocab_size} tokens")
        return token

    def id_of(self, special: str) -> int:
        """Id of a special or added token.

        Raises:
            TokenizerError: this tokenizer has no such token.
        """
        if special not in self._reserved:
            known = ", ".join(self._reserved) or "none"
            raise TokenizerError(f"this tokenizer has no token {special} (it has: {known}); use one that has it")
        return self._reserved[special]

    def known_id(self, special: str) -> int:
        """Id of a special or added token; -1, which is no id, where this tokenizer has no such token."""
        return self._reserved.get(special, -1)

    @property
    def reserved(self) -> Mapping[str, int]:
        """All special and added tokens: string → id."""
        return self._reserved

    @property
    def eos_id(self) -> int:
        """Id of ``<|endoftext|>``, the document boundary, or of what a model made elsewhere ends a document by."""
        if self.imported is not None and self.imported.ends is not None:
            return self.imported.ends
        return self.id_of(END_OF_TEXT)

    @property
    def begin_id(self) -> int:
        """Id of the token that stands before a document: the boundary too, but for models such as Llama 3."""
        return self.eos_id if self.imported is None or self.imported.begins is None else self.imported.begins

    @property
    def end_of_turn_id(self) -> int:
        """Id of the token with which the assistant ends its turn; -1 where this tokenizer knows no turns."""
        if self.imported is None:
            return self.known_id(IM_END)
        turn = self._turn
        return -1 if turn is None else self.known_id(turn[1])

    @property
    def start_of_turn_id(self) -> int:
        """Id of the token that begins a message; -1 where this tokenizer knows no turns."""
        if self.imported is None:
            return self.known_id(IM_START)
        before = self._turn[0] if self._turn else ""
        return next((id_ for text, id_ in self._reserved.items() if before.startswith(text)), -1)

    @property
    def stop_ids(self) -> list[int]:
        """Ids at which a model stops: the ends of documents and, where it knows turns, of turns."""
        known = [self.known_id(END_OF_TEXT)] if self.imported is None else self.imported.stops
        return list(dict.fromkeys(id_ for id_ in (*known, self.end_of_turn_id) if id_ >= 0))

    @property
    def never_written(self) -> list[int]:
        """Ids that only `render` and batches place: what begins a message or a text, and padding."""
        ids = [self.start_of_turn_id, self.known_id(PAD)]
        if self.imported is not None:
            ids += [id_ for id_ in (self.imported.begins, self.imported.pad) if id_ is not None]
        stops = self.stop_ids
        return list(dict.fromkeys(id_ for id_ in ids if id_ >= 0 and id_ not in stops))

    @property
    def _turn(self) -> tuple[str, str] | None:
        """What an imported template writes before and behind the assistant's turn."""
        return self.imported.template.turn if self.imported and self.imported.template else None

    @property
    def im_start_id(self) -> int:
        """Id of ``<|im_start|>``, before each message."""
        return self.id_of(IM_START)

    @property
    def im_end_id(self) -> int:
        """Id of ``<|im_end|>``, behind each message."""
        return self.id_of(IM_END)

    @property
    def pad_id(self) -> int:
        """Id of ``<|pad|>``, or of what a model made elsewhere fills the rows of a batch with."""
        if self.imported is not None and self.imported.pad is not None:
            return self.imported.pad
        return self.id_of(PAD)

    def normalize(self, text: str) -> str:
        """The text in the Unicode form that it is encoded in; ours is any."""
        form = self.vocabulary.normalization
        return text if form is None else unicodedata.normalize(form, text)


def encode_reference(text: str, ranks: Mapping[bytes, int], pattern: str = QWEN2_PATTERN) -> list[int]:
    """Byte-pair encoding in a few lines: in each word, merge the pair of lowest rank, until no pair has one.

    Returns the ranks of the tokens.

    >>> ranks = {bytes([byte]): byte for byte in range(256)} | {b"lo": 256, b"low": 257}
    >>> encode_reference("low lo", ranks)
    [257, 32, 256]
    """
    encoded: list[int] = []
    for word in regex.findall(pattern, text):
        parts = [bytes([byte]) for byte in word.encode()]
        while True:
            pairs = [(ranks[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
            if not pairs:
                break
            _, i = min(pairs)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        encoded += [ranks[part] for part in parts]
    return encoded
