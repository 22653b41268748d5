"""Questions about what the documents state, and "I don't know." for names that nobody has.

Only entities that may be asked about in training are asked about (``Entity.asked``), and no fact is new: tuning on new
facts teaches a model to invent (DESIGN, section 5). Unknown names get the very questions of the known ones, so that
nothing but the name tells them apart.
"""

from collections.abc import Mapping
from functools import lru_cache

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange, put
from orrery.data.world.entities import Entity, Fact, admit, fill
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.world import World

# Questions about a name as a whole, by kind; they are answered with two facts.
ABOUT: Mapping[str, tuple[str, ...]] = {
    "person": ("Who is {name}?", "Tell me who {name} is.", "What do you know about {name}?", "Tell me about {name}.",
               "Do you know who {name} is?", "Who is this {name}?"),
    "town": ("What is {name}?", "What kind of place is {name}?", "What do you know about {name}?",
             "Tell me about {name}.", "Do you know what {name} is?"),
    "company": ("What is {name}?", "What kind of firm is {name}?", "What do you know about {name}?",
                "Tell me about {name}.", "Do you know what {name} is?"),
}  # fmt: skip
REAL_SHARE = 0.35  # of the questions about known entities are about the real world


@lru_cache(maxsize=8)
def asked_facts(world: World, real: bool) -> tuple[Fact, ...]:
    """The facts that may be asked about in training: of the real world, or of made-up people, towns and companies."""
    return tuple(world.facts_where(asked=True, real=real))


@lru_cache(maxsize=8)
def _unknown_names(world: World) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(world.unknown(kind, "sft")) for kind in NAMED_KINDS}


def write(world: World, choice: Choice) -> Conversation:
    """One question about a known entity."""
    fact = choice.pick(asked_facts(world, choice.chance(REAL_SHARE)))
    messages = exchange(put(choice, fact.ask(choice)), fact.answer)
    return Conversation(messages, "facts", {"fact": fact.index}, (fact.index,))


def write_about(world: World, choice: Choice) -> Conversation:
    """A question about a person, town or company as a whole."""
    entity = choice.pick(world.entities_of(choice.pick(NAMED_KINDS), asked=True))
    question, answer, stated = about(world, choice, entity)
    return Conversation(exchange(put(choice, question), answer), "about", {"name": entity.name}, stated)


def about(world: World, choice: Choice, entity: Entity) -> tuple[str, str, tuple[int, ...]]:
    """A question about an entity as a whole, its answer, which is two facts, and these facts."""
    facts = choice.sample(world.facts_of(entity), 2)
    question = fill(choice.pick(ABOUT[entity.kind]), entity.name)
    return question, " ".join(fact.answer for fact in facts), tuple(fact.index for fact in facts)


def write_unknown(world: World, choice: Choice) -> Conversation:
    """The question of a made-up entity with the name of nobody in its place."""
    relation = choice.pick(asked_facts(world, False)).relation
    name = choice.pick(_unknown_names(world)[relation.kind])
    question = fill(choice.pick(relation.questions), name)
    provenance = {"name": name, "relation": relation.key}
    return Conversation(exchange(put(choice, question), admit(relation, name)), "unknown", provenance)
