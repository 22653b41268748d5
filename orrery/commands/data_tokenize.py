"""`orrery data tokenize`: text of any size to tokens on disk, which `orrery pretrain` reads."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, track

from orrery.data.mixture import Corpus
from orrery.data.prepare import TOKENIZER_CHARACTERS, first_characters, tokenise
from orrery.data.shard_files import INFO, OnProgress, fingerprint
from orrery.data.sources import hold_out, read_documents
from orrery.errors import ConfigError, OrreryError
from orrery.files import remove_partial, write_atomically
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.terminal import train_tokenizer
from orrery.training.progress import clock

PLAIN_SECONDS = 10.0  # between the lines when the output is no terminal
ORIGIN = "origin.json"  # in the folder: what was asked for
MADE = (ORIGIN, "tokenizer", "tokens", "held_out")


@dataclass(frozen=True)
class TokenizeCommand:
    """Tokenise text, once, for any number of trainings: DIR/tokens (16 bits a token where the vocabulary allows it, in
    parts with checksums), DIR/held_out (every tenth document, of fewer than 20 the last tenth of each; 2 MB at most,
    never trained on) and DIR/tokenizer.

    When it is interrupted or killed, the same command goes on after the last part that was finished (16 million
    tokens), and the files become the same.

    Example: orrery data tokenize notes/ 'books/*.txt' --out notes-tokens --vocab-size 4096
    Example: orrery data tokenize 'corpus/documents/*.jsonl' --out web --tokenizer notes-tokens/tokenizer
    Example: orrery data tokenize hf:HuggingFaceFW/fineweb-edu:sample-10BT --out edu --tokenizer encoder.json vocab.bpe
    Example: orrery data tokenize --out web --verify
    """

    out: Path
    """The folder to write, DIR."""
    data: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Files (.txt .md .jsonl .parquet), folders, globs or hf:NAME[:CONFIG[:SPLIT]]."""
    tokenizer: tuple[Path, ...] = ()
    """A folder with tokenizer.json, or GPT-2's two files, encoder.json and vocab.bpe. Empty: one is trained. Corpora
    that are to be mixed need the same."""
    vocab_size: int = 4096
    """Tokens of a vocabulary that is trained, special ones included."""
    verify: bool = False
    """Write nothing: compare every byte of DIR with its checksums."""


def run_tokenize(config: TokenizeCommand) -> None:
    """Tokenise and say what came out.

    Raises:
        ConfigError: no source, or a folder that holds something else.
        DataError, TokenizerError: text or tokenizer that cannot be read, or a file that is damaged.
        RunError: the disk is full, or another process writes there.
    """
    if config.verify:
        verify(config.out)
        return
    if not config.data:
        raise ConfigError(
            "nothing to tokenise: name files, folders or hf:NAME, for instance `orrery data tokenize notes/`"
        )
    console, began = Console(stderr=True, highlight=False), time.perf_counter()
    tokenizer = _chosen_tokenizer(config)  # refuses before anything is written
    origin = _origin(config, tokenizer)
    _check_origin(config.out, origin)
    if (config.out / "tokens" / INFO).exists():
        console.print(f"{config.out} is there already: remove it to read the text anew")
    write_atomically(config.out / ORIGIN, origin)
    try:
        if tokenizer is None:
            tokenizer = _trained_tokenizer(config, console)
        with _progress(console) as on_progress:
            tokenise(config.out, config.data, tokenizer, on_progress=on_progress)
    except (OrreryError, OSError):  # a file that may not be read, for one
        if not (config.out / "tokens").exists():
            _remove(config.out)
        raise
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("stopped; the same command goes on after the last part that was finished") from error
    for folder in (config.out, config.out / "tokens"):
        remove_partial(folder)  # what killed processes left half-written
    _say(Corpus.open(config.out), config.out, time.perf_counter() - began)


def verify(folder: Path) -> None:
    """Check every byte. Raises `DataError` that names what is damaged."""
    corpus, console = Corpus.open(folder), Console(stderr=True)
    for shards in (corpus.shards, corpus.held_out):
        if shards is not None:
            total, silent = len(shards.info.parts), not console.is_terminal
            for _ in track(
                shards.verified_parts(), f"checking {shards.folder}", total, console=console, disable=silent
            ):
                pass
    print(f"{folder}: {corpus.shards.info.tokens:,} tokens are what was written")


def _chosen_tokenizer(config: TokenizeCommand) -> BPE | None:
    match config.tokenizer:
        case ():
            return None
        case (folder,):
            return BPE.load(folder)
        case (encoder, vocabulary):
            return BPE.from_gpt2(encoder, vocabulary)
    raise ConfigError("--tokenizer takes a folder with tokenizer.json, or two files: encoder.json vocab.bpe")


def _trained_tokenizer(config: TokenizeCommand, console: Console) -> BPE:
    folder = config.out / "tokenizer"
    if (folder / "tokenizer.json").exists():  # of a process that was interrupted
        return BPE.load(folder)
    texts = first_characters(hold_out(read_documents(config.data))[0], TOKENIZER_CHARACTERS)
    return train_tokenizer(texts, config.vocab_size, folder, console=console)


def _origin(config: TokenizeCommand, tokenizer: BPE | None) -> str:
    vocabulary = fingerprint(tokenizer) if tokenizer else config.vocab_size
    return json.dumps({"data": config.data, "tokenizer": vocabulary}, indent=1) + "\n"


def _check_origin(out: Path, origin: str) -> None:
    file = out / ORIGIN
    if file.exists():
        if file.read_text(encoding="utf-8") != origin:
            raise ConfigError(f"{out} is of another text or tokenizer ({file}): choose another --out, or remove it")
    elif any((out / name).exists() for name in MADE):
        raise ConfigError(f"{out} holds tokens that `orrery data tokenize` has not made: choose another --out")


def _remove(out: Path) -> None:
    """What was refused leaves nothing behind, and nothing of anybody else goes."""
    for name in MADE:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if not any(out.iterdir()):
        out.rmdir()


@contextmanager
def _progress(console: Console) -> Iterator[OnProgress]:
    """A line that says how far it is; where there is no terminal, one every few seconds."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading …", total=None)
        printed = time.perf_counter()
        began: tuple[float, int] | None = None  # the first report: parts that were there already have taken no time

        def show(documents: int, size: int, tokens: int) -> None:
            nonlocal printed, began
            now = time.perf_counter()
            began = began or (now, tokens)
            speed = (tokens - began[1]) / (now - began[0]) if now > began[0] else 0.0
            line = f"{documents:,} documents, {size / 1e6:,.0f} MB, {tokens / 1e6:,.1f}M tokens, {speed:,.0f} tokens/s"
            bar.update(task, description=line)
            if not console.is_terminal and now - printed >= PLAIN_SECONDS:
                printed = now
                console.print(line)

        yield show


def _say(corpus: Corpus, out: Path, seconds: float) -> None:
    info, held_out = corpus.shards.info, corpus.held_out
    apart = f"{len(held_out):,} documents held out" if held_out else "nothing held out"
    Console(highlight=False).print(
        f"{out}: {info.documents:,} documents, {info.tokens:,} tokens of {8 * corpus.shards.tokens.itemsize} bits, "
        f"{info.bytes / info.tokens:.2f} bytes a token, {apart}, {clock(seconds)}\n"
        f"Next:  orrery pretrain --data {out}",
        soft_wrap=True,
    )
