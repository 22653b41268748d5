"""An index as tools: `search` finds passages, `read` a file page by page."""

import re

from orrery.agents.index import Hit, Index, last_heading
from orrery.errors import DataError, ToolError
from orrery.tools.missing import missing
from orrery.tools.registry import Tool, tool_from_function

FOUND = 3  # passages of a search
PAGE = 2_000  # characters
_HEADING = re.compile(r"\A#+ .*\n+")


class Library:
    """The files of an index."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def tools(self) -> list[Tool]:
        """`search` and `read`."""
        return [tool_from_function(self.search), tool_from_function(self.read)]

    def search(self, query: str) -> str:
        """Find passages in the user's documents. What stands under a heading of just these words is found alone.

        Args:
            query: a name, words that stand in the passage, or a question, for example "how are runs resumed"
        """
        hits = self.index.titled(query) or self.index.search(query, FOUND)
        if not hits:
            return missing(query, map(last_heading, self.index.titles()))
        return "\n\n".join(self.shown(hit) for hit in hits[:FOUND])

    def shown(self, hit: Hit) -> str:
        """A passage under its file and title; a heading is not said twice."""
        name = self.index.name_of(hit.file)
        place = f"{name} ({hit.title})" if hit.title else name
        return f"{place}:\n{bare(hit)}"

    def read(self, file: str, page: int = 1) -> str:
        """Read one of the user's documents.

        Args:
            file: its path, or the end of it, as search gives it
            page: which page of it, from 1
        """
        try:
            text = self.index.read(file)
        except DataError as error:
            raise ToolError(str(error)) from error
        pages = max(1, -(-len(text) // PAGE))
        if not 1 <= page <= pages:
            raise ToolError(f"{file} has pages 1 to {pages}")
        return f"(page {page} of {pages})\n{text[(page - 1) * PAGE : page * PAGE]}"


def bare(hit: Hit) -> str:
    """A passage without the heading that it stands under, if it begins with that."""
    return _HEADING.sub("", hit.text, count=1) if hit.title else hit.text
