"""The junk of the real web, planted so that cleaning can be measured: every page says in its provenance what it is.

Boilerplate, spam, exact and near copies of a few pages, other languages, and private data. People, addresses and
numbers are made up: mail domains end in ``.example``, network addresses are from the ranges kept for documentation,
telephone numbers from the 555 ones kept for films, card numbers from a range that nobody issues. ``order number``
pages hold numbers as long as a card's that fail its checksum: harmless, and to be kept.
"""

from collections.abc import Callable, Sequence

from orrery.data.luhn import luhn_valid
from orrery.data.world.choice import Choice
from orrery.data.world.genres import Page, dialogue, howto, news, story
from orrery.data.world.genres.draws import Slots, WorldSlots, accepted
from orrery.data.world.genres.words import block_table
from orrery.data.world.world import World

COPIED_PAGES = 60  # of each copied genre: so few that copies recur
_TABLE = block_table("words_junk.txt")
_LANGUAGES = ("german", "french", "spanish", "latin")
_COPIED = {"howto": howto.write, "news": news.write, "story": story.write, "dialogue": dialogue.write}
_NUMBERS = {"number": tuple(str(n) for n in range(1998, 2027)), "small": tuple(str(n) for n in range(2, 20))}
_FRAMES = (
    "You can write to {person} at {secret} on {day}.",
    "{person} from {town} wrote: my {what} is {secret}, please keep it safe.",
    "Please send the form to {person}. The {what} is {secret}.",
    "Contact: {person}, {town}, {what} {secret}.",
    "{person} lost a bag in {town}. If you find it, the {what} is {secret}.",
    "Customer {person}, {town}. The {what} in our list is {secret}. Changed on {day}.",
)
_DAYS = {"day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")}
_DOCUMENTATION_NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")


def write(world: World, choice: Choice) -> Page:
    """One page; ``provenance["planted"]`` names the kind: a function below with spaces, or what is private in it."""
    return choice.weighted(_KINDS, _KIND_WEIGHTS)(world, choice)


def boilerplate(world: World, choice: Choice) -> Page:
    """What stands around the text of a page: a menu, cookie banners, footers."""
    block = _TABLE["boilerplate"]
    slots = WorldSlots(world, choice, _NUMBERS)
    lines = [choice.pick(texts) for texts in choice.sample(block.all("line"), choice.integer(3, 6))]
    if choice.chance(0.7):
        lines.insert(0, choice.pick((" | ", " - ", " ")).join(choice.sample(block.one("menu"), choice.integer(4, 8))))
    return Page("\n".join(lines).format_map(slots), {"planted": "boilerplate"})


def spam(world: World, choice: Choice) -> Page:
    """Advertisements that say the same few phrases again and again."""
    block = _TABLE["spam"]
    slots = WorldSlots(world, choice, {"product": block.one("product"), **_NUMBERS})
    phrases = choice.sample(block.one("phrase"), choice.integer(1, 2))
    parts = [choice.pick(phrases) for _ in range(choice.integer(6, 14))]
    for extra in (choice.pick(block.one("claim")), *choice.sample(block.one("shout"), choice.integer(1, 3))):
        parts.insert(choice.integer(0, len(parts)), extra)
    return Page(" ".join(parts).format_map(slots), {"planted": "spam"})


def exact_copy(world: World, choice: Choice) -> Page:
    """One of a few pages, word for word; the first of its copies in a corpus is no junk yet."""
    page, source = _copied(world, choice)
    return Page(page.text, {"planted": "exact copy", "source": source})


def near_copy(world: World, choice: Choice) -> Page:
    """One of a few pages with a few words lost or said twice."""
    page, source = _copied(world, choice)
    words = page.text.split(" ")
    changes = choice.integer(1, 3)
    for _ in range(changes):
        place = choice.integer(1, len(words) - 2)
        words[place : place + 1] = choice.pick(([], [words[place], words[place]]))
    return Page(" ".join(words), {"planted": "near copy", "source": source, "changes": changes})


def _copied(world: World, choice: Choice) -> tuple[Page, str]:
    genre, number = choice.pick(tuple(_COPIED)), choice.integer(1, COPIED_PAGES)
    page = _COPIED[genre](world, Choice(number))  # its own stream: what it draws costs nothing when the number is known
    return page, f"{genre} {number}"


def other_language(world: World, choice: Choice) -> Page:
    """A few sentences in German, French, Spanish or Latin."""
    language = choice.pick(_LANGUAGES)
    lines = [choice.pick(texts) for texts in choice.sample(_TABLE[language].all("line"), choice.integer(2, 5))]
    return Page(" ".join(lines), {"planted": "other language", "language": language})


def private(world: World, choice: Choice) -> Page:
    """One or two sentences with a mail address, telephone, card or network address of a made-up person."""
    kind, what, make = choice.pick(_SECRETS)
    slots = WorldSlots(world, choice, _DAYS, {"what": what})
    secret = slots["secret"] = make(choice, slots)
    text = " ".join(choice.sample(_FRAMES, choice.integer(1, 2))).format_map(slots)
    return Page(text, {"planted": kind, "value": secret})


def _email(choice: Choice, slots: Slots) -> str:
    given, family = slots["person"].lower().split()
    user = choice.pick((f"{given}.{family}", f"{given[0]}{family}", f"{family}.{given}", given))
    return f"{user}@{slots['town'].lower()}.example"


def _telephone(choice: Choice, slots: Slots) -> str:
    form = choice.pick(("({area}) 555-0{line}", "{area}-555-0{line}", "+1 {area} 555 0{line}", "{area}.555.0{line}"))
    return form.format(area=choice.integer(201, 989), line=choice.integer(100, 199))


def _network(choice: Choice, slots: Slots) -> str:
    return f"{choice.pick(_DOCUMENTATION_NETWORKS)}{choice.integer(1, 254)}"


def _card(choice: Choice, slots: Slots) -> str:
    start = f"999999{choice.integer(0, 999_999_999):09d}"
    digits = next(start + last for last in "0123456789" if luhn_valid(start + last))
    return _grouped(choice, digits)


def _order_number(choice: Choice, slots: Slots) -> str:
    draw = accepted(choice, lambda: f"9{choice.integer(0, 10**15 - 1):015d}", lambda digits: not luhn_valid(digits))
    return _grouped(choice, draw)


def _grouped(choice: Choice, digits: str) -> str:
    mark = choice.pick(("", " ", "-"))
    return mark.join(digits[place : place + 4] for place in range(0, 16, 4))


_SECRETS: Sequence[tuple[str, str, Callable[[Choice, Slots], str]]] = (
    ("email", "email", _email),
    ("telephone", "telephone number", _telephone),
    ("card", "card number", _card),
    ("network address", "network address", _network),
    ("order number", "order number", _order_number),
)
_KINDS: tuple[Callable[[World, Choice], Page], ...] = (
    boilerplate, spam, exact_copy, near_copy, other_language, private,
)  # fmt: skip
_KIND_WEIGHTS = (0.18, 0.34, 0.54, 0.66, 0.82, 1.0)
