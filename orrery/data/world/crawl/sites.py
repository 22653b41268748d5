"""The made-up sites of a crawl: each has a name, a host, a look, and what stands on all of its pages.

Hosts end in ``.example``, which nobody can own (RFC 2606). Two good sites have names in which a careless filter of
addresses finds a bad word (the Scunthorpe problem).
"""

import re
from dataclasses import dataclass

from orrery.data.world.choice import Choice
from orrery.data.world.crawl.good import LANGUAGES, TABLE
from orrery.data.world.genres.draws import WorldSlots
from orrery.data.world.world import World

LOOKS = ("modern", "blog", "tables", "soup", "portal", "wiki", "board")
GOOD_SITES, FOREIGN_SITES, SPAM_SITES, BLOCKED_SITES = 70, 3, 10, 8  # the second of each language
_INNOCENT = ("Essex Gazette", "Middlesex Notes")
_BLOCKED = ("xxx-videos", "free-porn", "sex-cams", "porn-tube", "hot-sex-chat", "adult-xxx")
_NUMBERS = tuple(str(n) for n in range(10, 25))
_NO_ASCII = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Site:
    """One site.

    Attributes:
        host: its domain name.
        name: as it stands in titles and footers.
        look: which of the templates of ``html.py`` makes its pages.
        language: of its menu.
        menu: links that stand on every page.
        charset: in which its pages are sent.
        noise: texts around the content, by the keys of the table's block ``[chrome]``.
    """

    host: str
    name: str
    look: str
    language: str
    menu: tuple[str, ...]
    charset: str
    noise: dict[str, str]


@dataclass(frozen=True)
class Sites:
    """All sites of a crawl, by what their pages are."""

    good: tuple[Site, ...]
    foreign: dict[str, tuple[Site, ...]]
    spam: tuple[Site, ...]
    blocked: tuple[Site, ...]

    def looking(self, look: str) -> tuple[Site, ...]:
        """The good sites of one look."""
        return tuple(site for site in self.good if site.look == look)


def make_sites(world: World, choice: Choice) -> Sites:
    """The sites of a world's crawl."""
    taken: set[str] = set()
    names = [*_INNOCENT, *(_name(world, choice) for _ in range(GOOD_SITES - len(_INNOCENT)))]
    good = [_site(world, choice, name, LOOKS[n % len(LOOKS)], "en", taken) for n, name in enumerate(names)]
    foreign = {
        language: tuple(
            _site(world, choice, world.fresh_town(choice), choice.pick(LOOKS), language, taken)
            for _ in range(FOREIGN_SITES)
        )
        for language in LANGUAGES
    }
    products = [choice.pick(TABLE["spam"].one("product")) for _ in range(SPAM_SITES)]
    spam = [_site(world, choice, f"{product} online", choice.pick(LOOKS), "en", taken) for product in products]
    blocked = [
        _site(world, choice, choice.pick(_BLOCKED), choice.pick(LOOKS), "en", taken) for _ in range(BLOCKED_SITES)
    ]
    return Sites(tuple(good), foreign, tuple(spam), tuple(blocked))


def slug(text: str) -> str:
    """A title as it stands in an address: ``The week in Belford`` is ``the-week-in-belford``."""
    return _NO_ASCII.sub("-", text.lower()).strip("-")


def _name(world: World, choice: Choice) -> str:
    return choice.pick(TABLE["sites"].one("name")).format_map(WorldSlots(world, choice, {}))


def _site(world: World, choice: Choice, name: str, look: str, language: str, taken: set[str]) -> Site:
    second = choice.pick(TABLE["sites"].one("second"))
    host = f"{choice.pick(('www.', ''))}{slug(name)}-{second}.example"
    while host in taken:
        host = host.replace(".example", f"-{choice.integer(2, 99)}.example")
    taken.add(host)
    words = TABLE["sites"].one("menu") if language == "en" else LANGUAGES[language].one("menu")
    menu = choice.sample(words, choice.integer(5, min(10, len(words))))
    slots = WorldSlots(world, choice, {"number": _NUMBERS}, {"site": name})
    noise = {key: choice.pick(texts).format_map(slots) for key, texts in TABLE["chrome"].lines}
    charset = "iso-8859-1" if look == "tables" else "utf-8"
    return Site(host, name, look, language, tuple(menu), charset, noise)
