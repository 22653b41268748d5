"""Pages worth keeping: the world's own documents, several about related things joined to pages of realistic length.

Some are hard for any filter and in there for that reason: short entries, poems, dialogues, sums, tables, code, and an
English page with a letter in another language.
"""

import re
from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.crawl.article import Article, Block
from orrery.data.world.entities import Entity
from orrery.data.world.genres import code, dialogue, howto, news, story, worksheet
from orrery.data.world.genres.draws import WorldSlots
from orrery.data.world.genres.words import block_table
from orrery.data.world.relations import RELATIONS
from orrery.data.world.world import World

TABLE = block_table("crawl_words.txt")
LANGUAGES = block_table("crawl_languages.txt")
NUMBERS = {"number": tuple(str(n) for n in range(3, 90))}
_STEP = re.compile(r"(?:\d+[.)]|Step \d+:) (.*)")
_KINDS = tuple(RELATIONS)


def entry(world: World, choice: Choice) -> Article:
    """One thing or person, and a section for each that is related: of its facts' values, and of its kind."""
    entity = world.draw(choice)
    blocks = [_intro(world, choice, "entry", name=entity.name), _facts(world, choice, entity)]
    if choice.chance(0.5):
        rows = tuple(f"{_upper(fact.relation.noun)}\t{fact.value}" for fact in world.facts_of(entity))
        blocks.append(Block("table", rows))
    for other in _related(world, choice, entity, choice.integer(3, 8)):
        blocks += [Block("heading", (_upper(other.name),)), _facts(world, choice, other)]
    return Article(_upper(entity.name), tuple(blocks))


def short(world: World, choice: Choice) -> Article:
    """A good page that is just short: the facts about one person or thing, and no more."""
    entity = world.draw(choice)
    return Article(_upper(entity.name), (_facts(world, choice, entity),))


def bilingual(world: World, choice: Choice) -> Article:
    """An English entry in which a letter stands in its own language."""
    page = entry(world, choice)
    language = choice.pick(tuple(LANGUAGES))
    letter = Block("text", tuple(foreign_lines(world, choice, language, 4)))
    return Article(page.title, (*page.blocks, _intro(world, choice, "bilingual"), letter))


def forum(world: World, choice: Choice) -> Article:
    """A thread: somebody asks about one thing, others answer, and go on to others of its kind."""
    entity = world.draw(choice, asked=True)
    names = choice.sample(_HANDLES, 6)
    first = choice.pick(world.facts_of(entity)).ask(choice)
    blocks = [Block("post", (names[0], f"{_say(choice, 'open')} {first}"))]
    for number in range(choice.integer(4, 9)):
        facts = choice.sample(world.facts_of(entity), min(3, len(world.facts_of(entity))))
        said = [_say(choice, "glue"), facts[0].answer, *(fact.state(choice) for fact in facts[1:])]
        if choice.chance(0.4):
            entity = world.draw(choice, entity.kind, asked=True)
            said.append(choice.pick(world.facts_of(entity)).ask(choice))
        blocks.append(Block("post", (names[number % 5 + 1], " ".join(said))))
    return Article(first, (*blocks, Block("post", (names[0], _say(choice, "close")))))


def howtos(world: World, choice: Choice) -> Article:
    """Two to five instructions."""
    blocks = [_intro(world, choice, "howto")]
    titles: list[str] = []
    for _ in range(choice.integer(2, 5)):
        page = howto.write(world, choice)
        titles.append(_upper(f"how to {page.provenance['title']}"))
        blocks.append(Block("heading", (titles[-1],)))
        lines = page.text.split("\n")[1:]
        steps = tuple(found[1] for found in map(_STEP.match, lines) if found)
        texts = [Block("text", (line,)) for line in lines if not _STEP.match(line)]
        first = 1 if not _STEP.match(lines[0]) else 0  # what is needed comes before the steps
        blocks += [*texts[:first], Block("steps", steps), *texts[first:]]
    return Article(titles[0], tuple(blocks))


def reports(world: World, choice: Choice) -> Article:
    """Three to six reports of the week."""
    blocks = [_intro(world, choice, "news")]
    for number in range(choice.integer(3, 6)):
        page = news.write(world, choice)
        if number:
            event = page.provenance["event"].replace("_", " ")
            blocks.append(Block("heading", (f"{_upper(event)}, {world.fresh_town(choice)}",)))
        blocks.append(Block("text", (page.provenance["text"],)))
    return Article(f"The week in {world.fresh_town(choice)}", tuple(blocks))


def stories(world: World, choice: Choice) -> Article:
    """Three to seven short stories."""
    blocks = [_intro(world, choice, "story")]
    titles: list[str] = []
    for _ in range(choice.integer(3, 7)):
        page = story.story(world, choice)
        titles.append(f"{page.provenance['name'].split()[0]} and the {page.provenance['plot'].replace('_', ' ')}")
        blocks += [Block("heading", (titles[-1],)), Block("text", (page.text.split("\n")[-1],))]
    return Article(titles[0], tuple(blocks))


