"""A tokenised corpus on disk, read through memory maps.

A folder of shards holds

    tokens.bin       all tokens, 16 bits each when the vocabulary allows it, else 32
    documents.npy    one record a document: where its tokens start, its genre, its bytes and its floor
    shards.json      counts, the names of the genres, which tokenizer made it

A document boundary `<|endoftext|>` (eos) stands before each document and after the last one:

    eos d d d eos e e eos f f f f eos
    ^0        ^4      ^7          ^12

Document i is the slice from its own eos to the next one, both included. Its tokens without the last are what a model
reads, without the first what it must predict: it learns to begin a document after eos and to end it with eos.

Text is tokenised in chunks of bounded size, so memory does not grow with the corpus or with a document's length.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from orrery.data.documents import Document
from orrery.data.packing import Sequences
from orrery.errors import DataError
from orrery.files import folder_written_atomically
from orrery.tokenizers.bpe import BPE

CHUNK = 1 << 18  # characters that are split and tokenised in one go
BATCH = 1 << 21  # characters that are handed to the tokenizer's threads at once
RECORDS = 1 << 16  # documents whose records are kept as Python tuples
VERSION = 1
_RECORD = np.dtype([("start", np.int64), ("bytes", np.int64), ("bits", np.float64), ("genre", np.int32)])
_WORD_END = re.compile(r"(?<=[^\W\d_])[ \n](?=[^\W\d_])")  # a blank between two letters: a piece always ends before


@dataclass(frozen=True)
class ShardsInfo:
    """What ``shards.json`` says; ``tokenizer`` is a `fingerprint`."""

    version: int
    tokenizer: str
    vocab_size: int
    tokens: int
    documents: int
    bytes: int
    genres: tuple[str, ...]


class TokenShards:
    """A tokenised corpus. Make one with `write`, read one with `open`.

    Attributes:
        info: counts and origin.
        tokens: all tokens, document boundaries included [info.tokens], uint16 or uint32, a memory map.
        starts: where each document's boundary token stands, and the last boundary [documents + 1], int64.
        genres: genre of each document, an index into ``info.genres`` [documents], int32.
        bytes: UTF-8 bytes of each document's text [documents], int64.
        bits: the floor of each document in bits; NaN where it is not known [documents], float64.
    """

    def __init__(self, folder: Path, info: ShardsInfo, tokens: np.ndarray, records: np.ndarray) -> None:
        self.folder, self.info, self.tokens = folder, info, tokens
        self.starts = np.append(records["start"], np.int64(len(tokens) - 1))
        self.genres, self.bytes, self.bits = records["genre"], records["bytes"], records["bits"]

    def __len__(self) -> int:
        return self.info.documents

    def document(self, index: int) -> np.ndarray:
        """Tokens of one document with the boundaries before and after it."""
        return self.tokens[self.starts[index] : self.starts[index + 1] + 1]

    def sequences(self) -> Sequences:
        """The documents as `orrery.data.packing` takes them; neighbours share the boundary between them."""
        return Sequences(self.tokens, self.starts[:-1], self.starts[1:] + 1)

    def check_tokenizer(self, tokenizer: BPE) -> None:
        """Raise `DataError` unless these shards were made with this very vocabulary."""
        if fingerprint(tokenizer) != self.info.tokenizer:
            raise DataError(f"{self.folder} was made with another tokenizer; tokenise the text again with this one")

    @classmethod
    def open(cls, folder: Path) -> "TokenShards":
        """Map a folder of shards into memory.

        Raises:
            DataError: the folder is missing, of another version, or its files do not fit each other.
        """
        try:
            plain = json.loads((folder / "shards.json").read_text(encoding="utf-8"))
            if plain.get("version") != VERSION:
                raise DataError(
                    f"{folder} is of version {plain.get('version')}, not {VERSION}: tokenise the text again"
                )
            info = ShardsInfo(**{**plain, "genres": tuple(plain["genres"])})
            tokens = np.memmap(folder / "tokens.bin", dtype=_dtype(info.vocab_size), mode="r")
            records = np.load(folder / "documents.npy", mmap_mode="r")
        except FileNotFoundError as error:
            raise DataError(f"{folder} holds no tokenised text: {Path(error.filename).name} is missing") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{folder} is damaged ({error}): tokenise the text again") from error
        if len(tokens) != info.tokens or len(records) != info.documents or records.dtype != _RECORD:
            raise DataError(f"{folder} is damaged: its files do not match shards.json; tokenise the text again")
        return cls(folder, info, tokens, records)

    @classmethod
    def write(
        cls,
        folder: Path,
        documents: Iterable[Document],
        tokenizer: BPE,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> "TokenShards":
        """Tokenise ``documents`` into ``folder``, which is replaced as a whole; documents without text are left out.

        Args:
            on_progress: called now and then with the documents and bytes done so far.

        Raises:
            DataError: no document has any text, or one holds a character that UTF-8 cannot encode.
            RunError: the disk is full.
        """
        dtype, eos = _dtype(tokenizer.vocab_size), tokenizer.eos_id
        genres: dict[str, int] = {}
        records: list[tuple[int, int, float, int]] = []
        packed: list[np.ndarray] = []  # records of earlier documents; as tuples millions of them would fill the memory
        tokens = size = count = 0
        with folder_written_atomically(folder) as new:
            new.mkdir()
            with (new / "tokens.bin").open("wb") as file:
                for document, ids, bytes_ in _encode(documents, tokenizer):
                    if document is not None:  # the first chunk of a document
                        if len(records) == RECORDS:
                            packed.append(np.array(records, dtype=_RECORD))
                            records = []
                        genre = genres.setdefault(document.genre, len(genres))
                        records.append((tokens, 0, float("nan") if document.bits is None else document.bits, genre))
                        ids = [eos, *ids]
                        count += 1
                    file.write(np.array(ids, dtype=dtype).tobytes())
                    tokens += len(ids)
                    size += bytes_
                    start, before, bits, genre = records[-1]
                    records[-1] = (start, before + bytes_, bits, genre)
                    if on_progress is not None and document is not None and count % 1000 == 0:
                        on_progress(count, size)
                file.write(np.array([eos], dtype=dtype).tobytes())
            if not count:
                raise DataError("there is no text to tokenise: every document is empty")
            packed.append(np.array(records, dtype=_RECORD))
            np.save(new / "documents.npy", np.concatenate(packed))
            info = ShardsInfo(
                VERSION, fingerprint(tokenizer), tokenizer.vocab_size, tokens + 1, count, size, tuple(genres)
            )
            (new / "shards.json").write_text(json.dumps(asdict(info), indent=2), encoding="utf-8")
        return cls.open(folder)

    def summary(self) -> dict[str, Any]:
        """Documents, bytes and the floor in bits per byte by genre, for people: genre → figures."""
        rows: dict[str, Any] = {}
        counts = Counter(self.genres.tolist())
        for index, genre in enumerate(self.info.genres):
            here = self.genres == index
            size = int(self.bytes[here].sum())
            bits = float(self.bits[here].sum())
            floor = None if np.isnan(bits) else bits / size
            rows[genre] = {"documents": counts[index], "bytes": size, "floor_bits_per_byte": floor}
        return rows


def fingerprint(tokenizer: BPE) -> str:
    """A hash of the vocabulary: tokenizers that have the same give every text the same ids."""
    vocabulary = tokenizer.vocabulary
    digest = hashlib.sha256(repr((vocabulary.pattern, vocabulary.normalization, tokenizer.eos_id)).encode())
    for piece, rank in sorted(vocabulary.ranks.items(), key=lambda item: item[1]):
        digest.update(repr((rank, vocabulary.id(rank), piece)).encode())
    return digest.hexdigest()


def chunks(text: str, size: int = CHUNK) -> Iterator[str]:
    """Cut a long text into chunks of at most ``size`` characters that tokenise as the whole text would.

    Cuts are made between two words. Only a text without any space between letters for ``size`` characters is cut
    elsewhere, which may change the few tokens at the cut, and never the text.

    >>> list(chunks("one two three four", 9))
    ['one two', ' three', ' four']
    """
    start = 0
    while len(text) - start > size:
        cut = start + size
        # The last word end of the window; searched backwards in growing steps, since it is nearly always close.
        back = 64
        while True:
            low = max(start + 1, cut - back)
            found = [match.start() for match in _WORD_END.finditer(text, low, cut + 1)]
            if found or low == start + 1:
                break
            back *= 8
        cut = found[-1] if found else cut
        yield text[start:cut]
        start = cut
    yield text[start:]


def _encode(documents: Iterable[Document], tokenizer: BPE) -> Iterator[tuple[Document | None, list[int], int]]:
    """Yield (document, tokens, bytes) a chunk; the document is None for all chunks of it but the first."""
    waiting: list[tuple[Document | None, str]] = []
    characters = 0
    for document in documents:
        if not document.text:
            continue
        for number, chunk in enumerate(chunks(document.text)):
            waiting.append((None if number else document, chunk))
            characters += len(chunk)
            if characters >= BATCH:
                yield from _encode_batch(waiting, tokenizer)
                waiting, characters = [], 0
    yield from _encode_batch(waiting, tokenizer)


def _encode_batch(
    waiting: list[tuple[Document | None, str]], tokenizer: BPE
) -> Iterator[tuple[Document | None, list[int], int]]:
    sizes = []
    for document, chunk in waiting:
        try:
            sizes.append(len(chunk.encode()))
        except UnicodeEncodeError as error:
            name = f"document {document.id}" if document is not None and document.id else "a document"
            raise DataError(
                f"{name} holds U+{ord(chunk[error.start]):04X}, which is no character; remove it"
            ) from error
    encoded = tokenizer.encode_batch([chunk for _, chunk in waiting])
    for (document, _), ids, size in zip(waiting, encoded, sizes, strict=True):
        yield document, ids, size


def _dtype(vocab_size: int) -> Any:
    return np.uint16 if vocab_size <= 1 << 16 else np.uint32
