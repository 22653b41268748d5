"""Conversations for supervised fine-tuning, without end, from the same world as the documents.

Each kind is one file with ``write(world, choice) -> Conversation`` (some files hold two or three kinds that belong
together). They teach behaviour, not facts: whatever is asked here was stated in the documents, and what exams keep for
themselves (``splits.py``, unasked entities, exam phrasings, exam names, exam topics) is never used.

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
    facts,
    identity,
    letters,
    reading,
    refusal,
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
}
# Shares of conversations. Unknown names and refusals together stay below a tenth: each costs answers to known
# questions (a model that is unsure learns that declining is safe).
DEFAULT_CONVERSATION_MIX: Mapping[str, float] = {
    "facts": 0.28,
    "unknown": 0.055,
    "reading": 0.13,
    "calculator": 0.10,
    "worked": 0.06,
    "direct": 0.04,
    "letters": 0.06,
    "identity": 0.03,
    "smalltalk": 0.04,
    "refusal": 0.035,
    "lookalike": 0.035,
    "story": 0.025,
    "joke": 0.02,
    "system": 0.04,
    "several": 0.05,
}

__all__ = ["DEFAULT_CONVERSATION_MIX", "KINDS", "Conversation", "conversation", "conversations"]


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
