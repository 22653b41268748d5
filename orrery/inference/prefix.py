"""Which rows of the cache hold the beginning of a prompt, so that it need not be computed again.

A system message, the examples before a question, the turns so far of a conversation, the prompt of a group of answers:
one row has computed it, others copy its keys and values. Rows that have ended stay in the cache until their slot
is wanted, so a conversation's next turn finds the last one.
"""

from collections.abc import Sequence

SHARED = 8  # tokens: a shorter beginning is computed as quickly as it is found and copied


class Slots:
    """What each slot of the cache holds: tokens from the first on, of rows that write or have ended.

    `held[slot]` are these tokens; `since[slot]` orders slots by when their row left.
    """

    def __init__(self, count: int) -> None:
        self.held: list[list[int]] = [[] for _ in range(count)]
        self.free: set[int] = set(range(count))
        self.left, self.time = [0] * count, 0

    def take(self, prompt: Sequence[int]) -> int:
        """A free slot for a prompt: one that it goes on from, else the one that was left first.

        What is shared with a slot that holds something else besides is copied, so that the rest is not lost.
        """

        def worth(slot: int) -> tuple[int, int, int]:
            shared = common(self.held[slot], prompt)
            return shared if shared == len(self.held[slot]) else 0, -self.left[slot], -slot

        slot = max(self.free, key=worth)
        self.free.remove(slot)
        return slot

    def leave(self, slot: int) -> None:
        """The slot's row has ended; what it holds can be shared until the slot is taken."""
        self.time += 1
        self.left[slot] = self.time
        self.free.add(slot)

    def source(self, prompt: Sequence[int], own: int) -> tuple[int, int]:
        """The slot that holds most of a prompt, and how many tokens; its own where that is as good."""
        lengths = {slot: common(held, prompt) for slot, held in enumerate(self.held)}
        best = max(lengths, key=lambda slot: (lengths[slot], slot == own))
        return best, lengths[best]


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens two sequences have in common at their beginning; 0 where these are fewer than SHARED.

    >>> common([*range(10), 5], [*range(10), 6]), common([1, 2, 3], [1, 2, 4])
    (10, 0)
    """
    if a[:SHARED] != b[:SHARED] or len(a) < SHARED:
        return 0
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:
        return shorter
    return next(i for i in range(shorter) if a[i] != b[i])
