"""Who and what exists in the world, and the facts about them."""

from dataclasses import dataclass
from typing import Literal

from orrery.data.world.choice import Choice
from orrery.data.world.relations.relation import Relation

Band = Literal["head", "torso", "tail"]
BANDS: tuple[Band, ...] = ("head", "torso", "tail")


@dataclass(frozen=True)
class Entity:
    """One person, place or thing.

    Attributes:
        name: its full name as it stands inside a sentence (``Mira Tolan``, ``cat``, ``the Netherlands``).
        kind: person, town, company, country, element, planet, animal, invention or city.
        band: how often it is written about: head (often), torso, tail (seldom).
        real: it exists outside this world.
        asked: questions about it may stand in documents and conversations; of the others, only statements do,
            and exams grade these.
    """

    name: str
    kind: str
    band: Band
    real: bool
    asked: bool


@dataclass(frozen=True)
class Fact:
    """One fact: ``relation`` of ``entity`` is ``value``; ``index`` is its place in ``world.facts``."""

    index: int
    entity: Entity
    relation: Relation
    value: str

    def state(self, choice: Choice) -> str:
        """The fact as a sentence, through one of its relation's templates."""
        return fill(choice.pick(self.relation.templates), self.entity.name, self.value)

    def ask(self, choice: Choice) -> str:
        """A question after the fact, in one of the phrasings that may stand outside exams."""
        return choice.pick(self.relation.questions).replace("{name}", self.entity.name)

    @property
    def answer(self) -> str:
        """The answer to any question after the fact, a whole sentence: ``Mira Tolan was born in Belford.``

        A sentence and not the value alone: the model then finds the value where documents had it find it, after the
        name and the verb. Answers of "It is Belford." lost two thirds of the rarer facts in tuning (docs/log.md).
        """
        return fill(self.relation.templates[0], self.entity.name, self.value)


def admit(relation: Relation, name: str) -> str:
    """The answer to a question after a fact of nobody's name: ``Mira Tolan was born in ... I don't know.``

    It begins like an answer and admits where the value should stand: there, and not before, a model finds out whether
    it knows one. Trained to say "I don't know." at once, it learned by heart who was asked about (docs/log.md).
    """
    return fill(relation.templates[0].partition("{value}")[0], name) + "... I don't know."


def fill(template: str, name: str, value: str = "") -> str:
    """Put a name and a value into a template.

    >>> fill("{name} was born in {value}.", "Mira Tolan", "Belford")
    'Mira Tolan was born in Belford.'
    """
    return template.replace("{name}", name).replace("{value}", value)
