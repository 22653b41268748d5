"""Conversations for supervised fine-tuning, without end, from the same world as the documents.

Each kind is one file with ``write(world, choice) -> Conversation`` (some files hold two or three kinds that belong
together). They teach behaviour, not facts: whatever is answered here was stated in the documents, and what exams keep
for themselves (``splits.py``, questions after facts of unasked entities, phrasings, names, topics) is never used.

    >>> from orrery.data.world.world import World
    >>> conversation(World(), 7) == conversation(World(), 7)
    True
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import accumulate

from orrery.config import nearest
from orrery.data.world.choice import Choice
from orrery.data.world.conversations import (
    arithmetic,
    beyond,
    chains,
    facts,
    identity,
    letters,
    memory,
    page,
    python,
    reading,
    refusal,
    search,
    several,
    smalltalk,
    stories,
    system,
)
from orrery.data.world.conversations.conversation import Conversation
from orrery.data.world.world import World
from orrery.errors import ConfigError

KINDS: Mapping[str, Callable[[World, Choice], Conversation]] = {
    "facts": facts.write,
    "unknown": facts.write_unknown,
    "about": facts.write_about,
    "beyond": beyond.write,
    "reading": reading.write,
    "calculator": arithmetic.write_calculator,
    "worked": arithmetic.write_worked,
    "direct": arithmetic.write_direct,
    "letters": letters.write,
    "identity": identity.write,
    "smalltalk": smalltalk.write,
    "refusal": refusal.write,
    "lookalike": refusal.write_harmless,
    "story": stories.write,
    "joke": stories.write_joke,
    "system": system.write,
    "several": several.write,
    "chain": chains.write,
    "table": chains.write_table,
    "search": search.write,
    "compared": search.write_compared,
    "page": page.write,
    "python": python.write,
    "memory": memory.write,
}
# Shares of conversations. None is about a name that nobody has (kind "unknown"): notes in the encyclopedia teach the
# model to admit that, and more of it in conversations makes it decline those whom nobody asks about (docs/log.md).
DEFAULT_CONVERSATION_MIX: Mapping[str, float] = {
    "facts": 0.15,
    "unknown": 0.0,
    "about": 0.02,
    "beyond": 0.015,
    "reading": 0.13,
    "calculator": 0.09,
    "worked": 0.01,
    "direct": 0.02,
    "letters": 0.13,
    "identity": 0.07,
    "smalltalk": 0.06,
    "refusal": 0.1,
    "lookalike": 0.115,
    "story": 0.02,
    "joke": 0.01,
    "system": 0.03,
    "several": 0.03,
}
# Shares of conversations for an agent: it is asked about what it cannot have read, so none asks for facts of the world.
AGENT_MIX: Mapping[str, float] = {
    "search": 0.4,
    "compared": 0.07,
    "page": 0.15,
    "reading": 0.1,
    "calculator": 0.09,
    "python": 0.08,
    "memory": 0.07,
    "identity": 0.02,
    "smalltalk": 0.02,
}

__all__ = ["AGENT_MIX", "DEFAULT_CONVERSATION_MIX", "KINDS", "Conversation", "conversation", "conversations"]


def conversation(world: World, index: int, mix: Mapping[str, float] | None = None) -> Conversation:
    """Conversation number ``index``: a pure function of the world's configuration, the index and the mix.

    Args:
        mix: kind → weight; kinds that it leaves out do not occur.

    Raises:
        ConfigError: the mix names a kind that does not exist, has a negative weight or no positive one.
    """
    kinds, cumulative = _cumulative(tuple((mix or DEFAULT_CONVERSATION_MIX).items()))
    digest = hashlib.blake2b(f"conversation {world.config.seed} {index}".encode(), digest_size=8).digest()
    choice = Choice(int.from_bytes(digest, "big"))
    return KINDS[choice.weighted(kinds, cumulative)](world, choice)


def conversations(
    world: World, count: int, start: int = 0, mix: Mapping[str, float] | None = None
) -> Iterator[Conversation]:
    """``count`` conversations, from number ``start`` on."""
    return (conversation(world, index, mix) for index in range(start, start + count))


@lru_cache(maxsize=16)
def _cumulative(mix: tuple[tuple[str, float], ...]) -> tuple[list[str], list[float]]:
    for kind, weight in mix:
        if kind not in KINDS:
            raise ConfigError(f"the conversation mix names '{kind}', which is no kind; {nearest(kind, KINDS)}")
        if weight < 0:
            raise ConfigError(f"the conversation mix gives '{kind}' the weight {weight}; weights are 0 or more")
    positive = [(kind, weight) for kind, weight in mix if weight > 0]
    if not positive:
        raise ConfigError("the conversation mix has no kind with a positive weight; leave it out for the usual mix")
    return [kind for kind, _ in positive], list(accumulate(weight for _, weight in positive))
