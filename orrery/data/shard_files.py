"""The files of a folder of shards (`orrery.data.shards`) as they are written: in parts, each with its checksum.

A part is some million tokens of whole documents. After each one, unfinished.json says what stands on the disk, in the
form of shards.json; so a process that is killed loses its last part only, and the files that another one goes on with
become those of one that was not killed, byte for byte. Memory does not grow with the corpus or a document's length.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from orrery.data.documents import Document
from orrery.data.encoding import encode_documents
from orrery.errors import DataError, RunError
from orrery.files import write_atomically
from orrery.tokenizers.bpe import BPE

PART = 1 << 24  # tokens; the document that reaches them is the last of its part
REPORT = 1 << 20  # bytes of text between two reports of progress
BLOCK = 1 << 22  # bytes that are read at once to check them
VERSION = 2
TOKENS, DOCUMENTS, INFO, UNFINISHED = "tokens.bin", "documents.bin", "shards.json", "unfinished.json"
RECORD = np.dtype([("start", np.int64), ("bytes", np.int64), ("bits", np.float64), ("genre", np.int32)])

OnProgress = Callable[[int, int, int], None]  # documents, bytes and tokens so far


@dataclass(frozen=True)
class Part:
    """The tokens and documents of all parts up to and with this one, and the sha256 of its own bytes in both files."""

    tokens: int
    documents: int
    tokens_sha256: str
    documents_sha256: str


@dataclass(frozen=True)
class ShardsInfo:
    """What ``shards.json`` says; ``tokenizer`` is a `fingerprint`."""

    version: int
    tokenizer: str
    vocab_size: int
    tokens: int = 0
    documents: int = 0
    bytes: int = 0
    genres: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()

    @classmethod
    def read(cls, file: Path) -> "ShardsInfo":
        """Read ``file``.

        Raises:
            DataError: it is missing, of another version, or damaged.
        """
        try:
            plain = json.loads(file.read_text(encoding="utf-8"))
            if plain.get("version") != VERSION:
                raise DataError(
                    f"{file.parent} is of version {plain.get('version')}, not {VERSION}: tokenise the text again"
                )
            parts = tuple(Part(**part) for part in plain["parts"])
            return cls(**{**plain, "genres": tuple(plain["genres"]), "parts": parts})
        except FileNotFoundError as error:
            raise DataError(f"{file.parent} holds no tokenised text: {file.name} is missing") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DataError(f"{file} is damaged ({error}): tokenise the text again") from error

    def write(self, file: Path) -> None:
        """What `read` reads."""
        write_atomically(file, json.dumps(asdict(self), indent=1) + "\n")


def fingerprint(tokenizer: BPE) -> str:
    """A hash of vocabulary and boundaries: tokenizers that have the same give every document the same ids."""
    vocabulary, begin, end = tokenizer.vocabulary, tokenizer.begin_id, tokenizer.eos_id
    boundary = end if begin == end else (begin, end)
    digest = hashlib.sha256(repr((vocabulary.pattern, vocabulary.normalization, boundary)).encode())
    for piece, rank in sorted(vocabulary.ranks.items(), key=lambda item: item[1]):
        digest.update(repr((rank, vocabulary.id(rank), piece)).encode())
    return digest.hexdigest()


def append(folder: Path, documents: Iterable[Document], tokenizer: BPE, on_progress: OnProgress | None) -> None:
    """Tokenise what is not yet done of ``documents`` into ``folder``, and finish it."""
    with _Writer(folder, tokenizer) as writer:
        report_at = writer.bytes + REPORT
        for document, ids, size in encode_documents(writer.rest(documents), tokenizer):
            if document is not None:
                writer.begin(document)
            writer.add(ids, size)
            if on_progress is not None and writer.bytes >= report_at:
                on_progress(writer.documents, writer.bytes, writer.tokens)
                report_at = writer.bytes + REPORT
        writer.finish()


class _Writer:
    """The files of a folder of shards while they grow; behind the last finished part, where there is one.

    Attributes:
        done: what the finished parts hold.
        tokens, documents, bytes: so far, the unfinished part included.
    """

    def __init__(self, folder: Path, tokenizer: BPE) -> None:
        self._folder, self._dtype = folder, token_type(tokenizer.vocab_size)
        self._boundary, self._end = tokenizer.begin_id, tokenizer.eos_id  # the same, but for some made elsewhere
        self.done = ShardsInfo(VERSION, fingerprint(tokenizer), tokenizer.vocab_size)
        if (folder / UNFINISHED).exists():
            before = ShardsInfo.read(folder / UNFINISHED)
            if before.tokenizer != self.done.tokenizer:
                raise DataError(f"{folder} was begun with another tokenizer: remove it to begin anew")
            self.done = before
        self.tokens, self.documents, self.bytes = self.done.tokens, self.done.documents, self.done.bytes
        self._genres = {name: index for index, name in enumerate(self.done.genres)}
        self._record: list[Any] = []  # of the document that is being written
        sizes = file_sizes(self.done)
        self._files = {name: _HashedFile(folder / name, size) for name, size in sizes.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        for file in self._files.values():
            file.close()
        if kind is not None and not self.done.parts:  # nothing to go on from
            for name in self._files:
                (self._folder / name).unlink()
            if not any(self._folder.iterdir()):
                self._folder.rmdir()

    def rest(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The documents that have text and are not in the finished parts.

        Raises:
            DataError: those that are passed over are not as long as what was written.
        """
        given = (document for document in documents if document.text)
        if sum(len(done.text.encode()) for done in islice(given, self.done.documents)) != self.done.bytes:
            raise self._other_text()
        yield from given

    def begin(self, document: Document) -> None:
        """End the document before, and with it perhaps its part; begin this one with a boundary."""
        self._end_document()
        if self.tokens - self.done.tokens >= PART:
            self._end_part()
            self.done.write(self._folder / UNFINISHED)
        genre = self._genres.setdefault(document.genre, len(self._genres))
        self.documents += 1
        self._record = [self.tokens, 0, float("nan") if document.bits is None else document.bits, genre]
        self.add([self._boundary], 0)

    def add(self, ids: Sequence[int], size: int) -> None:
        """Tokens of the document, and the bytes that they stand for."""
        self._files[TOKENS].write(np.array(ids, dtype=self._dtype).tobytes())
        self._record[1] += size
        self.tokens, self.bytes = self.tokens + len(ids), self.bytes + size

    def finish(self) -> None:
        """Write the last boundary and shards.json. Raises `DataError` where there was no document."""
        if not self._record:
            raise (
                self._other_text()
                if self.documents
                else DataError("there is no text to tokenise: every document is empty")
            )
        self._end_document()
        if self._end == self._boundary:
            self.add([self._end], 0)
        self._end_part()
        self.done.write(self._folder / INFO)
        (self._folder / UNFINISHED).unlink(missing_ok=True)

    def _other_text(self) -> DataError:
        return DataError(f"{self._folder} was begun with other text: remove it to begin anew")

    def _end_document(self) -> None:
        if self._record:
            if self._end != self._boundary:  # else the next document's ends this one
                self.add([self._end], 0)
            self._files[DOCUMENTS].write(np.array([tuple(self._record)], dtype=RECORD).tobytes())

    def _end_part(self) -> None:
        hashes = [self._files[name].end_part() for name in (TOKENS, DOCUMENTS)]
        part = Part(self.tokens, self.documents, *hashes)
        self.done = replace(
            self.done, tokens=self.tokens, documents=self.documents, bytes=self.bytes, genres=tuple(self._genres),
            parts=(*self.done.parts, part),
        )  # fmt: skip


