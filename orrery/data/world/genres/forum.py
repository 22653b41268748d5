"""Forum pages: questions and their short answers, about the asked half of the entities only.

Questions about some entities during pretraining teach a model to be asked about the others too (Physics of Language
Models 3.1), so the answers here are word for word those of the assistant. Now and then a question is about somebody
or something that does not exist, and the answer is that of the assistant too: ``UNKNOWN_ANSWER``.
"""

from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page
from orrery.data.world.relations import RELATIONS
from orrery.data.world.world import UNKNOWN_ANSWER, World

UNKNOWN_SHARE = 0.05
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
    """One page of 2 to 6 questions; ``provenance["unknown"]`` lists the names that do not exist."""
    opening, layout, separator = choice.pick(_LAYOUTS)
    if "{asker}" in layout:
        asker, helper = choice.sample(_HANDLES, 2)
        layout = layout.replace("{asker}", asker).replace("{helper}", helper)
    fresh: dict[str, Callable[[Choice], str]] = {
        "person": world.fresh_person,
        "town": world.fresh_town,
        "company": world.fresh_company,
    }
    facts: list[int] = []
    unknown: list[str] = []
    blocks: list[str] = []
    entity = world.draw(choice, asked=True)
    for _ in range(choice.integer(2, 6)):
        if choice.chance(UNKNOWN_SHARE):
            kind = choice.pick(("person", "person", "person", "town", "company"))
            name = fresh[kind](choice)
            unknown.append(name)
            relation = choice.pick(RELATIONS[kind])
            question, answer = choice.pick(relation.questions).replace("{name}", name), UNKNOWN_ANSWER
        else:
            fact = choice.pick(world.facts_of(entity))
            facts.append(fact.index)
            question, answer = fact.ask(choice), fact.answer
            if not choice.chance(_SAME_ENTITY):
                entity = world.draw(choice, asked=True)
        blocks.append(layout.replace("{question}", question).replace("{answer}", answer))
    return Page(opening + separator.join(blocks), {"unknown": tuple(unknown)}, tuple(facts))
