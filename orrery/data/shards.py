"""A tokenised corpus on disk, read through memory maps.

A folder of shards holds

    tokens.bin       all tokens, 16 bits each when the vocabulary allows it, else 32
    documents.bin    one record a document: where its tokens start, its bytes, its floor and its genre
    shards.json      counts, the names of the genres, which tokenizer made it, and the parts with their checksums

A document boundary `<|endoftext|>` (eos) stands before each document and after the last one:

    eos d d d eos e e eos f f f f eos
    ^0        ^4      ^7          ^12

Document i is the slice from its own eos to the next one, both included. Its tokens without the last are what a model
reads, without the first what it must predict: it learns to begin a document after eos and to end it with eos. Where
the tokenizer has a token of its own to begin with, as Llama 3's has, neighbours share none: bos d d d eos bos e e eos.

How they are written, part by part, is in `orrery.data.shard_files`.
"""

import mmap
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from orrery.data.documents import Document
from orrery.data.packing import Sequences
from orrery.data.shard_files import (
    DOCUMENTS,
    INFO,
    RECORD,
    TOKENS,
    OnProgress,
    Part,
    ShardsInfo,
    append,
    file_sizes,
    fingerprint,
    sha256_of,
    token_type,
)
from orrery.errors import DataError
from orrery.files import folder_written_atomically, full_disk_named
from orrery.tokenizers.bpe import BPE


class TokenShards:
    """A tokenised corpus. Make one with `write`, read one with `open`.

    Attributes:
        info: counts and origin.
        tokens: all tokens, document boundaries included [info.tokens], uint16 or uint32, a memory map.
        starts, stops: where each document's boundary token stands, and the place behind the one that ends it
            [documents], int64.
        genres: genre of each document, an index into ``info.genres`` [documents], int32.
        bytes: UTF-8 bytes of each document's text [documents], int64.
        bits: the floor of each document in bits; NaN where it is not known [documents], float64.
    """

    def __init__(self, folder: Path, info: ShardsInfo, tokens: np.ndarray, records: np.ndarray) -> None:
        self.folder, self.info, self.tokens = folder, info, tokens
        shared = int(tokens[0] == tokens[-1])  # whether the token that ends a document also begins the next
        self.starts = np.array(records["start"])
        self.stops = np.append(self.starts[1:], np.int64(len(tokens) - shared)) + shared
        self.genres, self.bytes, self.bits = records["genre"], records["bytes"], records["bits"]

    def __len__(self) -> int:
        return self.info.documents

    def document(self, index: int) -> np.ndarray:
        """Tokens of one document with the boundaries before and after it."""
        return self.tokens[self.starts[index] : self.stops[index]]

    def sequences(self) -> Sequences:
        """The documents as `orrery.data.packing` takes them; neighbours mostly share the boundary between them."""
        return Sequences(self.tokens, self.starts, self.stops)

    def check_tokenizer(self, tokenizer: BPE) -> None:
        """Raise `DataError` unless these shards were made with this very vocabulary."""
        if fingerprint(tokenizer) != self.info.tokenizer:
            raise DataError(f"{self.folder} was made with another tokenizer; tokenise the text again with this one")

    @classmethod
    def open(cls, folder: Path) -> "TokenShards":
        """Map a folder of shards into memory. The files' sizes are checked; `verify` checks every byte.

        Raises:
            DataError: the folder is missing, of another version, or a file does not have the size that it should have.
        """
        info = ShardsInfo.read(folder / INFO)
        for name, size in file_sizes(info).items():
            file = folder / name
            found = file.stat().st_size if file.exists() else 0
            if found != size:
                raise DataError(f"{file} is damaged: it has {found:,} bytes, not {size:,}; tokenise the text again")
        tokens = _mapped(folder / TOKENS, token_type(info.vocab_size), mmap.MADV_RANDOM)
        return cls(folder, info, tokens, _mapped(folder / DOCUMENTS, RECORD, mmap.MADV_NORMAL))

    def verify(self) -> None:
        """Read everything and compare it with the checksums.

        Raises:
            DataError: a part is not what was written; the message names the file and the place.
        """
        for _ in self.verified_parts():
            pass

    def verified_parts(self) -> Iterator[Part]:
        """`verify` part by part: each one once it is found to be whole."""
        before = Part(0, 0, "", "")
        for part in self.info.parts:
            for name, size, start, stop, expected in (
                (TOKENS, self.tokens.itemsize, before.tokens, part.tokens, part.tokens_sha256),
                (DOCUMENTS, RECORD.itemsize, before.documents, part.documents, part.documents_sha256),
            ):
                if sha256_of(self.folder / name, start * size, stop * size) != expected:
                    raise DataError(
                        f"{self.folder / name} is damaged somewhere in its bytes {start * size:,} to {stop * size:,}: "
                        f"copy it anew, or tokenise the text again"
                    )
            yield part
            before = part

    @classmethod
    def write(
        cls, folder: Path, documents: Iterable[Document], tokenizer: BPE, *, on_progress: OnProgress | None = None
    ) -> "TokenShards":
        """Tokenise ``documents`` into ``folder``, which is replaced as a whole; documents without text are left out.

        Args:
            on_progress: called now and then with the documents, bytes and tokens done so far.

        Raises:
            DataError: no document has any text, or one holds a character that UTF-8 cannot encode.
            RunError: the disk is full.
        """
        with folder_written_atomically(folder) as new:
            new.mkdir()
            append(new, documents, tokenizer, on_progress)
        return cls.open(folder)

    @classmethod
    def write_in_parts(
        cls, folder: Path, documents: Iterable[Document], tokenizer: BPE, *, on_progress: OnProgress | None = None
    ) -> "TokenShards":
        """As `write`, for large corpora: when it is interrupted, the same call goes on after the last finished part.

        The files then are those of a call that was not interrupted, byte for byte. ``documents`` must come as before;
        those that are done are passed over.

        Raises:
            DataError: also where the documents are others than before.
            RunError: the disk is full, or another process writes there.
        """
        if not (folder / INFO).exists():
            with full_disk_named(folder):
                folder.mkdir(parents=True, exist_ok=True)
                append(folder, documents, tokenizer, on_progress)
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


def _mapped(file: Path, dtype: Any, advice: int) -> np.ndarray:
    """A file as an array that is read from the disk where it is looked at.

    Documents are read in random order: with ``MADV_RANDOM`` the system does not read on behind each one, which takes
    ten times as long where the file is not in memory yet.
    """
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    mapped.madvise(advice)
    return np.frombuffer(mapped, dtype=dtype)
