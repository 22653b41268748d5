"""The arena: two models answer the same prompt, a person who does not know which is which says what is better.

    battle = add_battle(database, prompt, left=("runs/a/sft", "Hello."), right=("runs/a/grpo", "Hi!"), seed=0)
    cast_vote(database, battle.id, "left")                    # or "right", "tie", "bad": both are
    for one in standings(votes_in(database)): ...             # the table, the best model first

Votes are turned into ratings by ratings.py: Elo goes by their order, Bradley–Terry does not. A pair of bad answers
counts as a tie, as in the Chatbot Arena (arXiv 2403.04132).
"""

import time
from collections.abc import Sequence
from typing import Literal, get_args

from sqlalchemy import JSON, select
from sqlalchemy.orm import Mapped, mapped_column

from orrery.database import Base, Database
from orrery.errors import ConfigError
from orrery.evals.ratings import Vote
from orrery.tokenizers.messages import Message

Choice = Literal["left", "right", "tie", "bad"]
SCORES: dict[str, float] = {"left": 1.0, "right": 0.0, "tie": 0.5, "bad": 0.5}  # of the model on the left


class Battle(Base):
    """Two answers to one prompt.

    Attributes:
        made: seconds since 1970 (UTC).
        prompt: the conversation that both answered.
        left, right: the folders of the models, as they were shown; the sides are drawn.
        left_answer, right_answer: what they said.
        seed: with which both were sampled.
        vote: what the person chose ("left", "right", "tie", "bad"); none until then.
    """

    __tablename__ = "arena_battles"
    id: Mapped[int] = mapped_column(primary_key=True)
    made: Mapped[float] = mapped_column(default=time.time)
    prompt: Mapped[list[Message]] = mapped_column(JSON)
    left: Mapped[str]
    right: Mapped[str]
    left_answer: Mapped[list[Message]] = mapped_column(JSON)
    right_answer: Mapped[list[Message]] = mapped_column(JSON)
    seed: Mapped[int]
    vote: Mapped[str | None]


def add_battle(
    database: Database,
    prompt: Sequence[Message],
    *,
    left: tuple[str, Sequence[Message]],
    right: tuple[str, Sequence[Message]],
    seed: int,
) -> Battle:
    """Save two answers, each with the folder of its model, on which nobody has voted yet."""
    battle = Battle(
        prompt=list(prompt), left=left[0], right=right[0], left_answer=list(left[1]), right_answer=list(right[1]),
        seed=seed,
    )  # fmt: skip
    with database.session() as session:
        session.add(battle)
    return battle


def cast_vote(database: Database, number: int, choice: str) -> Battle:
    """Vote on a battle, once: whoever knows the names cannot vote any more.

    Raises ConfigError for a battle that is not there or has its vote, and for a choice that is none.
    """
    if choice not in get_args(Choice):
        raise ConfigError(f"a vote is {', '.join(get_args(Choice))}, not {choice!r}")
    with database.session() as session:
        battle = session.get(Battle, number)
        if battle is None:
            raise ConfigError(f"there is no battle {number}: ask both models anew")
        if battle.vote is not None:
            raise ConfigError(f"battle {number} has its vote already, {battle.vote!r}: ask both models anew")
        battle.vote = choice
    return battle


def votes_in(database: Database) -> list[Vote]:
    """All votes, in the order of their battles."""
    with database.session() as session:
        battles = session.scalars(select(Battle).where(Battle.vote.is_not(None)).order_by(Battle.id)).all()
    return [Vote(battle.left, battle.right, SCORES[str(battle.vote)]) for battle in battles]
