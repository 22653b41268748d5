"""The vocabularies that pages can cut text with: those of the runs, others that lie beside the runs, and the built-in.

    characters, bytes                       built in: a token each
    runs/speedrun/base/tokenizer.json       "speedrun/base": a run's own
    runs/gpt2/encoder.json and vocab.bpe    "gpt2": GPT-2's, as OpenAI released them
    runs/mine/tokenizer.json                "mine": any other; `orrery tokenizer train --out runs/mine` writes one

Names come from this list and nowhere else, so that no request can name a path.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from fastapi import APIRouter

from orrery.errors import TokenizerError
from orrery.server.errors import Problem
from orrery.server.studio.models import find_models, is_plain, model_named
from orrery.tokenizers.bpe import BPE

CHARACTERS, BYTES = "characters", "bytes"
TOKENIZER, GPT2 = "tokenizer.json", ("encoder.json", "vocab.bpe")
Place = str | Path  # CHARACTERS, BYTES or a folder


@dataclass(frozen=True)
class StudioVocabulary:
    """A vocabulary by its name. `kind`: built in, of a run, or of a folder that somebody put beside the runs."""

    name: str
    kind: Literal["built-in", "run", "folder"]


def find_vocabularies(root: Path) -> list[StudioVocabulary]:
    """All there are: of the runs first, the newest run before the others; models that share one are named once."""
    built_in = [StudioVocabulary(BYTES, "built-in"), StudioVocabulary(CHARACTERS, "built-in")]
    folders = [StudioVocabulary(path.name, "folder") for path in sorted(root.glob("*")) if _lies_in(path)]
    return [*_of_runs(root), *folders, *built_in]


def place_of(root: Path, name: str) -> Place:
    """Where the vocabulary of this name is. Raises Problem 404 when there is none."""
    if name in (CHARACTERS, BYTES):
        return name
    if is_plain(name) and _lies_in(root / name):
        return root / name
    try:
        return root / model_named(root, name).name
    except Problem:
        message = f"there is no vocabulary {name!r} in {root}"
        raise Problem(404, message, "vocabulary_not_found", "vocabulary") from None


def read_vocabulary(place: Place) -> BPE | None:
    """The tokenizer, or None for characters, which need none. Raises TokenizerError when its files are damaged."""
    if isinstance(place, str):
        return None if place == CHARACTERS else BPE.from_tokens([])
    files = [path for path in (place / name for name in (TOKENIZER, *GPT2)) if path.is_file()]
    if not files:
        raise TokenizerError(f"{place} holds no vocabulary any more: reload the page")
    return _read(place, max(path.stat().st_mtime_ns for path in files))


def add_vocabularies(router: APIRouter, root: Path) -> None:
    """Their list."""

    @router.get("/vocabularies", summary="The vocabularies that text can be cut with")
    async def vocabularies() -> list[StudioVocabulary]:
        return await asyncio.to_thread(find_vocabularies, root)


def _of_runs(root: Path) -> Iterator[StudioVocabulary]:
    seen = set()
    for model in find_models(root):
        file = root / model.name / TOKENIZER
        same = (model.run, _digest(file, file.stat().st_mtime_ns))
        if same not in seen:
            seen.add(same)
            yield StudioVocabulary(model.name, "run")


def _lies_in(path: Path) -> bool:
    return (path / TOKENIZER).is_file() or all((path / name).is_file() for name in GPT2)


@lru_cache(maxsize=512)
def _digest(file: Path, written: int) -> bytes:
    return hashlib.blake2b(file.read_bytes()).digest()


@lru_cache(maxsize=8)
def _read(folder: Path, written: int) -> BPE:
    if (folder / TOKENIZER).is_file():
        return BPE.load(folder)
    return BPE.from_gpt2(folder / GPT2[0], folder / GPT2[1])
