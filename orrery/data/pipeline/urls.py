"""Pages that their address gives away: RefinedWeb's URL filter (Penedo et al. 2023, arXiv 2306.01116, section 3.1).

    UrlFilter().apply(Document(text, provenance={"url": "https://free-porn.example/"}))      # Reject("word", "porn")

An address is rejected for its host or one above it, for a part of it whatever stands between the letters, for one bad
word, or for two different words of which each may stand in a good address. The words and hosts are a short table that
people can read and correct (``tables/blocked_addresses.txt``); RefinedWeb used the lists of the University of Toulouse,
some million hosts, which `blocklist` reads as they are. A host that is only a number has no name that anybody chose to
give it, and goes too. Documents without an address pass.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from orrery.data.documents import Document
from orrery.data.pipeline.step import Reject
from orrery.errors import DataError

TABLE = Path(__file__).parent / "tables" / "blocked_addresses.txt"
BLOCKS = ("hosts", "parts", "words", "soft words")
MARKS = re.compile(r"[\W_]+")
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://")


@dataclass(frozen=True)
class UrlFilter:
    """Addresses that are not read.

    Attributes:
        blocklist: a file with more of them: a host or address a line, or blocks as in the table that comes with this.
        soft_words: so many different soft words are needed.
    """

    name: ClassVar[str] = "url_filter"
    blocklist: Path | None = None
    soft_words: int = 2

    def apply(self, document: Document) -> Document | Reject:
        """The document as it is, or why its address is not wanted.

        Raises:
            DataError: the block list cannot be read.
        """
        blocked = read_blocked(self.blocklist)
        url = document.provenance.get("url")
        if not url:
            return document
        address = without_scheme(url)
        host = host_of(address)
        if is_number(host):
            return Reject("number_as_host", host)
        if name := next((name for name in (*domains(host), *beginnings(address)) if name in blocked["hosts"]), None):
            return Reject("host", name)
        words = set(MARKS.split(address))
        if bad := words & blocked["words"]:
            return Reject("word", min(bad))
        if len(soft := words & blocked["soft words"]) >= self.soft_words:
            return Reject("soft_words", " ".join(sorted(soft)))
        letters = MARKS.sub("", address)
        if part := next((part for part in sorted(blocked["parts"]) if part in letters), None):
            return Reject("part", part)
        return document


def without_scheme(url: str) -> str:
    """An address in small letters from its host on, without ``www.`` and the slash at its end.

    >>> without_scheme("HTTPS://www.Example.org/a/"), without_scheme("www.example.org/?to=http://a")
    ('example.org/a', 'example.org/?to=http://a')
    """
    return SCHEME.sub("", url.strip().lower()).removeprefix("www.").rstrip("/")


def host_of(address: str) -> str:
    """The host of an address without scheme; a user's name and the port are left out.

    >>> host_of("user@example.org:8080/a"), host_of("[2001:db8::1]:80/a")
    ('example.org', '2001:db8::1')
    """
    host = re.split(r"[/?#]", address, maxsplit=1)[0].rpartition("@")[2]
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def is_number(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def domains(host: str) -> list[str]:
    """A host and all domains above it.

    >>> domains("a.example.org")
    ['a.example.org', 'example.org', 'org']
    """
    parts = host.split(".")
    return [".".join(parts[place:]) for place in range(len(parts))]


def beginnings(address: str) -> list[str]:
    """An address cut off before each slash after the first, and all of it.

    >>> beginnings("example.org/a/b")
    ['example.org/a', 'example.org/a/b']
    """
    parts = address.split("/")
    return ["/".join(parts[:stop]) for stop in range(2, len(parts) + 1)]


@lru_cache(maxsize=4)
def read_blocked(more: Path | None = None) -> dict[str, frozenset[str]]:
    """The table of blocked hosts, parts, words and soft words, with those of another file.

    Raises:
        DataError: the file cannot be read, or names a block that does not exist.
    """
    blocks: dict[str, set[str]] = {block: set() for block in BLOCKS}
    for path in (TABLE, *([more] if more else [])):
        block = "hosts"
        for line in _lines(path):
            if line.startswith("["):
                block = line.strip("[]")
                if block not in blocks:
                    raise DataError(f"{path}: there is no block {line}; the blocks are {', '.join(BLOCKS)}")
            else:
                blocks[block].add(without_scheme(line) if block == "hosts" else line.lower())
    return {block: frozenset(entries) for block, entries in blocks.items()}


def _lines(path: Path) -> Iterable[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a block list that can be read: {error}") from error
    return [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
