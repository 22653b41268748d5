"""Random choices that add up what they cost: the source of every document's floor.

Whoever knows the world and the generator's code, and can undo each choice from the text, still has to be told
the outcome of each choice. That takes ``Choice.bits`` bits on average, so no model can predict the text with
fewer, on average. Where two derivations give the same text, or a list that is picked from holds an item twice,
the sum is an upper bound of the text's entropy.

>>> choice = Choice(7)
>>> coin = choice.pick(["heads", "tails"])
>>> die = choice.integer(1, 8)
>>> choice.bits
4.0
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from math import log2
from typing import TypeVar

T = TypeVar("T")

_LOG2 = [0.0] + [log2(n) for n in range(1, 4097)]  # pick() is the hot path of the generator


class Choice:
    """A seeded stream of random choices; ``bits`` is the sum of their code lengths so far.

    Each method adds -log2 of the probability of its outcome. The same seed and the same calls give the same
    outcomes on every machine.
    """

    __slots__ = ("bits", "_random")

    def __init__(self, seed: int) -> None:
        self.bits = 0.0
        self._random = random.Random(seed).random

    def pick(self, items: Sequence[T]) -> T:
        """One item, all equally likely: log2(n) bits. Raises IndexError when there is none."""
        n = len(items)
        self.bits += _LOG2[n] if n < 4097 else log2(n)
        return items[int(self._random() * n)]

    def weighted(self, items: Sequence[T], cumulative: Sequence[float]) -> T:
        """One item with probability proportional to its weight: -log2 p bits.

        ``cumulative`` holds the running sums of the weights, which are positive: weights 2, 1, 1 are [2, 3, 4].
        """
        total = cumulative[-1]
        index = bisect_right(cumulative, self._random() * total, 0, len(cumulative) - 1)
        weight = cumulative[index] - cumulative[index - 1] if index else cumulative[0]
        self.bits -= log2(weight / total)
        return items[index]

    def integer(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included, all equally likely: log2(high - low + 1) bits."""
        n = high - low + 1
        self.bits += log2(n)
        return low + int(self._random() * n)

    def chance(self, p: float) -> bool:
        """True with probability ``p``: -log2 p bits when true, -log2(1 - p) when false."""
        hit = self._random() < p
        self.bits -= log2(p if hit else 1.0 - p)
        return hit

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        """``k`` items at different places, in random order: log2(n! / (n - k)!) bits.

        Raises:
            ValueError: ``k`` is negative or more than there are items.
        """
        if not 0 <= k <= len(items):
            raise ValueError(f"cannot take {k} of {len(items)} items")
        left = list(items)
        n = len(left)
        for i in range(k):  # Fisher-Yates, stopped after k steps
            self.bits += _LOG2[n - i] if n - i < 4097 else log2(n - i)
            j = i + int(self._random() * (n - i))
            left[i], left[j] = left[j], left[i]
        return left[:k]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All items in random order: log2(n!) bits."""
        return self.sample(items, len(items))
