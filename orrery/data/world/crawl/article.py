"""What a page of a crawl says, before a site puts it into HTML: a title and blocks of text.

>>> Article("Tea", (Block("text", ("Boil water.",)), Block("steps", ("Pour.", "Wait.")))).text
'Tea\\nBoil water.\\nPour.\\nWait.'
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["heading", "text", "items", "steps", "links", "table", "lines", "code", "post"]


@dataclass(frozen=True)
class Block:
    """A part of a page.

    Attributes:
        kind: a heading, a paragraph, an unnumbered or numbered list, a list of links, a table (cells of a row are
            divided by tabs), lines that are broken on purpose, code as it stands, or one person's post.
        texts: paragraphs, items, rows or lines. Of a post the first is its author, which is no text.
    """

    kind: Kind
    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        """What of it belongs to the page's text."""
        return "\n".join(self.texts[1:] if self.kind == "post" else self.texts).replace("\t", " ")


@dataclass(frozen=True)
class Article:
    """What a page says.

    Attributes:
        title: it stands over the text, and in the page's head.
        blocks: the text.
        language: ISO 639-1, of the text and of the site around it.
    """

    title: str
    blocks: tuple[Block, ...]
    language: str = "en"

    @property
    def text(self) -> str:
        """The true main text: what should be left when the site is taken away."""
        return "\n".join([self.title, *(block.text for block in self.blocks)])
