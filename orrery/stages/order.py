"""What is trained on, and in which order: each epoch a new random permutation, a pure function of seed and counter."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch

from orrery.errors import DataError

T = TypeVar("T")


def hold_out(items: Sequence[T], most: int) -> tuple[Sequence[T], Sequence[T]]:
    """(what is kept for evaluation: the first ``most`` items, at most a fifth of them; the others)."""
    size = min(most, len(items) // 5)
    return items[:size], items[size:]


class RandomOrder:
    """Indices below ``count``, without end."""

    def __init__(self, count: int, seed: int) -> None:
        if not count:
            raise DataError("there is nothing to train on")
        self.count, self.seed, self.given = count, seed, 0
        self._epoch, self._permutation = -1, torch.empty(0)

    def next(self, number: int) -> list[int]:
        """The next ``number`` indices."""
        indices = []
        for position in range(self.given, self.given + number):
            epoch, place = divmod(position, self.count)
            if epoch != self._epoch:
                generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
                self._epoch, self._permutation = epoch, torch.randperm(self.count, generator=generator)
            indices.append(int(self._permutation[place]))
        self.given += number
        return indices

    def state_dict(self) -> dict[str, int]:
        """How many were given."""
        return {"given": self.given}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from there."""
        self.given = state["given"]
