"""The main text of a web page, without menus, advertisements and footers: trafilatura, as FineWeb used it.

    MainText().apply(Document("<html>…", provenance={"media_type": "text/html"}))

Barbaresi (2021, ACL demo 15) describes it; FineWeb (arXiv 2406.17557, section 3.2) found its text better than that of
the crawl's own text files, and so it is what both this and datatrove call. Precision is preferred to recall, comments
are left out. Its removal of text that it saw on earlier pages is off, since a step may depend on its document alone;
for the same reason pages are limited by their size and not by the time that they take. It writes bars around the rows
of tables; those at the ends of lines are taken off, or a page that is laid out in a table would have no line that ends
in a full stop.
"""

import logging
from dataclasses import dataclass, replace
from typing import ClassVar

from orrery.data.documents import Document
from orrery.data.pipeline.step import Reject
from orrery.errors import ConfigError


@dataclass(frozen=True)
class MainText:
    """The text of HTML documents; all others pass as they are.

    Attributes:
        max_characters: of HTML; trees of larger pages take minutes and gigabytes.
        precision: less text rather than doubtful text.
        tables: whether the text of tables is kept.
    """

    name: ClassVar[str] = "extract"
    max_characters: int = 2_000_000
    precision: bool = True
    tables: bool = True

    def apply(self, document: Document) -> Document | Reject:
        """The document with its main text, or why there is none.

        Raises:
            ConfigError: trafilatura is missing.
        """
        if document.provenance.get("media_type") != "text/html":
            return document
        if len(document.text) > self.max_characters:
            return Reject("too_large", f"{len(document.text):,} characters, at most {self.max_characters:,}")
        try:
            import trafilatura
        except ImportError as error:
            raise ConfigError("the main text of web pages needs trafilatura: pip install 'orrery[data]'") from error
        logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what it complains of is a reject here
        try:
            text = trafilatura.extract(
                document.text,
                favor_precision=self.precision,
                include_comments=False,
                include_tables=self.tables,
                deduplicate=False,
            )
        except Exception as error:  # of any kind: pages are made by everybody, and one must not end a build
            return Reject("failed", f"{type(error).__name__}: {error}")
        text = "\n".join(line.strip(" |") if "|" in line else line for line in (text or "").splitlines()).strip()
        if not text:
            return Reject("no_text", "no main text was found")
        return replace(document, text=text, provenance={**document.provenance, "media_type": "text/plain"})
