"""Encyclopedia pages: the statements from which a model learns its facts.

Entries about one entity, cards, lists of one relation over many entities, comparisons, short pages about several
entities, and notes. Notes also name people, towns and companies that nobody wrote about, and admit it
(``entities.admit``): so what decides between a value and "I don't know." is whether the statement was read.

Which facts, in what order and through which templates is drawn anew each time, and entities are drawn by popularity for
each page, so that neighbouring documents are about different ones (a fact whose rewrites stand next to each other is
hardly learned: Physics of Language Models 3.1). No page asks after a name: of the entities that exams grade, only
statements may stand in a document.
"""

from collections.abc import Sequence
from itertools import accumulate

from orrery.data.world.choice import Choice
from orrery.data.world.entities import Entity, Fact, admit
from orrery.data.world.genres import Page
from orrery.data.world.genres.forum import questions_and_answers
from orrery.data.world.names import NAMED_KINDS
from orrery.data.world.relations import RELATIONS
from orrery.data.world.world import World

_FORMS = ("entry", "card", "list", "comparison", "several", "notes")
_FORMS_CUMULATIVE = tuple(accumulate((47, 7, 13, 8, 10, 15)))
UNKNOWN_SHARE = 0.33  # of the lines of notes
_NOTES = ("", "", "Notes\n\n", "Notes\n", "What I know\n\n", "What I know:\n", "From memory\n")
# Between notes, sometimes, somebody asks for the next one, but not after anybody. So stating and admitting are learnt
# where answers stand, for those too whom no question may name.
TALKED_SHARE = 0.7
_ASKED_ON = (
    "Tell me something.", "Tell me a fact.", "What else do you know?", "Go on.", "And what else?", "Who else?",
    "Say something about somebody.", "One more, please.", "What do you remember?", "The next one, please.",
    "Tell me one more thing.", "Do you know anything else?", "What did you read?", "Say more.",
)  # fmt: skip
_TITLES = ("", "{Name}\n\n", "{Name}\n", "About {name}\n\n", "Facts about {name}\n\n", "# {Name}\n\n", "{Name}: ")
_LINES_SHARE = 0.3  # how often each sentence has a line of its own
_CARD_TITLES = ("{Name}\n", "Card: {name}\n", "Name: {name}\n", "Facts about {name}:\n")
_LIST_TITLES = ("{Noun}\n", "List: {noun}\n", "{Noun}:\n", "A short list: {noun}\n", "Table: {noun}\n\n")
_LIST_ROWS = ("{name}: {value}", "- {name}: {value}", "* {name}: {value}", "{name} - {value}", "{name} = {value}")
_COMPARISONS = (
    "Let us compare {a} and {b}.",
    "Here are {a} and {b} side by side.",
    "We look at {a} and at {b}.",
    "First {a}, then {b}.",
    "A page about {a} and {b}.",
)
_SAME = ("So both have the same {noun}.", "They share the same {noun}.", "The {noun} is the same for both.")
_DIFFERENT = ("So they differ in this.", "Here they are not the same.", "The {noun} is not the same.")


def write(world: World, choice: Choice) -> Page:
    """One page, of a form drawn at random; ``provenance["form"]`` says which."""
    form = choice.weighted(_FORMS, _FORMS_CUMULATIVE)
    if form == "list":
        text, facts = _list(world, choice)
    elif form == "comparison":
        text, facts = _comparison(world, choice)
    elif form == "several":
        text, facts = _several(world, choice)
    elif form == "notes":
        return _notes(world, choice)
    else:
        entity = world.draw(choice)
        text, facts = _entry(world, choice, entity) if form == "entry" else _card(world, choice, entity)
    return Page(text, {"form": form}, tuple(fact.index for fact in facts))


def _some_facts(world: World, choice: Choice, entity: Entity, least: int) -> list[Fact]:
    facts = world.facts_of(entity)
    return choice.sample(facts, choice.integer(min(least, len(facts)), len(facts)))


def _entry(world: World, choice: Choice, entity: Entity) -> tuple[str, Sequence[Fact]]:
    facts = _some_facts(world, choice, entity, 3)
    title = _titled(choice.pick(_TITLES), entity.name)
    return title + _joined(choice, [fact.state(choice) for fact in facts]), facts


