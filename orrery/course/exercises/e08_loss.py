"""From scores to the loss: the mean surprise, without overflow."""

import math
import random
from types import ModuleType

from orrery.scratch.autograd import Value
from orrery.scratch.microgpt import softmax

TITLE = "The mean surprise"
TASK = """For each place of a text a model gives a score to every token; `targets` says which token came. Write
`mean_surprise`: the mean over all places of −ln p, where p is what softmax makes of the score of the token that came.
The check compares with microGPT's softmax, asks that knowing nothing costs ln V, and then gives scores in the
thousands: take the largest off first, and work with ln p and not with p, or e to a score overflows or becomes 0."""
STARTER = '''
import math


def mean_surprise(scores: list[list[float]], targets: list[int]) -> float:
    """The mean of -ln p over all places, in nats.

    scores   for each place a score for every token
    targets  for each place the number of the token that came
    """
    raise NotImplementedError
'''
SOLUTION = '''
import math


def mean_surprise(scores: list[list[float]], targets: list[int]) -> float:
    """The mean of -ln p over all places, in nats."""
    surprises = []
    for row, target in zip(scores, targets, strict=True):
        largest = max(row)
        total = sum(math.exp(score - largest) for score in row)
        surprises.append(math.log(total) + largest - row[target])
    return sum(surprises) / len(surprises)
'''


def check(answer: ModuleType) -> None:
    """Equal scores, random ones, and ones at which naive code fails."""
    nothing = answer.mean_surprise([[0.5] * 27] * 3, [0, 13, 26])
    assert isinstance(nothing, int | float), "mean_surprise should give a number"
    assert abs(nothing - math.log(27)) < 1e-5, f"27 equal scores should cost ln 27 = 3.296 nats; you gave {nothing}"
    rng = random.Random(3)
    scores = [[rng.gauss(0, 3) for _ in range(10)] for _ in range(7)]
    targets = [rng.randrange(10) for _ in range(7)]
    chances = [
        softmax([Value(score) for score in row])[target].data for row, target in zip(scores, targets, strict=True)
    ]
    right, found = -sum(map(math.log, chances)) / 7, answer.mean_surprise(scores, targets)
    assert abs(found - right) < 1e-5, (
        f"seven places of ten tokens should cost {right:.6f} nats on average; you gave {found}"
    )
    try:
        large = answer.mean_surprise([[2000.0, 0.0], [0.0, 2000.0]], [0, 0])
    except (OverflowError, ValueError) as error:
        raise AssertionError(f"with scores in the thousands: {error}. Take the largest off first") from error
    assert abs(large - 1000) < 1e-6, (
        f"scores of 2000 and 0, once right and once wrong, cost 1000 on average, not {large}"
    )
