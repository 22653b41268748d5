"""Short texts with questions about them, whose answers are copied from the text, mostly as the whole sentence.

No text says twice what it says, and people and values are drawn anew for each page, so an answer can only come from
the text. Difficulty rises from one person with one attribute to three people, or to one person with three attributes;
most texts are asked about more than once, because each question is one more example of choosing. Names and values stand
after a space wherever they stand, so that they are copied token by token. A kind of copying (``copying.py``).
"""

from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.reading import ATTRIBUTES, Attribute
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import accepted, fresh_people
from orrery.data.world.world import World

# (people, attributes of each), and running sums of their weights.
_SHAPES = ((1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (1, 3), (2, 2))
_SHAPE_WEIGHTS = (0.15, 0.40, 0.70, 0.80, 0.86, 0.93, 1.0)
_OPENINGS = ("Some people met in the park.", "Here is what I know.", "These people live next door.",
             "This is a short text.", "Listen.", "I know some people.")  # fmt: skip
# Before the text, between text and questions, one question with its answer, between questions.
_LAYOUTS = (
    ("Text: ", "\n", "Question: {question}\nAnswer: {answer}", "\n"),
    ("Text: ", "\n", "Q: {question}\nA: {answer}", "\n"),
    ("Read this: ", "\n", "{question} {answer}", "\n"),
    ("Read the text. ", "\n", "{question} {answer}", " "),
    ("User: ", " ", "{question}\nOrrery: {answer}", "\nUser: "),
    ("User: Read this: ", "\nUser: ", "{question}\nOrrery: {answer}", "\nUser: "),
    ("Reading: ", "\n\n", "{question}\nAnswer: {answer}", "\n"),
)


@dataclass(frozen=True)
class Stated:
    """One sentence of a text: whose attribute it gives, and its value."""

    name: str
    attribute: Attribute
    value: str
    sentence: str


def passage(world: World, choice: Choice, people: int, attributes: int) -> list[Stated]:
    """The sentences of a text, in random order; every value stands in it once, whichever sentence is read."""
    names = fresh_people(world, choice, people)
    return accepted(choice, lambda: _states(choice, names, attributes), _values_stand_once)


def _states(choice: Choice, names: list[str], attributes: int) -> list[Stated]:
    stated = []
    for attribute in choice.sample(ATTRIBUTES, attributes):
        # One wording for all, or each its own: with the first, only the name finds the sentence.
        shared = choice.pick(attribute.statements) if choice.chance(0.5) else None
        for name, value in zip(names, choice.sample(attribute.values, len(names)), strict=True):
            sentence = (shared or choice.pick(attribute.statements)).format(name=name, value=value)
            stated.append(Stated(name, attribute, value, sentence))
    return choice.shuffled(stated)


def _values_stand_once(stated: list[Stated]) -> bool:
    text = " ".join(item.sentence for item in stated)
    return all(text.count(" " + item.value) == 1 for item in stated)


def write(world: World, choice: Choice) -> Page:
    """A text and one to four questions; provenance: its sentences, and each question with its answer value."""
    people, attributes = choice.weighted(_SHAPES, _SHAPE_WEIGHTS)
    stated = passage(world, choice, people, attributes)
    asked = choice.sample(stated, len(stated) if choice.chance(0.5) else choice.integer(1, len(stated)))
    style = choice.weighted(("{sentence}", "It is {value}.", "{value}."), (0.7, 0.92, 1.0))
    before, between, layout, separator = choice.pick(_LAYOUTS)
    blocks, records = [], []
    for item in asked:
        question = choice.pick(item.attribute.questions).format(name=item.name)
        answer = style.format(value=item.value, sentence=item.sentence)
        blocks.append(layout.format(question=question, answer=answer))
        records.append({"name": item.name, "attribute": item.attribute.name, "question": question, "value": item.value})
    text = " ".join(item.sentence for item in stated)
    opening = choice.pick(_OPENINGS) + " " if choice.chance(0.25) else ""
    provenance = {"kind": "reading", "text": text, "people": people, "attributes": attributes, "questions": records}
    return Page(before + opening + text + between + separator.join(blocks), provenance)
