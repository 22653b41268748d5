"""An index as tools: `search` finds passages, `read` a file page by page."""

from orrery.agents.index import Index
from orrery.errors import DataError, ToolError
from orrery.tools.registry import Tool, tool_from_function

FOUND = 3  # passages of a search
PAGE = 2_000  # characters


class Library:
    """The files of an index."""

    def __init__(self, index: Index) -> None:
        self.index = index

    def tools(self) -> list[Tool]:
        """`search` and `read`."""
        return [tool_from_function(self.search), tool_from_function(self.read)]

    def search(self, query: str) -> str:
        """Find passages in the user's documents.

        Args:
            query: words that stand in the passage, or a question, for example "how are runs resumed"
        """
        hits = self.index.search(query, FOUND)
        if not hits:
            return "nothing found"
        places = [f"{hit.file} ({hit.title})" if hit.title else hit.file for hit in hits]
        return "\n\n".join(f"{place}:\n{hit.text}" for place, hit in zip(places, hits, strict=True))

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
