"""From votes between two to a rating for each: Elo and Bradley–Terry, with intervals.

    votes = [Vote("sft", "base", 1.0), Vote("grpo", "sft", 0.5)]
    elo(votes)                                # {"sft": 1007.…, …}: goes by the order of the votes
    bradley_terry(votes)                      # {"sft": …}: the likeliest strengths, whatever the order
    for one in standings(votes): print(one.name, one.rating, one.low, one.high, one.votes)

Both scales are Elo's: 400 points are odds of ten to one, and 1000 is the middle. Bradley–Terry says that a beats b with
probability s_a / (s_a + s_b) (Biometrika 39, 1952); the strengths s that make the votes likeliest are found by Newton's
method on their logarithms, in which the likelihood has one peak. A tie counts as half a win for each.
Intervals are the 2.5th and 97.5th percentile over votes drawn again with replacement (the bootstrap).

    R resamples   V votes   N names
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIDDLE, SCALE = 1000.0, 400.0
K = 16.0  # points that a vote moves at most; half of it where both were held to be equal
RESAMPLES = 500
TOLERANCE, LONGEST, ROUNDS = 1e-9, 2.0, 100  # of Newton's steps, in the logarithm of a strength

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Vote:
    """One comparison; `score` is that of the left one: 1 won, 0 lost, 0.5 a tie."""

    left: str
    right: str
    score: float


@dataclass(frozen=True)
class Standing:
    """One line of the table. `rating` is Bradley–Terry's, with its interval; `elo` has its own.

    `votes`: comparisons that it was in; `score`: the share of them that it won, ties being half.
    """

    name: str
    rating: float
    low: float
    high: float
    elo: float
    elo_low: float
    elo_high: float
    votes: int
    score: float


def elo(votes: Sequence[Vote]) -> dict[str, float]:
    """Ratings after each vote in turn has moved both sides by K times the surprise: the loser pays the winner.

    >>> elo([Vote("a", "b", 1.0)])
    {'a': 1008.0, 'b': 992.0}
    """
    names, games = _games(votes)
    return dict(zip(names, _elo(games, len(names), np.arange(len(votes))[None])[0].tolist(), strict=True))


def bradley_terry(votes: Sequence[Vote], prior: float = 1.0) -> dict[str, float]:
    """The likeliest ratings.

    `prior`: how many ties against an opponent of 1000 points each is given beforehand. It keeps those that have won, or
    lost, everything from being infinitely far off, and those that were never compared on one scale. With 0, for votes
    that leave none such, the likelihood is the votes' alone, and the mean of the ratings is 1000.
    """
    names, games = _games(votes)
    return dict(zip(names, _strengths(games, len(names), np.arange(len(votes))[None], prior)[0].tolist(), strict=True))


def standings(votes: Sequence[Vote], seed: int = 0) -> list[Standing]:
    """The table, the highest rating first; the same votes give the same intervals."""
    if not votes:
        return []
    names, games = _games(votes)
    count = len(names)
    drawn = np.random.default_rng(seed).integers(len(votes), size=(RESAMPLES, len(votes)))  # R V
    ratings, orders = bradley_terry(votes), elo(votes)
    low, high = np.percentile(_strengths(games, count, drawn, 1.0), [2.5, 97.5], axis=0)  # each N
    elo_low, elo_high = np.percentile(_elo(games, count, drawn), [2.5, 97.5], axis=0)
    played, won = np.zeros(count), np.zeros(count)
    for side, scores in ((0, games[:, 2]), (1, 1 - games[:, 2])):
        np.add.at(played, games[:, side].astype(int), 1)
        np.add.at(won, games[:, side].astype(int), scores)
    table = [
        Standing(
            name, ratings[name], float(low[i]), float(high[i]), orders[name], float(elo_low[i]), float(elo_high[i]),
            int(played[i]), float(won[i] / played[i]),
        )
        for i, name in enumerate(names)
    ]  # fmt: skip
    return sorted(table, key=lambda one: -one.rating)


def _games(votes: Sequence[Vote]) -> tuple[list[str], Numbers]:
    """The names, sorted, and the votes as numbers: left, right, score [V 3]."""
    names = sorted({name for vote in votes for name in (vote.left, vote.right)})
    place = {name: i for i, name in enumerate(names)}
    rows = [(place[vote.left], place[vote.right], vote.score) for vote in votes]
    return names, np.array(rows, dtype=np.float64).reshape(-1, 3)


def _elo(games: Numbers, count: int, drawn: NDArray[np.intp]) -> Numbers:
    """Elo ratings for each order of votes drawn [R V] -> [R N]; one vote of all the orders at a time."""
    ratings = np.full((len(drawn), count), MIDDLE)
    rows = np.arange(len(drawn))
    for chosen in drawn.T:  # R
        left, right, score = games[chosen, 0].astype(int), games[chosen, 1].astype(int), games[chosen, 2]
        expected = 1 / (1 + 10 ** ((ratings[rows, right] - ratings[rows, left]) / SCALE))
        ratings[rows, left] += K * (score - expected)
        ratings[rows, right] -= K * (score - expected)
    return ratings


def _strengths(games: Numbers, count: int, drawn: NDArray[np.intp], prior: float) -> Numbers:
    """Bradley–Terry ratings for each set of votes drawn [R V] -> [R N]."""
    rows = len(drawn)
    left, right, score = games[drawn, 0].astype(int), games[drawn, 1].astype(int), games[drawn, 2]  # R V each
    row = np.arange(rows)[:, None]
    met_once = np.bincount(((row * count + left) * count + right).ravel(), minlength=rows * count**2)
    pairs = met_once.reshape(rows, count, count).astype(np.float64)
    pairs += pairs.transpose(0, 2, 1)  # R N N: how often two have met, on either side
    wins = np.bincount((row * count + left).ravel(), score.ravel(), rows * count)
    wins += np.bincount((row * count + right).ravel(), 1 - score.ravel(), rows * count)
    wins = wins.reshape(rows, count)
    logits = np.zeros((rows, count))  # the logarithms of the strengths
    level = np.zeros((count, count)) if prior else np.full((count, count), 1 / count)  # else nothing says how high
    for _ in range(ROUNDS):
        chances = 1 / (1 + np.exp(logits[:, None, :] - logits[:, :, None]))  # R N N: that the first beats the second
        alone = 1 / (1 + np.exp(-logits))
        slope = wins - (pairs * chances).sum(-1) + prior * (0.5 - alone)
        weights = pairs * chances * (1 - chances)
        bend = level - weights
        bend[:, range(count), range(count)] += weights.sum(-1) + prior * alone * (1 - alone)
        step = np.linalg.solve(bend, slope[..., None])[..., 0].clip(-LONGEST, LONGEST)
        logits += step
        if np.abs(step).max() < TOLERANCE:
            break
    return MIDDLE + SCALE / math.log(10) * logits
