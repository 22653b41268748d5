"""Puts an article into a site's HTML: seven looks, from tables and ``<font>`` to the divisions of a script's framework.

    page = render(world, article, site, choice)

Around the text stands what stands on real pages: scripts and styles, menus, crumbs, side bars, teasers for other pages,
advertisements, a banner about cookies, remarks of readers and a form for more, a footer. None of it is in the truth.
The looks are in ``tables/crawl_looks.html.jinja``.
"""

import re
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, Template

from orrery.data.world.choice import Choice
from orrery.data.world.crawl.article import Article
from orrery.data.world.crawl.good import NUMBERS, TABLE
from orrery.data.world.crawl.sites import Site, slug
from orrery.data.world.genres.draws import WorldSlots
from orrery.data.world.genres.words import TABLES
from orrery.data.world.world import World

_MONTHS = ("March", "April", "May", "June", "July")
_OPTIONAL_END = re.compile(r"</(?:p|li|td|tr|h2|span)>")
_ATTRIBUTE = re.compile(r'(class|id|href)="([\w/.-]+)"')


@dataclass(frozen=True)
class Parts:
    """What is drawn for one page: pieces of other pages, readers' remarks, who wrote it, when and on what."""

    teasers: list[str]
    adverts: list[str]
    remarks: list[str]
    buttons: list[str]
    byline: str
    topic: str
    date: str
    year: int
    number: int


def render(world: World, article: Article, site: Site, choice: Choice) -> str:
    """The whole page."""
    return _looks().render(article=article, site=site, page=_parts(world, site, choice))


def broken(html: str, choice: Choice) -> str:
    """The page as careless hands write it: half of the ends of paragraphs, items and cells missing, attributes bare."""
    html = _OPTIONAL_END.sub(lambda found: found[0] if choice.chance(0.5) else "", html)
    return _ATTRIBUTE.sub(r"\1=\2", html).replace("</body>\n</html>", "")


def truncated(html: str, choice: Choice) -> str:
    """The page up to somewhere before its text: the connection was lost."""
    start = html.index("<h1")
    return html[: choice.integer(start // 4, start - 1)]


def empty(html: str) -> str:
    """The shell of a page whose text a script would fetch."""
    body = '<body>\n<div id="root"></div>\n<script src="/static/js/main.8f3a.js"></script>\n</body>\n</html>\n'
    return html[: html.index("<body")] + body


def _parts(world: World, site: Site, choice: Choice) -> Parts:
    chrome = TABLE["chrome"]

    def said(template: str) -> str:
        return template.format_map(WorldSlots(world, choice, NUMBERS, {"site": site.name}))

    return Parts(
        teasers=[said(choice.pick(chrome.one("teaser"))) for _ in range(choice.integer(4, 10))],
        adverts=[said(text) for text in choice.sample(chrome.one("advert"), 2)],
        remarks=choice.sample(chrome.one("remark"), choice.integer(0, 2)),
        buttons=choice.sample(chrome.one("button"), 3),
        byline=said(choice.pick(chrome.one("byline"))),
        topic=choice.pick(TABLE["sites"].one("topic")),
        date=f"{choice.integer(1, 28)} {choice.pick(_MONTHS)} {choice.integer(2015, 2024)}",
        year=choice.integer(2009, 2023),
        number=choice.integer(100, 99_999),
    )


@cache
def _looks() -> Template:
    environment = Environment(loader=FileSystemLoader(TABLES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["slug"] = lambda text: slug(text) or "p"  # of a menu in another script
    return environment.get_template("crawl_looks.html.jinja")
