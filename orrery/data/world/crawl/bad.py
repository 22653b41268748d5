"""Pages to get rid of, each with the step of the pipeline whose published rules name its fault.

The text of spam that is written in whole sentences breaks no rule: such pages have no step, and the truth shows how
many of them come through.
"""

from collections.abc import Callable

from orrery.data.world.choice import Choice
from orrery.data.world.crawl.article import Article, Block
from orrery.data.world.crawl.good import LANGUAGES, NUMBERS, TABLE, foreign_lines, howtos, reports
from orrery.data.world.genres.draws import Slots, WorldSlots
from orrery.data.world.world import World

_THINGS = ("menu", "banner", "cart", "slider", "popup", "gallery", "counter", "footer")
# THING is one of these; these are no templates of the table because of their brackets.
_SCRIPT = (
    "function THINGInit(options) { return document.getElementById(options.id); }",
    "var THINGCount = THINGCount || {}; THINGCount.total += 1;",
    "if (window.THING && !THING.ready) { THING.load(); }",
    "$('.THING').on('click', function (event) { event.preventDefault(); });",
    "try { track.push(['THING', Date.now()]); } catch (error) { console.log(error); }",
    "for (var i = 0; i < THINGList.length; i++) { THINGList[i].hide(); }",
    'const THING = await fetch("/api/THING").then((reply) => reply.json());',
)


def stuffing(world: World, choice: Choice) -> Article:
    """Keywords again and again."""
    slots, spam = _slots(world, choice), TABLE["spam"]
    words = [text.format_map(slots) for text in choice.sample(spam.one("stuffing"), 4)]
    paragraphs = [
        ", ".join(choice.pick(words) for _ in range(choice.integer(10, 30))) + "." for _ in range(choice.integer(3, 6))
    ]
    return Article(words[0].title(), tuple(Block("text", (paragraph,)) for paragraph in paragraphs))


def phrases(world: World, choice: Choice) -> Article:
    """One shout from top to bottom."""
    shout = choice.pick(TABLE["spam"].one("phrase")).format_map(_slots(world, choice))
    return Article(shout, tuple(Block("text", (shout,)) for _ in range(choice.integer(15, 50))))


def link_farm(world: World, choice: Choice) -> Article:
    """Links to other shops, and nothing else."""
    links = []
    for _ in range(choice.integer(40, 120)):
        links.append(choice.pick(TABLE["spam"].one("stuffing")).format_map(_slots(world, choice)))
    return Article("Our partners", (Block("links", tuple(links)),))


def sales(world: World, choice: Choice) -> Article:
    """Spam in whole sentences."""
    slots = _slots(world, choice)
    said = [text.format_map(slots) for text in choice.sample(TABLE["spam"].one("fluent"), choice.integer(5, 9))]
    blocks = [Block("text", (" ".join(said[place : place + 3]),)) for place in range(0, len(said), 3)]
    return Article(f"The truth about {slots['product']}", tuple(blocks))


def machine(world: World, choice: Choice) -> Article:
    """What a program writes for every town: the same sentences over and over."""
    thing, town = choice.pick(TABLE["machine"].one("thing")), world.fresh_town(choice)
    lines = []
    for _ in range(choice.integer(15, 40)):
        slots = Slots(choice, NUMBERS, {"thing": thing, "town": town})
        lines.append(choice.pick(TABLE["machine"].one("line")).format_map(slots))
    return Article(f"{thing} in {town}", tuple(Block("text", (line,)) for line in lines))


def notice(world: World, choice: Choice) -> Article:
    """A page for logging in, a page that is not there, a parked name, or the wall of a cookie banner."""
    slots = _slots(world, choice)
    texts = TABLE["boilerplate"].one(choice.pick(("login", "lost", "parked", "consent")))
    lines = [text.format_map(slots) for text in texts if choice.chance(0.8)] or [texts[0].format_map(slots)]
    return Article(lines[0], tuple(Block("text", (line,)) for line in lines))


def links(world: World, choice: Choice) -> Article:
    """A page of the archive: titles of other pages, and questions that were asked."""
    teasers, items = TABLE["chrome"].one("teaser"), []
    for _ in range(choice.integer(20, 60)):
        asked = choice.pick(world.facts).ask(choice).rstrip("?.")
        items.append(asked if choice.chance(0.7) else choice.pick(teasers).format_map(_slots(world, choice)))
    return Article("Archive", (Block("links", tuple(items)),))


def lorem(world: World, choice: Choice) -> Article:
    """A page that was never written, or only in part."""
    slots, latin, english = _slots(world, choice), TABLE["lorem"].one("line"), TABLE["lorem"].one("english")
    blocks = [Block("text", (choice.pick(english).format_map(slots), latin[0]))]
    blocks += [Block("text", (" ".join(choice.sample(latin, 3)),)) for _ in range(choice.integer(2, 4))]
    blocks.append(Block("text", (" ".join(text.format_map(slots) for text in english),)))
    if choice.chance(0.5):
        blocks = [*reports(world, choice).blocks, *blocks[:2]]
    return Article(f"Welcome to {slots['company']}", tuple(blocks))


def script(world: World, choice: Choice) -> Article:
    """A site's own program text where its content should be, or in the midst of it."""
    count = choice.pick((choice.integer(3, 6), choice.integer(20, 60)))
    lines = [choice.pick(_SCRIPT).replace("THING", choice.pick(_THINGS)) for _ in range(count)]
    return Article("Source of main.js", (*howtos(world, choice).blocks, Block("code", ("\n".join(lines),))))


def foreign(world: World, choice: Choice) -> Article:
    """A page in another language."""
    language = choice.pick(tuple(LANGUAGES))
    title = choice.pick(LANGUAGES[language].one("title")).format_map(_slots(world, choice))
    lines = foreign_lines(world, choice, language, choice.integer(9, 12))
    glue = "" if language == "zh" else " "
    blocks = [Block("text", (glue.join(lines[place : place + 4]),)) for place in range(0, len(lines), 4)]
    return Article(title, tuple(blocks), language)


# Weight, the step that should reject it (None: no rule that is published names it), and what writes it.
BAD: dict[str, tuple[float, str | None, Callable[[World, Choice], Article]]] = {
    "spam, keywords": (2, "gopher_repetition", stuffing),
    "spam, one phrase": (2, "gopher_repetition", phrases),
    "spam, links": (2, "fineweb_quality", link_farm),
    "spam, sentences": (2, None, sales),
    "machine-made": (3, "gopher_repetition", machine),
    "notice": (5, "gopher_quality", notice),
    "list of links": (3, "fineweb_quality", links),
    "lorem ipsum": (2, "c4_quality", lorem),
    "script": (2, "c4_quality", script),
    "language": (9, "language", foreign),
}


def _slots(world: World, choice: Choice) -> WorldSlots:
    options = {**NUMBERS, "product": TABLE["spam"].one("product")}
    return WorldSlots(world, choice, options, {"site": world.fresh_company(choice)})
