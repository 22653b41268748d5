"""A conversation with an agent that goes on: what stands in its context, and what had to leave it.

    context  │ recalled turns │ latest turns ………………………… │ question │ room for steps and answer │
                    ▲                  │
                    │   by BM25        ▼ the oldest, when the budget is used up
    store    every turn of every conversation, in the database

The context window is the working memory, the database the disk. A turn (a question and its final answer) that no longer
fits is not lost: whenever a later question shares words with it, it is put before the model again. So are turns of
earlier conversations, in other runs of the program.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Mapped, mapped_column

from orrery.agents.bm25 import Postings, telling
from orrery.database import Base, Database
from orrery.tokenizers.chat import Message

RECALLED = 2  # turns that are put before the model again
HEADER = "From earlier conversations:"


class Turn(Base):
    """A question and its final answer; `made` in seconds since 1970 (UTC)."""

    __tablename__ = "agent_turns"
    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[float] = mapped_column(default=time.time)
    question: Mapped[str]
    answer: Mapped[str]


@dataclass(frozen=True)
class Prepared:
    """What a model is given before the question; how many tokens that is with it; what was moved and recalled."""

    messages: list[Message]
    tokens: int
    moved: int
    recalled: int


class Conversation:
    """The turns that are in the context, and the store behind them.

    Args:
        budget: tokens that may be used before the model begins to write.
        count: how many tokens a list of messages has.
    """

    def __init__(self, database: Database, budget: int, count: Callable[[Sequence[Message]], int]) -> None:
        self.database, self.budget, self.count = database, budget, count
        self.latest: list[int] = []  # the numbers of the turns in the context
        self.turns: list[Message] = []  # these turns, two messages each

    def prepare(self, question: str) -> Prepared:
        """Make room for a question, and recall what it may be about.

        The oldest turns leave the context until it fits; recalled ones only enter where there is room for them.
        """
        asked: Message = {"role": "user", "content": question}
        moved = 0
        while self.turns and self.count([*self.turns, asked]) > self.budget:
            self.turns, self.latest = self.turns[2:], self.latest[1:]
            moved += 1
        before: list[Message] = []
        recalled = self.recall(question)
        while recalled:
            before = [{"role": "system", "content": "\n".join([HEADER, *recalled])}]
            if self.count([*before, *self.turns, asked]) <= self.budget:
                break
            before, recalled = [], recalled[:-1]
        messages = [*before, *self.turns]
        return Prepared(messages, self.count([*messages, asked]), moved, len(recalled))

    def recall(self, question: str) -> list[str]:
        """Turns outside the context that share words with a question, best first."""
        with self.database.session() as session:
            rows = session.scalars(select(Turn).where(Turn.id.not_in(self.latest)).order_by(Turn.id)).all()
        postings = Postings()
        for row in rows:
            postings.add(f"{row.question} {row.answer}")
        found = [rows[number] for number, _ in postings.rank(" ".join(telling(question)), RECALLED)]
        return [f"User: {row.question}\nAssistant: {row.answer}" for row in found]

    def add(self, question: str, answer: str) -> None:
        """Keep a turn, in the context and in the store."""
        row = Turn(question=question, answer=answer)
        with self.database.session() as session:
            session.add(row)
            session.flush()
            self.latest.append(row.id)
        self.turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

    def forget(self) -> int:
        """Empty the context and the store -> how many turns there were."""
        self.latest, self.turns = [], []
        with self.database.session() as session:
            return len(session.execute(delete(Turn).returning(Turn.id)).all())


def meter(used: int, budget: int, width: int = 20) -> str:
    """How full the context is.

    >>> meter(96, 128, 8)
    '██████░░ 96 of 128 tokens'
    """
    full = min(width, round(width * used / budget))
    return f"{'█' * full}{'░' * (width - full)} {used:,} of {budget:,} tokens"
