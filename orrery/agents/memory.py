"""What an agent keeps between runs: notes in the database, and the tools that write and find them.

remember("Ada's birthday is the 10th of December.")     → "remembered"
recall("When is Ada's birthday?")                       → the notes that its words speak for, the best first
"""

import time
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from orrery.agents.bm25 import Postings
from orrery.database import Base, Database
from orrery.errors import ToolError
from orrery.tools.missing import NOT_REMEMBERED
from orrery.tools.registry import Tool, tool_from_function

RECALLED = 3  # notes that `recall` returns


class Note(Base):
    """One thing to remember; `made` in seconds since 1970 (UTC)."""

    __tablename__ = "agent_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[float] = mapped_column(default=time.time)
    text: Mapped[str] = mapped_column(unique=True)


class Memory:
    """The notes of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, text: str) -> None:
        """Keep a note; one that is there already is not kept twice."""
        with self.database.session() as session:
            if session.scalar(select(Note).where(Note.text == text)) is None:
                session.add(Note(text=text))

    def find(self, query: str, count: int = RECALLED) -> list[str]:
        """The notes that the words of a query speak for, best first (BM25)."""
        with self.database.session() as session:
            notes: Sequence[str] = session.scalars(select(Note.text).order_by(Note.id)).all()
        postings = Postings()
        for note in notes:
            postings.add(note)
        return [notes[number] for number, _ in postings.rank(query, count)]

    def tools(self) -> list[Tool]:
        """`remember` and `recall`."""
        return [tool_from_function(self.remember), tool_from_function(self.recall)]

    def remember(self, text: str) -> str:
        """Keep something for later, also for other conversations.

        Args:
            text: one fact in a whole sentence, for example "Ada's birthday is the 10th of December."
        """
        if not text.strip():
            raise ToolError("there is nothing to remember: text is empty")
        self.add(text.strip())
        return "remembered"

    def recall(self, query: str) -> str:
        """Find what was remembered, in this conversation or an earlier one.

        Args:
            query: words that stand in it, for example "Ada birthday"
        """
        return "\n".join(self.find(query)) or NOT_REMEMBERED
