"""Any text in: files, folders, globs and hub data sets become a stream of `Document`.

A ``.txt`` or ``.md`` file is one document, a ``.jsonl`` file one a line (``{"text": …}``), a ``.parquet`` file one a
row (column ``text``), ``hf:NAME`` streams a data set from the Hugging Face hub. The embedded world is a source of
its own (``data/world/``).
"""

import glob
import json
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from orrery.data.documents import Document
from orrery.errors import ConfigError, DataError

SUFFIXES = (".txt", ".md", ".jsonl", ".parquet")
FEW = 20  # with fewer documents than this, the tail of each one is held out instead of every FEW-th document
HELD_OUT_LIMIT = 2_000_000  # characters of held-out text that are kept; more would only make evaluation slower


def read_documents(sources: Sequence[str]) -> Iterator[Document]:
    """Yield the documents of all sources in order; blank ones are passed over.

    Args:
        sources: paths of files or folders, globs, or ``hf:NAME``.

    Raises:
        DataError: a source does not exist, cannot be decoded, lacks text, or there is no document in any of them.
        ConfigError: a parquet file or hub data set without the ``hub`` extra.
    """
    found = False
    for source in sources:
        for document in _read_hub(source[3:]) if source.startswith("hf:") else _read_paths(source):
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


def _read_paths(source: str) -> Iterator[Document]:
    path = Path(source).expanduser()
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix in SUFFIXES)
        if not files:
            raise DataError(f"no {', '.join(SUFFIXES)} file in the folder {source}")
    elif path.is_file():
        files = [path]
    else:
        files = sorted(Path(match) for match in glob.glob(str(path), recursive=True) if Path(match).is_file())
        if not files:
            raise DataError(f"no such file: {source}")
    for file in files:
        yield from _read_file(file)


def _read_file(file: Path) -> Iterator[Document]:
    if file.suffix == ".jsonl":
        yield from _read_jsonl(file)
    elif file.suffix == ".parquet":
        yield from _read_parquet(file)
    elif file.suffix in (".txt", ".md"):
        yield Document(decode(file.read_bytes(), str(file)), genre="text", id=str(file))
    else:
        raise DataError(f"{file}: Orrery reads {', '.join(SUFFIXES)}, not '{file.suffix}'")


def decode(raw: bytes, where: str) -> str:
    """UTF-8 text of ``raw`` without a byte-order mark.

    Raises:
        DataError: not UTF-8; the message names the first bad byte.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: byte {error.start} (0x{raw[error.start]:02x}) is not UTF-8; convert the file, for instance with "
            f"`iconv -f latin1 -t utf-8`"
        ) from error


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
            try:
                yield json.loads(line), where
            except json.JSONDecodeError as error:
                raise DataError(f"{where}: not JSON: {error.msg} at column {error.colno}") from error
            except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets without end
                raise DataError(f"{where}: not JSON that can be read: {error}") from error


def _read_jsonl(file: Path) -> Iterator[Document]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            where = f"{file} line {number}"
            try:
                row = json.loads(decode(line, where))
            except json.JSONDecodeError as error:
                raise DataError(f"{where}: not JSON: {error.msg} at column {error.colno}") from error
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise DataError(f'{where}: expected {{"text": "…"}}; conversations belong to `orrery sft --data`')
            yield Document(row["text"], str(row.get("genre", "text")), f"{file}:{number}")


def _read_parquet(file: Path) -> Iterator[Document]:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ConfigError(f"{file}: parquet needs pyarrow: pip install 'orrery[hub]'") from error
    try:
        table = parquet.ParquetFile(file)
    except Exception as error:  # pyarrow raises its own kinds for each way a file can be broken
        raise DataError(f"{file}: not a parquet file: {error}") from error
    if "text" not in table.schema_arrow.names:
        raise DataError(f"{file}: no column 'text' (columns: {', '.join(table.schema_arrow.names)})")
    number = 0
    for batch in table.iter_batches(columns=["text"]):
        for text in batch.column(0).to_pylist():
            number += 1
            if text is not None:
                yield Document(str(text), "text", f"{file}:{number}")


def _read_hub(name: str) -> Iterator[Document]:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ConfigError(f"hf:{name} needs the datasets library: pip install 'orrery[hub]'") from error
    try:
        rows = load_dataset(name, split="train", streaming=True)
        for number, row in enumerate(rows):
            if "text" not in row:
                raise DataError(f"hf:{name} has no column 'text' (columns: {', '.join(row)})")
            yield Document(str(row["text"]), "text", f"hf:{name}:{number}")
    except (OSError, ValueError) as error:  # what datasets raises for an unknown name or no network
        raise DataError(f"hf:{name} cannot be read: {error}") from error
