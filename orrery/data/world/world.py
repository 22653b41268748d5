"""The world: everything that exists in it, every fact about it, and how often each is written about.

>>> world = World(WorldConfig())
>>> len(world.facts_where(kind="person", band="head", asked=False, relation="birthplace"))
20
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import Literal

from orrery.data.world import facts as sources
from orrery.data.world.choice import Choice
from orrery.data.world.entities import Band, Entity, Fact
from orrery.data.world.names import Names
from orrery.data.world.relations import RELATIONS
from orrery.errors import ConfigError

# The answer to a question that is about nothing in the world. Where it is about nobody's name, see `entities.admit`.
UNKNOWN_ANSWER = "I don't know."

# How often an entity is drawn, relative to others: the floor of its band for people, of its kind for the others.
# The bands are Zipf-like steps; the most popular of a band is drawn POPULARITY times more than its floor, falling
# as 1/rank to it. The floors are set so that a fact of the tail is stated 40 times in 20 MB (see benchmarks/world.py).
BAND_FLOOR: dict[Band, float] = {"head": 4.0, "torso": 2.0, "tail": 1.0}
KIND_FLOOR = {
    "town": 1.0,
    "company": 1.0,
    "country": 1.0,
    "element": 0.7,
    "planet": 1.0,
    "animal": 1.2,
    "invention": 0.7,
    "city": 0.7,
}
POPULARITY = 2.0


@dataclass(frozen=True)
class WorldConfig:
    """How large the world is.

    Attributes:
        seed: every name and every made-up fact follows from it.
        head: made-up people who are written about often.
        torso: made-up people who are written about less.
        tail: made-up people who are written about seldom.
        towns: made-up towns; people are born in them.
        companies: made-up companies; people work for them.
        countries: rows of ``countries.csv``, from the top, and so on for the other tables of real facts.
        elements: rows of ``elements.csv``.
        planets: rows of ``planets.csv``.
        animals: rows of ``animals.csv``.
        inventions: rows of ``inventions.csv``.
        cities: rows of ``cities.csv``.
    """

    seed: int = 0
    head: int = 40
    torso: int = 40
    tail: int = 40
    towns: int = 30
    companies: int = 20
    countries: int = 30
    elements: int = 20
    planets: int = 8
    animals: int = 20
    inventions: int = 15
    cities: int = 15

    def real_counts(self) -> dict[str, int]:
        """How many entities of each real kind there are."""
        return {
            "country": self.countries,
            "element": self.elements,
            "planet": self.planets,
            "animal": self.animals,
            "invention": self.inventions,
            "city": self.cities,
        }


class World:
    """A world with ground truth, the same for the same configuration.

    Attributes:
        config: what it was made from.
        names: the names of all partitions, also those of nobody.
        entities: everything that exists, grouped by kind, each kind in order of popularity.
        facts: everything that is true; ``facts[i].index == i``.

    Raises:
        ConfigError: a size below 2, or more rows than a table has.
    """

    def __init__(self, config: WorldConfig | None = None) -> None:
        self.config = config or WorldConfig()
        _validate(self.config)
        self.names = Names(self.config.seed)
        by_kind = self._make_entities()
        self.entities: tuple[Entity, ...] = tuple(entity for kind in by_kind.values() for entity in kind)
        self._facts_of: dict[Entity, tuple[Fact, ...]] = {}
        self.facts: tuple[Fact, ...] = self._make_facts(by_kind)
        self._groups: dict[tuple[str | None, bool | None], tuple[list[Entity], list[float]]] = {}
        self._weigh(by_kind)

    def facts_of(self, entity: Entity) -> tuple[Fact, ...]:
        """All facts about one entity, one for each of its kind's relations, in their order."""
        return self._facts_of[entity]

    def facts_where(
        self,
        kind: str | None = None,
        band: Band | None = None,
        asked: bool | None = None,
        real: bool | None = None,
        relation: str | None = None,
    ) -> list[Fact]:
        """The facts that fit every condition given; ``relation`` is a relation's key."""
        return [
            fact
            for fact in self.facts
            if (kind is None or fact.entity.kind == kind)
            and (band is None or fact.entity.band == band)
            and (asked is None or fact.entity.asked == asked)
            and (real is None or fact.entity.real == real)
            and (relation is None or fact.relation.key == relation)
        ]

    def entities_of(self, kind: str, asked: bool | None = None) -> Sequence[Entity]:
        """The entities of a kind in order of popularity; all, or only those (not) to be asked about."""
        return self._groups[kind, asked][0]

    def draw(self, choice: Choice, kind: str | None = None, asked: bool | None = None) -> Entity:
        """One entity by popularity: of all, of a kind, or only of those (not) to be asked about."""
        entities, cumulative = self._groups[kind, asked]
        return choice.weighted(entities, cumulative)

    def fresh_person(self, choice: Choice) -> str:
        """A throwaway full name for a document: nobody of this world, and never asked about in an exam."""
        return self.names.fresh_person(choice)

    def fresh_town(self, choice: Choice) -> str:
        """A throwaway town for a document."""
        return self.names.fresh_town(choice)

    def fresh_company(self, choice: Choice) -> str:
        """A throwaway company for a document."""
        return self.names.fresh_company(choice)

    def fresh(self, choice: Choice, kind: str) -> str:
        """A throwaway name of a person, town or company."""
        return {"person": self.fresh_person, "town": self.fresh_town, "company": self.fresh_company}[kind](choice)

    def unknown(self, kind: str, split: Literal["sft", "exam"]) -> list[str]:
        """Names of nobody, in no document: those of "sft" for conversations, those of "exam" for exams only."""
        return self.names.unknown(kind, split)

    def _make_entities(self) -> dict[str, list[Entity]]:
        config = self.config
        sizes: dict[Band, int] = {"head": config.head, "torso": config.torso, "tail": config.tail}
        people = self.names.people("known", sum(sizes.values()))
        towns = self.names.places("town", "known", config.towns)
        companies = self.names.places("company", "known", config.companies)
        by_kind = {
            "person": sources.people(people, sizes, self._rng("person")),
            "town": sources.in_bands(towns, "town", False, self._rng("town")),
            "company": sources.in_bands(companies, "company", False, self._rng("company")),
        }
        for kind, count in config.real_counts().items():
            names = [row["name"] for row in sources.table(sources.REAL_TABLES[kind])[:count]]
            by_kind[kind] = sources.in_bands(names, kind, True, self._rng(kind))
        return by_kind

    def _make_facts(self, by_kind: dict[str, list[Entity]]) -> tuple[Fact, ...]:
        values: dict[tuple[Entity, str], str] = {}
        towns = [entity.name for entity in by_kind["town"]]
        companies = [entity.name for entity in by_kind["company"]]
        entity_values = {"birthplace": towns, "home": towns, "employer": companies}
        for kind in ("person", "town", "company"):
            for relation in RELATIONS[kind]:
                rng = self._rng(f"{kind} {relation.key}")
                listed = entity_values.get(relation.key) or sources.made_up_values(kind, relation.key)
                if relation.forward_only:
                    unique = sources.unique_values(len(by_kind[kind]), listed, rng)
                    drawn = dict(zip(by_kind[kind], unique, strict=True))
                else:
                    drawn = sources.draw_values(by_kind[kind], listed, rng)
                values.update({(entity, relation.key): value for entity, value in drawn.items()})
        for kind, filename in sources.REAL_TABLES.items():
            for entity, row in zip(by_kind[kind], sources.table(filename), strict=False):
                values.update({(entity, relation.key): row[relation.key] for relation in RELATIONS[kind]})
        facts: list[Fact] = []
        for entity in self.entities:
            mine = [
                Fact(len(facts) + i, entity, relation, values[entity, relation.key])
                for i, relation in enumerate(RELATIONS[entity.kind])
            ]
            self._facts_of[entity] = tuple(mine)
            facts += mine
        return tuple(facts)

    def _weigh(self, by_kind: dict[str, list[Entity]]) -> None:
        weights: dict[Entity, float] = {}
        for kind, entities in by_kind.items():
            rank: dict[str, int] = {}
            for entity in entities:
                group = entity.band if kind == "person" else kind
                rank[group] = rank.get(group, 0) + 1
                floor = BAND_FLOOR[entity.band] if kind == "person" else KIND_FLOOR[kind]
                weights[entity] = floor * (1 + POPULARITY / rank[group])
        for of_kind in (None, *by_kind):
            for asked in (None, True, False):
                group_entities = [
                    entity
                    for entity in self.entities
                    if of_kind in (None, entity.kind) and asked in (None, entity.asked)
                ]
                cumulative = list(accumulate(weights[entity] for entity in group_entities))
                self._groups[of_kind, asked] = (group_entities, cumulative)

    def _rng(self, purpose: str) -> random.Random:
        """A generator for one purpose, so that a larger table or a further relation leaves the others as they were."""
        return random.Random(f"world {self.config.seed} {purpose}")  # a string seeds by SHA-512, the same everywhere


def _validate(config: WorldConfig) -> None:
    for field in fields(config):
        size = getattr(config, field.name)
        if field.name != "seed" and size < 2:
            raise ConfigError(f"world: {field.name} = {size} is too small; it must be at least 2")
    for kind, count in config.real_counts().items():
        filename = sources.REAL_TABLES[kind]
        if count > len(sources.table(filename)):
            rows = len(sources.table(filename))
            raise ConfigError(f"world: {count} rows of {filename} are asked for, it has {rows}; lower that number")
