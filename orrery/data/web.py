"""Pages of the web as they were fetched: the records of WARC files, and HTML in whatever encoding it came.

    for page in read_warc(Path("CC-MAIN-2024.warc.gz")):
        if isinstance(page, Unread):
            print(page.where, page.reason)                     # crawl.warc.gz@10452 damaged
        else:
            print(page.provenance["url"], page.text[:40])      # https://… <!doctype html>…

A WARC file (ISO 28500) is one record after the other, each compressed by itself where the file is. So records can be
found from any byte on: by the mark of a gzip member, or by a record's first line. That is what lets several processes
read parts of one file, and what lets reading go on behind a record that is damaged.
"""

import mmap
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from orrery.data.documents import Document
from orrery.errors import ConfigError, DataError

MAX_RECORD = 256 * 2**20  # bytes; what unpacks to more is taken for damaged
HTML_TYPES = ("text/html", "application/xhtml+xml")
_CHUNK = 2**20
_GZIP = b"\x1f\x8b\x08"
_VERSION = b"WARC/"
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_HEAD = 64 * 2**10  # bytes in which a record's own header ends
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_LATIN = ("iso-8859-1", "iso8859-1", "latin-1", "latin1", "us-ascii", "ascii")


@dataclass(frozen=True)
class Unread:
    """A record that yields no document.

    Attributes:
        where: file and byte.
        reason: ``damaged``, or what it is instead of a page: ``other_record``, ``not_html``, ``not_found`` (a status
            other than 2xx).
        detail: for people.
    """

    where: str
    reason: str
    detail: str = ""


def read_warc(file: Path, start: int = 0, stop: int | None = None) -> Iterator[Document | Unread]:
    """The HTML pages among the responses whose records begin in the given bytes of a .warc or .warc.gz file.

    A document's id is the record's; its provenance has ``url``, ``date``, ``media_type`` ("text/html") and ``file``.

    Raises:
        DataError: a file that is compressed as a whole, not record by record.
        ConfigError: warcio is not installed.
    """
    for offset, raw in _records(file, start, stop):
        where = f"{file}@{offset}"
        yield Unread(where, "damaged", raw) if isinstance(raw, str) else _page(raw, where)


def record_starts(file: Path, every: int) -> Iterator[int]:
    """Bytes at which a record begins, the first one at or after each multiple of ``every``, for cutting a file."""
    with _mapped(file) as data:
        wanted = 0
        if file.suffix == ".gz":
            while (found := _next_start(data, wanted, True)) < len(data):
                yield found
                wanted = found + every
        else:
            for offset, _ in _plain_records(data, 0, len(data)):
                if offset >= wanted:
                    yield offset
                    wanted = offset + every


def decode_html(raw: bytes, charset: str | None = None) -> str:
    """HTML as text: UTF-8 where it is that, else what header or page declare, else Windows-1252.

    What does not fit becomes U+FFFD. Latin-1 is read as Windows-1252, as browsers do, and so is what declares something
    that is no encoding of pages.

    >>> decode_html("naïve".encode("latin1")), decode_html(b"<meta charset='koi8-r'>\\xd1")[-1]
    ('naïve', 'я')
    """
    if charset is None and (declared := _CHARSET.search(raw[:2048].decode("latin1"))):
        charset = declared[1]
    encoding = (charset or "cp1252").lower()
    if not encoding.startswith(("utf-16", "utf-32", "iso-2022")):  # in those, much is valid UTF-8 that means another
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    try:
        return raw.decode("cp1252" if encoding in _LATIN else encoding, errors="replace")
    except (LookupError, UnicodeError):  # of Python's codecs some are for host names alone, or for nothing
        return raw.decode("cp1252", errors="replace")


def _page(raw: bytes, where: str) -> Document | Unread:
    try:
        from warcio.exceptions import ArchiveLoadFailed
        from warcio.recordloader import ArcWarcRecordLoader
        from warcio.statusandheaders import StatusAndHeadersParserException
    except ImportError as error:
        raise ConfigError(f"{where}: WARC files need warcio: pip install 'orrery[data]'") from error
    stream = BytesIO(raw)
    try:
        record = ArcWarcRecordLoader().parse_record_stream(stream, known_format="warc")
        content = record.content_stream().read() if record.rec_type == "response" else b""
    except (ArchiveLoadFailed, StatusAndHeadersParserException, EOFError, ValueError, zlib.error) as error:
        return Unread(where, "damaged", str(error))
    if record.rec_type != "response" or record.http_headers is None:
        return Unread(where, "other_record", str(record.rec_type))
    status, kind = record.http_headers.get_statuscode(), record.http_headers.get_header("Content-Type") or ""
    if not status.startswith("2"):
        return Unread(where, "not_found", status)
    media_type = kind.partition(";")[0].strip().lower()
    if media_type not in HTML_TYPES:
        return Unread(where, "not_html", media_type)
    charset = _CHARSET.search(kind)
    provenance = {
        "url": record.rec_headers.get_header("WARC-Target-URI"),
        "date": record.rec_headers.get_header("WARC-Date"),
        "media_type": "text/html",
        "file": where,
    }
    identity = record.rec_headers.get_header("WARC-Record-ID") or where
    return Document(decode_html(content, charset and charset[1]), "web", identity, provenance=provenance)


