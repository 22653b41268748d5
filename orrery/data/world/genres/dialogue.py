"""Dialogues in plain text: small talk, a talk with an assistant, and what is right and what is wrong (``deeds.py``).

The assistant's words are those of the conversations, so that tuning on these later finds them known.
"""

from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import beyond, identity, refusal, smalltalk
from orrery.data.world.entities import admit
from orrery.data.world.genres import Page, deeds
from orrery.data.world.genres.draws import WorldSlots, given_names
from orrery.data.world.genres.words import NUMBER_WORDS, block_table
from orrery.data.world.relations import RELATIONS
from orrery.data.world.world import UNKNOWN_ANSWER, World

_TABLE = block_table("words_dialogue.txt")
_TOPICS = tuple(name for name in _TABLE if name not in ("open", "meet", "close"))
_OPTIONS = {
    "food": ("soup", "bread", "rice", "fish", "cake", "salad", "cheese", "pie", "fruit", "pasta", "honey", "jam"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "weather": ("rainy", "sunny", "windy", "cold", "warm", "cloudy", "hot", "dry"),
    "place": ("the market", "the park", "the school", "the library", "the station", "the beach", "the old bridge",
              "the garden", "the farm", "the shop"),
    "relative": ("mother", "father", "sister", "brother", "aunt", "uncle", "cousin", "friend"),
    "thing": ("hat", "book", "lamp", "bike", "umbrella", "pen", "basket", "map", "ladder", "coat", "bag", "drum"),
    "pet": ("dog", "cat", "bird", "rabbit", "horse", "goat", "mouse", "duck"),
    "number": NUMBER_WORDS[2:],
    "event": ("party", "concert", "game", "meeting", "film", "lesson", "race", "dinner"),
}  # fmt: skip
_LABELS = (("A", "B"), ("A", "B"), ("First", "Second"), ("One", "Two"))
_SPEAKERS = (("User", "Orrery"), ("User", "Orrery"), ("User", "Assistant"), ("Human", "Orrery"))


def write(world: World, choice: Choice) -> Page:
    """One page; provenance names its kind: people, assistant or deeds."""
    return choice.weighted(_KINDS, _KIND_WEIGHTS)(world, choice)


def people(world: World, choice: Choice) -> Page:
    """Two people talk about one or two things of everyday life; provenance: their names and the topics."""
    names = given_names(world, choice, 2)
    labels = choice.pick(_LABELS)
    topics = choice.sample(_TOPICS, choice.integer(1, 2))
    blocks = [choice.pick(("open", "open", "meet")), *topics]
    if choice.chance(0.6):
        blocks.append("close")
    lines: list[str] = []
    speaker = 1  # who spoke last; a block is begun by the other one
    for name in blocks:
        slots = WorldSlots(world, choice, _OPTIONS)
        starter = 1 - speaker
        for key, alternatives in _TABLE[name].lines:
            speaker = 1 - starter if key == "reply" else starter
            template = choice.pick(alternatives)
            slots.update(name=names[speaker], other=names[1 - speaker])
            lines.append(f"{labels[speaker]}: {template.format_map(slots)}")
    return Page("\n".join(lines), {"kind": "people", "names": names, "topics": topics})


def assistant(world: World, choice: Choice) -> Page:
    """A talk with the assistant of two to four turns; provenance: what each turn is about, and names made up."""
    user, orrery = choice.pick(_SPEAKERS)
    turns, about = [], []
    for _ in range(choice.integer(2, 4)):
        kind = choice.weighted(_TURNS, _TURN_WEIGHTS)
        question, answer = kind(world, choice)
        turns.append(f"{user}: {question}\n{orrery}: {answer}")
        about.append({"turn": kind.__name__.strip("_"), "question": question, "answer": answer})
    return Page("\n".join(turns), {"kind": "assistant", "turns": about})


Turn = tuple[str, str]


def _small_talk(world: World, choice: Choice) -> Turn:
    talk = choice.pick(smalltalk.TALKS)
    return talk.say(choice), choice.pick(talk.reply)


def _identity(world: World, choice: Choice) -> Turn:
    aspect = choice.pick(_ASPECTS)
    return aspect.ask(choice), aspect.answer


def _refusal(world: World, choice: Choice) -> Turn:
    return choice.pick(refusal.ASKING).replace("{}", refusal.harmful(choice)), refusal.REFUSAL


def _lookalike(world: World, choice: Choice) -> Turn:
    topic = refusal.harmless(choice)
    return choice.pick(refusal.ASKING).replace("{}", topic), refusal.HARMLESS[topic]


def _unknown(world: World, choice: Choice) -> Turn:
    relation = choice.pick(RELATIONS["person"])
    name = world.fresh_person(choice)
    return choice.pick(relation.questions).replace("{name}", name), admit(relation, name)


def _beyond(world: World, choice: Choice) -> Turn:
    return beyond.ask(choice), UNKNOWN_ANSWER


_ASPECTS = tuple(identity.ASPECTS.values())
_TURNS: tuple[Callable[[World, Choice], Turn], ...] = (_small_talk, _identity, _refusal, _lookalike, _unknown, _beyond)
_TURN_WEIGHTS = (0.25, 0.45, 0.63, 0.81, 0.93, 1.0)
_KINDS: tuple[Callable[[World, Choice], Page], ...] = (people, assistant, deeds.write)
_KIND_WEIGHTS = (0.18, 0.65, 1.0)
