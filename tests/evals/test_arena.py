"""Battles in the database: a vote is cast once, and only what was voted on counts."""

from pathlib import Path

import pytest

from orrery.database import open_database
from orrery.errors import ConfigError
from orrery.evals.arena import add_battle, cast_vote, votes_in
from orrery.evals.ratings import Vote

PROMPT = [{"role": "user", "content": "Hi"}]


def says(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def test_votes_are_kept_in_order_and_battles_without_one_do_not_count(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        for choice in ("left", None, "right", "tie", "bad"):
            battle = add_battle(database, PROMPT, left=("a", says("Hello.")), right=("b", says("What?")), seed=0)
            if choice:
                cast_vote(database, battle.id, choice)
        assert votes_in(database) == [Vote("a", "b", score) for score in (1.0, 0.0, 0.5, 0.5)]


def test_a_battle_has_one_vote(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        battle = add_battle(database, PROMPT, left=("a", says("Hello.")), right=("b", says("What?")), seed=0)
        with pytest.raises(ConfigError, match="a vote is left, right, tie, bad"):
            cast_vote(database, battle.id, "both")
        assert cast_vote(database, battle.id, "left").right_answer == says("What?")
        with pytest.raises(ConfigError, match="has its vote already"):
            cast_vote(database, battle.id, "right")
        with pytest.raises(ConfigError, match="no battle 99"):
            cast_vote(database, 99, "left")
        assert len(votes_in(database)) == 1
