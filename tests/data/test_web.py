"""WARC records are found from any byte on, damaged ones are told and passed over, and HTML is decoded as declared."""

import gzip
import sys
from io import BytesIO
from pathlib import Path

import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from orrery.data.documents import Document
from orrery.data.sources import read_documents
from orrery.data.web import Unread, decode_html, read_warc, record_starts
from orrery.errors import ConfigError, DataError

NAMES = ["a.warc", "a.warc.gz"]


def write_warc(file: Path, pages: int = 40, kind: str = "text/html; charset=utf-8", status: str = "200 OK") -> None:
    """A WARC file with so many pages behind a record that is none."""
    with file.open("wb") as out:
        writer = WARCWriter(out, gzip=file.suffix == ".gz")
        writer.write_record(writer.create_warcinfo_record(file.name, {"software": "tests"}))
        for number in range(pages):
            content = f"<html><body>Page {number}, {'naïve ' * (number % 7)}</body></html>".encode()
            http = StatusAndHeaders(status, [("Content-Type", kind)], protocol="HTTP/1.0")
            url = f"https://made.example/{number}"
            record = writer.create_warc_record(url, "response", BytesIO(content), http_headers=http)
            writer.write_record(record)


def pages(file: Path, start: int = 0, stop: int | None = None) -> list[str]:
    return [one.provenance["url"] for one in read_warc(file, start, stop) if isinstance(one, Document)]


def urls(pages: int) -> list[str]:
    return [f"https://made.example/{number}" for number in range(pages)]


@pytest.mark.parametrize("name", NAMES)
def test_pages_carry_their_address_date_and_record(tmp_path: Path, name: str) -> None:
    write_warc(tmp_path / name, 2)
    info, first, second = read_warc(tmp_path / name)
    assert isinstance(info, Unread) and info.reason == "other_record"
    assert isinstance(first, Document) and first.text == "<html><body>Page 0, </body></html>"
    assert isinstance(second, Document) and second.text == "<html><body>Page 1, naïve </body></html>"
    assert second.id.startswith("<urn:uuid:") and first.id != second.id
    assert second.provenance["url"] == "https://made.example/1"
    assert second.provenance["media_type"] == "text/html"
    assert second.provenance["date"].startswith("20")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("every", [1, 1000, 3000, 10**9])
def test_a_file_cut_anywhere_is_read_once_and_in_order(tmp_path: Path, name: str, every: int) -> None:
    write_warc(tmp_path / name)
    size = (tmp_path / name).stat().st_size
    starts = list(record_starts(tmp_path / name, every))
    assert len(starts) == (41 if every == 1 else 1 if every > size else len(starts)) and starts[0] == 0
    parts = [pages(tmp_path / name, *cut) for cut in zip(starts, [*starts[1:], size], strict=True)]
    assert [url for part in parts for url in part] == urls(40)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_record_is_told_and_the_next_one_read(tmp_path: Path, name: str) -> None:
    write_warc(tmp_path / name)
    starts = list(record_starts(tmp_path / name, 1))
    raw = bytearray((tmp_path / name).read_bytes())
    hit = starts[10]  # the ninth page: a wrong length, or bytes that do not unpack to what their sum says
    at = raw.index(b"Content-Length: ", hit) + 16 if name.endswith(".warc") else (starts[11] - hit) // 2 + hit
    raw[at : at + 2] = b"99" if name.endswith(".warc") else bytes(byte ^ 0xFF for byte in raw[at : at + 2])
    (tmp_path / name).write_bytes(raw)
    damaged = [one for one in read_warc(tmp_path / name) if isinstance(one, Unread) and one.reason == "damaged"]
    assert [one.where for one in damaged] == [f"{tmp_path / name}@{hit}"]
    assert pages(tmp_path / name) == [url for number, url in enumerate(urls(40)) if number != 9]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_ends_in_a_record_keeps_the_others(tmp_path: Path, name: str) -> None:
    write_warc(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-30])
    assert pages(tmp_path / name) == urls(39)
    assert [one.reason for one in read_warc(tmp_path / name) if isinstance(one, Unread)] == ["other_record", "damaged"]


def test_what_is_no_warc_file_is_damaged_from_its_first_byte(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"nothing of the kind")
        assert [(one.where, one.reason) for one in read_warc(tmp_path / name) if isinstance(one, Unread)] == [
            (f"{tmp_path / name}@0", "damaged")
        ]
    (tmp_path / "empty.warc").write_bytes(b"")
    assert list(read_warc(tmp_path / "empty.warc")) == []


def test_a_file_compressed_as_a_whole_is_refused_with_what_mends_it(tmp_path: Path) -> None:
    write_warc(tmp_path / "a.warc", 3)
    (tmp_path / "b.warc.gz").write_bytes(gzip.compress((tmp_path / "a.warc").read_bytes()))
    with pytest.raises(DataError, match="warcio recompress"):
        list(read_warc(tmp_path / "b.warc.gz"))


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [("image/png", "200 OK", "not_html"), ("text/html", "404 Not Found", "not_found")],
)
def test_what_is_no_page_says_what_it_is(tmp_path: Path, kind: str, status: str, reason: str) -> None:
    write_warc(tmp_path / "a.warc.gz", 1, kind, status)
    assert [one.reason for one in read_warc(tmp_path / "a.warc.gz") if isinstance(one, Unread)][1:] == [reason]


@pytest.mark.parametrize(
    ("raw", "charset", "text"),
    [
        ("naïve ‘q’".encode(), None, "naïve ‘q’"),
        ("naïve".encode(), "iso-8859-1", "naïve"),  # servers lie: what is UTF-8 is read as that
        ("naïve ‘q’".encode("cp1252"), "iso-8859-1", "naïve ‘q’"),
        ("<meta charset=windows-1251>Привет".encode("cp1251"), None, "<meta charset=windows-1251>Привет"),
        ("日本".encode("iso-2022-jp"), "ISO-2022-JP", "日本"),
        ("日本".encode("shift_jis"), "shift_jis", "日本"),
        (b"\xef\xbb\xbfhello", None, "hello"),
        (b"\xff\xfe?", "no-such-charset", "ÿþ?"),
        (b"\xff\xfe?", "idna", "ÿþ?"),  # Python has it, but not for text
    ],
)
def test_html_is_decoded_as_it_is_declared(raw: bytes, charset: str | None, text: str) -> None:
    assert decode_html(raw, charset) == text


def test_training_on_pages_is_refused_with_the_command_that_makes_text_of_them(tmp_path: Path) -> None:
    for name in ("a.html", "a.warc.gz"):
        (tmp_path / name).write_bytes(b"<p>hello")
        with pytest.raises(DataError, match=f"orrery data build .*{name} --out DIR"):
            next(read_documents([str(tmp_path / name)]))


def test_without_warcio_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_warc(tmp_path / "a.warc.gz", 1)
    monkeypatch.setitem(sys.modules, "warcio.exceptions", None)
    with pytest.raises(ConfigError, match=r"pip install 'orrery\[data\]'"):
        list(read_warc(tmp_path / "a.warc.gz"))
