"""Local news about made-up people, towns and companies; some reports end with a short quiz (``tables/words_news.txt``).

Every report gives several attributes (age, job, day, place), and the quiz asks for values that stand in it once.
"""

from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import Slots, WorldSlots
from orrery.data.world.genres.words import NUMBER_WORDS, Block, block_table
from orrery.data.world.world import World

QUIZ_SHARE = 0.5
_OPTIONS: dict[str, tuple[str, ...]] = {
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "age": tuple(str(age) for age in range(21, 75)),
    "amount": tuple(str(amount) for amount in range(3, 21)),
    "year_count": NUMBER_WORDS[2:],
    "job": ("baker", "teacher", "farmer", "nurse", "driver", "cook", "painter", "gardener", "engineer", "artist",
            "pilot", "judge", "tailor", "singer", "doctor", "builder"),
    "hobby": ("fishing", "cooking", "reading", "dancing", "hiking", "sailing", "painting", "swimming"),
}  # fmt: skip
_STARTS = ("News: ", "Local news: ", "News from {town}: ", "From {town}: ", "Today in {town}: ", "The {town} paper: ")
_SAYS = (' "{quote}," said {who}.', ' {who} said: "{quote}."', ' "{quote}," {who} told us.')
_QUIZ = (
    "Question: {question}\nAnswer: It is {value}.",
    "Q: {question}\nA: It is {value}.",
    "{question} It is {value}.",
)


@dataclass(frozen=True)
class Event:
    """One event of the table; ``asks`` pairs a slot with the question for its value."""

    name: str
    lead: tuple[str, ...]
    more: tuple[tuple[str, ...], ...]
    quotes: tuple[str, ...]
    asks: tuple[tuple[str, str], ...]
    options: dict[str, tuple[str, ...]]


def _event(block: Block) -> Event:
    asks = tuple((key[4:], texts[0]) for key, texts in block.lines if key.startswith("ask "))
    own = block.except_keys("lead", "more", "quote", *(f"ask {slot}" for slot, _ in asks))
    return Event(block.name, block.one("lead"), block.all("more"), block.one("quote"), asks, _OPTIONS | own)


EVENTS = tuple(_event(block) for block in block_table("words_news.txt").values())


def write(world: World, choice: Choice) -> Page:
    """One report; provenance: the event, the slots that the text fills, and the quiz as (question, value)."""
    event = choice.pick(EVENTS)
    slots = WorldSlots(world, choice, event.options)
    sentences = [choice.pick(event.lead)]
    sentences += [choice.pick(alternatives) for alternatives in event.more if choice.chance(0.75)]
    text = choice.pick(_STARTS) + " ".join(sentences)
    heard = [person for person in ("{person}", "{other}") if person in text]
    if heard and choice.chance(0.5):
        text += choice.pick(_SAYS).format(quote=choice.pick(event.quotes), who=choice.pick(heard))
    text = text.format_map(slots)
    quiz = _quiz(choice, event, slots, text) if choice.chance(QUIZ_SHARE) else []
    provenance = {"event": event.name, "slots": dict(slots), "text": text, "quiz": quiz}
    if quiz:
        layout = choice.pick(_QUIZ)
        text += "\n" + "\n".join(layout.format(question=question, value=value) for question, value in quiz)
    return Page(text, provenance)


def _quiz(choice: Choice, event: Event, slots: Slots, text: str) -> list[tuple[str, str]]:
    """One or two questions, or none where the text has too little; each answer stands in the text once."""
    possible = []
    for slot, question in event.asks:
        value = slots.get(f"a_{slot}") or slots.get(slot)
        unheard = any(f"{{{name}}}" in question and name not in slots for name in ("person", "other"))
        if value and not unheard and text.count(f" {value}") == 1:
            possible.append((question.format_map(slots), value))
    return choice.sample(possible, min(len(possible), choice.integer(1, 2)))
