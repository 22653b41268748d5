"""Rankings that people make, in the database: `orrery rank` adds them, reward models and DPO learn from them."""

import time

from sqlalchemy import JSON, select
from sqlalchemy.orm import Mapped, mapped_column

from orrery.database import Base, Database
from orrery.stages.preferences import Ranking, ranking_from
from orrery.tokenizers.messages import Message


class PersonsRanking(Base):
    """One ranking.

    Attributes:
        made: seconds since 1970 (UTC).
        completions: the best one first.
        model: the folder of the model that wrote them.
        source: with what it was made, such as "orrery rank".
    """

    __tablename__ = "rankings"
    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[float] = mapped_column(default=time.time)
    prompt: Mapped[list[Message]] = mapped_column(JSON)
    completions: Mapped[list[list[Message]]] = mapped_column(JSON)
    model: Mapped[str]
    source: Mapped[str]


def add_ranking(database: Database, ranking: Ranking, *, model: str, source: str) -> None:
    """Save a ranking.

    Raises:
        DataError: as `ranking_from`; nothing is saved then.
        RunError: the database cannot be used.
    """
    checked = ranking_from({"prompt": ranking.prompt, "ranking": ranking.completions}, "the ranking")
    row = PersonsRanking(
        prompt=list(checked.prompt), completions=list(map(list, checked.completions)), model=model, source=source
    )
    with database.session() as session:
        session.add(row)


def rankings_of_people(database: Database) -> list[Ranking]:
    """All rankings, in the order in which they were made.

    Raises:
        DataError: as `ranking_from`, of a row that something else has written; the message names it.
        RunError: the database cannot be used.
    """
    with database.session() as session:
        rows = session.scalars(select(PersonsRanking).order_by(PersonsRanking.id)).all()
    return [
        ranking_from({"prompt": row.prompt, "ranking": row.completions}, f"ranking {row.id} in the database")
        for row in rows
    ]
