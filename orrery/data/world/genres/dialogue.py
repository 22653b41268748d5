"""Dialogues in plain text: questions about a text, repeating and looking up, small talk, and a talk with an assistant.

Most of the pages are there to be copied from: small models learn late to copy names and values from what
stands before, and everything else (reading, the calculator, several turns) waits for it. The assistant's words are
those of the conversations, so that tuning on these later finds them known.
"""

from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.conversations import identity, refusal, smalltalk
from orrery.data.world.genres import Page, reading
from orrery.data.world.genres.draws import WorldSlots, fresh_people, given_names
from orrery.data.world.genres.spelling import WORDS
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
_ECHO = (
    "Repeat: {items}.\nAnswer: {items}.",
    "Repeat these words: {items}.\nAnswer: {items}.",
    "Say after me: {items}.\nI say: {items}.",
    "User: Repeat this: {items}.\nOrrery: {items}.",
    "User: Say {items}.\nOrrery: {items}.",
    "Copy this line: {items}.\nCopy: {items}.",
    "A: Can you say {items}?\nB: Yes. {items}.",
    "Listen: {items}. And again: {items}. And again: {items}.",
    "List: {items}.\nThe same list: {items}.",
)
# Before a list, one entry, between entries; the kind of its keys and of its values (see _items).
_LOOKUP = (
    ("List: ", "{key}: {value}", ", ", ("full", "given", "word"), ("word", "number")),
    ("Table: ", "{key} = {value}", "; ", ("full", "given", "word"), ("word", "number")),
    ("Code: ", "{key} means {value}", ". ", ("number", "word"), ("word",)),
    ("Ages: ", "{key} is {value}", ", ", ("full", "given"), ("number",)),
    ("Prices: ", "{key} costs {value}", ", ", ("word",), ("number",)),
)
_ITEMS = ("full", "given", "word", "number")
_NUMBERS = tuple(str(n) for n in range(2, 100))
_SPEAKERS = (("User", "Orrery"), ("User", "Orrery"), ("User", "Assistant"), ("Human", "Orrery"))


def write(world: World, choice: Choice) -> Page:
    """One page; provenance names its kind: reading, echo, lookup, people or assistant."""
    return choice.weighted(_KINDS, _KIND_WEIGHTS)(world, choice)


def echo(world: World, choice: Choice) -> Page:
    """One to three lines that repeat names, words or numbers exactly; provenance: the repeated items of each."""
    form = choice.pick(_ECHO)
    blocks, items = [], []
    for _ in range(choice.integer(1, 3)):
        joined = ", ".join(_items(world, choice, choice.pick(_ITEMS), choice.integer(1, 5)))
        items.append(joined)
        blocks.append(form.format(items=joined))
    return Page("\n".join(blocks), {"kind": "echo", "items": items})


def lookup(world: World, choice: Choice) -> Page:
    """A list of keys with values, then the same pairs in another order; provenance: the pairs as (key, value).

    The purest form of finding again what was said: the head of an attention layer that reading needs.
    """
    before, form, comma, key_kinds, value_kinds = choice.pick(_LOOKUP)
    count = choice.integer(2, 6)
    keys = _items(world, choice, choice.pick(key_kinds), count)
    values = _items(world, choice, choice.pick(value_kinds), count)
    pairs = list(zip(keys, values, strict=True))
    listed = comma.join(form.format(key=key, value=value) for key, value in pairs)
    again = comma.join(form.format(key=key, value=value) for key, value in choice.shuffled(pairs))
    return Page(f"{before}{listed}.\n{before}{again}.", {"kind": "lookup", "pairs": pairs})


def _items(world: World, choice: Choice, kind: str, count: int) -> list[str]:
    """Different things of a kind: full names, given names, words or numbers."""
    if kind == "full":
        return fresh_people(world, choice, count)
    if kind == "given":
        return given_names(world, choice, count)
    return choice.sample(WORDS if kind == "word" else _NUMBERS, count)


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
    return choice.pick(talk.said), choice.pick(talk.reply)


def _identity(world: World, choice: Choice) -> Turn:
    aspect = choice.pick(_ASPECTS)
    return choice.pick(aspect.questions), aspect.answer


def _refusal(world: World, choice: Choice) -> Turn:
    return choice.pick(refusal.ASKING).replace("{}", choice.pick(refusal.HARMFUL)), refusal.REFUSAL


def _lookalike(world: World, choice: Choice) -> Turn:
    topic = choice.pick(_HARMLESS)
    return choice.pick(refusal.ASKING).replace("{}", topic), refusal.HARMLESS[topic]


def _unknown(world: World, choice: Choice) -> Turn:
    relation = choice.pick(RELATIONS["person"])
    return choice.pick(relation.questions).replace("{name}", world.fresh_person(choice)), UNKNOWN_ANSWER


_ASPECTS = tuple(identity.ASPECTS.values())
_HARMLESS = tuple(refusal.HARMLESS)
_TURNS: tuple[Callable[[World, Choice], Turn], ...] = (_small_talk, _identity, _refusal, _lookalike, _unknown)
_TURN_WEIGHTS = (0.25, 0.45, 0.62, 0.79, 1.0)
_KINDS: tuple[Callable[[World, Choice], Page], ...] = (reading.write, echo, lookup, people, assistant)
_KIND_WEIGHTS = (0.50, 0.62, 0.72, 0.82, 1.0)
