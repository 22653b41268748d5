"""Rankings that people make, in `orrery rank` or the studio: kept in the database, learnt by reward models and DPO."""

import json
import time
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import JSON, select
from sqlalchemy.orm import Mapped, mapped_column

from orrery.database import Base, Database
from orrery.errors import DataError
from orrery.inference.chat_views import shown
from orrery.stages.conversations import Conversation
from orrery.stages.preferences import Ranking, ranking_from, to_rows
from orrery.tokenizers.bpe import BPE
from orrery.tokenizers.messages import Message, validate_messages


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


def comparable(
    prompt: Conversation, replies: Sequence[list[Message]], tokenizer: BPE, context: int
) -> list[list[Message]]:
    """The replies that look different, say something, and can be trained on."""
    found: dict[str, list[Message]] = {}
    for reply in replies:
        try:
            validate_messages([*prompt, *reply], "")  # refuses the answer to a malformed call of a tool
            to_rows([Ranking(prompt, [reply])], tokenizer, context)  # and this what is a token too long
        except DataError:
            continue
        if text := shown(reply).strip():
            found.setdefault(text, reply)
    return list(found.values())


def least_ranked(prompts: Sequence[Conversation], rankings: Sequence[Ranking]) -> list[Conversation]:
    """The prompts in the order in which they are to be ranked: those that were ranked least come first."""
    ranked = Counter(_key(ranking.prompt) for ranking in rankings)
    return sorted(prompts, key=lambda prompt: ranked[_key(prompt)])


def _key(prompt: Conversation) -> str:
    return json.dumps(list(prompt), sort_keys=True)