def _card(world: World, choice: Choice, entity: Entity) -> tuple[str, Sequence[Fact]]:
    facts = _some_facts(world, choice, entity, 2)
    rows = [f"{_upper(fact.relation.noun)}: {fact.value}" for fact in facts]
    return _titled(choice.pick(_CARD_TITLES), entity.name) + "\n".join(rows), facts


def _list(world: World, choice: Choice) -> tuple[str, Sequence[Fact]]:
    first = world.draw(choice)
    place = choice.integer(0, len(world.facts_of(first)) - 1)
    entities = [first, *_others(world, choice, first, choice.integer(3, 7))]
    facts = [world.facts_of(entity)[place] for entity in entities]
    noun = facts[0].relation.noun
    title = choice.pick(_LIST_TITLES).replace("{noun}", noun).replace("{Noun}", _upper(noun))
    row = choice.pick(_LIST_ROWS)
    rows = [row.replace("{name}", fact.entity.name).replace("{value}", fact.value) for fact in facts]
    return title + "\n".join(rows), facts


def _comparison(world: World, choice: Choice) -> tuple[str, Sequence[Fact]]:
    a = world.draw(choice)
    (b,) = _others(world, choice, a, 1)
    pairs = list(zip(world.facts_of(a), world.facts_of(b), strict=True))
    lines = [choice.pick(_COMPARISONS).replace("{a}", a.name).replace("{b}", b.name)]
    facts: list[Fact] = []
    for pair in choice.sample(pairs, choice.integer(1, min(3, len(pairs)))):
        facts += pair
        verdict = choice.pick(_SAME if pair[0].value == pair[1].value else _DIFFERENT)
        lines += [fact.state(choice) for fact in pair]
        lines.append(verdict.replace("{noun}", pair[0].relation.noun))
    return _joined(choice, lines), facts


def _several(world: World, choice: Choice) -> tuple[str, Sequence[Fact]]:
    first = world.draw(choice)
    facts: list[Fact] = []
    paragraphs = []
    for entity in (first, *_others(world, choice, first, choice.integer(1, 2))):
        mine = _some_facts(world, choice, entity, 1)[:3]
        facts += mine
        paragraphs.append(" ".join([fact.state(choice) for fact in mine]))
    return choice.pick(("\n\n", "\n", " ")).join(paragraphs), facts


def _notes(world: World, choice: Choice) -> Page:
    """Three to eight statements, each in its relation's first words; what is not known is admitted.

    Listed, or given one by one to somebody who asks to go on.
    """
    lines, facts, unknown = [], [], []
    for _ in range(choice.integer(3, 8)):
        if choice.chance(UNKNOWN_SHARE):
            kind = choice.pick(NAMED_KINDS)
            name = world.fresh(choice, kind)
            unknown.append(name)
            lines.append(admit(choice.pick(RELATIONS[kind]), name))
        else:
            fact = choice.pick(world.facts_of(world.draw(choice)))
            facts.append(fact.index)
            lines.append(fact.answer)
    if choice.chance(TALKED_SHARE):
        text = questions_and_answers(choice, [(choice.pick(_ASKED_ON), line) for line in lines])
    else:
        text = choice.pick(_NOTES) + _joined(choice, lines)
    return Page(text, {"form": "notes", "unknown": tuple(unknown)}, tuple(facts))


def _others(world: World, choice: Choice, first: Entity, count: int) -> list[Entity]:
    """Up to ``count`` other entities of the same kind, each drawn by popularity; a repeated one is left out."""
    found = dict.fromkeys(world.draw(choice, first.kind) for _ in range(count))
    found.pop(first, None)
    return list(found) or [next(entity for entity in world.entities_of(first.kind) if entity != first)]


def _joined(choice: Choice, sentences: Sequence[str]) -> str:
    """The sentences as one paragraph or one a line; a single one leaves nothing to choose, so it costs no bits."""
    if len(sentences) == 1:
        return sentences[0]
    return ("\n" if choice.chance(_LINES_SHARE) else " ").join(sentences)


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _titled(template: str, name: str) -> str:
    return template.replace("{name}", name).replace("{Name}", _upper(name))
