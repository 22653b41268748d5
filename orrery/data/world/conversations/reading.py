"""A text to answer from: who has which of several values of one sort.

The people are made up for the one conversation, so nothing but the text can say it. One person with one value comes
first in difficulty; with two or three people the question has to choose. The answer is the sentence of the text that
gives the value: to copy a sentence on from a name is what the first heads that form in a model can do, while "It is
red." has to find the value from afar, which models of this size did not learn in ten minutes (docs/log.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange
from orrery.data.world.genres.draws import fresh_people
from orrery.data.world.world import World


@dataclass(frozen=True)
class Attribute:
    """One sort of value: how a text states it, how it is asked for, and the values.

    Every statement answers every question, and ends with the value.
    """

    name: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    values: tuple[str, ...]


ATTRIBUTES = (
    Attribute(
        "colour",
        (
            "{name} likes {value}.",
            "The favourite colour of {name} is {value}.",
            "The colour that {name} likes is {value}.",
        ),
        (
            "What colour does {name} like?",
            "What is the favourite colour of {name}?",
            "What colour does {name} like best?",
        ),
        ("red", "blue", "green", "yellow", "black", "white", "pink", "brown", "orange", "purple", "grey", "gold"),
    ),
    Attribute(
        "pet",
        ("{name} has {value}.", "The pet of {name} is {value}.", "At home, {name} keeps {value}."),
        ("What pet does {name} have?", "What is the pet of {name}?", "What does {name} keep at home?"),
        ("a dog", "a cat", "a bird", "a rabbit", "a fish", "a mouse", "a horse", "a duck", "a goat", "a turtle",
         "a frog", "a sheep"),
    ),
    Attribute(
        "sport",
        ("{name} plays {value}.", "The sport of {name} is {value}.", "On Sunday, {name} plays {value}."),
        ("What sport does {name} play?", "What is the sport of {name}?", "What game does {name} play?"),
        ("tennis", "football", "golf", "chess", "hockey", "baseball", "rugby", "cricket", "darts", "cards"),
    ),
    Attribute(
        "drink",
        ("{name} drinks {value}.", "The drink of {name} is {value}.", "In the morning, {name} has {value}."),
        ("What does {name} drink?", "What is the drink of {name}?", "What drink does {name} have?"),
        ("tea", "milk", "water", "coffee", "cocoa", "juice", "lemonade", "cider"),
    ),
    Attribute(
        "day",
        ("{name} comes on {value}.", "{name} will come on {value}.", "The day when {name} comes is {value}."),
        ("What day does {name} come?", "On what day will {name} come?", "On what day does {name} come?"),
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ),
    Attribute(
        "month",
        # Not "was born in": documents say that of towns, and there the name alone should bring the town to mind.
        ("{name} has a birthday in {value}.", "The birthday of {name} is in {value}.",
         "The birth month of {name} is {value}."),
        ("In what month does {name} have a birthday?", "In what month is the birthday of {name}?",
         "What is the birth month of {name}?"),
        ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
         "December"),
    ),
    Attribute(
        "room",
        ("{name} is in room {value}.", "The room of {name} is {value}.", "You find {name} in room {value}."),
        ("What room is {name} in?", "What is the room of {name}?", "In what room do I find {name}?"),
        tuple(str(number) for number in range(11, 100)),
    ),
    Attribute(
        "gift",
        ("{name} got {value}.", "The gift for {name} was {value}.", "For a birthday, {name} got {value}."),
        ("What did {name} get?", "What was the gift for {name}?", "What gift did {name} get?"),
        ("a ball", "a kite", "a book", "a hat", "a drum", "a bike", "a ring", "a doll", "a lamp", "a cup", "a clock",
         "a scarf"),
    ),
    Attribute(
        "way",
        (
            "{name} goes to work with {value}.",
            "To get to work, {name} takes {value}.",
            "On the way to work, {name} takes {value}.",
        ),
        (
            "What does {name} take to work?",
            "What does {name} take to get to work?",
            "With what does {name} go to work?",
        ),
        ("the bus", "the train", "the car", "the bike", "the boat", "the taxi", "the tram", "the ferry"),
    ),
    Attribute(
        "fruit",
        ("{name} ate {value}.", "For lunch, {name} ate {value}.", "The fruit that {name} ate was {value}."),
        ("What did {name} eat?", "What fruit did {name} eat?", "What fruit did {name} have?"),
        ("an apple", "a pear", "a plum", "a banana", "a peach", "a lemon", "a melon", "an orange", "a cherry", "a fig"),
    ),
)  # fmt: skip
ASKING = (
    "{text}\n{question}",
    "{text} {question}",
    "Text: {text}\nQuestion: {question}",
    "Read this: {text}\n{question}",
    "Read the text and answer. {text} {question}",
    "Here is a text. {text}\nNow tell me: {question}",
    "I read this: {text} {question}",
    "{question}\n{text}",
    "Use this text: {text}\n{question}",
)
PEOPLE = (1, 2, 3)
_PEOPLE_CUMULATIVE = (3, 6, 10)


@dataclass(frozen=True)
class Reading:
    """A text with its question; ``values[0]`` is asked for, by ``sentence``; the others stand in the text too."""

    text: str
    sentence: str
    question: str
    values: tuple[str, ...]
    attribute: str


def reading(choice: Choice, names: Sequence[str]) -> Reading:
    """A text that gives each of the names a value of one attribute, in random order, and asks for the first name's."""
    attribute = choice.pick(ATTRIBUTES)
    values = choice.sample(attribute.values, len(names))
    # One wording for all, or each its own: with the first, only the name finds the sentence.
    statement = choice.pick(attribute.statements) if choice.chance(0.5) else None
    sentences = [
        (statement or choice.pick(attribute.statements)).format(name=name, value=value)
        for name, value in zip(names, values, strict=True)
    ]
    question = choice.pick(attribute.questions).format(name=names[0])
    return Reading(" ".join(choice.shuffled(sentences)), sentences[0], question, tuple(values), attribute.name)


def write(world: World, choice: Choice) -> Conversation:
    """A text about one, two or three people and a question about one of them."""
    names = fresh_people(world, choice, choice.weighted(PEOPLE, _PEOPLE_CUMULATIVE))
    task = reading(choice, names)
    asked = choice.pick(ASKING).format(text=task.text, question=task.question)
    provenance = {"names": names, "attribute": task.attribute, "values": task.values}
    return Conversation(exchange(asked, task.sentence), "reading", provenance)