class _HashedFile:
    """A file that grows behind its first ``size`` bytes, and the sha256 of what was added since the last part.

    Raises:
        DataError: it is shorter than that.
        RunError: another process writes it.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._file = path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise RunError(f"another process writes {path}: wait for it, or end it") from error
        if path.stat().st_size < size:
            self._file.close()
            raise DataError(f"{path} is damaged: it is shorter than what was written; remove {path.parent}")
        self._file.truncate(size)  # what a process that was killed wrote of its last part
        self._hash = hashlib.sha256()

    def write(self, raw: bytes) -> None:
        """Append."""
        self._file.write(raw)
        self._hash.update(raw)

    def end_part(self) -> str:
        """Have everything on the disk -> the checksum of the part."""
        self._file.flush()
        os.fsync(self._file.fileno())
        found, self._hash = self._hash.hexdigest(), hashlib.sha256()
        return found

    def close(self) -> None:
        """Close it."""
        self._file.close()


def sha256_of(file: Path, start: int, stop: int) -> str:
    """The checksum of some bytes of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        opened.seek(start)
        for at in range(start, stop, BLOCK):
            digest.update(opened.read(min(BLOCK, stop - at)))
    return digest.hexdigest()


def file_sizes(info: ShardsInfo) -> dict[str, int]:
    """Bytes that each file has."""
    return {
        TOKENS: info.tokens * np.dtype(token_type(info.vocab_size)).itemsize,
        DOCUMENTS: info.documents * RECORD.itemsize,
    }


def token_type(vocab_size: int) -> Any:
    """The smallest type that holds all ids."""
    return np.uint16 if vocab_size <= 1 << 16 else np.uint32
