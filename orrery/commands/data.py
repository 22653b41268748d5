"""`orrery data …`: write the embedded world to files, and look at any text before training on it."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from orrery.data.documents import Document
from orrery.data.names import NAMES_URL, fetch_names
from orrery.data.sources import read_documents
from orrery.data.world.atlas import FILES, Atlas
from orrery.data.world.choice import Choice
from orrery.data.world.conversations import AGENT_MIX, conversations
from orrery.data.world.conversations.search import EXAM_ASK, sentence
from orrery.data.world.generate import Split, documents
from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError
from orrery.evals.exams.agent import AtlasTools
from orrery.files import write_atomically


@dataclass(frozen=True)
class WorldCommand:
    """Write documents or conversations of the embedded world to a JSONL file.

    Each line of documents has text, genre, id, bits (the entropy of the choices that made it, given the world) and
    provenance; each line of conversations has messages and kind. The same seed gives the same bytes.

    Example: orrery data world --out world.jsonl --count 10000
    Example: orrery data world --out described.jsonl --count 8000 --conversations --agent --describe
    """

    out: Path
    """The file to write."""
    count: int = 10_000
    """How many documents or conversations."""
    conversations: bool = False
    """Write conversations (what `orrery sft --data` reads) instead of documents."""
    agent: bool = False
    """Of conversations: those of an agent, which search, calculate, run code and remember."""
    describe: bool = False
    """With --agent: describe the tools in each, as other programs that serve a model do."""
    validation: bool = False
    """Write held-out documents instead of training documents."""
    world: WorldConfig = field(default_factory=WorldConfig)


@dataclass(frozen=True)
class ShowCommand:
    """Read text sources and show what is in them: documents, bytes, genres, and a few samples.

    Example: orrery data show notes/ 'books/*.txt' --samples 2
    """

    data: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Files (.txt .md .jsonl .parquet), folders, globs or hf:NAME. Empty: the embedded world."""
    samples: int = 3
    """How many documents to print."""
    limit: int = 100_000
    """Read at most this many documents."""


@dataclass(frozen=True)
class FetchCommand:
    """Download a public data set into the cache (~/.cache/orrery), once, and check that it is the right one.

    names: 32,033 given names (karpathy/makemore, MIT licence), on which `orrery microgpt` and
    `orrery ladder` train from then on.

    Example: orrery data fetch names
    """

    name: Annotated[Literal["names"], tyro.conf.Positional]
    """What to download."""
    url: str = NAMES_URL
    """Where from; the file must be the same."""


@dataclass(frozen=True)
class AtlasCommand:
    """Write an atlas that nobody has read: Markdown files of made-up people, towns, companies and inventions, and
    questions that take one to three of its pages to answer. No name in it stands in what models are trained on.

    Example: orrery data atlas --out atlas
    Example: orrery index atlas && orrery agent "..." --model runs/agent/grpo --tools search
    """

    out: Path
    """The folder to write. Beside it, as FOLDER-questions.jsonl, stand questions with answer and hops (not within: the
    folder is to be searched)."""
    count: int = 30
    """How many questions; there are about two pages for each."""
    seed: int = 0
    """Another seed, another atlas."""


def write_atlas(config: AtlasCommand) -> None:
    """Write it. Raises `ConfigError` for a count below 1, `RunError` when the disk is full."""
    if config.count < 1:
        raise ConfigError(f"--count is {config.count}; ask for at least one")
    atlas, choice = Atlas(Choice(config.seed), kept=True), Choice(config.seed)
    chains = [atlas.chain(1 + number % 3) for number in range(config.count)]
    for kind, file in FILES.items():
        pages = [page.markdown for chain in chains for page in chain.pages if page.kind == kind]
        write_atomically(config.out / file, "\n".join(choice.shuffled(pages)))
    rows = [
        {"question": sentence(choice.pick(EXAM_ASK), chain.words), "answer": chain.answer, "hops": len(chain.pages)}
        for chain in chains
    ]
    asked = config.out.with_name(f"{config.out.name}-questions.jsonl")
    write_atomically(asked, "".join(json.dumps(row) + "\n" for row in rows))
    total = sum(len(chain.pages) for chain in chains)
    print(f"{total} pages in {config.out}, {config.count} questions in {asked}, such as:")
    for row in rows[:3]:
        print(f"  {row['question']}")


def fetch(config: FetchCommand) -> None:
    """Download and say where it is. Raises `DataError` when it cannot be reached or is another file."""
    file = fetch_names(config.url)
    print(f"{len(file.read_text().split()):,} names in {file}")


def write_world(config: WorldCommand) -> None:
    """Write the world as `config` says.

    Raises:
        ConfigError: a count below 1, or flags that do not go together.
        RunError: the disk is full.
    """
    if config.count < 1:
        raise ConfigError(f"--count is {config.count}; ask for at least one")
    if (config.agent and not config.conversations) or (config.describe and not config.agent):
        raise ConfigError("--describe goes with --agent, and --agent with --conversations")
    world = World(config.world)
    rows = _conversations(world, config) if config.conversations else _documents(world, config)
    lines = [json.dumps(row, ensure_ascii=False) for row in track(rows, "writing", total=config.count, transient=True)]
    write_atomically(config.out, "\n".join(lines) + "\n")
    size = config.out.stat().st_size
    kind = "conversations" if config.conversations else "documents"
    print(f"{config.count:,} {kind}, {size / 1e6:.1f} MB in {config.out}")


def _documents(world: World, config: WorldCommand) -> Iterator[dict[str, Any]]:
    split: Split = "validation" if config.validation else "train"
    for document in documents(world, count=config.count, split=split):
        yield asdict(document)


def _conversations(world: World, config: WorldCommand) -> Iterator[dict[str, Any]]:
    schemas = {tool.name: tool.schema for tool in AtlasTools({}, []).tools()}
    for one in conversations(world, config.count, mix=AGENT_MIX if config.agent else None):
        row: dict[str, Any] = {"messages": one.messages, "kind": one.kind}
        if config.describe:
            called = {call["function"]["name"] for message in one.messages for call in message.get("tool_calls", ())}
            row["tools"] = [schemas[name] for name in sorted(called or {"calculator"})]
        yield row


def show(config: ShowCommand) -> None:
    """Print a table of genres and some samples. Raises `DataError` for what cannot be read."""
    source = read_documents(config.data) if config.data else documents(World(WorldConfig()), count=2_000)
    count: dict[str, int] = defaultdict(int)
    size: dict[str, int] = defaultdict(int)
    bits: dict[str, float] = defaultdict(float)
    shown: list[Document] = []
    for number, document in enumerate(source):
        if number == config.limit:
            print(f"(stopped after {config.limit:,} documents; --limit raises that)")
            break
        count[document.genre] += 1
        size[document.genre] += len(document.text.encode())
        bits[document.genre] += float("nan") if document.bits is None else document.bits
        if len(shown) < config.samples:
            shown.append(document)
    console = Console(highlight=False)
    table = Table("genre", "documents", "MB", "mean bytes", "floor, bits per byte", box=None, padding=(0, 2))
    for column in table.columns[1:]:
        column.justify = "right"
    for genre in sorted(count, key=lambda genre: -size[genre]):
        floor = bits[genre] / size[genre]
        table.add_row(genre, f"{count[genre]:,}", f"{size[genre] / 1e6:.2f}", f"{size[genre] / count[genre]:,.0f}",
                      "n/a" if floor != floor else f"{floor:.3f}")  # fmt: skip
    console.print(table)
    for document in shown:
        console.rule(f"{document.genre} · {document.id}", align="left")
        console.print(document.text[:1500], markup=False)
