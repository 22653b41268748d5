"""Text, vocabulary and tokens of a run, made together and read back when they are there.

`orrery data tokenize` makes such a folder of a large corpus, in parts (`tokenise`).

FOLDER/tokenizer   tokenizer.json
FOLDER/first       what is trained on first (of the world)
FOLDER/tokens      what is trained on
FOLDER/held_out    what losses are measured on; made last, so that its presence says that all is whole
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orrery.data.documents import Document
from orrery.data.shard_files import OnProgress
from orrery.data.shards import TokenShards
from orrery.data.sources import hold_out, read_documents
from orrery.data.world.clean import Cleaner
from orrery.data.world.corpus import corpus
from orrery.data.world.world import WorldConfig
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.chat import Message

TOKENIZER_SAMPLE = 4_000_000  # characters of documents that the tokenizer of a world or of few texts is trained on
TOKENIZER_CHARACTERS = 50_000_000  # the same of a large corpus
HELD_OUT_BYTES = 300_000  # of the world
FIRST_MIX = {"copying": 1.0}
FIRST_START = 10**9  # index of the first of these pages, far from those of the corpus
CORES = 2  # processes that write the world


@dataclass(frozen=True)
class Prepared:
    """What is trained on, and what cleaning removed, by reason (of a corpus that was just made).

    ``first`` are pages to copy from, which come before all others; text of one's own has none.
    """

    tokenizer: BPE
    data: TokenShards
    held_out: TokenShards
    first: TokenShards | None = None
    removed: Mapping[str, int] = field(default_factory=dict)


def read_back(folder: Path) -> Prepared | None:
    """What an earlier process prepared; None when it did not come to an end."""
    if not (folder / "held_out" / "shards.json").exists():
        return None
    first = folder / "first"
    return Prepared(
        BPE.load(folder / "tokenizer"),
        TokenShards.open(folder / "tokens"),
        TokenShards.open(folder / "held_out"),
        TokenShards.open(first) if first.exists() else None,
    )


def prepare_world(
    folder: Path,
    world: WorldConfig,
    max_bytes: int,
    first_bytes: int,
    genres: Mapping[str, float] | None,
    spoken: Iterable[Sequence[Message]],
    vocab_size: int,
) -> Prepared:
    """The embedded world's documents, cleaned, and the pages to copy from that come first.

    The tokenizer also learns from the conversations ``spoken``.
    """
    cleaner = Cleaner()
    kept = list(cleaner.clean(corpus(world, max_bytes, genres, workers=CORES)))
    unseen = list(Cleaner().clean(corpus(world, HELD_OUT_BYTES, genres, "validation", workers=1)))
    first = list(corpus(world, first_bytes, FIRST_MIX, start=FIRST_START, workers=CORES))
    return _write(folder, kept, unseen, spoken, vocab_size, first, dict(cleaner.report.removed))


def prepare_own(folder: Path, sources: Sequence[str], spoken: Iterable[Sequence[Message]], vocab_size: int) -> Prepared:
    """Text of one's own, a tenth of it held out.

    Raises:
        DataError: a source cannot be read, or there is no text.
    """
    documents, unseen = hold_out(read_documents(sources))
    return _write(folder, list(documents), unseen, spoken, vocab_size)


def tokenise(
    folder: Path, sources: Sequence[str], tokenizer: BPE, *, on_progress: OnProgress | None = None
) -> TokenShards:
    """Text of one's own, however much, with a vocabulary that is there; the same call goes on where it was interrupted.

    What is held out (`orrery.data.sources.hold_out`) is FOLDER/held_out, if there is any; the rest FOLDER/tokens.

    Raises:
        DataError: a source cannot be read, there is no text, or it is another text than when this was begun.
    """
    documents, unseen = hold_out(read_documents(sources))
    tokenizer.save(folder / "tokenizer")
    documents = then_held_out(folder, documents, unseen, tokenizer)
    return TokenShards.write_in_parts(folder / "tokens", documents, tokenizer, on_progress=on_progress)


def then_held_out(
    folder: Path, documents: Iterable[Document], unseen: Sequence[Document], tokenizer: BPE
) -> Iterator[Document]:
    """The documents; at their end, when ``unseen`` is whole, FOLDER/held_out is made of it.

    So it is there before the tokens of the documents are: whoever finds those finds all.
    """
    yield from documents
    if unseen:
        TokenShards.write(folder / "held_out", unseen, tokenizer)


def first_characters(documents: Iterable[Document], characters: int) -> Iterator[str]:
    """The first texts, until they have so many characters together; the last one is cut."""
    for document in documents:
        if characters <= 0:
            return
        yield document.text[:characters]
        characters -= len(document.text)


def _write(
    folder: Path,
    kept: Sequence[Document],
    unseen: Sequence[Document],
    spoken: Iterable[Sequence[Message]],
    vocab_size: int,
    first: Sequence[Document] = (),
    removed: Mapping[str, int] | None = None,
) -> Prepared:
    sample = [*first_characters(kept, TOKENIZER_SAMPLE), *map(_as_text, spoken)]
    tokenizer = BPE.train(sample, vocab_size)
    tokenizer.save(folder / "tokenizer")
    data = TokenShards.write(folder / "tokens", kept, tokenizer)
    early = TokenShards.write(folder / "first", first, tokenizer) if first else None
    return Prepared(tokenizer, data, TokenShards.write(folder / "held_out", unseen, tokenizer), early, removed or {})


def _as_text(messages: Sequence[Message]) -> str:
    """What a conversation says as plain text, tool calls as JSON: so that their pieces become tokens too."""
    lines = []
    for message in messages:
        lines.append(f"{message['role']}\n{message.get('content') or ''}")
        lines += [json.dumps(call["function"], ensure_ascii=False) for call in message.get("tool_calls", ())]
    return "\n".join(lines)
