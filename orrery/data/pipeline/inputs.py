"""What a build reads, cut into pieces that can be read one without the others.

    for shard in cut(["crawl/", "notes.jsonl", "hf:org/texts"], shard_bytes=16 << 20):
        for document in read_shard(shard): ...

Where the cuts are depends on the files alone, so every engine and every repetition works on the same shards. A large
file is cut where a record (WARC), a line (JSONL) or a group of rows (parquet) begins; small files share a shard. A data
set of the hub comes in the parts that it is stored in there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

from orrery.data.documents import Document
from orrery.data.rows import is_hub, open_hub, open_parquet, read_hub, read_jsonl, read_parquet
from orrery.data.sources import SUFFIXES, WEB_SUFFIXES, find_files, read_file
from orrery.data.web import Unread, decode_html, read_warc, record_starts
from orrery.errors import DataError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Piece:
    """Part of one source.

    Attributes:
        source: a file, or ``hf:NAME``.
        start, stop: the bytes in which its records begin; of parquet, groups of rows; of the hub, the part's number.
        first: of a JSONL file the number of the first line, of parquet that of the first row.
        size: bytes on the disk, 0 where that is not known.
    """

    source: str
    start: int = 0
    stop: int = 0
    first: int = 1
    size: int = 0


Shard = tuple[Piece, ...]


def cut(sources: Sequence[str], shard_bytes: int) -> list[Shard]:
    """All sources in shards of about ``shard_bytes``, in their order; a file that is named twice is read once.

    Raises:
        DataError: a source that does not exist, or holds nothing that can be read.
        ConfigError: a package is missing.
    """
    shards: list[Shard] = []
    pieces: list[Piece] = []
    size = 0  # of the pieces
    for source in dict.fromkeys(chain.from_iterable(map(_names, sources))):
        for piece in _pieces(source, shard_bytes):
            if pieces and (is_hub(source) or size + piece.size > shard_bytes):
                shards.append(tuple(pieces))
                pieces, size = [], 0
            pieces.append(piece)
            size += piece.size
    return [*shards, tuple(pieces)] if pieces else shards


def read_shard(shard: Shard) -> Iterator[Document | Unread]:
    """The documents of a shard in order, and what of WARC files yields none; blank ones are passed over.

    Raises:
        DataError: a file that cannot be decoded, or a row without text.
    """
    for piece in shard:
        for one in _read(piece):
            if isinstance(one, Unread) or one.text.strip():
                yield one


def _names(source: str) -> list[str]:
    return [source] if is_hub(source) else list(map(str, find_files(source, (*SUFFIXES, *WEB_SUFFIXES))))


def _pieces(source: str, size: int) -> Iterator[Piece]:
    if is_hub(source):
        yield from (Piece(source, part, part + 1) for part in range(open_hub(source).num_shards))
        return
    file = Path(source)
    total = file.stat().st_size
    if file.suffix == ".parquet":
        yield from _row_groups(file, size)
    elif file.name.endswith((".warc", ".warc.gz")):
        cuts = [0, *(start for start in record_starts(file, size) if start), total]
        yield from (Piece(source, start, stop, 1, stop - start) for start, stop in pairwise(cuts))
    elif file.suffix == ".jsonl":
        yield from _line_blocks(file, size)
    elif file.name.endswith((*SUFFIXES, *WEB_SUFFIXES)):
        yield Piece(source, 0, total, 1, total)
    else:
        raise DataError(f"{source}: Orrery reads {', '.join((*SUFFIXES, *WEB_SUFFIXES))}, not '{file.suffix}'")


def _line_blocks(file: Path, size: int) -> Iterator[Piece]:
    with file.open("rb") as lines:
        start, line = 0, 1
        while True:
            stop, number = start, line
            while stop - start < size and (block := lines.read(min(_BLOCK, size - (stop - start)))):
                stop += len(block)
                number += block.count(b"\n")
            if stop == start:
                return
            rest = lines.readline()  # of the line that the cut is in
            stop, number = stop + len(rest), number + rest.count(b"\n")
            yield Piece(str(file), start, stop, line, stop - start)
            start, line = stop, number


def _row_groups(file: Path, size: int) -> Iterator[Piece]:
    metadata = open_parquet(file).metadata
    start, row, rows, packed = 0, 1, 0, 0
    for number in range(metadata.num_row_groups):
        rows += metadata.row_group(number).num_rows
        packed += metadata.row_group(number).total_byte_size
        if packed >= size or number + 1 == metadata.num_row_groups:
            yield Piece(str(file), start, number + 1, row, packed)
            start, row, rows, packed = number + 1, row + rows, 0, 0


def _read(piece: Piece) -> Iterator[Document | Unread]:
    file = Path(piece.source)
    if is_hub(piece.source):
        yield from read_hub(piece.source, piece.start)
    elif file.suffix == ".parquet":
        yield from read_parquet(file, piece.start, piece.stop, piece.first)
    elif file.suffix == ".jsonl":
        yield from read_jsonl(file, piece.start, piece.stop, piece.first)
    elif file.name.endswith((".warc", ".warc.gz")):
        yield from read_warc(file, piece.start, piece.stop)
    elif file.name.endswith(WEB_SUFFIXES):
        text = decode_html(file.read_bytes())
        yield Document(text, "web", piece.source, provenance={"media_type": "text/html", "file": piece.source})
    else:
        yield from read_file(file)
