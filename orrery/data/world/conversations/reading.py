"""A text to answer from, mostly who has which of several values of one sort.

The people are made up for the one conversation, so nothing but the text can say it. One person with one value comes
first in difficulty; with two or three people the question has to choose. Other texts say all sorts of things of people
who are called anything (``tables/words_reading.txt``), so that not only texts of the exams' kind are read. The answer
is the sentence of the text that gives the value: to copy a sentence on from a name is what the first heads that form in
a model can do, while "It is red." has to find the value from afar, which models of this size did not learn in ten
minutes (docs/log.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.conversation import Conversation, exchange
from orrery.data.world.genres.draws import accepted, fresh_people
from orrery.data.world.genres.spelling import made_up_word
from orrery.data.world.genres.words import block_table
from orrery.data.world.world import World


@dataclass(frozen=True)
class Attribute:
    """One sort of value: how a text states it, how it is asked for, and the values.

    Every statement answers every question, those after the value (``questions``) and those after the name (``who``).
    """

    name: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    values: tuple[str, ...]
    who: tuple[str, ...] = ()


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
ALL_ATTRIBUTES = ATTRIBUTES + tuple(
    Attribute(block.name, *(block.one(key) for key in ("statement", "question", "value", "who")))
    for block in block_table("words_reading.txt").values()
)
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
# These, and ways of asking that the exams do not use.
ALL_ASKING = (
    *ASKING,
    "{text}\n\n{question}",
    "Text: {text}\n{question}",
    'Here is the text: "{text}" {question}',
    "Please read this. {text} {question}",
    "A short text: {text} {question}",
    "I will tell you something. {text} {question}",
    "Listen: {text} {question}",
    "I have a story for you: {text} {question}",
    "This is what I know: {text}\n{question}",
    "{question} Here is the text: {text}",
    "Answer from the text. {question}\n{text}",
    "Someone told me this. {text} {question}",
)
PEOPLE = (1, 2, 3)
_PEOPLE_CUMULATIVE = (3, 6, 10)
OTHER_SHARE = 0.4  # of the conversations are about texts of other kinds than the exams'
WHO_SHARE = 0.25  # of the questions that can be asked after a name are


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


@dataclass(frozen=True)
class Stated:
    """One sentence of a text: whose attribute it gives, and its value."""

    name: str
    attribute: Attribute
    value: str
    sentence: str

    def question(self, choice: Choice) -> tuple[str, str]:
        """A question that the sentence answers, and what it asks for: the value, or now and then the name."""
        if self.attribute.who and choice.chance(WHO_SHARE):
            return choice.pick(self.attribute.who).format(value=self.value), self.name
        return choice.pick(self.attribute.questions).format(name=self.name), self.value


def first_names(world: World, choice: Choice, count: int) -> list[str]:
    """Different first names: the world's, or any made-up word."""
    names: list[str] = []
    for _ in range(count):
        names.append(
            accepted(choice, lambda: _first_name(world, choice), lambda name: len(name) <= 6 and name not in names)
        )
    return names


def _first_name(world: World, choice: Choice) -> str:
    return made_up_word(choice).capitalize() if choice.chance(0.6) else choice.pick(world.names.given)


def passage(
    choice: Choice, names: Sequence[str], attributes: int, among: Sequence[Attribute] = ATTRIBUTES
) -> list[Stated]:
    """Sentences that give each name so many attributes, in random order; every value stands in them once."""
    return accepted(choice, lambda: _states(choice, names, attributes, among), _values_stand_once)


def _states(choice: Choice, names: Sequence[str], attributes: int, among: Sequence[Attribute]) -> list[Stated]:
    stated = []
    for attribute in choice.sample(among, attributes):
        # One wording for all, or each its own: with the first, only the name finds the sentence.
        shared = choice.pick(attribute.statements) if choice.chance(0.5) else None
        for name, value in zip(names, choice.sample(attribute.values, len(names)), strict=True):
            sentence = (shared or choice.pick(attribute.statements)).format(name=name, value=value)
            stated.append(Stated(name, attribute, value, sentence[0].upper() + sentence[1:]))
    return choice.shuffled(stated)


def _values_stand_once(stated: list[Stated]) -> bool:
    text = " ".join(item.sentence for item in stated)
    return all(text.count(" " + item.value) == 1 for item in stated)


def write(world: World, choice: Choice) -> Conversation:
    """A text about one, two or three people and a question about one of them."""
    if choice.chance(OTHER_SHARE):
        return _other(world, choice)
    names = fresh_people(world, choice, choice.weighted(PEOPLE, _PEOPLE_CUMULATIVE))
    task = reading(choice, names)
    asked = choice.pick(ASKING).format(text=task.text, question=task.question)
    provenance = {"names": names, "attribute": task.attribute, "values": task.values}
    return Conversation(exchange(asked, task.sentence), "reading", provenance)


def _other(world: World, choice: Choice) -> Conversation:
    """A text that says one or two things of some people, who mostly have a first name only."""
    people, attributes = choice.weighted(((1, 1), (2, 1), (3, 1), (1, 2), (2, 2)), (0.2, 0.5, 0.7, 0.85, 1.0))
    short = people * attributes > 3 or choice.chance(0.8)  # a long text of full names would not fit a small context
    names = first_names(world, choice, people) if short else fresh_people(world, choice, people)
    stated = passage(choice, names, attributes, ALL_ATTRIBUTES)
    asked = choice.pick(stated)
    text = " ".join(item.sentence for item in stated)
    question, _ = asked.question(choice)
    question = choice.pick(ALL_ASKING).format(text=text, question=question)
    values = (asked.value, *(item.value for item in stated if item is not asked))
    provenance = {"names": names, "attribute": asked.attribute.name, "values": values, "name": asked.name}
    return Conversation(exchange(question, asked.sentence), "reading", provenance)
