"""Ratings from votes: against closed forms, a likelihood maximised by other means, and strengths that are known."""

import math
import random

import numpy as np
import pytest
import torch

from orrery.evals.ratings import K, Vote, bradley_terry, elo, standings


def votes_between(strengths: dict[str, float], count: int, seed: int) -> list[Vote]:
    """Votes as the model has them; one in ten is a tie."""
    rng, names = random.Random(seed), list(strengths)
    votes = []
    for _ in range(count):
        left, right = rng.sample(names, 2)
        chance = 1 / (1 + 10 ** ((strengths[right] - strengths[left]) / 400))
        votes.append(Vote(left, right, 0.5 if rng.random() < 0.1 else float(rng.random() < chance)))
    return votes


STRENGTHS = {"base": 800.0, "sft": 1000.0, "dpo": 1050.0, "grpo": 1150.0}


def test_two_names_have_the_log_odds_of_their_wins() -> None:
    votes = [Vote("a", "b", 1.0)] * 6 + [Vote("b", "a", 1.0)] * 3 + [Vote("a", "b", 0.5)] * 2
    ratings = bradley_terry(votes, prior=0)
    assert ratings["a"] - ratings["b"] == pytest.approx(400 * math.log10(7 / 4), abs=1e-6)
    assert ratings["a"] + ratings["b"] == pytest.approx(2000)


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_the_ratings_are_those_at_which_the_likelihood_is_highest(prior: float) -> None:
    votes = votes_between(STRENGTHS, 120, seed=1)
    names = list(STRENGTHS)
    logits = torch.zeros(len(names), dtype=torch.float64, requires_grad=True)
    left, right = (torch.tensor([names.index(getattr(vote, side)) for vote in votes]) for side in ("left", "right"))
    scores = torch.tensor([vote.score for vote in votes], dtype=torch.float64)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        found = torch.nn.functional.binary_cross_entropy_with_logits(
            logits[left] - logits[right], scores, reduction="sum"
        )
        half = torch.full_like(logits, 0.5)
        found = found + prior * torch.nn.functional.binary_cross_entropy_with_logits(logits, half, reduction="sum")
        found.backward()
        return found

    optimizer.step(loss)
    best = logits.detach() - (0 if prior else logits.detach().mean())
    wanted = 1000 + 400 * best.numpy() / math.log(10)
    ratings = bradley_terry(votes, prior)
    np.testing.assert_allclose([ratings[name] for name in names], wanted, atol=1e-3)


def test_the_order_of_the_votes_changes_elo_and_not_bradley_terry() -> None:
    votes = votes_between(STRENGTHS, 60, seed=2)
    turned = votes[::-1]
    assert bradley_terry(turned) == pytest.approx(bradley_terry(votes))
    assert elo(turned) != pytest.approx(elo(votes))


def test_elo_moves_points_from_loser_to_winner_by_the_surprise() -> None:
    first = elo([Vote("a", "b", 1.0)])
    assert first == {"a": 1000 + K / 2, "b": 1000 - K / 2}
    expected = 1 / (1 + 10 ** (-K / 400))
    assert elo([Vote("a", "b", 1.0)] * 2)["a"] == pytest.approx(first["a"] + K * (1 - expected))
    assert sum(elo(votes_between(STRENGTHS, 50, seed=3)).values()) == pytest.approx(4000)


def test_many_votes_find_the_strengths_that_made_them() -> None:
    ratings = bradley_terry(votes_between(STRENGTHS, 4000, seed=4))
    assert sorted(ratings, key=lambda name: ratings[name]) == list(STRENGTHS)
    # Ties are drawn whatever the strengths, so the gaps come out a little smaller than they are.
    assert all(abs(ratings[name] - strength) < 40 for name, strength in STRENGTHS.items())


def test_who_has_won_everything_is_still_somewhere() -> None:
    ratings = bradley_terry([Vote("a", "b", 1.0)] * 5)
    assert 1000 < ratings["a"] < 2000 and ratings["a"] + ratings["b"] == pytest.approx(2000)


def test_intervals_hold_the_rating_and_shrink_as_votes_come() -> None:
    few, many = (standings(votes_between(STRENGTHS, count, seed=5)) for count in (40, 1000))
    for table in (few, many):
        assert all(one.low <= one.rating <= one.high for one in table)
        assert [one.rating for one in table] == sorted((one.rating for one in table), reverse=True)
    widths = [{one.name: one.high - one.low for one in table} for table in (few, many)]
    assert all(widths[1][name] < widths[0][name] / 2 for name in STRENGTHS)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    truth = {"a": 900.0, "b": 1100.0}
    held = 0
    for seed in range(40):
        rng = random.Random(seed)
        chance = 1 / (1 + 10 ** (-200 / 400))
        votes = [Vote("b", "a", float(rng.random() < chance)) for _ in range(100)]
        table = {one.name: one for one in standings(votes)}
        held += table["b"].low <= truth["b"] <= table["b"].high
    assert 33 <= held <= 40


def test_the_table_counts_votes_and_shares() -> None:
    table = {one.name: one for one in standings([Vote("a", "b", 1.0), Vote("b", "a", 0.5), Vote("a", "c", 0.0)])}
    assert (table["a"].votes, table["b"].votes, table["c"].votes) == (3, 2, 1)
    assert (table["a"].score, table["b"].score, table["c"].score) == (0.5, 0.25, 1.0)
    assert standings([]) == []
