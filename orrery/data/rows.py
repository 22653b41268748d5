"""Rows of JSONL and parquet files and of data sets on the hub as documents, all of them or a part.

    for document in read_jsonl(Path("notes.jsonl"), start=4096, line=31): ...      # from that byte on

A row has ``text``; its ``id``, ``genre`` and what is `KNOWN` about it are kept where it has them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orrery.data.documents import Document
from orrery.errors import ConfigError, DataError

KNOWN = ("url", "date", "language")  # of a row, kept as a document's provenance


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


def parse(raw: bytes | str, where: str) -> Any:
    """What a line of JSON holds.

    Raises:
        DataError: not UTF-8, not JSON, or nothing that Python can read; the message begins with ``where``.
    """
    try:
        return json.loads(decode(raw, where) if isinstance(raw, bytes) else raw)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON: {error.msg} at column {error.colno}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets without end
        raise DataError(f"{where}: not JSON that can be read: {error}") from error


def read_jsonl(file: Path, start: int = 0, stop: int | None = None, line: int = 1) -> Iterator[Document]:
    """The documents of the lines that begin in the given bytes, of which the first has number ``line``.

    Raises:
        DataError: a line that is not JSON, or has no text.
    """
    with file.open("rb") as lines:
        lines.seek(start)
        at = start
        for number, raw in enumerate(lines, line):
            if stop is not None and at >= stop:
                return
            at += len(raw)
            if not raw.strip():
                continue
            where = f"{file} line {number}"
            row = parse(raw, where)
            if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                raise DataError(f'{where}: expected {{"text": "…"}}; conversations belong to `orrery sft --data`')
            yield _document(row, f"{file}:{number}")


def _document(row: Mapping[str, Any], where: str) -> Document:
    """A row as a document, with its own id where it has one."""
    known = row.get("provenance")
    if not isinstance(known, Mapping):
        known = {name: row[name] for name in KNOWN if isinstance(row.get(name), str)}
    identity = row.get("id")
    return Document(
        row["text"], str(row.get("genre", "text")), identity if isinstance(identity, str) else where, provenance=known
    )


def open_parquet(file: Path) -> Any:
    """A pyarrow ``ParquetFile`` with a column ``text``.

    Raises:
        DataError: no parquet file, or without that column.
        ConfigError: pyarrow is not installed.
    """
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
    return table


def read_parquet(file: Path, start: int = 0, stop: int | None = None, row: int = 1) -> Iterator[Document]:
    """The documents of the given groups of rows, of which the first row has number ``row``.

    Raises:
        DataError: the file is damaged.
    """
    table = open_parquet(file)
    columns = [name for name in ("text", "id", *KNOWN) if name in table.schema_arrow.names]
    groups = range(start, table.num_row_groups if stop is None else stop)
    try:
        for batch in table.iter_batches(columns=columns, row_groups=groups):
            for number, values in enumerate(batch.to_pylist(), row):
                if values["text"] is not None:
                    yield _document({**values, "text": str(values["text"])}, f"{file}:{number}")
            row += len(batch)
    except (OSError, ValueError) as error:  # what pyarrow raises for a page that does not unpack
        raise DataError(f"{file} is damaged: {error}") from error


def is_hub(source: str) -> bool:
    """Whether the source is a data set of the hub, or in its form in a folder."""
    return source.startswith("hf:")


def open_hub(source: str) -> Any:
    """The data set ``hf:NAME[:CONFIG[:SPLIT]]``, streaming; its split is train by default.

    Raises:
        DataError: there is none, or it cannot be reached.
        ConfigError: datasets is not installed.
    """
    name, config, split, *more = [*source[3:].split(":"), "", ""]
    if len(more) > 2:
        raise DataError(f"{source}: write hf:NAME, hf:NAME:CONFIG or hf:NAME:CONFIG:SPLIT")
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ConfigError(f"{source} needs the datasets library: pip install 'orrery[hub]'") from error
    try:
        return load_dataset(name, config or None, split=split or "train", streaming=True)
    except (OSError, ValueError) as error:  # what datasets raises for an unknown name or no network
        raise DataError(f"{source} cannot be read: {error}") from error


def read_hub(source: str, part: int | None = None) -> Iterator[Document]:
    """The rows of a data set, or those of one of the parts that it has on the hub."""
    rows = open_hub(source)
    prefix = source
    if part is not None:
        rows, prefix = rows.shard(num_shards=rows.num_shards, index=part), f"{source}:{part}"
    try:
        for number, row in enumerate(rows):
            if "text" not in row:
                raise DataError(f"{source} has no column 'text' (columns: {', '.join(row)})")
            yield _document({**row, "text": str(row["text"])}, f"{prefix}:{number}")
    except (OSError, ValueError) as error:
        raise DataError(f"{source} cannot be read: {error}") from error
