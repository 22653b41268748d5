"""Any text in: files, folders, globs and hub data sets become a stream of `Document`.

A ``.txt`` or ``.md`` file is one document, a ``.jsonl`` file one a line (``{"text": …}``), a ``.parquet`` file one a
row (column ``text``), ``hf:NAME[:CONFIG[:SPLIT]]`` streams a data set from the Hugging Face hub. Pages of the web
(``.html``, ``.warc.gz``) are no text yet: `orrery data build` makes it of them. The embedded world is a source of its
own (``data/world/``).
"""

import glob
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from orrery.data.documents import Document
from orrery.data.rows import decode, is_hub, parse, read_hub, read_jsonl, read_parquet
from orrery.errors import DataError

SUFFIXES = (".txt", ".md", ".jsonl", ".parquet")
WEB_SUFFIXES = (".html", ".htm", ".warc", ".warc.gz")  # for orrery.data.pipeline
FEW = 20  # with fewer documents than this, the tail of each one is held out instead of every FEW-th document
HELD_OUT_LIMIT = 2_000_000  # characters of held-out text that are kept; more would only make evaluation slower


def read_documents(sources: Sequence[str]) -> Iterator[Document]:
    """Yield the documents of all sources in order; blank ones are passed over.

    Args:
        sources: paths of files or folders, globs, or ``hf:NAME[:CONFIG[:SPLIT]]``.

    Raises:
        DataError: a source does not exist, cannot be decoded, lacks text, or there is no document in any of them.
        ConfigError: a parquet file or hub data set without the ``hub`` extra.
    """
    found = False
    for source in sources:
        for document in read_hub(source) if is_hub(source) else _read_files(find_files(source)):
            if document.text.strip():
                found = True
                yield document
    if not found:
        raise DataError(f"no text in {', '.join(sources) or 'an empty list of sources'}: give --data a file with text")


def hold_out(documents: Iterator[Document], fraction: float = 0.1) -> tuple[Iterator[Document], list[Document]]:
    """Set documents aside for evaluation, the same ones every time.

    With at least `FEW` documents every n-th one is held out (n = 1 / fraction); with fewer, the last ``fraction`` of
    each document's characters (as nanoGPT splits its one text). At most `HELD_OUT_LIMIT` characters are kept.

    Returns:
        the documents to train on, still a stream, and the held-out ones. Held-out documents appear in the list
        while the stream is consumed: use the list after the stream has ended.
    """
    head = list(islice(documents, FEW))
    held_out: list[Document] = []
    if len(head) < FEW:
        return iter(_cut_tails(head, fraction, held_out)), held_out
    return _every_nth(chain(head, documents), round(1 / fraction), held_out), held_out


def _cut_tails(documents: list[Document], fraction: float, held_out: list[Document]) -> list[Document]:
    kept = []
    for document in documents:
        cut = int(len(document.text) * (1 - fraction))
        kept.append(Document(document.text[:cut], document.genre, document.id))
        tail = document.text[cut : cut + HELD_OUT_LIMIT]
        if tail.strip():
            held_out.append(Document(tail, document.genre, document.id + ":tail"))
    return kept


def _every_nth(documents: Iterator[Document], n: int, held_out: list[Document]) -> Iterator[Document]:
    characters = 0
    for index, document in enumerate(documents):
        if index % n == n - 1 and characters < HELD_OUT_LIMIT:
            held_out.append(document)
            characters += len(document.text)
        else:
            yield document


def find_files(source: str, suffixes: Sequence[str] = SUFFIXES) -> list[Path]:
    """The files that a path or glob names, in order; of a folder, all below it that end in one of ``suffixes``.

    Raises:
        DataError: there is none.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.name.endswith(tuple(suffixes)))
        if not files:
            raise DataError(f"no {', '.join(suffixes)} file in the folder {source}")
        return files
    files = [path] if path.is_file() else sorted(map(Path, glob.glob(str(path), recursive=True)))
    if not any(file.is_file() for file in files):
        raise DataError(f"no such file: {source}")
    return [file for file in files if file.is_file()]


def _read_files(files: Sequence[Path]) -> Iterator[Document]:
    for file in files:
        if file.name.endswith(WEB_SUFFIXES):
            raise DataError(
                f"{file} holds pages, no text yet: make it with `orrery data build {file} --out DIR`, "
                "then give DIR/documents"
            )
        yield from read_file(file)


def read_file(file: Path) -> Iterator[Document]:
    """The documents of one file of text. Raises what `read_documents` does."""
    if file.suffix == ".jsonl":
        yield from read_jsonl(file)
    elif file.suffix == ".parquet":
        yield from read_parquet(file)
    elif file.suffix in (".txt", ".md"):
        yield Document(decode(file.read_bytes(), str(file)), genre="text", id=str(file))
    else:
        raise DataError(f"{file}: Orrery reads {', '.join(SUFFIXES)}, not '{file.suffix}'")


def json_lines(path: Path) -> Iterator[tuple[Any, str]]:
    """What each line of a JSONL file holds, and where it stands, as errors name it; empty lines are passed over.

    Raises:
        DataError: no such file, not UTF-8, or a line that is not JSON.
    """
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    # Not splitlines(): JSON may hold other line breaks, such as U+2028, within its strings.
    for number, line in enumerate(decode(path.read_bytes(), str(path)).split("\n"), 1):
        if line.strip():
            where = f"{path} line {number}"
            yield parse(line, where), where