@contextmanager
def _mapped(file: Path) -> Iterator[mmap.mmap | bytes]:
    """The file's bytes, read from the disk as they are asked for."""
    with file.open("rb") as handle:
        if file.stat().st_size == 0:  # which cannot be mapped
            yield b""
            return
        with mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _records(file: Path, start: int, stop: int | None) -> Iterator[tuple[int, bytes | str]]:
    """Where each record begins, and its bytes, unpacked, or what is wrong with it."""
    with _mapped(file) as data:
        end = len(data) if stop is None else stop
        yield from (_gzip_records(data, start, end, file) if file.suffix == ".gz" else _plain_records(data, start, end))


def _gzip_records(data: mmap.mmap | bytes, start: int, stop: int, file: Path) -> Iterator[tuple[int, bytes | str]]:
    offset = start
    while offset < stop:
        try:
            raw, following = _unpack(data, offset)
        except (zlib.error, ValueError) as error:
            yield offset, str(error)
            offset = _next_start(data, offset + 1, True)
            continue
        end = _content_end(raw)
        if end is not None and raw.startswith(_VERSION, end + 4):
            raise DataError(f"{file} is compressed as a whole: `warcio recompress {file} NEW.warc.gz` mends that")
        yield offset, raw if end is not None and end <= len(raw) else "no header, or another length than it says"
        offset = following


def _plain_records(data: mmap.mmap | bytes, start: int, stop: int) -> Iterator[tuple[int, bytes | str]]:
    offset = start
    while offset < stop:
        end = _content_end(data[offset : offset + _HEAD])
        following = offset + (end or 0) + 4  # two line breaks
        if end is None or not (following == len(data) or data[following : following + len(_VERSION)] == _VERSION):
            yield offset, "no header, or another length than it says"
            offset = _next_start(data, offset + 1, False)
        else:
            yield offset, data[offset:following]
            offset = following


def _unpack(data: mmap.mmap | bytes, offset: int) -> tuple[bytes, int]:
    """The bytes of the gzip member at ``offset``, and where the next one begins."""
    unpacker = zlib.decompressobj(wbits=31)  # gzip's format, its checksum too
    parts: list[bytes] = []
    size, at = 0, offset
    while not unpacker.eof:
        packed = unpacker.unconsumed_tail or data[at : at + _CHUNK]
        if not unpacker.unconsumed_tail:
            at += len(packed)
        if not packed:
            raise ValueError("the file ends within it")
        parts.append(unpacker.decompress(packed, MAX_RECORD))
        size += len(parts[-1])
        if size >= MAX_RECORD:
            raise ValueError(
                f"over {MAX_RECORD >> 20} MB; if the file is compressed as a whole, `warcio recompress` mends that"
            )
    return b"".join(parts), at - len(unpacker.unused_data)


def _content_end(raw: bytes) -> int | None:
    """Bytes of header and content of the record that ``raw`` begins with, by its header; None where there is none."""
    header = raw.find(b"\r\n\r\n", 0, _HEAD)
    length = _LENGTH.search(raw, 0, header + 2) if header >= 0 and raw.startswith(_VERSION) else None
    return None if length is None else header + 4 + int(length[1])


def _next_start(data: mmap.mmap | bytes, offset: int, packed: bool) -> int:
    """The first byte from ``offset`` on at which a record begins; the file's length where there is none."""
    if not packed:
        found = data.find(b"\r\n\r\n" + _VERSION, max(0, offset - 4))
        return len(data) if found < 0 else found + 4
    while (offset := data.find(_GZIP, offset)) >= 0:
        try:
            if zlib.decompressobj(wbits=31).decompress(data[offset : offset + 512], 5) == _VERSION:
                return offset
        except zlib.error:  # the mark stood within compressed data
            pass
        offset += 1
    return len(data)
