"""Which page a crawl holds at an index, and the truth about it.

Page ``index`` is a pure function of the world's seed and the index (and of the exams' texts, where it quotes one), so
that a copy can make its original again. The mix is in `WEIGHTS`.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

from orrery.data.world.choice import Choice
from orrery.data.world.crawl.article import Article, Block
from orrery.data.world.crawl.bad import BAD
from orrery.data.world.crawl.good import GOOD
from orrery.data.world.crawl.html import broken, empty, render, truncated
from orrery.data.world.crawl.private import Planted, plant
from orrery.data.world.crawl.sites import Site, make_sites, slug
from orrery.data.world.world import World

PRIVATE_SHARE = 0.3  # of the good pages
ORIGINALS = 4  # one good page in so many is copied, so that there are clusters of several copies
_LAST_SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z])")
# How many of 103 pages: good ones 47, copies 12, bad ones 32, and the others as here.
WEIGHTS: dict[str, float] = {
    **{kind: weight for kind, (weight, _) in GOOD.items()},
    "mirror": 5,
    "syndicated": 7,
    **{kind: weight for kind, (weight, _, _) in BAD.items()},
    "blocked address": 3,
    "truncated": 2,
    "empty shell": 1,
    "exam": 3,
    "no page": 3,
}
_KINDS, _CUMULATIVE = tuple(WEIGHTS), tuple(accumulate(WEIGHTS.values()))


@dataclass(frozen=True)
class Page:
    """One page as it is crawled, and the truth about it.

    Attributes:
        index: its place in the crawl.
        url: its address, which no other page has.
        status: of the HTTP response.
        media_type: of the HTTP response.
        body: of the HTTP response.
        charset: of the body.
        kind: what it is.
        step: of the pipeline, that should reject it; None for a good page, and for spam that no published rule names.
        good: whether it should come through. Of a page and its copies one should.
        cluster: index of the page that this is a copy of, its own where there may be copies; None elsewhere.
        article: what it says; None where it has no text.
        planted: strings that are private, or look so.
        look: of the site, "" where the page has no text.
    """

    index: int
    url: str
    kind: str
    body: bytes
    step: str | None = None
    good: bool = False
    cluster: int | None = None
    article: Article | None = None
    planted: tuple[Planted, ...] = ()
    look: str = ""
    status: int = 200
    media_type: str = "text/html"
    charset: str = "utf-8"


@dataclass(frozen=True)
class _Draft:
    """A page before a site shows it."""

    kind: str
    article: Article
    step: str | None = None
    good: bool = False
    cluster: int | None = None
    planted: tuple[Planted, ...] = ()


class Crawl:
    """All pages of a world's crawl.

    Args:
        world: what they are about.
        exams: questions of exams that some pages quote; those of fewer than 13 words are passed over, because no
            decontamination by 13-grams could find them. Without any, the pages that would quote one are entries.
    """

    def __init__(self, world: World, exams: Sequence[str] = ()) -> None:
        self.world = world
        self.exams = [text for text in exams if len(text.split()) >= 13]
        self.sites = make_sites(world, self._choice("sites"))
        self._draft = lru_cache(maxsize=1024)(self._make_draft)

    def page(self, index: int) -> Page:
        """The page at ``index``."""
        kind, draft = self._kind(index), self._draft(index)
        choice = self._choice(f"site {index}")
        site = self._site(draft, choice)
        path = choice.pick(("", f"{choice.integer(2012, 2024)}/{choice.integer(1, 12):02d}/", "articles/", "p/"))
        url = f"https://{site.host}/{path}{slug(draft.article.title)[:60].strip('-') or 'page'}-{index}"
        made = Page(index, url, kind, b"", draft.step, draft.good, draft.cluster, draft.article, draft.planted)
        if kind == "no page":
            return self._no_page(made, choice)
        html = render(self.world, draft.article, site, choice)
        if kind == "truncated":
            html, made = truncated(html, choice), replace(made, article=None)
        elif kind == "empty shell":
            html, made = empty(html), replace(made, article=None)
        elif draft.good and choice.chance(0.1):
            html = broken(html, choice)
        look = site.look if made.article else ""
        return replace(made, look=look, body=html.encode(site.charset, "xmlcharrefreplace"), charset=site.charset)

    def _kind(self, index: int) -> str:
        kind = self._choice(f"kind {index}").weighted(_KINDS, _CUMULATIVE)
        if kind in ("mirror", "syndicated") and self._original(index) is None:
            return _KINDS[0]  # nothing was written yet that could be copied
        return _KINDS[0] if kind == "exam" and not self.exams else kind

    def _original(self, index: int) -> int | None:
        """An earlier good page that is copied by the page at ``index``."""
        start = self._choice(f"original {index}").integer(0, max(index - 1, 0))
        for earlier in range(start - start % ORIGINALS, -1, -ORIGINALS):
            if earlier < index and self._choice(f"kind {earlier}").weighted(_KINDS, _CUMULATIVE) in GOOD:
                return earlier
        return None

    def _make_draft(self, index: int) -> _Draft:
        kind, choice = self._kind(index), self._choice(f"text {index}")
        if kind in ("mirror", "syndicated"):
            original = self._original(index)
            assert original is not None, "a page without an original is no copy"
            draft = self._draft(original)
            article = draft.article if kind == "mirror" else _syndicated(self.world, draft.article, choice)
            planted = tuple(one for one in draft.planted if one.text in article.text)
            return replace(draft, kind=kind, article=article, step="minhash", good=False, planted=planted)
        if kind in BAD:
            _, step, write = BAD[kind]
            return _Draft(kind, write(self.world, choice), step)
        if kind in GOOD:
            article = GOOD[kind][1](self.world, choice)
            planted = ()
            if kind != "short" and choice.chance(PRIVATE_SHARE):
                sentences, strings = zip(*(plant(self.world, choice) for _ in range(choice.integer(1, 2))), strict=True)
                article = _with_paragraph(article, choice, " ".join(sentences))
                planted = strings
            cluster = index if index % ORIGINALS == 0 else None
            return _Draft(kind, article, None, True, cluster, planted)
        article = self._ordinary(choice)
        if kind == "exam":
            question = choice.pick(self.exams).replace("\n", " ")
            return _Draft(kind, _with_paragraph(article, choice, f"Here is one for you. {question}"), "decontaminate")
        steps = {"blocked address": "url_filter", "truncated": "extract", "empty shell": "extract", "no page": "source"}
        return _Draft(kind, article, steps[kind])

    def _ordinary(self, choice: Choice) -> Article:
        """A good text for a page that is bad for another reason."""
        return GOOD[choice.pick(("entry", "news", "story", "forum"))][1](self.world, choice)

    def _site(self, draft: _Draft, choice: Choice) -> Site:
        if draft.article.language != "en":
            return choice.pick(self.sites.foreign[draft.article.language])
        if draft.kind == "blocked address":
            return choice.pick(self.sites.blocked)
        if draft.kind.startswith(("spam", "machine")):
            return choice.pick(self.sites.spam)
        if any(block.kind == "post" for block in draft.article.blocks):
            return choice.pick(self.sites.looking("board"))
        return choice.pick(tuple(site for site in self.sites.good if site.look != "board"))

    def _no_page(self, made: Page, choice: Choice) -> Page:
        """What a crawler meets besides pages: something moved, gone, or not HTML."""
        made = replace(made, article=None)
        status, media_type = choice.pick(
            ((301, "text/html"), (404, "text/html"), (200, "image/png"), (200, "application/json"))
        )
        body = {"image/png": b"\x89PNG\r\n\x1a\n" + bytes(64), "application/json": b'{"ok": true}'}.get(media_type)
        gone = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>".encode()
        return replace(made, status=status, media_type=media_type, body=body or gone)

    def _choice(self, purpose: str) -> Choice:
        """A generator for one purpose, so that a change to one page leaves the others as they are."""
        digest = hashlib.blake2b(f"crawl {self.world.config.seed} {purpose}".encode(), digest_size=8).digest()
        return Choice(int.from_bytes(digest, "big"))


def _with_paragraph(article: Article, choice: Choice, text: str) -> Article:
    """The article with a paragraph more, between or after the others."""
    places = [place for place in range(1, len(article.blocks) + 1) if article.blocks[place - 1].kind != "heading"]
    place = choice.pick(places)
    return replace(article, blocks=(*article.blocks[:place], Block("text", (text,)), *article.blocks[place:]))


def _syndicated(world: World, article: Article, choice: Choice) -> Article:
    """The article as another site prints it: one or two sentences are others, and a line says where it is from."""
    blocks = list(article.blocks)
    places = [place for place, block in enumerate(blocks) if block.kind == "text"] or [0]
    for place in choice.sample(places, min(len(places), choice.integer(1, 2))):
        block = blocks[place]
        sentences = _LAST_SENTENCE.split(block.texts[-1])
        other = choice.pick(world.facts).state(choice)
        changed = [other if number == len(sentences) - 1 else sentence for number, sentence in enumerate(sentences)]
        blocks[place] = replace(block, texts=(*block.texts[:-1], " ".join(changed)))
    source = Block(
        "text", (f"This text was first printed by {world.fresh_company(choice)} in {world.fresh_town(choice)}.",)
    )
    return replace(article, blocks=(*blocks, source))
