"""The files of a crawl: responses as a WARC (ISO 28500), each record compressed by itself, and the truth as JSON lines.

A line of the truth has ``url``, ``kind``, ``step`` (which should reject the page; null for none), ``good`` (it should
come through), ``cluster`` (pages with nearly the same text share one), ``look`` (of the site), ``language``, ``text``
(the true main text) and ``planted`` (strings that are private or look so, each with its kind and whether it is
harmless).
"""

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from orrery.data.world.crawl.pages import Crawl, Page
from orrery.data.world.world import World
from orrery.errors import ConfigError
from orrery.files import PARTIAL, full_disk_named

_BEGIN = datetime(2025, 3, 1)  # of the crawl; a page takes two seconds
_REASONS = {200: "OK", 301: "Moved Permanently", 404: "Not Found"}


def truth_path(crawl: Path) -> Path:
    """Where the truth about a crawl is: ``crawl.truth.jsonl`` beside ``crawl.warc.gz``."""
    return crawl.with_name(crawl.name.removesuffix(".gz").removesuffix(".warc") + ".truth.jsonl")


def write_crawl(world: World, path: Path, count: int, exams: Sequence[str] = ()) -> Iterator[Page]:
    """Write the first ``count`` pages and the truth, and yield each page when it is written.

    The same world, count and exams give the same bytes. Both files appear when the last page is written.

    Raises:
        ConfigError: warcio is missing.
        RunError: the disk is full.
    """
    crawl = Crawl(world, exams)
    with _whole(path) as warc, _whole(truth_path(path)) as truth:
        writer = _writer(warc)
        about = f"software: orrery\r\ndescription: made-up crawl of the world with seed {world.config.seed}\r\n"
        _write(writer, "warcinfo", None, 0, about.encode(), world.config.seed)
        for page in map(crawl.page, range(count)):
            headers = [("Content-Type", _content_type(page)), ("Content-Length", str(len(page.body)))]
            if page.status == 301:
                headers.append(("Location", page.url + "/"))
            status = f"{page.status} {_REASONS[page.status]}", headers
            _write(writer, "response", page.url, page.index + 1, page.body, world.config.seed, status)
            truth.write((json.dumps(row(page), ensure_ascii=False) + "\n").encode())
            yield page


def row(page: Page) -> dict[str, Any]:
    """The truth about one page."""
    return {
        "url": page.url,
        "kind": page.kind,
        "step": page.step,
        "good": page.good,
        "cluster": page.cluster,
        "look": page.look,
        "language": page.article.language if page.article else None,
        "text": page.article.text if page.article else "",
        "planted": [asdict(planted) for planted in page.planted],
    }


def _content_type(page: Page) -> str:
    return f"{page.media_type}; charset={page.charset}" if page.media_type == "text/html" else page.media_type


def _writer(file: BinaryIO) -> Any:
    try:
        from warcio.warcwriter import WARCWriter
    except ImportError as error:
        raise ConfigError("WARC files need warcio: pip install 'orrery[data]'") from error
    return WARCWriter(file, gzip=True, warc_version="1.1")


def _write(
    writer: Any,
    kind: str,
    url: str | None,
    number: int,
    body: bytes,
    seed: int,
    status: tuple[str, list[tuple[str, str]]] | None = None,
) -> None:
    """One record; its date and id follow from its number, where the library would take the clock and chance."""
    from warcio.statusandheaders import StatusAndHeaders

    headers = StatusAndHeaders(*status, protocol="HTTP/1.1") if status else None
    about = {
        "WARC-Date": (_BEGIN + timedelta(seconds=2 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "WARC-Record-ID": f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'orrery crawl {seed} {number}')}>",
    }
    record = writer.create_warc_record(
        url, kind, payload=BytesIO(body), length=len(body), http_headers=headers, warc_headers_dict=about
    )
    writer.write_record(record)


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when the block is done; what a killed process left is written over."""
    beside = path.with_name(f".{path.name}{PARTIAL}")
    with full_disk_named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
