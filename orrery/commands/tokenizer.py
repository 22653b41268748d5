"""`orrery tokenizer …`: train a vocabulary, encode with it, look at what it does."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orrery.data.sources import decode, read_documents
from orrery.errors import ConfigError, DataError
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.inspect import inspect_text, token_counts
from orrery.tokenizers.terminal import inspection_table, train_tokenizer


@dataclass(frozen=True)
class TrainCommand:
    """Train a byte-level BPE vocabulary and write tokenizer.json and tokenizer_config.json.

    Example: orrery tokenizer train --data notes/ --out my-tokenizer --vocab-size 4096
    """

    data: tuple[str, ...]
    """Files (.txt .md .jsonl .parquet), folders, globs or hf:NAME."""
    out: Path
    """The folder to write."""
    vocab_size: int = 4096
    """Tokens in all: 256 bytes, merges, and 8 special and added ones."""


@dataclass(frozen=True)
class EncodeCommand:
    """Turn text into token ids, one line of ids; special tokens in the text stay text.

    Example: orrery tokenizer encode --tokenizer runs/speedrun/sft --text "Hello, world"
    Example: orrery tokenizer encode --tokenizer my-tokenizer --file notes.txt
    """

    tokenizer: Path
    """A folder with tokenizer.json."""
    text: str | None = None
    """The text; without it and --file, standard input is read."""
    file: Path | None = None
    """A file to read instead."""


@dataclass(frozen=True)
class InspectCommand:
    """Show the pieces of a text with ids, bytes and white space, how well it compresses, and what trips models.

    Example: orrery tokenizer inspect --tokenizer runs/speedrun/sft --text "12345 strawberries"
    """

    tokenizer: Path
    """A folder with tokenizer.json."""
    text: str | None = None
    """The text; without it and --file, standard input is read."""
    file: Path | None = None
    """A file to read instead."""
    data: tuple[str, ...] = ()
    """Text that a model was or will be trained on: tokens that are rare in it are warned of."""


def train(config: TrainCommand) -> None:
    """Train and save. Raises `DataError` or `TokenizerError` for text that is missing or too little."""
    train_tokenizer(_texts(config.data), config.vocab_size, config.out)


def read_text(text: str | None, file: Path | None) -> str:
    """The text given, that of the file, or standard input. Raises `DataError` when there is none."""
    if text is not None and file is not None:
        raise ConfigError("give --text or --file, not both")
    if text is None and file is not None:
        if not file.is_file():
            raise DataError(f"no such file: {file}")
        text = decode(file.read_bytes(), str(file))
    found = sys.stdin.read() if text is None else text
    if not found:
        raise DataError("the text is empty: give --text or --file")
    return found


def encode(config: EncodeCommand) -> None:
    """Print the ids."""
    print(*BPE.load(config.tokenizer).encode(read_text(config.text, config.file)))


def inspect(config: InspectCommand) -> None:
    """Print the inspection."""
    tokenizer = BPE.load(config.tokenizer)
    counts = token_counts(tokenizer, _texts(config.data)) if config.data else None
    Console().print(inspection_table(inspect_text(tokenizer, read_text(config.text, config.file), counts)))


def _texts(data: tuple[str, ...]) -> Iterator[str]:
    return (document.text for document in read_documents(data))
