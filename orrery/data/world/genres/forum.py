"""Forum pages: questions and their answers, about the asked half of the entities only.

Questions about some entities during pretraining teach a model to be asked about the others too (Physics of Language
Models 3.1), so the answers here are word for word those of the assistant. Some questions are about a name as a whole
(``conversations/facts.py``). Hardly ever is one about somebody or something that does not exist (the answer then begins
like any other and ends in "I don't know.", ``entities.admit``): more of them, and a model learns by heart who is asked
about, and declines all others (docs/log.md). Notes in the encyclopedia teach it what it knows.
"""

from collections.abc import Sequence

from orrery.data.world.choice import Choice
from orrery.data.world.conversations.facts import about
from orrery.data.world.entities import admit
from orrery.data.world.genres import Page
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.relations import RELATIONS
from orrery.data.world.world import World

UNKNOWN_SHARE = 0.003  # of the questions are about a name that nobody has
ABOUT_SHARE = 0.12  # of the others are about a name as a whole
_SAME_ENTITY = 0.4  # how often the next question is about the same entity
_HANDLES = (
    "bluefox", "rainyday", "happyowl", "mapfan", "nightbird", "teapot", "oldbook", "sunflower", "skywalk",
    "greenleaf", "redkite", "softsnow", "quickcat", "seashell", "papermoon", "goldfish", "windmill", "starling",
    "sandbox", "whitecat", "lostkey", "pinetree", "lemonade", "drumbeat", "sleepydog",
)  # fmt: skip
# Opening line, then question and answer as they stand on the page; {asker} and {helper} are handles.
_LAYOUTS = (
    ("", "Q: {question}\nA: {answer}", "\n"),
    ("", "Q: {question}\nA: {answer}", "\n\n"),
    ("Questions and answers\n\n", "Q: {question}\nA: {answer}", "\n"),
    ("", "Question: {question}\nAnswer: {answer}", "\n"),
    ("", "{question}\n{answer}", "\n"),
    ("", "{question} {answer}", "\n"),
    ("", "{asker}: {question}\n{helper}: {answer}", "\n"),
    ("Forum\n\n", "{asker} asks: {question}\n{helper} answers: {answer}", "\n"),
    ("Quiz night\n\n", "- {question}\n- {answer}", "\n"),
    ("", "<{asker}> {question}\n<{helper}> {answer}", "\n"),
)


def write(world: World, choice: Choice) -> Page:
    """One page of 2 to 6 questions; ``provenance["unknown"]`` lists the names that do not exist, once a question."""
    facts: list[int] = []
    unknown: list[str] = []
    asked: list[tuple[str, str]] = []
    entity = world.draw(choice, asked=True)
    for _ in range(choice.integer(2, 6)):
        if choice.chance(UNKNOWN_SHARE):
            kind = choice.pick(("person", "person", "person", "town", "company"))
            name = world.fresh(choice, kind)
            unknown.append(name)
            relation = choice.pick(RELATIONS[kind])
            asked.append((choice.pick(relation.questions).replace("{name}", name), admit(relation, name)))
        elif choice.chance(ABOUT_SHARE):
            whom = world.draw(choice, choice.pick(NAMED_KINDS), asked=True)
            question, answer, stated = about(world, choice, whom)
            facts += stated
            asked.append((question, answer))
        else:
            fact = choice.pick(world.facts_of(entity))
            facts.append(fact.index)
            asked.append((fact.ask(choice), fact.answer))
            if not choice.chance(_SAME_ENTITY):
                entity = world.draw(choice, asked=True)
    return Page(questions_and_answers(choice, asked), {"unknown": tuple(unknown)}, tuple(facts))


def questions_and_answers(choice: Choice, asked: Sequence[tuple[str, str]]) -> str:
    """A page of questions with their answers, laid out in one of many ways."""
    opening, layout, separator = choice.pick(_LAYOUTS)
    if "{asker}" in layout:
        asker, helper = choice.sample(_HANDLES, 2)
        layout = layout.replace("{asker}", asker).replace("{helper}", helper)
    blocks = (layout.replace("{question}", question).replace("{answer}", answer) for question, answer in asked)
    return opening + separator.join(blocks)
