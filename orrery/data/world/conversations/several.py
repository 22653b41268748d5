"""Several turns: a greeting, a few questions of different kinds, thanks; and remembering what was said before."""

from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import arithmetic, facts, identity, letters, smalltalk, stories
from orrery.data.world.conversations.conversation import Conversation, exchange
from orrery.data.world.world import World
from orrery.tokenizers.chat import Message

_NAME_TOLD = (
    "My name is {}.",
    "I am {}.",
    "Hi, I am {}.",
    "Hello, my name is {}.",
    "You can call me {}.",
    "Call me {}.",
)
_NAME_ASKED = ("What is my name?", "Who am I?", "Do you remember my name?", "What am I called?", "Tell me my name.")
_LIKED = ("tea", "music", "snow", "chess", "dogs", "cats", "books", "rain", "cake", "trains", "bread", "stars")
_LIKE_TOLD = ("I like {}.", "I love {}.", "I really like {}.", "My favourite thing is {}.")
_LIKE_ASKED = ("What do I like?", "Do you remember what I like?", "What did I say that I like?")
LONGEST = 520  # characters and what stands around them, so that it fits 250 tokens of a small vocabulary
HEADER, CALL = 14, 60  # what the header of a message and the JSON of a call cost, in characters

Writer = Callable[[World, Choice], Conversation]
_MIDDLE: tuple[Writer, ...] = (
    facts.write, facts.write, facts.write, facts.write_unknown, arithmetic.write_calculator,
    arithmetic.write_calculator, arithmetic.write_direct, letters.write, identity.write, stories.write_joke,
)  # fmt: skip


def write(world: World, choice: Choice) -> Conversation:
    """A conversation of two to six exchanges; provenance: the kinds of its parts, in order."""
    parts: list[Conversation] = []
    if choice.chance(0.4):
        parts.append(smalltalk.small_talk(choice, smalltalk.HELLO))
    told, asked = _remember(world, choice) if choice.chance(0.4) else (None, None)
    if told:
        parts.append(told)
    parts += [choice.pick(_MIDDLE)(world, choice) for _ in range(1 if asked else choice.integer(2, 3))]
    if asked:
        parts.append(asked)
    if choice.chance(0.4):
        parts.append(smalltalk.small_talk(choice, smalltalk.THANKS))
    if choice.chance(0.2):
        parts.append(smalltalk.small_talk(choice, smalltalk.GOODBYE))
    return _joined(parts)


def _remember(world: World, choice: Choice) -> tuple[Conversation, Conversation]:
    """Something that the user says, and a later question after it."""
    if choice.chance(0.7):
        name = choice.pick(world.names.given)
        told = exchange(choice.pick(_NAME_TOLD).replace("{}", name), f"Nice to meet you, {name}!")
        asked = exchange(choice.pick(_NAME_ASKED), f"Your name is {name}.")
    else:
        thing = choice.pick(_LIKED)
        told = exchange(choice.pick(_LIKE_TOLD).replace("{}", thing), "That is nice!")
        asked = exchange(choice.pick(_LIKE_ASKED), f"You like {thing}.")
    return Conversation(told, "told"), Conversation(asked, "remembered")


def _joined(parts: list[Conversation]) -> Conversation:
    """One conversation of the parts, cut after the last one that still fits."""
    messages: list[Message] = []
    kinds: list[str] = []
    answered: tuple[int, ...] = ()
    size = 0
    for part in parts:
        size += sum(
            HEADER + len(message["content"]) + CALL * len(message.get("tool_calls", ())) for message in part.messages
        )
        if size > LONGEST and messages:
            break
        messages += part.messages
        kinds.append(part.kind)
        answered += part.facts
    return Conversation(messages, "several", {"parts": kinds}, answered)
