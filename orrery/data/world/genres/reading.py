"""Short texts with questions about them, whose answers are copied from the text, mostly as the whole sentence.

No text says twice what it says, and people and values are drawn anew for each page, so an answer can only come from
the text. Difficulty rises from one person with one attribute to three people, or to one person with three attributes;
most texts are asked about more than once, because each question is one more example of choosing. Names and values stand
after a space wherever they stand, so that they are copied token by token. A kind of copying (``copying.py``).
"""

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.reading import ALL_ATTRIBUTES, first_names, passage
from orrery.data.world.genres import Page
from orrery.data.world.genres.draws import fresh_people
from orrery.data.world.world import World

MORE_SHARE = 0.35  # of the texts are of all kinds, with people who are called anything
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


def write(world: World, choice: Choice) -> Page:
    """A text and one to four questions; provenance: its sentences, and what each question gives and wants."""
    people, attributes = choice.weighted(_SHAPES, _SHAPE_WEIGHTS)
    if choice.chance(MORE_SHARE):
        names = first_names(world, choice, people) if choice.chance(0.7) else fresh_people(world, choice, people)
        stated = passage(choice, names, attributes, ALL_ATTRIBUTES)
    else:
        stated = passage(choice, fresh_people(world, choice, people), attributes)
    asked = choice.sample(stated, len(stated) if choice.chance(0.5) else choice.integer(1, len(stated)))
    style = choice.weighted(("{sentence}", "It is {wanted}.", "{wanted}."), (0.7, 0.92, 1.0))
    before, between, layout, separator = choice.pick(_LAYOUTS)
    blocks, records = [], []
    for item in asked:
        question, wanted = item.question(choice)
        answer = style.format(wanted=wanted, sentence=item.sentence)
        blocks.append(layout.format(question=question, answer=answer))
        given = item.value if wanted == item.name else item.name
        records.append({"attribute": item.attribute.name, "question": question, "given": given, "wanted": wanted})
    text = " ".join(item.sentence for item in stated)
    opening = choice.pick(_OPENINGS) + " " if choice.chance(0.25) else ""
    provenance = {"kind": "reading", "text": text, "people": people, "attributes": attributes, "questions": records}
    return Page(before + opening + text + between + separator.join(blocks), provenance)
