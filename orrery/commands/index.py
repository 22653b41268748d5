"""`orrery index` and `orrery search`: a folder of files, found by words and by meaning."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from orrery.agents.chunking import Strategy
from orrery.agents.index import Index, IndexSettings, Ranking
from orrery.errors import ConfigError
from orrery.inference.chat import printable
from orrery.training.runs import RUNS

INDEX = RUNS / "index.db"


@dataclass(frozen=True)
class IndexCommand:
    """Index files and folders of text, Markdown, Python and PDF. Run it again after changes: only changed files are
    read, and what has vanished is forgotten. An index keeps the settings that it was made with.

    Example: orrery index docs README.md
    Example: orrery index ~/notes --index notes.db --embedder runs/speedrun/sft
    """

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional] = ()
    """Files, and folders with all below them."""
    index: Path = INDEX
    """The file of the index."""
    strategy: Strategy | Literal["auto"] | None = None
    """Where texts are cut into chunks; auto, the default, goes by each file's name."""
    size: int | None = None
    """Words of a chunk at most; 120 by default."""
    overlap: int | None = None
    """Words of one chunk that the next may begin with; 20 by default."""
    embedder: str | None = None
    """What makes vectors, for search by meaning: a model folder, http://HOST:PORT/v1#MODEL, or
    sentence-transformers/NAME. By default there are none, and words alone are searched."""


@dataclass(frozen=True)
class SearchCommand:
    """Find passages in what was indexed.

    Example: orrery search "how is a run resumed?"
    """

    query: Annotated[str, tyro.conf.Positional] = ""
    """Words, or a question."""
    index: Path = INDEX
    """The file of the index."""
    count: int = 5
    """Passages that are shown."""
    ranking: Ranking | None = None
    """By words (bm25), meaning (embedding), or both (hybrid, the default where the index has vectors)."""


def index(config: IndexCommand) -> None:
    """Bring the index up to date and say what was done.

    Raises:
        ConfigError: no paths, other settings than those that the index was made with, or no index.
        DataError: a path that does not exist.
        CheckpointError, InferenceError: the embedder cannot be loaded or reached.
    """
    if not config.paths:
        raise ConfigError("say what to index: orrery index FOLDER")
    given: dict[str, Any] = {
        name: value
        for name in ("strategy", "size", "overlap", "embedder")
        if (value := getattr(config, name)) is not None
    }
    if config.index.exists():
        with Index(config.index) as made:
            settings = replace(made.settings, **given)
    else:
        settings = IndexSettings(**given)
    out = Console(highlight=False)
    with Index(config.index, settings) as found:
        columns = TextColumn("indexing"), BarColumn(), MofNCompleteColumn(), TextColumn("files"), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("files", total=None)
            done = found.update(config.paths, lambda now, all: progress.update(task, completed=now, total=all))
        files, count = found.counts()
    for why in done.refused:
        out.print(Text(f"not indexed: {printable(why)}", style="yellow"), soft_wrap=True)
    out.print(f"{done.new} new, {done.changed} changed, {done.same} unchanged, {done.gone} gone")
    out.print(f"{config.index}: {files:,} files, {count:,} chunks", soft_wrap=True)


def search(config: SearchCommand) -> None:
    """Print the passages, best first.

    Raises:
        ConfigError: nothing to search for, no index, or a ranking that it has no vectors for.
    """
    if not config.query.strip():
        raise ConfigError('say what to search: orrery search "how is a run resumed?"')
    if config.count < 1:
        raise ConfigError(f"--count is {config.count}; it must be at least 1")
    out = Console(highlight=False)
    with Index(config.index) as found:
        hits = found.search(config.query, config.count, config.ranking)
    if not hits:
        out.print("nothing found")
    for number, hit in enumerate(hits, 1):
        head = Text.assemble((f"{number}  {hit.score:.3f}  ", "dim"), (printable(hit.file), "bold"))
        if hit.title:
            head.append(f"  {printable(hit.title)}", style="cyan")
        out.print(head, soft_wrap=True)
        out.print(Text("   " + printable(hit.text).replace("\n", "\n   ")), soft_wrap=True)
