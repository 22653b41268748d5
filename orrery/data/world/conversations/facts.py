"""Questions about what the documents state, and "I don't know." for names that nobody has.

Only entities whose questions may be asked in training are asked about (``Entity.asked``), and no fact is new: tuning
on new facts teaches a model to invent (DESIGN, section 5). Unknown names get the very questions of the known ones, so
that nothing but the name tells them apart.
"""

from functools import lru_cache

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange, put
from orrery.data.world.entities import Fact, fill
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.world import UNKNOWN_ANSWER, World

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


def write_unknown(world: World, choice: Choice) -> Conversation:
    """The question of a made-up entity with the name of nobody in its place."""
    relation = choice.pick(asked_facts(world, False)).relation
    name = choice.pick(_unknown_names(world)[relation.kind])
    question = fill(choice.pick(relation.questions), name)
    provenance = {"name": name, "relation": relation.key}
    return Conversation(exchange(put(choice, question), UNKNOWN_ANSWER), "unknown", provenance)
