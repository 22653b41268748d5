"""Where entities and facts come from: tables for what is real, seeded draws for what is made up.

A table of the real is a CSV file in ``tables/``: the first column is the name, each other column a relation, rows in
order of fame. ``made_up.csv`` lists the values that facts about made-up people, towns and companies are drawn from,
``syllables.csv`` what their names are built of.
"""

import csv
import random
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from orrery.data.world.entities import BANDS, Band, Entity
from orrery.errors import DataError

TABLES = Path(__file__).parent / "tables"
REAL_TABLES = {
    "country": "countries.csv",
    "element": "elements.csv",
    "planet": "planets.csv",
    "animal": "animals.csv",
    "invention": "inventions.csv",
    "city": "cities.csv",
}


@cache
def table(filename: str) -> tuple[dict[str, str], ...]:
    """The rows of a table, each a mapping from column to value.

    Raises:
        DataError: a row with a missing or an empty value, or a name that stands twice.
    """
    with (TABLES / filename).open(encoding="utf-8", newline="") as file:
        rows = tuple(csv.DictReader(file, strict=True))
    seen: set[tuple[str, ...]] = set()
    for line, row in enumerate(rows, 2):
        if None in row or not all(row.values()):
            raise DataError(f"{filename}, line {line}: every column needs a value and no row more; got {row}")
        key = (row["name"],) if "name" in row else tuple(row.values())
        if key in seen:
            raise DataError(f"{filename}, line {line}: {key} is there twice; remove one")
        seen.add(key)
    return rows


@cache
def made_up_values(kind: str, relation: str) -> tuple[str, ...]:
    """The values that a relation of made-up entities can take; empty when its values are names of entities."""
    return tuple(row["value"] for row in table("made_up.csv") if (row["kind"], row["relation"]) == (kind, relation))


def split_asked(count: int, rng: random.Random) -> list[bool]:
    """Of which of ``count`` entities, in order of popularity, facts may be asked for in training: one of each pair.

    Neighbours in popularity are split by a coin, so that both halves are equally popular.
    """
    asked: list[bool] = []
    while len(asked) < count:
        first = rng.random() < 0.5
        asked += [first, not first]
    return asked[:count]


def in_bands(names: Sequence[str], kind: str, real: bool, rng: random.Random) -> list[Entity]:
    """Entities from names in order of popularity: the first third is the head, the second the torso."""
    asked = split_asked(len(names), rng)
    bands = [BANDS[min(3 * i // len(names), 2)] for i in range(len(names))]
    return [Entity(name, kind, bands[i], real, asked[i]) for i, name in enumerate(names)]


def people(names: Sequence[str], sizes: dict[Band, int], rng: random.Random) -> list[Entity]:
    """Made-up people from names in order of popularity, in bands of the given sizes."""
    entities: list[Entity] = []
    for band, size in sizes.items():
        start = len(entities)
        asked = split_asked(size, rng)
        entities += [Entity(names[start + i], "person", band, False, asked[i]) for i in range(size)]
    return entities


def draw_values(entities: Iterable[Entity], values: Sequence[str], rng: random.Random) -> dict[Entity, str]:
    """A value for each entity, so that in each band the asked and the unasked draw from the same values equally.

    Both halves of a band get the very same values, each in its own random order (one value more where a band is
    odd), and values are used equally often, so that exams on the unasked half hold no surprise and no shortcut.
    """
    drawn: dict[Entity, str] = {}
    order: list[str] = []
    groups: dict[tuple[Band, bool], list[Entity]] = {}
    for entity in entities:
        groups.setdefault((entity.band, entity.asked), []).append(entity)
    for band in BANDS:
        halves = [groups.get((band, asked), []) for asked in (False, True)]
        while len(order) < max(map(len, halves)):
            order += rng.sample(values, len(values))
        for half in halves:
            mine = order[: len(half)]
            rng.shuffle(mine)
            drawn.update(zip(half, mine, strict=True))
        del order[: max(map(len, halves))]
    return drawn


def unique_values(count: int, words: Sequence[str], rng: random.Random) -> list[str]:
    """``count`` different values: the words in random order, then, when they are used up, pairs such as "Otter Fox"."""
    shuffled = rng.sample(words, len(words))
    values = list(shuffled)
    step = 1
    while len(values) < count:
        values += [f"{word} {shuffled[(i + step) % len(words)]}" for i, word in enumerate(shuffled)]
        step += 1
    return values[:count]
