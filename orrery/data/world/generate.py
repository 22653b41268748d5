"""Documents without end from a world: the corpus that Orrery trains on when it is given no other.

Document ``index`` of a split is a pure function of the world's seed, the split and the index, so that any part of
the corpus can be made again, in any order and on any machine.

>>> world = World(WorldConfig())
>>> document(world, 5) == document(world, 5)
True
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Literal

from orrery.config import nearest
from orrery.data.documents import Document
from orrery.data.world.choice import Choice
from orrery.data.world.genres import (
    Page,
    code,
    copying,
    dialogue,
    encyclopedia,
    forum,
    howto,
    junk,
    news,
    spelling,
    story,
    worksheet,
)
from orrery.data.world.world import World, WorldConfig
from orrery.errors import ConfigError

__all__ = ["DEFAULT_MIX", "GENRES", "Split", "World", "WorldConfig", "document", "documents", "exposures"]

Split = Literal["train", "validation"]
Write = Callable[[World, Choice], Page]
GENRES: dict[str, Write] = {
    "encyclopedia": encyclopedia.write,
    "forum": forum.write,
    "howto": howto.write,
    "story": story.write,
    "dialogue": dialogue.write,
    "copying": copying.write,
    "worksheet": worksheet.write,
    "spelling": spelling.write,
    "news": news.write,
    "code": code.write,
    "junk": junk.write,
}
# Per cent of the documents (see benchmarks/world.py for the shares of bytes). Encyclopedia and forum state facts and
# ask for them, copying keeps a model finding again what was said; junk costs dearly and is there to be removed.
DEFAULT_MIX: dict[str, float] = {
    "encyclopedia": 40,
    "forum": 18,
    "copying": 15,
    "dialogue": 4,
    "howto": 3,
    "story": 3,
    "worksheet": 3,
    "spelling": 8,
    "news": 3,
    "code": 2,
    "junk": 1,
}
_MASK = (1 << 64) - 1


def document(world: World, index: int, mix: Mapping[str, float] | None = None, split: Split = "train") -> Document:
    """Document ``index`` of the world's corpus, in a genre drawn by ``mix`` (weights by documents).

    Its ``bits`` are the entropy of every choice made: of genre, entities, facts, templates and the rest.

    Raises:
        ConfigError: ``mix`` names a genre that does not exist, or has no positive weight.
    """
    return _document(world, index, *_prepare(tuple((DEFAULT_MIX if mix is None else mix).items())), split)


def documents(
    world: World,
    *,
    max_bytes: int | None = None,
    count: int | None = None,
    start: int = 0,
    mix: Mapping[str, float] | None = None,
    split: Split = "train",
) -> Iterator[Document]:
    """Documents ``start``, ``start + 1`` … of the world's corpus; without end unless a limit is given.

    Args:
        world: what they are about.
        max_bytes: stop before the texts, in UTF-8, take more than this together.
        count: stop after this many.
        start: index of the first.
        mix: weight of each genre by documents; ``DEFAULT_MIX`` if not given.
        split: "train" or "validation"; no document of one is made by the choices of the other.

    Raises:
        ConfigError: as for :func:`document`.
    """
    genres, cumulative = _prepare(tuple((DEFAULT_MIX if mix is None else mix).items()))
    index, size = start, 0
    while count is None or index < start + count:
        made = _document(world, index, genres, cumulative, split)
        if max_bytes is not None:
            size += len(made.text.encode())
            if size > max_bytes:
                return
        yield made
        index += 1


def exposures(world: World, made: Iterable[Document]) -> list[int]:
    """How often each fact of the world is stated or asked after in the documents; item i is for ``world.facts[i]``."""
    counts = [0] * len(world.facts)
    for one in made:
        for index in one.provenance["facts"]:
            counts[index] += 1
    return counts


def _document(
    world: World, index: int, genres: tuple[str, ...], cumulative: tuple[float, ...], split: Split
) -> Document:
    choice = Choice(_seed(world.config.seed, split, index))
    genre = choice.weighted(genres, cumulative)
    page = GENRES[genre](world, choice)
    provenance = {**page.provenance, "facts": page.facts}
    return Document(page.text, genre, f"world/{split}/{index}", choice.bits, provenance)


@lru_cache(maxsize=8)
def _prepare(mix: tuple[tuple[str, float], ...]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    for genre, weight in mix:
        if genre not in GENRES:
            raise ConfigError(f"mix: no genre '{genre}'; {nearest(genre, GENRES)}")
        if weight < 0:
            raise ConfigError(f"mix: the weight of '{genre}' is {weight}; it must not be negative")
    used = [(genre, weight) for genre, weight in mix if weight > 0]
    if not used:
        raise ConfigError("mix: no genre has a weight above 0")
    return tuple(genre for genre, _ in used), tuple(accumulate(weight for _, weight in used))


def _seed(seed: int, split: Split, index: int) -> int:
    """A 64-bit seed in which every bit depends on all three (the finaliser of SplitMix64, Steele et al. 2014)."""
    mixed = seed & _MASK
    for part in (0 if split == "train" else 1, index):
        mixed = (mixed + 0x9E3779B97F4A7C15 * (part + 1)) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
    return mixed