def scenes(world: World, choice: Choice) -> Article:
    """Three to five dialogues, line by line."""
    blocks = [_intro(world, choice, "dialogue")]
    for number in range(1, choice.integer(3, 5) + 1):
        lines = tuple(dialogue.people(world, choice).text.split("\n"))
        blocks += [Block("heading", (f"Scene {number}",)), Block("lines", lines)]
    return Article("Scenes for two", tuple(blocks))


def sums(world: World, choice: Choice) -> Article:
    """Four to seven worksheets."""
    blocks = [_intro(world, choice, "worksheet")]
    for number in range(1, choice.integer(4, 7) + 1):
        lines = tuple(worksheet.write(world, choice).text.split("\n"))
        blocks += [Block("heading", (f"Part {number}",)), Block("lines", lines)]
    return Article("Sums with answers", tuple(blocks))


def table(world: World, choice: Choice) -> Article:
    """A table of many things of one kind, with a few sentences around it."""
    kind = choice.pick(_KINDS)
    entities = choice.sample(world.entities_of(kind), min(choice.integer(10, 25), len(world.entities_of(kind))))
    places = choice.sample(range(len(RELATIONS[kind])), min(3, len(RELATIONS[kind])))
    head = "\t".join(["Name", *(_upper(RELATIONS[kind][place].noun) for place in places)])
    rows = ["\t".join([one.name, *(world.facts_of(one)[place].value for place in places)]) for one in entities]
    said = _facts(world, choice, entities[0])
    blocks = (_intro(world, choice, "table"), Block("table", (head, *rows)), said)
    return Article(f"Table: {kind}, {RELATIONS[kind][places[0]].noun}", blocks)


def poem(world: World, choice: Choice) -> Article:
    """Four to six stanzas."""
    slots = WorldSlots(world, choice, NUMBERS)
    stanzas = choice.sample(TABLE["poem"].one("stanza"), choice.integer(4, 6))
    blocks = [Block("lines", tuple(stanza.format_map(slots).split(" / "))) for stanza in stanzas]
    return Article(choice.pick(TABLE["poem"].one("title")).format_map(slots), tuple(blocks))


def programs(world: World, choice: Choice) -> Article:
    """Small programs for those who begin, with what they print."""
    blocks = [_intro(world, choice, "code")]
    for _ in range(choice.integer(2, 3)):
        for program in code.write(world, choice).provenance["programs"]:
            blocks += [Block("text", ("Here is a small program to read and to try out.",)),
                       Block("code", (program["source"],)),
                       Block("text", ("When you run it, this is what you should see.",)),
                       Block("code", (program["output"],))]  # fmt: skip
    return Article("Programs to begin with", tuple(blocks))


def foreign_lines(world: World, choice: Choice, language: str, count: int) -> list[str]:
    """Sentences of a language, in the order of its table and each about people of its own."""
    lines = LANGUAGES[language].all("line")
    places = sorted(choice.sample(range(len(lines)), min(count, len(lines))))
    return [choice.pick(lines[place]).format_map(WorldSlots(world, choice, NUMBERS)) for place in places]


# Weight of each kind of good page.
GOOD: dict[str, tuple[float, Callable[[World, Choice], Article]]] = {
    "entry": (12, entry), "forum": (7, forum), "howto": (5, howtos), "news": (7, reports), "story": (6, stories),
    "dialogue": (2, scenes), "worksheet": (2, sums), "table": (1, table), "poem": (1, poem), "code": (1, programs),
    "short": (2, short), "bilingual": (1, bilingual),
}  # fmt: skip
_HANDLES = ("bluefox", "rainyday", "happyowl", "mapfan", "nightbird", "teapot", "oldbook", "sunflower", "skywalk",
            "greenleaf", "redkite", "softsnow", "quickcat", "seashell", "papermoon", "goldfish")  # fmt: skip


def _facts(world: World, choice: Choice, entity: Entity) -> Block:
    """Everything about one thing, in a random order."""
    return Block("text", (" ".join(fact.state(choice) for fact in choice.shuffled(world.facts_of(entity))),))


def _related(world: World, choice: Choice, entity: Entity, count: int) -> list[Entity]:
    """First what the facts about ``entity`` name, then others of its kind."""
    named = {fact.value for fact in world.facts_of(entity)}
    found = [other for other in world.entities if other.name in named]
    found += [world.draw(choice, entity.kind) for _ in range(count)]
    return [other for other in dict.fromkeys(found) if other != entity][:count]


def _intro(world: World, choice: Choice, kind: str, **fixed: str) -> Block:
    said = choice.pick(TABLE["intro"].one(kind))
    return Block("text", (said.format_map(WorldSlots(world, choice, NUMBERS, fixed)),))


def _say(choice: Choice, what: str) -> str:
    return choice.pick(TABLE["forum"].one(what))


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]
